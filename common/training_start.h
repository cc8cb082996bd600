/*
 * Where a training begins: at what an earlier one has left at its output.
 */
#ifndef SACCADE_TRAINING_START_H
#define SACCADE_TRAINING_START_H

#include "common/training.h"

/* X.safetensors keeps its state in X.state, DIR in DIR/training.state. BAD_USAGE: too long. */
int training_state_path(char *path, size_t room, const char *output, struct error *error);

/* 1: all is done; 0: there is something to do. Says so, and what is overwritten. BAD_USAGE: it
 * was to go on, but what is there is finished and of another recipe. */
int training_look(const struct training *training, const char *state, struct error *error);

/* Says what is about to be done, and in how much memory; passes: what prepare takes. */
void training_announce(const struct training *training, size_t passes);

#endif
