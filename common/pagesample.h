/*
 * What a page says and shows of a sample beside its attention: the photo, where the patches lie
 * in it, the classes, and the maps that came along.
 */
#ifndef SACCADE_PAGESAMPLE_H
#define SACCADE_PAGESAMPLE_H

#include "common/attention.h"
#include "common/classes.h"
#include "common/packing.h"

#define PAGE_PHOTO_SIDE 1024 /* longer photos are reduced to that */
enum { PAGE_CLASSES = 5 };

/*
 * about: an object, texts in it unescaped:
 *   key, model ("NAME:CRC" or null), depth (layers of the model), readout ("cls" or "mean"),
 *   grid [rows, columns], prefix ["class token", ...], size [W, H] of the whole picture,
 *   box [x0, y0, x1, y1] of the grid in it, photo ("image/jpeg", "image/png" or null),
 *   classes [{index, name, prob}, ...] best first, or null; true {index, name} or null;
 *   target, as in model.json; maps [{title, grid, box, queries, signed}, ...]
 */
struct page_sample {
    json_t *about;
    struct packed photo; /* nothing where the sample has no picture */
    struct packed maps;  /* f32 of all maps, one behind another, deflated */
};

/*
 * *warning: what is odd, empty where nothing is. BAD_SAMPLE: a broken picture, map, label or
 * logits, or a view that isn't this picture's. To be freed whatever comes back.
 */
int page_sample_make(const struct sample *sample, const struct attention *attention,
    const struct classes *classes, struct page_sample *page, struct error *warning,
    struct error *error);
void page_sample_free(struct page_sample *page);

#endif
