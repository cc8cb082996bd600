/*
 * For make bench: products that go to BLIS as they are.
 */
#ifndef SACCADE_TESTS_BARE_H
#define SACCADE_TESTS_BARE_H

#include "common/gemm.h"

#include <blis.h>

/* C = A B, as gemm.h has it, on this thread. */
static inline void bare_product(
    size_t m, size_t n, size_t k, struct matrix a, struct matrix b, float *c, size_t c_stride)
{
    rntm_t runtime = BLIS_RNTM_INITIALIZER;
    float one = 1, zero = 0;
    bli_rntm_set_num_threads(1, &runtime);
    if (b.column_stride
        != 1) /* its path for small products doesn't pack, and is slower there */
        bli_rntm_disable_l3_sup(&runtime);
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, (dim_t)m, (dim_t)n, (dim_t)k, &one,
        (float *)a.data, (inc_t)a.row_stride, (inc_t)a.column_stride, (float *)b.data,
        (inc_t)b.row_stride, (inc_t)b.column_stride, &zero, c, (inc_t)c_stride, 1, NULL,
        &runtime);
}

struct bare {
    size_t parts, m, n, k;
    struct matrix a, b;
    float *c;
    size_t c_stride;
};

static void bare_share(void *argument, size_t i, size_t worker)
{
    const struct bare *p = argument;
    struct matrix a = p->a, b = p->b;
    (void)worker;
    if (p->m >= p->n) {
        const size_t row = p->m * i / p->parts, end = p->m * (i + 1) / p->parts;
        a.data += row * a.row_stride;
        bare_product(end - row, p->n, p->k, a, b, p->c + row * p->c_stride, p->c_stride);
    } else {
        const size_t column = p->n * i / p->parts, end = p->n * (i + 1) / p->parts;
        b.data += column * b.column_stride;
        bare_product(p->m, end - column, p->k, a, b, p->c + column, p->c_stride);
    }
}

/* Each thread has a share of the longer side. */
static inline void bare_products(struct threads *threads, size_t m, size_t n, size_t k,
    struct matrix a, struct matrix b, float *c, size_t c_stride)
{
    struct bare bare = { threads_count(threads), m, n, k, a, b, c, c_stride };
    threads_run(threads, bare.parts, bare_share, &bare);
}

#endif
