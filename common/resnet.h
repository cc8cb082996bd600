/*
 * Residual networks of every family in one form (He et al. 2016; Xie et al. 2017 for groups;
 * He et al. 2019 for the variant d): a configuration inferred from the checkpoint, convolutions
 * with their batch norm folded in, the forward pass and the backward pass down to activations.
 *
 * Letters: B pictures, C channels, h rows, w columns. Inside, activations are f32 [B, h, w, C].
 */
#ifndef SACCADE_RESNET_H
#define SACCADE_RESNET_H

#include "common/model.h"
#include "common/threads.h"

/*
 * y[oy, ox, o] = bias[o] + sum over ky, kx and the inputs i of o's group of
 *     weight[g][ky, kx, i][o within g] x[oy stride + ky - pad, ox stride + kx - pad, i]
 * (a cross-correlation, as in every library); zeros beyond the edge.
 */
struct conv {
    size_t in, out, kernel, stride, pad, groups;
    const float *weight; /* [groups, kernel * kernel * in / groups, out / groups] */
    const float *bias;   /* [out]; NULL: none */
};

enum shortcut {
    SHORTCUT_IDENTITY,
    SHORTCUT_CONV, /* projection, 1x1 with the block's stride */
    SHORTCUT_POOL, /* the variant d: 2x2 average at the block's stride (ceil mode, the padding
                    * not counted; none at stride 1), then projection, 1x1 with stride 1 */
    SHORTCUT_PAD   /* option A: every stride-th pixel, zero channels, half of them before */
};

enum { RESNET_MAX_STAGES = 8, RESNET_MAX_STEM = 3, RESNET_MAX_BLOCK = 3 };

/* relu(convs(x) + shortcut(x)); a relu behind every conv but the last. */
struct resnet_block {
    struct conv convs[RESNET_MAX_BLOCK];
    size_t count; /* 2: basic; 3: bottleneck */
    enum shortcut shortcut;
    size_t stride; /* of the whole block */
    struct conv projection;
};

/*
 * Places are where activations are read, each behind its relu: 0 the stem (before its pooling),
 * then the output of every block in order. "stem", "layer4" (its last block), "layer3-1" (block
 * 1 of layer 3, counted from 0).
 */
struct resnet {
    struct model model;                /* model.classes: C of the logits, 0 without a head */
    const char *family;                /* "timm", "torchvision", "hf-resnet", "cifar" */
    struct conv stem[RESNET_MAX_STEM]; /* a relu behind each */
    size_t stem_count;
    bool pool; /* 3x3 maximum at stride 2, pad 1, behind the stem */
    size_t stages, depths[RESNET_MAX_STAGES];
    struct resnet_block *blocks; /* of all stages in order */
    size_t block_count;
    size_t features;                  /* channels that leave the last block */
    const float *fc_weight, *fc_bias; /* [classes, features], [classes]; NULL: no head */
    void *converted;                  /* folded and converted weights */
    struct resnet_found *found;       /* the tensors, for training; NULL: a new network */
    uint64_t seed;                    /* what isn't found is drawn from it */
};

/*
 * Opens and understands a checkpoint; name NULL: $SACCADE_RESNET, else the ResNet that comes
 * with saccade. state: one of several state dicts, or NULL. BAD_USAGE: not a ResNet that we can
 * place, with what is missing, unknown or ambiguous; BAD_INPUT: broken; BAD_SYSTEM.
 */
int resnet_open(
    struct resnet *resnet, const char *name, const char *state, struct error *error);
void resnet_close(struct resnet *resnet);

/* The rest of resnet_open, of a resnet that is zeros but for its open model, which after an
 * error too the caller closes. Without weights no pass can be made of it. */
int resnet_understand(
    struct resnet *resnet, const char *state, bool weights, struct error *error);

/* Whether a tensor of that state dict is named as a ResNet's stem. */
bool resnet_is_one(const struct tensors *tensors, const char *state);

/* The object for the member __stream__/model. */
json_t *resnet_describe(const struct resnet *resnet);

/* "stem", "layer4", "layer3-1"; text of at least 32 bytes. A stage's last block has the short
 * name. */
void resnet_place_name(const struct resnet *resnet, size_t place, char text[32]);
/* A list of such names ("stem,layer1..layer4,layer3-1", A..B being stages from A to B):
 * wanted[1 + block_count]. BAD_USAGE names what there is. */
int resnet_places(
    const struct resnet *resnet, const char *text, bool *wanted, struct error *error);

/* The passes; see resnet_forward.c and resnet_backward.c. */
struct resnet_pass;

enum { RESNET_KEEP_NONE = 1 << 30 };

/*
 * Buffers for at most batch pictures of height x width, allocated here and never in the passes.
 * lowest: the lowest place whose gradient will be asked (or RESNET_KEEP_NONE: none will):
 * activations from there on are kept. Replaces what *pass was (NULL at first).
 */
int resnet_prepare(const struct resnet *resnet, struct resnet_pass **pass, size_t batch,
    size_t height, size_t width, size_t lowest, struct threads *threads, struct error *error);
void resnet_pass_free(struct resnet_pass *pass);
/* Channels, rows and columns at a place. */
void resnet_place_shape(const struct resnet_pass *pass, size_t place, size_t shape[3]);

/* inputs: B arrays f32 [3, height, width]; logits: [B, classes], or NULL where none are wanted;
 * activations: [(1 + block_count) * B], index place * B + b, each NULL or f32 [C, h, w]. */
void resnet_forward(const struct resnet *resnet, struct resnet_pass *pass,
    const float *const *inputs, size_t batch, float *logits, float *const *activations);

/* After a forward pass of the same batch: logit_gradients [B, classes] is d target / d logits
 * (one-hot for one class's logit); gradients like activations: d target / d activation, of each
 * place asked for, none below lowest. */
void resnet_backward(const struct resnet *resnet, struct resnet_pass *pass, size_t batch,
    const float *logit_gradients, float *const *gradients);

#endif
