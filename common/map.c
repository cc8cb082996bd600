#include "common/map.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOX_LEAST 1e-3 /* pixels, of a side */
#define BOX_MOST 1e9

enum { MAX_GRID = 1 << 16, MAX_PATCHES = 1 << 20 };

static bool get_count(const json_t *value, size_t most, size_t *count)
{
    const json_int_t number = json_integer_value(value);
    *count = (size_t)number;
    return json_is_integer(value) && number >= 0 && (uint64_t)number <= most;
}

static bool has_null(const json_t *object, const char *key)
{
    return json_is_null(json_object_get(object, key));
}

bool layout_is_cnn(const struct sample *sample)
{
    struct error ignored;
    json_t *model;
    if (!sample_find(sample, "model.json")
        || sample_json(sample, "model.json", &model, &ignored) < 0)
        return false;
    const bool cnn = has_null(model, "prefix") && has_null(model, "grid");
    json_decref(model);
    return cnn;
}

int layout_read(const struct sample *sample, struct layout *layout, struct error *error)
{
    if (!sample_find(sample, "model.json"))
        return fail(error, BAD_USAGE,
            "has no model.json: run vitfwd, or say --prefix N --grid RxC for arrays of your "
            "own "
            "model");
    json_t *model;
    const int status = sample_json(sample, "model.json", &model, error);
    if (status < 0)
        return status;
    const json_t *grid = json_object_get(model, "grid");
    const char *readout = json_string_value(json_object_get(model, "readout"));
    const bool good = get_count(json_object_get(model, "prefix"), MAX_GRID, &layout->prefix)
                      && get_count(json_array_get(grid, 0), MAX_GRID, &layout->rows)
                      && get_count(json_array_get(grid, 1), MAX_GRID, &layout->columns)
                      && layout->rows > 0 && layout->columns > 0
                      && layout->rows <= MAX_PATCHES / layout->columns;
    layout->mean = readout ? strcmp(readout, "mean") == 0 : layout->prefix == 0;
    layout->distilled = json_is_true(json_object_get(model, "distilled"));
    const json_t *registers = json_object_get(model, "registers");
    layout->no_class = layout->prefix > 0 && json_is_integer(registers)
                       && (size_t)json_integer_value(registers) == layout->prefix;
    json_decref(model);
    if (!good && layout_is_cnn(sample))
        return fail(error, BAD_SAMPLE,
            "model.json is a CNN's, which has no attention: run vitfwd, or gradcam in place of "
            "this stage");
    return good ? 0 : fail(error, BAD_SAMPLE, "model.json has no prefix and grid");
}

static int unknown_query(const char *text, struct error *error)
{
    return fail(error, BAD_USAGE,
        "-q %s: takes cls, dist, regN, mean, R:C (a patch's row and column from 0), commas "
        "between, or all",
        text);
}

static bool parse_pair(const char *word, unsigned long *row, unsigned long *column)
{
    char *end;
    if (!isdigit((unsigned char)*word))
        return false;
    *row = strtoul(word, &end, 10);
    if (*end != ':' || !isdigit((unsigned char)end[1]))
        return false;
    *column = strtoul(end + 1, &end, 10);
    return *end == '\0';
}

static bool parse_register(const char *word, unsigned long *number)
{
    char *end;
    if (strncmp(word, "reg", 3) != 0 || !isdigit((unsigned char)word[3]))
        return false;
    *number = strtoul(word + 3, &end, 10);
    return *end == '\0';
}

/* layout NULL: only the form is looked at. */
static int parse_query(const char *text, const char *word, const struct layout *layout,
    struct query *query, struct error *error)
{
    unsigned long row = 0, column = 0, number = 0;
    const size_t specials = !layout ? 0 : layout->no_class ? 0 : layout->distilled ? 2 : 1;
    *query = (struct query){ .kind = QUERY_TOKEN };
    snprintf(query->name, sizeof query->name, "%.30s", word);
    if (strcmp(word, "mean") == 0) {
        query->kind = QUERY_MEAN;
        query->by_default = layout && layout->mean;
        return 0;
    }
    if (strcmp(word, "cls") == 0) {
        query->by_default = layout && !layout->mean;
        return !layout || (layout->prefix > 0 && !layout->no_class)
                   ? 0
                   : fail(error, BAD_USAGE, "-q cls: this model has no class token");
    }
    if (strcmp(word, "dist") == 0) {
        query->token = 1;
        return !layout || (layout->distilled && layout->prefix > 1)
                   ? 0
                   : fail(error, BAD_USAGE, "-q dist: this model has no distillation token");
    }
    if (parse_register(word, &number)) {
        query->token = specials + number;
        return !layout || (number < layout->prefix && query->token < layout->prefix)
                   ? 0
                   : fail(error, BAD_USAGE, "-q %s: this model has %zu registers", word,
                       layout->prefix > specials ? layout->prefix - specials : 0);
    }
    if (!parse_pair(word, &row, &column))
        return unknown_query(text, error);
    snprintf(query->name, sizeof query->name, "%02lu-%02lu", row, column);
    if (layout && (row >= layout->rows || column >= layout->columns))
        return fail(error, BAD_USAGE, "-q %s: the grid has %zu rows and %zu columns, from 0",
            word, layout->rows, layout->columns);
    if (layout)
        query->token = layout->prefix + row * layout->columns + column;
    return 0;
}

static int every_patch(
    const struct layout *layout, struct query **queries, size_t *count, struct error *error)
{
    *count = layout->rows * layout->columns;
    *queries = calloc(*count, sizeof **queries);
    if (!*queries)
        return fail_memory(error, *count * sizeof **queries);
    for (size_t i = 0; i < *count; i++)
        (*queries)[i].token = layout->prefix + i;
    snprintf((*queries)[0].name, sizeof(*queries)[0].name, "all");
    return 0;
}

static int parse_words(const char *text, const struct layout *layout, struct query **queries,
    size_t *count, struct error *error)
{
    size_t words = 1;
    for (const char *at = text; *at; at++)
        words += *at == ',';
    *queries = calloc(words, sizeof **queries);
    *count = words;
    char *copy = strdup(text), *rest = copy;
    int status = *queries && copy ? 0 : fail_memory(error, words * sizeof **queries);
    for (size_t i = 0; i < words && status == 0; i++)
        status = parse_query(text, strsep(&rest, ","), layout, &(*queries)[i], error);
    free(copy);
    if (status < 0) {
        free(*queries);
        *queries = NULL;
    }
    return status;
}

int queries_parse(const char *text, const struct layout *layout, struct query **queries,
    size_t *count, bool *together, struct error *error)
{
    *together = text && strcmp(text, "all") == 0;
    if (*together)
        return every_patch(layout, queries, count, error);
    return parse_words(text           ? text
                       : layout->mean ? "mean"
                                      : "cls",
        layout, queries, count, error);
}

int queries_check(const char *text, struct error *error)
{
    struct query *queries = NULL;
    size_t count;
    if (!text || strcmp(text, "all") == 0)
        return 0;
    const int status = parse_words(text, NULL, &queries, &count, error);
    free(queries);
    return status;
}

bool map_name_is_legal(const char *name)
{
    const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_+-");
    return length > 0 && length <= MAP_MAX_NAME && name[length] == '\0';
}

static json_t *number_or_null(int number)
{
    return number < 0 ? json_null() : json_integer(number);
}

static json_t *about_json(
    const struct sample *sample, const struct map_about *about, const struct layout *layout)
{
    struct error ignored;
    json_t *model = NULL, *view = NULL;
    if (sample_find(sample, "model.json"))
        sample_json(sample, "model.json", &model, &ignored);
    if (sample_find(sample, "view.json"))
        sample_json(sample, "view.json", &view, &ignored);
    json_t *target = about->class_specific ? json_object_get(model, "target") : NULL;
    json_t *head =
        about->head_fusion ? json_string(about->head_fusion) : number_or_null(about->head);
    json_t *json = json_pack("{s:s, s:o, s:o, s:s?, s:o, s:b, s:O?, s:O?, s:[i,i], s:O?}",
        "method", about->method, "layer", number_or_null(about->layer), "head", head, "query",
        about->query, "residual",
        about->residual < 0 ? json_null() : json_real(about->residual), "signed",
        about->is_signed, "target", target, "model", json_object_get(model, "model"), "grid",
        (int)layout->rows, (int)layout->columns, "view", view);
    if (json && about->note)
        json_object_set_new(json, "note", json_string(about->note));
    if (json && about->at)
        json_object_set_new(json, "at", json_string(about->at));
    if (json && about->more)
        json_object_update(json, about->more);
    json_decref(model);
    json_decref(view);
    return json;
}

int map_add(struct sample *sample, const char *name, const struct map_about *about,
    const struct layout *layout, size_t queries, float **values, struct error *error)
{
    char suffix[160];
    const size_t shape[3] = { queries, layout->rows, layout->columns };
    const size_t from = queries > 0 ? 0 : 1;
    snprintf(suffix, sizeof suffix, "map.%.100s.npy", name);
    if (sample_find(sample, suffix))
        return fail(error, BAD_SAMPLE, "map.%s exists: name this one with --as", name);
    int status = sample_add_floats(sample, suffix, 3 - from, shape + from, values, error);
    if (status < 0)
        return status;
    snprintf(suffix, sizeof suffix, "map.%.100s.json", name);
    return sample_add_json(sample, suffix, about_json(sample, about, layout), error);
}

bool view_box(const json_t *view, double box[4], double size[2])
{
    const json_t *edges = json_object_get(view, "box"), *sides = json_object_get(view, "size");
    for (size_t i = 0; i < 4; i++)
        box[i] = json_number_value(json_array_get(edges, i));
    for (size_t i = 0; i < 2; i++)
        size[i] = json_number_value(json_array_get(sides, i));
    return json_array_size(edges) == 4 && box[2] > box[0] && box[3] > box[1];
}

int view_place(const char *what, const double *box, const double size[2], uint32_t width,
    uint32_t height, double placed[4], struct error *error)
{
    const double whole[4] = { 0, 0, width, height };
    if (width > 0 && size[0] > 0 && size[1] > 0 && (size[0] != whole[2] || size[1] != whole[3]))
        return fail(error, BAD_SAMPLE, "%s is of a picture of %gx%g, this one is %ux%u", what,
            size[0], size[1], width, height);
    memcpy(placed, box ? box : whole, sizeof whole);
    for (size_t i = 0; i < 4; i++)
        if (!(fabs(placed[i]) <= BOX_MOST))
            return fail(error, BAD_SAMPLE, "%s: its box is no part of a picture", what);
    return 0;
}

static int read_map(const struct sample *sample, const char *suffix, struct map *map,
    struct scratch *scratch, struct error *error)
{
    char about[160];
    struct npy npy;
    const struct member *member = sample_find(sample, suffix);
    const size_t length = strlen(suffix) - strlen("map..npy");
    snprintf(
        map->name, sizeof map->name, "%.*s", (int)(length < 127 ? length : 127), suffix + 4);
    snprintf(about, sizeof about, "map.%s.json", map->name);
    int status = npy_parse(member->bytes, member->size, &npy, error);
    if (status == 0 && ((npy.rank != 2 && npy.rank != 3) || npy.count == 0))
        status = fail(error, BAD_SAMPLE, "not an array of [rows, columns]");
    if (status < 0)
        return fail(error, status, "%.200s: %.700s", suffix, error->text);
    map->queries = npy.rank == 3 ? npy.shape[0] : 0;
    map->rows = npy.shape[npy.rank - 2];
    map->columns = npy.shape[npy.rank - 1];
    status = npy_floats(&npy, &map->values, scratch, error);
    if (status == 0 && sample_find(sample, about))
        status = sample_json(sample, about, &map->info, error);
    else if (status == 0 && !(map->info = json_object()))
        status = fail_memory(error, 1);
    if (status < 0)
        return status;
    map->is_signed = json_is_true(json_object_get(map->info, "signed"));
    map->has_box = view_box(json_object_get(map->info, "view"), map->box, map->picture);
    return 1;
}

/* Of NAME in map.NAME.npy; 0 for any other member. */
static size_t map_length(const struct member *member)
{
    const size_t length = strlen(member->suffix), around = strlen("map..npy");
    const bool is_map = !member->dropped && length > around
                        && strncmp(member->suffix, "map.", 4) == 0
                        && strcmp(member->suffix + length - 4, ".npy") == 0;
    return is_map ? length - around : 0;
}

int map_next(const struct sample *sample, size_t *at, struct map *map, struct scratch *scratch,
    struct error *error)
{
    for (; *at < sample->count; (*at)++) {
        if (map_length(&sample->members[*at]) == 0)
            continue;
        *map = (struct map){ 0 };
        return read_map(sample, sample->members[(*at)++].suffix, map, scratch, error);
    }
    return 0;
}

/* "has no map.NAME: it has map.abnar, map.gradcam" */
static int missing_map(const struct sample *sample, const char *name, struct error *error)
{
    char names[600];
    size_t used = 0;
    for (size_t i = 0; i < sample->count; i++) {
        const int length = (int)map_length(&sample->members[i]);
        if (length > 0 && used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s map.%.*s",
                used > 0 ? "," : "", length, sample->members[i].suffix + 4);
    }
    if (used == 0)
        return fail(error, BAD_USAGE,
            "has no map.%.100s, nor any other: run attnsplit, rollout or gradcam", name);
    return fail(error, BAD_USAGE, "has no map.%.100s: it has%s%s", name, names,
        used < sizeof names ? "" : "...");
}

int map_find(const struct sample *sample, const char *name, struct map *map,
    struct scratch *scratch, struct error *error)
{
    *map = (struct map){ 0 };
    for (size_t i = 0; i < sample->count; i++) {
        const struct member *member = &sample->members[i];
        const size_t length = map_length(member);
        if (length == 0 || length != strlen(name)
            || strncmp(member->suffix + 4, name, length) != 0)
            continue;
        const int status = read_map(sample, member->suffix, map, scratch, error);
        return status < 0 ? status : 0;
    }
    return missing_map(sample, name, error);
}

void map_release(struct map *map)
{
    json_decref(map->info);
    map->info = NULL;
}

int map_check(const struct map *map, struct error *error)
{
    const double *box = map->box;
    if (map->queries > 0)
        return fail(error, BAD_USAGE,
            "map.%s has a map for each of %zu queries: make one of a single query with -q",
            map->name, map->queries);
    if (map->rows > INT_MAX || map->columns > INT_MAX)
        return fail(error, BAD_SAMPLE, "map.%s is too large", map->name);
    for (size_t i = 0; i < 4 && map->has_box; i++)
        if (!(fabs(box[i]) <= BOX_MOST) || !(box[i % 2 + 2] - box[i % 2] >= BOX_LEAST))
            return fail(error, BAD_SAMPLE,
                "map.%s.json: its box [%g,%g,%g,%g] is no part of a "
                "picture",
                map->name, box[0], box[1], box[2], box[3]);
    return 0;
}
