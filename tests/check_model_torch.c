/* common/model: PyTorch's checkpoints, found and named like safetensors. */
#include "formats/io.h"
#include "tests/modelfile.h"

static char root[512]; /* of the checkout */

static void set_up_torch(void)
{
    set_up();
    ck_assert_ptr_nonnull(getcwd(root, sizeof root));
}

/* A copy of one of torch's, which has the tensor "a" (1) or "b" (2). */
static void put_torch(const char *name, int which)
{
    char path[600];
    unsigned char *bytes;
    size_t size;
    struct error error;
    snprintf(path, sizeof path, "%s/tests/data/pth/shard-%d.bin", root, which);
    ck_assert_msg(file_read(path, 1 << 20, &bytes, &size, &error) == 0, "%s", error.text);
    put_file(inside("%s", name), bytes, size);
    free(bytes);
}

/* PyTorch's files, under each of their endings, behind safetensors of the same name. */
START_TEST(finds_torch)
{
    static const char *const names[] = { "a.pth", "b.pt", "c.bin", "d.th" };
    struct model model;
    struct error error;
    char name[8];
    make_folders((const char *const[]){ "hub", "t", "t/hub", NULL });
    ck_assert_int_eq(setenv("SACCADE_MODELS", inside("t"), 1), 0);
    for (size_t i = 0; i < 4; i++) {
        char path[16];
        snprintf(path, sizeof path, "t/%s", names[i]);
        put_torch(path, 1);
        snprintf(name, sizeof name, "%c", names[i][0]);
        expect_found(names[i], inside("%s", path), name);
        expect_found(inside("%s", path), inside("%s", path), name);
        expect_found(name, inside("%s", path), name);
    }
    put_torch("t/a.th", 1);
    expect_found("a", inside("t/a.pth"), "a");
    put_checkpoint("t/a", "a", NULL);
    expect_found("a", inside("t/a.safetensors"), "a");
    put_torch("t/hub/pytorch_model.bin", 1);
    expect_found("hub", inside("t/hub"), "hub");
    expect_found(inside("t/hub/pytorch_model.bin"), inside("t/hub/pytorch_model.bin"), "hub");
    put_checkpoint("t/hub/model", "mine", NULL);
    ck_assert_int_eq(open_model(&model, "hub", &error), 0);
    ck_assert_ptr_nonnull(tensors_find(&model.tensors, "mine"));
    model_close(&model);
    put_text(inside("t/x.pth"), "not a checkpoint");
    expect_failure(inside("t/x.pth"), BAD_INPUT, "x.pth: not a PyTorch checkpoint");
    put_torch("t/y.safetensors", 1);
    expect_failure(inside("t/y.safetensors"), BAD_INPUT, "y.safetensors: not safetensors");
}
END_TEST

/* A directory's config.json is X's where X is its only model; what lies beside X. */
static const struct {
    const char *x, *beside;
    bool counts;
} neighbours[] = {
    { "x.pth", "", true },
    { "x.pth", "y.pth", false },
    { "x.pth", "y.safetensors", false },
    { "x.pth", "model.safetensors", false },
    { "x.pth", "optimizer.pt", true },
    { "x.pth", "training_args.bin", true },
    { "x.pth", "rng_state_0.pth", true },
    { "x.pth", "y.json", true },
    { "model.safetensors", "pytorch_model.bin", true },
    { "pytorch_model.bin", "model.safetensors", true },
    { "pytorch_model.bin", "x.bin", false },
};

START_TEST(counts_neighbours)
{
    struct model model;
    struct error error;
    char name[64];
    snprintf(name, sizeof name, "n%d", _i);
    make_folders((const char *const[]){ name, NULL });
    put_text(inside("n%d/config.json", _i), "{}");
    if (*neighbours[_i].beside)
        put_text(inside("n%d/%s", _i, neighbours[_i].beside), "");
    snprintf(name, sizeof name, "n%d/%s", _i, neighbours[_i].x);
    if (strstr(name, ".safetensors"))
        put_checkpoint(strndupa(name, strlen(name) - strlen(".safetensors")), "a", NULL);
    else
        put_torch(name, 1);
    ck_assert_msg(open_model(&model, inside("%s", name), &error) == 0, "%s", error.text);
    ck_assert_int_eq(model.config != NULL, neighbours[_i].counts);
    model_close(&model);
}
END_TEST

static const struct {
    const char *index, *message;
} torch_indices[] = {
    { "{\"weight_map\":{\"b\":\"2.bin\",\"a\":\"1.bin\"}}", NULL },
    { "{\"weight_map\":{\"a\":\"1.safetensors\"}}", "a is in no shard beside it" },
    { "{\"weight_map\":{\"a\":\"1.bin\",\"b\":\"1.bin\"}}", "names 2 tensors" },
    { "{\"weight_map\":{\"a\":\"1.bin\",\"b\":\"twin.bin\"}}", "a is in another shard too" },
};

START_TEST(reads_torch_shards)
{
    struct model one, model;
    struct error error;
    if (_i == 0)
        make_folders((const char *const[]){ "p", NULL });
    put_torch("p/1.bin", 1);
    put_torch("p/2.bin", 2);
    put_torch("p/twin.bin", 1);
    put_text(inside("p/pytorch_model.bin.index.json"), torch_indices[_i].index);
    if (torch_indices[_i].message) {
        expect_failure(inside("p"), BAD_INPUT, torch_indices[_i].message);
        return;
    }
    ck_assert_msg(open_model(&model, inside("p"), &error) == 0, "%s", error.text);
    ck_assert_ptr_nonnull(tensors_find(&model.tensors, "a"));
    ck_assert_ptr_nonnull(tensors_find(&model.tensors, "b"));
    ck_assert_int_eq(open_model(&one, inside("p/1.bin"), &error), 0);
    ck_assert_uint_ne(model.tensors.crc, one.tensors.crc);
    model_close(&one);
    model_close(&model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model_torch");
    TCase *tests = tcase_create("model_torch");
    tcase_add_unchecked_fixture(tests, set_up_torch, drop_folder);
    tcase_add_test(tests, finds_torch);
    tcase_add_loop_test(tests, counts_neighbours, 0, sizeof neighbours / sizeof *neighbours);
    tcase_add_loop_test(
        tests, reads_torch_shards, 0, sizeof torch_indices / sizeof *torch_indices);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
