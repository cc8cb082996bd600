#include "formats/pickle_stack.h"

#include <stdlib.h>
#include <string.h>

enum { VALUE_LIMIT = 1 << 22, MARK_LIMIT = 1000 };

int pickle_broken(const struct pickle_reader *reader, const char *what)
{
    return fail(reader->error, BAD_INPUT, "%s: broken pickle: byte %zu: %s", reader->path,
        reader->opcode, what);
}

static int too_many(const struct pickle_reader *reader)
{
    return pickle_broken(reader, "more than 4194304 values");
}

/* Room for `count` things of `size` bytes at *bytes, doubled where it is short. */
static int reserve(
    const struct pickle_reader *reader, void **bytes, size_t *room, size_t count, size_t size)
{
    if (count <= *room)
        return 0;
    size_t wanted = *room ? *room : 64;
    while (wanted < count)
        wanted *= 2;
    void *grown = realloc(*bytes, wanted * size);
    if (!grown)
        return fail_memory(reader->error, wanted * size);
    *bytes = grown;
    *room = wanted;
    return 0;
}

static int add_number(
    const struct pickle_reader *reader, struct pickle_numbers *numbers, uint32_t number)
{
    void *bytes = numbers->at;
    if (numbers->count == VALUE_LIMIT)
        return too_many(reader);
    const int status =
        reserve(reader, &bytes, &numbers->room, numbers->count + 1, sizeof number);
    numbers->at = bytes;
    if (status == 0)
        numbers->at[numbers->count++] = number;
    return status;
}

int pickle_add_mark(struct pickle_reader *reader)
{
    if (reader->marks.count == MARK_LIMIT)
        return pickle_broken(reader, "nests deeper than 1000");
    return add_number(reader, &reader->marks, (uint32_t)reader->stack.count);
}

int pickle_push(struct pickle_reader *reader, uint32_t value)
{
    return add_number(reader, &reader->stack, value);
}

size_t pickle_floor(const struct pickle_reader *reader)
{
    return reader->marks.count ? reader->marks.at[reader->marks.count - 1] : 0;
}

int pickle_need(const struct pickle_reader *reader, size_t count)
{
    return reader->stack.count - pickle_floor(reader) >= count
               ? 0
               : pickle_broken(reader, "too few values on the stack");
}

uint32_t pickle_pop(struct pickle_reader *reader)
{
    return reader->stack.at[--reader->stack.count];
}

int pickle_add_value(struct pickle_reader *reader, struct pickle_value value)
{
    struct pickle *pickle = reader->pickle;
    void *bytes = pickle->values;
    if (pickle->value_count == VALUE_LIMIT)
        return too_many(reader);
    const int status = reserve(
        reader, &bytes, &reader->value_room, pickle->value_count + (size_t)1, sizeof value);
    pickle->values = bytes;
    if (status == 0)
        pickle->values[pickle->value_count++] = value;
    return status;
}

int pickle_push_value(struct pickle_reader *reader, struct pickle_value value)
{
    const int status = pickle_add_value(reader, value);
    return status < 0 ? status : pickle_push(reader, reader->pickle->value_count - 1);
}

int pickle_add_item(struct pickle_reader *reader, struct pickle_value *value, uint32_t item)
{
    struct pickle *pickle = reader->pickle;
    void *bytes = pickle->cells;
    if (pickle->cell_count == VALUE_LIMIT)
        return too_many(reader);
    const int status = reserve(reader, &bytes, &reader->cell_room,
        pickle->cell_count + (size_t)1, sizeof *pickle->cells);
    pickle->cells = bytes;
    if (status < 0)
        return status;
    const uint32_t cell = pickle->cell_count++;
    pickle->cells[cell] = (struct pickle_cell){ item, 0 };
    if (value->count++ == 0)
        value->first = cell;
    else
        pickle->cells[value->last].next = cell;
    value->last = cell;
    return 0;
}

int pickle_add_items(struct pickle_reader *reader, struct pickle_value *value, size_t from)
{
    int status = 0;
    for (size_t i = from; i < reader->stack.count && status == 0; i++)
        status = pickle_add_item(reader, value, reader->stack.at[i]);
    reader->stack.count = from;
    return status;
}

int pickle_take_number(struct pickle_reader *reader, size_t size, uint64_t *number)
{
    *number = 0;
    if (size > reader->end - reader->at)
        return pickle_broken(reader, "cut inside an opcode");
    for (size_t i = 0; i < size; i++)
        *number |= (uint64_t)reader->pickle->bytes[reader->at++] << 8 * i;
    return 0;
}

int pickle_take_bytes(struct pickle_reader *reader, uint64_t size, size_t *at)
{
    *at = reader->at;
    if (size > reader->end - reader->at)
        return pickle_broken(reader, "a text or number is longer than what is left");
    reader->at += (size_t)size;
    return 0;
}

int pickle_take_line(struct pickle_reader *reader, size_t *at, size_t *length)
{
    const unsigned char *bytes = reader->pickle->bytes + reader->at;
    const unsigned char *end = memchr(bytes, '\n', reader->end - reader->at);
    *at = reader->at;
    *length = end ? (size_t)(end - bytes) : 0;
    if (!end)
        return pickle_broken(reader, "cut inside a line");
    reader->at += *length + 1;
    return 0;
}

int pickle_push_text(
    struct pickle_reader *reader, enum pickle_kind kind, size_t at, size_t length)
{
    return pickle_push_value(reader,
        (struct pickle_value){ .kind = kind, .count = (uint32_t)length, .at = (uint32_t)at });
}

int pickle_pop_mark(struct pickle_reader *reader, size_t *from)
{
    *from = reader->stack.count;
    if (reader->marks.count == 0)
        return pickle_broken(reader, "no mark on the stack");
    *from = reader->marks.at[--reader->marks.count];
    return 0;
}

/* The memo's numbers are those of values plus 1, so that 0 is what isn't there. */
int pickle_push_remembered(struct pickle_reader *reader, uint64_t place)
{
    if (place >= reader->memo.count || reader->memo.at[place] == 0)
        return pickle_broken(reader, "a number of the memo that isn't there");
    return pickle_push(reader, reader->memo.at[place] - 1);
}

int pickle_remember(struct pickle_reader *reader, uint64_t place)
{
    /* Picklers count from 0; a few leave numbers out. */
    if (place > reader->at)
        return pickle_broken(reader, "a number of the memo larger than the pickle");
    int status = 0;
    while (reader->memo.count <= place && status == 0)
        status = add_number(reader, &reader->memo, 0);
    if (status == 0)
        reader->memo.at[place] = reader->stack.at[reader->stack.count - 1] + 1;
    return status;
}
