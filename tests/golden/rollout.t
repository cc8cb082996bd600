# Streams of made-up attention (tests/oracle/maps.py) and of the model that comes with saccade.
# That the numbers are right is check_maps'.

$ cp $DATA/maps/{plain,deit,registers,pooled,gap,foreign,grad,graddeit,gradforeign,gradtop}.tar .; cp $DATA/pictures/rgb444.jpg cat.jpg; cp $DATA/pictures/rgb420.jpg dog.jpg

$ shapes() { tensorls 2>/dev/null | awk -F'\t' '{ print $1, $2, $3 == "f4" ? $4 : $3 }'; }; declare -f shapes >shapes.sh

$ . ./shapes.sh; rollout plain.tar >out.tar; shapes <out.tar
rollout: 2 samples
key member type
peaked model.json json
peaked map.abnar.npy [3,4]
peaked map.abnar.json json
folder/diffuse model.json json
folder/diffuse map.abnar.npy [3,4]
folder/diffuse map.abnar.json json

$ tar xOf out.tar peaked.map.abnar.json; echo
{"method":"abnar","layer":null,"head":null,"query":"cls","residual":0.5,"signed":false,"target":null,"model":"made:0badcafe","grid":[3,4],"view":null}

$ . ./shapes.sh; rollout -k -M vit-explain -q all,cls plain.tar
rollout: -q all,cls: takes cls, dist, regN, mean, R:C (a patch's row and column from 0), commas between, or all
[exit 2]
$ . ./shapes.sh; rollout -k -M vit-explain -q all deit.tar 2>/dev/null | shapes
key member type
a model.json json
a attn.00.npy [2,8,8]
a attn.01.npy [2,8,8]
a attn.02.npy [2,8,8]
a map.vit-explain-qall.npy [6,2,3]
a map.vit-explain-qall.json json
$ . ./shapes.sh; rollout -q cls,dist,mean,1:2 deit.tar 2>/dev/null | shapes
key member type
a model.json json
a map.abnar.npy [2,3]
a map.abnar.json json
a map.abnar-qdist.npy [2,3]
a map.abnar-qdist.json json
a map.abnar-qmean.npy [2,3]
a map.abnar-qmean.json json
a map.abnar-q01-02.npy [2,3]
a map.abnar-q01-02.json json

# A picture's view and its model come along; so do attention with -k, and what isn't ours.

$ preprocess cat.jpg dog.jpg 2>/dev/null | vitfwd -t 6 2>/dev/null >fwd.tar; rollout fwd.tar >maps.tar
rollout: 2 samples
$ . ./shapes.sh; shapes <maps.tar
key member type
__stream__ model json
cat jpg jpeg
cat view.json json
cat logits.npy [10]
cat tokens.06.npy [65,128]
cat model.json json
cat map.abnar.npy [8,8]
cat map.abnar.json json
dog jpg jpeg
dog view.json json
dog logits.npy [10]
dog tokens.06.npy [65,128]
dog model.json json
dog map.abnar.npy [8,8]
dog map.abnar.json json
$ tar xOf maps.tar cat.map.abnar.json | sed 's/,"view":.*/\n/'
{"method":"abnar","layer":null,"head":null,"query":"cls","residual":0.5,"signed":false,"target":null,"model":"vit-cifar10-p4:dc5aa6e2","grid":[8,8]
$ tar xOf maps.tar cat.map.abnar.json | sed 's/.*"view"://; s/}$/\n/' | diff - <(tar xOf maps.tar cat.view.json; echo) && echo same
same
$ . ./shapes.sh; rollout -k fwd.tar 2>/dev/null | rollout -k -M vit-explain 2>/dev/null | attnsplit -l 5 -H 0 2>/dev/null | shapes | grep '^cat'
cat jpg jpeg
cat view.json json
cat logits.npy [10]
cat tokens.06.npy [65,128]
cat model.json json
cat map.abnar.npy [8,8]
cat map.abnar.json json
cat map.vit-explain.npy [8,8]
cat map.vit-explain.json json
cat map.l05-h00.npy [8,8]
cat map.l05-h00.json json
$ tensorls --pg maps.tar 2>/dev/null
id	pp	pn	vn	model	args
preprocess		preprocess	0.1.0	vit-cifar10-p4:dc5aa6e2	
vitfwd	preprocess	vitfwd	0.1.0	vit-cifar10-p4:dc5aa6e2	--tokens=6
rollout	vitfwd	rollout	0.1.0		

# A map is never replaced; --as names it.

$ rollout -k plain.tar 2>/dev/null | rollout >twice.tar
rollout: peaked: map.abnar exists: name this one with --as
rollout: folder/diffuse: map.abnar exists: name this one with --as
rollout: 2 samples, 2 bad
[exit 1]
$ . ./shapes.sh; rollout -k plain.tar 2>/dev/null | rollout --as again 2>/dev/null | shapes
key member type
peaked model.json json
peaked map.abnar.npy [3,4]
peaked map.abnar.json json
peaked map.again.npy [3,4]
peaked map.again.json json
folder/diffuse model.json json
folder/diffuse map.abnar.npy [3,4]
folder/diffuse map.abnar.json json
folder/diffuse map.again.npy [3,4]
folder/diffuse map.again.json json
$ rollout --as Again plain.tar
rollout: --as Again: takes at most 64 lower case letters, digits, _ + and -
[exit 2]
$ rollout --as '' plain.tar
rollout: --as : takes at most 64 lower case letters, digits, _ + and -
[exit 2]
$ rollout --as aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa plain.tar
rollout: --as aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: takes at most 64 lower case letters, digits, _ + and -
[exit 2]

# Layers: a gap, a start, none.

$ preprocess cat.jpg 2>/dev/null | vitfwd -l 0,2-5 2>/dev/null >gap-layers.tar; rollout gap-layers.tar >/dev/null
rollout: cat: has no attn.01: rollout needs every layer from 0 to 5: run vitfwd without -l, or say --start
[exit 2]
$ rollout --start 2 gap-layers.tar 2>/dev/null | tensorls 2>/dev/null | cut -f 1,2
key	member
__stream__	model
cat	jpg
cat	view.json
cat	logits.npy
cat	model.json
cat	map.abnar.npy
cat	map.abnar.json
$ rollout --start 1 gap-layers.tar >/dev/null
rollout: cat: has no attn.01: rollout needs every layer from 1 to 5: run vitfwd without -l, or say --start
[exit 2]
$ preprocess cat.jpg 2>/dev/null | vitfwd -l 0-4 2>/dev/null | rollout --start 2 >/dev/null
rollout: cat: has no attn.05: rollout needs every layer from 2 to 5: run vitfwd without -l, or say --start
[exit 2]
$ rollout --start 4 plain.tar >/dev/null
rollout: peaked: --start 4: the model has 4 layers, from 0
[exit 2]
$ for end in 1 2; do rollout --start 1 --end $end plain.tar 2>/dev/null | tensorcat --key peaked --npy map.abnar.npy 2>/dev/null >short.npy
>     tensorcat --key peaked --drop model.json --drop attn.03.npy $(((end == 1)) && echo --drop attn.02.npy) plain.tar 2>/dev/null |
>         rollout --start 1 --prefix 1 --grid 3x4 2>/dev/null | tensorcat --npy map.abnar.npy 2>/dev/null | cmp - short.npy; done; rollout plain.tar 2>/dev/null | tensorcat --key peaked --npy map.abnar.npy 2>/dev/null | cmp -s - short.npy; echo $?
1
$ for end in 1 2; do rollout -M flow --start 1 --end $end plain.tar 2>/dev/null | tensorcat --key peaked --npy map.flow.npy 2>/dev/null >short.npy
>     tensorcat --key peaked --drop model.json --drop attn.03.npy $(((end == 1)) && echo --drop attn.02.npy) plain.tar 2>/dev/null |
>         rollout -M flow --start 1 --prefix 1 --grid 3x4 2>/dev/null | tensorcat --npy map.flow.npy 2>/dev/null | cmp - short.npy; done; rollout -M flow plain.tar 2>/dev/null | tensorcat --key peaked --npy map.flow.npy 2>/dev/null | cmp -s - short.npy; echo $?
1
$ rollout --start 1 --end 2 --as short plain.tar 2>/dev/null | tar xOf - peaked.map.short.json | grep -o '"note":"[^"]*"'
"note":"from layer 1, to layer 2"
$ rollout --end 3 plain.tar 2>/dev/null | tensorcat --npy map.abnar.npy >all.npy 2>/dev/null; rollout plain.tar 2>/dev/null | tensorcat --npy map.abnar.npy 2>/dev/null | cmp - all.npy
$ rollout --end 4 plain.tar >/dev/null
rollout: peaked: --end 4: the model has 4 layers, from 0
[exit 2]
$ rollout --end 1 --start 2 plain.tar >/dev/null
rollout: peaked: --end 1: the model has 4 layers, from 0, and --start is above it
[exit 2]
$ rollout -M attn-gradcam --end 1 grad.tar
rollout: -M attn-gradcam takes no --end: it is the mean over the heads of the last layer, nothing else
[exit 2]
$ preprocess cat.jpg 2>/dev/null | vitfwd -l none 2>/dev/null | rollout >/dev/null
rollout: cat: has no attn.LL: run vitfwd (without -l none) before, and -k on stages between
[exit 2]
$ preprocess cat.jpg 2>/dev/null | rollout >/dev/null
rollout: cat: has no attn.LL: run vitfwd (without -l none) before, and -k on stages between
[exit 2]
$ tensorcat --drop attn.01.npy plain.tar 2>/dev/null >hole.tar; rollout hole.tar >/dev/null
rollout: peaked: has no attn.01: rollout needs every layer from 0 to 3: run vitfwd without -l, or say --start
[exit 2]

# What is missing or broken in a later sample makes that one bad.

$ mkdir x; tar xf plain.tar -C x; cd x; rm -r __stream__; mv folder/* .; for i in 0 1 2 3; do cp peaked.attn.0$i.npy whole.attn.0$i.npy; done
> cp peaked.model.json whole.model.json; cp peaked.model.json bare.model.json; cp peaked.model.json hole.model.json
> cp peaked.attn.00.npy hole.attn.00.npy; cp peaked.attn.03.npy hole.attn.03.npy
> for k in shape rank cut text; do for i in 0 1 2 3; do cp peaked.attn.0$i.npy $k.attn.0$i.npy; done; cp peaked.model.json $k.model.json; done
> sed -i 's/"grid":.3,4./"grid":[4,4]/' shape.model.json; printf '%-100s' '{"model":"m:1","prefix":1,"grid":[4096,256]}' >huge.model.json
> cp peaked.attn.00.npy huge.attn.00.npy; sed -i 's/(3, 13, 13)/(3, 169)   /' rank.attn.02.npy
> head -c 1000 peaked.attn.01.npy >cut.attn.01.npy; echo '{"prefix":' >text.model.json
> cp peaked.attn.00.npy own.attn.00.npy
> tar cf ../later.tar whole.* bare.* hole.* shape.* rank.* cut.* text.* huge.* own.* diffuse.*; cd ..; rollout later.tar >bad.tar
rollout: bare: has no attn.LL: run vitfwd (without -l none) before, and -k on stages between
rollout: hole: has no attn.01: rollout needs every layer from 0 to 3: run vitfwd without -l, or say --start
rollout: shape: attn.00.npy is [3,13,13]; 1 prefix tokens and a grid of 4x4 make [heads,17,17]
rollout: rank: attn.02.npy is f4[3,169], not of 3 dimensions
rollout: cut: attn.01.npy: npy: has 872 bytes of data, its shape needs 2028
rollout: text: model.json: not JSON: unexpected token near end of file
rollout: huge: attn.00.npy is [3,13,13]; 1 prefix tokens and a grid of 4096x256 make [heads,1048577,1048577]
rollout: own: has no model.json: run vitfwd, or say --prefix N --grid RxC for arrays of your own model
rollout: 10 samples, 8 bad
[exit 1]
$ . ./shapes.sh; shapes <bad.tar | grep -e map -e bad
whole map.abnar.npy [3,4]
whole map.abnar.json json
bare __bad__ json
hole __bad__ json
shape __bad__ json
rank __bad__ json
cut __bad__ json
text __bad__ json
huge __bad__ json
own __bad__ json
diffuse map.abnar.npy [3,4]
diffuse map.abnar.json json
$ . ./shapes.sh; rollout -k later.tar 2>/dev/null | tensorcat --good 2>/dev/null | shapes | cut -d ' ' -f 1,2
key member
whole attn.00.npy
whole attn.01.npy
whole attn.02.npy
whole attn.03.npy
whole model.json
whole map.abnar.npy
whole map.abnar.json
diffuse attn.00.npy
diffuse attn.01.npy
diffuse attn.02.npy
diffuse attn.03.npy
diffuse model.json
diffuse map.abnar.npy
diffuse map.abnar.json
$ rollout --max-bad 3 later.tar >/dev/null
rollout: bare: has no attn.LL: run vitfwd (without -l none) before, and -k on stages between
rollout: hole: has no attn.01: rollout needs every layer from 0 to 3: run vitfwd without -l, or say --start
rollout: shape: attn.00.npy is [3,13,13]; 1 prefix tokens and a grid of 4x4 make [heads,17,17]
rollout: rank: attn.02.npy is f4[3,169], not of 3 dimensions
rollout: 4 of 5 samples are bad, over --max-bad 3
[exit 3]

# Queries.

$ rollout -q dist plain.tar >/dev/null
rollout: peaked: -q dist: this model has no distillation token
[exit 2]
$ rollout -q reg0 plain.tar >/dev/null
rollout: peaked: -q reg0: this model has 0 registers
[exit 2]
$ rollout -q reg4 registers.tar >/dev/null
rollout: a: -q reg4: this model has 4 registers
[exit 2]
$ rollout -q cls pooled.tar >/dev/null
rollout: a: -q cls: this model has no class token
[exit 2]
$ rollout -q cls gap.tar >/dev/null
rollout: a: -q cls: this model has no class token
[exit 2]
$ rollout -q reg3 gap.tar >/dev/null
rollout: a: -q reg3: this model has 3 registers
[exit 2]
$ rollout -q 3:0 plain.tar >/dev/null
rollout: peaked: -q 3:0: the grid has 3 rows and 4 columns, from 0
[exit 2]
$ rollout -q 0:4 plain.tar >/dev/null
rollout: peaked: -q 0:4: the grid has 3 rows and 4 columns, from 0
[exit 2]
$ rollout -q nose plain.tar
rollout: -q nose: takes cls, dist, regN, mean, R:C (a patch's row and column from 0), commas between, or all
[exit 2]
$ rollout -q 1:2: plain.tar
rollout: -q 1:2:: takes cls, dist, regN, mean, R:C (a patch's row and column from 0), commas between, or all
[exit 2]
$ rollout -q -1:2 plain.tar
rollout: -q -1:2: takes cls, dist, regN, mean, R:C (a patch's row and column from 0), commas between, or all
[exit 2]
$ rollout -q '' plain.tar
rollout: -q : takes cls, dist, regN, mean, R:C (a patch's row and column from 0), commas between, or all
[exit 2]
$ rollout -q 99999999999999999999:0 plain.tar >/dev/null
rollout: peaked: -q 99999999999999999999:0: the grid has 3 rows and 4 columns, from 0
[exit 2]

# Arrays of somebody's own model.

$ . ./shapes.sh; rollout --prefix 1 --grid 2x3 foreign.tar 2>/dev/null | shapes
key member type
somebody/s map.abnar.npy [2,3]
somebody/s map.abnar.json json
$ rollout foreign.tar >/dev/null
rollout: somebody/s: has no model.json: run vitfwd, or say --prefix N --grid RxC for arrays of your own model
[exit 2]
$ rollout --prefix 1 foreign.tar
rollout: --prefix and --grid go together
[exit 2]
$ rollout --grid 2x3 foreign.tar
rollout: --prefix and --grid go together
[exit 2]
$ rollout --prefix 1 --grid 2x2 foreign.tar >/dev/null
rollout: somebody/s: attn.00.npy is [2,7,7]; 1 prefix tokens and a grid of 2x2 make [heads,5,5]
rollout: 1 sample, 1 bad
[exit 1]
$ rollout --prefix x --grid 2x3 foreign.tar
rollout: --prefix x: takes a whole number from 0 to 4096
[exit 2]
$ rollout --prefix -1 --grid 2x3 foreign.tar
rollout: --prefix -1: takes a whole number from 0 to 4096
[exit 2]
$ rollout --prefix 1 --grid 6 foreign.tar
rollout: --grid 6: takes ROWSxCOLUMNS, as 14x14
[exit 2]
$ rollout --prefix 1 --grid 0x6 foreign.tar
rollout: --grid 0x6: takes ROWSxCOLUMNS, as 14x14
[exit 2]
$ rollout --prefix 1 --grid 2x3x1 foreign.tar
rollout: --grid 2x3x1: takes ROWSxCOLUMNS, as 14x14
[exit 2]
$ rollout --prefix 1 --grid 2x-3 foreign.tar
rollout: --grid 2x-3: takes ROWSxCOLUMNS, as 14x14
[exit 2]
$ rollout --prefix 1 --grid 99999x99999 foreign.tar
rollout: --grid 99999x99999: takes ROWSxCOLUMNS, as 14x14
[exit 2]
$ rollout --prefix 4096 --grid 4096x4096 foreign.tar >/dev/null
rollout: somebody/s: attn.00.npy is [2,7,7]; 4096 prefix tokens and a grid of 4096x4096 make [heads,16781312,16781312]
rollout: 1 sample, 1 bad
[exit 1]
$ . ./shapes.sh; rollout --prefix 3 --grid 2x5 plain.tar 2>/dev/null | shapes
key member type
peaked model.json json
peaked map.abnar.npy [2,5]
peaked map.abnar.json json
folder/diffuse model.json json
folder/diffuse map.abnar.npy [2,5]
folder/diffuse map.abnar.json json

# Methods with gradients: of a class, if model.json has one. They drop them too.

$ . ./shapes.sh; rollout -M chefer grad.tar >class.tar; shapes <class.tar
rollout: 2 samples
key member type
strong model.json json
strong map.chefer.npy [3,4]
strong map.chefer.json json
folder/weak model.json json
folder/weak map.chefer.npy [3,4]
folder/weak map.chefer.json json
$ tar xOf class.tar strong.map.chefer.json; echo
{"method":"chefer","layer":null,"head":null,"query":"cls","residual":null,"signed":false,"target":{"index":281,"name":"tabby","logit":9.125,"prob":0.83},"model":"made:0badcafe","grid":[3,4],"view":null}
$ rollout -M grad-rollout --fuse max --discard 0.5 --start 2 grad.tar 2>/dev/null | tar xOf - strong.map.grad-rollout.json; echo
{"method":"grad-rollout","layer":null,"head":null,"query":"cls","residual":0.5,"signed":false,"target":{"index":281,"name":"tabby","logit":9.125,"prob":0.83},"model":"made:0badcafe","grid":[3,4],"view":null,"note":"max of heads, discard 0.5, from layer 2"}
$ rollout -M attn-gradcam -q dist graddeit.tar 2>/dev/null | tar xOf - a.map.attn-gradcam-qdist.json; echo
{"method":"attn-gradcam","layer":null,"head":null,"query":"dist","residual":null,"signed":false,"target":{"index":281,"name":"tabby","logit":9.125,"prob":0.83},"model":"made:0badcafe","grid":[2,3],"view":null}
$ rollout -M chefer --fuse min --prefix 1 --grid 2x3 gradforeign.tar 2>/dev/null | tar xOf - somebody/s.map.chefer.json; echo
{"method":"chefer","layer":null,"head":null,"query":"cls","residual":null,"signed":false,"target":null,"model":null,"grid":[2,3],"view":null,"note":"min of heads"}
$ rollout grad.tar 2>/dev/null | tar xOf - strong.map.abnar.json; echo
{"method":"abnar","layer":null,"head":null,"query":"cls","residual":0.5,"signed":false,"target":null,"model":"made:0badcafe","grid":[3,4],"view":null}
$ . ./shapes.sh; rollout -k -M chefer --as mine -q cls,1:2 graddeit.tar 2>/dev/null | attnsplit -k -l 0 -H mean 2>/dev/null | shapes
key member type
a model.json json
a attn.00.npy [2,8,8]
a attn.01.npy [2,8,8]
a attn.02.npy [2,8,8]
a attngrad.00.npy [2,8,8]
a attngrad.01.npy [2,8,8]
a attngrad.02.npy [2,8,8]
a map.mine.npy [2,3]
a map.mine.json json
a map.mine-q01-02.npy [2,3]
a map.mine-q01-02.json json
a map.l00-mean.npy [2,3]
a map.l00-mean.json json
$ . ./shapes.sh; rollout -k -M chefer grad.tar 2>/dev/null | rollout -k -M grad-rollout 2>/dev/null | rollout -k -M attn-gradcam 2>/dev/null | rollout 2>/dev/null | shapes | grep ^strong
strong model.json json
strong map.chefer.npy [3,4]
strong map.chefer.json json
strong map.grad-rollout.npy [3,4]
strong map.grad-rollout.json json
strong map.attn-gradcam.npy [3,4]
strong map.attn-gradcam.json json
strong map.abnar.npy [3,4]
strong map.abnar.json json
$ attnsplit -H mean graddeit.tar 2>/dev/null | tensorls 2>/dev/null | cut -f 2
member
model.json
map.l00-mean.npy
map.l00-mean.json
map.l01-mean.npy
map.l01-mean.json
map.l02-mean.npy
map.l02-mean.json
$ for j in 1 2 5; do rollout -j $j -M chefer grad.tar 2>/dev/null | cmp - class.tar; done

# What they need: every layer's gradient from the start; of attn-gradcam the last layer alone.

$ rollout -M chefer plain.tar >/dev/null
rollout: peaked: -M chefer needs attngrad: run vitfwd with --grad
[exit 2]
$ rollout -M grad-rollout --prefix 1 --grid 2x3 foreign.tar >/dev/null
rollout: somebody/s: -M grad-rollout needs attngrad: run vitfwd with --grad
[exit 2]
$ rollout -M attn-gradcam plain.tar >/dev/null
rollout: peaked: -M attn-gradcam needs attngrad: run vitfwd with --grad
[exit 2]
$ rollout -M chefer --start 3 plain.tar >/dev/null
rollout: peaked: -M chefer needs attngrad: run vitfwd with --grad
[exit 2]
$ tensorcat --drop 'attn.*' grad.tar 2>/dev/null | rollout -M chefer >/dev/null
rollout: strong: has no attn.LL: run vitfwd (without -l none) before, and -k on stages between
[exit 2]
$ tensorcat --drop 'attn.*' grad.tar 2>/dev/null | attnsplit >/dev/null
attnsplit: strong: has no attn.LL: run vitfwd (without -l none) before, and -k on stages between
[exit 2]
$ tensorcat --drop attngrad.01.npy --drop attngrad.00.npy grad.tar 2>/dev/null >grad-hole.tar; rollout -M chefer grad-hole.tar >/dev/null
rollout: strong: has no attngrad.00: -M chefer needs it from layer 0 on: run vitfwd with --grad, without -l
[exit 2]
$ rollout -M grad-rollout --start 1 grad-hole.tar >/dev/null
rollout: strong: has no attngrad.01: -M grad-rollout needs it from layer 1 on: run vitfwd with --grad, without -l
[exit 2]
$ rollout -M chefer --start 2 grad-hole.tar >/dev/null
rollout: 2 samples
$ rollout -M attn-gradcam grad-hole.tar >/dev/null
rollout: 2 samples
$ tensorcat --drop attngrad.03.npy grad.tar 2>/dev/null | rollout -M attn-gradcam >/dev/null
rollout: strong: has no attngrad.03: -M attn-gradcam needs it from layer 3 on: run vitfwd with --grad, without -l
[exit 2]
$ tensorcat --drop attn.03.npy grad.tar 2>/dev/null | rollout -M attn-gradcam >/dev/null
rollout: strong: has no attn.03, which is the last layer's: run vitfwd without -l
[exit 2]
$ tensorcat --drop 'attn*.0[0-2].npy' grad.tar 2>/dev/null | rollout -M attn-gradcam 2>/dev/null >top.tar; rollout -M attn-gradcam grad.tar 2>/dev/null | tensorcat --npy map.attn-gradcam.npy --key strong 2>/dev/null | cmp - <(tensorcat --npy map.attn-gradcam.npy --key strong top.tar 2>/dev/null) && echo same
same
$ tensorcat --drop 'attn*.0[0-2].npy' grad.tar 2>/dev/null | rollout -M chefer >/dev/null
rollout: strong: has no attn.00: rollout needs every layer from 0 to 3: run vitfwd without -l, or say --start
[exit 2]

# Options that mean nothing to a method.

$ rollout -M chefer --residual 0.5 grad.tar
rollout: -M chefer takes no --residual: it adds each layer to the identity as it is: see grad-rollout
[exit 2]
$ rollout -M chefer --discard 0 grad.tar
rollout: -M chefer takes no --discard: it adds each layer to the identity as it is: see grad-rollout
[exit 2]
$ rollout -M attn-gradcam --start 0 grad.tar
rollout: -M attn-gradcam takes no --start: it is the mean over the heads of the last layer, nothing else
[exit 2]
$ rollout -M attn-gradcam --fuse mean grad.tar
rollout: -M attn-gradcam takes no --fuse: it is the mean over the heads of the last layer, nothing else
[exit 2]
$ rollout -M attn-gradcam --residual 0.5 grad.tar
rollout: -M attn-gradcam takes no --residual: it is the mean over the heads of the last layer, nothing else
[exit 2]
$ rollout -M attn-gradcam --discard 0.5 grad.tar
rollout: -M attn-gradcam takes no --discard: it is the mean over the heads of the last layer, nothing else
[exit 2]
$ rollout -M chefer --start 4 grad.tar >/dev/null
rollout: strong: --start 4: the model has 4 layers, from 0
[exit 2]

# A gradient that is zero where it is read makes a sample bad; one with other heads likewise.

$ rollout -M attn-gradcam -q 0:1 gradtop.tar >/dev/null
rollout: a: attngrad.02 is zero for the query 00-01: in the last layer only what the head reads has a gradient: leave out -q, or take -M chefer
rollout: 1 sample, 1 bad
[exit 1]
$ rollout -M attn-gradcam -q cls,mean gradtop.tar >/dev/null
rollout: a: attngrad.02 is zero for the query mean: in the last layer only what the head reads has a gradient: leave out -q, or take -M chefer
rollout: 1 sample, 1 bad
[exit 1]
$ rollout -M attn-gradcam -q all gradtop.tar >/dev/null
rollout: a: attngrad.02 is zero for the query all: in the last layer only what the head reads has a gradient: leave out -q, or take -M chefer
rollout: 1 sample, 1 bad
[exit 1]
$ rollout -M chefer -q all gradtop.tar >/dev/null
rollout: 1 sample
$ mkdir y; tar xf grad.tar -C y; cd y; rm -r __stream__ folder
> for k in zero lower heads shape rank; do for f in strong.*; do cp $f $k${f#strong}; done; done; rm strong.*
> for f in zero.attngrad.0?.npy lower.attngrad.0[1-3].npy; do { head -c 128 $f; head -c 2028 /dev/zero; } >f; mv f $f; done
> { sed '1s/(3, 13, 13)/(2, 13, 13)/;q' heads.attngrad.02.npy; head -c 1352 /dev/zero; } >f; mv f heads.attngrad.02.npy
> sed -i '1s/(3, 13, 13)/(13, 13, 3)/' shape.attngrad.03.npy; sed -i '1s/(3, 13, 13)/(39, 13)   /' rank.attngrad.03.npy
> tar cf ../odd.tar *; cd ..; rollout -M chefer odd.tar >odd-out.tar
rollout: heads: attngrad.02 has 2 heads, attn.02 has 3
rollout: rank: attngrad.03.npy is f4[39,13], not of 3 dimensions
rollout: shape: attngrad.03.npy is [13,13,3]; 1 prefix tokens and a grid of 3x4 make [heads,13,13]
rollout: zero: attngrad is zero everywhere from layer 0 on: no attention there moves the class's logit: run vitfwd with --grad of another class
rollout: 5 samples, 4 bad
[exit 1]
$ . ./shapes.sh; shapes <odd-out.tar | grep -e map -e bad
heads __bad__ json
lower map.chefer.npy [3,4]
lower map.chefer.json json
rank __bad__ json
shape __bad__ json
zero __bad__ json
$ rollout -M chefer --start 1 odd.tar 2>&1 >/dev/null | grep lower
rollout: lower: attngrad is zero everywhere from layer 1 on: no attention there moves the class's logit: run vitfwd with --grad of another class, or say a lower --start
rollout: zero: attngrad is zero everywhere from layer 1 on: no attention there moves the class's logit: run vitfwd with --grad of another class, or say a lower --start
$ rollout -M attn-gradcam odd.tar >/dev/null
rollout: lower: attngrad is zero everywhere from layer 3 on: no attention there moves the class's logit: run vitfwd with --grad of another class
rollout: rank: attngrad.03.npy is f4[39,13], not of 3 dimensions
rollout: shape: attngrad.03.npy is [13,13,3]; 1 prefix tokens and a grid of 3x4 make [heads,13,13]
rollout: zero: attngrad is zero everywhere from layer 3 on: no attention there moves the class's logit: run vitfwd with --grad of another class
rollout: 5 samples, 4 bad
[exit 1]

# The command line.

$ rollout -h
usage: rollout [options] [FILE...]
rollout reads the attention of all layers, writes where it leads

  -M, --method abnar|vit-explain|grad-rollout|chefer|attn-gradcam|flow
                          abnar: attention alone (default); vit-explain: the
                          popular script's, with its faults, to compare; flow:
                          the most that can flow to each patch; the others: of
                          one class, after vitfwd --grad
      --fuse mean|max|min
                          how a layer's heads become one (default: mean;
                          vit-explain: max)
      --residual A        abnar, grad-rollout, flow: weight of the identity, the
                          residual connection, from 0 to 1 (default: 0.5)
      --discard F         abnar, grad-rollout, flow: share of each row's
                          patches, the lowest, set to 0 before (default: 0);
                          vit-explain: of the whole matrix (default: 0.9)
      --start LAYER       the first layer that takes part (default: 0)
      --end LAYER         the last one (default: the model's last)
  -q, --query QUERIES     from where: cls, dist, regN, mean, R:C (a patch),
                          commas between, or all (default: what the head reads)
      --as NAME           name the map NAME (default: the method)
      --prefix N          tokens before the patches, for arrays of your own
                          model
      --grid RxC          rows and columns of patches, likewise
  -o, --output FILE       write FILE.part, then rename it to FILE
  -k, --keep              keep the tensors that this stage would drop
  -j, --threads N         use N threads; the output is the same for every N
      --max-bad N|N%      exit with 3 where more samples than that are bad
  -v, --verbose           say more on standard error
  -h, --help              print this help
  -V, --version           print the version

$ rollout -V
rollout (saccade) 0.1.0
$ rollout --nonsense
rollout: --nonsense: no such option: see -h
[exit 2]
$ rollout -M
rollout: -M: needs an argument: see -h
[exit 2]
$ rollout -M flows plain.tar
rollout: --method flows: takes one of abnar|vit-explain|grad-rollout|chefer|attn-gradcam|flow
[exit 2]
$ rollout --fuse sum plain.tar
rollout: --fuse sum: takes one of mean|max|min
[exit 2]
$ rollout --residual 1.1 plain.tar
rollout: --residual 1.1: takes a number from 0 to 1
[exit 2]
$ rollout --residual -0.1 plain.tar
rollout: --residual -0.1: takes a number from 0 to 1
[exit 2]
$ rollout --residual nan plain.tar
rollout: --residual nan: takes a number from 0 to 1
[exit 2]
$ rollout --discard 2 plain.tar
rollout: --discard 2: takes a number from 0 to 1
[exit 2]
$ rollout --discard 0.5x plain.tar
rollout: --discard 0.5x: takes a number from 0 to 1
[exit 2]
$ rollout --start -1 plain.tar
rollout: --start -1: takes a whole number from 0 to 256
[exit 2]
$ rollout -M vit-explain --residual 0.5 plain.tar
rollout: -M vit-explain takes no --residual: the script's is always 0.5
[exit 2]

# Framing.

$ rollout </dev/null
rollout: standard input: truncated: no bytes at all: see what the program before it says
[exit 3]
$ rollout plain.tar >/dev/full
rollout: standard output: write failed: No space left on device
[exit 4]
$ rollout plain.tar plain.tar >/dev/null
rollout: plain.tar: key peaked returns: join shards with preprocess --prefix-shard
[exit 3]
$ rollout fwd.tar | head -c 100 | wc -c
100
$ size=$(stat -c %s deit.tar)
> for ((cut = 1; cut < size; cut += 511)); do
>     head -c $cut deit.tar | rollout 2>/dev/null >cut.tar || echo "exit $?"
>     tensorls --check cut.tar >/dev/null 2>&1 || echo "check $?"
> done | sort | uniq -c | awk '{ print $2, $3 }'
check 3
exit 3
$ for j in 1 2 5; do rollout -j $j fwd.tar 2>/dev/null | cmp - maps.tar; done

# Attention flow: shares of what flows to the patches, and how much only shows the bounds. The
# same bytes for any number of threads.

$ cp $DATA/maps/nan.tar .; rollout -k -v -M flow plain.tar 2>said >flow.tar; tr '\r' '\n' <said | grep patches; tar xOf flow.tar peaked.map.flow.json; echo
rollout: peaked: 25.0% of patches get all that the first layer lets into them, 25.0% all that the query gives
rollout: folder/diffuse: 58.3% of patches get all that the first layer lets into them, 41.7% all that the query gives
{"method":"flow","layer":null,"head":null,"query":"cls","residual":0.5,"signed":false,"target":null,"model":"made:0badcafe","grid":[3,4],"view":null,"flowed":10.64980836005,"at_first_layer":0.25,"at_query":0.25}
$ . ./shapes.sh; rollout -M flow -q all,cls deit.tar 2>/dev/null | shapes; rollout -M flow -q all --as all deit.tar 2>/dev/null | shapes
key member type
a model.json json
a map.all-qall.npy [6,2,3]
a map.all-qall.json json
$ for j in 1 2 5; do rollout -j $j -M flow -q all fwd.tar 2>/dev/null | cksum; done | uniq | wc -l
1
$ tensorcat --npy map.flow.npy --key peaked flow.tar 2>/dev/null | tail -c 48 | od -An -v -t f4 | tr -s ' ' '\n' | awk '{ sum += $1 } END { print sum }'
1
$ rollout -M flow --start 4 plain.tar >/dev/null
rollout: peaked: --start 4: the model has 4 layers, from 0
[exit 2]
$ rollout -M flow hole.tar >/dev/null
rollout: peaked: has no attn.01: rollout needs every layer from 0 to 3: run vitfwd without -l, or say --start
[exit 2]
$ rollout -M flow nan.tar >/dev/null
rollout: a: nothing can flow through layer 1: row 0 of its attention has numbers that aren't finite or are below 0
rollout: 1 sample, 1 bad
[exit 1]
$ rollout -M flow --residual 0 --discard 1 -q mean $DATA/maps/pooled.tar 2>/dev/null | tar xOf - a.map.flow.json | cut -d , -f 10-
2],"view":null,"note":"discard 1, residual 0","flowed":0.0,"at_first_layer":1.0,"at_query":0.0}
$ rollout -k -M flow flow.tar >/dev/null
rollout: peaked: map.flow exists: name this one with --as
rollout: folder/diffuse: map.flow exists: name this one with --as
rollout: 2 samples, 2 bad
[exit 1]
