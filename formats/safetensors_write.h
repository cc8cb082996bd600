/*
 * Writing safetensors (huggingface/safetensors): tensors sorted by name, one after the other
 * from a multiple of 8 bytes on, taken as they are wanted and never copied whole.
 */
#ifndef SACCADE_SAFETENSORS_WRITE_H
#define SACCADE_SAFETENSORS_WRITE_H

#include "formats/io.h"
#include "formats/tensors.h"

struct safetensors_item {
    const char *name;
    size_t rank, shape[TENSOR_MAX_RANK];
};

struct safetensors_plan {
    const struct safetensors_item *items; /* names that differ, in any order */
    size_t count;
    bool half;              /* as F16, rounded to nearest even; otherwise F32 */
    const json_t *metadata; /* an object of strings, or NULL */
    /* The values of items[i] in C order, good until the next call; called twice for each. */
    const float *(*values)(void *argument, size_t i);
    void *argument;
};

/*
 * Puts it into a file that was begun; the caller commits. __metadata__ begins with
 * "crc32":"xxxxxxxx", the CRC-32 of the whole file as it is with eight zeros there: so the
 * header, which names a model, differs where a weight does. BAD_INPUT: a value too large for
 * F16; BAD_SYSTEM.
 */
int safetensors_write(
    struct whole_file *file, const struct safetensors_plan *plan, struct error *error);

/*
 * Whether a file opened by safetensors_add (its first mapping) is what was written, to the bit.
 * BAD_INPUT: a damaged file, or one of another program, which has no such sum.
 */
int safetensors_check(const struct tensors *tensors, const char *path, struct error *error);

#endif
