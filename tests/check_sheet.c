/* Titles from what a map says of itself, and which panels a figure of samples has. */
#include "common/maptitle.h"
#include "common/sheet.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(titles)
{
    static const struct {
        const char *name, *json;
        size_t queries, index;
        const char *title, *model, *quantity;
    } cases[] = {
        { "mine", "{}", 0, 0, "mine", "", "mine" },
        { "l03-h02",
            "{'method':'attention','layer':3,'head':2,'query':'cls','model':'vit:12ab'}", 0, 0,
            "layer 3, head 2", "vit", "attention" },
        { "l11-mean", "{'method':'attention','layer':11,'head':'mean'}", 0, 0,
            "layer 11, mean of heads", "", "attention" },
        { "l00-h00-q03-07", "{'method':'attention','layer':0,'head':0,'query':'03-07'}", 0, 0,
            "layer 0, head 0, from patch 3:7", "", "attention" },
        { "abnar-qreg1", "{'method':'abnar','layer':null,'head':null,'query':'reg1'}", 0, 0,
            "attention rollout, from reg1", "", "attention rollout" },
        { "abnar", "{'method':'abnar','query':'all'}", 6, 4,
            "attention rollout, from patch 1:1", "", "attention rollout" },
        { "abnar", "{'method':'abnar','query':'all'}", 5, 4, "attention rollout, query 4", "",
            "attention rollout" },
        { "chefer",
            "{'method':'chefer','target':{'index':281,'name':'tabby, tabby cat','prob':0.826},"
            "'model':'a:b:c'}",
            0, 0, "Chefer et al.\ntabby, tabby cat 83%", "a:b", "Chefer et al." },
        { "chefer-q01-02",
            "{'method':'chefer','query':'01-02','note':'max of heads','target':{'index':2}}", 0,
            0, "Chefer et al., from patch 1:2\nmax of heads\nclass 2", "", "Chefer et al." },
        { "grad-rollout", "{'method':'grad-rollout','target':null}", 0, 0, "gradient rollout",
            "", "gradient rollout" },
        { "attn-gradcam",
            "{'method':'attn-gradcam','target':{'index':1,'name':'cat','prob':1}}", 0, 0,
            "Grad-CAM of attention\ncat 100%", "", "Grad-CAM of attention" },
        { "gradcam-layer4",
            "{'method':'gradcam','target':{'index':7,'name':null,'prob':0.0512}}", 0, 0,
            "gradcam-layer4\nclass 7 5.1%", "", "Grad-CAM" },
        { "gradcam",
            "{'method':'gradcam','layer':null,'at':'layer4','model':'resnet50:1','target':"
            "{'index':281,'name':'tabby','prob':0.83}}",
            0, 0, "Grad-CAM at layer4\ntabby 83%", "resnet50", "Grad-CAM at layer4" },
        { "xgradcam-block11", "{'method':'xgradcam','layer':11,'head':null,'at':'block11'}", 0,
            0, "XGrad-CAM at block11", "", "XGrad-CAM at block11" },
        { "my-layers-layer3-1", "{'method':'eigencam','layer':null,'at':'layer3-1'}", 0, 0,
            "my-layers (Eigen-CAM) at layer3-1", "", "Eigen-CAM at layer3-1" },
        { "the-last", "{'method':'gradcam++','layer':11,'head':null,'at':'block11'}", 0, 0,
            "the-last (Grad-CAM++) at block11", "", "Grad-CAM++ at block11" },
        { "some-quick", "{'method':'hirescam','at':'stem'}", 0, 0,
            "some-quick (HiResCAM) at stem", "", "HiResCAM at stem" },
        { "layercam-x", "{'method':'layercam','at':'stem'}", 0, 0, "layercam-x at stem", "",
            "LayerCAM at stem" },
        { "-stem", "{'method':'layercam','at':'stem'}", 0, 0, "-stem (LayerCAM) at stem", "",
            "LayerCAM at stem" },
        { "x", "{'method':'chefer','target':{'index':7,'prob':0.0001},'model':'nocolon'}", 0, 0,
            "x (Chefer et al.)\nclass 7 <0.1%", "nocolon", "Chefer et al." },
        { "x", "{'method':'chefer','target':{'index':7,'prob':'?'},'model':7}", 0, 0,
            "x (Chefer et al.)\nclass 7", "", "Chefer et al." },
        { "diff",
            "{'method':'diff','a':'chefer','b':'abnar','scale':'sum','note':'each divided by "
            "its "
            "sum'}",
            0, 0, "Chefer et al. minus attention rollout\neach divided by its sum", "",
            "Chefer et al. minus attention rollout" },
        { "back", "{'method':'diff','a':'x-q01-02','b':'gradcam','scale':'rank'}", 0, 0,
            "back: x-q01-02 minus Grad-CAM (rank)", "", "x-q01-02 minus Grad-CAM (rank)" },
        { "change-l03-mean",
            "{'method':'diff','layer':3,'head':'mean','a':'x','b':'y','scale':'none'}", 0, 0,
            "change: layer 3, mean of heads, x minus y (as they are)", "",
            "x minus y (as they are)" },
        { "l-l1", "{'method':'diff','layer':1,'a':'x','b':'y'}", 0, 0, "l-l1: x minus y", "",
            "x minus y" },
        { "diff", "{'method':'diff','a':'x','b':7}", 0, 0, "diff", "", "diff" },
        { "a", "{'method':'chefer','a':'x','b':'y'}", 0, 0, "a (Chefer et al.)", "",
            "Chefer et al." },
        { "x", "{'method':7,'layer':-3,'head':1e9,'query':[],'target':[],'model':null}", 0, 0,
            "x", "", "x" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct map map = { .queries = cases[i].queries, .rows = 2, .columns = 3 };
        char json[256], model[128], quantity[128];
        size_t at = 0;
        for (; cases[i].json[at]; at++)
            json[at] = cases[i].json[at] == '\'' ? '"' : cases[i].json[at];
        json[at] = '\0';
        map.info = json_loads(json, 0, NULL);
        ck_assert_ptr_nonnull(map.info);
        strcpy(map.name, cases[i].name);
        char *title = map_title(&map, cases[i].index);
        ck_assert_str_eq(title, cases[i].title);
        map_model(&map, model, sizeof model);
        ck_assert_str_eq(model, cases[i].model);
        map_quantity(&map, quantity, sizeof quantity);
        ck_assert_str_eq(quantity, cases[i].quantity);
        map_model(&map, model, 3);
        ck_assert_uint_le(strlen(model), 2);
        free(title);
        json_decref(map.info);
    }
}
END_TEST

enum { WIDTH = 400, HEIGHT = 300 };
enum { PITCH = 344 }; /* from one panel of a grid to the next, with a share of the bars */

/* A sample with a picture of that size, or none. */
static void begin(struct sample *sample, const char *key, uint32_t width, uint32_t height)
{
    struct error error;
    struct member *member;
    char head[40];
    ck_assert_int_eq(sample_begin(sample, key, &error), 0);
    if (width == 0)
        return;
    const int length = snprintf(head, sizeof head, "P6 %u %u 255\n", width, height);
    const size_t size = (size_t)length + (size_t)width * height * 3;
    ck_assert_int_eq(sample_add(sample, "ppm", size, &member, &error), 0);
    memset(member->bytes, 100, size);
    memcpy(member->bytes, head, (size_t)length);
}

/* A map of 2x2 cells, all of that value. layer below zero: none. */
static void put(struct sample *sample, const char *name, int layer, int head, const char *model,
    float value)
{
    struct error error;
    char suffix[64];
    float *data;
    const size_t shape[2] = { 2, 2 };
    snprintf(suffix, sizeof suffix, "map.%s.npy", name);
    ck_assert_int_eq(sample_add_floats(sample, suffix, 2, shape, &data, &error), 0);
    for (size_t i = 0; i < 4; i++)
        data[i] = value;
    snprintf(suffix, sizeof suffix, "map.%s.json", name);
    json_t *json = json_pack("{s:s, s:o, s:o, s:s, s:{s:[i,i], s:[f,f,f,f]}}", "method",
        layer < 0 ? name : "attention", "layer", layer < 0 ? json_null() : json_integer(layer),
        "head", layer < 0 ? json_null() : json_integer(head), "model", model, "view", "size",
        WIDTH, HEIGHT, "box", 50.0, 0.0, 350.0, 300.0);
    ck_assert_int_eq(sample_add_json(sample, suffix, json, &error), 0);
}

static void add(struct sheet *sheet, struct sample *sample, const char *warned)
{
    struct error warning, error = { "" };
    const int status = sheet_add(sheet, sample, true, &warning, &error);
    ck_assert_msg(status == 0, "%s", error.text);
    ck_assert_str_eq(warning.text, warned);
}

/* Draws; the figure's size is the caller's measure of how many columns there were. */
static struct picture draw(const struct sheet *sheet, uint32_t columns, uint64_t more)
{
    const struct figure_options options = { .alpha = 0.5, .columns = columns };
    struct picture figure;
    struct error error = { "" };
    const int status = sheet_draw(sheet, &options, more, &figure, &error);
    ck_assert_msg(status == 0, "%s", error.text);
    free(figure.rgb);
    return figure;
}

/* One sample of so many layers and heads; how many pictures are beside each other. */
static uint32_t columns_of(int layers, int heads, const char *other)
{
    struct sheet sheet = { 0 };
    struct sample sample = { 0 };
    begin(&sample, "cat", WIDTH, HEIGHT);
    for (int i = 0; i < layers * heads; i++) {
        char name[32];
        snprintf(name, sizeof name, "l%02d-h%02d", i / heads, i % heads);
        put(&sample, name, i / heads, i % heads, "vit:1", (float)i + 1);
    }
    if (other)
        put(&sample, other, -1, -1, "vit:1", 1);
    add(&sheet, &sample, "");
    const struct picture figure = draw(&sheet, 0, 0);
    sheet_clear(&sheet);
    sample_free(&sample);
    return figure.width / PITCH;
}

START_TEST(grids)
{
    ck_assert_uint_eq(columns_of(1, 2, NULL), 3);  /* with the picture */
    ck_assert_uint_eq(columns_of(1, 12, NULL), 5); /* likewise */
    ck_assert_uint_eq(columns_of(12, 3, NULL), 6); /* two layers a row */
    ck_assert_uint_eq(columns_of(12, 12, NULL), 12);
    ck_assert_uint_eq(columns_of(2, 6, NULL), 6);
    ck_assert_uint_eq(columns_of(12, 1, NULL), 5);   /* no heads to keep together */
    ck_assert_uint_eq(columns_of(2, 2, "abnar"), 3); /* something else among them */
}
END_TEST

START_TEST(rows_of_samples)
{
    struct sheet sheet = { 0 };
    struct sample sample = { 0 };
    begin(&sample, "one", WIDTH, HEIGHT);
    put(&sample, "abnar", -1, -1, "vit:1", 1);
    add(&sheet, &sample, "");
    const struct picture alone = draw(&sheet, 0, 0);
    ck_assert_uint_gt(alone.width, WIDTH);
    ck_assert_uint_lt(alone.width, 2 * WIDTH);
    begin(&sample, "two", 0, 0);
    put(&sample, "abnar", -1, -1, "vit:1", 0);
    put(&sample, "chefer", -1, -1, "other:2", NAN);
    add(&sheet, &sample, "map.abnar is all zeros (1 more maps are odd)");
    const struct picture both = draw(&sheet, 0, 7);
    ck_assert_uint_eq(both.width / PITCH, 3);
    ck_assert_uint_gt(both.height, 240 + 320); /* the second row's map is 2 cells of 160 high */
    ck_assert_uint_lt(both.height, 240 + 320 + 240);
    ck_assert_uint_eq(draw(&sheet, 5, 0).width / PITCH, 4); /* the second has no picture */
    struct error error;
    ck_assert_int_eq(sheet_reduce(&sheet, false, false, 0, &error), 0);
    ck_assert_uint_eq(sheet.samples[0].picture.width, 320);
    ck_assert_uint_eq(sheet.samples[0].picture.height, 240);
    ck_assert_double_eq(sheet.maps[0].box[0], 40);
    ck_assert_double_eq(sheet.maps[0].box[2], 280);
    ck_assert_double_eq(sheet.maps[0].box[3], 240);
    ck_assert_int_eq(sheet_reduce(&sheet, true, false, 0, &error), 0);
    const struct picture reduced = draw(&sheet, 0, 7);
    ck_assert_uint_eq(reduced.width, both.width);
    ck_assert_uint_eq(reduced.height, both.height);
    sheet_clear(&sheet);
    sample_free(&sample);
}
END_TEST

/* What is refused leaves the sheet as it was. */
START_TEST(refuses)
{
    struct sheet sheet = { 0 };
    struct sample sample = { 0 };
    struct error warning, error;
    begin(&sample, "good", WIDTH, HEIGHT);
    put(&sample, "abnar", -1, -1, "vit:1", 1);
    add(&sheet, &sample, "");
    begin(&sample, "bare", WIDTH, HEIGHT);
    ck_assert_int_eq(sheet_add(&sheet, &sample, true, &warning, &error), BAD_USAGE);
    ck_assert_str_eq(error.text, "has no maps: run attnsplit, rollout or gradcam");
    begin(&sample, "size", WIDTH + 1, HEIGHT);
    put(&sample, "abnar", -1, -1, "vit:1", 1);
    ck_assert_int_eq(sheet_add(&sheet, &sample, true, &warning, &error), BAD_SAMPLE);
    ck_assert_str_eq(error.text, "map.abnar is of a picture of 400x300, this one is 401x300");
    begin(&sample, "broken", WIDTH, HEIGHT);
    put(&sample, "abnar", -1, -1, "vit:1", 1);
    sample_find(&sample, "ppm")->size = 50;
    ck_assert_int_eq(sheet_add(&sheet, &sample, true, &warning, &error), BAD_SAMPLE);
    ck_assert_int_eq(sheet_add(&sheet, &sample, false, &warning, &error), 0);
    ck_assert_uint_eq(sheet.sample_count, 2);
    ck_assert_uint_eq(sheet.map_count, 2);
    begin(&sample, "shape", WIDTH, HEIGHT);
    put(&sample, "abnar", -1, -1, "vit:1", 1);
    put(&sample, "chefer", -1, -1, "vit:1", 1);
    sample_find(&sample, "map.chefer.npy")->size -= 4;
    ck_assert_int_eq(sheet_add(&sheet, &sample, true, &warning, &error), BAD_SAMPLE);
    ck_assert_uint_eq(sheet.sample_count, 2);
    ck_assert_uint_eq(sheet.map_count, 2);
    sheet_clear(&sheet);
    sample_free(&sample);
}
END_TEST

START_TEST(raw)
{
    struct sheet sheet = { 0 };
    struct sample sample = { 0 };
    struct error warning, error;
    unsigned char *bytes;
    size_t size;
    begin(&sample, "a/cat", 0, 0);
    struct member *member;
    float *data;
    const size_t shape[3] = { 2, 1, 2 };
    ck_assert_int_eq(sample_add_floats(&sample, "map.abnar.npy", 3, shape, &data, &error), 0);
    for (size_t i = 0; i < 4; i++)
        data[i] = (float)i;
    member = sample_find(&sample, "map.abnar.npy");
    ck_assert_ptr_nonnull(member);
    ck_assert_int_eq(sheet_add(&sheet, &sample, false, &warning, &error), 0);
    ck_assert_uint_eq(sheet.map_count, 2);
    ck_assert_str_eq(sheet.maps[1].member, "a/cat.map.abnar[1]");
    ck_assert_float_eq(sheet.maps[1].values[1], 3);
    ck_assert_int_eq(sheet_encode_raw(&sheet, &bytes, &size, &error), 0);
    ck_assert_str_eq(picture_kind(bytes, size), "tiff");
    free(bytes);
    sheet_clear(&sheet);
    sample_free(&sample);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sheet");
    TCase *cases = tcase_create("sheet");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, titles);
    tcase_add_test(cases, grids);
    tcase_add_test(cases, rows_of_samples);
    tcase_add_test(cases, refuses);
    tcase_add_test(cases, raw);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
