/*
 * What is trained: a model's parameters in one arena, their gradients in another of the same
 * layout, so that an optimiser is a loop over floats and a checkpoint is written and read
 * whole.
 */
#ifndef SACCADE_PARAMS_H
#define SACCADE_PARAMS_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { PARAM_MAX_NAME = 96, PARAM_MAX_RANK = 4 };

struct param {
    char name[PARAM_MAX_NAME]; /* timm's, as the checkpoint will have it */
    size_t rank, shape[PARAM_MAX_RANK], count;
    size_t at; /* its first float in the arenas, a multiple of 16 */
    size_t
        depth; /* 0: before the first block (or stage); 1 and on: the blocks; last: the head */
    bool decays;  /* weight decay: not for norms, biases, tokens, position embeddings */
    bool trained; /* false: frozen, or a running statistic */
    /* A convolution's weight is trained as struct conv has it, [groups, kernel * kernel * in /
     * groups, out / groups], and saved as shape says, [out, in / groups, kernel, kernel]. */
    size_t groups; /* of a convolution; 0: another parameter, trained in its shape's order */
};

struct params {
    struct param *items; /* owned */
    size_t count, room;
    size_t total;     /* floats of each arena */
    float *values;    /* owned; [total] */
    float *gradients; /* owned; [total] */
    size_t depths;    /* the largest depth + 1 */
};

/* Adds a parameter to the list, not yet to the arenas; NAME is copied. */
int params_add(struct params *params, const struct param *param, struct error *error);
/* Once all are added: the arenas, zeroed. */
int params_allocate(struct params *params, struct error *error);
void params_free(struct params *params);

/* The parameter of that name, or NULL. */
struct param *params_find(const struct params *params, const char *name);

/* A parameter's values as its shape says them, where it is kept otherwise (convolutions); and
 * back. */
void param_export(const struct param *param, const float *values, float *to);
void param_import(const struct param *param, const float *from, float *values);

#endif
