/* Batches: every picture once an epoch, the same ones whatever the threads and wherever the
 * epoch was begun; targets; the end; what is refused. */
#include "common/feeder.h"
#include "tests/setfile.h"

#include <zlib.h>

enum { COUNT = 23, CLASSES = 3, SIDE = 8 };

static struct dataset *dataset;

static void open_shard(void)
{
    struct dataset_wishes wishes = plain_wishes();
    struct bytes tar = make_shard(0, COUNT);
    make_folder();
    wishes.memory = 1600; /* some are decoded anew */
    put_bytes(inside("s.tar"), &tar);
    dataset = open_set(inside("s.tar"), &wishes);
}

static void close_shard(void)
{
    dataset_close(dataset);
    drop_folder();
}

static struct feeder_wishes wishes_for(const char *names)
{
    struct feeder_wishes wishes = {
        .dataset = dataset,
        .rule = { .width = SIDE,
            .height = SIDE,
            .resize_width = SIDE,
            .resize_height = SIDE,
            .fit = FIT_CROP,
            .filter = FILTER_BICUBIC,
            .mean = { 0.5f, 0.5f, 0.5f },
            .std = { 0.5f, 0.5f, 0.5f } },
        .training = true,
        .batch = 4,
        .seed = 9,
        .epoch = 1,
        .workers = 1,
    };
    struct error error;
    ck_assert_int_eq(augment_parse(&wishes.augment, names, SIDE, &error), 0);
    return wishes;
}

static struct feeder *start(const struct feeder_wishes *wishes)
{
    struct feeder *feeder;
    struct error error = { "" };
    ck_assert_msg(feeder_start(&feeder, wishes, &error) == 0, "%s", error.text);
    return feeder;
}

static unsigned long sum_batch(const struct feeder_batch *batch)
{
    unsigned long sum = crc32(0, NULL, 0);
    for (size_t i = 0; i < batch->count; i++)
        sum = crc32(sum, (const Bytef *)batch->inputs[i], SIDE * SIDE * 3 * sizeof(float));
    sum = crc32(
        sum, (const Bytef *)batch->targets, (unsigned)(batch->count * CLASSES * sizeof(float)));
    sum = crc32(sum, (const Bytef *)batch->labels, (unsigned)(batch->count * sizeof(uint32_t)));
    return crc32(
        sum, (const Bytef *)batch->pictures, (unsigned)(batch->count * sizeof(uint32_t)));
}

/* The sums of an epoch's batches, from first_step on; returns how many. */
static size_t sum_epoch(const struct feeder_wishes *wishes, unsigned long sums[32])
{
    struct feeder *feeder = start(wishes);
    struct feeder_batch batch;
    struct error error;
    size_t count = 0;
    while (feeder_next(feeder, &batch, &error) > 0) {
        ck_assert_uint_eq(batch.step, wishes->first_step + count);
        sums[count++] = sum_batch(&batch);
    }
    ck_assert_int_eq(feeder_next(feeder, &batch, &error), 0);
    feeder_stop(feeder);
    return count;
}

START_TEST(threads_and_resume_do_not_matter)
{
    struct feeder_wishes wishes = wishes_for("standard");
    unsigned long one[32], other[32];
    wishes.smoothing = 0.1f;
    const size_t steps = sum_epoch(&wishes, one);
    ck_assert_uint_eq(steps, COUNT / 4);
    for (size_t workers = 2; workers < 9; workers += 3) {
        wishes.workers = workers;
        ck_assert_uint_eq(sum_epoch(&wishes, other), steps);
        ck_assert_mem_eq(one, other, steps * sizeof *one);
    }
    for (wishes.first_step = 1; wishes.first_step <= steps; wishes.first_step++) {
        ck_assert_uint_eq(sum_epoch(&wishes, other), steps - wishes.first_step);
        ck_assert_mem_eq(
            one + wishes.first_step, other, (steps - wishes.first_step) * sizeof *one);
    }
    wishes.first_step = 0;
    wishes.epoch = 2;
    sum_epoch(&wishes, other);
    ck_assert_uint_ne(one[0], other[0]);
    wishes.epoch = 1;
    wishes.seed = 10;
    sum_epoch(&wishes, other);
    ck_assert_uint_ne(one[0], other[0]);
}
END_TEST

/* In training every picture comes at most once, in another order each epoch; in validation all
 * come in their order, the last batch short, each with its own view. */
START_TEST(every_picture_once)
{
    uint32_t orders[2][COUNT];
    struct feeder_batch batch;
    struct error error;
    for (uint32_t epoch = 0; epoch < 2; epoch++) {
        struct feeder_wishes wishes = wishes_for("light");
        unsigned seen[COUNT] = { 0 };
        size_t count = 0;
        wishes.epoch = epoch;
        struct feeder *feeder = start(&wishes);
        for (; feeder_next(feeder, &batch, &error) > 0; count += batch.count)
            for (size_t i = 0; i < batch.count; i++) {
                ck_assert_uint_lt(batch.pictures[i], COUNT);
                ck_assert_uint_eq(++seen[batch.pictures[i]], 1);
                orders[epoch][count + i] = batch.pictures[i];
            }
        ck_assert_uint_eq(count, COUNT / 4 * 4);
        feeder_stop(feeder);
    }
    ck_assert_mem_ne(orders[0], orders[1], COUNT / 4 * 4 * sizeof **orders);
}
END_TEST

START_TEST(validation)
{
    struct feeder_wishes wishes = wishes_for("standard");
    struct feeder_batch batch;
    struct error error;
    size_t count = 0;
    wishes.training = false;
    wishes.workers = 2;
    ck_assert_uint_eq(feeder_steps(&wishes), 6);
    struct feeder *feeder = start(&wishes);
    for (; feeder_next(feeder, &batch, &error) > 0; count += batch.count)
        for (size_t i = 0; i < batch.count; i++) {
            struct picture picture = noise(5, 4, (unsigned)(count + i));
            float input[SIDE * SIDE * 3];
            struct view view;
            ck_assert_uint_eq(batch.pictures[i], count + i);
            ck_assert_uint_eq(batch.labels[i], (count + i) * 2 % 3);
            ck_assert_int_eq(view_make(&picture, &wishes.rule, input, &view, &error), 0);
            ck_assert_mem_eq(batch.inputs[i], input, sizeof input);
            picture_free(&picture);
        }
    ck_assert_uint_eq(count, COUNT);
    feeder_stop(feeder);
}
END_TEST

START_TEST(targets)
{
    struct feeder_wishes wishes = wishes_for("none");
    struct feeder_batch batch;
    struct error error;
    wishes.smoothing = 0.3f;
    struct feeder *feeder = start(&wishes);
    while (feeder_next(feeder, &batch, &error) > 0)
        for (size_t i = 0; i < batch.count; i++)
            for (uint32_t c = 0; c < CLASSES; c++)
                ck_assert_float_eq_tol(
                    batch.targets[i * CLASSES + c], c == batch.labels[i] ? 0.8f : 0.1f, 1e-6f);
    feeder_stop(feeder);
}
END_TEST

/* Stopped in the middle, with batches in the queue and one out. */
START_TEST(stops_early)
{
    struct feeder_wishes wishes = wishes_for("light");
    struct feeder_batch batch;
    struct error error;
    wishes.batch = 1;
    for (size_t steps = 0; steps < 6; steps++) {
        wishes.workers = 1 + steps % 3;
        struct feeder *feeder = start(&wishes);
        for (size_t i = 0; i < steps; i++)
            ck_assert_int_eq(feeder_next(feeder, &batch, &error), 1);
        ck_assert_uint_gt(feeder_bytes(feeder), 3 * SIDE * SIDE * 3 * sizeof(float));
        feeder_stop(feeder);
    }
}
END_TEST

/* Of a batch with several pictures that can't be made the first is told, every time. */
START_TEST(tells_what_failed)
{
    struct feeder_wishes wishes = wishes_for("none");
    struct dataset_wishes from = plain_wishes();
    struct feeder_batch batch;
    struct error error;
    put_directory(inside("pics"));
    put_directory(inside("pics/a"));
    for (unsigned i = 0; i < 9; i++)
        put_png(inside("pics/a/%u.png", i), 3, 3, i);
    from.memory = 0;
    struct dataset *folder_set = open_set(inside("pics"), &from);
    for (unsigned i = 3; i < 9; i++)
        put_file(inside("pics/a/%u.png", i), "", 0);
    wishes.training = false;
    wishes.batch = 9;
    wishes.dataset = folder_set;
    for (wishes.workers = 1; wishes.workers < 5; wishes.workers++) {
        struct feeder *feeder = start(&wishes);
        ck_assert_int_eq(feeder_next(feeder, &batch, &error), BAD_INPUT);
        ck_assert_ptr_nonnull(strstr(error.text, "a/3.png has changed: it is shorter"));
        feeder_stop(feeder);
    }
    dataset_close(folder_set);
}
END_TEST

START_TEST(refuses)
{
    struct feeder_wishes wishes = wishes_for("none");
    struct feeder *feeder;
    struct error error;
    wishes.batch = COUNT + 1;
    ck_assert_int_eq(feeder_start(&feeder, &wishes, &error), BAD_USAGE);
    ck_assert_str_eq(error.text, "23 pictures are less than one batch of 24");
    feeder_stop(feeder);
    wishes.batch = 0;
    ck_assert_int_eq(feeder_start(&feeder, &wishes, &error), BAD_USAGE);
    feeder_stop(feeder);
    wishes.batch = 5;
    wishes.first_step = 5;
    ck_assert_int_eq(feeder_start(&feeder, &wishes, &error), BAD_USAGE);
    ck_assert_str_eq(error.text, "step 5 of an epoch of 4");
    feeder_stop(feeder);
    wishes.training = false;
    wishes.first_step = 0;
    wishes.batch = SIZE_MAX / 4;
    ck_assert_int_eq(feeder_start(&feeder, &wishes, &error), BAD_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "too large"));
    feeder_stop(feeder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feeder");
    TCase *tests = tcase_create("feeder");
    tcase_add_checked_fixture(tests, open_shard, close_shard);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, threads_and_resume_do_not_matter);
    tcase_add_test(tests, every_picture_once);
    tcase_add_test(tests, validation);
    tcase_add_test(tests, targets);
    tcase_add_test(tests, stops_early);
    tcase_add_test(tests, tells_what_failed);
    tcase_add_test(tests, refuses);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
