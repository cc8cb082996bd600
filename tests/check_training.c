/*
 * Every model of tests/data/vit and tests/data/resnet as a base: what is trained from it, and
 * written, is opened by what runs models, and gives the logits that training saw.
 */
#include "common/checkpoint.h"
#include "common/gemm.h"
#include "common/headonly.h"
#include "common/resnet.h"
#include "common/trainer.h"
#include "tests/folder.h"
#include "tests/reference.h"
#include "common/vit.h"

#include <string.h>

#define VIT "tests/data/vit"
#define RESNET "tests/data/resnet"
enum { MAX_CASES = 80, MAX_BATCH = 4, STEPS = 3 };

static char cases[2][MAX_CASES][64];
static int counts[2];

struct trial {
    const char *root, *name;
    struct trainer trainer;
    struct threads *threads;
    struct array input;
    size_t batch, classes;
    const float *inputs[MAX_BATCH];
    float *logits; /* [batch, classes] */
    struct error error;
};

/* Its heads are said where no file says them. false: it can't be trained, as is said. */
static bool open_trial(struct trial *trial, const char *root, const char *name, size_t classes)
{
    char path[256];
    const json_t *json = load_case(root, name);
    const char *file = json_string_value(json_object_get(json, "file"));
    const json_t *config = json_object_get(json, "config");
    *trial = (struct trial){ .root = root, .name = name };
    ck_assert(load(&trial->input, root, name, "input.npy"));
    const size_t *shape = trial->input.npy.shape;
    const json_t *own = json_object_get(config ? config : json, "classes");
    trial->batch = shape[0];
    trial->classes = classes ? classes : (size_t)json_integer_value(own);
    for (size_t b = 0; b < trial->batch; b++)
        trial->inputs[b] = trial->input.data + b * shape[1] * shape[2] * shape[3];
    snprintf(path, sizeof path, "%s/%s%s%s", root, name,
        file && strcmp(root, RESNET) == 0 ? "/" : "",
        file && strcmp(root, RESNET) == 0 ? file : "");
    const struct train_wishes wishes = {
        .classes = trial->classes, .height = (uint32_t)shape[2], .width = (uint32_t)shape[3]
    };
    int status = trial->classes == 0
                     ? BAD_USAGE
                     : trainer_open(&trial->trainer, path, NULL, 0, &wishes, &trial->error);
    if (status == BAD_USAGE && strstr(trial->error.text, "--num-heads"))
        status = trainer_open(&trial->trainer, path, NULL,
            (size_t)json_integer_value(json_object_get(config, "heads")), &wishes,
            &trial->error);
    json_decref((json_t *)json);
    if (status < 0)
        return false;
    size_t bytes;
    trial->logits = calloc(trial->batch * trial->classes, sizeof(float));
    ck_assert(threads_create(&trial->threads, 2, &trial->error) == 0);
    ck_assert_msg(trial->trainer.prepare(
                      &trial->trainer, trial->batch, trial->threads, &bytes, &trial->error)
                      == 0,
        "%s", trial->error.text);
    return true;
}

static void close_trial(struct trial *trial)
{
    trainer_close(&trial->trainer);
    threads_free(trial->threads);
    unload(&trial->input);
    free(trial->logits);
}

static void evaluate(struct trial *trial)
{
    struct trainer *trainer = &trial->trainer;
    ck_assert(trainer->changed(trainer, &trial->error) == 0);
    trainer->evaluate(trainer, trial->inputs, trial->batch, trial->logits);
}

/* Down the gradient of the sum of squares of the logits less 1: everything moves. */
static void train(struct trial *trial)
{
    struct params *params = &trial->trainer.params;
    for (uint64_t step = 0; step < STEPS; step++) {
        memset(params->gradients, 0, params->total * sizeof(float));
        trial->trainer.forward(
            &trial->trainer, trial->inputs, trial->batch, step, trial->logits);
        for (size_t i = 0; i < trial->batch * trial->classes; i++)
            trial->logits[i] -= 1;
        trial->trainer.backward(&trial->trainer, trial->batch, trial->logits);
        double norm = 0;
        for (size_t i = 0; i < params->total; i++)
            norm += (double)params->gradients[i] * (double)params->gradients[i];
        for (size_t i = 0; i < params->total; i++)
            params->values[i] -= (float)(0.1 / (1e-6 + sqrt(norm))) * params->gradients[i];
    }
}

/* A head by itself gives the whole model's logits, and of a ViT, whose training computes as in
 * use, the gradients. */
static void check_head(struct trial *trial)
{
    struct trainer *trainer = &trial->trainer;
    if (trainer->features == 0)
        return;
    const size_t count = trial->batch * trial->classes;
    const struct param *weight = trainer->head_weight;
    float *rows = calloc(trial->batch, trainer->features * sizeof *rows);
    float *logits = calloc(count, sizeof *logits);
    float *whole = calloc(weight->count, sizeof *whole);
    float *gradients = trainer->params.gradients;
    evaluate(trial);
    trainer->read(trainer, trial->inputs, trial->batch, rows);
    headonly_forward(trainer, rows, trial->batch, logits);
    ck_assert_msg(difference(logits, trial->logits, count, true) < 1e-5, "%s: the head alone",
        trial->name);
    trainer->forward(trainer, trial->inputs, trial->batch, 0, trial->logits);
    memset(gradients, 0, trainer->params.total * sizeof *gradients);
    trainer->backward(trainer, trial->batch, trial->logits);
    memcpy(whole, gradients + weight->at, weight->count * sizeof *whole);
    memset(gradients, 0, trainer->params.total * sizeof *gradients);
    headonly_backward(trainer, rows, trial->batch, logits);
    if (trainer->kind == TRAINS_VIT)
        ck_assert_msg(difference(gradients + weight->at, whole, weight->count, true) < 1e-4,
            "%s: the gradients of the head alone", trial->name);
    free(rows);
    free(logits);
    free(whole);
}

static void save(struct trial *trial, const char *path)
{
    struct trainer *trainer = &trial->trainer;
    struct view_rule rule = trainer->model->input.rule;
    double crop = trainer->model->input.crop;
    rule.width = rule.resize_width = trainer->width;
    rule.height = rule.resize_height = trainer->height;
    for (size_t i = 0; i < 3; i++)
        rule.std[i] = rule.std[i] > 0 ? rule.std[i] : 0.5f;
    checkpoint_settle_rule(&rule, &crop);
    json_t *config = trainer->config(trainer), *about = json_object();
    const struct checkpoint checkpoint = { .path = path,
        .params = &trainer->params,
        .values = trainer->params.values,
        .config = config,
        .rule = &rule,
        .crop = crop,
        .class_count = trial->classes,
        .training = about };
    ck_assert_msg(checkpoint_check(path, NULL, 0, &trial->error) == 0
                      && checkpoint_write(&checkpoint, &trial->error) == 0,
        "%s: %s", trial->name, trial->error.text);
    json_decref(config);
    json_decref(about);
}

static void run_vit(struct trial *trial, const char *path, float *logits)
{
    struct vit vit;
    struct vit_pass *pass = NULL;
    float *rows[MAX_BATCH];
    const struct vit_wishes wishes = { NULL, 0 };
    const struct vit_plan plan = { .batch = trial->batch,
        .height = trial->trainer.height,
        .width = trial->trainer.width,
        .lowest = VIT_NO_GRADIENT };
    for (size_t b = 0; b < trial->batch; b++)
        rows[b] = logits + b * trial->classes;
    const struct vit_outputs outputs = { .logits = rows };
    ck_assert_msg(vit_open(&vit, path, &wishes, &trial->error) == 0, "%s: %s", trial->name,
        trial->error.text);
    ck_assert_uint_eq(vit.model.classes, trial->classes);
    ck_assert(vit_prepare(&vit, &pass, &plan, trial->threads, &trial->error) == 0);
    vit_forward(&vit, pass, trial->inputs, trial->batch, &outputs);
    vit_pass_free(pass);
    vit_close(&vit);
}

static void run_resnet(struct trial *trial, const char *path, float *logits)
{
    struct resnet resnet;
    struct resnet_pass *pass = NULL;
    ck_assert_msg(resnet_open(&resnet, path, NULL, &trial->error) == 0, "%s: %s", trial->name,
        trial->error.text);
    ck_assert_uint_eq(resnet.model.classes, trial->classes);
    ck_assert(resnet_prepare(&resnet, &pass, trial->batch, trial->trainer.height,
                  trial->trainer.width, RESNET_KEEP_NONE, trial->threads, &trial->error)
              == 0);
    float **none = calloc((1 + resnet.block_count) * trial->batch, sizeof *none);
    resnet_forward(&resnet, pass, trial->inputs, trial->batch, logits, none);
    free(none);
    resnet_pass_free(pass);
    resnet_close(&resnet);
}

static void check_trained(const char *root, const char *name, size_t classes)
{
    struct trial trial;
    if (!open_trial(&trial, root, name, classes)) {
        const char *said = trial.error.text;
        ck_assert_msg(
            strstr(said, "can't be saved") || trial.classes == 0, "%s: %s", name, said);
        close_trial(&trial);
        return;
    }
    const size_t count = trial.batch * trial.classes;
    float *before = calloc(count, sizeof *before), *after = calloc(count, sizeof *after);
    evaluate(&trial);
    memcpy(before, trial.logits, count * sizeof *before);
    struct array reference;
    if (!trial.trainer.new_head && !trial.trainer.note
        && load(&reference, root, name, "logits.npy")) {
        const double apart = difference(before, reference.data, count, true);
        ck_assert_msg(apart < 1e-4, "%s: as a base its logits are off by %g", name, apart);
        unload(&reference);
    }
    train(&trial);
    check_head(&trial);
    evaluate(&trial);
    ck_assert_msg(
        difference(before, trial.logits, count, true) > 1e-3, "%s: learns nothing", name);
    char path[256];
    snprintf(path, sizeof path, "%s", inside("%s", name));
    save(&trial, path);
    if (strcmp(root, VIT) == 0)
        run_vit(&trial, path, after);
    else
        run_resnet(&trial, path, after);
    const double apart = difference(after, trial.logits, count, true);
    ck_assert_msg(apart < 1e-5, "%s: logits of the written model are off by %g", name, apart);
    free(before);
    free(after);
    close_trial(&trial);
}

START_TEST(vit_with_a_new_head)
{
    check_trained(VIT, cases[0][_i], 2);
}
END_TEST

START_TEST(vit_with_its_own_head)
{
    check_trained(VIT, cases[0][_i], 0);
}
END_TEST

START_TEST(resnet_with_a_new_head)
{
    check_trained(RESNET, cases[1][_i], 2);
}
END_TEST

START_TEST(resnet_with_its_own_head)
{
    check_trained(RESNET, cases[1][_i], 0);
}
END_TEST

int main(void)
{
    gemm_start();
    counts[0] = list_cases(VIT, cases[0], MAX_CASES);
    counts[1] = list_cases(RESNET, cases[1], MAX_CASES);
    Suite *suite = suite_create("training");
    TCase *tests = tcase_create("training");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_folder, drop_folder);
    tcase_add_loop_test(tests, vit_with_a_new_head, 0, counts[0]);
    tcase_add_loop_test(tests, vit_with_its_own_head, 0, counts[0]);
    tcase_add_loop_test(tests, resnet_with_a_new_head, 0, counts[1]);
    tcase_add_loop_test(tests, resnet_with_its_own_head, 0, counts[1]);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 || counts[0] == 0 || counts[1] == 0;
}
