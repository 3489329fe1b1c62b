#!/usr/bin/env python3
"""Trains the LightGBM golden models and writes what LightGBM itself predicts with them.

    python -m venv VENV && VENV/bin/pip install -r scripts/requirements-golden-lightgbm.txt && VENV/bin/python scripts/make_golden_lightgbm.py
    the same in environments with requirements-golden-lightgbm-{2.0,2.3,3}.txt, before that one: it checks their files too

Nothing of clops runs here and nothing at run or test time needs Python: the outputs are committed. Seeded, one thread.

tests/data/golden/lightgbm-NAME.golden is text: `model PATH` (from the repository's root), `columns C outputs O rows R bits 64`,
then R lines of C float64 bit patterns in hex, `|`, and the O bit patterns predicted. Every row is also asked alone, and
every model also as it came out of training: LightGBM has to agree with itself before anything is written.
"""
import pathlib
import re
import tempfile
import warnings

import lightgbm as lgb
import numpy as np
from golden_names import write_names
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/data/golden"
SCRATCH = pathlib.Path(tempfile.mkdtemp()) / "model.txt"
REFUSED = ROOT / "tests/data/refused"
VERSION = tuple(int(n) for n in lgb.__version__.split(".")[:2])
MAJOR = VERSION[0]
ZERO = float(np.float32(1e-35))  # LightGBM takes numbers up to here for zero
EDGES = [0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e-40, -1e-40, ZERO, -ZERO, np.nextafter(ZERO, 0), np.nextafter(-ZERO, 0),
         np.nextafter(ZERO, 1), np.nextafter(-ZERO, -1), 1e-34, -1e-34, 1e300, np.nextafter(1e300, np.inf), -1e300, 1.7e308, -1.7e308,
         np.inf, -np.inf, np.nan]
CATEGORIES = [0, 1, 2, 3, 7, 31, 32, 33, 63, 64, 100, 1000, 65535, 2**24, 2**31 - 1, 2**31, 2**32, 2**32 + 1, 1e18, 1e300, -1, -2, -0.0,
              -0.5, -0.99, np.nextafter(-1, 0), np.nextafter(-1, -2), 0.5, 1.999, 2.7, -2**31, -1e18, np.inf, -np.inf, np.nan, 5e-324, -1e-36]


def split(data, columns, seed=7):
    x, y = data.data[:, :columns].astype(np.float64), data.target.astype(np.float64)
    order = np.random.default_rng(seed).permutation(len(y))
    cut = len(y) * 7 // 10
    return x[order[:cut]], y[order[:cut]], x[order[cut:]], y[order[cut:]]


def train(params, rounds, x, y, categorical="auto", fobj=None, **more):
    params = {"seed": 7, "num_threads": 1, "verbose": -1, "num_leaves": 8, "min_data_in_leaf": 5, **params}
    if MAJOR >= 3:
        params.update(deterministic=True, force_row_wise=True)
    if fobj is not None:
        if MAJOR >= 4:
            params["objective"] = fobj
        else:
            more["fobj"] = fobj
    group = more.pop("group", None)
    names = more.pop("feature_name", "auto")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lgb.train(params, lgb.Dataset(x, y, categorical_feature=categorical, feature_name=names, group=group), rounds, **more)


def text_of(booster):
    booster.save_model(str(SCRATCH))
    return SCRATCH.read_text()


def load(text):
    SCRATCH.write_text(text)
    return lgb.Booster(model_file=str(SCRATCH))


def splits(text):
    """(feature, threshold, is categorical) of every split."""
    for block in text.split("\nTree=")[1:]:
        field = dict(line.split("=", 1) for line in block.split("\n") if "=" in line)
        if field.get("threshold"):
            for f, t, d in zip(*(field[k].split() for k in ("split_feature", "threshold", "decision_type"))):
                yield int(f), float(t), int(d) & 1


def hard_rows(text, x, count, categorical):
    """Rows on, just below and just above thresholds; missing values; edges of float64 and of LightGBM's zero; float32 rows."""
    rng = np.random.default_rng(11)
    numeric = [(f, t) for f, t, is_set in splits(text) if not is_set and np.isfinite(t)] or [(0, 0.0)]
    rows = []
    for i in range(count):
        row = x[i % len(x)].copy()
        for f, t in (numeric[j] for j in rng.permutation(len(numeric))[: max(4, len(numeric) // 3)]):
            row[f] = (t, np.nextafter(t, -np.inf), np.nextafter(t, np.inf), np.float32(t))[i % 4]
        rows.append(row)
    for i in range(6):
        row = x[(3 * i) % len(x)].copy()
        row[rng.random(len(row)) < (i + 1) / 6] = np.nan  # the last is all missing
        rows.append(row)
    for i, edge in enumerate(EDGES):
        row = x[i % len(x)].copy()
        row[i % 2 :: 2] = edge
        rows.append(row)
    rows += [np.full(x.shape[1], edge) for edge in (0.0, -0.0, ZERO, -ZERO, 1.7e308, np.inf, -np.inf)]
    for i in range(4):  # as a float32 tensor brings them
        rows.append(x[(5 * i + 1) % len(x)].astype(np.float32).astype(np.float64))
    for i, category in enumerate(CATEGORIES if categorical else []):
        row = x[i % len(x)].copy()
        row[categorical] = category
        rows.append(row)
    return np.array(rows)


def ask(booster, rows):
    alone = {"num_threads": 1} if MAJOR >= 3 else {}
    return np.asarray(booster.predict(rows, **alone), np.float64).reshape(len(rows), -1)


def bits(values):
    return " ".join(f"{v:016x}" for v in np.ascontiguousarray(values, np.float64).view(np.uint64))


def same(a, b):
    return ((a.view(np.uint64) == b.view(np.uint64)) | (np.isnan(a) & np.isnan(b))).all()


def write(name, text, rows, trained=None):
    name = f"lightgbm-{name}" if MAJOR >= 4 else f"lightgbm-v{lgb.__version__}-{name}"
    (GOLDEN / f"{name}.txt").write_text(text)
    loaded = load(text)
    out = ask(loaded, rows)
    assert same(out, np.concatenate([ask(loaded, row[None]) for row in rows])), "single rows differ"
    if trained is not None:
        assert same(out, ask(trained, rows)), f"{name}: what was trained differs from what was saved"
    lines = [f"model tests/data/golden/{name}.txt", f"columns {rows.shape[1]} outputs {out.shape[1]} rows {len(rows)} bits 64"]
    lines += [f"{bits(row)} | {bits(y)}" for row, y in zip(rows, out)]
    (GOLDEN / f"{name}.golden").write_text("\n".join(lines) + "\n")
    print(f"{name}: {len(rows)} rows, {[round(float(v), 4) for v in out[0]]} ...")


def golden(name, booster, x, plain=10, hard=12, categorical=(), text=None):
    text = text or text_of(booster)
    write(name, text, np.concatenate([x[:plain], hard_rows(text, x, hard, list(categorical))]), booster)


def holes(x, share, value, seed=5):
    out = x.copy()
    out[np.random.default_rng(seed).random(x.shape) < share] = value
    return out


def edit(text, change):
    """The text with each tree's fields changed, and tree_sizes made true again."""
    head, *blocks = re.split(r"(?=^Tree=\d+$)", text[: text.index("end of trees")], flags=re.M)
    changed = []
    for i, block in enumerate(blocks):
        lines = [line.split("=", 1) for line in block.split("\n")]
        for line in lines:
            if len(line) == 2:
                line[1] = change(i, line[0], line[1])
        changed.append("\n".join("=".join(line) for line in lines))
    head = re.sub(r"^tree_sizes=.*$", "tree_sizes=" + " ".join(str(len(b)) for b in changed), head, flags=re.M)
    return head + "".join(changed) + text[text.index("end of trees") :]


def objectives():
    x, y, xt, _ = split(load_diabetes(scaled=False), 6)
    for name in ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "poisson", "gamma", "tweedie"):
        golden(name, train({"objective": name}, 6, x, y), xt)
    golden("sqrt", train({"objective": "regression", "reg_sqrt": True}, 6, x, y - 120), xt)
    golden("l1-sqrt", train({"objective": "regression_l1", "reg_sqrt": True}, 4, x, y - 120), xt)
    x, y, xt, _ = split(load_breast_cancer(), 6)
    golden("binary", train({"objective": "binary"}, 12, x, y), xt)
    golden("sigmoid", train({"objective": "binary", "sigmoid": 2.7}, 5, x, y), xt)
    golden("cross-entropy", train({"objective": "cross_entropy"}, 5, x, y * 0.9 + 0.05), xt)
    golden("cross-entropy-lambda", train({"objective": "cross_entropy_lambda"}, 5, x, y * 0.9 + 0.05), xt)
    golden("extreme", train({"objective": "binary", "learning_rate": 60.0, "min_data_in_leaf": 1}, 8, x, y), xt)
    sizes = [len(y) // 20] * 19
    sizes.append(len(y) - sum(sizes))
    golden("lambdarank", train({"objective": "lambdarank"}, 5, x, y.astype(int), group=sizes), xt)
    if MAJOR >= 3:
        golden("rank-xendcg", train({"objective": "rank_xendcg"}, 5, x, y.astype(int), group=sizes), xt)

    def logistic(scores, data):
        p = 1 / (1 + np.exp(-scores))
        return p - data.get_label(), p * (1 - p)

    golden("custom", train({}, 5, x, y, fobj=logistic), xt)
    x, y, xt, _ = split(load_wine(), 6)
    golden("multiclass", train({"objective": "multiclass", "num_class": 3}, 5, x, y), xt)
    golden("multiclassova", train({"objective": "multiclassova", "num_class": 3, "sigmoid": 1.7}, 5, x, y), xt)

    def squares(scores, data):
        want = np.eye(3)[data.get_label().astype(int)]
        scores = scores.reshape(want.shape, order="C" if MAJOR >= 4 else "F")
        gradient = scores - want
        return (gradient, np.ones_like(gradient)) if MAJOR >= 4 else (gradient.ravel("F"), np.ones(gradient.size))

    golden("custom-classes", train({"num_class": 3}, 4, x, y, fobj=squares), xt)


def shapes():
    x, y, xt, yt = split(load_breast_cancer(), 6)
    rf = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "feature_fraction": 0.7}
    golden("rf-binary", train({"objective": "binary", **rf}, 7, x, y), xt)
    golden("rf-regression", train({"objective": "regression", **rf}, 7, x, y), xt)
    golden("dart", train({"objective": "binary", "boosting": "dart", "drop_rate": 0.5}, 8, x, y), xt)
    golden("goss", train({"objective": "binary", "data_sample_strategy": "goss", "learning_rate": 0.3}, 8, x, y), xt)
    golden("deep", train({"objective": "binary", "num_leaves": 60, "min_data_in_leaf": 1, "learning_rate": 0.3}, 4, x, y), xt)
    golden("two-leaves", train({"objective": "binary", "num_leaves": 2}, 10, x, y), xt)
    golden("constant", train({"objective": "regression"}, 3, x, np.full(len(y), 2.5)), xt, 4, 4)
    golden("no-split", train({"objective": "binary", "min_data_in_leaf": 300}, 3, x, y), xt, 4, 4)
    golden("extra-trees", train({"objective": "binary", "extra_trees": True, "max_bin": 15}, 8, x, y), xt)
    golden("monotone", train({"objective": "binary", "monotone_constraints": [1, 0, 0, 0, 0, -1]}, 6, x, y), xt)
    golden("names", train({"objective": "binary"}, 3, x, y, feature_name=["a=b", "größe", "f_2", "Tree", "x-4", "end"]), xt, 4, 4)
    first = train({"objective": "binary"}, 4, x, y)
    golden("continued", train({"objective": "binary", "learning_rate": 0.3}, 4, x, y, init_model=load(text_of(first))), xt)
    golden("refit", first.refit(xt, yt, decay_rate=0.5), xt)
    best = train({"objective": "binary", "learning_rate": 0.5, "metric": "binary_logloss"}, 60, x, y,
                 valid_sets=[lgb.Dataset(xt, yt)], callbacks=[lgb.early_stopping(3, verbose=False)])
    assert 0 < best.best_iteration < 60 and text_of(best).count("Tree=") == best.best_iteration
    golden("best-iteration", best, xt)
    x, y, xt, _ = split(load_wine(), 6)
    golden("rf-multiclass", train({"objective": "multiclass", "num_class": 3, **rf}, 4, x, y), xt)


def missing():
    x, y, xt, _ = split(load_breast_cancer(), 6)
    golden("missing-nan", train({"objective": "binary"}, 10, holes(x, 0.25, np.nan), y), holes(xt, 0.25, np.nan))
    chance = np.random.default_rng(6)
    asked, gone = x - x.mean(0), chance.random(len(y)) < 0.4
    asked[gone, 1] = np.nan
    booster = train({"objective": "binary", "learning_rate": 0.3}, 8, asked, (gone ^ (chance.random(len(y)) < 0.1)) * 1.0)
    assert re.search("^threshold=.*inf", text_of(booster), re.M)  # a split between what is missing and what is not
    golden("missing-or-not", booster, holes(xt - x.mean(0), 0.25, np.nan))
    golden("missing-zero", train({"objective": "binary", "zero_as_missing": True}, 10, holes(x, 0.25, 0.0), y), holes(xt, 0.25, 0.0))
    golden("missing-none", train({"objective": "binary", "use_missing": False}, 10, holes(x - 15, 0.25, np.nan), y), holes(xt - 15, 0.25, np.nan))
    golden("tiny", train({"objective": "binary", "min_data_in_bin": 1}, 8, (x - x.mean(0)) * 1e-36, y), (xt - x.mean(0)) * 1e-36)
    golden("huge", train({"objective": "binary", "min_data_in_bin": 1}, 6, np.where(x > np.median(x, 0), 1.5e308, x), y), xt)


def table(rows, seed, kinds=(4, 12, 150)):
    """Three columns of categories (few, some, many) and three of numbers; what the label depends on is all of them."""
    rng = np.random.default_rng(seed)
    weights = [np.random.default_rng(40 + k).normal(size=k) for k in kinds]
    codes = np.stack([rng.integers(0, k, rows) for k in kinds], 1).astype(np.float64)
    numbers = rng.normal(size=(rows, 3))
    score = sum(w[codes[:, i].astype(int)] for i, w in enumerate(weights)) + numbers[:, 0] + np.where(numbers[:, 1] > 0, 1, -1)
    return np.concatenate([codes, numbers], 1), (score + rng.normal(size=rows) > 0).astype(np.float64), score


def categories():
    small = {"objective": "binary", "min_data_per_group": 5, "cat_smooth": 1.0}
    columns = [0, 1, 2]
    x, y, score = table(600, 1)
    xt = table(40, 2)[0]
    golden("categorical", train(small, 8, x, y, columns), xt, categorical=columns)
    golden("categorical-onehot", train({**small, "max_cat_to_onehot": 200}, 8, x, y, columns), xt, categorical=columns)
    gaps = holes(x, 0.15, np.nan)
    golden("categorical-missing", train(small, 8, gaps, y, columns), holes(xt, 0.15, np.nan), categorical=columns)
    golden("categorical-zero", train({**small, "zero_as_missing": True}, 6, x, y, columns), xt, categorical=columns)
    sparse = x.copy()
    sparse[:, 2] = sparse[:, 2] * 37 + 5  # wide bitsets
    wide = xt.copy()
    wide[:, 2] = wide[:, 2] * 37 + 5
    golden("categorical-wide", train(small, 4, sparse, y, columns), wide, categorical=columns)
    if MAJOR < 3:
        return
    linear = {"linear_tree": True, "num_leaves": 5}
    golden("linear-categorical", train({**linear, **small, "objective": "regression"}, 5, x, score, columns), xt, categorical=columns)
    x, y, xt, _ = split(load_diabetes(scaled=False), 6)
    x, xt = x - 1, xt - 1
    golden("linear", train({**linear, "objective": "regression"}, 6, x, y), xt)
    golden("linear-missing", train({**linear, "objective": "regression"}, 6, holes(x, 0.1, np.nan), y), holes(xt, 0.1, np.nan))
    golden("linear-binary", train({**linear, "objective": "binary", "linear_lambda": 0.1}, 6, x, (y > 150) * 1.0), xt)
    golden("linear-no-split", train({**linear, "objective": "regression", "min_data_in_leaf": 300}, 3, x, y), xt, 4, 4)


def pandas_names():
    import pandas as pd

    x, y, _ = table(400, 3, (3, 5, 12))
    xt = table(30, 4, (3, 5, 12))[0]
    names = [["low", "mid", "high"], ["α", 'with "quotes"', "c", "", "e"], list(range(100, 112))]

    def frame(values, ordered):
        data = pd.DataFrame(values, columns=list("abcdef"))
        for i, column in enumerate("abc"):
            data[column] = pd.Categorical.from_codes(values[:, i].astype(int), names[i], ordered=ordered and i == 0)
        return data

    small = {"objective": "binary", "min_data_per_group": 5, "cat_smooth": 1.0}
    for name, ordered in (("pandas", False), ("pandas-ordered", True)):
        booster = train(small, 5, frame(x, ordered), y)
        assert same(ask(booster, xt), ask(booster, frame(xt, ordered))), "codes are not what pandas gives"
        golden(name, booster, xt, categorical=[0, 1, 2])
    names_of_rows("lightgbm-pandas", names)


def names_of_rows(name, names):
    """Frames whose own codes are others than the model's; a name that the model does not know is a missing value."""
    import pandas as pd

    rng = np.random.default_rng(5)
    rows = 40
    path = f"tests/data/golden/{name}.txt"
    model = lgb.Booster(model_file=ROOT / path)
    frame = pd.DataFrame({column: rng.normal(size=rows) for column in "abcdef"})
    for column, known, unknown in zip("abc", names, ("Low", "β", 99)):
        values = [*known, unknown, None]
        frame[column] = pd.Categorical([values[i] for i in rng.integers(0, len(values), rows)], categories=[unknown, *known[::-1]])
    write_names(name, path, frame, lambda rows: model.predict(rows, num_threads=1), 64)


def edited():
    """Files that LightGBM reads but would not write: it is asked all the same what they mean."""
    x, y, xt, _ = split(load_breast_cancer(), 6)
    rng = np.random.default_rng(3)
    text = text_of(train({"objective": "binary", "num_leaves": 12, "learning_rate": 0.3}, 10, (x - x.mean(0)) / x.std(0), y))
    ends = [repr(v) for v in (0.0, -0.0, 5e-324, -5e-324, 1e-36, -1e-36, ZERO, -ZERO, np.nextafter(ZERO, 1).item(), np.nextafter(-ZERO, -1).item(),
                              np.nextafter(ZERO, 0).item(), np.nextafter(-ZERO, 0).item(), 1e300, -1e300, 1.7976931348623157e308, -1.7976931348623157e308)] + ["inf", "-inf"]

    def change(tree, key, value):
        if key == "threshold":
            return " ".join(v if rng.random() < 0.3 else ends[rng.integers(len(ends))] for v in value.split())
        return " ".join(str(rng.choice([0, 2, 4, 6, 8, 10])) for _ in value.split()) if key == "decision_type" else value

    text = edit(text, change)
    golden("edited-thresholds", None, (xt - x.mean(0)) / x.std(0), 10, 40, text=text)
    x, y, xt, _ = split(load_diabetes(scaled=False), 6)
    text = text_of(train({"objective": "regression", "linear_tree": True, "num_leaves": 5, "boost_from_average": False}, 3, x, y))

    def steep(tree, key, value):
        if key == "leaf_const":
            return " ".join("0" for _ in value.split())
        return " ".join(str(float(v) * 1e40) for v in value.split()) if key == "leaf_coeff" else value

    # Each leaf's products alone are seen in the sums: what LightGBM takes for zero shows.
    text = edit(text, steep)
    golden("edited-linear", None, xt, 6, 12, text=edit(text, lambda tree, key, value: " ".join("0" for _ in value.split())
                                                       if key == "leaf_value" and tree == 0 else value))


def read_golden(path):
    """(model, rows, what was said) of a golden file."""
    model, _, *lines = path.read_text().splitlines()
    rows, said = (np.array([[int(w, 16) for w in line.split("|")[k].split()] for line in lines], np.uint64).view(np.float64) for k in (0, 1))
    return ROOT / model.split()[1], rows, said


def contributions():
    """tests/data/contributions: what each column adds to each output, then what is expected of no row (pred_contrib), for some goldens."""
    folder = ROOT / "tests/data/contributions"
    folder.mkdir(exist_ok=True)
    for name in ("binary", "multiclass", "missing-nan", "missing-zero", "missing-or-not", "rf-binary", "categorical-missing", "no-split", "two-leaves", "deep"):
        model, rows, _ = read_golden(GOLDEN / f"lightgbm-{name}.golden")
        rows = rows[:: max(1, len(rows) // 16)]
        out = lgb.Booster(model_file=str(model)).predict(rows, pred_contrib=True, num_threads=1)
        lines = [f"model {model.relative_to(ROOT)}", f"columns {rows.shape[1]} outputs {out.shape[1]} rows {len(rows)} bits 64"]
        lines += [f"{bits(row)} | {bits(y)}" for row, y in zip(rows, out)]
        (folder / f"lightgbm-{name}.golden").write_text("\n".join(lines) + "\n")


def samples():
    """samples/models/wine and its rows: those that every shortest-form printer writes alike (no exponents)."""
    data = load_wine()
    x, y, xt, _ = split(data, 13)
    names = [name.replace("/", "_") for name in data.feature_names]
    booster = train({"objective": "multiclass", "num_class": 3, "num_leaves": 6, "learning_rate": 0.05}, 20, x, y, feature_name=names)
    path = ROOT / "samples/models/wine/1/model.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_of(booster))
    lines = []
    for row, out in zip(xt, ask(booster, xt)):
        assert (out > 1e-4).all() and (row < 1e15).all() and ((row == 0) | (row > 1e-4)).all()
        numbers = ",".join(repr(v)[:-2] if repr(v).endswith(".0") else repr(v) for v in row.tolist())
        body = f'{{"inputs":[{{"name":"input-0","shape":[1,13],"datatype":"FP64","data":[{numbers}]}}]}}'
        lines.append("\t".join([f"user-{len(lines):03d}", ",".join(repr(v) for v in out.tolist()), body]))
    (ROOT / "samples/rows/wine.tsv").write_text("\n".join(lines) + "\n")
    (ROOT / "samples/rows/wine.json").write_text(lines[0].split("\t")[2] + "\n")


def check_older():
    """What older releases wrote and said has to be what this one says, or their files would mean two things."""
    for path in sorted(GOLDEN.glob("lightgbm-v*.golden")):
        model, rows, said = read_golden(path)
        assert same(ask(lgb.Booster(model_file=str(model)), rows), said), path.name
        print(f"{path.name}: the same in {lgb.__version__}")


def old():
    x, y, xt, _ = split(load_breast_cancer(), 5)
    golden("binary", train({"objective": "binary"}, 6, x, y), xt, 4, 4)
    golden("missing-nan", train({"objective": "binary"}, 5, holes(x, 0.25, np.nan), y), holes(xt, 0.25, np.nan), 4, 4)
    golden("missing-zero", train({"objective": "binary", "zero_as_missing": True}, 5, holes(x, 0.25, 0.0), y), holes(xt, 0.25, 0.0), 4, 4)
    rf = train({"objective": "binary", "boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "feature_fraction": 0.7}, 4, x, y)
    if VERSION >= (2, 2):
        golden("rf", rf, xt, 4, 4)
    else:  # its leaves are probabilities, which later releases would make probabilities of once more
        (REFUSED / "lightgbm-old-forest.txt").write_text(text_of(rf))
    golden("cross-entropy", train({"objective": "xentropy"}, 3, x, y * 0.9 + 0.05), xt, 4, 4)
    if MAJOR >= 3:  # before, it was log(1 + exp(x)); files don't say which, and clops follows the later
        golden("cross-entropy-lambda", train({"objective": "xentlambda"}, 3, x, y * 0.9 + 0.05), xt, 4, 4)
    x, y, xt, _ = split(load_wine(), 5)
    golden("multiclass", train({"objective": "multiclass", "num_class": 3}, 3, x, y), xt, 4, 4)
    golden("multiclassova", train({"objective": "multiclassova", "num_class": 3}, 3, x, y), xt, 4, 4)
    x, y, xt, _ = split(load_diabetes(), 5)
    golden("poisson", train({"objective": "poisson"}, 3, x, y), xt, 4, 4)
    if MAJOR >= 3:
        golden("linear", train({"objective": "regression", "linear_tree": True}, 3, x, y), xt, 4, 4)
        golden("no-split", train({"objective": "regression", "min_data_in_leaf": 1000}, 3, x, y), xt, 2, 2)
    x, y, _ = table(300, 1, (4, 12, 60))
    golden("categorical", train({"objective": "binary", "min_data_per_group": 5, "cat_smooth": 1.0}, 5, x, y, [0, 1, 2]), table(30, 2, (4, 12, 60))[0], 4, 4,
           categorical=[0, 1, 2])


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    if MAJOR < 4:
        old()
    else:
        for make in (samples, objectives, shapes, missing, categories, pandas_names, edited, contributions, check_older):
            make()
