/*
 * What the programs that run a model share: inputs that fit it, made side by side; batches of
 * one size; the target; what the model before left.
 */
#ifndef SACCADE_MODELSTAGE_H
#define SACCADE_MODELSTAGE_H

#include "common/stage.h"
#include "common/target.h"

enum { DEFAULT_BATCH = 8 };

/* Pictures of one size that go through the model together. */
struct batch {
    struct sample *const *samples;
    const float *const *inputs; /* [count], each f32 [3, height, width] */
    const int64_t *wanted;      /* [count], classes for target_index */
    size_t count, height, width;
};

/* What the state of such a program (run->state) begins with. */
struct modelstage {
    /* Set by the stage before modelstage_open. */
    const struct model *model;
    struct view_wishes wishes; /* its own, over the model's rule */
    uint64_t max_pixels;
    size_t batch; /* most pictures at once */
    struct target target;
    /* Whether the model takes an input of that shape; else BAD_SAMPLE with both shapes. */
    int (*fits)(const struct run *run, const size_t shape[3], struct error *error);
    int (*forward)(struct run *run, const struct batch *batch, struct error *error);

    size_t count, height, width; /* that the pass's buffers are for */
    struct scratch *scratch;     /* [batch]: inputs that had to be converted */
    struct floats *inputs;       /* [batch] */
    const float **data;          /* [batch] */
    int64_t *wanted;             /* [batch] */
};

/* After the fields above: buffers, kernels, and run's model_name. */
int modelstage_open(struct run *run, struct modelstage *stage, struct error *error);
/* --size as given (may be NULL), in multiples of a patch: into wishes. */
int modelstage_size(struct modelstage *stage, const char *text, size_t patch_columns,
    size_t patch_rows, struct error *error);
void modelstage_close(struct modelstage *stage);

/* The callbacks batch and samples of struct stage. The latter fits all inputs, rejects what
 * can't be, and calls forward for each run of samples whose inputs have one size. */
size_t modelstage_batch(const struct run *run);
int modelstage_samples(
    struct run *run, struct sample *const *samples, size_t count, struct error *error);

/* Whether buffers for the sizes that were noted last serve this batch; if not, its own are
 * noted. */
bool modelstage_serves(struct modelstage *stage, const struct batch *batch);

/* Drops what a model before this one left, and the input unless keep. */
void modelstage_drop_old(struct sample *sample, bool keep);

#endif
