#: make -C pipelines patches PHOTOS=folder
#:     The same photos through ViTs of different patch size: OUT/patches/maps/KEY.png, the rollout
#:     of each, and beside that of the first the others' on one grid and one scale;
#:     OUT/patches/patches.tsv, how fine their grain is and how far they agree.
#:     MODELS='vit-cifar10-p4 vit-cifar10-p8'    two or more, as for vitfwd -m
#:     OUT=out

patch_models := $(or $(MODELS),vit-cifar10-p4 vit-cifar10-p8)
patch_numbers := $(shell seq $(words $(patch_models)))
$(foreach n,$(patch_numbers),$(eval export patch_model_$(n) := $(word $(n),$(patch_models))))
export PHOTOS

# Maps have their model's name, in letters that a map's may have; a second one of the name a number.
patch_maps := $(shell printf '%s\n' $(notdir $(patch_models:%/=%)) | \
	sed 's/\.[a-z]*$$//; s/[^A-Za-z0-9_+-]/-/g' | tr A-Z a-z | \
	awk '{ print $$1 (seen[$$1]++ ? "-" seen[$$1] : "") }')
first_map := $(firstword $(patch_maps))
other_maps := $(wordlist 2,100,$(patch_maps))

.PHONY: patches
patches: $(OUT)/patches.d/figures $(OUT)/patches/patches.tsv
	@echo '$(OUT)/patches: a figure for each photo, and patches.tsv'

$(OUT)/patches.d/asked: asked = PHOTOS $(patch_numbers:%=patch_model_%)

# One model after the other, each with an input of its own kind.
$(OUT)/patches.d/maps.tar: $(OUT)/patches.d/asked
	$(call need,PHOTOS,folder: which photos?)
	$(if $(other_maps),,$(error MODELS='vit-cifar10-p4 vit-cifar10-p8': which models? Two or more))
	@cd '$(FROM)' && ls -d -- "$$PHOTOS" >/dev/null
	$(run) 'preprocess "$$PHOTOS"$(foreach n,$(patch_numbers), | \
		vitfwd -m "$$patch_model_$(n)" | rollout --as $(word $(n),$(patch_maps))) | tensorcat -o $@'

# The first with each of the others: on the finer grid, each divided by its sum.
$(OUT)/patches.d/pairs.tar: $(OUT)/patches.d/maps.tar
	$(run) 'cat $<$(foreach map,$(other_maps), | \
		mapdiff $(first_map) $(map) --sides --as with-$(map)) | tensorcat -o $@'

$(OUT)/patches.d/figures: $(OUT)/patches.d/pairs.tar
	$(call figures,$<,$(OUT)/patches/maps,--upsample nearest --columns $(words one $(patch_maps)))

$(OUT)/patches.d/%.tsv: $(OUT)/patches.d/maps.tar
	$(run) 'mapdiff --tsv $(first_map) $* -o $@ $<'

$(OUT)/patches/patches.tsv: $(other_maps:%=$(OUT)/patches.d/%.tsv)
	@mkdir -p $(@D)
	@awk 'FNR > 1 || NR == 1' $^ >$@
