#!/usr/bin/env bash
# Real clients against one clops-server: see README.md. The last line is `N passed, N failed`.
#
#   tests/clients/run.sh [--fetch | MODULE...]     --fetch: only what is fetched and built once per version
source "$(dirname "$0")/../../scripts/lib.sh"
here=$root/tests/clients

# environment FILE: sets `home` to a Python environment with what FILE lists, made once per content of it.
environment() {
  home=$cache/clients-$(sha256sum "$here/$1" | cut -c1-12)
  [ ! -f "$home/complete" ] || return 0
  rm -rf "$home"
  step "clients of $1 (fetched once per version)" bash -c \
    'python3 -m venv "$1" && "$1/bin/pip" -q --disable-pip-version-check install -r "$2" && touch "$1/complete"' - \
    "$home" "$here/$1" || die "the clients could not be fetched (python3-venv is needed, and a package index that pip reaches)"
}
environment requirements-mlserver.txt
export CLOPS_MLSERVER_PYTHON=$home/bin/python
environment requirements.txt
CLOPS_ONNXRUNTIME=$("$root/scripts/onnxruntime.sh")
CLOPS_COLLECTOR=$("$here/collector/build.sh") || die "the OpenTelemetry Collector could not be built"
CLOPS_GHZ=$("$here/ghz.sh") || die "ghz could not be built"
export CLOPS_COLLECTOR CLOPS_GHZ CLOPS_ONNXRUNTIME CLOPS_BIN=${CLOPS_BIN:-$root/build/release/bin} PYTHONDONTWRITEBYTECODE=1
if [ "${1:-}" = --fetch ]; then exit 0; fi    # only what the network is needed for
cd "$here"
modules=("$@")
[ ${#modules[@]} -gt 0 ] || for file in test_*.py; do modules+=("${file%.py}"); done
exec nice "$home/bin/python" -W ignore run.py "${modules[@]}"
