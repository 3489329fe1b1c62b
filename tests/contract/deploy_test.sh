#!/usr/bin/env bash
# deploy/ against a real kube-apiserver with RBAC, pod security and owner reference enforcement on, and a real controller
# manager: what installs, what the operator may and does do (its audit log), what is left after uninstalling. Without nodes: no
# pod runs, so this test writes what a kubelet or a verifying pod would have said.
#
#   tests/contract/deploy_test.sh [CASE...]     CLOPS_BIN names another build's programs; CLOPS_KEEP=1 keeps the folder
source "$(dirname "$0")/../e2e/plane.sh"
kube=$("$root/tests/cluster/build.sh" kubectl etcd kube-apiserver kube-controller-manager | tail -n 1)
health=$("$root/tests/contract/deploy_health/build.sh")
command -v jq >/dev/null || die "tests/contract/deploy_test.sh: needs jq"
export PATH=$kube:$PATH KUBECONFIG=$work/server/kubeconfig
cd "$root"
audit=$work/server/audit.log
version=$(sed -n 's/.*kProgramVersion = "\(.*\)".*/\1/p' base/version.h)

# --- the server, its controllers, the operator as a process ---

end_pid() { [ ! -s "$1" ] || { kill "$(cat "$1")" 2>/dev/null; rm -f "$1"; } || true; }
end_all() {
  end_pid "$work/operator.pid"; end_pid "$work/controllers.pid"
  exec 8>&- || true   # the server ends with its standard input
  [ -z "${server:-}" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true
  [ -n "${CLOPS_KEEP:-}" ] || rm -rf "$work"
}
trap end_all EXIT

start_server() {
  mkdir -p "$work/server"
  cat > "$work/server/audit.yaml" <<'YAML'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: ["system:serviceaccount:clops-system:clops-operator", "system:serviceaccount:clops-models:clops-operator"]
- level: None
YAML
  mkfifo "$work/stdin"
  KUBE_APISERVER_FLAGS="--enable-admission-plugins=OwnerReferencesPermissionEnforcement --audit-policy-file=audit.yaml --audit-log-path=audit.log" \
    tests/contract/kube_apiserver.sh "$work/server" "$(free_port)" "$(free_port)" "$(free_port)" < "$work/stdin" > "$work/log" 2>&1 &
  server=$!
  exec 8> "$work/stdin"
  wait_until 60 kubectl get --raw /readyz || { tail -n 20 "$work/log" "$work/server/apiserver.log"; say "0 passed, 1 failed"; exit 1; }
}
# The garbage collector learns of new kinds when it starts and then every 30 s: started anew after the CRDs, it knows them.
start_controllers() {
  end_pid "$work/controllers.pid"
  (cd "$work/server" && exec kube-controller-manager --kubeconfig kubeconfig --leader-elect=false --bind-address 127.0.0.1 \
    --secure-port "$(free_port)" --service-account-private-key-file sa.key --root-ca-file ca.crt --kube-api-qps 200 --kube-api-burst 400 \
    --controllers namespace-controller,garbage-collector-controller,deployment-controller,replicaset-controller,serviceaccount-controller,root-ca-certificate-publisher-controller,clusterrole-aggregation-controller,disruption-controller,service-lb-controller \
    >> controllers.log 2>&1 8>&-) &
  echo $! > "$work/controllers.pid"
}

# start_operator NAMESPACE: the real program with the arguments and the account of the Deployment that is installed there.
start_operator() {
  local arguments
  kubectl create token clops-operator -n "$1" > "$work/token"
  sed -e "s|certificate-authority: ca.crt|certificate-authority: $work/server/ca.crt|" -e 's|context: {cluster: ip, user: token}|context: {cluster: ip, user: token, namespace: '"$1"'}|' \
    -e 's/^current-context: .*/current-context: token/' -e "s|user: {token: .*}|user: {tokenFile: $work/token}|" -e '/client-certificate/d' -e '/name: cert/d' \
    "$work/server/kubeconfig" > "$work/operator.kubeconfig"
  mapfile -t arguments < <(kubectl get deployment clops-operator -n "$1" -o json |
    jq -r '.spec.template.spec.containers[0].args[]' | sed "s/\$(POD_NAME)/clops-operator-test/; s/\$(POD_NAMESPACE)/$1/")
  "$bin/clops-operator" "${arguments[@]}" --kubeconfig="$work/operator.kubeconfig" --listen=127.0.0.1 --port=0 > "$work/operator.log" 2>&1 8>&- &
  echo $! > "$work/operator.pid"
  until_true 15 grep -q working "$work/operator.log" || { cat "$work/operator.log"; return 1; }
}
stop_operator() {
  local pid; pid=$(cat "$work/operator.pid")
  end_pid "$work/operator.pid"
  until_true 10 refuse kill -0 "$pid" 2>/dev/null
}

# --- small words ---

k() { timeout 60 kubectl "$@"; }
must_be_there() { kubectl get "$@" -o name; }
there() { kubectl get "$@" >/dev/null 2>&1; }
gone() { [ -z "$(kubectl get "$@" --ignore-not-found -o name)" ]; }
clean() { refuse grep -i warning "$1"; }   # FILE: no warning from the server or from kubectl
# Every object of the cluster but Events (they say what was and expire by themselves).
everything() {
  local kinds
  kinds=$(kubectl api-resources --verbs=list -o name | grep -vE '^(events(\..*)?|componentstatuses|endpoints|leases.coordination.k8s.io)$' | paste -sd,)
  kubectl get "$kinds" -A --ignore-not-found -o go-template='{{range .items}}{{.kind}} {{.metadata.namespace}}/{{.metadata.name}}{{"\n"}}{{end}}'
  kubectl get leases -A -o go-template='{{range .items}}{{.kind}} {{.metadata.namespace}}/{{.metadata.name}}{{"\n"}}{{end}}' | grep -v ' kube-system/apiserver-' || true
}
remember() { everything | sort > "$work/before"; }
nothing_left() { everything | sort | diff "$work/before" -; }

# What is so now, for the health of real statuses.
note_health() { kubectl get mv,md -n models -o json | jq -c '.items[]' >> "$work/live.json"; }
condition() { echo "{\"type\":\"Ready\",\"status\":\"$1\",\"reason\":\"$2\",\"message\":\"written by the test\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\",\"observedGeneration\":1}"; }
# verdict NAMESPACE MV STATUS REASON: what verification would have written; no node runs the verifying pod here.
verdict() {  # NAMESPACE MODELVERSION STATUS REASON [SCHEMA]
  k patch mv "$2" -n "$1" --subresource=status --type=merge -p "{\"status\":{\"observedGeneration\":1,\"conditions\":[$(condition "$3" "$4")],\"resolvedDigest\":\"sha256:$(printf '0%.0s' {1..64})\",\"format\":\"xgboost-json\",\"bytes\":1${5:+,\"schema\":$5}}}"
}
events_of() { kubectl get events -n models -o json | jq -r --arg r "$1" '[.items[] | select(.reason == $r and .reportingComponent == "clops-operator") | .count] | max // 0'; }

# --- files ---

case_generated_files_are_up_to_date() { deploy/generate.sh --check; }

case_versions_and_images_agree() {
  same "$(grep -h 'app.kubernetes.io/version:' deploy/*.yaml | tr -d ' ' | sort -u)" "app.kubernetes.io/version:$version" "the version label"
  same "$(grep -ohE 'clops-(operator|server):[^ ]+' deploy/install*.yaml | sort -u | paste -sd' ')" "clops-operator:$version clops-server:$version" "the images"
  # The registry of README.md: one sed changes both images and nothing else.
  sed 's#clops-\(operator\|server\):#registry.example/team/&#' deploy/install.yaml | diff deploy/install.yaml - > "$work/diff" || true
  same "$(grep -c '^>' "$work/diff")" 2 "changed lines"
  grep -q '^> .*image: registry.example/team/clops-operator:' "$work/diff"
  grep -q '^> .*--server-image=registry.example/team/clops-server:' "$work/diff"
}

case_an_overlay_of_one_line_moves_the_namespaced_mode() {
  mkdir -p "$work/tree/deploy/team"
  cp -r crds "$work/tree/"; cp -r deploy/operator deploy/namespaced "$work/tree/deploy/"
  printf 'namespace: team-a\nresources: [../namespaced]\n' > "$work/tree/deploy/team/kustomization.yaml"
  kubectl kustomize "$work/tree/deploy/team" > "$work/team.yaml"
  sed 's/clops-models/team-a/' deploy/install-namespaced.yaml | sed 1d | diff - "$work/team.yaml"
  refuse grep -E 'clops-(models|system)|kind: Cluster' "$work/team.yaml"
}

case_the_overlay_of_the_readme_sets_both_images() {
  mkdir -p "$work/own/deploy/mine"
  cp -r crds "$work/own/"; cp -r deploy/operator deploy/base deploy/definitions "$work/own/deploy/"
  sed -n '/^resources: \[..\/base\]/,/^```/p' deploy/README.md | sed '$d' > "$work/own/deploy/mine/kustomization.yaml"
  sed 's#clops-\(operator\|server\):#registry.example/team/&#; 1d' deploy/install.yaml | diff - <(kubectl kustomize "$work/own/deploy/mine")
}

case_no_role_has_a_wildcard() { refuse grep -nE "['\"]?\*['\"]?$|escalate|impersonate|\bbind\b" deploy/operator/role.yaml deploy/operator/election.yaml deploy/definitions/users.yaml; }

# Each status that controllers/*/status and plan can write, as conditions `TYPE=STATUS/REASON`, and what kstatus (kubectl, Flux), Flux
# with deploy/gitops and Argo CD with deploy/gitops must say. Conditions of no consequence to them are left out.
statuses() {
  sed 's/ *#.*//; /^$/d' <<'TABLE'
ModelVersion     1 - -                                                              Current    Unknown    Progressing   # kstatus has no better word for no status
ModelVersion     1 1 Ready=Unknown/Verifying,Reconciling=True/Verifying              InProgress InProgress Progressing
ModelVersion     1 1 Ready=True/Verified                                             Current    Current    Healthy
ModelVersion     2 1 Ready=True/Verified                                             InProgress InProgress Progressing   # a label's change moves no generation, so rare
ModelVersion     1 1 Ready=False/DigestMismatch,Stalled=True/DigestMismatch          Failed     Failed     Degraded
ModelVersion     1 1 Ready=False/NotFound,Stalled=True/NotFound                      Failed     Failed     Degraded
ModelVersion     1 1 Ready=False/SourceUnavailable,Reconciling=True/SourceUnavailable InProgress InProgress Progressing
ModelDeployment  1 - -                                                              Current    Unknown    Progressing
ModelDeployment  1 1 Ready=Unknown/WaitingForPods,Reconciling=True/Progressing       InProgress InProgress Progressing
ModelDeployment  1 1 Ready=Unknown/WaitingForAcknowledgement,Reconciling=True/WaitingForAcknowledgement InProgress InProgress Progressing
ModelDeployment  1 1 Ready=Unknown/WaitingForEndpoint,Reconciling=True/WaitingForEndpoint InProgress InProgress Progressing
ModelDeployment  1 1 Ready=False/ModelVersionMissing,Reconciling=True/ModelVersionMissing InProgress InProgress Progressing
ModelDeployment  1 1 Ready=False/ModelVersionFailed,Stalled=True/ModelVersionFailed  Failed     Failed     Degraded
ModelDeployment  1 1 Ready=False/InvalidSpec,Stalled=True/InvalidSpec                Failed     Failed     Degraded
ModelDeployment  1 1 Ready=True/EndpointReady                                        Current    Current    Healthy
ModelDeployment  1 1 Ready=True/EndpointReady,Reconciling=True/Progressing           InProgress InProgress Progressing
ModelDeployment  1 1 Ready=True/EndpointReady,Stalled=True/RolloutStuck              Failed     Failed     Degraded
ModelDeployment  1 1 Ready=True/EndpointReady,Stalled=True/VariantFailedToLoad       Failed     Failed     Degraded
ModelDeployment  3 2 Ready=True/EndpointReady                                        InProgress InProgress Progressing
ModelDeployment  1 1 Ready=False/PodsNotReady,Reconciling=True/Progressing           InProgress InProgress Progressing
ModelDeployment  1 1 Ready=False/ChildConflict,Stalled=True/ChildConflict            Failed     Failed     Degraded
ModelDeployment  1 1 Ready=False/ChildRefused,Reconciling=True/ChildRefused          InProgress InProgress Progressing
ModelDeployment  1 1 Ready=False/ScaledToZero                                        InProgress Current    Healthy       # kstatus waits for Ready
TABLE
}
case_health_is_told_alike_by_kstatus_flux_and_argo_cd() {
  statuses | jq -R 'gsub(" +"; " ") | split(" ") | {apiVersion: "clops.dev/v1alpha1", kind: .[0], metadata: {name: (.[0] + "," + .[1] + "," + .[2] + "," + .[3]), generation: (.[1] | tonumber)}} +
    (if .[2] == "-" then {} else {status: {observedGeneration: (.[2] | tonumber), conditions: [.[3] | split(",")[] | capture("(?<type>.*)=(?<status>.*)/(?<reason>.*)") + {message: "why"}]}} end)' |
    "$health" deploy/gitops > "$work/told"
  diff <(statuses | tr -s ' ' ',' | sed 's/,$//') <(tr '\t' ',' < "$work/told")
}

# --- the whole cluster ---

case_install_applies_without_a_warning() {
  k apply --server-side -f deploy/install.yaml > "$work/out" 2>&1 || { cat "$work/out"; return 1; }
  clean "$work/out"
  k wait --for=condition=Established crd/modelversions.clops.dev crd/modeldeployments.clops.dev --timeout=20s
  start_controllers
  k apply --server-side --dry-run=server -f deploy/install.yaml > "$work/out" 2>&1 || { cat "$work/out"; return 1; }
  clean "$work/out"
  specs() { kubectl create --dry-run=client -o json "$@" | jq -S 'select(.kind == "CustomResourceDefinition") | .spec'; }
  diff <(specs -f crds/modeldeployments.yaml -f crds/modelversions.yaml) <(specs -f deploy/install.yaml)
}

case_its_pods_pass_the_restricted_standard() {
  pods_made() { [ "$(kubectl get pods -n clops-system -l app.kubernetes.io/name=clops-operator -o name | wc -l)" = 2 ]; }
  until_true 20 pods_made || { kubectl describe rs -n clops-system; return 1; }
  kubectl run intruder -n clops-system --image=none > "$work/out" 2>&1 && { echo "the namespace takes pods that are not restricted"; return 1; }
  expect "the refusal" 'violates PodSecurity "restricted:latest"' < "$work/out"
  kubectl get deployment clops-operator -n clops-system -o json | jq -e '.spec.template.spec as $s | $s.containers[0] as $c |
    $s.securityContext.runAsUser == 65532 and $c.securityContext.readOnlyRootFilesystem and $c.resources.limits.memory and $c.readinessProbe and $c.livenessProbe' >/dev/null
}

may() { kubectl auth can-i "${@:2}" --as="$1" -q; }
case_users_get_the_kinds_with_view_edit_and_admin() {
  local user
  for user in view edit admin; do kubectl create rolebinding "$user" --clusterrole="$user" --user="$user" -n models; done
  until_true 15 may view list md -n models
  until_true 15 may edit create mv -n models
  until_true 15 may admin patch md/x --subresource=scale -n models
  for user in view edit admin; do
    refuse may "$user" patch md --subresource=status -n models
    refuse may "$user" list md -n other
  done
  refuse may view create md -n models
  refuse may view patch md --subresource=scale -n models
  k delete rolebinding view edit admin -n models
}

children_there() {
  there deployment/$1 service/$1 configmap/$1-serving secret/$1-push serviceaccount/$1-serving -n models
}
case_the_operator_reconciles_the_samples() {
  start_operator clops-system
  k apply -n models -f samples > "$work/out" 2>&1; clean "$work/out"
  until_true 20 there pod/breast-cancer-1-inspect pod/breast-cancer-2-inspect pod/diabetes-1-inspect pod/wine-1-inspect pod/churn-1-inspect -n models
  k patch pod diabetes-1-inspect -n models --subresource=status --type=merge -p '{"status":{"phase":"Succeeded"}}'   # its log is asked for
  read_failed() { kubectl get mv diabetes-1 -n models -o json | jq -e '.status.conditions[] | select(.type == "Ready" and .reason == "VerifyingPodFailed")'; }
  until_true 15 read_failed
  note_health
  # What its declared steps are held to.
  local mv churn_schema='{"featureNames":["tenure","charge","plan_basic","plan_plus","plan_premium","contract"],"inputs":[{"datatype":"FP32","name":"input-0","shape":[-1,6]}],"outputs":[{"datatype":"FP32","name":"predict","shape":[-1]}]}'
  for mv in breast-cancer-1 breast-cancer-2 diabetes-1 wine-1 churn-1; do
    verdict models $mv True Verified "$([ $mv != churn-1 ] || echo "$churn_schema")"
    k label mv $mv -n models looked=at   # a look at once, instead of at its next try
  done
  until_true 15 gone pods -n models -l clops.dev/model-version
  until_true 15 children_there breast-cancer
  until_true 15 children_there diabetes
  until_true 15 children_there wine
  until_true 15 children_there churn
  serving_pods() { [ "$(kubectl get pods -n models -l app.kubernetes.io/name=clops-server -o name | wc -l)" = 4 ]; }
  until_true 15 serving_pods
  refuse there pdb/breast-cancer -n models
  # No node runs them here. Of a pod that is ready the operator makes more: what leads to it, and what keeps it.
  local pod
  for pod in $(kubectl get pods -n models -l app.kubernetes.io/name=clops-server -o name); do
    k patch "$pod" -n models --subresource=status --type=merge -p '{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}'
  done
  until_true 15 there pdb/breast-cancer pdb/diabetes pdb/wine pdb/churn -n models
  selects() { kubectl get service breast-cancer -n models -o json | jq -e '.spec.selector["clops.dev/model-deployment"] == "breast-cancer"'; }
  until_true 15 selects
  note_health
}

# Every other thing it may do, each provoked once.
case_the_operator_does_all_it_may() {
  local kind name pod
  k patch md diabetes -n models --type=merge -p '{"spec":{"serviceAccountName":"default"}}'   # its own account goes
  until_true 15 gone serviceaccount/diabetes-serving -n models
  for kind in serviceaccount/breast-cancer-serving configmap/breast-cancer-serving secret/breast-cancer-push service/breast-cancer pdb/breast-cancer deployment/breast-cancer; do
    kubectl get "$kind" -n models -o json |   # a copy that says it is ours: by another name, so not wanted
      jq '.metadata |= {name: "copy", namespace, labels, ownerReferences} | del(.status, .spec.clusterIP, .spec.clusterIPs)' | k create -f -
    name=${kind%%/*}
    until_true 15 gone "$name/copy" -n models
  done
  pod=$(kubectl create deployment x --image=none --dry-run=client -o json | jq '{apiVersion: "v1", kind: "Pod", metadata: {name: "taken-inspect", namespace: "models"},
    spec: {securityContext: {runAsNonRoot: true, seccompProfile: {type: "RuntimeDefault"}},
    containers: [{name: "c", image: "none", securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: ["ALL"]}}}]}}')
  k create -f - <<< "$pod"   # somebody else's
  sed 's/^  name: diabetes-1$/  name: taken/' samples/diabetes.yaml | sed '/^---/,$d' | k apply -n models -f -
  conflict() { kubectl get mv taken -n models -o json | jq -e '.status.conditions[] | select(.type == "Stalled" and .reason == "ChildConflict")'; }
  until_true 15 conflict
  note_health
  k delete mv/taken pod/taken-inspect -n models
  k patch md breast-cancer -n models --type=json -p '[{"op":"replace","path":"/spec/variants/0/weight","value":80},{"op":"replace","path":"/spec/variants/1/weight","value":20}]'
  reweighed() { kubectl get configmap breast-cancer-serving -n models -o jsonpath='{.data.serving\.json}' | jq -e '[.models[0].variants[].weight] == [80, 20]'; }
  until_true 15 reweighed
  told() { [ "$(events_of "$1")" -ge "$2" ]; }   # the same twice: counted up, not written anew
  until_true 15 told VariantsResolved 1
  verdict models breast-cancer-1 False InvalidModel
  until_true 15 told ModelVersionFailed 1
  verdict models breast-cancer-1 True Verified
  until_true 15 told VariantsResolved 2
}

# The audit log as lines `VERB RESOURCE[/SUB]`, and the roles as the same.
requested() { jq -r --arg u "system:serviceaccount:$1:clops-operator" 'select(.user.username == $u and .objectRef) | .verb + " " + (.objectRef | (.apiGroup // "" | if . == "" then "" else . + "/" end) + .resource + (if .subresource then "/" + .subresource else "" end))' "$audit" | sort -u; }
refused() { jq -c --arg u "system:serviceaccount:$1:clops-operator" 'select(.user.username == $u and ((.responseStatus.code // 0) | . == 401 or . == 403)) | [.verb, .requestURI, .responseStatus.code]' "$audit"; }
granted() { kubectl get "$@" -o json | jq -r '(.items // [.])[].rules[] | .verbs[] as $v | .apiGroups[] as $g | .resources[] | $v + " " + (if $g == "" then "" else $g + "/" end) + .' | sort -u; }
# Granted and never a request of its own in the log, with the reason.
explained() {
  sed 's/ *#.*//' <<'LIST' | sort
create serviceaccounts                          # server-side apply is a PATCH in the log; making what is not there takes create
create apps/deployments                         # as above
create policy/poddisruptionbudgets              # as above
update clops.dev/modelversions/finalizers       # asked by the admission OwnerReferencesPermissionEnforcement, which is on here
update clops.dev/modeldeployments/finalizers    # as above
LIST
}
case_no_request_was_refused_and_no_right_is_idle() {
  requested clops-system > "$work/requested"
  same "$(refused clops-system)" "" "refused requests"
  { granted clusterrole/clops-operator; granted role/clops-operator-election -n clops-system; } | sort -u > "$work/granted"
  [ "$(wc -l < "$work/granted")" -ge 40 ] && [ "$(wc -l < "$work/requested")" -ge 35 ] || { echo "too few to be true"; wc -l "$work/granted" "$work/requested"; return 1; }
  same "$(comm -13 "$work/granted" "$work/requested")" "" "requested, but not by these roles"
  comm -23 "$work/granted" "$work/requested" > "$work/idle"
  diff <(explained) "$work/idle" || { echo "(< explained, but used: take it off the list; > granted, and no request used it)"; return 1; }
  # And the log would have told: the same account asks for what it may not.
  kubectl --kubeconfig="$work/operator.kubeconfig" get nodes 2>/dev/null && return 1
  same "$(refused clops-system | wc -l)" 1 "refused requests after one that must be"
}

case_owner_references_and_applies_need_what_is_explained() {
  # Taken away for a moment, each makes a write fail that is none of its own verb: what the log cannot show.
  local rule
  for rule in 'del(.rules[] | select(.resources | index("modeldeployments/finalizers")))' '(.rules[] | select(.resources | index("deployments"))).verbs -= ["create"]'; do
    until_true 10 accepted_create
    kubectl get clusterrole clops-operator -o json | jq "$rule" | k replace -f -
    until_true 10 refused_create
    k apply --server-side -f deploy/install.yaml --force-conflicts >/dev/null
    until_true 10 accepted_create
  done
}
apply_child_dry() {  # as the operator does it: server-side apply, with an owner reference that blocks
  kubectl get deployment breast-cancer -n models -o json | jq '.metadata |= {name: "probe", namespace, ownerReferences} | del(.status)' |
    kubectl --kubeconfig="$work/operator.kubeconfig" apply --server-side --field-manager=probe --dry-run=server --validate=false -f - 2>&1 || true
}
refused_create() { apply_child_dry | grep -qi forbidden; }
accepted_create() { apply_child_dry | grep -q 'serverside-applied'; }

# Statuses that this operator has written here, in all the states it could come to without a node.
case_health_of_what_it_wrote_agrees() {
  "$health" deploy/gitops < "$work/live.json" | cut -f 2- | sort -u > "$work/told"
  diff - "$work/told" <<< $'Current\tCurrent\tHealthy\nFailed\tFailed\tDegraded\nInProgress\tInProgress\tProgressing'
}

case_the_operator_is_small() {
  local pss; pss=$(awk '/^Pss:/ {print $2}' "/proc/$(cat "$work/operator.pid")/smaps_rollup")
  echo "PSS $pss KiB"
  [ "$pss" -gt 1024 ] && [ "$pss" -lt 32768 ]   # the request in deploy/operator/deployment.yaml
}

case_an_uninstall_can_keep_definitions_and_models() {
  timeout 60 kubectl delete -f deploy/install.yaml -l app.kubernetes.io/component!=definitions > "$work/out" 2>&1 || { cat "$work/out"; return 1; }
  until_true 30 gone namespace/clops-system
  gone clusterrole/clops-operator clusterrolebinding/clops-operator
  must_be_there md/breast-cancer md/diabetes mv/diabetes-1 deployment/breast-cancer secret/breast-cancer-push -n models
  stop_operator
  k apply --server-side -f deploy/install.yaml > "$work/out"   # and it goes on where it was
  start_operator clops-system
  k scale md breast-cancer -n models --replicas=2
  scaled() { [ "$(kubectl get deployment breast-cancer -n models -o jsonpath='{.spec.replicas}')" = 2 ]; }
  until_true 15 scaled
}

case_an_uninstall_leaves_nothing() {
  [ "$(kubectl get md,mv -A -o jsonpath='{.items[*].metadata.finalizers}')" = "" ]
  timeout 60 kubectl delete -f deploy/install.yaml > "$work/out" 2>&1 || { cat "$work/out"; return 1; }   # the operator still runs
  until_true 30 nothing_left
  stop_operator
  nothing_left
}

case_client_side_apply_and_an_uninstall_in_another_order() {
  k apply -f deploy/install.yaml > "$work/out" 2>&1 || { cat "$work/out"; return 1; }
  clean "$work/out"
  k apply -f samples/diabetes.yaml -n models
  k apply -f deploy/install.yaml > "$work/out" 2>&1; clean "$work/out"
  same "$(grep -v ' unchanged' "$work/out" | grep -v ^poddisruptionbudget)" "" "changed by a second apply"   # kubectl sends a budget's selector each time
  timeout 60 kubectl delete -f deploy/definitions.yaml > "$work/out" 2>&1 || { cat "$work/out"; return 1; }   # the kinds before what serves them
  timeout 60 kubectl delete --ignore-not-found -f deploy/install.yaml > "$work/out" 2>&1 || { cat "$work/out"; return 1; }
  until_true 30 nothing_left
}

# --- one namespace ---

case_namespaced_installs_without_a_warning() {
  k apply -f deploy/definitions.yaml -f deploy/install-namespaced.yaml > "$work/out" 2>&1 || { cat "$work/out"; return 1; }   # client-side
  clean "$work/out"
  k wait --for=condition=Established crd/modelversions.clops.dev crd/modeldeployments.clops.dev --timeout=20s
  start_controllers
  for how in --dry-run=server --dry-run=none; do
    k apply $how -f deploy/definitions.yaml -f deploy/install-namespaced.yaml > "$work/out" 2>&1
    clean "$work/out"
    same "$(grep -v ' unchanged' "$work/out" | grep -v ^poddisruptionbudget)" "" "changed by a second apply"   # kubectl sends a budget's selector each time
  done
  same "$(kubectl get clusterrole,clusterrolebinding -l app.kubernetes.io/component=operator -o name)" "" "cluster-wide rights"
}

case_namespaced_operator_serves_its_namespace_only() {
  start_operator clops-models
  k apply -n models -f samples/diabetes.yaml
  k apply -n clops-models -f samples/diabetes.yaml
  until_true 20 there pod/diabetes-1-inspect -n clops-models
  verdict clops-models diabetes-1 True Verified
  until_true 15 there deployment/diabetes service/diabetes secret/diabetes-push -n clops-models
  same "$(kubectl get mv,md -n models -o jsonpath='{.items[*].status}')" "" "status in the other namespace"
  gone pods,deployments -n models
  same "$(refused clops-models)" "" "refused requests"
  same "$(jq -r 'select(.user.username == "system:serviceaccount:clops-models:clops-operator") | .objectRef.namespace // "none"' "$audit" | sort -u)" clops-models "namespaces it asked for"
  refuse may system:serviceaccount:clops-models:clops-operator list secrets -n models
  refuse may system:serviceaccount:clops-models:clops-operator list secrets -A
}

case_namespaced_uninstall_keeps_models_and_then_nothing() {
  timeout 60 kubectl delete -f deploy/install-namespaced.yaml > "$work/out" 2>&1 || { cat "$work/out"; return 1; }
  must_be_there mv/diabetes-1 md/diabetes deployment/diabetes -n clops-models
  stop_operator   # it ran on without an account: it must not have made its Lease anew
  gone lease/clops-operator -n clops-models
  timeout 60 kubectl delete -f deploy/definitions.yaml > "$work/out" 2>&1 || { cat "$work/out"; return 1; }
  until_true 30 nothing_left
}

cases=(generated_files_are_up_to_date versions_and_images_agree an_overlay_of_one_line_moves_the_namespaced_mode the_overlay_of_the_readme_sets_both_images no_role_has_a_wildcard
  health_is_told_alike_by_kstatus_flux_and_argo_cd
  install_applies_without_a_warning its_pods_pass_the_restricted_standard users_get_the_kinds_with_view_edit_and_admin
  the_operator_reconciles_the_samples the_operator_does_all_it_may no_request_was_refused_and_no_right_is_idle
  owner_references_and_applies_need_what_is_explained health_of_what_it_wrote_agrees the_operator_is_small an_uninstall_can_keep_definitions_and_models an_uninstall_leaves_nothing
  client_side_apply_and_an_uninstall_in_another_order
  namespaced_installs_without_a_warning namespaced_operator_serves_its_namespace_only namespaced_uninstall_keeps_models_and_then_nothing)
[ $# -eq 0 ] || cases=("$@")

start_server
start_controllers
for ns in models other clops-models; do
  k create namespace $ns >/dev/null
  k label namespace $ns pod-security.kubernetes.io/enforce=restricted >/dev/null
done
for ns in models other clops-models default; do
  until_true 20 there serviceaccount/default configmap/kube-root-ca.crt -n $ns
done
k apply -n models -f samples/00-claim.yaml >/dev/null
remember
run_cases "${cases[@]}"
