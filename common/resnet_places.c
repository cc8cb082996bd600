/* The names of the places where a ResNet's activations are read. */
#include "common/resnet.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The place of a stage's last block; 0 (of the stem) for stage 0. */
static size_t last_of(const struct resnet *resnet, size_t stages)
{
    size_t place = 0;
    for (size_t i = 0; i < stages; i++)
        place += resnet->depths[i];
    return place;
}

void resnet_place_name(const struct resnet *resnet, size_t place, char text[32])
{
    size_t stage = 0;
    while (last_of(resnet, stage) < place)
        stage++;
    if (place == 0)
        snprintf(text, 32, "stem");
    else if (place == last_of(resnet, stage))
        snprintf(text, 32, "layer%zu", stage);
    else
        snprintf(text, 32, "layer%zu-%zu", stage, place - last_of(resnet, stage - 1) - 1);
}

/* A number of at most three digits; false: there is none. */
static bool get_number(const char **text, size_t *number)
{
    char *end;
    if (!isdigit((unsigned char)**text))
        return false;
    *number = strtoul(*text, &end, 10);
    const bool fits = end - *text <= 3;
    *text = end;
    return fits;
}

/* "stem" or "layerN": the stage, 0 or N. */
static bool get_stage(const struct resnet *resnet, const char **text, size_t *stage)
{
    *stage = 0;
    if (strncmp(*text, "stem", 4) == 0) {
        *text += 4;
        return true;
    }
    if (strncmp(*text, "layer", 5) != 0)
        return false;
    *text += 5;
    return get_number(text, stage) && *stage >= 1 && *stage <= resnet->stages;
}

/* One item of the list, that ends where end is; false: no such place. */
static bool want(const struct resnet *resnet, const char *text, const char *end, bool *wanted)
{
    size_t stage, last, block;
    if (!get_stage(resnet, &text, &stage))
        return false;
    if (text == end) {
        wanted[last_of(resnet, stage)] = true;
        return true;
    }
    if (strncmp(text, "..", 2) == 0) {
        text += 2;
        if (!get_stage(resnet, &text, &last) || text != end || last < stage)
            return false;
        for (; stage <= last; stage++)
            wanted[last_of(resnet, stage)] = true;
        return true;
    }
    if (*text++ != '-' || stage == 0 || !get_number(&text, &block) || text != end
        || block >= resnet->depths[stage - 1])
        return false;
    wanted[last_of(resnet, stage - 1) + 1 + block] = true;
    return true;
}

int resnet_places(
    const struct resnet *resnet, const char *text, bool *wanted, struct error *error)
{
    memset(wanted, 0, (1 + resnet->block_count) * sizeof *wanted);
    for (const char *item = text;; item += strcspn(item, ",") + 1) {
        const char *end = item + strcspn(item, ",");
        if (!want(resnet, item, end, wanted))
            return fail(error, BAD_USAGE,
                "--at %.*s: no such place: there is stem, layer1..layer%zu, and single blocks "
                "from layer1-0 to layer%zu-%zu",
                (int)(end - item < 40 ? end - item : 40), item, resnet->stages, resnet->stages,
                resnet->depths[resnet->stages - 1] - 1);
        if (!*end)
            return 0;
    }
}
