/*
 * Where bytes come in and where they go out: whole reads and writes on file descriptors, with a
 * small buffer for small pieces; big pieces go straight to and from their place.
 */
#ifndef SACCADE_IO_H
#define SACCADE_IO_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IO_BUFFER = 1 << 16 };

struct input {
    int fd;
    const char *name; /* for messages; not owned */
    size_t at, end;   /* of what is buffered */
    unsigned char buffer[IO_BUFFER];
};

struct output {
    int fd;
    const char *name;
    size_t end;
    unsigned char buffer[IO_BUFFER];
};

/* Bytes read, less than size only at the end of the file; BAD_SYSTEM. */
int input_read(struct input *input, void *bytes, size_t size, size_t *got, struct error *error);

/* What follows, without taking it: up to size (at most IO_BUFFER) bytes. */
int input_peek(struct input *input, size_t size, const unsigned char **bytes, size_t *got,
    struct error *error);

/* Where in a regular file what follows begins; -1 where the input is something else. */
int64_t input_tell(const struct input *input);

int output_write(struct output *output, const void *bytes, size_t size, struct error *error);
int output_flush(struct output *output, struct error *error);

/*
 * The rest of an input, up to limit bytes, into *bytes (malloc'd, at least one byte, the caller
 * frees; grows with what arrives). More than limit is BAD_INPUT.
 */
int input_all(struct input *input, size_t limit, unsigned char **bytes, size_t *size,
    struct error *error);

/* A whole file, as input_all. */
int file_read(
    const char *path, size_t limit, unsigned char **bytes, size_t *size, struct error *error);

/*
 * A file that is whole or not there: written as path.part, synced and renamed onto path, or
 * onto what path links to. After a failure the .part stays. What isn't a regular file (a
 * device, a pipe) is written to as it is.
 */
struct whole_file {
    int fd;
    char *path, *part; /* the same where it isn't a regular file */
};

/* Opens it, to be released whatever follows. BAD_SYSTEM. */
int file_begin(const char *path, struct whole_file *file, struct error *error);
int file_put(struct whole_file *file, const void *bytes, size_t size, struct error *error);
/* Syncs and closes; gives it its name; or both. */
int file_close(struct whole_file *file, struct error *error);
int file_rename(const struct whole_file *file, struct error *error);
int file_commit(struct whole_file *file, struct error *error);
void file_release(struct whole_file *file);

#endif
