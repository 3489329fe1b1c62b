#!/usr/bin/env python3
"""Trains the sample and golden models and writes what XGBoost itself predicts with them.

    python -m venv VENV && VENV/bin/pip install -r scripts/requirements-golden.txt && VENV/bin/python scripts/make_golden.py
    the same in a second environment with requirements-golden-old.txt and --old

Nothing of clops runs here and nothing at run or test time needs Python: the outputs are committed. Seeded, one thread.

tests/data/golden/NAME.golden is text: `model PATH` (from the repository's root, one line per encoding), `columns C outputs O
rows R`, then R lines of C float32 bit patterns in hex, `|`, and the O bit patterns predicted.
"""
import argparse
import json
import pathlib
import pickle

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


def thresholds(booster):
    """(feature, threshold) of every split, as the model holds them."""
    model = json.loads(bytes(booster.save_raw("json")))
    for tree in model["learner"]["gradient_booster"]["model"]["trees"]:
        for left, feature, value in zip(tree["left_children"], tree["split_indices"], tree["split_conditions"]):
            if left != -1:
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


def predict(booster, rows):
    """What the framework says of each row. DMatrix takes no infinities; inplace_predict does, and must agree on the rest."""
    finite = ~np.isinf(rows).any(axis=1)
    by_row = np.asarray(booster.inplace_predict(rows, missing=np.nan, validate_features=False), F32).reshape(len(rows), -1)
    plain = xgb.DMatrix(rows[finite])
    plain.feature_names = booster.feature_names
    by_matrix = np.asarray(booster.predict(plain), F32).reshape(finite.sum(), -1)
    assert by_row[finite].tobytes() == by_matrix.tobytes(), "XGBoost disagrees with itself"
    return by_row


def bits(values):
    return " ".join(f"{v:x}" for v in np.asarray(values, F32).view(np.uint32))


def write_golden(name, booster, rows, files):
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        booster.save_model(file)
    out = predict(booster, rows)
    lines = [f"model {file.relative_to(ROOT)}" for file in files]
    lines.append(f"columns {rows.shape[1]} outputs {out.shape[1]} rows {len(rows)}")
    lines += [f"{bits(row)} | {bits(y)}" for row, y in zip(rows, out)]
    (GOLDEN / f"{name}.golden").write_text("\n".join(lines) + "\n")
    print(f"{name}: {len(rows)} rows, {[round(float(v), 4) for v in out[0]]} ...")


def golden(name, booster, x, plain=40, hard=24, files=None):
    files = files or [GOLDEN / f"{name}.json", GOLDEN / f"{name}.ubj"]
    write_golden(name, booster, np.concatenate([x[:plain], hard_rows(booster, x, hard)]), files)


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
    REFUSED.mkdir(parents=True, exist_ok=True)
    x, y, _, _ = split(*load_breast_cancer(return_X_y=True))
    x = x[:, :5]
    small = {"objective": "binary:logistic", "max_depth": 2}
    for kind in ("json", "ubj"):
        train({**small, "booster": "dart", "rate_drop": 0.5}, 4, x, y).save_model(REFUSED / f"dart.{kind}")
    train({"objective": "binary:logistic", "booster": "gblinear", "tree_method": "auto"}, 2, x, y).save_model(REFUSED / "gblinear.json")
    codes = np.digitize(x[:, :2], np.quantile(x[:, :2], [0.2, 0.4, 0.6, 0.8])).astype(F32)
    train({**small, "tree_method": "hist", "max_cat_to_onehot": 1}, 2, codes, y, feature_types=["c", "c"],
          enable_categorical=True).save_model(REFUSED / "categorical.ubj")
    two = np.stack([y, 1 - y], axis=1)
    for strategy in ("multi_output_tree", "one_output_per_tree"):
        train({"objective": "reg:squarederror", "max_depth": 2, "tree_method": "hist", "multi_strategy": strategy}, 2, x,
              two).save_model(REFUSED / f"{strategy}.json")
    train({"objective": "survival:cox", "max_depth": 2}, 2, x, y + 1).save_model(REFUSED / "unknown-objective.json")
    (REFUSED / "model.pkl").write_bytes(pickle.dumps(train(small, 2, x, y)))


def old():
    data = load_breast_cancer()
    x, y, xt, _ = split(data.data, data.target)
    golden("v1.7-breast-cancer", train({"objective": "binary:logistic", "max_depth": 3}, 10, x, y,
                                       feature_names=[n.replace(" ", "_") for n in data.feature_names]), xt, 20, 12)
    golden("v1.7-base-score", train({"objective": "binary:logistic", "max_depth": 3, "base_score": 0.321}, 6, x, y), xt, 20, 12)
    x, y, xt, _ = split(*load_iris(return_X_y=True))
    golden("v1.7-iris-softprob", train({"objective": "multi:softprob", "num_class": 3, "max_depth": 3}, 6, x, y), xt, 20, 12)
    x, y, xt, _ = split(*load_diabetes(return_X_y=True, scaled=False))
    for name in ("reg:squarederror", "count:poisson", "reg:gamma", "reg:tweedie"):
        golden("v1.7-" + name.replace(":", "-"), train({"objective": name, "max_depth": 3}, 6, x, y), xt, 20, 12)
    REFUSED.mkdir(parents=True, exist_ok=True)
    train({"objective": "reg:squarederror", "max_depth": 2}, 2, x, y).save_model(REFUSED / "old.deprecated")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", action="store_true", help="only the files of the older release (requirements-golden-old.txt)")
    GOLDEN.mkdir(parents=True, exist_ok=True)
    if parser.parse_args().old:
        old()
    else:
        samples()
        objectives()
        refused()
