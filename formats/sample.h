/*
 * A sample: a key and its members, each a suffix and a payload (tensorstream(5)).
 *
 * A sample is reused for one after another: clearing it keeps the buffers, so that memory and
 * page faults stay flat over a million samples. What a stage drops or adds can be taken back
 * until the next is read, so that a sample that fails goes out as it came in.
 */
#ifndef SACCADE_SAMPLE_H
#define SACCADE_SAMPLE_H

#include "formats/error.h"
#include "formats/npy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct member {
    char *suffix;         /* "jpg", "attn.00.npy"; owned */
    unsigned char *bytes; /* aligned to 64; owned */
    size_t size, room;
    int64_t at;   /* where its bytes begin in the file that they were read from, or -1 */
    bool dropped; /* not written, not found */
};

struct sample {
    char *key;    /* owned; NULL before the first */
    char *origin; /* the file that it was read from, for messages; owned; or NULL */
    struct member *members;
    size_t count, slots; /* slots beyond count keep their buffers for later */
    size_t arrived;      /* members there were before the stage added its own */
    bool bad;            /* has a __bad__ member */
    bool omitted;        /* left out by a selection: not written, not counted */
};

void sample_free(struct sample *sample);

/* Gives back the buffers that the sample keeps for later. */
void sample_trim(struct sample *sample);

/* Empties the sample and gives it a new key. */
int sample_begin(struct sample *sample, const char *key, struct error *error);

/* Adds a member of size bytes, not set to anything. Its bytes stay where they are until the
 * sample is cleared; *member, like all members, may move when the next is added. A suffix that
 * is there already is BAD_SAMPLE. */
int sample_add(struct sample *sample, const char *suffix, size_t size, struct member **member,
    struct error *error);
int sample_add_text(
    struct sample *sample, const char *suffix, const char *text, struct error *error);

/* Makes room for size bytes, keeping the first keep of them. */
int member_reserve(struct member *member, size_t size, size_t keep, struct error *error);

/* Adds SUFFIX, an f32 array in C order, and gives the place of its data. */
int sample_add_floats(struct sample *sample, const char *suffix, size_t rank,
    const size_t *shape, float **data, struct error *error);

/* The member with that suffix, or NULL. */
struct member *sample_find(const struct sample *sample, const char *suffix);

/* The first member whose suffix is a picture's, or NULL. */
struct member *sample_picture(const struct sample *sample);

/* Drops the members whose suffix matches the glob (fnmatch(3)); returns how many. */
size_t sample_drop(struct sample *sample, const char *glob);

/* Takes back what was added and dropped since sample->arrived was set. */
void sample_restore(struct sample *sample);

/* The array in that member as f32 in C order with exactly rank dimensions: in place where it
 * is stored so, else converted into *scratch (grown as needed, the caller frees). BAD_SAMPLE
 * where the member is no such array, BAD_USAGE where it isn't there. */
struct floats {
    size_t rank, shape[NPY_MAX_RANK], count;
    const float *data;
};
int sample_floats(const struct sample *sample, const char *suffix, size_t rank,
    struct floats *floats, struct scratch *scratch, struct error *error);

#endif
