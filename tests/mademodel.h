/*
 * What the tests of written models share: a model as a trainer would have it, of the tensors of
 * another.
 */
#ifndef SACCADE_TESTS_MADEMODEL_H
#define SACCADE_TESTS_MADEMODEL_H

#include "common/checkpoint.h"
#include "common/resnet.h"
#include "common/vit.h"
#include "formats/io.h"
#include "tests/cut.h"
#include "tests/numbers.h"
#include "tests/tensorfile.h"

static const char vit_base[] = "tests/data/vit/timm-plain";
static const char resnet_base[] = "tests/data/resnet/timm-groups";

static const char *const classes[] = { "cat", "dog", "a  b", "\xc3\xa4", "x y", "6", "7", "8",
    "9", "10", "11", "12" };

struct made {
    struct model base;
    struct params params;
    struct checkpoint checkpoint;
    struct view_rule rule;
    json_t *training;
};

/* The groups of a convolution don't show in its weight; whichever, it must come back. */
static inline void make(struct made *made, const char *base, const char *path)
{
    struct error error;
    *made = (struct made){ .rule = { 33, 27, 34, 28, FIT_CROP, VIEW_TIMM, FILTER_BICUBIC,
                               { 0.485f, 0.456f, 0.406f }, { 0.229f, 0.224f, 0.225f } } };
    ck_assert_msg(
        model_open(&made->base, base, "SACCADE_VIT", "", &error) == 0, "%s", error.text);
    const struct tensors *tensors = &made->base.tensors;
    for (size_t i = 0; i < tensors->count; i++) {
        const struct tensor *tensor = &tensors->items[i];
        struct param param = { .rank = tensor->rank, .trained = true };
        if (tensor->type == TENSOR_OTHER)
            continue;
        snprintf(param.name, sizeof param.name, "%s", tensor->name);
        memcpy(param.shape, tensor->shape, sizeof param.shape);
        param.groups = tensor->rank < 4 ? 0 : tensor->shape[0] % 2 ? 1 : 2;
        ck_assert_int_eq(params_add(&made->params, &param, &error), 0);
    }
    ck_assert_int_eq(params_allocate(&made->params, &error), 0);
    for (size_t i = 0; i < made->params.count; i++) {
        const struct param *param = &made->params.items[i];
        float *values = malloc(param->count * sizeof *values);
        tensor_to_floats(tensors_find(tensors, param->name), values);
        param_import(param, values, made->params.values + param->at);
        free(values);
    }
    made->training = json_pack("{s:i, s:f}", "epochs", 3, "accuracy", 0.5);
    made->checkpoint = (struct checkpoint){ .path = path,
        .params = &made->params,
        .values = made->params.values,
        .config = made->base.config,
        .rule = &made->rule,
        .crop = 0.95,
        .classes = classes,
        .class_count =
            (size_t)json_integer_value(json_object_get(made->base.config, "num_classes")),
        .training = made->training };
    ck_assert_uint_le(made->checkpoint.class_count, sizeof classes / sizeof *classes);
}

static inline void drop_made(struct made *made)
{
    params_free(&made->params);
    model_close(&made->base);
    json_decref(made->training);
}

static inline int keep(void *argument)
{
    const struct made *made = argument;
    struct error error;
    return checkpoint_write(&made->checkpoint, &error);
}

static inline void expect_kept(struct made *made)
{
    struct error error;
    ck_assert_msg(checkpoint_write(&made->checkpoint, &error) == 0, "%s", error.text);
}

static inline void set_up(void)
{
    make_folder();
    unsetenv("SACCADE_MODELS");
}

#endif
