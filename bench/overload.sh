#!/usr/bin/env bash
# A server of one thread that is asked five times what it can do: calls that cost about a millisecond (contributions
# of 40 rows held against 40), open loop from 2,000 connections. The figure is its goodput as a share of its peak.
# targets: clops-server bench_overload_driver
set -euo pipefail
bin=${CLOPS_BENCH_BUILD:?bench/run sets it}/bin
source bench/server/config.sh
seconds=${BENCH_SECONDS:-10} connections=${BENCH_CONNECTIONS:-2000} rows=${BENCH_ROWS:-40}
if (( $(nproc) < 2 )); then echo "bench: two cores are needed, one for the server and one for the load" >&2; exit 1; fi
ulimit -n $((connections + 200))
work=$(mktemp -d) pids=()
finish() {
  for pid in "${pids[@]}"; do kill -9 "$pid" 2> /dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

serving_config "$PWD/samples/models/breast-cancer/1/model.ubj" "$work/cache" > "$work/serving.json"
taskset -c 0 "$bin/clops-server" serve --port 0 --admin-port 0 --threads 1 --config "$work/serving.json" --allow-file-uris \
  --cache "$work/cache" > "$work/server.out" 2> "$work/server.err" & pids+=($!); disown
for _ in $(seq 200); do grep -qs "configuration in force" "$work/server.err" && break; sleep 0.05; done
port=$(sed -E 's/.*http=[^:]*:([0-9]+).*/\1/' "$work/server.out")
pss() { awk '/^Pss:/ {print $2}' "/proc/${pids[0]}/smaps_rollup"; }
before=$(pss)
taskset -c 1 "$bin/bench_overload_driver" "$port" /v2/models/breast-cancer/infer "$rows" 30 "$seconds" "$connections" 5 > "$work/figures" & driver=$!
pids+=("$driver")
sleep $((seconds + 1 + seconds / 2)); middle=$(pss)
sleep $((seconds / 3)); later=$(pss)
wait "$driver"
tr ' ' '\n' < "$work/figures"
echo "pss_kb before=$before in_overload=$middle later=$later after=$(pss)"
sed -E 's/.*share=([0-9.]+).*/overload: \1/' "$work/figures"
