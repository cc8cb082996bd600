#!/usr/bin/env bash
# pipelines/localise.mk in a checkout of its own: a handful of pictures as Oxford-IIIT Pet is
# published, through the ViT that comes with saccade and a tiny ResNet.
set -uo pipefail
source "$(dirname "$0")/part.sh"
cd "$SCRATCH"
unset VIT RESNET TARGET OUT PICTURES
mkdir -p tree/pipelines tree/bin pets/images pets/annotations/trimaps
cp "$ROOT"/pipelines/{Makefile,run.sh,*.mk,*.gp} tree/pipelines
ln -s "$BIN"/* tree/bin/
resnet=$DATA/resnet/timm-basic/model.safetensors

# Names as they are there, one of them a PNG that is called .jpg; one photo without a trimap, and what
# a Mac leaves beside files.
n=0
for picture in rgb420.jpg rgb444.jpg grey.jpg progressive.jpg rgb8.png; do
    ((n += 1))
    cp "$DATA/pictures/$picture" "pets/images/Birman_$n.jpg"
    cp "$DATA/pictures/grey2.png" "pets/annotations/trimaps/Birman_$n.png"
done
cp pets/images/Birman_1.jpg pets/images/pug_1.jpg
echo junk >pets/annotations/trimaps/._Birman_1.png

# makes STATUS ARGUMENT...: from here, as a reader would.
makes() {
    local wanted=$1 status
    shift
    env -u DATA -u MAKEFLAGS -u MFLAGS -u MAKELEVEL \
        make --no-print-directory -C tree/pipelines localise "$@" >log 2>&1
    status=$?
    [[ $status == "$wanted" ]] || { echo "exit status $status: make $*"; cat log; return 1; }
}

asks_for() {
    makes 2 DATA= && grep -q 'DATA=pets' log && makes 2 DATA=nowhere && grep -q 'DATA=pets' log &&
        makes 2 DATA=pets/images && grep -q 'DATA=pets' log &&
        makes 2 DATA=pets RESNET=nowhere && grep -q 'nowhere: no such model' log &&
        [[ ! -e out/localise/summary.tsv ]] &&
        env -u MAKEFLAGS make -s -C tree/pipelines | grep 'localise DATA=' >/dev/null
}

# Everything is there and is what mapscore says of the maps.
whole() {
    local made=$1/localise maps=$1/localise.d/maps.tar
    [[ $(head -c 4 "$made/figures.png") == $'\x89PNG' ]] || return
    if command -v gnuplot >/dev/null; then
        [[ $(head -c 4 "$made/chart.png") == $'\x89PNG' ]] || return
    else
        grep -q 'deps.sh gnuplot-nox' log || return
    fi
    scored() { mapscore --inside 1 --ignore 3 "$@" "$maps" 2>/dev/null || [[ $? == 1 ]]; }
    scored | cmp - "$made/scores.tsv" && scored --mean | cmp - "$made/summary.tsv" || return
    cut -f 2 "$made/summary.tsv" | tr '\n' ' ' |
        diff - <(printf '%s ' map abnar chefer attn-gradcam l05-mean gradcam {uniform,centre,random}{,-gradcam})
    sed 1d "$made/summary.tsv" | cut -f 1 | sort -n | tail -n 1 | diff - <(echo "$2")
}

makes_all() {
    makes 0 DATA=pets RESNET="$resnet" OUT=made && whole made 5 &&
        [[ $(tensorls made/localise.d/photos.tar 2>/dev/null | grep -c 'mask.png') == 5 ]]
}

# At even steps, as many as are asked for; nothing again without need.
makes_some() {
    local before
    makes 0 DATA=pets RESNET="$resnet" OUT=some PICTURES=2 && whole some 2 &&
        diff some/localise.d/photos.list <(printf 'images/Birman_%d.jpg\n' 1 3) || return
    before=$(stat -c %y some/localise/summary.tsv)
    makes 0 DATA=pets RESNET="$resnet" OUT=some PICTURES=2 && ! grep -q vitfwd log &&
        [[ $(stat -c %y some/localise/summary.tsv) == "$before" ]] &&
        makes 0 DATA=pets RESNET="$resnet" OUT=some PICTURES=2 TARGET=3 &&
        grep -q vitfwd log && ! grep -q preprocess log && whole some 2 &&
        touch -d 2001-01-01 pets/images/Birman_1.jpg &&
        makes 0 DATA=pets RESNET="$resnet" OUT=some PICTURES=2 TARGET=3 && grep -q preprocess log
}

# A photo that is broken costs only itself.
leaves_out() {
    echo no picture >pets/images/Birman_2.jpg
    makes 0 DATA=pets RESNET="$resnet" OUT=left && whole left 4 && grep -q 'run.sh: 1 of 5 bad' log
}

# A stage that fails leaves nothing that looks finished.
leaves_no_halves() {
    rm tree/bin/mapscore
    printf '#!/bin/sh\necho half; exit 3\n' >tree/bin/mapscore
    chmod +x tree/bin/mapscore
    makes 2 DATA=pets RESNET="$resnet" OUT=half && [[ ! -e half/localise/scores.tsv ]] || return
    ln -sf "$BIN/mapscore" tree/bin/mapscore
    makes 0 DATA=pets RESNET="$resnet" OUT=half && whole half 4
}

for check in asks_for makes_all makes_some leaves_out leaves_no_halves; do
    result "recipes/localise-$check" "$check"
done
exit "$failed"
