#include "common/augment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL_SIDE = 64, TRIES = 10 };

static bool is_name(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && strncmp(text, name, length) == 0;
}

static void add_preset(struct augment *augment, bool standard, uint32_t side)
{
    augment->flip = true;
    *(side <= SMALL_SIDE ? &augment->crop : &augment->resized_crop) = true;
    augment->least_area = 0.35;
    if (standard) {
        augment->colour = augment->erase = true;
        augment->mixup = 0.2;
        augment->cutmix = 1;
    }
}

static int add_name(struct augment *augment, const char *text, size_t length, uint32_t side,
    struct error *error)
{
    if (is_name(text, length, "none"))
        return fail(error, BAD_USAGE, "augmentation none: stands alone");
    if (is_name(text, length, "light") || is_name(text, length, "standard")) {
        add_preset(augment, *text == 's', side);
    } else if (is_name(text, length, "resized-crop")) {
        augment->resized_crop = true;
        augment->least_area = 0.08;
    } else if (is_name(text, length, "mixup")) {
        augment->mixup = 0.8;
    } else if (is_name(text, length, "cutmix")) {
        augment->cutmix = 1;
    } else {
        bool *const flags[] = { &augment->flip, &augment->crop, &augment->colour,
            &augment->erase };
        static const char *const names[] = { "flip", "crop", "colour", "erase" };
        for (size_t i = 0; i < 4; i++)
            if (is_name(text, length, names[i])) {
                *flags[i] = true;
                return 0;
            }
        return fail(error, BAD_USAGE,
            "augmentation %.*s: takes flip, crop, resized-crop, colour, erase, mixup, cutmix, "
            "or "
            "none, light, standard",
            (int)(length < 60 ? length : 60), text);
    }
    return 0;
}

int augment_parse(struct augment *augment, const char *text, uint32_t side, struct error *error)
{
    *augment = (struct augment){ 0 };
    if (strcmp(text, "none") == 0)
        return 0;
    for (;;) {
        const size_t length = strcspn(text, ",");
        const int status = add_name(augment, text, length, side, error);
        if (status < 0)
            return status;
        if (text[length] == '\0')
            break;
        text += length + 1;
    }
    if (augment->crop && augment->resized_crop)
        return fail(error, BAD_USAGE, "crop and resized-crop: take one of them");
    return 0;
}

void augment_scratch_free(struct augment_scratch *scratch)
{
    free(scratch->rgb);
    free(scratch->part.rgb);
    *scratch = (struct augment_scratch){ 0 };
}

static int reserve(uint8_t **bytes, size_t *room, size_t size, struct error *error)
{
    if (size <= *room)
        return 0;
    uint8_t *grown = realloc(*bytes, size);
    if (!grown)
        return fail_memory(error, size);
    *bytes = grown;
    *room = size;
    return 0;
}

void augment_flip(uint8_t *rgb, uint32_t width, uint32_t height)
{
    for (uint32_t y = 0; y < height; y++, rgb += (size_t)width * 3)
        for (uint32_t x = 0; x < width / 2; x++)
            for (size_t c = 0; c < 3; c++) {
                uint8_t *left = &rgb[(size_t)x * 3 + c];
                uint8_t *right = &rgb[(size_t)(width - 1 - x) * 3 + c];
                const uint8_t swapped = *left;
                *left = *right;
                *right = swapped;
            }
}

void augment_shift(
    const uint8_t *rgb, uint32_t width, uint32_t height, int32_t x, int32_t y, uint8_t *to)
{
    const int64_t w = width, h = height;
    const int64_t first = x < 0 ? -(int64_t)x : 0;
    const int64_t end = x > 0 ? w - x : w;
    memset(to, 0, (size_t)width * height * 3);
    for (int64_t row = 0; row < h && first < end; row++)
        if (row + y >= 0 && row + y < h)
            memcpy(to + (row * w + first) * 3, rgb + ((row + y) * w + first + x) * 3,
                (size_t)(end - first) * 3);
}

/* Pillow's convert("L") of one pixel. */
static uint8_t grey_of(const uint8_t *rgb)
{
    return (uint8_t)((rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U) >> 16);
}

/* Pillow's Image.blend of one value. */
static uint8_t blend(uint8_t from, uint8_t to, float factor)
{
    const float value = (float)from + factor * (float)(to - from);
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t)value;
}

void augment_enhance(enum augment_tone tone, uint8_t *rgb, size_t pixels, float factor)
{
    uint64_t sum = 0;
    uint8_t base = 0;
    for (size_t i = 0; i < pixels && tone == TONE_CONTRAST; i++)
        sum += grey_of(rgb + 3 * i);
    if (tone == TONE_CONTRAST)
        base = (uint8_t)((double)sum / (double)pixels + 0.5);
    for (size_t i = 0; i < pixels; i++, rgb += 3) {
        if (tone == TONE_SATURATION)
            base = grey_of(rgb);
        for (size_t c = 0; c < 3; c++)
            rgb[c] = blend(base, rgb[c], factor);
    }
}

static void change_colours(struct random *random, uint8_t *rgb, size_t pixels)
{
    enum augment_tone tones[] = { TONE_BRIGHTNESS, TONE_CONTRAST, TONE_SATURATION };
    for (uint32_t left = 3; left > 0; left--) {
        const uint32_t chosen = random_below(random, left);
        augment_enhance(tones[chosen], rgb, pixels, (float)random_uniform(random, 0.6, 1.4));
        tones[chosen] = tones[left - 1];
    }
}

struct augment_box augment_choose_part(
    struct random *random, uint32_t width, uint32_t height, double least)
{
    const double w = width, h = height, lowest = 3.0 / 4, highest = 4.0 / 3;
    for (int i = 0; i < TRIES; i++) {
        const double area = w * h * random_uniform(random, least, 1);
        const double ratio = exp(random_uniform(random, log(lowest), log(highest)));
        const double wide = rint(sqrt(area * ratio)), high = rint(sqrt(area / ratio));
        if (wide > 0 && wide <= w && high > 0 && high <= h) {
            struct augment_box box = { 0, 0, (uint32_t)wide, (uint32_t)high };
            box.top = random_below(random, height - box.height + 1);
            box.left = random_below(random, width - box.width + 1);
            return box;
        }
    }
    struct augment_box box = { 0, 0, width, height };
    if (w / h < lowest)
        box.height = (uint32_t)rint(w / lowest);
    else if (w / h > highest)
        box.width = (uint32_t)rint(h * highest);
    box.left = (width - box.width) / 2;
    box.top = (height - box.height) / 2;
    return box;
}

bool augment_choose_hole(
    struct random *random, uint32_t width, uint32_t height, struct augment_box *hole)
{
    for (int i = 0; i < TRIES; i++) {
        const double area = (double)width * height * random_uniform(random, 0.02, 0.33);
        const double ratio = exp(random_uniform(random, log(0.3), log(3.3)));
        const double high = rint(sqrt(area * ratio)), wide = rint(sqrt(area / ratio));
        if (high >= height || wide >= width)
            continue;
        *hole = (struct augment_box){ .width = (uint32_t)wide, .height = (uint32_t)high };
        hole->top = random_below(random, height - hole->height + 1);
        hole->left = random_below(random, width - hole->width + 1);
        return true;
    }
    return false;
}

int augment_resize(const struct picture *picture, const struct augment_box *box, uint32_t width,
    uint32_t height, struct augment_scratch *scratch, uint8_t *rgb, struct error *error)
{
    const struct resample_window whole = { 0, 0, width, height };
    const size_t row = (size_t)box->width * 3;
    struct picture *part = &scratch->part;
    const int status = reserve(&part->rgb, &scratch->part_room, row * box->height, error);
    if (status < 0)
        return status;
    part->width = box->width;
    part->height = box->height;
    for (size_t y = 0; y < box->height; y++)
        memcpy(part->rgb + y * row,
            picture->rgb + ((box->top + y) * picture->width + box->left) * 3, row);
    return resample(part, width, height, FILTER_BICUBIC, whole, rgb, error);
}

static int crop_resized(const struct augment *augment, const struct picture *picture,
    const struct view_rule *rule, struct random *random, struct augment_scratch *scratch,
    struct error *error)
{
    if (picture->width == 0 || picture->height == 0)
        return fail(error, BAD_SAMPLE, "an empty picture");
    const struct augment_box box =
        augment_choose_part(random, picture->width, picture->height, augment->least_area);
    return augment_resize(
        picture, &box, rule->width, rule->height, scratch, scratch->rgb, error);
}

/* The model's own view, moved by up to an eighth of its sides. */
static int crop_padded(const struct augment *augment, const struct picture *picture,
    const struct view_rule *rule, struct random *random, struct augment_scratch *scratch,
    struct error *error)
{
    const uint32_t across = rule->width / 8, down = rule->height / 8;
    const size_t size = (size_t)rule->width * rule->height * 3;
    if (!augment->crop)
        return view_bytes(picture, rule, scratch->rgb, NULL, error);
    int status = reserve(&scratch->part.rgb, &scratch->part_room, size, error);
    if (status == 0)
        status = view_bytes(picture, rule, scratch->part.rgb, NULL, error);
    if (status < 0)
        return status;
    const uint32_t y = random_below(random, 2 * down + 1);
    const uint32_t x = random_below(random, 2 * across + 1);
    augment_shift(scratch->part.rgb, rule->width, rule->height, (int32_t)x - (int32_t)across,
        (int32_t)y - (int32_t)down, scratch->rgb);
    return 0;
}

/* Zeros: the mean colour. */
static void erase(const struct augment_box *hole, uint32_t width, uint32_t height, float *input)
{
    for (size_t c = 0; c < 3; c++)
        for (size_t y = hole->top; y < (size_t)hole->top + hole->height; y++)
            memset(
                input + (c * height + y) * width + hole->left, 0, hole->width * sizeof *input);
}

int augment_picture(const struct augment *augment, const struct picture *picture,
    const struct view_rule *rule, struct random *random, struct augment_scratch *scratch,
    float *input, struct error *error)
{
    const size_t pixels = (size_t)rule->width * rule->height;
    struct augment_box hole;
    int status = reserve(&scratch->rgb, &scratch->rgb_room, pixels * 3, error);
    if (status == 0)
        status = (augment->resized_crop ? crop_resized : crop_padded)(
            augment, picture, rule, random, scratch, error);
    if (status < 0)
        return status;
    if (augment->flip && random_below(random, 2) == 1)
        augment_flip(scratch->rgb, rule->width, rule->height);
    if (augment->colour)
        change_colours(random, scratch->rgb, pixels);
    view_normalise(rule, scratch->rgb, input);
    if (augment->erase && random_below(random, 4) == 0
        && augment_choose_hole(random, rule->width, rule->height, &hole))
        erase(&hole, rule->width, rule->height, input);
    return 0;
}

static void mix(float *a, float *b, size_t count, float part)
{
    for (size_t i = 0; i < count; i++) {
        const float first = a[i], second = b[i];
        a[i] = part * first + (1 - part) * second;
        b[i] = part * second + (1 - part) * first;
    }
}

static void swap_box(
    const struct augment_box *box, uint32_t width, uint32_t height, float *a, float *b)
{
    for (size_t c = 0; c < 3; c++)
        for (size_t y = box->top; y < (size_t)box->top + box->height; y++)
            for (size_t x = box->left; x < (size_t)box->left + box->width; x++) {
                const size_t at = (c * height + y) * width + x;
                const float swapped = a[at];
                a[at] = b[at];
                b[at] = swapped;
            }
}

double augment_choose_cut(struct random *random, uint32_t width, uint32_t height, double part,
    struct augment_box *box)
{
    const double side = sqrt(1 - part);
    const int64_t high = (int64_t)(height * side), wide = (int64_t)(width * side);
    const int64_t y = random_below(random, height), x = random_below(random, width);
    const int64_t top = y - high / 2 < 0 ? 0 : y - high / 2;
    const int64_t left = x - wide / 2 < 0 ? 0 : x - wide / 2;
    const int64_t bottom = y + (high + 1) / 2 > height ? height : y + (high + 1) / 2;
    const int64_t right = x + (wide + 1) / 2 > width ? width : x + (wide + 1) / 2;
    *box = (struct augment_box){ (uint32_t)left, (uint32_t)top, (uint32_t)(right - left),
        (uint32_t)(bottom - top) };
    return 1 - (double)box->width * box->height / ((double)width * height);
}

void augment_mix_pair(const struct augment_mix *mixing, float *inputs[2], float *targets[2])
{
    const size_t floats = (size_t)mixing->width * mixing->height * 3;
    if (mixing->cut)
        swap_box(mixing->cut, mixing->width, mixing->height, inputs[0], inputs[1]);
    else
        mix(inputs[0], inputs[1], floats, (float)mixing->part);
    mix(targets[0], targets[1], mixing->classes, (float)mixing->part);
}

void augment_batch(const struct augment *augment, struct random *random, size_t count,
    uint32_t width, uint32_t height, size_t classes, float *inputs, float *targets)
{
    const bool both = augment->mixup > 0 && augment->cutmix > 0;
    if (!(augment->mixup > 0) && !(augment->cutmix > 0))
        return;
    const bool cuts = both ? random_below(random, 2) == 1 : augment->cutmix > 0;
    const size_t floats = (size_t)width * height * 3;
    struct augment_box box = { 0 };
    struct augment_mix mixing = { width, height, classes, 0, cuts ? &box : NULL };
    mixing.part = random_beta(random, cuts ? augment->cutmix : augment->mixup);
    if (cuts)
        mixing.part = augment_choose_cut(random, width, height, mixing.part, &box);
    for (size_t i = 0; i < count / 2; i++) {
        const size_t other = count - 1 - i;
        augment_mix_pair(&mixing, (float *[2]){ inputs + i * floats, inputs + other * floats },
            (float *[2]){ targets + i * classes, targets + other * classes });
    }
}
