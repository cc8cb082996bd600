# Places of made-up models (tests/oracle/cam.py). That the numbers are right is check_cam's.

$ tensorcat --drop 'expect.*' $DATA/cam/places.tar 2>/dev/null >places.tar; tensorcat --key vit places.tar 2>/dev/null >vit.tar; tensorcat --key many places.tar 2>/dev/null >many.tar; tensorcat --key relu places.tar 2>/dev/null >relu.tar

$ shapes() { tensorls 2>/dev/null | awk -F'\t' '{ print $1, $2, $3 == "f4" ? $4 : $3 }'; }; declare -f shapes >shapes.sh

$ . ./shapes.sh; gradcam places.tar >out.tar; shapes <out.tar
gradcam: against: map.gradcam is zero everywhere: nothing here speaks for the class
gradcam: 7 samples
key member type
relu model.json json
relu map.gradcam.npy [7,7]
relu map.gradcam.json json
vit model.json json
vit map.gradcam.npy [4,6]
vit map.gradcam.json json
many model.json json
many map.gradcam-layer3-1.npy [3,3]
many map.gradcam-layer3-1.json json
many map.gradcam-layer4.npy [3,4]
many map.gradcam-layer4.json json
many map.gradcam-stem.npy [11,9]
many map.gradcam-stem.json json
one model.json json
one map.gradcam-channel.npy [3,4]
one map.gradcam-channel.json json
one map.gradcam-position.npy [1,1]
one map.gradcam-position.json json
one map.gradcam-row.npy [1,5]
one map.gradcam-row.json json
close model.json json
close map.gradcam-fewer.npy [6,6]
close map.gradcam-fewer.json json
close map.gradcam-more.npy [4,5]
close map.gradcam-more.json json
against model.json json
against map.gradcam.npy [3,4]
against map.gradcam.json json
cancelled model.json json
cancelled map.gradcam.npy [2,2]
cancelled map.gradcam.json json

# A CNN's map, a ViT's, one of no class.

$ tar xOf out.tar relu.map.gradcam.json; echo
{"method":"gradcam","layer":null,"head":null,"query":null,"residual":null,"signed":false,"target":{"index":281,"name":"tabby, tabby cat","logit":9.125,"prob":0.83},"model":"made:0badcafe","grid":[7,7],"view":null,"at":"layer4"}
$ tar xOf out.tar vit.map.gradcam.json; echo
{"method":"gradcam","layer":3,"head":null,"query":null,"residual":null,"signed":false,"target":{"index":3,"name":null,"logit":2.5,"prob":0.25},"model":"made:12345678","grid":[4,6],"view":null,"at":"block03"}
$ tar xOf out.tar many.map.gradcam-layer3-1.json; echo
{"method":"gradcam","layer":null,"head":null,"query":null,"residual":null,"signed":false,"target":{"index":281,"name":"tabby, tabby cat","logit":9.125,"prob":0.83},"model":"made:0badcafe","grid":[3,3],"view":null,"at":"layer3-1"}
$ gradcam -M eigencam relu.tar 2>/dev/null | tar xOf - relu.map.eigencam.json; echo
{"method":"eigencam","layer":null,"head":null,"query":null,"residual":null,"signed":false,"target":null,"model":"made:0badcafe","grid":[7,7],"view":null,"at":"layer4"}

# Every method; -k keeps what it was made of, for the next. eigencam needs no gradient.

$ . ./shapes.sh; gradcam -k vit.tar 2>/dev/null | gradcam -k -M gradcam++ 2>/dev/null | gradcam -k -M hirescam 2>/dev/null | gradcam -k -M layercam 2>/dev/null | gradcam -k -M xgradcam 2>/dev/null | gradcam -M eigencam 2>/dev/null | shapes
key member type
vit model.json json
vit map.gradcam.npy [4,6]
vit map.gradcam.json json
vit map.gradcam++.npy [4,6]
vit map.gradcam++.json json
vit map.hirescam.npy [4,6]
vit map.hirescam.json json
vit map.layercam.npy [4,6]
vit map.layercam.json json
vit map.xgradcam.npy [4,6]
vit map.xgradcam.json json
vit map.eigencam.npy [4,6]
vit map.eigencam.json json
$ . ./shapes.sh; tensorcat --drop 'actgrad.*' vit.tar 2>/dev/null | gradcam -k -M eigencam 2>/dev/null | shapes
key member type
vit model.json json
vit act.block03.npy [40,4,6]
vit map.eigencam.npy [4,6]
vit map.eigencam.json json
$ for M in gradcam gradcam++ hirescam layercam xgradcam eigencam; do
>     gradcam -M $M relu.tar 2>/dev/null | tensorcat --npy map.$M.npy 2>/dev/null >got.npy
>     tensorcat --npy expect.$M.layer4.npy --key relu $DATA/cam/places.tar 2>/dev/null >expected.npy
>     for f in got expected; do tail -c +129 $f.npy | od -An -v -w4 -tf4 >$f; done
>     paste got expected | awk -v M=$M '($1 - $2) ^ 2 > 1e-10 * ($2 + 1e-3) ^ 2 { off++ } END { print M, NR, off + 0 }'
> done
gradcam 49 0
gradcam++ 49 0
hirescam 49 0
layercam 49 0
xgradcam 49 0
eigencam 49 0

# Warnings: nothing speaks for the class; channels that xgradcam divides by nearly nothing.

$ tensorcat --key against --key cancelled places.tar 2>/dev/null >doubtful.tar; gradcam doubtful.tar >/dev/null
gradcam: against: map.gradcam is zero everywhere: nothing here speaks for the class
gradcam: 2 samples
$ gradcam -M xgradcam doubtful.tar >/dev/null
gradcam: against: map.xgradcam is zero everywhere: nothing here speaks for the class
gradcam: cancelled: map.xgradcam: activations sum to nearly 0 in 1 of 8 channels, by which xgradcam divides: see -M gradcam or hirescam
gradcam: 2 samples
$ tensorcat --key one places.tar 2>/dev/null | gradcam --at position -M eigencam >/dev/null
gradcam: one: map.eigencam is zero everywhere: the activations are the same at all positions
gradcam: 1 sample

# Places.

$ . ./shapes.sh; gradcam --at layer4 many.tar 2>/dev/null | shapes
key member type
many model.json json
many map.gradcam.npy [3,4]
many map.gradcam.json json
$ . ./shapes.sh; gradcam --at stem,layer3-1 many.tar 2>/dev/null | shapes
key member type
many model.json json
many map.gradcam-stem.npy [11,9]
many map.gradcam-stem.json json
many map.gradcam-layer3-1.npy [3,3]
many map.gradcam-layer3-1.json json
$ . ./shapes.sh; for at in block3 block03 block003; do gradcam --at $at vit.tar 2>/dev/null | shapes | grep npy; done
vit map.gradcam.npy [4,6]
vit map.gradcam.npy [4,6]
vit map.gradcam.npy [4,6]
$ gradcam --at layer2 many.tar >/dev/null
gradcam: many: has no act.layer2, only layer3-1, layer4, stem: run resnetfwd --at layer2 before
[exit 2]
$ gradcam --at layer4-2 many.tar >/dev/null
gradcam: many: has no act.layer4-2, only layer3-1, layer4, stem: the last block of a stage has the stage's name, others need resnetfwd --at layer4-2 before
[exit 2]
$ gradcam --at layer4,layer2 -M eigencam many.tar >/dev/null
gradcam: many: has no act.layer2, only layer3-1, layer4, stem: run resnetfwd --at layer2 before
[exit 2]
$ gradcam --at block11 vit.tar >/dev/null
gradcam: vit: has no act.block11, only block03: run vitfwd --grad pred --act 11 before
[exit 2]
$ gradcam --at block011 -M eigencam vit.tar >/dev/null
gradcam: vit: has no act.block011, only block03: run vitfwd --act 11 before
[exit 2]
$ gradcam --at block30 vit.tar >/dev/null
gradcam: vit: has no act.block30, only block03: run vitfwd --grad pred --act 30 before
[exit 2]
$ gradcam --at layer4,layer4 many.tar
gradcam: --at layer4,layer4: layer4 is there twice
[exit 2]
$ gradcam --at block3,stem,block03 many.tar
gradcam: --at block3,stem,block03: block03 is there twice
[exit 2]
$ gradcam --at '' many.tar
gradcam: --at : takes names as layer4, layer3-1 or block11, commas between
[exit 2]
$ gradcam --at layer4, many.tar
gradcam: --at layer4,: takes names as layer4, layer3-1 or block11, commas between
[exit 2]
$ gradcam --at Layer4 many.tar
gradcam: --at Layer4: takes names as layer4, layer3-1 or block11, commas between
[exit 2]
$ gradcam --at aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa many.tar
gradcam: --at aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: takes names as layer4, layer3-1 or block11, commas between
[exit 2]

# Names. A map is never replaced.

$ . ./shapes.sh; gradcam --as mine relu.tar 2>/dev/null | shapes
key member type
relu model.json json
relu map.mine.npy [7,7]
relu map.mine.json json
$ . ./shapes.sh; gradcam --as mine many.tar 2>/dev/null | shapes | grep npy
many map.mine-layer3-1.npy [3,3]
many map.mine-layer4.npy [3,4]
many map.mine-stem.npy [11,9]
$ gradcam -k relu.tar 2>/dev/null | gradcam >/dev/null
gradcam: relu: map.gradcam exists: name this one with --as
gradcam: 1 sample, 1 bad
[exit 1]
$ . ./shapes.sh; gradcam -k relu.tar 2>/dev/null | gradcam --as again 2>/dev/null | shapes
key member type
relu model.json json
relu map.gradcam.npy [7,7]
relu map.gradcam.json json
relu map.again.npy [7,7]
relu map.again.json json
$ gradcam --as Mine relu.tar
gradcam: --as Mine: takes at most 64 lower case letters, digits, _ + and -
[exit 2]
$ gradcam --as '' relu.tar
gradcam: --as : takes at most 64 lower case letters, digits, _ + and -
[exit 2]

# What is missing, from the first sample.

$ tensorcat --drop 'act*' vit.tar 2>/dev/null >none.tar; gradcam none.tar >/dev/null
gradcam: vit: has no act.NAME: run resnetfwd, or vitfwd with --grad and --act, and -k on stages between
[exit 2]
$ gradcam -M eigencam none.tar >/dev/null
gradcam: vit: has no act.NAME: run resnetfwd, or vitfwd with --act, and -k on stages between
[exit 2]
$ gradcam --at block11 none.tar >/dev/null
gradcam: vit: has no act.block11: run vitfwd --grad pred --act 11 before
[exit 2]
$ gradcam --at layer4 none.tar >/dev/null
gradcam: vit: has no act.layer4: run resnetfwd --at layer4 before
[exit 2]
$ tensorcat --drop 'actgrad.*' vit.tar 2>/dev/null | gradcam >/dev/null
gradcam: vit: has no actgrad.block03, which -M gradcam needs: run resnetfwd or vitfwd with -g, or say -M eigencam
[exit 2]
$ tensorcat --drop 'actgrad.*' vit.tar 2>/dev/null | gradcam -M xgradcam >/dev/null
gradcam: vit: has no actgrad.block03, which -M xgradcam needs: run resnetfwd or vitfwd with -g, or say -M eigencam
[exit 2]
$ tensorcat --drop 'act.*' vit.tar 2>/dev/null | gradcam >/dev/null
gradcam: vit: has no act.NAME: run resnetfwd, or vitfwd with --grad and --act, and -k on stages between
[exit 2]

# What is missing or broken in a later sample makes that one bad. NaN passes on.

$ mkdir x; tar xf relu.tar -C x; cd x; rm -r __stream__
> for k in whole bare flat shape rows columns rank empty cut nan inf; do for m in act actgrad; do cp relu.$m.layer4.npy $k.$m.layer4.npy; done; done
> rm bare.actgrad.layer4.npy; { head -c 128 relu.act.layer4.npy; head -c 4704 /dev/zero; } >flat.actgrad.layer4.npy
> { head -c 128 relu.act.layer4.npy | sed 's/(24, 7, 7)/(12, 7, 7)/'; head -c 2352 /dev/zero; } >shape.actgrad.layer4.npy
> { head -c 128 relu.act.layer4.npy | sed 's/(24, 7, 7)/(24, 6, 7)/'; head -c 4032 /dev/zero; } >rows.actgrad.layer4.npy
> { head -c 128 relu.act.layer4.npy | sed 's/(24, 7, 7)/(24, 7, 6)/'; head -c 4032 /dev/zero; } >columns.actgrad.layer4.npy
> sed -i 's/(24, 7, 7)/(168, 7)  /' rank.act.layer4.npy
> { head -c 128 relu.act.layer4.npy | sed 's/(24, 7, 7)/(24, 0, 7)/'; } >empty.act.layer4.npy; cp empty.act.layer4.npy empty.actgrad.layer4.npy
> head -c 1000 relu.actgrad.layer4.npy >cut.actgrad.layer4.npy
> printf '\0\0\300\177' | dd of=nan.act.layer4.npy bs=1 seek=132 conv=notrunc status=none
> printf '\0\0\200\177' | dd of=inf.act.layer4.npy bs=1 seek=132 conv=notrunc status=none
> tar cf ../later.tar whole.* bare.* flat.* shape.* rows.* columns.* rank.* empty.* cut.* nan.* inf.*; cd ..; gradcam later.tar >bad.tar
gradcam: bare: has no actgrad.layer4, which -M gradcam needs: run resnetfwd or vitfwd with -g, or say -M eigencam
gradcam: flat: actgrad.layer4 is zero everywhere: the class's logit doesn't depend on it, as behind a ViT's last block, where only the class token is read: take a place before (vitfwd --grad pred --act -1, resnetfwd --at layer4), or -M eigencam
gradcam: shape: actgrad.layer4 is [12,7,7], act.layer4 [24,7,7]: are they of different models?
gradcam: rows: actgrad.layer4 is [24,6,7], act.layer4 [24,7,7]: are they of different models?
gradcam: columns: actgrad.layer4 is [24,7,6], act.layer4 [24,7,7]: are they of different models?
gradcam: rank: act.layer4.npy is f4[168,7], not of 3 dimensions
gradcam: empty: act.layer4.npy is [24,0,7]: takes [channels,rows,columns], none 0, of at most 1048576 positions
gradcam: cut: actgrad.layer4.npy: npy: has 872 bytes of data, its shape needs 4704
gradcam: 11 samples, 8 bad
[exit 1]
$ tensorls bad.tar 2>/dev/null | cut -f 1,2,4- | grep -e map -e bad
whole	map.gradcam.npy	[7,7]	0	0.000297221	0.00167541
whole	map.gradcam.json	155			
bare	__bad__	128			
flat	__bad__	259			
shape	__bad__	108			
rows	__bad__	108			
columns	__bad__	108			
rank	__bad__	78			
empty	__bad__	125			
cut	__bad__	98			
nan	map.gradcam.npy	[7,7]	nan	nan	nan
nan	map.gradcam.json	155			
inf	map.gradcam.npy	[7,7]	0	inf	inf
inf	map.gradcam.json	155			
$ gradcam -M eigencam later.tar 2>/dev/null | tensorls 2>/dev/null | cut -f 1,2,4- | grep -e map -e bad
whole	map.eigencam.npy	[7,7]	0	1.07716	9.84739
whole	map.eigencam.json	156			
bare	map.eigencam.npy	[7,7]	0	1.07716	9.84739
bare	map.eigencam.json	156			
flat	map.eigencam.npy	[7,7]	0	1.07716	9.84739
flat	map.eigencam.json	156			
shape	map.eigencam.npy	[7,7]	0	1.07716	9.84739
shape	map.eigencam.json	156			
rows	map.eigencam.npy	[7,7]	0	1.07716	9.84739
rows	map.eigencam.json	156			
columns	map.eigencam.npy	[7,7]	0	1.07716	9.84739
columns	map.eigencam.json	156			
rank	__bad__	78			
empty	__bad__	125			
cut	map.eigencam.npy	[7,7]	0	1.07716	9.84739
cut	map.eigencam.json	156			
nan	map.eigencam.npy	[7,7]	nan	nan	nan
nan	map.eigencam.json	156			
inf	map.eigencam.npy	[7,7]	nan	nan	nan
inf	map.eigencam.json	156			
$ . ./shapes.sh; gradcam -k later.tar 2>/dev/null | shapes | grep -e flat -e whole
whole act.layer4.npy [24,7,7]
whole actgrad.layer4.npy [24,7,7]
whole map.gradcam.npy [7,7]
whole map.gradcam.json json
flat act.layer4.npy [24,7,7]
flat actgrad.layer4.npy [24,7,7]
flat __bad__ json
$ gradcam --max-bad 1 later.tar >/dev/null
gradcam: bare: has no actgrad.layer4, which -M gradcam needs: run resnetfwd or vitfwd with -g, or say -M eigencam
gradcam: flat: actgrad.layer4 is zero everywhere: the class's logit doesn't depend on it, as behind a ViT's last block, where only the class token is read: take a place before (vitfwd --grad pred --act -1, resnetfwd --at layer4), or -M eigencam
gradcam: 2 of 3 samples are bad, over --max-bad 1
[exit 3]

# Without a model.json: a map of no known class. Names that are none of ours.

$ tar xOf bad.tar whole.map.gradcam.json; echo
{"method":"gradcam","layer":null,"head":null,"query":null,"residual":null,"signed":false,"target":null,"model":null,"grid":[7,7],"view":null,"at":"layer4"}
$ cd x; cp relu.act.layer4.npy odd.act.Layer4.npy; cp relu.act.layer4.npy odd.act.npy; cp relu.act.layer4.npy odd.act.layer4.json; cp relu.act.layer4.npy odd.act.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.npy; tar cf ../odd.tar odd.*; cd ..; gradcam -M eigencam odd.tar >/dev/null
gradcam: odd: has no act.NAME: run resnetfwd, or vitfwd with --act, and -k on stages between
[exit 2]

# A tensor that is too large for eigencam.

$ { printf '\223NUMPY\1\0v\0'; printf "{'descr': '|u1', 'fortran_order': False, 'shape': (2049, 1, 2049), }%49s\n" ''; head -c 4198401 /dev/zero; } >x/large.act.layer4.npy; tar cf large.tar -C x large.act.layer4.npy; gradcam -M eigencam large.tar >/dev/null
gradcam: large: act.layer4 is [2049,1,2049]: eigencam takes at most 2048 channels or as many positions
gradcam: 1 sample, 1 bad
[exit 1]

# A CNN's sample has no attention.

$ rollout relu.tar >/dev/null
rollout: relu: has no attn.LL: made by a CNN, which has no attention: run vitfwd, or gradcam in place of this stage
[exit 2]
$ attnsplit relu.tar >/dev/null
attnsplit: relu: has no attn.LL: made by a CNN, which has no attention: run vitfwd, or gradcam in place of this stage
[exit 2]
$ tar xf $DATA/maps/plain.tar peaked.attn.00.npy; cp x/relu.model.json peaked.model.json; tar cf mixed.tar peaked.*; rollout mixed.tar >/dev/null
rollout: peaked: model.json is a CNN's, which has no attention: run vitfwd, or gradcam in place of this stage
rollout: 1 sample, 1 bad
[exit 1]

# In a figure, over a picture.

$ cp $DATA/pictures/rgb444.jpg cat.jpg; preprocess cat.jpg 2>/dev/null >cat.tar; mkdir y; tar xf cat.tar -C y cat.jpg cat.view.json
$ cd y; for m in model.json act.layer4.npy actgrad.layer4.npy; do cp ../x/relu.$m cat.$m; done; tar cf ../photo.tar cat.*; cd ..; gradcam photo.tar 2>/dev/null | overlay >figure.png; head -c 4 figure.png | od -An -c
overlay: 1 sample
 211   P   N   G

# The command line.

$ gradcam -h
usage: gradcam [options] [FILE...]
gradcam reads activations and gradients, writes class activation maps

  -M, --method gradcam|gradcam++|hirescam|layercam|xgradcam|eigencam
                          how activations and gradients become a map (default:
                          gradcam); eigencam takes no gradient and shows no
                          class
      --at NAME           the place in the model: layer4, layer3-1, block11,
                          commas between (default: all that are there)
      --as NAME           name the map NAME (default: the method)
  -o, --output FILE       write FILE.part, then rename it to FILE
  -k, --keep              keep the tensors that this stage would drop
  -j, --threads N         use N threads; the output is the same for every N
      --max-bad N|N%      exit with 3 where more samples than that are bad
  -v, --verbose           say more on standard error
  -h, --help              print this help
  -V, --version           print the version
$ gradcam -V
gradcam (saccade) 0.1.0
$ gradcam --nonsense
gradcam: --nonsense: no such option: see -h
[exit 2]
$ gradcam -M cam relu.tar
gradcam: --method cam: takes one of gradcam|gradcam++|hirescam|layercam|xgradcam|eigencam
[exit 2]
$ gradcam -M
gradcam: -M: needs an argument: see -h
[exit 2]
$ gradcam --at
gradcam: --at: needs an argument: see -h
[exit 2]

# Framing.

$ gradcam </dev/null
gradcam: standard input: truncated: no bytes at all: see what the program before it says
[exit 3]
$ gradcam places.tar >/dev/full
gradcam: standard output: write failed: No space left on device
[exit 4]
$ gradcam relu.tar relu.tar >/dev/null
gradcam: relu.tar: key relu returns: join shards with preprocess --prefix-shard
[exit 3]
$ size=$(stat -c %s vit.tar)
> for ((cut = 1; cut < size; cut += 509)); do
>     head -c $cut vit.tar | gradcam 2>/dev/null >cut.tar || echo "exit $?"
>     tensorls --check cut.tar >/dev/null 2>&1 || echo "check $?"
> done | sort | uniq -c | awk '{ print $2, $3 }'
check 3
exit 3
$ for M in gradcam eigencam; do gradcam -M $M places.tar >one.tar 2>/dev/null; for j in 1 2 5; do gradcam -M $M -j $j places.tar 2>/dev/null | cmp - one.tar; done; done
