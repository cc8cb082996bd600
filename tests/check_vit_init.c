/* What a ViT from nothing begins with: products of its weights, and positions. */
#include "common/vit_init.h"
#include "tests/numbers.h"

enum { DIM = 96, HEADS = 3, SIZE = DIM / HEADS, ROWS = 5, COLUMNS = 7 };

/* Mean of the diagonal of a' b, a and b [rows, DIM], and the deviation of all else from 0. */
static void measure(const float *a, const float *b, size_t rows, double *mean, double *rest)
{
    *mean = *rest = 0;
    for (size_t i = 0; i < DIM; i++)
        for (size_t j = 0; j < DIM; j++) {
            double sum = 0;
            for (size_t r = 0; r < rows; r++)
                sum += (double)a[r * DIM + i] * (double)b[r * DIM + j];
            if (i == j)
                *mean += sum / DIM;
            else
                *rest += sum * sum / (DIM * (DIM - 1));
        }
    *rest = sqrt(*rest);
}

START_TEST(attends_to_likeness)
{
    static float qkv[3 * DIM * DIM], proj[DIM * DIM], turned[DIM * DIM];
    struct random random = random_of(7, RANDOM_WEIGHTS, 1, 0);
    double mean, rest;
    vit_init_attention(qkv, proj, DIM, HEADS, &random);
    for (size_t h = 0; h < HEADS; h++) {
        const float *q = qkv + h * SIZE * DIM, *k = q + DIM * DIM;
        measure(q, k, SIZE, &mean, &rest);
        /* The length of a token squared, over the root of a head's size. */
        ck_assert_double_eq_tol(mean * DIM / sqrt(SIZE), 4, 0.4);
        ck_assert_double_lt(rest, 0.25 * mean);
    }
    for (size_t i = 0; i < DIM; i++)
        for (size_t j = 0; j < DIM; j++)
            turned[j * DIM + i] = proj[i * DIM + j];
    measure(turned, qkv + 2 * DIM * DIM, DIM, &mean, &rest);
    ck_assert_double_eq_tol(mean, -0.4, 0.03);
    ck_assert_double_lt(rest, 0.1);
}
END_TEST

static double alike(const float *positions, size_t a, size_t b)
{
    double sum = 0;
    for (size_t f = 0; f < DIM; f++)
        sum += (double)positions[a * DIM + f] * (double)positions[b * DIM + f];
    return sum;
}

/* The nearer, the more alike; the same for the same step in either direction, anywhere. */
START_TEST(positions_tell_distance)
{
    static float to[ROWS * COLUMNS * DIM];
    vit_init_positions(to, ROWS, COLUMNS, DIM);
    const double self = alike(to, 0, 0);
    ck_assert_double_eq_tol(self, 0.2 * 0.2 * DIM / 2, 1e-5);
    for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++) {
        const size_t row = i / COLUMNS, column = i % COLUMNS;
        ck_assert_double_eq_tol(alike(to, i, i), self, 1e-5);
        if (i > 0)
            ck_assert_double_lt(alike(to, 0, i), self - 0.03);
        if (column + 1 < COLUMNS)
            ck_assert_double_eq_tol(alike(to, i, i + 1), alike(to, 0, 1), 1e-5);
        if (row + 1 < ROWS)
            ck_assert_double_eq_tol(alike(to, i, i + COLUMNS), alike(to, 0, 1), 1e-5);
    }
    ck_assert_double_gt(alike(to, 0, 1), alike(to, 0, 2));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("from nothing");
    Suite *suite = suite_create("vit init");
    tcase_add_test(tests, attends_to_likeness);
    tcase_add_test(tests, positions_tell_distance);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
