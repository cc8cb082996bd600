/*
 * A tiny checkpoint of timm's, edited by a word or two, in a folder of its own; and what
 * opening and running it must hold to.
 */
#ifndef SACCADE_TESTS_TINYVIT_H
#define SACCADE_TESTS_TINYVIT_H

#include "common/vit.h"
#include "tests/edits.h"

#include <math.h>

/* dim 8, 2 blocks, patches of 4x4 on a grid of 2x2, hidden 16, 3 classes */
static const char *const base[][2] = {
    { "cls_token", "[1,1,8]" },
    { "pos_embed", "[1,5,8]" },
    { "patch_embed.proj.weight", "[8,3,4,4]" },
    { "patch_embed.proj.bias", "[8]" },
    { "norm.weight", "[8]" },
    { "norm.bias", "[8]" },
    { "head.weight", "[3,8]" },
    { "head.bias", "[3]" },
};

static const char *const block[][2] = {
    { "norm1.weight", "[8]" },
    { "norm1.bias", "[8]" },
    { "attn.qkv.weight", "[24,8]" },
    { "attn.qkv.bias", "[24]" },
    { "attn.proj.weight", "[8,8]" },
    { "attn.proj.bias", "[8]" },
    { "norm2.weight", "[8]" },
    { "norm2.bias", "[8]" },
    { "mlp.fc1.weight", "[16,8]" },
    { "mlp.fc1.bias", "[16]" },
    { "mlp.fc2.weight", "[8,16]" },
    { "mlp.fc2.bias", "[8]" },
};

enum {
    BASE = sizeof base / sizeof *base,
    BLOCK = sizeof block / sizeof *block,
    TENSORS = BASE + 2 * BLOCK
};

#define HEADS_OF_TWO "{\"model_args\":{\"num_heads\":2}}"

static inline void set_up(void)
{
    make_folder();
    unsetenv("SACCADE_VIT");
}

static inline void tensor_of_base(size_t i, char name[64], const char **shape)
{
    if (i < BASE)
        snprintf(name, 64, "%s", base[i][0]);
    else
        snprintf(name, 64, "blocks.%zu.%s", (i - BASE) / BLOCK, block[(i - BASE) % BLOCK][0]);
    *shape = i < BASE ? base[i][1] : block[(i - BASE) % BLOCK][1];
}

static inline void add_base(const char *prefix, const char *edits)
{
    char name[64];
    const char *shape;
    for (size_t i = 0; i < TENSORS; i++) {
        tensor_of_base(i, name, &shape);
        add_edited(prefix, name, shape, edits);
    }
    add_extra(prefix, edits);
}

static inline void write_base(const char *prefix, const char *edits)
{
    tensorfile_begin(&file, NULL);
    add_base(prefix, edits);
    tensorfile_write(&file, inside("x.safetensors"));
}

static inline int open_it(
    struct vit *vit, const char *config, const struct vit_wishes *wishes, struct error *error)
{
    remove(inside("x.json"));
    if (config)
        put_text(inside("x.json"), config);
    error->text[0] = '\0';
    const int status = vit_open(vit, inside("x.safetensors"), wishes, error);
    if (status < 0) { /* one line that names the file, and nothing left to free */
        ck_assert_msg(strncmp(error->text, folder, strlen(folder)) == 0, "%s", error->text);
        ck_assert_ptr_null(strchr(error->text, '\n'));
        ck_assert(!vit->blocks && !vit->model.path);
    }
    return status;
}

/* Two pictures through what was opened: numbers come out, and memory is as large as planned. */
static inline void run_forward(const struct vit *vit)
{
    const struct vit_config *config = &vit->config;
    const size_t h = vit->model.input.rule.height, w = vit->model.input.rule.width;
    const size_t t = config->prefix + h / config->patch_rows * (w / config->patch_columns);
    struct threads *threads;
    struct error error;
    struct vit_pass *pass = NULL;
    float *input = calloc(3 * h * w, sizeof *input);
    float *logits = calloc(2 * vit->model.classes + 1, sizeof *logits);
    float *attention = calloc(2 * config->heads * t * t, sizeof *attention);
    ck_assert(input && logits && attention && config->layers <= 3);
    for (size_t i = 0; i < 3 * h * w; i++)
        input[i] = (float)(i % 17) / 17.0f;
    float *attentions[6] = { attention, attention + config->heads * t * t };
    float *outputs[2] = { logits, logits + vit->model.classes };
    const float *inputs[2] = { input, input };
    ck_assert_int_eq(threads_create(&threads, 2, &error), 0);
    ck_assert_int_eq(vit_prepare(vit, &pass,
                         &(struct vit_plan){
                             .batch = 2, .height = h, .width = w, .lowest = VIT_NO_GRADIENT },
                         threads, &error),
        0);
    vit_forward(vit, pass, inputs, 2,
        &(struct vit_outputs){ .attention = attentions, .logits = outputs });
    for (size_t i = 0; i < 2 * vit->model.classes; i++)
        ck_assert(isfinite(logits[i]));
    for (size_t i = 0; i < config->heads * t * t; i++)
        ck_assert(attention[i] >= 0 && attention[i] <= 1);
    vit_pass_free(pass);
    threads_free(threads);
    free(input);
    free(logits);
    free(attention);
}

#endif
