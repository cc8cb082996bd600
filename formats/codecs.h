/*
 * What the picture codecs share; nothing outside formats/ includes this.
 *
 * A decoder fills decoding->picture (allocated by decoding_allocate, freed by picture_decode
 * when it fails) as the file has it, and leaves the orientation to picture_decode.
 */
#ifndef SACCADE_CODECS_H
#define SACCADE_CODECS_H

#include "formats/picture.h"

struct decoding {
    const unsigned char *bytes;
    size_t size, position; /* position: of decoders that read as from a file */
    uint64_t max_pixels;
    struct picture *picture;
    int orientation; /* EXIF, 1 to 8 */
    struct error *error;
    bool values; /* as picture_decode_values; of the codecs only PNG's is asked for them */
};

int jpeg_decode(struct decoding *decoding);
int png_decode(struct decoding *decoding);
int tiff_decode(struct decoding *decoding);
int webp_decode(struct decoding *decoding);
int gif_decode(struct decoding *decoding);
int pnm_decode(struct decoding *decoding);

/* Checks the size of a picture against the limit. */
int decoding_check(const struct decoding *decoding, uint64_t width, uint64_t height);

/* Checks the size and allocates the picture, not cleared. */
int decoding_allocate(struct decoding *decoding, uint64_t width, uint64_t height);

/* Copies the next count bytes, or as many as there are; returns how many. */
size_t decoding_read(struct decoding *decoding, void *to, size_t count);

/* fail() with a library's own text: the codec's name before it, its first letter made lower
 * case, its full stop and line end dropped. */
int fail_codec(struct error *error, int kind, const char *codec, const char *text);

/* The orientation in a TIFF structure as EXIF carries it, with or without "Exif\0\0" before
 * it; 1 where there is none. */
int exif_orientation(const unsigned char *exif, size_t size);

/* Bytes that an encoder appends to; malloc'd. */
struct sink {
    unsigned char *bytes;
    size_t size, room;
};

/* Makes room for count more bytes: 0, or -1 where there is no memory. */
int sink_reserve(struct sink *sink, size_t count);

/* Appends; returns as sink_reserve. */
int sink_write(struct sink *sink, const void *bytes, size_t count);

int jpeg_encode(const struct picture *picture, struct sink *sink, struct error *error);
int png_encode(const struct picture *picture, struct sink *sink, struct error *error);
int tiff_encode(const struct picture *picture, struct sink *sink, struct error *error);
int ppm_encode(const struct picture *picture, struct sink *sink, struct error *error);

/* a * b / 255, rounded (Pillow's MULDIV255). */
static inline unsigned multiply_255(unsigned a, unsigned b)
{
    const unsigned product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

/* One ink over black, 255 for all of it (Pillow's cmyk2rgb). */
static inline uint8_t ink_to_light(unsigned ink, unsigned black)
{
    return (uint8_t)(255 - black - multiply_255(ink, 255 - black));
}

#endif
