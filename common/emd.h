/*
 * The earth mover's distance between two distributions on the same points of a plane: the least
 * sum of mass times distance that turns one into the other (the transportation problem; Rubner,
 * Tomasi & Guibas 2000), found exactly.
 */
#ifndef SACCADE_EMD_H
#define SACCADE_EMD_H

#include "formats/npy.h"

/* What is sensible: 37 x 37 points take a tenth of a second, 48 x 48 up to a half; beyond, time
 * grows with the square of the points and more. */
enum { EMD_MAX_POINTS = 48 * 48 };

struct emd_point {
    double x, y;
    double a, b; /* mass of either distribution, >= 0 and finite */
};

/*
 * Each side's masses are divided by their sum, which must be above 0. *distance is in the unit
 * of x and y, right to 1e-10 of the longest distance between two points. Scratch is grown as
 * needed. BAD_SYSTEM: no memory.
 */
int emd(const struct emd_point *points, size_t count, struct scratch *scratch, double *distance,
    struct error *error);

#endif
