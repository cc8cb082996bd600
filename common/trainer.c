#include "common/trainer.h"
#include "common/anymodel.h"
#include "common/option.h"
#include "common/resnet_train.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A ViT of timm's plain form, without weights. */
static int plan_vit(struct vit *vit, const char *text, struct error *error)
{
    struct vit_config *c = &vit->config;
    uint64_t patch = 0, dim = 0, depth = 0, heads = 0, image = 0, mlp = 0;
    const struct {
        const char *name;
        uint64_t *to;
        double high;
    } known[] = { { "patch", &patch, 256 }, { "dim", &dim, 8192 }, { "depth", &depth, 200 },
        { "heads", &heads, 256 }, { "image", &image, 4096 }, { "mlp", &mlp, 65536 } };
    char copy[200], *rest = copy;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *item; (item = strsep(&rest, ",")) != NULL;) {
        char *value = strchr(item, '=');
        size_t i = 0;
        if (value)
            *value++ = '\0';
        while (i < sizeof known / sizeof *known && strcmp(known[i].name, item) != 0)
            i++;
        if (!value || i == sizeof known / sizeof *known)
            return fail(error, BAD_USAGE,
                "--arch vit:%.100s: takes patch=N,dim=N,depth=N,heads=N,image=N and mlp=N",
                text);
        const int status = parse_count(item, value, 1, known[i].high, known[i].to, error);
        if (status < 0)
            return status;
    }
    if (!patch || !dim || !depth || !heads || !image || dim % heads || image % patch)
        return fail(error, BAD_USAGE,
            "--arch vit:%.100s: needs patch, dim, depth, heads and image; heads divide dim, "
            "and "
            "the patch divides the image",
            text);
    *c = (struct vit_config){ .family = "timm",
        .dim = dim,
        .layers = depth,
        .heads = heads,
        .hidden = mlp ? mlp : 4 * dim,
        .patch_rows = patch,
        .patch_columns = patch,
        .class_token = true,
        .prefix = 1,
        .pos_prefix = 1,
        .pos_rows = image / patch,
        .pos_columns = image / patch,
        .eps = 1e-6f,
        .activation = GELU_ERF,
        .readout = READ_CLASS,
        .features = dim,
        .final_norm = true };
    vit->blocks = calloc(depth, sizeof *vit->blocks);
    if (!vit->blocks)
        return fail_memory(error, depth * sizeof *vit->blocks);
    const uint32_t side = (uint32_t)image;
    vit->model.input = (struct input_model){ .crop = side < 64 ? 1 : 0.9,
        .rule_known = true,
        .rule = { .width = side,
            .height = side,
            .resize_width = side < 64 ? side : (uint32_t)(side / 0.9),
            .resize_height = side < 64 ? side : (uint32_t)(side / 0.9),
            .fit = FIT_CROP,
            .flavour = VIEW_TIMM,
            .filter = FILTER_BICUBIC,
            .mean = { 0.5f, 0.5f, 0.5f },
            .std = { 0.5f, 0.5f, 0.5f } } };
    return 0;
}

int trainer_create(struct trainer *trainer, const char *architecture,
    const struct train_wishes *wishes, struct error *error)
{
    *trainer = (struct trainer){ .new_head = true };
    if (strncmp(architecture, "vit:", 4) != 0) {
        struct resnet resnet;
        const int made = resnet_init(
            &resnet, architecture, wishes->classes, wishes->width, wishes->seed, error);
        if (made < 0)
            return made;
        struct input_model *input = &resnet.model.input;
        memcpy(input->rule.mean, imagenet_mean, sizeof imagenet_mean);
        memcpy(input->rule.std, imagenet_std, sizeof imagenet_std);
        input->rule_known = true;
        return trainer_of_resnet(trainer, &resnet, true, wishes, error);
    }
    struct vit vit = { 0 };
    const int status = plan_vit(&vit, architecture + 4, error);
    if (status < 0) {
        free(vit.blocks);
        return status;
    }
    return trainer_of_vit(trainer, &vit, true, wishes, error);
}

int trainer_open(struct trainer *trainer, const char *model, const char *state, size_t heads,
    const struct train_wishes *wishes, struct error *error)
{
    *trainer = (struct trainer){ 0 };
    const struct vit_wishes vit_wishes = { state, heads };
    struct anymodel any;
    int status = anymodel_open(&any, model, &vit_wishes, error);
    if (status < 0)
        return status;
    const bool cnn = any.cnn;
    anymodel_close(&any);
    if (cnn) {
        struct resnet resnet;
        status = resnet_open(&resnet, model, state, error);
        return status < 0 ? status : trainer_of_resnet(trainer, &resnet, false, wishes, error);
    }
    struct vit vit;
    status = vit_open(&vit, model, &vit_wishes, error);
    return status < 0 ? status : trainer_of_vit(trainer, &vit, false, wishes, error);
}

void trainer_close(struct trainer *trainer)
{
    if (trainer->own)
        trainer->close(trainer);
    params_free(&trainer->params);
    *trainer = (struct trainer){ 0 };
}
