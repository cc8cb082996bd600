/*
 * Inside the convolutions: how they are cut into tiles, and how a tile's rows are gathered.
 */
#ifndef SACCADE_CONV_PARTS_H
#define SACCADE_CONV_PARTS_H

#include "common/conv.h"

/* A tile is a few hundred rows, so that what is gathered stays in the second level of cache,
 * with all the columns it can have; where rows are few, columns are split for the threads. */
enum {
    TILE_ROWS = 384,
    TILE_GATHERED = 160 * 1024, /* floats */
    WIDE_COLUMNS = 512,         /* beyond: rows of the weights lie too far apart to be read */
    FEW_TILES = 8,
    GROUP_WIDTH = 16
};

static inline size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline bool conv_is_product(const struct conv *conv)
{
    return conv->kernel == 1 && conv->stride == 1 && conv->pad == 0;
}

static inline size_t conv_group_in(const struct conv *conv)
{
    return conv->in / conv->groups;
}

static inline size_t conv_group_out(const struct conv *conv)
{
    return conv->out / conv->groups;
}

/* Lines of the kernel that are gathered at a time: the same for every batch, as it decides in
 * which order numbers are summed. */
size_t conv_lines(const struct conv *conv);

/* Where the kernel lies on its first line, for one output after another. */
struct window {
    size_t b, oy, ox;
};

static inline void next_window(struct window *window, size_t rows, size_t columns)
{
    if (++window->ox < columns)
        return;
    window->ox = 0;
    if (++window->oy == rows) {
        window->oy = 0;
        window->b++;
    }
}

static inline struct window window_at(size_t row, size_t rows, size_t columns)
{
    return (struct window){ row / columns / rows, row / columns % rows, row % columns };
}

/* Lines [ky, ky + lines) of the kernel for rows outputs from row, of the group whose inputs
 * begin at channel: to [rows, lines * kernel * in / groups]. */
void conv_gather(const struct conv_run *run, const float *x, size_t row, size_t rows, size_t ky,
    size_t lines, size_t channel, float *to);

#endif
