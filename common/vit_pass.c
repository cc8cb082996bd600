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
    arena_free(&pass->arena);
    free(pass->layers);
    free(pass->attention);
    free(pass);
}

size_t vit_pass_bytes(const struct vit_pass *pass)
{
    return arena_bytes(&pass->arena);
}

static void lay_out_layers(const struct vit *vit, struct vit_pass *pass, struct arena *to)
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
        layer->x_in = arena_take(to, n, dim, 1);
        layer->x_mid = arena_take(to, n, dim, 1);
        layer->qkv = arena_take(to, n, dim, 3);
        layer->pre = arena_take(to, n, mlp_width(config), 1);
        if (vit->blocks[l][Q_NORM_WEIGHT - GLOBAL_SLOTS]
            || vit->blocks[l][K_NORM_WEIGHT - GLOBAL_SLOTS])
            layer->raw = arena_take(to, n, dim, 2);
        if (plan->training)
            layer->out = arena_take(to, n, dim, 1);
        if (plan->keep && plan->keep[l])
            layer->kept = arena_take(to, plan->batch * config->heads, t, t);
    }
}

static void lay_out(const struct vit *vit, struct vit_pass *pass, struct arena *to)
{
    const struct vit_config *config = &vit->config;
    const size_t batch = pass->plan.batch, n = batch * pass->tokens, dim = config->dim;
    const size_t pixels = 3 * config->patch_rows * config->patch_columns;
    const size_t mlp = mlp_width(config), pooled = pooled_width(config);
    const size_t whole = config->prefix + pass->rows * pass->columns;
    pass->positions = arena_take(to, whole, dim, 1);
    pass->x = arena_take(to, n, dim, 1);
    pass->y = arena_take(to, n > whole ? n : whole, dim, 1); /* or positions' gradients */
    pass->z = arena_take(to, n, dim, 1);
    pass->qkv = arena_take(to, n, dim, 3);
    pass->hidden = arena_take(to, n, mlp > pixels ? mlp : pixels, 1);
    pass->scores = arena_take(to, threads_count(pass->threads), pass->tokens, pass->tokens);
    pass->pooled = arena_take(to, batch, pooled, 2);
    pass->normed = arena_take(to, batch, pooled, 2);
    pass->features = arena_take(to, batch, config->features, 2);
    pass->logits = arena_take(to, batch, vit->model.classes, 2);
    if (pass->plan.lowest < config->layers || pass->plan.training) {
        pass->dx = arena_take(to, n, dim, 1);
        pass->head_gradients = arena_take(to, batch, pooled + config->features, 3);
    }
    if (pass->plan.training) {
        pass->partial = arena_take(to, batch, partial_width(config), 1);
        if (vit->global[PRE_NORM_WEIGHT])
            pass->embedded = arena_take(to, n, dim, 1);
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
    vit_pass_free(*result);
    struct vit_pass *pass = *result = calloc(1, sizeof *pass);
    if (!pass)
        return fail_memory(error, sizeof *pass);
    pass->threads = threads;
    pass->plan = *plan;
    pass->rows = plan->height / config->patch_rows;
    pass->columns = plan->width / config->patch_columns;
    pass->patches = plan->patches ? plan->patches : pass->rows * pass->columns;
    pass->tokens = config->prefix + pass->patches;
    pass->layers = calloc(config->layers, sizeof *pass->layers);
    pass->attention = calloc(config->layers * plan->batch, sizeof *pass->attention);
    if (!pass->layers || !pass->attention)
        return fail_memory(error, config->layers * plan->batch * sizeof *pass->attention);
    lay_out(vit, pass, &pass->arena);
    const int status = arena_allocate(&pass->arena, error);
    if (status < 0)
        return status;
    lay_out(vit, pass, &pass->arena);
    vit_refresh(vit, pass);
    return 0;
}
