/*
 * One step of training over struct params: AdamW and SGD as PyTorch 2.13 defines them, to
 * float32; and the schedule of the learning rate.
 */
#ifndef SACCADE_OPTIMISER_H
#define SACCADE_OPTIMISER_H

#include "common/params.h"
#include "common/threads.h"

#include <stdint.h>

enum optimiser_kind {
    OPTIMISER_ADAMW, /* Loshchilov & Hutter 2019; torch.optim.AdamW */
    OPTIMISER_SGD    /* Sutskever et al. 2013; torch.optim.SGD(nesterov=True) */
};

struct optimiser_wishes {
    enum optimiser_kind kind;
    double beta1, beta2, eps; /* of AdamW */
    double momentum;          /* of SGD: 0 to below 1 */
    /* Decoupled in AdamW (values *= 1 - lr * decay), a part of the gradient in SGD; only where
     * a parameter decays. */
    double decay;
    /* A parameter's rate is lr * layer_decay^(depths - 1 - depth) (Clark et al. 2020); 1: the
     * same for all. */
    double layer_decay;
    double clip; /* the gradients' norm, as torch.nn.utils.clip_grad_norm_; 0: not clipped */
    double ema;  /* average = ema * average + (1 - ema) * values after each step; 0: none */
};

/* What PyTorch takes where nothing is said: betas 0.9 and 0.999, eps 1e-8, momentum 0.9, no
 * decay, no clipping, no average. */
extern const struct optimiser_wishes optimiser_defaults;

struct optimiser;

/*
 * For params that have their arenas and values: the average begins with them. Which parameters
 * are trained, decay and at what depth is taken now. BAD_USAGE names a wish out of its range.
 */
int optimiser_open(struct optimiser **optimiser, const struct params *params,
    const struct optimiser_wishes *wishes, struct error *error);
void optimiser_free(struct optimiser *optimiser);

/*
 * One step along params->gradients, which stay as they are; what isn't trained is not touched,
 * but is averaged. Returns the norm of the trained parameters' gradients before clipping; where
 * that isn't finite nothing was changed and no step counted. The same bytes for any number of
 * threads.
 */
double optimiser_step(
    struct optimiser *optimiser, struct params *params, double lr, struct threads *threads);

/* The average of the values, [params->total], or NULL where none was wished for. */
const float *optimiser_ema(const struct optimiser *optimiser);

/*
 * What a checkpoint must keep besides the values, for the same bytes after it: the count of
 * steps and these arenas, each [params->total]; names are constant strings. Returns how many.
 */
enum { OPTIMISER_MAX_ARENAS = 3 };
struct optimiser_arena {
    const char *name; /* "first", "second", "momentum", "ema" */
    float *values;    /* owned by the optimiser; may be written to */
};
size_t optimiser_arenas(
    struct optimiser *optimiser, struct optimiser_arena arenas[OPTIMISER_MAX_ARENAS]);
uint64_t optimiser_steps(const struct optimiser *optimiser);
void optimiser_set_steps(struct optimiser *optimiser, uint64_t steps);

/*
 * The rate of step (from 0) of steps: base * (step + 1) / warmup in the first warmup steps, and
 * then minimum + (base - minimum) * (1 + cos(pi * t)) / 2 (Loshchilov & Hutter 2017), t from 0
 * as (step - warmup) / (steps - warmup). From steps on: minimum.
 */
double schedule_lr(uint64_t step, uint64_t steps, uint64_t warmup, double base, double minimum);

#endif
