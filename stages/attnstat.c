/* attnstat: reads attention, writes numbers of its layers and heads as text. */
#include "common/attention.h"
#include "common/classes.h"
#include "common/headtable.h"
#include "common/stage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEAN_NONE, MEAN_HEADS, MEAN_SAMPLES, MEAN_BOTH };

struct attnstat_options {
    const char *layers, *stats;
    int mean;
    bool relative, readout;
    double sink_share, sink_norm;
    bool sinks;
    struct layout_wish wish;
};

static struct attnstat_options options = { .sink_share = 3, .sink_norm = 5 };

#define AT(field) offsetof(struct attnstat_options, field)

static const struct option_row rows[] = {
    { 'l', "layers", OPTION_TEXT, "LIST", "layers to measure (default: all that are there)",
        AT(layers), 0, 0, false },
    { 0, "stats", OPTION_TEXT, "NAMES",
        "columns to print, commas between: what isn't printed isn't computed (default: all)",
        AT(stats), 0, 0, false },
    { 0, "mean", OPTION_CHOICE, "none|heads|samples|both",
        "one row for all heads of a layer; one for all samples, at the end, with standard "
        "deviations; or both (default: none)",
        AT(mean), 0, 0, false },
    { 0, "relative", OPTION_FLAG, NULL,
        "distance and entropy as shares of those of attention spread evenly over the patches",
        AT(relative), 0, 0, false },
    { 0, "readout", OPTION_FLAG, NULL,
        "of what the class token looks at, where the model's head reads that, not of what the "
        "patches look at",
        AT(readout), 0, 0, false },
    { 0, "sink-share", OPTION_NUMBER, "F",
        "a sink is a patch that takes more than F/N of N tokens' attention on average (3)",
        AT(sink_share), 0, 1e9, false },
    { 0, "sink-norm", OPTION_NUMBER, "K",
        "and where there are tokens, one whose norm is above the median by more than K median "
        "absolute deviations (5)",
        AT(sink_norm), 0, 1e9, false },
    { 0, "sinks", OPTION_FLAG, NULL,
        "print the sinks instead, a row each: which patches take most of a layer's attention",
        AT(sinks), 0, 0, false },
    { 0, "prefix", OPTION_TEXT, "N", "tokens before the patches, for arrays of your own model",
        AT(wish.prefix), 0, 0, false },
    { 0, "grid", OPTION_TEXT, "RxC", "rows and columns of patches, likewise", AT(wish.grid), 0,
        0, false },
    OPTION_END,
};

/* As enum sink_rule. */
static const char *const rule_names[] = { "share", "share+norm", "mixed" };

/* Of --sinks: a row. */
struct sink {
    size_t layer, token, row, column;
    double norm, median, share; /* norms NaN where there are no tokens */
};

struct state {
    struct layer_wish wish;
    struct layerstat stat;
    struct scratch attention, tokens, lengths, numbers;
    struct head_table sample, total;
    struct scratch sinks; /* struct sink, of a sample */
    size_t sink_count;
    char kind[512]; /* of the samples in the total: describe_kind's */
    uint64_t samples;
    bool warned; /* that distances are in patches */
};

static int parse_stats(const char *text, bool *wanted, struct error *error)
{
    char *copy = strdup(text), *rest = copy;
    int status = copy ? 0 : fail_memory(error, strlen(text) + 1);
    for (char *name; status == 0 && (name = strsep(&rest, ",")) != NULL;) {
        size_t i = 0;
        while (i < LAYER_NUMBERS && strcmp(name, layer_number_names[i]) != 0)
            i++;
        if (i < LAYER_NUMBERS)
            wanted[i] = true;
        else
            status = fail(error, BAD_USAGE,
                "--stats %.100s: takes distance, entropy, prefix_mass, diagonal_mass, "
                "effective_rank, divergence, sinks and sink_share, commas between",
                text);
    }
    free(copy);
    return status;
}

static int open_attnstat(struct run *run, struct error *error)
{
    struct state *state = run->state = calloc(1, sizeof *state);
    if (!state)
        return fail_memory(error, sizeof *state);
    state->wish.readout = options.readout;
    state->wish.sinks = (struct sink_bounds){ options.sink_share, options.sink_norm };
    for (size_t i = 0; i < LAYER_NUMBERS; i++)
        state->wish.wanted[i] = options.sinks ? i == SINKS : !options.stats;
    int status = layout_wish_check(&options.wish, error);
    if (status == 0 && options.sinks && (options.stats || options.mean != MEAN_NONE))
        status = fail(error, BAD_USAGE,
            "--sinks prints a table of its own: it goes without "
            "--stats and --mean");
    if (status == 0 && options.stats)
        status = parse_stats(options.stats, state->wish.wanted, error);
    return status < 0 || !options.layers ? status
                                         : check_list("--layers", options.layers, error);
}

static bool over_heads(void)
{
    return options.mean == MEAN_HEADS || options.mean == MEAN_BOTH;
}

static bool over_samples(void)
{
    return options.mean == MEAN_SAMPLES || options.mean == MEAN_BOTH;
}

static bool prints_rule(const struct state *state)
{
    return state->wish.wanted[SINKS] || state->wish.wanted[SINK_SHARE];
}

/* "\tNAME" for each that is wanted. */
static int print_names(struct run *run, const char *ending, struct error *error)
{
    const struct state *state = run->state;
    int status = 0;
    for (size_t i = 0; i < LAYER_NUMBERS && status == 0; i++)
        if (state->wish.wanted[i])
            status = run_print(run, error, "\t%s%s", layer_number_names[i], ending);
    return status;
}

static int print_heading(struct run *run, const json_t *programs, struct error *error)
{
    (void)programs;
    if (options.sinks)
        return run_print(run, error,
            "key\tlayer\ttoken\trow\tcolumn\tnorm\tmedian_norm\tshare\tsink_rule\n");
    int status = run_print(run, error, "%s\tlayer\thead", over_samples() ? "samples" : "key");
    if (status == 0)
        status = print_names(run, "", error);
    if (status == 0 && prints_rule(run->state))
        status = run_print(run, error, "\tsink_rule");
    if (status == 0 && over_samples())
        status = print_names(run, "_sd", error);
    return status < 0 ? status : run_print(run, error, "\n");
}

/* "\tNUMBER" for each that is wanted; a tab alone where there is none. */
static int print_numbers(struct run *run, const struct head_row *row,
    double number(const struct running *), struct error *error)
{
    const struct state *state = run->state;
    int status = 0;
    for (size_t i = 0; i < LAYER_NUMBERS && status == 0; i++) {
        const double value = number(&row->of[i]);
        if (state->wish.wanted[i])
            status = isnan(value) ? run_print(run, error, "\t")
                                  : run_print(run, error, "\t%.6g", value);
    }
    return status;
}

static int print_rows(
    struct run *run, const char *key, const struct head_table *table, struct error *error)
{
    int status = 0;
    for (size_t r = 0; r < table->count && status == 0; r++) {
        const struct head_row *row = &table->rows[r];
        status = row->head < 0
                     ? run_print(run, error, "%s\t%zu\tmean", key, row->layer)
                     : run_print(run, error, "%s\t%zu\t%ld", key, row->layer, row->head);
        if (status == 0)
            status = print_numbers(run, row, running_mean, error);
        if (status == 0 && prints_rule(run->state))
            status = run_print(run, error, "\t%s", rule_names[row->rule]);
        if (status == 0 && over_samples())
            status = print_numbers(run, row, running_deviation, error);
        if (status == 0)
            status = run_print(run, error, "\n");
    }
    return status;
}

/* Behind those of the layers before; there is room. */
static void keep_sinks(struct state *state, const struct layout *layout, size_t layer)
{
    const struct sinks *sinks = &state->stat.sinks;
    const size_t p = layout->prefix, n = p + layout->rows * layout->columns;
    struct sink *kept = state->sinks.bytes;
    for (size_t j = p; j < n; j++)
        if (sinks->is[j])
            kept[state->sink_count++] = (struct sink){ .layer = layer,
                .token = j,
                .row = (j - p) / layout->columns,
                .column = (j - p) % layout->columns,
                .norm = sinks->norms ? sinks->norms[j] : NAN,
                .median = sinks->median,
                .share = sinks->received[j] };
}

static int print_sinks(struct run *run, const char *key, struct error *error)
{
    const struct state *state = run->state;
    const struct sink *sink = state->sinks.bytes;
    int status = 0;
    for (size_t i = 0; i < state->sink_count && status == 0; i++, sink++) {
        char norms[64] = "\t";
        if (!isnan(sink->norm))
            snprintf(norms, sizeof norms, "%.6g\t%.6g", sink->norm, sink->median);
        status = run_print(run, error, "%s\t%zu\t%zu\t%zu\t%zu\t%s\t%.6g\t%s\n", key,
            sink->layer, sink->token, sink->row, sink->column, norms, sink->share,
            rule_names[isnan(sink->norm) ? RULE_SHARE : RULE_NORM]);
    }
    return status;
}

/* Two positive numbers under a key of a JSON member, in the order of height and width. */
static bool read_sides(const struct sample *sample, const char *suffix, const char *key,
    bool width_first, double sides[2])
{
    struct error ignored;
    json_t *object;
    if (!sample_find(sample, suffix) || sample_json(sample, suffix, &object, &ignored) < 0)
        return false;
    const json_t *pair = json_object_get(object, key);
    for (size_t i = 0; i < 2; i++)
        sides[width_first ? 1 - i : i] = json_number_value(json_array_get(pair, i));
    json_decref(object);
    return sides[0] > 0 && sides[1] > 0;
}

/* Height and width of a patch in pixels of the input: the model's; without model.json, or with
 * --grid, those of the view's input cut into the grid; else 1, and it is said. */
static void read_patch(
    struct run *run, const struct sample *sample, const struct layout *layout, double patch[2])
{
    struct state *state = run->state;
    if (!options.wish.grid && read_sides(sample, "model.json", "patch", false, patch))
        return;
    if (read_sides(sample, "view.json", "input", true, patch)) {
        patch[0] /= (double)layout->rows;
        patch[1] /= (double)layout->columns;
        return;
    }
    patch[0] = patch[1] = 1;
    if (state->wish.wanted[DISTANCE] && !options.relative && !state->warned)
        run_warn(run, sample->key,
            "nothing says how large a patch is: distances are in patches, not in pixels");
    state->warned = true;
}

/* By --relative: divided by what evenly spread attention has; NaN over a single patch. */
static void make_relative(struct layer_numbers *numbers, size_t heads, const double *lengths,
    const struct layout *layout)
{
    const double distance = head_even_distance(lengths, layout);
    const double entropy = log((double)layout->rows * (double)layout->columns);
    for (size_t h = 0; h < heads; h++) {
        numbers[h].of[DISTANCE] /= distance;
        numbers[h].of[ENTROPY] /= entropy;
    }
}

/* What must be the same for a mean over samples to mean something. */
static int describe_kind(const struct sample *sample, const struct layout *layout,
    const double patch[2], char kind[512], struct error *error)
{
    char *model;
    const int status = model_read(sample, &model, error);
    if (status == 0)
        snprintf(kind, 512, "%s, %zu+%zux%zu tokens, patches of %gx%g",
            model ? model : "no model", layout->prefix, layout->rows, layout->columns, patch[0],
            patch[1]);
    free(model);
    return status;
}

static int measure_layer(struct run *run, const struct sample *sample,
    const struct attention *attention, size_t layer, struct error *error)
{
    struct state *state = run->state;
    size_t heads;
    const float *data;
    struct floats tokens = { .data = NULL };
    int status =
        attention_layer(sample, attention, layer, &heads, &data, &state->attention, error);
    if (status == 0 && prints_rule(state))
        status = attention_vectors(sample, attention, layer, &tokens, &state->tokens, error);
    if (status == 0)
        status = scratch_reserve(&state->numbers, heads * sizeof(struct layer_numbers), error);
    if (status < 0)
        return status;
    status = layerstat_measure(&state->stat, run->threads, &state->wish, data, heads,
        &attention->layout, state->lengths.bytes, tokens.data, tokens.shape[1],
        state->numbers.bytes, error);
    if (status < 0)
        return fail(error, status, "layer %zu: %s", layer, error->text);
    if (options.relative)
        make_relative(state->numbers.bytes, heads, state->lengths.bytes, &attention->layout);
    return head_table_add(&state->sample, layer, heads, over_heads(),
        tokens.data ? RULE_NORM : RULE_SHARE, state->numbers.bytes, error);
}

static int add_to_total(struct state *state, const char kind[512], struct error *error)
{
    if (state->samples > 0 && strcmp(kind, state->kind) != 0)
        return fail(error, BAD_SAMPLE,
            "can't share a mean with the samples before it: %s, not %s", kind, state->kind);
    const int status = head_table_total(&state->total, &state->sample, error);
    if (status < 0)
        return status;
    memcpy(state->kind, kind, sizeof state->kind);
    state->samples++;
    return 0;
}

/* All of a sample is measured before any of it is printed or counted. */
static int measure_sample(struct run *run, struct sample *sample, struct error *error)
{
    struct state *state = run->state;
    struct attention attention;
    double patch[2];
    char kind[512];
    state->sample.count = state->sink_count = 0;
    int status = attention_find(sample, &options.wish, &attention, error);
    if (status == 0)
        status = attention_choose(&attention, options.layers, error);
    if (status == 0)
        status = scratch_reserve(&state->lengths, attention.tokens * sizeof(double), error);
    if (status == 0 && options.sinks)
        status = scratch_reserve(
            &state->sinks, attention.count * attention.tokens * sizeof(struct sink), error);
    if (status < 0)
        return status;
    read_patch(run, sample, &attention.layout, patch);
    head_lengths(state->lengths.bytes, &attention.layout, patch[0], patch[1]);
    for (size_t i = 0; i < attention.count && status == 0; i++) {
        status = measure_layer(run, sample, &attention, attention.layers[i], error);
        if (status == 0 && options.sinks)
            keep_sinks(state, &attention.layout, attention.layers[i]);
    }
    if (status == 0 && options.sinks)
        return print_sinks(run, sample->key, error);
    if (status < 0 || !over_samples())
        return status < 0 ? status : print_rows(run, sample->key, &state->sample, error);
    status = describe_kind(sample, &attention.layout, patch, kind, error);
    return status < 0 ? status : add_to_total(state, kind, error);
}

static int print_total(struct run *run, struct error *error)
{
    const struct state *state = run->state;
    if (options.sinks)
        return 0;
    char samples[24];
    snprintf(samples, sizeof samples, "%llu", (unsigned long long)state->samples);
    return print_rows(run, samples, &state->total, error);
}

static void close_attnstat(struct run *run)
{
    struct state *state = run->state;
    if (!state)
        return;
    layerstat_free(&state->stat);
    free(state->attention.bytes);
    free(state->tokens.bytes);
    free(state->sinks.bytes);
    free(state->lengths.bytes);
    free(state->numbers.bytes);
    free(state->sample.rows);
    free(state->total.rows);
    free(state);
}

int main(int argc, char **argv)
{
    static const struct stage stage = {
        .name = "attnstat",
        .purpose = "reads attention, writes numbers of its layers and heads as text",
        .options = rows,
        .flags = STAGE_TEXT | STAGE_THREADED,
        .open = open_attnstat,
        .begin = print_heading,
        .sample = measure_sample,
        .finish = print_total,
        .close = close_attnstat,
    };
    return stage_main(&stage, &options, argc, argv);
}
