/*
 * True labels for pictures, from a table or from the directories that they lie in.
 */
#ifndef SACCADE_LABELS_H
#define SACCADE_LABELS_H

#include "common/walk.h"

struct labels;

/*
 * A table: lines of NAME, tab, label, where a label is an integer or a class name and further
 * columns don't count. A first line is a heading where its NAME is key, file, filename, name or
 * path, or where its label is no integer and the next one's is. BAD_USAGE: a line without tab,
 * two labels for one name. BAD_SYSTEM: it can't be read.
 */
int labels_read(struct labels **labels, const char *path, struct error *error);

/*
 * The directory that a picture lies in is its class. Walks through all that is wished for,
 * which no list on standard input may be part of; only files named as pictures count.
 */
int labels_walk(struct labels **labels, const struct walk_wishes *wishes, struct error *error);

void labels_free(struct labels *labels);

/*
 * Numbers the classes that a table or directories name as a model of count classes does:
 * name(model, i) is a class's, or NULL. 1: none has a name, or a directory has none of them:
 * they are numbered in bytewise order. BAD_USAGE: a table's class that the model doesn't have.
 */
int labels_number(struct labels *labels, const char *(*name)(const void *model, size_t i),
    const void *model, size_t count, struct error *error);

/* The classes that the table or the directories name, in bytewise order; borrowed. */
size_t labels_names(const struct labels *labels, const char *const **names);

/*
 * 1 and the label of a picture, or 0. In a table, the longest tail that it has of these, cut at
 * slashes: path (of a file; NULL otherwise), KEY.suffix (otherwise), KEY; the letters of a
 * picture's extension in any case. Of a directory: by path alone. -1: no memory.
 */
int labels_find(const struct labels *labels, const char *path, const char *key,
    const char *suffix, int64_t *label);

#endif
