/*
 * What torch.save wrote until 1.5: five pickles (a magic number, the protocol, facts about the
 * writer, the object, the keys of the storages), then the storages in order of these keys, each
 * a count of elements in 8 bytes and the elements.
 */
#include "formats/pth.h"

#include <stdlib.h>
#include <string.h>

enum { PROTOCOL = 1001, MAGIC_SIZE = 10 };

static const unsigned char magic[MAGIC_SIZE] = { 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8,
    0x50, 0x19 };

bool pth_is_legacy(const unsigned char *bytes, size_t size)
{
    return bytes[0] == 0x80 && memmem(bytes, size < 32 ? size : 32, magic, MAGIC_SIZE);
}

/* The value under a text key of the pickle's dict; NONE where it isn't there. */
static struct pickle_value find_entry(const struct pickle *pickle, const char *key)
{
    const struct pickle_value *dict = &pickle->values[pickle->root];
    uint32_t cell = dict->kind == PICKLE_DICT ? dict->first : 0;
    while (cell) {
        const struct pickle_cell *at = &pickle->cells[cell], *value = &pickle->cells[at->next];
        if (pickle_is_text(pickle, at->value, key))
            return pickle->values[value->value];
        cell = value->next;
    }
    return (struct pickle_value){ .kind = PICKLE_NONE };
}

/* Pickles 0 to 2. */
static int check_beginning(
    const struct pth *pth, const struct pickle *pickle, int which, struct error *error)
{
    const struct pickle_value root = pickle->values[pickle->root];
    struct pickle_value order;
    switch (which) {
    case 0:
        if (root.kind == PICKLE_LONG && root.count == MAGIC_SIZE
            && memcmp(pickle->bytes + root.at, magic, MAGIC_SIZE) == 0)
            return 0;
        return fail(
            error, BAD_INPUT, "%s: not a PyTorch checkpoint: another magic number", pth->path);
    case 1:
        if (root.kind == PICKLE_INT && root.integer == PROTOCOL)
            return 0;
        return fail(error, BAD_INPUT, "%s: its protocol isn't %d, the only one there was",
            pth->path, PROTOCOL);
    default:
        order = find_entry(pickle, "little_endian");
        if (order.kind == PICKLE_BOOL && order.integer)
            return 0;
        return fail(error, BAD_INPUT, "%s: only little-endian data is taken", pth->path);
    }
}

/* Every storage that the pickle refers to, once, its data still missing. */
static int list_storages(struct pth *pth, struct error *error)
{
    size_t count = 0;
    for (uint32_t v = 0; v < pth->pickle.value_count; v++)
        count += pth_is_storage(&pth->pickle, v);
    pth->storages = calloc(count + 1, sizeof *pth->storages);
    if (!pth->storages)
        return fail_memory(error, (count + 1) * sizeof *pth->storages);
    size_t n = 0;
    for (uint32_t v = 0; v < pth->pickle.value_count; v++) {
        struct pth_reference reference;
        if (!pth_is_storage(&pth->pickle, v))
            continue;
        const int status = pth_refer(pth, v, &reference, error);
        if (status < 0)
            return status;
        struct pth_storage *storage = &pth->storages[n++];
        *storage = (struct pth_storage){
            .key = reference.key, .length = reference.length, .item = reference.item
        };
        if (__builtin_mul_overflow(reference.numel, reference.item, &storage->size))
            return fail(error, BAD_INPUT, "%s: storage %.*s: its size overflows", pth->path,
                (int)storage->length, storage->key);
    }
    qsort(pth->storages, n, sizeof *pth->storages, pth_compare_keys);
    for (size_t i = 0; i < n; i++) {
        struct pth_storage *last = &pth->storages[pth->storage_count - (i > 0)];
        if (i == 0 || pth_compare_keys(last, &pth->storages[i]) != 0)
            pth->storages[pth->storage_count++] = pth->storages[i];
        else if (last->size != pth->storages[i].size || last->item != pth->storages[i].item)
            return fail(error, BAD_INPUT, "%s: storage %.*s is said to be of two sizes",
                pth->path, (int)last->length, last->key);
    }
    return 0;
}

/* One storage's count and elements at *at, which moves behind them. */
static int find_storage(
    struct pth *pth, const char *key, size_t length, size_t *at, struct error *error)
{
    struct pth_storage *storage = key ? pth_find_storage(pth, key, length) : NULL;
    if (!storage || storage->data)
        return fail(error, BAD_INPUT, "%s: lists a storage that %s", pth->path,
            storage ? "it has listed before" : "no tensor refers to");
    uint64_t count = 0;
    if (pth->size - *at < 8)
        return fail(
            error, BAD_INPUT, "%s: cut: storage %.*s is missing", pth->path, (int)length, key);
    for (size_t i = 0; i < 8; i++)
        count |= (uint64_t)pth->bytes[(*at)++] << 8 * i;
    if (count != storage->size / storage->item)
        return fail(error, BAD_INPUT, "%s: storage %.*s has %llu elements and not %zu",
            pth->path, (int)length, key, (unsigned long long)count,
            storage->size / storage->item);
    if (storage->size > pth->size - *at)
        return fail(error, BAD_INPUT, "%s: cut: storage %.*s is not whole", pth->path,
            (int)length, key);
    storage->data = pth->bytes + *at;
    *at += storage->size;
    return 0;
}

/* The data in the order of the last pickle's keys. */
static int find_storages(
    struct pth *pth, const struct pickle *keys, size_t at, struct error *error)
{
    const struct pickle_value *list = &keys->values[keys->root];
    int status = 0;
    if (list->kind != PICKLE_LIST)
        return fail(error, BAD_INPUT, "%s: has no list of its storages", pth->path);
    for (uint32_t cell = list->first; cell && status == 0; cell = keys->cells[cell].next) {
        size_t length;
        const char *key = pickle_text(keys, keys->cells[cell].value, &length);
        status = find_storage(pth, key, length, &at, error);
    }
    return status;
}

int pth_open_legacy(struct pth *pth, struct error *error)
{
    size_t at = 0;
    int status = 0;
    for (int i = 0; i < 5 && status == 0; i++) {
        struct pickle other = { 0 }, *pickle = i == 3 ? &pth->pickle : &other;
        status = pickle_parse(pickle, pth->bytes + at, pth->size - at, pth->path, error);
        at += pickle->size;
        if (status == 0 && i < 3)
            status = check_beginning(pth, pickle, i, error);
        else if (status == 0 && i == 3)
            status = list_storages(pth, error);
        else if (status == 0)
            status = find_storages(pth, pickle, at, error);
        pickle_free(&other);
    }
    return status;
}
