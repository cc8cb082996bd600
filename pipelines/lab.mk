#: make lab PHOTOS=folder
#:     All of the lab: each of its recipes that has what it needs, and OUT/index.html, a page that
#:     shows what they made.
#:     VIT=, RESNET=, and what else the recipes take
#:     LABELS=labels.tsv    for misclassified
#:     DATA=, VAL=          for finetune, which trains; what it made before is shown as well;
#:                          and for localise, where DATA=pets has their trimaps
#:     OUT=out

lab_items := layers heads vit-vs-cnn misclassified patches rollout finetune beyond localise
given = $(filter command environment,$(origin $(1)))
lab_made := $(filter-out $(if $(call given,LABELS),,misclassified) $(if $(call given,DATA),,finetune) \
	$(if $(wildcard $(DATA:%=%/annotations/trimaps)),,localise),$(lab_items))

# finetune and localise aren't of PHOTOS; what misclassified made before is of others, perhaps.
lab_shown := $(filter $(lab_made) finetune localise,$(lab_items))

.PHONY: lab
lab: $(patsubst %.mk,%,$(wildcard $(lab_made:%=%.mk)))
	@bash page.sh '$(OUT)' "What $$(basename "$${VIT:-vit-cifar10-p4}") sees in $$(basename "$$PHOTOS")" \
		$(lab_shown) >$(OUT)/index.html
	@echo '$(OUT)/index.html: the page'
