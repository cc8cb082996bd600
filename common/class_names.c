/* How the classes of a data set are called. */
#include "common/class_names.h"
#include "common/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int class_names_read(const char *text, json_t **names, struct error *error)
{
    if (!strchr(text, ','))
        return model_read_labels(text, names, error);
    char *copy = strdup(text), *rest = copy;
    *names = json_array();
    for (char *name; copy && (name = strsep(&rest, ","));)
        json_array_append_new(*names, json_string(name));
    free(copy);
    return 0;
}

bool class_names_known(const struct dataset *data)
{
    bool has = false;
    for (size_t c = 0; c < dataset_classes(data); c++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", c);
        has |= strcmp(dataset_class_name(data, c), number) != 0;
    }
    return has;
}

int class_names_settle(const char ***names, const char *text, const json_t *wished,
    const json_t *base, const struct dataset *data, struct error *error)
{
    const size_t wishes = json_array_size(wished);
    const size_t count = data ? dataset_classes(data) : wishes;
    const bool bases =
        !wished && data && !class_names_known(data) && json_array_size(base) == count;
    const json_t *from = bases ? base : wished;
    free(*names);
    *names = calloc(count + 1, sizeof **names);
    if (!*names)
        return fail_memory(error, count * sizeof **names);
    if (wishes && wishes != count)
        return fail(error, BAD_USAGE,
            "--classes %.100s: %zu names, but the data has %zu classes", text, wishes, count);
    for (size_t c = 0; c < count; c++) {
        const char *name = json_string_value(json_array_get(from, c));
        (*names)[c] = name ? name : data ? dataset_class_name(data, c) : NULL;
        if (wishes && !name)
            return fail(error, BAD_USAGE, "--classes %.100s: name %zu is not UTF-8", text, c);
    }
    return 0;
}
