# A real Kubernetes, one for the whole test, a namespace for each group of cases. Sourced by cluster_test.sh, never run: that
# runs inside the cluster's network and mount namespaces, so that its addresses and names work as they do in a pod.
source "$(dirname "${BASH_SOURCE[0]}")/harness.sh"
cluster=$root/tests/cluster/cluster.sh
[ -n "${CLOPS_CLUSTER_DIR:-}" ] || die "CLOPS_CLUSTER_DIR is not set: run cluster_test.sh"
source "$CLOPS_CLUSTER_DIR/cluster"   # bin is the cluster's from here on
PATH=$bin:$PATH
umask 022   # pods read what is written here
patience=4
case_timeout=${CLOPS_CASE_SECONDS:-300}
ns=clops
server_image=clops-server:$CLOPS_IMAGE_VERSION
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

kubectl() { command timeout 120 kubectl "$@"; }
k() { kubectl -n "$ns" "$@"; }

# use_namespace NAME: the restricted standard is enforced in each, and its pods find a claim `samples` on the node's disk.
claims=$CLOPS_CLUSTER_DIR/claims
use_namespace() {
  ns=$1
  kubectl create namespace "$ns"
  kubectl label namespace "$ns" pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/warn=restricted
  mkdir -p "$claims/$ns/samples" && chmod 755 "$claims" "$claims/$ns" "$claims/$ns/samples"
  kubectl apply -f - <<END
apiVersion: v1
kind: PersistentVolume
metadata: {name: samples-$ns}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  claimRef: {namespace: $ns, name: samples}
  hostPath: {path: $claims/$ns/samples, type: Directory}
END
}
drop_namespace() {
  kubectl delete namespace "$1" --timeout="$(within 30)s"
  kubectl delete pv "samples-$1"
}
claim() { echo "$claims/$ns/samples/$1"; }
copy_models() { cp -r "$root/samples/models/." "$(claim .)"; }
logs_of() { k logs -l "clops.dev/model-deployment=$1"; }

# Processes of pods, as the node has them. pod_pids NAMESPACE SELECTOR
pods_folder=/sys/fs/cgroup/pids/$group/kubepods
[ ! -f /sys/fs/cgroup/cgroup.controllers ] || pods_folder=/sys/fs/cgroup/$group/kubepods
pod_pids() {
  local uid pid
  for uid in $(kubectl -n "$1" get pods -l "$2" -o 'jsonpath={.items[*].metadata.uid}'); do
    find "$pods_folder" -path "*pod$uid*" -name cgroup.procs -exec cat {} + 2>/dev/null | while read -r pid; do
      case $(readlink "/proc/$pid/exe") in */clops-*) echo "$pid" ;; esac
    done
  done
}
server_pids() { pod_pids "$ns" app.kubernetes.io/name=clops-server; }
operator_pids() { pod_pids clops-system app.kubernetes.io/name=clops-operator; }

# install SERVER-IMAGE OPERATOR-IMAGE: as deploy/install.yaml has it, with these images.
install_clops() {
  sed -E "s#^( *image: ).*clops-operator:.*#\1$2#; s#imagePullPolicy: .*#imagePullPolicy: Never#; s#^( *- )--server-image=.*#\1--server-image=$1\n\1--image-pull-policy=Never#" "$root/deploy/install.yaml" | kubectl apply --server-side -f -
  kubectl -n clops-system rollout status deployment/clops-operator --timeout="$(within 15)s"
}
