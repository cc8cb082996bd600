/* What the readers of checkpoints share: mapping files, finding and converting tensors. */
#include "formats/tensors.h"
#include "formats/npy.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const struct tensor *tensors_find(const struct tensors *tensors, const char *name)
{
    for (size_t i = 0; i < tensors->count; i++)
        if (strcmp(tensors->items[i].name, name) == 0)
            return &tensors->items[i];
    return NULL;
}

void tensors_free(struct tensors *tensors)
{
    for (size_t i = 0; i < tensors->mapping_count; i++) {
        munmap(tensors->mappings[i].bytes, tensors->mappings[i].size);
        json_decref(tensors->headers[i]);
    }
    free(tensors->mappings);
    free(tensors->headers);
    free(tensors->items);
    *tensors = (struct tensors){ 0 };
}

const float *tensor_in_place(const struct tensor *tensor)
{
    const bool fits =
        tensor->type == TENSOR_F32 && (uintptr_t)tensor->data % sizeof(float) == 0;
    return fits ? (const float *)(const void *)tensor->data : NULL;
}

void tensor_to_floats(const struct tensor *tensor, float *values)
{
    for (size_t i = 0; i < tensor->count; i++) {
        const unsigned char *at = tensor->data + i * (tensor->bytes / tensor->count);
        uint16_t half;
        double wide;
        switch (tensor->type) {
        case TENSOR_F64:
            memcpy(&wide, at, sizeof wide);
            values[i] = (float)wide;
            break;
        case TENSOR_F32:
            memcpy(&values[i], at, sizeof values[i]);
            break;
        case TENSOR_F16:
            memcpy(&half, at, sizeof half);
            values[i] = half_to_float(half);
            break;
        case TENSOR_BF16:
            memcpy(&half, at, sizeof half);
            values[i] = bfloat_to_float(half);
            break;
        case TENSOR_OTHER:
            values[i] = NAN;
            break;
        }
    }
}

const char *tensor_shape_text(const struct tensor *tensor, char *text, size_t size)
{
    size_t n = (size_t)snprintf(text, size, "[");
    for (size_t i = 0; i < tensor->rank && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, i ? ",%zu" : "%zu", tensor->shape[i]);
    if (n < size)
        snprintf(text + n, size - n, "]");
    return text;
}

bool tensors_in_earlier_file(const struct tensors *tensors, const char *name)
{
    for (size_t i = 0; i + 1 < tensors->mapping_count; i++)
        if (json_object_get(tensors->headers[i], name))
            return true;
    return false;
}

/* Room for one more mapping behind those there are. */
static int grow(struct tensors *tensors, struct error *error)
{
    const size_t count = tensors->mapping_count + 1;
    struct mapping *mappings = realloc(tensors->mappings, count * sizeof *mappings);
    if (mappings)
        tensors->mappings = mappings;
    json_t **headers = realloc(tensors->headers, count * sizeof *headers);
    if (headers)
        tensors->headers = headers;
    if (!mappings || !headers)
        return fail_memory(error, count * sizeof *mappings);
    headers[count - 1] = NULL;
    return 0;
}

static int map_file(
    const char *path, const char *format, struct mapping *mapping, struct error *error)
{
    struct stat about;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a fifo would block */
    if (fd < 0)
        return fail_errno(error, "%s", path);
    int status = fstat(fd, &about) < 0 ? fail_errno(error, "%s", path) : 0;
    if (status == 0 && (!S_ISREG(about.st_mode) || about.st_size < 8))
        status = fail(error, BAD_INPUT, "%s: not %s: %s", path, format,
            S_ISREG(about.st_mode) ? "fewer than 8 bytes" : "not a regular file");
    if (status == 0) {
        mapping->size = (size_t)about.st_size;
        mapping->bytes = mmap(NULL, mapping->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (mapping->bytes == MAP_FAILED)
            status = fail_errno(error, "%s: mmap", path);
    }
    close(fd);
    return status;
}

int tensors_map(
    struct tensors *tensors, const char *path, const char *format, struct error *error)
{
    int status = grow(tensors, error);
    if (status == 0)
        status = map_file(path, format, &tensors->mappings[tensors->mapping_count], error);
    if (status == 0)
        tensors->mapping_count++;
    return status;
}

int tensors_room(
    struct tensors *tensors, size_t size, unsigned char **bytes, struct error *error)
{
    const int status = grow(tensors, error);
    if (status < 0)
        return status;
    void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        return fail_memory(error, size);
    tensors->mappings[tensors->mapping_count++] = (struct mapping){ room, size };
    *bytes = room;
    return 0;
}
