/*
 * Batch normalisation in training form (Ioffe & Szegedy 2015): y = gamma (z - mean) /
 * sqrt(variance + eps) + beta over all rows of a batch, a row being a pixel's channels; and its
 * gradient, through mean and variance. Sums are made in tiles of rows that depend on the shape
 * alone, and put together in double in their order. Nothing is allocated.
 */
#ifndef SACCADE_BATCHNORM_H
#define SACCADE_BATCHNORM_H

#include "common/threads.h"

#include <stdbool.h>

#define BATCHNORM_EPS 1e-5 /* BatchNorm2d's, in every library */
#define BATCHNORM_MOMENTUM 0.1

/* One norm at work. All arrays are [channels] but sums. */
struct batchnorm {
    struct threads *threads;
    size_t rows, channels;
    const float *gamma, *beta;
    float *mean,
        *inverse;         /* what rows are normalised by: inverse is 1 / sqrt(variance + eps) */
    float *scale, *shift; /* y = scale z + shift */
    float *dgamma, *dbeta; /* of this batch alone */
    double *sums;          /* batchnorm_room() of them; may be shared by norms in turn */
};

/* Doubles; SIZE_MAX where they can't be counted. */
size_t batchnorm_room(size_t rows, size_t channels);

/* Sets mean, inverse, scale and shift from z's own statistics (the variance divided by rows),
 * and moves the running ones by the momentum (the variance divided by rows - 1). */
void batchnorm_measure(
    struct batchnorm *norm, const float *z, float *running_mean, float *running_variance);
/* The same from running statistics, which stay. */
void batchnorm_recall(
    struct batchnorm *norm, const float *running_mean, const float *running_variance);

/* y = scale z + shift [+ residual], then max(0, y) with relu; residual may be NULL, or y. Where
 * beside isn't NULL, residual is what its norm makes of it. y may be z. NaN stays. */
void batchnorm_forward(const struct batchnorm *norm, const float *z, float *y,
    const float *residual, const struct batchnorm *beside, bool relu);

/* Sets dgamma and dbeta. Where relu_output isn't NULL, dy is first set to 0 where that is at
 * most 0. */
void batchnorm_sum(struct batchnorm *norm, float *dy, const float *z, const float *relu_output);
/* dz of dy, after batchnorm_sum; recalled: mean and variance are constants. dz may be dy. */
void batchnorm_backward(
    const struct batchnorm *norm, const float *dy, const float *z, float *dz, bool recalled);

#endif
