/*
 * What training does to pictures, by name:
 *
 *   flip          left to right, of every second picture
 *   crop          black of 1/8 of the sides (4 at 32) around, and a place at random in it
 *                 (torchvision's RandomCrop with padding)
 *   resized-crop  a part of 8% to 100% of the area (in presets 35% to 100%), 3:4 to 4:3,
 *                 resized bicubic (torchvision's RandomResizedCrop)
 *   colour        brightness, contrast and saturation by 0.6 to 1.4, in random order
 *                 (torchvision's ColorJitter on Pillow's pictures)
 *   erase         of every fourth picture 2% to 33% of the area, 0.3 to 3.3 wide, becomes the
 *                 mean colour (torchvision's RandomErasing, value 0, behind Normalize)
 *   mixup         a batch mixed with itself backwards, by Beta(0.8, 0.8) (in presets
 *                 Beta(0.2, 0.2)) (timm's Mixup, mode batch)
 *   cutmix        the same by a rectangle of an area of Beta(1, 1), the targets by its true
 *                 area
 *
 * and presets: none; light: flip and, for inputs of up to 64, crop, for larger ones
 * resized-crop; standard: light, colour, erase, and of mixup and cutmix one at random a batch.
 */
#ifndef SACCADE_AUGMENT_H
#define SACCADE_AUGMENT_H

#include "common/random.h"
#include "common/view.h"

struct augment {
    bool flip, crop, resized_crop, colour, erase;
    double least_area;    /* of resized_crop */
    double mixup, cutmix; /* alpha; 0: not done */
};

/* Names and presets, separated by commas; side: the input's shorter one. BAD_USAGE. */
int augment_parse(
    struct augment *augment, const char *text, uint32_t side, struct error *error);

/* Buffers of one thread; zeroed at first, freed at the end. */
struct augment_scratch {
    uint8_t *rgb; /* [height, width, 3] of the rule */
    size_t rgb_room;
    struct picture part;
    size_t part_room;
};
void augment_scratch_free(struct augment_scratch *scratch);

/*
 * The picture as rule's input, f32 [3, height, width], changed at random; the same for the same
 * state of random. BAD_SAMPLE, BAD_SYSTEM as view_make.
 */
int augment_picture(const struct augment *augment, const struct picture *picture,
    const struct view_rule *rule, struct random *random, struct augment_scratch *scratch,
    float *input, struct error *error);

/* Mixes a batch of inputs [count, 3, height, width] and its targets [count, classes] in place,
 * picture i with picture count - 1 - i. */
void augment_batch(const struct augment *augment, struct random *random, size_t count,
    uint32_t width, uint32_t height, size_t classes, float *inputs, float *targets);

/* The single steps, given what they are to do. */
struct augment_box {
    uint32_t left, top, width, height;
};

/* torchvision's RandomResizedCrop.get_params: areas of least to 1, ratios 3:4 to 4:3. */
struct augment_box augment_choose_part(
    struct random *random, uint32_t width, uint32_t height, double least);
/* torchvision's RandomErasing.get_params. false: ten tries found none. */
bool augment_choose_hole(
    struct random *random, uint32_t width, uint32_t height, struct augment_box *hole);

/* timm's rand_bbox: about 1 - part of the area, cut off at the edges; returns the part that is
 * left. */
double augment_choose_cut(struct random *random, uint32_t width, uint32_t height, double part,
    struct augment_box *cut);

/* That part of a picture, resized to rgb [height, width, 3] as it is on its own. */
int augment_resize(const struct picture *picture, const struct augment_box *box, uint32_t width,
    uint32_t height, struct augment_scratch *scratch, uint8_t *rgb, struct error *error);
void augment_flip(uint8_t *rgb, uint32_t width, uint32_t height);
/* Moved so that its pixel x, y (which may lie outside) comes first; black comes from outside.
 * to [height, width, 3] is another buffer. */
void augment_shift(
    const uint8_t *rgb, uint32_t width, uint32_t height, int32_t x, int32_t y, uint8_t *to);
/* Mixes two inputs and their targets by part, or swaps what is inside of cut, whose targets are
 * mixed by part. */
struct augment_mix {
    uint32_t width, height;
    size_t classes;
    double part;
    const struct augment_box *cut; /* or NULL */
};
void augment_mix_pair(const struct augment_mix *mix, float *inputs[2], float *targets[2]);

/* Pillow's ImageEnhance.Brightness, Contrast and Color, to the bit. */
enum augment_tone { TONE_BRIGHTNESS, TONE_CONTRAST, TONE_SATURATION };
void augment_enhance(enum augment_tone tone, uint8_t *rgb, size_t pixels, float factor);

#endif
