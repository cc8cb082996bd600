# Figures of every format, told by their first bytes.

$ cp $DATA/resample/gradient101x67.ppm $DATA/pictures/grey.jpg $DATA/pictures/cut.jpg .

$ preprocess gradient101x67.ppm 2>/dev/null | vitfwd 2>/dev/null | rollout 2>/dev/null >map.tar

$ overlay map.tar >map.png; head -c 4 map.png | tail -c 3
overlay: 1 sample
PNG
[no newline]

$ overlay --format ppm map.tar 2>/dev/null | head -c 2
P6
[no newline]

$ overlay --format jpeg map.tar 2>/dev/null | head -c 3 | od -An -tx1
 ff d8 ff

$ overlay --format tiff map.tar 2>/dev/null | head -c 4 | od -An -tx1
 49 49 2a 00

$ overlay map.tar 2>/dev/null | cmp - map.png

# --raw: the numbers themselves, at the map's own grid, with the map's name.

$ overlay --raw map.tar 2>/dev/null >map.tif; grep -c abnar map.tif
1

# A figure a sample; nothing that isn't a picture lies in the directory.

$ preprocess gradient101x67.ppm grey.jpg cut.jpg 2>/dev/null | vitfwd 2>/dev/null | rollout 2>/dev/null | overlay -d figures
overlay: 3 samples, 1 bad
[exit 1]

$ find figures -type f | sed 's|.*/||' | sort
gradient101x67.png
grey.png

# What is no picture is no figure: an input that is cut makes none, nor does one without maps.

$ head -c 20000 map.tar | overlay | wc -c
overlay: standard input: truncated: ends inside gradient101x67.ppm
0

$ preprocess gradient101x67.ppm 2>/dev/null | overlay | wc -c
overlay: gradient101x67: has no maps: run attnsplit, rollout or gradcam
0

$ rollout map.tar 2>/dev/null | overlay; echo
overlay: standard input: truncated: has a head and no tail: see what the program before it says


# Options.

$ overlay --cmap rainbow map.tar | cat
overlay: --cmap rainbow: takes one of viridis|inferno|magma|turbo|grey|jet

$ overlay --range 1 map.tar; overlay --alpha 2 map.tar; overlay --clip 60 map.tar
overlay: --range 1: takes 2 numbers from -1e+38 to 1e+38 with ',' between them
overlay: --alpha 2: takes a number from 0 to 1
overlay: --clip 60: takes a number from 0 to 49
[exit 2]

$ overlay --width 16000 --columns 1 map.tar | wc -c
overlay: a figure of 16000x10614 pixels is over the limit of 100000000: use a smaller --width
0

# A mask's outline; where it isn't there or doesn't fit.

$ mkdir masks; cp $DATA/pictures/grey1.png masks/grey.png; cp $DATA/pictures/grey1.png masks/gradient101x67.png; preprocess --masks masks grey.jpg gradient101x67.ppm 2>/dev/null | vitfwd 2>/dev/null | rollout 2>/dev/null >masked.tar; overlay --outline 1 -d outlined masked.tar; overlay -d plain masked.tar 2>/dev/null; cmp -s plain/grey.png outlined/grey.png; echo $?
overlay: gradient101x67: mask.png is of 23x17 pixels, the picture of 101x67
overlay: 2 samples, 1 bad
1

$ overlay --outline 2 masked.tar -d none 2>/dev/null; cmp plain/grey.png none/grey.png

$ overlay --outline 1 map.tar -o no.png
overlay: gradient101x67: has no mask.png: say preprocess --masks DIR
[exit 2]

$ overlay --outline 300 map.tar -o no.png
overlay: --outline 300: there are 256, 0 to 255
[exit 2]

# Maps of two models: a bar each, or one for both; the widths of the figures.

$ preprocess grey.jpg 2>/dev/null | vitfwd 2>/dev/null | rollout -k --as one 2>/dev/null | vitfwd -m $DATA/vit/timm-plain 2>/dev/null | rollout --as two 2>/dev/null >both.tar; for scale in shared method; do overlay --scale $scale both.tar 2>/dev/null | tail -c +17 | head -c 4 | od -An -tx1; done
 00 00 04 6f
 00 00 04 04
