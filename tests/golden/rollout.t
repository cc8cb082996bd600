# Streams of made-up attention (tests/oracle/maps.py) and of the model that comes with saccade.
# That the numbers are right is check_maps'.

$ cp $DATA/maps/{plain,deit,registers,pooled,gap,foreign}.tar .; cp $DATA/pictures/rgb444.jpg cat.jpg; cp $DATA/pictures/rgb420.jpg dog.jpg

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
{"method":"abnar","layer":null,"head":null,"query":"cls","residual":0.5,"signed":false,"target":null,"model":"vit-cifar10-p4:aef0a747","grid":[8,8]
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
preprocess		preprocess	0.1.0	vit-cifar10-p4:aef0a747	
vitfwd	preprocess	vitfwd	0.1.0	vit-cifar10-p4:aef0a747	--tokens=6
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

# The command line.

$ rollout -h
usage: rollout [options] [FILE...]
rollout reads the attention of all layers, writes where it leads

  -M, --method abnar|vit-explain
                          the paper's rollout (default), or the popular script's
                          with its faults, to compare
      --fuse mean|max|min
                          how a layer's heads become one (default: mean;
                          vit-explain: max)
      --residual A        weight of the identity, the residual connection, from
                          0 to 1 (default: 0.5)
      --discard F         share of each row's patches, the lowest, set to 0
                          before (default: 0; vit-explain: 0.9, of the whole
                          matrix)
      --start LAYER       the first layer that takes part (default: 0)
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
$ rollout -M flow plain.tar
rollout: --method flow: takes one of abnar|vit-explain
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
rollout: --residual is abnar's; vit-explain always takes 0.5
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
