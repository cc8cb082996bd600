#include "common/params.h"

#include <stdlib.h>
#include <string.h>

int params_add(struct params *params, const struct param *param, struct error *error)
{
    if (params->count == params->room) {
        const size_t room = params->room ? 2 * params->room : 64;
        struct param *items = realloc(params->items, room * sizeof *items);
        if (!items)
            return fail_memory(error, room * sizeof *items);
        params->items = items;
        params->room = room;
    }
    struct param *to = &params->items[params->count++];
    *to = *param;
    to->count = 1;
    for (size_t i = 0; i < to->rank; i++)
        to->count *= to->shape[i];
    to->at = params->total;
    params->total += (to->count + 15) & ~(size_t)15;
    if (to->depth >= params->depths)
        params->depths = to->depth + 1;
    return 0;
}

int params_allocate(struct params *params, struct error *error)
{
    const size_t size = (params->total + 16) * sizeof(float);
    params->values = aligned_alloc(64, (size + 63) & ~(size_t)63);
    params->gradients = aligned_alloc(64, (size + 63) & ~(size_t)63);
    if (!params->values || !params->gradients)
        return fail_memory(error, size);
    memset(params->values, 0, size);
    memset(params->gradients, 0, size);
    return 0;
}

void params_free(struct params *params)
{
    free(params->items);
    free(params->values);
    free(params->gradients);
    *params = (struct params){ 0 };
}

struct param *params_find(const struct params *params, const char *name)
{
    for (size_t i = 0; i < params->count; i++)
        if (strcmp(params->items[i].name, name) == 0)
            return &params->items[i];
    return NULL;
}

/* Calls for each pair of places: i in the shape's order, k in the order it is trained in. */
#define EACH_WEIGHT(param, DO)                                                              \
    do {                                                                                    \
        const size_t out = (param)->shape[0], in = (param)->shape[1];                       \
        const size_t side = (param)->shape[2] * (param)->shape[3];                          \
        const size_t groups = (param)->groups, width = out / groups;                        \
        for (size_t o = 0, i = 0; o < out; o++)                                             \
            for (size_t c = 0; c < in; c++)                                                 \
                for (size_t s = 0; s < side; s++, i++) {                                    \
                    const size_t k = ((o / width * side + s) * in + c) * width + o % width; \
                    DO;                                                                     \
                }                                                                           \
    } while (0)

void param_export(const struct param *param, const float *values, float *to)
{
    if (param->groups > 0)
        EACH_WEIGHT(param, to[i] = values[k]);
    else
        memcpy(to, values, param->count * sizeof *to);
}

void param_import(const struct param *param, const float *from, float *values)
{
    if (param->groups > 0)
        EACH_WEIGHT(param, values[k] = from[i]);
    else
        memcpy(values, from, param->count * sizeof *values);
}
