/*
 * common/emd against POT and scipy's linprog: tests/data/mapdiff (tests/oracle/mapdiff.py says
 * what is there), and what doesn't depend on them.
 */
#include "common/emd.h"
#include "formats/io.h"
#include "tests/numbers.h"

#include <stdio.h>

#define ROOT "tests/data/mapdiff"
enum { MAX_PROBLEMS = 100 };

static struct problem {
    char name[40];
    size_t count;
    double distance;
    const struct emd_point *points;
} problems[MAX_PROBLEMS];
static size_t problem_count;
static unsigned char *bytes;
static struct emd_point *points;

static bool load(void)
{
    struct error error;
    struct npy npy;
    size_t size, at = 0;
    FILE *file = fopen(ROOT "/emd.tsv", "re");
    for (struct problem *p = problems; file && problem_count < MAX_PROBLEMS; p++)
        if (fscanf(file, "%39s %zu %lf", p->name, &p->count, &p->distance) == 3)
            problem_count++;
        else
            break;
    if (file)
        fclose(file);
    if (file_read(ROOT "/emd.npy", 1 << 24, &bytes, &size, &error) < 0
        || npy_parse(bytes, size, &npy, &error) < 0)
        return false;
    points = calloc(npy.count, sizeof(double));
    for (size_t i = 0; points && i < npy.count; i++)
        ((double *)points)[i] = npy_item(&npy, i);
    for (size_t i = 0; i < problem_count; i++) {
        problems[i].points = points + at;
        at += problems[i].count;
    }
    return points && problem_count > 0 && at * 4 == npy.count;
}

static double longest(const struct emd_point *of, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            most = fmax(most, hypot(of[i].x - of[j].x, of[i].y - of[j].y));
    return most;
}

static double solve(const struct emd_point *of, size_t count, struct scratch *scratch)
{
    struct error error;
    double distance = NAN;
    ck_assert_int_eq(emd(of, count, scratch, &distance, &error), 0);
    return distance;
}

/* The same both ways, and whatever the order and unit. */
START_TEST(same_distance)
{
    const struct problem *problem = &problems[_i];
    const size_t count = problem->count;
    const double bound = 1e-10 * longest(problem->points, count);
    struct scratch scratch = { 0 };
    struct emd_point *other = calloc(count, sizeof *other);
    expect_near(solve(problem->points, count, &scratch), problem->distance, 10 * bound,
        problem->name, 0);
    for (size_t i = 0; i < count; i++) {
        const struct emd_point *point = &problem->points[i];
        other[count - 1 - i] =
            (struct emd_point){ point->y * 1e3 - 7, point->x * 1e3, point->b, point->a * 3 };
    }
    expect_near(
        solve(other, count, &scratch) / 1e3, problem->distance, 10 * bound, problem->name, 1);
    free(other);
    free(scratch.bytes);
}
END_TEST

/* Equal distributions are 0 apart, to the bit; one moved as a whole by as much as that. */
START_TEST(known_distances)
{
    struct emd_point grid[200];
    struct scratch scratch = { 0 };
    for (size_t i = 0; i < 200; i++)
        grid[i] = (struct emd_point){ (double)(i % 20), (double)(i / 20), 0.1 + (double)(i % 7),
            (0.1 + (double)(i % 7)) * 1024 };
    ck_assert_double_eq(solve(grid, 200, &scratch), 0);
    for (size_t i = 0; i < 200; i++)
        grid[i].a = i % 20 < 17 ? (double)(i % 5) : 0;
    for (size_t i = 0; i < 200; i++)
        grid[i].b = i % 20 >= 3 ? grid[i - 3].a : 0;
    expect_near(solve(grid, 200, &scratch), 3, 1e-9, "moved right", 0);
    for (size_t i = 0; i < 200; i++)
        grid[i].x = grid[i].y = 5;
    ck_assert_double_eq(solve(grid, 200, &scratch), 0);
    ck_assert_double_eq(solve(grid, 1, &scratch), 0);
    free(scratch.bytes);
}
END_TEST

int main(void)
{
    const bool loaded = load();
    Suite *suite = suite_create("emd");
    TCase *tests = tcase_create("emd");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, same_distance, 0, loaded ? (int)problem_count : 0);
    tcase_add_test(tests, known_distances);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    free(points);
    free(bytes);
    return failed > 0 || !loaded;
}
