#: make -C pipelines heads PHOTOS=folder
#:     What each head of a ViT attends to and does: OUT/heads/layer/KEY.png, the heads of a layer;
#:     OUT/heads/sheet/KEY.png, all heads of all layers; OUT/heads/heads.tsv and heads.png, numbers
#:     of each, means over the photos, by which it is called local, global or sink.
#:     VIT=model        as for vitfwd -m; the one that comes with saccade
#:     LAYER=-1         whose heads: from 0, or -1 for the last
#:     SINK=0.3         a sink gives more than this share to the tokens before the patches or to
#:                      patches that are sinks (attnstat); else
#:     LOCAL=0.8        a local head looks less far than this, and
#:     GLOBAL=0.95      a global head farther, as shares of how far attention looks that is spread
#:                      evenly (attnstat --relative)
#:     OUT=out

LAYER ?= -1
SINK ?= 0.3
LOCAL ?= 0.8
GLOBAL ?= 0.95
export LAYER SINK LOCAL GLOBAL

.PHONY: heads
heads: $(OUT)/heads.d/layer $(OUT)/heads.d/sheet $(OUT)/heads/heads.png
	@echo '$(OUT)/heads: figures of each photo, and what each head does'

$(OUT)/heads.d/one/asked: asked = LAYER
$(OUT)/heads.d/kinds/asked: asked = SINK LOCAL GLOBAL

$(OUT)/heads.d/layer.tar: $(attention) $(OUT)/heads.d/one/asked
	$(run) 'attnsplit -l "$$LAYER" -o $@ $<'

$(OUT)/heads.d/sheet.tar: $(attention)
	@mkdir -p $(@D)
	$(run) 'attnsplit -o $@ $<'

$(OUT)/heads.d/layer: $(OUT)/heads.d/layer.tar
	$(call figures,$<,$(OUT)/heads/layer)

$(OUT)/heads.d/sheet: $(OUT)/heads.d/sheet.tar
	$(call figures,$<,$(OUT)/heads/sheet,--width 160)

$(OUT)/heads.d/numbers.tsv: $(attention)
	@mkdir -p $(@D)
	$(run) 'attnstat --mean samples --relative -o $@ $< \
		--stats distance,entropy,prefix_mass,effective_rank,sink_share'

# The first of three that it is, and why.
$(OUT)/heads/heads.tsv: $(OUT)/heads.d/numbers.tsv $(OUT)/heads.d/kinds/asked
	@mkdir -p $(@D)
	@awk -F '\t' -v OFS='\t' ' \
		function name(kind, why) { print $$2, $$3, kind, why, $$4, $$5, $$6, $$7, $$8 } \
		BEGIN { sink = ENVIRON["SINK"]; near = ENVIRON["LOCAL"]; far = ENVIRON["GLOBAL"] } \
		NR == 1 { name("kind", "because") } \
		NR == 1 { next } \
		$$6 > sink + 0 { name("sink", "prefix_mass > " sink); next } \
		$$8 > sink + 0 { name("sink", "sink_share > " sink); next } \
		$$4 < near + 0 { name("local", "distance < " near); next } \
		$$4 > far + 0 { name("global", "distance > " far); next } \
		{ name("between", "none of the three") }' $< >$@

%/heads.png: %/heads.tsv heads.gp
	gnuplot -e "table='$<'; picture='$@'" heads.gp
