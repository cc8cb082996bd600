/*
 * The machine that a pickle is a program for, without its opcodes: the stack with its marks,
 * the memo, the values made so far, and the bytes to come. For pickle.c alone. What can fail
 * returns BAD_INPUT, with the place in the pickle, or BAD_SYSTEM.
 */
#ifndef SACCADE_PICKLE_STACK_H
#define SACCADE_PICKLE_STACK_H

#include "formats/pickle.h"

struct pickle_numbers {
    uint32_t *at;
    size_t count, room;
};

struct pickle_reader {
    struct pickle *pickle;
    size_t at, end, opcode; /* opcode: where it is, for messages */
    size_t value_room, cell_room;
    struct pickle_numbers stack, marks, memo;
    const char *path;
    struct error *error;
};

int pickle_broken(const struct pickle_reader *reader, const char *what);

/* Operands, behind which the reader moves: little-endian; `size` bytes at *at; up to a newline.
 */
int pickle_take_number(struct pickle_reader *reader, size_t size, uint64_t *number);
int pickle_take_bytes(struct pickle_reader *reader, uint64_t size, size_t *at);
int pickle_take_line(struct pickle_reader *reader, size_t *at, size_t *length);

/* The lowest place of the stack that may be popped: above the last mark. */
size_t pickle_floor(const struct pickle_reader *reader);
/* Whether there are `count` values above it; else says that there aren't. */
int pickle_need(const struct pickle_reader *reader, size_t count);
/* The value on top, which pickle_need knows to be there. */
uint32_t pickle_pop(struct pickle_reader *reader);
int pickle_add_mark(struct pickle_reader *reader);
/* Takes the last mark away: *from is the first place above it. */
int pickle_pop_mark(struct pickle_reader *reader, size_t *from);

int pickle_push(struct pickle_reader *reader, uint32_t value);
int pickle_push_value(struct pickle_reader *reader, struct pickle_value value);
/* A text, or another kind that is bytes of the pickle. */
int pickle_push_text(
    struct pickle_reader *reader, enum pickle_kind kind, size_t at, size_t length);
int pickle_add_value(struct pickle_reader *reader, struct pickle_value value);
/* An item behind the value's others. */
int pickle_add_item(struct pickle_reader *reader, struct pickle_value *value, uint32_t item);
/* What is on the stack from `from` on becomes items of the value; then it is gone. */
int pickle_add_items(struct pickle_reader *reader, struct pickle_value *value, size_t from);

/* The memo. remember: what is on top of the stack, which pickle_need knows to be there. */
int pickle_push_remembered(struct pickle_reader *reader, uint64_t place);
int pickle_remember(struct pickle_reader *reader, uint64_t place);

/* Whether a pickle may name that: BAD_INPUT for what means harm (pickle_harm.c). */
int pickle_refuse_harm(const struct pickle_reader *reader, const struct pickle_value *global);

#endif
