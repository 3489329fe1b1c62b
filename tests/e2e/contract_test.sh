#!/usr/bin/env bash
# The contract tests (tests/contract) on an embedded plane of their own, without an operator in it.
source "$(dirname "$0")/plane.sh"

status=0
clops local up --no-operator > "$work/up.log" 2>&1 || { cat "$work/up.log"; say "0 passed, 1 failed"; exit 1; }
CLOPS_CONTRACT_KUBECONFIG=$KUBECONFIG timeout 300 "$bin/../tests/contract_tests" --gtest_brief=1 "--gtest_output=xml:$work/report.xml" > "$work/out" 2>&1 || status=$?
tail -n 100 "$work/out"
if [ ! -s "$work/report.xml" ]; then say "0 passed, 1 failed"; exit 1; fi
read -r tests failures < <(sed -n 's/^<testsuites tests="\([0-9]*\)" failures="\([0-9]*\)".*/\1 \2/p' "$work/report.xml")
[ "$status" = 0 ] || [ "$failures" != 0 ] || failures=1
echo
say "$((tests - failures)) passed, $failures failed"
[ "$failures" = 0 ]
