#!/usr/bin/env bash
# YAML in, right predictions out, on the embedded plane: the whole road, every bad input, and every program killed.
#
#   tests/e2e/local_test.sh [CASE...]     CLOPS_BIN names another build's programs; CLOPS_KEEP=1 keeps the folder
source "$(dirname "$0")/plane.sh"
rows=$root/samples/rows/breast-cancer.tsv

case_plane_comes_up_and_up_again_is_no_error() {
  clops local up
  clops local up
  clops local status
  clops get crd | expect "the CRDs" modeldeployments
}

case_samples_become_ready() {
  copy_models
  clops apply -f "$root/samples"
  clops wait md/breast-cancer md/diabetes --for=condition=Ready --timeout=30s
  clops get md breast-cancer | expect "the printer columns" 'breast-cancer +http://[0-9.]+:8080 +True +champion=90,challenger=10 +1 +'
  clops get mv breast-cancer-1 | expect "the printer columns" 'breast-cancer-1 +breast-cancer +1 +xgboost-ubj +sha256:[0-9a-f]+ +True'
}

all_equal() {  # ROWS URL MODEL [HEADER]
  local answers; answers=$(send_rows "$2" "$3" "$1" "${4:-}" | compare_rows "$1")
  same "$(grep -c 'equal$' <<<"$answers")" "$(wc -l < "$1")" "rows equal to the framework's" || { grep -v 'equal$' <<<"$answers" | head; return 1; }
}
case_predictions_equal_the_framework() {
  all_equal "$rows" "$(url_of breast-cancer)" breast-cancer
  all_equal "$rows" "$(url_of breast-cancer)" breast-cancer 'x-clops-variant: challenger'
  all_equal "$root/samples/rows/diabetes.tsv" "$(url_of diabetes)" diabetes
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

deployment() {  # NAME VARIANTS [REPLICAS]
  printf 'apiVersion: clops.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {name: %s}\nspec:\n  replicas: %s\n  variants: %s\n' "$1" "${3:-1}" "$2"
  printf '  routing: {stickyKey: {header: x-user-id}, rules: [{header: x-clops-variant, value: challenger, variant: challenger}]}\n'
}
version() {  # NAME URI [FORMAT] [EXTRA LINE]
  printf 'apiVersion: clops.dev/v1alpha1\nkind: ModelVersion\nmetadata: {name: %s}\nspec:\n  model: bad\n  version: "1"\n  storageUri: %s\n  modelFormat: {name: %s}\n%s\n' "$1" "$2" "${3:-xgboost}" "${4:-}"
}
# What status and Events say, without the spec (which names everything that is wrong with it).
said() { clops describe "$1" "$2" | sed -n '/^Status:/,$p'; }
says() { said "$1" "$2" | grep -qE -- "$3"; }
still_serving() { same "$(ask -d @"$root/samples/rows/breast-cancer.json")" 200 "what was serving"; }

case_every_bad_document_is_refused_by_the_api() {
  local file text
  for file in "$root"/tests/data/corpus/bad/*.yaml "$root"/tests/data/corpus/schema/*.yaml; do
    text=$(sed -n '1s/^# error: *//p' "$file")
    refuse clops apply -f "$file" > "$work/out" 2>&1 || { echo "$file was accepted"; return 1; }
    grep -qF -- "$text" "$work/out" || { echo "$file: expected: $text"; cat "$work/out"; return 1; }
  done
  still_serving
}

# bad_version NAME URI REASON TEXT [FORMAT] [EXTRA]: within seconds a condition and an Event say so, naming the file.
bad_version() {
  version "$1" "$2" "${5:-xgboost}" "${6:-}" | clops apply -f -
  clops wait "mv/$1" --for=condition=Ready=False --timeout=15s
  clops get mv "$1" -o yaml | expect "the condition" "reason: $3"
  clops describe mv "$1" > "$work/described"
  sed -n '/^Conditions:/,/^Events:/p' "$work/described" | expect "the condition of $1" "$4"
  sed -n '/^Events:/,$p' "$work/described" | expect "the Event of $1" "Warning +$3 .*$4"
}
claim() { echo "$CLOPS_LOCAL_DIR/claims/default/samples/$1"; }
case_an_absent_file_is_named() { bad_version absent pvc://samples/nothing/here.json NotFound nothing/here.json; }
case_an_absent_claim_is_named() {
  version unclaimed pvc://no-such-claim/model.json | clops apply -f -
  until_true 15 says mv unclaimed no-such-claim
  refuse clops wait mv/unclaimed --for=condition=Ready --timeout=100ms
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
  cp "$root/tests/data/refused/dart.json" "$root/tests/data/refused/categorical.ubj" "$(claim .)"
  bad_version dart pvc://samples/dart.json '(UnsupportedFormat|InvalidModel)' dart
  bad_version categorical pvc://samples/categorical.ubj '(UnsupportedFormat|InvalidModel)' categorical
}
case_a_missing_model_version_is_named() {
  deployment lost '[{name: challenger, modelVersion: no-such-version, weight: 100}]' | clops apply -f -
  until_true 10 bash -c 'clops describe md lost | sed -n "/^Events:/,\$p" | grep -q "Warning.*no-such-version"'
  sed -n '/^Conditions:/,/^Events:/p' <(clops describe md lost) | expect "the condition" no-such-version
  refuse clops wait md/lost --for=condition=Ready --timeout=100ms
  clops delete md lost
}

two() { deployment breast-cancer "[{name: champion, modelVersion: $1, weight: $3}, {name: challenger, modelVersion: $2, weight: $4}]" "${5:-1}" | clops apply -f -; }
in_force() { clops get md breast-cancer | grep -q "champion=$1,challenger=$2 "; }
case_failed_load_keeps_old_version() {
  two breast-cancer-1 truncated-ubj 90 10
  until_true 10 says md breast-cancer 'ModelVersionFailed.*truncated-ubj'
  all_equal "$rows" "$(url_of breast-cancer)" breast-cancer
  sides | diff "$work/sides" -
  two breast-cancer-1 breast-cancer-2 90 10
  clops wait md/breast-cancer --for=condition=Ready --timeout=15s
}
case_unverified_model_never_serves() {
  cp "$root/samples/models/diabetes/1/model.ubj" "$(claim swapped.ubj)"
  version swapped pvc://samples/swapped.ubj | clops apply -f -
  clops wait mv/swapped --for=condition=Ready --timeout=15s
  cp "$root/tests/data/golden/base-score.ubj" "$(claim swapped.ubj)"   # not what was verified
  deployment swapped '[{name: challenger, modelVersion: swapped, weight: 100}]' | clops apply -f -
  until_true 15 says md swapped 'VariantFailedToLoad.*(digest|sha256)'
  refuse clops wait md/swapped --for=condition=Ready --timeout=100ms
  clops delete md swapped
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

ready_pods() { clops get pods -l clops.dev/model-deployment=breast-cancer | awk 'NR > 1 && $2 == "1/1" && $3 == "Running"' | wc -l; }
pods_are() { [ "$(ready_pods)" = "$1" ]; }
case_scaling_changes_the_pods() {
  two breast-cancer-1 breast-cancer-2 90 10 2
  until_true 15 pods_are 2
  all_equal "$rows" "$(url_of breast-cancer)" breast-cancer
  two breast-cancer-1 breast-cancer-2 90 10 1
  until_true 15 pods_are 1
  still_serving
}

# clients SUFFIX [CURL OPTION...]: asks until $work/load is gone, a hundred and more times a second; one line for each answer.
clients() {
  local suffix=$1 url; url=$(url_of breast-cancer)/v2/models/breast-cancer/infer; shift
  while [ -e "$work/load" ]; do
    curl -sS -m 10 --rate 150/s -o /dev/null -w '%{http_code} %{errormsg}\n' -d @"$root/samples/rows/breast-cancer.json" "$@" "$url?[1-150]" || echo "curl ended with $?"
  done > "$work/answers.$suffix" 2>&1
}
only_pod() { clops get pods -l clops.dev/model-deployment=breast-cancer -o name; }
# Until nothing of the last rollout is left, draining pods included.
settled() { [ "$(only_pod | wc -l)" = "$1" ] && pods_are "$1" && clops wait md/breast-cancer --for=condition=Ready --timeout=100ms; }
rolled() { settled 1 && [ "$(only_pod)" != "$1" ]; }
case_no_request_lost_in_rollout() {
  touch "$work/load"
  local each jobs_of=() before
  for each in kept.1 kept.2; do clients "$each" & jobs_of+=($!); done
  for each in fresh.1 fresh.2; do clients "$each" -H 'Connection: close' & jobs_of+=($!); done
  before=$(only_pod)
  { deployment breast-cancer "[{name: champion, modelVersion: breast-cancer-1, weight: 90}, {name: challenger, modelVersion: breast-cancer-2, weight: 10}]"
    printf '  resources: {requests: {memory: 48Mi}}\n'; } | clops apply -f -
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
  rm "$work/load"
  wait "${jobs_of[@]}"
  for each in kept.1 kept.2 fresh.1 fresh.2; do
    local asked lost; asked=$(wc -l < "$work/answers.$each") lost=$(grep -cv '^200 $' "$work/answers.$each" || true)
    echo "$each: $asked answers, $lost lost"
    grep -v '^200 $' "$work/answers.$each" | sort | uniq -c | head -n 5 || true
    [ "$asked" -ge 300 ] && [ "$lost" = 0 ]
  done
}

case_a_killed_server_comes_back() {
  local pid; pid=$(pids_of clops-server | sed -n 1p)
  [ -n "$pid" ]
  kill -9 $(pids_of clops-server)
  until_true 30 bash -c "clops wait md/breast-cancer md/diabetes --for=condition=Ready --timeout=100ms && curl -fsS -m 2 $(url_of breast-cancer)/v2/health/ready"
  all_equal "$rows" "$(url_of breast-cancer)" breast-cancer
}
case_a_killed_operator_comes_back() {
  local pid; pid=$(pids_of clops-operator)
  [ -n "$pid" ]
  kill -9 $pid
  still_serving
  two breast-cancer-1 breast-cancer-2 80 20
  until_true 40 in_force 80 20
  two breast-cancer-1 breast-cancer-2 90 10
  until_true 10 in_force 90 10
}
case_serving_survives_control_plane_outage() {
  local servers plane; servers=$(pids_of clops-server | sort) plane=$(plane_pid)
  [ -n "$plane" ] && [ -n "$servers" ]
  clops get mv,md -o name | sort > "$work/objects"
  local url; url=$(url_of breast-cancer)
  kill -9 "$plane" $(pids_of clops-operator)
  refuse clops get md >/dev/null 2>&1
  local pod; pod=$(echo "$servers" | sed -n 1p)
  kill -0 "$pod"
  clops local up
  clops get mv,md -o name | sort | diff "$work/objects" -
  same "$(pids_of clops-server | sort)" "$servers" "the servers' pids, as they are adopted again"
  same "$(url_of breast-cancer)" "$url" "the URL"
  until_true 20 still_serving
  two breast-cancer-1 breast-cancer-2 70 30
  until_true 40 in_force 70 30
}
case_nothing_acknowledged_is_lost() {
  local i
  for i in 1 2 3; do
    version "kept-$i" "pvc://samples/kept-$i.json" | clops apply -f -
    kill -9 "$(plane_pid)"
    clops local up
    clops get mv "kept-$i" -o name
  done
  clops delete mv kept-1 kept-2 kept-3
}

case_logs_are_readable() {
  clops logs md/breast-cancer | expect "the pods' logs" 'configuration in force'
}
case_deletion_never_hangs() {
  clops delete -f "$root/samples/breast-cancer.yaml"
  clops wait md/breast-cancer mv/breast-cancer-1 mv/breast-cancer-2 --for=delete --timeout=10s
  until_true 15 pods_are 0
  for kind in deployment service configmap secret pdb; do
    until_true 10 bash -c "! clops get $kind -o name | grep -q '/breast-cancer'"
  done
  clops wait md/diabetes --for=condition=Ready --timeout=5s
}
case_down_ends_everything_and_up_starts_it_again() {
  clops local down
  local program
  for program in clops-server clops-operator clops-shim clops; do
    until_true 10 bash -c "$(declare -f pids_of); bin='$bin' work='$work'; [ -z \"\$(pids_of $program)\" ]"
  done
  clops local up
  # What status says is from before until the operator has looked at its pods again.
  until_true 30 bash -c "curl -fsS -m 2 $(url_of diabetes)/v2/health/ready && clops wait md/diabetes --for=condition=Ready --timeout=100ms"
  all_equal "$root/samples/rows/diabetes.tsv" "$(url_of diabetes)" diabetes
}

cases=(plane_comes_up_and_up_again_is_no_error samples_become_ready predictions_equal_the_framework a_user_stays_on_one_side
  a_rule_decides_before_the_split bad_requests_are_answered_with_the_reason a_plain_curl_is_answered
  every_bad_document_is_refused_by_the_api
  an_absent_file_is_named an_absent_claim_is_named a_truncated_model_is_named a_file_that_is_no_model_is_named
  a_wrong_digest_is_named an_unsupported_format_is_named a_pickle_is_refused what_cannot_be_reproduced_is_refused
  a_missing_model_version_is_named failed_load_keeps_old_version unverified_model_never_serves
  growing_weight_moves_one_way scaling_changes_the_pods no_request_lost_in_rollout a_killed_server_comes_back a_killed_operator_comes_back
  serving_survives_control_plane_outage nothing_acknowledged_is_lost logs_are_readable deletion_never_hangs
  down_ends_everything_and_up_starts_it_again)
# Every case written is in the list.
for name in $(declare -F | sed -n 's/^declare -f case_//p'); do [[ " ${cases[*]} " == *" $name "* ]] || die "case $name is not in the list"; done
[ $# -eq 0 ] || cases=("$@")
cases_needed=2 run_cases "${cases[@]}"
