/*
 * The gradients of a ViT's weights against the library that each family comes from:
 * tests/data/train/vit holds those of a loss over both pictures of a case of tests/data/vit,
 * computed in float64 (tests/oracle/train_vit.py). Then what is asked for and nothing else, the
 * same bytes for every number of threads, and a wrong backward pass, which must show.
 */
#include "common/gemm.h"
#include "tests/trainvit.h"

/* Cross-entropy with smoothed labels, and that its gradient is the one that we go on from. */
static double loss_of(const struct trial *trial)
{
    const json_t *target = json_object_get(trial->about, "target");
    const size_t classes = trial->vit.model.classes;
    const double smoothing = number_of(trial->about, "smoothing");
    double loss = 0;
    for (size_t b = 0; b < trial->batch; b++) {
        double total = 0;
        for (size_t c = 0; c < classes; c++)
            total += exp((double)trial->logits[b][c]);
        for (size_t c = 0; c < classes; c++) {
            const bool right = (json_int_t)c == json_integer_value(json_array_get(target, b));
            const double due = smoothing / (double)classes + (right ? 1 - smoothing : 0);
            const double probability = exp((double)trial->logits[b][c]) / total;
            const double slope = (probability - due) / (double)trial->batch;
            loss -= due * log(probability) / (double)trial->batch;
            ck_assert_double_eq_tol((double)trial->seed[b * classes + c], slope, 1e-5);
        }
    }
    return loss;
}

START_TEST(same_gradients)
{
    struct trial trial;
    const char *where = "";
    begin(&trial, _i);
    prepare(&trial, 1, 0);
    run(&trial, &trial.found);
    float *expected = expected_of(&trial);
    const double most = measure(&trial, trial.found.values, expected, &where);
    ck_assert_msg(most < bound, "%s: %s is off by %.2e", trial.name, where, most);
    ck_assert_double_eq_tol(loss_of(&trial), number_of(trial.about, "loss"), 1e-5);
    expect_guards(&trial, trial.found.values);
    if (getenv("PRINT"))
        printf("%-28s %.1e %s\n", trial.name, most, where);
    free(expected);
    finish(&trial);
}
END_TEST

/* Twice gives double, and one picture after the other what both give at once. */
START_TEST(gradients_add)
{
    struct trial trial;
    struct gradients twice, apart;
    const char *where = "";
    begin(&trial, _i);
    make_gradients(&trial, &twice, 1);
    make_gradients(&trial, &apart, 1);
    prepare(&trial, 1, 0);
    run(&trial, &trial.found);
    run(&trial, &twice);
    run(&trial, &twice);
    for (size_t b = 0; b < trial.batch; b++) {
        float factors[2 * MAX_LAYERS];
        for (size_t i = 0; i < 2 * trial.vit.config.layers && trial.drop_path; i++)
            factors[i] = trial.drop_path[i * trial.batch + b];
        run_pictures(&trial, &trial.vit, b, 1, trial.drop_path ? factors : NULL, &apart);
    }
    for (size_t i = 0; i < trial.total; i++)
        twice.values[i] /= 2;
    const double double_off = measure(&trial, twice.values, trial.found.values, &where);
    ck_assert_msg(double_off < 2e-6, "%s: %s: %.2e", trial.name, where, double_off);
    const double apart_off = measure(&trial, apart.values, trial.found.values, &where);
    ck_assert_msg(apart_off < bound, "%s: %s: %.2e", trial.name, where, apart_off);
    free(twice.values);
    free(apart.values);
    finish(&trial);
}
END_TEST

/* Four numbers for each of a head's, where there are two for each of the model's. */
START_TEST(one_head)
{
    struct trial trial;
    struct gradients apart;
    const char *where = "";
    int index = 0;
    while (strcmp("timm-qknorm",
               json_string_value(json_object_get(json_array_get(all, (size_t)index), "name")))
           != 0)
        index++;
    begin_with(&trial, index, true);
    make_gradients(&trial, &apart, 1);
    prepare(&trial, 2, 0);
    run(&trial, &trial.found);
    for (size_t b = 0; b < trial.batch; b++)
        run_pictures(&trial, &trial.vit, b, 1, NULL, &apart);
    const double off = measure(&trial, apart.values, trial.found.values, &where);
    ck_assert_msg(off < bound, "%s: %.2e", where, off);
    expect_guards(&trial, trial.found.values);
    free(apart.values);
    finish(&trial);
}
END_TEST

/* Whether a pass down to the layer lowest reaches the place. */
static bool is_reached(const struct place *place, size_t lowest)
{
    if (place->slot >= GLOBAL_SLOTS)
        return place->layer >= lowest;
    return lowest == 0 || place->slot >= NORM_WEIGHT;
}

/* Every so many of the places, in a pass down to lowest, on so many threads: these bytes are
 * those of the whole, and all others are untouched. */
static void expect_part(
    struct trial *trial, size_t thread_count, size_t lowest, size_t each, const float *ones)
{
    struct gradients part;
    make_gradients(trial, &part, each);
    float *expected = calloc(trial->total, sizeof *expected);
    for (size_t i = 0; i < trial->place_count; i += each) {
        const struct place *place = &trial->places[i];
        if (is_reached(place, lowest))
            memcpy(expected + place->at, trial->found.values + place->at,
                place->count * sizeof *expected);
    }
    prepare(trial, thread_count, lowest);
    run_pictures(trial, &trial->vit, 0, trial->batch, ones ? ones : trial->drop_path, &part);
    ck_assert_msg(memcmp(part.values, expected, trial->total * sizeof *expected) == 0,
        "%s: %zu threads, down to %zu, each %zu", trial->name, thread_count, lowest, each);
    free(part.values);
    free(expected);
}

START_TEST(same_bytes)
{
    struct trial trial;
    float ones[4 * MAX_LAYERS];
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++)
        ones[i] = 1;
    begin(&trial, _i);
    prepare(&trial, 1, 0);
    run(&trial, &trial.found);
    const size_t layers = trial.vit.config.layers;
    const size_t depths[] = { 0, 1, layers - 1, layers, VIT_NO_GRADIENT };
    for (size_t thread_count = 1; thread_count <= 3; thread_count++)
        for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
            for (size_t each = 1; each <= 3; each++)
                expect_part(&trial, thread_count, depths[i], each, NULL);
    if (!trial.drop_path)
        expect_part(&trial, 2, 0, 1, ones);
    finish(&trial);
}
END_TEST

/* Weights that have changed since: at once, but for tokens and positions, which wait to be
 * told.
 */
START_TEST(refreshed)
{
    struct trial trial;
    struct gradients first, later;
    begin(&trial, _i);
    make_gradients(&trial, &first, 1);
    make_gradients(&trial, &later, 1);
    prepare(&trial, 1, 0);
    run(&trial, &first);
    for (size_t i = 0; i < trial.place_count && trial.places[i].slot < GLOBAL_SLOTS; i++) {
        const struct place *place = &trial.places[i];
        float *moved = trial.found.values + place->at;
        for (size_t k = 0; k < place->count; k++)
            moved[k] = trial.vit.global[place->slot][k] * 1.5f;
        trial.vit.global[place->slot] = moved;
    }
    vit_refresh(&trial.vit, trial.pass);
    run(&trial, &later);
    ck_assert(memcmp(first.values, later.values, trial.total * sizeof(float)) != 0);
    memset(first.values, 0, trial.total * sizeof(float));
    prepare(&trial, 1, 0);
    run(&trial, &first);
    ck_assert(memcmp(first.values, later.values, trial.total * sizeof(float)) == 0);
    free(first.values);
    free(later.values);
    finish(&trial);
}
END_TEST

/* A right forward pass, and one thing wrong on the way back. */
START_TEST(mutations_show)
{
    static const char *const mutations[] = { "act", "eps", "layerscale", "qk_norm", "pooling",
        "scale2", "final_norm", "fc_norm" };
    struct trial trial;
    begin(&trial, _i);
    const json_t *listed = json_object_get(trial.model_about, "mutations");
    prepare(&trial, 1, 0);
    run(&trial, &trial.found);
    for (size_t m = 0; m < sizeof mutations / sizeof *mutations; m++) {
        struct vit wrong;
        struct gradients found;
        const char *where = "";
        make_gradients(&trial, &found, 1);
        open_case(
            &wrong, json_string_value(json_object_get(trial.about, "case")), trial.model_about);
        if (mutate_backward(&wrong, mutations[m], listed)) {
            run_pictures(&trial, &wrong, 0, trial.batch, trial.drop_path, &found);
            const double most = measure(&trial, found.values, trial.found.values, &where);
            ck_assert_msg(
                most > 1e-3, "%s: %s goes unnoticed: %.2e", trial.name, mutations[m], most);
        }
        free(found.values);
        vit_close(&wrong);
    }
    finish(&trial);
}
END_TEST

int main(void)
{
    gemm_start();
    all = json_load_file(GRADIENTS "/cases.json", 0, NULL);
    const int count = (int)json_array_size(all);
    Suite *suite = suite_create("train_vit");
    TCase *tests = tcase_create("gradients");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, same_gradients, 0, count);
    tcase_add_loop_test(tests, gradients_add, 0, count);
    tcase_add_test(tests, one_head);
    tcase_add_loop_test(tests, same_bytes, 0, count);
    tcase_add_loop_test(tests, refreshed, 0, count);
    tcase_add_loop_test(tests, mutations_show, 0, count);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    json_decref(all);
    return failed > 0 || count == 0;
}
