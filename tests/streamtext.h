/* What the stream reader makes of bytes, as text, for the tests of streams. */
#ifndef SACCADE_TESTS_STREAMTEXT_H
#define SACCADE_TESTS_STREAMTEXT_H

#include "formats/stream.h"
#include "tests/tarbytes.h"

#include <stdarg.h>
#include <zlib.h>

/* A stream with a head that is being put together, and its sum so far. */
struct summed {
    struct bytes bytes;
    unsigned long crc;
};

#define HEAD "{\"format\":\"tensorstream\",\"version\":1,\"pg\":[]}"

static inline void put_head(struct summed *stream)
{
    put_text(&stream->bytes, STREAM_KEY "/head", HEAD);
    stream->crc = crc32(0, NULL, 0);
}

/* A member between head and tail. */
static inline void put_summed(
    struct summed *stream, const char *name, const void *data, size_t size)
{
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((unsigned long long)size >> 8 * i);
    stream->crc = crc32(stream->crc, (const Bytef *)name, (uInt)strlen(name) + 1);
    stream->crc = crc32(stream->crc, length, sizeof length);
    if (size > 0)
        stream->crc = crc32(stream->crc, data, (uInt)size);
    put_member(&stream->bytes, name, data, size);
}

static inline void put_tail(struct summed *stream, int samples, int bad, int members)
{
    char text[128];
    snprintf(text, sizeof text, "{\"samples\":%d,\"bad\":%d,\"members\":%d,\"crc32\":%lu}",
        samples, bad, members, stream->crc);
    put_text(&stream->bytes, STREAM_KEY "/tail", text);
}

/* Text that grows. */
struct text {
    char *at;
    size_t length, room;
};

static inline void say(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char piece[2048];
    const int n = vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    const size_t size = (size_t)n < sizeof piece ? (size_t)n : sizeof piece - 1;
    if (text->length + size + 1 > text->room) {
        text->room = 2 * (text->length + size + 1);
        text->at = realloc(text->at, text->room);
        ck_assert_ptr_nonnull(text->at);
    }
    memcpy(text->at + text->length, piece, size + 1);
    text->length += size;
}

/*
 * "KEY suffix:size:crc32, ..." a sample, ended by ";" (";!" where it is bad), then "end" or "!"
 * and the message. Returns the reader's last status.
 */
static inline int describe_paths(
    const char *const *paths, size_t count, bool sums, struct text *text)
{
    struct stream_reader *reader;
    struct sample sample = { 0 };
    struct error error = { "" };
    int status;
    ck_assert_int_eq(stream_open(&reader, paths, count, &error), 0);
    while ((status = stream_read(reader, &sample, &error)) > 0) {
        ck_assert_uint_gt(sample.count, 0);
        ck_assert_uint_eq(sample.arrived, sample.count);
        say(text, "%s", sample.key);
        for (size_t i = 0; i < sample.count; i++) {
            const struct member *member = &sample.members[i];
            say(text, "%s%s:%zu", i ? "," : " ", member->suffix, member->size);
            if (sums)
                say(text, ":%08lx",
                    member->size ? crc32(0, member->bytes, (uInt)member->size) : 0);
        }
        say(text, sample.bad ? ";!" : ";");
    }
    say(text, status == 0 ? "end" : "!%s", error.text);
    sample_free(&sample);
    stream_close(reader);
    return status;
}

/* The same of bytes, as a file named T. */
static inline int describe(const void *bytes, size_t size, bool sums, struct text *text)
{
    char path[32];
    const int fd = memory_file(bytes, size);
    memory_path(fd, path);
    const char *const paths[] = { path };
    const int status = describe_paths(paths, 1, sums, text);
    close(fd);
    for (char *at; (at = strstr(text->at, path));) { /* its number is not ours to know */
        *at = 'T';
        memmove(at + 1, at + strlen(path), strlen(at + strlen(path)) + 1);
    }
    return status;
}

static inline struct bytes load_bytes(const char *path)
{
    struct bytes bytes;
    struct error error;
    ck_assert_msg(
        file_read(path, 1 << 24, &bytes.data, &bytes.size, &error) == 0, "%s", error.text);
    return bytes;
}

#endif
