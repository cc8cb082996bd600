#include "common/singular.h"
#include "common/clones.h"
#include "common/householder.h"

#include <float.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SWEEPS = 60 }; /* for one eigenvalue; two or three are usual */

size_t singular_room(size_t n)
{
    return 6 * n;
}

/* w[columns] = v' a of a[rows, columns], rows stride apart; four rows at a time, so that w
 * passes through the registers a quarter as often. */
static inline void combine_rows(const double *a, size_t stride, size_t rows, size_t columns,
    const double *v, double *restrict w)
{
    size_t i = 0;
    memset(w, 0, columns * sizeof *w);
    for (; i + 4 <= rows; i += 4) {
        const double *restrict a0 = a + i * stride, *restrict a1 = a0 + stride,
                               *restrict a2 = a1 + stride, *restrict a3 = a2 + stride;
        const double v0 = v[i], v1 = v[i + 1], v2 = v[i + 2], v3 = v[i + 3];
        for (size_t j = 0; j < columns; j++)
            w[j] += v0 * a0[j] + v1 * a1[j] + v2 * a2[j] + v3 * a3[j];
    }
    for (; i < rows; i++)
        add_scaled(w, a + i * stride, v[i], columns);
}

/*
 * The matrix becomes diagonal[n] with above[n - 1]. Of a step both reflections, of the columns
 * by v and of the rows by the first row's own, pass over what is left together.
 */
KERNEL static void bidiagonalise(
    double *a, size_t n, double *diagonal, double *above, double *v, double *w)
{
    for (size_t k = 0; k < n; k++) {
        const size_t rows = n - k, columns = rows - 1;
        double *first = a + k * n + k + 1;
        for (size_t i = 0; i < rows; i++)
            v[i] = first[i * n - 1];
        const double beta = reflector(v, rows, &diagonal[k]);
        if (columns == 0)
            break;
        combine_rows(first, n, rows, columns, v, w);
        for (size_t j = 0; j < columns; j++)
            w[j] *= beta;
        add_scaled(first, w, -1, columns);
        const double gamma = reflector(first, columns, &above[k]);
        for (size_t i = 1; i < rows; i++) {
            double *row = first + i * n;
            add_scaled(row, w, -v[i], columns);
            add_scaled(row, first, -gamma * dot(row, first, columns), columns);
        }
    }
}

/* One implicit QL step on d[low..high] with e beside it: e[low] becomes smaller (Golub & Van
 * Loan, 8.3.5, from the other end). */
static void sweep(double *d, double *e, size_t low, size_t high)
{
    const double half = (d[low + 1] - d[low]) / 2;
    const double shift =
        d[low] - e[low] * e[low] / (half + copysign(hypot(half, e[low]), half));
    double g = d[high] - shift, s = 1, c = 1, p = 0;
    for (size_t i = high; i-- > low;) {
        const double f = s * e[i], b = c * e[i], r = sqrt(f * f + g * g);
        e[i + 1] = r;
        if (r <= 0) { /* it falls apart here */
            d[i + 1] -= p;
            e[high] = 0;
            return;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        const double q = (d[i] - g) * s + 2 * c * b;
        p = s * q;
        d[i + 1] = g + p;
        g = c * q - b;
    }
    d[low] -= p;
    e[low] = g;
    e[high] = 0;
}

/* d[n] becomes the eigenvalues of the tridiagonal matrix d with e[n - 1]; e[n]. */
static void tridiagonal_values(double *d, double *e, size_t n)
{
    double norm = 0;
    for (size_t i = 0; i + 1 < n; i++)
        norm = fmax(norm, fabs(d[i]) + fabs(e[i]));
    e[n - 1] = 0;
    for (size_t low = 0; low < n; low++)
        for (int sweeps = 0; sweeps < MOST_SWEEPS; sweeps++) {
            size_t high = low;
            while (high + 1 < n && fabs(e[high]) > DBL_EPSILON * norm)
                high++;
            if (high == low)
                break;
            sweep(d, e, low, high);
        }
}

static int descending(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a < b) - (a > b);
}

void singular_values(double *a, size_t n, double *values, double *room)
{
    double *diagonal = room, *above = room + n, *d = above + n, *e = d + 2 * n;
    bidiagonalise(a, n, diagonal, above, d, e);
    for (size_t i = 0; i < n; i++) {
        e[2 * i] = diagonal[i];
        e[2 * i + 1] = i + 1 < n ? above[i] : 0;
    }
    memset(d, 0, 2 * n * sizeof *d);
    tridiagonal_values(d, e, 2 * n);
    qsort(d, 2 * n, sizeof *d, descending);
    for (size_t i = 0; i < n; i++)
        values[i] = fmax(d[i], 0);
}
