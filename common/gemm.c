#include "common/gemm.h"

#include <blis.h>
#include <stdlib.h>

/* BLIS doesn't recognise every processor on a virtual machine and falls back to AVX2 kernels;
 * a user's own BLIS_ARCH_TYPE wins. */
const char *gemm_start(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
                      && __builtin_cpu_supports("avx512bw")
                      && __builtin_cpu_supports("avx512vl");
    if (wide && !__builtin_cpu_is("amd"))
        setenv("BLIS_ARCH_TYPE", "skx", 0); /* 0.9 takes numbers only, reads this as 0: skx */
#endif
    bli_init();
    return bli_arch_string(bli_arch_query_id());
}

/* BLIS's path for small products sums in another order, so which rows stand beside a row would
 * show in its bytes; and it doesn't pack: where the rows of the right factor lie apart (weights
 * as PyTorch stores them) it runs at half the speed. */
static void multiply(size_t m, size_t n, size_t k, float scale, struct matrix a,
    struct matrix b, float keep, float *c, size_t c_stride, bool pack)
{
    rntm_t runtime = BLIS_RNTM_INITIALIZER;
    if (m == 0 || n == 0)
        return;
    bli_rntm_set_num_threads(1, &runtime);
    if (pack)
        bli_rntm_disable_l3_sup(&runtime);
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, (dim_t)m, (dim_t)n, (dim_t)k, &scale,
        (float *)a.data, (inc_t)a.row_stride, (inc_t)a.column_stride, (float *)b.data,
        (inc_t)b.row_stride, (inc_t)b.column_stride, &keep, c, (inc_t)c_stride, 1, NULL,
        &runtime);
}

void gemm(size_t m, size_t n, size_t k, float scale, struct matrix a, struct matrix b,
    float keep, float *c, size_t c_stride)
{
    multiply(m, n, k, scale, a, b, keep, c, c_stride, b.column_stride != 1);
}

void gemm_packed(size_t m, size_t n, size_t k, float scale, struct matrix a, struct matrix b,
    float keep, float *c, size_t c_stride)
{
    multiply(m, n, k, scale, a, b, keep, c, c_stride, true);
}

struct tiles {
    size_t m, n, k, rows, columns, across; /* of a tile; tiles in a row */
    struct matrix a, b;
    float keep;
    float *c;
    size_t c_stride;
    gemm_finish *finish;
    void *argument;
};

static void tile(void *argument, size_t i, size_t worker)
{
    const struct tiles *t = argument;
    const size_t row = i / t->across * t->rows, column = i % t->across * t->columns;
    const size_t rows = t->m - row < t->rows ? t->m - row : t->rows;
    const size_t columns = t->n - column < t->columns ? t->n - column : t->columns;
    struct matrix a = t->a, b = t->b;
    (void)worker;
    a.data += row * a.row_stride;
    b.data += column * b.column_stride;
    multiply(rows, columns, t->k, 1, a, b, t->keep, t->c + row * t->c_stride + column,
        t->c_stride, true);
    if (t->finish)
        t->finish(t->argument, row, rows, column, columns);
}

size_t gemm_share(size_t size, size_t parts, size_t multiple)
{
    const size_t part = (size + parts - 1) / parts;
    return (part + multiple - 1) / multiple * multiple;
}

/*
 * One picture (few rows): tiles of columns, as each packs its own part of the weights; several:
 * tiles of about 800 rows and half or a quarter of the columns, a balance between packing the
 * left factor and the right one again; of few columns, rows alone, for packing them a second
 * time would cost a tenth. Multiples of 96 fit the register blocks of BLIS's kernels (6x16,
 * 32x12, 14x32).
 */
void gemm_all(struct threads *threads, size_t m, size_t n, size_t k, struct matrix a,
    struct matrix b, float *c, size_t c_stride, gemm_finish *finish, void *argument)
{
    struct tiles t = { m, n, k, m, n, 1, a, b, 0, c, c_stride, finish, argument };
    const size_t parts = n < 1536 ? 2 : 4;
    if (m >= 512 && n <= 576) {
        t.rows = gemm_share(m, m < 2400 ? 4 : m / 600, 96);
    } else {
        t.columns = gemm_share(n, m < 512 ? 2 * parts : parts, 96);
        if (m >= 512)
            t.rows = gemm_share(m, m < 1576 ? 2 : m / 788, 96);
    }
    t.across = (n + t.columns - 1) / t.columns;
    threads_run(threads, t.across * ((m + t.rows - 1) / t.rows), tile, &t);
}

/* Four tiles of a small C, along its longer side; both factors are long, and packed again for
 * each tile, so that a tile is as near a square as may be. */
void gemm_add(struct threads *threads, size_t m, size_t n, size_t k, struct matrix a,
    struct matrix b, float *c, size_t c_stride)
{
    struct tiles t = { m, n, k, m, n, 1, a, b, 1, c, c_stride, NULL, NULL };
    const size_t least_rows = (m + 575) / 576, least_columns = (n + 575) / 576;
    t.rows = gemm_share(m, m >= n && least_rows < 4 ? 4 : least_rows, 32);
    t.columns = gemm_share(n, m < n && least_columns < 4 ? 4 : least_columns, 32);
    t.across = (n + t.columns - 1) / t.columns;
    threads_run(threads, t.across * ((m + t.rows - 1) / t.rows), tile, &t);
}
