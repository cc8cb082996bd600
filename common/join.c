#include "common/join.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct side {
    struct stream_reader *reader;
    const char *name; /* for messages */
    struct sample sample;
    enum { SIDE_EMPTY, SIDE_HOLDS, SIDE_ENDED } state;
};

struct join {
    struct side first, second;
    const char *path; /* of the second; stream_open keeps a pointer to it */
    const char *prefix;
    bool began;
};

int join_open(struct join **join, struct stream_reader *first, const char *name,
    const char *path, const char *prefix, struct error *error)
{
    struct join *made = *join = calloc(1, sizeof *made);
    if (!made)
        return fail_memory(error, sizeof *made);
    made->path = path;
    made->prefix = prefix;
    made->first.reader = first;
    made->first.name = name;
    made->second.name = strcmp(path, "-") == 0 ? "standard input" : path;
    return stream_open(&made->second.reader, &made->path, 1, error);
}

void join_close(struct join *join)
{
    if (!join)
        return;
    stream_close(join->second.reader);
    sample_free(&join->first.sample);
    sample_free(&join->second.sample);
    free(join);
}

static void swap_samples(struct sample *a, struct sample *b)
{
    const struct sample swapped = *a;
    *a = *b;
    *b = swapped;
}

/* The second stream's head, as a member pg. 0: it is a foreign shard and has none. */
static int read_second_head(struct join *join, struct sample *sample, struct error *error)
{
    const json_t *programs;
    int status = stream_programs(join->second.reader, &programs, error);
    if (status < 0 || json_array_size(programs) == 0)
        return status;
    status = sample_begin(sample, STREAM_KEY, error);
    if (status == 0)
        status = sample_add_json(sample, "pg",
            json_pack(
                "{s:s, s:i, s:O}", "format", "tensorstream", "version", 1, "pg", programs),
            error);
    return status < 0 ? status : 1;
}

/* 1: a member under __stream__/ was read, into *sample; 0: a sample is held, or the end came.
 */
static int fill_side(struct side *side, struct sample *sample, struct error *error)
{
    if (side->state != SIDE_EMPTY)
        return 0;
    const int got = stream_read(side->reader, &side->sample, error);
    if (got < 0)
        return got;
    if (got > 0 && strcmp(side->sample.key, STREAM_KEY) == 0) {
        swap_samples(sample, &side->sample);
        return 1;
    }
    side->state = got > 0 ? SIDE_HOLDS : SIDE_ENDED;
    return 0;
}

static int check_keys(const struct join *join, struct error *error)
{
    const struct side *first = &join->first, *second = &join->second;
    if (first->state != second->state) {
        const struct side *longer = first->state == SIDE_HOLDS ? first : second;
        return fail(error, BAD_INPUT,
            "%.200s has key %.200s where %.200s ends: --join takes the same keys in the same "
            "order, as --keys-from selects them",
            longer->name, longer->sample.key, longer == first ? second->name : first->name);
    }
    if (first->state == SIDE_HOLDS && strcmp(first->sample.key, second->sample.key) != 0)
        return fail(error, BAD_INPUT,
            "%.200s has key %.200s where %.200s has %.200s: --join takes the same keys in the "
            "same order, as --keys-from selects them",
            second->name, second->sample.key, first->name, first->sample.key);
    return 0;
}

/* Moves a member's bytes into the sample, without copying them. */
static int move_member(struct join *join, struct member *from, const char *prefix,
    struct sample *sample, struct error *error)
{
    char *suffix = NULL;
    if (asprintf(&suffix, "%s%s%s", prefix ? prefix : "", prefix ? "." : "", from->suffix) < 0)
        return fail_memory(error, strlen(from->suffix));
    struct member *to;
    int status = 0;
    if (sample_find(sample, suffix))
        status = fail(error, BAD_USAGE,
            "%.200s: both %.200s and %.200s have %.200s: name the second with --prefix-b, or "
            "drop it there",
            sample->key, join->first.name, join->second.name, suffix);
    else
        status = sample_add(sample, suffix, 0, &to, error);
    free(suffix);
    if (status < 0)
        return status;
    const struct member swapped = *to;
    to->bytes = from->bytes;
    to->size = from->size;
    to->room = from->room;
    from->bytes = swapped.bytes;
    from->size = 0;
    from->room = swapped.room;
    return 0;
}

static int merge(struct join *join, struct sample *sample, struct error *error)
{
    struct sample *second = &join->second.sample;
    join->first.state = join->second.state = SIDE_EMPTY;
    swap_samples(sample, &join->first.sample);
    int status = 0;
    for (size_t i = 0; i < second->count && !sample->bad && status == 0; i++) {
        struct member *member = &second->members[i];
        if (!second->bad)
            status = move_member(join, member, join->prefix, sample, error);
        else if (strcmp(member->suffix, "__bad__") == 0)
            status = move_member(join, member, NULL, sample, error);
    }
    sample->bad |= second->bad;
    sample->arrived = sample->count;
    return status < 0 ? status : 1;
}

int join_read(struct join *join, struct sample *sample, struct error *error)
{
    int status = 0;
    if (!join->began) {
        join->began = true;
        status = read_second_head(join, sample, error);
    }
    if (status == 0)
        status = fill_side(&join->first, sample, error);
    if (status == 0)
        status = fill_side(&join->second, sample, error);
    if (status != 0)
        return status;
    status = check_keys(join, error);
    if (status < 0 || join->first.state == SIDE_ENDED)
        return status;
    return merge(join, sample, error);
}
