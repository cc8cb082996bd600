/*
 * resnetfwd: reads pictures or inputs, writes what a residual network makes of them: logits,
 * activations, and the gradients of a class's logit by these.
 */
#include "common/gemm.h"
#include "common/modelstage.h"
#include "common/resnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resnetfwd_options {
    const char *model, *at, *grad, *state, *size;
    uint64_t batch, max_pixels;
    bool info;
};

static struct resnetfwd_options options = { .batch = DEFAULT_BATCH,
    .max_pixels = PICTURE_MAX_PIXELS };

#define AT(field) offsetof(struct resnetfwd_options, field)

static const struct option_row rows[] = {
    { 'm', "model", OPTION_PATH, "MODEL",
        "a .safetensors or .pth file, a directory as the hub lays it out, or a name in "
        "$SACCADE_MODELS; default: $SACCADE_RESNET, else the ResNet that comes with saccade",
        AT(model), 0, 0, false },
    { 0, "at", OPTION_TEXT, "PLACES|none",
        "where activations are read: stem, layer1 to the last, layer3-1 (a block), commas "
        "between, A..B (default: the last layer)",
        AT(at), 0, 0, false },
    { 'g', "grad", OPTION_TEXT, "TARGET|none",
        "the class whose logit's gradient is written beside each activation: pred (the "
        "likeliest, "
        "the default), true (the sample's cls), an index or a class name",
        AT(grad), 0, 0, false },
    { 'b', "batch", OPTION_COUNT, "N", "pictures computed at once (default: 8)", AT(batch), 1,
        4096, true },
    { 0, "size", OPTION_TEXT, "N|WxH", "another input size than the model's own", AT(size), 0,
        0, false },
    { 0, "state", OPTION_TEXT, "NAME",
        "take this state dict of a checkpoint that holds several", AT(state), 0, 0, false },
    { 0, "max-pixels", OPTION_COUNT, "N", "refuse pictures with more (default: 178956970)",
        AT(max_pixels), 1, 1e12, false },
    { 0, "info", OPTION_FLAG, NULL, "print what was understood of the model, and from what",
        AT(info), 0, 0, false },
    OPTION_END,
};

/* What a run holds from the first sample to the last. */
struct state {
    struct modelstage stage;
    struct resnet resnet;
    struct resnet_pass *pass;
    size_t places, lowest;    /* the lowest place whose gradient is asked */
    bool *wanted;             /* [places] */
    float **act, **gradients; /* [places * batch]: where the data goes */
    float *logits;            /* [batch, classes] */
    float *logit_gradients;   /* [batch, classes] */
};

static int allocate(struct state *state, struct error *error)
{
    const size_t batch = (size_t)options.batch, classes = state->resnet.model.classes;
    state->places = state->resnet.block_count + 1;
    state->wanted = calloc(state->places, sizeof *state->wanted);
    state->act = calloc(state->places * batch, sizeof *state->act);
    state->gradients = calloc(state->places * batch, sizeof *state->gradients);
    state->logits = calloc(batch * classes + 1, sizeof *state->logits);
    state->logit_gradients = calloc(batch * classes + 1, sizeof *state->logit_gradients);
    return state->wanted && state->act && state->gradients && state->logits
                   && state->logit_gradients
               ? 0
               : fail_memory(error, batch * (state->places + classes) * sizeof *state->act);
}

static int choose_places(struct state *state, struct error *error)
{
    const struct model *model = &state->resnet.model;
    const char *grad = options.grad || model->classes == 0 ? options.grad : "pred";
    int status = target_parse(grad, model, &state->stage.target, error);
    if (status == 0 && options.at && strcmp(options.at, "none") != 0)
        status = resnet_places(&state->resnet, options.at, state->wanted, error);
    state->wanted[state->places - 1] |= !options.at;
    state->lowest = RESNET_KEEP_NONE;
    for (size_t p = state->places; p-- > 0 && state->stage.target.kind != TARGET_NONE;)
        if (state->wanted[p])
            state->lowest = p;
    return status;
}

static int fits(const struct run *run, const size_t shape[3], struct error *error)
{
    const struct model *model = &((const struct state *)run->state)->resnet.model;
    const size_t most = 1 << 14;
    if (shape[0] == 3 && shape[1] > 0 && shape[2] > 0 && shape[1] <= most && shape[2] <= most)
        return 0;
    return fail(error, BAD_SAMPLE,
        "input is [%zu,%zu,%zu], %s takes [3,%u,%u] or other sizes to %zu", shape[0], shape[1],
        shape[2], model->name, model->input.rule.height, model->input.rule.width, most);
}

/* The places' activations and gradients of sample b. */
static int add_places(
    struct state *state, const struct batch *batch, size_t b, struct error *error)
{
    char name[32], suffix[64];
    size_t shape[3];
    int status = 0;
    for (size_t p = 0; p < state->places && status == 0; p++) {
        float **act = &state->act[p * batch->count + b];
        float **gradient = &state->gradients[p * batch->count + b];
        *act = *gradient = NULL;
        if (!state->wanted[p])
            continue;
        resnet_place_name(&state->resnet, p, name);
        resnet_place_shape(state->pass, p, shape);
        snprintf(suffix, sizeof suffix, "act.%s.npy", name);
        status = sample_add_floats(batch->samples[b], suffix, 3, shape, act, error);
        snprintf(suffix, sizeof suffix, "actgrad.%s.npy", name);
        if (status == 0 && state->lowest != RESNET_KEEP_NONE)
            status = sample_add_floats(batch->samples[b], suffix, 3, shape, gradient, error);
    }
    return status;
}

/* logits.npy and model.json; the gradient by the logits is 1 at the target and 0 elsewhere. */
static int add_results(
    struct state *state, const struct batch *batch, size_t b, struct error *error)
{
    const struct model *model = &state->resnet.model;
    const float *logits = state->logits + b * model->classes;
    json_t *target = json_null();
    float *to;
    int status = 0;
    if (model->classes > 0) {
        const size_t index = target_index(logits, model->classes, batch->wanted[b]);
        state->logit_gradients[b * model->classes + index] = 1;
        target = target_json(model, logits, index);
        status =
            sample_add_floats(batch->samples[b], "logits.npy", 1, &model->classes, &to, error);
        if (status == 0)
            memcpy(to, logits, model->classes * sizeof *to);
    }
    json_t *about = json_pack("{s:s, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:o}", "model",
        model->name, "prefix", "distilled", "registers", "patch", "grid", "layers", "heads",
        "readout", "target", target);
    return status < 0 ? status : sample_add_json(batch->samples[b], "model.json", about, error);
}

/* A pass for as many pictures of that size. */
static int prepare(struct run *run, const struct batch *batch, struct error *error)
{
    struct state *state = run->state;
    if (modelstage_serves(&state->stage, batch))
        return 0;
    return resnet_prepare(&state->resnet, &state->pass, batch->count, batch->height,
        batch->width, state->lowest, run->threads, error);
}

static int forward(struct run *run, const struct batch *batch, struct error *error)
{
    struct state *state = run->state;
    int status = prepare(run, batch, error);
    for (size_t b = 0; b < batch->count && status == 0; b++) {
        modelstage_drop_old(batch->samples[b], run->common.keep);
        status = add_places(state, batch, b, error);
    }
    if (status < 0)
        return status;
    const bool head = state->resnet.model.classes > 0;
    resnet_forward(&state->resnet, state->pass, batch->inputs, batch->count,
        head ? state->logits : NULL, state->act);
    memset(state->logit_gradients, 0,
        batch->count * state->resnet.model.classes * sizeof *state->logit_gradients);
    for (size_t b = 0; b < batch->count && status == 0; b++)
        status = add_results(state, batch, b, error);
    if (status == 0 && state->lowest != RESNET_KEEP_NONE)
        resnet_backward(&state->resnet, state->pass, batch->count, state->logit_gradients,
            state->gradients);
    return status;
}

static int open_resnetfwd(struct run *run, struct error *error)
{
    struct state *state = run->state = calloc(1, sizeof *state);
    if (!state)
        return fail_memory(error, sizeof *state);
    int status = resnet_open(&state->resnet, options.model, options.state, error);
    if (status < 0)
        return status;
    if (options.info) {
        model_print_info(&state->resnet.model);
        return 1;
    }
    state->stage.model = &state->resnet.model;
    state->stage.max_pixels = options.max_pixels;
    state->stage.batch = (size_t)options.batch;
    state->stage.fits = fits;
    state->stage.forward = forward;
    status = allocate(state, error);
    if (status == 0)
        status = choose_places(state, error);
    if (status == 0)
        status = modelstage_size(&state->stage, options.size, 1, 1, error);
    if (status == 0)
        status = modelstage_open(run, &state->stage, error);
    run->model = resnet_describe(&state->resnet);
    return status == 0 && !run->model ? fail_memory(error, 1) : status;
}

static void close_resnetfwd(struct run *run)
{
    struct state *state = run->state;
    if (!state)
        return;
    free(state->wanted);
    free(state->act);
    free(state->gradients);
    free(state->logits);
    free(state->logit_gradients);
    modelstage_close(&state->stage);
    resnet_pass_free(state->pass);
    resnet_close(&state->resnet);
    free(state);
}

int main(int argc, char **argv)
{
    static const struct stage stage = {
        .name = "resnetfwd",
        .purpose =
            "reads pictures or inputs, writes a ResNet's logits, activations and gradients",
        .options = rows,
        .flags = STAGE_THREADED,
        .open = open_resnetfwd,
        .batch = modelstage_batch,
        .samples = modelstage_samples,
        .close = close_resnetfwd,
    };
    return stage_main(&stage, &options, argc, argv);
}
