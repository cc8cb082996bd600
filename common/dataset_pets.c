/* Oxford-IIIT Pet as published: images/NAME.jpg, and annotations/trainval.txt and test.txt with
 * lines of NAME CLASS-ID SPECIES BREED-ID, where NAME is the breed, _ and a number. */
#include "common/dataset_parts.h"
#include "formats/io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_LIMIT = 1 << 26 };

struct breed {
    const char *name;
    size_t length;
    unsigned long id;
};

/* "Abyssinian_100 1 1 1": where the breed and the name end, and the class. */
static bool parse_line(char *line, struct breed *breed)
{
    char *end, *space = strchr(line, ' ');
    if (!space || strchr(line, '/') || line[0] == '.')
        return false;
    *space = '\0';
    const char *number = strrchr(line, '_');
    errno = 0;
    breed->name = line;
    breed->length = number ? (size_t)(number - line) : 0;
    breed->id = strtoul(space + 1, &end, 10);
    return breed->length > 0 && end > space + 1 && (*end == ' ' || *end == '\0') && errno == 0
           && breed->id > 0 && breed->id <= DATASET_MAX_CLASSES;
}

struct list {
    char *text; /* what the breeds point into */
    struct breed *breeds;
    size_t count;
};

static int read_list(struct list *list, const char *path, struct error *error)
{
    unsigned char *bytes;
    size_t size, lines = 1, number = 0;
    int status = file_read(path, LIST_LIMIT, &bytes, &size, error);
    if (status < 0)
        return status;
    const bool cut = memchr(bytes, 0, size) != NULL;
    list->text = strndup((char *)bytes, size);
    free(bytes);
    if (cut)
        return fail(error, BAD_INPUT, "%.800s: has a NUL, a text has none", path);
    for (const char *at = list->text; at && (at = strchr(at, '\n')); at++)
        lines++;
    list->breeds = list->text ? calloc(lines, sizeof *list->breeds) : NULL;
    if (!list->breeds)
        return fail_memory(error, lines * sizeof *list->breeds);
    char *rest = list->text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        line[strcspn(line, "\r")] = '\0';
        number++;
        if (*line == '\0' || *line == '#')
            continue;
        if (!parse_line(line, &list->breeds[list->count++]))
            return fail(error, BAD_INPUT,
                "%.700s: line %zu: takes BREED_NUMBER, a space and a class from 1", path,
                number);
    }
    return 0;
}

static int by_id(const void *left, const void *right)
{
    const struct breed *a = left, *b = right;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    const size_t shared = a->length < b->length ? a->length : b->length;
    const int order = strncmp(a->name, b->name, shared);
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

/* The breeds in the order of their classes' numbers, each once; the list is sorted by them. */
static int add_classes(
    struct plan *plan, struct list *list, const char *path, struct error *error)
{
    int status = 0;
    const struct breed *last = NULL;
    qsort(list->breeds, list->count, sizeof *list->breeds, by_id);
    for (size_t i = 0; i < list->count && status == 0; i++) {
        const struct breed *breed = &list->breeds[i];
        const bool again = last && by_id(last, breed) == 0;
        if (last && !again && last->id == breed->id)
            status = fail(error, BAD_INPUT, "%.600s: class %lu is %.*s and %.*s", path,
                breed->id, (int)last->length, last->name, (int)breed->length, breed->name);
        else if (!again)
            status = names_add(&plan->classes, breed->name, breed->length, error);
        last = breed;
    }
    return status;
}

static int add_files(
    struct plan *plan, const struct list *list, const char *directory, struct error *error)
{
    int status = 0;
    for (size_t i = 0; i < list->count && status == 0; i++) {
        const struct breed *breed = &list->breeds[i];
        char *path;
        if (asprintf(&path, "%s/images/%s.jpg", directory, breed->name) < 0)
            return fail_memory(error, strlen(directory));
        status = names_add(&plan->files, path, strlen(path), error);
        free(path);
        if (status == 0)
            status = names_add(&plan->labels, breed->name, breed->length, error);
    }
    return status;
}

int plan_pets(struct plan *plan, const char *directory, enum part part, struct error *error)
{
    struct list list = { 0 };
    char *path;
    if (part != PART_TRAIN && part != PART_TEST)
        return fail(error, BAD_USAGE,
            "%.300s holds Oxford-IIIT Pet, train and test: say %.200s:train or %.200s:test",
            directory, directory, directory);
    if (plan->files.count > 0)
        return fail(
            error, BAD_USAGE, "%.500s: Pets can't be joined with other data", directory);
    if (asprintf(
            &path, "%s/annotations/%s.txt", directory, part == PART_TRAIN ? "trainval" : "test")
        < 0)
        return fail_memory(error, strlen(directory));
    int status = read_list(&list, path, error);
    if (status == 0)
        status = add_files(plan, &list, directory, error);
    if (status == 0)
        status = add_classes(plan, &list, path, error);
    if (status == 0 && list.count == 0)
        status = fail(error, BAD_INPUT, "%.800s: names no pictures", path);
    free(path);
    free(list.text);
    free(list.breeds);
    return status;
}
