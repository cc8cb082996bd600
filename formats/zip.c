#include "formats/zip.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOCAL_SIZE = 30,
    ENTRY_SIZE = 46,
    END_SIZE = 22,
    LOCATOR_SIZE = 20,
    END64_SIZE = 56,
    ZIP64_FIELD = 1 /* the extra field with what doesn't fit 32 bits */
};

#define LOCAL_MARK 0x04034b50u
#define ENTRY_MARK 0x02014b50u
#define END_MARK 0x06054b50u
#define LOCATOR_MARK 0x07064b50u
#define END64_MARK 0x06064b50u
#define IN_ZIP64 0xffffffffu

struct archive {
    const unsigned char *bytes;
    size_t size;
    const char *path;
    size_t directory, directory_size, count; /* the central directory */
};

static uint64_t number(const unsigned char *bytes, size_t size)
{
    uint64_t n = 0;
    for (size_t i = 0; i < size; i++)
        n |= (uint64_t)bytes[i] << 8 * i;
    return n;
}

static int broken(const struct archive *archive, const char *what, struct error *error)
{
    return fail(error, BAD_INPUT, "%s: broken zip: %s", archive->path, what);
}

/* Where the directory is: it ends where the end records begin, which end with the file. */
static int find_directory(struct archive *archive, struct error *error)
{
    if (archive->size < END_SIZE)
        return broken(archive, "cut: it doesn't end with an end record", error);
    size_t at = archive->size - END_SIZE;
    const unsigned char *end = archive->bytes + at;
    if (number(end, 4) != END_MARK || number(end + 20, 2) != 0)
        return broken(archive, "cut: it doesn't end with an end record", error);
    uint64_t count = number(end + 10, 2), size = number(end + 12, 4),
             start = number(end + 16, 4);
    if (at >= LOCATOR_SIZE && number(end - LOCATOR_SIZE, 4) == LOCATOR_MARK) {
        const uint64_t place = number(end - LOCATOR_SIZE + 8, 8);
        at -= LOCATOR_SIZE;
        if (at < END64_SIZE || place != at - END64_SIZE
            || number(archive->bytes + place, 4) != END64_MARK)
            return broken(archive, "no zip64 end record where one must be", error);
        at -= END64_SIZE;
        count = number(archive->bytes + at + 32, 8);
        size = number(archive->bytes + at + 40, 8);
        start = number(archive->bytes + at + 48, 8);
    }
    if (start > at || size != at - start || count > size / ENTRY_SIZE)
        return broken(archive, "its directory's place, size and count don't fit it", error);
    archive->directory = (size_t)start;
    archive->directory_size = (size_t)size;
    archive->count = (size_t)count;
    return 0;
}

static bool is_separator(char c)
{
    return c == '/' || c == '\\';
}

static bool is_printable(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 127)
            return false;
    return true;
}

/* A relative name none of whose components is "..". */
static bool is_inside(const char *name, size_t length)
{
    size_t part = 0;
    if (length == 0 || is_separator(*name))
        return false;
    for (size_t i = 0; i <= length; i++)
        if (i == length || is_separator(name[i])) {
            if (i - part == 2 && memcmp(name + part, "..", 2) == 0)
                return false;
            part = i + 1;
        }
    return true;
}

/* Size and place that are too large for an entry are in its zip64 field, in this order. */
static int read_zip64(const struct archive *archive, const unsigned char *entry,
    uint64_t values[3], struct error *error)
{
    const size_t extra_size = (size_t)number(entry + 30, 2);
    const unsigned char *extra = entry + ENTRY_SIZE + number(entry + 28, 2);
    for (size_t at = 0; at + 4 <= extra_size;) {
        const size_t size = (size_t)number(extra + at + 2, 2), field = at + 4;
        if (size > extra_size - field)
            break;
        if (number(extra + at, 2) != ZIP64_FIELD) {
            at = field + size;
            continue;
        }
        size_t used = 0;
        for (size_t i = 0; i < 3; i++)
            if (values[i] == IN_ZIP64) {
                if (used + 8 > size)
                    return broken(archive, "a zip64 field is too short", error);
                values[i] = number(extra + field + used, 8);
                used += 8;
            }
        break;
    }
    return 0;
}

/* The member behind its local header at `place`, which must tell of the same name. */
static int find_data(const struct archive *archive, struct zip_member *member, uint64_t place,
    uint64_t size, struct error *error)
{
    const size_t most = archive->directory;
    if (place > most || most - place < LOCAL_SIZE
        || number(archive->bytes + place, 4) != LOCAL_MARK)
        return broken(archive, "a member isn't where the directory says", error);
    const unsigned char *local = archive->bytes + place;
    const size_t name = (size_t)number(local + 26, 2), extra = (size_t)number(local + 28, 2);
    const size_t room = most - (size_t)place - LOCAL_SIZE;
    if (name + extra > room || size > room - name - extra)
        return broken(archive, "a member is larger than its archive", error);
    if (name != member->length || memcmp(local + LOCAL_SIZE, member->name, name) != 0)
        return broken(archive, "a member has another name than the directory says", error);
    member->data = local + LOCAL_SIZE + name + extra;
    member->size = (size_t)size;
    return 0;
}

/* One entry of the directory at *at, which moves behind it. */
static int read_entry(const struct archive *archive, const unsigned char **at,
    struct zip_member *member, struct error *error)
{
    const unsigned char *entry = *at;
    const size_t left =
        (size_t)(archive->bytes + archive->directory + archive->directory_size - entry);
    if (left < ENTRY_SIZE || number(entry, 4) != ENTRY_MARK)
        return broken(archive, "its directory is cut or broken", error);
    const size_t length = (size_t)number(entry + 28, 2);
    const size_t whole =
        ENTRY_SIZE + length + (size_t)number(entry + 30, 2) + (size_t)number(entry + 32, 2);
    if (whole > left)
        return broken(archive, "its directory is cut or broken", error);
    /* uncompressed, compressed, place */
    uint64_t values[3] = { number(entry + 24, 4), number(entry + 20, 4),
        number(entry + 42, 4) };
    int status = read_zip64(archive, entry, values, error);
    if (status < 0)
        return status;
    *member = (struct zip_member){ .name = (const char *)entry + ENTRY_SIZE,
        .length = length,
        .crc = (uint32_t)number(entry + 16, 4),
        .method = (unsigned)number(entry + 10, 2),
        .encrypted = entry[8] & 1 };
    if (!is_printable(member->name, length))
        return broken(archive, "a member's name has control characters", error);
    if (!is_inside(member->name, length))
        return fail(error, BAD_INPUT, "%s: a member's name points outside the archive: %.*s",
            archive->path, length > 200 ? 200 : (int)length, member->name);
    status = find_data(archive, member, values[2], values[1], error);
    if (status == 0 && member->method == 0 && values[0] != values[1])
        status = broken(archive, "a stored member has two sizes", error);
    *at = entry + whole;
    return status;
}

static int by_data(const void *a, const void *b)
{
    const struct zip_member *const x = a, *const y = b;
    return x->data < y->data ? -1 : x->data > y->data;
}

static int compare_names(const char *a, size_t a_length, const char *b, size_t b_length)
{
    const int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order ? order : a_length < b_length ? -1 : a_length > b_length;
}

static int by_name(const void *a, const void *b)
{
    const struct zip_member *const x = a, *const y = b;
    return compare_names(x->name, x->length, y->name, y->length);
}

/* Nobody's data reach into the next one's header; then the order of names, none twice. */
static int check_members(const struct archive *archive, struct zip *zip, struct error *error)
{
    if (zip->count == 0)
        return broken(archive, "it is empty", error);
    qsort(zip->members, zip->count, sizeof *zip->members, by_data);
    const unsigned char *end = archive->bytes;
    for (size_t i = 0; i < zip->count; i++) {
        const struct zip_member *member = &zip->members[i];
        if (member->data < end || (size_t)(member->data - end) < LOCAL_SIZE + member->length)
            return broken(archive, "members overlap", error);
        end = member->data + member->size;
    }
    qsort(zip->members, zip->count, sizeof *zip->members, by_name);
    for (size_t i = 1; i < zip->count; i++)
        if (by_name(&zip->members[i - 1], &zip->members[i]) == 0)
            return fail(error, BAD_INPUT, "%s: broken zip: two members are called %.*s",
                archive->path, zip->members[i].length > 200 ? 200 : (int)zip->members[i].length,
                zip->members[i].name);
    return 0;
}

int zip_open(struct zip *zip, const unsigned char *bytes, size_t size, const char *path,
    struct error *error)
{
    struct archive archive = { .bytes = bytes, .size = size, .path = path };
    *zip = (struct zip){ 0 };
    int status = find_directory(&archive, error);
    if (status < 0)
        return status;
    zip->members = calloc(archive.count + 1, sizeof *zip->members);
    if (!zip->members)
        return fail_memory(error, (archive.count + 1) * sizeof *zip->members);
    const unsigned char *at = bytes + archive.directory;
    for (; status == 0 && zip->count < archive.count; zip->count++)
        status = read_entry(&archive, &at, &zip->members[zip->count], error);
    if (status == 0 && at != bytes + archive.directory + archive.directory_size)
        status = broken(&archive, "its directory has more than its members", error);
    if (status < 0)
        return status;
    zip->root = zip->members[0].name;
    while (zip->root_length < zip->members[0].length && zip->root[zip->root_length] != '/')
        zip->root_length++;
    return check_members(&archive, zip, error);
}

void zip_close(struct zip *zip)
{
    free(zip->members);
    *zip = (struct zip){ 0 };
}

const struct zip_member *zip_find(const struct zip *zip, const char *name)
{
    char whole[512];
    const size_t length = strlen(name), all = zip->root_length + 1 + length;
    if (all > sizeof whole)
        return NULL;
    memcpy(whole, zip->root, zip->root_length);
    whole[zip->root_length] = '/';
    memcpy(whole + zip->root_length + 1, name, length);
    for (size_t low = 0, high = zip->count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        const struct zip_member *member = &zip->members[middle];
        const int order = compare_names(whole, all, member->name, member->length);
        if (order == 0)
            return member;
        low = order < 0 ? low : middle + 1;
        high = order < 0 ? middle : high;
    }
    return NULL;
}

int zip_check_stored(const struct zip_member *member, const char *path, struct error *error)
{
    if (member->method == 0 && !member->encrypted)
        return 0;
    return fail(error, BAD_INPUT, "%s: %.*s is %s: only stored members are taken", path,
        member->length > 200 ? 200 : (int)member->length, member->name,
        member->encrypted     ? "encrypted"
        : member->method == 8 ? "deflated"
                              : "compressed");
}

int zip_check(const struct zip_member *member, const char *path, struct error *error)
{
    const int status = zip_check_stored(member, path, error);
    if (status < 0 || member->crc == 0
        || libdeflate_crc32(0, member->data, member->size) == member->crc)
        return status;
    return fail(error, BAD_INPUT, "%s: %.*s is damaged: its CRC-32 is wrong", path,
        member->length > 200 ? 200 : (int)member->length, member->name);
}
