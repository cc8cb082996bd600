#include "common/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One side of the geometry: where in the resized picture the input begins, and which part of
 * the input that picture covers. */
struct side {
    uint32_t resized; /* the picture's side after resizing */
    uint32_t input;   /* the input's */
    int64_t offset;   /* of the input's first pixel in the resized picture; may be negative */
    uint32_t from;    /* the first input pixel that shows the picture */
    uint32_t shown;   /* how many do */
};

int view_rule_check(const struct view_rule *rule, struct error *error)
{
    if (rule->width == 0 || rule->height == 0 || rule->width > VIEW_MAX_INPUT
        || rule->height > VIEW_MAX_INPUT)
        return fail(error, BAD_USAGE, "an input of %ux%u: each side must be 1 to %u",
            rule->width, rule->height, VIEW_MAX_INPUT);
    if (rule->resize_width == 0 || rule->resize_height == 0
        || rule->resize_width > VIEW_MAX_RESIZE || rule->resize_height > VIEW_MAX_RESIZE)
        return fail(error, BAD_USAGE, "a resize to %ux%u: each side must be 1 to %u",
            rule->resize_width, rule->resize_height, VIEW_MAX_RESIZE);
    for (int channel = 0; channel < 3; channel++) {
        const double mean = rule->mean[channel], std = rule->std[channel];
        if (!isfinite(mean))
            return fail(error, BAD_USAGE, "mean %g: must be finite", mean);
        if (!isfinite(std) || !(std > 0))
            return fail(error, BAD_USAGE, "std %g: must be positive and finite", std);
    }
    return 0;
}

/* torchvision's _compute_resized_output_size and transformers' get_resize_output_image_size:
 * exact in double, as both products stay far below 2^53. */
static void resize_shorter_side(
    const struct picture *picture, uint32_t shorter, double *width, double *height)
{
    const double w = picture->width, h = picture->height;
    *width = w <= h ? shorter : trunc(shorter * w / h);
    *height = w <= h ? trunc(shorter * h / w) : shorter;
}

/* timm's ResizeKeepRatio with longest = 0 (fill the frame) or 1 (fit in it). rint rounds half
 * to even, as Python's round does. */
static void resize_keep_ratio(
    const struct picture *picture, const struct view_rule *rule, double *width, double *height)
{
    const double ratio_w = (double)picture->width / rule->resize_width;
    const double ratio_h = (double)picture->height / rule->resize_height;
    const double ratio = rule->fit == FIT_PAD ? fmax(ratio_w, ratio_h) : fmin(ratio_w, ratio_h);
    *width = rint(picture->width / ratio);
    *height = rint(picture->height / ratio);
}

static int resized_size(const struct picture *picture, const struct view_rule *rule,
    struct side *x, struct side *y, struct error *error)
{
    double width = rule->resize_width, height = rule->resize_height;
    if (picture->width == 0 || picture->height == 0)
        return fail(error, BAD_SAMPLE, "an empty picture");
    if (rule->fit == FIT_PAD || (rule->fit == FIT_CROP && width != height))
        resize_keep_ratio(picture, rule, &width, &height);
    else if (rule->fit == FIT_CROP)
        resize_shorter_side(picture, rule->resize_width, &width, &height);
    if (width < 1 || height < 1 || width > RESAMPLE_MAX_SIDE || height > RESAMPLE_MAX_SIDE)
        return fail(error, BAD_SAMPLE, "%ux%u is too long and thin: it would become %.0fx%.0f",
            picture->width, picture->height, width, height);
    x->resized = (uint32_t)width;
    y->resized = (uint32_t)height;
    return 0;
}

/* torchvision's center_crop, timm's center_crop_or_pad and transformers' center_crop. */
static void place_crop(struct side *side, uint32_t input, const struct view_rule *rule)
{
    const int64_t over = (int64_t)side->resized - input;
    const int64_t half = over / 2, odd = over % 2; /* half towards 0; odd -1, 0 or 1 */
    if (rule->flavour == VIEW_HUGGINGFACE && rule->fit != FIT_PAD)
        side->offset = half - (odd < 0);
    else
        side->offset = half + (odd > 0 && half % 2 != 0);
    side->input = input;
    side->from = side->offset < 0 ? (uint32_t)-side->offset : 0;
    side->shown = side->resized < input ? side->resized : input;
}

/* Channel by channel what each byte becomes, in the order of ToTensor and Normalize. */
static void fill_table(const struct view_rule *rule, float table[3][256])
{
    for (int channel = 0; channel < 3; channel++)
        for (int value = 0; value < 256; value++)
            table[channel][value] =
                ((float)value / 255.0f - rule->mean[channel]) / rule->std[channel];
}

/* The byte that what the picture doesn't cover is filled with. The product is a float, so that
 * the halves that means of 0.1, 0.3 and so on give are those of Python's 255 * mean. */
static uint8_t border(const struct view_rule *rule, int channel)
{
    if (rule->fit != FIT_PAD)
        return 0;
    const float value = rintf(255.0f * rule->mean[channel]);
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

void view_normalise(const struct view_rule *rule, const uint8_t *rgb, float *input)
{
    float table[3][256];
    const size_t pixels = (size_t)rule->width * rule->height;
    fill_table(rule, table);
    for (int channel = 0; channel < 3; channel++, input += pixels)
        for (size_t i = 0; i < pixels; i++)
            input[i] = table[channel][rgb[3 * i + (size_t)channel]];
}

/* shown [y.shown, x.shown, 3] to its place in rgb [y.input, x.input, 3]. */
static void frame(const struct view_rule *rule, const struct side *x, const struct side *y,
    const uint8_t *shown, uint8_t *rgb)
{
    const size_t pixels = (size_t)x->input * y->input;
    for (int channel = 0; channel < 3; channel++) {
        const uint8_t empty = border(rule, channel);
        for (size_t i = 0; i < pixels; i++)
            rgb[3 * i + (size_t)channel] = empty;
    }
    for (size_t row = 0; row < y->shown; row++)
        memcpy(rgb + ((y->from + row) * x->input + x->from) * 3, shown + row * x->shown * 3,
            (size_t)x->shown * 3);
}

static void set_edges(
    const struct side *side, uint32_t picture_side, double *first, double *last)
{
    const double scale = (double)picture_side / side->resized;
    *first = (double)side->offset * scale;
    *last = (double)(side->offset + side->input) * scale;
}

static int resample_shown(const struct picture *picture, const struct view_rule *rule,
    const struct side *x, const struct side *y, uint8_t *rgb, struct error *error)
{
    const struct resample_window window = { .left = (uint32_t)(x->offset + x->from),
        .top = (uint32_t)(y->offset + y->from),
        .width = x->shown,
        .height = y->shown };
    if (x->shown == x->input && y->shown == y->input)
        return resample(picture, x->resized, y->resized, rule->filter, window, rgb, error);
    const size_t size = (size_t)x->shown * y->shown * 3;
    uint8_t *shown = malloc(size);
    if (!shown)
        return fail_memory(error, size);
    const int result =
        resample(picture, x->resized, y->resized, rule->filter, window, shown, error);
    if (result == 0)
        frame(rule, x, y, shown, rgb);
    free(shown);
    return result;
}

int view_bytes(const struct picture *picture, const struct view_rule *rule, uint8_t *rgb,
    struct view *view, struct error *error)
{
    struct side x = { .resized = 0 }, y = { .resized = 0 };
    int result = resized_size(picture, rule, &x, &y, error);
    if (result != 0)
        return result;
    place_crop(&x, rule->width, rule);
    place_crop(&y, rule->height, rule);
    result = resample_shown(picture, rule, &x, &y, rgb, error);
    if (result == 0 && view) {
        view->picture_width = picture->width;
        view->picture_height = picture->height;
        set_edges(&x, picture->width, &view->box[0], &view->box[2]);
        set_edges(&y, picture->height, &view->box[1], &view->box[3]);
    }
    return result;
}

int view_make(const struct picture *picture, const struct view_rule *rule, float *input,
    struct view *view, struct error *error)
{
    const size_t size = (size_t)rule->width * rule->height * 3;
    uint8_t *rgb = malloc(size);
    if (!rgb)
        return fail_memory(error, size);
    const int result = view_bytes(picture, rule, rgb, view, error);
    if (result == 0)
        view_normalise(rule, rgb, input);
    free(rgb);
    return result;
}
