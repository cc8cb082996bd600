/*
 * common/checkpoint: a process that is killed, or a disk that is full, leaves the old model,
 * the new one or none, never one with the configuration of another.
 */
#include "tests/mademodel.h"

/* The first number of the model that is there; 0: none is. */
static float first_value(const struct made *made)
{
    struct resnet resnet;
    struct error error;
    if (resnet_open(&resnet, made->checkpoint.path, NULL, &error) < 0)
        return 0;
    float values[1 << 12];
    const struct tensor *tensor = tensors_find(&resnet.model.tensors, "bn1.bias");
    ck_assert_uint_le(tensor->count, 1 << 12);
    tensor_to_floats(tensor, values);
    /* The configuration is that of these weights. */
    const char *name = model_class_name(&resnet.model, 0);
    ck_assert_str_eq(name, values[0] > 2.5f ? "new" : "cat");
    resnet_close(&resnet);
    return values[0];
}

static void set_first(struct made *made, float value)
{
    const struct param *param = params_find(&made->params, "bn1.bias");
    made->params.values[param->at] = value;
}

/* Killed at any call: the model of before or the new one; where its configuration is another,
 * never weights with another's. */
START_TEST(is_never_mixed)
{
    const bool single = _i & 1, other_config = _i & 2;
    int status = CUT_STATUS, calls = 0, none = 0;
    struct made made;
    make(&made, resnet_base, inside(single ? "m.safetensors" : "model"));
    made.checkpoint.class_count = 7;
    for (; status == CUT_STATUS; calls++) {
        static const char *names[7];
        memcpy(names, classes, sizeof names);
        made.checkpoint.classes = names;
        set_first(&made, 2);
        expect_kept(&made);
        set_first(&made, other_config ? 3 : 1);
        if (other_config)
            names[0] = "new";
        status = cut_at(calls, keep, &made);
        const float value = first_value(&made);
        const float due = other_config ? 3 : 1;
        none += value == 0;
        ck_assert_msg(status == CUT_STATUS
                          ? value == due || value == 2 || (value == 0 && other_config)
                          : value == due,
            "call %d: %g", calls, (double)value);
        expect_kept(&made); /* and it can be written anew */
        ck_assert(first_value(&made) == due);
    }
    ck_assert_int_eq(status, DONE_STATUS);
    ck_assert_int_ge(calls, 8);
    ck_assert_int_eq(none > 0, other_config);
    drop_made(&made);
}
END_TEST

/* The first one of all: none, or all of it. */
START_TEST(first_is_whole_or_none)
{
    int status = CUT_STATUS, calls = 0;
    struct made made;
    make(&made, resnet_base, NULL);
    set_first(&made, 1);
    for (; status == CUT_STATUS; calls++) {
        made.checkpoint.path = inside("model%d%s", calls, _i ? ".safetensors" : "");
        status = cut_at(calls, keep, &made);
        const float value = first_value(&made);
        ck_assert(status == CUT_STATUS ? value == 0 || value == 1 : value == 1);
        expect_kept(&made);
        ck_assert(first_value(&made) == 1);
    }
    ck_assert_int_eq(status, DONE_STATUS);
    drop_made(&made);
}
END_TEST

START_TEST(full_disks_leave_the_old_one)
{
    struct made made;
    make(&made, resnet_base, inside("model"));
    set_first(&made, 2);
    expect_kept(&made);
    set_first(&made, 1);
    const size_t size = size_of(inside("model/model.safetensors"));
    for (size_t room = 0; room < size; room += size / 40) {
        ck_assert_int_eq(with_room(room, keep, &made), BAD_SYSTEM);
        ck_assert(first_value(&made) == 2);
    }
    expect_kept(&made);
    ck_assert(first_value(&made) == 1);
    drop_made(&made);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint_cut");
    TCase *tests = tcase_create("checkpoint_cut");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, drop_folder);
    tcase_add_loop_test(tests, is_never_mixed, 0, 4);
    tcase_add_loop_test(tests, first_is_whole_or_none, 0, 2);
    tcase_add_test(tests, full_disks_leave_the_old_one);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
