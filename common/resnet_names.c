/*
 * Which tensor is which: the names of every family of ResNets as data. '#' is a number, first
 * of the stage, then of the block.
 */
#include "common/resnet_infer.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A convolution and its norm, without their endings. */
struct name_row {
    const char *conv, *norm;
    int unit;
};

/* timm and torchvision, and the CIFAR nets, which took the names over and call the shortcut so.
 */
static const struct name_row timm_names[] = {
    { "conv1", "bn1", STEM_LAST },
    { "conv1.0", "conv1.1", STEM_FIRST },
    { "conv1.3", "conv1.4", STEM_SECOND },
    { "conv1.6", "bn1", STEM_LAST },
    { "layer#.#.conv1", "layer#.#.bn1", UNIT_CONV1 },
    { "layer#.#.conv2", "layer#.#.bn2", UNIT_CONV2 },
    { "layer#.#.conv3", "layer#.#.bn3", UNIT_CONV3 },
    { "layer#.#.downsample.0", "layer#.#.downsample.1", UNIT_PROJECTION },
    { "layer#.#.downsample.1", "layer#.#.downsample.2", UNIT_POOLED },
    { "layer#.#.shortcut.0", "layer#.#.shortcut.1", UNIT_PROJECTION },
    { NULL, NULL, 0 },
};

static const struct name_row hf_names[] = {
    { "embedder.embedder.convolution", "embedder.embedder.normalization", STEM_LAST },
    { "encoder.stages.#.layers.#.layer.0.convolution",
        "encoder.stages.#.layers.#.layer.0.normalization", UNIT_CONV1 },
    { "encoder.stages.#.layers.#.layer.1.convolution",
        "encoder.stages.#.layers.#.layer.1.normalization", UNIT_CONV2 },
    { "encoder.stages.#.layers.#.layer.2.convolution",
        "encoder.stages.#.layers.#.layer.2.normalization", UNIT_CONV3 },
    { "encoder.stages.#.layers.#.shortcut.convolution",
        "encoder.stages.#.layers.#.shortcut.normalization", UNIT_PROJECTION },
    { NULL, NULL, 0 },
};

/* A family is told by the name of its stem's convolution. */
static const struct naming {
    const char *name, *markers[2], *heads[2];
    const struct name_row *rows;
    long first_stage;
} namings[] = {
    { "timm", { "conv1.weight", "conv1.0.weight" }, { "fc", "linear" }, timm_names, 1 },
    { "hf", { "embedder.embedder.convolution.weight", NULL }, { "classifier.1", NULL },
        hf_names, 0 },
};

static const char *const wrappers[] = { "module.", "backbone.", "model.", "net.", "_orig_mod.",
    "timm_model.", "resnet." };

static const char *const endings[][PARTS] = { { "weight", NULL, NULL, NULL, NULL },
    { NULL, "weight", "bias", "running_mean", "running_var" } };

/* The name without its wrappers, nested in any order; NULL: of another state dict. */
static const char *bare_name(const struct tensor *tensor, const char *state)
{
    const char *name = model_of_state(tensor->name, state);
    for (size_t i = 0; name && i < sizeof wrappers / sizeof *wrappers;) {
        const size_t length = strlen(wrappers[i]);
        const bool here = strncmp(name, wrappers[i], length) == 0;
        name += here ? length : 0;
        i = here ? 0 : i + 1;
    }
    return name;
}

/* What is behind pattern and a dot, or NULL. */
static const char *match(const char *pattern, const char *name, long numbers[2])
{
    for (size_t n = 0; *pattern; pattern++)
        if (*pattern == '#') {
            if (!isdigit((unsigned char)*name))
                return NULL;
            numbers[n++] = strtol(name, (char **)(uintptr_t)&name, 10);
        } else if (*pattern != *name++) {
            return NULL;
        }
    return *name == '.' ? name + 1 : NULL;
}

/* What kind of model it is where it isn't a ResNet that we know: to say so. 0: no idea. */
static int other_kind(const struct model *model, struct error *error)
{
    static const char *const others[][2] = {
        { "*patch_embed*", "a Vision Transformer or its like: use vitfwd" },
        { "*cls_token", "a Vision Transformer: use vitfwd" },
        { "*class_token", "a Vision Transformer: use vitfwd" },
        { "*attnpool.*", "CLIP's ResNet, which pools by attention: not supported" },
        { "*.se.conv.*", "channel attention (ECA), not supported" },
        { "*.se.*", "squeeze-and-excitation, not supported" },
        { "*.attention.*", "channel attention, not supported" },
        { "*.paths.*", "selective kernels (SK), not supported" },
        { "*layer*conv2.fc1.*", "split attention (ResNeSt), not supported" },
        { "*.convs.*", "Res2Net, not supported" },
        { "*maxpool.*", "a convolution in place of the stem's pooling, not supported" },
        { "*stages.*.blocks.*", "ResNetV2, BiT or another network of stages, not supported" },
        { "*trunk_output.*", "RegNet, not supported" },
        { "*s1.b1.*", "RegNet, not supported" },
        { "*regnet.*", "RegNet, not supported" },
        { "*embedder.embedder.0.*", "RT-DETR's ResNet, not supported" },
        { "*stem.conv*", "a stem of another kind, not supported" },
        { "*denseblock*", "DenseNet, not supported" },
        { "*fpn*", "a detector: give its backbone alone" },
        { "*aux_classifier*", "a segmentation network: give its backbone alone" },
        { "*.filt", "blur pooling, not supported" },
    };
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        for (size_t i = 0; i < model->tensors.count; i++)
            if (fnmatch(others[k][0], model->tensors.items[i].name, 0) == 0)
                return fail(error, BAD_USAGE, "not a ResNet that we know: %.200s says %s",
                    model->tensors.items[i].name, others[k][1]);
    return 0;
}

static int not_a_resnet(const struct model *model, struct error *error)
{
    const struct tensors *tensors = &model->tensors;
    const int status = other_kind(model, error);
    return status < 0 ? status
                      : fail(error, BAD_USAGE,
                          "not a ResNet: none of its %zu tensors is a stem's convolution (the "
                          "first is %.200s)",
                          tensors->count, tensors->count ? tensors->items[0].name : "none");
}

static int put(const struct tensor **to, const struct tensor *tensor, struct error *error)
{
    if (*to)
        return fail(error, BAD_USAGE,
            "two tensors for one place: %.200s and %.200s: say which state dict by --state",
            (*to)->name, tensor->name);
    *to = tensor;
    return 0;
}

static int place(struct resnet_found *found, const struct naming *naming, int unit, int part,
    const long numbers[2], const struct tensor *tensor, struct error *error)
{
    if (unit < STEM_UNITS)
        return put(&found->stem[unit].parts[part], tensor, error);
    const long stage = numbers[0] - naming->first_stage, block = numbers[1];
    if (stage < 0 || stage >= RESNET_MAX_STAGES || block >= RESNET_MAX_DEPTH)
        return fail(error, BAD_USAGE, "%.200s: layers go from %ld to %ld, their blocks to %d",
            tensor->name, naming->first_stage, naming->first_stage + RESNET_MAX_STAGES - 1,
            RESNET_MAX_DEPTH - 1);
    if ((size_t)stage >= found->stages)
        found->stages = (size_t)stage + 1;
    if ((size_t)block >= found->depths[stage])
        found->depths[stage] = (size_t)block + 1;
    struct resnet_unit *units = found->blocks[stage * RESNET_MAX_DEPTH + block];
    return put(&units[unit - STEM_UNITS].parts[part], tensor, error);
}

/* The head's name behind the dot: a weight or a bias. */
static int place_head(struct resnet_found *found, const struct naming *naming, const char *name,
    const struct tensor *tensor, struct error *error)
{
    for (size_t i = 0; i < 2 && naming->heads[i]; i++) {
        const char *rest = match(naming->heads[i], name, NULL);
        if (!rest || (strcmp(rest, "weight") != 0 && strcmp(rest, "bias") != 0))
            continue;
        found->linear |= strcmp(naming->heads[i], "linear") == 0;
        const struct tensor **to = *rest == 'w' ? &found->head_weight : &found->head_bias;
        const int status = put(to, tensor, error);
        return status < 0 ? status : 1;
    }
    return 0;
}

/* The part that this ending means; -1: none, PARTS: known and of no use. */
static int part_of(const char *ending, bool norm)
{
    if (norm && strcmp(ending, "num_batches_tracked") == 0)
        return PARTS;
    for (int part = 0; part < PARTS; part++)
        if (endings[norm][part] && strcmp(ending, endings[norm][part]) == 0)
            return part;
    return -1;
}

/*
 * downsample.1 is the norm where a projection comes first, the projection where an average
 * does: the one that fits the tensor's rank, else the first by name.
 */
static int place_tensor(struct resnet_found *found, const struct naming *naming,
    const struct model *model, const struct tensor *tensor, struct error *error)
{
    const char *name = bare_name(tensor, found->state);
    if (!name)
        return 0;
    int status = place_head(found, naming, name, tensor, error);
    if (status != 0)
        return status < 0 ? status : 0;
    for (int pass = 0; pass < 2; pass++)
        for (const struct name_row *row = naming->rows; row->conv; row++)
            for (int norm = 0; norm < 2; norm++) {
                long numbers[2] = { 0, 0 };
                const char *rest = match(norm ? row->norm : row->conv, name, numbers);
                const int part = rest ? part_of(rest, norm) : -1;
                if (part < 0 || (pass == 0 && tensor->rank != (norm ? 1 : 4) && part != PARTS))
                    continue;
                found->shortcuts |= strstr(row->conv, "shortcut.0") != NULL;
                return part == PARTS
                           ? 0
                           : place(found, naming, row->unit, part, numbers, tensor, error);
            }
    status = other_kind(model, error);
    return status < 0 ? status
                      : fail(error, BAD_USAGE,
                          "%.200s: a tensor that no ResNet of these names has: such a model "
                          "can't be computed rightly",
                          tensor->name);
}

static const struct naming *choose_naming(const struct tensors *tensors, const char *state)
{
    for (size_t n = 0; n < sizeof namings / sizeof *namings; n++)
        for (size_t i = 0; i < tensors->count; i++) {
            const char *name = bare_name(&tensors->items[i], state);
            for (size_t m = 0; m < 2; m++)
                if (name && namings[n].markers[m] && strcmp(name, namings[n].markers[m]) == 0)
                    return &namings[n];
        }
    return NULL;
}

bool resnet_is_one(const struct tensors *tensors, const char *state)
{
    return choose_naming(tensors, state) != NULL;
}

int resnet_find(const struct model *model, const char *state, struct resnet_found **result,
    struct error *error)
{
    const size_t room = (size_t)RESNET_MAX_STAGES * RESNET_MAX_DEPTH;
    struct resnet_found *found = calloc(1, sizeof *found);
    *result = found;
    if (!found || !(found->blocks = calloc(room, sizeof *found->blocks)))
        return fail_memory(error, room * sizeof *found->blocks);
    int status = model_choose_state(&model->tensors, state, found->state, error);
    if (status < 0)
        return status;
    const struct naming *naming = choose_naming(&model->tensors, found->state);
    if (!naming)
        return not_a_resnet(model, error);
    found->naming = naming->name;
    for (size_t i = 0; i < model->tensors.count && status == 0; i++)
        status = place_tensor(found, naming, model, &model->tensors.items[i], error);
    return status;
}

void resnet_found_free(struct resnet_found *found)
{
    if (found) {
        free(found->blocks);
        free(found->layers);
    }
    free(found);
}
