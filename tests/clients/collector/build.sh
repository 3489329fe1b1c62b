#!/usr/bin/env bash
# Builds an OpenTelemetry Collector (main.go) into the user's cache directory, keyed by its text; prints its path. Some minutes cold.
# Not `go mod tidy`: it wants the modules of others' tests too, of which the proxy does not have all.
set -euo pipefail
cd "$(dirname "$0")"
dir=${CLOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clops}/collector/$(cat main.go go.mod.in | sha256sum | cut -c1-16)
if [ ! -x "$dir/collector" ]; then
  command -v go >/dev/null || { echo "$0: needs Go 1.25 or newer (go.dev/dl, or your system's package)" >&2; exit 3; }
  mkdir -p "$dir"
  exec 9>"$dir/lock"; flock 9   # two may ask at once
  cp main.go "$dir/" && cp go.mod.in "$dir/go.mod"
  (cd "$dir" && CGO_ENABLED=0 go build -mod=mod -ldflags="-s -w" -o collector.new . && mv collector.new collector) >&2
fi
echo "$dir/collector"
