/*
 * Which tensor is which: the names of every family as data. A name loses its wrappers
 * ("module.", "vit.", ...), the number of its block becomes '#', and what is left is looked up.
 */
#include "common/vit.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct name_row {
    const char *name;
    int slot;
};

enum { PASS_OVER = -1, POOL_HEAD = -2 }; /* known parts that are not ours */

/* timm, and what took its names over: DeiT, DINO, DINOv2's hub, MAE's originals. */
static const struct name_row timm_names[] = {
    { "cls_token", CLASS_TOKEN },
    { "dist_token", DISTILLATION_TOKEN },
    { "reg_token", REGISTERS },
    { "register_tokens", REGISTERS },
    { "pos_embed", POSITIONS },
    { "patch_embed.proj.weight", PATCH_WEIGHT },
    { "patch_embed.proj.bias", PATCH_BIAS },
    { "norm_pre.weight", PRE_NORM_WEIGHT },
    { "norm_pre.bias", PRE_NORM_BIAS },
    { "norm.weight", NORM_WEIGHT },
    { "norm.bias", NORM_BIAS },
    { "fc_norm.weight", FC_NORM_WEIGHT },
    { "fc_norm.bias", FC_NORM_BIAS },
    { "pre_logits.fc.weight", PRE_LOGITS_WEIGHT },
    { "pre_logits.fc.bias", PRE_LOGITS_BIAS },
    { "head.weight", HEAD_WEIGHT },
    { "head.bias", HEAD_BIAS },
    { "head_dist.weight", HEAD_DIST_WEIGHT },
    { "head_dist.bias", HEAD_DIST_BIAS },
    { "blocks.#.norm1.weight", NORM1_WEIGHT },
    { "blocks.#.norm1.bias", NORM1_BIAS },
    { "blocks.#.attn.qkv.weight", QKV_WEIGHT },
    { "blocks.#.attn.qkv.bias", QKV_BIAS },
    { "blocks.#.attn.q_norm.weight", Q_NORM_WEIGHT },
    { "blocks.#.attn.q_norm.bias", Q_NORM_BIAS },
    { "blocks.#.attn.k_norm.weight", K_NORM_WEIGHT },
    { "blocks.#.attn.k_norm.bias", K_NORM_BIAS },
    { "blocks.#.attn.proj.weight", PROJ_WEIGHT },
    { "blocks.#.attn.proj.bias", PROJ_BIAS },
    { "blocks.#.ls1.gamma", SCALE1 },
    { "blocks.#.gamma_1", SCALE1 },
    { "blocks.#.norm2.weight", NORM2_WEIGHT },
    { "blocks.#.norm2.bias", NORM2_BIAS },
    { "blocks.#.mlp.fc1.weight", FC1_WEIGHT },
    { "blocks.#.mlp.fc1.bias", FC1_BIAS },
    { "blocks.#.mlp.w12.weight", FC1_WEIGHT },
    { "blocks.#.mlp.w12.bias", FC1_BIAS },
    { "blocks.#.mlp.fc1_x.weight", FC1_WEIGHT },
    { "blocks.#.mlp.fc1_x.bias", FC1_BIAS },
    { "blocks.#.mlp.fc1_g.weight", GATE_WEIGHT },
    { "blocks.#.mlp.fc1_g.bias", GATE_BIAS },
    { "blocks.#.mlp.fc2.weight", FC2_WEIGHT },
    { "blocks.#.mlp.fc2.bias", FC2_BIAS },
    { "blocks.#.mlp.w3.weight", FC2_WEIGHT },
    { "blocks.#.mlp.w3.bias", FC2_BIAS },
    { "blocks.#.ls2.gamma", SCALE2 },
    { "blocks.#.gamma_2", SCALE2 },
    { "mask_token", PASS_OVER },
    { "head.mlp.*", PASS_OVER },
    { "head.last_layer.*", PASS_OVER },
    { "dino_head.*", PASS_OVER },
    { "ibot_head.*", PASS_OVER },
    { "decoder_*", PASS_OVER },
    { "attn_pool.*", POOL_HEAD },
    { NULL, 0 },
};

/* Hugging Face ViT, DeiT, ViTMAE, Dinov2 with and without registers; old names and new. */
static const struct name_row hf_names[] = {
    { "embeddings.cls_token", CLASS_TOKEN },
    { "embeddings.distillation_token", DISTILLATION_TOKEN },
    { "embeddings.register_tokens", REGISTERS },
    { "embeddings.position_embeddings", POSITIONS },
    { "embeddings.patch_embeddings.projection.weight", PATCH_WEIGHT },
    { "embeddings.patch_embeddings.projection.bias", PATCH_BIAS },
    { "layernorm.weight", NORM_WEIGHT },
    { "layernorm.bias", NORM_BIAS },
    { "classifier.weight", HEAD_WEIGHT },
    { "classifier.bias", HEAD_BIAS },
    { "cls_classifier.weight", HEAD_WEIGHT },
    { "cls_classifier.bias", HEAD_BIAS },
    { "distillation_classifier.weight", HEAD_DIST_WEIGHT },
    { "distillation_classifier.bias", HEAD_DIST_BIAS },
    { "layers.#.layernorm_before.weight", NORM1_WEIGHT },
    { "layers.#.layernorm_before.bias", NORM1_BIAS },
    { "layers.#.norm1.weight", NORM1_WEIGHT },
    { "layers.#.norm1.bias", NORM1_BIAS },
    { "layers.#.attention.attention.query.weight", Q_WEIGHT },
    { "layers.#.attention.attention.query.bias", Q_BIAS },
    { "layers.#.attention.attention.key.weight", K_WEIGHT },
    { "layers.#.attention.attention.key.bias", K_BIAS },
    { "layers.#.attention.attention.value.weight", V_WEIGHT },
    { "layers.#.attention.attention.value.bias", V_BIAS },
    { "layers.#.attention.q_proj.weight", Q_WEIGHT },
    { "layers.#.attention.q_proj.bias", Q_BIAS },
    { "layers.#.attention.k_proj.weight", K_WEIGHT },
    { "layers.#.attention.k_proj.bias", K_BIAS },
    { "layers.#.attention.v_proj.weight", V_WEIGHT },
    { "layers.#.attention.v_proj.bias", V_BIAS },
    { "layers.#.attention.output.dense.weight", PROJ_WEIGHT },
    { "layers.#.attention.output.dense.bias", PROJ_BIAS },
    { "layers.#.attention.o_proj.weight", PROJ_WEIGHT },
    { "layers.#.attention.o_proj.bias", PROJ_BIAS },
    { "layers.#.layer_scale1.lambda1", SCALE1 },
    { "layers.#.layernorm_after.weight", NORM2_WEIGHT },
    { "layers.#.layernorm_after.bias", NORM2_BIAS },
    { "layers.#.norm2.weight", NORM2_WEIGHT },
    { "layers.#.norm2.bias", NORM2_BIAS },
    { "layers.#.intermediate.dense.weight", FC1_WEIGHT },
    { "layers.#.intermediate.dense.bias", FC1_BIAS },
    { "layers.#.mlp.fc1.weight", FC1_WEIGHT },
    { "layers.#.mlp.fc1.bias", FC1_BIAS },
    { "layers.#.mlp.weights_in.weight", FC1_WEIGHT },
    { "layers.#.mlp.weights_in.bias", FC1_BIAS },
    { "layers.#.mlp.gate_proj.weight", GATE_WEIGHT },
    { "layers.#.mlp.gate_proj.bias", GATE_BIAS },
    { "layers.#.mlp.up_proj.weight", FC1_WEIGHT },
    { "layers.#.mlp.up_proj.bias", FC1_BIAS },
    { "layers.#.output.dense.weight", FC2_WEIGHT },
    { "layers.#.output.dense.bias", FC2_BIAS },
    { "layers.#.mlp.fc2.weight", FC2_WEIGHT },
    { "layers.#.mlp.fc2.bias", FC2_BIAS },
    { "layers.#.mlp.weights_out.weight", FC2_WEIGHT },
    { "layers.#.mlp.weights_out.bias", FC2_BIAS },
    { "layers.#.mlp.down_proj.weight", FC2_WEIGHT },
    { "layers.#.mlp.down_proj.bias", FC2_BIAS },
    { "layers.#.layer_scale2.lambda1", SCALE2 },
    { "embeddings.mask_token", PASS_OVER },
    { "pooler.*", PASS_OVER },
    { "decoder.*", PASS_OVER },
    { NULL, 0 },
};

/* The vision towers of CLIP and SigLIP. */
static const struct name_row clip_names[] = {
    { "embeddings.class_embedding", CLASS_TOKEN },
    { "embeddings.position_embedding.weight", POSITIONS },
    { "embeddings.patch_embedding.weight", PATCH_WEIGHT },
    { "embeddings.patch_embedding.bias", PATCH_BIAS },
    { "pre_layrnorm.weight", PRE_NORM_WEIGHT },
    { "pre_layrnorm.bias", PRE_NORM_BIAS },
    { "post_layernorm.weight", NORM_WEIGHT },
    { "post_layernorm.bias", NORM_BIAS },
    { "visual_projection.weight", HEAD_WEIGHT },
    { "classifier.weight", HEAD_WEIGHT },
    { "classifier.bias", HEAD_BIAS },
    { "layers.#.layer_norm1.weight", NORM1_WEIGHT },
    { "layers.#.layer_norm1.bias", NORM1_BIAS },
    { "layers.#.self_attn.q_proj.weight", Q_WEIGHT },
    { "layers.#.self_attn.q_proj.bias", Q_BIAS },
    { "layers.#.self_attn.k_proj.weight", K_WEIGHT },
    { "layers.#.self_attn.k_proj.bias", K_BIAS },
    { "layers.#.self_attn.v_proj.weight", V_WEIGHT },
    { "layers.#.self_attn.v_proj.bias", V_BIAS },
    { "layers.#.self_attn.out_proj.weight", PROJ_WEIGHT },
    { "layers.#.self_attn.out_proj.bias", PROJ_BIAS },
    { "layers.#.layer_norm2.weight", NORM2_WEIGHT },
    { "layers.#.layer_norm2.bias", NORM2_BIAS },
    { "layers.#.mlp.fc1.weight", FC1_WEIGHT },
    { "layers.#.mlp.fc1.bias", FC1_BIAS },
    { "layers.#.mlp.fc2.weight", FC2_WEIGHT },
    { "layers.#.mlp.fc2.bias", FC2_BIAS },
    { "embeddings.position_ids", PASS_OVER },
    { "text_model.*", PASS_OVER },
    { "text_projection.*", PASS_OVER },
    { "logit_scale", PASS_OVER },
    { "logit_bias", PASS_OVER },
    { "head.*", POOL_HEAD },
    { NULL, 0 },
};

static const struct name_row torchvision_names[] = {
    { "class_token", CLASS_TOKEN },
    { "encoder.pos_embedding", POSITIONS },
    { "conv_proj.weight", PATCH_WEIGHT },
    { "conv_proj.bias", PATCH_BIAS },
    { "encoder.ln.weight", NORM_WEIGHT },
    { "encoder.ln.bias", NORM_BIAS },
    { "heads.pre_logits.weight", PRE_LOGITS_WEIGHT },
    { "heads.pre_logits.bias", PRE_LOGITS_BIAS },
    { "heads.head.weight", HEAD_WEIGHT },
    { "heads.head.bias", HEAD_BIAS },
    { "layers.#.ln_1.weight", NORM1_WEIGHT },
    { "layers.#.ln_1.bias", NORM1_BIAS },
    { "layers.#.self_attention.in_proj_weight", QKV_WEIGHT },
    { "layers.#.self_attention.in_proj_bias", QKV_BIAS },
    { "layers.#.self_attention.out_proj.weight", PROJ_WEIGHT },
    { "layers.#.self_attention.out_proj.bias", PROJ_BIAS },
    { "layers.#.ln_2.weight", NORM2_WEIGHT },
    { "layers.#.ln_2.bias", NORM2_BIAS },
    { "layers.#.mlp.0.weight", FC1_WEIGHT },
    { "layers.#.mlp.0.bias", FC1_BIAS },
    { "layers.#.mlp.linear_1.weight", FC1_WEIGHT },
    { "layers.#.mlp.linear_1.bias", FC1_BIAS },
    { "layers.#.mlp.3.weight", FC2_WEIGHT },
    { "layers.#.mlp.3.bias", FC2_BIAS },
    { "layers.#.mlp.linear_2.weight", FC2_WEIGHT },
    { "layers.#.mlp.linear_2.bias", FC2_BIAS },
    { NULL, 0 },
};

/* A family is told by the name of its patch embedding. */
static const struct naming {
    const char *family, *marker;
    const struct name_row *rows;
} namings[] = {
    { "timm", "patch_embed.proj.weight", timm_names },
    { "hf", "embeddings.patch_embeddings.projection.weight", hf_names },
    { "clip", "embeddings.patch_embedding.weight", clip_names },
    { "torchvision", "conv_proj.weight", torchvision_names },
};

static const char *const wrappers[] = { "module.", "backbone.", "model.", "vit.", "deit.",
    "dinov2.", "dinov2_with_registers.", "vision_model.", "encoder.layer.", "encoder.layers.",
    "encoder_layer_" };

static const char *skip(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0 ? text + strlen(start) : NULL;
}

/*
 * The canonical name: wrappers gone, "encoder.layer.", "encoder.layers." and torchvision's
 * "encoder.layers.encoder_layer_" become "layers.", the number behind becomes '#'. *layer: that
 * number, or -1. DINOv2's chunked blocks.C.N lose the chunk. False: too long.
 */
static bool canonical_name(const char *name, char *to, size_t room, long *layer)
{
    bool in_layers = false;
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers;) {
        const char *rest = skip(name, wrappers[i]);
        /* "module." and its like may be nested in any order: begin anew after each. */
        in_layers |= rest && i >= 8;
        name = rest ? rest : name;
        i = rest ? 0 : i + 1;
    }
    const char *rest = in_layers ? name : skip(name, "layers.");
    const char *stem = rest ? "layers." : "";
    if (!rest && (rest = skip(name, "blocks.")))
        stem = "blocks.";
    *layer = -1;
    if (rest && isdigit((unsigned char)*rest)) {
        char *end;
        *layer = strtol(rest, &end, 10);
        if (*end == '.' && isdigit((unsigned char)end[1]))
            *layer = strtol(end + 1, &end, 10);
        return (size_t)snprintf(to, room, "%s#%s", stem, end) < room;
    }
    /* A '#' of the file's own must not pass for the number of a block. */
    return (size_t)snprintf(to, room, "%s%s", strchr(name, '#') ? "?" : "", name) < room;
}

static const struct naming *choose_naming(const struct tensors *tensors, const char *state)
{
    char name[256];
    long layer;
    for (size_t n = 0; n < sizeof namings / sizeof *namings; n++)
        for (size_t i = 0; i < tensors->count; i++) {
            const char *rest = model_of_state(tensors->items[i].name, state);
            if (rest && canonical_name(rest, name, sizeof name, &layer)
                && strcmp(name, namings[n].marker) == 0)
                return &namings[n];
        }
    return NULL;
}

bool vit_is_one(const struct tensors *tensors, const char *state)
{
    return choose_naming(tensors, state) != NULL;
}

/* What kind of model it is where it isn't a ViT that we know: to say so. 0: no idea. */
static int other_kind(const struct tensors *tensors, struct error *error)
{
    static const char *const others[][2] = {
        { "blocks.*relative_position_bias_table", "relative positions (BEiT), not supported" },
        { "*.layer.*relative_position_bias_table", "relative positions (BEiT), not supported" },
        { "*relative_position_bias_table", "a Swin or another windowed model: it has no single "
                                           "attention over all tokens" },
        { "*patch_embed.backbone*", "a hybrid with a convolutional stem" },
        { "*transformer.resblocks.*",
            "CLIP in its authors' names, not supported: take it as transformers writes it" },
        { "*conv1.weight", "a convolutional network: use resnetfwd" },
        { "*embedder.embedder.convolution.weight", "a convolutional network: use resnetfwd" },
        { "*rope*", "a model with rotary positions, which are not supported" },
    };
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        for (size_t i = 0; i < tensors->count; i++)
            if (fnmatch(others[k][0], tensors->items[i].name, 0) == 0)
                return fail(error, BAD_USAGE, "not a ViT: %.200s says %s",
                    tensors->items[i].name, others[k][1]);
    return 0;
}

static int not_a_vit(const struct tensors *tensors, struct error *error)
{
    const int status = other_kind(tensors, error);
    return status < 0 ? status
                      : fail(error, BAD_USAGE,
                          "not a ViT: none of its %zu tensors is a patch embedding (the first "
                          "is %.200s)",
                          tensors->count, tensors->count ? tensors->items[0].name : "none");
}

static int place(struct vit_found *found, const struct name_row *row, long layer,
    const struct tensor *tensor, struct error *error)
{
    if (row->slot == POOL_HEAD)
        found->attention_pool = true;
    if (row->slot < 0)
        return 0;
    if (layer >= MAX_LAYERS)
        return fail(error, BAD_USAGE, "%.200s: more than %d layers", tensor->name, MAX_LAYERS);
    const struct tensor **to = row->slot < GLOBAL_SLOTS
                                   ? &found->global[row->slot]
                                   : &found->blocks[layer][row->slot - GLOBAL_SLOTS];
    if (*to)
        return fail(error, BAD_USAGE,
            "two tensors for one place: %.200s and %.200s: say which state dict by --state",
            (*to)->name, tensor->name);
    *to = tensor;
    found->hub_registers |= strcmp(row->name, "register_tokens") == 0;
    if (layer >= (long)found->layers)
        found->layers = (size_t)layer + 1;
    return 0;
}

static int place_tensor(struct vit_found *found, const struct naming *naming,
    const struct tensors *tensors, const struct tensor *tensor, struct error *error)
{
    char name[256];
    long layer;
    const char *rest = model_of_state(tensor->name, found->state);
    if (!rest)
        return 0;
    if (!canonical_name(rest, name, sizeof name, &layer))
        return fail(error, BAD_USAGE, "%.200s: name is too long", tensor->name);
    for (const struct name_row *row = naming->rows; row->name; row++)
        if (row->slot < 0 ? fnmatch(row->name, name, 0) == 0 : strcmp(row->name, name) == 0)
            return place(found, row, layer, tensor, error);
    const int status = other_kind(tensors, error);
    return status < 0 ? status
                      : fail(error, BAD_USAGE,
                          "%.200s: a tensor that no ViT of the family %s has: such a model "
                          "can't be computed rightly",
                          tensor->name, naming->family);
}

int vit_find(const struct tensors *tensors, const char *state, struct vit_found **result,
    struct error *error)
{
    struct vit_found *found = calloc(1, sizeof *found);
    *result = found;
    if (!found || !(found->blocks = calloc(MAX_LAYERS, sizeof *found->blocks)))
        return fail_memory(error, MAX_LAYERS * sizeof *found->blocks);
    int status = model_choose_state(tensors, state, found->state, error);
    if (status < 0)
        return status;
    const struct naming *naming = choose_naming(tensors, found->state);
    if (!naming)
        return not_a_vit(tensors, error);
    found->family = naming->family;
    for (size_t i = 0; i < tensors->count && status == 0; i++)
        status = place_tensor(found, naming, tensors, &tensors->items[i], error);
    return status;
}

void vit_found_free(struct vit_found *found)
{
    if (found)
        free(found->blocks);
    free(found);
}
