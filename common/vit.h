/*
 * Vision Transformers of every family in one form: a configuration inferred from the
 * checkpoint, with the evidence for each field; weights by canonical name; the forward pass.
 *
 * Letters: B pictures, T tokens (P prefix + N patches), D dim, H heads, F hidden, C classes.
 */
#ifndef SACCADE_VIT_H
#define SACCADE_VIT_H

#include "common/model.h"
#include "common/threads.h"
#include "common/view.h"

/* Tensors outside the blocks, then those of each block. */
enum vit_slot {
    CLASS_TOKEN,        /* [D] */
    DISTILLATION_TOKEN, /* [D] */
    REGISTERS,          /* [R, D] */
    POSITIONS,          /* [pos_prefix + pos_rows * pos_columns, D] */
    PATCH_WEIGHT,       /* [D, 3, ph, pw] */
    PATCH_BIAS,         /* [D] */
    PRE_NORM_WEIGHT,
    PRE_NORM_BIAS,
    NORM_WEIGHT,
    NORM_BIAS,
    FC_NORM_WEIGHT,
    FC_NORM_BIAS,
    PRE_LOGITS_WEIGHT, /* [E, D] */
    PRE_LOGITS_BIAS,
    HEAD_WEIGHT, /* [C, what the readout gives] */
    HEAD_BIAS,
    HEAD_DIST_WEIGHT,
    HEAD_DIST_BIAS,
    GLOBAL_SLOTS,

    NORM1_WEIGHT = GLOBAL_SLOTS,
    NORM1_BIAS,
    QKV_WEIGHT, /* [3D, D], or the three apart */
    QKV_BIAS,
    Q_WEIGHT,
    Q_BIAS,
    K_WEIGHT,
    K_BIAS,
    V_WEIGHT,
    V_BIAS,
    Q_NORM_WEIGHT, /* [D / H] */
    Q_NORM_BIAS,
    K_NORM_WEIGHT,
    K_NORM_BIAS,
    PROJ_WEIGHT, /* [D, D] */
    PROJ_BIAS,
    SCALE1, /* [D] */
    NORM2_WEIGHT,
    NORM2_BIAS,
    FC1_WEIGHT, /* [F, D]; gated: [2F, D], or GATE apart */
    FC1_BIAS,
    GATE_WEIGHT, /* [F, D] */
    GATE_BIAS,
    FC2_WEIGHT, /* [D, F] */
    FC2_BIAS,
    SCALE2, /* [D] */
    VIT_SLOTS,
    BLOCK_SLOTS = VIT_SLOTS - GLOBAL_SLOTS
};

enum activation { GELU_ERF, GELU_TANH, GELU_QUICK, SILU, RELU };

enum readout {
    READ_NONE,          /* no head that we compute */
    READ_CLASS,         /* head(class token) */
    READ_CLASS_DIST,    /* (head(class token) + head_dist(distillation token)) / 2 */
    READ_MEAN,          /* head(mean of patches) */
    READ_CLASS_AND_MEAN /* head(class token beside the mean of patches) */
};

/* How a family brings its position embedding to another grid: all bicubic. */
enum position_resize {
    RESIZE_ANTIALIAS, /* timm, Dinov2 with registers: a = -0.5, support widened when shrinking
                       */
    RESIZE_PLAIN,     /* Hugging Face: a = -0.75, no antialias */
    RESIZE_OFFSET,    /* DINO, DINOv2 hub: the scale is (n + 0.1) / old */
    RESIZE_CORNERS    /* torchvision's interpolate_embeddings: corners aligned */
};

enum { MAX_LAYERS = 256 };

struct vit_config {
    const char *family;
    size_t dim, layers, heads, hidden;
    size_t patch_rows, patch_columns;         /* pixels */
    bool class_token, distilled;              /* distilled: has a distillation token */
    size_t registers, prefix;                 /* prefix: tokens before the patches */
    size_t pos_prefix, pos_rows, pos_columns; /* what POSITIONS covers */
    enum position_resize resize;
    float eps;
    enum activation activation;
    bool gated; /* SwiGLU: activation(gate) * value */
    enum readout readout;
    size_t features; /* E: the width behind pre_logits, or D */
    bool final_norm; /* NORM is applied before the readout */
    bool mean;       /* the default query: what the head reads is the mean */
};

struct vit {
    struct model model;
    struct vit_config config;
    const float *global[GLOBAL_SLOTS];   /* NULL where the model lacks it */
    const float *(*blocks)[BLOCK_SLOTS]; /* [layers]; index with slot - GLOBAL_SLOTS */
    void *converted;                     /* f32 copies of what is not stored so */
};

/* What the command line says over what the checkpoint does. */
struct vit_wishes {
    const char *state; /* --state: one of several state dicts; or NULL */
    size_t heads;      /* --num-heads; 0: inferred */
};

/*
 * Opens and understands a checkpoint. BAD_USAGE: not a ViT that we can place, with what is
 * missing, unknown or ambiguous and which option decides; BAD_INPUT: broken; BAD_SYSTEM.
 */
int vit_open(
    struct vit *vit, const char *name, const struct vit_wishes *wishes, struct error *error);
void vit_close(struct vit *vit);

/* The object for the member __stream__/model. */
json_t *vit_describe(const struct vit *vit);

/*
 * The parts of vit_open. vit_open_model opens what name says, or what vit_open takes where it
 * is NULL; vit_understand does the rest, of a vit that is zeros but for its model, which after
 * an error too the caller closes. Without weights no pass can be made of it.
 */
int vit_open_model(struct model *model, const char *name, struct error *error);
int vit_understand(
    struct vit *vit, const struct vit_wishes *wishes, bool weights, struct error *error);

/* Whether a tensor of that state dict is named as a ViT's patch embedding. */
bool vit_is_one(const struct tensors *tensors, const char *state);

/* And those of vit_understand. */
struct vit_found;
int vit_find(const struct tensors *tensors, const char *state, struct vit_found **found,
    struct error *error);
int vit_configure(struct vit *vit, const struct vit_found *found,
    const struct vit_wishes *wishes, struct error *error);
int vit_infer_rule(struct vit *vit, struct error *error);

/* What a checkpoint's names say: which tensor is in which place. */
struct vit_found {
    const char *family;
    const struct tensor *global[GLOBAL_SLOTS];
    const struct tensor *(*blocks)[BLOCK_SLOTS]; /* [MAX_LAYERS] */
    size_t layers;
    bool attention_pool; /* attn_pool.* or head.probe: a head that we pass over */
    bool hub_registers;  /* registers named as DINOv2's hub does */
    char state[64];      /* the state dict that was taken, "" where there is one only */
};
void vit_found_free(struct vit_found *found);

/*
 * Positions for a grid of rows x columns: f32 [P + rows * columns, D], zeros where a prefix
 * token has none, by the family's own resizing (positions.c).
 */
void vit_positions(const struct vit *vit, size_t rows, size_t columns, float *positions);

/*
 * The passes (vit_forward.c, vit_backward.c). A pass is the buffers for one plan.
 */
struct vit_pass;

enum { VIT_NO_GRADIENT = MAX_LAYERS };

struct vit_plan {
    size_t batch;         /* at most so many pictures at once */
    size_t height, width; /* of them, both multiples of the patch */
    size_t lowest;    /* the lowest layer whose gradients will be asked, or VIT_NO_GRADIENT */
    bool training;    /* gradients of weights will be asked too */
    size_t patches;   /* in training: of each picture only so many take part; 0: all */
    const bool *keep; /* [layers]: from lowest on, those whose attention no output will hold, so
                       * that the pass has to; NULL: none. Not looked at after vit_prepare */
};

/* index layer * B + b; each NULL where it isn't wanted. */
struct vit_outputs {
    float *const *attention; /* [layers * B]: f32 [H, T, T] */
    float *const *tokens;    /* [(layers + 1) * B]: f32 [T, D]; or NULL */
    float *const *logits;    /* [B]: f32 [C]; or NULL */
    float *const *act; /* [layers * B]: what norm1 gives, f32 [D, rows, columns]; or NULL */
    /* [layers, 2, B]: what multiplies the attention's and the MLP's branch of each picture,
     * there until the backward pass is done; NULL: 1. */
    const float *drop_path;
    /* [B, patches of the plan]: which they are, row by row, there until the backward pass is
     * done; NULL: all are. */
    const uint32_t *patches;
};

/* Places for the tensors of a model, as struct vit has them; each may be NULL. */
struct vit_slots {
    float *global[GLOBAL_SLOTS];
    float *(*blocks)[BLOCK_SLOTS]; /* [layers] */
};

struct vit_gradients {
    float *const *attention; /* [layers * B]: d target / d attention, f32 [H, T, T]; or NULL */
    float *const *act; /* [layers * B]: d target / d act, f32 [D, rows, columns]; or NULL */
    const struct vit_slots *weights; /* added to; NULL: none are asked */
};

/* Buffers are allocated here, never in a pass. Replaces what *pass was (NULL at first). */
int vit_prepare(const struct vit *vit, struct vit_pass **pass, const struct vit_plan *plan,
    struct threads *threads, struct error *error);
void vit_pass_free(struct vit_pass *pass);
/* Bytes of its buffers. */
size_t vit_pass_bytes(const struct vit_pass *pass);
/* To be called when positions or the tokens before the patches have changed since. */
void vit_refresh(const struct vit *vit, struct vit_pass *pass);

/* inputs: B arrays f32 [3, height, width]. */
void vit_forward(const struct vit *vit, struct vit_pass *pass, const float *const *inputs,
    size_t batch, const struct vit_outputs *outputs);

/*
 * After a forward pass of the same batch, whose attention outputs must still be as it left
 * them. logit_gradients [B, C]: d target / d logits (one-hot for one class's logit). Goes down
 * to the plan's lowest layer and no further, but for wanted weights before the blocks.
 */
void vit_backward(const struct vit *vit, struct vit_pass *pass, size_t batch,
    const float *logit_gradients, const struct vit_gradients *gradients);

/* Whether the last forward pass gave finite numbers. */
bool vit_is_finite(const struct vit *vit, const struct vit_pass *pass, size_t batch);

#endif
