#!/usr/bin/env bash
# All tests: the Check suites named as arguments, then the shell parts. Prints what failed, why
# the rest was skipped, and last "N passed, N failed, N skipped". Exit status: 1 where something
# failed; with STRICT=1 also where something was skipped.
#
#     tests/run.sh [--shared] build/plain/tests/check_*
#
# A part (tests/part.sh says how one reports) is added to the list here.
set -uo pipefail
source "$(dirname "$0")/part.sh"
cd "$ROOT"

parts=(golden stages explore finetune recipes recipes_lab recipes_beyond recipes_localise recipes_batch recipes_misclassified interop man)
if [[ ${1-} == --shared ]]; then
    shift
    [[ ! -e tests/shared.sh ]] || parts+=(shared)
fi

results=$SCRATCH/results
: >"$results"

# run_suite BINARY: Check's own count, or one failure where it says nothing.
run_suite() {
    local name=${1##*/} log=$SCRATCH/log status line
    { timeout -k 5 900 "$1" >"$log" 2>&1; } 2>/dev/null
    status=$?
    line=$(grep -aE '^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$' "$log" | tail -n 1)
    if [[ ! $line ]]; then
        cat "$log"
        echo "not ok $name: ended with status $status and no count" | tee -a "$results"
        return
    fi
    echo "$name: $line"
    read -r checks failures errors <<<"$(tr -cs '0-9' ' ' <<<"${line#*%}")"
    local bad=$((failures + errors))
    grep -aE '^[^ ]+:[0-9]+:[FE]:' "$log" | sed "s|^|not ok $name: |"
    if ((status != 0 && bad == 0)); then
        grep -av -e "$line" "$log"
        echo "not ok $name: ended with status $status" | tee -a "$results"
    elif ((status == 0 && bad > 0)); then
        echo "not ok $name: has failures but ended with status 0" | tee -a "$results"
    fi
    for ((i = 0; i < checks; i++)); do
        ((i < bad)) && echo "not ok $name" || echo "ok $name"
    done >>"$results"
}

# run_part NAME: tests/NAME.sh.
run_part() {
    local log=$SCRATCH/log status
    echo "$1"
    { bash "tests/$1.sh" >"$log"; } 2>&1
    status=$?
    grep -a '^not ok ' "$log"
    if ! grep -aqE '^(ok|not ok|skip) ' "$log"; then
        echo "not ok $1: no results (status $status)" | tee -a "$log"
    elif ((status > 1)) || { ((status == 1)) && ! grep -aq '^not ok ' "$log"; }; then
        echo "not ok $1: ended with status $status" | tee -a "$log"
    fi
    cat "$log" >>"$results"
}

for suite; do
    run_suite "$suite"
    # Kernels that take C by rows, AVX2's (3 is BLIS 0.9's haswell), where others would be taken.
    if [[ $suite == */check_gemm ]] && grep -q ' avx2.* avx512f' /proc/cpuinfo; then
        BLIS_ARCH_TYPE=3 run_suite "$suite"
    fi
done
for part in "${parts[@]}"; do
    run_part "$part"
done

grep -a '^skip ' "$results"
passed=$(grep -ac '^ok ' "$results")
bad=$(grep -ac '^not ok ' "$results")
skipped=$(grep -ac '^skip ' "$results")
echo "$passed passed, $bad failed, $skipped skipped"
((bad == 0)) && { [[ ${STRICT-} != 1 ]] || ((skipped == 0)); }
