/* CIFAR's records and IDX's pairs of files, one picture after the other. */
#include "common/dataset_parts.h"
#include "formats/cifar.h"
#include "formats/idx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct raw {
    const struct plan *plan;
    uint64_t max_pixels;
    size_t next; /* file */
    uint64_t record;
    unsigned classes; /* CIFAR; 0 before the first file */
    struct cifar *cifar;
    struct idx *images, *labels;
};

static void close_files(struct raw *raw)
{
    cifar_close(raw->cifar);
    idx_close(raw->images);
    idx_close(raw->labels);
    raw->cifar = NULL;
    raw->images = raw->labels = NULL;
}

static void close_raw(void *state)
{
    close_files(state);
    free(state);
}

static int open_cifar(struct raw *raw, size_t file, struct error *error)
{
    char **paths = raw->plan->files.items;
    const int status = cifar_open(&raw->cifar, paths[file], error);
    if (status < 0)
        return status;
    const unsigned classes = cifar_classes(raw->cifar);
    if (raw->classes != 0 && raw->classes != classes)
        return fail(error, BAD_USAGE, "%.400s is CIFAR-%u, %.400s is CIFAR-%u", paths[0],
            raw->classes, paths[file], classes);
    raw->classes = classes;
    return 0;
}

static int open_idx(struct raw *raw, size_t file, struct error *error)
{
    const struct plan *plan = raw->plan;
    int status = idx_open(&raw->images, plan->files.items[file], 3, error);
    if (status == 0)
        status = idx_open(&raw->labels, plan->labels.items[file], 1, error);
    if (status < 0)
        return status;
    const uint32_t images = *idx_sizes(raw->images), labels = *idx_sizes(raw->labels);
    const uint32_t *sizes = idx_sizes(raw->images);
    if ((uint64_t)sizes[1] * sizes[2] > raw->max_pixels)
        return fail(error, BAD_INPUT, "%.400s: %ux%u is over the limit of %llu pixels",
            plan->files.items[file], sizes[2], sizes[1], (unsigned long long)raw->max_pixels);
    if (images != labels)
        return fail(error, BAD_INPUT, "%.400s: %u pictures, but %u labels in %.400s",
            plan->files.items[file], images, labels, plan->labels.items[file]);
    return 0;
}

/* The slot's picture's bytes, to be set. */
static int make_room(struct slot *slot, const char *path, uint64_t record, size_t size,
    uint8_t **bytes, struct error *error)
{
    struct member *member;
    int status = sample_begin(&slot->sample, "record", error);
    if (status == 0)
        status = sample_add(&slot->sample, "bin", size, &member, error);
    if (status < 0)
        return status;
    *bytes = member->bytes;
    free(slot->name);
    if (asprintf(&slot->name, "%s: record %llu", path, (unsigned long long)record) >= 0)
        return 0;
    slot->name = NULL;
    return fail_memory(error, strlen(path));
}

static int next_cifar(struct raw *raw, struct slot *slot, const char *path, struct error *error)
{
    uint8_t *bytes;
    unsigned label;
    int status = make_room(slot, path, raw->record, CIFAR_PIXELS, &bytes, error);
    if (status == 0)
        status = cifar_next(raw->cifar, &label, bytes, &slot->at, error);
    if (status <= 0)
        return status;
    slot->form = FORM_PLANAR;
    slot->width = slot->height = CIFAR_SIDE;
    slot->label = label;
    return 1;
}

static int next_idx(struct raw *raw, struct slot *slot, const char *path, struct error *error)
{
    const uint32_t *sizes = idx_sizes(raw->images);
    uint8_t *bytes, label = 0;
    int64_t ignored;
    int status = make_room(slot, path, raw->record, (size_t)sizes[1] * sizes[2], &bytes, error);
    if (status == 0)
        status = idx_next(raw->images, bytes, &slot->at, error);
    if (status < 0)
        return status;
    const int labelled = idx_next(raw->labels, &label, &ignored, error);
    if (status == 0 || labelled < 0)
        return labelled;
    slot->form = FORM_GREY;
    slot->height = sizes[1];
    slot->width = sizes[2];
    slot->label = label;
    return 1;
}

static int next_raw(void *state, struct slot *slot, struct error *error)
{
    struct raw *raw = state;
    const bool cifar = raw->plan->kind == SET_CIFAR;
    for (;;) {
        int status = 0;
        if (!raw->cifar && !raw->images) {
            if (raw->next == raw->plan->files.count)
                return 0;
            status = (cifar ? open_cifar : open_idx)(raw, raw->next++, error);
            raw->record = 0;
        }
        const char *path = raw->plan->files.items[raw->next - 1];
        if (status == 0)
            status = (cifar ? next_cifar : next_idx)(raw, slot, path, error);
        raw->record++;
        if (status > 0 && slot->at >= 0 && !(slot->path = strdup(path)))
            return fail_memory(error, strlen(path));
        if (status != 0)
            return status;
        close_files(raw);
    }
}

int raw_open(struct source *source, const struct plan *plan, uint64_t max_pixels,
    struct names *classes, struct error *error)
{
    struct raw *raw = calloc(1, sizeof *raw);
    if (!raw)
        return fail_memory(error, sizeof *raw);
    raw->plan = plan;
    raw->max_pixels = max_pixels;
    *source = (struct source){ .state = raw, .next = next_raw, .close = close_raw };
    const int status = plan->kind == SET_CIFAR ? open_cifar(raw, raw->next++, error) : 0;
    source->classes = raw->classes;
    return status < 0 ? status : names_copy(&plan->classes, classes, error);
}
