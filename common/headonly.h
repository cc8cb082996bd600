/*
 * Training a head alone: what it reads is computed once for every picture, and then it is a
 * linear layer over these numbers.
 */
#ifndef SACCADE_HEADONLY_H
#define SACCADE_HEADONLY_H

#include "common/feeder.h"
#include "common/trainer.h"

#include <signal.h>

/*
 * *bank [pictures of the set, trainer->features], the caller's to free: of the model's own view
 * of each, in batches of one size whatever was done before. wishes: of such a feeder. 1: *stop
 * was set. BAD_INPUT, BAD_SYSTEM.
 */
int headonly_read(struct trainer *trainer, const struct feeder_wishes *wishes,
    const volatile sig_atomic_t *stop, float **bank, struct error *error);

/* The rows of a bank that a batch's pictures have, [count, features]. */
void headonly_gather(
    const float *bank, size_t features, const struct feeder_batch *feed, float *rows);
void headonly_forward(
    const struct trainer *trainer, const float *rows, size_t count, float *logits);
/* Adds to params.gradients. */
void headonly_backward(
    struct trainer *trainer, const float *rows, size_t count, const float *logit_gradients);

#endif
