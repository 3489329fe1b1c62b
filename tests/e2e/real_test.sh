#!/usr/bin/env bash
# tests/contract/kubectl_verbs.sh against a real kube-apiserver: what the embedded plane is held to, so it must hold there too.
source "$(dirname "$0")/../../scripts/lib.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/clops-real-XXXXXX")
kube=$("$root/tests/cluster/build.sh" kubectl etcd kube-apiserver | tail -n 1)
export PATH=$kube:$PATH KUBECONFIG=$work/server/kubeconfig

end_server() {
  exec 8>&- || true   # the server ends with its standard input
  [ -z "${server:-}" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true
  rm -rf "$work"
}
trap end_server EXIT
trap 'exit 130' INT TERM

mkfifo "$work/stdin"
"$root/tests/contract/kube_apiserver.sh" "$work/server" "$(free_port)" "$(free_port)" "$(free_port)" < "$work/stdin" > "$work/log" 2>&1 &
server=$!
exec 8> "$work/stdin"
wait_until 60 kubectl get --raw /readyz || { tail -n 20 "$work/log"; say "0 passed, 1 failed"; exit 1; }
status=0
"$root/tests/contract/kubectl_verbs.sh" > "$work/out" 2>&1 8>&- || status=$?
cat "$work/out"
grep -q ' passed, ' "$work/out" || { say "0 passed, 1 failed"; exit 1; }
sed -n 's/^kubectl_verbs: //p' "$work/out"
exit "$status"
