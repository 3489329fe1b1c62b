#!/usr/bin/env bash
# Requests per second of one-row inference over REST, as a share of what a bare epoll responder of equal bytes and threads
# reaches on this machine. Server on one core, load generator on the other; 1 and 16 connections; median of five alternating
# runs; the figure is the worse share.
# targets: clops-server bench_rest_one_row_responder
set -euo pipefail
bin=${CLOPS_BENCH_BUILD:?bench/run sets it}/bin
source bench/server/config.sh
seconds=${BENCH_SECONDS:-3} runs=${BENCH_RUNS:-5}
for tool in wrk taskset curl; do
  command -v "$tool" > /dev/null || { echo "bench: $tool is missing: apt-get install wrk util-linux curl" >&2; exit 1; }
done
if (( $(nproc) < 2 )); then echo "bench: two cores are needed, one for the server and one for the load" >&2; exit 1; fi
work=$(mktemp -d) pids=()
finish() {
  for pid in "${pids[@]}"; do kill -9 "$pid" 2> /dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

model=$PWD/samples/models/breast-cancer/1/model.ubj
head -n 64 samples/rows/breast-cancer.tsv | awk -F'\t' '{print $NF}' > "$work/rows"
serving_config "$model" "$work/cache" > "$work/serving.json"
wait_for() {  # FILE PATTERN
  for _ in $(seq 200); do grep -q "$2" "$1" && return; sleep 0.05; done
  echo "bench: $1 never said $2" >&2; cat "$1" >&2; exit 1
}
taskset -c 0 "$bin/clops-server" serve --port 0 --admin-port 0 --threads 1 --config "$work/serving.json" --allow-file-uris \
  --cache "$work/cache" > "$work/server.out" 2> "$work/server.err" & pids+=($!); disown
wait_for "$work/server.err" "configuration in force"
ours=$(sed -E 's/.*http=[^:]*:([0-9]+).*/\1/' "$work/server.out")
target=/v2/models/breast-cancer/infer
head -n 1 "$work/rows" > "$work/row"
curl -s -i -H 'Content-Type: application/json' --data-binary @"$work/row" "http://127.0.0.1:$ours$target" > "$work/answer"
grep -q '"data":\[0.9971008\]' "$work/answer" || { echo "bench: wrong prediction:" >&2; cat "$work/answer" >&2; exit 1; }
taskset -c 0 "$bin/bench_rest_one_row_responder" 0 "$work/answer" > "$work/responder.out" & pids+=($!); disown
wait_for "$work/responder.out" listening
bare=$(awk '{print $2}' "$work/responder.out")

load() {  # PORT CONNECTIONS SECONDS -> requests per second
  ROWS="$work/rows" TARGET=$target taskset -c 1 wrk -t1 -c"$2" -d"$3"s -s bench/rest_one_row.lua "http://127.0.0.1:$1" > "$work/wrk"
  if grep -q "Non-2xx\|Socket errors" "$work/wrk"; then cat "$work/wrk" >&2; exit 1; fi
  awk '/Requests\/sec/ {print $2}' "$work/wrk"
}
median() { sort -n | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

echo "answer: $(wc -c < "$work/answer") bytes; request body: $(wc -c < "$work/row") bytes; $runs alternating runs of $seconds s; median requests/s"
printf '%-12s %12s %12s %8s\n' connections clops-server responder share
worst=9
for connections in 1 16; do
  : > "$work/a"; : > "$work/b"
  load "$ours" "$connections" 1 > /dev/null; load "$bare" "$connections" 1 > /dev/null
  for _ in $(seq "$runs"); do
    load "$ours" "$connections" "$seconds" >> "$work/a"
    load "$bare" "$connections" "$seconds" >> "$work/b"
  done
  a=$(median < "$work/a") b=$(median < "$work/b")
  share=$(awk "BEGIN {printf \"%.3f\", $a / $b}")
  printf '%-12s %12.0f %12.0f %8s\n' "$connections" "$a" "$b" "$share"
  worst=$(awk "BEGIN {print ($share < $worst) ? $share : $worst}")
done
echo "rest_one_row: $worst"
