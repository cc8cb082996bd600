/*
 * For make bench: forward and backward passes of a ViT in training, its weights at random, and
 * the same products alone, on the same pool of threads. Prints milliseconds a picture of both,
 * GFLOP/s of the passes, and the kernels in use.
 *   bench_train DIM LAYERS HEADS PATCH SIDE BATCH THREADS SECONDS
 */
#include "common/vit_pass.h"
#include "tests/bare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CLASSES = 10 };

static size_t dim, layers, heads, patch, side, batch;
static size_t pixels, tokens, hidden;
static struct threads *threads;
static float *values; /* what weights and gradients are cut from */
static size_t used;

static float *cut(size_t count)
{
    float *to = values ? values + used : NULL;
    for (size_t i = 0; i < count && to; i++)
        to[i] = (float)((used + i) * 2654435761u % 1024) * 1e-4f - 0.05f;
    used += (count + 15) & ~(size_t)15;
    return to;
}

static size_t count_of(int slot)
{
    switch (slot) {
    case POSITIONS:
        return tokens * dim;
    case PATCH_WEIGHT:
        return dim * pixels;
    case HEAD_WEIGHT:
        return CLASSES * dim;
    case HEAD_BIAS:
        return CLASSES;
    case QKV_WEIGHT:
        return 3 * dim * dim;
    case QKV_BIAS:
        return 3 * dim;
    case PROJ_WEIGHT:
        return dim * dim;
    case FC1_WEIGHT:
    case FC2_WEIGHT:
        return hidden * dim;
    case FC1_BIAS:
        return hidden;
    default:
        return dim;
    }
}

/* The tensors of a plain ViT: all of them once as weights, once as gradients. */
static void cut_slots(struct vit_slots *slots)
{
    static const int global[] = { CLASS_TOKEN, POSITIONS, PATCH_WEIGHT, PATCH_BIAS, NORM_WEIGHT,
        NORM_BIAS, HEAD_WEIGHT, HEAD_BIAS };
    static const int block[] = { NORM1_WEIGHT, NORM1_BIAS, QKV_WEIGHT, QKV_BIAS, PROJ_WEIGHT,
        PROJ_BIAS, NORM2_WEIGHT, NORM2_BIAS, FC1_WEIGHT, FC1_BIAS, FC2_WEIGHT, FC2_BIAS };
    for (size_t i = 0; i < sizeof global / sizeof *global; i++)
        slots->global[global[i]] = cut(count_of(global[i]));
    for (size_t l = 0; l < layers; l++)
        for (size_t i = 0; i < sizeof block / sizeof *block; i++)
            slots->blocks[l][block[i] - GLOBAL_SLOTS] = cut(count_of(block[i]));
}

static void *allocate(size_t count, size_t size)
{
    void *room = aligned_alloc(64, (count * size + 63) & ~(size_t)63);
    if (!room)
        exit(4);
    return memset(room, 0, count * size);
}

static void make_vit(struct vit *vit, struct vit_slots *gradients)
{
    struct vit_slots weights = { .blocks = allocate(layers, sizeof *weights.blocks) };
    gradients->blocks = allocate(layers, sizeof *gradients->blocks);
    cut_slots(&weights);
    values = allocate(2 * used, sizeof *values);
    used = 0;
    cut_slots(&weights);
    cut_slots(gradients);
    vit->config = (struct vit_config){ .family = "timm",
        .dim = dim,
        .layers = layers,
        .heads = heads,
        .hidden = hidden,
        .patch_rows = patch,
        .patch_columns = patch,
        .class_token = true,
        .prefix = 1,
        .pos_prefix = 1,
        .pos_rows = side / patch,
        .pos_columns = side / patch,
        .eps = 1e-6f,
        .readout = READ_CLASS,
        .features = dim,
        .final_norm = true };
    vit->model.classes = CLASSES;
    memcpy(vit->global, weights.global, sizeof vit->global);
    vit->blocks = allocate(layers, sizeof *vit->blocks);
    memcpy(vit->blocks, weights.blocks, layers * sizeof *vit->blocks);
}

/* What products read and write. */
struct rooms {
    float *x, *y, *weight;
};

/* A layer's products: forward, and back to what it took and to its weight. */
static void layer(const struct rooms *rooms, size_t in, size_t out)
{
    const size_t n = batch * tokens;
    const struct matrix x = rows_of(rooms->x, in), y = rows_of(rooms->y, out);
    bare_products(threads, n, out, in, x, transposed(rooms->weight, in), rooms->y, out);
    bare_products(threads, n, in, out, y, rows_of(rooms->weight, in), rooms->x, in);
    bare_products(threads, out, in, n, transposed(rooms->y, out), x, rooms->weight, in);
}

static void attend(void *argument, size_t i, size_t worker)
{
    const struct rooms *rooms = argument;
    const size_t head = dim / heads, stride = 3 * dim;
    const float *q = rooms->x + i / heads * tokens * stride + i % heads * head;
    const struct matrix rows = rows_of(q, stride);
    float *scores = rooms->weight + worker * tokens * tokens;
    float *to = rooms->y + i / heads * tokens * stride + i % heads * head;
    for (size_t k = 0; k < 2; k++) {
        bare_product(tokens, tokens, head, rows, transposed(q + dim, stride), scores, tokens);
        bare_product(tokens, head, tokens, rows_of(scores, tokens), rows, to, stride);
        bare_product(tokens, head, tokens, transposed(scores, tokens), rows, to, stride);
    }
}

static void products(const struct rooms *rooms)
{
    memset(rooms->x, 0, batch * tokens * hidden * sizeof *rooms->x);
    layer(rooms, pixels, dim);
    for (size_t l = 0; l < layers; l++) {
        layer(rooms, dim, 3 * dim);
        threads_run(threads, batch * heads, attend, (void *)rooms);
        layer(rooms, dim, dim);
        layer(rooms, dim, hidden);
        layer(rooms, hidden, dim);
    }
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

struct run {
    struct vit vit;
    struct vit_pass *pass;
    struct vit_slots gradients;
    const float **inputs;
    float **logits, *seed;
};

static void passes(const struct run *run)
{
    vit_forward(&run->vit, run->pass, run->inputs, batch,
        &(struct vit_outputs){ .logits = run->logits });
    vit_backward(&run->vit, run->pass, batch, run->seed,
        &(struct vit_gradients){ .weights = &run->gradients });
}

static void prepare(struct run *run)
{
    struct error error;
    bool *keep = allocate(layers, sizeof *keep);
    memset(keep, true, layers * sizeof *keep);
    make_vit(&run->vit, &run->gradients);
    const struct vit_plan plan = {
        .batch = batch, .height = side, .width = side, .training = true, .keep = keep
    };
    if (vit_prepare(&run->vit, &run->pass, &plan, threads, &error) < 0)
        exit(4);
    run->inputs = allocate(batch, sizeof *run->inputs);
    run->logits = allocate(batch, sizeof *run->logits);
    run->seed = allocate(batch * CLASSES, sizeof *run->seed);
    for (size_t b = 0; b < batch; b++) {
        float *input = allocate(3 * side * side, sizeof *input);
        for (size_t i = 0; i < 3 * side * side; i++)
            input[i] = (float)((b + i) * 2654435761u % 1024) * 2e-3f - 1;
        run->inputs[b] = input;
        run->logits[b] = allocate(CLASSES, sizeof **run->logits);
        run->seed[b * CLASSES + b % CLASSES] = 1.0f / (float)batch;
    }
}

int main(int argc, char **argv)
{
    struct run run = { .pass = NULL };
    struct error error;
    size_t *const sizes[] = { &dim, &layers, &heads, &patch, &side, &batch };
    if (argc != 9)
        return 2;
    for (size_t i = 0; i < 6; i++)
        *sizes[i] = strtoul(argv[i + 1], NULL, 10);
    pixels = 3 * patch * patch;
    tokens = 1 + side / patch * (side / patch);
    hidden = 4 * dim;
    const char *kernels = gemm_start();
    if (threads_create(&threads, strtoul(argv[7], NULL, 10), &error) < 0)
        return 4;
    prepare(&run);
    const size_t room = batch * tokens * (hidden > pixels ? hidden : pixels);
    const size_t scores = threads_count(threads) * tokens * tokens;
    const struct rooms bare = { allocate(room, sizeof(float)), allocate(room, sizeof(float)),
        allocate(scores > hidden * dim ? scores : hidden * dim, sizeof(float)) };
    double best[2] = { 1e9, 1e9 };
    for (const double end = now() + strtod(argv[8], NULL); now() < end;)
        for (int alone = 0; alone < 2; alone++) {
            const double start = now();
            if (alone)
                products(&bare);
            else
                passes(&run);
            const double took = now() - start;
            best[alone] = took < best[alone] ? took : best[alone];
        }
    const double each =
        (double)tokens * (double)dim
        * ((double)layers * 24 * (double)dim + 4 * (double)layers * (double)tokens);
    printf("%.3f %.3f %.0f %s\n", best[0] * 1e3 / (double)batch, best[1] * 1e3 / (double)batch,
        3 * each * (double)batch * 1e-9 / best[0], kernels);
    return 0;
}
