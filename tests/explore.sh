#!/usr/bin/env bash
# The page that explore writes, driven in Chromium: what is shown for a patch is the tensor's row or
# column, whatever layer, head, direction, prefix and grid; and hostile names do nothing.
set -uo pipefail
source "$(dirname "$0")/part.sh"
cd "$SCRATCH"

# drive PAGE: what tests/explore_drive.js writes with $steps, $places and $look, into driven; it
# fails where the console has a word.
drive() {
    { cat "$1" && echo "<script>(() => { const steps = [$steps], places = { $places }, lookAt = \"$look\";" &&
        cat "$ROOT/tests/explore_drive.js" && echo "})();</script>"; } >driven.html || return
    rm -rf profile
    timeout -k 5 60 chromium --headless --no-sandbox --disable-gpu --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync \
        --user-data-dir="$PWD/profile" --window-size=1280,800 --virtual-time-budget=60000 \
        --enable-logging=stderr --dump-dom "file://$PWD/driven.html" >dom 2>chromium.log
    sed -n '/^.*<pre id="driven">/,$ { s///; /^done$/q; p }' dom >driven
    if grep -a 'CONSOLE' chromium.log || grep '^error' driven || ! grep -qx done dom; then
        echo "the page said:"
        tail -n 3 driven
        return 1
    fi
}

# step_rows NUMBER: the numbers shown in that step.
step_rows() {
    awk -F'\t' -v wanted="$1" '/^[a-z]+ / && NF == 1 { split($0, word, " ")
        inside = word[1] == "step" && word[2] == wanted; next } inside { print $2 }' driven
}

# same_row NUMBER FILE MEMBER TOKENS PREFIX QUERY HEAD(-1: mean) WAY(to|by) STEPS: the row shown
# is that of the array, within half a step of each row's greatest patch.
same_row() {
    step_rows "$1" >shown
    tensorcat --npy "$3" "$2" 2>/dev/null | tail -c +129 | od -An -v -w4 -tf4 |
        awk -v t="$4" -v p="$5" -v q="$6" -v head="$7" -v way="$8" -v steps="$9" -v step="$1" '
        function half(h, i, j,   k, most) { # half a step of what i gives to j
            if (j < p) return 0.5 / 65535
            for (k = p; k < t; k++)
                if (a[(h * t + i) * t + k] > most) most = a[(h * t + i) * t + k]
            return most / steps / 2
        }
        NR == FNR { a[n++] = $1; next }
        { shown[m++] = $1 }
        END {
            heads = n / t / t
            if (heads != int(heads) || heads < 1 || m != t) {
                print "step " step ": " n " numbers of the tensor, " m " shown, not " t
                exit 1
            }
            for (j = 0; j < t; j++) {
                due = slack = count = 0
                for (h = 0; h < heads; h++) {
                    if (head >= 0 && h != head) continue
                    from = way == "by" ? j : q
                    to = way == "by" ? q : j
                    due += a[(h * t + from) * t + to]
                    slack += half(h, from, to)
                    count++
                }
                off = shown[j] - due / count
                if (count == 0 || (off < 0 ? -off : off) > slack / count + 1e-6) {
                    print "step " step ", token " j ": " shown[j] ", not " due / count \
                        " within " slack / count
                    exit 1
                }
            }
        }' - shown
}

# same_rollout NUMBER QUERY: the patches shown are those of rollout -q.
same_rollout() {
    step_rows "$1" | tail -n 96 >shown
    rollout --as due -q "$2" photos.tar 2>/dev/null | tensorcat --key made/one 2>/dev/null >due.tar
    tensorcat --npy "$(tensorls due.tar 2>/dev/null | awk '$2 ~ /^map.due.*npy/ { print $2 }')" due.tar \
        2>/dev/null | tail -c +129 | od -An -v -w4 -tf4 | paste - shown |
        awk -v step="$1" '{ due[NR] = $1; off[NR] = $1 > $2 ? $1 - $2 : $2 - $1; if ($1 > most) most = $1 }
        END { for (i = 1; i <= NR; i++) if (off[i] > 0.004 * most) {
                print "step " step ", patch " i - 1 ": off by " off[i] " of " most; exit 1 }
            exit NR != 96 || most <= 0 }'
}

# same_map NUMBER MEMBER FROM STRIDE: the 96 numbers shown are those of the map, every STRIDEth.
same_map() {
    step_rows "$1" >shown
    tensorcat --npy "$2" one.tar 2>/dev/null | tail -c +129 | od -An -v -w4 -tf4 |
        awk -v from="$3" -v stride="$4" 'NR > from && (NR - 1 - from) % stride == 0 && n++ < 96' | paste - shown |
        awk -v step="$1" '{ off = $1 > $2 ? $1 - $2 : $2 - $1; if (off > 1e-6 * ($1 > 0 ? $1 : -$1)) {
                print "step " step ", cell " NR - 1 ": " $2 ", not " $1; exit bad = 1 } sum += $1 != 0 }
            END { exit bad || NR != 96 || sum == 0 }'
}

# Two photos, cropped, one of them turned by its EXIF, through a model at another shape: 12 rows of
# 8 patches.
make_photos() {
    mkdir made && cp "$DATA/pictures/turned6.jpg" made/one.jpg &&
        cp "$DATA/resample/gradient101x67.ppm" made/two.ppm &&
        preprocess made | vitfwd -g pred --size 32x48 | rollout -k -M chefer | rollout -k -q all >photos.tar &&
        explore photos.tar >photos.html
}

# place KEY: of a sample of photos.tar, from its view.json.
place() {
    tar xOf photos.tar "$1.view.json" |
        sed -E "s|.*(\"size\":[^]]*\]).*(\"box\":[^]]*\]).*|\"$1\": { \1, \2, \"grid\": [12, 8] }|"
}

# as_photos: steps at both photos agree with the tensors.
as_photos() {
    local s=made/one b=made/two
    steps="['$s', [0, 0], 0, 0, false], ['$s', [3, 5], 2, -1, false], ['$s', [11, 7], 5, 3, true],
        ['$s', 'class token', 5, -1, false], ['$s', 'class token', 1, 2, true], ['$b', [2, 5], 3, 1, false],
        ['$b', [6, 1], 4, -1, true], ['$s', [3, 5], 5, -1, false, 'rollout'],
        ['$s', [3, 5], 0, -1, false, 1], ['$s', [3, 5], 0, -1, true, 1], ['$s', [1, 1], 0, -1, false, 0],
        ['$s', 'class token', 5, -1, false, 'rollout'], ['$b', 'class token', 2, 3, false]"
    places="$(place "$s"), $(place "$b")" look=$b
    drive photos.html || return
    tensorcat --key "$s" photos.tar 2>/dev/null >one.tar && tensorcat --key "$b" photos.tar 2>/dev/null >two.tar &&
        same_row 0 one.tar attn.00.npy 97 1 1 0 to 255 && same_row 1 one.tar attn.02.npy 97 1 30 -1 to 255 &&
        same_row 2 one.tar attn.05.npy 97 1 96 3 by 255 && same_row 3 one.tar attn.05.npy 97 1 0 -1 to 255 &&
        same_row 4 one.tar attn.01.npy 97 1 0 2 by 255 && same_row 5 two.tar attn.03.npy 97 1 22 1 to 255 &&
        same_row 6 two.tar attn.04.npy 97 1 50 -1 by 255 &&
        same_rollout 7 3:5 && same_map 8 map.abnar-qall.npy $((29 * 96)) 1 && same_map 9 map.abnar-qall.npy 29 96 &&
        same_map 10 map.chefer.npy 0 1 && same_rollout 11 cls &&
        same_row 12 two.tar attn.02.npy 97 1 0 3 to 255
}

# in_place: the brightest patch has the brightest colour, and the photo is bare where the model
# didn't see it.
in_place() {
    grep -qx 'best 252 255 164' driven && grep -qx 'outside the photo' driven && return
    grep -E '^(best|outside)' driven
    return 1
}

# Registers, no picture, patches that aren't square, and 6 bits.
registers() {
    explore --limit 0 "$DATA/attnstat/registers.tar" >page.html 2>/dev/null || return
    steps="['a', [1, 3], 1, 0, false], ['a', 'register 2', 0, 1, false], ['a', 'register 2', 0, 1, true],
        ['a', [0, 4], 0, -1, true]" places="a: { size: [40, 8], box: [0, 0, 40, 8], grid: [2, 5] }" look=
    local tar=$DATA/attnstat/registers.tar
    drive page.html && same_row 0 "$tar" attn.01.npy 15 5 13 0 to 63 && same_row 1 "$tar" attn.00.npy 15 5 3 1 to 63 &&
        same_row 2 "$tar" attn.00.npy 15 5 3 1 by 63 && same_row 3 "$tar" attn.00.npy 15 5 9 -1 by 63 &&
        grep -q 'kept in 6 bits' driven
}

# Somebody's own arrays without a prefix.
no_prefix() {
    tensorcat --drop model.json "$DATA/attnstat/registers.tar" 2>/dev/null |
        explore --prefix 0 --grid 3x5 >page.html 2>/dev/null || return
    steps="['a', [2, 3], 1, 1, false], ['a', [0, 1], 0, -1, true]" look=
    places="a: { size: [5, 3], box: [0, 0, 5, 3], grid: [3, 5] }"
    local tar=$DATA/attnstat/registers.tar
    drive page.html && same_row 0 "$tar" attn.01.npy 15 0 13 1 to 255 &&
        same_row 1 "$tar" attn.00.npy 15 0 1 -1 by 255
}

# Names of classes and maps that would like to be scripts.
hostile() {
    local name='</script><script>window.hit=1</script><img src=x onerror=window.hit=2>&lt;<!--<script>'
    local model='evil<img src=x onerror=window.hit=3>'
    mkdir "$model" && cp "$ROOT/pipelines/models/vit-cifar10-p4/model.safetensors" "$model" &&
        sed '/"made_by"/s/,$//; /"label_names"/,/]/d' \
            "$ROOT/pipelines/models/vit-cifar10-p4/config.json" >"$model/config.json" &&
        seq 0 9 | sed "s|.*|&\t${name//&/\\&} &|" >"$model/labels.tsv" || return
    preprocess made/one.jpg 2>/dev/null | vitfwd -m "$model" -g pred --size 32x48 2>/dev/null | rollout -k -M chefer 2>/dev/null |
        explore >page.html 2>/dev/null || return
    steps="['made/one', [3, 5], 2, -1, false]" look= places=$(place made/one)
    drive page.html && grep -qx 'hit nothing' driven && grep -q '^texts .*&lt;/script&gt;' driven &&
        grep -q '^step 0 Patch 3:5' driven
}

pages=(photos in-place registers no-prefix hostile)
if ! command -v chromium >/dev/null; then
    for page in "${pages[@]}"; do
        skip "explore/$page" "chromium is missing: apt-get install chromium"
    done
    exit 0
fi
if ! make_photos 2>said; then
    cat said >&2
    fail explore/photos
    exit 1
fi
result explore/photos as_photos
result explore/in-place in_place
result explore/registers registers
result explore/no-prefix no_prefix
result explore/hostile hostile
exit "$failed"
