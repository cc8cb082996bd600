/*
 * One tar header: plain ustar out; ustar, pax, GNU long names and base-256 sizes in.
 */
#ifndef SACCADE_TAR_H
#define SACCADE_TAR_H

#include "formats/io.h"

enum { TAR_BLOCK = 512, TAR_MAX_EXTENDED = 65536, TAR_MAX_NAME = TAR_MAX_EXTENDED - 64 };

struct tar_entry {
    char *name;    /* owned by the caller; reused, freed with free() */
    uint64_t size; /* of the payload */
};

/*
 * Reads up to and including the header of the next regular file; directories are skipped. 1: an
 * entry, its payload follows; 0: a zero block (the end of the archive, or one of its two); 2:
 * the file ended before any header. BAD_INPUT: truncated, corrupt, or a kind of member that is
 * refused (links, devices, sparse files, a global name or size).
 */
int tar_read_header(struct input *input, struct tar_entry *entry, struct error *error);

/* Reads the zero bytes behind a payload of that size. */
int tar_skip_padding(struct input *input, uint64_t size, struct error *error);

/* BAD_INPUT: the name is longer than what any reader's limit allows. */
int tar_write_header(
    struct output *output, const char *name, uint64_t size, struct error *error);
int tar_write_padding(struct output *output, uint64_t size, struct error *error);

#endif
