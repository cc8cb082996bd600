#include "common/training.h"
#include "common/headonly.h"
#include "common/loss.h"
#include "common/progress.h"
#include "common/training_log.h"
#include "common/training_start.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH_ROOM = 4096 };

/* What a run holds. */
struct run_state {
    const struct training *training;
    struct optimiser *optimiser;
    size_t classes;
    uint64_t steps;       /* of an epoch */
    uint64_t epoch, step; /* to do next */
    double loss, seconds; /* sums over the epoch's pictures, time spent on them */
    uint64_t right, seen;
    float *logits;   /* [batch, classes]; then their gradients */
    float *averaged; /* the values, while an average takes their place */
    char state[PATH_ROOM];
    FILE *log;
    double state_time;
    /* With head_only: what the head reads of each picture, and of a batch's. */
    float *bank, *validation_bank, *rows;
    bool has_state; /* of this run, or of that which goes on */
};

static volatile sig_atomic_t caught;

static void catch_signal(int signal)
{
    caught = signal;
}

/* A signal that whoever started us ignores, as shells do for jobs behind, stays ignored. */
static void listen_to(int signal, struct sigaction *before)
{
    const struct sigaction on = { .sa_handler = catch_signal };
    sigaction(signal, NULL, before);
    if (before->sa_handler != SIG_IGN)
        sigaction(signal, &on, NULL);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

size_t training_bytes(const struct training *training, size_t passes)
{
    const size_t arenas = 2 + (size_t)(training->optimiser.kind == OPTIMISER_ADAMW ? 2 : 1)
                          + (size_t)(training->optimiser.ema > 0 ? 2 : 0);
    return passes + arenas * training->trainer->params.total * sizeof(float);
}

static void say(const struct run_state *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct run_state *run, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    progress_clear();
    run->training->say(run->training->argument, text);
}

static int write_state(struct run_state *run, struct error *error)
{
    json_t *progress = json_pack("{s:I, s:I, s:f, s:I, s:I, s:f}", "epoch",
        (json_int_t)run->epoch, "step", (json_int_t)run->step, "loss", run->loss, "right",
        (json_int_t)run->right, "seen", (json_int_t)run->seen, "seconds", run->seconds);
    const int status = state_write(run->state, &run->training->trainer->params, run->optimiser,
        run->training->recipe, progress, error);
    json_decref(progress);
    run->state_time = now();
    run->has_state |= status == 0;
    return status;
}

static int read_state(struct run_state *run, struct error *error)
{
    json_t *progress = NULL;
    if (!run->training->resume || access(run->state, F_OK) < 0)
        return 0;
    const int status = state_read(run->state, &run->training->trainer->params, run->optimiser,
        run->training->recipe, &progress, error);
    if (status < 0)
        return status;
    run->epoch = (uint64_t)json_integer_value(json_object_get(progress, "epoch"));
    run->step = (uint64_t)json_integer_value(json_object_get(progress, "step"));
    run->loss = json_number_value(json_object_get(progress, "loss"));
    run->right = (uint64_t)json_integer_value(json_object_get(progress, "right"));
    run->seen = (uint64_t)json_integer_value(json_object_get(progress, "seen"));
    run->seconds = json_number_value(json_object_get(progress, "seconds"));
    json_decref(progress);
    run->has_state = true;
    say(run, "goes on from epoch %llu, step %llu", (unsigned long long)run->epoch + 1,
        (unsigned long long)run->step);
    return 0;
}

static size_t likeliest(const float *logits, size_t classes)
{
    size_t best = 0;
    for (size_t c = 1; c < classes; c++)
        best = logits[c] > logits[best] ? c : best;
    return best;
}

static void count_right(
    struct run_state *run, const float *logits, const uint32_t *labels, size_t count)
{
    for (size_t b = 0; b < count; b++)
        run->right += likeliest(logits + b * run->classes, run->classes) == labels[b];
    run->seen += count;
}

/* One step: the gradients of accumulate batches, then the optimiser's. */
static int take_step(
    struct run_state *run, struct feeder *feeder, uint64_t number, struct error *error)
{
    const struct training *training = run->training;
    struct trainer *trainer = training->trainer;
    struct params *params = &trainer->params;
    const size_t parts = (size_t)training->accumulate;
    const size_t whole = parts * (size_t)training->batch;
    double loss = 0;
    memset(params->gradients, 0, params->total * sizeof *params->gradients);
    for (size_t part = 0; part < parts; part++) {
        struct feeder_batch feed;
        const int status = feeder_next(feeder, &feed, error);
        if (status <= 0)
            return status;
        if (run->bank) {
            headonly_gather(run->bank, trainer->features, &feed, run->rows);
            headonly_forward(trainer, run->rows, feed.count, run->logits);
        } else {
            trainer->forward(
                trainer, feed.inputs, feed.count, number * parts + part, run->logits);
        }
        count_right(run, run->logits, feed.labels, feed.count);
        loss += loss_cross_entropy(
            run->logits, run->logits, feed.targets, feed.count, run->classes, whole);
        if (isfinite(loss) && run->bank)
            headonly_backward(trainer, run->rows, feed.count, run->logits);
        else if (isfinite(loss))
            trainer->backward(trainer, feed.count, run->logits);
    }
    const uint64_t steps = training->epochs * run->steps;
    const double lr = schedule_lr(number, steps,
        (uint64_t)(training->warmup * (double)run->steps), training->lr, training->minimum);
    const double norm =
        isfinite(loss) ? optimiser_step(run->optimiser, params, lr, training->threads) : loss;
    if (!isfinite(loss) || !isfinite(norm))
        return fail(error, BAD_INPUT,
            "the %s is not finite at step %llu of epoch %llu, at rate %g: %s%s: try a lower "
            "--lr",
            isfinite(loss) ? "gradient" : "loss", (unsigned long long)run->step + 1,
            (unsigned long long)run->epoch + 1, lr,
            run->has_state ? "the last state is " : "no state was written yet",
            run->has_state ? run->state : "");
    run->loss += loss * (double)whole;
    return 0;
}

static void show(const struct run_state *run, double began, uint64_t before)
{
    static double shown;
    const struct training *training = run->training;
    const bool terminal = isatty(STDERR_FILENO);
    const double time = now(), interval = terminal ? 0.5 : 30;
    if ((!terminal && !training->verbose) || time - shown < interval || run->seen == before)
        return;
    shown = time;
    const double rate = (double)(run->seen - before) / (time - began);
    const uint64_t all = training->epochs * run->steps;
    const uint64_t done = run->epoch * run->steps + run->step;
    const double each = (double)(training->batch * training->accumulate);
    const unsigned long left = (unsigned long)((double)(all - done) * each / rate);
    char text[200];
    snprintf(text, sizeof text,
        "epoch %llu of %llu, step %llu of %llu, loss %.4f, %.2f%% right, %.0f/s, "
        "%lu:%02lu:%02lu "
        "left",
        (unsigned long long)run->epoch + 1, (unsigned long long)training->epochs,
        (unsigned long long)run->step, (unsigned long long)run->steps,
        run->loss / (double)run->seen, 100.0 * (double)run->right / (double)run->seen, rate,
        left / 3600, left / 60 % 60, left % 60);
    progress_text("finetune", text);
}

/* The values of the average, while they are evaluated or written. */
static int swap_average(struct run_state *run, struct error *error)
{
    struct params *params = &run->training->trainer->params;
    const float *average = optimiser_ema(run->optimiser);
    if (average) {
        memcpy(run->averaged, params->values, params->total * sizeof *params->values);
        memcpy(params->values, average, params->total * sizeof *params->values);
    }
    return run->training->trainer->changed(run->training->trainer, error);
}

static void swap_back(struct run_state *run)
{
    struct params *params = &run->training->trainer->params;
    if (optimiser_ema(run->optimiser))
        memcpy(params->values, run->averaged, params->total * sizeof *params->values);
}

/* The share of the validation pictures that are right, and the mean loss. */
static int validate(struct run_state *run, double *accuracy, double *loss, struct error *error)
{
    const struct training *training = run->training;
    struct trainer *trainer = training->trainer;
    struct feeder *feeder = NULL;
    uint64_t right = 0, seen = 0;
    const struct feeder_wishes wishes = { .dataset = training->validation,
        .rule = training->rule,
        .batch = (size_t)training->batch,
        .workers = training->workers };
    *accuracy = *loss = 0;
    int status = feeder_start(&feeder, &wishes, error);
    while (status == 0 && !caught) {
        struct feeder_batch feed;
        const int got = feeder_next(feeder, &feed, error);
        status = got < 0 ? got : 0;
        if (got <= 0)
            break;
        if (run->validation_bank) {
            headonly_gather(run->validation_bank, trainer->features, &feed, run->rows);
            headonly_forward(trainer, run->rows, feed.count, run->logits);
        } else {
            trainer->evaluate(trainer, feed.inputs, feed.count, run->logits);
        }
        for (size_t b = 0; b < feed.count; b++)
            right += likeliest(run->logits + b * run->classes, run->classes) == feed.labels[b];
        *loss += loss_cross_entropy(
            run->logits, run->logits, feed.targets, feed.count, run->classes, 1);
        seen += feed.count;
    }
    feeder_stop(feeder);
    if (seen > 0) {
        *accuracy = (double)right / (double)seen;
        *loss /= (double)seen;
    }
    return status;
}

static int write_model(struct run_state *run, double accuracy, struct error *error)
{
    const struct training *training = run->training;
    struct trainer *trainer = training->trainer;
    json_t *config = trainer->config(trainer);
    json_t *about = json_deep_copy(training->recipe);
    if (!config || !about)
        return fail_memory(error, 1);
    json_object_update(about, training->programs);
    json_object_set_new(about, "epochs_done", json_integer((json_int_t)run->epoch));
    if (training->validation)
        json_object_set_new(about, "accuracy", json_real(accuracy));
    const struct checkpoint checkpoint = { .path = training->output,
        .params = &trainer->params,
        .values = trainer->params.values,
        .half = training->half,
        .config = config,
        .rule = &training->rule,
        .crop = training->crop,
        .classes = training->class_names,
        .class_count = run->classes,
        .training = about };
    const int status = checkpoint_write(&checkpoint, error);
    json_decref(config);
    json_decref(about);
    return status;
}

static int finish_epoch(struct run_state *run, struct error *error)
{
    const struct training *training = run->training;
    const double trained = (double)run->right / (double)run->seen;
    const double loss = run->loss / (double)run->seen;
    double accuracy = 0, valued = 0;
    run->epoch++;
    run->step = 0;
    int status = swap_average(run, error);
    if (status == 0 && training->validation)
        status = validate(run, &accuracy, &valued, error);
    if (status == 0 && !caught)
        status = write_model(run, accuracy, error);
    swap_back(run);
    if (status < 0 || caught) {
        run->epoch--; /* validated again when it goes on */
        run->step = run->steps;
        return status;
    }
    const double rate = (double)run->seen / run->seconds;
    if (training->validation)
        say(run, "epoch %llu: loss %.4f, %.2f%% right; validation %.4f, %.2f%%; %.0f/s",
            (unsigned long long)run->epoch, loss, 100 * trained, valued, 100 * accuracy, rate);
    else
        say(run, "epoch %llu: loss %.4f, %.2f%% right; %.0f/s", (unsigned long long)run->epoch,
            loss, 100 * trained, rate);
    if (run->log
        && training_log_epoch(run->log, run->epoch, loss, trained,
               training->validation ? &valued : NULL, accuracy, rate, run->seconds)
               < 0)
        return fail_errno(error, "%s", training->log);
    run->loss = run->seconds = 0;
    run->right = run->seen = 0;
    return write_state(run, error);
}

static int run_epoch(struct run_state *run, struct error *error)
{
    const struct training *training = run->training;
    struct feeder *feeder = NULL;
    const struct feeder_wishes wishes = { .dataset = training->data,
        .rule = training->rule,
        .training = true,
        .augment = training->augment,
        .batch = (size_t)training->batch,
        .seed = training->seed,
        .epoch = (uint32_t)run->epoch,
        .first_step = (size_t)(run->step * training->accumulate),
        .smoothing = (float)training->smoothing,
        .workers = training->workers };
    const double began = now(), spent = run->seconds;
    const uint64_t before = run->seen;
    int status = run->step < run->steps ? feeder_start(&feeder, &wishes, error) : 0;
    while (status == 0 && run->step < run->steps && !caught) {
        status = take_step(run, feeder, run->epoch * run->steps + run->step, error);
        if (status < 0)
            break;
        run->step++;
        run->seconds = spent + now() - began;
        show(run, began, before);
        if (now() - run->state_time > training->every && run->step < run->steps)
            status = write_state(run, error);
    }
    feeder_stop(feeder);
    if (status == 0 && !caught)
        status = finish_epoch(run, error);
    return status;
}

/* 0, also where a signal came. */
static int fill_banks(struct run_state *run, struct error *error)
{
    const struct training *training = run->training;
    struct feeder_wishes wishes = { .dataset = training->data,
        .rule = training->rule,
        .batch = (size_t)training->batch,
        .workers = training->workers };
    run->rows = calloc((size_t)training->batch, training->trainer->features * sizeof(float));
    if (!run->rows)
        return fail_memory(error, (size_t)training->batch * sizeof(float));
    int status = headonly_read(training->trainer, &wishes, &caught, &run->bank, error);
    wishes.dataset = training->validation;
    if (status == 0 && training->validation)
        status =
            headonly_read(training->trainer, &wishes, &caught, &run->validation_bank, error);
    return status < 0 ? status : 0;
}

static int begin(struct run_state *run, struct error *error)
{
    const struct training *training = run->training;
    const struct params *params = &training->trainer->params;
    const size_t whole = (size_t)(training->batch * training->accumulate);
    run->classes = training->trainer->classes;
    run->steps = dataset_count(training->data) / whole;
    if (run->steps == 0)
        return fail(error, BAD_USAGE,
            "%zu pictures are less than one batch of %zu: say a smaller one, as -b %zu",
            dataset_count(training->data), whole,
            dataset_count(training->data) < 16 ? (size_t)1 : (size_t)16);
    run->logits = calloc((size_t)training->batch * run->classes, sizeof *run->logits);
    run->averaged = training->optimiser.ema > 0 ? calloc(params->total, sizeof(float)) : NULL;
    if (!run->logits || (training->optimiser.ema > 0 && !run->averaged))
        return fail_memory(error, params->total * sizeof(float));
    int status = training_state_path(run->state, PATH_ROOM, training->output, error);
    if (status == 0)
        status = training_look(training, run->state, error);
    if (status == 1) {
        run->epoch = training->epochs;
        return 0;
    }
    if (status == 0)
        status = optimiser_open(&run->optimiser, params, &training->optimiser, error);
    if (status == 0)
        status = read_state(run, error);
    if (status == 0 && training->head_only)
        status = fill_banks(run, error);
    if (status == 0 && training->log)
        status = training_log_open(
            &run->log, training->log, run->epoch, run->epoch > 0 || run->step > 0, error);
    run->state_time = now();
    return status;
}

int training_run(const struct training *training, int *signal, struct error *error)
{
    struct run_state run = { .training = training };
    struct sigaction interrupted, ended;
    caught = 0;
    listen_to(SIGINT, &interrupted);
    listen_to(SIGTERM, &ended);
    int status = begin(&run, error);
    while (status == 0 && run.epoch < training->epochs && !caught)
        status = run_epoch(&run, error);
    if (status == 0 && caught && run.optimiser)
        status = write_state(&run, error);
    if (status == 0 && caught && run.optimiser)
        say(&run, "stopped in epoch %llu; --resume goes on", (unsigned long long)run.epoch + 1);
    if (status == 0 && !caught)
        unlink(run.state);
    sigaction(SIGINT, &interrupted, NULL);
    sigaction(SIGTERM, &ended, NULL);
    *signal = caught;
    if (run.log && fclose(run.log) != 0 && status == 0)
        status = fail_errno(error, training->log);
    optimiser_free(run.optimiser);
    free(run.logits);
    free(run.averaged);
    free(run.bank);
    free(run.validation_bank);
    free(run.rows);
    return status < 0 ? status : caught != 0;
}
