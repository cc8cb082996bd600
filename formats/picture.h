/*
 * Pictures: decoded from JPEG, PNG, TIFF, WebP, GIF (first frame) and PNM (P1 to P6), chosen
 * by content, never by name; encoded as PNG, JPEG, TIFF and PPM.
 *
 * Everything becomes 8-bit RGB as by Pillow's convert('RGB'): alpha dropped, profiles ignored,
 * grey copied, palettes looked up, CMYK by Pillow's formula (Adobe's inverted CMYK JPEGs and
 * YCCK included). 16-bit samples keep their high byte, in grey too, which Pillow clips to near
 * white. PNM of any other depth is scaled to 8 bits and rounded, half to even. EXIF orientation
 * (JPEG, PNG eXIf, WebP, TIFF tag 274) is applied. Whatever follows a whole picture is passed
 * over.
 */
#ifndef SACCADE_PICTURE_H
#define SACCADE_PICTURE_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Above this many pixels a picture is refused before anything is allocated (Pillow's limit). */
#define PICTURE_MAX_PIXELS UINT64_C(178956970)

struct picture {
    uint32_t width, height;
    uint8_t *rgb; /* [height, width, 3]; malloc'd, freed by picture_free */
};

/*
 * Decodes size bytes. A picture that is empty, truncated (even where its decoder would fill
 * the rest with grey), broken or larger than max_pixels is BAD_SAMPLE with the cause in the
 * text ("jpeg: premature end", "30000x30000 is over the limit of 178956970 pixels"); no memory
 * is BAD_SYSTEM. A JPEG whose data say that they end early is taken as it is, as Pillow does.
 * On failure nothing is left to free.
 */
int picture_decode(const void *bytes, size_t size, uint64_t max_pixels, struct picture *picture,
    struct error *error);

/*
 * The same of a PNG whose numbers count, not its colours: grey of up to 8 bits as it is stored,
 * unscaled, or the indices of a palette; each number thrice, as red, green and blue.
 */
int picture_decode_values(const void *bytes, size_t size, uint64_t max_pixels,
    struct picture *picture, struct error *error);

void picture_free(struct picture *picture);

/* "jpeg", "png", "tiff", "webp", "gif", "pnm" by the first bytes, or NULL. */
const char *picture_kind(const void *bytes, size_t size);

/*
 * For a run of PNM pictures back to back, as ffmpeg -f image2pipe writes them: the length in
 * bytes of the first, a P4, P5 or P6, of which size bytes have arrived so far. Returns 0, or 1
 * where the header isn't whole yet, or BAD_SAMPLE. *length may well be more than size.
 */
int pnm_length(
    const void *bytes, size_t size, uint64_t max_pixels, size_t *length, struct error *error);

/* Whether a member's suffix, in any case, is one of a picture: jpg jpeg png tif tiff webp gif
 * ppm pgm pbm pnm. */
bool picture_suffix(const char *suffix);

enum picture_format { PICTURE_PNG, PICTURE_JPEG, PICTURE_TIFF, PICTURE_PPM };

/* Encodes into *bytes (malloc'd, the caller frees). The same picture gives the same bytes.
 * PNG: 8-bit RGB, fast compression; JPEG: quality 92, 4:4:4; TIFF: 8-bit RGB, deflate. */
int picture_encode(const struct picture *picture, enum picture_format format,
    unsigned char **bytes, size_t *size, struct error *error);

/* One page of a float TIFF: f32 [height, width], its name in the page (tag 285 PageName). */
struct float_page {
    const char *name;
    uint32_t width, height;
    const float *values;
};

/* A TIFF of 32-bit IEEE float pages, deflate with the floating-point predictor off. */
int tiff_encode_floats(const struct float_page *pages, size_t count, unsigned char **bytes,
    size_t *size, struct error *error);

#endif
