/*
 * Zip archives as torch.save writes them, in memory: what the central directory says, checked
 * against the local headers. (PKWARE's APPNOTE.TXT 6.3, 4.3 and 4.5.3.)
 */
#ifndef SACCADE_ZIP_H
#define SACCADE_ZIP_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zip_member {
    const char *name; /* length bytes in the archive, not ended by a NUL */
    size_t length;
    const unsigned char *data; /* stored, unless the method is another */
    size_t size;
    uint32_t crc;
    unsigned method; /* 0: stored; 8: deflated */
    bool encrypted;
};

struct zip {
    struct zip_member *members; /* in order of their names' bytes, shorter first */
    size_t count;
    const char *root; /* the part before the slash of the first member's name */
    size_t root_length;
};

/*
 * Lists the members of an archive. BAD_INPUT: cut, sizes or places that contradict each other
 * or overlap, a name that occurs twice or points outside the archive (absolute, "..", a
 * backslash). bytes are kept; the caller calls zip_close after a failure too.
 */
int zip_open(struct zip *zip, const unsigned char *bytes, size_t size, const char *path,
    struct error *error);
void zip_close(struct zip *zip);

/* The member ROOT/NAME, or NULL. */
const struct zip_member *zip_find(const struct zip *zip, const char *name);

/* BAD_INPUT where the member's data aren't its bytes: deflated or encrypted. */
int zip_check_stored(const struct zip_member *member, const char *path, struct error *error);
/* The same, and where its CRC-32 is wrong; 0 stands for none, torch can leave it out. */
int zip_check(const struct zip_member *member, const char *path, struct error *error);

#endif
