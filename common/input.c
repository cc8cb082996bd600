#include "common/input.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The names that view.json's "set" has (tensorstream(5)). "resize" and "crop_pct" are recorded
 * beside it, so that another model's input honours those options exactly too. */
static const struct {
    unsigned bit;
    const char *name;
} set_names[] = {
    { SET_SIZE, "size" },
    { SET_RESIZE, "resize" },
    { SET_CROP_PCT, "crop-pct" },
    { SET_FILTER, "filter" },
    { SET_FIT, "fit" },
    { SET_MEAN, "mean" },
    { SET_STD, "std" },
};

enum { SET_NAMES = sizeof set_names / sizeof *set_names };

static const char *const fit_names[] = { "crop", "squash", "pad" };

static uint32_t resize_side(double side)
{
    return side <= VIEW_MAX_RESIZE ? (uint32_t)side : VIEW_MAX_RESIZE + 1; /* refused later */
}

/* What an input with another crop is resized from: timm takes the floor. The others say both
 * sizes, so that their ratio times another size is to be rounded. */
static void resize_by_crop(struct view_rule *rule, double crop, bool timm)
{
    rule->resize_width =
        resize_side(timm ? floor(rule->width / crop) : rint(rule->width / crop));
    rule->resize_height =
        resize_side(timm ? floor(rule->height / crop) : rint(rule->height / crop));
}

/* The shorter side: of the picture (crop), else of what has the input's shape. */
static void resize_to(struct view_rule *rule, uint32_t shorter)
{
    const double w = rule->width, h = rule->height, least = fmin(w, h);
    rule->resize_width = rule->resize_height = shorter;
    if (rule->fit != FIT_CROP && least > 0) {
        rule->resize_width = resize_side(rint(shorter * (w / least)));
        rule->resize_height = resize_side(rint(shorter * (h / least)));
    }
}

/* crop: of the model whose rule this is. */
static void apply_wishes(struct view_rule *rule, double crop, const struct view_wishes *wishes)
{
    bool other = false;
    if (wishes->set & SET_FILTER)
        rule->filter = wishes->filter;
    if (wishes->set & SET_FIT)
        rule->fit = wishes->fit;
    if (wishes->set & SET_MEAN)
        memcpy(rule->mean, wishes->mean, sizeof rule->mean);
    if (wishes->set & SET_STD)
        memcpy(rule->std, wishes->std, sizeof rule->std);
    if (wishes->set & SET_SIZE) {
        other = wishes->width != rule->width || wishes->height != rule->height;
        rule->width = wishes->width;
        rule->height = wishes->height;
    }
    if (wishes->set & SET_RESIZE)
        resize_to(rule, wishes->resize);
    else if (wishes->set & SET_CROP_PCT)
        resize_by_crop(rule, wishes->crop_pct, true);
    else if (other)
        resize_by_crop(rule, crop, rule->flavour == VIEW_TIMM);
}

int input_rule(const struct input_model *model, const struct view_wishes *wishes,
    struct view_rule *rule, struct error *error)
{
    const unsigned colours = SET_MEAN | SET_STD;
    *rule = model->rule;
    if (!model->rule_known && (wishes->set & colours) != colours)
        return fail(error, BAD_USAGE,
            "%s: mean and std are not known, no configuration says them: say preprocess "
            "--mean r,g,b --std r,g,b",
            model->name ? model->name : "no model");
    apply_wishes(rule, model->crop, wishes);
    return view_rule_check(rule, error);
}

static json_t *json_sides(uint32_t width, uint32_t height)
{
    return json_pack("[I, I]", (json_int_t)width, (json_int_t)height);
}

static json_t *json_colour(const float colour[3])
{
    return json_pack(
        "[o, o, o]", json_float(colour[0]), json_float(colour[1]), json_float(colour[2]));
}

static json_t *json_set(unsigned set)
{
    json_t *names = json_array();
    for (size_t i = 0; i < SET_NAMES; i++)
        if (set & set_names[i].bit)
            json_array_append_new(names, json_string(set_names[i].name));
    return names;
}

/* What is recorded of an input beside its view. */
struct record {
    const char *made_for; /* NAME:CRC, or NULL */
    const char *picture;  /* suffix */
    unsigned set;
    double crop_pct;
};

static json_t *describe(
    const struct record *record, const struct view_rule *rule, const struct view *view)
{
    json_t *made_for = record->made_for ? json_string(record->made_for) : json_null();
    json_t *crop_pct = record->set & SET_CROP_PCT ? json_real(record->crop_pct) : json_null();
    const double *box = view->box;
    return json_pack("{s:s, s:o, s:[f, f, f, f], s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o}",
        "picture", record->picture, "size",
        json_sides(view->picture_width, view->picture_height), "box", box[0], box[1], box[2],
        box[3], "input", json_sides(rule->width, rule->height), "resize",
        json_sides(rule->resize_width, rule->resize_height), "crop_pct", crop_pct, "fit",
        fit_names[rule->fit], "filter", resample_filter_name(rule->filter), "mean",
        json_colour(rule->mean), "std", json_colour(rule->std), "for", made_for, "set",
        json_set(record->set));
}

/* The record's picture is found here. */
static int make(struct sample *sample, const struct view_rule *rule, struct record *record,
    uint64_t max_pixels, struct error *error)
{
    const struct member *member = sample_picture(sample);
    if (!member)
        return fail(error, BAD_USAGE, "has no picture");
    const size_t shape[3] = { 3, rule->height, rule->width };
    struct picture picture;
    struct view view;
    float *input = NULL;
    record->picture = member->suffix;
    int status = picture_decode(member->bytes, member->size, max_pixels, &picture, error);
    if (status < 0)
        return status;
    sample_drop(sample, "input.npy");
    sample_drop(sample, "view.json");
    status = sample_add_floats(sample, "input.npy", 3, shape, &input, error);
    if (status == 0)
        status = view_make(&picture, rule, input, &view, error);
    picture_free(&picture);
    if (status == 0)
        status = sample_add_json(sample, "view.json", describe(record, rule, &view), error);
    return status;
}

int input_make(struct sample *sample, const struct input_model *model,
    const struct view_wishes *wishes, uint64_t max_pixels, struct error *error)
{
    struct view_rule rule;
    struct record record = {
        .made_for = model->name, .set = wishes->set, .crop_pct = wishes->crop_pct
    };
    const int status = input_rule(model, wishes, &rule, error);
    return status < 0 ? status : make(sample, &rule, &record, max_pixels, error);
}

/* What a view.json says of how its input was made. */
struct origin {
    json_t *json;
    const char *made_for;   /* NULL: of no model's */
    struct view_rule rule;  /* sides that it doesn't say are 0 */
    unsigned said;          /* which parts of the rule it says rightly */
    struct view_wishes set; /* what explicit options decided */
};

static bool get_sides(const json_t *json, const char *key, uint32_t *width, uint32_t *height)
{
    const json_t *sides = json_object_get(json, key);
    const json_int_t w = json_integer_value(json_array_get(sides, 0));
    const json_int_t h = json_integer_value(json_array_get(sides, 1));
    if (json_array_size(sides) != 2 || w < 1 || h < 1 || w > VIEW_MAX_RESIZE
        || h > VIEW_MAX_RESIZE)
        return false;
    *width = (uint32_t)w;
    *height = (uint32_t)h;
    return true;
}

static bool get_colour(const json_t *json, const char *key, float colour[3])
{
    const json_t *values = json_object_get(json, key);
    for (size_t i = 0; i < 3; i++) {
        const json_t *value = json_array_get(values, i);
        if (!json_is_number(value))
            return false;
        colour[i] = (float)json_number_value(value);
    }
    return json_array_size(values) == 3;
}

static bool get_fit(const json_t *json, enum view_fit *fit)
{
    const char *name = json_string_value(json_object_get(json, "fit"));
    for (int i = 0; name && i < 3; i++)
        if (strcmp(name, fit_names[i]) == 0) {
            *fit = (enum view_fit)i;
            return true;
        }
    return false;
}

static bool get_filter(const json_t *json, enum resample_filter *filter)
{
    const char *name = json_string_value(json_object_get(json, "filter"));
    return name && resample_filter_from_name(name, filter) == 0;
}

/* The names in "set", of which there may be others later. */
static unsigned get_set(const json_t *json)
{
    unsigned set = 0;
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(json, "set"), i, item)
        for (size_t n = 0; json_is_string(item) && n < SET_NAMES; n++)
            if (strcmp(json_string_value(item), set_names[n].name) == 0)
                set |= set_names[n].bit;
    return set;
}

/* Fills origin->rule as far as view.json says it. Returns the bits of what it says rightly. */
static unsigned get_rule(struct origin *origin)
{
    const json_t *json = origin->json;
    struct view_rule *rule = &origin->rule;
    const double crop_pct = json_number_value(json_object_get(json, "crop_pct"));
    unsigned said = 0;
    said |= get_sides(json, "input", &rule->width, &rule->height) ? SET_SIZE : 0;
    said |=
        get_sides(json, "resize", &rule->resize_width, &rule->resize_height) ? SET_RESIZE : 0;
    said |= crop_pct > 0 && crop_pct <= 1 ? SET_CROP_PCT : 0;
    said |= get_filter(json, &rule->filter) ? SET_FILTER : 0;
    said |= get_fit(json, &rule->fit) ? SET_FIT : 0;
    said |= get_colour(json, "mean", rule->mean) ? SET_MEAN : 0;
    said |= get_colour(json, "std", rule->std) ? SET_STD : 0;
    origin->set.crop_pct = crop_pct;
    return said;
}

/* On success the caller frees origin->json. */
static int read_origin(const struct sample *sample, struct origin *origin, struct error *error)
{
    struct view_wishes *set = &origin->set;
    const struct view_rule *rule = &origin->rule;
    const int status = sample_json(sample, "view.json", &origin->json, error);
    if (status < 0)
        return status;
    const unsigned said = origin->said = get_rule(origin);
    origin->made_for = json_string_value(json_object_get(origin->json, "for"));
    set->set = get_set(origin->json);
    for (size_t i = 0; i < SET_NAMES; i++)
        if (set->set & ~said & set_names[i].bit) {
            json_decref(origin->json);
            return fail(error, BAD_SAMPLE, "view.json: %s was set, but its value is missing",
                set_names[i].name);
        }
    set->width = rule->width;
    set->height = rule->height;
    set->resize =
        rule->resize_width < rule->resize_height ? rule->resize_width : rule->resize_height;
    set->filter = rule->filter;
    set->fit = rule->fit;
    memcpy(set->mean, rule->mean, sizeof set->mean);
    memcpy(set->std, rule->std, sizeof set->std);
    return 0;
}

static bool same_colour(const float a[3], const float b[3])
{
    return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

static bool same_rule(const struct view_rule *a, const struct view_rule *b)
{
    return a->width == b->width && a->height == b->height && a->resize_width == b->resize_width
           && a->resize_height == b->resize_height && a->fit == b->fit && a->filter == b->filter
           && same_colour(a->mean, b->mean) && same_colour(a->std, b->std);
}

/* Whether it was made as this model's rule, with what was set over it, says. Not the sizes: a
 * model stage's own --size is not in "set". */
static bool same_manner(const struct origin *origin, const struct input_model *model)
{
    struct view_rule due = model->rule;
    apply_wishes(&due, model->crop, &origin->set);
    const struct view_rule *was = &origin->rule;
    const unsigned said = origin->said;
    return (!(said & SET_FIT) || due.fit == was->fit)
           && (!(said & SET_FILTER) || due.filter == was->filter)
           && (!(said & SET_MEAN) || same_colour(due.mean, was->mean))
           && (!(said & SET_STD) || same_colour(due.std, was->std));
}

/* Whether the input that is there will do. Two checkpoints may have one name and one header:
 * the name alone doesn't say that the rule is this model's. */
static bool fits(const struct origin *origin, const struct input_model *model,
    const struct view_wishes *wishes)
{
    const unsigned all = SET_SIZE | SET_MEAN | SET_STD;
    const bool own = origin->made_for && model->name
                     && strcmp(origin->made_for, model->name) == 0
                     && same_manner(origin, model);
    struct view_rule wished = origin->rule;
    apply_wishes(&wished, model->crop, wishes);
    return (own || (origin->set.set & all) == all) && same_rule(&wished, &origin->rule);
}

/* wishes over what explicit options set before: the later stage has the last word. */
static struct view_wishes merge(const struct view_wishes *wishes, const struct view_wishes *set)
{
    struct view_wishes merged = *set;
    const unsigned over = wishes->set;
    if (over & (SET_RESIZE | SET_CROP_PCT)) /* each stands for the other */
        merged.set &= ~(unsigned)(SET_RESIZE | SET_CROP_PCT);
    merged.set |= over;
    if (over & SET_SIZE) {
        merged.width = wishes->width;
        merged.height = wishes->height;
    }
    if (over & SET_RESIZE)
        merged.resize = wishes->resize;
    if (over & SET_CROP_PCT)
        merged.crop_pct = wishes->crop_pct;
    if (over & SET_FILTER)
        merged.filter = wishes->filter;
    if (over & SET_FIT)
        merged.fit = wishes->fit;
    if (over & SET_MEAN)
        memcpy(merged.mean, wishes->mean, sizeof merged.mean);
    if (over & SET_STD)
        memcpy(merged.std, wishes->std, sizeof merged.std);
    return merged;
}

static int no_picture(
    const struct origin *origin, bool has_input, const char *model, struct error *error)
{
    if (!has_input)
        return fail(error, BAD_USAGE, "has neither input nor picture: run preprocess");
    return fail(error, BAD_SAMPLE,
        "its input was made for %s%s, and there is no picture to make one for %s of",
        origin->made_for ? origin->made_for : "no model",
        origin->set.set ? " with options" : "", model ? model : "this");
}

int input_fit(struct sample *sample, const struct input_model *model,
    const struct view_wishes *wishes, uint64_t max_pixels, struct error *error)
{
    struct origin origin = { 0 };
    struct view_rule rule;
    const bool has_input = sample_find(sample, "input.npy");
    const bool has_view = sample_find(sample, "view.json");
    if (has_input && !has_view)
        return 0;
    int status = has_view ? read_origin(sample, &origin, error) : 0;
    if (status < 0 || (has_input && fits(&origin, model, wishes))) {
        json_decref(status < 0 ? NULL : origin.json);
        return status;
    }
    const struct view_wishes merged = merge(wishes, &origin.set);
    /* Only what preprocess was told goes on to the next model: this stage's own options are
     * for this stage's model. */
    struct record record = {
        .made_for = model->name, .set = origin.set.set, .crop_pct = origin.set.crop_pct
    };
    status = sample_picture(sample) ? input_rule(model, &merged, &rule, error)
                                    : no_picture(&origin, has_input, model->name, error);
    if (status == 0)
        status = make(sample, &rule, &record, max_pixels, error);
    json_decref(origin.json);
    return status;
}
