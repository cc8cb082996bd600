#!/usr/bin/env bash
# Tests on real data and weights in ../shared (make check-shared); skipped where it isn't there.
set -uo pipefail
source "$(dirname "$0")/part.sh"

shared=$(cd "$ROOT/.." && pwd)/shared
cd "$SCRATCH"
names=(cifar-accuracy resnet-accuracy cifar-flat photos misnamed-pets deterministic)
if [[ ! -d $shared/data ]]; then
    for name in "${names[@]}"; do skip "shared-$name" "there is no ../shared"; done
    exit 0
fi

# The model alone is right about so many of the 10,000 pictures, give or take what a JPEG
# decoder's step may tip; the references are tests/oracle/cifar_accuracy.py's, in float32.
right() { # EXPECTED < STREAM
    topk -n 1 >top.tsv || return 1
    awk -F'\t' -v expected="$1" 'NR > 1 { n++; right += $3 == $7 } END { print right " of " n
        exit !(n == 10000 && right >= expected - 10 && right <= expected + 10) }' top.tsv
}
cifar_accuracy() {
    vitfwd -l none "$shared/data/cifar10/cifar10-test.tar" | right 7203
}
resnet_accuracy() {
    resnetfwd -m "$shared/weights/resnet20-12fca82f.th" -g none --at none \
        "$shared/data/cifar10/cifar10-test.tar" | right 8103
}

# Peak memory of vitfwd and rollout after 10,000 pictures is what it is after 1,000.
peak() { # FILE: MB of the largest process
    "$ROOT/build/plain/tests/bench_run" 1 "vitfwd $1 | rollout | tensorcat >/dev/null" 2>/dev/null |
        cut -d' ' -f2
}
cifar_flat() {
    tensorcat --every 10 "$shared/data/cifar10/cifar10-test.tar" -o few.tar || return 1
    local few many
    few=$(peak few.tar) many=$(peak "$shared/data/cifar10/cifar10-test.tar")
    echo "$few MB after 1,000, $many MB after 10,000"
    [[ $few && $many ]] && ((many <= few + 4))
}

# Every picture comes out with a map on its own pixels, whatever its size.
photos() {
    preprocess "$shared/images/photos" "$shared/images/imagenet50" | vitfwd | rollout |
        overlay -d figures || return 1
    local made
    made=$(find figures -name '*.png' | wc -l)
    echo "$made figures"
    ((made == 55))
}

# Two of the pets are not what their names say (a GIF, a PNG): decoded by content.
misnamed_pets() {
    preprocess "$shared/data/pets3/images" >pets.tar || return 1
    tensorls pets.tar | awk -F'\t' '$2 == "input.npy" { n++ } END { print n; exit n != 600 }'
}

deterministic() {
    preprocess -j 1 "$shared/images/imagenet50" | vitfwd -j 1 >one.tar || return 1
    preprocess -j 2 "$shared/images/imagenet50" | vitfwd -j 3 >two.tar || return 1
    cmp one.tar two.tar
}

for name in "${names[@]}"; do result "shared-$name" "${name//-/_}"; done
exit "$failed"
