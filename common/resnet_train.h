/*
 * Training a ResNet: its convolutions, norms and head as parameters under timm's names, the
 * forward pass with batch statistics, and the gradient of every parameter.
 *
 * A norm whose weight and bias aren't trained (param.trained false) is frozen: it takes its
 * running statistics, and leaves them. Nothing below the lowest trained parameter is kept or
 * computed backwards.
 */
#ifndef SACCADE_RESNET_TRAIN_H
#define SACCADE_RESNET_TRAIN_H

#include "common/params.h"
#include "common/resnet.h"

#include <stdint.h>

/*
 * A new network, drawn from seed when a trainer opens it: resnet20, 32, 44, 56 (He et al. 2016,
 * section 4.2: option A), 18, 34, 50. Pictures are side x side; 0: 32 or 224. BAD_USAGE names
 * what there is.
 */
int resnet_init(struct resnet *resnet, const char *architecture, size_t classes, size_t side,
    uint64_t seed, struct error *error);
/* Another head, of so many classes, drawn from seed when a trainer opens it. */
void resnet_new_head(struct resnet *resnet, size_t classes, uint64_t seed);

/* What config.json says of it, so that resnet_open, and timm where it has such a network, read
 * the checkpoint back: architecture, num_classes, model_args and what else shapes don't tell.
 */
json_t *resnet_config(const struct resnet *resnet);

struct resnet_trainer;

/*
 * Lists every parameter of an opened or new network, allocates the arenas and fills in the
 * values. params is empty before, and the caller's to free, after the trainer. Depths: 0 the
 * stem, the blocks from 1, the head last. BAD_USAGE: no head, or strides that timm's names
 * can't tell of.
 */
int resnet_trainer_open(struct resnet_trainer **trainer, struct resnet *resnet,
    struct params *params, struct error *error);
void resnet_trainer_free(struct resnet_trainer *trainer);

/* Buffers for at most batch pictures of height x width, allocated here and never in the passes;
 * after trained has been set in params, and again when it changes. */
int resnet_train_prepare(struct resnet_trainer *trainer, size_t batch, size_t height,
    size_t width, struct threads *threads, struct error *error);

/* Bytes of these. */
size_t resnet_trainer_bytes(const struct resnet_trainer *trainer);

/* inputs: B arrays f32 [3, height, width]; logits: [B, classes]. Running statistics move. */
void resnet_train_forward(
    struct resnet_trainer *trainer, const float *const *inputs, size_t batch, float *logits);
/* After it, of the same batch: adds to params' gradients, of what is trained. */
void resnet_train_backward(
    struct resnet_trainer *trainer, size_t batch, const float *logit_gradients);

/* Folds values (params->values, or an average of them: [params->total]) into the network's own
 * weights, for resnet_forward; resnet_prepare comes after it. BAD_INPUT: beyond f32. */
int resnet_trainer_fold(
    struct resnet_trainer *trainer, const float *values, struct error *error);

#endif
