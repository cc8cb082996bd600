/*
 * common/checkpoint, the training state: what goes on from it makes the same bytes; damage, and
 * a state of another training, are refused and change nothing.
 */
#include "common/checkpoint.h"
#include "tests/cut.h"
#include "tests/numbers.h"
#include "tests/tensorfile.h"

static const struct optimiser_wishes all_wishes[] = {
    { OPTIMISER_ADAMW, 0.9, 0.999, 1e-8, 0, 0.05, 0.8, 1, 0.99 },
    { OPTIMISER_SGD, 0, 0, 0, 0.9, 0.05, 1, 0, 0 },
};

/* A training: parameters, one of them a running statistic, and what moves them. */
struct training {
    struct params params;
    struct optimiser *optimiser;
    struct threads *threads;
    json_t *recipe, *progress;
    const char *path;
};

static void add_param(struct params *params, const char *name, size_t count, bool trained)
{
    struct error error;
    struct param param = {
        .rank = 2, .shape = { count, 2 }, .decays = true, .trained = trained
    };
    snprintf(param.name, sizeof param.name, "%s", name);
    ck_assert_int_eq(params_add(params, &param, &error), 0);
}

static json_t *make_recipe(void)
{
    return json_pack("{s:f, s:i, s:s, s:[s,s]}", "lr", 1e-3, "seed", 7, "data", "cifar:1234",
        "augment", "flip", "crop");
}

/* Values of their own for every seed. */
static void begin(struct training *training, int kind, unsigned seed)
{
    struct error error;
    *training = (struct training){ .path = inside("state.safetensors") };
    add_param(&training->params, "weight", 5, true);
    add_param(&training->params, "running_mean", 3, false);
    add_param(&training->params, "bias", 1, true);
    ck_assert_int_eq(params_allocate(&training->params, &error), 0);
    for (size_t i = 0; i < training->params.count; i++)
        fill(training->params.values + training->params.items[i].at,
            training->params.items[i].count, seed + (unsigned)i, 1);
    ck_assert_int_eq(
        optimiser_open(&training->optimiser, &training->params, &all_wishes[kind], &error), 0);
    ck_assert_int_eq(threads_create(&training->threads, 1, &error), 0);
    training->recipe = make_recipe();
    training->progress = json_pack("{s:i, s:f}", "epoch", 3, "best", 0.1);
}

static void end(struct training *training)
{
    params_free(&training->params);
    optimiser_free(training->optimiser);
    threads_free(training->threads);
    json_decref(training->recipe);
    json_decref(training->progress);
}

static void step(struct training *training, unsigned k)
{
    struct params *params = &training->params;
    for (size_t i = 0; i < params->count; i++)
        fill(params->gradients + params->items[i].at, params->items[i].count,
            100 * k + (unsigned)i, 1);
    params->values[params->items[1].at] = (float)k; /* a running statistic */
    ck_assert(isfinite(optimiser_step(training->optimiser, params, 0.01, training->threads)));
}

static int keep(void *argument)
{
    struct training *training = argument;
    struct error error;
    return state_write(training->path, &training->params, training->optimiser, training->recipe,
        training->progress, &error);
}

static int resume(struct training *training, struct error *error)
{
    json_t *progress;
    const int status = state_read(training->path, &training->params, training->optimiser,
        training->recipe, &progress, error);
    ck_assert_int_eq(status == 0, progress != NULL);
    if (status == 0)
        ck_assert(json_equal(progress, training->progress));
    json_decref(progress);
    return status;
}

static void expect_equal(struct training *a, struct training *b)
{
    struct optimiser_arena ours[OPTIMISER_MAX_ARENAS], theirs[OPTIMISER_MAX_ARENAS];
    const size_t size = a->params.total * sizeof(float);
    const size_t count = optimiser_arenas(a->optimiser, ours);
    ck_assert_uint_eq(optimiser_arenas(b->optimiser, theirs), count);
    ck_assert_uint_eq(optimiser_steps(a->optimiser), optimiser_steps(b->optimiser));
    ck_assert_mem_eq(a->params.values, b->params.values, size);
    for (size_t i = 0; i < count; i++)
        ck_assert_mem_eq(ours[i].values, theirs[i].values, size);
}

START_TEST(goes_on_to_the_same_bytes)
{
    struct training whole, second;
    struct error error;
    begin(&whole, _i, 1);
    begin(&second, _i, 50);
    for (unsigned k = 0; k < 10; k++) {
        if (k == 4)
            ck_assert_int_eq(keep(&whole), 0);
        step(&whole, k);
    }
    ck_assert_msg(resume(&second, &error) == 0, "%s", error.text);
    for (unsigned k = 4; k < 10; k++)
        step(&second, k);
    expect_equal(&whole, &second);
    end(&whole);
    end(&second);
}
END_TEST

/* That what is read wrongly changes nothing. */
static void expect_refused(struct training *training, int status, const char *message)
{
    struct training fresh;
    struct error error;
    begin(&fresh, 0, 1);
    ck_assert_msg(resume(training, &error) == status, "%s", error.text);
    ck_assert_msg(strstr(error.text, message) != NULL, "%s, not: %s", error.text, message);
    expect_equal(training, &fresh);
    end(&fresh);
}

static const struct {
    const char *key, *value, *message; /* value: JSON, or NULL: the key isn't there */
} changes[] = {
    { "lr", "0.002", "lr was 0.001, is 0.002: say it as it was" },
    { "lr", NULL, "lr was 0.001, is not set" },
    { "seed", "8", "seed was 7, is 8" },
    { "data", "\"cifar:0\"", "data was \"cifar:1234\", is \"cifar:0\"" },
    { "augment", "[\"flip\"]", "augment was \"crop\", is not set" },
    { "mixup", "0.2", "mixup was not set, is 0.2" },
};

START_TEST(refuses_another_recipe)
{
    struct training first, second;
    begin(&first, 0, 9);
    ck_assert_int_eq(keep(&first), 0);
    begin(&second, 0, 1);
    if (changes[_i].value)
        json_object_set_new(second.recipe, changes[_i].key,
            json_loads(changes[_i].value, JSON_DECODE_ANY, NULL));
    else
        json_object_del(second.recipe, changes[_i].key);
    expect_refused(&second, BAD_USAGE, changes[_i].message);
    end(&first);
    end(&second);
}
END_TEST

START_TEST(refuses_another_optimiser)
{
    struct training first, second;
    begin(&first, 1, 9);
    ck_assert_int_eq(keep(&first), 0);
    begin(&second, 0, 1);
    expect_refused(&second, BAD_USAGE, "of another optimiser: has no first of ");
    end(&first);
    end(&second);
}
END_TEST

/* One more parameter, another name, another shape, another one frozen. */
START_TEST(refuses_another_model)
{
    struct training first, second;
    struct param *param;
    begin(&first, 0, 9);
    param = &first.params.items[2];
    switch (_i) {
    case 0:
        first.params.count--;
        break;
    case 1:
        param->name[0] = 'B';
        break;
    case 2:
        param->shape[0] = 2, param->shape[1] = 1;
        break;
    case 3:
        param->trained = false;
        break;
    }
    ck_assert_int_eq(keep(&first), 0);
    begin(&second, 0, 1);
    expect_refused(&second, BAD_USAGE, "of another model");
    end(&first);
    end(&second);
}
END_TEST

START_TEST(notices_every_damage)
{
    struct training first, second;
    begin(&first, 0, 9);
    ck_assert_int_eq(keep(&first), 0);
    begin(&second, 0, 1);
    const size_t size = size_of(first.path);
    for (size_t i = 0; i < size; i++) {
        flip_bit(first.path, i);
        expect_refused(&second, BAD_INPUT, "");
        flip_bit(first.path, i);
    }
    for (size_t i = size; i-- > 0;) {
        ck_assert_int_eq(truncate(first.path, (off_t)i), 0);
        expect_refused(&second, BAD_INPUT, "");
    }
    remove(first.path);
    expect_refused(&second, BAD_SYSTEM, "No such file");
    end(&first);
    end(&second);
}
END_TEST

/* A whole file of ours that isn't a state. */
START_TEST(refuses_a_model)
{
    struct training second;
    begin(&second, 0, 1);
    second.path = "tests/data/safetensors_write/f32.safetensors";
    expect_refused(&second, BAD_INPUT, "not a training state");
    end(&second);
}
END_TEST

/* Killed anywhere, or on a full disk: the old state or the new one. */
START_TEST(is_whole_or_old)
{
    struct training first, second, read;
    struct error error;
    begin(&first, 0, 1);
    begin(&second, 0, 1);
    begin(&read, 0, 70);
    ck_assert_int_eq(keep(&first), 0);
    step(&second, 1);
    int status = CUT_STATUS, calls = 0;
    for (; status == CUT_STATUS; calls++) {
        status = cut_at(calls, keep, &second);
        ck_assert_msg(resume(&read, &error) == 0, "%s", error.text);
        expect_equal(&read, status == CUT_STATUS ? &first : &second);
    }
    ck_assert_int_eq(status, DONE_STATUS);
    ck_assert_int_ge(calls, 5);
    for (rlim_t room = 0; room < 1000; room += 37)
        ck_assert_int_eq(with_room(room, keep, &first), BAD_SYSTEM);
    ck_assert_int_eq(resume(&read, &error), 0);
    expect_equal(&read, &second);
    end(&first);
    end(&second);
    end(&read);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state");
    TCase *tests = tcase_create("state");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_folder, drop_folder);
    tcase_add_loop_test(tests, goes_on_to_the_same_bytes, 0, 2);
    tcase_add_loop_test(tests, refuses_another_recipe, 0, sizeof changes / sizeof *changes);
    tcase_add_test(tests, refuses_another_optimiser);
    tcase_add_loop_test(tests, refuses_another_model, 0, 4);
    tcase_add_test(tests, notices_every_damage);
    tcase_add_test(tests, refuses_a_model);
    tcase_add_test(tests, is_whole_or_old);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
