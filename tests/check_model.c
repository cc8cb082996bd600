/* common/model: how a model is found, and what beside it is read. */
#include "tests/modelfile.h"

#include <zlib.h>

static uint32_t header_crc(void)
{
    return (uint32_t)crc32(0, (const Bytef *)file.header, (uInt)file.length);
}

START_TEST(finds_names)
{
    make_folders(
        (const char *const[]){ "one", "two", "two/big", "two/both", "one/model-less", NULL });
    put_checkpoint("one/small", "a", NULL);
    put_checkpoint("two/small", "a", NULL);
    put_checkpoint("two/big/model", "a", NULL);
    put_checkpoint("two/both/model", "a", NULL);
    put_checkpoint("two/both", "a", NULL);
    char places[1024];
    snprintf(places, sizeof places, "%s::%s:%s:", inside("none"), inside("one"), inside("two"));
    expect_failure("small", BAD_SYSTEM, "small: no such model: give a .safetensors or .pth");
    ck_assert_int_eq(setenv("SACCADE_MODELS", places, 1), 0);
    expect_found("small", inside("one/small.safetensors"), "small");
    expect_found("small.safetensors", inside("one/small.safetensors"), "small");
    expect_found("big", inside("two/big"), "big");
    expect_found("both", inside("two/both.safetensors"), "both");
    expect_failure("nobody", BAD_SYSTEM, places);
    expect_failure(
        "one/small", BAD_SYSTEM, "one/small: no such model"); /* a path, not a name */
    expect_failure("", BAD_SYSTEM, "no such model");
    expect_failure("model-less", BAD_SYSTEM, "has no model.safetensors and no pytorch");
}
END_TEST

START_TEST(finds_paths)
{
    make_folders((const char *const[]){ "named", NULL });
    put_checkpoint("named/model", "a", NULL);
    put_checkpoint("named/other.v2", "a", NULL);
    put_text(inside("named/x.txt"), "x");
    expect_found(inside("named"), inside("named"), "named");
    expect_found(inside("named/"), inside("named/"), "named");
    expect_found(inside("named/."), inside("named/."), "named");
    expect_found(inside("named/model.safetensors"), inside("named/model.safetensors"), "named");
    expect_found(
        inside("named/other.v2.safetensors"), inside("named/other.v2.safetensors"), "other.v2");
    expect_failure(inside("named/x.txt"), BAD_USAGE, "x.txt: neither a .safetensors nor a Py");
    expect_failure(inside("named/none"), BAD_SYSTEM, "no such model");
    ck_assert_int_eq(chdir(inside("named")), 0);
    expect_found(".", ".", "named");
    expect_found("model.safetensors", "model.safetensors", "named");
    put_checkpoint("named/\xff", "a", NULL);
    expect_failure("\xff.safetensors", BAD_USAGE, "must be UTF-8");
    char *longest = malloc(6000);
    ck_assert_ptr_nonnull(longest);
    memset(longest, 'x', 5999);
    longest[5999] = '\0';
    expect_failure(longest, BAD_SYSTEM, "no such model");
    longest[0] = '/';
    expect_failure(longest, BAD_SYSTEM, "no such model");
    free(longest);
}
END_TEST

/* Without -m: what $SACCADE_VIT names, else the one that comes with saccade, whatever lies
 * about of the same name. */
START_TEST(finds_defaults)
{
    struct model model;
    struct error error;
    put_checkpoint("mine", "a", NULL);
    put_checkpoint("vit-cifar10-p4", "a", NULL);
    ck_assert_int_eq(setenv("SACCADE_MODELS", inside("."), 1), 0);
    for (int empty = 0; empty < 2; empty++) {
        ck_assert_msg(open_model(&model, NULL, &error) == 0, "%s", error.text);
        ck_assert_ptr_nonnull(strstr(model.path, "pipelines/models/vit-cifar10-p4"));
        ck_assert_ptr_nonnull(model.config);
        model_close(&model);
        ck_assert_int_eq(setenv("SACCADE_VIT", "", 1), 0);
    }
    expect_found("vit-cifar10-p4", inside("./vit-cifar10-p4.safetensors"), "vit-cifar10-p4");
    ck_assert_int_eq(setenv("SACCADE_VIT", "mine", 1), 0);
    expect_found(NULL, inside("./mine.safetensors"), "mine");
    expect_found("vit-cifar10-p4", inside("./vit-cifar10-p4.safetensors"), "vit-cifar10-p4");
    ck_assert_int_eq(setenv("SACCADE_VIT", inside("mine.safetensors"), 1), 0);
    expect_found(NULL, inside("mine.safetensors"), "mine");
    ck_assert_int_eq(setenv("SACCADE_VIT", "nobody", 1), 0);
    expect_failure(NULL, BAD_SYSTEM, "nobody: no such model");
    ck_assert_int_eq(model_open(&model, NULL, "SACCADE_NONE", "no-such", &error), BAD_SYSTEM);
    ck_assert_ptr_nonnull(strstr(error.text, "no-such: the model that comes with saccade"));
}
END_TEST

START_TEST(names_by_the_header)
{
    struct model model;
    struct error error;
    char expected[32];
    put_checkpoint("x", "a", NULL);
    ck_assert_int_eq(open_model(&model, inside("x.safetensors"), &error), 0);
    snprintf(expected, sizeof expected, "x:%08x", header_crc());
    ck_assert_str_eq(model.name, expected);
    model_close(&model);
}
END_TEST

/* Which of X.json, the metadata and config.json there are, whether another checkpoint lies
 * beside; which is taken. */
static const struct {
    bool own, metadata, beside, other;
    const char *source;
} places[] = {
    { true, true, true, false, "x.json" },
    { true, true, true, true, "x.json" },
    { false, true, true, false, "__metadata__" },
    { false, true, false, true, "__metadata__" },
    { false, false, true, false, "config.json" },
    { false, false, true, true, NULL },
    { true, false, false, true, "x.json" },
    { false, false, false, false, NULL },
};

START_TEST(chooses_configurations)
{
    struct model model;
    struct error error;
    char directory[16];
    snprintf(directory, sizeof directory, "c%d", _i);
    make_folders((const char *const[]){ directory, NULL });
    if (places[_i].own)
        put_text(inside("c%d/x.json", _i), "{\"from\":\"x.json\"}");
    if (places[_i].beside) {
        put_text(inside("c%d/config.json", _i), "{\"from\":\"config.json\"}");
        put_text(inside("c%d/preprocessor_config.json", _i), "{}");
        put_text(inside("c%d/labels.tsv", _i), "0\ta\n");
    }
    if (places[_i].other)
        put_checkpoint(inside("c%d/other", _i) + strlen(folder) + 1, "a", NULL);
    put_checkpoint(inside("c%d/x", _i) + strlen(folder) + 1, "a",
        places[_i].metadata ? "{\"config\":\"{\\\"from\\\":\\\"__metadata__\\\"}\"}" : NULL);
    ck_assert_int_eq(open_model(&model, inside("c%d/x.safetensors", _i), &error), 0);
    const char *from = json_string_value(json_object_get(model.config, "from"));
    ck_assert_pstr_eq(from, places[_i].source);
    ck_assert_pstr_eq(model.config_source, places[_i].source);
    const bool sole = places[_i].beside && !places[_i].other;
    ck_assert_pstr_eq(model.preprocessor_source, sole ? "preprocessor_config.json" : NULL);
    ck_assert_int_eq(model.preprocessor != NULL, sole);
    ck_assert_int_eq(model.labels != NULL, sole);
    model_close(&model);
}
END_TEST

START_TEST(reads_directories)
{
    static const char metadata[] = "{\"config\":\"{\\\"from\\\":\\\"__metadata__\\\"}\"}";
    struct model model;
    struct error error;
    make_folders((const char *const[]){ "hub", NULL });
    put_checkpoint("hub/model", "a", metadata);
    put_checkpoint("hub/other", "a", NULL);
    ck_assert_int_eq(open_model(&model, inside("hub"), &error), 0);
    ck_assert_str_eq(model.config_source, "__metadata__");
    model_close(&model);
    put_text(inside("hub/config.json"), "{\"from\":\"config.json\"}");
    put_text(inside("hub/preprocessor_config.json"), "{\"size\":3}");
    ck_assert_int_eq(open_model(&model, inside("hub"), &error), 0);
    ck_assert_str_eq(json_string_value(json_object_get(model.config, "from")), "config.json");
    ck_assert_str_eq(model.config_source, "config.json");
    ck_assert_int_eq(json_integer_value(json_object_get(model.preprocessor, "size")), 3);
    model_close(&model);
}
END_TEST

START_TEST(refuses_broken_configurations)
{
    static const char *const texts[] = { "", "[]", "3", "{", "{}}", "{\"a\":1,}", "\xff" };
    static const char *const names[] = { "x.json", "config.json", "preprocessor_config.json" };
    char text[64];
    put_checkpoint("x", "a", NULL);
    for (size_t n = 0; n < 3; n++) {
        for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
            put_text(inside("%s", names[n]), texts[t]);
            snprintf(text, sizeof text, "%s: not a JSON object", names[n]);
            expect_failure(inside("x.safetensors"), BAD_INPUT, text);
        }
        ck_assert_int_eq(remove(inside("%s", names[n])), 0);
    }
    put_checkpoint("x", "a", "{\"config\":\"[]\"}");
    expect_failure(
        inside("x.safetensors"), BAD_INPUT, "config in __metadata__ is not a JSON object");
}
END_TEST

/* expected: the names with "|" between, or "!" and the message. */
static const struct {
    const char *text, *expected;
} label_files[] = {
    { "0\tcat\n1\tdog\n", "cat|dog" },
    { "0\tcat\n1\tdog", "cat|dog" },
    { "index\twordnet\tname\n0\tn01\tgreat white shark\n1\tn02\tant\n",
        "great white shark|ant" },
    { "0\t\n1\tx", "|x" },
    { "", "" },
    { "0\tcat\n2\tdog\n", "!labels.tsv: 2\tdog: takes index, tab, name" },
    { "1\tcat\n", "!takes index" },
    { "0\tcat\n0\tdog\n", "!takes index" },
    { "0\t\xff\n", "!takes index" },
};

START_TEST(reads_labels)
{
    const char *expected = label_files[_i].expected;
    struct model model;
    struct error error;
    char text[256] = "";
    size_t i;
    json_t *label;
    put_checkpoint("x", "a", NULL);
    put_text(inside("labels.tsv"), label_files[_i].text);
    if (*expected == '!') {
        expect_failure(inside("x.safetensors"), BAD_INPUT, expected + 1);
        return;
    }
    ck_assert_int_eq(open_model(&model, inside("x.safetensors"), &error), 0);
    json_array_foreach(model.labels, i, label) {
        const size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s%s", i ? "|" : "",
            json_string_value(label));
    }
    ck_assert_str_eq(text, expected);
    model_close(&model);
}
END_TEST

/* An index, of two shards that have a in 1.safetensors, b in 2.safetensors. */
static const struct {
    const char *index, *message;
} indices[] = {
    { "{\"weight_map\":{\"b\":\"2.safetensors\",\"a\":\"1.safetensors\"}}", NULL },
    { "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"3.safetensors\"}}",
        "3.safetensors: No such file" },
    { "{\"weight_map\":{\"a\":\"../s/1.safetensors\"}}", "a is in no shard beside it" },
    { "{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "a is in no shard beside it" },
    { "{\"weight_map\":{\"a\":\"1.bin\"}}", "a is in no shard beside it" },
    { "{\"weight_map\":{\"a\":\".safetensors\"}}", "a is in no shard beside it" },
    { "{\"weight_map\":{\"a\":1}}", "a is in no shard beside it" },
    { "{\"weight_map\":{\"a\":\"1.safetensors\"}}", NULL },
    { "{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"1.safetensors\"}}",
        "names 2 tensors, its shards have 1" },
    { "{\"weight_map\":{\"b\":\"2.safetensors\",\"c\":\"twin.safetensors\"}}",
        "twin.safetensors: b is in another shard too" },
    { "{\"weight_map\":{}}", "has no weight_map" },
    { "{\"weight_map\":[\"1.safetensors\"]}", "has no weight_map" },
    { "{}", "has no weight_map" },
    { "[]", "not a JSON object" },
};

START_TEST(reads_shards)
{
    struct model model;
    struct error error;
    if (_i == 0)
        make_folders((const char *const[]){ "s", NULL });
    put_checkpoint("s/twin", "b", NULL);
    put_checkpoint("s/1", "a", NULL);
    const uint32_t first = header_crc();
    put_checkpoint("s/2", "b", NULL);
    put_text(inside("s/model.safetensors.index.json"), indices[_i].index);
    if (indices[_i].message) {
        const bool missing = strstr(indices[_i].message, "No such file");
        expect_failure(inside("s"), missing ? BAD_SYSTEM : BAD_INPUT, indices[_i].message);
        return;
    }
    ck_assert_msg(open_model(&model, inside("s"), &error) == 0, "%s", error.text);
    ck_assert_ptr_nonnull(tensors_find(&model.tensors, "a"));
    char name[32];
    const uint32_t both = (uint32_t)crc32(first, (const Bytef *)file.header, (uInt)file.length);
    snprintf(name, sizeof name, "s:%08x", model.tensors.count == 2 ? both : first);
    ck_assert_str_eq(model.name, name);
    model_close(&model);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model");
    TCase *tests = tcase_create("model");
    tcase_add_unchecked_fixture(tests, set_up, drop_folder);
    tcase_add_test(tests, names_by_the_header);
    tcase_add_loop_test(tests, reads_labels, 0, sizeof label_files / sizeof *label_files);
    suite_add_tcase(suite, tests);
    tests = tcase_create("finding");
    tcase_add_unchecked_fixture(tests, set_up, drop_folder);
    tcase_add_test(tests, finds_names);
    tcase_add_test(tests, finds_paths);
    tcase_add_test(tests, finds_defaults);
    suite_add_tcase(suite, tests);
    tests = tcase_create("configurations");
    tcase_add_unchecked_fixture(tests, set_up, drop_folder);
    tcase_add_test(tests, refuses_broken_configurations);
    tcase_add_loop_test(tests, chooses_configurations, 0, sizeof places / sizeof *places);
    tcase_add_test(tests, reads_directories);
    tcase_add_loop_test(tests, reads_shards, 0, sizeof indices / sizeof *indices);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
