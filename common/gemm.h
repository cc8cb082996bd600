/*
 * Every matrix product goes through here, and nothing outside gemm.c knows BLIS.
 *
 * BLIS runs single-threaded under the pool of threads.h: its own threads spin while they wait,
 * and collapse as soon as the next stage of the pipe wants a core.
 */
#ifndef SACCADE_GEMM_H
#define SACCADE_GEMM_H

#include "common/threads.h"

#include <stddef.h>

/* A matrix of any strides, in floats. */
struct matrix {
    const float *data;
    size_t row_stride, column_stride;
};

/* To be called once before the first product; name: of the kernels in use ("skx", "zen3"). */
const char *gemm_start(void);

/* C[m,n] = scale * A[m,k] B[k,n] + keep * C; rows of C are c_stride apart. On this thread.
 * Where keep is 0 or 1, a number's bytes depend on its row of A and its column of B alone, not
 * on what stands beside them. */
void gemm(size_t m, size_t n, size_t k, float scale, struct matrix a, struct matrix b,
    float keep, float *c, size_t c_stride);

/* What is done with a finished tile: rows [row, row + rows) and columns likewise of C. */
typedef void gemm_finish(
    void *argument, size_t row, size_t rows, size_t column, size_t columns);

/*
 * The same on all threads, for big products, keep = 0; finish (may be NULL) is called for every
 * tile while it is in the cache. Tiles depend on the shape alone, so bytes don't depend on the
 * number of threads.
 */
void gemm_all(struct threads *threads, size_t m, size_t n, size_t k, struct matrix a,
    struct matrix b, float *c, size_t c_stride, gemm_finish *finish, void *argument);

/* C += A B on all threads, for small C and large k (gradients of weights); bytes don't depend
 * on the number of threads. */
void gemm_add(struct threads *threads, size_t m, size_t n, size_t k, struct matrix a,
    struct matrix b, float *c, size_t c_stride);

/* How wide a tile is where size is cut into about parts: rounded up to a multiple. */
size_t gemm_share(size_t size, size_t parts, size_t multiple);

#endif
