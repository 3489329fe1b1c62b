# What only a real Kubernetes shows: kubelet, endpoints, admission, RBAC, nodes. Sourced by cluster_test.sh, never run.
audit_log=$CLOPS_CLUSTER_DIR/log/audit.log
next_version=$CLOPS_IMAGE_VERSION-next   # the same programs under another label: what an update is to Kubernetes
node_address=172.31.255.1

case_operator_comes_up() {
  use_namespace clops
  install_clops "$server_image" "clops-operator:$CLOPS_IMAGE_VERSION"
}
case_pods_pass_the_restricted_standard() {
  # Admission refuses what does not; relabelling says of what is there already whether it would be refused.
  k get namespace clops -o jsonpath='{.metadata.labels}' | expect "the label" '"pod-security.kubernetes.io/enforce":"restricted"'
  kubectl label namespace clops clops-system --overwrite --dry-run=server pod-security.kubernetes.io/enforce=restricted > "$work/out" 2>&1
  refuse grep -i warning "$work/out"
  refuse kubectl -n clops run plain --image="$server_image" --image-pull-policy=Never > "$work/out" 2>&1
  expect "the refusal of a pod that is not restricted" 'violates PodSecurity' < "$work/out"
}

# ---- what a pod follows, and what status says of it

pods_of() { k get pods -l "clops.dev/model-deployment=$1" -o 'jsonpath={range .items[?(@.status.podIP)]}{.metadata.name}{" "}{.status.podIP}{"\n"}{end}'; }
push_key() { k get secret "$1-push" -o 'jsonpath={.data.key}' | base64 -d; }
followed() {  # ADDRESS KEY: the generation of serving.json in force in that pod
  curl -sS -m 2 -H "Authorization: Bearer $2" "http://$1:8081/clops/v1/config" | sed -n 's/.*"generation":\([0-9]*\).*/\1/p'
}
claimed() { k get md "$1" -o 'jsonpath={.status.history[0].generation}'; }
# Status is read before the pods: what it says must be true of each of them by then. One line a round: milliseconds,
# generation in status, the lowest of the pods.
watch_claims() {  # NAME FILE
  local key status lowest one name address; key=$(push_key "$1")
  while [ -e "$work/watching" ]; do
    status=$(claimed "$1") || continue   # no answer is no word on it
    lowest=''
    while read -r name address; do
      one=$(followed "$address" "$key") && [ -n "$one" ] || continue 2
      if [ -z "$lowest" ] || [ "$one" -lt "$lowest" ]; then lowest=$one; fi
    done < "$work/pods"
    echo "$(now_ms) $status $lowest"
  done > "$2"
}
restarts() { k get pods -l "clops.dev/model-deployment=$1" -o 'jsonpath={range .items[*]}{.metadata.name}{" "}{.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort; }

looks() { wc -l < "$work/claims"; }

# change WHAT COMMAND...: after it, every pod follows within two seconds, and status says so, never before, which whoever watches
# has looked at a few times by the end (how often a second is the machine's).
change() {
  local what=$1 before began ended key address name late looked; shift
  looked=$(looks)
  before=$(claimed breast-cancer) key=$(push_key breast-cancer)
  began=$(now_ms)
  "$@"
  ended=$(now_ms)
  all_follow() {
    while read -r name address; do [ "$(followed "$address" "$key")" -gt "$before" ] || return 1; done < "$work/pods"
  }
  wait_until 5 all_follow || { echo "$what: not in force in every pod within 5 s"; return 1; }
  late=$(($(now_ms) - ended))
  echo "$what: in force in every pod $late ms after kubectl apply had returned ($((ended - began)) ms)"
  [ "$late" -le 2000 ]
  said_so() { [ "$(claimed breast-cancer)" -gt "$before" ]; }
  until_true 2 said_so
  looked_at() { [ "$(looks)" -ge $((looked + 4)) ]; }
  until_true 5 looked_at
}
case_a_change_is_in_force_in_two_seconds_and_never_claimed_before() {
  two breast-cancer-1 breast-cancer-2 90 10 3
  until_true 20 settled 3
  pods_of breast-cancer > "$work/pods"
  same "$(wc -l < "$work/pods")" 3 "pods"
  restarts breast-cancer > "$work/restarts"
  touch "$work/watching"
  : > "$work/claims"
  trap 'rm -f "$work/watching"' EXIT   # also where a change fails: the cases that follow are not to be watched
  watch_claims breast-cancer "$work/claims" &
  local watcher=$!
  change "a weight" two breast-cancer-1 breast-cancer-2 50 50 3
  in_force 50 50
  change "a version" two breast-cancer-2 breast-cancer-1 50 50 3
  change "both" two breast-cancer-1 breast-cancer-2 90 10 3
  rm "$work/watching"; wait "$watcher"
  awk '$2 > $3 { print "claimed before it was so: " $0; bad = 1 } END { exit bad }' "$work/claims"
  restarts breast-cancer | diff "$work/restarts" -
  two breast-cancer-1 breast-cancer-2 90 10 1
  until_true 20 settled 1
}

# ---- under load

requests_of() {  # ADDRESS: inference requests that this pod has answered
  curl -sS -m 2 "http://$1:8081/metrics" | awk '/^nv_inference_request_success/ { n += $2 } END { print n + 0 }'
}
case_no_request_lost_when_a_pod_is_deleted() {
  two breast-cancer-1 breast-cancer-2 90 10 2
  until_true 20 settled 2
  begin_load
  local victim; victim=$(only_pod | sed -n 1p)
  k delete "$victim" --timeout="$(within 15)s"
  until_true 20 settled 2
  refuse grep -qx "$victim" <(only_pod)
  end_load 300
}
# One node: what can be shown is that evictions go through the budget one at a time, and that nothing is lost meanwhile.
case_no_request_lost_when_the_node_is_drained() {
  begin_load
  local before; before=$(only_pod)
  kubectl drain node1 --pod-selector=clops.dev/model-deployment=breast-cancer --delete-emptydir-data --timeout="$(within 30)s" > "$work/drain" 2>&1 &
  local drain=$!
  only_one() { pods_are 1 && grep -q "Cannot evict pod as it would violate the pod's disruption budget" "$work/drain"; }
  until_true 15 only_one || { cat "$work/drain"; return 1; }   # the other one stays, as its successor finds no node
  kubectl uncordon node1
  wait "$drain" || { cat "$work/drain"; return 1; }
  until_true 20 settled 2
  [ -z "$(comm -12 <(sort <<<"$before") <(only_pod | sort))" ]
  end_load 300
}
# Whoever is connected to it, or is sent to it before the node knows, has an error. Then its container is back, and nobody has.
case_a_process_that_is_killed_comes_back_under_load() {
  begin_load
  local pid; pid=$(server_pids | sed -n 1p)
  [ -n "$pid" ]
  kill -9 "$pid"
  back() { k get pods -l clops.dev/model-deployment=breast-cancer -o 'jsonpath={.items[*].status.containerStatuses[0].restartCount}' | grep -q '[1-9]' && settled 2; }
  until_true 20 back
  all_good_again() {   # the last two hundred answers of each client
    local each
    for each in "${load_clients[@]}"; do
      [ "$(wc -l < "$work/answers.$each")" -ge 300 ] || return 1
      ! tail -n 201 "$work/answers.$each" | head -n 200 | grep -qv '^200 $' || return 1
    done
  }
  until_true 5 all_good_again
  rm "$work/load"; wait "${load_pids[@]}"
  awk '!/^200 $/ { ++lost } END { print NR " answers, " lost + 0 " lost" }' "$work"/answers.*   # told, not held: see above
}
server_image_is() { [ "$(k get pods -l clops.dev/model-deployment=breast-cancer -o 'jsonpath={.items[*].spec.containers[0].image}' | tr ' ' '\n' | sort -u)" = "$1" ]; }
operator_says() { kubectl -n clops-system get pods -l app.kubernetes.io/name=clops-operator -o 'jsonpath={.items[*].spec.containers[0].image}' | tr ' ' '\n' | sort -u; }
case_no_request_lost_when_images_are_updated() {
  begin_load
  # A newer operator with servers of before, then newer servers, then back: each beside the other for a while.
  install_clops "$server_image" "clops-operator:$next_version"
  operator_is_newer() { [ "$(operator_says)" = "clops-operator:$next_version" ]; }
  until_true 10 operator_is_newer
  two breast-cancer-1 breast-cancer-2 70 30 2
  until_true 20 in_force 70 30
  install_clops "clops-server:$next_version" "clops-operator:$next_version"
  updated() { settled 2 && server_image_is "clops-server:$next_version"; }
  until_true 30 updated
  install_clops "clops-server:$next_version" "clops-operator:$CLOPS_IMAGE_VERSION"
  two breast-cancer-1 breast-cancer-2 90 10 2
  until_true 20 in_force 90 10
  install_clops "$server_image" "clops-operator:$CLOPS_IMAGE_VERSION"
  restored() { settled 2 && server_image_is "$server_image"; }
  until_true 30 restored
  end_load 300
}
# Eight clients that would keep their one connection for ten minutes, made while there were two pods. Then there is a third, and
# then neither operator nor API server for a minute: no request is lost, and the third pod has its part of them.
case_serving_survives_control_plane_outage() {
  local pid url name address until; url=$(url_of breast-cancer)/v2/models/breast-cancer/infer
  load_rate=40 kept_seconds=600
  begin_load kept.{1..8}
  two breast-cancer-1 breast-cancer-2 90 10 3
  until_true 20 settled 3
  pods_of breast-cancer > "$work/pods"
  pid=$(pod_pids clops clops.dev/model-deployment=breast-cancer | sed -n 1p)
  [ -n "$pid" ]
  kubectl -n clops-system scale deployment/clops-operator --replicas=0
  no_operator() { [ -z "$(operator_pids)" ]; }
  until_true 10 no_operator
  "$cluster" stop kube-apiserver
  until=$(($(now_ms) + 60000))
  over() { [ "$(now_ms)" -ge "$until" ]; }
  wait_until 90 over
  refuse kubectl get --raw /readyz --request-timeout=1s
  while read -r name address; do
    [ "$(requests_of "$address")" -ge 200 ] || { echo "pod $name has answered only $(requests_of "$address")"; return 1; }
  done < "$work/pods"
  end_load 1500
  # A container that ends meanwhile serves again: its model from the cache, its configuration from the mounted copy.
  kill -9 "$pid"
  all_again() { local i; for i in {1..12}; do curl -fsS -m 2 -o /dev/null -d @"$root/samples/rows/breast-cancer.json" "$url" || return 1; done; }
  until_true 15 all_again
  "$cluster" start kube-apiserver
  # These have backed off by now, and would be back within a minute or two by themselves.
  local part; for part in controller-manager scheduler kubelet kube-proxy coredns; do "$cluster" restart "$part"; done
  kubectl -n clops-system scale deployment/clops-operator --replicas=2
  kubectl -n clops-system rollout status deployment/clops-operator --timeout="$(within 30)s"
  two breast-cancer-1 breast-cancer-2 80 20 2
  until_true 20 in_force 80 20
  two breast-cancer-1 breast-cancer-2 90 10 1
  until_true 20 settled 1
}

# ---- sources, accounts, namespaces

# Ready is said of pods; a node's proxy hears of them a moment later.
answers() { curl -fsS -m 2 -o /dev/null "$(url_of "$1")/v2/health/ready"; }

case_a_model_from_a_web_server_is_served() {
  local port=8099 server
  files "$root/samples/models" "$node_address:$port" > "$work/files.log" 2>&1 &
  server=$!
  version web "http://$node_address:$port/diabetes/1/model.ubj" | k apply -f -
  k wait mv/web --for=condition=Ready --timeout="$(within 15)s"
  deployment web '[{name: challenger, modelVersion: web, weight: 100}]' | k apply -f -
  k wait md/web --for=condition=Ready --timeout="$(within 15)s"
  until_true 5 answers web
  all_equal "$root/samples/rows/diabetes.tsv" "$(url_of web)" web
  bad_version web-absent "http://$node_address:$port/nothing.json" NotFound nothing.json
  kill "$server"
  # What is served does not need the web server any more; a new pod does, and says so.
  all_equal "$root/samples/rows/diabetes.tsv" "$(url_of web)" web
  k delete md/web mv/web mv/web-absent
}
case_a_service_account_of_the_modelers_is_used() {
  k create serviceaccount reader
  version own pvc://samples/diabetes/1/model.ubj xgboost '  serviceAccountName: reader' | k apply -f -
  k wait mv/own --for=condition=Ready --timeout="$(within 15)s"
  { deployment own '[{name: challenger, modelVersion: own, weight: 100}]'; printf '  serviceAccountName: reader\n'; } | k apply -f -
  k wait md/own --for=condition=Ready --timeout="$(within 15)s"
  same "$(k get pods -l clops.dev/model-deployment=own -o 'jsonpath={.items[*].spec.serviceAccountName}')" reader "the pods' account"
  refuse k get serviceaccount own-serving
  version none pvc://samples/diabetes/1/model.ubj xgboost '  serviceAccountName: nobody' | k apply -f -
  until_true 15 says mv none 'service ?account.*nobody.*not found'
  k delete md/own mv/own mv/none
  k get serviceaccount reader   # it was not clops's to remove
}
case_two_namespaces_keep_apart() {
  use_namespace clops-two
  copy_models
  k apply -f "$root/samples"
  k wait md/diabetes md/breast-cancer --for=condition=Ready --timeout="$(within 30)s"
  until_true 5 answers diabetes
  all_equal "$root/samples/rows/diabetes.tsv" "$(url_of diabetes)" diabetes
  local other; other=$(url_of diabetes)
  ns=clops
  [ "$(url_of diabetes)" != "$other" ]
  kubectl delete namespace clops-two --wait=false   # goes while other cases run; the last one looks
  k wait md/diabetes --for=condition=Ready --timeout="$(within 5)s"
  all_equal "$root/samples/rows/diabetes.tsv" "$(url_of diabetes)" diabetes
}
case_made_again_under_its_name_it_serves_again() {
  k delete md/diabetes
  k apply -f "$root/samples/diabetes.yaml"
  k wait md/diabetes --for=condition=Ready --timeout="$(within 30)s"
  until_true 5 answers diabetes
  all_equal "$root/samples/rows/diabetes.tsv" "$(url_of diabetes)" diabetes
}

# ---- at the end, of the whole run

case_the_operator_was_refused_nothing() {
  local mine=$work/mine.log
  grep -F '"username":"system:serviceaccount:clops-system:clops-operator"' "$audit_log" > "$mine"
  [ "$(wc -l < "$mine")" -ge 200 ]
  # By RBAC, that is: admission answers 403 too, of an account that is not there or a namespace that is going.
  jq -r 'select(.responseStatus.code == 401 or .annotations["authorization.k8s.io/decision"] == "forbid") | "\(.verb) \(.requestURI): \(.responseStatus.code)"' \
    "$mine" | sort | uniq -c > "$work/refused"
  jq -r '.annotations["authorization.k8s.io/decision"]' "$mine" | sort -u | expect "the decisions on it" '^allow$'
  same "$(cat "$work/refused")" "" "requests that were refused"
}
case_uninstalled_nothing_is_left() {
  kubectl delete -f "$root/deploy/install.yaml" -l app.kubernetes.io/component!=definitions --timeout="$(within 30)s"
  still_there() { k get md diabetes -o name; }
  still_there
  all_equal "$root/samples/rows/diabetes.tsv" "$(url_of diabetes)" diabetes   # serving needs no operator
  kubectl delete -f "$root/deploy/install.yaml" --ignore-not-found --timeout="$(within 30)s"
  nothing() { [ -z "$(k get deployment,service,configmap,secret,pdb,pod -o name | grep -v 'configmap/kube-root-ca.crt')" ]; }
  until_true 20 nothing
  kubectl wait namespace/clops-two --for=delete --timeout="$(within 15)s"
  drop_namespace clops
}

cases=(operator_comes_up "${shared_cases[@]}" pods_pass_the_restricted_standard
  a_change_is_in_force_in_two_seconds_and_never_claimed_before
  no_request_lost_when_a_pod_is_deleted no_request_lost_when_the_node_is_drained
  a_process_that_is_killed_comes_back_under_load no_request_lost_when_images_are_updated
  serving_survives_control_plane_outage a_model_from_a_web_server_is_served a_service_account_of_the_modelers_is_used
  two_namespaces_keep_apart made_again_under_its_name_it_serves_again "${last_cases[@]}"
  the_operator_was_refused_nothing uninstalled_nothing_is_left)
all_listed "${cases[@]}"
if [ -n "${CLOPS_OLDER_BUILD:-}" ]; then
  case_an_older_operator_serves_what_it_knows() {   # some samples have fields that it does not
    copy_models
    k apply -f "$root/samples/00-claim.yaml" -f "$root/samples/breast-cancer.yaml"
    k wait md/breast-cancer --for=condition=Ready --timeout="$(within 30)s"
    all_equal "$rows" "$(url_of breast-cancer)" breast-cancer
    two breast-cancer-1 breast-cancer-2 90 10 2
    until_true 20 settled 2
  }
  cases=(operator_comes_up an_older_operator_serves_what_it_knows no_request_lost_when_images_are_updated)
fi
[ $# -eq 0 ] || cases=("$@")
cases_needed=2 run_cases "${cases[@]}"
