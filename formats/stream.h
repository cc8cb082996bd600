/*
 * The tensor stream: a strict profile of tar whose members KEY.suffix, grouped by KEY, are
 * samples (tensorstream(5)).
 *
 * Members under __stream__/ come out of the reader, and go into the writer, as samples of their
 * own with the key STREAM_KEY and one member: their order among the samples is kept.
 */
#ifndef SACCADE_STREAM_H
#define SACCADE_STREAM_H

#include "formats/io.h"
#include "formats/sample.h"

#include <jansson.h>

#define STREAM_KEY "__stream__"

struct stream_counts {
    uint64_t samples, bad, members; /* samples with the bad ones; members without __stream__/ */
};

struct stream_reader;

/*
 * Reads paths one after the other ("-" is standard input) as if they were one; the paths must
 * outlive the reader.
 */
int stream_open(
    struct stream_reader **reader, const char *const *paths, size_t count, struct error *error);
void stream_close(struct stream_reader *reader);

/*
 * The chain of programs of the first archive's head (a JSON array, borrowed; empty for a
 * foreign shard). Opens the first file; to be called before the first read.
 */
int stream_programs(struct stream_reader *reader, const json_t **programs, struct error *error);

/*
 * The next sample, or member under __stream__/. 1: there is one; 0: the end, everything was
 * whole; BAD_INPUT: truncated or corrupt, with what and where.
 */
int stream_read(struct stream_reader *reader, struct sample *sample, struct error *error);

/*
 * What the checksums say so far. SUM_HELD: every archive had a tail that agrees: after
 * BAD_INPUT even the sample that was being read is all there. SUM_UNKNOWN: of this archive no
 * tail came, or there was a foreign shard: that sample may lack members. SUM_BROKEN: the tail
 * says that something else was written, and not which.
 */
enum stream_sum { SUM_UNKNOWN, SUM_HELD, SUM_BROKEN };
enum stream_sum stream_sum(const struct stream_reader *reader);

/* Called with what a foreign shard holds that is no sample (a name without suffix). */
void stream_on_skip(
    struct stream_reader *reader, void (*skipped)(void *, const char *name), void *argument);

struct stream_writer;

int stream_create(struct stream_writer **writer, int fd, const char *name, struct error *error);
/* programs: the whole chain, borrowed. */
int stream_write_head(
    struct stream_writer *writer, const json_t *programs, struct error *error);
/* A sample whose members are all dropped isn't written. */
int stream_write(
    struct stream_writer *writer, const struct sample *sample, struct error *error);
/* Tail and end of the archive; without it the stream reads as truncated. */
int stream_finish(struct stream_writer *writer, struct error *error);
struct stream_counts stream_written(const struct stream_writer *writer);
void stream_discard(struct stream_writer *writer);

/*
 * Keys. A name from outside becomes a key by percent-encoding whatever a key can't hold, '%'
 * itself included, so that two names never become one key: empty components and "." are left
 * out, other dots, "..", and components shaped __x__ are encoded. malloc'd; NULL: no memory.
 */
char *key_encode(const char *name, size_t length);
bool key_is_legal(const char *key, size_t length);

/* The keys that were there, a 64-bit hash each: the one thing that grows with the samples. */
struct keys {
    uint64_t *hashes; /* open addressing; 0 is an empty slot */
    size_t slots, count;
};

/* 1 where the key was new, 0 where it was there, BAD_SYSTEM. */
int keys_add(struct keys *keys, const char *key, struct error *error);
void keys_free(struct keys *keys);
/* The hash; never 0. */
uint64_t key_hash(const char *key);

/* Members whose JSON (compact, one line) is made from an object, which is taken over. */
int sample_add_json(
    struct sample *sample, const char *suffix, json_t *object, struct error *error);
/* A member's JSON object, the caller's to json_decref. NULL and BAD_SAMPLE where it is no such
 * object, NULL and BAD_USAGE where it isn't there. */
int sample_json(
    const struct sample *sample, const char *suffix, json_t **object, struct error *error);

/* A f32 as JSON: the shortest decimal that reads back as the same float. */
json_t *json_float(float value);

#endif
