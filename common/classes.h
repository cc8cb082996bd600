/*
 * Class names: the members __stream__/model that came by, for looking up what the samples'
 * model.json refers to as NAME:CRC (tensorstream(5)).
 */
#ifndef SACCADE_CLASSES_H
#define SACCADE_CLASSES_H

#include "formats/stream.h"

enum { CLASSES_MAX_MODELS = 1024 };

struct class_model {
    char *model;   /* NAME:CRC */
    json_t *names; /* an array of strings and nulls, or NULL: the member had none */
};

struct classes {
    struct class_model *models;
    size_t count;
};

/*
 * Takes a member __stream__/model; a model that is there already is replaced by it. BAD_INPUT
 * where it isn't what it should be, or where there are more than CLASSES_MAX_MODELS.
 */
int classes_add(struct classes *classes, const struct member *member, struct error *error);

/* Number of classes of that model; 0 where it is unknown. model may be NULL. */
size_t classes_count(const struct classes *classes, const char *model);

/* BAD_SAMPLE where that model is known to have another number of classes than these logits. */
int classes_check(
    const struct classes *classes, const char *model, size_t logits, struct error *error);

/* The name of class index, or NULL; good until the next classes_add. model may be NULL. */
const char *classes_name(const struct classes *classes, const char *model, size_t index);

void classes_free(struct classes *classes);

/* The true label in a sample's cls. 1: there is one; 0: no cls; BAD_SAMPLE: not an integer. */
int label_read(const struct sample *sample, int64_t *label, struct error *error);

/* The same where what (an option) needs one: BAD_USAGE without cls, BAD_SAMPLE where it is none
 * of the model's classes (0: not known how many). model, for the message, may be NULL. */
int label_need(const struct sample *sample, const char *what, const char *model, size_t classes,
    int64_t *label, struct error *error);

/* The model that made a sample's tensors, by its model.json: malloc'd in *model, NULL where
 * model.json is missing or names none. BAD_SAMPLE. */
int model_read(const struct sample *sample, char **model, struct error *error);

#endif
