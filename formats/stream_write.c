#include "formats/stream_archive.h"

#include <stdlib.h>
#include <string.h>

struct stream_writer {
    struct output output;
    struct stream_counts counts;
    uint32_t crc;
    char *name; /* of the member being written */
    size_t name_room;
};

int stream_create(struct stream_writer **writer, int fd, const char *name, struct error *error)
{
    *writer = calloc(1, sizeof **writer);
    if (!*writer)
        return fail_memory(error, sizeof **writer);
    (*writer)->output.fd = fd;
    (*writer)->output.name = name;
    return 0;
}

void stream_discard(struct stream_writer *writer)
{
    if (writer)
        free(writer->name);
    free(writer);
}

struct stream_counts stream_written(const struct stream_writer *writer)
{
    return writer->counts;
}

static int write_member(struct stream_writer *writer, const char *name, const void *bytes,
    size_t size, struct error *error)
{
    int status = tar_write_header(&writer->output, name, size, error);
    if (status == 0)
        status = output_write(&writer->output, bytes, size, error);
    return status < 0 ? status : tar_write_padding(&writer->output, size, error);
}

static int write_json(
    struct stream_writer *writer, const char *name, json_t *object, struct error *error)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (!text)
        return fail_memory(error, strlen(name));
    const int status = write_member(writer, name, text, strlen(text), error);
    free(text);
    return status;
}

int stream_write_head(struct stream_writer *writer, const json_t *programs, struct error *error)
{
    return write_json(writer, STREAM_KEY "/head",
        json_pack("{s:s, s:i, s:O}", "format", "tensorstream", "version", 1, "pg", programs),
        error);
}

static int full_name(struct stream_writer *writer, const char *key, const char *between,
    const char *suffix, struct error *error)
{
    const size_t size = strlen(key) + strlen(suffix) + 2;
    if (size > writer->name_room) {
        char *grown = realloc(writer->name, 2 * size);
        if (!grown)
            return fail_memory(error, 2 * size);
        writer->name = grown;
        writer->name_room = 2 * size;
    }
    stpcpy(stpcpy(stpcpy(writer->name, key), between), suffix);
    return 0;
}

int stream_write(struct stream_writer *writer, const struct sample *sample, struct error *error)
{
    const bool of_stream = strcmp(sample->key, STREAM_KEY) == 0;
    const uint64_t members = writer->counts.members;
    bool bad = false;
    for (size_t i = 0; i < sample->count; i++) {
        const struct member *member = &sample->members[i];
        if (member->dropped)
            continue;
        int status =
            full_name(writer, sample->key, of_stream ? "/" : ".", member->suffix, error);
        if (status == 0)
            status = write_member(writer, writer->name, member->bytes, member->size, error);
        if (status < 0)
            return status;
        writer->crc = member_sum(writer->crc, writer->name, member);
        writer->counts.members += !of_stream;
        bad |= strcmp(member->suffix, "__bad__") == 0;
    }
    if (writer->counts.members > members) { /* else nothing of it is in the stream */
        writer->counts.samples++;
        writer->counts.bad += bad;
    }
    return output_flush(&writer->output, error);
}

int stream_finish(struct stream_writer *writer, struct error *error)
{
    static const unsigned char end[2 * TAR_BLOCK];
    const int status = write_json(writer, STREAM_KEY "/tail",
        json_pack("{s:I, s:I, s:I, s:I}", "samples", (json_int_t)writer->counts.samples, "bad",
            (json_int_t)writer->counts.bad, "members", (json_int_t)writer->counts.members,
            "crc32", (json_int_t)writer->crc),
        error);
    if (status < 0)
        return status;
    const int ended = output_write(&writer->output, end, sizeof end, error);
    return ended < 0 ? ended : output_flush(&writer->output, error);
}
