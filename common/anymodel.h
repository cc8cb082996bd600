/*
 * A checkpoint of either kind, as far as who makes its pictures needs it: which input it takes
 * and what its classes are called. No weight is read.
 */
#ifndef SACCADE_ANYMODEL_H
#define SACCADE_ANYMODEL_H

#include "common/resnet.h"
#include "common/vit.h"

struct anymodel {
    bool cnn;
    union {
        struct model model; /* what both begin with */
        struct vit vit;
        struct resnet resnet;
    };
};

/*
 * Opens what name says, once, tells by its tensors whether it is a ViT (a patch embedding) or a
 * ResNet (a stem's convolution), and understands it as vit_open or resnet_open would, without
 * its weights. name NULL: $SACCADE_VIT, else the ViT that comes with saccade. BAD_USAGE:
 * neither kind, or none that we can place; BAD_INPUT: broken; BAD_SYSTEM.
 */
int anymodel_open(struct anymodel *any, const char *name, const struct vit_wishes *wishes,
    struct error *error);
void anymodel_close(struct anymodel *any);

#endif
