#include "common/figure_plan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE_SIZE = 1024 };

static int check_panels(const struct panel *panels, size_t count, struct error *error)
{
    for (size_t k = 0; k < count; k++) {
        const struct panel *panel = &panels[k];
        if (!panel->values)
            continue;
        if (panel->rows == 0 || panel->columns == 0)
            return fail(error, BAD_SAMPLE, "panel %zu: a map of %ux%u cells", k + 1,
                panel->rows, panel->columns);
        const double *box = panel->box;
        if (panel->picture
            && !(box[0] < box[2] && box[1] < box[3] && isfinite(box[0]) && isfinite(box[1])
                 && isfinite(box[2]) && isfinite(box[3])))
            return fail(error, BAD_SAMPLE, "panel %zu: its box %g,%g,%g,%g is empty", k + 1,
                box[0], box[1], box[2], box[3]);
    }
    return 0;
}

static int check_options(
    const struct figure_options *options, struct plan *plan, struct error *error)
{
    const char *name = options->colormap ? options->colormap : COLORMAP_DEFAULT;
    if (colormap_make(name, &plan->maps[0]) < 0)
        return fail(error, BAD_USAGE, "no colour map %s: there are " COLORMAP_NAMES, name);
    colormap_make(COLORMAP_DIVERGING, &plan->maps[1]);
    if (!(options->alpha >= 0 && options->alpha <= 1))
        return fail(error, BAD_USAGE, "alpha %g is not from 0 to 1", options->alpha);
    if (!(options->clip >= 0 && options->clip < 50))
        return fail(error, BAD_USAGE, "percentile %g is not from 0 to below 50", options->clip);
    if (options->has_range
        && !(options->low < options->high && isfinite(options->low) && isfinite(options->high)))
        return fail(error, BAD_USAGE, "range %g,%g is empty", (double)options->low,
            (double)options->high);
    return 0;
}

static int too_large(double width, double height, struct error *error)
{
    return fail(error, BAD_USAGE,
        "a figure of %.0fx%.0f pixels is over the limit of %.0f: use a smaller --width", width,
        height, (double)FIGURE_MAX_PIXELS);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The pictures' sizes, and the columns' widths and the text size that follow. */
static int size_cells(struct plan *plan, struct error *error)
{
    uint64_t widest = 0;
    for (size_t k = 0; k < plan->count; k++) {
        const struct panel *panel = &plan->panels[k];
        double width, height;
        if (!panel->picture && !panel->values)
            continue;
        panel_size(panel, plan->count == 1, plan->options->panel_width, &width, &height);
        if (width * height > (double)FIGURE_MAX_PIXELS)
            return too_large(width, height, error);
        plan->cells[k].width = (uint32_t)width;
        plan->cells[k].height = (uint32_t)height;
        uint64_t *column = &plan->column_width[k % plan->columns];
        *column = larger(*column, plan->cells[k].width);
        widest = larger(widest, *column);
    }
    const uint64_t cap = 9 + widest / 160;
    plan->cap = cap > 40 ? 40 : (int)cap;
    plan->small = plan->cap > 9 ? plan->cap - 1 : plan->cap;
    plan->margin = 2 * (uint64_t)plan->cap;
    plan->gap = 3 * (uint64_t)plan->cap / 2;
    for (size_t i = 0; i < plan->columns; i++)
        plan->column_width[i] = larger(plan->column_width[i], 10 * (uint64_t)plan->cap);
    return 0;
}

/* What a panel's own bar takes below its picture. */
static uint64_t own_bar_height(const struct plan *plan)
{
    return 6 + (uint64_t)plan->cap * 2 / 3 + 5 + (uint64_t)plan->small;
}

/* Titles wrapped, and the columns' edges. */
static void wrap_titles(struct plan *plan)
{
    uint64_t x = plan->margin;
    for (size_t i = 0; i < plan->columns; i++) {
        plan->column_x[i] = x;
        x += plan->column_width[i] + plan->gap;
    }
    plan->grid_right = x - plan->gap;
    for (size_t k = 0; k < plan->count; k++) {
        struct cell *cell = &plan->cells[k];
        const char *title = plan->panels[k].title;
        const int width = (int)plan->column_width[k % plan->columns];
        if (title)
            cell->lines = font_wrap(title, plan->cap, width, cell->line, TITLE_LINES);
    }
}

/* The rows' edges. The names of the bars stand beside the titles of the first row. */
static void place_rows(struct plan *plan)
{
    uint64_t y = plan->margin;
    for (size_t row = 0; row < plan->rows; row++) {
        uint64_t titles = 0, height = 0;
        for (size_t i = 0; i < plan->kinds && row == 0; i++)
            titles = larger(
                titles, plan->kind[i].lines * (uint64_t)font_line_height(plan->caption_cap));
        for (size_t k = row * plan->columns; k < plan->count && k < (row + 1) * plan->columns;
             k++) {
            const struct cell *cell = &plan->cells[k];
            const bool own_bar = plan->own_scales && plan->panels[k].values;
            titles = larger(titles, cell->lines * (uint64_t)font_line_height(plan->cap));
            height = larger(height, cell->height + (own_bar ? own_bar_height(plan) : 0));
        }
        plan->row_y[row] = y + titles;
        y += titles + height + 2 * plan->gap;
    }
    plan->grid_bottom = y - 2 * plan->gap;
}

/* From the top of the first row's pictures to the bottom of the last one within most pixels, or
 * of the first. */
static uint64_t whole_rows(const struct plan *plan, uint64_t most)
{
    uint64_t height = 0;
    for (size_t k = 0; k < plan->count; k++) {
        const size_t row = k / plan->columns;
        const uint64_t bottom = plan->row_y[row] - plan->row_y[0] + plan->cells[k].height;
        if (row == 0 || bottom <= most)
            height = larger(height, bottom);
    }
    return height;
}

/* What is beside and below the grid grows with it, to be read on a screen that shows it all. */
static void size_caption(struct plan *plan)
{
    const uint64_t cap = plan->grid_right / 110;
    plan->caption_cap = cap > 2 * (uint64_t)plan->cap ? 2 * plan->cap : (int)cap;
    if (plan->caption_cap < plan->small)
        plan->caption_cap = plan->small;
}

/* "unsigned maps" where the panels don't say. */
static const char *kind_name(const struct panel *panel)
{
    return panel->quantity    ? panel->quantity
           : panel->is_signed ? "signed maps"
                              : "unsigned maps";
}

/* The names of the shared bars, above them. */
static void name_bars(struct plan *plan)
{
    for (size_t i = 0; i < plan->kinds; i++) {
        struct kind *kind = &plan->kind[i];
        const int room = 9 * plan->caption_cap;
        if (plan->kinds > 1)
            kind->lines = font_wrap(
                kind_name(kind->first), plan->caption_cap, room, kind->line, LABEL_LINES);
        for (size_t k = 0; k < kind->lines; k++)
            kind->width = larger(
                kind->width, (uint64_t)font_line_width(&kind->line[k], plan->caption_cap));
    }
}

/* Ticks of the shared bars and their place. */
static void place_bars(struct plan *plan)
{
    const uint64_t line = (uint64_t)font_line_height(plan->caption_cap);
    plan->width = plan->grid_right;
    plan->bar_width = 3 * (uint64_t)plan->caption_cap / 2;
    plan->bar_height = larger(whole_rows(plan, 40 * (uint64_t)plan->caption_cap), 5 * line);
    for (size_t i = 0; i < plan->kinds; i++) {
        struct kind *kind = &plan->kind[i];
        const uint64_t ticks = larger(3, plan->bar_height / (2 * line));
        kind->ticks = scale_ticks(&kind->scale, ticks > 8 ? 8 : ticks, kind->tick);
        for (size_t k = 0; k < kind->ticks; k++) {
            const char *text = kind->tick[k].text;
            kind->width = larger(
                kind->width, plan->bar_width + 8
                                 + (uint64_t)font_width(text, strlen(text), plan->caption_cap));
        }
        kind->x = plan->width + larger(plan->gap, plan->bar_width);
        plan->width = kind->x + kind->width;
    }
    if (plan->kinds > 0)
        plan->grid_bottom = larger(plan->grid_bottom, plan->row_y[0] + plan->bar_height);
}

static void append(char text[NOTE_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(char text[NOTE_SIZE], const char *format, ...)
{
    const size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, NOTE_SIZE - length, format, arguments);
    va_end(arguments);
}

static void append_range(const struct scale *scale, char *note)
{
    char least[SCALE_TEXT], greatest[SCALE_TEXT], low[SCALE_TEXT], high[SCALE_TEXT];
    const struct scale ends = { .low = scale->least, .high = scale->greatest };
    const struct scale all = ends.low < ends.high ? ends : *scale;
    scale_number(&all, scale->least, least);
    scale_number(&all, scale->greatest, greatest);
    scale_number(scale, scale->low, low);
    scale_number(scale, scale->high, high);
    append(note, " from %s to %s", least, greatest);
    if (scale_reaches_below(scale) || scale_reaches_above(scale))
        append(note, " (colours end at %s and %s)", low, high);
}

/* What the reader must know of the colours. */
static void note_scales(const struct plan *plan, char *note)
{
    if (plan->kinds == 1) {
        append(note,
            plan->kind[0].scale.maps > 1 ? " One scale for all panels, values" : " Values");
        append_range(&plan->kind[0].scale, note);
        append(note, ".");
    }
    for (size_t i = 0; i < plan->kinds && plan->kinds > 1; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s", kind_name(plan->kind[i].first));
        for (char *at = name; *at; at++)
            *at = *at == '\n' ? ' ' : *at;
        append(note, "%s %s", i == 0 ? " One scale for each quantity:" : ";", name);
        append_range(&plan->kind[i].scale, note);
        append(note, i + 1 < plan->kinds ? "" : ".");
    }
}

static int write_caption(struct plan *plan, const char *caption, struct error *error)
{
    char note[NOTE_SIZE] = "";
    const size_t size = (caption ? strlen(caption) : 0) + 1 + sizeof note;
    bool gaps = false, values = false;
    for (size_t k = 0; k < plan->count; k++) {
        values |= plan->panels[k].values != NULL;
        gaps |= plan->panels[k].values && panel_has_gaps(&plan->panels[k]);
    }
    if (plan->own_scales && values)
        append(note, " Each panel has its own scale.");
    note_scales(plan, note);
    if (plan->options->clip > 0 && !plan->options->has_range)
        append(
            note, " The outermost %g%% of values share the end colours.", plan->options->clip);
    if (gaps)
        append(note, " Hatched: no finite value.");
    plan->text = malloc(size);
    if (!plan->text)
        return fail_memory(error, size);
    const bool both = caption && *caption && *note;
    snprintf(plan->text, size, "%s%s%s", caption ? caption : "", both ? "\n" : "",
        *note ? note + 1 : "");
    return 0;
}

/* The caption's lines and the size of everything, refused where it is too much. */
static int place_caption(struct plan *plan, const char *caption, struct error *error)
{
    const int status = write_caption(plan, caption, error);
    if (status < 0)
        return status;
    plan->width = larger(plan->width, 24 * (uint64_t)plan->cap);
    const uint64_t room = plan->width - plan->margin;
    plan->lines = font_wrap(plan->text, plan->caption_cap, room > 1000000 ? 1000000 : (int)room,
        plan->line, CAPTION_LINES);
    plan->caption_y = plan->grid_bottom + (uint64_t)plan->cap;
    plan->width += plan->margin;
    plan->height =
        plan->lines == 0
            ? plan->grid_bottom
            : plan->caption_y + plan->lines * (uint64_t)font_line_height(plan->caption_cap);
    plan->height += plan->margin;
    if ((double)plan->width * (double)plan->height > (double)FIGURE_MAX_PIXELS)
        return too_large((double)plan->width, (double)plan->height, error);
    return 0;
}

/* Which panels share a scale, and the scales. */
static int make_kinds(struct plan *plan, struct error *error)
{
    plan->own_scales = plan->options->scale_per_panel;
    for (size_t k = 0; k < plan->count && !plan->own_scales; k++) {
        size_t kind = 0;
        while (kind < plan->kinds && !same_kind(plan->kind[kind].first, &plan->panels[k]))
            kind++;
        plan->cells[k].kind = kind;
        if (kind < plan->kinds || !plan->panels[k].values)
            continue;
        plan->own_scales = kind == FIGURE_MAX_SCALES;
        if (!plan->own_scales)
            plan->kind[plan->kinds++].first = &plan->panels[k];
    }
    if (plan->own_scales)
        plan->kinds = 0;
    int status = 0;
    for (size_t i = 0; i < plan->kinds && status == 0; i++)
        status = scale_make(plan->panels, plan->count, plan->kind[i].first, plan->options,
            &plan->kind[i].scale, error);
    return status;
}

static int lay_out(struct plan *plan, const char *caption, struct error *error)
{
    int status = check_panels(plan->panels, plan->count, error);
    if (status == 0)
        status = check_options(plan->options, plan, error);
    if (status == 0)
        status = make_kinds(plan, error);
    if (status == 0)
        status = size_cells(plan, error);
    if (status < 0)
        return status;
    wrap_titles(plan);
    size_caption(plan);
    name_bars(plan);
    place_rows(plan);
    place_bars(plan);
    return place_caption(plan, caption, error);
}

/* Near-square, with the fewest places left empty. */
static size_t choose_columns(size_t count)
{
    const size_t square = (size_t)ceil(sqrt((double)count));
    const size_t wider = square + 1;
    const size_t empty = (count + square - 1) / square * square - count;
    const size_t empty_wider = (count + wider - 1) / wider * wider - count;
    return count > 2 && empty_wider < empty ? wider : square;
}

int figure_plan_make(struct plan *plan, const struct panel *panels, size_t count,
    const struct figure_options *options, const char *caption, struct error *error)
{
    *plan = (struct plan){ .panels = panels, .options = options, .count = count };
    plan->columns = options->columns > 0 ? options->columns : choose_columns(count);
    plan->columns = plan->columns < count ? plan->columns : count;
    plan->rows = (count + plan->columns - 1) / plan->columns;
    const size_t edges = 2 * plan->columns + plan->rows;
    const size_t bytes = count * sizeof *plan->cells + edges * sizeof(uint64_t);
    plan->cells = calloc(1, bytes);
    if (!plan->cells)
        return fail_memory(error, bytes);
    plan->column_x = (uint64_t *)(plan->cells + count);
    plan->column_width = plan->column_x + plan->columns;
    plan->row_y = plan->column_width + plan->columns;
    return lay_out(plan, caption, error);
}

void figure_plan_free(struct plan *plan)
{
    free(plan->text);
    free(plan->cells);
}
