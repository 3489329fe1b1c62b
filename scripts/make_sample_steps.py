#!/usr/bin/env python3
"""The sample whose columns are prepared by declared steps: samples/churn.yaml's model, its steps' figures, and rows.

    python3 -m venv venv && venv/bin/pip install -r scripts/requirements-golden.txt
    venv/bin/python scripts/make_sample_steps.py

Customers are made up, by a seed. Prints the steps that say what scikit-learn's transformers learned: samples/churn.yaml has them.
"""
import json
import pathlib

import numpy as np
import xgboost
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

ROOT = pathlib.Path(__file__).resolve().parent.parent
MONTHS = {"monthly": 1, "yearly": 12, "two years": 24}
rng = np.random.default_rng(20)


def customers(count):
    tenure = np.round(rng.gamma(2, 15, count), 1)
    charge = np.round(rng.uniform(15, 120, count), 2)
    plan = rng.choice(["basic", "plus", "premium"], count, p=[0.5, 0.3, 0.2]).astype(object)
    contract = rng.choice(list(MONTHS), count, p=[0.6, 0.25, 0.15])
    months = np.array([MONTHS[c] for c in contract])
    risk = 0.02 * charge - 0.05 * tenure - 0.08 * months + (plan == "basic") * 0.5 + rng.normal(0, 0.5, count)
    tenure[rng.random(count) < 0.1] = np.nan
    plan[rng.random(count) < 0.1] = ""
    return tenure[:, None], charge[:, None], plan[:, None], contract, months[:, None], (risk > -0.3).astype(int)


tenure, charge, plan, _, months, churns = customers(2000)
fill, by = SimpleImputer().fit(tenure), StandardScaler()
by.fit(fill.transform(tenure))
least = MinMaxScaler().fit(charge)
usual = SimpleImputer(strategy="most_frequent", missing_values="").fit(plan)
hot = OneHotEncoder(sparse_output=False).fit(usual.transform(plan))
names = ["tenure", "charge", *hot.get_feature_names_out(["plan"]), "contract"]


def prepared(tenure, charge, plan, months):
    return np.hstack([by.transform(fill.transform(tenure)), least.transform(charge), hot.transform(usual.transform(plan)), months])


model = xgboost.XGBClassifier(n_estimators=30, max_depth=3, random_state=0)
model.fit(prepared(tenure, charge, plan, months), churns)
model.get_booster().feature_names = names
path = ROOT / "samples/models/churn/1/model.ubj"
path.parent.mkdir(parents=True, exist_ok=True)
model.save_model(path)

print(f"tenure: mean {fill.statistics_[0]}, then standard {by.mean_[0]} {by.scale_[0]}")
print(f"charge: {least.data_min_[0]} to {least.data_max_[0]}; plan: {usual.statistics_[0]}, {list(hot.categories_[0])}")

tenure, charge, plan, contract, months, _ = customers(40)
score = model.get_booster().inplace_predict(prepared(tenure, charge, plan, months))
lines = []
for i in range(len(score)):
    columns = {"tenure": ("FP64", None if np.isnan(tenure[i, 0]) else float(tenure[i, 0])), "charge": ("FP64", float(charge[i, 0])),
               "plan": ("BYTES", plan[i, 0]), "contract": ("BYTES", str(contract[i]))}
    request = {"inputs": [{"name": n, "shape": [1, 1], "datatype": t, "data": [v]} for n, (t, v) in columns.items()]}
    request = json.dumps(request, separators=(",", ":"))
    lines.append(f"user-{i:03}\t\"{'leaves' if score[i] >= 0.4 else 'stays'}\"\t{request}")
(ROOT / "samples/rows/churn.tsv").write_text("\n".join(lines) + "\n")
(ROOT / "samples/rows/churn.json").write_text(lines[0].split("\t")[-1])
print("leaves:", int((score >= 0.4).sum()), "of", len(score))
