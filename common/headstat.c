#include "common/headstat.h"
#include "common/singular.h"

#include <math.h>
#include <stdlib.h>

#define SUM_DOUBT 0.01 /* half floats and bfloat16 stay far below */

static size_t count_patches(const struct layout *layout)
{
    return layout->rows * layout->columns;
}

void head_lengths(double *lengths, const struct layout *layout, double height, double width)
{
    for (size_t r = 0; r < layout->rows; r++)
        for (size_t c = 0; c < layout->columns; c++)
            lengths[r * layout->columns + c] = hypot((double)r * height, (double)c * width);
}

double head_even_distance(const double *lengths, const struct layout *layout)
{
    const size_t rows = layout->rows, columns = layout->columns;
    double sum = 0;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            const size_t pairs = (r ? 2U : 1U) * (c ? 2U : 1U) * (rows - r) * (columns - c);
            sum += (double)pairs * lengths[r * columns + c];
        }
    return sum / pow((double)rows * (double)columns, 2);
}

static double sum_row(const float *row, size_t n)
{
    double sum = 0;
    for (size_t j = 0; j < n; j++)
        sum += (double)row[j];
    return sum;
}

size_t head_fault(const float *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool below = false;
        for (size_t j = 0; j < n; j++)
            below |= a[i * n + j] < 0;
        if (below || !(fabs(sum_row(a + i * n, n) - 1) <= SUM_DOUBT))
            return i;
    }
    return n;
}

int head_fail(size_t head, size_t row, struct error *error)
{
    return fail(error, BAD_SAMPLE,
        "row %zu of head %zu is no softmax's: its values must be at least 0 and sum to 1", row,
        head);
}

static size_t apart(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

/* sum_j row[j] length(patch, j) over the patches. */
static double weigh_lengths(
    const float *row, size_t patch, const struct layout *layout, const double *lengths)
{
    const size_t columns = layout->columns;
    double sum = 0;
    for (size_t r = 0; r < layout->rows; r++) {
        const double *from = lengths + apart(r, patch / columns) * columns;
        for (size_t c = 0; c < columns; c++)
            sum += (double)row[r * columns + c] * from[apart(c, patch % columns)];
    }
    return sum;
}

struct head_queries head_queries_of(const struct layout *layout, bool readout)
{
    const bool token = readout && !layout->mean && !layout->no_class && layout->prefix > 0;
    return token ? (struct head_queries){ 0, 1 }
                 : (struct head_queries){ layout->prefix, count_patches(layout) };
}

void head_measure(const float *a, const struct layout *layout,
    const struct head_queries *queries, const double *lengths, struct head_numbers *numbers)
{
    const size_t p = layout->prefix, patches = count_patches(layout), n = p + patches;
    const double count = (double)queries->count;
    double distance = 0, entropy = 0, prefix = 0, diagonal = 0;
    size_t counted = 0;
    for (size_t q = queries->first; q < queries->first + queries->count; q++) {
        const float *row = a + q * n, *seen = row + p;
        double sum = 0, information = 0;
        for (size_t j = 0; j < p; j++)
            prefix += (double)row[j];
        for (size_t j = 0; j < patches; j++) {
            const double value = (double)seen[j];
            sum += value;
            information += value > 0 ? value * log(value) : 0;
        }
        diagonal += (double)row[q];
        if (!(sum > 0))
            continue;
        distance += q < p ? NAN : weigh_lengths(seen, q - p, layout, lengths) / sum;
        entropy += fmax(log(sum) - information / sum, 0);
        counted++;
    }
    *numbers = (struct head_numbers){
        .distance = counted > 0 ? distance / (double)counted : NAN,
        .entropy = counted > 0 ? entropy / (double)counted : NAN,
        .prefix_mass = prefix / count,
        .diagonal_mass = diagonal / count,
    };
}

void head_received(
    const float *a, size_t n, const struct head_queries *queries, double *received)
{
    for (size_t j = 0; j < n; j++)
        received[j] = 0;
    for (size_t i = queries->first; i < queries->first + queries->count; i++)
        for (size_t j = 0; j < n; j++)
            received[j] += (double)a[i * n + j];
    for (size_t j = 0; j < n; j++)
        received[j] /= (double)queries->count;
}

double head_information(
    const float *a, const float *b, size_t n, const struct head_queries *queries)
{
    double information = 0;
    for (size_t q = queries->first; q < queries->first + queries->count; q++) {
        const float *x = a + q * n, *y = b + q * n;
        const double half_x = 0.5 / sum_row(x, n), half_y = 0.5 / sum_row(y, n);
        for (size_t j = 0; j < n; j++) {
            const double mean = half_x * (double)x[j] + half_y * (double)y[j];
            information += mean > 0 ? mean * log(mean) : 0;
        }
    }
    return information / (double)queries->count;
}

size_t head_rank_room(size_t n)
{
    return n * n + n + singular_room(n);
}

double head_rank(const float *a, size_t n, double *room)
{
    double *values = room + n * n, sum = 0, entropy = 0;
    for (size_t i = 0; i < n * n; i++)
        room[i] = (double)a[i];
    singular_values(room, n, values, values + n);
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    for (size_t i = 0; i < n; i++)
        entropy -= values[i] > 0 ? values[i] / sum * log(values[i] / sum) : 0;
    return exp(entropy);
}
