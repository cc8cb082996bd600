#include "formats/stream_archive.h"
#include "formats/picture.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_LIMIT = 1 << 24 };

void archive_close(struct stream_reader *reader)
{
    if (reader->input.fd > STDIN_FILENO)
        close(reader->input.fd);
    reader->input.fd = -1;
}

static int open_next(struct stream_reader *reader, struct error *error)
{
    const char *path = reader->paths[reader->next_path++];
    const bool standard = strcmp(path, "-") == 0;
    struct input *input = &reader->input;
    input->at = input->end = 0;
    input->name = standard ? "standard input" : path;
    input->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (input->fd >= 0 && fstat(input->fd, &about) == 0 && S_ISDIR(about.st_mode))
        return fail(error, BAD_USAGE,
            "%s is a directory, not a tensor stream: run preprocess on it first", input->name);
    reader->file_began = reader->headed = false;
    reader->place = BETWEEN_ARCHIVES;
    return input->fd < 0 ? fail_errno(error, "%s", path) : 0;
}

static int truncated(struct stream_reader *reader, const char *why, struct error *error)
{
    const bool piped = reader->input.fd == STDIN_FILENO;
    return fail(error, BAD_INPUT, "%s: truncated: %s%s", reader->input.name, why,
        piped ? ": see what the program before it says" : "");
}

int archive_corrupt(struct stream_reader *reader, const char *why, struct error *error)
{
    return fail(error, BAD_INPUT, "%s: corrupt: %s", reader->input.name, why);
}

int archive_ends_inside(struct stream_reader *reader, struct error *error)
{
    return fail(error, BAD_INPUT, "%s: truncated: ends inside %.200s", reader->input.name,
        reader->entry.name);
}

/* A picture where a stream should be: what newcomers try. */
static int refuse_picture(struct stream_reader *reader, struct error *error)
{
    const unsigned char *bytes;
    size_t size;
    const int status = input_peek(&reader->input, TAR_BLOCK, &bytes, &size, error);
    const char *kind = status == 0 ? picture_kind(bytes, size) : NULL;
    if (!kind)
        return status;
    return fail(error, BAD_INPUT,
        "%s is a picture (%s), not a tensor stream: run preprocess on it first",
        reader->input.name, kind);
}

int archive_payload(struct stream_reader *reader, struct member *member, struct error *error)
{
    const uint64_t size = reader->entry.size;
    uint64_t done = 0;
    while (done < size) {
        uint64_t step = done ? done : FIRST_READ;
        if (step > size - done)
            step = size - done;
        if (done + step > SIZE_MAX)
            return fail_memory(error, size);
        int status = member_reserve(member, (size_t)(done + step), (size_t)done, error);
        size_t got = 0;
        if (status == 0)
            status =
                input_read(&reader->input, member->bytes + done, (size_t)step, &got, error);
        if (status < 0)
            return status;
        if (got < step)
            return archive_ends_inside(reader, error);
        done += step;
    }
    member->size = (size_t)size;
    return tar_skip_padding(&reader->input, size, error);
}

uint32_t member_sum(uint32_t crc, const char *name, const struct member *member)
{
    unsigned char size[8];
    for (int i = 0; i < 8; i++)
        size[i] = (unsigned char)((uint64_t)member->size >> 8 * i);
    crc = libdeflate_crc32(crc, name, strlen(name) + 1);
    crc = libdeflate_crc32(crc, size, sizeof size);
    return member->size > 0 ? libdeflate_crc32(crc, member->bytes, member->size) : crc;
}

/* The payload of head or tail, as JSON. */
static int read_json(
    struct stream_reader *reader, json_t **object, char **text, struct error *error)
{
    struct member member = { 0 };
    if (reader->entry.size > HEAD_LIMIT)
        return archive_corrupt(reader, "head or tail of more than 16 MB", error);
    int status = archive_payload(reader, &member, error);
    if (status == 0) {
        *object = json_loadb((char *)member.bytes, member.size, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(*object)) {
            json_decref(*object);
            status = archive_corrupt(reader, "head or tail is not a JSON object", error);
        } else if (text && !(*text = strndup((char *)member.bytes, member.size))) {
            json_decref(*object);
            status = fail_memory(error, member.size);
        }
    }
    free(member.bytes);
    return status;
}

static int begin_headed(struct stream_reader *reader, struct error *error)
{
    json_t *head;
    free(reader->later_head);
    reader->later_head = NULL;
    const bool first = reader->archives == 0;
    const int status = read_json(reader, &head, first ? NULL : &reader->later_head, error);
    if (status < 0)
        return status;
    const char *format = json_string_value(json_object_get(head, "format"));
    const json_int_t version = json_integer_value(json_object_get(head, "version"));
    json_t *programs = json_object_get(head, "pg");
    int result = 0;
    if (!format || strcmp(format, "tensorstream") != 0 || !json_is_array(programs))
        result = archive_corrupt(reader, "head is not a tensor stream's", error);
    else if (version != 1)
        result = fail(error, BAD_INPUT, "%s: refused: version %lld of the tensor stream",
            reader->input.name, (long long)version);
    else if (first)
        reader->programs = json_incref(programs);
    json_decref(head);
    reader->headed = true;
    return result;
}

static bool tail_says(const json_t *tail, const char *what, uint64_t count)
{
    const json_t *value = json_object_get(tail, what);
    return json_is_integer(value) && json_integer_value(value) == (json_int_t)count;
}

static int check_tail(struct stream_reader *reader, struct error *error)
{
    json_t *tail;
    const int status = read_json(reader, &tail, NULL, error);
    if (status < 0)
        return status;
    const bool counts = tail_says(tail, "samples", reader->counts.samples)
                        && tail_says(tail, "bad", reader->counts.bad)
                        && tail_says(tail, "members", reader->counts.members);
    const bool sum = tail_says(tail, "crc32", reader->crc);
    json_decref(tail);
    reader->place = BEHIND_TAIL;
    reader->sum = !counts || !sum ? SUM_BROKEN : reader->foreign ? SUM_UNKNOWN : SUM_HELD;
    if (!counts)
        return archive_corrupt(reader, "the tail counts other samples or members", error);
    return sum ? 0 : archive_corrupt(reader, "wrong CRC-32", error);
}

/* The first header of an archive was read. 1: its payload is the caller's; 0: it was the head.
 */
static int begin_archive(struct stream_reader *reader, struct error *error)
{
    reader->place = IN_ARCHIVE;
    reader->headed = false;
    reader->crc = 0;
    reader->counts = (struct stream_counts){ 0 };
    const bool foreign = strcmp(reader->entry.name, STREAM_KEY "/head") != 0;
    int status = foreign ? 1 : begin_headed(reader, error);
    if (foreign && strcmp(reader->entry.name, STREAM_KEY "/tail") == 0)
        status = archive_corrupt(reader, "a tail without a head", error);
    reader->foreign |= foreign;
    if (status >= 0)
        reader->sum = SUM_UNKNOWN;
    reader->archives++;
    return status;
}

static int end_archive(struct stream_reader *reader, struct error *error)
{
    if (reader->headed && reader->place != BEHIND_TAIL)
        return truncated(reader, "has a head and no tail", error);
    const int status = tar_read_header(&reader->input, &reader->entry, error);
    if (status == 2)
        return truncated(reader, "one zero block at the end instead of two", error);
    if (status == 1)
        return archive_corrupt(reader, "one zero block between members", error);
    reader->place = BETWEEN_ARCHIVES;
    return status;
}

static int end_file(struct stream_reader *reader, struct error *error)
{
    if (!reader->file_began)
        return truncated(reader, "no bytes at all", error);
    if (reader->place != BETWEEN_ARCHIVES)
        return truncated(reader,
            reader->headed && reader->place != BEHIND_TAIL
                ? "has a head and no tail"
                : "has no end marker (two zero blocks)",
            error);
    archive_close(reader);
    return 0;
}

/* A header inside an archive. 1: its payload is the caller's; 0: it was the tail. */
static int in_archive(struct stream_reader *reader, struct error *error)
{
    const char *name = reader->entry.name;
    if (reader->place == BEHIND_TAIL)
        return archive_corrupt(reader, "a member behind the tail", error);
    if (strcmp(name, STREAM_KEY "/head") == 0)
        return truncated(reader, "a second head before a tail", error);
    if (strcmp(name, STREAM_KEY "/tail") != 0)
        return 1;
    return reader->headed ? check_tail(reader, error)
                          : archive_corrupt(reader, "a tail without a head", error);
}

int archive_advance(struct stream_reader *reader, struct error *error)
{
    while (reader->input.fd >= 0 || reader->next_path < reader->path_count) {
        int status = 0;
        if (reader->input.fd < 0 && (status = open_next(reader, error)) == 0)
            status = refuse_picture(reader, error);
        if (status < 0)
            return status;
        status = tar_read_header(&reader->input, &reader->entry, error);
        const bool between = reader->place == BETWEEN_ARCHIVES;
        if (status == 2) {
            status = end_file(reader, error);
        } else if (status == 0) {
            /* Behind an archive there may be more of them; an empty one is just two. */
            status = between && reader->file_began ? 0 : end_archive(reader, error);
            reader->file_began = true;
        } else if (status == 1) {
            reader->file_began = true;
            status = between ? begin_archive(reader, error) : in_archive(reader, error);
            if (status == 1 || (status == 0 && reader->later_head)) {
                reader->has_entry = status == 1;
                return 1;
            }
        }
        if (status < 0)
            return status;
    }
    return 0;
}
