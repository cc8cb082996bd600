#!/usr/bin/env bash
# make bench: speed as ratios against a peer in the same run, and memory.
#   bench.sh [VIT]   a ViT-B/16; without it, one with random weights is made
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/${BIN:-bin}:$PATH
tools=${BUILD:-build/plain}/tests
work=build/bench
mkdir -p "$work"

vit=${1-$work/vit_b16_random.safetensors}
[[ -e $vit ]] || "$tools/bench_model" "$vit"
weights=$(($(find "$vit"/ "$vit" -name '*.safetensors' -printf '%s+' 2>/dev/null || true)0))
weights=$((weights / 1000000))

# A photo-like JPEG of a megapixel: gradients and noise, by way of our own programs.
photo=$work/photo.jpg
if [[ ! -f $photo ]]; then
    awk 'BEGIN { srand(1); print "P3 1152 896 255"; for (y = 0; y < 896; y++)
        for (x = 0; x < 1152; x++) printf "%d %d %d\n", 127 + 100 * sin(x / 40) + 20 * rand(),
            127 + 100 * cos(y / 60) + 20 * rand(), (x + y) % 200 }' >"$work/photo.ppm"
    preprocess "$work/photo.ppm" 2>/dev/null | vitfwd 2>/dev/null | rollout 2>/dev/null |
        overlay --alpha 0 --width 1152 --format jpeg 2>/dev/null >"$photo"
fi

run() { "$tools/bench_run" "$1" "$2" 2>"$work/errors" || { cat "$work/errors" >&2; exit 1; }; }
say() { awk "BEGIN { printf \"$1\n\", $2 }"; }
least() { awk "BEGIN { a = ${1:-1e9}; print a < $2 ? a : $2 }"; } # the first may be empty

# The products alone, on as many threads: ms a picture at batch $1, by the better kernels.
products() {
    local arch ms best=
    for arch in -uBLIS_ARCH_TYPE BLIS_ARCH_TYPE=skx; do # needs AVX-512
        [[ $arch != *=skx ]] || grep -q avx512f /proc/cpuinfo || continue
        read -r ms _ < <(env "$arch" "$tools/bench_products" "$1" 197 768 3072 12 12 768 \
            "$(nproc)" 5)
        best=$(least "$best" "$ms")
    done
    echo "$best"
}

# $1 pictures as a stream with their input, once each.
stream() {
    local i
    rm -rf "$work/pictures"
    mkdir "$work/pictures"
    for ((i = 0; i < $1; i++)); do ln "$photo" "$work/pictures/$i.jpg"; done
    preprocess -m "$vit" "$work/pictures" 2>/dev/null >"$work/$1.tar"
}

stream 8
stream 32
echo "ViT-B/16 ($weights MB), $(nproc) threads"
read -r _ few_peak _ < <(run 1 "vitfwd -b 8 -m $vit $work/8.tar | cat >/dev/null")
read -r _ few_grad_peak _ < <(run 1 "vitfwd -g pred -b 8 -m $vit $work/8.tar | cat >/dev/null")
bare= all= all_busy= grad= grad_busy=
for turn in 1 2 3; do
    bare=$(least "$bare" "$(products 8)")
    read -r ms many_peak busy < <(run 1 "vitfwd -b 8 -m $vit $work/32.tar | cat >/dev/null")
    all=$(least "$all" "$ms") all_busy=$(least "$all_busy" "$busy")
    read -r ms grad_peak busy < <(run 1 "vitfwd -g pred -b 8 -m $vit $work/32.tar | cat >/dev/null")
    grad=$(least "$grad" "$ms") grad_busy=$(least "$grad_busy" "$busy")
done
say "vitfwd, batch 8, all attention to a pipe: %.0f ms a picture; its products alone %.0f: %.2f times (at most 1.35)" \
    "$all / 32, $bare, $all / 32 / $bare"
say "vitfwd -g pred, its gradients as well: %.0f ms a picture: %.2f times (at most 2.4); of processor time %.2f times" \
    "$grad / 32, $grad / $all, $grad_busy / $all_busy"
bare=$(products 1)
read -r alone _ < <(run 5 "preprocess -m $vit $photo | vitfwd -m $vit -l none >/dev/null")
read -r pipe pipe_peak _ < <(run 5 "preprocess $photo | vitfwd -m $vit | rollout | overlay --width 1024 >$work/photo.png")
say "one photo, 1-megapixel JPEG to 1024-pixel PNG: %.0f ms; preprocess | vitfwd -l none %.0f; the products alone %.0f: %.2f times (below 3)" \
    "$pipe, $alone, $bare, $pipe / $bare"
for batch in 8 1; do
    read -r alone passes _ share kernels < <("$tools/bench_conv" $batch "$(nproc)" 5)
    say "ResNet-50, batch $batch, $kernels: %.0f ms a picture; its convolutions as bare products %.0f: %.0f%% of their rate (at least 70)" \
        "$passes, $alone, 100 * $share"
done
# Training, and PyTorch beside it where tests/oracle has its Python.
python=build/oracle/bin/python
for shape in "128 6 4" "192 9 3"; do
    each= alone= torch=
    for turn in 1 2 3; do
        read -r ms bare rate kernels < <("$tools/bench_train" $shape 4 32 128 "$(nproc)" 5)
        each=$(least "$each" "$ms") alone=$(least "$alone" "$bare")
        [[ ! -x $python ]] || torch=$(least "$torch" \
            "$("$python" -B tests/oracle/bench_train.py $shape 4 32 128 "$(nproc)" 5)")
    done
    say "training a ViT of dim, depth, heads $shape, patch 4, 32x32, batch 128, $kernels: %.0f pictures/s forward and back; %.0f%% of the rate of its products alone (at least 60)" \
        "1000 / $each, 100 * $alone / $each"
    [[ -z $torch ]] || say "    PyTorch, float32: %.0f pictures/s; ours are %.2f times as many (at least 1)" \
        "1000 / $torch, $torch / $each"
done
read -r start _ < <(run 20 "topk -V >/dev/null")
read -r info _ < <(run 20 "vitfwd --info -m $vit >/dev/null")
say "start: topk -V %.1f ms, vitfwd --info %.1f ms" "$start, $info"
say "peak resident: vitfwd %.0f MB after 8 pictures, %.0f after 32 (weights + 400: %.0f); the photo's pipe %.0f" \
    "$few_peak, $many_peak, $weights + 400, $pipe_peak"
say "vitfwd -g pred %.0f MB after 8 pictures, %.0f after 32 (weights + 1200: %.0f)" \
    "$few_grad_peak, $grad_peak, $weights + 1200"
