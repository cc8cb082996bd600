/*
 * Reference data of real libraries, a folder of ROOT a case: its arrays and case.json, and how
 * far ours are from them. ROOT is the includer's.
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

enum { MAX_CASES = 80 };

static char cases[MAX_CASES][64];
static int case_count;

struct array {
    unsigned char *bytes;
    struct npy npy;
    const float *data;
    struct scratch scratch;
};

static inline bool load(struct array *array, const char *name, const char *file)
{
    char path[256];
    size_t size;
    struct error error;
    *array = (struct array){ 0 };
    snprintf(path, sizeof path, ROOT "/%s/%s", name, file);
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

static inline json_t *about(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, ROOT "/%s/case.json", name);
    json_t *json = json_load_file(path, 0, NULL);
    ck_assert_ptr_nonnull(json);
    return json;
}

/* The largest difference; relative: over the largest of b. */
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

static inline void list_cases(void)
{
    struct dirent **entries;
    const int count = scandir(ROOT, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[300];
        snprintf(path, sizeof path, ROOT "/%s/case.json", entries[i]->d_name);
        FILE *file = fopen(path, "re");
        if (file && case_count < MAX_CASES) {
            snprintf(cases[case_count++], sizeof cases[0], "%.60s", entries[i]->d_name);
            fclose(file);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

#endif
