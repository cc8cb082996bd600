#include "common/conv_parts.h"
#include "common/gemm.h"
#include "common/kernels.h"

#include <string.h>

size_t conv_side(const struct conv *conv, size_t side)
{
    const size_t padded = side + 2 * conv->pad;
    return side == 0 || padded < conv->kernel ? 0 : (padded - conv->kernel) / conv->stride + 1;
}

/* How m rows and n columns of each group are cut. */
struct cut {
    size_t rows, columns, across; /* of a tile; tiles beside one another in a group */
    size_t count;                 /* in all */
};

static struct cut cut_tiles(size_t m, size_t n, size_t groups, bool gathered)
{
    struct cut cut = { m, n, 1, 0 };
    const bool wide = n > WIDE_COLUMNS && !gathered;
    const size_t most = wide ? 4 * TILE_ROWS : TILE_ROWS;
    const size_t down = (m + most - 1) / most;
    cut.rows = gemm_share(m, down, 24);
    cut.across = n > WIDE_COLUMNS ? n / (WIDE_COLUMNS / 2) : 1;
    if (down * cut.across * groups < FEW_TILES)
        cut.across = FEW_TILES / (down * groups);
    cut.columns = gemm_share(n, cut.across, 64);
    cut.across = (n + cut.columns - 1) / cut.columns;
    cut.count = (m + cut.rows - 1) / cut.rows * groups * cut.across;
    return cut;
}

/* What the tiles of one convolution share. */
struct forward {
    const struct conv_run *run;
    const float *x, *residual;
    float *y;
    bool relu;
    size_t rows, columns; /* of a picture of y */
    struct cut cut;
    size_t lines; /* of the kernel, gathered at a time */
};

static struct forward plan_forward(const struct conv_run *run)
{
    const struct conv *conv = run->conv;
    struct forward f = { .run = run };
    f.rows = conv_side(conv, run->height);
    f.columns = conv_side(conv, run->width);
    f.cut = cut_tiles(run->batch * f.rows * f.columns, conv_group_out(conv), conv->groups,
        !conv_is_product(conv));
    f.lines = conv_lines(conv);
    return f;
}

/* Products go on top of what lies in y, so that it doesn't matter where the residual was. */
static void copy_residual(const struct forward *f, size_t at, size_t rows, size_t columns)
{
    const size_t stride = f->run->conv->out;
    for (; rows > 0 && f->residual && f->residual != f->y; rows--, at += stride)
        memcpy(f->y + at, f->residual + at, columns * sizeof *f->y);
}

static void finish_tile(
    const struct forward *f, size_t row, size_t rows, size_t channel, size_t channels)
{
    const size_t out = f->run->conv->out;
    const float *bias = f->run->conv->bias ? f->run->conv->bias + channel : NULL;
    float *y = f->y + row * out + channel;
    bias_forward(y, bias, rows, channels, out);
    if (f->relu)
        activation_forward(y, y, RELU, rows, channels, out);
}

static void forward_tile(void *argument, size_t i, size_t worker)
{
    const struct forward *f = argument;
    const struct conv *conv = f->run->conv;
    const struct cut *cut = &f->cut;
    const size_t in = conv_group_in(conv), out = conv_group_out(conv), line = conv->kernel * in;
    const size_t m = f->run->batch * f->rows * f->columns;
    const size_t column = i % cut->across * cut->columns;
    const size_t g = i / cut->across % conv->groups;
    const size_t row = i / cut->across / conv->groups * cut->rows;
    const size_t rows = least(cut->rows, m - row), columns = least(cut->columns, out - column);
    const size_t at = row * conv->out + g * out + column;
    const float *weight = conv->weight + g * conv->kernel * line * out + column;
    float *gathered = f->run->scratch + worker * f->run->stride;
    copy_residual(f, at, rows, columns);
    for (size_t ky = 0, lines; ky < conv->kernel; ky += lines) {
        lines = least(f->lines, conv->kernel - ky);
        struct matrix a = { f->x + row * conv->in + g * in, conv->in, 1 };
        if (!conv_is_product(conv)) {
            conv_gather(f->run, f->x, row, rows, ky, lines, g * in, gathered);
            a = (struct matrix){ gathered, lines * line, 1 };
        }
        gemm(rows, columns, lines * line, 1, a,
            (struct matrix){ weight + ky * line * out, out, 1 }, f->residual || ky > 0 ? 1 : 0,
            f->y + at, conv->out);
    }
    finish_tile(f, row, rows, g * out + column, columns);
}

void conv_forward(
    const struct conv_run *run, const float *x, float *y, const float *residual, bool relu)
{
    struct forward f = plan_forward(run);
    f.x = x;
    f.y = y;
    f.residual = residual;
    f.relu = relu;
    threads_run(run->threads, f.cut.count, forward_tile, &f);
}

/* The gradient of a product is a product with the transposed weights. */
struct product_gradient {
    const struct conv_run *run;
    const float *dy, *relu_output;
    float *dx;
    bool add;
    size_t m;
    struct cut cut;
};

static void product_gradient_tile(void *argument, size_t i, size_t worker)
{
    const struct product_gradient *p = argument;
    const struct conv *conv = p->run->conv;
    const struct cut *cut = &p->cut;
    const size_t in = conv_group_in(conv), out = conv_group_out(conv);
    const size_t column = i % cut->across * cut->columns;
    const size_t g = i / cut->across % conv->groups;
    const size_t row = i / cut->across / conv->groups * cut->rows;
    const size_t rows = least(cut->rows, p->m - row),
                 columns = least(cut->columns, in - column);
    const size_t at = row * conv->in + g * in + column;
    (void)worker;
    gemm(rows, columns, out, 1,
        (struct matrix){ p->dy + row * conv->out + g * out, conv->out, 1 },
        (struct matrix){ conv->weight + (g * in + column) * out, 1, out }, p->add ? 1 : 0,
        p->dx + at, conv->in);
    if (p->relu_output)
        relu_backward(p->dx + at, p->relu_output + at, rows, columns, conv->in);
}

/*
 * Elsewhere each tap of the kernel sends back a product of its own, added where the tap lay
 * (col2im). A task owns some channels of some pictures' dx.
 */
struct scatter {
    const struct conv_run *run;
    const float *dy, *relu_output;
    float *dx;
    bool add;
    size_t rows, columns;              /* of a picture of dy */
    size_t pictures, channels, across; /* of a task; tasks beside one another */
    size_t count;
};

static struct scatter plan_scatter(const struct conv_run *run)
{
    const struct conv *conv = run->conv;
    struct scatter s = { .run = run };
    s.rows = conv_side(conv, run->height);
    s.columns = conv_side(conv, run->width);
    const size_t positions = s.rows * s.columns;
    s.pictures = positions < TILE_ROWS ? least(run->batch, TILE_ROWS / positions) : 1;
    const size_t down = (run->batch + s.pictures - 1) / s.pictures;
    s.channels = gemm_share(conv->in, down < FEW_TILES ? FEW_TILES / down : 1,
        conv->groups > 1 ? conv_group_in(conv) : 32);
    s.channels = least(s.channels, conv->in);
    s.across = (conv->in + s.channels - 1) / s.channels;
    s.count = down * s.across;
    return s;
}

/* Adds one tap's product [rows, channels] to dx, from channel on. */
static void scatter_tap(const struct scatter *s, size_t row, size_t rows, size_t ky, size_t kx,
    size_t channel, size_t channels, const float *from)
{
    const struct conv_run *run = s->run;
    const struct conv *conv = run->conv;
    struct window window = window_at(row, s->rows, s->columns);
    for (; rows > 0; rows--, from += channels, next_window(&window, s->rows, s->columns)) {
        const size_t iy = window.oy * conv->stride + ky - conv->pad; /* wraps beyond the edge */
        const size_t ix = window.ox * conv->stride + kx - conv->pad;
        if (iy >= run->height || ix >= run->width)
            continue;
        float *to =
            s->dx + ((window.b * run->height + iy) * run->width + ix) * conv->in + channel;
        for (size_t i = 0; i < channels; i++)
            to[i] += from[i];
    }
}

/* Rows of dy and channels of one group. */
static void scatter_rows(const struct scatter *s, size_t row, size_t rows, size_t channel,
    size_t channels, float *scratch)
{
    const struct conv *conv = s->run->conv;
    const size_t in = conv_group_in(conv), out = conv_group_out(conv), g = channel / in;
    const struct matrix dy = { s->dy + row * conv->out + g * out, conv->out, 1 };
    const float *weight = conv->weight + g * conv->kernel * conv->kernel * in * out;
    weight += channel % in * out;
    for (size_t tap = 0; tap < conv->kernel * conv->kernel; tap++, weight += in * out) {
        gemm(rows, channels, out, 1, dy, (struct matrix){ weight, 1, out }, 0, scratch,
            channels);
        scatter_tap(
            s, row, rows, tap / conv->kernel, tap % conv->kernel, channel, channels, scratch);
    }
}

static void scatter_task(void *argument, size_t i, size_t worker)
{
    const struct scatter *s = argument;
    const struct conv_run *run = s->run;
    const struct conv *conv = run->conv;
    const size_t b = i / s->across * s->pictures, first = i % s->across * s->channels;
    const size_t pictures = least(s->pictures, run->batch - b);
    const size_t channels = least(s->channels, conv->in - first), in = conv_group_in(conv);
    const size_t positions = s->rows * s->columns, end = (b + pictures) * positions;
    const size_t pixels = pictures * run->height * run->width;
    const size_t at = b * run->height * run->width * conv->in + first;
    for (size_t p = 0; p < pixels && !s->add; p++)
        memset(s->dx + at + p * conv->in, 0, channels * sizeof *s->dx);
    for (size_t row = b * positions; row < end; row += TILE_ROWS)
        for (size_t c = first, next; c < first + channels; c = next) {
            next = least((c / in + 1) * in, first + channels);
            scatter_rows(s, row, least(TILE_ROWS, end - row), c, next - c,
                run->scratch + worker * run->stride);
        }
    if (s->relu_output)
        relu_backward(s->dx + at, s->relu_output + at, pixels, channels, conv->in);
}

void conv_input_gradient(
    const struct conv_run *run, const float *dy, float *dx, bool add, const float *relu_output)
{
    const struct conv *conv = run->conv;
    if (conv_is_product(conv)) {
        const size_t m = run->batch * run->height * run->width;
        struct product_gradient p = { run, dy, relu_output, dx, add, m,
            cut_tiles(m, conv_group_in(conv), conv->groups, false) };
        threads_run(run->threads, p.cut.count, product_gradient_tile, &p);
        return;
    }
    struct scatter s = plan_scatter(run);
    s.dy = dy;
    s.dx = dx;
    s.add = add;
    s.relu_output = relu_output;
    threads_run(run->threads, s.count, scatter_task, &s);
}

size_t conv_scratch(const struct conv_run *run)
{
    const struct conv *conv = run->conv;
    const size_t line = conv->kernel * conv_group_in(conv);
    size_t m, all, gathered, scattered;
    if (conv_is_product(conv))
        return 0;
    if (__builtin_mul_overflow(conv_side(conv, run->height), conv_side(conv, run->width), &m)
        || __builtin_mul_overflow(m, run->batch, &m)
        || __builtin_mul_overflow(m, conv->kernel * line, &all)
        || __builtin_mul_overflow(TILE_ROWS, line, &gathered)
        || __builtin_mul_overflow(least(m, TILE_ROWS), conv->in, &scattered))
        return SIZE_MAX;
    gathered = least(all, gathered > TILE_GATHERED ? gathered : TILE_GATHERED);
    return gathered > scattered ? gathered : scattered;
}

size_t conv_merge_groups(const struct conv *conv, struct conv *merged)
{
    const size_t narrow = least(conv_group_in(conv), conv_group_out(conv));
    size_t together = 1, count;
    *merged = *conv;
    while (together < conv->groups
           && (narrow * together < GROUP_WIDTH || conv->groups % together != 0))
        together++;
    if (together == 1)
        return 0;
    merged->groups = conv->groups / together;
    if (__builtin_mul_overflow(conv->kernel * conv->kernel, conv_group_in(merged), &count)
        || __builtin_mul_overflow(count, conv->out, &count))
        return SIZE_MAX;
    return count;
}

void conv_merge_weights(const struct conv *conv, struct conv *merged, float *weight)
{
    const size_t in = conv_group_in(conv), out = conv_group_out(conv);
    const size_t together = conv->groups / merged->groups, taps = conv->kernel * conv->kernel;
    const float *from = conv->weight;
    memset(weight, 0, taps * conv_group_in(merged) * conv->out * sizeof *weight);
    merged->weight = weight;
    for (size_t g = 0; g < conv->groups; g++)
        for (size_t tap = 0; tap < taps; tap++)
            for (size_t i = 0; i < in; i++, from += out) {
                const size_t row =
                    ((g / together * taps + tap) * together + g % together) * in + i;
                memcpy(
                    weight + (row * together + g % together) * out, from, out * sizeof *weight);
            }
}
