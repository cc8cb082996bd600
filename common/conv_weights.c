/*
 * The gradient of a convolution's weights, and the transposed convolution as a convolution.
 *
 * Outputs are shared out in parts that depend on shapes alone; each sums the products of its
 * tiles, gathered as in the forward pass, and the parts are added in their order.
 */
#include "common/conv_parts.h"
#include "common/gemm.h"

enum { SUMMED = 4096 }; /* weights of a task that adds parts */

struct weight_gradient {
    const struct conv_run *run;
    const float *x, *dy;
    float *dw, *sums;
    size_t m;               /* outputs of all pictures */
    size_t lines, steps;    /* of the kernel at a time; how many such */
    size_t columns, across; /* of a tile; tiles beside one another in a group */
    size_t rows, parts;     /* outputs of a part */
    size_t count;           /* weights */
};

static struct weight_gradient plan_gradient(const struct conv_run *run)
{
    const struct conv *conv = run->conv;
    const size_t out = conv_group_out(conv);
    struct weight_gradient w = { .run = run };
    w.m = run->batch * conv_side(conv, run->height) * conv_side(conv, run->width);
    w.lines = conv_lines(conv);
    w.steps = (conv->kernel + w.lines - 1) / w.lines;
    w.columns = gemm_share(out, out > WIDE_COLUMNS ? out / (WIDE_COLUMNS / 2) : 1, 64);
    w.across = (out + w.columns - 1) / w.columns;
    const size_t tasks = conv->groups * w.steps * w.across;
    w.rows = gemm_share(w.m, (FEW_TILES + tasks - 1) / tasks, TILE_ROWS);
    w.parts = (w.m + w.rows - 1) / w.rows;
    w.count = conv->kernel * conv->kernel * conv_group_in(conv) * conv->out;
    return w;
}

static void part_task(void *argument, size_t i, size_t worker)
{
    const struct weight_gradient *w = argument;
    const struct conv *conv = w->run->conv;
    const size_t in = conv_group_in(conv), out = conv_group_out(conv);
    const size_t column = i % w->across * w->columns;
    const size_t ky = i / w->across % w->steps * w->lines;
    const size_t g = i / w->across / w->steps % conv->groups;
    const size_t part = i / w->across / w->steps / conv->groups;
    const size_t first = part * w->rows, end = least(first + w->rows, w->m);
    const size_t lines = least(w->lines, conv->kernel - ky);
    const size_t columns = least(w->columns, out - column);
    const size_t line = conv->kernel * in, length = lines * line;
    float *gathered = w->run->scratch + worker * w->run->stride;
    float *to = w->parts > 1 ? w->sums + part * w->count : w->dw;
    to += (g * conv->kernel + ky) * line * out + column;
    for (size_t row = first; row < end; row += TILE_ROWS) {
        const size_t rows = least(TILE_ROWS, end - row);
        struct matrix x = { w->x + row * conv->in + g * in, 1, conv->in };
        if (!conv_is_product(conv)) {
            conv_gather(w->run, w->x, row, rows, ky, lines, g * in, gathered);
            x = (struct matrix){ gathered, 1, length };
        }
        gemm(length, columns, rows, 1, x,
            (struct matrix){ w->dy + row * conv->out + g * out + column, conv->out, 1 },
            w->parts > 1 && row == first ? 0 : 1, to, out);
    }
}

static void add_parts(void *argument, size_t i, size_t worker)
{
    const struct weight_gradient *w = argument;
    const size_t first = i * SUMMED, count = least(SUMMED, w->count - first);
    (void)worker;
    for (size_t part = 0; part < w->parts; part++)
        for (size_t k = 0; k < count; k++)
            w->dw[first + k] += w->sums[part * w->count + first + k];
}

void conv_weight_gradient(
    const struct conv_run *run, const float *x, const float *dy, float *dw, float *sums)
{
    struct weight_gradient w = plan_gradient(run);
    w.x = x;
    w.dy = dy;
    w.dw = dw;
    w.sums = sums;
    threads_run(run->threads, w.parts * w.across * w.steps * run->conv->groups, part_task, &w);
    if (w.parts > 1)
        threads_run(run->threads, (w.count + SUMMED - 1) / SUMMED, add_parts, &w);
}

size_t conv_weight_room(const struct conv_run *run)
{
    const struct conv *conv = run->conv;
    size_t outputs, room;
    if (__builtin_mul_overflow(
            conv_side(conv, run->height), conv_side(conv, run->width), &outputs)
        || __builtin_mul_overflow(outputs, run->batch, &outputs)
        || outputs > SIZE_MAX - TILE_ROWS)
        return SIZE_MAX;
    const struct weight_gradient w = plan_gradient(run);
    if (w.parts < 2)
        return 0;
    return __builtin_mul_overflow(w.parts, w.count, &room) ? SIZE_MAX : room;
}

bool conv_flip(const struct conv *conv, struct conv *flipped)
{
    if (conv->stride != 1 || conv->kernel < 2 || conv->kernel != 2 * conv->pad + 1)
        return false;
    *flipped = *conv;
    flipped->in = conv->out;
    flipped->out = conv->in;
    flipped->weight = flipped->bias = NULL;
    return true;
}

/* [ky, kx, i][o] becomes [k - 1 - ky, k - 1 - kx, o][i] in every group. */
void conv_flip_weights(const struct conv *conv, struct conv *flipped, float *weight)
{
    const size_t in = conv_group_in(conv), out = conv_group_out(conv);
    const size_t taps = conv->kernel * conv->kernel;
    const float *from = conv->weight;
    flipped->weight = weight;
    for (size_t g = 0; g < conv->groups; g++)
        for (size_t tap = 0; tap < taps; tap++) {
            float *to = weight + (g * taps + taps - 1 - tap) * in * out;
            for (size_t i = 0; i < in; i++, from += out)
                for (size_t o = 0; o < out; o++)
                    to[o * in + i] = from[o];
        }
}
