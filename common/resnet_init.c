/* New ResNets by the names of their architectures, and how their parameters are drawn. */
#include "common/random.h"
#include "common/resnet_trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct architecture {
    const char *name;
    size_t stages, depths[RESNET_MAX_STAGES], count; /* convolutions of a block */
    size_t width;                                    /* of the stem and the first stage */
    bool cifar;
} architectures[] = {
    { "resnet20", 3, { 3, 3, 3 }, 2, 16, true },
    { "resnet32", 3, { 5, 5, 5 }, 2, 16, true },
    { "resnet44", 3, { 7, 7, 7 }, 2, 16, true },
    { "resnet56", 3, { 9, 9, 9 }, 2, 16, true },
    { "resnet18", 4, { 2, 2, 2, 2 }, 2, 64, false },
    { "resnet34", 4, { 3, 4, 6, 3 }, 2, 64, false },
    { "resnet50", 4, { 3, 4, 6, 3 }, 3, 64, false },
};

static struct conv make_conv(size_t in, size_t out, size_t kernel, size_t stride)
{
    return (struct conv){ in, out, kernel, stride, kernel / 2, 1, NULL, NULL };
}

static void make_block(
    const struct architecture *made, struct resnet_block *block, size_t in, size_t width)
{
    const size_t out = made->count == 3 ? 4 * width : width, stride = block->stride;
    block->count = made->count;
    if (made->count == 3) {
        block->convs[0] = make_conv(in, width, 1, 1);
        block->convs[1] = make_conv(width, width, 3, stride);
        block->convs[2] = make_conv(width, out, 1, 1);
    } else {
        block->convs[0] = make_conv(in, out, 3, stride);
        block->convs[1] = make_conv(out, out, 3, 1);
    }
    if (in == out && stride == 1)
        return;
    block->shortcut = made->cifar ? SHORTCUT_PAD : SHORTCUT_CONV;
    if (!made->cifar)
        block->projection = make_conv(in, out, 1, stride);
}

static int build(
    struct resnet *resnet, const struct architecture *made, size_t classes, struct error *error)
{
    resnet->family = made->cifar ? "cifar" : "timm";
    resnet->stem[0] = make_conv(3, made->width, made->cifar ? 3 : 7, made->cifar ? 1 : 2);
    resnet->stem_count = 1;
    resnet->pool = !made->cifar;
    resnet->stages = made->stages;
    resnet->model.classes = classes;
    for (size_t stage = 0; stage < made->stages; stage++) {
        resnet->depths[stage] = made->depths[stage];
        resnet->block_count += made->depths[stage];
    }
    resnet->blocks = calloc(resnet->block_count, sizeof *resnet->blocks);
    if (!resnet->blocks)
        return fail_memory(error, resnet->block_count * sizeof *resnet->blocks);
    struct resnet_block *block = resnet->blocks;
    size_t in = made->width;
    for (size_t stage = 0; stage < made->stages; stage++)
        for (size_t i = 0; i < made->depths[stage]; i++, block++) {
            block->stride = stage > 0 && i == 0 ? 2 : 1;
            make_block(made, block, in, made->width << stage);
            in = block->convs[block->count - 1].out;
        }
    resnet->features = in;
    return 0;
}

static int unknown(const char *name, struct error *error)
{
    char known[200] = "";
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++) {
        const size_t length = strlen(known);
        snprintf(known + length, sizeof known - length, "%s%s", i ? ", " : "",
            architectures[i].name);
    }
    return fail(error, BAD_USAGE,
        "%.60s: not an architecture: there are %s; a ViT is named as "
        "vit:patch=4,dim=128,depth=6,heads=4,image=32",
        name, known);
}

/* How pictures come in: as the family has it, at this size; mean and std are left open. */
static int make_rule(struct resnet *resnet, size_t side, struct error *error)
{
    json_t *config = resnet_config(resnet);
    json_t *given = json_pack("{s:[i,i,i]}", "input_size", 3, (int)side, (int)side);
    if (!config || !given || json_object_set_new(config, "pretrained_cfg", given) < 0)
        return fail_memory(error, 1);
    resnet->model.config = config;
    snprintf(resnet->model.sources[0], sizeof resnet->model.sources[0], "--arch");
    resnet->model.config_source = resnet->model.sources[0];
    return resnet_infer_rule(resnet, NULL, error);
}

int resnet_init(struct resnet *resnet, const char *architecture, size_t classes, size_t side,
    uint64_t seed, struct error *error)
{
    const struct architecture *made = NULL;
    memset(resnet, 0, sizeof *resnet);
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (strcmp(architectures[i].name, architecture) == 0)
            made = &architectures[i];
    if (!made)
        return unknown(architecture, error);
    side = side ? side : made->cifar ? 32 : 224;
    if (side > VIEW_MAX_INPUT)
        return fail(error, BAD_USAGE, "%s: pictures of %zu pixels a side: takes 1 to %d",
            architecture, side, VIEW_MAX_INPUT);
    resnet->seed = seed;
    resnet->model.path = strdup(architecture);
    resnet->model.name = strdup(architecture);
    int status = resnet->model.path && resnet->model.name
                     ? build(resnet, made, classes, error)
                     : fail_memory(error, strlen(architecture));
    if (status == 0)
        status = make_rule(resnet, side, error);
    if (status < 0)
        resnet_close(resnet);
    return status;
}

void resnet_new_head(struct resnet *resnet, size_t classes, uint64_t seed)
{
    resnet->model.classes = classes;
    resnet->seed = seed;
    if (resnet->found)
        resnet->found->head_weight = resnet->found->head_bias = NULL;
}

/* The numbers of a parameter are those of its place in the list. */
void resnet_draw_normal(
    const struct params *params, size_t param, double deviation, uint64_t seed)
{
    const struct param *to = &params->items[param];
    struct random random = random_of(seed, RANDOM_WEIGHTS, 0, (uint32_t)param);
    for (size_t i = 0; i < to->count; i++)
        params->values[to->at + i] = (float)(deviation * random_normal(&random));
}

void resnet_draw_uniform(const struct params *params, size_t param, double bound, uint64_t seed)
{
    const struct param *to = &params->items[param];
    struct random random = random_of(seed, RANDOM_WEIGHTS, 0, (uint32_t)param);
    for (size_t i = 0; i < to->count; i++)
        params->values[to->at + i] = (float)random_uniform(&random, -bound, bound);
}
