/*
 * What a page carries in itself: attention as whole steps, deflated (zlib's format, for a
 * browser's DecompressionStream), as base64.
 */
#ifndef SACCADE_PACKING_H
#define SACCADE_PACKING_H

#include "formats/error.h"

#include <stddef.h>
#include <stdint.h>

enum { STEPS_OF_8_BITS = 255, STEPS_OF_6_BITS = 63, SHARE_STEPS = 65535 };

/*
 * Rows of attention, f32 [rows, n], of which p columns come before the patches, one behind the
 * other as
 *   f32 [rows]         scale: the greatest of the row's patches
 *   u16 [rows, p]      the columns before the patches, in steps of 1 / 65535; over 1 is 1
 *   u8  [rows, n - p]  its patches, in steps of scale / steps
 * little-endian, each rounded to the nearest step. The tokens before the patches stand apart:
 * one of them may take nearly all of a row. Values are finite and at least 0. Nothing is
 * allocated; p <= n, steps is 1 to 255.
 */
size_t steps_size(size_t rows, size_t n, size_t p);
void steps_make(
    unsigned char *bytes, const float *attention, size_t rows, size_t n, size_t p, int steps);

/* Text without a NUL; malloc'd, the caller's to free. */
struct packed {
    char *text;
    size_t size;
};

/* The same bytes give the same text. BAD_SYSTEM. */
int pack_base64(const void *bytes, size_t size, struct packed *packed, struct error *error);
int pack_deflated(const void *bytes, size_t size, struct packed *packed, struct error *error);

#endif
