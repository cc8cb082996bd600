/*
 * attnsplit --suppress-sinks against NumPy: tests/data/sinks (tests/oracle/sinks.py says what
 * is there). The program is run from $BIN, by default bin/. Which tokens are sinks is
 * check_attnstat's too.
 */
#include "common/sinks.h"
#include "formats/io.h"
#include "formats/stream.h"
#include "tests/numbers.h"
#include "tests/tensorfile.h"

#define ROOT "tests/data/sinks"
enum { MAX_CASES = 200, MAX_LINE = 512, FIELDS = 7 };

static struct {
    char text[MAX_LINE];
    const char *fields[FIELDS]; /* stream, command, key, map, shape, removed, sinks */
    size_t rank, count, first;
} cases[MAX_CASES];
static int case_count;
static unsigned char *bytes;
static struct npy due;

static bool load_cases(void)
{
    FILE *file = fopen(ROOT "/cases.tsv", "re");
    struct error error;
    size_t first = 0, size;
    for (; file && case_count < MAX_CASES && fgets(cases[case_count].text, MAX_LINE, file);
         case_count++) {
        char *rest = cases[case_count].text;
        rest[strcspn(rest, "\n")] = '\0';
        for (size_t f = 0; f < FIELDS; f++)
            cases[case_count].fields[f] = strsep(&rest, "\t");
        const char *side = cases[case_count].fields[4];
        cases[case_count].first = first;
        cases[case_count].count = 1;
        for (char *end; side && *side; side = *end ? end + 1 : end) {
            cases[case_count].count *= strtoul(side, &end, 10);
            cases[case_count].rank++;
        }
        first += cases[case_count].count;
    }
    if (file)
        fclose(file);
    return case_count > 0 && file_read(ROOT "/values.npy", 1 << 24, &bytes, &size, &error) == 0
           && npy_parse(bytes, size, &due, &error) == 0 && due.count == first;
}

static void compare_about(const struct sample *sample, int c)
{
    char suffix[128];
    struct error error;
    json_t *json, *expected = json_loads(cases[c].fields[6], 0, NULL);
    snprintf(suffix, sizeof suffix, "map.%s.json", cases[c].fields[3]);
    ck_assert_ptr_nonnull(expected);
    ck_assert_msg(sample_json(sample, suffix, &json, &error) == 0, "%s", error.text);
    ck_assert_msg(json_equal(json_object_get(json, "sinks"), expected), "%s: sinks aren't %s",
        suffix, cases[c].fields[6]);
    expect_near(json_number_value(json_object_get(json, "removed")),
        strtod(cases[c].fields[5], NULL), 1e-12, suffix, 0);
    json_decref(json);
    json_decref(expected);
}

START_TEST(same_maps)
{
    const char *bin = getenv("BIN"), *path = inside("out.tar");
    struct stream_reader *reader;
    struct sample sample = { 0 };
    struct scratch scratch = { 0 };
    struct floats found;
    struct error error;
    char command[1024], suffix[128];
    snprintf(command, sizeof command, "%s/%s -o %s " ROOT "/%s.tar 2>%s", bin ? bin : "bin",
        cases[_i].fields[1], path, cases[_i].fields[0], inside("said"));
    ck_assert_msg(system(command) == 0, "%s", command);
    ck_assert_int_eq(stream_open(&reader, &path, 1, &error), 0);
    while (stream_read(reader, &sample, &error) > 0)
        if (strcmp(sample.key, cases[_i].fields[2]) == 0)
            break;
    snprintf(suffix, sizeof suffix, "map.%s.npy", cases[_i].fields[3]);
    ck_assert_msg(sample_floats(&sample, suffix, cases[_i].rank, &found, &scratch, &error) == 0,
        "%s: %s", suffix, error.text);
    for (size_t i = 0; i < cases[_i].count; i++)
        expect_near(
            (double)found.data[i], npy_item(&due, cases[_i].first + i), 1e-6, suffix, i);
    compare_about(&sample, _i);
    free(scratch.bytes);
    sample_free(&sample);
    stream_close(reader);
}
END_TEST

/* Both bounds are bounds: what equals them is no sink. Without tokens the share decides. */
START_TEST(bounds)
{
    const struct layout layout = { .prefix = 1, .rows = 1, .columns = 3 };
    const double received[] = { 0.25, 0.5, 0.25, 0 };
    const float tokens[] = { 9, 4, 1, 2 }; /* median 2, deviations 2 1 0: their median 1 */
    struct sinks sinks = { 0 };
    struct error error;
    const struct {
        struct sink_bounds bounds;
        const float *tokens;
        size_t count;
    } rows[] = { { { 2, 0 }, NULL, 0 }, { { 1.99, 0 }, NULL, 1 }, { { 0.99, 9 }, NULL, 2 },
        { { 0, 0 }, tokens, 1 }, { { 0, 2 }, tokens, 0 }, { { 0, 1.99 }, tokens, 1 },
        { { 2, 0 }, tokens, 0 } };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        ck_assert_int_eq(sinks_find(&sinks, &rows[r].bounds, &layout, received, 1,
                             rows[r].tokens, 1, &error),
            0);
        ck_assert_msg(sinks.count == rows[r].count, "row %zu: %zu", r, sinks.count);
        ck_assert(!sinks.is[0] && (sinks.is[1] || sinks.count == 0) && !sinks.is[3]);
    }
    const float odd[] = { 1, NAN, 1, 1 };
    ck_assert_int_eq(
        sinks_find(&sinks, &rows[0].bounds, &layout, received, 1, odd, 1, &error), BAD_SAMPLE);
    sinks_free(&sinks);
}
END_TEST

int main(void)
{
    const bool loaded = load_cases();
    Suite *suite = suite_create("sinks");
    TCase *tests = tcase_create("sinks");
    tcase_add_unchecked_fixture(tests, make_folder, drop_folder);
    tcase_add_loop_test(tests, same_maps, 0, loaded ? case_count : 0);
    tcase_add_test(tests, bounds);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    free(bytes);
    return failed > 0 || !loaded;
}
