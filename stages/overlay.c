/* overlay: reads pictures and maps, writes figures of the maps over the pictures. */
#include "common/figure_parts.h"
#include "common/sheet.h"
#include "common/stage.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCALE_SHARED, SCALE_METHOD, SCALE_PANEL };
enum { FRAME_SLACK = 16 }; /* pixels of a figure's right and lower margin that may be cut off */

static const char *const colormaps[] = { "viridis", "inferno", "magma", "turbo", "grey",
    "jet" };
static const char *const endings[] = { "png", "tiff", "jpeg", "ppm" };
static const enum picture_format formats[] = { PICTURE_PNG, PICTURE_TIFF, PICTURE_JPEG,
    PICTURE_PPM };

struct overlay_options {
    const char *directory, *range, *outline;
    int colormap, scale, upsample, format;
    double clip, alpha;
    uint64_t columns, width;
    bool raw;
};

/* format below zero: not said. */
static struct overlay_options options = {
    .colormap = 1, .format = -1, .clip = 0.5, .alpha = 0.5
};

#define AT(field) offsetof(struct overlay_options, field)

static const struct option_row rows[] = {
    { 'd', "directory", OPTION_PATH, "DIR",
        "one figure a sample, DIR/KEY.png (default: one figure of all, to standard output)",
        AT(directory), 0, 0, false },
    { 0, "cmap", OPTION_CHOICE, "viridis|inferno|magma|turbo|grey|jet",
        "colours (default: inferno; signed maps: blue to red)", AT(colormap), 0, 0, false },
    { 0, "scale", OPTION_CHOICE, "shared|method|panel",
        "one colour scale for all maps of one method and model (default), of one method by "
        "whatever model, or one for each panel",
        AT(scale), 0, 0, false },
    { 0, "range", OPTION_TEXT, "LO,HI",
        "ends of the colour scale (default: the least and the greatest value, but for --clip)",
        AT(range), 0, 0, false },
    { 0, "clip", OPTION_NUMBER, "P",
        "percentile to cut off at either end of the scale, 0 to 49 (default: 0.5)", AT(clip), 0,
        49, false },
    { 0, "alpha", OPTION_NUMBER, "A", "opacity of the maps, 0 to 1 (default: 0.5)", AT(alpha),
        0, 1, false },
    { 0, "outline", OPTION_TEXT, "LIST",
        "outline what of mask.png has these values, from 0 to 255", AT(outline), 0, 0, false },
    { 0, "columns", OPTION_COUNT, "N",
        "panels in a row (default: near-square; of several samples, a row each)", AT(columns),
        1, 65536, false },
    { 0, "upsample", OPTION_CHOICE, "bilinear|nearest|bicubic",
        "how maps are drawn between the centres of their cells (default: bilinear)",
        AT(upsample), 0, 0, false },
    { 0, "width", OPTION_COUNT, "PX",
        "width of a panel (default: the picture's, at most 1024 alone and 320 in a grid)",
        AT(width), 1, 65536, false },
    { 0, "format", OPTION_CHOICE, "png|tiff|jpeg|ppm",
        "of the figures (default: by the ending of -o, else png); ppm: a picture a sample to "
        "standard output, all of one "
        "size, for ffmpeg",
        AT(format), 0, 0, false },
    { 0, "raw", OPTION_FLAG, NULL,
        "the numbers instead: a float TIFF, a page a map at the map's own grid", AT(raw), 0, 0,
        false },
    OPTION_END,
};

struct state {
    struct figure_options figure;
    enum picture_format format;
    const char *ending;
    struct sheet sheet;
    struct mask_rule outline;
    uint64_t more; /* samples beyond SHEET_SAMPLES */
    FILE *paths;   /* with -d: figures to be renamed at the end, NUL behind each */
    uint32_t frame_width, frame_height; /* with --format ppm: of the first */
};

static int keep_nothing(struct run *run, const struct sample *sample, struct error *error)
{
    (void)run;
    (void)sample;
    (void)error;
    return 0;
}

static int set_range(struct figure_options *figure, struct error *error)
{
    double ends[2];
    if (!options.range)
        return 0;
    const int status =
        parse_numbers("--range", options.range, ',', 2, -1e38, 1e38, ends, error);
    if (status < 0)
        return status;
    figure->has_range = true;
    figure->low = (float)ends[0];
    figure->high = (float)ends[1];
    return figure->low < figure->high
               ? 0
               : fail(error, BAD_USAGE, "--range %s: the first must be less than the second",
                   options.range);
}

static int open_directory(struct run *run, struct state *state, struct error *error)
{
    if (!options.directory)
        return 0;
    if (run->common.output)
        return fail(error, BAD_USAGE, "-d and -o: one of them");
    state->paths = tmpfile();
    run->write = keep_nothing;
    return state->paths ? 0 : fail_errno(error, "temporary file");
}

/* The format that -o FILE's ending says; PNG where it says none. */
static int format_by_name(const char *path)
{
    static const char *const names[][2] = { { ".png", NULL }, { ".tif", ".tiff" },
        { ".jpg", ".jpeg" }, { ".ppm", NULL } };
    const char *dot = path ? strrchr(path, '.') : NULL;
    for (int i = 0; dot && i < 4; i++)
        for (int j = 0; j < 2; j++)
            if (names[i][j] && strcasecmp(dot, names[i][j]) == 0)
                return i;
    return 0;
}

static int open_overlay(struct run *run, struct error *error)
{
    struct state *state = run->state = calloc(1, sizeof *state);
    if (!state)
        return fail_memory(error, sizeof *state);
    if (options.raw && options.format >= 0 && formats[options.format] != PICTURE_TIFF)
        return fail(error, BAD_USAGE, "--raw is a TIFF: leave out --format");
    const int format = options.raw          ? 1
                       : options.format < 0 ? format_by_name(run->common.output)
                                            : options.format;
    state->format = formats[format];
    state->ending = endings[format];
    state->figure = (struct figure_options){ .colormap = colormaps[options.colormap],
        .scale_per_panel = options.scale == SCALE_PANEL,
        .clip = options.clip,
        .alpha = options.alpha,
        .columns = (uint32_t)options.columns,
        .panel_width = (uint32_t)options.width,
        .upsample = (enum upsample)options.upsample };
    int status = set_range(&state->figure, error);
    if (status == 0 && options.outline)
        status = mask_rule_parse(&state->outline, "--outline", options.outline, NULL, error);
    state->sheet.outline = options.outline ? &state->outline : NULL;
    state->sheet.join_models = options.scale == SCALE_METHOD;
    return status < 0 ? status : open_directory(run, state, error);
}

/* Scales a picture down where more of it than its empty margin would be beyond the frame. */
static int shrink_to_frame(
    const struct state *state, struct picture *picture, struct error *error)
{
    struct picture scaled;
    if (picture->width <= state->frame_width + FRAME_SLACK
        && picture->height <= state->frame_height + FRAME_SLACK)
        return 0;
    const double factor = fmin((double)state->frame_width / picture->width,
        (double)state->frame_height / picture->height);
    const int status = panel_picture(picture, (uint32_t)fmax(1, picture->width * factor),
        (uint32_t)fmax(1, picture->height * factor), &scaled, error);
    if (status < 0)
        return status;
    picture_free(picture);
    *picture = scaled;
    return 0;
}

/* Frames of a video are all of the first one's size, with even sides. */
static int fit_frame(struct state *state, struct picture *picture, struct error *error)
{
    if (state->frame_width == 0) {
        state->frame_width = (picture->width + 1) & ~1U;
        state->frame_height = (picture->height + 1) & ~1U;
    }
    const int status = shrink_to_frame(state, picture, error);
    if (status < 0)
        return status;
    const size_t line = (size_t)state->frame_width * 3, size = line * state->frame_height;
    const size_t own = (size_t)picture->width * 3;
    uint8_t *rgb = malloc(size);
    if (!rgb)
        return fail_memory(error, size);
    memset(rgb, 255, size);
    for (size_t y = 0; y < picture->height && y < state->frame_height; y++)
        memcpy(rgb + y * line, picture->rgb + y * own, own < line ? own : line);
    picture_free(picture);
    *picture = (struct picture){ state->frame_width, state->frame_height, rgb };
    return 0;
}

/* The sheet as the bytes that go out. */
static int draw_sheet(
    struct state *state, unsigned char **bytes, size_t *size, struct error *error)
{
    struct picture figure;
    if (options.raw)
        return sheet_encode_raw(&state->sheet, bytes, size, error);
    int status = sheet_draw(&state->sheet, &state->figure, state->more, &figure, error);
    if (status < 0)
        return status;
    if (state->format == PICTURE_PPM && !options.directory)
        status = fit_frame(state, &figure, error);
    if (status == 0)
        status = picture_encode(&figure, state->format, bytes, size, error);
    picture_free(&figure);
    return status;
}

/* Makes every directory that path is in. */
static int make_directories(char *path, struct error *error)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        const bool there = mkdir(path, 0777) == 0 || errno == EEXIST;
        const int status = there ? 0 : fail_errno(error, "%s", path);
        *slash = '/';
        if (status < 0)
            return status;
    }
    return 0;
}

/* A key is longer than the file's name was where that isn't ASCII. */
static bool is_too_long(const char *path)
{
    size_t length = 0; /* of a component */
    for (const char *at = path; *at; at++) {
        length = *at == '/' ? 0 : length + 1;
        if (length > NAME_MAX - strlen(".part"))
            return true;
    }
    return strlen(path) >= PATH_MAX - strlen(".part");
}

/* Writes DIR/KEY.ENDING.part: it gets its name when the stream has proved whole. */
static int put_file(struct state *state, const char *key, const unsigned char *bytes,
    size_t size, struct error *error)
{
    char *path = NULL;
    struct whole_file file = { .fd = -1 };
    if (asprintf(&path, "%s/%s.%s", options.directory, key, state->ending) < 0)
        return fail_memory(error, strlen(key));
    int status = is_too_long(path) ? fail(error, BAD_SAMPLE,
                     "its key is too long to name a file in %.200s", options.directory)
                                   : make_directories(path, error);
    if (status == 0)
        status = file_begin(path, &file, error);
    if (status == 0)
        status = file_put(&file, bytes, size, error);
    if (status == 0)
        status = file_close(&file, error);
    if (status == 0 && fwrite(file.path, strlen(file.path) + 1, 1, state->paths) != 1)
        status = fail_errno(error, "temporary file");
    file_release(&file);
    free(path);
    return status;
}

static int rename_files(FILE *paths, struct error *error)
{
    char *path = NULL, *part = NULL;
    size_t room = 0;
    int status = fflush(paths) == 0 ? 0 : fail_errno(error, "temporary file");
    rewind(paths);
    while (status == 0 && getdelim(&path, &room, '\0', paths) > 0) {
        if (asprintf(&part, "%s.part", path) < 0) {
            part = NULL;
            status = fail_memory(error, strlen(path));
        } else if (rename(part, path) < 0) {
            status = fail_errno(error, "%s: rename to %s failed", part, path);
        }
        free(part);
    }
    if (status == 0 && ferror(paths))
        status = fail_errno(error, "temporary file");
    free(path);
    return status;
}

/* A figure of this sample alone. */
static int put_one(struct run *run, const struct sample *sample, struct error *error)
{
    struct state *state = run->state;
    unsigned char *bytes = NULL;
    size_t size;
    int status = draw_sheet(state, &bytes, &size, error);
    if (status == 0 && options.directory)
        status = put_file(state, sample->key, bytes, size, error);
    else if (status == 0)
        status = output_write(run->output, bytes, size, error);
    free(bytes);
    sheet_clear(&state->sheet);
    return status;
}

/* Panels of a grid are small: keeps no more of the pictures than will be seen. */
static int reduce_pictures(struct sheet *sheet, struct error *error)
{
    const bool last =
        sheet->sample_count != 2; /* with the second, the first is in a grid too */
    if (sheet->sample_count == 1 && sheet->map_count == 1)
        return 0;
    return sheet_reduce(sheet, last, false, (uint32_t)options.width, error);
}

static int process_sample(struct run *run, struct sample *sample, struct error *error)
{
    struct state *state = run->state;
    struct error warning;
    if (state->sheet.sample_count == SHEET_SAMPLES) {
        state->more++;
        return 0;
    }
    int status = sheet_add(&state->sheet, sample, !options.raw, &warning, error);
    if (status < 0)
        return status;
    if (*warning.text)
        run_warn(run, sample->key, "%s", warning.text);
    if (options.directory || (state->format == PICTURE_PPM && !options.raw))
        return put_one(run, sample, error);
    return reduce_pictures(&state->sheet, error);
}

static int finish_overlay(struct run *run, struct error *error)
{
    struct state *state = run->state;
    unsigned char *bytes = NULL;
    size_t size;
    if (state->paths)
        return rename_files(state->paths, error);
    if (state->format == PICTURE_PPM)
        return 0;
    if (state->sheet.sample_count == 0)
        return fail(error, BAD_SAMPLE, "no sample to draw");
    int status = draw_sheet(state, &bytes, &size, error);
    if (status == 0)
        status = output_write(run->output, bytes, size, error);
    free(bytes);
    if (status == 0 && state->more > 0)
        run_warn(run, NULL, "%llu more samples are not drawn: -d DIR draws a figure of each",
            (unsigned long long)state->more);
    return status;
}

static void close_overlay(struct run *run)
{
    struct state *state = run->state;
    if (!state)
        return;
    sheet_clear(&state->sheet);
    if (state->paths)
        fclose(state->paths);
    free(state);
}

int main(int argc, char **argv)
{
    static const struct stage stage = {
        .name = "overlay",
        .purpose = "reads pictures and maps, writes figures of the maps over the pictures",
        .options = rows,
        .flags = STAGE_PICTURE,
        .open = open_overlay,
        .sample = process_sample,
        .finish = finish_overlay,
        .close = close_overlay,
    };
    return stage_main(&stage, &options, argc, argv);
}
