/* safetensors: 8 bytes of header length, a JSON header, the data (huggingface/safetensors). */
#include "formats/tensors.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LIMIT 100000000u /* as the reference implementation has it */

static const struct {
    const char *name;
    enum tensor_type type;
    size_t item;
} types[] = {
    { "F64", TENSOR_F64, 8 },
    { "F32", TENSOR_F32, 4 },
    { "F16", TENSOR_F16, 2 },
    { "BF16", TENSOR_BF16, 2 },
    { "I64", TENSOR_OTHER, 8 },
    { "U64", TENSOR_OTHER, 8 },
    { "I32", TENSOR_OTHER, 4 },
    { "U32", TENSOR_OTHER, 4 },
    { "I16", TENSOR_OTHER, 2 },
    { "U16", TENSOR_OTHER, 2 },
    { "I8", TENSOR_OTHER, 1 },
    { "U8", TENSOR_OTHER, 1 },
    { "BOOL", TENSOR_OTHER, 1 },
};

static int parse_shape(struct tensor *tensor, const json_t *shape, size_t item)
{
    tensor->rank = json_array_size(shape);
    tensor->count = 1;
    if (!json_is_array(shape) || tensor->rank > TENSOR_MAX_RANK)
        return -1;
    for (size_t i = 0; i < tensor->rank; i++) {
        const json_t *side = json_array_get(shape, i);
        if (!json_is_integer(side) || json_integer_value(side) < 0)
            return -1;
        tensor->shape[i] = (size_t)json_integer_value(side);
        if (__builtin_mul_overflow(tensor->count, tensor->shape[i], &tensor->count))
            return -1;
    }
    return __builtin_mul_overflow(tensor->count, item, &tensor->bytes) ? -1 : 0;
}

/* What follows the header, and the name of the file for messages. */
struct body {
    const char *path;
    const unsigned char *bytes;
    size_t size;
};

static int parse_tensor(struct tensor *tensor, const char *name, const json_t *entry,
    const struct body *body, struct error *error)
{
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_int_t begin = json_integer_value(json_array_get(offsets, 0));
    const json_int_t end = json_integer_value(json_array_get(offsets, 1));
    size_t t = 0;
    while (t < sizeof types / sizeof *types && (!type || strcmp(types[t].name, type) != 0))
        t++;
    if (t == sizeof types / sizeof *types)
        return fail(error, BAD_INPUT, "%s: %.200s: type %.20s is not taken", body->path, name,
            type ? type : "missing");
    if (parse_shape(tensor, json_object_get(entry, "shape"), types[t].item) < 0)
        return fail(
            error, BAD_INPUT, "%s: %.200s: shape is broken or overflows", body->path, name);
    if (json_array_size(offsets) != 2 || !json_is_integer(json_array_get(offsets, 0))
        || !json_is_integer(json_array_get(offsets, 1)) || begin < 0 || end < begin
        || (uint64_t)end > body->size || (size_t)(end - begin) != tensor->bytes)
        return fail(error, BAD_INPUT,
            "%s: %.200s: offsets %lld..%lld don't fit its %zu bytes and the file", body->path,
            name, (long long)begin, (long long)end, tensor->bytes);
    tensor->name = name;
    tensor->type = types[t].type;
    tensor->data = body->bytes + begin;
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct tensor *const x = a, *const y = b;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* The data must be the tensors one after the other, without holes or overlaps. */
static int check_places(
    struct tensor *tensors, size_t count, const struct body *body, struct error *error)
{
    const unsigned char *at = body->bytes;
    qsort(tensors, count, sizeof *tensors, by_place);
    for (size_t i = 0; i < count; at += tensors[i++].bytes)
        if (tensors[i].data != at)
            return fail(error, BAD_INPUT, "%s: %.200s overlaps another tensor or leaves a hole",
                body->path, tensors[i].name);
    if (at != body->bytes + body->size)
        return fail(error, BAD_INPUT, "%s: %zu bytes belong to no tensor", body->path,
            (size_t)(body->bytes + body->size - at));
    return 0;
}

static int add_tensors(
    struct tensors *tensors, json_t *header, const struct body *body, struct error *error)
{
    const size_t most = tensors->count + json_object_size(header);
    struct tensor *grown = realloc(tensors->items, (most + 1) * sizeof *grown);
    if (!grown)
        return fail_memory(error, most * sizeof *grown);
    tensors->items = grown;
    const size_t first = tensors->count;
    const char *name;
    json_t *entry;
    json_object_foreach(header, name, entry) {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        if (tensors_in_earlier_file(tensors, name))
            return fail(
                error, BAD_INPUT, "%s: %.200s is in another shard too", body->path, name);
        const int status =
            parse_tensor(&tensors->items[tensors->count], name, entry, body, error);
        if (status < 0)
            return status;
        tensors->count++;
    }
    return check_places(tensors->items + first, tensors->count - first, body, error);
}

static int parse_file(struct tensors *tensors, const struct mapping *mapping, const char *path,
    struct error *error)
{
    const unsigned char *bytes = mapping->bytes;
    uint64_t length = 0;
    for (int i = 0; i < 8; i++)
        length |= (uint64_t)bytes[i] << 8 * i;
    if (length > mapping->size - 8 || length > HEADER_LIMIT)
        return fail(error, BAD_INPUT,
            "%s: not safetensors: a header of %llu bytes in a file of %zu", path,
            (unsigned long long)length, mapping->size);
    json_error_t why;
    json_t *header =
        json_loadb((const char *)bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &why);
    tensors->headers[tensors->mapping_count - 1] = header;
    if (!json_is_object(header))
        return fail(error, BAD_INPUT, "%s: header is not a JSON object%s%s", path,
            header ? "" : ": ", header ? "" : why.text);
    tensors->crc = libdeflate_crc32(tensors->crc, bytes + 8, (size_t)length);
    if (!tensors->metadata)
        tensors->metadata = json_object_get(header, "__metadata__");
    const struct body body = { path, bytes + 8 + length, mapping->size - 8 - (size_t)length };
    return add_tensors(tensors, header, &body, error);
}

int safetensors_add(struct tensors *tensors, const char *path, struct error *error)
{
    const int status = tensors_map(tensors, path, "safetensors", error);
    if (status < 0)
        return status;
    return parse_file(tensors, &tensors->mappings[tensors->mapping_count - 1], path, error);
}
