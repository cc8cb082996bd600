/* What a checkpoint's names, shapes and configuration say of the model, field by field. */
#include "common/vit_infer.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 1 << 14, MAX_DIM = 1 << 16 };

const struct tensor *infer_block(const struct inference *in, size_t layer, int slot)
{
    return in->found->blocks[layer][slot - GLOBAL_SLOTS];
}

const char *infer_text(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : otherwise;
}

const char *infer_source(const struct inference *in, const char *key, char room[128])
{
    snprintf(room, 128, "%s %s",
        in->vit->model.config_source ? in->vit->model.config_source : "no configuration", key);
    return room;
}

bool infer_named(const struct inference *in, const char *glob)
{
    return fnmatch(glob, in->architecture, 0) == 0;
}

bool infer_is_family(const struct inference *in, const char *glob)
{
    return fnmatch(glob, in->config->family, 0) == 0;
}

/* Whether what a configuration says of the width and the blocks is so; what it leaves out is.
 */
static bool shapes_agree(const struct inference *in, const json_t *config)
{
    static const char *const widths[] = { "hidden_size", "num_features", "embed_dim" };
    static const char *const depths[] = { "num_hidden_layers", "depth" };
    const struct tensor *patch = in->found->global[PATCH_WEIGHT];
    bool agree = true;
    for (size_t i = 0; i < 3; i++) {
        const json_t *width = json_object_get(config, widths[i]);
        agree &= !json_is_integer(width) || !patch || patch->rank < 1
                 || json_integer_value(width) == (json_int_t)patch->shape[0];
    }
    for (size_t i = 0; i < 2; i++) {
        const json_t *depth = json_object_get(config, depths[i]);
        agree &= !json_is_integer(depth)
                 || json_integer_value(depth) == (json_int_t)in->found->layers;
    }
    return agree;
}

/* A configuration of the directory's that speaks of another model is left out. */
static int check_agreement(struct inference *in)
{
    struct model *model = &in->vit->model;
    const json_t *vision = json_object_get(model->config, "vision_config");
    if (shapes_agree(in, model->config) && shapes_agree(in, vision)
        && shapes_agree(in, json_object_get(model->config, "model_args")))
        return 0;
    if (!model->beside)
        return fail(in->error, BAD_USAGE, "%s is of a model of another width or depth",
            model->config_source);
    model_note(&in->vit->model, "configuration", "it is of a model of another width or depth",
        "%s is not taken", model->config_source);
    json_decref(model->config);
    json_decref(model->preprocessor);
    model->config = model->preprocessor = NULL;
    return 0;
}

static void choose_json(struct inference *in)
{
    const json_t *config = in->vit->model.config;
    const json_t *vision = json_object_get(config, "vision_config");
    in->json = json_is_object(vision) ? vision : config;
    in->arguments = json_object_get(config, "model_args");
    in->architecture = infer_text(config, "architecture", "");
    in->type = infer_text(config, "model_type", "");
}

/* Which of the families that share names. */
static int infer_family(struct inference *in)
{
    struct vit_config *config = in->config;
    const struct vit_found *found = in->found;
    const bool scaled = found->layers > 0 && infer_block(in, 0, SCALE1);
    const char *family = found->family, *why = "names of tensors";
    if (strcmp(family, "timm") == 0) {
        const bool bare = !in->vit->model.config;
        if (found->hub_registers
            || (bare && tensors_find(&in->vit->model.tensors, "mask_token")))
            family = "dinov2", why = "register_tokens or mask_token, as in the hub's files";
        else if (strcmp(found->state, "teacher") == 0 || strcmp(found->state, "student") == 0)
            family = "dino", why = "a training checkpoint's state dicts";
        else if (bare && !found->global[HEAD_WEIGHT] && !found->global[FC_NORM_WEIGHT]
                 && !found->global[PRE_NORM_WEIGHT] && found->global[CLASS_TOKEN])
            family = "dino", why = "timm's names, no head and no configuration";
        else if (*in->architecture)
            why = in->architecture;
    } else if (strcmp(family, "hf") == 0) {
        family = strcmp(in->type, "vit_mae") == 0    ? "hf-vit-mae"
                 : found->global[DISTILLATION_TOKEN] ? "hf-deit"
                 : found->global[REGISTERS]          ? "hf-dinov2-registers"
                 : scaled                            ? "hf-dinov2"
                                                     : "hf-vit";
    } else if (strcmp(family, "clip") == 0) {
        family = found->global[CLASS_TOKEN] ? "hf-clip" : "hf-siglip";
        why = found->global[CLASS_TOKEN] ? "a class embedding" : "no class embedding";
    }
    config->family = family;
    model_note(&in->vit->model, "family", why, "%s", family);
    if (*found->state)
        model_note(&in->vit->model, "state",
            in->wishes->state ? "--state" : "of a training checkpoint", "%s", found->state);
    if (infer_named(in, "*_rpn_*"))
        return fail(in->error, BAD_USAGE,
            "%s: normalises behind its branches, not before them: not supported",
            in->architecture);
    return 0;
}

static int infer_shapes(struct inference *in)
{
    struct vit_config *config = in->config;
    const struct tensor *patch = in->found->global[PATCH_WEIGHT];
    if (patch->rank != 4 || patch->shape[1] != 3 || patch->shape[2] < 1 || patch->shape[3] < 1
        || patch->shape[2] > MAX_SIDE || patch->shape[3] > MAX_SIDE || patch->shape[0] < 1
        || patch->shape[0] > MAX_DIM) {
        char shape[100];
        return fail(in->error, BAD_USAGE, "%s %s: takes [dim, 3, rows, columns]", patch->name,
            tensor_shape_text(patch, shape, sizeof shape));
    }
    config->dim = patch->shape[0];
    config->patch_rows = patch->shape[2];
    config->patch_columns = patch->shape[3];
    config->layers = in->found->layers;
    if (config->layers == 0 || !infer_block(in, 0, FC1_WEIGHT)
        || !infer_block(in, 0, FC2_WEIGHT))
        return fail(in->error, BAD_USAGE, "has no blocks with an MLP");
    const struct tensor *fc1 = infer_block(in, 0, FC1_WEIGHT),
                        *fc2 = infer_block(in, 0, FC2_WEIGHT);
    if (fc1->rank != 2 || fc2->rank != 2 || fc2->shape[1] < 1 || fc2->shape[1] > MAX_DIM * 8u)
        return fail(in->error, BAD_USAGE, "%s and %s: take [hidden, dim] and [dim, hidden]",
            fc1->name, fc2->name);
    config->hidden = fc2->shape[1];
    config->gated = infer_block(in, 0, GATE_WEIGHT) || fc1->shape[0] == 2 * config->hidden;
    model_note(&in->vit->model, "layers", "names of tensors", "%zu", config->layers);
    model_note(&in->vit->model, "dim", patch->name, "%zu", config->dim);
    model_note(&in->vit->model, "hidden", fc2->name, "%zu", config->hidden);
    model_note(&in->vit->model, "patch", patch->name, "%zux%zu", config->patch_columns,
        config->patch_rows);
    return 0;
}

/* Widths whose heads are not of 64, in all published models of that width (timm's list). */
static size_t heads_by_width(size_t dim)
{
    static const size_t sixteen[] = { 1152, 1280, 1408, 1664 };
    for (size_t i = 0; i < sizeof sixteen / sizeof *sixteen; i++)
        if (dim == sixteen[i])
            return 16;
    return 0;
}

static size_t heads_by_architecture(const struct inference *in)
{
    static const struct {
        const char *glob;
        size_t heads;
    } known[] = {
        { "vit_base_patch16_gap_224", 16 },
        { "vit_giantopt_*", 16 },
        { "test_vit3", 3 },
        { "test_vit4", 3 },
        { "test_vit*", 2 },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (infer_named(in, known[i].glob))
            return known[i].heads;
    return 0;
}

static int infer_heads(struct inference *in)
{
    struct vit_config *config = in->config;
    char room[128];
    const struct tensor *q_norm = infer_block(in, 0, Q_NORM_WEIGHT);
    const json_int_t timm = json_integer_value(json_object_get(in->arguments, "num_heads"));
    const json_int_t face =
        json_integer_value(json_object_get(in->json, "num_attention_heads"));
    const char *why = "--num-heads";
    size_t heads = in->wishes->heads;
    if (!heads && q_norm && q_norm->count > 0)
        heads = config->dim / q_norm->count, why = q_norm->name;
    if (!heads && timm > 0)
        heads = (size_t)timm, why = infer_source(in, "model_args.num_heads", room);
    if (!heads && face > 0)
        heads = (size_t)face, why = infer_source(in, "num_attention_heads", room);
    if (!heads && (heads = heads_by_architecture(in)) > 0)
        why = in->architecture;
    if (!heads && (heads = heads_by_width(config->dim)) > 0)
        why = "as in every published model of this width";
    if (!heads && config->dim % 64 == 0)
        heads = config->dim / 64, why = "dim / 64: nothing says otherwise";
    if (!heads)
        return fail(in->error, BAD_USAGE,
            "the number of heads is not in the shapes and no configuration says it: say "
            "--num-heads N");
    if (config->dim % heads != 0)
        return fail(in->error, BAD_USAGE, "%zu heads (%s) don't divide dim %zu", heads, why,
            config->dim);
    config->heads = heads;
    model_note(&in->vit->model, "heads", why, "%zu", heads);
    return 0;
}

static int infer_prefix(struct inference *in)
{
    struct vit_config *config = in->config;
    const struct tensor *registers = in->found->global[REGISTERS];
    config->class_token = in->found->global[CLASS_TOKEN];
    config->distilled = in->found->global[DISTILLATION_TOKEN];
    config->registers = registers ? registers->count / config->dim : 0;
    config->prefix = config->class_token + config->distilled + config->registers;
    if (config->distilled && !config->class_token)
        return fail(in->error, BAD_USAGE, "has a distillation token and no class token");
    char why[128];
    snprintf(why, sizeof why, "%s%s%zu registers", config->class_token ? "class token, " : "",
        config->distilled ? "distillation token, " : "", config->registers);
    model_note(&in->vit->model, "prefix", why, "%zu", config->prefix);
    return 0;
}

/* A side or two ("img_size": 224 or [h, w]; "input_size": [3, h, w]). */
static bool get_sides(const json_t *value, size_t first, size_t *height, size_t *width)
{
    const bool one = json_is_integer(value);
    const json_int_t h = json_integer_value(one ? value : json_array_get(value, first));
    const json_int_t w = json_integer_value(one ? value : json_array_get(value, first + 1));
    if (h < 1 || w < 1 || h > MAX_SIDE || w > MAX_SIDE)
        return false;
    *height = (size_t)h;
    *width = (size_t)w;
    return true;
}

static size_t square_root(size_t n)
{
    size_t root = 0;
    while ((root + 1) * (root + 1) <= n)
        root++;
    return root * root == n ? root : 0;
}

/* Whether count positions are this grid with none, the special or all prefix tokens. */
static bool fits_grid(struct vit_config *config, size_t count, size_t rows, size_t columns)
{
    const size_t special = (size_t)config->class_token + config->distilled;
    const size_t prefixes[] = { config->prefix, special, 0 };
    for (size_t i = 0; i < 3; i++)
        if (rows > 0 && columns > 0 && count == rows * columns + prefixes[i]) {
            config->pos_prefix = prefixes[i];
            config->pos_rows = rows;
            config->pos_columns = columns;
            return true;
        }
    return false;
}

/* The square that count positions make; false where none or more than one fits. */
static bool fits_square(struct vit_config *config, size_t count)
{
    const size_t special = (size_t)config->class_token + config->distilled;
    const size_t prefixes[] = { config->prefix, special, 0 };
    size_t root = 0;
    for (size_t i = 0; i < 3; i++) {
        const size_t side = count > prefixes[i] ? square_root(count - prefixes[i]) : 0;
        if (side && root && side != root)
            return false;
        root = side ? side : root;
    }
    return root && fits_grid(config, count, root, root);
}

static int infer_positions(struct inference *in)
{
    struct vit_config *config = in->config;
    const struct tensor *positions = in->found->global[POSITIONS];
    const size_t count = positions->count / config->dim;
    const json_t *cfg = json_object_get(in->vit->model.config, "pretrained_cfg");
    const struct {
        const char *name;
        const json_t *value;
        size_t first;
    } says[] = {
        { "model_args.img_size", json_object_get(in->arguments, "img_size"), 0 },
        { "image_size", json_object_get(in->json, "image_size"), 0 },
        { "pretrained_cfg.input_size", json_object_get(cfg, "input_size"), 1 },
        { "input_size", json_object_get(in->json, "input_size"), 1 },
    };
    char room[128];
    const char *why = NULL;
    if (positions->count % config->dim != 0)
        return fail(in->error, BAD_USAGE, "%s: not of dim %zu", positions->name, config->dim);
    for (size_t i = 0; i < sizeof says / sizeof *says && !why; i++) {
        size_t height, width;
        if (get_sides(says[i].value, says[i].first, &height, &width)
            && fits_grid(
                config, count, height / config->patch_rows, width / config->patch_columns))
            why = infer_source(in, says[i].name, room);
    }
    if (!why && fits_square(config, count))
        why = "the square that fits the number of positions";
    if (!why)
        return fail(in->error, BAD_USAGE,
            "%s: %zu positions fit no square grid, and no configuration says which grid: put "
            "\"model_args\": {\"img_size\": [height, width]} into a JSON file beside it",
            positions->name, count);
    model_note(&in->vit->model, "grid", why, "%zux%zu", config->pos_columns, config->pos_rows);
    model_note(&in->vit->model, "prefix positions", positions->name, "%zu", config->pos_prefix);
    config->resize =
        infer_is_family(in, "torchvision") ? RESIZE_CORNERS
        : infer_is_family(in, "dino") || (infer_is_family(in, "dinov2") && !config->registers)
            ? RESIZE_OFFSET
        : infer_is_family(in, "hf-dinov2-registers") ? RESIZE_ANTIALIAS
        : infer_is_family(in, "hf-*")                ? RESIZE_PLAIN
                                                     : RESIZE_ANTIALIAS;
    static const char *const names[] = { "bicubic, antialias", "bicubic",
        "bicubic, scale + 0.1", "bicubic, corners aligned" };
    model_note(&in->vit->model, "position resize", config->family, "%s", names[config->resize]);
    return 0;
}

static int require(struct inference *in)
{
    static const struct {
        int slot;
        const char *name;
    } due[] = { { POSITIONS, "position embedding" }, { PATCH_WEIGHT, "patch embedding" } };
    for (size_t i = 0; i < 2; i++)
        if (!in->found->global[due[i].slot])
            return fail(in->error, BAD_USAGE, "has no %s: not a ViT that we know", due[i].name);
    return 0;
}

int vit_configure(struct vit *vit, const struct vit_found *found,
    const struct vit_wishes *wishes, struct error *error)
{
    struct inference in = {
        .vit = vit, .config = &vit->config, .found = found, .wishes = wishes, .error = error
    };
    static int (*const steps[])(struct inference *) = { require, infer_family, infer_shapes,
        infer_heads, infer_prefix, infer_positions, infer_eps, infer_activation, infer_readout,
        infer_tokens_read, infer_classes };
    const int agrees = check_agreement(&in);
    if (agrees < 0)
        return agrees;
    choose_json(&in);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const int status = steps[i](&in);
        if (status < 0)
            return status;
    }
    return vit_infer_rule(vit, error);
}
