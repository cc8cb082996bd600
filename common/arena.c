#include "common/arena.h"

#include <stdint.h>
#include <stdlib.h>

float *arena_take(struct arena *arena, size_t a, size_t b, size_t c)
{
    const size_t at = arena->total;
    size_t count;
    if (at == SIZE_MAX || __builtin_mul_overflow(a, b, &count)
        || __builtin_mul_overflow(count, c, &count) || __builtin_add_overflow(count, 15, &count)
        || __builtin_add_overflow(at, count & ~(size_t)15, &arena->total)) {
        arena->total = SIZE_MAX;
        return NULL;
    }
    return arena->floats ? arena->floats + at : NULL;
}

int arena_allocate(struct arena *arena, struct error *error)
{
    if (arena->total > SIZE_MAX / sizeof(float) - 64)
        return fail_memory(error, SIZE_MAX);
    const size_t bytes = (arena->total + 16) * sizeof(float);
    arena->floats = aligned_alloc(64, bytes);
    arena->total = 0;
    return arena->floats ? 0 : fail_memory(error, bytes);
}

size_t arena_bytes(const struct arena *arena)
{
    return arena->total * sizeof(float);
}

void arena_free(struct arena *arena)
{
    free(arena->floats);
    *arena = (struct arena){ 0 };
}
