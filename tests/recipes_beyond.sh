#!/usr/bin/env bash
# pipelines/beyond.mk, in a checkout of its own, with the model that comes with saccade.
set -uo pipefail
source "$(dirname "$0")/part.sh"
cd "$SCRATCH"
unset PHOTOS VIT OUT SINK_SHARE SINK_NORM NEAR_SHARE NEAR_NORM
mkdir -p tree/pipelines tree/bin photos/more
cp "$ROOT"/pipelines/{Makefile,run.sh,*.mk} tree/pipelines
ln -s "$BIN"/* tree/bin/
cp "$DATA/pictures/rgb420.jpg" photos/one.jpg
cp "$DATA/pictures/progressive.jpg" photos/more/three.jpg
echo no picture >photos/broken.jpg

# makes STATUS ARGUMENT...: from here, as a reader would.
makes() {
    local wanted=$1 status
    shift
    env -u DATA -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make --no-print-directory -C tree/pipelines beyond "$@" >log 2>&1
    status=$?
    [[ $status == "$wanted" ]] || { echo "exit status $status: make $*"; cat log; return 1; }
}

asks_for() {
    makes 2 && grep -q 'PHOTOS=folder' log && makes 2 PHOTOS=nowhere && grep -q nowhere log &&
        [[ ! -e out/beyond ]] && make -s -C tree/pipelines | grep 'beyond PHOTOS=' >/dev/null
}

# tables FOLDER SHARE NORM: as attnstat has them; a figure for each photo.
tables() {
    find "$1/beyond" -type f | LC_ALL=C sort | diff - <(printf "$1/beyond/%s\n" explore.html layers.tsv \
        maps/photos/more/three.png maps/photos/one.png nearest.tsv sinks.tsv) || return
    preprocess photos 2>/dev/null | vitfwd -t all 2>/dev/null >fwd.tar
    diff "$1/beyond/sinks.tsv" <(attnstat --sinks --sink-share "$2" --sink-norm "$3" fwd.tar 2>/dev/null) &&
        diff "$1/beyond/nearest.tsv" <(attnstat --sinks --sink-share 2 --sink-norm 2 fwd.tar 2>/dev/null) &&
        [[ $(wc -l <"$1/beyond/layers.tsv") == 7 ]]
}

# The maps of both rows, and what went from the second.
makes_all() {
    makes 0 PHOTOS=photos OUT=made && tables made 3 5 && grep -q 'run.sh: 1 of 3 bad' log &&
        makes 0 PHOTOS=photos OUT=low SINK_SHARE=1 SINK_NORM=0.5 && tables low 1 0.5 &&
        [[ $(wc -l <low/beyond/sinks.tsv) -gt 5 ]] || return
    tensorls -o list.tsv low/beyond.d/maps.tar 2>/dev/null
    awk -F '\t' '$1 ~ /one$/ && $2 ~ /^map.*npy$/ { print $2 }' list.tsv | diff - <(
        printf 'map.l0%d-mean.npy\n' {0..5} && echo map.patches-l05-mean-qmean.npy &&
            printf 'map.l0%d-mean-nosinks.npy\n' {0..5})
}

# Bounds are of the maps alone, and nothing is made again without need.
makes_again() {
    makes 0 PHOTOS=photos OUT=made && ! grep -q overlay log &&
        makes 0 PHOTOS=photos OUT=made SINK_NORM=2 && grep -q overlay log && ! grep -q vitfwd log &&
        makes 0 PHOTOS=photos OUT=made SINK_NORM=2 NEAR_SHARE=1 && ! grep -q overlay log &&
        grep -q attnstat log
}

leaves_no_halves() {
    rm tree/bin/attnsplit
    printf '#!/bin/sh\necho half; exit 3\n' >tree/bin/attnsplit
    chmod +x tree/bin/attnsplit
    makes 2 PHOTOS=photos OUT=half && [[ ! -e half/beyond.d/maps.tar && ! -e half/beyond/maps ]] || return
    ln -sf "$BIN/attnsplit" tree/bin/attnsplit
    makes 0 PHOTOS=photos OUT=half && tables half 3 5
}

for check in asks_for makes_all makes_again leaves_no_halves; do
    result "recipes/beyond-$check" "$check"
done
exit "$failed"
