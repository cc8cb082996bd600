#include "common/pool.h"

#include <math.h>
#include <string.h>

/* What the tasks of one call share. */
struct job {
    struct pictures shape;     /* of x */
    size_t rows, columns, out; /* of y */
    size_t stride;
    const float *x, *dy;
    float *y, *dx;
    float *const *to;
    const float *const *from;
};

enum { CHANNELS = 32, BLOCK = 16 }; /* of a backward task; of a transposition */

size_t max_pool_side(size_t side)
{
    return (side - 1) / 2 + 1;
}

/* The pixels [*first, *end) of a side that window i covers; it begins before at where padded.
 */
static void cover(
    size_t i, size_t stride, size_t kernel, size_t pad, size_t side, size_t *first, size_t *end)
{
    const size_t at = i * stride;
    *first = at < pad ? 0 : at - pad;
    *end = at + kernel - pad < side ? at + kernel - pad : side;
}

/* A row of y. */
static void max_row(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const struct pictures *shape = &job->shape;
    const size_t channels = shape->channels, b = i / job->rows;
    size_t y0, y1, x0, x1;
    float *y = job->y + i * job->columns * channels;
    (void)worker;
    cover(i % job->rows, 2, 3, 1, shape->height, &y0, &y1);
    for (size_t ox = 0; ox < job->columns; ox++, y += channels) {
        cover(ox, 2, 3, 1, shape->width, &x0, &x1);
        for (size_t c = 0; c < channels; c++)
            y[c] = -INFINITY;
        for (size_t iy = y0; iy < y1; iy++)
            for (size_t ix = x0; ix < x1; ix++) {
                const float *x =
                    job->x + ((b * shape->height + iy) * shape->width + ix) * channels;
                for (size_t c = 0; c < channels; c++)
                    y[c] = x[c] > y[c] || x[c] != x[c] ? x[c] : y[c];
            }
    }
}

void max_pool_forward(
    struct threads *threads, const struct pictures *shape, const float *x, float *y)
{
    struct job job = { .shape = *shape, .x = x, .y = y };
    job.rows = max_pool_side(shape->height);
    job.columns = max_pool_side(shape->width);
    threads_run(threads, shape->batch * job.rows, max_row, &job);
}

static size_t channel_parts(const struct pictures *shape)
{
    return (shape->channels + CHANNELS - 1) / CHANNELS;
}

/* One window and channel. */
static void send_to_maximum(
    const struct job *job, const size_t y[2], const size_t x[2], size_t offset, float dy)
{
    const struct pictures *shape = &job->shape;
    size_t winner = (y[0] * shape->width + x[0]) * shape->channels + offset;
    float most = -INFINITY;
    for (size_t iy = y[0]; iy < y[1]; iy++)
        for (size_t ix = x[0]; ix < x[1]; ix++) {
            const size_t at = (iy * shape->width + ix) * shape->channels + offset;
            const float value = job->x[at];
            if (value > most || value != value) {
                most = value;
                winner = at;
            }
        }
    job->dx[winner] += dy;
}

/* A picture's channels from one on; offset: of the channel in the picture's first pixel. */
static void max_gradient(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const struct pictures *shape = &job->shape;
    const size_t channels = shape->channels, parts = channel_parts(shape), b = i / parts;
    const size_t first = i % parts * CHANNELS, pixels = shape->height * shape->width;
    const size_t end = first + CHANNELS < channels ? first + CHANNELS : channels;
    (void)worker;
    for (size_t p = 0; p < pixels; p++)
        memset(
            job->dx + (b * pixels + p) * channels + first, 0, (end - first) * sizeof *job->dx);
    const float *dy = job->dy + b * job->rows * job->columns * channels;
    for (size_t oy = 0; oy < job->rows; oy++)
        for (size_t ox = 0; ox < job->columns; ox++, dy += channels) {
            size_t y[2], x[2];
            cover(oy, 2, 3, 1, shape->height, &y[0], &y[1]);
            cover(ox, 2, 3, 1, shape->width, &x[0], &x[1]);
            for (size_t c = first; c < end; c++)
                send_to_maximum(job, y, x, b * pixels * channels + c, dy[c]);
        }
}

void max_pool_backward(struct threads *threads, const struct pictures *shape, const float *x,
    const float *dy, float *dx)
{
    struct job job = { .shape = *shape, .x = x, .dy = dy, .dx = dx };
    job.rows = max_pool_side(shape->height);
    job.columns = max_pool_side(shape->width);
    threads_run(threads, shape->batch * channel_parts(shape), max_gradient, &job);
}

/* ceil((side - 2) / stride) + 1 windows, of which the last begins inside. */
size_t average_pool_side(size_t side, size_t stride)
{
    return (side - 1) / stride + 1;
}

static void average_row(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const struct pictures *shape = &job->shape;
    const size_t channels = shape->channels, b = i / job->rows;
    size_t y0, y1, x0, x1;
    float *y = job->y + i * job->columns * channels;
    (void)worker;
    cover(i % job->rows, job->stride, 2, 0, shape->height, &y0, &y1);
    for (size_t ox = 0; ox < job->columns; ox++, y += channels) {
        cover(ox, job->stride, 2, 0, shape->width, &x0, &x1);
        memset(y, 0, channels * sizeof *y);
        const float scale = 1.0f / (float)((y1 - y0) * (x1 - x0));
        for (size_t iy = y0; iy < y1; iy++)
            for (size_t ix = x0; ix < x1; ix++) {
                const float *x =
                    job->x + ((b * shape->height + iy) * shape->width + ix) * channels;
                for (size_t c = 0; c < channels; c++)
                    y[c] += x[c];
            }
        for (size_t c = 0; c < channels; c++)
            y[c] *= scale;
    }
}

void average_pool_forward(struct threads *threads, const struct pictures *shape, size_t stride,
    const float *x, float *y)
{
    struct job job = { .shape = *shape, .stride = stride, .x = x, .y = y };
    job.rows = average_pool_side(shape->height, stride);
    job.columns = average_pool_side(shape->width, stride);
    threads_run(threads, shape->batch * job.rows, average_row, &job);
}

/* A row of windows: at strides of 2 and more they share no pixel. */
static void average_gradient(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const struct pictures *shape = &job->shape;
    const size_t channels = shape->channels, b = i / job->rows, oy = i % job->rows;
    const size_t top = oy * job->stride, line = shape->width * channels;
    const size_t bottom = oy + 1 < job->rows ? top + job->stride : shape->height;
    size_t y0, y1, x0, x1;
    float *dx = job->dx + b * shape->height * line;
    const float *dy = job->dy + i * job->columns * channels;
    (void)worker;
    memset(dx + top * line, 0, (bottom - top) * line * sizeof *dx);
    cover(oy, job->stride, 2, 0, shape->height, &y0, &y1);
    for (size_t ox = 0; ox < job->columns; ox++, dy += channels) {
        cover(ox, job->stride, 2, 0, shape->width, &x0, &x1);
        const float scale = 1.0f / (float)((y1 - y0) * (x1 - x0));
        for (size_t iy = y0; iy < y1; iy++)
            for (size_t ix = x0; ix < x1; ix++)
                for (size_t c = 0; c < channels; c++)
                    dx[iy * line + ix * channels + c] = dy[c] * scale;
    }
}

void average_pool_backward(struct threads *threads, const struct pictures *shape, size_t stride,
    const float *dy, float *dx)
{
    struct job job = { .shape = *shape, .stride = stride, .dy = dy, .dx = dx };
    job.rows = average_pool_side(shape->height, stride);
    job.columns = average_pool_side(shape->width, stride);
    threads_run(threads, shape->batch * job.rows, average_gradient, &job);
}

static struct job pad_job(const struct pictures *shape, size_t stride, size_t out)
{
    struct job job = { .shape = *shape, .stride = stride, .out = out };
    job.rows = (shape->height - 1) / stride + 1;
    job.columns = (shape->width - 1) / stride + 1;
    return job;
}

static void pad_row(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const struct pictures *shape = &job->shape;
    const size_t channels = shape->channels, before = (job->out - channels) / 2;
    const size_t iy = i / job->rows * shape->height + i % job->rows * job->stride;
    const float *x = job->x + iy * shape->width * channels;
    float *y = job->y + i * job->columns * job->out;
    (void)worker;
    memset(y, 0, job->columns * job->out * sizeof *y);
    for (size_t ox = 0; ox < job->columns; ox++, y += job->out, x += job->stride * channels)
        memcpy(y + before, x, channels * sizeof *y);
}

void pad_shortcut_forward(struct threads *threads, const struct pictures *shape, size_t stride,
    size_t out, const float *x, float *y)
{
    struct job job = pad_job(shape, stride, out);
    job.x = x;
    job.y = y;
    threads_run(threads, shape->batch * job.rows, pad_row, &job);
}

/* A row of dx. */
static void pad_gradient(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const struct pictures *shape = &job->shape;
    const size_t channels = shape->channels, before = (job->out - channels) / 2;
    const size_t b = i / shape->height, iy = i % shape->height, step = job->stride * channels;
    float *dx = job->dx + i * shape->width * channels;
    (void)worker;
    memset(dx, 0, shape->width * channels * sizeof *dx);
    if (iy % job->stride != 0)
        return;
    const float *dy =
        job->dy + (b * job->rows + iy / job->stride) * job->columns * job->out + before;
    for (size_t ox = 0; ox < job->columns; ox++, dy += job->out, dx += step)
        memcpy(dx, dy, channels * sizeof *dx);
}

void pad_shortcut_backward(struct threads *threads, const struct pictures *shape, size_t stride,
    size_t out, const float *dy, float *dx)
{
    struct job job = pad_job(shape, stride, out);
    job.dy = dy;
    job.dx = dx;
    threads_run(threads, shape->batch * shape->height, pad_gradient, &job);
}

/* A block of pixels, so that what is read and written apart stays in the cache. */
static void block_to_planes(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const size_t pixels = job->shape.height * job->shape.width, channels = job->shape.channels;
    const size_t blocks = (pixels + BLOCK - 1) / BLOCK, b = i / blocks;
    const size_t first = i % blocks * BLOCK;
    const size_t end = first + BLOCK < pixels ? first + BLOCK : pixels;
    const float *x = job->x + b * pixels * channels;
    (void)worker;
    for (size_t c = 0; c < channels && job->to[b]; c++)
        for (size_t p = first; p < end; p++)
            job->to[b][c * pixels + p] = x[p * channels + c];
}

void pixels_to_planes(
    struct threads *threads, const struct pictures *shape, const float *x, float *const *to)
{
    struct job job = { .shape = *shape, .x = x, .to = to };
    const size_t pixels = shape->height * shape->width;
    threads_run(threads, shape->batch * ((pixels + BLOCK - 1) / BLOCK), block_to_planes, &job);
}

/* A row. */
static void row_to_pixels(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const struct pictures *shape = &job->shape;
    const size_t channels = shape->channels, width = shape->width, b = i / shape->height;
    const float *from = job->from[b] + i % shape->height * width;
    float *y = job->y + i * width * channels;
    (void)worker;
    for (size_t c = 0; c < channels; c++, from += shape->height * width)
        for (size_t x = 0; x < width; x++)
            y[x * channels + c] = from[x];
}

void planes_to_pixels(
    struct threads *threads, const struct pictures *shape, const float *const *from, float *x)
{
    struct job job = { .shape = *shape, .from = from, .y = x };
    threads_run(threads, shape->batch * shape->height, row_to_pixels, &job);
}
