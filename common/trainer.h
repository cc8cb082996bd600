/*
 * A model that learns: its parameters, and the passes that training calls, the same for a ViT
 * and a ResNet.
 */
#ifndef SACCADE_TRAINER_H
#define SACCADE_TRAINER_H

#include "common/model.h"
#include "common/params.h"
#include "common/threads.h"

/* What is to be trained, and how it starts. */
struct train_wishes {
    size_t classes;         /* of the data; a head of another count is replaced by a new one */
    bool new_head;          /* and so is one of other classes */
    uint32_t width, height; /* of the input; 0: the model's own */
    const char *frozen;     /* --freeze: a list of blocks, "all" but the head; NULL: none */
    double drop_path;       /* rate of the last block's branches; the first's is 0 */
    double patch_drop;      /* share of a ViT's patches that a picture is trained without */
    uint64_t seed;          /* of new weights */
};

struct trainer {
    enum { TRAINS_VIT, TRAINS_RESNET } kind;
    struct params params;
    const struct model *model; /* name, input rule, classes; good until close */
    size_t classes;
    uint32_t width, height;
    bool new_head;    /* the head is new: said to the user */
    const char *note; /* what else of the base was changed, or NULL */
    void *own;

    /* Buffers for at most batch pictures; *bytes: what they take. To be called before a pass.
     */
    int (*prepare)(struct trainer *trainer, size_t batch, struct threads *threads,
        size_t *bytes, struct error *error);
    /* inputs: batch arrays f32 [3, height, width]; logits [batch, classes]. step counts up: the
     * key of what drops paths. */
    void (*forward)(struct trainer *trainer, const float *const *inputs, size_t batch,
        uint64_t step, float *logits);
    /* After forward: adds to params.gradients. */
    void (*backward)(struct trainer *trainer, size_t batch, const float *logit_gradients);
    /* As the finished model computes; changed comes first where values have since. */
    void (*evaluate)(
        struct trainer *trainer, const float *const *inputs, size_t batch, float *logits);
    /* What the head reads of them, [batch, features], as evaluate computes it; where features
     * is 0 the head is more than one product. */
    void (*read)(
        struct trainer *trainer, const float *const *inputs, size_t batch, float *read);
    size_t features;
    const struct param *head_weight,
        *head_bias; /* with features: [classes, features], [classes] */
    int (*changed)(struct trainer *trainer, struct error *error);
    /* config.json as timm and saccade read it, without the names of the classes and the input
     * rule. */
    json_t *(*config)(const struct trainer *trainer);
    void (*close)(struct trainer *trainer);
};

/* A base (-m): of whichever kind it is. BAD_USAGE, BAD_INPUT, BAD_SYSTEM. */
int trainer_open(struct trainer *trainer, const char *model, const char *state, size_t heads,
    const struct train_wishes *wishes, struct error *error);
/* From scratch: "vit:patch=4,dim=128,depth=6,heads=4,image=32" or "resnet20". */
int trainer_create(struct trainer *trainer, const char *architecture,
    const struct train_wishes *wishes, struct error *error);
void trainer_close(struct trainer *trainer);

/* The parts of these: vit_train.c and resnet_learn.c. vit and resnet are taken over, also after
 * an error. */
struct vit;
int trainer_of_vit(struct trainer *trainer, struct vit *vit, bool scratch,
    const struct train_wishes *wishes, struct error *error);
/* And of that: timm's config.json of a ViT with q, k and v in one; what timm's form can't say
 * brought to what it can, with what is to be said of it, or NULL (vit_saved.c). */
json_t *vit_saved_config(const struct vit *vit, uint32_t width, uint32_t height);
const char *vit_fit_saved(struct vit *vit, bool *new_head);
struct resnet;
int trainer_of_resnet(struct trainer *trainer, struct resnet *resnet, bool scratch,
    const struct train_wishes *wishes, struct error *error);

#endif
