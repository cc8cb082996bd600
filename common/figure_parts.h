/*
 * The parts of a figure that figure.c puts together: scales with their numbers, and panels.
 */
#ifndef SACCADE_FIGURE_PARTS_H
#define SACCADE_FIGURE_PARTS_H

#include "common/colormap.h"
#include "common/figure.h"
#include "common/mask.h"

/* What the ends of the colours mean, and what there is to show. */
struct scale {
    bool is_signed;
    double low, high;       /* low < high */
    double least, greatest; /* of the finite values; 0 where there are none */
    size_t maps, finite, gaps;
};

/* Whether two panels have values of the same quantity, both signed or both not. */
bool same_kind(const struct panel *a, const struct panel *b);

/* Over those panels that are of the same kind as like. BAD_SYSTEM. */
int scale_make(const struct panel *panels, size_t count, const struct panel *like,
    const struct figure_options *options, struct scale *scale, struct error *error);

/* Whether values lie beyond an end of the scale by more than the eye could tell. */
bool scale_reaches_below(const struct scale *scale);
bool scale_reaches_above(const struct scale *scale);

enum { SCALE_TEXT = 48, SCALE_MAX_TICKS = 16 };

struct tick {
    double value;
    char text[SCALE_TEXT];
};

/* Round numbers in the scale, or its ends where fewer than two are; no more than most (2 to
 * SCALE_MAX_TICKS). Returns how many. */
size_t scale_ticks(const struct scale *scale, size_t most, struct tick *ticks);

/* A value of the scale to three digits, or as many as tell it from the other end. */
void scale_number(const struct scale *scale, double value, char text[SCALE_TEXT]);

/* Whether any of its values isn't finite. */
bool panel_has_gaps(const struct panel *panel);

/* The size a panel's picture is drawn in, in whole pixels of at least 1. alone: not in a grid.
 */
void panel_size(
    const struct panel *panel, bool alone, uint32_t panel_width, double *width, double *height);

/* The picture in that size. The caller frees scaled->rgb, NULL on failure. */
int panel_picture(const struct picture *picture, uint32_t width, uint32_t height,
    struct picture *scaled, struct error *error);

/* Blends the panel's map over its picture, already drawn with size [width, height] at x, y of
 * the canvas, and outlines the box. The panel's numbers were checked. BAD_SYSTEM. */
int panel_draw_map(const struct panel *panel, const struct scale *scale,
    const struct colormap *map, const struct figure_options *options, struct picture *canvas,
    uint32_t x, uint32_t y, uint32_t width, uint32_t height, struct error *error);

/* Outlines the inside of the panel's mask, over all else. */
void panel_draw_mask(const struct mask *mask, struct picture *canvas, uint32_t x, uint32_t y,
    uint32_t width, uint32_t height);

/* A colour bar with its high end up, pointed at those ends that values lie beyond. */
void bar_draw_upright(const struct scale *scale, const struct colormap *map,
    struct picture *canvas, int64_t x, int64_t y, int64_t width, int64_t height);

/* A colour bar with its high end at the right. */
void bar_draw_level(const struct colormap *map, struct picture *canvas, int64_t x, int64_t y,
    int64_t width, int64_t height);

#endif
