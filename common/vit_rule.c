/* How the model wants its pictures: from timm's pretrained_cfg, Hugging Face's preprocessor, or
 * what all published models of a family share. */
#include "common/vit.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const float imagenet_mean[3] = { 0.485f, 0.456f, 0.406f };
static const float imagenet_std[3] = { 0.229f, 0.224f, 0.225f };
static const float clip_mean[3] = { 0.48145466f, 0.4578275f, 0.40821073f };
static const float clip_std[3] = { 0.26862954f, 0.26130258f, 0.27577711f };
static const float half[3] = { 0.5f, 0.5f, 0.5f };

/* What a family's published models share where no configuration says otherwise. */
struct habit {
    const char *family;
    enum view_fit fit;
    enum view_flavour flavour;
    enum resample_filter filter;
    double crop;
    const float *mean, *std; /* NULL: it differs from model to model */
};

static const struct habit habits[] = {
    { "timm", FIT_CROP, VIEW_TIMM, FILTER_BICUBIC, 0.9, NULL, NULL },
    { "dino", FIT_CROP, VIEW_TIMM, FILTER_BICUBIC, 0.875, imagenet_mean, imagenet_std },
    { "dinov2", FIT_CROP, VIEW_TIMM, FILTER_BICUBIC, 1.0, imagenet_mean, imagenet_std },
    { "torchvision", FIT_CROP, VIEW_TORCHVISION, FILTER_BILINEAR, 0.875, imagenet_mean,
        imagenet_std },
    { "hf-vit", FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BILINEAR, 1.0, NULL, NULL },
    { "hf-vit-mae", FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BILINEAR, 1.0, imagenet_mean,
        imagenet_std },
    { "hf-deit", FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BICUBIC, 0.875, imagenet_mean,
        imagenet_std },
    { "hf-dinov2*", FIT_CROP, VIEW_HUGGINGFACE, FILTER_BICUBIC, 0.875, imagenet_mean,
        imagenet_std },
    { "hf-clip", FIT_CROP, VIEW_HUGGINGFACE, FILTER_BICUBIC, 1.0, clip_mean, clip_std },
    { "hf-siglip", FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BICUBIC, 1.0, half, half },
};

/* What a preprocessor_config.json leaves out (transformers 5.23, the classes' defaults). */
static const struct habit processors[] = {
    { "ViT*", FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BILINEAR, 0, half, half },
    { "DeiT*", FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BICUBIC, 0.875, half, half },
    { "Bit*", FIT_CROP, VIEW_HUGGINGFACE, FILTER_BICUBIC, 1.0, clip_mean, clip_std },
    { "CLIP*", FIT_CROP, VIEW_HUGGINGFACE, FILTER_BICUBIC, 1.0, clip_mean, clip_std },
    { "Siglip*", FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BICUBIC, 0, half, half },
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

static void take_habit(struct vit_config *config, const struct habit *habit)
{
    struct view_rule *rule = &config->rule;
    rule->fit = habit->fit;
    rule->flavour = habit->flavour;
    rule->filter = habit->filter;
    config->crop = habit->crop > 0 ? habit->crop : 1.0;
    config->rule_known = habit->mean;
    memcpy(rule->mean, habit->mean ? habit->mean : half, sizeof rule->mean);
    memcpy(rule->std, habit->std ? habit->std : half, sizeof rule->std);
}

static void set_size(struct vit_config *config, uint32_t width, uint32_t height)
{
    config->rule.width = width;
    config->rule.height = height;
    /* timm takes the floor; the others state both sizes, and crop is their ratio. */
    const bool timm = config->rule.flavour == VIEW_TIMM;
    const double w = width / config->crop, h = height / config->crop;
    config->rule.resize_width = (uint32_t)(timm ? floor(w) : rint(w));
    config->rule.resize_height = (uint32_t)(timm ? floor(h) : rint(h));
}

/* timm's pretrained_cfg, or the top of an older config.json. */
static int take_timm(struct vit_config *config, const json_t *cfg, struct error *error)
{
    struct view_rule *rule = &config->rule;
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
        config->crop = crop;
    config->rule_known = get_three(json_object_get(cfg, "mean"), rule->mean)
                         && get_three(json_object_get(cfg, "std"), rule->std);
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
static int take_sizes(struct vit_config *config, const json_t *json, struct error *error)
{
    struct view_rule *rule = &config->rule;
    const json_t *size = json_object_get(json, "size"),
                 *crop = json_object_get(json, "crop_size");
    const json_t *edge = json_object_get(size, "shortest_edge");
    uint32_t width = rule->width, height = rule->height, side;
    const bool stated = json_is_true(json_object_get(json, "do_center_crop"));
    const bool crops =
        !is_off(json, "do_center_crop")
        && (stated || is_said(json, "crop_size") || rule->fit == FIT_CROP || config->crop < 1);
    if (get_side(edge ? edge : size, &side)) {
        width = height = side;
        rule->fit = edge ? FIT_CROP : rule->fit;
    } else if (get_frame(size, &width, &height)) {
        rule->fit = FIT_SQUASH;
    } else if (is_said(json, "size")) {
        return not_understood("size", error);
    } else if (crops) {
        width = (uint32_t)lround(rule->width / config->crop);
        height = (uint32_t)lround(rule->height / config->crop);
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
        rule->width = (uint32_t)lround(width * config->crop);
        rule->height = (uint32_t)lround(height * config->crop);
    }
    if (!crops && rule->fit == FIT_CROP)
        rule->fit = FIT_SQUASH; /* the shape would depend on the picture */
    config->crop = (double)rule->width / rule->resize_width;
    return 0;
}

static int take_preprocessor(struct vit_config *config, const json_t *json, struct error *error)
{
    struct view_rule *rule = &config->rule;
    const char *type = json_string_value(json_object_get(json, "image_processor_type"));
    if (!type)
        type = json_string_value(json_object_get(json, "feature_extractor_type"));
    for (size_t i = 0; type && i < sizeof processors / sizeof *processors; i++)
        if (fnmatch(processors[i].family, type, 0) == 0)
            take_habit(config, &processors[i]);
    const bool mean = get_three(json_object_get(json, "image_mean"), rule->mean);
    const bool std = get_three(json_object_get(json, "image_std"), rule->std);
    if ((!mean && is_said(json, "image_mean")) || (!std && is_said(json, "image_std")))
        return not_understood(mean ? "image_std" : "image_mean", error);
    config->rule_known |= (mean && std) || is_off(json, "do_normalize");
    if (is_off(json, "do_normalize"))
        for (int i = 0; i < 3; i++)
            rule->mean[i] = 0, rule->std[i] = 1;
    const json_t *factor = json_object_get(json, "rescale_factor");
    if (is_off(json, "do_rescale")
        || (json_is_number(factor) && fabs(json_number_value(factor) * 255 - 1) > 1e-6))
        return fail(
            error, BAD_USAGE, "preprocessor: do_rescale other than by 1/255 is not supported");
    const int status = take_filter(rule, json, error);
    return status < 0 ? status : take_sizes(config, json, error);
}

static void note_rule(struct vit_config *config, const char *why)
{
    static const char *const fits[] = { "crop", "squash", "pad" };
    const struct view_rule *rule = &config->rule;
    char note[128];
    vit_note(config, "input", why, "%ux%u", rule->width, rule->height);
    vit_note(config, "fit", why, "%s, from %ux%u, %s", fits[rule->fit], rule->resize_width,
        rule->resize_height, resample_filter_name(rule->filter));
    if (!config->rule_known) {
        snprintf(note, sizeof note, "no configuration says: use preprocess --mean and --std");
        vit_note(config, "mean", note, "unknown");
        vit_note(config, "std", note, "unknown");
        return;
    }
    vit_note(config, "mean", why, "%g,%g,%g", (double)rule->mean[0], (double)rule->mean[1],
        (double)rule->mean[2]);
    vit_note(config, "std", why, "%g,%g,%g", (double)rule->std[0], (double)rule->std[1],
        (double)rule->std[2]);
}

int vit_infer_rule(struct vit *vit, struct error *error)
{
    struct vit_config *config = &vit->config;
    const struct model *model = &vit->model;
    const char *why = "default of the family";
    size_t h = 0;
    while (h + 1 < sizeof habits / sizeof *habits
           && fnmatch(habits[h].family, config->family, 0) != 0)
        h++;
    take_habit(config, &habits[h]);
    if (config->distilled && !config->rule_known) { /* DeiT */
        config->rule_known = true;
        memcpy(config->rule.mean, imagenet_mean, sizeof imagenet_mean);
        memcpy(config->rule.std, imagenet_std, sizeof imagenet_std);
        why = "a distillation token: DeiT";
    }
    if (config->pos_columns > VIEW_MAX_INPUT / config->patch_columns
        || config->pos_rows > VIEW_MAX_INPUT / config->patch_rows)
        return fail(error, BAD_USAGE,
            "%zux%zu positions: the input would be over %u pixels wide", config->pos_columns,
            config->pos_rows, VIEW_MAX_INPUT);
    const uint32_t width = (uint32_t)(config->pos_columns * config->patch_columns);
    const uint32_t height = (uint32_t)(config->pos_rows * config->patch_rows);
    const bool timm = strncmp(config->family, "hf-", 3) != 0;
    const json_t *cfg = json_object_get(model->config, "pretrained_cfg");
    int status = 0;
    if (strcmp(config->family, "torchvision") == 0) {
        if (width != 224) { /* the published weights for other sizes */
            config->crop = 1.0;
            config->rule.filter = FILTER_BICUBIC;
        } else if (config->dim == 1024 && config->patch_rows == 16) {
            config->crop = 224.0 / 242; /* ViT_L_16_Weights.IMAGENET1K_V1 */
        }
    }
    if (timm && model->config) {
        status = take_timm(config, cfg ? cfg : model->config, error);
        why = model->config_source;
    }
    set_size(config, width, height);
    if (status == 0 && !timm && model->preprocessor) {
        status = take_preprocessor(config, model->preprocessor, error);
        why = model->preprocessor_source;
    }
    if (status == 0)
        status = view_rule_check(&config->rule, error);
    if (status == 0)
        note_rule(config, why);
    return status;
}
