# What the samples are: cat is right (73%), dog has no label (32%), fox is wrong (50%); broken is bad
# and passes always.

$ topk -n 1 $DATA/streams/labelled.tar 2>/dev/null | cut -f 1,3-4,6-7
key	class	name	prob	true
cat	1	tiger\tcat	0.731728	1
pets/dog	1	tiger\tcat	0.322202	
fox	1	tiger\tcat	0.5	4

$ cat >keys <<'END'
> stream=$1; shift
> tensorgrep "$@" "$stream" >kept.tar; status=$?
> tensorls kept.tar 2>/dev/null | sed 1d | cut -f 1 | grep -v __stream__ | uniq | paste -s -d ' '
> exit $status
> END

$ tensorcat --key cat --key fox --key broken $DATA/streams/labelled.tar -o known.tar 2>/dev/null; bash keys known.tar --wrong
tensorgrep: 2 samples, 1 bad
broken fox
[exit 1]

$ bash keys known.tar --right
tensorgrep: 2 samples, 1 bad
cat broken
[exit 1]

$ bash keys known.tar --wrong --invert
tensorgrep: 2 samples, 1 bad
cat broken
[exit 1]

$ bash keys known.tar --true 4 --wrong
tensorgrep: 2 samples, 1 bad
broken fox
[exit 1]

$ bash keys known.tar --true 4 --right
tensorgrep: 1 sample, 1 bad
broken
[exit 1]

$ bash keys known.tar --true 1 --pred 1
tensorgrep: 2 samples, 1 bad
cat broken
[exit 1]

$ bash keys known.tar --true 1 --pred 1 --invert
tensorgrep: 2 samples, 1 bad
broken fox
[exit 1]

$ bash keys $DATA/streams/labelled.tar --pred 1
tensorgrep: 4 samples, 1 bad
cat pets/dog broken fox
[exit 1]

$ bash keys $DATA/streams/labelled.tar --pred 2
tensorgrep: 1 sample, 1 bad
broken
[exit 1]

$ bash keys $DATA/streams/labelled.tar --min-prob 0.4
tensorgrep: 3 samples, 1 bad
cat broken fox
[exit 1]

$ bash keys $DATA/streams/labelled.tar --max-prob 0.4
tensorgrep: 2 samples, 1 bad
pets/dog broken
[exit 1]

$ bash keys $DATA/streams/labelled.tar --min-prob 0.4 --max-prob 0.6
tensorgrep: 2 samples, 1 bad
broken fox
[exit 1]

# Both ends belong to it: fox's 0.5 is exact. Of equal logits the first class is the likeliest.

$ bash keys $DATA/streams/labelled.tar --min-prob 0.5 --max-prob 0.5
tensorgrep: 2 samples, 1 bad
broken fox
[exit 1]

# Without a condition all match; the limit counts those that match, not the bad ones.

$ bash keys $DATA/streams/labelled.tar
tensorgrep: 4 samples, 1 bad
cat pets/dog broken fox
[exit 1]

$ bash keys $DATA/streams/labelled.tar -n 1
tensorgrep: 2 samples, 1 bad
cat broken
[exit 1]

$ bash keys $DATA/streams/labelled.tar --pred 1 --limit 2
tensorgrep: 3 samples, 1 bad
cat pets/dog broken
[exit 1]

$ bash keys known.tar --wrong --invert -n 5
tensorgrep: 2 samples, 1 bad
cat broken
[exit 1]

# A class by its name or one of its synonyms, in any case.

$ bash keys $DATA/streams/labelled.tar --pred $'Tiger\tCAT'
tensorgrep: 4 samples, 1 bad
cat pets/dog broken fox
[exit 1]

$ bash keys known.tar --true tabby
tensorgrep: 1 sample, 1 bad
broken
[exit 1]

$ bash keys known.tar --true lion
tensorgrep: cat: --true lion: takes an index or a class name: tiny:0badcafe has no such class
[exit 2]

$ bash keys known.tar --pred tab
tensorgrep: cat: --pred tab: no class of tiny:0badcafe has that name; near it: 0 "tabby"
[exit 2]

$ bash keys known.tar --pred 5
tensorgrep: cat: --pred 5: tiny:0badcafe has 5 classes, from 0 to 4
[exit 2]

$ bash keys known.tar --pred 99999999999
tensorgrep: cat: --pred 99999999999: takes a whole number from 0 to 1000000000
[exit 2]

$ bash keys known.tar --pred ''
tensorgrep: cat: --pred : takes an index or a class name: tiny:0badcafe has no such class
[exit 2]

# What comes out is what came in, but for the chain of programs and the tail.

$ tensorgrep $DATA/streams/odd.tar 2>/dev/null >copy.tar; mkdir a b; tar -xf copy.tar -C a; tar -xf $DATA/streams/odd.tar -C b; diff -rq a b; rm -r a b
Files a/__stream__/head and b/__stream__/head differ

$ tensorgrep --wrong -n 3 known.tar 2>/dev/null | tensorls --pg 2>/dev/null | tail -n 1
tensorgrep	tensorcat	tensorgrep	0.1.0		--wrong --limit=3

# No match is no failure: a stream without samples.

$ tensorcat --good known.tar 2>/dev/null | tensorgrep --wrong --true 1 | tensorls --check
tensorgrep: 0 samples
whole: 0 samples, 0 bad, 0 members
tensorls: 0 samples

# What is needed, and who makes it. The first sample ends the run, a later one is bad.

$ tensorgrep --wrong $DATA/streams/labelled.tar | tensorls --check
tensorgrep: pets/dog: has no cls, which --wrong needs: see preprocess --labels
tensorgrep: 3 samples, 2 bad
whole: 3 samples, 2 bad, 12 members
tensorls: 3 samples, 2 bad
[exit 1]

$ tensorcat --key cat --key pets/dog $DATA/streams/labelled.tar 2>/dev/null | tensorgrep --true 1 | tensorls --check
tensorgrep: pets/dog: has no cls, which --true needs: see preprocess --labels
tensorgrep: 2 samples, 1 bad
whole: 2 samples, 1 bad, 10 members
tensorls: 2 samples, 1 bad
[exit 1]

$ tensorcat --key pets/dog $DATA/streams/labelled.tar 2>/dev/null | tensorgrep --right >/dev/null
tensorgrep: pets/dog: has no cls, which --right needs: see preprocess --labels
[exit 2]

$ tensorcat --key pets/dog $DATA/streams/labelled.tar 2>/dev/null | tensorgrep --true 1 >/dev/null
tensorgrep: pets/dog: has no cls, which --true needs: see preprocess --labels
[exit 2]

$ cp $DATA/pictures/rgb444.jpg pic.jpg; preprocess pic.jpg 2>/dev/null | tensorgrep --pred 1 >/dev/null
tensorgrep: pic: has no logits: run vitfwd or resnetfwd
[exit 2]

$ preprocess pic.jpg 2>/dev/null | tensorgrep --max-prob 1 >/dev/null
tensorgrep: pic: has no logits: run vitfwd or resnetfwd
[exit 2]

$ tensorcat --drop logits.npy known.tar 2>/dev/null | tensorgrep --wrong >/dev/null
tensorgrep: cat: has no logits: they were dropped, or its model has no classifier
[exit 2]

# The label alone needs no model, a name does.

$ tensorcat --only cls known.tar 2>/dev/null >bare.tar; bash keys bare.tar --true 4
tensorgrep: 2 samples, 1 bad
broken fox
[exit 1]

$ tensorgrep --true tabby bare.tar >/dev/null
tensorgrep: cat: --true tabby: has no model.json, and so no names of classes: run vitfwd or resnetfwd, or give the class's number
[exit 2]

$ tensorgrep --true 99999999999 bare.tar >/dev/null
tensorgrep: cat: --true 99999999999: takes a whole number from 0 to 1000000000
[exit 2]

$ cat $DATA/streams/other.tar | tensorgrep --pred cat >/dev/null
tensorgrep: owl: --pred cat: takes an index: the class names of other:12345678 are not known (id2label in its configuration would tell, or a labels.tsv where no other model lies: see saccade(7))
[exit 2]

# Labels that aren't among the model's classes, and logits that aren't.

$ mkdir in; tar xf known.tar -C in; cd in; for label in 5 -1 x 4; do
>     echo $label >fox.cls; tar cf ../label.tar cat.* fox.*; for option in --wrong --true=1; do tensorgrep $option ../label.tar | tensorls --check; done
> done
tensorgrep: fox: cls is 5, tiny:0badcafe has 5 classes
tensorgrep: 1 sample, 1 bad
whole: 1 sample, 1 bad, 6 members
tensorls: 1 sample, 1 bad
tensorgrep: 1 sample
whole: 1 sample, 0 bad, 5 members
tensorls: 1 sample
tensorgrep: fox: cls is -1, tiny:0badcafe has 5 classes
tensorgrep: 1 sample, 1 bad
whole: 1 sample, 1 bad, 6 members
tensorls: 1 sample, 1 bad
tensorgrep: 1 sample
whole: 1 sample, 0 bad, 5 members
tensorls: 1 sample
tensorgrep: fox: cls is not an integer
tensorgrep: 1 sample, 1 bad
whole: 1 sample, 1 bad, 6 members
tensorls: 1 sample, 1 bad
tensorgrep: fox: cls is not an integer
tensorgrep: 2 samples, 1 bad
whole: 2 samples, 1 bad, 11 members
tensorls: 2 samples, 1 bad
tensorgrep: 1 sample
whole: 1 sample, 0 bad, 5 members
tensorls: 1 sample
tensorgrep: 1 sample
whole: 1 sample, 0 bad, 5 members
tensorls: 1 sample

$ cd in; for label in 5 -1; do echo $label >fox.cls; tar cf ../label.tar __stream__/model cat.* fox.*; tensorgrep --true 1 ../label.tar >/dev/null; done
tensorgrep: fox: cls is 5, tiny:0badcafe has 5 classes
tensorgrep: 2 samples, 1 bad
tensorgrep: fox: cls is -1, tiny:0badcafe has 5 classes
tensorgrep: 2 samples, 1 bad
[exit 1]

$ cd in; { head -c -8 fox.logits.npy; printf '\177\370\0\0\0\0\0\0'; } >nan; mv nan fox.logits.npy; echo 4 >fox.cls; tar cf ../nan.tar cat.* fox.*; tensorgrep --wrong ../nan.tar >/dev/null; cd ..; rm -r in
tensorgrep: fox: logits.npy: class 4 is nan
tensorgrep: 1 sample, 1 bad

# Two models in one stream: a name is looked up in each.

$ preprocess pic.jpg 2>/dev/null >in.tar; vitfwd -l none in.tar 2>/dev/null >vit.tar; cat vit.tar known.tar >two.tar; bash keys two.tar --pred 3
tensorgrep: 2 samples, 1 bad
pic broken
[exit 1]

$ bash keys two.tar --pred dog
tensorgrep: cat: --pred dog: takes an index or a class name: tiny:0badcafe has no such class
tensorgrep: fox: --pred dog: takes an index or a class name: tiny:0badcafe has no such class
tensorgrep: 3 samples, 3 bad
cat broken fox
[exit 1]

# With a model's own answer.

$ for class in cat 3 dog truck; do bash keys vit.tar --pred $class; done 2>/dev/null
pic
pic

# The command line.

$ tensorgrep -h
usage: tensorgrep [options] [FILE...]
tensorgrep reads samples, writes those that are wrong, right, unsure, of a class

      --wrong             keep samples whose likeliest class isn't the true one
      --right             keep samples whose likeliest class is the true one
      --true CLASS        keep samples of that class, an index or a name
      --pred CLASS        keep samples whose likeliest class is that
      --min-prob P        keep samples whose likeliest class has at least that
                          probability
      --max-prob P        keep samples whose likeliest class has at most that
                          probability
      --invert            keep samples for which not all of that holds
  -n, --limit N           keep the first N of those only
  -o, --output FILE       write FILE.part, then rename it to FILE
  -k, --keep              keep the tensors that this stage would drop
  -j, --threads N         use N threads; the output is the same for every N
      --max-bad N|N%      exit with 3 where more samples than that are bad
  -v, --verbose           say more on standard error
  -h, --help              print this help
  -V, --version           print the version

$ tensorgrep -V
tensorgrep (saccade) 0.1.0

$ tensorgrep --wrong --right known.tar
tensorgrep: --wrong and --right: no sample is both
[exit 2]

$ tensorgrep --min-prob 0.6 --max-prob 0.5 known.tar
tensorgrep: --min-prob 0.6: is over --max-prob 0.5
[exit 2]

$ tensorgrep --max-prob 1.5 known.tar
tensorgrep: --max-prob 1.5: takes a number from 0 to 1
[exit 2]

$ tensorgrep --invert known.tar
tensorgrep: --invert: of what? It takes another option beside it
[exit 2]

$ tensorgrep --invert -n 3 known.tar
tensorgrep: --invert: of what? It takes another option beside it
[exit 2]

$ tensorgrep -n 0 known.tar
tensorgrep: --limit 0: takes a whole number from 1 to 1000000000000000
[exit 2]

$ tensorgrep --nonsense
tensorgrep: --nonsense: no such option: see -h
[exit 2]

$ tensorgrep nowhere.tar
tensorgrep: nowhere.tar: No such file or directory
[exit 4]

$ tensorgrep --wrong known.tar >/dev/full
tensorgrep: standard output: write failed: No space left on device
[exit 4]

$ tensorgrep --max-bad 0 --wrong known.tar >/dev/null
tensorgrep: 1 of 1 samples are bad, over --max-bad 0
[exit 3]

$ head -c 9000 known.tar | tensorgrep --wrong >/dev/null
tensorgrep: standard input: truncated: ends inside a member or its header
[exit 3]

$ tensorgrep -j 1 known.tar >one 2>/dev/null; tensorgrep -j 2 known.tar >two 2>/dev/null; cmp one two
