/* Opening a Vision Transformer: every tensor in its place, of its shape, as f32. */
#include "common/vit.h"
#include "formats/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What each slot must be, in terms of the configuration; [0] after leading ones are dropped. */
struct shape {
    size_t rows, columns;
};

static struct shape expected(const struct vit *vit, int slot, bool gate_apart)
{
    const struct vit_config *config = &vit->config;
    const size_t d = config->dim;
    const size_t head = d / config->heads;
    switch (slot) {
    case REGISTERS:
        return (struct shape){ config->registers, d };
    case POSITIONS:
        return (struct shape){ config->pos_prefix + config->pos_rows * config->pos_columns, d };
    case PATCH_WEIGHT:
        return (struct shape){ d, 3 * config->patch_rows * config->patch_columns };
    case HEAD_WEIGHT:
    case HEAD_DIST_WEIGHT:
        return (struct shape){ vit->model.classes,
            config->readout == READ_CLASS_AND_MEAN ? 2 * d : config->features };
    case HEAD_BIAS:
    case HEAD_DIST_BIAS:
        return (struct shape){ 1, vit->model.classes };
    case PRE_LOGITS_WEIGHT:
        return (struct shape){ config->features, d };
    case PRE_LOGITS_BIAS:
        return (struct shape){ 1, config->features };
    case QKV_WEIGHT:
        return (struct shape){ 3 * d, d };
    case QKV_BIAS:
        return (struct shape){ 1, 3 * d };
    case Q_WEIGHT:
    case K_WEIGHT:
    case V_WEIGHT:
    case PROJ_WEIGHT:
        return (struct shape){ d, d };
    case Q_NORM_WEIGHT:
    case Q_NORM_BIAS:
    case K_NORM_WEIGHT:
    case K_NORM_BIAS:
        return (struct shape){ 1, head };
    case FC1_WEIGHT:
        return (struct shape){ config->hidden * (config->gated && !gate_apart ? 2 : 1), d };
    case FC1_BIAS:
        return (struct shape){ 1, config->hidden * (config->gated && !gate_apart ? 2 : 1) };
    case GATE_WEIGHT:
        return (struct shape){ config->hidden, d };
    case GATE_BIAS:
        return (struct shape){ 1, config->hidden };
    case FC2_WEIGHT:
        return (struct shape){ d, config->hidden };
    default:
        return (struct shape){ 1, d };
    }
}

static bool has_shape(const struct tensor *tensor, struct shape shape)
{
    size_t rank = tensor->rank, count;
    const size_t *sides = tensor->shape;
    while (rank > 1 && *sides == 1)
        sides++, rank--;
    if (tensor->type == TENSOR_OTHER
        || __builtin_mul_overflow(shape.rows, shape.columns, &count) || tensor->count != count)
        return false;
    return rank > 0 && (*sides == shape.rows || (shape.rows == 1 && *sides == shape.columns));
}

static int check_shape(
    const struct vit *vit, const struct tensor *tensor, struct shape shape, struct error *error)
{
    char text[128];
    if (has_shape(tensor, shape))
        return 0;
    if (tensor->type == TENSOR_OTHER)
        return fail(error, BAD_USAGE, "%s: %s: not of floating-point numbers", vit->model.path,
            tensor->name);
    return fail(error, BAD_USAGE, "%s: %s is %s, should be [%zu,%zu]", vit->model.path,
        tensor->name, tensor_shape_text(tensor, text, sizeof text), shape.rows, shape.columns);
}

/* Heads that are there and not read (attention pooling behind) are not looked at. */
static bool is_read(const struct vit_config *config, int slot)
{
    switch (slot) {
    case HEAD_WEIGHT:
    case HEAD_BIAS:
    case PRE_LOGITS_WEIGHT:
    case PRE_LOGITS_BIAS:
    case FC_NORM_WEIGHT:
    case FC_NORM_BIAS:
        return config->readout != READ_NONE;
    case HEAD_DIST_WEIGHT:
    case HEAD_DIST_BIAS:
        return config->readout == READ_CLASS_DIST;
    default:
        return true;
    }
}

static const struct tensor *slot_tensor(const struct vit_found *found, size_t layer, int slot)
{
    return slot < GLOBAL_SLOTS ? found->global[slot]
                               : found->blocks[layer][slot - GLOBAL_SLOTS];
}

static int check_shapes(
    const struct vit *vit, const struct vit_found *found, struct error *error)
{
    int status = 0;
    for (size_t layer = 0; layer < found->layers; layer++) {
        const bool gate = slot_tensor(found, layer, GATE_WEIGHT);
        for (int slot = layer ? GLOBAL_SLOTS : 0; slot < VIT_SLOTS && status == 0; slot++) {
            const struct tensor *tensor = slot_tensor(found, layer, slot);
            if (tensor && is_read(&vit->config, slot))
                status = check_shape(vit, tensor, expected(vit, slot, gate), error);
        }
    }
    return status;
}

/* A norm must have both of its tensors, a head that is read its weight. */
static int check_pairs(
    const struct vit *vit, const struct vit_found *found, size_t layer, struct error *error)
{
    static const int norms[] = { PRE_NORM_WEIGHT, NORM_WEIGHT, FC_NORM_WEIGHT, NORM1_WEIGHT,
        Q_NORM_WEIGHT, K_NORM_WEIGHT, NORM2_WEIGHT };
    static const int layers[] = { PRE_LOGITS_WEIGHT, HEAD_WEIGHT, HEAD_DIST_WEIGHT };
    for (size_t i = 0; i < sizeof norms / sizeof *norms; i++) {
        const struct tensor *weight = slot_tensor(found, layer, norms[i]);
        if (weight && !slot_tensor(found, layer, norms[i] + 1))
            return fail(error, BAD_USAGE,
                "%s: %s has no bias: RMS norms and the like are not supported", vit->model.path,
                weight->name);
    }
    for (size_t i = 0; i < sizeof norms / sizeof *norms + sizeof layers / sizeof *layers; i++) {
        const size_t n = sizeof norms / sizeof *norms;
        const int slot = i < n ? norms[i] : layers[i - n];
        const struct tensor *bias = slot_tensor(found, layer, slot + 1);
        if (bias && !slot_tensor(found, layer, slot))
            return fail(error, BAD_USAGE, "%s: %s has no weight beside it", vit->model.path,
                bias->name);
    }
    return 0;
}

/* All blocks are of one kind: what one has that another lacks was lost, or is not understood.
 */
static int check_alike(
    const struct vit *vit, const struct vit_found *found, size_t layer, struct error *error)
{
    for (int slot = GLOBAL_SLOTS; slot < VIT_SLOTS; slot++) {
        const struct tensor *here = slot_tensor(found, layer, slot);
        const struct tensor *first = slot_tensor(found, 0, slot);
        if (!here != !first)
            return fail(error, BAD_USAGE, "%s: block %zu has no counterpart of %s",
                vit->model.path, here ? (size_t)0 : layer, here ? here->name : first->name);
    }
    return 0;
}

/* Tensors that must be there: of every block, and where another is. */
static int check_present(
    const struct vit *vit, const struct vit_found *found, struct error *error)
{
    static const struct {
        int slot;
        const char *what;
    } due[] = { { NORM1_WEIGHT, "norm before its attention" },
        { PROJ_WEIGHT, "projection behind its attention" },
        { NORM2_WEIGHT, "norm before its MLP" }, { FC1_WEIGHT, "first layer of its MLP" },
        { FC2_WEIGHT, "second layer of its MLP" } };
    for (size_t layer = 0; layer < found->layers; layer++) {
        for (size_t i = 0; i < sizeof due / sizeof *due; i++)
            if (!slot_tensor(found, layer, due[i].slot))
                return fail(error, BAD_USAGE, "%s: block %zu has no %s", vit->model.path, layer,
                    due[i].what);
        const bool apart = slot_tensor(found, layer, Q_WEIGHT)
                           && slot_tensor(found, layer, K_WEIGHT)
                           && slot_tensor(found, layer, V_WEIGHT);
        if (!slot_tensor(found, layer, QKV_WEIGHT) && !apart)
            return fail(
                error, BAD_USAGE, "%s: block %zu has no q, k and v", vit->model.path, layer);
        int status = check_pairs(vit, found, layer, error);
        if (status == 0)
            status = check_alike(vit, found, layer, error);
        if (status < 0)
            return status;
    }
    return 0;
}

/* Room for every tensor that isn't f32 in place. */
static size_t floats_to_convert(const struct vit_found *found)
{
    size_t count = 0;
    for (size_t layer = 0; layer < found->layers; layer++)
        for (int slot = layer ? GLOBAL_SLOTS : 0; slot < VIT_SLOTS; slot++) {
            const struct tensor *tensor = slot_tensor(found, layer, slot);
            if (tensor && tensor->type != TENSOR_OTHER && !tensor_in_place(tensor))
                count += (tensor->count + 15) & ~(size_t)15;
        }
    return count;
}

static const float *take(const struct tensor *tensor, float **room)
{
    if (!tensor || tensor->type == TENSOR_OTHER || tensor->count == 0)
        return NULL;
    const float *in_place = tensor_in_place(tensor);
    if (in_place)
        return in_place;
    float *values = *room;
    tensor_to_floats(tensor, values);
    *room += (tensor->count + 15) & ~(size_t)15;
    return values;
}

static int take_weights(struct vit *vit, const struct vit_found *found, struct error *error)
{
    const size_t count = floats_to_convert(found);
    vit->blocks = calloc(found->layers, sizeof *vit->blocks);
    vit->converted = count ? aligned_alloc(64, count * sizeof(float)) : NULL;
    if (!vit->blocks || (count && !vit->converted))
        return fail_memory(error, count * sizeof(float));
    float *room = vit->converted;
    for (int slot = 0; slot < GLOBAL_SLOTS; slot++)
        vit->global[slot] = take(found->global[slot], &room);
    for (size_t layer = 0; layer < found->layers; layer++)
        for (int slot = 0; slot < BLOCK_SLOTS; slot++)
            vit->blocks[layer][slot] = take(found->blocks[layer][slot], &room);
    return 0;
}

int vit_understand(
    struct vit *vit, const struct vit_wishes *wishes, bool weights, struct error *error)
{
    struct vit_found *found = NULL;
    int status = vit_find(&vit->model.tensors, wishes->state, &found, error);
    if (status == 0)
        status = vit_configure(vit, found, wishes, error);
    if (status == 0)
        status = check_present(vit, found, error);
    if (status == 0)
        status = check_shapes(vit, found, error);
    if (status == 0 && weights)
        status = take_weights(vit, found, error);
    vit_found_free(found);
    return status < 0 ? model_blame(&vit->model, status, error) : 0;
}

int vit_open_model(struct model *model, const char *name, struct error *error)
{
    return model_open(model, name, "SACCADE_VIT", "vit-cifar10-p4", error);
}

int vit_open(
    struct vit *vit, const char *name, const struct vit_wishes *wishes, struct error *error)
{
    memset(vit, 0, sizeof *vit);
    int status = vit_open_model(&vit->model, name, error);
    if (status < 0)
        return status;
    status = vit_understand(vit, wishes, true, error);
    if (status < 0)
        vit_close(vit);
    return status;
}

void vit_close(struct vit *vit)
{
    free(vit->blocks);
    free(vit->converted);
    model_close(&vit->model);
    memset(vit, 0, sizeof *vit);
}

json_t *vit_describe(const struct vit *vit)
{
    const struct vit_config *config = &vit->config;
    const struct model *model = &vit->model;
    const struct view_rule *rule = &model->input.rule;
    return json_pack("{s:s, s:s, s:[i,i], s:i, s:i, s:i, s:i, s:[i,i], s:o, s:o, s:o}", "model",
        vit->model.name, "family", config->family, "patch", (int)config->patch_rows,
        (int)config->patch_columns, "prefix", (int)config->prefix, "heads", (int)config->heads,
        "layers", (int)config->layers, "dim", (int)config->dim, "input", (int)rule->width,
        (int)rule->height, "mean", model_colour(model, rule->mean), "std",
        model_colour(model, rule->std), "classes", model_classes(model));
}
