/* A ResNet's parameters: their names, where they come from, and how they are folded. */
#include "common/resnet_trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const endings[PARTS] = { "weight", "weight", "bias", "running_mean",
    "running_var" };

/* A convolution and the norm behind it. */
struct layer_name {
    char conv[PARAM_MAX_NAME - 16], norm[PARAM_MAX_NAME - 16];
};

static struct layer_name stem_name(size_t count, size_t i)
{
    struct layer_name name = { "conv1", "bn1" };
    if (count > 1) {
        snprintf(name.conv, sizeof name.conv, "conv1.%zu", 3 * i);
        if (i + 1 < count)
            snprintf(name.norm, sizeof name.norm, "conv1.%zu", 3 * i + 1);
    }
    return name;
}

static struct layer_name block_name(size_t stage, size_t block, size_t i)
{
    struct layer_name name;
    snprintf(name.conv, sizeof name.conv, "layer%zu.%zu.conv%zu", stage + 1, block, i + 1);
    snprintf(name.norm, sizeof name.norm, "layer%zu.%zu.bn%zu", stage + 1, block, i + 1);
    return name;
}

/* As timm has it, where an average is the first; the CIFAR nets that have projections call
 * them so. */
static struct layer_name projection_name(
    const struct resnet *resnet, size_t stage, size_t block, bool pooled)
{
    struct layer_name name;
    const char *around =
        strcmp(resnet->family, "cifar") == 0 && !pooled ? "shortcut" : "downsample";
    snprintf(name.conv, sizeof name.conv, "layer%zu.%zu.%s.%d", stage + 1, block, around,
        pooled ? 1 : 0);
    snprintf(name.norm, sizeof name.norm, "layer%zu.%zu.%s.%d", stage + 1, block, around,
        pooled ? 2 : 1);
    return name;
}

static int add_layer(struct resnet_trainer *trainer, struct conv *conv,
    const struct layer_name *name, size_t depth, struct error *error)
{
    struct train_layer *layer = &trainer->layers[trainer->layer_count++];
    layer->folded = conv;
    layer->conv = *conv;
    layer->conv.bias = NULL;
    layer->param = trainer->params->count;
    int status = 0;
    for (int part = 0; part < PARTS && status == 0; part++) {
        struct param param = {
            .rank = 1, .shape = { conv->out }, .depth = depth, .trained = part < PART_MEAN
        };
        if (part == PART_CONV) {
            param.rank = 4;
            param.shape[1] = conv->in / conv->groups;
            param.shape[2] = param.shape[3] = conv->kernel;
            param.decays = true;
            param.groups = conv->groups;
        }
        snprintf(param.name, sizeof param.name, "%s.%s",
            part == PART_CONV ? name->conv : name->norm, endings[part]);
        status = params_add(trainer->params, &param, error);
    }
    return status;
}

static int add_block(
    struct resnet_trainer *trainer, size_t b, size_t stage, size_t index, struct error *error)
{
    struct resnet_block *block = &trainer->resnet->blocks[b];
    int status = 0;
    trainer->blocks[b] =
        (struct train_block){ trainer->layer_count, block->count, { 0 }, { 0 } };
    for (size_t i = 0; i < block->count && status == 0; i++) {
        const struct layer_name name = block_name(stage, index, i);
        status = add_layer(trainer, &block->convs[i], &name, b + 1, error);
    }
    if (status == 0 && (block->shortcut == SHORTCUT_CONV || block->shortcut == SHORTCUT_POOL)) {
        const struct layer_name name =
            projection_name(trainer->resnet, stage, index, block->shortcut == SHORTCUT_POOL);
        status = add_layer(trainer, &block->projection, &name, b + 1, error);
    }
    return status;
}

static int add_head(struct resnet_trainer *trainer, struct error *error)
{
    const struct resnet *resnet = trainer->resnet;
    struct param weight = { .name = "fc.weight",
        .rank = 2,
        .shape = { resnet->model.classes, resnet->features },
        .depth = resnet->block_count + 1,
        .decays = true,
        .trained = true };
    struct param bias = { .name = "fc.bias",
        .rank = 1,
        .shape = { resnet->model.classes },
        .depth = weight.depth,
        .trained = true };
    trainer->head = trainer->params->count;
    const int status = params_add(trainer->params, &weight, error);
    return status < 0 ? status : params_add(trainer->params, &bias, error);
}

static int list(struct resnet_trainer *trainer, struct error *error)
{
    struct resnet *resnet = trainer->resnet;
    int status = 0;
    for (size_t i = 0; i < resnet->stem_count && status == 0; i++) {
        const struct layer_name name = stem_name(resnet->stem_count, i);
        status = add_layer(trainer, &resnet->stem[i], &name, 0, error);
    }
    for (size_t stage = 0, b = 0; stage < resnet->stages; stage++)
        for (size_t i = 0; i < resnet->depths[stage] && status == 0; i++, b++)
            status = add_block(trainer, b, stage, i, error);
    return status < 0 ? status : add_head(trainer, error);
}

/* One parameter's values from its tensor. */
static int take(const struct param *param, const struct tensor *tensor, bool variance,
    float *room, float *values, struct error *error)
{
    const float *from;
    const int status = resnet_take(tensor, variance, room, &from, error);
    if (status == 0)
        param_import(param, from, values + param->at);
    return status;
}

static int take_found(struct resnet_trainer *trainer, float *room, struct error *error)
{
    const struct resnet_found *found = trainer->resnet->found;
    const struct params *params = trainer->params;
    const struct tensor *head[] = { found->head_weight, found->head_bias };
    int status = 0;
    for (size_t i = 0; i < trainer->layer_count && status == 0; i++)
        for (size_t part = 0; part < PARTS && status == 0; part++)
            status = take(&params->items[trainer->layers[i].param + part],
                found->layers[i].unit->parts[part], part == PART_VARIANCE, room, params->values,
                error);
    for (size_t i = 0; i < 2 && head[i] && status == 0; i++)
        status = take(
            &params->items[trainer->head + i], head[i], false, room, params->values, error);
    return status;
}

/* Kaiming's normal numbers by what goes out (He et al. 2015), as timm and torchvision do. */
static void draw_layers(struct resnet_trainer *trainer)
{
    const struct params *params = trainer->params;
    for (size_t i = 0; i < trainer->layer_count; i++) {
        const struct train_layer *layer = &trainer->layers[i];
        const struct conv *conv = &layer->conv;
        const size_t fan = conv->kernel * conv->kernel * conv->out / conv->groups;
        resnet_draw_normal(
            params, layer->param, sqrt(2.0 / (double)fan), trainer->resnet->seed);
        for (size_t c = 0; c < conv->out; c++) {
            params->values[params->items[layer->param + PART_GAMMA].at + c] = 1;
            params->values[params->items[layer->param + PART_VARIANCE].at + c] = 1;
        }
    }
}

static int fill(struct resnet_trainer *trainer, struct error *error)
{
    const struct resnet *resnet = trainer->resnet;
    const struct params *params = trainer->params;
    if (!resnet->found || !resnet->found->head_weight)
        for (size_t i = 0; i < 2; i++) /* PyTorch's Linear */
            resnet_draw_uniform(
                params, trainer->head + i, 1 / sqrt((double)resnet->features), resnet->seed);
    if (!resnet->found) {
        draw_layers(trainer);
        return 0;
    }
    size_t most = 0;
    for (size_t i = 0; i < params->count; i++)
        most = params->items[i].count > most ? params->items[i].count : most;
    float *room = malloc(most * sizeof *room);
    const int status =
        room ? take_found(trainer, room, error) : fail_memory(error, most * sizeof *room);
    free(room);
    return status;
}

/* The layout of params, biases where a norm's bias is. */
static int make_folded(struct resnet_trainer *trainer, struct error *error)
{
    struct resnet *resnet = trainer->resnet;
    const size_t size = (trainer->params->total + 16) * sizeof(float);
    float *room = aligned_alloc(64, (size + 63) & ~(size_t)63);
    if (!room)
        return fail_memory(error, size);
    free(resnet->converted);
    resnet->converted = room;
    const struct param *items = trainer->params->items;
    for (size_t i = 0; i < trainer->layer_count; i++) {
        struct train_layer *layer = &trainer->layers[i];
        layer->conv.weight = trainer->params->values + items[layer->param].at;
        layer->folded->weight = room + items[layer->param].at;
        layer->folded->bias = room + items[layer->param + PART_BETA].at;
    }
    resnet->fc_weight = room + items[trainer->head].at;
    resnet->fc_bias = room + items[trainer->head + 1].at;
    return resnet_trainer_fold(trainer, trainer->params->values, error);
}

static void allocate(struct resnet_trainer *trainer)
{
    const size_t blocks = trainer->resnet->block_count;
    trainer->layers =
        calloc(RESNET_MAX_STEM + (RESNET_MAX_BLOCK + 1) * blocks, sizeof *trainer->layers);
    trainer->blocks = calloc(blocks, sizeof *trainer->blocks);
}

static int refuse(const struct resnet *resnet, struct error *error)
{
    if (resnet->model.classes == 0)
        return fail(error, BAD_USAGE, "has no head to train: say how many classes");
    for (size_t b = 0; b < resnet->block_count; b++) {
        const struct resnet_block *block = &resnet->blocks[b];
        if ((block->count == 3 && block->convs[0].stride > 1) || (b == 0 && block->stride > 1))
            return fail(error, BAD_USAGE,
                "block %zu strides where timm's networks of these names don't: it can't be "
                "saved as one of them, so it isn't trained",
                b);
    }
    return 0;
}

int resnet_trainer_open(struct resnet_trainer **result, struct resnet *resnet,
    struct params *params, struct error *error)
{
    struct resnet_trainer *trainer = *result = NULL;
    int status = refuse(resnet, error);
    if (status < 0)
        return status;
    trainer = *result = calloc(1, sizeof *trainer);
    if (!trainer)
        return fail_memory(error, sizeof *trainer);
    trainer->resnet = resnet;
    trainer->params = params;
    allocate(trainer);
    status = trainer->layers && trainer->blocks ? list(trainer, error)
                                                : fail_memory(error, sizeof *trainer->layers);
    if (status == 0)
        status = params_allocate(params, error);
    if (status == 0)
        status = fill(trainer, error);
    return status < 0 ? status : make_folded(trainer, error);
}

void resnet_trainer_free(struct resnet_trainer *trainer)
{
    if (trainer) {
        free(trainer->layers);
        free(trainer->blocks);
        arena_free(&trainer->arena);
    }
    free(trainer);
}

enum { FOLDED = 64 }; /* output channels at a time */

/* w' = w gamma / sqrt(variance + eps), bias' = beta - mean gamma / sqrt(variance + eps), of
 * count channels of one group, rows weights each, width apart. values, to: whole arenas. */
static bool fold_channels(const struct param *items, size_t channel, size_t at, size_t count,
    size_t rows, size_t width, const float *values, float *to)
{
    double scales[FOLDED];
    bool finite = true;
    for (size_t c = 0; c < count; c++) {
        const size_t o = channel + c;
        scales[c] = (double)values[items[PART_GAMMA].at + o]
                    / sqrt((double)values[items[PART_VARIANCE].at + o] + BATCHNORM_EPS);
        to[items[PART_BETA].at + o] =
            (float)((double)values[items[PART_BETA].at + o]
                    - (double)values[items[PART_MEAN].at + o] * scales[c]);
        finite &= isfinite(to[items[PART_BETA].at + o]) != 0;
    }
    for (size_t row = 0; row < rows; row++, at += width)
        for (size_t c = 0; c < count; c++) {
            to[at + c] = (float)((double)values[at + c] * scales[c]);
            finite &= isfinite(to[at + c]) != 0;
        }
    return finite;
}

static bool fold_layer(const struct train_layer *layer, const struct params *params,
    const float *values, float *to)
{
    const struct param *items = params->items + layer->param;
    const struct conv *conv = &layer->conv;
    const size_t width = conv->out / conv->groups, rows = items->count / conv->out;
    bool finite = true;
    for (size_t g = 0; g < conv->groups; g++)
        for (size_t first = 0; first < width; first += FOLDED) {
            const size_t count = width - first < FOLDED ? width - first : FOLDED;
            finite &= fold_channels(items, g * width + first,
                items->at + g * rows * width + first, count, rows, width, values, to);
        }
    return finite;
}

int resnet_trainer_fold(
    struct resnet_trainer *trainer, const float *values, struct error *error)
{
    const struct params *params = trainer->params;
    float *to = trainer->resnet->converted;
    for (size_t i = 0; i < trainer->layer_count; i++)
        if (!fold_layer(&trainer->layers[i], params, values, to))
            return fail(error, BAD_INPUT, "%s: times the norm behind it is beyond f32",
                params->items[trainer->layers[i].param].name);
    for (size_t i = 0; i < 2; i++) {
        const struct param *param = &params->items[trainer->head + i];
        memcpy(to + param->at, values + param->at, param->count * sizeof *to);
    }
    return 0;
}
