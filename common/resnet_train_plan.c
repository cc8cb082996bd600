/* The buffers of a ResNet's training: one arena, planned twice, at first only to count. */
#include "common/resnet_trainer.h"

#include <stdlib.h>
#include <string.h>

struct planner {
    struct resnet_trainer *trainer;
    size_t scratch, flipped, sums, norm_sums;
};

static void raise(size_t *most, size_t size)
{
    *most = size > *most ? size : *most;
}

static float *take(struct planner *planner, size_t count)
{
    return arena_take(&planner->trainer->arena, count, 1, 1);
}

static size_t plane_size(const struct planner *planner, const struct plane *plane)
{
    size_t count;
    if (__builtin_mul_overflow(plane->rows, plane->columns, &count)
        || __builtin_mul_overflow(count, plane->channels, &count)
        || __builtin_mul_overflow(count, planner->trainer->batch, &count))
        return SIZE_MAX;
    return count;
}

/* Room of its own for what is kept, a slot's for what isn't. Above what is kept all is, so the
 * last that isn't stays in its slot, for the backward pass to read. */
static void settle(struct planner *planner, struct plane *plane, bool kept, int slot)
{
    const size_t size = plane_size(planner, plane);
    if (kept) {
        plane->data = take(planner, size);
    } else {
        raise(&planner->trainer->slot_sizes[slot], size);
        plane->data = planner->trainer->slots[slot];
    }
}

/* Gradients of that size on their way through a block, or from block to block. */
static void reserve(struct planner *planner, const struct plane *plane, int slot)
{
    raise(&planner->trainer->slot_sizes[slot], plane_size(planner, plane));
    raise(&planner->trainer->slot_sizes[slot + 1], plane_size(planner, plane));
}

/* What is behind the convolution: in its norm's place, unless it is kept. */
static void settle_raw(struct planner *planner, struct train_layer *layer, bool kept)
{
    layer->z.data = layer->y.data;
    if (!kept)
        return;
    settle(planner, &layer->z, true, 0);
    reserve(planner, &layer->z, INNER0);
}

static bool is_trained(const struct train_layer *layer)
{
    return layer->weight_trained || layer->norm_trained;
}

static void plan_norm(struct planner *planner, struct train_layer *layer)
{
    const struct params *params = planner->trainer->params;
    const struct param *items = params->items + layer->param;
    const size_t channels = layer->conv.out, size = plane_size(planner, &layer->z);
    struct batchnorm *norm = &layer->norm;
    *norm = (struct batchnorm){ .threads = planner->trainer->threads,
        .channels = channels,
        .gamma = params->values + items[PART_GAMMA].at,
        .beta = params->values + items[PART_BETA].at };
    float **const arrays[] = { &norm->mean, &norm->inverse, &norm->scale, &norm->shift,
        &norm->dgamma, &norm->dbeta };
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        *arrays[i] = take(planner, channels);
    raise(&planner->norm_sums,
        size == SIZE_MAX ? SIZE_MAX : batchnorm_room(size / channels, channels));
}

/* One convolution of x and its norm; where they go is settled by the caller. */
static int plan_layer(struct planner *planner, struct train_layer *layer, const struct plane *x,
    struct error *error)
{
    const struct resnet_trainer *trainer = planner->trainer;
    struct conv *conv = &layer->conv;
    layer->x = x;
    layer->z = (struct plane){ conv->out, conv_side(conv, x->rows), conv_side(conv, x->columns),
        NULL };
    layer->y = layer->z;
    if (layer->z.rows == 0 || layer->z.columns == 0)
        return fail(error, BAD_USAGE, "%zux%zu pixels are too few for this ResNet",
            trainer->width, trainer->height);
    plan_norm(planner, layer);
    const struct conv_run run = train_run(trainer, layer, trainer->batch);
    raise(&planner->scratch, conv_scratch(&run));
    if (layer->weight_trained)
        raise(&planner->sums, conv_weight_room(&run));
    layer->flips = conv_flip(conv, &layer->flipped);
    if (layer->flips) {
        const struct conv_run back = { trainer->threads, &layer->flipped, trainer->batch,
            layer->z.rows, layer->z.columns, NULL, 0 };
        raise(&planner->scratch, conv_scratch(&back));
        raise(&planner->flipped, trainer->params->items[layer->param].count);
    }
    return 0;
}

static int plan_stem(struct planner *planner, struct error *error)
{
    struct resnet_trainer *trainer = planner->trainer;
    const struct resnet *resnet = trainer->resnet;
    const bool kept = trainer->any && trainer->lowest == 0;
    const struct plane *x = &trainer->input;
    trainer->input =
        (struct plane){ resnet->stem[0].in, trainer->height, trainer->width, NULL };
    if (trainer->height == 0 || trainer->width == 0)
        return fail(error, BAD_USAGE, "a ResNet takes pictures of at least one pixel");
    settle(planner, &trainer->input, kept, HIDDEN0);
    for (size_t i = 0; i < resnet->stem_count; i++) {
        struct train_layer *layer = &trainer->layers[i];
        const int status = plan_layer(planner, layer, x, error);
        if (status < 0)
            return status;
        const bool last = i + 1 == resnet->stem_count;
        settle(planner, &layer->y, kept || (last && !resnet->pool && trainer->lowest == 1),
            last    ? OUT0
            : i % 2 ? HIDDEN0
                    : HIDDEN1);
        settle_raw(planner, layer, kept);
        x = &layer->y;
    }
    trainer->pooled = *x;
    if (resnet->pool) {
        trainer->pooled.rows = max_pool_side(x->rows);
        trainer->pooled.columns = max_pool_side(x->columns);
        settle(planner, &trainer->pooled, kept, OUT1);
    }
    if (kept) {
        reserve(planner, x, GRADIENT0);
        reserve(planner, &trainer->pooled, GRADIENT0);
    }
    return 0;
}

/* What goes around block b, of x. */
static int plan_around(
    struct planner *planner, size_t b, const struct plane *x, bool kept, struct error *error)
{
    struct resnet_trainer *trainer = planner->trainer;
    const struct resnet_block *block = &trainer->resnet->blocks[b];
    struct train_block *own = &trainer->blocks[b];
    struct train_layer *projection = train_projection(trainer, b);
    const size_t channels = block->convs[block->count - 1].out;
    if (block->shortcut == SHORTCUT_PAD) {
        own->around = (struct plane){ channels, (x->rows - 1) / block->stride + 1,
            (x->columns - 1) / block->stride + 1, NULL };
        settle(planner, &own->around, false, AROUND);
    }
    if (!projection)
        return 0;
    own->pooled = *x;
    if (block->shortcut == SHORTCUT_POOL && block->stride > 1) {
        own->pooled.rows = average_pool_side(x->rows, block->stride);
        own->pooled.columns = average_pool_side(x->columns, block->stride);
        settle(planner, &own->pooled, kept, HIDDEN1);
        reserve(planner, &own->pooled, INNER0);
    }
    const int status = plan_layer(planner, projection, &own->pooled, error);
    if (status < 0)
        return status;
    settle(planner, &projection->z, kept, AROUND);
    return 0;
}

static int plan_block(struct planner *planner, size_t b, struct error *error)
{
    struct resnet_trainer *trainer = planner->trainer;
    const struct train_block *own = &trainer->blocks[b];
    const struct plane *x = train_block_input(trainer, b), *from = x;
    const bool kept = trainer->any && trainer->lowest <= b + 1;
    const int out = (b + (trainer->resnet->pool ? 0 : 1)) % 2 ? OUT1 : OUT0;
    for (size_t i = 0; i < own->count; i++) {
        struct train_layer *layer = &trainer->layers[own->first + i];
        const int status = plan_layer(planner, layer, from, error);
        const bool last = i + 1 == own->count;
        if (status < 0)
            return status;
        settle(planner, &layer->y, kept, last ? out : i % 2 ? HIDDEN1 : HIDDEN0);
        settle_raw(planner, layer, kept);
        from = &layer->y;
    }
    if (kept) {
        reserve(planner, from, GRADIENT0);
        reserve(planner, x, GRADIENT0);
    }
    return plan_around(planner, b, x, kept, error);
}

static int plan(struct planner *planner, struct error *error)
{
    struct resnet_trainer *trainer = planner->trainer;
    size_t size;
    *planner = (struct planner){ .trainer = trainer };
    for (int i = 0; i < TRAIN_SLOTS; i++)
        trainer->slots[i] = take(planner, trainer->slot_sizes[i]);
    int status = plan_stem(planner, error);
    for (size_t b = 0; b < trainer->resnet->block_count && status == 0; b++)
        status = plan_block(planner, b, error);
    if (status < 0)
        return status;
    trainer->means = take(planner, trainer->batch * trainer->resnet->features);
    trainer->flipped = take(planner, planner->flipped);
    trainer->sums = take(planner, planner->sums);
    trainer->norm_sums = (double *)(void *)take(
        planner, planner->norm_sums > SIZE_MAX / 2 ? SIZE_MAX : 2 * planner->norm_sums);
    for (size_t i = 0; i < trainer->layer_count; i++)
        trainer->layers[i].norm.sums = trainer->norm_sums;
    trainer->scratch_stride =
        planner->scratch > SIZE_MAX / 2 ? SIZE_MAX : (planner->scratch + 15) & ~(size_t)15;
    if (__builtin_mul_overflow(trainer->scratch_stride, threads_count(trainer->threads), &size))
        size = SIZE_MAX;
    trainer->scratch = take(planner, size);
    return 0;
}

/* What is trained, and where its lowest is. */
static void look(struct resnet_trainer *trainer)
{
    const struct params *params = trainer->params;
    trainer->any = false;
    trainer->lowest = 0;
    for (size_t i = trainer->layer_count; i-- > 0;) {
        struct train_layer *layer = &trainer->layers[i];
        const struct param *items = params->items + layer->param;
        layer->weight_trained = items->trained;
        layer->norm_trained = items[PART_GAMMA].trained || items[PART_BETA].trained;
        if (is_trained(layer)) {
            trainer->any = true;
            trainer->lowest = items->depth;
        }
    }
}

int resnet_train_prepare(struct resnet_trainer *trainer, size_t batch, size_t height,
    size_t width, struct threads *threads, struct error *error)
{
    struct planner planner = { .trainer = trainer };
    arena_free(&trainer->arena);
    memset(trainer->slot_sizes, 0, sizeof trainer->slot_sizes);
    trainer->threads = threads;
    trainer->batch = batch;
    trainer->height = height;
    trainer->width = width;
    look(trainer);
    int status = plan(&planner, error);
    if (status < 0)
        return status;
    for (int i = 0; i < TRAIN_SLOTS; i++)
        take(&planner, trainer->slot_sizes[i]);
    status = arena_allocate(&trainer->arena, error);
    return status < 0 ? status : plan(&planner, error);
}

size_t resnet_trainer_bytes(const struct resnet_trainer *trainer)
{
    return arena_bytes(&trainer->arena);
}
