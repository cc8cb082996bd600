/*
 * A folder that a test makes its files in.
 */
#ifndef SACCADE_TESTS_FOLDER_H
#define SACCADE_TESTS_FOLDER_H

#include <check.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static inline void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/saccade-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static inline int drop_entry(
    const char *path, const struct stat *about, int kind, struct FTW *at)
{
    (void)about;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void drop_folder(void)
{
    nftw(folder, drop_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* FOLDER/NAME; good for the next seven calls. */
static inline const char *inside(const char *format, ...)
{
    static char paths[8][512];
    static int next;
    char name[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static inline void put_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wbe");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

#endif
