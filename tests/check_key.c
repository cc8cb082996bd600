/* formats/key: what a key may be, what a name becomes, and which keys were there. */
#include "formats/stream.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *key;
    bool legal;
} keys[] = {
    { "a", true },
    { "0", true },
    { "AZaz09_+=@,%-", true },
    { "a/b", true },
    { "a/b/c", true },
    { "%", true },
    { "__", true },
    { "___", true },
    { "_x_", true },
    { "__x", true },
    { "x__", true },
    { "__x_", true },
    { "x/__y", true },
    { "", false },
    { "/", false },
    { "/a", false },
    { "a/", false },
    { "a//b", false },
    { ".", false },
    { "..", false },
    { "a.b", false },
    { "a/..", false },
    { "a b", false },
    { "a\tb", false },
    { "a\nb", false },
    { "a\177b", false },
    { "\303\274", false },
    { "a:b", false },
    { "a*", false },
    { "a\\b", false },
    { "____", false },
    { "__x__", false },
    { "__stream__", false },
    { "a/__x__", false },
    { "__x__/a", false },
    { "a/____/b", false },
};

START_TEST(knows_legal_keys)
{
    const size_t length = strlen(keys[_i].key);
    char padded[64]; /* what stands behind the length doesn't count */
    snprintf(padded, sizeof padded, "%s./ ", keys[_i].key);
    ck_assert_int_eq(key_is_legal(padded, length), keys[_i].legal);
}
END_TEST

/* Every byte by itself, by the set that tensorstream(5) gives. */
START_TEST(knows_legal_bytes)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=@,-";
    for (int c = 0; c < 256; c++) {
        const char key[3] = { 'a', (char)c, 'b' };
        const bool is_plain = c != 0 && strchr(plain, c);
        ck_assert_int_eq(key_is_legal(key, 3), is_plain || c == '%' || c == '/');
        char *encoded = key_encode(key, 3), expected[8];
        if (is_plain || c == '/')
            snprintf(expected, sizeof expected, "a%cb", c);
        else
            snprintf(expected, sizeof expected, "a%%%02Xb", (unsigned)c);
        ck_assert_str_eq(encoded, expected);
        free(encoded);
    }
}
END_TEST

static const struct {
    const char *name, *key;
} encoded[] = {
    { "cat", "cat" },
    { "a/b", "a/b" },
    { "./a", "a" },
    { "././a", "a" },
    { "/a", "a" },
    { "//a", "a" },
    { "/./a", "a" },
    { "a//b", "a/b" },
    { "a/./b", "a/b" },
    { "a/", "a" },
    { "../a", "%2E%2E/a" },
    { "a/../b", "a/%2E%2E/b" },
    { "...", "%2E%2E%2E" },
    { "v1.0/x", "v1%2E0/x" },
    { "b c", "b%20c" },
    { "50%", "50%25" },
    { "50%25", "50%2525" },
    { "gr\303\274n", "gr%C3%BCn" },
    { "\377\001", "%FF%01" },
    { "__x__", "%5F_x__" },
    { "____", "%5F___" },
    { "___", "___" },
    { "__x__/__y__", "%5F_x__/%5F_y__" },
    { "%5F_x__", "%255F_x__" },
    { "__stream__/head", "%5F_stream__/head" },
    { "__a b__", "%5F_a%20b__" },
    { "", "" },
    { ".", "" },
    { "/", "" },
    { "./", "" },
};

START_TEST(encodes)
{
    char *key = key_encode(encoded[_i].name, strlen(encoded[_i].name));
    ck_assert_str_eq(key, encoded[_i].key);
    if (*key)
        ck_assert(key_is_legal(key, strlen(key)));
    free(key);
}
END_TEST

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All names of up to four of the bytes that matter: legal keys, no two the same. */
START_TEST(never_two_names_one_key)
{
    static const char bytes[] = "_.%5Fa /E2";
    enum { BASE = sizeof bytes - 1 };
    size_t count = 0;
    char **made = calloc(BASE * BASE * BASE * BASE * BASE, sizeof *made);
    for (unsigned n = 0; n < BASE * BASE * BASE * BASE * BASE; n++) {
        char name[6];
        for (unsigned i = 0, rest = n; i < 5; i++, rest /= BASE)
            name[i] = bytes[rest % BASE];
        name[5] = '\0';
        /* Names that mean the same file are left out. */
        if (name[0] == '/' || name[4] == '/' || strstr(name, "//") || strstr(name, "/./")
            || strncmp(name, "./", 2) == 0 || strcmp(name + 3, "/.") == 0)
            continue;
        char *key = key_encode(name, 5);
        ck_assert(key_is_legal(key, strlen(key)));
        made[count++] = key;
    }
    qsort(made, count, sizeof *made, by_text);
    for (size_t i = 1; i < count; i++)
        ck_assert_str_ne(made[i - 1], made[i]);
    for (size_t i = 0; i < count; i++)
        free(made[i]);
    free(made);
}
END_TEST

START_TEST(encodes_with_nul)
{
    char *key = key_encode("a\0b", 3);
    ck_assert_str_eq(key, "a%00b");
    free(key);
    key = key_encode("cat.jpg", 3); /* what stands behind isn't looked at */
    ck_assert_str_eq(key, "cat");
    free(key);
}
END_TEST

START_TEST(remembers_keys)
{
    enum { COUNT = 200000 };
    struct keys seen = { 0 };
    struct error error;
    char key[32];
    for (int n = 0; n < COUNT; n++) {
        snprintf(key, sizeof key, "%08d", n);
        ck_assert_int_eq(keys_add(&seen, key, &error), 1);
        if (n % 1000 == 0)
            for (int old = 0; old <= n; old += 997) {
                snprintf(key, sizeof key, "%08d", old);
                ck_assert_int_eq(keys_add(&seen, key, &error), 0);
            }
    }
    ck_assert_uint_eq(seen.count, COUNT);
    ck_assert_uint_le(seen.slots, 16 * COUNT / 8 * 2);
    for (int n = 0; n < COUNT; n++) {
        snprintf(key, sizeof key, "%08d", n);
        ck_assert_int_eq(keys_add(&seen, key, &error), 0);
    }
    ck_assert_int_eq(keys_add(&seen, "", &error), 1);
    ck_assert_int_eq(keys_add(&seen, "", &error), 0);
    keys_free(&seen);
    ck_assert_uint_eq(seen.slots, 0);
    ck_assert_int_eq(keys_add(&seen, "again", &error), 1);
    keys_free(&seen);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("key");
    TCase *key = tcase_create("key");
    tcase_set_timeout(key, 60);
    tcase_add_loop_test(key, knows_legal_keys, 0, sizeof keys / sizeof *keys);
    tcase_add_test(key, knows_legal_bytes);
    tcase_add_loop_test(key, encodes, 0, sizeof encoded / sizeof *encoded);
    tcase_add_test(key, never_two_names_one_key);
    tcase_add_test(key, encodes_with_nul);
    tcase_add_test(key, remembers_keys);
    suite_add_tcase(suite, key);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
