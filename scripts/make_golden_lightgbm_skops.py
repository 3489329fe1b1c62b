#!/usr/bin/env python3
"""LightGBM's scikit-learn estimators in skops files, as MLflow 3 saves them, and what their Booster predicts.

    python3 -m venv venv && venv/bin/pip install -r scripts/requirements-golden-lightgbm-skops.txt
    venv/bin/python scripts/make_golden_lightgbm_skops.py

tests/data/golden/lightgbm-skops-NAME.golden is as scripts/make_golden_lightgbm.py says. Seeded, one thread.
"""
import pathlib
import struct
import zipfile

import lightgbm as lgb
import numpy as np
import skops.io

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/data/golden"
HARD = [0.0, -0.0, 5e-324, 1e-36, -1e-34, 1e300, -1e300, np.inf, -np.inf, np.nan]
FIXED = dict(n_jobs=1, verbose=-1, random_state=7, num_leaves=6, min_child_samples=5, deterministic=True, force_row_wise=True)


def bits(row):
    return " ".join(struct.pack(">d", v).hex() for v in row)


def golden(name, model, rows):
    booster = getattr(model, "booster_", model)
    file = GOLDEN / f"lightgbm-skops-{name}.skops"
    skops.io.dump(model, file, compression=zipfile.ZIP_DEFLATED)
    out = np.asarray(booster.predict(rows, num_threads=1)).reshape(len(rows), -1)
    alone = np.concatenate([np.asarray(booster.predict(row[None], num_threads=1)).reshape(1, -1) for row in rows])
    assert out.tobytes() == alone.tobytes()
    lines = [f"model {file.relative_to(ROOT)}", f"columns {rows.shape[1]} outputs {out.shape[1]} rows {len(rows)} bits 64"]
    lines += [f"{bits(row)} | {bits(y)}" for row, y in zip(rows, out)]
    (GOLDEN / f"lightgbm-skops-{name}.golden").write_text("\n".join(lines) + "\n")
    print(f"{name}: {len(rows)} rows, {booster.num_trees()} trees, best {booster.best_iteration}, {out[0]}")


def main():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(240, 4))
    score = x[:, 0] + x[:, 1] * x[:, 2]
    rows = np.concatenate([x[:24], rng.choice(HARD, size=(24, 4))])
    label = (score + rng.normal(size=240) > 0).astype(int)
    early = lgb.LGBMClassifier(n_estimators=40, learning_rate=0.5, **FIXED)
    early.fit(x[:160], label[:160], eval_set=[(x[160:], label[160:])], callbacks=[lgb.early_stopping(5, verbose=False)])
    assert early.booster_.best_iteration > 0
    golden("early", early, rows)
    names = np.array(["low", "middle", "high"])[np.digitize(score, [-0.5, 0.5])]
    golden("classes", lgb.LGBMClassifier(n_estimators=4, **FIXED).fit(x, names), rows)
    golden("regressor", lgb.LGBMRegressor(n_estimators=6, **FIXED).fit(x, score), rows)
    forest = dict(boosting_type="rf", subsample=0.7, subsample_freq=1, n_estimators=20)
    averaged = lgb.LGBMRegressor(**forest, **FIXED)
    golden("averaged", averaged.fit(x, score), rows)
    parameters = dict(objective="poisson", verbose=-1, num_threads=1, num_leaves=5, seed=7)
    golden("booster", lgb.train(parameters, lgb.Dataset(x, np.exp(score)), 5), rows)
    # With the booster that was trained, what came after the best iteration stays in the file.
    train, test = lgb.Dataset(x[:160], label[:160]), lgb.Dataset(x[160:], label[160:])
    more = lgb.train(dict(parameters, objective="binary", learning_rate=0.5), train, 40, [test], keep_training_booster=True,
                     callbacks=[lgb.early_stopping(5, verbose=False)])
    assert 0 < more.best_iteration < more.num_trees()
    golden("best-iteration", more, rows)


main()
