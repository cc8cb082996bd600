/* How a ViT wants its pictures where no configuration says it. */
#include "common/vit.h"

#include <fnmatch.h>
#include <string.h>

static const struct {
    const char *family;
    struct rule_habit habit;
} habits[] = {
    { "timm", { RULE_TIMM, FIT_CROP, VIEW_TIMM, FILTER_BICUBIC, 0.9, NULL, NULL } },
    { "dino", { RULE_TIMM, FIT_CROP, VIEW_TIMM, FILTER_BICUBIC, 0.875, imagenet_mean,
                  imagenet_std } },
    { "dinov2",
        { RULE_TIMM, FIT_CROP, VIEW_TIMM, FILTER_BICUBIC, 1.0, imagenet_mean, imagenet_std } },
    { "torchvision", { RULE_TIMM, FIT_CROP, VIEW_TORCHVISION, FILTER_BILINEAR, 0.875,
                         imagenet_mean, imagenet_std } },
    { "hf-vit",
        { RULE_PREPROCESSOR, FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BILINEAR, 1.0, NULL, NULL } },
    { "hf-vit-mae", { RULE_PREPROCESSOR, FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BILINEAR, 1.0,
                        imagenet_mean, imagenet_std } },
    { "hf-deit", { RULE_PREPROCESSOR, FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BICUBIC, 0.875,
                     imagenet_mean, imagenet_std } },
    { "hf-dinov2*", { RULE_PREPROCESSOR, FIT_CROP, VIEW_HUGGINGFACE, FILTER_BICUBIC, 0.875,
                        imagenet_mean, imagenet_std } },
    { "hf-clip", { RULE_PREPROCESSOR, FIT_CROP, VIEW_HUGGINGFACE, FILTER_BICUBIC, 1.0,
                     clip_mean, clip_std } },
    { "hf-siglip", { RULE_PREPROCESSOR, FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BICUBIC, 1.0,
                       half_of_range, half_of_range } },
};

int vit_infer_rule(struct vit *vit, struct error *error)
{
    const struct vit_config *config = &vit->config;
    const char *why = "default of the family";
    size_t h = 0;
    while (h + 1 < sizeof habits / sizeof *habits
           && fnmatch(habits[h].family, config->family, 0) != 0)
        h++;
    struct rule_habit habit = habits[h].habit;
    if (config->distilled && !habit.mean) { /* DeiT */
        habit.mean = imagenet_mean;
        habit.std = imagenet_std;
        why = "a distillation token: DeiT";
    }
    if (config->pos_columns > VIEW_MAX_INPUT / config->patch_columns
        || config->pos_rows > VIEW_MAX_INPUT / config->patch_rows)
        return fail(error, BAD_USAGE,
            "%zux%zu positions: the input would be over %u pixels wide", config->pos_columns,
            config->pos_rows, VIEW_MAX_INPUT);
    const uint32_t width = (uint32_t)(config->pos_columns * config->patch_columns);
    const uint32_t height = (uint32_t)(config->pos_rows * config->patch_rows);
    if (strcmp(config->family, "torchvision") == 0) {
        if (width != 224) { /* the published weights for other sizes */
            habit.crop = 1.0;
            habit.filter = FILTER_BICUBIC;
        } else if (config->dim == 1024 && config->patch_rows == 16) {
            habit.crop = 224.0 / 242; /* ViT_L_16_Weights.IMAGENET1K_V1 */
        }
    }
    return model_infer_rule(&vit->model, &habit, why, width, height, error);
}
