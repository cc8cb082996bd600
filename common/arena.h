/*
 * The buffers of a pass as one allocation. They are laid out twice by the same code: at first
 * only counted, then placed.
 *
 *     struct arena arena = { 0 };
 *     lay_out(&arena);                        counts
 *     status = arena_allocate(&arena, error);
 *     lay_out(&arena);                        places
 */
#ifndef SACCADE_ARENA_H
#define SACCADE_ARENA_H

#include "formats/error.h"

#include <stddef.h>

struct arena {
    float *floats; /* owned; NULL while it is counted */
    size_t total;  /* floats so far; SIZE_MAX: too many to be counted */
};

/* The next a * b * c floats, aligned to 64 bytes; NULL while they are counted. */
float *arena_take(struct arena *arena, size_t a, size_t b, size_t c);

/* Room for what was counted, to be taken again from the start. BAD_SYSTEM. */
int arena_allocate(struct arena *arena, struct error *error);

/* Bytes of an arena that was allocated and laid out. */
size_t arena_bytes(const struct arena *arena);

/* Empties it. */
void arena_free(struct arena *arena);

#endif
