/*
 * common/pool: every loop against its definition in double, gradients against the transposed
 * one, the same numbers on any number of threads.
 */
#include "common/pool.h"
#include "tests/naivecheck.h"

/* Sides of pictures to pool, and channels around vectors and tasks. */
static const size_t pooled[][4] = { { 1, 1, 1, 1 }, { 2, 2, 1, 3 }, { 1, 1, 2, 33 },
    { 1, 3, 3, 5 }, { 2, 4, 5, 31 }, { 3, 7, 8, 32 }, { 1, 16, 15, 64 }, { 2, 5, 1, 65 } };
enum { POOLED = sizeof pooled / sizeof *pooled };

static size_t volume(const struct pictures *shape)
{
    return shape->batch * shape->height * shape->width * shape->channels;
}

static struct pictures pooled_shape(int i)
{
    return (struct pictures){ pooled[i][0], pooled[i][1], pooled[i][2], pooled[i][3] };
}

static struct naive naive_pictures(const struct pictures *shape, const float *x)
{
    return naive_from(x, shape->batch, shape->height, shape->width, shape->channels);
}

/* Many values alike, some NaN. */
static float *make_ties(size_t count, unsigned seed)
{
    float *x = make(count, seed);
    for (size_t i = 0; i < count; i++)
        x[i] = x[i] > 0.93f ? NAN : floorf(x[i] * 2);
    return x;
}

START_TEST(maxima)
{
    const struct pictures shape = pooled_shape(_i);
    float *x = make_ties(volume(&shape), 1);
    const struct naive from = naive_pictures(&shape, x);
    struct naive expected = naive_pool(&from, 3, 2, 1, false);
    float *y = make(naive_count(&expected), 2);
    for (size_t t = 0; t < 3; t++) {
        max_pool_forward(pools[t], &shape, x, y);
        for (size_t i = 0; i < naive_count(&expected); i++)
            ck_assert(isnan(expected.data[i]) ? isnan(y[i]) : (double)y[i] == expected.data[i]);
    }
    ck_assert(y[naive_count(&expected)] == UNTOUCHED);
    free(x);
    free(y);
    free(from.data);
    free(expected.data);
}
END_TEST

/* Where PyTorch sends a window's gradient. */
static size_t naive_winner(const struct naive *x, size_t b, size_t oy, size_t ox, size_t c)
{
    double most = -(double)INFINITY;
    size_t winner = SIZE_MAX;
    for (long k = 0; k < 9; k++) {
        const double *from = naive_at(x, b, (long)oy * 2 + k / 3 - 1, (long)ox * 2 + k % 3 - 1);
        if (from && (winner == SIZE_MAX || from[c] > most || isnan(from[c]))) {
            most = from[c];
            winner = (size_t)(from + c - x->data);
        }
    }
    return winner;
}

START_TEST(maximum_gradients)
{
    const struct pictures shape = pooled_shape(_i);
    const size_t rows = max_pool_side(shape.height), columns = max_pool_side(shape.width);
    float *x = make_ties(volume(&shape), 1), *dx = make(volume(&shape), 2);
    float *dy = make(shape.batch * rows * columns * shape.channels, 3);
    for (size_t i = 0; i < volume(&shape); i++)
        x[i] = i % 5 == 0 ? -INFINITY : x[i];
    const struct naive from = naive_pictures(&shape, x);
    struct naive expected = naive_make(shape.batch, shape.height, shape.width, shape.channels);
    const float *at = dy;
    for (size_t b = 0; b < shape.batch; b++)
        for (size_t oy = 0; oy < rows; oy++)
            for (size_t ox = 0; ox < columns; ox++)
                for (size_t c = 0; c < shape.channels; c++)
                    expected.data[naive_winner(&from, b, oy, ox, c)] += (double)*at++;
    for (size_t t = 0; t < 3; t++) {
        max_pool_backward(pools[t], &shape, x, dy, dx);
        expect_all(dx, &expected, 8 * EPS, "maximum");
    }
    free(x);
    free(dx);
    free(dy);
    free(from.data);
    free(expected.data);
}
END_TEST

/* <A x, y> for what A' gave of y, by every element: A of a unit at i is A's column i. */
static void expect_adjoint(const struct pictures *shape, size_t stride, size_t out,
    const float *dy, const float *dx, bool mean)
{
    const size_t count = volume(shape);
    float *unit = calloc(count, sizeof *unit);
    const struct pictures to = { shape->batch, (shape->height - 1) / stride + 1,
        (shape->width - 1) / stride + 1, out };
    float *y = make(volume(&to), 5);
    ck_assert_ptr_nonnull(unit);
    for (size_t i = 0; i < count; i += 1 + count / 500) {
        double sum = 0;
        unit[i] = 1;
        if (mean)
            average_pool_forward(pools[0], shape, stride, unit, y);
        else
            pad_shortcut_forward(pools[0], shape, stride, out, unit, y);
        for (size_t o = 0; o < volume(&to); o++)
            sum += (double)y[o] * (double)dy[o];
        expect_near((double)dx[i], sum, 4 * EPS, "adjoint", i);
        unit[i] = 0;
    }
    free(unit);
    free(y);
}

START_TEST(averages)
{
    const struct pictures shape = pooled_shape(_i);
    for (size_t stride = 2; stride < 4; stride++) {
        float *x = make(volume(&shape), 1), *dx = make(volume(&shape), 2);
        const struct naive from = naive_pictures(&shape, x);
        struct naive expected = naive_pool(&from, 2, stride, 0, true);
        float *y = make(naive_count(&expected), 3);
        ck_assert_uint_eq(average_pool_side(shape.height, stride), expected.height);
        for (size_t t = 0; t < 3; t++) {
            average_pool_forward(pools[t], &shape, stride, x, y);
            expect_all(y, &expected, 4 * EPS, "average");
            memset(dx, -1, volume(&shape) * sizeof *dx);
            average_pool_backward(pools[t], &shape, stride, y, dx);
            expect_adjoint(&shape, stride, shape.channels, y, dx, true);
        }
        ck_assert(dx[volume(&shape)] == UNTOUCHED);
        free(x);
        free(dx);
        free(y);
        free(from.data);
        free(expected.data);
    }
}
END_TEST

START_TEST(padded_shortcuts)
{
    const struct pictures shape = pooled_shape(_i);
    for (size_t stride = 1; stride < 3; stride++) {
        const size_t out = 2 * shape.channels + 2, before = (out - shape.channels) / 2;
        const struct pictures to = { shape.batch, (shape.height - 1) / stride + 1,
            (shape.width - 1) / stride + 1, out };
        float *x = make(volume(&shape), 1), *dx = make(volume(&shape), 2);
        float *y = make(volume(&to), 3);
        for (size_t t = 0; t < 3; t++) {
            pad_shortcut_forward(pools[t], &shape, stride, out, x, y);
            for (size_t i = 0; i < volume(&to); i++) {
                const size_t c = i % out, p = i / out, row = p / to.width;
                const size_t line = row / to.height * shape.height + row % to.height * stride;
                const bool inside = c >= before && c < before + shape.channels;
                const size_t pixel = line * shape.width + p % to.width * stride;
                ck_assert(y[i] == (inside ? x[pixel * shape.channels + c - before] : 0));
            }
            memset(dx, -1, volume(&shape) * sizeof *dx);
            pad_shortcut_backward(pools[t], &shape, stride, out, y, dx);
            expect_adjoint(&shape, stride, out, y, dx, false);
        }
        ck_assert(y[volume(&to)] == UNTOUCHED && dx[volume(&shape)] == UNTOUCHED);
        free(x);
        free(dx);
        free(y);
    }
}
END_TEST

START_TEST(planes)
{
    const struct pictures shape = pooled_shape(_i);
    const size_t count = volume(&shape), one = count / shape.batch;
    const size_t pixels = one / shape.channels;
    float *from = make(count, 1), *x = make(count, 2), *back = make(count, 3);
    const float *pictures[3] = { from, from + one, from + 2 * one };
    float *to[3] = { back, NULL, back + 2 * one };
    for (size_t t = 0; t < 3; t++) {
        planes_to_pixels(pools[t], &shape, pictures, x);
        for (size_t i = 0; i < count; i++)
            ck_assert(
                x[i / one * one + i % pixels * shape.channels + i % one / pixels] == from[i]);
        fill(back, count, 3, 1);
        pixels_to_planes(pools[t], &shape, x, to);
        ck_assert_mem_eq(back, from, one * sizeof *from);
        for (size_t i = one; i < 2 * one && i < count; i++)
            ck_assert(back[i] != from[i]); /* nobody asked for the second */
    }
    ck_assert(x[count] == UNTOUCHED && back[count] == UNTOUCHED);
    free(from);
    free(x);
    free(back);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *tests = tcase_create("pool");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, maxima, 0, POOLED);
    tcase_add_loop_test(tests, maximum_gradients, 0, POOLED);
    tcase_add_loop_test(tests, averages, 0, POOLED);
    tcase_add_loop_test(tests, padded_shortcuts, 0, POOLED);
    tcase_add_loop_test(tests, planes, 0, POOLED);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
