#!/usr/bin/env python3
"""What scikit-learn's transformers and calibrators make of seeded rows, with the declared steps that say the same: tests/data/steps.

    python3 -m venv venv && venv/bin/pip install -r scripts/requirements-golden-sklearn.txt
    venv/bin/python scripts/make_golden_steps.py

NAME.json: `steps` as spec.steps has them; `columns` that reach the model (before the model), or `output`, how many values of a row it
gives (after the model); `rows` in and `expected` out. A number is its float64 bits in hex, a text stands for itself.
"""
import json
import pathlib
import struct

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler
from sklearn.svm import LinearSVC

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests/data/steps"
NAMES = ["age", "income", "debt"]


def bits(value):
    return value if isinstance(value, str) else struct.pack(">d", float(value)).hex()


def write(name, steps, rows, expected, **more):
    body = {"steps": steps, **more, "rows": [[bits(v) for v in row] for row in rows],
            "expected": [[bits(v) for v in row] for row in expected]}
    text = json.dumps(body, ensure_ascii=False).replace("], [", "],\n[").replace('"rows"', '\n"rows"').replace('"expected"', '\n"expected"')
    (FOLDER / f"{name}.json").write_text(text + "\n")


def numbers(seed, rows=40, missing=0.1):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(40, 12, rows), rng.lognormal(10, 1, rows), rng.normal(0, 1e-3, rows)])
    x[rng.random(x.shape) < missing] = np.nan
    return x


def pre(name, steps, rows, expected, columns=NAMES):
    write(name, {"pre": steps}, rows, expected, columns=columns)


def scalers():
    seen, asked = numbers(1, 200), numbers(2)
    by = StandardScaler().fit(seen)
    pre("standard", [{"scale": [{"column": c, "standard": {"mean": m, "std": s}} for c, m, s in zip(NAMES, by.mean_, by.scale_)]}],
        asked, by.transform(asked))
    by = MinMaxScaler().fit(seen)
    pre("min-max", [{"scale": [{"column": c, "minMax": {"min": a, "max": b}} for c, a, b in zip(NAMES, by.data_min_, by.data_max_)]}],
        asked, by.transform(asked))
    constant = np.column_stack([np.full(200, 3.25), seen[:, 1], np.full(200, -1e-20)])
    by = MinMaxScaler().fit(constant)
    pre("min-max-constant",
        [{"scale": [{"column": c, "minMax": {"min": a, "max": b}} for c, a, b in zip(NAMES, by.data_min_, by.data_max_)]}],
        asked, by.transform(asked))
    by = RobustScaler().fit(seen)
    pre("robust", [{"scale": [{"column": c, "robust": {"center": m, "scale": s}} for c, m, s in zip(NAMES, by.center_, by.scale_)]}],
        asked, by.transform(asked))
    pre("clip", [{"clip": [{"column": "age", "min": 18, "max": 65.5}, {"column": "debt", "max": 1e-4}]}], asked,
        np.column_stack([np.clip(asked[:, 0], 18, 65.5), asked[:, 1], np.clip(asked[:, 2], None, 1e-4)]))


def imputers():
    seen, asked = numbers(3, 200), numbers(4, missing=0.4)
    for name in ("mean", "median"):
        by = SimpleImputer(strategy=name).fit(seen)
        pre(f"impute-{name}", [{"impute": [{"column": c, "value": v} for c, v in zip(NAMES, by.statistics_)]}], asked, by.transform(asked))
    cities = np.array(["Berlin", "Paris", "", "Łódź"], dtype=object)
    rng = np.random.default_rng(5)
    seen, asked = (rng.choice(cities, size=(n, 1), p=[0.4, 0.3, 0.2, 0.1]) for n in (200, 30))
    by = SimpleImputer(strategy="most_frequent", missing_values="").fit(seen)
    hot = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(by.transform(seen))
    asked[7, 0] = "Rome"
    pre("one-hot-text", [{"impute": [{"column": "city", "text": by.statistics_[0]}]},
                         {"oneHot": [{"column": "city", "categories": list(hot.categories_[0]), "unknown": "Ignore"}]}],
        asked, hot.transform(by.transform(asked)), columns=list(hot.get_feature_names_out(["city"])))


def mixed():
    rng = np.random.default_rng(6)
    rooms = rng.choice([1.0, 2.0, 2.5, 4.0], size=(30, 1))
    hot = OneHotEncoder(sparse_output=False).fit(rooms)
    pre("one-hot-number", [{"oneHot": [{"column": "rooms", "numbers": list(hot.categories_[0]), "names": list("abcd")}]}], rooms,
        hot.transform(rooms), columns=list("abcd"))
    seen, asked = numbers(7, 200), numbers(8, missing=0.3)
    fill = SimpleImputer(strategy="mean").fit(seen)
    by = StandardScaler().fit(fill.transform(seen))
    pre("impute-clip-scale",
        [{"impute": [{"column": c, "value": v} for c, v in zip(NAMES, fill.statistics_)]},
         {"clip": [{"column": c, "min": -5, "max": 60000} for c in NAMES]},
         {"scale": [{"column": c, "standard": {"mean": m, "std": s}} for c, m, s in zip(NAMES, by.mean_, by.scale_)]}],
        asked, by.transform(np.clip(fill.transform(asked), -5, 60000)))


def calibrators():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(600, 4))
    y = (x @ [1.0, -2.0, 0.5, 0.0] + rng.normal(size=600) > 0).astype(int)
    models = {"margin": LinearSVC(random_state=0).fit(x[:200], y[:200]),
              "forest": RandomForestClassifier(10, max_depth=4, random_state=0).fit(x[:200], y[:200])}
    for kind, model in models.items():
        for method in ("sigmoid", "isotonic"):
            by = CalibratedClassifierCV(FrozenEstimator(model), method=method, cv=3, ensemble=False).fit(x[200:500], y[200:500])
            curve = by.calibrated_classifiers_[0].calibrators[0]
            how = ({"platt": {"a": curve.a_, "b": curve.b_}} if method == "sigmoid" else
                   {"isotonic": {"scores": list(curve.X_thresholds_), "probabilities": list(curve.y_thresholds_)}})
            asked = x[500:]
            told = by.predict_proba(asked)
            steps = {"post": [{"calibrate": [{"output": "score", **how}]}]}
            if kind == "margin":
                write(f"calibrate-{method}", steps, model.decision_function(asked)[:, None], told[:, 1:], output=1)
            else:
                write(f"calibrate-{method}-classes", steps, model.predict_proba(asked), told, output=2)


FOLDER.mkdir(exist_ok=True)
scalers()
imputers()
mixed()
calibrators()
