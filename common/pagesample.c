#include "common/pagesample.h"
#include "common/logits.h"
#include "common/maptitle.h"
#include "common/resample.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT_SIDE = 128 }; /* photos up to that are kept without loss */

/* Text from outside, which need not be UTF-8. */
static json_t *text_json(const char *text)
{
    json_t *json = text ? json_string(text) : json_null();
    return json ? json : json_string("?");
}

static json_t *box_json(const double box[4])
{
    return json_pack("[f, f, f, f]", box[0], box[1], box[2], box[3]);
}

static int set(struct page_sample *page, const char *key, json_t *value, struct error *error)
{
    return json_object_set_new(page->about, key, value) == 0 ? 0 : fail_memory(error, 1);
}

static json_t *prefix_json(const struct layout *layout)
{
    const size_t specials = layout->no_class ? 0 : layout->distilled ? 2 : 1;
    json_t *names = json_array();
    for (size_t i = 0; i < layout->prefix; i++) {
        char name[40];
        snprintf(name, sizeof name, "register %zu", i - specials);
        json_array_append_new(names, json_string(i >= specials ? name
                                                 : i == 0      ? "class token"
                                                               : "distillation token"));
    }
    return names;
}

/* The photo as the page has it: turned upright, reduced, encoded anew. */
static int pack_photo(
    struct page_sample *page, const struct picture *picture, struct error *error)
{
    const uint32_t side = picture->width > picture->height ? picture->width : picture->height;
    const double scale = side > PAGE_PHOTO_SIDE ? (double)PAGE_PHOTO_SIDE / side : 1;
    struct picture reduced = { (uint32_t)fmax(1, round(picture->width * scale)),
        (uint32_t)fmax(1, round(picture->height * scale)), NULL };
    const size_t bytes = (size_t)reduced.width * reduced.height * 3;
    const struct resample_window all = { 0, 0, reduced.width, reduced.height };
    const bool exact = side <= EXACT_SIDE;
    unsigned char *encoded = NULL;
    size_t size;
    reduced.rgb = malloc(bytes);
    int status = reduced.rgb ? 0 : fail_memory(error, bytes);
    if (status == 0)
        status = resample(
            picture, reduced.width, reduced.height, FILTER_BICUBIC, all, reduced.rgb, error);
    if (status == 0)
        status = picture_encode(
            &reduced, exact ? PICTURE_PNG : PICTURE_JPEG, &encoded, &size, error);
    if (status == 0)
        status = pack_base64(encoded, size, &page->photo, error);
    free(encoded);
    picture_free(&reduced);
    return status < 0
               ? status
               : set(page, "photo", json_string(exact ? "image/png" : "image/jpeg"), error);
}

/* Of a grid over nothing: patches in the shape that model.json says, else square. */
static void blank_box(
    const struct sample *sample, const struct layout *layout, double placed[4])
{
    struct error ignored;
    json_t *model = NULL;
    if (sample_find(sample, "model.json"))
        sample_json(sample, "model.json", &model, &ignored);
    const json_t *patch = json_object_get(model, "patch");
    const double height = json_number_value(json_array_get(patch, 0));
    const double width = json_number_value(json_array_get(patch, 1));
    const bool known = height > 0 && width > 0 && height < 1e4 && width < 1e4;
    json_decref(model);
    placed[0] = placed[1] = 0;
    placed[2] = (double)layout->columns * (known ? width : 1);
    placed[3] = (double)layout->rows * (known ? height : 1);
}

/* The photo, and where the grid lies in it. */
static int put_photo(struct page_sample *page, const struct sample *sample,
    const struct layout *layout, struct picture *picture, struct error *warning,
    struct error *error)
{
    const struct member *member = sample_picture(sample);
    json_t *view = NULL;
    double box[4], size[2], placed[4];
    int status =
        sample_find(sample, "view.json") ? sample_json(sample, "view.json", &view, error) : 0;
    if (status == 0 && member)
        status =
            picture_decode(member->bytes, member->size, PICTURE_MAX_PIXELS, picture, error);
    const bool has_box = view_box(view, box, size);
    json_decref(view);
    if (status == 0)
        status = view_place("attention", has_box ? box : NULL, size, picture->width,
            picture->height, placed, error);
    if (status < 0)
        return status;
    if (picture->rgb && !has_box)
        fail(warning, 0, "has no view: its patches are shown over the whole picture");
    if (!picture->rgb && !has_box)
        blank_box(sample, layout, placed);
    status = set(page, "box", box_json(placed), error);
    if (status == 0)
        status = set(page, "size",
            json_pack("[f, f]", picture->rgb ? picture->width : size[0],
                picture->rgb ? picture->height : size[1]),
            error);
    return status == 0 && picture->rgb ? pack_photo(page, picture, error) : status;
}

static json_t *class_json(const struct classes *classes, const char *model, size_t index)
{
    return json_pack("{s:I, s:o}", "index", (json_int_t)index, "name",
        text_json(classes_name(classes, model, index)));
}

/* The greatest of n that aren't taken yet; of equal ones the first. */
static size_t next_best(const float *logits, size_t n, const size_t *taken, size_t count)
{
    size_t best = n;
    for (size_t i = 0; i < n; i++) {
        bool is_taken = false;
        for (size_t k = 0; k < count; k++)
            is_taken |= taken[k] == i;
        if (!is_taken && (best == n || logits[i] > logits[best]))
            best = i;
    }
    return best;
}

static json_t *best_classes(
    const struct floats *logits, const struct classes *classes, const char *model)
{
    const size_t n = logits->count, most = n < PAGE_CLASSES ? n : PAGE_CLASSES;
    const struct softmax softmax = softmax_of(logits->data, n);
    size_t taken[PAGE_CLASSES];
    json_t *best = json_array();
    for (size_t k = 0; k < most; k++) {
        taken[k] = next_best(logits->data, n, taken, k);
        json_t *class = class_json(classes, model, taken[k]);
        json_object_set_new(
            class, "prob", json_real(softmax_prob(&softmax, logits->data[taken[k]])));
        json_array_append_new(best, class);
    }
    return best;
}

/* What the model said, what is true, what was explained. */
static int put_classes(struct page_sample *page, const struct sample *sample,
    const struct classes *classes, struct error *error)
{
    json_t *info = NULL, *best = json_null();
    struct floats logits;
    struct scratch scratch = { 0 };
    int64_t label = 0;
    int status =
        sample_find(sample, "model.json") ? sample_json(sample, "model.json", &info, error) : 0;
    const char *model = json_string_value(json_object_get(info, "model"));
    if (status == 0 && sample_find(sample, "logits.npy")) {
        status = logits_read(sample, &logits, &scratch, error);
        if (status == 0)
            best = best_classes(&logits, classes, model);
    }
    const int labelled = status == 0 ? label_read(sample, &label, error) : 0;
    status = labelled < 0 ? labelled : status;
    json_t *truth =
        labelled > 0 && label >= 0 ? class_json(classes, model, (size_t)label) : json_null();
    json_t *target = json_object_get(info, "target");
    json_object_set_new(page->about, "model", text_json(model));
    json_object_set(page->about, "target", target ? target : json_null());
    json_object_set_new(page->about, "classes", best);
    json_object_set_new(page->about, "true", truth);
    json_decref(info);
    free(scratch.bytes);
    return status;
}

static int put_map(json_t *list, FILE *values, const struct map *map,
    const struct picture *picture, struct error *error)
{
    char what[140];
    double placed[4];
    snprintf(what, sizeof what, "map.%s", map->name);
    const int status = view_place(what, map->has_box ? map->box : NULL, map->picture,
        picture->width, picture->height, placed, error);
    if (status < 0)
        return status;
    struct map whole = *map;
    whole.queries = 0; /* in the title too: the page says whose */
    char *title = map_title(&whole, 0);
    const size_t count = map->rows * map->columns * (map->queries > 0 ? map->queries : 1);
    json_t *about = json_pack("{s:o, s:[I, I], s:o, s:I, s:b}", "title", text_json(title),
        "grid", (json_int_t)map->rows, (json_int_t)map->columns, "box",
        map->has_box || picture->rgb ? box_json(placed) : json_null(), "queries",
        (json_int_t)map->queries, "signed", map->is_signed);
    const bool good = title && json_array_append_new(list, about) == 0
                      && fwrite(map->values, sizeof *map->values, count, values) == count;
    free(title);
    return good ? 0 : fail_memory(error, count * sizeof *map->values);
}

static int put_maps(struct page_sample *page, const struct sample *sample,
    const struct picture *picture, struct error *error)
{
    size_t at = 0, size = 0;
    char *values = NULL;
    struct map map;
    struct scratch scratch = { 0 };
    json_t *list = json_array();
    FILE *stream = open_memstream(&values, &size);
    int status = stream ? 0 : fail_memory(error, 1);
    while (status == 0 && (status = map_next(sample, &at, &map, &scratch, error)) > 0) {
        status = put_map(list, stream, &map, picture, error);
        map_release(&map);
    }
    if (stream && fclose(stream) != 0 && status == 0)
        status = fail_memory(error, size);
    if (status == 0 && size > 0)
        status = pack_deflated(values, size, &page->maps, error);
    free(values);
    free(scratch.bytes);
    json_object_set_new(page->about, "maps", list);
    return status;
}

int page_sample_make(const struct sample *sample, const struct attention *attention,
    const struct classes *classes, struct page_sample *page, struct error *warning,
    struct error *error)
{
    const struct layout *layout = &attention->layout;
    struct picture picture = { 0 };
    *page = (struct page_sample){ 0 };
    *warning->text = '\0';
    page->about = json_pack("{s:s, s:I, s:s, s:[I, I], s:o, s:n}", "key", sample->key, "depth",
        (json_int_t)attention->model_layers, "readout", layout->mean ? "mean" : "cls", "grid",
        (json_int_t)layout->rows, (json_int_t)layout->columns, "prefix", prefix_json(layout),
        "photo");
    int status = page->about ? 0 : fail_memory(error, 1);
    if (status == 0)
        status = put_photo(page, sample, layout, &picture, warning, error);
    if (status == 0)
        status = put_classes(page, sample, classes, error);
    if (status == 0)
        status = put_maps(page, sample, &picture, error);
    picture_free(&picture);
    return status;
}

void page_sample_free(struct page_sample *page)
{
    json_decref(page->about);
    free(page->photo.text);
    free(page->maps.text);
    *page = (struct page_sample){ 0 };
}
