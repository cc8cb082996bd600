/*
 * How well a map finds what a mask marks, and maps that know nothing of the picture to hold
 * against it. A map counts by its values above 0. NaN: a number doesn't apply.
 */
#ifndef SACCADE_MAPSCORE_H
#define SACCADE_MAPSCORE_H

#include "common/map.h"
#include "common/mask.h"

enum map_score {
    SHARE_INSIDE, /* of the map's mass: that inside, of that which isn't on ignored pixels */
    SHARE_AREA,   /* of the box's area, likewise: what a uniform map has inside */
    OVER_CENTRE,  /* the share inside, less that of the centre map of the same grid */
    POINTING,     /* of the greatest cells, how many have their centre inside: mostly 0 or 1 */
    IOU,          /* of the mask and the greatest cells of the same area */
    MAP_SCORES
};

extern const char *const map_score_names[MAP_SCORES];

enum { SCORED_MAX_CELLS = 1 << 20 };

/* What a mask is to a grid over a box; all zero to begin with. */
struct scored_grid {
    size_t rows, columns;
    double box[4];
    double *inside, *scored; /* [rows, columns] in room: shares of each cell */
    uint8_t *centres;        /* of enum mask_class: what is at each cell's centre */
    double area;             /* of inside, in cells */
    double total;            /* of scored */
    struct scratch room;
};

/* BAD_SYSTEM. tolerance: how near the mask a centre must be to be inside, in pixels. */
int scored_grid_make(struct scored_grid *grid, const struct mask *mask, const struct map *map,
    double tolerance, struct error *error);

/* scores[] of values [rows, columns], all finite; centre: the share of the centre map, or NaN.
 * order: memory to work in. */
int map_score(const struct scored_grid *grid, const float *values, double centre,
    struct scratch *order, double scores[MAP_SCORES], struct error *error);

/* What knows nothing of the picture. */
enum baseline { BASELINE_UNIFORM, BASELINE_CENTRE, BASELINE_RANDOM, BASELINES };

extern const char *const baseline_names[BASELINES];

/*
 * values [rows, columns] of it: 1; exp(-(x^2 + y^2) / (2 sigma^2)), x and y from the middle in
 * widths and heights of the box; or uniform in [0, 1), of the seed and the key alone.
 */
void baseline_fill(enum baseline baseline, size_t rows, size_t columns, double sigma,
    uint64_t seed, const char *key, float *values);

#endif
