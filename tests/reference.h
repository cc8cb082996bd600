/*
 * Reference data of a real library: arrays and case.json of a case's folder, and how far ours
 * are from them.
 */
#ifndef SACCADE_TESTS_REFERENCE_H
#define SACCADE_TESTS_REFERENCE_H

#include "formats/io.h"
#include "formats/npy.h"

#include <check.h>
#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct array {
    unsigned char *bytes;
    struct npy npy;
    const float *data;
    struct scratch scratch;
};

/* ROOT/NAME/FILE; false: there is none. */
static inline bool load(
    struct array *array, const char *root, const char *name, const char *file)
{
    char path[256];
    size_t size;
    struct error error;
    *array = (struct array){ 0 };
    snprintf(path, sizeof path, "%s/%s/%s", root, name, file);
    if (file_read(path, 1 << 24, &array->bytes, &size, &error) < 0)
        return false;
    ck_assert_msg(npy_parse(array->bytes, size, &array->npy, &error) == 0, "%s", error.text);
    ck_assert(npy_floats(&array->npy, &array->data, &array->scratch, &error) == 0);
    return true;
}

static inline void unload(struct array *array)
{
    free(array->bytes);
    free(array->scratch.bytes);
}

static inline json_t *load_case(const char *root, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s/case.json", root, name);
    json_t *json = json_load_file(path, 0, NULL);
    ck_assert_ptr_nonnull(json);
    return json;
}

/* The largest difference; relative: to the largest of b. */
static inline double difference(const float *a, const float *b, size_t count, bool relative)
{
    double most = 0, scale = 0;
    for (size_t i = 0; i < count; i++) {
        const double d = fabs((double)a[i] - (double)b[i]);
        if (!(d <= most))
            most = isnan(d) ? INFINITY : d;
        scale = fmax(scale, fabs((double)b[i]));
    }
    return relative ? most / scale : most;
}

/* The names of the folders of root that have a case.json, in order. */
static inline int list_cases(const char *root, char (*cases)[64], int room)
{
    struct dirent **entries;
    int found = 0;
    const int count = scandir(root, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[320];
        snprintf(path, sizeof path, "%s/%s/case.json", root, entries[i]->d_name);
        FILE *file = fopen(path, "re");
        if (file && found < room)
            snprintf(cases[found++], sizeof cases[0], "%.60s", entries[i]->d_name);
        if (file)
            fclose(file);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return found;
}

#endif
