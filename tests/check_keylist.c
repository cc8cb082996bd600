/* common/keylist: files of keys as people and programs write them. */
#include "common/keylist.h"
#include "formats/io.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *text;
    size_t size;
    const char *keys; /* sorted, a space behind each */
} files[] = {
#define FILE_OF(text, keys)         \
    {                               \
        text, sizeof text - 1, keys \
    }
    FILE_OF("", ""),
    FILE_OF("\n", ""),
    FILE_OF("\n\n\r\n\t\n", ""),
    FILE_OF("cat", "cat "),
    FILE_OF("cat\n", "cat "),
    FILE_OF("pets/dog\ncat\n", "cat pets/dog "),
    FILE_OF("b\r\na\r\n", "a b "),
    FILE_OF("b\na\nb\nb\na\n", "a b "),
    FILE_OF("a\t1\t2\nb\t3\n", "a b "),
    FILE_OF("key\trank\na\t1\n", "a "),
    FILE_OF("key\trank", ""),
    FILE_OF("key\na\n", "a key "),
    FILE_OF("a\nkey\t1\n", "a key "),
    FILE_OF("a\0b\nc", "a "),
};

START_TEST(reads)
{
    char path[] = "/tmp/check_keylist.XXXXXX", keys[64] = "";
    struct keylist list;
    struct error error;
    const char *first;
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, files[_i].text, files[_i].size), (ssize_t)files[_i].size);
    close(fd);
    ck_assert_int_eq(keylist_read(&list, path, &error), 0);
    for (size_t i = 0; i < list.count; i++)
        strcat(strcat(keys, list.keys[i].key), " ");
    ck_assert_str_eq(keys, files[_i].keys);
    ck_assert_uint_eq(keylist_missing(&list, &first), list.count);
    ck_assert(!keylist_find(&list, "nowhere"));
    for (size_t i = 0; i < list.count; i++) {
        ck_assert_str_eq(first, list.keys[i].key);
        ck_assert(keylist_find(&list, list.keys[i].key));
        ck_assert(keylist_find(&list, list.keys[i].key));
        ck_assert_uint_eq(keylist_missing(&list, &first), list.count - 1 - i);
    }
    ck_assert_ptr_null(first);
    keylist_free(&list);
    unlink(path);
}
END_TEST

START_TEST(fails)
{
    struct keylist list;
    struct error error;
    ck_assert_int_eq(keylist_read(&list, "/nowhere/keys", &error), BAD_SYSTEM);
    ck_assert_ptr_nonnull(strstr(error.text, "/nowhere/keys"));
    keylist_free(&list);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keylist");
    TCase *cases = tcase_create("keylist");
    tcase_add_loop_test(cases, reads, 0, sizeof files / sizeof *files);
    tcase_add_test(cases, fails);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
