/* common/classes: members __stream__/model, labels and model.json as they may come. */
#include "common/classes.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static int add(struct classes *classes, const char *text, struct error *error)
{
    struct member member = { .bytes = (unsigned char *)(uintptr_t)text, .size = strlen(text) };
    return classes_add(classes, &member, error);
}

START_TEST(looks_up)
{
    struct classes classes = { 0 };
    struct error error;
    ck_assert_int_eq(
        add(&classes, "{\"model\":\"a:1\",\"classes\":[\"cat\",null,\"dog\",3]}", &error), 0);
    ck_assert_int_eq(add(&classes, "{\"model\":\"b:2\",\"classes\":null}", &error), 0);
    ck_assert_int_eq(add(&classes, "{\"model\":\"c:3\"}", &error), 0);
    ck_assert_uint_eq(classes.count, 3);
    ck_assert_uint_eq(classes_count(&classes, "a:1"), 4);
    ck_assert_uint_eq(classes_count(&classes, "b:2"), 0);
    ck_assert_uint_eq(classes_count(&classes, "c:3"), 0);
    ck_assert_uint_eq(classes_count(&classes, "a"), 0);
    ck_assert_uint_eq(classes_count(&classes, NULL), 0);
    ck_assert_str_eq(classes_name(&classes, "a:1", 0), "cat");
    ck_assert_str_eq(classes_name(&classes, "a:1", 2), "dog");
    ck_assert_ptr_null(classes_name(&classes, "a:1", 1));
    ck_assert_ptr_null(classes_name(&classes, "a:1", 3));
    ck_assert_ptr_null(classes_name(&classes, "a:1", 4));
    ck_assert_ptr_null(classes_name(&classes, "a:1", SIZE_MAX));
    ck_assert_ptr_null(classes_name(&classes, "b:2", 0));
    ck_assert_ptr_null(classes_name(&classes, NULL, 0));
    classes_free(&classes);
    ck_assert_uint_eq(classes_count(&classes, "a:1"), 0);
}
END_TEST

START_TEST(replaces)
{
    struct classes classes = { 0 };
    struct error error;
    for (int i = 0; i < 2000; i++)
        ck_assert_int_eq(
            add(&classes, "{\"model\":\"a\",\"classes\":[\"x\",\"y\"]}", &error), 0);
    ck_assert_uint_eq(classes.count, 1);
    ck_assert_int_eq(add(&classes, "{\"model\":\"a\",\"classes\":[\"z\"]}", &error), 0);
    ck_assert_uint_eq(classes_count(&classes, "a"), 1);
    ck_assert_str_eq(classes_name(&classes, "a", 0), "z");
    ck_assert_int_eq(add(&classes, "{\"model\":\"a\"}", &error), 0);
    ck_assert_uint_eq(classes_count(&classes, "a"), 0);
    classes_free(&classes);
}
END_TEST

static const char *const refused[] = { "", "{", "[]", "null", "\"a:1\"", "{}", "{\"model\":1}",
    "{\"model\":null}", "{\"classes\":[\"a\"]}", "{\"model\":\"a\",\"classes\":{}}",
    "{\"model\":\"a\",\"classes\":\"cat\"}", "{\"model\":\"a\",\"classes\":3}",
    "{\"model\":\"a\"} x", "{\"model\":\"\xff\"}" };

START_TEST(refuses)
{
    struct classes classes = { 0 };
    struct error error;
    ck_assert_int_eq(add(&classes, refused[_i], &error), BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "corrupt"));
    ck_assert_uint_eq(classes.count, 0);
    classes_free(&classes);
}
END_TEST

START_TEST(limits_models)
{
    struct classes classes = { 0 };
    struct error error;
    char text[64];
    for (int i = 0; i < CLASSES_MAX_MODELS; i++) {
        snprintf(text, sizeof text, "{\"model\":\"m%d\",\"classes\":[\"of %d\"]}", i, i);
        ck_assert_int_eq(add(&classes, text, &error), 0);
    }
    ck_assert_int_eq(add(&classes, "{\"model\":\"more\"}", &error), BAD_INPUT);
    ck_assert_int_eq(add(&classes, "{\"model\":\"m7\",\"classes\":[\"new\"]}", &error), 0);
    ck_assert_str_eq(classes_name(&classes, "m7", 0), "new");
    ck_assert_str_eq(classes_name(&classes, "m1023", 0), "of 1023");
    classes_free(&classes);
}
END_TEST

/* A sample with one member, of size bytes. */
static void make(struct sample *sample, const char *suffix, const char *bytes, size_t size)
{
    struct error error;
    struct member *member;
    ck_assert_int_eq(sample_begin(sample, "key", &error), 0);
    ck_assert_int_eq(sample_add(sample, suffix, size, &member, &error), 0);
    if (size > 0)
        memcpy(member->bytes, bytes, size);
}

#define BYTES(text) text, sizeof text - 1

static const struct {
    const char *bytes;
    size_t size;
    int status;
    int64_t label;
} labels[] = {
    { BYTES("0"), 1, 0 },
    { BYTES("281"), 1, 281 },
    { BYTES("7\n"), 1, 7 },
    { BYTES(" 7 \r\n"), 1, 7 },
    { BYTES("-1"), 1, -1 },
    { BYTES("9223372036854775807"), 1, INT64_MAX },
    { BYTES("9223372036854775808"), BAD_SAMPLE, 0 },
    { BYTES(""), BAD_SAMPLE, 0 },
    { BYTES("\n"), BAD_SAMPLE, 0 },
    { BYTES("cat"), BAD_SAMPLE, 0 },
    { BYTES("7 8"), BAD_SAMPLE, 0 },
    { BYTES("7.0"), BAD_SAMPLE, 0 },
    { BYTES("0x7"), BAD_SAMPLE, 0 },
    { BYTES("7\0"), BAD_SAMPLE, 0 },
    { BYTES("7\0008"), BAD_SAMPLE, 0 },
    { BYTES("0000000000000000000000000000007"), 1, 7 },
    { BYTES("00000000000000000000000000000007"), BAD_SAMPLE, 0 },
    { BYTES("000000000000000000000000000000007"), BAD_SAMPLE, 0 },
};

START_TEST(reads_labels)
{
    struct sample sample = { 0 };
    struct error error;
    int64_t label = 0;
    make(&sample, "cls", labels[_i].bytes, labels[_i].size);
    ck_assert_int_eq(label_read(&sample, &label, &error), labels[_i].status);
    if (labels[_i].status == 1)
        ck_assert_int_eq(label, labels[_i].label);
    ck_assert_uint_eq(sample_drop(&sample, "cls"), 1);
    ck_assert_int_eq(label_read(&sample, &label, &error), 0);
    sample_free(&sample);
}
END_TEST

static const struct {
    const char *suffix, *text;
    int status;
    const char *model;
} models[] = {
    { "model.json", "{\"model\":\"vit:12ab\"}", 0, "vit:12ab" },
    { "model.json", "{\"model\":null}", 0, NULL },
    { "model.json", "{}", 0, NULL },
    { "model.json", "{\"model\":7}", 0, NULL },
    { "model.json", "[]", BAD_SAMPLE, NULL },
    { "model.json", "", BAD_SAMPLE, NULL },
    { "b.model.json", "{\"model\":\"vit:12ab\"}", 0, NULL },
};

START_TEST(reads_models)
{
    struct sample sample = { 0 };
    struct error error;
    char *model;
    make(&sample, models[_i].suffix, models[_i].text, strlen(models[_i].text));
    ck_assert_int_eq(model_read(&sample, &model, &error), models[_i].status);
    ck_assert_pstr_eq(model, models[_i].model);
    free(model);
    sample_free(&sample);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("classes");
    TCase *cases = tcase_create("classes"), *members = tcase_create("members");
    tcase_add_test(cases, looks_up);
    tcase_add_test(cases, replaces);
    tcase_add_loop_test(cases, refuses, 0, sizeof refused / sizeof *refused);
    tcase_add_test(cases, limits_models);
    tcase_add_loop_test(members, reads_labels, 0, sizeof labels / sizeof *labels);
    tcase_add_loop_test(members, reads_models, 0, sizeof models / sizeof *models);
    suite_add_tcase(suite, cases);
    suite_add_tcase(suite, members);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
