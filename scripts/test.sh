#!/usr/bin/env bash
# Builds and runs the tests, lane by lane. Installs what is missing. The last line is `N passed, N failed`.
#
#   scripts/test.sh [lane...]      all lanes without an argument; --list names them; --no-install leaves the system alone
#
#   format    clang-format over what changed           unit      every room's unit tests, GCC release
#   house     the rules of ARCHITECTURE.md             local     end to end on the embedded plane (tests/e2e)
#   cluster   images, and end to end on a real Kubernetes of one node (tests/cluster); needs root
#   onnx      ONNX models through the real ONNX Runtime, against its answers in Python
#   clients   real clients (tests/clients) against clops-server
#   hostile   hostile clients beside good ones, and model swaps under full load (tests/hostile); ten minutes with --long
#   convert   tools/convert on models of every kind, each file made asked about with `clops inspect`
#   contract  the same API tests, with kubectl, on the embedded plane and on a real kube-apiserver; deploy/ on the latter
#   asan      unit tests and fuzzers, clang with AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan      tests labelled `threads`, clang with ThreadSanitizer
#   tidy      clang-tidy over what changed
#
# "What changed" is against origin/main, or the commit before where that is this one; `format` and `tidy` take --all,
# `hostile` takes --long.
# A lane is over budget when its tests (not its build) take longer than the budget below: that is a failure too.
# Every program's output lies in build/logs, results in build/results.
source "$(dirname "$0")/lib.sh"
cd "$root"
all_lanes=(format house unit onnx clients hostile convert local contract cluster asan tsan tidy)
declare -A budget=([format]=60 [house]=30 [unit]=240 [onnx]=120 [clients]=180 [hostile]=240 [convert]=180 [local]=300 [contract]=420 [cluster]=540 [asan]=600 [tsan]=400 [tidy]=480)
build_budget=1500        # of any one build, cold; warm it is seconds
fuzz_seconds=${CLOPS_FUZZ_SECONDS:-12}   # of each of the fuzzers
hostile_seconds=60       # of the attacks
everything='' install=1 lanes=()
for argument in "$@"; do
  case $argument in
    --list) printf '%s\n' "${all_lanes[@]}"; exit 0 ;;
    --no-install) install='' ;;
    --all) everything=1 ;;
    --long) budget[hostile]=$((budget[hostile] + 600 - hostile_seconds)) hostile_seconds=600 ;;
    -h | --help) sed -n '2,/^source/{/^source/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    *) [ -n "${budget[$argument]:-}" ] || die "no lane is called $argument; there are: ${all_lanes[*]}"
       lanes+=("$argument") ;;
  esac
done
[ ${#lanes[@]} -gt 0 ] || lanes=("${all_lanes[@]}")
results=$root/build/results
mkdir -p "$logs" "$results"
passed=0 failed=0 summary=() slowest=$results/slowest
what_failed=$results/failed   # by step(): said once more at the end, where the reader of a long log finds it
: > "$slowest"; : > "$what_failed"

count() { passed=$((passed + $1)); failed=$((failed + $2)); }

# One check that is not a test program of its own: counts as one test.
check() { if step "$@"; then count 1 0; else count 0 1; fi; }

# build_for TEXT PRESET TARGET...: a build that fails is one failure, and its lane runs nothing. The lane's time starts after.
build_for() {
  local text=$1; shift
  local status=0
  step "$text" timeout "$build_budget" bash -c 'source scripts/lib.sh; build "$@"' build "$@" || status=1
  lane_started=$(now_ms)
  [ "$status" = 0 ] || { count 0 1; return 1; }
}

# gtest PRESET PROGRAM: runs one GoogleTest program; its tests are counted one by one from its XML.
gtest() {
  local preset=$1 name=$2 report=$results/$1-$2.xml status=0
  rm -f "$report"
  step "$name ($preset)" timeout -k 5 "$lane_budget" "build/$preset/tests/$name" --gtest_brief=1 "--gtest_output=xml:$report" || status=$?
  if [ ! -s "$report" ]; then
    count 0 1
    say "  $name ended with $status before it could report (a crash, or over $lane_budget s)"
    return
  fi
  local tests failures
  tests=$(sed -n 's/^<testsuites tests="\([0-9]*\)".*/\1/p' "$report")
  failures=$(sed -n 's/^<testsuites tests="[0-9]*" failures="\([0-9]*\)".*/\1/p' "$report")
  [ "$status" = 0 ] || [ "$failures" != 0 ] || failures=1    # all passed, and then it crashed or leaked
  count $((tests - failures)) "$failures"
  sed -n 's/.*<testcase name="\([^"]*\)".* time="\([^"]*\)".* classname="\([^"]*\)".*/\2 '"$name"' \3.\1/p' "$report" >> "$slowest"
}

# What changed since the base, and what is not committed; only files that are still there.
changed() {
  local base
  base=$(git merge-base HEAD "${CLOPS_BASE:-origin/main}" 2>/dev/null || true)
  if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then base=$(git rev-parse -q --verify HEAD~1 || git hash-object -t tree /dev/null); fi
  { if [ -n "$everything" ]; then git ls-files; else git diff --name-only "$base"; fi
    git ls-files --others --exclude-standard; } | grep -E "$1" | sort -u | while read -r file; do [ ! -f "$file" ] || echo "$file"; done || true
}

lane_format() {
  local files
  mapfile -t files < <(changed '\.(h|cpp)$')
  [ ${#files[@]} -gt 0 ] || { say "  nothing changed"; return 0; }
  check "clang-format over ${#files[@]} files" clang-format-19 --dry-run -Werror "${files[@]}"
}

lane_house() { build_for "build release: house" release house_tests && gtest release house_tests; }

# Names of the test programs that CMake knows of with this label.
programs() { ctest --test-dir "build/$1" -N -L "$2" | sed -n 's/^ *Test *#[0-9]*: //p'; }

lane_unit() {
  build_for "build release: tests" release || return 0
  local name
  for name in $(programs release unit); do [ "$name" = house_tests ] || gtest release "$name"; done
}

# The library and a Python that has it come from the package index once per version; without them this lane fails.
lane_onnx() {
  step "ONNX Runtime (fetched once per version)" scripts/onnxruntime.sh || { count 0 1; return 0; }
  build_for "build release: onnx" release onnx_tests || return 0
  local answers=$results/onnx-answers
  rm -rf "$answers"
  check "ONNX Runtime's answers in Python" "$(scripts/onnxruntime.sh --python)" scripts/make_golden_onnx.py --answers "$answers"
  CLOPS_ONNXRUNTIME=$(scripts/onnxruntime.sh) CLOPS_ONNX_ANSWERS=$answers gtest release onnx_tests
}

# The clients come from the package index once per version of the list.
lane_clients() {
  step "clients (fetched once per version)" timeout "$build_budget" tests/clients/run.sh --fetch || { count 0 1; return 0; }
  build_for "build release: clops-server" release clops-server && scripted "real clients" tests/clients/run.sh
}

# Its frameworks come from the package index once per version of the list.
lane_convert() {
  local requirements=tools/convert/requirements.txt
  local home=$cache/convert-$(sha256sum "$requirements" | cut -c1-12)
  if [ ! -f "$home/complete" ]; then
    rm -rf "$home"
    step "frameworks of tools/convert (fetched once per version)" timeout "$build_budget" bash -c \
      'python3 -m venv "$1" && "$1/bin/pip" -q --disable-pip-version-check install -r "$2" && touch "$1/complete"' - "$home" \
      "$requirements" || { count 0 1; return 0; }
  fi
  build_for "build release: clops" release clops || return 0
  local log=$logs/convert.log ran=0 bad=0
  step "convert" env CLOPS="$root/build/release/bin/clops" PYTHONDONTWRITEBYTECODE=1 "$home/bin/python" -W ignore \
    -m unittest discover tools/convert || bad=1
  ran=$(sed -n 's/^Ran \([0-9]*\) tests\{0,1\} in .*/\1/p' "$log" | tail -n 1)
  [ "${ran:-0}" -gt 0 ] || { count 0 1; return 0; }
  count $((ran - bad)) "$bad"
}

# A lane of another script: it prints `N passed, N failed` last.
scripted() {
  local text=$1 status=0; shift
  local log=$logs/$(tr -cs 'a-zA-Z0-9' '-' <<<"$text" | sed 's/^-*//; s/-*$//').log
  step "$text" timeout -k 20 $((lane_budget + 60)) "$@" || status=$?
  local line; line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
  if [ -z "$line" ]; then count 0 1; return 0; fi
  local ok bad; read -r ok _ bad _ <<<"${line//,/}"
  [ "$status" = 0 ] || [ "$bad" != 0 ] || bad=1
  count "$ok" "$bad"
  sed -n 's/^ *ok *\([0-9.]*\) s  *\(.*\)/\1 '"${text// /-}"' \2/p' "$log" >> "$slowest"
}

lane_hostile() {
  build_for "build release: clops-server" release clops-server || return 0
  scripted "hostile clients" tests/hostile/hostile.py --seconds "$hostile_seconds"
  scripted "swaps under full load" tests/hostile/soak.py
}

lane_local() { build_for "build release: programs" release programs && scripted "end to end on the embedded plane" tests/e2e/local_test.sh; }

# The API tests on a real kube-apiserver, the same on an embedded plane of their own, and kubectl on that plane.
lane_contract() {
  command -v go >/dev/null || { say "  needs Go 1.24 or newer, to build kubectl, kube-apiserver and etcd: see https://go.dev/dl"; count 0 1; return 0; }
  step "kubectl, kube-apiserver, etcd and controllers (built once per version)" timeout "$build_budget" \
    tests/cluster/build.sh kubectl kube-apiserver etcd kube-controller-manager || { count 0 1; return 0; }
  step "the health checks of GitOps tools (built once)" timeout "$build_budget" tests/contract/deploy_health/build.sh || { count 0 1; return 0; }
  build_for "build release: programs and contract tests" release programs contract_tests || return 0
  gtest release contract_tests
  scripted "kubectl on a real kube-apiserver" tests/e2e/real_test.sh
  scripted "deploy on a real kube-apiserver" tests/contract/deploy_test.sh
  scripted "contract tests on the embedded plane" tests/e2e/contract_test.sh
  scripted "kubectl on the embedded plane" tests/e2e/kubectl_test.sh
}

# One cluster for the run. What it cannot run without is said, and is a failure: never a lane that passes by doing nothing.
lane_cluster() {
  if [ -n "$install" ]; then step "packages of a node" scripts/install-deps.sh cluster || { count 0 1; return 0; }; fi
  step "can a node run here" tests/cluster/cluster.sh check || { count 0 1; return 0; }
  step "Kubernetes (built once per version)" timeout "$build_budget" tests/cluster/build.sh || { count 0 1; return 0; }
  build_for "build release: programs" release programs || return 0
  scripted "images and the node" tests/e2e/node_test.sh
  scripted "end to end on a real Kubernetes" tests/e2e/cluster_test.sh
}

lane_asan() {
  build_for "build asan with fuzzers" fuzz || return 0
  export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1
  export CLOPS_SIM_HISTORIES=100   # of the unit lane's 2,000: they cost ten times as much here
  local name
  for name in $(programs fuzz unit); do
    [ "$name" != house_tests ] || continue
    local known=tests/lsan/$name.supp   # leaks of others' libraries, each with its reason
    if [ -f "$known" ]; then export LSAN_OPTIONS=suppressions=$known:print_suppressions=0; else unset LSAN_OPTIONS; fi
    gtest fuzz "$name"
  done
  local fuzzer found=$results/fuzz
  for fuzzer in build/fuzz/fuzz/*_fuzz; do
    [ -x "$fuzzer" ] || continue
    name=$(basename "$fuzzer" _fuzz)
    local corpus=("$found/$name")
    case $name in
      xgboost_json | ubjson | lightgbm) corpus+=(tests/data/golden tests/data/refused) ;;
      onnx) corpus+=(tests/data/onnx) ;;
      skops) corpus+=(tests/data/golden tests/data/golden-sklearn tests/data/refused-skops) ;;
      mlmodel) corpus+=(tests/data/mlflow) ;;
      *) [ ! -d "tests/data/fuzz/$name" ] || corpus+=("tests/data/fuzz/$name") ;;
    esac
    mkdir -p "$found/$name"
    check "fuzz $name for $fuzz_seconds s" "$fuzzer" -max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=1024 \
      -max_len=65536 -print_final_stats=1 -artifact_prefix="$found/crash-$name-" "${corpus[@]}"
  done
}

lane_tsan() {
  configure tsan >"$logs/configure-tsan.log" 2>&1 || { count 0 1; tail -n 20 "$logs/configure-tsan.log"; return 0; }
  local names
  mapfile -t names < <(programs tsan threads)
  [ ${#names[@]} -gt 0 ] || { say "  no test is labelled threads"; count 0 1; return 0; }
  build_for "build tsan" tsan "${names[@]}" clops-server || return 0
  export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
  local name
  for name in "${names[@]}"; do gtest tsan "$name"; done
  CLOPS_BIN=$root/build/tsan/bin scripted "swaps under full load with tsan" tests/hostile/soak.py --sanitized
}

# One file a time on each core until the lane's time is nearly over; what was not looked at is said, never hidden.
tidy_one() {
  if [ "$(date +%s)" -ge "$tidy_end" ]; then echo "$1: not looked at"; else clang-tidy-19 --quiet -p build/tidy "$1" 2>/dev/null; fi
}
tidy_files() { printf '%s\n' "$@" | xargs -P "$jobs" -n 1 bash -c 'tidy_one "$1" || exit 1' tidy; }

lane_tidy() {
  local files skipped
  mapfile -t files < <(changed '^[a-z].*\.cpp$' | grep -v '^tests/')
  [ ${#files[@]} -gt 0 ] || { say "  nothing changed"; return 0; }
  step "configure tidy" cmake --preset tidy || { count 0 1; return 0; }
  export -f tidy_one tidy_files
  export jobs tidy_end=$(($(date +%s) + lane_budget - 60))
  check "clang-tidy" bash -c 'tidy_files "$@"' tidy "${files[@]}"
  skipped=$(grep -c ': not looked at$' "$logs/clang-tidy.log" || true)
  say "  looked at $((${#files[@]} - skipped)) of ${#files[@]} files"
}

cleanup() { [ -z "${step_pid:-}" ] || kill "$step_pid" 2>/dev/null || true; }
trap cleanup EXIT
trap 'exit 130' INT TERM

started=$(now_ms)
if [ -n "$install" ]; then title "packages"; scripts/install-deps.sh test || die "could not install what is missing; the log is in build/logs"; fi
for lane in "${lanes[@]}"; do
  title "$lane"
  lane_budget=${budget[$lane]} lane_began=$(now_ms) before_passed=$passed before_failed=$failed
  lane_started=$lane_began
  "lane_$lane" || true
  took=$(($(now_ms) - lane_began)) ran=$(($(now_ms) - lane_started))
  if [ "$ran" -gt $((lane_budget * 1000)) ]; then
    say "  over budget: $(seconds "$ran") of $lane_budget s"
    count 0 1
  fi
  summary+=("$(printf '%-10s %6d passed %4d failed %12s' "$lane" $((passed - before_passed)) $((failed - before_failed)) "$(seconds "$took")")")
done

if [ -s "$slowest" ]; then
  title "slowest tests"
  sort -rn "$slowest" | awk 'NR <= 8' | while read -r time program name; do printf '  %7.2f s  %s %s\n' "$time" "$program" "$name"; done
fi
title "lanes"
printf '  %s\n' "${summary[@]}"
printf '  %-10s %42s\n\n' total "$(seconds $(($(now_ms) - started)))"
if [ -s "$what_failed" ]; then title "what failed"; cat "$what_failed"; echo; fi
say "$passed passed, $failed failed"
[ "$failed" = 0 ]
