#include "common/scoretable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int score_rows_add(struct score_rows *rows, const struct score_name *name,
    const double scores[MAP_SCORES], struct error *error)
{
    if (rows->count == rows->room) {
        const size_t room = 2 * rows->room + 16;
        struct score_row *grown = realloc(rows->rows, room * sizeof *grown);
        if (!grown)
            return fail_memory(error, room * sizeof *grown);
        rows->rows = grown;
        rows->room = room;
    }
    struct score_row *row = &rows->rows[rows->count++];
    row->name = *name;
    memcpy(row->of, scores, sizeof row->of);
    return 0;
}

static bool same_name(const struct score_name *a, const struct score_name *b)
{
    return strcmp(a->map, b->map) == 0 && strcmp(a->method, b->method) == 0
           && strcmp(a->model, b->model) == 0 && a->rows == b->rows && a->columns == b->columns;
}

/* Room for one sample more, which like all that were without this kind so far has no numbers.
 */
static int add_sample(struct score_kind *kind, size_t samples, struct error *error)
{
    const size_t was = kind->values ? samples : 0;
    if (kind->room <= samples) {
        const size_t room = 2 * samples + 64, size = room * MAP_SCORES * sizeof(double);
        double *grown = realloc(kind->values, size);
        if (!grown)
            return fail_memory(error, size);
        kind->values = grown;
        kind->room = room;
    }
    for (size_t i = was * MAP_SCORES; i < (samples + 1) * MAP_SCORES; i++)
        kind->values[i] = NAN;
    return 0;
}

static int add_kind(struct score_table *table, const struct score_name *name, size_t *index,
    struct error *error)
{
    for (*index = 0; *index < table->count; ++*index)
        if (same_name(&table->kinds[*index].name, name))
            return 0;
    struct score_kind *grown = realloc(table->kinds, (table->count + 1) * sizeof *table->kinds);
    if (!grown)
        return fail_memory(error, (table->count + 1) * sizeof *table->kinds);
    table->kinds = grown;
    grown[table->count++] = (struct score_kind){ .name = *name };
    return add_sample(&grown[*index], table->samples, error);
}

int score_table_add(
    struct score_table *table, const struct score_rows *rows, struct error *error)
{
    size_t k;
    int status = 0;
    if (table->samples == UINT32_MAX)
        return fail(error, BAD_SAMPLE, "more samples than can be drawn from");
    for (k = 0; k < table->count && status == 0; k++)
        status = add_sample(&table->kinds[k], table->samples, error);
    for (size_t r = 0; r < rows->count && status == 0; r++) {
        status = add_kind(table, &rows->rows[r].name, &k, error);
        if (status == 0)
            memcpy(table->kinds[k].values + table->samples * MAP_SCORES, rows->rows[r].of,
                sizeof rows->rows[r].of);
    }
    table->samples += status == 0;
    return status;
}

void score_table_free(struct score_table *table)
{
    for (size_t k = 0; k < table->count; k++)
        free(table->kinds[k].values);
    free(table->kinds);
    *table = (struct score_table){ 0 };
}
