#!/usr/bin/env bash
# Builds the real Kubernetes programs that the tests talk to, from Go modules, into the user's cache directory (never the
# clone), keyed by version. About ten minutes cold for all on two cores, nothing at all when they are there already.
#
#   tests/cluster/build.sh [PROGRAM...]    kubectl kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy
#                                          etcd coredns metrics-server files (a web server of ours); all without an argument
# Prints the folder that holds them on its last line. KUBE_VERSION, ETCD_VERSION, COREDNS_VERSION and METRICS_VERSION choose
# others than the defaults.
set -euo pipefail
kube_version=${KUBE_VERSION:-1.34.4}
etcd_version=${ETCD_VERSION:-3.6.15}
coredns_version=${COREDNS_VERSION:-1.12.4}
metrics_version=${METRICS_VERSION:-0.9.0}
here=$(cd "$(dirname "$0")" && pwd)
cache=${CLOPS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/clops}
bin=$cache/kube/$kube_version/bin
kube_programs=(kubectl kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy)
command -v go >/dev/null || { echo "tests/cluster/build.sh: needs Go 1.24 or newer (go.dev/dl, or your system's package)" >&2; exit 3; }
[ $# -gt 0 ] || set -- "${kube_programs[@]}" etcd coredns metrics-server files
mkdir -p "$bin"
# A web server of ours is built again when its source is newer; what a version names never changes.
present() { [ -x "$bin/$1" ] && { [ "$1" != files ] || [ ! "$here/files/main.go" -nt "$bin/files" ]; }; }
absent=()
for program in "$@"; do present "$program" || absent+=("$program"); done
[ ${#absent[@]} -gt 0 ] || { echo "$bin"; exit 0; }
exec 9>"$cache/kube/$kube_version/lock"; flock 9   # two lanes may ask at once
export CGO_ENABLED=0

# A module of our own that requires k8s.io/kubernetes: it cannot be installed directly because of its replaces, which are
# read from its go.mod, as every minor has others.
kube_module() {
  local dir=$cache/kube/$kube_version/module mod
  mkdir -p "$dir"
  [ -f "$dir/go.sum" ] || {
    mod=$(cd "$dir" && GOFLAGS=-mod=mod go mod download -json "k8s.io/kubernetes@v$kube_version" | sed -n 's/^\t*"GoMod": "\(.*\)",$/\1/p')
    { printf 'module clops.test/kube\ngo 1.24\nrequire k8s.io/kubernetes v%s\n' "$kube_version"
      sed -n 's,^\t*\(replace \)*k8s.io/\([a-z-]*\) => ./staging/.*,\2,p' "$mod" | sort -u | while read -r m; do
        echo "replace k8s.io/$m => k8s.io/$m v0.${kube_version#*.}"; done; } > "$dir/go.mod"
    { printf '//go:build tools\npackage tools\nimport (\n'
      printf '  _ "k8s.io/kubernetes/cmd/%s"\n' "${kube_programs[@]}"; echo ')'; } > "$dir/tools.go"
    (cd "$dir" && go mod tidy >&2)
  }
  echo "$dir"
}
# module NAME VERSION PACKAGE MODULE: one of our own that only requires the package.
module() {
  local dir=$cache/kube/$1-$2; mkdir -p "$dir"
  [ -f "$dir/go.sum" ] || {
    printf 'module clops.test/%s\ngo 1.24\nrequire %s v%s\n' "$1" "$4" "$2" > "$dir/go.mod"
    printf '//go:build tools\npackage tools\nimport _ "%s"\n' "$3" > "$dir/tools.go"
    (cd "$dir" && go mod tidy >&2)
  }
  echo "$dir"
}

for program in "$@"; do
  ! present "$program" || continue
  started=$SECONDS flags='-s -w'
  echo "building $program (once per version) ..." >&2
  case $program in
    etcd) dir=$(module etcd "$etcd_version" go.etcd.io/etcd/server/v3 go.etcd.io/etcd/server/v3) package=go.etcd.io/etcd/server/v3 ;;
    coredns) dir=$(module coredns "$coredns_version" github.com/coredns/coredns github.com/coredns/coredns) package=github.com/coredns/coredns ;;
    metrics-server) package=sigs.k8s.io/metrics-server/cmd/metrics-server
      dir=$(module metrics-server "$metrics_version" $package sigs.k8s.io/metrics-server) ;;
    files) dir=$here/files package=. ;;
    *) dir=$(kube_module) package=k8s.io/kubernetes/cmd/$program v=k8s.io/component-base/version
      # Without these it calls itself v0.0.0, which `kubectl version` refuses.
      flags+=" -X $v.gitVersion=v$kube_version -X $v.gitMajor=${kube_version%%.*} -X $v.gitMinor=$(cut -d. -f2 <<<"$kube_version")" ;;
  esac
  (cd "$dir" && go build -ldflags="$flags" -o "$bin/$program.new" "$package")
  mv "$bin/$program.new" "$bin/$program"
  echo "built $program in $((SECONDS - started)) s" >&2
done
echo "$bin"
