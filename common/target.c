#include "common/target.h"
#include "common/classes.h"
#include "common/option.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Whether text is name, or one of the synonyms in it ("tabby, tabby cat"). */
static bool is_name(const char *text, const char *name)
{
    const size_t length = strlen(text);
    if (strcasecmp(text, name) == 0)
        return true;
    for (const char *at = name; at; at = strchr(at, ',')) {
        at += strspn(at, ", ");
        if (strncasecmp(at, text, length) == 0 && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

/* Names of the first classes that find says yes to, for a message. */
static size_t list_classes(const struct model *model, const char *text,
    bool (*find)(const char *text, const char *name), char *to, size_t room)
{
    size_t found = 0, n = 0;
    *to = '\0';
    for (size_t c = 0; c < model->classes; c++) {
        const char *name = model_class_name(model, c);
        if (!name || !find(text, name))
            continue;
        if (found++ < 5 && n < room)
            n += (size_t)snprintf(to + n, room - n, "%s%zu \"%.40s\"", n ? ", " : "", c, name);
    }
    return found;
}

static bool is_part(const char *text, const char *name)
{
    return strcasestr(name, text) != NULL;
}

static int find_class(
    const char *text, const struct model *model, struct target *target, struct error *error)
{
    char list[400];
    const size_t found = list_classes(model, text, is_name, list, sizeof list);
    for (size_t c = 0; c < model->classes && found == 1; c++) {
        const char *name = model_class_name(model, c);
        if (name && is_name(text, name)) {
            target->index = c;
            return 0;
        }
    }
    if (found > 1)
        return fail(error, BAD_USAGE, "--grad %.100s: %zu classes of %s have that name: %s",
            text, found, model->name, list);
    if (!model_class_name(model, 0))
        return fail(error, BAD_USAGE,
            "--grad %.100s: takes pred, true or an index: the class names of %s are not known "
            "(id2label in its configuration would tell, or a labels.tsv where no other model "
            "lies: see saccade(7))",
            text, model->name);
    if (*text && list_classes(model, text, is_part, list, sizeof list) > 0)
        return fail(error, BAD_USAGE,
            "--grad %.100s: no class of %s has that name; near it: %s", text, model->name,
            list);
    return fail(error, BAD_USAGE,
        "--grad %.100s: takes pred, true, an index or a class name: %s has no such class", text,
        model->name);
}

static int find_index(
    const char *text, const struct model *model, struct target *target, struct error *error)
{
    uint64_t index;
    const int status = parse_count("--grad", text, 0, 1e9, &index, error);
    if (status < 0)
        return status;
    if (index >= model->classes)
        return fail(error, BAD_USAGE, "--grad %s: %s has %zu classes, from 0 to %zu", text,
            model->name, model->classes, model->classes - 1);
    target->index = (size_t)index;
    return 0;
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
    return text[strspn(text, "0123456789")] == '\0' && *text
               ? find_index(text, model, target, error)
               : find_class(text, model, target, error);
}

int target_of_sample(const struct target *target, const struct model *model,
    const struct sample *sample, int64_t *wanted, struct error *error)
{
    *wanted = target->kind == TARGET_CLASS ? (int64_t)target->index : TARGET_LIKELIEST;
    if (target->kind != TARGET_TRUE)
        return 0;
    const int found = label_read(sample, wanted, error);
    if (found < 0)
        return found;
    if (found == 0)
        return fail(error, BAD_USAGE,
            "has no cls, so --grad true has no class: see preprocess --labels");
    if (*wanted < 0 || *wanted >= (int64_t)model->classes)
        return fail(error, BAD_SAMPLE, "cls is %lld, %s has %zu classes", (long long)*wanted,
            model->name, model->classes);
    return 0;
}

size_t target_index(const float *logits, size_t classes, int64_t wanted)
{
    size_t best = 0;
    if (wanted >= 0)
        return (size_t)wanted;
    for (size_t c = 1; c < classes; c++)
        best = logits[c] > logits[best] ? c : best;
    return best;
}

json_t *target_json(const struct model *model, const float *logits, size_t index)
{
    const double largest = (double)logits[target_index(logits, model->classes, -1)];
    double sum = 0;
    if (isnan(logits[index]))
        return json_null();
    for (size_t c = 0; c < model->classes; c++)
        sum += exp((double)logits[c] - largest);
    return json_pack("{s:i, s:s?, s:o, s:o}", "index", (int)index, "name",
        model_class_name(model, index), "logit", json_float(logits[index]), "prob",
        isfinite(sum) ? json_real(exp((double)logits[index] - largest) / sum) : json_null());
}
