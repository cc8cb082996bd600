/*
 * Inside of a PyTorch checkpoint, for pth*.c alone: a pickle, which names storages by keys and
 * lays tensors over them, and the storages. (torch/serialization.py, torch/_utils.py.)
 */
#ifndef SACCADE_PTH_H
#define SACCADE_PTH_H

#include "formats/pickle.h"
#include "formats/tensors.h"

struct pth_storage {
    const char *key; /* length bytes in the file */
    size_t length;
    const unsigned char *data; /* NULL: it isn't there */
    size_t size;
    size_t item; /* bytes an element, where the pickle says it before the data; else 0 */
};

struct pth {
    const char *path;
    const unsigned char *bytes; /* the file */
    size_t size;
    struct pickle pickle;         /* the object that was saved */
    struct pth_storage *storages; /* in order of their keys, none twice */
    size_t storage_count;
};

/* What the pickle says of a storage: numel elements, of which a tensor sees `count` from
 * `first`. */
struct pth_reference {
    const char *key;
    size_t length;
    enum tensor_type type;
    size_t item;
    uint64_t numel, first, count;
};

/* A tensor as its storage has it. */
struct pth_view {
    struct tensor tensor; /* but for its name; data: its first element in the storage */
    size_t item, strides[TENSOR_MAX_RANK]; /* in elements */
    bool in_order;                         /* C order: data is the tensor's as it is */
};

/* Finds the pickle and the storages, of either container. BAD_INPUT, BAD_SYSTEM. */
int pth_open_zip(struct pth *pth, struct error *error);
bool pth_is_legacy(const unsigned char *bytes, size_t size);
int pth_open_legacy(struct pth *pth, struct error *error);

int pth_compare_keys(const void *a, const void *b);
/* The storage of that key, or NULL. */
struct pth_storage *pth_find_storage(const struct pth *pth, const char *key, size_t length);

/* Whether the value of the pickle stands for a storage; and what is said of it. BAD_INPUT. */
bool pth_is_storage(const struct pickle *pickle, uint32_t value);
int pth_refer(const struct pth *pth, uint32_t value, struct pth_reference *reference,
    struct error *error);

/* Whether the value is a call that rebuilds a tensor; and what it gives. BAD_INPUT. */
bool pth_is_tensor(const struct pickle *pickle, uint32_t value);
int pth_see(const struct pth *pth, const char *name, uint32_t value, struct pth_view *view,
    struct error *error);
/* The view's elements in C order. */
void pth_copy(const struct pth_view *view, unsigned char *to);

/*
 * The names of all tensors in dictionaries, with their values in the pickle as integers, into
 * the JSON object `names`. BAD_INPUT: none, a name twice or longer than 1000 bytes or not
 * printable UTF-8, dictionaries that contain themselves or nest deeper than 64.
 */
int pth_list(const struct pth *pth, json_t *names, struct error *error);

#endif
