#!/usr/bin/env bash
# YAML in, right predictions out, on the embedded plane: the whole road, every bad input, and every program killed.
#
#   tests/e2e/local_test.sh [CASE...]     CLOPS_BIN names another build's programs; CLOPS_KEEP=1 keeps the folder
source "$(dirname "$0")/plane.sh"
source "$here/cases.sh"

case_plane_comes_up_and_up_again_is_no_error() {
  clops local up
  clops local up
  clops local status
  clops get crd | expect "the CRDs" modeldeployments
}

case_serving_survives_control_plane_outage() {
  local servers plane; servers=$(server_pids | sort) plane=$(plane_pid)
  [ -n "$plane" ] && [ -n "$servers" ]
  clops get mv,md -o name | sort > "$work/objects"
  local url; url=$(url_of breast-cancer)
  kill -9 "$plane" $(operator_pids)
  refuse clops get md >/dev/null 2>&1
  local pod; pod=$(echo "$servers" | sed -n 1p)
  kill -0 "$pod"
  clops local up
  clops get mv,md -o name | sort | diff "$work/objects" -
  same "$(server_pids | sort)" "$servers" "the servers' pids, as they are adopted again"
  same "$(url_of breast-cancer)" "$url" "the URL"
  until_true 20 still_serving
  two breast-cancer-1 breast-cancer-2 70 30
  until_true 40 in_force 70 30
}
case_nothing_acknowledged_is_lost() {
  local i pid
  for i in 1 2 3; do
    version "kept-$i" "pvc://samples/kept-$i.json" | clops apply -f -
    pid=$(plane_pid)
    kill -9 "$pid"
    until_true 10 bash -c "! readlink /proc/$pid/exe > /dev/null"  # until then it is up
    clops local up
    clops get mv "kept-$i" -o name
  done
  clops delete mv kept-1 kept-2 kept-3
}

case_down_ends_everything_and_up_starts_it_again() {
  clops local down
  local program
  for program in clops-server clops-operator clops-shim clops; do
    until_true 10 bash -c "$(declare -f pids_of); bin='$bin' work='$work'; [ -z \"\$(pids_of $program)\" ]"
  done
  clops local up
  # Status does not say Ready of before: once it does, requests are answered.
  clops wait md/diabetes --for=condition=Ready --timeout=30s
  all_equal "$root/samples/rows/diabetes.tsv" "$(url_of diabetes)" diabetes
}

cases=(plane_comes_up_and_up_again_is_no_error "${shared_cases[@]}" serving_survives_control_plane_outage nothing_acknowledged_is_lost
  "${last_cases[@]}" down_ends_everything_and_up_starts_it_again)
all_listed "${cases[@]}"
[ $# -eq 0 ] || cases=("$@")
cases_needed=2 run_cases "${cases[@]}"
