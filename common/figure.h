/*
 * Figures: panels of a picture with a map over it, in a grid, titled, with a colour bar.
 *
 * A panel is a picture with a map upsampled from its grid's cell centres and blended with
 * constant alpha over it, only where the model saw (the box). The rest of the picture is left
 * as it is; where the box is not all of it, a thin outline shows it.
 *
 * Unless told otherwise all panels of one quantity share one colour scale with a bar on the
 * right, and a line under the figure says so. Numbers of different quantities can't be
 * compared, so each quantity has a scale and a named bar (with more than FIGURE_MAX_SCALES,
 * each panel has its own). Signed maps have a diverging scale, symmetric about 0, apart from
 * unsigned ones.
 *
 * The scale runs from the least to the greatest value of all panels that share it. Where all
 * values are one value c it runs between 0 and c, and from 0 to 1 where c is 0.
 *
 * A picture is drawn at its own size, at most 1024 wide alone and 320 in a grid (and twice that
 * high); one so small that it goes twice or more into 512 alone or 320 in a grid is enlarged by
 * that whole factor, pixels staying squares where it is no wider than 64. A map without a
 * picture is drawn alone: square cells, no blending.
 *
 * Pictures of a row align at their top, titles sit on them. Texts grow with the panels.
 */
#ifndef SACCADE_FIGURE_H
#define SACCADE_FIGURE_H

#include "common/upsample.h"
#include "formats/picture.h"

struct panel {
    const char *title;             /* UTF-8 or NULL; lines end at \n; wrapped to the panel */
    const struct picture *picture; /* not owned; NULL: the map alone */
    const float *values;           /* [rows, columns], or NULL: the picture alone */
    uint32_t rows, columns;
    double box[4];  /* x0, y0, x1, y1 in the picture's pixel edges: what the map covers; it may
                       reach beyond the picture (padding) or show a part of it (crop); unused
                       without a picture or values */
    bool is_signed; /* drawn on a diverging scale centred on 0 */
    const char *quantity;    /* what the values are, named at the bar; or NULL */
    uint32_t marked;         /* 1 + the index, row by row, of a cell to be outlined; 0: none */
    const struct mask *mask; /* of the picture, whose inside is to be outlined; or NULL */
};
/* Neither picture nor values: an empty place in the grid. */

struct figure_options {
    const char *colormap; /* viridis inferno magma turbo grey jet; NULL: inferno */
    bool scale_per_panel;
    bool has_range;
    float low, high;      /* with has_range: the ends of the scale, low < high; signed maps: the
                             greater of |low| and |high| either way */
    double clip;          /* percentile, 0 to below 50, cut off at either end (signed: of |v| at
                             the top); 0: none */
    double alpha;         /* of the map, 0 to 1 */
    uint32_t columns;     /* of the grid; 0: near-square */
    uint32_t panel_width; /* pixels; 0: as said above */
    enum upsample upsample;
};

/* Figures above this are refused (BAD_USAGE), naming --width. */
#define FIGURE_MAX_PIXELS UINT64_C(100000000)

enum { FIGURE_MAX_SCALES = 6 };

/*
 * Draws count >= 1 panels into *figure (the caller frees). caption: text under the figure,
 * or NULL; lines separated by \n; wrapped. Values that are not finite are gaps, hatched in grey
 * (with them, bicubic is drawn as bilinear). Warnings (an all-zero map, gaps) go to *warning,
 * empty where there are none. BAD_USAGE: options out of range; BAD_SAMPLE: an empty grid or
 * box; BAD_SYSTEM. On failure nothing is left to free.
 */
int figure_draw(const struct panel *panels, size_t count, const struct figure_options *options,
    const char *caption, struct picture *figure, struct error *warning, struct error *error);

#endif
