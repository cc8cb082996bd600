/*
 * Numbers of one head of attention, after the softmax: a is f32 [n, n], n = prefix + rows *
 * columns of the layout, finite, nowhere below 0. Queries are rows of a. Sums are in double;
 * nothing is allocated. METHODS and attnstat(1) have the definitions.
 */
#ifndef SACCADE_HEADSTAT_H
#define SACCADE_HEADSTAT_H

#include "common/map.h"

struct head_queries {
    size_t first, count;
};

/* The patches; or, for readout, whom the head reads: the class token, where it isn't the
 * patches' mean. */
struct head_queries head_queries_of(const struct layout *layout, bool readout);

struct head_numbers {
    double distance; /* in the unit of the table; NaN where no query looks at a patch, and where
                        they are no patches and so nowhere */
    double entropy;  /* nats; NaN where no query looks at a patch */
    double prefix_mass, diagonal_mass;
};

/* lengths[rows, columns]: between the centres of two patches so many rows and columns apart,
 * where a patch is height x width. */
void head_lengths(double *lengths, const struct layout *layout, double height, double width);

/* What attention spread evenly over the patches has: the mean of all pairs' length. */
double head_even_distance(const double *lengths, const struct layout *layout);

/* The first of the n rows that is no softmax's, n where all are: what isn't finite, is below 0,
 * or doesn't sum to 1 within a hundredth. */
size_t head_fault(const float *a, size_t n);
/* BAD_SAMPLE, saying so. */
int head_fail(size_t head, size_t row, struct error *error);

/*
 * Distance (sum_j a[q,j] length(q,j)) and entropy (- sum_j a[q,j] ln a[q,j]) over the patches j
 * with the row divided by its sum over them, mean over the queries that give them anything;
 * masses over the rows as they are, mean over all queries.
 */
void head_measure(const float *a, const struct layout *layout,
    const struct head_queries *queries, const double *lengths, struct head_numbers *numbers);

/* received[n]: what each token is given, mean over the queries. */
void head_received(
    const float *a, size_t n, const struct head_queries *queries, double *received);

/*
 * The mean over queries of sum_j m ln m over all tokens j, m = (a[q,j] + b[q,j]) / 2 with rows
 * divided by their sums. With I for it the mean Jensen-Shannon divergence of two heads is
 * (I(a,a) + I(b,b)) / 2 - I(a,b), in nats.
 */
double head_information(
    const float *a, const float *b, size_t n, const struct head_queries *queries);

/* Of doubles, for the next. */
size_t head_rank_room(size_t n);

/* Effective rank: exp of the entropy of the singular values divided by their sum (Roy &
 * Vetterli 2007), 1 to n. */
double head_rank(const float *a, size_t n, double *room);

#endif
