/* Where a ViT that begins from nothing begins. */
#include "common/vit_init.h"

#include <math.h>

/* What a token's attention to itself is before the softmax, and how much of it is taken away.
 */
#define LIKENESS 4.0
#define REMOVAL 0.4
#define NOISE 0.02
#define AMPLITUDE 0.2

void vit_init_attention(
    float *qkv, float *proj, size_t dim, size_t heads, struct random *random)
{
    /* A normalised token has the squared length dim; its product with itself goes through
     * dim / heads rows and is divided by the root of their number. */
    const double size = (double)dim / (double)heads;
    const double alike = sqrt(LIKENESS / (sqrt(size) * (double)dim));
    const double value = 1 / sqrt((double)dim);
    float *q = qkv, *k = qkv + dim * dim, *v = qkv + 2 * dim * dim;
    for (size_t i = 0; i < dim * dim; i++) {
        const double shared = alike * random_normal(random);
        q[i] = (float)(shared + NOISE * random_normal(random));
        k[i] = (float)(shared + NOISE * random_normal(random));
        v[i] = (float)(value * random_normal(random));
    }
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < dim; j++)
            proj[i * dim + j] =
                (float)(-REMOVAL * v[j * dim + i] + NOISE * random_normal(random));
}

void vit_init_positions(float *to, size_t rows, size_t columns, size_t dim)
{
    const size_t quarter = dim / 4;
    for (size_t i = 0; i < rows * columns; i++)
        for (size_t f = 0; f < quarter; f++) {
            const double rate = pow(10000, -(double)f / (double)quarter);
            const double row = (double)(i / columns) * rate,
                         column = (double)(i % columns) * rate;
            float *at = to + i * dim + f;
            at[0] = (float)(AMPLITUDE * sin(row));
            at[quarter] = (float)(AMPLITUDE * cos(row));
            at[2 * quarter] = (float)(AMPLITUDE * sin(column));
            at[3 * quarter] = (float)(AMPLITUDE * cos(column));
        }
}
