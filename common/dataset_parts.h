/*
 * Inside of data sets: what finding, reading and keeping share.
 */
#ifndef SACCADE_DATASET_PARTS_H
#define SACCADE_DATASET_PARTS_H

#include "common/dataset.h"
#include "formats/sample.h"

enum dataset_kind { SET_PICTURES, SET_SHARDS, SET_PETS, SET_CIFAR, SET_IDX };

/* How the bytes of a picture stand for it. */
enum form {
    FORM_RGB, /* [height, width, 3] */
    FORM_ENCODED /* a file of a picture */,
    FORM_PLANAR, /* [3, height, width] */
    FORM_GREY    /* [height, width] */
};

enum { DATASET_MAX_CLASSES = 1 << 20, CIFAR_SIDE = 32 };

struct item {
    uint32_t width, height; /* once it is decoded and reduced */
    uint32_t label;
    uint32_t form;
    uint8_t *bytes; /* NULL: they are read from a file */
    size_t size;
    size_t file; /* of the set's paths */
    int64_t at;
};

/* Names that grow. */
struct names {
    char **items;
    size_t count, room;
};
int names_add(struct names *names, const char *name, size_t length, struct error *error);
void names_free(struct names *names);

/* What is to be read: the files, and the classes where they have names before that. */
struct plan {
    enum dataset_kind kind;
    struct names files;
    struct names classes;
    struct names labels; /* IDX: of each file; Pets: the class of each */
};

/* Finds out what all paths hold, which must be of one kind. */
int plan_make(struct plan *plan, const char *const *paths, size_t count, struct error *error);
void plan_free(struct plan *plan);

/* A picture on its way in. */
struct slot {
    struct sample sample; /* its only picture, or its only member */
    char *name;           /* for messages */
    int64_t label;        /* as the set numbers it */
    enum form form;
    uint32_t width, height; /* PLANAR and GREY */
    const char *path;       /* where it can be read again, or NULL; good as long as the plan */
    int64_t at;
    /* Decoding gives these. */
    struct picture picture;
    int status;
    struct error error;
};

/* Where they come from. next: 1; 0 at the end; BAD_SAMPLE with a name: not to be used. */
struct source {
    void *state;
    int (*next)(void *state, struct slot *slot, struct error *error);
    void (*close)(void *state);
};

/* Names of classes, where the source has them, go into classes. */
int pictures_open(struct source *source, const struct plan *plan,
    const struct dataset_wishes *wishes, struct names *classes, struct error *error);
int cifar_open(
    struct source *source, const struct plan *plan, struct names *classes, struct error *error);

#endif
