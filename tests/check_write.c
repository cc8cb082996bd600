/* Writing tensor streams: the bytes, round trips, what is counted, full disks, memory. */
#include "tests/streamtext.h"

#include <fcntl.h>
#include <malloc.h>

/* A stream in memory, begun with a head. */
static int begin(struct stream_writer **writer)
{
    struct error error;
    json_t *programs = json_pack("[{s:s}]", "id", "test");
    const int fd = memory_file(NULL, 0);
    ck_assert_int_eq(stream_create(writer, fd, "out", &error), 0);
    ck_assert_int_eq(stream_write_head(*writer, programs, &error), 0);
    json_decref(programs);
    return fd;
}

static struct bytes finish(struct stream_writer *writer, int fd)
{
    struct error error;
    ck_assert_int_eq(stream_finish(writer, &error), 0);
    stream_discard(writer);
    struct bytes bytes = memory_bytes(fd);
    close(fd);
    return bytes;
}

static void begin_sample(struct sample *sample, const char *key)
{
    struct error error;
    ck_assert_int_eq(sample_begin(sample, key, &error), 0);
}

static void add(struct sample *sample, const char *suffix, size_t size, unsigned seed)
{
    struct member *member;
    struct error error;
    ck_assert_int_eq(sample_add(sample, suffix, size, &member, &error), 0);
    fill_bytes(member->bytes, size, seed);
}

static void write_sample(struct stream_writer *writer, const struct sample *sample)
{
    struct error error;
    ck_assert_int_eq(stream_write(writer, sample, &error), 0);
}

/* Copies a stream; by way of the head's own chain the copy is the same stream. */
static struct bytes copy(const char *path)
{
    struct stream_reader *reader;
    struct stream_writer *writer;
    struct sample sample = { 0 };
    struct error error;
    const json_t *programs;
    const char *const paths[] = { path };
    const int fd = memory_file(NULL, 0);
    ck_assert_int_eq(stream_open(&reader, paths, 1, &error), 0);
    ck_assert_int_eq(stream_create(&writer, fd, "out", &error), 0);
    ck_assert_int_eq(stream_programs(reader, &programs, &error), 0);
    ck_assert_int_eq(stream_write_head(writer, programs, &error), 0);
    int status;
    while ((status = stream_read(reader, &sample, &error)) > 0)
        write_sample(writer, &sample);
    ck_assert_msg(status == 0, "%s", error.text);
    sample_free(&sample);
    stream_close(reader);
    return finish(writer, fd);
}

/* What another program made from tensorstream(5) alone we write to the byte. */
START_TEST(equals_the_oracle)
{
    struct bytes theirs = load_bytes("tests/data/streams/strict.tar");
    struct bytes ours = copy("tests/data/streams/strict.tar");
    ck_assert_uint_eq(ours.size, theirs.size);
    for (size_t i = 0; i < ours.size; i++)
        ck_assert_msg(ours.data[i] == theirs.data[i], "byte %zu", i);
    bytes_free(&ours);
    bytes_free(&theirs);
}
END_TEST

static const char *const shards[] = { "ustar", "gnu", "pax", "webdataset" };

/* A foreign shard becomes a stream with the same samples, and its copy is the same bytes. */
START_TEST(adopts_shards)
{
    char path[64], again[32];
    struct text theirs = { 0 }, ours = { 0 };
    snprintf(path, sizeof path, "tests/data/streams/%s.tar", shards[_i]);
    const char *const paths[] = { path };
    ck_assert_int_eq(describe_paths(paths, 1, true, &theirs), 0);
    struct bytes stream = copy(path);
    ck_assert_int_eq(describe(stream.data, stream.size, true, &ours), 0);
    ck_assert_str_eq(ours.at, theirs.at);
    const int fd = memory_file(stream.data, stream.size);
    memory_path(fd, again);
    struct bytes second = copy(again);
    ck_assert_uint_eq(second.size, stream.size);
    ck_assert_mem_eq(second.data, stream.data, stream.size);
    close(fd);
    bytes_free(&second);
    bytes_free(&stream);
    free(theirs.at);
    free(ours.at);
}
END_TEST

static const size_t sizes[] = { 0, 1, 2, 63, 64, 65, 511, 512, 513, 1023, 1024, 1025,
    IO_BUFFER - 513, IO_BUFFER - 512, IO_BUFFER - 511, IO_BUFFER - 1, IO_BUFFER, IO_BUFFER + 1,
    2 * IO_BUFFER - 1, 2 * IO_BUFFER, 2 * IO_BUFFER + 1, (1 << 20) - 1, 1 << 20,
    (1 << 20) + 1 };

START_TEST(round_trips)
{
    struct stream_writer *writer;
    struct sample sample = { 0 };
    struct text expected = { 0 }, text = { 0 };
    const int fd = begin(&writer);
    for (unsigned n = 0; n < 3; n++) {
        char key[32];
        snprintf(key, sizeof key, "dir/sample%u", n);
        begin_sample(&sample, key);
        add(&sample, "jpg", sizes[_i], n);
        add(&sample, "cls", 1, n);
        add(&sample, "attn.00.npy", sizes[_i] + n, n);
        say(&expected, "%s", key);
        for (size_t i = 0; i < 3; i++)
            say(&expected, "%s%s:%zu:%08lx", i ? "," : " ", sample.members[i].suffix,
                sample.members[i].size,
                crc32(0, sample.members[i].bytes, (uInt)sample.members[i].size));
        say(&expected, ";");
        write_sample(writer, &sample);
    }
    say(&expected, "end");
    ck_assert_uint_eq(stream_written(writer).members, 9);
    struct bytes bytes = finish(writer, fd);
    ck_assert_uint_eq(bytes.size % 512, 0);
    ck_assert_int_eq(describe(bytes.data, bytes.size, true, &text), 0);
    /* A CRC-32 of no bytes is 0 here as there. */
    ck_assert_str_eq(text.at, expected.at);
    bytes_free(&bytes);
    free(text.at);
    free(expected.at);
    sample_free(&sample);
}
END_TEST

static const size_t key_lengths[] = { 1, 90, 95, 96, 97, 98, 99, 100, 150, 151, 152, 155, 156,
    250, 251, 252, 253, 255, 256, 257, 4096, 60000 };

START_TEST(long_keys)
{
    struct stream_writer *writer;
    struct sample sample = { 0 };
    char *key = malloc(key_lengths[_i] + 1);
    for (int slash = 0; slash < 3; slash++) {
        struct text text = { 0 };
        memset(key, 'k', key_lengths[_i]);
        key[key_lengths[_i]] = '\0';
        if (slash && key_lengths[_i] > 2) /* in the middle, or early */
            key[slash == 1 ? key_lengths[_i] / 2 : 1] = '/';
        const int fd = begin(&writer);
        begin_sample(&sample, key);
        add(&sample, "cls", 1, 0);
        write_sample(writer, &sample);
        struct bytes bytes = finish(writer, fd);
        ck_assert_int_eq(describe(bytes.data, bytes.size, false, &text), 0);
        const size_t seen = key_lengths[_i] < 2000 ? key_lengths[_i] : 2000;
        ck_assert_int_eq(strncmp(text.at, key, seen), 0);
        bytes_free(&bytes);
        free(text.at);
    }
    free(key);
    sample_free(&sample);
}
END_TEST

/* Where an array's numbers begin in the archive. */
START_TEST(aligns_arrays)
{
    struct stream_writer *writer;
    struct sample sample = { 0 };
    struct error error;
    float *data;
    const size_t shape[2] = { 3, 5 };
    const int fd = begin(&writer);
    begin_sample(&sample, "a");
    add(&sample, "jpg", 777, 1);
    ck_assert_int_eq(sample_add_floats(&sample, "input.npy", 2, shape, &data, &error), 0);
    ck_assert_uint_eq((size_t)data % 64, 0);
    for (int i = 0; i < 15; i++)
        data[i] = 1234.5f;
    write_sample(writer, &sample);
    struct bytes bytes = finish(writer, fd);
    const unsigned char *found = memmem(bytes.data, bytes.size, data, 60);
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq((size_t)(found - bytes.data) % 64, 0);
    bytes_free(&bytes);
    sample_free(&sample);
}
END_TEST

/* The tail counts what was written, whatever was dropped. */
START_TEST(counts_what_is_there)
{
    struct stream_writer *writer;
    struct sample sample = { 0 };
    struct text text = { 0 };
    const int fd = begin(&writer);
    begin_sample(&sample, "all");
    add(&sample, "jpg", 3, 1);
    add(&sample, "cls", 3, 1);
    write_sample(writer, &sample);
    begin_sample(&sample, "some");
    add(&sample, "jpg", 3, 1);
    add(&sample, "cls", 3, 1);
    ck_assert_uint_eq(sample_drop(&sample, "j*"), 1);
    write_sample(writer, &sample);
    begin_sample(&sample, "none");
    add(&sample, "jpg", 3, 1);
    sample_drop(&sample, "*");
    write_sample(writer, &sample);
    begin_sample(&sample, "bad");
    add(&sample, "__bad__", 2, 1);
    sample.bad = true;
    write_sample(writer, &sample);
    begin_sample(&sample, "mended");
    add(&sample, "__bad__", 2, 1);
    add(&sample, "cls", 2, 1);
    sample.bad = true;
    sample_drop(&sample, "__bad__");
    write_sample(writer, &sample);
    begin_sample(&sample, STREAM_KEY);
    add(&sample, "note", 2, 1);
    write_sample(writer, &sample);
    const struct stream_counts counts = stream_written(writer);
    ck_assert_uint_eq(counts.samples, 4);
    ck_assert_uint_eq(counts.bad, 1);
    ck_assert_uint_eq(counts.members, 5);
    struct bytes bytes = finish(writer, fd);
    describe(bytes.data, bytes.size, false, &text);
    ck_assert_str_eq(text.at,
        "all jpg:3,cls:3;some cls:3;bad __bad__:2;!mended cls:2;__stream__ note:2;end");
    bytes_free(&bytes);
    free(text.at);
    sample_free(&sample);
}
END_TEST

START_TEST(unfinished_is_truncated)
{
    struct stream_writer *writer;
    struct sample sample = { 0 };
    struct text text = { 0 };
    const int fd = begin(&writer);
    begin_sample(&sample, "a");
    add(&sample, "cls", 3, 1);
    write_sample(writer, &sample);
    stream_discard(writer);
    struct bytes bytes = memory_bytes(fd);
    ck_assert_int_eq(describe(bytes.data, bytes.size, false, &text), BAD_INPUT);
    ck_assert_str_eq(text.at, "!T: truncated: has a head and no tail");
    bytes_free(&bytes);
    free(text.at);
    close(fd);
    sample_free(&sample);
}
END_TEST

/* A chain of archives becomes one, and whole; the heads of the later ones go along. */
START_TEST(joins)
{
    char path[32];
    struct summed all = { 0 };
    struct text text = { 0 };
    for (int i = 0; i < 3; i++) {
        const char name[] = { (char)('a' + i), '.', 'c', 'l', 's', '\0' };
        if (i < 2)
            put_head(&all);
        put_summed(&all, name, "1", 1);
        if (i < 2)
            put_tail(&all, 1, 0, 1);
        put_end(&all.bytes);
    }
    const int fd = memory_file(all.bytes.data, all.bytes.size);
    memory_path(fd, path);
    struct bytes joined = copy(path);
    ck_assert_int_eq(describe(joined.data, joined.size, false, &text), 0);
    ck_assert_str_eq(text.at, "a cls:1;__stream__ pg:45;b cls:1;c cls:1;end");
    close(fd);
    bytes_free(&joined);
    bytes_free(&all.bytes);
    free(text.at);
}
END_TEST

static int write_full(int fd, const struct sample *sample, struct error *error)
{
    struct stream_writer *writer;
    json_t *programs = json_array();
    ck_assert_int_eq(stream_create(&writer, fd, "disk", error), 0);
    int status = stream_write_head(writer, programs, error);
    for (int i = 0; i < 2 && status == 0; i++)
        status = stream_write(writer, sample, error);
    if (status == 0)
        status = stream_finish(writer, error);
    stream_discard(writer);
    json_decref(programs);
    return status;
}

START_TEST(full_disk)
{
    struct sample sample = { 0 };
    struct error error;
    begin_sample(&sample, "a");
    add(&sample, "jpg", 100000, 1);
    const int full = open("/dev/full", O_WRONLY);
    ck_assert_int_eq(write_full(full, &sample, &error), BAD_SYSTEM);
    ck_assert_str_eq(error.text, "disk: write failed: No space left on device");
    ck_assert_int_eq(write_full(-1, &sample, &error), BAD_SYSTEM);
    close(full);
    sample_free(&sample);
}
END_TEST

/* Reads and writes 10,000 samples of many sizes: memory stays where it is but for the keys. */
static size_t allocated(void)
{
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static size_t size_of(unsigned n, unsigned member)
{
    static const size_t range[] = { 10, 5000, 200000, 3000, 40000 };
    const unsigned long long mixed = (n * 7919ULL + member * 104729ULL) * 2654435761ULL;
    return (size_t)(mixed >> 16) % range[(n + member) % 5];
}

START_TEST(memory_is_flat)
{
    enum { COUNT = 10000 };
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    if (fork() == 0) {
        struct stream_writer *writer;
        struct sample sample = { 0 };
        struct error error;
        json_t *programs = json_array();
        stream_create(&writer, ends[1], "pipe", &error);
        stream_write_head(writer, programs, &error);
        for (unsigned n = 0; n < COUNT; n++) {
            char key[32], suffix[32];
            snprintf(key, sizeof key, "%08u", n);
            sample_begin(&sample, key, &error);
            for (unsigned m = 0; m < n % 6 + 1; m++) {
                struct member *member;
                snprintf(suffix, sizeof suffix, "attn.%02u.npy", m);
                sample_add(&sample, suffix, size_of(n, m), &member, &error);
                if (member->size > 0)
                    memset(member->bytes, (int)n, member->size);
            }
            stream_write(writer, &sample, &error);
        }
        stream_finish(writer, &error);
        _exit(0);
    }
    close(ends[1]);
    ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    const char *const paths[] = { "-" };
    struct stream_reader *reader;
    struct sample sample = { 0 };
    struct error error;
    size_t half = 0;
    ck_assert_int_eq(stream_open(&reader, paths, 1, &error), 0);
    unsigned n = 0;
    for (; stream_read(reader, &sample, &error) > 0; n++) {
        ck_assert_uint_eq(sample.count, n % 6 + 1);
        for (unsigned m = 0; m < sample.count; m++)
            ck_assert_uint_eq(sample.members[m].size, size_of(n, m));
        if (n == COUNT / 10)
            half = allocated();
    }
    ck_assert_uint_eq(n, COUNT);
    /* 16 bytes a sample at most for the keys, as a table that doubles; all slots may have
     * grown to the largest member. */
    ck_assert_uint_lt(allocated(), half + 32 * COUNT + 8 * 200000);
    sample_free(&sample);
    stream_close(reader);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("write");
    TCase *bytes = tcase_create("bytes"), *limits = tcase_create("limits");
    tcase_set_timeout(limits, 120);
    tcase_add_test(bytes, equals_the_oracle);
    tcase_add_loop_test(bytes, adopts_shards, 0, sizeof shards / sizeof *shards);
    tcase_add_loop_test(bytes, round_trips, 0, sizeof sizes / sizeof *sizes);
    tcase_add_loop_test(bytes, long_keys, 0, sizeof key_lengths / sizeof *key_lengths);
    tcase_add_test(bytes, aligns_arrays);
    tcase_add_test(bytes, counts_what_is_there);
    tcase_add_test(bytes, unfinished_is_truncated);
    tcase_add_test(bytes, joins);
    tcase_add_test(limits, full_disk);
    tcase_add_test(limits, memory_is_flat);
    suite_add_tcase(suite, bytes);
    suite_add_tcase(suite, limits);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
