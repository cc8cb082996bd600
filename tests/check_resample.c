/* Pillow's results, made by tests/oracle/resample.py; windows against the whole; limits. */
#include "common/resample.h"
#include "tests/resample_data.h"

#include <sys/resource.h>
#include <zlib.h>

static uint8_t *resized(const struct picture *source, uint32_t width, uint32_t height,
    enum resample_filter filter, struct resample_window window)
{
    struct error error = { "" };
    uint8_t *rgb = malloc((size_t)window.width * window.height * 3);
    ck_assert_ptr_nonnull(rgb);
    ck_assert_msg(
        resample(source, width, height, filter, window, rgb, &error) == 0, "%s", error.text);
    return rgb;
}

static struct resample_window whole(uint32_t width, uint32_t height)
{
    return (struct resample_window){ 0, 0, width, height };
}

START_TEST(names)
{
    enum resample_filter filter;
    for (unsigned i = FILTER_BILINEAR; i <= FILTER_NEAREST; i++) {
        const char *name = resample_filter_name((enum resample_filter)i);
        ck_assert_int_eq(resample_filter_from_name(name, &filter), 0);
        ck_assert_uint_eq(filter, i);
    }
    ck_assert_str_eq(resample_filter_name(FILTER_LANCZOS), "lanczos");
    ck_assert_ptr_null(resample_filter_name((enum resample_filter)4));
    ck_assert_int_eq(resample_filter_from_name("box", &filter), -1);
    ck_assert_int_eq(resample_filter_from_name("", &filter), -1);
}
END_TEST

/* Every line of resize.tsv. Consecutive lines mostly share their picture. */
START_TEST(equals_pillow)
{
    char line[200], name[60], filter_name[20], open_name[60] = "";
    uint32_t width, height, expected;
    struct picture source = { 0, 0, NULL };
    FILE *table = fopen(DATA "resize.tsv", "r");
    unsigned lines = 0;
    ck_assert_ptr_nonnull(table);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, table));
    for (; fgets(line, sizeof line, table); lines++) {
        enum resample_filter filter;
        ck_assert_int_eq(
            sscanf(line, "%59s %19s %u %u %x", name, filter_name, &width, &height, &expected),
            5);
        ck_assert_int_eq(resample_filter_from_name(filter_name, &filter), 0);
        if (strcmp(name, open_name) != 0) {
            free(source.rgb);
            source = read_ppm(name);
            strcpy(open_name, name);
        }
        uint8_t *rgb = resized(&source, width, height, filter, whole(width, height));
        ck_assert_msg(crc32(0, rgb, width * height * 3) == expected, "%s", line);
        free(rgb);
    }
    ck_assert_uint_gt(lines, 700);
    free(source.rgb);
    fclose(table);
}
END_TEST

static const struct {
    const char *source, *result;
    enum resample_filter filter;
} FULL[] = {
    { "noise37x23", "noise37x23-bicubic-20x10", FILTER_BICUBIC },
    { "noise37x23", "noise37x23-lanczos-50x31", FILTER_LANCZOS },
    { "noise3x5", "noise3x5-bilinear-7x11", FILTER_BILINEAR },
    { "gradient30x140", "gradient30x140-bicubic-28x50", FILTER_BICUBIC },
    { "gradient64x64", "gradient64x64-nearest-23x19", FILTER_NEAREST },
};

START_TEST(equals_pillow_in_full)
{
    struct picture source = read_ppm(FULL[_i].source);
    struct picture expected = read_ppm(FULL[_i].result);
    const uint32_t width = expected.width, height = expected.height;
    uint8_t *rgb = resized(&source, width, height, FULL[_i].filter, whole(width, height));
    for (size_t i = 0; i < (size_t)width * height * 3; i++)
        ck_assert_msg(rgb[i] == expected.rgb[i], "%s: byte %zu is %d, not %d", FULL[_i].result,
            i, rgb[i], expected.rgb[i]);
    free(rgb);
    free(source.rgb);
    free(expected.rgb);
}
END_TEST

/* Sizes around the number of lanes, both orders of passes, passes left out. */
static const struct {
    const char *source;
    uint32_t width, height;
} WINDOWED[] = {
    { "noise37x23", 20, 11 },
    { "noise37x23", 90, 70 },
    { "noise37x23", 37, 9 },
    { "noise37x23", 50, 23 },
    { "noise37x23", 37, 23 },
    { "gradient30x140", 28, 50 },
    { "gradient30x140", 64, 17 },
    { "noise1x500", 5, 100 },
    { "noise500x1", 100, 5 },
};

START_TEST(window_is_part_of_whole)
{
    static const uint32_t lengths[] = { 1, 2, 5, 6, 15, 16, 17, 33 };
    const uint32_t width = WINDOWED[_i].width, height = WINDOWED[_i].height;
    struct picture source = read_ppm(WINDOWED[_i].source);
    for (unsigned f = FILTER_BILINEAR; f <= FILTER_NEAREST; f++) {
        const enum resample_filter filter = (enum resample_filter)f;
        uint8_t *all = resized(&source, width, height, filter, whole(width, height));
        for (uint32_t i = 0; i < 64; i++) {
            struct resample_window window = { i * 7 % width, i * 5 % height, lengths[i % 8],
                lengths[i / 8] };
            if (window.width > width - window.left)
                window.width = width - window.left;
            if (window.height > height - window.top)
                window.height = height - window.top;
            uint8_t *part = resized(&source, width, height, filter, window);
            for (uint32_t y = 0; y < window.height; y++)
                ck_assert_mem_eq(part + y * window.width * 3,
                    all + ((window.top + y) * width + window.left) * 3, window.width * 3);
            free(part);
        }
        free(all);
    }
    free(source.rgb);
}
END_TEST

/* Flat stays flat, and overshooting is cut off at both ends. */
START_TEST(flat_stays_flat)
{
    struct picture source = { 29, 31, malloc(29 * 31 * 3) };
    static const uint8_t values[] = { 0, 1, 127, 128, 254, 255 };
    for (unsigned f = FILTER_BILINEAR; f <= FILTER_NEAREST; f++) {
        memset(source.rgb, values[_i], 29 * 31 * 3);
        uint8_t *rgb = resized(&source, 100, 7, (enum resample_filter)f, whole(100, 7));
        for (int i = 0; i < 100 * 7 * 3; i++)
            ck_assert_uint_eq(rgb[i], values[_i]);
        free(rgb);
    }
    free(source.rgb);
}
END_TEST

/* The whole of the resized would be 4.5 GB of bytes; its crop must do with 40 MB. */
START_TEST(long_picture_takes_little_memory)
{
    struct picture source = make_long_row();
    struct picture row = read_ppm("long-row");
    const struct resample_window window = { (30000 * 224 - 224) / 2, 0, 224, 224 };
    const struct rlimit limit = { UINT64_C(40) << 20, UINT64_C(40) << 20 };
    ck_assert_int_eq(setrlimit(RLIMIT_DATA, &limit), 0);
    uint8_t *rgb = resized(&source, 30000 * 224, 224, FILTER_BICUBIC, window);
    for (size_t y = 0; y < 224; y++)
        ck_assert_mem_eq(rgb + y * 224 * 3, row.rgb, 224 * 3);
    free(rgb);
    free(row.rgb);
    free(source.rgb);
}
END_TEST

START_TEST(no_memory)
{
    static uint8_t pixel[3];
    struct error error = { "" };
    const struct picture source = { 1, 1, pixel };
    const struct rlimit limit = { UINT64_C(4) << 20, UINT64_C(4) << 20 };
    const struct resample_window window = whole(3000000, 1);
    uint8_t *rgb = malloc(3000000 * 3);
    ck_assert_ptr_nonnull(rgb);
    ck_assert_int_eq(setrlimit(RLIMIT_DATA, &limit), 0);
    for (unsigned f = FILTER_BILINEAR; f <= FILTER_NEAREST; f++) {
        ck_assert_int_eq(
            resample(&source, 3000000, 1, (enum resample_filter)f, window, rgb, &error),
            BAD_SYSTEM);
        ck_assert_ptr_nonnull(strstr(error.text, "out of memory"));
    }
    free(rgb);
}
END_TEST

static const struct {
    uint32_t width, height, full_width, full_height;
    struct resample_window window;
    int result;
    const char *text;
} REFUSED[] = {
    { 0, 1, 4, 4, { 0, 0, 1, 1 }, BAD_SAMPLE, "can't resize 0x1 to 4x4: a side is 0" },
    { 1, 0, 4, 4, { 0, 0, 1, 1 }, BAD_SAMPLE, "can't resize 1x0 to 4x4: a side is 0" },
    { 1, 1, 0, 4, { 0, 0, 1, 1 }, BAD_SAMPLE, "can't resize 1x1 to 0x4: a side is 0" },
    { 1, 1, 4, 0, { 0, 0, 1, 1 }, BAD_SAMPLE, "can't resize 1x1 to 4x0: a side is 0" },
    { 1048577, 1, 4, 4, { 0, 0, 1, 1 }, BAD_SAMPLE,
        "can't resize 1048577x1: a side is over the limit of 1048576" },
    { 1, 1048577, 4, 4, { 0, 0, 1, 1 }, BAD_SAMPLE,
        "can't resize 1x1048577: a side is over the limit of 1048576" },
    { 1, 1, 536870911, 4, { 0, 0, 1, 1 }, BAD_SAMPLE,
        "can't resize 1x1 to 536870911x4: a side is over 536870910" },
    { 1, 1, 4, UINT32_MAX, { 0, 0, 1, 1 }, BAD_SAMPLE,
        "can't resize 1x1 to 4x4294967295: a side is over 536870910" },
    { 1, 1, 4, 4, { 0, 0, 0, 1 }, BAD_USAGE, "window 0x1+0+0 is not inside 4x4" },
    { 1, 1, 4, 4, { 0, 0, 1, 0 }, BAD_USAGE, "window 1x0+0+0 is not inside 4x4" },
    { 1, 1, 4, 4, { 4, 0, 1, 1 }, BAD_USAGE, "window 1x1+4+0 is not inside 4x4" },
    { 1, 1, 4, 4, { 0, 4, 1, 1 }, BAD_USAGE, "window 1x1+0+4 is not inside 4x4" },
    { 1, 1, 4, 4, { 1, 0, 4, 1 }, BAD_USAGE, "window 4x1+1+0 is not inside 4x4" },
    { 1, 1, 4, 4, { 0, 3, 1, UINT32_MAX }, BAD_USAGE,
        "window 1x4294967295+0+3 is not inside 4x4" },
};

START_TEST(refused)
{
    uint8_t pixel[3] = { 0 }, rgb[3];
    struct error error = { "" };
    const struct picture source = { REFUSED[_i].width, REFUSED[_i].height, pixel };
    ck_assert_int_eq(resample(&source, REFUSED[_i].full_width, REFUSED[_i].full_height,
                         FILTER_BICUBIC, REFUSED[_i].window, rgb, &error),
        REFUSED[_i].result);
    ck_assert_str_eq(error.text, REFUSED[_i].text);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* Sanitizers take address space of their own: limits on memory make no sense under them. */
#ifdef __SANITIZE_ADDRESS__
enum { MEMORY_IS_LIMITED = 0 };
#else
enum { MEMORY_IS_LIMITED = 1 };
#endif

int main(void)
{
    Suite *suite = suite_create("resample");
    TCase *cases = tcase_create("resample");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, names);
    tcase_add_test(cases, equals_pillow);
    tcase_add_loop_test(cases, equals_pillow_in_full, 0, COUNT(FULL));
    tcase_add_loop_test(cases, window_is_part_of_whole, 0, COUNT(WINDOWED));
    tcase_add_loop_test(cases, flat_stays_flat, 0, 6);
    tcase_add_loop_test(cases, refused, 0, COUNT(REFUSED));
    if (MEMORY_IS_LIMITED) {
        tcase_add_test(cases, long_picture_takes_little_memory);
        tcase_add_test(cases, no_memory);
    }
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
