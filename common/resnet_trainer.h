/*
 * Inside the training of a ResNet: resnet_params.c lists the parameters, resnet_train_plan.c
 * lays out the buffers, resnet_train.c and resnet_train_back.c are the passes.
 */
#ifndef SACCADE_RESNET_TRAINER_H
#define SACCADE_RESNET_TRAINER_H

#include "common/batchnorm.h"
#include "common/resnet_infer.h"
#include "common/resnet_pass.h"
#include "common/resnet_train.h"

/* What isn't kept: blocks' outputs in turn, what is behind their convolutions, what goes
 * around; and gradients: of blocks' outputs, and on their way through the convolutions. */
enum {
    OUT0,
    OUT1,
    HIDDEN0,
    HIDDEN1,
    AROUND,
    GRADIENT0,
    GRADIENT1,
    INNER0,
    INNER1,
    TRAIN_SLOTS
};

/* A convolution and the norm behind it. */
struct train_layer {
    struct conv *folded; /* the network's own */
    struct conv conv;    /* its weight is params' */
    struct conv flipped; /* its transpose, where flips */
    bool flips;
    size_t param; /* its first: PART_CONV, the others behind it */
    bool weight_trained, norm_trained;
    const struct plane *x;
    struct plane z; /* behind the convolution */
    struct plane y; /* behind the norm and its relu; of a block's last: the block's output */
    struct batchnorm norm;
};

/* Layers first to first + count are the block's convolutions, then its projection if it has
 * one. */
struct train_block {
    size_t first, count;
    struct plane pooled; /* SHORTCUT_POOL */
    struct plane around; /* SHORTCUT_PAD */
};

struct resnet_trainer {
    struct resnet *resnet;
    struct params *params;
    struct train_layer *layers; /* the stem's, then the blocks' */
    struct train_block *blocks;
    size_t layer_count;
    size_t head; /* the parameter fc.weight; fc.bias is the next */

    struct threads *threads;
    size_t batch, height, width;
    bool any;      /* anything below the head is trained */
    size_t lowest; /* block that has trained parameters, + 1; 0: the stem; all above count */
    struct plane input, pooled;
    size_t slot_sizes[TRAIN_SLOTS];
    float *slots[TRAIN_SLOTS];
    float *means;          /* [B, features] */
    float *flipped, *sums; /* weights turned; a weight gradient's parts */
    double *norm_sums;
    float *scratch;
    size_t scratch_stride;
    struct arena arena;
};

/* Draws a parameter from seed, whatever else is drawn: normal numbers of that deviation, or
 * uniform ones up to bound. */
void resnet_draw_normal(
    const struct params *params, size_t param, double deviation, uint64_t seed);
void resnet_draw_uniform(
    const struct params *params, size_t param, double bound, uint64_t seed);

/* Block b's projection, or NULL. */
struct train_layer *train_projection(const struct resnet_trainer *trainer, size_t b);
/* What block b reads; b block_count: the last block's output. */
const struct plane *train_block_input(const struct resnet_trainer *trainer, size_t b);
struct conv_run train_run(
    const struct resnet_trainer *trainer, const struct train_layer *layer, size_t batch);

#endif
