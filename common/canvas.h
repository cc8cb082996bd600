/*
 * Plain drawing into an RGB picture. Colours are 0xRRGGBB; what lies outside is clipped.
 */
#ifndef SACCADE_CANVAS_H
#define SACCADE_CANVAS_H

#include "formats/picture.h"

void canvas_fill(struct picture *canvas, int64_t x, int64_t y, int64_t width, int64_t height,
    uint32_t colour);

/* A frame of that thickness inside the rectangle. */
void canvas_frame(struct picture *canvas, int64_t x, int64_t y, int64_t width, int64_t height,
    int64_t thickness, uint32_t colour);

/* Mixes colour over one pixel, coverage 0 (nothing) to 255 (all of it). */
void canvas_blend(
    struct picture *canvas, int64_t x, int64_t y, uint32_t colour, uint32_t coverage);

#endif
