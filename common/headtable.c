#include "common/headtable.h"

#include <math.h>
#include <stdlib.h>

void running_add(struct running *running, double value)
{
    if (isnan(value))
        return;
    const double away = value - running->mean;
    running->count++;
    running->mean += away / (double)running->count;
    running->squares += away * (value - running->mean);
}

double running_mean(const struct running *running)
{
    return running->count > 0 ? running->mean : NAN;
}

double running_deviation(const struct running *running)
{
    return running->count > 1 ? sqrt(running->squares / (double)(running->count - 1)) : NAN;
}

/* A new row at the end, with no numbers. */
static int add_row(struct head_table *table, size_t layer, long head, enum sink_rule rule,
    struct head_row **row, struct error *error)
{
    if (table->count == table->room) {
        const size_t room = 2 * table->room + 16;
        struct head_row *rows = realloc(table->rows, room * sizeof *rows);
        if (!rows)
            return fail_memory(error, room * sizeof *rows);
        table->rows = rows;
        table->room = room;
    }
    *row = &table->rows[table->count++];
    **row = (struct head_row){ .layer = layer, .head = head, .rule = rule };
    return 0;
}

int head_table_add(struct head_table *table, size_t layer, size_t heads, bool fused,
    enum sink_rule rule, const struct layer_numbers *numbers, struct error *error)
{
    struct head_row *row = NULL;
    for (size_t h = 0; h < heads; h++) {
        const int status =
            fused && row ? 0 : add_row(table, layer, fused ? -1 : (long)h, rule, &row, error);
        if (status < 0)
            return status;
        for (size_t i = 0; i < LAYER_NUMBERS; i++)
            running_add(&row->of[i], numbers[h].of[i]);
    }
    return 0;
}

static bool same_rows(const struct head_table *a, const struct head_table *b)
{
    if (a->count != b->count)
        return false;
    for (size_t r = 0; r < a->count; r++)
        if (a->rows[r].layer != b->rows[r].layer || a->rows[r].head != b->rows[r].head)
            return false;
    return true;
}

int head_table_total(
    struct head_table *total, const struct head_table *sample, struct error *error)
{
    const bool begins = total->count == 0;
    struct head_row *row;
    int status = 0;
    for (size_t r = 0; begins && r < sample->count && status == 0; r++) {
        const struct head_row *from = &sample->rows[r];
        status = add_row(total, from->layer, from->head, from->rule, &row, error);
    }
    if (status < 0)
        return status;
    if (!same_rows(total, sample))
        return fail(error, BAD_SAMPLE, "has other layers or heads than the samples before it");
    for (size_t r = 0; r < total->count; r++) {
        row = &total->rows[r];
        if (row->rule != sample->rows[r].rule)
            row->rule = RULE_MIXED;
        for (size_t i = 0; i < LAYER_NUMBERS; i++)
            running_add(&row->of[i], running_mean(&sample->rows[r].of[i]));
    }
    return 0;
}
