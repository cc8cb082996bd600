# Names with a tab, a line break and a backslash; equal logits by index; labels; a bad sample.

$ topk $DATA/streams/labelled.tar
key	rank	class	name	logit	prob	true	model
cat	1	1	tiger\tcat	4.25	0.731728	1	tiny:0badcafe
cat	2	4	back\\slash é	3	0.209644	1	tiny:0badcafe
cat	3	0	tabby	1.5	0.0467778	1	tiny:0badcafe
cat	4	3		0	0.0104375	1	tiny:0badcafe
cat	5	2	line\nbreak	-2	0.00141257	1	tiny:0badcafe
pets/dog	1	1	tiger\tcat	2	0.322202		tiny:0badcafe
pets/dog	2	2	line\nbreak	2	0.322202		tiny:0badcafe
pets/dog	3	0	tabby	1	0.118532		tiny:0badcafe
pets/dog	4	3		1	0.118532		tiny:0badcafe
pets/dog	5	4	back\\slash é	1	0.118532		tiny:0badcafe
fox	1	1	tiger\tcat	1000	0.5	4	tiny:0badcafe
fox	2	4	back\\slash é	1000	0.5	4	tiny:0badcafe
fox	3	3		0	0	4	tiny:0badcafe
fox	4	0	tabby	-1000	0	4	tiny:0badcafe
fox	5	2	line\nbreak	-inf	0	4	tiny:0badcafe
topk: 4 samples, 1 bad
[exit 1]

$ topk -n 1 <$DATA/streams/labelled.tar 2>/dev/null
key	rank	class	name	logit	prob	true	model
cat	1	1	tiger\tcat	4.25	0.731728	1	tiny:0badcafe
pets/dog	1	1	tiger\tcat	2	0.322202		tiny:0badcafe
fox	1	1	tiger\tcat	1000	0.5	4	tiny:0badcafe
[exit 1]

$ topk --count=100 $DATA/streams/labelled.tar 2>/dev/null | grep -c fox
5

# Two streams with models of their own, one without class names; arrays without a model.

$ cat $DATA/streams/other.tar $DATA/streams/labelled.tar | topk -n 1
key	rank	class	name	logit	prob	true	model
owl	1	1		1	0.731059		other:12345678
own	1	1		7	0.999447		
cat	1	1	tiger\tcat	4.25	0.731728	1	tiny:0badcafe
pets/dog	1	1	tiger\tcat	2	0.322202		tiny:0badcafe
fox	1	1	tiger\tcat	1000	0.5	4	tiny:0badcafe
topk: 6 samples, 1 bad
[exit 1]

# The target that model.json names, where it isn't among the first.

$ preprocess $DATA/pictures/rgb444.jpg 2>/dev/null >in.tar; for g in dog frog 3; do vitfwd -l none -g $g in.tar 2>/dev/null | topk -n 2 --target 2>/dev/null | cut -f 2-4; done
rank	class	name
1	3	cat
2	2	bird
5	5	dog
rank	class	name
1	3	cat
2	2	bird
3	6	frog
rank	class	name
1	3	cat
2	2	bird

$ vitfwd -l none -g dog in.tar 2>/dev/null | topk -n 10 --target 2>/dev/null | cut -f 3 | sort | uniq -d

$ vitfwd -l none -g truck in.tar 2>/dev/null >truck.tar; topk -n 1 --target truck.tar 2>/dev/null | tail -n 1 >alone; cut -f 2-4 alone; topk -n 10 truck.tar 2>/dev/null | grep truck | cmp - alone; topk -n 1 truck.tar 2>/dev/null | wc -l
10	9	truck
2

$ preprocess $DATA/pictures/rgb444.jpg 2>/dev/null | vitfwd -l none -g dog 2>/dev/null | resnetfwd -m $DATA/resnet/timm-basic -g 5 --at none 2>/dev/null | topk -n 1 --target 2>/dev/null | cut -f 2,3,8
rank	class	model
1	3	timm-basic:64728a48
3	5	timm-basic:64728a48

$ topk --target $DATA/streams/other.tar
key	rank	class	name	logit	prob	true	model
topk: owl: has no target in model.json, which --target needs: run vitfwd or resnetfwd
[exit 2]

$ tar xf truck.tar --wildcards '*.logits.npy' --transform 's|.*/||'; for target in 10 -1 1.5 null '{"index":2}'; do
>     echo "{\"model\":null,\"target\":{\"index\":$target}}" >rgb444.model.json; cp rgb444.logits.npy first.logits.npy
>     echo '{"model":null,"target":{"index":2}}' >first.model.json
>     tar cf odd.tar first.logits.npy first.model.json rgb444.logits.npy rgb444.model.json
>     topk -n 1 --target odd.tar 2>&1 | tail -n +3 | cut -f 1-3
> done; rm *.npy *.json *.tar alone
first	2	2
topk: rgb444: model.json's target is class 10, logits.npy is of 10
topk: 2 samples, 1 bad
first	2	2
topk: rgb444: model.json's target is class -1, logits.npy is of 10
topk: 2 samples, 1 bad
first	2	2
topk: rgb444: has no target in model.json, which --target needs: run vitfwd or resnetfwd
topk: 2 samples, 1 bad
first	2	2
topk: rgb444: has no target in model.json, which --target needs: run vitfwd or resnetfwd
topk: 2 samples, 1 bad
first	2	2
topk: rgb444: has no target in model.json, which --target needs: run vitfwd or resnetfwd
topk: 2 samples, 1 bad

# Logits of 1000 and -inf, as f8 and big-endian, don't overflow; f2 is read too.

$ topk $DATA/streams/labelled.tar 2>/dev/null | awk -F'\t' '{ sum[$1] += $6 } END { print sum["fox"], sum["cat"] }'
1 1

# What has no logits.

$ topk $DATA/streams/odd.tar
topk: odd: has no logits: run vitfwd or resnetfwd
[exit 2]

$ topk $DATA/streams/beside.tar
key	rank	class	name	logit	prob	true	model
topk: cat: has no logits: run vitfwd or resnetfwd
[exit 2]

$ tensorcat --drop logits.npy $DATA/streams/labelled.tar 2>/dev/null | topk
key	rank	class	name	logit	prob	true	model
topk: cat: has no logits: they were dropped, or its model has no classifier
[exit 2]

$ tensorcat --rename x.npy=logits.npy $DATA/streams/labelled.tar 2>/dev/null | topk -n 1 2>/dev/null | wc -l
4

# Malformed logits and labels are bad samples, where they aren't the first.

$ for member in nan infinite low empty scalar label cut; do
>     tensorcat --rename $member.npy=logits.npy $DATA/streams/odd.tar 2>/dev/null | topk
> done 2>&1
topk: odd: logits.npy: class 1 is nan
key	rank	class	name	logit	prob	true	model
topk: 1 sample, 1 bad
topk: odd: logits.npy: class 2 is inf
key	rank	class	name	logit	prob	true	model
topk: 1 sample, 1 bad
key	rank	class	name	logit	prob	true	model
odd	1	1		-1	1		
odd	2	0		-inf	0		
topk: 1 sample
topk: odd: logits.npy is f4[3,0], not of 1 dimensions
key	rank	class	name	logit	prob	true	model
topk: 1 sample, 1 bad
topk: odd: logits.npy is f4[], not of 1 dimensions
key	rank	class	name	logit	prob	true	model
topk: 1 sample, 1 bad
key	rank	class	name	logit	prob	true	model
odd	1	0		9.0072e+15	1		
odd	2	1		-7	0		
topk: 1 sample
topk: odd: logits.npy: npy: has 11 bytes of data, its shape needs 12
key	rank	class	name	logit	prob	true	model
topk: 1 sample, 1 bad
[exit 1]

$ tensorcat --only logits.npy --only jpg --rename jpg=cls $DATA/streams/labelled.tar 2>/dev/null | topk
key	rank	class	name	logit	prob	true	model
topk: cat: cls is not an integer
topk: pets/dog: cls is not an integer
topk: fox: cls is not an integer
topk: 4 samples, 4 bad
[exit 1]

$ tensorcat --only logits.npy --only model.json $DATA/streams/labelled.tar >tiny.tar 2>/dev/null; tensorcat --rename model.json=x --rename logits.npy=model.json tiny.tar 2>/dev/null | tensorcat --rename x=logits.npy 2>/dev/null | topk
key	rank	class	name	logit	prob	true	model
topk: cat: logits.npy: npy: not a .npy array of version 1 to 3
topk: pets/dog: logits.npy: npy: not a .npy array of version 1 to 3
topk: fox: logits.npy: npy: not a .npy array of version 1 to 3
topk: 4 samples, 4 bad
[exit 1]

# A foreign shard is no stream of ours, but has samples.

$ topk $DATA/streams/webdataset.tar
topk: x/00000: has no logits: run vitfwd or resnetfwd
[exit 2]

# Nothing at all, and streams that are cut: at every block, and inside blocks.

$ topk </dev/null
topk: standard input: truncated: no bytes at all: see what the program before it says
[exit 3]

$ for ((cut = 512; cut < 19968; cut += 512)); do
>     for at in $cut $((cut - 7)); do
>         head -c $at $DATA/streams/labelled.tar | topk >/dev/null 2>&1 || echo $?
>     done
> done | sort | uniq -c | tr -s ' '
 76 3

$ head -c 9000 $DATA/streams/labelled.tar | topk -n 1
key	rank	class	name	logit	prob	true	model
cat	1	1	tiger\tcat	4.25	0.731728	1	tiny:0badcafe
topk: standard input: truncated: ends inside a member or its header
[exit 3]

# The command line.

$ topk -h
usage: topk [options] [FILE...]
topk reads logits, writes the most likely classes as text

  -n, --count N           print N classes a sample (5)
      --target            print the row of the target that model.json names as
                          well, whatever its rank
  -o, --output FILE       write FILE.part, then rename it to FILE
  -j, --threads N         use N threads; the output is the same for every N
      --max-bad N|N%      exit with 3 where more samples than that are bad
  -v, --verbose           say more on standard error
  -h, --help              print this help
  -V, --version           print the version

$ topk -V
topk (saccade) 0.1.0

$ topk --nonsense
topk: --nonsense: no such option: see -h
[exit 2]

$ topk -n 0 $DATA/streams/other.tar
topk: --count 0: takes a whole number from 1 to 1000000000
[exit 2]

$ topk -n 2x $DATA/streams/other.tar
topk: --count 2x: takes a whole number from 1 to 1000000000
[exit 2]

$ topk nowhere.tar
topk: nowhere.tar: No such file or directory
[exit 4]

$ topk $DATA/streams/other.tar >/dev/full
topk: standard output: write failed: No space left on device
[exit 4]

$ topk -V >/dev/full
topk: standard output: No space left on device
[exit 4]

$ topk -n 1 -o top.tsv $DATA/streams/other.tar; ls; cat top.tsv
topk: 2 samples
tiny.tar
top.tsv
key	rank	class	name	logit	prob	true	model
owl	1	1		1	0.731059		other:12345678
own	1	1		7	0.999447		

$ topk -j 1 $DATA/streams/labelled.tar 2>/dev/null >one; topk -j 2 $DATA/streams/labelled.tar 2>/dev/null >two; cmp one two

$ topk --max-bad 0 -n 1 $DATA/streams/labelled.tar
key	rank	class	name	logit	prob	true	model
cat	1	1	tiger\tcat	4.25	0.731728	1	tiny:0badcafe
pets/dog	1	1	tiger\tcat	2	0.322202		tiny:0badcafe
topk: 1 of 3 samples are bad, over --max-bad 0
[exit 3]
