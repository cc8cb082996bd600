/*
 * rollout: reads the attention of all layers, writes where it leads from the query at the top
 * to the patches at the bottom (Abnar & Zuidema 2020); with its gradients, what of that speaks
 * for a class (Chefer et al. 2021).
 */
#include "common/attention.h"
#include "common/flow.h"
#include "common/gemm.h"
#include "common/rollout.h"
#include "common/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum method_number { ABNAR, VIT_EXPLAIN, GRAD_ROLLOUT, CHEFER, ATTN_GRADCAM, FLOW };

/* Options that not every method takes. */
enum { FUSE = 1, RESIDUAL = 2, DISCARD = 4, START = 8 }; /* START: and END */

static const struct method {
    const char *name;
    bool of_class; /* needs attngrad */
    unsigned takes;
    const char *why; /* it takes no others */
    enum fusion fusion;
    double residual, discard; /* what is meant where nothing is said; residual -1: has none */
} methods[] = {
    [ABNAR] = { "abnar", false, FUSE | RESIDUAL | DISCARD | START, NULL, FUSE_MEAN, 0.5, 0 },
    [VIT_EXPLAIN] = { "vit-explain", false, FUSE | DISCARD | START,
        "the script's is always 0.5", FUSE_MAX, 0.5, 0.9 },
    [GRAD_ROLLOUT] = { "grad-rollout", true, FUSE | RESIDUAL | DISCARD | START, NULL, FUSE_MEAN,
        0.5, 0 },
    [CHEFER] = { "chefer", true, FUSE | START,
        "it adds each layer to the identity as it is: see grad-rollout", FUSE_MEAN, -1, 0 },
    [ATTN_GRADCAM] = { "attn-gradcam", true, 0,
        "it is the mean over the heads of the last layer, nothing else", FUSE_MEAN, -1, 0 },
    [FLOW] = { "flow", false, FUSE | RESIDUAL | DISCARD | START, NULL, FUSE_MEAN, 0.5, 0 },
};

enum { UNSAID = -1 };

struct rollout_options {
    int method, fusion;
    double residual, discard;
    uint64_t start, end;
    const char *query, *as;
    struct layout_wish wish;
};

/* As long as they aren't said; then the method's own. */
static struct rollout_options options = { .fusion = UNSAID,
    .residual = UNSAID,
    .discard = UNSAID,
    .start = UINT64_MAX,
    .end = UINT64_MAX };

#define AT(field) offsetof(struct rollout_options, field)

static const struct option_row rows[] = {
    { 'M', "method", OPTION_CHOICE, "abnar|vit-explain|grad-rollout|chefer|attn-gradcam|flow",
        "abnar: attention alone (default); vit-explain: the popular script's, with its faults, "
        "to compare; flow: the most that can flow to each patch; the others: of one class, "
        "after vitfwd --grad",
        AT(method), 0, 0, false },
    { 0, "fuse", OPTION_CHOICE, "mean|max|min",
        "how a layer's heads become one (default: mean; vit-explain: max)", AT(fusion), 0, 0,
        false },
    { 0, "residual", OPTION_NUMBER, "A",
        "abnar, grad-rollout, flow: weight of the identity, the residual connection, from 0 to "
        "1 "
        "(default: 0.5)",
        AT(residual), 0, 1, false },
    { 0, "discard", OPTION_NUMBER, "F",
        "abnar, grad-rollout, flow: share of each row's patches, the lowest, set to 0 before "
        "(default: 0); vit-explain: of the whole matrix (default: 0.9)",
        AT(discard), 0, 1, false },
    { 0, "start", OPTION_COUNT, "LAYER", "the first layer that takes part (default: 0)",
        AT(start), 0, ATTENTION_MAX_LAYERS, false },
    { 0, "end", OPTION_COUNT, "LAYER", "the last one (default: the model's last)", AT(end), 0,
        ATTENTION_MAX_LAYERS, false },
    { 'q', "query", OPTION_TEXT, "QUERIES",
        "from where: cls, dist, regN, mean, R:C (a patch), commas between, or all (default: "
        "what "
        "the head reads)",
        AT(query), 0, 0, false },
    { 0, "as", OPTION_TEXT, "NAME", "name the map NAME (default: the method)", AT(as), 0, 0,
        false },
    { 0, "prefix", OPTION_TEXT, "N", "tokens before the patches, for arrays of your own model",
        AT(wish.prefix), 0, 0, false },
    { 0, "grid", OPTION_TEXT, "RxC", "rows and columns of patches, likewise", AT(wish.grid), 0,
        0, false },
    OPTION_END,
};

struct state {
    const struct method *method;
    char note[100];           /* options other than the method's own; empty: none */
    struct scratch attention; /* a layer's, where it had to be converted */
    struct scratch gradient;
    struct scratch matrix;   /* [tokens, tokens] of one layer, heads fused; of all for flow */
    struct scratch room;     /* what the method works in */
    struct scratch from, to; /* [queries, tokens] before and behind a layer */
    struct scratch flows;    /* [queries, patches] */
};

/* One layer as read: f32 [heads, tokens, tokens]. */
struct layer {
    size_t heads;
    const float *attention;
    const float *gradient; /* NULL where the method needs none */
};

/* What a reader of the map must know of how it was made. */
static void describe_options(char note[100], const struct method *method)
{
    static const char *const fusions[] = { "mean", "max", "min" };
    size_t n = 0;
    if (options.fusion != (int)method->fusion)
        n += (size_t)snprintf(note + n, 100 - n, ", %s of heads", fusions[options.fusion]);
    if (options.discard < method->discard || options.discard > method->discard)
        n += (size_t)snprintf(note + n, 100 - n, ", discard %g", options.discard);
    if (options.residual < method->residual || options.residual > method->residual)
        n += (size_t)snprintf(note + n, 100 - n, ", residual %g", options.residual);
    if (options.start > 0)
        n += (size_t)snprintf(
            note + n, 100 - n, ", from layer %llu", (unsigned long long)options.start);
    if (options.end != UINT64_MAX)
        n += (size_t)snprintf(
            note + n, 100 - n, ", to layer %llu", (unsigned long long)options.end);
    if (n > 0)
        memmove(note, note + 2, strlen(note) - 1);
}

static int check_taken(const struct method *method, struct error *error)
{
    const struct {
        const char *name;
        unsigned bit;
        bool said;
    } said[] = {
        { "fuse", FUSE, options.fusion >= 0 },
        { "residual", RESIDUAL, options.residual >= 0 },
        { "discard", DISCARD, options.discard >= 0 },
        { "start", START, options.start != UINT64_MAX },
        { "end", START, options.end != UINT64_MAX },
    };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (said[i].said && !(method->takes & said[i].bit))
            return fail(error, BAD_USAGE, "-M %s takes no --%s: %s", method->name, said[i].name,
                method->why);
    return 0;
}

static int open_rollout(struct run *run, struct error *error)
{
    struct state *state = run->state = calloc(1, sizeof *state);
    if (!state)
        return fail_memory(error, sizeof *state);
    gemm_start();
    const struct method *method = state->method = &methods[options.method];
    int status = check_taken(method, error);
    if (status < 0)
        return status;
    if (options.as && !map_name_is_legal(options.as))
        return fail(error, BAD_USAGE,
            "--as %.100s: takes at most %d lower case letters, digits, _ + and -", options.as,
            MAP_MAX_NAME);
    if (options.fusion < 0)
        options.fusion = (int)method->fusion;
    if (options.residual < 0)
        options.residual = method->residual;
    if (options.discard < 0)
        options.discard = method->discard;
    if (options.start == UINT64_MAX)
        options.start = 0;
    describe_options(state->note, method);
    status = layout_wish_check(&options.wish, error);
    return status < 0 ? status : queries_check(options.query, error);
}

static int reserve(struct state *state, size_t t, size_t queries, struct error *error)
{
    int status = 0;
    if (options.method != ATTN_GRADCAM && options.method != FLOW)
        status = scratch_reserve(&state->matrix, t * t * sizeof(float), error);
    if (status == 0 && (options.discard > 0 || options.method == VIT_EXPLAIN))
        status = scratch_reserve(&state->room, rollout_room(t), error);
    if (status == 0 && options.method == ATTN_GRADCAM)
        status = scratch_reserve(&state->room, t * sizeof(double), error);
    if (status == 0)
        status = scratch_reserve(&state->from, queries * t * sizeof(float), error);
    if (status == 0)
        status = scratch_reserve(&state->to, queries * t * sizeof(float), error);
    return status;
}

static int read_layer(struct state *state, const struct sample *sample,
    const struct attention *attention, size_t number, struct layer *layer, struct error *error)
{
    layer->gradient = NULL;
    const int status = attention_layer(
        sample, attention, number, &layer->heads, &layer->attention, &state->attention, error);
    if (status < 0 || !state->method->of_class)
        return status;
    return attention_gradient(
        sample, attention, number, layer->heads, &layer->gradient, &state->gradient, error);
}

/* Rows from times the layer's matrix: to. */
static void step(struct state *state, const struct attention *attention, size_t queries,
    const struct layer *layer)
{
    const size_t t = attention->tokens;
    float *a = state->matrix.bytes;
    float keep = 0;
    rollout_fuse(
        a, layer->attention, layer->gradient, layer->heads, t * t, (enum fusion)options.fusion);
    if (options.method == CHEFER) { /* from (I + A) */
        keep = 1;
        memcpy(state->to.bytes, state->from.bytes, queries * t * sizeof *a);
    } else if (options.method == VIT_EXPLAIN)
        rollout_mix_script(a, t, options.discard, state->room.bytes);
    else
        rollout_mix(a, t, attention->layout.prefix, options.residual, options.discard,
            state->room.bytes);
    gemm(queries, t, t, 1, (struct matrix){ state->from.bytes, t, 1 },
        (struct matrix){ a, t, 1 }, keep, state->to.bytes, t);
}

static int fail_zero(size_t first, struct error *error)
{
    return fail(error, BAD_SAMPLE,
        "attngrad is zero everywhere from layer %zu on: no attention there moves the class's "
        "logit: run vitfwd with --grad of another class%s",
        first, options.start > 0 ? ", or say a lower --start" : "");
}

/* The queries' rows of the product of layers, from the top down; they end in state->from. */
static int roll(struct state *state, const struct sample *sample,
    const struct attention *attention, size_t queries, struct error *error)
{
    const size_t size = attention->tokens * attention->tokens;
    bool zero = state->method->of_class;
    for (size_t i = attention->count; i-- > 0 && attention->layers[i] >= options.start;) {
        struct layer layer;
        if (attention->layers[i] > options.end)
            continue;
        const int status =
            read_layer(state, sample, attention, attention->layers[i], &layer, error);
        if (status < 0)
            return status;
        zero = zero && rollout_is_zero(layer.gradient, layer.heads * size);
        step(state, attention, queries, &layer);
        const struct scratch swapped = state->from;
        state->from = state->to;
        state->to = swapped;
    }
    return zero ? fail_zero(options.start, error) : 0;
}

/* attn-gradcam's rows, in state->from, behind the prefix as those of the others. */
static int weigh_last(struct state *state, const struct sample *sample,
    const struct attention *attention, const struct query *queries, size_t count, bool together,
    struct error *error)
{
    const size_t t = attention->tokens, p = attention->layout.prefix;
    const size_t last = attention->model_layers - 1;
    struct layer layer;
    size_t zero = 0, which = 0;
    const int status = read_layer(state, sample, attention, last, &layer, error);
    if (status < 0)
        return status;
    for (size_t q = 0; q < count; q++)
        if (!rollout_gradcam((float *)state->from.bytes + q * t + p, layer.attention,
                layer.gradient, layer.heads, t, p, &queries[q], state->room.bytes)
            && zero++ == 0)
            which = q;
    if (zero == 0 || (together && zero < count))
        return 0;
    if (rollout_is_zero(layer.gradient, layer.heads * t * t))
        return fail_zero(last, error);
    return fail(error, BAD_SAMPLE,
        "attngrad.%02zu is zero for the query %s: in the last layer only what the head reads "
        "has a gradient: leave out -q, or take -M chefer",
        last, queries[which].name);
}

/* All layers as one network, in state->matrix; what mixes them is as abnar's. */
static int lay_pipes(struct state *state, const struct sample *sample,
    const struct attention *attention, size_t layers, struct error *error)
{
    const size_t t = attention->tokens;
    int status = scratch_reserve(&state->matrix, layers * t * t * sizeof(float), error);
    for (size_t i = 0; i < layers && status == 0; i++) {
        const size_t number = (size_t)options.start + i;
        struct layer layer;
        status = read_layer(state, sample, attention, number, &layer, error);
        if (status < 0)
            break;
        float *a = (float *)state->matrix.bytes + i * t * t;
        rollout_fuse(a, layer.attention, NULL, layer.heads, t * t, (enum fusion)options.fusion);
        rollout_mix(a, t, attention->layout.prefix, options.residual, options.discard,
            state->room.bytes);
        const size_t fault = flow_fault(a, t);
        if (fault < t)
            status = fail(error, BAD_SAMPLE,
                "nothing can flow through layer %zu: row %zu of its attention has numbers that "
                "aren't finite or are below 0",
                number, fault);
    }
    return status;
}

/* The flows to all patches, and these divided by their sum where rows have them, in
 * state->from. */
static int let_flow(struct run *run, const struct sample *sample,
    const struct attention *attention, size_t count, struct error *error)
{
    struct state *state = run->state;
    const size_t t = attention->tokens, p = attention->layout.prefix;
    const size_t end =
        options.end == UINT64_MAX ? attention->model_layers - 1 : (size_t)options.end;
    const size_t layers = end + 1 - (size_t)options.start;
    int status = lay_pipes(state, sample, attention, layers, error);
    if (status < 0)
        return status;
    const struct flow_network network = { state->matrix.bytes, layers, t };
    status = scratch_reserve(&state->flows, count * (t - p) * sizeof(struct flow), error);
    if (status == 0)
        status = scratch_reserve(
            &state->room, threads_count(run->threads) * flow_room(&network), error);
    if (status < 0)
        return status;
    const struct flow *flows = state->flows.bytes;
    float *to = state->from.bytes;
    flow_all(run->threads, &network, to, count, p, state->room.bytes, state->flows.bytes);
    for (size_t q = 0; q < count; q++, flows += t - p) {
        double sum = 0;
        for (size_t j = 0; j < t - p; j++)
            sum += flows[j].value;
        for (size_t j = 0; j < t - p; j++)
            to[q * t + p + j] = sum > 0 ? (float)(flows[j].value / sum) : 0;
    }
    return 0;
}

/* What hid behind the shares of count queries: how much flowed, mean over queries, and the
 * share of patches at each bound. */
static json_t *flow_json(const struct state *state, size_t patches, size_t row, size_t count)
{
    const struct flow *flows = (const struct flow *)state->flows.bytes + row * patches;
    double sum = 0;
    size_t first = 0, all = 0;
    for (size_t i = 0; i < count * patches; i++) {
        sum += flows[i].value;
        first += flows[i].fills_first;
        all += flows[i].takes_all;
    }
    const double flowed = (double)(count * patches);
    return json_pack("{s:f, s:f, s:f}", "flowed", sum / (double)count, "at_first_layer",
        (double)first / flowed, "at_query", (double)all / flowed);
}

static void say_flow(const struct run *run, const struct sample *sample, const json_t *flow)
{
    if (flow && run->common.verbose)
        run_warn(run, sample->key,
            "%.1f%% of patches get all that the first layer lets into them, %.1f%% all that "
            "the "
            "query gives",
            100 * json_number_value(json_object_get(flow, "at_first_layer")),
            100 * json_number_value(json_object_get(flow, "at_query")));
}

static int add_map(const struct run *run, struct sample *sample,
    const struct attention *attention, const struct query *query, size_t row, size_t count,
    bool together, struct error *error)
{
    const struct state *state = run->state;
    const size_t t = attention->tokens, p = attention->layout.prefix;
    json_t *flow = options.method == FLOW ? flow_json(state, t - p, row, count) : NULL;
    const struct map_about about = { .method = state->method->name,
        .layer = -1,
        .head = -1,
        .query = query->name,
        .residual = options.residual,
        .class_specific = state->method->of_class,
        .note = *state->note ? state->note : NULL,
        .more = flow };
    char name[160];
    float *values;
    snprintf(name, sizeof name, "%.100s%s%s", options.as ? options.as : state->method->name,
        query->by_default ? "" : "-q", query->by_default ? "" : query->name);
    const int status =
        map_add(sample, name, &about, &attention->layout, together ? count : 0, &values, error);
    say_flow(run, sample, flow);
    json_decref(flow);
    const float *from = (const float *)state->from.bytes + row * t + p;
    for (size_t q = 0; q < count && status == 0; q++)
        memcpy(values + q * (t - p), from + q * t, (t - p) * sizeof *values);
    return status;
}

/* All that must be there, before anything is read. */
static int find_layers(
    const struct sample *sample, struct attention *attention, struct error *error)
{
    const struct method *method = &methods[options.method];
    int status = attention_find(sample, &options.wish, attention, error);
    if (status < 0)
        return status;
    if (options.start >= attention->model_layers)
        return fail(error, BAD_USAGE, "--start %llu: the model has %zu layers, from 0",
            (unsigned long long)options.start, attention->model_layers);
    if (options.end != UINT64_MAX
        && (options.end >= attention->model_layers || options.end < options.start))
        return fail(error, BAD_USAGE, "--end %llu: the model has %zu layers, from 0%s",
            (unsigned long long)options.end, attention->model_layers,
            options.end < options.start ? ", and --start is above it" : "");
    const size_t first =
        options.method == ATTN_GRADCAM ? attention->model_layers - 1 : options.start;
    status = attention_check(attention, first, error);
    if (status == 0 && method->of_class)
        status = attention_check_gradient(sample, attention, first, method->name, error);
    return status;
}

static int roll_sample(struct run *run, struct sample *sample, struct error *error)
{
    struct state *state = run->state;
    struct attention attention;
    struct query *queries = NULL;
    size_t count = 0;
    bool together = false;
    int status = find_layers(sample, &attention, error);
    if (status == 0)
        status =
            queries_parse(options.query, &attention.layout, &queries, &count, &together, error);
    if (status == 0)
        status = reserve(state, attention.tokens, count, error);
    if (status == 0 && options.method == ATTN_GRADCAM)
        status = weigh_last(state, sample, &attention, queries, count, together, error);
    else if (status == 0) {
        rollout_begin(
            state->from.bytes, queries, count, attention.tokens, attention.layout.prefix);
        status = options.method == FLOW ? let_flow(run, sample, &attention, count, error)
                                        : roll(state, sample, &attention, count, error);
    }
    for (size_t q = 0; q < count && status == 0; q += together ? count : 1)
        status = add_map(
            run, sample, &attention, &queries[q], q, together ? count : 1, together, error);
    if (status == 0 && !run->common.keep)
        sample_drop(sample, "attn*"); /* and attngrad */
    free(queries);
    return status;
}

static void close_rollout(struct run *run)
{
    struct state *state = run->state;
    if (!state)
        return;
    free(state->attention.bytes);
    free(state->gradient.bytes);
    free(state->matrix.bytes);
    free(state->room.bytes);
    free(state->from.bytes);
    free(state->to.bytes);
    free(state->flows.bytes);
    free(state);
}

int main(int argc, char **argv)
{
    static const struct stage stage = {
        .name = "rollout",
        .purpose = "reads the attention of all layers, writes where it leads",
        .flags = STAGE_THREADED,
        .options = rows,
        .open = open_rollout,
        .sample = roll_sample,
        .close = close_rollout,
    };
    return stage_main(&stage, &options, argc, argv);
}
