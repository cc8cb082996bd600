/* What a ResNet's names, shapes and configuration say of it. */
#include "common/resnet_infer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHANNELS = 1 << 16 };

/* What is being worked out. */
struct inference {
    struct resnet *resnet;
    struct resnet_found *found;
    struct model *model;
    const json_t *config; /* NULL: none */
    bool reduce_first;   /* Hugging Face's downsample_in_bottleneck: the stride is in the 1x1 */
    size_t first_stride; /* of the first stage */
    struct error *error;
};

/* A list of counts in a configuration says what was found; what it leaves out is so. */
static bool counts_agree(const json_t *list, const size_t *counts, size_t count)
{
    bool agree = !json_is_array(list) || json_array_size(list) == count;
    for (size_t i = 0; i < json_array_size(list) && agree; i++) {
        const json_t *item = json_array_get(list, i);
        agree = !json_is_integer(item) || json_integer_value(item) == (json_int_t)counts[i];
    }
    return agree;
}

/* A configuration of the directory's that speaks of another model is left out. */
static int check_agreement(struct inference *in)
{
    struct model *model = in->model;
    const struct resnet_found *found = in->found;
    const json_t *arguments = json_object_get(model->config, "model_args");
    if (counts_agree(json_object_get(model->config, "depths"), found->depths, found->stages)
        && counts_agree(json_object_get(arguments, "layers"), found->depths, found->stages))
        return 0;
    if (!model->beside)
        return fail(
            in->error, BAD_USAGE, "%s is of a model of other depths", model->config_source);
    model_note(model, "configuration", "it is of a model of other depths", "%s is not taken",
        model->config_source);
    json_decref(model->config);
    json_decref(model->preprocessor);
    model->config = model->preprocessor = NULL;
    return 0;
}

static bool has_part(const struct resnet_unit *unit)
{
    for (int part = 0; part < PARTS; part++)
        if (unit->parts[part])
            return true;
    return false;
}

static int check_floats(
    const struct inference *in, const struct tensor *tensor, const char *shape, bool right)
{
    char text[128];
    if (tensor->type == TENSOR_OTHER)
        return fail(
            in->error, BAD_USAGE, "%.200s: not of floating-point numbers", tensor->name);
    return right ? 0
                 : fail(in->error, BAD_USAGE, "%.200s is %s, should be %s", tensor->name,
                     tensor_shape_text(tensor, text, sizeof text), shape);
}

/* All four of the batch norm behind a convolution, each of its output channels. */
static int check_norm(
    const struct inference *in, const struct resnet_unit *unit, const struct conv *conv)
{
    static const char *const names[PARTS] = { "convolution", "weight", "bias", "running mean",
        "running variance" };
    const struct tensor *there = NULL;
    char shape[32];
    for (int part = PART_GAMMA; part < PARTS; part++)
        there = there ? there : unit->parts[part];
    if (!there)
        return fail(in->error, BAD_USAGE,
            "%.200s: no batch norm behind it (a pre-activation ResNet, or one whose norms were "
            "folded in, is not supported)",
            unit->parts[PART_CONV]->name);
    snprintf(shape, sizeof shape, "[%zu]", conv->out);
    for (int part = PART_GAMMA; part < PARTS; part++) {
        const struct tensor *tensor = unit->parts[part];
        if (!tensor)
            return fail(in->error, BAD_USAGE,
                "%.200s: the norm has no %s: group norms and the like are not supported",
                there->name, names[part]);
        const int status =
            check_floats(in, tensor, shape, tensor->rank == 1 && tensor->shape[0] == conv->out);
        if (status < 0)
            return status;
    }
    return 0;
}

/* One convolution and its norm: of kernel x kernel over input channels (in groups if allowed),
 * noted as the model's next. where: of what it is, for messages. */
static int take_conv(struct inference *in, struct conv *conv, const struct resnet_unit *unit,
    size_t input, size_t kernel, size_t stride, bool groups, const char *where)
{
    const struct tensor *tensor = unit->parts[PART_CONV];
    char shape[80];
    if (!tensor)
        return fail(in->error, BAD_USAGE, "%s is not there", where);
    snprintf(shape, sizeof shape, "[out,%s%zu,%zu,%zu]", groups ? "a divisor of " : "", input,
        kernel, kernel);
    const size_t *sides = tensor->shape;
    bool right = tensor->rank == 4 && sides[0] >= 1 && sides[0] <= MAX_CHANNELS && sides[1] >= 1
                 && sides[2] == kernel && sides[3] == kernel && input % sides[1] == 0
                 && (groups || sides[1] == input);
    if (right)
        *conv = (struct conv){ .in = input,
            .out = sides[0],
            .kernel = kernel,
            .stride = stride,
            .pad = kernel / 2,
            .groups = input / sides[1] };
    right = right && conv->out % conv->groups == 0;
    int status = check_floats(in, tensor, shape, right);
    if (status == 0)
        status = check_norm(in, unit, conv);
    if (status == 0)
        in->found->layers[in->found->layer_count++] = (struct resnet_layer){ unit, conv };
    return status;
}

/* Stages without gaps, and room for every convolution. */
static int allocate(struct inference *in)
{
    struct resnet *resnet = in->resnet;
    struct resnet_found *found = in->found;
    resnet->stages = found->stages;
    for (size_t stage = 0; stage < found->stages; stage++) {
        if (found->depths[stage] == 0)
            return fail(in->error, BAD_USAGE, "layer%zu has no blocks", stage + 1);
        resnet->depths[stage] = found->depths[stage];
        resnet->block_count += found->depths[stage];
    }
    if (resnet->block_count == 0)
        return fail(in->error, BAD_USAGE, "has a stem and no blocks behind it");
    const size_t layers = RESNET_MAX_STEM + (RESNET_MAX_BLOCK + 1) * resnet->block_count;
    resnet->blocks = calloc(resnet->block_count, sizeof *resnet->blocks);
    found->layers = calloc(layers, sizeof *found->layers);
    return resnet->blocks && found->layers
               ? 0
               : fail_memory(in->error, layers * sizeof *found->layers);
}

/* Names and the stem tell: timm's and torchvision's names are the same. */
static int infer_family(struct inference *in)
{
    const struct resnet_found *found = in->found;
    const struct tensor *stem = found->stem[STEM_LAST].parts[PART_CONV];
    const bool deep = has_part(&found->stem[STEM_FIRST]);
    const bool small = !deep && stem && stem->rank == 4 && stem->shape[2] == 3;
    const char *family = "torchvision", *why = "names of tensors, no configuration of timm's";
    const char *said = json_string_value(json_object_get(in->config, "family"));
    if (strcmp(found->naming, "hf") == 0)
        family = "hf-resnet", why = "names of tensors";
    else if (said && strcmp(said, "cifar") == 0)
        family = "cifar", why = in->model->config_source;
    else if (found->linear || found->shortcuts)
        family = "cifar", why = found->linear ? "a head called linear" : "shortcut.0";
    else if (small && found->stages == 3)
        family = "cifar", why = "a stem of 3x3 and three stages";
    else if (json_object_get(in->config, "architecture")
             || json_object_get(in->config, "pretrained_cfg"))
        family = "timm", why = in->model->config_source;
    else if (deep)
        family = "timm", why = "a deep stem";
    for (size_t i = 0; i < in->resnet->stages && strcmp(family, "torchvision") == 0; i++)
        if (has_part(&found->blocks[i * RESNET_MAX_DEPTH][UNIT_POOLED - STEM_UNITS]))
            family = "timm", why = "projections behind an average";
    in->resnet->family = family;
    model_note(in->model, "family", why, "%s", family);
    if (*found->state)
        model_note(in->model, "state", "of a training checkpoint", "%s", found->state);
    return 0;
}

/* A value of a configuration's that must be one of two words or numbers. */
static int check_hf(struct inference *in)
{
    const json_t *config = in->config;
    const char *type = json_string_value(json_object_get(config, "model_type"));
    const char *act = json_string_value(json_object_get(config, "hidden_act"));
    if (strcmp(in->resnet->family, "hf-resnet") != 0)
        return 0;
    if (type && strcmp(type, "resnet") != 0)
        return fail(in->error, BAD_USAGE, "%s says model_type %s: not a ResNet",
            in->model->config_source, type);
    if (act && strcmp(act, "relu") != 0)
        return fail(in->error, BAD_USAGE, "%s says hidden_act %s: only relu is supported",
            in->model->config_source, act);
    in->reduce_first = json_is_true(json_object_get(config, "downsample_in_bottleneck"));
    if (json_is_true(json_object_get(config, "downsample_in_first_stage")))
        in->first_stride = 2;
    return 0;
}

/* {"stem_stride": 1, "stem_pool": false}: what a stem's shape leaves open. */
static bool says_stem(const json_t *config, size_t *stride, bool *pool)
{
    const json_t *s = json_object_get(config, "stem_stride"),
                 *p = json_object_get(config, "stem_pool");
    const json_int_t number = json_integer_value(s);
    if (!json_is_integer(s) || !json_is_boolean(p) || number < 1 || number > 2)
        return false;
    *stride = (size_t)number;
    *pool = json_is_true(p);
    return true;
}

static int infer_stem(struct inference *in)
{
    struct resnet *resnet = in->resnet;
    const struct resnet_unit *units = in->found->stem;
    const bool deep = has_part(&units[STEM_FIRST]) || has_part(&units[STEM_SECOND]);
    const struct tensor *last = units[STEM_LAST].parts[PART_CONV];
    const bool cifar = strcmp(resnet->family, "cifar") == 0;
    size_t kernel = 3, stride = cifar ? 1 : 2;
    const char *why = in->model->config_source;
    resnet->pool = !cifar;
    if (!deep && last && last->rank == 4)
        kernel = last->shape[2] == 7 && !cifar ? 7 : 3;
    if (!says_stem(in->config, &stride, &resnet->pool)) {
        why = cifar ? "as the CIFAR nets have it" : "as every ResNet of this family has it";
        if (kernel == 3 && !deep && !cifar)
            return fail(in->error, BAD_USAGE,
                "%s: a stem of 3x3, whose stride and pooling no tensor tells: put "
                "{\"stem_stride\": 1, \"stem_pool\": false} or the like into a JSON file "
                "beside it",
                last ? last->name : "conv1");
    }
    size_t channels = 3;
    int status = 0;
    for (size_t i = deep ? 0 : STEM_LAST; i < STEM_UNITS && status == 0; i++) {
        struct conv *conv = &resnet->stem[resnet->stem_count++];
        status = take_conv(in, conv, &units[i], channels, kernel,
            resnet->stem_count == 1 ? stride : 1, false, "a convolution of the stem");
        channels = conv->out;
    }
    if (status < 0)
        return status;
    model_note(in->model, "stem", last->name, "%zu of %zux%zu, %zu channels",
        resnet->stem_count, kernel, kernel, channels);
    model_note(in->model, "stem stride", why, "%zu, %s", stride,
        resnet->pool ? "then a 3x3 maximum at 2" : "no pooling");
    return 0;
}

/* The way around a block of these input channels, at stride. */
static int infer_shortcut(struct inference *in, struct resnet_block *block,
    const struct resnet_unit *units, size_t input, const char *where)
{
    char name[100];
    const struct resnet_unit *plain = &units[UNIT_PROJECTION - STEM_UNITS];
    const struct resnet_unit *pooled = &units[UNIT_POOLED - STEM_UNITS];
    const size_t out = block->convs[block->count - 1].out;
    snprintf(name, sizeof name, "%s: the projection", where);
    if (has_part(plain) && has_part(pooled))
        return fail(in->error, BAD_USAGE, "%s: two projections", where);
    if (has_part(plain) || has_part(pooled)) {
        block->shortcut = has_part(pooled) ? SHORTCUT_POOL : SHORTCUT_CONV;
        const int status = take_conv(in, &block->projection, has_part(pooled) ? pooled : plain,
            input, 1, has_part(pooled) ? 1 : block->stride, false, name);
        if (status == 0 && block->projection.out != out)
            return fail(in->error, BAD_USAGE, "%s: makes %zu channels, the block %zu", name,
                block->projection.out, out);
        return status;
    }
    if (input == out && block->stride == 1)
        return 0;
    if (strcmp(in->resnet->family, "cifar") != 0 || out != 2 * input || input % 2 != 0)
        return fail(in->error, BAD_USAGE,
            "%s: %zu channels become %zu at stride %zu, and there is no projection", where,
            input, out, block->stride);
    block->shortcut = SHORTCUT_PAD;
    return 0;
}

static int infer_block(struct inference *in, size_t stage, size_t index, size_t *channels,
    struct resnet_block *block)
{
    static const char *const ordinals[] = { "first", "second", "third" };
    const struct resnet_unit *units = in->found->blocks[stage * RESNET_MAX_DEPTH + index];
    const bool bottleneck = has_part(&units[UNIT_CONV3 - STEM_UNITS]);
    const size_t strided = bottleneck && !in->reduce_first ? 1 : 0;
    char where[64], name[100];
    snprintf(where, sizeof where, "block %zu of layer%zu", index, stage + 1);
    block->count = bottleneck ? 3 : 2;
    block->stride = index > 0 ? 1 : stage > 0 ? 2 : in->first_stride;
    size_t input = *channels;
    for (size_t i = 0; i < block->count; i++) {
        const size_t kernel = bottleneck && i != 1 ? 1 : 3;
        snprintf(name, sizeof name, "%s: the %s convolution", where, ordinals[i]);
        const int status =
            take_conv(in, &block->convs[i], &units[UNIT_CONV1 - STEM_UNITS + (int)i], input,
                kernel, i == strided ? block->stride : 1, kernel == 3, name);
        if (status < 0)
            return status;
        input = block->convs[i].out;
    }
    const int status = infer_shortcut(in, block, units, *channels, where);
    *channels = input;
    return status;
}

static void note_blocks(struct inference *in)
{
    static const char *const shortcuts[] = { "identity", "projection",
        "average, then projection", "every second pixel, zero channels (option A)" };
    const struct resnet *resnet = in->resnet;
    char depths[100] = "", strides[100];
    size_t basic = 0, groups = 1;
    enum shortcut shortcut = SHORTCUT_IDENTITY;
    for (size_t i = 0; i < resnet->stages; i++) {
        const size_t length = strlen(depths);
        snprintf(
            depths + length, sizeof depths - length, "%s%zu", i ? "," : "", resnet->depths[i]);
    }
    for (size_t i = 0; i < resnet->block_count; i++) {
        const struct resnet_block *block = &resnet->blocks[i];
        basic += block->count == 2;
        groups = block->convs[1].groups > groups ? block->convs[1].groups : groups;
        shortcut = block->shortcut > shortcut ? block->shortcut : shortcut;
    }
    model_note(in->model, "layers", "names of tensors", "%s", depths);
    model_note(in->model, "blocks", "names of tensors", "%s",
        basic == 0                     ? "bottleneck"
        : basic == resnet->block_count ? "basic"
                                       : "basic and bottleneck");
    model_note(in->model, "dim", "shapes of weights", "%zu", resnet->features);
    model_note(in->model, "groups", "shapes of weights", "%zu", groups);
    model_note(in->model, "shortcut",
        shortcut == SHORTCUT_PAD ? "channels grow without a projection" : "names of tensors",
        "%s", shortcuts[shortcut]);
    snprintf(strides, sizeof strides, "%zu, then 2 in the %s of a stage's first block",
        in->first_stride,
        in->reduce_first               ? "1x1"
        : basic == resnet->block_count ? "first 3x3"
                                       : "3x3");
    model_note(in->model, "strides",
        in->reduce_first || in->first_stride > 1 ? in->model->config_source
                                                 : "as the family has it",
        "%s", strides);
}

static int infer_blocks(struct inference *in)
{
    struct resnet *resnet = in->resnet;
    struct resnet_block *block = resnet->blocks;
    size_t channels = resnet->stem[resnet->stem_count - 1].out;
    for (size_t stage = 0; stage < resnet->stages; stage++)
        for (size_t index = 0; index < resnet->depths[stage]; index++) {
            const int status = infer_block(in, stage, index, &channels, block++);
            if (status < 0)
                return status;
        }
    resnet->features = channels;
    note_blocks(in);
    return 0;
}

static int infer_head(struct inference *in)
{
    const struct tensor *weight = in->found->head_weight, *bias = in->found->head_bias;
    const size_t features = in->resnet->features;
    char shape[40];
    if (!weight && !bias) {
        model_note(in->model, "classes", "no head", "none");
        return 0;
    }
    if (!weight || !bias)
        return fail(in->error, BAD_USAGE, "%.200s has no %s beside it",
            weight ? weight->name : bias->name, weight ? "bias" : "weight");
    snprintf(shape, sizeof shape, "[classes,%zu]", features);
    int status = check_floats(in, weight, shape,
        weight->rank == 2 && weight->shape[0] >= 1 && weight->shape[0] <= 1 << 20
            && weight->shape[1] == features);
    if (status < 0)
        return status;
    in->model->classes = weight->shape[0];
    snprintf(shape, sizeof shape, "[%zu]", in->model->classes);
    status =
        check_floats(in, bias, shape, bias->rank == 1 && bias->shape[0] == in->model->classes);
    model_note(in->model, "classes", weight->name, "%zu", in->model->classes);
    return status;
}

int resnet_configure(struct resnet *resnet, struct resnet_found *found, struct error *error)
{
    struct inference in = { .resnet = resnet,
        .found = found,
        .model = &resnet->model,
        .first_stride = 1,
        .error = error };
    static int (*const steps[])(
        struct inference *) = { infer_family, check_hf, infer_stem, infer_blocks, infer_head };
    int status = allocate(&in);
    if (status == 0)
        status = check_agreement(&in);
    in.config = resnet->model.config;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == 0; i++)
        status = steps[i](&in);
    if (status == 0)
        status = resnet_check_timm(resnet, error);
    return status < 0 ? status : resnet_infer_rule(resnet, found, error);
}
