# No model: everything is said by options. The picture is untouched, the input is timm's.

$ echo '--size 24 --crop-pct .9 --filter bicubic --fit crop --mean .5 --std .5' >all

$ mkdir resample; cp $DATA/resample/gradient101x67.ppm resample; preprocess $(cat all) resample/gradient101x67.ppm >one.tar
preprocess: 1 sample

$ tar tf one.tar
__stream__/head
resample/gradient101x67.ppm
resample/gradient101x67.input.npy
resample/gradient101x67.view.json
__stream__/tail

$ tar xOf one.tar --wildcards '*.ppm' | cmp - $DATA/resample/gradient101x67.ppm

$ tar xOf one.tar --wildcards '*.npy' | tail -c 6912 | cmp - $DATA/resample/timm-crop.f32

$ view() { tar xO --wildcards '*view.json' | sed 's/$/\n/'; }; declare -f view >view.sh

$ . ./view.sh; view <one.tar
{"picture":"ppm","size":[101,67],"box":[20.7179487179487,2.57692307692308,82.8717948717949,64.4230769230769],"input":[24,24],"resize":[26,26],"crop_pct":0.9,"fit":"crop","filter":"bicubic","mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5],"for":null,"set":["size","crop-pct","filter","fit","mean","std"]}

$ tar xOf one.tar __stream__/head | sed 's/"vn":"[^"]*"/"vn":VERSION/; s/$/\n/'
{"format":"tensorstream","version":1,"pg":[{"id":"preprocess","pp":null,"pn":"preprocess","vn":VERSION,"args":["--size=24","--crop-pct=.9","--filter=bicubic","--fit=crop","--mean=.5","--std=.5"]}]}

# By a model, whose rule options change one by one.

$ . ./view.sh; preprocess -m $DATA/vit/hf-clip-full $DATA/resample/gradient101x67.ppm 2>/dev/null | view
{"picture":"ppm","size":[101,67],"box":[19.2380952380952,4.78571428571429,76.9523809523809,62.2142857142857],"input":[12,12],"resize":[14,14],"crop_pct":null,"fit":"crop","filter":"bicubic","mean":[0.48145467,0.4578275,0.40821072],"std":[0.26862955,0.2613026,0.2757771],"for":"hf-clip-full:d62e94d5","set":[]}

$ . ./view.sh; preprocess -m $DATA/vit/hf-clip-full --size 36x24 --filter nearest --fit squash --std 1 $DATA/resample/gradient101x67.ppm 2>/dev/null | view
{"picture":"ppm","size":[101,67],"box":[7.21428571428571,4.78571428571429,93.7857142857143,62.2142857142857],"input":[36,24],"resize":[42,28],"crop_pct":null,"fit":"squash","filter":"nearest","mean":[0.48145467,0.4578275,0.40821072],"std":[1.0,1.0,1.0],"for":"hf-clip-full:d62e94d5","set":["size","filter","fit","std"]}

$ preprocess -m $DATA/vit/hf-clip-full $DATA/resample/gradient101x67.ppm 2>/dev/null | tensorls --pg 2>/dev/null | cut -f 3,5,6
pn	model	args
preprocess	hf-clip-full:d62e94d5	--model=hf-clip-full

$ . ./view.sh; for model in timm-plain hf-vit-old hf-deit hf-siglip-full; do
>     preprocess -m $DATA/vit/$model $DATA/resample/gradient101x67.ppm 2>/dev/null | view | cut -d , -f 8-
> done
"input":[20,8],"resize":[22,8],"crop_pct":null,"fit":"crop","filter":"bicubic","mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5],"for":"timm-plain:f3401cfb","set":[]}
"input":[12,12],"resize":[12,12],"crop_pct":null,"fit":"squash","filter":"bilinear","mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5],"for":"hf-vit-old:120446ab","set":[]}
"input":[12,12],"resize":[14,14],"crop_pct":null,"fit":"squash","filter":"bicubic","mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"for":"hf-deit:74d7bd64","set":[]}
"input":[12,12],"resize":[12,12],"crop_pct":null,"fit":"squash","filter":"bicubic","mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5],"for":"hf-siglip-full:00ff7ee6","set":[]}

# A ResNet's rule; its input is the one that resnetfwd makes itself. Class names; what is neither.

$ resnets() { for model in timm-basic hf-basic cifar-a/model.th torchvision-wide/model.pth; do echo $DATA/resnet/$model; done; }; declare -f resnets >resnets.sh

$ . ./view.sh; . ./resnets.sh; for model in $(resnets); do
>     preprocess -m $model $DATA/resample/gradient101x67.ppm 2>/dev/null | view | cut -d , -f 8-
> done
"input":[27,33],"resize":[28,34],"crop_pct":null,"fit":"crop","filter":"bicubic","mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"for":"timm-basic:64728a48","set":[]}
"input":[224,224],"resize":[256,256],"crop_pct":null,"fit":"crop","filter":"bicubic","mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"for":"hf-basic:7e203537","set":[]}
"input":[32,32],"resize":[32,32],"crop_pct":null,"fit":"crop","filter":"bilinear","mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"for":"cifar-a:aaa37850","set":[]}
"input":[224,224],"resize":[256,256],"crop_pct":null,"fit":"crop","filter":"bilinear","mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"for":"torchvision-wide:c12855c0","set":[]}

$ . ./resnets.sh; for model in $(resnets); do
>     preprocess -m $model $DATA/resample/gradient101x67.ppm 2>/dev/null | tensorcat --drop ppm 2>/dev/null >made.tar
>     preprocess --pack $DATA/resample/gradient101x67.ppm 2>/dev/null >bare.tar
>     for tar in made bare; do resnetfwd -k -m $model $tar.tar 2>/dev/null | tensorcat --npy input.npy 2>/dev/null | cksum; done | uniq | wc -l
> done
1
1
1
1

$ preprocess -m $DATA/resnet/timm-basic $DATA/resample/gradient101x67.ppm 2>/dev/null | resnetfwd -m $DATA/resnet/timm-basic 2>/dev/null | tensorls --pg 2>/dev/null | cut -f 3,5,6
pn	model	args
preprocess	timm-basic:64728a48	--model=timm-basic
resnetfwd	timm-basic:64728a48	--model=timm-basic

$ preprocess -m $DATA/resnet/timm-basic --num-heads 3 $DATA/resample/gradient101x67.ppm
preprocess: $DATA/resnet/timm-basic: --num-heads 3: a ResNet has no heads
[exit 2]

$ preprocess -m $DATA/resnet/timm-basic --state teacher $DATA/resample/gradient101x67.ppm
preprocess: $DATA/resnet/timm-basic: --state teacher: the checkpoint has no such state dict
[exit 2]

$ mkdir neither; cp $DATA/pth/layouts.pth neither; preprocess -m neither/layouts.pth $DATA/resample/gradient101x67.ppm
preprocess: neither/layouts.pth: neither a ViT nor a ResNet: none of its 25 tensors is a patch embedding or a stem's convolution (the first is whole): vitfwd or resnetfwd --info may say more
[exit 2]

# Keys of files, of directories, of standard input; a key that is there; what keys can't say.

$ cp $DATA/pictures/grey8.png cat.png; cp $DATA/pictures/grey.jpg cat.jpg; cp $DATA/resample/noise2x2.ppm dot.ppm

$ mkdir -p pics/a/.cache pics/b; echo text >pics/README; echo text >pics/a/notes.txt; ln -s ../b pics/a/link
> for copy in b/x.PNG b-c.png .hidden.png a/.cache/no.png a/__x__.jpg 'a/my cat.v2.jpg'; do cp cat.png "pics/$copy"; done

$ preprocess --pack cat.png cat.jpg ./cat.png ../${PWD##*/}/cat.jpg pics ./pics/b/ >keys.tar; tar tf keys.tar
preprocess: pics/README: skipped, by its name no picture (and so for 1 more)
preprocess: 10 samples
__stream__/head
cat.png
cat%2Ejpg.jpg
cat%2Epng.png
work/cat.jpg
pics/a/%5F_x__.jpg
pics/a/link/x.png
pics/a/my%20cat%2Ev2.jpg
pics/b-c.png
pics/b/x.png
b/x.png
__stream__/tail

$ cp cat.png plain; cp dot.ppm .dots; preprocess --pack plain .dots 2>/dev/null | tar tf -
__stream__/head
plain.png
%2Edots.ppm
__stream__/tail

$ preprocess --pack <cat.jpg 2>/dev/null | tar tf -
__stream__/head
stdin.jpg
__stream__/tail

$ cd pics/b; preprocess --pack . .. 2>/dev/null | tar tf -
__stream__/head
x.png
a/%5F_x__.jpg
a/link/x.png
a/my%20cat%2Ev2.jpg
b-c.png
b/x.png
__stream__/tail

# Names from a list.

$ find pics/a -name '*.jpg' -print0 | sort -z >list0; find pics/a -name '*.jpg' | sort >list

$ preprocess --pack -0 -T list0 2>/dev/null | tar tf -
__stream__/head
pics/a/%5F_x__.jpg
pics/a/my%20cat%2Ev2.jpg
__stream__/tail

$ preprocess --pack --files-from - cat.png <list 2>/dev/null | tar tf -
__stream__/head
cat.png
pics/a/%5F_x__.jpg
pics/a/my%20cat%2Ev2.jpg
__stream__/tail

$ preprocess --pack -T list0 >/dev/null
preprocess: list0: has names that end in NUL: say -0
[exit 2]

$ preprocess --pack - -T - </dev/null >/dev/null
preprocess: standard input can be read only once
[exit 2]

$ xargs -0 -n 1 preprocess --pack <list0 2>/dev/null | tensorls --check 2>/dev/null
whole: 2 samples, 0 bad, 2 members

# What can't be used goes on as a bad sample, in its place, and all else comes out.

$ cp $DATA/pictures/cut.jpg cut.jpg; : >empty.png; : >nothing; echo junk >junk.gif; echo junk >junk; ln -s nowhere gone.jpg

$ preprocess $(cat all) cut.jpg empty.png nothing junk.gif junk gone.jpg missing cat.png >bad.tar
preprocess: cut.jpg: jpeg: premature end
preprocess: empty.png: empty
preprocess: nothing: empty
preprocess: junk.gif: not a jpeg, png, tiff, webp, gif or pnm picture
preprocess: junk: not a picture
preprocess: gone.jpg: No such file or directory
preprocess: missing: No such file or directory
preprocess: 8 samples, 7 bad
[exit 1]

$ tar tf bad.tar
__stream__/head
cut.jpg
cut.__bad__
empty.png
empty.__bad__
nothing.__bad__
junk.gif
junk.__bad__
junk,4.__bad__
gone.__bad__
missing.__bad__
cat.png
cat.input.npy
cat.view.json
__stream__/tail

$ for key in cut missing; do tar xOf bad.tar $key.__bad__ | sed 's/$/\n/'; done
{"stage":"preprocess","error":"jpeg: premature end"}
{"stage":"preprocess","error":"No such file or directory"}

$ printf 'P6 30000 30000 255\n' | preprocess $(cat all) - cat.png >/dev/null
preprocess: stdin: 30000x30000 is over the limit of 178956970 pixels
preprocess: 2 samples, 1 bad
[exit 1]

$ preprocess $(cat all) --max-pixels 3 dot.ppm cat.png >/dev/null
preprocess: dot.ppm: 2x2 is over the limit of 3 pixels
preprocess: cat.png: 23x17 is over the limit of 3 pixels
preprocess: 2 samples, 2 bad
[exit 1]

$ preprocess -j 1 $(cat all) --max-bad 0 missing cat.png >/dev/null
preprocess: missing: No such file or directory
preprocess: 1 of 2 samples are bad, over --max-bad 0
[exit 3]

$ preprocess --pack cut.jpg junk.gif 2>/dev/null | tar tf -
__stream__/head
cut.jpg
junk.gif
junk.__bad__
__stream__/tail

$ preprocess --pack one.tar missing.tar >/dev/null
preprocess: missing.tar: No such file or directory
[exit 4]

# Standard input: a picture, a run of them, a stream, or refused.

$ cat $DATA/resample/noise2x2.ppm $DATA/resample/noise3x5.ppm $DATA/resample/noise1x1.ppm >run

$ cat run | preprocess $(cat all) 2>/dev/null | tensorls 2>/dev/null | grep -v view | cut -f 1-4
key	member	type	shape
00000000	ppm	pnm	23
00000000	input.npy	f4	[3,24,24]
00000001	ppm	pnm	56
00000001	input.npy	f4	[3,24,24]
00000002	ppm	pnm	14
00000002	input.npy	f4	[3,24,24]

$ preprocess --pack run dot.ppm run 2>/dev/null | tar tf -
__stream__/head
run/00000000.ppm
run/00000001.ppm
run/00000002.ppm
dot.ppm
run,4/00000000.ppm
run,4/00000001.ppm
run,4/00000002.ppm
__stream__/tail

$ head -c 60 run | preprocess $(cat all) >/dev/null
preprocess: 00000001: pnm: premature end
preprocess: 2 samples, 1 bad
[exit 1]

$ (cat run; echo junk) | preprocess --pack >/dev/null
preprocess: standard input: frame 3: pnm: not a raw picture (P4, P5 or P6)
[exit 3]

$ (cat dot.ppm; echo junk) | preprocess --pack 2>/dev/null | tar tf -
__stream__/head
stdin.ppm
__stream__/tail

$ preprocess --pack <empty.png >/dev/null
preprocess: standard input: truncated: no bytes at all
[exit 3]

$ echo junk | preprocess --pack >/dev/null
preprocess: standard input: refused: neither a picture nor a tensor stream
[exit 3]

# Shards are passed on, input and view.json replaced; heads of later streams; keys that return.

$ preprocess --pack cat.jpg -o a.tar 2>/dev/null; preprocess --pack dot.ppm -o b.tar 2>/dev/null

$ cat one.tar | preprocess --size 12 --crop-pct 1 $(cut -d ' ' -f 5- all) 2>/dev/null | tensorls 2>/dev/null | sed 's|.*/gradient|gradient|' | cut -f 1-4
key	member	type	shape
gradient101x67	ppm	pnm	20315
gradient101x67	input.npy	f4	[3,12,12]
gradient101x67	view.json	json	270

$ preprocess --pack a.tar cat.png b.tar 2>/dev/null | tensorls --pg 2>/dev/null | cut -f 1-3
id	pp	pn
preprocess		preprocess
preprocess.2	preprocess	preprocess
preprocess		preprocess

$ preprocess --pack cat.png a.tar >/dev/null
preprocess: a.tar: key cat returns: use --prefix-shard
[exit 3]

$ preprocess --pack a.tar a.tar >/dev/null
preprocess: a.tar: key cat returns: use --prefix-shard
[exit 3]

$ mkdir -p other; cp a.tar other; preprocess --pack --prefix-shard a.tar b.tar 2>/dev/null | tar tf -
__stream__/head
a/cat.jpg
__stream__/pg
b/dot.ppm
__stream__/tail

$ preprocess --pack --prefix-shard a.tar other/a.tar >/dev/null
preprocess: other/a.tar: key a/cat returns: give the shards different names
[exit 3]

$ preprocess --pack <(cat a.tar) 2>/dev/null | tar tf -
__stream__/head
cat.jpg
__stream__/tail

$ head -c 1500 a.tar >short.tar; preprocess --pack short.tar >/dev/null
preprocess: short.tar: truncated: ends inside a member or its header
[exit 3]

$ cat short.tar | preprocess --pack cat.png - 2>/dev/null | tensorls --check
tensorls: standard input: truncated: has a head and no tail: see what the program before it says
[exit 3]

$ preprocess --pack $DATA/streams/webdataset.tar >/dev/null
preprocess: x/00000: not a picture
preprocess: x/00001: not a picture
preprocess: x/00002: not a picture
preprocess: 3 samples, 3 bad
[exit 1]

# Tensors, labels and the model's description stay.

$ preprocess --pack $DATA/streams/labelled.tar 2>/dev/null | tensorls 2>/dev/null | cut -f 1-3
key	member	type
__stream__	model	json
cat	jpg	jpeg
cat	cls	text
cat	model.json	json
cat	logits.npy	f4
cat	attn.00.npy	f4
pets/dog	jpg	jpeg
pets/dog	model.json	json
pets/dog	logits.npy	f4
pets/dog	attn.00.npy	f4
broken	jpg	text
broken	__bad__	json
fox	jpg	jpeg
fox	cls	text
fox	model.json	json
fox	logits.npy	f8
fox	attn.00.npy	f4

$ preprocess $(cat all) $DATA/streams/other.tar >/dev/null
preprocess: owl: has no picture
[exit 2]

$ preprocess $(cat all) cat.png $DATA/streams/other.tar >/dev/null
preprocess: owl: has no picture
preprocess: own: has no picture
preprocess: 3 samples, 2 bad
[exit 1]

# Labels.

$ mkdir -p set/dog set/cat/more; cp dot.ppm set/dog/1.ppm; cp dot.ppm set/cat/2.ppm; cp dot.ppm set/cat/more/3.PPM

$ labels() { tar x --to-command='case $TAR_FILENAME in *.cls) echo "$TAR_FILENAME $(cat)" ;; *) cat >/dev/null ;; esac'; }; declare -f labels >labels.sh

$ . ./labels.sh; preprocess --pack -L folder set dot.ppm >set.tar; labels <set.tar
preprocess: dot: has no label
preprocess: 4 samples
set/cat/2.cls 0
set/cat/more/3.cls 2
set/dog/1.cls 1

$ find set -type f | sort -r >names; . ./labels.sh; preprocess --pack -L folder -T names 2>/dev/null | labels
set/dog/1.cls 1
set/cat/more/3.cls 2
set/cat/2.cls 0

$ preprocess --pack -L folder -T - <names
preprocess: --labels folder reads the names twice: --files-from - is no regular file
[exit 2]

$ printf 'file\tclass\r\ndog/1.PPM\t7\r\n2.ppm\t8\tmore\n\nmore/3\t-9\n' >table; . ./labels.sh; preprocess --pack -L table set 2>/dev/null | labels
set/cat/2.cls 8
set/cat/more/3.cls -9
set/dog/1.cls 7

$ . ./labels.sh; preprocess --pack -L table set.tar 2>/dev/null | labels
set/cat/2.cls 8
set/cat/more/3.cls -9
set/dog/1.cls 7

$ printf '1.ppm\tzebra\n2.ppm\tant\n' >names.tsv; . ./labels.sh; preprocess --pack -L names.tsv set >set.tar; labels <set.tar
preprocess: no model says how the classes that names.tsv names are numbered: by their order
preprocess: set/cat/more/3: has no label
preprocess: 3 samples
set/cat/2.cls 0
set/dog/1.cls 1

$ cp -r $DATA/vit/hf-vit-old named
> sed 's/"id2label": {[^}]*}/"id2label": {"0": "zebra", "1": "lion", "2": "ant"}/' -z $DATA/vit/hf-vit-old/config.json >named/config.json
> . ./labels.sh; preprocess -m named -L names.tsv set 2>/dev/null | labels
set/cat/2.cls 2
set/dog/1.cls 0

$ mkdir convnet; cp $DATA/resnet/timm-basic/* convnet; printf '0\tlion\n1\tant\n2\tzebra\n3\td\n4\te\n5\tf\n6\tg\n' >convnet/labels.tsv
> . ./labels.sh; preprocess -m convnet -L names.tsv set 2>/dev/null | labels
set/cat/2.cls 1
set/dog/1.cls 2

$ printf '1.ppm\ttiger\n' >names.tsv; preprocess -m named -L names.tsv set
preprocess: the model has no class tiger, which --labels names
[exit 2]

$ printf '1.ppm\t1\n1.PPM\t2\n' >table; preprocess --pack -L table set
preprocess: table: 1.ppm has two labels
[exit 2]

$ printf '1.ppm\n' >table; preprocess --pack -L table set
preprocess: table: line 1: takes a name, a tab and a label
[exit 2]

$ preprocess --pack -L list0 set
preprocess: list0: not a table of names and labels
[exit 2]

# Masks: of the longest end of the path that there is one for; in a shard, of the key.

$ mkdir -p masks/pics photos/pics; cp $DATA/pictures/grey1.png masks/a.png; cp $DATA/pictures/grey2.png masks/pics/a.png; cp $DATA/pictures/grey4.png masks/c.d.png; cp $DATA/pictures/rgb444.jpg photos/pics/a.jpg; cp photos/pics/a.jpg photos/a.JPG; cp photos/pics/a.jpg photos/c.d.jpg; cp photos/pics/a.jpg photos/none.jpg; cp photos/pics/a.jpg photos/other.jpg

$ preprocess --pack --masks masks photos ../"${PWD##*/}"/photos/../photos/a.JPG >masked.tar; tar tf masked.tar | grep -v stream; for member in photos/a photos/pics/a photos/c%2Ed; do tar xOf masked.tar $member.mask.png | md5sum; done | diff - <(md5sum <masks/a.png; md5sum <masks/pics/a.png; md5sum <masks/c.d.png)
preprocess: photos/none: has no mask (and so for 1 more)
preprocess: 6 samples
photos/a.jpg
photos/a.mask.png
photos/c%2Ed.jpg
photos/c%2Ed.mask.png
photos/none.jpg
photos/other.jpg
photos/pics/a.jpg
photos/pics/a.mask.png
work/photos/%2E%2E/photos/a.jpg
work/photos/%2E%2E/photos/a.mask.png

$ mkdir empty; preprocess --pack --masks empty masked.tar | tensorls 2>/dev/null | grep -c mask.png
preprocess: photos/none: has no mask (and so for 1 more)
preprocess: 6 samples
4

$ tar xf masked.tar; tar cf foreign.tar --exclude '*.mask.png' photos/pics photos/none.jpg; preprocess --pack --masks masks foreign.tar | tensorls 2>/dev/null | cut -f 1,2
preprocess: photos/none: has no mask
preprocess: 2 samples
key	member
photos/pics/a	jpg
photos/pics/a	mask.png
photos/none	jpg

$ preprocess --pack --masks nowhere photos
preprocess: --masks nowhere: No such file or directory
[exit 4]

$ preprocess --pack --masks masks/a.png photos
preprocess: --masks masks/a.png: no directory
[exit 2]

# The same bytes and messages for every number of threads.

$ for j in 1 2 5; do preprocess -j $j $(cat all) $DATA/resample pics cut.jpg missing 2>said | md5sum - said; done | sort -u | wc -l
2

# Refusals.

$ preprocess --size 0 cat.png
preprocess: --size 0: takes N or WxH, sides from 1 to 16384
[exit 2]

$ preprocess --size 4x cat.png
preprocess: --size 4x: takes N or WxH, sides from 1 to 16384
[exit 2]

$ preprocess --resize 9 --crop-pct 1 cat.png
preprocess: --resize and --crop-pct: take one of them
[exit 2]

$ preprocess --mean 1,2 cat.png
preprocess: --mean 1,2: takes 3 numbers from -1000 to 1000 with ',' between them
[exit 2]

$ preprocess --std 0 cat.png
preprocess: --std 0: takes a number from 1e-06 to 1000
[exit 2]

$ preprocess --fit cut cat.png
preprocess: --fit cut: takes one of crop|squash|pad
[exit 2]

$ preprocess --pack --size 9 cat.png
preprocess: --pack makes no input: no -m, --size, --resize, --crop-pct, --filter, --fit, --mean or --std with it
[exit 2]

$ preprocess -0 cat.png
preprocess: --null: only with --files-from
[exit 2]

$ preprocess ''
preprocess: an operand is empty
[exit 2]

$ preprocess -m nosuch cat.png
preprocess: nosuch: no such model: give a .safetensors or .pth file, a directory with one, or a name in $SACCADE_MODELS
[exit 4]

$ SACCADE_VIT=nosuch preprocess --size 9 --mean 0 cat.png
preprocess: nosuch: no such model: give a .safetensors or .pth file, a directory with one, or a name in $SACCADE_MODELS
[exit 4]

$ . ./view.sh; SACCADE_VIT=nosuch preprocess --size 9 --mean 0 --std 1 cat.png 2>/dev/null | view
{"picture":"png","size":[23,17],"box":[3.83333333333333,0.0,21.0833333333333,17.0],"input":[9,9],"resize":[9,9],"crop_pct":null,"fit":"crop","filter":"bicubic","mean":[0.0,0.0,0.0],"std":[1.0,1.0,1.0],"for":null,"set":["size","mean","std"]}

$ preprocess $(cat all) cat.png >/dev/full
preprocess: standard output: write failed: No space left on device
[exit 4]
