/*
 * Memory stays flat: the peak of every program of a pipe over 2000 samples is that over 200.
 * The programs are run from $BIN, by default bin/.
 */
#include <check.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STAGES = 4, FEW = 200, MANY = 2000, SIDE = 12, SLACK = 2 << 10 /* KiB */ };

#define MODEL "-mtests/data/vit/timm-plain"
#define RESNET "-mtests/data/resnet/timm-basic"

static char *const pipes[][STAGES][4] = {
    { { "preprocess", MODEL, NULL }, { "vitfwd", MODEL, "-j2", NULL }, { "rollout", NULL },
        { "topk", NULL } },
    { { "preprocess", MODEL, NULL }, { "vitfwd", MODEL, "-b1", NULL },
        { "attnsplit", "-k", NULL }, { "tensorcat", NULL } },
    { { "preprocess", MODEL, NULL }, { "vitfwd", MODEL, "-gpred", NULL },
        { "rollout", "-Mchefer", NULL }, { "tensorcat", NULL } },
    { { "preprocess", MODEL, NULL }, { "resnetfwd", RESNET, NULL }, { "gradcam", NULL },
        { "tensorcat", NULL } },
};

/* Pictures as ffmpeg writes them, one after the other. */
static void write_pictures(int fd, int count)
{
    char picture[64 + 3 * SIDE * SIDE];
    const int header = snprintf(picture, sizeof picture, "P6\n%d %d\n255\n", SIDE, SIDE);
    const size_t size = (size_t)header + 3 * SIDE * SIDE;
    for (int i = 0; i < count; i++) {
        for (size_t p = (size_t)header; p < size; p++)
            picture[p] = (char)(i * 31 + (int)p * 7);
        if (write(fd, picture, size) != (ssize_t)size)
            _exit(1);
    }
    _exit(0);
}

/* Starts a program, or the pictures (argv NULL); its standard output is *from afterwards. */
static pid_t start(char *const *argv, int count, int *from, bool last)
{
    int ends[2];
    char path[512];
    const char *bin = getenv("BIN");
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    const int sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (!argv)
            write_pictures(ends[1], count);
        dup2(*from, STDIN_FILENO);
        dup2(last ? sink : ends[1], STDOUT_FILENO);
        dup2(sink, STDERR_FILENO);
        snprintf(path, sizeof path, "%s/%s", bin ? bin : "bin", argv[0]);
        execv(path, argv);
        _exit(127);
    }
    if (*from >= 0)
        close(*from);
    close(ends[1]);
    close(sink);
    *from = ends[0];
    return child;
}

/* The peaks of a pipe's programs, in KiB. */
static void measure(size_t which, int count, long peaks[STAGES])
{
    pid_t children[STAGES + 1];
    int from = -1;
    children[0] = start(NULL, count, &from, false);
    for (size_t s = 0; s < STAGES; s++)
        children[s + 1] = start(pipes[which][s], count, &from, s + 1 == STAGES);
    close(from);
    for (size_t s = 0; s <= STAGES; s++) {
        int status;
        struct rusage usage;
        ck_assert_int_eq(wait4(children[s], &status, 0, &usage), children[s]);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: status %x",
            s ? pipes[which][s - 1][0] : "pictures", (unsigned)status);
        if (s > 0)
            peaks[s - 1] = usage.ru_maxrss;
    }
}

START_TEST(stays_flat)
{
    long few[STAGES], many[STAGES];
    measure((size_t)_i, FEW, few);
    measure((size_t)_i, MANY, many);
    for (size_t s = 0; s < STAGES; s++) {
        const long room = few[s] / 10 > SLACK ? few[s] / 10 : SLACK;
        ck_assert_msg(many[s] <= few[s] + room, "%s: %ld KiB after %d samples, %ld after %d",
            pipes[_i][s][0], few[s], FEW, many[s], MANY);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory");
    tcase_set_timeout(tests, 120);
    /* A sanitizer keeps what was freed, for a while. */
    setenv("ASAN_OPTIONS", "quarantine_size_mb=0:thread_local_quarantine_size_kb=0", 0);
    tcase_add_loop_test(tests, stays_flat, 0, sizeof pipes / sizeof *pipes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
