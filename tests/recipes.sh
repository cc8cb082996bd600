#!/usr/bin/env bash
# pipelines/run.sh and the recipes of pipelines/Makefile, in a checkout of their own: with programs
# that stand in for the models, and with those themselves where they are there.
set -uo pipefail
source "$(dirname "$0")/part.sh"
cd "$SCRATCH"
unset PHOTOS VIT RESNET TARGET VIT_METHOD CNN_METHOD OUT
unset VAL BASE CLASSES EPOCHS FREEZE ARGS PROBE PICTURES
mkdir -p tree/pipelines tree/bin
cp "$ROOT"/pipelines/{Makefile,run.sh,heldout.sh,*.mk,*.gp} tree/pipelines

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
recipe=vit-vs-cnn
makes() {
    local wanted=$1 status
    shift
    env -u DATA -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make --no-print-directory -C tree/pipelines "$recipe" "$@" >log 2>&1
    status=$?
    [[ $status == "$wanted" ]] || { echo "exit status $status: make $*"; cat log; return 1; }
}

asks_for() {
    makes 2 && grep -q 'PHOTOS=folder' log && makes 2 PHOTOS=nowhere RESNET=r &&
        grep -q 'nowhere' log && makes 2 PHOTOS=photos RESNET=r OUT='a b' && grep -q space log &&
        makes 2 PHOTOS=photos RESNET=r OUT=photos/out && grep -q 'lies in PHOTOS' log &&
        env -u MAKEFLAGS make -s -C tree/pipelines | grep 'vit-vs-cnn PHOTOS=' >/dev/null && [[ ! -e out/vit-vs-cnn ]]
}

# Names of figures are the keys; the table has what topk and mapdiff say.
whole() {
    local folder=$1
    find "$folder/vit-vs-cnn" -type f ! -name agreement.tsv | LC_ALL=C sort | diff - <(printf "$folder/vit-vs-cnn/%s\n" \
        photos/more/three.png photos/one.png photos/two%20words.png) || return
    head -n 1 "$folder/vit-vs-cnn/agreement.tsv" | tr '\t' ' ' | diff - <(echo key vit_class vit_prob \
        cnn_class cnn_prob correlation rank_correlation iou_top_fifth emd) || return
    awk -F '\t' 'NF != 9 || /\t\t/ || !(NR == 1 || $2 != "") { exit 1 }
        END { if (NR != 4) exit 1 }' "$folder/vit-vs-cnn/agreement.tsv"
}

makes_all() {
    makes 0 PHOTOS=photos RESNET=r OUT=made && whole made &&
        [[ $(grep -c 'run.sh: 1 of 4 bad' log) -ge 2 ]] || return
    diff <(cut -f 1,6- made/vit-vs-cnn/agreement.tsv) \
        <(mapdiff --tsv chefer gradcam made/vit-vs-cnn.d/both.tar 2>/dev/null | cut -f 1,4-7) || return
    diff <(cut -f 1-3 made/vit-vs-cnn/agreement.tsv | tail -n +2) <(preprocess photos 2>/dev/null |
        "$BIN/vitfwd" 2>/dev/null | topk -n 1 2>/dev/null | cut -f 1,4,6 | tail -n +2)
}

# Nothing is made again without need; another photo or option is one.
makes_again() {
    local before
    before=$(stat -c %y made/vit-vs-cnn/agreement.tsv)
    makes 0 PHOTOS=photos RESNET=r OUT=made && [[ $(stat -c %y made/vit-vs-cnn/agreement.tsv) == "$before" ]] &&
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

# The held-out pictures of every kind of data, each with its class in its key.
keys_of() { # KEYS DATA COUNT
    bash tree/pipelines/heldout.sh "$2" "$3" "$(model)" >held.tar 2>log || { cat log; return 1; }
    tensorls held.tar 2>/dev/null | awk -F '\t' 'NR > 1 && !seen[$1]++ { print $1 }' |
        diff - <(printf '%s\n' $1) || { echo "of $2"; return 1; }
}

model() {
    echo "$ROOT/pipelines/models/vit-cifar10-p4"
}

# Grey of 2x3 pixels: the pictures of class 7 are 1 and 3, of class 2 the others.
make_idx() {
    mkdir -p idx pets/{images,annotations}
    { printf '\0\0\10\3\0\0\0\4\0\0\0\3\0\0\0\2'; printf 'abcdefghijklmnopqrstuvwx'; } |
        gzip >idx/t10k-images-idx3-ubyte.gz
    { printf '\0\0\10\1\0\0\0\4'; printf '\2\7\2\7'; } >idx/t10k-labels-idx1-ubyte
    gzip idx/t10k-labels-idx1-ubyte
    printf '\0\0\10\3' | tee idx/train-images-idx3-ubyte >idx/train-labels-idx1-ubyte
}

# Records of CIFAR: a label, the planes of red, green and blue.
make_cifar() {
    local label
    mkdir -p cifar
    for label in '\1' '\0' '\1'; do
        printf "$label"
        for plane in r g b; do
            head -c 1024 /dev/zero | tr '\0' "$plane"
        done
    done >cifar/test_batch.bin
    printf 'air plane\nship\n' >cifar/batches.meta.txt
    cp cifar/test_batch.bin cifar/data_batch_1.bin
}

make_folders() {
    local part
    for part in train test; do
        mkdir -p data/$part/{aa,b\ b}
        cp "$DATA"/pictures/{rgb420,grey}.jpg "data/$part/aa"
        cp "$DATA"/pictures/{rgb444,progressive}.jpg "data/$part/b b"
    done
    cp "$DATA/pictures/rgb420.jpg" pets/images/Big_Cat_1.jpg
    cp "$DATA/pictures/grey.jpg" pets/images/pug_2.jpg
    printf '# a list\nBig_Cat_1 1 1 1\npug_2 2 2 1\n' >pets/annotations/test.txt
    (cd data/test && preprocess --pack -L folder aa 'b b' 2>/dev/null) >shard.tar
}

holds_out() {
    make_idx && make_cifar && make_folders &&
        keys_of '2/00000 7/00001' idx:test 2 && keys_of '2/00000 2/00002 7/00001' idx:test 3 &&
        keys_of '2/00000 2/00002 7/00001 7/00003' idx:test 9 && keys_of '2/00000' idx:test 1 &&
        [[ $(tar -xOf held.tar 2/00000.pgm) == 'P5 2 3 255'$'\n'abcdef ]] &&
        keys_of 'air%20plane/00001 ship/00000' cifar:test 2 &&
        tar -xOf held.tar ship/00000.ppm | sed 1d | uniq -c | tr -s ' ' | diff - <(echo ' 1024 114 103 98') &&
        keys_of '0/00001 1/00000 1/00002' cifar/test_batch.bin 3 &&
        keys_of 'Big_Cat/Big_Cat_1 pug/pug_2' pets:test 8 &&
        keys_of 'aa/grey b%20b/progressive' data:test 2 &&
        keys_of 'aa/grey b%20b/progressive' data/test 2 &&
        keys_of 'aa/grey b%20b/progressive' shard.tar 2 && [[ $(tar -xOf held.tar 'b%20b/progressive.cls') == 1 ]]
}

result recipes/held-out holds_out

recipe=finetune
small=(EPOCHS=1 'PROBE=-b 2' PICTURES=2 DATA=data:train)

tune_asks_for() {
    if [[ ! -d /usr/share/datasets/fashion-mnist ]]; then
        makes 2 && grep -q 'deps.sh dataset-fashion-mnist' log || return
    fi
    makes 2 DATA=data && grep -q 'VAL=data:test' log && makes 2 "${small[@]}" BASE=nowhere &&
        grep -q nowhere log && makes 2 "${small[@]}" VAL=nowhere:test && grep -q nowhere log &&
        [[ ! -e out/finetune/accuracy.tsv ]]
}

# Everything is there, and the parts fit one another.
tuned_whole() {
    local steps=$1/finetune.d made=$1/finetune key
    find "$made" -type f ! -name loss.png | LC_ALL=C sort | diff - <(printf "$made/%s\n" accuracy.tsv \
        attention-{after,before,difference}.tsv figures/aa/grey.png figures/b%20b/progressive.png \
        loss.tsv predictions.tsv tuned/{config.json,labels.tsv,model.safetensors,preprocessor_config.json,training.json}) || return
    [[ $(head -c 4 "$made/loss.png") == $'\x89PNG' ]] || return
    diff "$made/accuracy.tsv" <(echo $'model\tepoch\tvalidation_loss\tvalidation_accuracy'
        tail -qn 1 "$steps/probe/log.tsv" "$made/loss.tsv" | cut -f 1,4,5 |
            paste <(printf 'before (head alone)\nafter\n') -) || return
    # Classes of its own, of the model before too; a row's heading says them.
    cut -f 1-3,5 "$made/predictions.tsv" | grep -Ec $'^(key\ttrue\tbefore\tafter|(aa/grey\taa|b%20b/progressive\tb b)\t(aa|b b)\t(aa|b b))$' |
        diff - <(echo 3) || return
    ls "$steps/named" | grep -Ecx '(before|after)-predicts-(aa|b_b).tar' | diff - <(echo 2) || return
    # The tables: 6 layers of 4 heads, their difference to the last digit that is printed.
    paste "$made"/attention-{before,after,difference}.tsv | awk -F '\t' '
        NR == 1 && !($4 == "distance" && $(NF - 7) == "distance" && $NF == "sink_share") { exit 1 }
        NR > 1 && ($(NF - 9) "," $(NF - 8) != $2 "," $3 || ($(NF - 7) - ($24 - $4)) ^ 2 > 1e-8) { exit 1 }
        END { if (NR != 25) exit 1 }' || { echo "not a difference: $made"; return 1; }
    # Each change is of its own layer, although all are named alike on the way.
    for key in '' -l00-mean -l05-mean; do
        mapdiff --scale none "after$key" "before$key" "$steps/maps.tar" 2>/dev/null | tensorcat --key aa/grey --npy map.diff.npy >one.npy
        tensorcat --key aa/grey --npy "map.change$key.npy" "$steps/changed.tar" >two.npy 2>/dev/null
        cmp one.npy two.npy || return
    done
    tensorls "$steps/changed.tar" 2>/dev/null | grep -c 'map.*npy' | diff - <(echo 42)
}

tunes() {
    makes 0 "${small[@]}" ARGS='-b 2 --lr 0.001' OUT=tuned && tuned_whole tuned &&
        preprocess data/test 2>/dev/null | vitfwd -m tuned/finetune/tuned 2>/dev/null | topk -n 1 2>/dev/null |
        grep -c $'1\t[01]\t\(aa\|b b\)\t' | diff - <(echo 4)
}

# A picture more trains nothing again, an option of the training only what it is of; what is
# interrupted goes on.
tunes_again() {
    local before
    makes 0 "${small[@]}" ARGS='-b 2 --lr 0.001' OUT=tuned && ! grep -q 'finetune: epoch' log &&
        makes 0 "${small[@]}" ARGS='-b 2 --lr 0.001' OUT=tuned PICTURES=3 && ! grep -q 'finetune: epoch' log &&
        [[ -e tuned/finetune/figures/aa/rgb420.png ]] &&
        makes 0 "${small[@]}" ARGS='-b 2 --lr 0.002' OUT=tuned &&
        [[ $(grep -c 'finetune: epoch' log) == 1 && $(wc -l <tuned/finetune/loss.tsv) == 2 ]] || return
    rm tree/bin/finetune
    put_program finetune '[[ $* == *"--freeze all"* ]] || { echo stopped >&2; exit 4; }; exec "$BIN/finetune" "$@"'
    makes 2 "${small[@]}" ARGS='-b 2' OUT=ended && grep -q stopped log && [[ ! -e ended/finetune/accuracy.tsv ]] || return
    ln -sf "$BIN/finetune" tree/bin/finetune
    makes 0 "${small[@]}" ARGS='-b 2' OUT=ended && [[ $(grep -c 'finetune: epoch' log) == 1 ]] && tuned_whole ended
}

ln -sf "$BIN"/* tree/bin/
for check in tune_asks_for tunes tunes_again; do
    result "recipes/finetune-$check" "$check"
done
exit "$failed"
