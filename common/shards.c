#include "common/shards.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_KEPT = 1024, MAX_DIGITS = 18 };

struct shards {
    const char *pattern, *behind; /* what follows the %d */
    int before, width;            /* bytes in front of it; digits at least */
    uint64_t samples, number;     /* a file; of the next file */
    struct stream_writer *writer; /* NULL: no file is open */
    struct whole_file file;
    struct member *kept; /* members under __stream__/ that every file begins with */
    size_t kept_count;
};

int shards_create(
    struct shards **shards, const char *pattern, uint64_t samples, struct error *error)
{
    const char *percent = strchr(pattern, '%'), *end = percent;
    long width = 0;
    if (percent && isdigit((unsigned char)percent[1]))
        width = strtol(percent + 1, (char **)&end, 10);
    else if (percent)
        end = percent + 1;
    if (!percent || *end != 'd' || strchr(end, '%') || width > MAX_DIGITS)
        return fail(error, BAD_USAGE,
            "--output %s: with --split takes a name with one %%d or %%05d for the number",
            pattern);
    *shards = calloc(1, sizeof **shards);
    if (!*shards)
        return fail_memory(error, sizeof **shards);
    (*shards)->pattern = pattern;
    (*shards)->before = (int)(percent - pattern);
    (*shards)->width = (int)width;
    (*shards)->behind = end + 1;
    (*shards)->samples = samples;
    (*shards)->file.fd = -1;
    return 0;
}

void shards_free(struct shards *shards)
{
    if (!shards)
        return;
    stream_discard(shards->writer);
    file_release(&shards->file);
    for (size_t i = 0; i < shards->kept_count; i++) {
        free(shards->kept[i].suffix);
        free(shards->kept[i].bytes);
    }
    free(shards->kept);
    free(shards);
}

static int write_member(struct shards *shards, const struct member *member, struct error *error)
{
    const struct sample sample = {
        .key = (char *)(uintptr_t)STREAM_KEY, .members = (struct member *)member, .count = 1
    };
    return stream_write(shards->writer, &sample, error);
}

static int open_file(struct shards *shards, const json_t *programs, struct error *error)
{
    char *path;
    if (asprintf(&path, "%.*s%0*llu%s", shards->before, shards->pattern, shards->width,
            (unsigned long long)shards->number++, shards->behind)
        < 0)
        return fail_memory(error, strlen(shards->pattern) + MAX_DIGITS);
    int status = file_begin(path, &shards->file, error);
    free(path);
    if (status == 0)
        status = stream_create(&shards->writer, shards->file.fd, shards->file.part, error);
    if (status == 0)
        status = stream_write_head(shards->writer, programs, error);
    for (size_t i = 0; i < shards->kept_count && status == 0; i++)
        status = write_member(shards, &shards->kept[i], error);
    return status;
}

static int close_file(struct shards *shards, struct error *error)
{
    int status = stream_finish(shards->writer, error);
    if (status == 0)
        status = file_commit(&shards->file, error);
    stream_discard(shards->writer);
    shards->writer = NULL;
    file_release(&shards->file);
    return status;
}

static bool same_bytes(const struct member *a, const struct member *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

/* The place to keep a member in: that of the pg before it, of an equal model, or a new one. */
static int find_place(struct shards *shards, const struct member *member, struct member **place,
    struct error *error)
{
    const bool replaces = strcmp(member->suffix, "pg") == 0;
    for (size_t i = 0; i < shards->kept_count; i++) {
        *place = &shards->kept[i];
        if (strcmp((*place)->suffix, member->suffix) == 0
            && (replaces || same_bytes(*place, member)))
            return 0;
    }
    if (shards->kept_count == MAX_KEPT)
        return fail(
            error, BAD_INPUT, "refused: --split of a stream of over %d models", MAX_KEPT);
    const size_t size = (shards->kept_count + 1) * sizeof *shards->kept;
    struct member *grown = realloc(shards->kept, size);
    if (!grown)
        return fail_memory(error, size);
    shards->kept = grown;
    *place = &grown[shards->kept_count];
    **place = (struct member){ .suffix = strdup(member->suffix) };
    if (!(*place)->suffix)
        return fail_memory(error, strlen(member->suffix) + 1);
    shards->kept_count++;
    return 0;
}

static int keep_member(struct shards *shards, const struct member *member, struct error *error)
{
    struct member *place = NULL;
    if (strcmp(member->suffix, "model") != 0 && strcmp(member->suffix, "pg") != 0)
        return 0;
    int status = find_place(shards, member, &place, error);
    if (status == 0)
        status = member_reserve(place, member->size, 0, error);
    if (status == 0 && member->size > 0)
        memcpy(place->bytes, member->bytes, member->size);
    if (status == 0)
        place->size = member->size;
    return status;
}

int shards_write(struct shards *shards, const json_t *programs, const struct sample *sample,
    struct error *error)
{
    const bool of_stream = strcmp(sample->key, STREAM_KEY) == 0;
    int status = 0;
    if (!of_stream && shards->writer
        && stream_written(shards->writer).samples >= shards->samples)
        status = close_file(shards, error);
    if (status == 0 && !shards->writer)
        status = open_file(shards, programs, error);
    if (status == 0 && of_stream)
        status = keep_member(shards, &sample->members[0], error);
    return status < 0 ? status : stream_write(shards->writer, sample, error);
}

int shards_finish(struct shards *shards, const json_t *programs, struct error *error)
{
    const int status = shards->writer ? 0 : open_file(shards, programs, error);
    return status < 0 ? status : close_file(shards, error);
}
