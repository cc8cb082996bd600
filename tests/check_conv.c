/*
 * common/conv and common/pool: every loop against its definition in double, gradients against
 * the transposed definition, the same bytes for every number of threads.
 */
#include "common/conv.h"
#include "common/gemm.h"
#include "common/pool.h"
#include "tests/naiveconv.h"

static struct threads *pools[3]; /* of 1, 2 and 3 threads */

static void set_up(void)
{
    struct error error;
    for (size_t t = 0; t < 3; t++)
        ck_assert_int_eq(threads_create(&pools[t], t + 1, &error), 0);
}

static void tear_down(void)
{
    for (size_t t = 0; t < 3; t++)
        threads_free(pools[t]);
}

static float *make(size_t count, unsigned seed)
{
    float *made = malloc((count + 1) * sizeof *made);
    ck_assert_ptr_nonnull(made);
    fill(made, count, seed, 1);
    made[count] = UNTOUCHED;
    return made;
}

/* Kernels and strides of all families, sides around them, and what cuts tiles otherwise. */
static const struct {
    struct conv conv;
    size_t batch, height, width;
} cases[] = {
    { { 1, 1, 1, 1, 0, 1, NULL, NULL }, 1, 1, 1 },
    { { 3, 5, 1, 1, 0, 1, NULL, NULL }, 2, 7, 9 },
    { { 64, 256, 1, 1, 0, 1, NULL, NULL }, 2, 14, 15 },
    { { 16, 1030, 1, 1, 0, 1, NULL, NULL }, 3, 17, 16 },
    { { 33, 31, 1, 1, 0, 1, NULL, NULL }, 1, 31, 33 },
    { { 12, 20, 1, 2, 0, 1, NULL, NULL }, 2, 7, 8 },
    { { 64, 130, 1, 2, 0, 1, NULL, NULL }, 1, 1, 2 },
    { { 8, 6, 1, 3, 0, 2, NULL, NULL }, 2, 7, 8 },
    { { 6, 8, 1, 1, 0, 2, NULL, NULL }, 2, 3, 5 },
    { { 3, 16, 3, 1, 1, 1, NULL, NULL }, 2, 15, 17 },
    { { 5, 7, 3, 1, 1, 1, NULL, NULL }, 1, 1, 1 },
    { { 5, 7, 3, 2, 1, 1, NULL, NULL }, 2, 1, 2 },
    { { 5, 7, 3, 1, 0, 1, NULL, NULL }, 1, 3, 4 },
    { { 64, 64, 3, 1, 1, 1, NULL, NULL }, 3, 16, 15 },
    { { 64, 65, 3, 2, 1, 1, NULL, NULL }, 4, 17, 16 },
    { { 350, 40, 3, 1, 1, 1, NULL, NULL }, 5, 7, 7 },
    { { 300, 600, 3, 2, 1, 1, NULL, NULL }, 1, 5, 7 },
    { { 16, 16, 3, 1, 1, 4, NULL, NULL }, 2, 7, 8 },
    { { 64, 64, 3, 2, 1, 16, NULL, NULL }, 2, 9, 8 },
    { { 24, 12, 3, 1, 1, 3, NULL, NULL }, 9, 15, 14 },
    { { 14, 14, 3, 1, 1, 7, NULL, NULL }, 1, 2, 3 },
    { { 12, 24, 3, 1, 1, 12, NULL, NULL }, 1, 5, 4 },
    { { 3, 64, 7, 2, 3, 1, NULL, NULL }, 2, 32, 31 },
    { { 3, 8, 7, 2, 3, 1, NULL, NULL }, 1, 2, 1 },
    { { 4, 4, 2, 2, 0, 1, NULL, NULL }, 1, 5, 4 },
    { { 4, 4, 5, 3, 2, 2, NULL, NULL }, 2, 11, 10 },
};
enum { CASES = sizeof cases / sizeof *cases };

/* A case's convolution with its numbers. */
struct work {
    struct conv conv;
    struct conv_run run;
    size_t rows, columns, in_count, out_count; /* floats of x and y */
    double bound;
    float *weight, *bias, *x, *y, *residual;
};

static void begin(struct work *work, int i)
{
    const size_t k = cases[i].conv.kernel;
    *work = (struct work){ .conv = cases[i].conv };
    struct conv *conv = &work->conv;
    const size_t taps = k * k * conv->in / conv->groups;
    conv->weight = work->weight = make(taps * conv->out, 1);
    conv->bias = work->bias = make(conv->out, 2);
    work->rows = conv_side(conv, cases[i].height);
    work->columns = conv_side(conv, cases[i].width);
    work->in_count = cases[i].batch * cases[i].height * cases[i].width * conv->in;
    work->out_count = cases[i].batch * work->rows * work->columns * conv->out;
    work->x = make(work->in_count, 3);
    work->y = make(work->out_count, 4);
    work->residual = make(work->out_count, 5);
    work->run = (struct conv_run){ NULL, conv, cases[i].batch, cases[i].height, cases[i].width,
        NULL, 0 };
    work->bound =
        32 * EPS * sqrt((double)(k * k * (conv->in > conv->out ? conv->in : conv->out)) + 16);
}

static void end(struct work *work)
{
    free(work->weight);
    free(work->bias);
    free(work->x);
    free(work->y);
    free(work->residual);
}

/* The run on pools[t], with scratch of exactly the size asked for. */
static struct conv_run on(const struct work *work, const struct conv *conv, size_t t)
{
    struct conv_run run = work->run;
    run.conv = conv;
    run.threads = pools[t];
    run.stride = conv_scratch(&run);
    run.scratch = malloc((t + 1) * run.stride * sizeof *run.scratch + 1);
    ck_assert_ptr_nonnull(run.scratch);
    return run;
}

static void expect_all(
    const float *found, const struct naive *expected, double bound, const char *what)
{
    for (size_t i = 0; i < naive_count(expected); i++)
        expect_near((double)found[i], expected->data[i], bound, what, i);
    if (found[naive_count(expected)] != UNTOUCHED)
        ck_abort_msg("%s: something was written behind the end", what);
}

/* conv (as it is, or merged): all kinds of finish, on all numbers of threads. */
static void expect_forward(const struct work *work, const struct conv *conv)
{
    const struct naive x =
        naive_from(work->x, work->run.batch, work->run.height, work->run.width, work->conv.in);
    for (int kind = 0; kind < 6; kind++) { /* residual: none, apart, in place */
        struct naive expected = naive_conv(&work->conv, &x);
        for (size_t i = 0; i < work->out_count && kind / 2 > 0; i++)
            expected.data[i] += (double)work->residual[i];
        if (kind % 2)
            naive_relu(&expected);
        float *first = make(work->out_count, 6);
        for (size_t t = 0; t < 3; t++) {
            struct conv_run run = on(work, conv, t);
            float *y = t ? work->y : first;
            memcpy(y, work->residual, work->out_count * sizeof *y);
            conv_forward(&run, work->x, y,
                kind / 2 == 0   ? NULL
                : kind / 2 == 1 ? work->residual
                                : y,
                kind % 2);
            free(run.scratch);
            if (t > 0)
                ck_assert_mem_eq(y, first, work->out_count * sizeof *y);
        }
        expect_all(first, &expected, work->bound, "forward");
        free(first);
        free(expected.data);
    }
    free(x.data);
}

START_TEST(convolutions)
{
    struct work work;
    begin(&work, _i);
    expect_forward(&work, &work.conv);
    end(&work);
}
END_TEST

static void expect_gradient(const struct work *work, const struct conv *conv)
{
    const struct naive dy =
        naive_from(work->y, work->run.batch, work->rows, work->columns, work->conv.out);
    for (int kind = 0; kind < 4; kind++) { /* added or not, behind a relu or not */
        struct naive expected =
            naive_conv_gradient(&work->conv, &dy, work->run.height, work->run.width);
        float *before = make(work->in_count, 7), *first = make(work->in_count, 8);
        float *dx = make(work->in_count, 9);
        for (size_t i = 0; i < work->in_count; i++) {
            expected.data[i] += kind % 2 ? (double)before[i] : 0;
            expected.data[i] = kind / 2 && work->x[i] <= 0 ? 0 : expected.data[i];
        }
        for (size_t t = 0; t < 3; t++) {
            struct conv_run run = on(work, conv, t);
            float *to = t ? dx : first;
            for (size_t i = 0; i < work->in_count; i++)
                to[i] = kind % 2 ? before[i] : NAN;
            conv_input_gradient(&run, work->y, to, kind % 2, kind / 2 ? work->x : NULL);
            free(run.scratch);
            if (t > 0)
                ck_assert_mem_eq(dx, first, work->in_count * sizeof *dx);
        }
        expect_all(first, &expected, work->bound, "gradient");
        free(before);
        free(first);
        free(dx);
        free(expected.data);
    }
    free(dy.data);
}

START_TEST(input_gradients)
{
    struct work work;
    begin(&work, _i);
    expect_gradient(&work, &work.conv);
    end(&work);
}
END_TEST

/* Where groups are merged, both passes stay what they are. */
START_TEST(merged_groups)
{
    struct work work;
    struct conv merged;
    begin(&work, _i);
    const size_t size = conv_merge_groups(&work.conv, &merged);
    ck_assert_int_eq(size > 0,
        work.conv.groups > 1
            && (work.conv.in / work.conv.groups < 16 || work.conv.out / work.conv.groups < 16));
    if (size > 0) {
        float *weight = make(size, 9);
        conv_merge_weights(&work.conv, &merged, weight);
        ck_assert(merged.weight == weight && weight[size] == UNTOUCHED);
        ck_assert(merged.groups < work.conv.groups && work.conv.groups % merged.groups == 0);
        expect_forward(&work, &merged);
        expect_gradient(&work, &merged);
        free(weight);
    }
    end(&work);
}
END_TEST

START_TEST(sides)
{
    static const size_t expected[][7] = { /* kernel, stride, pad: of sides 0, 1, 2, 3 */
        { 1, 1, 0, 0, 1, 2, 3 }, { 1, 2, 0, 0, 1, 1, 2 }, { 3, 1, 1, 0, 1, 2, 3 },
        { 3, 2, 1, 0, 1, 1, 2 }, { 3, 1, 0, 0, 0, 0, 1 }, { 7, 2, 3, 0, 1, 1, 2 }
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        for (size_t side = 0; side < 4; side++) {
            const struct conv conv = {
                .kernel = expected[i][0], .stride = expected[i][1], .pad = expected[i][2]
            };
            ck_assert_uint_eq(conv_side(&conv, side), expected[i][3 + side]);
        }
}
END_TEST

/* A NaN, and infinity less infinity, reach the outputs that see them and no others, through
 * relu as well. */
START_TEST(convolutions_keep_nan)
{
    struct work work;
    begin(&work, _i);
    const size_t pixel = work.in_count / work.conv.in / 2;
    for (size_t c = 0; c < work.conv.in; c++)
        work.x[pixel * work.conv.in + c] = NAN;
    const struct naive x =
        naive_from(work.x, work.run.batch, work.run.height, work.run.width, work.conv.in);
    struct naive expected = naive_conv(&work.conv, &x);
    struct conv_run run = on(&work, &work.conv, 1);
    conv_forward(&run, work.x, work.y, NULL, true);
    for (size_t i = 0; i < work.out_count; i++)
        if (!isnan(work.y[i]) != !isnan(expected.data[i]))
            ck_abort_msg("[%zu] is %g", i, (double)work.y[i]);
    free(run.scratch);
    free(x.data);
    free(expected.data);
    end(&work);
}
END_TEST

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
    gemm_start();
    Suite *suite = suite_create("conv");
    TCase *tests = tcase_create("conv");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, convolutions, 0, CASES);
    tcase_add_loop_test(tests, input_gradients, 0, CASES);
    tcase_add_loop_test(tests, merged_groups, 0, CASES);
    tcase_add_loop_test(tests, convolutions_keep_nan, 0, CASES);
    tcase_add_test(tests, sides);
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
