/*
 * How the classes of a data set are called.
 */
#ifndef SACCADE_CLASS_NAMES_H
#define SACCADE_CLASS_NAMES_H

#include "common/dataset.h"

#include <jansson.h>

/* --classes: names with commas between, or a file as labels.tsv; *names is the caller's to
 * json_decref. BAD_USAGE, BAD_INPUT, BAD_SYSTEM. */
int class_names_read(const char *text, json_t **names, struct error *error);

/* Whether the data has more than numbers for its classes. */
bool class_names_known(const struct dataset *data);

/*
 * *names, one a class, are those wished for (of --classes text), else the base's where the data
 * has only numbers and as many of them, else the data's. wished and base may be NULL, and so
 * may the data, before it is open: then there are as many as wished. *names is freed first; it
 * is the caller's to free, what it points to belongs to the others. BAD_USAGE: another count of
 * names than of classes.
 */
int class_names_settle(const char ***names, const char *text, const json_t *wished,
    const json_t *base, const struct dataset *data, struct error *error);

#endif
