/*
 * The buffers of a ViT's passes: one arena, laid out before the first picture. Rows of the
 * stream x are tokens, those of one picture after those of another: x[B * T, D].
 */
#include "common/vit_pass.h"

#include <stdlib.h>

void vit_pass_free(struct vit_pass *pass)
{
    if (!pass)
        return;
    free(pass->arena);
    free(pass->layers);
    free(pass->attention);
    free(pass);
}

size_t vit_pass_bytes(const struct vit_pass *pass)
{
    return pass->bytes;
}

/* Laid out twice: to learn the size, with base NULL, and to place the buffers. */
struct layout_plan {
    float *base;
    size_t total; /* floats; SIZE_MAX: too many */
};

static float *place(struct layout_plan *to, size_t a, size_t b, size_t c)
{
    const size_t at = to->total;
    size_t count;
    if (at == SIZE_MAX || __builtin_mul_overflow(a, b, &count)
        || __builtin_mul_overflow(count, c, &count) || __builtin_add_overflow(count, 15, &count)
        || __builtin_add_overflow(at, count & ~(size_t)15, &to->total))
        to->total = SIZE_MAX;
    return to->base ? to->base + at : NULL;
}

static void lay_out_layers(const struct vit *vit, struct vit_pass *pass, struct layout_plan *to)
{
    const struct vit_config *config = &vit->config;
    const struct vit_plan *plan = &pass->plan;
    const size_t n = plan->batch * pass->tokens, dim = config->dim, t = pass->tokens;
    for (size_t l = 0; l < config->layers; l++) {
        struct vit_layer *layer = &pass->layers[l];
        layer->attention = pass->attention + l * plan->batch;
        layer->qkv = pass->qkv;
        if (l < plan->lowest)
            continue;
        layer->x_in = place(to, n, dim, 1);
        layer->x_mid = place(to, n, dim, 1);
        layer->qkv = place(to, n, dim, 3);
        layer->pre = place(to, n, mlp_width(config), 1);
        if (vit->blocks[l][Q_NORM_WEIGHT - GLOBAL_SLOTS]
            || vit->blocks[l][K_NORM_WEIGHT - GLOBAL_SLOTS])
            layer->raw = place(to, n, dim, 2);
        if (plan->training)
            layer->out = place(to, n, dim, 1);
        if (plan->keep && plan->keep[l])
            layer->kept = place(to, plan->batch * config->heads, t, t);
    }
}

static void lay_out(const struct vit *vit, struct vit_pass *pass, struct layout_plan *to)
{
    const struct vit_config *config = &vit->config;
    const size_t batch = pass->plan.batch, n = batch * pass->tokens, dim = config->dim;
    const size_t pixels = 3 * config->patch_rows * config->patch_columns;
    const size_t mlp = mlp_width(config), pooled = pooled_width(config);
    pass->positions = place(to, pass->tokens, dim, 1);
    pass->x = place(to, n, dim, 1);
    pass->y = place(to, n, dim, 1);
    pass->z = place(to, n, dim, 1);
    pass->qkv = place(to, n, dim, 3);
    pass->hidden = place(to, n, mlp > pixels ? mlp : pixels, 1);
    pass->scores = place(to, threads_count(pass->threads), pass->tokens, pass->tokens);
    pass->turned = place(to, threads_count(pass->threads), dim / config->heads, pass->tokens);
    pass->pooled = place(to, batch, pooled, 2);
    pass->normed = place(to, batch, pooled, 2);
    pass->features = place(to, batch, config->features, 2);
    pass->logits = place(to, batch, vit->model.classes, 2);
    if (pass->plan.lowest < config->layers || pass->plan.training) {
        pass->dx = place(to, n, dim, 1);
        pass->head_gradients = place(to, batch, pooled + config->features, 3);
    }
    if (pass->plan.training) {
        pass->partial = place(to, batch, partial_width(config), 1);
        if (vit->global[PRE_NORM_WEIGHT])
            pass->embedded = place(to, n, dim, 1);
    }
    lay_out_layers(vit, pass, to);
}

/* The prefix tokens' own values are added to their positions once: they are the same for every
 * picture. */
void vit_refresh(const struct vit *vit, struct vit_pass *pass)
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

int vit_prepare(const struct vit *vit, struct vit_pass **result, const struct vit_plan *plan,
    struct threads *threads, struct error *error)
{
    const struct vit_config *config = &vit->config;
    struct layout_plan to = { 0 };
    vit_pass_free(*result);
    struct vit_pass *pass = *result = calloc(1, sizeof *pass);
    if (!pass)
        return fail_memory(error, sizeof *pass);
    pass->threads = threads;
    pass->plan = *plan;
    pass->rows = plan->height / config->patch_rows;
    pass->columns = plan->width / config->patch_columns;
    pass->tokens = config->prefix + pass->rows * pass->columns;
    pass->layers = calloc(config->layers, sizeof *pass->layers);
    pass->attention = calloc(config->layers * plan->batch, sizeof *pass->attention);
    if (!pass->layers || !pass->attention)
        return fail_memory(error, config->layers * plan->batch * sizeof *pass->attention);
    lay_out(vit, pass, &to);
    if (to.total <= SIZE_MAX / sizeof(float) - 64)
        to.base = pass->arena = aligned_alloc(64, to.total * sizeof(float));
    if (!pass->arena)
        return fail_memory(error, to.total == SIZE_MAX ? to.total : to.total * sizeof(float));
    pass->bytes = to.total * sizeof(float);
    to.total = 0;
    lay_out(vit, pass, &to);
    vit_refresh(vit, pass);
    return 0;
}
