/*
 * A process that is killed between any two of the calls that change files, or in the middle of
 * a write; and a disk that is full. The calls below stand in for the C library's.
 */
#ifndef SACCADE_TESTS_CUT_H
#define SACCADE_TESTS_CUT_H

#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CUT_STATUS = 77, DONE_STATUS = 0, FAILED_STATUS = 1 };

static int calls_left = -1; /* before the cut; -1: there is none */

static inline bool is_last_call(void)
{
    return calls_left >= 0 && calls_left-- == 0;
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    const bool last = is_last_call();
    const ssize_t wrote = syscall(SYS_write, fd, bytes, last ? size / 2 : size);
    if (last)
        _exit(CUT_STATUS);
    return wrote;
}

/* Nothing is lost that a process wrote before it ended. */
int fsync(int fd)
{
    if (is_last_call())
        _exit(CUT_STATUS);
    return fd < 0 ? -1 : 0;
}

int rename(const char *from, const char *to)
{
    if (is_last_call())
        _exit(CUT_STATUS);
    return (int)syscall(SYS_renameat2, -100, from, -100, to, 0); /* AT_FDCWD */
}

int unlink(const char *path)
{
    if (is_last_call())
        _exit(CUT_STATUS);
    return (int)syscall(SYS_unlinkat, -100, path, 0);
}

/* Does it in a process of its own that ends before that call. How that ended. */
static inline int cut_at(int call, int (*task)(void *argument), void *argument)
{
    int status;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        calls_left = call;
        _exit(task(argument) < 0 ? FAILED_STATUS : DONE_STATUS);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Changes one bit of a file, and back when called again. */
static inline void flip_bit(const char *path, size_t at)
{
    unsigned char byte;
    FILE *file = fopen(path, "r+be");
    ck_assert_ptr_nonnull(file);
    setbuf(file, NULL);
    ck_assert_int_eq(fseek(file, (long)at, SEEK_SET), 0);
    ck_assert_uint_eq(fread(&byte, 1, 1, file), 1);
    byte ^= (unsigned char)(1 << at % 8);
    ck_assert_int_eq(fseek(file, (long)at, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(&byte, 1, 1, file), 1);
    ck_assert_int_eq(fclose(file), 0);
}

static inline size_t size_of(const char *path)
{
    struct stat about;
    ck_assert_int_eq(stat(path, &about), 0);
    return (size_t)about.st_size;
}

/* Does it where no file may become larger than that. */
static inline int with_room(rlim_t bytes, int (*task)(void *argument), void *argument)
{
    struct rlimit before, limit;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = (struct rlimit){ bytes, before.rlim_max };
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const int status = task(argument);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    return status;
}

#endif
