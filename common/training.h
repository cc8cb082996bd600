/*
 * The run of a training: epochs of steps, validation, checkpoints, the log.
 */
#ifndef SACCADE_TRAINING_H
#define SACCADE_TRAINING_H

#include "common/augment.h"
#include "common/checkpoint.h"
#include "common/dataset.h"
#include "common/trainer.h"

struct training {
    struct trainer *trainer;
    const struct dataset *data, *validation; /* validation may be NULL */
    const char *const *class_names;          /* as many as the trainer has classes */
    struct threads *threads;
    struct optimiser_wishes optimiser;
    struct augment augment;
    struct view_rule rule; /* of the inputs, settled */
    double crop;
    size_t workers; /* that make the batches */
    uint64_t epochs, batch, accumulate, seed;
    double lr, minimum, warmup; /* rates; epochs of warm-up */
    double smoothing;
    double every; /* seconds between states within an epoch */
    const char *output, *log;
    bool half, resume, verbose;
    bool head_only;   /* what the head reads is computed once; nothing else is trained */
    json_t *recipe;   /* all that decides the bytes */
    json_t *programs; /* what training.json says beside: borrowed */
    /* A line for the user. */
    void (*say)(void *argument, const char *text);
    void *argument;
};

/*
 * Trains, or goes on where the state left off, and writes the model. 1: a signal ended it, its
 * state is written; *signal says which. BAD_INPUT: a loss that is no finite number, naming the
 * step, the rate and the last state; a state that doesn't belong to this training is BAD_USAGE.
 */
int training_run(const struct training *training, int *signal, struct error *error);

/* All that decides the bytes: what is trained on what, and the options as given (args,
 * borrowed). The caller's to json_decref. */
json_t *training_recipe(const struct training *training, const char *architecture,
    const char *const *paths, size_t count, json_t *args);

/* The bytes that the run will take beside the data, once trainer->prepare was called. */
size_t training_bytes(const struct training *training, size_t passes);

#endif
