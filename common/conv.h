/*
 * Convolutions of B pictures at once, as products: x [B, h, w, in] to y [B, rows, columns,
 * out]. A kernel of 1x1 at stride 1 is a product of x as it lies; otherwise a tile's rows are
 * gathered in a thread's scratch (im2col; for each ky one contiguous run of x where groups is
 * 1) and multiplied while they are in the cache. Nothing is allocated here. Tiles depend on
 * shapes alone, so bytes don't depend on the number of threads.
 */
#ifndef SACCADE_CONV_H
#define SACCADE_CONV_H

#include "common/resnet.h"

/* Rows or columns that come out where side go in; 0 where the kernel doesn't fit. */
size_t conv_side(const struct conv *conv, size_t side);

/* A convolution at work. A thread's scratch begins at scratch + worker * stride; stride is at
 * least conv_scratch(). */
struct conv_run {
    struct threads *threads;
    const struct conv *conv;
    size_t batch, height, width; /* of x */
    float *scratch;
    size_t stride;
};

/* Floats of scratch that a thread needs, forward and backward; SIZE_MAX where they can't be
 * counted. Reads run's shape alone; enough for smaller batches too. */
size_t conv_scratch(const struct conv_run *run);

/* y = conv(x) [+ residual], then max(0, y) with relu. residual (may be NULL, or y itself) is of
 * y's shape. NaN stays. */
void conv_forward(
    const struct conv_run *run, const float *x, float *y, const float *residual, bool relu);

/* dx [+]= the transpose of the convolution (without bias) times dy; then 0 where relu_output,
 * of dx's shape (may be NULL), is at most 0. */
void conv_input_gradient(
    const struct conv_run *run, const float *dy, float *dx, bool add, const float *relu_output);

/*
 * dw += the gradient by conv->weight, in its layout: every output's dy times the inputs that it
 * read. sums: conv_weight_room() floats of scratch, of all threads; run->scratch as above.
 */
void conv_weight_gradient(
    const struct conv_run *run, const float *x, const float *dy, float *dw, float *sums);
/* 0: none. SIZE_MAX where they can't be counted. */
size_t conv_weight_room(const struct conv_run *run);

/*
 * The transpose of a convolution whose outputs are as many as its inputs (stride 1, kernel odd,
 * padded by half of it) is a convolution itself: flipped, of dy to dx, faster than
 * conv_input_gradient's scattering. False, where it isn't one or is a product as it lies.
 * weight: as many floats as conv's, filled by conv_flip_weights. flipped has no bias.
 */
bool conv_flip(const struct conv *conv, struct conv *flipped);
void conv_flip_weights(const struct conv *conv, struct conv *flipped, float *weight);

/*
 * Narrow groups (ResNeXt) run at a fraction of a product's speed: merged is the same
 * convolution with neighbours put together into block-diagonal ones of 16 inputs and outputs
 * or more. Returns how many floats its weights take, 0 where conv is best left as it is. The
 * zeros spread a NaN or an infinity to the other groups of its block.
 */
size_t conv_merge_groups(const struct conv *conv, struct conv *merged);
/* Fills them: weight has as many floats as said; merged->weight becomes weight. */
void conv_merge_weights(const struct conv *conv, struct conv *merged, float *weight);

#endif
