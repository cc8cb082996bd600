/*
 * Names to files: operands, a list of names, and all pictures below directories, one at a time
 * in a fixed order.
 */
#ifndef SACCADE_WALK_H
#define SACCADE_WALK_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct walk_wishes {
    const char *const *operands; /* files, directories, "-"; they must outlive the walk */
    size_t count;
    const char
        *list; /* a file of more of them behind the operands, "-" for standard input; NULL */
    char delimiter; /* of its names: '\n' or '\0' */
};

/* Good until the next one. */
struct place {
    const char *path; /* as it is to be opened; "-" for standard input */
    const char *name; /* the tail of path that its key is made of */
    bool standard;    /* standard input; in a list "-" is a file of that name */
};

/* What lay in directories and isn't named as a picture is; hidden files don't count. */
struct walk_skipped {
    uint64_t count;
    char *first; /* path; owned by the walk */
};

struct walk;

/* BAD_SYSTEM where the list can't be opened. */
int walk_open(struct walk **walk, const struct walk_wishes *wishes, struct error *error);
void walk_close(struct walk *walk);

/*
 * 1: the next file, which need not be there; 0: the end. Of a directory all files that are
 * named as pictures, however deep, come in bytewise order of their paths; links are followed,
 * hidden ones left out. BAD_SAMPLE: place is a directory that can't be read; the walk goes on.
 */
int walk_next(struct walk *walk, struct place *place, struct error *error);

const struct walk_skipped *walk_skipped(const struct walk *walk);

/* How many files with a picture's name are coming, by a walk of its own through all of it. */
int walk_count(const struct walk_wishes *wishes, uint64_t *count, struct error *error);

/* Where the path's last component begins. */
const char *path_base(const char *path);

/* Its extension, behind the last dot: "" where there is none, or the dot comes first. */
const char *path_extension(const char *path);

#endif
