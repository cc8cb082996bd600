#include "formats/stream_archive.h"

#include <stdlib.h>
#include <string.h>

int stream_open(
    struct stream_reader **reader, const char *const *paths, size_t count, struct error *error)
{
    *reader = calloc(1, sizeof **reader);
    if (!*reader)
        return fail_memory(error, sizeof **reader);
    (*reader)->paths = paths;
    (*reader)->path_count = count;
    (*reader)->input.fd = -1;
    return 0;
}

void stream_close(struct stream_reader *reader)
{
    if (!reader)
        return;
    archive_close(reader);
    json_decref(reader->programs);
    free(reader->later_head);
    free(reader->entry.name);
    keys_free(&reader->keys);
    free(reader);
}

enum stream_sum stream_sum(const struct stream_reader *reader)
{
    return reader->sum;
}

void stream_on_skip(
    struct stream_reader *reader, void (*skipped)(void *, const char *name), void *argument)
{
    reader->skipped = skipped;
    reader->skipped_argument = argument;
}

int stream_programs(struct stream_reader *reader, const json_t **programs, struct error *error)
{
    if (reader->archives == 0 && !reader->file_began) {
        const int status = archive_advance(reader, error);
        if (status < 0)
            return status;
    }
    if (!reader->programs && !(reader->programs = json_array()))
        return fail_memory(error, sizeof(json_t *));
    *programs = reader->programs;
    return 0;
}

/* A member's payload into the sample. */
static int take_member(struct stream_reader *reader, struct sample *sample, const char *suffix,
    struct error *error)
{
    if (sample_find(sample, suffix))
        return fail(error, BAD_INPUT,
            "%s: %.300s: a second %.100s in one sample: join shards with preprocess "
            "--prefix-shard",
            reader->input.name, sample->key, suffix);
    struct member *member;
    const size_t first =
        reader->entry.size < FIRST_READ ? (size_t)reader->entry.size : FIRST_READ;
    int status = sample_add(sample, suffix, first, &member, error);
    if (status == 0)
        member->at = input_tell(&reader->input);
    if (status == 0)
        status = archive_payload(reader, member, error);
    if (status < 0)
        return status;
    reader->has_entry = false;
    if (reader->headed)
        reader->crc = member_sum(reader->crc, reader->entry.name, member);
    if (strcmp(suffix, "__bad__") == 0 && strcmp(sample->key, STREAM_KEY) != 0) {
        reader->counts.bad += !sample->bad;
        sample->bad = true;
    }
    return 0;
}

/* The key of a member's name, up to the first dot of its last component: malloc'd in *key, the
 * suffix inside name. 0: it has no suffix or no key, and is no sample. */
static int split_name(
    struct stream_reader *reader, char **key, const char **suffix, struct error *error)
{
    const char *name = reader->entry.name, *slash = strrchr(name, '/');
    const char *base = slash ? slash + 1 : name, *dot = strchr(base, '.');
    if (!dot || dot == base || dot[1] == '\0') {
        if (!reader->headed)
            return 0;
        return fail(
            error, BAD_INPUT, "%s: corrupt: %.300s is no KEY.suffix", reader->input.name, name);
    }
    const size_t length = (size_t)(dot - name);
    if (reader->headed && !key_is_legal(name, length))
        return fail(
            error, BAD_INPUT, "%s: corrupt: illegal key in %.300s", reader->input.name, name);
    *suffix = dot + 1;
    *key = reader->headed ? strndup(name, length) : key_encode(name, length);
    return *key ? 1 : fail_memory(error, length);
}

static int skip_member(struct stream_reader *reader, struct error *error)
{
    unsigned char block[4096];
    if (reader->skipped)
        reader->skipped(reader->skipped_argument, reader->entry.name);
    for (uint64_t left = reader->entry.size; left > 0;) {
        const size_t size = left < sizeof block ? (size_t)left : sizeof block;
        size_t got;
        const int status = input_read(&reader->input, block, size, &got, error);
        if (status < 0)
            return status;
        if (got < size)
            return archive_ends_inside(reader, error);
        left -= size;
    }
    reader->has_entry = false;
    return tar_skip_padding(&reader->input, reader->entry.size, error);
}

static int begin_sample(
    struct stream_reader *reader, struct sample *sample, const char *key, struct error *error)
{
    const int added = keys_add(&reader->keys, key, error);
    if (added == 0)
        return fail(error, BAD_INPUT,
            "%s: key %.300s returns: join shards with preprocess --prefix-shard",
            reader->input.name, key);
    reader->counts.samples++;
    return added < 0 ? added : sample_begin(sample, key, error);
}

/* One member under __stream__/ as a sample of its own. */
static int read_stream_member(
    struct stream_reader *reader, struct sample *sample, struct error *error)
{
    int status = sample_begin(sample, STREAM_KEY, error);
    if (status < 0)
        return status;
    if (reader->later_head) {
        status = sample_add_text(sample, "pg", reader->later_head, error);
        free(reader->later_head);
        reader->later_head = NULL;
    } else if (reader->entry.name[strlen(STREAM_KEY "/")] == '\0') {
        status = archive_corrupt(reader, "a member " STREAM_KEY "/ without a name", error);
    } else {
        status =
            take_member(reader, sample, reader->entry.name + strlen(STREAM_KEY "/"), error);
    }
    sample->arrived = sample->count;
    return status < 0 ? status : 1;
}

static bool is_stream_member(const struct stream_reader *reader)
{
    return reader->later_head
           || strncmp(reader->entry.name, STREAM_KEY "/", strlen(STREAM_KEY "/")) == 0;
}

/* The member read ahead, into the sample. 1: go on; 0: it belongs to the next sample. */
static int extend_sample(
    struct stream_reader *reader, struct sample *sample, bool *began, struct error *error)
{
    char *key = NULL;
    const char *suffix = NULL;
    int status = split_name(reader, &key, &suffix, error);
    if (status < 0)
        return status;
    if (status == 0) {
        status = skip_member(reader, error);
        return status < 0 ? status : 1;
    }
    if (*began && strcmp(key, sample->key) != 0) {
        free(key);
        return 0;
    }
    status = *began ? 0 : begin_sample(reader, sample, key, error);
    free(key);
    *began = true;
    if (status == 0)
        status = take_member(reader, sample, suffix, error);
    reader->counts.members++;
    return status < 0 ? status : 1;
}

int stream_read(struct stream_reader *reader, struct sample *sample, struct error *error)
{
    size_t archive = 0;
    bool began = false;
    for (;;) {
        int status =
            reader->has_entry || reader->later_head ? 1 : archive_advance(reader, error);
        if (status < 0)
            return status;
        if (status == 0 || (began && (is_stream_member(reader) || reader->archives != archive)))
            break;
        if (is_stream_member(reader))
            return read_stream_member(reader, sample, error);
        archive = reader->archives;
        status = extend_sample(reader, sample, &began, error);
        if (status < 0)
            return status;
        if (status == 0)
            break;
    }
    sample->arrived = sample->count;
    return began;
}
