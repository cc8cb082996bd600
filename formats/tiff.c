/*
 * TIFF by libtiff: the first page, read block by block (strips or tiles) in the file's own
 * samples and made RGB here, as Pillow does it. Only YCbCr goes through libtiff's conversion,
 * which is what Pillow uses for it.
 */
#include "formats/tiff_client.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SAMPLES = 8 }; /* a pixel; colours and whatever comes with them */

/* The first page, and what is wanted of its samples. */
struct page {
    TIFF *tiff;
    const struct tiff_client *client;
    struct decoding *decoding;
    uint32_t width, height;
    uint16_t bits, samples, photometric, planar, compression;
    bool premultiplied;
    uint32_t colours;          /* 1: through the table, 3: RGB, 4: CMYK */
    uint32_t channels;         /* the colours, and the alpha that they were multiplied by */
    uint8_t table[256][3];     /* of a sample, 16-bit ones by their high byte */
    uint32_t across, down;     /* a block: a tile, or the rows of a strip */
    size_t line, block, plane; /* bytes in a block's row; in a block; between two planes */
};

static int fill_palette(struct page *page)
{
    uint16_t *map[3];
    if (!TIFFGetField(page->tiff, TIFFTAG_COLORMAP, &map[0], &map[1], &map[2]))
        return tiff_client_fail(page->client, "a palette picture without a palette");
    for (size_t i = 0; i < (size_t)1 << page->bits; i++)
        for (size_t c = 0; c < 3; c++)
            page->table[i][c] = (uint8_t)(map[c][i] >> 8);
    return 0;
}

static void fill_greys(struct page *page)
{
    const unsigned most = page->bits < 8 ? (1u << page->bits) - 1 : 255;
    const unsigned flip = page->photometric == PHOTOMETRIC_MINISWHITE ? 255 : 0;
    for (unsigned i = 0; i <= most; i++)
        memset(page->table[i], (int)(i * 255 / most ^ flip), 3);
}

/* Says what a sample means, or refuses. */
static int place_colours(struct page *page)
{
    const bool small = page->bits == 1 || page->bits == 2 || page->bits == 4;
    const bool whole = page->bits == 8 || page->bits == 16;
    int status = 0;
    if (page->photometric == PHOTOMETRIC_MINISWHITE
        || page->photometric == PHOTOMETRIC_MINISBLACK)
        page->colours = small || whole ? 1 : 0;
    else if (page->photometric == PHOTOMETRIC_PALETTE)
        page->colours = small || page->bits == 8 ? 1 : 0;
    else if (page->photometric == PHOTOMETRIC_RGB || page->photometric == PHOTOMETRIC_YCBCR)
        page->colours = whole ? 3 : 0;
    else if (page->photometric == PHOTOMETRIC_SEPARATED)
        page->colours = whole ? 4 : 0;
    else
        return fail(page->client->error, BAD_SAMPLE, "tiff: photometric interpretation %u",
            page->photometric);
    if (!page->colours)
        return fail(page->client->error, BAD_SAMPLE, "tiff: samples of %u bits", page->bits);
    page->premultiplied = page->premultiplied && page->colours == 3;
    page->channels = page->colours + page->premultiplied;
    if (page->samples < page->channels || page->samples > MAX_SAMPLES)
        return fail(page->client->error, BAD_SAMPLE, "tiff: %u samples a pixel", page->samples);

    if (page->photometric == PHOTOMETRIC_PALETTE)
        status = fill_palette(page);
    else if (page->colours == 1)
        fill_greys(page);
    return status;
}

static int check_samples(struct page *page)
{
    uint16_t format = 0, extras = 0, *kinds = NULL;
    TIFFGetFieldDefaulted(page->tiff, TIFFTAG_SAMPLEFORMAT, &format);
    if (format == SAMPLEFORMAT_IEEEFP)
        return tiff_client_fail(page->client, "floating-point samples have no place in 8 bits");
    if (format != SAMPLEFORMAT_UINT)
        return fail(page->client->error, BAD_SAMPLE, "tiff: samples of format %u", format);
    if (page->compression == COMPRESSION_OJPEG || !TIFFIsCODECConfigured(page->compression))
        return fail(page->client->error, BAD_SAMPLE, "tiff: compression %u", page->compression);
    if (page->photometric == PHOTOMETRIC_YCBCR && page->compression == COMPRESSION_JPEG
        && page->planar == PLANARCONFIG_CONTIG) {
        TIFFSetField(page->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        page->photometric = PHOTOMETRIC_RGB;
    }
    if (TIFFGetField(page->tiff, TIFFTAG_EXTRASAMPLES, &extras, &kinds) && extras)
        page->premultiplied = kinds[0] == EXTRASAMPLE_ASSOCALPHA;
    return place_colours(page);
}

static int read_header(struct page *page)
{
    TIFF *tiff = page->tiff;
    uint16_t orientation = 1;
    if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &page->width)
        || !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &page->height))
        return tiff_client_fail(page->client, "no width or height");
    int status = decoding_check(page->decoding, page->width, page->height);
    if (status)
        return status;
    page->photometric = PHOTOMETRIC_MINISWHITE; /* where a file doesn't say; so does Pillow */
    TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &page->photometric);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &page->bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &page->samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &page->planar);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &page->compression);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    if (orientation >= 1 && orientation <= 8)
        page->decoding->orientation = orientation;
    return check_samples(page);
}

/* The geometry of blocks as the tags have it, held against libtiff's own idea of it. */
static int measure_blocks(struct page *page)
{
    TIFF *tiff = page->tiff;
    const bool tiled = TIFFIsTiled(tiff);
    const bool separate = page->planar == PLANARCONFIG_SEPARATE;
    uint64_t bits;
    if (tiled) {
        if (!TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &page->across)
            || !TIFFGetField(tiff, TIFFTAG_TILELENGTH, &page->down))
            return tiff_client_fail(page->client, "no tile size");
    } else {
        page->across = page->width;
        TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &page->down);
        if (page->down > page->height)
            page->down = page->height;
    }
    int status = decoding_check(page->decoding, page->across, page->down);
    if (status)
        return status;
    bits = (uint64_t)page->across * (separate ? 1u : page->samples) * page->bits;
    page->line = (size_t)((bits + 7) / 8);
    if (__builtin_mul_overflow(page->line, page->down, &page->block)
        || __builtin_mul_overflow(page->block, separate ? page->channels : 1u, &bits)
        || page->block > INT64_MAX)
        return tiff_client_fail(page->client, "too large");
    page->plane = separate ? page->block : 0;
    const tmsize_t line = tiled ? TIFFTileRowSize(tiff) : TIFFScanlineSize(tiff);
    if (line < 0 || (size_t)line != page->line)
        return tiff_client_fail(page->client, "unexpected row size");
    return 0;
}

static unsigned read_sample(const uint8_t *line, size_t index, unsigned bits)
{
    if (bits == 8)
        return line[index];
    if (bits == 16) {
        uint16_t value;
        memcpy(&value, line + 2 * index, 2);
        return value >> 8;
    }
    const size_t bit = index * bits;
    return line[bit / 8] >> (8 - bits - bit % 8) & ((1u << bits) - 1);
}

/* RGB from the channels of one pixel. Pillow's division of alpha, not composited. */
static void place_pixel(const struct page *page, const unsigned *channels, uint8_t *rgb)
{
    for (size_t c = 0; c < 3; c++) {
        unsigned value = channels[c];
        if (page->colours == 4)
            value = ink_to_light(value, channels[3]);
        else if (page->premultiplied)
            value = channels[3] ? value * 255 / channels[3] : 0;
        rgb[c] = (uint8_t)(value < 255 ? value : 255);
    }
}

static void place_row(const struct page *page, const uint8_t *line, size_t width, uint8_t *rgb)
{
    const size_t step = page->plane ? 1 : page->samples;
    unsigned channels[4];
    if (page->bits == 8 && page->channels == 3 && page->samples == 3 && !page->plane) {
        memcpy(rgb, line, 3 * width);
        return;
    }
    for (size_t x = 0; x < width; x++, rgb += 3) {
        for (size_t c = 0; c < page->channels; c++)
            channels[c] = page->plane ? read_sample(line + c * page->plane, x, page->bits)
                                      : read_sample(line, x * step + c, page->bits);
        if (page->colours == 1)
            memcpy(rgb, page->table[channels[0]], 3);
        else
            place_pixel(page, channels, rgb);
    }
}

/* Reads a block of every plane that is wanted. */
static int read_block(const struct page *page, uint8_t *block, uint32_t x, uint32_t y)
{
    TIFF *tiff = page->tiff;
    const uint32_t planes = page->plane ? page->channels : 1;
    const uint32_t left = page->height - y;
    const size_t rows = left < page->down ? left : page->down;
    for (uint32_t p = 0; p < planes; p++) {
        uint8_t *to = block + p * page->plane;
        tmsize_t got, expected = (tmsize_t)page->block;
        if (TIFFIsTiled(tiff)) {
            got = TIFFReadTile(tiff, to, x, y, 0, (uint16_t)p);
        } else {
            expected = (tmsize_t)(rows * page->line);
            got = TIFFReadEncodedStrip(
                tiff, TIFFComputeStrip(tiff, y, (uint16_t)p), to, expected);
        }
        if (got != expected)
            return tiff_client_fail(page->client, "premature end");
    }
    return 0;
}

static int read_blocks(struct page *page)
{
    const uint32_t width = page->width, height = page->height;
    int status = measure_blocks(page);
    if (!status)
        status = decoding_allocate(page->decoding, width, height);
    if (status)
        return status;
    const size_t size = page->block * (page->plane ? page->channels : 1);
    uint8_t *block = malloc(size);
    if (!block)
        return fail_memory(page->client->error, size);
    for (uint32_t y = 0; y < height && !status; y += page->down) {
        const uint32_t rows = height - y < page->down ? height - y : page->down;
        for (uint32_t x = 0; x < width && !status; x += page->across) {
            const uint32_t columns = width - x < page->across ? width - x : page->across;
            uint8_t *rgb = page->decoding->picture->rgb + 3 * ((size_t)y * width + x);
            status = read_block(page, block, x, y);
            for (size_t row = 0; row < rows && !status; row++)
                place_row(page, block + row * page->line, columns, rgb + 3 * row * width);
        }
    }
    free(block);
    return status;
}

/* YCbCr with its subsampling, by libtiff's conversion. */
static int read_by_libtiff(struct page *page)
{
    const size_t pixels = (size_t)page->width * page->height;
    char text[1024] = "";
    if (!TIFFRGBAImageOK(page->tiff, text))
        return page->client->status ? page->client->status
                                    : fail_codec(page->client->error, BAD_SAMPLE, "tiff", text);
    int status = decoding_allocate(page->decoding, page->width, page->height);
    if (status)
        return status;
    uint32_t *raster = malloc(4 * pixels);
    if (!raster)
        return fail_memory(page->client->error, 4 * pixels);
    uint8_t *rgb = page->decoding->picture->rgb;
    /* Asked for in the file's own orientation, so that nothing is turned twice. */
    if (TIFFReadRGBAImageOriented(
            page->tiff, page->width, page->height, raster, page->decoding->orientation, 1))
        for (size_t i = 0; i < pixels; i++) {
            rgb[3 * i] = TIFFGetR(raster[i]);
            rgb[3 * i + 1] = TIFFGetG(raster[i]);
            rgb[3 * i + 2] = TIFFGetB(raster[i]);
        }
    else
        status = tiff_client_fail(page->client, "broken data");
    free(raster);
    return status;
}

int tiff_decode(struct decoding *decoding)
{
    struct tiff_client client = { .decoding = decoding, .error = decoding->error };
    struct page page = { .client = &client, .decoding = decoding };
    page.tiff = tiff_client_open(&client, "r");
    if (!page.tiff)
        return client.status;
    int status = read_header(&page);
    if (!status && page.photometric == PHOTOMETRIC_YCBCR)
        status = read_by_libtiff(&page);
    else if (!status)
        status = read_blocks(&page);
    TIFFClose(page.tiff);
    return status;
}
