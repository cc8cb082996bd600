#include "common/gemm.h"

#include "common/clones.h"

#include <assert.h>
#include <blis.h>
#include <stdlib.h>
#include <string.h>

/*
 * Packing and the loops around BLIS's micro-kernel are ours, for 0.9 packs without vector
 * instructions for AVX-512, which took a quarter of the time of a small ViT in training. A
 * block of the right factor is packed into panels of columns and stays in the second level of
 * the cache, while blocks of the left one go by in panels of rows. Sizes were chosen on a
 * Sapphire Rapids, with 48 KB of the first level and 2 MB of the second; with AVX2 kernels a
 * product takes about as long as with BLIS's own packing.
 */
enum {
    DEPTH = 256, /* of a panel */
    ROWS = 96,   /* of a block of the left factor, COLUMNS of the right one */
    COLUMNS = 768,
    WIDEST = 64, /* panel that there may be */
    BEYOND = 64, /* what kernels load ahead */
};

#ifdef BLIS_NUM_PACKM_KERS /* 0.9; 1.0 has another name for it */
#define PREFERS_ROWS bli_cntx_l3_nat_ukr_prefers_rows_dt
#else
#define PREFERS_ROWS bli_cntx_ukr_prefers_rows_dt
#endif

static struct {
    cntx_t *context;
    size_t rows, columns; /* of C in its registers */
    bool turned;          /* it takes C by columns: ours is its transpose */
} kernel;

/* A megabyte for each thread, touched by those that multiply: nothing that could fail. */
static _Thread_local struct {
    _Alignas(64) float left[ROWS * DEPTH + BEYOND], right[COLUMNS * DEPTH + BEYOND];
} panels;

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
    kernel.context = (cntx_t *)bli_gks_query_cntx(); /* const in 1.0 */
    const size_t m = (size_t)bli_cntx_get_blksz_max_dt(BLIS_FLOAT, BLIS_MR, kernel.context);
    const size_t n = (size_t)bli_cntx_get_blksz_max_dt(BLIS_FLOAT, BLIS_NR, kernel.context);
    assert(m <= WIDEST && n <= WIDEST); /* so that a block holds a panel */
    kernel.turned = !PREFERS_ROWS(BLIS_FLOAT, BLIS_GEMM_UKR, kernel.context);
    kernel.rows = kernel.turned ? n : m;
    kernel.columns = kernel.turned ? m : n;
    return bli_arch_string(bli_arch_query_id());
}

typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

/* Four rows of depth values become depth rows of four, to_stride apart. What is asked for ahead
 * may lie beyond the matrix, which is no harm. */
static inline void turn_four(
    float *to, size_t to_stride, const float *from, size_t stride, size_t depth)
{
    size_t i = 0;
    for (; i + 4 <= depth; i += 4) {
        if (i % 16 == 0)
            for (size_t r = 0; r < 4; r++)
                __builtin_prefetch(from + i + (r + 4) * stride);
        const four a = *(const four *)(from + i), b = *(const four *)(from + i + stride);
        const four c = *(const four *)(from + i + 2 * stride);
        const four d = *(const four *)(from + i + 3 * stride);
        const four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
        const four cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
        const four ab2 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
        const four cd2 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
        *(four *)(to + i * to_stride) = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
        *(four *)(to + (i + 1) * to_stride) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
        *(four *)(to + (i + 2) * to_stride) = __builtin_shufflevector(ab2, cd2, 0, 1, 4, 5);
        *(four *)(to + (i + 3) * to_stride) = __builtin_shufflevector(ab2, cd2, 2, 3, 6, 7);
    }
    for (; i < depth; i++)
        for (size_t r = 0; r < 4; r++)
            to[i * to_stride + r] = from[i + r * stride];
}

/* Below, panels to[depth, width], one behind the other, are made of count rows or columns that
 * lie across apart, along from one of their values to the next; zeros fill up the last. */

/* Row by row, for the next are far away and must be asked for early. across is 1. */
KERNEL static void pack_neighbours(
    float *to, size_t width, const float *from, size_t count, size_t along, size_t depth)
{
    const size_t whole = count / width * width;
    for (size_t l = 0; l < depth; l++) {
        const float *row = from + l * along;
        for (size_t i = 0; i < count; i += 16)
            __builtin_prefetch(row + 4 * along + i);
        for (size_t first = 0; first < whole; first += width) {
            float *panel = to + first * depth + l * width;
            for (size_t i = 0; i < width; i += 2) /* all widths of kernels but one are even */
                memcpy(panel + i, row + first + i, 2 * sizeof *panel);
        }
        for (size_t i = whole; i < count; i++)
            to[whole * depth + l * width + i - whole] = row[i];
    }
}

KERNEL static void pack_others(float *to, size_t width, const float *from, size_t count,
    size_t across, size_t along, size_t depth)
{
    for (size_t first = 0; first < count; first += width, to += width * depth) {
        const size_t here = count - first < width ? count - first : width;
        const float *row = from + first * across;
        size_t i = 0;
        for (; along == 1 && i + 4 <= here; i += 4)
            turn_four(to + i, width, row + i * across, across, depth);
        for (; i < here; i++)
            for (size_t l = 0; l < depth; l++)
                to[l * width + i] = row[i * across + l * along];
    }
}

static void pack(float *to, size_t width, const float *from, size_t count, size_t across,
    size_t along, size_t depth)
{
    const size_t whole = count / width * width;
    if (whole < count)
        memset(to + whole * depth, 0, width * depth * sizeof *to);
    if (across == 1 && width % 2 == 0)
        pack_neighbours(to, width, from, count, along, depth);
    else
        pack_others(to, width, from, count, across, along, depth);
}

/* The packed m rows times the packed n columns. What comes next is told to kernels that ask
 * for it ahead; behind the last it is beyond the panels. */
static void multiply_packed(
    size_t m, size_t n, size_t k, float scale, float keep, float *c, size_t c_stride)
{
    auxinfo_t next = { 0 };
    for (size_t row = 0; row < m; row += kernel.rows) {
        const size_t rows = m - row < kernel.rows ? m - row : kernel.rows;
        float *left = panels.left + row * k;
        for (size_t column = 0; column < n; column += kernel.columns) {
            const size_t columns = n - column < kernel.columns ? n - column : kernel.columns;
            float *right = panels.right + column * k, *to = c + row * c_stride + column;
            float *ahead = column + columns < n ? right + kernel.columns * k : panels.right;
            float *below = column + columns < n ? left : left + kernel.rows * k;
            if (kernel.turned) {
                bli_auxinfo_set_next_ab(ahead, below, &next);
                bli_sgemm_ukernel((dim_t)columns, (dim_t)rows, (dim_t)k, &scale, right, left,
                    &keep, to, 1, (inc_t)c_stride, &next, kernel.context);
            } else {
                bli_auxinfo_set_next_ab(below, ahead, &next);
                bli_sgemm_ukernel((dim_t)rows, (dim_t)columns, (dim_t)k, &scale, left, right,
                    &keep, to, (inc_t)c_stride, 1, &next, kernel.context);
            }
        }
    }
}

void gemm(size_t m, size_t n, size_t k, float scale, struct matrix a, struct matrix b,
    float keep, float *c, size_t c_stride)
{
    assert(kernel.context);
    if (m == 0 || n == 0)
        return;
    const size_t most_rows = ROWS / kernel.rows * kernel.rows;
    const size_t most_columns = COLUMNS / kernel.columns * kernel.columns;
    size_t done = 0;
    do {
        const size_t depth = k - done < DEPTH ? k - done : DEPTH;
        for (size_t column = 0; column < n; column += most_columns) {
            const size_t columns = n - column < most_columns ? n - column : most_columns;
            pack(panels.right, kernel.columns,
                b.data + column * b.column_stride + done * b.row_stride, columns,
                b.column_stride, b.row_stride, depth);
            for (size_t row = 0; row < m; row += most_rows) {
                const size_t rows = m - row < most_rows ? m - row : most_rows;
                pack(panels.left, kernel.rows,
                    a.data + row * a.row_stride + done * a.column_stride, rows, a.row_stride,
                    a.column_stride, depth);
                multiply_packed(rows, columns, depth, scale, done > 0 ? 1 : keep,
                    c + row * c_stride + column, c_stride);
            }
        }
        done += depth;
    } while (done < k);
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
    gemm(rows, columns, t->k, 1, a, b, t->keep, t->c + row * t->c_stride + column, t->c_stride);
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
 * left factor and the right one again; of few columns, rows alone. Multiples of 96 fit the
 * register blocks of BLIS's kernels (6x16, 32x12, 14x32).
 */
void gemm_all(struct threads *threads, size_t m, size_t n, size_t k, struct matrix a,
    struct matrix b, float *c, size_t c_stride, gemm_finish *finish, void *argument)
{
    struct tiles t = { m, n, k, m, n, 1, a, b, 0, c, c_stride, finish, argument };
    const size_t parts = n < 1536 ? 2 : 4;
    if (m >= 512 && n <= 1024) {
        t.rows = gemm_share(m, m < 2400 ? 4 : m / 600, 96);
    } else {
        t.columns = gemm_share(n, m < 512 ? 2 * parts : parts, 96);
        if (m >= 512)
            t.rows = gemm_share(m, m < 1576 ? 2 : m / 788, 96);
    }
    t.across = (n + t.columns - 1) / t.columns;
    threads_run(threads, t.across * ((m + t.rows - 1) / t.rows), tile, &t);
}

/* A tile a thread, which no byte depends on: both factors are long, and packed again for each
 * tile, so that a tile is as near a square as may be. */
void gemm_add(struct threads *threads, size_t m, size_t n, size_t k, struct matrix a,
    struct matrix b, float *c, size_t c_stride)
{
    struct tiles t = { m, n, k, m, n, 1, a, b, 1, c, c_stride, NULL, NULL };
    const size_t parts = threads_count(threads);
    size_t least = SIZE_MAX;
    for (size_t down = 1; down <= parts; down++) {
        const size_t rows = gemm_share(m, down, 12), columns = gemm_share(n, parts / down, 32);
        if (parts % down == 0 && rows + columns < least) {
            least = rows + columns;
            t.rows = rows;
            t.columns = columns;
        }
    }
    t.across = (n + t.columns - 1) / t.columns;
    threads_run(threads, t.across * ((m + t.rows - 1) / t.rows), tile, &t);
}
