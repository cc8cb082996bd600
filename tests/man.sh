#!/usr/bin/env bash
# The man pages: clean under mandoc's lint, OPTIONS the same as -h, EXAMPLES that run.
set -uo pipefail
source "$(dirname "$0")/part.sh"
cd "$ROOT"
shopt -s nullglob

pages=(man/*.[157])

# options_of_help PROGRAM: "LETTER NAME" a line, "-" for no letter.
options_of_help() {
    "$1" -h | sed -nE 's/^  -(.), --([a-z0-9-]+).*/\1 \2/p; s/^      --([a-z0-9-]+).*/- \1/p'
}

# options_of_page PAGE: the same of the .It lines of its OPTIONS.
options_of_page() {
    awk '
        /^\.Sh / { inside = $2 == "OPTIONS" }
        inside && /^\.It Fl / {
            letter = "-"; name = ""
            for (i = 2; i < NF; i++)
                if ($i == "Fl") {
                    word = $(i + 1) == "Fl" ? "-" $(i + 2) : $(i + 1)
                    if (word ~ /^-/) name = substr(word, 2); else letter = word
                    i++
                }
            print letter, name
        }' "$1"
}

# The common ones are in saccade(7); -k isn't there where no stream is written.
same_options() {
    local program=$1 page=man/$1.1
    options_of_page man/saccade.7 | sort >"$SCRATCH/common"
    "$program" -h | grep -q -e '--keep' || sed -i '/^k keep$/d' "$SCRATCH/common"
    options_of_help "$program" | sort >"$SCRATCH/help"
    { options_of_page "$page"; cat "$SCRATCH/common"; } | sort -u >"$SCRATCH/page"
    [[ -s $SCRATCH/common && -s $SCRATCH/help ]] || { echo "no options found"; return 1; }
    diff --label "$page and man/saccade.7" --label "$program -h" -u "$SCRATCH/page" \
        "$SCRATCH/help"
}

# examples PAGE: the commands of its EXAMPLES, each ended by a NUL. A line that ends with a
# backslash or a | goes on with the next.
examples() {
    awk '
        function reading(text) { # what a reader of the page sees
            gsub(/\\e|\\\(rs/, "\001", text)
            gsub(/\\\(aq/, "\047", text)
            gsub(/\\\(dq/, "\"", text)
            gsub(/\\\(ti/, "~", text)
            gsub(/\\\(ha/, "^", text)
            gsub(/\\\(ga/, "`", text)
            gsub(/\\-/, "-", text)
            gsub(/\\&/, "", text)
            if (text ~ /\\/) print FILENAME ":" FNR ": unknown escape: " text >"/dev/stderr"
            gsub(/\001/, "\\", text)
            return text
        }
        /^\.Sh / { inside = $2 == "EXAMPLES"; going = 0 }
        !inside { next }
        /^\.Bd / { block = 1; next }
        /^\.Ed/ { block = 0; next }
        /^\.Dl / && /"/ { print FILENAME ":" FNR ": say \\(dq in .Dl" >"/dev/stderr" }
        /^\.Dl \$ / || (going && /^\.Dl /) { line = substr($0, 5) }
        !/^\.Dl / {
            if (!block) next
            line = $0
        }
        {
            line = reading(line)
            if (!going && substr(line, 1, 2) != "$ ") next
            command = going ? command "\n" line : substr(line, 3)
            going = line ~ /[\\|]$/
            if (!going) printf "%s%c", command, 0
        }' "$1"
}

# run_example NAME COMMAND: in the current directory, as a reader would who has the programs.
run_example() {
    local status missing
    timeout 120 bash -euo pipefail -c "$2" </dev/null >"$SCRATCH/said" 2>&1
    status=$?
    missing=$(sed -nE 's/.*line [0-9]+: (.*): command not found$/\1/p' "$SCRATCH/said" | head -n 1)
    if ((status == 0)); then
        pass "$1"
    elif ((status == 127)) && [[ $missing && ! -e $ROOT/man/$missing.1 ]]; then
        skip "$1" "$missing is missing"
    else
        { echo "$1: exit status $status: $2"; cat "$SCRATCH/said"; } >&2
        fail "$1"
    fi
}

run_examples() {
    local page n command
    mkdir "$SCRATCH/setup"
    if ! (cd "$SCRATCH/setup" && bash "$ROOT/tests/man_setup.sh") >"$SCRATCH/said" 2>&1; then
        cat "$SCRATCH/said" >&2
        fail man/setup
        return
    fi
    for page in "${pages[@]}"; do
        examples "$page" >"$SCRATCH/examples" 2>"$SCRATCH/said"
        if [[ -s $SCRATCH/said ]]; then
            cat "$SCRATCH/said" >&2
            fail "$page: examples"
        fi
        cp -r "$SCRATCH/setup" "$SCRATCH/work"
        n=0
        cd "$SCRATCH/work" || exit
        while IFS= read -r -d '' command; do
            ((n += 1))
            run_example "$page: example $n" "$command"
        done <"$SCRATCH/examples"
        cd "$ROOT" || exit
        rm -r "$SCRATCH/work"
        if [[ $n == 0 && $page == *.1 ]]; then
            echo "$page: has no examples" >&2
            fail "$page: examples"
        fi
    done
}

for page in "${pages[@]}"; do
    if command -v mandoc >/dev/null; then
        result "$page: lint" mandoc -T lint -W warning "$page"
    else
        skip "$page: lint" "mandoc is missing"
    fi
done
for program in "$BIN"/*; do
    name=${program##*/}
    if [[ -f man/$name.1 ]]; then
        result "man/$name.1: options" same_options "$name"
    else
        echo "bin/$name has no page man/$name.1" >&2
        fail "man/$name.1"
    fi
done
for page in man/*.1; do
    name=${page#man/}
    if [[ ! -x $BIN/${name%.1} ]]; then
        echo "$page has no program" >&2
        fail "$page: program"
    fi
done
run_examples
exit "$failed"
