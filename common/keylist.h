/*
 * Keys wanted, from a file with one a line. What stands behind a tab is passed over, and so is
 * a first line that begins with "key" and a tab: a table as topk writes it is such a file.
 */
#ifndef SACCADE_KEYLIST_H
#define SACCADE_KEYLIST_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>

struct listed_key {
    char *key; /* in text */
    bool found;
};

struct keylist {
    char *text;              /* the file, cut into keys */
    struct listed_key *keys; /* sorted, each once */
    size_t count;
};

/* path "-" is standard input. */
int keylist_read(struct keylist *list, const char *path, struct error *error);
void keylist_free(struct keylist *list);

/* Whether the key is in the list; from then on it has been found. */
bool keylist_find(struct keylist *list, const char *key);

/* How many were not found, with the first of them (NULL: none). */
size_t keylist_missing(const struct keylist *list, const char **first);

#endif
