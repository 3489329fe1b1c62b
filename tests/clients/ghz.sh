#!/usr/bin/env bash
# Builds ghz, the gRPC load generator, into the user's cache (once per version) and prints its path. A minute cold.
set -euo pipefail
version=v0.120.0
dir=${CLOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clops}/ghz-$version
if [ ! -x "$dir/ghz" ]; then
  command -v go >/dev/null || { echo "$0: needs Go 1.25 or newer (go.dev/dl, or your system's package)" >&2; exit 3; }
  mkdir -p "$dir"
  exec 9>"$dir/lock"; flock 9   # two may ask at once
  [ -x "$dir/ghz" ] || GOBIN=$dir go install "github.com/bojand/ghz/cmd/ghz@$version" >&2
fi
echo "$dir/ghz"
