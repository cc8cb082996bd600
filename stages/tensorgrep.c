/* tensorgrep: reads samples, writes those of which something is known: wrong, right, unsure. */
#include "common/class_find.h"
#include "common/classes.h"
#include "common/logits.h"
#include "common/stage.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct options {
    bool wrong, right, invert;
    const char *label, *prediction;
    double least, most; /* NaN: not asked for */
    uint64_t limit;
};

static const struct option_row rows[] = {
    { 0, "wrong", OPTION_FLAG, NULL, "keep samples whose likeliest class isn't the true one",
        offsetof(struct options, wrong), 0, 0, false },
    { 0, "right", OPTION_FLAG, NULL, "keep samples whose likeliest class is the true one",
        offsetof(struct options, right), 0, 0, false },
    { 0, "true", OPTION_TEXT, "CLASS", "keep samples of that class, an index or a name",
        offsetof(struct options, label), 0, 0, false },
    { 0, "pred", OPTION_TEXT, "CLASS", "keep samples whose likeliest class is that",
        offsetof(struct options, prediction), 0, 0, false },
    { 0, "min-prob", OPTION_NUMBER, "P",
        "keep samples whose likeliest class has at least that probability",
        offsetof(struct options, least), 0, 1, false },
    { 0, "max-prob", OPTION_NUMBER, "P",
        "keep samples whose likeliest class has at most that probability",
        offsetof(struct options, most), 0, 1, false },
    { 0, "invert", OPTION_FLAG, NULL, "keep samples for which not all of that holds",
        offsetof(struct options, invert), 0, 0, false },
    { 'n', "limit", OPTION_COUNT, "N", "keep the first N of those only",
        offsetof(struct options, limit), 1, 1e15, false },
    OPTION_END,
};

/* A CLASS of the command line, as an index of the model that the last sample was of. */
struct wanted {
    const char *option, *text;
    char *model;
    bool known;
    size_t index;
};

struct tensorgrep {
    struct classes classes;
    struct scratch scratch;
    struct wanted label, prediction;
    uint64_t kept;
};

static bool asks_prob(const struct options *options)
{
    return !isnan(options->least) || !isnan(options->most);
}

static bool asks_logits(const struct options *options)
{
    return options->wrong || options->right || options->prediction || asks_prob(options);
}

static int open_tensorgrep(struct run *run, struct error *error)
{
    const struct options *options = run->options;
    struct tensorgrep *state = run->state = calloc(1, sizeof *state);
    if (!state)
        return fail_memory(error, sizeof *state);
    state->label = (struct wanted){ .option = "--true", .text = options->label };
    state->prediction = (struct wanted){ .option = "--pred", .text = options->prediction };
    if (options->wrong && options->right)
        return fail(error, BAD_USAGE, "--wrong and --right: no sample is both");
    if (options->least > options->most)
        return fail(error, BAD_USAGE, "--min-prob %g: is over --max-prob %g", options->least,
            options->most);
    if (options->invert && !asks_logits(options) && !options->label)
        return fail(error, BAD_USAGE, "--invert: of what? It takes another option beside it");
    return 0;
}

static void close_tensorgrep(struct run *run)
{
    struct tensorgrep *state = run->state;
    if (!state)
        return;
    classes_free(&state->classes);
    free(state->scratch.bytes);
    free(state->label.model);
    free(state->prediction.model);
    free(state);
}

static int note_model(
    struct run *run, const char *name, const struct member *member, struct error *error)
{
    struct tensorgrep *state = run->state;
    if (strcmp(name, "model") != 0)
        return 0;
    state->label.known = state->prediction.known = false;
    return classes_add(&state->classes, member, error);
}

struct known_names {
    const struct classes *classes;
    const char *model;
};

static const char *known_name(const void *of, size_t index)
{
    const struct known_names *names = of;
    return classes_name(names->classes, names->model, index);
}

/* wanted->index for a sample of that model, which may be NULL. */
static int find_wanted(
    struct tensorgrep *state, struct wanted *wanted, const char *model, struct error *error)
{
    if (wanted->known
        && (model ? wanted->model && strcmp(wanted->model, model) == 0 : !wanted->model))
        return 0;
    const struct known_names names = { &state->classes, model };
    const struct class_list list = { .option = wanted->option,
        .model = model ? model : "its model",
        .count = classes_count(&state->classes, model),
        .name = known_name,
        .of = &names };
    const int status = class_find(&list, wanted->text, &wanted->index, error);
    if (status < 0)
        return model || isdigit((unsigned char)*wanted->text)
                   ? status
                   : fail(error, BAD_USAGE,
                       "%s %.100s: has no model.json, and so no names of classes: run vitfwd "
                       "or resnetfwd, or give the class's number",
                       wanted->option, wanted->text);
    free(wanted->model);
    wanted->model = model ? strdup(model) : NULL;
    wanted->known = !model || wanted->model;
    return wanted->known ? 0 : fail_memory(error, strlen(model));
}

/* *matches stays where the label is what --true asks for, for which no logits are needed. */
static int match_label(struct tensorgrep *state, const struct sample *sample, const char *model,
    bool *matches, struct error *error)
{
    int64_t label;
    if (!state->label.text)
        return 0;
    const size_t classes = classes_count(&state->classes, model);
    int status = label_need(sample, "--true", model, classes, &label, error);
    if (status == 0)
        status = find_wanted(state, &state->label, model, error);
    *matches &= status == 0 && label == (int64_t)state->label.index;
    return status;
}

/* *matches stays where the logits are what the other options ask for. */
static int match_prediction(const struct options *options, struct tensorgrep *state,
    const struct sample *sample, const char *model, bool *matches, struct error *error)
{
    struct floats logits;
    int64_t label;
    int status = logits_read(sample, &logits, &state->scratch, error);
    if (status == 0)
        status = classes_check(&state->classes, model, logits.count, error);
    if (status == 0 && state->prediction.text)
        status = find_wanted(state, &state->prediction, model, error);
    if (status < 0)
        return status;
    const size_t best = logits_best(logits.data, logits.count);
    const struct softmax softmax = softmax_of(logits.data, logits.count);
    const double prob = softmax_prob(&softmax, logits.data[best]);
    *matches &= !state->prediction.text || best == state->prediction.index;
    *matches &= !(prob < options->least) && !(prob > options->most);
    if (!options->wrong && !options->right)
        return 0;
    status = label_need(
        sample, options->wrong ? "--wrong" : "--right", model, logits.count, &label, error);
    *matches &= status == 0 && (label == (int64_t)best) == options->right;
    return status;
}

static int process_sample(struct run *run, struct sample *sample, struct error *error)
{
    const struct options *options = run->options;
    struct tensorgrep *state = run->state;
    char *model = NULL;
    bool matches = true;
    if (options->limit > 0 && state->kept == options->limit)
        return 1;
    int status = model_read(sample, &model, error);
    if (status == 0)
        status = match_label(state, sample, model, &matches, error);
    if (status == 0 && asks_logits(options))
        status = match_prediction(options, state, sample, model, &matches, error);
    free(model);
    if (status < 0)
        return status;
    matches = matches != options->invert;
    state->kept += matches;
    return !matches;
}

int main(int argc, char **argv)
{
    static const struct stage tensorgrep = {
        .name = "tensorgrep",
        .purpose = "reads samples, writes those that are wrong, right, unsure, of a class",
        .options = rows,
        .open = open_tensorgrep,
        .note = note_model,
        .sample = process_sample,
        .close = close_tensorgrep,
    };
    struct options options = { .least = NAN, .most = NAN };
    return stage_main(&tensorgrep, &options, argc, argv);
}
