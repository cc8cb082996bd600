/* mapscore: reads maps and a mask, writes how well each map finds what the mask marks as text.
 */
#include "common/scoretable.h"
#include "common/stage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mapscore_options {
    const char *inside, *ignore;
    double tolerance, sigma;
    uint64_t seed, resamples;
    bool mean;
};

static struct mapscore_options options = { .tolerance = 15, .sigma = 0.25, .resamples = 2000 };

#define AT(field) offsetof(struct mapscore_options, field)

static const struct option_row rows[] = {
    { 0, "inside", OPTION_TEXT, "LIST",
        "values of the mask that are inside, from 0 to 255 (default: all but 0)", AT(inside), 0,
        0, false },
    { 0, "ignore", OPTION_TEXT, "LIST", "values whose pixels don't count (default: none)",
        AT(ignore), 0, 0, false },
    { 0, "tolerance", OPTION_NUMBER, "PX",
        "pointing: how many pixels beside the mask still hit it (15)", AT(tolerance), 0, 1000,
        false },
    { 0, "mean", OPTION_FLAG, NULL,
        "one row a map, at the end: means over the samples, with 95% bootstrap intervals",
        AT(mean), 0, 0, false },
    { 0, "resamples", OPTION_COUNT, "N", "with --mean: how many times samples are drawn (2000)",
        AT(resamples), 1, 1000000, false },
    { 0, "sigma", OPTION_NUMBER, "F",
        "of the centre map, in widths and heights of what the model saw (0.25)", AT(sigma),
        0.05, 100, false },
    { 0, "seed", OPTION_COUNT, "N", "of the random map and of the bootstrap (0)", AT(seed), 0,
        9e15, false },
    OPTION_END,
};

/* The grid of one or more of a sample's maps, with the name of the first. */
struct grid {
    struct scored_grid grid;
    char map[128];
    double centre; /* what a centre map has inside */
};

struct state {
    struct mask_rule rule;
    struct grid *grids; /* slots beyond count keep their memory */
    size_t count, slots;
    struct scratch values, baseline, order, means;
    struct score_rows sample;
    struct score_table table;
};

static int open_mapscore(struct run *run, struct error *error)
{
    struct state *state = run->state = calloc(1, sizeof *state);
    if (!state)
        return fail_memory(error, sizeof *state);
    return mask_rule_parse(&state->rule, "--inside", options.inside, options.ignore, error);
}

static int print_heading(struct run *run, const json_t *programs, struct error *error)
{
    (void)programs;
    int status =
        run_print(run, error, "%s\tmap\tmethod\tmodel\tgrid", options.mean ? "samples" : "key");
    for (size_t i = 0; i < MAP_SCORES && status == 0; i++) {
        const char *name = map_score_names[i];
        status = options.mean ? run_print(run, error, "\t%s\t%s_low\t%s_high", name, name, name)
                              : run_print(run, error, "\t%s", name);
    }
    return status < 0 ? status : run_print(run, error, "\n");
}

static int print_name(
    struct run *run, const char *first, const struct score_name *name, struct error *error)
{
    const char *const fields[] = { name->map, name->method, name->model };
    int status = run_print(run, error, "%s", first);
    for (size_t i = 0; i < 3 && status == 0; i++) {
        status = run_print(run, error, "\t");
        if (status == 0)
            status = run_print_field(run, fields[i], error);
    }
    return status < 0 ? status : run_print(run, error, "\t%zux%zu", name->rows, name->columns);
}

static int print_number(struct run *run, double number, struct error *error)
{
    return isnan(number) ? run_print(run, error, "\t")
                         : run_print(run, error, "\t%.6g", number);
}

static int print_rows(
    struct run *run, const char *key, const struct score_rows *table, struct error *error)
{
    int status = 0;
    for (size_t r = 0; r < table->count && status == 0; r++) {
        status = print_name(run, key, &table->rows[r].name, error);
        for (size_t i = 0; i < MAP_SCORES && status == 0; i++)
            status = print_number(run, table->rows[r].of[i], error);
        if (status == 0)
            status = run_print(run, error, "\n");
    }
    return status;
}

static int add_row(struct state *state, const struct scored_grid *grid, const char *map,
    const char *method, const char *model, const double scores[MAP_SCORES], struct error *error)
{
    struct score_name name = { .rows = grid->rows, .columns = grid->columns };
    snprintf(name.map, sizeof name.map, "%s", map);
    snprintf(name.method, sizeof name.method, "%s", method ? method : "");
    snprintf(name.model, sizeof name.model, "%s", model ? model : "");
    return score_rows_add(&state->sample, &name, scores, error);
}

static int score_baseline(struct state *state, const char *key, const struct grid *grid,
    enum baseline baseline, double scores[MAP_SCORES], struct error *error)
{
    const struct scored_grid *of = &grid->grid;
    const int status =
        scratch_reserve(&state->baseline, of->rows * of->columns * sizeof(float), error);
    if (status < 0)
        return status;
    baseline_fill(baseline, of->rows, of->columns, options.sigma, options.seed, key,
        state->baseline.bytes);
    return map_score(of, state->baseline.bytes, grid->centre, &state->order, scores, error);
}

/* Those of the sample's first grid have their plain names, those of others that of the map
 * behind it for which they are needed. */
static int add_baselines(struct state *state, const char *key, struct error *error)
{
    int status = 0;
    for (size_t g = 0; g < state->count; g++)
        for (size_t b = 0; b < BASELINES && status == 0; b++) {
            const struct grid *grid = &state->grids[g];
            char name[160];
            double scores[MAP_SCORES];
            snprintf(name, sizeof name, "%s%s%s", baseline_names[b], g > 0 ? "-" : "",
                g > 0 ? grid->map : "");
            status = score_baseline(state, key, grid, (enum baseline)b, scores, error);
            if (status == 0)
                status = add_row(state, &grid->grid, name, "baseline", NULL, scores, error);
        }
    return status;
}

static int new_grid(struct state *state, struct grid **grid, struct error *error)
{
    if (state->count == state->slots) {
        const size_t slots = state->slots + 4;
        struct grid *grown = realloc(state->grids, slots * sizeof *grown);
        if (!grown)
            return fail_memory(error, slots * sizeof *grown);
        memset(grown + state->slots, 0, 4 * sizeof *grown);
        state->grids = grown;
        state->slots = slots;
    }
    *grid = &state->grids[state->count];
    return 0;
}

/* That of the map: one that is there, or a new one. */
static int find_grid(struct state *state, const char *key, const struct mask *mask,
    const struct map *map, struct grid **grid, struct error *error)
{
    double scores[MAP_SCORES];
    for (size_t g = 0; g < state->count; g++) {
        *grid = &state->grids[g];
        const struct scored_grid *known = &(*grid)->grid;
        if (known->rows == map->rows && known->columns == map->columns
            && memcmp(known->box, map->box, sizeof known->box) == 0)
            return 0;
    }
    int status = new_grid(state, grid, error);
    if (status == 0)
        status = scored_grid_make(&(*grid)->grid, mask, map, options.tolerance, error);
    if (status < 0)
        return status;
    snprintf((*grid)->map, sizeof(*grid)->map, "%s", map->name);
    (*grid)->centre = 0;
    status = score_baseline(state, key, *grid, BASELINE_CENTRE, scores, error);
    (*grid)->centre = scores[SHARE_INSIDE];
    state->count++;
    return status;
}

static int check_map(const struct map *map, const struct mask *mask, struct error *error)
{
    const int status = map_check(map, error);
    if (status < 0)
        return status;
    if (!map->has_box)
        return fail(error, BAD_SAMPLE,
            "map.%s doesn't say where in the picture it lies (view in map.%s.json)", map->name,
            map->name);
    if (map->rows > SCORED_MAX_CELLS / map->columns)
        return fail(error, BAD_SAMPLE, "map.%s is too large", map->name);
    if (map->picture[0] > 0 && map->picture[1] > 0
        && (map->picture[0] != mask->width || map->picture[1] != mask->height))
        return fail(error, BAD_SAMPLE,
            "mask.png is of %ux%u pixels, the picture of map.%s of %gx%g", mask->width,
            mask->height, map->name, map->picture[0], map->picture[1]);
    return 0;
}

static bool all_finite(const struct map *map)
{
    for (size_t i = 0; i < map->rows * map->columns; i++)
        if (!isfinite(map->values[i]))
            return false;
    return true;
}

static int score_map(struct run *run, const struct sample *sample, const struct mask *mask,
    const struct map *map, struct error *error)
{
    struct state *state = run->state;
    struct grid *grid = NULL;
    double scores[MAP_SCORES];
    int status = check_map(map, mask, error);
    if (status == 0)
        status = find_grid(state, sample->key, mask, map, &grid, error);
    if (status == 0)
        status =
            map_score(&grid->grid, map->values, grid->centre, &state->order, scores, error);
    if (status < 0)
        return status;
    const bool finite = all_finite(map);
    for (size_t i = 0; i < MAP_SCORES && !finite; i++)
        scores[i] = i == SHARE_AREA ? scores[i] : NAN;
    if (!finite)
        run_warn(run, sample->key, "map.%s has values that aren't finite: no number applies",
            map->name);
    else if (grid->grid.area > 0 && isnan(scores[SHARE_INSIDE]))
        run_warn(run, sample->key, "map.%s has nothing above 0 that counts", map->name);
    return add_row(state, &grid->grid, map->name,
        json_string_value(json_object_get(map->info, "method")),
        json_string_value(json_object_get(map->info, "model")), scores, error);
}

static int score_maps(
    struct run *run, const struct sample *sample, const struct mask *mask, struct error *error)
{
    struct state *state = run->state;
    struct map map;
    size_t at = 0;
    int status;
    while ((status = map_next(sample, &at, &map, &state->values, error)) > 0) {
        status = score_map(run, sample, mask, &map, error);
        map_release(&map);
        if (status < 0)
            return status;
    }
    if (status == 0 && state->sample.count == 0)
        return fail(error, BAD_USAGE, "has no maps: run attnsplit, rollout or gradcam");
    for (size_t g = 0; g < state->count && status == 0; g++)
        if (!(state->grids[g].grid.area > 0))
            run_warn(run, sample->key,
                "nothing inside of the mask is where map.%s lies: no number applies",
                state->grids[g].map);
    return status < 0 ? status : add_baselines(state, sample->key, error);
}

/* All of a sample is scored before any of it is printed or counted. */
static int process_sample(struct run *run, struct sample *sample, struct error *error)
{
    struct state *state = run->state;
    struct mask mask;
    state->sample.count = state->count = 0;
    int status = mask_read(sample, &state->rule, &mask, error);
    if (status == 0)
        status = score_maps(run, sample, &mask, error);
    mask_free(&mask);
    if (status < 0)
        return status;
    return options.mean ? score_table_add(&state->table, &state->sample, error)
                        : print_rows(run, sample->key, &state->sample, error);
}

static int print_means(struct run *run, struct error *error)
{
    struct state *state = run->state;
    const struct score_table *table = &state->table;
    int status = 0;
    for (size_t k = 0; k < table->count && status == 0; k++) {
        struct interval intervals[MAP_SCORES];
        char samples[24];
        status = bootstrap(table->kinds[k].values, table->samples, MAP_SCORES,
            (size_t)options.resamples, options.seed, &state->means, intervals, error);
        if (status < 0)
            return status;
        snprintf(samples, sizeof samples, "%zu", intervals[SHARE_INSIDE].count);
        status = print_name(run, samples, &table->kinds[k].name, error);
        for (size_t i = 0; i < MAP_SCORES && status == 0; i++) {
            status = print_number(run, intervals[i].mean, error);
            if (status == 0)
                status = print_number(run, intervals[i].low, error);
            if (status == 0)
                status = print_number(run, intervals[i].high, error);
        }
        if (status == 0)
            status = run_print(run, error, "\n");
    }
    return status;
}

static void close_mapscore(struct run *run)
{
    struct state *state = run->state;
    if (!state)
        return;
    for (size_t g = 0; g < state->slots; g++)
        free(state->grids[g].grid.room.bytes);
    free(state->grids);
    free(state->values.bytes);
    free(state->baseline.bytes);
    free(state->order.bytes);
    free(state->means.bytes);
    free(state->sample.rows);
    score_table_free(&state->table);
    free(state);
}

int main(int argc, char **argv)
{
    static const struct stage stage = {
        .name = "mapscore",
        .purpose = "reads maps and a mask, writes how well each map finds what the mask marks",
        .options = rows,
        .flags = STAGE_TEXT,
        .open = open_mapscore,
        .begin = print_heading,
        .sample = process_sample,
        .finish = print_means,
        .close = close_mapscore,
    };
    return stage_main(&stage, &options, argc, argv);
}
