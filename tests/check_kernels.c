/*
 * common/kernels: every loop against a naive twin in double. The error bounds are those that
 * were measured, rounded up.
 */
#include "common/kernels.h"
#include "tests/numbers.h"

/* Around the width of vectors and lanes. */
static const size_t sizes[] = { 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128,
    129, 197, 255, 256, 257, 768, 1023, 1024, 1025 };
enum { SIZES = sizeof sizes / sizeof *sizes, ROWS = 3, MOST = 1025 + 7, ROOM = ROWS * MOST };

static void expect_nan(float value, bool due, size_t i)
{
    if (!isnan(value) == due)
        ck_abort_msg("[%zu] is %g", i, (double)value);
}

/* What lies between the rows isn't anybody's. */
static void expect_gaps(const float *x, size_t rows, size_t columns, size_t stride)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t i = columns; i < stride; i++)
            if (x[r * stride + i] != UNTOUCHED)
                ck_abort_msg("row %zu, column %zu was touched", r, i);
}

static void fill_rows(
    float *x, size_t rows, size_t columns, size_t stride, unsigned seed, float scale)
{
    for (size_t r = 0; r < rows; r++) {
        fill(x + r * stride, columns, seed + (unsigned)r, scale);
        for (size_t i = columns; i < stride; i++)
            x[r * stride + i] = UNTOUCHED;
    }
}

static void naive_layernorm(
    double *y, const float *x, const float *weight, const float *bias, size_t dim, double eps)
{
    double mean = 0, variance = 0;
    for (size_t i = 0; i < dim; i++)
        mean += (double)x[i] / (double)dim;
    for (size_t i = 0; i < dim; i++)
        variance += ((double)x[i] - mean) * ((double)x[i] - mean) / (double)dim;
    for (size_t i = 0; i < dim; i++)
        y[i] =
            ((double)x[i] - mean) / sqrt(variance + eps) * (double)weight[i] + (double)bias[i];
}

START_TEST(layernorm)
{
    static const struct {
        float scale, shift, eps;
        double bound; /* of the normalised value */
    } cases[] = {
        { 1, 0, 1e-6f, 8 * EPS },
        { 1e-3f, 0, 1e-6f, 8 * EPS },
        { 1e4f, 0, 1e-6f, 8 * EPS },
        { 1, 100, 1e-5f, 600 * EPS }, /* the mean takes digits from the rest */
        { 1e-20f, 0, 1e-12f, 8 * EPS },
    };
    const size_t dim = sizes[_i];
    static float x[ROOM], y[ROOM], weight[MOST], bias[MOST];
    static double expected[MOST];
    fill(weight, dim, 1, 2);
    fill(bias, dim, 2, 1);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        fill(x, ROWS * dim, (unsigned)c + 3, cases[c].scale);
        for (size_t i = 0; i < ROWS * dim; i++)
            x[i] += cases[c].shift;
        layernorm_forward(y, x, weight, bias, ROWS, dim, cases[c].eps);
        for (size_t r = 0; r < ROWS; r++) {
            naive_layernorm(expected, x + r * dim, weight, bias, dim, (double)cases[c].eps);
            for (size_t i = 0; i < dim; i++)
                expect_near((double)y[r * dim + i], expected[i],
                    cases[c].bound * (fabs((double)weight[i]) * 4 + fabs((double)bias[i])),
                    "layernorm", i);
        }
        layernorm_forward(x, x, weight, bias, ROWS, dim, cases[c].eps); /* in place */
        ck_assert_mem_eq(x, y, ROWS * dim * sizeof *x);
    }
}
END_TEST

/* NaN and infinity spoil their row and no other. */
START_TEST(layernorm_keeps_nan)
{
    const size_t dim = sizes[_i];
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    static float x[ROOM], y[ROOM], weight[MOST], bias[MOST];
    fill(weight, dim, 1, 2);
    fill(bias, dim, 2, 1);
    for (size_t b = 0; b < 3; b++)
        for (size_t at = 0; at<dim; at += dim> 8 ? dim / 8 : 1) {
            fill(x, ROWS * dim, 3, 1);
            x[dim + at] = bad[b];
            layernorm_forward(y, x, weight, bias, ROWS, dim, 1e-6f);
            for (size_t i = 0; i < ROWS * dim; i++)
                expect_nan(y[i], i / dim == 1, i);
        }
}
END_TEST

/* Returns the largest of x. */
static double naive_softmax(double *y, const float *x, size_t width)
{
    double most = -(double)INFINITY, sum = 0;
    for (size_t i = 0; i < width; i++)
        most = fmax(most, (double)x[i]);
    for (size_t i = 0; i < width; i++)
        sum += y[i] = exp((double)x[i] - most);
    for (size_t i = 0; i < width; i++)
        y[i] /= sum;
    return most;
}

/* To 5e-7 of each value, and what the distance to the largest loses in f32; values below 2e-38
 * may become 0. */
START_TEST(softmax)
{
    static const float scales[] = { 0, 1e-3f, 1, 10, 40, 1e4f };
    const size_t width = sizes[_i];
    static float x[ROOM], before[ROOM];
    static double expected[MOST];
    for (size_t s = 0; s < sizeof scales / sizeof *scales; s++)
        for (size_t gap = 0; gap < 8; gap += 7) {
            const size_t stride = width + gap;
            fill_rows(x, ROWS, width, stride, (unsigned)s, scales[s]);
            memcpy(before, x, sizeof x);
            softmax_forward(x, ROWS, width, stride);
            expect_gaps(x, ROWS, width, stride);
            for (size_t r = 0; r < ROWS; r++) {
                const float *row = before + r * stride;
                const double most = naive_softmax(expected, row, width);
                for (size_t i = 0; i < width; i++)
                    expect_near((double)x[r * stride + i], expected[i],
                        (5e-7 + EPS * (most - (double)row[i])) * expected[i] + 2e-38, "softmax",
                        i);
            }
        }
}
END_TEST

START_TEST(softmax_of_extremes)
{
    const size_t width = sizes[_i], last = width - 1;
    static float x[MOST];
    for (int sign = -1; sign <= 1; sign += 2) { /* all the same, large */
        for (size_t i = 0; i < width; i++)
            x[i] = 1e4f * (float)sign;
        softmax_forward(x, 1, width, width);
        for (size_t i = 0; i < width; i++)
            expect_near((double)x[i], 1 / (double)width, 2e-7 / (double)width, "equal", i);
    }
    for (size_t i = 0; i < width; i++) /* one that counts, masked others */
        x[i] = i == last ? -1e4f : -INFINITY;
    softmax_forward(x, 1, width, width);
    for (size_t i = 0; i < width; i++)
        ck_assert_msg(x[i] == (i == last ? 1.0f : 0.0f), "%zu: %g", i, (double)x[i]);
    for (size_t i = 0; i < width; i++) /* far apart */
        x[i] = i == last ? FLT_MAX : -FLT_MAX;
    softmax_forward(x, 1, width, width);
    for (size_t i = 0; i < width; i++)
        ck_assert_msg(x[i] == (i == last ? 1.0f : 0.0f), "%zu: %g", i, (double)x[i]);
    for (size_t i = 0; i < width; i++)
        x[i] = -INFINITY;
    softmax_forward(x, 1, width, width);
    for (size_t i = 0; i < width; i++)
        ck_assert(isnan(x[i]));
}
END_TEST

START_TEST(softmax_keeps_nan)
{
    const size_t width = sizes[_i], stride = width + 1;
    static const float bad[] = { NAN, INFINITY };
    static float x[ROOM];
    for (size_t b = 0; b < 2; b++)
        for (size_t at = 0; at<width; at += width> 8 ? width / 8 : 1) {
            fill_rows(x, ROWS, width, stride, 5, 3);
            x[stride + at] = bad[b];
            softmax_forward(x, ROWS, width, stride);
            expect_gaps(x, ROWS, width, stride);
            for (size_t i = 0; i < ROWS * stride; i++)
                expect_nan(x[i], i / stride == 1 && i % stride < width, i);
        }
}
END_TEST

static double naive_activation(double x, enum activation activation)
{
    switch (activation) {
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
    return (double)NAN;
}

/* To 3e-7 of max(1, |x|), from -60 to 60. */
START_TEST(activations)
{
    enum { STEPS = 1 << 16 };
    static float x[STEPS], y[STEPS];
    static const float spans[] = { 60, 6, 0.01f };
    for (size_t s = 0; s < 3; s++) {
        for (size_t i = 0; i < STEPS; i++)
            y[i] = x[i] = spans[s] * ((float)i / (STEPS / 2) - 1);
        activation_forward(y, y, (enum activation)_i, 1, STEPS, STEPS);
        for (size_t i = 0; i < STEPS; i++)
            expect_near((double)y[i], naive_activation((double)x[i], (enum activation)_i),
                3e-7 * fmax(1, fabs((double)x[i])), "activation", i);
    }
}
END_TEST

START_TEST(activation_of_extremes)
{
    const enum activation activation = (enum activation)_i;
    float x[] = { 0, 50, -50, 1e4f, -1e4f, 1e30f, -1e30f, INFINITY, NAN, -0.0f, 1e-40f };
    static const float expected[] = { 0, 50, 0, 1e4f, 0, 1e30f, 0, INFINITY, NAN, 0 };
    activation_forward(x, x, activation, 1, sizeof x / sizeof *x, sizeof x / sizeof *x);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        if (isnan(expected[i]))
            ck_assert(isnan(x[i]));
        else
            ck_assert_msg(x[i] == expected[i] || fabsf(x[i] - expected[i]) < 1e-20f,
                "%zu: %g, not %g", i, (double)x[i], (double)expected[i]);
    ck_assert(fabsf(x[10]) < 2e-40f);
    float low = -INFINITY; /* 0 times infinity, as in PyTorch, but for ReLU */
    activation_forward(&low, &low, activation, 1, 1, 1);
    ck_assert(activation == RELU ? low == 0 : isnan(low));
}
END_TEST

/* Tiles of all sizes, in place and elsewhere; NaN where it was and nowhere else. */
START_TEST(activation_tiles)
{
    const size_t columns = sizes[_i];
    static float x[ROOM], before[ROOM], y[ROOM];
    for (int a = GELU_ERF; a <= RELU; a++)
        for (size_t gap = 0; gap < 8; gap += 7)
            for (int placed = 0; placed < 2; placed++) {
                const size_t stride = columns + gap, bad = stride + columns / 2;
                fill_rows(x, ROWS, columns, stride, (unsigned)a, 4);
                x[bad] = NAN;
                memcpy(before, x, sizeof x);
                memcpy(y, x, sizeof x);
                float *to = placed ? x : y;
                activation_forward(to, x, (enum activation)a, ROWS, columns, stride);
                expect_gaps(to, ROWS, columns, stride);
                for (size_t i = 0; i < ROWS * stride; i++) {
                    if (i % stride >= columns)
                        continue;
                    const double in = (double)before[i];
                    expect_nan(to[i], i == bad, i);
                    if (i != bad)
                        expect_near((double)to[i], naive_activation(in, (enum activation)a),
                            4e-7 * fmax(1, fabs(in)), "tile", i);
                }
            }
}
END_TEST

START_TEST(gates)
{
    const size_t width = sizes[_i];
    static float x[ROOM], gate[ROOM], before[ROOM];
    for (int a = GELU_ERF; a <= RELU; a++)
        for (size_t gap = 0; gap < 8; gap += 7) {
            const size_t stride = width + gap;
            fill_rows(x, ROWS, width, stride, 3, 4);
            fill_rows(gate, ROWS, width, stride, 7, 4);
            gate[0] = NAN;
            memcpy(before, x, sizeof x);
            gated_forward(x, x, gate, (enum activation)a, ROWS, width, stride);
            expect_gaps(x, ROWS, width, stride);
            for (size_t i = 0; i < ROWS * stride; i++) {
                if (i % stride >= width)
                    continue;
                expect_nan(x[i], i == 0, i);
                if (i > 0)
                    expect_near((double)x[i],
                        (double)before[i]
                            * naive_activation((double)gate[i], (enum activation)a),
                        4 * 4e-7 * fmax(1, fabs((double)gate[i])), "gate", i);
            }
        }
}
END_TEST

START_TEST(adds)
{
    const size_t columns = sizes[_i];
    static float x[ROOM], y[ROOM], before[ROOM], bias[MOST], scale[MOST];
    fill(bias, columns, 1, 1);
    fill(scale, columns, 2, 2);
    for (size_t gap = 0; gap < 8; gap += 7)
        for (int kind = 0; kind < 4; kind++) {
            const size_t stride = columns + gap;
            const bool biased = kind & 1, scaled = kind & 2;
            fill_rows(x, ROWS, columns, stride, 3, 4);
            fill_rows(y, ROWS, columns, stride, 7, 4);
            memcpy(before, y, sizeof y);
            residual_forward(
                y, x, biased ? bias : NULL, scaled ? scale : NULL, 1, ROWS, columns, stride);
            expect_gaps(y, ROWS, columns, stride);
            for (size_t i = 0; i < ROWS * stride; i++) {
                const size_t c = i % stride;
                if (c >= columns)
                    continue;
                const double b = biased ? (double)bias[c] : 0,
                             s = scaled ? (double)scale[c] : 1;
                expect_near((double)y[i], (double)before[i] + s * ((double)x[i] + b),
                    4 * EPS * (fabs((double)before[i]) + fabs(s) * 5), "residual", i);
            }
            memcpy(y, before, sizeof y);
            bias_forward(y, biased ? bias : NULL, ROWS, columns, stride);
            for (size_t i = 0; i < ROWS * stride; i++)
                if (y[i] != before[i] + (biased && i % stride < columns ? bias[i % stride] : 0))
                    ck_abort_msg("bias[%zu]: %g", i, (double)y[i]);
        }
}
END_TEST

/* Open where the output is above 0, or NaN. */
START_TEST(relu_gradients)
{
    const size_t columns = sizes[_i];
    static float y[ROOM], dy[ROOM], before[ROOM];
    for (size_t gap = 0; gap < 8; gap += 7) {
        const size_t stride = columns + gap;
        fill_rows(y, ROWS, columns, stride, 3, 1);
        fill_rows(dy, ROWS, columns, stride, 7, 1);
        y[0] = NAN;
        y[stride] = 0;
        y[stride + columns / 2] = -0.0f;
        memcpy(before, dy, sizeof dy);
        relu_backward(dy, y, ROWS, columns, stride);
        expect_gaps(dy, ROWS, columns, stride);
        for (size_t i = 0; i < ROWS * stride; i++)
            if (i % stride < columns)
                ck_assert(dy[i] == (y[i] > 0 || isnan(y[i]) ? before[i] : 0));
    }
}
END_TEST

START_TEST(means)
{
    static float x[1025 * 33], y[33];
    const size_t n = sizes[_i];
    for (size_t dim = 1; dim <= 33; dim += 16) {
        fill(x, n * dim, 4, 1);
        mean_forward(y, x, n, dim);
        for (size_t i = 0; i < dim; i++) {
            double sum = 0, size = 0;
            for (size_t r = 0; r < n; r++) {
                sum += (double)x[r * dim + i];
                size += fabs((double)x[r * dim + i]);
            }
            expect_near((double)y[i], sum / (double)n, EPS * (size + 1), "mean", i);
        }
        x[(n - 1) * dim] = NAN;
        mean_forward(y, x, n, dim);
        for (size_t i = 0; i < dim; i++)
            expect_nan(y[i], i == 0, i);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kernels");
    TCase *tests = tcase_create("kernels");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, layernorm, 0, SIZES);
    tcase_add_loop_test(tests, layernorm_keeps_nan, 0, SIZES);
    tcase_add_loop_test(tests, softmax, 0, SIZES);
    tcase_add_loop_test(tests, softmax_of_extremes, 0, SIZES);
    tcase_add_loop_test(tests, softmax_keeps_nan, 0, SIZES);
    tcase_add_loop_test(tests, activations, GELU_ERF, RELU + 1);
    tcase_add_loop_test(tests, activation_of_extremes, GELU_ERF, RELU + 1);
    tcase_add_loop_test(tests, activation_tiles, 0, SIZES);
    tcase_add_loop_test(tests, gates, 0, SIZES);
    tcase_add_loop_test(tests, adds, 0, SIZES);
    tcase_add_loop_test(tests, relu_gradients, 0, SIZES);
    tcase_add_loop_test(tests, means, 0, SIZES);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
