#!/usr/bin/env bash
# Runs golden command lines (tests/golden/README): [-u] [FILE...], by default tests/golden/*.t.
set -uo pipefail
source "$(dirname "$0")/part.sh"

update=
if [[ ${1-} == -u ]]; then
    update=yes
    shift
fi

# run_command COMMAND: its output as a golden file has it, into $SCRATCH/out.
run_command() {
    local raw=$SCRATCH/raw line
    {
        (cd "$work" && HOME=$work exec timeout -k 5 120 bash -c "$1" </dev/null >"$raw" 2>&1)
    } 2>/dev/null # bash's own word on a killed one
    local status=$?
    while IFS= read -r line || [[ $line ]]; do
        line=${line//"$DATA"/\$DATA}
        printf '%s\n' "${line//"$work"/\$PWD}"
    done < <(tr -d '\0' <"$raw") | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' >"$SCRATCH/out"
    if [[ $(tail -c 1 "$raw" | od -An -tx1) != ' 0a' && -s $raw ]]; then
        echo '[no newline]' >>"$SCRATCH/out"
    fi
    if [[ $status != 0 ]]; then
        echo "[exit $status]" >>"$SCRATCH/out"
    fi
}

is_mark() {
    [[ $1 == '$ '* || $1 == '? '* ]]
}

# Whether line i is a comment: behind nothing, an empty line or a comment.
is_comment() {
    [[ ${lines[$1]} == '#'* ]] && { (($1 == 0)) || [[ -z ${lines[$1 - 1]} ]] || is_comment $(($1 - 1)); }
}

# The end of the output that starts at line $1: the next mark or comment, less empty lines.
end_of_output() {
    local end=$1
    while ((end < ${#lines[@]})) && ! is_mark "${lines[end]}" && ! is_comment "$end"; do
        ((end++))
    done
    while ((end > $1)) && [[ -z ${lines[end - 1]} ]]; do
        ((end--))
    done
    echo "$end"
}

# run_file FILE: the file as it would be by what happens now, into $SCRATCH/now.
run_file() {
    local name=golden/${1##*/} i=0 start end command skipping=
    mapfile -t lines <"$1"
    : >"$SCRATCH/now"
    while ((i < ${#lines[@]})); do
        start=$i
        ((i += 1))
        if [[ ${lines[start]} == '? '* ]]; then
            skipping=
            if ! (cd "$work" && bash -c "${lines[start]#? }" </dev/null >/dev/null 2>&1); then
                skipping=yes
                skip "$name:$i" "needs: ${lines[start]#? }"
            fi
        fi
        if [[ $skipping || ${lines[start]} != '$ '* ]]; then
            printf '%s\n' "${lines[start]}" >>"$SCRATCH/now"
            continue
        fi
        command=${lines[start]#$ }
        while ((i < ${#lines[@]})) && [[ ${lines[i]} == '> '* || ${lines[i]} == '>' ]]; do
            command+=$'\n'${lines[i]:2}
            ((i += 1))
        done
        printf '%s\n' "${lines[@]:start:i-start}" >>"$SCRATCH/now"
        run_command "$command"
        cat "$SCRATCH/out" >>"$SCRATCH/now"
        end=$(end_of_output "$i")
        if ((end > i)); then
            printf '%s\n' "${lines[@]:i:end-i}"
        fi >"$SCRATCH/expected"
        if cmp -s "$SCRATCH/expected" "$SCRATCH/out"; then
            pass "$name:$((start + 1))"
        else
            fail "$name:$((start + 1))"
        fi
        i=$end
    done
}

if (($# == 0)); then
    shopt -s nullglob
    set -- "$ROOT"/tests/golden/*.t
fi
for file; do
    if [[ ! -r $file ]]; then
        echo "$file: can't be read" >&2
        fail "golden/${file##*/}"
        continue
    fi
    work=$SCRATCH/work
    rm -rf "$work"
    mkdir "$work"
    run_file "$file"
    if [[ $update ]]; then
        cmp -s "$file" "$SCRATCH/now" || cp "$SCRATCH/now" "$file"
    else
        diff -a -u --label "$file" --label "$file, now" "$file" "$SCRATCH/now" >&2
    fi
done
exit "$failed"
