#include "common/bootstrap.h"
#include "common/random.h"

#include <math.h>
#include <stdlib.h>

#define OUTSIDE 0.025 /* at either end */

struct sums {
    double sum[BOOTSTRAP_MAX_COLUMNS];
    size_t count[BOOTSTRAP_MAX_COLUMNS];
};

static void add_sample(struct sums *sums, const double *values, size_t columns)
{
    for (size_t c = 0; c < columns; c++)
        if (!isnan(values[c])) {
            sums->sum[c] += values[c];
            sums->count[c]++;
        }
}

static double mean_of(const struct sums *sums, size_t column)
{
    return sums->count[column] > 0 ? sums->sum[column] / (double)sums->count[column] : NAN;
}

static int ascending(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static double quantile(const double *sorted, size_t count, double share)
{
    const double at = share * (double)(count - 1);
    const size_t below = (size_t)at, above = below + (below + 1 < count);
    return sorted[below] + (at - (double)below) * (sorted[above] - sorted[below]);
}

/* means [columns, resamples]; of each column those that are NaN fall out: draws without a
 * number. */
static void set_ends(double *means, size_t resamples, struct interval *interval)
{
    size_t count = 0;
    for (size_t b = 0; b < resamples; b++)
        if (!isnan(means[b]))
            means[count++] = means[b];
    qsort(means, count, sizeof *means, ascending);
    interval->low = count > 0 ? quantile(means, count, OUTSIDE) : NAN;
    interval->high = count > 0 ? quantile(means, count, 1 - OUTSIDE) : NAN;
}

int bootstrap(const double *values, size_t samples, size_t columns, size_t resamples,
    uint64_t seed, struct scratch *room, struct interval *intervals, struct error *error)
{
    const int status = scratch_reserve(room, columns * resamples * sizeof(double), error);
    double *means = room->bytes;
    if (status < 0)
        return status;
    for (size_t b = 0; b < resamples; b++) {
        struct sums drawn = { .sum = { 0 } };
        struct random random = random_of(seed, RANDOM_SAMPLES, (uint32_t)b, 0);
        for (size_t i = 0; i < samples; i++)
            add_sample(
                &drawn, values + columns * random_below(&random, (uint32_t)samples), columns);
        for (size_t c = 0; c < columns; c++)
            means[c * resamples + b] = mean_of(&drawn, c);
    }
    struct sums all = { .sum = { 0 } };
    for (size_t i = 0; i < samples; i++)
        add_sample(&all, values + columns * i, columns);
    for (size_t c = 0; c < columns; c++) {
        intervals[c] = (struct interval){ .count = all.count[c], .mean = mean_of(&all, c) };
        set_ends(means + c * resamples, resamples, &intervals[c]);
    }
    return 0;
}
