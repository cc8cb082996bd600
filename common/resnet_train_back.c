/*
 * The backward pass of a ResNet's training, down to the lowest trained parameter.
 *
 * A gradient lies in slot GRADIENT0 or 1, where the block below finds it; what is on its way
 * through a block's convolutions takes turns in INNER0 and 1.
 */
#include "common/gemm.h"
#include "common/kernels.h"
#include "common/resnet_trainer.h"

#include <string.h>

struct step {
    const struct resnet_trainer *trainer;
    size_t batch;
    int slot; /* of the gradient as far as it has come */
};

static float *gradient(const struct step *step)
{
    return step->trainer->slots[step->slot];
}

static float *other(const struct step *step)
{
    return step->trainer->slots[step->slot == GRADIENT0 ? GRADIENT1 : GRADIENT0];
}

static void turn(struct step *step)
{
    step->slot = step->slot == GRADIENT0 ? GRADIENT1 : GRADIENT0;
}

static void add(float *to, const float *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

/* dy, of what the norm gave, is shut where its relu was; the norm's own gradients. */
static void sum_norm(const struct step *step, struct train_layer *layer, float *dy, bool relu)
{
    const struct params *params = step->trainer->params;
    const struct param *items = params->items + layer->param;
    const size_t channels = layer->conv.out;
    batchnorm_sum(&layer->norm, dy, layer->z.data, relu ? layer->y.data : NULL);
    if (items[PART_GAMMA].trained)
        add(params->gradients + items[PART_GAMMA].at, layer->norm.dgamma, channels);
    if (items[PART_BETA].trained)
        add(params->gradients + items[PART_BETA].at, layer->norm.dbeta, channels);
}

/* From dy behind the norm, summed, to dz behind the convolution, and its weights' gradient. */
static void layer_backward(
    const struct step *step, const struct train_layer *layer, const float *dy, float *dz)
{
    const struct resnet_trainer *trainer = step->trainer;
    const struct conv_run run = train_run(trainer, layer, step->batch);
    batchnorm_backward(&layer->norm, dy, layer->z.data, dz, !layer->norm_trained);
    if (layer->weight_trained)
        conv_weight_gradient(&run, layer->x->data, dz,
            trainer->params->gradients + trainer->params->items[layer->param].at,
            trainer->sums);
}

/* dx [+]= the transpose of the layer's convolution times dz. */
static void input_gradient(const struct step *step, const struct train_layer *layer,
    const float *dz, float *dx, bool adds)
{
    const struct resnet_trainer *trainer = step->trainer;
    struct conv_run run = train_run(trainer, layer, step->batch);
    struct conv flipped = layer->flipped;
    if (!layer->flips) {
        conv_input_gradient(&run, dz, dx, adds, NULL);
        return;
    }
    conv_flip_weights(&layer->conv, &flipped, trainer->flipped);
    run.conv = &flipped;
    run.height = layer->z.rows;
    run.width = layer->z.columns;
    conv_forward(&run, dz, dx, adds ? dx : NULL, false);
}

static bool is_trained(const struct train_layer *layer)
{
    return layer->weight_trained || layer->norm_trained;
}

/* Around the block: its part of d / d the block's input, written to where the whole will be. */
static void around_backward(const struct step *step, size_t b, bool below)
{
    const struct resnet_trainer *trainer = step->trainer;
    const struct resnet_block *block = &trainer->resnet->blocks[b];
    struct train_layer *projection = train_projection(trainer, b);
    const struct plane *x = train_block_input(trainer, b);
    const struct pictures shape = resnet_pictures(x, step->batch);
    float *inner = trainer->slots[INNER0], *behind = trainer->slots[INNER1];
    if (block->shortcut == SHORTCUT_PAD && below)
        pad_shortcut_backward(trainer->threads, &shape, block->stride,
            trainer->blocks[b].around.channels, gradient(step), other(step));
    if (!projection || (!below && !is_trained(projection)))
        return;
    sum_norm(step, projection, gradient(step), false);
    layer_backward(step, projection, gradient(step), inner);
    if (!below)
        return;
    if (block->shortcut == SHORTCUT_POOL && block->stride > 1) {
        input_gradient(step, projection, inner, behind, false);
        average_pool_backward(trainer->threads, &shape, block->stride, behind, other(step));
    } else {
        input_gradient(step, projection, inner, other(step), false);
    }
}

/* below: whether anything under the block is trained. */
static void block_backward(struct step *step, size_t b, bool below)
{
    const struct resnet_trainer *trainer = step->trainer;
    const struct train_block *own = &trainer->blocks[b];
    struct train_layer *layers = &trainer->layers[own->first];
    size_t stop = 0, i = own->count - 1;
    while (!below && stop < own->count && !is_trained(&layers[stop]))
        stop++;
    float *dy = gradient(step), *dz = trainer->slots[INNER0];
    sum_norm(step, &layers[i], dy, true);
    around_backward(step, b, below);
    if (stop > i)
        return;
    layer_backward(step, &layers[i], dy, dz);
    for (; i > stop; i--) {
        dy = trainer->slots[(own->count - i) % 2 ? INNER1 : INNER0];
        input_gradient(step, &layers[i], dz, dy, false);
        sum_norm(step, &layers[i - 1], dy, true);
        layer_backward(step, &layers[i - 1], dy, dy);
        dz = dy;
    }
    if (!below)
        return;
    if (trainer->resnet->blocks[b].shortcut != SHORTCUT_IDENTITY)
        turn(step);
    input_gradient(step, &layers[0], dz, gradient(step), true);
}

/* Something of the stem is trained. */
static void stem_backward(struct step *step)
{
    const struct resnet_trainer *trainer = step->trainer;
    const size_t last = trainer->resnet->stem_count - 1;
    size_t stop = 0;
    while (!is_trained(&trainer->layers[stop]))
        stop++;
    if (trainer->resnet->pool) {
        const struct plane *x = &trainer->layers[last].y;
        const struct pictures shape = resnet_pictures(x, step->batch);
        max_pool_backward(trainer->threads, &shape, x->data, gradient(step), other(step));
        turn(step);
    }
    float *dy = gradient(step);
    for (size_t i = last;; i--) {
        sum_norm(step, &trainer->layers[i], dy, true);
        layer_backward(step, &trainer->layers[i], dy, dy);
        if (i == stop)
            return;
        float *dx = trainer->slots[i % 2 ? INNER0 : INNER1];
        input_gradient(step, &trainer->layers[i], dy, dx, false);
        dy = dx;
    }
}

struct spread {
    const float *means;
    const struct plane *x;
    float *dx;
};

static void spread_task(void *argument, size_t b, size_t worker)
{
    const struct spread *job = argument;
    const size_t positions = job->x->rows * job->x->columns, channels = job->x->channels;
    const float *from = job->means + b * channels;
    float *to = job->dx + b * positions * channels;
    (void)worker;
    for (size_t p = 0; p < positions; p++, to += channels)
        for (size_t c = 0; c < channels; c++)
            to[c] = from[c] / (float)positions;
}

/* The head's gradients, then d / d each position of the last activation. */
static void head_backward(const struct step *step, const float *logit_gradients)
{
    const struct resnet_trainer *trainer = step->trainer;
    const struct params *params = trainer->params;
    const struct param *weight = params->items + trainer->head, *bias = weight + 1;
    const size_t classes = weight->shape[0], features = weight->shape[1];
    const struct matrix by_class = { logit_gradients, 1, classes };
    if (weight->trained)
        gemm(classes, features, step->batch, 1, by_class,
            (struct matrix){ trainer->means, features, 1 }, 1, params->gradients + weight->at,
            features);
    for (size_t b = 0; b < step->batch && bias->trained; b++)
        add(params->gradients + bias->at, logit_gradients + b * classes, classes);
    if (!trainer->any)
        return;
    gemm_all(trainer->threads, step->batch, features, classes,
        (struct matrix){ logit_gradients, classes, 1 },
        (struct matrix){ params->values + weight->at, features, 1 }, trainer->means, features,
        NULL, NULL);
    struct spread job = { trainer->means,
        train_block_input(trainer, trainer->resnet->block_count), gradient(step) };
    threads_run(trainer->threads, step->batch, spread_task, &job);
}

void resnet_train_backward(
    struct resnet_trainer *trainer, size_t batch, const float *logit_gradients)
{
    struct step step = { trainer, batch, GRADIENT0 };
    head_backward(&step, logit_gradients);
    if (!trainer->any)
        return;
    for (size_t b = trainer->resnet->block_count; b > 0 && b >= trainer->lowest; b--)
        block_backward(&step, b - 1, b > trainer->lowest);
    if (trainer->lowest == 0)
        stem_backward(&step);
}
