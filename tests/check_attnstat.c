/*
 * The program attnstat against NumPy and SciPy: tests/data/attnstat (tests/oracle/attnstat.py
 * says what is there). It is run from $BIN, by default bin/.
 */
#include "formats/io.h"
#include "tests/tensorfile.h"

#include <math.h>
#include <sys/wait.h>

#define ROOT "tests/data/attnstat"
enum { MAX_CASES = 64, MAX_LINE = 256 };

static struct {
    char text[MAX_LINE];
    const char *name, *stream, *command;
} cases[MAX_CASES];
static size_t case_count;

static bool load_cases(void)
{
    FILE *file = fopen(ROOT "/cases.tsv", "re");
    while (file && case_count < MAX_CASES && fgets(cases[case_count].text, MAX_LINE, file)) {
        char *rest = cases[case_count].text;
        rest[strcspn(rest, "\n")] = '\0';
        cases[case_count].name = strsep(&rest, "\t");
        cases[case_count].stream = strsep(&rest, "\t");
        cases[case_count].command = rest;
        case_count += rest != NULL;
    }
    if (file)
        fclose(file);
    return case_count > 0;
}

/* The whole file with a NUL behind. */
static char *read_text(const char *path)
{
    unsigned char *bytes;
    size_t size;
    struct error error;
    ck_assert_msg(file_read(path, 1 << 20, &bytes, &size, &error) == 0, "%s", error.text);
    char *text = strndup((const char *)bytes, size);
    ck_assert_ptr_nonnull(text);
    free(bytes);
    return text;
}

/* Equal as text, or as numbers to the six digits that are printed. */
static void compare_cells(
    const char *name, size_t line, size_t column, const char *found, const char *due)
{
    char *end, *end_due;
    const double value = strtod(found, &end), expected = strtod(due, &end_due);
    if (strcmp(found, due) == 0)
        return;
    if (*end || *end_due || !*found || !*due
        || !(fabs(value - expected) <= 5.1e-6 * fabs(expected) + 1e-12))
        ck_abort_msg("%s: line %zu, column %zu: %s, not %s", name, line, column, found, due);
}

static void compare_lines(const char *name, size_t number, char *found, char *due)
{
    for (size_t column = 1; found || due; column++) {
        ck_assert_msg(found && due, "%s: line %zu ends in column %zu", name, number, column);
        compare_cells(name, number, column, strsep(&found, "\t"), strsep(&due, "\t"));
    }
}

START_TEST(same_tables)
{
    const char *name = cases[_i].name, *bin = getenv("BIN");
    char command[1024], path[256];
    snprintf(command, sizeof command, "%s/%s -o %s " ROOT "/%s.tar 2>%s", bin ? bin : "bin",
        cases[_i].command, inside("out"), cases[_i].stream, inside("said"));
    const int status = system(command);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", command);
    snprintf(path, sizeof path, ROOT "/%s.tsv", name);
    char *found = read_text(inside("out")), *due = read_text(path), *a = found, *b = due;
    for (size_t line = 1; a && b; line++)
        compare_lines(name, line, strsep(&a, "\n"), strsep(&b, "\n"));
    ck_assert_msg(!a && !b, "%s: lines are %s", name, a ? "too many" : "missing");
    free(found);
    free(due);
}
END_TEST

int main(void)
{
    const bool loaded = load_cases();
    Suite *suite = suite_create("attnstat");
    TCase *tests = tcase_create("attnstat");
    tcase_add_unchecked_fixture(tests, make_folder, drop_folder);
    tcase_add_loop_test(tests, same_tables, 0, loaded ? (int)case_count : 0);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 || !loaded;
}
