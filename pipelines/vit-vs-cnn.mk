#: make -C pipelines vit-vs-cnn PHOTOS=folder
#:     Where a Vision Transformer and a ResNet look in the same photos, and where they differ:
#:     a figure for each photo, OUT/vit-vs-cnn/KEY.png, and a table, OUT/vit-vs-cnn/agreement.tsv.
#:     VIT=, RESNET=model    as for vitfwd -m and resnetfwd -m; those that come with saccade
#:     TARGET=pred      the class it is about: pred, true, an index, a name
#:     VIT_METHOD=chefer, CNN_METHOD=gradcam    as for rollout -M and gradcam -M
#:     OUT=out

RESNET ?= $(SACCADE_RESNET)
TARGET ?= pred
VIT_METHOD ?= chefer
CNN_METHOD ?= gradcam
export RESNET TARGET VIT_METHOD CNN_METHOD

ifneq ($(RESNET),)
export SACCADE_RESNET := $(RESNET)
endif

steps := $(OUT)/vit-vs-cnn.d

.PHONY: vit-vs-cnn
vit-vs-cnn: $(steps)/figures $(OUT)/vit-vs-cnn/agreement.tsv
	@echo '$(OUT)/vit-vs-cnn: the figures, and agreement.tsv'

$(steps)/asked: asked = PHOTOS VIT RESNET TARGET VIT_METHOD CNN_METHOD

# The ViT's classes, and the patches that speak for them. The next model's classes will take
# their place, so this much is a file of its own.
$(steps)/vit.tar: $(steps)/asked
	$(call need,PHOTOS,folder: which photos?)
	@cd '$(FROM)' && ls -d -- "$$PHOTOS" >/dev/null
	$(run) 'preprocess "$$PHOTOS" | vitfwd -g "$$TARGET" | rollout -M "$$VIT_METHOD" -o $@'

# The ResNet's on the same photos, and where the two differ.
$(steps)/both.tar: $(steps)/vit.tar
	$(run) 'resnetfwd -g "$$TARGET" $< | gradcam -M "$$CNN_METHOD" | \
		mapdiff "$$VIT_METHOD" "$$CNN_METHOD" -o $@'

# A figure for each photo; overlay names them when all is well.
$(steps)/figures: $(steps)/both.tar
	@mkdir -p $(OUT)/vit-vs-cnn && find $(OUT)/vit-vs-cnn -name '*.png' -delete
	$(run) 'overlay --columns 4 -d $(OUT)/vit-vs-cnn $<'
	@touch $@

$(steps)/%.tsv: $(steps)/%.tar
	$(run) 'topk -n 1 --target -o $@ $<'

$(steps)/diff.tsv: $(steps)/both.tar
	$(run) 'mapdiff --tsv "$$VIT_METHOD" "$$CNN_METHOD" -o $@ $<'

# The class that each model's map is of (the last row that topk has of a photo; a class without a
# name by its number), and how far the maps agree.
$(OUT)/vit-vs-cnn/agreement.tsv: $(steps)/vit.tsv $(steps)/both.tsv $(steps)/diff.tsv
	@awk -F '\t' -v OFS='\t' ' \
		FNR == 1 && ++file == 3 { \
			seen[1, $$1] = "vit_class" OFS "vit_prob"; \
			seen[2, $$1] = "cnn_class" OFS "cnn_prob" } \
		file < 3 { seen[file, $$1] = ($$4 == "" ? $$3 : $$4) OFS $$6; next } \
		{ print $$1, seen[1, $$1], seen[2, $$1], $$4, $$5, $$6, $$7 }' $^ > $@
