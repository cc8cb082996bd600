# One page of all samples that are good; it ends a pipe.

$ cp $DATA/resample/gradient101x67.ppm $DATA/pictures/grey.jpg $DATA/pictures/cut.jpg .

$ preprocess gradient101x67.ppm grey.jpg cut.jpg 2>/dev/null | vitfwd 2>/dev/null | rollout -k 2>/dev/null >two.tar
[exit 1]

$ explore two.tar >two.html; head -n 1 two.html; tail -n 1 two.html
explore: 3 samples, 1 bad
<!DOCTYPE html>
</html>

$ grep -c 'class="sample"' two.html; grep -c 'class="layer"' two.html; grep -o '"key":"[^"]*"' two.html
2
12
"key":"gradient101x67"
"key":"grey"

$ explore -l 4- two.tar 2>/dev/null >few.html; grep -c 'class="layer"' few.html; grep -o '"layers":\[[^]]*\]' few.html
4
"layers":[4,5]
"layers":[4,5]

# Where it lies in the picture, the classes, the maps.

$ tensorcat --key gradient101x67 two.tar 2>/dev/null | explore 2>/dev/null | sed -nE '/"about"/{ s/("(prob|logit)"):[0-9.]*/\1:P/g; s/.*>(\{.*\})<.*/\1/p }'
{"key":"gradient101x67","depth":6,"readout":"cls","grid":[8,8],"prefix":["class token"],"photo":"image/png","box":[16.8333333333333,0.0,84.1666666666667,67.0],"size":[101.0,67.0],"model":"vit-cifar10-p4:dc5aa6e2","target":{"index":5,"name":"dog","logit":P,"prob":P},"classes":[{"index":5,"name":"dog","prob":P},{"index":0,"name":"airplane","prob":P},{"index":3,"name":"cat","prob":P},{"index":8,"name":"ship","prob":P},{"index":4,"name":"deer","prob":P}],"true":null,"maps":[{"title":"attention rollout","grid":[8,8],"box":[16.8333333333333,0.0,84.1666666666667,67.0],"queries":0,"signed":false}],"layers":[0,1,2,3,4,5],"heads":[4,4,4,4,4,4],"limit":5.0,"steps":255}

# 8 bits a value where the photo then stays under the limit, else 6.

$ for limit in 5 0.02 0; do explore --limit $limit two.tar 2>/dev/null | grep -o '"steps":[0-9]*' | uniq; done
"steps":255
"steps":63
"steps":63

# Nothing in the page is fetched from elsewhere.

$ grep -oE '(src|href)="[^"]*"|https?://|@import|url\([^)]*\)' two.html | sort -u
href="data:,"

# Somebody's own arrays, without a picture.

$ explore $DATA/attnstat/foreign.tar | wc -c
explore: somebody/s: has no model.json: run vitfwd, or say --prefix N --grid RxC for arrays of your own model
0

$ explore --prefix 1 --grid 2x3 $DATA/attnstat/foreign.tar | grep -o '"photo":[a-z]*'
explore: 1 sample
"photo":null

# What isn't a softmax's is bad.

$ explore $DATA/attnstat/faults.tar | grep -o '"key":"[^"]*"'
explore: negative: attn.00: row 2 of head 1 is no softmax's: its values must be at least 0 and sum to 1
explore: half: attn.00: row 4 of head 0 is no softmax's: its values must be at least 0 and sum to 1
explore: infinite: attn.00: row 0 of head 1 is no softmax's: its values must be at least 0 and sum to 1
explore: 5 samples, 3 bad
"key":"good"
"key":"rounded"

# No page where the input is cut, where no sample is good, where there is no attention.

$ head -c 20000 two.tar | explore | wc -c
explore: standard input: truncated: ends inside gradient101x67.ppm
0

$ preprocess cut.jpg 2>/dev/null | explore | wc -c
explore: no sample to show
0

$ rollout --as x two.tar 2>/dev/null | explore | wc -c
explore: gradient101x67: has no attn.LL: run vitfwd (without -l none) before, and -k on stages between
0

$ explore --max-bad 0 two.tar | wc -c
explore: 1 of 3 samples are bad, over --max-bad 0
0

# Layers that aren't there, and options that are wrong.

$ explore -l 9 two.tar | wc -c
explore: gradient101x67: --layers 9: there are 6, 0 to 5
0

$ explore -l x two.tar; explore --limit -1 two.tar; explore --grid 2 two.tar
explore: --layers x: takes a list as 3, -1, 0-5, 6-, 1,4 or all
explore: --limit -1: takes a number from 0 to 1e+06
explore: --prefix and --grid go together
[exit 2]
