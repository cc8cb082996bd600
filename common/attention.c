#include "common/attention.h"
#include "common/option.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_GRID = 4096, SUFFIX = 40 };

static int parse_wish(
    const struct layout_wish *wish, struct layout *layout, struct error *error)
{
    uint64_t prefix;
    unsigned rows, columns;
    char rest;
    if (!wish->prefix || !wish->grid)
        return fail(error, BAD_USAGE, "--prefix and --grid go together");
    const int status = parse_count("--prefix", wish->prefix, 0, MAX_GRID, &prefix, error);
    if (status < 0)
        return status;
    if (!isdigit((unsigned char)*wish->grid)
        || sscanf(wish->grid, "%5ux%5u%c", &rows, &columns, &rest) != 2 || rows < 1
        || columns < 1 || rows > MAX_GRID || columns > MAX_GRID)
        return fail(error, BAD_USAGE, "--grid %s: takes ROWSxCOLUMNS, as 14x14", wish->grid);
    *layout = (struct layout){
        .prefix = (size_t)prefix, .rows = rows, .columns = columns, .mean = prefix == 0
    };
    return 0;
}

int layout_wish_check(const struct layout_wish *wish, struct error *error)
{
    struct layout ignored;
    return wish->prefix || wish->grid ? parse_wish(wish, &ignored, error) : 0;
}

/* The LL of "attn.LL.npy", or -1. */
static long layer_of(const char *suffix)
{
    char *end;
    if (strncmp(suffix, "attn.", 5) != 0 || !isdigit((unsigned char)suffix[5]))
        return -1;
    const long layer = strtol(suffix + 5, &end, 10);
    return strcmp(end, ".npy") == 0 && layer < ATTENTION_MAX_LAYERS ? layer : -1;
}

static void list_layers(const struct sample *sample, struct attention *attention)
{
    bool present[ATTENTION_MAX_LAYERS] = { false };
    for (size_t i = 0; i < sample->count; i++) {
        const long layer = layer_of(sample->members[i].suffix);
        if (layer >= 0 && !sample->members[i].dropped)
            present[layer] = true;
    }
    for (size_t l = 0; l < ATTENTION_MAX_LAYERS; l++)
        if (present[l])
            attention->layers[attention->count++] = l;
}

/* What model.json says, but at least as many as there are. */
static size_t model_layers(const struct sample *sample, size_t least)
{
    struct error ignored;
    json_t *model;
    if (!sample_find(sample, "model.json")
        || sample_json(sample, "model.json", &model, &ignored) < 0)
        return least;
    const json_int_t layers = json_integer_value(json_object_get(model, "layers"));
    json_decref(model);
    return layers > (json_int_t)least && layers <= ATTENTION_MAX_LAYERS ? (size_t)layers
                                                                        : least;
}

static void layer_suffix(const char *kind, size_t layer, char suffix[SUFFIX])
{
    snprintf(suffix, SUFFIX, "%s.%02zu.npy", kind, layer);
}

static int check_shape(const struct attention *attention, const char *suffix,
    const size_t shape[3], struct error *error)
{
    const size_t tokens = attention->tokens;
    if (shape[0] > 0 && shape[1] == tokens && shape[2] == tokens)
        return 0;
    return fail(error, BAD_SAMPLE,
        "%s is [%zu,%zu,%zu]; %zu prefix tokens and a grid of %zux%zu make [heads,%zu,%zu]",
        suffix, shape[0], shape[1], shape[2], attention->layout.prefix, attention->layout.rows,
        attention->layout.columns, tokens, tokens);
}

/* Before anything is allocated for that many tokens on the word of model.json. */
static int check_first(
    const struct sample *sample, const struct attention *attention, struct error *error)
{
    char suffix[SUFFIX];
    struct npy npy;
    layer_suffix("attn", attention->layers[0], suffix);
    const struct member *member = sample_find(sample, suffix);
    if (!member)
        return fail(error, BAD_USAGE, "has no %s", suffix);
    const int status = npy_parse(member->bytes, member->size, &npy, error);
    if (status < 0)
        return fail(error, status, "%s: %s", suffix, error->text);
    if (npy.rank == 3)
        return check_shape(attention, suffix, npy.shape, error);
    char shape[128];
    npy_describe(&npy, shape, sizeof shape);
    return fail(error, BAD_SAMPLE, "%s is %s, not of 3 dimensions", suffix, shape);
}

int attention_find(const struct sample *sample, const struct layout_wish *wish,
    struct attention *attention, struct error *error)
{
    memset(attention, 0, sizeof *attention);
    list_layers(sample, attention);
    if (attention->count == 0 && layout_is_cnn(sample))
        return fail(error, BAD_USAGE,
            "has no attn.LL: made by a CNN, which has no attention: run vitfwd, or gradcam in "
            "place of this stage");
    if (attention->count == 0)
        return fail(error, BAD_USAGE,
            "has no attn.LL: run vitfwd (without -l none) before, and -k on stages between");
    int status;
    if (wish->prefix || wish->grid)
        status = parse_wish(wish, &attention->layout, error);
    else
        status = layout_read(sample, &attention->layout, error);
    if (status < 0)
        return status;
    const struct layout *layout = &attention->layout;
    attention->tokens = layout->prefix + layout->rows * layout->columns;
    attention->model_layers = model_layers(sample, attention->layers[attention->count - 1] + 1);
    return check_first(sample, attention, error);
}

int attention_choose(struct attention *attention, const char *list, struct error *error)
{
    bool wanted[ATTENTION_MAX_LAYERS] = { false };
    size_t kept = 0, at = 0;
    const int status =
        list ? parse_list("--layers", list, attention->model_layers, wanted, error) : 0;
    if (status < 0 || !list)
        return status;
    for (size_t layer = 0; layer < attention->model_layers; layer++) {
        const bool present = at < attention->count && attention->layers[at] == layer;
        at += present;
        if (wanted[layer] && present)
            attention->layers[kept++] = layer;
        else if (wanted[layer] && strcmp(list, "all") != 0)
            return fail(
                error, BAD_USAGE, "has no attn.%02zu: vitfwd -l decides what is there", layer);
    }
    attention->count = kept;
    return 0;
}

static int read_layer(const char *kind, const struct sample *sample,
    const struct attention *attention, size_t layer, struct floats *floats,
    struct scratch *scratch, struct error *error)
{
    char suffix[SUFFIX];
    layer_suffix(kind, layer, suffix);
    const int status = sample_floats(sample, suffix, 3, floats, scratch, error);
    return status < 0 ? status : check_shape(attention, suffix, floats->shape, error);
}

int attention_layer(const struct sample *sample, const struct attention *attention,
    size_t layer, size_t *heads, const float **data, struct scratch *scratch,
    struct error *error)
{
    struct floats floats;
    const int status = read_layer("attn", sample, attention, layer, &floats, scratch, error);
    if (status < 0)
        return status;
    *heads = floats.shape[0];
    *data = floats.data;
    return 0;
}

int attention_gradient(const struct sample *sample, const struct attention *attention,
    size_t layer, size_t heads, const float **data, struct scratch *scratch,
    struct error *error)
{
    struct floats floats;
    const int status =
        read_layer("attngrad", sample, attention, layer, &floats, scratch, error);
    if (status < 0)
        return status;
    if (floats.shape[0] != heads)
        return fail(error, BAD_SAMPLE, "attngrad.%02zu has %zu heads, attn.%02zu has %zu",
            layer, floats.shape[0], layer, heads);
    *data = floats.data;
    return 0;
}

int attention_vectors(const struct sample *sample, const struct attention *attention,
    size_t layer, struct floats *vectors, struct scratch *scratch, struct error *error)
{
    char suffix[SUFFIX];
    layer_suffix("tokens", layer, suffix);
    *vectors = (struct floats){ .data = NULL };
    if (!sample_find(sample, suffix))
        return 0;
    const int status = sample_floats(sample, suffix, 2, vectors, scratch, error);
    if (status == 0 && (vectors->shape[0] != attention->tokens || vectors->shape[1] == 0))
        return fail(error, BAD_SAMPLE, "%s is [%zu,%zu], attn.%02zu.npy of %zu tokens", suffix,
            vectors->shape[0], vectors->shape[1], layer, attention->tokens);
    return status;
}

int attention_check(const struct attention *attention, size_t first, struct error *error)
{
    const size_t last = attention->model_layers - 1;
    for (size_t layer = first, i = 0; layer <= last; layer++) {
        while (i < attention->count && attention->layers[i] < layer)
            i++;
        if (i < attention->count && attention->layers[i] == layer)
            continue;
        if (first == last)
            return fail(error, BAD_USAGE,
                "has no attn.%02zu, which is the last layer's: run vitfwd without -l", layer);
        return fail(error, BAD_USAGE,
            "has no attn.%02zu: rollout needs every layer from %zu to %zu: run vitfwd without "
            "-l, or say --start",
            layer, first, last);
    }
    return 0;
}

static bool has_gradient(const struct sample *sample, size_t layer)
{
    char suffix[SUFFIX];
    layer_suffix("attngrad", layer, suffix);
    return sample_find(sample, suffix) != NULL;
}

int attention_check_gradient(const struct sample *sample, const struct attention *attention,
    size_t first, const char *method, struct error *error)
{
    const size_t last = attention->model_layers - 1;
    size_t there = 0, lacking = last + 1;
    for (size_t layer = last + 1; layer-- > 0;) {
        const bool has = has_gradient(sample, layer);
        there += has;
        if (!has && layer >= first)
            lacking = layer;
    }
    if (lacking > last)
        return 0;
    if (there == 0)
        return fail(error, BAD_USAGE, "-M %s needs attngrad: run vitfwd with --grad", method);
    return fail(error, BAD_USAGE,
        "has no attngrad.%02zu: -M %s needs it from layer %zu on: run vitfwd with --grad, "
        "without -l",
        lacking, method, first);
}
