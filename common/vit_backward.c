/*
 * The backward pass of a Vision Transformer: from the gradient by its logits down to that by
 * attention (behind softmax) and by what a block's attention reads. dx, the gradient by the
 * residual stream, runs from the top down; what branches off adds to it behind its norm. Where
 * the head reads the class token alone, dx is 0 in all other rows down to the last block's
 * attention, and only that row is multiplied.
 */
#include "common/vit_pass.h"

#include <math.h>
#include <string.h>

/* The gradient by what a branch adds: dx, times LayerScale and what drops the branch, where
 * there are such (into z). */
struct scaling {
    struct step *step;
    const float *scale, *factors;
};

static void scale_task(void *argument, size_t b, size_t worker)
{
    const struct scaling *scaling = argument;
    const struct vit_pass *pass = scaling->step->pass;
    const size_t dim = scaling->step->vit->config.dim, at = b * pass->tokens * dim;
    (void)worker;
    scale_rows(pass->z + at, pass->dx + at, scaling->scale,
        scaling->factors ? scaling->factors[b] : 1, scaling->step->live, dim);
}

static const float *branch_gradient(struct step *step, int scale_slot)
{
    struct scaling scaling = { step, weight(step, scale_slot),
        drop_factors(step, scale_slot == SCALE2) };
    if (!scaling.scale && !scaling.factors)
        return step->pass->dx;
    threads_run(step->pass->threads, step->batch, scale_task, &scaling);
    return step->pass->z;
}

/* dx += the gradient that comes through a norm: d of what the norm gave is in from. */
struct norming {
    const struct step *step;
    const float *from, *x;
    int slot;
};

static void norm_task(void *argument, size_t b, size_t worker)
{
    const struct norming *norming = argument;
    const struct step *step = norming->step;
    const size_t dim = step->vit->config.dim, at = b * step->pass->tokens * dim;
    (void)worker;
    layernorm_backward(step->pass->dx + at, norming->from + at, norming->x + at,
        weight(step, norming->slot), step->live, dim, step->vit->config.eps);
}

static void norm_backward(const struct step *step, int slot, const float *from, const float *x)
{
    struct norming norming = { step, from, x, slot };
    threads_run(step->pass->threads, step->batch, norm_task, &norming);
}

/* y = what a norm gave, computed again for the gradients of what took it. */
static void norm_again_task(void *argument, size_t b, size_t worker)
{
    const struct norming *norming = argument;
    const struct step *step = norming->step;
    const size_t dim = step->vit->config.dim, at = b * step->pass->tokens * dim;
    (void)worker;
    layernorm_forward(step->pass->y + at, norming->x + at, weight(step, norming->slot),
        weight(step, norming->slot + 1), step->live, dim, step->vit->config.eps);
}

static void norm_again(const struct step *step, int slot, const float *x)
{
    struct norming norming = { step, NULL, x, slot };
    threads_run(step->pass->threads, step->batch, norm_again_task, &norming);
}

/* The MLP's hidden values, computed again from what is before the activation. */
static void activate_task(void *argument, size_t b, size_t worker)
{
    const struct step *step = argument;
    const struct vit_config *config = &step->vit->config;
    const size_t hidden = config->hidden, stride = mlp_width(config), n = step->live;
    float *to = step->pass->hidden + b * step->pass->tokens * stride;
    const float *from = step->kept->pre + b * step->pass->tokens * stride;
    (void)worker;
    if (config->gated)
        gated_forward(to + hidden, from + hidden, from, config->activation, n, hidden, stride);
    else
        activation_forward(to, from, config->activation, n, hidden, stride);
}

static void activate_again(struct step *step)
{
    threads_run(step->pass->threads, step->batch, activate_task, step);
}

/* Products that add to one result: the second and third into y, then added to z. */
static void add_tile(void *argument, size_t row, size_t rows, size_t column, size_t columns)
{
    const struct step *step = argument;
    const size_t stride = live_stride(step) * step->vit->config.dim, at = row * stride + column;
    add_rows(step->pass->z + at, step->pass->y + at, rows, columns, stride);
}

/* The live rows of z = from[B * T, width] times a weight [width, D], or z += that where more
 * says so. */
static void times_weight(
    struct step *step, const float *from, size_t stride, int slot, size_t width, bool more)
{
    const struct vit_pass *pass = step->pass;
    const size_t dim = step->vit->config.dim, apart = live_stride(step);
    gemm_all(pass->threads, step->batch * step->live, dim, width, rows_of(from, apart * stride),
        rows_of(weight(step, slot), dim), more ? pass->y : pass->z, apart * dim,
        more ? add_tile : NULL, step);
}

/* Gradients by the MLP's hidden values, to those before the activation. */
static void descend_tile(void *argument, size_t row, size_t rows, size_t column, size_t columns)
{
    const struct step *step = argument;
    const struct vit_config *config = &step->vit->config;
    const size_t stride = live_stride(step) * mlp_width(config), at = row * stride + column;
    float *gate = step->pass->hidden + at;
    const float *pre = step->kept->pre + at;
    if (config->gated)
        gated_backward(gate + config->hidden, gate, gate + config->hidden, pre + config->hidden,
            pre, config->activation, rows, columns, stride);
    else
        activation_backward(gate, pre, config->activation, rows, columns, stride);
}

/* What the second product of the MLP took, computed again; the gradients of its weights. */
static void second_gradients(struct step *step, const float *branch)
{
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, stride = mlp_width(config);
    const float *value = pass->hidden + (config->gated ? config->hidden : 0);
    activate_again(step);
    scale_gradients(step, SCALE2, FC2_WEIGHT, value, stride, config->hidden);
    linear_gradients(step, FC2_WEIGHT, branch, dim, dim, value, stride, config->hidden);
}

/* Those of the first product's, whose input is normalised again, into y. */
static void first_gradients(struct step *step)
{
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, hidden = config->hidden, stride = mlp_width(config);
    norm_again(step, NORM2_WEIGHT, step->kept->x_mid);
    if (weight(step, GATE_WEIGHT)) {
        linear_gradients(step, GATE_WEIGHT, pass->hidden, stride, hidden, pass->y, dim, dim);
        linear_gradients(
            step, FC1_WEIGHT, pass->hidden + hidden, stride, hidden, pass->y, dim, dim);
    } else {
        linear_gradients(step, FC1_WEIGHT, pass->hidden, stride, stride, pass->y, dim, dim);
    }
}

static void mlp_backward(struct step *step)
{
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, hidden = config->hidden, stride = mlp_width(config);
    const size_t apart = live_stride(step);
    float *value = pass->hidden + (config->gated ? hidden : 0);
    const float *branch = branch_gradient(step, SCALE2);
    if (wants_weights(step))
        second_gradients(step, branch);
    gemm_all(pass->threads, step->batch * step->live, hidden, dim, rows_of(branch, apart * dim),
        rows_of(weight(step, FC2_WEIGHT), hidden), value, apart * stride, descend_tile, step);
    if (wants_weights(step))
        first_gradients(step);
    if (weight(step, GATE_WEIGHT)) {
        times_weight(step, pass->hidden, stride, GATE_WEIGHT, hidden, false);
        times_weight(step, value, stride, FC1_WEIGHT, hidden, true);
    } else {
        times_weight(step, pass->hidden, stride, FC1_WEIGHT, stride, false);
    }
    if (wants_weights(step))
        norm_gradients(step, NORM2_WEIGHT, pass->z, step->kept->x_mid);
    norm_backward(step, NORM2_WEIGHT, pass->z, step->kept->x_mid);
}

/*
 * One head of one picture. With O = A V, A = softmax(S), S = Q K' / sqrt(d):
 *     dA = dO V', dV = A' dO, dS = A * (dA - rowsum(A * dA)), dQ = dS K / sqrt(d),
 *     dK = dS' Q / sqrt(d)
 * where only the live rows of dO, and so of dA, dS and dQ, are other than 0.
 */
static void attend_backward(void *argument, size_t i, size_t worker)
{
    const struct step *step = argument;
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t b = i / config->heads, h = i % config->heads, t = pass->tokens;
    const size_t live = step->live;
    const size_t dim = config->dim, stride = 3 * dim, head = dim / config->heads;
    const size_t at = b * t * stride + h * head;
    const float *q = step->kept->qkv + at, *k = q + dim, *v = k + dim;
    const float *a = step->kept->attention[b] + h * t * t;
    const float *out = pass->y + b * t * dim + h * head;
    float *const *wanted = step->gradients->attention;
    float *scores = pass->scores + worker * t * t, *dq = pass->qkv + at;
    float *g = wanted && wanted[step->layer * step->batch + b]
                   ? wanted[step->layer * step->batch + b] + h * t * t
                   : scores;
    const float scale = 1.0f / sqrtf((float)head);
    gemm(live, t, head, 1, rows_of(out, dim), transposed(v, stride), 0, g, t);
    memset(g + live * t, 0, (t - live) * t * sizeof *g);
    if (!step->through)
        return;
    gemm(t, head, live, 1, transposed(a, t), rows_of(out, dim), 0, dq + 2 * dim, stride);
    softmax_backward(scores, g, a, live, t);
    gemm(live, head, t, scale, rows_of(scores, t), rows_of(k, stride), 0, dq, stride);
    for (size_t row = live; row < t; row++)
        memset(dq + row * stride, 0, head * sizeof *dq);
    gemm(t, head, live, scale, transposed(scores, t), rows_of(q, stride), 0, dq + dim, stride);
}

/* Through the norms of q and k, for one picture; z is room for the result. */
static void unnorm_task(void *argument, size_t b, size_t worker)
{
    const struct step *step = argument;
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim;
    (void)worker;
    for (size_t t = b * pass->tokens; t < (b + 1) * pass->tokens; t++)
        for (size_t part = 0; part < 2; part++) {
            const int slot = part == 0 ? Q_NORM_WEIGHT : K_NORM_WEIGHT;
            float *gradient = pass->qkv + t * 3 * dim + part * dim, *room = pass->z + t * dim;
            if (!weight(step, slot))
                continue;
            memset(room, 0, dim * sizeof *room);
            layernorm_backward(room, gradient, step->kept->raw + t * 2 * dim + part * dim,
                weight(step, slot), config->heads, dim / config->heads, config->eps);
            memcpy(gradient, room, dim * sizeof *room);
        }
}

static void qkv_gradients(struct step *step)
{
    static const int parts[] = { Q_WEIGHT, K_WEIGHT, V_WEIGHT };
    const struct vit_pass *pass = step->pass;
    const size_t dim = step->vit->config.dim, stride = 3 * dim;
    norm_again(step, NORM1_WEIGHT, step->kept->x_in);
    if (weight(step, QKV_WEIGHT))
        linear_gradients(step, QKV_WEIGHT, pass->qkv, stride, stride, pass->y, dim, dim);
    for (size_t i = 0; i < 3 && !weight(step, QKV_WEIGHT); i++)
        linear_gradients(step, parts[i], pass->qkv + i * dim, stride, dim, pass->y, dim, dim);
}

/* z = the gradient by what norm1 gave. */
static void project_backward(struct step *step)
{
    const struct vit_pass *pass = step->pass;
    const size_t dim = step->vit->config.dim, stride = 3 * dim;
    if (step->kept->raw && wants_weights(step))
        head_norm_gradients(step);
    if (step->kept->raw)
        threads_run(pass->threads, step->batch, unnorm_task, step);
    if (wants_weights(step))
        qkv_gradients(step);
    if (weight(step, QKV_WEIGHT)) {
        times_weight(step, pass->qkv, stride, QKV_WEIGHT, stride, false);
        return;
    }
    times_weight(step, pass->qkv, stride, Q_WEIGHT, dim, false);
    times_weight(step, pass->qkv + dim, stride, K_WEIGHT, dim, true);
    times_weight(step, pass->qkv + 2 * dim, stride, V_WEIGHT, dim, true);
}

static void attention_backward(struct step *step)
{
    const struct vit_pass *pass = step->pass;
    const size_t dim = step->vit->config.dim, stride = live_stride(step) * dim;
    float *const *act = step->gradients->act;
    const float *branch = branch_gradient(step, SCALE1);
    if (wants_weights(step)) {
        scale_gradients(step, SCALE1, PROJ_WEIGHT, step->kept->out, dim, dim);
        linear_gradients(step, PROJ_WEIGHT, branch, dim, dim, step->kept->out, dim, dim);
    }
    gemm_all(pass->threads, step->batch * step->live, dim, dim, rows_of(branch, stride),
        rows_of(weight(step, PROJ_WEIGHT), dim), pass->y, stride, NULL, NULL);
    threads_run(pass->threads, step->batch * step->vit->config.heads, attend_backward, step);
    if (!step->through)
        return;
    step->live = pass->tokens; /* every token is some query's key and value */
    project_backward(step);
    for (size_t b = 0; act && b < step->batch; b++)
        if (act[step->layer * step->batch + b])
            patches_to_grid(
                step, pass->z + b * pass->tokens * dim, act[step->layer * step->batch + b]);
    if (wants_weights(step))
        norm_gradients(step, NORM1_WEIGHT, pass->z, step->kept->x_in);
    if (step->layer > pass->plan.lowest || wants_weights(step))
        norm_backward(step, NORM1_WEIGHT, pass->z, step->kept->x_in);
}

/* Whether anything at or below the layer needs more than the layer's own attention. */
static bool goes_through(const struct step *step)
{
    float *const *act = step->gradients->act;
    bool through = step->layer > step->pass->plan.lowest || wants_weights(step);
    for (size_t b = 0; act && b < step->batch; b++)
        through |= act[step->layer * step->batch + b] != NULL;
    return through;
}

void vit_backward(const struct vit *vit, struct vit_pass *pass, size_t batch,
    const float *logit_gradients, const struct vit_gradients *gradients)
{
    struct step step = {
        .vit = vit, .pass = pass, .batch = batch, .inputs = pass->inputs, .gradients = gradients
    };
    step.live = vit->config.readout == READ_CLASS ? 1 : pass->tokens;
    head_backward(&step, logit_gradients);
    for (size_t layer = vit->config.layers; layer-- > pass->plan.lowest;) {
        step_to(&step, layer);
        step.through = goes_through(&step);
        mlp_backward(&step);
        attention_backward(&step);
    }
    if (wants_weights(&step) && pass->plan.lowest == 0)
        embedding_gradients(&step);
}
