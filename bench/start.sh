#!/usr/bin/env bash
# Milliseconds from the start of the process clops-server to its first correct prediction, with a model of 500 trees of depth
# 6 in its cache: the median of BENCH_RUNS starts (21).
# targets: clops-server
set -euo pipefail
export BIN=${CLOPS_BENCH_BUILD:?bench/run sets it}/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 bench/server/start.py "$work"
