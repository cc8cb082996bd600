#include "common/sheet.h"

#include "common/figure_parts.h"
#include "common/maptitle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_maps(struct sheet *sheet, size_t from)
{
    for (size_t i = from; i < sheet->map_count; i++) {
        free(sheet->maps[i].values);
        free(sheet->maps[i].member);
        free(sheet->maps[i].title);
    }
    sheet->map_count = from;
}

static void free_sample(struct sheet_sample *sample)
{
    free(sample->key);
    picture_free(&sample->picture);
    mask_free(&sample->mask);
    *sample = (struct sheet_sample){ 0 };
}

void sheet_clear(struct sheet *sheet)
{
    free_maps(sheet, 0);
    for (size_t i = 0; i < sheet->sample_count; i++)
        free_sample(&sheet->samples[i]);
    free(sheet->maps);
    *sheet = (struct sheet){ .outline = sheet->outline, .join_models = sheet->join_models };
}

static struct sheet_map *next_map(struct sheet *sheet, struct error *error)
{
    if (sheet->map_count == sheet->map_room) {
        const size_t room = sheet->map_room ? 2 * sheet->map_room : 16;
        struct sheet_map *maps = reallocarray(sheet->maps, room, sizeof *maps);
        if (!maps) {
            fail_memory(error, room * sizeof *maps);
            return NULL;
        }
        sheet->maps = maps;
        sheet->map_room = room;
    }
    struct sheet_map *map = &sheet->maps[sheet->map_count++];
    *map = (struct sheet_map){ 0 };
    return map;
}

/* What is odd about the maps of a sample: the first is named, the others are counted. */
struct oddities {
    struct error first;
    size_t count;
};

static void note_odd(struct oddities *oddities, const struct map *map, const char *what)
{
    if (oddities->count++ == 0)
        fail(&oddities->first, 0, "map.%s %s", map->name, what);
}

static void look_over(struct oddities *oddities, const struct map *map, const float *values)
{
    bool zeros = true, finite = true;
    for (size_t i = 0; i < map->rows * map->columns; i++) {
        finite &= isfinite(values[i]) != 0;
        zeros &= values[i] == 0;
    }
    if (!finite)
        note_odd(oddities, map, "has values that aren't finite: hatched");
    else if (zeros)
        note_odd(oddities, map, "is all zeros");
}

/* Where the map lies in the sample's picture. */
static int place_map(const struct map *map, const struct picture *picture, double box[4],
    struct oddities *oddities, struct error *error)
{
    char what[136];
    snprintf(what, sizeof what, "map.%s", map->name);
    if (picture->rgb && !map->has_box)
        note_odd(oddities, map, "has no view: drawn over the whole picture");
    return view_place(what, map->has_box ? map->box : NULL, map->picture, picture->width,
        picture->height, box, error);
}

/* Texts of a map; NULL where there is no memory. */
static int name_map(struct sheet_map *to, const char *key, const struct map *map, size_t index,
    struct error *error)
{
    char model[128], quantity[100], query[32] = "";
    char *title = map_title(map, index);
    map_model(map, model, sizeof model);
    map_quantity(map, quantity, sizeof quantity);
    to->model_length = strlen(model);
    snprintf(to->quantity, sizeof to->quantity, "%s\n%s", model, quantity);
    if (map->queries > 0)
        snprintf(query, sizeof query, "[%zu]", index);
    if (title && asprintf(&to->title, "%s\n%s", model, title) < 0)
        to->title = NULL;
    if (asprintf(&to->member, "%s.map.%s%s", key, map->name, query) < 0)
        to->member = NULL;
    free(title);
    return to->title && to->member ? 0 : fail_memory(error, strlen(key));
}

/* Map index of the member, which has several where it is of several queries. */
static int add_map(struct sheet *sheet, const struct sheet_sample *sample,
    const struct map *map, size_t index, struct oddities *oddities, struct error *error)
{
    const size_t cells = map->rows * map->columns, bytes = cells * sizeof(float);
    struct sheet_map *to = next_map(sheet, error);
    if (!to)
        return BAD_SYSTEM;
    int status = place_map(map, &sample->picture, to->box, oddities, error);
    if (status == 0)
        status = name_map(to, sample->key, map, index, error);
    if (status < 0)
        return status;
    to->rows = (uint32_t)map->rows;
    to->columns = (uint32_t)map->columns;
    to->is_signed = map->is_signed;
    to->marked = map_asker(map, index);
    to->asker = map_default_asker(map);
    to->has_query = map_has_query(map);
    map_place(map, &to->layer, &to->head);
    to->values = malloc(bytes);
    if (!to->values)
        return fail_memory(error, bytes);
    memcpy(to->values, map->values + index * cells, bytes);
    look_over(oddities, map, to->values);
    return 0;
}

static int add_maps(struct sheet *sheet, struct sheet_sample *to, const struct sample *sample,
    struct oddities *oddities, struct error *error)
{
    size_t at = 0;
    struct map map;
    struct scratch scratch = { 0 };
    int status;
    while ((status = map_next(sample, &at, &map, &scratch, error)) > 0) {
        status = map.rows > UINT32_MAX || map.columns > UINT32_MAX
                     ? fail(error, BAD_SAMPLE, "map.%s is too large", map.name)
                     : 0;
        const size_t count = map.queries > 0 ? map.queries : 1;
        for (size_t i = 0; i < count && status == 0; i++)
            status = add_map(sheet, to, &map, i, oddities, error);
        map_release(&map);
        if (status < 0)
            break;
    }
    free(scratch.bytes);
    to->count = sheet->map_count - to->first;
    if (status == 0 && to->count == 0)
        status = fail(error, BAD_USAGE, "has no maps: run attnsplit, rollout or gradcam");
    return status;
}

static int add_mask(struct sheet_sample *to, const struct sample *sample,
    const struct mask_rule *outline, struct error *error)
{
    const struct picture *picture = &to->picture;
    const int status = mask_read(sample, outline, &to->mask, error);
    if (status == 0 && (to->mask.width != picture->width || to->mask.height != picture->height))
        return fail(error, BAD_SAMPLE, "mask.png is of %ux%u pixels, the picture of %ux%u",
            to->mask.width, to->mask.height, picture->width, picture->height);
    return status;
}

int sheet_add(struct sheet *sheet, const struct sample *sample, bool pictures,
    struct error *warning, struct error *error)
{
    struct sheet_sample *to = &sheet->samples[sheet->sample_count];
    const struct member *member = pictures ? sample_picture(sample) : NULL;
    struct oddities oddities = { 0 };
    *to = (struct sheet_sample){ .key = strdup(sample->key), .first = sheet->map_count };
    int status = to->key ? 0 : fail_memory(error, strlen(sample->key) + 1);
    if (status == 0 && member)
        status = picture_decode(
            member->bytes, member->size, PICTURE_MAX_PIXELS, &to->picture, error);
    if (status == 0 && member && sheet->outline)
        status = add_mask(to, sample, sheet->outline, error);
    if (status == 0)
        status = add_maps(sheet, to, sample, &oddities, error);
    if (status < 0) {
        free_maps(sheet, to->first);
        free_sample(to);
        return status;
    }
    sheet->sample_count++;
    *warning = oddities.first;
    if (oddities.count > 1)
        fail(warning, 0, "%.900s (%zu more maps are odd)", oddities.first.text,
            oddities.count - 1);
    return 0;
}

static int reduce(struct sheet *sheet, struct sheet_sample *sample, bool alone,
    uint32_t panel_width, struct error *error)
{
    struct picture *picture = &sample->picture, scaled;
    const struct panel panel = { .picture = picture };
    double width, height;
    if (!picture->rgb)
        return 0;
    panel_size(&panel, alone, panel_width, &width, &height);
    if (width >= picture->width || height >= picture->height)
        return 0;
    const int status =
        panel_picture(picture, (uint32_t)width, (uint32_t)height, &scaled, error);
    if (status < 0)
        return status;
    for (size_t i = sample->first; i < sample->first + sample->count; i++)
        for (size_t k = 0; k < 4; k++)
            sheet->maps[i].box[k] *= k % 2 ? height / picture->height : width / picture->width;
    picture_free(picture);
    *picture = scaled;
    return 0;
}

int sheet_reduce(
    struct sheet *sheet, bool last, bool alone, uint32_t panel_width, struct error *error)
{
    int status = 0;
    for (size_t i = last ? sheet->sample_count - 1 : 0; i < sheet->sample_count && status == 0;
         i++)
        status = reduce(sheet, &sheet->samples[i], alone, panel_width, error);
    return status;
}

/* A map of the one model that all are of which say so, or NULL where they are of several. */
static const struct sheet_map *only_model(const struct sheet *sheet)
{
    const struct sheet_map *only = &sheet->maps[0];
    for (size_t i = 1; i < sheet->map_count; i++) {
        const struct sheet_map *map = &sheet->maps[i];
        if (only->model_length == 0)
            only = map;
        if (map->model_length > 0
            && (map->model_length != only->model_length
                || strncmp(map->title, only->title, map->model_length)))
            return NULL;
    }
    return only;
}

/* How many heads every one of several layers shows, or 0 where they aren't such a grid. */
static size_t heads_of_layers(const struct sheet *sheet)
{
    const struct sheet_map *maps = sheet->maps;
    size_t heads = 0;
    while (heads < sheet->map_count && maps[heads].layer == maps[0].layer)
        heads++;
    for (size_t i = 0; i < sheet->map_count; i++)
        if (maps[i].layer < 0 || maps[i].head < 0 || maps[i].layer != maps[i - i % heads].layer
            || (i % heads == 0 && i > 0 && maps[i].layer == maps[i - 1].layer))
            return 0;
    return heads < 2 || heads == sheet->map_count || sheet->map_count % heads != 0 ? 0 : heads;
}

/* Panels in rows. */
struct table {
    struct panel *panels;
    size_t count, columns;
};

static struct panel map_panel(const struct sheet_sample *sample, const struct sheet_map *map,
    bool name_model, bool join_models)
{
    const size_t skip = name_model && map->model_length > 0 ? 0 : map->model_length + 1;
    struct panel panel = { .title = map->title + skip,
        .picture = sample->picture.rgb ? &sample->picture : NULL,
        .values = map->values,
        .rows = map->rows,
        .columns = map->columns,
        .is_signed = map->is_signed,
        .quantity = map->quantity + (join_models ? map->model_length + 1 : skip) };
    memcpy(panel.box, map->box, sizeof panel.box);
    panel.marked = map->marked;
    panel.mask = sample->mask.classes ? &sample->mask : NULL;
    return panel;
}

/* heading: the sample begins with its key and picture; width: panels of a row, 0: no matter. */
static void put_sample(struct table *table, const struct sheet *sheet,
    const struct sheet_sample *sample, bool heading, size_t width)
{
    const bool name_model = !only_model(sheet);
    if (heading)
        table->panels[table->count++] = (struct panel){ .title = sample->key,
            .picture = sample->picture.rgb ? &sample->picture : NULL,
            .mask = sample->mask.classes ? &sample->mask : NULL };
    for (size_t i = 0; i < sample->count; i++)
        table->panels[table->count++] =
            map_panel(sample, &sheet->maps[sample->first + i], name_model, sheet->join_models);
    while (width > 0 && table->count % width != 0)
        table->count++;
}

static int make_table(
    const struct sheet *sheet, uint32_t columns, struct table *table, struct error *error)
{
    const bool several = sheet->sample_count > 1;
    const size_t heads = several ? 0 : heads_of_layers(sheet);
    const bool heading =
        several || (heads == 0 && sheet->map_count > 1 && sheet->samples[0].picture.rgb);
    size_t widest = 0;
    for (size_t i = 0; i < sheet->sample_count; i++)
        widest = sheet->samples[i].count > widest ? sheet->samples[i].count : widest;
    const size_t room = sheet->sample_count * (widest + 1);
    *table = (struct table){ .columns = columns };
    if (columns == 0 && several)
        table->columns = widest + 1;
    if (columns == 0 && heads > 0)
        table->columns =
            heads * (size_t)fmax(1, round(sqrt((double)sheet->map_count) / (double)heads));
    table->panels = calloc(room, sizeof *table->panels);
    if (!table->panels)
        return fail_memory(error, room * sizeof *table->panels);
    for (size_t i = 0; i < sheet->sample_count; i++)
        put_sample(table, sheet, &sheet->samples[i], heading,
            several && columns == 0 ? table->columns : 0);
    return 0;
}

/* Who asks in all maps whose titles don't say it; NULL where they differ. */
static const char *only_asker(const struct sheet *sheet)
{
    const char *asker = NULL;
    for (size_t i = 0; i < sheet->map_count; i++) {
        const char *other = sheet->maps[i].asker;
        if (asker && other && strcmp(asker, other) != 0)
            return NULL;
        asker = asker ? asker : other;
    }
    return asker;
}

/* Whether nobody asks in some maps: those of a CNN, or of activations. */
static bool some_unasked(const struct sheet *sheet)
{
    for (size_t i = 0; i < sheet->map_count; i++)
        if (!sheet->maps[i].has_query)
            return true;
    return false;
}

/* "cat5 · vit_tiny · from the class token", "64 of 1000 samples · vit_tiny". */
static char *make_caption(const struct sheet *sheet, uint64_t more)
{
    char what[64], *caption = NULL;
    const struct sheet_map *model = only_model(sheet);
    const int model_length = model ? (int)model->model_length : 0;
    bool pictures = true;
    for (size_t i = 0; i < sheet->sample_count; i++)
        pictures &= sheet->samples[i].picture.rgb != NULL;
    snprintf(what, sizeof what, more ? "%zu of %llu samples" : "%zu samples",
        sheet->sample_count, (unsigned long long)(sheet->sample_count + more));
    const char *asker = only_asker(sheet);
    if (asprintf(&caption, "%s%s%.*s%s%s%s%s",
            sheet->sample_count == 1 && more == 0 ? sheet->samples[0].key : what,
            model_length ? " \u00b7 " : "", model_length, model ? model->title : "",
            asker ? " \u00b7 " : "", asker && some_unasked(sheet) ? "maps of attention " : "",
            asker ? asker : "",
            pictures ? "" : " \u00b7 without a picture: the map alone on its grid")
        < 0)
        return NULL;
    return caption;
}

int sheet_draw(const struct sheet *sheet, const struct figure_options *options, uint64_t more,
    struct picture *figure, struct error *error)
{
    struct table table;
    struct error said; /* when the samples were added */
    struct figure_options all = *options;
    int status = make_table(sheet, options->columns, &table, error);
    char *caption = make_caption(sheet, more);
    if (status == 0 && !caption)
        status = fail_memory(error, 1);
    all.columns = (uint32_t)table.columns;
    if (status == 0)
        status = figure_draw(table.panels, table.count, &all, caption, figure, &said, error);
    free(caption);
    free(table.panels);
    return status;
}

int sheet_encode_raw(
    const struct sheet *sheet, unsigned char **bytes, size_t *size, struct error *error)
{
    struct float_page *pages = calloc(sheet->map_count, sizeof *pages);
    if (!pages)
        return fail_memory(error, sheet->map_count * sizeof *pages);
    for (size_t i = 0; i < sheet->map_count; i++) {
        const struct sheet_map *map = &sheet->maps[i];
        pages[i] = (struct float_page){ map->member, map->columns, map->rows, map->values };
    }
    const int status = tiff_encode_floats(pages, sheet->map_count, bytes, size, error);
    free(pages);
    return status;
}
