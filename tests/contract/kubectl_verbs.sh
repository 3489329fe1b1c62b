#!/usr/bin/env bash
# What a modeler does with kubectl, asserted: apply (client- and server-side), get with columns, -o yaml, -w, describe, wait,
# patch, edit, scale, label, delete, explain, dry runs, bad input. Needs KUBECONFIG and kubectl 1.34 on PATH; runs alike
# against a real API server and the embedded plane, needs no controllers, and leaves nothing behind. With LOG_POD=NAMESPACE/NAME
# of a pod that has written to its log, `kubectl logs` is asserted too.
set -uo pipefail
ns=contract-$$
dir=$(mktemp -d)
k() { timeout 60 kubectl -n "$ns" "$@"; }
passed=0; failed=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAILED: $1"; printf '%s\n' "${2:-}" | sed 's/^/    /' | head -30; }
# has NAME TEXT COMMAND...: the command succeeds and says TEXT; refuses NAME TEXT COMMAND...: it fails and says TEXT.
has() { local name=$1 text=$2 out; shift 2; if out=$("$@" 2>&1) && grep -qF -- "$text" <<<"$out"; then ok; else bad "$name: wanted '$text'" "$out"; fi; }
refuses() { local name=$1 text=$2 out; shift 2; if out=$("$@" 2>&1); then bad "$name: accepted" "$out"; elif grep -qF -- "$text" <<<"$out"; then ok; else bad "$name: wanted '$text'" "$out"; fi; }
is() { local name=$1 want=$2 out; shift 2; out=$("$@" 2>&1); if [ "$out" = "$want" ]; then ok; else bad "$name: wanted '$want'" "$out"; fi; }
cleanup() {
  kubectl delete namespace "$ns" --wait=false >/dev/null 2>&1
  kubectl delete crd widgets.contract.clops.test --wait=false >/dev/null 2>&1
  rm -rf "$dir"
}
trap cleanup EXIT

cat > "$dir/crd.yaml" <<'YAML'
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.contract.clops.test}
spec:
  group: contract.clops.test
  scope: Namespaced
  names: {plural: widgets, kind: Widget, shortNames: [wd], categories: [contract]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}
    additionalPrinterColumns:
    - {name: Color, type: string, jsonPath: .spec.color}
    - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status'}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        description: A widget of the contract suite.
        properties:
          spec:
            type: object
            required: [color]
            properties:
              color: {type: string, enum: [red, green, blue], description: What it looks like.}
              replicas: {type: integer, minimum: 0, maximum: 10, default: 1}
              name: {type: string, pattern: '^[a-z]+$', maxLength: 8}
              port: {x-kubernetes-int-or-string: true}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
              parts:
                type: array
                maxItems: 3
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, size: {type: integer}}
          status:
            type: object
            properties:
              replicas: {type: integer}
              selector: {type: string}
              observedGeneration: {type: integer}
              conditions:
                type: array
                items:
                  type: object
                  properties: {type: {type: string}, status: {type: string}, observedGeneration: {type: integer}}
YAML
widget() { printf 'apiVersion: contract.clops.test/v1\nkind: Widget\nmetadata: {name: %s}\nspec: {%s}\n' "$1" "$2"; }
deployment() {
  cat <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: $1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: $2
        ports: [{containerPort: 8080}]
        env: [{name: A, value: "1"}]
YAML
}

# --- the CRD and its objects ---
printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n' "$ns" > "$dir/ns.yaml"
has 'create namespace' created kubectl create -f "$dir/ns.yaml"
kubectl apply -f "$dir/crd.yaml" >/dev/null
has 'CRD is established' 'condition met' kubectl wait --for=condition=Established --timeout=20s crd/widgets.contract.clops.test
for _ in $(seq 50); do k get widgets >/dev/null 2>&1 && break; sleep 0.1; done   # a real server serves it a moment later
is 'empty list' "No resources found in $ns namespace." k get widgets
widget one 'color: red, parts: [{name: a, size: 1}, {name: b, size: 2}]' > "$dir/one.yaml"
has 'apply creates' 'widget.contract.clops.test/one created' k apply -f "$dir/one.yaml"
has 'apply again changes nothing' 'unchanged' k apply -f "$dir/one.yaml"
is 'default' 1 k get widget one -o jsonpath='{.spec.replicas}'
is 'generation' 1 k get widget one -o jsonpath='{.metadata.generation}'
widget one 'color: green, parts: [{name: b, size: 2}]' > "$dir/one.yaml"
has 'apply configures' 'configured' k apply -f "$dir/one.yaml"
is 'applied' 'green b 2' k get widget one -o jsonpath='{.spec.color} {.spec.parts[*].name} {.metadata.generation}'
has 'columns' 'NAME   COLOR   READY   REPLICAS   AGE' k get widgets
has 'short name and category' 'one    green' k get wd,contract
has 'yaml' 'kind: Widget' k get widget one -o yaml
has 'wide' 'one    green' k get widget one -o wide
has 'name output' 'widget.contract.clops.test/one' k get widgets -o name
has 'describe' 'Color:  green' k describe widget one
has 'explain' 'FIELD: color <string>' k explain widget.spec.color
has 'explain describes' 'What it looks like.' k explain widget.spec.color
has 'explain a built-in' 'replicas' k explain deployment.spec
has 'api-resources' 'widgets' kubectl api-resources --api-group=contract.clops.test
has 'version' 'Server Version: v1.34' kubectl version

# --- patch, edit, label, scale, status, wait ---
has 'merge patch' patched k patch widget one --type=merge -p '{"spec":{"port":"http","free":{"x":{"y":[1]}}}}'
is 'free-form is kept' 'http 1' k get widget one -o jsonpath='{.spec.port} {.spec.free.x.y[0]}'
has 'json patch' patched k patch widget one --type=json -p '[{"op":"test","path":"/spec/color","value":"green"},{"op":"replace","path":"/spec/port","value":80}]'
is 'patched' 80 k get widget one -o jsonpath='{.spec.port}'
refuses 'failed test' 'error' k patch widget one --type=json -p '[{"op":"test","path":"/spec/color","value":"red"}]'
has 'label' labeled k label widget one tier=gold
is 'selector' 'widget.contract.clops.test/one' k get widgets -l tier=gold -o name
is 'set selector' 'widget.contract.clops.test/one' k get widgets -l 'tier in (gold,silver)' -o name
is 'negative selector' "No resources found in $ns namespace." k get widgets -l 'tier!=gold'
is 'field selector' 'widget.contract.clops.test/one' k get widgets --field-selector metadata.name=one -o name
has 'annotate' annotated k annotate widget one note=hello
is 'metadata does not move the generation' 4 k get widget one -o jsonpath='{.metadata.generation}'
has 'scale' scaled k scale widget one --replicas=3
is 'scaled' 3 k get widget one -o jsonpath='{.spec.replicas}'
is 'get scale' 3 k get widget one --subresource=scale -o jsonpath='{.spec.replicas}'
refuses 'scale checks the current count' 'Expected replicas' k scale widget one --current-replicas=7 --replicas=1
generation=$(k get widget one -o jsonpath='{.metadata.generation}')
has 'status patch' patched k patch widget one --subresource=status --type=merge -p "{\"spec\":{\"color\":\"blue\"},\"status\":{\"observedGeneration\":$generation,\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"observedGeneration\":$generation}]}}"
is 'status writes only status' "green True $generation" k get widget one -o jsonpath='{.spec.color} {.status.conditions[0].status} {.metadata.generation}'
k patch widget one --type=merge -p '{"status":{"replicas":9}}' >/dev/null 2>&1
is 'spec writes leave status' '' k get widget one -o jsonpath='{.status.replicas}'
has 'ready column' 'True' k get widget one
has 'wait for condition' 'condition met' k wait --for=condition=Ready --timeout=10s widget/one
refuses 'wait times out' 'timed out' k wait --for=condition=Broken --timeout=1s widget/one
has 'wait for a field' 'condition met' k wait --for=jsonpath='{.spec.color}'=green --timeout=10s widget/one
has 'edit' edited env KUBE_EDITOR="sed -i s/green/blue/" timeout 60 kubectl -n "$ns" edit widget one
is 'edited' blue k get widget one -o jsonpath='{.spec.color}'
has 'replace' replaced bash -c "kubectl -n $ns get widget one -o yaml | sed 's/color: blue/color: red/' | kubectl -n $ns replace -f -"
k get widget one -o json | sed 's/"resourceVersion": "[0-9]*"/"resourceVersion": "1"/' > "$dir/stale.json"
refuses 'stale replace' 'the object has been modified' k replace -f "$dir/stale.json"

# --- bad input ---
widget bad 'color: pink' > "$dir/bad.yaml"
refuses 'enum' 'spec.color: Unsupported value: "pink": supported values: "red", "green", "blue"' k apply -f "$dir/bad.yaml"
widget bad 'replicas: 2' > "$dir/bad.yaml"
refuses 'required' 'spec.color: Required value' k apply -f "$dir/bad.yaml"
widget bad 'color: red, replicas: two' > "$dir/bad.yaml"
refuses 'type' 'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"' k apply -f "$dir/bad.yaml"
widget bad 'color: red, replicas: 11' > "$dir/bad.yaml"
refuses 'maximum' 'spec.replicas in body should be less than or equal to 10' k apply -f "$dir/bad.yaml"
widget bad 'color: red, name: UPPER' > "$dir/bad.yaml"
refuses 'pattern' "spec.name in body should match '^[a-z]+\$'" k apply -f "$dir/bad.yaml"
widget bad 'color: red, name: abcdefghi' > "$dir/bad.yaml"
refuses 'length' 'spec.name: Too long: may not be more than 8 bytes' k apply -f "$dir/bad.yaml"
widget bad 'color: red, parts: [{name: a}, {name: b}, {name: c}, {name: d}]' > "$dir/bad.yaml"
refuses 'items' 'spec.parts: Too many: 4: must have at most 3 items' k apply -f "$dir/bad.yaml"
widget bad 'color: red, parts: [{name: a}, {name: a}]' > "$dir/bad.yaml"
refuses 'duplicate' 'spec.parts[1]: Duplicate value: {"name":"a"}' k apply -f "$dir/bad.yaml"
widget bad 'color: red, colour: red' > "$dir/bad.yaml"
refuses 'unknown field' 'strict decoding error: unknown field "spec.colour"' k apply -f "$dir/bad.yaml"
has 'unknown field, only warned of' 'unknown field "spec.colour"' k apply --validate=warn -f "$dir/bad.yaml"
is 'and pruned' '' k get widget bad -o jsonpath='{.spec.colour}'
widget Bad_Name 'color: red' > "$dir/bad.yaml"
refuses 'name' 'a lowercase RFC 1123 subdomain' k apply -f "$dir/bad.yaml"
refuses 'no such object' 'widgets.contract.clops.test "none" not found' k get widget none
refuses 'no such kind' "doesn't have a resource type" k get gadgets
refuses 'no such namespace' 'namespaces "no-such" not found' kubectl -n no-such apply -f "$dir/one.yaml"

# --- server-side apply ---
widget shared 'color: red, replicas: 2' > "$dir/s.yaml"
has 'server-side apply' 'serverside-applied' k apply --server-side --field-manager=alpha -f "$dir/s.yaml"
widget shared 'color: red' > "$dir/t.yaml"
has 'same value is shared' 'serverside-applied' k apply --server-side --field-manager=beta -f "$dir/t.yaml"
widget shared 'color: blue' > "$dir/t.yaml"
refuses 'conflict' 'conflict with "alpha": .spec.color' k apply --server-side --field-manager=beta -f "$dir/t.yaml"
has 'force' 'serverside-applied' k apply --server-side --force-conflicts --field-manager=beta -f "$dir/t.yaml"
is 'forced' blue k get widget shared -o jsonpath='{.spec.color}'
widget shared 'color: blue, replicas: 2, parts: [{name: a, size: 1}]' > "$dir/s.yaml"
has 'takes part again' 'serverside-applied' k apply --server-side --field-manager=alpha -f "$dir/s.yaml"
widget shared 'color: blue, parts: [{name: b, size: 2}]' > "$dir/t.yaml"
has 'list items by key' 'serverside-applied' k apply --server-side --field-manager=beta -f "$dir/t.yaml"
is 'both items' 'a b' k get widget shared -o jsonpath='{.spec.parts[*].name}'
widget shared 'color: blue' > "$dir/s.yaml"
has 'stops applying' 'serverside-applied' k apply --server-side --field-manager=alpha -f "$dir/s.yaml"
is 'its fields go, defaults come back' '1 b' k get widget shared -o jsonpath='{.spec.replicas} {.spec.parts[*].name}'
has 'managed fields' 'manager: alpha' k get widget shared -o yaml --show-managed-fields
version=$(k get widget shared -o jsonpath='{.metadata.resourceVersion}')
k apply --server-side --field-manager=alpha -f "$dir/s.yaml" >/dev/null
is 'an apply without effect writes nothing' "$version" k get widget shared -o jsonpath='{.metadata.resourceVersion}'
has 'from client-side to server-side' 'serverside-applied' k apply --server-side --force-conflicts -f "$dir/one.yaml"

# --- dry run, diff ---
widget ghost 'color: red' > "$dir/g.yaml"
has 'server dry run' 'created (server dry run)' k apply --dry-run=server -f "$dir/g.yaml"
refuses 'made nothing' 'not found' k get widget ghost
k diff -f "$dir/g.yaml" >/dev/null 2>&1; is 'diff shows a difference' 1 echo $?

# --- built-in kinds ---
deployment 2 example.test/web:1 > "$dir/d.yaml"
has 'deployment' created k apply -f "$dir/d.yaml"
is 'deployment defaults' 'RollingUpdate 25% Always TCP' k get deployment web -o jsonpath='{.spec.strategy.type} {.spec.strategy.rollingUpdate.maxSurge} {.spec.template.spec.restartPolicy} {.spec.template.spec.containers[0].ports[0].protocol}'
deployment 2 example.test/web:2 > "$dir/d.yaml"
has 'deployment configured' configured k apply -f "$dir/d.yaml"
has 'strategic patch' patched k patch deployment web -p '{"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"name":"B","value":"2"}]}]}}}}'
is 'merged by name' 'example.test/web:2 B A' k get deployment web -o jsonpath='{.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].env[*].name}'
has 'set image' 'image updated' k set image deployment/web main=example.test/web:3
has 'scale a deployment' scaled k scale deployment web --replicas=0
has 'deployment columns' 'UP-TO-DATE' k get deployments
refuses 'selector is immutable' 'field is immutable' k patch deployment web -p '{"spec":{"selector":{"matchLabels":{"app":"x"}},"template":{"metadata":{"labels":{"app":"x"}}}}}'
refuses 'unknown field in a built-in' 'unknown field "spec.replica"' k apply -f <(deployment 1 x | sed 's/replicas:/replica:/')
made() { "$@" --dry-run=client -o yaml > "$dir/made.yaml" && k create -f "$dir/made.yaml"; }
has 'config map' created made k create configmap kept --from-literal=a=1
refuses 'exists already' 'configmaps "kept" already exists' k create -f "$dir/made.yaml"
has 'secret' created made k create secret generic keys --from-literal=token=abc
is 'secret is base64' YWJj k get secret keys -o jsonpath='{.data.token}'
has 'service' created made k create service clusterip front --tcp=80:8080
is 'cluster IP and target' '8080 TCP ClusterIP' k get service front -o jsonpath='{.spec.ports[0].targetPort} {.spec.ports[0].protocol} {.spec.type}'
is 'has a cluster IP' 1 bash -c "kubectl -n $ns get service front -o jsonpath='{.spec.clusterIP}' | grep -c '^[0-9.]*$'"
has 'budget' created made k create poddisruptionbudget pdb --selector=app=web --max-unavailable=1
has 'describe a built-in' 'Replicas:' k describe deployment web
has 'get all' 'service/front' k get all
has 'all namespaces' "$ns" kubectl get configmaps -A

# What kubectl makes itself it sends as protobuf.
has 'create a config map' created k create configmap direct --from-literal=a=1 --from-literal=b=2
is 'its values' '1 2' k get configmap direct -o jsonpath='{.data.a} {.data.b}'
has 'create a secret' created k create secret generic direct --from-literal=token=abc
is 'its value' YWJj k get secret direct -o jsonpath='{.data.token}'
has 'create a service' created k create service clusterip direct --tcp=80:http --tcp=90:9090
is 'its ports' '80 90 http 9090 TCP' k get service direct -o jsonpath='{.spec.ports[*].port} {.spec.ports[*].targetPort} {.spec.ports[0].protocol}'
has 'create a deployment' created k create deployment direct --image=example.test/web:1 --replicas=0 --port=8080 -- serve --all
is 'its parts' 'example.test/web:1 8080 serve --all 0' k get deployment direct -o jsonpath='{.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].ports[0].containerPort} {.spec.template.spec.containers[0].command[*]} {.spec.replicas}'
has 'create a role' created k create role direct --verb=get,list --resource=configmaps --resource-name=a
is 'its rule' 'get list configmaps a' k get role direct -o jsonpath='{.rules[0].verbs[*]} {.rules[0].resources[*]} {.rules[0].resourceNames[*]}'
has 'create a service account' created k create serviceaccount direct
refuses 'it is there already' 'already exists' k create configmap direct
has 'create a namespace' created kubectl create namespace "$ns-direct"
has 'and delete it' deleted kubectl delete namespace "$ns-direct" --wait=false

# --- watch ---
k get widgets -w --no-headers > "$dir/watch" 2>&1 & watcher=$!
for _ in $(seq 100); do grep -q one "$dir/watch" && break; sleep 0.1; done
k patch widget one --type=merge -p '{"spec":{"color":"green"}}' >/dev/null
k apply -f "$dir/g.yaml" >/dev/null
for _ in $(seq 100); do grep -q ghost "$dir/watch" && break; sleep 0.1; done
kill $watcher 2>/dev/null; wait $watcher 2>/dev/null
has 'watch shows a change' 'green' grep 'one ' "$dir/watch"
has 'watch shows a creation' 'ghost' cat "$dir/watch"

# --- deletion ---
has 'delete' 'deleted' k delete widget ghost
refuses 'is gone' 'not found' k get widget ghost
has 'delete by selector' 'deleted' k delete widgets -l tier=gold
k create -f "$dir/g.yaml" >/dev/null
k patch widget ghost --type=merge -p '{"metadata":{"finalizers":["contract.clops.test/hold"]}}' >/dev/null
has 'delete with a finalizer' 'deleted' k delete widget ghost --wait=false
is 'waits for it' 1 bash -c "kubectl -n $ns get widget ghost -o jsonpath='{.metadata.deletionTimestamp}' | grep -c T"
has 'finalizer removed' patched k patch widget ghost --type=merge -p '{"metadata":{"finalizers":null}}'
refuses 'and then it goes' 'not found' k get widget ghost
has 'delete all' 'deleted' k delete widgets --all
if [ -n "${LOG_POD:-}" ]; then
  is 'logs' 1 bash -c "timeout 20 kubectl -n ${LOG_POD%%/*} logs ${LOG_POD##*/} --tail=1 | wc -l"
fi
echo "kubectl_verbs: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
