/* Numbers for the tests of loops and products, and how near results must be. */
#ifndef SACCADE_TESTS_NUMBERS_H
#define SACCADE_TESTS_NUMBERS_H

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EPS ((double)FLT_EPSILON / 2) /* half a unit in the last place of 1 */
#define UNTOUCHED 12345.0f            /* between rows: nobody's */

/* Numbers in [-scale, scale] that don't depend on the C library. */
static inline void fill(float *x, size_t count, unsigned seed, float scale)
{
    uint32_t state = seed * 2654435761u + 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = ((float)(state >> 8) / 8388608.0f - 1.0f) * scale;
    }
}

static inline void expect_near(
    double found, double expected, double bound, const char *what, size_t i)
{
    if (!(fabs(found - expected) <= bound))
        ck_abort_msg("%s[%zu]: %.9g, not %.9g: off by %.3g > %.3g", what, i, found, expected,
            fabs(found - expected), bound);
}

#endif
