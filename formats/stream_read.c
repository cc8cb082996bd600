#include "formats/stream.h"
#include "formats/picture.h"
#include "formats/tar.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_LIMIT = 1 << 24, FIRST_READ = 1 << 26 };

/* Where in an archive the reader stands. */
enum place { BETWEEN_ARCHIVES, IN_ARCHIVE, BEHIND_TAIL };

struct stream_reader {
    const char *const *paths;
    size_t path_count, next_path, archives;
    struct input input;
    enum place place;
    bool headed;     /* this archive has a head */
    bool file_began; /* this file had at least one block */
    bool foreign;    /* an archive had no head */
    enum stream_sum sum;
    uint32_t crc;
    struct stream_counts counts; /* of this archive */
    json_t *programs;            /* of the first archive */
    char *later_head;            /* of this archive where it isn't the first, to go out as pg */
    struct tar_entry entry;
    bool has_entry; /* entry was read ahead; its payload is next */
    struct keys keys;
    void (*skipped)(void *, const char *);
    void *skipped_argument;
};

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

static void close_input(struct stream_reader *reader)
{
    if (reader->input.fd > STDIN_FILENO)
        close(reader->input.fd);
    reader->input.fd = -1;
}

void stream_close(struct stream_reader *reader)
{
    if (!reader)
        return;
    close_input(reader);
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

static int corrupt(struct stream_reader *reader, const char *why, struct error *error)
{
    return fail(error, BAD_INPUT, "%s: corrupt: %s", reader->input.name, why);
}

static int ends_inside(struct stream_reader *reader, struct error *error)
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

/* Reads the payload into the member, which grows with what arrives. */
static int read_payload(
    struct stream_reader *reader, struct member *member, struct error *error)
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
            return ends_inside(reader, error);
        done += step;
    }
    member->size = (size_t)size;
    return tar_skip_padding(&reader->input, size, error);
}

static void sum_member(struct stream_reader *reader, const struct member *member)
{
    unsigned char size[8];
    for (int i = 0; i < 8; i++)
        size[i] = (unsigned char)(reader->entry.size >> 8 * i);
    const char *name = reader->entry.name;
    reader->crc = libdeflate_crc32(reader->crc, name, strlen(name) + 1);
    reader->crc = libdeflate_crc32(reader->crc, size, sizeof size);
    if (member->size > 0)
        reader->crc = libdeflate_crc32(reader->crc, member->bytes, member->size);
}

/* The payload of head or tail, as JSON. */
static int read_json(
    struct stream_reader *reader, json_t **object, char **text, struct error *error)
{
    struct member member = { 0 };
    if (reader->entry.size > HEAD_LIMIT)
        return corrupt(reader, "head or tail of more than 16 MB", error);
    int status = read_payload(reader, &member, error);
    if (status == 0) {
        *object = json_loadb((char *)member.bytes, member.size, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(*object)) {
            json_decref(*object);
            status = corrupt(reader, "head or tail is not a JSON object", error);
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
        result = corrupt(reader, "head is not a tensor stream's", error);
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
        return corrupt(reader, "the tail counts other samples or members", error);
    return sum ? 0 : corrupt(reader, "wrong CRC-32", error);
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
        status = corrupt(reader, "a tail without a head", error);
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
        return corrupt(reader, "one zero block between members", error);
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
    close_input(reader);
    return 0;
}

/* A header inside an archive. 1: its payload is the caller's; 0: it was the tail. */
static int in_archive(struct stream_reader *reader, struct error *error)
{
    const char *name = reader->entry.name;
    if (reader->place == BEHIND_TAIL)
        return corrupt(reader, "a member behind the tail", error);
    if (strcmp(name, STREAM_KEY "/head") == 0)
        return truncated(reader, "a second head before a tail", error);
    if (strcmp(name, STREAM_KEY "/tail") != 0)
        return 1;
    return reader->headed ? check_tail(reader, error)
                          : corrupt(reader, "a tail without a head", error);
}

/* Reads up to the next header whose payload is the caller's. 1: there is one; 0: the end. */
static int advance(struct stream_reader *reader, struct error *error)
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

int stream_programs(struct stream_reader *reader, const json_t **programs, struct error *error)
{
    if (reader->archives == 0 && !reader->file_began) {
        const int status = advance(reader, error);
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
        status = read_payload(reader, member, error);
    if (status < 0)
        return status;
    reader->has_entry = false;
    if (reader->headed)
        sum_member(reader, member);
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
            return ends_inside(reader, error);
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
        status = corrupt(reader, "a member " STREAM_KEY "/ without a name", error);
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
        int status = reader->has_entry || reader->later_head ? 1 : advance(reader, error);
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
