/*
 * A TIFF in memory for libtiff to read or write, with libtiff's messages kept by the handle
 * that they are about, so that threads don't share them and nothing is printed.
 */
#ifndef SACCADE_TIFF_CLIENT_H
#define SACCADE_TIFF_CLIENT_H

#include "formats/codecs.h"

#include <tiffio.h>

struct tiff_client {
    struct decoding *decoding; /* reading */
    struct sink *sink;         /* or writing */
    size_t position;
    struct error *error;
    int status; /* of the first message */
};

/* NULL with client->status and the text set where libtiff refuses. The client outlives the
 * handle. */
TIFF *tiff_client_open(struct tiff_client *client, const char *mode);

/* The first message that libtiff had, or this text where it had none. Returns the kind. */
int tiff_client_fail(const struct tiff_client *client, const char *text);

#endif
