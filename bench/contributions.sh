#!/usr/bin/env bash
# Contributions (SHAP) of trees beside XGBoost's, two releases of it, and LightGBM's: one row alone and batches, one thread
# pinned to one core, different rows each call, through C interfaces; microseconds a row and clops's share of the fastest
# peer's time. The models are those of bench/engines.sh. XGBoost 3.4 computes them by another algorithm than 3.2, and is
# taken out of its wheel since it needs a newer Python than the models do; shap and FastTreeSHAP, which have no C
# interface, are measured from Python where their packages install.
# BENCH_MODELS="xgb-500x6 ..." takes some of the models; BENCH_QUICK=1 one short round of three.
# targets: bench_contributions
set -euo pipefail
bin=${CLOPS_BENCH_BUILD:?bench/run sets it}/bin
cache=${CLOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clops}
for tool in python3 taskset valgrind; do
  command -v "$tool" > /dev/null || { echo "bench: $tool is missing: apt-get install python3-venv util-linux valgrind" >&2; exit 1; }
done
venv=${BENCH_VENV:-$cache/bench-engines-$(sha256sum bench/engines_requirements.txt | cut -c1-12)}
if [ ! -f "$venv/complete" ] && [ -z "${BENCH_VENV:-}" ]; then
  echo "fetching the frameworks (once) ..."
  rm -rf "$venv"
  { python3 -m venv "$venv" && "$venv/bin/pip" -q --disable-pip-version-check install -r bench/engines_requirements.txt; } >&2
  touch "$venv/complete"
fi
peers=$cache/bench-contributions-$(sha256sum bench/contributions_requirements.txt | cut -c1-12)
if [ ! -f "$peers/complete" ]; then
  echo "fetching the peers (once) ..."
  rm -rf "$peers" && mkdir -p "$peers"
  {
    "$venv/bin/pip" -q --disable-pip-version-check download --no-deps --only-binary=:all: --python-version 3.12 \
      --platform manylinux_2_28_x86_64 -d "$peers" "$(grep '^xgboost==' bench/contributions_requirements.txt)"
    "$venv/bin/python" -m zipfile -e "$peers"/xgboost-*.whl "$peers"
    rm "$peers"/xgboost-*.whl
    # A peer that does not build here is left out, and the table says so.
    "$venv/bin/pip" -q --disable-pip-version-check install --target "$peers/python" \
      -r <(grep -v '^xgboost==' bench/contributions_requirements.txt) || rm -rf "$peers/python"
  } >&2
  touch "$peers/complete"
fi
folder=${BENCH_FOLDER:-$cache/bench-engines-models-$(sha256sum bench/engines_models.py | cut -c1-12)}
names=${BENCH_MODELS:-}
[ -n "${BENCH_QUICK:-}" ] && names=${names:-xgb-100x6 xgb-500x6 lgb-500x31}
# shellcheck disable=SC2086
"$venv/bin/python" bench/engines_models.py "$folder" $names
# shellcheck disable=SC2086
exec "$venv/bin/python" bench/contributions_table.py "$bin/bench_contributions" "$folder" "$peers" $names
