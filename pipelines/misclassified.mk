#: make -C pipelines misclassified PHOTOS=folder-or-shard LABELS=labels.tsv
#:     Where a ViT looked in pictures that it got wrong, and what that says of why. In
#:     OUT/misclassified: figures/KEY.png, for each the photo, attention, rollout, and what spoke
#:     for the predicted and for the true class, by two methods, with the difference; causes.tsv, a
#:     line a picture, with the numbers that it rests on, and summary.tsv, a line a cause;
#:     confusion.tsv and confusion.png.
#:     VIT=model        as for vitfwd -m; the one that comes with saccade
#:     LABELS=          as for preprocess -L: a table or folder; a shard has its own, and in a
#:                      folder the directory that a photo lies in is its class
#:     PICTURES=16      how many of them, the first
#:     MARGIN=0.2       unsure: the predicted class has less than this above the true one
#:     OVERLAP=0.25     of the top fifths of both classes' maps less is common: looked elsewhere; else
#:                      at the same place, but named it otherwise (by chance it would be 0.11)
#:     ENTROPY=0.85     scattered: attention of the class token in the last layer is spread more
#:                      than this, as a share of what evenly spread attention has
#:     SINK=0.3         sink-dominated: it gives more than this to sinks and the prefix tokens
#:     OUT=out

MARGIN ?= 0.2
OVERLAP ?= 0.25
ENTROPY ?= 0.85
SINK ?= 0.3
# PICTURES has another default elsewhere.
SHOWN := $(if $(filter command% environment%,$(origin PICTURES)),$(PICTURES),16)
export PHOTOS VIT LABELS SHOWN MARGIN OVERLAP ENTROPY SINK

missed := $(OUT)/misclassified
missing := $(missed).d

.PHONY: misclassified
misclassified: $(missing)/figures $(missed)/summary.tsv $(missed)/confusion.png
	@column -t -s $$'\t' '$(missed)/summary.tsv' 2>/dev/null || cat '$(missed)/summary.tsv'
	@echo '$(missed): figures, causes.tsv, summary.tsv, confusion.tsv and confusion.png'

$(missing)/asked: asked = PHOTOS VIT LABELS
$(missing)/show/asked: asked = SHOWN
$(missing)/why/asked: asked = MARGIN OVERLAP ENTROPY SINK

# What the model calls every picture.
$(missing)/all.tar: $(missing)/asked
	$(call need,PHOTOS,folder: which pictures? A folder with one of pictures for each class$(,) \
		or with LABELS=labels.tsv$(,) or a labelled shard)
	@cd '$(FROM)' && ls -d -- "$$PHOTOS" >/dev/null
	$(run) 'preprocess $$([[ $$LABELS || ! -d $$PHOTOS ]] || echo -L folder) \
		$${LABELS:+-L "$$LABELS"} -- "$$PHOTOS" | vitfwd -l none -o $@'

$(missing)/answers.tsv: $(missing)/all.tar
	$(run) 'topk -n 1 -o $@ $<'

# All classes, from one picture: those of the model.
$(missing)/classes.tsv: $(missing)/all.tar
	$(run) 'tensorcat --good --every 1000000000 $< | topk -n 1000000 -o $@'

# Keys of pictures with a label that the model knows; fails, with words, where there is none.
$(missing)/labelled.tsv: $(missing)/classes.tsv $(missing)/answers.tsv labelled.awk
	@cd '$(FROM)' && folder=$$([[ $${LABELS:-folder} != folder || ! -d $$PHOTOS ]] || echo 1) && \
		awk -v folder="$$folder" -f $(HERE)/labelled.awk \
			$(missing)/classes.tsv $(missing)/answers.tsv >$@

$(missing)/wrong.tar: $(missing)/all.tar $(missing)/labelled.tsv $(missing)/show/asked
	$(run) 'tensorcat --keys-from $(missing)/labelled.tsv $< | \
		tensorgrep --wrong -n "$$SHOWN" -o $@'

# What speaks for either class: by the attention of all layers, and by what the last block reads.
# Each pair and its difference are a row of the figure.
by_class = vitfwd -g $(1) | rollout -M chefer --as $(2)
by_place = vitfwd -g $(1) -l none --act -1 | gradcam --as $(2)-cam
$(missing)/maps.tar: $(missing)/wrong.tar
	$(run) 'vitfwd $< | attnsplit -k -l -1 -H mean | rollout | \
		$(call by_class,pred,predicted) | $(call by_class,true,true) | \
		mapdiff predicted true --as difference | \
		$(call by_place,pred,predicted) | $(call by_place,true,true) | \
		mapdiff predicted-cam true-cam --as difference-cam -o $@'

$(missing)/figures: $(missing)/maps.tar
	@rm -rf $(missed)/figures
	$(run) 'overlay --columns 3 -d $(missed)/figures $<'
	@touch $@

# Both classes, how far their maps agree, and what the class token looked at.
$(missing)/both.tsv: $(missing)/maps.tar
	$(run) 'topk -n 1 --target -o $@ $<'

$(missing)/overlap.tsv: $(missing)/maps.tar
	$(run) 'mapdiff --tsv predicted true -o $@ $<'

$(missing)/cam-overlap.tsv: $(missing)/maps.tar
	$(run) 'mapdiff --tsv predicted-cam true-cam -o $@ $<'

$(missing)/looks.tsv: $(missing)/wrong.tar
	$(run) 'vitfwd -l -1 -t -2 $< | attnstat --readout --relative --mean heads \
		--stats entropy,prefix_mass,sink_share -o $@'

$(missed)/causes.tsv: $(patsubst %,$(missing)/%.tsv,both overlap cam-overlap looks) \
		$(missing)/why/asked causes.awk
	@mkdir -p $(@D)
	@awk -f causes.awk $(filter %.tsv,$^) >$@

# How many pictures have each cause, and why; a picture can have several, or none.
$(missed)/summary.tsv: $(missed)/causes.tsv $(missing)/answers.tsv $(missing)/labelled.tsv \
		summary.awk
	@awk -f summary.awk $(filter %.tsv,$^) >$@

$(missed)/confusion.tsv: $(missing)/classes.tsv $(missing)/answers.tsv $(missing)/labelled.tsv \
		confusion.awk
	@mkdir -p $(@D)
	@awk -f confusion.awk $(filter %.tsv,$^) >$@

# Those of the classes that are confused most.
$(missing)/confused.tsv: $(missing)/classes.tsv $(missing)/answers.tsv $(missing)/labelled.tsv \
		confusion.awk
	@awk -v most=30 -f confusion.awk $(filter %.tsv,$^) >$@

$(missed)/confusion.png: $(missing)/confused.tsv confusion.gp $(missed)/confusion.tsv
	@command -v gnuplot >/dev/null || \
		{ echo 'no gnuplot, so no confusion.png: sh pipelines/deps.sh gnuplot-nox' >&2; exit 1; }
	gnuplot -e "table='$<'; picture='$@'" confusion.gp
