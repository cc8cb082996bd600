/*
 * How sure a mean over samples is: percentile intervals of the bootstrap (Efron 1979). As many
 * samples as there are are drawn from them, with replacement, and their mean taken; that again
 * and again; of these means, sorted, what leaves 2.5% out at either end.
 */
#ifndef SACCADE_BOOTSTRAP_H
#define SACCADE_BOOTSTRAP_H

#include "formats/npy.h"

#include <stdint.h>

/* NaN where there is nothing. */
struct interval {
    size_t count; /* of numbers: what is NaN is left out */
    double mean, low, high;
};

enum { BOOTSTRAP_MAX_COLUMNS = 16 };

/*
 * intervals[columns] of values [samples, columns]. In every column and for every table of as
 * many samples the same ones are drawn, by the seed: they can be compared. Quantiles lie
 * linearly between two means. room: memory to work in. BAD_SYSTEM.
 */
int bootstrap(const double *values, size_t samples, size_t columns, size_t resamples,
    uint64_t seed, struct scratch *room, struct interval *intervals, struct error *error);

#endif
