#!/usr/bin/env bash
# What a modeler does with kubectl, on the embedded plane. tests/cluster/build.sh builds kubectl where it is not there.
#
#   tests/e2e/kubectl_test.sh [CASE...]
source "$(dirname "$0")/plane.sh"
kubectl=$("$root/tests/cluster/build.sh" kubectl | tail -n 1)/kubectl
k() { timeout 30 "$kubectl" "$@"; }
md=$root/samples/breast-cancer.yaml

case_up_and_samples() {
  clops local up
  copy_models
  k apply -f "$root/samples" | expect "apply" 'modeldeployment.clops.dev/breast-cancer created'
  k wait md/breast-cancer md/diabetes --for=condition=Ready --timeout=30s
}
case_version_and_discovery() {
  k version | expect "the server's version" 'Server Version: v1\.3'
  k api-resources --api-group=clops.dev | expect "the kinds" '^modeldeployments +md +clops.dev/v1alpha1 +true +ModelDeployment'
  k get clops | expect "the category" breast-cancer-1
}
case_apply_again_is_unchanged() {
  k apply -f "$md" | expect "client-side apply" 'modeldeployment.clops.dev/breast-cancer unchanged'
  k apply --server-side --field-manager=test --force-conflicts -f "$md" | expect "server-side apply" 'breast-cancer serverside-applied'
}
case_a_conflict_names_the_manager() {
  refuse k apply --server-side --field-manager=other -f <(sed 's/weight: 90/weight: 60/; s/weight: 10/weight: 40/' "$md") > "$work/out" 2>&1
  expect "the conflict" 'conflict.*(test|kubectl)' < "$work/out"
}
case_diff_and_dry_run() {
  k apply --server-side --dry-run=server --force-conflicts -f <(sed 's/weight: 90/weight: 60/; s/weight: 10/weight: 40/' "$md") | expect "a dry run" 'server dry run'
  k get md breast-cancer -o jsonpath='{.spec.variants[0].weight}' | expect "the weight after a dry run" '^90$'
}
case_get_shows_columns() {
  k get md | expect "columns" '^NAME +URL +READY +VARIANTS +REPLICAS +AGE'
  k get mv | expect "columns" '^NAME +MODEL +VERSION +FORMAT +DIGEST +READY +AGE'
  k get md,mv,pods,deploy,svc -A | expect "several kinds" 'default +modeldeployment.clops.dev/diabetes'
  k get md breast-cancer -o wide | expect "wide" breast-cancer
  k get md -l nobody=here 2>&1 | expect "a selector" 'No resources found'
  k get md -o name --sort-by=.metadata.name | expect "names" modeldeployment.clops.dev/breast-cancer
}
case_get_as_yaml_json_and_jsonpath() {
  k get md breast-cancer -o yaml | expect "yaml" '^kind: ModelDeployment'
  k get md breast-cancer -o json | expect "json" '"kind": "ModelDeployment"'
  k get md breast-cancer -o jsonpath='{.status.url}' | expect "a JSON path" '^http://'
}
case_watch_sees_a_change() {
  timeout 20 "$kubectl" get md diabetes -w -o jsonpath='{.metadata.labels.seen}{"\n"}' > "$work/watch" 2>&1 &
  local pid=$!
  until_true 10 test -s "$work/watch"
  k label md diabetes seen=yes
  until_true 10 grep -q yes "$work/watch"
  kill $pid
}
case_describe_shows_conditions_and_events() {
  k describe md breast-cancer | expect "describe" 'Type: +Ready'
  k describe mv breast-cancer-1 | expect "events" '(Normal|Warning) +Verified'
  k get events | expect "events" Verified
}
case_patch_in_three_forms() {
  k patch md diabetes --type merge -p '{"metadata":{"annotations":{"a":"1"}}}' | expect "merge" patched
  k patch md diabetes --type json -p '[{"op":"replace","path":"/metadata/annotations/a","value":"2"}]' | expect "json" patched
  k get md diabetes -o jsonpath='{.metadata.annotations.a}' | expect "the annotation" '^2$'
  refuse k patch md diabetes --type merge -p '{"spec":{"variants":[{"name":"only","modelVersion":"diabetes-1","weight":7}]}}' > "$work/out" 2>&1
  expect "the reason" 'total 100' < "$work/out"
}
case_edit() {
  printf '#!/bin/sh\nsed -i "s/weight: 90/weight: 80/; s/weight: 10/weight: 20/" "$1"\n' > "$work/editor" && chmod +x "$work/editor"
  KUBE_EDITOR=$work/editor k edit md breast-cancer | expect "edit" edited
  k get md breast-cancer -o jsonpath='{.spec.variants[*].weight}' | expect "the weights" '^80 20$'
  until_true 10 bash -c "'$kubectl' get md breast-cancer | grep -q champion=80,challenger=20"
}
case_scale() {
  k scale md diabetes --replicas=2 | expect "scale" scaled
  until_true 20 bash -c "[ \"\$('$kubectl' get md diabetes -o jsonpath='{.status.readyReplicas}')\" = 2 ]"
  k scale md/diabetes --replicas=1 --current-replicas=2 | expect "scale with a precondition" scaled
  refuse k scale md/diabetes --replicas=5 --current-replicas=4 >/dev/null 2>&1
}
case_explain() {
  k explain md.spec.variants.weight | expect "explain" 'percentage of requests'
  k explain modelversion.spec --recursive | expect "explain" storageUri
}
case_logs() {
  k logs deploy/breast-cancer | expect "logs by deployment" 'configuration in force'
  k logs -l clops.dev/model-deployment=breast-cancer --tail=2 --timestamps | expect "logs by label" 'T.*Z '
}
case_bad_yaml_is_refused_with_the_reason() {
  refuse k apply -f "$root/tests/data/corpus/bad/deployment-weights-over.yaml" > "$work/out" 2>&1
  expect "the reason" 'must total 100' < "$work/out"
  refuse k apply -f <(sed 's/weight: 90/wieght: 90/' "$md") > "$work/out" 2>&1
  expect "an unknown field" 'unknown field.*wieght' < "$work/out"
}
case_create_and_delete() {
  echo '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"other"}}' | k create -f - | expect "create" created
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n' | k -n other create -f -
  k -n other get cm c -o jsonpath='{.data.a}' | expect "the value" '^b$'
  k delete namespace other --timeout=20s | expect "delete" deleted
  k delete md breast-cancer --timeout=20s | expect "delete" deleted
  k delete mv --all --timeout=20s | expect "delete all" 'breast-cancer-2" (deleted|.*deleted)'
  k wait --for=delete md/breast-cancer --timeout=10s
  refuse k get md breast-cancer > "$work/out" 2>&1
  expect "not found" 'Error from server \(NotFound\): modeldeployments.clops.dev "breast-cancer" not found' < "$work/out"
}
one_pod() { [ "$(k get pods -l clops.dev/model-deployment=diabetes -o name | wc -l)" = 1 ]; }
case_every_verb_as_on_a_real_server() {
  until_true 20 one_pod  # the one that scaling down ends may still be there
  local pod; pod=$(k get pods -l clops.dev/model-deployment=diabetes -o name)
  PATH=$(dirname "$kubectl"):$PATH LOG_POD=default/${pod#pod/} "$root/tests/contract/kubectl_verbs.sh"
}
case_kubectl_clops_is_the_same_program() {
  mkdir -p "$work/path" && ln -sf "$bin/clops" "$work/path/kubectl-clops"
  PATH=$work/path:$PATH k clops version | expect "the plugin" '^clops '
}

cases=(up_and_samples version_and_discovery apply_again_is_unchanged a_conflict_names_the_manager diff_and_dry_run
  get_shows_columns get_as_yaml_json_and_jsonpath watch_sees_a_change describe_shows_conditions_and_events patch_in_three_forms
  edit scale explain logs bad_yaml_is_refused_with_the_reason every_verb_as_on_a_real_server kubectl_clops_is_the_same_program create_and_delete)
for name in $(declare -F | sed -n 's/^declare -f case_//p'); do [[ " ${cases[*]} " == *" $name "* ]] || die "case $name is not in the list"; done
[ $# -eq 0 ] || cases=("$@")
cases_needed=1 run_cases "${cases[@]}"
