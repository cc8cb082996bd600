/* Attention as whole steps and back; what a page carries against RFC 4648 and zlib. */
#include "common/packing.h"
#include "tests/numbers.h"

#include <zlib.h>

/* Rows of a softmax over n tokens: sharp ones have nearly all on one. */
static float *make_rows(size_t rows, size_t n, float sharp)
{
    float *a = calloc(rows * n, sizeof *a);
    ck_assert_ptr_nonnull(a);
    fill(a, rows * n, (unsigned)n, sharp);
    for (size_t i = 0; i < rows; i++) {
        double sum = 0;
        for (size_t j = 0; j < n; j++)
            sum += exp((double)a[i * n + j]);
        for (size_t j = 0; j < n; j++)
            a[i * n + j] = (float)(exp((double)a[i * n + j]) / sum);
    }
    return a;
}

static float scale_of(const unsigned char *bytes, size_t row)
{
    float scale;
    memcpy(&scale, bytes + 4 * row, sizeof scale);
    return scale;
}

/* Row i, unpacked by the description in packing.h. */
static void unpack(double *row, const unsigned char *bytes, size_t i, size_t rows, size_t n,
    size_t p, int steps)
{
    const unsigned char *shares = bytes + 4 * rows + 2 * p * i;
    const unsigned char *codes = bytes + (4 + 2 * p) * rows + (n - p) * i;
    for (size_t j = 0; j < p; j++)
        row[j] = (shares[2 * j] + 256 * shares[2 * j + 1]) / 65535.0;
    for (size_t j = p; j < n; j++)
        row[j] = (double)scale_of(bytes, i) * codes[j - p] / steps;
}

static void check_row(const float *row, const double *unpacked, double scale, size_t n,
    size_t p, int steps, size_t i)
{
    double most = 0, sum = 0, bound = 0;
    for (size_t j = 0; j < n; j++) {
        const double half = j < p ? 0.5 / SHARE_STEPS : scale / steps / 2;
        expect_near(unpacked[j], (double)row[j], half * (1 + 4 * EPS), "value", i * n + j);
        most = j >= p ? fmax(most, (double)row[j]) : most;
        sum += unpacked[j];
        bound += half;
    }
    ck_assert_double_eq(scale, most);
    expect_near(sum, 1, bound + (double)n * EPS, "sum of row", i);
}

START_TEST(half_a_step)
{
    static const size_t tokens[] = { 1, 2, 3, 15, 16, 17, 127, 128, 129, 197 };
    static const size_t prefixes[] = { 0, 1, 5 };
    const int steps = _i ? STEPS_OF_6_BITS : STEPS_OF_8_BITS;
    for (size_t k = 0; k < 30; k++) {
        const size_t n = tokens[k / 3], p = prefixes[k % 3], rows = 2 * n;
        if (p >= n)
            continue;
        float *a = make_rows(rows, n, k % 2 ? 12 : 1);
        const size_t size = steps_size(rows, n, p);
        unsigned char *bytes = malloc(size + 1);
        double *row = calloc(n, sizeof *row);
        ck_assert(bytes && row && size == rows * (4 + 2 * p + n - p));
        bytes[size] = 0xa5;
        steps_make(bytes, a, rows, n, p, steps);
        ck_assert_int_eq(bytes[size], 0xa5);
        for (size_t i = 0; i < rows; i++) {
            unpack(row, bytes, i, rows, n, p, steps);
            check_row(a + i * n, row, (double)scale_of(bytes, i), n, p, steps, i);
        }
        free(a);
        free(bytes);
        free(row);
    }
}
END_TEST

/* By hand: [scales][shares][codes], to the byte. */
START_TEST(bytes_by_hand)
{
    static const float rows[2][4] = { { 0.5f, 0.25f, 0.125f, 0.0625f }, { 1.001f, 0, 0, 0 } };
    static const unsigned char due[] = { 0, 0, 0x80, 0x3e, 0, 0, 0, 0, /* 0.25, 0 */
        0, 0x80, 0xff, 0xff, /* 32767.5 to even; over 1 is 1 */
        255, 128, 64, 0, 0, 0 };
    unsigned char bytes[sizeof due];
    ck_assert_uint_eq(steps_size(2, 4, 1), sizeof due);
    steps_make(bytes, rows[0], 2, 4, 1, STEPS_OF_8_BITS);
    ck_assert_mem_eq(bytes, due, sizeof due);
}
END_TEST

START_TEST(least_values)
{
    const float rows[3] = { 1e-45f, 0, 1e-45f }; /* the least there is */
    unsigned char bytes[7];
    steps_make(bytes, rows, 1, 3, 0, STEPS_OF_6_BITS);
    ck_assert(bytes[4] == 63 && bytes[5] == 0 && bytes[6] == 63);
}
END_TEST

START_TEST(base64)
{
    static const char *const cases[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
        { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" }, { "\xff\xfe\xfb", "//77" }, { "\xfb\xef\xbe", "++++" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct packed packed;
        struct error error;
        ck_assert_int_eq(pack_base64(cases[i][0], strlen(cases[i][0]), &packed, &error), 0);
        ck_assert_uint_eq(packed.size, strlen(cases[i][1]));
        ck_assert_mem_eq(packed.text, cases[i][1], packed.size);
        free(packed.text);
    }
}
END_TEST

static int digit(char c)
{
    return c >= 'a'   ? c - 'a' + 26
           : c >= 'A' ? c - 'A'
           : c >= '0' ? c - '0' + 52
           : c == '+' ? 62
                      : 63;
}

START_TEST(deflated_text)
{
    static const size_t sizes[] = { 0, 1, 2, 3, 63, 64, 65, 65535, 65536, 65537 };
    static unsigned char bytes[65537], back[65538], deflated[80000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * i >> 7 & 63);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        struct packed packed, again;
        struct error error;
        uLongf length = sizeof back;
        ck_assert_int_eq(pack_deflated(bytes, sizes[k], &packed, &error), 0);
        ck_assert_int_eq(pack_deflated(bytes, sizes[k], &again, &error), 0);
        ck_assert_uint_eq(packed.size, again.size);
        ck_assert_mem_eq(packed.text, again.text, packed.size);
        ck_assert(packed.size % 4 == 0 && packed.size / 4 * 3 <= sizeof deflated);
        for (size_t i = 0; i < packed.size; i++) {
            const size_t at = i / 4 * 3 + i % 4;
            const int six = packed.text[i] == '=' ? 0 : digit(packed.text[i]);
            if (i % 4 > 0)
                deflated[at - 1] |= (unsigned char)(six >> (6 - 2 * (i % 4)));
            if (i % 4 < 3)
                deflated[at] = (unsigned char)(six << (2 + 2 * (i % 4)));
        }
        ck_assert_int_eq(uncompress(back, &length, deflated, packed.size / 4 * 3), Z_OK);
        ck_assert_uint_eq(length, sizes[k]);
        ck_assert_mem_eq(back, bytes, length);
        free(packed.text);
        free(again.text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("packing");
    TCase *cases = tcase_create("packing");
    tcase_add_loop_test(cases, half_a_step, 0, 2);
    tcase_add_test(cases, bytes_by_hand);
    tcase_add_test(cases, least_values);
    tcase_add_test(cases, base64);
    tcase_add_test(cases, deflated_text);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
