/*
 * What a model sees of a picture: the rule (a model's own, or set by options) and the view that
 * applying it gave. The geometry is timm's, torchvision's or Hugging Face's, to the pixel.
 */
#ifndef SACCADE_VIEW_H
#define SACCADE_VIEW_H

#include "common/resample.h"

#include <stdbool.h>

#define VIEW_MAX_INPUT UINT32_C(16384)
#define VIEW_MAX_RESIZE UINT32_C(65536)

enum view_fit {
    FIT_CROP,   /* keep the shape, fill the input, cut off what is over */
    FIT_SQUASH, /* resize both sides, whatever the shape */
    FIT_PAD     /* keep the shape, show all, fill up with the mean colour */
};

/* Whose rounding: torchvision's and timm's centre crop rounds half to even, Hugging Face's
 * takes the floor. The sizes to resize to follow from the fit alone:
 *
 * crop, both resize sides equal: the shorter side becomes that, the longer one is truncated
 *   (torchvision's Resize, timm's for such targets, Hugging Face's shortest_edge);
 * crop, they differ: timm's ResizeKeepRatio, whoever's crop follows, for nobody else has one;
 * squash: those sides (timm's squash, Hugging Face's height and width);
 * pad: timm's ResizeKeepRatio with longest = 1, its CenterCropOrPad.
 *
 * Where a crop is larger than what was resized (a resize side below the input's) the rest is
 * black, as in those libraries; with pad it is the mean colour, rounded to 8 bits. */
enum view_flavour { VIEW_TIMM, VIEW_TORCHVISION, VIEW_HUGGINGFACE };

struct view_rule {
    uint32_t width, height; /* of the input */
    /* What the picture is resized to before the centre crop: a shorter side (crop), both sides
     * (squash) or a frame to fit in (pad); equal to the input where nothing is cropped. */
    uint32_t resize_width, resize_height;
    enum view_fit fit;
    enum view_flavour flavour;
    enum resample_filter filter;
    float mean[3], std[3]; /* of red, green, blue in [0, 1] */
};

/* What view.json records of one picture. */
struct view {
    uint32_t picture_width, picture_height; /* after EXIF orientation */
    double box[4]; /* x0, y0, x1, y1: pixel edges of that picture that the input shows */
};

/* BAD_USAGE unless both input sides are 1 to VIEW_MAX_INPUT, both resize sides 1 to
 * VIEW_MAX_RESIZE, mean and std finite, std positive. */
int view_rule_check(const struct view_rule *rule, struct error *error);

/*
 * Fills input, f32 [3, height, width] of the rule: (value / 255 - mean) / std in float32, and
 * the view. The caller has checked the rule. Scratch is in the call: nothing is kept.
 * BAD_SAMPLE (the picture is empty, or so long and thin that its resized sides are 0 or too
 * long) or BAD_SYSTEM.
 */
int view_make(const struct picture *picture, const struct view_rule *rule, float *input,
    struct view *view, struct error *error);

/* The same in two steps: rgb [height, width, 3] of the rule before and as floats. view may be
 * NULL. */
int view_bytes(const struct picture *picture, const struct view_rule *rule, uint8_t *rgb,
    struct view *view, struct error *error);
void view_normalise(const struct view_rule *rule, const uint8_t *rgb, float *input);

#endif
