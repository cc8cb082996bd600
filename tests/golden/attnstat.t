# A table of every head; a mean over heads; a mean over samples, with deviations.

$ attnstat $DATA/attnstat/special.tar
key	layer	head	distance	entropy	prefix_mass	diagonal_mass	effective_rank	divergence	sinks	sink_share	sink_rule
a	0	0	10.7593	2.07944	0.2	0.1	1	0.404678	0	0	share
a	0	1	0	0	0	1	10	0.612338	0	0	share
a	0	2	10.5683	1.90024	0.225972	0.0967535	1	0.376975	0	0	share
a	0	3			1	0	1	0.441982	0	0	share
a	0	4	16.4924	0	0.875	0	1.75477	0.442842	0	0	share
attnstat: 1 sample

$ attnstat --mean heads $DATA/attnstat/plain.tar 2>/dev/null
key	layer	head	distance	entropy	prefix_mass	diagonal_mass	effective_rank	divergence	sinks	sink_share	sink_rule
peaked	0	mean	11.7238	1.12195	0.0756475	0.107347	7.97682	0.433109	0	0	share+norm
peaked	1	mean	13.8363	1.06723	0.0715472	0.0730959	7.44416	0.407478	1	0.281429	share
peaked	2	mean	11.6311	1.06252	0.150805	0.0668468	8.81562	0.455535	0	0	share+norm
folder/diffuse	0	mean	12.8174	1.83923	0.145409	0.0662446	3.22926	0.0172917	1	0.340106	share+norm
folder/diffuse	1	mean	12.9828	1.84269	0.149771	0.0727011	3.31868	0.0226263	1	0.329112	share
folder/diffuse	2	mean	12.7938	1.87168	0.152108	0.0763711	3.35206	0.0147287	1	0.319408	share
another	0	mean	12.2915	1.70914	0.167028	0.0831946	6.37149	0.14137	1	0.284461	share+norm
another	1	mean	12.9745	1.69085	0.109078	0.0741802	5.87151	0.138165	2	0.536938	share
another	2	mean	12.6535	1.59326	0.150003	0.0720306	6.00325	0.11754	1	0.352441	share

$ attnstat --mean samples --stats distance,sinks $DATA/attnstat/plain.tar
samples	layer	head	distance	sinks	sink_rule	distance_sd	sinks_sd
3	0	0	11.8106	0.666667	share+norm	1.25401	0.57735
3	0	1	12.9293	0.666667	share+norm	0.2603	0.57735
3	0	2	12.0928	0.666667	share+norm	0.769624	0.57735
3	1	0	13.2127	1.33333	share	0.534166	0.57735
3	1	1	13.5771	1.33333	share	1.02463	0.57735
3	1	2	13.0037	1.33333	share	0.694826	0.57735
3	2	0	11.5364	0.666667	mixed	1.69286	0.57735
3	2	1	12.8734	0.666667	mixed	0.0573438	0.57735
3	2	2	12.6687	0.666667	mixed	0.321544	0.57735
attnstat: 3 samples

$ attnstat --mean both --stats entropy,divergence -l -1 $DATA/attnstat/plain.tar
samples	layer	head	entropy	divergence	entropy_sd	divergence_sd
3	2	mean	1.50915	0.195935	0.411085	0.230622
attnstat: 3 samples

# One sample has no deviation.

$ attnstat --mean both --stats entropy $DATA/attnstat/registers.tar
samples	layer	head	entropy	entropy_sd
1	0	mean	1.373	
1	1	mean	1.30275	
attnstat: 1 sample

# Columns come in their own order; the rule is printed with the sinks.

$ attnstat --stats sink_share,distance $DATA/attnstat/registers.tar 2>/dev/null | head -n 2
key	layer	head	distance	sink_share	sink_rule
a	0	0	14.1432	0	share

$ attnstat --stats distance,distance -l 0 $DATA/attnstat/registers.tar
key	layer	head	distance
a	0	0	14.1432
a	0	1	12.3965
attnstat: 1 sample

# Sinks: fewer where more is asked of them.

$ for f in 0.5 1 3 6; do attnstat --mean heads --sink-share $f --stats sinks -l 1 $DATA/attnstat/plain.tar 2>/dev/null | sed -n 2p; done
peaked	1	mean	9	share
peaked	1	mean	2	share
peaked	1	mean	1	share
peaked	1	mean	0	share

$ for k in 0 5 20 100 1000; do attnstat --mean heads --sink-norm $k --sink-share 1 --stats sinks -l 0 $DATA/attnstat/plain.tar 2>/dev/null | sed -n 2p; done
peaked	0	mean	2	share+norm
peaked	0	mean	2	share+norm
peaked	0	mean	2	share+norm
peaked	0	mean	1	share+norm
peaked	0	mean	0	share+norm

# A pipe: pixels of a ViT's input, its patches being 4 by 4.

$ cp $DATA/pictures/rgb420.jpg cat.jpg; preprocess cat.jpg 2>/dev/null | vitfwd -l 0,5 -t 5 2>/dev/null | attnstat --mean heads --stats sinks,distance 2>/dev/null | cut -f 2-3,5-
layer	head	sinks	sink_rule
0	mean	0	share
5	mean	0	share+norm

# How large a patch is: the model says, or the view; else a patch is 1, and that is said.

$ attnstat --prefix 1 --grid 2x3 --stats distance $DATA/attnstat/foreign.tar
attnstat: somebody/s: nothing says how large a patch is: distances are in patches, not in pixels
key	layer	head	distance
somebody/s	0	0	1.10639
somebody/s	1	0	1.36317
attnstat: 1 sample

$ tensorcat --drop model.json $DATA/attnstat/plain.tar 2>/dev/null >bare.tar; attnstat --prefix 1 --grid 3x4 --stats distance -l 0 bare.tar | head -n 3
attnstat: peaked: nothing says how large a patch is: distances are in patches, not in pixels
key	layer	head	distance
peaked	0	0	1.64716
peaked	0	1	1.90915

$ mkdir made; tar xf $DATA/attnstat/foreign.tar -C made; echo '{"input":[30,20]}' >made/somebody/s.view.json; cd made; tar cf ../view.tar somebody; cd ..
> for tar in view.tar $DATA/attnstat/foreign.tar; do attnstat --prefix 1 --grid 2x3 --stats distance $tar 2>/dev/null | tail -n 1 | cut -f 4; done
13.6317
1.36317

$ attnstat $DATA/attnstat/foreign.tar
attnstat: somebody/s: has no model.json: run vitfwd, or say --prefix N --grid RxC for arrays of your own model
[exit 2]

$ attnstat --prefix 2 --grid 2x3 $DATA/attnstat/foreign.tar
attnstat: somebody/s: attn.00.npy is [1,7,7]; 2 prefix tokens and a grid of 2x3 make [heads,8,8]
key	layer	head	distance	entropy	prefix_mass	diagonal_mass	effective_rank	divergence	sinks	sink_share	sink_rule
attnstat: 1 sample, 1 bad
[exit 1]

$ attnstat --prefix 1 $DATA/attnstat/foreign.tar
attnstat: --prefix and --grid go together
[exit 2]

# What isn't attention; a sample that is bad has no row, and no part in a mean.

$ attnstat $DATA/maps/nan.tar
attnstat: a: layer 1: row 0 of head 1 is no softmax's: its values must be at least 0 and sum to 1
key	layer	head	distance	entropy	prefix_mass	diagonal_mass	effective_rank	divergence	sinks	sink_share	sink_rule
attnstat: 1 sample, 1 bad
[exit 1]

$ attnstat --stats prefix_mass $DATA/attnstat/faults.tar
key	layer	head	prefix_mass
good	0	0	0.235223
good	0	1	0.152418
attnstat: negative: layer 0: row 2 of head 1 is no softmax's: its values must be at least 0 and sum to 1
attnstat: half: layer 0: row 4 of head 0 is no softmax's: its values must be at least 0 and sum to 1
attnstat: infinite: layer 0: row 0 of head 1 is no softmax's: its values must be at least 0 and sum to 1
rounded	0	0	0.335295
rounded	0	1	0.0852926
attnstat: 5 samples, 3 bad
[exit 1]

$ attnstat $DATA/attnstat/crowd.tar
attnstat: a: layer 0: has 1025 heads, more than 1024
key	layer	head	distance	entropy	prefix_mass	diagonal_mass	effective_rank	divergence	sinks	sink_share	sink_rule
attnstat: 1 sample, 1 bad
[exit 1]

$ attnstat --mean samples --stats entropy $DATA/maps/nan.tar
attnstat: a: layer 1: row 0 of head 1 is no softmax's: its values must be at least 0 and sum to 1
samples	layer	head	entropy	entropy_sd
attnstat: 1 sample, 1 bad
[exit 1]

$ preprocess cat.jpg 2>/dev/null | vitfwd -l none 2>/dev/null | attnstat 2>&1 >/dev/null
attnstat: cat: has no attn.LL: run vitfwd (without -l none) before, and -k on stages between
[exit 2]

$ preprocess cat.jpg 2>/dev/null | resnetfwd -m $DATA/resnet/timm-basic 2>/dev/null | attnstat 2>&1 >/dev/null
attnstat: cat: has no attn.LL: made by a CNN, which has no attention: run vitfwd, or gradcam in place of this stage
[exit 2]

$ attnstat -l 1-7 $DATA/attnstat/plain.tar
attnstat: peaked: --layers 1-7: there are 3, 0 to 2
[exit 2]

$ preprocess cat.jpg 2>/dev/null | vitfwd -l 2 2>/dev/null | attnstat -l 2-3 2>&1 >/dev/null
attnstat: cat: has no attn.03: vitfwd -l decides what is there
[exit 2]

$ tensorcat --only model.json --only '*.01.npy' --only '*.02.npy' $DATA/attnstat/plain.tar 2>/dev/null | attnstat -l all --mean both --stats entropy 2>/dev/null
samples	layer	head	entropy	entropy_sd
3	1	mean	1.53359	0.410951
3	2	mean	1.50915	0.411085

$ tar xf $DATA/attnstat/plain.tar -C made; cd made; for key in short wide nan; do cp peaked.attn.00.npy $key.attn.00.npy; cp peaked.model.json $key.model.json; done
> cp peaked.attn.00.npy short.tokens.00.npy;
> { head -c 128 peaked.tokens.00.npy; printf '\377\377\377\177'; tail -c +133 peaked.tokens.00.npy; } >nan.tokens.00.npy
> sed 's/(13, 6)/(6, 13)/' peaked.tokens.00.npy >wide.tokens.00.npy; tar cf ../odd.tar peaked.* short.* wide.* nan.*
> cd ..; attnstat --mean both --stats sinks -l 0 odd.tar; attnstat --stats entropy -l 0 odd.tar 2>&1 | tail -n 1
samples	layer	head	sinks	sink_rule	sinks_sd
attnstat: short: tokens.00.npy is f4[3,13,13], not of 2 dimensions
attnstat: wide: tokens.00.npy is [6,13], attn.00.npy of 13 tokens
attnstat: nan: layer 0: the vector of token 0 isn't finite
1	0	mean	0	share+norm	
attnstat: 4 samples, 3 bad
attnstat: 4 samples

# A mean takes samples of one kind.

$ for other in registers pooled; do attnstat --mean both --stats entropy -l 0 $DATA/attnstat/{plain,$other}.tar; done
samples	layer	head	entropy	entropy_sd
attnstat: a: can't share a mean with the samples before it: made:0badcafe, 5+2x5 tokens, patches of 4x8, not made:0badcafe, 1+3x4 tokens, patches of 4x8
3	0	mean	1.55677	0.382145
attnstat: 4 samples, 1 bad
samples	layer	head	entropy	entropy_sd
attnstat: a: can't share a mean with the samples before it: made:0badcafe, 0+4x2 tokens, patches of 5x3, not made:0badcafe, 1+3x4 tokens, patches of 4x8
3	0	mean	1.55677	0.382145
attnstat: 4 samples, 1 bad
[exit 1]

$ cp made/peaked.attn.00.npy made/late.attn.00.npy; cp made/peaked.model.json made/late.model.json; tar cf late.tar -C made peaked.attn.00.npy peaked.attn.01.npy peaked.model.json late.attn.00.npy late.model.json; attnstat --mean samples --stats entropy late.tar
samples	layer	head	entropy	entropy_sd
attnstat: late: has other layers or heads than the samples before it
1	0	0	1.19248	
1	0	1	1.06538	
1	0	2	1.10798	
1	1	0	1.04712	
1	1	1	0.958061	
1	1	2	1.19652	
attnstat: 2 samples, 1 bad
[exit 1]

# The command line.

$ attnstat -h
usage: attnstat [options] [FILE...]
attnstat reads attention, writes numbers of its layers and heads as text

  -l, --layers LIST       layers to measure (default: all that are there)
      --stats NAMES       columns to print, commas between: what isn't printed
                          isn't computed (default: all)
      --mean none|heads|samples|both
                          one row for all heads of a layer; one for all samples,
                          at the end, with standard deviations; or both
                          (default: none)
      --relative          distance and entropy as shares of those of attention
                          spread evenly over the patches
      --readout           of what the class token looks at, where the model's
                          head reads that, not of what the patches look at
      --sink-share F      a sink is a patch that takes more than F/N of N
                          tokens' attention on average (3)
      --sink-norm K       and where there are tokens, one whose norm is above
                          the median by more than K median absolute deviations
                          (5)
      --sinks             print the sinks instead, a row each: which patches
                          take most of a layer's attention
      --prefix N          tokens before the patches, for arrays of your own
                          model
      --grid RxC          rows and columns of patches, likewise
  -o, --output FILE       write FILE.part, then rename it to FILE
  -j, --threads N         use N threads; the output is the same for every N
      --max-bad N|N%      exit with 3 where more samples than that are bad
  -v, --verbose           say more on standard error
  -h, --help              print this help
  -V, --version           print the version

$ attnstat --stats distance,size x.tar
attnstat: --stats distance,size: takes distance, entropy, prefix_mass, diagonal_mass, effective_rank, divergence, sinks and sink_share, commas between
[exit 2]

$ attnstat --stats '' x.tar
attnstat: --stats : takes distance, entropy, prefix_mass, diagonal_mass, effective_rank, divergence, sinks and sink_share, commas between
[exit 2]

$ attnstat --mean all x.tar
attnstat: --mean all: takes one of none|heads|samples|both
[exit 2]

$ attnstat --sink-share -1 x.tar
attnstat: --sink-share -1: takes a number from 0 to 1e+09
[exit 2]

$ attnstat -l x x.tar
attnstat: --layers x: takes a list as 3, -1, 0-5, 6-, 1,4 or all
[exit 2]

# Framing.

$ head -c 20000 $DATA/attnstat/plain.tar >cut.tar; attnstat --mean samples --stats entropy cut.tar
samples	layer	head	entropy	entropy_sd
attnstat: cut.tar: truncated: ends inside folder/diffuse.attn.01.npy
[exit 3]

$ attnstat $DATA/attnstat/plain.tar >/dev/full
attnstat: standard output: write failed: No space left on device
[exit 4]

$ for j in 1 2 5; do attnstat -j $j $DATA/attnstat/plain.tar 2>/dev/null | cksum; done | sort -u | wc -l
1

# The sinks themselves; the table has no means and no other columns.

$ attnstat --sinks $DATA/sinks/plain.tar 2>/dev/null
key	layer	token	row	column	norm	median_norm	share	sink_rule
one	0	4	0	3	60.7521	5.52598	0.238086	share+norm
folder/two	0	4	0	3	95.6334	6.13915	0.272568	share+norm
folder/two	0	9	2	0	42.0914	6.13915	0.349992	share+norm
folder/two	1	9	2	0	99.9454	5.53936	0.386914	share+norm

$ attnstat --sinks -l 1 --sink-share 1 --sink-norm 1 $DATA/sinks/plain.tar
key	layer	token	row	column	norm	median_norm	share	sink_rule
one	1	4	0	3	6.35094	5.52015	0.227031	share+norm
folder/two	1	9	2	0	99.9454	5.53936	0.386914	share+norm
attnstat: 2 samples

$ tensorcat --drop 'tokens*' $DATA/sinks/plain.tar 2>/dev/null | attnstat --sinks -l 0 2>/dev/null
key	layer	token	row	column	norm	median_norm	share	sink_rule
one	0	4	0	3			0.238086	share
one	0	9	2	0			0.337926	share
folder/two	0	4	0	3			0.272568	share
folder/two	0	9	2	0			0.349992	share

$ attnstat --sinks --mean heads $DATA/sinks/plain.tar
attnstat: --sinks prints a table of its own: it goes without --stats and --mean
[exit 2]

$ attnstat --sinks --stats sinks $DATA/sinks/plain.tar
attnstat: --sinks prints a table of its own: it goes without --stats and --mean
[exit 2]

$ attnstat --sinks $DATA/attnstat/faults.tar
key	layer	token	row	column	norm	median_norm	share	sink_rule
attnstat: negative: layer 0: row 2 of head 1 is no softmax's: its values must be at least 0 and sum to 1
attnstat: half: layer 0: row 4 of head 0 is no softmax's: its values must be at least 0 and sum to 1
attnstat: infinite: layer 0: row 0 of head 1 is no softmax's: its values must be at least 0 and sum to 1
attnstat: 5 samples, 3 bad
[exit 1]
