/*
 * Inside of data sets: what finding, reading and keeping share.
 */
#ifndef SACCADE_DATASET_PARTS_H
#define SACCADE_DATASET_PARTS_H

#include "common/dataset.h"
#include "common/walk.h"
#include "formats/sample.h"

enum dataset_kind { SET_PICTURES, SET_SHARDS, SET_PETS, SET_CIFAR, SET_IDX };

/* How the bytes of a picture stand for it. */
enum form {
    FORM_RGB, /* [height, width, 3] */
    FORM_ENCODED /* a file of a picture */,
    FORM_PLANAR, /* [3, height, width] */
    FORM_GREY    /* [height, width] */
};

enum { DATASET_MAX_CLASSES = 1 << 20 };

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
int names_copy(const struct names *from, struct names *to, struct error *error);
/* Its place, or names->count. */
size_t names_find(const struct names *names, const char *name);
void names_free(struct names *names);

struct dataset {
    struct item *items;
    size_t count, room, bad, unkept;
    struct names classes; /* may be fewer than class_count, with "" for no name */
    size_t class_count;
    struct names paths; /* that unkept pictures are read from */
    size_t bytes, memory;
    uint32_t crc; /* of all so far */
    uint32_t side;
    enum resample_filter filter;
    uint64_t max_pixels;
    struct walk_skipped skipped;
};

/* What is to be read. */
struct plan {
    enum dataset_kind kind;
    struct names files;
    struct names classes; /* CIFAR, IDX, shards: by number, where a file names them; Pets: the
                             breeds; directories: every class's, in no order */
    struct names labels;  /* IDX: the file of labels of each file; Pets: the breed of each */
};

/* Finds out what all paths hold, which must be of one kind. */
int plan_make(struct plan *plan, const char *const *paths, size_t count, struct error *error);
void plan_free(struct plan *plan);

enum part { PART_NONE, PART_TRAIN, PART_TEST, PART_VAL };

int plan_pets(struct plan *plan, const char *directory, enum part part, struct error *error);

/* A picture on its way in. */
struct slot {
    struct sample sample; /* its only picture, or its only member */
    char *name;           /* for messages */
    int64_t label;        /* as the set numbers it */
    enum form form;
    uint32_t width, height; /* PLANAR and GREY */
    char *path;             /* where it can be read again, or NULL; owned */
    int64_t at;
    /* Decoding gives these. */
    struct picture picture;
    uint32_t crc; /* of its bytes */
    int status;
    struct error error;
};

/* Where they come from. next: 1; 0 at the end; BAD_SAMPLE with a name: not to be used. */
struct source {
    void *state;
    int (*next)(void *state, struct slot *slot, struct error *error);
    void (*close)(void *state);
    const struct walk_skipped *(*skipped)(void *state); /* or NULL: nothing ever is */
    size_t classes; /* that there are at least, where the format says so */
};

/* The names of classes, where the source has them, go into classes. */
int pictures_open(struct source *source, const struct plan *plan,
    const struct dataset_wishes *wishes, struct names *classes, struct error *error);
int raw_open(struct source *source, const struct plan *plan, uint64_t max_pixels,
    struct names *classes, struct error *error);

/* Bytes of any form to a picture, which is freed or overwritten. */
int dataset_expand(enum form form, const uint8_t *bytes, size_t size, uint64_t max_pixels,
    uint32_t width, uint32_t height, struct picture *picture, struct error *error);

/* The shorter side to side where it is longer, the longer one truncated as in torchvision's
 * Resize. */
int dataset_reduce(
    struct picture *picture, uint32_t side, enum resample_filter filter, struct error *error);

/* Takes all that comes; errors as dataset_open. */
int dataset_take(struct dataset *dataset, struct source *source,
    const struct dataset_wishes *wishes, struct error *error);

#endif
