/*
 * The largest eigenvalue of a symmetric matrix, and its eigenvector. Direct: eigenvalues that
 * lie close together cost and lose nothing.
 */
#ifndef SACCADE_EIGEN_H
#define SACCADE_EIGEN_H

#include <stddef.h>

/* Of doubles: what eigen_largest needs beside the matrix. */
size_t eigen_room(size_t n);

/*
 * a: [n, n], n > 0, all finite; only its upper triangle is read, and what was there is lost.
 * Householder's reduction to tridiagonal form, bisection by Sturm counts, inverse iteration
 * (Golub & Van Loan, Matrix Computations, 8.3 and 8.4). vector[n] has length 1; its sign is
 * nobody's, and where the eigenvalue is a multiple one it is any of its space. Returns the
 * eigenvalue, good to n units in the last place of the matrix's norm.
 */
double eigen_largest(double *a, size_t n, double *vector, double *room);

/* g[n, n] = y' y of y[m, n]: the upper triangle, the rest is let be. */
void gram(const double *y, size_t m, size_t n, double *g);

#endif
