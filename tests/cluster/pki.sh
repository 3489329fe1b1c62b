# Certificates and kubeconfigs of one cluster, in $dir/pki and $dir/*.kubeconfig. Sourced by cluster.sh, never run.

certificate() {  # NAME SUBJECT [ALTERNATIVE NAMES]
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -set_serial "0x$(openssl rand -hex 8)" -days 30 -out "$1.crt" \
    -extfile <(printf 'extendedKeyUsage=serverAuth,clientAuth\n%s\n' "${3:+subjectAltName=$3}")
  rm "$1.csr"
}

kubeconfig() {  # USER FILE URL
  cat > "$dir/$2" <<END
apiVersion: v1
kind: Config
current-context: cluster
clusters: [{name: cluster, cluster: {server: "$3", certificate-authority: $dir/pki/ca.crt}}]
users: [{name: $1, user: {client-certificate: $dir/pki/$1.crt, client-key: $dir/pki/$1.key}}]
contexts: [{name: cluster, context: {cluster: cluster, user: $1}}]
END
}

make_pki() {
  mkdir -p "$dir/pki"
  (
    cd "$dir/pki"
    exec 2> "$dir/log/openssl.log"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -keyout ca.key -out ca.crt -subj /CN=clops-test-ca
    openssl ecparam -name prime256v1 -genkey -noout -out sa.key
    openssl ec -in sa.key -pubout -out sa.pub
    certificate apiserver /CN=kube-apiserver "IP:127.0.0.1,IP:$node_ip,IP:$api_service_ip,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
    certificate apiserver-kubelet /O=system:masters/CN=kube-apiserver-kubelet-client
    certificate front-proxy /CN=front-proxy
    certificate admin /O=system:masters/CN=admin
    certificate controller-manager /CN=system:kube-controller-manager
    certificate scheduler /CN=system:kube-scheduler
    certificate kubelet /O=system:nodes/CN=system:node:node1 "IP:$node_ip,DNS:node1"
    certificate kube-proxy /CN=system:kube-proxy
    certificate coredns /O=system:masters/CN=coredns
    certificate metrics-server /O=system:masters/CN=metrics-server "DNS:metrics-server.kube-system.svc"
  ) || return 1
  local user
  for user in admin controller-manager scheduler kubelet kube-proxy coredns metrics-server; do
    kubeconfig $user $user.kubeconfig https://127.0.0.1:6443
  done
  kubeconfig admin admin2.kubeconfig https://127.0.0.1:6444
}
