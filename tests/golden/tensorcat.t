# One after the other, named or as one input.

$ tensorcat $DATA/streams/labelled.tar $DATA/streams/other.tar >both.tar
tensorcat: 6 samples, 1 bad
[exit 1]

$ cat $DATA/streams/labelled.tar $DATA/streams/other.tar | tensorcat 2>/dev/null | cmp - both.tar

$ tar -tf both.tar
__stream__/head
__stream__/model
cat.jpg
cat.cls
cat.model.json
cat.logits.npy
cat.attn.00.npy
pets/dog.jpg
pets/dog.model.json
pets/dog.logits.npy
pets/dog.attn.00.npy
broken.jpg
broken.__bad__
fox.jpg
fox.cls
fox.model.json
fox.logits.npy
fox.attn.00.npy
__stream__/pg
__stream__/model
owl.model.json
owl.logits.npy
own.logits.npy
__stream__/tail

$ tensorls --check both.tar
whole: 6 samples, 1 bad, 19 members
tensorls: 6 samples, 1 bad
[exit 1]

$ tensorls --pg both.tar 2>/dev/null
id	pp	pn	vn	model	args
preprocess		preprocess	0.1.0		
vitfwd	preprocess	vitfwd	0.1.0	tiny:0badcafe	--layers=0 --grad=tiger\tcat
tensorcat	vitfwd	tensorcat	0.1.0		
resnetfwd		resnetfwd	0.1.0	other:12345678	--at=none
[exit 1]

$ tensorcat $DATA/streams/labelled.tar $DATA/streams/labelled.tar | tensorls --check
tensorcat: $DATA/streams/labelled.tar: key cat returns: join shards with preprocess --prefix-shard
tensorls: standard input: truncated: has a head and no tail: see what the program before it says
[exit 3]

# What came in goes out: the members are those of the input, byte for byte.

$ tensorcat -o copy.tar $DATA/streams/odd.tar; ls copy*
tensorcat: 1 sample
copy.tar

$ mkdir a b; tar -xf copy.tar -C a; tar -xf $DATA/streams/odd.tar -C b; diff -r a b | sed 's/[0-9]*$//'; rm -r a b
diff -r a/__stream__/head b/__stream__/head
1c
< {"format":"tensorstream","version":1,"pg":[{"id":"tensorcat","pp":null,"pn":"tensorcat","vn":"0.1.0","args":[]}]}
\ No newline at end of file
---
> {"format":"tensorstream","version":1,"pg":[]}
\ No newline at end of file

? command -v bsdtar
$ bsdtar -tf both.tar >list; tar -tf both.tar | cmp - list

? python3 -c 'import tarfile'
$ python3 -c 'import tarfile; print(*tarfile.open("both.tar").getnames(), sep="\n")' >list; tar -tf both.tar | cmp - list

? true

# Samples.

$ list() { tensorls "$@" 2>/dev/null | cut -f 1-4; }; declare -f list >list.sh

$ . ./list.sh; tensorcat --key 'pets/*' --key owl both.tar | list
tensorcat: 2 samples
key	member	type	shape
__stream__	model	json	113
pets/dog	jpg	jpeg	304
pets/dog	model.json	json	116
pets/dog	logits.npy	f4	[5]
pets/dog	attn.00.npy	f4	[2,3,3]
__stream__	pg	json	149
__stream__	model	json	41
owl	model.json	json	117
owl	logits.npy	f2	[2]

$ . ./list.sh; tensorcat --key '*o*' --good both.tar | list | cut -f 1 | uniq
tensorcat: 4 samples
key
__stream__
pets/dog
fox
__stream__
owl
own

$ . ./list.sh; tensorcat --key '*' --every 2 both.tar | list | cut -f 1 | uniq
tensorcat: 3 samples, 1 bad
key
__stream__
cat
broken
__stream__
owl

$ . ./list.sh; tensorcat --every 2 --good both.tar | list | cut -f 1 | uniq
tensorcat: 3 samples
key
__stream__
cat
fox
__stream__
own

$ . ./list.sh; printf 'owl\r\n\nfox\tred\nnobody\nno\n' >keys; tensorcat --keys-from keys both.tar | list | cut -f 1 | uniq
tensorcat: --keys-from: 2 of 4 keys are not in the stream: no and others
tensorcat: 2 samples
key
__stream__
fox
__stream__
owl

$ . ./list.sh; topk -n 1 both.tar 2>/dev/null | awk -F'\t' 'NR == 1 || $6 < 0.75' | tensorcat --keys-from - both.tar | list | cut -f 1 | uniq
tensorcat: 4 samples
key
__stream__
cat
pets/dog
fox
__stream__
owl

$ . ./list.sh; tensorcat --key nobody both.tar | list
tensorcat: 0 samples
key	member	type	shape
__stream__	model	json	113
__stream__	pg	json	149
__stream__	model	json	41

$ tensorcat --key broken both.tar | tensorls --check
tensorcat: 1 sample, 1 bad
whole: 1 sample, 1 bad, 2 members
tensorls: 1 sample, 1 bad
[exit 1]

# Members.

$ . ./list.sh; tensorcat --only 'attn.*' --only cls --good $DATA/streams/labelled.tar | list
tensorcat: 3 samples
key	member	type	shape
__stream__	model	json	113
cat	cls	text	1
cat	attn.00.npy	f4	[2,3,3]
pets/dog	attn.00.npy	f4	[2,3,3]
fox	cls	text	2
fox	attn.00.npy	f4	[2,3,3]

$ . ./list.sh; tensorcat --drop '*.npy' --drop jpg $DATA/streams/labelled.tar | list
tensorcat: 4 samples, 1 bad
key	member	type	shape
__stream__	model	json	113
cat	cls	text	1
cat	model.json	json	116
pets/dog	model.json	json	116
broken	jpg	text	0
broken	__bad__	json	52
fox	cls	text	2
fox	model.json	json	116

$ . ./list.sh; tensorcat --only nothing $DATA/streams/labelled.tar | list
tensorcat: 1 sample, 1 bad
key	member	type	shape
__stream__	model	json	113
broken	jpg	text	0
broken	__bad__	json	52

$ . ./list.sh; tensorcat --key cat --rename jpg=cls --rename cls=jpg --rename x=y $DATA/streams/labelled.tar | list
tensorcat: 1 sample
key	member	type	shape
__stream__	model	json	113
cat	cls	bytes	304
cat	jpg	text	1
cat	model.json	json	116
cat	logits.npy	f4	[5]
cat	attn.00.npy	f4	[2,3,3]

$ tensorcat --rename jpg=cls $DATA/streams/labelled.tar | tensorls --check
tensorcat: cat: --rename gives two members the suffix cls
tensorls: standard input: truncated: has a head and no tail: see what the program before it says
[exit 3]

$ tensorcat --rename logits.npy=cls --key cat --key fox --drop cls $DATA/streams/labelled.tar | tensorls --check
tensorcat: 2 samples
whole: 2 samples, 0 bad, 8 members
tensorls: 2 samples

# Side by side. The fox is bad in the second stream only.

$ tensorcat --join $DATA/streams/labelled.tar $DATA/streams/beside.tar >joined.tar
tensorcat: 4 samples, 2 bad
[exit 1]

$ tensorls joined.tar 2>/dev/null | cut -f 1-4
key	member	type	shape
__stream__	pg	json	109
__stream__	model	json	113
__stream__	model	json	41
cat	jpg	jpeg	304
cat	cls	text	1
cat	model.json	json	116
cat	logits.npy	f4	[5]
cat	attn.00.npy	f4	[2,3,3]
cat	map.abnar.npy	f4	[1,2]
cat	map.abnar.json	json	33
pets/dog	jpg	jpeg	304
pets/dog	model.json	json	116
pets/dog	logits.npy	f4	[5]
pets/dog	attn.00.npy	f4	[2,3,3]
pets/dog	map.abnar.npy	f4	[1,2]
pets/dog	map.abnar.json	json	33
broken	jpg	text	0
broken	__bad__	json	52
fox	jpg	jpeg	304
fox	cls	text	2
fox	model.json	json	116
fox	logits.npy	f8	[5]
fox	attn.00.npy	f4	[2,3,3]
fox	__bad__	json	32

$ tensorls --pg joined.tar 2>/dev/null
id	pp	pn	vn	model	args
preprocess		preprocess	0.1.0		
vitfwd	preprocess	vitfwd	0.1.0	tiny:0badcafe	--layers=0 --grad=tiger\tcat
tensorcat	vitfwd	tensorcat	0.1.0		--join
rollout		rollout	0.1.0		
[exit 1]

$ tensorcat --join - $DATA/streams/beside.tar <$DATA/streams/labelled.tar 2>/dev/null | cmp - joined.tar

$ tensorcat --join $DATA/streams/labelled.tar - <$DATA/streams/beside.tar 2>/dev/null | cmp - joined.tar

$ . ./list.sh; tensorcat --key cat --join $DATA/streams/labelled.tar $DATA/streams/labelled.tar --prefix-b b+2 | list
tensorcat: 1 sample
key	member	type	shape
__stream__	pg	json	242
__stream__	model	json	113
__stream__	model	json	113
cat	jpg	jpeg	304
cat	cls	text	1
cat	model.json	json	116
cat	logits.npy	f4	[5]
cat	attn.00.npy	f4	[2,3,3]
cat	b+2.jpg	bytes	304
cat	b+2.cls	text	1
cat	b+2.model.json	json	116
cat	b+2.logits.npy	f4	[5]
cat	b+2.attn.00.npy	f4	[2,3,3]

$ . ./list.sh; tensorcat --join $DATA/streams/webdataset.tar $DATA/streams/webdataset.tar --prefix-b b | list
tensorcat: 3 samples
key	member	type	shape
x/00000	a.npy	f4	[2,3]
x/00000	cls	text	1
x/00000	jpg	bytes	700
x/00000	b.a.npy	f4	[2,3]
x/00000	b.cls	text	1
x/00000	b.jpg	bytes	700
x/00001	a.npy	f4	[2,3]
x/00001	cls	text	1
x/00001	jpg	bytes	700
x/00001	b.a.npy	f4	[2,3]
x/00001	b.cls	text	1
x/00001	b.jpg	bytes	700
x/00002	a.npy	f4	[2,3]
x/00002	cls	text	1
x/00002	jpg	bytes	700
x/00002	b.a.npy	f4	[2,3]
x/00002	b.cls	text	1
x/00002	b.jpg	bytes	700

$ tensorcat --join $DATA/streams/labelled.tar $DATA/streams/labelled.tar | tensorls --check
tensorcat: cat: both $DATA/streams/labelled.tar and $DATA/streams/labelled.tar have jpg: name the second with --prefix-b, or drop it there
tensorls: standard input: truncated: has a head and no tail: see what the program before it says
[exit 3]

$ tensorcat --join $DATA/streams/labelled.tar $DATA/streams/other.tar | tensorls --check
tensorcat: $DATA/streams/other.tar has key owl where $DATA/streams/labelled.tar has cat: --join takes the same keys in the same order, as --keys-from selects them
tensorls: standard input: truncated: has a head and no tail: see what the program before it says
[exit 3]

$ tensorcat --key cat $DATA/streams/beside.tar 2>/dev/null | tensorcat --join $DATA/streams/labelled.tar - | tensorls --check
tensorcat: $DATA/streams/labelled.tar has key pets/dog where standard input ends: --join takes the same keys in the same order, as --keys-from selects them
tensorls: standard input: truncated: has a head and no tail: see what the program before it says
[exit 3]

$ tensorcat --key cat $DATA/streams/labelled.tar 2>/dev/null | tensorcat --join - $DATA/streams/beside.tar | tensorls --check
tensorcat: $DATA/streams/beside.tar has key pets/dog where standard input ends: --join takes the same keys in the same order, as --keys-from selects them
tensorls: standard input: truncated: has a head and no tail: see what the program before it says
[exit 3]

$ for at in 512 2000 6144 9216 11000; do
>     head -c $at $DATA/streams/beside.tar | tensorcat --join $DATA/streams/labelled.tar - | tensorls --check
> done 2>&1
tensorcat: standard input: truncated: ends inside __stream__/head
tensorls: standard input: truncated: no bytes at all: see what the program before it says
tensorcat: standard input: truncated: ends inside a member or its header
tensorls: standard input: truncated: has a head and no tail: see what the program before it says
tensorcat: standard input: truncated: has a head and no tail: see what the program before it says
tensorls: standard input: truncated: has a head and no tail: see what the program before it says
tensorcat: standard input: truncated: has a head and no tail: see what the program before it says
tensorls: standard input: truncated: has a head and no tail: see what the program before it says
tensorcat: standard input: truncated: ends inside a member or its header
tensorls: standard input: truncated: has a head and no tail: see what the program before it says
[exit 3]

$ tensorcat --join $DATA/streams/labelled.tar >x
tensorcat: --join: takes two streams: --join A B
[exit 2]

$ tensorcat --join - - >x </dev/null
tensorcat: --join - -: only one of the two can be standard input
[exit 2]

$ tensorcat --prefix-b b $DATA/streams/labelled.tar >x
tensorcat: --prefix-b b: takes a name of a-z 0-9 _ + -, with --join
[exit 2]

$ tensorcat --join --prefix-b a.b $DATA/streams/labelled.tar $DATA/streams/beside.tar >x
tensorcat: --prefix-b a.b: takes a name of a-z 0-9 _ + -, with --join
[exit 2]

# Cut into shards, each with the models and programs of what is in it.

$ tensorcat --split 4 -o shard-%03d.tar both.tar; ls shard*
tensorcat: 6 samples, 1 bad
shard-000.tar
shard-001.tar

$ for shard in shard-*; do tensorls --check $shard; done
whole: 4 samples, 1 bad, 16 members
tensorls: 4 samples, 1 bad
whole: 2 samples, 0 bad, 3 members
tensorls: 2 samples

$ . ./list.sh; list shard-001.tar; tensorls --pg shard-001.tar 2>/dev/null
key	member	type	shape
__stream__	model	json	113
__stream__	pg	json	149
__stream__	model	json	41
owl	model.json	json	117
owl	logits.npy	f2	[2]
own	logits.npy	f4	[2]
id	pp	pn	vn	model	args
preprocess		preprocess	0.1.0		
vitfwd	preprocess	vitfwd	0.1.0	tiny:0badcafe	--layers=0 --grad=tiger\tcat
tensorcat	vitfwd	tensorcat	0.1.0		
tensorcat.2	tensorcat	tensorcat	0.1.0		--split=4
resnetfwd		resnetfwd	0.1.0	other:12345678	--at=none

$ tensorcat shard-* 2>/dev/null | tensorls 2>/dev/null | grep -v ^__ >list; tensorls both.tar 2>/dev/null | grep -v ^__ | diff - list

$ tensorcat --split 2 --key nobody -o none-%d.tar both.tar; tensorls --check none-0.tar
tensorcat: 0 samples
whole: 0 samples, 0 bad, 0 members
tensorls: 0 samples

$ head -c 9000 both.tar | tensorcat --split 1 -o cut-%d.tar; ls cut-*
tensorcat: standard input: truncated: ends inside a member or its header
cut-0.tar.part

$ tensorcat --split 2 both.tar
tensorcat: --split: name the files with -o NAME-%05d.tar
[exit 2]

$ tensorcat --split 2 -o x.tar both.tar
tensorcat: --output x.tar: with --split takes a name with one %d or %05d for the number
[exit 2]

$ tensorcat --split 2 -o x-%d-%d.tar both.tar
tensorcat: --output x-%d-%d.tar: with --split takes a name with one %d or %05d for the number
[exit 2]

$ tensorcat --split 2 -o x-%99d.tar both.tar
tensorcat: --output x-%99d.tar: with --split takes a name with one %d or %05d for the number
[exit 2]

$ tensorcat --split 2 -o x-%s.tar both.tar
tensorcat: --output x-%s.tar: with --split takes a name with one %d or %05d for the number
[exit 2]

$ tensorcat --split 0 -o x-%d.tar both.tar
tensorcat: --split 0: takes a whole number from 1 to 1000000000000000
[exit 2]

$ tensorcat --split 2 -o nowhere/x-%d.tar both.tar
tensorcat: nowhere/x-0.tar.part: No such file or directory
[exit 4]

# One bare array.

$ tensorcat --npy logits.npy --key own both.tar | od -A d -t x1z | tail -n 3
tensorcat: 1 sample
0000112 20 20 20 20 20 20 20 20 20 20 20 20 20 20 20 0a  >               .<
0000128 00 00 00 bf 00 00 e0 40                          >.......@<
0000136

$ tensorcat --npy attn.00.npy --key cat both.tar -o attn.npy; ls attn*; head -c 6 attn.npy | od -An -c
tensorcat: 1 sample
attn.npy
 223   N   U   M   P   Y

$ tensorcat --npy logits.npy both.tar | wc -c
tensorcat: --npy: takes one good sample: of 6, 1 bad: choose one with --key
0

$ tensorcat --npy logits.npy --key broken both.tar | wc -c
tensorcat: --npy: takes one good sample: of 1, 1 bad: choose one with --key
0

$ tensorcat --npy logits.npy --key nobody both.tar | wc -c
tensorcat: --npy: no sample is left: see its keys with tensorls
0

$ tensorcat --npy map.npy --key cat both.tar | wc -c
tensorcat: cat: has no map.npy: see tensorls
0

$ tensorcat --npy jpg --key cat both.tar | wc -c
tensorcat: cat: jpg: npy: not a .npy array of version 1 to 3
0

$ head -c 15000 both.tar | tensorcat --npy logits.npy --key cat | wc -c
tensorcat: standard input: truncated: ends inside a member or its header
0

$ tensorcat --npy logits.npy --split 2 -o x-%d both.tar
tensorcat: --split and --npy: take one of them
[exit 2]

# Repaired: cut inside a member, between members, between samples, in front of the tail and
# behind it; with a damaged header; and not where the checksum says only that something changed.

$ cp $DATA/streams/labelled.tar whole.tar; for at in 9000 9216 11264 18432 18944; do
>     head -c $at whole.tar >cut.tar.part
>     tensorcat --repair cut.tar.part >repaired.tar; echo "exit $?"
>     tensorls --check repaired.tar 2>/dev/null
> done
tensorcat: cut.tar.part: truncated: ends inside a member or its header
tensorcat: pets/dog: left out: members of it may be missing
tensorcat: 1 sample
exit 1
whole: 1 sample, 0 bad, 5 members
tensorcat: cut.tar.part: truncated: has a head and no tail
tensorcat: pets/dog: left out: members of it may be missing
tensorcat: 1 sample
exit 1
whole: 1 sample, 0 bad, 5 members
tensorcat: cut.tar.part: truncated: has a head and no tail
tensorcat: pets/dog: left out: members of it may be missing
tensorcat: 1 sample
exit 1
whole: 1 sample, 0 bad, 5 members
tensorcat: cut.tar.part: truncated: ends inside __stream__/tail
tensorcat: fox: left out: members of it may be missing
tensorcat: 3 samples, 1 bad
exit 1
whole: 3 samples, 1 bad, 11 members
tensorcat: cut.tar.part: truncated: has no end marker (two zero blocks)
tensorcat: 4 samples, 1 bad
exit 1
whole: 4 samples, 1 bad, 16 members
[exit 1]

$ { head -c 11800 whole.tar; printf '\377'; tail -c +11802 whole.tar; } | tensorcat --repair | tensorls --check
tensorcat: standard input: corrupt: not a tar header where one is due
tensorcat: broken: left out: members of it may be missing
tensorcat: 2 samples
whole: 2 samples, 0 bad, 9 members
tensorls: 2 samples

$ { head -c 2600 whole.tar; printf '\377'; tail -c +2602 whole.tar; } | tensorcat --repair >x
tensorcat: standard input: corrupt: wrong CRC-32: --repair can't tell where
[exit 3]

$ tensorls --check x
tensorls: x: truncated: has a head and no tail
[exit 3]

$ tensorcat --repair $DATA/streams/other.tar | tensorls --check
tensorcat: 2 samples
whole: 2 samples, 0 bad, 3 members
tensorls: 2 samples

$ head -c 20000 $DATA/streams/webdataset.tar | tensorcat --repair | tensorls --check
tensorcat: standard input: truncated: ends inside a member or its header
tensorcat: x/00002: left out: members of it may be missing
tensorcat: 2 samples
whole: 2 samples, 0 bad, 6 members
tensorls: 2 samples

$ tensorcat --repair </dev/null
tensorcat: standard input: truncated: no bytes at all: see what the program before it says
[exit 3]

$ head -c 800 whole.tar | tensorcat --repair
tensorcat: standard input: truncated: ends inside a member or its header
[exit 3]

$ tensorcat --repair cut.tar.part -o cut.tar
tensorcat: --output cut.tar: its cut.tar.part is being read: take another name
[exit 2]

$ tensorcat --repair both.tar whole.tar >x
tensorcat: --repair: takes one stream
[exit 2]

# What is cut stays cut, at every block and inside blocks: no tail, no end marker.

$ for ((cut = 512; cut < 19968; cut += 512)); do
>     for at in $cut $((cut - 7)); do
>         head -c $at whole.tar | tensorcat 2>/dev/null >x || echo $?
>         tensorls --check x >/dev/null 2>&1 || echo "then $?"
>         tail -c 1024 x | cmp -s - <(head -c 1024 /dev/zero) && echo end
>     done
> done | sort | uniq -c | tr -s ' '
 76 3
 76 then 3

# A name that is whole or not there.

$ head -c 9000 whole.tar | tensorcat -o new.tar; ls new*
tensorcat: standard input: truncated: ends inside a member or its header
new.tar.part

# The command line.

$ tensorcat -h
usage: tensorcat [options] [FILE...]
tensorcat reads streams, writes one: joins, selects, drops, renames, cuts, repairs

      --key GLOB          keep samples with such keys
      --keys-from FILE    keep samples whose keys are lines of FILE
      --good              drop bad samples
      --every N           keep the first of every N samples
      --only GLOB         keep members with such suffixes
      --drop GLOB         drop members with such suffixes
      --rename FROM=TO    give members with suffix FROM the suffix TO
      --join              put two streams' members of the same key side by side
      --prefix-b NAME     with --join: put NAME. before the second's suffixes
      --split N           cut into files of N samples, named by -o with a %d
      --npy MEMBER        write one sample's array, bare
      --repair            keep what is whole of a cut stream
  -o, --output FILE       write FILE.part, then rename it to FILE
  -k, --keep              keep the tensors that this stage would drop
  -j, --threads N         use N threads; the output is the same for every N
      --max-bad N|N%      exit with 3 where more samples than that are bad
  -v, --verbose           say more on standard error
  -h, --help              print this help
  -V, --version           print the version

$ tensorcat -V
tensorcat (saccade) 0.1.0

$ tensorcat --nonsense
tensorcat: --nonsense: no such option: see -h
[exit 2]

$ tensorcat --rename jpg whole.tar >x
tensorcat: --rename jpg: takes FROM=TO, two suffixes
[exit 2]

$ tensorcat --rename jpg= whole.tar >x
tensorcat: --rename jpg=: takes FROM=TO, two suffixes
[exit 2]

$ tensorcat --rename =jpg whole.tar >x
tensorcat: --rename =jpg: takes FROM=TO, two suffixes
[exit 2]

$ tensorcat --rename jpg=a/b whole.tar >x
tensorcat: --rename jpg=a/b: takes FROM=TO, two suffixes
[exit 2]

$ tensorcat --rename jpg=__bad__ whole.tar >x
tensorcat: --rename jpg=__bad__: takes FROM=TO, two suffixes
[exit 2]

$ tensorcat --every 0 whole.tar >x
tensorcat: --every 0: takes a whole number from 1 to 1000000000000000
[exit 2]

$ tensorcat --keys-from nowhere whole.tar >x
tensorcat: nowhere: No such file or directory
[exit 4]

$ tensorcat --keys-from - <keys >x
tensorcat: --keys-from -: the stream comes on standard input already: give FILE
[exit 2]

$ tensorcat nowhere.tar >x
tensorcat: nowhere.tar: No such file or directory
[exit 4]

$ tensorcat whole.tar >/dev/full
tensorcat: standard output: write failed: No space left on device
[exit 4]

$ tensorcat --max-bad 10% whole.tar >x
tensorcat: 1 of 4 samples are bad, over --max-bad 10%
[exit 3]

$ tensorcat -j 1 both.tar 2>/dev/null >one; tensorcat -j 2 both.tar 2>/dev/null >two; cmp one two
