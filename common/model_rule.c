/* How a model wants its pictures: from timm's pretrained_cfg, Hugging Face's preprocessor, or
 * what the published models of its family share. */
#include "common/model.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const float imagenet_mean[3] = { 0.485f, 0.456f, 0.406f };
const float imagenet_std[3] = { 0.229f, 0.224f, 0.225f };
const float clip_mean[3] = { 0.48145466f, 0.4578275f, 0.40821073f };
const float clip_std[3] = { 0.26862954f, 0.26130258f, 0.27577711f };
const float half_of_range[3] = { 0.5f, 0.5f, 0.5f };

/* What a preprocessor_config.json leaves out (transformers 5.23, the classes' defaults). */
static const struct {
    const char *type;
    struct rule_habit habit;
} processors[] = {
    { "ViT*", { RULE_PREPROCESSOR, FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BILINEAR, 0,
                  half_of_range, half_of_range } },
    { "DeiT*", { RULE_PREPROCESSOR, FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BICUBIC, 0.875,
                   half_of_range, half_of_range } },
    { "Bit*", { RULE_PREPROCESSOR, FIT_CROP, VIEW_HUGGINGFACE, FILTER_BICUBIC, 1.0, clip_mean,
                  clip_std } },
    { "CLIP*", { RULE_PREPROCESSOR, FIT_CROP, VIEW_HUGGINGFACE, FILTER_BICUBIC, 1.0, clip_mean,
                   clip_std } },
    { "ConvNext*", { RULE_PREPROCESSOR, FIT_CROP, VIEW_HUGGINGFACE, FILTER_BICUBIC, 0.875,
                       half_of_range, half_of_range } },
    { "Siglip*", { RULE_PREPROCESSOR, FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BICUBIC, 0,
                     half_of_range, half_of_range } },
};

/* Three numbers, or one for all three. */
static bool get_three(const json_t *value, float to[3])
{
    float three[3];
    for (size_t i = 0; i < 3; i++) {
        const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
        if (!json_is_number(item))
            return false;
        three[i] = (float)json_number_value(item);
    }
    if (json_is_array(value) && json_array_size(value) != 3)
        return false;
    memcpy(to, three, sizeof three);
    return true;
}

static bool get_side(const json_t *value, uint32_t *side)
{
    const json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 1 || number > 1 << 16)
        return false;
    *side = (uint32_t)number;
    return true;
}

static void take_habit(struct input_model *input, const struct rule_habit *habit)
{
    struct view_rule *rule = &input->rule;
    rule->fit = habit->fit;
    rule->flavour = habit->flavour;
    rule->filter = habit->filter;
    input->crop = habit->crop > 0 ? habit->crop : 1.0;
    input->rule_known = habit->mean;
    memcpy(rule->mean, habit->mean ? habit->mean : half_of_range, sizeof rule->mean);
    memcpy(rule->std, habit->std ? habit->std : half_of_range, sizeof rule->std);
}

static void set_size(struct input_model *input, uint32_t width, uint32_t height)
{
    input->rule.width = width;
    input->rule.height = height;
    /* timm takes the floor; the others state both sizes, and crop is their ratio. */
    const bool timm = input->rule.flavour == VIEW_TIMM;
    const double w = width / input->crop, h = height / input->crop;
    input->rule.resize_width = (uint32_t)(timm ? floor(w) : rint(w));
    input->rule.resize_height = (uint32_t)(timm ? floor(h) : rint(h));
}

/* timm's pretrained_cfg, or the top of an older config.json. What it leaves out is as the
 * family has it. */
static int take_timm(struct input_model *input, const json_t *cfg, struct error *error)
{
    struct view_rule *rule = &input->rule;
    const char *filter = json_string_value(json_object_get(cfg, "interpolation"));
    const char *mode = json_string_value(json_object_get(cfg, "crop_mode"));
    const double crop = json_number_value(json_object_get(cfg, "crop_pct"));
    if (filter && strcmp(filter, "random") != 0
        && resample_filter_from_name(filter, &rule->filter) < 0)
        return fail(error, BAD_USAGE, "interpolation %s is not known", filter);
    rule->fit = mode && strcmp(mode, "squash") == 0   ? FIT_SQUASH
                : mode && strcmp(mode, "border") == 0 ? FIT_PAD
                                                      : FIT_CROP;
    if (crop > 0.01 && crop <= 1)
        input->crop = crop;
    const bool mean = get_three(json_object_get(cfg, "mean"), rule->mean);
    const bool std = get_three(json_object_get(cfg, "std"), rule->std);
    input->rule_known |= mean && std;
    return 0;
}

/* {"height": h, "width": w} or [h, w] */
static bool get_frame(const json_t *size, uint32_t *width, uint32_t *height)
{
    const bool list = json_array_size(size) == 2;
    const json_t *h = list ? json_array_get(size, 0) : json_object_get(size, "height");
    const json_t *w = list ? json_array_get(size, 1) : json_object_get(size, "width");
    return get_side(h, height) && get_side(w, width);
}

static bool is_off(const json_t *json, const char *key)
{
    return json_is_false(json_object_get(json, key));
}

static bool is_said(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    return value && !json_is_null(value);
}

/* What is said in a way that isn't known is refused: it may be what decides. */
static int not_understood(const char *key, struct error *error)
{
    return fail(error, BAD_USAGE, "preprocessor: %s is not understood", key);
}

static int take_filter(struct view_rule *rule, const json_t *json, struct error *error)
{
    static const int filters[] = { FILTER_NEAREST, FILTER_LANCZOS, FILTER_BILINEAR,
        FILTER_BICUBIC };
    const json_t *resample = json_object_get(json, "resample");
    if (!json_is_integer(resample))
        return 0;
    const json_int_t code = json_integer_value(resample);
    if (code < 0 || code > 3)
        return fail(
            error, BAD_USAGE, "preprocessor: resample %lld is not known", (long long)code);
    rule->filter = (enum resample_filter)filters[code];
    return 0;
}

/* size: 224, {"shortest_edge": 256} or {"height": 224, "width": 224}; crop_size likewise. */
static int take_sizes(struct input_model *input, const json_t *json, struct error *error)
{
    struct view_rule *rule = &input->rule;
    const json_t *size = json_object_get(json, "size"),
                 *crop = json_object_get(json, "crop_size");
    const json_t *edge = json_object_get(size, "shortest_edge");
    uint32_t width = rule->width, height = rule->height, side;
    const bool stated = json_is_true(json_object_get(json, "do_center_crop"));
    const bool crops =
        !is_off(json, "do_center_crop")
        && (stated || is_said(json, "crop_size") || rule->fit == FIT_CROP || input->crop < 1);
    if (get_side(edge ? edge : size, &side)) {
        width = height = side;
        rule->fit = edge ? FIT_CROP : rule->fit;
    } else if (get_frame(size, &width, &height)) {
        rule->fit = FIT_SQUASH;
    } else if (is_said(json, "size")) {
        return not_understood("size", error);
    } else if (crops) {
        width = (uint32_t)lround(rule->width / input->crop);
        height = (uint32_t)lround(rule->height / input->crop);
    }
    if (is_off(json, "do_resize"))
        return fail(error, BAD_USAGE, "preprocessor: do_resize false is not supported");
    rule->resize_width = rule->width = width;
    rule->resize_height = rule->height = height;
    if (crops && get_side(crop, &side)) {
        rule->width = rule->height = side;
    } else if (crops && !get_frame(crop, &rule->width, &rule->height)) {
        if (is_said(json, "crop_size"))
            return not_understood("crop_size", error);
        rule->width = (uint32_t)lround(width * input->crop);
        rule->height = (uint32_t)lround(height * input->crop);
    }
    if (!crops && rule->fit == FIT_CROP)
        rule->fit = FIT_SQUASH; /* the shape would depend on the picture */
    input->crop = (double)rule->width / rule->resize_width;
    return 0;
}

/* ConvNextImageProcessor, the ResNets' as well: below 384 pixels the shorter side becomes
 * shortest_edge / crop_pct and the middle is cut out, from there on all is squashed. */
static int take_convnext_sizes(
    struct input_model *input, const json_t *json, struct error *error)
{
    struct view_rule *rule = &input->rule;
    const json_t *size = json_object_get(json, "size");
    const json_t *edge = json_is_object(size) ? json_object_get(size, "shortest_edge") : size;
    const json_t *said = json_object_get(json, "crop_pct");
    const double crop = json_is_number(said) ? json_number_value(said) : 224.0 / 256;
    uint32_t side = 384;
    if (is_said(json, "size") && !get_side(edge, &side))
        return not_understood("size", error);
    if ((is_said(json, "crop_pct") && !json_is_number(said)) || !(crop > 0.01 && crop <= 1))
        return not_understood("crop_pct", error);
    if (is_off(json, "do_resize") || json_is_true(json_object_get(json, "do_center_crop")))
        return not_understood(
            is_off(json, "do_resize") ? "do_resize" : "do_center_crop", error);
    rule->fit = side < 384 ? FIT_CROP : FIT_SQUASH;
    rule->width = rule->height = side;
    rule->resize_width = rule->resize_height = side < 384 ? (uint32_t)(side / crop) : side;
    input->crop = (double)side / rule->resize_width;
    return 0;
}

static int take_preprocessor(struct input_model *input, const json_t *json, struct error *error)
{
    struct view_rule *rule = &input->rule;
    const char *type = json_string_value(json_object_get(json, "image_processor_type"));
    if (!type)
        type = json_string_value(json_object_get(json, "feature_extractor_type"));
    for (size_t i = 0; type && i < sizeof processors / sizeof *processors; i++)
        if (fnmatch(processors[i].type, type, 0) == 0)
            take_habit(input, &processors[i].habit);
    const bool mean = get_three(json_object_get(json, "image_mean"), rule->mean);
    const bool std = get_three(json_object_get(json, "image_std"), rule->std);
    if ((!mean && is_said(json, "image_mean")) || (!std && is_said(json, "image_std")))
        return not_understood(mean ? "image_std" : "image_mean", error);
    input->rule_known |= (mean && std) || is_off(json, "do_normalize");
    if (is_off(json, "do_normalize"))
        for (int i = 0; i < 3; i++)
            rule->mean[i] = 0, rule->std[i] = 1;
    const json_t *factor = json_object_get(json, "rescale_factor");
    if (is_off(json, "do_rescale")
        || (json_is_number(factor) && fabs(json_number_value(factor) * 255 - 1) > 1e-6))
        return fail(
            error, BAD_USAGE, "preprocessor: do_rescale other than by 1/255 is not supported");
    const int status = take_filter(rule, json, error);
    if (status < 0)
        return status;
    return type && fnmatch("ConvNext*", type, 0) == 0 ? take_convnext_sizes(input, json, error)
                                                      : take_sizes(input, json, error);
}

static void note_rule(struct model *model, const char *why)
{
    static const char *const fits[] = { "crop", "squash", "pad" };
    const struct view_rule *rule = &model->input.rule;
    char note[128];
    model_note(model, "input", why, "%ux%u", rule->width, rule->height);
    model_note(model, "fit", why, "%s, from %ux%u, %s", fits[rule->fit], rule->resize_width,
        rule->resize_height, resample_filter_name(rule->filter));
    if (!model->input.rule_known) {
        snprintf(note, sizeof note, "no configuration says: use preprocess --mean and --std");
        model_note(model, "mean", note, "unknown");
        model_note(model, "std", note, "unknown");
        return;
    }
    model_note(model, "mean", why, "%g,%g,%g", (double)rule->mean[0], (double)rule->mean[1],
        (double)rule->mean[2]);
    model_note(model, "std", why, "%g,%g,%g", (double)rule->std[0], (double)rule->std[1],
        (double)rule->std[2]);
}

int model_infer_rule(struct model *model, const struct rule_habit *habit, const char *why,
    uint32_t width, uint32_t height, struct error *error)
{
    struct input_model *input = &model->input;
    const json_t *cfg = json_object_get(model->config, "pretrained_cfg");
    int status = 0;
    input->name = model->name;
    take_habit(input, habit);
    if (habit->source == RULE_TIMM && model->config) {
        status = take_timm(input, cfg ? cfg : model->config, error);
        why = model->config_source;
    }
    set_size(input, width, height);
    if (status == 0 && habit->source == RULE_PREPROCESSOR && model->preprocessor) {
        status = take_preprocessor(input, model->preprocessor, error);
        why = model->preprocessor_source;
    }
    if (status == 0)
        status = view_rule_check(&input->rule, error);
    if (status == 0)
        note_rule(model, why);
    return status;
}
