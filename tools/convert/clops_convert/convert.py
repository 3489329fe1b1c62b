"""From a file to a model, from a model to a native file, and the proof that both predict the same."""

import dataclasses
import os
import pathlib
import pickle
import tempfile

import numpy as np

# What clops computes natively, as formats/skops.cpp lists it; everything else of scikit-learn goes to ONNX.
NATIVE_SKLEARN = {
    "DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "ExtraTreeRegressor", "RandomForestClassifier",
    "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor", "GradientBoostingClassifier",
    "GradientBoostingRegressor", "HistGradientBoostingClassifier", "HistGradientBoostingRegressor", "LinearRegression", "Ridge",
    "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV", "SGDRegressor", "HuberRegressor", "Lars", "LarsCV", "LassoLars",
    "LassoLarsCV", "LassoLarsIC", "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV", "BayesianRidge", "ARDRegression",
    "TheilSenRegressor", "QuantileRegressor", "MultiTaskLasso", "MultiTaskLassoCV", "MultiTaskElasticNet", "MultiTaskElasticNetCV",
    "PoissonRegressor", "GammaRegressor", "TweedieRegressor",
}
# Of these what they give must be probabilities.
NATIVE_SKLEARN_LOGISTIC = {"LogisticRegression", "LogisticRegressionCV", "SGDClassifier"}
# ONNX computes scikit-learn's float64 in float32: a difference of rounding is not one of the model.
ONNX_TOLERANCE = 1e-4


class ConversionError(Exception):
    """Why nothing was written, for people."""


@dataclasses.dataclass
class Report:
    kind: str          # "xgboost", "lightgbm", "skops", "onnx"
    target: pathlib.Path
    rows: int          # of the sample
    difference: float  # the greatest, 0.0: bit for bit


def load(path):
    """The model in a file: by what the file begins with, never by its name."""
    head = path.read_bytes()[:8]
    if head[:4] in (b"binf", b"bs64") or head[:4] == b"\x00\x00\x00\x3f":
        return load_old_xgboost(path)
    if head[:1] == b"{" or head[:5] == b"tree\n":
        raise ConversionError("this is a native file already: clops serves it as it is")
    try:
        import joblib
        return joblib.load(path)  # also reads plain pickles, compressed or not
    except ImportError:
        with open(path, "rb") as file:
            return pickle.load(file)
    except Exception as error:
        raise ConversionError(f"the file cannot be opened as a pickle here ({type(error).__name__}: {error}); the versions of "
                              "its frameworks must be those that it was written with: see requirements.txt") from error


def load_old_xgboost(path):
    import xgboost
    if tuple(map(int, xgboost.__version__.split(".")[:2])) >= (3, 1):
        raise ConversionError(f"XGBoost {xgboost.__version__} no longer reads its old binary files: install "
                              "requirements-xgboost-binary.txt in an environment of its own")
    return xgboost.Booster(model_file=str(path))


def module_of(model):
    return type(model).__module__.split(".")[0]


def features_of(model):
    for name in ("n_features_in_", "num_feature"):
        value = getattr(model, name, None)
        if value is not None:
            return int(value() if callable(value) else value)
    if hasattr(model, "num_features"):  # XGBoost's Booster
        return int(model.num_features())
    raise ConversionError("the model does not say how many columns it takes: give a sample")


def make_sample(model, rows=500):
    """Seeded rows: normal, wide, whole and equal numbers. A real sample (--sample) proves more."""
    rng = np.random.default_rng(7)
    columns = features_of(model)
    x = rng.normal(size=(rows, columns))
    x[rows // 4: rows // 2] *= 100
    x[rows // 2: 3 * rows // 4] = np.round(x[rows // 2: 3 * rows // 4])
    return x.astype(np.float32).astype(np.float64)


def predict(model, x):
    return np.asarray(model.predict_proba(x) if hasattr(model, "classes_") and hasattr(model, "predict_proba")
                      else model.predict(x), dtype=np.float64)


def xgboost_pair(model, path, x):
    import xgboost
    if isinstance(model, xgboost.Booster):
        booster, want = model, None
    else:
        if not np.isnan(model.missing):
            raise ConversionError(f"the model takes {model.missing} for a missing value, which its file does not keep; train it "
                                  "with NaN for missing values")
        booster = model.get_booster()
        want = predict(model, x)
        best = getattr(booster, "best_iteration", None) if booster.attr("best_iteration") is not None else None
        if best is not None:  # scikit-learn's form predicts with the best iterations only, the file's reader with all
            booster = booster[: best + 1]
    matrix = xgboost.DMatrix(x.astype(np.float32), feature_names=booster.feature_names, feature_types=booster.feature_types)
    booster.save_model(path)
    got = np.asarray(xgboost.Booster(model_file=str(path)).predict(matrix), dtype=np.float64)
    if want is None:
        want = np.asarray(booster.predict(matrix), dtype=np.float64)
    elif want.ndim == 2 and got.ndim == 1:
        want = want[:, 1]
    return want, got


def lightgbm_pair(model, path, x):
    import lightgbm
    booster = model if isinstance(model, lightgbm.Booster) else model.booster_
    want = np.asarray(model.predict(x) if model is booster else predict(model, x), dtype=np.float64)
    booster.save_model(path, num_iteration=booster.best_iteration if booster.best_iteration > 0 else None)
    got = np.asarray(lightgbm.Booster(model_file=str(path)).predict(x), dtype=np.float64)
    if want.ndim == 2 and got.ndim == 1:
        want = want[:, 1]
    return want, got


def skops_pair(model, path, x):
    import skops.io
    import zipfile
    want = predict(model, x)
    skops.io.dump(model, path, compression=zipfile.ZIP_DEFLATED)
    # The types come from the file just written from a model that is open already.
    return want, predict(skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path)), x)


def onnx_pair(model, path, x):
    import onnxruntime
    import skl2onnx
    want = predict(model, x)
    classifier = hasattr(model, "classes_") and hasattr(model, "predict_proba")
    try:
        made = skl2onnx.to_onnx(model, x[:1].astype(np.float32), options={"zipmap": False} if classifier else None)
    except Exception as error:
        raise ConversionError(f"skl2onnx cannot convert a {type(model).__name__}: {error}") from error
    path.write_bytes(made.SerializeToString())
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    answers = session.run(None, {session.get_inputs()[0].name: x.astype(np.float32)})
    return want, np.asarray(answers[1] if classifier else answers[0], dtype=np.float64).reshape(want.shape)


KINDS = {"xgboost": (xgboost_pair, ".ubj"), "lightgbm": (lightgbm_pair, ".txt"), "skops": (skops_pair, ".skops"),
         "onnx": (onnx_pair, ".onnx")}


def is_native(model):
    name = type(model).__name__
    if name == "OneVsRestClassifier":
        name = type(model.estimator).__name__
    elif name in NATIVE_SKLEARN:
        return True
    return name in NATIVE_SKLEARN_LOGISTIC and hasattr(model, "predict_proba")


def kind_of(model):
    module = module_of(model)
    if module in ("xgboost", "lightgbm"):
        return module
    if module == "sklearn":
        return "skops" if is_native(model) else "onnx"
    raise ConversionError(f"a {type(model).__module__}.{type(model).__name__} is not a model that is converted here "
                          "(XGBoost, LightGBM, scikit-learn): export it to ONNX with its own tools")


def difference_of(want, got):
    if want.shape != got.shape:
        raise ConversionError(f"the converted model answers in another shape: {got.shape} instead of {want.shape}")
    same = (want == got) | (np.isnan(want) & np.isnan(got))
    if same.all():
        return 0.0
    with np.errstate(invalid="ignore"):
        gap = np.abs(want - got) / np.maximum(1.0, np.abs(want))
    gap[same] = 0.0
    return float("inf") if np.isnan(gap).any() else float(gap.max())


def convert(source, target, sample=None, kind=None):
    """Writes `target` (a folder, which need not be there yet, gets model.SUFFIX) only when it predicts what `source` does; ConversionError says why not."""
    source, target = pathlib.Path(source), pathlib.Path(target)
    model = load(source)
    kind = kind or kind_of(model)
    pair, suffix = KINDS[kind]
    if target.is_dir() or not target.suffix:
        target = target / ("model" + suffix)
    if target.suffix != suffix and not (kind == "xgboost" and target.suffix == ".json"):
        raise ConversionError(f"{target}: a model of this kind is written as *{suffix}")
    x = make_sample(model) if sample is None else np.asarray(sample, dtype=np.float64)
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = pathlib.Path(folder) / target.name
        want, got = pair(model, made, x)
        difference = difference_of(want, got)
        if difference > (ONNX_TOLERANCE if kind == "onnx" else 0.0):
            raise ConversionError(f"the converted model predicts otherwise: up to {difference:.3g} apart over {len(x)} rows; "
                                  "nothing was written")
        os.replace(made, target)
    return Report(kind, target, len(x), difference)
