# Streams of made-up attention (tests/oracle/maps.py) and of the model that comes with saccade.
# That the numbers are right is check_maps'.

$ cp $DATA/maps/{plain,deit,registers,pooled,pooledclass,gap,foreign}.tar .; cp $DATA/pictures/rgb444.jpg cat.jpg; cp $DATA/pictures/rgb420.jpg dog.jpg

$ maps() { tensorls 2>/dev/null | awk -F'\t' '$2 ~ /^map.*npy/ { print $1, $2, $4 }'; }; declare -f maps >maps.sh

$ . ./maps.sh; attnsplit plain.tar >out.tar; maps <out.tar
attnsplit: 2 samples
peaked map.l00-h00.npy [3,4]
peaked map.l00-h01.npy [3,4]
peaked map.l00-h02.npy [3,4]
peaked map.l01-h00.npy [3,4]
peaked map.l01-h01.npy [3,4]
peaked map.l01-h02.npy [3,4]
peaked map.l02-h00.npy [3,4]
peaked map.l02-h01.npy [3,4]
peaked map.l02-h02.npy [3,4]
peaked map.l03-h00.npy [3,4]
peaked map.l03-h01.npy [3,4]
peaked map.l03-h02.npy [3,4]
folder/diffuse map.l00-h00.npy [3,4]
folder/diffuse map.l00-h01.npy [3,4]
folder/diffuse map.l00-h02.npy [3,4]
folder/diffuse map.l01-h00.npy [3,4]
folder/diffuse map.l01-h01.npy [3,4]
folder/diffuse map.l01-h02.npy [3,4]
folder/diffuse map.l02-h00.npy [3,4]
folder/diffuse map.l02-h01.npy [3,4]
folder/diffuse map.l02-h02.npy [3,4]
folder/diffuse map.l03-h00.npy [3,4]
folder/diffuse map.l03-h01.npy [3,4]
folder/diffuse map.l03-h02.npy [3,4]

$ tar xOf out.tar peaked.map.l03-h02.json; echo
{"method":"attention","layer":3,"head":2,"query":"cls","residual":null,"signed":false,"target":null,"model":"made:0badcafe","grid":[3,4],"view":null}

$ attnsplit -l 1 -H std -q 1:2 plain.tar 2>/dev/null | tar xO peaked.map.l01-std-q01-02.json; echo
{"method":"attention","layer":1,"head":"std","query":"01-02","residual":null,"signed":false,"target":null,"model":"made:0badcafe","grid":[3,4],"view":null}

$ . ./maps.sh; attnsplit -l -1 -H 1- plain.tar 2>/dev/null | maps
peaked map.l03-h01.npy [3,4]
peaked map.l03-h02.npy [3,4]
folder/diffuse map.l03-h01.npy [3,4]
folder/diffuse map.l03-h02.npy [3,4]

$ . ./maps.sh; attnsplit -l 0,2 -H mean -q all,cls plain.tar
attnsplit: -q all,cls: takes cls, dist, regN, mean, R:C (a patch's row and column from 0), commas between, or all
[exit 2]

$ . ./maps.sh; attnsplit -l 0,2 -H max -q all plain.tar 2>/dev/null | maps
peaked map.l00-max-qall.npy [12,3,4]
peaked map.l02-max-qall.npy [12,3,4]
folder/diffuse map.l00-max-qall.npy [12,3,4]
folder/diffuse map.l02-max-qall.npy [12,3,4]

$ . ./maps.sh; attnsplit -l 0 -H 0 -q cls,dist,mean,1:2 deit.tar 2>/dev/null | maps
a map.l00-h00.npy [2,3]
a map.l00-h00-qdist.npy [2,3]
a map.l00-h00-qmean.npy [2,3]
a map.l00-h00-q01-02.npy [2,3]

$ . ./maps.sh; for f in pooled pooledclass gap; do attnsplit -l 0 -H min -q mean $f.tar 2>/dev/null | maps; done
a map.l00-min.npy [4,2]
a map.l00-min.npy [1,5]
a map.l00-min.npy [2,2]

$ . ./maps.sh; attnsplit -l 0 -H min -q cls pooledclass.tar 2>/dev/null | maps
a map.l00-min-qcls.npy [1,5]

# A model's layers and heads; what comes along.

$ preprocess cat.jpg dog.jpg 2>/dev/null | vitfwd 2>/dev/null >fwd.tar; . ./maps.sh; attnsplit fwd.tar 2>/dev/null | maps | wc -l
48

$ attnsplit -l 5 -H mean fwd.tar 2>/dev/null | tensorls 2>/dev/null | cut -f 1,2 | head -n 8
key	member
__stream__	model
cat	jpg
cat	view.json
cat	logits.npy
cat	model.json
cat	map.l05-mean.npy
cat	map.l05-mean.json

$ attnsplit -k -l 5 -H mean fwd.tar 2>/dev/null | attnsplit -l 4 -H mean 2>/dev/null | tensorls 2>/dev/null | cut -f 1,2 | grep -e map -e attn
cat	map.l05-mean.npy
cat	map.l05-mean.json
cat	map.l04-mean.npy
cat	map.l04-mean.json
dog	map.l05-mean.npy
dog	map.l05-mean.json
dog	map.l04-mean.npy
dog	map.l04-mean.json

$ tensorls --pg <(attnsplit -l 5 -H mean fwd.tar 2>/dev/null) 2>/dev/null
id	pp	pn	vn	model	args
preprocess		preprocess	0.1.0	vit-cifar10-p4:dc5aa6e2	
vitfwd	preprocess	vitfwd	0.1.0	vit-cifar10-p4:dc5aa6e2	
attnsplit	vitfwd	attnsplit	0.1.0		--layers=5 --heads=mean

# Layers that are not there.

$ preprocess cat.jpg 2>/dev/null | vitfwd -l 0,2 2>/dev/null >few.tar; . ./maps.sh; attnsplit -H mean few.tar 2>/dev/null | maps
cat map.l00-mean.npy [8,8]
cat map.l02-mean.npy [8,8]

$ . ./maps.sh; attnsplit -H mean -l all few.tar 2>/dev/null | maps
cat map.l00-mean.npy [8,8]
cat map.l02-mean.npy [8,8]

$ attnsplit -l 1 few.tar >/dev/null
attnsplit: cat: has no attn.01: vitfwd -l decides what is there
[exit 2]

$ attnsplit -l -1 few.tar >/dev/null
attnsplit: cat: has no attn.05: vitfwd -l decides what is there
[exit 2]

$ attnsplit -l 0-2 few.tar >/dev/null
attnsplit: cat: has no attn.01: vitfwd -l decides what is there
[exit 2]

$ attnsplit -l 6 few.tar >/dev/null
attnsplit: cat: --layers 6: there are 6, 0 to 5
[exit 2]

$ attnsplit -l 9 plain.tar >/dev/null
attnsplit: peaked: --layers 9: there are 4, 0 to 3
[exit 2]

$ attnsplit -H 3 plain.tar >/dev/null
attnsplit: peaked: --heads 3: there are 3, 0 to 2
[exit 2]

$ attnsplit -H -4 plain.tar >/dev/null
attnsplit: peaked: --heads -4: there are 3, 0 to 2
[exit 2]

# Lists that are none, queries that this model lacks.

$ attnsplit -l x plain.tar
attnsplit: --layers x: takes a list as 3, -1, 0-5, 6-, 1,4 or all
[exit 2]
$ attnsplit -l none plain.tar
attnsplit: --layers none: takes a list as 3, -1, 0-5, 6-, 1,4 or all
[exit 2]
$ attnsplit -l 1,,2 plain.tar
attnsplit: --layers 1,,2: takes a list as 3, -1, 0-5, 6-, 1,4 or all
[exit 2]
$ attnsplit -H median plain.tar
attnsplit: --heads median: takes a list as 3, -1, 0-5, 6-, 1,4 or all, or mean, max, min or std
[exit 2]
$ attnsplit -H mean,max plain.tar
attnsplit: --heads mean,max: takes a list as 3, -1, 0-5, 6-, 1,4 or all, or mean, max, min or std
[exit 2]
$ attnsplit -q nose plain.tar
attnsplit: -q nose: takes cls, dist, regN, mean, R:C (a patch's row and column from 0), commas between, or all
[exit 2]
$ attnsplit -q dist plain.tar >/dev/null
attnsplit: peaked: -q dist: this model has no distillation token
[exit 2]
$ attnsplit -q 3:0 plain.tar >/dev/null
attnsplit: peaked: -q 3:0: the grid has 3 rows and 4 columns, from 0
[exit 2]

# What is missing or broken in a later sample makes that one bad; in the first, ends the run.

$ mkdir x; tar xf plain.tar -C x; cd x; rm -r __stream__ folder; for k in bare few shape rank cut text huge own whole; do
>     for f in peaked.*; do cp $f $k${f#peaked}; done
> done; rm bare.attn* own.model.json few.attn.02.npy; sed -i 's/"grid":.3,4./"grid":[4,4]/' shape.model.json
> sed -i 's/(3, 13, 13)/(3, 169)   /' rank.attn.02.npy; head -c 1000 peaked.attn.01.npy >cut.attn.01.npy
> echo '{"prefix":' >text.model.json; echo '{"prefix":1,"grid":[4096,256]}' >huge.model.json
> tar cf ../later.tar peaked.* bare.* few.* shape.* rank.* cut.* text.* huge.* own.* whole.*; tar cf ../first.tar bare.* whole.*
> cd ..; attnsplit -l 2 -H mean -q all later.tar >bad.tar
attnsplit: bare: has no attn.LL: run vitfwd (without -l none) before, and -k on stages between
attnsplit: few: has no attn.02: vitfwd -l decides what is there
attnsplit: shape: attn.00.npy is [3,13,13]; 1 prefix tokens and a grid of 4x4 make [heads,17,17]
attnsplit: rank: attn.02.npy is f4[3,169], not of 3 dimensions
attnsplit: text: model.json: not JSON: unexpected token near end of file
attnsplit: huge: attn.00.npy is [3,13,13]; 1 prefix tokens and a grid of 4096x256 make [heads,1048577,1048577]
attnsplit: own: has no model.json: run vitfwd, or say --prefix N --grid RxC for arrays of your own model
attnsplit: 10 samples, 7 bad
[exit 1]

$ tensorls bad.tar 2>/dev/null | cut -f 1,2 | grep -e map.*npy -e bad
peaked	map.l02-mean-qall.npy
bare	__bad__
few	__bad__
shape	__bad__
rank	__bad__
cut	map.l02-mean-qall.npy
text	__bad__
huge	__bad__
own	__bad__
whole	map.l02-mean-qall.npy

$ attnsplit first.tar >/dev/null
attnsplit: bare: has no attn.LL: run vitfwd (without -l none) before, and -k on stages between
[exit 2]

$ attnsplit -k -l 0 -H 0 plain.tar 2>/dev/null | attnsplit -l 0 -H 0-1 2>&1 >/dev/null | cut -d : -f 1-3
attnsplit: peaked: map.l00-h00 exists
attnsplit: folder/diffuse: map.l00-h00 exists
attnsplit: 2 samples, 2 bad

$ . ./maps.sh; attnsplit -k -l 0 -H 0 plain.tar 2>/dev/null | attnsplit --as again -l 0 -H 0-1 2>/dev/null | maps
peaked map.l00-h00.npy [3,4]
peaked map.again-l00-h00.npy [3,4]
peaked map.again-l00-h01.npy [3,4]
folder/diffuse map.l00-h00.npy [3,4]
folder/diffuse map.again-l00-h00.npy [3,4]
folder/diffuse map.again-l00-h01.npy [3,4]

$ attnsplit --as A plain.tar
attnsplit: --as A: takes at most 64 lower case letters, digits, _ + and -
[exit 2]

$ . ./maps.sh; attnsplit --as aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -l 0 -H mean -q cls,1:2 plain.tar 2>/dev/null | maps | sort -u | head -n 2
folder/diffuse map.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-l00-mean-q01-02.npy [3,4]
folder/diffuse map.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-l00-mean.npy [3,4]

# Arrays of somebody's own model.

$ . ./maps.sh; attnsplit --prefix 1 --grid 2x3 -H mean foreign.tar 2>/dev/null | maps
somebody/s map.l00-mean.npy [2,3]
somebody/s map.l01-mean.npy [2,3]

$ . ./maps.sh; attnsplit --prefix 3 --grid 2x2 -H mean -q reg0,reg1,0:0 foreign.tar 2>/dev/null | maps
somebody/s map.l00-mean-qreg0.npy [2,2]
somebody/s map.l00-mean-qreg1.npy [2,2]
somebody/s map.l00-mean-q00-00.npy [2,2]
somebody/s map.l01-mean-qreg0.npy [2,2]
somebody/s map.l01-mean-qreg1.npy [2,2]
somebody/s map.l01-mean-q00-00.npy [2,2]

$ attnsplit foreign.tar >/dev/null
attnsplit: somebody/s: has no model.json: run vitfwd, or say --prefix N --grid RxC for arrays of your own model
[exit 2]

$ attnsplit --prefix 1 foreign.tar
attnsplit: --prefix and --grid go together
[exit 2]

$ attnsplit --grid 2x3 foreign.tar
attnsplit: --prefix and --grid go together
[exit 2]

$ attnsplit --prefix 2 --grid 2x3 foreign.tar >/dev/null
attnsplit: somebody/s: attn.00.npy is [2,7,7]; 2 prefix tokens and a grid of 2x3 make [heads,8,8]
attnsplit: 1 sample, 1 bad
[exit 1]

$ attnsplit --prefix 1 --grid 2,3 foreign.tar
attnsplit: --grid 2,3: takes ROWSxCOLUMNS, as 14x14
[exit 2]

# The command line.

$ attnsplit -h
usage: attnsplit [options] [FILE...]
attnsplit reads attention, writes maps of single layers and heads

  -l, --layers LIST       layers to show (default: all that are there)
  -H, --heads LIST|mean|max|min|std
                          heads to show, or how all heads of a layer become one
                          map (default: all heads)
  -q, --query QUERIES     whose attention: cls, dist, regN, mean, R:C (a patch),
                          commas between, or all (default: what the head reads)
      --suppress-sinks    take attention to sinks away and divide each row by
                          what is left (needs vitfwd --tokens)
      --sink-share F      a sink is a patch that takes more than F/N of N
                          tokens' attention on average (3)
      --sink-norm K       and whose norm is above the median by more than K
                          median absolute deviations (5)
      --as NAME           name the maps NAME-lLL-hHH and so on
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

$ attnsplit -V
attnsplit (saccade) 0.1.0

$ attnsplit --nonsense
attnsplit: --nonsense: no such option: see -h
[exit 2]

$ attnsplit -l
attnsplit: -l: needs an argument: see -h
[exit 2]

# Framing.

$ attnsplit </dev/null
attnsplit: standard input: truncated: no bytes at all: see what the program before it says
[exit 3]

$ attnsplit plain.tar >/dev/full
attnsplit: standard output: write failed: No space left on device
[exit 4]

$ attnsplit plain.tar plain.tar >/dev/null
attnsplit: plain.tar: key peaked returns: join shards with preprocess --prefix-shard
[exit 3]

$ attnsplit -k fwd.tar 2>/dev/null | head -c 100 | wc -c; echo ${PIPESTATUS[0]}
100
141

$ size=$(stat -c %s deit.tar)
> for ((cut = 1; cut < size; cut += 511)); do
>     head -c $cut deit.tar | attnsplit 2>/dev/null >cut.tar || echo "exit $?"
>     tensorls --check cut.tar >/dev/null 2>&1 || echo "check $?"
> done | sort | uniq -c | awk '{ print $2, $3 }'
check 3
exit 3

$ for j in 1 2 5; do attnsplit -j $j fwd.tar 2>/dev/null | cksum; done | sort -u | wc -l
1

# Without sinks: in the name and in what is said of the map. Needs tokens.

$ cp $DATA/sinks/plain.tar sinks.tar; attnsplit --suppress-sinks -H mean -v sinks.tar 2>said >nosinks.tar; tr '\r' '\n' <said | grep layer; tensorls nosinks.tar 2>/dev/null | cut -f 1,2 | grep npy
attnsplit: one: layer 0: 1 sink, with 23.8% of the attention of all tokens
attnsplit: one: layer 1: 0 sinks, with 0.0% of the attention of all tokens
attnsplit: folder/two: layer 0: 2 sinks, with 62.3% of the attention of all tokens
attnsplit: folder/two: layer 1: 1 sink, with 38.7% of the attention of all tokens
one	tokens.00.npy
one	tokens.01.npy
one	map.l00-mean-nosinks.npy
one	map.l01-mean-nosinks.npy
folder/two	tokens.00.npy
folder/two	tokens.01.npy
folder/two	map.l00-mean-nosinks.npy
folder/two	map.l01-mean-nosinks.npy

$ tar xOf nosinks.tar folder/two.map.l00-mean-nosinks.json; echo
{"method":"attention","layer":0,"head":"mean","query":"cls","residual":null,"signed":false,"target":null,"model":"made:0badcafe","grid":[3,4],"view":null,"note":"without 2 sinks, 76.7% of attention","sinks":[[0,3],[2,0]],"removed":0.766815890868505}

$ attnsplit -k -H mean sinks.tar 2>/dev/null | attnsplit -H mean --suppress-sinks 2>/dev/null | attnsplit >/dev/null
attnsplit: one: has no attn.LL: run vitfwd (without -l none) before, and -k on stages between
[exit 2]

$ attnsplit -k -l 0 -H mean sinks.tar 2>/dev/null | attnsplit -l 1 -H 2 --suppress-sinks -q 1:1 2>/dev/null | tar tf - | grep 'one.map.*npy'
one.map.l00-mean.npy
one.map.l01-h02-nosinks-q01-01.npy

$ tensorcat --drop tokens.01.npy sinks.tar 2>/dev/null >few.tar; attnsplit --suppress-sinks few.tar >/dev/null
attnsplit: one: has no tokens.01, whose norms --suppress-sinks needs: run vitfwd --tokens with the layers that are split
[exit 2]

$ attnsplit --suppress-sinks -l 0 few.tar >/dev/null
attnsplit: 2 samples

$ attnsplit --sink-share 2 sinks.tar >/dev/null
attnsplit: --sink-share and --sink-norm go with --suppress-sinks
[exit 2]

$ attnsplit --suppress-sinks --sink-norm -1 sinks.tar >/dev/null
attnsplit: --sink-norm -1: takes a number from 0 to 1e+09
[exit 2]

$ tensorcat --drop 'tokens*' $DATA/attnstat/faults.tar 2>/dev/null | attnsplit --suppress-sinks >/dev/null
attnsplit: good: has no tokens.00, whose norms --suppress-sinks needs: run vitfwd --tokens with the layers that are split
[exit 2]
