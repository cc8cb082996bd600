#include "common/checkpoint.h"
#include "formats/safetensors_write.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_ROOM = 4096, SIDE_LIMIT = 1 << 26, SIDES = 4 };

static const char maker[] = "saccade finetune";
static const char ending[] = ".safetensors";

/* A file beside the model. */
struct side {
    char path[PATH_ROOM];
    char *text;  /* owned; NULL: not to be there */
    bool config; /* a reader of the model reads it */
    bool same;   /* as it lies there */
    struct whole_file file;
};

struct writing {
    const struct checkpoint *checkpoint;
    char model[PATH_ROOM], folder[PATH_ROOM]; /* where the model lies */
    struct side sides[SIDES];
    size_t side_count;
    char *config, *training; /* owned */
    struct whole_file file;
    float *scratch; /* [largest convolution], owned */
    struct error *error;
};

static bool is_single(const char *path)
{
    const size_t length = strlen(path), size = strlen(ending);
    return length > size && strcmp(path + length - size, ending) == 0;
}

static bool exists(const char *path)
{
    struct stat about;
    return lstat(path, &about) == 0;
}

static int set_path(char path[PATH_ROOM], struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int set_path(char path[PATH_ROOM], struct error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(path, PATH_ROOM, format, arguments);
    va_end(arguments);
    return length < PATH_ROOM ? 0 : fail(error, BAD_USAGE, "%.200s...: too long a path", path);
}

/* X.json of X.safetensors. */
static int config_path(char path[PATH_ROOM], const char *model, struct error *error)
{
    return set_path(path, error, "%.*s.json", (int)(strlen(model) - strlen(ending)), model);
}

/* Whether a text is an object that we made. */
static bool is_ours(const json_t *object)
{
    const char *by = json_string_value(json_object_get(object, "made_by"));
    return by && strcmp(by, maker) == 0;
}

static int check_single(const char *path, struct error *error)
{
    char config[PATH_ROOM];
    struct tensors tensors = { 0 };
    struct error ignored;
    int status = config_path(config, path, error);
    if (status < 0)
        return status;
    const char *taken = exists(path) ? path : exists(config) ? config : NULL;
    if (!taken)
        return 0;
    bool ours = false;
    json_t *json = json_load_file(config, 0, NULL);
    if (exists(path)) {
        ours = safetensors_add(&tensors, path, &ignored) == 0 && is_ours(tensors.metadata);
        ours = ours && (!exists(config) || is_ours(json));
        tensors_free(&tensors);
    } else {
        ours = is_ours(json);
    }
    json_decref(json);
    return ours ? 0
                : fail(error, BAD_USAGE,
                    "%s: is there and not of finetune: give another -o, or remove it", taken);
}

/* What a model's directory may be known by. */
static bool is_of_model(const char *name)
{
    static const char *const names[] = { "config.json", "preprocessor_config.json",
        "labels.tsv", "training.json" };
    static const char *const endings[] = { ".safetensors", ".pth", ".pt", ".bin", ".th",
        ".index.json" };
    const size_t length = strlen(name);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (length > strlen(endings[i])
            && strcmp(name + length - strlen(endings[i]), endings[i]) == 0)
            return true;
    return false;
}

static int check_directory(const char *path, struct error *error)
{
    char training[PATH_ROOM];
    if (mkdir(path, 0777) == 0)
        return 0;
    if (errno != EEXIST)
        return fail_errno(error, "%s: can't be made", path);
    int status = set_path(training, error, "%s/training.json", path);
    DIR *list = status == 0 ? opendir(path) : NULL;
    if (!list)
        return status < 0 ? status : fail_errno(error, "%s", path);
    json_t *json = json_load_file(training, 0, NULL);
    const bool ours = is_ours(json);
    json_decref(json);
    for (const struct dirent *entry; status == 0 && !ours && (entry = readdir(list));)
        if (is_of_model(entry->d_name))
            status = fail(error, BAD_USAGE,
                "%s: holds another model (%.200s): give another -o, or remove it", path,
                entry->d_name);
    closedir(list);
    return status;
}

int checkpoint_check(
    const char *path, const char *const *classes, size_t class_count, struct error *error)
{
    struct stat about;
    for (size_t i = 0; classes && i < class_count; i++) {
        json_t *text = json_string(classes[i]);
        bool bad = !text;
        json_decref(text);
        for (const char *at = classes[i]; *at; at++)
            bad |= iscntrl((unsigned char)*at) != 0;
        if (bad)
            return fail(error, BAD_USAGE,
                "class %zu (%.60s): a name must be UTF-8 without control characters", i,
                classes[i]);
    }
    if (is_single(path))
        return check_single(path, error);
    if (stat(path, &about) == 0 && !S_ISDIR(about.st_mode))
        return fail(
            error, BAD_USAGE, "%s: takes a directory, or a file NAME.safetensors", path);
    return check_directory(path, error);
}

/* The caller's configuration with what is known of classes and inputs. */
static json_t *make_config(const struct checkpoint *checkpoint)
{
    const json_t *given = checkpoint->config;
    json_t *config = json_copy((json_t *)given), *names = json_array();
    json_t *cfg = json_copy(json_object_get(given, "pretrained_cfg"));
    json_t *rule = checkpoint_rule_json(checkpoint->rule, checkpoint->crop);
    const json_int_t count = (json_int_t)checkpoint->class_count;
    int bad = !config || !names || !rule;
    if (!cfg)
        cfg = json_object();
    bad = bad || json_object_update(cfg, rule) < 0
          || json_object_set_new(cfg, "num_classes", json_integer(count)) < 0
          || json_object_set(config, "pretrained_cfg", cfg) < 0
          || json_object_set_new(config, "num_classes", json_integer(count)) < 0
          || json_object_set_new(config, "made_by", json_string(maker)) < 0;
    for (size_t i = 0; !bad && checkpoint->classes && i < checkpoint->class_count; i++)
        bad = json_array_append_new(names, json_string(checkpoint->classes[i])) < 0;
    if (!bad && checkpoint->classes)
        bad = json_object_set(config, "label_names", names) < 0;
    json_decref(names);
    json_decref(cfg);
    json_decref(rule);
    if (!bad)
        return config;
    json_decref(config);
    return NULL;
}

/* An object's text, with a line's end where it is a file's. */
static char *text_of(const json_t *json, bool file)
{
    const size_t flags = CHECKPOINT_NUMBERS | (file ? JSON_INDENT(2) : JSON_COMPACT);
    char *text = json ? json_dumps(json, flags) : NULL, *line = NULL;
    if (!file || !text)
        return text;
    if (asprintf(&line, "%s\n", text) < 0)
        line = NULL;
    free(text);
    return line;
}

static char *make_labels(const struct checkpoint *checkpoint)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return NULL;
    for (size_t i = 0; i < checkpoint->class_count; i++)
        fprintf(stream, "%zu\t%s\n", i, checkpoint->classes[i]);
    const bool bad = ferror(stream) != 0;
    if (fclose(stream) != 0 || bad) {
        free(text);
        return NULL;
    }
    return text;
}

/* Takes text over; NULL where it was to be made: no memory. */
static int add_side(struct writing *writing, const char *name, char *text, bool config)
{
    struct side *side = &writing->sides[writing->side_count++];
    *side = (struct side){ .text = text, .config = config, .file = { .fd = -1 } };
    if (!text)
        return fail_memory(writing->error, SIDE_LIMIT);
    return name ? set_path(side->path, writing->error, "%s/%s", writing->folder, name)
                : config_path(side->path, writing->model, writing->error);
}

static int add_directory_sides(struct writing *writing, const json_t *config)
{
    const struct checkpoint *checkpoint = writing->checkpoint;
    json_t *preprocessor = json_pack("{s:s, s:O?, s:O?}", "image_processor_type",
        "TimmWrapperImageProcessor", "architecture", json_object_get(config, "architecture"),
        "pretrained_cfg", json_object_get(config, "pretrained_cfg"));
    json_t *training = json_loads(writing->training, 0, NULL);
    /* First of all: it says that the directory is ours. */
    int status = add_side(writing, "training.json", text_of(training, true), false);
    if (status == 0)
        status = add_side(writing, "config.json", text_of(config, true), true);
    if (status == 0)
        status =
            add_side(writing, "preprocessor_config.json", text_of(preprocessor, true), true);
    if (status == 0)
        status = add_side(writing, "labels.tsv",
            checkpoint->classes ? make_labels(checkpoint) : strdup(""), true);
    if (status == 0 && !checkpoint->classes) {
        free(writing->sides[writing->side_count - 1].text);
        writing->sides[writing->side_count - 1].text = NULL;
    }
    json_decref(training);
    json_decref(preprocessor);
    return status;
}

static int make_sides(struct writing *writing)
{
    const struct checkpoint *checkpoint = writing->checkpoint;
    json_t *config = make_config(checkpoint);
    json_t *training = json_pack("{s:s}", "made_by", maker);
    if (training && checkpoint->training)
        json_object_update(training, (json_t *)checkpoint->training);
    writing->config = text_of(config, false);
    writing->training = text_of(training, false);
    json_decref(training);
    int status = 0;
    if (!writing->config || !writing->training)
        status = fail_memory(writing->error, SIDE_LIMIT);
    else
        status = is_single(checkpoint->path)
                     ? add_side(writing, NULL, text_of(config, true), true)
                     : add_directory_sides(writing, config);
    json_decref(config);
    return status;
}

static bool lies_there(const struct side *side)
{
    unsigned char *bytes;
    size_t size;
    struct error ignored;
    if (!exists(side->path) || !side->text)
        return !exists(side->path) && !side->text;
    if (file_read(side->path, SIDE_LIMIT, &bytes, &size, &ignored) < 0)
        return false;
    const bool same = size == strlen(side->text) && memcmp(bytes, side->text, size) == 0;
    free(bytes);
    return same;
}

static int put_side(struct side *side, struct error *error)
{
    side->same = lies_there(side);
    if (side->same || !side->text)
        return 0;
    int status = file_begin(side->path, &side->file, error);
    if (status == 0)
        status = file_put(&side->file, side->text, strlen(side->text), error);
    return status < 0 ? status : file_close(&side->file, error);
}

static const float *values_of(void *argument, size_t i)
{
    const struct writing *writing = argument;
    const struct param *param = &writing->checkpoint->params->items[i];
    const float *values = writing->checkpoint->values + param->at;
    if (param->groups == 0)
        return values;
    param_export(param, values, writing->scratch);
    return writing->scratch;
}

static int put_model(struct writing *writing)
{
    const struct params *params = writing->checkpoint->params;
    size_t largest = 1;
    struct safetensors_item *items = calloc(params->count + 1, sizeof *items);
    for (size_t i = 0; items && i < params->count; i++) {
        const struct param *param = &params->items[i];
        items[i] = (struct safetensors_item){ .name = param->name, .rank = param->rank };
        memcpy(items[i].shape, param->shape, sizeof param->shape);
        if (param->groups > 0 && param->count > largest)
            largest = param->count;
    }
    writing->scratch = malloc(largest * sizeof *writing->scratch);
    json_t *metadata = json_pack("{s:s, s:s, s:s, s:s}", "format", "pt", "made_by", maker,
        "config", writing->config, "training", writing->training);
    const struct safetensors_plan plan = { .items = items,
        .count = params->count,
        .half = writing->checkpoint->half,
        .metadata = metadata,
        .values = values_of,
        .argument = writing };
    int status = !items || !writing->scratch || !metadata
                     ? fail_memory(writing->error, largest)
                     : file_begin(writing->model, &writing->file, writing->error);
    if (status == 0)
        status = safetensors_write(&writing->file, &plan, writing->error);
    if (status == 0)
        status = file_close(&writing->file, writing->error);
    json_decref(metadata);
    free(items);
    return status;
}

static int drop(const char *path, struct error *error)
{
    return unlink(path) < 0 && errno != ENOENT ? fail_errno(error, "%s: can't be removed", path)
                                               : 0;
}

/* So that names last as well; a file system that can't is none that loses them. */
static void sync_folder(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

/* All is on the disk: gives it its names. */
static int name_all(struct writing *writing)
{
    int status = 0;
    bool changed = false;
    for (size_t i = 0; i < writing->side_count; i++)
        changed |= writing->sides[i].config && !writing->sides[i].same;
    if (changed) {
        status = drop(writing->model, writing->error);
        sync_folder(writing->folder);
    }
    for (size_t i = 0; i < writing->side_count && status == 0; i++) {
        const struct side *side = &writing->sides[i];
        if (!side->same)
            status = side->text ? file_rename(&side->file, writing->error)
                                : drop(side->path, writing->error);
    }
    if (status == 0)
        status = file_rename(&writing->file, writing->error);
    sync_folder(writing->folder);
    return status;
}

static int set_places(struct writing *writing)
{
    const char *path = writing->checkpoint->path, *slash = strrchr(path, '/');
    if (!is_single(path)) {
        const int status = set_path(writing->folder, writing->error, "%s", path);
        return status < 0
                   ? status
                   : set_path(writing->model, writing->error, "%s/model.safetensors", path);
    }
    if (!slash)
        strcpy(writing->folder, ".");
    else
        snprintf(
            writing->folder, PATH_ROOM, "%.*s", (int)(slash - path) + (slash == path), path);
    return set_path(writing->model, writing->error, "%s", path);
}

int checkpoint_write(const struct checkpoint *checkpoint, struct error *error)
{
    struct writing *writing = calloc(1, sizeof *writing);
    if (!writing)
        return fail_memory(error, sizeof *writing);
    writing->checkpoint = checkpoint;
    writing->error = error;
    writing->file.fd = -1;
    int status = set_places(writing);
    if (status == 0)
        status = checkpoint_check(
            checkpoint->path, checkpoint->classes, checkpoint->class_count, error);
    if (status == 0)
        status = make_sides(writing);
    for (size_t i = 0; i < writing->side_count && status == 0; i++)
        status = put_side(&writing->sides[i], error);
    if (status == 0)
        status = put_model(writing);
    if (status == 0)
        status = name_all(writing);
    for (size_t i = 0; i < writing->side_count; i++) {
        free(writing->sides[i].text);
        file_release(&writing->sides[i].file);
    }
    file_release(&writing->file);
    free(writing->config);
    free(writing->training);
    free(writing->scratch);
    free(writing);
    return status;
}
