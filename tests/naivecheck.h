/* Threads, arrays with a mark behind them, and comparison with naive twins. */
#ifndef SACCADE_TESTS_NAIVECHECK_H
#define SACCADE_TESTS_NAIVECHECK_H

#include "common/threads.h"
#include "tests/naiveconv.h"

static struct threads *pools[3]; /* of 1, 2 and 3 threads */

static inline void set_up(void)
{
    struct error error;
    for (size_t t = 0; t < 3; t++)
        ck_assert_int_eq(threads_create(&pools[t], t + 1, &error), 0);
}

static inline void tear_down(void)
{
    for (size_t t = 0; t < 3; t++)
        threads_free(pools[t]);
}

static inline float *make(size_t count, unsigned seed)
{
    float *made = malloc((count + 1) * sizeof *made);
    ck_assert_ptr_nonnull(made);
    fill(made, count, seed, 1);
    made[count] = UNTOUCHED;
    return made;
}

static inline void expect_all(
    const float *found, const struct naive *expected, double bound, const char *what)
{
    for (size_t i = 0; i < naive_count(expected); i++)
        expect_near((double)found[i], expected->data[i], bound, what, i);
    if (found[naive_count(expected)] != UNTOUCHED)
        ck_abort_msg("%s: something was written behind the end", what);
}

#endif
