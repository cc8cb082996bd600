#include "common/cam.h"
#include "common/eigen.h"

#include <math.h>
#include <string.h>

#define XGRADCAM_EPS 1e-7    /* pytorch-grad-cam's */
#define CANCELLED 1e-3       /* of the sum of sizes */
#define SIGN_DOUBT 1e-4      /* cosine between the component and the mean over channels */
#define NOTHING_VARIES 1e-24 /* of the sum of squares: what is left of equal numbers */

static size_t smaller_side(const struct cam *cam)
{
    return cam->channels < cam->positions ? cam->channels : cam->positions;
}

size_t cam_room(const struct cam *cam)
{
    const size_t n = smaller_side(cam);
    if (cam->method != CAM_EIGENCAM)
        return cam->positions;
    if (n > CAM_MAX_SIDE)
        return 0;
    return cam->positions + cam->channels * cam->positions + n * n + n + eigen_room(n);
}

/* NaN stays */
static double positive(double value)
{
    return value < 0 ? 0 : value;
}

static double plus_weight(const float *g, double sum, size_t positions)
{
    double weight = 0;
    for (size_t p = 0; p < positions; p++) {
        const double value = (double)g[p], divisor = 2 + sum * value;
        if (!(value <= 0) && divisor != 0)
            weight += value / divisor; /* alpha g, both sides divided by g^2 */
    }
    return weight;
}

/* What the whole channel's activation is multiplied by. */
static double channel_weight(
    enum cam_method method, const float *a, const float *g, size_t n, size_t *cancelled)
{
    double sum = 0, sizes = 0, product = 0, gradient = 0;
    for (size_t p = 0; p < n; p++) {
        sum += (double)a[p];
        sizes += fabs((double)a[p]);
        product += (double)g[p] * (double)a[p];
        gradient += (double)g[p];
    }
    if (method == CAM_GRADCAM)
        return gradient / (double)n;
    if (method == CAM_GRADCAM_PLUS)
        return plus_weight(g, sum, n);
    *cancelled += fabs(sum) < CANCELLED * sizes;
    return product / (sum + XGRADCAM_EPS);
}

static void add_channel(const struct cam *cam, size_t c, double *sums, size_t *cancelled)
{
    const size_t n = cam->positions;
    const float *a = cam->act + c * n, *g = cam->grad + c * n;
    if (cam->method == CAM_HIRESCAM || cam->method == CAM_LAYERCAM) {
        for (size_t p = 0; p < n; p++) {
            const double slope = (double)g[p];
            sums[p] += (cam->method == CAM_LAYERCAM ? positive(slope) : slope) * (double)a[p];
        }
        return;
    }
    const double weight = channel_weight(cam->method, a, g, n, cancelled);
    for (size_t p = 0; p < n; p++)
        sums[p] += weight * (double)a[p];
}

/*
 * y: the activations, each channel less its mean, with the smaller side contiguous; along[p]:
 * the sum of position p over channels. Returns the sum of squares before the mean was taken
 * off.
 */
static double centre(const struct cam *cam, double *y, double *along)
{
    const size_t n = cam->positions, channels = cam->channels;
    const size_t step = n <= channels ? 1 : channels, next = n <= channels ? n : 1;
    double squares = 0;
    memset(along, 0, n * sizeof *along);
    for (size_t c = 0; c < channels; c++) {
        const float *a = cam->act + c * n;
        double mean = 0;
        for (size_t p = 0; p < n; p++) {
            mean += (double)a[p] / (double)n;
            squares += (double)a[p] * (double)a[p];
        }
        for (size_t p = 0; p < n; p++) {
            y[c * next + p * step] = (double)a[p] - mean;
            along[p] += (double)a[p] - mean;
        }
    }
    return squares;
}

/* With Y [positions, channels] centred, v its first right singular vector: sums = Y v. */
static void project(
    const struct cam *cam, double *sums, double *room, struct cam_doubts *doubts)
{
    const size_t n = cam->positions, channels = cam->channels, side = smaller_side(cam);
    double *y = room, *matrix = y + n * channels, *vector = matrix + side * side;
    double turn = 0;
    const double squares = centre(cam, y, sums);
    gram(y, n * channels / side, side, matrix);
    const double value = eigen_largest(matrix, side, vector, vector + side);
    if (!(value > NOTHING_VARIES * squares)) {
        memset(sums, 0, n * sizeof *sums);
        return;
    }
    for (size_t p = 0; p < n; p++) {
        double projected = 0;
        for (size_t c = 0; side < n && c < side; c++)
            projected += y[p * side + c] * vector[c];
        if (side == n)
            projected = sqrt(value) * vector[p];
        turn += projected * sums[p];
        sums[p] = projected;
    }
    for (size_t p = 0; p < n && turn < 0; p++)
        sums[p] = -sums[p];
    /* turn is value times the sum of v's numbers */
    doubts->sign = fabs(turn) < SIGN_DOUBT * value * sqrt((double)channels);
}

static bool all_finite(const struct cam *cam)
{
    bool finite = true;
    for (size_t i = 0; i < cam->channels * cam->positions; i++)
        finite &= isfinite(cam->act[i]) != 0;
    return finite;
}

void cam_map(const struct cam *cam, double *room, float *map, struct cam_doubts *doubts)
{
    double *sums = room;
    *doubts = (struct cam_doubts){ 0 };
    memset(sums, 0, cam->positions * sizeof *sums);
    if (cam->method != CAM_EIGENCAM)
        for (size_t c = 0; c < cam->channels; c++)
            add_channel(cam, c, sums, &doubts->cancelled);
    else if (all_finite(cam))
        project(cam, sums, room + cam->positions, doubts);
    else
        for (size_t p = 0; p < cam->positions; p++)
            sums[p] = (double)NAN;
    for (size_t p = 0; p < cam->positions; p++)
        map[p] = (float)positive(sums[p]);
}
