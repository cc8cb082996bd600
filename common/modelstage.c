#include "common/modelstage.h"
#include "common/gemm.h"

#include <stdlib.h>
#include <string.h>

int modelstage_open(struct run *run, struct modelstage *stage, struct error *error)
{
    const char *kernels = gemm_start();
    if (run->common.verbose)
        run_warn(
            run, NULL, "BLIS kernels %s, %zu threads", kernels, threads_count(run->threads));
    run->model_name = strdup(stage->model->name);
    stage->scratch = calloc(stage->batch, sizeof *stage->scratch);
    stage->inputs = calloc(stage->batch, sizeof *stage->inputs);
    stage->data = calloc(stage->batch, sizeof *stage->data);
    stage->wanted = calloc(stage->batch, sizeof *stage->wanted);
    return run->model_name && stage->scratch && stage->inputs && stage->data && stage->wanted
               ? 0
               : fail_memory(error, stage->batch * sizeof *stage->inputs);
}

int modelstage_size(struct modelstage *stage, const char *text, size_t patch_columns,
    size_t patch_rows, struct error *error)
{
    struct view_wishes *wishes = &stage->wishes;
    if (!text)
        return 0;
    const int status = parse_size("--size", text, &wishes->width, &wishes->height, error);
    if (status < 0)
        return status;
    wishes->set = SET_SIZE;
    if (wishes->width % patch_columns || wishes->height % patch_rows)
        return fail(error, BAD_USAGE, "--size %s: takes multiples of the patch, %zux%zu", text,
            patch_columns, patch_rows);
    return 0;
}

void modelstage_close(struct modelstage *stage)
{
    for (size_t b = 0; stage->scratch && b < stage->batch; b++)
        free(stage->scratch[b].bytes);
    free(stage->scratch);
    free(stage->inputs);
    free(stage->data);
    free(stage->wanted);
}

void modelstage_drop_old(struct sample *sample, bool keep)
{
    static const char *const old[] = { "logits.npy", "attn*", "tokens*", "act*", "model.json" };
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        sample_drop(sample, old[i]);
    if (!keep)
        sample_drop(sample, "input.npy");
}

/* The tasks of one batch: pictures are decoded and resized side by side. */
struct fitting {
    struct run *run;
    struct modelstage *stage;
    struct sample *const *samples;
    int *status;
    struct error *errors;
};

/* A sample's input as the model takes it, and its target, or why it can't. */
static int fit_input(const struct fitting *fitting, size_t i, struct error *error)
{
    struct modelstage *stage = fitting->stage;
    struct sample *sample = fitting->samples[i];
    struct floats *input = &stage->inputs[i];
    int status =
        input_fit(sample, &stage->model->input, &stage->wishes, stage->max_pixels, error);
    if (status == 0)
        status = sample_floats(sample, "input.npy", 3, input, &stage->scratch[i], error);
    if (status < 0)
        return status;
    status = stage->fits(fitting->run, input->shape, error);
    if (status < 0)
        return status;
    return target_of_sample(&stage->target, stage->model, sample, &stage->wanted[i], error);
}

static void fit_task(void *argument, size_t i, size_t worker)
{
    struct fitting *fitting = argument;
    (void)worker;
    fitting->status[i] = fit_input(fitting, i, &fitting->errors[i]);
}

/* Runs of samples whose inputs have one size go through together. */
static int forward_runs(struct run *run, const struct modelstage *stage, struct sample **good,
    size_t count, struct error *error)
{
    int status = 0;
    for (size_t first = 0, next; first < count && status == 0; first = next) {
        const size_t *shape = stage->inputs[first].shape;
        for (next = first + 1; next < count; next++)
            if (memcmp(shape, stage->inputs[next].shape, 3 * sizeof *shape) != 0)
                break;
        const struct batch batch = { good + first, stage->data + first, stage->wanted + first,
            next - first, shape[1], shape[2] };
        status = stage->forward(run, &batch, error);
    }
    return status;
}

static int keep_good(struct run *run, const struct fitting *fitting, size_t count,
    struct sample **good, size_t *good_count, struct error *error)
{
    struct modelstage *stage = fitting->stage;
    for (size_t i = 0; i < count; i++) {
        if (fitting->status[i] < 0) {
            /* Only the first sample ends a run, whatever the size of its batch. */
            const int kind =
                i > 0 && fitting->status[i] == BAD_USAGE ? BAD_SAMPLE : fitting->status[i];
            const int status = run_reject(run, fitting->samples[i], kind, &fitting->errors[i]);
            if (status < 0) {
                *error = fitting->errors[i];
                return status;
            }
            continue;
        }
        const size_t to = (*good_count)++;
        stage->inputs[to] = stage->inputs[i];
        stage->data[to] = stage->inputs[i].data;
        stage->wanted[to] = stage->wanted[i];
        good[to] = fitting->samples[i];
    }
    return 0;
}

size_t modelstage_batch(const struct run *run)
{
    return ((const struct modelstage *)run->state)->batch;
}

bool modelstage_serves(struct modelstage *stage, const struct batch *batch)
{
    if (batch->height == stage->height && batch->width == stage->width
        && batch->count <= stage->count)
        return true;
    stage->height = batch->height;
    stage->width = batch->width;
    stage->count = batch->count;
    return false;
}

int modelstage_samples(
    struct run *run, struct sample *const *samples, size_t count, struct error *error)
{
    struct modelstage *stage = run->state;
    struct fitting fitting = { run, stage, samples, calloc(count, sizeof(int)),
        calloc(count, sizeof(struct error)) };
    struct sample **good = calloc(count, sizeof *good);
    size_t good_count = 0;
    int status = fitting.status && fitting.errors && good ? 0 : fail_memory(error, count);
    if (status == 0)
        threads_run(run->threads, count, fit_task, &fitting);
    if (status == 0)
        status = keep_good(run, &fitting, count, good, &good_count, error);
    if (status == 0)
        status = forward_runs(run, stage, good, good_count, error);
    free(fitting.status);
    free(fitting.errors);
    free(good);
    return status;
}
