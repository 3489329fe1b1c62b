#!/usr/bin/env bash
# What spec.batcher gains: an ONNX model of 500 trees of 31 leaves (of bench/run engines), one row a call as JSON, with the batcher
# (64 rows) and without, in turn; median requests/s of BENCH_RUNS runs (5). The figure: with over without, 16 connections.
# targets: clops-server
set -euo pipefail
bin=${CLOPS_BENCH_BUILD:?bench/run sets it}/bin
source bench/server/config.sh
seconds=${BENCH_SECONDS:-2} runs=${BENCH_RUNS:-5} name=lgb-500x31
for tool in wrk taskset python3; do
  command -v "$tool" > /dev/null || { echo "bench: $tool is missing: apt-get install wrk util-linux python3-venv" >&2; exit 1; }
done
if (( $(nproc) < 2 )); then echo "bench: two cores are needed, one for the server and one for the load" >&2; exit 1; fi
CLOPS_ONNXRUNTIME=$(scripts/onnxruntime.sh)
export CLOPS_ONNXRUNTIME
cache=${CLOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clops}
folder=${BENCH_FOLDER:-$cache/bench-engines-models-$(sha256sum bench/engines_models.py | cut -c1-12)}
if [ ! -f "$folder/$name.onnx" ]; then echo "bench: bench/run engines makes the model $name.onnx: run it first" >&2; exit 1; fi
work=$(mktemp -d) pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

python3 - "$folder/$name.rows" > "$work/body" << 'PY'
import array, json, sys
row = array.array("f")
row.frombytes(open(sys.argv[1], "rb").read(120))
data = [round(x, 4) for x in row]
print(json.dumps({"inputs": [{"name": "input", "shape": [1, 30], "datatype": "FP32", "data": data}]}))
PY
serving_config "$folder/$name.onnx" "$work/cache" > "$work/without.json"
sed 's/"stable":"champion"/&,"batcher":{"maxBatchSize":64,"maxLatencyMilliseconds":5}/' "$work/without.json" > "$work/with.json"
declare -A port
for kind in without with; do
  taskset -c 0 "$bin/clops-server" serve --port 0 --admin-port 0 --threads 1 --config "$work/$kind.json" --allow-file-uris --drain-delay 0 \
    --max-connection-age 0 --cache "$work/cache-$kind" > "$work/$kind.out" 2> "$work/$kind.err" & pids+=($!); disown
  for _ in $(seq 200); do grep -qs "configuration in force" "$work/$kind.err" && break; sleep 0.05; done
  port[$kind]=$(sed -E 's/.*http=[^:]*:([0-9]+).*/\1/' "$work/$kind.out")
done
export BODY=$work/body TARGET=/v2/models/breast-cancer/infer TYPE=application/json HEADER=
for connections in 1 16 64; do
  for run in $(seq "$runs"); do
    for kind in without with; do
      taskset -c 1 wrk -t 1 -c "$connections" -d "$seconds" -s bench/server/wrk.lua "http://127.0.0.1:${port[$kind]}" |
        awk -v what="$connections $kind" '/^result/ {print what, $2 / $3 * 1e6, $4, $5, $7}' >> "$work/figures"
    done
  done
done
python3 - "$work/figures" << 'PY'
import statistics, sys
rows = {}
for line in open(sys.argv[1]):
    connections, kind, *numbers = line.split()
    rows.setdefault((int(connections), kind), []).append([float(x) for x in numbers])
print(f"{'connections':>11} {'without/s':>10} {'with/s':>10} {'share':>6} {'spread':>14}  p50, p99 us without, with")
for connections in sorted({key[0] for key in rows}):
    without, with_ = rows[connections, "without"], rows[connections, "with"]
    shares = [b[0] / a[0] for a, b in zip(without, with_)]
    of = lambda side, i: statistics.median(x[i] for x in side)
    print(f"{connections:11} {of(without, 0):10.0f} {of(with_, 0):10.0f} {statistics.median(shares):6.2f} "
          f"{min(shares):6.2f} to {max(shares):4.2f}  {of(without, 1):.0f}, {of(without, 2):.0f}; {of(with_, 1):.0f}, {of(with_, 2):.0f}")
    failed = sum(x[3] for x in without + with_)
    if failed: sys.exit(f"{failed:.0f} requests failed")
    if connections == 16: figure = statistics.median(shares)
print(f"batcher: {figure:.2f}")
PY
