#include "common/headonly.h"
#include "common/gemm.h"

#include <stdlib.h>
#include <string.h>

int headonly_read(struct trainer *trainer, const struct feeder_wishes *wishes,
    const volatile sig_atomic_t *stop, float **bank, struct error *error)
{
    struct feeder *feeder = NULL;
    struct feeder_batch feed;
    const size_t features = trainer->features, count = dataset_count(wishes->dataset);
    *bank = calloc(count, features * sizeof **bank);
    if (!*bank)
        return fail_memory(error, count * features * sizeof **bank);
    int status = trainer->changed(trainer, error);
    if (status == 0)
        status = feeder_start(&feeder, wishes, error);
    size_t done = 0;
    while (status == 0 && done < count && !*stop) {
        const int got = feeder_next(feeder, &feed, error);
        status = got < 0 ? got : 0;
        if (got <= 0)
            break;
        trainer->read(trainer, feed.inputs, feed.count, *bank + done * features);
        done += feed.count;
    }
    feeder_stop(feeder);
    return status < 0 ? status : *stop != 0;
}

void headonly_gather(
    const float *bank, size_t features, const struct feeder_batch *feed, float *rows)
{
    for (size_t b = 0; b < feed->count; b++)
        memcpy(
            rows + b * features, bank + feed->pictures[b] * features, features * sizeof *rows);
}

void headonly_forward(
    const struct trainer *trainer, const float *rows, size_t count, float *logits)
{
    const size_t classes = trainer->classes, features = trainer->features;
    const float *weight = trainer->params.values + trainer->head_weight->at;
    const float *bias = trainer->params.values + trainer->head_bias->at;
    gemm(count, classes, features, 1, (struct matrix){ rows, features, 1 },
        (struct matrix){ weight, 1, features }, 0, logits, classes);
    for (size_t i = 0; i < count * classes; i++)
        logits[i] += bias[i % classes];
}

void headonly_backward(
    struct trainer *trainer, const float *rows, size_t count, const float *logit_gradients)
{
    const size_t classes = trainer->classes, features = trainer->features;
    float *weight = trainer->params.gradients + trainer->head_weight->at;
    float *bias = trainer->params.gradients + trainer->head_bias->at;
    gemm(classes, features, count, 1, (struct matrix){ logit_gradients, 1, classes },
        (struct matrix){ rows, features, 1 }, 1, weight, features);
    for (size_t i = 0; i < count * classes; i++)
        bias[i % classes] += logit_gradients[i];
}
