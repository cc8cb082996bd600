# The model that comes with saccade, a picture, what comes out.

$ cp $DATA/pictures/rgb444.jpg cat.jpg; cp $DATA/pictures/rgb420.jpg dog.jpg; cp $DATA/pictures/grey.jpg fox.jpg

$ vitfwd --info | sed 's|\t/.*pipelines/|\tpipelines/|'
field	value	evidence
model	vit-cifar10-p4:dc5aa6e2	pipelines/models/vit-cifar10-p4
family	timm	vit_base_patch16_224
layers	6	names of tensors
dim	128	patch_embed.proj.weight
hidden	512	blocks.0.mlp.fc2.weight
patch	4x4	patch_embed.proj.weight
heads	4	config.json model_args.num_heads
prefix	1	class token, 0 registers
grid	8x8	config.json model_args.img_size
prefix positions	1	pos_embed
position resize	bicubic, antialias	timm
eps	1e-06	vit_base_patch16_224
activation	gelu (exact)	vit_base_patch16_224
readout	class token	config.json global_pool
classes	10	head.weight
input	32x32	config.json
fit	crop, from 32x32, bicubic	config.json
mean	0.5,0.5,0.5	config.json
std	0.5,0.5,0.5	config.json

$ vitfwd --info -m $DATA/vit/timm-reg-noembed
field	value	evidence
model	timm-reg-noembed:a307db96	$DATA/vit/timm-reg-noembed
family	timm	vit_small_patch14_reg4_dinov2
layers	2	names of tensors
dim	24	patch_embed.proj.weight
hidden	28	blocks.0.mlp.fc2.weight
patch	4x4	patch_embed.proj.weight
heads	3	config.json model_args.num_heads
prefix	4	class token, 3 registers
grid	4x2	config.json model_args.img_size
prefix positions	0	pos_embed
position resize	bicubic, antialias	timm
eps	1e-06	vit_small_patch14_reg4_dinov2
activation	gelu (exact)	vit_small_patch14_reg4_dinov2
readout	class token	config.json global_pool
classes	7	head.weight
input	16x8	config.json
fit	crop, from 16x8, bicubic	config.json
mean	0.485,0.456,0.406	config.json
std	0.229,0.224,0.225	config.json

$ vitfwd --info -m $DATA/vit/dino --num-heads 3 | grep -e ^heads -e ^mean -e ^family -e ^readout -e ^classes
family	dino	timm's names, no head and no configuration
heads	3	--num-heads
readout	none	no head
classes	0	no head
mean	0.485,0.456,0.406	default of the family

$ preprocess cat.jpg dog.jpg fox.jpg >in.tar 2>/dev/null; vitfwd in.tar >out.tar
vitfwd: 3 samples

$ shapes() { tensorls 2>/dev/null | awk -F'\t' '{ print $1, $2, $3 == "f4" ? $4 : $3 }'; }; declare -f shapes >shapes.sh

$ . ./shapes.sh; shapes <out.tar | head -n 12
key member type
__stream__ model json
cat jpg jpeg
cat view.json json
cat logits.npy [10]
cat attn.00.npy [4,65,65]
cat attn.01.npy [4,65,65]
cat attn.02.npy [4,65,65]
cat attn.03.npy [4,65,65]
cat attn.04.npy [4,65,65]
cat attn.05.npy [4,65,65]
cat model.json json

$ . ./shapes.sh; shapes <out.tar | tail -n 20 | cut -d ' ' -f 1 | sort | uniq -c
     10 dog
     10 fox

$ tensorls --check out.tar 2>/dev/null
whole: 3 samples, 0 bad, 30 members

$ tensorls --pg out.tar 2>/dev/null
id	pp	pn	vn	model	args
preprocess		preprocess	0.1.0	vit-cifar10-p4:dc5aa6e2	
vitfwd	preprocess	vitfwd	0.1.0	vit-cifar10-p4:dc5aa6e2	

# What model.json and __stream__/model say, but for the logit and its probability.

$ tar xOf out.tar cat.model.json | sed 's/"target":.*/\n/'
> tar xOf out.tar __stream__/model | sed 's/$/\n/'
{"model":"vit-cifar10-p4:dc5aa6e2","prefix":1,"distilled":false,"registers":0,"patch":[4,4],"grid":[8,8],"layers":6,"heads":4,"readout":"cls",
{"model":"vit-cifar10-p4:dc5aa6e2","family":"timm","patch":[4,4],"prefix":1,"heads":4,"layers":6,"dim":128,"input":[32,32],"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5],"classes":["airplane","automobile","bird","cat","deer","dog","frog","horse","ship","truck"]}

# Options that choose what is written.

$ members() { tensorls 2>/dev/null | cut -f 2,4 | grep -e attn -e tokens -e logits -e input; }; declare -f members >members.sh

$ . ./members.sh; vitfwd -l 0,3-4,-1 -t 0,6 in.tar 2>/dev/null | members | head -n 7
logits.npy	[10]
attn.00.npy	[4,65,65]
tokens.00.npy	[65,128]
attn.03.npy	[4,65,65]
attn.04.npy	[4,65,65]
attn.05.npy	[4,65,65]
tokens.06.npy	[65,128]

$ . ./members.sh; vitfwd -l none in.tar 2>/dev/null | members
logits.npy	[10]
logits.npy	[10]
logits.npy	[10]

$ . ./members.sh; vitfwd -k -l 5- --tokens=-1 in.tar 2>/dev/null | members | head -n 4
input.npy	[3,32,32]
logits.npy	[10]
attn.05.npy	[4,65,65]
tokens.06.npy	[65,128]

$ . ./members.sh; vitfwd --size 16x8 -l 0 in.tar 2>/dev/null | members; vitfwd --size 16x8 in.tar 2>/dev/null | tar xO cat.model.json | grep -o '"grid":[^]]*.'
logits.npy	[10]
attn.00.npy	[4,9,9]
logits.npy	[10]
attn.00.npy	[4,9,9]
logits.npy	[10]
attn.00.npy	[4,9,9]
"grid":[2,4]

$ vitfwd -l 9 in.tar
vitfwd: --layers 9: there are 6, 0 to 5
[exit 2]
$ vitfwd -l x in.tar
vitfwd: --layers x: takes a list as 3, -1, 0-5, 6-, 1,4 or all
[exit 2]
$ vitfwd -l -7 in.tar
vitfwd: --layers -7: there are 6, 0 to 5
[exit 2]
$ vitfwd -l '' in.tar
vitfwd: --layers : takes a list as 3, -1, 0-5, 6-, 1,4 or all
[exit 2]
$ vitfwd -l 3-1 in.tar
vitfwd: --layers 3-1: takes a list as 3, -1, 0-5, 6-, 1,4 or all
[exit 2]
$ vitfwd -t 7 in.tar
vitfwd: --tokens 7: there are 7, 0 to 6
[exit 2]
$ vitfwd -t none in.tar
vitfwd: --tokens none: takes a list as 3, -1, 0-5, 6-, 1,4 or all
[exit 2]
$ vitfwd --size 33 in.tar
vitfwd: --size 33: takes multiples of the patch, 4x4
[exit 2]
$ vitfwd --size 32x in.tar
vitfwd: --size 32x: takes N or WxH, sides from 1 to 16384
[exit 2]
$ vitfwd --size 0 in.tar
vitfwd: --size 0: takes N or WxH, sides from 1 to 16384
[exit 2]
$ vitfwd --size 20000 in.tar
vitfwd: --size 20000: takes N or WxH, sides from 1 to 16384
[exit 2]
$ vitfwd -b 0 in.tar
vitfwd: --batch 0: takes a whole number from 1 to 4096
[exit 2]
$ vitfwd -b 4097 in.tar
vitfwd: --batch 4097: takes a whole number from 1 to 4096
[exit 2]
$ vitfwd -j 0 in.tar
vitfwd: --threads 0: takes a whole number from 1 to 4096
[exit 2]
$ vitfwd --num-heads 3 in.tar 2>&1 | sed 's|/.*/pipelines/|pipelines/|'; echo ${PIPESTATUS[0]}
vitfwd: pipelines/models/vit-cifar10-p4: 3 heads (--num-heads) don't divide dim 128
2
$ vitfwd --state teacher in.tar 2>&1 | sed 's|/.*/pipelines/|pipelines/|'; echo ${PIPESTATUS[0]}
vitfwd: pipelines/models/vit-cifar10-p4: --state teacher: the checkpoint has no such state dict
2
$ vitfwd -m
vitfwd: -m: needs an argument: see -h
[exit 2]
$ vitfwd --nonsense
vitfwd: --nonsense: no such option: see -h
[exit 2]
$ vitfwd --info=1
vitfwd: --info=1: takes no argument: see -h
[exit 2]
$ vitfwd -V
vitfwd (saccade) 0.1.0
$ vitfwd -h
usage: vitfwd [options] [FILE...]
vitfwd reads pictures or inputs, writes a ViT's logits, attention and gradients

  -m, --model MODEL       a .safetensors or .pth file, a directory as the hub
                          lays it out, or a name in $SACCADE_MODELS; default:
                          $SACCADE_VIT, else the ViT that comes with saccade
  -l, --layers LIST|none  layers whose attention is written (default: all)
  -g, --grad TARGET       also write the gradient of a class's logit by the
                          attention of these layers: pred (the likeliest class),
                          true (the sample's cls), an index or a class name
  -t, --tokens LIST       write the residual stream entering these blocks; one
                          more than the last is what leaves the model
      --act LIST          write what these blocks' attention reads, as channels
                          over the patches; with --grad also the gradient by it:
                          for gradcam
  -b, --batch N           pictures computed at once (default: 8)
      --size N|WxH        another input size than the model's own, in multiples
                          of its patch
      --state NAME        take this state dict of a checkpoint that holds
                          several
      --num-heads N       the number of heads, where no configuration says it
      --max-pixels N      refuse pictures with more (default: 178956970)
      --info              print what was understood of the model, and from what
  -o, --output FILE       write FILE.part, then rename it to FILE
  -k, --keep              keep the tensors that this stage would drop
  -j, --threads N         use N threads; the output is the same for every N
      --max-bad N|N%      exit with 3 where more samples than that are bad
  -v, --verbose           say more on standard error
  -h, --help              print this help
  -V, --version           print the version

# Models: missing, not a ViT, broken.

$ vitfwd -m nowhere in.tar
vitfwd: nowhere: no such model: give a .safetensors or .pth file, a directory with one, or a name in $SACCADE_MODELS
[exit 4]
$ vitfwd -m nowhere.safetensors in.tar
vitfwd: nowhere.safetensors: no such model: give a .safetensors or .pth file, a directory with one, or a name in $SACCADE_MODELS
[exit 4]
$ SACCADE_MODELS=a:b vitfwd -m nowhere in.tar
vitfwd: nowhere: no such model: give a .safetensors or .pth file, a directory with one, or a name in $SACCADE_MODELS (a:b)
[exit 4]
$ SACCADE_VIT=mine vitfwd in.tar
vitfwd: mine: no such model: give a .safetensors or .pth file, a directory with one, or a name in $SACCADE_MODELS
[exit 4]
$ vitfwd -m cat.jpg in.tar
vitfwd: cat.jpg: neither a .safetensors nor a PyTorch checkpoint (.pth, .pt, .bin, .th)
[exit 2]
$ mkdir empty; vitfwd -m empty in.tar
vitfwd: empty: has no model.safetensors and no pytorch_model.bin, nor an index of either's shards
[exit 4]
$ cp cat.jpg cat.safetensors; vitfwd -m cat.safetensors in.tar
vitfwd: cat.safetensors: not safetensors: a header of 5064878326892452095 bytes in a file of 960
[exit 3]
$ header='{"conv1.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
> printf "\\x$(printf %x ${#header})\0\0\0\0\0\0\0%s1234" "$header" >resnet.safetensors
> vitfwd -m resnet.safetensors in.tar
vitfwd: resnet.safetensors: not a ViT: conv1.weight says a convolutional network: use resnetfwd
[exit 2]
$ head -c 2000000 $DATA/../../pipelines/models/vit-cifar10-p4/model.safetensors >cut.safetensors; vitfwd -m cut.safetensors in.tar
vitfwd: cut.safetensors: blocks.5.attn.proj.weight: offsets 1982976..2015744 don't fit its 32768 bytes and the file
[exit 3]
$ vitfwd -m $DATA/vit/dino in.tar
vitfwd: $DATA/vit/dino: the number of heads is not in the shapes and no configuration says it: say --num-heads N
[exit 2]
$ SACCADE_MODELS=$DATA/vit vitfwd -m timm-plain in.tar 2>/dev/null | { . ./shapes.sh; shapes; } | sed -n 2,8p
__stream__ model json
cat jpg jpeg
cat view.json json
cat logits.npy [7]
cat attn.00.npy [2,11,11]
cat attn.01.npy [2,11,11]
cat attn.02.npy [2,11,11]

# A model before this one: its tensors go; a picture gives each its own input.

$ vitfwd -t 0 in.tar 2>/dev/null | vitfwd -m $DATA/vit/timm-plain 2>/dev/null >chain.tar; . ./shapes.sh; shapes <chain.tar | head -n 12
key member type
__stream__ model json
__stream__ model json
cat jpg jpeg
cat view.json json
cat logits.npy [7]
cat attn.00.npy [2,11,11]
cat attn.01.npy [2,11,11]
cat attn.02.npy [2,11,11]
cat model.json json
dog jpg jpeg
dog view.json json

$ for model in timm-plain vit-cifar10-p4; do
>     tar xOf chain.tar cat.view.json | grep -o "\"for\":\"$model:"
> done; tensorls --pg chain.tar 2>/dev/null | cut -f 1,2,5,6
"for":"timm-plain:
id	pp	model	args
preprocess		vit-cifar10-p4:dc5aa6e2	
vitfwd	preprocess	vit-cifar10-p4:dc5aa6e2	--tokens=0
vitfwd.2	vitfwd	timm-plain:f3401cfb	--model=timm-plain

$ preprocess -m $DATA/vit/timm-plain cat.jpg dog.jpg 2>/dev/null | tensorcat --drop jpg 2>/dev/null >gone.tar; vitfwd gone.tar >bad.tar
vitfwd: cat: its input was made for timm-plain:f3401cfb, and there is no picture to make one for vit-cifar10-p4:dc5aa6e2 of
vitfwd: dog: its input was made for timm-plain:f3401cfb, and there is no picture to make one for vit-cifar10-p4:dc5aa6e2 of
vitfwd: 2 samples, 2 bad
[exit 1]

$ . ./shapes.sh; shapes <bad.tar
key member type
__stream__ model json
cat input.npy [3,8,20]
cat view.json json
cat __bad__ json
dog input.npy [3,8,20]
dog view.json json
dog __bad__ json

$ vitfwd -m $DATA/vit/timm-plain gone.tar 2>/dev/null | { . ./shapes.sh; shapes; } | grep -c logits
2

# The head may be none that is computed: then there are no logits, and no target.

$ vitfwd -m $DATA/vit/timm-headless in.tar 2>/dev/null >headless.tar; tensorls headless.tar 2>/dev/null | grep -c logits; tar xOf headless.tar cat.model.json | grep -o '"target":.*'
0
"target":null}

# Mean and std that nobody knows.

$ vitfwd -m $DATA/vit/timm-bare --num-heads 2 in.tar >/dev/null
vitfwd: cat: timm-bare:94ad611b: mean and std are not known, no configuration says them: say preprocess --mean r,g,b --std r,g,b
[exit 2]

$ preprocess --size 12 --mean .5 --std .5 --filter bicubic --fit crop cat.jpg 2>/dev/null | vitfwd -m $DATA/vit/timm-bare --num-heads 2 2>/dev/null | { . ./shapes.sh; shapes; } | grep logits
cat logits.npy [7]

# Inputs of somebody's own, without view.json: right, of other sizes, and broken.

$ npy() { printf '\223NUMPY\1\0v\0%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($1), }"; head -c $2 /dev/zero; }; declare -f npy >npy.sh

$ . ./npy.sh; npy 3,32,32 12288 >a.input.npy; npy 3,30,32 11520 >b.input.npy; npy 3,16,36 6912 >c.input.npy
> npy 1,32,32 4096 >d.input.npy; npy 3,0,32 0 >e.input.npy; npy 32,32 4096 >f.input.npy; npy 3,32,32 12000 >g.input.npy
> echo no array >h.input.npy; npy 3,32,32 12288 >i.input.npy; tar cf own.tar ?.input.npy; vitfwd own.tar >bad.tar
vitfwd: b: input is [3,30,32], vit-cifar10-p4:dc5aa6e2 takes [3,32,32] or other multiples of its patch, 4x4
vitfwd: d: input is [1,32,32], vit-cifar10-p4:dc5aa6e2 takes [3,32,32] or other multiples of its patch, 4x4
vitfwd: e: input is [3,0,32], vit-cifar10-p4:dc5aa6e2 takes [3,32,32] or other multiples of its patch, 4x4
vitfwd: f: input.npy is f4[32,32], not of 3 dimensions
vitfwd: g: input.npy: npy: has 12000 bytes of data, its shape needs 12288
vitfwd: h: input.npy: npy: not a .npy array of version 1 to 3
vitfwd: 9 samples, 6 bad
[exit 1]

$ . ./shapes.sh; shapes <bad.tar | grep -e logits -e input -e bad
a logits.npy [10]
b input.npy [3,30,32]
b __bad__ json
c logits.npy [10]
d input.npy [1,32,32]
d __bad__ json
e input.npy [3,0,32]
e __bad__ json
f input.npy [32,32]
f __bad__ json
g input.npy broken
g __bad__ json
h input.npy broken
h __bad__ json
i logits.npy [10]

$ tar xOf bad.tar b.__bad__; echo
{"stage":"vitfwd","error":"input is [3,30,32], vit-cifar10-p4:dc5aa6e2 takes [3,32,32] or other multiples of its patch, 4x4"}

$ . ./shapes.sh; for b in 1 2 3; do vitfwd -b $b own.tar 2>/dev/null | shapes | cksum; done | sort -u | wc -l
1

# NaN stays NaN, and there is no likeliest class.

$ printf '\0\0\300\177' | dd of=a.input.npy bs=1 seek=5000 conv=notrunc 2>/dev/null; tar cf nan.tar a.input.npy; vitfwd -l 0 nan.tar 2>/dev/null | tensorls 2>/dev/null | grep logits; vitfwd nan.tar 2>/dev/null | tar xO a.model.json | grep -o '"target.*'
a	logits.npy	f4	[10]	nan	nan	nan
"target":null}

# Pictures that are cut, samples without a picture: fatal for the first sample only.

$ head -c 700 cat.jpg >cut.jpg; echo 3 >none.cls; tar cf mixed.tar cat.jpg cut.jpg none.cls dog.jpg; vitfwd mixed.tar >bad.tar
vitfwd: cut: jpeg: premature end
vitfwd: none: has neither input nor picture: run preprocess
vitfwd: 4 samples, 2 bad
[exit 1]

$ . ./shapes.sh; shapes <bad.tar | grep -v attn
key member type
__stream__ model json
cat jpg jpeg
cat view.json json
cat logits.npy [10]
cat model.json json
cut jpg jpeg
cut __bad__ json
none cls text
none __bad__ json
dog jpg jpeg
dog view.json json
dog logits.npy [10]
dog model.json json

$ . ./shapes.sh; for b in 1 2 8; do vitfwd -b $b mixed.tar 2>/dev/null | shapes | cksum; done | sort -u | wc -l
1

$ tar cf mixed.tar none.cls dog.jpg; for b in 1 8; do vitfwd -b $b mixed.tar >/dev/null; echo $?; done
vitfwd: none: has neither input nor picture: run preprocess
2
vitfwd: none: has neither input nor picture: run preprocess
2

$ tar cf plain.tar cat.jpg dog.jpg; vitfwd --max-pixels 100 plain.tar >/dev/null
vitfwd: cat: 23x17 is over the limit of 100 pixels
vitfwd: dog: 23x17 is over the limit of 100 pixels
vitfwd: 2 samples, 2 bad
[exit 1]
$ vitfwd --max-pixels 100 --max-bad 1 plain.tar >/dev/null
vitfwd: cat: 23x17 is over the limit of 100 pixels
vitfwd: dog: 23x17 is over the limit of 100 pixels
vitfwd: 2 of 2 samples are bad, over --max-bad 1
[exit 3]
$ vitfwd plain.tar 2>/dev/null | { . ./shapes.sh; shapes; } | grep logits
cat logits.npy [10]
dog logits.npy [10]

# Gradients: which members, for which class, and what is no class.

$ . ./shapes.sh; vitfwd -l 4- -g pred --act -1 in.tar 2>/dev/null | shapes | grep -e attn -e act | grep cat
cat attn.04.npy [4,65,65]
cat attngrad.04.npy [4,65,65]
cat attn.05.npy [4,65,65]
cat attngrad.05.npy [4,65,65]
cat act.block05.npy [128,8,8]
cat actgrad.block05.npy [128,8,8]
$ vitfwd -l none -g pred --act 0,2 in.tar 2>/dev/null | { . ./shapes.sh; shapes; } | grep -e attn -e act | grep cat
cat act.block00.npy [128,8,8]
cat actgrad.block00.npy [128,8,8]
cat act.block02.npy [128,8,8]
cat actgrad.block02.npy [128,8,8]
$ vitfwd -l none --act 0 in.tar 2>/dev/null | { . ./shapes.sh; shapes; } | grep -e attn -e act | grep cat
cat act.block00.npy [128,8,8]
$ vitfwd -g none in.tar 2>/dev/null >none.tar; tensorcat --only 'attn*' none.tar 2>/dev/null | tensorls 2>/dev/null | cut -f 2 | sort | uniq -c
      3 attn.00.npy
      3 attn.01.npy
      3 attn.02.npy
      3 attn.03.npy
      3 attn.04.npy
      3 attn.05.npy
      1 member
      1 model
$ target() { vitfwd -l none "$@" cat.tar 2>/dev/null | tar xOf - cat.model.json | grep -o '"target.*' | sed -E 's/([0-9]\.[0-9]{3})[0-9]*/\1/g'; }; declare -f target >target.sh
$ preprocess cat.jpg 2>/dev/null >cat.tar; . ./target.sh; for g in pred 3 cat CAT dog; do target -g $g; done
"target":{"index":3,"name":"cat","logit":2.221,"prob":0.441}}
"target":{"index":3,"name":"cat","logit":2.221,"prob":0.441}}
"target":{"index":3,"name":"cat","logit":2.221,"prob":0.441}}
"target":{"index":3,"name":"cat","logit":2.221,"prob":0.441}}
"target":{"index":5,"name":"dog","logit":-0.417,"prob":0.031}}
$ for g in 10 elephant '' a do 1.5; do vitfwd -g "$g" cat.tar >/dev/null; echo $?; done
vitfwd: --grad 10: vit-cifar10-p4:dc5aa6e2 has 10 classes, from 0 to 9
2
vitfwd: --grad elephant: takes pred, true, an index or a class name: vit-cifar10-p4:dc5aa6e2 has no such class
2
vitfwd: --grad : takes pred, true, an index or a class name: vit-cifar10-p4:dc5aa6e2 has no such class
2
vitfwd: --grad a: no class of vit-cifar10-p4:dc5aa6e2 has that name; near it: 0 "airplane", 1 "automobile", 3 "cat"
2
vitfwd: --grad do: no class of vit-cifar10-p4:dc5aa6e2 has that name; near it: 5 "dog"
2
vitfwd: --grad 1.5: takes pred, true, an index or a class name: vit-cifar10-p4:dc5aa6e2 has no such class
2
$ vitfwd -g true cat.tar >/dev/null
vitfwd: cat: has no cls, which --grad true needs: see preprocess --labels
[exit 2]
$ echo 7 >cat.cls; echo 11 >dog.cls; tar cf classed.tar cat.jpg cat.cls dog.jpg dog.cls; vitfwd -l none -g true classed.tar >true.tar
vitfwd: dog: cls is 11, vit-cifar10-p4:dc5aa6e2 has 10 classes
vitfwd: 2 samples, 1 bad
[exit 1]
$ tar xOf true.tar cat.model.json | grep -o '"target.*' | sed -E 's/([0-9]\.[0-9]{3})[0-9]*/\1/g'
"target":{"index":7,"name":"horse","logit":-0.913,"prob":0.019}}
$ vitfwd -m $DATA/vit/hf-vit-model -g pred cat.tar >/dev/null
vitfwd: --grad pred: hf-vit-model:64658e74 has no head that gives logits, so there is nothing to take a gradient of
[exit 2]
$ vitfwd --act 6 cat.tar >/dev/null
vitfwd: --act 6: there are 6, 0 to 5
[exit 2]
$ for j in 1 2 3; do for b in 1 2 8; do vitfwd -g pred --act all -j $j -b $b in.tar 2>/dev/null | cksum; done; done | sort -u | wc -l
1
$ vitfwd -g pred in.tar 2>/dev/null | vitfwd -l none - 2>/dev/null | { . ./shapes.sh; shapes; } | grep -c attngrad
0
[exit 1]

# Framing: nothing, cut anywhere, a full disk, a closed pipe, files.

$ vitfwd </dev/null
vitfwd: standard input: truncated: no bytes at all: see what the program before it says
[exit 3]
$ vitfwd in.tar >/dev/full
vitfwd: standard output: write failed: No space left on device
[exit 4]
$ vitfwd in.tar | head -c 100 | wc -c; echo ${PIPESTATUS[0]}
100
141
$ vitfwd nowhere.tar
vitfwd: nowhere.tar: No such file or directory
[exit 4]
$ size=$(stat -c %s in.tar)
> for ((cut = 1; cut < size; cut += 3583)); do
>     head -c $cut in.tar | vitfwd 2>/dev/null >cut.tar || echo "exit $?"
>     tensorls --check cut.tar >/dev/null 2>&1 || echo "check $?"
> done | sort | uniq -c | awk '{ print $2, $3 }'
check 3
exit 3
$ vitfwd -o whole.tar <in.tar; cmp whole.tar out.tar; ls whole.tar*
vitfwd: 3 samples
whole.tar
$ head -c 9000 in.tar | vitfwd -o part.tar; ls part.tar*
vitfwd: standard input: truncated: ends inside cat.input.npy
part.tar.part

# The same bytes for every number of threads; a closing line.

$ for j in 1 2 3 5; do vitfwd -j $j in.tar 2>/dev/null | cmp - out.tar; done
$ vitfwd in.tar in.tar >/dev/null
vitfwd: in.tar: key cat returns: join shards with preprocess --prefix-shard
[exit 3]
