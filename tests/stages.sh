#!/usr/bin/env bash
# What every stage owes (tensorstream(5)): -h and -V, wrong options, input that is empty or cut
# anywhere, a full disk, -o that is whole or stays a .part, the same bytes for every -j, bad
# samples that pass.
set -uo pipefail
source "$(dirname "$0")/part.sh"
cd "$SCRATCH"
export SACCADE_RESNET=$DATA/resnet/timm-basic

# make_places KEY...: a shard of these samples, each with what gradcam reads.
make_places() {
    local key name
    mkdir -p places && tar xf "$DATA/cam/places.tar" -C places || return
    for key; do
        for name in act actgrad; do
            cp "places/relu.$name.layer4.npy" "places/$key.$name.layer4.npy" || return
            echo "$key.$name.layer4.npy"
        done
    done | tar cf places.tar -C places -T -
}

# A stream that every stage takes, and the same with a bad sample in the middle.
make_streams() {
    cp "$DATA/pictures/rgb420.jpg" a.jpg
    cp "$DATA/pictures/rgb444.jpg" c.jpg
    mkdir -p masks && cp "$DATA/pictures/grey1.png" masks/a.png && cp masks/a.png masks/c.png
    maps() {
        vitfwd | rollout -k --as other | rollout -k --discard 0.5 --as another
    }
    preprocess --masks masks a.jpg c.jpg | maps >maps.tar &&
        make_places a c && tensorcat --join maps.tar places.tar >whole.tar || return
    printf 'no picture' >b.jpg
    preprocess --masks masks a.jpg b.jpg c.jpg | maps >maps.tar
    [[ $? == 1 ]] && make_places a b c || return
    tensorcat --join maps.tar places.tar >bad.tar
    [[ $? == 1 ]]
}

# The stage that must be told what to look at.
mapdiff() {
    command mapdiff other another "$@"
}

# gives STATUS COMMAND...: ends with that status, reading $input.
input=/dev/null
gives() {
    local wanted=$1 status
    shift
    "$@" >out 2>said <"$input"
    status=$?
    [[ $status == "$wanted" ]] && return
    echo "exit status $status, not $wanted: $*"
    cat said
    return 1
}

asks() {
    gives 0 "$1" -h && grep -q "^usage: $1 " out && [[ ! -s said ]] &&
        gives 0 "$1" --help && gives 0 "$1" -V && grep -q "^$1 (saccade) [0-9]" out
}

refuses_options() {
    gives 2 "$1" --no-such-option && grep -q "^$1: --no-such-option: " said && [[ ! -s out ]] &&
        gives 2 "$1" -j 0 && gives 2 "$1" -j x && gives 2 "$1" --max-bad x && gives 2 "$1" -o
}

# Whether the stage's output is one that reads as whole.
passes_for_whole() {
    [[ -s out ]] && tensorls --check out >/dev/null 2>&1
}

refuses_empty() {
    gives 3 "$1" && grep -q "^$1: .*no bytes at all" said && ! passes_for_whole || return
    [[ $1 == preprocess ]] && return # a picture that can't be opened is a bad sample
    gives 4 "$1" /no/such/file && grep -q "^$1: /no/such/file: No such file" said
}

refuses_cut() {
    local size at
    size=$(stat -c %s whole.tar)
    for at in 1 511 512 513 1024 1536 2048 $((size / 3)) $((size / 2)) $((size - 2048)) \
        $((size - 1536)) $((size - 1024)) $((size - 512)) $((size - 1)); do
        head -c "$at" whole.tar >cut.tar
        gives 3 "$1" cut.tar && ! passes_for_whole || { echo "cut to $at bytes"; return 1; }
        [[ $1 != @(overlay|explore) || ! -s out ]] || { echo "a figure all the same"; return 1; }
        input=cut.tar gives 3 "$1" && input=cut.tar gives 3 "$1" - || return
    done
}

full_disk() {
    "$1" whole.tar >/dev/full 2>said
    [[ $? == 4 ]] && grep -q "No space left" said && "$1" -h >/dev/full 2>said
    [[ $? == 4 ]]
}

# keeps_part STAGE: after a failure FILE is what it was and FILE.part is there.
keeps_part() {
    rm -f file file.part
    gives 0 "$1" -o file whole.tar && [[ -s file && ! -e file.part ]] || return
    cp file before
    head -c 20000 whole.tar >cut.tar
    gives 3 "$1" -o file cut.tar && cmp file before && [[ -e file.part ]] || return
    gives 4 "$1" -o /no/such/file whole.tar
}

same_for_threads() {
    local n
    gives 0 "$1" -j 1 whole.tar || return
    mv out one
    for n in 2 3 7; do
        gives 0 "$1" -j $n whole.tar && cmp one out || return
    done
    gives 0 "$1" whole.tar && cmp one out
}

passes_bad() {
    gives 1 "$1" bad.tar && tail -n 1 said | grep -q "^$1: 3 samples, 1 bad" &&
        gives 1 "$1" --max-bad 1 bad.tar && gives 3 "$1" --max-bad 0 bad.tar &&
        gives 1 "$1" --max-bad 34% bad.tar && gives 3 "$1" --max-bad 33% bad.tar
}

if ! make_streams 2>said; then
    cat said >&2
    fail stages/streams
    exit 1
fi
# finetune reads no stream through and writes none: what it owes is in tests/finetune.sh, these
# here as every program.
for check in asks refuses_options; do
    result "stages/finetune-$check" "$check" finetune
done
for program in "$BIN"/*; do
    stage=${program##*/}
    [[ $stage != finetune ]] || continue
    for check in asks refuses_options refuses_empty refuses_cut full_disk keeps_part \
        same_for_threads passes_bad; do
        result "stages/$stage-$check" "$check" "$stage"
    done
done
exit "$failed"
