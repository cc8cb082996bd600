/*
 * Inside the passes of a ViT: the buffers, and what the steps of both directions share.
 */
#ifndef SACCADE_VIT_PASS_H
#define SACCADE_VIT_PASS_H

#include "common/arena.h"
#include "common/gemm.h"
#include "common/kernels.h"
#include "common/vit.h"

/* What a block leaves for its backward pass; NULL where none is coming. */
struct vit_layer {
    float *x_in;       /* [B * T, D] the stream entering it */
    float *x_mid;      /* [B * T, D] the stream between attention and MLP */
    float *qkv;        /* [B * T, 3D] as they are multiplied; the pass's own where not kept */
    float *raw;        /* [B * T, 2D] q and k before their norms, where there are such */
    float *pre;        /* [B * T, F or 2F] before the activation, bias added */
    float *out;        /* [B * T, D] what attention gathered; for the gradients of weights */
    float *kept;       /* [B, H, T, T] where no output will hold the attention */
    float **attention; /* [B], each [H, T, T], wherever it is */
};

struct vit_pass {
    struct threads *threads;
    struct vit_plan plan;
    size_t rows, columns;
    size_t patches, tokens; /* of a picture that take part; T, the prefix's with them */
    struct arena arena;
    struct vit_layer *layers;
    float **attention; /* [layers * B], what layers[].attention points into */
    float *positions;  /* [P + rows * columns, D], class and other tokens added in */
    float *x;          /* [B * T, D] the residual stream */
    float *dx;         /* [B * T, D] d target / d stream */
    float *y;          /* [B * T, D] normalised, or what attention gathered; their gradients */
    float *z;          /* [B * T, D] what a branch adds; its gradient */
    float *qkv;        /* [B * T, 3D]; the gradient */
    float *hidden;     /* [B * T, F or 2F]; its gradient; the patches' pixels at first */
    float *scores;     /* [threads, T, T] where attention isn't wanted; its gradient */
    float *pooled;     /* [2, B, 2D] what each head reads, before fc_norm */
    float *normed;     /* [2, B, 2D] and behind */
    float *features;   /* [2, B, E] behind pre_logits */
    float *logits;     /* [2, B, C] */
    float *embedded;   /* [B * T, D] before a norm before the blocks; for its weights */
    float *partial; /* [B, partial_width()] sums of one picture; for the gradients of weights */
    const float *const
        *inputs; /* of the last forward pass, there until the backward pass is done */
    const float *drop_path; /* of the last forward pass; and which patches take part, or NULL */
    const uint32_t *chosen;
    float *head_gradients; /* [B, 2D or E], then [2, B, 2D] */
};

/* What the tasks of one step share. */
struct step {
    const struct vit *vit;
    struct vit_pass *pass;
    size_t batch, layer;
    const struct vit_layer *kept; /* of the layer */
    const float **weights;        /* of the block */
    const float *const *inputs;
    const struct vit_outputs *outputs;
    const struct vit_gradients *gradients;
    bool through; /* the gradient goes on below this layer's attention */
    size_t live;  /* of a picture's rows of dx, those that may be other than 0: 1, the class
                   * token's, as long as only that was read; else all T */
};

static inline void step_to(struct step *step, size_t layer)
{
    step->layer = layer;
    step->weights = step->vit->blocks[layer];
    step->kept = &step->pass->layers[layer];
}

static inline const float *weight(const struct step *step, int slot)
{
    return step->weights[slot - GLOBAL_SLOTS];
}

/* Rows from a live one to the next, that of the next picture where a picture has one. */
static inline size_t live_stride(const struct step *step)
{
    return step->pass->tokens / step->live;
}

/* A weight [out, in] as the right factor [in, out]. */
static inline struct matrix transposed(const float *weight, size_t in)
{
    return (struct matrix){ weight, 1, in };
}

/* Rows of an array with stride between them, as a factor. */
static inline struct matrix rows_of(const float *data, size_t stride)
{
    return (struct matrix){ data, stride, 1 };
}

static inline size_t mlp_width(const struct vit_config *config)
{
    return config->hidden * (config->gated ? 2 : 1);
}

/* A norm's weight and bias; or those of q and k, of a head. */
static inline size_t partial_width(const struct vit_config *config)
{
    return config->dim / config->heads * (config->heads == 1 ? 4 : 2 * config->heads);
}

/* Width of what the head reads. */
static inline size_t pooled_width(const struct vit_config *config)
{
    return config->dim * (config->readout == READ_CLASS_AND_MEAN ? 2 : 1);
}

/* vit_head.c: logits[b] from the stream in x; and back, the gradient of the stream in dx. */
void head_forward(const struct step *step, float *const *logits);
void head_backward(const struct step *step, const float *logit_gradients);

/*
 * vit_weights.c: adds the gradients of weights to their places, where they are wanted. dy: the
 * gradient by what the layer gave, x: what it took.
 */
void linear_gradients(const struct step *step, int slot, const float *dy, size_t dy_stride,
    size_t out, const float *x, size_t x_stride, size_t in);
void norm_gradients(const struct step *step, int slot, const float *dy, const float *x);
void head_norm_gradients(const struct step *step);
void scale_gradients(
    const struct step *step, int slot, int linear, const float *x, size_t x_stride, size_t in);
void embedding_gradients(struct step *step);
void reading_gradients(
    const struct step *step, int slot, const float *dy, size_t out, const float *x, size_t in);
void row_norm_gradients(const struct step *step, int slot, const float *dy, const float *x);

/* Whether the gradient of any weight is wanted. */
static inline bool wants_weights(const struct step *step)
{
    return step->gradients->weights != NULL;
}

/* The place in the grid of the i-th patch that takes part. */
static inline size_t patch_of(const struct vit_pass *pass, size_t b, size_t i)
{
    return pass->chosen ? pass->chosen[b * pass->patches + i] : i;
}

/* Gathers the pixels of a picture's patches, [N, 3 * ph * pw]. */
void gather_patches(const struct step *step, size_t b, float *to);

/* What multiplies a branch (0: attention, 1: MLP) of each picture in the step's layer, or NULL.
 */
static inline const float *drop_factors(const struct step *step, size_t branch)
{
    const float *factors = step->pass->drop_path;
    return factors ? factors + (2 * step->layer + branch) * step->batch : NULL;
}

/* The patches' rows of x[T, D] as to[D, rows, columns]. */
void patches_to_grid(const struct step *step, const float *x, float *to);

#endif
