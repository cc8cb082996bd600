/* What timm, torchvision and transformers make of pictures (tests/oracle/resample.py); boxes
 * worked out by hand; refusals. */
#include "common/view.h"
#include "tests/resample_data.h"

#include <math.h>
#include <zlib.h>

/* A line of views.tsv. */
struct line {
    char picture[60], floats[60], crc32[16];
    struct view_rule rule;
};

static int named(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    ck_abort_msg("%s", name);
    return -1;
}

static struct line parse_line(const char *text)
{
    static const char *const flavours[] = { "timm", "torchvision", "huggingface" };
    static const char *const fits[] = { "crop", "squash", "pad" };
    char flavour[20], fit[20], filter[20];
    struct line line;
    struct view_rule *rule = &line.rule;
    ck_assert_int_eq(sscanf(text, "%59s %19s %19s %19s %u %u %u %u %f,%f,%f %f,%f,%f %15s %59s",
                         line.picture, flavour, fit, filter, &rule->width, &rule->height,
                         &rule->resize_width, &rule->resize_height, &rule->mean[0],
                         &rule->mean[1], &rule->mean[2], &rule->std[0], &rule->std[1],
                         &rule->std[2], line.crc32, line.floats),
        16);
    rule->flavour = (enum view_flavour)named(flavour, flavours, 3);
    rule->fit = (enum view_fit)named(fit, fits, 3);
    ck_assert_int_eq(resample_filter_from_name(filter, &rule->filter), 0);
    return line;
}

/* Back to [height, width, 3] bytes. */
static uint8_t *bytes_of(const struct view_rule *rule, const float *input)
{
    const size_t pixels = (size_t)rule->width * rule->height;
    uint8_t *rgb = malloc(pixels * 3);
    ck_assert_ptr_nonnull(rgb);
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < pixels; i++)
            rgb[i * 3 + c] =
                (uint8_t)lrint(255 * (input[c * pixels + i] * rule->std[c] + rule->mean[c]));
    return rgb;
}

/* The floats are the library's to the last bit. */
static void compare_floats(const char *name, const float *input, size_t count)
{
    char path[200];
    float *expected = malloc(count * sizeof *expected);
    snprintf(path, sizeof path, DATA "%s.f32", name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL && expected != NULL, "%s", path);
    ck_assert_uint_eq(fread(expected, sizeof *expected, count, file), count);
    ck_assert_int_eq(fgetc(file), EOF);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(
            input[i] == expected[i], "%s: %zu: %.9g, %.9g", name, i, input[i], expected[i]);
    fclose(file);
    free(expected);
}

/* One line; returns whether its floats were compared too. */
static bool check_line(const char *text)
{
    const struct line line = parse_line(text);
    const struct view_rule *rule = &line.rule;
    struct picture picture = read_ppm(line.picture);
    struct view view;
    struct error error = { "" };
    const size_t pixels = (size_t)rule->width * rule->height;
    const bool has_floats = strcmp(line.floats, "-") != 0;
    float *input = malloc(pixels * 3 * sizeof *input);
    ck_assert_ptr_nonnull(input);
    ck_assert_int_eq(view_rule_check(rule, &error), 0);
    const int result = view_make(&picture, rule, input, &view, &error);
    if (strcmp(line.crc32, "-") == 0) {
        ck_assert_int_eq(result, BAD_SAMPLE);
        ck_assert_ptr_nonnull(strstr(error.text, "too long and thin"));
    } else {
        ck_assert_msg(result == 0, "%s", error.text);
        uint8_t *rgb = bytes_of(rule, input);
        ck_assert_msg(
            crc32(0, rgb, (unsigned)pixels * 3) == strtoul(line.crc32, NULL, 16), "%s", text);
        if (has_floats)
            compare_floats(line.floats, input, pixels * 3);
        free(rgb);
    }
    free(input);
    free(picture.rgb);
    return has_floats;
}

START_TEST(equals_libraries)
{
    char text[300];
    unsigned lines = 0, with_floats = 0;
    FILE *table = fopen(DATA "views.tsv", "r");
    ck_assert_ptr_nonnull(table);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, table));
    for (; fgets(text, sizeof text, table); lines++)
        with_floats += check_line(text);
    ck_assert_uint_gt(lines, 300);
    ck_assert_uint_eq(with_floats, 7);
    fclose(table);
}
END_TEST

static struct view_rule make_rule(enum view_fit fit, enum view_flavour flavour, uint32_t width,
    uint32_t height, uint32_t resize_width, uint32_t resize_height)
{
    return (struct view_rule){ width, height, resize_width, resize_height, fit, flavour,
        FILTER_BILINEAR, { 0.5f, 0.5f, 0.5f }, { 0.5f, 0.5f, 0.5f } };
}

/* Sides of picture, input and resize; the box. Most are exact in binary. */
static const struct {
    enum view_fit fit;
    enum view_flavour flavour;
    uint32_t picture[2], input[2], resize[2];
    double box[4];
} BOXES[] = {
    /* the picture as it is */
    { FIT_CROP, VIEW_TIMM, { 8, 8 }, { 8, 8 }, { 8, 8 }, { 0, 0, 8, 8 } },
    /* 640x480 to 320x240, 224 of it from 48 and 8 */
    { FIT_CROP, VIEW_TIMM, { 640, 480 }, { 224, 224 }, { 240, 240 }, { 96, 16, 544, 464 } },
    /* 10x8 to 10x8, 5 of it: torchvision from 2 and 2 (half to even), as timm; HF from 2, 1 */
    { FIT_CROP, VIEW_TORCHVISION, { 10, 8 }, { 5, 5 }, { 8, 8 }, { 2, 2, 7, 7 } },
    { FIT_CROP, VIEW_TIMM, { 10, 8 }, { 5, 5 }, { 8, 8 }, { 2, 2, 7, 7 } },
    { FIT_CROP, VIEW_HUGGINGFACE, { 10, 8 }, { 5, 5 }, { 8, 8 }, { 2, 1, 7, 6 } },
    /* black around: 3 more than the picture has. torchvision puts 1 left, HF 2 */
    { FIT_CROP, VIEW_TORCHVISION, { 8, 8 }, { 11, 11 }, { 8, 8 }, { -1, -1, 10, 10 } },
    { FIT_CROP, VIEW_HUGGINGFACE, { 8, 8 }, { 11, 11 }, { 8, 8 }, { -2, -2, 9, 9 } },
    /* the longer side truncates: 7x3 to 4.67x2, that is 4x2 */
    { FIT_CROP, VIEW_TORCHVISION, { 7, 3 }, { 2, 2 }, { 2, 2 }, { 1.75, 0, 5.25, 3 } },
    /* a wide target: 64x64 to 32x32, 16 rows of it from 8 */
    { FIT_CROP, VIEW_TIMM, { 64, 64 }, { 32, 16 }, { 32, 16 }, { 0, 16, 64, 48 } },
    { FIT_SQUASH, VIEW_HUGGINGFACE, { 64, 16 }, { 8, 8 }, { 8, 8 }, { 0, 0, 64, 16 } },
    { FIT_SQUASH, VIEW_TIMM, { 64, 16 }, { 6, 6 }, { 8, 8 }, { 8, 2, 56, 14 } },
    /* 64x16 to 8x2 in 8x8: six rows of padding */
    { FIT_PAD, VIEW_TIMM, { 64, 16 }, { 8, 8 }, { 8, 8 }, { 0, -24, 64, 40 } },
    { FIT_PAD, VIEW_TIMM, { 16, 64 }, { 8, 8 }, { 8, 8 }, { -24, 0, 40, 64 } },
    /* cut off at the sides and padded above: 8x2 in 6x6 */
    { FIT_PAD, VIEW_TIMM, { 64, 16 }, { 6, 6 }, { 8, 8 }, { 8, -16, 56, 32 } },
    /* an odd row of padding: the smaller half above, whoever's rule */
    { FIT_PAD, VIEW_TIMM, { 64, 16 }, { 8, 5 }, { 8, 8 }, { 0, -8, 64, 32 } },
    { FIT_PAD, VIEW_HUGGINGFACE, { 64, 16 }, { 8, 5 }, { 8, 8 }, { 0, -8, 64, 32 } },
};

START_TEST(boxes)
{
    const uint32_t *sides = BOXES[_i].picture, *size = BOXES[_i].input;
    const struct view_rule rule = make_rule(BOXES[_i].fit, BOXES[_i].flavour, size[0], size[1],
        BOXES[_i].resize[0], BOXES[_i].resize[1]);
    struct picture picture = { sides[0], sides[1], calloc((size_t)sides[0] * sides[1], 3) };
    float *input = malloc((size_t)size[0] * size[1] * 3 * sizeof *input);
    struct view view;
    struct error error = { "" };
    ck_assert_ptr_nonnull(picture.rgb);
    ck_assert_ptr_nonnull(input);
    ck_assert_int_eq(view_make(&picture, &rule, input, &view, &error), 0);
    ck_assert_uint_eq(view.picture_width, sides[0]);
    ck_assert_uint_eq(view.picture_height, sides[1]);
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq_tol(view.box[i], BOXES[_i].box[i], 1e-12);
    free(input);
    free(picture.rgb);
}
END_TEST

/* What lies outside the box is black before normalisation, or the mean colour with pad: a few
 * thousandths from 0, for it is rounded to 8 bits. */
START_TEST(border_colour)
{
    static uint8_t white[4 * 4 * 3];
    const struct picture picture = { 4, 4, white };
    static float input[3 * 8 * 8];
    struct view view;
    struct error error = { "" };
    struct view_rule rule = make_rule(FIT_CROP, VIEW_TIMM, 8, 8, 4, 4);
    memset(white, 255, sizeof white);
    ck_assert_int_eq(view_make(&picture, &rule, input, &view, &error), 0);
    for (size_t i = 0; i < 3 * 64; i++) {
        const bool inside = i / 8 % 8 >= 2 && i / 8 % 8 < 6 && i % 8 >= 2 && i % 8 < 6;
        ck_assert_float_eq(input[i], inside ? 1.0f : -1.0f);
    }
    rule = make_rule(FIT_PAD, VIEW_TIMM, 8, 8, 4, 4);
    rule.mean[1] = -1; /* out of range: held at the ends */
    rule.mean[2] = 2;
    ck_assert_int_eq(view_make(&picture, &rule, input, &view, &error), 0);
    ck_assert_float_eq(input[0], (128 / 255.0f - 0.5f) / 0.5f);
    ck_assert_float_eq(input[64], (0 - -1.0f) / 0.5f);
    ck_assert_float_eq(input[128], (1 - 2.0f) / 0.5f);
}
END_TEST

/* The crop of the enlarged long row, against Pillow's; with each flavour the same. */
START_TEST(long_picture)
{
    struct picture picture = make_long_row(), row = read_ppm("long-row");
    static float input[3 * 224 * 224];
    struct view view;
    struct error error = { "" };
    struct view_rule rule = make_rule(FIT_CROP, (enum view_flavour)_i, 224, 224, 224, 224);
    rule.filter = FILTER_BICUBIC;
    ck_assert_int_eq(view_make(&picture, &rule, input, &view, &error), 0);
    uint8_t *rgb = bytes_of(&rule, input);
    for (size_t y = 0; y < 224; y++)
        ck_assert_mem_eq(rgb + y * 224 * 3, row.rgb, 224 * 3);
    ck_assert_double_eq(view.box[0], 14999.5);
    ck_assert_double_eq(view.box[2], 15000.5);
    free(rgb);
    free(row.rgb);
    free(picture.rgb);
}
END_TEST

static const struct {
    enum view_fit fit;
    uint32_t width, height;
    const char *text;
} REFUSED[] = {
    { FIT_CROP, 0, 5, "an empty picture" },
    { FIT_CROP, 5, 0, "an empty picture" },
    { FIT_PAD, 500, 1, "500x1 is too long and thin: it would become 224x0" },
    { FIT_PAD, 1, 500, "1x500 is too long and thin: it would become 0x224" },
    { FIT_CROP, 3000000, 1, "3000000x1 is too long and thin: it would become 672000000x224" },
    { FIT_CROP, 1, UINT32_MAX,
        "1x4294967295 is too long and thin: it would become 224x962072674080" },
    { FIT_SQUASH, 2000000, 1, "can't resize 2000000x1: a side is over the limit of 1048576" },
};

START_TEST(refused_pictures)
{
    uint8_t pixel[3] = { 0 };
    const struct picture picture = { REFUSED[_i].width, REFUSED[_i].height, pixel };
    static float input[3 * 224 * 224];
    struct view view;
    struct error error = { "" };
    const struct view_rule rule = make_rule(REFUSED[_i].fit, VIEW_TIMM, 224, 224, 224, 224);
    ck_assert_int_eq(view_make(&picture, &rule, input, &view, &error), BAD_SAMPLE);
    ck_assert_str_eq(error.text, REFUSED[_i].text);
}
END_TEST

START_TEST(rules)
{
    static const struct {
        uint32_t width, height, resize_width, resize_height;
        float mean, std;
        const char *text; /* NULL: good */
    } table[] = {
        { 1, 1, 1, 1, 0.5f, 0.5f, NULL },
        { 16384, 16384, 65536, 65536, -1.0f, 1e-30f, NULL },
        { 0, 1, 1, 1, 0, 1, "an input of 0x1: each side must be 1 to 16384" },
        { 1, 0, 1, 1, 0, 1, "an input of 1x0: each side must be 1 to 16384" },
        { 16385, 1, 1, 1, 0, 1, "an input of 16385x1: each side must be 1 to 16384" },
        { 1, 16385, 1, 1, 0, 1, "an input of 1x16385: each side must be 1 to 16384" },
        { 1, 1, 0, 1, 0, 1, "a resize to 0x1: each side must be 1 to 65536" },
        { 1, 1, 1, 0, 0, 1, "a resize to 1x0: each side must be 1 to 65536" },
        { 1, 1, 65537, 1, 0, 1, "a resize to 65537x1: each side must be 1 to 65536" },
        { 1, 1, 1, 65537, 0, 1, "a resize to 1x65537: each side must be 1 to 65536" },
        { 1, 1, 1, 1, 0, 0, "std 0: must be positive and finite" },
        { 1, 1, 1, 1, 0, -1, "std -1: must be positive and finite" },
        { 1, 1, 1, 1, 0, INFINITY, "std inf: must be positive and finite" },
        { 1, 1, 1, 1, -INFINITY, 1, "mean -inf: must be finite" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct error error = { "" };
        struct view_rule rule = make_rule(FIT_CROP, VIEW_TIMM, table[i].width, table[i].height,
            table[i].resize_width, table[i].resize_height);
        rule.mean[1] = table[i].mean;
        rule.std[2] = table[i].std;
        ck_assert_int_eq(view_rule_check(&rule, &error), table[i].text ? BAD_USAGE : 0);
        ck_assert_str_eq(error.text, table[i].text ? table[i].text : "");
        rule.std[2] = NAN;
        ck_assert_int_eq(view_rule_check(&rule, &error), BAD_USAGE);
    }
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

int main(void)
{
    Suite *suite = suite_create("view");
    TCase *cases = tcase_create("view");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, equals_libraries);
    tcase_add_loop_test(cases, boxes, 0, COUNT(BOXES));
    tcase_add_test(cases, border_colour);
    tcase_add_loop_test(cases, long_picture, 0, 3);
    tcase_add_loop_test(cases, refused_pictures, 0, COUNT(REFUSED));
    tcase_add_test(cases, rules);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
