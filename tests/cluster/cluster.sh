#!/usr/bin/env bash
# A real one-node Kubernetes, made of programs that build.sh builds and of Debian's containerd. Needs root.
#
#   tests/cluster/cluster.sh up [--api-only] [--second-api] [--kube VERSION] [--owner PID] [--proxy-sync PERIOD]
#   tests/cluster/cluster.sh down
#   tests/cluster/cluster.sh start|stop|restart PART      stop is a SIGKILL; start waits until the part is of use
#   tests/cluster/cluster.sh proxy-sync PERIOD            kube-proxy begins again with that period, or `default`
#   tests/cluster/cluster.sh env                          lines for `eval`: KUBECONFIG, PATH, CLOPS_CLUSTER_DIR
#   tests/cluster/cluster.sh exec COMMAND...              inside: cluster addresses and names work there, and nothing else does
#   tests/cluster/cluster.sh import ARCHIVE               an OCI archive, for pods with imagePullPolicy: Never
#   tests/cluster/cluster.sh check                        says what is missing on this machine (exit 3)
#
# CLOPS_CLUSTER_DIR names the cluster's state folder; `up` without it makes one and prints it last. --owner: the cluster goes
# down by itself when that process has gone. --proxy-sync: how long kube-proxy waits at least between two writings of its rules
# (iptables.minSyncPeriod), such as 0s; without it Kubernetes' own default, a second. What a cluster is made of, and what it
# leaves on the machine: README.md.
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
here=$root/tests/cluster
service_range=10.96.0.0/16 api_service_ip=10.96.0.1 dns_service_ip=10.96.0.10 pod_range=10.244.0.0/24 node_ip=172.31.255.1
cni_bin=/usr/lib/cni
dir=${CLOPS_CLUSTER_DIR:-}
umask_before=$(umask)
umask 077   # private keys
source "$here/pki.sh"
source "$here/parts.sh"

# ---- inside and outside

adopt() {  # what `up` wrote down
  [ -n "$dir" ] && [ -f "$dir/cluster" ] || die "no cluster: CLOPS_CLUSTER_DIR must name the folder of one that is up"
  source "$dir/cluster"   # holder group bin only_api second_api
  export KUBECONFIG=$dir/admin.kubeconfig PATH=$bin:$PATH
}
inside() { nsenter --target "$holder" --mount --net --wdns="$PWD" -- "$@"; }
kubectl() { inside "$bin/kubectl" --request-timeout=5s "$@"; }
containers() { inside ctr --address "$dir/containerd/socket" --namespace k8s.io "$@"; }

# Where the kernel counts the cluster's processes: one folder that holds the parts, the shims and every pod.
group_folder() { if [ -f /sys/fs/cgroup/cgroup.controllers ]; then echo "/sys/fs/cgroup/$group"; else echo "/sys/fs/cgroup/pids/$group"; fi; }
group_folders() { if [ -f /sys/fs/cgroup/cgroup.controllers ]; then group_folder; else printf '%s\n' /sys/fs/cgroup/*/ | grep -v '/unified/$' | sed "s,\$,$group,"; fi; }
make_groups() {
  local folder
  for folder in $(group_folders); do
    mkdir -p "$folder"
    case $folder in
      */cpuset/*) cat /sys/fs/cgroup/cpuset/cpuset.cpus > "$folder/cpuset.cpus"; cat /sys/fs/cgroup/cpuset/cpuset.mems > "$folder/cpuset.mems" ;;
    esac
    if [ -f "$folder/cgroup.controllers" ]; then
      for one in $(cat /sys/fs/cgroup/cgroup.controllers); do
        echo "+$one" > /sys/fs/cgroup/cgroup.subtree_control; echo "+$one" > "$folder/cgroup.subtree_control"
      done 2>/dev/null || true
    fi
  done
  mkdir -p "$(group_folder)/parts"
}
members() { find "$(group_folder)" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u; }

# spawn NAME COMMAND...: inside, as a member of the cluster's group, its output in log/NAME.log.
spawn() {
  local name=$1; shift
  (
    echo "$BASHPID" > "$(group_folder)/parts/cgroup.procs"
    umask 022   # what containerd makes is the pods' own file system
    exec setsid nsenter --target "$holder" --mount --net --wdns="$dir" -- "$@"
  ) >> "$dir/log/$name.log" 2>&1 < /dev/null 8>&- 9>&- &
  echo $! > "$dir/pids/$name"
  disown   # bash need not say how it ended
}
running() { [ -f "$dir/pids/$1" ] && kill -0 "$(cat "$dir/pids/$1")" 2>/dev/null; }

await() {  # PART SECONDS
  local begun; begun=$(now_ms)
  while :; do
    if "ready_$1" >/dev/null 2>&1; then printf '  ok    %-20s %s\n' "$1" "$(seconds $(($(now_ms) - begun)))" >&2; return 0; fi
    if ! running "$1"; then echo "$1 has ended" >&2; break; fi
    if [ $(($(now_ms) - begun)) -gt $(($2 * 1000)) ]; then echo "$1 was not ready in $2 s" >&2; break; fi
    sleep 0.1
  done
  echo "--- the end of $dir/log/$1.log" >&2
  tail -n 25 "$dir/log/$1.log" | cut -c1-400 >&2
  return 1
}

part() { [[ " ${all_parts[*]} " == *" $1 "* ]] || die "no part is called $1; there are: ${all_parts[*]}"; }
stop_part() {
  part "$1"
  running "$1" || return 0
  local pid; pid=$(cat "$dir/pids/$1")
  kill -KILL "$pid"
  wait_until 10 bash -c "! kill -0 $pid" || die "$1 does not end"
}
start_part() { part "$1"; running "$1" || "start_$1"; await "$1" "${2:-60}"; }

# ---- up

missing() {  # what keeps a node from running here
  [ "$(id -u)" = 0 ] || echo "root"
  local tool
  for tool in nsenter unshare ip openssl curl gcc; do command -v "$tool" > /dev/null || echo "$tool"; done
  command -v go > /dev/null || [ -x "$bin_wanted/kube-apiserver" ] || echo "Go 1.24 or newer, to build Kubernetes (go.dev/dl)"
  unshare --mount --net true 2> /dev/null || echo "the right to make mount and network namespaces"
  [ -z "$only_api" ] || return 0
  for tool in containerd ctr runc iptables-restore conntrack; do command -v "$tool" > /dev/null || echo "$tool (scripts/install-deps.sh cluster)"; done
  [ -x "$cni_bin/ptp" ] || echo "$cni_bin/ptp (scripts/install-deps.sh cluster)"
  unshare --mount --net sh -c 'ip link add name try0 type veth peer name try1 && iptables -t nat -A OUTPUT -m statistic --mode random --probability 0.5 -j RETURN' \
    > /dev/null 2>&1 || echo "veth devices and iptables with NAT in the kernel"
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then [ -w /sys/fs/cgroup/cgroup.subtree_control ]; else [ -w /sys/fs/cgroup/memory ] && [ -w /sys/fs/cgroup/pids ]; fi ||
    echo "cgroups that may be written, v2 or v1 with memory and pids"
}
snapshotter() {
  mkdir -p "$dir/try"/{lower,upper,work,merged}
  if unshare --mount mount -t overlay overlay -o "lowerdir=$dir/try/lower,upperdir=$dir/try/upper,workdir=$dir/try/work" "$dir/try/merged" 2> /dev/null
  then echo overlayfs; else echo native; fi
  rm -rf "$dir/try"
}

# One process holds both namespaces open. What the parts write to fixed places lands in the state folder; kernel settings
# that kubelet would change for the whole machine read as it wants them, so that it does not.
make_namespaces() {
  gcc -static -Os -o "$dir/pause" "$here/pause.c"
  mkdir -p "$dir/var-lib" "$dir/var-log" "$dir/sysctl"
  echo 1 > "$dir/sysctl/overcommit_memory"; echo 10 > "$dir/sysctl/panic"; echo 1 > "$dir/sysctl/panic_on_oops"
  (
    echo "$BASHPID" > "$(group_folder)/parts/cgroup.procs"
    exec setsid unshare --mount --net "$dir/pause"
  ) > /dev/null 2>&1 < /dev/null 8>&- 9>&- &
  holder=$!
  disown
  wait_until 5 bash -c "[ \"\$(readlink /proc/$holder/exe)\" = '$dir/pause' ]" || die "the namespaces could not be made"
  inside bash -euc '
    dir=$1 node_ip=$2
    mount --bind "$dir/var-lib" /var/lib
    mount --bind "$dir/var-log" /var/log
    mount -t tmpfs -o mode=755 tmpfs /run
    mount --bind "$dir/sysctl/overcommit_memory" /proc/sys/vm/overcommit_memory
    mount --bind "$dir/sysctl/panic" /proc/sys/kernel/panic
    mount --bind "$dir/sysctl/panic_on_oops" /proc/sys/kernel/panic_on_oops
    mount --bind "$dir/resolv.conf" /etc/resolv.conf
    ip link set lo up
    # The way out leads nowhere: addresses of Services have a route to begin with, and nothing leaves the machine.
    ip link add name node0 type veth peer name nowhere0
    ip address add "$node_ip/32" dev node0
    ip link set node0 up; ip link set nowhere0 up
    ip route add default dev node0
    echo 1 > /proc/sys/net/ipv4/ip_forward
  ' inside "$dir" "$node_ip" 8>&- 9>&-
}

pause_image() {
  mkdir -p "$dir/pause-root"
  install -m 755 "$dir/pause" "$dir/pause-root/pause"
  "$root/deploy/images/archive.sh" "$dir/pause-root" "$dir/pause.tar" localhost/pause:1 0 /pause > /dev/null
}

up() {
  local owner='' kube='' proxy_sync=default begun
  only_api='' second_api=''
  while [ $# -gt 0 ]; do
    case $1 in
      --api-only) only_api=1 ;;
      --second-api) second_api=1 ;;
      --kube) kube=${2:?--kube needs a version}; shift ;;
      --proxy-sync) proxy_sync=${2:?--proxy-sync needs a period}; shift ;;
      --owner) owner=${2:?--owner needs a pid}; shift ;;
      *) die "up: $1?" ;;
    esac
    shift
  done
  export KUBE_VERSION=${kube:-${KUBE_VERSION:-1.34.4}}
  require_all
  local programs=(kubectl etcd kube-apiserver)
  [ -n "$only_api" ] || programs+=(kube-controller-manager kube-scheduler kubelet kube-proxy coredns metrics-server)
  bin=$("$here/build.sh" "${programs[@]}" | tail -n 1)
  begun=$(now_ms)
  [ -n "$dir" ] || dir=$(mktemp -d "${TMPDIR:-/tmp}/clops-cluster-XXXXXX")
  mkdir -p "$dir/log" "$dir/pids"
  dir=$(cd "$dir" && pwd -P)
  [ ! -f "$dir/cluster" ] || die "$dir holds a cluster already"
  group=clops-$(basename "$dir" | tr -cd 'a-zA-Z0-9')-$$
  export CLOPS_CLUSTER_DIR=$dir KUBECONFIG=$dir/admin.kubeconfig
  trap 'failed_up' EXIT
  make_pki
  write_configuration
  echo "$proxy_sync" > "$dir/proxy-sync"
  make_groups
  make_namespaces
  printf 'holder=%s group=%s bin=%s only_api=%s second_api=%s\n' "$holder" "$group" "$bin" "$only_api" "$second_api" > "$dir/cluster"
  if [ -n "$owner" ]; then
    setsid bash -c 'while kill -0 "$1" 2> /dev/null && kill -0 "$2" 2> /dev/null; do sleep 0.5; done; exec "$3" down' \
      watch "$owner" "$holder" "$here/cluster.sh" > /dev/null 2>&1 < /dev/null 8>&- 9>&- &
  fi
  start_etcd
  start_kube-apiserver
  if [ -z "$only_api" ]; then start_containerd; pause_image; fi
  await etcd 20
  await kube-apiserver 60
  if [ -n "$second_api" ]; then start_kube-apiserver-2; await kube-apiserver-2 60; fi
  if [ -z "$only_api" ]; then
    start_controller-manager
    start_scheduler
    await containerd 20
    containers images import "$dir/pause.tar" > /dev/null
    start_kubelet
    start_kube-proxy
    start_coredns
    write_services | kubectl apply -f - > /dev/null
    start_metrics-server
    await controller-manager 30
    await scheduler 30
    await kube-proxy 30
    await coredns 30
    await kubelet 60
    await metrics-server 60
  fi
  trap - EXIT
  say "  up    Kubernetes $KUBE_VERSION in $(seconds $(($(now_ms) - begun)))" >&2
  say "$dir"
}
failed_up() { down_quietly || true; }

require_all() {
  bin_wanted=$cache/kube/${KUBE_VERSION:-1.34.4}/bin
  local lacks; lacks=$(missing)
  [ -z "$lacks" ] || { printf 'error: a Kubernetes node cannot run on this machine; missing:\n%s\n' "$(sed 's/^/  - /' <<<"$lacks")" >&2; exit 3; }
}

# ---- down

# Whatever is in the group is ended; mounts, devices, rules and sockets go with the namespaces.
down_quietly() {
  local pids end folder
  end=$(($(now_ms) + 15000))
  while pids=$(members) && [ -n "$pids" ]; do
    # shellcheck disable=SC2086
    kill -KILL $pids 2> /dev/null || true
    [ "$(now_ms)" -lt "$end" ] || { echo "processes that do not end: $pids" >&2; return 1; }
    sleep 0.05
  done
  for folder in $(group_folders) "/sys/fs/cgroup/unified/$group"; do   # runc makes the latter where there are both kinds
    [ ! -d "$folder" ] || wait_until 5 bash -c "find '$folder' -depth -type d -exec rmdir {} + && [ ! -d '$folder' ]" || { echo "$folder cannot be removed" >&2; return 1; }
  done
  if [ -n "${CLOPS_KEEP:-}" ]; then rm -f "$dir/cluster"; else rm -rf "$dir"; fi
}

command=${1:-}; [ $# -eq 0 ] || shift
case $command in
  up) up "$@" ;;
  down) adopt; down_quietly ;;
  start) adopt; start_part "$@" ;;
  stop) adopt; stop_part "$@" ;;
  restart) adopt; stop_part "$1"; start_part "$@" ;;
  proxy-sync) adopt; echo "${1:?proxy-sync needs a period}" > "$dir/proxy-sync"; stop_part kube-proxy; start_part kube-proxy ;;
  env) adopt; printf 'export KUBECONFIG=%q CLOPS_CLUSTER_DIR=%q PATH=%q:"$PATH"\n' "$KUBECONFIG" "$dir" "$bin" ;;
  exec) adopt; umask "$umask_before"; exec nsenter --target "$holder" --mount --net --wdns="$PWD" -- "$@" ;;
  import) adopt; containers images import --snapshotter "$(sed -n 's/^ *snapshotter = "\(.*\)"/\1/p' "$dir/containerd.toml")" "$@" ;;
  check) only_api=''; require_all; say "a node can run here" ;;
  *) sed -n '2,/^source/{/^source/d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;;
esac
