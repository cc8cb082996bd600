/*
 * The parameters of a ViT that learns: its tensors in timm's form (q, k and v in one, positions
 * for the very grid) in one arena.
 */
#include "common/random.h"
#include "common/vit_init.h"
#include "common/vit_learn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A tensor as it will be trained. */
struct form {
    int slot;
    const char *name; /* timm's; '#' for the block */
    size_t rank, shape[4];
    bool decays;
    double deviation; /* of new values: truncated normal; 0: zeros; -1: ones */
};

enum { ONES = -1 };

/* The tensors before and behind the blocks. */
static size_t global_forms(const struct vit_learner *own, struct form forms[GLOBAL_SLOTS])
{
    const struct vit *vit = &own->vit;
    const struct vit_config *c = &vit->config;
    const size_t d = c->dim, classes = vit->model.classes, e = c->features;
    const size_t positions = (own->folded ? 0 : c->pos_prefix) + own->rows * own->columns;
    const double patch = sqrt(1.0 / (double)(9 * c->patch_rows * c->patch_columns));
    const struct form all[] = {
        { CLASS_TOKEN, "cls_token", 3, { 1, 1, d }, false, 1e-6 },
        { DISTILLATION_TOKEN, "dist_token", 3, { 1, 1, d }, false, 0.02 },
        { REGISTERS, "reg_token", 3, { 1, c->registers, d }, false, 1e-6 },
        { POSITIONS, "pos_embed", 3, { 1, positions, d }, false, 0.02 },
        { PATCH_WEIGHT, "patch_embed.proj.weight", 4, { d, 3, c->patch_rows, c->patch_columns },
            true, patch },
        { PATCH_BIAS, "patch_embed.proj.bias", 1, { d }, false, 0 },
        { PRE_NORM_WEIGHT, "norm_pre.weight", 1, { d }, false, ONES },
        { PRE_NORM_BIAS, "norm_pre.bias", 1, { d }, false, 0 },
        { NORM_WEIGHT, "norm.weight", 1, { d }, false, ONES },
        { NORM_BIAS, "norm.bias", 1, { d }, false, 0 },
        { FC_NORM_WEIGHT, "fc_norm.weight", 1, { d }, false, ONES },
        { FC_NORM_BIAS, "fc_norm.bias", 1, { d }, false, 0 },
        { PRE_LOGITS_WEIGHT, "pre_logits.fc.weight", 2, { e, d }, true, 0.02 },
        { PRE_LOGITS_BIAS, "pre_logits.fc.bias", 1, { e }, false, 0 },
        { HEAD_WEIGHT, "head.weight", 2, { classes, e }, true, 0.02 },
        { HEAD_BIAS, "head.bias", 1, { classes }, false, 0 },
        { HEAD_DIST_WEIGHT, "head_dist.weight", 2, { classes, e }, true, 0.02 },
        { HEAD_DIST_BIAS, "head_dist.bias", 1, { classes }, false, 0 },
    };
    memcpy(forms, all, sizeof all);
    return sizeof all / sizeof *all;
}

static size_t block_forms(const struct vit *vit, struct form forms[BLOCK_SLOTS])
{
    const struct vit_config *c = &vit->config;
    const size_t d = c->dim, head = d / c->heads, wide = c->hidden * (c->gated ? 2 : 1);
    const struct form all[] = {
        { NORM1_WEIGHT, "blocks.#.norm1.weight", 1, { d }, false, ONES },
        { NORM1_BIAS, "blocks.#.norm1.bias", 1, { d }, false, 0 },
        { QKV_WEIGHT, "blocks.#.attn.qkv.weight", 2, { 3 * d, d }, true, 0.02 },
        { QKV_BIAS, "blocks.#.attn.qkv.bias", 1, { 3 * d }, false, 0 },
        { Q_NORM_WEIGHT, "blocks.#.attn.q_norm.weight", 1, { head }, false, ONES },
        { Q_NORM_BIAS, "blocks.#.attn.q_norm.bias", 1, { head }, false, 0 },
        { K_NORM_WEIGHT, "blocks.#.attn.k_norm.weight", 1, { head }, false, ONES },
        { K_NORM_BIAS, "blocks.#.attn.k_norm.bias", 1, { head }, false, 0 },
        { PROJ_WEIGHT, "blocks.#.attn.proj.weight", 2, { d, d }, true, 0.02 },
        { PROJ_BIAS, "blocks.#.attn.proj.bias", 1, { d }, false, 0 },
        { SCALE1, "blocks.#.ls1.gamma", 1, { d }, false, ONES },
        { NORM2_WEIGHT, "blocks.#.norm2.weight", 1, { d }, false, ONES },
        { NORM2_BIAS, "blocks.#.norm2.bias", 1, { d }, false, 0 },
        { FC1_WEIGHT, "blocks.#.mlp.fc1.weight", 2, { wide, d }, true, 0.02 },
        { FC1_BIAS, "blocks.#.mlp.fc1.bias", 1, { wide }, false, 0 },
        { FC2_WEIGHT, "blocks.#.mlp.fc2.weight", 2, { d, c->hidden }, true, 0.02 },
        { FC2_BIAS, "blocks.#.mlp.fc2.bias", 1, { d }, false, 0 },
        { SCALE2, "blocks.#.ls2.gamma", 1, { d }, false, ONES },
    };
    memcpy(forms, all, sizeof all);
    return sizeof all / sizeof *all;
}

static bool is_head(int slot)
{
    return slot >= HEAD_WEIGHT && slot <= HEAD_DIST_BIAS;
}

/* Whether a model built from scratch has it. */
static bool scratch_has(int slot)
{
    static const int lacks[] = { DISTILLATION_TOKEN, REGISTERS, PRE_NORM_WEIGHT, PRE_NORM_BIAS,
        FC_NORM_WEIGHT, FC_NORM_BIAS, PRE_LOGITS_WEIGHT, PRE_LOGITS_BIAS, HEAD_DIST_WEIGHT,
        HEAD_DIST_BIAS, Q_NORM_WEIGHT, Q_NORM_BIAS, K_NORM_WEIGHT, K_NORM_BIAS, SCALE1,
        SCALE2 };
    for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
        if (lacks[i] == slot)
            return false;
    return true;
}

static const float *base_of(const struct vit *vit, size_t layer, int slot)
{
    return slot < GLOBAL_SLOTS ? vit->global[slot] : vit->blocks[layer][slot - GLOBAL_SLOTS];
}

/* Parts of a base that stand for a tensor of ours: q, k and v for qkv; gate and value for fc1.
 */
static size_t parts_of(int slot, int parts[3])
{
    const int three[] = { Q_WEIGHT, K_WEIGHT, V_WEIGHT };
    parts[0] = slot;
    if (slot == QKV_WEIGHT || slot == QKV_BIAS)
        for (int i = 0; i < 3; i++)
            parts[i] = three[i] + (slot == QKV_BIAS);
    if (slot == FC1_WEIGHT || slot == FC1_BIAS) {
        parts[0] = GATE_WEIGHT + (slot == FC1_BIAS);
        parts[1] = slot;
    }
    return slot == QKV_WEIGHT || slot == QKV_BIAS ? 3 : 2;
}

static bool is_packed(int slot)
{
    return slot == QKV_WEIGHT || slot == QKV_BIAS || slot == FC1_WEIGHT || slot == FC1_BIAS;
}

/* Whether the base keeps it in parts. */
static bool is_apart(const struct vit *vit, size_t layer, int slot)
{
    int parts[3];
    const size_t count = is_packed(slot) ? parts_of(slot, parts) : 0;
    if (count == 0 || (count == 3 && base_of(vit, layer, slot)))
        return false;
    return count == 3 || base_of(vit, layer, GATE_WEIGHT);
}

static bool base_has(const struct vit *vit, size_t layer, int slot)
{
    int parts[3];
    bool has = base_of(vit, layer, slot) != NULL;
    if (is_apart(vit, layer, slot))
        for (size_t i = parts_of(slot, parts); i-- > 0;)
            has |= base_of(vit, layer, parts[i]) != NULL;
    return has;
}

/* The normal distribution cut off at two deviations. */
static double truncated_normal(struct random *random)
{
    for (;;) {
        const double value = random_normal(random);
        if (fabs(value) <= 2)
            return value;
    }
}

static void fill(float *to, const struct form *form, size_t count, uint64_t seed, size_t key)
{
    struct random random = random_of(seed, RANDOM_WEIGHTS, 0, (uint32_t)key);
    for (size_t i = 0; i < count; i++)
        to[i] = form->deviation > 0 ? (float)(form->deviation * truncated_normal(&random))
                                    : (form->deviation < 0 ? 1 : 0);
}

/* Positions for the grid that is trained, without those of prefix tokens that have none. */
static int copy_positions(const struct vit_learner *own, float *to, struct error *error)
{
    const struct vit_config *config = &own->vit.config;
    const size_t given = own->folded ? 0 : config->pos_prefix, dim = config->dim;
    const size_t patches = own->rows * own->columns;
    float *whole = calloc(config->prefix + patches, dim * sizeof *whole);
    if (!whole)
        return fail_memory(error, (config->prefix + patches) * dim * sizeof *whole);
    vit_positions(&own->vit, own->rows, own->columns, whole);
    memcpy(to, whole, given * dim * sizeof *to);
    memcpy(to + given * dim, whole + config->prefix * dim, patches * dim * sizeof *to);
    free(whole);
    return 0;
}

/* The base's values in our form. */
static int copy_base(const struct vit_learner *own, size_t layer, const struct form *form,
    size_t count, float *to, struct error *error)
{
    int parts[3];
    if (form->slot == POSITIONS)
        return copy_positions(own, to, error);
    if (!is_apart(&own->vit, layer, form->slot)) {
        memcpy(to, base_of(&own->vit, layer, form->slot), count * sizeof *to);
        for (size_t i = 0; own->folded && form->slot == CLASS_TOKEN && i < count; i++)
            to[i] += own->vit.global[POSITIONS][i];
        return 0;
    }
    const size_t each = count / parts_of(form->slot, parts);
    for (size_t i = 0; i * each < count; i++) {
        const float *from = base_of(&own->vit, layer, parts[i]);
        if (from)
            memcpy(to + i * each, from, each * sizeof *to);
        else
            memset(to + i * each, 0, each * sizeof *to);
    }
    return 0;
}

/* A tensor that will be trained: its form, and where its values come from. */
struct entry {
    struct form form;
    size_t layer; /* of a block's */
    bool fresh;
};

struct listing {
    struct trainer *trainer;
    struct vit_learner *own;
    struct entry *entries; /* as many as parameters */
    const bool *frozen;    /* [layers + 1]; the last: all but the head */
    bool scratch;
};

static int list_form(struct listing *listing, const struct form *form, size_t layer,
    size_t depth, struct error *error)
{
    const struct trainer *trainer = listing->trainer;
    const bool block = form->slot >= GLOBAL_SLOTS, head = is_head(form->slot);
    const size_t layers = listing->own->vit.config.layers;
    const bool fresh = listing->scratch || (head && trainer->new_head);
    struct param param = { .rank = form->rank, .depth = depth, .decays = form->decays };
    if (fresh ? listing->scratch && !scratch_has(form->slot)
              : !base_has(&listing->own->vit, layer, form->slot))
        return 0;
    if (fresh && !listing->scratch && form->slot >= HEAD_DIST_WEIGHT
        && listing->own->vit.config.readout != READ_CLASS_DIST)
        return 0;
    memcpy(param.shape, form->shape, sizeof param.shape);
    const char *number = strchr(form->name, '#');
    if (number)
        snprintf(param.name, sizeof param.name, "%.*s%zu%s", (int)(number - form->name),
            form->name, layer, number + 1);
    else
        snprintf(param.name, sizeof param.name, "%s", form->name);
    /* What is before the blocks is frozen with the first of them; norms behind with all. */
    param.trained = head || !listing->frozen[block ? layer : depth == 0 ? 0 : layers];
    struct params *params = &listing->trainer->params;
    listing->entries[params->count] = (struct entry){ *form, layer, fresh };
    return params_add(params, &param, error);
}

static int list_all(struct listing *listing, struct error *error)
{
    struct form forms[VIT_SLOTS];
    const struct vit_learner *own = listing->own;
    const size_t layers = own->vit.config.layers;
    size_t count = global_forms(own, forms);
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++) {
        /* As timm counts: the norm behind the blocks goes with the last of them. */
        const size_t depth = forms[i].slot <= PRE_NORM_BIAS ? 0
                             : is_head(forms[i].slot)       ? layers + 1
                                                            : layers;
        status = list_form(listing, &forms[i], 0, depth, error);
    }
    count = block_forms(&own->vit, forms);
    for (size_t l = 0; l < layers && status == 0; l++)
        for (size_t i = 0; i < count && status == 0; i++)
            status = list_form(listing, &forms[i], l, l + 1, error);
    return status < 0 ? status : params_allocate(&listing->trainer->params, error);
}

/* Of a model from scratch: what attends, and positions, which begin as more than noise. */
static void fill_attention(const struct listing *listing, uint64_t seed)
{
    const struct vit_config *config = &listing->own->vit.config;
    const struct vit_learner *own = listing->own;
    const struct params *params = &listing->trainer->params;
    float *qkv = NULL;
    for (size_t i = 0; i < params->count; i++) {
        const struct entry *entry = &listing->entries[i];
        float *to = params->values + params->items[i].at;
        struct random random = random_of(seed, RANDOM_WEIGHTS, 1, (uint32_t)entry->layer);
        if (entry->form.slot == QKV_WEIGHT)
            qkv = to;
        else if (entry->form.slot == PROJ_WEIGHT)
            vit_init_attention(qkv, to, config->dim, config->heads, &random);
        else if (entry->form.slot == POSITIONS)
            vit_init_positions(to + (own->folded ? 0 : config->pos_prefix) * config->dim,
                own->rows, own->columns, config->dim);
    }
}

/* Values into the arena, then the model's pointers onto it, all others gone. */
static int take_values(struct listing *listing, uint64_t seed, struct error *error)
{
    struct vit_learner *own = listing->own;
    struct vit *vit = &own->vit;
    struct params *params = &listing->trainer->params;
    int status = 0;
    for (size_t i = 0; i < params->count && status == 0; i++) {
        const struct entry *entry = &listing->entries[i];
        float *to = params->values + params->items[i].at;
        if (entry->fresh)
            fill(to, &entry->form, params->items[i].count, seed, i);
        else
            status =
                copy_base(own, entry->layer, &entry->form, params->items[i].count, to, error);
    }
    if (status < 0)
        return status;
    if (listing->scratch)
        fill_attention(listing, seed);
    memset(vit->global, 0, sizeof vit->global);
    memset(vit->blocks, 0, vit->config.layers * sizeof *vit->blocks);
    for (size_t i = 0; i < params->count; i++) {
        const struct param *param = &params->items[i];
        const struct entry *entry = &listing->entries[i];
        const int slot = entry->form.slot;
        float *value = params->values + param->at;
        float *gradient = param->trained ? params->gradients + param->at : NULL;
        if (slot < GLOBAL_SLOTS) {
            vit->global[slot] = value;
            own->gradients.global[slot] = gradient;
        } else {
            vit->blocks[entry->layer][slot - GLOBAL_SLOTS] = value;
            own->gradient_blocks[entry->layer][slot - GLOBAL_SLOTS] = gradient;
        }
    }
    vit->config.pos_prefix = own->folded ? 0 : vit->config.pos_prefix;
    vit->config.pos_rows = own->rows;
    vit->config.pos_columns = own->columns;
    return 0;
}

int vit_list_params(struct trainer *trainer, struct vit_learner *own, const bool *frozen,
    bool scratch, uint64_t seed, struct error *error)
{
    const size_t most = VIT_SLOTS + own->vit.config.layers * BLOCK_SLOTS;
    struct listing listing = { trainer, own, calloc(most, sizeof *listing.entries), frozen,
        scratch };
    if (!listing.entries)
        return fail_memory(error, most * sizeof *listing.entries);
    int status = list_all(&listing, error);
    if (status == 0)
        status = take_values(&listing, seed, error);
    free(listing.entries);
    return status;
}
