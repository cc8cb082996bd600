/*
 * Hands an input that was looked into over to a reader that opens its own: a thread that copies
 * what was peeked and all that follows into a pipe.
 */
#ifndef SACCADE_PUMP_H
#define SACCADE_PUMP_H

#include "formats/io.h"

struct pump;

/*
 * Takes over input's descriptor. The reading end takes its place where it is standard input;
 * else it is *fd, to be opened as /dev/fd/N and closed by pump_stop.
 */
int pump_start(struct pump **pump, const struct input *input, int *fd, struct error *error);

/* Also before all is copied. BAD_SYSTEM: reading the input had failed. pump may be NULL. */
int pump_stop(struct pump *pump, struct error *error);

#endif
