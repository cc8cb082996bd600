/* Shards by other writers, and archives one behind the other, in one file or in several. */
#include "tests/streamtext.h"

#define STREAMS "tests/data/streams/"

/* Shards by other writers, and a stream in the strict profile (tests/oracle/streams.py). */
static const char *const shards[] = { "ustar", "gnu", "pax", "webdataset", "strict" };

static void note_skip(void *argument, const char *name)
{
    say(argument, "skip\t%s\n", name);
}

START_TEST(reads_shards)
{
    char path[64], manifest[64];
    struct text text = { 0 }, skipped = { 0 };
    struct stream_reader *reader;
    struct sample sample = { 0 };
    struct error error;
    say(&skipped, "%s", "");
    snprintf(path, sizeof path, STREAMS "%s.tar", shards[_i]);
    snprintf(manifest, sizeof manifest, STREAMS "%s.tsv", shards[_i]);
    const char *const paths[] = { path };
    ck_assert_int_eq(stream_open(&reader, paths, 1, &error), 0);
    stream_on_skip(reader, note_skip, &skipped);
    int status;
    while ((status = stream_read(reader, &sample, &error)) > 0)
        for (size_t i = 0; i < sample.count; i++) {
            const struct member *member = &sample.members[i];
            const unsigned long crc =
                member->size ? crc32(0, member->bytes, (uInt)member->size) : 0;
            say(&text, "%s\t%s\t%zu\t%08lx\n", sample.key, member->suffix, member->size, crc);
        }
    ck_assert_msg(status == 0, "%s", error.text);
    struct bytes expected = load_bytes(manifest);
    put(&expected, "", 1);
    /* A member is read ahead, so that the order of the two kinds of lines is another. */
    for (const char *line = (char *)expected.data, *a = text.at, *b = skipped.at; *line;) {
        const size_t size = strcspn(line, "\n") + 1;
        const char **at = strncmp(line, "skip\t", 5) == 0 ? &b : &a;
        ck_assert_msg(strncmp(*at, line, size) == 0, "%.200s\n%.200s", line, *at);
        *at += size;
        line += size;
        ck_assert(*line || (*a == '\0' && *b == '\0'));
    }
    bytes_free(&expected);
    sample_free(&sample);
    stream_close(reader);
    free(text.at);
    free(skipped.at);
}
END_TEST

static const char *const refused[][2] = { { "symlink", "link" }, { "hardlink", "link" },
    { "fifo", "device" }, { "device", "device" }, { "sparse", "sparse" },
    { "sparse-pax", "sparse" } };

START_TEST(refuses_members)
{
    char path[64];
    struct text text = { 0 };
    snprintf(path, sizeof path, STREAMS "refused/%s.tar", refused[_i][0]);
    const char *const paths[] = { path };
    ck_assert_int_eq(describe_paths(paths, 1, false, &text), BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(text.at, "refused"));
    ck_assert_ptr_nonnull(strstr(text.at, refused[_i][1]));
    free(text.at);
}
END_TEST

static struct bytes archive_of(const char *key, const char *program)
{
    struct summed stream = { 0 };
    char name[64], head[200];
    if (program) {
        snprintf(head, sizeof head,
            "{\"format\":\"tensorstream\",\"version\":1,\"pg\":[{\"id\":\"%s\"}]}", program);
        put_text(&stream.bytes, STREAM_KEY "/head", head);
    }
    snprintf(name, sizeof name, "%s.cls", key);
    put_summed(&stream, name, "1", 1);
    if (program)
        put_tail(&stream, 1, 0, 1);
    put_end(&stream.bytes);
    return stream.bytes;
}

/* Archives one behind the other, in one file or in several: programs of the first. */
static const struct {
    const char *programs[3]; /* NULL: a foreign shard */
    const char *chain, *samples;
} rows[] = {
    { { "x", "y", "z" }, "[{\"id\":\"x\"}]",
        "a cls:1;__stream__ pg:55;b cls:1;__stream__ pg:55;c cls:1;end" },
    { { "x", NULL, "z" }, "[{\"id\":\"x\"}]", "a cls:1;b cls:1;__stream__ pg:55;c cls:1;end" },
    { { NULL, "y", NULL }, "[]", "a cls:1;__stream__ pg:55;b cls:1;c cls:1;end" },
    { { NULL, NULL, NULL }, "[]", "a cls:1;b cls:1;c cls:1;end" },
};

START_TEST(concatenates)
{
    for (int files = 0; files < 2; files++) {
        char paths[3][32];
        int fds[3];
        struct bytes all = { 0 };
        struct text text = { 0 };
        for (int i = 0; i < 3; i++) {
            struct bytes one =
                archive_of((const char *[]){ "a", "b", "c" }[i], rows[_i].programs[i]);
            put(&all, one.data, one.size);
            fds[i] = files    ? memory_file(one.data, one.size)
                     : i == 2 ? memory_file(all.data, all.size)
                              : -1;
            memory_path(fds[i], paths[i]);
            bytes_free(&one);
        }
        const char *const several[] = { paths[0], paths[1], paths[2] };
        const char *const *given = files ? several : several + 2;
        ck_assert_int_eq(describe_paths(given, files ? 3 : 1, false, &text), 0);
        ck_assert_str_eq(text.at, rows[_i].samples);
        struct stream_reader *reader;
        struct error error;
        const json_t *programs;
        ck_assert_int_eq(stream_open(&reader, given, files ? 3 : 1, &error), 0);
        ck_assert_int_eq(stream_programs(reader, &programs, &error), 0);
        char *chain = json_dumps(programs, JSON_COMPACT);
        ck_assert_str_eq(chain, rows[_i].chain);
        free(chain);
        stream_close(reader);
        for (int i = 0; i < 3; i++)
            if (fds[i] >= 0)
                close(fds[i]);
        bytes_free(&all);
        free(text.at);
    }
}
END_TEST

START_TEST(files_fail)
{
    struct bytes one = archive_of("a", "x");
    char path[32];
    const int fd = memory_file(one.data, one.size);
    memory_path(fd, path);
    static const char *const bad[][2] = {
        { "/nowhere/at/all", "a cls:1;!/nowhere/at/all: No such file or directory" },
        { "/", "!/ is a directory, not a tensor stream: run preprocess on it first" },
        { "/dev/null", "!/dev/null: truncated: no bytes at all" },
    };
    for (size_t i = 0; i < 3; i++) {
        struct text text = { 0 };
        const char *const paths[] = { path, bad[i][0] };
        const int status = describe_paths(paths, 2, false, &text);
        static const int kinds[] = { BAD_SYSTEM, BAD_USAGE, BAD_INPUT };
        ck_assert_int_eq(status, kinds[i]);
        ck_assert_ptr_nonnull(strstr(text.at, strchr(bad[i][1], '!')));
        free(text.at);
    }
    close(fd);
    bytes_free(&one);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shards");
    TCase *shard = tcase_create("shards");
    tcase_add_loop_test(shard, reads_shards, 0, sizeof shards / sizeof *shards);
    tcase_add_loop_test(shard, refuses_members, 0, sizeof refused / sizeof *refused);
    tcase_add_loop_test(shard, concatenates, 0, sizeof rows / sizeof *rows);
    tcase_add_test(shard, files_fail);
    suite_add_tcase(suite, shard);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
