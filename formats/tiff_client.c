#include "formats/tiff_client.h"

#include <stdio.h>
#include <string.h>

enum { MAX_ALLOCATION = 1 << 28 }; /* of libtiff by itself, at once */

int tiff_client_fail(const struct tiff_client *client, const char *text)
{
    if (client->status)
        return client->status;
    return fail(client->error, BAD_SAMPLE, "tiff: %s", text);
}

static int keep_message(
    TIFF *tiff, void *data, const char *module, const char *format, va_list arguments)
{
    struct tiff_client *client = data;
    char text[512];
    (void)tiff;
    (void)module;
    vsnprintf(text, sizeof text, format, arguments);
    if (!client->status)
        client->status = fail_codec(client->error, BAD_SAMPLE, "tiff", text);
    return 1;
}

static int drop_message(
    TIFF *tiff, void *data, const char *module, const char *format, va_list arguments)
{
    (void)tiff;
    (void)data;
    (void)module;
    (void)format;
    (void)arguments;
    return 1;
}

static size_t memory_size(const struct tiff_client *client)
{
    return client->sink ? client->sink->size : client->decoding->size;
}

static tmsize_t memory_read(thandle_t handle, void *to, tmsize_t count)
{
    struct tiff_client *client = handle;
    const unsigned char *bytes = client->sink ? client->sink->bytes : client->decoding->bytes;
    const size_t size = memory_size(client);
    const size_t left = client->position < size ? size - client->position : 0;
    const size_t got = (size_t)count < left ? (size_t)count : left;
    if (got)
        memcpy(to, bytes + client->position, got);
    client->position += got;
    return (tmsize_t)got;
}

static tmsize_t memory_write(thandle_t handle, void *from, tmsize_t count)
{
    struct tiff_client *client = handle;
    struct sink *sink = client->sink;
    size_t end;
    if (!sink || __builtin_add_overflow(client->position, (size_t)count, &end))
        return -1;
    if (end > sink->size) {
        if (sink_reserve(sink, end - sink->size)) {
            client->status = fail_memory(client->error, end);
            return -1;
        }
        memset(sink->bytes + sink->size, 0, end - sink->size);
        sink->size = end;
    }
    memcpy(sink->bytes + client->position, from, (size_t)count);
    client->position = end;
    return count;
}

static toff_t memory_seek(thandle_t handle, toff_t offset, int whence)
{
    struct tiff_client *client = handle;
    const toff_t base = whence == SEEK_CUR   ? client->position
                        : whence == SEEK_END ? memory_size(client)
                                             : 0;
    toff_t position;
    if (__builtin_add_overflow(base, offset, &position) || position > INT64_MAX)
        return (toff_t)-1;
    client->position = (size_t)position;
    return position;
}

static int memory_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t memory_length(thandle_t handle)
{
    return memory_size(handle);
}

static int memory_map(thandle_t handle, void **base, toff_t *size)
{
    const struct tiff_client *client = handle;
    if (client->sink)
        return 0;
    *base = (void *)(uintptr_t)client->decoding->bytes; /* libtiff only reads there */
    *size = client->decoding->size;
    return 1;
}

static void memory_unmap(thandle_t handle, void *base, toff_t size)
{
    (void)handle;
    (void)base;
    (void)size;
}

TIFF *tiff_client_open(struct tiff_client *client, const char *mode)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) {
        client->status = fail(client->error, BAD_SYSTEM, "tiff: out of memory");
        return NULL;
    }
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_message, client);
    TIFFOpenOptionsSetWarningHandlerExtR(options, drop_message, NULL);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, MAX_ALLOCATION);
    TIFF *tiff = TIFFClientOpenExt("picture", mode, client, memory_read, memory_write,
        memory_seek, memory_close, memory_length, memory_map, memory_unmap, options);
    TIFFOpenOptionsFree(options);
    if (!tiff)
        client->status = tiff_client_fail(client, "broken header");
    return tiff;
}
