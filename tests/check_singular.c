/*
 * common/singular and the effective rank that common/headstat makes of it, against NumPy:
 * tests/data/attnstat (tests/oracle/attnstat.py makes the same matrices).
 */
#include "common/headstat.h"
#include "common/singular.h"
#include "tests/numbers.h"
#include "tests/reference.h"

#define ROOT "tests/data/attnstat"
enum { MAX_CASES = 64, MOST = 197 };

static struct {
    size_t n, first; /* of its values */
    char kind[16];
    double rank;
} cases[MAX_CASES];
static size_t case_count;
static struct array values;

static void load_values(void)
{
    ck_assert(load(&values, "tests/data", "attnstat", "singular.npy"));
}

static void unload_values(void)
{
    unload(&values);
}

static bool load_cases(void)
{
    FILE *file = fopen(ROOT "/singular.tsv", "re");
    size_t at = 0;
    while (file && case_count < MAX_CASES
           && fscanf(file, "%zu %15s %lf", &cases[case_count].n, cases[case_count].kind,
                  &cases[case_count].rank)
                  == 3) {
        cases[case_count].first = at;
        at += cases[case_count++].n;
    }
    if (file)
        fclose(file);
    return at > 0;
}

static void make_matrix(float *a, size_t n, const char *kind)
{
    static double x[MOST * MOST];
    const int squarings = strcmp(kind, "diffuse") == 0  ? 0
                          : strcmp(kind, "peaked") == 0 ? 6
                                                        : 3;
    fill(a, n * n, (unsigned)n, 1);
    for (size_t i = 0; i < n * n; i++) {
        x[i] = (double)a[i] * 0.5 + 0.5;
        for (int s = 0; s < squarings; s++)
            x[i] *= x[i];
        x[i] = strcmp(kind, "uniform") == 0    ? 1
               : strcmp(kind, "same") == 0     ? x[i % n]
               : strcmp(kind, "diagonal") == 0 ? i / n == i % n
                                               : x[i];
    }
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++)
            sum += x[i * n + j];
        for (size_t j = 0; j < n; j++)
            a[i * n + j] = (float)(x[i * n + j] / sum);
    }
}

START_TEST(as_numpy)
{
    static float a[MOST * MOST];
    static double matrix[MOST * MOST], found[MOST + 1], room[6 * MOST];
    static double rank_room[MOST * MOST + 7 * MOST];
    const size_t n = cases[_i].n;
    ck_assert_uint_le(cases[_i].first + n, values.npy.count);
    ck_assert_uint_le(singular_room(n), sizeof room / sizeof *room);
    ck_assert_uint_le(head_rank_room(n), sizeof rank_room / sizeof *rank_room);
    make_matrix(a, n, cases[_i].kind);
    for (size_t i = 0; i < n * n; i++)
        matrix[i] = (double)a[i];
    found[n] = (double)UNTOUCHED;
    singular_values(matrix, n, found, room);
    ck_assert_double_eq(found[n], (double)UNTOUCHED);
    for (size_t i = 0; i < n; i++)
        expect_near(found[i], npy_item(&values.npy, cases[_i].first + i), 1e-13 * found[0],
            cases[_i].kind, i);
    expect_near(
        head_rank(a, n, rank_room), cases[_i].rank, 1e-10 * cases[_i].rank, cases[_i].kind, n);
}
END_TEST

/* Whole columns and rows of zeros, blocks, and numbers of very different sizes. */
START_TEST(odd_matrices)
{
    double room[6 * 4], found[4];
    double zeros[16] = { 0 };
    singular_values(zeros, 4, found, room);
    for (size_t i = 0; i < 4; i++)
        ck_assert_double_eq(found[i], 0);
    double shift[16] = { 0, 3, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0 };
    singular_values(shift, 4, found, room);
    for (size_t i = 0; i < 4; i++)
        expect_near(found[i], 3 - (double)i, 1e-15, "shift", i);
    double tiny[16] = { 1e-160, 0, 0, 0, 0, -1e-170, 0, 0, 0, 0, 1, 1e-200, 0, 0, 0, 1e-12 };
    singular_values(tiny, 4, found, room);
    expect_near(found[0], 1, 1e-15, "tiny", 0);
    expect_near(found[1], 1e-12, 1e-15, "tiny", 1);
    expect_near(found[2], 0, 1e-15, "tiny", 2);
    double ones[16];
    for (size_t i = 0; i < 16; i++)
        ones[i] = i % 2 ? -1 : 1;
    singular_values(ones, 4, found, room);
    expect_near(found[0], 4, 1e-14, "signs", 0);
    expect_near(found[1], 0, 1e-14, "signs", 1);
}
END_TEST

int main(void)
{
    const bool loaded = load_cases();
    Suite *suite = suite_create("singular");
    TCase *tests = tcase_create("singular");
    tcase_add_unchecked_fixture(tests, load_values, unload_values);
    tcase_add_loop_test(tests, as_numpy, 0, loaded ? (int)case_count : 0);
    tcase_add_test(tests, odd_matrices);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 || !loaded;
}
