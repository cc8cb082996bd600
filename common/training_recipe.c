/* All that decides the bytes of a trained model. */
#include "common/training.h"

#include <stdio.h>
#include <string.h>

/* What a path says in the end: "pets:train", also of "data/pets/:train". */
static json_t *last_part(const char *path)
{
    const char *colon = strrchr(path, ':');
    const char *part = colon && !strchr(colon, '/') ? colon : path + strlen(path);
    size_t end = (size_t)(part - path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && end > 1 && path[start - 1] != '/')
        start--;
    return json_sprintf("%.*s%s", (int)(end - start), path + start, part);
}

static json_t *last_parts(const char *const *paths, size_t count)
{
    json_t *parts = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(parts, last_part(paths[i]));
    return parts;
}

static json_t *crc_of(const struct dataset *data)
{
    return data ? json_sprintf("%08x", dataset_crc(data)) : json_null();
}

json_t *training_recipe(const struct training *training, const char *architecture,
    const char *const *paths, size_t count, json_t *args)
{
    const struct optimiser_wishes *optimiser = &training->optimiser;
    json_t *classes = json_array();
    for (size_t c = 0; c < training->trainer->classes; c++)
        json_array_append_new(classes, json_string(training->class_names[c]));
    return json_pack("{s:s?, s:s?, s:o, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:s, s:f, s:f, "
                     "s:f, s:f, s:f, s:f, s:f, s:f, s:O}",
        "base", training->trainer->model->name, "arch", architecture, "data",
        last_parts(paths, count), "pictures", (json_int_t)dataset_count(training->data),
        "data_crc32", crc_of(training->data), "val_crc32", crc_of(training->validation),
        "classes", classes, "epochs", (json_int_t)training->epochs, "batch",
        (json_int_t)training->batch, "accumulate", (json_int_t)training->accumulate, "seed",
        (json_int_t)training->seed, "optimiser",
        optimiser->kind == OPTIMISER_SGD ? "sgd" : "adamw", "lr", training->lr, "min_lr",
        training->minimum, "warmup", training->warmup, "decay", optimiser->decay, "layer_decay",
        optimiser->layer_decay, "clip", optimiser->clip, "smoothing", training->smoothing,
        "ema", optimiser->ema, "args", args);
}
