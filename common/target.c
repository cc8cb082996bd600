#include "common/target.h"
#include "common/class_find.h"
#include "common/classes.h"
#include "common/logits.h"

#include <math.h>
#include <string.h>

static const char *class_name(const void *model, size_t index)
{
    return model_class_name(model, index);
}

int target_parse(
    const char *text, const struct model *model, struct target *target, struct error *error)
{
    *target = (struct target){ .kind = TARGET_NONE };
    if (!text || strcmp(text, "none") == 0)
        return 0;
    if (model->classes == 0)
        return fail(error, BAD_USAGE,
            "--grad %.100s: %s has no head that gives logits, so there is nothing to take a "
            "gradient of",
            text, model->name);
    if (strcmp(text, "pred") == 0 || strcmp(text, "true") == 0) {
        target->kind = *text == 'p' ? TARGET_PRED : TARGET_TRUE;
        return 0;
    }
    target->kind = TARGET_CLASS;
    const struct class_list list = { .option = "--grad",
        .words = "pred, true",
        .model = model->name,
        .count = model->classes,
        .name = class_name,
        .of = model };
    return class_find(&list, text, &target->index, error);
}

int target_of_sample(const struct target *target, const struct model *model,
    const struct sample *sample, int64_t *wanted, struct error *error)
{
    *wanted = target->kind == TARGET_CLASS ? (int64_t)target->index : TARGET_LIKELIEST;
    if (target->kind != TARGET_TRUE)
        return 0;
    return label_need(sample, "--grad true", model->name, model->classes, wanted, error);
}

size_t target_index(const float *logits, size_t classes, int64_t wanted)
{
    return wanted >= 0 ? (size_t)wanted : logits_best(logits, classes);
}

json_t *target_json(const struct model *model, const float *logits, size_t index)
{
    const struct softmax softmax = softmax_of(logits, model->classes);
    if (isnan(logits[index]))
        return json_null();
    return json_pack("{s:i, s:s?, s:o, s:o}", "index", (int)index, "name",
        model_class_name(model, index), "logit", json_float(logits[index]), "prob",
        isfinite(softmax.sum) ? json_real(softmax_prob(&softmax, logits[index])) : json_null());
}
