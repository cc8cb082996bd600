/*
 * The program mapdiff against torch, scipy and POT: tests/data/mapdiff (tests/oracle/mapdiff.py
 * says what is there). It is run from $BIN, by default bin/.
 */
#include "formats/stream.h"
#include "tests/numbers.h"
#include "tests/tensorfile.h"

#include <sys/wait.h>

#define ROOT "tests/data/mapdiff"
enum { MAX_PAIRS = 100, FIELDS = 14, MAX_LINE = 400 };

static const char *const scales[] = { "sum", "max", "rank", "none" };

/* key rows columns box correlation rank_correlation iou top emd merged a_half_area b_half_area
 * a_spread b_spread */
static struct pair {
    char line[MAX_LINE];
    const char *fields[FIELDS];
    size_t rows, columns;
    size_t first; /* of its values, four times rows * columns */
} pairs[MAX_PAIRS];
static size_t pair_count;
static unsigned char *bytes;
static struct npy values;

static bool load(void)
{
    struct error error;
    size_t size, at = 0;
    FILE *file = fopen(ROOT "/pairs.tsv", "re");
    for (struct pair *p = pairs; file && pair_count < MAX_PAIRS; p++) {
        if (!fgets(p->line, MAX_LINE, file))
            break;
        char *rest = p->line;
        rest[strcspn(rest, "\n")] = '\0';
        for (size_t f = 0; f < FIELDS; f++)
            p->fields[f] = strsep(&rest, "\t");
        if (!p->fields[FIELDS - 1])
            break;
        p->rows = strtoul(p->fields[1], NULL, 10);
        p->columns = strtoul(p->fields[2], NULL, 10);
        p->first = at;
        at += 4 * p->rows * p->columns;
        pair_count++;
    }
    if (file)
        fclose(file);
    return pair_count > 0 && file_read(ROOT "/values.npy", 1 << 24, &bytes, &size, &error) == 0
           && npy_parse(bytes, size, &values, &error) == 0 && values.count == at;
}

/* expected: as in pairs.tsv, empty where there is none. */
static void compare_number(
    const struct pair *pair, const json_t *info, const char *name, const char *expected)
{
    const json_t *found = json_object_get(info, name);
    if (*expected)
        ck_assert_msg(json_is_number(found), "%s: no %s", pair->fields[0], name);
    else
        ck_assert_msg(json_is_null(found), "%s: a %s", pair->fields[0], name);
    if (*expected)
        expect_near(json_number_value(found), strtod(expected, NULL), 1e-9, pair->fields[0], 0);
}

static void compare_box(const struct pair *pair, const json_t *info)
{
    const json_t *box = json_object_get(json_object_get(info, "view"), "box");
    const char *expected = pair->fields[3];
    ck_assert_uint_eq(json_array_size(box), *expected ? 4 : 0);
    for (size_t i = 0; i < json_array_size(box); i++) {
        expect_near(json_number_value(json_array_get(box, i)), strtod(expected, NULL), 1e-9,
            pair->fields[0], i);
        expected += strcspn(expected, ",") + 1;
    }
}

static void compare_info(const struct pair *pair, const struct sample *sample, size_t scale)
{
    struct error error;
    json_t *info;
    ck_assert_int_eq(sample_json(sample, "map.diff.json", &info, &error), 0);
    compare_number(pair, info, "correlation", pair->fields[4]);
    compare_number(pair, info, "rank_correlation", pair->fields[5]);
    compare_number(pair, info, "iou_top_fifth", pair->fields[6]);
    compare_number(pair, info, "top_fifth", pair->fields[7]);
    compare_number(pair, info, "emd", pair->fields[8]);
    compare_number(pair, info, "a_half_area", pair->fields[10]);
    compare_number(pair, info, "b_half_area", pair->fields[11]);
    compare_number(pair, info, "a_spread", pair->fields[12]);
    compare_number(pair, info, "b_spread", pair->fields[13]);
    ck_assert_int_eq(
        json_object_get(info, "emd_merged") != NULL, strtod(pair->fields[9], NULL) > 1);
    if (json_object_get(info, "emd_merged"))
        compare_number(pair, info, "emd_merged", pair->fields[9]);
    ck_assert_str_eq(json_string_value(json_object_get(info, "a")), "a");
    ck_assert_str_eq(json_string_value(json_object_get(info, "b")), "b");
    ck_assert_str_eq(json_string_value(json_object_get(info, "scale")), scales[scale]);
    ck_assert(json_is_true(json_object_get(info, "signed")));
    compare_box(pair, info);
    json_decref(info);
}

/* To 1e-6 of the largest. */
static void compare_values(const struct pair *pair, const struct sample *sample, size_t scale)
{
    struct floats found;
    struct error error;
    struct scratch scratch = { 0 };
    const size_t count = pair->rows * pair->columns, first = pair->first + scale * count;
    double largest = 0;
    ck_assert_int_eq(sample_floats(sample, "map.diff.npy", 2, &found, &scratch, &error), 0);
    ck_assert_uint_eq(found.shape[0], pair->rows);
    ck_assert_uint_eq(found.shape[1], pair->columns);
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(npy_item(&values, first + i)));
    for (size_t i = 0; i < count; i++) {
        const double expected = npy_item(&values, first + i);
        if (!isnan(expected) || !isnan(found.data[i]))
            expect_near((double)found.data[i], expected, 1e-6 * largest, pair->fields[0], i);
    }
    free(scratch.bytes);
}

START_TEST(same_differences)
{
    const char *bin = getenv("BIN"), *path = inside("out.tar");
    char command[1024];
    struct stream_reader *reader;
    struct sample sample = { 0 };
    struct error error = { "" };
    snprintf(command, sizeof command, "%s/mapdiff a b --scale %s -o %s " ROOT "/pairs.tar 2>%s",
        bin ? bin : "bin", scales[_i], path, inside("said"));
    const int status = system(command);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", command);
    ck_assert_int_eq(stream_open(&reader, &path, 1, &error), 0);
    for (size_t p = 0; p < pair_count; p++) {
        ck_assert_msg(stream_read(reader, &sample, &error) == 1, "%s", error.text);
        ck_assert_str_eq(sample.key, pairs[p].fields[0]);
        ck_assert(!sample.bad);
        compare_info(&pairs[p], &sample, (size_t)_i);
        compare_values(&pairs[p], &sample, (size_t)_i);
    }
    ck_assert_int_eq(stream_read(reader, &sample, &error), 0);
    sample_free(&sample);
    stream_close(reader);
}
END_TEST

int main(void)
{
    const bool loaded = load();
    Suite *suite = suite_create("mapdiff");
    TCase *tests = tcase_create("mapdiff");
    tcase_add_unchecked_fixture(tests, make_folder, drop_folder);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, same_differences, 0, loaded ? 4 : 0);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    free(bytes);
    return failed > 0 || !loaded;
}
