/*
 * Position embeddings on another grid, as each family resizes them: all bicubic, in four ways
 * (torch.nn.functional.interpolate's, which their code calls).
 */
#include "common/vit.h"

#include <math.h>
#include <string.h>

/* Keys' cubic convolution: a = -0.75 as torch has it, -0.5 with antialias (Pillow's). */
static double cubic(double x, double a)
{
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2)
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
    return 0;
}

/* Where an output row's source lies, without antialias. */
static double source_of(enum position_resize resize, size_t i, size_t from, size_t to)
{
    if (resize == RESIZE_CORNERS)
        return to > 1 ? (double)i * (double)(from - 1) / (double)(to - 1) : 0;
    /* scale_factor=(to + 0.1) / from is used as given, not as the ratio of the sizes */
    const double scale =
        resize == RESIZE_OFFSET ? (double)from / ((double)to + 0.1) : (double)from / (double)to;
    return ((double)i + 0.5) * scale - 0.5;
}

/* weight of source j in output i, for 0 <= j < from. */
static double weight(enum position_resize resize, size_t i, size_t j, size_t from, size_t to)
{
    if (resize == RESIZE_ANTIALIAS) {
        const double scale = (double)from / (double)to, wide = scale > 1 ? scale : 1;
        const double centre = ((double)i + 0.5) * scale;
        double sum = 0;
        const double low = fmax(floor(centre - 2 * wide + 0.5), 0);
        const double high = fmin(floor(centre + 2 * wide + 0.5), (double)from);
        for (double k = low; k < high; k++)
            sum += cubic((k - centre + 0.5) / wide, -0.5);
        const double x = (double)j;
        return x >= low && x < high ? cubic((x - centre + 0.5) / wide, -0.5) / sum : 0;
    }
    const double at = source_of(resize, i, from, to), first = floor(at) - 1;
    double sum = 0;
    for (int k = 0; k < 4; k++) { /* taps beyond the edge fall on it */
        const double place = fmin(fmax(first + k, 0), (double)(from - 1));
        if (place == (double)j)
            sum += cubic(at - (first + k), -0.75);
    }
    return sum;
}

/* out[r, c, :] += weights of from[r', c', :]; sums in double would not change the last digit.
 */
static void resize_grid(
    const struct vit_config *config, const float *from, size_t rows, size_t columns, float *to)
{
    const size_t dim = config->dim;
    memset(to, 0, rows * columns * dim * sizeof *to);
    for (size_t r = 0; r < rows; r++)
        for (size_t y = 0; y < config->pos_rows; y++) {
            const double wy = weight(config->resize, r, y, config->pos_rows, rows);
            for (size_t c = 0; c < columns && wy != 0; c++)
                for (size_t x = 0; x < config->pos_columns; x++) {
                    const float w =
                        (float)(wy
                                * weight(config->resize, c, x, config->pos_columns, columns));
                    const float *source = from + (y * config->pos_columns + x) * dim;
                    for (size_t d = 0; d < dim && w != 0; d++)
                        to[(r * columns + c) * dim + d] += w * source[d];
                }
        }
}

void vit_positions(const struct vit *vit, size_t rows, size_t columns, float *positions)
{
    const struct vit_config *config = &vit->config;
    const size_t dim = config->dim, given = config->pos_prefix * dim;
    const float *from = vit->global[POSITIONS];
    float *patches = positions + config->prefix * dim;
    memset(positions, 0, config->prefix * dim * sizeof *positions);
    memcpy(positions, from, given * sizeof *positions);
    if (rows == config->pos_rows && columns == config->pos_columns)
        memcpy(patches, from + given, rows * columns * dim * sizeof *positions);
    else
        resize_grid(config, from + given, rows, columns, patches);
}
