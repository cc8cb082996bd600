/*
 * The peer of make bench: the products of a ViT's forward pass and nothing else, with BLIS, on
 * the same pool of threads, each as one call a thread. Prints milliseconds a picture.
 *   bench_products BATCH TOKENS DIM HIDDEN HEADS LAYERS PATCH_PIXELS THREADS SECONDS
 */
#include "tests/bare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static size_t batch, tokens, dim, hidden, heads, layers, pixels;
static float *x, *y, *qkv, *wide, *scores, *weights;
static struct threads *threads;

static void product(const float *from, size_t k, size_t n, const float *weight, float *to)
{
    bare_products(threads, batch * tokens, n, k, (struct matrix){ from, k, 1 },
        (struct matrix){ weight, 1, k }, to, n);
}

static void attend(void *argument, size_t i, size_t worker)
{
    const size_t head = dim / heads, t = tokens, stride = 3 * dim;
    const float *q = qkv + i / heads * t * stride + i % heads * head;
    float *to = scores + worker * t * t;
    (void)argument;
    bare_product(t, t, head, (struct matrix){ q, stride, 1 },
        (struct matrix){ q + dim, 1, stride }, to, t);
    bare_product(t, head, t, (struct matrix){ to, t, 1 },
        (struct matrix){ q + 2 * dim, stride, 1 }, y + i / heads * t * dim + i % heads * head,
        dim);
}

static void forward(void)
{
    const float *w = weights;
    product(wide, pixels, dim, w, x);
    for (size_t l = 0; l < layers; l++) {
        product(x, dim, 3 * dim, w, qkv);
        threads_run(threads, batch * heads, attend, NULL);
        product(y, dim, dim, w + 3 * dim * dim, x);
        product(x, dim, hidden, w + 4 * dim * dim, wide);
        product(wide, hidden, dim, w + 4 * dim * dim + dim * hidden, y);
        w += 4 * dim * dim + 2 * dim * hidden;
    }
}

static float *make(size_t count)
{
    float *values = aligned_alloc(64, (count * sizeof *values + 63) & ~(size_t)63);
    if (!values)
        exit(4);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(i % 251) * 1e-3f - 0.125f;
    return values;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int main(int argc, char **argv)
{
    struct error error;
    size_t *const sizes[] = { &batch, &tokens, &dim, &hidden, &heads, &layers, &pixels };
    if (argc != 10)
        return 2;
    for (size_t i = 0; i < 7; i++)
        *sizes[i] = strtoul(argv[i + 1], NULL, 10);
    const char *kernels = gemm_start();
    if (threads_create(&threads, strtoul(argv[8], NULL, 10), &error) < 0)
        return 4;
    const size_t n = batch * tokens, widest = hidden > pixels ? hidden : pixels;
    x = make(n * dim);
    y = make(n * dim);
    qkv = make(n * 3 * dim);
    wide = make(n * widest);
    scores = make(threads_count(threads) * tokens * tokens);
    weights = make(layers * (4 * dim * dim + 2 * dim * hidden) + pixels * dim);
    forward();
    const double limit = strtod(argv[9], NULL), began = now();
    double best = 1e9;
    do {
        const double start = now();
        forward();
        const double took = now() - start;
        best = took < best ? took : best;
    } while (now() - began < limit);
    printf("%.2f %s\n", best * 1e3 / (double)batch, kernels);
    return 0;
}
