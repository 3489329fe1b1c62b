# A plane of its own for an end-to-end test, and the list of cases. Sourced by tests/e2e/*_test.sh, never run.
#
# A test is a list of functions case_NAME, run in order against one plane in a temporary folder. Each runs in a subshell under
# `set -e`: the first command that fails ends it, and its output is shown. The last line is `N passed, N failed`.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../../scripts/lib.sh"
source "$root/scripts/rows.sh"
bin=$(readlink -f "${CLOPS_BIN:-$root/build/release/bin}")
work=$(mktemp -d "${TMPDIR:-/tmp}/clops-e2e-XXXXXX")
export CLOPS_LOCAL_DIR=$work/state KUBECONFIG=$work/state/kubeconfig
export PATH=$bin:$PATH
case_timeout=${CLOPS_CASE_SECONDS:-60}

# pids_of PROGRAM: those of this test's plane only, told by the folder in their command line or environment.
pids_of() {
  local pid
  for pid in /proc/[0-9]*; do
    [ "$(readlink "$pid/exe" 2>/dev/null)" = "$bin/$1" ] || continue
    if grep -qF "$work" "$pid/cmdline" 2>/dev/null || grep -qzF "$work" "$pid/environ" 2>/dev/null; then echo "${pid#/proc/}"; fi
  done
}
plane_pid() { pids_of clops | while read -r pid; do grep -qz '^run$' "/proc/$pid/cmdline" && echo "$pid"; done | sed -n 1p; }

end_everything() {
  timeout 20 clops local down >/dev/null 2>&1 || true
  local program pid
  for program in clops clops-operator clops-shim clops-server; do
    for pid in $(pids_of $program); do kill -9 "$pid" 2>/dev/null || true; done
  done
  [ -n "${CLOPS_KEEP:-}" ] || rm -rf "$work"
}
trap end_everything EXIT
trap 'exit 130' INT TERM

# until_true SECONDS COMMAND...: says what it waited for when it waited in vain.
until_true() {
  local seconds=$1; shift
  wait_until "$seconds" "$@" || { echo "waited $seconds s for: $*"; "$@" || true; return 1; }
}
# expect WHAT PATTERN: standard input must match the extended regular expression.
expect() {
  local text; text=$(cat)
  grep -qE -- "$2" <<<"$text" || { echo "expected $1 to match: $2"; echo "$text" | head -n 60; return 1; }
}
refuse() { if "$@"; then echo "must fail, but did not: $*"; return 1; fi; }
same() { [ "$1" = "$2" ] || { echo "$3: expected \"$2\", got \"$1\""; return 1; }; }

# Reading objects without a JSON tool: FIELD is the last key on its line of `-o json`.
field() { clops get "$1" "$2" -o json | sed -n "s/^ *\"$3\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" | sed -n 1p; }
url_of() { field md "$1" url; }
copy_models() { mkdir -p "$CLOPS_LOCAL_DIR/claims/default/samples" && cp -r "$root/samples/models/." "$CLOPS_LOCAL_DIR/claims/default/samples/"; }

run_cases() {  # NAME...
  local passed=0 failed=0 name status began
  set +e
  for name in "$@"; do
    began=$(now_ms)
    # Background and `wait` so that a signal is handled at once; the watchdog ends a case that hangs.
    ( set -e; "case_$name" ) > "$work/case.log" 2>&1 </dev/null &
    local case_pid=$!
    ( sleep "$case_timeout"; kill "$case_pid" ) >/dev/null 2>&1 &
    local watchdog=$!
    wait "$case_pid"; status=$?
    kill "$watchdog" 2>/dev/null; wait "$watchdog" 2>/dev/null
    local took=$(($(now_ms) - began))
    if [ "$status" = 0 ]; then
      passed=$((passed + 1))
      printf '  ok    %d.%02d s  %s\n' $((took / 1000)) $((took % 1000 / 10)) "$name"
    else
      failed=$((failed + 1))
      printf '  FAIL  %d.%02d s  %s\n' $((took / 1000)) $((took % 1000 / 10)) "$name"
      sed 's/^/        /' "$work/case.log" | tail -n 40
      # Without its plane, or with what every case needs missing, the rest would only repeat it.
      if [ -n "${CLOPS_STOP_AT_FAILURE:-}" ] || [ "$((passed + failed))" -le "${cases_needed:-0}" ]; then break; fi
    fi
  done
  set -e
  echo
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}
