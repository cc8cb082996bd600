/* formats/io and formats/error: whole reads and writes, files, messages. */
#include "formats/io.h"
#include "tests/tarbytes.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

/* A pipe that gives what it has in small and odd pieces. */
struct feed {
    int fd;
    const unsigned char *bytes;
    size_t size, step;
};

static void *feed_main(void *argument)
{
    const struct feed *feed = argument;
    for (size_t at = 0; at < feed->size;) {
        const size_t step = feed->size - at < feed->step ? feed->size - at : feed->step;
        const ssize_t n = write(feed->fd, feed->bytes + at, step);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    close(feed->fd);
    return NULL;
}

static const size_t reads_of[] = { 1, 2, 511, 512, 513, 4096, IO_BUFFER - 1, IO_BUFFER,
    IO_BUFFER + 1, 3 * IO_BUFFER + 7 };

START_TEST(input_reads_whole)
{
    enum { SIZE = 5 * IO_BUFFER + 123 };
    unsigned char *all = malloc(SIZE), *got = malloc(SIZE + 1);
    fill_bytes(all, SIZE, 3);
    for (size_t s = 0; s < sizeof reads_of / sizeof *reads_of; s++) {
        struct input *input = calloc(1, sizeof *input);
        struct error error;
        int ends[2];
        pthread_t thread;
        ck_assert_int_eq(pipe(ends), 0);
        struct feed feed = { ends[1], all, SIZE, reads_of[_i] * 3 + 1 };
        ck_assert_int_eq(pthread_create(&thread, NULL, feed_main, &feed), 0);
        input->fd = ends[0];
        input->name = "pipe";
        size_t done = 0;
        for (size_t n = reads_of[s], i = 0; n == reads_of[s]; i++) {
            const unsigned char *ahead;
            size_t seen, want = (reads_of[s] + i) % 700;
            if (i % 3 == 0) { /* a look ahead takes nothing */
                ck_assert_int_eq(input_peek(input, want, &ahead, &seen, &error), 0);
                ck_assert_uint_eq(seen, SIZE - done < want ? SIZE - done : want);
                ck_assert_mem_eq(ahead, all + done, seen);
            }
            const size_t room = SIZE + 1 - done < reads_of[s] ? SIZE + 1 - done : reads_of[s];
            ck_assert_int_eq(input_read(input, got + done, room, &n, &error), 0);
            done += n;
            if (n < room)
                break;
        }
        ck_assert_uint_eq(done, SIZE);
        ck_assert_mem_eq(got, all, SIZE);
        pthread_join(thread, NULL);
        close(ends[0]);
        free(input);
    }
    free(all);
    free(got);
}
END_TEST

START_TEST(peeks_whole_buffer)
{
    unsigned char *all = malloc(2 * IO_BUFFER), got[100];
    fill_bytes(all, 2 * IO_BUFFER, 4);
    struct input *input = calloc(1, sizeof *input);
    struct error error;
    const unsigned char *ahead;
    size_t seen;
    input->fd = memory_file(all, 2 * IO_BUFFER);
    ck_assert_int_eq(input_read(input, got, 100, &seen, &error), 0);
    ck_assert_int_eq(input_peek(input, IO_BUFFER, &ahead, &seen, &error), 0);
    ck_assert_uint_eq(seen, IO_BUFFER);
    ck_assert_mem_eq(ahead, all + 100, IO_BUFFER);
    ck_assert_int_eq(input_read(input, got, 100, &seen, &error), 0);
    ck_assert_mem_eq(got, all + 100, 100);
    close(input->fd);
    free(input);
    free(all);
}
END_TEST

/* Pieces of that size come out whole and in order. */
START_TEST(output_writes_whole)
{
    enum { SIZE = 4 * IO_BUFFER + 11 };
    unsigned char *all = malloc(SIZE);
    fill_bytes(all, SIZE, 5);
    struct output *output = calloc(1, sizeof *output);
    struct error error;
    output->fd = memory_file(NULL, 0);
    for (size_t at = 0, i = 0; at < SIZE; i++) {
        size_t step = i % 5 == 4 ? 3 : reads_of[_i];
        step = step < SIZE - at ? step : SIZE - at;
        ck_assert_int_eq(output_write(output, all + at, step, &error), 0);
        at += step;
    }
    ck_assert_int_eq(output_flush(output, &error), 0);
    ck_assert_int_eq(output_flush(output, &error), 0);
    struct bytes bytes = memory_bytes(output->fd);
    ck_assert_uint_eq(bytes.size, SIZE);
    ck_assert_mem_eq(bytes.data, all, SIZE);
    bytes_free(&bytes);
    close(output->fd);
    free(output);
    free(all);
}
END_TEST

START_TEST(full_disk)
{
    struct output *output = calloc(1, sizeof *output);
    struct error error;
    unsigned char *all = calloc(1, 2 * IO_BUFFER);
    output->fd = open("/dev/full", O_WRONLY);
    output->name = "disk";
    ck_assert_int_eq(output_write(output, all, 10, &error), 0);
    ck_assert_int_eq(output_flush(output, &error), BAD_SYSTEM);
    ck_assert_str_eq(error.text, "disk: write failed: No space left on device");
    ck_assert_int_eq(output_write(output, all, 2 * IO_BUFFER, &error), BAD_SYSTEM);
    close(output->fd);
    free(output);
    free(all);
}
END_TEST

static const struct {
    size_t size, limit;
    int status;
} wholes[] = { { 0, 0, 0 }, { 1, 0, BAD_INPUT }, { 100, 100, 0 }, { 101, 100, BAD_INPUT },
    { IO_BUFFER - 1, 1 << 30, 0 }, { IO_BUFFER, 1 << 30, 0 }, { IO_BUFFER + 1, 1 << 30, 0 },
    { IO_BUFFER, IO_BUFFER, 0 }, { IO_BUFFER, IO_BUFFER - 1, BAD_INPUT },
    { 4 * IO_BUFFER, 4 * IO_BUFFER, 0 }, { 4 * IO_BUFFER + 1, 4 * IO_BUFFER, BAD_INPUT } };

START_TEST(reads_files)
{
    char path[32];
    unsigned char *data = malloc(wholes[_i].size + 1), *got;
    size_t size;
    struct error error;
    fill_bytes(data, wholes[_i].size, 6);
    const int fd = memory_file(data, wholes[_i].size);
    memory_path(fd, path);
    ck_assert_int_eq(file_read(path, wholes[_i].limit, &got, &size, &error), wholes[_i].status);
    if (wholes[_i].status == 0) {
        ck_assert_uint_eq(size, wholes[_i].size);
        ck_assert_mem_eq(got, data, size);
        free(got);
    }
    close(fd);
    free(data);
}
END_TEST

START_TEST(files_fail)
{
    unsigned char *got;
    size_t size;
    struct error error;
    ck_assert_int_eq(file_read("/nowhere/at/all", 10, &got, &size, &error), BAD_SYSTEM);
    ck_assert_str_eq(error.text, "/nowhere/at/all: No such file or directory");
    ck_assert_int_eq(file_read("/", 10, &got, &size, &error), BAD_SYSTEM);
    ck_assert_str_eq(error.text, "/: read failed: Is a directory");
    struct whole_file file;
    ck_assert_int_eq(file_begin("/nowhere/at/all", &file, &error), BAD_SYSTEM);
    ck_assert_str_eq(error.text, "/nowhere/at/all.part: No such file or directory");
}
END_TEST

/* A file is there whole or not at all; .part is there until then. */
START_TEST(commits)
{
    char folder[] = "/tmp/check_io.XXXXXX", path[64], link[64];
    unsigned char *got;
    size_t size;
    struct whole_file file;
    struct error error;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    snprintf(link, sizeof link, "%s/link", folder);
    for (int round = 0; round < 3; round++) { /* the last time through a link */
        ck_assert_int_eq(file_begin(round < 2 ? path : link, &file, &error), 0);
        ck_assert_int_eq(file_put(&file, round ? "newer" : "old", round ? 5 : 3, &error), 0);
        ck_assert_int_eq(access(file.part, F_OK), 0);
        if (round > 0) {
            ck_assert_int_eq(file_read(path, 10, &got, &size, &error), 0);
            ck_assert_uint_eq(size, round == 1 ? 3 : 5);
            free(got);
        }
        ck_assert_int_eq(file_commit(&file, &error), 0);
        ck_assert_int_ne(access(file.part, F_OK), 0);
        file_release(&file);
        if (round == 1)
            ck_assert_int_eq(symlink("file", link), 0);
    }
    struct stat about;
    ck_assert_int_eq(lstat(link, &about), 0);
    ck_assert(S_ISLNK(about.st_mode));
    ck_assert_int_eq(file_begin(path, &file, &error), 0);
    ck_assert_int_eq(unlink(file.part), 0);
    ck_assert_int_eq(file_commit(&file, &error), BAD_SYSTEM); /* it is gone */
    file_release(&file);
    ck_assert_int_eq(unlink(link), 0);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* A pipe or a device is written to, never replaced; a directory is refused. */
START_TEST(spares_what_is_no_file)
{
    char folder[] = "/tmp/check_io.XXXXXX", path[64], bytes[8];
    struct whole_file file;
    struct error error;
    struct stat about;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/pipe", folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    const int reader = open(path, O_RDONLY | O_NONBLOCK);
    ck_assert_int_eq(file_begin(path, &file, &error), 0);
    ck_assert_int_eq(file_put(&file, "bytes", 5, &error), 0);
    ck_assert_int_eq(file_commit(&file, &error), 0);
    file_release(&file);
    ck_assert_int_eq(read(reader, bytes, sizeof bytes), 5);
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert(S_ISFIFO(about.st_mode));
    close(reader);
    ck_assert_int_eq(file_begin(folder, &file, &error), BAD_SYSTEM);
    ck_assert(strstr(error.text, "is a directory"));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(errors_fit)
{
    struct error error = { "abc" };
    char *huge = malloc(5000);
    memset(huge, 'x', 4999);
    huge[4999] = '\0';
    ck_assert_int_eq((fail)(&error, BAD_SAMPLE, "%s: %s", error.text, "again"), BAD_SAMPLE);
    ck_assert_str_eq(error.text, "abc: again");
    ck_assert_int_eq((fail)(&error, BAD_USAGE, "%s", huge), BAD_USAGE);
    ck_assert_uint_eq(strlen(error.text), sizeof error.text - 1);
    ck_assert_int_eq(fail_errno(&error, "%s", huge), BAD_SYSTEM);
    ck_assert_int_eq(fail_memory(&error, 12), BAD_SYSTEM);
    ck_assert_str_eq(error.text, "out of memory: 12 bytes");
    free(huge);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io");
    TCase *io = tcase_create("io");
    tcase_set_timeout(io, 60);
    tcase_add_loop_test(io, input_reads_whole, 0, sizeof reads_of / sizeof *reads_of);
    tcase_add_test(io, peeks_whole_buffer);
    tcase_add_loop_test(io, output_writes_whole, 0, sizeof reads_of / sizeof *reads_of);
    tcase_add_test(io, full_disk);
    tcase_add_loop_test(io, reads_files, 0, sizeof wholes / sizeof *wholes);
    tcase_add_test(io, files_fail);
    tcase_add_test(io, commits);
    tcase_add_test(io, spares_what_is_no_file);
    tcase_add_test(io, errors_fit);
    suite_add_tcase(suite, io);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
