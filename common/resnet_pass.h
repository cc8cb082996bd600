/*
 * The buffers of a ResNet's passes, shared by resnet_prepare.c, resnet_forward.c and
 * resnet_backward.c.
 */
#ifndef SACCADE_RESNET_PASS_H
#define SACCADE_RESNET_PASS_H

#include "common/arena.h"
#include "common/conv.h"
#include "common/pool.h"

/* What isn't kept shares four slots: a block's input and output take turns in X0 and X1, what
 * is behind its convolutions in H0 and H1. The gradients do the same on the way back. */
enum { X0, X1, H0, H1, SLOTS };

/* f32 [B, rows, columns, channels] */
struct plane {
    size_t channels, rows, columns;
    float *data;
};

struct block_planes {
    struct plane hidden[RESNET_MAX_BLOCK - 1]; /* behind each relu but the last */
    struct plane pooled;                       /* SHORTCUT_POOL */
    struct plane out;
};

struct resnet_pass {
    struct threads *threads;
    size_t batch, height, width;
    size_t lowest; /* place */
    size_t stem_count, block_count;
    struct conv stem[RESNET_MAX_STEM]; /* as the model's, but narrow groups merged */
    struct resnet_block *blocks;
    struct plane input;                  /* the pictures' pixels */
    struct plane stems[RESNET_MAX_STEM]; /* the last is place 0 */
    struct plane pooled;                 /* what the first block reads */
    struct block_planes *planes;         /* [block_count] */
    size_t slot_sizes[SLOTS];
    float *slots[SLOTS];
    float *means; /* [B, features]; their gradient on the way back */
    float *scratch;
    size_t scratch_stride; /* a thread's part */
    struct arena arena;
};

const struct plane *resnet_place(const struct resnet_pass *pass, size_t place);
/* What block b reads. */
const struct plane *resnet_block_input(const struct resnet_pass *pass, size_t b);
struct pictures resnet_pictures(const struct plane *plane, size_t batch);
/* conv at work on pictures of x's size. */
struct conv_run resnet_run(const struct resnet_pass *pass, const struct conv *conv,
    const struct plane *x, size_t batch);

#endif
