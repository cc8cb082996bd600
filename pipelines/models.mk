#: make -C pipelines models DATA='cifar10-train-*.tar' VAL=cifar10-test.tar
#:     Trains the models that come with saccade, on CIFAR-10 in shards or as it is published
#:     (DATA=cifar-10-batches-bin:train VAL=cifar-10-batches-bin:test): OUT/models/NAME, with
#:     NAME.tsv, a line an epoch. Hours; what was interrupted goes on.
#:     MODELS='vit-cifar10-p4 vit-cifar10-p8 resnet20-cifar10'    which

MODELS ?= vit-cifar10-p4 vit-cifar10-p8 resnet20-cifar10
trained := $(OUT)/models
cifar10 := airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck

vit_args := --epochs 40 --warmup 2 --augment light
vit-cifar10-p4_args := --arch vit:patch=4,dim=128,depth=6,heads=4,image=32 $(vit_args)
vit-cifar10-p8_args := --arch vit:patch=8,dim=128,depth=6,heads=4,image=32 $(vit_args)
resnet20-cifar10_args := --arch resnet20 --epochs 20 --warmup 1 --smoothing 0

.PHONY: models
models: $(MODELS:%=$(trained)/%/model.safetensors)

$(trained)/%/model.safetensors: FORCE
	$(call need,DATA,cifar-10-batches-bin:train: which pictures to train on?)
	$(call need,VAL,cifar-10-batches-bin:test: which pictures are held out?)
	$(run) 'finetune $($*_args) --half --val $(VAL) --classes $(cifar10) --resume \
		--log $(trained)/$*.tsv -o $(@D) $(DATA)'
