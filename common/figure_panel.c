#include "common/canvas.h"
#include "common/figure_parts.h"
#include "common/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    ALONE_WIDTH = 1024,
    GRID_WIDTH = 320,
    ALONE_ENLARGED = 512,
    SQUARE_PIXELS = 64, /* pictures up to this width are enlarged without smoothing */
    GAP_LIGHT = 0xb0,
    GAP_DARK = 0x80
};

static double at_least_1(double value)
{
    return fmax(1, round(value));
}

void panel_size(
    const struct panel *panel, bool alone, uint32_t panel_width, double *width, double *height)
{
    const double w = panel->picture ? panel->picture->width : panel->columns;
    const double h = panel->picture ? panel->picture->height : panel->rows;
    const double most = alone ? ALONE_WIDTH : GRID_WIDTH;
    const double enlarged = alone ? ALONE_ENLARGED : GRID_WIDTH;
    double factor = floor(fmin(enlarged / w, 2 * enlarged / h));
    if (panel_width > 0)
        factor = panel_width / w;
    else if (factor < 2)
        factor = fmin(1, fmin(most / w, 2 * most / h));
    *width = at_least_1(w * factor);
    *height = at_least_1(h * factor);
}

int panel_picture(const struct picture *picture, uint32_t width, uint32_t height,
    struct picture *scaled, struct error *error)
{
    const size_t bytes = (size_t)width * height * 3;
    *scaled = (struct picture){ width, height, malloc(bytes) };
    if (!scaled->rgb)
        return fail_memory(error, bytes);
    if (picture->width == width && picture->height == height) {
        memcpy(scaled->rgb, picture->rgb, bytes);
        return 0;
    }
    const bool squares = picture->width <= SQUARE_PIXELS && width > picture->width;
    const struct resample_window all = { 0, 0, width, height };
    const int status = resample(picture, width, height,
        squares ? FILTER_NEAREST : FILTER_BICUBIC, all, scaled->rgb, error);
    if (status < 0) {
        free(scaled->rgb);
        scaled->rgb = NULL;
    }
    return status;
}

/* One axis of a panel: which drawn pixels are in the box, and where in the grid they are. */
struct span {
    uint32_t first, count;
    double cell, step; /* of the first pixel's centre, and from one to the next */
    double begin, end; /* the box in drawn pixels */
    bool inside[2];    /* whether its edges lie clear within the picture */
};

static struct span make_span(
    double low, double high, uint32_t size, uint32_t drawn, uint32_t cells)
{
    struct span span = { 0 };
    const double pixel = (double)size / drawn;
    const double first = fmin(fmax(ceil(low / pixel - 0.5), 0), drawn);
    const double last = fmin(fmax(ceil(high / pixel - 0.5), first), drawn);
    span.first = (uint32_t)first;
    span.count = (uint32_t)(last - first);
    span.cell = ((first + 0.5) * pixel - low) / (high - low) * cells;
    span.step = pixel / (high - low) * cells;
    span.begin = fmin(fmax(low / pixel, 0), drawn);
    span.end = fmin(fmax(high / pixel, 0), drawn);
    span.inside[0] = span.count > 0 && span.begin >= 1.5;
    span.inside[1] = span.count > 0 && span.end <= drawn - 1.5;
    return span;
}

/* A white line on the box's side and a dark one outside, on those edges that are in the
 * picture. */
static void outline(struct picture *canvas, uint32_t x, uint32_t y, const struct span *across,
    const struct span *down, uint32_t width)
{
    const int64_t thick = width > 640 ? 2 : 1;
    const int64_t left = x + (int64_t)round(across->begin),
                  right = x + (int64_t)round(across->end);
    const int64_t top = y + (int64_t)round(down->begin), bottom = y + (int64_t)round(down->end);
    const uint32_t light = 0xffffff, dark = 0x202020;
    for (int side = 0; side < 2; side++) {
        const int64_t column = side ? right - thick : left, row = side ? bottom - thick : top;
        const int64_t out = side ? thick : -thick;
        if (across->inside[side]) {
            canvas_fill(canvas, column, top, thick, bottom - top, light);
            canvas_fill(canvas, column + out, top, thick, bottom - top, dark);
        }
        if (down->inside[side]) {
            canvas_fill(canvas, left, row, right - left, thick, light);
            canvas_fill(canvas, left, row + out, right - left, thick, dark);
        }
    }
}

/* A frame around the marked cell, white in dark, drawn inside of it. */
static void mark_cell(const struct panel *panel, struct picture *canvas, uint32_t x, uint32_t y,
    const struct span *across, const struct span *down, uint32_t width)
{
    const uint32_t cell = panel->marked - 1;
    const double row = cell / panel->columns, column = cell % panel->columns;
    const int64_t thick = width > 640 ? 3 : 2;
    const double left = (column - across->cell) / across->step + across->first + 0.5;
    const double top = (row - down->cell) / down->step + down->first + 0.5;
    int64_t edge[4] = { (int64_t)round(left), (int64_t)round(top),
        (int64_t)round(left + 1 / across->step), (int64_t)round(top + 1 / down->step) };
    const int64_t most[4] = { across->first, down->first, across->first + across->count,
        down->first + down->count };
    for (int i = 0; i < 4; i++)
        edge[i] = i < 2 ? (edge[i] > most[i] ? edge[i] : most[i])
                        : (edge[i] < most[i] ? edge[i] : most[i]);
    for (int64_t t = 0; t < 2 * thick; t++) { /* the outer half dark */
        const uint32_t colour = t < thick ? 0x202020 : 0xffffff;
        const int64_t w = edge[2] - edge[0] - 2 * t, h = edge[3] - edge[1] - 2 * t;
        const int64_t l = x + edge[0] + t, u = y + edge[1] + t;
        if (w <= 0 || h <= 0)
            break;
        canvas_fill(canvas, l, u, w, 1, colour);
        canvas_fill(canvas, l, u + h - 1, w, 1, colour);
        canvas_fill(canvas, l, u, 1, h, colour);
        canvas_fill(canvas, l + w - 1, u, 1, h, colour);
    }
}

/* The cell of a tap that the output is in, of taps that aren't bicubic. */
static int nearest(const struct upsample_tap *tap)
{
    return tap->weight[1] > tap->weight[0];
}

/* Between the finite ones of four cells; NaN in a cell that isn't. */
static float sample_with_gaps(const float *values, uint32_t columns,
    const struct upsample_tap *down, const struct upsample_tap *across)
{
    float sum = 0, share = 0;
    const size_t row = down->cell[nearest(down)];
    if (!isfinite(values[row * columns + across->cell[nearest(across)]]))
        return NAN;
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++) {
            const float weight = down->weight[i] * across->weight[k];
            const float value = values[(size_t)down->cell[i] * columns + across->cell[k]];
            if (isfinite(value)) {
                sum += weight * value;
                share += weight;
            }
        }
    return sum / share;
}

/* One line of the map over as many pixels. alpha in 1024ths. */
static void blend_line(const float *values, size_t count, const struct scale *scale,
    const struct colormap *map, uint32_t alpha, uint32_t y, uint8_t *pixels)
{
    const double low = scale->low, factor = 1 / (scale->high - scale->low);
    for (size_t i = 0; i < count; i++) {
        const uint8_t hatch = ((i + y) & 7) < 2 ? GAP_DARK : GAP_LIGHT;
        const uint8_t gap[3] = { hatch, hatch, hatch };
        const uint8_t *colour =
            isnan(values[i]) ? gap : colormap_at(map, (float)((values[i] - low) * factor));
        for (size_t k = 0; k < 3; k++) {
            const uint32_t mixed = pixels[3 * i + k] * (1024 - alpha) + colour[k] * alpha;
            pixels[3 * i + k] = (uint8_t)((mixed + 512) >> 10);
        }
    }
}

bool panel_has_gaps(const struct panel *panel)
{
    const size_t cells = (size_t)panel->rows * panel->columns;
    for (size_t i = 0; i < cells; i++)
        if (!isfinite(panel->values[i]))
            return true;
    return false;
}

int panel_draw_map(const struct panel *panel, const struct scale *scale,
    const struct colormap *map, const struct figure_options *options, struct picture *canvas,
    uint32_t x, uint32_t y, uint32_t width, uint32_t height, struct error *error)
{
    const double whole[4] = { 0, 0, panel->columns, panel->rows };
    const double *box = panel->picture ? panel->box : whole;
    const uint32_t full_width = panel->picture ? panel->picture->width : panel->columns;
    const uint32_t full_height = panel->picture ? panel->picture->height : panel->rows;
    const struct span across = make_span(box[0], box[2], full_width, width, panel->columns);
    const struct span down = make_span(box[1], box[3], full_height, height, panel->rows);
    const bool gaps = panel_has_gaps(panel);
    const enum upsample how =
        gaps && options->upsample == UPSAMPLE_BICUBIC ? UPSAMPLE_BILINEAR : options->upsample;
    const uint32_t alpha = panel->picture ? (uint32_t)lround(options->alpha * 1024) : 1024;
    const size_t tap_bytes = ((size_t)across.count + down.count) * sizeof(struct upsample_tap);
    const size_t line_bytes = ((size_t)panel->columns + across.count) * sizeof(float);
    struct upsample_tap *taps = malloc(tap_bytes + line_bytes);
    if (!taps)
        return fail_memory(error, tap_bytes + line_bytes);
    struct upsample_tap *const rows = taps + across.count;
    float *const line = (float *)(rows + down.count), *const out = line + panel->columns;
    upsample_taps(how, panel->columns, across.cell, across.step, across.count, taps);
    upsample_taps(how, panel->rows, down.cell, down.step, down.count, rows);
    for (uint32_t j = 0; j < down.count; j++) {
        if (gaps) {
            for (uint32_t i = 0; i < across.count; i++)
                out[i] = sample_with_gaps(panel->values, panel->columns, &rows[j], &taps[i]);
        } else {
            upsample_down(panel->values, panel->columns, &rows[j], line);
            upsample_across(line, taps, across.count, out);
        }
        const size_t pixel = (size_t)(y + down.first + j) * canvas->width + x + across.first;
        blend_line(out, across.count, scale, map, alpha, j, canvas->rgb + pixel * 3);
    }
    free(taps);
    outline(canvas, x, y, &across, &down, width);
    if (panel->marked > 0 && across.count > 0 && down.count > 0)
        mark_cell(panel, canvas, x, y, &across, &down, width);
    return 0;
}

/* Whether pixel i, j of a panel is inside of the mask; beyond the panel's edges none is. */
static bool drawn_inside(
    const struct mask *mask, int64_t i, int64_t j, uint32_t width, uint32_t height)
{
    if (i < 0 || j < 0 || i >= width || j >= height)
        return false;
    const size_t column = (size_t)(((double)i + 0.5) * mask->width / width);
    const size_t row = (size_t)(((double)j + 0.5) * mask->height / height);
    return mask->classes[row * mask->width + column] == MASK_INSIDE;
}

void panel_draw_mask(const struct mask *mask, struct picture *canvas, uint32_t x, uint32_t y,
    uint32_t width, uint32_t height)
{
    const int64_t thick = width > 640 ? 2 : 1;
    for (int64_t j = 0; j < height; j++)
        for (int64_t i = 0; i < width; i++) {
            const bool inside = drawn_inside(mask, i, j, width, height);
            if (inside != drawn_inside(mask, i - thick, j, width, height)
                || inside != drawn_inside(mask, i + thick, j, width, height)
                || inside != drawn_inside(mask, i, j - thick, width, height)
                || inside != drawn_inside(mask, i, j + thick, width, height))
                canvas_fill(canvas, x + i, y + j, 1, 1, inside ? 0xffffff : 0x202020);
        }
}
