/*
 * A checkpoint and what lies beside it: found by name, opened, not yet understood.
 */
#ifndef SACCADE_MODEL_H
#define SACCADE_MODEL_H

#include "formats/tensors.h"

struct model {
    struct tensors tensors;                          /* mapped */
    json_t *config;                                  /* the configuration, or NULL */
    json_t *preprocessor;                            /* preprocessor_config.json, or NULL */
    const char *config_source, *preprocessor_source; /* for --info; owned */
    bool beside; /* the configuration is the directory's and counts only where shapes agree */
    char *path;  /* of the checkpoint, for messages */
    char *name;  /* NAME:CRC */
    json_t *labels; /* array of class names from a labels.tsv beside it, or NULL */
    char sources[2][512];
};

/*
 * Opens MODEL: a file (.safetensors, or PyTorch's .pth, .pt, .bin, .th), a directory as the hub
 * lays it out, or a bare name looked up in $SACCADE_MODELS (colon-separated), then among the
 * models that come with saccade. NULL: what $variable names, then fallback among the latter.
 * For a file X.safetensors or X.pth the configuration is X.json, then its __metadata__ (key
 * "config"), then config.json beside it where X is the directory's only checkpoint; for a
 * directory config.json, then the metadata.
 *
 * NAME is the file's name without its ending; where that is the hub's generic one ("model",
 * "pytorch_model"), the directory's. CRC is the CRC-32, in hex, of the safetensors header or of
 * PyTorch's pickle (of all in order, if sharded).
 *
 * BAD_SYSTEM: not found or not readable, saying where it was looked for; BAD_INPUT: broken.
 */
int model_open(struct model *model, const char *name, const char *variable,
    const char *fallback, struct error *error);
void model_close(struct model *model);

#endif
