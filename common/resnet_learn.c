/* A ResNet behind the trainer that both kinds of models share. */
#include "common/option.h"
#include "common/resnet_pass.h"
#include "common/resnet_train.h"
#include "common/trainer.h"

#include <stdlib.h>
#include <string.h>

struct own {
    struct resnet resnet;
    struct resnet_trainer *trainer;
    struct resnet_pass *inference;
    struct threads *threads;
    float *unread; /* [batch, classes]: logits that nobody asked for */
    size_t batch;
};

static int prepare(struct trainer *trainer, size_t batch, struct threads *threads,
    size_t *bytes, struct error *error)
{
    struct own *own = trainer->own;
    own->threads = threads;
    own->batch = batch;
    own->unread = calloc(batch * trainer->classes, sizeof *own->unread);
    if (!own->unread)
        return fail_memory(error, batch * trainer->classes * sizeof *own->unread);
    const int status = resnet_train_prepare(
        own->trainer, batch, trainer->height, trainer->width, threads, error);
    *bytes = status == 0 ? resnet_trainer_bytes(own->trainer) : 0;
    return status;
}

static void forward(struct trainer *trainer, const float *const *inputs, size_t batch,
    uint64_t step, float *logits)
{
    (void)step;
    resnet_train_forward(((struct own *)trainer->own)->trainer, inputs, batch, logits);
}

static void backward(struct trainer *trainer, size_t batch, const float *logit_gradients)
{
    resnet_train_backward(((struct own *)trainer->own)->trainer, batch, logit_gradients);
}

static int changed(struct trainer *trainer, struct error *error)
{
    struct own *own = trainer->own;
    const int status = resnet_trainer_fold(own->trainer, trainer->params.values, error);
    return status < 0
               ? status
               : resnet_prepare(&own->resnet, &own->inference, own->batch, trainer->height,
                   trainer->width, RESNET_KEEP_NONE, own->threads, error);
}

static void evaluate(
    struct trainer *trainer, const float *const *inputs, size_t batch, float *logits)
{
    struct own *own = trainer->own;
    float **none = calloc((1 + own->resnet.block_count) * batch, sizeof *none);
    if (none)
        resnet_forward(&own->resnet, own->inference, inputs, batch, logits, none);
    free(none);
}

static void read_features(
    struct trainer *trainer, const float *const *inputs, size_t batch, float *read)
{
    const struct own *own = trainer->own;
    evaluate(trainer, inputs, batch, own->unread);
    memcpy(read, own->inference->means, batch * trainer->features * sizeof *read);
}

static json_t *config(const struct trainer *trainer)
{
    return resnet_config(&((const struct own *)trainer->own)->resnet);
}

static void close_trainer(struct trainer *trainer)
{
    struct own *own = trainer->own;
    resnet_trainer_free(own->trainer);
    resnet_pass_free(own->inference);
    free(own->unread);
    resnet_close(&own->resnet);
    free(own);
}

/* Blocks of the list, with the first the stem; all: all but the head. */
static int freeze(struct trainer *trainer, const char *list, struct error *error)
{
    const struct own *own = trainer->own;
    const size_t blocks = own->resnet.block_count;
    bool *frozen = calloc(blocks, sizeof *frozen);
    int status = frozen ? 0 : fail_memory(error, blocks);
    if (status == 0 && list)
        status = parse_list("--freeze", list, blocks, frozen, error);
    for (size_t i = 0; status == 0 && list && i < trainer->params.count; i++) {
        struct param *param = &trainer->params.items[i];
        if (param->depth <= blocks && frozen[param->depth > 0 ? param->depth - 1 : 0])
            param->trained = false;
    }
    free(frozen);
    return status;
}

int trainer_of_resnet(struct trainer *trainer, struct resnet *resnet, bool scratch,
    const struct train_wishes *wishes, struct error *error)
{
    struct own *own = trainer->own = calloc(1, sizeof *own);
    trainer->close = close_trainer;
    if (!own) {
        resnet_close(resnet);
        return fail_memory(error, sizeof *own);
    }
    own->resnet = *resnet;
    resnet = &own->resnet;
    trainer->kind = TRAINS_RESNET;
    trainer->model = &resnet->model;
    trainer->classes = wishes->classes;
    trainer->new_head = scratch || wishes->new_head || resnet->model.classes != wishes->classes;
    trainer->width = wishes->width ? wishes->width : resnet->model.input.rule.width;
    trainer->height = wishes->height ? wishes->height : resnet->model.input.rule.height;
    if (wishes->drop_path > 0 || wishes->patch_drop > 0)
        return fail(error, BAD_USAGE, "%s: for a ViT only",
            wishes->drop_path > 0 ? "--drop-path" : "--patch-drop");
    if (!scratch && trainer->new_head)
        resnet_new_head(resnet, wishes->classes, wishes->seed);
    trainer->prepare = prepare;
    trainer->forward = forward;
    trainer->backward = backward;
    trainer->evaluate = evaluate;
    trainer->changed = changed;
    trainer->config = config;
    const int status = resnet_trainer_open(&own->trainer, resnet, &trainer->params, error);
    trainer->head_weight = params_find(&trainer->params, "fc.weight");
    trainer->head_bias = params_find(&trainer->params, "fc.bias");
    trainer->read = read_features;
    trainer->features = trainer->head_weight && trainer->head_bias ? resnet->features : 0;
    return status < 0 ? status : freeze(trainer, wishes->frozen, error);
}
