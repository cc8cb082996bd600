/* Pictures on their way into a data set: decoded on all threads, kept in order. */
#include "common/dataset_parts.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_BATCH = 16 };

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

int dataset_expand(enum form form, const uint8_t *bytes, size_t size, uint64_t max_pixels,
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

int dataset_reduce(
    struct picture *picture, uint32_t side, enum resample_filter filter, struct error *error)
{
    const uint64_t w = picture->width, h = picture->height;
    if (side == 0 || w <= side || h <= side)
        return 0;
    const struct resample_window whole = { 0, 0, w <= h ? side : (uint32_t)(side * w / h),
        w <= h ? (uint32_t)(side * h / w) : side };
    struct picture reduced = { 0 };
    int status = make_room(&reduced, whole.width, whole.height, error);
    if (status == 0)
        status =
            resample(picture, whole.width, whole.height, filter, whole, reduced.rgb, error);
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
    slot->crc = libdeflate_crc32(0, member->bytes, member->size);
    slot->status = dataset_expand(slot->form, member->bytes, member->size,
        batch->dataset->max_pixels, slot->width, slot->height, &slot->picture, &slot->error);
    if (slot->status == 0 && slot->form == FORM_ENCODED)
        slot->status = dataset_reduce(
            &slot->picture, batch->dataset->side, batch->dataset->filter, &slot->error);
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
    const size_t named = dataset->classes.count ? dataset->classes.count : DATASET_MAX_CLASSES;
    const size_t most = wishes->classes ? wishes->classes : named;
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
    const uint32_t parts[] = { (uint32_t)slot->label, slot->crc };
    dataset->crc = libdeflate_crc32(dataset->crc, parts, sizeof parts);
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
        free(slot->path);
        slot->name = slot->path = NULL;
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

static int note_skipped(
    struct dataset *dataset, const struct source *source, struct error *error)
{
    const struct walk_skipped *skipped =
        source->skipped ? source->skipped(source->state) : NULL;
    if (!skipped || skipped->count == 0)
        return 0;
    dataset->skipped = (struct walk_skipped){ skipped->count, strdup(skipped->first) };
    return dataset->skipped.first ? 0 : fail_memory(error, strlen(skipped->first));
}

int dataset_take(struct dataset *dataset, struct source *source,
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
        free(batch.slots[i].path);
    }
    free(batch.slots);
    if (status == 0)
        status = note_skipped(dataset, source, error);
    return status < 0 ? status : check_bad(dataset, wishes->max_bad, true, error);
}
