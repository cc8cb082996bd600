/*
 * common/optimiser: ten steps of PyTorch's optimisers on a tiny ViT, to float32; the same bytes
 * for any number of threads; what is refused; the schedule.
 */
#include "common/optimiser.h"
#include "tests/numbers.h"
#include "tests/reference.h"

static const char root[] = "tests/data/train_steps";
static char cases[32][64];
static int case_count;

struct setting {
    struct params params;
    struct optimiser *optimiser;
    struct threads *threads;
};

/* The parameters of a case, with the values before the first step. */
static void read_params(const json_t *json, const float *values, struct params *params)
{
    struct error error;
    size_t i, k, at = 0;
    json_t *entry, *side;
    json_array_foreach(json_object_get(json, "parameters"), i, entry) {
        struct param param = { .depth =
                                   (size_t)json_integer_value(json_object_get(entry, "depth")),
            .decays = json_is_true(json_object_get(entry, "decays")),
            .trained = json_is_true(json_object_get(entry, "trained")) };
        snprintf(param.name, sizeof param.name, "%s",
            json_string_value(json_object_get(entry, "name")));
        json_array_foreach(json_object_get(entry, "shape"), k, side)
            param.shape[param.rank++] = (size_t)json_integer_value(side);
        ck_assert_int_eq(params_add(params, &param, &error), 0);
    }
    ck_assert_int_eq(params_allocate(params, &error), 0);
    for (i = 0; i < params->count; at += params->items[i++].count)
        memcpy(params->values + params->items[i].at, values + at,
            params->items[i].count * sizeof *values);
}

static double number(const json_t *json, const char *name)
{
    return json_number_value(json_object_get(json, name));
}

static struct optimiser_wishes read_wishes(const json_t *json)
{
    const char *kind = json_string_value(json_object_get(json, "kind"));
    return (struct optimiser_wishes){
        .kind = strcmp(kind, "sgd") == 0 ? OPTIMISER_SGD : OPTIMISER_ADAMW,
        .beta1 = number(json, "beta1"),
        .beta2 = number(json, "beta2"),
        .eps = number(json, "eps"),
        .momentum = number(json, "momentum"),
        .decay = number(json, "decay"),
        .layer_decay = number(json, "layer_decay"),
        .clip = number(json, "clip"),
        .ema = number(json, "ema"),
    };
}

/* Arrays without the arenas' gaps, against an arena. */
static double compare(const struct params *params, const float *arena, const float *flat)
{
    double most = 0, scale = 0;
    for (size_t i = 0; i < params->count; flat += params->items[i++].count)
        for (size_t k = 0; k < params->items[i].count; k++) {
            const double d = fabs((double)arena[params->items[i].at + k] - (double)flat[k]);
            most = isnan(d) ? INFINITY : fmax(most, d);
            scale = fmax(scale, fabs((double)flat[k]));
        }
    return most / scale;
}

static void put_gradients(struct params *params, const float *flat)
{
    for (size_t i = 0; i < params->count; flat += params->items[i++].count)
        memcpy(params->gradients + params->items[i].at, flat,
            params->items[i].count * sizeof *flat);
}

START_TEST(steps_as_torch)
{
    const char *name = cases[_i];
    struct array values, gradients, after, norms, ema;
    struct params params = { 0 };
    struct optimiser *optimiser;
    struct threads *threads;
    struct error error;
    ck_assert(load(&values, root, name, "values.npy"));
    ck_assert(load(&gradients, root, name, "gradients.npy"));
    ck_assert(load(&after, root, name, "after.npy"));
    ck_assert(load(&norms, root, name, "norms.npy"));
    const bool averaged = load(&ema, root, name, "ema.npy");
    json_t *json = load_case(root, name);
    read_params(json, values.data, &params);
    const struct optimiser_wishes wishes = read_wishes(json);
    ck_assert_int_eq(optimiser_open(&optimiser, &params, &wishes, &error), 0);
    ck_assert_int_eq(threads_create(&threads, 2, &error), 0);
    const size_t total = after.npy.shape[1];
    for (size_t k = 0; k < after.npy.shape[0]; k++) {
        put_gradients(&params, gradients.data + k * total);
        const double norm = optimiser_step(optimiser, &params,
            json_number_value(json_array_get(json_object_get(json, "rates"), k)), threads);
        expect_near(norm / (double)norms.data[k], 1, 1e-6, "norm", k);
        expect_near(compare(&params, params.values, after.data + k * total), 0, 3e-7, name, k);
        ck_assert_uint_eq(optimiser_steps(optimiser), k + 1);
        ck_assert_int_eq(
            compare(&params, params.gradients, gradients.data + k * total) == 0, true);
    }
    ck_assert_int_eq(averaged, optimiser_ema(optimiser) != NULL);
    if (averaged)
        expect_near(compare(&params, optimiser_ema(optimiser), ema.data), 0, 3e-7, "ema", 0);
    threads_free(threads);
    optimiser_free(optimiser);
    params_free(&params);
    json_decref(json);
    unload(&values);
    unload(&gradients);
    unload(&after);
    unload(&norms);
    if (averaged)
        unload(&ema);
}
END_TEST

/* Parameters around the size of a chunk, one of them frozen. */
static void make_params(struct params *params)
{
    static const size_t sizes[] = { 1, 16383, 16384, 16385, 40000, 15, 5 };
    struct error error;
    *params = (struct params){ 0 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct param param = {
            .rank = 1, .shape = { sizes[i] }, .depth = i, .decays = i % 2, .trained = i != 5
        };
        snprintf(param.name, sizeof param.name, "p%zu", i);
        ck_assert_int_eq(params_add(params, &param, &error), 0);
    }
    ck_assert_int_eq(params_allocate(params, &error), 0);
    for (size_t i = 0; i < params->count; i++)
        fill(params->values + params->items[i].at, params->items[i].count, (unsigned)i, 1);
}

static void fill_gradients(struct params *params, unsigned seed)
{
    for (size_t i = 0; i < params->count; i++)
        fill(params->gradients + params->items[i].at, params->items[i].count,
            seed + (unsigned)i, 0.1f);
}

static const struct optimiser_wishes all_wishes[] = {
    { OPTIMISER_ADAMW, 0.9, 0.999, 1e-8, 0, 0.05, 0.8, 1, 0.99 },
    { OPTIMISER_SGD, 0, 0, 0, 0.9, 0.05, 0.8, 1, 0.99 },
};

START_TEST(same_bytes_for_any_threads)
{
    static const size_t counts[] = { 1, 2, 3, 7 };
    float *values[4], *ema[4];
    double norms[4][5];
    size_t total = 0;
    for (size_t c = 0; c < 4; c++) {
        struct params params;
        struct optimiser *optimiser;
        struct threads *threads;
        struct error error;
        make_params(&params);
        total = params.total * sizeof(float);
        ck_assert_int_eq(optimiser_open(&optimiser, &params, &all_wishes[_i], &error), 0);
        ck_assert_int_eq(threads_create(&threads, counts[c], &error), 0);
        for (unsigned k = 0; k < 5; k++) {
            fill_gradients(&params, 10 * k);
            norms[c][k] = optimiser_step(optimiser, &params, 0.01, threads);
        }
        values[c] = memcpy(malloc(total), params.values, total);
        ema[c] = memcpy(malloc(total), optimiser_ema(optimiser), total);
        threads_free(threads);
        optimiser_free(optimiser);
        params_free(&params);
    }
    for (size_t c = 1; c < 4; c++) {
        ck_assert_mem_eq(values[c], values[0], total);
        ck_assert_mem_eq(ema[c], ema[0], total);
        ck_assert_mem_eq(norms[c], norms[0], sizeof norms[0]);
    }
    for (size_t c = 0; c < 4; c++) {
        free(values[c]);
        free(ema[c]);
    }
}
END_TEST

/* A NaN stops the step before it does harm; only what is trained counts. */
START_TEST(a_gradient_that_is_not_finite)
{
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    struct params params;
    struct optimiser *optimiser;
    struct threads *threads;
    struct error error;
    make_params(&params);
    ck_assert_int_eq(optimiser_open(&optimiser, &params, &all_wishes[_i], &error), 0);
    ck_assert_int_eq(threads_create(&threads, 2, &error), 0);
    fill_gradients(&params, 1);
    ck_assert(isfinite(optimiser_step(optimiser, &params, 0.01, threads)));
    const size_t size = params.total * sizeof(float);
    float *before = memcpy(malloc(size), params.values, size);
    for (size_t b = 0; b < 3; b++)
        for (size_t i = 0; i < params.count; i++) {
            float *at = &params.gradients[params.items[i].at + params.items[i].count - 1];
            const float kept = *at;
            *at = bad[b];
            const bool frozen = !params.items[i].trained;
            const double norm = optimiser_step(optimiser, &params, 0, threads);
            ck_assert_int_eq(isfinite(norm), frozen);
            ck_assert_mem_eq(params.values, before, size);
            *at = kept;
        }
    ck_assert_uint_eq(optimiser_steps(optimiser), 4);
    free(before);
    threads_free(threads);
    optimiser_free(optimiser);
    params_free(&params);
}
END_TEST

static const struct {
    struct optimiser_wishes wishes;
    const char *message;
} refused[] = {
    { { 0, 1, .9, 0, 0, 0, 1, 0, 0 }, "beta1 1: takes 0 to below 1" },
    { { 0, .9, -.1, 0, 0, 0, 1, 0, 0 }, "beta2 -0.1" },
    { { 0, .9, .9, -1, 0, 0, 1, 0, 0 }, "eps -1" },
    { { 1, .9, .9, 0, 1, 0, 1, 0, 0 }, "momentum 1" },
    { { 0, .9, .9, 0, 0, -1, 1, 0, 0 }, "weight decay -1" },
    { { 0, .9, .9, 0, 0, 0, 0, 0, 0 }, "layer decay 0" },
    { { 0, .9, .9, 0, 0, 0, 1.1, 0, 0 }, "layer decay 1.1: takes 0.001 to 1" },
    { { 0, .9, .9, 0, 0, 0, 1, -1, 0 }, "clipping norm -1" },
    { { 0, .9, .9, 0, 0, 0, 1, (double)NAN, 0 }, "clipping norm nan" },
    { { 0, .9, .9, 0, 0, 0, 1, 0, 1 }, "decay of the average 1: takes 0 to below 1" },
};

START_TEST(refuses)
{
    struct params params;
    struct optimiser *optimiser;
    struct error error;
    make_params(&params);
    ck_assert_int_eq(
        optimiser_open(&optimiser, &params, &refused[_i].wishes, &error), BAD_USAGE);
    ck_assert_ptr_null(optimiser);
    ck_assert_msg(strstr(error.text, refused[_i].message) != NULL, "%s", error.text);
    params_free(&params);
}
END_TEST

START_TEST(names_its_arenas)
{
    static const char *const names[2][3] = { { "first", "second", "ema" },
        { "momentum", "ema", NULL } };
    struct params params;
    struct optimiser *optimiser;
    struct optimiser_arena arenas[OPTIMISER_MAX_ARENAS];
    struct error error;
    make_params(&params);
    ck_assert_int_eq(optimiser_open(&optimiser, &params, &all_wishes[_i], &error), 0);
    const size_t count = optimiser_arenas(optimiser, arenas);
    ck_assert_uint_eq(count, _i == 0 ? 3 : 2);
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(arenas[i].name, names[_i][i]);
    ck_assert_mem_eq(arenas[count - 1].values, params.values, params.total * sizeof(float));
    optimiser_free(optimiser);
    params_free(&params);
}
END_TEST

static const struct {
    uint64_t step, steps, warmup;
    double rate; /* base 2, minimum 0.5 */
} rates[] = {
    { 0, 100, 0, 2 },
    { 0, 100, 10, 0.2 },
    { 4, 100, 10, 1 },
    { 9, 100, 10, 2 },
    { 10, 100, 10, 2 },
    { 55, 100, 10, 1.25 },
    { 25, 100, 0, 0.5 + 1.5 * (1 + 0.70710678118654752) / 2 },
    { 75, 100, 0, 0.5 + 1.5 * (1 - 0.70710678118654752) / 2 },
    { 100, 100, 10, 0.5 },
    { 1000, 100, 10, 0.5 },
    { 3, 4, 8, 1 },
    { 8, 4, 8, 0.5 },
    { 0, 0, 0, 0.5 },
};

START_TEST(schedules)
{
    expect_near(schedule_lr(rates[_i].step, rates[_i].steps, rates[_i].warmup, 2, 0.5),
        rates[_i].rate, 1e-12, "rate", (size_t)_i);
}
END_TEST

int main(void)
{
    static char all[32][64];
    const int found = list_cases(root, all, 32);
    for (int i = 0; i < found; i++)
        if (strncmp(all[i], "loss-", 5) != 0)
            memcpy(cases[case_count++], all[i], sizeof all[i]);
    Suite *suite = suite_create("optimiser");
    TCase *tests = tcase_create("optimiser");
    tcase_add_loop_test(tests, steps_as_torch, 0, case_count ? case_count : 1);
    tcase_add_loop_test(tests, same_bytes_for_any_threads, 0, 2);
    tcase_add_loop_test(tests, a_gradient_that_is_not_finite, 0, 2);
    tcase_add_loop_test(tests, refuses, 0, sizeof refused / sizeof *refused);
    tcase_add_loop_test(tests, names_its_arenas, 0, 2);
    tcase_add_loop_test(tests, schedules, 0, sizeof rates / sizeof *rates);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
