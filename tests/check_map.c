/* common/map: layouts, queries, maps put into samples and read from them. */
#include "common/map.h"

#include <check.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void begin(struct sample *sample)
{
    struct error error;
    ck_assert_int_eq(sample_begin(sample, "k", &error), 0);
}

static void add_text(struct sample *sample, const char *suffix, const char *text)
{
    struct error error;
    ck_assert_int_eq(sample_add_text(sample, suffix, text, &error), 0);
}

/* expected: "prefix rows columns mean distilled". */
static const struct {
    const char *json, *expected;
} layouts[] = {
    { "{\"prefix\":1,\"grid\":[14,14],\"readout\":\"cls\"}", "1 14 14 0 0" },
    { "{\"prefix\":2,\"grid\":[14,7],\"readout\":\"cls\",\"distilled\":true}", "2 14 7 0 1" },
    { "{\"prefix\":5,\"grid\":[1,1],\"readout\":\"mean\"}", "5 1 1 1 0" },
    { "{\"prefix\":0,\"grid\":[2,3]}", "0 2 3 1 0" },
    { "{\"prefix\":1,\"grid\":[2,3]}", "1 2 3 0 0" },
    { "{\"prefix\":1,\"grid\":[2,3],\"readout\":null}", "1 2 3 0 0" },
    { "{\"prefix\":1,\"grid\":[2,3,4]}", "1 2 3 0 0" },
    { "{\"prefix\":65536,\"grid\":[1024,1024]}", "65536 1024 1024 0 0" },
    { "{\"prefix\":65537,\"grid\":[2,3]}", NULL },
    { "{\"prefix\":1,\"grid\":[1024,1025]}", NULL },
    { "{\"prefix\":1,\"grid\":[65536,65536]}", NULL },
    { "{\"prefix\":1,\"grid\":[0,3]}", NULL },
    { "{\"prefix\":1,\"grid\":[3,0]}", NULL },
    { "{\"prefix\":1,\"grid\":[-1,3]}", NULL },
    { "{\"prefix\":-1,\"grid\":[2,3]}", NULL },
    { "{\"prefix\":1.5,\"grid\":[2,3]}", NULL },
    { "{\"prefix\":\"1\",\"grid\":[2,3]}", NULL },
    { "{\"prefix\":1,\"grid\":[2.0,3]}", NULL },
    { "{\"prefix\":1,\"grid\":[2]}", NULL },
    { "{\"prefix\":1,\"grid\":[]}", NULL },
    { "{\"prefix\":1,\"grid\":6}", NULL },
    { "{\"prefix\":1}", NULL },
    { "{\"grid\":[2,3]}", NULL },
    { "{}", NULL },
    { "[]", NULL },
    { "", NULL },
};

START_TEST(reads_layouts)
{
    struct sample sample = { 0 };
    struct layout layout;
    struct error error;
    char text[100];
    begin(&sample);
    ck_assert_int_eq(layout_read(&sample, &layout, &error), BAD_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "--prefix"));
    add_text(&sample, "model.json", layouts[_i].json);
    const int status = layout_read(&sample, &layout, &error);
    ck_assert_int_eq(status, layouts[_i].expected ? 0 : BAD_SAMPLE);
    if (status == 0) {
        snprintf(text, sizeof text, "%zu %zu %zu %d %d", layout.prefix, layout.rows,
            layout.columns, layout.mean, layout.distilled);
        ck_assert_str_eq(text, layouts[_i].expected);
    }
    sample_free(&sample);
}
END_TEST

static const struct {
    const char *json;
    bool cnn;
} makers[] = {
    { "{\"model\":\"m:1\",\"prefix\":null,\"patch\":null,\"grid\":null}", true },
    { "{\"prefix\":1,\"grid\":[14,14]}", false },
    { "{\"prefix\":1,\"grid\":null}", false },
    { "{\"prefix\":null,\"grid\":[14,14]}", false },
    { "{}", false },
    { "[]", false },
    { "", false },
};

START_TEST(knows_a_cnn)
{
    struct sample sample = { 0 };
    struct layout layout;
    struct error error;
    begin(&sample);
    ck_assert(!layout_is_cnn(&sample));
    add_text(&sample, "model.json", makers[_i].json);
    ck_assert_int_eq(layout_is_cnn(&sample), makers[_i].cnn);
    if (layout_read(&sample, &layout, &error) < 0)
        ck_assert_int_eq(strstr(error.text, "CNN") != NULL, makers[_i].cnn);
    else
        ck_assert(!makers[_i].cnn);
    sample_free(&sample);
}
END_TEST

static const struct layout plain = { .prefix = 1, .rows = 14, .columns = 14 };
static const struct layout deit = { .prefix = 2, .rows = 14, .columns = 14, .distilled = true };
static const struct layout registers = { .prefix = 5, .rows = 3, .columns = 4 };
static const struct layout deit_registers = {
    .prefix = 4, .rows = 3, .columns = 4, .distilled = true
};
static const struct layout pooled = { .prefix = 0, .rows = 2, .columns = 3, .mean = true };
static const struct layout pooled_class = {
    .prefix = 1, .rows = 2, .columns = 3, .mean = true
};

/* "NAME:TOKEN" or "mean", with "*" where it is the default; "!" where it is refused; and
 * whether it has the form of queries. */
static const struct {
    const struct layout *layout;
    const char *text, *expected;
    bool form;
} queries[] = {
    { &plain, NULL, "cls:0*", true },
    { &plain, "cls", "cls:0*", true },
    { &plain, "mean", "mean", true },
    { &plain, "0:0", "00-00:1", true },
    { &plain, "3:7", "03-07:50", true },
    { &plain, "13:13", "13-13:196", true },
    { &plain, "cls,mean,1:2", "cls:0* mean 01-02:17", true },
    { &plain, "cls,cls", "cls:0* cls:0*", true },
    { &plain, "14:0", "!-q 14:0: the grid has 14 rows and 14 columns, from 0", true },
    { &plain, "0:14", "!-q 0:14: the grid has 14 rows and 14 columns, from 0", true },
    { &plain, "99999999999999999999:0", "!", true },
    { &plain, "dist", "!-q dist: this model has no distillation token", true },
    { &plain, "reg0", "!-q reg0: this model has 0 registers", true },
    { &deit, "dist", "dist:1", true },
    { &deit, "reg0", "!-q reg0: this model has 0 registers", true },
    { &deit, "0:0", "00-00:2", true },
    { &registers, "reg0", "reg0:1", true },
    { &registers, "reg3", "reg3:4", true },
    { &registers, "reg4", "!-q reg4: this model has 4 registers", true },
    { &registers, "reg99999999999999999999", "!", true },
    { &registers, "0:0", "00-00:5", true },
    { &deit_registers, "reg0,reg1", "reg0:2 reg1:3", true },
    { &deit_registers, "reg2", "!-q reg2: this model has 2 registers", true },
    { &pooled, NULL, "mean*", true },
    { &pooled, "mean", "mean*", true },
    { &pooled, "cls", "!-q cls: this model has no class token", true },
    { &pooled, "reg0", "!-q reg0: this model has 0 registers", true },
    { &pooled, "1:2", "01-02:5", true },
    { &pooled_class, NULL, "mean*", true },
    { &pooled_class, "cls", "cls:0", true },
    { &plain, "", "!", false },
    { &plain, ",", "!", false },
    { &plain, "cls,", "!", false },
    { &plain, "CLS", "!", false },
    { &plain, "class", "!", false },
    { &plain, "cls mean", "!", false },
    { &plain, "reg", "!", false },
    { &plain, "reg-1", "!", false },
    { &plain, "reg1x", "!", false },
    { &plain, "1", "!", false },
    { &plain, "1:", "!", false },
    { &plain, ":1", "!", false },
    { &plain, "1:2:3", "!", false },
    { &plain, "-1:2", "!", false },
    { &plain, "1:-2", "!", false },
    { &plain, " 1:2", "!", false },
    { &plain, "1: 2", "!", false },
    { &plain, "1:2 ", "!", false },
    { &plain, "all,cls", "!", false },
};

START_TEST(parses_queries)
{
    struct query *found;
    struct error error;
    size_t count;
    bool together = true;
    char text[200] = "";
    const char *expected = queries[_i].expected;
    const int status =
        queries_parse(queries[_i].text, queries[_i].layout, &found, &count, &together, &error);
    ck_assert(!together);
    if (*expected == '!') {
        ck_assert_int_eq(status, BAD_USAGE);
        if (expected[1])
            ck_assert_str_eq(error.text, expected + 1);
        ck_assert_ptr_null(found);
    } else {
        ck_assert_msg(status == 0, "%s", error.text);
        for (size_t i = 0; i < count; i++) {
            const size_t length = strlen(text);
            const char *star = found[i].by_default ? "*" : "", *space = i ? " " : "";
            if (found[i].kind == QUERY_MEAN)
                snprintf(
                    text + length, sizeof text - length, "%s%s%s", space, found[i].name, star);
            else
                snprintf(text + length, sizeof text - length, "%s%s:%zu%s", space,
                    found[i].name, found[i].token, star);
        }
        ck_assert_str_eq(text, expected);
        free(found);
    }
    ck_assert_int_eq(queries_check(queries[_i].text, &error), queries[_i].form ? 0 : BAD_USAGE);
}
END_TEST

START_TEST(all_patches)
{
    struct query *found;
    struct error error;
    size_t count;
    bool together = false;
    ck_assert_int_eq(queries_check("all", &error), 0);
    ck_assert_int_eq(queries_parse("all", &registers, &found, &count, &together, &error), 0);
    ck_assert(together);
    ck_assert_uint_eq(count, 12);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(found[i].kind, QUERY_TOKEN);
        ck_assert_uint_eq(found[i].token, 5 + i);
        ck_assert(!found[i].by_default);
    }
    ck_assert_str_eq(found[0].name, "all");
    free(found);
}
END_TEST

static const struct {
    const char *name;
    bool legal;
} names[] = { { "abnar", true }, { "l00-h11", true }, { "a_b+c", true }, { "0", true },
    { "", false }, { "A", false }, { "a.b", false }, { "a b", false }, { "a/b", false },
    { "\303\274", false } };

START_TEST(knows_names)
{
    ck_assert_int_eq(map_name_is_legal(names[_i].name), names[_i].legal);
}
END_TEST

#define MODEL \
    "{\"model\":\"m:1\",\"prefix\":1,\"grid\":[2,3],\"target\":{\"index\":7,\"name\":\"x\"}}"
#define VIEW "{\"picture\":\"jpg\",\"size\":[640,480],\"box\":[80,0,560,480.5]}"

static const struct {
    const char *model, *view;
    struct map_about about;
    const char *json;
} abouts[] = {
    { MODEL, VIEW, { "abnar", -1, -1, "mean", "cls", 0.5, false, false, NULL, NULL, NULL },
        "{\"method\":\"abnar\",\"layer\":null,\"head\":\"mean\",\"query\":\"cls\",\"residual\":"
        "0.5,\"signed\":false,\"target\":null,\"model\":\"m:1\",\"grid\":[2,3],\"view\":" VIEW
        "}" },
    { MODEL, VIEW,
        { "chefer", -1, -1, NULL, "cls", -1, false, true, "max of heads", NULL, NULL },
        "{\"method\":\"chefer\",\"layer\":null,\"head\":null,\"query\":\"cls\",\"residual\":"
        "null,\"signed\":false,\"target\":{\"index\":7,\"name\":\"x\"},\"model\":\"m:1\","
        "\"grid\":[2,3],\"view\":" VIEW ",\"note\":\"max of heads\"}" },
    { NULL, NULL, { "head", 3, 0, NULL, NULL, -1, true, true, NULL, NULL, NULL },
        "{\"method\":\"head\",\"layer\":3,\"head\":0,\"query\":null,\"residual\":null,"
        "\"signed\":true,\"target\":null,\"model\":null,\"grid\":[2,3],\"view\":null}" },
    { "[1]", "not JSON", { "head", 0, 11, NULL, "mean", 0, false, true, NULL, NULL, NULL },
        "{\"method\":\"head\",\"layer\":0,\"head\":11,\"query\":\"mean\",\"residual\":0.0,"
        "\"signed\":false,\"target\":null,\"model\":null,\"grid\":[2,3],\"view\":null}" },
    { NULL, NULL, { "gradcam", 11, -1, NULL, NULL, -1, false, true, NULL, "block11", NULL },
        "{\"method\":\"gradcam\",\"layer\":11,\"head\":null,\"query\":null,\"residual\":null,"
        "\"signed\":false,\"target\":null,\"model\":null,\"grid\":[2,3],\"view\":null,"
        "\"at\":\"block11\"}" },
};

START_TEST(adds_maps)
{
    const struct layout layout = { .prefix = 1, .rows = 2, .columns = 3 };
    struct sample sample = { 0 };
    struct scratch scratch = { 0 };
    struct map map;
    struct error error;
    float *values;
    size_t at = 0;
    for (size_t count = 0; count < 2; count++) {
        begin(&sample);
        if (abouts[_i].model)
            add_text(&sample, "model.json", abouts[_i].model);
        if (abouts[_i].view)
            add_text(&sample, "view.json", abouts[_i].view);
        ck_assert_int_eq(map_add(&sample, "abnar-q01-02", &abouts[_i].about, &layout, count * 4,
                             &values, &error),
            0);
        for (size_t i = 0; i < (count ? 24 : 6); i++)
            values[i] = (float)i / 2;
        json_t *info, *expected = json_loads(abouts[_i].json, 0, NULL);
        ck_assert_ptr_nonnull(expected);
        ck_assert_int_eq(sample_json(&sample, "map.abnar-q01-02.json", &info, &error), 0);
        ck_assert_msg(json_equal(info, expected), "%s", json_dumps(info, JSON_COMPACT));
        json_decref(expected);
        json_decref(info);

        at = 0;
        ck_assert_int_eq(map_next(&sample, &at, &map, &scratch, &error), 1);
        ck_assert_str_eq(map.name, "abnar-q01-02");
        ck_assert_uint_eq(map.queries, count * 4);
        ck_assert_uint_eq(map.rows, 2);
        ck_assert_uint_eq(map.columns, 3);
        ck_assert_float_eq(map.values[5], 2.5f);
        ck_assert_int_eq(map.is_signed, abouts[_i].about.is_signed);
        ck_assert_int_eq(map.has_box, abouts[_i].view && *abouts[_i].view == '{');
        ck_assert_double_eq(map.box[3], map.has_box ? 480.5 : 0);
        ck_assert_double_eq(map.picture[0], map.has_box ? 640 : 0);
        map_release(&map);
        ck_assert_int_eq(map_next(&sample, &at, &map, &scratch, &error), 0);
        ck_assert_int_eq(
            map_add(&sample, "abnar-q01-02", &abouts[_i].about, &layout, 0, &values, &error),
            BAD_SAMPLE);
        ck_assert_str_eq(error.text, "map.abnar-q01-02 exists: name this one with --as");
    }
    free(scratch.bytes);
    sample_free(&sample);
}
END_TEST

/* What a map's own JSON may say of its place. */
static const struct {
    const char *json;
    bool box;
    int status;
} geometries[] = {
    { "{\"view\":{\"box\":[0,0,10,20],\"size\":[10,20]}}", true, 1 },
    { "{\"view\":{\"box\":[-5.5,-1,10,20]}}", true, 1 },
    { "{\"view\":{\"box\":[0,0,10]}}", false, 1 },
    { "{\"view\":{\"box\":[0,0,0,20]}}", false, 1 },
    { "{\"view\":{\"box\":[0,0,10,-20]}}", false, 1 },
    { "{\"view\":{\"box\":[\"0\",null,\"10\",20]}}", false, 1 },
    { "{\"view\":{\"box\":{}}}", false, 1 },
    { "{\"view\":null}", false, 1 },
    { "{\"view\":[]}", false, 1 },
    { "{}", false, 1 },
    { "[]", false, BAD_SAMPLE },
    { "x", false, BAD_SAMPLE },
    { NULL, false, 1 },
};

START_TEST(reads_geometry)
{
    struct sample sample = { 0 };
    struct scratch scratch = { 0 };
    struct map map;
    struct error error;
    float *values;
    size_t at = 0;
    const size_t shape[2] = { 2, 2 };
    begin(&sample);
    ck_assert_int_eq(sample_add_floats(&sample, "map.x.npy", 2, shape, &values, &error), 0);
    memset(values, 0, 16);
    if (geometries[_i].json)
        add_text(&sample, "map.x.json", geometries[_i].json);
    const int status = map_next(&sample, &at, &map, &scratch, &error);
    ck_assert_int_eq(status, geometries[_i].status);
    if (status == 1) {
        ck_assert_int_eq(map.has_box, geometries[_i].box);
        ck_assert_ptr_nonnull(map.info);
        map_release(&map);
        map_release(&map);
    }
    free(scratch.bytes);
    sample_free(&sample);
}
END_TEST

START_TEST(walks_maps)
{
    struct sample sample = { 0 };
    struct scratch scratch = { 0 };
    struct map map;
    struct error error;
    float *values;
    size_t at = 0;
    char long_suffix[300] = "map.";
    const size_t flat[1] = { 4 }, square[2] = { 2, 2 }, none[2] = { 0, 2 },
                 deep[4] = { 1, 1, 2, 2 };
    begin(&sample);
    memset(long_suffix + 4, 'n', 200);
    strcpy(long_suffix + 204, ".npy");
    add_text(&sample, "map..npy", "x");    /* has no name */
    add_text(&sample, "map.x.json", "{}"); /* is no array */
    add_text(&sample, "input.npy", "x");   /* is no map */
    add_text(&sample, "map.broken.npy", "x");
    ck_assert_int_eq(sample_add_floats(&sample, "map.flat.npy", 1, flat, &values, &error), 0);
    ck_assert_int_eq(sample_add_floats(&sample, "map.none.npy", 2, none, &values, &error), 0);
    ck_assert_int_eq(sample_add_floats(&sample, "map.deep.npy", 4, deep, &values, &error), 0);
    ck_assert_int_eq(sample_add_floats(&sample, "map.gone.npy", 2, square, &values, &error), 0);
    ck_assert_int_eq(sample_add_floats(&sample, "map.a.b.npy", 2, square, &values, &error), 0);
    memset(values, 0, 16);
    ck_assert_int_eq(sample_add_floats(&sample, long_suffix, 2, square, &values, &error), 0);
    memset(values, 0, 16);
    sample_drop(&sample, "map.gone.npy");
    ck_assert_int_eq(map_next(&sample, &at, &map, &scratch, &error), BAD_SAMPLE);
    ck_assert_str_eq(error.text, "map.broken.npy: npy: not a .npy array of version 1 to 3");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(map_next(&sample, &at, &map, &scratch, &error), BAD_SAMPLE);
        ck_assert_ptr_nonnull(strstr(error.text, "not an array of [rows, columns]"));
    }
    ck_assert_int_eq(map_next(&sample, &at, &map, &scratch, &error), 1);
    ck_assert_str_eq(map.name, "a.b");
    map_release(&map);
    ck_assert_int_eq(map_next(&sample, &at, &map, &scratch, &error), 1);
    ck_assert_uint_eq(strlen(map.name), sizeof map.name - 1);
    map_release(&map);
    ck_assert_int_eq(map_next(&sample, &at, &map, &scratch, &error), 0);
    ck_assert_int_eq(map_next(&sample, &at, &map, &scratch, &error), 0);
    free(scratch.bytes);
    sample_free(&sample);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("map");
    TCase *map = tcase_create("map");
    tcase_add_loop_test(map, reads_layouts, 0, sizeof layouts / sizeof *layouts);
    tcase_add_loop_test(map, knows_a_cnn, 0, sizeof makers / sizeof *makers);
    tcase_add_loop_test(map, parses_queries, 0, sizeof queries / sizeof *queries);
    tcase_add_test(map, all_patches);
    tcase_add_loop_test(map, knows_names, 0, sizeof names / sizeof *names);
    tcase_add_loop_test(map, adds_maps, 0, sizeof abouts / sizeof *abouts);
    tcase_add_loop_test(map, reads_geometry, 0, sizeof geometries / sizeof *geometries);
    tcase_add_test(map, walks_maps);
    suite_add_tcase(suite, map);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
