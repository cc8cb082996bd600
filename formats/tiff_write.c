/* TIFF by libtiff: 8-bit RGB, and float pages; little-endian, deflate. */
#include "formats/tiff_client.h"

#include <stdlib.h>

enum {
    STRIP_SIZE = 1 << 18, /* bytes before compression, about */
    COMPRESSION_LEVEL = 3 /* a third of the default's time, some percent larger */
};

struct page {
    const char *name; /* or NULL */
    uint32_t width, height;
    uint16_t samples, bits, format, predictor;
    const void *values;
};

static void set_fields(TIFF *tiff, const struct page *page, uint32_t rows)
{
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, page->width);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, page->height);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, page->samples);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, page->bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, page->format);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC,
        page->samples == 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
    TIFFSetField(tiff, TIFFTAG_ZIPQUALITY, COMPRESSION_LEVEL);
    TIFFSetField(tiff, TIFFTAG_PREDICTOR, page->predictor);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, rows);
    if (page->name)
        TIFFSetField(tiff, TIFFTAG_PAGENAME, page->name);
}

static int write_page(TIFF *tiff, const struct page *page, const struct tiff_client *client)
{
    const size_t line = (size_t)page->width * page->samples * (page->bits / 8u);
    const size_t most = line < STRIP_SIZE ? STRIP_SIZE / line : 1;
    const uint32_t rows = most < page->height ? (uint32_t)most : page->height;
    set_fields(tiff, page, rows);
    for (uint32_t y = 0, strip = 0; y < page->height; y += rows, strip++) {
        const uint32_t left = page->height - y;
        const size_t size = line * (left < rows ? left : rows);
        /* In the machine's own byte order libtiff leaves the values as they are. */
        void *values = (void *)((uintptr_t)page->values + y * line);
        if (TIFFWriteEncodedStrip(tiff, strip, values, (tmsize_t)size) != (tmsize_t)size)
            return tiff_client_fail(client, "can't be written");
    }
    if (!TIFFWriteDirectory(tiff))
        return tiff_client_fail(client, "can't be written");
    return 0;
}

int tiff_encode(const struct picture *picture, struct sink *sink, struct error *error)
{
    const struct page page = { NULL, picture->width, picture->height, 3, 8, SAMPLEFORMAT_UINT,
        PREDICTOR_HORIZONTAL, picture->rgb };
    struct tiff_client client = { .sink = sink, .error = error };
    TIFF *tiff = tiff_client_open(&client, "wl");
    if (!tiff)
        return client.status;
    const int status = write_page(tiff, &page, &client);
    TIFFClose(tiff);
    return status ? status : client.status;
}

int tiff_encode_floats(const struct float_page *pages, size_t count, unsigned char **bytes,
    size_t *size, struct error *error)
{
    struct sink sink = { 0 };
    struct tiff_client client = { .sink = &sink, .error = error };
    TIFF *tiff = tiff_client_open(&client, "wl");
    int status = tiff ? 0 : client.status;
    for (size_t i = 0; i < count && !status; i++) {
        const struct page page = { pages[i].name, pages[i].width, pages[i].height, 1, 32,
            SAMPLEFORMAT_IEEEFP, PREDICTOR_NONE, pages[i].values };
        status = write_page(tiff, &page, &client);
    }
    if (tiff)
        TIFFClose(tiff);
    if (!status)
        status = client.status;
    if (status) {
        free(sink.bytes);
        return status;
    }
    *bytes = sink.bytes;
    *size = sink.size;
    return 0;
}
