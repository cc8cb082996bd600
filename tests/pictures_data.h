/* What check_pictures.c and check_pictures_hostile.c share: reading tests/data/pictures/. */
#ifndef SACCADE_TESTS_PICTURES_DATA_H
#define SACCADE_TESTS_PICTURES_DATA_H

#include "formats/picture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "tests/data/pictures/"

enum { MAX_LINES = 400, SMALL = 1 << 20 /* pixels, enough for every picture here */ };

struct file {
    unsigned char *bytes; /* exactly as many as there are, so that reading on is noticed */
    size_t size;
};

/* A line of list.txt. */
struct line {
    char name[64], verdict[16], message[128];
    struct file file;
};

static struct line lines[MAX_LINES];
static size_t line_count;

static inline struct file load(const char *path)
{
    struct file file = { 0 };
    FILE *stream = fopen(path, "rb");
    ck_assert_msg(stream != NULL, "%s", path);
    fseek(stream, 0, SEEK_END);
    file.size = (size_t)ftell(stream);
    rewind(stream);
    file.bytes = malloc(file.size);
    ck_assert_uint_eq(fread(file.bytes, 1, file.size, stream), file.size);
    fclose(stream);
    return file;
}

static inline void load_lines(void)
{
    char text[512], path[256];
    FILE *list = fopen(DATA "list.txt", "r");
    ck_assert_ptr_nonnull(list);
    for (line_count = 0; fgets(text, sizeof text, list); line_count++) {
        struct line *line = &lines[line_count];
        ck_assert_uint_lt(line_count, MAX_LINES);
        const int fields = sscanf(text, "%63[^\t\n]\t%15[^\t\n]\t%127[^\n]", line->name,
            line->verdict, line->message);
        ck_assert_int_ge(fields, 2);
        snprintf(path, sizeof path, DATA "%s", line->name);
        line->file = load(path);
    }
    fclose(list);
    ck_assert_uint_gt(line_count, 200);
}

static inline void free_lines(void)
{
    for (size_t i = 0; i < line_count; i++)
        free(lines[i].file.bytes);
}

static inline bool is_refused(const struct line *line)
{
    return !strcmp(line->verdict, "refused");
}

static inline bool is_picture(const struct line *line)
{
    return line->verdict[0] >= '0' && line->verdict[0] <= '9';
}

static inline int decode(const struct file *file, struct picture *picture, struct error *error)
{
    return picture_decode(file->bytes, file->size, PICTURE_MAX_PIXELS, picture, error);
}

static inline int difference(const struct picture *a, const struct picture *b)
{
    int most = 0;
    if (a->width != b->width || a->height != b->height)
        return 256;
    for (size_t i = 0; i < (size_t)a->width * a->height * 3; i++)
        if (abs(a->rgb[i] - b->rgb[i]) > most)
            most = abs(a->rgb[i] - b->rgb[i]);
    return most;
}

#endif
