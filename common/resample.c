#include "common/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Two bits are left for filters that overshoot, eight for the result. */
#define PRECISION 22

/* Values that the inner loop works on at a time: a run of bytes of a row (vertical pass), or
 * the same byte of that many rows (horizontal pass). */
enum { LANES = 16 };

/* The loops are plain C that the compiler vectorises; wider registers are taken where the
 * processor has them. Integers throughout: the bytes are the same. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__)
#define FOR_WIDE_REGISTERS __attribute__((target_clones("avx2", "default")))
#else
#define FOR_WIDE_REGISTERS
#endif
#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef uint8_t byte_lanes __attribute__((vector_size(LANES)));

/* One pass: what each position of the window, along one side, takes from the source. */
struct axis {
    bool resized;    /* otherwise the pass is left out and only base and span are set */
    size_t base;     /* the first source position that is needed */
    size_t span;     /* and how many from there on */
    size_t outputs;  /* positions of the window */
    size_t most;     /* weights from one position to the next */
    size_t *first;   /* [outputs], from base */
    size_t *count;   /* [outputs] */
    int32_t *weight; /* [outputs, most] */
};

/* Part of an RGB picture: rows that lie stride bytes apart. */
struct rows {
    const uint8_t *first;
    size_t stride;
};

static const char *const NAMES[] = { [FILTER_BILINEAR] = "bilinear",
    [FILTER_BICUBIC] = "bicubic",
    [FILTER_LANCZOS] = "lanczos",
    [FILTER_NEAREST] = "nearest" };
enum { FILTERS = sizeof NAMES / sizeof NAMES[0] };

const char *resample_filter_name(enum resample_filter filter)
{
    return (unsigned)filter < FILTERS ? NAMES[filter] : NULL;
}

int resample_filter_from_name(const char *name, enum resample_filter *filter)
{
    for (unsigned i = 0; i < FILTERS; i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            *filter = (enum resample_filter)i;
            return 0;
        }
    }
    return -1;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic with a = -0.5. */
static double bicubic(double x)
{
    x = fabs(x);
    if (x < 1.0)
        return (1.5 * x - 2.5) * x * x + 1;
    if (x < 2.0)
        return (((x - 5) * x + 8) * x - 4) * -0.5;
    return 0.0;
}

static double sinc(double x)
{
    if (x == 0.0)
        return 1.0;
    x *= M_PI;
    return sin(x) / x;
}

static double lanczos(double x)
{
    return -3.0 <= x && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

static const struct {
    double (*weigh)(double);
    double support;
} KERNELS[] = { [FILTER_BILINEAR] = { bilinear, 1.0 },
    [FILTER_BICUBIC] = { bicubic, 2.0 },
    [FILTER_LANCZOS] = { lanczos, 3.0 } };

static void axis_free(struct axis *axis)
{
    free(axis->first);
    free(axis->count);
    free(axis->weight);
}

/* Sets first (in the whole source), count and weight of one output position. raw [most]. */
static void weigh_output(struct axis *axis, size_t output, double position, double scale,
    size_t source, enum resample_filter filter, double *raw)
{
    const double widening = scale < 1.0 ? 1.0 : scale;
    const double support = KERNELS[filter].support * widening;
    const double centre = (position + 0.5) * scale, unit = 1.0 / widening;
    const double low = centre - support + 0.5, high = centre + support + 0.5;
    const size_t first = low < 0.0 ? 0 : (size_t)low;
    const size_t end = high > (double)source ? source : (size_t)high;
    const size_t count = end - first;
    int32_t *weight = axis->weight + output * axis->most;
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        raw[i] = KERNELS[filter].weigh(((double)(first + i) - centre + 0.5) * unit);
        sum += raw[i];
    }
    for (size_t i = 0; i < count; i++) {
        const double w = (sum == 0.0 ? raw[i] : raw[i] / sum) * (1 << PRECISION);
        weight[i] = (int32_t)(w < 0 ? w - 0.5 : w + 0.5);
    }
    axis->first[output] = first;
    axis->count[output] = count;
}

static void set_base_and_span(struct axis *axis)
{
    const size_t last = axis->outputs - 1; /* neither end ever goes back */
    axis->base = axis->first[0];
    axis->span = axis->first[last] + axis->count[last] - axis->base;
    for (size_t i = 0; i < axis->outputs; i++)
        axis->first[i] -= axis->base;
}

/* The axis is the caller's to free, also after a failure. Neither product can overflow: both
 * sides of a picture are below 2^30. */
static int axis_make(struct axis *axis, uint32_t source, uint32_t full, uint32_t from,
    uint32_t outputs, enum resample_filter filter, struct error *error)
{
    memset(axis, 0, sizeof *axis);
    axis->outputs = outputs;
    if (source == full) {
        axis->base = from;
        axis->span = outputs;
        return 0;
    }
    const double scale = (double)source / full;
    const double support = KERNELS[filter].support * (scale < 1.0 ? 1.0 : scale);
    axis->resized = true;
    axis->most = (size_t)ceil(support) * 2 + 1;
    axis->first = calloc(outputs, sizeof *axis->first);
    axis->count = calloc(outputs, sizeof *axis->count);
    axis->weight = malloc(outputs * axis->most * sizeof *axis->weight);
    double *raw = malloc(axis->most * sizeof *raw);
    if (!axis->first || !axis->count || !axis->weight || !raw) {
        free(raw);
        return fail_memory(error, outputs * axis->most * sizeof *axis->weight);
    }
    for (uint32_t i = 0; i < outputs; i++)
        weigh_output(axis, i, (double)from + i, scale, source, filter, raw);
    set_base_and_span(axis);
    free(raw);
    return 0;
}

ALWAYS_INLINE uint8_t to_byte(int32_t sum)
{
    const int32_t value = sum >> PRECISION;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* out[i] = the weighted sum over taps of in[tap * stride + i]. */
ALWAYS_INLINE void mix(const uint8_t *restrict in, size_t stride,
    const int32_t *restrict weight, size_t taps, uint8_t *restrict out)
{
    int32_t sum[LANES];
    for (int i = 0; i < LANES; i++)
        sum[i] = 1 << (PRECISION - 1);
    for (size_t tap = 0; tap < taps; tap++, in += stride)
        for (int i = 0; i < LANES; i++)
            sum[i] += in[i] * weight[tap];
    for (int i = 0; i < LANES; i++)
        out[i] = to_byte(sum[i]);
}

ALWAYS_INLINE uint8_t mix_one(
    const uint8_t *in, size_t stride, const int32_t *weight, size_t taps)
{
    int32_t sum = 1 << (PRECISION - 1);
    for (size_t tap = 0; tap < taps; tap++, in += stride)
        sum += *in * weight[tap];
    return to_byte(sum);
}

/* Vertical: in [axis.span rows, bytes] to out [axis.outputs, bytes]. */
FOR_WIDE_REGISTERS
static void pass_down(struct rows in, const struct axis *axis, size_t bytes, uint8_t *out)
{
    for (size_t y = 0; y < axis->outputs; y++, out += bytes) {
        const uint8_t *top = in.first + axis->first[y] * in.stride;
        const int32_t *weight = axis->weight + y * axis->most;
        size_t i = 0;
        for (; i + LANES <= bytes; i += LANES)
            mix(top + i, in.stride, weight, axis->count[y], out + i);
        for (; i < bytes; i++)
            out[i] = mix_one(top + i, in.stride, weight, axis->count[y]);
    }
}

/* One of the four perfect shuffles that transpose 16 x 16 bytes. */
ALWAYS_INLINE void shuffle(const byte_lanes *restrict from, byte_lanes *restrict to)
{
    for (int i = 0; i < LANES / 2; i++) {
        const byte_lanes a = from[i], b = from[i + LANES / 2];
        to[2 * i] = __builtin_shufflevector(
            a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        to[2 * i + 1] = __builtin_shufflevector(
            a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
}

/* row [LANES] of bytes each to turned [bytes, LANES]. */
static void transpose(const uint8_t *const *row, size_t bytes, uint8_t *restrict turned)
{
    byte_lanes a[LANES], b[LANES];
    size_t i = 0;
    for (; i + LANES <= bytes; i += LANES) {
        for (int lane = 0; lane < LANES; lane++)
            memcpy(&a[lane], row[lane] + i, LANES);
        shuffle(a, b);
        shuffle(b, a);
        shuffle(a, b);
        shuffle(b, a);
        memcpy(turned + i * LANES, a, sizeof a);
    }
    for (; i < bytes; i++)
        for (int lane = 0; lane < LANES; lane++)
            turned[i * LANES + (size_t)lane] = row[lane][i];
}

/* Horizontal: in [height, axis.span, 3] to out [height, axis.outputs, 3], so many rows at a
 * time as there are lanes. turned [axis.span, 3, LANES]. */
FOR_WIDE_REGISTERS
static void pass_across(
    struct rows in, size_t height, const struct axis *axis, uint8_t *turned, uint8_t *out)
{
    const size_t bytes = axis->outputs * 3;
    for (size_t top = 0; top < height; top += LANES, out += LANES * bytes) {
        const size_t rows = height - top < LANES ? height - top : LANES;
        const uint8_t *row[LANES];
        for (size_t lane = 0; lane < LANES; lane++)
            row[lane] = in.first + (top + (lane < rows ? lane : rows - 1)) * in.stride;
        transpose(row, axis->span * 3, turned);
        for (size_t i = 0; i < bytes; i++) {
            const size_t x = i / 3, channel = i % 3;
            uint8_t column[LANES];
            mix(turned + (axis->first[x] * 3 + channel) * LANES, 3 * LANES,
                axis->weight + x * axis->most, axis->count[x], column);
            for (size_t lane = 0; lane < rows; lane++)
                out[lane * bytes + i] = column[lane];
        }
    }
}

static void copy_rows(struct rows in, size_t height, size_t bytes, uint8_t *out)
{
    for (size_t y = 0; y < height; y++)
        memcpy(out + y * bytes, in.first + y * in.stride, bytes);
}

/* Both passes, or the one that is needed; see the header for their order. */
static int run_passes(const struct picture *source, const struct axis *across,
    const struct axis *down, bool down_first, uint8_t *rgb, struct error *error)
{
    const size_t stride = (size_t)source->width * 3;
    const struct rows in = { source->rgb + down->base * stride + across->base * 3, stride };
    const size_t bytes = (down_first ? across->span : across->outputs) * 3;
    if (!across->resized && !down->resized) {
        copy_rows(in, down->outputs, bytes, rgb);
        return 0;
    }
    if (!across->resized) {
        pass_down(in, down, bytes, rgb);
        return 0;
    }
    const size_t between_size = (down_first ? down->outputs : down->span) * bytes;
    const size_t turned_size = across->span * 3 * LANES;
    uint8_t *turned = malloc(turned_size);
    uint8_t *between = down->resized ? malloc(between_size) : NULL;
    const bool missing = !turned || (down->resized && !between);
    if (missing) {
        free(turned);
        free(between);
        return fail_memory(error, between_size + turned_size);
    }
    if (!down->resized) {
        pass_across(in, down->outputs, across, turned, rgb);
    } else if (down_first) {
        pass_down(in, down, bytes, between);
        pass_across((struct rows){ between, bytes }, down->outputs, across, turned, rgb);
    } else {
        pass_across(in, down->span, across, turned, between);
        pass_down((struct rows){ between, bytes }, down, bytes, rgb);
    }
    free(turned);
    free(between);
    return 0;
}

static int resample_filtered(const struct picture *source, uint32_t full_width,
    uint32_t full_height, enum resample_filter filter, struct resample_window window,
    uint8_t *rgb, struct error *error)
{
    const int64_t narrower = (int64_t)source->width - full_width;
    const int64_t lower = (int64_t)source->height - full_height;
    const bool down_first = narrower != 0 && lower > 0 && lower > 2 * narrower;
    struct axis across, down = { .first = NULL };
    int result =
        axis_make(&across, source->width, full_width, window.left, window.width, filter, error);
    if (result == 0)
        result = axis_make(
            &down, source->height, full_height, window.top, window.height, filter, error);
    if (result == 0)
        result = run_passes(source, &across, &down, down_first, rgb, error);
    axis_free(&across);
    axis_free(&down);
    return result;
}

/* at [outputs]: the source position of each. Pillow adds up steps instead of multiplying, and
 * where rounding takes the last of very many beyond the source it leaves them black: SIZE_MAX.
 */
static void nearest_positions(
    uint32_t source, uint32_t full, uint32_t from, uint32_t outputs, size_t *at)
{
    const double step = (double)source / full;
    double position = step * 0.5;
    for (uint32_t i = 0; i < from; i++)
        position += step;
    for (uint32_t i = 0; i < outputs; i++, position += step)
        at[i] = position < (double)source ? (size_t)position : SIZE_MAX;
}

static int resample_nearest(const struct picture *source, uint32_t full_width,
    uint32_t full_height, struct resample_window window, uint8_t *rgb, struct error *error)
{
    const size_t size = ((size_t)window.width + window.height) * sizeof(size_t);
    size_t *columns = malloc(size);
    if (!columns)
        return fail_memory(error, size);
    size_t *rows = columns + window.width;
    nearest_positions(source->width, full_width, window.left, window.width, columns);
    nearest_positions(source->height, full_height, window.top, window.height, rows);
    memset(rgb, 0, (size_t)window.width * window.height * 3);
    for (uint32_t y = 0; y < window.height; y++) {
        for (uint32_t x = 0; x < window.width; x++, rgb += 3)
            if (rows[y] != SIZE_MAX && columns[x] != SIZE_MAX)
                memcpy(rgb, source->rgb + (rows[y] * source->width + columns[x]) * 3, 3);
    }
    free(columns);
    return 0;
}

int resample(const struct picture *source, uint32_t full_width, uint32_t full_height,
    enum resample_filter filter, struct resample_window window, uint8_t *rgb,
    struct error *error)
{
    const uint32_t width = source->width, height = source->height;
    if (width == 0 || height == 0 || full_width == 0 || full_height == 0)
        return fail(error, BAD_SAMPLE, "can't resize %ux%u to %ux%u: a side is 0", width,
            height, full_width, full_height);
    if (width > RESAMPLE_MAX_SOURCE_SIDE || height > RESAMPLE_MAX_SOURCE_SIDE)
        return fail(error, BAD_SAMPLE, "can't resize %ux%u: a side is over the limit of %u",
            width, height, RESAMPLE_MAX_SOURCE_SIDE);
    if (full_width > RESAMPLE_MAX_SIDE || full_height > RESAMPLE_MAX_SIDE)
        return fail(error, BAD_SAMPLE, "can't resize %ux%u to %ux%u: a side is over %u", width,
            height, full_width, full_height, RESAMPLE_MAX_SIDE);
    if (window.width == 0 || window.height == 0 || window.left >= full_width
        || window.top >= full_height || window.width > full_width - window.left
        || window.height > full_height - window.top)
        return fail(error, BAD_USAGE, "window %ux%u+%u+%u is not inside %ux%u", window.width,
            window.height, window.left, window.top, full_width, full_height);
    if (filter == FILTER_NEAREST)
        return resample_nearest(source, full_width, full_height, window, rgb, error);
    return resample_filtered(source, full_width, full_height, filter, window, rgb, error);
}
