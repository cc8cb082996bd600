/*
 * The gradients of a ViT's weights, added up over the rows of a batch: for y = x W' + b, dW =
 * dy' x and db = the sum of dy's rows. Sums over pictures are of each picture's own, in order,
 * so that bytes don't depend on the number of threads.
 */
#include "common/vit_pass.h"

#include <string.h>

/* Where the gradient of a block's or the model's tensor goes; NULL: it isn't wanted. */
static float *place_of(const struct step *step, int slot)
{
    const struct vit_slots *weights = step->gradients->weights;
    if (!weights)
        return NULL;
    return slot < GLOBAL_SLOTS ? weights->global[slot]
                               : weights->blocks[step->layer][slot - GLOBAL_SLOTS];
}

/* Sums of columns, a stripe of them a task. */
struct sums {
    float *to;
    const float *x, *factor; /* factor: of the same shape, or NULL */
    size_t rows, columns, stride;
};

enum { STRIPE = 64 };

static void sum_stripe(void *argument, size_t i, size_t worker)
{
    const struct sums *sums = argument;
    const size_t at = i * STRIPE;
    const size_t columns = sums->columns - at < STRIPE ? sums->columns - at : STRIPE;
    (void)worker;
    if (sums->factor)
        column_products(
            sums->to + at, sums->x + at, sums->factor + at, sums->rows, columns, sums->stride);
    else
        column_sums(sums->to + at, sums->x + at, sums->rows, columns, sums->stride);
}

static void sum_columns(const struct step *step, float *to, const float *x, const float *factor,
    size_t rows, size_t columns, size_t stride)
{
    struct sums sums = { to, x, factor, rows, columns, stride };
    if (to)
        threads_run(step->pass->threads, (columns + STRIPE - 1) / STRIPE, sum_stripe, &sums);
}

static void linear(const struct step *step, int slot, const float *dy, size_t dy_stride,
    size_t out, const float *x, size_t x_stride, size_t in, size_t rows)
{
    float *weight = place_of(step, slot);
    if (weight)
        gemm_add(step->pass->threads, out, in, rows, transposed(dy, dy_stride),
            rows_of(x, x_stride), weight, in);
    sum_columns(step, place_of(step, slot + 1), dy, NULL, rows, out, dy_stride);
}

void linear_gradients(const struct step *step, int slot, const float *dy, size_t dy_stride,
    size_t out, const float *x, size_t x_stride, size_t in)
{
    const size_t apart = live_stride(step);
    linear(step, slot, dy, apart * dy_stride, out, x, apart * x_stride, in,
        step->batch * step->live);
}

void reading_gradients(
    const struct step *step, int slot, const float *dy, size_t out, const float *x, size_t in)
{
    linear(step, slot, dy, out, out, x, in, in, step->batch);
}

/* A norm over rows of dim numbers: each picture's sums apart, then added. */
struct norming {
    const struct step *step;
    const float *dy, *x;
    size_t rows, apart; /* of a picture; from one picture to the next */
};

static void norm_task(void *argument, size_t b, size_t worker)
{
    const struct norming *norming = argument;
    const struct step *step = norming->step;
    const size_t dim = step->vit->config.dim, at = b * norming->apart * dim;
    float *to = step->pass->partial + b * partial_width(&step->vit->config);
    (void)worker;
    memset(to, 0, 2 * dim * sizeof *to);
    layernorm_weights(to, to + dim, norming->dy + at, norming->x + at, norming->rows, dim,
        step->vit->config.eps);
}

static void picture_norms(const struct step *step, int slot, const float *dy, const float *x,
    size_t rows, size_t apart)
{
    struct norming norming = { step, dy, x, rows, apart };
    const size_t dim = step->vit->config.dim, width = partial_width(&step->vit->config);
    float *weight = place_of(step, slot), *bias = place_of(step, slot + 1);
    if (!weight && !bias)
        return;
    threads_run(step->pass->threads, step->batch, norm_task, &norming);
    if (weight)
        column_sums(weight, step->pass->partial, step->batch, dim, width);
    if (bias)
        column_sums(bias, step->pass->partial + dim, step->batch, dim, width);
}

void norm_gradients(const struct step *step, int slot, const float *dy, const float *x)
{
    picture_norms(step, slot, dy, x, step->live, step->pass->tokens);
}

void row_norm_gradients(const struct step *step, int slot, const float *dy, const float *x)
{
    picture_norms(step, slot, dy, x, 1, 1);
}

/* The norms of q and k, before their gradients are taken through them. */
static void head_norm_task(void *argument, size_t b, size_t worker)
{
    const struct step *step = argument;
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, head = dim / config->heads;
    float *to = pass->partial + b * partial_width(config);
    (void)worker;
    memset(to, 0, 4 * head * sizeof *to);
    for (size_t t = b * pass->tokens; t < (b + 1) * pass->tokens; t++)
        for (size_t part = 0; part < 2; part++)
            layernorm_weights(to + part * 2 * head, to + part * 2 * head + head,
                pass->qkv + t * 3 * dim + part * dim,
                step->kept->raw + t * 2 * dim + part * dim, config->heads, head, config->eps);
}

void head_norm_gradients(const struct step *step)
{
    const struct vit_config *config = &step->vit->config;
    const size_t head = config->dim / config->heads;
    static const int slots[] = { Q_NORM_WEIGHT, Q_NORM_BIAS, K_NORM_WEIGHT, K_NORM_BIAS };
    threads_run(step->pass->threads, step->batch, head_norm_task, (void *)step);
    for (size_t i = 0; i < 4; i++)
        if (place_of(step, slots[i]))
            column_sums(place_of(step, slots[i]), step->pass->partial + i * head, step->batch,
                head, partial_width(config));
}

/* d scale += dx * (x W' + b), of the stream's gradient times what drops the branch: LayerScale,
 * whose branch is computed again, into y. */
void scale_gradients(
    const struct step *step, int slot, int layer, const float *x, size_t x_stride, size_t in)
{
    const struct vit_pass *pass = step->pass;
    const size_t dim = step->vit->config.dim, n = step->batch * step->live;
    const size_t apart = live_stride(step), stride = apart * dim;
    const float *factors = drop_factors(step, slot == SCALE2);
    if (!place_of(step, slot))
        return;
    gemm_all(pass->threads, n, dim, in, rows_of(x, apart * x_stride),
        transposed(weight(step, layer), in), pass->y, stride, NULL, NULL);
    bias_forward(pass->y, weight(step, layer + 1), n, dim, stride);
    for (size_t b = 0; factors && b < step->batch; b++) {
        float *picture = pass->y + b * pass->tokens * dim;
        scale_rows(picture, picture, NULL, factors[b], step->live, dim);
    }
    sum_columns(step, place_of(step, slot), pass->dx, pass->y, n, dim, stride);
}

static void patches_task(void *argument, size_t b, size_t worker)
{
    const struct step *step = argument;
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, n = pass->patches;
    (void)worker;
    gather_patches(
        step, b, pass->hidden + b * n * 3 * config->patch_rows * config->patch_columns);
    memcpy(pass->z + b * n * dim, pass->dx + (b * pass->tokens + config->prefix) * dim,
        n * dim * sizeof *pass->z);
}

/* Positions, and the tokens before the patches, which are added to theirs: sums over pictures.
 */
static void token_gradients(const struct step *step, const float *sums)
{
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, patches = step->pass->rows * step->pass->columns;
    const struct {
        int slot;
        size_t count;
    } tokens[] = { { CLASS_TOKEN, config->class_token },
        { DISTILLATION_TOKEN, config->distilled }, { REGISTERS, config->registers } };
    float *positions = place_of(step, POSITIONS);
    const float *from = sums;
    for (size_t i = 0; i < 3; from += tokens[i++].count * dim)
        if (place_of(step, tokens[i].slot) && tokens[i].count > 0)
            column_sums(place_of(step, tokens[i].slot), from, 1, tokens[i].count * dim, 0);
    if (positions && config->pos_prefix > 0)
        column_sums(positions, sums, 1, config->pos_prefix * dim, 0);
    if (positions)
        column_sums(positions + config->pos_prefix * dim, sums + config->prefix * dim, 1,
            patches * dim, 0);
}

/* The stream's gradient, summed over pictures, by each token's place. */
static void sum_tokens(const struct step *step, float *sums)
{
    const struct vit_pass *pass = step->pass;
    const size_t dim = step->vit->config.dim, prefix = step->vit->config.prefix;
    const size_t apart = pass->tokens * dim;
    memset(sums, 0, (prefix + pass->rows * pass->columns) * dim * sizeof *sums);
    if (!pass->chosen) {
        sum_columns(step, sums, pass->dx, NULL, step->batch, apart, apart);
        return;
    }
    column_sums(sums, pass->dx, step->batch, prefix * dim, apart);
    for (size_t b = 0; b < step->batch; b++)
        for (size_t i = 0; i < pass->patches; i++)
            column_sums(sums + (prefix + patch_of(pass, b, i)) * dim,
                pass->dx + b * apart + (prefix + i) * dim, 1, dim, 0);
}

/* What is before the blocks, by the gradient of the stream that enters them, in dx; positions
 * must be for the very grid. */
void embedding_gradients(struct step *step)
{
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, n = step->batch * pass->tokens;
    const size_t pixels = 3 * config->patch_rows * config->patch_columns;
    if (pass->embedded) {
        norm_gradients(step, PRE_NORM_WEIGHT, pass->dx, pass->embedded);
        memset(pass->z, 0, n * dim * sizeof *pass->z);
        layernorm_backward(pass->z, pass->dx, pass->embedded,
            step->vit->global[PRE_NORM_WEIGHT], n, dim, config->eps);
        memcpy(pass->dx, pass->z, n * dim * sizeof *pass->z);
    }
    sum_tokens(step, pass->y);
    token_gradients(step, pass->y);
    threads_run(pass->threads, step->batch, patches_task, step);
    linear(step, PATCH_WEIGHT, pass->z, dim, dim, pass->hidden, pixels, pixels,
        step->batch * pass->patches);
}
