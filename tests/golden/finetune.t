# What is said of a run: a ViT from nothing, validated, with a table; the picture that is none is
# named and left out.

$ mkdir -p animals/cat animals/dog; cp $DATA/pictures/rgb420.jpg $DATA/pictures/rgb444.jpg animals/cat; cp $DATA/pictures/grey.jpg $DATA/pictures/cmyk.jpg animals/dog; echo 'no picture' >animals/dog/broken.jpg

$ quick() { sed -E 's/, [0-9]+ MB: .*/, N MB/; s/[0-9.]+, [0-9.]+% right/L, A right/; s/validation [0-9.]+, [0-9.]+%/validation L, A/; s/ [0-9]+\/s$/ N\/s/'; }; declare -f quick >quick.sh

$ . ./quick.sh; set -o pipefail; finetune --arch vit:patch=8,dim=16,depth=2,heads=2,image=32 -b 2 --epochs 2 --val animals --log log.tsv -o vit animals 2>&1 | quick
finetune: animals/dog/broken.jpg: not a jpeg, png, tiff, webp, gif or pnm picture
finetune: animals/dog/broken.jpg: not a jpeg, png, tiff, webp, gif or pnm picture
finetune: 4 pictures of 2 classes, 10002 weights to train, N MB
finetune: epoch 1: loss L, A right; validation L, A; N/s
finetune: epoch 2: loss L, A right; validation L, A; N/s
[exit 1]

$ ls vit; cat vit/labels.tsv; cut -f 1 log.tsv; awk -F'\t' '{ print NF }' log.tsv | uniq
config.json
labels.tsv
model.safetensors
preprocessor_config.json
training.json
0	cat
1	dog
epoch
1
2
7

$ vitfwd --info -m vit | cut -f 1,2 | grep -v ^model
field	value
family	timm
layers	2
dim	16
hidden	64
patch	8x8
heads	2
prefix	1
grid	4x4
prefix positions	1
position resize	bicubic, antialias
eps	1e-06
activation	gelu (exact)
readout	class token
classes	2
input	32x32
fit	crop, from 32x32, bicubic
mean	0.5,0.5,0.5
std	0.5,0.5,0.5

$ preprocess animals/cat 2>/dev/null | vitfwd -l none -m vit 2>/dev/null | topk -n 2 | wc -l
topk: 2 samples
5

$ jq 'del(.accuracy)' vit/training.json
{
  "made_by": "saccade finetune",
  "base": null,
  "arch": "vit:patch=8,dim=16,depth=2,heads=2,image=32",
  "data": [
    "animals"
  ],
  "pictures": 4,
  "data_crc32": "30288595",
  "val_crc32": "30288595",
  "classes": [
    "cat",
    "dog"
  ],
  "epochs": 2,
  "batch": 2,
  "accumulate": 1,
  "seed": 0,
  "optimiser": "adamw",
  "lr": 0.001,
  "min_lr": 1e-05,
  "warmup": 0.5,
  "decay": 0.05,
  "layer_decay": 1,
  "clip": 1,
  "smoothing": 0.1,
  "ema": 0,
  "args": [
    "--arch=vit:patch=8,dim=16,depth=2,heads=2,image=32",
    "--batch=2",
    "--epochs=2",
    "--val=animals"
  ],
  "program": "finetune",
  "version": "0.1.0",
  "epochs_done": 2
}

# A ResNet, into one file.

$ rm animals/dog/broken.jpg; . ./quick.sh; finetune --arch resnet20 -b 2 --epochs 1 -o net.safetensors animals 2>&1 | quick
finetune: 4 pictures of 2 classes, 269202 weights to train, N MB
finetune: epoch 1: loss L, A right; N/s

$ ls net*; resnetfwd --info -m net.safetensors | grep -e ^classes -e ^input -e ^mean -e ^layers | cut -f 1,2
net.json
net.safetensors
layers	3,3,3
classes	2
input	32x32
mean	0.485,0.456,0.406

# From a base of another kind, with classes of its own.

$ . ./quick.sh; finetune -m $DATA/resnet/timm-basic --freeze 0 -b 4 --epochs 1 -o tuned animals 2>&1 | quick
finetune: a new head for 2 classes
finetune: 4 pictures of 2 classes, 3658 weights to train, N MB
finetune: epoch 1: loss L, A right; N/s

# What is refused.

$ finetune --arch resnet20 animals
finetune: where shall the model go? say -o DIR or -o X.safetensors
[exit 2]
$ finetune --arch resnet20 -o x
finetune: which pictures? name shards, folders or other data sets
[exit 2]
$ . ./quick.sh; set -o pipefail; finetune -o x animals 2>&1 | quick
finetune: a new head for 2 classes
finetune: 4 pictures of 2 classes, 1204866 weights to train, N MB
finetune: 4 pictures are less than one batch of 128: say a smaller one, as -b 1
[exit 2]
$ finetune --arch resnet20 -m vit -o x animals
finetune: --arch begins from nothing, -m from a model: say one
[exit 2]
$ finetune --arch resnet21 -o x -b 2 animals
finetune: resnet21: not an architecture: there are resnet20, resnet32, resnet44, resnet56, resnet18, resnet34, resnet50; a ViT is named as vit:patch=4,dim=128,depth=6,heads=4,image=32
[exit 2]
$ finetune --arch vit:patch=8,dim=16 -o x -b 2 animals
finetune: --arch vit:patch=8,dim=16: needs patch, dim, depth, heads and image; heads divide dim, and the patch divides the image
[exit 2]
$ finetune --arch vit:patch=8,dim=16,depth=1,heads=2,image=36 -o x -b 2 animals
finetune: --arch vit:patch=8,dim=16,depth=1,heads=2,image=36: needs patch, dim, depth, heads and image; heads divide dim, and the patch divides the image
[exit 2]
$ . ./quick.sh; set -o pipefail; finetune --arch resnet20 -o x animals 2>&1 | quick
finetune: 4 pictures of 2 classes, 269202 weights to train, N MB
finetune: 4 pictures are less than one batch of 128: say a smaller one, as -b 1
[exit 2]
$ finetune --arch resnet20 -o x -b 2 nothing
finetune: nothing: No such file or directory
[exit 4]
$ finetune --arch resnet20 -o x -b 2 --augment blur animals
finetune: augmentation blur: takes flip, crop, resized-crop, colour, erase, mixup, cutmix, or none, light, standard
[exit 2]
$ finetune --arch resnet20 -o x -b 2 --drop-path 0.1 animals
finetune: --drop-path: for a ViT only
[exit 2]
$ finetune --arch resnet20 -o x -b 2 --freeze 9 animals
finetune: --freeze 9: there are 9, 0 to 8
[exit 2]
$ finetune --arch resnet20 -o x -b 2 --optimiser adam animals
finetune: --optimiser adam: takes one of adamw|sgd
[exit 2]
$ finetune -m vit --size 20 -o x -b 2 animals
finetune: --size 20x20: takes multiples of the patch, 8x8
[exit 2]
$ finetune -m no-such-model -o x -b 2 animals
finetune: no-such-model: no such model: give a .safetensors or .pth file, a directory with one, or a name in $SACCADE_MODELS
[exit 4]
$ ls x

# A place where another model lies; one of its own is written anew.

$ cp -r $DATA/vit/timm-plain other; chmod -R u+w other; finetune --arch resnet20 -b 2 --epochs 1 -o other animals
finetune: other: holds another model (model.safetensors): give another -o, or remove it
[exit 2]
$ cmp other/model.safetensors $DATA/vit/timm-plain/model.safetensors
$ finetune --arch resnet20 -b 2 --epochs 1 -o vit animals 2>/dev/null; resnetfwd --info -m vit | grep ^layers | cut -f 2
3,3,3

# Nor is the base itself written over, and a place that can't be written to is found before any
# picture is decoded.

$ finetune -m vit -o ./vit animals; finetune -m vit/model.safetensors -o vit/ animals; finetune -m net.safetensors -o net.safetensors animals
finetune: -o ./vit is the base itself: say another place for what is made of it, as -o ./vit-tuned
finetune: -o vit/ is the base itself: say another place for what is made of it, as -o vit-tuned/
finetune: -o net.safetensors is the base itself: say another place for what is made of it, as -o net-tuned.safetensors
[exit 2]
$ for place in no/such/x no/x.safetensors other $DATA/vit/timm-plain/model.safetensors; do finetune --arch resnet20 -o $place missing; done; ls no
finetune: -o no/such/x: nothing can be written there: No such file or directory
finetune: -o no/x.safetensors: nothing can be written there: No such file or directory
finetune: other: holds another model (model.safetensors): give another -o, or remove it
finetune: $DATA/vit/timm-plain/model.safetensors: is there and not of finetune: give another -o, or remove it
ls: cannot access 'no': No such file or directory
[exit 2]

$ for log in /dev/full .; do finetune --arch resnet20 -b 2 --epochs 1 --log $log -o x animals 2>&1 | tail -n 1; done; ls x
finetune: /dev/full: No space left on device
finetune: .: Is a directory

# Classes: an empty one, and others to validate on.

$ mkdir animals/fox; finetune --arch resnet20 -o x -b 2 animals
finetune: animals: class fox has no pictures
[exit 3]
$ echo fox >animals/fox/fox.heic; finetune --arch resnet20 -o x -b 2 animals
finetune: animals: class fox has no pictures: animals/fox/fox.heic is not named as one
[exit 3]
$ mkdir animals/fox/images; cp animals/cat/rgb420.jpg animals/fox/images; finetune --arch resnet20 -o x -b 2 animals
finetune: animals: class fox has its pictures deeper, as animals/fox/images/rgb420.jpg: takes DIRECTORY/CLASS/PICTURE, or a table of labels: say -L FILE
[exit 3]
$ rm -r animals/fox; finetune --arch resnet20 -o x -b 2 --val animals/cat animals
finetune: animals/cat: has no class folders: takes DIRECTORY/CLASS/PICTURE, or a table of labels: say -L FILE
[exit 2]
$ finetune --arch resnet20 -o x -b 2 animals:tets
finetune: animals has no part tets: say animals
[exit 2]
$ preprocess --pack animals -o bare.tar; finetune --arch resnet20 -o x -b 2 bare.tar
preprocess: 4 samples
finetune: animals/cat/rgb420: has no cls: say -L FILE, or make the shard by preprocess --pack -L folder
[exit 2]
$ mkdir cifar; touch cifar/data_batch_1 cifar/batches.meta; finetune --arch resnet20 -o x -b 2 cifar:train
finetune: cifar: CIFAR for Python: take its binary version, data_batch_1.bin and so on
[exit 2]
$ mkdir birds; cp -r animals/cat birds/owl; finetune --arch resnet20 -o x -b 2 --val birds animals
finetune: birds: class owl is not one of the 2 to train (0 of 1 are)
[exit 2]

$ mkdir one; cp -r animals/cat one/cat; finetune --arch resnet20 -o x -b 2 one
finetune: one class (cat): there is nothing to tell apart
[exit 2]

# Bad pictures, as many as may be.

$ echo 'no picture' >animals/dog/broken.jpg; . ./quick.sh; finetune --arch resnet20 -o x -b 2 --epochs 1 --max-bad 1 animals 2>&1 | quick; finetune --arch resnet20 -o x -b 2 --max-bad 0 animals
finetune: animals/dog/broken.jpg: not a jpeg, png, tiff, webp, gif or pnm picture
finetune: 4 pictures of 2 classes, 269202 weights to train, N MB
finetune: epoch 1: loss L, A right; N/s
finetune: animals/dog/broken.jpg: not a jpeg, png, tiff, webp, gif or pnm picture
finetune: 1 of 3 pictures are bad, over --max-bad 0
[exit 3]

# Names of classes: a shard has none; said ones, those of a base with as many, or numbers.

$ rm -f animals/dog/broken.jpg; preprocess --pack -L folder animals -o animals.tar; finetune --arch resnet20 -b 4 --epochs 1 --classes cat,dog -o named animals.tar 2>/dev/null; cat named/labels.tsv
preprocess: 4 samples
0	cat
1	dog
$ finetune -m named -b 4 --epochs 1 -o heir animals.tar 2>/dev/null; cat heir/labels.tsv
0	cat
1	dog
$ finetune --arch resnet20 -b 4 --epochs 1 -o nameless animals.tar 2>/dev/null; cat nameless/labels.tsv
0	0
1	1
$ finetune -m named -b 4 --epochs 1 --classes heir/labels.tsv --val animals -o again animals.tar 2>/dev/null; cat again/labels.tsv
0	cat
1	dog
$ printf '0\tdog\n1\tcat\n' >turned.tsv; finetune --arch resnet20 -b 4 --epochs 1 --classes turned.tsv -o turned animals 2>/dev/null; cat turned/labels.tsv
0	dog
1	cat
$ finetune --arch resnet20 -b 4 --epochs 1 --classes cat,dog,fox -o x animals.tar
finetune: class 2 (fox) of 3 has no pictures
[exit 3]
$ finetune --arch resnet20 -b 4 --epochs 1 --classes cat,owl -o x animals
finetune: animals: class dog is not one of the 2 to train (1 of 2 are)
[exit 2]
$ finetune --arch resnet20 -b 4 --epochs 1 --classes missing.tsv -o x animals
finetune: missing.tsv: No such file or directory
[exit 4]

# A base that doesn't say what its inputs are.

$ finetune -m $DATA/vit/timm-bare --num-heads 2 -b 4 --epochs 1 -o x animals
finetune: mean and std of the base are not known, no configuration says them: say --mean R,G,B --std R,G,B
[exit 2]

# What only a ViT can be trained without.

$ finetune --arch resnet20 --patch-drop 0.5 -o x animals
finetune: --patch-drop: for a ViT only
[exit 2]

# A base that tells as many classes apart keeps its head for those of its names, in their order,
# and for those that have none; others are not what it was trained on.

$ said() { finetune "$@" -b 4 --epochs 1 --lr 0 --min-lr 0 --warmup 0 --augment none 2>&1 | grep head; }; declare -f said >said.sh

$ . ./said.sh; said -m named -o same animals; said -m named -o unsaid animals.tar; said -m named --classes cat,dog -o same animals.tar || echo nothing said
finetune: keeps the base's head and its 2 class names: say --classes for others
nothing said
$ . ./said.sh; cp -r animals/dog birds/kea; said -m named -o others birds; said -m named --classes dog,owl -o others animals.tar; cat others/labels.tsv
finetune: a new head for 2 classes: the base has no kea
finetune: a new head for 2 classes: the base has no owl
0	dog
1	owl
$ . ./said.sh; said -m nameless -o others birds; cat others/labels.tsv
finetune: keeps the base's head: the names of its 2 classes aren't known
0	kea
1	owl

# In another order the rows of the head are brought into it: what is said of a picture stays.

$ . ./said.sh; said -m named --classes dog,cat -o moved animals; cat moved/labels.tsv; for model in same moved; do preprocess animals/cat | resnetfwd -m $model | topk -n 2 >$model.top; cut -f 1,2,4-6 $model.top >$model.txt; done 2>/dev/null; wc -l <same.top; cmp same.txt moved.txt; cmp -s same.top moved.top || echo other numbers
finetune: the base's head for 2 classes, brought into their order
0	dog
1	cat
5
other numbers
