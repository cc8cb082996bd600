/*
 * The programs attnsplit and rollout against NumPy and the popular script: tests/data/maps
 * (tests/oracle/maps.py says what is there). They are run from $BIN, by default bin/.
 */
#include "formats/stream.h"
#include "tests/tensorfile.h"

#include <math.h>
#include <sys/wait.h>

#define ROOT "tests/data/maps"
enum { MAX_CASES = 600, MAX_MAPS = 1600, MAX_LINE = 512 };

/* Lines of cases.tsv and maps.tsv, cut at their tabs. */
struct row {
    char text[MAX_LINE];
    const char *fields[5];
};

static struct row cases[MAX_CASES], maps[MAX_MAPS];
static size_t case_count, map_count, first_value[MAX_MAPS];
static unsigned char *values_bytes;
static struct npy values;

static size_t read_rows(const char *path, struct row *rows, size_t most, size_t fields)
{
    FILE *file = fopen(path, "re");
    size_t count = 0;
    while (file && count < most && fgets(rows[count].text, MAX_LINE, file)) {
        char *rest = rows[count].text;
        rest[strcspn(rest, "\n")] = '\0';
        for (size_t f = 0; f < fields; f++)
            rows[count].fields[f] = strsep(&rest, "\t");
        count += rows[count].fields[fields - 1] != NULL;
    }
    if (file)
        fclose(file);
    return count;
}

/* "3x4" as sides; returns how many numbers that is. */
static size_t read_shape(const char *text, size_t *rank, size_t shape[3])
{
    size_t count = 1;
    *rank = 0;
    for (char *end; *rank < 3; text = end + 1) {
        count *= shape[(*rank)++] = strtoul(text, &end, 10);
        if (*end != 'x')
            break;
    }
    return count;
}

static bool load(void)
{
    struct error error;
    size_t size, rank, shape[3], at = 0;
    case_count = read_rows(ROOT "/cases.tsv", cases, MAX_CASES, 3);
    map_count = read_rows(ROOT "/maps.tsv", maps, MAX_MAPS, 5);
    for (size_t m = 0; m < map_count; m++) {
        first_value[m] = at;
        at += read_shape(maps[m].fields[3], &rank, shape);
    }
    return case_count > 0
           && file_read(ROOT "/values.npy", 1 << 24, &values_bytes, &size, &error) == 0
           && npy_parse(values_bytes, size, &values, &error) == 0 && values.count == at;
}

/* To 1e-6 of the map's largest; NaN where NaN is due and nowhere else. */
static void compare_values(const struct sample *sample, const char *suffix, size_t m)
{
    size_t rank, shape[3];
    struct floats found;
    struct error error;
    struct scratch scratch = { 0 };
    const size_t count = read_shape(maps[m].fields[3], &rank, shape);
    ck_assert_msg(
        sample_floats(sample, suffix, rank, &found, &scratch, &error) == 0, "%s", error.text);
    for (size_t r = 0; r < rank; r++)
        ck_assert_msg(found.shape[r] == shape[r], "%s: side %zu is %zu, not of %s", suffix, r,
            found.shape[r], maps[m].fields[3]);
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(npy_item(&values, first_value[m] + i)));
    for (size_t i = 0; i < count; i++) {
        const double expected = npy_item(&values, first_value[m] + i);
        const double value = (double)found.data[i];
        if (!(isnan(expected) ? isnan(value) : fabs(value - expected) <= 1e-6 * largest))
            ck_abort_msg("%s %s[%zu]: %.9g, not %.9g (largest %.9g)", sample->key, suffix, i,
                value, expected, largest);
    }
    free(scratch.bytes);
}

static bool same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static void compare_about(const struct sample *sample, const char *suffix, size_t m)
{
    struct error error;
    json_t *found, *expected = json_loads(maps[m].fields[4], 0, NULL), *value;
    json_t *usual = json_pack("{s:b, s:n, s:n}", "signed", 0, "target", "view");
    const char *key;
    ck_assert_ptr_nonnull(expected);
    ck_assert_int_eq(json_object_update_missing_new(expected, usual), 0);
    ck_assert_msg(sample_json(sample, suffix, &found, &error) == 0, "%s", error.text);
    json_object_foreach(expected, key, value)
        ck_assert_msg(same(json_object_get(found, key), value), "%s %s: %s is not as in %s",
            sample->key, suffix, key, maps[m].fields[4]);
    ck_assert_uint_eq(json_object_size(found), json_object_size(expected));
    json_decref(found);
    json_decref(expected);
}

/* The maps of one sample are those that are due, in their order. Returns the next that is due.
 */
static size_t compare_sample(const struct sample *sample, const char *name, size_t m)
{
    char suffix[200];
    for (size_t i = 0; i < sample->count; i++) {
        const char *found = sample->members[i].suffix;
        ck_assert_msg(strncmp(found, "attn", 4) != 0, "%s was not dropped", found);
        if (strncmp(found, "map.", 4) != 0)
            continue;
        ck_assert_msg(m < map_count && strcmp(maps[m].fields[0], name) == 0,
            "%s %s is too many", sample->key, found);
        ck_assert_str_eq(sample->key, maps[m].fields[1]);
        snprintf(suffix, sizeof suffix, "map.%s.npy", maps[m].fields[2]);
        ck_assert_str_eq(found, suffix);
        compare_values(sample, suffix, m);
        snprintf(suffix, sizeof suffix, "map.%s.json", maps[m].fields[2]);
        ck_assert_uint_lt(++i, sample->count);
        ck_assert_str_eq(sample->members[i].suffix, suffix);
        compare_about(sample, suffix, m++);
    }
    return m;
}

START_TEST(same_maps)
{
    const char *name = cases[_i].fields[0], *bin = getenv("BIN");
    const char *path = inside("out.tar");
    char command[1024];
    struct stream_reader *reader;
    struct sample sample = { 0 };
    struct error error = { "" };
    snprintf(command, sizeof command, "%s/%s -o %s " ROOT "/%s.tar 2>%s", bin ? bin : "bin",
        cases[_i].fields[2], path, cases[_i].fields[1], inside("said"));
    const int status = system(command);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s", command);
    ck_assert_int_eq(stream_open(&reader, &path, 1, &error), 0);
    size_t m = 0;
    while (m < map_count && strcmp(maps[m].fields[0], name) != 0)
        m++;
    ck_assert_uint_lt(m, map_count);
    int got;
    while ((got = stream_read(reader, &sample, &error)) > 0)
        m = compare_sample(&sample, name, m);
    ck_assert_msg(got == 0, "%s", error.text);
    ck_assert_msg(m == map_count || strcmp(maps[m].fields[0], name) != 0, "%s is missing",
        m < map_count ? maps[m].fields[2] : "");
    sample_free(&sample);
    stream_close(reader);
}
END_TEST

int main(void)
{
    const bool loaded = load();
    Suite *suite = suite_create("maps");
    TCase *tests = tcase_create("maps");
    tcase_add_unchecked_fixture(tests, make_folder, drop_folder);
    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(tests, same_maps, 0, loaded ? (int)case_count : 0);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    free(values_bytes);
    return failed > 0 || !loaded;
}
