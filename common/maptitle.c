#include "common/maptitle.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    const json_int_t number = json_integer_value(value);
    return json_is_integer(value) && number >= 0 && number <= INT_MAX ? (int)number : -1;
}

void map_place(const struct map *map, int *layer, int *head)
{
    *layer = number_of(map->info, "layer");
    *head = number_of(map->info, "head");
}

void map_model(const struct map *map, char *text, size_t size)
{
    const char *model = text_of(map->info, "model");
    const char *end = model ? strrchr(model, ':') : NULL;
    const size_t length = end ? (size_t)(end - model) : model ? strlen(model) : 0;
    snprintf(text, size, "%.*s", (int)(length < size ? length : size), model ? model : "");
}

/* Of the name, without "-qQUERY", or "-layer4" where that is its place. */
static int name_length(const struct map *map)
{
    const char *query = strstr(map->name, "-q"), *at = text_of(map->info, "at");
    const size_t length = strlen(map->name), tail = at ? strlen(at) : 0;
    if (at && length > tail + 1 && map->name[length - tail - 1] == '-'
        && strcmp(map->name + length - tail, at) == 0)
        return (int)(length - tail - 1);
    return query && !at ? (int)(query - map->name) : (int)length;
}

/* Words that a stranger knows for a method that goes by another name. */
static const char *method_words(const char *method)
{
    static const char *const words[][2] = {
        { "abnar", "attention rollout" },
        { "vit-explain", "attention rollout as by vit-explain" },
        { "grad-rollout", "gradient rollout" },
        { "chefer", "Chefer et al." },
        { "attn-gradcam", "Grad-CAM of attention" },
        { "flow", "attention flow" },
        { "gradcam", "Grad-CAM" },
        { "gradcam++", "Grad-CAM++" },
        { "hirescam", "HiResCAM" },
        { "layercam", "LayerCAM" },
        { "xgradcam", "XGrad-CAM" },
        { "eigencam", "Eigen-CAM" },
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(method, words[i][0]) == 0)
            return words[i][1];
    return method;
}

/* "chefer minus gradcam" of mapdiff's maps; the scale where it isn't the usual one. False: it
 * is none of those. */
static bool difference_words(const struct map *map, char *text, size_t size)
{
    const char *a = text_of(map->info, "a"), *b = text_of(map->info, "b");
    const char *method = text_of(map->info, "method"), *scale = text_of(map->info, "scale");
    if (!a || !b || !method || strcmp(method, "diff") != 0)
        return false;
    const bool usual = !scale || strcmp(scale, "sum") == 0;
    if (!usual && strcmp(scale, "none") == 0)
        scale = "as they are";
    snprintf(text, size, "%.100s minus %.100s%s%.20s%s", method_words(a), method_words(b),
        usual ? "" : " (", usual ? "" : scale, usual ? "" : ")");
    return true;
}

/* One side of mapdiff's: its name, "of" in what it says of itself; NULL of other maps. */
static const char *side_name(const struct map *map)
{
    const char *method = text_of(map->info, "method");
    return method && strcmp(method, "compared") == 0 ? text_of(map->info, "of") : NULL;
}

void map_quantity(const struct map *map, char *text, size_t size)
{
    const char *method = text_of(map->info, "method"), *at = text_of(map->info, "at");
    if (difference_words(map, text, size))
        return;
    snprintf(text, size, "%.*s%s%s", method ? (int)size : name_length(map),
        method ? method_words(method) : map->name, at ? " at " : "", at ? at : "");
}

static void put_place(FILE *out, int layer, int head, const char *fused)
{
    if (head >= 0)
        fprintf(out, "layer %d, head %d", layer, head);
    else
        fprintf(out, "layer %d, %s of heads", layer, fused);
}

/* That of attention is its layer and head; a map named by --as has its method behind. Last the
 * place that it is of. */
static void put_name(FILE *out, const struct map *map)
{
    int layer, head;
    map_place(map, &layer, &head);
    const char *fused = text_of(map->info, "head"), *method = text_of(map->info, "method");
    const char *at = text_of(map->info, "at");
    if (at)
        layer = -1; /* no layer of attention */
    const char *as = layer >= 0 ? strstr(map->name, "-l") : NULL;
    const bool placed = layer >= 0 && (head >= 0 || fused);
    char words[256];
    if (difference_words(map, words, sizeof words)) {
        const bool named = strcmp(map->name, "diff") != 0;
        if (as && placed) {
            fprintf(out, "%.*s: ", (int)(as - map->name), map->name);
            put_place(out, layer, head, fused);
            fprintf(out, ", %s", words);
            return;
        }
        fprintf(out, "%s%s%s", named ? map->name : "", named ? ": " : "", words);
        return;
    }
    if (as)
        fprintf(out, "%.*s: ", (int)(as - map->name), map->name);
    if (side_name(map)) {
        fprintf(out, "%s as compared", method_words(side_name(map)));
        return;
    }
    if (placed)
        put_place(out, layer, head, fused);
    else if (method && name_length(map) == (int)strlen(method)
             && strncmp(map->name, method, strlen(method)) == 0)
        fputs(method_words(method), out);
    else
        fprintf(out, "%.*s", name_length(map), map->name);
    if (method && layer < 0 && strncmp(map->name, method, strlen(method)) != 0)
        fprintf(out, " (%s)", method_words(method));
    if (at)
        fprintf(out, " at %s", at);
}

uint32_t map_asker(const struct map *map, size_t index)
{
    unsigned row, column;
    char end;
    const char *query = text_of(map->info, "query");
    if (map->queries > 0)
        return map->queries == map->rows * map->columns ? (uint32_t)index + 1 : 0;
    if (!query || sscanf(query, "%u-%u%c", &row, &column, &end) != 2 || row >= map->rows
        || column >= map->columns)
        return 0;
    return (uint32_t)(row * map->columns + column) + 1;
}

bool map_has_query(const struct map *map)
{
    return map->queries > 0 || text_of(map->info, "query");
}

const char *map_default_asker(const struct map *map)
{
    const char *query = text_of(map->info, "query");
    if (!query || map->queries > 0 || strstr(map->name, "-q"))
        return NULL;
    return strcmp(query, "cls") == 0    ? "from the class token"
           : strcmp(query, "mean") == 0 ? "from all patches, their mean"
                                        : NULL;
}

static void put_query(FILE *out, const struct map *map, size_t index)
{
    unsigned row, column;
    char end;
    const char *query = text_of(map->info, "query");
    if (map->queries > 0 && map->queries == map->rows * map->columns)
        fprintf(out, ", from patch %zu:%zu", index / map->columns, index % map->columns);
    else if (map->queries > 0)
        fprintf(out, ", query %zu", index);
    else if (!query || !strstr(map->name, "-q"))
        return;
    else if (sscanf(query, "%u-%u%c", &row, &column, &end) == 2)
        fprintf(out, ", from patch %u:%u", row, column);
    else
        fprintf(out, ", from %s", query);
}

static void put_target(FILE *out, const struct map *map)
{
    const json_t *target = json_object_get(map->info, "target");
    const json_t *prob = json_object_get(target, "prob");
    const char *name = text_of(target, "name");
    const double percent = 100 * json_number_value(prob);
    if (name)
        fprintf(out, "\n%s", name);
    else if (number_of(target, "index") >= 0)
        fprintf(out, "\nclass %d", number_of(target, "index"));
    else
        return;
    if (!json_is_number(prob))
        return;
    if (percent < 0.1)
        fputs(" <0.1%", out);
    else
        fprintf(out, percent < 10 ? " %.1f%%" : " %.0f%%", percent);
}

char *map_title(const struct map *map, size_t index)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    put_name(out, map);
    put_query(out, map, index);
    if (text_of(map->info, "note"))
        fprintf(out, "\n%s", text_of(map->info, "note"));
    put_target(out, map);
    const bool failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        free(text);
        return NULL;
    }
    return text;
}
