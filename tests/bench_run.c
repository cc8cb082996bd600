/*
 * For make bench: runs a shell command several times; prints the least wall-clock milliseconds,
 * the largest peak resident memory of any process of it, in MB, and the least milliseconds of
 * processor time, which other programs' work changes less.
 *   bench_run TIMES COMMAND
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static double milliseconds(struct timeval time)
{
    return (double)time.tv_sec * 1e3 + (double)time.tv_usec * 1e-3;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

int main(int argc, char **argv)
{
    double best = 1e9, busy = 1e9, busy_before = 0;
    struct rusage usage = { 0 };
    if (argc != 3)
        return 2;
    for (int i = 0; i < atoi(argv[1]); i++) {
        int status;
        const double began = now();
        const pid_t child = fork();
        if (child == 0) {
            execl("/bin/bash", "bash", "-o", "pipefail", "-c", argv[2], (char *)NULL);
            _exit(127);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0)
            return 4;
        if (status != 0) {
            fprintf(stderr, "bench_run: failed: %s\n", argv[2]);
            return 1;
        }
        best = smaller(best, (now() - began) * 1e3);
        getrusage(RUSAGE_CHILDREN, &usage);
        const double busy_after = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
        busy = smaller(busy, busy_after - busy_before);
        busy_before = busy_after;
    }
    printf("%.2f %.0f %.0f\n", best, (double)usage.ru_maxrss / 1e3, busy);
    return 0;
}
