#!/usr/bin/env bash
# pipelines/run.sh and the recipes of pipelines/Makefile, in a checkout of their own: with programs
# that stand in for the models, and with those themselves where they are there.
set -uo pipefail
source "$(dirname "$0")/part.sh"
cd "$SCRATCH"
unset PHOTOS VIT RESNET TARGET VIT_METHOD CNN_METHOD OUT
mkdir -p tree/pipelines tree/bin
cp "$ROOT"/pipelines/{Makefile,run.sh,*.mk} tree/pipelines

# runs STATUS SAID PIPELINE: run.sh ends so, and the last line that it says matches SAID.
runs() {
    local status
    bash tree/pipelines/run.sh "$3" >printed 2>said
    status=$?
    [[ $status == "$1" && $(tail -n 1 said) =~ ^($2)$ ]] && return
    echo "exit status $status, not $1, or not said: $2"
    cat said
    return 1
}

stage() { # NAME SAMPLES BAD STATUS, as text for a pipeline
    echo "sh -c 'cat; echo $1: $2 samples, $3 bad >&2; exit $4'"
}

run_statuses() {
    local failed='run.sh: failed: .*' killed='sh -c "kill -9 \$\$"'
    runs 0 '' 'echo a | cat' && [[ $(<printed) == a ]] &&
        runs 0 '' 'false | true' && runs 0 '' 'true | false' && runs 0 '' 'false # no more' &&
        runs 0 'run.sh: 2 of 30 bad.*' "echo | $(stage a 30 1 1) | $(stage b 30 2 1)" &&
        runs 0 'run.sh: 10 of 30 bad.*' "echo | $(stage a 30 10 1) | $(stage b 29 9 0)" &&
        runs 2 'run.sh: failed: exit status 2 0 of: .*' "$(stage a 1 1 2) </dev/null | true" &&
        runs 3 "$failed" 'true | sh -c "exit 3" | false' && runs 4 "$failed" 'sh -c "exit 4"' &&
        runs 2 "$failed" 'sh -c "exit 2" | sh -c "exit 3"' &&
        runs 137 "$failed" "$killed | cat" && runs 137 "$failed" "true | $killed" &&
        runs 127 "$failed" 'no-such-program | cat' &&
        runs 141 "$failed" 'yes | head -n 1 >/dev/null' &&
        runs 4 "$failed" 'yes | sh -c "exit 4"' &&
        runs 3 "$failed" '{ sh -c "exit 3" | true; } | cat' &&
        runs 2 'run.sh: no whole pipeline.*' 'true | (' && runs 2 'usage: .*' ' '
}

result recipes/run-statuses run_statuses

# A stream that is cut fails the pipe; a picture that can't be read doesn't.
run_stages() {
    cp "$DATA/pictures/rgb444.jpg" one.jpg
    echo no picture >two.jpg
    runs 0 'run.sh: 1 of 2 bad.*' 'preprocess one.jpg two.jpg | vitfwd | rollout -o maps.tar' &&
        [[ $(tensorls --check maps.tar) == "whole: 2 samples, 1 bad"* ]] && head -c -1024 maps.tar >cut.tar &&
        runs 3 'run.sh: failed: .*' 'tensorcat cut.tar | overlay -o no.png' && [[ ! -e no.png ]]
}

result recipes/run-stages run_stages

# Stand-ins: the small ViT at another size for the ResNet, rollouts for the maps.
put_program() {
    rm -f "tree/bin/$1"
    printf '#!/usr/bin/env bash\nset -e\n%s\n' "$2" >"tree/bin/$1"
    chmod +x "tree/bin/$1"
}

stand_in() {
    ln -s "$BIN"/* tree/bin/
    put_program vitfwd '[[ $1 == -g ]]; exec "$BIN/vitfwd" "${@:3}"'
    put_program rollout '[[ $1 == -M ]]; exec "$BIN/rollout" --as "$2" "${@:3}"'
    put_program resnetfwd '[[ $1 == -g && $SACCADE_RESNET ]]; "$BIN/vitfwd" --size 64 "${@:3}"'
    put_program gradcam '[[ $1 == -M ]]; exec "$BIN/rollout" --discard 0.9 --as "$2"'
    mkdir -p photos/more
    cp "$DATA/pictures/rgb420.jpg" photos/one.jpg
    cp "$DATA/pictures/grey.jpg" "photos/two words.jpg"
    cp "$DATA/pictures/progressive.jpg" photos/more/three.jpg
    echo no picture >photos/broken.jpg
}

# makes STATUS ARGUMENT...: from here, as a reader would.
makes() {
    local wanted=$1 status
    shift
    env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make --no-print-directory -C tree/pipelines vit-vs-cnn "$@" >log 2>&1
    status=$?
    [[ $status == "$wanted" ]] || { echo "exit status $status: make $*"; cat log; return 1; }
}

asks_for() {
    makes 2 && grep -q 'PHOTOS=folder' log && makes 2 PHOTOS=photos &&
        grep -q 'RESNET=resnet50.safetensors' log && makes 2 PHOTOS=nowhere RESNET=r &&
        grep -q 'nowhere' log && makes 2 PHOTOS=photos RESNET=r OUT='a b' && grep -q space log &&
        env -u MAKEFLAGS make -s -C tree/pipelines | grep 'vit-vs-cnn PHOTOS=' >/dev/null && [[ ! -e out/vit-vs-cnn.tsv ]]
}

# Names of figures are the keys; the table has what topk and mapdiff say.
whole() {
    local folder=$1
    find "$folder/vit-vs-cnn" -type f | LC_ALL=C sort | diff - <(printf "$folder/vit-vs-cnn/%s\n" \
        photos/more/three.png photos/one.png photos/two%20words.png) || return
    head -n 1 "$folder/vit-vs-cnn.tsv" | tr '\t' ' ' | diff - <(echo key vit_class vit_prob \
        cnn_class cnn_prob correlation rank_correlation iou_top_fifth emd) || return
    awk -F '\t' 'NF != 9 || /\t\t/ || !(NR == 1 || $2 != "") { exit 1 }
        END { if (NR != 4) exit 1 }' "$folder/vit-vs-cnn.tsv"
}

makes_all() {
    makes 0 PHOTOS=photos RESNET=r OUT=made && whole made &&
        [[ $(grep -c 'run.sh: 1 of 4 bad' log) -ge 2 ]] || return
    diff <(cut -f 1,6- made/vit-vs-cnn.tsv) \
        <(mapdiff --tsv chefer gradcam made/vit-vs-cnn.d/both.tar 2>/dev/null | cut -f 1,4-) || return
    diff <(cut -f 1-3 made/vit-vs-cnn.tsv | tail -n +2) <(preprocess photos 2>/dev/null |
        "$BIN/vitfwd" 2>/dev/null | topk -n 1 2>/dev/null | cut -f 1,4,6 | tail -n +2)
}

# Nothing is made again without need; another photo or option is one.
makes_again() {
    local before
    before=$(stat -c %y made/vit-vs-cnn.tsv)
    makes 0 PHOTOS=photos RESNET=r OUT=made && [[ $(stat -c %y made/vit-vs-cnn.tsv) == "$before" ]] &&
        ! grep -q preprocess log && makes 0 PHOTOS=photos RESNET=r OUT=made TARGET=3 &&
        grep -q 'preprocess' log && touch -d '2001-01-01' photos/one.jpg &&
        makes 0 PHOTOS=photos RESNET=r OUT=made TARGET=3 && grep -q 'preprocess' log
}

# A stage that fails leaves nothing that looks finished and isn't.
leaves_no_halves() {
    local program file
    for program in rollout gradcam mapdiff topk overlay; do
        mv "tree/bin/$program" kept
        put_program "$program" 'echo half; exit 3'
        makes 2 PHOTOS=photos RESNET=r OUT="half-$program" </dev/null || return
        mv kept "tree/bin/$program"
        while IFS= read -r file; do
            cmp "$file" "made/${file#*/}" || return
        done < <(find "half-$program" -type f ! -name '*.part' ! -name asked)
        makes 0 PHOTOS=photos RESNET=r OUT="half-$program" && whole "half-$program" || return
    done
}

stand_in
for check in asks_for makes_all makes_again leaves_no_halves; do
    result "recipes/vit-vs-cnn-$check" "$check"
done

# The stages themselves, on a tiny ResNet with weights at random.
resnet=$DATA/resnet/timm-basic/model.safetensors
if [[ -x $BIN/resnetfwd && -x $BIN/gradcam && -f $resnet ]] && "$BIN/rollout" -h | grep -q chefer; then
    ln -sf "$BIN"/* tree/bin/
    real() {
        makes 0 PHOTOS=photos RESNET="$resnet" OUT=real && whole real
    }
    result recipes/vit-vs-cnn real
else
    skip recipes/vit-vs-cnn "needs resnetfwd, gradcam and rollout -M chefer"
fi
exit "$failed"
