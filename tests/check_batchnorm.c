/*
 * common/batchnorm: every loop against its definition in double, gradients against differences
 * of it, at shapes around the tiles; the same bytes for every number of threads.
 */
#include "common/batchnorm.h"
#include "tests/naivecheck.h"

static const size_t shapes[][2] = { { 1, 1 }, { 2, 3 }, { 7, 64 }, { 33, 65 }, { 31, 512 },
    { 32, 513 }, { 255, 64 }, { 256, 64 }, { 257, 64 }, { 1023, 16 }, { 1025, 16 },
    { 5000, 20 }, { 97, 130 } };
enum { SHAPES = sizeof shapes / sizeof *shapes, ARRAYS = 6 };

/* One norm with its arrays, every one with a mark behind it. */
struct work {
    size_t rows, channels, count;
    float *gamma, *beta, *z, *dy, *arrays[ARRAYS];
    struct batchnorm norm;
};

static void begin(struct work *work, const size_t shape[2], float offset)
{
    *work = (struct work){ .rows = shape[0], .channels = shape[1] };
    work->count = shape[0] * shape[1];
    work->gamma = make(shape[1], 1);
    work->beta = make(shape[1], 2);
    work->z = make(work->count, 3);
    work->dy = make(work->count, 4);
    for (size_t i = 0; i < work->count; i++)
        work->z[i] += offset;
    for (size_t i = 0; i < ARRAYS; i++)
        work->arrays[i] = make(shape[1], 5);
    float **a = work->arrays;
    work->norm = (struct batchnorm){ NULL, shape[0], shape[1], work->gamma, work->beta, a[0],
        a[1], a[2], a[3], a[4], a[5], NULL };
    const size_t room = batchnorm_room(shape[0], shape[1]);
    work->norm.sums = malloc((room + 1) * sizeof(double));
    ck_assert_ptr_nonnull(work->norm.sums);
    work->norm.sums[room] = (double)UNTOUCHED;
}

static void end(struct work *work)
{
    ck_assert(work->norm.sums[batchnorm_room(work->rows, work->channels)] == (double)UNTOUCHED);
    for (size_t i = 0; i < ARRAYS; i++) {
        ck_assert(work->arrays[i][work->channels] == UNTOUCHED);
        free(work->arrays[i]);
    }
    free(work->gamma);
    free(work->beta);
    free(work->z);
    free(work->dy);
    free(work->norm.sums);
}

/* Mean and variance of channel c of z with one number changed. */
static void naive_measure(
    const struct work *work, size_t c, size_t at, double change, double *mean, double *variance)
{
    *mean = *variance = 0;
    for (size_t i = c; i < work->count; i += work->channels)
        *mean += ((double)work->z[i] + (i == at ? change : 0)) / (double)work->rows;
    for (size_t i = c; i < work->count; i += work->channels) {
        const double d = (double)work->z[i] + (i == at ? change : 0) - *mean;
        *variance += d * d / (double)work->rows;
    }
}

static void expect_statistics(const struct work *work, double offset)
{
    for (size_t c = 0; c < work->channels; c++) {
        double mean, variance;
        naive_measure(work, c, SIZE_MAX, 0, &mean, &variance);
        const double inverse = 1 / sqrt(variance + 1e-5);
        const double scale = (double)work->gamma[c] * inverse;
        const double near = (2e-5 + offset * 1e-7) * inverse;
        expect_near((double)work->norm.mean[c], mean, 2e-7 * (1 + offset), "mean", c);
        expect_near((double)work->norm.inverse[c], inverse, near, "inverse", c);
        expect_near((double)work->norm.scale[c], scale, near, "scale", c);
        expect_near((double)work->norm.shift[c], (double)work->beta[c] - mean * scale,
            near * (1 + offset), "shift", c);
    }
}

/* Statistics, also where the mean is far from 0; the running ones, moved and recalled. */
START_TEST(statistics)
{
    for (int far = 0; far < 2; far++) {
        struct work work;
        begin(&work, shapes[_i], far ? 500.0f : 0.0f);
        float *mean = make(work.channels, 6), *variance = make(work.channels, 7);
        float *old_mean = make(work.channels, 6), *old_variance = make(work.channels, 7);
        work.norm.threads = pools[1];
        batchnorm_measure(&work.norm, work.z, mean, variance);
        expect_statistics(&work, far ? 500 : 0);
        for (size_t c = 0; c < work.channels; c++) {
            double m, v;
            naive_measure(&work, c, SIZE_MAX, 0, &m, &v);
            const double unbiased =
                work.rows > 1 ? v * (double)work.rows / ((double)work.rows - 1) : 0;
            expect_near((double)mean[c], 0.9 * (double)old_mean[c] + 0.1 * m, far ? 1e-5 : 1e-7,
                "running mean", c);
            expect_near((double)variance[c], 0.9 * (double)old_variance[c] + 0.1 * unbiased,
                far ? 1e-5 : 1e-6, "running variance", c);
            variance[c] = fabsf(variance[c]);
        }
        ck_assert(mean[work.channels] == UNTOUCHED && variance[work.channels] == UNTOUCHED);
        batchnorm_recall(&work.norm, mean, variance);
        for (size_t c = 0; c < work.channels; c++) {
            const double scale = (double)work.gamma[c] / sqrt((double)variance[c] + 1e-5);
            expect_near((double)work.norm.scale[c], scale, 1e-6 * fabs(scale), "scale", c);
            expect_near((double)work.norm.shift[c],
                (double)work.beta[c] - (double)mean[c] * scale, 1e-4 + 1e-6 * fabs(scale),
                "shift", c);
        }
        free(mean);
        free(variance);
        free(old_mean);
        free(old_variance);
        end(&work);
    }
}
END_TEST

/* With and without a residual (apart, in place, with a norm of its own) and relu. */
START_TEST(forward)
{
    struct work work, other;
    begin(&work, shapes[_i], 0);
    begin(&other, shapes[_i], 0.25f);
    float *mean = make(work.channels, 6), *variance = make(work.channels, 7);
    float *first = make(work.count, 8), *y = make(work.count, 8);
    work.norm.threads = other.norm.threads = pools[0];
    batchnorm_measure(&work.norm, work.z, mean, variance);
    batchnorm_measure(&other.norm, other.z, mean, variance);
    for (int kind = 0; kind < 8; kind++)
        for (size_t t = 0; t < 3; t++) {
            float *to = t ? y : first;
            work.norm.threads = pools[t];
            memcpy(to, other.z, work.count * sizeof *to);
            batchnorm_forward(&work.norm, work.z, to,
                kind / 2 == 0   ? NULL
                : kind / 2 == 1 ? other.z
                                : to,
                kind / 2 == 3 ? &other.norm : NULL, kind % 2);
            ck_assert(to[work.count] == UNTOUCHED);
            for (size_t i = 0; i < work.count && t == 0; i++) {
                const size_t c = i % work.channels;
                double expected =
                    (double)work.norm.scale[c] * (double)work.z[i] + (double)work.norm.shift[c];
                if (kind / 2 == 3)
                    expected += (double)other.norm.scale[c] * (double)other.z[i]
                                + (double)other.norm.shift[c];
                else
                    expected += kind / 2 > 0 ? (double)other.z[i] : 0;
                if (kind % 2 && expected < 0)
                    expected = 0;
                expect_near((double)to[i], expected,
                    1e-6
                        * (1 + fabs((double)work.norm.scale[c] * 2)
                            + fabs((double)other.norm.scale[c]) * 2),
                    "y", i);
            }
            if (t > 0)
                ck_assert_mem_eq(y, first, work.count * sizeof *y);
        }
    free(mean);
    free(variance);
    free(first);
    free(y);
    end(&work);
    end(&other);
}
END_TEST

/* sum of dy y over the channel, one of its numbers changed by so much. */
static double target(const struct work *work, size_t c, size_t at, double change, bool recalled)
{
    double mean, variance, sum = 0;
    naive_measure(work, c, recalled ? SIZE_MAX : at, change, &mean, &variance);
    for (size_t i = c; i < work->count; i += work->channels)
        sum += (double)work->dy[i] * (double)work->gamma[c]
               * ((double)work->z[i] + (i == at ? change : 0) - mean) / sqrt(variance + 1e-5);
    return sum;
}

/* Of this channel's norm: sums of dy, already shut, and differences of the target. */
static void expect_gradients(const struct work *work, size_t c, const float *dz, bool recalled)
{
    double mean, variance, dgamma = 0, dbeta = 0;
    naive_measure(work, c, SIZE_MAX, 0, &mean, &variance);
    for (size_t i = c; i < work->count; i += work->channels) {
        dbeta += (double)work->dy[i];
        dgamma += (double)work->dy[i] * ((double)work->z[i] - mean) / sqrt(variance + 1e-5);
    }
    const double rows = (double)work->rows, inverse = 1 / sqrt(variance + 1e-5);
    expect_near((double)work->norm.dbeta[c], dbeta, 1e-6 * sqrt(rows), "dbeta", c);
    expect_near((double)work->norm.dgamma[c], dgamma, 2e-6 * sqrt(rows) * inverse, "dgamma", c);
    for (size_t i = c, n = 0; i < work->count && n < 8; n++) {
        const double step = 1e-4 * sqrt(variance + 1e-5);
        const double difference =
            (target(work, c, i, step, recalled) - target(work, c, i, -step, recalled))
            / (2 * step);
        expect_near((double)dz[i], difference, 1e-5 * inverse + 1e-6, "dz", i);
        i += work->channels * (1 + work->rows / 8);
    }
}

START_TEST(gradients)
{
    for (int kind = 0; kind < 4; kind++) { /* recalled or not, behind a relu or not */
        struct work work;
        begin(&work, shapes[_i], 0.5f);
        float *mean = make(work.channels, 6), *variance = make(work.channels, 7);
        float *open = make(work.count, 8), *dy = make(work.count, 4);
        float *dz = make(work.count, 9), *first = make(work.count, 9);
        work.norm.threads = pools[0];
        batchnorm_measure(&work.norm, work.z, mean, variance);
        for (size_t i = 0; i < work.count && kind / 2; i++)
            work.dy[i] = open[i] <= 0 ? 0 : work.dy[i];
        for (size_t t = 0; t < 3; t++) {
            float *to = t ? dz : first;
            work.norm.threads = pools[t];
            fill(dy, work.count, 4, 1);
            batchnorm_sum(&work.norm, dy, work.z, kind / 2 ? open : NULL);
            ck_assert_mem_eq(dy, work.dy, work.count * sizeof *dy);
            memcpy(to, dy, work.count * sizeof *to);
            batchnorm_backward(&work.norm, t == 1 ? to : dy, work.z, to, kind % 2);
            if (t > 0)
                ck_assert_mem_eq(dz, first, work.count * sizeof *dz);
        }
        for (size_t c = 0; c < work.channels; c += 1 + work.channels / 7)
            expect_gradients(&work, c, first, kind % 2);
        ck_assert(first[work.count] == UNTOUCHED && dy[work.count] == UNTOUCHED);
        free(mean);
        free(variance);
        free(open);
        free(dy);
        free(dz);
        free(first);
        end(&work);
    }
}
END_TEST

/* A NaN reaches its channel, through relu too, and no other. */
START_TEST(keeps_nan)
{
    struct work work;
    begin(&work, shapes[_i], 0);
    float *mean = make(work.channels, 6), *variance = make(work.channels, 7);
    float *y = make(work.count, 8);
    const size_t hurt = work.channels / 2;
    work.z[hurt] = NAN;
    work.norm.threads = pools[1];
    batchnorm_measure(&work.norm, work.z, mean, variance);
    batchnorm_forward(&work.norm, work.z, y, NULL, NULL, true);
    for (size_t i = 0; i < work.count; i++)
        ck_assert_int_eq(!isnan(y[i]), i % work.channels != hurt);
    for (size_t c = 0; c < work.channels; c++)
        ck_assert_int_eq(!isnan(mean[c]) && !isnan(variance[c]), c != hurt);
    batchnorm_sum(&work.norm, work.dy, work.z, y);
    ck_assert(isnan(work.norm.dgamma[hurt]));
    free(mean);
    free(variance);
    free(y);
    end(&work);
}
END_TEST

START_TEST(room)
{
    ck_assert_uint_eq(batchnorm_room(SIZE_MAX, SIZE_MAX / 2), SIZE_MAX);
    ck_assert_uint_eq(batchnorm_room(1024, 16), 2 * 16);
    ck_assert_uint_eq(batchnorm_room(1025, 16), 4 * 16);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batchnorm");
    TCase *tests = tcase_create("batchnorm");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, statistics, 0, SHAPES);
    tcase_add_loop_test(tests, forward, 0, SHAPES);
    tcase_add_loop_test(tests, gradients, 0, SHAPES);
    tcase_add_loop_test(tests, keeps_nan, 0, SHAPES);
    tcase_add_test(tests, room);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
