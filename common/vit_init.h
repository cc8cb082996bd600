/*
 * Where a ViT that begins from nothing begins: its attention is made to look first at what is
 * alike and near, as that of trained ones does (Trockman & Kolter 2023, Mimetic Initialization
 * of Self-Attention Layers). It learns a small data set in a fraction of the epochs.
 */
#ifndef SACCADE_VIT_INIT_H
#define SACCADE_VIT_INIT_H

#include "common/random.h"

#include <stddef.h>

/*
 * qkv [3 dim, dim], proj [dim, dim], both as of a linear layer [out, in]. For every head the
 * product of its query and key weights is about a multiple of the unit matrix, such that a
 * normalised token is 4 before the softmax with itself; and that of value and projection, over
 * all heads, about -0.4 of the unit matrix. Instead of the paper's singular vectors these are
 * products of a random matrix with itself, whose mean is the unit matrix.
 */
void vit_init_attention(
    float *qkv, float *proj, size_t dim, size_t heads, struct random *random);

/*
 * to [rows * columns, dim]: 0.2 times sines and cosines of the row in the first half of dim and
 * of the column in the second, of wavelengths from 2 pi to 20000 pi (Vaswani et al. 2017). What
 * dim has beyond a multiple of 4 is left as it is.
 */
void vit_init_positions(float *to, size_t rows, size_t columns, size_t dim);

#endif
