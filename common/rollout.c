#include "common/rollout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of all three the NaN stays. */
static float larger(float a, float b)
{
    return a > b || a != a ? a : b;
}

static float smaller(float a, float b)
{
    return a < b || a != a ? a : b;
}

static float positive(float x)
{
    return x <= 0 ? 0 : x;
}

void rollout_fuse(float *to, const float *attention, const float *gradient, size_t heads,
    size_t n, enum fusion fusion)
{
    const float neutral = fusion == FUSE_MEAN ? 0 : fusion == FUSE_MAX ? -INFINITY : INFINITY;
    for (size_t i = 0; i < n; i++)
        to[i] = neutral;
    for (size_t h = 0; h < heads; h++) {
        const float *a = attention + h * n, *g = gradient ? gradient + h * n : NULL;
        for (size_t i = 0; i < n; i++) {
            const float value = g ? positive(a[i] * g[i]) : a[i];
            to[i] = fusion == FUSE_MEAN  ? to[i] + value
                    : fusion == FUSE_MAX ? larger(to[i], value)
                                         : smaller(to[i], value);
        }
    }
    for (size_t i = 0; fusion == FUSE_MEAN && i < n; i++)
        to[i] /= (float)heads;
}

bool rollout_is_zero(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0)
            return false;
    return true;
}

void rollout_begin(float *rows, const struct query *queries, size_t count, size_t t, size_t p)
{
    memset(rows, 0, count * t * sizeof *rows);
    for (size_t q = 0; q < count; q++, rows += t) {
        if (queries[q].kind == QUERY_TOKEN)
            rows[queries[q].token] = 1;
        for (size_t j = p; queries[q].kind == QUERY_MEAN && j < t; j++)
            rows[j] = 1.0f / (float)(t - p);
    }
}

struct ranked {
    float value;
    unsigned index;
};

static int by_value(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    const int order = (x->value > y->value) - (x->value < y->value);
    const int nan = (x->value != x->value) - (y->value != y->value); /* above all numbers */
    if (order || nan)
        return order + nan;
    return x->index < y->index ? -1 : 1;
}

/* Sets the count lowest of n values to 0, ties by index; spared (if below n) is let be. */
static void discard_lowest(
    float *values, size_t n, size_t count, size_t spared, struct ranked *ranked)
{
    for (size_t i = 0; i < n; i++)
        ranked[i] = (struct ranked){ values[i], (unsigned)i };
    qsort(ranked, n, sizeof *ranked, by_value);
    for (size_t i = 0; i < count; i++)
        if (ranked[i].index != spared)
            values[ranked[i].index] = 0;
}

/* Sums of rows come first in room, then what is ranked. */
size_t rollout_room(size_t t)
{
    return t * sizeof(double) + t * t * sizeof(struct ranked);
}

void rollout_mix(float *a, size_t t, size_t p, double residual, double discard, void *room)
{
    const size_t count = (size_t)floor(discard * (double)(t - p));
    for (size_t i = 0; i < t; i++) {
        float *row = a + i * t;
        double sum = 0;
        if (count > 0)
            discard_lowest(row + p, t - p, count, SIZE_MAX, room);
        for (size_t j = 0; j < t; j++) {
            row[j] = (float)((1 - residual) * (double)row[j] + (i == j ? residual : 0));
            sum += (double)row[j];
        }
        for (size_t j = 0; j < t; j++)
            row[j] = sum != 0 ? (float)((double)row[j] / sum) : 0;
    }
}

void rollout_mix_script(float *a, size_t t, double discard, void *room)
{
    double *sums = room;
    discard_lowest(a, t * t, (size_t)((double)(t * t) * discard), 0, (void *)(sums + t));
    for (size_t i = 0; i < t; i++) {
        a[i * t + i] += 1;
        sums[i] = 0;
        for (size_t j = 0; j < t; j++) {
            a[i * t + j] /= 2;
            sums[i] += (double)a[i * t + j];
        }
    }
    for (size_t i = 0; i < t; i++)
        for (size_t j = 0; j < t; j++)
            a[i * t + j] = (float)((double)a[i * t + j] / sums[j]);
}

bool rollout_gradcam(float *to, const float *attention, const float *gradient, size_t heads,
    size_t t, size_t p, const struct query *query, double *sums)
{
    const size_t patches = t - p;
    const size_t first = query->kind == QUERY_MEAN ? p : query->token;
    const size_t end = query->kind == QUERY_MEAN ? t : first + 1;
    const double share = 1 / (double)(end - first);
    bool zero = true;
    for (size_t j = 0; j < patches; j++)
        sums[j] = 0;
    for (size_t h = 0; h < heads; h++) {
        double weight = 0; /* the mean of G */
        for (size_t i = first; i < end; i++) {
            const float *row = gradient + (h * t + i) * t + p;
            zero = zero && rollout_is_zero(row, patches);
            for (size_t j = 0; j < patches; j++)
                weight += (double)row[j] * share / (double)patches;
        }
        for (size_t i = first; i < end; i++)
            for (size_t j = 0; j < patches; j++)
                sums[j] += weight * share * (double)attention[(h * t + i) * t + p + j];
    }
    for (size_t j = 0; j < patches; j++)
        to[j] = positive((float)(sums[j] / (double)heads));
    return !zero;
}
