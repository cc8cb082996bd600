# Maps and masks that tests/oracle/mapscore.py made up. That the numbers are right is
# check_mapscore's.

$ mapscore --inside 1 --ignore 3 $DATA/mapscore/scores.tar 2>said | grep -v '^more'; cat said
key	map	method	model	grid	share_inside	share_area	over_centre	pointing	iou
plain	a	made	m:0	8x8	0.36892	0.325301	-0.243792	1	0.267763
plain	b	made	m:0	8x8	0.405902	0.325301	-0.206811	1	0.136842
plain	uniform	baseline		8x8	0.325301	0.325301	-0.287411	0.921875	0.194245
plain	centre	baseline		8x8	0.612712	0.325301	0	1	0.726909
plain	random	baseline		8x8	0.344367	0.325301	-0.268345	1	0.220339
grids	a	made	m:0	8x8	0.681558	0.325301	0.0688454	1	0.345794
grids	b	made	m:0	5x7	0.227602	0.234783	-0.257118	0	0.106611
grids	uniform	baseline		8x8	0.325301	0.325301	-0.287411	0.921875	0.194245
grids	centre	baseline		8x8	0.612712	0.325301	0	1	0.726909
grids	random	baseline		8x8	0.311075	0.325301	-0.301637	1	0.156111
grids	uniform-b	baseline		5x7	0.234783	0.234783	-0.249937	0.828571	0.133005
grids	centre-b	baseline		5x7	0.48472	0.234783	0	1	0.707922
grids	random-b	baseline		5x7	0.266094	0.234783	-0.218626	1	0.241074
uneven	a	made	m:0	8x8	0.299672	0.340742	-0.325772	1	0.332846
uneven	b	made	m:0	3x11	0.0437133	0.340742	-0.552747	1	0.057765
uneven	uniform	baseline		8x8	0.340742	0.340742	-0.284702	0.953125	0.205358
uneven	centre	baseline		8x8	0.625444	0.340742	0	1	0.716069
uneven	random	baseline		8x8	0.28299	0.340742	-0.342455	1	0.113936
uneven	uniform-b	baseline		3x11	0.340742	0.340742	-0.255718	0.969697	0.205358
uneven	centre-b	baseline		3x11	0.59646	0.340742	0	1	0.61076
uneven	random-b	baseline		3x11	0.343618	0.340742	-0.252842	1	0.21753
padded	a	made	m:0	8x8	0.134662	0.171247	-0.25781	1	0.0872483
padded	uniform	baseline		8x8	0.171247	0.171247	-0.221225	0.65625	0.0936416
padded	centre	baseline		8x8	0.392472	0.171247	0	1	0.74354
padded	random	baseline		8x8	0.139755	0.171247	-0.252717	0	0.2
fine	a	made	m:0	16x16	0.553133	0.585366	-0.282313	1	0.460597
fine	uniform	baseline		16x16	0.585366	0.585366	-0.25008	1	0.413793
fine	centre	baseline		16x16	0.835446	0.585366	0	1	0.789428
fine	random	baseline		16x16	0.586985	0.585366	-0.248461	1	0.43317
signed	a	made	m:0	8x8	0.377293	0.325301	-0.23542	1	0.210084
signed	uniform	baseline		8x8	0.325301	0.325301	-0.287411	0.921875	0.194245
signed	centre	baseline		8x8	0.612712	0.325301	0	1	0.726909
signed	random	baseline		8x8	0.346183	0.325301	-0.266529	1	0.21462
zeros	a	made	m:0	4x4		0.325301			
zeros	b	made	m:0	4x4		0.325301			
zeros	uniform	baseline		4x4	0.325301	0.325301	-0.248695	0.9375	0.194245
zeros	centre	baseline		4x4	0.573996	0.325301	0	1	0.607222
zeros	random	baseline		4x4	0.319982	0.325301	-0.254014	1	0.125977
nan	a	made	m:0	4x4		0.325301			
nan	b	made	m:0	4x4	0.381145	0.325301	-0.192851	0	0.126957
nan	uniform	baseline		4x4	0.325301	0.325301	-0.248695	0.9375	0.194245
nan	centre	baseline		4x4	0.573996	0.325301	0	1	0.607222
nan	random	baseline		4x4	0.386331	0.325301	-0.187665	1	0.244359
ties	a	made	m:0	8x8	0.360849	0.325301	-0.251863	0.928571	0.207453
ties	b	made	m:0	8x8	0.325301	0.325301	-0.287411	0.921875	0.194245
ties	uniform	baseline		8x8	0.325301	0.325301	-0.287411	0.921875	0.194245
ties	centre	baseline		8x8	0.612712	0.325301	0	1	0.726909
ties	random	baseline		8x8	0.270183	0.325301	-0.342529	0	0.153025
one-cell	a	made	m:0	1x1	0.325301	0.325301	0	1	0.194245
one-cell	uniform	baseline		1x1	0.325301	0.325301	0	1	0.194245
one-cell	centre	baseline		1x1	0.325301	0.325301	0	1	0.194245
one-cell	random	baseline		1x1	0.325301	0.325301	0	1	0.194245
corner	a	made	m:0	8x8	0.437262	0.325301	-0.17545	0.875	0.219976
corner	uniform	baseline		8x8	0.325301	0.325301	-0.287411	0.921875	0.194245
corner	centre	baseline		8x8	0.612712	0.325301	0	1	0.726909
corner	random	baseline		8x8	0.268564	0.325301	-0.344149	1	0.186813
elsewhere	a	made	m:0	4x4		0			
elsewhere	uniform	baseline		4x4		0			
elsewhere	centre	baseline		4x4		0			
elsewhere	random	baseline		4x4		0			
all-edge	a	made	m:0	4x4					
all-edge	uniform	baseline		4x4					
all-edge	centre	baseline		4x4					
all-edge	random	baseline		4x4					
all-inside	a	made	m:0	4x4	1	1	0	1	1
all-inside	uniform	baseline		4x4	1	1	0	1	1
all-inside	centre	baseline		4x4	1	1	0	1	1
all-inside	random	baseline		4x4	1	1	0	1	1
on-edge	a	made	m:0	3x3		0.00195312			0.000977517
on-edge	b	made	m:0	3x3	0	0.00142045	-0.00187423		0
on-edge	uniform	baseline		3x3	0.00195312	0.00195312	-0.000815081	0.25	0.000977517
on-edge	centre	baseline		3x3	0.00276821	0.00195312	0		0.00195695
on-edge	random	baseline		3x3	0.00137073	0.00195312	-0.00139748	0	0
on-edge	uniform-b	baseline		3x3	0.00142045	0.00142045	-0.000453779	0.25	0.000710732
on-edge	centre-b	baseline		3x3	0.00187423	0.00142045	0		0
on-edge	random-b	baseline		3x3	0.00100931	0.00142045	-0.000864927	0	0
mapscore: zeros: map.a has nothing above 0 that counts
mapscore: zeros: map.b has nothing above 0 that counts
mapscore: nan: map.a has values that aren't finite: no number applies
mapscore: elsewhere: nothing inside of the mask is where map.a lies: no number applies
mapscore: all-edge: nothing inside of the mask is where map.a lies: no number applies
mapscore: on-edge: map.a has nothing above 0 that counts
mapscore: 21 samples

# Two grids: each has its baselines. Two files of the same numbers, one with a palette.

$ mapscore --inside 1 --ignore 3 $DATA/mapscore/scores.tar --mean 2>/dev/null | cut -f 1,5,6-14
samples	grid	share_inside	share_inside_low	share_inside_high	share_area	share_area_low	share_area_high	over_centre	over_centre_low	over_centre_high
13	8x8	0.379103	0.272785	0.489037	0.244731	0.202103	0.288185	-0.0969809	-0.200327	0.0243321
8	8x8	0.150782	0.0658057	0.257375	0.211702	0.166119	0.264842	-0.265848	-0.297442	-0.230326
13	8x8	0.244731	0.202103	0.288185	0.244731	0.202103	0.288185	-0.231353	-0.263951	-0.195512
13	8x8	0.476084	0.39911	0.549869	0.244731	0.202103	0.288185	0	0	0
13	8x8	0.231575	0.191831	0.272678	0.244731	0.202103	0.288185	-0.244508	-0.285278	-0.202458
1	5x7	0.227602	0.227602	0.227602	0.234783	0.234783	0.234783	-0.257118	-0.257118	-0.257118
1	5x7	0.234783	0.234783	0.234783	0.234783	0.234783	0.234783	-0.249937	-0.249937	-0.249937
1	5x7	0.48472	0.48472	0.48472	0.234783	0.234783	0.234783	0	0	0
1	5x7	0.266094	0.266094	0.266094	0.234783	0.234783	0.234783	-0.218626	-0.218626	-0.218626
1	3x11	0.0437133	0.0437133	0.0437133	0.340742	0.340742	0.340742	-0.552747	-0.552747	-0.552747
1	3x11	0.340742	0.340742	0.340742	0.340742	0.340742	0.340742	-0.255718	-0.255718	-0.255718
1	3x11	0.59646	0.59646	0.59646	0.340742	0.340742	0.340742	0	0	0
1	3x11	0.343618	0.343618	0.343618	0.340742	0.340742	0.340742	-0.252842	-0.252842	-0.252842
1	16x16	0.553133	0.553133	0.553133	0.585366	0.585366	0.585366	-0.282313	-0.282313	-0.282313
1	16x16	0.585366	0.585366	0.585366	0.585366	0.585366	0.585366	-0.25008	-0.25008	-0.25008
1	16x16	0.835446	0.835446	0.835446	0.585366	0.585366	0.585366	0	0	0
1	16x16	0.586985	0.586985	0.586985	0.585366	0.585366	0.585366	-0.248461	-0.248461	-0.248461
1	4x4	1	1	1	0.412651	0	1	0	0	0
1	4x4	0.381145	0.381145	0.381145	0.325301	0.325301	0.325301	-0.192851	-0.192851	-0.192851
3	4x4	0.550201	0.325301	1	0.412651	0	1	-0.165797	-0.248695	0
3	4x4	0.715997	0.573996	1	0.412651	0	1	0	0	0
3	4x4	0.568771	0.319982	1	0.412651	0	1	-0.147226	-0.254014	0
1	1x1	0.325301	0.325301	0.325301	0.325301	0.325301	0.325301	0	0	0
1	1x1	0.325301	0.325301	0.325301	0.325301	0.325301	0.325301	0	0	0
1	1x1	0.325301	0.325301	0.325301	0.325301	0.325301	0.325301	0	0	0
1	1x1	0.325301	0.325301	0.325301	0.325301	0.325301	0.325301	0	0	0
0	3x3				0.00195312	0.00195312	0.00195312			
1	3x3	0	0	0	0.00142045	0.00142045	0.00142045	-0.00187423	-0.00187423	-0.00187423
1	3x3	0.00195312	0.00195312	0.00195312	0.00195312	0.00195312	0.00195312	-0.000815081	-0.000815081	-0.000815081
1	3x3	0.00276821	0.00276821	0.00276821	0.00195312	0.00195312	0.00195312	0	0	0
1	3x3	0.00137073	0.00137073	0.00137073	0.00195312	0.00195312	0.00195312	-0.00139748	-0.00139748	-0.00139748
1	3x3	0.00142045	0.00142045	0.00142045	0.00142045	0.00142045	0.00142045	-0.000453779	-0.000453779	-0.000453779
1	3x3	0.00187423	0.00187423	0.00187423	0.00142045	0.00142045	0.00142045	0	0	0
1	3x3	0.00100931	0.00100931	0.00100931	0.00142045	0.00142045	0.00142045	-0.000864927	-0.000864927	-0.000864927

$ mapscore --mean --inside 1 $DATA/mapscore/scores.tar --resamples 1 2>/dev/null | head -n 4 | cut -f 1,2,6-8
samples	map	share_inside	share_inside_low	share_inside_high
13	a	0.343011	0.399478	0.399478
8	b	0.136278	0.2203	0.2203
13	uniform	0.216711	0.235627	0.235627

$ mapscore --inside 1 --ignore 3 --seed 1 $DATA/mapscore/scores.tar 2>/dev/null | diff - <(mapscore --inside 1 --ignore 3 $DATA/mapscore/scores.tar 2>/dev/null) | grep -c '^<.*random'
20

# From pictures and masks of files; any value but 0 is inside.

$ mkdir masks; cp $DATA/pictures/rgb444.jpg cat.jpg; cp $DATA/pictures/grey1.png masks/cat.png; preprocess --masks masks cat.jpg 2>/dev/null | vitfwd 2>/dev/null | rollout 2>/dev/null >maps.tar; mapscore maps.tar | cut -f 1-5; mapscore maps.tar 2>/dev/null | grep uniform
mapscore: 1 sample
key	map	method	model	grid
cat	abnar	abnar	vit-cifar10-p4:dc5aa6e2	8x8
cat	uniform	baseline		8x8
cat	centre	baseline		8x8
cat	random	baseline		8x8
cat	uniform	baseline		8x8	0.638987	0.638987	-0.0664152	1	0.469493

$ tensorls maps.tar 2>/dev/null | cut -f 2,3 | sed -n '3,4p'
jpg	jpeg
mask.png	bytes

$ for kind in grey1 grey1-interlaced grey2 grey2-interlaced grey8 grey8-interlaced palette1 palette1-interlaced palette4 palette4-interlaced palette8 la8; do
>     cp $DATA/pictures/$kind.png masks/cat.png
>     preprocess --masks masks maps.tar 2>/dev/null | mapscore --inside 1,3-128 2>/dev/null | grep uniform | cut -f 6
> done | uniq -c
      2 0.638987
      2 0.487452
      2 0.369006
      2 0.638987
      2 0.993127
      2 0.369006

# A mask lies on the picture as it is seen, after EXIF orientation.

$ for n in 3 6; do cp $DATA/pictures/grey1.png masks/turned$n.png; cp $DATA/pictures/turned$n.jpg .; preprocess --masks masks turned$n.jpg 2>/dev/null | vitfwd 2>/dev/null | rollout 2>/dev/null | mapscore 2>&1 | grep -v baseline | cut -f 2-5; done
map	method	model	grid
abnar	abnar	vit-cifar10-p4:dc5aa6e2	8x8
mapscore: 1 sample
map	method	model	grid
mapscore: turned6: mask.png is of 23x17 pixels, the picture of map.abnar of 17x23
mapscore: 1 sample, 1 bad

# What can't be scored is bad.

$ mapscore $DATA/mapscore/odd.tar --inside 1 --ignore 3
key	map	method	model	grid	share_inside	share_area	over_centre	pointing	iou
good	a	made	m:0	3x3	0.2525	0.325301	-0.284211	1	0.00309598
good	uniform	baseline		3x3	0.325301	0.325301	-0.211409	1	0.194245
good	centre	baseline		3x3	0.536711	0.325301	0	1	0.466653
good	random	baseline		3x3	0.341386	0.325301	-0.195324	1	0.271835
mapscore: no-mask: has no mask.png: say preprocess --masks DIR
mapscore: no-map: has no maps: run attnsplit, rollout or gradcam
mapscore: no-view: map.a doesn't say where in the picture it lies (view in map.a.json)
mapscore: other-size: mask.png is of 63x48 pixels, the picture of map.a of 64x48
mapscore: colours: mask.png: png: neither grey of up to 8 bits nor of a palette
mapscore: deep: mask.png: png: neither grey of up to 8 bits nor of a palette
mapscore: jpeg: mask.png: not a png picture
mapscore: cut: mask.png: png: premature end
mapscore: empty: mask.png: empty
mapscore: far: map.a.json: its box [0,0,1e+12,48] is no part of a picture
mapscore: queries: map.a has a map for each of 4 queries: make one of a single query with -q
mapscore: vector: map.a.npy: not an array of [rows, columns]
mapscore: 13 samples, 12 bad
[exit 1]

$ mapscore $DATA/mapscore/odd.tar --mean --inside 1 --ignore 3 2>/dev/null | cut -f 1,2,6-8
samples	map	share_inside	share_inside_low	share_inside_high
1	a	0.2525	0.2525	0.2525
1	uniform	0.325301	0.325301	0.325301
1	centre	0.536711	0.536711	0.536711
1	random	0.341386	0.341386	0.341386

# Usage.

$ tensorcat --drop mask.png maps.tar 2>/dev/null | mapscore
key	map	method	model	grid	share_inside	share_area	over_centre	pointing	iou
mapscore: cat: has no mask.png: say preprocess --masks DIR
[exit 2]

$ tensorcat --drop 'map.*' maps.tar 2>/dev/null | mapscore
key	map	method	model	grid	share_inside	share_area	over_centre	pointing	iou
mapscore: cat: has no maps: run attnsplit, rollout or gradcam
[exit 2]

$ mapscore --inside 1-3 --ignore 3 maps.tar
mapscore: --inside 1-3, --ignore 3: 3 can't be both
[exit 2]

$ mapscore --inside 256 maps.tar
mapscore: --inside 256: there are 256, 0 to 255
[exit 2]

$ mapscore --tolerance -1 maps.tar
mapscore: --tolerance -1: takes a number from 0 to 1000
[exit 2]

$ mapscore --sigma 0 maps.tar
mapscore: --sigma 0: takes a number from 0.05 to 100
[exit 2]
