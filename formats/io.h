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

int output_write(struct output *output, const void *bytes, size_t size, struct error *error);
int output_flush(struct output *output, struct error *error);

/*
 * The rest of an input, up to limit bytes, into *bytes (malloc'd, at least one byte, the caller
 * frees; grows with what arrives). More than limit is BAD_INPUT.
 */
int input_all(struct input *input, size_t limit, unsigned char **bytes, size_t *size,
    struct error *error);

/* A whole file, as input_all. */
int file_read(const char *path, size_t limit, unsigned char **bytes, size_t *size,
    struct error *error);

/*
 * A file that is whole or not there: writes path.part, syncs and renames it onto path.
 * file_begin opens it (*part is malloc'd, the caller frees), file_commit ends it. After a
 * failure the .part stays.
 */
int file_begin(const char *path, char **part, int *fd, struct error *error);
int file_commit(const char *path, const char *part, int fd, struct error *error);
int file_write(const char *path, const void *bytes, size_t size, struct error *error);

#endif
