/*
 * Ten steps of AdamW and of SGD through the trainer, as finetune takes them, against what torch
 * makes of the same weights and batches in float64 (tests/oracle/train_run.py).
 */
#include "common/gemm.h"
#include "common/loss.h"
#include "common/optimiser.h"
#include "common/trainer.h"
#include "formats/tensors.h"
#include "tests/numbers.h"
#include "tests/reference.h"

#define ROOT "tests/data/train_run"
enum { MAX_CASES = 16, STEPS = 10, MAX_BATCH = 8 };

static char cases[MAX_CASES][64];

struct trial {
    json_t *about;
    struct trainer trainer;
    struct optimiser *optimiser;
    struct threads *threads;
    size_t batch, classes, pixels; /* of a picture */
    float *inputs, *targets, *logits;
    const float *pictures[MAX_BATCH];
};

static double number(const struct trial *trial, const char *key)
{
    return json_number_value(json_object_get(trial->about, key));
}

static const char *text(const struct trial *trial, const char *key)
{
    return json_string_value(json_object_get(trial->about, key));
}

static void expect_ok(int status, const struct error *error)
{
    ck_assert_msg(status == 0, "%s", error->text);
}

static void begin(struct trial *trial, const char *name)
{
    char path[256];
    struct error error = { 0 };
    size_t bytes;
    *trial = (struct trial){ .about = load_case(ROOT, name) };
    trial->batch = (size_t)number(trial, "batch");
    trial->classes = (size_t)number(trial, "classes");
    const struct train_wishes wishes = { .classes = trial->classes,
        .height = (uint32_t)number(trial, "height"),
        .width = (uint32_t)number(trial, "width") };
    trial->pixels = (size_t)wishes.height * wishes.width * 3;
    struct optimiser_wishes steps = optimiser_defaults;
    steps.kind = strcmp(text(trial, "kind"), "sgd") == 0 ? OPTIMISER_SGD : OPTIMISER_ADAMW;
    steps.decay = number(trial, "decay");
    steps.clip = number(trial, "clip");
    trial->inputs = calloc(trial->batch * trial->pixels, sizeof(float));
    trial->targets = calloc(trial->batch * trial->classes, sizeof(float));
    trial->logits = calloc(trial->batch * trial->classes, sizeof(float));
    for (size_t b = 0; b < trial->batch; b++)
        trial->pictures[b] = trial->inputs + b * trial->pixels;
    snprintf(path, sizeof path, "tests/data/%s", text(trial, "checkpoint"));
    expect_ok(trainer_open(&trial->trainer, path, NULL, 0, &wishes, &error), &error);
    ck_assert(!trial->trainer.new_head);
    expect_ok(threads_create(&trial->threads, 2, &error), &error);
    expect_ok(
        trial->trainer.prepare(&trial->trainer, trial->batch, trial->threads, &bytes, &error),
        &error);
    expect_ok(
        optimiser_open(&trial->optimiser, &trial->trainer.params, &steps, &error), &error);
}

static void end(struct trial *trial)
{
    optimiser_free(trial->optimiser);
    trainer_close(&trial->trainer);
    threads_free(trial->threads);
    free(trial->inputs);
    free(trial->targets);
    free(trial->logits);
    json_decref(trial->about);
}

static double take_step(struct trial *trial, size_t step)
{
    struct trainer *trainer = &trial->trainer;
    struct params *params = &trainer->params;
    fill(trial->inputs, trial->batch * trial->pixels, (unsigned)step + 1, 1.5f);
    memset(trial->targets, 0, trial->batch * trial->classes * sizeof *trial->targets);
    for (size_t b = 0; b < trial->batch; b++)
        loss_add_target(trial->targets + b * trial->classes, trial->classes,
            (step + 3 * b) % trial->classes, 1, number(trial, "smoothing"));
    memset(params->gradients, 0, params->total * sizeof *params->gradients);
    trainer->forward(trainer, trial->pictures, trial->batch, step, trial->logits);
    const double loss = loss_cross_entropy(trial->logits, trial->logits, trial->targets,
        trial->batch, trial->classes, trial->batch);
    trainer->backward(trainer, trial->batch, trial->logits);
    optimiser_step(trial->optimiser, params, number(trial, "lr"), trial->threads);
    return loss;
}

/*
 * The bias of the keys takes no part in attention: its gradient is rounding, which AdamW brings
 * to its full rate. So the second third of a qkv.bias is not compared.
 */
static double apart(const struct param *param, float *ours, float *theirs)
{
    const char *name = strstr(param->name, "qkv.bias");
    const size_t third = param->count / 3;
    if (name) {
        memset(ours + third, 0, third * sizeof *ours);
        memset(theirs + third, 0, third * sizeof *theirs);
    }
    return difference(ours, theirs, param->count, true);
}

static void compare(const struct trial *trial, const struct tensors *after)
{
    for (size_t i = 0; i < trial->trainer.params.count; i++) {
        const struct param *param = &trial->trainer.params.items[i];
        const struct tensor *tensor = tensors_find(after, param->name);
        ck_assert_msg(tensor, "%s is not in the reference", param->name);
        ck_assert_uint_eq(tensor->count, param->count);
        float *ours = malloc(param->count * sizeof *ours);
        float *theirs = malloc(param->count * sizeof *theirs);
        param_export(param, trial->trainer.params.values + param->at, ours);
        tensor_to_floats(tensor, theirs);
        const double off = apart(param, ours, theirs);
        if (getenv("PRINT"))
            printf("%s %.1e\n", param->name, off);
        ck_assert_msg(off < 1e-4, "%s: off by %.3g of the largest", param->name, off);
        free(ours);
        free(theirs);
    }
}

START_TEST(as_torch)
{
    struct trial trial;
    struct tensors after = { 0 };
    struct error error;
    char path[256];
    begin(&trial, cases[_i]);
    const json_t *losses = json_object_get(trial.about, "losses");
    for (size_t step = 0; step < STEPS; step++)
        ck_assert_double_eq_tol(
            take_step(&trial, step), json_number_value(json_array_get(losses, step)), 1e-5);
    snprintf(path, sizeof path, ROOT "/%s/after.safetensors", cases[_i]);
    expect_ok(safetensors_add(&after, path, &error), &error);
    compare(&trial, &after);
    tensors_free(&after);
    end(&trial);
}
END_TEST

int main(void)
{
    gemm_start();
    TCase *tests = tcase_create("ten steps");
    Suite *suite = suite_create("train run");
    const int count = list_cases(ROOT, cases, MAX_CASES);
    tcase_add_loop_test(tests, as_torch, 0, count);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed || count == 0;
}
