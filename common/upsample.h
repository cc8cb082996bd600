/*
 * A grid of numbers sampled at positions between its cell centres, clamped at its edges:
 * torch's interpolate(align_corners=False) with bilinear, nearest-exact and bicubic (a = -3/4),
 * which are separable. A line of the result is made in two steps: the grid's rows are mixed
 * into one (upsample_down), then its columns (upsample_across).
 */
#ifndef SACCADE_UPSAMPLE_H
#define SACCADE_UPSAMPLE_H

#include <stddef.h>
#include <stdint.h>

enum upsample { UPSAMPLE_BILINEAR, UPSAMPLE_NEAREST, UPSAMPLE_BICUBIC };

/* "bilinear" and so on; 0, or -1 for an unknown name. */
int upsample_from_name(const char *name, enum upsample *how);

/* The cells that make one output, and their shares; unused ones have weight 0. */
struct upsample_tap {
    uint32_t cell[4];
    float weight[4];
};

/* Output i is at first + i * step in cells: cell k reaches from k to k + 1. cells >= 1. */
void upsample_taps(enum upsample how, uint32_t cells, double first, double step, size_t count,
    struct upsample_tap *taps);

/* line [columns] from values [rows, columns]. Cells of weight 0 aren't looked at. */
void upsample_down(
    const float *values, uint32_t columns, const struct upsample_tap *tap, float *line);

/* out [count] from line; taps [count]. The line's values must be finite. */
void upsample_across(
    const float *line, const struct upsample_tap *taps, size_t count, float *out);

#endif
