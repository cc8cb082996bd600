/*
 * finetune: reads labelled pictures, trains a Vision Transformer or a residual network on them
 * and writes it as a checkpoint.
 */
#include "common/anymodel.h"
#include "common/class_names.h"
#include "common/gemm.h"
#include "common/head_names.h"
#include "common/stage.h"
#include "common/training_start.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIMISER_UNSAID = -1 };

struct finetune_options {
    const char *model, *architecture, *state, *validation, *freeze, *augment, *log, *labels,
        *size, *mean, *std, *classes;
    int optimiser;
    uint64_t heads, epochs, batch, accumulate, seed, max_pixels;
    double lr, minimum, decay, momentum, warmup, smoothing, clip, drop_path, patch_drop,
        layer_decay, ema, memory, every;
    bool half, resume;
};

/* Below zero, or 0 where that can't be meant: not said. */
static struct finetune_options options = { .optimiser = OPTIMISER_UNSAID,
    .batch = 128,
    .accumulate = 1,
    .max_pixels = PICTURE_MAX_PIXELS,
    .lr = -1,
    .minimum = -1,
    .decay = -1,
    .momentum = -1,
    .warmup = -1,
    .smoothing = -1,
    .clip = -1,
    .drop_path = 0,
    .layer_decay = -1,
    .memory = 2048,
    .every = 300 };

#define AT(field) offsetof(struct finetune_options, field)

static const struct option_row rows[] = {
    { 'm', "model", OPTION_PATH, "BASE", "the model to begin from, as for vitfwd", AT(model), 0,
        0, false },
    { 0, "arch", OPTION_TEXT, "ARCH",
        "begin from nothing: vit:patch=4,dim=128,depth=6,heads=4,image=32, or resnet20",
        AT(architecture), 0, 0, false },
    { 0, "val", OPTION_PATH, "DATA", "validate on these pictures after every epoch",
        AT(validation), 0, 0, false },
    { 0, "epochs", OPTION_COUNT, "N", "times through the data (default: 10; with --arch 60)",
        AT(epochs), 1, 100000, false },
    { 0, "lr", OPTION_NUMBER, "RATE",
        "the largest learning rate (default: ViT 0.001 from nothing, else 0.0002; ResNet 0.1, "
        "0.01)",
        AT(lr), 0, 100, false },
    { 0, "min-lr", OPTION_NUMBER, "RATE", "where its cosine ends (default: a hundredth)",
        AT(minimum), 0, 100, false },
    { 0, "warmup", OPTION_NUMBER, "EPOCHS",
        "epochs in which it rises (default: 5; from a base 1)", AT(warmup), 0, 100000, false },
    { 'b', "batch", OPTION_COUNT, "N",
        "pictures a batch (default: 128; of few pictures say 16, for more steps an epoch)",
        AT(batch), 1, 65536, false },
    { 0, "accumulate", OPTION_COUNT, "N", "batches a step (default: 1)", AT(accumulate), 1,
        65536, false },
    { 0, "optimiser", OPTION_CHOICE, "adamw|sgd", "default: adamw for a ViT, sgd for a ResNet",
        AT(optimiser), 0, 0, false },
    { 0, "decay", OPTION_NUMBER, "F",
        "weight decay of matrices and convolutions (default: adamw 0.05, sgd 0.0005)",
        AT(decay), 0, 10, false },
    { 0, "momentum", OPTION_NUMBER, "F", "of sgd, Nesterov's (default: 0.9)", AT(momentum), 0,
        0.9999, false },
    { 0, "layer-decay", OPTION_NUMBER, "F",
        "the rate of each block as a share of the one above it (default: 1; a ViT from a base "
        "0.75)",
        AT(layer_decay), 0.01, 1, false },
    { 0, "clip", OPTION_NUMBER, "NORM",
        "largest norm of a step's gradients, 0: any (default: 1)", AT(clip), 0, 1e9, false },
    { 0, "smoothing", OPTION_NUMBER, "F",
        "share of each label spread over all classes (default: 0.1)", AT(smoothing), 0, 0.99,
        false },
    { 0, "drop-path", OPTION_NUMBER, "F",
        "rate at which a ViT's last branches are left out "
        "(default: 0)",
        AT(drop_path), 0, 0.9, false },
    { 0, "patch-drop", OPTION_NUMBER, "F",
        "train a ViT without this share of each picture's patches, others each time "
        "(default: 0)",
        AT(patch_drop), 0, 0.95, false },
    { 0, "ema", OPTION_NUMBER, "F",
        "validate and write a moving average of the weights that keeps this much a step "
        "(default: 0, none)",
        AT(ema), 0, 0.999999, false },
    { 0, "freeze", OPTION_TEXT, "LAYERS|all",
        "leave these blocks as they are; all: train the head alone", AT(freeze), 0, 0, false },
    { 0, "augment", OPTION_TEXT, "NAMES",
        "none, light or standard, or of flip, crop, resized-crop, colour, erase, mixup, cutmix "
        "with commas between (default: light; a ViT from nothing: standard; --freeze all: "
        "none)",
        AT(augment), 0, 0, false },
    { 0, "seed", OPTION_COUNT, "N", "of all that is random (default: 0)", AT(seed), 0, 9e15,
        false },
    { 'L', "labels", OPTION_PATH, "FILE", "a table of labels, as of preprocess", AT(labels), 0,
        0, false },
    { 0, "classes", OPTION_PATH, "A,B,C|FILE",
        "names of the classes, by number, or a labels.tsv with them", AT(classes), 0, 0,
        false },
    { 0, "size", OPTION_TEXT, "N|WxH", "another input size than the base's own", AT(size), 0, 0,
        false },
    { 0, "mean", OPTION_TEXT, "R,G,B",
        "of the inputs, from 0 to 1, where no configuration of the base says it", AT(mean), 0,
        0, false },
    { 0, "std", OPTION_TEXT, "R,G,B", "likewise", AT(std), 0, 0, false },
    { 0, "memory", OPTION_NUMBER, "MB",
        "keep decoded pictures in so many megabytes, decode again what is more (default: 2048)",
        AT(memory), 1, 1e9, true },
    { 0, "resume", OPTION_FLAG, NULL,
        "go on from the state that -o has, where an earlier run was ended", AT(resume), 0, 0,
        true },
    { 0, "every", OPTION_NUMBER, "SECONDS",
        "between states within an epoch, 0: after each step (default: 300)", AT(every), 0, 1e9,
        true },
    { 0, "log", OPTION_PATH, "FILE", "a line an epoch, as TSV", AT(log), 0, 0, true },
    { 0, "half", OPTION_FLAG, NULL, "write weights as f16", AT(half), 0, 0, false },
    { 0, "state", OPTION_TEXT, "NAME", "take this state dict of a base that holds several",
        AT(state), 0, 0, false },
    { 0, "num-heads", OPTION_COUNT, "N", "the number of heads, where no configuration says it",
        AT(heads), 1, 4096, false },
    { 0, "max-pixels", OPTION_COUNT, "N", "refuse pictures with more (default: 178956970)",
        AT(max_pixels), 1, 1e12, false },
    OPTION_END,
};

struct state {
    struct trainer trainer;
    struct dataset *data, *validation;
    json_t *base_names, *wished_names; /* of classes; NULL: not known, not said */
    const char **names;                /* of the data's classes: borrowed */
    struct head_match match;           /* of the base's head and these */
    /* What pictures are reduced to: for training there is room to crop. */
    uint32_t training_side, validation_side;
    enum resample_filter filter;
};

static void say(void *run, const char *text)
{
    run_warn(run, NULL, "%s", text);
}

static void say_bad(void *run, const char *name, const char *why)
{
    run_warn(run, name, "%s", why);
}

static double said(double value, double otherwise)
{
    return value >= 0 ? value : otherwise;
}

/* Whether what is trained is a ViT, before it is open: for defaults. */
static bool is_residual(const struct trainer *trainer)
{
    return trainer->kind == TRAINS_RESNET;
}

static int open_data(struct run *run, struct dataset **data, const char *const *paths,
    size_t count, uint32_t side, struct error *error)
{
    const struct state *state = run->state;
    const size_t classes = state->data           ? dataset_classes(state->data)
                           : state->wished_names ? json_array_size(state->wished_names)
                                                 : 0;
    const size_t memory = (size_t)(options.memory * 1e6);
    const size_t taken = state->data ? dataset_bytes(state->data) : 0;
    const struct dataset_wishes wishes = { .threads = run->threads,
        .memory = taken < memory ? memory - taken : 0,
        .max_bad = run->common.max_bad,
        .side = side,
        .filter = state->filter,
        .max_pixels = options.max_pixels,
        .classes = classes,
        .class_names = state->names,
        .every_class = !state->data,
        .labels = options.labels,
        .bad = say_bad,
        .argument = run };
    const int status = dataset_open(data, paths, count, &wishes, error);
    if (status == 0)
        run->counts.bad += dataset_bad(*data);
    return status;
}

/* The rule of inputs of that size, as checkpoints can say it. */
static int make_rule(const struct input_model *input, uint32_t width, uint32_t height,
    struct view_rule *rule, double *crop, struct error *error)
{
    struct view_wishes wishes = { .set = SET_SIZE, .width = width, .height = height };
    int status = 0;
    if (options.mean)
        status = parse_colour("--mean", options.mean, -1e3, 1e3, wishes.mean, error);
    if (status == 0 && options.std)
        status = parse_colour("--std", options.std, 1e-6, 1e3, wishes.std, error);
    wishes.set |= (options.mean ? SET_MEAN : 0U) | (options.std ? SET_STD : 0U);
    if (status == 0 && !input->rule_known && (!options.mean || !options.std))
        status = fail(error, BAD_USAGE,
            "mean and std of the base are not known, no configuration says them: say --mean "
            "R,G,B --std R,G,B");
    if (status == 0)
        status = input_rule(input, &wishes, rule, error);
    *crop = input->crop;
    if (status == 0)
        checkpoint_settle_rule(rule, crop);
    return status;
}

static bool trains_head(void)
{
    return options.freeze && strcmp(options.freeze, "all") == 0;
}

static const char *augmentation(bool new_vit)
{
    return options.augment ? options.augment
           : trains_head() ? "none"
           : new_vit       ? "standard"
                           : "light";
}

/* What larger pictures are reduced to: parts of them need more than inputs as in use. */
static int choose_sides(struct state *state, const struct view_rule *rule, struct error *error)
{
    struct augment augment;
    const uint32_t w = rule->resize_width, h = rule->resize_height;
    const uint32_t side = rule->width < rule->height ? rule->width : rule->height;
    const int status = augment_parse(&augment, augmentation(false), side, error);
    state->filter = rule->filter;
    state->validation_side = rule->fit == FIT_CROP && w == h ? w : 0;
    state->training_side =
        augment.resized_crop ? (w < h ? h : w) * 5 / 4 : state->validation_side;
    return status;
}

/* What of the base must be known before the data is opened. */
static int look_at_base(const struct run *run, struct error *error)
{
    struct state *state = run->state;
    struct anymodel any;
    struct view_rule rule;
    double crop;
    const struct vit_wishes wishes = { options.state, (size_t)options.heads };
    int status = anymodel_open(&any, options.model, &wishes, error);
    if (status < 0)
        return status;
    uint32_t width = any.model.input.rule.width, height = any.model.input.rule.height;
    status = checkpoint_not_base(run->common.output, any.model.path, error);
    if (status == 0 && options.size)
        status = parse_size("--size", options.size, &width, &height, error);
    if (status == 0)
        status = make_rule(&any.model.input, width, height, &rule, &crop, error);
    if (status == 0) {
        state->base_names = model_classes(&any.model);
        status = choose_sides(state, &rule, error);
    }
    anymodel_close(&any);
    return status;
}

static int open_trainer(struct state *state, struct error *error)
{
    struct train_wishes wishes = { .classes = dataset_classes(state->data),
        .new_head = state->match.kind == HEAD_OTHER,
        .frozen = options.freeze,
        .drop_path = options.drop_path,
        .patch_drop = options.patch_drop,
        .seed = options.seed };
    int status = options.size
                     ? parse_size("--size", options.size, &wishes.width, &wishes.height, error)
                     : 0;
    if (status < 0)
        return status;
    if (options.architecture)
        return trainer_create(&state->trainer, options.architecture, &wishes, error);
    status = trainer_open(
        &state->trainer, options.model, options.state, (size_t)options.heads, &wishes, error);
    return status < 0 ? status : head_reorder(&state->match, &state->trainer, error);
}

static int settle(const struct run *run, struct training *training, struct error *error)
{
    const struct state *state = run->state;
    const struct trainer *trainer = &state->trainer;
    const bool scratch = options.architecture, residual = is_residual(trainer);
    int status = make_rule(&trainer->model->input, trainer->width, trainer->height,
        &training->rule, &training->crop, error);
    if (status < 0)
        return status;
    training->optimiser = optimiser_defaults;
    training->optimiser.kind = options.optimiser >= 0 ? (enum optimiser_kind)options.optimiser
                               : residual             ? OPTIMISER_SGD
                                                      : OPTIMISER_ADAMW;
    const bool sgd = training->optimiser.kind == OPTIMISER_SGD;
    training->optimiser.decay = said(options.decay, sgd ? 5e-4 : 0.05);
    training->optimiser.momentum = said(options.momentum, 0.9);
    training->optimiser.layer_decay = said(options.layer_decay, scratch || residual ? 1 : 0.75);
    training->optimiser.clip = said(options.clip, 1);
    training->optimiser.ema = options.ema;
    training->lr = said(options.lr, sgd ? (scratch ? 0.1 : 0.01) : (scratch ? 1e-3 : 2e-4));
    training->minimum = said(options.minimum, training->lr / 100);
    training->epochs = options.epochs ? options.epochs : scratch ? 60 : 10;
    training->warmup = said(options.warmup, scratch ? 5 : 1);
    if (options.warmup < 0 && training->warmup > (double)training->epochs / 4)
        training->warmup = (double)training->epochs / 4;
    training->smoothing = said(options.smoothing, 0.1);
    const bool head = trains_head();
    const char *augment = augmentation(scratch && !residual);
    const uint32_t side = trainer->width < trainer->height ? trainer->width : trainer->height;
    training->head_only = head && trainer->features > 0 && strcmp(augment, "none") == 0
                          && options.drop_path <= 0 && options.patch_drop <= 0;
    return augment_parse(&training->augment, augment, side, error);
}

static int train(struct run *run, struct error *error)
{
    struct state *state = run->state;
    struct training training = { .trainer = &state->trainer,
        .data = state->data,
        .validation = state->validation,
        .class_names = state->names,
        .threads = run->threads,
        .workers = 1,
        .batch = options.batch,
        .accumulate = options.accumulate,
        .seed = options.seed,
        .every = options.every,
        .output = run->common.output,
        .log = options.log,
        .half = options.half,
        .resume = options.resume,
        .verbose = run->common.verbose,
        .say = say,
        .argument = run };
    size_t passes = 0;
    int signalled = 0;
    int status = settle(run, &training, error);
    if (status == 0)
        status = state->trainer.prepare(
            &state->trainer, (size_t)options.batch, run->threads, &passes, error);
    if (status == 0)
        status = checkpoint_check(
            run->common.output, state->names, dataset_classes(state->data), error);
    if (status < 0)
        return status;
    char text[256];
    if (!options.architecture && head_said(&state->match, &state->trainer, text))
        say(run, text);
    training_announce(&training, passes);
    training.recipe = training_recipe(
        &training, options.architecture, run->files, run->file_count, run->args);
    training.programs =
        json_pack("{s:s, s:s}", "program", "finetune", "version", SACCADE_VERSION);
    status = training_run(&training, &signalled, error);
    json_decref(training.recipe);
    json_decref(training.programs);
    if (status > 0)
        raise(signalled);
    return status;
}

static int open_finetune(struct run *run, struct error *error)
{
    struct state *state = run->state = calloc(1, sizeof *state);
    if (!state)
        return fail_memory(error, sizeof *state);
    if (!run->common.output)
        return fail(
            error, BAD_USAGE, "where shall the model go? say -o DIR or -o X.safetensors");
    if (run->file_count == 0)
        return fail(
            error, BAD_USAGE, "which pictures? name shards, folders or other data sets");
    if (options.architecture && options.model)
        return fail(error, BAD_USAGE, "--arch begins from nothing, -m from a model: say one");
    signal(SIGXFSZ, SIG_IGN); /* what is over a limit fails to be written, and is said */
    gemm_start();
    int status = checkpoint_reach(run->common.output, error);
    if (status == 0 && !options.architecture)
        status = look_at_base(run, error);
    if (status == 0)
        status = options.classes
                     ? class_names_read(options.classes, &state->wished_names, error)
                     : 0;
    if (status == 0)
        status = class_names_settle(&state->names, options.classes, state->wished_names,
            state->base_names, state->data, error);
    if (status == 0)
        status = open_data(
            run, &state->data, run->files, run->file_count, state->training_side, error);
    if (status == 0)
        status = class_names_settle(&state->names, options.classes, state->wished_names,
            state->base_names, state->data, error);
    if (status == 0 && dataset_classes(state->data) == 1)
        status = fail(error, BAD_USAGE, "one class (%.200s): there is nothing to tell apart",
            state->names[0]);
    if (status == 0)
        status = head_match(&state->match, state->names, dataset_classes(state->data),
            options.classes || class_names_known(state->data), state->base_names, error);
    if (status == 0 && options.validation)
        status = open_data(
            run, &state->validation, &options.validation, 1, state->validation_side, error);
    if (status == 0)
        status = open_trainer(state, error);
    if (status == 0)
        status = train(run, error);
    return status < 0 ? status : 1;
}

static void close_finetune(struct run *run)
{
    struct state *state = run->state;
    if (!state)
        return;
    trainer_close(&state->trainer);
    dataset_close(state->data);
    dataset_close(state->validation);
    free(state->names);
    free(state->match.from);
    json_decref(state->base_names);
    json_decref(state->wished_names);
    free(state);
}

int main(int argc, char **argv)
{
    static const struct stage stage = {
        .name = "finetune",
        .purpose = "reads labelled pictures, trains a ViT or a ResNet, writes a checkpoint",
        .operands = "-o DIR|X.safetensors DATA...\n(DATA: PATH, PATH:train, :test or :val of "
                    "it, - for a shard on standard input)",
        .output = "where the model goes: a directory or X.safetensors",
        .options = rows,
        .flags = STAGE_THREADED | STAGE_OPERANDS | STAGE_TEXT,
        .open = open_finetune,
        .close = close_finetune,
    };
    return stage_main(&stage, &options, argc, argv);
}
