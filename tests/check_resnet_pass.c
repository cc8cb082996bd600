/*
 * common/resnet_forward and resnet_backward: small networks of every kind against their
 * definition in double, gradients against its differences; any lowest place, batch and number
 * of threads.
 */
#include "common/gemm.h"
#include "tests/naiveconv.h"

enum { MAX_BLOCKS = 4, CLASSES = 5, BATCH = 3 };

/* A network in words: blocks of width, stride, shortcut; a bottleneck's groups. */
static const struct {
    size_t stem[4][3]; /* channels, kernel, stride */
    bool pool;
    size_t count, groups; /* convolutions of a block */
    struct {
        size_t width, out, stride;
        enum shortcut shortcut;
    } blocks[MAX_BLOCKS];
    size_t height, width;
} nets[] = {
    { { { 8, 7, 2 } }, true, 3, 1,
        { { 4, 16, 1, SHORTCUT_CONV }, { 4, 16, 1, SHORTCUT_IDENTITY },
            { 8, 32, 2, SHORTCUT_CONV }, { 8, 32, 1, SHORTCUT_IDENTITY } },
        29, 26 },
    { { { 6, 7, 2 } }, true, 2, 1,
        { { 6, 6, 1, SHORTCUT_IDENTITY }, { 6, 6, 1, SHORTCUT_IDENTITY },
            { 12, 12, 2, SHORTCUT_CONV }, { 12, 12, 1, SHORTCUT_IDENTITY } },
        32, 31 },
    { { { 4, 3, 2 }, { 5, 3, 1 }, { 8, 3, 1 } }, true, 3, 1,
        { { 4, 16, 1, SHORTCUT_POOL }, { 8, 32, 2, SHORTCUT_POOL },
            { 8, 32, 1, SHORTCUT_IDENTITY }, { 4, 20, 2, SHORTCUT_POOL } },
        37, 27 },
    { { { 4, 3, 1 } }, false, 2, 1,
        { { 4, 4, 1, SHORTCUT_IDENTITY }, { 8, 8, 2, SHORTCUT_PAD },
            { 8, 8, 1, SHORTCUT_IDENTITY }, { 16, 16, 2, SHORTCUT_PAD } },
        9, 11 },
    { { { 8, 3, 1 }, { 8, 3, 1 } }, false, 3, 8,
        { { 32, 16, 1, SHORTCUT_CONV }, { 32, 16, 1, SHORTCUT_IDENTITY },
            { 64, 24, 2, SHORTCUT_CONV }, { 16, 24, 1, SHORTCUT_IDENTITY } },
        7, 6 },
    { { { 8, 7, 2 } }, true, 3, 1,
        { { 4, 16, 1, SHORTCUT_CONV }, { 8, 32, 2, SHORTCUT_POOL }, { 8, 32, 2, SHORTCUT_CONV },
            { 8, 40, 2, SHORTCUT_PAD } },
        1, 2 },
};
enum { NETS = sizeof nets / sizeof *nets };

static struct resnet net;
static struct resnet_block blocks[MAX_BLOCKS];
static float *weights[64];
static size_t weight_count;

static float *make(size_t count, float scale)
{
    float *made = malloc(count * sizeof *made);
    ck_assert(made && weight_count < 64);
    fill(made, count, (unsigned)weight_count + 1, scale);
    return weights[weight_count++] = made;
}

static struct conv make_conv(size_t in, size_t out, size_t kernel, size_t stride, size_t groups)
{
    const size_t taps = kernel * kernel * in / groups;
    struct conv conv = { in, out, kernel, stride, kernel / 2, groups, NULL, NULL };
    conv.weight = make(taps * out, sqrtf(4.0f / (float)taps));
    conv.bias = make(out, 0.3f);
    return conv;
}

static void make_block(int i, size_t b, size_t in)
{
    const size_t width = nets[i].blocks[b].width, out = nets[i].blocks[b].out;
    const size_t stride = nets[i].blocks[b].stride;
    struct resnet_block *block = &blocks[b];
    *block = (struct resnet_block){
        .count = nets[i].count, .shortcut = nets[i].blocks[b].shortcut, .stride = stride
    };
    if (block->count == 3) {
        block->convs[0] = make_conv(in, width, 1, 1, 1);
        block->convs[1] = make_conv(width, width, 3, stride, nets[i].groups);
        block->convs[2] = make_conv(width, out, 1, 1, 1);
    } else {
        block->convs[0] = make_conv(in, out, 3, stride, 1);
        block->convs[1] = make_conv(out, out, 3, 1, 1);
    }
    if (block->shortcut == SHORTCUT_CONV || block->shortcut == SHORTCUT_POOL)
        block->projection =
            make_conv(in, out, 1, block->shortcut == SHORTCUT_POOL ? 1 : stride, 1);
}

static void make_net(int i)
{
    size_t in = 3;
    gemm_start();
    net = (struct resnet){ .pool = nets[i].pool, .blocks = blocks, .block_count = MAX_BLOCKS };
    for (; nets[i].stem[net.stem_count][0] > 0; net.stem_count++) {
        const size_t *stem = nets[i].stem[net.stem_count];
        net.stem[net.stem_count] = make_conv(in, stem[0], stem[1], stem[2], 1);
        in = stem[0];
    }
    for (size_t b = 0; b < MAX_BLOCKS; in = nets[i].blocks[b++].out)
        make_block(i, b, in);
    net.features = in;
    net.model.classes = CLASSES;
    net.fc_weight = make(CLASSES * in, 1);
    net.fc_bias = make(CLASSES, 1);
}

static void drop_net(void)
{
    while (weight_count > 0)
        free(weights[--weight_count]);
}

/* The activation at place 0. */
static struct naive naive_stem(const struct naive *input)
{
    struct naive x = naive_pool(input, 1, 1, 0, false);
    for (size_t i = 0; i < net.stem_count; i++) {
        naive_replace(&x, naive_conv(&net.stem[i], &x));
        naive_relu(&x);
    }
    return x;
}

/* From the activation at a place (freed) to the logits [B, CLASSES]. */
static void naive_tail(struct naive x, size_t place, double *logits)
{
    if (place == 0 && net.pool)
        naive_replace(&x, naive_pool(&x, 3, 2, 1, false));
    for (; place < MAX_BLOCKS; place++)
        naive_block(&net.blocks[place], &x);
    const size_t positions = x.height * x.width;
    for (size_t b = 0; b < x.batch; b++)
        for (size_t k = 0; k < CLASSES; k++) {
            double sum = (double)net.fc_bias[k];
            for (size_t i = 0; i < positions * x.channels; i++)
                sum += x.data[b * positions * x.channels + i] / (double)positions
                       * (double)net.fc_weight[k * x.channels + i % x.channels];
            logits[b * CLASSES + k] = sum;
        }
    free(x.data);
}

/* What the passes gave: everything, or NULL where it wasn't asked for. */
struct outcome {
    size_t shape[1 + MAX_BLOCKS][3];
    float logits[BATCH * CLASSES];
    float *activations[(1 + MAX_BLOCKS) * BATCH], *gradients[(1 + MAX_BLOCKS) * BATCH];
};

static size_t volume(const size_t shape[3])
{
    return shape[0] * shape[1] * shape[2];
}

static float input[BATCH * 3 * 40 * 40], seeds[BATCH * CLASSES]; /* d target / d logits */

/* Runs with buffers for BATCH pictures; every place from lowest on gets its gradient. */
static void run(int i, size_t batch, size_t lowest, size_t count, struct outcome *outcome)
{
    struct threads *threads;
    struct error error;
    struct resnet_pass *pass = NULL;
    const float *inputs[BATCH];
    const size_t pixels = 3 * nets[i].height * nets[i].width;
    for (size_t b = 0; b < BATCH; b++)
        inputs[b] = input + b * pixels;
    ck_assert_int_eq(threads_create(&threads, count, &error), 0);
    ck_assert_int_eq(resnet_prepare(&net, &pass, BATCH, nets[i].height, nets[i].width, lowest,
                         threads, &error),
        0);
    memset(outcome, 0, sizeof *outcome);
    for (size_t place = 0; place <= MAX_BLOCKS; place++) {
        resnet_place_shape(pass, place, outcome->shape[place]);
        for (size_t b = 0; b < batch; b++) {
            const size_t at = place * batch + b, size = volume(outcome->shape[place]);
            outcome->activations[at] = malloc(size * sizeof(float));
            outcome->gradients[at] = place < lowest ? NULL : malloc(size * sizeof(float));
        }
    }
    resnet_forward(&net, pass, inputs, batch, outcome->logits, outcome->activations);
    if (lowest != RESNET_KEEP_NONE)
        resnet_backward(&net, pass, batch, seeds, outcome->gradients);
    resnet_pass_free(pass);
    threads_free(threads);
}

static void drop(struct outcome *outcome)
{
    for (size_t i = 0; i < (1 + MAX_BLOCKS) * BATCH; i++) {
        free(outcome->activations[i]);
        free(outcome->gradients[i]);
    }
}

static void set_up(void)
{
    fill(input, sizeof input / sizeof *input, 77, 1.5f);
    fill(seeds, sizeof seeds / sizeof *seeds, 78, 1);
}

static struct naive naive_input(int i)
{
    const size_t height = nets[i].height, width = nets[i].width, pixels = height * width;
    struct naive x = naive_make(BATCH, height, width, 3);
    for (size_t at = 0; at < naive_count(&x); at++)
        x.data[at] =
            (double)input[at / 3 / pixels * 3 * pixels + at % 3 * pixels + at / 3 % pixels];
    return x;
}

/* Planes [C, h, w] of every picture against x. */
static void expect_planes(
    const size_t shape[3], float *const *planes, const struct naive *x, const char *what)
{
    const size_t pixels = shape[1] * shape[2], one = volume(shape);
    double most = 0;
    ck_assert(x->channels == shape[0] && x->height == shape[1] && x->width == shape[2]);
    for (size_t i = 0; i < naive_count(x); i++)
        most = fmax(most, fabs(x->data[i]));
    for (size_t i = 0; i < naive_count(x); i++) {
        const size_t p = i % one / shape[0], c = i % shape[0];
        expect_near((double)planes[i / one][c * pixels + p], x->data[i], 2e-6 * most, what, i);
    }
}

START_TEST(forward_passes)
{
    struct outcome outcome;
    double logits[BATCH * CLASSES];
    make_net(_i);
    run(_i, BATCH, RESNET_KEEP_NONE, 1, &outcome);
    const struct naive from = naive_input(_i);
    struct naive x = naive_stem(&from);
    expect_planes(outcome.shape[0], outcome.activations, &x, "stem");
    naive_tail(naive_pool(&x, 1, 1, 0, false), 0, logits);
    for (size_t i = 0; i < BATCH * CLASSES; i++)
        expect_near((double)outcome.logits[i], logits[i], 1e-5, "logit", i);
    if (net.pool)
        naive_replace(&x, naive_pool(&x, 3, 2, 1, false));
    for (size_t b = 0; b < MAX_BLOCKS; b++) {
        naive_block(&net.blocks[b], &x);
        expect_planes(outcome.shape[b + 1], outcome.activations + (b + 1) * BATCH, &x, "block");
    }
    free(from.data);
    free(x.data);
    drop(&outcome);
    drop_net();
}
END_TEST

/* The target seeds . logits of an activation with one number changed. */
static double target(const struct naive *x, size_t place, size_t at, double change)
{
    double logits[BATCH * CLASSES], sum = 0;
    struct naive changed = naive_pool(x, 1, 1, 0, false);
    changed.data[at] += change;
    naive_tail(changed, place, logits);
    for (size_t i = 0; i < BATCH * CLASSES; i++)
        sum += logits[i] * (double)seeds[i];
    return sum;
}

/* A few numbers of each picture: central differences, but where a relu or a maximum turns
 * between: there the two sides differ. */
static size_t expect_differences(
    const struct outcome *outcome, const struct naive *x, size_t place)
{
    const size_t *shape = outcome->shape[place], one = volume(shape), steps = 37;
    const double step = 1e-6;
    size_t compared = 0;
    double most = 0;
    for (size_t i = 0; i < BATCH * one; i++)
        most = fmax(most, fabs((double)outcome->gradients[place * BATCH + i / one][i % one]));
    ck_assert(most > 0);
    for (size_t n = 0; n < steps; n++) {
        const size_t at = n * (BATCH * one - 1) / (steps - 1), inside = at % one;
        const double here = target(x, place, at, 0);
        const double up = (target(x, place, at, step) - here) / step;
        const double down = (here - target(x, place, at, -step)) / step;
        if (fabs(up - down) > 1e-6 * most)
            continue;
        const float *found = outcome->gradients[place * BATCH + at / one];
        expect_near((double)found[inside % shape[0] * shape[1] * shape[2] + inside / shape[0]],
            (up + down) / 2, 3e-6 * most, "gradient", at);
        compared++;
    }
    return compared;
}

START_TEST(backward_passes)
{
    struct outcome outcome;
    make_net(_i);
    run(_i, BATCH, 0, 2, &outcome);
    const struct naive from = naive_input(_i);
    struct naive x = naive_stem(&from);
    for (size_t place = 0; place <= MAX_BLOCKS; place++) {
        const size_t compared = expect_differences(&outcome, &x, place);
        ck_assert_msg(compared >= 12, "only %zu differences at place %zu", compared, place);
        if (place == 0 && net.pool)
            naive_replace(&x, naive_pool(&x, 3, 2, 1, false));
        if (place < MAX_BLOCKS)
            naive_block(&net.blocks[place], &x);
    }
    free(from.data);
    free(x.data);
    drop(&outcome);
    drop_net();
}
END_TEST

/* Whatever is kept, however many threads and pictures: the same bytes. */
START_TEST(same_bytes)
{
    struct outcome all, outcome;
    make_net(_i);
    run(_i, BATCH, 0, 2, &all);
    for (size_t lowest = 0; lowest <= MAX_BLOCKS + 1; lowest++)
        for (size_t count = 1; count <= 3; count++) {
            run(_i, BATCH, lowest > MAX_BLOCKS ? RESNET_KEEP_NONE : lowest, count, &outcome);
            ck_assert_mem_eq(outcome.logits, all.logits, sizeof all.logits);
            for (size_t i = 0; i < (1 + MAX_BLOCKS) * BATCH; i++) {
                const size_t size = volume(all.shape[i / BATCH]) * sizeof(float);
                ck_assert_mem_eq(outcome.activations[i], all.activations[i], size);
                if (i / BATCH >= lowest)
                    ck_assert_mem_eq(outcome.gradients[i], all.gradients[i], size);
            }
            drop(&outcome);
        }
    drop(&all);
    drop_net();
}
END_TEST

/* Fewer pictures than were prepared for: the same bytes. */
START_TEST(small_batches)
{
    struct outcome all, outcome;
    make_net(_i);
    run(_i, BATCH, 0, 2, &all);
    for (size_t batch = 1; batch < BATCH; batch++) {
        run(_i, batch, 0, 2, &outcome);
        ck_assert_mem_eq(outcome.logits, all.logits, batch * CLASSES * sizeof(float));
        for (size_t i = 0; i < (1 + MAX_BLOCKS) * batch; i++) {
            const size_t place = i / batch, at = place * BATCH + i % batch;
            const size_t size = volume(all.shape[place]) * sizeof(float);
            ck_assert_mem_eq(outcome.activations[i], all.activations[at], size);
            ck_assert_mem_eq(outcome.gradients[i], all.gradients[at], size);
        }
        drop(&outcome);
    }
    drop(&all);
    drop_net();
}
END_TEST

/* Without a head or without wishes nothing is written; NaN comes through to the logits. */
START_TEST(wishes)
{
    struct outcome outcome;
    make_net(_i);
    input[0] = NAN;
    run(_i, BATCH, RESNET_KEEP_NONE, 2, &outcome);
    for (size_t i = 0; i < BATCH * CLASSES; i++)
        ck_assert(!isnan(outcome.logits[i]) == (i >= CLASSES));
    drop(&outcome);
    net.fc_weight = net.fc_bias = NULL;
    net.model.classes = 0;
    run(_i, BATCH, RESNET_KEEP_NONE, 2, &outcome);
    for (size_t i = 0; i < BATCH * CLASSES; i++)
        ck_assert(outcome.logits[i] == 0);
    drop(&outcome);
    drop_net();
}
END_TEST

START_TEST(refusals)
{
    struct error error;
    struct threads *threads;
    struct resnet_pass *pass = NULL;
    make_net(0);
    ck_assert_int_eq(threads_create(&threads, 1, &error), 0);
    ck_assert_int_eq(resnet_prepare(&net, &pass, 1, 0, 5, 0, threads, &error), BAD_SAMPLE);
    ck_assert_str_eq(error.text, "5x0 pixels are too few for this ResNet");
    net.stem[0].pad = 0;
    ck_assert_int_eq(resnet_prepare(&net, &pass, 1, 7, 6, 0, threads, &error), BAD_SAMPLE);
    ck_assert_str_eq(error.text, "6x7 pixels are too few for this ResNet");
    ck_assert_int_eq(resnet_prepare(&net, &pass, 1, 7, 7, 0, threads, &error), 0);
    blocks[2].projection.stride = 1;
    ck_assert_int_eq(resnet_prepare(&net, &pass, 1, 31, 31, 0, threads, &error), BAD_USAGE);
    ck_assert_str_eq(error.text, "block 2's shortcut gives 32 channels of 7x7, its "
                                 "convolutions 32 of 4x4");
    blocks[2].projection.stride = 2;
    ck_assert_int_eq(
        resnet_prepare(&net, &pass, SIZE_MAX / 8, 1 << 20, 1 << 20, 0, threads, &error),
        BAD_SYSTEM);
    resnet_pass_free(pass);
    resnet_pass_free(NULL);
    threads_free(threads);
    drop_net();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resnet_pass");
    TCase *tests = tcase_create("resnet_pass");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_loop_test(tests, forward_passes, 0, NETS);
    tcase_add_loop_test(tests, backward_passes, 0, NETS);
    tcase_add_loop_test(tests, same_bytes, 0, NETS);
    tcase_add_loop_test(tests, small_batches, 0, NETS);
    tcase_add_loop_test(tests, wishes, 0, NETS);
    tcase_add_test(tests, refusals);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
