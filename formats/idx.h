/*
 * IDX, the format of MNIST and its kin: two zero bytes, the type (0x08: unsigned bytes, the
 * only one taken), the rank, the sizes as big-endian u32, and the bytes; gzipped or not, by
 * content.
 */
#ifndef SACCADE_IDX_H
#define SACCADE_IDX_H

#include "formats/error.h"

#include <stddef.h>
#include <stdint.h>

enum { IDX_MAX_RANK = 3 };
#define IDX_MAX_SIDE UINT32_C(16384)

struct idx;

/* path must outlive it. BAD_INPUT: another type or rank, a size of 0 or, behind the first,
 * above IDX_MAX_SIDE, a plain file whose size isn't that of all items, gzip that is broken;
 * BAD_SYSTEM. */
int idx_open(struct idx **idx, const char *path, unsigned rank, struct error *error);
void idx_close(struct idx *idx);

/* The sizes, [rank]. */
const uint32_t *idx_sizes(const struct idx *idx);

/* The next item, that is the product of all sizes but the first, in bytes; *at: where in the
 * file it begins, -1 where that is gzipped. 1; 0: all were read, and nothing follows;
 * BAD_INPUT: truncated, corrupt; BAD_SYSTEM. */
int idx_next(struct idx *idx, uint8_t *bytes, int64_t *at, struct error *error);

#endif
