/* Opening a ResNet: every batch norm folded into the convolution before it. */
#include "common/batchnorm.h"
#include "common/resnet_infer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Output channels laid out at a time: a cache line of the result. */
enum { TILE = 16 };

static size_t rounded(size_t count)
{
    return (count + 15) & ~(size_t)15;
}

static int check_finite(
    const float *values, const struct tensor *tensor, bool variance, struct error *error)
{
    for (size_t i = 0; i < tensor->count; i++) {
        if (!isfinite(values[i]))
            return fail(
                error, BAD_INPUT, "%.200s: its number %zu is not finite", tensor->name, i);
        if (variance && values[i] < 0)
            return fail(error, BAD_INPUT, "%.200s: its number %zu, a variance, is negative",
                tensor->name, i);
    }
    return 0;
}

int resnet_take(const struct tensor *tensor, bool variance, float *room, const float **values,
    struct error *error)
{
    *values = tensor_in_place(tensor);
    if (!*values) {
        tensor_to_floats(tensor, room);
        *values = room;
    }
    return check_finite(*values, tensor, variance, error);
}

/* weights: [out, in / groups, k, k] to [group][ky, kx, i][o within the group], each output
 * channel times its scale; false where one is then beyond f32. */
static bool lay_out(
    const struct conv *conv, const float *weights, const double *scales, float *to)
{
    const size_t outs = conv->out / conv->groups, ins = conv->in / conv->groups;
    const size_t area = conv->kernel * conv->kernel;
    bool finite = true;
    for (size_t g = 0; g < conv->groups; g++)
        for (size_t tile = 0; tile < outs; tile += TILE)
            for (size_t i = 0; i < ins; i++)
                for (size_t k = 0; k < area; k++) {
                    const size_t end = tile + TILE < outs ? tile + TILE : outs;
                    float *row = to + (g * area * ins + k * ins + i) * outs;
                    for (size_t o = tile; o < end; o++) {
                        const size_t out = g * outs + o;
                        row[o] =
                            (float)((double)weights[(out * ins + i) * area + k] * scales[out]);
                        finite &= isfinite(row[o]) != 0;
                    }
                }
    return finite;
}

/* Where tensors that aren't f32 in place are converted, and the scales of one layer. */
struct scratch_room {
    float *values;
    double *scales;
};

/* w' = w gamma / sqrt(variance + eps), bias' = beta - mean gamma / sqrt(variance + eps). */
static int fold(const struct resnet_layer *layer, const struct scratch_room *scratch,
    float **room, struct error *error)
{
    struct conv *conv = layer->conv;
    const struct tensor *tensor = layer->unit->parts[PART_CONV];
    const float *values[PARTS];
    float *at = scratch->values, *weights = *room, *bias = *room + rounded(tensor->count);
    for (int part = 0; part < PARTS; part++) {
        const struct tensor *from = layer->unit->parts[part];
        const int status = resnet_take(from, part == PART_VARIANCE, at, &values[part], error);
        if (status < 0)
            return status;
        at += rounded(from->count);
    }
    for (size_t o = 0; o < conv->out; o++) {
        const double scale = (double)values[PART_GAMMA][o]
                             / sqrt((double)values[PART_VARIANCE][o] + BATCHNORM_EPS);
        scratch->scales[o] = scale;
        bias[o] = (float)((double)values[PART_BETA][o] - (double)values[PART_MEAN][o] * scale);
        if (!isfinite(bias[o]))
            return fail(
                error, BAD_INPUT, "%.200s: the norm behind it is beyond f32", tensor->name);
    }
    if (!lay_out(conv, values[PART_CONV], scratch->scales, weights))
        return fail(
            error, BAD_INPUT, "%.200s: times the norm behind it is beyond f32", tensor->name);
    conv->weight = weights;
    conv->bias = bias;
    *room = bias + rounded(conv->out);
    return 0;
}

/* The head stays where it lies if it is f32. */
static int take_head(
    struct resnet *resnet, const struct resnet_found *found, float **room, struct error *error)
{
    const struct tensor *weight = found->head_weight, *bias = found->head_bias;
    if (resnet->model.classes == 0)
        return 0;
    int status = resnet_take(weight, false, *room, &resnet->fc_weight, error);
    if (resnet->fc_weight == *room)
        *room += rounded(weight->count);
    if (status == 0)
        status = resnet_take(bias, false, *room, &resnet->fc_bias, error);
    return status;
}

static int take_weights(
    struct resnet *resnet, const struct resnet_found *found, struct error *error)
{
    const struct tensor *const head[] = { found->head_weight, found->head_bias };
    size_t count = 16, largest = 16, outs = 16;
    for (size_t i = 0; i < found->layer_count; i++) {
        const struct conv *conv = found->layers[i].conv;
        const size_t weights = rounded(found->layers[i].unit->parts[PART_CONV]->count);
        const size_t all = weights + (PARTS - 1) * rounded(conv->out);
        count += weights + rounded(conv->out);
        largest = all > largest ? all : largest;
        outs = conv->out > outs ? conv->out : outs;
    }
    for (size_t i = 0; i < 2; i++)
        if (head[i] && !tensor_in_place(head[i]))
            count += rounded(head[i]->count);
    struct scratch_room scratch = { aligned_alloc(64, largest * sizeof(float)),
        calloc(outs, sizeof(double)) };
    float *room = resnet->converted = aligned_alloc(64, count * sizeof(float));
    int status = scratch.values && scratch.scales && room
                     ? 0
                     : fail_memory(error, (count + largest) * sizeof(float));
    for (size_t i = 0; i < found->layer_count && status == 0; i++)
        status = fold(&found->layers[i], &scratch, &room, error);
    if (status == 0)
        status = take_head(resnet, found, &room, error);
    free(scratch.values);
    free(scratch.scales);
    return status;
}

int resnet_understand(
    struct resnet *resnet, const char *state, bool weights, struct error *error)
{
    int status = resnet_find(&resnet->model, state, &resnet->found, error);
    if (status == 0)
        status = resnet_configure(resnet, resnet->found, error);
    if (status == 0 && weights)
        status = take_weights(resnet, resnet->found, error);
    return status < 0 ? model_blame(&resnet->model, status, error) : 0;
}

int resnet_open(struct resnet *resnet, const char *name, const char *state, struct error *error)
{
    memset(resnet, 0, sizeof *resnet);
    int status = model_open(&resnet->model, name, "SACCADE_RESNET", "resnet20-cifar10", error);
    if (status < 0)
        return status;
    status = resnet_understand(resnet, state, true, error);
    if (status < 0)
        resnet_close(resnet);
    return status;
}

void resnet_close(struct resnet *resnet)
{
    free(resnet->blocks);
    free(resnet->converted);
    resnet_found_free(resnet->found);
    model_close(&resnet->model);
    memset(resnet, 0, sizeof *resnet);
}

json_t *resnet_describe(const struct resnet *resnet)
{
    const struct model *model = &resnet->model;
    const struct view_rule *rule = &model->input.rule;
    return json_pack("{s:s, s:s, s:n, s:n, s:n, s:i, s:i, s:[i,i], s:o, s:o, s:o}", "model",
        model->name, "family", resnet->family, "patch", "prefix", "heads", "layers",
        (int)resnet->block_count, "dim", (int)resnet->features, "input", (int)rule->width,
        (int)rule->height, "mean", model_colour(model, rule->mean), "std",
        model_colour(model, rule->std), "classes", model_classes(model));
}
