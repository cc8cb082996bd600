#include "common/logits.h"

#include <math.h>

int logits_read(const struct sample *sample, struct floats *logits, struct scratch *scratch,
    struct error *error)
{
    if (!sample_find(sample, "logits.npy"))
        return fail(error, BAD_USAGE,
            sample_find(sample, "model.json")
                ? "has no logits: they were dropped, or its model has no classifier"
                : "has no logits: run vitfwd or resnetfwd");
    int status = sample_floats(sample, "logits.npy", 1, logits, scratch, error);
    if (status == 0 && logits->count == 0)
        status = fail(error, BAD_SAMPLE, "logits.npy is of no classes");
    for (size_t i = 0; i < logits->count && status == 0; i++)
        if (isnan(logits->data[i]) || logits->data[i] == INFINITY)
            status = fail(
                error, BAD_SAMPLE, "logits.npy: class %zu is %f", i, (double)logits->data[i]);
    if (status == 0 && isinf(logits->data[logits_best(logits->data, logits->count)]))
        status = fail(error, BAD_SAMPLE, "logits.npy: every class is -inf");
    return status;
}

size_t logits_best(const float *logits, size_t classes)
{
    size_t best = 0;
    for (size_t c = 1; c < classes; c++)
        best = logits[c] > logits[best] ? c : best;
    return best;
}

struct softmax softmax_of(const float *logits, size_t classes)
{
    struct softmax softmax = { .greatest = (double)logits[logits_best(logits, classes)] };
    for (size_t c = 0; c < classes; c++)
        softmax.sum += exp((double)logits[c] - softmax.greatest);
    return softmax;
}

double softmax_prob(const struct softmax *softmax, float logit)
{
    return exp((double)logit - softmax->greatest) / softmax->sum;
}
