/*
 * Logits of a sample, and what they say: the likeliest class and probabilities.
 */
#ifndef SACCADE_LOGITS_H
#define SACCADE_LOGITS_H

#include "formats/sample.h"

/* The sample's logits.npy, [classes]. BAD_USAGE where it isn't there; BAD_SAMPLE where it has
 * no class, a NaN or +inf, or -inf alone. *scratch as for sample_floats. */
int logits_read(const struct sample *sample, struct floats *logits, struct scratch *scratch,
    struct error *error);

/* The class of the greatest logit, of equal ones the first. */
size_t logits_best(const float *logits, size_t classes);

/* In double, and nothing overflows. NaN where a logit is. */
struct softmax {
    double greatest, sum; /* sum: of exp(logit - greatest) */
};
struct softmax softmax_of(const float *logits, size_t classes);
double softmax_prob(const struct softmax *softmax, float logit);

#endif
