#include "common/packing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

enum { COMPRESSION = 9 }; /* of 0 to 12: what is slower gains 1% */

size_t steps_size(size_t rows, size_t n, size_t p)
{
    return rows * (sizeof(float) + 2 * p + (n - p));
}

static void put_row(unsigned char *scale, unsigned char *shares, unsigned char *codes,
    const float *row, size_t n, size_t p, int steps)
{
    float most = 0;
    uint32_t bits;
    for (size_t j = p; j < n; j++)
        most = row[j] > most ? row[j] : most;
    memcpy(&bits, &most, sizeof bits);
    for (int k = 0; k < 4; k++)
        scale[k] = (unsigned char)(bits >> 8 * k);
    for (size_t j = 0; j < p; j++) {
        const unsigned share = (unsigned)lrint(fmin((double)row[j], 1) * SHARE_STEPS);
        shares[2 * j] = (unsigned char)share;
        shares[2 * j + 1] = (unsigned char)(share >> 8);
    }
    const double factor = most > 0 ? steps / (double)most : 0;
    for (size_t j = p; j < n; j++)
        codes[j - p] = (unsigned char)((double)row[j] * factor + 0.5);
}

void steps_make(
    unsigned char *bytes, const float *attention, size_t rows, size_t n, size_t p, int steps)
{
    unsigned char *shares = bytes + rows * sizeof(float), *codes = shares + rows * 2 * p;
    for (size_t i = 0; i < rows; i++)
        put_row(bytes + i * sizeof(float), shares + i * 2 * p, codes + i * (n - p),
            attention + i * n, n, p, steps);
}

int pack_base64(const void *bytes, size_t size, struct packed *packed, struct error *error)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = bytes;
    packed->size = (size + 2) / 3 * 4;
    packed->text = malloc(packed->size + 1); /* of 0 bytes too */
    if (!packed->text)
        return fail_memory(error, packed->size);
    char *to = packed->text;
    for (size_t i = 0; i < size; i += 3, to += 4) {
        const size_t left = size - i;
        const uint32_t group = (uint32_t)from[i] << 16
                               | (left > 1 ? (uint32_t)from[i + 1] << 8 : 0)
                               | (left > 2 ? from[i + 2] : 0);
        for (int k = 0; k < 4; k++)
            to[k] = digits[group >> (18 - 6 * k) & 63];
        if (left < 3)
            to[3] = '=';
        if (left < 2)
            to[2] = '=';
    }
    return 0;
}

int pack_deflated(const void *bytes, size_t size, struct packed *packed, struct error *error)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(COMPRESSION);
    const size_t bound = libdeflate_zlib_compress_bound(compressor, size);
    unsigned char *deflated = compressor ? malloc(bound) : NULL;
    int status = deflated ? 0 : fail_memory(error, bound);
    if (status == 0) {
        const size_t length =
            libdeflate_zlib_compress(compressor, bytes, size, deflated, bound);
        status = pack_base64(deflated, length, packed, error);
    }
    free(deflated);
    libdeflate_free_compressor(compressor);
    return status;
}
