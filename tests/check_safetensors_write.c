/*
 * formats/safetensors_write: the bytes of the safetensors library; every damaged byte is
 * noticed; what can't be written.
 */
#include "formats/safetensors_write.h"
#include "tests/cut.h"
#include "tests/numbers.h"
#include "tests/tensorfile.h"

static const char whole[] = "tests/data/safetensors_write/f32.safetensors";
static const char half[] = "tests/data/safetensors_write/f16.safetensors";

/* A checkpoint written again. */
struct copy {
    struct tensors from;
    struct safetensors_item items[16];
    float *values[16];
    const char *to;
    bool half;
};

static const float *values_of(void *argument, size_t i)
{
    const struct copy *copy = argument;
    return copy->values[i];
}

static void open_copy(struct copy *copy, const char *path)
{
    struct error error;
    *copy = (struct copy){ .to = inside("copy.safetensors") };
    ck_assert_msg(safetensors_add(&copy->from, path, &error) == 0, "%s", error.text);
    for (size_t i = 0; i < copy->from.count; i++) {
        /* In another order than they are to have. */
        const struct tensor *tensor = &copy->from.items[(i + 3) % copy->from.count];
        copy->items[i].name = tensor->name;
        copy->items[i].rank = tensor->rank;
        memcpy(copy->items[i].shape, tensor->shape, sizeof tensor->shape);
        copy->values[i] = malloc(tensor->count * sizeof(float) + 1);
        tensor_to_floats(tensor, copy->values[i]);
    }
}

static void close_copy(struct copy *copy)
{
    for (size_t i = 0; i < copy->from.count; i++)
        free(copy->values[i]);
    tensors_free(&copy->from);
}

static int write_with(struct copy *copy, const json_t *metadata, struct error *error)
{
    const struct safetensors_plan plan = { .items = copy->items,
        .count = copy->from.count,
        .half = copy->half,
        .metadata = metadata,
        .values = values_of,
        .argument = copy };
    struct whole_file to;
    int status = file_begin(copy->to, &to, error);
    if (status == 0)
        status = safetensors_write(&to, &plan, error);
    if (status == 0)
        status = file_commit(&to, error);
    file_release(&to);
    return status;
}

static int write_copy(void *argument)
{
    struct error error;
    return write_with(argument, NULL, &error);
}

static void expect_same(const char *ours, const char *theirs)
{
    unsigned char *a, *b;
    size_t a_size, b_size;
    struct error error;
    ck_assert_int_eq(file_read(ours, 1 << 20, &a, &a_size, &error), 0);
    ck_assert_int_eq(file_read(theirs, 1 << 20, &b, &b_size, &error), 0);
    for (size_t i = 0; i < a_size && i < b_size; i++)
        ck_assert_msg(a[i] == b[i], "byte %zu of %zu: %02x, not %02x", i, b_size, a[i], b[i]);
    ck_assert_uint_eq(a_size, b_size);
    free(a);
    free(b);
}

START_TEST(writes_as_the_library)
{
    static const char *const from[] = { whole, whole, half }, *const to[] = { whole, half,
        half };
    struct copy copy;
    struct error error;
    open_copy(&copy, from[_i]);
    copy.half = _i > 0;
    ck_assert_msg(write_with(&copy, NULL, &error) == 0, "%s", error.text);
    expect_same(copy.to, to[_i]);
    close_copy(&copy);
}
END_TEST

static int check_file(const char *path, struct error *error)
{
    struct tensors tensors = { 0 };
    int status = safetensors_add(&tensors, path, error);
    if (status == 0)
        status = safetensors_check(&tensors, path, error);
    tensors_free(&tensors);
    return status;
}

/* With metadata, whatever is in it. */
START_TEST(keeps_metadata)
{
    struct copy copy;
    struct error error;
    struct tensors tensors = { 0 };
    json_t *metadata = json_pack("{s:s, s:s}", "format", "pt", "note", "\"\\\n\xc3\xa4");
    open_copy(&copy, whole);
    ck_assert_int_eq(write_with(&copy, metadata, &error), 0);
    ck_assert_msg(check_file(copy.to, &error) == 0, "%s", error.text);
    ck_assert_int_eq(safetensors_add(&tensors, copy.to, &error), 0);
    ck_assert_str_eq(
        json_string_value(json_object_get(tensors.metadata, "note")), "\"\\\n\xc3\xa4");
    ck_assert_uint_eq(
        (size_t)(tensors.items[0].data - (const unsigned char *)tensors.mappings[0].bytes) % 8,
        0);
    tensors_free(&tensors);
    json_decref(metadata);
    close_copy(&copy);
}
END_TEST

START_TEST(notices_every_damage)
{
    struct copy copy;
    struct error error;
    open_copy(&copy, half);
    copy.half = true;
    ck_assert_int_eq(write_copy(&copy), 0);
    const size_t size = size_of(copy.to);
    ck_assert_int_eq(check_file(copy.to, &error), 0);
    for (size_t i = 0; i < size; i++) {
        flip_bit(copy.to, i);
        ck_assert_msg(check_file(copy.to, &error) == BAD_INPUT, "byte %zu", i);
        flip_bit(copy.to, i);
    }
    ck_assert_int_eq(check_file(copy.to, &error), 0);
    for (size_t i = size; i-- > 0;) {
        ck_assert_int_eq(truncate(copy.to, (off_t)i), 0);
        ck_assert_msg(check_file(copy.to, &error) == BAD_INPUT, "%zu bytes", i);
    }
    close_copy(&copy);
}
END_TEST

START_TEST(another_program_has_no_sum)
{
    struct error error;
    static struct tensorfile file;
    tensorfile_begin(&file, "{\"format\":\"pt\"}");
    tensorfile_add(&file, "a", "F32", "[2]");
    tensorfile_write(&file, inside("other.safetensors"));
    ck_assert_int_eq(check_file(inside("other.safetensors"), &error), BAD_INPUT);
    ck_assert_msg(strstr(error.text, "no sum") != NULL, "%s", error.text);
}
END_TEST

START_TEST(too_large_for_sixteen_bits)
{
    static const float large[] = { 65520, -65520, 65536, 1e10f, 3e38f };
    struct copy copy;
    struct error error;
    open_copy(&copy, whole);
    copy.half = true;
    for (size_t i = 0; i < copy.from.count; i++)
        if (strcmp(copy.items[i].name, "head.weight") == 0)
            copy.values[i][14] = large[_i];
    ck_assert_int_eq(write_with(&copy, NULL, &error), BAD_INPUT);
    ck_assert_msg(strstr(error.text, "head.weight: ") != NULL, "%s", error.text);
    ck_assert_int_ne(access(copy.to, F_OK), 0);
    close_copy(&copy);
}
END_TEST

/* The old file stays whole, whenever it ends. */
START_TEST(is_whole_or_old)
{
    struct copy copy;
    struct error error;
    open_copy(&copy, half);
    copy.half = true;
    ck_assert_int_eq(write_copy(&copy), 0);
    copy.half = false;
    int status = CUT_STATUS, calls = 0;
    for (; status == CUT_STATUS; calls++) {
        status = cut_at(calls, write_copy, &copy);
        expect_same(copy.to, status == CUT_STATUS ? half : inside("copy.safetensors"));
        ck_assert_msg(check_file(copy.to, &error) == 0, "%s", error.text);
    }
    ck_assert_int_eq(status, DONE_STATUS);
    ck_assert_int_ge(calls, 5);
    const size_t size = size_of(copy.to) / 2;
    copy.half = true;
    for (rlim_t room = 0; room < size; room += 101) {
        ck_assert_int_eq(with_room(room, write_copy, &copy), BAD_SYSTEM);
        ck_assert_msg(check_file(copy.to, &error) == 0, "%s", error.text);
    }
    close_copy(&copy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors_write");
    TCase *tests = tcase_create("safetensors_write");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, make_folder, drop_folder);
    tcase_add_loop_test(tests, writes_as_the_library, 0, 3);
    tcase_add_test(tests, keeps_metadata);
    tcase_add_test(tests, notices_every_damage);
    tcase_add_test(tests, another_program_has_no_sum);
    tcase_add_loop_test(tests, too_large_for_sixteen_bits, 0, 5);
    tcase_add_test(tests, is_whole_or_old);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
