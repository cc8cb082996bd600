/*
 * Training of ResNets against PyTorch: tests/data/train/resnet/CASE holds what it makes of
 * a checkpoint of tests/data/resnet in train(): logits, the gradient of every parameter,
 * running statistics (tests/oracle/train_resnet.py). Then the same bytes from any number of
 * threads, frozen layers, new networks, and what is folded.
 */
#include "common/gemm.h"
#include "common/resnet_train.h"
#include "tests/numbers.h"
#include "tests/reference.h"

#include <stdio.h>

#define ROOT "tests/data/train/resnet"
enum { MAX_CASES = 16 };

static char cases[MAX_CASES][64];
static int case_count;

/* One network in training. */
struct training {
    struct resnet resnet;
    struct params params;
    struct resnet_trainer *trainer;
    struct threads *threads;
    size_t batch, height, width, classes;
    float *pixels, *seeds, *logits;
    const float **inputs;
};

static void expect_ok(int status, const struct error *error)
{
    ck_assert_msg(status == 0, "%s", error->text);
}

static void make_batch(struct training *t, unsigned seed)
{
    const size_t pixels = 3 * t->height * t->width;
    t->classes = t->resnet.model.classes;
    t->pixels = malloc(t->batch * pixels * sizeof(float));
    t->seeds = malloc(t->batch * t->classes * sizeof(float));
    t->logits = malloc(t->batch * t->classes * sizeof(float));
    t->inputs = malloc(t->batch * sizeof *t->inputs);
    ck_assert(t->pixels && t->seeds && t->logits && t->inputs);
    fill(t->pixels, t->batch * pixels, seed, 1.5f);
    fill(t->seeds, t->batch * t->classes, seed + 1000, 1);
    for (size_t b = 0; b < t->batch; b++)
        t->inputs[b] = t->pixels + b * pixels;
}

static size_t get(const json_t *json, const char *key)
{
    return (size_t)json_integer_value(json_object_get(json, key));
}

static void begin(struct training *t, size_t threads)
{
    struct error error;
    expect_ok(threads_create(&t->threads, threads, &error), &error);
    expect_ok(
        resnet_train_prepare(t->trainer, t->batch, t->height, t->width, t->threads, &error),
        &error);
}

static void open_case(struct training *t, const char *name, size_t threads)
{
    char path[256];
    struct error error;
    json_t *json = load_case(ROOT, name);
    memset(t, 0, sizeof *t);
    snprintf(path, sizeof path, "tests/data/resnet/%s",
        json_string_value(json_object_get(json, "checkpoint")));
    expect_ok(resnet_open(&t->resnet, path, NULL, &error), &error);
    expect_ok(resnet_trainer_open(&t->trainer, &t->resnet, &t->params, &error), &error);
    for (size_t i = 0; i < t->params.count; i++)
        if (t->params.items[i].depth < get(json, "frozen"))
            t->params.items[i].trained = false;
    t->batch = get(json, "batch");
    t->height = get(json, "height");
    t->width = get(json, "width");
    make_batch(t, (unsigned)get(json, "seed"));
    begin(t, threads);
    json_decref(json);
}

static void drop(struct training *t)
{
    resnet_trainer_free(t->trainer);
    params_free(&t->params);
    resnet_close(&t->resnet);
    threads_free(t->threads);
    free(t->pixels);
    free(t->seeds);
    free(t->logits);
    free(t->inputs);
}

static void step(struct training *t)
{
    resnet_train_forward(t->trainer, t->inputs, t->batch, t->logits);
    resnet_train_backward(t->trainer, t->batch, t->seeds);
}

/* An array of the reference, checked against ours. */
static void expect_tensor(
    const struct tensors *tensors, const char *name, const float *ours, size_t count)
{
    const struct tensor *tensor = tensors_find(tensors, name);
    ck_assert_msg(tensor, "%s is not in the reference", name);
    ck_assert_uint_eq(tensor->count, count);
    float *values = malloc(count * sizeof *values);
    ck_assert_ptr_nonnull(values);
    tensor_to_floats(tensor, values);
    const double off = difference(ours, values, count, true);
    ck_assert_msg(off <= 1e-4, "%s: off by %.3g of the largest", name, off);
    free(values);
}

START_TEST(as_pytorch)
{
    struct training t;
    struct tensors tensors = { 0 };
    struct error error;
    char path[256];
    size_t compared = 0;
    open_case(&t, cases[_i], 2);
    snprintf(path, sizeof path, ROOT "/%s/train.safetensors", cases[_i]);
    expect_ok(safetensors_add(&tensors, path, &error), &error);
    step(&t);
    expect_tensor(&tensors, "logits", t.logits, t.batch * t.classes);
    for (size_t i = 0; i < t.params.count; i++) {
        const struct param *param = &t.params.items[i];
        const bool running = strstr(param->name, "running_") != NULL;
        float *values = malloc(param->count * sizeof *values);
        ck_assert_ptr_nonnull(values);
        param_export(
            param, (running ? t.params.values : t.params.gradients) + param->at, values);
        if (param->trained || running) {
            expect_tensor(&tensors, param->name, values, param->count);
            compared++;
        } else {
            for (size_t k = 0; k < param->count; k++)
                ck_assert(values[k] == 0);
        }
        free(values);
    }
    ck_assert_uint_eq(compared + 1, tensors.count);
    tensors_free(&tensors);
    drop(&t);
}
END_TEST

/* Another training of the same case, its trained parameters as which says. */
static void open_frozen(struct training *t, const char *name, size_t frozen, bool through)
{
    struct error error;
    open_case(t, name, 1);
    for (size_t i = 0; i < t->params.count; i++) {
        struct param *param = &t->params.items[i];
        const bool running = strstr(param->name, "running_") != NULL;
        param->trained = !running && param->depth >= frozen;
        if (through && i == 0) /* the stem's first weight */
            param->trained = true;
    }
    expect_ok(
        resnet_train_prepare(t->trainer, t->batch, t->height, t->width, t->threads, &error),
        &error);
    step(t);
}

/* What is above the lowest trained parameter doesn't depend on how far down the pass goes, and
 * what is below it has no gradient and keeps its statistics. */
START_TEST(frozen)
{
    for (size_t depth = 0; depth < 7; depth++) {
        struct training whole, part;
        open_frozen(&part, cases[_i], depth, false);
        open_frozen(&whole, cases[_i], depth, true);
        ck_assert_mem_eq(part.logits, whole.logits, part.batch * part.classes * sizeof(float));
        for (size_t i = 0; i < part.params.count; i++) {
            const struct param *param = &part.params.items[i];
            const float *gradients = part.params.gradients + param->at;
            const size_t size = param->count * sizeof(float);
            ck_assert_mem_eq(
                part.params.values + param->at, whole.params.values + param->at, size);
            for (size_t k = 0; k < param->count && !param->trained; k++)
                ck_assert(gradients[k] == 0);
            if (param->trained)
                ck_assert_mem_eq(gradients, whole.params.gradients + param->at, size);
        }
        drop(&part);
        drop(&whole);
    }
}
END_TEST

/* Only a projection, only a norm, only a convolution in the middle of a block, only the head,
 * nothing: the same bytes as where all weights are trained. */
START_TEST(alone)
{
    static const char *const names[] = { "layer2.0.downsample.1.weight",
        "layer2.0.conv2.weight", "layer2.0.conv3.weight", "layer1.0.conv1.weight",
        "conv1.3.weight", "conv1.6.weight", "fc.weight", "fc.bias", "none" };
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        struct training all, one;
        struct error error;
        for (int which = 0; which < 2; which++) { /* no norm is trained: all recall */
            struct training *t = which ? &one : &all;
            open_case(t, "timm-bottleneck-d", 1);
            ck_assert(params_find(&t->params, names[n]) || strcmp(names[n], "none") == 0);
            for (size_t i = 0; i < t->params.count; i++) {
                struct param *param = &t->params.items[i];
                param->trained = which ? strcmp(param->name, names[n]) == 0
                                       : param->rank > 1 || param->shape[0] == t->classes;
            }
            expect_ok(resnet_train_prepare(
                          t->trainer, t->batch, t->height, t->width, t->threads, &error),
                &error);
            step(t);
        }
        ck_assert_mem_eq(all.logits, one.logits, all.batch * all.classes * sizeof(float));
        for (size_t i = 0; i < one.params.count; i++) {
            const struct param *param = &one.params.items[i];
            const float *gradients = one.params.gradients + param->at;
            for (size_t k = 0; k < param->count; k++)
                ck_assert(
                    gradients[k] == (param->trained ? all.params.gradients[param->at + k] : 0));
        }
        drop(&all);
        drop(&one);
    }
}
END_TEST

/* Gradients are added; fewer pictures than were prepared for are as if prepared for. */
START_TEST(batches)
{
    struct training t, small;
    struct error error;
    open_case(&t, cases[_i], 2);
    open_case(&small, cases[_i], 2);
    t.batch = small.batch = 3;
    expect_ok(resnet_train_prepare(
                  small.trainer, 3, small.height, small.width, small.threads, &error),
        &error);
    step(&t);
    step(&small);
    ck_assert_mem_eq(t.logits, small.logits, 3 * t.classes * sizeof(float));
    ck_assert_mem_eq(
        t.params.gradients, small.params.gradients, t.params.total * sizeof(float));
    for (size_t i = 0; i < t.params.total; i++)
        t.params.gradients[i] *= 2;
    step(&small);
    for (size_t i = 0; i < t.params.total; i++)
        expect_near((double)small.params.gradients[i], (double)t.params.gradients[i],
            1e-5 * fabs((double)t.params.gradients[i]) + 1e-5, "twice", i);
    drop(&t);
    drop(&small);
}
END_TEST

START_TEST(same_bytes)
{
    struct training one, other;
    for (size_t threads = 1; threads <= 3; threads++) {
        open_case(&one, cases[_i], 1);
        open_case(&other, cases[_i], threads);
        step(&one);
        step(&other);
        step(&one);
        step(&other);
        const size_t size = one.params.total * sizeof(float);
        ck_assert_mem_eq(one.logits, other.logits, one.batch * one.classes * sizeof(float));
        ck_assert_mem_eq(one.params.gradients, other.params.gradients, size);
        ck_assert_mem_eq(one.params.values, other.params.values, size);
        drop(&one);
        drop(&other);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resnet_train");
    TCase *tcase = tcase_create("resnet_train");
    gemm_start();
    case_count = list_cases(ROOT, cases, MAX_CASES);
    tcase_add_loop_test(tcase, as_pytorch, 0, case_count);
    tcase_add_loop_test(tcase, frozen, 0, case_count);
    tcase_add_test(tcase, alone);
    tcase_add_loop_test(tcase, batches, 0, case_count);
    tcase_add_loop_test(tcase, same_bytes, 0, case_count);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
