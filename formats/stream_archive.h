/*
 * The framing of the archives that a stream reader goes through: heads, tails, end markers and
 * checksums; inside of the reader.
 */
#ifndef SACCADE_STREAM_ARCHIVE_H
#define SACCADE_STREAM_ARCHIVE_H

#include "formats/stream.h"
#include "formats/tar.h"

enum { FIRST_READ = 1 << 26 }; /* bytes of a payload that are asked for on a header's word */

/* Where in an archive the reader stands. */
enum place { BETWEEN_ARCHIVES, IN_ARCHIVE, BEHIND_TAIL };

struct stream_reader {
    const char *const *paths;
    size_t path_count, next_path, archives;
    struct input input;
    enum place place;
    bool headed;     /* this archive has a head */
    bool file_began; /* this file had at least one block */
    bool foreign;    /* an archive had no head */
    enum stream_sum sum;
    uint32_t crc;
    struct stream_counts counts; /* of this archive */
    json_t *programs;            /* of the first archive */
    char *later_head;            /* of this archive where it isn't the first, to go out as pg */
    struct tar_entry entry;
    bool has_entry; /* entry was read ahead; its payload is next */
    struct keys keys;
    void (*skipped)(void *, const char *);
    void *skipped_argument;
};

/* The CRC-32 of a tail, gone on by one member: name, NUL, size in 8 bytes, payload. */
uint32_t member_sum(uint32_t crc, const char *name, const struct member *member);

void archive_close(struct stream_reader *reader);

/* Reads up to the next header whose payload is the caller's, or up to the head of a later
 * archive (later_head). 1: there is one; 0: the end. BAD_INPUT: truncated or corrupt. */
int archive_advance(struct stream_reader *reader, struct error *error);

/* Reads the payload into the member, which grows with what arrives. */
int archive_payload(struct stream_reader *reader, struct member *member, struct error *error);

/* "corrupt: WHY" and "truncated: ends inside NAME". BAD_INPUT. */
int archive_corrupt(struct stream_reader *reader, const char *why, struct error *error);
int archive_ends_inside(struct stream_reader *reader, struct error *error);

#endif
