/*
 * The gradients of common/kernels.h against central differences, in double, of the functions as
 * their papers write them; at sizes around the kernels' lanes.
 */
#include "common/kernels.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 3, MOST = 129 };
static const size_t sizes[] = { 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 129 };
#define COUNT(array) (sizeof(array) / sizeof *(array))

static unsigned seed;

static float number(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / (float)(1 << 23) - 1.0f;
}

static __attribute__((noinline)) void fill(float *x, size_t count, float scale)
{
    for (size_t i = 0; i < count; i++)
        x[i] = scale * number();
}

/* sum over i of dy[i] * f(x)[i], for one row. */
struct function {
    size_t n;
    double (*value)(const struct function *f, const double *x);
    const float *dy, *weight, *other;
    enum activation activation;
};

static double slope_at(const struct function *f, const float *x, size_t i)
{
    double moved[MOST];
    const double step = 1e-5;
    for (size_t k = 0; k < f->n; k++)
        moved[k] = (double)x[k];
    moved[i] += step;
    const double above = f->value(f, moved);
    moved[i] -= 2 * step;
    return (above - f->value(f, moved)) / (2 * step);
}

static void expect_slopes(const struct function *f, const float *x, const float *found,
    const float *before, const char *what)
{
    double largest = 1e-3;
    for (size_t i = 0; i < f->n; i++)
        largest = fmax(largest, fabs(slope_at(f, x, i)));
    for (size_t i = 0; i < f->n; i++) {
        const double due = slope_at(f, x, i) + (before ? (double)before[i] : 0);
        ck_assert_msg(fabs((double)found[i] - due) <= 3e-6 * fmax(1, largest),
            "%s of %zu at %zu: %g, not %g", what, f->n, i, (double)found[i], due);
    }
}

static const double eps = 1e-3;

static double layernorm(const struct function *f, const double *x)
{
    double mean = 0, variance = 0, sum = 0;
    for (size_t i = 0; i < f->n; i++)
        mean += x[i] / (double)f->n;
    for (size_t i = 0; i < f->n; i++)
        variance += (x[i] - mean) * (x[i] - mean) / (double)f->n;
    for (size_t i = 0; i < f->n; i++)
        sum += (double)f->dy[i] * (double)f->weight[i] * (x[i] - mean) / sqrt(variance + eps);
    return sum;
}

START_TEST(layernorm_gradient)
{
    const size_t n = sizes[_i];
    float x[ROWS * MOST], dy[ROWS * MOST], dx[ROWS * MOST], before[ROWS * MOST], weight[MOST];
    fill(x, ROWS * n, 2);
    fill(dy, ROWS * n, 1);
    fill(before, ROWS * n, 1);
    fill(weight, n, 1);
    memcpy(dx, before, sizeof dx);
    layernorm_backward(dx, dy, x, weight, ROWS, n, (float)eps);
    for (size_t row = 0; row < ROWS; row++) {
        const struct function f = { n, layernorm, dy + row * n, weight, NULL, 0 };
        expect_slopes(&f, x + row * n, dx + row * n, before + row * n, "layernorm");
    }
}
END_TEST

static double softmax(const struct function *f, const double *x)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < f->n; i++)
        total += exp(x[i]);
    for (size_t i = 0; i < f->n; i++)
        sum += (double)f->dy[i] * exp(x[i]) / total;
    return sum;
}

START_TEST(softmax_gradient)
{
    const size_t n = sizes[_i];
    float x[ROWS * MOST], y[ROWS * MOST], dy[ROWS * MOST], dx[ROWS * MOST];
    fill(x, ROWS * n, 3);
    fill(dy, ROWS * n, 1);
    memcpy(y, x, sizeof y);
    softmax_forward(y, ROWS, n, n);
    softmax_backward(dx, dy, y, ROWS, n);
    for (size_t row = 0; row < ROWS; row++) {
        const struct function f = { n, softmax, dy + row * n, NULL, NULL, 0 };
        expect_slopes(&f, x + row * n, dx + row * n, NULL, "softmax");
    }
    float in_place[ROWS * MOST];
    memcpy(in_place, dy, sizeof in_place);
    softmax_backward(in_place, in_place, y, ROWS, n);
    ck_assert(memcmp(in_place, dx, ROWS * n * sizeof *dx) == 0);
}
END_TEST

static double activation(double x, enum activation kind)
{
    switch (kind) {
    case GELU_ERF:
        return 0.5 * x * erfc(-x * sqrt(0.5));
    case GELU_TANH:
        return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case GELU_QUICK:
        return x / (1 + exp(-1.702 * x));
    case SILU:
        return x / (1 + exp(-x));
    case RELU:
        return x > 0 ? x : 0;
    }
    return 0;
}

static double activated(const struct function *f, const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < f->n; i++)
        sum += (double)f->dy[i] * activation(x[i], f->activation);
    return sum;
}

START_TEST(activation_gradient)
{
    for (size_t s = 0; s < COUNT(sizes); s++)
        for (size_t gap = 0; gap < 4; gap += 3) {
            const size_t n = sizes[s], stride = n + gap;
            float x[ROWS * (MOST + 3)], dy[ROWS * (MOST + 3)], dx[ROWS * (MOST + 3)];
            fill(x, ROWS * stride, 5);
            fill(dy, ROWS * stride, 1);
            memcpy(dx, dy, sizeof dx);
            activation_backward(dx, x, (enum activation)_i, ROWS, n, stride);
            for (size_t row = 0; row < ROWS; row++) {
                const float *at = dy + row * stride;
                const struct function f = { n, activated, at, NULL, NULL, (enum activation)_i };
                expect_slopes(&f, x + row * stride, dx + row * stride, NULL, "activation");
                for (size_t i = n; i < stride; i++)
                    ck_assert(memcmp(&dx[row * stride + i], at + i, sizeof *at) == 0);
            }
        }
}
END_TEST

/* Far out a slope is 0 or 1, not NaN; NaN stays. */
START_TEST(activation_far_out)
{
    const float x[] = { 60, -60, 1e4f, -1e4f, 0, NAN };
    float dx[COUNT(x)] = { 1, 1, 1, 1, 1, 1 };
    activation_backward(dx, x, (enum activation)_i, 1, COUNT(x), COUNT(x));
    for (size_t i = 0; i < 4; i++)
        ck_assert_msg(fabsf(dx[i] - (i % 2 ? 0.0f : 1.0f)) < 1e-20f, "%g: %g", (double)x[i],
            (double)dx[i]);
    ck_assert(dx[4] == (_i == RELU ? 0.0f : 0.5f));
    ck_assert(_i == RELU || isnan(dx[5]));
}
END_TEST

static double gated_by_value(const struct function *f, const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < f->n; i++)
        sum += (double)f->dy[i] * x[i] * activation((double)f->other[i], f->activation);
    return sum;
}

static double gated_by_gate(const struct function *f, const double *gate)
{
    double sum = 0;
    for (size_t i = 0; i < f->n; i++)
        sum += (double)f->dy[i] * (double)f->other[i] * activation(gate[i], f->activation);
    return sum;
}

START_TEST(gated_gradient)
{
    for (size_t s = 0; s < COUNT(sizes); s++) {
        const size_t n = sizes[s];
        float x[ROWS * MOST], gate[ROWS * MOST], dy[ROWS * MOST], dgate[ROWS * MOST];
        float in_place[ROWS * MOST];
        fill(x, ROWS * n, 2);
        fill(gate, ROWS * n, 4);
        fill(dy, ROWS * n, 1);
        memcpy(in_place, dy, sizeof in_place);
        gated_backward(in_place, dgate, in_place, x, gate, (enum activation)_i, ROWS, n, n);
        for (size_t at = 0; at < ROWS * n; at += n) {
            const enum activation kind = (enum activation)_i;
            const struct function value = { n, gated_by_value, dy + at, NULL, gate + at, kind };
            const struct function by_gate = { n, gated_by_gate, dy + at, NULL, x + at, kind };
            expect_slopes(&value, x + at, in_place + at, NULL, "value");
            expect_slopes(&by_gate, gate + at, dgate + at, NULL, "gate");
        }
    }
}
END_TEST

/* Below, a function of what all rows share: dy and other are [ROWS, n]. */

static double by_norm_weight(const struct function *f, const double *weight)
{
    double sum = 0;
    for (size_t row = 0; row < ROWS; row++) {
        const float *x = f->other + row * f->n, *dy = f->dy + row * f->n;
        double mean = 0, variance = 0;
        for (size_t i = 0; i < f->n; i++)
            mean += (double)x[i] / (double)f->n;
        for (size_t i = 0; i < f->n; i++)
            variance += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)f->n;
        for (size_t i = 0; i < f->n; i++)
            sum += (double)dy[i] * weight[i] * ((double)x[i] - mean) / sqrt(variance + eps);
    }
    return sum;
}

static double by_bias(const struct function *f, const double *bias)
{
    double sum = 0;
    for (size_t i = 0; i < ROWS * f->n; i++)
        sum += (double)f->dy[i] * bias[i % f->n];
    return sum;
}

static double by_scale(const struct function *f, const double *scale)
{
    double sum = 0;
    for (size_t i = 0; i < ROWS * f->n; i++)
        sum += (double)f->dy[i] * scale[i % f->n] * (double)f->other[i];
    return sum;
}

/* They add to what is there. */
START_TEST(norm_weight_gradients)
{
    const size_t n = sizes[_i];
    float x[ROWS * MOST], dy[ROWS * MOST], weight[MOST], bias[MOST], before[2][MOST];
    fill(x, ROWS * n, 2);
    fill(dy, ROWS * n, 1);
    fill(before[0], n, 1);
    fill(before[1], n, 1);
    memcpy(weight, before[0], sizeof weight);
    memcpy(bias, before[1], sizeof bias);
    layernorm_weights(weight, bias, dy, x, ROWS, n, (float)eps);
    const struct function by_weight = { n, by_norm_weight, dy, NULL, x, 0 };
    const struct function of_bias = { n, by_bias, dy, NULL, NULL, 0 };
    expect_slopes(&by_weight, x, weight, before[0], "norm's weight");
    expect_slopes(&of_bias, x, bias, before[1], "norm's bias");
}
END_TEST

/* Of a bias and of a scale; rows apart, and what is between them is nobody's. */
START_TEST(column_gradients)
{
    const size_t n = sizes[_i];
    for (size_t gap = 0; gap < 4; gap += 3) {
        float x[ROWS * MOST], dy[ROWS * MOST], before[MOST], bias[MOST], scale[MOST];
        float wide_x[ROWS * (MOST + 3)], wide_dy[ROWS * (MOST + 3)];
        fill(x, ROWS * n, 2);
        fill(dy, ROWS * n, 1);
        fill(before, n, 1);
        for (size_t i = 0; i < ROWS * (n + gap); i++) {
            const size_t row = i / (n + gap), column = i % (n + gap);
            wide_x[i] = column < n ? x[row * n + column] : NAN;
            wide_dy[i] = column < n ? dy[row * n + column] : NAN;
        }
        memcpy(bias, before, sizeof bias);
        memcpy(scale, before, sizeof scale);
        column_sums(bias, wide_dy, ROWS, n, n + gap);
        column_products(scale, wide_dy, wide_x, ROWS, n, n + gap);
        const struct function of_bias = { n, by_bias, dy, NULL, NULL, 0 };
        const struct function of_scale = { n, by_scale, dy, NULL, x, 0 };
        expect_slopes(&of_bias, x, bias, before, "sums");
        expect_slopes(&of_scale, x, scale, before, "products");
    }
}
END_TEST

START_TEST(rows)
{
    const size_t n = sizes[_i];
    float x[ROWS * MOST], scale[MOST], y[ROWS * MOST], sum[ROWS * MOST];
    fill(x, ROWS * n, 1);
    fill(scale, n, 1);
    scale_rows(y, x, scale, 1, ROWS, n);
    memcpy(sum, x, sizeof sum);
    add_rows(sum, y, ROWS, n - 1, n);
    for (size_t i = 0; i < ROWS * n; i++) {
        ck_assert(y[i] == x[i] * scale[i % n]);
        ck_assert(sum[i] == (i % n == n - 1 ? x[i] : x[i] + y[i]));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backward");
    TCase *cases = tcase_create("kernels");
    tcase_add_loop_test(cases, layernorm_gradient, 0, (int)COUNT(sizes));
    tcase_add_loop_test(cases, softmax_gradient, 0, (int)COUNT(sizes));
    tcase_add_loop_test(cases, activation_gradient, GELU_ERF, RELU + 1);
    tcase_add_loop_test(cases, activation_far_out, GELU_ERF, RELU + 1);
    tcase_add_loop_test(cases, gated_gradient, GELU_ERF, RELU + 1);
    tcase_add_loop_test(cases, norm_weight_gradients, 0, (int)COUNT(sizes));
    tcase_add_loop_test(cases, column_gradients, 0, (int)COUNT(sizes));
    tcase_add_loop_test(cases, rows, 0, (int)COUNT(sizes));
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
