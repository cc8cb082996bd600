#include "common/batchnorm.h"
#include "common/clones.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum {
    TILE = 16384,   /* floats of a tile, so that it is read twice from the cache */
    TILE_ROWS = 32, /* at least */
    CHANNELS = 64   /* summed at a time */
};

static size_t tile_rows(size_t channels)
{
    const size_t rows = TILE / channels;
    return rows > TILE_ROWS ? rows : TILE_ROWS;
}

static size_t tile_count(size_t rows, size_t channels)
{
    const size_t tile = tile_rows(channels);
    return rows / tile + (rows % tile > 0);
}

size_t batchnorm_room(size_t rows, size_t channels)
{
    size_t room;
    return __builtin_mul_overflow(2 * tile_count(rows, channels), channels, &room) ? SIZE_MAX
                                                                                   : room;
}

/* What the tasks of one call share. */
struct job {
    const struct batchnorm *norm, *beside;
    const float *z, *residual, *relu_output;
    float *y, *dy;
    float *running_mean, *running_variance;
    bool flag; /* relu; recalled */
};

/* A tile's rows and where it begins. */
struct tile {
    size_t rows, at, width;
    double *sums; /* two of each channel */
};

static struct tile tile_of(const struct batchnorm *norm, size_t i)
{
    const size_t rows = tile_rows(norm->channels), first = i * rows;
    return (struct tile){ norm->rows - first < rows ? norm->rows - first : rows,
        first * norm->channels, norm->channels, norm->sums + i * 2 * norm->channels };
}

static void run(const struct job *job, void (*task)(void *, size_t, size_t))
{
    const struct batchnorm *norm = job->norm;
    threads_run(norm->threads, tile_count(norm->rows, norm->channels), task, (struct job *)job);
}

/* The sum of each channel, and that of its squares about the tile's mean. A first mean is
 * rounded where it is large; what is left of it is seen on the second way. */
KERNEL static void measure_tile(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const struct tile tile = tile_of(job->norm, i);
    const double rows = (double)tile.rows;
    (void)worker;
    for (size_t first = 0, count; first < tile.width; first += count) {
        float mean[CHANNELS] = { 0 }, rest[CHANNELS] = { 0 }, square[CHANNELS] = { 0 };
        const float *z = job->z + tile.at + first;
        count = tile.width - first < CHANNELS ? tile.width - first : CHANNELS;
        for (size_t row = 0; row < tile.rows; row++)
            for (size_t c = 0; c < count; c++)
                mean[c] += z[row * tile.width + c];
        for (size_t c = 0; c < count; c++)
            mean[c] /= (float)tile.rows;
        for (size_t row = 0; row < tile.rows; row++)
            for (size_t c = 0; c < count; c++) {
                const float d = z[row * tile.width + c] - mean[c];
                rest[c] += d;
                square[c] += d * d;
            }
        for (size_t c = 0; c < count; c++) {
            const double left = (double)rest[c];
            tile.sums[first + c] = (double)mean[c] * rows + left;
            tile.sums[tile.width + first + c] = (double)square[c] - left * left / rows;
        }
    }
}

static void set_scale(struct batchnorm *norm, size_t c, double mean, double variance)
{
    const double inverse = 1 / sqrt(variance + BATCHNORM_EPS);
    const double scale = (double)norm->gamma[c] * inverse;
    norm->mean[c] = (float)mean;
    norm->inverse[c] = (float)inverse;
    norm->scale[c] = (float)scale;
    norm->shift[c] = (float)((double)norm->beta[c] - mean * scale);
}

/* Tiles put together (Chan et al. 1979). */
static void finish_measure(struct batchnorm *norm, size_t c, float *mean, float *variance)
{
    const double rows = (double)norm->rows;
    const size_t tiles = tile_count(norm->rows, norm->channels);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < tiles; i++)
        sum += tile_of(norm, i).sums[c];
    const double middle = sum / rows;
    for (size_t i = 0; i < tiles; i++) {
        const struct tile tile = tile_of(norm, i);
        const double n = (double)tile.rows, off = tile.sums[c] / n - middle;
        squares += tile.sums[norm->channels + c] + n * off * off;
    }
    squares = squares < 0 ? 0 : squares; /* rounding, where all are the same */
    set_scale(norm, c, middle, squares / rows);
    const double unbiased = squares / (rows > 1 ? rows - 1 : 1);
    *mean += (float)(BATCHNORM_MOMENTUM * (middle - (double)*mean));
    *variance += (float)(BATCHNORM_MOMENTUM * (unbiased - (double)*variance));
}

void batchnorm_measure(
    struct batchnorm *norm, const float *z, float *running_mean, float *running_variance)
{
    const struct job job = { .norm = norm, .z = z };
    run(&job, measure_tile);
    for (size_t c = 0; c < norm->channels; c++)
        finish_measure(norm, c, &running_mean[c], &running_variance[c]);
}

void batchnorm_recall(
    struct batchnorm *norm, const float *running_mean, const float *running_variance)
{
    for (size_t c = 0; c < norm->channels; c++)
        set_scale(norm, c, (double)running_mean[c], (double)running_variance[c]);
}

KERNEL static void forward_tile(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const struct tile tile = tile_of(job->norm, i);
    const float *scale = job->norm->scale, *shift = job->norm->shift;
    (void)worker;
    for (size_t row = 0, at = tile.at; row < tile.rows; row++, at += tile.width) {
        const float *z = job->z + at, *residual = job->residual ? job->residual + at : NULL;
        float *y = job->y + at;
        if (job->beside)
            for (size_t c = 0; c < tile.width; c++)
                y[c] = scale[c] * z[c] + shift[c]
                       + (job->beside->scale[c] * residual[c] + job->beside->shift[c]);
        else if (residual)
            for (size_t c = 0; c < tile.width; c++)
                y[c] = scale[c] * z[c] + shift[c] + residual[c];
        else
            for (size_t c = 0; c < tile.width; c++)
                y[c] = scale[c] * z[c] + shift[c];
        if (job->flag)
            for (size_t c = 0; c < tile.width; c++)
                y[c] = y[c] < 0 ? 0 : y[c];
    }
}

void batchnorm_forward(const struct batchnorm *norm, const float *z, float *y,
    const float *residual, const struct batchnorm *beside, bool relu)
{
    const struct job job = {
        .norm = norm, .beside = beside, .z = z, .y = y, .residual = residual, .flag = relu
    };
    run(&job, forward_tile);
}

KERNEL static void sum_tile(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const struct tile tile = tile_of(job->norm, i);
    (void)worker;
    for (size_t first = 0, count; first < tile.width; first += count) {
        float sum[CHANNELS] = { 0 }, product[CHANNELS] = { 0 };
        const float *mean = job->norm->mean + first;
        count = tile.width - first < CHANNELS ? tile.width - first : CHANNELS;
        size_t at = tile.at + first;
        for (size_t row = 0; row < tile.rows; row++, at += tile.width) {
            const float *z = job->z + at;
            float *dy = job->dy + at;
            if (job->relu_output)
                for (size_t c = 0; c < count; c++)
                    dy[c] = job->relu_output[at + c] <= 0 ? 0 : dy[c];
            for (size_t c = 0; c < count; c++) {
                sum[c] += dy[c];
                product[c] += dy[c] * (z[c] - mean[c]);
            }
        }
        for (size_t c = 0; c < count; c++) {
            tile.sums[first + c] = (double)sum[c];
            tile.sums[tile.width + first + c] = (double)product[c];
        }
    }
}

void batchnorm_sum(struct batchnorm *norm, float *dy, const float *z, const float *relu_output)
{
    const struct job job = { .norm = norm, .z = z, .dy = dy, .relu_output = relu_output };
    const size_t tiles = tile_count(norm->rows, norm->channels);
    run(&job, sum_tile);
    for (size_t c = 0; c < norm->channels; c++) {
        double sum = 0, product = 0;
        for (size_t i = 0; i < tiles; i++) {
            sum += tile_of(norm, i).sums[c];
            product += tile_of(norm, i).sums[norm->channels + c];
        }
        norm->dbeta[c] = (float)sum;
        norm->dgamma[c] = (float)(product * (double)norm->inverse[c]);
    }
}

/* dz = scale (dy - mean of dy - xhat * mean of dy xhat), xhat = (z - mean) inverse */
KERNEL static void backward_tile(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const struct batchnorm *norm = job->norm;
    const struct tile tile = tile_of(norm, i);
    const float share = job->flag ? 0 : 1 / (float)norm->rows;
    (void)worker;
    for (size_t first = 0, count; first < tile.width; first += count) {
        const float *mean = norm->mean + first, *scale = norm->scale + first;
        float flat[CHANNELS], slope[CHANNELS];
        count = tile.width - first < CHANNELS ? tile.width - first : CHANNELS;
        for (size_t c = 0; c < count; c++) {
            flat[c] = norm->dbeta[first + c] * share;
            slope[c] = norm->dgamma[first + c] * norm->inverse[first + c] * share;
        }
        size_t at = tile.at + first;
        for (size_t row = 0; row < tile.rows; row++, at += tile.width) {
            const float *z = job->z + at, *dy = job->residual + at;
            float *dz = job->y + at;
            for (size_t c = 0; c < count; c++)
                dz[c] = scale[c] * (dy[c] - flat[c] - slope[c] * (z[c] - mean[c]));
        }
    }
}

void batchnorm_backward(
    const struct batchnorm *norm, const float *dy, const float *z, float *dz, bool recalled)
{
    const struct job job = { .norm = norm, .z = z, .residual = dy, .y = dz, .flag = recalled };
    run(&job, backward_tile);
}
