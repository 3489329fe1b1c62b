#!/usr/bin/env bash
# Milliseconds from `apply` of a ModelVersion and a ModelDeployment to the first correct prediction through the Service, on an
# embedded plane of its own with programs and model in place: verification, serving pod and routing included. Median of 15 rounds
# after one that is not counted, each under new names.
# targets: clops clops-server clops-operator clops-shim bench_apply_to_prediction_driver
set -euo pipefail
bin=$(readlink -f "${CLOPS_BENCH_BUILD:?bench/run sets it}/bin")
rounds=${BENCH_RUNS:-15}
work=$(mktemp -d)
export CLOPS_LOCAL_DIR=$work/state
finish() { "$bin/clops" local down > /dev/null 2>&1 || true; rm -rf "$work"; }
trap finish EXIT
"$bin/clops" local up > "$work/up.log" 2>&1 || { cat "$work/up.log" >&2; exit 1; }
"$bin/bench_apply_to_prediction_driver" "$CLOPS_LOCAL_DIR/kubeconfig" "file://$PWD/samples/models/breast-cancer/1/model.ubj" \
  samples/rows/breast-cancer.tsv $((rounds + 1)) > "$work/rounds" || { tail -n 20 "$CLOPS_LOCAL_DIR/plane.log" >&2; exit 1; }
column() { tail -n +2 "$work/rounds" | awk -v c="$1" '{print $c}' | sort -n | awk '{v[NR] = $1} END {print v[1], v[int((NR + 1) / 2)], v[NR]}'; }
printf '%-34s %8s %8s %8s\n' "milliseconds after apply, $rounds rounds" min median max
# shellcheck disable=SC2046
{ printf '%-34s %8s %8s %8s\n' "Service has its address" $(column 1)
  printf '%-34s %8s %8s %8s\n' "ModelVersion Ready" $(column 2)
  printf '%-34s %8s %8s %8s\n' "first correct prediction" $(column 3); }
pss() { for pid in $(pgrep -f "$work/state" || true); do
  [ "$(basename "$(readlink "/proc/$pid/exe")")" = "$1" ] && awk '/^Pss:/ {print $2 / 1024}' "/proc/$pid/smaps_rollup"; done | sort -n | tail -n 1; }
echo "operator PSS after it all: $(pss clops-operator) MB"
echo "apply_to_prediction: $(column 3 | cut -d' ' -f2)"
