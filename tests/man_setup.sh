#!/usr/bin/env bash
# Makes what the man pages' EXAMPLES use in the current directory: cat.jpg, photos/ with three
# pictures, one in a folder of it, masks/ with a mask for each of these, animals/ with two pictures of each of two classes, a tiny ResNet
# with its configuration, the streams a.tar (cat) and b.tar (photos) with their attention, and cam.tar (cat) with made-up activations of three places. Run by tests/man.sh, with DATA and
# PATH set.
set -euo pipefail

pictures=$DATA/pictures
cp "$pictures/rgb420.jpg" cat.jpg
mkdir -p photos/more
cp "$pictures/rgb444.jpg" photos/one.jpg
cp "$pictures/grey.jpg" photos/two.jpg
cp "$pictures/progressive.jpg" photos/more/three.jpg
mkdir masks
for name in cat one two three; do
    cp "$pictures/grey1.png" "masks/$name.png"
done
mkdir -p animals/cat animals/dog
cp "$pictures/rgb420.jpg" "$pictures/rgb444.jpg" animals/cat
cp "$pictures/grey.jpg" "$pictures/cmyk.jpg" animals/dog
cp "$DATA/resnet/timm-basic/model.safetensors" resnet18.safetensors
cp "$DATA/resnet/timm-basic/config.json" resnet18.json
preprocess cat.jpg | vitfwd >a.tar
preprocess photos | vitfwd >b.tar

mkdir made
tar xf "$DATA/cam/places.tar" -C made --wildcards 'many.act*' many.model.json
for member in made/many.*; do
    mv "$member" "made/cat.${member#made/many.}"
done
preprocess cat.jpg | tar xf - -C made cat.jpg cat.view.json
tar cf cam.tar -C made cat.jpg cat.view.json cat.model.json $(cd made && echo cat.act*)
rm -r made
