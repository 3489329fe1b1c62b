#!/usr/bin/env python3
"""Trains the sample and golden models and writes what XGBoost itself predicts with them.

    python -m venv VENV && VENV/bin/pip install -r scripts/requirements-golden.txt && VENV/bin/python scripts/make_golden.py
    the same in an environment of its own for each requirements-golden-RELEASE.txt, with --release RELEASE (the files of
    the other releases, whose formats and predictions differ: make_golden_releases.py)

Nothing of clops runs here and nothing at run or test time needs Python: the outputs are committed. Seeded, one thread.

tests/data/golden/NAME.golden is text: `model PATH` (from the repository's root, one line per encoding), `columns C outputs O
rows R`, then R lines of C float32 bit patterns in hex, `|`, and the O bit patterns predicted.
"""
import argparse
import json
import pathlib
import pickle
import tempfile

import numpy as np
import xgboost as xgb
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/data/golden"
REFUSED = ROOT / "tests/data/refused"
F32 = np.float32


def split(x, y, seed=7):
    order = np.random.default_rng(seed).permutation(len(y))
    cut = len(y) * 7 // 10
    return x[order[:cut]].astype(F32), y[order[:cut]], x[order[cut:]].astype(F32), y[order[cut:]]


def train(params, rounds, x, y, **matrix):
    params = {"seed": 7, "nthread": 1, "tree_method": "exact", **params}
    return xgb.train(params, xgb.DMatrix(x, y, **matrix), rounds)


def document(booster):
    """The model as it is saved; through a file, as releases before 1.6 know no other way."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.json"
        booster.save_model(str(path))
        return json.loads(path.read_text())


def trees(booster):
    gb = document(booster)["learner"]["gradient_booster"]
    return gb.get("gbtree", gb)["model"].get("trees", [])


def categorical(booster):
    """The features that are split by category."""
    return {tree["split_indices"][node] for tree in trees(booster) for node in tree.get("categories_nodes", [])}


def thresholds(booster):
    """(feature, threshold) of every numeric split, as the model holds them."""
    for tree in trees(booster):
        kinds = tree.get("split_type") or [0] * len(tree["left_children"])
        for left, feature, value, kind in zip(tree["left_children"], tree["split_indices"], tree["split_conditions"], kinds):
            if left != -1 and kind == 0:
                yield feature, F32(value)


def hard_rows(booster, x, count):
    """Rows on, just below and just above thresholds; missing values; zeros of both signs; the ends of float32."""
    rng = np.random.default_rng(11)
    splits = list(thresholds(booster))
    rows = []
    for i in range(count):
        row = x[i % len(x)].copy()
        for feature, value in (splits[j] for j in rng.permutation(len(splits))[: max(4, len(splits) // 3)]):
            row[feature] = (value, np.nextafter(value, F32(-np.inf)), np.nextafter(value, F32(np.inf)))[i % 3]
        rows.append(row)
    # Categories that are none, were never seen, have a fraction, or are at the ends of what XGBoost takes for one (2^24).
    strange = [-1, -0.5, -0.0, 0.5, 0.999, 1.5, 2.75, 31, 32, 63, 64, 99, 1000.25, 16777214, 16777215, 16777216, 2147483648, 1e10, 3e38, -3e38, 1e-45, -1e-45, np.nan]
    for feature in sorted(categorical(booster)):
        for i, value in enumerate(strange):
            row = x[i % len(x)].copy()
            row[feature] = value
            rows.append(row)
    for i in range(count):
        row = x[(3 * i) % len(x)].copy()
        row[rng.random(len(row)) < (i + 1) / count] = np.nan  # the last is all missing
        rows.append(row)
    for value in (0.0, -0.0, 1e-45, -1e-45, 1e-39, np.finfo(F32).max, -np.finfo(F32).max, np.inf, -np.inf):
        rows.append(np.full(x.shape[1], value, F32))
        row = x[0].copy()
        row[::2] = value
        rows.append(row)
    return np.array(rows, F32)


def by_matrix(booster, rows):
    plain = xgb.DMatrix(rows)
    plain.feature_names = booster.feature_names
    if getattr(booster, "feature_types", None):
        plain.feature_types = booster.feature_types
    return np.asarray(booster.predict(plain), F32).reshape(len(rows), -1)


def finite(rows):
    return rows[~np.isinf(rows).any(axis=1)]


def predict(booster, rows):
    """What the framework says of each row. DMatrix takes no infinities; inplace_predict does, and must agree on the rest."""
    by_row = np.asarray(booster.inplace_predict(rows, missing=np.nan, validate_features=False), F32).reshape(len(rows), -1)
    plain = ~np.isinf(rows).any(axis=1)
    assert by_row[plain].tobytes() == by_matrix(booster, rows[plain]).tobytes(), "XGBoost disagrees with itself"
    return by_row


def bits(values):
    return " ".join(f"{v:x}" for v in np.asarray(values, F32).view(np.uint32))


def write_golden(name, booster, rows, files, how=predict):
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        booster.save_model(str(file))
    out = how(booster, rows)
    lines = [f"model {file.relative_to(ROOT)}" for file in files]
    lines.append(f"columns {rows.shape[1]} outputs {out.shape[1]} rows {len(rows)}")
    lines += [f"{bits(row)} | {bits(y)}" for row, y in zip(rows, out)]
    (GOLDEN / f"{name}.golden").write_text("\n".join(lines) + "\n")
    print(f"{name}: {len(rows)} rows, {[round(float(v), 4) for v in out[0]]} ...")


def golden(name, booster, x, plain=40, hard=24, files=None):
    files = files or [GOLDEN / f"{name}.json", GOLDEN / f"{name}.ubj"]
    write_golden(name, booster, np.concatenate([x[:plain], hard_rows(booster, x, hard)]), files)


def matrix_golden(name, booster, x, plain=12, hard=10, files=None):
    """Where inplace_predict is not there, or rounds otherwise than predict (dart to 3.2): rows that DMatrix takes."""
    files = files or [GOLDEN / f"{name}.json", GOLDEN / f"{name}.ubj"]
    write_golden(name, booster, finite(np.concatenate([x[:plain], hard_rows(booster, x, hard)])), files, by_matrix)


def shortest(value):
    text = repr(float(str(F32(value))))
    return text[:-2] if text.endswith(".0") else text


def body(row, name="input-0"):
    data = ",".join(shortest(v) for v in row)
    return f'{{"inputs":[{{"name":"{name}","shape":[1,{len(row)}],"datatype":"FP32","data":[{data}]}}]}}'


def write_rows(name, rows, predictions):
    """Lines `USER TAB PREDICTION-OF-EACH-VERSION ... TAB REQUEST`, for a script without Python."""
    lines = []
    for i, row in enumerate(rows):
        lines.append("\t".join([f"user-{i:03d}"] + [shortest(p[i][0]) for p in predictions] + [body(row)]))
    (ROOT / "samples/rows").mkdir(parents=True, exist_ok=True)
    (ROOT / f"samples/rows/{name}.tsv").write_text("\n".join(lines) + "\n")
    (ROOT / f"samples/rows/{name}.json").write_text(body(rows[0]) + "\n")


def samples():
    data = load_breast_cancer()
    xa, ya, xb, _ = split(data.data, data.target)
    names = [n.replace(" ", "_") for n in data.feature_names]
    first = train({"objective": "binary:logistic", "max_depth": 3, "eta": 0.2}, 40, xa, ya, feature_names=names)
    second = train({"objective": "binary:logistic", "max_depth": 5, "eta": 0.1, "subsample": 0.9}, 90, xa, ya, feature_names=names)
    models = ROOT / "samples/models"
    golden("breast-cancer-1", first, xb, 171, 40, [models / "breast-cancer/1/model.ubj", GOLDEN / "breast-cancer-1.json"])
    golden("breast-cancer-2", second, xb, 171, 40, [models / "breast-cancer/2/model.json", GOLDEN / "breast-cancer-2.ubj"])
    both = [predict(first, xb), predict(second, xb)]
    # Only rows that every shortest-form printer writes alike (no exponents), and on which the versions differ.
    told = [i for i in range(len(xb)) if all(0.01 <= p[i][0] <= 0.999 for p in both) and both[0][i] != both[1][i]]
    write_rows("breast-cancer", xb[told], [p[told] for p in both])

    data = load_diabetes(scaled=False)
    xa, ya, xb, _ = split(data.data, data.target)
    model = train({"objective": "reg:squarederror", "max_depth": 4, "eta": 0.1}, 60, xa, ya, feature_names=data.feature_names)
    golden("diabetes", model, xb, 133, 40, [models / "diabetes/1/model.ubj", GOLDEN / "diabetes.json"])
    write_rows("diabetes", xb[:40], [predict(model, xb[:40])])


def objectives(prefix=""):
    x, y, xt, _ = split(*load_iris(return_X_y=True))
    multi = {"num_class": 3, "max_depth": 3}
    golden(prefix + "iris-softprob", train({"objective": "multi:softprob", **multi}, 15, x, y), xt)
    x, y, xt, _ = split(*load_wine(return_X_y=True))
    golden(prefix + "wine-softmax", train({"objective": "multi:softmax", **multi}, 12, x, y), xt)

    x, y, xt, _ = split(*load_breast_cancer(return_X_y=True))
    rng = np.random.default_rng(5)
    holes, holes_t = x.copy(), xt.copy()
    holes[rng.random(x.shape) < 0.25] = np.nan
    holes_t[rng.random(xt.shape) < 0.25] = np.nan
    golden(prefix + "missing", train({"objective": "binary:logistic", "max_depth": 6}, 20, holes, y), holes_t)
    small = {"max_depth": 3}
    for name in ("binary:logitraw", "binary:hinge", "reg:logistic", "rank:pairwise"):
        golden(prefix + name.replace(":", "-"), train({"objective": name, **small}, 8, x[:, :6], y), xt[:, :6], 20, 12)
    golden(prefix + "forest", train({**small, "objective": "binary:logistic", "num_parallel_tree": 5, "subsample": 0.7,
                                     "colsample_bynode": 0.5, "tree_method": "hist", "eta": 1}, 3, x, y), xt, 20, 12)
    golden(prefix + "base-score", train({**small, "objective": "binary:logistic", "base_score": 0.123}, 4, x, y), xt, 20, 12)
    # one class only: base_score is 1, which the framework keeps off infinity
    golden(prefix + "one-class", train({**small, "objective": "binary:logistic"}, 2, x[:, :4], np.ones(len(y))), xt[:, :4], 6, 4)
    golden(prefix + "all-zero-counts", train({**small, "objective": "count:poisson"}, 2, x[:, :4], np.zeros(len(y))), xt[:, :4], 6, 4)
    # gamma prunes: deleted nodes stay in the arrays
    golden(prefix + "pruned", train({"objective": "binary:logistic", "max_depth": 8, "gamma": 4.0}, 10, x, y), xt, 20, 12)
    golden(prefix + "deep", train({"objective": "binary:logistic", "max_depth": 0, "grow_policy": "lossguide", "max_leaves": 60,
                                   "tree_method": "hist", "min_child_weight": 0}, 12, x, y), xt, 20, 12)

    x, y, xt, _ = split(*load_diabetes(return_X_y=True, scaled=False))
    for name in ("reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror", "count:poisson", "reg:gamma", "reg:tweedie"):
        golden(prefix + name.replace(":", "-"), train({"objective": name, **small}, 8, x, y), xt, 20, 12)


def refused():
    """Files that a release wrote, and clops does not serve."""
    x, y, _, _ = split(*load_breast_cancer(return_X_y=True))
    x = x[:, :5]
    small = {"objective": "binary:logistic", "max_depth": 2}
    REFUSED.mkdir(parents=True, exist_ok=True)
    model = train(small, 2, x, y)
    (REFUSED / "model.pkl").write_bytes(pickle.dumps(model))
    # As an objective of a plugin, or of a later release, is written; and a field that a later release may add.
    text = document(model)
    text["learner"]["objective"] = {"name": "mylogistic", "my_logistic_param": {"scale": "2"}}
    (REFUSED / "unknown-objective.json").write_text(json.dumps(text, separators=(",", ":")))
    text = document(model)
    text["learner"]["calibration"] = {"method": "isotonic", "thresholds": [0.25, 0.5]}
    (REFUSED / "newer-field.json").write_text(json.dumps(text, separators=(",", ":")))


if __name__ == "__main__":
    from make_golden_releases import RELEASES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", choices=sorted(RELEASES), help="only the files of that release (requirements-golden-RELEASE.txt)")
    GOLDEN.mkdir(parents=True, exist_ok=True)
    release = parser.parse_args().release
    if release:
        assert xgb.__version__.startswith(release + "."), f"this is XGBoost {xgb.__version__}"
        RELEASES[release]()
    else:
        samples()
        objectives()
        RELEASES["3.2"]()
        refused()
