# The cases that hold on every plane: YAML in, right predictions out, every bad input, programs killed. Sourced, never run.
#
# A plane (plane.sh: the embedded one; cluster_plane.sh: a real Kubernetes) has these functions:
#   k ARGUMENTS...   its client, kubectl's grammar, in the test's namespace    claim PATH     a file of the claim `samples`
#   copy_models      samples/models into that claim                           logs_of NAME   a ModelDeployment's pods' logs
#   server_pids, operator_pids     processes of the test's namespace and of the operator
# and addresses in status answer where the test runs.
rows=$root/samples/rows/breast-cancer.tsv

case_samples_become_ready() {
  copy_models
  k apply -f "$root/samples"
  k wait md/breast-cancer md/diabetes md/wine --for=condition=Ready --timeout="$(within 30)s"
  k get md breast-cancer | expect "the printer columns" 'breast-cancer +http://[a-z0-9.-]+:8080 +True +champion=90,challenger=10 +1 +'
  k get mv breast-cancer-1 | expect "the printer columns" 'breast-cancer-1 +breast-cancer +1 +xgboost-ubj +sha256:[0-9a-f]+ +True'
}

all_equal() {  # ROWS URL MODEL [HEADER]
  local answers; answers=$(send_rows "$2" "$3" "$1" "${4:-}" | compare_rows "$1")
  same "$(grep -c 'equal$' <<<"$answers")" "$(wc -l < "$1")" "rows equal to the framework's" || { grep -v 'equal$' <<<"$answers" | head; return 1; }
}
case_predictions_equal_the_framework() {
  all_equal "$rows" "$(url_of breast-cancer)" breast-cancer
  all_equal "$rows" "$(url_of breast-cancer)" breast-cancer 'x-clops-variant: challenger'
  all_equal "$root/samples/rows/diabetes.tsv" "$(url_of diabetes)" diabetes
  all_equal "$root/samples/rows/wine.tsv" "$(url_of wine)" wine   # LightGBM: float64
}

sides() { send_rows "$(url_of breast-cancer)" breast-cancer "$rows" | cut -f1,2; }
case_a_user_stays_on_one_side() {
  sides > "$work/sides"
  sides | diff "$work/sides" -
  local challenger; challenger=$(grep -c challenger "$work/sides")
  [ "$challenger" -ge 2 ] && [ "$challenger" -le 30 ] || { echo "challenger has $challenger of $(wc -l < "$work/sides") users at weight 10"; return 1; }
}
case_a_rule_decides_before_the_split() {
  local n; n=$(send_rows "$(url_of breast-cancer)" breast-cancer "$rows" 'x-clops-variant: challenger' | cut -f2 | sort | uniq -c | tr -s ' ')
  same "$n" " $(wc -l < "$rows") challenger" "variants"
}

ask() { curl -sS -m 10 -o "$work/answer" -w '%{http_code}' "$(url_of breast-cancer)/v2/models/breast-cancer/infer" -H 'Content-Type: application/json' "$@"; }
# bad_request CODE REASON BODY: answered so, with the reason, and the server is still there.
bad_request() {
  same "$(ask -d "$3")" "$1" "the code for ${3:0:60}"
  expect "the error for ${3:0:60}" "$2" < "$work/answer"
}
tensor() { echo "{\"inputs\":[{\"name\":\"$1\",\"shape\":$2,\"datatype\":\"$3\",\"data\":$4}]}"; }
case_bad_requests_are_answered_with_the_reason() {
  local row; row=[$(printf '1,%.0s' {1..29})1]
  bad_request 400 '"error"' '{"inputs":['
  bad_request 400 '"error"' 'no json'
  bad_request 400 '"error":.*inputs' '{}'
  bad_request 400 '"error":.*shape' "$(tensor input-0 [1,29] FP32 "$row")"
  bad_request 400 '"error":.*(columns|shape|30)' "$(tensor input-0 [1,3] FP32 [1,2,3])"
  bad_request 400 '"error":.*other' "$(tensor other [1,30] FP32 "$row")"
  bad_request 400 '"error":.*(datatype|INT99)' "$(tensor input-0 [1,30] INT99 "$row")"
  bad_request 400 '"error"' "$(tensor input-0 [1,30] FP32 '["a"]')"
  head -c 200000000 /dev/zero | tr '\0' '1' > "$work/huge"
  local code; code=$(ask -H 'Expect:' --data-binary "@$work/huge" || true); rm -f "$work/huge"
  same "$code" 413 "the code for a huge body"
  same "$(curl -sS -o "$work/answer" -w '%{http_code}' "$(url_of breast-cancer)/v2/models/nobody/infer" -H 'Content-Type: application/json' -d '{}')" 404 "no such model"
  expect "the error" '"error":.*nobody' < "$work/answer"
  same "$(curl -sS -o "$work/answer" -w '%{http_code}' -X PUT "$(url_of breast-cancer)/v2/models/breast-cancer/infer" -d '{}')" 405 "no such method"
  same "$(curl -sS -o "$work/answer" -w '%{http_code}' "$(url_of breast-cancer)/v2/models/breast-cancer/infer" -H 'Content-Type: text/plain' -d '{}')" 415 "the code for text"
  expect "the error" '"error":.*text/plain.*application/json' < "$work/answer"
  same "$(ask -d @"$root/samples/rows/breast-cancer.json")" 200 "a good request afterwards"
}
case_a_plain_curl_is_answered() {
  same "$(curl -sS -m 10 -o "$work/answer" -w '%{http_code}' -d @"$root/samples/rows/breast-cancer.json" "$(url_of breast-cancer)/v2/models/breast-cancer/infer")" 200 "curl's own type"
}

# Columns prepared, and a score made a word, by declared steps; ones that do not fit the model are named and change nothing.
steps_are_named() { k get md churn -o yaml | grep -q 'spec.steps.pre\[1\].scale\[1\].column: there is no column "chargee"'; }
case_declared_steps_stand_before_and_after_the_model() {
  k wait md/churn --for=condition=Ready --timeout="$(within 30)s"
  all_equal "$root/samples/rows/churn.tsv" "$(url_of churn)" churn
  sed 's/column: charge,/column: chargee,/' "$root/samples/churn.yaml" | k apply -f -
  until_true 10 steps_are_named
  k get md churn -o yaml | expect "the condition" 'reason: InvalidSpec'
  all_equal "$root/samples/rows/churn.tsv" "$(url_of churn)" churn
  k apply -f "$root/samples/churn.yaml"
  k wait md/churn --for=condition=VariantsResolved --timeout="$(within 10)s"
}

deployment() {  # NAME VARIANTS [REPLICAS]
  printf 'apiVersion: clops.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {name: %s}\nspec:\n  replicas: %s\n  variants: %s\n' "$1" "${3:-1}" "$2"
  printf '  routing: {stickyKey: {header: x-user-id}, rules: [{header: x-clops-variant, value: challenger, variant: challenger}]}\n'
}
version() {  # NAME URI [FORMAT] [EXTRA LINE]
  printf 'apiVersion: clops.dev/v1alpha1\nkind: ModelVersion\nmetadata: {name: %s}\nspec:\n  model: bad\n  version: "1"\n  storageUri: %s\n  modelFormat: {name: %s}\n%s\n' "$1" "$2" "${3:-xgboost}" "${4:-}"
}
# What status and Events say, without the spec (which names everything that is wrong with it).
said() { k describe "$1" "$2" | sed -n '/^Status:/,$p'; }
says() { said "$1" "$2" | grep -qE -- "$3"; }
still_serving() { same "$(ask -d @"$root/samples/rows/breast-cancer.json")" 200 "what was serving"; }

case_every_bad_document_is_refused_by_the_api() {
  local file text applied   # `clops apply` is server-side apply, which may see the fault first and say it in its own words
  for file in "$root"/tests/data/corpus/bad/*.yaml "$root"/tests/data/corpus/schema/*.yaml; do
    text=$(sed -n '1s/^# error: *//p' "$file")
    refuse k apply -f "$file" > "$work/out" 2>&1 || { echo "$file was accepted"; return 1; }
    applied=$(sed -n '2s/^# by server-side apply: *//p' "$file")
    grep -qF -- "$text" "$work/out" || { [ -n "$applied" ] && grep -qF -- "$applied" "$work/out"; } || { echo "$file: expected: $text"; cat "$work/out"; return 1; }
  done
  still_serving
}

# bad_version NAME URI REASON TEXT [FORMAT] [EXTRA]: within seconds a condition and an Event say so, naming the file.
bad_version() {
  version "$1" "$2" "${5:-xgboost}" "${6:-}" | k apply -f -
  k wait "mv/$1" --for=condition=Ready=False --timeout="$(within 15)s"
  k get mv "$1" -o yaml | expect "the condition" "reason: $3"
  k describe mv "$1" > "$work/described"
  sed -n '/^ *Conditions:/,/^Events:/p' "$work/described" | expect "the condition of $1" "$4"
  sed -n '/^Events:/,$p' "$work/described" | expect "the Event of $1" "Warning +$3 .*$4"
}
case_an_absent_file_is_named() { bad_version absent pvc://samples/nothing/here.json NotFound nothing/here.json; }
case_an_absent_claim_is_named() {
  version unclaimed pvc://no-such-claim/model.json | k apply -f -
  until_true 15 says mv unclaimed no-such-claim
  refuse k wait mv/unclaimed --for=condition=Ready --timeout=1s
}
case_a_truncated_model_is_named() {
  head -c 2000 "$root/samples/models/breast-cancer/2/model.json" > "$(claim truncated.json)"
  head -c 5000 "$root/samples/models/breast-cancer/1/model.ubj" > "$(claim truncated.ubj)"
  bad_version truncated-json pvc://samples/truncated.json InvalidModel truncated.json
  bad_version truncated-ubj pvc://samples/truncated.ubj InvalidModel truncated.ubj
}
case_a_file_that_is_no_model_is_named() {
  echo 'Dear all, the model is attached.' > "$(claim letter.json)"
  bad_version letter pvc://samples/letter.json '(InvalidModel|UnsupportedFormat)' letter.json
}
case_a_wrong_digest_is_named() {
  bad_version digest pvc://samples/diabetes/1/model.ubj DigestMismatch 'sha256:0{64}' xgboost "  digest: sha256:$(printf '0%.0s' {1..64})"
}
case_an_unsupported_format_is_named() { bad_version tensorflow pvc://samples/diabetes/1/model.ubj UnsupportedFormat tensorflow tensorflow; }
case_a_pickle_is_refused() {
  cp "$root/tests/data/refused/model.pkl" "$(claim model.pkl)"
  bad_version pickle pvc://samples/model.pkl UnsupportedFormat '[Pp]ickle' auto
}
case_what_cannot_be_reproduced_is_refused() {
  cp "$root/tests/data/refused/unknown-objective.json" "$root/tests/data/refused/newer-field.json" "$(claim .)"
  bad_version objective pvc://samples/unknown-objective.json UnsupportedFormat mylogistic
  bad_version field pvc://samples/newer-field.json UnsupportedFormat calibration
}
warned() { k describe "$1" "$2" | sed -n '/^Events:/,$p' | grep -q "Warning.*$3"; }
case_a_missing_model_version_is_named() {
  deployment lost '[{name: challenger, modelVersion: no-such-version, weight: 100}]' | k apply -f -
  until_true 10 warned md lost no-such-version
  k describe md lost | sed -n '/^ *Conditions:/,/^Events:/p' | expect "the condition" no-such-version
  refuse k wait md/lost --for=condition=Ready --timeout=1s
  k delete md lost
}

two() { deployment breast-cancer "[{name: champion, modelVersion: $1, weight: $3}, {name: challenger, modelVersion: $2, weight: $4}]" "${5:-1}" | k apply -f -; }
in_force() { k get md breast-cancer | grep -q "champion=$1,challenger=$2 "; }
case_failed_load_keeps_old_version() {
  two breast-cancer-1 truncated-ubj 90 10
  until_true 10 says md breast-cancer 'ModelVersionFailed.*truncated-ubj'
  all_equal "$rows" "$(url_of breast-cancer)" breast-cancer
  sides | diff "$work/sides" -
  two breast-cancer-1 breast-cancer-2 90 10
  k wait md/breast-cancer --for=condition=Ready --timeout="$(within 15)s"
}
case_unverified_model_never_serves() {
  cp "$root/samples/models/diabetes/1/model.ubj" "$(claim swapped.ubj)"
  version swapped pvc://samples/swapped.ubj | k apply -f -
  k wait mv/swapped --for=condition=Ready --timeout="$(within 15)s"
  cp "$root/tests/data/golden/base-score.ubj" "$(claim swapped.ubj)"   # not what was verified
  deployment swapped '[{name: challenger, modelVersion: swapped, weight: 100}]' | k apply -f -
  until_true 15 says md swapped 'VariantFailedToLoad.*(digest|sha256)'
  refuse k wait md/swapped --for=condition=Ready --timeout=1s
  k delete md swapped
}

case_growing_weight_moves_one_way() {
  two breast-cancer-1 breast-cancer-2 50 50
  until_true 5 in_force 50 50
  sides > "$work/half"
  # Whoever had the challenger keeps it; about half have it now.
  same "$(join -t $'\t' "$work/sides" "$work/half" | awk -F'\t' '$2 == "challenger" && $3 != "challenger"' | wc -l)" 0 "users moved off the growing variant"
  local n; n=$(grep -c challenger "$work/half")
  [ "$n" -ge 35 ] && [ "$n" -le 85 ] || { echo "challenger has $n of $(wc -l < "$work/half")"; return 1; }
  two breast-cancer-1 breast-cancer-2 90 10
  until_true 5 in_force 90 10
}

ready_pods() { k get pods -l clops.dev/model-deployment=breast-cancer | awk 'NR > 1 && $2 == "1/1" && $3 == "Running"' | wc -l; }
pods_are() { [ "$(ready_pods)" = "$1" ]; }
case_scaling_changes_the_pods() {
  two breast-cancer-1 breast-cancer-2 90 10 2
  until_true 15 pods_are 2
  all_equal "$rows" "$(url_of breast-cancer)" breast-cancer
  two breast-cancer-1 breast-cancer-2 90 10 1
  until_true 15 pods_are 1
  still_serving
}

# Load through the Service, until it is ended: clients that keep their connection for $kept_seconds, and ones that make a new
# one for each request. One line for each answer.
load_rate=150 kept_seconds=1   # requests a second, of each client
client() {  # SUFFIX SECONDS [CURL OPTION...]
  local suffix=$1 count=$((load_rate * $2)) url; url=$(url_of breast-cancer)/v2/models/breast-cancer/infer; shift 2
  while [ -e "$work/load" ]; do
    stdbuf -oL curl -sS -m 10 --rate "$load_rate/s" -o /dev/null -w '%{http_code} %{errormsg}\n' -d @"$root/samples/rows/breast-cancer.json" "$@" "$url?[1-$count]" || { local ended=$?; [ ! -e "$work/load" ] || echo "curl ended with $ended"; }
  done > "$work/answers.$suffix" 2>&1
}
begin_load() {  # [CLIENT...]: kept.N or fresh.N; two of each without an argument
  local each
  touch "$work/load"
  load_pids=() load_clients=("$@")
  [ $# -gt 0 ] || load_clients=(kept.1 kept.2 fresh.1 fresh.2)
  rm -f "$work"/answers.*
  for each in "${load_clients[@]}"; do
    case $each in
      kept.*) client "$each" "$kept_seconds" & ;;
      *) client "$each" 1 -H 'Connection: close' & ;;
    esac
    load_pids+=($!)
  done
}
# end_load AT-LEAST: every client got so many answers, and nothing but good ones.
end_load() {
  local each asked lost bad=0
  rm "$work/load"
  for each in "${load_pids[@]}"; do pkill -INT -P "$each" -x curl || true; done   # one that keeps its connection has no end of its own
  wait "${load_pids[@]}"
  for each in "${load_clients[@]}"; do
    asked=$(wc -l < "$work/answers.$each")   # whole lines: a client that was ended may leave a part of one
    lost=$(head -n "$asked" "$work/answers.$each" | grep -cv '^200 $' || true)
    echo "$each: $asked answers, $lost lost"
    head -n "$asked" "$work/answers.$each" | grep -v '^200 $' | sort | uniq -c | head -n 5 || true
    [ "$asked" -ge "$1" ] && [ "$lost" = 0 ] || bad=1
  done
  return "$bad"
}
only_pod() { k get pods -l clops.dev/model-deployment=breast-cancer -o name; }
# Until nothing of the last rollout is left, draining pods included.
settled() { [ "$(only_pod | wc -l)" = "$1" ] && pods_are "$1" && k wait md/breast-cancer --for=condition=Ready --timeout=2s; }
rolled() { settled 1 && [ "$(only_pod)" != "$1" ]; }
case_no_request_lost_in_rollout() {
  begin_load
  local before; before=$(only_pod)
  { deployment breast-cancer "[{name: champion, modelVersion: breast-cancer-1, weight: 90}, {name: challenger, modelVersion: breast-cancer-2, weight: 10}]"
    printf '  resources: {requests: {memory: 48Mi}}\n'; } | k apply -f -
  until_true 30 rolled "$before"                                 # every pod replaced by one of another template
  before=$(only_pod)
  two breast-cancer-1 breast-cancer-2 90 10
  until_true 30 rolled "$before"
  two breast-cancer-1 breast-cancer-2 90 10 3
  until_true 15 settled 3
  two breast-cancer-1 breast-cancer-2 40 60 3                    # another split
  until_true 10 in_force 40 60
  two breast-cancer-2 breast-cancer-1 40 60 3                    # other models
  until_true 10 settled 3
  two breast-cancer-1 breast-cancer-2 90 10
  until_true 30 settled 1
  end_load 300
}

serving_again() {
  k wait md/breast-cancer md/diabetes --for=condition=Ready --timeout=2s && curl -fsS -m 2 "$(url_of breast-cancer)/v2/health/ready"
}
case_a_killed_server_comes_back() {
  local pids; pids=$(server_pids)
  [ -n "$pids" ]
  # shellcheck disable=SC2086
  kill -9 $pids
  until_true 30 serving_again
  # A node's proxy may still know the pod of before, then hear that it is not ready, and a second later that it is.
  until_true 30 all_equal "$rows" "$(url_of breast-cancer)" breast-cancer
}
case_a_killed_operator_comes_back() {
  local pids; pids=$(operator_pids)
  [ -n "$pids" ]
  # shellcheck disable=SC2086
  kill -9 $pids
  still_serving
  two breast-cancer-1 breast-cancer-2 80 20
  until_true 40 in_force 80 20
  two breast-cancer-1 breast-cancer-2 90 10
  until_true 10 in_force 90 10
}
case_logs_are_readable() {
  logs_of breast-cancer | expect "the pods' logs" 'configuration in force'
}
none_left() { ! k get "$1" -o name | grep '/breast-cancer'; }
case_deletion_never_hangs() {
  k delete -f "$root/samples/breast-cancer.yaml"
  k wait md/breast-cancer mv/breast-cancer-1 mv/breast-cancer-2 --for=delete --timeout="$(within 10)s"
  until_true 15 pods_are 0
  local kind
  for kind in deployment service configmap secret pdb serviceaccount pod; do
    until_true 10 none_left "$kind"
  done
  k wait md/diabetes --for=condition=Ready --timeout="$(within 5)s"
}

# In order; what a plane adds to them stands before, between or after.
# Both Secrets are the test's own. The certificate's name leads to the endpoint wherever that is.
secret() {  # NAME TYPE KEY=FILE...
  printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: %s}\ntype: %s\ndata:\n' "$1" "$2"
  local item; for item in "${@:3}"; do printf '  %s: %s\n' "${item%%=*}" "$(base64 -w 0 < "${item#*=}")"; done
}
certificate() {  # NAME
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3 -subj "/CN=$1" -addext 'subjectAltName=DNS:guarded.test' \
    -keyout "$work/$1.key" -out "$work/$1.crt" 2>/dev/null
  secret guarded-tls kubernetes.io/tls "tls.crt=$work/$1.crt" "tls.key=$work/$1.key" | k apply -f -
}
guarded() {  # CERTIFICATE TOKEN PATH [CURL'S ARGUMENTS]: the code, in place of which 000 says that nobody was believed
  local host; host=$(url_of guarded); host=${host#https://}
  curl -sS -m 10 -o "$work/answer" -w '%{http_code}' --cacert "$work/$1.crt" --connect-to "guarded.test:8080:${host%:*}:8080" \
    ${2:+-H "Authorization: Bearer $2"} "${@:4}" "https://guarded.test:8080/v2/$3" 2>/dev/null || true
}
guarded_is() { [ "$(guarded "$2" "$3" "$4")" = "$1" ]; }
case_known_callers_are_served_over_tls() {
  printf 'first-token-of-batch-%s\n' "$$" > "$work/token"
  local first second; first=$(cat "$work/token") second=second-token-of-batch-$$
  certificate first
  secret guarded-callers Opaque "batch=$work/token" | k apply -f -
  k apply -f - <<END
apiVersion: clops.dev/v1alpha1
kind: ModelDeployment
metadata: {name: guarded}
spec:
  variants: [{name: champion, modelVersion: breast-cancer-1, weight: 100}]
  tls: {secretName: guarded-tls}
  auth: {bearer: {secretName: guarded-callers}}
END
  k wait md/guarded --for=condition=Ready --timeout="$(within 30)s"
  url_of guarded | expect "the URL" '^https://'
  field md guarded grpcUrl | expect "the URL of gRPC" '^grpcs://.*:8080$'
  same "$(guarded first '' health/ready)" 200 "health, which needs no token"
  same "$(guarded first '' models/guarded)" 401 "no token"
  same "$(guarded first "$second" models/guarded)" 401 "a token that is not known"
  same "$(guarded first "$first" models/guarded/infer -d @"$root/samples/rows/breast-cancer.json")" 200 "a caller who is known"
  local servers; servers=$(server_pids | sort)
  printf '%s\n%s\n' "$first" "$second" > "$work/token"
  secret guarded-callers Opaque "batch=$work/token" | k apply -f -
  certificate second
  until_true 30 guarded_is 200 second "$second" models/guarded
  same "$(guarded first "$second" models/guarded)" 000 "the certificate of before"
  same "$(server_pids | sort)" "$servers" "the servers' pids"
  k delete md guarded
  no_guarded_pods() { [ -z "$(k get pods -l clops.dev/model-deployment=guarded -o name)" ]; }
  until_true 30 no_guarded_pods   # a pod that still drains would be counted by the cases after this one
  k delete secret guarded-tls guarded-callers
}

shared_cases=(samples_become_ready predictions_equal_the_framework a_user_stays_on_one_side
  a_rule_decides_before_the_split bad_requests_are_answered_with_the_reason a_plain_curl_is_answered
  every_bad_document_is_refused_by_the_api declared_steps_stand_before_and_after_the_model
  an_absent_file_is_named an_absent_claim_is_named a_truncated_model_is_named a_file_that_is_no_model_is_named
  a_wrong_digest_is_named an_unsupported_format_is_named a_pickle_is_refused what_cannot_be_reproduced_is_refused
  a_missing_model_version_is_named failed_load_keeps_old_version unverified_model_never_serves
  growing_weight_moves_one_way scaling_changes_the_pods no_request_lost_in_rollout a_killed_server_comes_back
  a_killed_operator_comes_back known_callers_are_served_over_tls)
last_cases=(logs_are_readable deletion_never_hangs)
