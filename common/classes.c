#include "common/classes.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct class_model *find_model(const struct classes *classes, const char *model)
{
    for (size_t i = 0; model && i < classes->count; i++)
        if (strcmp(classes->models[i].model, model) == 0)
            return &classes->models[i];
    return NULL;
}

/* The entry of that model, a new one where there is none; NULL with the error set. */
static struct class_model *make_model(
    struct classes *classes, const char *model, int *status, struct error *error)
{
    struct class_model *found = find_model(classes, model);
    if (found)
        return found;
    if (classes->count == CLASSES_MAX_MODELS) {
        *status = fail(
            error, BAD_INPUT, "refused: a stream of more than %d models", CLASSES_MAX_MODELS);
        return NULL;
    }
    const size_t size = (classes->count + 1) * sizeof *classes->models;
    struct class_model *grown = realloc(classes->models, size);
    if (grown)
        classes->models = grown;
    char *name = strdup(model);
    if (!grown || !name) {
        free(name);
        *status = fail_memory(error, size);
        return NULL;
    }
    found = &classes->models[classes->count++];
    *found = (struct class_model){ .model = name };
    return found;
}

int classes_add(struct classes *classes, const struct member *member, struct error *error)
{
    json_t *info = json_loadb((const char *)member->bytes, member->size, 0, NULL);
    const char *model = json_string_value(json_object_get(info, "model"));
    json_t *names = json_object_get(info, "classes");
    int status = 0;
    if (!model || (names && !json_is_array(names) && !json_is_null(names))) {
        status = fail(error, BAD_INPUT,
            "corrupt: " STREAM_KEY "/model doesn't say a model and its classes");
    } else {
        struct class_model *entry = make_model(classes, model, &status, error);
        if (entry) {
            json_decref(entry->names);
            entry->names = json_is_array(names) ? json_incref(names) : NULL;
        }
    }
    json_decref(info);
    return status;
}

size_t classes_count(const struct classes *classes, const char *model)
{
    const struct class_model *found = find_model(classes, model);
    return found ? json_array_size(found->names) : 0;
}

int classes_check(
    const struct classes *classes, const char *model, size_t logits, struct error *error)
{
    const size_t known = classes_count(classes, model);
    return known == 0 || known == logits
               ? 0
               : fail(error, BAD_SAMPLE, "logits.npy is of %zu classes, its model of %zu",
                   logits, known);
}

const char *classes_name(const struct classes *classes, const char *model, size_t index)
{
    const struct class_model *found = find_model(classes, model);
    return found ? json_string_value(json_array_get(found->names, index)) : NULL;
}

void classes_free(struct classes *classes)
{
    for (size_t i = 0; i < classes->count; i++) {
        free(classes->models[i].model);
        json_decref(classes->models[i].names);
    }
    free(classes->models);
    *classes = (struct classes){ 0 };
}

int label_read(const struct sample *sample, int64_t *label, struct error *error)
{
    char text[32] = "", *end;
    const struct member *member = sample_find(sample, "cls");
    if (!member)
        return 0;
    if (member->size > 0 && member->size < sizeof text)
        memcpy(text, member->bytes, member->size);
    errno = 0;
    *label = strtoll(text, &end, 10);
    const bool number = end > text && errno == 0;
    while (isspace((unsigned char)*end))
        end++;
    if (!number || *end || strlen(text) != member->size)
        return fail(error, BAD_SAMPLE, "cls is not an integer");
    return 1;
}

int label_need(const struct sample *sample, const char *what, const char *model, size_t classes,
    int64_t *label, struct error *error)
{
    const int found = label_read(sample, label, error);
    if (found < 0)
        return found;
    if (found == 0)
        return fail(
            error, BAD_USAGE, "has no cls, which %s needs: see preprocess --labels", what);
    if (classes > 0 && (*label < 0 || *label >= (int64_t)classes))
        return fail(error, BAD_SAMPLE, "cls is %lld, %s has %zu classes", (long long)*label,
            model ? model : "its model", classes);
    return 0;
}

int model_read(const struct sample *sample, char **model, struct error *error)
{
    const struct member *member = sample_find(sample, "model.json");
    *model = NULL;
    if (!member)
        return 0;
    json_t *info;
    const int status = sample_json(sample, "model.json", &info, error);
    if (status < 0)
        return status;
    const char *text = json_string_value(json_object_get(info, "model"));
    if (text)
        *model = strdup(text);
    const bool failed = text && !*model;
    json_decref(info);
    return failed ? fail_memory(error, member->size) : 0;
}
