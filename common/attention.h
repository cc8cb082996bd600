/*
 * The attention tensors of a sample, as stages that make maps of them read them.
 */
#ifndef SACCADE_ATTENTION_H
#define SACCADE_ATTENTION_H

#include "common/map.h"

enum { ATTENTION_MAX_LAYERS = 256 };

/* --prefix and --grid, for streams whose samples have no model.json. */
struct layout_wish {
    const char *prefix, *grid; /* as given, or NULL */
};
int layout_wish_check(const struct layout_wish *wish, struct error *error);

struct attention {
    size_t layers[ATTENTION_MAX_LAYERS]; /* numbers of those present, ascending */
    size_t count;
    size_t model_layers; /* of the whole model; where unknown or less, the last present + 1 */
    struct layout layout;
    size_t tokens; /* prefix + rows * columns */
};

/* BAD_USAGE where there is none, saying which stage makes it; BAD_SAMPLE where the first
 * layer's shape isn't the layout's. */
int attention_find(const struct sample *sample, const struct layout_wish *wish,
    struct attention *attention, struct error *error);

/* Leaves of the layers present those that --layers LIST names, which counts the model's; all
 * where it is NULL. BAD_USAGE: one that isn't there; "all" means those that are. */
int attention_choose(struct attention *attention, const char *list, struct error *error);

/* Layer LL: *data is f32 [heads, tokens, tokens]. BAD_SAMPLE where its shape doesn't fit. */
int attention_layer(const struct sample *sample, const struct attention *attention,
    size_t layer, size_t *heads, const float **data, struct scratch *scratch,
    struct error *error);

/* The same of attngrad.LL, the gradient of a class's logit: as many heads as attn.LL has. */
int attention_gradient(const struct sample *sample, const struct attention *attention,
    size_t layer, size_t heads, const float **data, struct scratch *scratch,
    struct error *error);

/* tokens.LL, what enters the layer: f32 [tokens, dim]; data NULL where there is none. */
int attention_vectors(const struct sample *sample, const struct attention *attention,
    size_t layer, struct floats *vectors, struct scratch *scratch, struct error *error);

/* Whether every layer from first (below model_layers) to the model's last is there, and its
 * attngrad, which method needs. BAD_USAGE, naming the layer that isn't. */
int attention_check(const struct attention *attention, size_t first, struct error *error);
int attention_check_gradient(const struct sample *sample, const struct attention *attention,
    size_t first, const char *method, struct error *error);

#endif
