#include "common/mappair.h"
#include "common/emd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POSITIONS 0x1p40 /* in a cell */

void map_pair_free(struct map_pair *pair)
{
    free(pair->room.bytes);
    free(pair->order.bytes);
    free(pair->points.bytes);
    free(pair->tree.bytes);
}

static int check_maps(const struct map *a, const struct map *b, struct error *error)
{
    int status = map_check(a, error);
    if (status == 0)
        status = map_check(b, error);
    if (status < 0)
        return status;
    if (a->has_box != b->has_box)
        return fail(error, BAD_SAMPLE,
            "map.%s says where in the picture it lies, map.%s doesn't (view in map.%s.json): "
            "they can't be laid over each other",
            a->has_box ? a->name : b->name, a->has_box ? b->name : a->name,
            a->has_box ? b->name : a->name);
    const bool sized = a->picture[0] > 0 && b->picture[0] > 0;
    if (sized && (a->picture[0] != b->picture[0] || a->picture[1] != b->picture[1]))
        return fail(error, BAD_SAMPLE, "map.%s is of a picture of %gx%g, map.%s of %gx%g",
            a->name, a->picture[0], a->picture[1], b->name, b->picture[0], b->picture[1]);
    return 0;
}

/* One axis of a map: where it begins in the picture and how long a cell is. */
struct axis {
    double start, cell;
    size_t cells;
};

/* axis 0: x, 1: y. */
static struct axis axis_of(const struct map *map, const double box[4], size_t axis)
{
    const size_t cells = axis == 0 ? map->columns : map->rows;
    return (struct axis){ box[axis], (box[axis + 2] - box[axis]) / (double)cells, cells };
}

/* The cells of finer whose centres the other covers: count of them from first on. */
static void common_cells(struct axis finer, struct axis other, size_t *first, size_t *count)
{
    const double end = other.start + other.cell * (double)other.cells;
    *first = *count = 0;
    for (size_t i = 0; i < finer.cells; i++) {
        const double centre = finer.start + ((double)i + 0.5) * finer.cell;
        if (centre < other.start)
            *first = i + 1;
        else if (centre <= end)
            ++*count;
    }
}

static void take_cells(
    const struct map_pair *pair, const struct map *map, const size_t first[2], double *to)
{
    for (size_t y = 0; y < pair->rows; y++) {
        const float *row = map->values + (first[1] + y) * map->columns + first[0];
        for (size_t x = 0; x < pair->columns; x++)
            to[y * pair->columns + x] = (double)row[x];
    }
}

/* Between which two cells a position lies, and the share of the second: common/upsample's
 * bilinear, but so that ties survive: in double, and what rounding took off a centre is put
 * back. */
struct tap {
    size_t cell[2];
    double share;
};

static void set_taps(
    struct axis finer, struct axis other, size_t first, size_t count, struct tap *taps)
{
    const double step = finer.cell / other.cell, last = (double)(other.cells - 1);
    const double begin =
        (finer.start - other.start) / other.cell + ((double)first + 0.5) * step;
    for (size_t i = 0; i < count; i++) {
        const double exact = fmin(fmax(begin + (double)i * step - 0.5, 0), last);
        const double at = nearbyint(exact * POSITIONS) / POSITIONS;
        const size_t cell = (size_t)at;
        taps[i] = (struct tap){ { cell, cell + (cell + 1 < other.cells) }, at - (double)cell };
    }
}

/* Exact where both are equal; what has no share isn't looked at. */
static double between(double low, double high, double share)
{
    return share > 0 ? low + share * (high - low) : low;
}

static void sample_row(const struct map *map, const struct tap *down, const struct tap *across,
    size_t columns, double *to)
{
    const float *upper = map->values + down->cell[0] * map->columns;
    const float *lower = map->values + down->cell[1] * map->columns;
    for (size_t x = 0; x < columns; x++) {
        const struct tap *tap = &across[x];
        const double above =
            between((double)upper[tap->cell[0]], (double)upper[tap->cell[1]], tap->share);
        const double below =
            between((double)lower[tap->cell[0]], (double)lower[tap->cell[1]], tap->share);
        to[x] = (double)(float)between(above, below, down->share);
    }
}

/* The other map at the centres of the finer's cells, as f32: ties survive rounding. */
static int sample_cells(struct map_pair *pair, const struct map *map,
    const struct axis finer[2], const double box[4], const size_t first[2], double *to,
    struct error *error)
{
    const int status =
        scratch_reserve(&pair->order, (pair->columns + pair->rows) * sizeof(struct tap), error);
    if (status < 0)
        return status;
    struct tap *across = pair->order.bytes, *down = across + pair->columns;
    set_taps(finer[0], axis_of(map, box, 0), first[0], pair->columns, across);
    set_taps(finer[1], axis_of(map, box, 1), first[1], pair->rows, down);
    for (size_t y = 0; y < pair->rows; y++)
        sample_row(map, &down[y], across, pair->columns, to + y * pair->columns);
    return 0;
}

/* Room for the values and ranks of both. */
static int reserve_values(struct map_pair *pair, struct error *error)
{
    const size_t cells = pair->rows * pair->columns;
    const int status = scratch_reserve(&pair->room, 4 * cells * sizeof(double), error);
    if (status < 0)
        return status;
    pair->values[0] = pair->room.bytes;
    pair->values[1] = pair->values[0] + cells;
    pair->ranks[0] = pair->values[1] + cells;
    pair->ranks[1] = pair->ranks[0] + cells;
    return 0;
}

int map_pair_align(
    struct map_pair *pair, const struct map *a, const struct map *b, struct error *error)
{
    int status = check_maps(a, b, error);
    if (status < 0)
        return status;
    const double cells_a = (double)a->rows * (double)a->columns;
    const double cells_b = (double)b->rows * (double)b->columns;
    double area_a = 1, area_b = 1;
    if (a->has_box) {
        area_a = (a->box[2] - a->box[0]) * (a->box[3] - a->box[1]);
        area_b = (b->box[2] - b->box[0]) * (b->box[3] - b->box[1]);
    }
    const bool finer_b = area_b / cells_b < area_a / cells_a;
    const struct map *finer = finer_b ? b : a, *other = finer_b ? a : b;
    const double whole[4] = { 0, 0, (double)finer->columns, (double)finer->rows };
    const double *box = a->has_box ? finer->box : whole;
    const double *other_box = a->has_box ? other->box : whole;
    struct axis axes[2];
    size_t first[2], count[2];
    for (size_t i = 0; i < 2; i++) {
        axes[i] = axis_of(finer, box, i);
        common_cells(axes[i], axis_of(other, other_box, i), &first[i], &count[i]);
        pair->box[i] = axes[i].start + axes[i].cell * (double)first[i];
        pair->box[i + 2] = count[i] == axes[i].cells
                               ? box[i + 2]
                               : axes[i].start + axes[i].cell * (double)(first[i] + count[i]);
    }
    if (count[0] == 0 || count[1] == 0)
        return fail(error, BAD_SAMPLE,
            "map.%s and map.%s have no part of the picture in common", a->name, b->name);
    pair->columns = count[0];
    pair->rows = count[1];
    pair->finer = finer;
    pair->has_box = a->has_box;
    status = reserve_values(pair, error);
    if (status < 0)
        return status;
    take_cells(pair, finer, first, pair->values[finer_b]);
    status = sample_cells(pair, other, axes, other_box, first, pair->values[!finer_b], error);
    pair->finite = true;
    for (size_t i = 0; i < 2 * pair->rows * pair->columns && status == 0; i++)
        pair->finite &= isfinite(pair->values[0][i]) != 0;
    return status;
}

struct ranked {
    double value;
    size_t index;
};

/* The greatest first, equal ones by index. */
static int by_value(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->value != b->value)
        return a->value > b->value ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

/* ranks[count] of values; marks[i] gains mark for the top cells. */
static void rank(const double *values, size_t count, struct ranked *ranked, double *ranks,
    size_t top, unsigned char *marks, unsigned char mark)
{
    for (size_t i = 0; i < count; i++)
        ranked[i] = (struct ranked){ values[i], i };
    qsort(ranked, count, sizeof *ranked, by_value);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && ranked[end].value == ranked[i].value;)
            end++;
        for (size_t k = i; k < end; k++)
            ranks[ranked[k].index] = (double)(i + 1 + end) / 2;
    }
    for (size_t i = 0; i < top; i++)
        marks[ranked[i].index] |= mark;
}

/* Sums about the means; NaN where one of them has a single value. */
static double correlate(const double *x, const double *y, size_t count)
{
    double mean_x = 0, mean_y = 0, xx = 0, yy = 0, xy = 0;
    bool varies_x = false, varies_y = false;
    for (size_t i = 0; i < count; i++) {
        mean_x += x[i] / (double)count;
        mean_y += y[i] / (double)count;
        varies_x |= x[i] != x[0];
        varies_y |= y[i] != y[0];
    }
    for (size_t i = 0; i < count; i++) {
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        yy += (y[i] - mean_y) * (y[i] - mean_y);
        xy += (x[i] - mean_x) * (y[i] - mean_y);
    }
    return varies_x && varies_y ? fmax(-1, fmin(1, xy / sqrt(xx) / sqrt(yy))) : NAN;
}

static size_t merged_count(const struct map_pair *pair, size_t side)
{
    return ((pair->rows + side - 1) / side) * ((pair->columns + side - 1) / side);
}

/* Adds the cells to the points of their squares, which lie amid the centres of their cells. */
static void fill_points(const struct map_pair *pair, size_t side, struct emd_point *points)
{
    const size_t across = (pair->columns + side - 1) / side;
    const double width = (pair->box[2] - pair->box[0]) / (double)pair->columns;
    const double height = (pair->box[3] - pair->box[1]) / (double)pair->rows;
    for (size_t y = 0; y < pair->rows; y++)
        for (size_t x = 0; x < pair->columns; x++) {
            const size_t left = x - x % side, top = y - y % side, i = y * pair->columns + x;
            const size_t right = left + side < pair->columns ? left + side : pair->columns;
            const size_t bottom = top + side < pair->rows ? top + side : pair->rows;
            struct emd_point *point = &points[y / side * across + x / side];
            if (x == left && y == top)
                *point = (struct emd_point){ .x = width * (double)(left + right) / 2,
                    .y = height * (double)(top + bottom) / 2 };
            point->a += fmax(0, pair->values[0][i]);
            point->b += fmax(0, pair->values[1][i]);
        }
}

static int move_earth(struct map_pair *pair, struct map_numbers *numbers, struct error *error)
{
    const double diagonal = hypot(pair->box[2] - pair->box[0], pair->box[3] - pair->box[1]);
    while (merged_count(pair, numbers->merged) > EMD_MAX_POINTS)
        numbers->merged++;
    const size_t count = merged_count(pair, numbers->merged);
    int status = scratch_reserve(&pair->points, count * sizeof(struct emd_point), error);
    if (status < 0)
        return status;
    struct emd_point *points = pair->points.bytes;
    double a = 0, b = 0;
    fill_points(pair, numbers->merged, points);
    for (size_t i = 0; i < count; i++) {
        a += points[i].a;
        b += points[i].b;
    }
    if (a > 0 && b > 0) {
        status = emd(points, count, &pair->tree, &numbers->emd, error);
        numbers->emd /= diagonal;
    }
    return status;
}

int map_pair_numbers(struct map_pair *pair, struct map_numbers *numbers, struct error *error)
{
    const size_t cells = pair->rows * pair->columns, top = (cells + 4) / 5;
    *numbers = (struct map_numbers){ NAN, NAN, NAN, top, NAN, 1 };
    if (!pair->finite)
        return 0;
    const int status =
        scratch_reserve(&pair->order, cells * (sizeof(struct ranked) + 1), error);
    if (status < 0)
        return status;
    struct ranked *ranked = pair->order.bytes;
    unsigned char *marks = (unsigned char *)(ranked + cells);
    size_t both = 0;
    memset(marks, 0, cells);
    for (unsigned char i = 0; i < 2; i++)
        rank(pair->values[i], cells, ranked, pair->ranks[i], top, marks,
            (unsigned char)(1 << i));
    for (size_t i = 0; i < cells; i++)
        both += marks[i] == 3;
    numbers->iou = (double)both / (double)(2 * top - both);
    numbers->correlation = correlate(pair->values[0], pair->values[1], cells);
    numbers->rank_correlation = correlate(pair->ranks[0], pair->ranks[1], cells);
    return move_earth(pair, numbers, error);
}

struct map_grain map_pair_grain(const struct map_pair *pair, size_t which)
{
    const size_t cells = pair->rows * pair->columns;
    const double *values = pair->values[which];
    double greatest = 0, sum = 0, entropy = 0;
    size_t above = 0;
    for (size_t i = 0; i < cells; i++) {
        greatest = fmax(greatest, values[i]);
        sum += fmax(values[i], 0);
    }
    if (!pair->finite || !(greatest > 0))
        return (struct map_grain){ NAN, NAN };
    for (size_t i = 0; i < cells; i++) {
        const double share = values[i] / sum;
        above += values[i] > greatest / 2;
        entropy -= share > 0 ? share * log(share) : 0;
    }
    return (struct map_grain){ (double)above / (double)cells,
        cells > 1 ? entropy / log((double)cells) : NAN };
}

/* What a map's values are divided by. */
static double unit_of(const double *values, size_t cells, enum map_scale scale)
{
    double sum = 0, most = 0;
    for (size_t i = 0; i < cells; i++) {
        sum += fabs(values[i]);
        most = fmax(most, fabs(values[i]));
    }
    const double unit = scale == SCALE_SUM ? sum : scale == SCALE_MAX ? most : 1;
    return unit > 0 ? unit : 1;
}

/* The rank counts from the greatest. */
void map_pair_scale(const struct map_pair *pair, size_t which, enum map_scale scale, float *to)
{
    const size_t cells = pair->rows * pair->columns;
    const double *values = pair->values[which], unit = unit_of(values, cells, scale);
    for (size_t i = 0; i < cells; i++)
        to[i] = !pair->finite ? NAN
                : scale == SCALE_RANK
                    ? (float)(1 - (pair->ranks[which][i] - 0.5) / (double)cells)
                    : (float)(values[i] / unit);
}

void map_pair_subtract(const struct map_pair *pair, enum map_scale scale, float *difference)
{
    const size_t cells = pair->rows * pair->columns;
    const double *a = pair->values[0], *b = pair->values[1];
    const double unit_a = unit_of(a, cells, scale), unit_b = unit_of(b, cells, scale);
    for (size_t i = 0; i < cells; i++)
        difference[i] = !pair->finite ? NAN
                        : scale == SCALE_RANK /* they count from the greatest */
                            ? (float)((pair->ranks[1][i] - pair->ranks[0][i]) / (double)cells)
                            : (float)(a[i] / unit_a - b[i] / unit_b);
}
