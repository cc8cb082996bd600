/*
 * What rollout and its relatives make of one layer: attention A after softmax and, where a
 * class is asked for, its gradient G = d(logit)/dA, both f32 [heads, t, t]; of the t tokens the
 * first p come before the patches. The stage multiplies the layers (rollout(1) has the
 * formulas). Nothing is allocated; NaN stays NaN.
 */
#ifndef SACCADE_ROLLOUT_H
#define SACCADE_ROLLOUT_H

#include "common/map.h"

enum fusion { FUSE_MEAN, FUSE_MAX, FUSE_MIN };

/*
 * to[n] = the heads of attention[heads, n] fused; with a gradient, those of relu+(A * G)
 * instead, clamped before they are fused (Chefer et al. 2021).
 */
void rollout_fuse(float *to, const float *attention, const float *gradient, size_t heads,
    size_t n, enum fusion fusion);

bool rollout_is_zero(const float *x, size_t n);

/* rows[count, t]: of the identity, or for the mean their mean over the patches. */
void rollout_begin(float *rows, const struct query *queries, size_t count, size_t t, size_t p);

/* Bytes that the next two need at room, aligned as malloc does. */
size_t rollout_room(size_t t);

/*
 * Abnar & Zuidema 2020: a[t, t], heads fused, becomes residual I + (1 - residual) A with rows
 * divided by their sums. Before, in each row the floor(discard (t - p)) lowest patches become
 * 0, ties by index, never the prefix; room is used where there are any.
 */
void rollout_mix(float *a, size_t t, size_t p, double residual, double discard, void *room);

/*
 * vit-explain (github.com/jacobgil/vit-explain, vit_rollout.py): discards over the whole matrix
 * and spares only A[0,0]; divides a_ij by the sum of row j.
 */
void rollout_mix_script(float *a, size_t t, double discard, void *room);

/*
 * to[t - p] = relu+ E_h[A[q,p:] * mean_{j >= p} G[q,j]]; for the mean query A and G are
 * averaged over the patch queries first (Grad-CAM of attention as in the code of Chefer et al.
 * 2021). sums: t - p of the caller's. False where G is zero in all that was read of it.
 */
bool rollout_gradcam(float *to, const float *attention, const float *gradient, size_t heads,
    size_t t, size_t p, const struct query *query, double *sums);

#endif
