/*
 * Two maps of one picture laid over each other, and numbers of how they agree.
 *
 * They are compared on the finer of their grids, that with the smaller cells in the picture: on
 * those of its cells whose centres both maps cover. There the finer map has its own values, the
 * other one is sampled bilinearly (common/upsample). Maps without a view cover the same.
 */
#ifndef SACCADE_MAPPAIR_H
#define SACCADE_MAPPAIR_H

#include "common/map.h"

struct map_pair {
    size_t rows, columns;
    const struct map *finer; /* of the two */
    bool has_box;
    double
        box[4];  /* of those cells, in pixels of the picture; without views 0 0 columns rows */
    bool finite; /* all values are */
    double *values[2]; /* of a and of b, [rows, columns], in room */
    double *ranks[2];  /* 1 for the greatest, equal ones averaged; set by map_pair_numbers */
    struct scratch room, order, points, tree; /* freed by map_pair_free */
};

/*
 * Fills the pair, which is reused from call to call (all zeros at first). BAD_USAGE: a map with
 * queries; BAD_SAMPLE: boxes without anything in common, of different pictures, or only one.
 */
int map_pair_align(
    struct map_pair *pair, const struct map *a, const struct map *b, struct error *error);
void map_pair_free(struct map_pair *pair);

/* NaN where one doesn't apply: all of them where a value isn't finite. */
struct map_numbers {
    double correlation;      /* Pearson's; not of a constant map */
    double rank_correlation; /* Spearman's: Pearson's of the ranks, equal values averaged */
    double iou;              /* intersection over union of the top cells of either */
    size_t top;              /* how many: a fifth of all, rounded up; of equal ones the first */
    /* The earth mover's distance between the positive parts, each of sum 1, as a share of the
     * box's diagonal; not where a map has none. */
    double emd;
    size_t
        merged; /* for it, squares of so many by so many cells are one, to keep it feasible */
};

/* How coarse each of the two is over those cells; NaN where a value isn't finite. */
struct map_grain {
    double half_area; /* the share of cells above half the greatest; not where that isn't > 0 */
    /* Entropy of the positive part, divided by a uniform map's: not where there is none, nor of
     * one cell. */
    double spread;
};
struct map_grain map_pair_grain(const struct map_pair *pair, size_t which);

/* BAD_SYSTEM: no memory. */
int map_pair_numbers(struct map_pair *pair, struct map_numbers *numbers, struct error *error);

/* What makes maps of different units comparable. */
enum map_scale {
    SCALE_SUM,  /* divided by the sum of its absolute values: shares of the map */
    SCALE_MAX,  /* divided by its greatest absolute value */
    SCALE_RANK, /* the rank from below, (rank - 1/2) / cells, equal values averaged */
    SCALE_NONE
};

/* difference [rows, columns] = a - b, each scaled; a map of zeros stays that. NaN where a value
 * of either isn't finite. After map_pair_numbers. */
void map_pair_subtract(const struct map_pair *pair, enum map_scale scale, float *difference);

/* to [rows, columns]: the map of either scaled so; NaN and ranks as above. */
void map_pair_scale(const struct map_pair *pair, size_t which, enum map_scale scale, float *to);

#endif
