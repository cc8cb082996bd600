/*
 * Every family against the library that it comes from: tests/data/vit/CASE holds a checkpoint
 * with all parameters drawn at random, inputs, and what the library computed from them in
 * float64 (tests/oracle/vit.py). Then the same with one thing wrong at a time, which must show:
 * else the comparison would not notice either.
 */
#include "common/gemm.h"
#include "tests/families.h"

static char cases[MAX_CASES][64];
static int case_count;

/* The largest differences of one forward pass from the reference. */
struct differences {
    double attention, tokens, logits; /* absolute; relative to the largest; likewise */
};

/* second: the input of another size. False: the case has none. */
static bool run(const struct vit *vit, const char *name, bool second, size_t thread_count,
    struct differences *found)
{
    struct array input;
    struct error error;
    struct threads *threads;
    struct vit_pass *pass = NULL;
    const struct vit_config *config = &vit->config;
    if (!load(&input, ROOT, name, second ? "input2.npy" : "input.npy"))
        return false;
    const size_t batch = input.npy.shape[0], h = input.npy.shape[2], w = input.npy.shape[3];
    const size_t t = config->prefix + h / config->patch_rows * (w / config->patch_columns);
    float **attention = make_rows(config->layers * batch, config->heads * t * t);
    float **tokens = make_rows((config->layers + 1) * batch, t * config->dim);
    float **logits = make_rows(batch, vit->model.classes + 1);
    const struct vit_outputs outputs = {
        .attention = attention, .tokens = tokens, .logits = logits
    };
    const struct vit_plan plan = {
        .batch = batch, .height = h, .width = w, .lowest = VIT_NO_GRADIENT
    };
    const float *inputs[MAX_BATCH];
    for (size_t b = 0; b < batch; b++)
        inputs[b] = input.data + b * 3 * h * w;
    ck_assert(threads_create(&threads, thread_count, &error) == 0);
    ck_assert(vit_prepare(vit, &pass, &plan, threads, &error) == 0);
    vit_forward(vit, pass, inputs, batch, &outputs);
    *found = (struct differences){ 0 };
    compare(name, second ? "attn2" : "attn", config->layers, batch, attention, false,
        &found->attention);
    compare(name, second ? "tokens2" : "tokens", config->layers + 1, batch, tokens, true,
        &found->tokens);
    if (config->readout != READ_NONE)
        compare(name, second ? "logits2" : "logits", 1, batch, logits, true, &found->logits);
    vit_pass_free(pass);
    threads_free(threads);
    free_rows(attention, config->layers * batch);
    free_rows(tokens, (config->layers + 1) * batch);
    free_rows(logits, batch);
    unload(&input);
    return true;
}

START_TEST(same_numbers)
{
    const char *name = cases[_i];
    struct vit vit;
    json_t *json = load_case(ROOT, name);
    open_case(&vit, name, json);
    for (int second = 0; second < 2; second++) {
        struct differences found;
        if (!run(&vit, name, second, 1 + (size_t)second, &found))
            continue;
        ck_assert_msg(found.attention < 1e-5 && found.tokens < 1e-4 && found.logits < 1e-4,
            "%s%s: attention %.2e tokens %.2e logits %.2e", name, second ? " (resized)" : "",
            found.attention, found.tokens, found.logits);
    }
    vit_close(&vit);
    json_decref(json);
}
END_TEST

/* The case has logits exactly where the model computes them. */
START_TEST(same_head)
{
    const char *name = cases[_i];
    struct vit vit;
    struct array array;
    json_t *json = load_case(ROOT, name);
    open_case(&vit, name, json);
    const bool has = load(&array, ROOT, name, "logits.npy");
    const json_t *config = json_object_get(json, "config");
    const char *readout = json_string_value(json_object_get(config, "readout"));
    const bool pooled =
        readout && (strcmp(readout, "map") == 0 || strcmp(readout, "avgmax") == 0);
    ck_assert_msg(
        (vit.config.readout != READ_NONE) == (has && !pooled), "%s: %s", name, readout);
    if (has)
        unload(&array);
    vit_close(&vit);
    json_decref(json);
}
END_TEST

START_TEST(mutations_show)
{
    const char *name = cases[_i];
    json_t *json = load_case(ROOT, name), *mutation;
    size_t m;
    json_array_foreach(json_object_get(json, "mutations"), m, mutation) {
        struct vit vit;
        struct differences found;
        bool second = false;
        open_case(&vit, name, json);
        if (mutate(&vit, json_string_value(mutation), &second)) {
            ck_assert(run(&vit, name, second, 1, &found));
            ck_assert_msg(found.attention > 1e-4 || found.tokens > 1e-3 || found.logits > 1e-3,
                "%s: %s goes unnoticed: attention %.2e tokens %.2e logits %.2e", name,
                json_string_value(mutation), found.attention, found.tokens, found.logits);
        }
        vit_close(&vit);
    }
    json_decref(json);
}
END_TEST

int main(void)
{
    gemm_start();
    case_count = list_cases(ROOT, cases, MAX_CASES);
    Suite *suite = suite_create("families");
    TCase *tests = tcase_create("families");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, same_numbers, 0, case_count);
    tcase_add_loop_test(tests, same_head, 0, case_count);
    tcase_add_loop_test(tests, mutations_show, 0, case_count);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 || case_count == 0;
}
