/* The buffers of a ResNet's passes: one arena, planned twice, at first only to count. */
#include "common/resnet_pass.h"

#include <stdlib.h>

void resnet_pass_free(struct resnet_pass *pass)
{
    if (!pass)
        return;
    arena_free(&pass->arena);
    free(pass->blocks);
    free(pass->planes);
    free(pass);
}

const struct plane *resnet_place(const struct resnet_pass *pass, size_t place)
{
    return place > 0 ? &pass->planes[place - 1].out : &pass->stems[pass->stem_count - 1];
}

void resnet_place_shape(const struct resnet_pass *pass, size_t place, size_t shape[3])
{
    const struct plane *plane = resnet_place(pass, place);
    shape[0] = plane->channels;
    shape[1] = plane->rows;
    shape[2] = plane->columns;
}

const struct plane *resnet_block_input(const struct resnet_pass *pass, size_t b)
{
    return b > 0 ? &pass->planes[b - 1].out : &pass->pooled;
}

struct pictures resnet_pictures(const struct plane *plane, size_t batch)
{
    return (struct pictures){ batch, plane->rows, plane->columns, plane->channels };
}

struct conv_run resnet_run(const struct resnet_pass *pass, const struct conv *conv,
    const struct plane *x, size_t batch)
{
    return (struct conv_run){ pass->threads, conv, batch, x->rows, x->columns, pass->scratch,
        pass->scratch_stride };
}

struct planner {
    const struct resnet *resnet;
    struct resnet_pass *pass;
    size_t scratch; /* floats; SIZE_MAX: can't be counted */
};

static float *take(struct planner *planner, size_t count)
{
    return arena_take(&planner->pass->arena, count, 1, 1);
}

static size_t plane_size(const struct planner *planner, const struct plane *plane)
{
    size_t count;
    if (__builtin_mul_overflow(plane->rows, plane->columns, &count)
        || __builtin_mul_overflow(count, plane->channels, &count)
        || __builtin_mul_overflow(count, planner->pass->batch, &count))
        return SIZE_MAX;
    return count;
}

/* The slot must hold that much. */
static void reserve(struct planner *planner, int slot, const struct plane *plane)
{
    const size_t size = plane_size(planner, plane);
    size_t *most = &planner->pass->slot_sizes[slot];
    *most = size > *most ? size : *most;
}

static void reserve_gradient(struct planner *planner, const struct plane *plane)
{
    reserve(planner, X0, plane);
    reserve(planner, X1, plane);
}

/* Room of its own for what is kept, a slot's for what isn't. */
static void settle(struct planner *planner, struct plane *plane, bool kept, int slot)
{
    if (kept) {
        plane->data = take(planner, plane_size(planner, plane));
    } else {
        reserve(planner, slot, plane);
        plane->data = planner->pass->slots[slot];
    }
}

static struct plane convolved(const struct conv *conv, const struct plane *x)
{
    return (
        struct plane){ conv->out, conv_side(conv, x->rows), conv_side(conv, x->columns), NULL };
}

/* The pass's own conv: groups merged where that pays, and scratch enough for it. */
static void plan_conv(
    struct planner *planner, const struct conv *from, struct conv *conv, const struct plane *x)
{
    const struct resnet_pass *pass = planner->pass;
    const size_t size = conv_merge_groups(from, conv);
    if (size > 0) {
        float *weight = take(planner, size);
        if (weight)
            conv_merge_weights(from, conv, weight);
    }
    const struct conv_run run = resnet_run(pass, conv, x, pass->batch);
    const size_t scratch = conv_scratch(&run);
    planner->scratch = scratch > planner->scratch ? scratch : planner->scratch;
}

static int refuse_size(const struct planner *planner, struct error *error)
{
    return fail(error, BAD_SAMPLE, "%zux%zu pixels are too few for this ResNet",
        planner->pass->width, planner->pass->height);
}

static bool is_empty(const struct plane *plane)
{
    return plane->rows == 0 || plane->columns == 0;
}

static int plan_stem(struct planner *planner, struct error *error)
{
    const struct resnet *resnet = planner->resnet;
    struct resnet_pass *pass = planner->pass;
    const size_t last = resnet->stem_count - 1;
    const bool kept = pass->lowest == 0;
    pass->input = (struct plane){ resnet->stem[0].in, pass->height, pass->width, NULL };
    if (is_empty(&pass->input))
        return refuse_size(planner, error);
    settle(planner, &pass->input, false, H0);
    const struct plane *x = &pass->input;
    for (size_t i = 0; i <= last; x = &pass->stems[i++]) {
        pass->stems[i] = convolved(&resnet->stem[i], x);
        if (is_empty(&pass->stems[i]))
            return refuse_size(planner, error);
        plan_conv(planner, &resnet->stem[i], &pass->stem[i], x);
        settle(planner, &pass->stems[i], i == last && kept, i == last ? X0 : i % 2 ? H0 : H1);
    }
    pass->pooled = *x;
    if (resnet->pool) {
        pass->pooled.rows = max_pool_side(x->rows);
        pass->pooled.columns = max_pool_side(x->columns);
        settle(planner, &pass->pooled, false, X1);
    }
    if (kept)
        reserve_gradient(planner, x);
    return 0;
}

/* What the shortcut makes of x. */
static struct plane plan_shortcut(
    struct planner *planner, size_t b, const struct plane *x, const struct plane *out)
{
    const struct resnet_block *block = &planner->resnet->blocks[b];
    struct plane *pooled = &planner->pass->planes[b].pooled;
    const size_t stride = block->stride;
    *pooled = *x;
    if (block->shortcut == SHORTCUT_IDENTITY)
        return *x;
    if (block->shortcut == SHORTCUT_PAD)
        return (struct plane){ out->channels, (x->rows - 1) / stride + 1,
            (x->columns - 1) / stride + 1, NULL };
    if (block->shortcut == SHORTCUT_POOL && stride > 1) {
        pooled->rows = average_pool_side(x->rows, stride);
        pooled->columns = average_pool_side(x->columns, stride);
        settle(planner, pooled, false, H1);
    }
    plan_conv(planner, &block->projection, &planner->pass->blocks[b].projection, pooled);
    return convolved(&block->projection, pooled);
}

/* Puts block b's output where it belongs; *slot: where its input is, then its output. */
static void settle_output(struct planner *planner, size_t b, int *slot)
{
    struct resnet_pass *pass = planner->pass;
    struct block_planes *planes = &pass->planes[b];
    if (pass->blocks[b].shortcut != SHORTCUT_IDENTITY)
        *slot = *slot == X0 ? X1 : X0;
    settle(planner, &planes->out, pass->lowest <= b + 1, *slot);
    if (pass->lowest <= b + 1)
        reserve_gradient(planner, &planes->out);
    for (size_t c = 0; pass->lowest <= b && c + 1 < pass->blocks[b].count; c++)
        reserve(planner, c % 2 ? H1 : H0, &planes->hidden[c]); /* for its gradient */
}

static int plan_block(struct planner *planner, size_t b, int *slot, struct error *error)
{
    struct resnet_pass *pass = planner->pass;
    const struct resnet_block *block = &planner->resnet->blocks[b];
    struct block_planes *planes = &pass->planes[b];
    const struct plane *x = resnet_block_input(pass, b), *from = x;
    pass->blocks[b] = *block;
    for (size_t c = 0; c < block->count; c++) {
        struct plane *to = c + 1 < block->count ? &planes->hidden[c] : &planes->out;
        *to = convolved(&block->convs[c], from);
        if (is_empty(to))
            return refuse_size(planner, error);
        plan_conv(planner, &block->convs[c], &pass->blocks[b].convs[c], from);
        if (c + 1 < block->count)
            settle(planner, to, pass->lowest <= b, c % 2 ? H1 : H0);
        from = to;
    }
    const struct plane beside = plan_shortcut(planner, b, x, &planes->out);
    if (beside.channels != planes->out.channels || beside.rows != planes->out.rows
        || beside.columns != planes->out.columns)
        return fail(error, BAD_USAGE,
            "block %zu's shortcut gives %zu channels of %zux%zu, its convolutions %zu of "
            "%zux%zu",
            b, beside.channels, beside.columns, beside.rows, planes->out.channels,
            planes->out.columns, planes->out.rows);
    settle_output(planner, b, slot);
    return 0;
}

static int plan(struct planner *planner, struct error *error)
{
    const struct resnet *resnet = planner->resnet;
    struct resnet_pass *pass = planner->pass;
    int slot = resnet->pool ? X1 : X0, status;
    planner->scratch = 0;
    for (int i = 0; i < SLOTS; i++)
        pass->slots[i] = take(planner, pass->slot_sizes[i]);
    if ((status = plan_stem(planner, error)) < 0)
        return status;
    for (size_t b = 0; b < resnet->block_count; b++)
        if ((status = plan_block(planner, b, &slot, error)) < 0)
            return status;
    size_t size;
    pass->means = take(planner, pass->batch * resnet->features);
    pass->scratch_stride = (planner->scratch + 15) & ~(size_t)15;
    if (planner->scratch > SIZE_MAX / 2
        || __builtin_mul_overflow(pass->scratch_stride, threads_count(pass->threads), &size))
        size = SIZE_MAX;
    pass->scratch = take(planner, size);
    return 0;
}

int resnet_prepare(const struct resnet *resnet, struct resnet_pass **result, size_t batch,
    size_t height, size_t width, size_t lowest, struct threads *threads, struct error *error)
{
    resnet_pass_free(*result);
    struct resnet_pass *pass = *result = calloc(1, sizeof *pass);
    if (!pass)
        return fail_memory(error, sizeof *pass);
    pass->threads = threads;
    pass->batch = batch;
    pass->height = height;
    pass->width = width;
    pass->lowest = lowest;
    pass->stem_count = resnet->stem_count;
    pass->block_count = resnet->block_count;
    pass->blocks = calloc(resnet->block_count, sizeof *pass->blocks);
    pass->planes = calloc(resnet->block_count, sizeof *pass->planes);
    if (!pass->blocks || !pass->planes)
        return fail_memory(error, resnet->block_count * sizeof *pass->planes);
    struct planner planner = { .resnet = resnet, .pass = pass };
    int status = plan(&planner, error);
    if (status < 0)
        return status;
    for (int i = 0; i < SLOTS; i++)
        take(&planner, pass->slot_sizes[i]);
    status = arena_allocate(&pass->arena, error);
    return status < 0 ? status : plan(&planner, error);
}
