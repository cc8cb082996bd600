/*
 * Every family of ResNets against the library that it comes from: tests/data/resnet/CASE holds
 * a checkpoint with all parameters drawn at random, inputs, and what the library computed from
 * them in float64 (tests/oracle/resnet.py). Then the same with one thing wrong at a time, which
 * must show: else the comparison would not notice either.
 */
#include "common/gemm.h"
#include "common/resnet.h"
#include "tests/reference.h"

#include <string.h>

#define ROOT "tests/data/resnet"
enum { MAX_CASES = 40, MAX_BATCH = 2 };

static char cases[MAX_CASES][64];
static int case_count;

static void open_case(struct resnet *resnet, const char *name, const json_t *json)
{
    char path[256];
    struct error error = { "" };
    snprintf(path, sizeof path, ROOT "/%s/%s", name,
        json_string_value(json_object_get(json, "file")));
    ck_assert_msg(resnet_open(resnet, path, NULL, &error) == 0, "%s: %s", name, error.text);
}

/* The largest differences of one pass from the reference, each relative to the largest. */
struct differences {
    double logits, acts, gradients;
    size_t compared; /* arrays */
};

static double compare(const char *name, const char *file, const float *ours,
    const size_t *shape, size_t *compared)
{
    struct array array;
    double most = 0;
    if (load(&array, ROOT, name, file)) {
        bool same = true;
        for (size_t i = 0; i < array.npy.rank; i++)
            same = same && array.npy.shape[i] == shape[i];
        most = same ? difference(ours, array.data, array.npy.count, true) : (double)INFINITY;
        unload(&array);
        ++*compared;
    }
    return most;
}

/* One picture beside the other, so that a place is one array as in the reference. */
struct places {
    float **all;  /* [1 + block_count], each [B, C, h, w] */
    float **each; /* [(1 + block_count) * B] */
};

static struct places make_places(
    const struct resnet *resnet, const struct resnet_pass *pass, size_t batch)
{
    const size_t count = 1 + resnet->block_count;
    struct places places = { calloc(count, sizeof(float *)),
        calloc(count * batch, sizeof(float *)) };
    for (size_t place = 0; place < count; place++) {
        size_t shape[3];
        resnet_place_shape(pass, place, shape);
        const size_t size = shape[0] * shape[1] * shape[2];
        places.all[place] = calloc(batch * size, sizeof(float));
        for (size_t b = 0; b < batch; b++)
            places.each[place * batch + b] = places.all[place] + b * size;
    }
    return places;
}

static void free_places(const struct resnet *resnet, struct places *places)
{
    for (size_t place = 0; place < 1 + resnet->block_count; place++)
        free(places->all[place]);
    free(places->all);
    free(places->each);
}

static void compare_places(const struct resnet *resnet, const struct resnet_pass *pass,
    const char *name, const char *kind, const struct places *ours, size_t batch, double *most,
    size_t *compared)
{
    for (size_t place = 0; place < 1 + resnet->block_count; place++) {
        char text[32], file[80];
        size_t shape[4] = { batch };
        resnet_place_name(resnet, place, text);
        resnet_place_shape(pass, place, shape + 1);
        snprintf(file, sizeof file, "%s.%s.npy", kind, text);
        *most = fmax(*most, compare(name, file, ours->all[place], shape, compared));
    }
}

/* second: the input of another size. */
static struct differences run(const struct resnet *resnet, const char *name, const json_t *json,
    bool second, size_t thread_count)
{
    struct array input;
    struct error error = { "" };
    struct threads *threads;
    struct resnet_pass *pass = NULL;
    struct differences found = { 0 };
    const size_t classes = resnet->model.classes;
    ck_assert(load(&input, ROOT, name, second ? "input2.npy" : "input.npy"));
    const size_t batch = input.npy.shape[0], h = input.npy.shape[2], w = input.npy.shape[3];
    const float *inputs[MAX_BATCH];
    float *logits = calloc(2 * batch * (classes + 1), sizeof *logits);
    float *one_hot = logits + batch * (classes + 1);
    for (size_t b = 0; b < batch; b++)
        inputs[b] = input.data + b * 3 * h * w;
    ck_assert(threads_create(&threads, thread_count, &error) == 0);
    ck_assert_msg(resnet_prepare(resnet, &pass, batch, h, w,
                      classes ? 0 : (size_t)RESNET_KEEP_NONE, threads, &error)
                      == 0,
        "%s: %s", name, error.text);
    struct places acts = make_places(resnet, pass, batch);
    resnet_forward(resnet, pass, inputs, batch, classes ? logits : NULL, acts.each);
    compare_places(resnet, pass, name, second ? "act2" : "act", &acts, batch, &found.acts,
        &found.compared);
    if (classes > 0) {
        const json_t *targets = json_object_get(json, "target");
        for (size_t b = 0; b < batch; b++)
            one_hot[b * classes
                    + (size_t)json_integer_value(json_array_get(targets, second ? 2 : b))] = 1;
        struct places gradients = make_places(resnet, pass, batch);
        resnet_backward(resnet, pass, batch, one_hot, gradients.each);
        compare_places(resnet, pass, name, second ? "actgrad2" : "actgrad", &gradients, batch,
            &found.gradients, &found.compared);
        found.logits = compare(name, second ? "logits2.npy" : "logits.npy", logits,
            (const size_t[]){ batch, classes }, &found.compared);
        free_places(resnet, &gradients);
    }
    free_places(resnet, &acts);
    resnet_pass_free(pass);
    threads_free(threads);
    free(logits);
    unload(&input);
    return found;
}

START_TEST(same_numbers)
{
    const char *name = cases[_i];
    struct resnet resnet;
    json_t *json = load_case(ROOT, name);
    open_case(&resnet, name, json);
    ck_assert_str_eq(resnet.family, json_string_value(json_object_get(json, "family")));
    ck_assert_uint_eq(
        resnet.model.classes, (size_t)json_integer_value(json_object_get(json, "classes")));
    ck_assert_uint_eq(resnet.stages, json_array_size(json_object_get(json, "depths")));
    for (size_t i = 0; i < resnet.stages; i++)
        ck_assert_int_eq((json_int_t)resnet.depths[i],
            json_integer_value(json_array_get(json_object_get(json, "depths"), i)));
    for (int second = 0; second < 2; second++) {
        const struct differences found = run(&resnet, name, json, second, 1 + (size_t)second);
        ck_assert_msg(found.acts < 1e-5 && found.gradients < 1e-4 && found.logits < 1e-4,
            "%s%s: act %.2e actgrad %.2e logits %.2e", name, second ? " (second)" : "",
            found.acts, found.gradients, found.logits);
        ck_assert_uint_ge(found.compared, resnet.model.classes ? 5 : 3);
    }
    resnet_close(&resnet);
    json_decref(json);
}
END_TEST

/* What goes wrong in real loaders, one at a time; false where it doesn't apply. */
static bool mutate(struct resnet *resnet, int mutation)
{
    static const float zeros[64];
    bool done = false;
    for (size_t i = 0; i < resnet->block_count; i++) {
        struct resnet_block *block = &resnet->blocks[i];
        const bool strided = block->stride > 1;
        const size_t stride = block->convs[0].stride;
        if (mutation == 0 && strided) { /* the stride in the other convolution */
            block->convs[0].stride = block->convs[1].stride;
            block->convs[1].stride = stride;
            done = true;
        } else if (mutation == 1 && strided && block->shortcut == SHORTCUT_POOL) {
            block->shortcut = SHORTCUT_CONV; /* a pixel instead of the average */
            block->projection.stride = block->stride;
            done = true;
        } else if (mutation == 2) { /* what the norm adds, forgotten */
            block->convs[block->count - 1].bias = zeros;
            done = true;
        }
    }
    if (mutation == 3) { /* no pooling behind the stem */
        done = resnet->pool;
        resnet->pool = false;
    }
    return done;
}

START_TEST(mutations_show)
{
    const char *name = cases[_i];
    json_t *json = load_case(ROOT, name);
    for (int mutation = 0; mutation < 4; mutation++) {
        struct resnet resnet;
        open_case(&resnet, name, json);
        if (mutate(&resnet, mutation)) {
            const struct differences found = run(&resnet, name, json, false, 1);
            ck_assert_msg(!(found.acts < 1e-3), "%s: %d goes unnoticed: %.2e", name, mutation,
                found.acts);
        }
        resnet_close(&resnet);
    }
    json_decref(json);
}
END_TEST

int main(void)
{
    gemm_start();
    case_count = list_cases(ROOT, cases, MAX_CASES);
    Suite *suite = suite_create("resnet");
    TCase *tests = tcase_create("resnet");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, same_numbers, 0, case_count);
    tcase_add_loop_test(tests, mutations_show, 0, case_count);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 || case_count == 0;
}
