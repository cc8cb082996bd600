$ tensorls $DATA/streams/labelled.tar
key	member	type	shape	min	mean	max
__stream__	model	json	113			
cat	jpg	jpeg	304			
cat	cls	text	1			
cat	model.json	json	116			
cat	logits.npy	f4	[5]	-2	1.35	4.25
cat	attn.00.npy	f4	[2,3,3]	0.0647032	0.333333	0.592453
pets/dog	jpg	jpeg	304			
pets/dog	model.json	json	116			
pets/dog	logits.npy	f4	[5]	1	1.4	2
pets/dog	attn.00.npy	f4	[2,3,3]	0.0759253	0.333333	0.570459
broken	jpg	text	0			
broken	__bad__	json	52			
fox	jpg	jpeg	304			
fox	cls	text	2			
fox	model.json	json	116			
fox	logits.npy	f8	[5]	-inf	-inf	1000
fox	attn.00.npy	f4	[2,3,3]	0.00490217	0.333333	0.829542
tensorls: 4 samples, 1 bad
[exit 1]

# NaN, infinities, no items, a scalar, integers beyond 2^53, Fortran order, half floats; a
# malformed array; members that aren't what their suffix says.

$ tensorls $DATA/streams/odd.tar
tensorls: odd: cut.npy: npy: has 11 bytes of data, its shape needs 12
key	member	type	shape	min	mean	max
odd	nan.npy	f4	[3]	nan	nan	nan
odd	infinite.npy	f4	[3]	-inf	nan	inf
odd	low.npy	f4	[2]	-inf	-inf	-1
odd	empty.npy	f4	[3,0]			
odd	scalar.npy	f4	[]	0.1	0.1	0.1
odd	label.npy	i8	[2]	-7	4.5036e+15	9007199254740994
odd	mask.npy	b1	[1,4]	0	0.75	1
odd	fortran.npy	i2	[2,3]	0	2.5	5
odd	half.npy	f2	[2]	0.25	0.625	1
odd	cut.npy	broken	139			
odd	json	json	7			
odd	cut.json	text	5			
odd	txt	text	6			
odd	bin	bytes	32			
odd	png	jpeg	10			
odd	jpg	text	10			
odd	flag	text	0			
__stream__	later	text	8			
tensorls: 1 sample, 1 bad
[exit 1]

$ tensorls --only x $DATA/streams/odd.tar
tensorls: --only: no such option: see -h
[exit 2]

# Foreign shards, and one behind another.

$ tensorls $DATA/streams/webdataset.tar
key	member	type	shape	min	mean	max
x/00000	a.npy	f4	[2,3]	0	2.5	5
x/00000	cls	text	1			
x/00000	jpg	bytes	700			
x/00001	a.npy	f4	[2,3]	1	3.5	6
x/00001	cls	text	1			
x/00001	jpg	bytes	700			
x/00002	a.npy	f4	[2,3]	2	4.5	7
x/00002	cls	text	1			
x/00002	jpg	bytes	700			
tensorls: 3 samples

$ cat $DATA/streams/other.tar $DATA/streams/beside.tar | tensorls 2>/dev/null
key	member	type	shape	min	mean	max
__stream__	model	json	41			
owl	model.json	json	117			
owl	logits.npy	f2	[2]	0	0.5	1
own	logits.npy	f4	[2]	-0.5	3.25	7
__stream__	pg	json	109			
__stream__	model	json	41			
cat	map.abnar.npy	f4	[1,2]	0	0.5	1
cat	map.abnar.json	json	33			
pets/dog	map.abnar.npy	f4	[1,2]	1	1.5	2
pets/dog	map.abnar.json	json	33			
broken	map.abnar.npy	f4	[1,2]	2	2.5	3
fox	map.abnar.npy	f4	[1,2]	3	3.5	4
fox	__bad__	json	32			
[exit 1]

# The suffix of a foreign member may hold anything but a slash.

$ printf x >$'a.b\tc\\d\ne'; tar -cf odd.tar a.*; rm a.*; tensorls odd.tar
key	member	type	shape	min	mean	max
a	b\tc\\d\ne	text	1			
tensorls: 1 sample

# Programs.

$ tensorls --pg $DATA/streams/labelled.tar
id	pp	pn	vn	model	args
preprocess		preprocess	0.1.0		
vitfwd	preprocess	vitfwd	0.1.0	tiny:0badcafe	--layers=0 --grad=tiger\tcat
tensorls: 4 samples, 1 bad
[exit 1]

$ cat $DATA/streams/labelled.tar $DATA/streams/other.tar $DATA/streams/webdataset.tar | tensorls --pg
id	pp	pn	vn	model	args
preprocess		preprocess	0.1.0		
vitfwd	preprocess	vitfwd	0.1.0	tiny:0badcafe	--layers=0 --grad=tiger\tcat
resnetfwd		resnetfwd	0.1.0	other:12345678	--at=none
tensorls: 9 samples, 1 bad
[exit 1]

$ tensorls --pg $DATA/streams/webdataset.tar
id	pp	pn	vn	model	args
tensorls: 3 samples

$ tensorcat $DATA/streams/other.tar 2>/dev/null | tensorcat --every 2 --only '*.npy' 2>/dev/null | tensorcat -v -j 1 --keys-from /dev/null 2>/dev/null | tensorls --pg
id	pp	pn	vn	model	args
resnetfwd		resnetfwd	0.1.0	other:12345678	--at=none
tensorcat	resnetfwd	tensorcat	0.1.0		
tensorcat.2	tensorcat	tensorcat	0.1.0		--every=2 --only=*.npy
tensorcat.3	tensorcat.2	tensorcat	0.1.0		--keys-from=null
tensorls: 0 samples

# Whole or not.

$ tensorls --check $DATA/streams/labelled.tar
whole: 4 samples, 1 bad, 16 members
tensorls: 4 samples, 1 bad
[exit 1]

$ tensorls --check $DATA/streams/other.tar
whole: 2 samples, 0 bad, 3 members
tensorls: 2 samples

$ tensorls --check $DATA/streams/odd.tar
whole: 1 sample, 0 bad, 17 members
tensorls: 1 sample

$ tensorls --check $DATA/streams/webdataset.tar
whole, without a checksum: 3 samples, 0 bad, 9 members
tensorls: 3 samples

$ cat $DATA/streams/other.tar $DATA/streams/webdataset.tar | tensorls --check
whole, without a checksum: 5 samples, 0 bad, 12 members
tensorls: 5 samples

$ tensorls --check $DATA/streams/other.tar $DATA/streams/other.tar
tensorls: $DATA/streams/other.tar: key owl returns: join shards with preprocess --prefix-shard
[exit 3]

$ tensorls --check </dev/null
tensorls: standard input: truncated: no bytes at all: see what the program before it says
[exit 3]

$ head -c 512 $DATA/streams/other.tar | tensorls --check
tensorls: standard input: truncated: ends inside __stream__/head
[exit 3]

$ head -c 1536 $DATA/streams/other.tar | tensorls --check
tensorls: standard input: truncated: ends inside __stream__/model
[exit 3]

$ head -c 5120 $DATA/streams/other.tar | tensorls --check
tensorls: standard input: truncated: has a head and no tail: see what the program before it says
[exit 3]

$ head -c 6656 $DATA/streams/other.tar | tensorls --check
tensorls: standard input: truncated: one zero block at the end instead of two: see what the program before it says
[exit 3]

$ head -c 30000 $DATA/streams/webdataset.tar | tensorls --check
tensorls: standard input: truncated: ends inside a member or its header
[exit 3]

$ head -c 700 $DATA/streams/other.tar | cat $DATA/streams/labelled.tar - | tensorls --check
tensorls: standard input: truncated: ends inside a member or its header
[exit 3]

$ { head -c 6144 $DATA/streams/other.tar; cat $DATA/streams/other.tar; } | tensorls --check
tensorls: standard input: corrupt: a member behind the tail
[exit 3]

$ for ((cut = 512; cut < 19968; cut += 512)); do
>     for at in $cut $((cut - 7)); do
>         head -c $at $DATA/streams/labelled.tar | tensorls --check >/dev/null 2>&1 || echo $?
>     done
> done | sort | uniq -c | tr -s ' '
 76 3

# A byte changed: in headers, in a payload, in padding (which is nobody's), in the tail and
# behind it.

$ flip() { head -c $1 $DATA/streams/other.tar; printf '\377'; tail -c +$(($1 + 2)) $DATA/streams/other.tar; }
> for at in 1030 2050 3600 4000 5640 6144; do
>     flip $at | tensorls --check
> done 2>&1
tensorls: standard input: corrupt: not a tar header where one is due
tensorls: standard input: corrupt: not a tar header where one is due
tensorls: standard input: corrupt: wrong CRC-32
whole: 2 samples, 0 bad, 3 members
tensorls: 2 samples
tensorls: standard input: corrupt: head or tail is not a JSON object
tensorls: standard input: corrupt: not a tar header where one is due
[exit 3]

# The rows up to there come first.

$ head -c 9000 $DATA/streams/labelled.tar | tensorls
key	member	type	shape	min	mean	max
__stream__	model	json	113			
cat	jpg	jpeg	304			
cat	cls	text	1			
cat	model.json	json	116			
cat	logits.npy	f4	[5]	-2	1.35	4.25
cat	attn.00.npy	f4	[2,3,3]	0.0647032	0.333333	0.592453
tensorls: standard input: truncated: ends inside a member or its header
[exit 3]

# The command line.

$ tensorls -h
usage: tensorls [options] [FILE...]
tensorls reads a stream, writes what is in it as text

      --pg                print the chain of programs instead
      --check             print only whether the stream is whole
      --values GLOB       print every number of the arrays GLOB instead
  -o, --output FILE       write FILE.part, then rename it to FILE
  -j, --threads N         use N threads; the output is the same for every N
      --max-bad N|N%      exit with 3 where more samples than that are bad
  -v, --verbose           say more on standard error
  -h, --help              print this help
  -V, --version           print the version

$ tensorls -V
tensorls (saccade) 0.1.0

$ tensorls --pg --check $DATA/streams/other.tar
tensorls: --pg, --check and --values: take one of them
[exit 2]

$ tensorls --check --values x $DATA/streams/other.tar
tensorls: --pg, --check and --values: take one of them
[exit 2]

# Every number, of arrays alone.

$ tensorls --values 'map.a.npy' $DATA/mapdiff/odd.tar 2>/dev/null | head -n 11
key	member	index	value
good	map.a.npy	0,0	1
good	map.a.npy	0,1	2
good	map.a.npy	0,2	3
good	map.a.npy	1,0	4
good	map.a.npy	1,1	5
good	map.a.npy	1,2	6
good	map.a.npy	2,0	7
good	map.a.npy	2,1	8
good	map.a.npy	2,2	9
apart	map.a.npy	0,0	1

$ tensorls --values '*.npy' $DATA/streams/odd.tar
tensorls: odd: cut.npy: npy: has 11 bytes of data, its shape needs 12
key	member	index	value
odd	nan.npy	0	1
odd	nan.npy	1	nan
odd	nan.npy	2	3
odd	infinite.npy	0	-inf
odd	infinite.npy	1	0
odd	infinite.npy	2	inf
odd	low.npy	0	-inf
odd	low.npy	1	-1
odd	scalar.npy		0.1
odd	label.npy	0	9007199254740994
odd	label.npy	1	-7
odd	mask.npy	0,0	1
odd	mask.npy	0,1	0
odd	mask.npy	0,2	1
odd	mask.npy	0,3	1
odd	fortran.npy	0,0	0
odd	fortran.npy	0,1	1
odd	fortran.npy	0,2	2
odd	fortran.npy	1,0	3
odd	fortran.npy	1,1	4
odd	fortran.npy	1,2	5
odd	half.npy	0	0.25
odd	half.npy	1	1
tensorls: 1 sample, 1 bad
[exit 1]

$ tensorls --values 'map.*' $DATA/mapdiff/odd.tar 2>&1 >/dev/null | head -n 2
tensorls: good: map.a.json: npy: not a .npy array of version 1 to 3
tensorls: apart: map.a.json: npy: not a .npy array of version 1 to 3

$ tensorls --nonsense
tensorls: --nonsense: no such option: see -h
[exit 2]

$ tensorls nowhere.tar
tensorls: nowhere.tar: No such file or directory
[exit 4]

$ tensorls $DATA/streams/other.tar >/dev/full
tensorls: standard output: write failed: No space left on device
[exit 4]

$ tensorls --check -o check.txt $DATA/streams/other.tar; cat check.txt
tensorls: 2 samples
whole: 2 samples, 0 bad, 3 members

$ set -o pipefail; yes | head -c 3000000 >big.bin; tar -cf big.tar big.bin; for i in 1 2 3 4; do cat big.tar; done | tensorls --check
tensorls: standard input: key big returns: join shards with preprocess --prefix-shard
[exit 3]

$ tensorls -j 1 $DATA/streams/odd.tar 2>/dev/null >one; tensorls -j 2 $DATA/streams/odd.tar 2>/dev/null >two; cmp one two
