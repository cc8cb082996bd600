/*
 * Small data sets made for the tests, in a folder, and sets opened from there.
 */
#ifndef SACCADE_TESTS_SETFILE_H
#define SACCADE_TESTS_SETFILE_H

#include "common/dataset.h"
#include "tests/folder.h"
#include "tests/tarbytes.h"

/* Pixels that look random; the caller frees rgb. */
static inline struct picture noise(uint32_t width, uint32_t height, unsigned seed)
{
    struct picture picture = { width, height, malloc((size_t)width * height * 3) };
    ck_assert_ptr_nonnull(picture.rgb);
    fill_bytes(picture.rgb, (size_t)width * height * 3, seed);
    return picture;
}

/* That as a PNG. */
static inline struct bytes noise_png(uint32_t width, uint32_t height, unsigned seed)
{
    struct picture picture = noise(width, height, seed);
    struct bytes bytes;
    struct error error;
    ck_assert_int_eq(
        picture_encode(&picture, PICTURE_PNG, &bytes.data, &bytes.size, &error), 0);
    picture_free(&picture);
    return bytes;
}

static inline void put_png(const char *path, uint32_t width, uint32_t height, unsigned seed)
{
    struct bytes bytes = noise_png(width, height, seed);
    put_file(path, bytes.data, bytes.size);
    bytes_free(&bytes);
}

static inline void put_text_file(const char *path, const char *text)
{
    put_file(path, text, strlen(text));
}

static inline void put_directory(const char *path)
{
    ck_assert_msg(mkdir(path, 0700) == 0, "%s", path);
}

/* A shard of count pictures of 5x4 with seeds, and classes (i * 2) % 3, from first on. */
static inline struct bytes make_shard(unsigned first, unsigned count)
{
    struct bytes tar = { 0 };
    for (unsigned i = first; i < first + count; i++) {
        char name[40], label[12];
        struct bytes png = noise_png(5, 4, i);
        snprintf(name, sizeof name, "k%03u.png", i);
        put_member(&tar, name, png.data, png.size);
        snprintf(name, sizeof name, "k%03u.cls", i);
        snprintf(label, sizeof label, "%u", i * 2 % 3);
        put_text(&tar, name, label);
        bytes_free(&png);
    }
    put_end(&tar);
    return tar;
}

static inline void put_bytes(const char *path, struct bytes *bytes)
{
    put_file(path, bytes->data, bytes->size);
    bytes_free(bytes);
}

/* count CIFAR records of that many labels each, the last of them (i * 7) % classes. */
static inline struct bytes make_cifar(unsigned count, unsigned labels, unsigned classes)
{
    struct bytes bytes = { 0 };
    unsigned char *at = put(&bytes, NULL, count * (labels + (size_t)3072));
    for (unsigned i = 0; i < count; i++, at += 3072) {
        if (labels == 2)
            *at++ = (unsigned char)(i % 20);
        *at++ = (unsigned char)(i * 7 % classes);
        fill_bytes(at, 3072, i);
    }
    return bytes;
}

/* IDX of unsigned bytes; the payload is noise, or with rank 1 counts up to classes. */
static inline struct bytes make_idx(
    unsigned rank, uint32_t count, uint32_t height, uint32_t width, unsigned classes)
{
    struct bytes bytes = { 0 };
    const uint32_t sizes[] = { count, height, width };
    put(&bytes, (unsigned char[]){ 0, 0, 8, (unsigned char)rank }, 4);
    size_t size = 1;
    for (unsigned i = 0; i < rank; i++) {
        const unsigned char big[] = { (unsigned char)(sizes[i] >> 24),
            (unsigned char)(sizes[i] >> 16), (unsigned char)(sizes[i] >> 8),
            (unsigned char)sizes[i] };
        put(&bytes, big, 4);
        size *= sizes[i];
    }
    unsigned char *data = put(&bytes, NULL, size);
    fill_bytes(data, size, 1);
    for (size_t i = 0; rank == 1 && i < size; i++)
        data[i] = (unsigned char)(i % classes);
    return bytes;
}

#define PLENTY ((size_t)1 << 30)

static inline struct dataset_wishes plain_wishes(void)
{
    return (struct dataset_wishes){ .memory = PLENTY, .max_pixels = PICTURE_MAX_PIXELS };
}

/* Opens one path that must be a good set. */
static inline struct dataset *open_set(const char *path, const struct dataset_wishes *wishes)
{
    struct dataset *dataset;
    struct error error = { "" };
    const char *const paths[] = { path };
    const int status = dataset_open(&dataset, paths, 1, wishes, &error);
    ck_assert_msg(status == 0, "%s: %s", path, error.text);
    return dataset;
}

#endif
