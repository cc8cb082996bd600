/*
 * What training begins with and leaves: new networks by their names, parameters taken from
 * checkpoints of every family and folded again, and what is saved, read back.
 */
#include "common/gemm.h"
#include "common/resnet_train.h"
#include "tests/numbers.h"
#include "tests/reference.h"
#include "tests/tensorfile.h"

#define ROOT "tests/data/resnet"
enum { MAX_CASES = 40 };

static char cases[MAX_CASES][64];
static int case_count;

static void expect_ok(int status, const struct error *error)
{
    ck_assert_msg(status == 0, "%s", error->text);
}

static void open_case(struct resnet *resnet, const char *name)
{
    char path[256];
    struct error error;
    json_t *json = load_case(ROOT, name);
    const char *file = json_string_value(json_object_get(json, "file"));
    snprintf(path, sizeof path, ROOT "/%s/%s", name, file);
    expect_ok(resnet_open(resnet, path, NULL, &error), &error);
    json_decref(json);
}

/* All parameters as a checkpoint, the configuration beside it. */
static void save(const struct resnet *resnet, const struct params *params)
{
    const size_t room = 256 * params->count + 64;
    char *header = malloc(room);
    float *data = malloc(params->total * sizeof *data);
    ck_assert(header && data);
    size_t length = (size_t)snprintf(header, room, "{"), at = 0;
    for (size_t i = 0; i < params->count; i++) {
        const struct param *param = &params->items[i];
        length += (size_t)snprintf(header + length, room - length,
            "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[", i ? "," : "", param->name);
        for (size_t k = 0; k < param->rank; k++)
            length += (size_t)snprintf(
                header + length, room - length, "%s%zu", k ? "," : "", param->shape[k]);
        length += (size_t)snprintf(header + length, room - length,
            "],\"data_offsets\":[%zu,%zu]}", 4 * at, 4 * (at + param->count));
        param_export(param, params->values + param->at, data + at);
        at += param->count;
    }
    length += (size_t)snprintf(header + length, room - length, "}");
    put_safetensors(inside("model.safetensors"), length, header, length, data, 4 * at);
    json_t *config = resnet_config(resnet);
    ck_assert_int_eq(json_dump_file(config, inside("config.json"), 0), 0);
    json_decref(config);
    free(header);
    free(data);
}

static bool same_conv(const struct conv *a, const struct conv *b)
{
    return a->in == b->in && a->out == b->out && a->kernel == b->kernel
           && a->stride == b->stride && a->pad == b->pad && a->groups == b->groups;
}

/* The same network but for its weights. */
static void expect_same(const struct resnet *a, const struct resnet *b)
{
    ck_assert_uint_eq(a->stem_count, b->stem_count);
    for (size_t i = 0; i < a->stem_count; i++)
        ck_assert(same_conv(&a->stem[i], &b->stem[i]));
    ck_assert_int_eq(a->pool, b->pool);
    ck_assert_uint_eq(a->stages, b->stages);
    ck_assert_uint_eq(a->block_count, b->block_count);
    ck_assert_mem_eq(a->depths, b->depths, sizeof a->depths);
    ck_assert_uint_eq(a->features, b->features);
    ck_assert_uint_eq(a->model.classes, b->model.classes);
    for (size_t i = 0; i < a->block_count; i++) {
        const struct resnet_block *x = &a->blocks[i], *y = &b->blocks[i];
        ck_assert(x->count == y->count && x->stride == y->stride);
        ck_assert_int_eq(x->shortcut, y->shortcut);
        for (size_t c = 0; c < x->count; c++)
            ck_assert(same_conv(&x->convs[c], &y->convs[c]));
        if (x->shortcut == SHORTCUT_CONV || x->shortcut == SHORTCUT_POOL)
            ck_assert(same_conv(&x->projection, &y->projection));
    }
}

static void expect_bytes(const float *a, const float *b, size_t count)
{
    ck_assert_mem_eq(a, b, count * sizeof *a);
}

static void expect_same_conv(const struct conv *a, const struct conv *b)
{
    expect_bytes(a->weight, b->weight, a->kernel * a->kernel * a->in / a->groups * a->out);
    expect_bytes(a->bias, b->bias, a->out);
}

static void expect_same_weights(const struct resnet *a, const struct resnet *b)
{
    for (size_t i = 0; i < a->stem_count; i++)
        expect_same_conv(&a->stem[i], &b->stem[i]);
    for (size_t i = 0; i < a->block_count; i++) {
        const struct resnet_block *x = &a->blocks[i], *y = &b->blocks[i];
        for (size_t c = 0; c < x->count; c++)
            expect_same_conv(&x->convs[c], &y->convs[c]);
        if (x->shortcut == SHORTCUT_CONV || x->shortcut == SHORTCUT_POOL)
            expect_same_conv(&x->projection, &y->projection);
    }
    expect_bytes(a->fc_weight, b->fc_weight, a->model.classes * a->features);
    expect_bytes(a->fc_bias, b->fc_bias, a->model.classes);
}

/* Saves it and reads it back: the same network, the same parameters to the bit. */
static void expect_round_trip(const struct resnet *resnet, const struct params *params)
{
    struct resnet again;
    struct params others = { 0 };
    struct resnet_trainer *trainer;
    struct error error;
    make_folder();
    save(resnet, params);
    expect_ok(resnet_open(&again, folder, NULL, &error), &error);
    expect_same(resnet, &again);
    expect_same_weights(resnet, &again);
    expect_ok(resnet_trainer_open(&trainer, &again, &others, &error), &error);
    ck_assert_uint_eq(params->count, others.count);
    for (size_t i = 0; i < params->count; i++)
        ck_assert_str_eq(params->items[i].name, others.items[i].name);
    expect_bytes(params->values, others.values, params->total);
    resnet_trainer_free(trainer);
    params_free(&others);
    resnet_close(&again);
    drop_folder();
}

/* Opening for training leaves the network what it was; saved, it is read back. */
START_TEST(checkpoints)
{
    struct resnet plain, resnet;
    struct params params = { 0 };
    struct resnet_trainer *trainer;
    struct error error;
    open_case(&plain, cases[_i]);
    open_case(&resnet, cases[_i]);
    const int status = resnet_trainer_open(&trainer, &resnet, &params, &error);
    if (strcmp(cases[_i], "hf-first") == 0) {
        ck_assert_int_eq(status, BAD_USAGE);
        ck_assert_ptr_nonnull(strstr(error.text, "block 0 strides where"));
    } else if (resnet.model.classes == 0) {
        ck_assert_int_eq(status, BAD_USAGE);
        ck_assert_ptr_nonnull(strstr(error.text, "has no head"));
    } else {
        expect_ok(status, &error);
        expect_same_weights(&plain, &resnet);
        expect_round_trip(&resnet, &params);
    }
    resnet_trainer_free(trainer);
    params_free(&params);
    resnet_close(&plain);
    resnet_close(&resnet);
}
END_TEST

/* Another head on what was trained, or on what has none: drawn, the rest taken. */
START_TEST(new_heads)
{
    static const char *const from[] = { "timm-headless", "hf-model", "timm-deep-c" };
    struct resnet resnet;
    struct params params = { 0 };
    struct resnet_trainer *trainer;
    struct error error;
    open_case(&resnet, from[_i]);
    resnet_new_head(&resnet, 11, 5);
    expect_ok(resnet_trainer_open(&trainer, &resnet, &params, &error), &error);
    const struct param *head = params_find(&params, "fc.weight");
    ck_assert(head && head->shape[0] == 11 && head->shape[1] == resnet.features);
    const float bound = 1 / sqrtf((float)resnet.features);
    for (size_t i = 0; i < head->count; i++)
        ck_assert(fabsf(params.values[head->at + i]) <= bound);
    expect_round_trip(&resnet, &params);
    resnet_trainer_free(trainer);
    params_free(&params);
    resnet_close(&resnet);
}
END_TEST

/* Counts of parameters as He et al. and torchvision state them. */
static const struct {
    const char *name;
    size_t classes, side, parameters, blocks;
} made[] = {
    { "resnet20", 10, 32, 269722, 9 },
    { "resnet32", 10, 32, 464154, 15 },
    { "resnet44", 10, 32, 658586, 21 },
    { "resnet56", 10, 32, 853018, 27 },
    { "resnet18", 1000, 224, 11689512, 8 },
    { "resnet34", 1000, 96, 21797672, 16 },
    { "resnet50", 1000, 224, 25557032, 16 },
};

/* Numbers of that mean and deviation, as far as so many of them can tell. */
static void expect_drawn(const float *values, size_t count, double deviation)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        mean += (double)values[i] / (double)count;
        square += (double)values[i] * (double)values[i] / (double)count;
    }
    const double near = 5 * deviation / sqrt((double)count);
    expect_near(mean, 0, near, "mean", 0);
    expect_near(sqrt(square), deviation, near, "deviation", 0);
}

static void expect_parameter(const struct param *param, const float *values)
{
    const char *ending = strrchr(param->name, '.') + 1;
    if (param->rank == 4) {
        const size_t fan = param->shape[0] * param->shape[2] * param->shape[3];
        expect_drawn(values, param->count, sqrt(2.0 / (double)fan));
    } else if (strncmp(param->name, "fc.", 3) == 0) {
        if (param->rank == 2)
            expect_drawn(values, param->count, 1 / sqrt(3.0 * (double)param->shape[1]));
    } else {
        const bool one = strcmp(ending, "weight") == 0 || strcmp(ending, "running_var") == 0;
        for (size_t i = 0; i < param->count; i++)
            ck_assert(values[i] == (one ? 1 : 0));
    }
    ck_assert_int_eq(param->decays, param->rank > 1);
    ck_assert_int_eq(param->trained, strncmp(ending, "running", 7) != 0);
}

START_TEST(new_networks)
{
    struct resnet resnet;
    struct params params = { 0 };
    struct resnet_trainer *trainer;
    struct error error;
    size_t count = 0;
    expect_ok(resnet_init(&resnet, made[_i].name, made[_i].classes, made[_i].side, 3, &error),
        &error);
    ck_assert_uint_eq(resnet.model.input.rule.width, made[_i].side);
    expect_ok(resnet_trainer_open(&trainer, &resnet, &params, &error), &error);
    for (size_t i = 0; i < params.count; i++) {
        count += params.items[i].trained ? params.items[i].count : 0;
        expect_parameter(&params.items[i], params.values + params.items[i].at);
    }
    ck_assert_uint_eq(count, made[_i].parameters);
    ck_assert_uint_eq(params.depths, made[_i].blocks + 2);
    ck_assert_uint_eq(params.items[0].depth, 0);
    ck_assert_uint_eq(params.items[params.count - 1].depth, params.depths - 1);
    expect_round_trip(&resnet, &params);
    resnet_trainer_free(trainer);
    params_free(&params);
    resnet_close(&resnet);
}
END_TEST

/* As timm's own classes were seen to take them: the same names and shapes came out. */
static const char *const configurations[][2] = {
    { "resnet20", "{\"architecture\": \"resnet20\", \"family\": \"cifar\", \"stem_stride\": 1, "
                  "\"stem_pool\": false, \"num_classes\": 7, \"num_features\": 64, "
                  "\"global_pool\": \"avg\"}" },
    { "resnet50",
        "{\"architecture\": \"resnet50\", \"model_args\": {\"layers\": [3, 4, 6, 3]}, "
        "\"num_classes\": 7, \"num_features\": 2048, \"global_pool\": \"avg\"}" },
    { "timm-groups",
        "{\"architecture\": \"resnext50_32x4d\", \"model_args\": {\"cardinality\": 4, "
        "\"base_width\": 32, \"stem_type\": \"deep\", \"stem_width\": 4, \"avg_down\": true, "
        "\"layers\": [1, 1, 1, 2], \"channels\": [2, 4, 4, 5]}, \"num_classes\": 7, "
        "\"num_features\": 20, \"global_pool\": \"avg\"}" },
    { "timm-tiered",
        "{\"architecture\": \"resnet10t\", \"model_args\": {\"stem_type\": \"deep_tiered\", "
        "\"stem_width\": 4, \"avg_down\": true, \"layers\": [1, 1, 2, 1], \"channels\": [6, 8, "
        "8, 10]}, \"num_classes\": 7, \"num_features\": 10, \"global_pool\": \"avg\"}" },
    { "torchvision-wide",
        "{\"architecture\": \"resnet50\", \"model_args\": {\"layers\": [2, 1, 1, 1], "
        "\"channels\": [2, 3, 3, 4], \"base_width\": 128}, \"num_classes\": 7, "
        "\"num_features\": 16, \"global_pool\": \"avg\"}" },
};

START_TEST(saved_configurations)
{
    struct resnet resnet;
    struct error error;
    if (strchr(configurations[_i][0], '-'))
        open_case(&resnet, configurations[_i][0]);
    else
        expect_ok(resnet_init(&resnet, configurations[_i][0], 7, 64, 1, &error), &error);
    json_t *config = resnet_config(&resnet);
    char *text = json_dumps(config, 0);
    ck_assert_str_eq(text, configurations[_i][1]);
    free(text);
    json_decref(config);
    resnet_close(&resnet);
}
END_TEST

/* A seed gives one network, another another. */
START_TEST(seeds)
{
    struct resnet resnet[3];
    struct params params[3] = { { 0 } };
    struct resnet_trainer *trainer[3];
    struct error error;
    for (size_t i = 0; i < 3; i++) {
        expect_ok(resnet_init(&resnet[i], "resnet20", 10, 32, i < 2 ? 7 : 8, &error), &error);
        expect_ok(resnet_trainer_open(&trainer[i], &resnet[i], &params[i], &error), &error);
    }
    expect_bytes(params[0].values, params[1].values, params[0].total);
    for (size_t i = 0; i < params[0].count; i++) {
        const struct param *param = &params[0].items[i];
        if (param->decays)
            ck_assert(params[0].values[param->at] != params[2].values[param->at]);
    }
    for (size_t i = 0; i < 3; i++) {
        resnet_trainer_free(trainer[i]);
        params_free(&params[i]);
        resnet_close(&resnet[i]);
    }
}
END_TEST

static void expect_refusal(int status, const struct error *error, int kind, const char *text)
{
    ck_assert_int_eq(status, kind);
    ck_assert_msg(strstr(error->text, text) != NULL, "%s", error->text);
}

START_TEST(refusals)
{
    struct resnet resnet;
    struct params params = { 0 };
    struct resnet_trainer *trainer;
    struct threads *threads;
    struct error error;
    expect_refusal(resnet_init(&resnet, "resnet19", 10, 32, 1, &error), &error, BAD_USAGE,
        "resnet19: not an architecture: there are resnet20, resnet32");
    expect_refusal(resnet_init(&resnet, "resnet20", 10, 20000, 1, &error), &error, BAD_USAGE,
        "pictures of 20000 pixels a side");
    expect_ok(resnet_init(&resnet, "resnet20", 10, 32, 1, &error), &error);
    expect_ok(resnet_trainer_open(&trainer, &resnet, &params, &error), &error);
    expect_ok(threads_create(&threads, 1, &error), &error);
    expect_refusal(resnet_train_prepare(trainer, 2, 0, 4, threads, &error), &error, BAD_USAGE,
        "at least one pixel");
    expect_refusal(
        resnet_train_prepare(trainer, (size_t)1 << 40, 1 << 20, 1 << 20, threads, &error),
        &error, BAD_SYSTEM, "memory");
    params.values[params_find(&params, "bn1.running_var")->at] = 0;
    params.values[params_find(&params, "bn1.weight")->at] = 3e38f;
    expect_refusal(resnet_trainer_fold(trainer, params.values, &error), &error, BAD_INPUT,
        "conv1.weight: times the norm behind it is beyond f32");
    threads_free(threads);
    resnet_trainer_free(trainer);
    params_free(&params);
    resnet_close(&resnet);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resnet_new");
    TCase *tests = tcase_create("resnet_new");
    gemm_start();
    case_count = list_cases(ROOT, cases, MAX_CASES);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, checkpoints, 0, case_count);
    tcase_add_loop_test(tests, new_heads, 0, 3);
    tcase_add_loop_test(tests, new_networks, 0, sizeof made / sizeof *made);
    tcase_add_loop_test(
        tests, saved_configurations, 0, sizeof configurations / sizeof *configurations);
    tcase_add_test(tests, seeds);
    tcase_add_test(tests, refusals);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
