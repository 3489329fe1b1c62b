#!/usr/bin/env bash
# Runs etcd and a real kube-apiserver on loopback until it is told to stop (SIGTERM, or its standard input ends).
#
#   tests/contract/kube_apiserver.sh FOLDER ETCD_PORT ETCD_PEER_PORT API_PORT
# FOLDER gets certificates, logs, `kubeconfig` (contexts: cert, token), and `pid.apiserver`; `kubeconfig` appears once the
# certificates are there, the server answers about three seconds later. A second run over the same FOLDER goes on with its data.
# KUBE_APISERVER_FLAGS: more flags by words, relative to FOLDER, in place of the one that does without service accounts' admission
# (which wants the controller manager).
set -euo pipefail
dir=$1 etcd_port=$2 peer_port=$3 api_port=$4
bin=$("$(dirname "$0")/../cluster/build.sh" etcd kube-apiserver kubectl kube-controller-manager | tail -1)
read -ra flags <<< "${KUBE_APISERVER_FLAGS:---disable-admission-plugins=ServiceAccount}"
mkdir -p "$dir" && cd "$dir"
umask 077

if [ ! -f ca.crt ]; then
  key="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30"
  openssl req -x509 $key -keyout ca.key -out ca.crt -subj /CN=clops-test-ca 2>openssl.log
  sign() {  # NAME SUBJECT EXTENSIONS
    openssl req -new $key -keyout "$1.key" -out "$1.csr" -subj "$2" 2>>openssl.log
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" -extfile <(echo "$3") 2>>openssl.log
  }
  sign server /CN=kube-apiserver "subjectAltName=IP:127.0.0.1,DNS:kubernetes.test"
  sign client /O=system:masters/CN=contract "extendedKeyUsage=clientAuth"
  openssl ecparam -name prime256v1 -genkey -noout -out sa.key 2>>openssl.log
  openssl ec -in sa.key -pubout -out sa.pub 2>>openssl.log
  printf 'contract-token,contract-token-user,1,"system:masters"\nother-token,nobody,2\n' > tokens.csv
fi
cat > kubeconfig.new <<END
apiVersion: v1
kind: Config
current-context: cert
clusters:
- name: ip
  cluster: {server: "https://127.0.0.1:$api_port", certificate-authority: ca.crt}
contexts:
- {name: cert, context: {cluster: ip, user: cert}}
- {name: token, context: {cluster: ip, user: token}}
users:
- name: cert
  user: {client-certificate: client.crt, client-key: client.key}
- name: token
  user: {token: contract-token}
END
pids=()
# The API server is killed: one of 1.37 that is asked to end takes minutes without its etcd. A second signal ends nothing early.
stop() {
  trap - EXIT; trap '' TERM INT
  [ ${#pids[@]} -lt 2 ] || kill -KILL "${pids[1]}" 2>/dev/null || true
  [ ${#pids[@]} -eq 0 ] || kill "${pids[0]}" 2>/dev/null || true
  wait 2>/dev/null || true
  exit 0
}
trap stop EXIT TERM INT
"$bin/etcd" --data-dir etcd --unsafe-no-fsync --log-level error --listen-client-urls "http://127.0.0.1:$etcd_port" \
  --advertise-client-urls "http://127.0.0.1:$etcd_port" --listen-peer-urls "http://127.0.0.1:$peer_port" \
  --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" --initial-cluster "default=http://127.0.0.1:$peer_port" >etcd.log 2>&1 &
pids+=($!)
mv kubeconfig.new kubeconfig
while :; do  # a killed API server comes back, as it would anywhere
  "$bin/kube-apiserver" --etcd-servers "http://127.0.0.1:$etcd_port" --bind-address 127.0.0.1 --secure-port "$api_port" \
    --tls-cert-file server.crt --tls-private-key-file server.key --client-ca-file ca.crt --token-auth-file tokens.csv \
    --service-account-issuer https://kubernetes.test --service-account-key-file sa.pub --service-account-signing-key-file sa.key \
    --service-cluster-ip-range 10.96.0.0/16 --authorization-mode RBAC --allow-privileged \
    --etcd-compaction-interval 0 --endpoint-reconciler-type none "${flags[@]}" >>apiserver.log 2>&1 &
  api=$!
  echo "$api" > pid.new && mv pid.new pid.apiserver
  pids=("${pids[0]}" "$api")
  while kill -0 "$api" 2>/dev/null; do
    if read -r -t 0.2 _; then :; elif [ $? -le 128 ]; then stop; fi  # the end of standard input: whoever started us is gone
  done
  wait "$api" 2>/dev/null || true  # without bash's word on how it ended
done
