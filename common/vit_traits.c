/* What shapes can't tell: eps, the activation, what the head reads. */
#include "common/vit_infer.h"

#include <string.h>

int infer_eps(struct inference *in)
{
    struct vit_config *config = in->config;
    char room[128];
    const char *why = "default of the family";
    const json_t *stated = json_object_get(in->json, "layer_norm_eps");
    double eps = 1e-6;
    if (infer_is_family(in, "hf-*") && json_is_number(stated)) {
        eps = json_number_value(stated);
        why = infer_source(in, "layer_norm_eps", room);
    } else if (infer_is_family(in, "hf-vit*") || infer_is_family(in, "hf-deit")) {
        eps = 1e-12;
    } else if (infer_is_family(in, "hf-clip")) {
        eps = 1e-5;
    } else if (infer_is_family(in, "timm") && *in->architecture) {
        const bool big = infer_named(in, "*clip*") || infer_named(in, "beit3_*")
                         || infer_named(in, "aimv2_*");
        eps = big ? 1e-5 : 1e-6;
        why = in->architecture;
    } else if (infer_is_family(in, "timm") && in->found->global[PRE_NORM_WEIGHT]) {
        return fail(in->error, BAD_USAGE,
            "a norm before the blocks as in CLIP, whose eps (1e-5) and GELU (exact or quick) "
            "only the architecture tells: put {\"architecture\": "
            "\"vit_base_patch16_clip_quickgelu_224\"} or the like into a JSON file beside it");
    }
    config->eps = (float)eps;
    model_note(&in->vit->model, "eps", why, "%g", eps);
    return 0;
}

static bool activation_named(const char *name, enum activation *activation)
{
    static const struct {
        const char *name;
        enum activation activation;
    } known[] = {
        { "gelu", GELU_ERF },
        { "gelu_python", GELU_ERF },
        { "gelu_erf", GELU_ERF },
        { "gelu_new", GELU_TANH },
        { "gelu_fast", GELU_TANH },
        { "gelu_tanh", GELU_TANH },
        { "gelu_pytorch_tanh", GELU_TANH },
        { "quick_gelu", GELU_QUICK },
        { "silu", SILU },
        { "swish", SILU },
        { "relu", RELU },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0) {
            *activation = known[i].activation;
            return true;
        }
    return false;
}

/* timm's architectures whose GELU is not the exact one (vision_transformer.py, timm 1.0.31). */
static enum activation timm_activation(const struct inference *in)
{
    if (infer_named(in, "*quickgelu*"))
        return GELU_QUICK;
    const bool tanh = infer_named(in, "*patch32*") || infer_named(in, "*giantopt*")
                      || infer_named(in, "*so400m_patch16*")
                      || infer_named(in, "vit_large_patch16_siglip_512")
                      || infer_named(in, "vit_large_patch16_siglip_gap_512");
    return infer_named(in, "*siglip*") && tanh ? GELU_TANH : GELU_ERF;
}

int infer_activation(struct inference *in)
{
    struct vit_config *config = in->config;
    static const char *const names[] = { "gelu (exact)", "gelu (tanh)", "gelu (quick)", "silu",
        "relu" };
    char room[128];
    const char *key = infer_is_family(in, "timm") ? "act_layer" : "hidden_act";
    const char *stated =
        infer_text(infer_is_family(in, "timm") ? in->arguments : in->json, key, NULL);
    const char *why = infer_source(in, key, room);
    config->activation = GELU_ERF;
    if (config->gated) {
        config->activation = SILU;
        why = "a gated MLP (SwiGLU) by its shapes";
    } else if (stated) {
        if (!activation_named(stated, &config->activation))
            return fail(
                in->error, BAD_USAGE, "%s %s: an activation that is not known", key, stated);
    } else if (infer_is_family(in, "timm") && *in->architecture) {
        config->activation = timm_activation(in);
        why = in->architecture;
    } else {
        config->activation = infer_is_family(in, "hf-clip")     ? GELU_QUICK
                             : infer_is_family(in, "hf-siglip") ? GELU_TANH
                                                                : GELU_ERF;
        why = "default of the family";
    }
    model_note(&in->vit->model, "activation", why, "%s%s", names[config->activation],
        config->gated ? ", gated" : "");
    return 0;
}

/* What pools the tokens where the head reads more than shapes tell. */
static int infer_timm_readout(struct inference *in, bool head)
{
    struct vit_config *config = in->config;
    char room[128];
    const json_t *json = in->vit->model.config;
    const char *pool =
        infer_text(in->arguments, "global_pool", infer_text(json, "global_pool", NULL));
    const char *why = infer_source(in, "global_pool", room);
    if (!pool) {
        pool = in->found->global[FC_NORM_WEIGHT] || !config->class_token ? "avg" : "token";
        why = in->found->global[FC_NORM_WEIGHT] ? "fc_norm" : "tokens that it has";
    }
    const bool token = strcmp(pool, "token") == 0, average = strcmp(pool, "avg") == 0;
    if (token && !config->class_token)
        return fail(in->error, BAD_USAGE, "global_pool token, and no class token");
    config->mean = !token;
    if (in->found->attention_pool)
        model_note(
            &in->vit->model, "readout", "attn_pool", "none: attention pooling is not computed");
    else if (!head)
        model_note(&in->vit->model, "readout", "no head", "none");
    else if (!token && !average)
        model_note(&in->vit->model, "readout", why, "none: pooling %s is not computed", pool);
    else {
        config->readout = average                               ? READ_MEAN
                          : in->found->global[HEAD_DIST_WEIGHT] ? READ_CLASS_DIST
                                                                : READ_CLASS;
        model_note(&in->vit->model, "readout", why, "%s",
            config->readout == READ_MEAN         ? "mean of patches"
            : config->readout == READ_CLASS_DIST ? "class and distillation token"
                                                 : "class token");
    }
    return 0;
}

int infer_readout(struct inference *in)
{
    struct vit_config *config = in->config;
    const struct tensor *head = in->found->global[HEAD_WEIGHT];
    config->final_norm = in->found->global[NORM_WEIGHT];
    if (infer_is_family(in, "timm") || infer_is_family(in, "dino*"))
        return infer_timm_readout(in, head);
    config->mean = !config->class_token;
    if (!head) {
        model_note(&in->vit->model, "readout", "no head", "none");
        return 0;
    }
    const bool projects =
        infer_is_family(in, "hf-clip") && strstr(head->name, "visual_projection");
    if (infer_is_family(in, "hf-siglip") || (infer_is_family(in, "hf-clip") && !projects)) {
        config->readout = READ_MEAN;
        config->mean = true;
        config->final_norm &= infer_is_family(in, "hf-siglip");
    } else if (infer_is_family(in, "hf-dinov2*") && head->rank == 2
               && head->shape[1] == 2 * config->dim) {
        config->readout = READ_CLASS_AND_MEAN;
    } else {
        config->readout = in->found->global[HEAD_DIST_WEIGHT] ? READ_CLASS_DIST : READ_CLASS;
    }
    static const char *const names[] = { "none", "class token", "class and distillation token",
        "mean of patches", "class token beside the mean of patches" };
    model_note(&in->vit->model, "readout", head->name, "%s", names[config->readout]);
    return 0;
}

/* The tokens that the head reads must be there. */
int infer_tokens_read(struct inference *in)
{
    const struct vit_config *config = in->config;
    const bool reads_class = config->readout != READ_NONE && config->readout != READ_MEAN;
    if (reads_class && !config->class_token)
        return fail(in->error, BAD_USAGE, "its head reads a class token, and it has none");
    if (config->readout == READ_CLASS_DIST && !config->distilled)
        return fail(
            in->error, BAD_USAGE, "has a head for a distillation token, and no such token");
    return 0;
}

int infer_classes(struct inference *in)
{
    struct vit_config *config = in->config;
    const struct tensor *head = in->found->global[HEAD_WEIGHT];
    const struct tensor *pre = in->found->global[PRE_LOGITS_WEIGHT];
    config->features = pre && pre->rank == 2 ? pre->shape[0] : config->dim;
    if (config->readout != READ_NONE) {
        if (head->rank != 2 || head->shape[0] < 1)
            return fail(in->error, BAD_USAGE, "%s: takes [classes, dim]", head->name);
        in->vit->model.classes = head->shape[0];
    }
    model_note(&in->vit->model, "classes", head ? head->name : "no head", "%zu",
        in->vit->model.classes);
    return 0;
}
