#include "common/dataset_parts.h"
#include "common/resample.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LEAST_BATCH = 16 };

struct dataset {
    struct item *items;
    size_t count, room, bad, unkept;
    struct names classes; /* may be fewer than class_count, with "" for no name */
    size_t class_count;
    struct names paths; /* that unkept pictures are read from */
    size_t bytes, memory;
    uint32_t side;
    uint64_t max_pixels;
};

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

size_t dataset_bytes(const struct dataset *dataset)
{
    return dataset->bytes;
}

size_t dataset_unkept(const struct dataset *dataset)
{
    return dataset->unkept;
}

/* Room in picture, whose buffer it may have, for width x height pixels. */
static int make_room(
    struct picture *picture, uint32_t width, uint32_t height, struct error *error)
{
    const size_t size = (size_t)width * height * 3;
    uint8_t *rgb = realloc(picture->rgb, size ? size : 1);
    if (!rgb)
        return fail_memory(error, size);
    *picture = (struct picture){ width, height, rgb };
    return 0;
}

/* Bytes of any form to a picture, which is freed or overwritten. */
static int expand(enum form form, const uint8_t *bytes, size_t size, uint64_t max_pixels,
    uint32_t width, uint32_t height, struct picture *picture, struct error *error)
{
    if (form == FORM_ENCODED) {
        picture_free(picture);
        *picture = (struct picture){ 0 };
        return picture_decode(bytes, size, max_pixels, picture, error);
    }
    const size_t pixels = (size_t)width * height;
    const size_t planes = form == FORM_GREY ? 1 : 3;
    if (size != planes * pixels)
        return fail(error, BAD_INPUT, "is not of %zu bytes", planes * pixels);
    const int status = make_room(picture, width, height, error);
    for (size_t i = 0; status == 0 && i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            picture->rgb[3 * i + c] = bytes[form == FORM_GREY ? i : c * pixels + i];
    return status;
}

/* The shorter side to side, the longer one truncated as in torchvision's Resize. */
static int reduce(struct picture *picture, uint32_t side, struct error *error)
{
    const uint64_t w = picture->width, h = picture->height;
    if (side == 0 || w <= side || h <= side)
        return 0;
    const struct resample_window whole = { 0, 0, w <= h ? side : (uint32_t)(side * w / h),
        w <= h ? (uint32_t)(side * h / w) : side };
    struct picture reduced = { 0 };
    int status = make_room(&reduced, whole.width, whole.height, error);
    if (status == 0)
        status = resample(
            picture, whole.width, whole.height, FILTER_BICUBIC, whole, reduced.rgb, error);
    if (status < 0) {
        picture_free(&reduced);
        return status;
    }
    picture_free(picture);
    *picture = reduced;
    return 0;
}

struct intake_batch {
    const struct dataset *dataset;
    struct slot *slots;
    size_t room, count;
};

static void decode_slot(void *argument, size_t i, size_t worker)
{
    const struct intake_batch *batch = argument;
    struct slot *slot = &batch->slots[i];
    (void)worker;
    if (slot->status < 0)
        return;
    const struct member *member =
        slot->form == FORM_ENCODED ? sample_picture(&slot->sample) : slot->sample.members;
    slot->status = expand(slot->form, member->bytes, member->size, batch->dataset->max_pixels,
        slot->width, slot->height, &slot->picture, &slot->error);
    if (slot->status == 0 && slot->form == FORM_ENCODED)
        slot->status = reduce(&slot->picture, batch->dataset->side, &slot->error);
}

/* Remembers where the picture's bytes stay. */
static int keep_bytes(
    struct dataset *dataset, struct slot *slot, struct item *item, struct error *error)
{
    const struct member *member =
        slot->form == FORM_ENCODED ? sample_picture(&slot->sample) : slot->sample.members;
    const size_t size = (size_t)item->width * item->height * 3;
    const struct names *paths = &dataset->paths;
    if (dataset->bytes + size <= dataset->memory) {
        item->form = FORM_RGB;
        item->size = size;
        item->bytes = slot->picture.rgb;
        slot->picture = (struct picture){ 0 };
        dataset->bytes += size;
        return 0;
    }
    dataset->unkept++;
    item->form = slot->form;
    item->size = member->size;
    if (!slot->path)
        return fail(error, BAD_USAGE,
            "%.300s: the pictures don't fit in --memory and can't be read twice: raise it, or "
            "give unpacked files",
            slot->name);
    item->at = slot->at;
    if (paths->count == 0 || strcmp(paths->items[paths->count - 1], slot->path) != 0) {
        const size_t length = strlen(slot->path);
        const int status = names_add(&dataset->paths, slot->path, length, error);
        if (status < 0)
            return status;
        dataset->bytes += length + 1 + sizeof *paths->items;
    }
    item->file = paths->count - 1;
    return 0;
}

static int add_item(struct dataset *dataset, struct slot *slot,
    const struct dataset_wishes *wishes, struct error *error)
{
    const size_t most = wishes->classes ? wishes->classes : DATASET_MAX_CLASSES;
    if (slot->label < 0 || (uint64_t)slot->label >= most)
        return fail(error, BAD_INPUT, "%.300s: label %lld is not one of %zu classes",
            slot->name, (long long)slot->label, most);
    if (dataset->count == dataset->room) {
        const size_t room = dataset->room ? 2 * dataset->room : 1024;
        struct item *items = reallocarray(dataset->items, room, sizeof *items);
        if (!items)
            return fail_memory(error, room * sizeof *items);
        dataset->items = items;
        dataset->room = room;
    }
    if (dataset->count == UINT32_MAX)
        return fail(error, BAD_USAGE, "more than %u pictures", UINT32_MAX);
    struct item *item = &dataset->items[dataset->count];
    *item = (struct item){ .width = slot->picture.width,
        .height = slot->picture.height,
        .label = (uint32_t)slot->label };
    dataset->bytes += sizeof *item;
    const int status = keep_bytes(dataset, slot, item, error);
    if (status == 0)
        dataset->count++;
    return status;
}

/* Whether there are more bad ones than max_bad says: of those so far (N) or of all (N%). */
static int check_bad(
    const struct dataset *dataset, const char *max_bad, bool at_end, struct error *error)
{
    char *end;
    if (!max_bad)
        return 0;
    const double limit = strtod(max_bad, &end), all = (double)(dataset->count + dataset->bad);
    const bool percent = *end == '%';
    if ((percent && !at_end) || (double)dataset->bad <= (percent ? limit / 100 * all : limit))
        return 0;
    return fail(error, BAD_INPUT, "%zu of %.0f pictures are bad, over --max-bad %s",
        dataset->bad, all, max_bad);
}

static int take_batch(struct dataset *dataset, struct intake_batch *batch,
    const struct dataset_wishes *wishes, struct error *error)
{
    if (wishes->threads)
        threads_run(wishes->threads, batch->count, decode_slot, batch);
    else
        for (size_t i = 0; i < batch->count; i++)
            decode_slot(batch, i, 0);
    for (size_t i = 0; i < batch->count; i++) {
        struct slot *slot = &batch->slots[i];
        int status = slot->status;
        *error = slot->error;
        if (status == 0) {
            status = add_item(dataset, slot, wishes, error);
        } else if (status == BAD_SAMPLE) {
            dataset->bad++;
            if (wishes->bad)
                wishes->bad(wishes->argument, slot->name, slot->error.text);
            status = check_bad(dataset, wishes->max_bad, false, error);
        }
        if (status < 0)
            return status;
    }
    return 0;
}

/* Reads the next batch; 0 where the source has ended. */
static int fill_batch(struct source *source, struct intake_batch *batch, struct error *error)
{
    int status = 1;
    for (batch->count = 0; batch->count < batch->room; batch->count++) {
        struct slot *slot = &batch->slots[batch->count];
        free(slot->name);
        slot->name = NULL;
        slot->path = NULL;
        slot->error.text[0] = '\0';
        status = source->next(source->state, slot, error);
        if (status <= 0 && status != BAD_SAMPLE)
            break;
        slot->status = status < 0 ? status : 0;
        if (status < 0)
            slot->error = *error;
    }
    return status == BAD_SAMPLE ? 1 : status;
}

static int take_all(struct dataset *dataset, struct source *source,
    const struct dataset_wishes *wishes, struct error *error)
{
    const size_t threads = wishes->threads ? threads_count(wishes->threads) : 1;
    struct intake_batch batch = { .dataset = dataset, .room = 4 * threads };
    batch.room = batch.room < LEAST_BATCH ? LEAST_BATCH : batch.room;
    batch.slots = calloc(batch.room, sizeof *batch.slots);
    if (!batch.slots)
        return fail_memory(error, batch.room * sizeof *batch.slots);
    int status = 1;
    while (status > 0) {
        status = fill_batch(source, &batch, error);
        if (status >= 0) {
            const int taken = take_batch(dataset, &batch, wishes, error);
            status = taken < 0 ? taken : status;
        }
    }
    for (size_t i = 0; i < batch.room; i++) {
        sample_free(&batch.slots[i].sample);
        picture_free(&batch.slots[i].picture);
        free(batch.slots[i].name);
    }
    free(batch.slots);
    return status < 0 ? status : check_bad(dataset, wishes->max_bad, true, error);
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

static int check_classes(
    struct dataset *dataset, const struct dataset_wishes *wishes, struct error *error)
{
    size_t classes = wishes->classes ? wishes->classes : dataset->classes.count;
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
    int status = plan->kind == SET_CIFAR
                     ? cifar_open(&source, plan, &dataset->classes, error)
                     : pictures_open(&source, plan, wishes, &dataset->classes, error);
    if (status == 0)
        status = take_all(dataset, &source, wishes, error);
    if (source.close)
        source.close(source.state);
    if (status == 0 && dataset->count == 0)
        status = fail(error, BAD_INPUT, "%.500s: %s", plan->files.items[0],
            dataset->bad ? "no picture can be used" : "holds no pictures");
    return status < 0 ? status : check_classes(dataset, wishes, error);
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
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, "%.800s", path);
    size_t done = 0;
    int status = 0;
    *bytes = malloc(item->size ? item->size : 1);
    if (!*bytes)
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
        status = expand((enum form)item->form, bytes, item->size, dataset->max_pixels,
            item->width, item->height, scratch, &why);
        if (status == 0 && item->form == FORM_ENCODED)
            status = reduce(scratch, dataset->side, &why);
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
