/* The numbers that attnstat(1) prints of a layer's heads: common/headstat's, on all threads. */
#ifndef SACCADE_LAYERSTAT_H
#define SACCADE_LAYERSTAT_H

#include "common/sinks.h"
#include "common/threads.h"

enum layer_number {
    DISTANCE,
    ENTROPY,
    PREFIX_MASS,
    DIAGONAL_MASS,
    EFFECTIVE_RANK,
    DIVERGENCE, /* NaN where the layer has one head */
    SINKS,      /* how many; the layer's, so the same for each head */
    SINK_SHARE, /* what a head gives to them, mean over all tokens' rows, or readout's */
    LAYER_NUMBERS
};

extern const char *const layer_number_names[LAYER_NUMBERS];

enum { LAYER_MAX_HEADS = 1024 };

struct layer_wish {
    bool wanted[LAYER_NUMBERS]; /* what costs much is left out where it isn't: NaN */
    bool readout; /* of the queries that the model's head reads, instead of the patches */
    struct sink_bounds sinks;
};

struct layer_numbers {
    double of[LAYER_NUMBERS];
};

/* Memory for layer after layer; all zero to begin with. */
struct layerstat {
    struct scratch received;    /* [heads, tokens], and one row */
    struct scratch information; /* [heads, heads] */
    struct scratch rank;        /* head_rank_room a thread */
    struct scratch faults;      /* [heads]: a row that is no softmax's */
    struct sinks sinks;         /* of the last layer, where they are wanted */
};
void layerstat_free(struct layerstat *stat);

/*
 * numbers[heads] of attention f32 [heads, n, n]; lengths by head_lengths; tokens f32 [n, dim],
 * the layer's input, or NULL. BAD_SAMPLE where there are over LAYER_MAX_HEADS, where a row
 * isn't finite, not below 0 and of sum 1 to a hundredth, and where tokens aren't finite.
 */
int layerstat_measure(struct layerstat *stat, struct threads *threads,
    const struct layer_wish *wish, const float *attention, size_t heads,
    const struct layout *layout, const double *lengths, const float *tokens, size_t dim,
    struct layer_numbers *numbers, struct error *error);

#endif
