#include "formats/pickle_stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_LIMIT = 100000000, NEWEST = 5 };

/* Values that are always there. */
enum { NONE, FALSE, TRUE, EMPTY_TUPLE };

typedef int handler(struct pickle_reader *reader, unsigned char opcode);

static int on_constant(struct pickle_reader *reader, unsigned char opcode)
{
    return pickle_push(reader, opcode == 'N'    ? NONE
                               : opcode == ')'  ? EMPTY_TUPLE
                               : opcode == 0x88 ? TRUE
                                                : FALSE);
}

static int on_integer(struct pickle_reader *reader, unsigned char opcode)
{
    uint64_t n;
    const int status = pickle_take_number(reader,
        opcode == 'J'   ? 4
        : opcode == 'M' ? 2
                        : 1,
        &n);
    if (status < 0)
        return status;
    const int64_t integer = opcode == 'J' ? (int64_t)(int32_t)(uint32_t)n : (int64_t)n;
    return pickle_push_value(
        reader, (struct pickle_value){ .kind = PICKLE_INT, .integer = integer });
}

/* Python 2 wrote integers of more than 32 bits as a line of text. */
static int on_integer_line(struct pickle_reader *reader, unsigned char opcode)
{
    (void)opcode;
    char text[24], *end;
    size_t at, length;
    const int status = pickle_take_line(reader, &at, &length);
    if (status < 0)
        return status;
    snprintf(text, sizeof text, "%.*s", length < 23 ? (int)length : 23,
        (const char *)reader->pickle->bytes + at);
    const long long n = strtoll(text, &end, 10);
    if (length > 22 || end == text || *end)
        return pickle_broken(reader, "not an integer");
    return pickle_push_value(reader, (struct pickle_value){ .kind = PICKLE_INT, .integer = n });
}

static int on_long(struct pickle_reader *reader, unsigned char opcode)
{
    uint64_t size, n = 0;
    size_t at;
    int status = pickle_take_number(reader, opcode == 0x8a ? 1 : 4, &size);
    if (status == 0)
        status = pickle_take_bytes(reader, size, &at);
    if (status < 0)
        return status;
    if (size > 8)
        return pickle_push_text(reader, PICKLE_LONG, at, (size_t)size);
    const bool negative = size > 0 && reader->pickle->bytes[at + size - 1] & 0x80;
    for (size_t i = 0; i < 8; i++)
        n |= (uint64_t)(i < size ? reader->pickle->bytes[at + i] : negative ? 255 : 0) << 8 * i;
    return pickle_push_value(
        reader, (struct pickle_value){ .kind = PICKLE_INT, .integer = (int64_t)n });
}

static int on_real(struct pickle_reader *reader, unsigned char opcode)
{
    (void)opcode;
    uint64_t bits;
    struct pickle_value value = { .kind = PICKLE_FLOAT };
    const int status = pickle_take_number(reader, 8, &bits);
    if (status < 0)
        return status;
    bits = __builtin_bswap64(bits); /* big-endian, it alone */
    memcpy(&value.real, &bits, sizeof bits);
    return pickle_push_value(reader, value);
}

static int on_text(struct pickle_reader *reader, unsigned char opcode)
{
    uint64_t size;
    size_t at;
    const bool is_short = opcode == 'U' || opcode == 'C' || opcode == 0x8c;
    const bool is_long = opcode == 0x8d || opcode == 0x8e || opcode == 0x96;
    int status = pickle_take_number(reader, is_short ? 1 : is_long ? 8 : 4, &size);
    if (status == 0 && opcode == 'T' && size >> 31)
        status = pickle_broken(reader, "a text of negative length");
    if (status == 0)
        status = pickle_take_bytes(reader, size, &at);
    if (status < 0)
        return status;
    return pickle_push_text(reader, PICKLE_TEXT, at, (size_t)size);
}

static int on_mark(struct pickle_reader *reader, unsigned char opcode)
{
    (void)opcode;
    return pickle_add_mark(reader);
}

static enum pickle_kind kind_of(unsigned char opcode)
{
    switch (opcode) {
    case '}':
    case 'd':
        return PICKLE_DICT;
    case ']':
    case 'l':
    case 0x8f: /* an empty set */
        return PICKLE_LIST;
    default:
        return PICKLE_TUPLE;
    }
}

static int on_empty(struct pickle_reader *reader, unsigned char opcode)
{
    return pickle_push_value(reader, (struct pickle_value){ .kind = kind_of(opcode) });
}

/* A tuple, list, dict or frozen set of what is on the stack from `from` on. */
static int push_items(struct pickle_reader *reader, unsigned char opcode, size_t from)
{
    struct pickle_value value = { .kind = kind_of(opcode) };
    if (value.kind == PICKLE_DICT && (reader->stack.count - from) % 2)
        return pickle_broken(reader, "a key without a value");
    const int status = pickle_add_items(reader, &value, from);
    return status < 0 ? status : pickle_push_value(reader, value);
}

static int on_items(struct pickle_reader *reader, unsigned char opcode)
{
    size_t from;
    const int status = pickle_pop_mark(reader, &from);
    return status < 0 ? status : push_items(reader, opcode, from);
}

/* Tuples of one to three. */
static int on_tuple(struct pickle_reader *reader, unsigned char opcode)
{
    const size_t count = opcode - 0x84u;
    const int status = pickle_need(reader, count);
    return status < 0 ? status : push_items(reader, opcode, reader->stack.count - count);
}

/* Items behind those of a list or dict; of an object only a dict's are kept. */
static int extend(struct pickle_reader *reader, enum pickle_kind kind, size_t from)
{
    if (from <= pickle_floor(reader))
        return pickle_broken(reader, "too few values on the stack");
    struct pickle_value *value = &reader->pickle->values[reader->stack.at[from - 1]];
    if (kind == PICKLE_DICT && (reader->stack.count - from) % 2)
        return pickle_broken(reader, "a key without a value");
    if (value->kind != kind && value->kind != PICKLE_CALL)
        return pickle_broken(reader, "adds items to what can't have them");
    if (value->kind == kind || kind == PICKLE_DICT)
        return pickle_add_items(reader, value, from);
    reader->stack.count = from;
    return 0;
}

static int on_append(struct pickle_reader *reader, unsigned char opcode)
{
    const size_t count = opcode == 'a' ? 1 : 2;
    const int status = pickle_need(reader, count + 1);
    return status < 0 ? status
                      : extend(reader, opcode == 'a' ? PICKLE_LIST : PICKLE_DICT,
                          reader->stack.count - count);
}

static int on_extend(struct pickle_reader *reader, unsigned char opcode)
{
    size_t from;
    const int status = pickle_pop_mark(reader, &from);
    return status < 0 ? status
                      : extend(reader, opcode == 'u' ? PICKLE_DICT : PICKLE_LIST, from);
}

static int on_pop(struct pickle_reader *reader, unsigned char opcode)
{
    int status;
    size_t from;
    if (opcode == '1') {
        status = pickle_pop_mark(reader, &from);
        if (status == 0)
            reader->stack.count = from;
        return status;
    }
    status = pickle_need(reader, 1);
    if (status == 0 && opcode == '2')
        return pickle_push(reader, reader->stack.at[reader->stack.count - 1]);
    if (status == 0)
        pickle_pop(reader);
    return status;
}

static int on_get(struct pickle_reader *reader, unsigned char opcode)
{
    uint64_t place;
    const int status = pickle_take_number(reader, opcode == 'h' ? 1 : 4, &place);
    return status < 0 ? status : pickle_push_remembered(reader, place);
}

static int on_put(struct pickle_reader *reader, unsigned char opcode)
{
    uint64_t place = reader->memo.count;
    int status = pickle_need(reader, 1);
    if (status == 0 && opcode != 0x94)
        status = pickle_take_number(reader, opcode == 'q' ? 1 : 4, &place);
    return status < 0 ? status : pickle_remember(reader, place);
}

static int on_global(struct pickle_reader *reader, unsigned char opcode)
{
    size_t at, length;
    int status = 0;
    for (int i = 0; i < 2 && opcode == 'c' && status == 0; i++) {
        status = pickle_take_line(reader, &at, &length);
        if (status == 0)
            status = pickle_push_text(reader, PICKLE_TEXT, at, length);
    }
    if (status == 0)
        status = pickle_need(reader, 2);
    if (status < 0)
        return status;
    struct pickle_value value = { .kind = PICKLE_GLOBAL };
    value.function = pickle_pop(reader);
    value.module = pickle_pop(reader);
    if (reader->pickle->values[value.function].kind != PICKLE_TEXT
        || reader->pickle->values[value.module].kind != PICKLE_TEXT)
        return pickle_broken(reader, "a global whose name is no text");
    status = pickle_refuse_harm(reader, &value);
    if (status < 0)
        return status;
    return pickle_push_value(reader, value);
}

/* A function and its arguments; a class, its arguments and maybe those by name, let go. */
static int on_call(struct pickle_reader *reader, unsigned char opcode)
{
    const int status = pickle_need(reader, opcode == 0x92 ? 3 : 2);
    if (status < 0)
        return status;
    struct pickle_value value = { .kind = PICKLE_CALL };
    if (opcode == 0x92)
        pickle_pop(reader);
    value.arguments = pickle_pop(reader);
    value.function = pickle_pop(reader);
    return pickle_push_value(reader, value);
}

/* The state of an object, let go. */
static int on_build(struct pickle_reader *reader, unsigned char opcode)
{
    (void)opcode;
    const int status = pickle_need(reader, 2);
    if (status == 0)
        pickle_pop(reader);
    return status;
}

static int on_persistent(struct pickle_reader *reader, unsigned char opcode)
{
    (void)opcode;
    const int status = pickle_need(reader, 1);
    if (status < 0)
        return status;
    return pickle_push_value(
        reader, (struct pickle_value){ .kind = PICKLE_PERSISTENT, .id = pickle_pop(reader) });
}

static int on_begin(struct pickle_reader *reader, unsigned char opcode)
{
    uint64_t n;
    const int status = pickle_take_number(reader, opcode == 0x80 ? 1 : 8, &n);
    if (status == 0 && opcode == 0x80 && n > NEWEST)
        return pickle_broken(reader, "a newer protocol than 5");
    if (status == 0 && opcode == 0x95 && n > reader->end - reader->at)
        return pickle_broken(reader, "a frame is longer than what is left");
    return status;
}

static handler *const handlers[256] = {
    ['N'] = on_constant,
    [')'] = on_constant,
    [0x88] = on_constant,
    [0x89] = on_constant,
    ['J'] = on_integer,
    ['K'] = on_integer,
    ['M'] = on_integer,
    ['I'] = on_integer_line,
    [0x8a] = on_long,
    [0x8b] = on_long,
    ['G'] = on_real,
    ['T'] = on_text,
    ['U'] = on_text,
    ['X'] = on_text,
    [0x8c] = on_text,
    [0x8d] = on_text,
    ['B'] = on_text,
    ['C'] = on_text,
    [0x8e] = on_text,
    [0x96] = on_text,
    ['('] = on_mark,
    ['}'] = on_empty,
    [']'] = on_empty,
    [0x8f] = on_empty,
    ['d'] = on_items,
    ['l'] = on_items,
    ['t'] = on_items,
    [0x91] = on_items,
    [0x85] = on_tuple,
    [0x86] = on_tuple,
    [0x87] = on_tuple,
    ['a'] = on_append,
    ['s'] = on_append,
    ['e'] = on_extend,
    ['u'] = on_extend,
    [0x90] = on_extend,
    ['0'] = on_pop,
    ['1'] = on_pop,
    ['2'] = on_pop,
    ['h'] = on_get,
    ['j'] = on_get,
    ['q'] = on_put,
    ['r'] = on_put,
    [0x94] = on_put,
    ['c'] = on_global,
    [0x93] = on_global,
    ['R'] = on_call,
    [0x81] = on_call,
    [0x92] = on_call,
    ['b'] = on_build,
    ['Q'] = on_persistent,
    [0x80] = on_begin,
    [0x95] = on_begin,
};

static int run(struct pickle_reader *reader)
{
    static const enum pickle_kind constants[] = {
        [NONE] = PICKLE_NONE,
        [FALSE] = PICKLE_BOOL,
        [TRUE] = PICKLE_BOOL,
        [EMPTY_TUPLE] = PICKLE_TUPLE,
    };
    int status =
        pickle_add_item(reader, &(struct pickle_value){ 0 }, NONE); /* cell 0 is none */
    for (uint32_t i = 0; i < sizeof constants / sizeof *constants && status == 0; i++)
        status = pickle_add_value(
            reader, (struct pickle_value){ .kind = constants[i], .integer = i == TRUE });
    while (status == 0) {
        reader->opcode = reader->at;
        if (reader->at == reader->end)
            return pickle_broken(reader, reader->at == SIZE_LIMIT
                                             ? "larger than 100 MB"
                                             : "cut: it ends without a STOP");
        const unsigned char opcode = reader->pickle->bytes[reader->at++];
        if (opcode == '.')
            break;
        if (!handlers[opcode])
            return fail(reader->error, BAD_INPUT,
                "%s: broken pickle: byte %zu: opcode 0x%02x is not taken", reader->path,
                reader->opcode, opcode);
        status = handlers[opcode](reader, opcode);
    }
    if (status == 0)
        status = pickle_need(reader, 1);
    if (status == 0)
        reader->pickle->root = pickle_pop(reader);
    reader->pickle->size = reader->at;
    return status;
}

int pickle_parse(struct pickle *pickle, const unsigned char *bytes, size_t size,
    const char *path, struct error *error)
{
    struct pickle_reader reader = { .pickle = pickle,
        .end = size < SIZE_LIMIT ? size : SIZE_LIMIT,
        .path = path,
        .error = error };
    *pickle = (struct pickle){ .bytes = bytes };
    const int status = run(&reader);
    free(reader.stack.at);
    free(reader.marks.at);
    free(reader.memo.at);
    return status;
}

void pickle_free(struct pickle *pickle)
{
    free(pickle->values);
    free(pickle->cells);
    *pickle = (struct pickle){ 0 };
}

size_t pickle_items(const struct pickle *pickle, uint32_t value, uint32_t *items, size_t room)
{
    const struct pickle_value *of = &pickle->values[value];
    if (of->kind != PICKLE_TUPLE && of->kind != PICKLE_LIST && of->kind != PICKLE_DICT)
        return 0;
    uint32_t cell = of->first;
    for (size_t i = 0; i < room && cell; i++, cell = pickle->cells[cell].next)
        items[i] = pickle->cells[cell].value;
    return of->count;
}

const char *pickle_text(const struct pickle *pickle, uint32_t value, size_t *length)
{
    const struct pickle_value *of = &pickle->values[value];
    *length = of->count;
    return of->kind == PICKLE_TEXT ? (const char *)pickle->bytes + of->at : NULL;
}

bool pickle_is_text(const struct pickle *pickle, uint32_t value, const char *text)
{
    size_t length;
    const char *of = pickle_text(pickle, value, &length);
    return of && length == strlen(text) && memcmp(of, text, length) == 0;
}

bool pickle_is_global(
    const struct pickle *pickle, uint32_t value, const char *module, const char *name)
{
    const struct pickle_value *of = &pickle->values[value];
    return of->kind == PICKLE_GLOBAL && pickle_is_text(pickle, of->module, module)
           && pickle_is_text(pickle, of->function, name);
}
