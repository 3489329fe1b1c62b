# How every part of the cluster is run, and when it counts as up. Sourced by cluster.sh, never run.
# start_NAME begins it, ready_NAME is true once it is of use. All see one network and one mount namespace.

all_parts=(etcd kube-apiserver kube-apiserver-2 controller-manager scheduler containerd kubelet kube-proxy coredns metrics-server)

start_etcd() {
  spawn etcd "$bin/etcd" --name node1 --data-dir "$dir/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster node1=http://127.0.0.1:2380
}
ready_etcd() { inside curl -fsS -m 2 http://127.0.0.1:2379/health; }

api_server() {  # NAME PORT
  spawn "$1" "$bin/kube-apiserver" --etcd-servers http://127.0.0.1:2379 --bind-address 0.0.0.0 --secure-port "$2" \
    --advertise-address "$node_ip" --tls-cert-file "$dir/pki/apiserver.crt" --tls-private-key-file "$dir/pki/apiserver.key" \
    --client-ca-file "$dir/pki/ca.crt" --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$dir/pki/sa.pub" --service-account-signing-key-file "$dir/pki/sa.key" \
    --service-cluster-ip-range "$service_range" --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
    --allow-privileged --kubelet-client-certificate "$dir/pki/apiserver-kubelet.crt" \
    --kubelet-client-key "$dir/pki/apiserver-kubelet.key" --kubelet-certificate-authority "$dir/pki/ca.crt" \
    --kubelet-preferred-address-types InternalIP --requestheader-client-ca-file "$dir/pki/ca.crt" \
    --requestheader-allowed-names front-proxy --requestheader-username-headers X-Remote-User \
    --requestheader-group-headers X-Remote-Group --requestheader-extra-headers-prefix X-Remote-Extra- \
    --proxy-client-cert-file "$dir/pki/front-proxy.crt" --proxy-client-key-file "$dir/pki/front-proxy.key" \
    --audit-policy-file "$dir/audit-policy.yaml" --audit-log-path "$dir/log/audit${1#kube-apiserver}.log" --audit-log-mode blocking
}
start_kube-apiserver() { api_server kube-apiserver 6443; }
ready_kube-apiserver() { kubectl get --raw /readyz; }
start_kube-apiserver-2() { api_server kube-apiserver-2 6444; }
ready_kube-apiserver-2() { KUBECONFIG=$dir/admin2.kubeconfig kubectl get --raw /readyz; }

start_controller-manager() {
  spawn controller-manager "$bin/kube-controller-manager" --kubeconfig "$dir/controller-manager.kubeconfig" \
    --service-account-private-key-file "$dir/pki/sa.key" --root-ca-file "$dir/pki/ca.crt" --use-service-account-credentials \
    --bind-address 127.0.0.1 --leader-elect=false
}
# Pods are refused until it has made their namespace's service account.
ready_controller-manager() { kubectl get serviceaccount default; }

start_scheduler() {
  spawn scheduler "$bin/kube-scheduler" --kubeconfig "$dir/scheduler.kubeconfig" --bind-address 127.0.0.1 --leader-elect=false
}
ready_scheduler() { inside curl -fsSk -m 2 https://127.0.0.1:10259/readyz; }

start_containerd() {
  spawn containerd containerd --config "$dir/containerd.toml"
}
ready_containerd() { containers version; }

start_kubelet() {
  spawn kubelet "$bin/kubelet" --config "$dir/kubelet.yaml" --kubeconfig "$dir/kubelet.kubeconfig" --hostname-override node1 \
    --node-ip "$node_ip" --root-dir "$dir/kubelet"
}
ready_kubelet() { kubectl get node node1 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' | grep -qx True; }

start_kube-proxy() {
  local sync=(); [ "$(cat "$dir/proxy-sync")" = default ] || sync=(--iptables-min-sync-period "$(cat "$dir/proxy-sync")")
  spawn kube-proxy "$bin/kube-proxy" --kubeconfig "$dir/kube-proxy.kubeconfig" --hostname-override node1 --proxy-mode iptables \
    --cluster-cidr "$pod_range" --conntrack-max-per-core 0 --conntrack-tcp-timeout-established 0 \
    --conntrack-tcp-timeout-close-wait 0 --healthz-bind-address 127.0.0.1:10256 --metrics-bind-address 127.0.0.1:10249 "${sync[@]}"
}
ready_kube-proxy() { inside curl -fsSk -m 2 -o /dev/null "https://$api_service_ip:443/livez"; }

start_coredns() {
  spawn coredns "$bin/coredns" -conf "$dir/Corefile"
}
# A pod's way to it: its Service's address.
ready_coredns() { inside curl -fsSk -m 2 -o /dev/null https://kubernetes.default.svc/livez; }

start_metrics-server() {
  spawn metrics-server "$bin/metrics-server" --kubeconfig "$dir/metrics-server.kubeconfig" \
    --authentication-kubeconfig "$dir/metrics-server.kubeconfig" --authorization-kubeconfig "$dir/metrics-server.kubeconfig" \
    --secure-port 4443 --bind-address "$node_ip" --tls-cert-file "$dir/pki/metrics-server.crt" \
    --tls-private-key-file "$dir/pki/metrics-server.key" --kubelet-certificate-authority "$dir/pki/ca.crt" \
    --kubelet-preferred-address-types InternalIP --kubelet-request-timeout 5s \
    --metric-resolution 10s
}
ready_metrics-server() { kubectl get --raw /apis/metrics.k8s.io/v1beta1; }

# What the parts read that is no certificate.
write_configuration() {
  printf 'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n' > "$dir/audit-policy.yaml"
  cat > "$dir/Corefile" <<END
cluster.local.:53 {
  bind $node_ip
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local {
    kubeconfig $dir/coredns.kubeconfig
    ttl 5
  }
}
END
  mkdir -p "$dir/cni" "$dir/kubelet"
  # Routed, not bridged: all that pods say to each other passes the node's own tables, as Services need.
  cat > "$dir/cni/10-pods.conflist" <<END
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "ptp", "ipMasq": false, "ipam": {"type": "host-local", "ranges": [[{"subnet": "$pod_range"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
END
  cat > "$dir/containerd.toml" <<END
version = 2
root = "$dir/containerd/root"
state = "$dir/containerd/state"
[grpc]
  address = "$dir/containerd/socket"
[plugins."io.containerd.internal.v1.opt"]
  path = "$dir/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$cni_bin"
    conf_dir = "$dir/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$(snapshotter)"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
END
  cat > "$dir/kubelet.yaml" <<END
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {x509: {clientCAFile: $dir/pki/ca.crt}, anonymous: {enabled: false}, webhook: {enabled: true}}
authorization: {mode: Webhook}
tlsCertFile: $dir/pki/kubelet.crt
tlsPrivateKeyFile: $dir/pki/kubelet.key
cgroupDriver: cgroupfs
cgroupRoot: /$group
failCgroupV1: false
failSwapOn: false
localStorageCapacityIsolation: false
clusterDNS: [$dns_service_ip]
clusterDomain: cluster.local
resolvConf: $dir/resolv.empty
volumePluginDir: $dir/kubelet/volume-plugins
containerRuntimeEndpoint: unix://$dir/containerd/socket
evictionHard: {memory.available: 100Mi, nodefs.available: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
END
  : > "$dir/resolv.empty"
  printf 'nameserver %s\nsearch svc.cluster.local cluster.local\noptions ndots:5 timeout:1\n' "$dns_service_ip" > "$dir/resolv.conf"
}

# Services for the parts that run as programs of the node instead of in pods: pods reach them as on any cluster.
write_services() {
  cat <<END
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: $dns_service_ip
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns-node1, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
endpoints: [{addresses: [$node_ip]}]
---
apiVersion: v1
kind: Service
metadata: {name: metrics-server, namespace: kube-system}
spec:
  ports: [{name: https, port: 443, protocol: TCP}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: metrics-server-node1, namespace: kube-system, labels: {kubernetes.io/service-name: metrics-server}}
addressType: IPv4
ports: [{name: https, port: 4443, protocol: TCP}]
endpoints: [{addresses: [$node_ip]}]
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  service: {name: metrics-server, namespace: kube-system}
  caBundle: $(base64 -w0 "$dir/pki/ca.crt")
END
}
