/*
 * The training state is a safetensors file of arenas, [total] each: "values" and the
 * optimiser's; the rest is JSON in its metadata.
 */
#include "common/checkpoint.h"
#include "formats/safetensors_write.h"

#include <libdeflate.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_ARENAS = OPTIMISER_MAX_ARENAS + 1 };

static const char format_name[] = "saccade training state 1";

/* All that is restored, by name. */
struct arenas {
    struct optimiser_arena items[MAX_ARENAS];
    size_t count, total;
};

static void list_arenas(
    struct arenas *arenas, const struct params *params, struct optimiser *optimiser)
{
    arenas->items[0] = (struct optimiser_arena){ "values", params->values };
    arenas->count = 1 + optimiser_arenas(optimiser, arenas->items + 1);
    arenas->total = params->total;
}

/* A sum over names, shapes and places: what makes two arenas the same layout. */
static json_int_t layout_of(const struct params *params)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < params->count; i++) {
        const struct param *param = &params->items[i];
        const size_t numbers[] = { param->rank, param->at, param->groups, param->trained };
        crc = libdeflate_crc32(crc, param->name, strlen(param->name) + 1);
        crc = libdeflate_crc32(crc, numbers, sizeof numbers);
        crc = libdeflate_crc32(crc, param->shape, param->rank * sizeof *param->shape);
    }
    return crc;
}

static const float *arena_values(void *argument, size_t i)
{
    const struct arenas *arenas = argument;
    return arenas->items[i].values;
}

static char *describe(const struct params *params, const struct optimiser *optimiser,
    const json_t *recipe, const json_t *progress)
{
    json_t *state = json_pack("{s:I, s:I, s:I, s:O, s:O}", "parameters",
        (json_int_t)params->count, "layout", layout_of(params), "steps",
        (json_int_t)optimiser_steps(optimiser), "recipe", recipe, "progress", progress);
    char *text = state ? json_dumps(state, JSON_COMPACT) : NULL;
    json_decref(state);
    return text;
}

int state_write(const char *path, const struct params *params, struct optimiser *optimiser,
    const json_t *recipe, const json_t *progress, struct error *error)
{
    struct arenas arenas;
    struct safetensors_item items[MAX_ARENAS];
    struct whole_file file = { .fd = -1 };
    list_arenas(&arenas, params, optimiser);
    for (size_t i = 0; i < arenas.count; i++)
        items[i] = (struct safetensors_item){ arenas.items[i].name, 1, { arenas.total } };
    char *text = describe(params, optimiser, recipe, progress);
    json_t *metadata = json_pack("{s:s, s:s}", "format", format_name, "state", text);
    const struct safetensors_plan plan = { .items = items,
        .count = arenas.count,
        .metadata = metadata,
        .values = arena_values,
        .argument = &arenas };
    int status = text && metadata ? 0 : fail_memory(error, 1 << 16);
    if (status == 0)
        status = file_begin(path, &file, error);
    if (status == 0)
        status = safetensors_write(&file, &plan, error);
    if (status == 0)
        status = file_commit(&file, error);
    file_release(&file);
    json_decref(metadata);
    free(text);
    return status;
}

/* "0.1" or so, cut where it is long. */
static void say(const json_t *value, char text[64])
{
    char *whole = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    snprintf(text, 64, "%.60s", whole ? whole : "not set");
    free(whole);
}

/* The first of a list's items that another list lacks, or NULL: so options are told apart. */
static const json_t *lacking(const json_t *list, const json_t *other)
{
    size_t i, k;
    json_t *item, *candidate;
    json_array_foreach((json_t *)list, i, item) {
        bool found = false;
        json_array_foreach((json_t *)other, k, candidate)
            found |= json_equal(item, candidate) != 0;
        if (!found)
            return item;
    }
    return NULL;
}

/* The part of a value that differs from another's. */
static const json_t *difference(const json_t *value, const json_t *other)
{
    return json_is_array(value) && json_is_array(other) && !json_equal(value, other)
                   && (lacking(value, other) || lacking(other, value))
               ? lacking(value, other)
               : value;
}

/* What finetune once didn't say of the data. */
static bool is_unknown(const json_t *there, const char *key)
{
    static const char *const keys[] = { "data_crc32", "val_crc32", "classes" };
    bool is = false;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        is |= strcmp(keys[i], key) == 0;
    return is && !json_object_get(there, key);
}

struct recipe_change {
    const char *key; /* borrowed; NULL: there is none */
    char then[64], now[64];
};

/* The first thing that differs; whole: also of those that are only there. */
static struct recipe_change find_change(const json_t *there, const json_t *here, bool whole)
{
    struct recipe_change change = { 0 };
    const json_t *const both[] = { here, there };
    for (size_t side = 0; side < (whole ? 2U : 1U); side++) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)both[side], key, value) {
            const json_t *other = json_object_get(both[1 - side], key);
            if ((other && json_equal(value, other)) || is_unknown(there, key))
                continue;
            change.key = key;
            say(difference(side == 0 ? value : other, side == 0 ? other : value), change.now);
            say(difference(side == 0 ? other : value, side == 0 ? value : other), change.then);
            return change;
        }
    }
    return change;
}

static int compare_recipes(
    const char *path, const json_t *there, const json_t *here, struct error *error)
{
    const struct recipe_change change = find_change(there, here, true);
    if (!change.key)
        return 0;
    return fail(error, BAD_USAGE,
        "%s: of another training: %.60s was %s, is %s: say it as it was, or train anew without "
        "--resume",
        path, change.key, change.then, change.now);
}

static int check_state(const char *path, const struct params *params, const json_t *state,
    const json_t *recipe, struct error *error)
{
    const json_t *steps = json_object_get(state, "steps");
    const json_t *there = json_object_get(state, "recipe");
    if (!json_is_object(there) || !json_is_object(json_object_get(state, "progress"))
        || !json_is_integer(steps) || json_integer_value(steps) < 0)
        return fail(error, BAD_INPUT, "%s: is not a training state of ours", path);
    const int status = compare_recipes(path, there, recipe, error);
    if (status < 0)
        return status;
    const json_int_t count = json_integer_value(json_object_get(state, "parameters"));
    if (count != (json_int_t)params->count
        || json_integer_value(json_object_get(state, "layout")) != layout_of(params))
        return fail(error, BAD_USAGE, "%s: of another model: %lld parameters, not these %zu",
            path, (long long)count, params->count);
    return 0;
}

static int check_arenas(const char *path, const struct tensors *tensors,
    const struct arenas *arenas, struct error *error)
{
    for (size_t i = 0; i < arenas->count; i++) {
        const struct tensor *tensor = tensors_find(tensors, arenas->items[i].name);
        if (!tensor || tensor->type != TENSOR_F32 || tensor->count != arenas->total)
            return fail(error, BAD_USAGE, "%s: of another optimiser: has no %s of %zu numbers",
                path, arenas->items[i].name, arenas->total);
    }
    return tensors->count == arenas->count
               ? 0
               : fail(error, BAD_USAGE, "%s: of another optimiser: %zu arenas, not %zu", path,
                   tensors->count, arenas->count);
}

/* All is checked before anything is taken. */
static int take_state(const char *path, const struct tensors *tensors, const json_t *state,
    struct params *params, struct optimiser *optimiser, const json_t *recipe,
    struct error *error)
{
    struct arenas arenas;
    list_arenas(&arenas, params, optimiser);
    int status = check_state(path, params, state, recipe, error);
    if (status == 0)
        status = check_arenas(path, tensors, &arenas, error);
    for (size_t i = 0; i < arenas.count && status == 0; i++)
        tensor_to_floats(tensors_find(tensors, arenas.items[i].name), arenas.items[i].values);
    if (status == 0)
        optimiser_set_steps(
            optimiser, (uint64_t)json_integer_value(json_object_get(state, "steps")));
    return status;
}

int state_read(const char *path, struct params *params, struct optimiser *optimiser,
    const json_t *recipe, json_t **progress, struct error *error)
{
    struct tensors tensors = { 0 };
    *progress = NULL;
    int status = safetensors_add(&tensors, path, error);
    if (status == 0)
        status = safetensors_check(&tensors, path, error);
    const char *format = json_string_value(json_object_get(tensors.metadata, "format"));
    const char *text = json_string_value(json_object_get(tensors.metadata, "state"));
    if (status == 0 && (!format || strcmp(format, format_name) != 0 || !text))
        status = fail(error, BAD_INPUT, "%s: is not a training state of ours", path);
    json_t *state = status == 0 ? json_loads(text, 0, NULL) : NULL;
    if (status == 0)
        status = take_state(path, &tensors, state, params, optimiser, recipe, error);
    if (status == 0)
        *progress = json_incref(json_object_get(state, "progress"));
    json_decref(state);
    tensors_free(&tensors);
    return status;
}

bool state_about(const char *path, uint64_t *epoch, uint64_t *epochs)
{
    struct tensors tensors = { 0 };
    struct error ignored;
    json_int_t done = -1, all = -1;
    if (safetensors_add(&tensors, path, &ignored) == 0) {
        const char *text = json_string_value(json_object_get(tensors.metadata, "state"));
        json_t *state = text ? json_loads(text, 0, NULL) : NULL;
        if (json_unpack(state, "{s:{s:I}, s:{s:I}}", "progress", "epoch", &done, "recipe",
                "epochs", &all)
            < 0)
            done = -1;
        json_decref(state);
    }
    tensors_free(&tensors);
    *epoch = (uint64_t)done;
    *epochs = (uint64_t)all;
    return done >= 0 && all >= 0;
}

/* The recipe as the model at path has it, or NULL: the caller's. */
static json_t *recipe_of(const char *path)
{
    char name[PATH_MAX];
    struct tensors tensors = { 0 };
    struct error ignored;
    struct stat about;
    const bool folder = stat(path, &about) == 0 && S_ISDIR(about.st_mode);
    const char *text = NULL;
    if (snprintf(name, sizeof name, "%s%s", path, folder ? "/model.safetensors" : "") < PATH_MAX
        && safetensors_add(&tensors, name, &ignored) == 0)
        text = json_string_value(json_object_get(tensors.metadata, "training"));
    json_t *made = text ? json_loads(text, 0, NULL) : NULL;
    tensors_free(&tensors);
    return made;
}

int checkpoint_finished(const char *path, const json_t *recipe, struct error *error)
{
    json_t *made = recipe_of(path);
    const json_t *done = json_object_get(made, "epochs_done");
    int status = done && json_equal(done, json_object_get(made, "epochs")) ? 1 : 0;
    /* Numbers as checkpoint_write rounds them. */
    char *text = json_dumps(recipe, CHECKPOINT_NUMBERS);
    json_t *here = text ? json_loads(text, 0, NULL) : NULL;
    if (!here)
        status = fail_memory(error, 1 << 16);
    const struct recipe_change change =
        status == 1 ? find_change(made, here, false) : (struct recipe_change){ 0 };
    if (change.key)
        status = fail(error, BAD_USAGE,
            "%.300s is trained already, with %.60s %s, not %s: to train on, say -m %.300s and "
            "another -o; to train anew, leave out --resume",
            path, change.key, change.then, change.now, path);
    json_decref(here);
    json_decref(made);
    free(text);
    return status;
}
