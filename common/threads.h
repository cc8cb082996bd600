/*
 * One pool of threads that block while they wait: the stages of a pipe share the processor, and
 * a thread that spins steals from its neighbours.
 */
#ifndef SACCADE_THREADS_H
#define SACCADE_THREADS_H

#include "formats/error.h"

#include <stddef.h>

struct threads;

/* count threads, the caller's among them. */
int threads_create(struct threads **threads, size_t count, struct error *error);
void threads_free(struct threads *threads);
size_t threads_count(const struct threads *threads);

/*
 * Calls task(argument, i, worker) for every i below count, on all threads, in no order, and
 * returns when all are done. worker, below threads_count(), names the thread: for scratch of
 * its own. What a task computes may depend on i alone, so that bytes don't depend on the number
 * of threads.
 */
void threads_run(struct threads *threads, size_t count,
    void (*task)(void *argument, size_t i, size_t worker), void *argument);

/* The processors that affinity and the control group (v2) allow; at least 1. */
size_t threads_available(void);

#endif
