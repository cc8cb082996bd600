#!/usr/bin/env bash
# run.sh PIPELINE: runs one shell pipeline so that bad pictures never cost it.
#
# A stage exits with 1 where it is done but samples were bad; so here any program's 0 or 1 is
# done, and run.sh exits with 0, having said how many are bad. Anything else, from any program of
# the pipe, is passed on: usage (2), a broken stream (3), the system (4), a signal (128 and its
# number), a program that isn't there (127). Of several the first in the pipe counts, but
# SIGPIPE's 141 last: it is what a program dies of when one behind it has failed.
#
# It is for pipes of stages: to others, as grep or a script in Python, 1 may mean a failure.
if (($# != 1)) || [[ $1 != *[![:space:]]* ]]; then
    echo "usage: run.sh PIPELINE" >&2
    exit 2
fi
set -o pipefail # for pipes inside of it, as { a | b; } | c

# What is said on standard error goes on as it comes, and is kept for its closing lines.
log=$(mktemp) || exit 4
trap 'rm -f "$log"' EXIT
exec {stderr}>&2 2> >(exec tee "$log" >&"$stderr")
tee=$!

statuses=()
eval "$1"$'\nstatuses=("${PIPESTATUS[@]}")'
status=$?
exec 2>&"$stderr"
wait "$tee"
if ((${#statuses[@]} == 0)); then
    echo "run.sh: no whole pipeline: $1" >&2
    exit "$((status ? status : 2))"
fi

failure=0
for status in "${statuses[@]}"; do
    if ((status > 1 && (failure == 0 || failure == 141))); then
        failure=$status
    fi
done
if ((failure)); then
    echo "run.sh: failed: exit status ${statuses[*]} of: $1" >&2
    exit "$failure"
fi

# Later stages pass bad samples on and count them too: the greatest count is of all.
awk '/^[^ ]+: [0-9]+ samples?, [0-9]+ bad$/ && $4 > bad { bad = $4; samples = $2 }
    END { if (bad) print "run.sh: " bad " of " samples " bad, the rest is done" }' "$log" >&2
