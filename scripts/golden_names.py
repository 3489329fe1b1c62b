"""Rows whose categories are names, and what the framework predicts of them: what a server that takes names has to give. Part of the scripts for goldens.

tests/data/names/NAME.json: `model` (from the repository's root), `columns`, `bits`, `rows` (a name as text, also where pandas has a number,
a number, or null) and `predicted`, a row's bit patterns in hex.
"""
import json
import pathlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAMES = ROOT / "tests/data/names"


def write_names(name, model, frame, ask, bits):
    """`ask` predicts a frame of pandas; rows are asked together and each alone, where pandas knows of no other category."""
    import pandas as pd

    def alone(i):
        row = frame.iloc[[i]].copy()
        for column in row:
            if row[column].dtype == "category" and row[column].notna().all():  # XGBoost takes no column without categories
                row[column] = row[column].cat.remove_unused_categories()
        return row

    def value(column, of):
        if pd.isna(of):
            return None
        return str(of) if frame[column].dtype == "category" else float(of)

    predicted = np.asarray(ask(frame)).reshape(len(frame), -1)
    for i in range(len(frame)):
        assert (np.asarray(ask(alone(i))).reshape(-1).view(f"u{bits // 8}") == predicted[i].view(f"u{bits // 8}")).all(), "a row alone differs"
    assert predicted.dtype.itemsize * 8 == bits
    rows = [[value(column, frame[column].iloc[i]) for column in frame] for i in range(len(frame))]
    digits = bits // 4
    patterns = [[f"{int(bit):0{digits}x}" for bit in row.view(f"u{bits // 8}")] for row in np.ascontiguousarray(predicted)]
    NAMES.mkdir(parents=True, exist_ok=True)
    lines = lambda items: "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in items) + "]"
    (NAMES / f"{name}.json").write_text(
        f'{{"model": {json.dumps(model)}, "columns": {json.dumps(list(frame))}, "bits": {bits},\n"rows": {lines(rows)},\n"predicted": {lines(patterns)}}}\n', encoding="utf-8")
