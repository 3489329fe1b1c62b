#!/usr/bin/env bash
# YAML in, right predictions out, on a real Kubernetes of the test's own (tests/cluster): what every plane must do (cases.sh)
# and what only a real one shows. Needs root, programs that are built, and what scripts/install-deps.sh cluster installs.
#
#   tests/e2e/cluster_test.sh [CASE...]    CLOPS_KEEP=1 keeps the state folder, CLOPS_CLUSTER_DIR uses a cluster that is up
# CLOPS_OLDER_BUILD: a build folder of older programs. The test is then only that it begins with those, and what the case
# no_request_lost_when_images_are_updated updates to, and back from, is today's: each beside the other, under load.
set -euo pipefail
if [ -z "${CLOPS_CLUSTER_INSIDE:-}" ]; then
  source "$(dirname "$0")/../../scripts/lib.sh"
  cluster=$root/tests/cluster/cluster.sh
  kept=${CLOPS_CLUSTER_DIR:-} begun=$(now_ms) status=0
  end_cluster() {
    [ -n "$kept" ] || [ -z "${CLOPS_CLUSTER_DIR:-}" ] || "$cluster" down || { echo "the cluster did not go down" >&2; exit 1; }
  }
  trap end_cluster EXIT
  trap 'exit 130' INT TERM
  "$root/tests/cluster/build.sh" files > /dev/null
  images=$("$root/deploy/images/build.sh" ${CLOPS_OLDER_BUILD:+--build "$CLOPS_OLDER_BUILD" --version older}) ||
    { echo "0 passed, 1 failed"; exit 1; }
  version=$(sed -n 's/^clops-server:\([^\t]*\)\t.*/\1/p' <<<"$images")
  "$root/deploy/images/build.sh" --version "$version-next" > /dev/null   # what an update is, to Kubernetes
  if [ -z "$kept" ]; then
    CLOPS_CLUSTER_DIR=$("$cluster" up --owner $$ | tail -n 1) || { echo "0 passed, 1 failed"; exit 1; }
    export CLOPS_CLUSTER_DIR
  fi
  for program in clops-server clops-operator; do
    "$cluster" import "$root/build/images/$program-$version.oci.tar" > /dev/null
    "$cluster" import "$root/build/images/$program-$version-next.oci.tar" > /dev/null
  done
  CLOPS_CLUSTER_INSIDE=1 CLOPS_IMAGE_VERSION=$version "$cluster" exec bash "$0" "$@" || status=$?
  exit "$status"
fi
source "$(dirname "$0")/cluster_plane.sh"
source "$here/cases.sh"
source "$here/cluster_cases.sh"
