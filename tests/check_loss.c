/* common/loss: against torch.nn.CrossEntropyLoss in float64; parts of a batch; what is not
 * finite. */
#include "common/loss.h"
#include "tests/reference.h"
#include "tests/numbers.h"

static const char root[] = "tests/data/train_steps";
static char cases[16][64];
static int case_count;

static double largest(const float *x, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

START_TEST(losses_as_torch)
{
    struct array logits, targets, gradients;
    ck_assert(load(&logits, root, cases[_i], "logits.npy"));
    ck_assert(load(&targets, root, cases[_i], "targets.npy"));
    ck_assert(load(&gradients, root, cases[_i], "gradients.npy"));
    json_t *json = load_case(root, cases[_i]);
    const size_t n = logits.npy.shape[0], classes = logits.npy.shape[1], count = n * classes;
    const double expected = json_number_value(json_object_get(json, "loss"));
    const json_t *labels = json_object_get(json, "labels");
    float *made = calloc(count, sizeof *made), *target = calloc(count, sizeof *target);
    const double bound = 1e-7 * largest(gradients.data, count);
    expect_near(loss_cross_entropy(made, logits.data, targets.data, n, classes, n) / expected,
        1, 2e-7, "loss", 0);
    for (size_t i = 0; i < count; i++)
        expect_near((double)made[i], (double)gradients.data[i], bound, "gradient", i);
    for (size_t i = 0; labels && i < n; i++) /* a label in two halves */
        for (int half = 0; half < 2; half++)
            loss_add_target(target + i * classes, classes,
                (size_t)json_integer_value(json_array_get(labels, i)), 0.5,
                json_number_value(json_object_get(json, "smoothing")));
    for (size_t i = 0; labels && i < count; i++)
        expect_near((double)target[i], (double)targets.data[i], 1e-7, "target", i);
    /* In parts, and in place. */
    memcpy(made, logits.data, count * sizeof *made);
    const size_t few = n / 2 * classes;
    double sum = loss_cross_entropy(made, made, targets.data, n / 2, classes, n);
    sum +=
        loss_cross_entropy(made + few, made + few, targets.data + few, n - n / 2, classes, n);
    expect_near(sum / expected, 1, 2e-7, "loss of parts", 0);
    for (size_t i = 0; i < count; i++)
        expect_near((double)made[i], (double)gradients.data[i], bound, "gradient", i);
    free(made);
    free(target);
    json_decref(json);
    unload(&logits);
    unload(&targets);
    unload(&gradients);
}
END_TEST

START_TEST(is_not_finite_where_a_logit_is_not)
{
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    for (size_t b = 0; b < 3; b++)
        for (size_t i = 0; i < 6; i++) {
            float logits[6] = { 1, 2, 3, -1, 0, 1 }, targets[6] = { 1, 0, 0, 0, 1, 0 };
            float gradients[6];
            ck_assert(isfinite(loss_cross_entropy(gradients, logits, targets, 2, 3, 2)));
            logits[i] = bad[b];
            ck_assert(!isfinite(loss_cross_entropy(gradients, logits, targets, 2, 3, 2)));
        }
}
END_TEST

int main(void)
{
    static char all[32][64];
    const int found = list_cases(root, all, 32);
    for (int i = 0; i < found; i++)
        if (strncmp(all[i], "loss-", 5) == 0)
            memcpy(cases[case_count++], all[i], sizeof all[i]);
    Suite *suite = suite_create("loss");
    TCase *tests = tcase_create("loss");
    tcase_add_loop_test(tests, losses_as_torch, 0, case_count ? case_count : 1);
    tcase_add_test(tests, is_not_finite_where_a_logit_is_not);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
