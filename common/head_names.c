#include "common/head_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_number(const char *name, size_t class)
{
    char number[24];
    snprintf(number, sizeof number, "%zu", class);
    return !name || strcmp(name, number) == 0;
}

static const char *base_name(const json_t *base, size_t class)
{
    return json_string_value(json_array_get(base, class));
}

static bool has_names(const json_t *base)
{
    for (size_t c = 0; c < json_array_size(base); c++)
        if (!is_number(base_name(base, c), c))
            return true;
    return false;
}

/* The place among the base's names that no class before has taken, or count. */
static size_t find_place(const json_t *base, const char *name, size_t count, const bool *taken)
{
    size_t at = 0;
    while (at < count
           && (taken[at] || !base_name(base, at) || strcmp(base_name(base, at), name) != 0))
        at++;
    return at;
}

static int compare(struct head_match *match, const char *const *names, size_t count,
    const json_t *base, struct error *error)
{
    bool *taken = calloc(count + 1, sizeof *taken);
    match->from = calloc(count + 1, sizeof *match->from);
    if (!taken || !match->from) {
        free(taken);
        return fail_memory(error, count * sizeof *match->from);
    }
    match->kind = HEAD_SAME;
    for (size_t c = 0; c < count && match->kind != HEAD_OTHER; c++) {
        const char *own = base_name(base, c);
        const size_t at = own && !taken[c] && strcmp(own, names[c]) == 0
                              ? c
                              : find_place(base, names[c], count, taken);
        taken[at] = true;
        match->from[c] = at;
        if (at == count)
            match->stranger = names[c];
        match->kind = at == count ? HEAD_OTHER : at != c ? HEAD_MOVED : match->kind;
    }
    free(taken);
    return 0;
}

int head_match(struct head_match *match, const char *const *names, size_t count, bool named,
    const json_t *base, struct error *error)
{
    *match = (struct head_match){ .kind = HEAD_OTHER_COUNT };
    if (!base || json_array_size(base) != count)
        return 0;
    match->kind = !has_names(base) ? HEAD_NAMELESS : HEAD_UNSAID;
    return match->kind == HEAD_NAMELESS || !named ? 0
                                                  : compare(match, names, count, base, error);
}

static bool is_head(const struct param *param, size_t classes)
{
    return (strncmp(param->name, "head", 4) == 0 || strncmp(param->name, "fc.", 3) == 0)
           && param->groups == 0 && param->rank > 0 && param->shape[0] == classes;
}

static int reorder(
    const struct head_match *match, float *values, size_t rows, size_t row, struct error *error)
{
    float *copy = malloc(rows * row * sizeof *copy);
    if (!copy)
        return fail_memory(error, rows * row * sizeof *copy);
    memcpy(copy, values, rows * row * sizeof *copy);
    for (size_t c = 0; c < rows; c++)
        memcpy(values + c * row, copy + match->from[c] * row, row * sizeof *copy);
    free(copy);
    return 0;
}

int head_reorder(const struct head_match *match, struct trainer *trainer, struct error *error)
{
    int status = 0;
    if (match->kind != HEAD_MOVED || trainer->new_head)
        return 0;
    for (size_t i = 0; i < trainer->params.count && status == 0; i++) {
        const struct param *param = &trainer->params.items[i];
        if (is_head(param, trainer->classes))
            status = reorder(match, trainer->params.values + param->at, trainer->classes,
                param->count / trainer->classes, error);
    }
    return status;
}

bool head_said(const struct head_match *match, const struct trainer *trainer, char text[256])
{
    const size_t count = trainer->classes;
    if (match->kind == HEAD_OTHER)
        snprintf(text, 256, "a new head for %zu classes: the base has no %.150s", count,
            match->stranger);
    else if (trainer->new_head)
        snprintf(text, 256, "a new head for %zu classes", count);
    else if (match->kind == HEAD_MOVED)
        snprintf(text, 256, "the base's head for %zu classes, brought into their order", count);
    else if (match->kind == HEAD_UNSAID)
        snprintf(text, 256,
            "keeps the base's head and its %zu class names: say --classes for others", count);
    else if (match->kind == HEAD_NAMELESS)
        snprintf(text, 256, "keeps the base's head: the names of its %zu classes aren't known",
            count);
    else
        return false;
    return true;
}
