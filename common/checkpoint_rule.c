/* A rule in timm's words, which common/model_rule.c reads. */
#include "common/checkpoint.h"
#include "formats/stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DIGITS = 15 }; /* of numbers in what checkpoint_write makes */

/* Whether side / crop is resize: as timm rounds, and as the others do. */
static bool gives(uint32_t side, double crop, uint32_t resize, bool all)
{
    return floor(side / crop) == (double)resize
           && (!all || rint(side / crop) == (double)resize);
}

static bool crop_fits(const struct view_rule *rule, double crop, bool all)
{
    return crop > 0.01 && crop <= 1 && gives(rule->width, crop, rule->resize_width, all)
           && gives(rule->height, crop, rule->resize_height, all);
}

/* The shortest decimal near value that fits; 0: there is none. */
static double find_crop(const struct view_rule *rule, double value, bool all)
{
    for (int digits = 2; digits <= DIGITS; digits++) {
        char text[32];
        snprintf(text, sizeof text, "%.*g", digits, value);
        const double crop = strtod(text, NULL);
        if (crop_fits(rule, crop, all))
            return crop;
    }
    return 0;
}

void checkpoint_settle_rule(struct view_rule *rule, double *crop)
{
    if (rule->flavour == VIEW_HUGGINGFACE)
        rule->flavour = VIEW_TIMM;
    if (rule->resize_width < rule->width || rule->resize_height < rule->height) {
        rule->resize_width = rule->width;
        rule->resize_height = rule->height;
    }
    /* side / crop is from resize to below resize + 1/2 */
    const double w = rule->width, h = rule->height;
    const double most = fmin(w / rule->resize_width, h / rule->resize_height);
    const double least = fmax(w / (rule->resize_width + 0.5), h / (rule->resize_height + 0.5));
    const double tries[] = { *crop, most, (most + least) / 2 };
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        /* A crop of timm's own that timm rounds so stays as it is. */
        const double found =
            find_crop(rule, tries[i], i > 0 || rule->flavour == VIEW_TORCHVISION);
        if (found > 0) {
            *crop = found;
            return;
        }
    }
    /* The sides' ratios differ: the width's for both. */
    char text[32];
    snprintf(text, sizeof text, "%.*g", DIGITS, fmax(w / (rule->resize_width + 0.25), 0.0101));
    *crop = strtod(text, NULL);
    rule->resize_width = (uint32_t)(w / *crop);
    rule->resize_height = (uint32_t)(h / *crop);
}

json_t *checkpoint_rule_json(const struct view_rule *rule, double crop)
{
    static const char *const modes[] = { "center", "squash", "border" };
    return json_pack("{s:[i, I, I], s:s, s:f, s:s, s:[o, o, o], s:[o, o, o]}", "input_size", 3,
        (json_int_t)rule->height, (json_int_t)rule->width, "interpolation",
        resample_filter_name(rule->filter), "crop_pct", crop, "crop_mode", modes[rule->fit],
        "mean", json_float(rule->mean[0]), json_float(rule->mean[1]), json_float(rule->mean[2]),
        "std", json_float(rule->std[0]), json_float(rule->std[1]), json_float(rule->std[2]));
}
