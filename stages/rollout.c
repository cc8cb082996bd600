/*
 * rollout: reads the attention of all layers, writes where it leads from the query at the top
 * to the patches at the bottom (Abnar & Zuidema 2020).
 */
#include "common/attention.h"
#include "common/gemm.h"
#include "common/stage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum method { ABNAR, VIT_EXPLAIN };
enum fusion { FUSE_MEAN, FUSE_MAX, FUSE_MIN };

static const char *const methods[] = { "abnar", "vit-explain" };

struct rollout_options {
    int method, fusion;
    double residual, discard;
    uint64_t start;
    const char *query, *as;
    struct layout_wish wish;
};

/* Below zero: not said, the method's own default. */
static struct rollout_options options = { .fusion = -1, .residual = -1, .discard = -1 };

#define AT(field) offsetof(struct rollout_options, field)

static const struct option_row rows[] = {
    { 'M', "method", OPTION_CHOICE, "abnar|vit-explain",
        "the paper's rollout (default), or the popular script's with its faults, to compare",
        AT(method), 0, 0, false },
    { 0, "fuse", OPTION_CHOICE, "mean|max|min",
        "how a layer's heads become one (default: mean; vit-explain: max)", AT(fusion), 0, 0,
        false },
    { 0, "residual", OPTION_NUMBER, "A",
        "weight of the identity, the residual connection, from 0 to 1 (default: 0.5)",
        AT(residual), 0, 1, false },
    { 0, "discard", OPTION_NUMBER, "F",
        "share of each row's patches, the lowest, set to 0 before (default: 0; vit-explain: "
        "0.9, of "
        "the whole matrix)",
        AT(discard), 0, 1, false },
    { 0, "start", OPTION_COUNT, "LAYER", "the first layer that takes part (default: 0)",
        AT(start), 0, ATTENTION_MAX_LAYERS, false },
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
    char note[100];           /* options other than the method's own; empty: none */
    struct scratch attention; /* a layer's, where it had to be converted */
    struct scratch matrix;    /* [tokens, tokens] of one layer, heads fused */
    struct scratch order;     /* indices, to find the lowest */
    struct scratch from, to;  /* [queries, tokens] before and behind a layer */
};

/* What a reader of the map must know of how it was made. */
static void describe_options(char note[100], bool script)
{
    static const char *const fusions[] = { "mean", "max", "min" };
    size_t n = 0;
    if (options.fusion != (script ? FUSE_MAX : FUSE_MEAN))
        n += (size_t)snprintf(note + n, 100 - n, ", %s of heads", fusions[options.fusion]);
    if (options.discard < (script ? 0.9 : 0) || options.discard > (script ? 0.9 : 0))
        n += (size_t)snprintf(note + n, 100 - n, ", discard %g", options.discard);
    if (options.residual < 0.5 || options.residual > 0.5)
        n += (size_t)snprintf(note + n, 100 - n, ", residual %g", options.residual);
    if (options.start > 0)
        n += (size_t)snprintf(
            note + n, 100 - n, ", from layer %llu", (unsigned long long)options.start);
    if (n > 0)
        memmove(note, note + 2, strlen(note) - 1);
}

static int open_rollout(struct run *run, struct error *error)
{
    run->state = calloc(1, sizeof(struct state));
    if (!run->state)
        return fail_memory(error, sizeof(struct state));
    gemm_start();
    const bool script = options.method == VIT_EXPLAIN;
    if (script && options.residual >= 0)
        return fail(error, BAD_USAGE, "--residual is abnar's; vit-explain always takes 0.5");
    if (options.as && !map_name_is_legal(options.as))
        return fail(error, BAD_USAGE,
            "--as %.100s: takes at most %d lower case letters, digits, _ + and -", options.as,
            MAP_MAX_NAME);
    if (options.fusion < 0)
        options.fusion = script ? FUSE_MAX : FUSE_MEAN;
    if (options.residual < 0)
        options.residual = 0.5;
    if (options.discard < 0)
        options.discard = script ? 0.9 : 0;
    describe_options(((struct state *)run->state)->note, script);
    const int status = layout_wish_check(&options.wish, error);
    return status < 0 ? status : queries_check(options.query, error);
}

static float larger(float a, float b)
{
    return a > b || a != a ? a : b; /* NaN stays */
}

static float smaller(float a, float b)
{
    return a < b || a != a ? a : b;
}

/* to[n] = heads of data[heads, n] fused */
static void fuse(const float *data, size_t heads, size_t n, float *to)
{
    memcpy(to, data, n * sizeof *to);
    for (size_t h = 1; h < heads; h++) {
        const float *head = data + h * n;
        for (size_t i = 0; i < n; i++)
            to[i] = options.fusion == FUSE_MEAN  ? to[i] + head[i]
                    : options.fusion == FUSE_MAX ? larger(to[i], head[i])
                                                 : smaller(to[i], head[i]);
    }
    for (size_t i = 0; options.fusion == FUSE_MEAN && i < n; i++)
        to[i] /= (float)heads;
}

struct ranked {
    float value;
    unsigned index;
};

static int by_value(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    const int order = (x->value > y->value) - (x->value < y->value);
    const int nan = (x->value != x->value) - (y->value != y->value); /* above all numbers */
    if (order || nan)
        return order + nan;
    return x->index < y->index ? -1 : 1;
}

/* Sets the count lowest of n values to 0, ties by index; spared (if below n) is let be. */
static void discard_lowest(
    float *values, size_t n, size_t count, size_t spared, struct ranked *ranked)
{
    for (size_t i = 0; i < n; i++)
        ranked[i] = (struct ranked){ values[i], (unsigned)i };
    qsort(ranked, n, sizeof *ranked, by_value);
    for (size_t i = 0; i < count; i++)
        if (ranked[i].index != spared)
            values[ranked[i].index] = 0;
}

/* abnar: rows of residual I + (1 - residual) A, normalised; the prefix is never discarded. */
static void mix_abnar(float *a, size_t t, size_t p, struct ranked *ranked)
{
    const size_t count = (size_t)floor(options.discard * (double)(t - p));
    for (size_t i = 0; i < t; i++) {
        float *row = a + i * t;
        double sum = 0;
        if (count > 0)
            discard_lowest(row + p, t - p, count, SIZE_MAX, ranked);
        for (size_t j = 0; j < t; j++) {
            row[j] = (float)((1 - options.residual) * (double)row[j]
                             + (i == j ? options.residual : 0));
            sum += (double)row[j];
        }
        for (size_t j = 0; j < t; j++)
            row[j] = sum != 0 ? (float)((double)row[j] / sum) : 0;
    }
}

/*
 * vit-explain (github.com/jacobgil/vit-explain, vit_rollout.py): discards over the whole matrix
 * and spares only A[0,0]; divides a_ij by the sum of row j.
 */
static void mix_script(float *a, size_t t, struct ranked *ranked, double *sums)
{
    discard_lowest(a, t * t, (size_t)((double)(t * t) * options.discard), 0, ranked);
    for (size_t i = 0; i < t; i++) {
        a[i * t + i] += 1;
        sums[i] = 0;
        for (size_t j = 0; j < t; j++) {
            a[i * t + j] /= 2;
            sums[i] += (double)a[i * t + j];
        }
    }
    for (size_t i = 0; i < t; i++)
        for (size_t j = 0; j < t; j++)
            a[i * t + j] = (float)((double)a[i * t + j] / sums[j]);
}

static int reserve(struct state *state, size_t t, size_t queries, struct error *error)
{
    int status = scratch_reserve(&state->matrix, t * t * sizeof(float), error);
    if (status == 0 && (options.discard > 0 || options.method == VIT_EXPLAIN))
        status = scratch_reserve(
            &state->order, t * t * sizeof(struct ranked) + t * sizeof(double), error);
    if (status == 0)
        status = scratch_reserve(&state->from, queries * t * sizeof(float), error);
    if (status == 0)
        status = scratch_reserve(&state->to, queries * t * sizeof(float), error);
    return status;
}

/* Rows of the identity, or for the mean their mean over the patches. */
static void begin_queries(float *rows_at, const struct query *queries, size_t count,
    const struct attention *attention)
{
    const size_t t = attention->tokens, p = attention->layout.prefix;
    memset(rows_at, 0, count * t * sizeof *rows_at);
    for (size_t q = 0; q < count; q++, rows_at += t) {
        if (queries[q].kind == QUERY_TOKEN)
            rows_at[queries[q].token] = 1;
        for (size_t j = p; queries[q].kind == QUERY_MEAN && j < t; j++)
            rows_at[j] = 1.0f / (float)(t - p);
    }
}

/* The queries' rows of R = A_L ... A_start, from the top down; they end in state->from. */
static int roll(struct state *state, const struct sample *sample,
    const struct attention *attention, size_t queries, struct error *error)
{
    const size_t t = attention->tokens;
    for (size_t i = attention->count; i-- > 0 && attention->layers[i] >= options.start;) {
        size_t heads;
        const float *data;
        const int status = attention_layer(
            sample, attention, attention->layers[i], &heads, &data, &state->attention, error);
        if (status < 0)
            return status;
        float *a = state->matrix.bytes;
        fuse(data, heads, t * t, a);
        struct ranked *ranked = state->order.bytes;
        if (options.method == ABNAR)
            mix_abnar(a, t, attention->layout.prefix, ranked);
        else
            mix_script(a, t, ranked, (double *)(void *)(ranked + t * t));
        gemm(queries, t, t, 1, (struct matrix){ state->from.bytes, t, 1 },
            (struct matrix){ a, t, 1 }, 0, state->to.bytes, t);
        const struct scratch swapped = state->from;
        state->from = state->to;
        state->to = swapped;
    }
    return 0;
}

/* From the start layer to the model's last, without a gap. */
static int check_layers(const struct attention *attention, struct error *error)
{
    if (options.start >= attention->model_layers)
        return fail(error, BAD_USAGE, "--start %llu: the model has %zu layers, from 0",
            (unsigned long long)options.start, attention->model_layers);
    for (size_t layer = options.start, i = 0; layer < attention->model_layers; layer++) {
        while (i < attention->count && attention->layers[i] < layer)
            i++;
        if (i == attention->count || attention->layers[i] != layer)
            return fail(error, BAD_USAGE,
                "has no attn.%02zu: rollout needs every layer from %llu to %zu: run vitfwd "
                "without -l, or say --start",
                layer, (unsigned long long)options.start, attention->model_layers - 1);
    }
    return 0;
}

static int add_map(const struct state *state, struct sample *sample,
    const struct attention *attention, const struct query *query, size_t row, size_t count,
    bool together, struct error *error)
{
    const size_t t = attention->tokens, p = attention->layout.prefix;
    const struct map_about about = { .method = methods[options.method],
        .layer = -1,
        .head = -1,
        .query = query->name,
        .residual = options.residual,
        .note = *state->note ? state->note : NULL };
    char name[160];
    float *values;
    snprintf(name, sizeof name, "%.100s%s%s", options.as ? options.as : methods[options.method],
        query->by_default ? "" : "-q", query->by_default ? "" : query->name);
    const int status =
        map_add(sample, name, &about, &attention->layout, together ? count : 0, &values, error);
    const float *from = (const float *)state->from.bytes + row * t + p;
    for (size_t q = 0; q < count && status == 0; q++)
        memcpy(values + q * (t - p), from + q * t, (t - p) * sizeof *values);
    return status;
}

static int roll_sample(struct run *run, struct sample *sample, struct error *error)
{
    struct state *state = run->state;
    struct attention attention;
    struct query *queries = NULL;
    size_t count = 0;
    bool together = false;
    int status = attention_find(sample, &options.wish, &attention, error);
    if (status == 0)
        status = check_layers(&attention, error);
    if (status == 0)
        status =
            queries_parse(options.query, &attention.layout, &queries, &count, &together, error);
    if (status == 0)
        status = reserve(state, attention.tokens, count, error);
    if (status == 0) {
        begin_queries(state->from.bytes, queries, count, &attention);
        status = roll(state, sample, &attention, count, error);
    }
    for (size_t q = 0; q < count && status == 0; q += together ? count : 1)
        status = add_map(
            state, sample, &attention, &queries[q], q, together ? count : 1, together, error);
    if (status == 0 && !run->common.keep)
        sample_drop(sample, "attn*");
    free(queries);
    return status;
}

static void close_rollout(struct run *run)
{
    struct state *state = run->state;
    if (!state)
        return;
    free(state->attention.bytes);
    free(state->matrix.bytes);
    free(state->order.bytes);
    free(state->from.bytes);
    free(state->to.bytes);
    free(state);
}

int main(int argc, char **argv)
{
    static const struct stage stage = {
        .name = "rollout",
        .purpose = "reads the attention of all layers, writes where it leads",
        .options = rows,
        .open = open_rollout,
        .sample = roll_sample,
        .close = close_rollout,
    };
    return stage_main(&stage, &options, argc, argv);
}
