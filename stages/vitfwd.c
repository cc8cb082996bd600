/*
 * vitfwd: reads pictures or inputs, writes what a Vision Transformer makes of them: logits,
 * the attention of every layer, tokens, and the gradients of a class's logit.
 */
#include "common/modelstage.h"
#include "common/vit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vitfwd_options {
    const char *model, *layers, *grad, *tokens, *act, *state, *size;
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
    { 'g', "grad", OPTION_TEXT, "TARGET",
        "also write the gradient of a class's logit by the attention of these layers: pred "
        "(the "
        "likeliest class), true (the sample's cls), an index or a class name",
        AT(grad), 0, 0, false },
    { 't', "tokens", OPTION_TEXT, "LIST",
        "write the residual stream entering these blocks; one more than the last is what "
        "leaves "
        "the model",
        AT(tokens), 0, 0, false },
    { 0, "act", OPTION_TEXT, "LIST",
        "write what these blocks' attention reads, as channels over the patches; with --grad "
        "also "
        "the gradient by it: for gradcam",
        AT(act), 0, 0, false },
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

/* What is written of every layer, in the order of the members. */
enum { ATTENTION, ATTENTION_GRADIENT, TOKENS, ACT, ACT_GRADIENT, KINDS };

/* What a run holds from the first sample to the last. */
struct state {
    struct modelstage stage;
    struct vit vit;
    struct vit_pass *pass;
    size_t lowest;          /* layer whose gradients are asked */
    bool *wanted[KINDS];    /* [layers + 1] */
    bool *keep;             /* [layers]: attention for the backward pass alone */
    float **rows[KINDS];    /* [(layers + 1) * batch]: where the data goes */
    float **logits;         /* [batch] */
    float *logit_gradients; /* [batch, classes] */
};

static int allocate(struct state *state, struct error *error)
{
    const size_t layers = state->vit.config.layers, batch = (size_t)options.batch;
    bool all = true;
    for (int kind = 0; kind < KINDS; kind++) {
        state->wanted[kind] = calloc(layers + 1, sizeof **state->wanted);
        state->rows[kind] = calloc(batch * (layers + 1), sizeof **state->rows);
        all &= state->wanted[kind] && state->rows[kind];
    }
    state->keep = calloc(layers, sizeof *state->keep);
    state->logits = calloc(batch, sizeof *state->logits);
    state->logit_gradients =
        calloc(batch * state->vit.model.classes + 1, sizeof *state->logit_gradients);
    return all && state->keep && state->logits && state->logit_gradients
               ? 0
               : fail_memory(error, KINDS * batch * layers * sizeof **state->rows);
}

/* What is asked of which layer, and from where on gradients are needed for it. */
static int choose_layers(struct state *state, struct error *error)
{
    const size_t count = state->vit.config.layers;
    const char *layers = options.layers ? options.layers : "all";
    bool *const *wanted = state->wanted;
    int status = target_parse(options.grad, &state->vit.model, &state->stage.target, error);
    if (status == 0 && strcmp(layers, "none") != 0)
        status = parse_list("--layers", layers, count, wanted[ATTENTION], error);
    if (status == 0 && options.tokens)
        status = parse_list("--tokens", options.tokens, count + 1, wanted[TOKENS], error);
    if (status == 0 && options.act)
        status = parse_list("--act", options.act, count, wanted[ACT], error);
    state->lowest = VIT_NO_GRADIENT;
    if (status < 0 || state->stage.target.kind == TARGET_NONE)
        return status;
    for (size_t l = count; l-- > 0;) {
        wanted[ATTENTION_GRADIENT][l] = wanted[ATTENTION][l];
        wanted[ACT_GRADIENT][l] = wanted[ACT][l];
        state->keep[l] = !wanted[ATTENTION][l];
        if (wanted[ATTENTION][l] || wanted[ACT][l])
            state->lowest = l;
    }
    return 0;
}

static int fits(const struct run *run, const size_t shape[3], struct error *error)
{
    const struct state *state = run->state;
    const struct vit_config *config = &state->vit.config;
    const struct view_rule *rule = &state->vit.model.input.rule;
    const size_t h = shape[1], w = shape[2], most = 1 << 14;
    const size_t patches = h / config->patch_rows * (w / config->patch_columns);
    if (shape[0] == 3 && h > 0 && w > 0 && h % config->patch_rows == 0
        && w % config->patch_columns == 0 && h <= most && w <= most && patches <= most)
        return 0;
    if (patches > most)
        return fail(error, BAD_SAMPLE,
            "input is [%zu,%zu,%zu], %zu patches: attention takes at most %zu", shape[0], h, w,
            patches, most);
    return fail(error, BAD_SAMPLE,
        "input is [%zu,%zu,%zu], %s takes [3,%u,%u] or other multiples of its patch, %zux%zu",
        shape[0], h, w, state->vit.model.name, rule->height, rule->width, config->patch_columns,
        config->patch_rows);
}

/* model.json is made when the logits are known. */
static json_t *model_json(const struct state *state, json_t *target)
{
    const struct vit_config *config = &state->vit.config;
    return json_pack("{s:s, s:i, s:b, s:i, s:[i,i], s:[i,i], s:i, s:i, s:s, s:o}", "model",
        state->vit.model.name, "prefix", (int)config->prefix, "distilled", config->distilled,
        "registers", (int)config->registers, "patch", (int)config->patch_rows,
        (int)config->patch_columns, "grid", (int)(state->stage.height / config->patch_rows),
        (int)(state->stage.width / config->patch_columns), "layers", (int)config->layers,
        "heads", (int)config->heads, "readout", config->mean ? "mean" : "cls", "target",
        target);
}

/* One member a layer of each kind that is asked for: index b of count. */
static int add_layers(
    struct state *state, struct sample *sample, size_t b, size_t count, struct error *error)
{
    const struct vit_config *config = &state->vit.config;
    const size_t height = state->stage.height / config->patch_rows;
    const size_t width = state->stage.width / config->patch_columns;
    const size_t tokens = config->prefix + height * width;
    const size_t attention[3] = { config->heads, tokens, tokens };
    const size_t stream[2] = { tokens, config->dim };
    const size_t act[3] = { config->dim, height, width };
    const struct {
        const char *name;
        size_t rank;
        const size_t *shape;
    } members[KINDS] = {
        [ATTENTION] = { "attn.", 3, attention },
        [ATTENTION_GRADIENT] = { "attngrad.", 3, attention },
        [TOKENS] = { "tokens.", 2, stream },
        [ACT] = { "act.block", 3, act },
        [ACT_GRADIENT] = { "actgrad.block", 3, act },
    };
    char suffix[40];
    int status = 0;
    for (size_t l = 0; l <= config->layers; l++)
        for (int kind = 0; kind < KINDS && status == 0; kind++) {
            float **to = &state->rows[kind][l * count + b];
            *to = NULL;
            snprintf(suffix, sizeof suffix, "%s%02zu.npy", members[kind].name, l);
            if (state->wanted[kind][l])
                status = sample_add_floats(
                    sample, suffix, members[kind].rank, members[kind].shape, to, error);
        }
    return status;
}

static int add_members(
    struct state *state, const struct batch *batch, size_t b, bool keep, struct error *error)
{
    struct sample *sample = batch->samples[b];
    int status = 0;
    modelstage_drop_old(sample, keep);
    state->logits[b] = NULL;
    if (state->vit.model.classes > 0)
        status = sample_add_floats(
            sample, "logits.npy", 1, &state->vit.model.classes, &state->logits[b], error);
    return status < 0 ? status : add_layers(state, sample, b, batch->count, error);
}

/* A pass for as many pictures of that size. */
static int prepare(struct run *run, const struct batch *batch, struct error *error)
{
    struct state *state = run->state;
    if (modelstage_serves(&state->stage, batch))
        return 0;
    const struct vit_plan plan = { .batch = batch->count,
        .height = batch->height,
        .width = batch->width,
        .lowest = state->lowest,
        .keep = state->keep };
    return vit_prepare(&state->vit, &state->pass, &plan, run->threads, error);
}

/* model.json of every sample; the logits' gradients by its target are 1 there and 0 elsewhere.
 */
static int add_targets(struct state *state, const struct batch *batch, struct error *error)
{
    const struct model *model = &state->vit.model;
    int status = 0;
    memset(state->logit_gradients, 0,
        batch->count * model->classes * sizeof *state->logit_gradients);
    for (size_t b = 0; b < batch->count && status == 0; b++) {
        json_t *target = json_null();
        if (state->logits[b]) {
            const size_t index =
                target_index(state->logits[b], model->classes, batch->wanted[b]);
            state->logit_gradients[b * model->classes + index] = 1;
            target = target_json(model, state->logits[b], index);
        }
        status =
            sample_add_json(batch->samples[b], "model.json", model_json(state, target), error);
    }
    return status;
}

static int forward(struct run *run, const struct batch *batch, struct error *error)
{
    struct state *state = run->state;
    int status = prepare(run, batch, error);
    for (size_t b = 0; b < batch->count && status == 0; b++)
        status = add_members(state, batch, b, run->common.keep, error);
    if (status < 0)
        return status;
    const struct vit_outputs outputs = { .attention = state->rows[ATTENTION],
        .tokens = state->rows[TOKENS],
        .logits = state->logits,
        .act = state->rows[ACT] };
    const struct vit_gradients gradients = { .attention = state->rows[ATTENTION_GRADIENT],
        .act = state->rows[ACT_GRADIENT] };
    vit_forward(&state->vit, state->pass, batch->inputs, batch->count, &outputs);
    if (!vit_is_finite(&state->vit, state->pass, batch->count))
        status = model_check_finite(&state->vit.model, error);
    if (status == 0)
        status = add_targets(state, batch, error);
    if (status == 0 && state->lowest != VIT_NO_GRADIENT)
        vit_backward(
            &state->vit, state->pass, batch->count, state->logit_gradients, &gradients);
    return status;
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
    state->stage.model = &state->vit.model;
    state->stage.max_pixels = options.max_pixels;
    state->stage.batch = (size_t)options.batch;
    state->stage.fits = fits;
    state->stage.forward = forward;
    status = allocate(state, error);
    if (status == 0)
        status = choose_layers(state, error);
    if (status == 0)
        status = modelstage_size(&state->stage, options.size, state->vit.config.patch_columns,
            state->vit.config.patch_rows, error);
    if (status == 0)
        status = modelstage_open(run, &state->stage, error);
    run->model = vit_describe(&state->vit);
    return status == 0 && !run->model ? fail_memory(error, 1) : status;
}

static void close_vitfwd(struct run *run)
{
    struct state *state = run->state;
    if (!state)
        return;
    for (int kind = 0; kind < KINDS; kind++) {
        free(state->wanted[kind]);
        free(state->rows[kind]);
    }
    free(state->keep);
    free(state->logits);
    free(state->logit_gradients);
    modelstage_close(&state->stage);
    vit_pass_free(state->pass);
    vit_close(&state->vit);
    free(state);
}

int main(int argc, char **argv)
{
    static const struct stage stage = {
        .name = "vitfwd",
        .purpose = "reads pictures or inputs, writes a ViT's logits, attention and gradients",
        .options = rows,
        .flags = STAGE_THREADED,
        .open = open_vitfwd,
        .batch = modelstage_batch,
        .samples = modelstage_samples,
        .close = close_vitfwd,
    };
    return stage_main(&stage, &options, argc, argv);
}
