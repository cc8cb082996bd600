#: make -C pipelines rollout PHOTOS=folder
#:     Attention rollout and its relatives, side by side, figures of each photo: in OUT/rollout
#:     variants/KEY.png, by fusion of heads, share discarded and start layer; growth/KEY.png, through
#:     one layer, two, ... all; methods/KEY.png, beside methods that ask for the predicted class;
#:     agreement.tsv, how far each agrees with rollout itself; shares.tsv, every patch's share.
#:     VIT=model        as for vitfwd -m; the one that comes with saccade
#:     FUSIONS='max min', DISCARDS='0.5 0.9', STARTS='2 4'    beside mean, 0 and 0
#:     METHODS='...'    as for rollout -M, beside abnar
#:     OUT=out

FUSIONS ?= max min
DISCARDS ?= 0.5 0.9
STARTS ?= 2 4
METHODS ?= flow grad-rollout chefer attn-gradcam
export FUSIONS DISCARDS STARTS METHODS

rolling := $(OUT)/rollout.d
rolled := $(OUT)/rollout

# Options with _ for a space, the map's name last: there discard 0.5 is discard-0-5.
variants := $(foreach x,$(FUSIONS),--fuse_$(x)_--as_fuse-$(x)) \
	$(foreach x,$(DISCARDS),--discard_$(x)_--as_discard-$(subst .,-,$(x))) \
	$(foreach x,$(STARTS),--start_$(x)_--as_start-$(x))

.PHONY: rollout
rollout: $(addprefix $(rolling)/,variants.figures growth.figures methods.figures) $(rolled)/agreement.tsv \
		$(rolled)/shares.tsv
	@echo '$(rolled): figures of each photo, agreement.tsv and shares.tsv'

$(rolling)/variants/asked: asked = FUSIONS DISCARDS STARTS
$(rolling)/methods/asked: asked = PHOTOS VIT METHODS

# $(call each,STREAM,OPTIONS...): a map of each, their spaces as _.
each = $(foreach options,$(2), | rollout -k $(subst _, ,$(options))) | tensorcat --drop "attn*" -o $(1)

$(rolling)/variants.tar: $(attention) $(rolling)/variants/asked
	$(run) 'rollout -k $<$(call each,$@,$(variants))'

# What has come together when the query leaves each layer: rollouts that end there.
$(rolling)/growth.tar: $(attention)
	@mkdir -p $(@D)
	@layers=$$(cd '$(FROM)' && vitfwd --info | awk -F '\t' '$$1 == "layers" { print $$2 }'); \
	ends=$$(for ((end = 0; end < layers - 1; end++)); do \
		echo -n " | rollout -k --end $$end --as through-$$end"; done); \
	$(run) "cat $<$$ends | rollout -o $@"

# With gradients of the predicted class, in a pass of their own.
$(rolling)/methods.tar: $(rolling)/methods/asked
	$(call need,PHOTOS,folder: which photos?)
	@cd '$(FROM)' && ls -d -- "$$PHOTOS" >/dev/null
	$(run) 'preprocess "$$PHOTOS" | vitfwd -g pred | rollout -k$(call each,$@,$(METHODS:%=-M_%))'


$(rolling)/%.figures: $(rolling)/%.tar
	$(call figures,$<,$(rolled)/$*)

$(rolling)/variants/%.tsv: $(rolling)/variants.tar
	$(run) 'mapdiff --tsv abnar $* -o $@ $<'

$(rolling)/methods/%.tsv: $(rolling)/methods.tar
	$(run) 'mapdiff --tsv abnar $* -o $@ $<'

$(rolled)/agreement.tsv: $(METHODS:%=$(rolling)/methods/%.tsv) \
		$(patsubst %,$(rolling)/variants/%.tsv,$(foreach variant,$(variants),$(lastword $(subst _, ,$(variant)))))
	@mkdir -p $(@D)
	@awk 'FNR > 1 || NR == 1' $^ >$@

$(rolled)/shares.tsv: $(rolling)/variants.tar
	@mkdir -p $(@D)
	$(run) 'tensorls --values map.abnar.npy -o $@ $<'
