/*
 * What training makes small: the cross-entropy of softmax(logits) against targets that may be
 * spread over classes (torch.nn.CrossEntropyLoss with probabilities).
 */
#ifndef SACCADE_LOSS_H
#define SACCADE_LOSS_H

#include <stddef.h>

/*
 * target[classes] += weight * ((1 - smoothing) at label + smoothing / classes everywhere)
 * (Szegedy et al. 2016, as label_smoothing of torch); a mixture of pictures is a call for each.
 */
void loss_add_target(
    float *target, size_t classes, size_t label, double weight, double smoothing);

/*
 * Sum over n rows of -target . log softmax(logits), both [n, classes], divided by batch; and
 * gradients [n, classes] (may be logits) = (softmax * sum of the row's target - target) /
 * batch. batch is n, or the pictures of all parts whose gradients are added up: then their
 * losses add up to the mean. The loss isn't finite where a logit isn't. Computed in float64.
 */
double loss_cross_entropy(float *gradients, const float *logits, const float *targets, size_t n,
    size_t classes, size_t batch);

#endif
