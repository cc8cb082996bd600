/* common/eigen: the largest eigenvalue and its vector, held to what defines them. */
#include "common/eigen.h"
#include "tests/numbers.h"

enum { MOST = 130 };

static double *make(size_t count)
{
    double *x = calloc(count, sizeof *x);
    ck_assert_ptr_nonnull(x);
    return x;
}

/* Whether value I - a is positive definite: whether Cholesky's decomposition gets through. */
static bool above_all(const double *a, size_t n, double value)
{
    double *l = make(n * n);
    bool definite = true;
    for (size_t i = 0; i < n && definite; i++)
        for (size_t j = 0; j <= i; j++) {
            double rest = (i == j ? value : 0) - a[j * n + i];
            for (size_t k = 0; k < j; k++)
                rest -= l[i * n + k] * l[j * n + k];
            definite &= i != j || rest > 0;
            l[i * n + j] = i == j ? sqrt(rest) : rest / l[j * n + j];
        }
    free(l);
    return definite;
}

/* a: the upper triangle; below it is what nobody may read. */
static double expect_largest(const double *a, size_t n, const char *what)
{
    double *copy = make(n * n), *vector = make(n), *room = make(eigen_room(n));
    double norm = 0, length = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            copy[i * n + j] = j < i ? NAN : a[i * n + j];
            norm += j < i ? 0 : fabs(a[i * n + j]);
        }
    const double value = eigen_largest(copy, n, vector, room);
    const double bound = 1e-14 * (double)n * norm + 1e-291;
    for (size_t i = 0; i < n; i++) {
        double product = 0;
        for (size_t j = 0; j < n; j++)
            product += a[i < j ? i * n + j : j * n + i] * vector[j];
        expect_near(product, value * vector[i], bound, what, i);
        length += vector[i] * vector[i];
    }
    expect_near(length, 1, 1e-12, what, n);
    ck_assert_msg(
        above_all(a, n, value + bound), "%s: %g is not the largest of %zu", what, value, n);
    free(copy);
    free(vector);
    free(room);
    return value;
}

START_TEST(random_matrices)
{
    static const size_t sizes[] = { 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65,
        127, 128, 129 };
    const size_t n = sizes[_i];
    float numbers[MOST * MOST];
    double *a = make(n * n);
    fill(numbers, n * n, (unsigned)n, 1);
    for (size_t i = 0; i < n * n; i++)
        a[i] = (double)numbers[i];
    expect_largest(a, n, "random");
    for (size_t i = 0; i < n; i++)
        a[i * n + i] -= 100;
    expect_largest(a, n, "all below zero");
    for (size_t i = 0; i < n * n; i++)
        a[i] *= 1e-90;
    expect_largest(a, n, "tiny");
    for (size_t i = 0; i < n * n; i++)
        a[i] *= 1e170;
    expect_largest(a, n, "huge");
    free(a);
}
END_TEST

/* Of the second difference: 2 + 2 cos(pi / (n + 1)), the next as near as 1 / n^2. The same with
 * a little elsewhere, which is reflected away and mustn't cancel. */
START_TEST(known_value)
{
    const double pi = acos(-1.0), beside = _i ? 1 : -1;
    for (size_t n = 1; n <= MOST; n += 43) {
        double *a = make(n * n);
        for (size_t i = 0; i < n; i++)
            for (size_t j = i; j < n; j++)
                a[i * n + j] = i == j ? 2 : j == i + 1 ? beside : 1e-12 * (double)(i % 3);
        expect_near(expect_largest(a, n, "difference"), 2 + 2 * cos(pi / (double)(n + 1)), 1e-9,
            "value", n);
        free(a);
    }
}
END_TEST

/* Multiple, nearly multiple and no eigenvalues: diagonals, turned by one reflection. */
START_TEST(multiple_values)
{
    static const double gaps[] = { 0, 1e-15, 1e-12, 1e-6, 1 };
    for (size_t n = 2; n <= 66; n += 32)
        for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
            for (int turned = 0; turned < 2; turned++) {
                double *a = make(n * n), *v = make(n);
                for (size_t i = 0; i < n; i++)
                    v[i] = turned ? sqrt(2.0 / (double)n) * (i % 2 ? 1 : -1) : 0;
                for (size_t i = 0; i < n; i++)
                    for (size_t j = i; j < n; j++)
                        for (size_t k = 0; k < n; k++)
                            a[i * n + j] += ((i == k) - v[i] * v[k])
                                            * (3 - gaps[g] * (double)(k / 2))
                                            * ((j == k) - v[j] * v[k]);
                expect_near(expect_largest(a, n, "multiple"), 3, 1e-12, "value", n);
                free(a);
                free(v);
            }
    double *zeros = make(25);
    ck_assert(expect_largest(zeros, 5, "zeros") < 1e-290);
    for (size_t i = 0; i < 25; i++)
        zeros[i] = 1;
    expect_near(expect_largest(zeros, 5, "rank 1"), 5, 1e-14, "value", 5);
    free(zeros);
}
END_TEST

START_TEST(gram_matrix)
{
    static const size_t sides[] = { 1, 2, 3, 4, 5, 7, 8, 9, 17 };
    const size_t m = sides[_i / 9], n = sides[_i % 9];
    float numbers[17 * 17];
    double y[17 * 17], g[17 * 17];
    fill(numbers, m * n, (unsigned)_i, 1);
    for (size_t i = 0; i < m * n; i++)
        y[i] = (double)numbers[i];
    for (size_t i = 0; i < n * n; i++)
        g[i] = (double)UNTOUCHED;
    gram(y, m, n, g);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = j < i ? (double)UNTOUCHED : 0;
            for (size_t k = 0; k < m && j >= i; k++)
                sum += y[k * n + i] * y[k * n + j];
            expect_near(g[i * n + j], sum, 1e-14, "gram", i * n + j);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("eigen");
    TCase *tests = tcase_create("eigen");
    tcase_add_loop_test(tests, random_matrices, 0, 20);
    tcase_add_loop_test(tests, known_value, 0, 2);
    tcase_add_test(tests, multiple_values);
    tcase_add_loop_test(tests, gram_matrix, 0, 81);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
