/*
 * Attention flow (Abnar & Zuidema 2020): the maximum flow from a query at the top through all
 * layers to one token at the bottom. capacity f32 [layers, t, t], the first layer first, is
 * that of the edge from token i above a layer to token j below it: finite, nowhere below 0.
 * Numbers are double; nothing is allocated.
 */
#ifndef SACCADE_FLOW_H
#define SACCADE_FLOW_H

#include "common/threads.h"

#include <stdbool.h>

struct flow_network {
    const float *capacity;
    size_t layers, t;
};

/* What arrives. It is never more than the edges of the first layer into its token hold, nor
 * than the query gives: whether it is the one, or the other, to 1e-6. */
struct flow {
    double value;
    bool fills_first, takes_all;
};

/* Bytes that one flow needs at room, aligned as malloc does. */
size_t flow_room(const struct flow_network *network);

/* supply[t]: what the query gives to each token above the last layer, 1 to its own or, for a
 * mean, shares of 1. */
struct flow flow_to(
    const struct flow_network *network, const float *supply, size_t sink, void *room);

/* flows[count, t - p]: from each of supplies[count, t] to each token from p on. room: of one
 * flow for each thread. */
void flow_all(struct threads *threads, const struct flow_network *network,
    const float *supplies, size_t count, size_t p, void *room, struct flow *flows);

/* The first row i of the t by t capacities of a layer that isn't finite or is below 0; t: none.
 */
size_t flow_fault(const float *capacity, size_t t);

#endif
