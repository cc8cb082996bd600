/* PyTorch's checkpoints: the tensors of the file's dictionaries, wherever their data lie. */
#include "formats/pth.h"
#include "formats/zip.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 4 }; /* times the file's size: views can show a storage many times over */

static int compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
    const int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order ? order : a_length < b_length ? -1 : a_length > b_length;
}

int pth_compare_keys(const void *a, const void *b)
{
    const struct pth_storage *const x = a, *const y = b;
    return compare(x->key, x->length, y->key, y->length);
}

struct pth_storage *pth_find_storage(const struct pth *pth, const char *key, size_t length)
{
    const struct pth_storage wanted = { .key = key, .length = length };
    return pth->storage_count == 0 ? NULL
                                   : bsearch(&wanted, pth->storages, pth->storage_count,
                                       sizeof wanted, pth_compare_keys);
}

static bool is_bytes(const struct zip_member *member, const char *text)
{
    return member->size == strlen(text) && memcmp(member->data, text, member->size) == 0;
}

/* Little-endian, or an archive from before that was said. */
static int check_order(const struct pth *pth, const struct zip *zip, struct error *error)
{
    const struct zip_member *order = zip_find(zip, "byteorder");
    if (!order)
        return 0;
    const int status = zip_check(order, pth->path, error);
    if (status < 0 || is_bytes(order, "little"))
        return status;
    return fail(error, BAD_INPUT, "%s: its byteorder is %s: only little-endian data is taken",
        pth->path, is_bytes(order, "big") ? "big" : "unknown");
}

/* The members ROOT/data/KEY; zip has them side by side and in the order of their keys. */
static int list_members(struct pth *pth, const struct zip *zip, struct error *error)
{
    static const char folder[] = "/data/";
    const size_t before = zip->root_length + strlen(folder);
    pth->storages = calloc(zip->count, sizeof *pth->storages);
    if (!pth->storages)
        return fail_memory(error, zip->count * sizeof *pth->storages);
    for (size_t i = 0; i < zip->count; i++) {
        const struct zip_member *member = &zip->members[i];
        if (member->length <= before || memcmp(member->name, zip->root, zip->root_length) != 0
            || memcmp(member->name + zip->root_length, folder, strlen(folder)) != 0)
            continue;
        const int status = zip_check_stored(member, pth->path, error);
        if (status < 0)
            return status;
        pth->storages[pth->storage_count++] = (struct pth_storage){ member->name + before,
            member->length - before, member->data, member->size, 0 };
    }
    return 0;
}

static int read_zip(struct pth *pth, const struct zip *zip, struct error *error)
{
    const struct zip_member *member = zip_find(zip, "data.pkl");
    if (!member)
        return fail(error, BAD_INPUT,
            "%s: not a PyTorch checkpoint: its zip has no ARCHIVE/data.pkl", pth->path);
    if (zip_find(zip, "constants.pkl"))
        return fail(error, BAD_INPUT,
            "%s: a TorchScript program, not a checkpoint: save its state_dict() by torch.save",
            pth->path);
    int status = zip_check(member, pth->path, error);
    if (status == 0)
        status = check_order(pth, zip, error);
    if (status == 0)
        status = list_members(pth, zip, error);
    if (status == 0)
        status = pickle_parse(&pth->pickle, member->data, member->size, pth->path, error);
    if (status == 0 && pth->pickle.size != member->size)
        status = fail(error, BAD_INPUT, "%s: broken pickle: %zu bytes behind its STOP",
            pth->path, member->size - pth->pickle.size);
    return status;
}

int pth_open_zip(struct pth *pth, struct error *error)
{
    struct zip zip;
    int status = zip_open(&zip, pth->bytes, pth->size, pth->path, error);
    if (status == 0)
        status = read_zip(pth, &zip, error);
    zip_close(&zip);
    return status;
}

/* Each name's tensor behind those of the set; *copies: bytes of those that must be copied. */
static int add_tensors(struct tensors *tensors, const struct pth *pth, json_t *names,
    size_t *copies, struct error *error)
{
    const size_t most = tensors->count + json_object_size(names);
    struct tensor *grown = realloc(tensors->items, (most + 1) * sizeof *grown);
    const char *name;
    json_t *value;
    size_t all = 0; /* bytes; no more than these are copied, here and where they are used */
    if (!grown)
        return fail_memory(error, (most + 1) * sizeof *grown);
    tensors->items = grown;
    json_object_foreach(names, name, value) {
        struct pth_view view;
        if (tensors_in_earlier_file(tensors, name))
            return fail(
                error, BAD_INPUT, "%s: %.200s is in another shard too", pth->path, name);
        const int status =
            pth_see(pth, name, (uint32_t)json_integer_value(value), &view, error);
        if (status < 0)
            return status;
        if (__builtin_add_overflow(all, view.tensor.bytes, &all)
            || all / MOST_BYTES > pth->size)
            return fail(error, BAD_INPUT,
                "%s: %.200s: tensors that show the same data come to more than %d times the "
                "file",
                pth->path, name, MOST_BYTES);
        *copies += view.in_order ? 0 : view.tensor.bytes;
        view.tensor.name = name;
        tensors->items[tensors->count++] = view.tensor;
    }
    return 0;
}

/* Tensors that aren't in C order get memory of the set's. */
static int copy_tensors(struct tensors *tensors, const struct pth *pth, json_t *names,
    size_t copies, struct error *error)
{
    unsigned char *to;
    size_t i = tensors->count - json_object_size(names);
    const char *name;
    json_t *value;
    int status = tensors_room(tensors, copies, &to, error);
    json_object_foreach(names, name, value) {
        struct pth_view view;
        if (status == 0)
            status = pth_see(pth, name, (uint32_t)json_integer_value(value), &view, error);
        if (status < 0)
            return status;
        struct tensor *tensor = &tensors->items[i++];
        if (view.in_order)
            continue;
        pth_copy(&view, to);
        tensor->data = to;
        to += tensor->bytes;
    }
    return status;
}

static int add_file(struct tensors *tensors, struct pth *pth, struct error *error)
{
    static const unsigned char zip_start[] = "PK\3\4";
    int status;
    if (memcmp(pth->bytes, zip_start, 4) == 0)
        status = pth_open_zip(pth, error);
    else if (pth_is_legacy(pth->bytes, pth->size))
        status = pth_open_legacy(pth, error);
    else
        status = fail(error, BAD_INPUT,
            "%s: not a PyTorch checkpoint: neither a zip nor what torch.save wrote before",
            pth->path);
    json_t *names = json_object();
    tensors->headers[tensors->mapping_count - 1] = names;
    if (status == 0 && !names)
        status = fail_memory(error, sizeof names);
    size_t copies = 0;
    if (status == 0)
        status = pth_list(pth, names, error);
    if (status == 0)
        status = add_tensors(tensors, pth, names, &copies, error);
    if (status == 0 && copies > 0)
        status = copy_tensors(tensors, pth, names, copies, error);
    if (status == 0)
        tensors->crc = libdeflate_crc32(tensors->crc, pth->pickle.bytes, pth->pickle.size);
    return status;
}

int pth_add(struct tensors *tensors, const char *path, struct error *error)
{
    int status = tensors_map(tensors, path, "a PyTorch checkpoint", error);
    if (status < 0)
        return status;
    const struct mapping *mapping = &tensors->mappings[tensors->mapping_count - 1];
    struct pth pth = { .path = path, .bytes = mapping->bytes, .size = mapping->size };
    status = add_file(tensors, &pth, error);
    pickle_free(&pth.pickle);
    free(pth.storages);
    return status;
}
