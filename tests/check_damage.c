/* Damaged streams: cut at every byte, with every bit flipped, in odd pieces, with huge claims.
 */
#include "tests/streamtext.h"

#include <pthread.h>
#include <sys/resource.h>

/* A small stream with all that framing has: a pax name, padding, an empty and a bad member. */
static struct bytes small_stream(void)
{
    struct summed stream = { 0 };
    char name[160], record[200];
    put_text(&stream.bytes, STREAM_KEY "/head",
        "{\"format\":\"tensorstream\",\"version\":1,\"pg\":[{\"id\":\"a\",\"args\":[\"-x\"]}]"
        "}");
    put_summed(&stream, STREAM_KEY "/model", "{}", 2);
    put_summed(&stream, "a.cls", NULL, 0);
    put_summed(&stream, "a.jpg", "some bytes", 10);
    put_summed(&stream, "b.__bad__", "{\"stage\":\"x\",\"error\":\"y\"}", 25);
    memset(name, 'n', 120);
    strcpy(name + 120, ".cls");
    const int n = snprintf(record, sizeof record, "%d path=%s\n", 134, name);
    ck_assert_int_eq(n, 134);
    put_extended(&stream.bytes, 'x', record, 134);
    struct summed named = { .crc = stream.crc };
    put_summed(&named, name, "1", 1); /* for its sum */
    put_member(&stream.bytes, name, "1", 1);
    stream.crc = named.crc;
    bytes_free(&named.bytes);
    put_tail(&stream, 3, 1, 4);
    put_end(&stream.bytes);
    return stream.bytes;
}

/* Reads what a file holds now; its name may change from call to call. */
static int read_file(int fd, struct text *text)
{
    char path[32];
    memory_path(fd, path);
    const char *const paths[] = { path };
    text->length = 0;
    return describe_paths(paths, 1, true, text);
}

static const char *const whole[] = { "", "tests/data/streams/strict.tar",
    "tests/data/streams/ustar.tar", "tests/data/streams/webdataset.tar" };

/* Cut anywhere before the end of its two zero blocks a stream is truncated, and says so. */
START_TEST(cut_everywhere)
{
    struct bytes bytes = *whole[_i] ? load_bytes(whole[_i]) : small_stream();
    struct text text = { 0 };
    size_t end = bytes.size;
    while (bytes.data[end - 1] == 0)
        end--;
    end = ((end + 511) & ~(size_t)511) + 1024;
    ck_assert_uint_le(end, bytes.size);
    const int fd = memory_file(bytes.data, bytes.size);
    ck_assert_int_eq(read_file(fd, &text), 0);
    for (size_t cut = end; cut-- > 0;) {
        ck_assert_int_eq(ftruncate(fd, (off_t)cut), 0);
        ck_assert_msg(read_file(fd, &text) == BAD_INPUT, "cut to %zu bytes: %s", cut, text.at);
        ck_assert_msg(strstr(text.at, "truncated: "), "cut to %zu bytes: %s", cut, text.at);
    }
    close(fd);
    free(text.at);
    bytes_free(&bytes);
}
END_TEST

/* Whether that byte is in the payload of the head, which nothing sums. */
static bool in_head(const struct bytes *bytes, size_t at)
{
    const size_t size = strtoul((char *)bytes->data + 124, NULL, 8);
    return at >= 512 && at < 512 + size;
}

static bool same_programs(int fd, const char *programs)
{
    char path[32];
    struct stream_reader *reader;
    struct error error;
    const json_t *found;
    memory_path(fd, path);
    const char *const paths[] = { path };
    ck_assert_int_eq(stream_open(&reader, paths, 1, &error), 0);
    ck_assert_int_eq(stream_programs(reader, &found, &error), 0);
    char *text = json_dumps(found, JSON_COMPACT);
    const bool same = strcmp(text, programs) == 0;
    free(text);
    stream_close(reader);
    return same;
}

/* With any bit flipped it is refused, or every sample is what it was. */
START_TEST(flips)
{
    struct bytes bytes = small_stream();
    struct text expected = { 0 }, text = { 0 };
    size_t accepted = 0, in_heads = 0;
    const int fd = memory_file(bytes.data, bytes.size);
    ck_assert_int_eq(read_file(fd, &expected), 0);
    for (size_t bit = (size_t)_i; bit < 8 * bytes.size; bit += 8) {
        const size_t at = bit / 8;
        const unsigned char flipped = bytes.data[at] ^ (unsigned char)(1 << bit % 8);
        ck_assert_int_eq(pwrite(fd, &flipped, 1, (off_t)at), 1);
        const int status = read_file(fd, &text);
        if (status == 0) {
            ck_assert_msg(strcmp(text.at, expected.at) == 0, "bit %zu", bit);
            if (in_head(&bytes, at))
                in_heads++;
            else
                ck_assert(same_programs(fd, "[{\"id\":\"a\",\"args\":[\"-x\"]}]"));
            accepted++;
        } else {
            ck_assert_msg(status == BAD_INPUT, "bit %zu: %s", bit, text.at);
        }
        ck_assert_int_eq(pwrite(fd, bytes.data + at, 1, (off_t)at), 1);
    }
    /* Padding is most of it. */
    ck_assert_uint_lt(accepted, 9 * 512);
    ck_assert_uint_lt(in_heads, 60);
    close(fd);
    free(text.at);
    free(expected.at);
    bytes_free(&bytes);
}
END_TEST

/* Every byte left out, and every byte doubled. */
START_TEST(shifts)
{
    struct bytes bytes = small_stream();
    struct text text = { 0 };
    for (size_t at = 0; at < bytes.size - 1024; at++) {
        struct bytes less = { 0 }, more = { 0 };
        put(&less, bytes.data, at);
        put(&less, bytes.data + at + 1, bytes.size - at - 1);
        put(&more, bytes.data, at + 1);
        put(&more, bytes.data + at, bytes.size - at);
        text.length = 0;
        ck_assert_int_eq(describe(less.data, less.size, false, &text), BAD_INPUT);
        text.length = 0;
        ck_assert_int_eq(describe(more.data, more.size, false, &text), BAD_INPUT);
        bytes_free(&less);
        bytes_free(&more);
    }
    free(text.at);
    bytes_free(&bytes);
}
END_TEST

/* Whole blocks left out or swapped with the next: not one goes by. */
START_TEST(blocks)
{
    struct bytes bytes = small_stream();
    struct text text = { 0 }, expected = { 0 };
    describe(bytes.data, bytes.size, true, &expected);
    for (size_t at = 0; at + 512 < bytes.size - 1024; at += 512) {
        struct bytes less = { 0 }, swapped = { 0 };
        put(&less, bytes.data, at);
        put(&less, bytes.data + at + 512, bytes.size - at - 512);
        put(&swapped, bytes.data, at);
        put(&swapped, bytes.data + at + 512, 512);
        put(&swapped, bytes.data + at, 512);
        put(&swapped, bytes.data + at + 1024, bytes.size - at - 1024);
        text.length = 0;
        ck_assert_int_eq(describe(less.data, less.size, true, &text), BAD_INPUT);
        text.length = 0;
        ck_assert_int_eq(describe(swapped.data, swapped.size, true, &text), BAD_INPUT);
        bytes_free(&less);
        bytes_free(&swapped);
    }
    free(text.at);
    free(expected.at);
    bytes_free(&bytes);
}
END_TEST

struct feed {
    int fd;
    const struct bytes *bytes;
    size_t step;
};

static void *feed_main(void *argument)
{
    const struct feed *feed = argument;
    for (size_t at = 0; at < feed->bytes->size;) {
        const size_t left = feed->bytes->size - at;
        const ssize_t n =
            write(feed->fd, feed->bytes->data + at, left < feed->step ? left : feed->step);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    close(feed->fd);
    return NULL;
}

static const size_t steps[] = { 1, 7, 511, 512, 513, 65537 };

START_TEST(from_pipes)
{
    struct bytes bytes = load_bytes("tests/data/streams/strict.tar");
    struct text expected = { 0 }, text = { 0 };
    int ends[2];
    pthread_t thread;
    describe(bytes.data, bytes.size, true, &expected);
    ck_assert_int_eq(pipe(ends), 0);
    struct feed feed = { ends[1], &bytes, steps[_i] };
    ck_assert_int_eq(pthread_create(&thread, NULL, feed_main, &feed), 0);
    ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    const char *const paths[] = { "-" };
    ck_assert_int_eq(describe_paths(paths, 1, true, &text), 0);
    pthread_join(thread, NULL); /* it could write all: the reader went on to the end */
    ck_assert_str_eq(text.at, expected.at);
    free(text.at);
    free(expected.at);
    bytes_free(&bytes);
}
END_TEST

/* A header's word alone makes nobody allocate. */
static const unsigned long long claims[] = { 1ULL << 20, 1ULL << 30, (1ULL << 33) - 1,
    1ULL << 33, 1ULL << 40, 1ULL << 62 };

START_TEST(huge_claims)
{
    struct rusage before, after;
    for (int member = 0; member < 4; member++) {
        static const char *const names[] = { "a.jpg", STREAM_KEY "/head", STREAM_KEY "/x",
            "README" };
        struct bytes bytes = { 0 };
        struct text text = { 0 };
        char record[40];
        const int n = snprintf(record, sizeof record, "28 size=%019llu\n", claims[_i]);
        ck_assert_int_eq(n, 28);
        put_extended(&bytes, 'x', record, 28);
        put_header(&bytes, names[member], '0', 0);
        put(&bytes, NULL, 100000);
        getrusage(RUSAGE_SELF, &before);
        ck_assert_int_eq(describe(bytes.data, bytes.size, false, &text), BAD_INPUT);
        getrusage(RUSAGE_SELF, &after);
        ck_assert_ptr_nonnull(strstr(text.at, member == 1 && claims[_i] > 1 << 24
                                                  ? "head or tail of more than 16 MB"
                                                  : "truncated: ends inside"));
        ck_assert_int_lt(
            after.ru_maxrss - before.ru_maxrss, 16384); /* KiB; sanitizers want some */
        free(text.at);
        bytes_free(&bytes);
    }
}
END_TEST

/* Random bytes behind a good beginning. */
START_TEST(garbage)
{
    struct bytes bytes = small_stream();
    struct text text = { 0 };
    for (unsigned seed = 0; seed < 300; seed++) {
        const size_t keep = seed % 2 ? seed * 29 % (bytes.size - 1024) : seed * 512 % 6000;
        struct bytes mixed = { 0 };
        put(&mixed, bytes.data, keep);
        fill_bytes(put(&mixed, NULL, 3000), 3000, seed);
        text.length = 0;
        ck_assert_int_eq(describe(mixed.data, mixed.size, false, &text), BAD_INPUT);
        bytes_free(&mixed);
    }
    free(text.at);
    bytes_free(&bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("damage");
    TCase *damage = tcase_create("damage");
    tcase_set_timeout(damage, 120);
    tcase_add_loop_test(damage, cut_everywhere, 0, sizeof whole / sizeof *whole);
    tcase_add_loop_test(damage, flips, 0, 8);
    tcase_add_test(damage, shifts);
    tcase_add_test(damage, blocks);
    tcase_add_loop_test(damage, from_pipes, 0, sizeof steps / sizeof *steps);
    tcase_add_loop_test(damage, huge_claims, 0, sizeof claims / sizeof *claims);
    tcase_add_test(damage, garbage);
    suite_add_tcase(suite, damage);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
