# What every end-to-end test has: a temporary folder, expectations, the list of cases. Sourced by plane.sh and cluster_plane.sh.
#
# A test is a list of functions case_NAME, run in order against one plane. Each runs in a subshell under `set -e`: the first
# command that fails ends it, and its output is shown. The last line is `N passed, N failed`.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../../scripts/lib.sh"
source "$root/scripts/rows.sh"
bin=$(readlink -f "${CLOPS_BIN:-$root/build/release/bin}")
work=$(mktemp -d "${TMPDIR:-/tmp}/clops-e2e-XXXXXX")
case_timeout=${CLOPS_CASE_SECONDS:-60}
patience=1   # how much longer things take on this plane: every deadline is multiplied by it

within() { echo $(($1 * patience)); }
# until_true SECONDS COMMAND...: says what it waited for when it waited in vain.
until_true() {
  local seconds; seconds=$(within "$1"); shift
  if wait_until "$seconds" "$@"; then return; fi
  echo "waited $seconds s for: $*"
  if "$@"; then echo "(a moment later it was so)"; fi   # for what it says
  return 1
}
# expect WHAT PATTERN: standard input must match the extended regular expression.
expect() {
  local text; text=$(cat)
  grep -qE -- "$2" <<<"$text" || { echo "expected $1 to match: $2"; echo "$text" | head -n 60; return 1; }
}
refuse() { if "$@"; then echo "must fail, but did not: $*"; return 1; fi; }
same() { [ "$1" = "$2" ] || { echo "$3: expected \"$2\", got \"$1\""; return 1; }; }

# Reading objects without a JSON tool: FIELD is the last key on its line of `-o json`.
field() { k get "$1" "$2" -o json | sed -n "s/^ *\"$3\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" | sed -n 1p; }
url_of() { field md "$1" url; }

run_cases() {  # NAME...
  local passed=0 failed=0 name status began
  set +e
  for name in "$@"; do
    began=$(now_ms)
    # Background and `wait` so that a signal is handled at once; the watchdog ends a case that hangs.
    ( set -eE; trap 'echo "failed: $BASH_COMMAND (${BASH_SOURCE[0]##*/}:$LINENO)" >&2' ERR   # many say nothing themselves
      "case_$name" ) > "$work/case.log" 2>&1 </dev/null &
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

# all_listed NAME...: every case that is written is in the list.
all_listed() {
  local name
  for name in $(declare -F | sed -n 's/^declare -f case_//p'); do [[ " $* " == *" $name "* ]] || die "case $name is not in the list"; done
}
