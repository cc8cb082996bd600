#include "formats/codecs.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool starts_with(const unsigned char *bytes, size_t size, const char *with, size_t count)
{
    return size >= count && !memcmp(bytes, with, count);
}

static bool is_jpeg(const unsigned char *bytes, size_t size)
{
    return starts_with(bytes, size, "\xff\xd8\xff", 3);
}

static bool is_png(const unsigned char *bytes, size_t size)
{
    return starts_with(bytes, size, "\x89PNG\r\n\x1a\n", 8);
}

static bool is_tiff(const unsigned char *bytes, size_t size)
{
    return starts_with(bytes, size, "II*\0", 4) || starts_with(bytes, size, "MM\0*", 4)
           || starts_with(bytes, size, "II+\0", 4) || starts_with(bytes, size, "MM\0+", 4);
}

static bool is_webp(const unsigned char *bytes, size_t size)
{
    return size >= 12 && !memcmp(bytes, "RIFF", 4) && !memcmp(bytes + 8, "WEBP", 4);
}

static bool is_gif(const unsigned char *bytes, size_t size)
{
    return starts_with(bytes, size, "GIF87a", 6) || starts_with(bytes, size, "GIF89a", 6);
}

static bool is_pnm(const unsigned char *bytes, size_t size)
{
    return size >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6'
           && (isspace(bytes[2]) || bytes[2] == '#');
}

static const struct codec {
    const char *name;
    bool (*matches)(const unsigned char *bytes, size_t size);
    int (*decode)(struct decoding *decoding);
} codecs[] = {
    { "jpeg", is_jpeg, jpeg_decode },
    { "png", is_png, png_decode },
    { "tiff", is_tiff, tiff_decode },
    { "webp", is_webp, webp_decode },
    { "gif", is_gif, gif_decode },
    { "pnm", is_pnm, pnm_decode },
};

static const struct codec *find_codec(const void *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (codecs[i].matches(bytes, size))
            return &codecs[i];
    return NULL;
}

const char *picture_kind(const void *bytes, size_t size)
{
    const struct codec *codec = find_codec(bytes, size);
    return codec ? codec->name : NULL;
}

bool picture_suffix(const char *suffix)
{
    static const char *const known[] = { "jpg", "jpeg", "png", "tif", "tiff", "webp", "gif",
        "ppm", "pgm", "pbm", "pnm" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcasecmp(suffix, known[i]))
            return true;
    return false;
}

int decoding_check(const struct decoding *decoding, uint64_t width, uint64_t height)
{
    uint64_t pixels;
    if (width == 0 || height == 0)
        return fail(decoding->error, BAD_SAMPLE, "%llux%llu has no pixels",
            (unsigned long long)width, (unsigned long long)height);
    if (__builtin_mul_overflow(width, height, &pixels) || pixels > decoding->max_pixels
        || width > UINT32_MAX || height > UINT32_MAX || pixels > SIZE_MAX / 3)
        return fail(decoding->error, BAD_SAMPLE, "%llux%llu is over the limit of %llu pixels",
            (unsigned long long)width, (unsigned long long)height,
            (unsigned long long)decoding->max_pixels);
    return 0;
}

int decoding_allocate(struct decoding *decoding, uint64_t width, uint64_t height)
{
    struct picture *picture = decoding->picture;
    int status = decoding_check(decoding, width, height);
    if (status)
        return status;
    const size_t size = (size_t)(width * height * 3);
    picture->rgb = malloc(size);
    if (!picture->rgb)
        return fail_memory(decoding->error, size);
    picture->width = (uint32_t)width;
    picture->height = (uint32_t)height;
    return 0;
}

size_t decoding_read(struct decoding *decoding, void *to, size_t count)
{
    const size_t left = decoding->size - decoding->position;
    if (count > left)
        count = left;
    memcpy(to, decoding->bytes + decoding->position, count);
    decoding->position += count;
    return count;
}

int fail_codec(struct error *error, int kind, const char *codec, const char *text)
{
    size_t length = strcspn(text, "\r\n");
    while (length && (text[length - 1] == '.' || text[length - 1] == ' '))
        length--;
    /* An abbreviation keeps its capitals. */
    const bool lower = length > 1 && islower((unsigned char)text[1]);
    const int first = lower ? tolower((unsigned char)text[0]) : text[0];
    return fail(error, kind, "%s: %c%.*s", codec, length ? first : '?',
        length ? (int)(length - 1) : 0, text + 1);
}

static unsigned read_number(const unsigned char *bytes, size_t count, bool big_endian)
{
    unsigned value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[big_endian ? i : count - 1 - i];
    return value;
}

int exif_orientation(const unsigned char *exif, size_t size)
{
    while (starts_with(exif, size, "Exif\0\0", 6)) {
        exif += 6;
        size -= 6;
    }
    if (size < 8 || exif[0] != exif[1] || (exif[0] != 'I' && exif[0] != 'M'))
        return 1;
    const bool big_endian = exif[0] == 'M';
    const size_t directory = read_number(exif + 4, 4, big_endian);
    if (read_number(exif + 2, 2, big_endian) != 42 || directory > size - 2)
        return 1;

    const size_t count = read_number(exif + directory, 2, big_endian);
    for (size_t i = 0; i < count; i++) {
        const size_t offset = directory + 2 + 12 * i;
        if (offset + 12 > size)
            break;
        const unsigned char *entry = exif + offset;
        const unsigned type = read_number(entry + 2, 2, big_endian);
        if (read_number(entry, 2, big_endian) != 274)
            continue;
        if (read_number(entry + 4, 4, big_endian) != 1 || (type != 3 && type != 4))
            break;
        const unsigned value = read_number(entry + 8, type == 3 ? 2 : 4, big_endian);
        return value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

/*
 * Undoes an orientation: the output's pixel (x, y) is the file's pixel at
 * origin + x * right + y * down, in pixels. In squares, since half of the orientations read
 * columns.
 */
static void reorient(
    uint8_t *out, const struct picture *in, uint32_t width, uint32_t height, int orientation)
{
    const ptrdiff_t line = in->width, last_column = line - 1;
    const ptrdiff_t last_line = line * ((ptrdiff_t)in->height - 1);
    const struct {
        ptrdiff_t origin, right, down;
    } ways[9] = {
        { 0 },
        { 0, 1, line },
        { last_column, -1, line },
        { last_line + last_column, -1, -line },
        { last_line, 1, -line },
        { 0, line, 1 },
        { last_line, -line, 1 },
        { last_line + last_column, -line, -1 },
        { last_column, line, -1 },
    };
    const ptrdiff_t origin = ways[orientation].origin;
    const ptrdiff_t right = ways[orientation].right, down = ways[orientation].down;
    const uint32_t side = 32;
    for (uint32_t top = 0; top < height; top += side)
        for (uint32_t left = 0; left < width; left += side)
            for (uint32_t y = top; y < height && y < top + side; y++)
                for (uint32_t x = left; x < width && x < left + side; x++)
                    memcpy(out + ((size_t)y * width + x) * 3,
                        in->rgb + (origin + (ptrdiff_t)x * right + (ptrdiff_t)y * down) * 3, 3);
}

static int apply_orientation(struct decoding *decoding)
{
    struct picture *picture = decoding->picture;
    const bool turned = decoding->orientation >= 5;
    const uint32_t width = turned ? picture->height : picture->width;
    const uint32_t height = turned ? picture->width : picture->height;
    if (decoding->orientation <= 1)
        return 0;
    uint8_t *rgb = malloc((size_t)width * height * 3);
    if (!rgb)
        return fail_memory(decoding->error, (unsigned long long)width * height * 3);
    reorient(rgb, picture, width, height, decoding->orientation);
    free(picture->rgb);
    *picture = (struct picture){ width, height, rgb };
    return 0;
}

static int decode(struct decoding *decoding, const struct codec *codec)
{
    int status = codec->decode(decoding);
    if (!status)
        status = apply_orientation(decoding);
    if (status)
        picture_free(decoding->picture);
    return status;
}

int picture_decode(const void *bytes, size_t size, uint64_t max_pixels, struct picture *picture,
    struct error *error)
{
    struct decoding decoding = { bytes, size, 0, max_pixels, picture, 1, error, false };
    const struct codec *codec = find_codec(bytes, size);
    *picture = (struct picture){ 0 };
    if (size == 0)
        return fail(error, BAD_SAMPLE, "empty");
    if (!codec)
        return fail(error, BAD_SAMPLE, "not a jpeg, png, tiff, webp, gif or pnm picture");
    return decode(&decoding, codec);
}

int picture_decode_values(const void *bytes, size_t size, uint64_t max_pixels,
    struct picture *picture, struct error *error)
{
    struct decoding decoding = { bytes, size, 0, max_pixels, picture, 1, error, true };
    const struct codec *codec = find_codec(bytes, size);
    *picture = (struct picture){ 0 };
    if (!codec || codec->decode != png_decode)
        return fail(error, BAD_SAMPLE, size ? "not a png picture" : "empty");
    return decode(&decoding, codec);
}

void picture_free(struct picture *picture)
{
    free(picture->rgb);
    *picture = (struct picture){ 0 };
}

int sink_reserve(struct sink *sink, size_t count)
{
    size_t needed;
    if (__builtin_add_overflow(sink->size, count, &needed))
        return -1;
    if (needed <= sink->room)
        return 0;
    size_t room = sink->room < SIZE_MAX / 2 ? sink->room * 2 : SIZE_MAX;
    if (room < needed)
        room = needed;
    unsigned char *grown = realloc(sink->bytes, room);
    if (!grown)
        return -1;
    sink->bytes = grown;
    sink->room = room;
    return 0;
}

int sink_write(struct sink *sink, const void *bytes, size_t count)
{
    if (sink_reserve(sink, count))
        return -1;
    memcpy(sink->bytes + sink->size, bytes, count);
    sink->size += count;
    return 0;
}

int picture_encode(const struct picture *picture, enum picture_format format,
    unsigned char **bytes, size_t *size, struct error *error)
{
    static int (*const encode[])(const struct picture *, struct sink *, struct error *) = {
        [PICTURE_PNG] = png_encode,
        [PICTURE_JPEG] = jpeg_encode,
        [PICTURE_TIFF] = tiff_encode,
        [PICTURE_PPM] = ppm_encode,
    };
    struct sink sink = { 0 };
    const int status = encode[format](picture, &sink, error);
    if (status) {
        free(sink.bytes);
        return status;
    }
    *bytes = sink.bytes;
    *size = sink.size;
    return 0;
}
