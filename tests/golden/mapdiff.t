# Pairs of maps that tests/oracle/mapdiff.py made up. That the numbers are right is
# check_mapdiff's.

$ mapdiff --tsv a b $DATA/mapdiff/pairs.tar 2>said; cat said
key	a	b	correlation	rank_correlation	iou_top_fifth	emd	a_half_area	b_half_area	a_spread	b_spread
same	a	b	-0.0201577	0.0215318	0.142857	0.205116	0.0102041	0.00510204	0.615473	0.571673
equal	a	b	1	1	1	0	0.0277778	0.0277778	0.658994	0.658994
coarse-b	a	b	0.179764	0.122049	0.126761	0.105553	0.0102041	0.0612245	0.734639	0.866625
coarse-a	a	b	-0.0705148	0.0379406	0.126761	0.245366	0.117347	0.00510204	0.919219	0.361929
boxes	a	b	-0.0353759	0.0292966	0.111111	0.129294	0.0153061	0.0867347	0.712716	0.92094
boxes-a	a	b	0.0567629	-0.028173	0.116279	0.155737	0.0416667	0.133333	0.772949	0.826999
squashed	a	b	0.281335	0.242921	0.272727	0.112769	0.0571429	0.228571	0.633829	0.870624
overlap	a	b	0.0564386	0.310345	0.0909091	0.183741	0.0333333	0.2	0.50912	0.89206
padded	a	b	0.638497	0.203812	0.166667	0.144854	0.0625	0.03125	0.544596	0.383366
corner	a	b			1	0	1	1		
no-view	a	b	-0.0265502	0.234783	0.428571	0.237251	0.0416667	0.125	0.385499	0.796798
no-view-b	a	b	-0.341176	-0.313148	0	0.31131	0.15	0.1	0.831405	0.597756
signed	a	b	-0.0332751	0.0672449	0.111111	0.173668	0.204082	0.0204082	0.7318	0.614126
signed-b	a	b	-0.044258	-0.136531	0.0526316	0.196595	0.0612245	0.102041	0.787304	0.764586
negative	a	b	0.236531	0.166667	0			0.222222		0.533352
zeros	a	b			0.142857			0.0625		0.562677
both-zeros	a	b			1					
constant	a	b			0.25	0.13637	1	0.12	1	0.671497
one-cell	a	b			1	0	1	1		
one-against	a	b			0	0.169928	1	0.1875	1	0.697144
row	a	b			0	0.17694	0.111111	1	0.0896942	1
ties	a	b	0.181209	0.177289	0.125	0.068396	0.333333	0.285714	0.857132	0.884997
sparse	a	b	-0.142857	-0.142857	0.238095	0.353553	0.125	0.125	0.5	0.5
half	a	b	-0.204911	-0.0345865	0.142857	0.390488	0.05	0.25	0.295837	0.827171
nan	a	b								
infinite	a	b								
merged	a	b	-0.00149151	-0.0441263	0.106195	0.25825	0.00040016	0.0184074	0.724553	0.815494
mapdiff: nan: map.a or map.b has values that aren't finite: no number applies
mapdiff: infinite: map.a or map.b has values that aren't finite: no number applies
mapdiff: 27 samples

# What is written: the cells that both cover and where they lie; the maps are left.

$ tensorcat --key boxes-a $DATA/mapdiff/pairs.tar 2>/dev/null | mapdiff a b 2>/dev/null >one.tar; tensorls one.tar 2>/dev/null | cut -f 1-4; tar xOf one.tar boxes-a.map.diff.json; echo
key	member	type	shape
boxes-a	map.a.npy	f4	[7,7]
boxes-a	map.a.json	json	110
boxes-a	map.b.npy	f4	[14,14]
boxes-a	map.b.json	json	109
boxes-a	map.diff.npy	f4	[12,10]
boxes-a	map.diff.json	json	576
{"method":"diff","layer":null,"head":null,"query":null,"residual":null,"signed":true,"target":null,"model":null,"grid":[12,10],"view":{"picture":"jpg","size":[640,480],"box":[91.4285714285714,34.2857142857143,548.571428571429,445.714285714286]},"note":"each divided by its sum","a":"a","b":"b","scale":"sum","correlation":0.0567629286478663,"rank_correlation":-0.0281730259836967,"iou_top_fifth":0.116279069767442,"top_fifth":24,"emd":0.155736794926235,"a_half_area":0.0416666666666667,"b_half_area":0.133333333333333,"a_spread":0.772948673330881,"b_spread":0.826999444017874}

$ tensorcat --key zeros $DATA/mapdiff/pairs.tar 2>/dev/null | mapdiff a b --scale max --as none 2>/dev/null >one.tar; tar xOf one.tar zeros.map.none.json; echo
{"method":"diff","layer":null,"head":null,"query":null,"residual":null,"signed":true,"target":null,"model":null,"grid":[4,4],"view":{"picture":"jpg","size":[640,480],"box":[104.0,24.0,536.0,456.0]},"note":"each divided by its greatest","a":"a","b":"b","scale":"max","correlation":null,"rank_correlation":null,"iou_top_fifth":0.142857142857143,"top_fifth":4,"emd":null,"a_half_area":null,"b_half_area":0.0625,"a_spread":null,"b_spread":0.562676767304858}

$ for scale in rank none; do tensorcat --key no-view $DATA/mapdiff/pairs.tar 2>/dev/null | mapdiff a b --scale $scale 2>/dev/null | tar xOf - no-view.map.diff.json; echo; done
{"method":"diff","layer":null,"head":null,"query":null,"residual":null,"signed":true,"target":null,"model":null,"grid":[6,4],"view":null,"note":"ranks, from 0 to 1","a":"a","b":"b","scale":"rank","correlation":-0.0265501894218605,"rank_correlation":0.234782608695652,"iou_top_fifth":0.428571428571429,"top_fifth":5,"emd":0.237251474964556,"a_half_area":0.0416666666666667,"b_half_area":0.125,"a_spread":0.385499151410844,"b_spread":0.796797710182513}
{"method":"diff","layer":null,"head":null,"query":null,"residual":null,"signed":true,"target":null,"model":null,"grid":[6,4],"view":null,"note":"values as they are","a":"a","b":"b","scale":"none","correlation":-0.0265501894218605,"rank_correlation":0.234782608695652,"iou_top_fifth":0.428571428571429,"top_fifth":5,"emd":0.237251474964556,"a_half_area":0.0416666666666667,"b_half_area":0.125,"a_spread":0.385499151410844,"b_spread":0.796797710182513}

$ tensorcat --key merged $DATA/mapdiff/pairs.tar 2>/dev/null | mapdiff a b 2>/dev/null | tar xOf - merged.map.diff.json | grep -o '"emd_merged.*'
"emd_merged":2}

# The chain of programs says which maps; model, target and query stay only where both are of it.

$ cp $DATA/pictures/rgb444.jpg cat.jpg; preprocess cat.jpg 2>/dev/null | vitfwd 2>/dev/null | rollout -k 2>/dev/null | rollout -M vit-explain 2>/dev/null >maps.tar; mapdiff abnar vit-explain maps.tar >diff.tar
mapdiff: 1 sample

$ tensorls --pg diff.tar | tail -n 1
tensorls: 1 sample
mapdiff	rollout.2	mapdiff	0.1.0		abnar vit-explain

$ tensorls diff.tar 2>/dev/null | cut -f 2-4 | grep -v model.json
member	type	shape
jpg	jpeg	960
view.json	json	246
logits.npy	f4	[10]
map.abnar.npy	f4	[8,8]
map.abnar.json	json	402
map.vit-explain.npy	f4	[8,8]
map.vit-explain.json	json	408
map.diff.npy	f4	[8,8]
map.diff.json	json	559

$ tar xOf diff.tar cat.map.diff.json | grep -o '"target.*"view'
"target":null,"model":"vit-cifar10-p4:dc5aa6e2","grid":[8,8],"view

$ mapdiff abnar abnar --tsv maps.tar 2>/dev/null
key	a	b	correlation	rank_correlation	iou_top_fifth	emd	a_half_area	b_half_area	a_spread	b_spread
cat	abnar	abnar	1	1	1	0	0.71875	0.71875	0.99344	0.99344

$ cat maps.tar | mapdiff --tsv abnar - 2>&1
key	a	b	correlation	rank_correlation	iou_top_fifth	emd	a_half_area	b_half_area	a_spread	b_spread
mapdiff: cat: has no map.-: it has map.abnar, map.vit-explain
[exit 2]

$ cat maps.tar | mapdiff --tsv abnar vit-explain - maps.tar 2>&1
key	a	b	correlation	rank_correlation	iou_top_fifth	emd	a_half_area	b_half_area	a_spread	b_spread
cat	abnar	vit-explain	0.832905	0.801465	0.529412	0.092458	0.71875	0.109375	0.99344	0.899843
mapdiff: maps.tar: key cat returns: join shards with preprocess --prefix-shard
[exit 3]

$ overlay -o diff.png diff.tar; overlay --raw -o diff.tif diff.tar; file -b diff.png | cut -d , -f 1
overlay: 1 sample
overlay: 1 sample
PNG image data

# Both maps as they are compared: on one grid, of one sum; b is the coarse one.

$ tensorcat --key coarse-b $DATA/mapdiff/pairs.tar 2>/dev/null | mapdiff a b --sides --as d 2>/dev/null >one.tar; tensorls one.tar 2>/dev/null | cut -f 2-4,6 | grep npy
map.a.npy	f4	[14,14]	6.90908
map.b.npy	f4	[7,7]	0.340986
map.d-a.npy	f4	[14,14]	0.00510204
map.d-b.npy	f4	[14,14]	0.00510204
map.d.npy	f4	[14,14]	-4.55722e-11

$ tar xOf one.tar coarse-b.map.d-b.json; echo
{"method":"compared","layer":null,"head":null,"query":null,"residual":null,"signed":false,"target":null,"model":null,"grid":[14,14],"view":{"picture":"jpg","size":[640,480],"box":[104.0,24.0,536.0,456.0]},"note":"each divided by its sum","of":"b","scale":"sum"}

$ tensorcat --key coarse-b $DATA/mapdiff/pairs.tar 2>/dev/null | mapdiff a b --scale rank --sides 2>/dev/null | tensorls 2>/dev/null | grep 'diff.*npy' | cut -f 2,5-
map.diff-a.npy	0.00255102	0.5	0.997449
map.diff-b.npy	0.114796	0.5	0.997449
map.diff.npy	-0.882653	2.85099e-10	0.852041

$ tensorcat --key nan $DATA/mapdiff/pairs.tar 2>/dev/null | mapdiff a b --sides 2>/dev/null | tensorls 2>/dev/null | grep 'diff.*npy' | cut -f 2,5-
map.diff-a.npy	nan	nan	nan
map.diff-b.npy	nan	nan	nan
map.diff.npy	nan	nan	nan

# A second difference needs a name.

$ mapdiff vit-explain abnar --as back diff.tar 2>/dev/null | tensorls 2>/dev/null | cut -f 2,4 | tail -n 2
map.back.npy	[8,8]
map.back.json	559

$ mapdiff vit-explain abnar diff.tar >bad.tar
mapdiff: cat: map.diff exists: name this one with --as
mapdiff: 1 sample, 1 bad
[exit 1]

# Usage.

$ mapdiff
mapdiff: takes the names of two maps, as in mapdiff chefer gradcam: see -h
[exit 2]

$ mapdiff abnar
mapdiff: takes the names of two maps, as in mapdiff chefer gradcam: see -h
[exit 2]

$ mapdiff maps.tar
mapdiff: takes the names of two maps, as in mapdiff chefer gradcam: see -h
[exit 2]

$ mapdiff abnar nothing maps.tar >no.tar
mapdiff: cat: has no map.nothing: it has map.abnar, map.vit-explain
[exit 2]

$ tensorcat --drop 'map.*' maps.tar 2>/dev/null | mapdiff abnar vit-explain >no.tar
mapdiff: cat: has no map.abnar, nor any other: run attnsplit, rollout or gradcam
[exit 2]

$ preprocess cat.jpg 2>/dev/null | vitfwd 2>/dev/null | rollout -k -q all 2>/dev/null | rollout 2>/dev/null | mapdiff abnar abnar-qall >no.tar
mapdiff: cat: map.abnar-qall has a map for each of 64 queries: make one of a single query with -q
[exit 2]

$ mapdiff --tsv --as x abnar vit-explain maps.tar
mapdiff: --tsv: its numbers don't depend on --as: leave that out
[exit 2]

$ mapdiff --tsv --scale max abnar vit-explain maps.tar
mapdiff: --tsv: its numbers don't depend on --scale: leave that out
[exit 2]

$ mapdiff --tsv --sides abnar vit-explain maps.tar
mapdiff: --tsv: its numbers don't depend on --sides: leave that out
[exit 2]

$ mapdiff --as Big abnar vit-explain maps.tar
mapdiff: --as Big: takes at most 64 lower case letters, digits, _ + and -
[exit 2]

$ mapdiff --scale log abnar vit-explain maps.tar
mapdiff: --scale log: takes one of sum|max|rank|none
[exit 2]

# Maps that can't be laid over each other are bad samples; the others are not.

$ mapdiff a b $DATA/mapdiff/odd.tar >odd.tar; tensorls odd.tar 2>/dev/null | awk -F '\t' '$2 ~ /bad|diff/' | cut -f 1-4
mapdiff: apart: map.a and map.b have no part of the picture in common
mapdiff: no-centre: map.a and map.b have no part of the picture in common
mapdiff: one-view: map.a says where in the picture it lies, map.b doesn't (view in map.b.json): they can't be laid over each other
mapdiff: other-picture: map.a is of a picture of 640x480, map.b of 640x481
mapdiff: far: map.a.json: its box [0,0,1e+12,480] is no part of a picture
mapdiff: thin: map.b.json: its box [200,200,200,480] is no part of a picture
mapdiff: vector: map.a.npy: not an array of [rows, columns]
mapdiff: queries: map.b has a map for each of 4 queries: make one of a single query with -q
mapdiff: lacks-b: has no map.b: it has map.a
mapdiff: 10 samples, 9 bad
good	map.diff.npy	f4	[3,3]
good	map.diff.json	json	484
apart	__bad__	json	83
no-centre	__bad__	json	83
one-view	__bad__	json	141
other-picture	__bad__	json	80
far	__bad__	json	89
thin	__bad__	json	91
vector	__bad__	json	72
queries	__bad__	json	103
lacks-b	__bad__	json	56

$ tensorcat --good odd.tar 2>/dev/null | tensorls 2>/dev/null | cut -f 1 | sort -u
good
key

$ mapdiff a b --tsv $DATA/mapdiff/odd.tar 2>/dev/null
key	a	b	correlation	rank_correlation	iou_top_fifth	emd	a_half_area	b_half_area	a_spread	b_spread
good	a	b	-0.8	-0.8	0	0.188562	0.555556	0.555556	0.932923	0.932923
[exit 1]
