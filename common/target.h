/*
 * The class whose logit is explained: -g pred, true, an index, or a class name of the model.
 */
#ifndef SACCADE_TARGET_H
#define SACCADE_TARGET_H

#include "common/model.h"

struct target {
    enum { TARGET_NONE, TARGET_PRED, TARGET_TRUE, TARGET_CLASS } kind;
    size_t index; /* of TARGET_CLASS */
};

/*
 * Reads what -g says (NULL or "none": TARGET_NONE). A name is a class's whole name or one of
 * the synonyms that commas part in it, in any case. BAD_USAGE where the model has no head, no
 * such class, or several of that name, saying what there is.
 */
int target_parse(
    const char *text, const struct model *model, struct target *target, struct error *error);

enum { TARGET_LIKELIEST = -1 };

/* The class for one sample, or TARGET_LIKELIEST. BAD_SAMPLE where the true one is asked for and
 * the sample has no cls, or one that the model lacks. */
int target_of_sample(const struct target *target, const struct model *model,
    const struct sample *sample, int64_t *wanted, struct error *error);

/* wanted as an index into logits[C]: itself, or the likeliest class. */
size_t target_index(const float *logits, size_t classes, int64_t wanted);

/* model.json's "target": index, name, logit, prob (softmax); null where logits are no numbers.
 */
json_t *target_json(const struct model *model, const float *logits, size_t index);

#endif
