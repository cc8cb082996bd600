# saccade: Vision Transformer attention analysis as Unix pipeline stages.
# `make help` says what there is.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share/saccade
OUT ?= build/demo
CC ?= cc
CFLAGS ?= -O2 -g
BIN ?= bin
BUILD ?= build/plain

# BLIS single-threaded and linked in: saccade has threads of its own, and which BLIS the system's
# alternatives choose (its OpenMP build spins) must not matter.
BLIS = $(firstword $(wildcard /usr/lib/*/blis-serial/libblis.a) -lblis)
PACKAGES = libtiff-4 libjpeg libpng libwebp libwebpdemux libdeflate jansson
WARNINGS = -Wall -Wextra -Wconversion -Wshadow -Wvla $(if $(CI),-Werror)
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -I. $(WARNINGS) \
	$(CFLAGS) -MMD -MP
LIBS = $(BLIS) $$(pkg-config --libs $(PACKAGES)) -lgif -lz -lpthread -lm

DEBIAN = gcc make pkgconf libblis-serial-dev libtiff-dev zlib1g-dev libjpeg62-turbo-dev \
	libpng-dev libwebp-dev libgif-dev libdeflate-dev libjansson-dev check mandoc \
	libarchive-tools gnuplot-nox
# For tests alone, which are skipped without them.
DEBIAN_CHECK = chromium

STAGES = preprocess vitfwd resnetfwd attnsplit attnstat rollout mapdiff mapscore gradcam finetune \
	overlay explore topk tensorls tensorcat tensorgrep
FORMATS = cifar error gif idx io jpeg json key npy pickle pickle_harm pickle_stack picture png pnm \
	pth pth_legacy pth_list pth_view safetensors safetensors_write sample stream_archive \
	stream_read stream_write tar tensors tiff tiff_client tiff_write webp zip
COMMON = anymodel arena attention augment batchnorm bootstrap cam canvas checkpoint \
	checkpoint_place checkpoint_rule checkpoint_state class_find class_names classes colormap conv conv_gather conv_weights dataset \
	dataset_pets dataset_pictures dataset_plan dataset_raw dataset_take eigen emd families \
	feeder figure figure_bar figure_panel figure_plan figure_scale flow font font_glyphs gemm \
	head_names headonly headstat headtable input intake join kernels keylist labels layerstat logits loss map \
	mappair mapscore maptitle mask model model_about model_rule modelstage optimiser option packing pagesample params pool \
	positions progress pump random resample resnet_backward resnet_config resnet_forward \
	resnet_init resnet_learn resnet_load resnet_names resnet_params resnet_places \
	resnet_prepare resnet_rule resnet_saved resnet_train resnet_train_back \
	resnet_train_plan rollout scoretable shards sheet singular sinks sources stage target threads trainer \
	training training_log training_recipe training_start upsample view vit_backward vit_config vit_forward vit_head vit_init vit_load vit_params vit_pass \
	vit_rule vit_saved vit_train vit_traits vit_weights walk
SUITES = anymodel attnstat augment backward batchnorm cam checkpoint checkpoint_cut \
	classes conv damage dataset drawing eigen emd families feeder figure flow gemm gradients \
	input io kernels key keylist layout loss map mapdiff maps mapscore memory model model_torch npy \
	optimiser option packing pax pictures pictures_hostile pool pth pth_hostile random resample \
	resnet resnet_load resnet_new resnet_pass resnet_rule resnet_train rollout safetensors \
	safetensors_write sample shards sheet singular sinks state stream tar threads train_run train_vit \
	training view vit vit_init write

OBJECTS = $(FORMATS:%=$(BUILD)/formats/%.o) $(COMMON:%=$(BUILD)/common/%.o)
PROGRAMS = $(STAGES:%=$(BIN)/%)
TESTS = $(SUITES:%=$(BUILD)/tests/check_%)
BENCH = $(BUILD)/tests/bench_conv $(BUILD)/tests/bench_model $(BUILD)/tests/bench_products \
	$(BUILD)/tests/bench_run $(BUILD)/tests/bench_train
PAGES = $(wildcard man/*.[157])
MODELS = $(wildcard pipelines/models/*cifar10*/*)
RECIPES = $(filter-out $(patsubst %/.,%,$(wildcard pipelines/*/.)),$(wildcard pipelines/*))

.PHONY: all deps demo lab check check-shared check-cluster bench asan install uninstall clean help tidy format
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS)

help:
	@echo 'make              builds the programs into bin/'
	@echo 'make demo         installs what is missing, builds, makes pictures of a photo (PHOTO=)'
	@echo 'make lab          every recipe over a folder of photos, and a page of it (PHOTOS=, OUT=out)'
	@echo 'make check        builds and runs every test'
	@echo 'make check-shared the tests on real data and weights in ../shared as well'
	@echo 'make check-cluster pipelines/batch over ssh and by Slurm, by daemons of its own'
	@echo 'make bench        measures speed and memory against bare products (VIT=, PHOTO=)'
	@echo 'make asan         every test with address and undefined-behaviour checks'
	@echo 'make install      programs, pages, models and recipes under PREFIX ($(PREFIX)); DESTDIR'
	@echo 'make uninstall    removes them'
	@echo 'make deps         installs the Debian packages that are missing'
	@echo 'make tidy, format clang-tidy and clang-format over the sources'
	@echo 'make clean        removes bin/ and build/, but the Python of tests/oracle'

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c $< -o $@

# These loops are written to be vectorised.
FAST = batchnorm conv conv_gather conv_weights eigen headstat kernels optimiser \
	pool resample rollout singular upsample view
$(FAST:%=$(BUILD)/common/%.o): ALL_CFLAGS += -O3 -fno-math-errno -fno-trapping-math

# A list that has grown makes the library anew.
$(BUILD)/libsaccade.a: $(OBJECTS) Makefile
	@rm -f $@
	ar rcs $@ $(OBJECTS)

$(BIN)/%: $(BUILD)/stages/%.o $(BUILD)/libsaccade.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# The page that explore writes, as C for any compiler: its bytes, and a NUL behind.
$(BUILD)/stages/explore_page.c: stages/explore.html
	@mkdir -p $(@D)
	{ echo '#include "stages/explore_page.h"'; echo 'const unsigned char explore_page[] = {'; \
		od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g'; echo '0 };'; } >$@

$(BUILD)/stages/explore_page.o: $(BUILD)/stages/explore_page.c
	$(CC) $(ALL_CFLAGS) -c $< -o $@

$(BIN)/explore: $(BUILD)/stages/explore_page.o

$(BUILD)/tests/check_%: $(BUILD)/tests/check_%.o $(BUILD)/libsaccade.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $$(pkg-config --libs check) $(LIBS)

$(BUILD)/tests/bench_%: $(BUILD)/tests/bench_%.o $(BUILD)/libsaccade.a
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(OBJECTS:.o=.d) $(STAGES:%=$(BUILD)/stages/%.d) $(TESTS:%=%.d)

# On a fresh machine these two do all the set-up, so packages come before the first object.
.PHONY: deps-check
deps-check: deps
	@sh pipelines/deps.sh $(DEBIAN_CHECK) || echo 'tests that need $(DEBIAN_CHECK) are skipped'

ifneq ($(filter demo lab check check-shared deps,$(MAKECMDGOALS)),)
$(OBJECTS) $(STAGES:%=$(BUILD)/stages/%.o) $(TESTS:%=%.o): | deps
endif

deps:
	@sh pipelines/deps.sh $(DEBIAN)

demo: all
	@BIN=$(BIN) bash pipelines/demo.sh $(OUT) $(PHOTO)

lab: all
	@$(MAKE) --no-print-directory -C pipelines lab

check: all $(TESTS) | deps-check
	@BIN=$(BIN) bash tests/run.sh $(TESTS)

check-shared: all $(TESTS) $(BENCH) | deps-check
	@BIN=$(BIN) STRICT=1 bash tests/run.sh --shared $(TESTS)

check-cluster: all
	@BIN=$(BIN) bash tests/cluster.sh

bench: all $(BENCH)
	@BIN=$(BIN) BUILD=$(BUILD) bash tests/bench.sh $(VIT)

SANITIZE = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
asan:
	$(MAKE) check BUILD=build/asan BIN=build/asan/bin CFLAGS='$(SANITIZE)'

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 \
		$(DESTDIR)$(MANDIR)/man7
	install -m 755 $(PROGRAMS) $(DESTDIR)$(BINDIR)
	for page in $(PAGES); do \
		install -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.} || exit 1; done
	for file in $(MODELS); do \
		install -D -m 644 $$file $(DESTDIR)$(DATADIR)/$${file#pipelines/} || exit 1; done
	install -d $(DESTDIR)$(DATADIR)/pipelines/lab
	install -m 644 pipelines/lab/* $(DESTDIR)$(DATADIR)/pipelines/lab
	for file in $(RECIPES); do mode=644; test ! -x $$file || mode=755; \
		install -m $$mode $$file $(DESTDIR)$(DATADIR)/pipelines || exit 1; done

uninstall:
	rm -f $(STAGES:%=$(DESTDIR)$(BINDIR)/%)
	for page in $(PAGES); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done
	rm -rf $(DESTDIR)$(DATADIR)

tidy:
	clang-tidy --quiet $(FORMATS:%=formats/%.c) $(COMMON:%=common/%.c) $(STAGES:%=stages/%.c) \
		-- -std=c11 -D_GNU_SOURCE -I.

format:
	clang-format -i formats/*.[ch] common/*.[ch] stages/*.c tests/*.[ch]

clean:
	rm -rf bin build/plain build/asan build/demo build/bench
