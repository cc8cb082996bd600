/*
 * Inside a ViT that learns: its parameters (vit_params.c) and its passes (vit_train.c).
 */
#ifndef SACCADE_VIT_LEARN_H
#define SACCADE_VIT_LEARN_H

#include "common/trainer.h"
#include "common/vit.h"

struct vit_learner {
    struct vit vit;
    struct vit_slots gradients;
    float *(*gradient_blocks)[BLOCK_SLOTS];
    struct vit_pass *training, *inference;
    float *drop_path; /* [layers, 2, batch] */
    float **logits;   /* [batch] */
    float *unread;    /* [batch, classes]: logits that nobody asked for */
    bool *keep;       /* [layers] */
    double rate;
    size_t kept;      /* patches of each picture in training; 0: all */
    uint32_t *chosen; /* [batch, kept] */
    uint32_t *order;  /* [rows * columns] */
    uint64_t seed;
    bool folded; /* the class token's position is in the token: timm has one for all or none */
    size_t lowest, batch, rows, columns;
};

/*
 * Lists every tensor in timm's form, fills the arena with the base's values or with new ones,
 * and leads the model's pointers and those of the gradients there. frozen [layers + 1]: blocks,
 * and all but the head.
 */
int vit_list_params(struct trainer *trainer, struct vit_learner *own, const bool *frozen,
    bool scratch, uint64_t seed, struct error *error);

#endif
