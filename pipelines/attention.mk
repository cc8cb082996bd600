# What recipes share: which photos, which ViT, and the attention of all its layers, once, with the
# tokens that enter them, whose norms tell sinks.

VIT ?= $(SACCADE_VIT)
export PHOTOS VIT

# The stages' own way to be told their model.
ifneq ($(VIT),)
export SACCADE_VIT := $(VIT)
endif

attention := $(OUT)/attention.tar

$(OUT)/attention.d/asked: asked = PHOTOS VIT

$(attention): $(OUT)/attention.d/asked
	$(call need,PHOTOS,folder: which photos?)
	@cd '$(FROM)' && ls -d -- "$$PHOTOS" >/dev/null
	$(run) 'preprocess "$$PHOTOS" | vitfwd -t all -o $@'
	@{ tensorls --check $@ 2>/dev/null || true; } | awk '{ exit $$2 <= $$4 }' || \
		{ echo "$$PHOTOS: there is no picture that can be read" >&2; exit 1; }

# $(call figures,STREAM,FOLDER,OPTIONS): a figure of each sample, and none of samples that were
# there before.
define figures
	@rm -rf $(2)
	$(run) 'overlay $(3) -d $(2) $(1)'
	@touch $@
endef
