/*
 * A file, or standard input, that may be a picture, a run of them or a shard: opened, looked
 * into, and read into members of samples.
 */
#ifndef SACCADE_INTAKE_H
#define SACCADE_INTAKE_H

#include "formats/io.h"
#include "formats/sample.h"

/* Bytes of one picture, above which it is refused. */
#define INTAKE_MAX_BYTES ((size_t)1 << 30)

enum { INTAKE_SUFFIX = 8 };

struct intake {
    struct input input; /* fd -1 where nothing is open */
    const char *path;   /* not owned */
    bool standard;      /* standard input */
    bool regular;       /* can be opened again, or sought back to start */
    int64_t start;
    size_t size; /* of a regular file; else 0 */
};

/* BAD_SYSTEM where it can't be opened. path must outlive the intake. */
int intake_open(struct intake *intake, const char *path, bool standard, struct error *error);
void intake_close(struct intake *intake);

enum intake_kind {
    INTAKE_SHARD,   /* a tar by its first block, or at least named *.tar */
    INTAKE_FRAMES,  /* a raw PNM (P4, P5, P6), behind which there may be more */
    INTAKE_PICTURE, /* of a kind that we know */
    INTAKE_NAMED,   /* a picture by its name alone */
    INTAKE_EMPTY,
    INTAKE_UNKNOWN
};

/* What it is by its first block. What fails is a read. */
int intake_look(struct intake *intake, enum intake_kind *kind, struct error *error);

/*
 * Up to most bytes into a new member, which grows with what arrives; room: a guess at first.
 * The suffix is the file's extension in lower case where that is a picture's, else by content.
 * BAD_SAMPLE: a file can't be read (standard input: BAD_SYSTEM).
 */
int intake_read(struct intake *intake, struct sample *sample, size_t room, size_t most,
    struct error *error);

/* The length of the raw PNM that comes next, at most INTAKE_MAX_BYTES. 1: what is left, *length
 * bytes, ends inside its header; BAD_SAMPLE: it is none, or too large. */
int intake_frame(struct intake *intake, size_t *length, struct error *error);

/* Whether anything follows, and whether a raw PNM does. */
int intake_more(struct intake *intake, bool *more, bool *frame, struct error *error);

/* A name without its extension: the length. A stem of dots alone says nothing: that keeps it.
 */
size_t stem_length(const char *name);

#endif
