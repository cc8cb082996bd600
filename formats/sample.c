#include "formats/sample.h"
#include "formats/picture.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

void sample_free(struct sample *sample)
{
    for (size_t i = 0; i < sample->slots; i++) {
        free(sample->members[i].suffix);
        free(sample->members[i].bytes);
    }
    free(sample->members);
    free(sample->key);
    free(sample->origin);
    *sample = (struct sample){ 0 };
}

void sample_trim(struct sample *sample)
{
    for (size_t i = sample->count; i < sample->slots; i++) {
        free(sample->members[i].suffix);
        free(sample->members[i].bytes);
        sample->members[i] = (struct member){ 0 };
    }
}

static int replace_text(char **to, const char *text, struct error *error)
{
    char *copy = strdup(text);
    if (!copy)
        return fail_memory(error, strlen(text) + 1);
    free(*to);
    *to = copy;
    return 0;
}

int sample_begin(struct sample *sample, const char *key, struct error *error)
{
    sample->count = 0;
    sample->arrived = 0;
    sample->bad = false;
    sample->omitted = false;
    free(sample->origin);
    sample->origin = NULL;
    return replace_text(&sample->key, key, error);
}

int member_reserve(struct member *member, size_t size, size_t keep, struct error *error)
{
    if (size <= member->room)
        return 0;
    size_t room;
    if (__builtin_add_overflow(size, 63, &room))
        return fail_memory(error, size);
    unsigned char *bytes = aligned_alloc(64, room & ~(size_t)63);
    if (!bytes)
        return fail_memory(error, size);
    if (keep > 0)
        memcpy(bytes, member->bytes, keep);
    free(member->bytes);
    member->bytes = bytes;
    member->room = room & ~(size_t)63;
    return 0;
}

/*
 * Of the unused slots, the tightest that has room for size bytes without wasting most of
 * itself, else the emptiest.
 */
static size_t choose_slot(const struct sample *sample, size_t size)
{
    size_t fits = SIZE_MAX, least = sample->count;
    for (size_t i = sample->count; i < sample->slots; i++) {
        const size_t room = sample->members[i].room;
        if (room >= size && room / 4 <= size + 4096
            && (fits == SIZE_MAX || room < sample->members[fits].room))
            fits = i;
        if (room < sample->members[least].room)
            least = i;
    }
    return fits != SIZE_MAX ? fits : least;
}

int sample_add(struct sample *sample, const char *suffix, size_t size, struct member **member,
    struct error *error)
{
    if (sample_find(sample, suffix))
        return fail(error, BAD_SAMPLE, "%s is there twice", suffix);
    if (sample->count == sample->slots) {
        const size_t slots = sample->slots ? 2 * sample->slots : 8;
        struct member *grown = realloc(sample->members, slots * sizeof *grown);
        if (!grown)
            return fail_memory(error, slots * sizeof *grown);
        memset(grown + sample->slots, 0, (slots - sample->slots) * sizeof *grown);
        sample->members = grown;
        sample->slots = slots;
    }
    struct member *to = &sample->members[sample->count];
    struct member *from = &sample->members[choose_slot(sample, size)];
    const struct member swapped = *to;
    *to = *from;
    *from = swapped;
    int status = member_reserve(to, size, 0, error);
    if (status == 0)
        status = replace_text(&to->suffix, suffix, error);
    if (status < 0)
        return status;
    to->size = size;
    to->at = -1;
    to->dropped = false;
    sample->count++;
    *member = to;
    return 0;
}

int sample_add_text(
    struct sample *sample, const char *suffix, const char *text, struct error *error)
{
    struct member *member;
    const int status = sample_add(sample, suffix, strlen(text), &member, error);
    if (status == 0 && *text)
        memcpy(member->bytes, text, strlen(text));
    return status;
}

int sample_add_floats(struct sample *sample, const char *suffix, size_t rank,
    const size_t *shape, float **data, struct error *error)
{
    const size_t size = npy_floats_size(rank, shape);
    if (size == 0)
        return fail(error, BAD_SAMPLE, "%s: shape overflows", suffix);
    struct member *member;
    const int status = sample_add(sample, suffix, size, &member, error);
    if (status < 0)
        return status;
    npy_write_header(member->bytes, rank, shape);
    *data = (float *)(void *)(member->bytes + npy_header_size(rank, shape));
    return 0;
}

struct member *sample_find(const struct sample *sample, const char *suffix)
{
    for (size_t i = 0; i < sample->count; i++)
        if (!sample->members[i].dropped && strcmp(sample->members[i].suffix, suffix) == 0)
            return &sample->members[i];
    return NULL;
}

struct member *sample_picture(const struct sample *sample)
{
    for (size_t i = 0; i < sample->count; i++)
        if (!sample->members[i].dropped && picture_suffix(sample->members[i].suffix))
            return &sample->members[i];
    return NULL;
}

size_t sample_drop(struct sample *sample, const char *glob)
{
    size_t dropped = 0;
    for (size_t i = 0; i < sample->count; i++) {
        struct member *member = &sample->members[i];
        if (!member->dropped && fnmatch(glob, member->suffix, 0) == 0) {
            member->dropped = true;
            dropped++;
        }
    }
    return dropped;
}

void sample_restore(struct sample *sample)
{
    sample->count = sample->arrived;
    for (size_t i = 0; i < sample->count; i++)
        sample->members[i].dropped = false;
}

int sample_floats(const struct sample *sample, const char *suffix, size_t rank,
    struct floats *floats, struct scratch *scratch, struct error *error)
{
    const struct member *member = sample_find(sample, suffix);
    if (!member)
        return fail(error, BAD_USAGE, "has no %s", suffix);
    struct npy npy;
    int status = npy_parse(member->bytes, member->size, &npy, error);
    if (status < 0)
        return fail(error, status, "%s: %s", suffix, error->text);
    if (npy.rank != rank) {
        char shape[128];
        npy_describe(&npy, shape, sizeof shape);
        return fail(error, BAD_SAMPLE, "%s is %s, not of %zu dimensions", suffix, shape, rank);
    }
    floats->rank = rank;
    floats->count = npy.count;
    memcpy(floats->shape, npy.shape, sizeof floats->shape);
    return npy_floats(&npy, &floats->data, scratch, error);
}
