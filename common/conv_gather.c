/* What a convolution's products read: im2col, a tile's rows at a time. */
#include "common/clones.h"
#include "common/conv_parts.h"

#include <string.h>

size_t conv_lines(const struct conv *conv)
{
    const size_t line = TILE_ROWS * conv->kernel * conv_group_in(conv);
    const size_t lines = line < TILE_GATHERED ? TILE_GATHERED / line : 1;
    return least(lines, conv->kernel);
}

enum { VECTOR = 16 };

/* Runs are short, and mostly whole vectors: a call for each would cost more than the copy. */
static inline void copy(float *to, const float *from, size_t count)
{
    for (; count >= VECTOR; count -= VECTOR, to += VECTOR, from += VECTOR)
        memcpy(to, from, VECTOR * sizeof *to);
    for (size_t i = 0; i < count; i++)
        to[i] = from[i];
}

static inline void clear(float *to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = 0;
}

/* One line of the kernel: kernel pixels of a group's inputs, zeros beyond the edge. line: of
 * the picture, or NULL above and below it. */
static inline void gather_line(const struct conv *conv, size_t width, const float *line,
    size_t ox, size_t channel, float *to)
{
    const size_t in = conv_group_in(conv), kernel = conv->kernel, at = ox * conv->stride;
    size_t first = at < conv->pad ? conv->pad - at : 0;
    size_t end = width + conv->pad > at ? width + conv->pad - at : 0;
    end = end < kernel ? end : kernel;
    if (!line || first >= end) {
        clear(to, kernel * in);
        return;
    }
    clear(to, first * in);
    clear(to + end * in, (kernel - end) * in);
    const float *from = line + (at + first - conv->pad) * conv->in + channel;
    if (conv->groups == 1)
        copy(to + first * in, from, (end - first) * in);
    else
        for (; first < end; first++, from += conv->in)
            copy(to + first * in, from, in);
}

KERNEL void conv_gather(const struct conv_run *run, const float *x, size_t row, size_t rows,
    size_t ky, size_t lines, size_t channel, float *to)
{
    const struct conv *conv = run->conv;
    const size_t width = run->width, length = conv->kernel * conv_group_in(conv);
    const size_t down = conv_side(conv, run->height), across = conv_side(conv, width);
    struct window window = window_at(row, down, across);
    for (; rows > 0; rows--, next_window(&window, down, across))
        for (size_t l = 0; l < lines; l++, to += length) {
            const size_t iy = window.oy * conv->stride + ky + l - conv->pad; /* wraps above */
            const float *line =
                iy < run->height ? x + (window.b * run->height + iy) * width * conv->in : NULL;
            gather_line(conv, width, line, window.ox, channel, to);
        }
}
