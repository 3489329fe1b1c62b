"""Golden models of one release of XGBoost each: what formats differ in, and what predictions differ in. Part of make_golden.py."""
import numpy as np
import xgboost as xgb
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from golden_names import write_names
from make_golden import F32, GOLDEN, REFUSED, ROOT, bits, finite, golden, matrix_golden, split, train

CONTRIBUTIONS = ROOT / "tests/data/contributions"
SMALL = {"max_depth": 3}
RELEASE = tuple(int(n) for n in xgb.__version__.split(".")[:2])
DART = {"booster": "dart", "rate_drop": 0.5, "one_drop": 1, "max_depth": 3}


def cancer(columns=6):
    x, y, xt, _ = split(*load_breast_cancer(return_X_y=True))
    return x[:, :columns], y, xt[:, :columns]


def diabetes():
    x, y, xt, _ = split(*load_diabetes(return_X_y=True, scaled=False))
    return x[:, :6], y, xt[:, :6]


def iris():
    x, y, xt, _ = split(*load_iris(return_X_y=True))
    return x, y, xt


def two_targets():
    x, y, xt = diabetes()
    return x, np.stack([y, 300 - y + x[:, 2]], axis=1), xt


def json_only(name):
    """Releases before 1.6 write no UBJSON."""
    return [GOLDEN / f"{name}.json"]


def dart(prefix, how=matrix_golden, files=None):
    x, y, xt = cancer()
    how(prefix + "dart", train({**DART, "objective": "binary:logistic", "base_score": 0.37}, 8, x, y), xt, 12, 10, files)


def dart_multiclass(prefix, how=matrix_golden):
    x, y, xt = iris()
    how(prefix + "dart-softprob", train({**DART, "objective": "multi:softprob", "num_class": 3, "max_depth": 2}, 5, x, y), xt, 12, 10)


def linear(prefix, files=lambda name: None, logistic=True):
    params = {"booster": "gblinear", "tree_method": "auto", "updater": "coord_descent", "feature_selector": "cyclic"}
    x, y, xt = diabetes()
    matrix_golden(prefix + "gblinear", train({**params, "objective": "reg:squarederror"}, 5, x, y), xt, 20, 10, files(prefix + "gblinear"))
    x, y, xt = iris()
    matrix_golden(prefix + "gblinear-softprob", train({**params, "objective": "multi:softprob", "num_class": 3}, 5, x, y), xt, 20, 10,
                  files(prefix + "gblinear-softprob"))
    if logistic:
        x, y, xt = cancer()
        matrix_golden(prefix + "gblinear-logistic", train({**params, "objective": "binary:logistic", "base_score": 0.2}, 5, x, y), xt, 20, 10)


def coded(categories, rows=220):
    """Two categorical features, with holes, and two numbers."""
    rng = np.random.default_rng(3)
    x = np.stack([rng.integers(0, categories, rows), rng.integers(0, 5, rows), rng.normal(size=rows), rng.normal(size=rows)], axis=1).astype(F32)
    y = np.sin(x[:, 0] * 2.1) + (x[:, 1] == 3) + 0.3 * x[:, 2] + 0.1 * rng.normal(size=rows)
    x[rng.random(x.shape) < 0.1] = np.nan
    return x, y


def categories(prefix, how=golden):
    hist = {"tree_method": "hist", "max_depth": 4, "objective": "reg:squarederror"}
    kinds = {"feature_types": ["c", "c", "q", "q"], "enable_categorical": True}
    x, y = coded(9)
    how(prefix + "categorical-onehot", train({**hist, "max_cat_to_onehot": 64}, 5, x, y, **kinds), x, 20, 12)
    how(prefix + "categorical", train({**hist, "max_cat_to_onehot": 1, "objective": "binary:logistic"}, 5, x, y > 0, **kinds), x, 20, 12)
    x, y = coded(150, 400)
    how(prefix + "categorical-wide", train({**hist, "max_cat_to_onehot": 1, "max_cat_threshold": 200}, 4, x, y, **kinds), x, 20, 12)


def named_categories(prefix, colours, how=golden):
    import pandas as pd

    rng = np.random.default_rng(4)
    rows = 160
    frame = pd.DataFrame({
        "colour": pd.Categorical(rng.choice(colours, rows)),
        "size": rng.normal(size=rows).astype(F32),
        "code": pd.Categorical(rng.choice([3, -7, 900], rows)),
        "tiny": pd.Categorical(rng.choice([1, 2], rows), categories=pd.Index(np.array([2, 1], np.int8))),
    })
    y = (frame["colour"] == colours[0]) * 2.0 + (frame["code"] == 900) + 0.2 * frame["size"]
    data = xgb.DMatrix(frame, y, enable_categorical=True)
    model = xgb.train({"seed": 7, "nthread": 1, "tree_method": "hist", "max_depth": 3, "max_cat_to_onehot": 1}, data, 5)
    codes = np.stack([frame[c].cat.codes if frame[c].dtype == "category" else frame[c] for c in frame], axis=1).astype(F32)
    how(prefix + "named-categories", model, codes, 16, 8)
    if RELEASE >= (3, 4) or all(colour.isascii() for colour in colours):  # else the file's names are damaged
        names_of_rows(prefix + "named-categories", colours)


def names_of_rows(name, colours):
    """Frames whose own codes are others than the model's: names are what counts. One that the model does not know is refused since 3.3
    (3.1 and 3.2 take a neighbour's code for it)."""
    import pandas as pd

    rng = np.random.default_rng(5)
    rows = 24
    path = f"tests/data/golden/{name}.ubj"
    model = xgb.Booster({"nthread": 1}, model_file=ROOT / path)

    def column(values, holes, **kind):
        return pd.Categorical([None if hole else value for value, hole in zip(values, holes)], **kind)

    def frame(colours):
        return pd.DataFrame({
            "colour": column(rng.choice(colours, rows), rng.random(rows) < 0.1, categories=colours[::-1]),
            "size": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)).astype(F32),
            "code": pd.Categorical(rng.choice([900, 3, -7], rows), categories=[900, 3, -7]),
            "tiny": pd.Categorical(rng.choice([1, 2], rows), categories=pd.Index(np.array([1, 2], np.int8))),
        })

    def ask(rows):
        return model.predict(xgb.DMatrix(rows, enable_categorical=True))

    write_names(name, path, frame(colours), ask, 32)
    try:
        ask(frame([*colours, "purple"]))
    except xgb.core.XGBoostError as error:
        assert "not in the training set" in str(error)
    else:
        assert RELEASE < (3, 3), "a name that is not known is not refused"


def targets(prefix):
    x, y, xt = two_targets()
    golden(prefix + "two-targets", train({**SMALL, "objective": "reg:squarederror", "tree_method": "hist"}, 5, x, y), xt, 12, 8)


def vector_leaves(prefix, how=golden):
    x, y, xt = two_targets()
    vector = {**SMALL, "tree_method": "hist", "multi_strategy": "multi_output_tree"}
    how(prefix + "vector-leaf", train({**vector, "objective": "reg:squarederror"}, 5, x, y), xt, 12, 8)


def labels(prefix):
    x, y, xt = cancer()
    golden(prefix + "two-labels", train({**SMALL, "objective": "binary:logistic", "tree_method": "hist"}, 5, x, np.stack([y, x[:, 1] > 18], axis=1)), xt, 12, 8)


def survival(prefix):
    x, y, xt = diabetes()
    data = xgb.DMatrix(x)
    data.set_float_info("label_lower_bound", y)
    data.set_float_info("label_upper_bound", np.where(y > 150, np.inf, y * 1.25))
    params = {"seed": 7, "nthread": 1, "tree_method": "exact", **SMALL}
    golden(prefix + "survival-aft", xgb.train({**params, "objective": "survival:aft", "aft_loss_distribution": "logistic"}, data, 6), xt, 16, 8)
    golden(prefix + "survival-cox", train({**SMALL, "objective": "survival:cox"}, 6, x, np.where(y > 150, -y, y)), xt, 16, 8)


def quantiles(prefix):
    x, y, xt = diabetes()
    deep = {"max_depth": 4, "eta": 0.9, "tree_method": "hist", "objective": "reg:quantileerror"}
    golden(prefix + "quantiles", train({**deep, "quantile_alpha": [0.2, 0.4, 0.5, 0.6]}, 4, x, y), xt, 40, 10)


def expectiles(prefix):
    x, y, xt = diabetes()
    golden(prefix + "expectiles", train({**SMALL, "tree_method": "hist", "objective": "reg:expectileerror", "expectile_alpha": [0.1, 0.5, 0.9]}, 5, x, y), xt, 20, 10)


def contributions(*names):
    """tests/data/contributions: what each column adds to each output, then what is expected of no row (pred_contribs)."""
    CONTRIBUTIONS.mkdir(exist_ok=True)
    for name in names:
        booster = xgb.Booster(model_file=str(GOLDEN / f"{name}.ubj"), params={"nthread": 1})
        rows = finite(read_rows(GOLDEN / f"{name}.golden"))
        rows = rows[:: max(1, len(rows) // 16)]
        data = xgb.DMatrix(rows, feature_names=booster.feature_names, feature_types=booster.feature_types)
        out = booster.predict(data, pred_contribs=True).reshape(len(rows), -1)
        lines = [f"model {(GOLDEN / name).relative_to(ROOT)}.ubj", f"columns {rows.shape[1]} outputs {out.shape[1]} rows {len(rows)}"]
        lines += [f"{bits(row)} | {bits(y)}" for row, y in zip(rows, out)]
        (CONTRIBUTIONS / f"xgboost-{name}.golden").write_text("\n".join(lines) + "\n")
        print(f"contributions of {name}: {len(rows)} rows of {out.shape[1]}")


def read_rows(path):
    rows = [line.split("|")[0].split() for line in path.read_text().splitlines() if "|" in line]
    return np.array([[int(word, 16) for word in row] for row in rows], np.uint32).view(F32)


def missing_only(prefix):
    """Splits of what is missing against all that is not: 3.4 gives them the threshold -inf where a feature is constrained."""
    rng = np.random.default_rng(9)
    x = rng.normal(size=(200, 3)).astype(F32)
    x[rng.random(x.shape) < 0.4] = np.nan
    y = np.isnan(x[:, 0]) * 2.0 - np.isnan(x[:, 1]) + np.nan_to_num(x[:, 0] - x[:, 1])
    booster = train({**SMALL, "tree_method": "hist", "objective": "reg:squarederror", "monotone_constraints": "(-1,1,0)"}, 6, x, y)
    golden(prefix + "missing-only", booster, x, 20, 12)
    text = (GOLDEN / f"{prefix}missing-only.json").read_text()
    assert "-Infinity" in text, "no such split"


def release_3_4():
    dart("v3.4-", golden)
    dart_multiclass("v3.4-", golden)
    x, y, xt = cancer()
    first = train({**DART, "objective": "binary:logistic"}, 3, x, y)
    golden("v3.4-dart-continued", xgb.train({"nthread": 1, "objective": "binary:logistic", "max_depth": 2}, xgb.DMatrix(x, y), 2, xgb_model=first), xt, 12, 10)
    x, y, xt = two_targets()
    golden("v3.4-dart-vector-leaf", train({"rate_drop": 0.5, "one_drop": 1, "tree_method": "hist", "max_depth": 2, "objective": "reg:squarederror",
                                           "multi_strategy": "multi_output_tree"}, 5, x, y), xt, 12, 8)
    x, y, xt = iris()
    golden("v3.4-vector-leaf-softprob", train({"max_depth": 2, "tree_method": "hist", "objective": "multi:softprob", "num_class": 3,
                                               "multi_strategy": "multi_output_tree"}, 5, x, y), xt, 12, 8)
    vector_leaves("v3.4-")
    categories("v3.4-")
    named_categories("v3.4-", ["red", "grün", "青", "b"])
    quantiles("v3.4-")
    expectiles("v3.4-")
    labels("v3.4-")
    linear("v3.4-")
    missing_only("v3.4-")
    contributions("v3.4-dart", "v3.4-missing-only", "v3.4-categorical", "v3.4-two-labels")


def release_3_3():
    dart("v3.3-", golden)
    dart_multiclass("v3.3-", golden)
    quantiles("v3.3-")
    expectiles("v3.3-")
    named_categories("v3.3-", ["red", "grün", "b"])


def release_3_2():
    dart("")
    dart_multiclass("")
    linear("")
    categories("")
    named_categories("", ["red", "green", "blue"])
    targets("")
    vector_leaves("")
    labels("")
    survival("")
    quantiles("")
    x, y, xt = iris()
    golden("base-scores", train({"objective": "multi:softprob", "num_class": 3, "max_depth": 2, "base_score": "[0.1,-0.7,1.3]"}, 3, x, y), xt, 12, 8)
    golden("sliced", train({"objective": "multi:softprob", "num_class": 3, "max_depth": 2}, 6, x, y)[1:4], xt, 12, 8)
    # An objective that is a Python function: the file says reg:squarederror, and its sums are what is predicted.
    def distance(scores, data):
        wanted = np.eye(3)[data.get_label().astype(int)]
        return scores.reshape(wanted.shape) - wanted, np.ones_like(wanted)
    golden("python-objective", xgb.train({"nthread": 1, "objective": "reg:squarederror", "num_class": 3, "max_depth": 2, "base_score": 0}, xgb.DMatrix(x, y), 4, obj=distance), xt, 12, 8)
    x, y, xt = cancer()
    ranked = xgb.DMatrix(x, y, qid=np.arange(len(y)) // 40)
    for name in ("rank:ndcg", "rank:map"):
        golden(name.replace(":", "-"), xgb.train({"seed": 7, "nthread": 1, "tree_method": "hist", **SMALL, "objective": name}, ranked, 5), xt, 12, 8)
    early = xgb.XGBClassifier(n_estimators=40, max_depth=4, learning_rate=0.9, early_stopping_rounds=3, n_jobs=1, random_state=7)
    early.fit(x[:250], y[:250], eval_set=[(x[250:], y[250:])], verbose=False)
    golden("early-stopped", early.get_booster(), xt, 12, 8)
    contributions("binary-logitraw", "iris-softprob", "categorical", "categorical-wide", "dart", "dart-softprob", "two-targets", "early-stopped", "reg-tweedie")


def release_3_1():
    vector_leaves("v3.1-")
    named_categories("v3.1-", ["red", "green", "blue"])


def release_2_0():
    dart("v2.0-")
    linear("v2.0-")
    categories("v2.0-")
    targets("v2.0-")
    vector_leaves("v2.0-")
    quantiles("v2.0-")


def release_1_7():
    x, y, xt = cancer(30)
    names = [n.replace(" ", "_") for n in load_breast_cancer().feature_names]
    golden("v1.7-breast-cancer", train({"objective": "binary:logistic", "max_depth": 3}, 10, x, y, feature_names=names), xt, 20, 12)
    golden("v1.7-base-score", train({"objective": "binary:logistic", "max_depth": 3, "base_score": 0.321}, 6, x, y), xt, 20, 12)
    x, y, xt = iris()
    golden("v1.7-iris-softprob", train({"objective": "multi:softprob", "num_class": 3, "max_depth": 3}, 6, x, y), xt, 20, 12)
    x, y, xt, _ = split(*load_diabetes(return_X_y=True, scaled=False))
    for name in ("reg:squarederror", "count:poisson", "reg:gamma", "reg:tweedie"):
        golden("v1.7-" + name.replace(":", "-"), train({"objective": name, "max_depth": 3}, 6, x, y), xt, 20, 12)
    x, y, xt = cancer()
    for name in ("binary:logitraw", "binary:hinge"):
        golden("v1.7-" + name.replace(":", "-"), train({**SMALL, "objective": name}, 4, x, y), xt, 12, 8)
    dart("v1.7-")
    linear("v1.7-")
    categories("v1.7-")
    survival("v1.7-")
    wrapped = xgb.XGBRegressor(n_estimators=3, max_depth=2, missing=-999.0, n_jobs=1, tree_method="exact")
    wrapped.fit(x, y)
    golden("v1.7-missing-sentinel", wrapped.get_booster(), xt, 8, 6)
    for kind in ("json", "ubj"):  # again by the wrapper, which alone writes its own parameters
        wrapped.save_model(str(GOLDEN / f"v1.7-missing-sentinel.{kind}"))
    train({"objective": "reg:squarederror", "max_depth": 2}, 2, x, y).save_model(str(REFUSED / "old.deprecated"))


def release_1_3():
    x, y, xt = cancer()
    matrix_golden("v1.3-logistic", train({**SMALL, "objective": "binary:logistic"}, 5, x, y), xt, 12, 8, json_only("v1.3-logistic"))
    linear("v1.3-", json_only, logistic=False)
    x, y, xt = iris()
    matrix_golden("v1.3-softprob", train({"objective": "multi:softprob", "num_class": 3, "max_depth": 2}, 4, x, y), xt, 12, 8, json_only("v1.3-softprob"))
    dart("v1.3-", files=json_only("v1.3-dart"))
    x, y, _ = cancer()
    train({"booster": "gblinear", "objective": "binary:logistic"}, 2, x, y).save_model(str(REFUSED / "gblinear-logistic-1.3.json"))


def release_1_6():
    kinds = {"feature_types": ["c", "c", "q", "q"], "enable_categorical": True}
    x, y = coded(9)
    train({"tree_method": "hist", "max_depth": 2, "max_cat_to_onehot": 64}, 2, x, y, **kinds).save_model(str(REFUSED / "categorical-1.6.ubj"))


def release_1_0():
    """Sums from 0, base_score last."""
    x, y, xt = cancer()
    matrix_golden("v1.0-logistic", train({**SMALL, "objective": "binary:logistic", "base_score": 0.3}, 5, x, y), xt, 12, 8, json_only("v1.0-logistic"))
    matrix_golden("v1.0-logitraw", train({**SMALL, "objective": "binary:logitraw", "base_score": 0.3}, 4, x, y), xt, 12, 8, json_only("v1.0-logitraw"))
    x, y, xt = iris()
    matrix_golden("v1.0-softprob", train({"objective": "multi:softprob", "num_class": 3, "max_depth": 2}, 5, x, y), xt, 12, 8, json_only("v1.0-softprob"))


RELEASES = {"1.0": release_1_0, "1.3": release_1_3, "1.6": release_1_6, "1.7": release_1_7, "2.0": release_2_0, "3.1": release_3_1, "3.2": release_3_2, "3.3": release_3_3, "3.4": release_3_4}
