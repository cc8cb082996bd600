#include "common/figure.h"

#include "common/canvas.h"
#include "common/figure_plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARNED_PANELS = 3 };
enum { WHITE = 255, INK = 0x222222, SOFT_INK = 0x4d4d4d, HAIRLINE = 0x888888 };

static void draw_texts(const struct plan *plan, struct picture *canvas)
{
    const int64_t step = font_line_height(plan->cap);
    for (size_t k = 0; k < plan->count; k++) {
        const struct cell *cell = &plan->cells[k];
        const int64_t x = (int64_t)plan->column_x[k % plan->columns];
        int64_t y = (int64_t)plan->row_y[k / plan->columns] - plan->cap * 2 / 3;
        for (size_t i = cell->lines; i-- > 0; y -= step)
            font_draw_line(canvas, x, y, &cell->line[i], plan->cap, INK);
    }
    int64_t y = (int64_t)plan->caption_y;
    for (size_t i = 0; i < plan->lines; i++) {
        y += font_line_height(plan->caption_cap);
        font_draw_line(
            canvas, (int64_t)plan->margin, y, &plan->line[i], plan->caption_cap, SOFT_INK);
    }
}

static void draw_ticks(const struct plan *plan, const struct kind *kind, struct picture *canvas)
{
    const struct scale *scale = &kind->scale;
    const int64_t x = (int64_t)(kind->x + plan->bar_width);
    for (size_t k = 0; k < kind->ticks; k++) {
        const struct tick *tick = &kind->tick[k];
        const double at = (tick->value - scale->low) / (scale->high - scale->low);
        const int64_t row =
            (int64_t)plan->row_y[0] + (int64_t)round((1 - at) * ((double)plan->bar_height - 1));
        canvas_fill(canvas, x, row, 4, 1, HAIRLINE);
        font_draw(canvas, x + 8, row + plan->caption_cap / 2 + 1, tick->text,
            strlen(tick->text), plan->caption_cap, INK);
    }
}

static void draw_bars(const struct plan *plan, struct picture *canvas)
{
    const int64_t step = font_line_height(plan->caption_cap);
    for (size_t i = 0; i < plan->kinds; i++) {
        const struct kind *kind = &plan->kind[i];
        const int64_t x = (int64_t)kind->x, top = (int64_t)plan->row_y[0];
        bar_draw_upright(&kind->scale, &plan->maps[kind->scale.is_signed], canvas, x, top,
            (int64_t)plan->bar_width, (int64_t)plan->bar_height);
        draw_ticks(plan, kind, canvas);
        int64_t y = top - plan->caption_cap;
        for (size_t k = kind->lines; k-- > 0; y -= step)
            font_draw_line(canvas, x, y, &kind->line[k], plan->caption_cap, INK);
    }
}

/* The bar of one panel, with the ends of its scale. */
static void draw_own_bar(const struct plan *plan, size_t k, const struct scale *scale,
    const struct colormap *map, struct picture *canvas)
{
    char low[SCALE_TEXT], high[SCALE_TEXT];
    const struct cell *cell = &plan->cells[k];
    const int64_t x = (int64_t)plan->column_x[k % plan->columns];
    const int64_t y = (int64_t)plan->row_y[k / plan->columns] + cell->height + 6;
    const int64_t least = 10 * (int64_t)plan->cap;
    const int64_t width = cell->width > least ? cell->width : least;
    const int64_t height = plan->cap * 2 / 3;
    bar_draw_level(map, canvas, x, y, width, height);
    scale_number(scale, scale->low, low);
    scale_number(scale, scale->high, high);
    const int64_t foot = y + height + 5 + plan->small;
    font_draw(canvas, x, foot, low, strlen(low), plan->small, SOFT_INK);
    font_draw(canvas, x + width - font_width(high, strlen(high), plan->small), foot, high,
        strlen(high), plan->small, SOFT_INK);
}

/* Says what is odd about panel k; after some panels only counts them. */
static void warn(const struct panel *panel, size_t k, const struct scale *own, size_t *warned,
    struct error *warning)
{
    char what[64];
    if (own->gaps > 0)
        snprintf(what, sizeof what, "%zu of %zu values are not finite", own->gaps,
            own->finite + own->gaps);
    else if (own->least == 0 && own->greatest == 0)
        snprintf(what, sizeof what, "all values are zero");
    else
        return;
    const size_t said = strlen(warning->text);
    const char *title = panel->title ? panel->title : "";
    const int length = (int)strcspn(title, "\n");
    if (++*warned <= WARNED_PANELS)
        snprintf(warning->text + said, sizeof warning->text - said, "%spanel %zu%s%.*s%s: %s",
            said ? "; " : "", k + 1, length ? " (" : "", length, title, length ? ")" : "",
            what);
}

/* Draws the map of panel k over its picture; its own scale gives the warnings. */
static int draw_map(const struct plan *plan, size_t k, struct picture *canvas, size_t *warned,
    struct error *warning, struct error *error)
{
    const struct panel *panel = &plan->panels[k];
    const struct cell *cell = &plan->cells[k];
    struct scale own;
    int status = scale_make(panel, 1, panel, plan->options, &own, error);
    if (status < 0)
        return status;
    warn(panel, k, &own, warned, warning);
    const struct colormap *map = &plan->maps[panel->is_signed];
    const struct scale *scale = plan->own_scales ? &own : &plan->kind[cell->kind].scale;
    if (plan->own_scales)
        draw_own_bar(plan, k, &own, map, canvas);
    return panel_draw_map(panel, scale, map, plan->options, canvas,
        (uint32_t)plan->column_x[k % plan->columns], (uint32_t)plan->row_y[k / plan->columns],
        cell->width, cell->height, error);
}

static void copy_picture(
    const struct picture *picture, struct picture *canvas, uint64_t x, uint64_t y)
{
    for (size_t row = 0; row < picture->height; row++)
        memcpy(canvas->rgb + ((y + row) * canvas->width + x) * 3,
            picture->rgb + row * picture->width * 3, (size_t)picture->width * 3);
}

static int draw_panels(
    const struct plan *plan, struct picture *canvas, struct error *warning, struct error *error)
{
    struct picture scaled = { 0 }; /* of the panel before: a grid often has one picture */
    const struct picture *source = NULL;
    size_t warned = 0;
    int status = 0;
    for (size_t k = 0; k < plan->count && status == 0; k++) {
        const struct panel *panel = &plan->panels[k];
        const struct cell *cell = &plan->cells[k];
        if (panel->picture && panel->picture != source) {
            free(scaled.rgb);
            source = panel->picture;
            status = panel_picture(source, cell->width, cell->height, &scaled, error);
        }
        if (status == 0 && panel->picture)
            copy_picture(&scaled, canvas, plan->column_x[k % plan->columns],
                plan->row_y[k / plan->columns]);
        if (status == 0 && panel->values)
            status = draw_map(plan, k, canvas, &warned, warning, error);
        if (status == 0 && panel->mask)
            panel_draw_mask(panel->mask, canvas, (uint32_t)plan->column_x[k % plan->columns],
                (uint32_t)plan->row_y[k / plan->columns], cell->width, cell->height);
    }
    free(scaled.rgb);
    const size_t said = strlen(warning->text);
    if (warned > WARNED_PANELS)
        snprintf(warning->text + said, sizeof warning->text - said, "; and %zu more panels",
            warned - WARNED_PANELS);
    return status;
}

static int draw(
    const struct plan *plan, struct picture *canvas, struct error *warning, struct error *error)
{
    const size_t bytes = (size_t)plan->width * plan->height * 3;
    *canvas = (struct picture){ (uint32_t)plan->width, (uint32_t)plan->height, malloc(bytes) };
    if (!canvas->rgb)
        return fail_memory(error, bytes);
    memset(canvas->rgb, WHITE, bytes);
    draw_texts(plan, canvas);
    draw_bars(plan, canvas);
    const int status = draw_panels(plan, canvas, warning, error);
    if (status < 0) {
        free(canvas->rgb);
        *canvas = (struct picture){ 0 };
    }
    return status;
}

int figure_draw(const struct panel *panels, size_t count, const struct figure_options *options,
    const char *caption, struct picture *figure, struct error *warning, struct error *error)
{
    struct plan plan;
    warning->text[0] = 0;
    *figure = (struct picture){ 0 };
    int status = figure_plan_make(&plan, panels, count, options, caption, error);
    if (status == 0)
        status = draw(&plan, figure, warning, error);
    figure_plan_free(&plan);
    return status;
}
