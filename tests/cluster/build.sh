#!/usr/bin/env bash
# Builds the real Kubernetes programs that the tests talk to, from Go modules, into the user's cache directory (never the
# clone), keyed by version. About six minutes cold on two cores, nothing at all when they are there already.
#
#   tests/cluster/build.sh PROGRAM...      programs: kubectl kube-apiserver kube-controller-manager kube-scheduler kubelet
#                                          kube-proxy etcd
# Prints the folder that holds them on its last line. KUBE_VERSION and ETCD_VERSION choose others than the defaults.
set -euo pipefail
kube_version=${KUBE_VERSION:-1.34.4}
etcd_version=${ETCD_VERSION:-3.6.15}
cache=${CLOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clops}
bin=$cache/kube/$kube_version/bin
command -v go >/dev/null || { echo "tests/cluster/build.sh: needs Go 1.24 or newer (go.dev/dl, or your system's package)" >&2; exit 3; }
[ $# -gt 0 ] || set -- kubectl kube-apiserver etcd
mkdir -p "$bin"
exec 9>"$cache/kube/$kube_version/lock"; flock 9   # two lanes may ask at once

kube_module() {  # writes the wrapper module: k8s.io/kubernetes cannot be installed directly because of its replaces
  local dir=$1; mkdir -p "$dir"
  [ -f "$dir/go.sum" ] && return 0
  local staging="api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap
    code-generator component-base component-helpers controller-manager cri-api cri-client csi-translation-lib
    dynamic-resource-allocation endpointslice externaljwt kube-aggregator kube-controller-manager kube-proxy kube-scheduler
    kubectl kubelet metrics mount-utils pod-security-admission sample-apiserver sample-cli-plugin sample-controller"
  { printf 'module clops.test/kube\ngo 1.24\nrequire k8s.io/kubernetes v%s\n' "$kube_version"
    for m in $staging; do echo "replace k8s.io/$m => k8s.io/$m v0.${kube_version#*.}"; done; } > "$dir/go.mod"
  { printf '//go:build tools\npackage tools\nimport (\n'
    for p in kubectl kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy; do
      echo "  _ \"k8s.io/kubernetes/cmd/$p\""; done; echo ')'; } > "$dir/tools.go"
  (cd "$dir" && go mod tidy)
}

for program in "$@"; do
  [ -x "$bin/$program" ] && continue
  started=$SECONDS
  echo "building $program (once per version) ..." >&2
  if [ "$program" = etcd ]; then
    dir=$cache/kube/etcd-$etcd_version; mkdir -p "$dir"
    printf 'module clops.test/etcd\ngo 1.24\nrequire go.etcd.io/etcd/server/v3 v%s\n' "$etcd_version" > "$dir/go.mod"
    printf '//go:build tools\npackage tools\nimport _ "go.etcd.io/etcd/server/v3"\n' > "$dir/tools.go"
    (cd "$dir" && go mod tidy && CGO_ENABLED=0 go build -ldflags="-s -w" -o "$bin/etcd.new" go.etcd.io/etcd/server/v3)
  else
    dir=$cache/kube/$kube_version/module
    kube_module "$dir"
    v=k8s.io/component-base/version
    minor=$(cut -d. -f2 <<<"$kube_version")
    (cd "$dir" && CGO_ENABLED=0 go build -ldflags="-s -w -X $v.gitVersion=v$kube_version -X $v.gitMajor=${kube_version%%.*} -X $v.gitMinor=$minor" \
      -o "$bin/$program.new" "k8s.io/kubernetes/cmd/$program")
  fi
  mv "$bin/$program.new" "$bin/$program"
  echo "built $program in $((SECONDS - started)) s" >&2
done
echo "$bin"
