/* Inputs: what timm resizes to (tests/oracle/input.py), a library's input to the last bit
 * (tests/oracle/resample.py), when an input is kept and when it is made anew, refusals. */
#include "common/input.h"
#include "tests/resample_data.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* timm at 24x24 from 26x26: the case timm-crop of the oracle. */
static const struct input_model timm = { .name = "timm:00000001",
    .rule = { .width = 24,
        .height = 24,
        .resize_width = 26,
        .resize_height = 26,
        .filter = FILTER_BICUBIC,
        .mean = { 0.5f, 0.5f, 0.5f },
        .std = { 0.5f, 0.5f, 0.5f } },
    .crop = 0.9,
    .rule_known = true };

static const struct input_model torchvision = { .name = "torchvision:00000002",
    .rule = { .width = 224,
        .height = 224,
        .resize_width = 232,
        .resize_height = 232,
        .flavour = VIEW_TORCHVISION,
        .mean = { 0.485f, 0.456f, 0.406f },
        .std = { 0.229f, 0.224f, 0.225f } },
    .crop = 224.0 / 232,
    .rule_known = true };

static const struct input_model unknown = { .name = "bare:00000003",
    .rule = { .width = 24, .height = 24, .resize_width = 24, .resize_height = 24 },
    .crop = 1 };

static const struct view_wishes none = { .set = 0 };

static const struct view_wishes half = {
    .set = SET_MEAN | SET_STD, .mean = { 0.5f, 0.5f, 0.5f }, .std = { 0.25f, 0.25f, 0.25f }
};

START_TEST(rules_of_timm)
{
    static const char *const fits[] = { "crop", "squash", "pad" };
    char line[200], fit[20];
    struct view_wishes wishes = { .set = SET_SIZE | SET_CROP_PCT | SET_FIT };
    uint32_t width, height;
    struct error error;
    int rows = 0;
    FILE *file = fopen("tests/data/input/rules.tsv", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    for (; fgets(line, sizeof line, file); rows++) {
        struct input_model model = timm;
        struct view_rule rule;
        ck_assert_int_eq(sscanf(line, "%u %u %lf %19s %u %u", &wishes.width, &wishes.height,
                             &wishes.crop_pct, fit, &width, &height),
            6);
        for (int i = 0; i < 3; i++)
            if (strcmp(fit, fits[i]) == 0)
                wishes.fit = (enum view_fit)i;
        ck_assert_int_eq(input_rule(&torchvision, &wishes, &rule, &error), 0);
        ck_assert_msg(rule.resize_width == width && rule.resize_height == height, "%s", line);

        /* The same where crop_pct is the model's own. */
        struct view_wishes size = wishes;
        size.set &= ~(unsigned)SET_CROP_PCT;
        model.crop = wishes.crop_pct;
        ck_assert_int_eq(input_rule(&model, &size, &rule, &error), 0);
        ck_assert_msg(rule.resize_width == width && rule.resize_height == height, "%s", line);
    }
    fclose(file);
    ck_assert_int_eq(rows, 240);
}
END_TEST

static const struct {
    const struct input_model *model;
    struct view_wishes wishes;
    uint32_t width, height, resize_width, resize_height;
} RULES[] = {
    { &timm, { .set = 0 }, 24, 24, 26, 26 },
    { &timm, { .set = SET_SIZE, .width = 24, .height = 24 }, 24, 24, 26, 26 },
    { &timm, { .set = SET_SIZE, .width = 25, .height = 24 }, 25, 24, 27, 26 },
    { &timm, { .set = SET_RESIZE, .resize = 40 }, 24, 24, 40, 40 },
    { &timm, { .set = SET_SIZE | SET_RESIZE, .width = 30, .height = 20, .resize = 40 }, 30, 20,
        40, 40 },
    { &timm,
        { .set = SET_SIZE | SET_RESIZE | SET_FIT,
            .width = 30,
            .height = 20,
            .resize = 40,
            .fit = FIT_SQUASH },
        30, 20, 60, 40 },
    { &timm,
        { .set = SET_SIZE | SET_RESIZE | SET_FIT,
            .width = 20,
            .height = 30,
            .resize = 21,
            .fit = FIT_PAD },
        20, 30, 21, 32 },
    { &timm, { .set = SET_CROP_PCT, .crop_pct = 0.5 }, 24, 24, 48, 48 },
    { &torchvision, { .set = 0 }, 224, 224, 232, 232 },
    { &torchvision, { .set = SET_SIZE, .width = 448, .height = 448 }, 448, 448, 464, 464 },
    { &torchvision, { .set = SET_SIZE, .width = 384, .height = 384 }, 384, 384, 398, 398 },
};

START_TEST(rules)
{
    struct view_rule rule;
    struct error error;
    ck_assert_int_eq(input_rule(RULES[_i].model, &RULES[_i].wishes, &rule, &error), 0);
    ck_assert_uint_eq(rule.width, RULES[_i].width);
    ck_assert_uint_eq(rule.height, RULES[_i].height);
    ck_assert_uint_eq(rule.resize_width, RULES[_i].resize_width);
    ck_assert_uint_eq(rule.resize_height, RULES[_i].resize_height);
}
END_TEST

START_TEST(other_wishes)
{
    struct view_wishes wishes = half;
    struct view_rule rule;
    struct error error;
    wishes.set |= SET_FILTER | SET_FIT;
    wishes.filter = FILTER_LANCZOS;
    wishes.fit = FIT_PAD;
    ck_assert_int_eq(input_rule(&unknown, &wishes, &rule, &error), 0);
    ck_assert_int_eq(rule.filter, FILTER_LANCZOS);
    ck_assert_int_eq(rule.fit, FIT_PAD);
    ck_assert(rule.mean[1] == 0.5f && rule.std[2] == 0.25f);
}
END_TEST

static const struct {
    struct view_wishes wishes;
    const char *says;
} REFUSED[] = {
    { { .set = 0 }, "bare:00000003: mean and std are not known" },
    { { .set = SET_MEAN, .mean = { 0, 0, 0 } }, "--mean r,g,b --std r,g,b" },
    { { .set = SET_MEAN | SET_STD, .std = { 0, 0, 0 } }, "std 0" },
    { { .set = SET_MEAN | SET_STD | SET_SIZE, .std = { 1, 1, 1 }, .width = 1 },
        "input of 1x0" },
    { { .set = SET_MEAN | SET_STD | SET_CROP_PCT, .std = { 1, 1, 1 }, .crop_pct = 1e-300 },
        "resize to" },
    { { .set = SET_MEAN | SET_STD | SET_RESIZE, .std = { 1, 1, 1 }, .resize = 100000 },
        "resize to 100000x100000" },
};

START_TEST(refused_rules)
{
    struct view_rule rule;
    struct error error;
    ck_assert_int_eq(input_rule(&unknown, &REFUSED[_i].wishes, &rule, &error), BAD_USAGE);
    ck_assert_msg(strstr(error.text, REFUSED[_i].says) != NULL, "%s", error.text);
}
END_TEST

/* A sample with a picture of the oracle's as it came in. */
static struct sample sample_of(const char *picture)
{
    struct sample sample = { 0 };
    struct error error;
    struct member *member;
    char path[200];
    ck_assert_int_eq(sample_begin(&sample, "key", &error), 0);
    if (!picture)
        return sample;
    snprintf(path, sizeof path, DATA "%s.ppm", picture);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(sample_add(&sample, "ppm", 1 << 16, &member, &error), 0);
    member->size = fread(member->bytes, 1, member->size, file);
    fclose(file);
    sample.arrived = sample.count;
    return sample;
}

static struct floats input_of(const struct sample *sample)
{
    struct floats floats;
    struct scratch scratch = { 0 };
    struct error error;
    ck_assert_int_eq(sample_floats(sample, "input.npy", 3, &floats, &scratch, &error), 0);
    return floats; /* in place: nothing is in scratch */
}

static const char *text_of(const struct sample *sample, const char *suffix)
{
    static char text[2000];
    const struct member *member = sample_find(sample, suffix);
    ck_assert_ptr_nonnull(member);
    snprintf(text, sizeof text, "%.*s", (int)member->size, (const char *)member->bytes);
    return text;
}

START_TEST(equals_timm)
{
    struct sample sample = sample_of("gradient101x67");
    struct error error;
    float expected[3 * 24 * 24];
    FILE *file = fopen(DATA "timm-crop.f32", "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(expected, 1, sizeof expected, file), sizeof expected);
    fclose(file);
    ck_assert_int_eq(input_make(&sample, &timm, &none, PICTURE_MAX_PIXELS, &error), 0);
    const struct floats input = input_of(&sample);
    ck_assert_uint_eq(input.shape[1], 24);
    ck_assert_uint_eq(input.shape[2], 24);
    ck_assert_mem_eq(input.data, expected, sizeof expected);
    ck_assert_str_eq(text_of(&sample, "view.json"),
        "{\"picture\":\"ppm\",\"size\":[101,67],\"box\":[20.7179487179487,2.57692307692308,"
        "82.8717948717949,64.4230769230769],\"input\":[24,24],\"resize\":[26,26],"
        "\"crop_pct\":null,\"fit\":\"crop\",\"filter\":\"bicubic\",\"mean\":[0.5,0.5,0.5],"
        "\"std\":[0.5,0.5,0.5],\"for\":\"timm:00000001\",\"set\":[]}");
    sample_free(&sample);
}
END_TEST

START_TEST(records_what_was_set)
{
    struct sample sample = sample_of("noise2x2");
    struct input_model nameless = unknown;
    struct view_wishes wishes = half;
    struct error error;
    nameless.name = NULL;
    wishes.set |= SET_CROP_PCT | SET_FIT;
    wishes.crop_pct = 0.9;
    wishes.fit = FIT_PAD;
    ck_assert_int_eq(input_make(&sample, &nameless, &wishes, PICTURE_MAX_PIXELS, &error), 0);
    const char *text = text_of(&sample, "view.json");
    ck_assert_ptr_nonnull(strstr(text, "\"resize\":[26,26],\"crop_pct\":0.9,\"fit\":\"pad\""));
    ck_assert_ptr_nonnull(
        strstr(text, "\"for\":null,\"set\":[\"crop-pct\",\"fit\",\"mean\",\"std\"]}"));
    sample_free(&sample);
}
END_TEST

START_TEST(replaces_and_restores)
{
    struct sample sample = sample_of("noise3x5");
    struct error error;
    ck_assert_int_eq(sample_add_text(&sample, "input.npy", "old", &error), 0);
    ck_assert_int_eq(sample_add_text(&sample, "view.json", "old", &error), 0);
    sample.arrived = sample.count;
    ck_assert_int_eq(input_make(&sample, &timm, &none, PICTURE_MAX_PIXELS, &error), 0);
    ck_assert_uint_eq(input_of(&sample).count, 3 * 24 * 24);
    sample_restore(&sample);
    ck_assert_str_eq(text_of(&sample, "input.npy"), "old");
    ck_assert_str_eq(text_of(&sample, "view.json"), "old");
    sample_free(&sample);
}
END_TEST

START_TEST(bad_pictures)
{
    struct sample sample = sample_of(NULL);
    struct error error;
    ck_assert_int_eq(input_make(&sample, &timm, &none, PICTURE_MAX_PIXELS, &error), BAD_USAGE);
    ck_assert_int_eq(input_fit(&sample, &timm, &none, PICTURE_MAX_PIXELS, &error), BAD_USAGE);
    ck_assert_str_eq(error.text, "has neither input nor picture: run preprocess");
    ck_assert_int_eq(sample_add_text(&sample, "PNG", "junk", &error), 0);
    ck_assert_int_eq(input_make(&sample, &timm, &none, PICTURE_MAX_PIXELS, &error), BAD_SAMPLE);
    sample_free(&sample);

    sample = sample_of("noise500x1");
    ck_assert_int_eq(input_make(&sample, &timm, &none, 499, &error), BAD_SAMPLE);
    ck_assert_str_eq(error.text, "500x1 is over the limit of 499 pixels");
    ck_assert_int_eq(input_make(&sample, &timm, &none, 500, &error), 0);
    sample_free(&sample);
}
END_TEST

/* A model stage's look at a sample that preprocess made by model and set, for timm. */
static const struct {
    const char *what;
    const struct input_model *model; /* NULL: none made it, the input is somebody's own */
    struct view_wishes set, wishes;  /* preprocess's, the model stage's */
    bool picture;                    /* is still there */
    int status;                      /* 1: the input is kept; 0: made anew; or the error */
    uint32_t width;
} FITS[] = {
    { "made for this model", &timm, { .set = 0 }, { .set = 0 }, false, 1, 24 },
    { "somebody's own", NULL, { .set = 0 }, { .set = 0 }, true, 1, 24 },
    { "for another model", &torchvision, { .set = 0 }, { .set = 0 }, true, 0, 24 },
    { "for another model, no picture", &torchvision, { .set = 0 }, { .set = 0 }, false,
        BAD_SAMPLE, 0 },
    { "for this model, of another size", &timm, { .set = SET_SIZE, .width = 32, .height = 32 },
        { .set = 0 }, true, 1, 32 },
    { "for another model, of another size", &torchvision,
        { .set = SET_SIZE, .width = 32, .height = 32 }, { .set = 0 }, true, 0, 32 },
    { "all set", &unknown,
        { .set = SET_SIZE | SET_MEAN | SET_STD, .width = 8, .height = 8, .std = { 1, 1, 1 } },
        { .set = 0 }, false, 1, 8 },
    { "size not set", &unknown, { .set = SET_MEAN | SET_STD, .std = { 1, 1, 1 } }, { .set = 0 },
        true, 0, 24 },
    { "the stage wants another size", &timm, { .set = 0 },
        { .set = SET_SIZE, .width = 48, .height = 48 }, true, 0, 48 },
    { "the stage wants this size", &timm, { .set = SET_SIZE, .width = 48, .height = 48 },
        { .set = SET_SIZE, .width = 48, .height = 48 }, true, 1, 48 },
    { "the stage has the last word", &unknown,
        { .set = SET_SIZE | SET_MEAN | SET_STD, .width = 8, .height = 8, .std = { 1, 1, 1 } },
        { .set = SET_SIZE, .width = 48, .height = 48 }, true, 0, 48 },
    { "the stage wants another size, no picture", &timm, { .set = 0 },
        { .set = SET_SIZE, .width = 48, .height = 48 }, false, BAD_SAMPLE, 0 },
};

START_TEST(fits)
{
    struct sample sample = sample_of("gradient64x64");
    struct error error;
    const struct input_model *maker = FITS[_i].model ? FITS[_i].model : &timm;
    ck_assert_int_eq(input_make(&sample, maker, &FITS[_i].set, PICTURE_MAX_PIXELS, &error), 0);
    if (!FITS[_i].model)
        sample_drop(&sample, "view.json");
    if (!FITS[_i].picture)
        sample_drop(&sample, "ppm");
    const struct member *before = sample_find(&sample, "input.npy");
    const int status = input_fit(&sample, &timm, &FITS[_i].wishes, PICTURE_MAX_PIXELS, &error);
    ck_assert_msg(
        status == (FITS[_i].status < 0 ? FITS[_i].status : 0), "%s: %d", FITS[_i].what, status);
    if (status == 0) {
        ck_assert_uint_eq(input_of(&sample).shape[2], FITS[_i].width);
        ck_assert_msg((sample_find(&sample, "input.npy") == before) == FITS[_i].status, "%s",
            FITS[_i].what);
    }
    sample_free(&sample);
}
END_TEST

/* What preprocess was told is asked of a second model's input too, exactly. */
START_TEST(set_goes_on)
{
    struct sample sample = sample_of("gradient101x67"), direct = sample_of("gradient101x67");
    struct input_model other = timm;
    struct error error;
    struct view_wishes wishes = { .set = SET_CROP_PCT | SET_FILTER | SET_FIT | SET_MEAN,
        .crop_pct = 0.955,
        .filter = FILTER_LANCZOS,
        .fit = FIT_PAD,
        .mean = { 0.1f, 0.2f, 0.3f } };
    other.name = "other:00000004";
    other.rule.width = other.rule.height = 224;
    ck_assert_int_eq(input_make(&sample, &torchvision, &wishes, PICTURE_MAX_PIXELS, &error), 0);
    ck_assert_int_eq(input_fit(&sample, &other, &none, PICTURE_MAX_PIXELS, &error), 0);
    ck_assert_int_eq(input_make(&direct, &other, &wishes, PICTURE_MAX_PIXELS, &error), 0);
    const struct floats a = input_of(&sample), b = input_of(&direct);
    ck_assert_uint_eq(a.count, b.count);
    ck_assert_mem_eq(a.data, b.data, a.count * sizeof *a.data);
    char *text = strdup(text_of(&sample, "view.json"));
    ck_assert_str_eq(text, text_of(&direct, "view.json"));

    /* And not what the model stage was told for its own model alone. */
    const struct view_wishes own = { .set = SET_SIZE, .width = 48, .height = 48 };
    ck_assert_int_eq(input_fit(&sample, &other, &own, PICTURE_MAX_PIXELS, &error), 0);
    ck_assert_int_eq(input_fit(&sample, &timm, &none, PICTURE_MAX_PIXELS, &error), 0);
    ck_assert_uint_eq(input_of(&sample).shape[2], 24);
    free(text);
    sample_free(&sample);
    sample_free(&direct);
}
END_TEST

static const struct {
    const char *view;
    int status;
} VIEWS[] = {
    { "no JSON", BAD_SAMPLE },
    { "[]", BAD_SAMPLE },
    { "{}", 0 },
    { "{\"for\":\"timm:00000001\"}", 1 },
    { "{\"for\":7,\"set\":7}", 0 },
    { "{\"set\":[\"size\",\"mean\",\"std\"],\"input\":[9,9],\"mean\":[0,0,0],\"std\":[1,1,1]}",
        1 },
    { "{\"set\":[\"size\",\"mean\",\"std\"],\"input\":[9],\"mean\":[0,0,0],\"std\":[1,1,1]}",
        BAD_SAMPLE },
    { "{\"set\":[\"size\"],\"input\":[0,9]}", BAD_SAMPLE },
    { "{\"set\":[\"size\"],\"input\":[9,4294967297]}", BAD_SAMPLE },
    { "{\"set\":[\"mean\"],\"mean\":[0,0]}", BAD_SAMPLE },
    { "{\"set\":[\"std\"],\"std\":[0,\"0\",0]}", BAD_SAMPLE },
    { "{\"set\":[\"std\"],\"std\":[0,0,0]}", BAD_USAGE },
    { "{\"set\":[\"filter\"],\"filter\":\"box\"}", BAD_SAMPLE },
    { "{\"set\":[\"fit\"],\"fit\":null}", BAD_SAMPLE },
    { "{\"set\":[\"resize\"]}", BAD_SAMPLE },
    { "{\"set\":[\"crop-pct\"],\"crop_pct\":-1}", BAD_SAMPLE },
    { "{\"set\":[\"what\",1,null]}", 0 },
};

/* A view.json from anywhere. */
START_TEST(foreign_views)
{
    struct sample sample = sample_of("noise37x23");
    const size_t shape[3] = { 3, 9, 9 };
    struct error error;
    float *data;
    ck_assert_int_eq(sample_add_floats(&sample, "input.npy", 3, shape, &data, &error), 0);
    ck_assert_int_eq(sample_add_text(&sample, "view.json", VIEWS[_i].view, &error), 0);
    const struct member *before = sample_find(&sample, "input.npy");
    const int status = input_fit(&sample, &timm, &none, PICTURE_MAX_PIXELS, &error);
    ck_assert_msg(status == (VIEWS[_i].status < 0 ? VIEWS[_i].status : 0), "%s: %d",
        VIEWS[_i].view, status);
    if (status == 0)
        ck_assert((sample_find(&sample, "input.npy") == before) == VIEWS[_i].status);
    sample_free(&sample);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("input");
    TCase *cases = tcase_create("input");
    tcase_add_test(cases, rules_of_timm);
    tcase_add_loop_test(cases, rules, 0, COUNT(RULES));
    tcase_add_test(cases, other_wishes);
    tcase_add_loop_test(cases, refused_rules, 0, COUNT(REFUSED));
    tcase_add_test(cases, equals_timm);
    tcase_add_test(cases, records_what_was_set);
    tcase_add_test(cases, replaces_and_restores);
    tcase_add_test(cases, bad_pictures);
    tcase_add_loop_test(cases, fits, 0, COUNT(FITS));
    tcase_add_test(cases, set_goes_on);
    tcase_add_loop_test(cases, foreign_views, 0, COUNT(VIEWS));
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
