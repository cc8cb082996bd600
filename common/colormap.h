/*
 * Colour maps of 256 entries, as in matplotlib (each channel rounded to 8 bits).
 *
 * viridis, inferno and magma are Stefan van der Walt's and Nathaniel Smith's (CC0), turbo
 * Anton Mikhailov's; rdbu is matplotlib's RdBu_r after Cynthia Brewer: blue below the middle,
 * near white in it, red above.
 */
#ifndef SACCADE_COLORMAP_H
#define SACCADE_COLORMAP_H

#include <stdint.h>

#define COLORMAP_DEFAULT "inferno"
#define COLORMAP_DIVERGING "rdbu"

/* "viridis, inferno, ...": what a user may name, for messages. */
#define COLORMAP_NAMES "viridis, inferno, magma, turbo, grey, jet, rdbu"

struct colormap {
    uint8_t rgb[256][3];
};

/* Fills map; -1 for an unknown name. */
int colormap_make(const char *name, struct colormap *map);

/* The entry for a value between 0 and 1; others (NaN as 0) get the nearer end. */
static inline const uint8_t *colormap_at(const struct colormap *map, float value)
{
    const float entry = value * 256;
    return map->rgb[entry >= 255 ? 255 : entry > 0 ? (int)entry : 0];
}

#endif
