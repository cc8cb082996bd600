#include "common/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static struct {
    uint64_t expected;
    double began, shown;
    bool started, visible;
} progress;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void progress_expect(uint64_t samples)
{
    progress.expected = samples;
}

void progress_show(const char *name, uint64_t samples, bool verbose)
{
    const double interval = isatty(STDERR_FILENO) ? 0.2 : 5;
    if (!verbose && !isatty(STDERR_FILENO))
        return;
    const double time = now();
    if (!progress.started) {
        progress.started = true;
        progress.began = progress.shown = time;
    }
    if (time - progress.shown < interval)
        return;
    progress.shown = time;
    const double rate = (double)samples / (time - progress.began);
    const char *start = isatty(STDERR_FILENO) ? "\r\033[K" : "";
    const char *end = isatty(STDERR_FILENO) ? "" : "\n";
    fprintf(stderr, "%s%s: %llu", start, name, (unsigned long long)samples);
    if (progress.expected > samples) {
        const unsigned long left =
            (unsigned long)((double)(progress.expected - samples) / rate);
        fprintf(stderr, " of %llu samples, %.1f/s, %lu:%02lu left%s",
            (unsigned long long)progress.expected, rate, left / 60, left % 60, end);
    } else {
        fprintf(stderr, " samples, %.1f/s%s", rate, end);
    }
    progress.visible = isatty(STDERR_FILENO);
}

void progress_text(const char *name, const char *text)
{
    const bool terminal = isatty(STDERR_FILENO);
    fprintf(stderr, "%s%s: %s%s", terminal ? "\r\033[K" : "", name, text, terminal ? "" : "\n");
    progress.visible = terminal;
}

void progress_clear(void)
{
    if (progress.visible)
        fputs("\r\033[K", stderr);
    progress.visible = false;
}

void progress_close(const char *name, uint64_t samples, uint64_t bad)
{
    progress_clear();
    fprintf(stderr, "%s: %llu sample%s", name, (unsigned long long)samples,
        samples == 1 ? "" : "s");
    if (bad > 0)
        fprintf(stderr, ", %llu bad", (unsigned long long)bad);
    fputc('\n', stderr);
}
