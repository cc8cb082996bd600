/*
 * A ViT that learns: the passes of inference see what training makes of its tensors, which are
 * the parameters (vit_params.c).
 */
#include "common/option.h"
#include "common/random.h"
#include "common/vit_learn.h"
#include "common/vit_pass.h"

#include <stdlib.h>
#include <string.h>

static int prepare(struct trainer *trainer, size_t batch, struct threads *threads,
    size_t *bytes, struct error *error)
{
    struct vit_learner *own = trainer->own;
    const struct vit_plan inference = { .batch = batch,
        .height = trainer->height,
        .width = trainer->width,
        .lowest = VIT_NO_GRADIENT };
    struct vit_plan training = inference;
    training.lowest = own->lowest;
    training.training = true;
    training.keep = own->keep;
    training.patches = own->kept;
    own->batch = batch;
    own->drop_path = calloc(2 * own->vit.config.layers * batch, sizeof *own->drop_path);
    own->logits = calloc(batch, sizeof *own->logits);
    own->unread = calloc(batch * own->vit.model.classes, sizeof *own->unread);
    own->chosen = calloc(batch, own->kept * sizeof *own->chosen);
    own->order = calloc(own->rows * own->columns, sizeof *own->order);
    if (!own->drop_path || !own->logits || !own->unread || !own->order
        || (own->kept && !own->chosen))
        return fail_memory(error, 2 * own->vit.config.layers * batch * sizeof(float));
    int status = vit_prepare(&own->vit, &own->training, &training, threads, error);
    if (status == 0)
        status = vit_prepare(&own->vit, &own->inference, &inference, threads, error);
    if (status == 0)
        *bytes = vit_pass_bytes(own->training) + vit_pass_bytes(own->inference);
    return status;
}

/* Each branch of each picture is dropped with a rate that grows with depth; what stays counts
 * for more (Huang et al. 2016, as timm's DropPath). */
static void drop_paths(struct vit_learner *own, size_t batch, uint64_t step)
{
    const size_t layers = own->vit.config.layers;
    struct random random =
        random_of(own->seed, RANDOM_PATHS, (uint32_t)(step >> 32), (uint32_t)step);
    for (size_t i = 0; i < 2 * layers * batch; i++) {
        const size_t layer = i / batch / 2;
        const double rate =
            layers > 1 ? own->rate * (double)layer / (double)(layers - 1) : own->rate;
        const bool drop = random_uniform(&random, 0, 1) < rate;
        own->drop_path[i] = drop ? 0 : (float)(1 / (1 - rate));
    }
}

/* The patches of each picture that take part, all sets as likely: the first of a shuffle, which
 * is not begun anew. (Liu et al. 2022; timm's PatchDropout.) */
static void choose_patches(struct vit_learner *own, size_t batch, uint64_t step)
{
    const size_t all = own->rows * own->columns;
    struct random random =
        random_of(own->seed, RANDOM_PATCHES, (uint32_t)(step >> 32), (uint32_t)step);
    for (size_t i = 0; i < all; i++)
        own->order[i] = (uint32_t)i;
    for (size_t b = 0; b < batch; b++)
        for (size_t i = 0; i < own->kept; i++) {
            const size_t other = i + random_below(&random, (uint32_t)(all - i));
            const uint32_t patch = own->order[other];
            own->order[other] = own->order[i];
            own->order[i] = own->chosen[b * own->kept + i] = patch;
        }
}

static float *const *rows_of_logits(struct vit_learner *own, float *logits, size_t batch)
{
    for (size_t b = 0; b < batch; b++)
        own->logits[b] = logits + b * own->vit.model.classes;
    return own->logits;
}

static void forward(struct trainer *trainer, const float *const *inputs, size_t batch,
    uint64_t step, float *logits)
{
    struct vit_learner *own = trainer->own;
    if (own->rate > 0)
        drop_paths(own, batch, step);
    if (own->kept > 0)
        choose_patches(own, batch, step);
    const struct vit_outputs outputs = { .logits = rows_of_logits(own, logits, batch),
        .drop_path = own->rate > 0 ? own->drop_path : NULL,
        .patches = own->kept > 0 ? own->chosen : NULL };
    vit_refresh(&own->vit, own->training);
    vit_forward(&own->vit, own->training, inputs, batch, &outputs);
}

static void backward(struct trainer *trainer, size_t batch, const float *logit_gradients)
{
    struct vit_learner *own = trainer->own;
    const struct vit_gradients gradients = { .weights = &own->gradients };
    vit_backward(&own->vit, own->training, batch, logit_gradients, &gradients);
}

static void evaluate(
    struct trainer *trainer, const float *const *inputs, size_t batch, float *logits)
{
    struct vit_learner *own = trainer->own;
    const struct vit_outputs outputs = { .logits = rows_of_logits(own, logits, batch) };
    vit_forward(&own->vit, own->inference, inputs, batch, &outputs);
}

static void read_features(
    struct trainer *trainer, const float *const *inputs, size_t batch, float *read)
{
    struct vit_learner *own = trainer->own;
    evaluate(trainer, inputs, batch, own->unread);
    memcpy(read, own->inference->normed, batch * trainer->features * sizeof *read);
}

static int changed(struct trainer *trainer, struct error *error)
{
    struct vit_learner *own = trainer->own;
    (void)error;
    vit_refresh(&own->vit, own->inference);
    return 0;
}

static void close_trainer(struct trainer *trainer)
{
    struct vit_learner *own = trainer->own;
    vit_pass_free(own->training);
    vit_pass_free(own->inference);
    free(own->drop_path);
    free(own->chosen);
    free(own->order);
    free(own->logits);
    free(own->unread);
    free(own->keep);
    free(own->gradient_blocks);
    vit_close(&own->vit);
    free(own);
}

static json_t *config(const struct trainer *trainer)
{
    const struct vit_learner *own = trainer->own;
    return vit_saved_config(&own->vit, trainer->width, trainer->height);
}

static int choose_frozen(
    const struct vit_learner *own, const char *text, bool *frozen, struct error *error)
{
    const size_t layers = own->vit.config.layers;
    int status = 0;
    if (text && strcmp(text, "all") == 0)
        memset(frozen, true, (layers + 1) * sizeof *frozen);
    else if (text)
        status = parse_list("--freeze", text, layers, frozen, error);
    return status;
}

static int build(struct trainer *trainer, struct vit_learner *own, bool scratch,
    const struct train_wishes *wishes, struct error *error)
{
    const size_t layers = own->vit.config.layers;
    bool *frozen = calloc(layers + 1, sizeof *frozen);
    own->gradient_blocks = calloc(layers, sizeof *own->gradient_blocks);
    own->keep = malloc(layers * sizeof *own->keep);
    int status = frozen && own->gradient_blocks && own->keep
                     ? choose_frozen(own, wishes->frozen, frozen, error)
                     : fail_memory(error, layers * sizeof *own->gradient_blocks);
    if (status == 0) {
        memset(own->keep, true, layers * sizeof *own->keep);
        while (own->lowest < layers && frozen[own->lowest])
            own->lowest++;
        own->gradients.blocks = own->gradient_blocks;
        status = vit_list_params(trainer, own, frozen, scratch, wishes->seed, error);
    }
    free(frozen);
    return status;
}

int trainer_of_vit(struct trainer *trainer, struct vit *vit, bool scratch,
    const struct train_wishes *wishes, struct error *error)
{
    struct vit_learner *own = trainer->own = calloc(1, sizeof *own);
    trainer->close = close_trainer;
    if (!own) {
        vit_close(vit);
        return fail_memory(error, sizeof *own);
    }
    own->vit = *vit;
    vit = &own->vit;
    trainer->model = &vit->model;
    trainer->new_head = scratch || wishes->new_head || vit->model.classes != wishes->classes;
    trainer->width = wishes->width ? wishes->width : vit->model.input.rule.width;
    trainer->height = wishes->height ? wishes->height : vit->model.input.rule.height;
    if (trainer->width % vit->config.patch_columns || trainer->height % vit->config.patch_rows)
        return fail(error, BAD_USAGE, "--size %ux%u: takes multiples of the patch, %zux%zu",
            trainer->width, trainer->height, vit->config.patch_columns, vit->config.patch_rows);
    own->rows = trainer->height / vit->config.patch_rows;
    own->columns = trainer->width / vit->config.patch_columns;
    own->rate = wishes->drop_path;
    const size_t patches = own->rows * own->columns;
    if (wishes->patch_drop > 0)
        own->kept = (size_t)((double)patches * (1 - wishes->patch_drop));
    if (wishes->patch_drop > 0 && own->kept == 0)
        own->kept = 1;
    own->seed = wishes->seed;
    trainer->note = vit_fit_saved(vit, &trainer->new_head);
    own->folded = vit->config.pos_prefix > 0 && vit->config.pos_prefix < vit->config.prefix;
    vit->model.classes = trainer->classes = wishes->classes;
    trainer->prepare = prepare;
    trainer->forward = forward;
    trainer->backward = backward;
    trainer->evaluate = evaluate;
    trainer->changed = changed;
    trainer->config = config;
    const int status = build(trainer, own, scratch, wishes, error);
    trainer->head_weight = params_find(&trainer->params, "head.weight");
    trainer->head_bias = params_find(&trainer->params, "head.bias");
    trainer->read = read_features;
    if (trainer->head_weight && trainer->head_bias && !vit->global[PRE_LOGITS_WEIGHT]
        && vit->config.readout != READ_CLASS_DIST)
        trainer->features = vit->config.dim;
    return status;
}
