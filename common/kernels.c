/*
 * Loops are written so that the compiler vectorises them: no branches, no library calls, sums
 * in a fixed number of lanes (so that the result is the same whatever the vector's width).
 */
#include "common/kernels.h"
#include "common/clones.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 16 };

static inline float sum_lanes(const float lanes[LANES])
{
    float sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += lanes[i];
    return sum;
}

/* e^x to 2 units in the last place: x = n ln 2 + r, a polynomial in r, n into the exponent; 0
 * below -87, infinite above 88. */
static inline float exp_fast(float x)
{
    const float shifted = x * 1.442695041f + 12582912.0f; /* n, an integer, in its low bits */
    const float n = shifted - 12582912.0f;
    const float r = x - n * 0.693359375f - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    union {
        float value;
        uint32_t bits;
    } power = { .value = shifted };
    power.bits = (power.bits + 127) << 23;
    return x < -87.0f ? 0.0f : x > 88.0f ? INFINITY : p * power.value;
}

/* erf(x) as x P(x^2) / Q(x^2) on [-4, 4], fitted by least squares; the error is below 4e-7. */
static inline float erf_fast(float x)
{
    const float t = x * x;
    float p = 1.974830026e-06f;
    p = p * t + 2.880403242e-04f;
    p = p * t + 4.003615758e-03f;
    p = p * t + 5.346738853e-02f;
    p = p * t + 1.962483281e-01f;
    p = p * t + 1.128378976e+00f;
    float q = 3.748080350e-05f;
    q = q * t + 1.216351726e-03f;
    q = q * t + 1.544436370e-02f;
    q = q * t + 1.164761539e-01f;
    q = q * t + 5.072517119e-01f;
    q = q * t + 1.0f;
    return x > 4.0f ? 1.0f : x < -4.0f ? -1.0f : x * p / q;
}

static inline float sigmoid(float x)
{
    return 1.0f / (1.0f + exp_fast(-x));
}

/* tanh(u) = 2 sigmoid(2u) - 1 */
static inline float activate(float x, enum activation activation)
{
    switch (activation) {
    case GELU_ERF:
        return 0.5f * x * (1.0f + erf_fast(x * 0.707106781f));
    case GELU_TANH:
        return x * sigmoid(1.595769122f * (x + 0.044715f * x * x * x));
    case GELU_QUICK:
        return x * sigmoid(1.702f * x);
    case SILU:
        return x * sigmoid(x);
    case RELU:
        return x > 0 ? x : x != x ? x : 0; /* NaN stays */
    }
    return x;
}

/* d activate / d x */
static inline float slope(float x, enum activation activation)
{
    float s;
    switch (activation) {
    case GELU_ERF:
        return 0.5f * (1.0f + erf_fast(x * 0.707106781f))
               + x * 0.398942280f * exp_fast(-0.5f * x * x);
    case GELU_TANH:
        s = sigmoid(1.595769122f * (x + 0.044715f * x * x * x));
        return s + x * s * (1.0f - s) * 1.595769122f * (1.0f + 0.134145f * x * x);
    case GELU_QUICK:
        s = sigmoid(1.702f * x);
        return s + 1.702f * x * s * (1.0f - s);
    case SILU:
        s = sigmoid(x);
        return s + x * s * (1.0f - s);
    case RELU:
        return x > 0 ? 1 : 0;
    }
    return 1;
}

/* A row's mean, and 1 / its deviation. */
static inline void row_statistics(
    const float *x, size_t dim, float eps, float *mean_at, float *scale)
{
    const size_t whole = dim / LANES * LANES;
    float lanes[LANES] = { 0 }, squares[LANES] = { 0 };
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lanes[l] += x[i + l];
    for (size_t i = whole; i < dim; i++)
        lanes[i - whole] += x[i];
    const float mean = sum_lanes(lanes) / (float)dim;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            squares[l] += (x[i + l] - mean) * (x[i + l] - mean);
    for (size_t i = whole; i < dim; i++)
        squares[i - whole] += (x[i] - mean) * (x[i] - mean);
    *mean_at = mean;
    *scale = 1.0f / sqrtf(sum_lanes(squares) / (float)dim + eps);
}

KERNEL void layernorm_forward(float *y, const float *x, const float *weight, const float *bias,
    size_t n, size_t dim, float eps)
{
    for (size_t row = 0; row < n; row++, x += dim, y += dim) {
        float mean, scale;
        row_statistics(x, dim, eps, &mean, &scale);
        for (size_t i = 0; i < dim; i++)
            y[i] = (x[i] - mean) * scale * weight[i] + bias[i];
    }
}

KERNEL void softmax_forward(float *x, size_t n, size_t width, size_t stride)
{
    const size_t whole = width / LANES * LANES;
    for (size_t row = 0; row < n; row++, x += stride) {
        float largest[LANES], lanes[LANES] = { 0 };
        for (size_t l = 0; l < LANES; l++)
            largest[l] = x[0];
        for (size_t i = 0; i < whole; i += LANES)
            for (size_t l = 0; l < LANES; l++)
                largest[l] = x[i + l] > largest[l] ? x[i + l] : largest[l];
        for (size_t i = whole; i < width; i++)
            largest[0] = x[i] > largest[0] ? x[i] : largest[0];
        for (size_t l = 1; l < LANES; l++)
            largest[0] = largest[l] > largest[0] ? largest[l] : largest[0];
        const float most = largest[0];
        for (size_t i = 0; i < width; i++)
            x[i] = exp_fast(x[i] - most);
        for (size_t i = 0; i < whole; i += LANES)
            for (size_t l = 0; l < LANES; l++)
                lanes[l] += x[i + l];
        for (size_t i = whole; i < width; i++)
            lanes[i - whole] += x[i];
        const float scale = 1.0f / sum_lanes(lanes);
        for (size_t i = 0; i < width; i++)
            x[i] *= scale;
    }
}

KERNEL void bias_forward(
    float *x, const float *bias, size_t rows, size_t columns, size_t stride)
{
    for (size_t row = 0; row < rows && bias; row++, x += stride)
        for (size_t i = 0; i < columns; i++)
            x[i] += bias[i];
}

/* A constant activation, so that each has its own loop without a branch. */
#define EACH_ACTIVATION(LOOP) \
    switch (activation) {     \
    case GELU_ERF:            \
        LOOP(GELU_ERF);       \
        break;                \
    case GELU_TANH:           \
        LOOP(GELU_TANH);      \
        break;                \
    case GELU_QUICK:          \
        LOOP(GELU_QUICK);     \
        break;                \
    case SILU:                \
        LOOP(SILU);           \
        break;                \
    case RELU:                \
        LOOP(RELU);           \
        break;                \
    }

#define ACTIVATE(KIND)                   \
    for (size_t i = 0; i < columns; i++) \
    y[i] = activate(x[i], KIND)

KERNEL void activation_forward(float *y, const float *x, enum activation activation,
    size_t rows, size_t columns, size_t stride)
{
    for (size_t row = 0; row < rows; row++, x += stride, y += stride)
        EACH_ACTIVATION(ACTIVATE)
}

KERNEL void gated_forward(float *y, const float *x, const float *gate,
    enum activation activation, size_t n, size_t width, size_t stride)
{
    for (size_t row = 0; row < n; row++, x += stride, y += stride, gate += stride)
        for (size_t i = 0; i < width; i++)
            y[i] = x[i] * activate(gate[i], activation);
}

KERNEL void residual_forward(float *y, const float *x, const float *bias, const float *scale,
    float factor, size_t rows, size_t columns, size_t stride)
{
    for (size_t row = 0; row < rows; row++, x += stride, y += stride) {
        if (bias && scale)
            for (size_t i = 0; i < columns; i++)
                y[i] += factor * scale[i] * (x[i] + bias[i]);
        else if (bias)
            for (size_t i = 0; i < columns; i++)
                y[i] += factor * (x[i] + bias[i]);
        else
            for (size_t i = 0; i < columns; i++)
                y[i] += factor * (scale ? scale[i] * x[i] : x[i]);
    }
}

KERNEL void mean_forward(float *y, const float *x, size_t n, size_t dim)
{
    memset(y, 0, dim * sizeof *y);
    for (size_t row = 0; row < n; row++, x += dim)
        for (size_t i = 0; i < dim; i++)
            y[i] += x[i];
    for (size_t i = 0; i < dim; i++)
        y[i] /= (float)n;
}

KERNEL void layernorm_backward(float *dx, const float *dy, const float *x, const float *weight,
    size_t n, size_t dim, float eps)
{
    const size_t whole = dim / LANES * LANES;
    for (size_t row = 0; row < n; row++, x += dim, dy += dim, dx += dim) {
        float mean, scale;
        row_statistics(x, dim, eps, &mean, &scale);
        float sums[LANES] = { 0 }, products[LANES] = { 0 };
        for (size_t i = 0; i < whole; i += LANES)
            for (size_t l = 0; l < LANES; l++) {
                sums[l] += dy[i + l] * weight[i + l];
                products[l] += dy[i + l] * weight[i + l] * (x[i + l] - mean);
            }
        for (size_t i = whole; i < dim; i++) {
            sums[i - whole] += dy[i] * weight[i];
            products[i - whole] += dy[i] * weight[i] * (x[i] - mean);
        }
        const float sum = sum_lanes(sums) / (float)dim;
        const float slant = sum_lanes(products) / (float)dim * scale * scale;
        for (size_t i = 0; i < dim; i++)
            dx[i] += scale * (dy[i] * weight[i] - sum - (x[i] - mean) * slant);
    }
}

KERNEL void softmax_backward(float *dx, const float *dy, const float *y, size_t n, size_t width)
{
    const size_t whole = width / LANES * LANES;
    for (size_t row = 0; row < n; row++, dx += width, dy += width, y += width) {
        float lanes[LANES] = { 0 };
        for (size_t i = 0; i < whole; i += LANES)
            for (size_t l = 0; l < LANES; l++)
                lanes[l] += dy[i + l] * y[i + l];
        for (size_t i = whole; i < width; i++)
            lanes[i - whole] += dy[i] * y[i];
        const float sum = sum_lanes(lanes);
        for (size_t i = 0; i < width; i++)
            dx[i] = y[i] * (dy[i] - sum);
    }
}

#define DESCEND(KIND)                    \
    for (size_t i = 0; i < columns; i++) \
    dx[i] *= slope(x[i], KIND)

KERNEL void activation_backward(float *dx, const float *x, enum activation activation,
    size_t rows, size_t columns, size_t stride)
{
    for (size_t row = 0; row < rows; row++, x += stride, dx += stride)
        EACH_ACTIVATION(DESCEND)
}

KERNEL void gated_backward(float *dx, float *dgate, const float *dy, const float *x,
    const float *gate, enum activation activation, size_t rows, size_t columns, size_t stride)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = row * stride; i < row * stride + columns; i++) {
            const float g = gate[i];
            dgate[i] = dy[i] * x[i] * slope(g, activation);
            dx[i] = dy[i] * activate(g, activation);
        }
    }
}

KERNEL void scale_rows(
    float *y, const float *x, const float *scale, float factor, size_t rows, size_t columns)
{
    for (size_t row = 0; row < rows; row++, x += columns, y += columns)
        if (scale)
            for (size_t i = 0; i < columns; i++)
                y[i] = x[i] * scale[i] * factor;
        else
            for (size_t i = 0; i < columns; i++)
                y[i] = x[i] * factor;
}

KERNEL void layernorm_weights(float *dweight, float *dbias, const float *dy, const float *x,
    size_t n, size_t dim, float eps)
{
    for (size_t row = 0; row < n; row++, x += dim, dy += dim) {
        float mean, scale;
        row_statistics(x, dim, eps, &mean, &scale);
        for (size_t i = 0; i < dim; i++) {
            dweight[i] += dy[i] * (x[i] - mean) * scale;
            dbias[i] += dy[i];
        }
    }
}

KERNEL void column_sums(float *to, const float *x, size_t rows, size_t columns, size_t stride)
{
    for (size_t row = 0; row < rows; row++, x += stride)
        for (size_t i = 0; i < columns; i++)
            to[i] += x[i];
}

KERNEL void column_products(
    float *to, const float *x, const float *y, size_t rows, size_t columns, size_t stride)
{
    for (size_t row = 0; row < rows; row++, x += stride, y += stride)
        for (size_t i = 0; i < columns; i++)
            to[i] += x[i] * y[i];
}

KERNEL void relu_backward(float *dy, const float *y, size_t rows, size_t columns, size_t stride)
{
    for (size_t row = 0; row < rows; row++, dy += stride, y += stride)
        for (size_t i = 0; i < columns; i++)
            dy[i] = y[i] <= 0 ? 0 : dy[i];
}

KERNEL void add_rows(float *x, const float *y, size_t rows, size_t columns, size_t stride)
{
    for (size_t row = 0; row < rows; row++, x += stride, y += stride)
        for (size_t i = 0; i < columns; i++)
            x[i] += y[i];
}
