#include "common/dataset_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int names_add(struct names *names, const char *name, size_t length, struct error *error)
{
    if (names->count == names->room) {
        const size_t room = names->room ? 2 * names->room : 16;
        char **items = reallocarray(names->items, room, sizeof *items);
        if (!items)
            return fail_memory(error, room * sizeof *items);
        names->items = items;
        names->room = room;
    }
    char *copy = strndup(name, length);
    if (!copy)
        return fail_memory(error, length);
    names->items[names->count++] = copy;
    return 0;
}

int names_copy(const struct names *from, struct names *to, struct error *error)
{
    int status = 0;
    for (size_t i = 0; i < from->count && status == 0; i++)
        status = names_add(to, from->items[i], strlen(from->items[i]), error);
    return status;
}

size_t names_find(const struct names *names, const char *name)
{
    size_t i = 0;
    while (i < names->count && strcmp(names->items[i], name) != 0)
        i++;
    return i;
}

void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct names){ 0 };
}

void dataset_close(struct dataset *dataset)
{
    if (!dataset)
        return;
    for (size_t i = 0; i < dataset->count; i++)
        free(dataset->items[i].bytes);
    free(dataset->items);
    names_free(&dataset->classes);
    names_free(&dataset->paths);
    free(dataset->skipped.first);
    free(dataset);
}

size_t dataset_count(const struct dataset *dataset)
{
    return dataset->count;
}

size_t dataset_bad(const struct dataset *dataset)
{
    return dataset->bad;
}

size_t dataset_skipped(const struct dataset *dataset, const char **first)
{
    *first = dataset->skipped.first;
    return dataset->skipped.count;
}

size_t dataset_classes(const struct dataset *dataset)
{
    return dataset->class_count;
}

const char *dataset_class_name(const struct dataset *dataset, size_t class_index)
{
    return dataset->classes.items[class_index];
}

size_t dataset_label(const struct dataset *dataset, size_t i)
{
    return dataset->items[i].label;
}

uint32_t dataset_crc(const struct dataset *dataset)
{
    return dataset->crc;
}

size_t dataset_bytes(const struct dataset *dataset)
{
    return dataset->bytes;
}

size_t dataset_unkept(const struct dataset *dataset)
{
    return dataset->unkept;
}

/* Every class gets a name, if only its number. */
static int name_classes(
    struct dataset *dataset, const struct dataset_wishes *wishes, struct error *error)
{
    struct names own = dataset->classes;
    int status = 0;
    dataset->classes = (struct names){ 0 };
    for (size_t i = 0; i < dataset->class_count && status == 0; i++) {
        char number[24];
        const char *name = wishes->classes && wishes->class_names ? wishes->class_names[i]
                           : i < own.count                        ? own.items[i]
                                                                  : NULL;
        if (!name) {
            snprintf(number, sizeof number, "%zu", i);
            name = number;
        }
        status = names_add(&dataset->classes, name, strlen(name), error);
    }
    names_free(&own);
    return status;
}

static int check_classes(struct dataset *dataset, const struct dataset_wishes *wishes,
    size_t least, struct error *error)
{
    size_t classes = wishes->classes          ? wishes->classes
                     : dataset->classes.count ? dataset->classes.count
                                              : least;
    for (size_t i = 0; i < dataset->count; i++)
        if (dataset->items[i].label >= classes)
            classes = dataset->items[i].label + (size_t)1;
    dataset->class_count = classes;
    int status = name_classes(dataset, wishes, error);
    bool *there = status == 0 ? calloc(classes, sizeof *there) : NULL;
    if (!there)
        return status < 0 ? status : fail_memory(error, classes);
    for (size_t i = 0; i < dataset->count; i++)
        there[dataset->items[i].label] = true;
    for (size_t i = 0; i < classes && wishes->every_class && status == 0; i++)
        if (!there[i])
            status = fail(error, BAD_INPUT, "class %zu (%.200s) of %zu has no pictures", i,
                dataset->classes.items[i], classes);
    free(there);
    return status;
}

static int fill(struct dataset *dataset, const struct plan *plan,
    const struct dataset_wishes *wishes, struct error *error)
{
    struct source source = { 0 };
    const bool raw = plan->kind == SET_CIFAR || plan->kind == SET_IDX;
    if (raw && wishes->labels)
        return fail(error, BAD_USAGE, "%.500s has labels of its own: leave out %.400s",
            plan->files.items[0], wishes->labels);
    int status = raw ? raw_open(&source, plan, wishes->max_pixels, &dataset->classes, error)
                     : pictures_open(&source, plan, wishes, &dataset->classes, error);
    if (status == 0)
        status = dataset_take(dataset, &source, wishes, error);
    if (source.close)
        source.close(source.state);
    if (status == 0 && dataset->count == 0)
        status = fail(error, BAD_INPUT, "%.500s: %s", plan->files.items[0],
            dataset->bad ? "no picture can be used" : "holds no pictures");
    return status < 0 ? status : check_classes(dataset, wishes, source.classes, error);
}

int dataset_open(struct dataset **dataset, const char *const *paths, size_t count,
    const struct dataset_wishes *wishes, struct error *error)
{
    struct plan plan = { 0 };
    *dataset = calloc(1, sizeof **dataset);
    if (!*dataset)
        return fail_memory(error, sizeof **dataset);
    (*dataset)->memory = wishes->memory;
    (*dataset)->side = wishes->side;
    (*dataset)->filter = wishes->filter;
    (*dataset)->max_pixels = wishes->max_pixels;
    int status = plan_make(&plan, paths, count, error);
    if (status == 0)
        status = fill(*dataset, &plan, wishes, error);
    plan_free(&plan);
    return status;
}

/* The item's bytes from its file into *bytes, malloc'd. */
static int read_again(
    const char *path, const struct item *item, uint8_t **bytes, struct error *error)
{
    struct stat about;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO may be there now */
    if (fd < 0)
        return fail_errno(error, "%.800s", path);
    size_t done = 0;
    int status = 0;
    *bytes = malloc(item->size ? item->size : 1);
    if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode))
        status = fail(error, BAD_INPUT, "%.800s has changed: it is no regular file", path);
    else if (!*bytes)
        status = fail_memory(error, item->size);
    while (status == 0 && done < item->size) {
        const ssize_t got =
            pread(fd, *bytes + done, item->size - done, (off_t)item->at + (off_t)done);
        if (got > 0)
            done += (size_t)got;
        else if (got == 0)
            status = fail(error, BAD_INPUT, "%.800s has changed: it is shorter", path);
        else if (errno != EINTR)
            status = fail_errno(error, "%.800s", path);
    }
    close(fd);
    return status;
}

int dataset_picture(const struct dataset *dataset, size_t i, struct picture *scratch,
    struct picture *picture, struct error *error)
{
    const struct item *item = &dataset->items[i];
    if (item->bytes) {
        *picture = (struct picture){ item->width, item->height, item->bytes };
        return 0;
    }
    const char *path = dataset->paths.items[item->file];
    uint8_t *bytes = NULL;
    struct error why;
    int status = read_again(path, item, &bytes, error);
    if (status == 0) {
        status = dataset_expand((enum form)item->form, bytes, item->size, dataset->max_pixels,
            item->width, item->height, scratch, &why);
        if (status == 0 && item->form == FORM_ENCODED)
            status = dataset_reduce(scratch, dataset->side, dataset->filter, &why);
        if (status < 0)
            status = fail(error, status == BAD_SYSTEM ? BAD_SYSTEM : BAD_INPUT,
                "%.400s has changed: %.400s", path, why.text);
    }
    free(bytes);
    if (status == 0 && (scratch->width != item->width || scratch->height != item->height))
        status = fail(error, BAD_INPUT, "%.800s has changed: another picture is in it", path);
    *picture = *scratch;
    return status;
}
