/*
 * Pillow's Image.resize on 8-bit RGB, bit for bit: a separable filter whose support widens
 * when shrinking (antialias), 22-bit fixed-point coefficients, 8-bit rounding after each of
 * the two passes (Pillow, src/libImaging/Resample.c; nearest: Geometry.c).
 *
 * A pass whose side keeps its size is left out. The horizontal pass comes first, but, as in
 * Pillow 13, the vertical one does where the height shrinks by more than twice as many pixels
 * as the width. (Earlier ones never do that: on such tall pictures they differ by a step.)
 *
 * Only the wanted window of the resized whole is computed, so that a 500x1 picture whose
 * shorter side becomes 224 costs its 224x224 crop and not 112000x224 pixels.
 */
#ifndef SACCADE_RESAMPLE_H
#define SACCADE_RESAMPLE_H

#include "formats/error.h"
#include "formats/picture.h"

/* No side of a source may be longer than the first, none of a resized whole than the second
 * (Pillow's own limit). */
#define RESAMPLE_MAX_SOURCE_SIDE UINT32_C(1048576)
#define RESAMPLE_MAX_SIDE UINT32_C(536870910)

enum resample_filter { FILTER_BILINEAR, FILTER_BICUBIC, FILTER_LANCZOS, FILTER_NEAREST };

/* "bilinear" and so on, or NULL; and back: 0, or -1 for an unknown name. */
const char *resample_filter_name(enum resample_filter filter);
int resample_filter_from_name(const char *name, enum resample_filter *filter);

/* Where the window lies in the resized whole. It may not be empty, nor reach beyond it. */
struct resample_window {
    uint32_t left, top, width, height;
};

/*
 * Writes rgb [window.height, window.width, 3]: that part of source as it would be after
 * resizing the whole to full_width x full_height. Equals Image.resize((full_width,
 * full_height), filter).crop(window).
 *
 * Scratch: at most the source's bytes or the window's, whichever are more, and about 100 bytes
 * for each column and row of both. A side that is 0 or over its limit is BAD_SAMPLE, a
 * window outside the whole BAD_USAGE, no memory BAD_SYSTEM.
 */
int resample(const struct picture *source, uint32_t full_width, uint32_t full_height,
    enum resample_filter filter, struct resample_window window, uint8_t *rgb,
    struct error *error);

#endif
