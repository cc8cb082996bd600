/*
 * The forward pass of a residual network (He et al. 2016), convolutions with their batch norm
 * folded in.
 *
 * What is added to a block's last convolution lies in its output already, where it can: an
 * unkept identity shortcut works in its input's place, a projection is written first.
 */
#include "common/gemm.h"
#include "common/kernels.h"
#include "common/resnet_pass.h"

/* to, behind a convolution of x. */
static void convolve(const struct resnet_pass *pass, size_t batch, const struct conv *conv,
    const struct plane *x, const struct plane *to, const float *residual, bool relu)
{
    const struct conv_run run = resnet_run(pass, conv, x, batch);
    conv_forward(&run, x->data, to->data, residual, relu);
}

/* Returns what is to be added to the last convolution. */
static const float *shortcut_forward(const struct resnet_pass *pass, size_t b, size_t batch)
{
    const struct resnet_block *block = &pass->blocks[b];
    const struct block_planes *planes = &pass->planes[b];
    const struct plane *x = resnet_block_input(pass, b), *pooled = x;
    const struct pictures shape = resnet_pictures(x, batch);
    if (block->shortcut == SHORTCUT_IDENTITY)
        return x->data;
    if (block->shortcut == SHORTCUT_PAD) {
        pad_shortcut_forward(pass->threads, &shape, block->stride, planes->out.channels,
            x->data, planes->out.data);
        return planes->out.data;
    }
    if (block->shortcut == SHORTCUT_POOL && block->stride > 1) {
        pooled = &planes->pooled;
        average_pool_forward(pass->threads, &shape, block->stride, x->data, pooled->data);
    }
    convolve(pass, batch, &block->projection, pooled, &planes->out, NULL, false);
    return planes->out.data;
}

static void block_forward(const struct resnet_pass *pass, size_t b, size_t batch)
{
    const struct resnet_block *block = &pass->blocks[b];
    const struct block_planes *planes = &pass->planes[b];
    const float *shortcut = shortcut_forward(pass, b, batch);
    const struct plane *x = resnet_block_input(pass, b);
    for (size_t i = 0; i + 1 < block->count; x = &planes->hidden[i++])
        convolve(pass, batch, &block->convs[i], x, &planes->hidden[i], NULL, true);
    convolve(pass, batch, &block->convs[block->count - 1], x, &planes->out, shortcut, true);
}

static void stem_forward(
    const struct resnet *resnet, const struct resnet_pass *pass, size_t batch)
{
    const struct plane *x = &pass->input;
    for (size_t i = 0; i < pass->stem_count; x = &pass->stems[i++])
        convolve(pass, batch, &pass->stem[i], x, &pass->stems[i], NULL, true);
    const struct pictures shape = resnet_pictures(x, batch);
    if (resnet->pool)
        max_pool_forward(pass->threads, &shape, x->data, pass->pooled.data);
}

static void logits_forward(
    const struct resnet *resnet, const struct resnet_pass *pass, size_t batch, float *logits)
{
    const struct plane *x = resnet_block_input(pass, pass->block_count);
    const size_t classes = resnet->model.classes, features = resnet->features;
    const size_t positions = x->rows * x->columns;
    for (size_t b = 0; b < batch; b++)
        mean_forward(pass->means + b * features, x->data + b * positions * features, positions,
            features);
    gemm_all(pass->threads, batch, classes, features,
        (struct matrix){ pass->means, features, 1 },
        (struct matrix){ resnet->fc_weight, 1, features }, logits, classes, NULL, NULL);
    bias_forward(logits, resnet->fc_bias, batch, classes, classes);
}

static void read_place(
    const struct resnet_pass *pass, size_t place, size_t batch, float *const *activations)
{
    const struct plane *plane = resnet_place(pass, place);
    const struct pictures shape = resnet_pictures(plane, batch);
    if (activations)
        pixels_to_planes(pass->threads, &shape, plane->data, activations + place * batch);
}

void resnet_forward(const struct resnet *resnet, struct resnet_pass *pass,
    const float *const *inputs, size_t batch, float *logits, float *const *activations)
{
    const struct pictures shape = resnet_pictures(&pass->input, batch);
    planes_to_pixels(pass->threads, &shape, inputs, pass->input.data);
    stem_forward(resnet, pass, batch);
    read_place(pass, 0, batch, activations);
    for (size_t b = 0; b < pass->block_count; b++) {
        block_forward(pass, b, batch);
        read_place(pass, b + 1, batch, activations);
    }
    if (logits && resnet->fc_weight)
        logits_forward(resnet, pass, batch, logits);
}
