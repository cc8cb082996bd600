/*
 * The layout of a figure: made by figure_plan.c, drawn by figure.c. Nothing of a figure's size
 * is allocated before its layout is known and accepted.
 */
#ifndef SACCADE_FIGURE_PLAN_H
#define SACCADE_FIGURE_PLAN_H

#include "common/figure_parts.h"
#include "common/font.h"

enum { TITLE_LINES = 4, CAPTION_LINES = 12, LABEL_LINES = 4 };

/* A panel's place: the size of its picture and the lines of its title. */
struct cell {
    uint32_t width, height;
    size_t kind; /* which of the plan's, where the panel has values */
    size_t lines;
    struct font_line line[TITLE_LINES];
};

/* Panels that share a scale, and its bar at the right of the grid. */
struct kind {
    const struct panel *first;
    struct scale scale;
    uint64_t x, width; /* of the bar with its numbers and its name */
    size_t ticks, lines;
    struct tick tick[SCALE_MAX_TICKS];
    struct font_line line[LABEL_LINES]; /* the name, where there are several bars */
};

/* Where everything goes. */
struct plan {
    const struct panel *panels;
    const struct figure_options *options;
    size_t count, columns, rows;
    int cap, small, caption_cap; /* text: of titles, of panels' numbers, of the caption */
    uint64_t margin, gap; /* around everything, between columns; twice that between rows */
    struct cell *cells;   /* [count] */
    uint64_t *column_x, *row_y; /* [columns], [rows]: left and upper edges of the pictures */
    uint64_t *column_width;     /* [columns] */
    uint64_t grid_right, grid_bottom, bar_width, bar_height;
    struct colormap maps[2]; /* for unsigned and signed maps */
    bool own_scales;         /* of every panel: then there are no kinds */
    size_t kinds;
    struct kind kind[FIGURE_MAX_SCALES];
    char *text; /* the caption and what is said of the scale */
    size_t lines;
    struct font_line line[CAPTION_LINES];
    uint64_t caption_y, width, height;
};

/* Lays out a figure of count >= 1 panels, which must outlive the plan, as must the options.
 * Errors as of figure_draw. figure_plan_free in any case. */
int figure_plan_make(struct plan *plan, const struct panel *panels, size_t count,
    const struct figure_options *options, const char *caption, struct error *error);

void figure_plan_free(struct plan *plan);

#endif
