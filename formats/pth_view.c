/* What the calls of a checkpoint's pickle say of its tensors, held against the storages. */
#include "formats/pth.h"

#include <string.h>

enum { KEY_LIMIT = 64, WRAPPER_LIMIT = 8, MOST_ARGUMENTS = 8 };

/* The classes of storages ("FloatStorage") and the names of types ("float32"). */
static const struct {
    const char *storage, *type;
    enum tensor_type kind;
    size_t item;
} types[] = {
    { "FloatStorage", "float32", TENSOR_F32, 4 },
    { "DoubleStorage", "float64", TENSOR_F64, 8 },
    { "HalfStorage", "float16", TENSOR_F16, 2 },
    { "BFloat16Storage", "bfloat16", TENSOR_BF16, 2 },
    { "LongStorage", "int64", TENSOR_OTHER, 8 },
    { "IntStorage", "int32", TENSOR_OTHER, 4 },
    { "ShortStorage", "int16", TENSOR_OTHER, 2 },
    { "CharStorage", "int8", TENSOR_OTHER, 1 },
    { "ByteStorage", "uint8", TENSOR_OTHER, 1 },
    { "BoolStorage", "bool", TENSOR_OTHER, 1 },
    { "ComplexFloatStorage", "complex64", TENSOR_OTHER, 8 },
    { "ComplexDoubleStorage", "complex128", TENSOR_OTHER, 16 },
    { "QInt8Storage", "qint8", TENSOR_OTHER, 1 },
    { "QUInt8Storage", "quint8", TENSOR_OTHER, 1 },
    { "QInt32Storage", "qint32", TENSOR_OTHER, 4 },
    { "UntypedStorage", "bits8", TENSOR_OTHER, 1 },
    { NULL, "uint16", TENSOR_OTHER, 2 },
    { NULL, "uint32", TENSOR_OTHER, 4 },
    { NULL, "uint64", TENSOR_OTHER, 8 },
    { NULL, "complex32", TENSOR_OTHER, 4 },
    { NULL, "float8_e4m3fn", TENSOR_OTHER, 1 },
    { NULL, "float8_e5m2", TENSOR_OTHER, 1 },
    { NULL, "float8_e4m3fnuz", TENSOR_OTHER, 1 },
    { NULL, "float8_e5m2fnuz", TENSOR_OTHER, 1 },
    { NULL, "float8_e8m0fnu", TENSOR_OTHER, 1 },
};

/* The row of a storage's class or, likewise, of a type; false: of neither. */
static bool find_type(const struct pickle *pickle, uint32_t global, bool storage,
    enum tensor_type *kind, size_t *item)
{
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        const char *name = storage ? types[t].storage : types[t].type;
        if (!name
            || (!pickle_is_global(pickle, global, "torch", name)
                && !(storage && pickle_is_global(pickle, global, "torch.storage", name))
                && !(storage && pickle_is_global(pickle, global, "torch.cuda", name))))
            continue;
        *kind = types[t].kind;
        *item = types[t].item;
        return true;
    }
    return false;
}

bool pth_is_storage(const struct pickle *pickle, uint32_t value)
{
    uint32_t items[1];
    const struct pickle_value *of = &pickle->values[value];
    return of->kind == PICKLE_PERSISTENT && pickle_items(pickle, of->id, items, 1) >= 1
           && pickle_is_text(pickle, items[0], "storage");
}

static bool read_count(const struct pickle *pickle, uint32_t value, uint64_t *count)
{
    const struct pickle_value *of = &pickle->values[value];
    *count = (uint64_t)of->integer;
    return of->kind == PICKLE_INT && of->integer >= 0;
}

static bool is_key(const char *key, size_t length)
{
    for (size_t i = 0; key && i < length; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return key && length > 0 && length <= KEY_LIMIT;
}

/* ("storage", class, key, device, elements[, None or (key, first, count) of a view]) */
int pth_refer(
    const struct pth *pth, uint32_t value, struct pth_reference *reference, struct error *error)
{
    const struct pickle *pickle = &pth->pickle;
    uint32_t items[6], view[3];
    const size_t count = pickle_items(pickle, pickle->values[value].id, items, 6);
    if (count < 5 || count > 6)
        return fail(
            error, BAD_INPUT, "%s: a storage of %zu facts, not 5 or 6", pth->path, count);
    *reference = (struct pth_reference){ 0 };
    reference->key = pickle_text(pickle, items[2], &reference->length);
    if (!is_key(reference->key, reference->length))
        return fail(error, BAD_INPUT, "%s: a storage whose key isn't one", pth->path);
    const int length = (int)reference->length;
    if (!find_type(pickle, items[1], true, &reference->type, &reference->item))
        return fail(error, BAD_INPUT, "%s: storage %.*s: its class is not taken", pth->path,
            length, reference->key);
    if (!read_count(pickle, items[4], &reference->numel))
        return fail(error, BAD_INPUT, "%s: storage %.*s: its size is no count", pth->path,
            length, reference->key);
    reference->count = reference->numel;
    if (count == 6 && pickle_items(pickle, items[5], view, 3) == 3
        && (!read_count(pickle, view[1], &reference->first)
            || !read_count(pickle, view[2], &reference->count)
            || reference->first > reference->numel
            || reference->count > reference->numel - reference->first))
        return fail(error, BAD_INPUT, "%s: storage %.*s: a view reaches beyond it", pth->path,
            length, reference->key);
    return 0;
}

/*
 * The arguments and the version (1 to 3) of the call of torch._utils._rebuild_tensor that the
 * value is, maybe inside calls that make a parameter or a subclass of it. 0: it is none.
 */
static int find_rebuild(const struct pickle *pickle, uint32_t value, uint32_t *arguments)
{
    static const char *const functions[] = { "_rebuild_tensor", "_rebuild_tensor_v2",
        "_rebuild_tensor_v3" };
    uint32_t items[3];
    for (int depth = 0; depth < WRAPPER_LIMIT; depth++) {
        const struct pickle_value *of = &pickle->values[value];
        if (of->kind != PICKLE_CALL)
            return 0;
        uint32_t function = of->function;
        *arguments = of->arguments;
        /* (function, class, arguments, state) */
        if (pickle_is_global(pickle, function, "torch._tensor", "_rebuild_from_type_v2")
            && pickle_items(pickle, *arguments, items, 3) >= 3) {
            function = items[0];
            *arguments = items[2];
        }
        for (int version = 1; version <= 3; version++)
            if (pickle_is_global(pickle, function, "torch._utils", functions[version - 1]))
                return version;
        if ((!pickle_is_global(pickle, function, "torch._utils", "_rebuild_parameter")
                && !pickle_is_global(
                    pickle, function, "torch._utils", "_rebuild_parameter_with_state"))
            || pickle_items(pickle, *arguments, items, 1) < 1)
            return 0;
        value = items[0];
    }
    return 0;
}

bool pth_is_tensor(const struct pickle *pickle, uint32_t value)
{
    uint32_t arguments;
    return find_rebuild(pickle, value, &arguments) > 0;
}

/* Counts in a tuple into `to`: how many there are, or -1. */
static int read_counts(const struct pickle *pickle, uint32_t value, size_t *to)
{
    uint32_t items[TENSOR_MAX_RANK];
    if (pickle->values[value].kind != PICKLE_TUPLE)
        return -1;
    const size_t count = pickle_items(pickle, value, items, TENSOR_MAX_RANK);
    for (size_t i = 0; i < count && i < TENSOR_MAX_RANK; i++) {
        uint64_t n;
        if (!read_count(pickle, items[i], &n))
            return -1;
        to[i] = (size_t)n;
    }
    return count > TENSOR_MAX_RANK ? -1 : (int)count;
}

/* Shape and strides: whether they make sense; *span: elements from the first to the last. */
static bool read_shape(
    const struct pickle *pickle, const uint32_t *arguments, struct pth_view *view, size_t *span)
{
    struct tensor *tensor = &view->tensor;
    const int rank = read_counts(pickle, arguments[2], tensor->shape);
    if (rank < 0 || read_counts(pickle, arguments[3], view->strides) != rank)
        return false;
    tensor->rank = (size_t)rank;
    tensor->count = 1;
    *span = 1;
    view->in_order = true;
    for (size_t i = 0; i < tensor->rank; i++)
        if (__builtin_mul_overflow(tensor->count, tensor->shape[i], &tensor->count))
            return false;
    size_t expected = 1;
    for (size_t i = tensor->rank; i-- > 0 && tensor->count > 0;) {
        size_t reach;
        if (__builtin_mul_overflow(tensor->shape[i] - 1, view->strides[i], &reach)
            || __builtin_add_overflow(*span, reach, span))
            return false;
        view->in_order &= tensor->shape[i] == 1 || view->strides[i] == expected;
        expected *= tensor->shape[i];
    }
    if (tensor->count == 0)
        *span = 0;
    return !__builtin_mul_overflow(tensor->count, view->item, &tensor->bytes);
}

/* The tensor's first element: offset elements into what it sees of the storage. */
static int find_data(const struct pth *pth, const char *name, struct pth_view *view,
    const struct pth_reference *reference, uint64_t offset, size_t span, struct error *error)
{
    const struct pth_storage *storage =
        pth_find_storage(pth, reference->key, reference->length);
    const int length = (int)reference->length;
    size_t said, end;
    if (!storage || !storage->data)
        return fail(error, BAD_INPUT, "%s: %.200s: storage %.*s is not in the file", pth->path,
            name, length, reference->key);
    if (__builtin_mul_overflow(reference->numel, reference->item, &said)
        || said > storage->size)
        return fail(error, BAD_INPUT,
            "%s: %.200s: storage %.*s has %zu bytes, fewer than its %llu elements", pth->path,
            name, length, reference->key, storage->size, (unsigned long long)reference->numel);
    if (span > 0
        && (__builtin_add_overflow(offset, span, &end)
            || __builtin_mul_overflow(end, view->item, &end)
            || end > reference->count * reference->item))
        return fail(error, BAD_INPUT, "%s: %.200s reaches beyond storage %.*s", pth->path, name,
            length, reference->key);
    view->tensor.data = storage->data;
    if (span > 0)
        view->tensor.data += reference->first * reference->item + offset * view->item;
    return 0;
}

/* Bits that change the numbers (negated, conjugated) are in the metadata. */
static bool is_plain(const struct pickle *pickle, uint32_t metadata)
{
    const struct pickle_value *of = &pickle->values[metadata];
    return of->kind == PICKLE_NONE || (of->kind == PICKLE_DICT && of->count == 0);
}

/* (storage, offset, shape, strides, gradient, hooks[, type in version 3][, metadata]) */
int pth_see(const struct pth *pth, const char *name, uint32_t value, struct pth_view *view,
    struct error *error)
{
    const struct pickle *pickle = &pth->pickle;
    uint32_t arguments, items[MOST_ARGUMENTS];
    struct pth_reference reference;
    uint64_t offset;
    size_t span;
    const int version = find_rebuild(pickle, value, &arguments);
    const size_t count = pickle_items(pickle, arguments, items, MOST_ARGUMENTS);
    const size_t metadata = version == 3 ? 7 : 6;
    *view = (struct pth_view){ 0 };
    if (count < (version == 3 ? 7 : 4) || !pth_is_storage(pickle, items[0])
        || !read_count(pickle, items[1], &offset))
        return fail(error, BAD_INPUT, "%s: %.200s: a tensor without storage or offset",
            pth->path, name);
    const int status = pth_refer(pth, items[0], &reference, error);
    if (status < 0)
        return status;
    view->tensor.type = reference.type;
    view->item = reference.item;
    if (version == 3 && !find_type(pickle, items[6], false, &view->tensor.type, &view->item))
        return fail(error, BAD_INPUT, "%s: %.200s: its type is not taken", pth->path, name);
    if (count > metadata && !is_plain(pickle, items[metadata]))
        return fail(error, BAD_INPUT, "%s: %.200s: negated or conjugated tensors are not taken",
            pth->path, name);
    if (!read_shape(pickle, items, view, &span))
        return fail(error, BAD_INPUT,
            "%s: %.200s: shape or strides are broken, overflow or have more than %d dimensions",
            pth->path, name, TENSOR_MAX_RANK);
    return find_data(pth, name, view, &reference, offset, span, error);
}

void pth_copy(const struct pth_view *view, unsigned char *to)
{
    const struct tensor *tensor = &view->tensor;
    size_t index[TENSOR_MAX_RANK] = { 0 };
    const unsigned char *from = tensor->data;
    for (size_t n = 0; n < tensor->count; n++) {
        memcpy(to + n * view->item, from, view->item);
        for (size_t i = tensor->rank; i-- > 0;) {
            from += view->strides[i] * view->item;
            if (++index[i] < tensor->shape[i])
                break;
            from -= index[i] * view->strides[i] * view->item;
            index[i] = 0;
        }
    }
}
