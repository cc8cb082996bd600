/* What a trained ViT is saved as: timm's VisionTransformer, and what must be fitted to it. */
#include "common/trainer.h"
#include "common/vit.h"

#include <math.h>

static const char *activation_name(enum activation activation)
{
    return activation == GELU_TANH    ? "gelu_tanh"
           : activation == GELU_QUICK ? "quick_gelu"
           : activation == RELU       ? "relu"
                                      : NULL;
}

/* timm's architecture whose habits (eps, gates, tokens) are the model's; the rest is said by
 * model_args. */
static const char *architecture_of(const struct vit *vit)
{
    const struct vit_config *c = &vit->config;
    return c->distilled                   ? "deit_base_distilled_patch16_224"
           : c->gated                     ? "vit_giant_patch14_dinov2"
           : vit->global[PRE_NORM_WEIGHT] ? "vit_base_patch16_clip_224"
                                          : "vit_base_patch16_224";
}

/* timm takes the whole part of dim * ratio. */
static double mlp_ratio(const struct vit_config *c)
{
    const size_t wide = c->hidden * (c->gated ? 2 : 1);
    double ratio = (double)wide / (double)c->dim;
    while ((size_t)((double)c->dim * ratio) < wide)
        ratio = nextafter(ratio, INFINITY);
    return ratio;
}

static bool has(const struct vit *vit, int slot)
{
    return slot < GLOBAL_SLOTS ? vit->global[slot] != NULL
                               : vit->blocks[0][slot - GLOBAL_SLOTS] != NULL;
}

json_t *vit_saved_config(const struct vit *vit, uint32_t width, uint32_t height)
{
    const struct vit_config *c = &vit->config;
    const char *pool = c->readout == READ_MEAN ? "avg" : "token";
    const double ratio = mlp_ratio(c);
    json_t *arguments = json_pack("{s:[i,i], s:[i,i], s:i, s:i, s:i, s:f, s:s, s:b, s:b, s:i, "
                                  "s:b, s:b}",
        "img_size", (int)height, (int)width, "patch_size", (int)c->patch_rows,
        (int)c->patch_columns, "embed_dim", (int)c->dim, "depth", (int)c->layers, "num_heads",
        (int)c->heads, "mlp_ratio", ratio, "global_pool", pool, "qkv_bias", has(vit, QKV_BIAS),
        "no_embed_class", c->pos_prefix == 0 && c->prefix > 0, "reg_tokens", (int)c->registers,
        /* timm's final_norm is that of fc_norm too. */
        "fc_norm", has(vit, FC_NORM_WEIGHT), "final_norm",
        c->final_norm || has(vit, FC_NORM_WEIGHT));
    const char *activation = activation_name(c->activation);
    if (activation)
        json_object_set_new(arguments, "act_layer", json_string(activation));
    json_object_set_new(
        arguments, "init_values", has(vit, SCALE1) ? json_real(1) : json_null());
    if (has(vit, Q_NORM_WEIGHT))
        json_object_set_new(arguments, "qk_norm", json_true());
    if (!c->class_token)
        json_object_set_new(arguments, "class_token", json_false());
    return json_pack("{s:s, s:i, s:i, s:s, s:o, s:{s:b}}", "architecture", architecture_of(vit),
        "num_classes", (int)vit->model.classes, "num_features", (int)c->dim, "global_pool",
        pool, "model_args", arguments, "pretrained_cfg", "fixed_input_size", 1);
}

const char *vit_fit_saved(struct vit *vit, bool *new_head)
{
    struct vit_config *c = &vit->config;
    const char *note = NULL;
    const float eps = has(vit, PRE_NORM_WEIGHT) ? 1e-5f : 1e-6f;
    if (c->eps < eps || c->eps > eps)
        note = "its norms' eps is now that of timm's models";
    c->eps = eps;
    if (c->readout == READ_NONE || c->readout == READ_CLASS_AND_MEAN) {
        if (c->readout == READ_CLASS_AND_MEAN)
            note = "its head now reads the class token alone";
        *new_head = true;
        c->readout = c->mean || !c->class_token ? READ_MEAN : READ_CLASS;
    }
    if (*new_head) {
        vit->global[PRE_LOGITS_WEIGHT] = vit->global[PRE_LOGITS_BIAS] = NULL;
        c->features = c->dim;
    }
    if (!c->final_norm)
        vit->global[NORM_WEIGHT] = vit->global[NORM_BIAS] = NULL;
    /* Without a head of its own it is what timm calls a register. */
    if (c->distilled && c->readout != READ_CLASS_DIST && c->registers == 0) {
        vit->global[REGISTERS] = vit->global[DISTILLATION_TOKEN];
        vit->global[DISTILLATION_TOKEN] = NULL;
        c->distilled = false;
        c->registers = 1;
    }
    return note;
}
