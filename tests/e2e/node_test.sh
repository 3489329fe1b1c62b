#!/usr/bin/env bash
# The images, and the node of tests/cluster that they run on: what every other cluster test takes for granted, and that
# nothing of it stays behind on the machine. Needs root, built programs, what scripts/install-deps.sh cluster installs.
#
#   tests/e2e/node_test.sh [CASE...]
source "$(dirname "$0")/harness.sh"
cluster=$root/tests/cluster/cluster.sh
export CLOPS_CLUSTER_DIR=$work/node
case_timeout=${CLOPS_CASE_SECONDS:-120}
end_node() {
  [ ! -f "$CLOPS_CLUSTER_DIR/cluster" ] || "$cluster" down > /dev/null 2>&1 || true
  rm -rf "$work"
}
trap end_node EXIT
trap 'exit 130' INT TERM
inside() { "$cluster" exec "$@"; }
k() { inside timeout 60 kubectl "$@"; }

case_images_are_reproducible_and_hold_nothing_else() {
  local name line first second bytes
  first=$("$root/deploy/images/build.sh" --version test --out "$work/first")
  touch "$bin/clops-server"   # times do not matter
  second=$("$root/deploy/images/build.sh" --version test --out "$work/second")
  same "$(cut -f1-3 <<<"$second")" "$(cut -f1-3 <<<"$first")" "names, digests and sizes"
  cut -f1-3 <<<"$first"
  for name in clops-server clops-operator; do
    cmp "$work/first/$name-test.oci.tar" "$work/second/$name-test.oci.tar"
    bytes=$(grep "^$name:" <<<"$first" | cut -f3)
    [ "$bytes" -le 60000000 ] || { echo "$name: $bytes bytes"; return 1; }
    "$root/deploy/images/rootfs.sh" "$bin/$name" "$work/$name"
    same "$(cd "$work/$name/usr/bin" && echo *)" "$name" "the programs in it"
    # Started as on a cluster, from its own files alone.
    chroot --userspec=65532:65532 "$work/$name" "/usr/bin/$name" --version
    same "$(cd "$work/$name" && find . -type f ! -path './usr/bin/*' ! -path './lib*' ! -path './usr/lib*' | sort | tr '\n' ' ')" \
      "./etc/group ./etc/passwd ./etc/ssl/certs/ca-certificates.crt " "other files"
  done
}
case_the_onnx_image_serves_onnx() {
  local line; line=$("$root/deploy/images/build.sh" --version test --out "$work/onnx" --onnxruntime "$("$root/scripts/onnxruntime.sh")" clops-server)
  expect "the image" '^clops-server-onnx:test' <<<"$line"
  cut -f1-3 <<<"$line"
  "$root/deploy/images/rootfs.sh" "$bin/clops-server" "$work/with" "$("$root/scripts/onnxruntime.sh")"
  "$root/deploy/images/rootfs.sh" "$bin/clops-server" "$work/without"
  local folder
  for folder in with without; do
    install -D -m 644 "$root/tests/data/onnx/pipeline-strings.onnx" "$work/$folder/models/model.onnx"
    chroot --userspec=65532:65532 "$work/$folder" /usr/bin/clops-server inspect --uri=file:///models/model.onnx --allow-file-uris --cache=/tmp/cache > "$work/$folder.json"
  done
  expect "inspection with the library" '"ok":true' < "$work/with.json"
  expect "inspection without it" '"reason":"UnsupportedFormat".*ONNX Runtime is not installed|ONNX Runtime is not installed.*"reason":"UnsupportedFormat"' < "$work/without.json"
}
case_a_node_comes_up() {
  "$root/tests/cluster/build.sh" files > /dev/null
  sysctl -n vm.overcommit_memory kernel.panic kernel.panic_on_oops net.ipv4.ip_forward > "$work/sysctl"
  "$cluster" up --second-api --owner $$
  k get nodes | expect "the node" 'node1 +Ready'
  inside bash -c 'KUBECONFIG=$CLOPS_CLUSTER_DIR/admin2.kubeconfig kubectl get nodes' | expect "the node, by the second API server" 'node1 +Ready'
}
files_image() {
  mkdir -p "$work/files-root/usr/bin" "$work/files-root/data"
  install -m 755 "$(sed -n 's/.* bin=\([^ ]*\).*/\1/p' "$CLOPS_CLUSTER_DIR/cluster")/files" "$work/files-root/usr/bin/files"
  install -m 644 "$root/samples/models/diabetes/1/model.ubj" "$work/files-root/data/model.ubj"
  chmod 755 "$work/files-root" "$work/files-root/data"
  "$root/deploy/images/archive.sh" "$work/files-root" "$work/files.tar" localhost/files:1 65532:65532 /usr/bin/files
}
case_a_pod_reaches_another_by_its_service_s_name() {
  files_image
  "$cluster" import "$work/files.tar"
  "$cluster" import "$work/first/clops-server-test.oci.tar"
  k run files --image=localhost/files:1 --image-pull-policy=Never --port=8080 --expose -- /data :8080
  k wait pod/files --for=condition=Ready --timeout=30s
  until_true 10 inside curl -fsS -m 2 -o /dev/null http://files.default.svc:8080/model.ubj   # from the node
  k run inspect --image=clops-server:test --image-pull-policy=Never --restart=Never -- inspect --uri=http://files.default.svc:8080/model.ubj
  k wait pod/inspect '--for=jsonpath={.status.phase}=Succeeded' --timeout=30s
  k logs inspect | expect "the document" '"ok":true'
}
case_nothing_leaves_the_node() {
  refuse inside curl -sS -m 2 http://192.0.2.1/ > "$work/out" 2>&1
  expect "the error" 'timed out|No route|Couldn.t connect|unreachable' < "$work/out"
}
case_parts_restart_under_running_pods() {
  local before after; before=$(k get pod files -o 'jsonpath={.metadata.uid} {.status.containerStatuses[0].containerID}')
  local part
  for part in etcd kube-apiserver containerd kubelet kube-proxy; do "$cluster" restart $part; done
  inside curl -fsS -m 5 -o /dev/null http://files.default.svc:8080/model.ubj
  after=$(k get pod files -o 'jsonpath={.metadata.uid} {.status.containerStatuses[0].containerID}')
  same "$after" "$before" "the pod and its container"
}
measured() { k top pods | grep -qE '^files +[0-9]+m +[0-9]+Mi'; }
case_pods_are_measured() { until_true 60 measured; }
case_down_leaves_nothing_behind() {
  local group; group=$(sed -n 's/.* group=\([^ ]*\).*/\1/p' "$CLOPS_CLUSTER_DIR/cluster")
  [ -n "$(find /sys/fs/cgroup -name "$group")" ]
  "$cluster" down
  [ ! -e "$CLOPS_CLUSTER_DIR" ]
  same "$(find /sys/fs/cgroup -name "$group")" "" "control groups"
  refuse grep -F "$work" /proc/self/mountinfo
  local one found=''
  for one in /proc/[0-9]*; do
    ! tr '\0' ' ' < "$one/cmdline" 2> /dev/null | grep -qF "$CLOPS_CLUSTER_DIR" || found+=" $(tr '\0' ' ' < "$one/cmdline" | cut -c1-120)"
  done
  same "$found" "" "processes"
  sysctl -n vm.overcommit_memory kernel.panic kernel.panic_on_oops net.ipv4.ip_forward | diff "$work/sysctl" -
}

cases=(images_are_reproducible_and_hold_nothing_else the_onnx_image_serves_onnx a_node_comes_up a_pod_reaches_another_by_its_service_s_name
  nothing_leaves_the_node parts_restart_under_running_pods pods_are_measured down_leaves_nothing_behind)
all_listed "${cases[@]}"
[ $# -eq 0 ] || cases=("$@")
cases_needed=2 run_cases "${cases[@]}"
