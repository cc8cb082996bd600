#: make -C pipelines finetune DATA=data:train VAL=data:test
#:     Trains a Vision Transformer on data of yours and compares its attention before and after,
#:     on held-out pictures. In OUT/finetune: the model (tuned), accuracy.tsv, predictions.tsv, for
#:     each picture figures/KEY.png, attention-before.tsv, -after.tsv and -difference.tsv by layer
#:     and head, loss.tsv and loss.png.
#:     DATA=            as for finetune; without it Fashion-MNIST, if dataset-fashion-mnist is there
#:     VAL=             as for finetune --val; data:test where DATA is data:train
#:     CLASSES=A,B,C    as for finetune --classes; of Fashion-MNIST its own
#:     BASE=vit-cifar10-p4     to begin from, as for finetune -m; that one comes with saccade
#:     EPOCHS=5         times through the data
#:     FREEZE=layers    to leave as they are, as for finetune --freeze
#:     ARGS='-b 16 --lr 0.0001'    further options of finetune, for the training of the whole;
#:                      with few pictures a small -b: an epoch has one step for each batch
#:     PROBE='--augment none --lr 0.005'    those for the model before: the base with a new head,
#:                      and only that trained; ARGS are not for it
#:     PICTURES=8       how many to look at

BASE ?= vit-cifar10-p4
EPOCHS ?= 5
PROBE ?= --augment none --lr 0.005
PICTURES ?= 8

fashion := $(wildcard /usr/share/datasets/fashion-mnist)
ifeq ($(DATA),)
DATA := $(fashion:%=%:train)
endif
VAL ?= $(patsubst %:train,%:test,$(filter %:train,$(DATA)))
# Without their parts: folders whose files are looked at for changes.
data_path := $(patsubst %:train,%,$(DATA))
ifneq ($(fashion),)
ifeq ($(data_path),$(fashion))
CLASSES ?= T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot
endif
endif
val_path := $(patsubst %:val,%,$(patsubst %:test,%,$(VAL)))
export BASE DATA VAL CLASSES EPOCHS FREEZE ARGS PROBE PICTURES data_path val_path

tuning := $(OUT)/finetune.d
results := $(OUT)/finetune
tuned := $(results)/tuned

.PHONY: finetune
finetune: $(results)/accuracy.tsv $(results)/attention-difference.tsv $(tuning)/figures \
		$(results)/predictions.tsv $(tuning)/curve
	@cat '$(results)/accuracy.tsv'
	@echo '$(results): the model, figures of its attention before and after, and tables'

$(tuning)/base/asked: asked = BASE DATA VAL CLASSES data_path val_path
$(tuning)/probe/asked: asked = EPOCHS PROBE
$(tuning)/tuned/asked: asked = EPOCHS FREEZE ARGS
$(tuning)/show/asked: asked = PICTURES

# What the base is; fails early where it is no ViT.
$(tuning)/base.tsv: $(tuning)/base/asked
	$(call need,DATA,data:train: which pictures to train on? Without DATA it is Fashion-MNIST \
		once that is there: sh pipelines/deps.sh dataset-fashion-mnist)
	$(call need,VAL,data:test: which pictures are held out?)
	$(run) 'vitfwd --info -m "$$BASE" >$@'

# $(call train,FOLDER,LOG,OPTIONS): goes on with what was interrupted, unless that was asked
# for otherwise.
define train
	@mkdir -p $(1) $(dir $(2))
	@resume=--resume; for asked in $^; do \
		[[ $(1)/training.state -nt $$asked ]] || rm -f $(1)/training.state; \
		[[ $(1)/training.state -nt $$asked || $(1)/model.safetensors -nt $$asked ]] || resume=; done; \
	$(run) 'finetune -m "$$BASE" --epochs "$$EPOCHS" $(3) $${CLASSES:+--classes "$$CLASSES"} \
		--val "$$VAL" '$$resume' \
		--log $(2) -o $(1) "$$DATA"'
	@touch $@
endef

$(tuning)/probe/done: $(tuning)/probe/asked $(tuning)/base.tsv
	$(call train,$(@D)/head-alone,$(@D)/log.tsv,--freeze all $$PROBE)

$(tuning)/tuned/done: $(tuning)/tuned/asked $(tuning)/probe/done
	$(call train,$(tuned),$(results)/loss.tsv,$${FREEZE:+--freeze "$$FREEZE"} $$ARGS)

# Of each the last epoch: a line of the log.
$(results)/accuracy.tsv: $(tuning)/probe/done $(tuning)/tuned/done
	@awk -F '\t' -v OFS='\t' ' \
		{ sub(/\r$$/, "") } \
		FNR == 1 { file++; if (file == 1) print "model", $$1, $$4, $$5; next } \
		{ last[file] = $$1 OFS $$4 OFS $$5 } \
		END { print "before (head alone)", last[1]; print "after", last[2] }' \
		$(tuning)/probe/log.tsv $(results)/loss.tsv > $@

# The pictures, and what both models attend to in them.
$(tuning)/heldout.tar: $(tuning)/tuned/done $(tuning)/show/asked heldout.sh
	$(run) 'bash $(HERE)/heldout.sh "$$VAL" "$$PICTURES" $(tuned) | tensorcat --good -o $@'

# The base with the new head: its attention is the base's.
$(tuning)/before.tar: $(tuning)/heldout.tar
	$(run) 'vitfwd -m $(tuning)/probe/head-alone -o $@ $<'

$(tuning)/after.tar: $(tuning)/before.tar
	$(run) 'rollout -k --as before $< | attnsplit -H mean --as before | vitfwd -m $(tuned) -o $@'

$(results)/attention-%.tsv: $(tuning)/%.tar
	$(run) 'attnstat --mean samples -o $@ $<'

# After less before: the means, which have deviations beside them.
$(results)/attention-difference.tsv: $(results)/attention-before.tsv $(results)/attention-after.tsv
	@awk -F '\t' -v OFS='\t' ' \
		FNR == 1 { for (i = 1; i <= NF; i++) if ($$i ~ /_sd$$/) mean[substr($$i, 1, length($$i) - 3)] } \
		FNR == 1 { for (i = 1; i <= NF; i++) name[i] = $$i } \
		FNR == NR { for (i = 4; i <= NF; i++) before[$$2, $$3, i] = $$i; next } \
		{ row = $$2 OFS $$3; \
			for (i = 4; i <= NF; i++) if (name[i] in mean) { \
				was = before[$$2, $$3, i]; \
				row = row OFS (FNR == 1 ? $$i : was == "" || $$i == "" ? "" : $$i - was) } \
			print row }' $^ > $@

$(tuning)/maps.tar: $(tuning)/after.tar
	$(run) 'rollout -k --as after $< | attnsplit -H mean --as after -o $@'

# What has changed, map by map, of those that the first sample has. One scale is for maps of one
# kind, of which the names of the two tell: so each in its turn is called after and before.
$(tuning)/changed.tar: $(tuning)/maps.tar
	@changes=$$(tensorls $< 2>/dev/null | awk -F '\t' ' \
		function rename(from, to) { \
			for (i = 1; i <= 4; i++) \
				printf " --rename map.%s%s.%s=map.%s%s.%s", when[i], from, kind[i], when[i], to, kind[i] } \
		BEGIN { split("before after before after", when, " "); split("npy npy json json", kind, " ") } \
		NR > 1 && $$1 !~ /^__stream__/ && key == "" { key = $$1; print "mapdiff after before --scale none --as change" } \
		$$1 == key && sub(/^map\.after-/, "-", $$2) && sub(/\.npy$$/, "", $$2) { \
			printf " | tensorcat"; rename("", last ? last : "-all"); rename($$2, ""); \
			print " | mapdiff after before --scale none --as change" $$2; last = $$2 } \
		END { if (last) { printf " | tensorcat"; rename("", last); rename("-all", "") } }'); \
	$(run) "tensorcat $< | $${changes//$$'\n'/} | tensorcat -o $@"

# What each picture shows, and what it is taken for before and after. Where not all classes are
# among the pictures their labels count those that are: the folder in the key knows better.
$(results)/predictions.tsv: $(tuning)/after.tar
	$(run) 'topk -n 1 -o $(tuning)/before.tsv $(tuning)/before.tar'
	$(run) 'topk -n 1 -o $(tuning)/after.tsv $<'
	@LC_ALL=C awk -F '\t' -v OFS='\t' ' \
		function plain(name) { gsub(/%[0-9A-Fa-f][0-9A-Fa-f]|[^A-Za-z0-9]/, "_", name); return name } \
		function class(key, label) { \
			sub(/\/[^\/]*$$/, "", key); key = plain(key); \
			return key in named ? named[key] : key in name ? name[key] : label in name ? name[label] : label } \
		{ sub(/\r$$/, "") } \
		FNR == 1 { file++ } \
		file == 1 { name[$$1] = named[plain($$2)] = $$2; next } \
		file == 2 { was[$$1] = FNR == 1 ? "before" OFS "before_prob" : $$4 OFS $$6; next } \
		FNR == 1 { print "key", "true", was[$$1], "after", "after_prob"; next } \
		{ print $$1, class($$1, $$7), was[$$1], $$4, $$6 }' \
		$(tuned)/labels.tsv $(tuning)/before.tsv $(tuning)/after.tsv > $@

# A stream for each row of a figure. The streams' names go before the keys, and so a row says what
# it is, and what the picture is taken for.
rows := $(patsubst %,$(tuning)/rows/%.tar,before after change)
$(rows): $(tuning)/changed.tar
	@mkdir -p $(@D)
	$(run) "tensorcat $(patsubst %,--drop 'map.%*',$(filter-out $(*F) $(basename $(@F)),before after \
		change)) -o $@ $<"

$(tuning)/figures: $(rows) $(results)/predictions.tsv
	@rm -rf $(results)/figures
	@awk -F '\t' -v OFS='\t' 'NR > 1 { \
			gsub(/[^A-Za-z0-9_.-]/, "_", $$3); gsub(/[^A-Za-z0-9_.-]/, "_", $$5); \
			print $$1, "before-predicts-" $$3, "after-predicts-" $$5 }' \
		$(results)/predictions.tsv | while IFS=$$'\t' read -r key before after; do \
		figure=$(results)/figures/$$key.png; \
		mkdir -p "$${figure%/*}"; \
		rm -rf $(tuning)/named; mkdir $(tuning)/named; \
		ln -s ../rows/before.tar "$(tuning)/named/$$before.tar"; \
		ln -s ../rows/after.tar "$(tuning)/named/$$after.tar"; \
		$(run) "preprocess --pack --prefix-shard $(tuning)/named/$$before.tar \
				$(tuning)/named/$$after.tar $(tuning)/rows/change.tar | \
			tensorcat --key $$before/$$key --key $$after/$$key --key change/$$key | \
			overlay --scale method -o $$figure" 2>$@.log || { cat $@.log >&2; exit 1; }; \
	done
	@mv $@.log $@

$(tuning)/curve: $(tuning)/tuned/done loss.gp
	@gnuplot -e "table='$(results)/loss.tsv'; picture='$(results)/loss.png'" loss.gp
	@touch $@
