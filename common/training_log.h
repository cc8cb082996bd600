/*
 * The table that --log keeps of a training: a line an epoch.
 */
#ifndef SACCADE_TRAINING_LOG_H
#define SACCADE_TRAINING_LOG_H

#include "formats/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Begins the file, or, for a run that goes on, keeps what it has of the epochs done: lines
 * behind, or cut, are of a run that was ended before its state was written. *log is the
 * caller's to close.
 */
int training_log_open(
    FILE **log, const char *name, uint64_t done, bool goes_on, struct error *error);

/* validation_loss: NULL where nothing is validated. rate: pictures a second. -1 and errno: it
 * can't be written. */
int training_log_epoch(FILE *log, uint64_t epoch, double loss, double accuracy,
    const double *validation_loss, double validation_accuracy, double rate, double seconds);

#endif
