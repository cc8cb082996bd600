#include "common/class_find.h"
#include "common/option.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Whether text is name, or one of the synonyms in it ("tabby, tabby cat"). */
static bool is_name(const char *text, const char *name)
{
    const size_t length = strlen(text);
    if (strcasecmp(text, name) == 0)
        return true;
    for (const char *at = name; at; at = strchr(at, ',')) {
        at += strspn(at, ", ");
        if (strncasecmp(at, text, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* Names of the first classes that find says yes to, for a message. */
static size_t list_classes(const struct class_list *list, const char *text,
    bool (*find)(const char *text, const char *name), char *to, size_t room)
{
    size_t found = 0, n = 0;
    *to = '\0';
    for (size_t c = 0; c < list->count; c++) {
        const char *name = list->name(list->of, c);
        if (!name || !find(text, name))
            continue;
        if (found++ < 5 && n < room)
            n += (size_t)snprintf(to + n, room - n, "%s%zu \"%.40s\"", n ? ", " : "", c, name);
    }
    return found;
}

static bool is_part(const char *text, const char *name)
{
    return strcasestr(name, text) != NULL;
}

static int find_name(
    const struct class_list *list, const char *text, size_t *index, struct error *error)
{
    const char *option = list->option, *model = list->model;
    const char *words = list->words ? list->words : "";
    char names[400];
    const size_t found = list_classes(list, text, is_name, names, sizeof names);
    for (size_t c = 0; c < list->count && found == 1; c++) {
        const char *name = list->name(list->of, c);
        if (name && is_name(text, name)) {
            *index = c;
            return 0;
        }
    }
    if (found > 1)
        return fail(error, BAD_USAGE, "%s %.100s: %zu classes of %s have that name: %s", option,
            text, found, model, names);
    if (!list->name(list->of, 0))
        return fail(error, BAD_USAGE,
            "%s %.100s: takes %s%san index: the class names of %s are not known (id2label in "
            "its configuration would tell, or a labels.tsv where no other model lies: see "
            "saccade(7))",
            option, text, words, *words ? " or " : "", model);
    if (*text && list_classes(list, text, is_part, names, sizeof names) > 0)
        return fail(error, BAD_USAGE, "%s %.100s: no class of %s has that name; near it: %s",
            option, text, model, names);
    return fail(error, BAD_USAGE,
        "%s %.100s: takes %s%san index or a class name: %s has no such class", option, text,
        words, *words ? ", " : "", model);
}

static int find_index(
    const struct class_list *list, const char *text, size_t *index, struct error *error)
{
    uint64_t number;
    const int status = parse_count(list->option, text, 0, 1e9, &number, error);
    if (status < 0)
        return status;
    if (list->count > 0 && number >= list->count)
        return fail(error, BAD_USAGE, "%s %s: %s has %zu classes, from 0 to %zu", list->option,
            text, list->model, list->count, list->count - 1);
    *index = (size_t)number;
    return 0;
}

int class_find(
    const struct class_list *list, const char *text, size_t *index, struct error *error)
{
    return text[strspn(text, "0123456789")] == '\0' && *text
               ? find_index(list, text, index, error)
               : find_name(list, text, index, error);
}
