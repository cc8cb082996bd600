#!/usr/bin/env bash
# Makes what the man pages' EXAMPLES use in the current directory: cat.jpg, photos/ with three
# pictures, one in a folder of it, and the streams a.tar (cat) and b.tar (photos) with their
# attention. Run by tests/man.sh, with DATA and PATH set.
set -euo pipefail

pictures=$DATA/pictures
cp "$pictures/rgb420.jpg" cat.jpg
mkdir -p photos/more
cp "$pictures/rgb444.jpg" photos/one.jpg
cp "$pictures/grey.jpg" photos/two.jpg
cp "$pictures/progressive.jpg" photos/more/three.jpg
preprocess cat.jpg | vitfwd >a.tar
preprocess photos | vitfwd >b.tar
