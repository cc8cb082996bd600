#: make -C pipelines layers PHOTOS=folder
#:     What the class token attends to in every layer of a ViT, and how far and how widely layers
#:     look: OUT/layers/maps/KEY.png, a panel a layer; OUT/layers/layers.tsv and layers.png, means
#:     over the photos.
#:     VIT=model        as for vitfwd -m; the one that comes with saccade
#:     OUT=out

.PHONY: layers
layers: $(OUT)/layers.d/figures $(OUT)/layers/layers.png
	@echo '$(OUT)/layers: a figure for each photo, and how far each layer looks'

$(OUT)/layers.d/maps.tar: $(attention)
	@mkdir -p $(@D)
	$(run) 'attnsplit -H mean -o $@ $<'

$(OUT)/layers.d/figures: $(OUT)/layers.d/maps.tar
	$(call figures,$<,$(OUT)/layers/maps)

$(OUT)/layers/layers.tsv: $(attention)
	@mkdir -p $(@D)
	$(run) 'attnstat --mean both --stats distance,entropy -o $@ $<'

%/layers.png: %/layers.tsv layers.gp
	gnuplot -e "table='$<'; picture='$@'" layers.gp
