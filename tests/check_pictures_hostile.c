/* formats/picture.h against bytes that are no picture, cut short, damaged or too large. */
#include "tests/pictures_data.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

START_TEST(what_is_no_picture_is_refused)
{
    for (size_t i = 0; i < line_count; i++) {
        struct picture picture = { 1, 1, (uint8_t *)1 };
        struct error error = { "" };
        if (!is_refused(&lines[i]))
            continue;
        ck_assert_msg(
            decode(&lines[i].file, &picture, &error) == BAD_SAMPLE, "%s", lines[i].name);
        ck_assert_msg(
            strstr(error.text, lines[i].message) != NULL, "%s: %s", lines[i].name, error.text);
        ck_assert_ptr_null(picture.rgb);
    }
}
END_TEST

/* Bytes of address space that the process has now. */
static size_t address_space(void)
{
    unsigned long pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(statm);
    ck_assert_int_eq(fscanf(statm, "%lu", &pages), 1);
    fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* A header over the limit is refused for its pixels, not for want of memory; one within the
 * limit fails for want of it. */
START_TEST(refusing_costs_no_memory)
{
    struct rlimit old, low;
    if (SANITIZED)
        return;
    getrlimit(RLIMIT_AS, &old);
    low = (struct rlimit){ address_space() + (16 << 20), old.rlim_max };
    setrlimit(RLIMIT_AS, &low);
    int large = 0, without_memory = 0, wrong = 0;
    for (size_t i = 0; i < line_count; i++) {
        struct picture picture;
        struct error error = { "" };
        const bool memory = !strcmp(lines[i].verdict, "memory");
        if (!memory && !strstr(lines[i].message, "over the limit"))
            continue;
        const int status = decode(&lines[i].file, &picture, &error);
        large += status == BAD_SAMPLE && !strcmp(error.text, lines[i].message);
        without_memory += status == BAD_SYSTEM && strstr(error.text, "out of memory");
        wrong += picture.rgb || status != (memory ? BAD_SYSTEM : BAD_SAMPLE);
    }
    setrlimit(RLIMIT_AS, &old);
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(large, 10);
    ck_assert_int_eq(without_memory, 2);
}
END_TEST

START_TEST(other_bytes_are_no_picture)
{
    static const char *const texts[] = { "x", "P", "P6", "P7\n", "P0\n", "Pf\n", "P6x",
        "GIF88a", "\xff\xd8", "BM123456", "RIFF1234WAVEfmt ", "II*", "MM*\0", "\x89PNG\r\n\x1a",
        "<svg>" };
    struct picture picture;
    struct error error;
    ck_assert_int_eq(picture_decode(NULL, 0, SMALL, &picture, &error), BAD_SAMPLE);
    ck_assert_str_eq(error.text, "empty");
    ck_assert_ptr_null(picture_kind(NULL, 0));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const size_t size = strlen(texts[i]);
        ck_assert_ptr_null(picture_kind(texts[i], size));
        ck_assert_int_eq(picture_decode(texts[i], size, SMALL, &picture, &error), BAD_SAMPLE);
        ck_assert_str_eq(error.text, "not a jpeg, png, tiff, webp, gif or pnm picture");
    }
}
END_TEST

/* A plain PNM cut in its last number is a whole one still. */
static bool may_change_when_cut(const struct line *line)
{
    return !strncmp(line->name, "plain", 5);
}

START_TEST(truncation_is_noticed)
{
    for (size_t i = 0; i < line_count; i++) {
        struct picture whole, cut;
        struct error error;
        const struct file *file = &lines[i].file;
        if (!is_picture(&lines[i]))
            continue;
        ck_assert_int_eq(decode(file, &whole, &error), 0);
        for (size_t size = 0; size < file->size; size++) {
            if (size > 64 && size + 64 < file->size && size % 13 != i % 13)
                continue;
            struct file head = { malloc(size), size };
            if (size)
                memcpy(head.bytes, file->bytes, size);
            error.text[0] = '\0';
            const int status = decode(&head, &cut, &error);
            ck_assert_msg(status == 0 || (status == BAD_SAMPLE && error.text[0]),
                "%s: cut at %zu: %d", lines[i].name, size, status);
            ck_assert_msg(
                status || may_change_when_cut(&lines[i]) || difference(&whole, &cut) == 0,
                "%s: cut at %zu of %zu is another picture", lines[i].name, size, file->size);
            picture_free(&cut);
            free(head.bytes);
        }
        picture_free(&whole);
    }
}
END_TEST

/* Bits flipped here and there, more often near the front, where the headers are. */
START_TEST(corruption_is_survived)
{
    uint32_t random = 12345;
    for (size_t i = 0; i < line_count; i++)
        for (int round = 0; round < 60; round++) {
            const struct file *file = &lines[i].file;
            struct file bad = { malloc(file->size), file->size };
            struct picture picture;
            struct error error = { "" };
            memcpy(bad.bytes, file->bytes, file->size);
            for (int flips = 0; flips <= round % 4; flips++) {
                random = random * 1664525 + 1013904223;
                const size_t span = round % 2 && bad.size > 200 ? 200 : bad.size;
                bad.bytes[(random >> 8) % span] ^= (unsigned char)(1u << (random >> 5 & 7));
            }
            const int status = picture_decode(bad.bytes, bad.size, SMALL, &picture, &error);
            ck_assert_msg(status == 0 || error.text[0], "%s: %d", lines[i].name, status);
            ck_assert((status == 0) == (picture.rgb != NULL));
            picture_free(&picture);
            free(bad.bytes);
        }
}
END_TEST

/* Every other thread begins in the middle, so that they read different pictures. */
static void *decode_all(void *argument)
{
    size_t *wrong = argument;
    const size_t start = *wrong;
    *wrong = 0;
    for (size_t n = 0; n < line_count; n++) {
        const struct line *line = &lines[(start + n) % line_count];
        struct picture picture;
        struct error error = { "" };
        if (!is_picture(line) && !is_refused(line))
            continue;
        const int status = decode(&line->file, &picture, &error);
        if (is_refused(line))
            *wrong += status != BAD_SAMPLE || !strstr(error.text, line->message);
        else
            *wrong += status != 0;
        picture_free(&picture);
    }
    return NULL;
}

START_TEST(threads_dont_share_errors)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    size_t wrong[THREADS];
    for (size_t t = 0; t < THREADS; t++) {
        wrong[t] = t * line_count / THREADS;
        ck_assert_int_eq(pthread_create(&threads[t], NULL, decode_all, &wrong[t]), 0);
    }
    for (size_t t = 0; t < THREADS; t++) {
        pthread_join(threads[t], NULL);
        ck_assert_uint_eq(wrong[t], 0);
    }
}
END_TEST

/* No library says anything on standard error; the rounds of corruption are decoded again. */
START_TEST(nothing_is_printed)
{
    FILE *quiet = tmpfile();
    ck_assert_ptr_nonnull(quiet);
    fflush(stderr);
    const int saved = dup(STDERR_FILENO);
    dup2(fileno(quiet), STDERR_FILENO);
    for (size_t i = 0; i < line_count; i++)
        for (size_t at = 0; at < lines[i].file.size; at += 29) {
            struct picture picture;
            struct error error;
            lines[i].file.bytes[at] ^= 0x55;
            picture_decode(lines[i].file.bytes, lines[i].file.size, SMALL, &picture, &error);
            picture_free(&picture);
            lines[i].file.bytes[at] ^= 0x55;
        }
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    ck_assert_int_eq(fseek(quiet, 0, SEEK_END), 0);
    ck_assert_int_eq(ftell(quiet), 0);
    fclose(quiet);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pictures_hostile");
    TCase *cases = tcase_create("pictures_hostile");
    tcase_add_checked_fixture(cases, load_lines, free_lines);
    tcase_set_timeout(cases, 300);
    tcase_add_test(cases, what_is_no_picture_is_refused);
    tcase_add_test(cases, refusing_costs_no_memory);
    tcase_add_test(cases, other_bytes_are_no_picture);
    tcase_add_test(cases, truncation_is_noticed);
    tcase_add_test(cases, corruption_is_survived);
    tcase_add_test(cases, threads_dont_share_errors);
    tcase_add_test(cases, nothing_is_printed);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
