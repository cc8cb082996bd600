/*
 * The loops between the products. Arrays are f32, C order; nothing is allocated.
 */
#ifndef SACCADE_KERNELS_H
#define SACCADE_KERNELS_H

#include "common/vit.h"

/*
 * y[n, dim] = (x - mean) / sqrt(variance + eps) * weight + bias over each row (Ba et al. 2016;
 * variance divided by dim). y may be x.
 */
void layernorm_forward(float *y, const float *x, const float *weight, const float *bias,
    size_t n, size_t dim, float eps);

/* Each of n rows of width values, stride apart, becomes its softmax. */
void softmax_forward(float *x, size_t n, size_t width, size_t stride);

/* Below, x is a tile of rows x columns with rows stride apart, bias (may be NULL) [columns]. */

/* x += bias */
void bias_forward(float *x, const float *bias, size_t rows, size_t columns, size_t stride);

/* y = activation(x), elementwise (Hendrycks & Gimpel 2016 for GELU and its two approximations;
 * SiLU x * sigmoid(x)). The exact GELU's erf is good to 4e-7. y may be x. */
void activation_forward(float *y, const float *x, enum activation activation, size_t rows,
    size_t columns, size_t stride);

/* y[n, width] = activation(gate) * x, gate and x [n, width] (Shazeer 2020); all have stride. y
 * may be x. */
void gated_forward(float *y, const float *x, const float *gate, enum activation activation,
    size_t n, size_t width, size_t stride);

/* y += factor * scale * (x + bias); scale (may be NULL: 1) [columns]; y and x have the same
 * stride. */
void residual_forward(float *y, const float *x, const float *bias, const float *scale,
    float factor, size_t rows, size_t columns, size_t stride);

/* dy = 0 where y, the output of a ReLU, is at most 0: then d / d its input; the same stride. */
void relu_backward(float *dy, const float *y, size_t rows, size_t columns, size_t stride);

/* y[dim] = mean over n rows of x. */
void mean_forward(float *y, const float *x, size_t n, size_t dim);

/*
 * The gradients: dy is that of a target by what the forward kernel gave, dx by what it took.
 */

/* dx[n, dim] += the gradient by x of layernorm_forward. */
void layernorm_backward(float *dx, const float *dy, const float *x, const float *weight,
    size_t n, size_t dim, float eps);

/* dx = y * (dy - sum over the row of dy * y), y what softmax_forward gave. dx may be dy. */
void softmax_backward(float *dx, const float *dy, const float *y, size_t n, size_t width);

/* dx *= activation'(x): dx is dy before. */
void activation_backward(float *dx, const float *x, enum activation activation, size_t rows,
    size_t columns, size_t stride);

/* dx = activation(gate) * dy, dgate = activation'(gate) * x * dy, all rows x columns with
 * stride; dx may be dy. */
void gated_backward(float *dx, float *dgate, const float *dy, const float *x, const float *gate,
    enum activation activation, size_t rows, size_t columns, size_t stride);

/* y = factor * scale * x, each row; scale (may be NULL: 1) [columns]. */
void scale_rows(
    float *y, const float *x, const float *scale, float factor, size_t rows, size_t columns);

/* dweight[dim] += sum over rows of dy * (x - mean) / deviation; dbias[dim] += sum of dy: the
 * gradients by layernorm_forward's weight and bias. */
void layernorm_weights(float *dweight, float *dbias, const float *dy, const float *x, size_t n,
    size_t dim, float eps);

/* to[columns] += sum over rows of x, of x * y; rows stride apart. */
void column_sums(float *to, const float *x, size_t rows, size_t columns, size_t stride);
void column_products(
    float *to, const float *x, const float *y, size_t rows, size_t columns, size_t stride);

/* x += y, tiles of rows x columns with stride. */
void add_rows(float *x, const float *y, size_t rows, size_t columns, size_t stride);

#endif
