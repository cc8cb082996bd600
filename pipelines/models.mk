#: make -C pipelines models DATA='cifar10-train-*.tar' VAL=cifar10-test.tar
#:     Trains the models that come with saccade, on CIFAR-10 in shards or as it is published
#:     (DATA=cifar-10-batches-bin:train VAL=cifar-10-batches-bin:test): OUT/models/NAME, with
#:     NAME.tsv, a line an epoch. Hours; what was interrupted goes on.
#:     MODELS='vit-cifar10-p4 vit-cifar10-p8 resnet20-cifar10'    which

to_train := $(or $(MODELS),vit-cifar10-p4 vit-cifar10-p8 resnet20-cifar10)
trained := $(OUT)/models
cifar10 := airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck

# A ViT learns on half of each picture's patches, which takes half the time: first what is easy,
# then from altered and mixed pictures, which it can't learn by heart. Then it gets used to all
# of the patches. Patches of 8 are there to compare with, and get half the epochs.
vit-cifar10-p8_epochs := 18
vit-cifar10-p8_whole := 4
half_args := --warmup 2 --augment light --patch-drop 0.5 --min-lr 0.0002
mixed_args := --warmup 1 --augment standard --patch-drop 0.5 --lr 0.0006 --min-lr 0.00001 --layer-decay 1
whole_args := --warmup 0.5 --augment standard --lr 0.0003 --min-lr 0 --layer-decay 1

.PHONY: models
.PRECIOUS: $(trained)/vit-cifar10-p%-half/model.safetensors \
	$(trained)/vit-cifar10-p%-mixed/model.safetensors $(trained)/vit-cifar10-p%/model.safetensors
models: $(to_train:%=$(trained)/%/model.safetensors)

# $(call train_model,WHAT TO BEGIN FROM AND HOW,NAME OF THE LOG)
define train_model
	$(call need,DATA,cifar-10-batches-bin:train: which pictures to train on?)
	$(call need,VAL,cifar-10-batches-bin:test: which pictures are held out?)
	@mkdir -p $(trained)
	$(run) 'finetune $(1) --classes $(cifar10) --resume \
		--log $(trained)/$(2).tsv -o $(@D) $(DATA)'
endef

$(trained)/vit-cifar10-p%-half/model.safetensors: FORCE
	$(call train_model,--arch vit:patch=$*$(,)dim=128$(,)depth=6$(,)heads=4$(,)image=32 \
		--epochs $(or $(vit-cifar10-p$*_epochs),36) $(half_args),vit-cifar10-p$*-half)

$(trained)/vit-cifar10-p%-mixed/model.safetensors: $(trained)/vit-cifar10-p%-half/model.safetensors FORCE
	$(call train_model,-m $(dir $<) --epochs $(or $(vit-cifar10-p$*_epochs),36) $(mixed_args),vit-cifar10-p$*-mixed)

$(trained)/vit-cifar10-p%/model.safetensors: $(trained)/vit-cifar10-p%-mixed/model.safetensors FORCE
	$(call train_model,-m $(dir $<) --epochs $(or $(vit-cifar10-p$*_whole),8) $(whole_args) --half --val $(VAL),vit-cifar10-p$*)

# Its rate falls to a hundredth twice.
$(trained)/resnet20-cifar10-first/model.safetensors: FORCE
	$(call train_model,--arch resnet20 --epochs 14 --warmup 1 --smoothing 0 --half --val $(VAL),resnet20-cifar10-first)

$(trained)/resnet20-cifar10/model.safetensors: $(trained)/resnet20-cifar10-first/model.safetensors FORCE
	$(call train_model,-m $(dir $<) --epochs 8 --warmup 0 --lr 0.03 --smoothing 0 --half --val $(VAL),resnet20-cifar10)

, := ,
