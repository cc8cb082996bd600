#: make -C pipelines localise DATA=pets
#:     Do the maps find the animal? Each method's against the outline that a person drew, beside a
#:     uniform, a centre and a random map, on photos of Oxford-IIIT Pet as it is published (images/,
#:     annotations/trimaps/): OUT/localise/summary.tsv with intervals, scores.tsv for each photo,
#:     chart.png, figures.png.
#:     VIT=model, RESNET=model    as for vitfwd -m and resnetfwd -m; those that come with saccade
#:     TARGET=pred      the class that the maps by gradients are of: pred, an index, a name
#:     PICTURES=100     how many photos, at even steps through all

RESNET ?= $(SACCADE_RESNET)
TARGET ?= pred
# Other recipes have a PICTURES of their own.
localise_pictures := $(if $(filter command environment,$(firstword $(origin PICTURES))),$(PICTURES),100)
export DATA VIT RESNET TARGET localise_pictures

locating := $(OUT)/localise.d
located := $(OUT)/localise
trimap := --inside 1 --ignore 3

.PHONY: localise
localise: $(located)/scores.tsv $(located)/summary.tsv $(located)/figures.png $(locating)/chart
	@echo '$(located)/summary.tsv: how much of each map is in the animal; beside it the same of each photo, a chart and figures'

$(locating)/photos/asked: asked = DATA localise_pictures
$(locating)/models/asked: asked = VIT RESNET TARGET

# Those of its photos that are taken.
$(locating)/photos.list: $(locating)/photos/asked
	@cd '$(FROM)' && [[ -n $$DATA && -d $$DATA/images && -d $$DATA/annotations/trimaps ]] || { \
		echo 'DATA=pets: where is Oxford-IIIT Pet, with images/ and annotations/trimaps/ in it?' >&2; \
		exit 2; }
	@cd '$(FROM)' && cd "$$DATA/annotations/trimaps" && printf '%s\n' *.png | LC_ALL=C sort | \
		awk -v most="$$localise_pictures" '{ sub(/png$$/, "jpg"); name[NR - 1] = "images/" $$0 } END { \
			for (i = 0; i < most && i < NR; i++) print name[int(NR > most ? i * NR / most : i)] }' > $@

# Each with its trimap beside it: 1 in the animal, 2 behind it, 3 on the edge.
$(locating)/photos.tar: $(locating)/photos.list
	$(run) 'cd "$$DATA" && preprocess --pack --masks annotations/trimaps -T $< -o $@'

# Two maps that are of no class, two that are of one, and the last layer by itself.
$(locating)/vit.tar: $(locating)/photos.tar $(locating)/models/asked
	$(run) 'vitfwd $${VIT:+-m "$$VIT"} -g "$$TARGET" $< | rollout -k | rollout -k -M chefer | rollout -k -M attn-gradcam | \
		attnsplit -l -1 -H mean -o $@'

$(locating)/maps.tar: $(locating)/vit.tar
	$(run) 'resnetfwd $${RESNET:+-m "$$RESNET"} -g "$$TARGET" $< | gradcam -o $@'

$(located)/scores.tsv: $(locating)/maps.tar
	@mkdir -p $(@D)
	$(run) 'mapscore $(trimap) -o $@ $<'

$(located)/summary.tsv: $(locating)/maps.tar
	@mkdir -p $(@D)
	$(run) 'mapscore $(trimap) --mean -o $@ $<'

# Six of the photos: each map on a scale of its own, for where its mass lies is asked, not how much.
$(located)/figures.png: $(locating)/maps.tar
	@mkdir -p $(@D)
	$(run) "tensorcat --every $$(((localise_pictures + 5) / 6)) $< | overlay --outline 1 --scale panel -o $@"

$(locating)/chart: $(located)/summary.tsv localise.gp
	@if command -v gnuplot >/dev/null; then \
		gnuplot -e "table='$<'; picture='$(located)/chart.png'" localise.gp && touch $@; \
	else \
		echo 'no gnuplot, so no chart.png: sh pipelines/deps.sh gnuplot-nox, then make again'; \
	fi
