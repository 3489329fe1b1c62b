#!/usr/bin/env python3
"""Writes contributions that the scripts of one framework do not: of XGBoost's vector leaves, and interventional ones.

    python -m venv VENV && VENV/bin/pip install -r scripts/requirements-golden-contributions.txt && VENV/bin/python scripts/make_golden_contributions.py

Nothing of clops runs here and nothing at run or test time needs Python: the outputs are committed.

tests/data/vector-contributions/NAME.golden: pred_contribs (float32), by XGBoost 3.4, the first
release that explains vector leaves.
tests/data/interventional/NAME.golden: shap's TreeExplainer(feature_perturbation="interventional") of some golden models, always
float64. The first BACKGROUND rows of a file are the background that all of its rows are held against; the last number of each
output is the expected value.
"""
import pathlib

import lightgbm as lgb
import numpy as np
import shap
import xgboost as xgb

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/data/golden"
BACKGROUND = 8
ROWS = 20


def read_rows(name, wide, plain=False):
    """The model's path and the golden's rows without infinities, which XGBoost does not take; `plain`: nor numbers that shap
    decides otherwise about than LightGBM (near zero, at the ends)."""
    bits, real = (np.uint64, np.float64) if wide else (np.uint32, np.float32)
    lines = (GOLDEN / f"{name}.golden").read_text().splitlines()
    model = next(line.split()[1] for line in lines if line.startswith("model "))
    rows = [[int(word, 16) for word in line.split("|")[0].split()] for line in lines if "|" in line]
    rows = np.array(rows, bits).view(real)
    sizes = np.abs(np.nan_to_num(rows, nan=1))
    rows = rows[((sizes < 1e6) & (sizes > 1e-6) if plain else sizes < 1e30).all(1)]
    return model, rows[:: max(1, len(rows) // ROWS)][:ROWS]


def hex_of(numbers):
    bits = np.uint32 if numbers.dtype == np.float32 else np.uint64
    return " ".join(f"{word:0{2 * numbers.dtype.itemsize}x}" for word in np.ascontiguousarray(numbers).view(bits))


def write(path, model, rows, out):
    out = out.reshape(len(rows), -1)
    head = f"columns {rows.shape[1]} outputs {out.shape[1]} rows {len(rows)}" + (" bits 64" if out.dtype == np.float64 else "")
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([f"model {model}", head, *(f"{hex_of(row)} | {hex_of(y)}" for row, y in zip(rows, out))]) + "\n")
    print(path.relative_to(ROOT), out.shape)


def vector_leaves():
    for name in ("v3.4-vector-leaf", "v3.4-vector-leaf-softprob"):
        model, rows = read_rows(name, wide=False)
        booster = xgb.Booster({"nthread": 1}, model_file=str(ROOT / model))
        out = booster.predict(xgb.DMatrix(rows), pred_contribs=True, strict_shape=True)
        write(ROOT / "tests/data/vector-contributions" / f"{name}.golden", model, rows, out)


def interventional():
    for name in ("lightgbm-binary", "lightgbm-deep", "breast-cancer-1", "diabetes", "missing", "iris-softprob", "deep", "reg-gamma"):
        wide = name.startswith("lightgbm")
        model, rows = read_rows(name, wide, plain=True)
        if wide:  # shap narrows thresholds and knows one way of missing values, not LightGBM's three: rows between thresholds, whole
            rows = rows[~np.isnan(rows).any(1)]
            rows = rows * (1 + np.random.default_rng(7).normal(0, 1e-3, rows.shape))
        booster = lgb.Booster(model_file=str(ROOT / model)) if wide else xgb.Booster({"nthread": 1}, model_file=str(ROOT / model))
        explainer = shap.TreeExplainer(booster, data=rows[:BACKGROUND], feature_perturbation="interventional")
        values = np.asarray(explainer.shap_values(rows, check_additivity=False), np.float64)
        raw = booster.predict(rows, raw_score=True) if wide else booster.inplace_predict(rows, predict_type="margin", validate_features=False)
        values = values[:, :, None] if values.ndim == 2 else values  # rows, features, outputs
        expected = np.broadcast_to(np.asarray(explainer.expected_value, np.float64), (values.shape[2],))
        off = np.abs(values.sum(1) + expected - raw.reshape(len(rows), -1)).max()
        assert off < 2e-6 * np.abs(raw).max(), f"{name}: shap is {off} off the raw score"
        out = np.concatenate([values.transpose(0, 2, 1), np.broadcast_to(expected[None, :, None], (len(rows), values.shape[2], 1))], 2)
        write(ROOT / "tests/data/interventional" / f"{name}.golden", model, rows.astype(np.float64), out)


if __name__ == "__main__":
    vector_leaves()
    interventional()
