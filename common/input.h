/*
 * A sample's input: made from its picture by a rule, recorded in view.json, and taken again by
 * the model stage where it fits (STAGES.md, "Inputs fit their model").
 */
#ifndef SACCADE_INPUT_H
#define SACCADE_INPUT_H

#include "common/view.h"
#include "formats/stream.h"

/* What explicit options decide over the model's rule; as named in view.json's "set". */
enum {
    SET_SIZE = 1,
    SET_RESIZE = 2,
    SET_CROP_PCT = 4,
    SET_FILTER = 8,
    SET_FIT = 16,
    SET_MEAN = 32,
    SET_STD = 64
};

struct view_wishes {
    unsigned set; /* which of the following count */
    uint32_t width, height;
    uint32_t resize; /* shorter side before the crop */
    double crop_pct; /* timm: resize to size / crop_pct */
    enum resample_filter filter;
    enum view_fit fit;
    float mean[3], std[3];
};

/* A model as far as its pictures go. */
struct input_model {
    const char *name;      /* NAME:CRC, view.json's "for" */
    struct view_rule rule; /* its own */
    double crop;           /* input side / side before the crop, for another size */
    bool rule_known;       /* mean and std are known */
};

/*
 * The model's rule with wishes over it. Another size keeps the model's crop ratio (timm:
 * floor(size / crop)). BAD_USAGE where mean or std are neither known nor wished for: "NAME:
 * mean and std are not known ...: say preprocess --mean r,g,b --std r,g,b".
 */
int input_rule(const struct input_model *model, const struct view_wishes *wishes,
    struct view_rule *rule, struct error *error);

/*
 * Makes input.npy and view.json of the sample's picture (its first picture member), dropping
 * those that are there. BAD_SAMPLE where the picture can't be decoded; BAD_USAGE where there is
 * none.
 */
int input_make(struct sample *sample, const struct input_model *model,
    const struct view_wishes *wishes, uint64_t max_pixels, struct error *error);

/*
 * What a model stage does first: keeps the sample's input where its view.json says that it was
 * made for this model, where size, mean and std were all set by explicit options, or where
 * there is no view.json; otherwise makes it anew from the picture by this model's rule with
 * wishes (the stage's own, such as --size) and what view.json's "set" names over it. BAD_SAMPLE
 * where it was made for another model and there is no picture.
 */
int input_fit(struct sample *sample, const struct input_model *model,
    const struct view_wishes *wishes, uint64_t max_pixels, struct error *error);

#endif
