/*
 * Tar archives put together byte by byte for the tests, not by formats/tar.c; and inputs and
 * outputs in memory.
 */
#ifndef SACCADE_TESTS_TARBYTES_H
#define SACCADE_TESTS_TARBYTES_H

#include "formats/tar.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct bytes {
    unsigned char *data;
    size_t size;
};

static inline void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){ 0 };
}

/* Appends size bytes; data NULL: zeros. Returns where they are. */
static inline unsigned char *put(struct bytes *bytes, const void *data, size_t size)
{
    bytes->data = realloc(bytes->data, bytes->size + size + 1);
    ck_assert_ptr_nonnull(bytes->data);
    unsigned char *to = bytes->data + bytes->size;
    if (data)
        memcpy(to, data, size);
    else
        memset(to, 0, size);
    bytes->size += size;
    return to;
}

static inline void put_end(struct bytes *bytes)
{
    put(bytes, NULL, 1024);
}

/* Makes the sum of a header right; of signed bytes as some old tars did, or of unsigned. */
static inline void set_checksum(unsigned char *block, bool of_signed)
{
    long sum = 0;
    char text[8];
    memset(block + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += of_signed ? (signed char)block[i] : block[i];
    snprintf(text, sizeof text, "%06lo", (unsigned long)sum & 0777777);
    memcpy(block + 148, text, 7);
}

/* A ustar header; the name may fill its field. Returns the block, good until the next put. */
static inline unsigned char *put_header(
    struct bytes *bytes, const char *name, char type, unsigned long long size)
{
    unsigned char *block = put(bytes, NULL, 512);
    char number[32];
    memcpy(block, name, strlen(name) < 100 ? strlen(name) : 100);
    memcpy(block + 100, "0000644\0000000000\0000000000\0", 24);
    snprintf(number, sizeof number, "%011llo", size);
    memcpy(block + 124, number, 12);
    memcpy(block + 136, "00000000000", 12);
    block[156] = (unsigned char)type;
    memcpy(block + 257, "ustar\00000", 8);
    set_checksum(block, false);
    return block;
}

static inline void put_padded(struct bytes *bytes, const void *data, size_t size)
{
    put(bytes, data, size);
    put(bytes, NULL, -size & 511);
}

static inline void put_member(
    struct bytes *bytes, const char *name, const void *data, size_t size)
{
    put_header(bytes, name, '0', size);
    put_padded(bytes, data, size);
}

static inline void put_text(struct bytes *bytes, const char *name, const char *text)
{
    put_member(bytes, name, text, strlen(text));
}

/* An extended header: type x, g or L. */
static inline void put_extended(struct bytes *bytes, char type, const void *data, size_t size)
{
    put_header(bytes, "././@Extended", type, size);
    put_padded(bytes, data, size);
}

/* A file in memory that holds the bytes, read from its beginning. */
static inline int memory_file(const void *data, size_t size)
{
    const int fd = memfd_create("test", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    for (size_t done = 0; done < size;) {
        const ssize_t n = write(fd, (const char *)data + done, size - done);
        ck_assert_int_gt(n, 0);
        done += (size_t)n;
    }
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* All that was written to a memory_file. */
static inline struct bytes memory_bytes(int fd)
{
    struct bytes bytes = { 0 };
    const off_t size = lseek(fd, 0, SEEK_END);
    ck_assert_int_ge(size, 0);
    put(&bytes, NULL, (size_t)size);
    ck_assert_int_eq(pread(fd, bytes.data, (size_t)size, 0), size);
    return bytes;
}

/* malloc'd; the path keeps naming the file while fd is open. */
static inline void memory_path(int fd, char path[32])
{
    snprintf(path, 32, "/proc/self/fd/%d", fd);
}

/* Bytes that look random and are the same every time. */
static inline void fill_bytes(unsigned char *bytes, size_t size, unsigned seed)
{
    unsigned long long state = seed * 2654435761ULL + 88172645463325252ULL;
    for (size_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[i] = (unsigned char)(state >> 32);
    }
}

#define NOT_HEADER "!T: corrupt: not a tar header where one is due"
#define CUT "!T: truncated: ends inside a member or its header"

/*
 * What the reader makes of an archive, as text: "NAME=SIZE;" an entry, "0;" a zero block, "eof"
 * or "!" and the message at the end. Payloads are passed over.
 */
static inline void walk(const struct bytes *archive, char *text, size_t room)
{
    struct input *input = calloc(1, sizeof *input);
    struct tar_entry entry = { 0 };
    struct error error;
    input->fd = memory_file(archive->data, archive->size);
    input->name = "T";
    char *at = text;
    *at = '\0';
    for (;;) {
        const int status = tar_read_header(input, &entry, &error);
        const size_t left = room - (size_t)(at - text);
        if (status == 0) {
            at += snprintf(at, left, "0;");
            continue;
        }
        if (status != 1) {
            snprintf(at, left, status == 2 ? "eof" : "!%s", error.text);
            ck_assert(status == 2 || status == BAD_INPUT);
            break;
        }
        at += snprintf(at, left, "%s=%llu;", entry.name, (unsigned long long)entry.size);
        unsigned char *payload = malloc(entry.size < 1 << 20 ? entry.size + 1 : 1);
        size_t got = 0;
        if (entry.size < 1 << 20)
            ck_assert_int_eq(input_read(input, payload, entry.size, &got, &error), 0);
        free(payload);
        if (got < entry.size || tar_skip_padding(input, entry.size, &error) < 0) {
            snprintf(at, room - (size_t)(at - text), "short");
            break;
        }
    }
    close(input->fd);
    free(entry.name);
    free(input);
}

#endif
