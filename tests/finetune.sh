#!/usr/bin/env bash
# What a run of finetune owes: the same bytes for every -j and after every end, a state that another
# recipe can't take, a checkpoint that a full disk leaves whole.
set -uo pipefail
source "$(dirname "$0")/part.sh"
cd "$SCRATCH"

# Two classes of pictures that any decoder of ours reads, and a shard of them.
make_data() {
    local n=0 picture class
    mkdir -p data/one data/two
    for picture in "$DATA"/pictures/{rgb*.jpg,grey*.jpg,cmyk*.jpg,grey*.png,la8*.png,la16*.png}; do
        ((n++ % 2)) && class=one || class=two
        cp "$picture" "data/$class" || return
    done
    preprocess --pack -L folder data -o data.tar
}

vit=(--arch vit:patch=8,dim=16,depth=2,heads=2,image=32 -b 2 --drop-path 0.2 --patch-drop 0.4 --ema 0.9
    --augment standard --epochs 40)
resnet=(--arch resnet20 -b 2 --accumulate 2 --optimiser sgd --epochs 8)
base=(-m "$DATA/resnet/timm-basic" -b 3 --optimiser adamw --freeze 0 --epochs 40)
head=(-m "$DATA/vit/timm-plain" --freeze all -b 4 --epochs 200)

# trains NAME WORDS...: a whole run, its output in NAME.
trains() {
    local name=$1
    shift
    finetune "$@" --val data.tar --log "$name.tsv" -o "$name" data.tar
}

# Neither times nor rates are the same twice.
log_of() {
    cut -f 1-5 "$1.tsv"
}

same() {
    diff -r "$1" "$2" && diff <(log_of "$1") <(log_of "$2")
}

same_for_threads() {
    local n
    trains "$1-one" -j 1 "${@:2}" || return
    for n in 2 3; do
        trains "$1-$n" -j $n "${@:2}" && same "$1-one" "$1-$n" || return
    done
    trains "$1-other" --seed 1 "${@:2}" || return
    ! cmp "$1-one/model.safetensors" "$1-other/model.safetensors"
}

# ended SIGNAL NAME WORDS...: a run that the signal ends when a part of it is done: a moment after
# a step's state was written.
ended() {
    local signal=$1 name=$2 pid status i
    shift 2
    touch before-state
    env --default-signal=INT finetune "$@" --val data.tar --every 0 --log "$name.tsv" -o "$name" \
        data.tar 2>"$name.said" &
    pid=$!
    for ((i = 0; i < 1000; i++)); do
        [[ ! $name/training.state -nt before-state ]] && kill -0 "$pid" || break
        sleep 0.01
    done
    sleep "0.0$((RANDOM % 9 + 1))"
    kill -"$signal" "$pid"
    wait "$pid" 2>/dev/null
    status=$?
    cat "$name.said"
    echo "exit status $status"
    [[ $status == $((128 + $(kill -l "$signal"))) ]]
}

# same_when_ended WORDS...: ended three times, by one signal after the other, it ends with the bytes
# of the run that same_for_threads made.
same_when_ended() {
    local name=$1 signal resume=
    shift
    for signal in INT KILL TERM; do
        ended "$signal" "$name" $resume "$@" || return
        [[ $signal == KILL ]] || grep -q "^finetune: stopped in epoch .*--resume goes on$" \
            "$name.said" || return
        [[ -z $resume ]] || grep -q '^finetune: goes on from epoch' "$name.said" || return
        resume=--resume
    done
    trains "$name" --resume "$@" && [[ ! -e $name/training.state ]] && same "$name-one" "$name"
}

# What is trained stays as it is, whatever digits its rates have, unless it is to be trained anew.
done_is_done() {
    local before once=(--arch resnet20 -b 8 --epochs 1 --lr 0.0123456789012345678 -o done)
    finetune "${once[@]}" --resume data.tar || return
    before=$(stat -c %i.%y done/model.safetensors)
    finetune "${once[@]}" --resume data.tar 2>said || return
    grep -q '^finetune: done is trained already' said &&
        [[ $(stat -c %i.%y done/model.safetensors) == "$before" ]] || return
    finetune "${once[@]}" --epochs 2 --resume data.tar 2>said
    [[ $? == 2 && $(stat -c %i.%y done/model.safetensors) == "$before" ]] &&
        grep -q 'done is trained already, with epochs 1, not 2: to train on, say -m done and' said ||
        return
    finetune "${once[@]}" --seed 3 data.tar 2>said &&
        ! grep -q already said && [[ $(stat -c %i.%y done/model.safetensors) != "$before" ]]
}

# A state that a run without --resume writes over.
begins_anew() {
    ended TERM anew "${resnet[@]}" || return
    finetune --arch resnet20 -b 8 --epochs 1 -o anew data.tar 2>said || return
    cat said
    grep -q '^finetune: anew has a run at epoch [1-8] of 8: begun anew (--resume goes on with it)$' said
}

# refuses DIFFERENCE WORDS...: to go on with the run in other/ so.
refuses() {
    local difference=$1
    shift
    finetune "${resnet[@]}" --val "${held-data.tar}" --every 0 "$@" --resume -o other \
        "${set-data.tar}" 2>said
    [[ $? == 2 ]] && grep -qF "other/training.state: of another training: $difference" said && return
    echo "$difference:"
    cat said
    return 1
}

# Data under the names that it had, with another picture in it, and with the labels changed round.
other_data() {
    mkdir -p else/pictures else/labels
    cp -r data else/pictures/data && cp -r data else/labels/data || return
    cp else/pictures/data/one/grey.jpg else/pictures/data/one/rgb444.jpg || return
    mv else/labels/data/one else/labels/data/x && mv else/labels/data/two else/labels/data/one &&
        mv else/labels/data/x else/labels/data/two || return
    preprocess --pack -L folder else/pictures/data -o else/pictures/data.tar &&
        preprocess --pack -L folder else/labels/data -o else/labels/data.tar
}

refuses_recipe() {
    ended TERM other "${resnet[@]}" && other_data || return
    cp other/training.state before.state
    for set in else/*/data.tar; do
        refuses 'data_crc32 was "' || return
    done
    unset set
    held=else/labels/data.tar refuses 'val_crc32 was "' &&
        refuses 'classes was "0", is "one"' --classes one,two || return
    refuses 'epochs was 8, is 9: say it as it was' --epochs 9 &&
        refuses 'lr was 0.10000000000000001, is 0.02' --lr 0.02 &&
        refuses 'seed was 0, is 7' --seed 7 &&
        refuses 'args was not set, is "--augment=none"' --augment none &&
        refuses 'optimiser was "sgd", is "adamw"' --optimiser adamw &&
        cmp other/training.state before.state
}

# The limit is a file size that the model, but not the state, stays below; and one that neither does.
full_disk() {
    local blocks
    finetune --arch resnet20 -b 8 --epochs 1 -o full data.tar || return
    cp -r full before
    for blocks in 100 1500; do
        (
            ulimit -f $blocks
            exec finetune --arch resnet20 -b 8 --epochs 1 --seed 1 -o full data.tar
        ) 2>said
        [[ $? == 4 ]] && grep -q 'File too large' said || { cat said; return 1; }
        cmp full/model.safetensors before/model.safetensors || [[ $blocks == 1500 ]] || return
        resnetfwd --info -m full | grep -q '^classes.2' || return
    done
}

stops_at_nan() {
    finetune --arch vit:patch=8,dim=16,depth=2,heads=2,image=32 --optimiser sgd -b 2 --epochs 9 \
        --lr 100 --clip 0 --warmup 0 -o nan data.tar 2>said
    [[ $? == 3 ]] && tail -n 1 said | tee -a /dev/stderr |
        grep -q 'is not finite at step [0-9]* of epoch [0-9]*, at rate [0-9.]*: .*: try a lower --lr'
}

# The loss of validation is that of what vitfwd makes of the same pictures, which are larger than
# the model's input, so that what is kept of them was reduced.
validates_as_vitfwd() {
    finetune --arch vit:patch=4,dim=16,depth=1,heads=2,image=8 -b 4 --epochs 3 -o small data.tar &&
        finetune -m small -b 4 --epochs 1 --val data.tar --log valued.tsv -o valued data.tar &&
        vitfwd -m valued -l none data.tar | topk -n 2 >top.tsv || return
    tail -n 1 valued.tsv
    awk -F'\t' -v said="$(tail -n 1 valued.tsv | cut -f 4)" '
        NR > 1 { sum[$1] += exp($5); if ($3 == $7) own[$1] = $5 }
        END { for (key in sum) { n++; loss += log(sum[key]) - own[key] }
            loss /= n; print n, loss, said
            exit !(n == 25 && loss - said < 1e-5 && said - loss < 1e-5) }' top.tsv
}

# Without augmentation pictures are trained on as they are validated: with the weights as they are,
# to the same loss, as features of a head alone and with patches dropped from none.
trains_as_in_use() {
    local way
    finetune --arch vit:patch=4,dim=16,depth=1,heads=2,image=8 -b 4 --epochs 1 -o used data.tar || return
    for way in '--freeze all' '--augment none' '--augment flip --freeze all'; do
        finetune -m used $way --lr 0 --min-lr 0 --warmup 0 --smoothing 0 -b 25 --epochs 1 \
            --val data.tar --log used.tsv -o still data.tar 2>said || { cat said; return 1; }
        tail -n 1 used.tsv
        awk -F '\t' -v flip="${way/*flip*/flip}" 'NR == 2 { off = $2 - $4; near = off ^ 2 < 1e-10
            exit flip == "flip" ? near : !near }' used.tsv || return
    done
}

# With dropped patches or branches a head has no features that are always the same.
drops_with_a_head_alone() {
    finetune -m "$DATA/vit/timm-plain" --freeze all --epochs 1 -b 4 -o plain data.tar 2>said &&
        grep -q 'the head alone' said &&
        finetune -m "$DATA/vit/timm-plain" --freeze all --epochs 1 -b 4 --patch-drop 0.5 -o dropped data.tar 2>said &&
        ! grep -q 'the head alone' said && ! cmp plain/model.safetensors dropped/model.safetensors
}

if ! make_data 2>said; then
    cat said >&2
    fail finetune/data
    exit 1
fi
result finetune/vit-threads same_for_threads vit "${vit[@]}"
result finetune/resnet-threads same_for_threads resnet "${resnet[@]}"
result finetune/base-threads same_for_threads base "${base[@]}"
result finetune/head-threads same_for_threads head "${head[@]}"
result finetune/vit-ended same_when_ended vit "${vit[@]}"
result finetune/resnet-ended same_when_ended resnet "${resnet[@]}"
result finetune/base-ended same_when_ended base "${base[@]}"
result finetune/head-ended same_when_ended head "${head[@]}"
result finetune/validates-as-vitfwd validates_as_vitfwd
result finetune/trains-as-in-use trains_as_in_use
result finetune/drops-with-a-head-alone drops_with_a_head_alone
result finetune/refuses-recipe refuses_recipe
result finetune/full-disk full_disk
result finetune/done-is-done done_is_done
result finetune/begins-anew begins_anew
result finetune/stops-at-nan stops_at_nan
exit "$failed"
