/* Philox against the known answers of its authors, and what is made of its bits. */
#include "common/random.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

/* Random123's kat_vectors, philox4x32 10. */
START_TEST(known_answers)
{
    static const struct {
        uint32_t counter[4], key[2], block[4];
    } answers[] = {
        { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff }, { 0xffffffff, 0xffffffff },
            { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, { 0xa4093822, 0x299f31d0 },
            { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct random random = { .used = 4 };
        for (int j = 0; j < 4; j++)
            random.counter[j] = answers[i].counter[j];
        for (int j = 0; j < 2; j++)
            random.key[j] = answers[i].key[j];
        for (int j = 0; j < 4; j++)
            ck_assert_uint_eq(random_bits(&random), answers[i].block[j]);
    }
}
END_TEST

/* Nothing that they are for gives the same numbers as something else, nor do two blocks. */
START_TEST(streams_differ)
{
    struct random streams[] = {
        random_of(1, RANDOM_PICTURE, 2, 3),
        random_of(2, RANDOM_PICTURE, 2, 3),
        random_of(UINT64_C(1) << 32 | 1, RANDOM_PICTURE, 2, 3),
        random_of(1, RANDOM_BATCH, 2, 3),
        random_of(1, RANDOM_ORDER, 2, 3),
        random_of(1, RANDOM_WEIGHTS, 2, 3),
        random_of(1, RANDOM_PATHS, 2, 3),
        random_of(1, RANDOM_MAP, 2, 3),
        random_of(1, RANDOM_SAMPLES, 2, 3),
        random_of(1, RANDOM_PICTURE, 3, 3),
        random_of(1, RANDOM_PICTURE, 2, 4),
        random_of(1, RANDOM_PICTURE, 3, 2),
    };
    enum { COUNT = sizeof streams / sizeof *streams };
    struct random again = random_of(1, RANDOM_PICTURE, 2, 3);
    uint32_t bits[12 * COUNT];
    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = 0; j < 12; j++)
            bits[12 * i + j] = random_bits(&streams[i]);
    for (size_t j = 0; j < 12; j++)
        ck_assert_uint_eq(random_bits(&again), bits[j]);
    for (size_t i = 0; i < 12 * COUNT; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_uint_ne(bits[i], bits[j]);
}
END_TEST

enum { DRAWS = 60000 };

START_TEST(below_is_even)
{
    static const uint32_t counts[] = { 1, 2, 3, 7, 10 };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct random random = random_of(5, RANDOM_ORDER, 0, (uint32_t)i);
        size_t seen[10] = { 0 };
        for (int j = 0; j < DRAWS; j++) {
            const uint32_t drawn = random_below(&random, counts[i]);
            ck_assert_uint_lt(drawn, counts[i]);
            seen[drawn]++;
        }
        const double share = (double)DRAWS / counts[i];
        for (size_t j = 0; j < counts[i]; j++)
            ck_assert_double_le(fabs((double)seen[j] - share), 4.5 * sqrt(share));
    }
    /* Two thirds of all 32-bit numbers: without rejection one half would come twice as often.
     */
    struct random random = random_of(5, RANDOM_ORDER, 0, 99);
    const uint32_t count = UINT32_C(0xaaaaaaab);
    int odd = 0;
    for (int j = 0; j < DRAWS; j++)
        odd += (int)(random_below(&random, count) & 1);
    ck_assert_int_le(abs(odd - DRAWS / 2), 4 * 123);
}
END_TEST

START_TEST(uniform_and_beta)
{
    static const double alphas[] = { 0.2, 0.8, 1 };
    struct random random = random_of(6, RANDOM_BATCH, 0, 0);
    double sum = 0, squares = 0;
    for (int j = 0; j < DRAWS; j++) {
        const double x = random_uniform(&random, -1, 3);
        ck_assert(x >= -1 && x < 3);
        sum += x;
        squares += (x - 1) * (x - 1);
    }
    ck_assert_double_le(fabs(sum / DRAWS - 1), 4 * 1.1547 / sqrt(DRAWS));
    ck_assert_double_le(fabs(squares / DRAWS - 16.0 / 12), 0.03);
    for (size_t i = 0; i < 3; i++) {
        sum = squares = 0;
        for (int j = 0; j < DRAWS; j++) {
            const double x = random_beta(&random, alphas[i]);
            ck_assert(x >= 0 && x <= 1);
            sum += x;
            squares += (x - 0.5) * (x - 0.5);
        }
        ck_assert_double_le(fabs(sum / DRAWS - 0.5), 4 * 0.5 / sqrt(DRAWS));
        /* The variance of Beta(alpha, alpha). */
        ck_assert_double_le(fabs(squares / DRAWS - 1 / (4 * (2 * alphas[i] + 1))), 0.003);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *tests = tcase_create("philox");
    tcase_add_test(tests, known_answers);
    tcase_add_test(tests, streams_differ);
    tcase_add_test(tests, below_is_even);
    tcase_add_test(tests, uniform_and_beta);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
