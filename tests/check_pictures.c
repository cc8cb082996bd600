/* formats/picture.h against Pillow's results, made by tests/oracle/pictures.py; encoders there
 * and back. */
#include "tests/pictures_data.h"

#include <tiffio.h>
#include <unistd.h>

/* What Pillow made of it: a P6 with 255 that Pillow wrote. */
static struct picture load_expected(const struct line *line)
{
    char path[256];
    unsigned width, height;
    int start = 0;
    snprintf(path, sizeof path, DATA "expected/%s.ppm", line->name);
    struct file file = load(path);
    const int fields = sscanf((char *)file.bytes, "P6 %u %u 255%n", &width, &height, &start);
    ck_assert_int_eq(fields, 2);
    const size_t size = (size_t)width * height * 3;
    ck_assert_uint_eq(file.size, (size_t)start + 1 + size);
    memmove(file.bytes, file.bytes + start + 1, size);
    return (struct picture){ width, height, file.bytes };
}

START_TEST(every_picture_is_pillows)
{
    for (size_t i = 0; i < line_count; i++) {
        struct picture picture;
        struct error error = { "" };
        if (!is_picture(&lines[i]))
            continue;
        const int status = decode(&lines[i].file, &picture, &error);
        ck_assert_msg(status == 0, "%s: %s", lines[i].name, error.text);
        struct picture expected = load_expected(&lines[i]);
        const int most = difference(&picture, &expected);
        ck_assert_msg(most <= atoi(lines[i].verdict), "%s: differs by %d", lines[i].name, most);
        picture_free(&picture);
        picture_free(&expected);
        ck_assert_ptr_null(picture.rgb);
    }
}
END_TEST

START_TEST(the_limit_is_the_callers)
{
    struct picture picture;
    struct error error;
    for (size_t i = 0; i < line_count; i++) {
        if (!is_picture(&lines[i]))
            continue;
        const struct file *file = &lines[i].file;
        ck_assert_int_eq(decode(file, &picture, &error), 0);
        const uint64_t pixels = (uint64_t)picture.width * picture.height;
        picture_free(&picture);
        ck_assert_int_eq(
            picture_decode(file->bytes, file->size, pixels - 1, &picture, &error), BAD_SAMPLE);
        ck_assert_ptr_nonnull(strstr(error.text, "is over the limit of"));
    }
}
END_TEST

START_TEST(kinds_are_known_by_content)
{
    static const struct {
        const char *ending, *kind;
    } kinds[] = { { ".jpg", "jpeg" }, { ".png", "png" }, { ".tif", "tiff" }, { ".gif", "gif" },
        { ".webp", "webp" }, { ".ppm", "pnm" }, { ".pgm", "pnm" }, { ".pbm", "pnm" } };
    for (size_t i = 0; i < line_count; i++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (strstr(lines[i].name, kinds[k].ending))
                ck_assert_str_eq(
                    picture_kind(lines[i].file.bytes, lines[i].file.size), kinds[k].kind);
}
END_TEST

START_TEST(suffixes)
{
    static const char *const good[] = { "jpg", "jpeg", "png", "tif", "tiff", "webp", "gif",
        "ppm", "pgm", "pbm", "pnm", "JPG", "Jpeg", "TIFF" };
    static const char *const bad[] = { "", "jp", "jpgx", ".jpg", "npy", "bmp", "pfm", "cls",
        "view.json" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(picture_suffix(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!picture_suffix(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(lengths_in_a_run)
{
    static const struct {
        const char *bytes;
        int status;
        size_t length;
    } cases[] = { { "", 1, 0 }, { "P6", 1, 0 }, { "P6\n", 1, 0 }, { "P6\n2 3", 1, 0 },
        { "P6\n2 3\n255", 1, 0 }, { "P6\n2 3\n255\n", 0, 29 }, { "P6\n2 3\n256\nxx", 0, 47 },
        { "P5\n2 3\n255\n123456P5", 0, 17 }, { "P5 #no\n2 3 65535 ", 0, 29 },
        { "P4\n9 3\n", 0, 13 }, { "P3\n2 3\n255\n", BAD_SAMPLE, 0 },
        { "GIF89a", BAD_SAMPLE, 0 }, { "P6\n2 3\n0\n", BAD_SAMPLE, 0 },
        { "P6\n2 x", BAD_SAMPLE, 0 }, { "P5\n9999 9999\n255\n", BAD_SAMPLE, 0 },
        { "P5\n0 9\n255\n", BAD_SAMPLE, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t length = 0;
        struct error error;
        ck_assert_int_eq(
            pnm_length(cases[i].bytes, strlen(cases[i].bytes), SMALL, &length, &error),
            cases[i].status);
        ck_assert_uint_eq(length, cases[i].length);
    }
}
END_TEST

/* A smooth picture, and some noise in it. */
static struct picture make_picture(uint32_t width, uint32_t height)
{
    struct picture picture = { width, height, malloc((size_t)width * height * 3) };
    uint32_t noise = 1;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++) {
                noise = noise * 1664525 + 1013904223;
                const uint32_t wave = (x * (c + 1) + y * 2) / 4 % 384;
                picture.rgb[((size_t)y * width + x) * 3 + c] =
                    (uint8_t)((wave < 192 ? wave : 383 - wave) + (noise >> 30));
            }
    return picture;
}

START_TEST(what_is_encoded_is_read_back)
{
    static const struct {
        enum picture_format format;
        const char *kind;
        int tolerance;
    } formats[] = { { PICTURE_PNG, "png", 0 }, { PICTURE_JPEG, "jpeg", 10 },
        { PICTURE_TIFF, "tiff", 0 }, { PICTURE_PPM, "pnm", 0 } };
    static const uint32_t sizes[][2] = { { 1, 1 }, { 1, 7 }, { 7, 1 }, { 23, 17 }, { 301, 200 },
        { 640, 511 }, { 100000, 3 } };
    for (size_t f = 0; f < sizeof formats / sizeof *formats; f++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            struct picture in = make_picture(sizes[s][0], sizes[s][1]), out;
            struct error error = { "" };
            struct file one = { 0 }, two = { 0 };
            int status = picture_encode(&in, formats[f].format, &one.bytes, &one.size, &error);
            if (formats[f].format == PICTURE_JPEG && in.width > 65500) {
                ck_assert_int_eq(status, BAD_SAMPLE);
                ck_assert_str_eq(
                    error.text, "jpeg: maximum supported image dimension is 65500 pixels");
                picture_free(&in);
                continue;
            }
            ck_assert_int_eq(status, 0);
            status = picture_encode(&in, formats[f].format, &two.bytes, &two.size, &error);
            ck_assert_int_eq(status, 0);
            ck_assert_uint_eq(one.size, two.size);
            ck_assert_mem_eq(one.bytes, two.bytes, one.size);
            ck_assert_str_eq(picture_kind(one.bytes, one.size), formats[f].kind);
            ck_assert_msg(decode(&one, &out, &error) == 0, "%s", error.text);
            ck_assert_int_le(difference(&in, &out), formats[f].tolerance);
            picture_free(&in);
            picture_free(&out);
            free(one.bytes);
            free(two.bytes);
        }
}
END_TEST

/* Red and blue columns a pixel wide would be violet, were the colours halved. */
START_TEST(jpeg_colours_are_not_halved)
{
    struct picture in = make_picture(64, 64), out;
    struct file file;
    struct error error;
    for (size_t i = 0; i < 64 * 64; i++) {
        in.rgb[3 * i] = i % 2 ? 200 : 50;
        in.rgb[3 * i + 1] = 50;
        in.rgb[3 * i + 2] = i % 2 ? 50 : 200;
    }
    ck_assert_int_eq(picture_encode(&in, PICTURE_JPEG, &file.bytes, &file.size, &error), 0);
    ck_assert_int_eq(decode(&file, &out, &error), 0);
    ck_assert_int_le(difference(&in, &out), 20);
    picture_free(&in);
    picture_free(&out);
    free(file.bytes);
}
END_TEST

static void check_float_page(TIFF *tiff, const struct float_page *page)
{
    uint32_t width = 0, height = 0;
    uint16_t bits = 0, format = 0, predictor = 0, compression = 0;
    char *name = NULL;
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
    TIFFGetField(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetField(tiff, TIFFTAG_SAMPLEFORMAT, &format);
    TIFFGetField(tiff, TIFFTAG_COMPRESSION, &compression);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PREDICTOR, &predictor);
    ck_assert_int_eq(TIFFGetField(tiff, TIFFTAG_PAGENAME, &name), 1);
    ck_assert_str_eq(name, page->name);
    ck_assert_uint_eq(width, page->width);
    ck_assert_uint_eq(height, page->height);
    ck_assert_uint_eq(bits, 32);
    ck_assert_uint_eq(format, SAMPLEFORMAT_IEEEFP);
    ck_assert_uint_eq(compression, COMPRESSION_ADOBE_DEFLATE);
    ck_assert_uint_eq(predictor, PREDICTOR_NONE);
    float *row = malloc(width * sizeof *row);
    for (uint32_t y = 0; y < height; y++) {
        ck_assert_int_eq(TIFFReadScanline(tiff, row, y, 0), 1);
        ck_assert_mem_eq(row, page->values + (size_t)y * width, width * sizeof *row);
    }
    free(row);
}

START_TEST(float_pages_are_read_back)
{
    enum { SIDE = 300 };
    static float values[SIDE * SIDE];
    for (size_t i = 0; i < SIDE * SIDE; i++)
        values[i] = (float)i * 1e-3f - 7;
    values[5] = 0.0f / 0.0f;
    const struct float_page pages[] = { { "map.abnar", 14, 14, values },
        { "map.l11-h00", SIDE, SIDE, values }, { "x", 1, 1, values } };
    struct file file;
    struct error error = { "" };
    char path[] = "/tmp/check_pictures.XXXXXX";
    ck_assert_int_eq(tiff_encode_floats(pages, 3, &file.bytes, &file.size, &error), 0);
    const int descriptor = mkstemp(path);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, file.bytes, file.size), (ssize_t)file.size);
    close(descriptor);
    TIFF *tiff = TIFFOpen(path, "r");
    ck_assert_ptr_nonnull(tiff);
    for (int i = 0; i < 3; i++) {
        check_float_page(tiff, &pages[i]);
        ck_assert_int_eq(TIFFReadDirectory(tiff), i < 2);
    }
    TIFFClose(tiff);
    unlink(path);
    free(file.bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pictures");
    TCase *cases = tcase_create("pictures");
    tcase_add_checked_fixture(cases, load_lines, free_lines);
    tcase_set_timeout(cases, 300);
    tcase_add_test(cases, every_picture_is_pillows);
    tcase_add_test(cases, the_limit_is_the_callers);
    tcase_add_test(cases, kinds_are_known_by_content);
    tcase_add_test(cases, suffixes);
    tcase_add_test(cases, lengths_in_a_run);
    tcase_add_test(cases, what_is_encoded_is_read_back);
    tcase_add_test(cases, jpeg_colours_are_not_halved);
    tcase_add_test(cases, float_pages_are_read_back);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
