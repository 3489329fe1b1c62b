"""Runs bench_contributions for every engine and model in turn, several rounds of it, and prints the table.

    contributions_table.py BENCH_CONTRIBUTIONS FOLDER PEERS [MODEL ...]   (BENCH_QUICK=1, BENCH_CPU, BENCH_ROUNDS, BENCH_SECONDS)

A ratio is clops's time over that of the fastest peer of the same round; shown is the median with the least and greatest.
"difference" is the greatest one from clops's float64, relative to the magnitudes of a row's contributions.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

from engines_models import MODELS
from engines_table import CPU, ENVIRONMENT, QUICK, ROUNDS, SECONDS, library, machine, spread

COLUMNS = ("1", "100", "1000", "10000")

# shap and FastTreeSHAP, on rows and models made beforehand; they know no start of a measurement but a call.
PYTHON = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import json, time, numpy as np, pathlib
from engines_models import load, read_rows
folder, name, who, seconds = pathlib.Path(sys.argv[3]), sys.argv[4], sys.argv[5], float(sys.argv[6])
booster = load(folder, name)
if who == "shap":
    import shap
    explain = shap.TreeExplainer(booster, feature_perturbation="tree_path_dependent")
    ask = lambda x: explain.shap_values(x, check_additivity=False)
    explain.model.model_type = "other"  # its own extension, not the framework's pred_contribs
else:
    import fasttreeshap_fixed as fasttreeshap
    explain = fasttreeshap.TreeExplainer(booster, algorithm=who.split()[1], n_jobs=1)
    ask = lambda x: explain.shap_values(x, check_additivity=False)
rows, result, each = read_rows(folder, name, 10000), {}, 0.0
answers = np.asarray(ask(rows[:64]), np.float64)
outputs = json.loads((folder / f"{name}.about").read_text())["outputs"]
if isinstance(ask(rows[:1]), list):
    answers = answers.transpose(1, 0, 2)[:, -outputs:]
elif answers.ndim == 3:
    answers = answers.transpose(0, 2, 1)
np.ascontiguousarray(answers.reshape(64, outputs, -1)).tofile(folder / "contributions")
for size in (1, 100, 1000, 10000):
    if each * size <= 10 * seconds * 1e6:
        times, end, i = [], time.perf_counter() + seconds, 0
        while not times or time.perf_counter() < end:
            x = np.ascontiguousarray(rows[(i * size) % len(rows):][:size]); i += 1
            before = time.perf_counter(); ask(x); times.append((time.perf_counter() - before) * 1e6 / size)
        each = float(np.median(times))
    result[str(size)] = each
print(json.dumps(result))
"""


def engines(folder, peers, name):
    framework = MODELS[name][0]
    file = str(folder / (f"{name}.ubj" if framework == "xgboost" else f"{name}.txt"))
    found = [("clops", "clops", "-", file)]
    if framework == "xgboost":
        found.append(("XGBoost 3.2", "xgboost", library("xgboost", "lib/libxgboost.so"), file))
        found.append(("XGBoost 3.4", "xgboost", str(peers / "xgboost/lib/libxgboost.so"), file))
    else:
        found.append(("LightGBM", "lightgbm", library("lightgbm", "lib/lib_lightgbm.so"), file))
    return found


def read(folder, about, columns, bias=True):
    return np.fromfile(folder / "contributions").reshape(64, about["outputs"], columns + (1 if bias else 0))[:, :, :columns]


def outcome(ran, folder, about, columns, bias=True):
    if ran.returncode != 0:
        return {"refused": (ran.stderr.strip().splitlines() or [f"ended with {ran.returncode}"])[-1][:100]}
    result = json.loads(ran.stdout.splitlines()[-1])
    result["answers"] = read(folder, about, columns, bias)
    return result


def measure(program, folder, name, engine, about, columns):
    ran = subprocess.run(["taskset", "-c", CPU, program, engine[1], engine[2], engine[3], folder / f"{name}.rows", str(columns),
                          str(about["outputs"]), folder / "contributions", SECONDS], capture_output=True, text=True, env=ENVIRONMENT, timeout=600)
    return outcome(ran, folder, about, columns)


def measure_python(folder, peers, name, who, about, columns):
    try:
        ran = subprocess.run(["taskset", "-c", CPU, sys.executable, "-c", PYTHON, peers / "python", pathlib.Path(__file__).parent, folder, name,
                              who, SECONDS], capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
    except subprocess.TimeoutExpired:
        return {"refused": "not within 300 s"}
    return outcome(ran, folder, about, columns, bias=False)


def difference(got, wanted):
    sizes = np.abs(wanted).sum(2, keepdims=True)
    return float((np.abs(got - wanted) / np.maximum(sizes, 1e-30)).max())


def instructions(program, folder, name, columns):
    """A row, AVX2, by callgrind: what 16 more rows cost, alone and in blocks of eight."""
    file = folder / (f"{name}.ubj" if MODELS[name][0] == "xgboost" else f"{name}.txt")
    found = []
    for batch in (1, 8):
        counts = []
        for rows in (8, 24):
            ran = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, "rows", "avx2", file,
                                  folder / f"{name}.rows", str(columns), str(rows), str(batch)], capture_output=True, text=True)
            counts.append(int([line for line in ran.stderr.splitlines() if "Collected" in line][0].split(":")[1]))
        found.append((counts[1] - counts[0]) / 16)
    return f"  thousand instructions a row, AVX2 (callgrind): {found[0] / 1000:.0f} alone, {found[1] / 1000:.0f} in blocks"


def print_model(name, rounds, about):
    print(f"\n{name}: {MODELS[name][1]}; {about['trees']:,} trees, {about['nodes']:,} nodes")
    print(f"  {'engine':<22}{'one row':>10}{'of 100':>10}{'of 1,000':>10}{'of 10,000':>11}{'difference':>12}")
    ours = rounds[0]["clops"]["answers"]
    for who in rounds[0]:
        results = [each[who] for each in rounds if "1" in each[who]]
        if not results:
            print(f"  {who:<22}  refused: {rounds[0][who]['refused']}")
            continue
        medians = "".join(f"{statistics.median(r[c] for r in results):>{11 if c == '10000' else 10}.2f}" for c in COLUMNS)
        print(f"  {who:<22}{medians}{difference(results[0]['answers'], ours):>12.1e}")
    ratios = {c: [] for c in COLUMNS}
    for each in rounds:
        for c in COLUMNS:
            right = [r[c] for who, r in each.items() if who != "clops" and c in r and difference(r["answers"], ours) < 1e-4]
            ratios[c].append(each["clops"][c] / min(right))
    print("  ratio to the fastest: " + "; ".join(f"{'one row' if c == '1' else 'of ' + c} {spread(ratios[c])}" for c in COLUMNS))
    print(f"  {rounds[0]['clops']['evaluator']}")
    return {c: statistics.median(ratios[c]) for c in COLUMNS}


def main():
    program, folder, peers = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    names = sys.argv[4:] or list(MODELS)
    python = [] if QUICK or not (peers / "python").exists() else ["shap", "FastTreeSHAP v1", "FastTreeSHAP v2"]
    print(f"{machine()}; load {os.getloadavg()[0]:.1f} before; {ROUNDS} rounds of {SECONDS} s a figure; pinned to processor {CPU}")
    print("microseconds a row, medians; in brackets the least and the greatest of the rounds. A batch that would take ten times as")
    print("long as its measurement may is given at the time a row of the batch before it took.")
    if not python:
        print("shap and FastTreeSHAP are not measured: " + ("a quick run" if QUICK else "they did not install"))
    worst, start = 0.0, time.time()
    for name in names:
        about = json.loads((folder / f"{name}.about").read_text())
        columns, rounds = int((folder / f"{name}.columns").read_text()), []
        for number in range(ROUNDS):
            rounds.append({e[0]: measure(program, folder, name, e, about, columns) for e in engines(folder, peers, name)})
            for who in python if number == 0 else ():  # far behind: once says it
                rounds[0][who] = measure_python(folder, peers, name, "shap" if who == "shap" else f"fast {who[-2:]}", about, columns)
        if "refused" in rounds[0]["clops"]:
            sys.exit(f"clops refuses {name}: {rounds[0]['clops']['refused']}")
        worst = max(worst, *print_model(name, rounds, about).values())
        if not QUICK:
            print(instructions(program, folder, name, columns))
        sys.stdout.flush()
    print(f"\n{time.time() - start:.0f} s; load {os.getloadavg()[0]:.1f} after")
    print(f"contributions: {worst:.3f} of the fastest peer's time, at worst")


if __name__ == "__main__":
    main()
