/* PNM: bitmaps, greymaps and pixmaps, plain (P1 to P3) and raw (P4 to P6). */
#include "formats/codecs.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct header {
    char kind; /* '1' to '6' */
    uint32_t width, height, maxval;
};

struct cursor {
    const unsigned char *at, *end;
};

static void skip_comment(struct cursor *cursor)
{
    while (cursor->at < cursor->end && *cursor->at != '\n' && *cursor->at != '\r')
        cursor->at++;
}

static void skip_space(struct cursor *cursor)
{
    for (; cursor->at < cursor->end && (isspace(*cursor->at) || *cursor->at == '#');
         cursor->at++)
        if (*cursor->at == '#') {
            skip_comment(cursor);
            if (cursor->at == cursor->end)
                break;
        }
}

/* Reads a decimal number with the one delimiter behind it, the end of the bytes where
 * at_end: 0, 1 where the bytes end in the number, or -1. */
static int read_number(struct cursor *cursor, uint32_t *number, bool at_end)
{
    uint32_t value = 0;
    skip_space(cursor);
    if (cursor->at == cursor->end)
        return 1;
    if (!isdigit(*cursor->at))
        return -1;
    for (; cursor->at < cursor->end && isdigit(*cursor->at); cursor->at++)
        if (__builtin_mul_overflow(value, 10u, &value)
            || __builtin_add_overflow(value, (uint32_t)(*cursor->at - '0'), &value))
            return -1;
    *number = value;
    if (cursor->at < cursor->end && *cursor->at == '#')
        skip_comment(cursor);
    if (cursor->at == cursor->end)
        return at_end ? 0 : 1;
    return isspace(*cursor->at++) ? 0 : -1;
}

/* Returns 0, 1 where the bytes end in the header, or BAD_SAMPLE. */
static int read_header(struct header *header, struct cursor *cursor, struct error *error)
{
    header->maxval = 1;
    uint32_t *const fields[3] = { &header->width, &header->height, &header->maxval };
    header->kind = (char)cursor->at[1];
    cursor->at += 2;
    const int count = header->kind == '1' || header->kind == '4' ? 2 : 3;
    for (int i = 0; i < count; i++) {
        const int status = read_number(cursor, fields[i], false);
        if (status)
            return status > 0 ? 1 : fail(error, BAD_SAMPLE, "pnm: broken header");
    }
    if (header->maxval < 1 || header->maxval > 65535)
        return fail(error, BAD_SAMPLE, "pnm: a maximum of %u", header->maxval);
    return 0;
}

static bool is_plain(const struct header *header)
{
    return header->kind <= '3';
}

static size_t samples_in_pixel(const struct header *header)
{
    return header->kind == '3' || header->kind == '6' ? 3 : 1;
}

/* The bytes behind the header, at least; the size is within the limit. */
static size_t payload_size(const struct header *header)
{
    const size_t pixels = (size_t)header->width * header->height;
    const size_t samples = pixels * samples_in_pixel(header);
    if (header->kind == '1')
        return pixels;
    if (header->kind == '4')
        return ((size_t)header->width + 7) / 8 * header->height;
    if (is_plain(header))
        return 2 * samples - 1;
    return header->maxval > 255 ? 2 * samples : samples;
}

static uint8_t scale(uint32_t value, uint32_t maxval)
{
    if (maxval == 65535)
        return (uint8_t)(value >> 8);
    if (value >= maxval)
        return 255;
    return (uint8_t)lrint((double)value / maxval * 255);
}

static void unpack_bits(const struct header *header, const unsigned char *bytes, uint8_t *rgb)
{
    const size_t line = ((size_t)header->width + 7) / 8;
    for (uint32_t y = 0; y < header->height; y++)
        for (uint32_t x = 0; x < header->width; x++, rgb += 3) {
            const unsigned bit = bytes[y * line + x / 8] >> (7 - x % 8) & 1;
            memset(rgb, bit ? 0 : 255, 3);
        }
}

/* Each sample through a table, and once to each colour where the picture is grey. */
static void unpack_samples(
    const struct header *header, const unsigned char *bytes, uint8_t *rgb)
{
    const size_t samples = (size_t)header->width * header->height * samples_in_pixel(header);
    const bool wide = header->maxval > 255;
    const size_t copies = header->kind == '5' ? 3 : 1;
    uint8_t table[65536];
    for (uint32_t value = 0; value <= (wide ? 65535 : 255); value++)
        table[value] = scale(value, header->maxval);
    for (size_t i = 0; i < samples; i++, rgb += copies)
        memset(rgb, table[wide ? bytes[2 * i] << 8 | bytes[2 * i + 1] : bytes[i]], copies);
}

static int read_plain_bit(struct cursor *cursor, uint32_t *value)
{
    skip_space(cursor);
    if (cursor->at == cursor->end)
        return 1;
    const unsigned char digit = *cursor->at++;
    *value = digit == '0'; /* 1 is black */
    return digit == '0' || digit == '1' ? 0 : -1;
}

static int unpack_plain(
    const struct header *header, struct cursor *cursor, uint8_t *rgb, struct error *error)
{
    const size_t samples = (size_t)header->width * header->height * samples_in_pixel(header);
    const size_t copies = header->kind == '3' ? 1 : 3;
    for (size_t i = 0; i < samples; i++, rgb += copies) {
        uint32_t value = 0;
        const int status = header->kind == '1' ? read_plain_bit(cursor, &value)
                                               : read_number(cursor, &value, true);
        if (status > 0)
            return fail(error, BAD_SAMPLE, "pnm: premature end");
        if (status < 0)
            return fail(error, BAD_SAMPLE, "pnm: sample %zu is no number", i);
        if (value > header->maxval)
            return fail(
                error, BAD_SAMPLE, "pnm: sample %zu is %u of %u", i, value, header->maxval);
        memset(rgb, scale(value, header->maxval), copies);
    }
    return 0;
}

int pnm_decode(struct decoding *decoding)
{
    struct header header;
    struct cursor cursor = { decoding->bytes, decoding->bytes + decoding->size };
    int status = read_header(&header, &cursor, decoding->error);
    if (status > 0)
        return fail(decoding->error, BAD_SAMPLE, "pnm: premature end");
    if (!status)
        status = decoding_check(decoding, header.width, header.height);
    if (!status && (size_t)(cursor.end - cursor.at) < payload_size(&header))
        status = fail(decoding->error, BAD_SAMPLE, "pnm: premature end");
    if (!status)
        status = decoding_allocate(decoding, header.width, header.height);
    if (status)
        return status;

    uint8_t *rgb = decoding->picture->rgb;
    if (is_plain(&header))
        return unpack_plain(&header, &cursor, rgb, decoding->error);
    if (header.kind == '4')
        unpack_bits(&header, cursor.at, rgb);
    else if (header.kind == '6' && header.maxval == 255)
        memcpy(rgb, cursor.at, payload_size(&header));
    else
        unpack_samples(&header, cursor.at, rgb);
    return 0;
}

int pnm_length(
    const void *bytes, size_t size, uint64_t max_pixels, size_t *length, struct error *error)
{
    struct header header;
    struct cursor cursor = { bytes, (const unsigned char *)bytes + size };
    const struct decoding decoding = { .max_pixels = max_pixels, .error = error };
    if (size < 3)
        return 1;
    const char *kind = picture_kind(bytes, size);
    if (!kind || strcmp(kind, "pnm") || cursor.at[1] < '4')
        return fail(error, BAD_SAMPLE, "pnm: not a raw picture (P4, P5 or P6)");
    int status = read_header(&header, &cursor, error);
    if (!status)
        status = decoding_check(&decoding, header.width, header.height);
    if (!status)
        *length = (size_t)(cursor.at - (const unsigned char *)bytes) + payload_size(&header);
    return status;
}

int ppm_encode(const struct picture *picture, struct sink *sink, struct error *error)
{
    char header[64];
    const int length =
        snprintf(header, sizeof header, "P6\n%u %u\n255\n", picture->width, picture->height);
    const size_t size = 3 * (size_t)picture->width * picture->height;
    if (sink_reserve(sink, size + (size_t)length) || sink_write(sink, header, (size_t)length)
        || sink_write(sink, picture->rgb, size))
        return fail_memory(error, size);
    return 0;
}
