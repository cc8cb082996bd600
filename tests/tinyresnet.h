/*
 * A tiny ResNet's checkpoint, in torchvision's names or Hugging Face's, edited by a word or
 * two (edits.h), in a folder of its own.
 */
#ifndef SACCADE_TESTS_TINYRESNET_H
#define SACCADE_TESTS_TINYRESNET_H

#include "common/resnet.h"
#include "tests/edits.h"

#include <math.h>

/* A stem of 4 channels, two stages of one basic block, 4 and 6 channels, 3 classes. */
static const char *const tensors[][3] = {
    { "conv1", "embedder.embedder.convolution", "[4,3,7,7]" },
    { "bn1", "embedder.embedder.normalization", "[4]" },
    { "layer1.0.conv1", "encoder.stages.0.layers.0.layer.0.convolution", "[4,4,3,3]" },
    { "layer1.0.bn1", "encoder.stages.0.layers.0.layer.0.normalization", "[4]" },
    { "layer1.0.conv2", "encoder.stages.0.layers.0.layer.1.convolution", "[4,4,3,3]" },
    { "layer1.0.bn2", "encoder.stages.0.layers.0.layer.1.normalization", "[4]" },
    { "layer2.0.conv1", "encoder.stages.1.layers.0.layer.0.convolution", "[6,4,3,3]" },
    { "layer2.0.bn1", "encoder.stages.1.layers.0.layer.0.normalization", "[6]" },
    { "layer2.0.conv2", "encoder.stages.1.layers.0.layer.1.convolution", "[6,6,3,3]" },
    { "layer2.0.bn2", "encoder.stages.1.layers.0.layer.1.normalization", "[6]" },
    { "layer2.0.downsample.0", "encoder.stages.1.layers.0.shortcut.convolution", "[6,4,1,1]" },
    { "layer2.0.downsample.1", "encoder.stages.1.layers.0.shortcut.normalization", "[6]" },
    { "fc", "classifier.1", "[3,6]" },
};

/* A deep stem in place of its one convolution. */
#define DEEP                                                                        \
    "conv1.weight=[4,4,3,3] conv1.weight>conv1.6.weight +conv1.0.weight=[2,3,3,3] " \
    "+conv1.1.weight=[2] +conv1.1.bias=[2] +conv1.1.running_mean=[2] "              \
    "+conv1.1.running_var=[2] "                                                     \
    "+conv1.3.weight=[4,2,3,3] +conv1.4.weight=[4] +conv1.4.bias=[4] "              \
    "+conv1.4.running_mean=[4] +conv1.4.running_var=[4]"

enum { TENSORS = sizeof tensors / sizeof *tensors, TORCHVISION = 0, HUGGING_FACE = 1 };

static const char *const parts[] = { "weight", "bias", "running_mean", "running_var",
    "num_batches_tracked" };

/* How many tensors one of the table is: a convolution 1, a norm 5, the head 2. */
static inline int parts_of(size_t i)
{
    return i + 1 == TENSORS ? 2 : strstr(tensors[i][2], ",") ? 1 : 5;
}

static inline void part_name(size_t i, int part, int naming, char name[128])
{
    snprintf(name, 128, "%s.%s", tensors[i][naming], parts[part]);
}

static inline void add_base(const char *prefix, const char *edits, int naming)
{
    for (size_t i = 0; i < TENSORS; i++)
        for (int part = 0; part < parts_of(i); part++) {
            char name[128], full[256];
            const bool head = i + 1 == TENSORS;
            part_name(i, part, naming, name);
            snprintf(full, sizeof full, "%s%s", prefix, name);
            if (part == 4)
                tensorfile_add(&file, full, "I64", "[]");
            else
                add_edited(prefix, name, head && part ? "[3]" : tensors[i][2], edits);
        }
    add_extra(prefix, edits);
}

static inline void write_base(const char *prefix, const char *edits, int naming)
{
    tensorfile_begin(&file, NULL);
    add_base(prefix, edits, naming);
    tensorfile_write(&file, inside("x.safetensors"));
}

static inline void set_up(void)
{
    make_folder();
    unsetenv("SACCADE_RESNET");
}

static inline int open_file(
    struct resnet *resnet, const char *name, const char *state, struct error *error)
{
    error->text[0] = '\0';
    const int status = resnet_open(resnet, inside("%s", name), state, error);
    if (status < 0) { /* the file is named, and nothing is left to free */
        ck_assert_msg(strncmp(error->text, folder, strlen(folder)) == 0, "%s", error->text);
        ck_assert(!resnet->blocks && !resnet->converted && !resnet->model.path);
    }
    return status;
}

/* config "": none. */
static inline int open_it(struct resnet *resnet, const char *config, struct error *error)
{
    remove(inside("x.json"));
    if (*config)
        put_text(inside("x.json"), config);
    return open_file(resnet, "x.safetensors", NULL, error);
}

/* Two pictures there and back through what was opened: numbers come out. */
static inline void run_both_ways(const struct resnet *resnet)
{
    enum { SIDE = 20 };
    struct threads *threads;
    struct error error;
    struct resnet_pass *pass = NULL;
    const size_t classes = resnet->model.classes, places = 1 + resnet->block_count;
    float *input = calloc(3 * SIDE * SIDE, sizeof *input);
    float *logits = calloc(4 * classes + 1, sizeof *logits);
    float **gradients = calloc(2 * places, sizeof *gradients);
    ck_assert(input && logits && gradients);
    for (size_t i = 0; i < 3 * SIDE * SIDE; i++)
        input[i] = (float)(i % 17) / 17.0f - 0.4f;
    const float *inputs[2] = { input, input };
    ck_assert_int_eq(threads_create(&threads, 2, &error), 0);
    ck_assert_msg(resnet_prepare(resnet, &pass, 2, SIDE, SIDE, 0, threads, &error) == 0, "%s",
        error.text);
    resnet_forward(resnet, pass, inputs, 2, classes ? logits : NULL, gradients);
    for (size_t i = 0; i < 2 * classes; i++)
        ck_assert(isfinite(logits[i]));
    if (classes) {
        logits[2 * classes] = logits[3 * classes] = 1;
        size_t shape[3];
        resnet_place_shape(pass, 0, shape);
        const size_t count = shape[0] * shape[1] * shape[2];
        float *gradient = calloc(2 * count, sizeof *gradient);
        gradients[0] = gradient, gradients[1] = gradient + count;
        resnet_backward(resnet, pass, 2, logits + 2 * classes, gradients);
        for (size_t i = 0; i < 2 * count; i++)
            ck_assert(isfinite(gradient[i]));
        free(gradient);
    }
    resnet_pass_free(pass);
    threads_free(threads);
    free(input);
    free(logits);
    free(gradients);
}

#endif
