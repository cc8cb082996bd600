#include "common/model.h"
#include "formats/io.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { JSON_LIMIT = 1 << 26, PATH_ROOM = 4096 };

static const char *const endings[] = { ".safetensors", ".pth", ".pt", ".bin", ".th" };

static bool is_directory(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static bool is_file(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && !S_ISDIR(about.st_mode);
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text), size = strlen(ending);
    return length > size && strcmp(text + length - size, ending) == 0;
}

/* The ending of a checkpoint's name: of the first, safetensors; of the others, PyTorch's. */
static const char *ending_of(const char *name)
{
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_with(name, endings[i]))
            return endings[i];
    return NULL;
}

static int add_file(struct model *model, const char *path, struct error *error)
{
    return ends_with(path, endings[0]) ? safetensors_add(&model->tensors, path, error)
                                       : pth_add(&model->tensors, path, error);
}

/* DIRECTORY/NAME into path; empty, so that nothing is there, where it is too long. */
static void join_path(char path[PATH_ROOM], const char *directory, const char *name)
{
    if (snprintf(path, PATH_ROOM, "%s/%s", directory, name) >= PATH_ROOM)
        *path = '\0';
}

/* DIRECTORY/NAME.safetensors, another checkpoint of that name, or DIRECTORY/NAME into path,
 * where there is one. */
static bool look_in(const char *directory, const char *name, char path[PATH_ROOM])
{
    char file[PATH_ROOM];
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        *path = '\0';
        if (snprintf(file, sizeof file, "%s%s", name, endings[i]) < PATH_ROOM)
            join_path(path, directory, file);
        if (is_file(path))
            return true;
    }
    join_path(path, directory, name);
    return is_directory(path) || is_file(path);
}

/* The models that come with saccade: above the program in a checkout, under share when
 * installed. */
static bool look_at_home(const char *name, char path[PATH_ROOM])
{
    static const char *const places[] = { "pipelines/models", "share/saccade/models" };
    char program[PATH_ROOM], directory[PATH_ROOM];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    for (char *slash; (slash = strrchr(program, '/')) != NULL;) {
        *slash = '\0';
        for (size_t i = 0; i < 2; i++) {
            join_path(directory, program, places[i]);
            if (look_in(directory, name, path))
                return true;
        }
    }
    return false;
}

/* In the directories of $SACCADE_MODELS. */
static bool look_in_places(const char *places, const char *name, char path[PATH_ROOM])
{
    char *copy = strdup(places), *rest = copy;
    bool found = false;
    for (const char *place; !found && (place = strsep(&rest, ":"));)
        found = *place && look_in(place, name, path);
    free(copy);
    return found;
}

static int find(const char *name, char path[PATH_ROOM], struct error *error)
{
    const char *places = getenv("SACCADE_MODELS");
    if (snprintf(path, PATH_ROOM, "%s", name) < PATH_ROOM
        && (is_directory(path) || is_file(path)))
        return 0;
    if (*name && !strchr(name, '/')
        && ((places && look_in_places(places, name, path)) || look_at_home(name, path)))
        return 0;
    return fail(error, BAD_SYSTEM,
        "%.300s: no such model: give a .safetensors or .pth file, a directory with one, or a "
        "name in $SACCADE_MODELS%s%s%s",
        name, places ? " (" : "", places ? places : "", places ? ")" : "");
}

static int read_json(const char *path, json_t **json, struct error *error)
{
    unsigned char *bytes;
    size_t size;
    json_error_t why;
    const int status = file_read(path, JSON_LIMIT, &bytes, &size, error);
    if (status < 0)
        return status;
    *json = json_loadb((char *)bytes, size, 0, &why);
    free(bytes);
    if (json_is_object(*json))
        return 0;
    json_decref(*json);
    *json = NULL;
    return fail(error, BAD_INPUT, "%s: not a JSON object", path);
}

/* DIRECTORY/NAME as JSON where it is there. */
static int read_beside(struct model *model, const char *directory, const char *name,
    bool config, struct error *error)
{
    char path[PATH_ROOM];
    json_t **json = config ? &model->config : &model->preprocessor;
    if (*json)
        return 0;
    join_path(path, directory, name);
    if (!is_file(path))
        return 0;
    snprintf(model->sources[config ? 0 : 1], sizeof model->sources[0], "%.500s", name);
    return read_json(path, json, error);
}

static int add_label(json_t *labels, const char *line)
{
    const char *last = strrchr(line, '\t');
    if (!isdigit((unsigned char)*line) || !last)
        return 0; /* a heading */
    const unsigned long index = strtoul(line, NULL, 10);
    if (index != json_array_size(labels))
        return -1;
    return json_array_append_new(labels, json_string(last + 1));
}

int model_read_labels(const char *path, json_t **labels, struct error *error)
{
    unsigned char *bytes = NULL;
    size_t size = 0;
    int status = file_read(path, JSON_LIMIT, &bytes, &size, error);
    char *text = status == 0 ? strndup((char *)bytes, size) : NULL;
    *labels = json_array();
    char *rest = text;
    for (char *line; status == 0 && (line = strsep(&rest, "\r\n"));)
        if (add_label(*labels, line) < 0)
            status = fail(error, BAD_INPUT,
                "%s: %.60s: takes index, tab, name with indices from 0 in order", path, line);
    free(text);
    free(bytes);
    return status;
}

static int read_labels(struct model *model, const char *directory, struct error *error)
{
    char path[PATH_ROOM];
    join_path(path, directory, "labels.tsv");
    return is_file(path) ? model_read_labels(path, &model->labels, error) : 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(
        json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

/* Every shard that the index names, all of one ending, once, in order of their names. */
static int open_shards(struct model *model, const char *directory, const char *index,
    const char *ending, struct error *error)
{
    char path[PATH_ROOM];
    json_t *json = NULL, *file;
    const char *tensor, *last = "";
    join_path(path, directory, index);
    int status = read_json(path, &json, error);
    const json_t *map = json_object_get(json, "weight_map");
    const size_t count = json_object_size(map);
    json_t **files = calloc(count + 1, sizeof *files);
    if (status == 0 && (!files || count == 0))
        status = fail(error, BAD_INPUT, "%s: has no weight_map", path);
    size_t n = 0;
    json_object_foreach((json_t *)map, tensor, file)
        if (status == 0 && n < count) {
            files[n++] = file;
            const char *name = json_string_value(file);
            if (!name || strchr(name, '/') || !ends_with(name, ending))
                status =
                    fail(error, BAD_INPUT, "%s: %.200s is in no shard beside it", path, tensor);
        }
    if (status == 0)
        qsort(files, n, sizeof *files, by_name);
    for (size_t i = 0; i < n && status == 0; last = json_string_value(files[i++]))
        if (strcmp(json_string_value(files[i]), last) != 0) {
            join_path(path, directory, json_string_value(files[i]));
            status = add_file(model, path, error);
        }
    if (status == 0 && model->tensors.count != count)
        status = fail(error, BAD_INPUT, "%s/%s: names %zu tensors, its shards have %zu",
            directory, index, count, model->tensors.count);
    free(files);
    json_decref(json);
    return status;
}

/* The hub's name for any model. */
static bool is_generic(const char *base)
{
    return strcmp(base, "model") == 0 || strcmp(base, "pytorch_model") == 0;
}

/* How many models' checkpoints lie in the directory: the hub's generic ones are of one model,
 * and what training leaves beside them is of none. */
static size_t count_checkpoints(const char *directory)
{
    static const char *const states[] = { "optimizer.", "scheduler.", "scaler.", "rng_state",
        "training_args." };
    size_t count = 0, generic = 0;
    DIR *list = opendir(directory);
    for (const struct dirent *entry; list && (entry = readdir(list));) {
        const char *name = entry->d_name, *ending = ending_of(name);
        bool counts = ending != NULL;
        for (size_t i = 0; i < sizeof states / sizeof *states; i++)
            counts = counts && strncmp(name, states[i], strlen(states[i])) != 0;
        if (!counts)
            continue;
        char base[sizeof entry->d_name];
        snprintf(base, sizeof base, "%.*s", (int)(strlen(name) - strlen(ending)), name);
        if (is_generic(base))
            generic = 1;
        else
            count++;
    }
    if (list)
        closedir(list);
    return count + generic;
}

static int set_name(
    struct model *model, const char *directory, const char *base, struct error *error)
{
    char real[PATH_ROOM];
    const bool generic = is_generic(base);
    const char *slash;
    char *resolved = generic ? realpath(directory, NULL) : NULL;
    snprintf(real, sizeof real, "%s", resolved ? resolved : directory);
    free(resolved);
    slash = strrchr(real, '/');
    const char *name = generic ? (slash ? slash + 1 : real) : base;
    if (asprintf(&model->name, "%s:%08x", name, model->tensors.crc) < 0) {
        model->name = NULL;
        return fail_memory(error, strlen(name));
    }
    json_t *text = json_string(model->name);
    json_decref(text);
    return text ? 0 : fail(error, BAD_USAGE, "%s: a model's name must be UTF-8", model->path);
}

/* A configuration in the safetensors' own metadata, as saccade's finetune writes it. */
static int read_metadata(struct model *model, struct error *error)
{
    const char *text = json_string_value(json_object_get(model->tensors.metadata, "config"));
    if (model->config || !text)
        return 0;
    model->config = json_loads(text, 0, NULL);
    snprintf(model->sources[0], sizeof model->sources[0], "__metadata__");
    return json_is_object(model->config)
               ? 0
               : fail(error, BAD_INPUT, "%s: config in __metadata__ is not a JSON object",
                   model->path);
}

/* The first that is there of model.safetensors and pytorch_model.bin, whole or in shards. */
static int add_hub_files(struct model *model, const char *directory, struct error *error)
{
    static const char *const files[][2] = { { "model", ".safetensors" },
        { "pytorch_model", ".bin" } };
    char path[PATH_ROOM], name[64];
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s%s.index.json", files[i][0], files[i][1]);
        join_path(path, directory, name);
        if (is_file(path))
            return open_shards(model, directory, name, files[i][1], error);
        snprintf(name, sizeof name, "%s%s", files[i][0], files[i][1]);
        join_path(path, directory, name);
        if (is_file(path))
            return add_file(model, path, error);
    }
    return fail(error, BAD_SYSTEM,
        "%s: has no model.safetensors and no pytorch_model.bin, nor an index of either's "
        "shards",
        directory);
}

static int open_directory(struct model *model, const char *directory, struct error *error)
{
    int status = add_hub_files(model, directory, error);
    if (status == 0)
        status = read_beside(model, directory, "config.json", true, error);
    if (status == 0)
        status = read_metadata(model, error);
    if (status == 0)
        status = read_beside(model, directory, "preprocessor_config.json", false, error);
    if (status == 0)
        status = read_labels(model, directory, error);
    return status < 0 ? status : set_name(model, directory, "model", error);
}

static int open_file(struct model *model, const char *path, struct error *error)
{
    char directory[PATH_ROOM], base[PATH_ROOM], config[PATH_ROOM + 8];
    const char *slash = strrchr(path, '/');
    snprintf(directory, sizeof directory, "%.*s",
        slash ? (int)(slash - path) + (slash == path) : 1, slash ? path : ".");
    snprintf(base, sizeof base, "%s", slash ? slash + 1 : path);
    const char *ending = ending_of(base);
    if (!ending)
        return fail(error, BAD_USAGE,
            "%s: neither a .safetensors nor a PyTorch checkpoint (.pth, .pt, .bin, .th)", path);
    base[strlen(base) - strlen(ending)] = '\0';
    snprintf(config, sizeof config, "%s.json", base);
    int status = add_file(model, path, error);
    if (status == 0)
        status = read_beside(model, directory, config, true, error);
    if (status == 0)
        status = read_metadata(model, error);
    if (status == 0 && count_checkpoints(directory) == 1) {
        model->beside = !model->config;
        status = read_beside(model, directory, "config.json", true, error);
        if (status == 0)
            status = read_beside(model, directory, "preprocessor_config.json", false, error);
        if (status == 0)
            status = read_labels(model, directory, error);
    }
    return status < 0 ? status : set_name(model, directory, base, error);
}

int model_open(struct model *model, const char *name, const char *variable,
    const char *fallback, struct error *error)
{
    char path[PATH_ROOM];
    *model = (struct model){ 0 };
    if (!name && getenv(variable) && *getenv(variable))
        name = getenv(variable);
    int status = 0;
    if (name)
        status = find(name, path, error);
    else if (!look_at_home(fallback, path))
        status = fail(error, BAD_SYSTEM,
            "%s: the model that comes with saccade is not there: say -m MODEL", fallback);
    if (status == 0 && !(model->path = strdup(path)))
        status = fail_memory(error, strlen(path));
    if (status == 0)
        status = is_directory(path) ? open_directory(model, path, error)
                                    : open_file(model, path, error);
    if (status == 0 && model->config)
        model->config_source = model->sources[0];
    if (status == 0 && model->preprocessor)
        model->preprocessor_source = model->sources[1];
    if (status < 0)
        model_close(model);
    return status;
}

void model_close(struct model *model)
{
    tensors_free(&model->tensors);
    json_decref(model->config);
    json_decref(model->preprocessor);
    json_decref(model->labels);
    free(model->path);
    free(model->name);
    *model = (struct model){ 0 };
}
