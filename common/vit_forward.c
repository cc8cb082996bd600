/*
 * The forward pass of a Vision Transformer (Dosovitskiy et al. 2021; pre-norm blocks).
 */
#include "common/vit_pass.h"

#include <math.h>
#include <string.h>

void gather_patches(const struct step *step, size_t b, float *to)
{
    const struct vit_pass *pass = step->pass;
    const size_t ph = step->vit->config.patch_rows, pw = step->vit->config.patch_columns;
    for (size_t i = 0; i < pass->patches; i++) {
        const size_t patch = patch_of(pass, b, i);
        const size_t top = patch / pass->columns * ph, left = patch % pass->columns * pw;
        for (size_t channel = 0; channel < 3; channel++)
            for (size_t y = 0; y < ph; y++, to += pw)
                memcpy(to,
                    step->inputs[b] + (channel * pass->plan.height + top + y) * pass->plan.width
                        + left,
                    pw * sizeof *to);
    }
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
    const size_t dim = config->dim, pixels = 3 * config->patch_rows * config->patch_columns;
    const size_t n = pass->patches;
    float *patches = pass->hidden + b * n * pixels;
    float *x = pass->x + b * pass->tokens * dim;
    float *first = x + config->prefix * dim;
    (void)worker;
    gather_patches(step, b, patches);
    gemm(n, dim, pixels, 1, (struct matrix){ patches, pixels, 1 },
        transposed(step->vit->global[PATCH_WEIGHT], pixels), 0, first, dim);
    bias_forward(first, step->vit->global[PATCH_BIAS], n, dim, dim);
    memset(x, 0, config->prefix * dim * sizeof *x);
    const float *positions = pass->positions;
    residual_forward(x, positions, NULL, NULL, 1, config->prefix, dim, dim);
    for (size_t i = 0; i < n; i++)
        residual_forward(first + i * dim,
            positions + (config->prefix + patch_of(pass, b, i)) * dim, NULL, NULL, 1, 1, dim,
            dim);
    if (pass->embedded)
        memcpy(pass->embedded + b * pass->tokens * dim, x, pass->tokens * dim * sizeof *x);
    if (step->vit->global[PRE_NORM_WEIGHT])
        layernorm_forward(x, x, step->vit->global[PRE_NORM_WEIGHT],
            step->vit->global[PRE_NORM_BIAS], pass->tokens, dim, config->eps);
}

/* y = norm(x); x is put by where a backward pass is coming. */
static void norm_picture(const struct step *step, int slot, size_t b, float *kept)
{
    const struct vit_pass *pass = step->pass;
    const size_t dim = step->vit->config.dim, at = b * pass->tokens * dim;
    if (kept)
        memcpy(kept + at, pass->x + at, pass->tokens * dim * sizeof *kept);
    layernorm_forward(pass->y + at, pass->x + at, weight(step, slot), weight(step, slot + 1),
        pass->tokens, dim, step->vit->config.eps);
}

void patches_to_grid(const struct step *step, const float *x, float *to)
{
    const size_t dim = step->vit->config.dim, n = step->pass->rows * step->pass->columns;
    x += step->vit->config.prefix * dim;
    for (size_t i = 0; i < n; i++)
        for (size_t d = 0; d < dim; d++)
            to[d * n + i] = x[i * dim + d];
}

static void norm1_picture(void *argument, size_t b, size_t worker)
{
    const struct step *step = argument;
    (void)worker;
    norm_picture(step, NORM1_WEIGHT, b, step->kept->x_in);
    float *act = step->outputs->act ? step->outputs->act[step->layer * step->batch + b] : NULL;
    if (act)
        patches_to_grid(
            step, step->pass->y + b * step->pass->tokens * step->vit->config.dim, act);
}

static void norm2_picture(void *argument, size_t b, size_t worker)
{
    const struct step *step = argument;
    (void)worker;
    norm_picture(step, NORM2_WEIGHT, b, step->kept->x_mid);
}

/* y times a weight [out, D], plus bias, into columns from at of qkv. */
static void project(const struct step *step, const float *w, size_t out, size_t at)
{
    const struct vit_pass *pass = step->pass;
    const size_t dim = step->vit->config.dim, n = step->batch * pass->tokens;
    gemm_all(pass->threads, n, out, dim, rows_of(pass->y, dim), transposed(w, dim),
        step->kept->qkv + at, 3 * dim, NULL, NULL);
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

/* The norms of q (part 0) or k (part 1), each head by itself. */
static void norm_heads(const struct step *step, size_t part, size_t b, float *first)
{
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, stride = 3 * dim, tokens = step->pass->tokens;
    const int norm = part == 0 ? Q_NORM_WEIGHT : K_NORM_WEIGHT;
    float *raw = step->kept->raw;
    for (size_t t = 0; t < tokens && raw; t++)
        memcpy(raw + (b * tokens + t) * 2 * dim + part * dim, first + t * stride,
            dim * sizeof *raw);
    for (size_t t = 0; t < tokens && weight(step, norm); t++)
        layernorm_forward(first + t * stride, first + t * stride, weight(step, norm),
            weight(step, norm + 1), config->heads, dim / config->heads, config->eps);
}

/* Biases of q, k and v, and their norms, for one picture. */
static void finish_qkv(void *argument, size_t b, size_t worker)
{
    const struct step *step = argument;
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, stride = 3 * dim;
    float *qkv = step->kept->qkv + b * pass->tokens * stride;
    (void)worker;
    bias_forward(qkv, weight(step, QKV_BIAS), pass->tokens, stride, stride);
    for (size_t part = 0; part < 3; part++) {
        float *first = qkv + part * dim;
        bias_forward(first, weight(step, Q_BIAS + 2 * (int)part), pass->tokens, dim, stride);
        if (part < 2)
            norm_heads(step, part, b, first);
    }
}

/* What the heads make of the values, side by side. */
static float *gathered(const struct step *step)
{
    return step->kept->out ? step->kept->out : step->pass->y;
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
    const float *q = step->kept->qkv + b * t * stride + h * head;
    const float *k = q + dim, *v = k + dim;
    float *scores = step->kept->attention[b] ? step->kept->attention[b] + h * t * t
                                             : pass->scores + worker * t * t;
    gemm(t, t, head, 1.0f / sqrtf((float)head), (struct matrix){ q, stride, 1 },
        transposed(k, stride), 0, scores, t);
    softmax_forward(scores, t, t, t);
    gemm(t, head, t, 1, (struct matrix){ scores, t, 1 }, (struct matrix){ v, stride, 1 }, 0,
        gathered(step) + b * t * dim + h * head, dim);
}

/* The finish of a branch's last product: x += scale * (z + bias), times the picture's factor.
 */
struct branch {
    const struct step *step;
    int bias, scale;
    const float *factors; /* [B], or NULL: 1 */
};

static void add_branch(void *argument, size_t row, size_t rows, size_t column, size_t columns)
{
    const struct branch *branch = argument;
    const struct vit_pass *pass = branch->step->pass;
    const size_t dim = branch->step->vit->config.dim;
    const float *bias = weight(branch->step, branch->bias);
    const float *scale = weight(branch->step, branch->scale);
    for (size_t end = row + rows, next; row < end; row = next) {
        const size_t picture = row / pass->tokens, at = row * dim + column;
        next = branch->factors && (picture + 1) * pass->tokens < end
                   ? (picture + 1) * pass->tokens
                   : end;
        const float factor = branch->factors ? branch->factors[picture] : 1;
        if (factor != 0)
            residual_forward(pass->x + at, pass->z + at, bias ? bias + column : NULL,
                scale ? scale + column : NULL, factor, next - row, columns, dim);
    }
}

static void attention_forward(struct step *step)
{
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, n = step->batch * pass->tokens;
    struct branch branch = { step, PROJ_BIAS, SCALE1, drop_factors(step, 0) };
    threads_run(pass->threads, step->batch, norm1_picture, step);
    project_qkv(step);
    threads_run(pass->threads, step->batch, finish_qkv, step);
    threads_run(pass->threads, step->batch * config->heads, attend, step);
    gemm_all(pass->threads, n, dim, dim, rows_of(gathered(step), dim),
        transposed(weight(step, PROJ_WEIGHT), dim), pass->z, dim, add_branch, &branch);
}

/* Where the first product of the MLP goes: to be kept as it is, or activated in place. */
static float *expanded(const struct step *step)
{
    return step->kept->pre ? step->kept->pre : step->pass->hidden;
}

static void activate_tile(
    void *argument, size_t row, size_t rows, size_t column, size_t columns)
{
    const struct step *step = argument;
    const struct vit_config *config = &step->vit->config;
    const size_t stride = mlp_width(config);
    const float *bias = weight(step, FC1_BIAS);
    float *to = step->pass->hidden + row * stride + column;
    float *from = expanded(step) + row * stride + column;
    bias_forward(from, bias ? bias + column : NULL, rows, columns, stride);
    if (!config->gated)
        activation_forward(to, from, config->activation, rows, columns, stride);
}

/* A gated MLP: the gate is the first half of fc1's rows, or a layer of its own written there.
 */
static void gate_picture(void *argument, size_t b, size_t worker)
{
    const struct step *step = argument;
    const struct vit_config *config = &step->vit->config;
    const size_t stride = mlp_width(config), t = step->pass->tokens;
    const size_t at = b * t * stride;
    float *gate = expanded(step) + at;
    (void)worker;
    if (weight(step, GATE_WEIGHT))
        bias_forward(gate, weight(step, GATE_BIAS), t, config->hidden, stride);
    gated_forward(step->pass->hidden + at + config->hidden, gate + config->hidden, gate,
        config->activation, t, config->hidden, stride);
}

/* The value half of a gated MLP whose gate is apart lies behind the gate. */
static void bias_value(void *argument, size_t row, size_t rows, size_t column, size_t columns)
{
    const struct step *step = argument;
    const struct vit_config *config = &step->vit->config;
    const float *bias = weight(step, FC1_BIAS);
    bias_forward(expanded(step) + row * mlp_width(config) + config->hidden + column,
        bias ? bias + column : NULL, rows, columns, mlp_width(config));
}

static void expand(struct step *step)
{
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, width = mlp_width(config), n = step->batch * pass->tokens;
    const struct matrix y = rows_of(pass->y, dim);
    float *to = expanded(step);
    if (weight(step, GATE_WEIGHT)) {
        gemm_all(pass->threads, n, config->hidden, dim, y,
            transposed(weight(step, GATE_WEIGHT), dim), to, width, NULL, NULL);
        gemm_all(pass->threads, n, config->hidden, dim, y,
            transposed(weight(step, FC1_WEIGHT), dim), to + config->hidden, width, bias_value,
            step);
    } else {
        gemm_all(pass->threads, n, width, dim, y, transposed(weight(step, FC1_WEIGHT), dim), to,
            width, activate_tile, step);
    }
    if (config->gated)
        threads_run(pass->threads, step->batch, gate_picture, step);
}

static void mlp_forward(struct step *step)
{
    const struct vit_pass *pass = step->pass;
    const struct vit_config *config = &step->vit->config;
    const size_t dim = config->dim, n = step->batch * pass->tokens;
    struct branch branch = { step, FC2_BIAS, SCALE2, drop_factors(step, 1) };
    threads_run(pass->threads, step->batch, norm2_picture, step);
    expand(step);
    const float *hidden = pass->hidden + (config->gated ? config->hidden : 0);
    gemm_all(pass->threads, n, dim, config->hidden, rows_of(hidden, mlp_width(config)),
        transposed(weight(step, FC2_WEIGHT), config->hidden), pass->z, dim, add_branch,
        &branch);
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

/* Where the layer's attention goes: out, into the pass, or nowhere. */
static void place_attention(const struct step *step)
{
    const struct vit_pass *pass = step->pass;
    const struct vit_layer *layer = step->kept;
    const size_t each = step->vit->config.heads * pass->tokens * pass->tokens;
    float *const *out = step->outputs->attention;
    for (size_t b = 0; b < step->batch; b++) {
        layer->attention[b] = out ? out[step->layer * step->batch + b] : NULL;
        if (!layer->attention[b] && layer->kept)
            layer->attention[b] = layer->kept + b * each;
    }
}

void vit_forward(const struct vit *vit, struct vit_pass *pass, const float *const *inputs,
    size_t batch, const struct vit_outputs *outputs)
{
    struct step step = {
        .vit = vit, .pass = pass, .batch = batch, .inputs = inputs, .outputs = outputs
    };
    pass->inputs = inputs;
    pass->drop_path = outputs->drop_path;
    pass->chosen = outputs->patches;
    threads_run(pass->threads, batch, embed_picture, &step);
    for (size_t layer = 0; layer < vit->config.layers; layer++) {
        step_to(&step, layer);
        place_attention(&step);
        copy_tokens(&step, outputs);
        attention_forward(&step);
        mlp_forward(&step);
    }
    step.layer = vit->config.layers;
    copy_tokens(&step, outputs);
    const bool read =
        outputs->logits || pass->plan.lowest < vit->config.layers || pass->plan.training;
    if (read && vit->config.readout != READ_NONE)
        head_forward(&step, outputs->logits);
}

bool vit_is_finite(const struct vit *vit, const struct vit_pass *pass, size_t batch)
{
    bool finite = true;
    for (size_t i = 0; i < batch * pass->tokens * vit->config.dim; i++)
        finite &= isfinite(pass->x[i]);
    return finite;
}
