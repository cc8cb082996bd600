#include "common/sinks.h"

#include <math.h>
#include <stdlib.h>

void sinks_free(struct sinks *sinks)
{
    free(sinks->memory.bytes);
}

static int set_norms(
    double *norms, const float *tokens, size_t n, size_t dim, struct error *error)
{
    for (size_t i = 0; i < n; i++) {
        double squares = 0;
        for (size_t d = 0; d < dim; d++)
            squares += (double)tokens[i * dim + d] * (double)tokens[i * dim + d];
        if (!isfinite(squares))
            return fail(error, BAD_SAMPLE, "the vector of token %zu isn't finite", i);
        norms[i] = sqrt(squares);
    }
    return 0;
}

static int ascending(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Of x[count], count > 0, which is sorted. */
static double take_median(double *x, size_t count)
{
    qsort(x, count, sizeof *x, ascending);
    return (x[(count - 1) / 2] + x[count / 2]) / 2;
}

/* The norm above which a patch is outlying. room: as many numbers as patches. */
static double outlying_norm(
    struct sinks *sinks, double outlying, size_t p, size_t n, double *room)
{
    if (!sinks->norms)
        return -INFINITY;
    for (size_t j = p; j < n; j++)
        room[j - p] = sinks->norms[j];
    sinks->median = take_median(room, n - p);
    for (size_t j = p; j < n; j++)
        room[j - p] = fabs(sinks->norms[j] - sinks->median);
    return sinks->median + outlying * take_median(room, n - p);
}

int sinks_find(struct sinks *sinks, const struct sink_bounds *bounds,
    const struct layout *layout, const double *received, size_t heads, const float *tokens,
    size_t dim, struct error *error)
{
    const size_t p = layout->prefix, n = p + layout->rows * layout->columns;
    int status =
        scratch_reserve(&sinks->memory, n * (3 * sizeof(double) + sizeof(bool)), error);
    if (status < 0)
        return status;
    sinks->received = sinks->memory.bytes;
    sinks->norms = tokens ? sinks->received + n : NULL;
    double *room = sinks->received + 2 * n;
    sinks->is = (bool *)(room + n);
    sinks->median = NAN;
    sinks->count = 0;
    status = tokens ? set_norms(sinks->norms, tokens, n, dim, error) : 0;
    if (status < 0)
        return status;
    const double most = outlying_norm(sinks, bounds->outlying, p, n, room);
    for (size_t j = 0; j < n; j++) {
        double mean = 0;
        for (size_t h = 0; h < heads; h++)
            mean += received[h * n + j] / (double)heads;
        sinks->received[j] = mean;
        sinks->is[j] = j >= p && mean > bounds->share / (double)n
                       && (!sinks->norms || sinks->norms[j] > most);
        sinks->count += sinks->is[j];
    }
    return 0;
}

void sinks_suppress(const struct sinks *sinks, const float *attention, size_t heads, size_t n,
    float *to, double *removed)
{
    for (size_t i = 0; i < heads * n; i++, attention += n, to += n) {
        double gone = 0, left = 0;
        for (size_t j = 0; j < n; j++)
            *(sinks->is[j] ? &gone : &left) += (double)attention[j];
        for (size_t j = 0; j < n; j++)
            to[j] = sinks->is[j] || !(left > 0) ? 0 : (float)((double)attention[j] / left);
        removed[i] = gone;
    }
}
