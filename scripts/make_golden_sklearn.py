#!/usr/bin/env python3
"""scikit-learn models in skops files and what scikit-learn itself predicts with them: tests/data/golden-sklearn.

    python3 -m venv venv && venv/bin/pip install -r scripts/requirements-golden-sklearn.txt
    venv/bin/python scripts/make_golden_sklearn.py

Where an older release differs, it says so itself: `pip install scikit-learn==1.5.2` and once more; that writes NAME-1.5 alone.
Models that are there already are kept and asked again. NAME.golden is as scripts/make_golden.py says, of 64 bits, with a line `ulps N`
where predictions rest on BLAS, which rounds differently from one machine to the next. NumPy's exp does, too, where it has
AVX-512; elsewhere it is the C library's, so it is asked to do without. Classifiers: predict_proba; regressors: predict;
IsolationForest: score_samples. Rows are on, just below and just above thresholds, or have missing values, zeros of both
signs, and (boosting by histogram) infinities. Categories are those of the training, their neighbours, and others; texts
stand in the golden as their codes.
"""
import os
import pathlib
import struct
import warnings
import zipfile

os.environ["NPY_DISABLE_CPU_FEATURES"] = "X86_V4 AVX512_ICL AVX512_SPR"  # before NumPy is there; names of NumPy 2.4
import numpy as np
import skops.io
import sklearn
from golden_names import write_names
from sklearn import base, dummy, ensemble, linear_model, multiclass, tree

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests/data/golden-sklearn"
F32, F64 = np.float32, np.float64
warnings.filterwarnings("ignore")


def data(seed, rows=240, columns=5, classes=2, targets=1, missing=0.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)).astype(F32).astype(F64)
    x[:, 0] = np.round(x[:, 0], 1)  # many equal values
    score = x[:, 0] + x[:, 1] * x[:, 2] - np.abs(x[:, 3])
    if missing:
        x[rng.random(x.shape) < missing] = np.nan
    label = np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))
    y = score if targets == 1 else np.column_stack([score * (t + 1) + x[:, t] for t in range(targets)])
    return x, y, label


def thresholds(model):
    for one in np.ravel(getattr(model, "estimators_", [model])):
        if hasattr(one, "tree_"):
            inner = one.tree_.children_left >= 0
            yield from zip(one.tree_.feature[inner], one.tree_.threshold[inner])
    for iteration in getattr(model, "_predictors", []):
        for predictor in iteration:
            inner = predictor.nodes[predictor.nodes["is_leaf"] == 0]
            inner = inner[inner["is_categorical"] == 0]
            yield from zip(columns_of(model)[inner["feature_idx"]], inner["num_threshold"])


def columns_of(model):  # of what histogram boosting calls a feature: categories come first
    if model.is_categorical_ is None:
        return np.arange(model.n_features_in_)
    return np.argsort(~model.is_categorical_, kind="stable")


def categories_of(model):  # by column
    if getattr(model, "is_categorical_", None) is None:
        return {}
    known = (one[one == one] for one in model._preprocessor.named_transformers_["encoder"].categories_)
    return dict(zip(np.flatnonzero(model.is_categorical_), known))


def hard_categories(model, rows, rng):
    for column, known in categories_of(model).items():
        known = np.arange(len(known)) if isinstance(known[0], str) else np.array(known, dtype=F64)
        for row in rows:
            value = rng.choice(known)
            others = [np.nextafter(value, -np.inf), np.nextafter(value, np.inf), value + 0.5, -1, -0.0, 0, 1e6, value + 256,
                      known.max() + 1, np.nan]
            row[column] = value if rng.random() < 0.6 else rng.choice(others)


def asked(model, rows):  # with names in place of codes
    objects = {c: known for c, known in categories_of(model).items() if known.dtype.kind in "OU"}
    if not objects:
        return rows
    import pandas
    frame = pandas.DataFrame(rows, columns=getattr(model, "feature_names_in_", None))
    for column, known in objects.items():
        values = rows[:, column]
        if isinstance(known[0], str):
            names = dict(enumerate(known))
            values = [np.nan if code != code else names.get(code, "none of them") for code in values]
        frame.isetitem(column, pandas.Series(values, dtype=object))
    return frame


def hard_rows(model, x, kind, missing, count=60):
    rng = np.random.default_rng(17)
    splits = [s for s in thresholds(model) if np.isfinite(s[1])]
    rows = x[rng.integers(0, len(x), count)].copy()
    for i, row in enumerate(rows):
        if splits:
            for j in rng.integers(0, len(splits), 3):
                feature, value = splits[j]
                value = kind(value)
                row[feature] = (value, np.nextafter(value, kind(-np.inf)), np.nextafter(value, kind(np.inf)))[i % 3]
        if i % 7 == 0:
            row[rng.integers(len(row))] = (0.0, -0.0)[i % 2]
        if missing and i % 4 == 0:
            row[rng.integers(len(row))] = np.nan
    if missing:
        rows[-1] = np.nan
    hard_categories(model, rows, rng)
    if hasattr(model, "_predictors") and not categories_of(model):  # which must be finite
        rows[-2, 0], rows[-3, 1] = np.inf, -np.inf
    if not missing:
        rows = np.nan_to_num(rows)
    return rows.astype(kind).astype(F64)


def write(name, model, x, kind=F32, missing=False, ulps=0):
    path = FOLDER / (name + ".skops")
    compressed = not name.startswith(("tree", "linear", "lasso"))  # both ways of packing
    if path.exists():
        model = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    else:
        skops.io.dump(model, path, compression=zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED)
    rows = hard_rows(model, x, kind, missing)
    ask = getattr(model, "predict_proba" if hasattr(model, "classes_") else "score_samples", model.predict)
    predicted = ask(asked(model, rows))
    predicted = np.hstack(predicted) if isinstance(predicted, list) else predicted  # of several targets
    predicted = np.asarray(predicted, dtype=F64).reshape(len(rows), -1)
    bits = lambda value: struct.pack(">d", value).hex()
    lines = [f"model {path.relative_to(ROOT)}", f"columns {x.shape[1]} outputs {predicted.shape[1]} rows {len(rows)} bits 64"]
    lines[1:1] = [f"ulps {ulps}"] if ulps else []
    lines += [" ".join(map(bits, row)) + " | " + " ".join(map(bits, out)) for row, out in zip(rows, predicted)]
    (FOLDER / (name + ".golden")).write_text("\n".join(lines) + "\n")
    print(name, path.stat().st_size)


def older():
    x, y, label = data(1)
    x3, _, label3 = data(3, classes=4)
    few = dict(n_estimators=6, max_depth=2, random_state=13)
    start = dummy.DummyClassifier(strategy="most_frequent")
    write("boosting-start-1.5", ensemble.GradientBoostingClassifier(init=start, **few).fit(x, label), x)
    far = 3000 * x3
    sgd = linear_model.SGDClassifier(loss="log_loss", random_state=1)
    write("sgd-far-1.5", base.clone(sgd).fit(far, label3), far, F64, ulps=1 << 20)
    write("one-vs-rest-far-1.5", multiclass.OneVsRestClassifier(sgd).fit(far, label3), far, F64, ulps=1 << 20)
    write("logistic-liblinear-1.5", linear_model.LogisticRegression(solver="liblinear").fit(x3, label3), x3, F64, ulps=512)


def main():
    import pandas
    FOLDER.mkdir(parents=True, exist_ok=True)
    if sklearn.__version__.startswith("1.5."):
        return older()
    x, y, label = data(1)
    m, my, mlabel = data(2, missing=0.1)
    x3, _, label3 = data(3, classes=4)
    xt, yt, _ = data(4, targets=3)
    names = np.array(["no", "yes"])
    write("tree-classifier", tree.DecisionTreeClassifier(max_depth=5, random_state=1).fit(x3, label3), x3)
    write("tree-regressor", tree.DecisionTreeRegressor(max_depth=6, random_state=1).fit(m, my), m, missing=True)
    write("tree-negative-zero", tree.DecisionTreeRegressor(max_depth=2).fit(x, np.where(y > 0, -0.0, y)), x)
    write("tree-targets", tree.DecisionTreeRegressor(max_depth=4, random_state=1).fit(xt, yt), xt)
    write("tree-stump", tree.DecisionTreeRegressor(max_depth=1).fit(x[:3], np.ones(3)), x)
    write("extra-tree", tree.ExtraTreeRegressor(max_depth=6, random_state=2).fit(x, y), x)
    frame = pandas.DataFrame(x, columns=["age", "income", "größe", "visits", "e"])
    write("forest-binary", ensemble.RandomForestClassifier(11, max_depth=5, random_state=1).fit(frame, names[label]), x)
    write("forest-classes", ensemble.RandomForestClassifier(8, max_depth=5, random_state=2).fit(x3, label3 * 10 - 5), x3)
    write("forest-missing", ensemble.RandomForestClassifier(7, max_depth=5, random_state=3).fit(m, mlabel), m, missing=True)
    write("forest-regressor", ensemble.RandomForestRegressor(9, max_depth=6, random_state=4).fit(x, y), x)
    write("forest-targets", ensemble.RandomForestRegressor(6, max_depth=4, random_state=5).fit(xt, yt), xt)
    write("extra-classes", ensemble.ExtraTreesClassifier(8, max_depth=5, random_state=6).fit(x3, label3), x3)
    write("extra-regressor", ensemble.ExtraTreesRegressor(8, max_depth=5, random_state=7).fit(m, my), m, missing=True)
    several = np.column_stack([label3, names[label], label3 // 2])
    write("tree-labels", tree.DecisionTreeClassifier(max_depth=4, random_state=1).fit(x3, several), x3)
    write("forest-labels", ensemble.RandomForestClassifier(7, max_depth=4, random_state=1).fit(x3, several), x3)
    boost = ensemble.GradientBoostingClassifier
    write("boosting-binary", boost(n_estimators=20, max_depth=3, random_state=8).fit(x, label), x)
    write("boosting-skewed", boost(n_estimators=8, random_state=8).fit(x, (y > np.quantile(y, 0.85)).astype(int)), x)
    write("boosting-zero", boost(n_estimators=8, init="zero", random_state=8).fit(x, label), x)
    write("boosting-classes", boost(n_estimators=8, max_depth=3, random_state=9).fit(x3, label3), x3)
    x10, _, label10 = data(12, rows=500, classes=10)
    write("boosting-ten-classes", boost(n_estimators=4, max_depth=2, random_state=12).fit(x10, label10), x10)
    uneven = np.digitize(y, np.quantile(y, [0.2, 0.23, 0.31, 0.5, 0.68, 0.7, 0.83, 0.9, 0.97]))
    write("boosting-uneven-classes", boost(n_estimators=2, max_depth=1, random_state=12).fit(x, uneven), x)
    for loss in ("squared_error", "huber", "quantile"):
        model = ensemble.GradientBoostingRegressor(n_estimators=15, loss=loss, learning_rate=0.07, random_state=10)
        write("boosting-" + loss.replace("_", "-"), model.fit(x, y), x)
    histogram = dict(max_iter=12, min_samples_leaf=5, random_state=11)
    write("histogram-binary", ensemble.HistGradientBoostingClassifier(**histogram).fit(m, mlabel), m, F64, True)
    write("histogram-classes", ensemble.HistGradientBoostingClassifier(**histogram).fit(x3, label3), x3, F64, True)
    write("histogram-ten-classes", ensemble.HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=6, random_state=11).fit(
        x10, label10), x10, F64)
    write("histogram-regressor", ensemble.HistGradientBoostingRegressor(**histogram).fit(m, my), m, F64, True)
    only_missing = np.where(np.random.default_rng(5).random((200, 2)) < 0.5, np.nan, 1.0)
    write("histogram-missing-only", ensemble.HistGradientBoostingRegressor(**histogram).fit(
        only_missing, np.isnan(only_missing[:, 0]) * 2.0), only_missing, F64, True)
    write("histogram-poisson", ensemble.HistGradientBoostingRegressor(loss="poisson", **histogram).fit(x, np.exp(y)), x, F64,
          True)
    categories(histogram)
    dummy_class, dummy_value = dummy.DummyClassifier, dummy.DummyRegressor
    few = dict(n_estimators=6, max_depth=2, random_state=13)
    write("boosting-exponential", boost(loss="exponential", **few).fit(x, label), x)
    write("boosting-exponential-zero", boost(loss="exponential", init="zero", **few).fit(x, label), x)
    write("boosting-uniform", boost(init=dummy_class(strategy="uniform"), **few).fit(x3, label3), x3)
    write("boosting-constant", boost(init=dummy_class(strategy="constant", constant=1), **few).fit(x, label), x)
    write("boosting-most-frequent", boost(init=dummy_class(strategy="most_frequent"), **few).fit(x3, label3 // 2), x3)
    write("boosting-median", ensemble.GradientBoostingRegressor(init=dummy_value(strategy="median"), **few).fit(x, y), x)
    isolation = dict(n_estimators=12, max_samples=64, random_state=14)
    write("isolation", ensemble.IsolationForest(**isolation).fit(m), m, missing=True)
    write("isolation-features", ensemble.IsolationForest(max_features=3, contamination=0.1, **isolation).fit(x), x)
    write("linear", linear_model.LinearRegression().fit(frame, y), x, F64, ulps=512)
    write("linear-targets", linear_model.LinearRegression().fit(xt, yt), xt, F64, ulps=512)
    write("linear-no-intercept", linear_model.Ridge(fit_intercept=False).fit(x, y), x, F64, ulps=512)
    write("lasso", linear_model.Lasso(0.05).fit(x, y), x, F64, ulps=512)
    write("elastic-net", linear_model.ElasticNet(0.05).fit(x, y), x, F64, ulps=512)
    write("logistic", linear_model.LogisticRegression().fit(x, names[label]), x, F64, ulps=512)
    write("logistic-classes", linear_model.LogisticRegression().fit(x3, label3), x3, F64, ulps=512)
    write("sgd-regressor", linear_model.SGDRegressor(random_state=1).fit(x, y), x, F64, ulps=512)
    write("sgd-classifier", linear_model.SGDClassifier(loss="log_loss", random_state=1).fit(x, label), x, F64, ulps=512)
    sgd = linear_model.SGDClassifier(loss="log_loss", random_state=1)
    write("sgd-classes", base.clone(sgd).fit(x3, label3), x3, F64, ulps=512)
    far = 3000 * x3  # rows of no class at all
    write("sgd-far", base.clone(sgd).fit(far, label3), far, F64, ulps=1 << 20)
    apart, logistic = multiclass.OneVsRestClassifier, linear_model.LogisticRegression()
    write("one-vs-rest", apart(logistic).fit(x3, names[label3 % 2].astype(object) + label3.astype(str)), x3, F64, ulps=512)
    write("one-vs-rest-binary", apart(logistic).fit(x, label), x, F64, ulps=512)
    write("one-vs-rest-labels", apart(logistic).fit(x, np.column_stack([label, y > 1, x[:, 0] > 0])), x, F64, ulps=512)
    write("one-vs-rest-far", apart(sgd).fit(far, label3), far, F64, ulps=1 << 20)
    write("lars", linear_model.Lars(n_nonzero_coefs=3).fit(x, y), x, F64, ulps=512)
    write("lasso-lars-ic", linear_model.LassoLarsIC().fit(x, y), x, F64, ulps=512)
    write("matching-pursuit", linear_model.OrthogonalMatchingPursuit(n_nonzero_coefs=2).fit(xt, yt), xt, F64, ulps=512)
    write("bayesian-ridge", linear_model.BayesianRidge().fit(x, y), x, F64, ulps=512)
    write("relevance", linear_model.ARDRegression().fit(x, y), x, F64, ulps=512)
    write("theil-sen", linear_model.TheilSenRegressor(random_state=1).fit(x, y), x, F64, ulps=512)
    write("median", linear_model.QuantileRegressor(alpha=0.01).fit(x, y), x, F64, ulps=512)
    write("multi-task-lasso", linear_model.MultiTaskLasso(0.05, fit_intercept=False).fit(xt, yt), xt, F64, ulps=512)
    # exp makes of what is rounded in a sum of hundreds as many times that.
    write("poisson", linear_model.PoissonRegressor().fit(x, np.exp(y)), x, F64, ulps=8192)
    write("gamma", linear_model.GammaRegressor().fit(x, np.exp(y)), x, F64, ulps=8192)
    write("tweedie", linear_model.TweedieRegressor(power=1.5).fit(x, np.exp(y)), x, F64, ulps=8192)
    write("tweedie-identity", linear_model.TweedieRegressor(power=0).fit(x, y), x, F64, ulps=512)
    refused(x, y, label, x3, label3)


def categories(histogram):
    import pandas
    rng = np.random.default_rng(21)
    x = rng.normal(size=(300, 4)).round(2)
    x[:, 1] = rng.choice([-1.5, 0, 2, 700, 1e9, np.nan], 300)
    x[:, 3] = rng.choice([3, 7, 8], 300)
    y = x[:, 0] + np.where(x[:, 1] == 2, 2, 0) - np.where(np.isnan(x[:, 1]), 3, 0) + (x[:, 3] == 7) * x[:, 2]
    few = histogram | dict(max_iter=6, max_leaf_nodes=9)
    regressor, classifier = ensemble.HistGradientBoostingRegressor, ensemble.HistGradientBoostingClassifier
    write("histogram-categories", classifier(categorical_features=[1, 3], **few).fit(x, y > 0), x, F64, True)
    only = np.column_stack([np.floor(rng.random(900) * 240) * 3, rng.integers(0, 2, 900)])
    write("histogram-many-categories", regressor(categorical_features=[0, 1], **few).fit(only, np.sin(only[:, 0])), only, F64,
          True)
    frame = pandas.DataFrame(x, columns=["age", "city", "income", "size"])
    frame["city"] = pandas.Categorical(rng.choice(["Köln", "Bonn", "Ulm", "Aachen", None], 300))
    frame["size"] = pandas.Categorical(frame["size"], categories=[8, 3, 7])
    label = (x[:, 0] > 0.5) + (frame["city"] == "Ulm").to_numpy() * 1
    coded = frame.assign(city=frame["city"].cat.codes, size=frame["size"].astype(float)).to_numpy(dtype=F64)
    write("histogram-category-names", classifier(categorical_features="from_dtype", **few).fit(frame, label), coded, F64, True)
    kept = FOLDER / "histogram-category-names.skops"
    named = skops.io.load(kept, trusted=skops.io.get_untrusted_types(file=kept))
    asked = frame.iloc[:40].assign(size=frame["size"].astype(float), city=frame["city"].cat.add_categories(["Trier", ""]))
    asked.loc[asked.index[5:9], "city"] = ["Trier", "", "Trier", None]  # the names that training had not are missing values
    write_names("sklearn-histogram", "tests/data/golden-sklearn/" + kept.name, asked, named.predict_proba, 64)
    objects = frame.assign(city=frame["city"].astype(object).fillna("?")).to_numpy(dtype=object)
    write("histogram-category-objects", regressor(categorical_features=[1, 3], **few).fit(objects, y), coded, F64, True)


def refused(x, y, label, x3, label3):
    from sklearn import neighbors, pipeline, preprocessing
    folder = ROOT / "tests/data/refused-skops"
    folder.mkdir(exist_ok=True)
    nothing = np.column_stack([np.where(label == 0, "a", None), x[:, 1]])
    huge = np.column_stack([(x[:, 0] > 0).astype(np.int64) + 2**60, np.arange(len(x))])
    by_category = ensemble.HistGradientBoostingRegressor(max_iter=2, categorical_features=[0])
    few = dict(n_estimators=2, max_depth=1, random_state=1)
    models = {
        "pipeline": pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.Ridge()).fit(x, y),
        "other-start": ensemble.GradientBoostingRegressor(init=linear_model.Ridge(), **few).fit(x, y),
        "random-start": ensemble.GradientBoostingClassifier(init=dummy.DummyClassifier(strategy="stratified"), **few).fit(x, label),
        "category-none": base.clone(by_category).fit(nothing, y),
        "category-huge": base.clone(by_category).fit(huge, y),
        "isolation-of-one": ensemble.IsolationForest(n_estimators=2, max_samples=1, random_state=1).fit(x),
        "neighbours": neighbors.KNeighborsClassifier().fit(x[:20], label[:20]),
        "one-vs-rest": multiclass.OneVsRestClassifier(tree.DecisionTreeClassifier(max_depth=1)).fit(x3, label3),
        "hinge": linear_model.SGDClassifier(random_state=1).fit(x, label),
    }
    for name, model in models.items():
        if not (path := folder / (name + ".skops")).exists():
            skops.io.dump(model, path, compression=zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
