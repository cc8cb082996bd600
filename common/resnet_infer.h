/*
 * Inside the opening of a ResNet: resnet_names.c says which tensor is which, resnet_config.c
 * what shapes and configurations say of the model, resnet_rule.c which pictures it takes,
 * resnet_load.c folds the norms into the weights.
 */
#ifndef SACCADE_RESNET_INFER_H
#define SACCADE_RESNET_INFER_H

#include "common/resnet.h"

enum { RESNET_MAX_DEPTH = 256 };

/* A convolution [out, in / groups, k, k] and the batch norm behind it, each [out]. */
enum resnet_part { PART_CONV, PART_GAMMA, PART_BETA, PART_MEAN, PART_VARIANCE, PARTS };

struct resnet_unit {
    const struct tensor *parts[PARTS];
};

enum {
    STEM_FIRST, /* of a deep stem */
    STEM_SECOND,
    STEM_LAST, /* or the only one */
    STEM_UNITS,
    UNIT_CONV1 = STEM_UNITS,
    UNIT_CONV2,
    UNIT_CONV3,
    UNIT_PROJECTION,
    UNIT_POOLED, /* a projection behind an average */
    UNITS,
    BLOCK_UNITS = UNITS - STEM_UNITS
};

/* One convolution of the model and where it comes from. */
struct resnet_layer {
    const struct resnet_unit *unit;
    struct conv *conv;
};

/* What a checkpoint's names say: which tensor is in which place. */
struct resnet_found {
    const char *naming; /* "timm" or "hf" */
    struct resnet_unit stem[STEM_UNITS];
    struct resnet_unit (*blocks)[BLOCK_UNITS]; /* [stage * RESNET_MAX_DEPTH + block] */
    size_t stages, depths[RESNET_MAX_STAGES];
    const struct tensor *head_weight, *head_bias;
    bool linear, shortcuts;      /* names as in the CIFAR nets: linear, shortcut.0 */
    char state[64];              /* the state dict that was taken, "" where there is one only */
    struct resnet_layer *layers; /* by resnet_configure: every convolution in order */
    size_t layer_count;
};

/* *found is the caller's even after an error. BAD_USAGE: not a ResNet, a tensor that none has,
 * two for one place. */
int resnet_find(const struct model *model, const char *state, struct resnet_found **found,
    struct error *error);
void resnet_found_free(struct resnet_found *found);

/* Everything of the model but its weights. */
int resnet_configure(struct resnet *resnet, struct resnet_found *found, struct error *error);

/* A tensor's values where they lie, or in room, [count]. BAD_USAGE: not finite, or, of a
 * variance, negative. */
int resnet_take(const struct tensor *tensor, bool variance, float *room, const float **values,
    struct error *error);

/* timm's configuration must not say what no tensor shows and we don't compute. */
int resnet_check_timm(struct resnet *resnet, struct error *error);

/* Which pictures it takes: model.input. found NULL: a new network. */
int resnet_infer_rule(
    struct resnet *resnet, const struct resnet_found *found, struct error *error);

#endif
