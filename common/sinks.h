/*
 * Sinks: patches that take most of a layer's attention, whatever they show, and in large models
 * have the longest vectors (Darcet et al. 2024). attnstat(1) has the definition.
 */
#ifndef SACCADE_SINKS_H
#define SACCADE_SINKS_H

#include "common/headstat.h"

/* More than share / n of the attention, and a norm above the median by more than outlying
 * times the median absolute deviation, where there are norms. */
struct sink_bounds {
    double share, outlying;
};

/* Those of one layer; memory for layer after layer, all zero to begin with. */
struct sinks {
    size_t count;
    bool *is;         /* [n] */
    double *received; /* [n]: what a token is given, mean over heads and rows */
    double *norms;    /* [n]; NULL where there are no tokens */
    double median;    /* of the patches' norms */
    struct scratch memory;
};
void sinks_free(struct sinks *sinks);

/*
 * received [heads, n] by head_received; tokens f32 [n, dim], the layer's input, or NULL.
 * BAD_SAMPLE where tokens aren't finite.
 */
int sinks_find(struct sinks *sinks, const struct sink_bounds *bounds,
    const struct layout *layout, const double *received, size_t heads, const float *tokens,
    size_t dim, struct error *error);

/*
 * to[heads, n, n] = attention without the columns of sinks, rows divided by what is left of
 * them; a row of which nothing is left is zero. removed[heads, n]: what each row gave to them.
 */
void sinks_suppress(const struct sinks *sinks, const float *attention, size_t heads, size_t n,
    float *to, double *removed);

#endif
