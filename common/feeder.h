/*
 * Batches of a data set for training or validation, made by threads of its own beside the
 * products, one epoch long. What is in them depends on the seed, the epoch and the step alone:
 * not on the threads, nor on where the epoch was begun.
 */
#ifndef SACCADE_FEEDER_H
#define SACCADE_FEEDER_H

#include "common/augment.h"
#include "common/dataset.h"

struct feeder;

struct feeder_wishes {
    const struct dataset *dataset; /* must outlive the feeder */
    struct view_rule rule;         /* of the model's input; checked by the caller */
    /* Training: shuffled, augmented, whole batches alone. Else in order, the model's own view,
     * and the last batch may be short. */
    bool training;
    struct augment augment;
    size_t batch;
    uint64_t seed;
    uint32_t epoch;
    size_t first_step; /* to resume in the middle of the epoch */
    float smoothing;   /* of labels: this much is shared out among all classes */
    size_t workers;    /* at least 1 */
};

/* A batch; good until the next is asked for. */
struct feeder_batch {
    size_t step, count;
    const float *const *inputs; /* [count] of f32 [3, height, width] */
    const float *targets;       /* [count, classes of the set]; rows sum to 1 */
    const uint32_t *labels;     /* [count] */
    const uint32_t *pictures;   /* [count]: their numbers in the set */
};

/* How many steps an epoch has. */
size_t feeder_steps(const struct feeder_wishes *wishes);

/*
 * BAD_USAGE: fewer pictures than a batch in training, a first step behind the last, sizes that
 * overflow; BAD_SYSTEM. To be stopped whatever is returned.
 */
int feeder_start(
    struct feeder **feeder, const struct feeder_wishes *wishes, struct error *error);
/* Also before the end. */
void feeder_stop(struct feeder *feeder);

/* 1: a batch; 0: the epoch is over; BAD_INPUT, BAD_SYSTEM: a picture can't be made again. */
int feeder_next(struct feeder *feeder, struct feeder_batch *batch, struct error *error);

/* Bytes that it holds. */
size_t feeder_bytes(const struct feeder *feeder);

#endif
