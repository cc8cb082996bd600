/* common/threads: every task once, by few and many threads, again and again. */
#include "common/threads.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const size_t counts[] = { 1, 2, 3, 4, 7, 8, 16, 33 };
static const size_t tasks[] = { 0, 1, 2, 3, 4, 7, 8, 9, 31, 32, 33, 1000, 1023, 1024, 1025 };

struct job {
    size_t count, threads;
    unsigned *done; /* times each was done */
    int busy[64];   /* whether that worker is in a task */
    bool mixed;     /* two tasks had the same worker at once */
};

static void task(void *argument, size_t i, size_t worker)
{
    struct job *job = argument;
    if (worker >= job->threads || __atomic_exchange_n(&job->busy[worker], 1, __ATOMIC_ACQ_REL))
        __atomic_store_n(&job->mixed, true, __ATOMIC_RELEASE);
    if (i % 7 == 0)
        sched_yield();
    __atomic_add_fetch(&job->done[i], 1, __ATOMIC_RELAXED);
    __atomic_store_n(&job->busy[worker], 0, __ATOMIC_RELEASE);
}

START_TEST(does_every_task_once)
{
    struct threads *threads;
    struct error error;
    struct job job = { .threads = counts[_i] };
    ck_assert_int_eq(threads_create(&threads, counts[_i], &error), 0);
    ck_assert_uint_eq(threads_count(threads), counts[_i]);
    job.done = calloc(2048, sizeof *job.done);
    for (int round = 0; round < 5; round++)
        for (size_t t = 0; t < sizeof tasks / sizeof *tasks; t++) {
            memset(job.done, 0, 2048 * sizeof *job.done);
            threads_run(threads, tasks[t], task, &job);
            for (size_t i = 0; i < 2048; i++)
                ck_assert_uint_eq(job.done[i], i < tasks[t]);
        }
    ck_assert(!job.mixed);
    free(job.done);
    threads_free(threads);
}
END_TEST

static void add(void *argument, size_t i, size_t worker)
{
    (void)i;
    (void)worker;
    __atomic_add_fetch((unsigned long *)argument, 1, __ATOMIC_RELAXED);
}

/* Rounds with less to do than it takes to wake: the next may not meet the one before. */
START_TEST(many_short_rounds)
{
    struct threads *threads;
    struct error error;
    unsigned long sum = 0, expected = 0;
    ck_assert_int_eq(threads_create(&threads, counts[_i], &error), 0);
    for (size_t round = 0; round < 500; round++) {
        threads_run(threads, round % 5, add, &sum);
        expected += round % 5;
        ck_assert_uint_eq(sum, expected);
    }
    threads_free(threads);
}
END_TEST

START_TEST(makes_and_frees)
{
    struct threads *threads;
    struct error error;
    for (int n = 0; n < 50; n++) {
        unsigned long sum = 0;
        ck_assert_int_eq(threads_create(&threads, counts[_i], &error), 0);
        if (n % 2)
            threads_run(threads, 10, add, &sum);
        ck_assert_uint_eq(sum, n % 2 ? 10 : 0);
        threads_free(threads);
    }
    threads_free(NULL);
}
END_TEST

static void nap(void *argument, size_t i, size_t worker)
{
    (void)argument;
    (void)i;
    if (worker == 0)
        nanosleep(&(struct timespec){ .tv_nsec = 300 * 1000 * 1000 }, NULL);
}

/* Who waits doesn't spin: neither between rounds nor for the last task. */
START_TEST(blocks_while_waiting)
{
    struct threads *threads;
    struct error error;
    struct timespec before, after;
    ck_assert_int_eq(threads_create(&threads, 4, &error), 0);
    threads_run(threads, 4, nap, NULL);
    ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before), 0);
    threads_run(threads, 400, nap, NULL);
    nanosleep(&(struct timespec){ .tv_nsec = 200 * 1000 * 1000 }, NULL);
    ck_assert_int_eq(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after), 0);
    const double used =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    ck_assert_double_lt(used, 0.1);
    threads_free(threads);
}
END_TEST

/* A sanitizer needs its address space. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LIMITS_MEMORY
/* Where no thread can be had it is said, and nothing is left. */
START_TEST(fails_without_threads)
{
    struct threads *threads;
    struct error error;
    const struct rlimit limit = { 1 << 28, 1 << 28 }; /* address space for a few stacks */
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
    ck_assert_int_eq(threads_create(&threads, 4096, &error), BAD_SYSTEM);
    ck_assert_ptr_null(threads);
    ck_assert_ptr_nonnull(strstr(error.text, "can't start thread "));
    ck_assert_ptr_nonnull(strstr(error.text, " of 4096"));
}
END_TEST
#endif

START_TEST(sees_affinity)
{
    cpu_set_t set;
    const size_t all = threads_available();
    ck_assert_uint_ge(all, 1);
    ck_assert_uint_le(all, (size_t)sysconf(_SC_NPROCESSORS_ONLN));
    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    size_t first = 0;
    while (!CPU_ISSET(first, &set))
        first++;
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    ck_assert_int_eq(sched_setaffinity(0, sizeof set, &set), 0);
    ck_assert_uint_eq(threads_available(), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("threads");
    TCase *pool = tcase_create("pool");
    const int sizes = sizeof counts / sizeof *counts;
    tcase_set_timeout(pool, 60);
    tcase_add_loop_test(pool, does_every_task_once, 0, sizes);
    tcase_add_loop_test(pool, many_short_rounds, 0, sizes);
    tcase_add_loop_test(pool, makes_and_frees, 0, sizes);
    tcase_add_test(pool, blocks_while_waiting);
#ifdef LIMITS_MEMORY
    tcase_add_test(pool, fails_without_threads);
#endif
    tcase_add_test(pool, sees_affinity);
    suite_add_tcase(suite, pool);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
