/*
 * Random numbers that are functions of what they are for: Philox4x32-10 (Salmon et al. 2011,
 * Parallel Random Numbers: As Easy as 1, 2, 3) on a counter of (purpose, epoch, index), keyed
 * by the seed. So they are the same whoever asks, in whatever order, and after a resume.
 */
#ifndef SACCADE_RANDOM_H
#define SACCADE_RANDOM_H

#include <stdint.h>

struct random {
    uint32_t key[2], counter[4];
    uint32_t block[4];
    unsigned used; /* of block */
};

/* What they are for: streams that share nothing. */
enum random_purpose {
    RANDOM_ORDER,
    RANDOM_PICTURE,
    RANDOM_BATCH,
    RANDOM_WEIGHTS,
    RANDOM_PATHS,
    RANDOM_PATCHES,
    RANDOM_MAP,
    RANDOM_SAMPLES
};

struct random random_of(
    uint64_t seed, enum random_purpose purpose, uint32_t epoch, uint32_t index);

uint32_t random_bits(struct random *random);

/* In [low, high), 53 bits of it. */
double random_uniform(struct random *random, double low, double high);

/* Of the normal distribution (Box & Muller 1958). */
double random_normal(struct random *random);

/* Below count, which isn't 0; every number as likely. */
uint32_t random_below(struct random *random, uint32_t count);

/* Beta(alpha, alpha) for 0 < alpha <= 1, by Jöhnk's method. */
double random_beta(struct random *random, double alpha);

#endif
