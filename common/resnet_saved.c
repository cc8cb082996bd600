/* What a ResNet's config.json says, so that its checkpoint is read back. */
#include "common/resnet_train.h"

#include <stdio.h>
#include <string.h>

static bool is_bottleneck(const struct resnet *resnet)
{
    return resnet->blocks[0].count == 3;
}

/* timm counts a block's convolutions, the stem and the head. */
static size_t depth_of(const struct resnet *resnet)
{
    return (is_bottleneck(resnet) ? 3 : 2) * resnet->block_count + 2;
}

/* The plain network of timm's that this one is, or one of the same blocks. */
static const char *timm_name(const struct resnet *resnet)
{
    static const struct {
        size_t depth;
        const char *name;
    } names[] = { { 18, "resnet18" }, { 34, "resnet34" }, { 26, "resnet26" },
        { 50, "resnet50" }, { 101, "resnet101" }, { 152, "resnet152" } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].depth == depth_of(resnet))
            return names[i].name;
    return is_bottleneck(resnet) ? "resnet50" : "resnet18";
}

/* What timm calls the channels of each stage, and whether they are its own. */
static json_t *channels_of(const struct resnet *resnet, bool *usual)
{
    json_t *list = json_array();
    const struct resnet_block *block = resnet->blocks;
    *usual = resnet->stages == 4;
    for (size_t stage = 0; stage < resnet->stages; block += resnet->depths[stage++]) {
        const size_t out = block->convs[block->count - 1].out / (block->count == 3 ? 4 : 1);
        *usual &= out == (size_t)64 << stage;
        json_array_append_new(list, json_integer((json_int_t)out));
    }
    return list;
}

static void set_count(json_t *to, const char *key, size_t count)
{
    json_object_set_new(to, key, json_integer((json_int_t)count));
}

/* Groups and their width: width = channels * base_width / 64 * groups. */
static void set_groups(const struct resnet *resnet, json_t *arguments)
{
    const struct resnet_block *block = &resnet->blocks[0];
    const size_t groups = block->convs[1].groups;
    if (block->count < 3)
        return;
    const size_t base = 64 * block->convs[1].out / groups / (block->convs[2].out / 4);
    if (groups > 1)
        set_count(arguments, "cardinality", groups);
    if (base != 64)
        set_count(arguments, "base_width", base);
}

static json_t *arguments_of(const struct resnet *resnet)
{
    json_t *arguments = json_object(), *layers = json_array();
    bool usual, averages = false;
    for (size_t i = 0; i < resnet->stages; i++)
        json_array_append_new(layers, json_integer((json_int_t)resnet->depths[i]));
    json_object_set_new(arguments, "layers", layers);
    json_t *channels = channels_of(resnet, &usual);
    if (usual)
        json_decref(channels);
    else
        json_object_set_new(arguments, "channels", channels);
    set_groups(resnet, arguments);
    for (size_t b = 0; b < resnet->block_count; b++)
        averages |= resnet->blocks[b].shortcut == SHORTCUT_POOL;
    if (averages)
        json_object_set_new(arguments, "avg_down", json_true());
    if (resnet->stem_count > 1) {
        const struct conv *stem = resnet->stem;
        const bool tiered = stem[0].out != stem[1].out;
        json_object_set_new(
            arguments, "stem_type", json_string(tiered ? "deep_tiered" : "deep"));
        set_count(arguments, "stem_width", stem[2].out / 2);
    }
    return arguments;
}

/* What no tensor tells of a stem of one small convolution. */
static void set_stem(const struct resnet *resnet, json_t *config)
{
    if (resnet->stem_count > 1 || resnet->stem[0].kernel != 3)
        return;
    set_count(config, "stem_stride", resnet->stem[0].stride);
    json_object_set_new(config, "stem_pool", json_boolean(resnet->pool));
}

json_t *resnet_config(const struct resnet *resnet)
{
    const bool cifar = strcmp(resnet->family, "cifar") == 0;
    const json_t *own = resnet->model.config;
    char name[32];
    json_t *config = json_object();
    snprintf(name, sizeof name, "resnet%zu", depth_of(resnet));
    if (cifar) {
        json_object_set_new(config, "architecture", json_string(name));
        json_object_set_new(config, "family", json_string("cifar"));
    } else {
        json_t *said = json_object_get(own, "architecture");
        json_t *arguments = json_deep_copy(json_object_get(own, "model_args"));
        json_t *shapes = arguments_of(resnet);
        arguments = arguments ? arguments : json_object();
        json_object_update(arguments, shapes);
        json_decref(shapes);
        json_object_set_new(
            config, "architecture", said ? json_incref(said) : json_string(timm_name(resnet)));
        json_object_set_new(config, "model_args", arguments);
    }
    set_stem(resnet, config);
    set_count(config, "num_classes", resnet->model.classes);
    set_count(config, "num_features", resnet->features);
    json_object_set_new(config, "global_pool", json_string("avg"));
    return config;
}
