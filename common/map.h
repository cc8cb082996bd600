/*
 * A map: a grid of numbers with its geometry, as members map.NAME.npy and map.NAME.json
 * (tensorstream(5)). The JSON is complete in itself: a map outlives the tensors it came from.
 */
#ifndef SACCADE_MAP_H
#define SACCADE_MAP_H

#include "formats/stream.h"

/* What model.json says of a sample's tensors, or --prefix and --grid for somebody else's. */
struct layout {
    size_t prefix; /* tokens before the patches: class, distillation, registers */
    size_t rows, columns;
    bool distilled; /* the second prefix token is the distillation token */
    bool mean;      /* the head reads the mean of the patches */
    bool no_class;  /* the prefix is registers alone */
};

/*
 * From the sample's model.json. BAD_USAGE where it has none, naming --prefix and --grid;
 * BAD_SAMPLE where it is broken, or a CNN's.
 */
int layout_read(const struct sample *sample, struct layout *layout, struct error *error);

/* Whether a CNN made the sample's tensors, by model.json: it has neither prefix nor grid. */
bool layout_is_cnn(const struct sample *sample);

/* Which row of attention a map shows. */
struct query {
    enum { QUERY_TOKEN, QUERY_MEAN } kind; /* one token, or the mean over all patches */
    size_t token;                          /* index among all tokens */
    char name[32];                         /* "cls", "dist", "reg0", "mean", "03-07" */
    bool by_default;                       /* it is what the head reads */
};

/*
 * The queries that -q TEXT names (NULL: what the head reads), in order; queries is malloc'd.
 * "all": every patch, as one map of [queries, rows, columns]; *together is then true.
 * BAD_USAGE: a token that this layout lacks.
 */
int queries_parse(const char *text, const struct layout *layout, struct query **queries,
    size_t *count, bool *together, struct error *error);
/* Whether TEXT has the form of queries: to refuse it before the first sample. */
int queries_check(const char *text, struct error *error);

/* What a stage says of a map that it makes. Numbers below zero and NULLs become null. */
struct map_about {
    const char *method;
    int layer, head;
    const char *head_fusion; /* "mean" and so on, instead of a head's number; or NULL */
    const char *query;       /* NULL: none */
    double residual;         /* weight of the identity, or negative */
    bool is_signed;
    bool class_specific; /* the target of model.json belongs to it */
    const char *note;    /* options that differ from the method's own; NULL: none do */
    const char *at;      /* the place in the model: "layer4", "block11"; NULL: none */
    json_t *more;        /* an object of what stands beside these or in their place; NULL */
};

/*
 * Adds map.NAME.npy, f32 [rows, columns] or with queries > 0 [queries, rows, columns], and
 * map.NAME.json from about, the sample's model.json and view.json. *values: where the caller
 * puts the numbers. A map of that name being there is BAD_SAMPLE: "map.NAME exists: name this
 * one with --as".
 */
int map_add(struct sample *sample, const char *name, const struct map_about *about,
    const struct layout *layout, size_t queries, float **values, struct error *error);

/* A map as read from a sample. */
struct map {
    char name[128];
    size_t queries; /* 0: [rows, columns] */
    size_t rows, columns;
    const float *values;
    json_t *info; /* map.NAME.json, owned; an empty object where there is none */
    bool is_signed;
    bool has_box;
    double box[4];     /* of view: x0 y0 x1 y1 in pixels of the picture */
    double picture[2]; /* of view: its size, 0 0 where unknown */
};

/*
 * The sample's next map after *at (0 to begin with). 1: there is one, to be released with
 * map_release; 0: no more; BAD_SAMPLE. values point into the sample or scratch.
 */
int map_next(const struct sample *sample, size_t *at, struct map *map, struct scratch *scratch,
    struct error *error);
void map_release(struct map *map);

/* The map of that name, as by map_next. BAD_USAGE: it isn't there, with the names of those that
 * are; BAD_SAMPLE. */
int map_find(const struct sample *sample, const char *name, struct map *map,
    struct scratch *scratch, struct error *error);

/* What is compared or scored: a single grid whose box, where it has one, can lie in a picture.
 * BAD_USAGE: a map with queries; BAD_SAMPLE. */
int map_check(const struct map *map, struct error *error);

/*
 * Where what has a view lies in its picture of width x height pixels: its box (NULL: not known,
 * then all of the picture) into placed. size: of the picture by the view, 0 0 where unknown.
 * Without the picture width and height are 0. BAD_SAMPLE: it is of a picture of another size,
 * or its box is no part of a picture; what names it.
 */
int view_place(const char *what, const double *box, const double size[2], uint32_t width,
    uint32_t height, double placed[4], struct error *error);

/* Of a view.json or NULL. False: it has no box; size is 0 0 where it has none. */
bool view_box(const json_t *view, double box[4], double size[2]);

enum { MAP_MAX_NAME = 64 }; /* of a name that is given */

/* Whether NAME can name a map: lower case [a-z0-9_+-]+, at most MAP_MAX_NAME. */
bool map_name_is_legal(const char *name);

#endif
