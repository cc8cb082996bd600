/*
 * The tensors of a checkpoint, mapped and not read: opening a 350 MB model costs milliseconds.
 */
#ifndef SACCADE_TENSORS_H
#define SACCADE_TENSORS_H

#include "formats/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TENSOR_MAX_RANK = 8 };

enum tensor_type { TENSOR_F64, TENSOR_F32, TENSOR_F16, TENSOR_BF16, TENSOR_OTHER };

struct tensor {
    const char *name; /* owned by the set */
    enum tensor_type type;
    size_t rank, shape[TENSOR_MAX_RANK], count, bytes;
    const unsigned char *data; /* little-endian, C order, of any alignment */
};

struct mapping {
    void *bytes;
    size_t size;
};

struct tensors {
    struct tensor *items;
    size_t count;
    struct mapping *mappings;
    size_t mapping_count;
    json_t **headers; /* of each mapping, or NULL; their keys are the tensors' names */
    json_t *metadata; /* __metadata__ of the first safetensors file (borrowed), or NULL */
    uint32_t crc;     /* CRC-32 over the files' headers or pickles in order */
};

/*
 * Adds the tensors of one safetensors file to the set. BAD_INPUT names what is wrong: a header
 * that is cut, not JSON or over 100 MB, an unknown type, a shape that overflows, offsets that
 * overlap, leave holes or don't end with the file, a name that is there already.
 */
int safetensors_add(struct tensors *tensors, const char *path, struct error *error);

/*
 * Adds the tensors of a PyTorch checkpoint, as torch.save writes it now (a zip) or wrote it
 * until 1.5. Its pickle is read as data: nothing in it is run. Tensors are those in
 * dictionaries under string keys, with dots between the keys of nested ones
 * ("state_dict.module.conv1.weight"); everything else is passed over. Tensors in C order stay
 * in the mapping, the others are copied. BAD_INPUT names what is wrong: another format, a
 * deflated member, big-endian data, what is cut or contradicts itself, a tensor beyond its
 * storage, a name that is there already, no tensor at all.
 */
int pth_add(struct tensors *tensors, const char *path, struct error *error);

void tensors_free(struct tensors *tensors);

/*
 * For readers of a format. tensors_map maps a file read-only as the set's next, its header
 * still NULL; format is the format's name for messages. BAD_INPUT: not a regular file of at
 * least 8 bytes. tensors_room adds a mapping of size > 0 zero bytes that can be written.
 * tensors_in_earlier_file: whether a header before that of the last mapping has the name.
 */
int tensors_map(
    struct tensors *tensors, const char *path, const char *format, struct error *error);
int tensors_room(
    struct tensors *tensors, size_t size, unsigned char **bytes, struct error *error);
bool tensors_in_earlier_file(const struct tensors *tensors, const char *name);

const struct tensor *tensors_find(const struct tensors *tensors, const char *name);

/* Converts the tensor's values to f32; TENSOR_OTHER becomes NaN. */
void tensor_to_floats(const struct tensor *tensor, float *values);
/* The tensor's own memory where it is aligned f32, else NULL. */
const float *tensor_in_place(const struct tensor *tensor);

/* "[768,3,16,16]" */
const char *tensor_shape_text(const struct tensor *tensor, char *text, size_t size);

#endif
