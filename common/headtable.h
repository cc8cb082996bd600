/* Rows of numbers by layer and head: of one sample, and what many samples come to. */
#ifndef SACCADE_HEADTABLE_H
#define SACCADE_HEADTABLE_H

#include "common/layerstat.h"

/* Mean and standard deviation of numbers that come one by one; all zero to begin with. */
struct running {
    uint64_t count;
    double mean, squares; /* squares: sum of the squared differences from the mean */
};

/* Welford 1962. NaN is left out. */
void running_add(struct running *running, double value);
/* NaN where there was no number. */
double running_mean(const struct running *running);
/* The root of squares / (count - 1); NaN below two numbers. */
double running_deviation(const struct running *running);

/* What made a token a sink: attention alone, or its norm as well; or different in samples. */
enum sink_rule { RULE_SHARE, RULE_NORM, RULE_MIXED };

struct head_row {
    size_t layer;
    long head; /* -1: all of them */
    enum sink_rule rule;
    struct running of[LAYER_NUMBERS];
};

/* All zero to begin with; rows are free()d by the owner. */
struct head_table {
    struct head_row *rows;
    size_t count, room;
};

/* Adds a row a head, or, fused, one of all heads. */
int head_table_add(struct head_table *table, size_t layer, size_t heads, bool fused,
    enum sink_rule rule, const struct layer_numbers *numbers, struct error *error);

/* Adds the means of a sample's rows to those of the total, which while it is empty takes its
 * rows from them. BAD_SAMPLE where its rows are others. */
int head_table_total(
    struct head_table *total, const struct head_table *sample, struct error *error);

#endif
