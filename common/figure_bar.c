#include "common/canvas.h"
#include "common/figure_parts.h"

enum { EDGE = 0x888888 };

static uint32_t colour_at(const struct colormap *map, double value)
{
    const uint8_t *rgb = colormap_at(map, (float)value);
    return (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
}

/* Half a bar's width high, beyond the end at row y; up: -1, down: 1. */
static void draw_point(
    struct picture *canvas, int64_t x, int64_t y, int64_t width, int up, uint32_t colour)
{
    for (int64_t i = 1; 2 * i < width; i++) {
        const int64_t inside = width - 2 * i;
        canvas_fill(canvas, x + i, y + up * i, inside, 1, colour);
        canvas_fill(canvas, x + i, y + up * i, 1, 1, EDGE);
        canvas_fill(canvas, x + i + inside - 1, y + up * i, 1, 1, EDGE);
    }
}

void bar_draw_upright(const struct scale *scale, const struct colormap *map,
    struct picture *canvas, int64_t x, int64_t y, int64_t width, int64_t height)
{
    for (int64_t row = 0; row < height; row++) {
        const double value = ((double)(height - row) - 0.5) / (double)height;
        canvas_fill(canvas, x, y + row, width, 1, colour_at(map, value));
    }
    canvas_frame(canvas, x, y, width, height, 1, EDGE);
    if (scale_reaches_above(scale))
        draw_point(canvas, x, y, width, -1, colour_at(map, 1));
    if (scale_reaches_below(scale))
        draw_point(canvas, x, y + height - 1, width, 1, colour_at(map, 0));
}

void bar_draw_level(const struct colormap *map, struct picture *canvas, int64_t x, int64_t y,
    int64_t width, int64_t height)
{
    for (int64_t column = 0; column < width; column++) {
        const double value = ((double)column + 0.5) / (double)width;
        canvas_fill(canvas, x + column, y, 1, height, colour_at(map, value));
    }
    canvas_frame(canvas, x, y, width, height, 1, EDGE);
}
