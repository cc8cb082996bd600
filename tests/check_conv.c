/*
 * common/conv and conv_weights: every loop against its definition in double, gradients against
 * the transposed definition, the same bytes for every number of threads.
 */
#include "common/conv.h"
#include "common/gemm.h"
#include "tests/naivecheck.h"

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
    { { 8, 16, 3, 1, 1, 1, NULL, NULL }, 5, 31, 32 },
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

/* Added to what is there, with exactly the room asked for, by any number of threads. */
START_TEST(weight_gradients)
{
    struct work work;
    begin(&work, _i);
    const struct conv *conv = &work.conv;
    const size_t count = conv->kernel * conv->kernel * conv->in / conv->groups * conv->out;
    const size_t outputs = work.run.batch * work.rows * work.columns;
    const struct naive x =
        naive_from(work.x, work.run.batch, work.run.height, work.run.width, conv->in);
    const struct naive dy =
        naive_from(work.y, work.run.batch, work.rows, work.columns, conv->out);
    double *expected = naive_weight_gradient(conv, &x, &dy);
    float *first = make(count, 10), *dw = make(count, 10), *before = make(count, 10);
    for (size_t t = 0; t < 3; t++) {
        struct conv_run run = on(&work, conv, t);
        const size_t room = conv_weight_room(&run);
        float *sums = make(room, 11), *to = t ? dw : first;
        memcpy(to, before, count * sizeof *to);
        conv_weight_gradient(&run, work.x, work.y, to, sums);
        ck_assert(sums[room] == UNTOUCHED && to[count] == UNTOUCHED);
        free(run.scratch);
        free(sums);
        if (t > 0)
            ck_assert_mem_eq(dw, first, count * sizeof *dw);
    }
    for (size_t i = 0; i < count; i++)
        expect_near((double)first[i], expected[i] + (double)before[i],
            32 * EPS * sqrt((double)outputs + 16), "weight gradient", i);
    free(expected);
    free(first);
    free(dw);
    free(before);
    free(x.data);
    free(dy.data);
    end(&work);
}
END_TEST

/* Where a convolution can be turned, the turned one is its transpose. */
START_TEST(flipped)
{
    struct work work;
    struct conv turned;
    begin(&work, _i);
    const struct conv *conv = &work.conv;
    const bool odd = conv->kernel == 2 * conv->pad + 1;
    ck_assert_int_eq(conv_flip(conv, &turned), conv->stride == 1 && odd && conv->kernel > 1);
    if (conv->stride == 1 && odd && conv->kernel > 1) {
        const size_t count = conv->kernel * conv->kernel * conv->in / conv->groups * conv->out;
        float *weight = make(count, 9), *dx = make(work.in_count, 9);
        const struct naive dy =
            naive_from(work.y, work.run.batch, work.rows, work.columns, conv->out);
        struct naive expected = naive_conv_gradient(conv, &dy, work.run.height, work.run.width);
        conv_flip_weights(conv, &turned, weight);
        ck_assert(weight[count] == UNTOUCHED && turned.weight == weight && !turned.bias);
        struct conv_run run = on(&work, &turned, 1);
        run.height = work.rows;
        run.width = work.columns;
        free(run.scratch);
        run.stride = conv_scratch(&run);
        run.scratch = malloc(2 * run.stride * sizeof *run.scratch + 1);
        conv_forward(&run, work.y, dx, NULL, false);
        expect_all(dx, &expected, work.bound, "turned");
        free(run.scratch);
        free(weight);
        free(dx);
        free(dy.data);
        free(expected.data);
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
    tcase_add_loop_test(tests, weight_gradients, 0, CASES);
    tcase_add_loop_test(tests, flipped, 0, CASES);
    tcase_add_test(tests, sides);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
