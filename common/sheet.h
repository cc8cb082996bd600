/*
 * The samples that go into one figure: their pictures and maps, kept until it is drawn.
 *
 * One sample with one map is that panel alone. One with several is a near-square grid, the
 * untouched picture first; heads of several layers are laid out so that a layer never breaks at
 * the end of a row, and then without the picture alone. Several samples are a row each, headed
 * by key and picture. The model is named in the caption, or over the panels where they are of
 * several. Maps of one method and model share a colour scale; with join_models, of one method.
 */
#ifndef SACCADE_SHEET_H
#define SACCADE_SHEET_H

#include "common/figure.h"
#include "common/mask.h"
#include "formats/stream.h"

enum { SHEET_SAMPLES = 64 };

struct sheet_sample {
    char *key;
    struct picture picture; /* .rgb NULL where the sample has none */
    struct mask mask;       /* .classes NULL where none is outlined */
    size_t first, count;    /* its maps */
};

struct sheet_map {
    float *values;
    uint32_t rows, columns;
    double box[4];
    bool is_signed;
    uint32_t marked;     /* of its panel: the patch that asks */
    const char *asker;   /* in words: the class token, or all patches by default; NULL: else */
    bool has_query;      /* a map of attention: some token asks, by default or not */
    int layer, head;     /* or -1 */
    char *member;        /* "KEY.map.NAME" */
    char *title;         /* what stands over the panel, behind the model's name and a newline */
    char quantity[256];  /* likewise */
    size_t model_length; /* of its name; 0: unknown */
};

struct sheet {
    struct sheet_sample samples[SHEET_SAMPLES];
    size_t sample_count;
    struct sheet_map *maps;
    size_t map_count, map_room;
    const struct mask_rule *outline; /* what of the pictures' masks is outlined, or NULL */
    bool join_models;                /* maps of one method share a scale, of any model */
};

/*
 * Adds a sample while sample_count < SHEET_SAMPLES: its first picture, unless !pictures, and
 * its maps. *warning: a map is all zeros, has values that aren't finite, or doesn't say which
 * part of the picture it shows and is taken to show all; empty where there is nothing to say.
 * BAD_USAGE where it has no maps, or no mask that is to be outlined, BAD_SAMPLE where they or
 * the picture are broken or don't belong together; the sheet is then as before.
 */
int sheet_add(struct sheet *sheet, const struct sample *sample, bool pictures,
    struct error *warning, struct error *error);

/* Scales the pictures down to what a figure with these options needs, to spare memory; last: of
 * the sample added last only. alone: for a figure of one panel. */
int sheet_reduce(
    struct sheet *sheet, bool last, bool alone, uint32_t panel_width, struct error *error);

/* Draws the figure. more: samples that it doesn't show, for the caption. As figure_draw. */
int sheet_draw(const struct sheet *sheet, const struct figure_options *options, uint64_t more,
    struct picture *figure, struct error *error);

/* A float TIFF, a page a map; *bytes is malloc'd. */
int sheet_encode_raw(
    const struct sheet *sheet, unsigned char **bytes, size_t *size, struct error *error);

/* Empties it; what it held is freed, the array of maps with the last call. */
void sheet_clear(struct sheet *sheet);

#endif
