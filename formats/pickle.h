/*
 * Python's pickles (protocols 2 to 5) as data. A pickle is a program for a machine with a stack
 * that may call any function; here the calls are recorded as values and never made, so that the
 * reader sees what would be built and takes from it what it knows. (CPython's pickletools.py
 * says what the opcodes do.)
 */
#ifndef SACCADE_PICKLE_H
#define SACCADE_PICKLE_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,       /* integer: 0 or 1 */
    PICKLE_INT,        /* integer */
    PICKLE_LONG,       /* beyond 64 bits: its bytes, as of text */
    PICKLE_FLOAT,      /* real */
    PICKLE_TEXT,       /* str and bytes: count bytes at `at` of the pickle */
    PICKLE_TUPLE,      /* items */
    PICKLE_LIST,       /* items; sets too */
    PICKLE_DICT,       /* items: key, value, key, value... */
    PICKLE_GLOBAL,     /* the function or class `function` (a text) of the module `module` */
    PICKLE_CALL,       /* of the value `function` with `arguments`; items: as of a dict */
    PICKLE_PERSISTENT, /* what the pickler stands for by the id `id`, a value */
};

/* Values are named by their index; a cell is an item and the cell of the next, or 0. */
struct pickle_cell {
    uint32_t value, next;
};

struct pickle_value {
    enum pickle_kind kind;
    uint32_t count; /* of items, or of a text's bytes */
    union {
        int64_t integer;
        double real;
        uint32_t at, id;
        struct {
            uint32_t function;
            union {
                uint32_t module, arguments;
            };
        };
    };
    uint32_t first, last; /* cells of items, 0 where there are none */
};

struct pickle {
    const unsigned char *bytes;
    size_t size; /* up to and with STOP */
    struct pickle_value *values;
    struct pickle_cell *cells;
    uint32_t value_count, cell_count, root;
};

/*
 * Reads the pickle at the beginning of size bytes, which are kept, and finds where it ends.
 * Takes memory of less than 80 times the pickle's size. BAD_INPUT: cut, an opcode that isn't
 * taken, too few values on the stack, a number of a memo that isn't there, a text that is
 * longer than what is left, more than 4 million values or 100 MB. The caller calls pickle_free
 * after a failure too.
 */
int pickle_parse(struct pickle *pickle, const unsigned char *bytes, size_t size,
    const char *path, struct error *error);
void pickle_free(struct pickle *pickle);

/* Copies the first `room` items of a tuple, list or dict; how many there are, 0 of other
 * values. */
size_t pickle_items(const struct pickle *pickle, uint32_t value, uint32_t *items, size_t room);
/* The bytes of a text, or NULL of another value. */
const char *pickle_text(const struct pickle *pickle, uint32_t value, size_t *length);
bool pickle_is_text(const struct pickle *pickle, uint32_t value, const char *text);
bool pickle_is_global(
    const struct pickle *pickle, uint32_t value, const char *module, const char *name);

#endif
