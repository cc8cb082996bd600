/* Augmentations against torchvision's, Pillow's and timm's, given what is drawn at random, and
 * how that is distributed (tests/oracle/augment.py); names. */
#include "common/augment.h"
#include "tests/folder.h"

#include <math.h>
#include <string.h>
#include <zlib.h>

#define DATA "tests/data/augment/"

static struct picture read_source(void)
{
    struct picture picture;
    FILE *file = fopen(DATA "source.ppm", "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "P6 %u %u 255", &picture.width, &picture.height), 2);
    ck_assert_int_eq(fgetc(file), '\n');
    const size_t size = (size_t)picture.width * picture.height * 3;
    picture.rgb = malloc(size);
    ck_assert_ptr_nonnull(picture.rgb);
    ck_assert_uint_eq(fread(picture.rgb, 1, size, file), size);
    fclose(file);
    return picture;
}

/* A line of steps.tsv. */
struct step {
    char name[20], a[20], crc32[16];
    double b, c, d;
    uint32_t width, height;
};

static void take_step(const struct step *step, const struct picture *source, uint8_t *rgb)
{
    static const char *const tones[] = { "brightness", "contrast", "saturation" };
    struct augment_scratch scratch = { 0 };
    struct error error;
    const uint32_t w = source->width, h = source->height;
    const struct augment_box box = { (uint32_t)atoi(step->a), (uint32_t)step->b,
        (uint32_t)step->c, (uint32_t)step->d };
    memcpy(rgb, source->rgb, (size_t)w * h * 3);
    if (strcmp(step->name, "flip") == 0)
        augment_flip(rgb, w, h);
    else if (strcmp(step->name, "shift") == 0)
        augment_shift(source->rgb, w, h, atoi(step->a), (int32_t)step->b, rgb);
    else if (strcmp(step->name, "resized") == 0)
        ck_assert_int_eq(
            augment_resize(source, &box, step->width, step->height, &scratch, rgb, &error), 0);
    for (int tone = TONE_BRIGHTNESS; tone <= TONE_SATURATION; tone++)
        if (strcmp(step->name, "enhance") == 0 && strcmp(step->a, tones[tone]) == 0)
            augment_enhance((enum augment_tone)tone, rgb, (size_t)w * h, (float)step->b);
    augment_scratch_free(&scratch);
}

START_TEST(equals_libraries)
{
    struct picture source = read_source();
    uint8_t *rgb = malloc((size_t)64 * 64 * 3);
    char line[200];
    struct step step;
    unsigned lines = 0;
    FILE *table = fopen(DATA "steps.tsv", "r");
    ck_assert_ptr_nonnull(table);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, table));
    for (; fgets(line, sizeof line, table); lines++) {
        ck_assert_int_eq(sscanf(line, "%19s %19s %lf %lf %lf %u %u %15s", step.name, step.a,
                             &step.b, &step.c, &step.d, &step.width, &step.height, step.crc32),
            8);
        take_step(&step, &source, rgb);
        ck_assert_msg(
            crc32(0, rgb, step.width * step.height * 3) == strtoul(step.crc32, NULL, 16), "%s",
            line);
    }
    ck_assert_uint_eq(lines, 34);
    fclose(table);
    free(rgb);
    free(source.rgb);
}
END_TEST

/* A line of draws.tsv: of width, height, left and top. */
struct draws {
    char what[10];
    uint32_t width, height;
    double least, means[4], deviations[4];
    unsigned count;
};

static bool draw(const struct draws *draws, struct random *random, struct augment_box *box)
{
    if (strcmp(draws->what, "hole") == 0)
        return augment_choose_hole(random, draws->width, draws->height, box);
    if (strcmp(draws->what, "part") == 0)
        *box = augment_choose_part(random, draws->width, draws->height, draws->least);
    else
        augment_choose_cut(random, draws->width, draws->height, draws->least, box);
    return true;
}

static void compare_draws(const struct draws *draws)
{
    enum { DRAWS = 40000 };
    struct random random = random_of(8, RANDOM_PICTURE, 0, 0);
    double sums[4] = { 0 }, squares[4] = { 0 };
    unsigned count = 0;
    for (int i = 0; i < DRAWS; i++) {
        struct augment_box box;
        if (!draw(draws, &random, &box))
            continue;
        count++;
        ck_assert(box.left + box.width <= draws->width);
        ck_assert(box.top + box.height <= draws->height);
        const double values[] = { box.width, box.height, box.left, box.top };
        for (int j = 0; j < 4; j++) {
            sums[j] += values[j];
            squares[j] += values[j] * values[j];
        }
    }
    ck_assert_int_le(abs((int)count - (int)draws->count), 20);
    for (int j = 0; j < 4; j++) {
        const double mean = sums[j] / count, variance = squares[j] / count - mean * mean;
        const double deviation = sqrt(fmax(variance, 0));
        /* Two samples' means; five times what they differ by. */
        const double error = 5 * draws->deviations[j] * sqrt(2.0 / DRAWS) + 1e-4;
        ck_assert_msg(fabs(mean - draws->means[j]) <= error, "%s %ux%u, %d: mean %g, %g",
            draws->what, draws->width, draws->height, j, mean, draws->means[j]);
        ck_assert_msg(fabs(deviation - draws->deviations[j]) <= 0.05 * draws->deviations[j],
            "%s %ux%u, %d: deviation %g, %g", draws->what, draws->width, draws->height, j,
            deviation, draws->deviations[j]);
    }
}

START_TEST(draws_as_libraries)
{
    char line[300];
    struct draws draws;
    unsigned lines = 0;
    FILE *table = fopen(DATA "draws.tsv", "r");
    ck_assert_ptr_nonnull(table);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, table));
    for (; fgets(line, sizeof line, table); lines++) {
        double *m = draws.means, *d = draws.deviations;
        ck_assert_int_eq(
            sscanf(line, "%9s %u %u %lf %u %lf %lf %lf %lf %lf %lf %lf %lf", draws.what,
                &draws.width, &draws.height, &draws.least, &draws.count, &m[0], &m[1], &m[2],
                &m[3], &d[0], &d[1], &d[2], &d[3]),
            13);
        compare_draws(&draws);
    }
    ck_assert_uint_eq(lines, 9);
    fclose(table);
}
END_TEST

/* The area that a cut leaves is what its targets are mixed by. */
START_TEST(cut_tells_its_area)
{
    struct random random = random_of(1, RANDOM_BATCH, 0, 0);
    for (int i = 0; i < 1000; i++) {
        struct augment_box cut;
        const double part = augment_choose_cut(&random, 33, 17, i / 1000.0, &cut);
        ck_assert_double_eq_tol(part, 1 - cut.width * cut.height / (33.0 * 17), 1e-12);
    }
}
END_TEST

enum { BATCH = 4, WIDE = 5, HIGH = 6, FLOATS = 3 * WIDE * HIGH, CLASSES = 3 };

/* What timm's Mixup makes of a batch: inputs and targets before, by mixup, by cutmix. */
START_TEST(mixes_as_timm)
{
    static float pieces[3][BATCH * (FLOATS + CLASSES)], mixed[BATCH * (FLOATS + CLASSES)];
    const struct augment_box cut = { .left = 2, .top = 1, .width = 3, .height = 3 };
    FILE *file = fopen(DATA "mix.f32", "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(pieces, sizeof pieces, 1, file), 1);
    ck_assert_int_eq(fgetc(file), EOF);
    fclose(file);
    for (int kind = 0; kind < 2; kind++) {
        const struct augment_mix mix = { WIDE, HIGH, CLASSES, kind ? 1 - 9 / 30.0 : 0.7,
            kind ? &cut : NULL };
        memcpy(mixed, pieces[0], sizeof mixed);
        float *targets = mixed + BATCH * FLOATS;
        for (size_t i = 0; i < BATCH / 2; i++)
            augment_mix_pair(&mix,
                (float *[2]){ mixed + i * FLOATS, mixed + (BATCH - 1 - i) * FLOATS },
                (float *[2]){ targets + i * CLASSES, targets + (BATCH - 1 - i) * CLASSES });
        for (size_t i = 0; i < sizeof mixed / sizeof *mixed; i++)
            ck_assert_float_eq_tol(mixed[i], pieces[kind + 1][i], 5e-7f);
    }
}
END_TEST

static const struct view_rule RULE = { .width = 32,
    .height = 32,
    .resize_width = 32,
    .resize_height = 32,
    .fit = FIT_CROP,
    .filter = FILTER_BICUBIC,
    .mean = { 0.5f, 0.4f, 0.3f },
    .std = { 0.25f, 0.25f, 0.5f } };

static unsigned long sum_of(const char *names, uint32_t index)
{
    static float input[3 * 32 * 32];
    struct picture source = read_source();
    struct augment augment;
    struct augment_scratch scratch = { 0 };
    struct error error;
    struct random random = random_of(4, RANDOM_PICTURE, 1, index);
    ck_assert_int_eq(augment_parse(&augment, names, 32, &error), 0);
    ck_assert_int_eq(
        augment_picture(&augment, &source, &RULE, &random, &scratch, input, &error), 0);
    augment_scratch_free(&scratch);
    free(source.rgb);
    return crc32(0, (const Bytef *)input, sizeof input);
}

/* Without augmentation it is the model's own view; with any it often isn't, and is the same
 * whenever it is made. */
START_TEST(pictures)
{
    static const struct {
        const char *names;
        unsigned least, most; /* different ones of 200 */
    } cases[] = {
        { "none", 1, 1 },
        { "flip", 2, 2 },
        { "crop", 70, 81 },
        { "resized-crop", 150, 200 },
        { "colour", 199, 200 },
        { "erase", 30, 75 },
        { "light", 100, 162 },
        { "standard", 199, 200 },
        { "mixup,cutmix", 1, 1 },
    };
    struct picture source = read_source();
    static float input[3 * 32 * 32];
    struct view view;
    struct error error;
    ck_assert_int_eq(view_make(&source, &RULE, input, &view, &error), 0);
    ck_assert_uint_eq(sum_of("none", 3), crc32(0, (const Bytef *)input, sizeof input));
    free(source.rgb);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned long sums[200];
        unsigned different = 0;
        for (uint32_t j = 0; j < 200; j++) {
            sums[j] = sum_of(cases[i].names, j);
            unsigned before = 0;
            while (sums[before] != sums[j])
                before++;
            different += before == j;
        }
        ck_assert_msg(different >= cases[i].least && different <= cases[i].most, "%s: %u",
            cases[i].names, different);
        ck_assert_uint_eq(sum_of(cases[i].names, 7), sums[7]);
    }
}
END_TEST

/* A padded crop moves by -4 to 4 pixels of 32 each way, all about as often. */
START_TEST(crop_moves)
{
    enum { SIDE = 32, PICTURES = 4000 };
    struct augment augment;
    struct augment_scratch scratch = { 0 };
    struct error error;
    static uint8_t rgb[SIDE * SIDE * 3];
    static float input[3 * SIDE * SIDE];
    const struct view_rule rule = { SIDE, SIDE, SIDE, SIDE, FIT_CROP, VIEW_TIMM, FILTER_BICUBIC,
        { 0, 0, 0 }, { 1, 1, 1 } };
    const struct picture picture = { SIDE, SIDE, rgb };
    unsigned across[9] = { 0 }, down[9] = { 0 };
    for (int i = 0; i < SIDE * SIDE; i++) {
        rgb[3 * i] = (uint8_t)(i % SIDE);
        rgb[3 * i + 1] = (uint8_t)(i / SIDE);
    }
    ck_assert_int_eq(augment_parse(&augment, "crop", SIDE, &error), 0);
    for (uint32_t i = 0; i < PICTURES; i++) {
        struct random random = random_of(0, RANDOM_PICTURE, 0, i);
        ck_assert_int_eq(
            augment_picture(&augment, &picture, &rule, &random, &scratch, input, &error), 0);
        const float *middle = input + 16 * SIDE + 16;
        const long x = lrintf(middle[0] * 255) - 12, y = lrintf(middle[SIDE * SIDE] * 255) - 12;
        ck_assert(x >= 0 && x < 9 && y >= 0 && y < 9);
        across[x]++;
        down[y]++;
    }
    for (int i = 0; i < 9; i++) {
        ck_assert_uint_gt(across[i], 350);
        ck_assert_uint_gt(down[i], 350);
    }
    augment_scratch_free(&scratch);
}
END_TEST

/* Erased is the mean colour: 0 in all three channels, of a rectangle, of every fourth. */
START_TEST(erases_to_mean)
{
    enum { SIDE = 16, PICTURES = 2000 };
    struct view_rule rule = RULE;
    struct augment augment;
    struct augment_scratch scratch = { 0 };
    struct error error;
    static uint8_t white[SIDE * SIDE * 3];
    static float input[3 * SIDE * SIDE];
    const struct picture picture = { SIDE, SIDE, white };
    memset(white, 255, sizeof white);
    rule.width = rule.height = rule.resize_width = rule.resize_height = SIDE;
    unsigned erased = 0;
    ck_assert_int_eq(augment_parse(&augment, "erase", SIDE, &error), 0);
    for (uint32_t i = 0; i < PICTURES; i++) {
        struct random random = random_of(0, RANDOM_PICTURE, 0, i);
        ck_assert_int_eq(
            augment_picture(&augment, &picture, &rule, &random, &scratch, input, &error), 0);
        unsigned zeros = 0;
        for (int j = 0; j < SIDE * SIDE; j++) {
            const bool zero = input[j] == 0;
            ck_assert(zero == (input[SIDE * SIDE + j] == 0));
            ck_assert(zero == (input[2 * SIDE * SIDE + j] == 0));
            zeros += zero;
        }
        ck_assert_uint_lt(zeros, SIDE * SIDE / 2);
        erased += zeros > 0;
    }
    ck_assert_uint_gt(erased, 430);
    ck_assert_uint_lt(erased, 560);
    augment_scratch_free(&scratch);
}
END_TEST

/* Targets go on summing to 1, and both ways of mixing occur. */
START_TEST(batches)
{
    struct augment augment;
    struct error error;
    unsigned cuts = 0, mixes = 0;
    ck_assert_int_eq(augment_parse(&augment, "standard", 32, &error), 0);
    ck_assert_double_eq(augment.mixup, 0.2);
    for (uint32_t step = 0; step < 100; step++) {
        float inputs[5 * FLOATS], targets[5 * CLASSES] = { 0 };
        for (int i = 0; i < 5 * FLOATS; i++)
            inputs[i] = (float)(i / FLOATS);
        for (int i = 0; i < 5; i++)
            targets[CLASSES * i + i % CLASSES] = 1;
        struct random random = random_of(0, RANDOM_BATCH, 0, step);
        augment_batch(&augment, &random, 5, WIDE, HIGH, CLASSES, inputs, targets);
        for (int i = 0; i < 5; i++)
            ck_assert_float_eq_tol(
                targets[CLASSES * i] + targets[CLASSES * i + 1] + targets[CLASSES * i + 2], 1,
                1e-6f);
        bool whole = true, even = true;
        for (int i = 0; i < FLOATS; i++) {
            whole = whole && (inputs[i] == 0 || inputs[i] == 4);
            even = even && inputs[i] == inputs[0];
            ck_assert_float_eq(inputs[2 * FLOATS + i], 2); /* the one in the middle */
        }
        cuts += whole && !even;
        mixes += even && !whole;
    }
    ck_assert_uint_gt(cuts, 20);
    ck_assert_uint_gt(mixes, 20);
}
END_TEST

START_TEST(names)
{
    static const struct {
        const char *text;
        uint32_t side;
        struct augment augment;
        const char *message;
    } cases[] = {
        { "none", 32, { 0 }, NULL },
        { "flip", 32, { .flip = true }, NULL },
        { "flip,erase", 32, { .flip = true, .erase = true }, NULL },
        { "crop,colour", 500, { .crop = true, .colour = true }, NULL },
        { "resized-crop", 32, { .resized_crop = true, .least_area = 0.08 }, NULL },
        { "mixup", 32, { .mixup = 0.8 }, NULL },
        { "cutmix", 32, { .cutmix = 1 }, NULL },
        { "light", 64, { .flip = true, .crop = true, .least_area = 0.35 }, NULL },
        { "light", 65, { .flip = true, .resized_crop = true, .least_area = 0.35 }, NULL },
        { "light,cutmix", 32, { .flip = true, .crop = true, .least_area = 0.35, .cutmix = 1 },
            NULL },
        { "", 32, { 0 }, "augmentation : takes flip, crop" },
        { "flip,", 32, { 0 }, "augmentation : takes" },
        { "flip, crop", 32, { 0 }, "augmentation  crop: takes" },
        { "flop", 32, { 0 }, "augmentation flop: takes" },
        { "none,flip", 32, { 0 }, "augmentation none: stands alone" },
        { "crop,resized-crop", 32, { 0 }, "crop and resized-crop: take one of them" },
        { "standard,crop", 224, { 0 }, "take one of them" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct augment augment;
        struct error error = { "" };
        const int status = augment_parse(&augment, cases[i].text, cases[i].side, &error);
        const struct augment *wanted = &cases[i].augment;
        ck_assert_msg(status == (cases[i].message ? BAD_USAGE : 0), "%s", cases[i].text);
        if (cases[i].message) {
            ck_assert_msg(strstr(error.text, cases[i].message) != NULL, "%s", error.text);
            continue;
        }
        ck_assert_msg(augment.flip == wanted->flip && augment.crop == wanted->crop
                          && augment.resized_crop == wanted->resized_crop
                          && augment.colour == wanted->colour && augment.erase == wanted->erase
                          && augment.least_area == wanted->least_area
                          && augment.mixup == wanted->mixup && augment.cutmix == wanted->cutmix,
            "%s", cases[i].text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("augment");
    TCase *tests = tcase_create("augment");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, equals_libraries);
    tcase_add_test(tests, draws_as_libraries);
    tcase_add_test(tests, cut_tells_its_area);
    tcase_add_test(tests, mixes_as_timm);
    tcase_add_test(tests, pictures);
    tcase_add_test(tests, crop_moves);
    tcase_add_test(tests, erases_to_mean);
    tcase_add_test(tests, batches);
    tcase_add_test(tests, names);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
