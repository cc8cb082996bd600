#include "formats/tar.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char zeros[TAR_BLOCK];

/* Offsets and sizes of the fields used (POSIX.1-2001, ustar). */
enum {
    NAME = 0,
    NAME_SIZE = 100,
    MODE = 100,
    UID = 108,
    GID = 116,
    SIZE = 124,
    SIZE_SIZE = 12,
    MTIME = 136,
    CHECKSUM = 148,
    CHECKSUM_SIZE = 8,
    TYPE = 156,
    MAGIC = 257,
    PREFIX = 345,
    PREFIX_SIZE = 155
};

/* What an extended header said of the next file. */
struct extended {
    char *name;
    bool has_size;
    uint64_t size;
};

static int truncated(struct input *input, struct error *error)
{
    return fail(
        error, BAD_INPUT, "%s: truncated: ends inside a member or its header", input->name);
}

static unsigned header_sum(const unsigned char *block)
{
    unsigned sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_SIZE ? ' ' : block[i];
    return sum;
}

/* Octal digits between optional spaces, ended by a space, a NUL or the field's end; or
 * base-256 where the first bit is set. */
static bool parse_number(const unsigned char *field, size_t size, uint64_t *value)
{
    *value = 0;
    if (field[0] & 0x80) {
        if (field[0] != 0x80)
            return false; /* negative, or beyond 64 bits */
        for (size_t i = 1; i < size; i++) {
            if (*value >> 56)
                return false;
            *value = *value << 8 | field[i];
        }
        return *value <= INT64_MAX;
    }
    size_t i = 0;
    while (i < size && field[i] == ' ')
        i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value << 3 | (uint64_t)(field[i] - '0');
    return i == size || field[i] == ' ' || field[i] == '\0';
}

static bool checksum_holds(const unsigned char *block)
{
    uint64_t stated;
    if (!parse_number(block + CHECKSUM, CHECKSUM_SIZE, &stated))
        return false;
    long signed_sum = 0; /* as some old tars summed */
    for (size_t i = 0; i < TAR_BLOCK; i++)
        signed_sum +=
            i >= CHECKSUM && i < CHECKSUM + CHECKSUM_SIZE ? ' ' : (signed char)block[i];
    return stated == header_sum(block) || (long)stated == signed_sum;
}

static int set_name(char **to, const char *bytes, size_t size, struct error *error)
{
    char *name = strndup(bytes, size);
    if (!name)
        return fail_memory(error, size);
    free(*to);
    *to = name;
    return 0;
}

/* The body of an extended header, NUL-terminated (malloc'd). */
static int read_body(
    struct input *input, uint64_t size, unsigned char **body, struct error *error)
{
    if (size > TAR_MAX_EXTENDED)
        return fail(error, BAD_INPUT, "%s: corrupt: extended header of %llu bytes", input->name,
            (unsigned long long)size);
    *body = malloc((size_t)size + 1);
    if (!*body)
        return fail_memory(error, size + 1);
    size_t got;
    int status = input_read(input, *body, (size_t)size, &got, error);
    if (status == 0 && got < size)
        status = truncated(input, error);
    if (status == 0)
        status = tar_skip_padding(input, size, error);
    (*body)[status == 0 ? got : 0] = '\0';
    if (status < 0)
        free(*body);
    return status;
}

static int pax_record(struct input *input, const char *key, const char *value,
    size_t value_size, bool global, struct extended *extended, struct error *error)
{
    if (strncmp(key, "GNU.sparse.", 11) == 0)
        return fail(error, BAD_INPUT, "%s: refused: a sparse member", input->name);
    const bool path = strncmp(key, "path=", 5) == 0, size = strncmp(key, "size=", 5) == 0;
    if (global && (path || size))
        return fail(
            error, BAD_INPUT, "%s: refused: a global %.4s for every member", input->name, key);
    if (path)
        return set_name(&extended->name, value, value_size, error);
    if (!size)
        return 0;
    char *end;
    extended->size = strtoull(value, &end, 10);
    extended->has_size = true;
    if (!isdigit((unsigned char)*value) || end != value + value_size
        || extended->size > INT64_MAX)
        return fail(error, BAD_INPUT, "%s: corrupt: pax size is not a number", input->name);
    return 0;
}

/* Records "LENGTH KEY=VALUE\n"; only path and size mean anything here. */
static int parse_pax(struct input *input, const char *body, size_t size, bool global,
    struct extended *extended, struct error *error)
{
    for (const char *at = body, *last = body + size; at < last && *at;) {
        char *key;
        const unsigned long length = isdigit((unsigned char)*at) ? strtoul(at, &key, 10) : 0;
        if (length < 5 || length > (size_t)(last - at) || *key != ' ' || at[length - 1] != '\n')
            return fail(error, BAD_INPUT, "%s: corrupt: pax header", input->name);
        const char *equals = memchr(key + 1, '=', (size_t)(at + length - key - 1));
        if (!equals)
            return fail(error, BAD_INPUT, "%s: corrupt: pax header", input->name);
        const int status = pax_record(input, key + 1, equals + 1,
            (size_t)(at + length - 1 - equals - 1), global, extended, error);
        if (status < 0)
            return status;
        at += length;
    }
    return 0;
}

static int read_extended(struct input *input, char type, uint64_t size,
    struct extended *extended, struct error *error)
{
    unsigned char *body;
    int status = read_body(input, size, &body, error);
    if (status < 0)
        return status;
    if (type == 'L')
        status = set_name(&extended->name, (char *)body, (size_t)size, error);
    else
        status = parse_pax(input, (char *)body, (size_t)size, type == 'g', extended, error);
    free(body);
    return status;
}

static int plain_name(const unsigned char *block, char **name, struct error *error)
{
    char text[PREFIX_SIZE + 1 + NAME_SIZE + 1];
    const bool posix = memcmp(block + MAGIC, "ustar\0", 6) == 0;
    snprintf(text, sizeof text, "%.*s%s%.*s", posix ? PREFIX_SIZE : 0,
        (const char *)block + PREFIX, posix && block[PREFIX] ? "/" : "", NAME_SIZE,
        (const char *)block + NAME);
    return set_name(name, text, strlen(text), error);
}

static int refuse_type(struct input *input, const char *name, char type, struct error *error)
{
    const char *kind = type == '1' || type == '2' || type == 'K'   ? "a link"
                       : type == '3' || type == '4' || type == '6' ? "a device"
                       : type == 'S'                               ? "a sparse member"
                                                                   : "a member of unknown type";
    return fail(error, BAD_INPUT, "%s: refused: %.200s is %s", input->name, name, kind);
}

/* 1: an entry; 0: nothing for the caller, go on; negative. */
static int take_header(struct input *input, const unsigned char *block,
    struct extended *extended, struct tar_entry *entry, struct error *error)
{
    const char type = (char)block[TYPE];
    uint64_t size;
    if (!checksum_holds(block) || !parse_number(block + SIZE, SIZE_SIZE, &size))
        return fail(
            error, BAD_INPUT, "%s: corrupt: not a tar header where one is due", input->name);
    if (type == 'x' || type == 'g' || type == 'L')
        return read_extended(input, type, size, extended, error);
    int status;
    if (extended->name)
        status = set_name(&entry->name, extended->name, strlen(extended->name), error);
    else
        status = plain_name(block, &entry->name, error);
    if (status < 0)
        return status;
    entry->size = extended->has_size ? extended->size : size;
    free(extended->name);
    *extended = (struct extended){ 0 };
    if (type == '5')
        return 0;
    if (type == '0' || type == '\0' || type == '7')
        return 1;
    return refuse_type(input, entry->name, type, error);
}

int tar_read_header(struct input *input, struct tar_entry *entry, struct error *error)
{
    struct extended extended = { 0 };
    int status = 0;
    for (bool first = true; status == 0; first = false) {
        unsigned char block[TAR_BLOCK];
        size_t got;
        status = input_read(input, block, TAR_BLOCK, &got, error);
        if (status < 0)
            break;
        if (got == 0 && first) {
            status = 2;
            break;
        }
        if (got < TAR_BLOCK) {
            status = truncated(input, error);
            break;
        }
        if (memcmp(block, zeros, TAR_BLOCK) == 0) {
            if (extended.name || extended.has_size)
                status = truncated(input, error);
            break;
        }
        status = take_header(input, block, &extended, entry, error);
    }
    free(extended.name);
    return status;
}

int tar_skip_padding(struct input *input, uint64_t size, struct error *error)
{
    unsigned char block[TAR_BLOCK];
    const size_t padding = (size_t)(-size & (TAR_BLOCK - 1));
    size_t got;
    const int status = input_read(input, block, padding, &got, error);
    return status == 0 && got < padding ? truncated(input, error) : status;
}

static void finish_block(unsigned char *block, char type, uint64_t size)
{
    char number[16];
    memcpy(block + MODE, "0000644", 7);
    memcpy(block + UID, "0000000", 7);
    memcpy(block + GID, "0000000", 7);
    snprintf(number, sizeof number, "%011llo", (unsigned long long)size & 077777777777);
    memcpy(block + SIZE, number, 11);
    memcpy(block + MTIME, "00000000000", 11);
    block[TYPE] = (unsigned char)type;
    memcpy(block + MAGIC, "ustar\00000", 8);
    snprintf(number, sizeof number, "%06o", header_sum(block));
    memcpy(block + CHECKSUM, number, 7);
    block[CHECKSUM + 7] = ' ';
}

/* Puts the name into the block where ustar can say it. */
static bool split_name(unsigned char *block, const char *name)
{
    const size_t length = strlen(name);
    if (length <= NAME_SIZE) {
        memcpy(block + NAME, name, length);
        return true;
    }
    for (size_t i = length - NAME_SIZE - 1; i < length && i <= PREFIX_SIZE; i++)
        if (i > 0 && name[i] == '/' && i + 1 < length) {
            memcpy(block + PREFIX, name, i);
            memcpy(block + NAME, name + i + 1, length - i - 1);
            return true;
        }
    return false;
}

/* "LENGTH KEY=VALUE\n" where LENGTH counts itself. */
static size_t pax_line(char *text, size_t room, const char *key, const char *value)
{
    const size_t rest = strlen(key) + strlen(value) + 3;
    size_t length = rest + 1;
    for (char digits[24];
         rest + (size_t)snprintf(digits, sizeof digits, "%zu", length) != length;)
        length = rest + strlen(digits);
    return (size_t)snprintf(text, room, "%zu %s=%s\n", length, key, value);
}

static int write_pax(struct output *output, const char *path, uint64_t size, bool long_path,
    bool long_size, struct error *error)
{
    unsigned char block[TAR_BLOCK] = "././@PaxHeader";
    char number[24];
    const size_t room = strlen(path) + 128;
    char *body = malloc(room);
    if (!body)
        return fail_memory(error, room);
    size_t length = long_path ? pax_line(body, room, "path", path) : 0;
    snprintf(number, sizeof number, "%llu", (unsigned long long)size);
    if (long_size)
        length += pax_line(body + length, room - length, "size", number);
    finish_block(block, 'x', length);
    int status = output_write(output, block, TAR_BLOCK, error);
    if (status == 0)
        status = output_write(output, body, length, error);
    if (status == 0)
        status = tar_write_padding(output, length, error);
    free(body);
    return status;
}

int tar_write_header(
    struct output *output, const char *name, uint64_t size, struct error *error)
{
    unsigned char block[TAR_BLOCK] = { 0 };
    if (strlen(name) > TAR_MAX_NAME)
        return fail(error, BAD_INPUT, "%s: refused: a name of %zu bytes: %.100s...",
            output->name, strlen(name), name);
    const bool long_name = !split_name(block, name), long_size = size > 077777777777;
    if (long_name)
        memcpy(block + NAME, name, NAME_SIZE);
    if (long_name || long_size) {
        const int status = write_pax(output, name, size, long_name, long_size, error);
        if (status < 0)
            return status;
    }
    finish_block(block, '0', long_size ? 0 : size);
    return output_write(output, block, TAR_BLOCK, error);
}

int tar_write_padding(struct output *output, uint64_t size, struct error *error)
{
    return output_write(output, zeros, (size_t)(-size & (TAR_BLOCK - 1)), error);
}
