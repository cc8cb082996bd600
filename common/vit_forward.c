/*
 * The forward pass of a Vision Transformer (Dosovitskiy et al. 2021; pre-norm blocks).
 *
 * All buffers are one arena, sized by vit_prepare before the first picture. Rows of the stream
 * x are tokens, those of one picture after those of another: x[B * T, D].
 */
#include "common/gemm.h"
#include "common/kernels.h"
#include "common/vit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct vit_pass {
    struct threads *threads;
    size_t batch, height, width, rows, columns, tokens;
    float *arena;
    float *positions; /* [T, D], class and other tokens added in */
    float *x;         /* [B * T, D] the residual stream */
    float *y;         /* [B * T, D] normalised, or what attention gathered */
    float *z;         /* [B * T, D] what a branch adds */
    float *qkv;       /* [B * T, 3D] */
    float *hidden;    /* [B * T, F or 2F]; the patches' pixels at first */
    float *scores;    /* [threads, T, T] where attention isn't wanted */
    float *pooled;    /* [B, 2D] */
    float *features;  /* [B, E] behind pre_logits */
    float *logits;    /* [2, B, C] */
};

void vit_pass_free(struct vit_pass *pass)
{
    if (pass)
        free(pass->arena);
    free(pass);
}

/* Adds a buffer of count floats to the plan; sizes are far below overflow, but checked. */
static void plan(size_t *total, size_t a, size_t b, size_t c, size_t *at)
{
    size_t count;
    *at = *total;
    if (*total == SIZE_MAX || __builtin_mul_overflow(a, b, &count)
        || __builtin_mul_overflow(count, c, &count) || __builtin_add_overflow(count, 15, &count)
        || __builtin_add_overflow(*total, count & ~(size_t)15, total))
        *total = SIZE_MAX;
}

/* The prefix tokens' own values are added to their positions once: they are the same for every
 * picture. */
static void prepare_positions(const struct vit *vit, struct vit_pass *pass)
{
    const struct vit_config *config = &vit->config;
    const size_t dim = config->dim;
    vit_positions(vit, pass->rows, pass->columns, pass->positions);
    float *to = pass->positions;
    const struct {
        const float *values;
        size_t count;
    } prefix[] = { { vit->global[CLASS_TOKEN], config->class_token },
        { vit->global[DISTILLATION_TOKEN], config->distilled },
        { vit->global[REGISTERS], config->registers } };
    for (size_t p = 0; p < 3; p++)
        for (size_t i = 0; i < prefix[p].count * dim; i++)
            *to++ += prefix[p].values[i];
}

int vit_prepare(const struct vit *vit, struct vit_pass **result, size_t batch, size_t height,
    size_t width, struct threads *threads, struct error *error)
{
    const struct vit_config *config = &vit->config;
    vit_pass_free(*result);
    struct vit_pass *pass = *result = calloc(1, sizeof *pass);
    if (!pass)
        return fail_memory(error, sizeof *pass);
    pass->threads = threads;
    pass->batch = batch;
    pass->height = height;
    pass->width = width;
    pass->rows = height / config->patch_rows;
    pass->columns = width / config->patch_columns;
    pass->tokens = config->prefix + pass->rows * pass->columns;
    const size_t pixels = 3 * config->patch_rows * config->patch_columns;
    const size_t mlp = config->hidden * (config->gated ? 2 : 1);
    const size_t dim = config->dim, n = batch * pass->tokens;
    size_t total = 0, at[10];
    plan(&total, pass->tokens, dim, 1, &at[0]);
    plan(&total, n, dim, 1, &at[1]);
    plan(&total, n, dim, 1, &at[2]);
    plan(&total, n, dim, 1, &at[3]);
    plan(&total, n, dim, 3, &at[4]);
    plan(&total, n, mlp > pixels ? mlp : pixels, 1, &at[5]);
    plan(&total, threads_count(threads), pass->tokens, pass->tokens, &at[6]);
    plan(&total, batch, dim, 2, &at[7]);
    plan(&total, batch, config->features, 1, &at[8]);
    plan(&total, batch, vit->model.classes, 2, &at[9]);
    pass->arena =
        total > SIZE_MAX / sizeof(float) - 64 ? NULL : aligned_alloc(64, total * sizeof(float));
    if (!pass->arena)
        return fail_memory(error, total == SIZE_MAX ? total : total * sizeof(float));
    float **const buffers[] = { &pass->positions, &pass->x, &pass->y, &pass->z, &pass->qkv,
        &pass->hidden, &pass->scores, &pass->pooled, &pass->features, &pass->logits };
    for (size_t i = 0; i < 10; i++)
        *buffers[i] = pass->arena + at[i];
    prepare_positions(vit, pass);
    return 0;
}

/* What the tasks of one step share. */
struct step {
    const struct vit *vit;
    struct vit_pass *pass;
    size_t batch, layer;
    const float *const *inputs;
    const float *const *weights; /* of the block */
    float *const *attention;     /* [B], of the layer */
};

static const float *weight(const struct step *step, int slot)
{
    return step->weights[slot - GLOBAL_SLOTS];
}

/* A weight [out, in] as the right factor [in, out]. */
static struct matrix transposed(const float *weight, size_t in)
{
    return (struct matrix){ weight, 1, in };
}

/*
 * One picture's patches: pixels gathered as [N, 3 * ph * pw], times the patch weights, plus
 * bias and positions, behind the prefix tokens.
 */
static void embed_picture(void *argument, size_t b, size_t worker)
{
    const struct step *step = argument;
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t ph = config->patch_rows, pw = config->patch_columns, dim = config->dim;
    const size_t pixels = 3 * ph * pw, n = pass->rows * pass->columns;
    float *patches = pass->hidden + b * n * pixels, *to = patches;
    float *x = pass->x + b * pass->tokens * dim;
    float *first = x + config->prefix * dim;
    (void)worker;
    for (size_t r = 0; r < pass->rows; r++)
        for (size_t c = 0; c < pass->columns; c++)
            for (size_t channel = 0; channel < 3; channel++)
                for (size_t y = 0; y < ph; y++, to += pw)
                    memcpy(to,
                        step->inputs[b] + (channel * pass->height + r * ph + y) * pass->width
                            + c * pw,
                        pw * sizeof *to);
    gemm(n, dim, pixels, 1, (struct matrix){ patches, pixels, 1 },
        transposed(step->vit->global[PATCH_WEIGHT], pixels), 0, first, dim);
    bias_forward(first, step->vit->global[PATCH_BIAS], n, dim, dim);
    memset(x, 0, config->prefix * dim * sizeof *x);
    residual_forward(x, pass->positions, NULL, NULL, pass->tokens, dim, dim);
    if (step->vit->global[PRE_NORM_WEIGHT])
        layernorm_forward(x, x, step->vit->global[PRE_NORM_WEIGHT],
            step->vit->global[PRE_NORM_BIAS], pass->tokens, dim, config->eps);
}

static void norm_picture(const struct step *step, int slot, size_t b)
{
    const struct vit_pass *pass = step->pass;
    const size_t dim = step->vit->config.dim, at = b * pass->tokens * dim;
    layernorm_forward(pass->y + at, pass->x + at, weight(step, slot), weight(step, slot + 1),
        pass->tokens, dim, step->vit->config.eps);
}

static void norm1_picture(void *argument, size_t b, size_t worker)
{
    (void)worker;
    norm_picture(argument, NORM1_WEIGHT, b);
}

static void norm2_picture(void *argument, size_t b, size_t worker)
{
    (void)worker;
    norm_picture(argument, NORM2_WEIGHT, b);
}

/* y times a weight [out, D], plus bias, into columns from at of qkv. */
static void project(const struct step *step, const float *w, size_t out, size_t at)
{
    const struct vit_pass *pass = step->pass;
    const size_t dim = step->vit->config.dim, n = step->batch * pass->tokens;
    gemm_all(pass->threads, n, out, dim, (struct matrix){ pass->y, dim, 1 }, transposed(w, dim),
        pass->qkv + at, 3 * dim, NULL, NULL);
}

static void project_qkv(const struct step *step)
{
    const size_t dim = step->vit->config.dim;
    if (weight(step, QKV_WEIGHT)) {
        project(step, weight(step, QKV_WEIGHT), 3 * dim, 0);
        return;
    }
    project(step, weight(step, Q_WEIGHT), dim, 0);
    project(step, weight(step, K_WEIGHT), dim, dim);
    project(step, weight(step, V_WEIGHT), dim, 2 * dim);
}

/* Biases of q, k and v, and their norms, for one picture. */
static void finish_qkv(void *argument, size_t b, size_t worker)
{
    const struct step *step = argument;
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, stride = 3 * dim, head = dim / config->heads;
    float *qkv = pass->qkv + b * pass->tokens * stride;
    (void)worker;
    bias_forward(qkv, weight(step, QKV_BIAS), pass->tokens, stride, stride);
    for (size_t part = 0; part < 3; part++) {
        float *first = qkv + part * dim;
        bias_forward(first, weight(step, Q_BIAS + 2 * (int)part), pass->tokens, dim, stride);
        const int norm = part == 0 ? Q_NORM_WEIGHT : K_NORM_WEIGHT;
        for (size_t t = 0; part < 2 && weight(step, norm) && t < pass->tokens; t++)
            layernorm_forward(first + t * stride, first + t * stride, weight(step, norm),
                weight(step, norm + 1), config->heads, head, config->eps);
    }
}

/* One head of one picture: softmax(q k^T / sqrt(d)) in the buffer that is sent, times v. */
static void attend(void *argument, size_t i, size_t worker)
{
    const struct step *step = argument;
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t b = i / config->heads, h = i % config->heads;
    const size_t dim = config->dim, stride = 3 * dim, head = dim / config->heads;
    const size_t t = pass->tokens;
    const float *q = pass->qkv + b * t * stride + h * head;
    const float *k = q + dim, *v = k + dim;
    float *scores = step->attention && step->attention[b] ? step->attention[b] + h * t * t
                                                          : pass->scores + worker * t * t;
    gemm(t, t, head, 1.0f / sqrtf((float)head), (struct matrix){ q, stride, 1 },
        (struct matrix){ k, 1, stride }, 0, scores, t);
    softmax_forward(scores, t, t, t);
    gemm(t, head, t, 1, (struct matrix){ scores, t, 1 }, (struct matrix){ v, stride, 1 }, 0,
        pass->y + b * t * dim + h * head, dim);
}

/* The finish of a branch's last product: x += scale * (z + bias). */
struct branch {
    const struct step *step;
    int bias, scale;
};

static void add_branch(void *argument, size_t row, size_t rows, size_t column, size_t columns)
{
    const struct branch *branch = argument;
    const struct vit_pass *pass = branch->step->pass;
    const size_t dim = branch->step->vit->config.dim, at = row * dim + column;
    const float *bias = weight(branch->step, branch->bias);
    const float *scale = weight(branch->step, branch->scale);
    residual_forward(pass->x + at, pass->z + at, bias ? bias + column : NULL,
        scale ? scale + column : NULL, rows, columns, dim);
}

static void attention_forward(struct step *step)
{
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, n = step->batch * pass->tokens;
    struct branch branch = { step, PROJ_BIAS, SCALE1 };
    threads_run(pass->threads, step->batch, norm1_picture, step);
    project_qkv(step);
    threads_run(pass->threads, step->batch, finish_qkv, step);
    threads_run(pass->threads, step->batch * config->heads, attend, step);
    gemm_all(pass->threads, n, dim, dim, (struct matrix){ pass->y, dim, 1 },
        transposed(weight(step, PROJ_WEIGHT), dim), pass->z, dim, add_branch, &branch);
}

static size_t mlp_width(const struct vit_config *config)
{
    return config->hidden * (config->gated ? 2 : 1);
}

static void activate_tile(
    void *argument, size_t row, size_t rows, size_t column, size_t columns)
{
    const struct step *step = argument;
    const struct vit_config *config = &step->vit->config;
    const size_t stride = mlp_width(config);
    const float *bias = weight(step, FC1_BIAS);
    float *tile = step->pass->hidden + row * stride + column;
    bias = bias ? bias + column : NULL;
    if (config->gated)
        bias_forward(tile, bias, rows, columns, stride);
    else
        activation_forward(tile, bias, config->activation, rows, columns, stride);
}

/* A gated MLP: the gate is the first half of fc1's rows, or a layer of its own written there.
 */
static void gate_picture(void *argument, size_t b, size_t worker)
{
    const struct step *step = argument;
    const struct vit_config *config = &step->vit->config;
    const size_t stride = mlp_width(config), t = step->pass->tokens;
    float *gate = step->pass->hidden + b * t * stride;
    (void)worker;
    if (weight(step, GATE_WEIGHT))
        bias_forward(gate, weight(step, GATE_BIAS), t, config->hidden, stride);
    gated_forward(gate + config->hidden, gate, config->activation, t, config->hidden, stride);
}

/* The value half of a gated MLP whose gate is apart lies behind the gate. */
static void bias_value(void *argument, size_t row, size_t rows, size_t column, size_t columns)
{
    const struct step *step = argument;
    const struct vit_config *config = &step->vit->config;
    const float *bias = weight(step, FC1_BIAS);
    bias_forward(step->pass->hidden + row * mlp_width(config) + config->hidden + column,
        bias ? bias + column : NULL, rows, columns, mlp_width(config));
}

static void expand(struct step *step)
{
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, width = mlp_width(config), n = step->batch * pass->tokens;
    const struct matrix y = { pass->y, dim, 1 };
    if (weight(step, GATE_WEIGHT)) {
        gemm_all(pass->threads, n, config->hidden, dim, y,
            transposed(weight(step, GATE_WEIGHT), dim), pass->hidden, width, NULL, NULL);
        gemm_all(pass->threads, n, config->hidden, dim, y,
            transposed(weight(step, FC1_WEIGHT), dim), pass->hidden + config->hidden, width,
            bias_value, step);
    } else {
        gemm_all(pass->threads, n, width, dim, y, transposed(weight(step, FC1_WEIGHT), dim),
            pass->hidden, width, activate_tile, step);
    }
    if (config->gated)
        threads_run(pass->threads, step->batch, gate_picture, step);
}

static void mlp_forward(struct step *step)
{
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, n = step->batch * pass->tokens;
    struct branch branch = { step, FC2_BIAS, SCALE2 };
    threads_run(pass->threads, step->batch, norm2_picture, step);
    expand(step);
    const float *hidden = pass->hidden + (config->gated ? config->hidden : 0);
    gemm_all(pass->threads, n, dim, config->hidden,
        (struct matrix){ hidden, mlp_width(config), 1 },
        transposed(weight(step, FC2_WEIGHT), config->hidden), pass->z, dim, add_branch,
        &branch);
}

/* What the head reads of one picture: pooled[D], or [2D] for the class token beside the mean.
 */
static void pool_picture(const struct step *step, size_t b, bool distillation)
{
    const struct vit *vit = step->vit;
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &vit->config;
    const size_t dim = config->dim, patches = pass->rows * pass->columns;
    const size_t at = b * pass->tokens * dim;
    const float *x = pass->x + at;
    float *to = pass->pooled + b * dim * (config->readout == READ_CLASS_AND_MEAN ? 2 : 1);
    if (config->final_norm) {
        layernorm_forward(pass->y + at, x, vit->global[NORM_WEIGHT], vit->global[NORM_BIAS],
            pass->tokens, dim, config->eps);
        x = pass->y + at;
    }
    const float *token = x + (distillation ? dim : 0), *first = x + config->prefix * dim;
    if (config->readout == READ_MEAN)
        mean_forward(to, first, patches, dim);
    else
        memcpy(to, token, dim * sizeof *to);
    if (config->readout == READ_CLASS_AND_MEAN)
        mean_forward(to + dim, first, patches, dim);
    if (vit->global[FC_NORM_WEIGHT])
        layernorm_forward(to, to, vit->global[FC_NORM_WEIGHT], vit->global[FC_NORM_BIAS], 1,
            dim, config->eps);
}

/* logits[B, C] of one head over one pooling. */
static void head_forward(const struct step *step, int slot, bool distillation, float *logits)
{
    const struct vit *vit = step->vit;
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &vit->config;
    const size_t batch = step->batch;
    size_t in = config->dim * (config->readout == READ_CLASS_AND_MEAN ? 2 : 1);
    const float *from = pass->pooled;
    for (size_t b = 0; b < batch; b++)
        pool_picture(step, b, distillation);
    if (vit->global[PRE_LOGITS_WEIGHT]) {
        const size_t out = config->features;
        gemm(batch, out, in, 1, (struct matrix){ from, in, 1 },
            transposed(vit->global[PRE_LOGITS_WEIGHT], in), 0, pass->features, out);
        bias_forward(pass->features, vit->global[PRE_LOGITS_BIAS], batch, out, out);
        for (size_t i = 0; i < batch * out; i++)
            pass->features[i] = tanhf(pass->features[i]);
        from = pass->features;
        in = out;
    }
    gemm(batch, vit->model.classes, in, 1, (struct matrix){ from, in, 1 },
        transposed(vit->global[slot], in), 0, logits, vit->model.classes);
    bias_forward(logits, vit->global[slot + 1], batch, vit->model.classes, vit->model.classes);
}

static void logits_forward(const struct step *step, float *const *to)
{
    const struct vit_config *config = &step->vit->config;
    const size_t count = step->batch * step->vit->model.classes;
    float *logits = step->pass->logits;
    head_forward(step, HEAD_WEIGHT, false, logits);
    if (config->readout == READ_CLASS_DIST) {
        head_forward(step, HEAD_DIST_WEIGHT, true, logits + count);
        for (size_t i = 0; i < count; i++)
            logits[i] = (logits[i] + logits[count + i]) / 2;
    }
    for (size_t b = 0; b < step->batch; b++)
        memcpy(to[b], logits + b * step->vit->model.classes,
            step->vit->model.classes * sizeof *logits);
}

static void copy_tokens(const struct step *step, const struct vit_outputs *outputs)
{
    const size_t count = step->pass->tokens * step->vit->config.dim;
    for (size_t b = 0; outputs->tokens && b < step->batch; b++) {
        float *to = outputs->tokens[step->layer * step->batch + b];
        if (to)
            memcpy(to, step->pass->x + b * count, count * sizeof *to);
    }
}

void vit_forward(const struct vit *vit, struct vit_pass *pass, const float *const *inputs,
    size_t batch, const struct vit_outputs *outputs)
{
    struct step step = { .vit = vit, .pass = pass, .batch = batch, .inputs = inputs };
    threads_run(pass->threads, batch, embed_picture, &step);
    for (; step.layer < vit->config.layers; step.layer++) {
        step.weights = vit->blocks[step.layer];
        step.attention = outputs->attention ? outputs->attention + step.layer * batch : NULL;
        copy_tokens(&step, outputs);
        attention_forward(&step);
        mlp_forward(&step);
    }
    copy_tokens(&step, outputs);
    if (outputs->logits && vit->config.readout != READ_NONE)
        logits_forward(&step, outputs->logits);
}
