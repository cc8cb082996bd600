/* Colour maps against matplotlib, upsampling against torch (tests/oracle/figure.py), the font.
 */
#include "common/colormap.h"
#include "common/font.h"
#include "common/upsample.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "tests/data/figure/"

START_TEST(equals_matplotlib)
{
    char name[20];
    size_t maps = 0;
    FILE *table = fopen(DATA "colormaps.tsv", "r");
    ck_assert_ptr_nonnull(table);
    for (; fscanf(table, "%19s", name) == 1; maps++) {
        struct colormap map;
        const int tolerance = strcmp(name, "jet") == 0; /* computed: two entries are ties */
        ck_assert_int_eq(colormap_make(name, &map), 0);
        for (int i = 0; i < 256; i++) {
            unsigned expected;
            ck_assert_int_eq(fscanf(table, "%x", &expected), 1);
            for (int k = 0; k < 3; k++) {
                const int off = map.rgb[i][k] - (int)(expected >> (16 - 8 * k) & 255);
                ck_assert_msg(abs(off) <= tolerance, "%s %d: %d off", name, i, off);
            }
        }
    }
    fclose(table);
    ck_assert_uint_eq(maps, 7);
}
END_TEST

START_TEST(colormap_ends)
{
    struct colormap map;
    static const struct {
        float value;
        int entry;
    } cases[] = { { 0, 0 }, { -1, 0 }, { -INFINITY, 0 }, { NAN, 0 }, { 0.5F, 128 },
        { 0.999F, 255 }, { 1, 255 }, { 2, 255 }, { INFINITY, 255 }, { 0.00390625F, 1 } };
    ck_assert_int_eq(colormap_make("grey", &map), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_int_eq(colormap_at(&map, cases[i].value)[0], cases[i].entry);
    ck_assert_int_eq(colormap_make("", &map), -1);
    ck_assert_int_eq(colormap_make("plasma", &map), -1);
    ck_assert_int_eq(colormap_make(COLORMAP_DEFAULT, &map), 0);
    ck_assert_int_eq(colormap_make(COLORMAP_DIVERGING, &map), 0);
}
END_TEST

static void read_floats(FILE *table, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(fscanf(table, "%f", &values[i]), 1);
}

START_TEST(equals_torch)
{
    char mode[20];
    uint32_t rows, columns, height, width;
    size_t cases = 0;
    FILE *table = fopen(DATA "upsample.tsv", "r");
    ck_assert_ptr_nonnull(table);
    for (; fscanf(table, "%19s %u %u %u %u", mode, &rows, &columns, &height, &width) == 5;
         cases++) {
        float grid[64], expected[512], line[8], out[32];
        struct upsample_tap across[32], down[32];
        enum upsample how;
        ck_assert_uint_le(rows * columns, 64);
        ck_assert_uint_le(height * width, 512);
        read_floats(table, grid, (size_t)rows * columns);
        read_floats(table, expected, (size_t)height * width);
        ck_assert_int_eq(upsample_from_name(mode, &how), 0);
        const double x = (double)columns / width, y = (double)rows / height;
        upsample_taps(how, columns, x / 2, x, width, across);
        upsample_taps(how, rows, y / 2, y, height, down);
        for (uint32_t j = 0; j < height; j++) {
            upsample_down(grid, columns, &down[j], line);
            upsample_across(line, across, width, out);
            for (uint32_t i = 0; i < width; i++)
                ck_assert_float_eq_tol(out[i], expected[j * width + i], 2e-6F);
        }
    }
    fclose(table);
    ck_assert_uint_eq(cases, 21);
}
END_TEST

/* Outside the grid its edge goes on. */
START_TEST(clamps_at_edges)
{
    const float line[3] = { 1, 2, 4 };
    for (int how = UPSAMPLE_BILINEAR; how <= UPSAMPLE_BICUBIC; how++) {
        struct upsample_tap taps[2];
        float out[2];
        upsample_taps((enum upsample)how, 3, -1e6, 2e6, 2, taps);
        upsample_across(line, taps, 2, out);
        ck_assert_float_eq(out[0], 1);
        ck_assert_float_eq(out[1], 4);
    }
    enum upsample how;
    ck_assert_int_eq(upsample_from_name("lanczos", &how), -1);
}
END_TEST

enum { PAGE = 96 };

/* A text alone on a page; the page is the caller's. */
static void draw(uint8_t page[PAGE][PAGE * 3], const char *text, size_t length, int cap)
{
    struct picture canvas = { PAGE, PAGE, &page[0][0] };
    memset(page, 255, PAGE * PAGE * 3);
    font_draw(&canvas, 20, 60, text, length, cap, 0);
}

/* The ink's total and its bounds. */
static uint64_t ink(uint8_t page[PAGE][PAGE * 3], int bounds[4])
{
    uint64_t sum = 0;
    const int none[4] = { PAGE, PAGE, -1, -1 };
    memcpy(bounds, none, sizeof none);
    for (int y = 0; y < PAGE; y++)
        for (int x = 0; x < PAGE; x++) {
            const unsigned dark = 255U - page[y][3 * x];
            sum += dark;
            if (dark < 64)
                continue;
            bounds[0] = x < bounds[0] ? x : bounds[0];
            bounds[1] = y < bounds[1] ? y : bounds[1];
            bounds[2] = x > bounds[2] ? x : bounds[2];
            bounds[3] = y > bounds[3] ? y : bounds[3];
        }
    return sum;
}

/* Visible, within its advance, between accents' and descenders' heights, unlike all others. */
START_TEST(glyphs)
{
    static uint8_t pages['~' + 1][PAGE][PAGE * 3];
    for (int cap = 9; cap <= 24; cap += 5)
        for (char c = ' '; c <= '~'; c++) {
            int bounds[4];
            draw(pages[(int)c], &c, 1, cap);
            const uint64_t sum = ink(pages[(int)c], bounds);
            ck_assert_msg((sum > 400) == (c != ' '), "'%c' at %d", c, cap);
            if (c == ' ')
                continue;
            ck_assert_msg(bounds[0] >= 20 && bounds[2] <= 20 + font_width(&c, 1, cap)
                              && bounds[1] >= 60 - cap * 1.4 && bounds[3] <= 60 + cap * 0.4,
                "'%c' at %d: %d %d %d %d", c, cap, bounds[0], bounds[1], bounds[2], bounds[3]);
            for (char other = ' '; other < c; other++)
                ck_assert_msg(memcmp(pages[(int)other], pages[(int)c], sizeof pages[0]) != 0,
                    "'%c' looks like '%c'", c, other);
        }
}
END_TEST

static size_t encode(uint32_t code, char text[4])
{
    if (code < 0x800) {
        text[0] = (char)(0xc0 | code >> 6);
        text[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    text[0] = (char)(0xe0 | code >> 12);
    text[1] = (char)(0x80 | (code >> 6 & 0x3f));
    text[2] = (char)(0x80 | (code & 0x3f));
    return 3;
}

/* Latin-1's letters and the signs that figures use have glyphs; what has none is a box. */
START_TEST(beyond_ascii)
{
    static uint8_t page[PAGE][PAGE * 3], box[PAGE][PAGE * 3];
    static const uint32_t signs[] = { 0xb0, 0xb1, 0xb5, 0xb7, 0x11f, 0x141, 0x153, 0x159, 0x17e,
        0x2013, 0x2014, 0x2018, 0x2019, 0x201c, 0x201d, 0x2026, 0x2192, 0x2212, 0x2264 };
    const size_t count = sizeof signs / sizeof signs[0];
    char text[4];
    draw(box, text, encode(0x6f22, text), 20);
    for (uint32_t i = 0xc0; i < 0x100 + count; i++) {
        int bounds[4];
        draw(page, text, encode(i < 0x100 ? i : signs[i - 0x100], text), 20);
        ck_assert_uint_gt(ink(page, bounds), 400);
        ck_assert_int_ne(memcmp(page, box, sizeof page), 0);
        ck_assert(bounds[1] >= 60 - 28 && bounds[3] <= 60 + 8);
    }
    for (uint32_t code = 0x80; code < 0x3000; code++) {
        const struct accented *accented = font_accented(code);
        ck_assert(!accented
                  || (font_glyph((uint32_t)accented->base) && font_mark(accented->mark)
                      && !font_glyph(code)));
    }
    draw(page, "\xc3", 1, 20);
    ck_assert_mem_eq(page, box, sizeof page);
}
END_TEST

/* Whatever the bytes: something is drawn, and the width is that of the parts. */
START_TEST(any_bytes)
{
    static uint8_t page[PAGE][PAGE * 3];
    struct font_line lines[3];
    for (unsigned a = 1; a < 256; a++)
        for (unsigned b = 1; b < 256; b += 3) {
            const char text[] = { (char)a, (char)b, (char)(a ^ b ^ 0x80), (char)b, 0 };
            draw(page, text, 4, (int)(b % 80));
            const size_t count = font_wrap(text, 12, 30, lines, 3);
            for (size_t i = 0; i < count; i++)
                ck_assert_uint_le(lines[i].length, 4);
        }
}
END_TEST

START_TEST(width_grows)
{
    const char *text = "vit_tiny \xc2\xb7 tabby 83%";
    const size_t length = strlen(text);
    int last = 0;
    for (size_t i = 1; i <= length; i++) {
        if ((text[i] & 0xc0) == 0x80)
            continue;
        ck_assert_int_ge(font_width(text, i, 12), last);
        last = font_width(text, i, 12);
    }
    ck_assert_int_eq(font_width("", 0, 12), 0);
    for (int cap = FONT_MIN_CAP; cap < FONT_MAX_CAP; cap++) {
        ck_assert_int_lt(font_width(text, length, cap), font_width(text, length, cap + 1));
        ck_assert_int_gt(font_line_height(cap), cap * 17 / 10);
    }
    ck_assert_int_eq(font_width(text, length, 1), font_width(text, length, FONT_MIN_CAP));
    ck_assert_int_eq(font_width(text, length, 999), font_width(text, length, FONT_MAX_CAP));
}
END_TEST

START_TEST(wrapping)
{
    static const struct {
        const char *text;
        int width;
        size_t count;
        const char *lines[3]; /* an ellipsis: cut */
    } cases[] = {
        { "", 100, 0, { 0 } },
        { "one", 100, 1, { "one" } },
        { "one two", 1000, 1, { "one two" } },
        { "one two", 40, 2, { "one", "two" } },
        { "one   two", 40, 2, { "one", "two" } },
        { "one\ntwo", 1000, 2, { "one", "two" } },
        { "one\n\ntwo", 1000, 3, { "one", "", "two" } },
        { "one\n", 1000, 1, { "one" } },
        { "a b c d e f", 18, 3, { "a", "b", "c\u2026" } },
        { "1\n2\n3\n4", 1000, 3, { "1", "2", "3\u2026" } },
        { "patch16_224", 64, 2, { "patch16_", "224" } },
        { "wwwwwwww", 50, 3, { "wwww", "wwww" } },
        { "\u00e9\u00e9\u00e9\u00e9", 1, 3, { "\u00e9", "\u00e9", "\u2026" } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct font_line lines[3];
        const size_t count = font_wrap(cases[i].text, 11, cases[i].width, lines, 3);
        for (size_t k = 0; k < count; k++) {
            char line[40];
            snprintf(line, sizeof line, "%.*s%s", (int)lines[k].length, lines[k].text,
                lines[k].cut ? "\u2026" : "");
            ck_assert_ptr_nonnull(cases[i].lines[k]);
            ck_assert_str_eq(line, cases[i].lines[k]);
            if (cases[i].width > 1)
                ck_assert_int_le(font_line_width(&lines[k], 11), cases[i].width);
        }
        ck_assert_msg(count == 3 || !cases[i].lines[count], "%s: %zu", cases[i].text, count);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drawing");
    TCase *tables = tcase_create("tables"), *font = tcase_create("font");
    tcase_add_test(tables, equals_matplotlib);
    tcase_add_test(tables, colormap_ends);
    tcase_add_test(tables, equals_torch);
    tcase_add_test(tables, clamps_at_edges);
    tcase_add_test(font, glyphs);
    tcase_add_test(font, beyond_ascii);
    tcase_add_test(font, any_bytes);
    tcase_add_test(font, width_grows);
    tcase_add_test(font, wrapping);
    tcase_set_timeout(font, 60);
    suite_add_tcase(suite, tables);
    suite_add_tcase(suite, font);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
