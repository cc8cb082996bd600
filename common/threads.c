#include "common/threads.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct threads {
    size_t count;       /* with the caller */
    pthread_t *workers; /* count - 1 */
    size_t started;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    bool stop;
    unsigned long round; /* of threads_run */
    size_t busy;         /* workers that have not finished this round */
    void (*task)(void *, size_t, size_t);
    void *argument;
    size_t tasks, next;
};

struct worker {
    struct threads *threads;
    size_t number;
};

/* Takes tasks until none is left. */
static void work(struct threads *threads, size_t worker)
{
    for (;;) {
        const size_t i = __atomic_fetch_add(&threads->next, 1, __ATOMIC_RELAXED);
        if (i >= threads->tasks)
            return;
        threads->task(threads->argument, i, worker);
    }
}

static void *worker_main(void *argument)
{
    const struct worker worker = *(struct worker *)argument;
    struct threads *threads = worker.threads;
    free(argument);
    unsigned long seen = 0;
    pthread_mutex_lock(&threads->lock);
    for (;;) {
        while (!threads->stop && threads->round == seen)
            pthread_cond_wait(&threads->work, &threads->lock);
        if (threads->stop)
            break;
        seen = threads->round;
        pthread_mutex_unlock(&threads->lock);
        work(threads, worker.number);
        pthread_mutex_lock(&threads->lock);
        if (--threads->busy == 0)
            pthread_cond_signal(&threads->done);
    }
    pthread_mutex_unlock(&threads->lock);
    return NULL;
}

int threads_create(struct threads **threads, size_t count, struct error *error)
{
    struct threads *made = calloc(1, sizeof *made);
    *threads = made;
    if (!made || !(made->workers = calloc(count, sizeof *made->workers))) {
        free(made);
        *threads = NULL;
        return fail_memory(error, sizeof *made + count * sizeof *made->workers);
    }
    made->count = count;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->work, NULL);
    pthread_cond_init(&made->done, NULL);
    for (; made->started + 1 < count; made->started++) {
        struct worker *worker = malloc(sizeof *worker);
        if (worker)
            *worker = (struct worker){ made, made->started + 1 };
        if (!worker
            || pthread_create(&made->workers[made->started], NULL, worker_main, worker)) {
            free(worker);
            threads_free(made);
            *threads = NULL;
            return fail(
                error, BAD_SYSTEM, "can't start thread %zu of %zu", made->started + 2, count);
        }
    }
    return 0;
}

void threads_free(struct threads *threads)
{
    if (!threads)
        return;
    pthread_mutex_lock(&threads->lock);
    threads->stop = true;
    pthread_cond_broadcast(&threads->work);
    pthread_mutex_unlock(&threads->lock);
    for (size_t i = 0; i < threads->started; i++)
        pthread_join(threads->workers[i], NULL);
    pthread_cond_destroy(&threads->work);
    pthread_cond_destroy(&threads->done);
    pthread_mutex_destroy(&threads->lock);
    free(threads->workers);
    free(threads);
}

size_t threads_count(const struct threads *threads)
{
    return threads->count;
}

void threads_run(struct threads *threads, size_t count,
    void (*task)(void *argument, size_t i, size_t worker), void *argument)
{
    if (threads->count == 1 || count <= 1) {
        for (size_t i = 0; i < count; i++)
            task(argument, i, 0);
        return;
    }
    pthread_mutex_lock(&threads->lock);
    threads->task = task;
    threads->argument = argument;
    threads->tasks = count;
    threads->next = 0;
    threads->busy = threads->started;
    threads->round++;
    pthread_cond_broadcast(&threads->work);
    pthread_mutex_unlock(&threads->lock);
    work(threads, 0);
    pthread_mutex_lock(&threads->lock);
    while (threads->busy > 0)
        pthread_cond_wait(&threads->done, &threads->lock);
    pthread_mutex_unlock(&threads->lock);
}

/* Whole processors in one control group's "QUOTA PERIOD", or limit where there is none. */
static size_t group_limit(const char *group, size_t limit)
{
    char path[4096];
    long long quota, period;
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
    FILE *file = fopen(path, "re");
    if (!file)
        return limit;
    const int got = fscanf(file, "%lld %lld", &quota, &period);
    fclose(file);
    if (got != 2 || quota <= 0 || period <= 0)
        return limit;
    const size_t whole = (size_t)((quota + period - 1) / period);
    return whole < limit ? whole : limit;
}

/* What the process's own control group and all above it leave. */
static size_t cgroup_limit(size_t limit)
{
    char group[4000] = "";
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (file && fscanf(file, "0::%3999s", group) != 1)
        group[0] = '\0'; /* the old groups */
    if (file)
        fclose(file);
    for (;;) {
        limit = group_limit(group, limit);
        char *slash = strrchr(group, '/');
        if (!slash)
            return limit;
        *slash = '\0';
    }
}

size_t threads_available(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) < 0)
        return 1;
    const size_t count = (size_t)CPU_COUNT(&set);
    return cgroup_limit(count > 0 ? count : 1);
}
