/* Scales, their numbers, and the layout of figures. */
#include "common/figure_plan.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct picture plain_picture(uint32_t width, uint32_t height)
{
    struct picture picture = { width, height, malloc((size_t)width * height * 3) };
    ck_assert_ptr_nonnull(picture.rgb);
    memset(picture.rgb, 0x64, (size_t)width * height * 3);
    return picture;
}

START_TEST(scales)
{
    static const struct {
        float values[4];
        bool is_signed;
        double clip, low, high;
    } cases[] = {
        { { 0, 1, 2, 10 }, false, 0, 0, 10 },
        { { 0, 1, 2, 10 }, false, 25, 0.75, 4 },
        { { -1, 1, 2, 3 }, true, 0, -3, 3 },
        { { -1, 1, -2, 10 }, true, 25, -4, 4 },
        { { 0, 0, 0, 0 }, false, 0, 0, 1 },
        { { 0, 0, 0, 0 }, true, 0, -1, 1 },
        { { 5, 5, 5, 5 }, false, 0, 0, 5 },
        { { -5, -5, -5, -5 }, false, 0, -5, 0 },
        { { 0, 0, 0, 7 }, false, 10, 0, 2.1 + 2.8 },
        { { 0, 0, 0, 7 }, false, 40, 0, 7 }, /* nothing left between the percentiles */
        { { NAN, 1, INFINITY, 3 }, false, 0, 1, 3 },
        { { NAN, NAN, INFINITY, -INFINITY }, false, 5, 0, 1 },
        { { 0, 3e38F, -3e38F, 0 }, false, 0, -3e38F, 3e38F },
        { { 0, 1e-45F, 0, 0 }, false, 0, 0, 1e-45F },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct panel panel = {
            .values = cases[i].values, .rows = 2, .columns = 2, .is_signed = cases[i].is_signed
        };
        const struct figure_options options = { .clip = cases[i].clip };
        struct scale scale;
        struct error error;
        ck_assert_int_eq(scale_make(&panel, 1, &panel, &options, &scale, &error), 0);
        ck_assert_double_eq_tol(scale.low, cases[i].low, 1e-6 * fabs(cases[i].low) + 1e-50);
        ck_assert_double_eq_tol(scale.high, cases[i].high, 1e-6 * fabs(cases[i].high) + 1e-50);
        const struct panel other = { .values = cases[i].values, .quantity = "other" };
        ck_assert_int_eq(scale_make(&panel, 1, &other, &options, &scale, &error), 0);
        ck_assert_uint_eq(scale.maps, 0);
    }
}
END_TEST

START_TEST(numbers)
{
    static const struct {
        double low, high;
        const char *ticks, *ends;
    } cases[] = {
        { 0, 1, "0 0.2 0.4 0.6 0.8 1.0", "0 1" },
        { 0.0008, 0.0308, "0.005 0.010 0.015 0.020 0.025 0.030", "0.0008 0.0308" },
        { -0.07, 0.07, "\u22120.06 \u22120.04 \u22120.02 0 0.02 0.04 0.06", "\u22120.07 0.07" },
        { -5, 0, "\u22125 \u22124 \u22123 \u22122 \u22121 0", "\u22125 0" },
        { 0, 2.5e-5, "0 5e\u22126 1.0e\u22125 1.5e\u22125 2.0e\u22125 2.5e\u22125",
            "0 2.5e\u22125" },
        { 0, 3e38, "0 5e37 1.0e38 1.5e38 2.0e38 2.5e38 3.0e38", "0 3e38" },
        { 1000, 1002, "1000.0 1000.5 1001.0 1001.5 1002.0", "1000 1002" },
        { 0.500001, 0.500002, "0.5000010 0.5000012 0.5000014 0.5000016 0.5000018 0.5000020",
            "0.500001 0.500002" },
        { 12, 123456, "2e4 4e4 6e4 8e4 1.0e5 1.2e5", "12 1.23e5" },
        { 0, 12345, "0 2000 4000 6000 8000 10000 12000", "0 12345" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct scale scale = { .low = cases[i].low, .high = cases[i].high };
        struct tick ticks[SCALE_MAX_TICKS];
        char text[1024] = "", low[SCALE_TEXT], high[SCALE_TEXT];
        const size_t count = scale_ticks(&scale, 7, ticks);
        ck_assert(count >= 2 && count <= 7);
        for (size_t k = 0; k < count; k++) {
            strcat(text, k ? " " : "");
            strcat(text, ticks[k].text);
        }
        ck_assert_str_eq(text, cases[i].ticks);
        scale_number(&scale, scale.low, low);
        scale_number(&scale, scale.high, high);
        snprintf(text, sizeof text, "%s %s", low, high);
        ck_assert_str_eq(text, cases[i].ends);
    }
}
END_TEST

/* Few ticks: round ones, or the ends; never beyond the scale, never more than asked. */
START_TEST(few_ticks)
{
    for (double low = -3; low < 3; low += 0.37)
        for (double span = 1e-4; span < 1e4; span *= 1.7)
            for (size_t most = 2; most <= 8; most++) {
                const struct scale scale = { .low = low, .high = low + span };
                struct tick ticks[SCALE_MAX_TICKS];
                const size_t count = scale_ticks(&scale, most, ticks);
                ck_assert(count >= 2 && count <= most);
                for (size_t k = 0; k < count; k++) {
                    ck_assert_double_ge(ticks[k].value, scale.low - span * 1e-5);
                    ck_assert_double_le(ticks[k].value, scale.high + span * 1e-5);
                    ck_assert(k == 0 || strcmp(ticks[k].text, ticks[k - 1].text) != 0);
                }
            }
}
END_TEST

START_TEST(sizes)
{
    static const struct {
        uint32_t width, height;
        bool alone;
        uint32_t asked;
        double drawn_width, drawn_height;
    } cases[] = {
        { 1024, 683, true, 0, 1024, 683 },
        { 4032, 3024, true, 0, 1024, 768 },
        { 4032, 3024, false, 0, 320, 240 },
        { 300, 451, true, 0, 300, 451 },
        { 300, 451, false, 0, 300, 451 },
        { 224, 224, true, 0, 448, 448 },
        { 224, 224, false, 0, 224, 224 },
        { 32, 32, false, 0, 320, 320 },
        { 28, 28, true, 0, 504, 504 },
        { 1, 500, false, 0, 1, 500 },
        { 1, 5000, false, 0, 1, 640 },
        { 5000, 1, false, 0, 320, 1 },
        { 1024, 683, false, 512, 512, 342 },
        { 32, 32, true, 100, 100, 100 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct picture picture = { cases[i].width, cases[i].height, NULL };
        const struct panel panel = { .picture = &picture };
        double width, height;
        panel_size(&panel, cases[i].alone, cases[i].asked, &width, &height);
        ck_assert_double_eq(width, cases[i].drawn_width);
        ck_assert_double_eq(height, cases[i].drawn_height);
    }
    const struct panel map = { .values = (const float[6]){ 0 }, .rows = 2, .columns = 3 };
    double width, height;
    panel_size(&map, false, 0, &width, &height);
    ck_assert_double_eq(width, 318);
    ck_assert_double_eq(height, 212);
}
END_TEST

/* Nothing overlaps, nothing is cut off, titles keep to their columns. */
static void check_plan(const struct plan *plan)
{
    const uint64_t line = (uint64_t)font_line_height(plan->cap);
    uint64_t right = 0;
    for (size_t k = 0; k < plan->count; k++) {
        const struct cell *cell = &plan->cells[k];
        const size_t column = k % plan->columns, row = k / plan->columns;
        const uint64_t x = plan->column_x[column], y = plan->row_y[row];
        right = column == 0 ? 0 : right;
        ck_assert_uint_ge(x, right + (column == 0 ? plan->margin : plan->gap));
        right = x + plan->column_width[column];
        ck_assert_uint_le(cell->width, plan->column_width[column]);
        ck_assert_uint_le(right, plan->grid_right);
        ck_assert_uint_le(y + cell->height, plan->grid_bottom);
        ck_assert_uint_ge(y, plan->margin + cell->lines * line);
        for (size_t i = 0; i < cell->lines; i++)
            ck_assert_int_le(
                font_line_width(&cell->line[i], plan->cap), (int)plan->column_width[column]);
        if (row + 1 < plan->rows && k + plan->columns < plan->count)
            ck_assert_uint_ge(plan->row_y[row + 1],
                y + cell->height + plan->cells[k + plan->columns].lines * line + plan->gap);
    }
    uint64_t taken = plan->grid_right;
    for (size_t i = 0; i < plan->kinds; i++) {
        const struct kind *kind = &plan->kind[i];
        ck_assert_uint_ge(kind->x, taken + plan->gap);
        taken = kind->x + kind->width;
        ck_assert_uint_le(taken + plan->margin, plan->width);
        for (size_t k = 0; k < kind->lines; k++)
            ck_assert_int_le(
                font_line_width(&kind->line[k], plan->caption_cap), (int)kind->width);
        ck_assert_uint_ge(plan->row_y[0],
            plan->margin + kind->lines * (uint64_t)font_line_height(plan->caption_cap));
    }
    for (size_t i = 0; i < plan->lines; i++)
        ck_assert_uint_le(
            plan->margin + (uint64_t)font_line_width(&plan->line[i], plan->caption_cap),
            plan->width - plan->margin);
    ck_assert_uint_ge(plan->caption_y, plan->grid_bottom);
    ck_assert_uint_le(plan->grid_bottom + plan->margin, plan->height);
}

START_TEST(lays_out)
{
    static const char *const titles[] = { NULL, "short", "two\nlines",
        "vit_base_patch16_224.augreg_in21k_ft_in1k and on and on, a title longer than what "
        "four "
        "lines of a panel can hold \u00b7 really, and with a word that is far too long for "
        "one: donaudampfschifffahrtsgesellschaftskapitaensmuetze",
        "\u6f22\u5b57 \u00e9t\u00e9 \xff\xfe" };
    struct picture pictures[4] = { plain_picture(320, 200), plain_picture(32, 32),
        plain_picture(100, 300), plain_picture(90, 9) };
    const float values[4] = { 0.1F, 0.2F, NAN, 0.5F };
    struct panel panels[64];
    for (size_t k = 0; k < 64; k++) {
        const struct picture *picture = k % 7 == 6 ? NULL : &pictures[k % 4];
        panels[k] = (struct panel){ titles[k % 5], picture, k % 11 == 5 ? NULL : values, 2, 2,
            { 0, 0, 40, 9 }, k % 3 == 2, k % 4 == 1 ? titles[3] : NULL, 0, NULL };
    }
    for (size_t count = 1; count <= 64; count++)
        for (uint32_t variant = 0; variant < 4; variant++) {
            struct figure_options options = { .alpha = 0.5,
                .scale_per_panel = variant & 1,
                .columns = variant & 2 ? 5 : 0,
                .panel_width = count > 20 ? 24 : 0 };
            struct plan plan;
            struct error error, warning;
            const char *caption = count % 2 ? NULL : titles[3];
            ck_assert_int_eq(
                figure_plan_make(&plan, panels, count, &options, caption, &error), 0);
            check_plan(&plan);
            if (count % 20 == 1) {
                struct picture one, two;
                ck_assert_int_eq(
                    figure_draw(panels, count, &options, caption, &one, &warning, &error), 0);
                ck_assert_int_eq(
                    figure_draw(panels, count, &options, caption, &two, &warning, &error), 0);
                ck_assert_uint_eq(one.width, plan.width);
                ck_assert_uint_eq(one.height, plan.height);
                ck_assert_mem_eq(one.rgb, two.rgb, (size_t)one.width * one.height * 3);
                free(one.rgb);
                free(two.rgb);
            }
            figure_plan_free(&plan);
        }
    for (int i = 0; i < 4; i++)
        free(pictures[i].rgb);
}
END_TEST

START_TEST(grid_shape)
{
    static const size_t columns[] = { 0, 1, 2, 3, 2, 3, 3, 4, 4, 3, 5, 4, 4, 5, 5, 5, 4 };
    const float value = 1;
    struct panel panels[16];
    for (size_t count = 1; count <= 16; count++) {
        struct figure_options options = { .alpha = 1 };
        struct plan plan;
        struct error error;
        panels[count - 1] = (struct panel){ .values = &value, .rows = 1, .columns = 1 };
        ck_assert_int_eq(figure_plan_make(&plan, panels, count, &options, NULL, &error), 0);
        ck_assert_uint_eq(plan.columns, columns[count]);
        figure_plan_free(&plan);
    }
}
END_TEST

/* Which panels share a scale, and what the line under the figure says of it. */
START_TEST(says_what_it_shows)
{
    struct picture picture = plain_picture(600, 20);
    const float values[4] = { 0, 1, 2, 8 }, other[4] = { -1, NAN, 0, 1 };
    struct panel panels[9];
    for (size_t k = 0; k < 9; k++)
        panels[k] = (struct panel){ "t", &picture, values, 2, 2, { 0, 0, 600, 20 }, false, NULL,
            0, NULL };
    panels[2].values = other;
    panels[2].is_signed = true;
    panels[3].quantity = "vit\nchefer";
    static const char *const names[] = { "a", "b", "c", "d" };
    for (size_t k = 5; k < 9; k++)
        panels[k].quantity = names[k - 5];
    static const struct {
        size_t first, count, kinds;
        struct figure_options options;
        const char *text;
    } cases[] = {
        { 0, 1, 1, { .alpha = 1 }, "me\nValues from 0 to 8." },
        { 0, 2, 1, { .alpha = 1 }, "me\nOne scale for all panels, values from 0 to 8." },
        { 0, 2, 0, { .scale_per_panel = true }, "me\nEach panel has its own scale." },
        { 0, 2, 1, { .clip = 25 },
            "me\nOne scale for all panels, values from 0 to 8 (colours end at 0.75 and 3.5). "
            "The outermost 25% of values share the end colours." },
        { 0, 1, 1, { .has_range = true, .low = -1, .high = 4 },
            "me\nValues from 0 to 8 (colours end at \u22121 and 4)." },
        { 0, 3, 2, { .alpha = 1 },
            "me\nOne scale for each quantity: unsigned maps from 0 to 8; signed maps from "
            "\u22121 to 1. Hatched: no finite value." },
        { 3, 2, 2, { .alpha = 1 },
            "me\nOne scale for each quantity: vit chefer from 0 to 8; unsigned maps from 0 to "
            "8." },
        { 3, 6, 6, { .alpha = 1 },
            "me\nOne scale for each quantity: vit chefer from 0 to 8; unsigned maps from 0 to "
            "8; "
            "a from 0 to 8; b from 0 to 8; c from 0 to 8; d from 0 to 8." },
        { 2, 7, 0, { .alpha = 1 },
            "me\nEach panel has its own scale. Hatched: no finite value." },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct plan plan;
        struct error error;
        const int status = figure_plan_make(
            &plan, panels + cases[i].first, cases[i].count, &cases[i].options, "me", &error);
        ck_assert_int_eq(status, 0);
        ck_assert_str_eq(plan.text, cases[i].text);
        ck_assert_uint_eq(plan.kinds, cases[i].kinds);
        figure_plan_free(&plan);
    }
    free(picture.rgb);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layout");
    TCase *cases = tcase_create("layout");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, scales);
    tcase_add_test(cases, numbers);
    tcase_add_test(cases, few_ticks);
    tcase_add_test(cases, sizes);
    tcase_add_test(cases, lays_out);
    tcase_add_test(cases, grid_shape);
    tcase_add_test(cases, says_what_it_shows);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
