/*
 * What training leaves: a model that can be opened, and the state that it goes on from.
 */
#ifndef SACCADE_CHECKPOINT_H
#define SACCADE_CHECKPOINT_H

#include "common/input.h"
#include "common/optimiser.h"

#include <jansson.h>

/* Of jansson: digits of what is written beside and into a model. */
#define CHECKPOINT_NUMBERS JSON_REAL_PRECISION(15)

struct checkpoint {
    /*
     * DIR, laid out as the hub does: model.safetensors, config.json (timm's, with label_names
     * and pretrained_cfg), preprocessor_config.json (timm's in transformers), labels.tsv,
     * training.json. Or X.safetensors with X.json; the configuration is in the metadata too.
     */
    const char *path;
    const struct params *params;
    const float *values; /* [params->total]: its own, or an average of them */
    bool half;           /* F16 instead of F32 */
    /* timm's: architecture, num_features, model_args, ...; num_classes, label_names and
     * pretrained_cfg are added, the latter over what it has. */
    const json_t *config;
    const struct view_rule *rule; /* of its inputs: settled */
    double crop;
    const char *const *classes; /* names, [class_count]; NULL: they have none */
    size_t class_count;
    const json_t *training; /* how it was trained: an object */
};

/*
 * Before training: whether the model may be written there, and the classes can be named.
 * BAD_USAGE: a directory or a file that holds what finetune didn't write; a class name that is
 * not UTF-8 or has control characters. BAD_SYSTEM: the directory can't be made.
 */
int checkpoint_check(
    const char *path, const char *const *classes, size_t class_count, struct error *error);

/* Before anything is read: whether files can be made there, and what lies there is finetune's,
 * and isn't the base. BAD_SYSTEM, BAD_USAGE. */
int checkpoint_reach(const char *path, struct error *error);
int checkpoint_not_base(const char *path, const char *base, struct error *error);
/* The length of path without .safetensors. */
size_t checkpoint_stem(const char *path);

/*
 * Makes a model's rule one that timm's words can say, so that a reader of config.json makes the
 * very same inputs: to be called before the first one is made. Squashed and padded inputs lose
 * their margin, and a crop from a frame of another shape becomes one from the shorter side.
 * crop: what the rule is written with.
 */
void checkpoint_settle_rule(struct view_rule *rule, double *crop);

/* timm's pretrained_cfg of a settled rule: the caller's to json_decref; NULL: no memory. */
json_t *checkpoint_rule_json(const struct view_rule *rule, double crop);

/*
 * Writes all files beside their places, syncs them, and then gives them their names, the model
 * last: after a cut there is the old model, the new one, or none (where the configuration
 * changed, the old one goes first), but never one with the configuration of another.
 */
int checkpoint_write(const struct checkpoint *checkpoint, struct error *error);

/*
 * The state of a training, one file, whole or not at all: the values, running statistics among
 * them, the optimiser's arenas and steps. recipe: an object with all that decides the bytes
 * (options, seed, data); progress: an object with what else the caller goes on from (epoch,
 * best result).
 */
int state_write(const char *path, const struct params *params, struct optimiser *optimiser,
    const json_t *recipe, const json_t *progress, struct error *error);

/*
 * Reads it back; *progress is the caller's to json_decref. On failure nothing was changed.
 * BAD_INPUT: cut, damaged or not such a file. BAD_USAGE: of another model or recipe, naming the
 * difference. BAD_SYSTEM.
 */
int state_read(const char *path, struct params *params, struct optimiser *optimiser,
    const json_t *recipe, json_t **progress, struct error *error);

/* How far the training is that the state is of, epochs done and all; false: it is none. */
bool state_about(const char *path, uint64_t *epoch, uint64_t *epochs);

/* 1: there is a model at path (of struct checkpoint) that this recipe made, all its epochs
 * done; 0: none, or one whose epochs aren't done. BAD_USAGE: a finished one of another recipe.
 */
int checkpoint_finished(const char *path, const json_t *recipe, struct error *error);

#endif
