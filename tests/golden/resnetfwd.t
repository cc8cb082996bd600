# What is understood of models of each family.

$ resnetfwd --info -m $DATA/resnet/timm-basic
field	value	evidence
model	timm-basic:64728a48	$DATA/resnet/timm-basic
family	timm	config.json
stem	1 of 7x7, 64 channels	conv1.weight
stem stride	2, then a 3x3 maximum at 2	as every ResNet of this family has it
layers	1,2,1,1	names of tensors
blocks	basic	names of tensors
dim	8	shapes of weights
groups	1	shapes of weights
shortcut	projection	names of tensors
strides	1, then 2 in the first 3x3 of a stage's first block	as the family has it
classes	7	fc.weight
input	27x33	config.json
fit	crop, from 28x34, bicubic	config.json
mean	0.485,0.456,0.406	config.json
std	0.229,0.224,0.225	config.json

$ infos() { for model in cifar-a/model.th cifar-b/ckpt.pth hf-bottleneck hf-first hf-model timm-bottleneck-d timm-deep-c timm-f16 timm-groups timm-headless torchvision-basic/model.pth; do resnetfwd --info -m $DATA/resnet/$model | awk -F'\t' -v name=$model '{ said[$1] = $2 } END { print name, said["family"], "|", said["stem"], "|", said["stem stride"], "|", said["layers"], said["blocks"], said["groups"], said["dim"], "|", said["shortcut"], "|", said["classes"], said["input"], "|", said["fit"] }' ; done; }; infos
cifar-a/model.th cifar | 1 of 3x3, 4 channels | 1, no pooling | 1,2,1 basic 1 16 | every second pixel, zero channels (option A) | 7 32x32 | crop, from 32x32, bilinear
cifar-b/ckpt.pth cifar | 1 of 3x3, 6 channels | 1, no pooling | 1,1,2,1 basic 1 12 | projection | 7 32x32 | crop, from 32x32, bilinear
hf-bottleneck hf-resnet | 1 of 7x7, 8 channels | 2, then a 3x3 maximum at 2 | 1,1,2,1 bottleneck 1 16 | projection | 7 224x224 | crop, from 256x256, bicubic
hf-first hf-resnet | 1 of 7x7, 8 channels | 2, then a 3x3 maximum at 2 | 1,2,1 bottleneck 1 24 | projection | 7 224x224 | crop, from 256x256, bicubic
hf-model hf-resnet | 1 of 7x7, 8 channels | 2, then a 3x3 maximum at 2 | 2,1,1,1 basic 1 10 | projection | none 224x224 | crop, from 256x256, bicubic
timm-bottleneck-d timm | 3 of 3x3, 8 channels | 2, then a 3x3 maximum at 2 | 1,2,1,1 bottleneck 1 20 | average, then projection | 7 27x33 | crop, from 28x34, bicubic
timm-deep-c timm | 3 of 3x3, 8 channels | 2, then a 3x3 maximum at 2 | 2,1,1,1 bottleneck 1 20 | projection | 7 27x33 | crop, from 28x34, bicubic
timm-f16 timm | 3 of 3x3, 8 channels | 2, then a 3x3 maximum at 2 | 2,1,1,1 basic 1 10 | average, then projection | 7 27x33 | crop, from 28x34, bicubic
timm-groups timm | 3 of 3x3, 8 channels | 2, then a 3x3 maximum at 2 | 1,1,1,2 bottleneck 4 20 | average, then projection | 7 27x33 | crop, from 28x34, bicubic
timm-headless timm | 3 of 3x3, 8 channels | 2, then a 3x3 maximum at 2 | 1,1,1,2 basic 1 8 | average, then projection | none 27x33 | crop, from 28x34, bicubic
torchvision-basic/model.pth torchvision | 1 of 7x7, 8 channels | 2, then a 3x3 maximum at 2 | 1,2,1,1 basic 1 10 | projection | 7 224x224 | crop, from 256x256, bilinear

$ resnetfwd --info -m $DATA/resnet/cifar-a/model.th | grep -e ^state -e ^mean -e ^classes
state	state_dict	of a training checkpoint
classes	7	state_dict.module.linear.weight
mean	0.485,0.456,0.406	as pytorch_resnet_cifar10 trains its option A

# What comes out by default: the last layer, and the gradient of the likeliest class.

$ cp $DATA/pictures/rgb444.jpg cat.jpg; cp $DATA/pictures/rgb420.jpg dog.jpg; cp $DATA/pictures/grey.jpg fox.jpg; cp $DATA/resnet/timm-basic/model.safetensors tiny.safetensors; cp $DATA/resnet/timm-basic/config.json tiny.json

$ export SACCADE_RESNET=$PWD/tiny.safetensors; echo "export SACCADE_RESNET=$PWD/tiny.safetensors" >env.sh; preprocess -m tiny.safetensors cat.jpg dog.jpg fox.jpg >in.tar 2>/dev/null; resnetfwd in.tar >out.tar
resnetfwd: 3 samples

$ shapes() { tensorls 2>/dev/null | awk -F'\t' '{ print $1, $2, $3 == "f4" ? $4 : $3 }'; }; declare -f shapes >shapes.sh

$ . ./shapes.sh; shapes <out.tar | head -n 8; shapes <out.tar | tail -n 12 | cut -d ' ' -f 1 | sort | uniq -c
key member type
__stream__ model json
cat jpg jpeg
cat view.json json
cat act.layer4.npy [8,2,1]
cat actgrad.layer4.npy [8,2,1]
cat logits.npy [7]
cat model.json json
      6 dog
      6 fox

$ tensorls --check out.tar 2>/dev/null; tensorls --pg out.tar 2>/dev/null | cut -f 3-6
whole: 3 samples, 0 bad, 18 members
pn	vn	model	args
preprocess	0.1.0	tiny:64728a48	--model=tiny.safetensors
resnetfwd	0.1.0	tiny:64728a48	

$ tar xOf out.tar cat.model.json | sed 's/"logit".*/\n/'
> tar xOf out.tar __stream__/model | sed 's/$/\n/'
{"model":"tiny:64728a48","prefix":null,"distilled":null,"registers":null,"patch":null,"grid":null,"layers":null,"heads":null,"readout":null,"target":{"index":3,"name":null,
{"model":"tiny:64728a48","family":"timm","patch":null,"prefix":null,"heads":null,"layers":5,"dim":8,"input":[27,33],"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225],"classes":[null,null,null,null,null,null,null]}

$ . ./env.sh; resnetfwd cat.jpg
resnetfwd: cat.jpg is a picture (jpeg), not a tensor stream: run preprocess on it first
[exit 3]

$ tar cf plain.tar cat.jpg dog.jpg fox.jpg; . ./env.sh; . ./shapes.sh; resnetfwd plain.tar 2>/dev/null >own.tar; for key in cat dog fox; do tensorcat --key $key --npy act.layer4.npy own.tar 2>/dev/null | cksum; tensorcat --key $key --npy act.layer4.npy out.tar 2>/dev/null | cksum; done | uniq | wc -l
3

# Where activations are read, and for which class their gradient.

$ members() { tensorcat --key cat 2>/dev/null | tensorls 2>/dev/null | awk -F'\t' '/act|logits|input/ { printf "%s%s %s", n++ ? ", " : "", $2, $4 } END { print "" }'; }; declare -f members >members.sh

$ . ./env.sh; . ./members.sh; for at in none stem layer4 layer1,layer3 layer1..layer3 layer4..layer4 layer2-0 layer2-1 layer2 stem,layer2-0,layer3..layer4 layer4,layer4 layer4,stem; do echo "$at: $(resnetfwd --at $at in.tar 2>/dev/null | members)"; done
none: logits.npy [7]
stem: act.stem.npy [64,17,14], actgrad.stem.npy [64,17,14], logits.npy [7]
layer4: act.layer4.npy [8,2,1], actgrad.layer4.npy [8,2,1], logits.npy [7]
layer1,layer3: act.layer1.npy [4,9,7], actgrad.layer1.npy [4,9,7], act.layer3.npy [8,3,2], actgrad.layer3.npy [8,3,2], logits.npy [7]
layer1..layer3: act.layer1.npy [4,9,7], actgrad.layer1.npy [4,9,7], act.layer2.npy [6,5,4], actgrad.layer2.npy [6,5,4], act.layer3.npy [8,3,2], actgrad.layer3.npy [8,3,2], logits.npy [7]
layer4..layer4: act.layer4.npy [8,2,1], actgrad.layer4.npy [8,2,1], logits.npy [7]
layer2-0: act.layer2-0.npy [6,5,4], actgrad.layer2-0.npy [6,5,4], logits.npy [7]
layer2-1: act.layer2.npy [6,5,4], actgrad.layer2.npy [6,5,4], logits.npy [7]
layer2: act.layer2.npy [6,5,4], actgrad.layer2.npy [6,5,4], logits.npy [7]
stem,layer2-0,layer3..layer4: act.stem.npy [64,17,14], actgrad.stem.npy [64,17,14], act.layer2-0.npy [6,5,4], actgrad.layer2-0.npy [6,5,4], act.layer3.npy [8,3,2], actgrad.layer3.npy [8,3,2], act.layer4.npy [8,2,1], actgrad.layer4.npy [8,2,1], logits.npy [7]
layer4,layer4: act.layer4.npy [8,2,1], actgrad.layer4.npy [8,2,1], logits.npy [7]
layer4,stem: act.stem.npy [64,17,14], actgrad.stem.npy [64,17,14], act.layer4.npy [8,2,1], actgrad.layer4.npy [8,2,1], logits.npy [7]

$ . ./env.sh; . ./members.sh; for options in '-g none' '-g none --at stem' '-g pred --at none' '-k --at none' '-k -g none'; do echo "$options: $(resnetfwd $options in.tar 2>/dev/null | members)"; done
-g none: act.layer4.npy [8,2,1], logits.npy [7]
-g none --at stem: act.stem.npy [64,17,14], logits.npy [7]
-g pred --at none: logits.npy [7]
-k --at none: input.npy [3,33,27], logits.npy [7]
-k -g none: input.npy [3,33,27], act.layer4.npy [8,2,1], logits.npy [7]

$ . ./env.sh; for at in layer9 layer0 layer5 layer3-7 layer1-1 layer02-0 layer-1 Layer4 layer4x stem-0 stem..layer2 layer3..layer1 layer1..layer9 layer1.. ..layer4 block3 3 layer2, ,stem '' 'layer1 layer2'; do resnetfwd --at "$at" in.tar >/dev/null; echo $?; done
resnetfwd: --at layer9: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at layer0: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at layer5: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at layer3-7: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at layer1-1: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: 3 samples
0
resnetfwd: --at layer-1: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at Layer4: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at layer4x: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at stem-0: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: 3 samples
0
resnetfwd: --at layer3..layer1: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at layer1..layer9: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at layer1..: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at ..layer4: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at block3: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at 3: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at : no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at : no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at : no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2
resnetfwd: --at layer1 layer2: no such place: there is stem, layer1..layer4, and single blocks from layer1-0 to layer4-0
2

$ target() { resnetfwd --at none "$@" cat.tar 2>/dev/null | tar xOf - cat.model.json | grep -o '"target.*' | sed 's/\(\.[0-9][0-9][0-9]\)[0-9]*/\1/g'; }; declare -f target >target.sh

$ . ./env.sh; . ./target.sh; tensorcat --key cat in.tar >cat.tar 2>/dev/null; for g in pred 3 1 none; do target -g $g; done
"target":{"index":3,"name":null,"logit":5.926,"prob":0.911}}
"target":{"index":3,"name":null,"logit":5.926,"prob":0.911}}
"target":{"index":1,"name":null,"logit":2.862,"prob":0.042}}
"target":{"index":3,"name":null,"logit":5.926,"prob":0.911}}

$ . ./env.sh; for g in 7 cat -1 '' 1.5 true; do resnetfwd -g "$g" cat.tar >/dev/null; echo $?; done
resnetfwd: --grad 7: tiny:64728a48 has 7 classes, from 0 to 6
2
resnetfwd: --grad cat: takes pred, true or an index: the class names of tiny:64728a48 are not known (id2label in its configuration would tell, or a labels.tsv where no other model lies: see saccade(7))
2
resnetfwd: --grad -1: takes pred, true or an index: the class names of tiny:64728a48 are not known (id2label in its configuration would tell, or a labels.tsv where no other model lies: see saccade(7))
2
resnetfwd: --grad : takes pred, true or an index: the class names of tiny:64728a48 are not known (id2label in its configuration would tell, or a labels.tsv where no other model lies: see saccade(7))
2
resnetfwd: --grad 1.5: takes pred, true or an index: the class names of tiny:64728a48 are not known (id2label in its configuration would tell, or a labels.tsv where no other model lies: see saccade(7))
2
resnetfwd: cat: has no cls, which --grad true needs: see preprocess --labels
2

$ printf '0\tlion\n1\tant, emmet\n2\tzebra\n3\tant bear\n4\tlion\n5\tf\n6\tg\n' >labels.tsv; mkdir named; cp tiny.safetensors named/model.safetensors; cp tiny.json named/config.json; cp labels.tsv named; for g in emmet ZEBRA lion bear; do resnetfwd -m named -g $g --at none cat.tar 2>said | tar xOf - cat.model.json 2>/dev/null | grep -o '"target":{"index":[^}]*"logit"'; grep -v sample said; done
"target":{"index":1,"name":"ant, emmet","logit"
"target":{"index":2,"name":"zebra","logit"
resnetfwd: --grad lion: 2 classes of named:64728a48 have that name: 0 "lion", 4 "lion"
resnetfwd: --grad bear: no class of named:64728a48 has that name; near it: 3 "ant bear"

$ . ./env.sh; echo 4 >cat.cls; echo 7 >dog.cls; tar cf classed.tar cat.jpg cat.cls dog.jpg dog.cls; resnetfwd -g true classed.tar >true.tar
resnetfwd: dog: cls is 7, tiny:64728a48 has 7 classes
resnetfwd: 2 samples, 1 bad
[exit 1]

$ tar xOf true.tar cat.model.json | grep -o '"index":[0-9]*'; . ./shapes.sh; shapes <true.tar | tail -n 4
"index":4
cat model.json json
dog jpg jpeg
dog cls text
dog __bad__ json

# Another class, another gradient of the same activation.

$ . ./env.sh; for member in act actgrad; do for g in 1 2; do resnetfwd -g $g cat.tar 2>/dev/null | tensorcat --npy $member.layer4.npy 2>/dev/null | cksum; done | sort -u | wc -l; done
1
2

# A model without a head has no logits and no gradient, unless one is asked for.

$ . ./members.sh; resnetfwd -m $DATA/resnet/timm-headless in.tar 2>/dev/null >headless.tar; members <headless.tar; tar xOf headless.tar cat.model.json | grep -o '"target":.*'; tar xOf headless.tar __stream__/model | grep -o '"classes".*'
act.layer4.npy [8,2,1]
"target":null}
"classes":[]}

$ resnetfwd -m $DATA/resnet/timm-headless -g pred in.tar >/dev/null
resnetfwd: --grad pred: timm-headless:045521d4 has no head that gives logits, so there is nothing to take a gradient of
[exit 2]

# Sizes: any, odd ones too; the model's own rule in proportion.

$ . ./env.sh; . ./members.sh; for size in 1 7 16x33 33x16 64; do echo "$size: $(resnetfwd --at stem,layer4 -g none --size $size in.tar 2>/dev/null | members)"; done
1: act.stem.npy [64,1,1], act.layer4.npy [8,1,1], logits.npy [7]
7: act.stem.npy [64,4,4], act.layer4.npy [8,1,1], logits.npy [7]
16x33: act.stem.npy [64,17,8], act.layer4.npy [8,2,1], logits.npy [7]
33x16: act.stem.npy [64,8,17], act.layer4.npy [8,1,2], logits.npy [7]
64: act.stem.npy [64,32,32], act.layer4.npy [8,2,2], logits.npy [7]

$ . ./env.sh; for size in 0 32x 16385 -3; do resnetfwd --size $size in.tar >/dev/null; echo $?; done
resnetfwd: --size 0: takes N or WxH, sides from 1 to 16384
2
resnetfwd: --size 32x: takes N or WxH, sides from 1 to 16384
2
resnetfwd: --size 16385: takes N or WxH, sides from 1 to 16384
2
resnetfwd: --size -3: takes N or WxH, sides from 1 to 16384
2

# State dicts, and PyTorch's files.

$ . ./shapes.sh; for model in cifar-a/model.th cifar-b/ckpt.pth torchvision-wide/model.pth; do resnetfwd -m $DATA/resnet/$model plain.tar 2>/dev/null | shapes | sed -n 4,7p; done
cat view.json json
cat act.layer3.npy [16,8,8]
cat actgrad.layer3.npy [16,8,8]
cat logits.npy [7]
cat view.json json
cat act.layer4.npy [12,4,4]
cat actgrad.layer4.npy [12,4,4]
cat logits.npy [7]
cat view.json json
cat act.layer4.npy [16,7,7]
cat actgrad.layer4.npy [16,7,7]
cat logits.npy [7]

$ resnetfwd -m $DATA/resnet/cifar-a/model.th --state state_dict --info | grep -e ^state -e ^classes
state	state_dict	of a training checkpoint
classes	7	state_dict.module.linear.weight

$ resnetfwd -m $DATA/resnet/cifar-a/model.th --state teacher --info
resnetfwd: $DATA/resnet/cifar-a/model.th: --state teacher: the checkpoint has no such state dict
[exit 2]

$ . ./env.sh; resnetfwd --state teacher in.tar
resnetfwd: $PWD/tiny.safetensors: --state teacher: the checkpoint has no such state dict
[exit 2]

# Two models in one pipe: tensors of the one before go, maps stay, each has an input of its own.

$ . ./env.sh; . ./shapes.sh; preprocess cat.jpg 2>/dev/null | vitfwd -g pred -t 0 2>/dev/null | rollout -M chefer 2>/dev/null >vit.tar; resnetfwd vit.tar 2>/dev/null >both.tar; shapes <both.tar; tar xOf both.tar cat.view.json | grep -o '"for":"[^:]*'
key member type
__stream__ model json
__stream__ model json
cat jpg jpeg
cat map.chefer.npy [8,8]
cat map.chefer.json json
cat view.json json
cat act.layer4.npy [8,2,1]
cat actgrad.layer4.npy [8,2,1]
cat logits.npy [7]
cat model.json json
"for":"tiny

$ . ./env.sh; . ./shapes.sh; vitfwd -g pred --act -1 cat.tar 2>/dev/null | resnetfwd -k 2>/dev/null | shapes
key member type
__stream__ model json
__stream__ model json
cat jpg jpeg
cat input.npy [3,33,27]
cat view.json json
cat act.layer4.npy [8,2,1]
cat actgrad.layer4.npy [8,2,1]
cat logits.npy [7]
cat model.json json

$ . ./env.sh; . ./shapes.sh; resnetfwd --at stem,layer4 cat.tar 2>/dev/null | gradcam 2>/dev/null | vitfwd -l -1 2>/dev/null | shapes
key member type
__stream__ model json
__stream__ model json
cat jpg jpeg
cat map.gradcam-stem.npy [17,14]
cat map.gradcam-stem.json json
cat map.gradcam-layer4.npy [2,1]
cat map.gradcam-layer4.json json
cat view.json json
cat logits.npy [10]
cat attn.05.npy [4,65,65]
cat model.json json

$ . ./env.sh; . ./shapes.sh; resnetfwd --at stem cat.tar 2>/dev/null | resnetfwd -m $DATA/resnet/hf-basic 2>/dev/null >two.tar; shapes <two.tar; tensorls --pg two.tar 2>/dev/null | cut -f 1,2,5
key member type
__stream__ model json
__stream__ model json
cat jpg jpeg
cat view.json json
cat act.layer4.npy [10,7,7]
cat actgrad.layer4.npy [10,7,7]
cat logits.npy [7]
cat model.json json
id	pp	model
preprocess		tiny:64728a48
tensorcat	preprocess	
resnetfwd	tensorcat	tiny:64728a48
resnetfwd.2	resnetfwd	hf-basic:7e203537

$ preprocess cat.jpg dog.jpg 2>/dev/null | tensorcat --drop jpg 2>/dev/null >gone.tar; . ./env.sh; resnetfwd gone.tar >bad.tar; . ./shapes.sh; shapes <bad.tar
resnetfwd: cat: its input was made for vit-cifar10-p4:dc5aa6e2, and there is no picture to make one for tiny:64728a48 of
resnetfwd: dog: its input was made for vit-cifar10-p4:dc5aa6e2, and there is no picture to make one for tiny:64728a48 of
resnetfwd: 2 samples, 2 bad
key member type
__stream__ model json
cat input.npy [3,32,32]
cat view.json json
cat __bad__ json
dog input.npy [3,32,32]
dog view.json json
dog __bad__ json

# Models: missing, of the other kind, broken.

$ SACCADE_RESNET=mine resnetfwd in.tar
resnetfwd: mine: no such model: give a .safetensors or .pth file, a directory with one, or a name in $SACCADE_MODELS
[exit 4]

$ SACCADE_MODELS=$DATA/resnet resnetfwd -m timm-groups in.tar 2>/dev/null | { . ./shapes.sh; shapes; } | sed -n 5,7p
cat act.layer4.npy [20,2,1]
cat actgrad.layer4.npy [20,2,1]
cat logits.npy [7]

$ for model in timm-plain hf-vit-old hf-clip-full torchvision dino; do resnetfwd -m $DATA/vit/$model in.tar; echo $?; done
resnetfwd: $DATA/vit/timm-plain: not a ResNet that we know: patch_embed.proj.bias says a Vision Transformer or its like: use vitfwd
2
resnetfwd: $DATA/vit/hf-vit-old: not a ResNet that we know: vit.embeddings.patch_embeddings.projection.bias says a Vision Transformer or its like: use vitfwd
2
resnetfwd: $DATA/vit/hf-clip-full: not a ResNet that we know: vision_model.embeddings.patch_embedding.weight says a Vision Transformer or its like: use vitfwd
2
resnetfwd: $DATA/vit/torchvision: not a ResNet that we know: class_token says a Vision Transformer: use vitfwd
2
resnetfwd: $DATA/vit/dino: not a ResNet that we know: patch_embed.proj.bias says a Vision Transformer or its like: use vitfwd
2

$ for model in timm-basic timm-deep-c hf-basic cifar-a/model.th; do vitfwd -m $DATA/resnet/$model in.tar; echo $?; done
vitfwd: $DATA/resnet/timm-basic: not a ViT: conv1.weight says a convolutional network: use resnetfwd
2
vitfwd: $DATA/resnet/timm-deep-c: not a ViT: layer1.0.conv1.weight says a convolutional network: use resnetfwd
2
vitfwd: $DATA/resnet/hf-basic: not a ViT: resnet.embedder.embedder.convolution.weight says a convolutional network: use resnetfwd
2
vitfwd: $DATA/resnet/cifar-a/model.th: not a ViT: state_dict.module.conv1.weight says a convolutional network: use resnetfwd
2

$ resnetfwd -m cat.jpg in.tar
resnetfwd: cat.jpg: neither a .safetensors nor a PyTorch checkpoint (.pth, .pt, .bin, .th)
[exit 2]

$ head -c 5000 tiny.safetensors >cut.safetensors; resnetfwd -m cut.safetensors in.tar
resnetfwd: cut.safetensors: not safetensors: a header of 7744 bytes in a file of 5000
[exit 3]

$ sed 's/"architecture": "[^"]*"/"architecture": "seresnet50"/' tiny.json >other.json; cp tiny.safetensors other.safetensors; resnetfwd -m other.safetensors in.tar
resnetfwd: other.safetensors: other.json says architecture seresnet50: not one of timm's ResNets that we know
[exit 2]

# Inputs of somebody's own, without view.json: of any size, and broken.

$ npy() { printf '\223NUMPY\1\0v\0%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($1), }"; head -c $2 /dev/zero; }; declare -f npy >npy.sh

$ . ./env.sh; . ./npy.sh; npy 3,33,27 10692 >a.input.npy; npy 3,1,1 12 >b.input.npy; npy 3,30,5 1800 >c.input.npy
> npy 1,32,32 4096 >d.input.npy; npy 3,0,32 0 >e.input.npy; npy 32,32 4096 >f.input.npy; npy 3,32,32 12000 >g.input.npy
> echo no array >h.input.npy; npy 3,33,27 10692 >i.input.npy; npy 3,16385,1 196620 >j.input.npy; tar cf own.tar ?.input.npy; resnetfwd own.tar >bad.tar
resnetfwd: d: input is [1,32,32], tiny:64728a48 takes [3,33,27] or other sizes to 16384
resnetfwd: e: input is [3,0,32], tiny:64728a48 takes [3,33,27] or other sizes to 16384
resnetfwd: f: input.npy is f4[32,32], not of 3 dimensions
resnetfwd: g: input.npy: npy: has 12000 bytes of data, its shape needs 12288
resnetfwd: h: input.npy: npy: not a .npy array of version 1 to 3
resnetfwd: j: input is [3,16385,1], tiny:64728a48 takes [3,33,27] or other sizes to 16384
resnetfwd: 10 samples, 6 bad
[exit 1]

$ . ./shapes.sh; shapes <bad.tar | grep -e ' act' -e bad
a act.layer4.npy [8,2,1]
a actgrad.layer4.npy [8,2,1]
b act.layer4.npy [8,1,1]
b actgrad.layer4.npy [8,1,1]
c act.layer4.npy [8,1,1]
c actgrad.layer4.npy [8,1,1]
d __bad__ json
e __bad__ json
f __bad__ json
g __bad__ json
h __bad__ json
i act.layer4.npy [8,2,1]
i actgrad.layer4.npy [8,2,1]
j __bad__ json

$ . ./env.sh; for b in 1 2 3 8; do resnetfwd -b $b own.tar 2>/dev/null | cksum; done | sort -u | wc -l
1

# NaN stays NaN, and there is no target.

$ . ./env.sh; printf '\0\0\300\177' | dd of=a.input.npy bs=1 seek=5000 conv=notrunc 2>/dev/null; tar cf nan.tar a.input.npy; resnetfwd nan.tar 2>/dev/null | tensorls 2>/dev/null | cut -f 2,4,5 | grep nan; resnetfwd nan.tar 2>/dev/null | tar xO a.model.json | grep -o '"target.*'
act.layer4.npy	[8,2,1]	nan
logits.npy	[7]	nan
"target":null}

# Pictures that are cut, samples without a picture: fatal for the first sample only.

$ . ./env.sh; head -c 700 cat.jpg >cut.jpg; echo 3 >none.cls; tar cf mixed.tar cat.jpg cut.jpg none.cls dog.jpg; resnetfwd mixed.tar >bad.tar
resnetfwd: cut: jpeg: premature end
resnetfwd: none: has neither input nor picture: run preprocess
resnetfwd: 4 samples, 2 bad
[exit 1]

$ . ./shapes.sh; shapes <bad.tar
key member type
__stream__ model json
cat jpg jpeg
cat view.json json
cat act.layer4.npy [8,2,1]
cat actgrad.layer4.npy [8,2,1]
cat logits.npy [7]
cat model.json json
cut jpg jpeg
cut __bad__ json
none cls text
none __bad__ json
dog jpg jpeg
dog view.json json
dog act.layer4.npy [8,2,1]
dog actgrad.layer4.npy [8,2,1]
dog logits.npy [7]
dog model.json json

$ . ./env.sh; for b in 1 2 8; do resnetfwd -b $b mixed.tar 2>/dev/null | cksum; done | sort -u | wc -l
1

$ . ./env.sh; tar cf mixed.tar none.cls dog.jpg; for b in 1 8; do resnetfwd -b $b mixed.tar >/dev/null; echo $?; done
resnetfwd: none: has neither input nor picture: run preprocess
2
resnetfwd: none: has neither input nor picture: run preprocess
2

$ . ./env.sh; resnetfwd --max-pixels 100 plain.tar >/dev/null
resnetfwd: cat: 23x17 is over the limit of 100 pixels
resnetfwd: dog: 23x17 is over the limit of 100 pixels
resnetfwd: fox: 23x17 is over the limit of 100 pixels
resnetfwd: 3 samples, 3 bad
[exit 1]

# The same bytes for every number of threads and every batch.

$ . ./env.sh; for j in 1 2 3; do for b in 1 2 8; do resnetfwd --at stem,layer1..layer4 -j $j -b $b in.tar 2>/dev/null | cksum; done; done | sort -u | wc -l
1

# Framing: nothing, a full disk, a closed pipe, a cut stream, files.

$ . ./env.sh; resnetfwd </dev/null
resnetfwd: standard input: truncated: no bytes at all: see what the program before it says
[exit 3]

$ . ./env.sh; resnetfwd in.tar >/dev/full
resnetfwd: standard output: write failed: No space left on device
[exit 4]

$ . ./env.sh; resnetfwd in.tar | head -c 100 | wc -c; echo ${PIPESTATUS[0]}
100
141

$ . ./env.sh; resnetfwd nowhere.tar
resnetfwd: nowhere.tar: No such file or directory
[exit 4]

$ . ./env.sh; size=$(stat -c %s in.tar)
> for ((cut = 1; cut < size; cut += 3583)); do
>     head -c $cut in.tar | resnetfwd 2>/dev/null >cut.tar || echo "exit $?"
>     tensorls --check cut.tar >/dev/null 2>&1 || echo "check $?"
> done | sort | uniq -c | awk '{ print $2, $3 }'
check 3
exit 3

$ . ./env.sh; resnetfwd -o whole.tar <in.tar; cmp whole.tar out.tar; ls whole.tar*
resnetfwd: 3 samples
whole.tar

# The command line.

$ resnetfwd -b 0 in.tar
resnetfwd: --batch 0: takes a whole number from 1 to 4096
[exit 2]

$ resnetfwd -m
resnetfwd: -m: needs an argument: see -h
[exit 2]

$ resnetfwd --act 3 in.tar
resnetfwd: --act: no such option: see -h
[exit 2]

$ resnetfwd --num-heads 3 in.tar
resnetfwd: --num-heads: no such option: see -h
[exit 2]

$ resnetfwd -h
usage: resnetfwd [options] [FILE...]
resnetfwd reads pictures or inputs, writes a ResNet's logits, activations and gradients

  -m, --model MODEL       a .safetensors or .pth file, a directory as the hub
                          lays it out, or a name in $SACCADE_MODELS; default:
                          $SACCADE_RESNET, else the ResNet that comes with
                          saccade
      --at PLACES|none    where activations are read: stem, layer1 to the last,
                          layer3-1 (a block), commas between, A..B (default: the
                          last layer)
  -g, --grad TARGET|none  the class whose logit's gradient is written beside
                          each activation: pred (the likeliest, the default),
                          true (the sample's cls), an index or a class name
  -b, --batch N           pictures computed at once (default: 8)
      --size N|WxH        another input size than the model's own
      --state NAME        take this state dict of a checkpoint that holds
                          several
      --max-pixels N      refuse pictures with more (default: 178956970)
      --info              print what was understood of the model, and from what
  -o, --output FILE       write FILE.part, then rename it to FILE
  -k, --keep              keep the tensors that this stage would drop
  -j, --threads N         use N threads; the output is the same for every N
      --max-bad N|N%      exit with 3 where more samples than that are bad
  -v, --verbose           say more on standard error
  -h, --help              print this help
  -V, --version           print the version
