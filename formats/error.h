/*
 * How everything below the stages reports what went wrong.
 *
 * A function that can fail returns 0 (or a count) when it is done and a negative kind when it
 * is not, with one line of text in the caller's struct error: lower case, no full stop, no
 * program name. Nothing in formats/ or common/ prints or exits; stages decide. The exit
 * status of a program is minus the kind.
 */
#ifndef SACCADE_ERROR_H
#define SACCADE_ERROR_H

enum {
    BAD_SAMPLE = -1, /* one sample can't be used; the others can */
    BAD_USAGE = -2,  /* a wrong option, the wrong kind of model, a member nobody made */
    BAD_INPUT = -3,  /* a stream or checkpoint is truncated, corrupt or refused */
    BAD_SYSTEM = -4  /* open, read, write, memory */
};

struct error {
    char text[1024];
};

/* Formats the text (cut where it is too long) and returns kind. */
int fail(struct error *error, int kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": " and strerror(errno) behind it. Returns BAD_SYSTEM. */
int fail_errno(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "out of memory", with the number of bytes asked for. Returns BAD_SYSTEM. */
int fail_memory(struct error *error, unsigned long long bytes);

#endif
