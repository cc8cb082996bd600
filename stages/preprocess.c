/* preprocess: reads pictures, directories or shards, writes samples with the model's input. */
#include "common/anymodel.h"
#include "common/input.h"
#include "common/labels.h"
#include "common/mask.h"
#include "common/sources.h"
#include "common/progress.h"
#include "common/stage.h"
#include "formats/picture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct options {
    const char *model, *state, *size, *mean, *std, *labels, *masks, *files_from;
    uint64_t heads, resize, max_pixels; /* resize 0: not given, and so on */
    double crop_pct;
    int filter, fit; /* -1 */
    bool null, prefix_shard, pack;
};

#define WHY "__why__" /* a member for next_sample and make_sample alone */

#define AT(field) offsetof(struct options, field)

static const struct option_row rows[] = {
    { 'm', "model", OPTION_PATH, "MODEL",
        "make the input as this ViT or ResNet wants it: a .safetensors or .pth file, a "
        "directory as the hub lays it out, or a name in $SACCADE_MODELS; default: "
        "$SACCADE_VIT, else the ViT that comes with saccade",
        AT(model), 0, 0, false },
    { 0, "state", OPTION_TEXT, "NAME",
        "take this state dict of a checkpoint that holds several", AT(state), 0, 0, false },
    { 0, "num-heads", OPTION_COUNT, "N", "the number of heads, where no configuration says it",
        AT(heads), 1, 4096, false },
    { 0, "size", OPTION_TEXT, "N|WxH", "another input size than the model's own", AT(size), 0,
        0, false },
    { 0, "resize", OPTION_COUNT, "N", "resize the shorter side to N before the crop",
        AT(resize), 1, VIEW_MAX_RESIZE, false },
    { 0, "crop-pct", OPTION_NUMBER, "F", "resize to the size divided by F before the crop",
        AT(crop_pct), 0.01, 1, false },
    { 0, "filter", OPTION_CHOICE, "bilinear|bicubic|lanczos|nearest", "resize with this filter",
        AT(filter), 0, 0, false },
    { 0, "fit", OPTION_CHOICE, "crop|squash|pad",
        "cut off what is over, change the shape, or fill up with the mean colour", AT(fit), 0,
        0, false },
    { 0, "mean", OPTION_TEXT, "R,G,B",
        "subtract this from values from 0 to 1; one number for all", AT(mean), 0, 0, false },
    { 0, "std", OPTION_TEXT, "R,G,B", "and divide by this; one number for all", AT(std), 0, 0,
        false },
    { 'L', "labels", OPTION_PATH, "FILE|folder",
        "write true labels: by a table of names and labels, or by the directory a picture is "
        "in",
        AT(labels), 0, 0, false },
    { 0, "masks", OPTION_PATH, "DIR",
        "add masks: of a picture a/b.jpg the PNG DIR/a/b.png or DIR/b.png", AT(masks), 0, 0,
        false },
    { 'T', "files-from", OPTION_PATH, "FILE", "read further names from FILE, one a line",
        AT(files_from), 0, 0, true },
    { '0', "null", OPTION_FLAG, NULL, "names of --files-from end in NUL", AT(null), 0, 0,
        true },
    { 0, "prefix-shard", OPTION_FLAG, NULL, "put the shard's file name before the keys in it",
        AT(prefix_shard), 0, 0, false },
    { 0, "pack", OPTION_FLAG, NULL, "pictures only: make no input", AT(pack), 0, 0, false },
    { 0, "max-pixels", OPTION_COUNT, "N", "refuse pictures with more (default: 178956970)",
        AT(max_pixels), 1, 1e12, false },
    OPTION_END,
};

struct preprocess {
    struct view_wishes wishes;
    struct input_model model; /* its name is run->model_name */
    struct sources_wishes from;
    struct sources *sources;
    struct labels *labels;
    uint64_t unlabelled, unmasked;
    char *first_unlabelled, *first_unmasked;

    /* Of a batch. */
    struct sample *const *samples;
    int *statuses;
    struct error *errors;
};

static int parse_wishes(
    const struct options *options, struct view_wishes *wishes, struct error *error)
{
    wishes->set = (options->size ? SET_SIZE : 0U) | (options->resize ? SET_RESIZE : 0U)
                  | (options->crop_pct > 0 ? SET_CROP_PCT : 0U)
                  | (options->filter >= 0 ? SET_FILTER : 0U)
                  | (options->fit >= 0 ? SET_FIT : 0U) | (options->mean ? SET_MEAN : 0U)
                  | (options->std ? SET_STD : 0U);
    wishes->resize = (uint32_t)options->resize;
    wishes->crop_pct = options->crop_pct;
    wishes->filter = (enum resample_filter)(options->filter >= 0 ? options->filter : 0);
    wishes->fit = (enum view_fit)(options->fit >= 0 ? options->fit : 0);
    int status = options->size ? parse_size(
                     "--size", options->size, &wishes->width, &wishes->height, error)
                               : 0;
    if (status == 0 && options->mean)
        status = parse_colour("--mean", options->mean, -1e3, 1e3, wishes->mean, error);
    if (status == 0 && options->std)
        status = parse_colour("--std", options->std, 1e-6, 1e3, wishes->std, error);
    return status;
}

static int check_options(const struct options *options, unsigned set, struct error *error)
{
    if (options->resize && options->crop_pct > 0)
        return fail(error, BAD_USAGE, "--resize and --crop-pct: take one of them");
    if (options->null && !options->files_from)
        return fail(error, BAD_USAGE, "--null: only with --files-from");
    if (options->pack && (set || options->model))
        return fail(error, BAD_USAGE,
            "--pack makes no input: no -m, --size, --resize, --crop-pct, --filter, --fit, "
            "--mean or --std with it");
    return 0;
}

/* Standard input is read once, and by nobody from a terminal. */
static int check_standard_input(const struct walk_wishes *from, struct error *error)
{
    size_t readers = from->list && strcmp(from->list, "-") == 0;
    for (size_t i = 0; i < from->count; i++) {
        readers += strcmp(from->operands[i], "-") == 0;
        if (from->operands[i][0] == '\0')
            return fail(error, BAD_USAGE, "an operand is empty");
    }
    if (readers > 1)
        return fail(error, BAD_USAGE, "standard input can be read only once");
    if (readers > 0 && isatty(STDIN_FILENO))
        return fail(
            error, BAD_USAGE, "standard input is a terminal: give FILE or a pipe: see -h");
    return 0;
}

static const char *class_name(const void *model, size_t index)
{
    return model_class_name(model, index);
}

/* The classes that a table names, as the model numbers them; model may be NULL. */
static int number_classes(const struct run *run, const struct model *model, struct error *error)
{
    const struct preprocess *preprocess = run->state;
    const size_t classes = model ? model->classes : 0;
    const int status = preprocess->labels ? labels_number(
                           preprocess->labels, class_name, model, classes, error)
                                          : 0;
    const char *from = ((const struct options *)run->options)->labels;
    if (status == 1 && strcmp(from, "folder") != 0)
        run_warn(run, NULL,
            "no model says how the classes that %s names are numbered: by their order", from);
    else if (status == 1 && model)
        run_warn(run, NULL,
            "the directories are not classes of %s: numbered 0, 1, ... by their order",
            model->name);
    return status < 0 ? status : 0;
}

static int open_labels(struct run *run, struct error *error)
{
    const struct options *options = run->options;
    struct preprocess *preprocess = run->state;
    const struct walk_wishes *from = &preprocess->from.walk;
    struct stat about;
    if (!options->labels)
        return 0;
    if (strcmp(options->labels, "folder") != 0)
        return labels_read(&preprocess->labels, options->labels, error);
    if (from->list && (stat(from->list, &about) < 0 || !S_ISREG(about.st_mode)))
        return fail(error, BAD_USAGE,
            "--labels folder reads the names twice: --files-from %s is no regular file",
            from->list);
    return labels_walk(&preprocess->labels, from, error);
}

static int check_masks(const struct options *options, struct error *error)
{
    struct stat about;
    if (!options->masks)
        return 0;
    if (stat(options->masks, &about) < 0)
        return fail_errno(error, "--masks %.800s", options->masks);
    return S_ISDIR(about.st_mode)
               ? 0
               : fail(error, BAD_USAGE, "--masks %.800s: no directory", options->masks);
}

/* The model, as far as its pictures and its classes go; without one where options say all. */
static int open_model(struct run *run, struct error *error)
{
    const struct options *options = run->options;
    struct preprocess *preprocess = run->state;
    const unsigned set = preprocess->wishes.set, least = SET_SIZE | SET_MEAN | SET_STD;
    const unsigned most = least | SET_FILTER | SET_FIT;
    const bool whole = (set & most) == most && (set & (SET_RESIZE | SET_CROP_PCT));
    const struct vit_wishes wishes = { options->state, (size_t)options->heads };
    struct anymodel any;
    int status = 1;
    preprocess->model = (struct input_model){ .crop = 1,
        .rule = { .fit = FIT_CROP, .flavour = VIEW_TIMM, .filter = FILTER_BICUBIC } };
    if (options->model || !(options->pack || whole))
        status = anymodel_open(&any, options->model, &wishes, error);
    if (status == BAD_SYSTEM && !options->model && (set & least) == least)
        status = 1;
    if (status < 0)
        return status;
    if (status > 0)
        return number_classes(run, NULL, error);
    preprocess->model = any.model.input;
    preprocess->model.name = run->model_name = strdup(any.model.name);
    status = run->model_name ? 0 : fail_memory(error, strlen(any.model.name));
    if (status == 0)
        status = number_classes(run, &any.model, error);
    anymodel_close(&any);
    return status;
}

/* How many pictures are coming, where somebody looks and it can be known. */
static int expect(const struct run *run, const struct walk_wishes *from, struct error *error)
{
    uint64_t count = 0;
    struct stat about;
    if (!run->common.verbose && !isatty(STDERR_FILENO))
        return 0;
    if (from->list && (stat(from->list, &about) < 0 || !S_ISREG(about.st_mode)))
        return 0;
    const int status = walk_count(from, &count, error);
    progress_expect(count);
    return status;
}

static size_t batch_size(const struct run *run)
{
    return 2 * threads_count(run->threads);
}

static int open_preprocess(struct run *run, struct error *error)
{
    static const char *const standard[] = { "-" };
    const struct options *options = run->options;
    struct preprocess *preprocess = calloc(1, sizeof *preprocess);
    run->state = preprocess;
    if (!preprocess)
        return fail_memory(error, sizeof *preprocess);
    const bool named = run->file_count > 0 || options->files_from;
    preprocess->from = (struct sources_wishes){
        .walk = { .operands = named ? run->files : standard,
            .count = named ? run->file_count : 1,
            .list = options->files_from,
            .delimiter = options->null ? '\0' : '\n' },
        .prefix_shard = options->prefix_shard,
    };
    preprocess->statuses = calloc(batch_size(run), sizeof *preprocess->statuses);
    preprocess->errors = calloc(batch_size(run), sizeof *preprocess->errors);
    if (!preprocess->statuses || !preprocess->errors)
        return fail_memory(error, batch_size(run) * sizeof *preprocess->errors);
    struct view_rule rule;
    int status = parse_wishes(options, &preprocess->wishes, error);
    if (status == 0)
        status = check_options(options, preprocess->wishes.set, error);
    if (status == 0)
        status = check_standard_input(&preprocess->from.walk, error);
    if (status == 0)
        status = open_labels(run, error);
    if (status == 0)
        status = check_masks(options, error);
    if (status == 0)
        status = open_model(run, error);
    if (status == 0 && !options->pack)
        status = input_rule(&preprocess->model, &preprocess->wishes, &rule, error);
    if (status == 0)
        status = expect(run, &preprocess->from.walk, error);
    return status < 0 ? status : sources_open(&preprocess->sources, &preprocess->from, error);
}

static void close_preprocess(struct run *run)
{
    struct preprocess *preprocess = run->state;
    if (!preprocess)
        return;
    sources_close(preprocess->sources);
    labels_free(preprocess->labels);
    free(preprocess->first_unlabelled);
    free(preprocess->first_unmasked);
    free(preprocess->statuses);
    free(preprocess->errors);
    free(preprocess);
}

static int get_programs(struct run *run, const json_t **programs, struct error *error)
{
    const struct preprocess *preprocess = run->state;
    return sources_programs(preprocess->sources, programs, error);
}

static int add_label(struct run *run, struct sample *sample, struct error *error)
{
    struct preprocess *preprocess = run->state;
    const struct member *picture = sample_picture(sample);
    int64_t label;
    char text[24];
    const int found = labels_find(preprocess->labels, sources_path(preprocess->sources),
        sample->key, picture ? picture->suffix : "", &label);
    if (found < 0)
        return fail_memory(error, strlen(sample->key));
    if (found == 0) {
        if (preprocess->unlabelled++ == 0)
            preprocess->first_unlabelled = strdup(sample->key);
        return 0;
    }
    snprintf(text, sizeof text, "%lld", (long long)label);
    sample_drop(sample, "cls");
    return sample_add_text(sample, "cls", text, error);
}

/* One that came in a shard stays where there is none here. */
static int add_mask(struct run *run, struct sample *sample, struct error *error)
{
    struct preprocess *preprocess = run->state;
    const struct options *options = run->options;
    const int found =
        mask_add(sample, options->masks, sources_path(preprocess->sources), error);
    if (found == 0 && !sample_find(sample, "mask.png") && preprocess->unmasked++ == 0)
        preprocess->first_unmasked = strdup(sample->key);
    return found < 0 ? found : 0;
}

static int add_known(struct run *run, struct sample *sample, struct error *error)
{
    const struct preprocess *preprocess = run->state;
    const struct options *options = run->options;
    int status = preprocess->labels ? add_label(run, sample, error) : 0;
    if (status == 0 && options->masks)
        status = add_mask(run, sample, error);
    return status;
}

/* A file that is no picture comes as a sample with a member that says why, and is rejected with
 * the others of its batch: so messages too come in the samples' order. */
static int next_sample(struct run *run, struct sample *sample, struct error *error)
{
    const struct preprocess *preprocess = run->state;
    int status = sources_next(preprocess->sources, sample, error);
    const char *path =
        status == 1 || status == BAD_SAMPLE ? sources_path(preprocess->sources) : NULL;
    if (path && !(sample->origin = strdup(path)))
        return fail_memory(error, strlen(path));
    if (status == BAD_SAMPLE) {
        const struct error why = *error;
        const size_t length = path ? strlen(path) : 0; /* run_reject says the path itself */
        const bool named = length && strncmp(why.text, path, length) == 0;
        const char *text = why.text + (named ? length : 0);
        status = sample_add_text(sample, WHY, text + strspn(text, ": "), error);
    } else if (status == 1 && !sample->bad && strcmp(sample->key, STREAM_KEY) != 0) {
        status = add_known(run, sample, error);
    } else {
        return status;
    }
    return status < 0 ? status : 1;
}

static int pack_sample(struct sample *sample, struct error *error)
{
    const struct member *picture = sample_picture(sample);
    if (!picture)
        return fail(error, BAD_USAGE, "has no picture");
    if (!picture_kind(picture->bytes, picture->size))
        return fail(error, BAD_SAMPLE, picture->size ? "not a picture" : "empty");
    sample_drop(sample, "input.npy");
    sample_drop(sample, "view.json");
    return 0;
}

static int make_sample(const struct run *run, struct sample *sample, struct error *error)
{
    const struct options *options = run->options;
    const struct preprocess *preprocess = run->state;
    const struct member *why = sample->arrived == 0 ? sample_find(sample, WHY) : NULL;
    if (why)
        return fail(error, BAD_SAMPLE, "%.*s", (int)why->size, (const char *)why->bytes);
    if (options->pack)
        return pack_sample(sample, error);
    return input_make(
        sample, &preprocess->model, &preprocess->wishes, options->max_pixels, error);
}

static void make_one(void *argument, size_t i, size_t worker)
{
    const struct run *run = argument;
    const struct preprocess *preprocess = run->state;
    (void)worker;
    preprocess->statuses[i] = make_sample(run, preprocess->samples[i], &preprocess->errors[i]);
}

static int make_batch(
    struct run *run, struct sample *const *samples, size_t count, struct error *error)
{
    struct preprocess *preprocess = run->state;
    preprocess->samples = samples;
    threads_run(run->threads, count, make_one, run);
    for (size_t i = 0; i < count; i++) {
        int status = preprocess->statuses[i];
        if (status == BAD_USAGE && i > 0)
            status = BAD_SAMPLE; /* not the first sample, whatever the size of a batch is */
        *error = preprocess->errors[i];
        status = run_reject(run, samples[i], status, error);
        if (status < 0)
            return status;
    }
    return 0;
}

/* Behind what is said of the first of them; good until the next call. */
static const char *and_others(uint64_t count)
{
    static char text[48];
    snprintf(text, sizeof text, count > 1 ? " (and so for %llu more)" : "",
        (unsigned long long)(count - 1));
    return text;
}

static int finish_preprocess(struct run *run, struct error *error)
{
    const struct preprocess *preprocess = run->state;
    const struct walk_skipped *files = sources_skipped_files(preprocess->sources);
    const struct walk_skipped *members = sources_skipped_members(preprocess->sources);
    (void)error;
    if (files->count > 0)
        run_warn(run, NULL, "%s: skipped, by its name no picture%s",
            files->first ? files->first : "", and_others(files->count));
    if (members->count > 0)
        run_warn(run, NULL, "%s: skipped, has no suffix%s",
            members->first ? members->first : "", and_others(members->count));
    if (preprocess->unlabelled > 0)
        run_warn(run, preprocess->first_unlabelled, "has no label%s",
            and_others(preprocess->unlabelled));
    if (preprocess->unmasked > 0)
        run_warn(
            run, preprocess->first_unmasked, "has no mask%s", and_others(preprocess->unmasked));
    return 0;
}

int main(int argc, char **argv)
{
    static const struct stage preprocess = {
        .name = "preprocess",
        .purpose =
            "reads pictures, directories or shards, writes samples with the model's input",
        .operands = "[FILE|DIRECTORY|SHARD...]",
        .options = rows,
        .flags = STAGE_THREADED | STAGE_OPERANDS,
        .open = open_preprocess,
        .next = next_sample,
        .programs = get_programs,
        .batch = batch_size,
        .samples = make_batch,
        .finish = finish_preprocess,
        .close = close_preprocess,
    };
    struct options options = { .filter = -1, .fit = -1, .max_pixels = PICTURE_MAX_PIXELS };
    return stage_main(&preprocess, &options, argc, argv);
}
