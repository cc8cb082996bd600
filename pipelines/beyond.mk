#: make -C pipelines beyond PHOTOS=folder
#:     Sinks, the few patches that swallow attention in large ViTs: OUT/beyond/maps/KEY.png, every
#:     layer as it is and below it without them; sinks.tsv, which patches, their norms and what they
#:     receive; nearest.tsv, the same with lower bounds; layers.tsv, how much of each layer
#:     they take, and the tokens before the patches.
#:     And OUT/beyond/explore.html, a page on which to point at a patch and see what it attends to.
#:     EXPLORE=20       how many photos that page has
#:     VIT=model        as for vitfwd -m; the one that comes with saccade
#:     SINK_SHARE=3, SINK_NORM=5, NEAR_SHARE=2, NEAR_NORM=2    as for attnstat --sink-share, --sink-norm
#:     OUT=out

SINK_SHARE ?= 3
SINK_NORM ?= 5
NEAR_SHARE ?= 2
NEAR_NORM ?= 2
EXPLORE ?= 20
export EXPLORE SINK_SHARE SINK_NORM NEAR_SHARE NEAR_NORM

sinking := $(OUT)/beyond.d
sunk := $(OUT)/beyond

.PHONY: beyond
beyond: $(sinking)/figures
beyond: $(sunk)/sinks.tsv $(sunk)/nearest.tsv $(sunk)/layers.tsv
beyond: $(sunk)/explore.html
	@echo '$(sunk): a figure for each photo, sinks.tsv, nearest.tsv, layers.tsv and explore.html'

$(sinking)/bounds/asked: asked = SINK_SHARE SINK_NORM
$(sinking)/near/asked: asked = NEAR_SHARE NEAR_NORM
$(sinking)/explore/asked: asked = EXPLORE

bounds := --sink-share "$$SINK_SHARE" --sink-norm "$$SINK_NORM"

# Every layer; what all patches together look at in the last; every layer without sinks.
$(sinking)/maps.tar: $(attention) $(sinking)/bounds/asked
	$(run) 'attnsplit -k -H mean $< | attnsplit -k -l -1 -H mean -q mean --as patches | \
		attnsplit -H mean --suppress-sinks $(bounds) | tensorcat --drop "tokens*" -o $@'

# The photo and the layers fill a row, the patches' look and the layers without sinks the next.
$(sinking)/figures: $(sinking)/maps.tar
	@rm -rf $(sunk)/maps
	@layers=$$(cd '$(FROM)' && vitfwd --info | awk -F '\t' '$$1 == "layers" { print $$2 }'); \
	$(run) "overlay --columns $$((layers + 1)) --width 240 -d $(sunk)/maps $<"
	@touch $@

$(sunk)/sinks.tsv: $(attention) $(sinking)/bounds/asked
	@mkdir -p $(@D)
	$(run) 'attnstat --sinks $(bounds) -o $@ $<'

$(sunk)/nearest.tsv: $(attention) $(sinking)/near/asked
	@mkdir -p $(@D)
	$(run) 'attnstat --sinks --sink-share "$$NEAR_SHARE" --sink-norm "$$NEAR_NORM" -o $@ $<'

$(sunk)/layers.tsv: $(attention) $(sinking)/bounds/asked
	@mkdir -p $(@D)
	$(run) 'attnstat --mean both --stats prefix_mass,sinks,sink_share $(bounds) -o $@ $<'

$(sunk)/explore.html: $(attention) $(sinking)/explore/asked
	@mkdir -p $(@D)
	$(run) 'tensorgrep -n "$$EXPLORE" $< | rollout -k | explore -o $@'
