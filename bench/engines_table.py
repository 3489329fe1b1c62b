"""Runs bench_engines for every engine and model in turn, several rounds of it, and prints the table.

    engines_table.py BENCH_ENGINES FOLDER [MODEL ...]      (BENCH_QUICK=1, BENCH_CPU, BENCH_ROUNDS, BENCH_SECONDS)

A ratio is clops's time over that of the fastest peer of the same round; shown is the median with the least and greatest.
A peer whose answers differ from the framework's by more than 1e-4 is marked and is nobody's fastest.
"""
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

from engines_models import MODELS, load, read_rows

QUICK = os.environ.get("BENCH_QUICK", "") not in ("", "0")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "1" if QUICK else "3"))
SECONDS = os.environ.get("BENCH_SECONDS", "0.3" if QUICK else "1")
CPU = os.environ.get("BENCH_CPU", str(os.cpu_count() - 1))
COLUMNS = ("one", "100", "1000", "100000")
ENVIRONMENT = dict(os.environ, OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="")
GOALS = {"one": .3, "100": .2, "1000": .2, "100000": .2}
SHALLOW_GOALS = {"one": .22, "100": .1, "1000": .1, "100000": .1}
SHALLOW = ("xgb-100x6", "xgb-100x6-made", "xgb-500x6", "xgb-classes")


def library(package, pattern):
    base = pathlib.Path(importlib.util.find_spec(package).origin).parent
    return str(sorted(base.glob(pattern))[0])


def onnx_output(path):
    import onnx
    return [output.name for output in onnx.load(path).graph.output][-1]


def engines(folder, name):
    """(engine, argument of bench_engines, library, model file); a path that does not exist: refused when it was made."""
    framework = MODELS[name][0]
    file = str(folder / (f"{name}.ubj" if framework == "xgboost" else f"{name}.txt"))
    found = [("clops", "clops", "-", file)]
    if framework == "xgboost":
        found.append(("XGBoost", "xgboost", library("xgboost", "lib/libxgboost.so"), file))
    else:
        found.append(("LightGBM", "lightgbm", library("lightgbm", "lib/lib_lightgbm.so"), file))
        found.append(("lleaves", "lleaves", str(folder / f"{name}.lleaves.so"), file))
    found.append(("tl2cgen", "tl2cgen", str(folder / f"{name}.tl2cgen.so"), file))
    onnx = folder / f"{name}.onnx"
    output = onnx_output(onnx) if onnx.exists() else ""
    found.append(("onnxruntime", f"onnxruntime:{output}", library("onnxruntime", "capi/libonnxruntime.so*"), str(onnx)))
    return found


def compare(folder, name, answers):
    """The greatest difference from the framework's own answers, relative to the greatest of those or 1."""
    expected = np.fromfile(folder / f"{name}.expected").reshape(1000, -1)
    answers = answers.reshape(1000, -1)
    if answers.shape[1] == 2 and expected.shape[1] == 1:
        answers = answers[:, 1:]
    return float(np.abs(expected - answers).max() / max(1.0, np.abs(expected).max()))


def measure(program, folder, name, engine, seconds=SECONDS):
    who, argument, lib, file = engine
    for needed in (lib, file):
        if needed != "-" and not os.path.exists(needed):
            why = folder / f"{name}.{who}.refused"
            return {"refused": why.read_text() if why.exists() else "not made"}
    about = json.loads((folder / f"{name}.about").read_text())
    outputs = 2 if who == "onnxruntime" and about["outputs"] == 1 else about["outputs"]
    columns = (folder / f"{name}.columns").read_text()
    answers = folder / "answers"
    ran = subprocess.run(["taskset", "-c", CPU, program, argument, lib, file, folder / f"{name}.rows", columns, str(outputs),
                          answers, seconds], capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
    if ran.returncode != 0:
        return {"refused": (ran.stderr.strip().splitlines() or [f"ended with {ran.returncode}"])[-1][:100]}
    result = json.loads(ran.stdout)
    if seconds != "0":
        result["difference"] = compare(folder, name, np.fromfile(answers))
    return result


DAAL = """
import json, sys, time, numpy as np
sys.path.insert(0, sys.argv[3])
from engines_models import load, read_rows
import pathlib, daal4py, daal4py.mb
daal4py.daalinit(1)
folder, name, seconds = pathlib.Path(sys.argv[1]), sys.argv[2], float(sys.argv[4])
outputs = json.loads((folder / f"{name}.about").read_text())["outputs"]
model = daal4py.mb.convert_model(load(folder, name))
rows = read_rows(folder, name)
ask = lambda x: model.predict_proba(x)
one = [np.ascontiguousarray(rows[i:i + 1]) for i in range(4096)]
answers = np.concatenate([ask(x) for x in one[:500]] + [ask(rows[500:1000])])
result = {}
def time_it(make, each):
    times, end, i = [], time.perf_counter() + seconds, 0
    while len(times) < 3 or time.perf_counter() < end:
        x = make(i); i += 1
        before = time.perf_counter(); ask(x); times.append((time.perf_counter() - before) * 1e6 / each)
    return float(np.median(times))
result["one"] = time_it(lambda i: one[i % 4096], 1)
for size in (100, 1000, 100000):
    result[str(size)] = time_it(lambda i: rows[(i * size) % len(rows):][:size], size)
np.asarray(answers, np.float64).tofile(folder / "answers")
print(json.dumps(result))
"""


def measure_daal(folder, name):
    """oneDAL has no C interface to a model of another framework: from Python, arrays made beforehand."""
    try:
        ran = subprocess.run(["taskset", "-c", CPU, sys.executable, "-c", DAAL, folder, name, pathlib.Path(__file__).parent, SECONDS],
                             capture_output=True, text=True, env=ENVIRONMENT, timeout=300)
        if ran.returncode != 0:
            return {"refused": (ran.stderr.strip().splitlines() or ["ended"])[-1][:100]}
        result = json.loads(ran.stdout.splitlines()[-1])
        result["difference"] = compare(folder, name, np.fromfile(folder / "answers"))
        return result
    except subprocess.TimeoutExpired:
        return {"refused": "not within 300 s"}


def spread(values, digits=3):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def instructions(program, folder, name, about):
    """Per node visit, AVX2, by callgrind: 512 rows, one at a time and in blocks of 256."""
    file = folder / (f"{name}.ubj" if MODELS[name][0] == "xgboost" else f"{name}.txt")
    columns = (folder / f"{name}.columns").read_text()
    ask = [program, "visits", "?", file, folder / f"{name}.rows", columns]
    single = subprocess.run(["taskset", "-c", CPU, *ask, "1", "1"], capture_output=True, text=True, check=True).stdout.strip()
    found, rows = [], 512
    for batch in (1, 256):
        ran = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=counted_visits",
                              program, "visits", single, file, folder / f"{name}.rows", columns, str(rows), str(batch)],
                             capture_output=True, text=True)
        collected = [line for line in ran.stderr.splitlines() if "Collected" in line]
        if not collected:
            return f"callgrind: {ran.stderr.strip().splitlines()[-1][:80]}"
        found.append(int(collected[0].split(":")[1]) / rows / about["visits"])
    return f"instructions a visit, AVX2 (callgrind): {found[0]:.2f} alone ({single}), {found[1]:.2f} in blocks"


def print_model(folder, name, rounds, about):
    print(f"\n{name}: {MODELS[name][1]}; {about['trees']:,} trees, {about['nodes']:,} nodes, {about['visits']:.0f} visited a row")
    print(f"  {'engine':<22}{'one row':>10}{'p99':>10}{'of 100':>10}{'of 1,000':>10}{'of 100,000':>12}{'difference':>12}")
    for who in rounds[0]:
        results = [each[who] for each in rounds if "one" in each[who]]
        if not results:
            print(f"  {who:<22}  refused: {rounds[0][who]['refused']}")
            continue
        median = {c: statistics.median(r[c] for r in results) for c in COLUMNS}
        late = f"{statistics.median(r['one_p99'] for r in results):>10.2f}" if "one_p99" in results[0] else f"{'-':>10}"
        wrong = "  answers differently" if results[0]["difference"] > 1e-4 else ""
        print(f"  {who:<22}{median['one']:>10.3f}{late}{median['100']:>10.4f}{median['1000']:>10.4f}{median['100000']:>12.4f}"
              f"{results[0]['difference']:>12.1e}{wrong}")
    ratios = {}
    for column in COLUMNS:
        ratios[column] = []
        for each in rounds:
            peers = [r[column] for who, r in each.items() if who != "clops" and column in r and r["difference"] <= 1e-4]
            ratios[column].append(each["clops"][column] / min(peers))
    goals = SHALLOW_GOALS if name in SHALLOW else GOALS
    print("  ratio to the fastest: " + "; ".join(
        f"{'one row' if c == 'one' else 'of ' + c} {spread(ratios[c])}{'' if statistics.median(ratios[c]) <= goals[c] else f' MISSED {goals[c]}'}"
        for c in COLUMNS))
    ours = [each["clops"] for each in rounds]
    print(f"  nanoseconds a visit: {statistics.median(r['one'] for r in ours) * 1000 / about['visits']:.3f} alone, "
          f"{statistics.median(r['100000'] for r in ours) * 1000 / about['visits']:.3f} in 100,000; two threads are "
          f"{statistics.median(r['two_threads'] for r in ours):.2f} times as fast (two apart: "
          f"{statistics.median(r['two_apart'] for r in ours):.2f})" if not QUICK or 'two_threads' in ours[0] else "")
    print(f"  {ours[0]['evaluator']}")
    return {c: statistics.median(ratios[c]) for c in COLUMNS}


def print_loading(program, folder, name, found):
    parts = []
    for engine in found:
        tries = [measure(program, folder, name, engine, "0") for _ in range(3)]
        if "load_ms" not in tries[0]:
            continue
        made = folder / f"{name}.{engine[0]}.seconds"
        compiled = f" after {made.read_text()} s of compiling" if engine[0] in ("tl2cgen", "lleaves") and made.exists() else ""
        parts.append(f"{engine[0]} {statistics.median(t['load_ms'] for t in tries):.1f} ms, "
                     f"{statistics.median(t['memory_kib'] for t in tries) / 1024:.1f} MiB{compiled}")
    print("  loading: " + "; ".join(parts))


def machine():
    text = subprocess.run(["lscpu"], capture_output=True, text=True).stdout
    model = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("Model name")][0]
    flags = set(" ".join(line for line in text.splitlines() if line.startswith("Flags")).split())
    return f"{model}, {os.cpu_count()} processors, " + ("AVX-512 with VBMI" if "avx512vbmi" in flags else "AVX2" if "avx2" in flags else "no AVX2")


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    names = sys.argv[3:] or (["xgb-100x6", "xgb-500x6", "lgb-500x31"] if QUICK else list(MODELS))
    print(f"{machine()}; load {os.getloadavg()[0]:.1f} before; {ROUNDS} rounds of {SECONDS} s a figure; pinned to processor {CPU}")
    print("microseconds a row, medians; in brackets the least and the greatest of the rounds. oneDAL is called from Python.")
    worst, start = {"one": 0.0, "batch": 0.0}, time.time()
    for name in names:
        about = json.loads((folder / f"{name}.about").read_text())
        found, rounds = engines(folder, name), []
        for _ in range(ROUNDS):
            rounds.append({engine[0]: measure(program, folder, name, engine) for engine in found})
            rounds[-1]["oneDAL (Python)"] = measure_daal(folder, name)
        if "refused" in rounds[0]["clops"]:
            sys.exit(f"clops refuses {name}: {rounds[0]['clops']['refused']}")
        if rounds[0]["clops"]["difference"] > (0 if MODELS[name][0] == "lightgbm" else 0):
            print(f"  NOT EQUAL: clops differs from {MODELS[name][0]} by {rounds[0]['clops']['difference']}")
        ratios = print_model(folder, name, rounds, about)
        print_loading(program, folder, name, found)
        if not QUICK:
            print("  " + instructions(program, folder, name, about))
        worst["one"] = max(worst["one"], ratios["one"])
        worst["batch"] = max(worst["batch"], *(ratios[c] for c in COLUMNS[1:]))
        sys.stdout.flush()
    print(f"\n{time.time() - start:.0f} s; load {os.getloadavg()[0]:.1f} after")
    print(f"engines: {worst['one']:.3f} of the fastest peer's time for one row, {worst['batch']:.3f} in batches, at worst")


if __name__ == "__main__":
    main()
