/* The scores of maps, row by row; over samples, where wanted, with intervals. */
#ifndef SACCADE_SCORETABLE_H
#define SACCADE_SCORETABLE_H

#include "common/bootstrap.h"
#include "common/mapscore.h"

/* What a map is called in a table: the same in two samples for the same kind of map. */
struct score_name {
    char map[128], method[64], model[160];
    size_t rows, columns;
};

struct score_row {
    struct score_name name;
    double of[MAP_SCORES];
};

/* Of one sample; all zero to begin with, rows are free()d by the owner. */
struct score_rows {
    struct score_row *rows;
    size_t count, room;
};

int score_rows_add(struct score_rows *rows, const struct score_name *name,
    const double scores[MAP_SCORES], struct error *error);

/* Of one kind of map over all samples: [samples, MAP_SCORES], NaN for those without it. */
struct score_kind {
    struct score_name name;
    double *values;
    size_t room; /* in samples */
};

/* All zero to begin with. */
struct score_table {
    struct score_kind *kinds;
    size_t count;
    size_t samples;
};

/* Adds a sample: 8 bytes a number are kept. BAD_SYSTEM; BAD_SAMPLE beyond 2^32 - 1 of them. */
int score_table_add(
    struct score_table *table, const struct score_rows *rows, struct error *error);
void score_table_free(struct score_table *table);

#endif
