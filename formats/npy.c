#include "formats/npy.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char magic[6] = { 0x93, 'N', 'U', 'M', 'P', 'Y' };

int scratch_reserve(struct scratch *scratch, size_t size, struct error *error)
{
    size_t room;
    if (size <= scratch->room)
        return 0;
    if (__builtin_add_overflow(size, 63, &room))
        return fail_memory(error, size);
    free(scratch->bytes);
    scratch->room = 0;
    scratch->bytes = aligned_alloc(64, room & ~(size_t)63);
    if (!scratch->bytes)
        return fail_memory(error, size);
    scratch->room = size;
    return 0;
}

static int print_header(char *text, size_t size, size_t rank, const size_t *shape)
{
    int n = snprintf(text, size, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (size_t i = 0; i < rank; i++)
        n += snprintf(text + n, size - (size_t)n, i ? ", %zu" : "%zu", shape[i]);
    n += snprintf(text + n, size - (size_t)n, rank == 1 ? ",), }" : "), }");
    return n;
}

size_t npy_header_size(size_t rank, const size_t *shape)
{
    char text[512];
    return ((size_t)print_header(text, sizeof text, rank, shape) + 11 + 63) & ~(size_t)63;
}

size_t npy_floats_size(size_t rank, const size_t *shape)
{
    size_t bytes = sizeof(float);
    for (size_t i = 0; i < rank; i++)
        if (__builtin_mul_overflow(bytes, shape[i], &bytes))
            return 0;
    size_t whole;
    return __builtin_add_overflow(bytes, npy_header_size(rank, shape), &whole) ? 0 : whole;
}

void npy_write_header(unsigned char *bytes, size_t rank, const size_t *shape)
{
    char text[512];
    const int n = print_header(text, sizeof text, rank, shape);
    const size_t size = npy_header_size(rank, shape);
    memset(bytes, ' ', size);
    memcpy(bytes, magic, sizeof magic);
    bytes[6] = 1;
    bytes[7] = 0;
    bytes[8] = (unsigned char)((size - 10) & 255);
    bytes[9] = (unsigned char)((size - 10) >> 8);
    memcpy(bytes + 10, text, (size_t)n);
    bytes[size - 1] = '\n';
}

/* The text after KEY in the header's dictionary, or NULL. */
static const char *header_value(const char *header, const char *key)
{
    const char *at = strstr(header, key);
    if (!at)
        return NULL;
    at += strlen(key);
    while (*at == ' ' || *at == ':')
        at++;
    return at;
}

static int parse_type(struct npy *npy, const char *text, struct error *error)
{
    static const char known[][3] = { "f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4",
        "b1" };
    if (text && (*text == '\'' || *text == '"') && strchr("<>|=", text[1]) && text[1])
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strncmp(text + 2, known[i], 2) == 0 && text[4] == text[0]) {
                memcpy(npy->type, known[i], 3);
                npy->item = (size_t)(known[i][1] - '0');
                npy->big_endian = text[1] == '>' && npy->item > 1;
                return 0;
            }
    return fail(error, BAD_SAMPLE,
        "npy: type %.12s is not taken: floats, integers and booleans only", text ? text : "?");
}

static int parse_shape(struct npy *npy, const char *at, struct error *error)
{
    size_t bytes = npy->item;
    npy->count = 1;
    if (!at || *at != '(')
        return fail(error, BAD_SAMPLE, "npy: header has no shape");
    for (at++; *at != ')';) {
        char *end;
        if (!isdigit((unsigned char)*at) || npy->rank == NPY_MAX_RANK)
            return fail(
                error, BAD_SAMPLE, "npy: shape is not one of at most %d numbers", NPY_MAX_RANK);
        const unsigned long long side = strtoull(at, &end, 10);
        if (side > SIZE_MAX / 2 || __builtin_mul_overflow(bytes, (size_t)side, &bytes))
            return fail(error, BAD_SAMPLE, "npy: shape overflows");
        npy->shape[npy->rank++] = (size_t)side;
        npy->count *= (size_t)side;
        for (at = end; *at == ' ' || *at == ',' || *at == 'L';)
            at++;
    }
    return 0;
}

int npy_parse(const void *bytes, size_t size, struct npy *npy, struct error *error)
{
    const unsigned char *p = bytes;
    memset(npy, 0, sizeof *npy);
    if (size < 12 || memcmp(p, magic, sizeof magic) != 0 || p[6] < 1 || p[6] > 3)
        return fail(error, BAD_SAMPLE, "npy: not a .npy array of version 1 to 3");
    const size_t start = p[6] == 1 ? 10 : 12;
    size_t length = (size_t)p[8] | (size_t)p[9] << 8;
    if (p[6] > 1)
        length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (length > NPY_MAX_HEADER || length > size - start)
        return fail(error, BAD_SAMPLE, "npy: header of %zu bytes is cut or too long", length);
    char header[NPY_MAX_HEADER + 1];
    memcpy(header, p + start, length);
    header[length] = '\0';
    int status = parse_type(npy, header_value(header, "'descr'"), error);
    if (status == 0)
        status = parse_shape(npy, header_value(header, "'shape'"), error);
    const char *order = header_value(header, "'fortran_order'");
    if (status < 0)
        return status;
    if (!order || (strncmp(order, "True", 4) != 0 && strncmp(order, "False", 5) != 0))
        return fail(error, BAD_SAMPLE, "npy: header has no fortran_order");
    npy->fortran = *order == 'T' && npy->rank > 1;
    npy->data = p + start + length;
    if (size - start - length != npy->count * npy->item)
        return fail(error, BAD_SAMPLE, "npy: has %zu bytes of data, its shape needs %zu",
            size - start - length, npy->count * npy->item);
    return 0;
}

float half_to_float(unsigned short half)
{
    const unsigned exponent = half >> 10 & 31, fraction = half & 1023;
    const float sign = half & 0x8000 ? -1.0f : 1.0f;
    if (exponent == 31)
        return fraction ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexpf((float)fraction, -24);
    return sign * ldexpf((float)(fraction | 1024), (int)exponent - 25);
}

float bfloat_to_float(unsigned short bfloat)
{
    const uint32_t bits = (uint32_t)bfloat << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Where item i in C order is stored in an array in Fortran order. */
static size_t fortran_index(const struct npy *npy, size_t i)
{
    size_t index = 0;
    for (size_t d = npy->rank; d-- > 0;) {
        size_t stride = 1;
        for (size_t e = 0; e < d; e++)
            stride *= npy->shape[e];
        index += i % npy->shape[d] * stride;
        i /= npy->shape[d];
    }
    return index;
}

double npy_item(const struct npy *npy, size_t i)
{
    const unsigned char *at =
        npy->data + (npy->fortran ? fortran_index(npy, i) : i) * npy->item;
    uint64_t bits = 0;
    for (size_t b = 0; b < npy->item; b++)
        bits |= (uint64_t)at[npy->big_endian ? npy->item - 1 - b : b] << 8 * b;
    if (npy->type[0] == 'i') {
        const unsigned unused = 64 - 8 * (unsigned)npy->item;
        return (double)((int64_t)(bits << unused) >> unused);
    }
    if (npy->type[0] != 'f')
        return (double)bits;
    if (npy->item == 2)
        return (double)half_to_float((unsigned short)bits);
    double wide;
    float narrow;
    const uint32_t low = (uint32_t)bits;
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&narrow, &low, sizeof narrow);
    return npy->item == 8 ? wide : (double)narrow;
}

int npy_floats(
    const struct npy *npy, const float **data, struct scratch *scratch, struct error *error)
{
    if (strcmp(npy->type, "f4") == 0 && !npy->big_endian && !npy->fortran
        && (uintptr_t)npy->data % sizeof(float) == 0) {
        *data = (const float *)(const void *)npy->data;
        return 0;
    }
    size_t bytes;
    if (__builtin_mul_overflow(npy->count, sizeof(float), &bytes))
        return fail(error, BAD_SAMPLE, "npy: shape overflows");
    const int status = scratch_reserve(scratch, bytes ? bytes : 1, error);
    if (status < 0)
        return status;
    float *to = scratch->bytes;
    for (size_t i = 0; i < npy->count; i++)
        to[i] = (float)npy_item(npy, i);
    *data = to;
    return 0;
}

void npy_describe(const struct npy *npy, char *text, size_t size)
{
    int n = snprintf(text, size, "%s[", npy->type);
    for (size_t i = 0; i < npy->rank && (size_t)n < size; i++)
        n += snprintf(text + n, size - (size_t)n, i ? ",%zu" : "%zu", npy->shape[i]);
    if ((size_t)n < size)
        snprintf(text + n, size - (size_t)n, "]");
}
