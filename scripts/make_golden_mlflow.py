#!/usr/bin/env python3
"""Model folders as MLflow saves them: tests/data/mlflow (without the environments' files, which nothing reads).

    python3 -m venv venv && venv/bin/pip install -r scripts/requirements-golden-onnx.txt skops==0.16.0 mlflow-skinny==3.17.2
    venv/bin/python scripts/make_golden_mlflow.py
"""
import pathlib
import shutil

import lightgbm
import mlflow.lightgbm
import mlflow.onnx
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import onnx
import pandas
import xgboost
from mlflow.models import infer_signature
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests/data/mlflow"


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    rng = np.random.default_rng(0)
    x = pandas.DataFrame(rng.normal(size=(100, 3)), columns=list("abc"))
    label, y = (x.a > 0).astype(int), x.a * 2
    signature = infer_signature(x, label)
    model = xgboost.XGBClassifier(n_estimators=3, max_depth=2).fit(x, label)
    mlflow.xgboost.save_model(model, FOLDER / "xgboost", signature=signature)
    booster = lightgbm.train(dict(objective="binary", verbose=-1), lightgbm.Dataset(x, label), 2)
    mlflow.lightgbm.save_model(booster, FOLDER / "lightgbm", signature=signature)
    classifier = lightgbm.LGBMClassifier(n_estimators=3, num_leaves=4, verbose=-1).fit(x, label)
    mlflow.lightgbm.save_model(classifier, FOLDER / "lightgbm-skops", signature=signature)
    mlflow.onnx.save_model(onnx.load(ROOT / "tests/data/onnx/two-inputs.onnx"), FOLDER / "onnx")
    forest = RandomForestRegressor(3, max_depth=2, random_state=1).fit(x.to_numpy(), y)
    mlflow.sklearn.save_model(forest, FOLDER / "sklearn-skops", signature=infer_signature(x, y), serialization_format="skops",
                              skops_trusted_types=["sklearn.tree._tree.Tree"])
    pickled = RandomForestClassifier(3, max_depth=2, random_state=1).fit(x, label)
    mlflow.sklearn.save_model(pickled, FOLDER / "sklearn-pickle", serialization_format="cloudpickle")
    for path in FOLDER.rglob("*"):
        if path.name in ("conda.yaml", "python_env.yaml", "requirements.txt"):
            path.unlink()


if __name__ == "__main__":
    main()
