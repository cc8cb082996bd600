/*
 * A checkpoint and what lies beside it: found by name, opened, not yet understood.
 */
#ifndef SACCADE_MODEL_H
#define SACCADE_MODEL_H

#include "common/input.h"
#include "formats/tensors.h"

/* One line of --info: what was understood, and from what. */
struct evidence {
    char field[20], value[108], why[128];
};

enum { MAX_EVIDENCE = 32 };

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

    /* Filled in by whoever understands the tensors. */
    size_t classes; /* of its logits; 0: no head */
    struct input_model input;
    struct evidence evidence[MAX_EVIDENCE];
    size_t evidence_count;
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

/* Puts the checkpoint's path before what the error says, where it isn't there; gives kind. */
int model_blame(const struct model *model, int kind, struct error *error);

/* Adds a line of evidence, fit for a terminal and a column of a TSV. */
void model_note(struct model *model, const char *field, const char *why, const char *format,
    ...) __attribute__((format(printf, 4, 5)));

/* Class name by index, or NULL: from id2label, timm's label_names or labels.tsv. */
const char *model_class_name(const struct model *model, size_t index);

/* The names in a labels.tsv: lines of class index from 0, in order, anything, name, with tabs
 * between. The caller's to json_decref, also after an error: BAD_INPUT, BAD_SYSTEM. */
int model_read_labels(const char *path, json_t **labels, struct error *error);

/* Reads all weights, to find whom to blame where a pass gave no finite numbers. BAD_INPUT names
 * the first tensor that holds a NaN or an infinity; 0 where none does. */
int model_check_finite(const struct model *model, struct error *error);

/* Prints all evidence as TSV, under a heading line. */
void model_print_info(const struct model *model);

/* mean or std as an array for __stream__/model, null where they are not known. */
json_t *model_colour(const struct model *model, const float values[3]);

/* All class names, null where one isn't known: for __stream__/model. */
json_t *model_classes(const struct model *model);

/*
 * Names as checkpoints have them: of_state gives the name behind "STATE." (all of it where
 * state is ""), or NULL for a tensor of another state dict, or, where state is "", of
 * "optimizer.". choose_state: wish (--state), else the first that is there of DINO's teacher
 * and the usual wrappers, else "". BAD_USAGE: no such state dict.
 */
const char *model_of_state(const char *name, const char *state);
int model_choose_state(
    const struct tensors *tensors, const char *wish, char state[64], struct error *error);

/* Where a family's rule is told (timm's pretrained_cfg or preprocessor_config.json), and what
 * its published models share where it isn't. */
struct rule_habit {
    enum { RULE_TIMM, RULE_PREPROCESSOR } source;
    enum view_fit fit;
    enum view_flavour flavour;
    enum resample_filter filter;
    double crop;             /* input side / side before the crop */
    const float *mean, *std; /* NULL: it differs from model to model */
};

extern const float imagenet_mean[3], imagenet_std[3], clip_mean[3], clip_std[3];
extern const float half_of_range[3];

/* Sets model->input for an input of width x height, and its evidence; why: of the habit.
 * BAD_USAGE where a configuration says what isn't understood. */
int model_infer_rule(struct model *model, const struct rule_habit *habit, const char *why,
    uint32_t width, uint32_t height, struct error *error);

#endif
