/*
 * What a ViT makes of the stream that leaves its blocks: final norm, pooling, fc_norm,
 * pre_logits (a layer with tanh), head; for DeiT the mean of two heads. And back.
 */
#include "common/vit_pass.h"

#include <math.h>
#include <string.h>

/* Of the head on the class token or the mean (0), or on the distillation token (1). */
struct reading {
    const struct step *step;
    const struct vit *vit;
    size_t batch, pooled_in, in; /* widths of the pooling, and of what the head reads */
    size_t token;                /* that it reads */
    int slot;
    float share; /* of its logits in the model's */
    float *pooled, *normed, *features, *logits;
};

static struct reading reading_of(const struct step *step, size_t k)
{
    const struct vit *vit = step->vit;
    const struct vit_pass *pass = step->pass;
    const size_t most = pass->plan.batch, width = pooled_width(&vit->config);
    const size_t features = vit->config.features;
    return (struct reading){ .step = step,
        .vit = vit,
        .batch = step->batch,
        .pooled_in = width,
        .in = vit->global[PRE_LOGITS_WEIGHT] ? features : width,
        .token = k,
        .slot = k ? HEAD_DIST_WEIGHT : HEAD_WEIGHT,
        .share = vit->config.readout == READ_CLASS_DIST ? 0.5f : 1.0f,
        .pooled = pass->pooled + k * most * width,
        .normed = pass->normed + k * most * width,
        .features = pass->features + k * most * features,
        .logits = pass->logits + k * most * vit->model.classes };
}

static size_t head_count(const struct vit *vit)
{
    return vit->config.readout == READ_CLASS_DIST ? 2 : 1;
}

static void norm_task(void *argument, size_t b, size_t worker)
{
    const struct step *step = argument;
    const struct vit *vit = step->vit;
    const size_t dim = vit->config.dim, at = b * step->pass->tokens * dim;
    (void)worker;
    layernorm_forward(step->pass->y + at, step->pass->x + at, vit->global[NORM_WEIGHT],
        vit->global[NORM_BIAS], step->pass->tokens, dim, vit->config.eps);
}

/* pooled[D], or [2D] for the class token beside the mean. */
static void pool_picture(const struct reading *r, size_t b)
{
    const struct vit_pass *pass = r->step->pass;
    const struct vit_config *config = &r->vit->config;
    const size_t dim = config->dim, patches = pass->patches;
    const float *x = (config->final_norm ? pass->y : pass->x) + b * pass->tokens * dim;
    const float *first = x + config->prefix * dim;
    float *to = r->pooled + b * r->pooled_in;
    if (config->readout == READ_MEAN)
        mean_forward(to, first, patches, dim);
    else
        memcpy(to, x + r->token * dim, dim * sizeof *to);
    if (config->readout == READ_CLASS_AND_MEAN)
        mean_forward(to + dim, first, patches, dim);
}

static void read_forward(const struct reading *r)
{
    const struct vit *vit = r->vit;
    const size_t batch = r->batch, width = r->pooled_in, classes = vit->model.classes;
    const float *from = r->normed;
    for (size_t b = 0; b < batch; b++)
        pool_picture(r, b);
    memcpy(r->normed, r->pooled, batch * width * sizeof *r->normed);
    if (vit->global[FC_NORM_WEIGHT])
        layernorm_forward(r->normed, r->pooled, vit->global[FC_NORM_WEIGHT],
            vit->global[FC_NORM_BIAS], batch, width, vit->config.eps);
    if (vit->global[PRE_LOGITS_WEIGHT]) {
        gemm(batch, r->in, width, 1, rows_of(from, width),
            transposed(vit->global[PRE_LOGITS_WEIGHT], width), 0, r->features, r->in);
        bias_forward(r->features, vit->global[PRE_LOGITS_BIAS], batch, r->in, r->in);
        for (size_t i = 0; i < batch * r->in; i++)
            r->features[i] = tanhf(r->features[i]);
        from = r->features;
    }
    gemm(batch, classes, r->in, 1, rows_of(from, r->in),
        transposed(vit->global[r->slot], r->in), 0, r->logits, classes);
    bias_forward(r->logits, vit->global[r->slot + 1], batch, classes, classes);
}

void head_forward(const struct step *step, float *const *logits)
{
    const size_t classes = step->vit->model.classes, heads = head_count(step->vit);
    if (step->vit->config.final_norm)
        threads_run(step->pass->threads, step->batch, norm_task, (void *)step);
    for (size_t k = 0; k < heads; k++) {
        const struct reading r = reading_of(step, k);
        read_forward(&r);
        for (size_t b = 0; b < step->batch && logits; b++)
            for (size_t c = 0; c < classes; c++)
                logits[b][c] = (k ? logits[b][c] : 0) + r.share * r.logits[b * classes + c];
    }
}

/* The gradient of what a head reads, added into the rows of the stream that it pools. */
static void spread(const struct reading *r, const float *pooled, float *rows)
{
    const struct vit_pass *pass = r->step->pass;
    const struct vit_config *config = &r->vit->config;
    const size_t dim = config->dim, patches = pass->patches;
    const bool mean = config->readout == READ_MEAN;
    const bool averages = mean || config->readout == READ_CLASS_AND_MEAN;
    for (size_t b = 0; b < r->batch; b++, pooled += r->pooled_in, rows += pass->tokens * dim) {
        float *token = rows + r->token * dim, *first = rows + config->prefix * dim;
        const float *averaged = mean ? pooled : pooled + dim;
        for (size_t d = 0; d < dim && !mean; d++)
            token[d] += pooled[d];
        for (size_t i = 0; i < patches && averages; i++)
            for (size_t d = 0; d < dim; d++)
                first[i * dim + d] += averaged[d] / (float)patches;
    }
}

/* The head's own, by its share of the logits' gradients. */
static void head_weights(const struct reading *r, const float *logit_gradients)
{
    const size_t count = r->batch * r->vit->model.classes;
    for (size_t i = 0; i < count; i++)
        r->logits[i] = r->share * logit_gradients[i];
    reading_gradients(r->step, r->slot, r->logits, r->vit->model.classes,
        r->vit->global[PRE_LOGITS_WEIGHT] ? r->features : r->normed, r->in);
}

static void read_backward(const struct reading *r, const float *logit_gradients, float *rows)
{
    const struct vit *vit = r->vit;
    const struct vit_pass *pass = r->step->pass;
    const size_t batch = r->batch, width = r->pooled_in, classes = vit->model.classes;
    float *features = pass->head_gradients, *normed = features + pass->plan.batch * r->in;
    float *pooled = normed + pass->plan.batch * width;
    if (wants_weights(r->step))
        head_weights(r, logit_gradients);
    gemm_all(pass->threads, batch, r->in, classes, rows_of(logit_gradients, classes),
        rows_of(vit->global[r->slot], r->in), features, r->in, NULL, NULL);
    for (size_t i = 0; i < batch * r->in; i++)
        features[i] *= r->share;
    if (vit->global[PRE_LOGITS_WEIGHT]) {
        for (size_t i = 0; i < batch * r->in; i++)
            features[i] *= 1 - r->features[i] * r->features[i];
        if (wants_weights(r->step))
            reading_gradients(r->step, PRE_LOGITS_WEIGHT, features, r->in, r->normed, width);
        gemm_all(pass->threads, batch, width, r->in, rows_of(features, r->in),
            rows_of(vit->global[PRE_LOGITS_WEIGHT], width), normed, width, NULL, NULL);
    } else {
        memcpy(normed, features, batch * width * sizeof *normed);
    }
    if (vit->global[FC_NORM_WEIGHT]) {
        if (wants_weights(r->step))
            row_norm_gradients(r->step, FC_NORM_WEIGHT, normed, r->pooled);
        memset(pooled, 0, batch * width * sizeof *pooled);
        layernorm_backward(pooled, normed, r->pooled, vit->global[FC_NORM_WEIGHT], batch, width,
            vit->config.eps);
    }
    spread(r, vit->global[FC_NORM_WEIGHT] ? pooled : normed, rows);
}

static void norm_back_task(void *argument, size_t b, size_t worker)
{
    const struct step *step = argument;
    const struct vit *vit = step->vit;
    const size_t dim = vit->config.dim, at = b * step->pass->tokens * dim;
    (void)worker;
    layernorm_backward(step->pass->dx + at, step->pass->y + at, step->pass->x + at,
        vit->global[NORM_WEIGHT], step->live, dim, vit->config.eps);
}

void head_backward(const struct step *step, const float *logit_gradients)
{
    const struct vit_pass *pass = step->pass;
    const size_t count = step->batch * pass->tokens * step->vit->config.dim;
    const bool norm = step->vit->config.final_norm;
    memset(pass->dx, 0, count * sizeof *pass->dx);
    if (norm)
        memset(pass->y, 0, count * sizeof *pass->y);
    for (size_t k = 0; k < head_count(step->vit); k++) {
        const struct reading r = reading_of(step, k);
        read_backward(&r, logit_gradients, norm ? pass->y : pass->dx);
    }
    if (norm && wants_weights(step))
        norm_gradients(step, NORM_WEIGHT, pass->y, pass->x);
    if (norm)
        threads_run(pass->threads, step->batch, norm_back_task, (void *)step);
}
