"""Makes what bench/engines.sh measures: models in their frameworks' files, ONNX, compiled code, rows, expected answers.

    engines_models.py FOLDER [--quick]

Seeded, so that a second run makes the same; what is there already is kept. What a peer refuses, or does not compile in
its time, is written down beside the models (NAME.PEER.refused) and stands in the table.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

import numpy as np

# name: (framework, what it is)
MODELS = {
    "xgb-100x6": ("xgboost", "XGBoost, 100 trees of depth 6, 30 features (breast cancer)"),
    "xgb-100x6-made": ("xgboost", "XGBoost, 100 trees of depth 6, 30 features (100,000 rows made: full trees)"),
    "xgb-500x6": ("xgboost", "XGBoost, 500 trees of depth 6, 30 features (100,000 rows made)"),
    "xgb-1000x8": ("xgboost", "XGBoost, 1,000 trees of depth 8, the same rows"),
    "lgb-500x31": ("lightgbm", "LightGBM, 500 trees of 31 leaves, the same rows"),
    "lgb-300x255": ("lightgbm", "LightGBM, 300 trees of 255 leaves, the same rows"),
    "lgb-categories": ("lightgbm", "LightGBM, 300 trees of 31 leaves, 8 of 20 features are categories (4 to 200 each)"),
    "xgb-classes": ("xgboost", "XGBoost, 10 classes, 1,000 trees of depth 6, 64 features (digits)"),
}
ROWS = 100_000
COMPILE_SECONDS = int(os.environ.get("BENCH_COMPILE_SECONDS", "150"))


def say(text):
    print(text, flush=True)


def made_rows():
    from sklearn.datasets import make_classification
    x, y = make_classification(2 * ROWS, 30, n_informative=20, n_redundant=5, flip_y=.05, random_state=7)
    return x.astype(np.float32), y


def category_rows():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2 * ROWS, 20)).astype(np.float32)
    z = x[:, 8:].sum(1) * .3
    for f, size in enumerate((4, 7, 12, 25, 40, 80, 120, 200)):
        codes = np.minimum(rng.geometric(3 / size, 2 * ROWS) - 1, size - 1)
        z += rng.normal(size=size)[codes] * (1 + x[:, 8 + f] * .2)
        x[:, f] = codes
    return x, (z + rng.normal(size=2 * ROWS) > 0).astype(int)


def more_rows(x):
    """ROWS of them: the real ones first, then real ones moved by noise (5 % of each column's deviation)."""
    rng = np.random.default_rng(11)
    more = x[rng.integers(0, len(x), ROWS - len(x))]
    return np.concatenate([x, more + rng.normal(0, .05, more.shape).astype(np.float32) * x.std(0)]).astype(np.float32)


def train(folder, names):
    import lightgbm
    import xgboost
    from sklearn.datasets import load_breast_cancer, load_digits

    def xgb(name, x, y, trees, depth=6, **more):
        booster = xgboost.train(dict(tree_method="hist", seed=7, max_depth=depth, eta=.1, **more), xgboost.DMatrix(x, y), trees)
        booster.save_model(folder / f"{name}.json")
        booster.save_model(folder / f"{name}.ubj")

    def lgb(name, x, y, trees, leaves, **more):
        data = lightgbm.Dataset(x, y, categorical_feature=more.pop("categories", "auto"))
        booster = lightgbm.train(dict(seed=7, deterministic=True, force_row_wise=True, verbose=-1, learning_rate=.1,
                                      objective="binary", num_leaves=leaves, **more), data, trees)
        booster.save_model(folder / f"{name}.txt")

    def rows(name, x):
        np.ascontiguousarray(x[:ROWS], np.float32).tofile(folder / f"{name}.rows")
        (folder / f"{name}.columns").write_text(str(x.shape[1]))

    made = None
    for name in names:
        if (folder / f"{name}.columns").exists():
            continue
        start = time.time()
        if name == "xgb-100x6":
            x, y = load_breast_cancer(return_X_y=True)
            x = x.astype(np.float32)
            xgb(name, x, y, 100, objective="binary:logistic")
            rows(name, more_rows(x))
        elif name == "xgb-classes":
            x, y = load_digits(return_X_y=True)
            x = x.astype(np.float32)
            xgb(name, x, y, 100, objective="multi:softprob", num_class=10)
            rows(name, more_rows(x))
        elif name == "lgb-categories":
            x, y = category_rows()
            lgb(name, x[:ROWS], y[:ROWS], 300, 31, categories=list(range(8)))
            rows(name, x[ROWS:])
        else:
            made = made or made_rows()
            x, y = made[0][:ROWS], made[1][:ROWS]
            if name in ("xgb-100x6-made", "xgb-500x6"):
                xgb(name, x, y, 100 if "100x6" in name else 500, objective="binary:logistic")
            elif name == "xgb-1000x8":
                xgb(name, x, y, 1000, 8, objective="binary:logistic")
            elif name == "lgb-500x31":
                lgb(name, x, y, 500, 31)
            else:
                lgb(name, x, y, 300, 255)
            rows(name, made[0][ROWS:])
        say(f"trained {name} in {time.time() - start:.1f} s")


def load(folder, name):
    if MODELS[name][0] == "xgboost":
        import xgboost
        return xgboost.Booster(model_file=folder / f"{name}.json")
    import lightgbm
    return lightgbm.Booster(model_file=folder / f"{name}.txt")


def read_rows(folder, name, count=ROWS):
    columns = int((folder / f"{name}.columns").read_text())
    return np.fromfile(folder / f"{name}.rows", np.float32, count * columns).reshape(-1, columns)


def expect(folder, name):
    """The framework's own answers to 1,000 rows, and the nodes that its rows visit on the way."""
    if (folder / f"{name}.about").exists():
        return
    booster, rows = load(folder, name), read_rows(folder, name, 1000)
    if MODELS[name][0] == "xgboost":
        answers = booster.inplace_predict(rows)
        import xgboost
        leaves = booster.predict(xgboost.DMatrix(rows), pred_leaf=True)
        trees = json.loads((folder / f"{name}.json").read_text())["learner"]["gradient_booster"]["model"]["trees"]
        nodes = sum(len(tree["left_children"]) for tree in trees)
        visits = 0
        for t, tree in enumerate(trees):
            depth = {}
            for n, parent in enumerate(tree["parents"]):
                depth[n] = 0 if parent == 2147483647 else depth[parent] + 1
            visits += sum(depth[int(leaf)] for leaf in leaves[:, t])
    else:
        answers = booster.predict(rows)
        leaves = booster.predict(rows, pred_leaf=True)
        nodes, visits = 0, 0
        for t, tree in enumerate(booster.dump_model()["tree_info"]):
            depth, open_ = {}, [(tree["tree_structure"], 0)]
            while open_:
                node, d = open_.pop()
                nodes += 1
                if "leaf_index" in node or "leaf_value" in node:
                    depth[node.get("leaf_index", 0)] = d
                else:
                    open_ += [(node["left_child"], d + 1), (node["right_child"], d + 1)]
            visits += sum(depth[int(leaf)] for leaf in leaves[:, t])
        trees = booster.dump_model()["tree_info"]
    np.asarray(answers, np.float64).reshape(1000, -1).tofile(folder / f"{name}.expected")
    about = dict(trees=len(trees), nodes=nodes, visits=visits / 1000, outputs=int(np.asarray(answers).size // 1000))
    (folder / f"{name}.about").write_text(json.dumps(about))


def attempt(folder, name, peer, result, make):
    refused = folder / f"{name}.{peer}.refused"
    if (folder / result).exists() or refused.exists():
        return
    start = time.time()
    try:
        make()
        (folder / f"{name}.{peer}.seconds").write_text(f"{time.time() - start:.1f}")
        say(f"{name}: {peer} made in {time.time() - start:.1f} s")
    except Exception as error:  # whatever a peer does not like is its answer
        why = f"not within {COMPILE_SECONDS} s" if isinstance(error, subprocess.TimeoutExpired) else str(error)[:160].replace("\n", " ")
        refused.write_text(why)
        say(f"{name}: {peer} refused: {why}")


def make_onnx(folder, name):
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType
    types = [("input", FloatTensorType([None, int((folder / f"{name}.columns").read_text())]))]
    booster = load(folder, name)
    if MODELS[name][0] == "xgboost":
        model = onnxmltools.convert_xgboost(booster, initial_types=types)
    else:
        model = onnxmltools.convert_lightgbm(booster, initial_types=types, zipmap=False)
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString())


def make_tl2cgen(folder, name):
    import tl2cgen
    import treelite
    if MODELS[name][0] == "xgboost":
        model = treelite.frontend.load_xgboost_model(str(folder / f"{name}.json"))
    else:
        model = treelite.frontend.load_lightgbm_model(str(folder / f"{name}.txt"))
    code = folder / f"{name}.tl2cgen"
    tl2cgen.generate_c_code(model, dirpath=code, params={"parallel_comp": 16})
    subprocess.run(f"ls *.c | xargs -P {os.cpu_count()} -n 1 gcc -O3 -std=c11 -fPIC -c && gcc -shared -o ../{name}.tl2cgen.so *.o -lm",
                   shell=True, cwd=code, check=True, timeout=COMPILE_SECONDS)


def make_lleaves(folder, name):
    program = ("import sys, lleaves; model = lleaves.Model(sys.argv[1]); model.compile(cache=sys.argv[2], fblocksize=34)")
    subprocess.run([sys.executable, "-c", program, folder / f"{name}.txt", folder / f"{name}.lleaves.o"], check=True,
                   timeout=COMPILE_SECONDS, capture_output=True)
    subprocess.run(["gcc", "-shared", "-o", folder / f"{name}.lleaves.so", folder / f"{name}.lleaves.o", "-lm"], check=True)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    names = sys.argv[2:] or list(MODELS)
    train(folder, names)
    for name in names:
        expect(folder, name)
        attempt(folder, name, "onnxruntime", f"{name}.onnx", lambda: make_onnx(folder, name))
        if MODELS[name][0] == "lightgbm":
            attempt(folder, name, "lleaves", f"{name}.lleaves.so", lambda: make_lleaves(folder, name))
        attempt(folder, name, "tl2cgen", f"{name}.tl2cgen.so", lambda: make_tl2cgen(folder, name))


if __name__ == "__main__":
    main()
