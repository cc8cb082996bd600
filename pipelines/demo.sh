#!/usr/bin/env bash
# make demo: pictures of where the ViT that comes with saccade looks in a photo.
#   demo.sh OUT [PHOTO]
# Without PHOTO: chelsea.png, a cat (CC0), from Debian's python3-skimage package.
set -euo pipefail

out=$1 photo=${2-}
PATH=$(cd "${BIN:-bin}" && pwd):$PATH
mkdir -p "$out"

# The photo's package is downloaded and unpacked, not installed: no root, no Python.
fetch_photo() {
    local scratch
    scratch=$(mktemp -d)
    chmod 755 "$scratch"
    (cd "$scratch" && apt-get -q download python3-skimage && dpkg-deb -x ./*.deb .) >&2
    cp "$scratch"/usr/lib/python3/dist-packages/skimage/data/chelsea.png "$out/chelsea.png"
    rm -rf "$scratch"
}

if [[ $photo ]]; then
    photo=$(realpath "$photo")
else
    photo=chelsea.png
    [[ -f $out/$photo ]] || fetch_photo
fi
cd "$out"

run() {
    echo "    $1"
    bash -euo pipefail -c "$1" 2>log || { cat log >&2; exit 1; }
}

printf -v quoted %q "$photo"
echo "What the model takes the photo for:"
run "preprocess $quoted | vitfwd -l none | topk -n 3"
echo "Where it looked: attention rolled out through all layers"
run "preprocess $quoted | vitfwd | rollout | overlay > rollout.png"
echo "Layer by layer, the mean over heads"
run "preprocess $quoted | vitfwd | attnsplit --heads mean | overlay > layers.png"
echo "Every head of the last layer"
run "preprocess $quoted | vitfwd -l -1 | attnsplit | overlay > heads.png"
echo "The pictures:"
printf '    %s\n' "$PWD"/{rollout,layers,heads}.png
