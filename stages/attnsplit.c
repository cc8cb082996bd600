/* attnsplit: reads attention, writes a map for every head of every layer, or of heads fused. */
#include "common/attention.h"
#include "common/sinks.h"
#include "common/stage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum fusion { FUSE_NONE, FUSE_MEAN, FUSE_MAX, FUSE_MIN, FUSE_STD };

static const char *const fusions[] = { NULL, "mean", "max", "min", "std" };

struct attnsplit_options {
    const char *layers, *heads, *query, *as;
    bool suppress;
    struct sink_bounds sinks;
    struct layout_wish wish;
};

static struct attnsplit_options options = { .sinks = { -1, -1 } };

#define AT(field) offsetof(struct attnsplit_options, field)

static const struct option_row rows[] = {
    { 'l', "layers", OPTION_TEXT, "LIST", "layers to show (default: all that are there)",
        AT(layers), 0, 0, false },
    { 'H', "heads", OPTION_TEXT, "LIST|mean|max|min|std",
        "heads to show, or how all heads of a layer become one map (default: all heads)",
        AT(heads), 0, 0, false },
    { 'q', "query", OPTION_TEXT, "QUERIES",
        "whose attention: cls, dist, regN, mean, R:C (a patch), commas between, or all "
        "(default: "
        "what the head reads)",
        AT(query), 0, 0, false },
    { 0, "suppress-sinks", OPTION_FLAG, NULL,
        "take attention to sinks away and divide each row by what is left (needs vitfwd "
        "--tokens)",
        AT(suppress), 0, 0, false },
    { 0, "sink-share", OPTION_NUMBER, "F",
        "a sink is a patch that takes more than F/N of N tokens' attention on average (3)",
        AT(sinks.share), 0, 1e9, false },
    { 0, "sink-norm", OPTION_NUMBER, "K",
        "and whose norm is above the median by more than K median absolute deviations (5)",
        AT(sinks.outlying), 0, 1e9, false },
    { 0, "as", OPTION_TEXT, "NAME", "name the maps NAME-lLL-hHH and so on", AT(as), 0, 0,
        false },
    { 0, "prefix", OPTION_TEXT, "N", "tokens before the patches, for arrays of your own model",
        AT(wish.prefix), 0, 0, false },
    { 0, "grid", OPTION_TEXT, "RxC", "rows and columns of patches, likewise", AT(wish.grid), 0,
        0, false },
    OPTION_END,
};

struct state {
    enum fusion fusion;
    struct scratch scratch, rows; /* a layer's attention; one row a head */
    struct scratch tokens, left;  /* a layer's input; its attention without sinks */
    struct scratch masses;        /* [heads, tokens]: received of the layer, then removed */
    struct sinks sinks;
};

/* What one sample is being split by. */
struct job {
    struct state *state;
    struct sample *sample;
    const struct attention *attention;
    const struct query *queries;
    size_t query_count;
    bool together; /* -q all */
    size_t layer, heads;
    const float *data;     /* [heads, tokens, tokens] */
    const double *removed; /* [heads, tokens]: what rows gave to sinks; NULL: these are in */
};

static int check_heads(struct error *error)
{
    const int status = check_list("--heads", options.heads, error);
    return status < 0 ? fail(error, status, "%s, or mean, max, min or std", error->text) : 0;
}

static int open_attnsplit(struct run *run, struct error *error)
{
    struct state *state = run->state = calloc(1, sizeof *state);
    if (!state)
        return fail_memory(error, sizeof *state);
    for (int i = FUSE_MEAN; options.heads && i <= FUSE_STD; i++)
        if (strcmp(options.heads, fusions[i]) == 0)
            state->fusion = (enum fusion)i;
    if (options.as && !map_name_is_legal(options.as))
        return fail(error, BAD_USAGE,
            "--as %.100s: takes at most %d lower case letters, digits, _ + and -", options.as,
            MAP_MAX_NAME);
    if (!options.suppress && (options.sinks.share >= 0 || options.sinks.outlying >= 0))
        return fail(error, BAD_USAGE, "--sink-share and --sink-norm go with --suppress-sinks");
    if (options.sinks.share < 0)
        options.sinks.share = 3;
    if (options.sinks.outlying < 0)
        options.sinks.outlying = 5;
    int status = layout_wish_check(&options.wish, error);
    if (status == 0)
        status = queries_check(options.query, error);
    if (status == 0 && options.layers)
        status = check_list("--layers", options.layers, error);
    if (status == 0 && options.heads && state->fusion == FUSE_NONE)
        status = check_heads(error);
    return status;
}

/* to[patches] = what the query gives to each patch, in one head; sums in double. */
static void query_row(
    const struct attention *attention, const float *head, const struct query *query, float *to)
{
    const size_t t = attention->tokens, p = attention->layout.prefix;
    for (size_t j = p; j < t; j++) {
        double sum = 0;
        if (query->kind == QUERY_MEAN)
            for (size_t i = p; i < t; i++)
                sum += (double)head[i * t + j] / (double)(t - p);
        to[j - p] = query->kind == QUERY_MEAN ? (float)sum : head[query->token * t + j];
    }
}

static double fuse_values(const float *values, size_t count, size_t stride, enum fusion fusion)
{
    double sum = 0, most = (double)values[0], least = (double)values[0], squares = 0;
    for (size_t h = 0; h < count; h++) {
        const double value = (double)values[h * stride];
        sum += value;
        most = value > most || isnan(value) ? value : most;
        least = value < least || isnan(value) ? value : least;
    }
    for (size_t h = 0; h < count; h++) {
        const double away = (double)values[h * stride] - sum / (double)count;
        squares += away * away;
    }
    return fusion == FUSE_MAX   ? most
           : fusion == FUSE_MIN ? least
           : fusion == FUSE_STD ? sqrt(squares / (double)count)
                                : sum / (double)count;
}

/* The map of one query: of one head, or of all heads fused. */
static int fill(
    const struct job *job, const struct query *query, long head, float *to, struct error *error)
{
    const struct attention *attention = job->attention;
    const size_t t = attention->tokens, patches = t - attention->layout.prefix;
    if (head >= 0) {
        query_row(attention, job->data + (size_t)head * t * t, query, to);
        return 0;
    }
    const int status =
        scratch_reserve(&job->state->rows, job->heads * patches * sizeof *to, error);
    if (status < 0)
        return status;
    float *values = job->state->rows.bytes;
    for (size_t h = 0; h < job->heads; h++)
        query_row(attention, job->data + h * t * t, query, values + h * patches);
    for (size_t j = 0; j < patches; j++)
        to[j] = (float)fuse_values(values + j, job->heads, patches, job->state->fusion);
    return 0;
}

/* What a query gave to sinks in one head. */
static double removed_by(const struct job *job, const struct query *query, size_t head)
{
    const size_t t = job->attention->tokens, p = job->attention->layout.prefix;
    const double *removed = job->removed + head * t;
    double sum = 0;
    for (size_t i = p; query->kind == QUERY_MEAN && i < t; i++)
        sum += removed[i] / (double)(t - p);
    return query->kind == QUERY_MEAN ? sum : removed[query->token];
}

/* Which patches were taken away, and what that took of the attention of count queries, in one
 * head or on average. NULL: nothing is to be taken away. */
static json_t *sinks_json(
    const struct job *job, const struct query *queries, size_t count, long head)
{
    const struct layout *layout = &job->attention->layout;
    const size_t first = head < 0 ? 0 : (size_t)head, end = head < 0 ? job->heads : first + 1;
    if (!job->removed)
        return NULL;
    json_t *list = json_array();
    double removed = 0;
    for (size_t j = layout->prefix; j < job->attention->tokens; j++)
        if (job->state->sinks.is[j])
            json_array_append_new(
                list, json_pack("[i,i]", (int)((j - layout->prefix) / layout->columns),
                          (int)((j - layout->prefix) % layout->columns)));
    for (size_t q = 0; q < count; q++)
        for (size_t h = first; h < end; h++)
            removed += removed_by(job, &queries[q], h) / (double)(count * (end - first));
    return json_pack("{s:o, s:f}", "sinks", list, "removed", removed);
}

/* In words, for a figure. */
static void describe_removed(const json_t *json, char note[100])
{
    const size_t count = json_array_size(json_object_get(json, "sinks"));
    snprintf(note, 100, count == 0 ? "no sinks" : "without %zu sink%s, %.1f%% of attention",
        count, count == 1 ? "" : "s",
        100 * json_number_value(json_object_get(json, "removed")));
}

/* head: a number, or -1 for all fused. */
static int add_maps(const struct job *job, long head, struct error *error)
{
    const struct layout *layout = &job->attention->layout;
    const size_t patches = layout->rows * layout->columns;
    const char *fused = head < 0 ? fusions[job->state->fusion] : NULL;
    char part[16], name[160];
    snprintf(part, sizeof part, "h%02ld", head);
    int status = 0;
    for (size_t q = 0; q < (job->together ? 1 : job->query_count) && status == 0; q++) {
        const struct query *query = &job->queries[q];
        json_t *more = sinks_json(job, query, job->together ? patches : 1, head);
        char note[100];
        describe_removed(more, note);
        const struct map_about about = { .method = "attention",
            .layer = (int)job->layer,
            .head = (int)head,
            .head_fusion = fused,
            .query = query->name,
            .residual = -1,
            .note = more ? note : NULL,
            .more = more };
        float *values;
        snprintf(name, sizeof name, "%.64s%sl%02zu-%s%s%s%s", options.as ? options.as : "",
            options.as ? "-" : "", job->layer, fused ? fused : part, more ? "-nosinks" : "",
            query->by_default ? "" : "-q", query->by_default ? "" : query->name);
        status = map_add(
            job->sample, name, &about, layout, job->together ? patches : 0, &values, error);
        json_decref(more);
        for (size_t i = 0; i < (job->together ? patches : 1) && status == 0; i++)
            status = fill(job, query + i, head, values + i * patches, error);
    }
    return status;
}

static void say_removed(const struct run *run, const struct job *job)
{
    const struct sinks *sinks = &job->state->sinks;
    double share = 0;
    for (size_t j = 0; j < job->attention->tokens; j++)
        share += sinks->is[j] ? sinks->received[j] : 0;
    run_warn(run, job->sample->key,
        "layer %zu: %zu sink%s, with %.1f%% of the attention of all tokens", job->layer,
        sinks->count, sinks->count == 1 ? "" : "s", 100 * share);
}

/* Finds the layer's sinks; its data becomes a copy without them. */
static int suppress_sinks(struct run *run, struct job *job, struct error *error)
{
    struct state *state = job->state;
    const struct attention *attention = job->attention;
    const size_t t = attention->tokens, heads = job->heads;
    struct floats vectors;
    int status =
        attention_vectors(job->sample, attention, job->layer, &vectors, &state->tokens, error);
    if (status == 0 && !vectors.data)
        return fail(error, BAD_USAGE,
            "has no tokens.%02zu, whose norms --suppress-sinks needs: run vitfwd --tokens with "
            "the layers that are split",
            job->layer);
    if (status == 0)
        status = scratch_reserve(&state->masses, heads * t * sizeof(double), error);
    if (status == 0)
        status = scratch_reserve(&state->left, heads * t * t * sizeof(float), error);
    double *masses = state->masses.bytes;
    for (size_t h = 0; h < heads && status == 0; h++) {
        const float *head = job->data + h * t * t;
        const size_t fault = head_fault(head, t);
        status = fault < t ? head_fail(h, fault, error) : 0;
        head_received(head, t, &(struct head_queries){ 0, t }, masses + h * t);
    }
    if (status == 0)
        status = sinks_find(&state->sinks, &options.sinks, &attention->layout, masses, heads,
            vectors.data, vectors.shape[1], error);
    if (status < 0)
        return fail(error, status, "layer %zu: %s", job->layer, error->text);
    sinks_suppress(&state->sinks, job->data, heads, t, state->left.bytes, masses);
    job->data = state->left.bytes;
    job->removed = masses;
    if (run->common.verbose)
        say_removed(run, job);
    return 0;
}

static int split_layer(struct run *run, struct job *job, struct error *error)
{
    const char *heads = options.heads ? options.heads : "all";
    int status = attention_layer(job->sample, job->attention, job->layer, &job->heads,
        &job->data, &job->state->scratch, error);
    if (status == 0 && options.suppress)
        status = suppress_sinks(run, job, error);
    if (status < 0 || job->state->fusion != FUSE_NONE)
        return status < 0 ? status : add_maps(job, -1, error);
    bool *wanted = calloc(job->heads, sizeof *wanted);
    if (!wanted)
        return fail_memory(error, job->heads);
    status = parse_list("--heads", heads, job->heads, wanted, error);
    for (size_t h = 0; h < job->heads && status == 0; h++)
        if (wanted[h])
            status = add_maps(job, (long)h, error);
    free(wanted);
    return status;
}

static int split_sample(struct run *run, struct sample *sample, struct error *error)
{
    struct attention attention;
    struct query *queries = NULL;
    struct job job = { .state = run->state, .sample = sample, .attention = &attention };
    int status = attention_find(sample, &options.wish, &attention, error);
    if (status == 0)
        status = queries_parse(
            options.query, &attention.layout, &queries, &job.query_count, &job.together, error);
    job.queries = queries;
    if (status == 0)
        status = attention_choose(&attention, options.layers, error);
    for (size_t i = 0; i < attention.count && status == 0; i++) {
        job.layer = attention.layers[i];
        status = split_layer(run, &job, error);
    }
    if (status == 0 && !run->common.keep)
        sample_drop(sample, "attn*");
    free(queries);
    return status;
}

static void close_attnsplit(struct run *run)
{
    struct state *state = run->state;
    if (!state)
        return;
    free(state->scratch.bytes);
    free(state->rows.bytes);
    free(state->tokens.bytes);
    free(state->left.bytes);
    free(state->masses.bytes);
    sinks_free(&state->sinks);
    free(state);
}

int main(int argc, char **argv)
{
    static const struct stage stage = {
        .name = "attnsplit",
        .purpose = "reads attention, writes maps of single layers and heads",
        .options = rows,
        .open = open_attnsplit,
        .sample = split_sample,
        .close = close_attnsplit,
    };
    return stage_main(&stage, &options, argc, argv);
}
