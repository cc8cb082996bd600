/*
 * A mask: what in a picture is inside of something, as the member mask.png says
 * (tensorstream(5)), and how much of each cell of a map's grid that is.
 */
#ifndef SACCADE_MASK_H
#define SACCADE_MASK_H

#include "formats/sample.h"

enum mask_class { MASK_OUTSIDE, MASK_INSIDE, MASK_IGNORED };

/* What the values of a mask mean. */
struct mask_rule {
    uint8_t classes[256];
};

/* Lists of values, or NULL: by default what isn't 0 is inside, and nothing is ignored. option:
 * that which says what is inside; the other is --ignore. BAD_USAGE. */
int mask_rule_parse(struct mask_rule *rule, const char *option, const char *inside,
    const char *ignore, struct error *error);

struct mask {
    uint32_t width, height;
    uint8_t *classes; /* [height, width] of enum mask_class, malloc'd */
};

/* BAD_USAGE: the sample has no mask.png; BAD_SAMPLE: that can't be read. */
int mask_read(const struct sample *sample, const struct mask_rule *rule, struct mask *mask,
    struct error *error);
void mask_free(struct mask *mask);

/*
 * inside, scored [rows, columns]: which share of each cell of a grid over the box (pixels of
 * the picture) is inside of the mask, and which isn't ignored. What is beyond the picture is
 * outside.
 */
void mask_cells(const struct mask *mask, const double box[4], size_t rows, size_t columns,
    double *inside, double *scored);

/* MASK_INSIDE where a pixel within tolerance of the one that x, y is in is so; else what that
 * one is itself. */
enum mask_class mask_at(const struct mask *mask, double x, double y, double tolerance);

/*
 * Adds DIRECTORY/NAME.png as mask.png, in the place of one that is there. NAME is the longest
 * tail, cut at slashes, of path without its extension, or where path is NULL of the sample's
 * key. 1: added; 0: there is none; BAD_SYSTEM: it can't be read.
 */
int mask_add(
    struct sample *sample, const char *directory, const char *path, struct error *error);

#endif
