/*
 * vitfwd: reads pictures or inputs, writes what a Vision Transformer makes of them: logits,
 * the attention of every layer, tokens.
 */
#include "common/gemm.h"
#include "common/input.h"
#include "common/stage.h"
#include "common/vit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_BATCH = 8 };

struct vitfwd_options {
    const char *model, *layers, *tokens, *state, *size;
    uint64_t batch, heads, max_pixels;
    bool info;
};

static struct vitfwd_options options = { .batch = DEFAULT_BATCH,
    .max_pixels = PICTURE_MAX_PIXELS };

#define AT(field) offsetof(struct vitfwd_options, field)

static const struct option_row rows[] = {
    { 'm', "model", OPTION_PATH, "MODEL",
        "a .safetensors or .pth file, a directory as the hub lays it out, or a name in "
        "$SACCADE_MODELS; default: $SACCADE_VIT, else the ViT that comes with saccade",
        AT(model), 0, 0, false },
    { 'l', "layers", OPTION_TEXT, "LIST|none",
        "layers whose attention is written (default: all)", AT(layers), 0, 0, false },
    { 't', "tokens", OPTION_TEXT, "LIST",
        "write the residual stream entering these blocks; one more than the last is what "
        "leaves "
        "the model",
        AT(tokens), 0, 0, false },
    { 'b', "batch", OPTION_COUNT, "N", "pictures computed at once (default: 8)", AT(batch), 1,
        4096, true },
    { 0, "size", OPTION_TEXT, "N|WxH",
        "another input size than the model's own, in multiples of its patch", AT(size), 0, 0,
        false },
    { 0, "state", OPTION_TEXT, "NAME",
        "take this state dict of a checkpoint that holds several", AT(state), 0, 0, false },
    { 0, "num-heads", OPTION_COUNT, "N", "the number of heads, where no configuration says it",
        AT(heads), 1, 4096, false },
    { 0, "max-pixels", OPTION_COUNT, "N", "refuse pictures with more (default: 178956970)",
        AT(max_pixels), 1, 1e12, false },
    { 0, "info", OPTION_FLAG, NULL, "print what was understood of the model, and from what",
        AT(info), 0, 0, false },
    OPTION_END,
};

/* What a run holds from the first sample to the last. */
struct state {
    struct vit vit;
    struct view_wishes wishes;
    struct vit_pass *pass;
    bool *layers, *tokens;       /* which are written; layers, layers + 1 */
    size_t batch, height, width; /* that pass is for */
    struct scratch *scratch;     /* [batch]: inputs that had to be converted */
    const float **inputs;        /* [batch] */
    struct floats *shapes;       /* [batch] */
    float **attention, **token_rows, **logits;
};

static int choose_layers(struct state *state, struct error *error)
{
    const size_t count = state->vit.config.layers;
    const char *layers = options.layers ? options.layers : "all";
    state->layers = calloc(count, sizeof *state->layers);
    state->tokens = calloc(count + 1, sizeof *state->tokens);
    if (!state->layers || !state->tokens)
        return fail_memory(error, 2 * count);
    int status = strcmp(layers, "none") == 0
                     ? 0
                     : parse_list("--layers", layers, count, state->layers, error);
    if (status == 0 && options.tokens)
        status = parse_list("--tokens", options.tokens, count + 1, state->tokens, error);
    return status;
}

static int allocate(struct state *state, struct error *error)
{
    const size_t layers = state->vit.config.layers, batch = (size_t)options.batch;
    state->scratch = calloc(batch, sizeof *state->scratch);
    state->inputs = calloc(batch, sizeof *state->inputs);
    state->shapes = calloc(batch, sizeof *state->shapes);
    state->attention = calloc(batch * layers, sizeof *state->attention);
    state->token_rows = calloc(batch * (layers + 1), sizeof *state->token_rows);
    state->logits = calloc(batch, sizeof *state->logits);
    return state->scratch && state->inputs && state->shapes && state->attention
                   && state->token_rows && state->logits
               ? 0
               : fail_memory(error, batch * layers * sizeof *state->attention);
}

static int take_size(struct state *state, struct error *error)
{
    const struct vit_config *config = &state->vit.config;
    if (!options.size)
        return 0;
    const int status =
        parse_size("--size", options.size, &state->wishes.width, &state->wishes.height, error);
    if (status < 0)
        return status;
    state->wishes.set = SET_SIZE;
    if (state->wishes.width % config->patch_columns
        || state->wishes.height % config->patch_rows)
        return fail(error, BAD_USAGE, "--size %s: takes multiples of the patch, %zux%zu",
            options.size, config->patch_columns, config->patch_rows);
    return 0;
}

static int open_vitfwd(struct run *run, struct error *error)
{
    struct state *state = run->state = calloc(1, sizeof *state);
    if (!state)
        return fail_memory(error, sizeof *state);
    const struct vit_wishes wishes = { options.state, (size_t)options.heads };
    int status = vit_open(&state->vit, options.model, &wishes, error);
    if (status < 0)
        return status;
    if (options.info) {
        model_print_info(&state->vit.model);
        return 1;
    }
    const char *kernels = gemm_start();
    if (run->common.verbose)
        run_warn(
            run, NULL, "BLIS kernels %s, %zu threads", kernels, threads_count(run->threads));
    status = choose_layers(state, error);
    if (status == 0)
        status = take_size(state, error);
    if (status == 0)
        status = allocate(state, error);
    run->model_name = strdup(state->vit.model.name);
    run->model = vit_describe(&state->vit);
    return status == 0 && (!run->model_name || !run->model) ? fail_memory(error, 1) : status;
}

static size_t batch_size(const struct run *run)
{
    (void)run;
    return (size_t)options.batch;
}

/* A sample's input as the model takes it, or why it can't. */
static int fit_input(struct state *state, struct sample *sample, size_t b, struct error *error)
{
    const struct vit_config *config = &state->vit.config;
    struct floats *shape = &state->shapes[b];
    int status =
        input_fit(sample, &state->vit.model.input, &state->wishes, options.max_pixels, error);
    if (status == 0)
        status = sample_floats(sample, "input.npy", 3, shape, &state->scratch[b], error);
    if (status < 0)
        return status;
    const size_t h = shape->shape[1], w = shape->shape[2];
    if (shape->shape[0] != 3 || h == 0 || w == 0 || h % config->patch_rows
        || w % config->patch_columns || h > 1 << 14 || w > 1 << 14)
        return fail(error, BAD_SAMPLE,
            "input is [%zu,%zu,%zu], %s takes [3,%u,%u] or other multiples of its patch, "
            "%zux%zu",
            shape->shape[0], h, w, state->vit.model.name, state->vit.model.input.rule.height,
            state->vit.model.input.rule.width, config->patch_columns, config->patch_rows);
    state->inputs[b] = shape->data;
    return 0;
}

/* The tasks of one batch: pictures are decoded and resized side by side. */
struct fitting {
    struct state *state;
    struct sample *const *samples;
    int *status;
    struct error *errors;
};

static void fit_task(void *argument, size_t i, size_t worker)
{
    struct fitting *fitting = argument;
    (void)worker;
    fitting->status[i] = fit_input(fitting->state, fitting->samples[i], i, &fitting->errors[i]);
}

/* The likeliest class; null where that is not a number. */
static json_t *target_json(const struct state *state, const float *logits)
{
    const size_t classes = state->vit.model.classes;
    size_t best = 0;
    double sum = 0;
    for (size_t c = 1; c < classes; c++)
        best = logits[c] > logits[best] ? c : best;
    if (isnan(logits[best]))
        return json_null();
    for (size_t c = 0; c < classes; c++)
        sum += exp((double)logits[c] - (double)logits[best]);
    return json_pack("{s:i, s:s?, s:o, s:o}", "index", (int)best, "name",
        model_class_name(&state->vit.model, best), "logit", json_float(logits[best]), "prob",
        isfinite(sum) ? json_real(1 / sum) : json_null());
}

/* model.json is made when the logits are known. */
static json_t *model_json(const struct state *state, const float *logits)
{
    const struct vit_config *config = &state->vit.config;
    json_t *target = logits ? target_json(state, logits) : json_null();
    return json_pack("{s:s, s:i, s:b, s:i, s:[i,i], s:[i,i], s:i, s:i, s:s, s:o}", "model",
        state->vit.model.name, "prefix", (int)config->prefix, "distilled", config->distilled,
        "registers", (int)config->registers, "patch", (int)config->patch_rows,
        (int)config->patch_columns, "grid", (int)(state->height / config->patch_rows),
        (int)(state->width / config->patch_columns), "layers", (int)config->layers, "heads",
        (int)config->heads, "readout", config->mean ? "mean" : "cls", "target", target);
}

/* Drops what a model before this one left, adds this one's members and notes where their data
 * goes: index b of count. */
static int add_members(struct state *state, struct sample *sample, size_t b, size_t count,
    bool keep, struct error *error)
{
    static const char *const old[] = { "logits.npy", "attn*", "tokens*", "act*", "model.json" };
    const struct vit_config *config = &state->vit.config;
    const size_t tokens =
        config->prefix
        + state->height / config->patch_rows * (state->width / config->patch_columns);
    const size_t attention[3] = { config->heads, tokens, tokens };
    const size_t stream[2] = { tokens, config->dim };
    char suffix[32];
    int status = 0;
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        sample_drop(sample, old[i]);
    if (!keep)
        sample_drop(sample, "input.npy");
    state->logits[b] = NULL;
    if (config->readout != READ_NONE)
        status = sample_add_floats(
            sample, "logits.npy", 1, &state->vit.model.classes, &state->logits[b], error);
    for (size_t l = 0; l <= config->layers && status == 0; l++) {
        float **to = &state->token_rows[l * count + b];
        *to = NULL;
        snprintf(suffix, sizeof suffix, "tokens.%02zu.npy", l);
        if (state->tokens[l])
            status = sample_add_floats(sample, suffix, 2, stream, to, error);
        if (l == config->layers || status < 0)
            break;
        to = &state->attention[l * count + b];
        *to = NULL;
        snprintf(suffix, sizeof suffix, "attn.%02zu.npy", l);
        if (state->layers[l])
            status = sample_add_floats(sample, suffix, 3, attention, to, error);
    }
    return status;
}

/* count samples whose inputs are of one size. */
static int forward(struct run *run, struct sample *const *samples, const float **inputs,
    size_t count, size_t height, size_t width, struct error *error)
{
    struct state *state = run->state;
    int status = 0;
    if (!state->pass || height != state->height || width != state->width
        || count > state->batch) {
        status =
            vit_prepare(&state->vit, &state->pass, count, height, width, run->threads, error);
        state->height = height;
        state->width = width;
        state->batch = count;
    }
    for (size_t b = 0; b < count && status == 0; b++)
        status = add_members(state, samples[b], b, count, run->common.keep, error);
    if (status < 0)
        return status;
    const struct vit_outputs outputs = { state->attention, state->token_rows, state->logits };
    vit_forward(&state->vit, state->pass, inputs, count, &outputs);
    for (size_t b = 0; b < count && status == 0; b++)
        status = sample_add_json(
            samples[b], "model.json", model_json(state, state->logits[b]), error);
    return status;
}

/* Runs of samples whose inputs have one size go through together. */
static int forward_runs(
    struct run *run, struct sample **good, size_t count, struct error *error)
{
    struct state *state = run->state;
    int status = 0;
    for (size_t first = 0, next; first < count && status == 0; first = next) {
        const size_t *shape = state->shapes[first].shape;
        for (next = first + 1; next < count; next++)
            if (memcmp(shape, state->shapes[next].shape, 3 * sizeof *shape) != 0)
                break;
        status = forward(
            run, good + first, state->inputs + first, next - first, shape[1], shape[2], error);
    }
    return status;
}

static int process_samples(
    struct run *run, struct sample *const *samples, size_t count, struct error *error)
{
    struct state *state = run->state;
    struct fitting fitting = { state, samples, calloc(count, sizeof(int)),
        calloc(count, sizeof(struct error)) };
    struct sample **good = calloc(count, sizeof *good);
    size_t good_count = 0;
    int status = fitting.status && fitting.errors && good ? 0 : fail_memory(error, count);
    if (status == 0)
        threads_run(run->threads, count, fit_task, &fitting);
    for (size_t i = 0; i < count && status == 0; i++) {
        if (fitting.status[i] < 0) {
            /* Only the first sample ends a run, whatever the size of its batch. */
            const int kind =
                i > 0 && fitting.status[i] == BAD_USAGE ? BAD_SAMPLE : fitting.status[i];
            status = run_reject(run, samples[i], kind, &fitting.errors[i]);
            if (status < 0)
                *error = fitting.errors[i];
            continue;
        }
        state->inputs[good_count] = state->inputs[i];
        state->shapes[good_count] = state->shapes[i];
        good[good_count++] = samples[i];
    }
    if (status == 0)
        status = forward_runs(run, good, good_count, error);
    free(fitting.status);
    free(fitting.errors);
    free(good);
    return status;
}

static void close_vitfwd(struct run *run)
{
    struct state *state = run->state;
    if (!state)
        return;
    for (size_t b = 0; state->scratch && b < options.batch; b++)
        free(state->scratch[b].bytes);
    free(state->scratch);
    free(state->inputs);
    free(state->shapes);
    free(state->attention);
    free(state->token_rows);
    free(state->logits);
    free(state->layers);
    free(state->tokens);
    vit_pass_free(state->pass);
    vit_close(&state->vit);
    free(state);
}

int main(int argc, char **argv)
{
    static const struct stage stage = {
        .name = "vitfwd",
        .purpose = "reads pictures or inputs, writes a ViT's logits, attention and tokens",
        .options = rows,
        .flags = STAGE_THREADED,
        .open = open_vitfwd,
        .batch = batch_size,
        .samples = process_samples,
        .close = close_vitfwd,
    };
    return stage_main(&stage, &options, argc, argv);
}
