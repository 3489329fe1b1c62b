#!/usr/bin/env bash
# Makes deploy/definitions.yaml, install.yaml and install-namespaced.yaml from the kustomizations beside them.
#
#   deploy/generate.sh [--check]     --check: writes nothing, shows what differs, fails when something does
# Always with the kubectl of tests/cluster's default version: each prints in its own way.
set -euo pipefail
cd "$(dirname "$0")"
kubectl=$(env -u KUBE_VERSION ../tests/cluster/build.sh kubectl | tail -n 1)/kubectl
check=''
[ "${1:-}" != --check ] || check=1

generate() {  # FOLDER FILE
  { echo "# Generated from deploy/$1 by deploy/generate.sh: change that, not this."
    "$kubectl" kustomize "$1"; } > "$work/$2"
  if [ -z "$check" ]; then cat "$work/$2" > "$2"; elif ! diff -u "$2" "$work/$2"; then old="${old:-} $2"; fi
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
generate definitions definitions.yaml
generate base install.yaml
generate namespaced install-namespaced.yaml
[ -z "${old:-}" ] || { echo "out of date:$old; run deploy/generate.sh" >&2; exit 1; }
