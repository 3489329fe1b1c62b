#!/usr/bin/env bash
# From a fresh clone to predictions on this machine: installs what is missing, builds, starts the embedded plane, applies
# samples/, sends real rows and leaves the plane running. Can be run again at any time. Needs no Python and no cluster.
#
#   scripts/quickstart.sh
source "$(dirname "$0")/lib.sh"
source "$root/scripts/rows.sh"
cd "$root"
case ${1:-} in '') ;; *) sed -n '2,/^source/{/^source/d;s/^# \{0,1\}//;p}' "$0"; exit 2 ;; esac
begun=$(now_ms)
state=${CLOPS_LOCAL_DIR:-${XDG_STATE_HOME:-$HOME/.local/state}/clops/local}
bin=build/release/bin
clops=$bin/clops

title "clops, from source to predictions"
scripts/install-deps.sh build || die "could not install what is missing"
step "build (release)" build release programs || die "the build failed; its log is in build/logs"
step "start the embedded plane" "$clops" local up || die "the plane did not start; see \`$clops local logs\`"
export KUBECONFIG=$state/kubeconfig

copy_models() { mkdir -p "$state/claims/default/samples" && cp -r samples/models/. "$state/claims/default/samples/"; }
step "put the sample models into the claim \`samples\`" copy_models
applied_at=$(now_ms)
if command -v kubectl >/dev/null; then
  step "kubectl apply -f samples/" kubectl apply -f samples/
else
  step "clops apply -f samples/" "$clops" apply -f samples/
fi
step "wait until the deployments are Ready" "$clops" wait md/breast-cancer md/diabetes md/wine --for=condition=Ready --timeout=60s ||
  die "not Ready; \`$clops describe md breast-cancer\` says why"
ready_ms=$(($(now_ms) - applied_at))

title "what is served"
"$clops" get mv,md | sed 's/^/  /'

url_of() { "$clops" get md "$1" -o json | sed -n 's/^ *"url": "\([^"]*\)".*/\1/p' | head -n 1; }
url=$(url_of breast-cancer)
answers=$(mktemp) again=$(mktemp) asked=$(mktemp)
trap 'rm -f "$answers" "$again" "$asked"' EXIT
rows=samples/rows/breast-cancer.tsv
send_rows "$url" breast-cancer "$rows" > "$answers"
compare_rows "$rows" < "$answers" > "$again"

title "held-out rows, and what XGBoost itself predicted"
{ printf 'user\tvariant\tclops\tXGBoost\t\n'; grep -m 3 champion "$again" || true; grep -m 3 challenger "$again" || true; } |
  awk -F'\t' '{ printf "  %-10s %-12s %-14s %-14s %s\n", $1, $2, $3, $4, $5 }'
total=$(wc -l < "$again") equal=$(grep -c 'equal$' "$again" || true)
say "  … $equal of $total rows equal, to the last digit of float32"
send_rows "$(url_of diabetes)" diabetes samples/rows/diabetes.tsv | compare_rows samples/rows/diabetes.tsv > "$asked"
equal_d=$(grep -c 'equal$' "$asked" || true) total_d=$(wc -l < "$asked")
say "  diabetes: $equal_d of $total_d rows equal"
send_rows "$(url_of wine)" wine samples/rows/wine.tsv | compare_rows samples/rows/wine.tsv > "$asked"
equal_w=$(grep -c 'equal$' "$asked" || true) total_w=$(wc -l < "$asked")
say "  wine, by LightGBM: $equal_w of $total_w rows equal, to the last digit of float64"

title "the split"
send_rows "$url" breast-cancer "$rows" > "$again"
cut -f2 "$answers" | sort | uniq -c | awk -v total="$total" '{ printf "  %-12s %4d of %d users (%d %%)\n", $2, $1, total, 100 * $1 / total + 0.5 }'
moved=$(diff <(cut -f1,2 "$answers") <(cut -f1,2 "$again") | grep -c '^<' || true)
say "  asked again, $((total - moved)) of $total users stayed on their side"
send_rows "$url" breast-cancer "$rows" 'x-clops-variant: challenger' > "$asked"
say "  with the header x-clops-variant: challenger, $(cut -f2 "$asked" | grep -c '^challenger$' || true) of $total requests went to the challenger"

[ "$equal" = "$total" ] && [ "$equal_d" = "$total_d" ] && [ "$equal_w" = "$total_w" ] && [ "$moved" = 0 ] || die "predictions or the split are not as they should be"

title "next"
cat <<END
  The plane is running (Ready $(seconds "$ready_ms") after apply). Three things to try:

  1. ask it yourself
       curl -s -d @samples/rows/breast-cancer.json $url/v2/models/breast-cancer/infer
  2. give the challenger half of the users, and see it in force
       sed 's/weight: 90/weight: 50/; s/weight: 10/weight: 50/' samples/breast-cancer.yaml | $clops apply -f -
       $clops get md
  3. declare a model that is not there, and read what is said about it
       sed 's/name: diabetes-1/name: broken/; s|/model.ubj|/nothing|; /^---/q' samples/diabetes.yaml | $clops apply -f -
       $clops describe mv broken

  kubectl works too: export KUBECONFIG=$KUBECONFIG      Stop it all: $clops local down
END
say
say "  done in $(seconds $(($(now_ms) - begun)))"
