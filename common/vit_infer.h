/*
 * Inside the inference of a ViT's configuration: vit_config.c has what names and shapes say,
 * vit_traits.c what only a configuration, or what a family's models share, can tell.
 */
#ifndef SACCADE_VIT_INFER_H
#define SACCADE_VIT_INFER_H

#include "common/vit.h"

/* What is being worked out, and the parts of the configuration that speak of it. */
struct inference {
    struct vit *vit;
    struct vit_config *config;
    const struct vit_found *found;
    const struct vit_wishes *wishes;
    const json_t *json;       /* config.json, or its vision_config; NULL: none */
    const json_t *arguments;  /* timm's model_args */
    const char *architecture; /* timm's, "" where unknown */
    const char *type;         /* Hugging Face's model_type, or "" */
    struct error *error;
};

/* The tensor in a block's slot, or NULL. */
const struct tensor *infer_block(const struct inference *in, size_t layer, int slot);
/* A string of a configuration's. */
const char *infer_text(const json_t *object, const char *key, const char *otherwise);
/* "config.json KEY", for the evidence. */
const char *infer_source(const struct inference *in, const char *key, char room[128]);
/* Whether timm's architecture, or the family, matches a glob. */
bool infer_named(const struct inference *in, const char *glob);
bool infer_is_family(const struct inference *in, const char *glob);

/* One step each: 0, or BAD_USAGE with what is unknown and what decides it. */
int infer_eps(struct inference *in);
int infer_activation(struct inference *in);
int infer_readout(struct inference *in);
int infer_tokens_read(struct inference *in); /* they must be there */
int infer_classes(struct inference *in);

#endif
