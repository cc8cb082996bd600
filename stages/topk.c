/* topk: reads logits, writes the most likely classes as text. */
#include "common/classes.h"
#include "common/logits.h"
#include "common/stage.h"

#include <stdlib.h>
#include <string.h>

struct options {
    uint64_t count;
    bool target;
};

static const struct option_row rows[] = {
    { 'n', "count", OPTION_COUNT, "N", "print N classes a sample (5)",
        offsetof(struct options, count), 1, 1e9, false },
    { 0, "target", OPTION_FLAG, NULL,
        "print the row of the target that model.json names as well, whatever its rank",
        offsetof(struct options, target), 0, 0, false },
    OPTION_END,
};

struct ranked {
    float logit;
    size_t index;
};

struct topk {
    struct classes classes;
    struct scratch scratch;
    struct ranked *ranked; /* of one sample, best first */
    size_t room;
};

static int open_topk(struct run *run, struct error *error)
{
    run->state = calloc(1, sizeof(struct topk));
    return run->state ? 0 : fail_memory(error, sizeof(struct topk));
}

static void close_topk(struct run *run)
{
    struct topk *topk = run->state;
    if (!topk)
        return;
    classes_free(&topk->classes);
    free(topk->scratch.bytes);
    free(topk->ranked);
    free(topk);
}

static int print_heading(struct run *run, const json_t *programs, struct error *error)
{
    (void)programs;
    return run_print(run, error, "key\trank\tclass\tname\tlogit\tprob\ttrue\tmodel\n");
}

static int note_model(
    struct run *run, const char *name, const struct member *member, struct error *error)
{
    struct topk *topk = run->state;
    return strcmp(name, "model") == 0 ? classes_add(&topk->classes, member, error) : 0;
}

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->logit != b->logit)
        return a->logit > b->logit ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

static int rank_logits(struct topk *topk, const struct floats *logits, struct error *error)
{
    if (logits->count > topk->room) {
        free(topk->ranked);
        topk->room = 0;
        topk->ranked = calloc(logits->count, sizeof *topk->ranked);
        if (!topk->ranked)
            return fail_memory(error, logits->count * sizeof *topk->ranked);
        topk->room = logits->count;
    }
    for (size_t i = 0; i < logits->count; i++)
        topk->ranked[i] = (struct ranked){ logits->data[i], i };
    qsort(topk->ranked, logits->count, sizeof *topk->ranked, compare_ranked);
    return 0;
}

static int print_row(struct run *run, const char *key, size_t rank, double prob,
    const char *label, const char *model, struct error *error)
{
    const struct topk *topk = run->state;
    const struct ranked *row = &topk->ranked[rank];
    const char *name = classes_name(&topk->classes, model, row->index);
    int status = run_print(run, error, "%s\t%zu\t%zu\t", key, rank + 1, row->index);
    if (status == 0)
        status = run_print_field(run, name ? name : "", error);
    if (status == 0)
        status = run_print(run, error, "\t%.6g\t%.6g\t%s\t", (double)row->logit, prob, label);
    if (status == 0)
        status = run_print_field(run, model ? model : "", error);
    return status < 0 ? status : run_print(run, error, "\n");
}

/* Where the class that model.json names as the target stands in the order. */
static int rank_target(const struct topk *topk, const struct sample *sample, size_t classes,
    size_t *rank, struct error *error)
{
    json_t *model = NULL;
    int status = sample_find(sample, "model.json")
                     ? sample_json(sample, "model.json", &model, error)
                     : 0;
    if (status < 0)
        return status;
    const json_t *target = json_object_get(json_object_get(model, "target"), "index");
    const bool named = json_is_integer(target);
    const json_int_t index = json_integer_value(target);
    json_decref(model);
    if (!named)
        return fail(error, BAD_USAGE,
            "has no target in model.json, which --target needs: run vitfwd or resnetfwd");
    for (*rank = 0; *rank < classes; ++*rank)
        if (index >= 0 && topk->ranked[*rank].index == (size_t)index)
            return 0;
    return fail(error, BAD_SAMPLE, "model.json's target is class %lld, logits.npy is of %zu",
        (long long)index, classes);
}

static int print_rows(struct run *run, const struct sample *sample, const char *model,
    const struct floats *logits, struct error *error)
{
    const struct options *options = run->options;
    struct topk *topk = run->state;
    int status = classes_check(&topk->classes, model, logits->count, error);
    if (status < 0)
        return status;
    const struct softmax softmax = softmax_of(logits->data, logits->count);
    char label[24] = "";
    int64_t number;
    const int labelled = label_read(sample, &number, error);
    if (labelled > 0)
        snprintf(label, sizeof label, "%lld", (long long)number);
    status = labelled < 0 ? labelled : rank_logits(topk, logits, error);
    size_t target = 0;
    if (status == 0 && options->target)
        status = rank_target(topk, sample, logits->count, &target, error);
    for (size_t i = 0; i < logits->count && status == 0; i++) {
        if (i >= options->count && i != target)
            continue;
        const double prob = softmax_prob(&softmax, topk->ranked[i].logit);
        status = print_row(run, sample->key, i, prob, label, model, error);
    }
    return status;
}

static int process_sample(struct run *run, struct sample *sample, struct error *error)
{
    struct topk *topk = run->state;
    struct floats logits;
    char *model = NULL;
    int status = logits_read(sample, &logits, &topk->scratch, error);
    if (status == 0)
        status = model_read(sample, &model, error);
    if (status == 0)
        status = print_rows(run, sample, model, &logits, error);
    free(model);
    return status;
}

int main(int argc, char **argv)
{
    static const struct stage topk = {
        .name = "topk",
        .purpose = "reads logits, writes the most likely classes as text",
        .options = rows,
        .flags = STAGE_TEXT,
        .open = open_topk,
        .begin = print_heading,
        .note = note_model,
        .sample = process_sample,
        .close = close_topk,
    };
    struct options options = { .count = 5 };
    return stage_main(&topk, &options, argc, argv);
}
