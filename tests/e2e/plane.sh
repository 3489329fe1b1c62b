# The embedded plane, one of its own for each test. Sourced by tests/e2e/*_test.sh, never run. cases.sh says what a plane
# must have.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
export CLOPS_LOCAL_DIR=$work/state KUBECONFIG=$work/state/kubeconfig
export PATH=$bin:$PATH

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

k() { clops "$@"; }
claim() { echo "$CLOPS_LOCAL_DIR/claims/default/samples/$1"; }
copy_models() { mkdir -p "$(claim .)" && cp -r "$root/samples/models/." "$(claim .)"; }
server_pids() { pids_of clops-server; }
operator_pids() { pids_of clops-operator; }
logs_of() { clops logs "md/$1"; }
