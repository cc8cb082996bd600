#!/usr/bin/env bash
# The recipes of the lab, on tiny pictures: what they leave, that their numbers are the stages', and
# the page of them all.
set -u # no pipefail: a stage that met the broken photo exits with 1
source "$(dirname "$0")/part.sh"
cd "$SCRATCH"
unset PHOTOS VIT RESNET LABELS VAL OUT MODELS LAYER SINK LOCAL GLOBAL FUSIONS DISCARDS STARTS METHODS
mkdir -p tree/pipelines tree/bin tree/stub photos/more
cp -R "$ROOT"/pipelines/{Makefile,*.sh,*.mk,*.gp,lab} tree/pipelines
ln -s "$BIN"/* tree/bin/
cp "$DATA/pictures/rgb420.jpg" photos/one.jpg
cp "$DATA/pictures/grey.jpg" 'photos/two <&> words.jpg'
cp "$DATA/pictures/progressive.jpg" photos/more/three.jpg
echo no picture >photos/broken.jpg
keys=(photos/more/three photos/one photos/two%20%3C%26%3E%20words)
resnet=$DATA/resnet/timm-basic/model.safetensors

# A second ViT: the one that comes with saccade under another name.
mkdir -p small.v2
cp "$ROOT"/pipelines/models/vit-cifar10-p4/* small.v2
models='vit-cifar10-p4 small.v2'

# makes STATUS TARGET ARGUMENT...: from here, as a reader would.
makes() {
    local wanted=$1 status
    shift
    env -u DATA -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make --no-print-directory -C tree/pipelines "$@" >log 2>&1
    status=$?
    [[ $status == "$wanted" ]] || { echo "exit status $status: make $*"; cat log; return 1; }
}

# figures FOLDER: one of each photo, and no other.
figures() {
    find "$1" -name '*.png' | sort | diff - <(printf "$1/%s.png\n" "${keys[@]}") || { echo "figures of $1"; return 1; }
}

is_png() {
    [[ $(head -c 4 "$1") == $'\x89PNG' ]] || { echo "no picture: $1"; return 1; }
}

asks_for() {
    local item
    for item in layers heads patches rollout lab; do
        makes 2 "$item" && grep -q 'PHOTOS=folder' log && makes 2 "$item" PHOTOS=nowhere &&
            grep -q 'nowhere' log || return
    done
    mkdir -p none && echo no picture >none/a.jpg && makes 2 lab PHOTOS=none OUT=nothing &&
        grep -q 'none: there is no picture' log && [[ ! -e nothing/layers ]] &&
        makes 2 patches PHOTOS=photos MODELS=vit-cifar10-p4 && grep -q 'Two or more' log &&
        [[ ! -e out/index.html ]]
}

layers() {
    makes 0 layers PHOTOS=photos OUT=made && figures made/layers/maps && is_png made/layers/layers.png &&
        grep -q 'run.sh: 1 of 4 bad' log &&
        makes 0 layers PHOTOS=photos/one.jpg OUT=one && ! grep -i warning log && is_png one/layers/layers.png &&
        diff made/layers/layers.tsv <(preprocess photos 2>/dev/null | vitfwd 2>/dev/null |
            attnstat --mean both --stats distance,entropy 2>/dev/null)
}

# Thresholds at numbers of the table make each kind of some heads.
heads() {
    makes 0 heads PHOTOS=photos OUT=made LAYER=2 && figures made/heads/layer && figures made/heads/sheet &&
        is_png made/heads/heads.png && ! grep -q vitfwd log || return
    diff <(cut -f 1,2,5- made/heads/heads.tsv) <(attnstat --mean samples --relative \
        --stats distance,entropy,prefix_mass,effective_rank,sink_share made/attention.tar 2>/dev/null |
        cut -f 2-7,8) || return
    tensorls made/heads.d/layer.tar 2>/dev/null | grep -o 'map.l[0-9]*-h..\.npy' | sort -u |
        diff - <(printf 'map.l02-h%02d.npy\n' 0 1 2 3) || return
    makes 0 heads PHOTOS=photos OUT=made LAYER=2 SINK=0.02 LOCAL=0.85 GLOBAL=0.9 && ! grep -q overlay log || return
    awk -F '\t' 'NR > 1 {
            due = $7 > 0.02 || $9 > 0.02 ? "sink" : $5 < 0.85 ? "local" : $5 > 0.9 ? "global" : "between"
            bad += $3 != due
            seen += !kinds[$3]++
            if (!($3 == "between" || $4 ~ /^[a-z_]+ [<>] 0\.(02|85|9)$/)) bad++ }
        END { exit bad || NR != 25 || seen != 4 }' made/heads/heads.tsv || { cat made/heads/heads.tsv; return 1; }
}

patches() {
    makes 0 patches PHOTOS=photos OUT=made MODELS="$models" && figures made/patches/maps || return
    mapdiff --tsv vit-cifar10-p4 small-v2 made/patches.d/maps.tar 2>/dev/null | diff made/patches/patches.tsv - &&
        awk -F '\t' 'NR > 1 && !($4 == 1 && $7 == 0 && $8 == $9) { exit 1 } END { if (NR != 4) exit 1 }' \
            made/patches/patches.tsv &&
        makes 0 patches PHOTOS=photos OUT=made MODELS="$models vit-cifar10-p4" && figures made/patches/maps &&
        [[ $(cut -f 3 made/patches/patches.tsv | sort | uniq -c | tr -s ' ' | tr '\n' ';') == \
            ' 1 b; 3 small-v2; 3 vit-cifar10-p4-2;' ]]
}

rollouts() {
    local name
    makes 0 rollout PHOTOS=photos OUT=made STARTS=3 METHODS=chefer && figures made/rollout/variants &&
        figures made/rollout/growth && figures made/rollout/methods || return
    tensorls made/rollout.d/growth.tar 2>/dev/null | grep -c 'map.*npy' | diff - <(echo 18) &&
        cut -f 3 made/rollout/agreement.tsv | uniq |
        diff - <(printf '%s\n' b chefer fuse-max fuse-min discard-0-5 discard-0-9 start-3) || return
    for name in one=one two=discard-0-9; do
        preprocess photos/one.jpg 2>/dev/null | vitfwd 2>/dev/null |
            rollout $([[ $name == two* ]] && echo --discard 0.9) 2>/dev/null | tensorcat --npy map.abnar.npy >"${name%=*}.npy" 2>/dev/null || return
    done
    tensorcat --key photos/one --npy map.discard-0-9.npy made/rollout.d/variants.tar 2>/dev/null | cmp - two.npy &&
        tensorcat --key photos/one --npy map.abnar.npy made/rollout.d/growth.tar 2>/dev/null | cmp - one.npy &&
        awk -F '\t' '{ sum[$1] += $4 } END { for (key in sum) if (key != "key") n += sum[key] > 0.5 && sum[key] < 1
            exit NR != 193 || n != 3 }' made/rollout/shares.tsv
}

lab() {
    makes 0 lab PHOTOS=photos OUT=made "$@" "MODELS=$models" "RESNET=$resnet" STARTS=3 METHODS=chefer
}

# Links lead somewhere, what is in angle brackets is ours, and every item has its place.
page() {
    local item link
    lab && figures made/vit-vs-cnn || return
    for item in layers heads vit-vs-cnn patches rollout; do
        grep -q "<a href=\"#$item\">" made/index.html && grep -q "<section id=\"$item\">" made/index.html ||
            { echo "no $item"; return 1; }
    done
    grep -q 'class="missing">.*pipelines finetune<' made/index.html &&
        [[ $(grep -c '<section' made/index.html) == $(grep -c '<a href="#' made/index.html) ]] || return
    grep -o 'href="[^"#]*"\|src="[^"]*"' made/index.html | cut -d '"' -f 2 | sort -u | grep -v '^data:' >links
    [[ $(wc -l <links) -ge 30 ]] || return
    while IFS= read -r link; do
        [[ -e made/$(printf '%b' "${link//%/\\x}") ]] || { echo "leads nowhere: $link"; return 1; }
    done <links
    ! grep -E '<&>|&[^a-z]|<[^a-z/!]' made/index.html
}

# Names and classes that would be markup, numbers of every kind, more rows than are shown.
escapes() {
    mkdir -p odd/layers/maps odd/finetune && echo x >odd/finetune/attention-after.tsv && echo >'odd/layers/maps/a<b>"&'"'"'%20.png' &&
        { printf 'na<me\tnumber\n'; printf '<i>x&y</i>\t%s\n' 0.123456 -1e-09 1234567 nan '' 1.2.3x $(seq 40); } >odd/layers/layers.tsv &&
        bash tree/pipelines/page.sh odd '<b>&' layers finetune gone >odd.html || return
    grep -q '^<p><a href="finetune/attention-after.tsv">' odd.html && ! grep -q '<th>x<' odd.html &&
        grep -q '<title>&lt;b&gt;&amp;</title>' odd.html && grep -q '<li class="missing">gone' odd.html &&
        grep -q 'href="layers/maps/a%3Cb%3E%22%26%27%2520.png".*alt="maps/a&lt;b&gt;&quot;&amp;' odd.html &&
        [[ $(grep -c '<tr><td>&lt;i&gt;x&amp;y&lt;/i&gt;</td>' odd.html) == 30 ]] && grep -q '^<p class="more">16 more rows' odd.html &&
        grep -q 'class="n">0.1235<' odd.html && grep -q 'class="n">-1e-09<' odd.html && grep -q 'class="n">1234567<' odd.html
}

# Nothing is made again without need; a photo that has gone takes its figures along.
again() {
    lab && ! grep -q 'run.sh' log && cp made/index.html before && rm photos/one.jpg && lab &&
        grep -q 'vitfwd' log && keys=("${keys[0]}" "${keys[2]}") && figures made/layers/maps &&
        figures made/vit-vs-cnn && figures made/rollout/growth && ! grep -q photos/one made/index.html
}

# The first failure ends it, with its reason, and no page says that all is well.
fails() {
    rm tree/bin/attnstat
    printf '#!/bin/sh\necho "attnstat: the moon is full" >&2\nexit 4\n' >tree/bin/attnstat
    chmod +x tree/bin/attnstat
    makes 2 lab PHOTOS=photos OUT=failed "MODELS=$models" "RESNET=$resnet" && grep -q 'the moon is full' log &&
        [[ ! -e failed/index.html && ! -e failed/layers/layers.tsv && ! -e failed/heads ]]
}

if ! command -v gnuplot >/dev/null; then
    skip recipes/lab "needs gnuplot: make deps"
    exit 0
fi
for check in asks_for layers heads patches rollouts page escapes again fails; do
    result "recipes/lab-$check" "$check"
done
exit "$failed"
