/* What only names and configurations tell of a ResNet: which of timm's it is, and how it wants
 * its pictures. */
#include "common/resnet_infer.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

/* timm's networks of the same tensors that compute something else, and those that have others.
 */
static const char *const others[][2] = {
    { "*resnetaa[0-9]*", "averages against aliasing before its strides" },
    { "*resnextaa[0-9]*", "averages against aliasing before its strides" },
    { "*resnetblur[0-9]*", "blurs against aliasing before its strides" },
    { "*_gn", "normalises in groups" },
    { "resnetrs*", "has attention and another stem" },
    { "resnetv2*", "is pre-activated" },
};

/* What a plain one is called, with those names of before that timm still takes. */
static const char *const plain[] = { "resnet[0-9]*", "wide_resnet[0-9]*", "resnext[0-9]*",
    "test_resnet*", "tv_resne[tx]*", "ig_resnext*", "ssl_resne[tx]*", "swsl_resne[tx]*",
    "gluon_resne[tx]*" };

/* model_args that shapes show, or that only training looks at. */
static const char *const harmless[] = { "block", "layers", "num_classes", "in_chans",
    "cardinality", "base_width", "stem_width", "stem_type", "block_reduce_first",
    "down_kernel_size", "avg_down", "channels", "drop_rate", "drop_path_rate",
    "drop_block_rate", "zero_init_last", "img_size" };

static const struct {
    const char *key, *taken[4]; /* the words that say what we compute */
} decisive[] = {
    { "act_layer", { "relu", NULL } },
    { "norm_layer", { "batchnorm", "batchnorm2d", "frozenbatchnorm2d", NULL } },
    { "global_pool", { "avg", "fast", "fastavg", "" } },
};

/* Whether a value says nothing, or that something isn't wanted. */
static bool is_nothing(const json_t *value)
{
    return !value || json_is_null(value) || json_is_false(value)
           || (json_is_object(value) && json_object_size(value) == 0);
}

static bool is_taken(const char *key, const json_t *value)
{
    const char *word = json_string_value(value);
    for (size_t i = 0; i < sizeof decisive / sizeof *decisive; i++)
        for (size_t w = 0; word && w < 4 && decisive[i].taken[w]; w++)
            if (strcmp(key, decisive[i].key) == 0 && strcmp(word, decisive[i].taken[w]) == 0)
                return true;
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strcmp(key, harmless[i]) == 0)
            return true;
    return is_nothing(value)
           || (strcmp(key, "output_stride") == 0 && json_integer_value(value) == 32);
}

static int check_architecture(
    const char *name, const char *source, bool known, struct error *error)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (fnmatch(others[i][0], name, 0) == 0)
            return fail(error, BAD_USAGE, "%s says %.100s: it %s, which is not supported",
                source, name, others[i][1]);
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        known |= fnmatch(plain[i], name, 0) == 0;
    return known ? 0
                 : fail(error, BAD_USAGE,
                     "%s says architecture %.100s: not one of timm's ResNets that we know",
                     source, name);
}

int resnet_check_timm(struct resnet *resnet, struct error *error)
{
    const struct model *model = &resnet->model;
    const char *name = json_string_value(json_object_get(model->config, "architecture"));
    const char *pool = json_string_value(json_object_get(model->config, "global_pool"));
    const json_t *arguments = json_object_get(model->config, "model_args");
    if (strcmp(resnet->family, "timm") != 0 && strcmp(resnet->family, "torchvision") != 0)
        return 0;
    int status = name ? check_architecture(name, model->config_source, false, error)
                      : check_architecture(model->name, "the file's name", true, error);
    if (status < 0)
        return status;
    if (pool && !is_taken("global_pool", json_object_get(model->config, "global_pool")))
        return fail(error, BAD_USAGE, "%s says global_pool %s: only avg is supported",
            model->config_source, pool);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)arguments, key, value)
        if (!is_taken(key, value)) {
            char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
            status = fail(error, BAD_USAGE, "%s says model_args.%.60s %.100s: not supported",
                model->config_source, key, text ? text : "?");
            free(text);
            return status;
        }
    return 0;
}

/* pytorch-cifar's (Kuang Liu). */
static const float kuang_mean[3] = { 0.4914f, 0.4822f, 0.4465f };
static const float kuang_std[3] = { 0.2023f, 0.1994f, 0.2010f };

static const struct {
    const char *family, *why;
    struct rule_habit habit;
    uint32_t side;
} habits[] = {
    { "timm", "default of the family",
        { RULE_TIMM, FIT_CROP, VIEW_TIMM, FILTER_BICUBIC, 0.875, NULL, NULL }, 224 },
    { "torchvision", "torchvision's IMAGENET1K_V1 weights, the names' own",
        { RULE_TIMM, FIT_CROP, VIEW_TORCHVISION, FILTER_BILINEAR, 0.875, imagenet_mean,
            imagenet_std },
        224 },
    { "torchvision-232", "the file's name: torchvision's weights of the new recipe",
        { RULE_TIMM, FIT_CROP, VIEW_TORCHVISION, FILTER_BILINEAR, 224.0 / 232, imagenet_mean,
            imagenet_std },
        224 },
    { "hf-resnet", "default of the family",
        { RULE_PREPROCESSOR, FIT_CROP, VIEW_HUGGINGFACE, FILTER_BICUBIC, 0.875, imagenet_mean,
            imagenet_std },
        224 },
    { "cifar-a", "as pytorch_resnet_cifar10 trains its option A",
        { RULE_TIMM, FIT_CROP, VIEW_TORCHVISION, FILTER_BILINEAR, 1, imagenet_mean,
            imagenet_std },
        32 },
    { "cifar-b", "as pytorch-cifar trains its four stages",
        { RULE_TIMM, FIT_CROP, VIEW_TORCHVISION, FILTER_BILINEAR, 1, kuang_mean, kuang_std },
        32 },
    { "cifar", "a CIFAR net of unknown training",
        { RULE_TIMM, FIT_CROP, VIEW_TORCHVISION, FILTER_BILINEAR, 1, NULL, NULL }, 32 },
};

/* torchvision's published files that were trained for a resize to 232 (models/resnet.py). */
static bool is_of_232(const char *name)
{
    static const char *const hashes[] = { "11ad3fa6", "cd907fc2", "f82ba261", "1a0047aa",
        "110c445d", "173b62eb", "9ba9bcbe", "d733dc28" };
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++) {
        const char *at = strstr(name, hashes[i]);
        if (at && at > name && at[-1] == '-' && at[8] == ':')
            return true;
    }
    return false;
}

static const char *habit_of(const struct resnet *resnet, const struct resnet_found *found)
{
    bool padded = false;
    for (size_t i = 0; i < resnet->block_count; i++)
        padded |= resnet->blocks[i].shortcut == SHORTCUT_PAD;
    if (strcmp(resnet->family, "torchvision") == 0 && is_of_232(resnet->model.name))
        return "torchvision-232";
    if (strcmp(resnet->family, "cifar") != 0)
        return resnet->family;
    return padded && resnet->stages == 3                      ? "cifar-a"
           : found && found->shortcuts && resnet->stages == 4 ? "cifar-b"
                                                              : "cifar";
}

/* [3, height, width] */
static void get_size(const json_t *size, uint32_t *width, uint32_t *height)
{
    const json_int_t h = json_integer_value(json_array_get(size, 1));
    const json_int_t w = json_integer_value(json_array_get(size, 2));
    if (h < 1 || w < 1 || h > VIEW_MAX_INPUT || w > VIEW_MAX_INPUT)
        return;
    *width = (uint32_t)w;
    *height = (uint32_t)h;
}

int resnet_infer_rule(
    struct resnet *resnet, const struct resnet_found *found, struct error *error)
{
    const char *name = habit_of(resnet, found);
    const json_t *config = resnet->model.config;
    const json_t *cfg = json_object_get(config, "pretrained_cfg");
    size_t h = 0;
    while (strcmp(habits[h].family, name) != 0)
        h++;
    uint32_t width = habits[h].side, height = width;
    get_size(json_object_get(cfg ? cfg : config, "input_size"), &width, &height);
    return model_infer_rule(
        &resnet->model, &habits[h].habit, habits[h].why, width, height, error);
}
