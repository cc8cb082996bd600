#include "common/anymodel.h"

#include <stddef.h>
#include <string.h>

_Static_assert(offsetof(struct vit, model) == 0 && offsetof(struct resnet, model) == 0,
    "either kind begins with its model");

static int understand(
    struct anymodel *any, const struct vit_wishes *wishes, struct error *error)
{
    const struct tensors *tensors = &any->model.tensors;
    char state[64];
    int status = model_choose_state(tensors, wishes->state, state, error);
    if (status < 0)
        return model_blame(&any->model, status, error);
    if (vit_is_one(tensors, state))
        return vit_understand(&any->vit, wishes, false, error);
    any->cnn = resnet_is_one(tensors, state);
    if (any->cnn && wishes->heads == 0)
        return resnet_understand(&any->resnet, wishes->state, false, error);
    if (any->cnn)
        status =
            fail(error, BAD_USAGE, "--num-heads %zu: a ResNet has no heads", wishes->heads);
    else
        status = fail(error, BAD_USAGE,
            "neither a ViT nor a ResNet: none of its %zu tensors is a patch embedding or a "
            "stem's convolution (the first is %.200s): vitfwd or resnetfwd --info may say more",
            tensors->count, tensors->count ? tensors->items[0].name : "none");
    return model_blame(&any->model, status, error);
}

int anymodel_open(struct anymodel *any, const char *name, const struct vit_wishes *wishes,
    struct error *error)
{
    memset(any, 0, sizeof *any);
    int status = vit_open_model(&any->model, name, error);
    if (status < 0)
        return status;
    status = understand(any, wishes, error);
    if (status < 0)
        anymodel_close(any);
    return status;
}

void anymodel_close(struct anymodel *any)
{
    if (any->cnn)
        resnet_close(&any->resnet);
    else
        vit_close(&any->vit);
}
