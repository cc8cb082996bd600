/* common/gemm: products against a naive twin in double; the same bytes for every number of
 * threads. */
#include "common/gemm.h"
#include "tests/numbers.h"

/* A matrix of random numbers whose steps along the two sides are as asked for. */
static float *make_matrix(
    size_t rows, size_t columns, bool transposed, size_t gap, struct matrix *matrix)
{
    const size_t stride = (transposed ? rows : columns) + gap;
    const size_t count = (transposed ? columns : rows) * stride;
    float *data = malloc(count * sizeof *data);
    ck_assert_ptr_nonnull(data);
    fill(data, count, (unsigned)(rows + columns), 1);
    *matrix = (struct matrix){ data, transposed ? 1 : stride, transposed ? stride : 1 };
    return data;
}

static float at(struct matrix matrix, size_t row, size_t column)
{
    return matrix.data[row * matrix.row_stride + column * matrix.column_stride];
}

/* scale a b + keep c, as doubles [m, n] */
static double *naive_product(size_t m, size_t n, size_t k, double scale, struct matrix a,
    struct matrix b, double keep, const float *c, size_t c_stride)
{
    double *to = calloc(m * n, sizeof *to);
    ck_assert_ptr_nonnull(to);
    for (size_t i = 0; i < m; i++) {
        for (size_t l = 0; l < k; l++)
            for (size_t j = 0; j < n; j++)
                to[i * n + j] += scale * (double)at(a, i, l) * (double)at(b, l, j);
        for (size_t j = 0; j < n && keep != 0; j++)
            to[i * n + j] += keep * (double)c[i * c_stride + j];
    }
    return to;
}

static void expect_product(
    const float *c, const double *expected, size_t m, size_t n, size_t k, size_t c_stride)
{
    const double bound = 4 * EPS * sqrt((double)k + 16) * 4;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < c_stride; j++)
            if (j < n)
                expect_near((double)c[i * c_stride + j], expected[i * n + j], bound, "product",
                    i * n + j);
            else if (c[i * c_stride + j] != UNTOUCHED)
                ck_abort_msg("row %zu, column %zu was touched", i, j);
}

/* C as it is before: NaN where numbers shall come. */
static float *make_result(size_t m, size_t n, size_t c_stride, float value)
{
    float *c = malloc(m * c_stride * sizeof *c);
    ck_assert_ptr_nonnull(c);
    for (size_t i = 0; i < m * c_stride; i++)
        c[i] = i % c_stride < n ? value : UNTOUCHED;
    return c;
}

/* Layouts of the two factors: transposed and rows apart. */
static const struct {
    bool a, b;
    size_t a_gap, b_gap, c_gap;
} layouts[] = {
    { false, true, 0, 0, 0 }, /* tokens times weights as PyTorch stores them */
    { false, false, 0, 0, 0 },
    { true, false, 3, 5, 7 },
    { false, true, 129, 1, 1 },
    { true, true, 1, 64, 3 },
};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

static const size_t shapes[][3] = { { 1, 1, 1 }, { 1, 10, 128 }, { 5, 7, 3 }, { 6, 16, 64 },
    { 7, 17, 65 }, { 31, 33, 47 }, { 65, 65, 32 }, { 65, 32, 65 }, { 197, 197, 64 },
    { 197, 64, 197 }, { 50, 15, 45 }, { 2, 3, 2048 }, { 2, 800, 300 } };

START_TEST(products)
{
    const size_t *s = shapes[_i];
    for (size_t l = 0; l < LAYOUTS; l++)
        for (int keep = 0; keep < 2; keep++) {
            struct matrix a, b;
            const size_t stride = s[1] + layouts[l].c_gap;
            float *a_data = make_matrix(s[0], s[2], layouts[l].a, layouts[l].a_gap, &a);
            float *b_data = make_matrix(s[2], s[1], layouts[l].b, layouts[l].b_gap, &b);
            float *c = make_result(s[0], s[1], stride, keep ? 0.5f : NAN);
            double *expected =
                naive_product(s[0], s[1], s[2], 0.125, a, b, keep ? 2.0 : 0, c, stride);
            gemm(s[0], s[1], s[2], 0.125f, a, b, keep ? 2.0f : 0, c, stride);
            expect_product(c, expected, s[0], s[1], s[2], stride);
            free(a_data);
            free(b_data);
            free(c);
            free(expected);
        }
}
END_TEST

/* Some rows and columns alone give the bytes that they give among others. */
START_TEST(products_among_others)
{
    static const size_t cuts[][2] = { { 1, 1 }, { 1, 64 }, { 5, 16 }, { 24, 64 }, { 49, 33 } };
    enum { M = 197, N = 129, K = 600 };
    for (size_t l = 0; l < LAYOUTS; l++) {
        struct matrix a, b;
        float *a_data = make_matrix(M, K, layouts[l].a, layouts[l].a_gap, &a);
        float *b_data = make_matrix(K, N, layouts[l].b, layouts[l].b_gap, &b);
        float *all = make_result(M, N, N, NAN), *c = make_result(M, N, N, NAN);
        double *expected = naive_product(M, N, K, 1, a, b, 0, NULL, N);
        gemm(M, N, K, 1, a, b, 0, all, N);
        expect_product(all, expected, M, N, K, N);
        for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
            for (size_t row = 0; row < M; row += cuts[i][0])
                for (size_t column = 0; column < N; column += cuts[i][1]) {
                    const size_t m = M - row < cuts[i][0] ? M - row : cuts[i][0];
                    const size_t n = N - column < cuts[i][1] ? N - column : cuts[i][1];
                    struct matrix left = a, right = b;
                    left.data += row * a.row_stride;
                    right.data += column * b.column_stride;
                    gemm(m, n, K, 1, left, right, 0, c + row * N + column, N);
                }
            ck_assert_int_eq(memcmp(c, all, (size_t)M * N * sizeof *c), 0);
        }
        free(a_data);
        free(b_data);
        free(all);
        free(c);
        free(expected);
    }
}
END_TEST

START_TEST(empty_products)
{
    float c[4] = { NAN, 1, 2, 3 }, one = 1;
    const struct matrix matrix = { &one, 1, 1 };
    gemm(0, 2, 1, 1, matrix, matrix, 0, c, 2);
    gemm(2, 0, 1, 1, matrix, matrix, 0, c, 2);
    ck_assert(isnan(c[0]) && c[1] == 1 && c[2] == 2 && c[3] == 3);
    gemm(2, 2, 0, 1, matrix, matrix, 0, c, 2);
    for (size_t i = 0; i < 4; i++)
        ck_assert(c[i] == 0);
}
END_TEST

/* A NaN in a row of the left factor is in that row of the product alone. */
START_TEST(products_keep_nan)
{
    enum { M = 65, N = 33, K = 40 };
    struct matrix a, b;
    float *a_data = make_matrix(M, K, false, 0, &a), *b_data = make_matrix(K, N, true, 0, &b);
    float *c = make_result(M, N, N, 0);
    a_data[17 * K + 5] = NAN;
    a_data[18 * K + 5] = INFINITY;
    gemm(M, N, K, 1, a, b, 0, c, N);
    for (size_t i = 0; i < (size_t)M * N; i++)
        ck_assert_msg(i / N == 17   ? isnan(c[i])
                      : i / N == 18 ? isinf(c[i])
                                    : isfinite(c[i]),
            "row %zu: %g", i / N, (double)c[i]);
    free(a_data);
    free(b_data);
    free(c);
}
END_TEST

/* How often each number was finished, and how it was then. */
struct finished {
    const float *c;
    size_t c_stride, n;
    unsigned char *times;
    float *then;
};

static void note_tile(void *argument, size_t row, size_t rows, size_t column, size_t columns)
{
    const struct finished *finished = argument;
    for (size_t i = row; i < row + rows; i++)
        for (size_t j = column; j < column + columns; j++) {
            finished->times[i * finished->n + j]++;
            finished->then[i * finished->n + j] = finished->c[i * finished->c_stride + j];
        }
}

/* Around the edges of tiles, and of what decides how many there are; token counts of a
 * ViT-B/16's one, two and eight pictures. */
static const struct {
    size_t m, n, k, layout;
} big[] = {
    { 1, 96, 64, 0 },
    { 1, 2304, 21, 0 },
    { 65, 100, 33, 1 },
    { 65, 384, 128, 0 },
    { 197, 768, 48, 0 },
    { 197, 2304, 24, 3 },
    { 197, 1535, 24, 0 },
    { 197, 1536, 24, 2 },
    { 394, 96, 33, 4 },
    { 511, 100, 31, 0 },
    { 511, 768, 16, 1 },
    { 512, 96, 32, 0 },
    { 512, 100, 17, 2 },
    { 513, 768, 16, 0 },
    { 513, 100, 64, 4 },
    { 1575, 192, 16, 2 },
    { 1576, 10, 40, 0 },
    { 1576, 96, 24, 1 },
    { 1576, 100, 24, 3 },
    { 1576, 768, 16, 0 },
    { 1576, 2304, 8, 0 },
    { 1577, 193, 16, 4 },
    { 2364, 97, 16, 0 },
    { 2365, 384, 9, 1 },
};

static void finish_check(const struct finished *finished, size_t m)
{
    const size_t n = finished->n;
    for (size_t i = 0; i < m * n; i++)
        if (finished->times[i] != 1
            || finished->then[i] != finished->c[i / n * finished->c_stride + i % n])
            ck_abort_msg(
                "number %zu was finished %d times, or not as it is", i, finished->times[i]);
}

/* On 1, 2, 3 and 5 threads: the right numbers, the same bytes, each tile finished once. */
START_TEST(products_on_threads)
{
    const size_t m = big[_i].m, n = big[_i].n, k = big[_i].k, l = big[_i].layout;
    const size_t stride = n + layouts[l].c_gap;
    static const size_t counts[] = { 1, 2, 3, 5 };
    struct matrix a, b;
    float *a_data = make_matrix(m, k, layouts[l].a, layouts[l].a_gap, &a);
    float *b_data = make_matrix(k, n, layouts[l].b, layouts[l].b_gap, &b);
    float *first = make_result(m, n, stride, NAN), *c = make_result(m, n, stride, NAN);
    double *expected = naive_product(m, n, k, 1, a, b, 0, NULL, 0);
    struct finished finished = { first, stride, n, calloc(m, n), calloc(m * n, sizeof *c) };
    ck_assert(finished.times && finished.then);
    for (size_t t = 0; t < 4; t++) {
        struct threads *threads;
        struct error error;
        ck_assert_int_eq(threads_create(&threads, counts[t], &error), 0);
        gemm_all(
            threads, m, n, k, a, b, t ? c : first, stride, t ? NULL : note_tile, &finished);
        threads_free(threads);
        if (t > 0)
            ck_assert_int_eq(memcmp(c, first, m * stride * sizeof *c), 0);
    }
    finish_check(&finished, m);
    expect_product(first, expected, m, n, k, stride);
    free(finished.times);
    free(finished.then);
    free(first);
    free(c);
    free(expected);
    free(a_data);
    free(b_data);
}
END_TEST

/* Weights' gradients: from few rows and columns to a ViT's, over many tokens or none. */
static const struct {
    size_t m, n, k, layout;
} sums[] = {
    { 1, 1, 1, 2 },
    { 5, 3, 0, 2 },
    { 10, 192, 128, 2 },
    { 47, 49, 65, 4 },
    { 48, 384, 257, 2 },
    { 49, 385, 64, 0 },
    { 192, 192, 1025, 2 },
    { 193, 767, 33, 3 },
    { 384, 128, 4096, 2 },
    { 577, 769, 16, 1 },
};

/* C += A B on 1, 2, 3 and 5 threads: the right numbers, the same bytes. */
START_TEST(sums_on_threads)
{
    const size_t m = sums[_i].m, n = sums[_i].n, k = sums[_i].k, l = sums[_i].layout;
    const size_t stride = n + layouts[l].c_gap;
    static const size_t counts[] = { 1, 2, 3, 5 };
    struct matrix a, b;
    float *a_data = make_matrix(m, k, layouts[l].a, layouts[l].a_gap, &a);
    float *b_data = make_matrix(k, n, layouts[l].b, layouts[l].b_gap, &b);
    float *first = make_result(m, n, stride, 0.5f);
    double *expected = naive_product(m, n, k, 1, a, b, 1, first, stride);
    for (size_t t = 0; t < 4; t++) {
        struct threads *threads;
        struct error error;
        float *c = make_result(m, n, stride, 0.5f);
        ck_assert_int_eq(threads_create(&threads, counts[t], &error), 0);
        gemm_add(threads, m, n, k, a, b, t ? c : first, stride);
        threads_free(threads);
        if (t > 0)
            ck_assert_int_eq(memcmp(c, first, m * stride * sizeof *c), 0);
        free(c);
    }
    expect_product(first, expected, m, n, k, stride);
    free(first);
    free(expected);
    free(a_data);
    free(b_data);
}
END_TEST

int main(void)
{
    gemm_start();
    Suite *suite = suite_create("gemm");
    TCase *tests = tcase_create("gemm");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, products, 0, sizeof shapes / sizeof *shapes);
    tcase_add_test(tests, products_among_others);
    tcase_add_test(tests, empty_products);
    tcase_add_test(tests, products_keep_nan);
    tcase_add_loop_test(tests, products_on_threads, 0, sizeof big / sizeof *big);
    tcase_add_loop_test(tests, sums_on_threads, 0, sizeof sums / sizeof *sums);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
