/*
 * gradcam: reads the activations of places in a model and their gradients, writes class
 * activation maps: where in the picture the evidence for a class is.
 */
#include "common/cam.h"
#include "common/map.h"
#include "common/stage.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PLACE = 32, MAX_POSITIONS = 1 << 20 };

static const char *const methods[] = { "gradcam", "gradcam++", "hirescam", "layercam",
    "xgradcam", "eigencam" };

struct gradcam_options {
    int method;
    const char *at, *as;
};

static struct gradcam_options options;

#define AT(field) offsetof(struct gradcam_options, field)

static const struct option_row rows[] = {
    { 'M', "method", OPTION_CHOICE, "gradcam|gradcam++|hirescam|layercam|xgradcam|eigencam",
        "how activations and gradients become a map (default: gradcam); eigencam takes no "
        "gradient and shows no class",
        AT(method), 0, 0, false },
    { 0, "at", OPTION_TEXT, "NAME",
        "the place in the model: layer4, layer3-1, block11, commas between (default: all that "
        "are there)",
        AT(at), 0, 0, false },
    { 0, "as", OPTION_TEXT, "NAME", "name the map NAME (default: the method)", AT(as), 0, 0,
        false },
    OPTION_END,
};

struct state {
    char (*wanted)[MAX_PLACE + 1]; /* of --at */
    size_t wanted_count;
    struct scratch act, grad, room;
};

/* The NN of "blockNN", or -1. */
static int block_number(const char *name)
{
    if (strncmp(name, "block", 5) != 0)
        return -1;
    const size_t digits = strspn(name + 5, "0123456789");
    return digits > 0 && digits < 6 && name[5 + digits] == '\0' ? atoi(name + 5) : -1;
}

static bool same_place(const char *a, const char *b)
{
    const int block = block_number(a);
    return strcmp(a, b) == 0 || (block >= 0 && block == block_number(b));
}

static bool place_is_legal(const char *name)
{
    return map_name_is_legal(name) && strlen(name) <= MAX_PLACE;
}

static int parse_places(struct state *state, struct error *error)
{
    size_t count = 1;
    for (const char *at = options.at; *at; at++)
        count += *at == ',';
    state->wanted = calloc(count, sizeof *state->wanted);
    if (!state->wanted)
        return fail_memory(error, count * sizeof *state->wanted);
    for (const char *at = options.at; state->wanted_count < count; at++) {
        char *name = state->wanted[state->wanted_count];
        const size_t length = strcspn(at, ",");
        snprintf(
            name, MAX_PLACE + 1, "%.*s", (int)(length < MAX_PLACE ? length : MAX_PLACE), at);
        if (length > MAX_PLACE || !place_is_legal(name))
            return fail(error, BAD_USAGE,
                "--at %s: takes names as layer4, layer3-1 or block11, commas between",
                options.at);
        for (size_t i = 0; i < state->wanted_count; i++)
            if (same_place(state->wanted[i], name))
                return fail(error, BAD_USAGE, "--at %s: %s is there twice", options.at, name);
        state->wanted_count++;
        at += length;
    }
    return 0;
}

static int open_gradcam(struct run *run, struct error *error)
{
    struct state *state = run->state = calloc(1, sizeof *state);
    if (!state)
        return fail_memory(error, sizeof *state);
    if (options.as && !map_name_is_legal(options.as))
        return fail(error, BAD_USAGE,
            "--as %.100s: takes at most %d lower case letters, digits, _ + and -", options.as,
            MAP_MAX_NAME);
    return options.at ? parse_places(state, error) : 0;
}

/* The NAME of a member act.NAME.npy. */
static bool place_of(const struct member *member, char place[MAX_PLACE + 1])
{
    const char *name = member->suffix + strlen("act.");
    const size_t length = strlen(member->suffix);
    if (member->dropped || length <= strlen("act..npy")
        || strncmp(member->suffix, "act.", 4) != 0
        || strcmp(member->suffix + length - 4, ".npy") != 0
        || length - strlen("act..npy") > MAX_PLACE)
        return false;
    snprintf(place, MAX_PLACE + 1, "%.*s", (int)(length - strlen("act..npy")), name);
    return place_is_legal(place);
}

/* ", only layer3, layer4", or nothing where there are none. */
static void list_places(const struct sample *sample, char *text, size_t size)
{
    char place[MAX_PLACE + 1];
    size_t n = 0;
    *text = '\0';
    for (size_t i = 0; i < sample->count && n + MAX_PLACE + 8 < size; i++)
        if (place_of(&sample->members[i], place))
            n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : ", only ", place);
}

/* Whether wanted is a block, as layer3-2, of a stage that is there, as layer3. */
static bool names_a_block(const struct sample *sample, const char *wanted)
{
    char suffix[MAX_PLACE + 16];
    const char *dash = strchr(wanted, '-');
    if (!dash)
        return false;
    snprintf(suffix, sizeof suffix, "act.%.*s.npy", (int)(dash - wanted), wanted);
    return sample_find(sample, suffix);
}

/* wanted: of --at, or NULL where any would do. */
static int fail_missing(const struct sample *sample, const char *wanted, struct error *error)
{
    const bool gradient = options.method != CAM_EIGENCAM;
    char there[400];
    if (!wanted)
        return fail(error, BAD_USAGE,
            "has no act.NAME: run resnetfwd, or vitfwd with %s--act, and -k on stages between",
            gradient ? "--grad and " : "");
    list_places(sample, there, sizeof there);
    if (names_a_block(sample, wanted))
        return fail(error, BAD_USAGE,
            "has no act.%s%s: the last block of a stage has the stage's name, others need "
            "resnetfwd --at %s before",
            wanted, there, wanted);
    if (block_number(wanted) < 0)
        return fail(error, BAD_USAGE, "has no act.%s%s: run resnetfwd --at %s before", wanted,
            there, wanted);
    return fail(error, BAD_USAGE, "has no act.%s%s: run vitfwd %s--act %d before", wanted,
        there, gradient ? "--grad pred " : "", block_number(wanted));
}

static int read_array(const struct sample *sample, const char *suffix, struct floats *floats,
    struct scratch *scratch, struct error *error)
{
    const int status = sample_floats(sample, suffix, 3, floats, scratch, error);
    if (status < 0)
        return status;
    const size_t *shape = floats->shape;
    if (floats->count == 0 || shape[1] > MAX_POSITIONS || shape[2] > MAX_POSITIONS / shape[1])
        return fail(error, BAD_SAMPLE,
            "%s is [%zu,%zu,%zu]: takes [channels,rows,columns], none 0, of at most %d "
            "positions",
            suffix, shape[0], shape[1], shape[2], MAX_POSITIONS);
    return 0;
}

static int check_gradient(
    const char *place, const struct floats *act, const struct floats *grad, struct error *error)
{
    const size_t *a = act->shape, *g = grad->shape;
    if (a[0] != g[0] || a[1] != g[1] || a[2] != g[2])
        return fail(error, BAD_SAMPLE,
            "actgrad.%s is [%zu,%zu,%zu], act.%s [%zu,%zu,%zu]: are they of different models?",
            place, g[0], g[1], g[2], place, a[0], a[1], a[2]);
    for (size_t i = 0; i < grad->count; i++)
        if (grad->data[i] != 0)
            return 0;
    return fail(error, BAD_SAMPLE,
        "actgrad.%s is zero everywhere: the class's logit doesn't depend on it, as behind a "
        "ViT's "
        "last block, where only the class token is read: take a place before (vitfwd --grad "
        "pred "
        "--act -1, resnetfwd --at layer4), or -M eigencam",
        place);
}

/* What is there of the place, checked, with room for the sums. */
static int read_cam(struct state *state, const struct sample *sample, const char *place,
    struct cam *cam, struct layout *layout, struct error *error)
{
    char suffix[64];
    struct floats act, grad = { 0 };
    snprintf(suffix, sizeof suffix, "act.%s.npy", place);
    int status = read_array(sample, suffix, &act, &state->act, error);
    if (status < 0)
        return status;
    snprintf(suffix, sizeof suffix, "actgrad.%s.npy", place);
    if (options.method != CAM_EIGENCAM && !sample_find(sample, suffix))
        return fail(error, BAD_USAGE,
            "has no actgrad.%s, which -M %s needs: run resnetfwd or vitfwd with -g, or say "
            "-M eigencam",
            place, methods[options.method]);
    if (options.method != CAM_EIGENCAM)
        status = read_array(sample, suffix, &grad, &state->grad, error);
    if (status == 0 && options.method != CAM_EIGENCAM)
        status = check_gradient(place, &act, &grad, error);
    if (status < 0)
        return status;
    *layout = (struct layout){ .rows = act.shape[1], .columns = act.shape[2] };
    *cam = (struct cam){ .method = (enum cam_method)options.method,
        .channels = act.shape[0],
        .positions = act.shape[1] * act.shape[2],
        .act = act.data,
        .grad = grad.data };
    const size_t room = cam_room(cam);
    if (room == 0)
        return fail(error, BAD_SAMPLE,
            "act.%s is [%zu,%zu,%zu]: eigencam takes at most %d channels or as many positions",
            place, act.shape[0], act.shape[1], act.shape[2], CAM_MAX_SIDE);
    return scratch_reserve(&state->room, room * sizeof(double), error);
}

static void warn(const struct run *run, const struct sample *sample, const char *name,
    const struct cam *cam, const float *map, const struct cam_doubts *doubts)
{
    bool zeros = true;
    for (size_t i = 0; i < cam->positions; i++)
        zeros &= map[i] == 0;
    if (zeros)
        run_warn(run, sample->key, "map.%s is zero everywhere: %s", name,
            cam->method == CAM_EIGENCAM ? "the activations are the same at all positions"
                                        : "nothing here speaks for the class");
    if (doubts->cancelled > 0)
        run_warn(run, sample->key,
            "map.%s: activations sum to nearly 0 in %zu of %zu channels, by which xgradcam "
            "divides: see -M gradcam or hirescam",
            name, doubts->cancelled, cam->channels);
    if (doubts->sign)
        run_warn(run, sample->key,
            "map.%s: the mean over channels doesn't tell which side of the component is up",
            name);
}

static int add_map(struct run *run, struct sample *sample, const char *place, bool several,
    struct error *error)
{
    struct state *state = run->state;
    const char *method = methods[options.method];
    const struct map_about about = { .method = method,
        .layer = block_number(place),
        .head = -1,
        .residual = -1,
        .class_specific = options.method != CAM_EIGENCAM,
        .at = place };
    struct cam cam;
    struct layout layout;
    struct cam_doubts doubts;
    char name[MAP_MAX_NAME + MAX_PLACE + 2];
    float *values;
    snprintf(name, sizeof name, "%s%s%s", options.as ? options.as : method, several ? "-" : "",
        several ? place : "");
    int status = read_cam(state, sample, place, &cam, &layout, error);
    if (status == 0)
        status = map_add(sample, name, &about, &layout, 0, &values, error);
    if (status < 0)
        return status;
    cam_map(&cam, state->room.bytes, values, &doubts);
    warn(run, sample, name, &cam, values, &doubts);
    return 0;
}

/* The sample's place that --at names so, as it stands there. */
static int find_place(const struct sample *sample, const char *wanted,
    char place[MAX_PLACE + 1], struct error *error)
{
    for (size_t i = 0; i < sample->count; i++)
        if (place_of(&sample->members[i], place) && same_place(place, wanted))
            return 0;
    return fail_missing(sample, wanted, error);
}

static int add_maps(struct run *run, struct sample *sample, struct error *error)
{
    const struct state *state = run->state;
    const size_t members = sample->count;
    char place[MAX_PLACE + 1];
    size_t count = 0;
    int status = 0;
    for (size_t i = 0; i < state->wanted_count && status == 0; i++) {
        status = find_place(sample, state->wanted[i], place, error);
        if (status == 0)
            status = add_map(run, sample, place, state->wanted_count > 1, error);
    }
    if (options.at)
        return status;
    for (size_t i = 0; i < members; i++)
        count += place_of(&sample->members[i], place);
    if (count == 0)
        return fail_missing(sample, NULL, error);
    for (size_t i = 0; i < members && status == 0; i++)
        if (place_of(&sample->members[i], place))
            status = add_map(run, sample, place, count > 1, error);
    return status;
}

static int map_sample(struct run *run, struct sample *sample, struct error *error)
{
    const int status = add_maps(run, sample, error);
    if (status == 0 && !run->common.keep) {
        sample_drop(sample, "act.*");
        sample_drop(sample, "actgrad.*");
    }
    return status;
}

static void close_gradcam(struct run *run)
{
    struct state *state = run->state;
    if (!state)
        return;
    free(state->wanted);
    free(state->act.bytes);
    free(state->grad.bytes);
    free(state->room.bytes);
    free(state);
}

int main(int argc, char **argv)
{
    static const struct stage stage = {
        .name = "gradcam",
        .purpose = "reads activations and gradients, writes class activation maps",
        .options = rows,
        .open = open_gradcam,
        .sample = map_sample,
        .close = close_gradcam,
    };
    return stage_main(&stage, &options, argc, argv);
}
