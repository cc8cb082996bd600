#include "common/figure_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool same_kind(const struct panel *a, const struct panel *b)
{
    const char *one = a->quantity ? a->quantity : "", *other = b->quantity ? b->quantity : "";
    return a->values && b->values && a->is_signed == b->is_signed && strcmp(one, other) == 0;
}

static size_t cells(const struct panel *panel)
{
    return (size_t)panel->rows * panel->columns;
}

static void look_at(const struct panel *panel, struct scale *scale)
{
    scale->maps++;
    for (size_t i = 0; i < cells(panel); i++) {
        const double value = panel->values[i];
        if (!isfinite(value)) {
            scale->gaps++;
            continue;
        }
        if (scale->finite == 0 || value < scale->least)
            scale->least = value;
        if (scale->finite == 0 || value > scale->greatest)
            scale->greatest = value;
        scale->finite++;
    }
}

static int compare(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* NumPy's percentile of sorted values: linear between the two nearest. */
static double percentile(const float *sorted, size_t count, double percent)
{
    const double at = percent / 100 * (double)(count - 1);
    const size_t before = (size_t)at;
    const size_t after = before + 1 < count ? before + 1 : before;
    return sorted[before] + (at - (double)before) * ((double)sorted[after] - sorted[before]);
}

/* Sets low and high to percentiles, unless nothing is left between them. */
static int clip(const struct panel *panels, size_t count, const struct panel *like,
    double percent, struct scale *scale, struct error *error)
{
    size_t kept = 0;
    float *sorted = malloc(scale->finite * sizeof *sorted);
    if (!sorted)
        return fail_memory(error, scale->finite * sizeof *sorted);
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; same_kind(&panels[k], like) && i < cells(&panels[k]); i++)
            if (isfinite(panels[k].values[i]))
                sorted[kept++] =
                    scale->is_signed ? fabsf(panels[k].values[i]) : panels[k].values[i];
    qsort(sorted, kept, sizeof *sorted, compare);
    const double high = percentile(sorted, kept, 100 - percent);
    const double low = scale->is_signed ? -high : percentile(sorted, kept, percent);
    free(sorted);
    if (low < high) {
        scale->low = low;
        scale->high = high;
    }
    return 0;
}

int scale_make(const struct panel *panels, size_t count, const struct panel *like,
    const struct figure_options *options, struct scale *scale, struct error *error)
{
    const bool is_signed = like->is_signed;
    *scale = (struct scale){ .is_signed = is_signed };
    for (size_t k = 0; k < count; k++)
        if (same_kind(&panels[k], like))
            look_at(&panels[k], scale);
    double low = scale->least, high = scale->greatest;
    if (options->has_range) {
        low = (double)options->low;
        high = (double)options->high;
    }
    if (is_signed) {
        high = fmax(fabs(low), fabs(high));
        low = -high;
    }
    if (!(low < high)) {
        low = fmin(low, 0);
        high = fmax(high, 0);
    }
    scale->low = low;
    scale->high = low < high ? high : 1;
    if (is_signed && !(low < high))
        scale->low = -1;
    if (options->clip > 0 && !options->has_range && scale->finite > 0)
        return clip(panels, count, like, options->clip, scale, error);
    return 0;
}

bool scale_reaches_below(const struct scale *scale)
{
    return scale->least < scale->low - (scale->high - scale->low) / 1000;
}

bool scale_reaches_above(const struct scale *scale)
{
    return scale->greatest > scale->high + (scale->high - scale->low) / 1000;
}

/* printf's text with a proper minus sign and no more of the exponent than needed. */
static void tidy(const char *printed, bool strip, char text[SCALE_TEXT])
{
    size_t made = 0;
    const char *exponent = strchr(printed, 'e');
    size_t mantissa = exponent ? (size_t)(exponent - printed) : strlen(printed);
    if (strip && memchr(printed, '.', mantissa)) {
        while (printed[mantissa - 1] == '0')
            mantissa--;
        mantissa -= printed[mantissa - 1] == '.';
    }
    for (size_t i = 0; printed[i] && made + 4 < SCALE_TEXT; i++) {
        const bool after = exponent && printed + i > exponent;
        if (i >= mantissa && !(exponent && printed + i >= exponent))
            continue;
        if (after && (printed[i] == '+' || (printed[i] == '0' && printed[i + 1])))
            continue;
        if (printed[i] == '-') {
            memcpy(text + made, "\xe2\x88\x92", 3);
            made += 3;
        } else {
            text[made++] = printed[i];
        }
    }
    text[made] = 0;
}

/* To a precision of unit; exponent: as 1.2e-4. */
static void print_number(
    double value, double unit, bool exponent, bool strip, char text[SCALE_TEXT])
{
    char printed[SCALE_TEXT];
    const double place = floor(log10(unit) + 1e-9);
    const double digits =
        exponent && value != 0 ? floor(log10(fabs(value)) + 1e-9) - place : -place;
    const int decimals = digits < 0 ? 0 : digits > 9 ? 9 : (int)digits;
    if (value == 0)
        snprintf(printed, sizeof printed, "0");
    else
        snprintf(printed, sizeof printed, exponent ? "%.*e" : "%.*f", decimals, value);
    tidy(printed, strip, text);
}

static bool wants_exponent(double largest)
{
    return largest < 1e-4 || largest >= 1e5;
}

void scale_number(const struct scale *scale, double value, char text[SCALE_TEXT])
{
    const double span = fmin(scale->high - scale->low, fabs(value));
    print_number(value, span > 0 ? span / 100 : 1, wants_exponent(fabs(value)), true, text);
}

static size_t round_ticks(
    const struct scale *scale, double step, size_t most, struct tick *ticks)
{
    const double slack = step * 1e-6, largest = fmax(fabs(scale->low), fabs(scale->high));
    const double first = ceil((scale->low - slack) / step);
    const double last = floor((scale->high + slack) / step);
    if (!(last - first < (double)most))
        return 0;
    size_t made = 0;
    for (; made < most && first + (double)made <= last; made++) {
        ticks[made].value = (first + (double)made) * step;
        print_number(ticks[made].value, step, wants_exponent(largest), false, ticks[made].text);
    }
    return made;
}

size_t scale_ticks(const struct scale *scale, size_t most, struct tick *ticks)
{
    static const double steps[] = { 1, 2, 5, 10 };
    const double power = pow(10, floor(log10((scale->high - scale->low) / (double)most)));
    size_t made = 0;
    for (size_t k = 0; k < 4 && made == 0; k++)
        made = round_ticks(scale, steps[k] * power, most, ticks);
    if (made >= 2)
        return made;
    ticks[0].value = scale->low;
    ticks[1].value = scale->high;
    scale_number(scale, scale->low, ticks[0].text);
    scale_number(scale, scale->high, ticks[1].text);
    return 2;
}
