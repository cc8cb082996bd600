/*
 * The program mapscore against NumPy: tests/data/mapscore (tests/oracle/mapscore.py says what
 * is there). It is run from $BIN, by default bin/; what it prints has six digits.
 */
#include "tests/numbers.h"
#include "tests/tensorfile.h"

#include <sys/wait.h>

#define ROOT "tests/data/mapscore"
#define OPTIONS "--inside 1 --ignore 3 --tolerance 3 --seed 11 --resamples 300"
enum { MAX_LINE = 1000, MAX_FIELDS = 24 };

/* The next line's fields; how many, 0 at the end. */
static size_t read_fields(FILE *file, char line[MAX_LINE], const char *fields[MAX_FIELDS])
{
    size_t count = 0;
    if (!fgets(line, MAX_LINE, file))
        return 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *rest = line; rest && count < MAX_FIELDS;)
        fields[count++] = strsep(&rest, "\t");
    return count;
}

static void compare_fields(
    const char *const *found, const char *const *expected, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(!*found[i] == !*expected[i], "%s[%zu]: '%s', not '%s'", what, i, found[i],
            expected[i]);
        expect_near(strtod(found[i], NULL), strtod(expected[i], NULL), 1e-6, what, i);
    }
}

static const struct {
    const char *options, *expected;
    size_t named; /* what each line begins with: key, map; map */
    size_t lines;
} runs[] = {
    { OPTIONS, "scores.tsv", 2, 106 },
    { OPTIONS " --mean", "means.tsv", 1, 34 },
};

START_TEST(same_numbers)
{
    const char *bin = getenv("BIN");
    char command[1024], line[MAX_LINE], other[MAX_LINE];
    const char *found[MAX_FIELDS], *expected[MAX_FIELDS];
    const size_t named = runs[_i].named;
    snprintf(command, sizeof command, "%s/mapscore %s -o %s " ROOT "/scores.tar 2>%s",
        bin ? bin : "bin", runs[_i].options, inside("out.tsv"), inside("said"));
    const int status = system(command);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", command);
    snprintf(command, sizeof command, ROOT "/%s", runs[_i].expected);
    FILE *printed = fopen(inside("out.tsv"), "re"), *file = fopen(command, "re");
    ck_assert(printed && file && read_fields(printed, line, found) > 0);
    size_t count, lines = 0;
    while ((count = read_fields(file, other, expected)) > 0) {
        lines++;
        ck_assert_uint_eq(read_fields(printed, line, found), count + 3 - (named - 1));
        for (size_t i = 0; i < named; i++)
            ck_assert_str_eq(found[i + (2 - named)], expected[i]);
        ck_assert_str_eq(found[4], expected[named]);
        compare_fields(found + 5, expected + named + 1, count - named - 1, expected[0]);
    }
    ck_assert_uint_eq(read_fields(printed, line, found), 0);
    ck_assert_uint_eq(lines, runs[_i].lines);
    fclose(printed);
    fclose(file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mapscore");
    TCase *tests = tcase_create("mapscore");
    tcase_add_unchecked_fixture(tests, make_folder, drop_folder);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, same_numbers, 0, sizeof runs / sizeof *runs);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
