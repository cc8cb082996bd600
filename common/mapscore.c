#include "common/mapscore.h"
#include "common/random.h"

#include <math.h>
#include <stdlib.h>

#define ROUNDING 1e-12 /* of shares */

const char *const map_score_names[MAP_SCORES] = { "share_inside", "share_area", "over_centre",
    "pointing", "iou" };
const char *const baseline_names[BASELINES] = { "uniform", "centre", "random" };

static void look_at_centres(struct scored_grid *grid, const struct mask *mask, double tolerance)
{
    const double width = grid->box[2] - grid->box[0], height = grid->box[3] - grid->box[1];
    for (size_t r = 0; r < grid->rows; r++)
        for (size_t c = 0; c < grid->columns; c++) {
            const double x = grid->box[0] + width * ((double)c + 0.5) / (double)grid->columns;
            const double y = grid->box[1] + height * ((double)r + 0.5) / (double)grid->rows;
            grid->centres[r * grid->columns + c] = (uint8_t)mask_at(mask, x, y, tolerance);
        }
}

int scored_grid_make(struct scored_grid *grid, const struct mask *mask, const struct map *map,
    double tolerance, struct error *error)
{
    const size_t cells = map->rows * map->columns;
    const int status = scratch_reserve(&grid->room, cells * (2 * sizeof(double) + 1), error);
    if (status < 0)
        return status;
    grid->rows = map->rows;
    grid->columns = map->columns;
    grid->inside = grid->room.bytes;
    grid->scored = grid->inside + cells;
    grid->centres = (uint8_t *)(grid->scored + cells);
    for (size_t i = 0; i < 4; i++)
        grid->box[i] = map->box[i];
    mask_cells(mask, grid->box, grid->rows, grid->columns, grid->inside, grid->scored);
    look_at_centres(grid, mask, tolerance);
    grid->area = grid->total = 0;
    for (size_t i = 0; i < cells; i++) {
        grid->area += grid->inside[i];
        grid->total += grid->scored[i];
    }
    return 0;
}

static double above_0(float value)
{
    return value > 0 ? (double)value : 0;
}

static double share_inside(const struct scored_grid *grid, const float *values)
{
    double inside = 0, all = 0;
    for (size_t i = 0; i < grid->rows * grid->columns; i++) {
        inside += above_0(values[i]) * grid->inside[i];
        all += above_0(values[i]) * grid->scored[i];
    }
    return all > 0 ? fmin(inside / all, 1) : NAN;
}

/* Of the cells that have the greatest value and whose centre isn't ignored. */
static double point(const struct scored_grid *grid, const float *values)
{
    const size_t cells = grid->rows * grid->columns;
    size_t hits = 0, misses = 0;
    float greatest = 0;
    for (size_t i = 0; i < cells; i++)
        greatest = fmaxf(greatest, values[i]);
    for (size_t i = 0; i < cells && greatest > 0; i++)
        if (values[i] == greatest) {
            hits += grid->centres[i] == MASK_INSIDE;
            misses += grid->centres[i] == MASK_OUTSIDE;
        }
    return hits + misses > 0 ? (double)hits / (double)(hits + misses) : NAN;
}

struct ordered {
    double value;
    size_t cell;
};

static int greatest_first(const void *left, const void *right)
{
    const double a = ((const struct ordered *)left)->value;
    const double b = ((const struct ordered *)right)->value;
    return a < b ? 1 : a > b ? -1 : 0;
}

/* How much inside there is in the greatest cells that have as much area as the mask. Of equal
 * cells that are not all needed, each gives the same part. */
static double overlap(const struct scored_grid *grid, const struct ordered *order)
{
    const size_t cells = grid->rows * grid->columns;
    double taken = 0, both = 0;
    for (size_t i = 0, end; i < cells; i = end) {
        double inside = 0, scored = 0;
        for (end = i; end < cells && order[end].value == order[i].value; end++) {
            inside += grid->inside[order[end].cell];
            scored += grid->scored[order[end].cell];
        }
        if (taken + scored >= grid->area)
            return both + (scored > 0 ? (grid->area - taken) / scored * inside : 0);
        taken += scored;
        both += inside;
    }
    return both;
}

int map_score(const struct scored_grid *grid, const float *values, double centre,
    struct scratch *room, double scores[MAP_SCORES], struct error *error)
{
    const size_t cells = grid->rows * grid->columns;
    const int status = scratch_reserve(room, cells * sizeof(struct ordered), error);
    struct ordered *order = room->bytes;
    double mass = 0;
    if (status < 0)
        return status;
    for (size_t i = 0; i < MAP_SCORES; i++)
        scores[i] = NAN;
    for (size_t i = 0; i < cells; i++) {
        order[i] = (struct ordered){ above_0(values[i]), i };
        mass += order[i].value;
    }
    if (grid->total > 0)
        scores[SHARE_AREA] = grid->area / grid->total;
    if (!(grid->area > 0) || !(mass > 0))
        return 0;
    qsort(order, cells, sizeof *order, greatest_first);
    const double both = overlap(grid, order);
    scores[SHARE_INSIDE] = share_inside(grid, values);
    scores[OVER_CENTRE] = scores[SHARE_INSIDE] - centre;
    if (fabs(scores[OVER_CENTRE]) < ROUNDING)
        scores[OVER_CENTRE] = 0;
    scores[POINTING] = point(grid, values);
    scores[IOU] = both / (2 * grid->area - both);
    return 0;
}

void baseline_fill(enum baseline baseline, size_t rows, size_t columns, double sigma,
    uint64_t seed, const char *key, float *values)
{
    const uint64_t of_key = key_hash(key);
    struct random random =
        random_of(seed, RANDOM_MAP, (uint32_t)(of_key >> 32), (uint32_t)of_key);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            const double y = ((double)r + 0.5) / (double)rows - 0.5;
            const double x = ((double)c + 0.5) / (double)columns - 0.5;
            *values++ = baseline == BASELINE_UNIFORM ? 1
                        : baseline == BASELINE_CENTRE
                            ? (float)exp(-(x * x + y * y) / (2 * sigma * sigma))
                            : (float)random_uniform(&random, 0, 1);
        }
}
