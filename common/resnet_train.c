/*
 * The forward pass of a ResNet's training: every norm from the batch's own statistics, or its
 * running ones where it is frozen.
 */
#include "common/gemm.h"
#include "common/kernels.h"
#include "common/resnet_trainer.h"

struct train_layer *train_projection(const struct resnet_trainer *trainer, size_t b)
{
    const struct train_block *own = &trainer->blocks[b];
    const enum shortcut shortcut = trainer->resnet->blocks[b].shortcut;
    const bool there = shortcut == SHORTCUT_CONV || shortcut == SHORTCUT_POOL;
    return there ? &trainer->layers[own->first + own->count] : NULL;
}

const struct plane *train_block_input(const struct resnet_trainer *trainer, size_t b)
{
    if (b == 0)
        return &trainer->pooled;
    const struct train_block *below = &trainer->blocks[b - 1];
    return &trainer->layers[below->first + below->count - 1].y;
}

struct conv_run train_run(
    const struct resnet_trainer *trainer, const struct train_layer *layer, size_t batch)
{
    return (struct conv_run){ trainer->threads, &layer->conv, batch, layer->x->rows,
        layer->x->columns, trainer->scratch, trainer->scratch_stride };
}

/* A convolution and what its norm takes it by, not yet the norm. */
static void convolve(
    const struct resnet_trainer *trainer, struct train_layer *layer, size_t batch)
{
    const struct conv_run run = train_run(trainer, layer, batch);
    const struct param *items = trainer->params->items + layer->param;
    float *values = trainer->params->values;
    float *mean = values + items[PART_MEAN].at, *variance = values + items[PART_VARIANCE].at;
    layer->norm.rows = batch * layer->z.rows * layer->z.columns;
    conv_forward(&run, layer->x->data, layer->z.data, NULL, false);
    if (layer->norm_trained)
        batchnorm_measure(&layer->norm, layer->z.data, mean, variance);
    else
        batchnorm_recall(&layer->norm, mean, variance);
}

static void layer_forward(
    const struct resnet_trainer *trainer, struct train_layer *layer, size_t batch)
{
    convolve(trainer, layer, batch);
    batchnorm_forward(&layer->norm, layer->z.data, layer->y.data, NULL, NULL, true);
}

/* Returns what is to be added to the block's last norm; *beside: its own norm, not yet applied.
 */
static const float *around_forward(
    struct resnet_trainer *trainer, size_t b, size_t batch, const struct batchnorm **beside)
{
    const struct resnet_block *block = &trainer->resnet->blocks[b];
    struct train_block *own = &trainer->blocks[b];
    struct train_layer *projection = train_projection(trainer, b);
    const struct plane *x = train_block_input(trainer, b);
    const struct pictures shape = resnet_pictures(x, batch);
    *beside = NULL;
    if (block->shortcut == SHORTCUT_IDENTITY)
        return x->data;
    if (block->shortcut == SHORTCUT_PAD) {
        pad_shortcut_forward(trainer->threads, &shape, block->stride, own->around.channels,
            x->data, own->around.data);
        return own->around.data;
    }
    if (block->shortcut == SHORTCUT_POOL && block->stride > 1)
        average_pool_forward(
            trainer->threads, &shape, block->stride, x->data, own->pooled.data);
    convolve(trainer, projection, batch);
    *beside = &projection->norm;
    return projection->z.data;
}

static void block_forward(struct resnet_trainer *trainer, size_t b, size_t batch)
{
    const struct train_block *own = &trainer->blocks[b];
    const struct batchnorm *beside;
    const float *around = around_forward(trainer, b, batch, &beside);
    struct train_layer *layer = &trainer->layers[own->first];
    for (size_t i = 0; i + 1 < own->count; i++)
        layer_forward(trainer, layer++, batch);
    convolve(trainer, layer, batch);
    batchnorm_forward(&layer->norm, layer->z.data, layer->y.data, around, beside, true);
}

struct means {
    const struct plane *x;
    float *means;
};

static void mean_task(void *argument, size_t b, size_t worker)
{
    const struct means *job = argument;
    const size_t positions = job->x->rows * job->x->columns, channels = job->x->channels;
    (void)worker;
    mean_forward(job->means + b * channels, job->x->data + b * positions * channels, positions,
        channels);
}

static void head_forward(struct resnet_trainer *trainer, size_t batch, float *logits)
{
    const struct resnet *resnet = trainer->resnet;
    const struct param *items = trainer->params->items + trainer->head;
    const float *values = trainer->params->values;
    const size_t classes = resnet->model.classes, features = resnet->features;
    struct means job = { train_block_input(trainer, resnet->block_count), trainer->means };
    threads_run(trainer->threads, batch, mean_task, &job);
    gemm_all(trainer->threads, batch, classes, features,
        (struct matrix){ trainer->means, features, 1 },
        (struct matrix){ values + items[0].at, 1, features }, logits, classes, NULL, NULL);
    bias_forward(logits, values + items[1].at, batch, classes, classes);
}

void resnet_train_forward(
    struct resnet_trainer *trainer, const float *const *inputs, size_t batch, float *logits)
{
    const struct resnet *resnet = trainer->resnet;
    const struct pictures input = resnet_pictures(&trainer->input, batch);
    planes_to_pixels(trainer->threads, &input, inputs, trainer->input.data);
    for (size_t i = 0; i < resnet->stem_count; i++)
        layer_forward(trainer, &trainer->layers[i], batch);
    const struct plane *stem = &trainer->layers[resnet->stem_count - 1].y;
    const struct pictures shape = resnet_pictures(stem, batch);
    if (resnet->pool)
        max_pool_forward(trainer->threads, &shape, stem->data, trainer->pooled.data);
    for (size_t b = 0; b < resnet->block_count; b++)
        block_forward(trainer, b, batch);
    head_forward(trainer, batch, logits);
}
