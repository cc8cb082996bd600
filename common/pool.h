/*
 * What lies between a ResNet's convolutions. Pictures are f32 [B, h, w, C]; nothing is
 * allocated; threads share pictures and rows.
 */
#ifndef SACCADE_POOL_H
#define SACCADE_POOL_H

#include "common/threads.h"

struct pictures {
    size_t batch, height, width, channels;
};

/* 3x3 at stride 2, padded by 1 with what is never the largest: sides (n - 1) / 2 + 1. NaN is
 * the largest, as in PyTorch. */
size_t max_pool_side(size_t side);
void max_pool_forward(
    struct threads *threads, const struct pictures *shape, const float *x, float *y);
/* dx: dy goes to the window's first maximum in reading order (to its last NaN), as in PyTorch.
 */
void max_pool_backward(struct threads *threads, const struct pictures *shape, const float *x,
    const float *dy, float *dx);

/* 2x2 at a stride of 2 or more, in ceil mode: a window that reaches over the edge is the mean
 * of what it covers. shape: of x. */
size_t average_pool_side(size_t side, size_t stride);
void average_pool_forward(struct threads *threads, const struct pictures *shape, size_t stride,
    const float *x, float *y);
void average_pool_backward(struct threads *threads, const struct pictures *shape, size_t stride,
    const float *dy, float *dx);

/* Option A: y [B, ceil(h / stride), ceil(w / stride), out] is every stride-th pixel of x, whose
 * channels are shape's, between zero channels: (out - C) / 2 before. */
void pad_shortcut_forward(struct threads *threads, const struct pictures *shape, size_t stride,
    size_t out, const float *x, float *y);
void pad_shortcut_backward(struct threads *threads, const struct pictures *shape, size_t stride,
    size_t out, const float *dy, float *dx);

/* to[b] (may be NULL): picture b as [C, h, w]; and back, every one. */
void pixels_to_planes(
    struct threads *threads, const struct pictures *shape, const float *x, float *const *to);
void planes_to_pixels(
    struct threads *threads, const struct pictures *shape, const float *const *from, float *x);

#endif
