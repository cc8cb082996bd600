/* All singular values of a square matrix. */
#ifndef SACCADE_SINGULAR_H
#define SACCADE_SINGULAR_H

#include <stddef.h>

/* Of doubles: what singular_values needs beside the matrix. */
size_t singular_room(size_t n);

/*
 * values[n], in descending order, of a[n, n], n > 0, all finite; what was in a is lost.
 * Householder's reduction to a bidiagonal matrix B, then implicit QL on the tridiagonal one of
 * twice its order whose eigenvalues are those of B and their negatives (Golub & Kahan 1965;
 * Golub & Van Loan, Matrix Computations, 8.3 and 8.6). Good to some units in the last place of
 * the largest: the eigenvalues of a'a would lose the small ones to the square root of that.
 */
void singular_values(double *a, size_t n, double *values, double *room);

#endif
