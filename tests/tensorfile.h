/*
 * Small safetensors files put together byte by byte for the tests, in a folder of their own.
 */
#ifndef SACCADE_TESTS_TENSORFILE_H
#define SACCADE_TESTS_TENSORFILE_H

#include "tests/folder.h"

#include <stdint.h>
#include <string.h>

static inline void put_text(const char *path, const char *text)
{
    put_file(path, text, strlen(text));
}

/* 8 bytes of length as it is said, the header, the data. */
static inline void put_safetensors(const char *path, uint64_t said, const char *header,
    size_t header_size, const void *data, size_t size)
{
    unsigned char *bytes = malloc(8 + header_size + size + 1);
    ck_assert_ptr_nonnull(bytes);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(said >> 8 * i);
    memcpy(bytes + 8, header, header_size);
    memcpy(bytes + 8 + header_size, data, size);
    put_file(path, bytes, 8 + header_size + size);
    free(bytes);
}

/* A checkpoint that grows tensor by tensor. */
struct tensorfile {
    char header[1 << 15];
    size_t length, size;
    unsigned char data[1 << 17];
};

static inline void tensorfile_begin(struct tensorfile *file, const char *metadata)
{
    file->size = 0;
    file->length = (size_t)snprintf(file->header, sizeof file->header, "{%s%s%s",
        metadata ? "\"__metadata__\":" : "", metadata ? metadata : "", metadata ? "," : "");
}

/* shape: "[8,3,4,4]"; type: as safetensors names it; small values that differ, and
 * variances positive. */
static inline void tensorfile_add(
    struct tensorfile *file, const char *name, const char *type, const char *shape)
{
    size_t count = 1;
    const size_t item = strstr(type, "64") ? 8 : strstr(type, "16") ? 2 : 4;
    for (const char *at = shape + 1; *at && *at != ']'; at += strcspn(at, "0123456789]"))
        count *= strtoul(at, (char **)(uintptr_t)&at, 10);
    ck_assert_uint_le(file->size + count * item, sizeof file->data);
    file->length +=
        (size_t)snprintf(file->header + file->length, sizeof file->header - file->length,
            "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]},", name, type,
            shape, file->size, file->size + count * item);
    ck_assert_uint_lt(file->length, sizeof file->header);
    for (size_t i = 0; i < count; i++) {
        const float any = (float)((i * 7919 + file->size) % 61) / 61.0f - 0.5f;
        const float value = strstr(name, "running_var") ? any + 0.6f : any;
        if (item == 4)
            memcpy(file->data + file->size + i * item, &value, item);
        else
            memset(file->data + file->size + i * item, 0, item);
    }
    file->size += count * item;
}

static inline void tensorfile_write(struct tensorfile *file, const char *path)
{
    if (file->header[file->length - 1] == ',')
        file->length--;
    file->header[file->length++] = '}';
    put_safetensors(path, file->length, file->header, file->length, file->data, file->size);
}

#endif
