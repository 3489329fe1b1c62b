#!/usr/bin/env python3
"""ONNX models, questions and ONNX Runtime's own answers: tests/data/onnx (NAME.onnx and NAME.json each).

    python3 -m venv venv && venv/bin/pip install -r scripts/requirements-golden-onnx.txt
    venv/bin/python scripts/make_golden_onnx.py             makes models and answers anew (seeded)
    python3 scripts/make_golden_onnx.py --answers FOLDER    only asks: writes NAME.json into FOLDER, with this machine's
                                                            answers to the models and questions that are there; needs
                                                            onnxruntime and numpy only

NAME.json: {"model": file, "inputs"|"outputs": {tensor: {"datatype", "shape", "data"}}}; floats as the shortest decimal of
their float64, missing values null. A list of dictionaries (ZipMap) is written as the columns of its labels.
"""
import json
import pathlib
import sys

import numpy as np
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests/data/onnx"
OIP = {"float32": "FP32", "float64": "FP64", "float16": "FP16", "int64": "INT64", "int32": "INT32", "bool": "BOOL",
       "uint8": "UINT8", "object": "BYTES"}
NUMPY = {oip: name for name, oip in OIP.items()}


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def to_json(array):
    array = np.asarray(array)
    if array.dtype.kind in "US":
        array = array.astype(object)
    flat = array.reshape(-1)
    if array.dtype.kind == "f":
        data = [None if np.isnan(v) else float(v) for v in flat]
    else:
        data = [v if isinstance(v, str) else v.item() for v in flat]
    return {"datatype": OIP[array.dtype.name], "shape": list(array.shape), "data": data}


def from_json(tensor):
    kind = NUMPY[tensor["datatype"]]
    data = [np.nan if v is None else v for v in tensor["data"]] if kind.startswith("float") else tensor["data"]
    return np.array(data, dtype=kind).reshape(tensor["shape"])


def as_columns(value):
    if not isinstance(value, list):
        return value
    labels = sorted(value[0])  # ZipMap's maps are ordered by label, as a classifier's classes are
    return np.array([[row[label] for label in labels] for row in value], dtype=np.float32)


def answer(path, inputs):
    model = session(path)
    names = [output.name for output in model.get_outputs()]
    return {name: to_json(as_columns(value)) for name, value in zip(names, model.run(names, inputs))}


def write(folder, path, inputs):
    document = {"model": path.name, "inputs": {name: to_json(value) for name, value in inputs.items()},
                "outputs": answer(path, inputs)}
    (folder / (path.stem + ".json")).write_text(json.dumps(document, separators=(",", ":")) + "\n")


def pipeline_with_strings(rng):
    import pandas
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    def rows(count):
        return pandas.DataFrame({"age": rng.normal(40, 12, count).astype(np.float32),
                                 "visits": rng.integers(0, 20, count),
                                 "job": rng.choice(["nurse", "cook", "pilot", "größte", ""], count),
                                 "city": rng.choice(["Oslo", "Rome"], count)})
    train = rows(300)
    label = np.where(train.age + 3 * train.visits + 20 * (train.job == "cook") > 75, "gold",
                     np.where(train.visits > 8, "silver", "none"))
    model = Pipeline([("columns", ColumnTransformer([("n", StandardScaler(), ["age", "visits"]),
                                                     ("s", OneHotEncoder(handle_unknown="ignore"), ["job", "city"])])),
                      ("classifier", LogisticRegression(max_iter=500))]).fit(train, label)
    kinds = [("age", FloatTensorType([None, 1])), ("visits", Int64TensorType([None, 1])),
             ("job", StringTensorType([None, 1])), ("city", StringTensorType([None, 1]))]
    ask = rows(20)
    ask.loc[3, "job"] = "astronaut"
    inputs = {"age": ask.age.to_numpy().reshape(-1, 1), "visits": ask.visits.to_numpy().reshape(-1, 1),
              "job": ask.job.to_numpy(dtype=object).reshape(-1, 1), "city": ask.city.to_numpy(dtype=object).reshape(-1, 1)}
    return to_onnx(model, initial_types=kinds), inputs


def data(rng, classes=3, columns=6, count=400):
    x = rng.normal(size=(count, columns)).astype(np.float32)
    score = x[:, 0] * 2 + x[:, 1] * x[:, 2] - x[:, 3]
    return x, score, np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))


def scikit(model_of, target="class", double=False, rows=25, **options):
    def make(rng):
        from skl2onnx import to_onnx
        x, score, label = data(rng)
        x = x.astype(np.float64) if double else x
        if double:
            x, score, label = x[:60], score[:60], label[:60]
        model = model_of().fit(x, score if target == "score" else label)
        ask = rng.normal(size=(rows, x.shape[1])).astype(x.dtype)
        ask[0] = 0
        return to_onnx(model, x[:1], options=options.get("options")), {"X": ask}
    return make


def forest():
    from sklearn.ensemble import RandomForestClassifier
    return RandomForestClassifier(20, max_depth=6, random_state=1)


def boosted():
    from sklearn.ensemble import GradientBoostingRegressor
    return GradientBoostingRegressor(n_estimators=40, random_state=2)


def process():
    from sklearn.gaussian_process import GaussianProcessRegressor
    return GaussianProcessRegressor(alpha=0.1)


def ridge():
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    return make_pipeline(StandardScaler(), Ridge())


def perceptron():
    from sklearn.neural_network import MLPClassifier
    return MLPClassifier((16, 8), max_iter=200, random_state=3)


def machine():
    from sklearn.svm import SVC
    return SVC(random_state=4)


def clusters():
    from sklearn.cluster import KMeans
    return KMeans(4, n_init=1, random_state=5)


def from_xgboost(rng):
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    x, score, _ = data(rng)
    model = xgboost.XGBRegressor(n_estimators=30, max_depth=5, base_score=0.5, n_jobs=1).fit(x, score)
    ask = rng.normal(size=(25, x.shape[1])).astype(np.float32)
    ask[1, 2] = np.nan
    kinds = [("input", FloatTensorType([None, x.shape[1]]))]
    return onnxmltools.convert_xgboost(model, initial_types=kinds, target_opset=15), {"input": ask}


def from_lightgbm(rng):
    import lightgbm
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType
    x, _, label = data(rng)
    model = lightgbm.LGBMClassifier(n_estimators=15, num_leaves=12, n_jobs=1, verbose=-1).fit(x, label)
    kinds = [("input", FloatTensorType([None, x.shape[1]]))]
    ask = rng.normal(size=(25, x.shape[1])).astype(np.float32)
    return onnxmltools.convert_lightgbm(model, initial_types=kinds, target_opset=15, zipmap=True), {"input": ask}


def graph(nodes, inputs, outputs, constants=(), opsets=(("", 17),)):
    from onnx import helper, numpy_helper
    made = helper.make_graph(nodes, "graph", inputs, outputs,
                             [numpy_helper.from_array(value, name) for name, value in constants])
    model = helper.make_model(made, producer_name="clops-golden", ir_version=8,
                              opset_imports=[helper.make_opsetid(domain, version) for domain, version in opsets])
    return model


def two_inputs(rng):
    """As a small network exported from torch: an embedding beside numbers, batch sizes by name, two outputs."""
    from onnx import TensorProto as T, helper
    constants = [("table", rng.normal(size=(10, 4)).astype(np.float32)),
                 ("w", rng.normal(size=(7, 5)).astype(np.float32)), ("b", rng.normal(size=5).astype(np.float32)),
                 ("v", rng.normal(size=(5, 1)).astype(np.float32))]
    nodes = [helper.make_node("Gather", ["table", "item"], ["embedded"]),
             helper.make_node("Concat", ["embedded", "numbers"], ["joined"], axis=1),
             helper.make_node("Gemm", ["joined", "w", "b"], ["linear"]),
             helper.make_node("Relu", ["linear"], ["hidden"]),
             helper.make_node("MatMul", ["hidden", "v"], ["raw"]), helper.make_node("Sigmoid", ["raw"], ["score"])]
    model = graph(nodes, [helper.make_tensor_value_info("item", T.INT64, ["batch"]),
                          helper.make_tensor_value_info("numbers", T.FLOAT, ["batch", 3])],
                  [helper.make_tensor_value_info("score", T.FLOAT, ["batch", 1]),
                   helper.make_tensor_value_info("hidden", T.FLOAT, ["batch", 5])], constants)
    return model, {"item": rng.integers(0, 10, 12), "numbers": rng.normal(size=(12, 3)).astype(np.float32)}


def kinds_of_numbers(rng):
    """Half precision, small integers, booleans, a shape that is not said, three dimensions."""
    from onnx import TensorProto as T, helper
    nodes = [helper.make_node("Add", ["half", "half"], ["twice"]), helper.make_node("Not", ["flag"], ["unset"]),
             helper.make_node("Cast", ["byte"], ["wide"], to=T.INT32), helper.make_node("Abs", ["free"], ["size"]),
             helper.make_node("Transpose", ["cube"], ["turned"], perm=[0, 2, 1])]
    model = graph(nodes, [helper.make_tensor_value_info("half", T.FLOAT16, [None, 2]),
                          helper.make_tensor_value_info("flag", T.BOOL, [None]),
                          helper.make_tensor_value_info("byte", T.UINT8, [None]),
                          helper.make_tensor_value_info("free", T.DOUBLE, None),
                          helper.make_tensor_value_info("cube", T.FLOAT, [None, 2, 3])],
                  [helper.make_tensor_value_info("twice", T.FLOAT16, [None, 2]),
                   helper.make_tensor_value_info("unset", T.BOOL, [None]),
                   helper.make_tensor_value_info("wide", T.INT32, [None]),
                   helper.make_tensor_value_info("size", T.DOUBLE, None),
                   helper.make_tensor_value_info("turned", T.FLOAT, [None, 3, 2])])
    return model, {"half": rng.normal(size=(3, 2)).astype(np.float16), "flag": np.array([True, False, True]),
                   "byte": np.array([0, 7, 255], dtype=np.uint8), "free": rng.normal(size=(3, 1, 2)),
                   "cube": rng.normal(size=(3, 2, 3)).astype(np.float32)}


def words(rng):
    """Strings in and out."""
    from onnx import TensorProto as T, helper
    nodes = [helper.make_node("LabelEncoder", ["word"], ["number"], domain="ai.onnx.ml", keys_strings=["a", "ü", ""],
                              values_int64s=[1, 2, 3], default_int64=-1),
             helper.make_node("LabelEncoder", ["number"], ["name"], domain="ai.onnx.ml", keys_int64s=[1, 2],
                              values_strings=["one", "zwölf \"quoted\""], default_string="unknown word, said at length")]
    model = graph(nodes, [helper.make_tensor_value_info("word", T.STRING, [None, 1])],
                  [helper.make_tensor_value_info("number", T.INT64, [None, 1]),
                   helper.make_tensor_value_info("name", T.STRING, [None, 1])], opsets=(("", 17), ("ai.onnx.ml", 2)))
    return model, {"word": np.array([["a"], ["ü"], [""], ["no such"]], dtype=object)}


MODELS = {
    "pipeline-strings": pipeline_with_strings,
    "forest-zipmap": scikit(forest),
    "forest-tensor": scikit(forest, options={"zipmap": False}),
    "boosted-regressor": scikit(boosted, target="score"),
    "process-double": scikit(process, target="score", double=True),
    "ridge-double": scikit(ridge, target="score", double=True),
    "perceptron": scikit(perceptron),
    "support-vectors": scikit(machine, options={"zipmap": False}),
    "clusters": scikit(clusters),
    "xgboost": from_xgboost,
    "lightgbm": from_lightgbm,
    "two-inputs": two_inputs,
    "kinds-of-numbers": kinds_of_numbers,
    "words": words,
}


def main():
    if sys.argv[1:2] == ["--answers"]:
        folder = pathlib.Path(sys.argv[2])
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(FOLDER.glob("*.onnx")):
            asked = json.loads((FOLDER / (path.stem + ".json")).read_text())
            write(folder, path, {name: from_json(tensor) for name, tensor in asked["inputs"].items()})
        print(f"{len(list(folder.glob('*.json')))} models answered by ONNX Runtime {onnxruntime.__version__}")
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    for number, (name, make) in enumerate(MODELS.items()):
        model, inputs = make(np.random.default_rng(100 + number))
        path = FOLDER / (name + ".onnx")
        path.write_bytes(model.SerializeToString(deterministic=True))
        write(FOLDER, path, inputs)
        print(name, path.stat().st_size)


if __name__ == "__main__":
    main()
