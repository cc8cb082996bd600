/*
 * NumPy's .npy arrays. Written: version 1, C order, little-endian, the header padded to a
 * multiple of 64 bytes. Read: versions 1 to 3, both orders and byte orders of f2 f4 f8 i1 i2 i4
 * i8 u1 u2 u4 b1; structured and object types, overflowing shapes and sizes that aren't header
 * + payload are refused.
 */
#ifndef SACCADE_NPY_H
#define SACCADE_NPY_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { NPY_MAX_RANK = 8, NPY_MAX_HEADER = 4096 };

struct npy {
    char type[4]; /* "f4", "u1": kind and bytes an item */
    size_t item;  /* bytes */
    bool big_endian, fortran;
    size_t rank, shape[NPY_MAX_RANK], count;
    const unsigned char *data; /* count * item bytes, inside what was parsed */
};

/* Memory that is reused from call to call; grows, freed by its owner with free(). */
struct scratch {
    void *bytes;
    size_t room;
};
int scratch_reserve(struct scratch *scratch, size_t size, struct error *error);

/* Bytes of the header and of the whole for an f32 array; 0 where that overflows. */
size_t npy_header_size(size_t rank, const size_t *shape);
size_t npy_floats_size(size_t rank, const size_t *shape);
/* Writes npy_header_size bytes. */
void npy_write_header(unsigned char *bytes, size_t rank, const size_t *shape);

/* Parses bytes, which are kept. BAD_SAMPLE. */
int npy_parse(const void *bytes, size_t size, struct npy *npy, struct error *error);

/* Item i of the array in C order (i < count), as a double. */
double npy_item(const struct npy *npy, size_t i);

/* The whole as f32 in C order: in place where it is stored so and aligned, else in scratch. */
int npy_floats(
    const struct npy *npy, const float **data, struct scratch *scratch, struct error *error);

/* "f4[3,224,224]" */
void npy_describe(const struct npy *npy, char *text, size_t size);

/* IEEE half and bfloat16 to float. */
float half_to_float(unsigned short half);
float bfloat_to_float(unsigned short bfloat);

#endif
