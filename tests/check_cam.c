/*
 * common/cam against pytorch-grad-cam and NumPy: tests/data/cam/places.tar (tests/oracle/cam.py
 * says what is there); and what no library is asked: NaN, signs, sizes.
 */
#include "common/cam.h"
#include "formats/stream.h"
#include "tests/numbers.h"

#include <stdio.h>

static const char *const methods[] = { "gradcam", "gradcam++", "hirescam", "layercam",
    "xgradcam", "eigencam" };
enum { METHODS = 6 };

/* The map of a and g [channels, positions], malloc'd. */
static float *make_map(enum cam_method method, size_t channels, size_t positions,
    const float *a, const float *g, struct cam_doubts *doubts)
{
    const struct cam cam = { method, channels, positions, a, g };
    const size_t room = cam_room(&cam);
    double *scratch = malloc(room * sizeof *scratch);
    float *map = malloc(positions * sizeof *map);
    ck_assert(room > 0 && scratch && map);
    memset(scratch, 0xff, room * sizeof *scratch);
    cam_map(&cam, scratch, map, doubts);
    free(scratch);
    return map;
}

static void read_floats(
    const struct sample *sample, const char *suffix, size_t rank, struct floats *floats)
{
    struct scratch scratch = { 0 };
    struct error error = { "" };
    ck_assert_msg(
        sample_floats(sample, suffix, rank, floats, &scratch, &error) == 0, "%s", error.text);
    ck_assert_ptr_null(scratch.bytes);
}

/* To 1e-5 of the map's largest. */
static void compare(const struct sample *sample, const char *place, int method)
{
    char suffix[100], what[100];
    struct floats act, grad, expected;
    struct cam_doubts doubts;
    snprintf(suffix, sizeof suffix, "act.%s.npy", place);
    read_floats(sample, suffix, 3, &act);
    snprintf(suffix, sizeof suffix, "actgrad.%s.npy", place);
    read_floats(sample, suffix, 3, &grad);
    snprintf(suffix, sizeof suffix, "expect.%s.%s.npy", methods[method], place);
    read_floats(sample, suffix, 2, &expected);
    float *map = make_map(
        (enum cam_method)method, act.shape[0], expected.count, act.data, grad.data, &doubts);
    double most = 0;
    for (size_t i = 0; i < expected.count; i++)
        most = fmax(most, (double)expected.data[i]);
    snprintf(what, sizeof what, "%s %s %s", sample->key, methods[method], place);
    for (size_t i = 0; i < expected.count; i++)
        expect_near((double)map[i], (double)expected.data[i], 1e-5 * most, what, i);
    const bool sums_cancel = strcmp(sample->key, "cancelled") == 0 && method == CAM_XGRADCAM;
    ck_assert_uint_eq(doubts.cancelled, sums_cancel ? 1 : 0);
    ck_assert(!doubts.sign);
    free(map);
}

START_TEST(same_maps)
{
    const char *path = "tests/data/cam/places.tar";
    struct stream_reader *reader;
    struct sample sample = { 0 };
    struct error error = { "" };
    size_t count = 0;
    int got;
    ck_assert_int_eq(stream_open(&reader, &path, 1, &error), 0);
    while ((got = stream_read(reader, &sample, &error)) > 0)
        for (size_t i = 0; i < sample.count; i++) {
            const char *suffix = sample.members[i].suffix;
            if (strncmp(suffix, "act.", 4) != 0)
                continue;
            char place[40];
            snprintf(place, sizeof place, "%.*s", (int)(strlen(suffix) - strlen("act..npy")),
                suffix + 4);
            compare(&sample, place, _i);
            count++;
        }
    ck_assert_msg(got == 0, "%s", error.text);
    ck_assert_uint_eq(count, 12);
    sample_free(&sample);
    stream_close(reader);
}
END_TEST

enum { CHANNELS = 3, POSITIONS = 5 };

/* Which positions are NaN, as "-----", where number i of the activation or the gradient is. */
static const struct {
    const char *in_act, *in_grad;
} nans[METHODS] = { { "-N---", "NNNNN" }, { "NNNNN", "NNNNN" }, { "-N---", "-N---" },
    { "-N---", "-N---" }, { "NNNNN", "NNNNN" }, { "NNNNN", "-----" } };

START_TEST(nan_stays)
{
    const enum cam_method method = (enum cam_method)(_i / 2);
    const bool in_act = _i % 2 == 0;
    const char *expected = in_act ? nans[method].in_act : nans[method].in_grad;
    float a[CHANNELS * POSITIONS], g[CHANNELS * POSITIONS];
    struct cam_doubts doubts;
    fill(a, CHANNELS * POSITIONS, 1, 1);
    fill(g, CHANNELS * POSITIONS, 2, 1);
    (in_act ? a : g)[POSITIONS + 1] = NAN;
    float *map = make_map(method, CHANNELS, POSITIONS, a, g, &doubts);
    for (size_t i = 0; i < POSITIONS; i++)
        ck_assert_msg((isnan(map[i]) != 0) == (expected[i] == 'N'), "%s: [%zu] is %g",
            methods[method], i, (double)map[i]);
    free(map);
}
END_TEST

START_TEST(infinity_has_no_component)
{
    float a[CHANNELS * POSITIONS];
    struct cam_doubts doubts;
    fill(a, CHANNELS * POSITIONS, 1, 1);
    a[7] = INFINITY;
    float *map = make_map(CAM_EIGENCAM, CHANNELS, POSITIONS, a, NULL, &doubts);
    for (size_t i = 0; i < POSITIONS; i++)
        ck_assert(isnan(map[i]));
    free(map);
}
END_TEST

/* Fewer channels than positions, and more: the map goes along with the mean over channels, and
 * with the activations turned round it is the other side of the same component. */
START_TEST(sign_follows_mean)
{
    const size_t channels = _i ? 40 : 4, positions = 12;
    float a[480];
    struct cam_doubts doubts;
    for (unsigned seed = 0; seed < 8; seed++) {
        float *maps[2];
        double along[2] = { 0 };
        fill(a, channels * positions, seed, 1);
        for (size_t i = 0; i < channels * positions; i++)
            a[i] += 5 + (float)(i % positions * (seed + 1) % 7);
        for (int turned = 0; turned < 2; turned++) {
            maps[turned] = make_map(CAM_EIGENCAM, channels, positions, a, NULL, &doubts);
            ck_assert(!doubts.sign);
            double mean = 0;
            for (size_t i = 0; i < channels * positions; i++)
                mean += (double)a[i] / (double)(channels * positions);
            for (size_t i = 0; i < channels * positions; i++)
                along[turned] += (double)maps[turned][i % positions] * ((double)a[i] - mean);
            ck_assert_msg(along[turned] > 0, "%g", along[turned]);
            for (size_t i = 0; i < channels * positions; i++)
                a[i] = -a[i];
        }
        for (size_t p = 0; p < positions; p++)
            ck_assert(maps[0][p] <= 0 || maps[1][p] <= 0);
        free(maps[0]);
        free(maps[1]);
    }
}
END_TEST

START_TEST(no_sign)
{
    float a[2 * POSITIONS];
    struct cam_doubts doubts;
    fill(a, POSITIONS, 3, 1);
    for (size_t p = 0; p < POSITIONS; p++)
        a[POSITIONS + p] = -a[p];
    free(make_map(CAM_EIGENCAM, 2, POSITIONS, a, NULL, &doubts));
    ck_assert(doubts.sign);
}
END_TEST

/* Equal numbers, whose mean in floating point is not always they. */
START_TEST(nothing_varies)
{
    for (size_t positions = 1; positions < 100; positions++) {
        float a[CHANNELS * 100];
        struct cam_doubts doubts;
        for (size_t i = 0; i < CHANNELS * positions; i++)
            a[i] = 0.1f * (float)(1 + i / positions);
        float *map = make_map(CAM_EIGENCAM, CHANNELS, positions, a, NULL, &doubts);
        for (size_t i = 0; i < positions; i++)
            ck_assert_msg(map[i] == 0 && !signbit(map[i]), "%g", (double)map[i]);
        ck_assert(!doubts.sign);
        free(map);
    }
}
END_TEST

START_TEST(sizes)
{
    static const struct {
        size_t channels, positions;
        bool fits;
    } cases[] = { { 2048, 56 * 56, true }, { 2049, 2048, true }, { 2049, 2049, false },
        { 1, 1 << 20, true }, { 1 << 20, 1, true } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cam cam = { CAM_EIGENCAM, cases[i].channels, cases[i].positions, NULL, NULL };
        ck_assert_msg((cam_room(&cam) > 0) == cases[i].fits, "%zu", i);
        cam.method = CAM_LAYERCAM;
        ck_assert_uint_eq(cam_room(&cam), cases[i].positions);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cam");
    TCase *tests = tcase_create("cam");
    tcase_add_loop_test(tests, same_maps, 0, METHODS);
    tcase_add_loop_test(tests, nan_stays, 0, 2 * METHODS);
    tcase_add_test(tests, infinity_has_no_component);
    tcase_add_loop_test(tests, sign_follows_mean, 0, 2);
    tcase_add_test(tests, no_sign);
    tcase_add_test(tests, nothing_varies);
    tcase_add_test(tests, sizes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
