#include "formats/safetensors_write.h"

#include <libdeflate.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Behind the 8 bytes of length every header begins so, and eight digits follow. */
static const char opening[] = "{\"__metadata__\":{\"crc32\":\"";
enum { DIGITS = 8, SUM_AT = 8 + sizeof opening - 1, HALVES = 1 << 13 };

struct writer {
    const struct safetensors_plan *plan;
    size_t *order; /* of the items by name */
    char *header;  /* with its 8 bytes of length */
    size_t header_size;
    struct whole_file *file; /* NULL: only the sum is made */
    uint32_t crc;
    struct error *error;
};

static int put(struct writer *writer, const void *bytes, size_t size)
{
    if (writer->file)
        return file_put(writer->file, bytes, size, writer->error);
    writer->crc = libdeflate_crc32(writer->crc, bytes, size);
    return 0;
}

/* To nearest even; infinity from 65520 on. */
static uint16_t half_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size >= 0x47800000)
        return (uint16_t)(sign | (size > 0x7f800000 ? 0x7e00 : 0x7c00));
    if (size < 0x38800000) { /* multiples of 2^-24, which is the last place of 0.5 */
        const float shifted = fabsf(value) + 0.5f;
        memcpy(&bits, &shifted, sizeof bits);
        return (uint16_t)(sign | (bits - 0x3f000000));
    }
    return (uint16_t)(sign | (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13);
}

static int put_halves(
    struct writer *writer, const char *name, const float *values, size_t count)
{
    uint16_t halves[HALVES];
    for (size_t at = 0; at < count; at += HALVES) {
        const size_t n = count - at < HALVES ? count - at : HALVES;
        for (size_t i = 0; i < n; i++) {
            halves[i] = half_from_float(values[at + i]);
            if ((halves[i] & 0x7fff) == 0x7c00 && isfinite(values[at + i]))
                return fail(writer->error, BAD_INPUT,
                    "%s: %g is too large for 16 bits: write it as f32", name,
                    (double)values[at + i]);
        }
        const int status = put(writer, halves, n * sizeof *halves);
        if (status < 0)
            return status;
    }
    return 0;
}

static size_t count_of(const struct safetensors_item *item)
{
    size_t count = 1;
    for (size_t i = 0; i < item->rank; i++)
        count *= item->shape[i];
    return count;
}

static int put_all(struct writer *writer)
{
    const struct safetensors_plan *plan = writer->plan;
    int status = put(writer, writer->header, writer->header_size);
    for (size_t k = 0; k < plan->count && status == 0; k++) {
        const size_t i = writer->order[k], count = count_of(&plan->items[i]);
        const float *values = plan->values(plan->argument, i);
        status = plan->half ? put_halves(writer, plan->items[i].name, values, count)
                            : put(writer, values, count * sizeof *values);
    }
    return status;
}

static int by_name(const void *a, const void *b, void *argument)
{
    const struct safetensors_plan *plan = argument;
    return strcmp(plan->items[*(const size_t *)a].name, plan->items[*(const size_t *)b].name);
}

static json_t *describe(const struct safetensors_item *item, bool half, size_t *at)
{
    const size_t begin = *at;
    json_t *shape = json_array();
    for (size_t i = 0; i < item->rank; i++)
        json_array_append_new(shape, json_integer((json_int_t)item->shape[i]));
    *at += count_of(item) * (half ? 2 : 4);
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", half ? "F16" : "F32", "shape", shape,
        "data_offsets", (json_int_t)begin, (json_int_t)*at);
}

/* The header's JSON, with zeros for the sum. */
static char *make_json(const struct writer *writer)
{
    const struct safetensors_plan *plan = writer->plan;
    json_t *header = json_object(), *metadata = json_pack("{s:s}", "crc32", "00000000");
    size_t at = 0;
    int bad = plan->metadata && json_object_update(metadata, (json_t *)plan->metadata) < 0;
    bad |= json_object_set_new(header, "__metadata__", metadata) < 0;
    for (size_t k = 0; k < plan->count; k++) {
        const struct safetensors_item *item = &plan->items[writer->order[k]];
        bad |= json_object_set_new(header, item->name, describe(item, plan->half, &at)) < 0;
    }
    char *text = bad ? NULL : json_dumps(header, JSON_COMPACT);
    json_decref(header);
    return text;
}

/* Sets order and header, padded with spaces so that the data begin at a multiple of 8. */
static int make_header(struct writer *writer)
{
    const size_t count = writer->plan->count;
    writer->order = calloc(count + 1, sizeof *writer->order);
    if (!writer->order)
        return fail_memory(writer->error, count * sizeof *writer->order);
    for (size_t i = 0; i < count; i++)
        writer->order[i] = i;
    qsort_r(writer->order, count, sizeof *writer->order, by_name, (void *)writer->plan);
    char *text = make_json(writer);
    const size_t length = text ? (strlen(text) + 7) & ~(size_t)7 : 0;
    writer->header = text ? malloc(8 + length) : NULL;
    if (writer->header) {
        writer->header_size = 8 + length;
        for (int i = 0; i < 8; i++)
            writer->header[i] = (char)(length >> 8 * i);
        memset(writer->header + 8, ' ', length);
        memcpy(writer->header + 8, text, strlen(text));
    }
    free(text);
    return writer->header ? 0 : fail_memory(writer->error, length);
}

int safetensors_write(
    struct whole_file *file, const struct safetensors_plan *plan, struct error *error)
{
    struct writer writer = { .plan = plan, .error = error };
    int status = make_header(&writer);
    if (status == 0)
        status = put_all(&writer);
    if (status == 0) {
        char digits[DIGITS + 1];
        snprintf(digits, sizeof digits, "%08x", writer.crc);
        memcpy(writer.header + SUM_AT, digits, DIGITS);
        writer.file = file;
        status = put_all(&writer);
    }
    free(writer.header);
    free(writer.order);
    return status;
}

int safetensors_check(const struct tensors *tensors, const char *path, struct error *error)
{
    const unsigned char *bytes = tensors->mappings[0].bytes;
    const size_t size = tensors->mappings[0].size, behind = SUM_AT + DIGITS;
    char digits[DIGITS + 1];
    if (size < behind || memcmp(bytes + 8, opening, sizeof opening - 1) != 0)
        return fail(error, BAD_INPUT, "%s: has no sum to check it by", path);
    uint32_t crc = libdeflate_crc32(0, bytes, SUM_AT);
    crc = libdeflate_crc32(crc, "00000000", DIGITS);
    crc = libdeflate_crc32(crc, bytes + behind, size - behind);
    snprintf(digits, sizeof digits, "%08x", crc);
    return memcmp(bytes + SUM_AT, digits, DIGITS) == 0
               ? 0
               : fail(error, BAD_INPUT, "%s: damaged: its CRC-32 is %s", path, digits);
}
