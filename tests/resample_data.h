/* What check_resample.c and check_view.c share: reading tests/data/resample/. */
#ifndef SACCADE_TESTS_RESAMPLE_DATA_H
#define SACCADE_TESTS_RESAMPLE_DATA_H

#include "formats/picture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA "tests/data/resample/"

/* A binary PPM as the oracle writes them. The caller frees rgb. */
static inline struct picture read_ppm(const char *name)
{
    char path[200];
    struct picture picture;
    snprintf(path, sizeof path, DATA "%s.ppm", name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_int_eq(fscanf(file, "P6 %u %u 255", &picture.width, &picture.height), 2);
    ck_assert_int_eq(fgetc(file), '\n');
    const size_t size = (size_t)picture.width * picture.height * 3;
    picture.rgb = malloc(size);
    ck_assert_ptr_nonnull(picture.rgb);
    ck_assert_uint_eq(fread(picture.rgb, 1, size, file), size);
    fclose(file);
    return picture;
}

/* The picture of one colourful row that the oracle's long_row makes too. */
static inline struct picture make_long_row(void)
{
    struct picture picture = { 30000, 1, malloc(90000) };
    ck_assert_ptr_nonnull(picture.rgb);
    for (uint32_t i = 0; i < 90000; i++)
        picture.rgb[i] = (uint8_t)((i * UINT32_C(2654435761)) >> 24);
    return picture;
}

#endif
