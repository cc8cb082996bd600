#include "common/upsample.h"

#include <math.h>
#include <string.h>

int upsample_from_name(const char *name, enum upsample *how)
{
    static const char *const names[] = { "bilinear", "nearest", "bicubic" };
    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0) {
            *how = (enum upsample)i;
            return 0;
        }
    return -1;
}

static uint32_t clamp_cell(double cell, uint32_t cells)
{
    return cell < 0 ? 0 : cell > cells - 1 ? cells - 1 : (uint32_t)cell;
}

/* Keys' cubic convolution, distance in cells. */
static double cubic(double distance)
{
    const double a = -0.75, x = fabs(distance);
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

void upsample_taps(enum upsample how, uint32_t cells, double first, double step, size_t count,
    struct upsample_tap *taps)
{
    for (size_t i = 0; i < count; i++) {
        struct upsample_tap *tap = &taps[i];
        const double at = first + (double)i * step;
        const double before = floor(at - 0.5), part = at - 0.5 - before;
        *tap = (struct upsample_tap){ { 0 }, { 1 } };
        if (how == UPSAMPLE_NEAREST) {
            tap->cell[0] = clamp_cell(floor(at), cells);
        } else if (how == UPSAMPLE_BILINEAR) {
            tap->cell[0] = clamp_cell(before, cells);
            tap->cell[1] = clamp_cell(before + 1, cells);
            tap->weight[0] = (float)(1 - part);
            tap->weight[1] = (float)part;
        } else {
            for (int k = 0; k < 4; k++) {
                tap->cell[k] = clamp_cell(before + k - 1, cells);
                tap->weight[k] = (float)cubic(part + 1 - k);
            }
        }
    }
}

void upsample_down(
    const float *values, uint32_t columns, const struct upsample_tap *tap, float *line)
{
    for (uint32_t x = 0; x < columns; x++)
        line[x] = 0;
    for (int k = 0; k < 4; k++) {
        const float *row = values + (size_t)tap->cell[k] * columns;
        if (tap->weight[k] != 0)
            for (uint32_t x = 0; x < columns; x++)
                line[x] += tap->weight[k] * row[x];
    }
}

void upsample_across(
    const float *line, const struct upsample_tap *taps, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct upsample_tap *tap = &taps[i];
        out[i] = tap->weight[0] * line[tap->cell[0]] + tap->weight[1] * line[tap->cell[1]]
                 + tap->weight[2] * line[tap->cell[2]] + tap->weight[3] * line[tap->cell[3]];
    }
}
