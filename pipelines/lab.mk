#: make lab PHOTOS=folder
#:     All of the lab: every recipe here that has what it needs, and OUT/index.html, a page that
#:     shows what they made.
#:     VIT=, RESNET=, and what else the recipes take
#:     LABELS=labels.tsv    for misclassified
#:     DATA=, VAL=          for finetune, which trains
#:     OUT=out

lab_items := layers heads vit-vs-cnn misclassified patches rollout finetune beyond
given = $(filter command environment,$(origin $(1)))

.PHONY: lab
lab: $(patsubst %.mk,%,$(wildcard $(patsubst %,%.mk,layers heads vit-vs-cnn patches rollout beyond \
		$(if $(call given,LABELS),misclassified) $(if $(call given,DATA),finetune))))
	@bash page.sh $(OUT) "What $${VIT:-the ViT of saccade} sees in $${PHOTOS%/}" $(lab_items) >$(OUT)/index.html
	@echo '$(OUT)/index.html: the page of all'
