/*
 * The peer of make bench for ResNets: a ResNet-50 of random weights at 224x224 against the bare
 * products of its convolutions, as if what they gather lay there already, each as one call a
 * thread. The two take turns in one process. Prints milliseconds a picture of both, GFLOP/s of
 * the products, the share of their rate that the passes reach, and the kernels' name.
 *   bench_conv BATCH THREADS SECONDS
 */
#include "common/resnet.h"
#include "tests/bare.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCKS = 16, CLASSES = 1000, SIDE = 224 };

static size_t batch;
static struct threads *threads;
static float *from, *to, *weights;
static size_t weights_used;
static struct resnet net;
static struct resnet_block blocks[BLOCKS];

static float *make(size_t count)
{
    float *values = aligned_alloc(64, (count * sizeof *values + 63) & ~(size_t)63);
    if (!values)
        exit(4);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(i * 2654435761u % 251) * 1e-3f - 0.125f;
    return values;
}

static const float *next_weights(size_t count)
{
    const float *at = weights + weights_used;
    weights_used += (count + 15) & ~(size_t)15;
    return at;
}

static struct conv make_conv(size_t in, size_t out, size_t kernel, size_t stride)
{
    return (struct conv){ in, out, kernel, stride, kernel / 2, 1,
        next_weights(kernel * kernel * in * out), next_weights(out) };
}

static void make_net(void)
{
    static const size_t depths[] = { 3, 4, 6, 3 };
    size_t in = 64, b = 0;
    weights = make(26 * 1000 * 1000);
    net = (struct resnet){ .stem_count = 1, .pool = true, .blocks = blocks };
    net.stem[0] = make_conv(3, 64, 7, 2);
    for (size_t s = 0; s < 4; s++)
        for (size_t d = 0; d < depths[s]; d++, in = (size_t)256 << s) {
            const size_t width = (size_t)64 << s, stride = d == 0 && s > 0 ? 2 : 1;
            struct resnet_block *block = &blocks[b++];
            block->count = 3;
            block->stride = stride;
            block->convs[0] = make_conv(in, width, 1, 1);
            block->convs[1] = make_conv(width, width, 3, stride);
            block->convs[2] = make_conv(width, 4 * width, 1, 1);
            block->shortcut = d == 0 ? SHORTCUT_CONV : SHORTCUT_IDENTITY;
            if (d == 0)
                block->projection = make_conv(in, 4 * width, 1, stride);
        }
    net.block_count = b;
    net.features = in;
    net.model.classes = CLASSES;
    net.fc_weight = next_weights(CLASSES * in);
    net.fc_bias = next_weights(CLASSES);
}

/* Returns its floating-point operations; the side of a picture becomes that behind it. */
static double product(const struct conv *conv, size_t *side)
{
    *side = (*side + 2 * conv->pad - conv->kernel) / conv->stride + 1;
    const size_t m = batch * *side * *side, n = conv->out;
    const size_t k = conv->kernel * conv->kernel * conv->in;
    bare_products(threads, m, n, k, (struct matrix){ from, k, 1 },
        (struct matrix){ conv->weight, n, 1 }, to, n);
    return 2.0 * (double)m * (double)n * (double)k;
}

static double products(void)
{
    size_t side = SIDE;
    double count = product(&net.stem[0], &side);
    side = (side - 1) / 2 + 1;
    for (size_t b = 0; b < net.block_count; b++) {
        size_t beside = side;
        for (size_t i = 0; i < 3; i++)
            count += product(&blocks[b].convs[i], &side);
        if (blocks[b].shortcut == SHORTCUT_CONV)
            count += product(&blocks[b].projection, &beside);
    }
    return count;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void keep_least(double *least, double began)
{
    const double took = now() - began;
    *least = took < *least ? took : *least;
}

int main(int argc, char **argv)
{
    struct error error;
    struct resnet_pass *pass = NULL;
    if (argc != 4)
        return 2;
    batch = strtoul(argv[1], NULL, 10);
    const char *kernels = gemm_start();
    make_net();
    if (batch == 0 || threads_create(&threads, strtoul(argv[2], NULL, 10), &error) < 0
        || resnet_prepare(&net, &pass, batch, SIDE, SIDE, RESNET_KEEP_NONE, threads, &error)
               < 0)
        return 4;
    from = make(batch * 112 * 112 * 147); /* the stem's, the largest */
    to = make(batch * 56 * 56 * 256);
    float *picture = make(3 * SIDE * SIDE), *logits = make(batch * CLASSES);
    const float **inputs = malloc(batch * sizeof *inputs);
    for (size_t b = 0; inputs && b < batch; b++)
        inputs[b] = picture;
    const double limit = strtod(argv[3], NULL), began = now();
    double bare = 1e9, forward = 1e9, count;
    do {
        double start = now();
        count = products();
        keep_least(&bare, start);
        start = now();
        resnet_forward(&net, pass, inputs, batch, logits, NULL);
        keep_least(&forward, start);
    } while (now() - began < limit);
    printf("%.2f %.2f %.0f %.2f %s\n", bare * 1e3 / (double)batch,
        forward * 1e3 / (double)batch, count / bare * 1e-9, bare / forward, kernels);
    return 0;
}
