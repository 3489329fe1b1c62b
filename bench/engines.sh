#!/usr/bin/env bash
# Tree inference beside XGBoost, LightGBM, tl2cgen, lleaves, ONNX Runtime and oneDAL: one row alone and batches, one
# thread pinned to one core, a different row each call, no Python in the loop; microseconds a row, and clops's share of the
# fastest peer's time. Models, rows and the peers' compiled code are kept in the user's cache: the first run takes long.
# BENCH_MODELS="xgb-500x6 ..." takes some of the models; BENCH_QUICK=1 one short round without callgrind;
# BENCH_INSTRUCTIONS=avx2 has clops do without AVX-512.
# targets: bench_engines
set -euo pipefail
bin=${CLOPS_BENCH_BUILD:?bench/run sets it}/bin
cache=${CLOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clops}
for tool in python3 taskset gcc valgrind; do
  command -v "$tool" > /dev/null || { echo "bench: $tool is missing: apt-get install python3-venv util-linux gcc valgrind" >&2; exit 1; }
done
venv=$cache/bench-engines-$(sha256sum bench/engines_requirements.txt | cut -c1-12)
if [ ! -f "$venv/complete" ]; then
  echo "fetching the peers (once) ..."
  rm -rf "$venv"
  { python3 -m venv "$venv" && "$venv/bin/pip" -q --disable-pip-version-check install -r bench/engines_requirements.txt; } >&2
  touch "$venv/complete"
fi
folder=${BENCH_FOLDER:-$cache/bench-engines-models-$(sha256sum bench/engines_models.py | cut -c1-12)}
# shellcheck disable=SC2086
"$venv/bin/python" bench/engines_models.py "$folder" ${BENCH_MODELS:-}
# shellcheck disable=SC2086
exec "$venv/bin/python" bench/engines_table.py "$bin/bench_engines" "$folder" ${BENCH_MODELS:-}
