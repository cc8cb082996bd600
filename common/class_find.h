/*
 * A class of a model by what an option says of it: an index, or a name.
 */
#ifndef SACCADE_CLASS_FIND_H
#define SACCADE_CLASS_FIND_H

#include "formats/error.h"

#include <stddef.h>

struct class_list {
    const char *option; /* for messages: "--grad" */
    const char *words;  /* likewise, what else it takes: "pred, true"; or NULL */
    const char *model;  /* likewise */
    size_t count;       /* 0: not known, so that any index will do and no name */
    const char *(*name)(const void *of, size_t index); /* NULL: not known */
    const void *of;
};

/*
 * A name is a class's whole name or one of the synonyms that commas part in it, in any case.
 * BAD_USAGE where there is no such class, or several have that name, saying what there is.
 */
int class_find(
    const struct class_list *list, const char *text, size_t *index, struct error *error);

#endif
