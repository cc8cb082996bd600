/*
 * common/rollout: its loops against naive twins in double, at sizes around those of vectors,
 * and what becomes of NaN, infinity and zeros. That the methods are right is check_maps'.
 */
#include "common/rollout.h"
#include "tests/numbers.h"

static const size_t sizes[] = { 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 257 };
enum { SIZES = sizeof sizes / sizeof *sizes, HEADS = 3, MOST = 257 };

static double clamp(double x)
{
    return x <= 0 ? 0 : x;
}

/* Of all three a NaN makes a NaN. */
static double naive_fuse(
    const float *a, const float *g, size_t heads, size_t n, size_t i, enum fusion fusion)
{
    double fused = 0;
    for (size_t h = 0; h < heads; h++) {
        const double value =
            g ? clamp((double)a[h * n + i] * (double)g[h * n + i]) : (double)a[h * n + i];
        if (isnan(value))
            return value;
        fused = h == 0               ? value
                : fusion == FUSE_MAX ? fmax(fused, value)
                : fusion == FUSE_MIN ? fmin(fused, value)
                                     : fused + value;
    }
    return fusion == FUSE_MEAN ? fused / (double)heads : fused;
}

static void compare_fusion(const float *a, const float *g, size_t heads, size_t n)
{
    static float to[MOST + 1];
    for (int fusion = FUSE_MEAN; fusion <= FUSE_MIN; fusion++) {
        to[n] = UNTOUCHED;
        rollout_fuse(to, a, g, heads, n, (enum fusion)fusion);
        ck_assert_float_eq(to[n], UNTOUCHED);
        for (size_t i = 0; i < n; i++) {
            const double due = naive_fuse(a, g, heads, n, i, (enum fusion)fusion);
            if (isnan(due) || isinf(due))
                ck_assert_msg(isnan(due) ? isnan(to[i]) : (double)to[i] == due,
                    "fusion %d [%zu] is %g, not %g", fusion, i, (double)to[i], due);
            else
                expect_near((double)to[i], due, 8 * EPS, "fused", i);
        }
    }
}

START_TEST(fuses)
{
    static float a[HEADS * MOST], g[HEADS * MOST];
    const size_t n = sizes[_i];
    fill(a, HEADS * n, 1, 1);
    fill(g, HEADS * n, 2, 1);
    for (size_t heads = 1; heads <= HEADS; heads++) {
        compare_fusion(a, NULL, heads, n);
        compare_fusion(a, g, heads, n);
    }
    const float odd[] = { NAN, INFINITY, -INFINITY, 0, -0.0f };
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++)
        for (size_t h = 0; h < HEADS; h++) {
            const size_t at = h * n + (k * 5 + h) % n;
            const float before = g[at];
            g[at] = odd[k];
            compare_fusion(a, g, HEADS, n);
            compare_fusion(g, NULL, HEADS, n);
            g[at] = before;
        }
}
END_TEST

START_TEST(zeros)
{
    static float x[MOST];
    const size_t n = sizes[_i];
    memset(x, 0, sizeof x);
    ck_assert(rollout_is_zero(x, n));
    x[n / 2] = -0.0f;
    ck_assert(rollout_is_zero(x, n));
    x[n - 1] = NAN;
    ck_assert(!rollout_is_zero(x, n));
    x[n - 1] = FLT_TRUE_MIN;
    ck_assert(!rollout_is_zero(x, n));
    ck_assert(rollout_is_zero(x, n - 1));
}
END_TEST

/* Rows of any matrix sum to 1, the identity's part is the residual, the lowest are 0. */
START_TEST(mixes)
{
    static float a[65 * 65];
    const size_t t = sizes[_i];
    const double residuals[] = { 0, 0.3, 1 }, discards[] = { 0, 0.5, 1 };
    if (t > 65)
        return;
    void *room = malloc(rollout_room(t));
    ck_assert_ptr_nonnull(room);
    for (size_t c = 0; c < 9; c++) {
        const size_t p = t > 2 ? 2 : 0;
        const double residual = residuals[c / 3], discard = discards[c % 3];
        fill(a, t * t, (unsigned)c, 0.5f);
        for (size_t i = 0; i < t * t; i++)
            a[i] += 0.75f;
        rollout_mix(a, t, p, residual, discard, room);
        for (size_t i = 0; i < t; i++) {
            double sum = 0;
            size_t zero = 0;
            for (size_t j = 0; j < t; j++) {
                sum += (double)a[i * t + j];
                zero += j >= p && j != i && a[i * t + j] == 0;
            }
            const size_t lowest = residual < 1 ? (size_t)(discard * (double)(t - p)) : t - p;
            ck_assert_uint_ge(zero + (i >= p), lowest);
            ck_assert_uint_le(zero, lowest);
            if (residual > 0 || p > 0 || discard < 1)
                expect_near(sum, 1, 8 * EPS, "row", i);
        }
    }
    free(room);
}
END_TEST

/* Where G is 1 everywhere the map is the mean of A's rows; where it is -1 there is none. */
START_TEST(weighs)
{
    enum { T = 6, P = 1, N = T - P };
    float a[HEADS * T * T], g[HEADS * T * T], to[N + 1];
    double sums[N];
    const struct query queries[] = { { .kind = QUERY_TOKEN, .token = 0 },
        { .kind = QUERY_TOKEN, .token = T - 1 }, { .kind = QUERY_MEAN } };
    fill(a, HEADS * T * T, 1, 1);
    const struct query *query = &queries[_i];
    for (int sign = -1; sign <= 1; sign++) {
        for (size_t i = 0; i < HEADS * T * T; i++)
            g[i] = (float)sign;
        to[N] = UNTOUCHED;
        ck_assert(rollout_gradcam(to, a, g, HEADS, T, P, query, sums) == (sign != 0));
        ck_assert_float_eq(to[N], UNTOUCHED);
        for (size_t j = 0; j < N; j++) {
            double mean = 0;
            for (size_t h = 0; h < HEADS; h++)
                for (size_t i = P; i < T; i++)
                    mean += query->kind == QUERY_MEAN
                                ? (double)a[(h * T + i) * T + P + j] / (HEADS * N)
                                : (double)a[(h * T + query->token) * T + P + j] / (HEADS * N);
            expect_near((double)to[j], clamp(sign * mean), EPS, "map", j);
        }
    }
    /* What isn't the query's is not read, nor is the gradient at the prefix. */
    const size_t first = query->kind == QUERY_MEAN ? P : query->token;
    for (size_t i = 0; i < HEADS * T * T; i++)
        g[i] = i % T < P || i / T % T < first ? NAN : 0;
    ck_assert(!rollout_gradcam(to, a, g, HEADS, T, P, query, sums));
    ck_assert_float_eq(to[0], 0);
    g[first * T + T - 1] = NAN;
    ck_assert(rollout_gradcam(to, a, g, HEADS, T, P, query, sums));
    for (size_t j = 0; j < N; j++)
        ck_assert_float_nan(to[j]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rollout");
    TCase *tests = tcase_create("rollout");
    tcase_add_loop_test(tests, fuses, 0, SIZES);
    tcase_add_loop_test(tests, zeros, 0, SIZES);
    tcase_add_loop_test(tests, mixes, 0, SIZES);
    tcase_add_loop_test(tests, weighs, 0, 3);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
