/* What reductions of matrices are made of: loops over rows, and Householder's reflection. */
#ifndef SACCADE_HOUSEHOLDER_H
#define SACCADE_HOUSEHOLDER_H

#include <math.h>
#include <stddef.h>

static inline double dot(const double *restrict x, const double *restrict y, size_t n)
{
    enum { SUMS = 8 };
    double sums[SUMS] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + SUMS <= n; i += SUMS)
        for (size_t s = 0; s < SUMS; s++)
            sums[s] += x[i + s] * y[i + s];
    for (; i < n; i++)
        sum += x[i] * y[i];
    for (size_t s = 0; s < SUMS; s++)
        sum += sums[s];
    return sum;
}

static inline void add_scaled(
    double *restrict y, const double *restrict x, double scale, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += scale * x[i];
}

/*
 * x[n] becomes v with v[0] = 1 such that (I - beta v v') x = (alpha, 0, ...). Returns beta; 0
 * where x[1..] is zero already.
 */
static inline double reflector(double *x, size_t n, double *alpha)
{
    const double rest = dot(x + 1, x + 1, n - 1), first = x[0];
    *alpha = first;
    x[0] = 1;
    if (rest <= 0)
        return 0;
    const double norm = sqrt(first * first + rest);
    const double head = first <= 0 ? first - norm : -rest / (first + norm);
    for (size_t i = 1; i < n; i++)
        x[i] /= head;
    *alpha = norm;
    return 2 * head * head / (rest + head * head);
}

#endif
