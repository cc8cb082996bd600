/*
 * mapdiff: reads two maps of each sample, writes their difference, or how they agree as text.
 */
#include "common/mappair.h"
#include "common/stage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mapdiff_options {
    const char *as;
    int scale;
    bool sides, tsv;
};

static struct mapdiff_options options = { .scale = -1 };

#define AT(field) offsetof(struct mapdiff_options, field)

static const struct option_row rows[] = {
    { 0, "as", OPTION_TEXT, "NAME", "name the difference NAME (default: diff)", AT(as), 0, 0,
        false },
    { 0, "scale", OPTION_CHOICE, "sum|max|rank|none",
        "before the subtraction divide each map by the sum of its absolute values (default), "
        "or by "
        "the greatest of them, or take its ranks, or its values as they are",
        AT(scale), 0, 0, false },
    { 0, "sides", OPTION_FLAG, NULL,
        "also write both maps as they are subtracted, NAME-a and NAME-b", AT(sides), 0, 0,
        false },
    { 0, "tsv", OPTION_FLAG, NULL,
        "print a table of how the maps agree, instead of writing a stream", AT(tsv), 0, 0,
        false },
    OPTION_END,
};

/* As the choices of --scale and enum map_scale. */
static const char *const scales[] = { "sum", "max", "rank", "none" };
static const char *const notes[] = { "each divided by its sum", "each divided by its greatest",
    "ranks, from 0 to 1", "values as they are" };

struct state {
    const char *names[2]; /* operands A and B */
    struct scratch values[2];
    struct map_pair pair;
};

/* The first two operands are names, the others streams. */
static int take_names(struct run *run, struct state *state, struct error *error)
{
    static const char *const standard[] = { "-" };
    if (run->file_count < 2)
        return fail(error, BAD_USAGE,
            "takes the names of two maps, as in mapdiff chefer gradcam: see -h");
    for (size_t i = 0; i < 2; i++) {
        state->names[i] = run->files[i];
        if (json_array_append_new(run->args, json_string(state->names[i])) < 0)
            return fail(error, BAD_USAGE, "%.100s: is no map's name", state->names[i]);
    }
    run->files += 2;
    run->file_count -= 2;
    if (run->file_count == 0) {
        run->files = standard;
        run->file_count = 1;
    }
    return 0;
}

static int open_mapdiff(struct run *run, struct error *error)
{
    struct state *state = run->state = calloc(1, sizeof *state);
    if (!state)
        return fail_memory(error, sizeof *state);
    if (options.tsv && (options.as || options.scale >= 0 || options.sides))
        return fail(error, BAD_USAGE, "--tsv: its numbers don't depend on %s: leave that out",
            options.as           ? "--as"
            : options.scale >= 0 ? "--scale"
                                 : "--sides");
    if (options.as && !map_name_is_legal(options.as))
        return fail(error, BAD_USAGE,
            "--as %.100s: takes at most %d lower case letters, digits, _ + and -", options.as,
            MAP_MAX_NAME);
    if (options.scale < 0)
        options.scale = SCALE_SUM;
    if (options.tsv)
        run->flags |= STAGE_TEXT;
    return take_names(run, state, error);
}

static int print_heading(struct run *run, const json_t *programs, struct error *error)
{
    (void)programs;
    if (!options.tsv)
        return 0;
    return run_print(run, error,
        "key\ta\tb\tcorrelation\trank_correlation\tiou_top_fifth\temd"
        "\ta_half_area\tb_half_area\ta_spread\tb_spread\n");
}

static int print_row(struct run *run, const char *key, const struct state *state,
    const struct map_numbers *numbers, struct error *error)
{
    const struct map_grain a = map_pair_grain(&state->pair, 0),
                           b = map_pair_grain(&state->pair, 1);
    const double columns[] = { numbers->correlation, numbers->rank_correlation, numbers->iou,
        numbers->emd, a.half_area, b.half_area, a.spread, b.spread };
    int status = run_print(run, error, "%s", key);
    for (size_t i = 0; i < 2 && status == 0; i++) {
        status = run_print(run, error, "\t");
        if (status == 0)
            status = run_print_field(run, state->names[i], error);
    }
    for (size_t i = 0; i < sizeof columns / sizeof *columns && status == 0; i++)
        status = isnan(columns[i]) ? run_print(run, error, "\t")
                                   : run_print(run, error, "\t%.6g", columns[i]);
    return status < 0 ? status : run_print(run, error, "\n");
}

static json_t *number_or_null(double number)
{
    return isnan(number) ? json_null() : json_real(number);
}

/* The finer map's picture with the part that was compared; null without one. */
static json_t *make_view(const struct map_pair *pair)
{
    const json_t *view = json_object_get(pair->finer->info, "view");
    if (!pair->has_box)
        return json_null();
    return json_pack("{s:O*, s:O*, s:[f,f,f,f]}", "picture", json_object_get(view, "picture"),
        "size", json_object_get(view, "size"), "box", pair->box[0], pair->box[1], pair->box[2],
        pair->box[3]);
}

/* What both maps say alike, or null. */
static json_t *shared(const struct map maps[2], const char *key)
{
    json_t *value = json_object_get(maps[0].info, key);
    const bool same = value && json_equal(value, json_object_get(maps[1].info, key));
    return same ? json_incref(value) : json_null();
}

static int add_difference(struct sample *sample, const struct state *state,
    const struct map maps[2], const struct map_numbers *numbers, struct error *error)
{
    const struct layout layout = { .rows = state->pair.rows, .columns = state->pair.columns };
    const struct map_grain a = map_pair_grain(&state->pair, 0),
                           b = map_pair_grain(&state->pair, 1);
    json_t *more = json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:I, "
                             "s:o, s:o, s:o, s:o, s:o}",
        "layer", shared(maps, "layer"), "head", shared(maps, "head"), "target",
        shared(maps, "target"), "model", shared(maps, "model"), "view", make_view(&state->pair),
        "a", state->names[0], "b", state->names[1], "scale", scales[options.scale],
        "correlation", number_or_null(numbers->correlation), "rank_correlation",
        number_or_null(numbers->rank_correlation), "iou_top_fifth",
        number_or_null(numbers->iou), "top_fifth", (json_int_t)numbers->top, "emd",
        number_or_null(numbers->emd), "a_half_area", number_or_null(a.half_area), "b_half_area",
        number_or_null(b.half_area), "a_spread", number_or_null(a.spread), "b_spread",
        number_or_null(b.spread));
    const struct map_about about = { .method = "diff",
        .layer = -1,
        .head = -1,
        .residual = -1,
        .is_signed = true,
        .note = notes[options.scale],
        .more = more };
    float *values;
    int status = more ? 0 : fail_memory(error, 1);
    if (status == 0 && numbers->merged > 1
        && json_object_set_new(more, "emd_merged", json_integer((json_int_t)numbers->merged))
               < 0)
        status = fail_memory(error, 1);
    if (status == 0)
        status = map_add(
            sample, options.as ? options.as : "diff", &about, &layout, 0, &values, error);
    if (status == 0)
        map_pair_subtract(&state->pair, (enum map_scale)options.scale, values);
    json_decref(more);
    return status;
}

/* The map a or b on the cells that are compared, scaled as in the difference. It says no model,
 * so that both have one colour scale. */
static int add_side(struct sample *sample, const struct state *state, const struct map *map,
    size_t which, struct error *error)
{
    const struct layout layout = { .rows = state->pair.rows, .columns = state->pair.columns };
    char name[MAP_MAX_NAME + 3];
    float *values;
    json_t *more = json_pack("{s:n, s:n, s:o, s:s, s:s}", "target", "model", "view",
        make_view(&state->pair), "of", state->names[which], "scale", scales[options.scale]);
    const struct map_about about = { .method = "compared",
        .layer = -1,
        .head = -1,
        .residual = -1,
        .is_signed = map->is_signed,
        .note = notes[options.scale],
        .more = more };
    snprintf(name, sizeof name, "%.64s-%c", options.as ? options.as : "diff", "ab"[which]);
    int status = more ? 0 : fail_memory(error, 1);
    if (status == 0)
        status = map_add(sample, name, &about, &layout, 0, &values, error);
    if (status == 0)
        map_pair_scale(&state->pair, which, (enum map_scale)options.scale, values);
    json_decref(more);
    return status;
}

static int compare_maps(
    struct run *run, struct sample *sample, const struct map maps[2], struct error *error)
{
    struct state *state = run->state;
    struct map_numbers numbers;
    int status = map_pair_align(&state->pair, &maps[0], &maps[1], error);
    if (status == 0)
        status = map_pair_numbers(&state->pair, &numbers, error);
    if (status < 0)
        return status;
    if (!state->pair.finite)
        run_warn(run, sample->key,
            "map.%s or map.%s has values that aren't finite: no number "
            "applies",
            state->names[0], state->names[1]);
    if (options.tsv)
        return print_row(run, sample->key, state, &numbers, error);
    for (size_t i = 0; i < 2 && options.sides && status == 0; i++)
        status = add_side(sample, state, &maps[i], i, error);
    return status < 0 ? status : add_difference(sample, state, maps, &numbers, error);
}

static int process_sample(struct run *run, struct sample *sample, struct error *error)
{
    struct state *state = run->state;
    struct map maps[2] = { { .info = NULL }, { .info = NULL } };
    int status = map_find(sample, state->names[0], &maps[0], &state->values[0], error);
    if (status == 0)
        status = map_find(sample, state->names[1], &maps[1], &state->values[1], error);
    if (status == 0)
        status = compare_maps(run, sample, maps, error);
    map_release(&maps[0]);
    map_release(&maps[1]);
    return status;
}

static void close_mapdiff(struct run *run)
{
    struct state *state = run->state;
    if (!state)
        return;
    free(state->values[0].bytes);
    free(state->values[1].bytes);
    map_pair_free(&state->pair);
    free(state);
}

int main(int argc, char **argv)
{
    static const struct stage stage = {
        .name = "mapdiff",
        .purpose = "reads two maps of each sample, writes their difference and how they agree",
        .operands = "A B [FILE...]",
        .options = rows,
        .open = open_mapdiff,
        .begin = print_heading,
        .sample = process_sample,
        .close = close_mapdiff,
    };
    return stage_main(&stage, &options, argc, argv);
}
