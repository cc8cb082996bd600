#include "common/loss.h"

#include <math.h>

void loss_add_target(
    float *target, size_t classes, size_t label, double weight, double smoothing)
{
    const float everywhere = (float)(weight * smoothing / (double)classes);
    for (size_t c = 0; c < classes; c++)
        target[c] += everywhere;
    target[label] += (float)(weight * (1 - smoothing));
}

/* One row's loss; 0 * infinity is NaN, so no logit that isn't finite is passed over. */
static double row_loss(
    float *gradients, const float *logits, const float *target, size_t classes, double batch)
{
    double most = (double)logits[0], sum = 0, weight = 0, loss = 0;
    for (size_t c = 1; c < classes; c++)
        most = fmax(most, (double)logits[c]);
    for (size_t c = 0; c < classes; c++) {
        sum += exp((double)logits[c] - most);
        weight += (double)target[c];
    }
    const double log_sum = log(sum);
    for (size_t c = 0; c < classes; c++) {
        const double log_share = (double)logits[c] - most - log_sum, t = (double)target[c];
        loss -= t * log_share;
        gradients[c] = (float)((exp(log_share) * weight - t) / batch);
    }
    return loss;
}

double loss_cross_entropy(float *gradients, const float *logits, const float *targets, size_t n,
    size_t classes, size_t batch)
{
    double loss = 0;
    for (size_t i = 0; i < n; i++)
        loss += row_loss(gradients + i * classes, logits + i * classes, targets + i * classes,
            classes, (double)batch);
    return loss / (double)batch;
}
