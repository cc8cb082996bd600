/*
 * The cases of tests/data/vit: a checkpoint of every family with what its library computed from
 * it (tests/oracle/vit.py), how they are opened and compared, and what goes wrong in them.
 */
#ifndef SACCADE_TESTS_FAMILIES_H
#define SACCADE_TESTS_FAMILIES_H

#include "common/vit.h"
#include "tests/reference.h"

#include <string.h>

#define ROOT "tests/data/vit"
enum { MAX_CASES = 80, MAX_BATCH = 4 };

static inline void open_case(struct vit *vit, const char *name, const json_t *json)
{
    char path[256];
    struct error error = { "" };
    const json_t *config = json_object_get(json, "config");
    snprintf(path, sizeof path, ROOT "/%s", name);
    /* As a user would: the head count is said where no file says it. */
    struct vit_wishes wishes = { .state = NULL };
    if (vit_open(vit, path, &wishes, &error) < 0) {
        wishes.heads = (size_t)json_integer_value(json_object_get(config, "heads"));
        ck_assert_msg(vit_open(vit, path, &wishes, &error) == 0, "%s: %s", name, error.text);
    }
}

/* Files KIND.LL.npy of a case, or the one of logits, beside ours[layer * batch + b]. */
static inline void compare(const char *name, const char *kind, size_t layers, size_t batch,
    float *const *ours, bool relative, double *most)
{
    for (size_t layer = 0; layer < layers; layer++) {
        char file[64];
        struct array array;
        if (strncmp(kind, "logits", 6) == 0)
            snprintf(file, sizeof file, "%s.npy", kind);
        else
            snprintf(file, sizeof file, "%s.%02zu.npy", kind, layer);
        ck_assert_msg(load(&array, ROOT, name, file), "%s lacks %s", name, file);
        const size_t each = array.npy.count / batch;
        for (size_t b = 0; b < batch; b++)
            *most = fmax(*most,
                difference(ours[layer * batch + b], array.data + b * each, each, relative));
        unload(&array);
    }
}

static inline float **make_rows(size_t count, size_t size)
{
    float **rows = calloc(count, sizeof *rows);
    for (size_t i = 0; i < count; i++)
        rows[i] = calloc(size, sizeof **rows);
    return rows;
}

static inline void free_rows(float **rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(rows[i]);
    free(rows);
}

/* A copy of values times sqrt(head size): what attention without its scale would see. */
static inline const float *grown(const struct vit *vit, const float *values, size_t count)
{
    static float room[1 << 20];
    static size_t used;
    used = used + count > sizeof room / sizeof *room ? 0 : used;
    float *to = room + used;
    used += count;
    for (size_t i = 0; i < count; i++)
        to[i] = values[i] * sqrtf((float)(vit->config.dim / vit->config.heads));
    return to;
}

/* Queries as if nobody had divided by sqrt(head size). */
static inline void unscale(const struct vit *vit, const float **w)
{
    const size_t d = vit->config.dim, head = d / vit->config.heads;
    const float *qkv = w[QKV_WEIGHT - GLOBAL_SLOTS], *bias = w[QKV_BIAS - GLOBAL_SLOTS];
    if (w[Q_NORM_WEIGHT - GLOBAL_SLOTS]) {
        w[Q_NORM_WEIGHT - GLOBAL_SLOTS] = grown(vit, w[Q_NORM_WEIGHT - GLOBAL_SLOTS], head);
        w[Q_NORM_BIAS - GLOBAL_SLOTS] = grown(vit, w[Q_NORM_BIAS - GLOBAL_SLOTS], head);
        return;
    }
    if (qkv) {
        w[QKV_WEIGHT - GLOBAL_SLOTS] = w[QKV_BIAS - GLOBAL_SLOTS] = NULL;
        w[Q_WEIGHT - GLOBAL_SLOTS] = qkv;
        w[K_WEIGHT - GLOBAL_SLOTS] = qkv + d * d;
        w[V_WEIGHT - GLOBAL_SLOTS] = qkv + 2 * d * d;
        w[Q_BIAS - GLOBAL_SLOTS] = bias;
        w[K_BIAS - GLOBAL_SLOTS] = bias ? bias + d : NULL;
        w[V_BIAS - GLOBAL_SLOTS] = bias ? bias + 2 * d : NULL;
    }
    w[Q_WEIGHT - GLOBAL_SLOTS] = grown(vit, w[Q_WEIGHT - GLOBAL_SLOTS], d * d);
    if (w[Q_BIAS - GLOBAL_SLOTS])
        w[Q_BIAS - GLOBAL_SLOTS] = grown(vit, w[Q_BIAS - GLOBAL_SLOTS], d);
}

/* What goes wrong in real loaders, one at a time. */
static inline bool mutate(struct vit *vit, const char *mutation, bool *second)
{
    struct vit_config *config = &vit->config;
    const size_t d = config->dim;
    if (strcmp(mutation, "eps") == 0) {
        config->eps = config->eps > 5e-6f ? 1e-6f : 1e-5f;
    } else if (strcmp(mutation, "act") == 0) {
        config->activation = config->activation == GELU_ERF    ? GELU_TANH
                             : config->activation == GELU_TANH ? GELU_QUICK
                                                               : GELU_ERF;
    } else if (strcmp(mutation, "pos_resize") == 0) {
        *second = true;
        config->resize = config->resize == RESIZE_PLAIN ? RESIZE_OFFSET : RESIZE_PLAIN;
    } else if (strcmp(mutation, "qkv_order") == 0) {
        for (size_t l = 0; l < config->layers; l++) {
            const float **w = vit->blocks[l];
            if (w[QKV_WEIGHT - GLOBAL_SLOTS]) { /* as k, v, q */
                const float *qkv = w[QKV_WEIGHT - GLOBAL_SLOTS];
                w[QKV_WEIGHT - GLOBAL_SLOTS] = NULL;
                w[Q_WEIGHT - GLOBAL_SLOTS] = qkv + d * d;
                w[K_WEIGHT - GLOBAL_SLOTS] = qkv;
                w[V_WEIGHT - GLOBAL_SLOTS] = qkv + 2 * d * d;
            } else {
                const float *q = w[Q_WEIGHT - GLOBAL_SLOTS];
                w[Q_WEIGHT - GLOBAL_SLOTS] = w[K_WEIGHT - GLOBAL_SLOTS];
                w[K_WEIGHT - GLOBAL_SLOTS] = q;
            }
        }
    } else if (strcmp(mutation, "attn_scale") == 0) {
        for (size_t l = 0; l < config->layers; l++)
            unscale(vit, vit->blocks[l]);
    } else if (strcmp(mutation, "layerscale") == 0) {
        for (size_t l = 0; l < config->layers; l++)
            vit->blocks[l][SCALE1 - GLOBAL_SLOTS] = NULL;
    } else if (strcmp(mutation, "norm_pre") == 0) {
        vit->global[PRE_NORM_WEIGHT] = NULL;
    } else if (strcmp(mutation, "qk_norm") == 0) {
        for (size_t l = 0; l < config->layers; l++)
            vit->blocks[l][Q_NORM_WEIGHT - GLOBAL_SLOTS] = NULL;
    } else if (strcmp(mutation, "pooling") == 0) {
        config->readout = config->readout == READ_CLASS ? READ_MEAN : READ_CLASS;
        return vit->model.classes > 0 && (config->class_token || config->readout == READ_MEAN);
    } else if (strcmp(mutation, "prefix") == 0) {
        if (config->prefix == 0 || config->pos_prefix == config->prefix)
            return false; /* handled where a position belongs to another token */
        config->pos_prefix = config->pos_prefix ? 0 : config->prefix;
        return config->pos_prefix == 0;
    } else {
        ck_abort_msg("a mutation that this test doesn't know: %s", mutation);
    }
    return true;
}

static inline bool is_listed(const json_t *mutations, const char *mutation)
{
    size_t i;
    json_t *listed;
    json_array_foreach(mutations, i, listed)
        if (strcmp(json_string_value(listed), mutation) == 0)
            return true;
    return false;
}

/* What a backward pass alone can get wrong. False: not of this model. */
static inline bool mutate_backward(struct vit *vit, const char *mutation, const json_t *listed)
{
    bool second, has;
    struct vit_config *config = &vit->config;
    if (strcmp(mutation, "scale2") == 0) {
        for (size_t l = 0; l < config->layers; l++)
            vit->blocks[l][SCALE2 - GLOBAL_SLOTS] = NULL;
        return is_listed(listed, "layerscale");
    }
    if (strcmp(mutation, "final_norm") == 0) {
        has = config->final_norm;
        config->final_norm = false;
        return has;
    }
    if (strcmp(mutation, "fc_norm") == 0) {
        has = vit->global[FC_NORM_WEIGHT];
        vit->global[FC_NORM_WEIGHT] = NULL;
        return has;
    }
    return (strcmp(mutation, "act") == 0 || is_listed(listed, mutation))
           && mutate(vit, mutation, &second);
}

#endif
