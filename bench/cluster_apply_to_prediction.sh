#!/usr/bin/env bash
# Time from `kubectl apply` of a ModelVersion and a ModelDeployment to the first correct prediction through the Service, over
# the time that a bare pod of the same image takes to become ready, on a real Kubernetes of one node (tests/cluster): several
# rounds in turn on one cluster, each under new names. A figure is the ratio of the medians. There are two: with Kubernetes as
# it comes (the last line's), where kube-proxy writes rules at most once a second, which most first predictions wait for; and
# with kube-proxy told to write them at once (iptables.minSyncPeriod: 0s), which leaves what clops itself takes. Needs root.
# BENCH_RUNS: how many rounds of each. BENCH_PROFILE=1: where the last rounds' time went, as the API server's audit log has it.
# targets: clops-server clops-operator
set -euo pipefail
if [ -z "${CLOPS_BENCH_INSIDE:-}" ]; then
  build=$(readlink -f "${CLOPS_BENCH_BUILD:?bench/run sets it}")
  cluster=$PWD/tests/cluster/cluster.sh
  "$cluster" check > /dev/null
  work=$(mktemp -d)
  finish() { [ -z "${CLOPS_CLUSTER_DIR:-}" ] || "$cluster" down || true; rm -rf "$work"; }
  trap finish EXIT
  trap 'exit 130' INT TERM
  deploy/images/build.sh --build "$build" --out "$work/images" --version bench > "$work/images.tsv"
  CLOPS_CLUSTER_DIR=$("$cluster" up --owner $$ | tail -n 1)
  export CLOPS_CLUSTER_DIR
  for archive in "$work"/images/*.tar; do "$cluster" import "$archive" > /dev/null; done
  CLOPS_BENCH_INSIDE=$work "$cluster" exec bash "$0"
  exit
fi

rounds=${BENCH_RUNS:-9}
work=$CLOPS_BENCH_INSIDE
source "$CLOPS_CLUSTER_DIR/cluster"   # bin, group
export PATH=$bin:$PATH
model=$PWD/samples/models/breast-cancer/1/model.ubj
body=$PWD/samples/rows/breast-cancer.json
wanted='"data":\[0.9971008\]'
now() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

mkdir -p "$CLOPS_CLUSTER_DIR/models/1" && cp "$model" "$CLOPS_CLUSTER_DIR/models/1/" && chmod -R a+rX "$CLOPS_CLUSTER_DIR/models"
sed -E 's#^( *image: ).*clops-operator:.*#\1clops-operator:bench#; s#imagePullPolicy: .*#imagePullPolicy: Never#
  s#^( *- )--server-image=.*#\1--server-image=clops-server:bench\n\1--image-pull-policy=Never#' deploy/install.yaml | kubectl apply --server-side -f - > /dev/null
kubectl -n clops-system rollout status deployment/clops-operator --timeout=60s > /dev/null
kubectl create namespace bench > /dev/null
kubectl label namespace bench pod-security.kubernetes.io/enforce=restricted > /dev/null
kubectl config set-context --current --namespace=bench > /dev/null
kubectl apply -f - > /dev/null <<END
apiVersion: v1
kind: PersistentVolume
metadata: {name: models}
spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], claimRef: {namespace: bench, name: models}, hostPath: {path: $CLOPS_CLUSTER_DIR/models}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: models, namespace: bench}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 100Mi}}, volumeName: models, storageClassName: ""}
END

# What the bare pod serves: the same model, from the same claim.
digest=sha256:$(sha256sum "$model" | cut -d' ' -f1)
kubectl create configmap bare --from-literal=serving.json='{"version":1,"generation":1,"models":[{"name":"bare","salt":"bench","stable":"only","variants":[{"name":"only","weight":100,"model":{"modelVersion":"bare-1","version":"1","uri":"pvc://models/1/model.ubj","digest":"'"$digest"'","format":"xgboost-ubj"}}],"buckets":[{"begin":0,"end":10000,"variant":"only"}]}]}' > /dev/null
bare() {  # NAME: milliseconds from apply to Ready
  local begun; begun=$(now)
  kubectl apply -f - > /dev/null <<END
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  automountServiceAccountToken: false
  securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: server
    image: clops-server:bench
    imagePullPolicy: Never
    args: [serve, --listen=0.0.0.0, --config=/etc/clops/serving.json, --cache=/var/cache/clops, --pvc=models=/mnt/models]
    resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {memory: 512Mi}}
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    readinessProbe: {httpGet: {path: /v2/health/ready, port: 8080}, periodSeconds: 1}
    volumeMounts: [{name: config, mountPath: /etc/clops}, {name: cache, mountPath: /var/cache/clops}, {name: models, mountPath: /mnt/models, readOnly: true}]
  volumes: [{name: config, configMap: {name: bare}}, {name: cache, emptyDir: {}}, {name: models, persistentVolumeClaim: {claimName: models, readOnly: true}}]
END
  kubectl wait "pod/$1" --for=condition=Ready --timeout=60s > /dev/null
  echo $(($(now) - begun))
}
ours() {  # NAME: milliseconds from apply to: ModelVersion Ready, pod made, pod Ready, first correct prediction
  local begun verified made predicted; begun=$(now)
  kubectl apply -f - > /dev/null <<END
apiVersion: clops.dev/v1alpha1
kind: ModelVersion
metadata: {name: $1-1}
spec: {model: $1, version: "1", modelFormat: {name: xgboost}, storageUri: pvc://models/1/model.ubj}
---
apiVersion: clops.dev/v1alpha1
kind: ModelDeployment
metadata: {name: $1}
spec: {variants: [{name: only, modelVersion: $1-1, weight: 100}]}
END
  # A watch beside it, so that asking costs the measured thing little.
  kubectl get mv "$1-1" -w -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}{"\n"}' > "$work/mv" 2> /dev/null &
  local watch=$!
  verified=''
  # A SYN that nothing answers (before the node's proxy knows the Service) must not cost the whole second until it is sent again.
  until curl -sS --connect-timeout 0.1 -m 1 -d @"$body" "http://$1.bench.svc:8080/v2/models/$1/infer" 2> /dev/null | grep -q "$wanted"; do
    [ -n "$verified" ] || ! grep -q True "$work/mv" || verified=$(now)
    [ $(($(now) - begun)) -lt 60000 ] || { echo "no prediction from $1" >&2; kubectl describe md "$1" >&2; return 1; }
    sleep 0.02
  done
  predicted=$(now)
  kill $watch 2> /dev/null || true
  echo "$((${verified:-$predicted} - begun)) $((predicted - begun))"
}
median() { sort -n | awk '{v[NR] = $1} END {print v[1], v[int((NR + 1) / 2)], v[NR]}'; }

# measure NAME: the rounds, into files NAME-bare, NAME-verified, NAME-ours
measure() {
  local round a b
  for round in $(seq 0 "$rounds"); do
    a=$(bare "bare-$1-$round") b=$(ours "round-$1-$round")
    if [ "$round" -gt 0 ]; then   # what is not counted: first pods, first answers
      echo "$a" >> "$work/$1-bare"
      cut -d' ' -f1 <<<"$b" >> "$work/$1-verified"; cut -d' ' -f2 <<<"$b" >> "$work/$1-ours"
    fi
    [ "$1-$round" = "default-$rounds" ] || kubectl delete md,mv,pod --all --wait > /dev/null
  done
}
tests/cluster/cluster.sh proxy-sync 0s 2> /dev/null
measure at-once
tests/cluster/cluster.sh proxy-sync default 2> /dev/null
measure default

pss() {  # SELECTOR NAMESPACE: MB, of the largest such process
  local uid pid
  for uid in $(kubectl -n "$2" get pods -l "$1" -o 'jsonpath={.items[*].metadata.uid}'); do
    find /sys/fs/cgroup -path "*$group*pod$uid*" -name cgroup.procs -exec cat {} + 2> /dev/null
  done | sort -u | while read -r pid; do
    case $(readlink "/proc/$pid/exe") in */clops-*) awk '/^Pss:/ {printf "%.1f\n", $2 / 1024}' "/proc/$pid/smaps_rollup" ;; esac
  done | sort -n | tail -n 1
}
for way in "default:Kubernetes as it comes" "at-once:kube-proxy writes rules at once"; do
  printf '%-46s %8s %8s %8s\n' "milliseconds, $rounds rounds; ${way#*:}" min median max
  for row in "bare:bare pod of the same image and model Ready" "verified:ModelVersion Ready" "ours:first correct prediction through the Service"; do
    # shellcheck disable=SC2046
    printf '%-46s %8s %8s %8s\n' "${row#*:}" $(median < "$work/${way%%:*}-${row%%:*}")
  done
done
while IFS=$'\t' read -r name _ bytes _; do echo "image_bytes of ${name%:*}: $bytes"; done < "$work/images.tsv"
echo "PSS of a serving pod: $(pss app.kubernetes.io/name=clops-server bench) MB"
echo "PSS of the leading operator: $(pss app.kubernetes.io/name=clops-operator clops-system) MB"
for way in ${BENCH_PROFILE:+at-once default}; do
  first=''; echo "milliseconds of the last round ($way): who asked what of the API server: writes, and what clops reads"
  grep -F "round-$way-$rounds" "$CLOPS_CLUSTER_DIR/log/audit.log" | jq -r 'select((.verb | IN("create", "patch", "update", "delete")) or (.verb == "get" and (.user.username | endswith("clops-operator")))) |
    select(.responseStatus.code < 300 and .objectRef.resource != "events") | [.stageTimestamp, .user.username, .verb, .objectRef.resource, .objectRef.subresource // "-", .objectRef.name // "-"] | @tsv' |
    sort | while IFS=$'\t' read -r at who rest; do
      ms=$(date -d "$at" +%s%3N); : "${first:=$ms}"; printf '%6d  %-50s %s\n' $((ms - first)) "${who##*:}" "$rest"
    done
done
ratio() { awk -v a="$(median < "$work/$1-ours" | cut -d' ' -f2)" -v b="$(median < "$work/$1-bare" | cut -d' ' -f2)" 'BEGIN {printf "%.2f\n", a / b}'; }
echo "with kube-proxy told to write rules at once: $(ratio at-once)"
echo "cluster_apply_to_prediction: $(ratio default)"
