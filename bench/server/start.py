"""Starts clops-server again and again with a model of 500 trees of depth 6 in its cache: milliseconds from the start of the
process to the first correct prediction, which is asked for every half millisecond from the beginning.

    start.py WORK      (environment: BIN; BENCH_RUNS)
"""
import hashlib
import json
import math
import os
import pathlib
import random
import re
import socket
import statistics
import struct
import subprocess
import sys
import time

WORK, BIN = pathlib.Path(sys.argv[1]), os.environ["BIN"]
RUNS = int(os.environ.get("BENCH_RUNS", "21"))
ROOT = pathlib.Path(__file__).resolve().parents[2]
FEATURES, TREES, DEPTH, GOAL = 30, 500, 6, 30
ROW = [.5 + .01 * i for i in range(FEATURES)]


def make_tree(number, rng):
    inner = 2 ** DEPTH - 1
    nodes = 2 * inner + 1
    leaf = lambda i: i >= inner
    return {
        "base_weights": [0.0] * nodes, "categories": [], "categories_nodes": [], "categories_segments": [],
        "categories_sizes": [], "default_left": [0] * nodes, "id": number,
        "left_children": [-1 if leaf(i) else 2 * i + 1 for i in range(nodes)], "loss_changes": [0.0] * nodes,
        "parents": [2147483647] + [(i - 1) // 2 for i in range(1, nodes)],
        "right_children": [-1 if leaf(i) else 2 * i + 2 for i in range(nodes)],
        "split_conditions": [rng.uniform(-.01, .01) if leaf(i) else rng.uniform(0, 1.5) for i in range(nodes)],
        "split_indices": [0 if leaf(i) else rng.randrange(FEATURES) for i in range(nodes)], "split_type": [0] * nodes,
        "sum_hessian": [1.0] * nodes,
        "tree_param": {"num_deleted": "0", "num_feature": str(FEATURES), "num_nodes": str(nodes), "size_leaf_vector": "1"}}


def make_model():
    """A model file as XGBoost writes it, and what it must predict for ROW."""
    model = json.loads((ROOT / "tests/data/golden/breast-cancer-1.json").read_text())
    rng, inner = random.Random(6), model["learner"]["gradient_booster"]["model"]
    trees = inner["trees"] = [make_tree(i, rng) for i in range(TREES)]
    inner["tree_info"] = [0] * TREES
    inner["gbtree_model_param"]["num_trees"] = str(TREES)
    inner.pop("iteration_indptr", None)
    base = float(model["learner"]["learner_model_param"]["base_score"].strip("[]"))
    margin = math.log(base / (1 - base))
    for tree in trees:
        at = 0
        while tree["left_children"][at] >= 0:
            left = ROW[tree["split_indices"][at]] < tree["split_conditions"][at]
            at = tree["left_children" if left else "right_children"][at]
        margin += tree["split_conditions"][at]
    path = WORK / "model.ubj"
    path.write_bytes(ubjson(model))
    return path, 1 / (1 + math.exp(-margin))


REALS = {"base_weights", "loss_changes", "split_conditions", "sum_hessian"}
BYTES = {"default_left", "split_type"}


def ubjson(value, name=""):
    """As XGBoost writes it: numbers in typed arrays, lengths as 64-bit integers."""
    def text(string):
        return b"L" + struct.pack(">q", len(string.encode())) + string.encode()
    if isinstance(value, dict):
        return b"{" + b"".join(text(key) + ubjson(item, key) for key, item in value.items()) + b"}"
    if isinstance(value, list) and (name in REALS or name in BYTES or (value and all(isinstance(item, int) for item in value))):
        kind, code = ("d", "f") if name in REALS else ("U", "B") if name in BYTES else ("l", "i")
        return b"[$" + kind.encode() + b"#L" + struct.pack(">q", len(value)) + struct.pack(f">{len(value)}{code}", *value)
    if isinstance(value, list):
        return b"[" + b"".join(ubjson(item) for item in value) + b"]"
    if isinstance(value, str):
        return b"S" + text(value)
    if isinstance(value, bool):
        return b"T" if value else b"F"
    if isinstance(value, int):
        return b"L" + struct.pack(">q", value)
    return b"D" + struct.pack(">d", value)


def serving_config(path):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    model = {"modelVersion": "m-1", "version": "1", "uri": f"file://{path}", "digest": f"sha256:{digest}", "format": "xgboost-ubj"}
    (WORK / "serving.json").write_text(json.dumps({"version": 1, "generation": 1, "models": [
        {"name": "m", "salt": "s", "stable": "only", "variants": [{"name": "only", "weight": 100, "model": model}],
         "buckets": [{"begin": 0, "end": 10000, "variant": "only"}]}]}))


def once(port, request, wanted):
    """(milliseconds to the first answer, of CPU until then, of loading)"""
    log = WORK / "log"
    begin = time.perf_counter()
    process = subprocess.Popen([f"{BIN}/clops-server", "serve", "--port", str(port), "--admin-port", "0", "--threads", "1",
                                "--config", str(WORK / "serving.json"), "--allow-file-uris", "--cache", str(WORK / "cache")],
                               stdout=subprocess.DEVNULL, stderr=open(log, "wb"))
    try:
        answer, link = b"", None
        while not answer.startswith(b"HTTP/1.1 200 "):
            try:
                link = link or socket.create_connection(("127.0.0.1", port))
                link.sendall(request)
                answer = link.recv(65536)
            except OSError:
                link = None
            if time.perf_counter() - begin > 10 or process.poll() is not None:
                raise SystemExit(f"start: no answer; {log.read_text()}")
            time.sleep(.0005)
        took = time.perf_counter() - begin
        fields = pathlib.Path(f"/proc/{process.pid}/schedstat").read_text().split()
        got = json.loads(answer.partition(b"\r\n\r\n")[2])["outputs"][0]["data"][0]
        if abs(got - wanted) > 1e-4:
            raise SystemExit(f"start: {got} is predicted instead of {wanted}")
        loading = re.search(r"model loaded.* ms=(\d+)", log.read_text())
        return took * 1e3, int(fields[0]) / 1e6, int(loading[1])
    finally:
        process.kill()
        process.wait()


def main():
    path, wanted = make_model()
    serving_config(path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    body = json.dumps({"inputs": [{"name": "input-0", "shape": [1, FEATURES], "datatype": "FP32", "data": ROW}]}).encode()
    request = (b"POST /v2/models/m/infer HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
               b"Content-Length: %d\r\n\r\n" % len(body)) + body
    once(port, request, wanted)    # which fills the cache
    runs = [once(port, request, wanted) for _ in range(RUNS)]
    total, first_thread, loading = ([run[i] for run in runs] for i in range(3))
    print(f"a model of {TREES} trees of depth {DEPTH}, {path.stat().st_size / 1e6:.1f} MB, in the cache; {RUNS} starts")
    print(f"  process start to first correct prediction: median {statistics.median(total):.1f} ms, "
          f"{min(total):.1f} to {max(total):.1f} (goal <= {GOAL}){'' if statistics.median(total) <= GOAL else ' MISSED'}")
    print(f"  of which loading the model about {statistics.median(loading):.0f} ms; the main thread's CPU "
          f"{statistics.median(first_thread):.1f} ms, most of it the dynamic linker's")
    print(f"start: {statistics.median(total):.1f}")


main()
