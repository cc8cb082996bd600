#include "common/eigen.h"
#include "common/householder.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LEAST (DBL_MIN / DBL_EPSILON) /* of a pivot, so that dividing by it stays finite */

enum { ROWS = 4, ITERATIONS = 3 };

size_t eigen_room(size_t n)
{
    return 4 * n;
}

/* Four rows of y at a time, so that g passes through the cache a quarter as often. */
void gram(const double *y, size_t m, size_t n, double *g)
{
    for (size_t i = 0; i < n; i++)
        memset(g + i * n + i, 0, (n - i) * sizeof *g);
    size_t k = 0;
    for (; k + ROWS <= m; k += ROWS) {
        const double *restrict y0 = y + k * n, *restrict y1 = y0 + n, *restrict y2 = y1 + n,
                               *restrict y3 = y2 + n;
        for (size_t i = 0; i < n; i++) {
            double *restrict to = g + i * n;
            const double s0 = y0[i], s1 = y1[i], s2 = y2[i], s3 = y3[i];
            for (size_t j = i; j < n; j++)
                to[j] += s0 * y0[j] + s1 * y1[j] + s2 * y2[j] + s3 * y3[j];
        }
    }
    for (; k < m; k++)
        for (size_t i = 0; i < n; i++)
            add_scaled(g + i * n + i, y + k * n + i, y[k * n + i], n - i);
}

/* p[n] = a v, by the upper triangle of a, whose rows are stride apart. */
static void symmetric_product(
    const double *a, size_t stride, size_t n, const double *v, double *p)
{
    memset(p, 0, n * sizeof *p);
    for (size_t i = 0; i < n; i++) {
        const double *row = a + i * stride + i;
        p[i] += dot(row, v + i, n - i);
        add_scaled(p + i + 1, row + 1, v[i], n - i - 1);
    }
}

/* The matrix becomes diagonal[n] with beside[n - 1]; the reflectors stay in the rows of a
 * behind the diagonal, their factors in beta. */
static void tridiagonalise(
    double *a, size_t n, double *diagonal, double *beside, double *beta, double *p)
{
    for (size_t k = 0; k + 1 < n; k++) {
        const size_t left = n - k - 1;
        double *v = a + k * n + k + 1, *rest = a + (k + 1) * n + k + 1;
        diagonal[k] = a[k * n + k];
        beta[k] = reflector(v, left, &beside[k]);
        if (beta[k] <= 0)
            continue;
        symmetric_product(rest, n, left, v, p);
        const double half = beta[k] * beta[k] * dot(p, v, left) / 2;
        for (size_t i = 0; i < left; i++)
            p[i] = beta[k] * p[i] - half * v[i];
        for (size_t i = 0; i < left; i++) {
            add_scaled(rest + i * n + i, p + i, -v[i], left - i);
            add_scaled(rest + i * n + i, v + i, -p[i], left - i);
        }
    }
    diagonal[n - 1] = a[n * n - 1];
}

/* The pivots of the tridiagonal matrix less x I as L D L'; whether all are negative, and so all
 * eigenvalues below x (Sturm). */
static bool all_below(
    const double *diagonal, const double *beside, size_t n, double x, double *pivots)
{
    pivots[0] = diagonal[0] - x;
    for (size_t i = 1; i < n && pivots[i - 1] < 0; i++)
        pivots[i] = diagonal[i] - x - beside[i - 1] * beside[i - 1] / pivots[i - 1];
    for (size_t i = 0; i < n; i++)
        if (!(pivots[i] < 0))
            return false;
    return true;
}

/* Bisection. The pivots that are left behind are those of the value, all negative. */
static double largest_value(
    const double *diagonal, const double *beside, size_t n, double *pivots)
{
    double low = diagonal[0], high = diagonal[0];
    for (size_t i = 0; i < n; i++) {
        const double reach =
            (i > 0 ? fabs(beside[i - 1]) : 0) + (i + 1 < n ? fabs(beside[i]) : 0);
        low = fmax(low, diagonal[i]);
        high = fmax(high, diagonal[i] + reach);
    }
    high += (double)n * DBL_EPSILON * fmax(fabs(high), fabs(low)) + LEAST;
    for (;;) {
        const double middle = low + (high - low) / 2;
        if (!(middle > low && middle < high && high - low > LEAST))
            break;
        if (all_below(diagonal, beside, n, middle, pivots))
            high = middle;
        else
            low = middle;
    }
    all_below(diagonal, beside, n, high, pivots);
    return high;
}

/* x = the inverse of the matrix less the value, of x. No exchange of rows is needed: it is
 * negative definite. */
static void solve(const double *beside, const double *pivots, size_t n, double *x)
{
    for (size_t i = 1; i < n; i++)
        x[i] -= beside[i - 1] / pivots[i - 1] * x[i - 1];
    x[n - 1] /= pivots[n - 1];
    for (size_t i = n - 1; i-- > 0;)
        x[i] = (x[i] - beside[i] * x[i + 1]) / pivots[i];
}

static void normalise(double *x, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs(x[i]));
    for (size_t i = 0; i < n; i++)
        x[i] /= most;
    const double length = sqrt(dot(x, x, n));
    for (size_t i = 0; i < n; i++)
        x[i] /= length;
}

/* Inverse iteration, from a start that is in no special position. */
static void tridiagonal_vector(const double *beside, const double *pivots, size_t n, double *x)
{
    uint32_t state = 1;
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = 0.5 + (double)state / 4294967296.0;
    }
    for (int i = 0; i < ITERATIONS; i++) {
        solve(beside, pivots, n, x);
        normalise(x, n);
    }
}

double eigen_largest(double *a, size_t n, double *vector, double *room)
{
    double *diagonal = room, *beside = room + n, *beta = beside + n, *pivots = beta + n;
    tridiagonalise(a, n, diagonal, beside, beta, vector);
    const double value = largest_value(diagonal, beside, n, pivots);
    tridiagonal_vector(beside, pivots, n, vector);
    for (size_t k = n - 1; k-- > 0;) {
        const double *v = a + k * n + k + 1;
        add_scaled(vector + k + 1, v, -beta[k] * dot(v, vector + k + 1, n - k - 1), n - k - 1);
    }
    return value;
}
