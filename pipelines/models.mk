#: make -C pipelines models DATA='cifar10-train-*.tar' VAL=cifar10-test.tar
#:     Trains the models that come with saccade, on CIFAR-10 in shards or as it is published
#:     (DATA=cifar-10-batches-bin:train VAL=cifar-10-batches-bin:test): OUT/models/NAME, with
#:     NAME.tsv, a line an epoch. Hours; what was interrupted goes on.
#:     MODELS='vit-cifar10-p4 vit-cifar10-p8 resnet20-cifar10'    which

to_train := $(or $(MODELS),vit-cifar10-p4 vit-cifar10-p8 resnet20-cifar10)
trained := $(OUT)/models
cifar10 := airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck

# A ViT learns on half of each picture's patches, which takes half the time, and then gets used
# to all of them.
vit_args := --warmup 2 --augment light --patch-drop 0.5 --min-lr 0.0002
vit-cifar10-p4_epochs := 36
vit-cifar10-p8_epochs := 6
vit-cifar10-p4_settle := 5
vit-cifar10-p8_settle := 2
settle_args := --warmup 0 --augment light --lr 0.0003 --min-lr 0 --layer-decay 1

.PHONY: models
.PRECIOUS: $(trained)/%/model.safetensors
models: $(to_train:%=$(trained)/%/model.safetensors)

# $(call train,WHAT TO BEGIN FROM AND HOW,NAME OF THE LOG)
define train_model
	$(call need,DATA,cifar-10-batches-bin:train: which pictures to train on?)
	$(call need,VAL,cifar-10-batches-bin:test: which pictures are held out?)
	@mkdir -p $(trained)
	$(run) 'finetune $(1) --classes $(cifar10) --resume \
		--log $(trained)/$(2).tsv -o $(@D) $(DATA)'
endef

$(trained)/vit-cifar10-p%-half/model.safetensors: FORCE
	$(call train_model,--arch vit:patch=$*$(,)dim=128$(,)depth=6$(,)heads=4$(,)image=32 \
		--epochs $(vit-cifar10-p$*_epochs) $(vit_args),vit-cifar10-p$*-half)

$(trained)/vit-cifar10-p%/model.safetensors: $(trained)/vit-cifar10-p%-half/model.safetensors FORCE
	$(call train_model,-m $(dir $<) --epochs $(vit-cifar10-p$*_settle) $(settle_args) --half --val $(VAL),vit-cifar10-p$*)

$(trained)/resnet20-cifar10/model.safetensors: FORCE
	$(call train_model,--arch resnet20 --epochs 14 --warmup 1 --smoothing 0 --half --val $(VAL),resnet20-cifar10)

, := ,
