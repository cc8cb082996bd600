#include "common/mask.h"
#include "common/intake.h"
#include "common/option.h"
#include "formats/io.h"
#include "formats/picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEAST_SHARE 1e-12 /* of a cell: below are rounding errors */

int mask_rule_parse(struct mask_rule *rule, const char *option, const char *inside,
    const char *ignore, struct error *error)
{
    bool wanted[256], ignored[256] = { false };
    int status = inside ? parse_list(option, inside, 256, wanted, error) : 0;
    if (status == 0 && ignore)
        status = parse_list("--ignore", ignore, 256, ignored, error);
    for (size_t i = 0; i < 256 && status == 0; i++) {
        if (inside && wanted[i] && ignored[i])
            return fail(error, BAD_USAGE, "%s %.100s, --ignore %.100s: %zu can't be both",
                option, inside, ignore, i);
        const bool is_inside = inside ? wanted[i] : i > 0;
        rule->classes[i] = ignored[i] ? MASK_IGNORED : is_inside ? MASK_INSIDE : MASK_OUTSIDE;
    }
    return status;
}

int mask_read(const struct sample *sample, const struct mask_rule *rule, struct mask *mask,
    struct error *error)
{
    struct picture picture;
    const struct member *member = sample_find(sample, "mask.png");
    *mask = (struct mask){ 0 };
    if (!member)
        return fail(error, BAD_USAGE, "has no mask.png: say preprocess --masks DIR");
    const int status =
        picture_decode_values(member->bytes, member->size, PICTURE_MAX_PIXELS, &picture, error);
    if (status < 0)
        return fail(error, status, "mask.png: %.800s", error->text);
    const size_t pixels = (size_t)picture.width * picture.height;
    for (size_t i = 0; i < pixels; i++)
        picture.rgb[i] = rule->classes[picture.rgb[3 * i]];
    uint8_t *classes = realloc(picture.rgb, pixels);
    *mask = (struct mask){ picture.width, picture.height, classes ? classes : picture.rgb };
    return 0;
}

void mask_free(struct mask *mask)
{
    free(mask->classes);
    *mask = (struct mask){ 0 };
}

/* Where cell i of an axis begins, in the picture. */
static double edge(double low, double high, size_t i, size_t cells, uint32_t size)
{
    const double at = i == cells ? high : low + (high - low) * (double)i / (double)cells;
    return fmin(fmax(at, 0), size);
}

/* Adds weight times what row y has in each cell. */
static void add_row(const struct mask *mask, size_t y, double weight, const double box[4],
    size_t columns, double *inside, double *ignored)
{
    const uint8_t *row = mask->classes + y * mask->width;
    for (size_t c = 0; c < columns; c++) {
        const double low = edge(box[0], box[2], c, columns, mask->width);
        const double high = edge(box[0], box[2], c + 1, columns, mask->width);
        for (size_t x = (size_t)low; (double)x < high; x++) {
            const double part = fmin(high, (double)(x + 1)) - fmax(low, (double)x);
            inside[c] += row[x] == MASK_INSIDE ? weight * part : 0;
            ignored[c] += row[x] == MASK_IGNORED ? weight * part : 0;
        }
    }
}

void mask_cells(const struct mask *mask, const double box[4], size_t rows, size_t columns,
    double *inside, double *scored)
{
    const double cell =
        (box[2] - box[0]) / (double)columns * ((box[3] - box[1]) / (double)rows);
    const size_t count = rows * columns;
    for (size_t i = 0; i < count; i++)
        inside[i] = scored[i] = 0;
    for (size_t r = 0; r < rows; r++) {
        const double low = edge(box[1], box[3], r, rows, mask->height);
        const double high = edge(box[1], box[3], r + 1, rows, mask->height);
        for (size_t y = (size_t)low; (double)y < high; y++)
            add_row(mask, y, fmin(high, (double)(y + 1)) - fmax(low, (double)y), box, columns,
                inside + r * columns, scored + r * columns);
    }
    for (size_t i = 0; i < count; i++) {
        const double left = 1 - scored[i] / cell; /* so far it has what is ignored */
        scored[i] = left < LEAST_SHARE ? 0 : left;
        inside[i] = fmin(inside[i] / cell, scored[i]);
    }
}

/* Whether row y has a pixel inside between columns first and last, which may lie beyond it. */
static bool row_is_inside(const struct mask *mask, double y, double first, double last)
{
    if (y < 0 || y >= mask->height || last < 0 || first >= mask->width)
        return false;
    const size_t from = (size_t)fmax(first, 0);
    const size_t to = (size_t)fmin(last, mask->width - 1);
    const uint8_t *row = mask->classes + (size_t)y * mask->width;
    return memchr(row + from, MASK_INSIDE, to - from + 1) != NULL;
}

enum mask_class mask_at(const struct mask *mask, double x, double y, double tolerance)
{
    const double column = floor(x), row = floor(y);
    for (double down = -floor(tolerance); down <= tolerance; down++) {
        const double reach = floor(sqrt(tolerance * tolerance - down * down));
        if (row_is_inside(mask, row + down, column - reach, column + reach))
            return MASK_INSIDE;
    }
    if (row < 0 || row >= mask->height || column < 0 || column >= mask->width)
        return MASK_OUTSIDE;
    return mask->classes[(size_t)row * mask->width + (size_t)column];
}

/* Behind leading slashes and the last component "..". */
static const char *longest_tail(const char *name)
{
    const char *tail = name + strspn(name, "/");
    for (const char *at = strstr(tail, "../"); at; at = strstr(at + 1, "../"))
        if (at == tail || at[-1] == '/')
            tail = at + 3;
    return tail;
}

int mask_add(
    struct sample *sample, const char *directory, const char *path, struct error *error)
{
    const char *name = path ? path : sample->key;
    const int length = (int)(path ? stem_length(path) : strlen(name));
    char *file = NULL;
    unsigned char *bytes = NULL;
    size_t size;
    struct member *member;
    for (const char *tail = longest_tail(name); tail && !file; tail = strchr(tail, '/')) {
        tail += *tail == '/';
        if (asprintf(&file, "%s/%.*s.png", directory, length - (int)(tail - name), tail) < 0)
            return fail_memory(error, strlen(directory));
        if (access(file, F_OK) == 0)
            break;
        free(file);
        file = NULL;
    }
    if (!file)
        return 0;
    int status = file_read(file, INTAKE_MAX_BYTES, &bytes, &size, error);
    free(file);
    if (status < 0)
        return status;
    sample_drop(sample, "mask.png");
    status = sample_add(sample, "mask.png", size, &member, error);
    if (status == 0)
        memcpy(member->bytes, bytes, size);
    free(bytes);
    return status < 0 ? status : 1;
}
