/* formats/sample and formats/json: members that come and go, arrays and JSON in them. */
#include "formats/stream.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void begin(struct sample *sample, const char *const *members)
{
    struct error error;
    ck_assert_int_eq(sample_begin(sample, "key", &error), 0);
    for (; *members; members++)
        ck_assert_int_eq(sample_add_text(sample, *members, *members, &error), 0);
    sample->arrived = sample->count;
}

/* The suffixes of what is there, with commas. */
static void list(const struct sample *sample, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = 0; i < sample->count; i++)
        if (!sample->members[i].dropped) {
            const size_t length = strlen(text);
            snprintf(text + length, size - length, "%s%s", length ? "," : "",
                sample->members[i].suffix);
        }
}

static const char *const members[] = { "jpg", "cls", "attn.00.npy", "attn.01.npy",
    "attngrad.00.npy", "input.npy", NULL };
static const struct {
    const char *glob;
    size_t dropped;
    const char *left;
} drops[] = {
    { "jpg", 1, "cls,attn.00.npy,attn.01.npy,attngrad.00.npy,input.npy" },
    { "attn.*.npy", 2, "jpg,cls,attngrad.00.npy,input.npy" },
    { "attn*", 3, "jpg,cls,input.npy" },
    { "*", 6, "" },
    { "*.npy", 4, "jpg,cls" },
    { "attn.0[1-9].npy", 1, "jpg,cls,attn.00.npy,attngrad.00.npy,input.npy" },
    { "png", 0, "jpg,cls,attn.00.npy,attn.01.npy,attngrad.00.npy,input.npy" },
    { "", 0, "jpg,cls,attn.00.npy,attn.01.npy,attngrad.00.npy,input.npy" },
};

START_TEST(drops_and_restores)
{
    struct sample sample = { 0 };
    struct error error;
    char text[200];
    begin(&sample, members);
    ck_assert_uint_eq(sample_drop(&sample, drops[_i].glob), drops[_i].dropped);
    ck_assert_uint_eq(sample_drop(&sample, drops[_i].glob), 0);
    list(&sample, text, sizeof text);
    ck_assert_str_eq(text, drops[_i].left);
    /* What was dropped may come again, last. */
    if (!sample_find(&sample, "jpg"))
        ck_assert_int_eq(sample_add_text(&sample, "jpg", "new", &error), 0);
    ck_assert_int_eq(sample_add_text(&sample, "logits.npy", "x", &error), 0);
    sample_restore(&sample);
    list(&sample, text, sizeof text);
    ck_assert_str_eq(text, "jpg,cls,attn.00.npy,attn.01.npy,attngrad.00.npy,input.npy");
    ck_assert_mem_eq(sample_find(&sample, "jpg")->bytes, "jpg", 3);
    sample_free(&sample);
}
END_TEST

START_TEST(refuses_twice)
{
    struct sample sample = { 0 };
    struct error error;
    struct member *member;
    float *data;
    const size_t shape[1] = { 1 };
    begin(&sample, members);
    ck_assert_int_eq(sample_add(&sample, "jpg", 1, &member, &error), BAD_SAMPLE);
    ck_assert_str_eq(error.text, "jpg is there twice");
    ck_assert_int_eq(sample_add_text(&sample, "cls", "", &error), BAD_SAMPLE);
    ck_assert_int_eq(
        sample_add_floats(&sample, "input.npy", 1, shape, &data, &error), BAD_SAMPLE);
    ck_assert_int_eq(sample_add_json(&sample, "cls", json_object(), &error), BAD_SAMPLE);
    ck_assert_uint_eq(sample.count, 6);
    ck_assert_ptr_null(sample_find(&sample, "JPG"));
    ck_assert_ptr_null(sample_find(&sample, ""));
    sample_free(&sample);
}
END_TEST

/* Bytes stay in their place while members are added, and don't overlap. */
START_TEST(bytes_stay)
{
    enum { COUNT = 70 };
    struct sample sample = { 0 };
    struct error error;
    const unsigned char *places[COUNT];
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(sample_begin(&sample, "k", &error), 0);
        for (int i = 0; i < COUNT; i++) {
            char suffix[16];
            struct member *member;
            const size_t size = (size_t)(i * 7919 % 5003) * (size_t)(1 + (i + round) % 3);
            snprintf(suffix, sizeof suffix, "m%d", i);
            ck_assert_int_eq(sample_add(&sample, suffix, size, &member, &error), 0);
            ck_assert_uint_eq((size_t)member->bytes % 64, 0);
            ck_assert_uint_ge(member->room, size);
            if (size > 0)
                memset(member->bytes, i, size);
            places[i] = member->bytes;
        }
        for (int i = 0; i < COUNT; i++) {
            ck_assert_ptr_eq(sample.members[i].bytes, places[i]);
            for (size_t at = 0; at < sample.members[i].size; at++)
                ck_assert_int_eq(places[i][at], i);
        }
    }
    sample_free(&sample);
}
END_TEST

START_TEST(finds_pictures)
{
    static const struct {
        const char *members[4], *picture;
    } rows[] = {
        { { "cls", "jpg", "png", NULL }, "jpg" },
        { { "cls", "PNG", NULL }, "PNG" },
        { { "input.npy", "JPEG", NULL }, "JPEG" },
        { { "cls", "jpg.txt", NULL }, NULL },
        { { NULL }, NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sample sample = { 0 };
        begin(&sample, rows[i].members);
        const struct member *found = sample_picture(&sample);
        if (rows[i].picture)
            ck_assert_str_eq(found->suffix, rows[i].picture);
        else
            ck_assert_ptr_null(found);
        sample_drop(&sample, "*");
        ck_assert_ptr_null(sample_picture(&sample));
        sample_free(&sample);
    }
}
END_TEST

START_TEST(reserves)
{
    struct member member = { 0 };
    struct error error;
    ck_assert_int_eq(member_reserve(&member, 0, 0, &error), 0);
    ck_assert_int_eq(member_reserve(&member, 10, 0, &error), 0);
    memcpy(member.bytes, "0123456789", 10);
    const size_t room = member.room;
    ck_assert_int_eq(member_reserve(&member, 5, 0, &error), 0);
    ck_assert_uint_eq(member.room, room);
    ck_assert_int_eq(member_reserve(&member, 100000, 10, &error), 0);
    ck_assert_mem_eq(member.bytes, "0123456789", 10);
    ck_assert_int_eq(member_reserve(&member, SIZE_MAX - 10, 10, &error), BAD_SYSTEM);
    ck_assert_mem_eq(member.bytes, "0123456789", 10);
    free(member.bytes);
}
END_TEST

START_TEST(adds_and_reads_floats)
{
    struct sample sample = { 0 };
    struct floats floats;
    struct scratch scratch = { 0 };
    struct error error;
    float *data;
    const size_t shape[2] = { 3, 4 }, huge[2] = { SIZE_MAX / 2, 9 };
    begin(&sample, members);
    ck_assert_int_eq(sample_add_floats(&sample, "logits.npy", 2, shape, &data, &error), 0);
    for (int i = 0; i < 12; i++)
        data[i] = (float)i;
    ck_assert_int_eq(sample_floats(&sample, "logits.npy", 2, &floats, &scratch, &error), 0);
    ck_assert_uint_eq(floats.rank, 2);
    ck_assert_uint_eq(floats.count, 12);
    ck_assert_mem_eq(floats.shape, shape, sizeof shape);
    ck_assert_ptr_eq(floats.data, data);
    ck_assert_int_eq(
        sample_floats(&sample, "logits.npy", 3, &floats, &scratch, &error), BAD_SAMPLE);
    ck_assert_str_eq(error.text, "logits.npy is f4[3,4], not of 3 dimensions");
    ck_assert_int_eq(
        sample_floats(&sample, "none.npy", 2, &floats, &scratch, &error), BAD_USAGE);
    ck_assert_str_eq(error.text, "has no none.npy");
    ck_assert_int_eq(sample_floats(&sample, "cls", 2, &floats, &scratch, &error), BAD_SAMPLE);
    ck_assert_str_eq(error.text, "cls: npy: not a .npy array of version 1 to 3");
    ck_assert_int_eq(sample_add_floats(&sample, "big.npy", 2, huge, &data, &error), BAD_SAMPLE);
    ck_assert_str_eq(error.text, "big.npy: shape overflows");
    free(scratch.bytes);
    sample_free(&sample);
}
END_TEST

static const struct {
    const char *text;
    int status;
    const char *says;
} jsons[] = {
    { "{}", 0, "" },
    { "{\"a\":[1,2,{\"b\":null}]}", 0, "" },
    { " {\"a\":1}\n", 0, "" },
    { "[]", BAD_SAMPLE, "view.json: not a JSON object" },
    { "[1]", BAD_SAMPLE, "view.json: not a JSON object" },
    { "", BAD_SAMPLE, "view.json: not JSON: " },
    { "1", BAD_SAMPLE, "view.json: not JSON: " },
    { "{", BAD_SAMPLE, "view.json: not JSON: " },
    { "{} {}", BAD_SAMPLE, "view.json: not JSON: " },
    { "{\"a\":\"\377\"}", BAD_SAMPLE, "view.json: not JSON: " },
    { "{\"a\":NaN}", BAD_SAMPLE, "view.json: not JSON: " },
};

START_TEST(reads_json)
{
    struct sample sample = { 0 };
    struct error error = { "" };
    json_t *object = (json_t *)&sample;
    ck_assert_int_eq(sample_begin(&sample, "k", &error), 0);
    ck_assert_int_eq(sample_json(&sample, "view.json", &object, &error), BAD_USAGE);
    ck_assert_ptr_null(object);
    ck_assert_int_eq(sample_add_text(&sample, "view.json", jsons[_i].text, &error), 0);
    object = (json_t *)&sample;
    error.text[0] = '\0';
    ck_assert_int_eq(sample_json(&sample, "view.json", &object, &error), jsons[_i].status);
    ck_assert_int_eq(strncmp(error.text, jsons[_i].says, strlen(jsons[_i].says)), 0);
    ck_assert_int_eq(object != NULL, jsons[_i].status == 0);
    json_decref(object);
    sample_free(&sample);
}
END_TEST

START_TEST(writes_json)
{
    struct sample sample = { 0 };
    struct error error;
    ck_assert_int_eq(sample_begin(&sample, "k", &error), 0);
    json_t *object = json_pack("{s:i, s:f, s:n, s:[s, b]}", "z", 1, "a", 0.1, "n", "l", "x", 1);
    ck_assert_int_eq(sample_add_json(&sample, "a.json", object, &error), 0);
    const char expected[] = "{\"z\":1,\"a\":0.1,\"n\":null,\"l\":[\"x\",true]}";
    ck_assert_uint_eq(sample.members[0].size, strlen(expected));
    ck_assert_mem_eq(sample.members[0].bytes, expected, strlen(expected));
    ck_assert_int_eq(sample_add_json(&sample, "b.json", NULL, &error), BAD_SYSTEM);
    sample_free(&sample);
}
END_TEST

static const struct {
    float value;
    const char *text;
} floats[] = {
    { 0.0f, "0.0" },
    { -0.0f, "-0.0" },
    { 0.1f, "0.1" },
    { 1.0f, "1.0" },
    { 0.5f, "0.5" },
    { 1.0f / 3, "0.33333334" },
    { 3.1415927f, "3.1415927" },
    { 16777216.0f, "16777216.0" },
    { 123456.0f, "123456.0" },
    { 1e-7f, "1e-7" },
    { -2.5e20f, "-2.5e20" },
    { FLT_MAX, "3.4028235e38" },
    { FLT_MIN, "1.1754944e-38" },
    { 1e-45f, "1.4013e-45" },
    { NAN, "null" },
    { INFINITY, "null" },
    { -INFINITY, "null" },
};

START_TEST(prints_floats)
{
    json_t *value = json_float(floats[_i].value);
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    ck_assert_str_eq(text, floats[_i].text);
    free(text);
    json_decref(value);
}
END_TEST

/* Floats of every magnitude come back as they were. */
START_TEST(floats_come_back)
{
    unsigned state = 1;
    for (int n = 0; n < 200000; n++) {
        state = state * 1664525u + 1013904223u;
        float value;
        memcpy(&value, &state, sizeof value);
        json_t *made = json_float(value);
        if (isfinite(value)) {
            char *text = json_dumps(made, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
            ck_assert_float_eq(strtof(text, NULL), value);
            free(text);
        } else {
            ck_assert(json_is_null(made));
        }
        json_decref(made);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sample");
    TCase *sample = tcase_create("sample"), *json = tcase_create("json");
    tcase_set_timeout(json, 60);
    tcase_add_loop_test(sample, drops_and_restores, 0, sizeof drops / sizeof *drops);
    tcase_add_test(sample, refuses_twice);
    tcase_add_test(sample, bytes_stay);
    tcase_add_test(sample, finds_pictures);
    tcase_add_test(sample, reserves);
    tcase_add_test(sample, adds_and_reads_floats);
    tcase_add_loop_test(json, reads_json, 0, sizeof jsons / sizeof *jsons);
    tcase_add_test(json, writes_json);
    tcase_add_loop_test(json, prints_floats, 0, sizeof floats / sizeof *floats);
    tcase_add_test(json, floats_come_back);
    suite_add_tcase(suite, sample);
    suite_add_tcase(suite, json);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
