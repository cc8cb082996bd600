/* Figures: where cells land, what colours mean, gaps, layout, refusals. */
#include "common/colormap.h"
#include "common/figure.h"
#include "common/figure_plan.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GREY = 0x64 }; /* of the pictures here; no colour of the maps used */

static struct picture plain_picture(uint32_t width, uint32_t height)
{
    struct picture picture = { width, height, malloc((size_t)width * height * 3) };
    ck_assert_ptr_nonnull(picture.rgb);
    memset(picture.rgb, GREY, (size_t)width * height * 3);
    return picture;
}

static const struct figure_options opaque = {
    .colormap = "grey", .alpha = 1, .upsample = UPSAMPLE_NEAREST
};

static struct picture drawn(const struct panel *panels, size_t count,
    const struct figure_options *options, struct error *warning)
{
    struct picture figure;
    struct error error = { "" };
    const int status = figure_draw(panels, count, options, "caption", &figure, warning, &error);
    ck_assert_msg(status == 0, "%s", error.text);
    return figure;
}

/* Where panel k's picture is in the figure. */
static void place(const struct panel *panels, size_t count,
    const struct figure_options *options, size_t k, uint64_t *x, uint64_t *y)
{
    struct plan plan;
    struct error error;
    ck_assert_int_eq(figure_plan_make(&plan, panels, count, options, "caption", &error), 0);
    *x = plan.column_x[k % plan.columns];
    *y = plan.row_y[k / plan.columns];
    figure_plan_free(&plan);
}

static const uint8_t *pixel(const struct picture *figure, uint64_t x, uint64_t y)
{
    if (x >= figure->width || y >= figure->height)
        ck_abort_msg("no pixel there");
    return figure->rgb + (y * figure->width + x) * 3;
}

/* One hot cell of a grid: its rectangle in the picture, by hand. */
static const struct {
    uint32_t width, height, rows, columns, row, column;
    double box[4];
    int hot[4];
} geometry[] = {
    { 600, 400, 2, 3, 1, 0, { 0, 0, 600, 400 }, { 0, 200, 200, 400 } },       /* all of it */
    { 600, 400, 4, 4, 0, 3, { 100, 0, 500, 400 }, { 400, 0, 500, 100 } },     /* centre crop */
    { 600, 400, 4, 4, 3, 2, { 100, 0, 500, 400 }, { 300, 300, 400, 400 } },   /* bottom */
    { 600, 400, 6, 6, 1, 2, { 0, -100, 600, 500 }, { 200, 0, 300, 100 } },    /* padded */
    { 600, 400, 6, 6, 0, 2, { 0, -100, 600, 500 }, { 0, 0, 0, 0 } },          /* in padding */
    { 600, 400, 3, 3, 0, 0, { -90, -90, 210, 210 }, { 0, 0, 10, 10 } },       /* half outside */
    { 600, 400, 2, 2, 1, 1, { 10.4, 20.6, 30.4, 40.6 }, { 20, 31, 30, 41 } }, /* fractions */
    { 600, 400, 2, 2, 0, 0, { 700, 0, 900, 200 }, { 0, 0, 0, 0 } },           /* elsewhere */
    { 300, 451, 1, 5, 0, 4, { 0, 75.5, 300, 375.5 }, { 240, 75, 300, 375 } }, /* upright */
    { 300, 451, 14, 7, 13, 0, { 0, 75, 300, 375 }, { 0, 354, 43, 375 } },     /* oblong grid */
};

START_TEST(hot_cell_lands)
{
    struct picture picture = plain_picture(geometry[_i].width, geometry[_i].height);
    float values[98] = { 0 };
    values[geometry[_i].row * geometry[_i].columns + geometry[_i].column] = 1;
    struct panel panel = { .picture = &picture,
        .values = values,
        .rows = geometry[_i].rows,
        .columns = geometry[_i].columns };
    const double *box = geometry[_i].box;
    const int *hot = geometry[_i].hot;
    memcpy(panel.box, box, sizeof panel.box);
    uint64_t left, top;
    struct error warning;
    place(&panel, 1, &opaque, 0, &left, &top);
    struct picture figure = drawn(&panel, 1, &opaque, &warning);
    unsigned wrong = 0;
    for (int y = 0; y < (int)picture.height; y++)
        for (int x = 0; x < (int)picture.width; x++) {
            const double near = 2.5; /* the outline */
            const double cx = x + 0.5, cy = y + 0.5;
            const bool line = (fabs(cx - box[0]) < near || fabs(cx - box[2]) < near
                               || fabs(cy - box[1]) < near || fabs(cy - box[3]) < near);
            const bool in_box = cx >= box[0] && cx < box[2] && cy >= box[1] && cy < box[3];
            const bool in_hot = x >= hot[0] && x < hot[2] && y >= hot[1] && y < hot[3];
            const int expected = in_hot ? 255 : in_box ? 0 : GREY;
            const int found = pixel(&figure, left + (uint64_t)x, top + (uint64_t)y)[0];
            wrong += !line && found != expected;
        }
    ck_assert_uint_eq(wrong, 0);
    free(figure.rgb);
    free(picture.rgb);
}
END_TEST

/* The outline is drawn where the box ends within the picture, and only there. */
START_TEST(outlines_box)
{
    struct picture picture = plain_picture(600, 400);
    const float zero = 0;
    struct panel panel = { .picture = &picture,
        .values = &zero,
        .rows = 1,
        .columns = 1,
        .box = { 100, 0, 500, 400 } };
    struct error warning;
    uint64_t x, y;
    place(&panel, 1, &opaque, 0, &x, &y);
    struct picture figure = drawn(&panel, 1, &opaque, &warning);
    ck_assert_int_eq(pixel(&figure, x + 100, y + 200)[0], 255);
    ck_assert_int_eq(pixel(&figure, x + 99, y + 200)[0], 0x20);
    ck_assert_int_eq(pixel(&figure, x + 499, y + 200)[0], 255);
    ck_assert_int_eq(pixel(&figure, x + 500, y + 200)[0], 0x20);
    ck_assert_int_eq(pixel(&figure, x + 300, y)[0], 0);
    ck_assert_int_eq(pixel(&figure, x + 300, y + 399)[0], 0);
    free(figure.rgb);
    free(picture.rgb);
}
END_TEST

/* alpha mixes with the unchanged picture and nothing is rescaled. */
START_TEST(blends_constantly)
{
    struct picture picture = plain_picture(600, 400);
    const float values[2] = { 0, 1 };
    struct panel panel = { .picture = &picture,
        .values = values,
        .rows = 1,
        .columns = 2,
        .box = { 0, 0, 600, 400 } };
    for (int tenths = 0; tenths <= 10; tenths++) {
        struct figure_options options = opaque;
        options.alpha = tenths / 10.0;
        struct error warning;
        uint64_t x, y;
        place(&panel, 1, &options, 0, &x, &y);
        struct picture figure = drawn(&panel, 1, &options, &warning);
        for (int i = 0; i < 2; i++) {
            const double expected = GREY * (1 - options.alpha) + i * 255 * options.alpha;
            const int found = pixel(&figure, x + 10 + 580 * (uint64_t)i, y + 9)[0];
            ck_assert_double_eq_tol(found, expected, 0.6);
        }
        free(figure.rgb);
    }
    free(picture.rgb);
}
END_TEST

/* Colours of two maps' first cells, values [0, first[k]]. */
static void colours_of(float a, float b, bool is_signed, const char *quantity,
    const struct figure_options *options, uint8_t found[2][3])
{
    struct picture picture = plain_picture(320, 40);
    const float first[2] = { a, 0 }, second[2] = { b, 0 };
    const struct panel panels[2] = {
        { "a", &picture, first, 1, 2, { 0, 0, 320, 40 }, is_signed, NULL, 0, NULL },
        { "b", &picture, second, 1, 2, { 0, 0, 320, 40 }, is_signed, quantity, 0, NULL },
    };
    struct error warning;
    struct picture figure = drawn(panels, 2, options, &warning);
    for (size_t k = 0; k < 2; k++) {
        uint64_t x, y;
        place(panels, 2, options, k, &x, &y);
        memcpy(found[k], pixel(&figure, x + 20, y + 20), 3);
    }
    free(figure.rgb);
    free(picture.rgb);
}

START_TEST(shares_scale)
{
    uint8_t found[2][3];
    struct figure_options options = opaque;
    struct colormap diverging;
    ck_assert_int_eq(colormap_make(COLORMAP_DIVERGING, &diverging), 0);
    colours_of(1, 4, false, NULL, &options, found);
    ck_assert_int_eq(found[0][0], 64);
    ck_assert_int_eq(found[1][0], 255);
    colours_of(1, 4, false, "other", &options, found);
    ck_assert_int_eq(found[0][0], 255);
    ck_assert_int_eq(found[1][0], 255);
    options.has_range = true;
    options.low = -4;
    options.high = 12;
    colours_of(4, 40, false, NULL, &options, found);
    ck_assert_int_eq(found[0][0], 128);
    ck_assert_int_eq(found[1][0], 255);
    options = opaque;
    options.scale_per_panel = true;
    colours_of(1, 4, false, NULL, &options, found);
    ck_assert_int_eq(found[0][0], 255);
    ck_assert_int_eq(found[1][0], 255);
    options = opaque;
    colours_of(-2, 4, true, NULL, &options, found);
    ck_assert_mem_eq(found[0], diverging.rgb[64], 3);
    ck_assert_mem_eq(found[1], diverging.rgb[255], 3);
}
END_TEST

START_TEST(gaps_and_zeros)
{
    struct picture picture = plain_picture(600, 400);
    const float holes[4] = { 0, NAN, 1, INFINITY }, zeros[4] = { 0 }, none[1] = { NAN };
    struct panel panel = { "holes\nmore", &picture, holes, 2, 2, { 0, 0, 600, 400 }, false,
        NULL, 0, NULL };
    struct error warning;
    uint64_t x, y;
    for (int how = UPSAMPLE_BILINEAR; how <= UPSAMPLE_BICUBIC; how++) {
        struct figure_options options = opaque;
        options.upsample = (enum upsample)how;
        place(&panel, 1, &options, 0, &x, &y);
        struct picture figure = drawn(&panel, 1, &options, &warning);
        ck_assert_str_eq(warning.text, "panel 1 (holes): 2 of 4 values are not finite");
        for (uint64_t j = 0; j < 400; j++) {
            const int left = pixel(&figure, x + 299, y + j)[0];
            const int right = pixel(&figure, x + 300, y + j)[0];
            ck_assert(right == 0x80 || right == 0xb0);
            ck_assert(j >= 100 || left == 0);
            ck_assert(j < 300 || left == 255);
        }
        free(figure.rgb);
    }
    panel.values = zeros;
    panel.title = NULL;
    place(&panel, 1, &opaque, 0, &x, &y);
    struct picture figure = drawn(&panel, 1, &opaque, &warning);
    ck_assert_str_eq(warning.text, "panel 1: all values are zero");
    ck_assert_int_eq(pixel(&figure, x + 300, y + 200)[0], 0);
    free(figure.rgb);
    panel.values = none;
    panel.rows = panel.columns = 1;
    figure = drawn(&panel, 1, &opaque, &warning);
    ck_assert_str_eq(warning.text, "panel 1: 1 of 1 values are not finite");
    free(figure.rgb);
    free(picture.rgb);
}
END_TEST

/* The frame lies on the edge of the marked cell, dark outside and white inside, and nowhere
 * else. */
START_TEST(marks_a_cell)
{
    struct picture picture = plain_picture(600, 400);
    const float values[6] = { 1, 1, 1, 1, 1, 1 };
    struct panel panel = { "t", &picture, values, 2, 3, { 0, 0, 600, 400 }, false, NULL, 5,
        NULL };
    struct error warning;
    uint64_t x, y;
    place(&panel, 1, &opaque, 0, &x, &y);
    struct picture marked = drawn(&panel, 1, &opaque, &warning);
    panel.marked = 0;
    struct picture plain = drawn(&panel, 1, &opaque, &warning);
    for (uint64_t j = 0; j < 400; j++)
        for (uint64_t i = 0; i < 600; i++) {
            /* from the edges of row 1, column 1 inwards */
            const int64_t in_x = i < 300 ? (int64_t)i - 200 : 399 - (int64_t)i;
            const int64_t in_y = j < 300 ? (int64_t)j - 200 : 399 - (int64_t)j;
            const int64_t in = in_x < in_y ? in_x : in_y;
            const uint8_t *was = pixel(&plain, x + i, y + j),
                          *is = pixel(&marked, x + i, y + j);
            if (in < 0 || in >= 4)
                ck_assert_mem_eq(is, was, 3);
            else
                ck_assert_int_eq(is[0], in < 2 ? 0x20 : 0xff);
        }
    free(marked.rgb);
    free(plain.rgb);
    free(picture.rgb);
}
END_TEST

/* A mask of half the picture's pixels a side: white on the inside of its edge, dark outside. */
START_TEST(outlines_mask)
{
    struct picture picture = plain_picture(600, 400);
    static uint8_t classes[200 * 300];
    const struct mask mask = { 300, 200, classes };
    struct panel panel = { .picture = &picture };
    struct error warning;
    uint64_t x, y;
    for (size_t i = 0; i < sizeof classes; i++) /* columns 100 to 199, rows 50 on */
        classes[i] =
            i / 300 < 50 || i % 300 < 100 || i % 300 >= 200 ? MASK_IGNORED : MASK_INSIDE;
    place(&panel, 1, &opaque, 0, &x, &y);
    struct picture plain = drawn(&panel, 1, &opaque, &warning);
    panel.mask = &mask;
    struct picture outlined = drawn(&panel, 1, &opaque, &warning);
    for (uint64_t j = 0; j < 400; j++)
        for (uint64_t i = 0; i < 600; i++) {
            const bool across = i >= 199 && i <= 400, down = j >= 99;
            const bool in = i >= 200 && i < 400 && j >= 100;
            const bool corner = j == 99 && (i == 199 || i == 400);
            const bool edge = i <= 200 || i >= 399 || j <= 100 || j == 399;
            const uint8_t *was = pixel(&plain, x + i, y + j);
            const uint8_t *is = pixel(&outlined, x + i, y + j);
            if (across && down && edge && !corner)
                ck_assert_int_eq(is[0], in ? 0xff : 0x20);
            else
                ck_assert_mem_eq(is, was, 3);
        }
    free(plain.rgb);
    free(outlined.rgb);
    free(picture.rgb);
}
END_TEST

START_TEST(refuses)
{
    struct picture picture = plain_picture(64, 48);
    const float values[4] = { 0, 1, 2, 3 };
    const struct panel good = { "t", &picture, values, 2, 2, { 0, 0, 64, 48 }, false, NULL, 0,
        NULL };
    struct panel panels[64];
    struct picture figure;
    struct error warning, error;
    for (size_t k = 0; k < 64; k++)
        panels[k] = good;
    static const struct {
        struct figure_options options;
        size_t count;
        const char *says;
    } cases[] = {
        { { .alpha = 1.5 }, 1, "alpha 1.5 is not from 0 to 1" },
        { { .alpha = NAN }, 1, "alpha" },
        { { .clip = 50 }, 1, "percentile 50" },
        { { .clip = -1 }, 1, "percentile -1" },
        { { .has_range = true, .low = 1, .high = 1 }, 1, "range 1,1" },
        { { .has_range = true, .low = 1, .high = INFINITY }, 1, "range" },
        { { .colormap = "plasma" }, 1, "no colour map plasma: there are viridis" },
        { { .panel_width = 20000 }, 1, "use a smaller --width" },
        { { .panel_width = UINT32_MAX }, 1, "use a smaller --width" },
        { { .panel_width = 2000 }, 64, "use a smaller --width" },
        { { .panel_width = 9000, .columns = UINT32_MAX }, 64, "use a smaller --width" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const int status = figure_draw(
            panels, cases[i].count, &cases[i].options, NULL, &figure, &warning, &error);
        ck_assert_int_eq(status, BAD_USAGE);
        ck_assert_msg(strstr(error.text, cases[i].says) != NULL, "%s", error.text);
        ck_assert_ptr_null(figure.rgb);
    }
    panels[1].box[2] = 0;
    ck_assert_int_eq(
        figure_draw(panels, 2, &opaque, NULL, &figure, &warning, &error), BAD_SAMPLE);
    ck_assert_str_eq(error.text, "panel 2: its box 0,0,0,48 is empty");
    panels[1] = good;
    panels[1].box[0] = NAN;
    ck_assert_int_eq(
        figure_draw(panels, 2, &opaque, NULL, &figure, &warning, &error), BAD_SAMPLE);
    panels[1] = good;
    panels[1].rows = 0;
    ck_assert_int_eq(
        figure_draw(panels, 2, &opaque, NULL, &figure, &warning, &error), BAD_SAMPLE);
    free(picture.rgb);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("figure");
    TCase *cases = tcase_create("figure");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, hot_cell_lands, 0, (int)(sizeof geometry / sizeof geometry[0]));
    tcase_add_test(cases, outlines_box);
    tcase_add_test(cases, blends_constantly);
    tcase_add_test(cases, shares_scale);
    tcase_add_test(cases, gaps_and_zeros);
    tcase_add_test(cases, marks_a_cell);
    tcase_add_test(cases, outlines_mask);
    tcase_add_test(cases, refuses);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
