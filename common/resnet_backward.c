/*
 * The backward pass of a residual network, from the logits down to the activation at the
 * lowest place whose gradient is wanted.
 *
 * A gradient lies in slot X0 or X1, where the block below finds it; what is on its way through
 * a block's convolutions takes turns in H0 and H1. All that a convolution's input gradient
 * needs of the forward pass is where each relu was open.
 */
#include "common/gemm.h"
#include "common/kernels.h"
#include "common/resnet_pass.h"

#include <string.h>

struct step {
    const struct resnet_pass *pass;
    size_t batch;
    int slot; /* of the gradient as far as it has come */
};

static float *gradient(const struct step *step)
{
    return step->pass->slots[step->slot];
}

static float *other(const struct step *step)
{
    return step->pass->slots[step->slot == X0 ? X1 : X0];
}

/* One row of a picture, of d / d what a relu gave. */
struct relu_rows {
    const struct plane *plane;
    float *dy;
};

static void relu_row(void *argument, size_t i, size_t worker)
{
    const struct relu_rows *relu = argument;
    const size_t line = relu->plane->columns * relu->plane->channels;
    (void)worker;
    relu_backward(relu->dy + i * line, relu->plane->data + i * line, 1, line, line);
}

static void transposed(const struct step *step, const struct conv *conv, const struct plane *x,
    const float *dy, float *dx, bool add, const float *relu_output)
{
    const struct conv_run run = resnet_run(step->pass, conv, x, step->batch);
    conv_input_gradient(&run, dy, dx, add, relu_output);
}

/* Writes the shortcut's part of d / d the block's input to where the whole will be: behind an
 * identity it is there already. */
static void shortcut_backward(struct step *step, size_t b)
{
    const struct resnet_pass *pass = step->pass;
    const struct resnet_block *block = &pass->blocks[b];
    const struct block_planes *planes = &pass->planes[b];
    const struct plane *x = resnet_block_input(pass, b);
    const struct pictures shape = resnet_pictures(x, step->batch);
    const float *dy = gradient(step);
    float *dx = other(step);
    if (block->shortcut == SHORTCUT_PAD) {
        pad_shortcut_backward(
            pass->threads, &shape, block->stride, planes->out.channels, dy, dx);
    } else if (block->shortcut == SHORTCUT_POOL && block->stride > 1) {
        transposed(step, &block->projection, &planes->pooled, dy, pass->slots[H1], false, NULL);
        average_pool_backward(pass->threads, &shape, block->stride, pass->slots[H1], dx);
    } else if (block->shortcut != SHORTCUT_IDENTITY) {
        transposed(step, &block->projection, x, dy, dx, false, NULL);
    }
}

static void block_backward(struct step *step, size_t b)
{
    const struct resnet_pass *pass = step->pass;
    const struct resnet_block *block = &pass->blocks[b];
    const struct block_planes *planes = &pass->planes[b];
    struct relu_rows relu = { &planes->out, gradient(step) };
    threads_run(pass->threads, step->batch * planes->out.rows, relu_row, &relu);
    shortcut_backward(step, b);
    const float *dy = gradient(step);
    for (size_t i = block->count - 1; i > 0; i--) {
        const struct plane *x = &planes->hidden[i - 1];
        float *dx = pass->slots[i % 2 ? H0 : H1];
        transposed(step, &block->convs[i], x, dy, dx, false, x->data);
        dy = dx;
    }
    if (block->shortcut != SHORTCUT_IDENTITY)
        step->slot = step->slot == X0 ? X1 : X0;
    transposed(
        step, &block->convs[0], resnet_block_input(pass, b), dy, gradient(step), true, NULL);
}

/* d / d logits to d / d each position of the last activation. */
static void head_backward(
    const struct resnet *resnet, const struct step *step, const float *logit_gradients)
{
    const struct resnet_pass *pass = step->pass;
    const struct plane *x = resnet_block_input(pass, pass->block_count);
    const size_t classes = resnet->model.classes, features = resnet->features;
    const size_t positions = x->rows * x->columns;
    float *to = gradient(step);
    gemm_all(pass->threads, step->batch, features, classes,
        (struct matrix){ logit_gradients, classes, 1 },
        (struct matrix){ resnet->fc_weight, features, 1 }, pass->means, features, NULL, NULL);
    for (size_t i = 0; i < step->batch * features; i++)
        pass->means[i] /= (float)positions;
    for (size_t b = 0; b < step->batch; b++)
        for (size_t p = 0; p < positions; p++, to += features)
            memcpy(to, pass->means + b * features, features * sizeof *to);
}

static void read_gradient(const struct step *step, size_t place, float *const *gradients)
{
    const struct pictures shape = resnet_pictures(resnet_place(step->pass, place), step->batch);
    pixels_to_planes(
        step->pass->threads, &shape, gradient(step), gradients + place * step->batch);
}

void resnet_backward(const struct resnet *resnet, struct resnet_pass *pass, size_t batch,
    const float *logit_gradients, float *const *gradients)
{
    struct step step = { pass, batch, X0 };
    head_backward(resnet, &step, logit_gradients);
    size_t place = pass->block_count;
    for (; place > pass->lowest && place > 0; place--) {
        read_gradient(&step, place, gradients);
        block_backward(&step, place - 1);
    }
    if (place == 0 && resnet->pool) {
        const struct plane *stem = resnet_place(pass, 0);
        const struct pictures shape = resnet_pictures(stem, batch);
        max_pool_backward(pass->threads, &shape, stem->data, gradient(&step), other(&step));
        step.slot = step.slot == X0 ? X1 : X0;
    }
    read_gradient(&step, place, gradients);
}
