#include "common/canvas.h"

static int64_t within(int64_t value, int64_t limit)
{
    return value < 0 ? 0 : value > limit ? limit : value;
}

void canvas_fill(struct picture *canvas, int64_t x, int64_t y, int64_t width, int64_t height,
    uint32_t colour)
{
    const int64_t left = within(x, canvas->width), right = within(x + width, canvas->width);
    const int64_t top = within(y, canvas->height), bottom = within(y + height, canvas->height);
    for (int64_t row = top; row < bottom; row++) {
        uint8_t *pixel = canvas->rgb + ((size_t)row * canvas->width + (size_t)left) * 3;
        for (int64_t column = left; column < right; column++, pixel += 3) {
            pixel[0] = (uint8_t)(colour >> 16);
            pixel[1] = (uint8_t)(colour >> 8);
            pixel[2] = (uint8_t)colour;
        }
    }
}

void canvas_frame(struct picture *canvas, int64_t x, int64_t y, int64_t width, int64_t height,
    int64_t thickness, uint32_t colour)
{
    canvas_fill(canvas, x, y, width, thickness, colour);
    canvas_fill(canvas, x, y + height - thickness, width, thickness, colour);
    canvas_fill(canvas, x, y, thickness, height, colour);
    canvas_fill(canvas, x + width - thickness, y, thickness, height, colour);
}

void canvas_blend(
    struct picture *canvas, int64_t x, int64_t y, uint32_t colour, uint32_t coverage)
{
    if (x < 0 || y < 0 || x >= canvas->width || y >= canvas->height)
        return;
    uint8_t *pixel = canvas->rgb + ((size_t)y * canvas->width + (size_t)x) * 3;
    for (int k = 0; k < 3; k++) {
        const uint32_t ink = colour >> (16 - 8 * k) & 255;
        pixel[k] = (uint8_t)((pixel[k] * (255 - coverage) + ink * coverage + 127) / 255);
    }
}
