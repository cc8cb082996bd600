/* formats/npy: arrays by NumPy (tests/oracle/streams.py), our own, and what is refused. */
#include "formats/io.h"
#include "formats/npy.h"

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAYS "tests/data/streams/npy/"

/* Item i of the arrays, in C order: the formula of streams.py. */
static double item(char kind, size_t i)
{
    const double n = (double)(i % 100);
    return kind == 'f' ? n - 49.5 : kind == 'i' ? n - 50 : kind == 'u' ? n : i % 3 == 0;
}

static unsigned char *load(const char *name, size_t *size)
{
    char path[200];
    unsigned char *bytes;
    struct error error;
    snprintf(path, sizeof path, ARRAYS "%s.npy", name);
    ck_assert_msg(file_read(path, 1 << 20, &bytes, size, &error) == 0, "%s", error.text);
    return bytes;
}

/* The first two letters are the type. */
static const struct {
    const char *name;
    size_t rank, shape[NPY_MAX_RANK];
} by_numpy[] = {
/* clang-format off */
#define BYTES(type) { type, 3, { 2, 3, 5 } }, { type "-fortran", 3, { 2, 3, 5 } }
#define WIDE(type) BYTES(type), { type "-big", 3, { 2, 3, 5 } }
    BYTES("i1"), BYTES("u1"), BYTES("b1"), WIDE("f2"), WIDE("f4"), WIDE("f8"), WIDE("i2"),
    WIDE("i4"), WIDE("i8"), WIDE("u2"), WIDE("u4"),
    /* clang-format on */
    { "f4-big-fortran", 3, { 2, 3, 5 } },
    { "f4-v2", 3, { 2, 3, 5 } },
    { "f4-v3", 3, { 2, 3, 5 } },
    { "f4-rank0", 0, { 0 } },
    { "f4-rank1", 1, { 7 } },
    { "f4-rank1-fortran", 1, { 7 } },
    { "f4-rank8", 8, { 1, 2, 1, 3, 1, 2, 1, 2 } },
    { "f4-rank8-fortran", 8, { 1, 2, 1, 3, 1, 2, 1, 2 } },
    { "f4-empty", 3, { 3, 0, 2 } },
};

START_TEST(reads_numpy)
{
    size_t size;
    struct npy npy;
    struct error error;
    struct scratch scratch = { 0 };
    const float *floats;
    unsigned char *bytes = load(by_numpy[_i].name, &size);
    ck_assert_msg(npy_parse(bytes, size, &npy, &error) == 0, "%s", error.text);
    ck_assert_int_eq(strncmp(npy.type, by_numpy[_i].name, 2), 0);
    ck_assert_uint_eq(strlen(npy.type), 2);
    ck_assert_uint_eq(npy.rank, by_numpy[_i].rank);
    size_t count = 1;
    for (size_t i = 0; i < npy.rank; i++) {
        ck_assert_uint_eq(npy.shape[i], by_numpy[_i].shape[i]);
        count *= npy.shape[i];
    }
    ck_assert_uint_eq(npy.count, count);
    ck_assert_int_eq(npy_floats(&npy, &floats, &scratch, &error), 0);
    ck_assert_ptr_nonnull(floats);
    for (size_t i = 0; i < count; i++) {
        ck_assert_double_eq(npy_item(&npy, i), item(npy.type[0], i));
        ck_assert_float_eq(floats[i], (float)item(npy.type[0], i));
    }
    free(scratch.bytes);
    free(bytes);
}
END_TEST

static const char *const refused[] = { "rank9", "structured", "complex", "u8", "f16", "text",
    "bytes", "date", "object" };

START_TEST(refuses_numpy)
{
    char name[64];
    size_t size;
    struct npy npy;
    struct error error;
    snprintf(name, sizeof name, "refused-%s", refused[_i]);
    unsigned char *bytes = load(name, &size);
    ck_assert_int_eq(npy_parse(bytes, size, &npy, &error), BAD_SAMPLE);
    ck_assert_int_eq(strncmp(error.text, "npy: ", 5), 0);
    free(bytes);
}
END_TEST

/* Every array cut at every byte, and one byte too long. */
START_TEST(refuses_cut)
{
    size_t size;
    struct npy npy;
    struct error error;
    unsigned char *bytes = load(by_numpy[_i].name, &size);
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *less = malloc(cut ? cut : 1); /* so that a sanitizer sees its end */
        memcpy(less, bytes, cut);
        ck_assert_int_eq(npy_parse(less, cut, &npy, &error), BAD_SAMPLE);
        free(less);
    }
    unsigned char *more = calloc(1, size + 1);
    memcpy(more, bytes, size);
    ck_assert_int_eq(npy_parse(more, size + 1, &npy, &error), BAD_SAMPLE);
    free(more);
    free(bytes);
}
END_TEST

/* A flipped bit in the header is refused or leaves an array inside its bytes. */
START_TEST(survives_flips)
{
    size_t size;
    struct npy npy;
    struct error error;
    struct scratch scratch = { 0 };
    const float *floats;
    unsigned char *bytes = load(by_numpy[_i].name, &size);
    for (size_t bit = 0; bit < 8 * (size < 128 ? size : 128); bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (npy_parse(bytes, size, &npy, &error) == 0) {
            ck_assert_ptr_eq(npy.data + npy.count * npy.item, bytes + size);
            ck_assert_int_eq(npy_floats(&npy, &floats, &scratch, &error), 0);
        }
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    free(scratch.bytes);
    free(bytes);
}
END_TEST

#define F4 "{'descr': '<f4', 'fortran_order': False, 'shape': "
static const struct {
    const char *header;
    size_t data; /* bytes behind it */
    int status;
    const char *says;
} headers[] = {
    { F4 "(2,), }", 8, 0, "" },
    { F4 "(2,)}", 8, 0, "" },
    { F4 "(2, 3)}", 24, 0, "" },
    { F4 "(2L, 3L)}", 24, 0, "" },
    { F4 "()}", 4, 0, "" },
    { F4 "(0, 4611686018427387904)}", 0, 0, "" },
    { "{'shape': (1,), 'fortran_order': True, 'descr': '|u1'}", 1, 0, "" },
    { "{'descr': '=f4', 'fortran_order': False, 'shape': (1,)}", 4, 0, "" },
    { "{'descr': \"<f4\", 'fortran_order': False, 'shape': (1,)}", 4, 0, "" },
    { F4 "(2,)}", 7, BAD_SAMPLE, "has 7 bytes of data, its shape needs 8" },
    { F4 "(2,)}", 9, BAD_SAMPLE, "has 9 bytes" },
    { F4 "()}", 0, BAD_SAMPLE, "has 0 bytes" },
    { F4 "(0,)}", 4, BAD_SAMPLE, "needs 0" },
    { F4 "(-1,)}", 4, BAD_SAMPLE, "not one of at most 8" },
    { F4 "(1.5,)}", 4, BAD_SAMPLE, "" },
    { F4 "(x,)}", 4, BAD_SAMPLE, "not one of" },
    { F4 "(1, 1, 1, 1, 1, 1, 1, 1, 1)}", 4, BAD_SAMPLE, "at most 8" },
    { F4 "(1", 4, BAD_SAMPLE, "" },
    { F4 "(1,", 4, BAD_SAMPLE, "" },
    { F4 "[1]}", 4, BAD_SAMPLE, "no shape" },
    { F4 "1}", 4, BAD_SAMPLE, "no shape" },
    { F4, 4, BAD_SAMPLE, "no shape" },
    { F4 "(4611686018427387904,)}", 0, BAD_SAMPLE, "overflows" },
    { F4 "(4611686018427387903,)}", 0, BAD_SAMPLE, "its shape needs" },
    { F4 "(4294967296, 4294967296)}", 0, BAD_SAMPLE, "overflows" },
    { F4 "(2147483648, 2147483648)}", 0, BAD_SAMPLE, "overflows" },
    { F4 "(99999999999999999999999,)}", 4, BAD_SAMPLE, "overflows" },
    { F4 "(18446744073709551615,)}", 4, BAD_SAMPLE, "overflows" },
    { "{'fortran_order': False, 'shape': (1,)}", 4, BAD_SAMPLE, "type ? is not taken" },
    { "{'descr': '<f4', 'shape': (1,)}", 4, BAD_SAMPLE, "no fortran_order" },
    { "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", 4, BAD_SAMPLE, "no fortran" },
    { "{'descr': '<f4', 'fortran_order': False}", 4, BAD_SAMPLE, "no shape" },
    { "{'descr': 'f4', 'fortran_order': False, 'shape': (1,)}", 4, BAD_SAMPLE, "not taken" },
    { "{'descr': '<f4x', 'fortran_order': False, 'shape': (1,)}", 4, BAD_SAMPLE, "not taken" },
    { "{'descr': '<f4\", 'fortran_order': False, 'shape': (1,)}", 4, BAD_SAMPLE, "not taken" },
    { "{'descr': '<f3', 'fortran_order': False, 'shape': (1,)}", 3, BAD_SAMPLE, "not taken" },
    { "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8, BAD_SAMPLE, "not taken" },
    { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4, BAD_SAMPLE,
        "type [('a', '<f4' is not taken" },
    { "{'descr': '", 4, BAD_SAMPLE, "not taken" },
    { "{'descr':", 4, BAD_SAMPLE, "not taken" },
    { "", 4, BAD_SAMPLE, "not taken" },
};

START_TEST(parses_headers)
{
    struct npy npy;
    struct error error = { "" };
    const size_t length = strlen(headers[_i].header), size = 10 + length + headers[_i].data;
    unsigned char *bytes = calloc(1, size);
    memcpy(bytes, "\x93NUMPY\1\0", 8);
    bytes[8] = (unsigned char)length;
    memcpy(bytes + 10, headers[_i].header, length);
    const int status = npy_parse(bytes, size, &npy, &error);
    ck_assert_msg(status == headers[_i].status, "%s: %s", headers[_i].header, error.text);
    ck_assert_msg(
        strstr(error.text, headers[_i].says), "%s: %s", headers[_i].header, error.text);
    free(bytes);
}
END_TEST

/* Header lengths around the limit, by version. */
static const struct {
    int version;
    size_t stated, there;
    int status;
} lengths[] = {
    { 1, NPY_MAX_HEADER - 1, NPY_MAX_HEADER - 1, 0 },
    { 1, NPY_MAX_HEADER, NPY_MAX_HEADER, 0 },
    { 1, NPY_MAX_HEADER + 1, NPY_MAX_HEADER + 1, BAD_SAMPLE },
    { 2, NPY_MAX_HEADER, NPY_MAX_HEADER, 0 },
    { 3, NPY_MAX_HEADER, NPY_MAX_HEADER, 0 },
    { 2, 0x1000100, 0x100, BAD_SAMPLE },
    { 2, 0xffffffff, 0x100, BAD_SAMPLE },
    { 1, 0x101, 0x100, BAD_SAMPLE },
    { 0, 0x100, 0x100, BAD_SAMPLE },
    { 4, 0x100, 0x100, BAD_SAMPLE },
};

START_TEST(limits_header)
{
    static const char text[] = F4 "(0,)}";
    struct npy npy;
    struct error error;
    const size_t start = lengths[_i].version == 1 ? 10 : 12, size = start + lengths[_i].there;
    unsigned char *bytes = malloc(size);
    memset(bytes, ' ', size);
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (unsigned char)lengths[_i].version;
    bytes[7] = 0;
    for (size_t i = 8; i < start; i++)
        bytes[i] = (unsigned char)(lengths[_i].stated >> 8 * (i - 8));
    memcpy(bytes + start, text, strlen(text));
    ck_assert_int_eq(npy_parse(bytes, size, &npy, &error), lengths[_i].status);
    free(bytes);
}
END_TEST

static const struct {
    size_t rank, shape[NPY_MAX_RANK];
    const char *shape_text, *description;
} written[] = {
    { 0, { 0 }, "()", "f4[]" },
    { 1, { 0 }, "(0,)", "f4[0]" },
    { 1, { 5 }, "(5,)", "f4[5]" },
    { 2, { 3, 4 }, "(3, 4)", "f4[3,4]" },
    { 3, { 3, 0, 4 }, "(3, 0, 4)", "f4[3,0,4]" },
    { 8, { 1, 2, 1, 2, 1, 2, 1, 2 }, "(1, 2, 1, 2, 1, 2, 1, 2)", "f4[1,2,1,2,1,2,1,2]" },
};

START_TEST(writes)
{
    struct npy npy;
    struct error error;
    struct scratch scratch = { 0 };
    const float *floats;
    char text[128], small[6];
    const size_t rank = written[_i].rank, *shape = written[_i].shape;
    const size_t head = npy_header_size(rank, shape), size = npy_floats_size(rank, shape);
    ck_assert_uint_eq(head % 64, 0);
    unsigned char *bytes = aligned_alloc(64, (size + 63) & ~(size_t)63);
    npy_write_header(bytes, rank, shape);
    float *data = (float *)(void *)(bytes + head);
    for (size_t i = 0; i < (size - head) / 4; i++)
        data[i] = (float)i;
    ck_assert_int_eq(bytes[head - 1], '\n');
    ck_assert_msg(npy_parse(bytes, size, &npy, &error) == 0, "%s", error.text);
    ck_assert_ptr_nonnull(
        memmem(bytes, head, written[_i].shape_text, strlen(written[_i].shape_text)));
    ck_assert_uint_eq(npy.rank, rank);
    ck_assert_mem_eq(npy.shape, shape, rank * sizeof *shape);
    ck_assert_int_eq(npy_floats(&npy, &floats, &scratch, &error), 0);
    ck_assert_ptr_eq(floats, data); /* in place */
    ck_assert_ptr_null(scratch.bytes);
    npy_describe(&npy, text, sizeof text);
    ck_assert_str_eq(text, written[_i].description);
    npy_describe(&npy, small, sizeof small);
    ck_assert_uint_le(strlen(small), sizeof small - 1);
    ck_assert_int_eq(strncmp(small, text, strlen(small)), 0);
    free(bytes);
}
END_TEST

START_TEST(header_equals_numpys)
{
    size_t size;
    unsigned char ours[256];
    unsigned char *theirs = load("f4", &size);
    const size_t shape[3] = { 2, 3, 5 };
    ck_assert_uint_eq(npy_header_size(3, shape), 128);
    npy_write_header(ours, 3, shape);
    ck_assert_mem_eq(ours, theirs, 128);
    free(theirs);
}
END_TEST

START_TEST(sizes_overflow)
{
    const size_t whole = SIZE_MAX / 4;
    const size_t shapes[][2] = { { whole, 1 }, { whole + 1, 1 }, { SIZE_MAX, SIZE_MAX },
        { (size_t)1 << 32, (size_t)1 << 32 }, { whole - 16, 1 } };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        ck_assert_uint_eq(npy_floats_size(2, shapes[i]), 0);
    const size_t big[8] = { SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX,
        SIZE_MAX, SIZE_MAX };
    ck_assert_uint_eq(npy_header_size(8, big) % 64, 0);
    const size_t fits[2] = { 3, 7 };
    ck_assert_uint_eq(npy_floats_size(2, fits), npy_header_size(2, fits) + 84);
}
END_TEST

/* Where the data isn't aligned for floats it is copied. */
START_TEST(copies_unaligned)
{
    size_t size;
    struct npy npy;
    struct error error;
    struct scratch scratch = { 0 };
    const float *floats;
    unsigned char *bytes = load("f4", &size), *moved = malloc(size + 4);
    for (size_t by = 1; by < 4; by++) {
        memcpy(moved + by, bytes, size);
        ck_assert_int_eq(npy_parse(moved + by, size, &npy, &error), 0);
        ck_assert_int_eq(npy_floats(&npy, &floats, &scratch, &error), 0);
        ck_assert_ptr_eq(floats, scratch.bytes);
        for (size_t i = 0; i < npy.count; i++)
            ck_assert_float_eq(floats[i], (float)item('f', i));
    }
    free(scratch.bytes);
    free(moved);
    free(bytes);
}
END_TEST

/* Halves against NumPy's, and all 65536 by their definition. */
START_TEST(halves)
{
    size_t size;
    struct npy half, single;
    struct error error;
    unsigned char *a = load("halves", &size);
    ck_assert_int_eq(npy_parse(a, size, &half, &error), 0);
    unsigned char *b = load("halves-f4", &size);
    ck_assert_int_eq(npy_parse(b, size, &single, &error), 0);
    for (size_t i = 0; i < half.count; i++) {
        ck_assert_double_eq(npy_item(&half, i), npy_item(&single, i));
        ck_assert_int_eq(signbit(npy_item(&half, i)), signbit(npy_item(&single, i)));
    }
    for (unsigned bits = 0; bits < 65536; bits++) {
        const unsigned exponent = bits >> 10 & 31, fraction = bits & 1023;
        const double power = exp2(exponent ? (double)exponent - 15 : -14);
        double value = ((exponent ? 1 : 0) + fraction / 1024.0) * power;
        if (exponent == 31)
            value = fraction ? NAN : INFINITY;
        if (bits >> 15)
            value = -value;
        const double got = (double)half_to_float((unsigned short)bits);
        ck_assert(isnan(value) ? isnan(got) : got == value);
        ck_assert_int_eq(isnan(got) ? 0 : !signbit(got), isnan(value) ? 0 : !signbit(value));
    }
    free(a);
    free(b);
}
END_TEST

START_TEST(bfloats)
{
    ck_assert_float_eq(bfloat_to_float(0x3f80), 1.0f);
    ck_assert_float_eq(bfloat_to_float(0xc049), -3.140625f);
    ck_assert_float_eq(bfloat_to_float(0x0001), ldexpf(1, -133));
    ck_assert(isinf(bfloat_to_float(0x7f80)));
    ck_assert(isnan(bfloat_to_float(0x7fc0)));
    ck_assert(signbit(bfloat_to_float(0x8000)));
}
END_TEST

START_TEST(extremes)
{
    static const double expected[] = { 0, 1, -1, 2147483647., -2147483648., 16777217.,
        -9223372036854775808., 4503599627370496. };
    static const char *const names[] = { "extremes-i8", "extremes-f8" };
    for (size_t n = 0; n < 2; n++) {
        size_t size;
        struct npy npy;
        struct error error;
        unsigned char *bytes = load(names[n], &size);
        ck_assert_int_eq(npy_parse(bytes, size, &npy, &error), 0);
        for (size_t i = 0; i < npy.count; i++)
            ck_assert_double_eq(npy_item(&npy, i), expected[i]);
        free(bytes);
    }
}
END_TEST

START_TEST(scratch_grows)
{
    struct scratch scratch = { 0 };
    struct error error;
    static const size_t sizes[] = { 1, 63, 64, 65, 4095, 4096, 4097, 10 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ck_assert_int_eq(scratch_reserve(&scratch, sizes[i], &error), 0);
        ck_assert_uint_eq((uintptr_t)scratch.bytes % 64, 0);
        memset(scratch.bytes, 1, sizes[i]);
    }
    ck_assert_int_eq(scratch_reserve(&scratch, SIZE_MAX - 1, &error), BAD_SYSTEM);
    ck_assert_int_eq(scratch_reserve(&scratch, 100, &error), 0);
    free(scratch.bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("npy");
    TCase *numpy = tcase_create("numpy"), *own = tcase_create("own");
    const int arrays = sizeof by_numpy / sizeof *by_numpy;
    tcase_add_loop_test(numpy, reads_numpy, 0, arrays);
    tcase_add_loop_test(numpy, refuses_cut, 0, arrays);
    tcase_add_loop_test(numpy, survives_flips, 0, arrays);
    tcase_add_loop_test(numpy, refuses_numpy, 0, sizeof refused / sizeof *refused);
    tcase_add_test(numpy, copies_unaligned);
    tcase_add_test(numpy, header_equals_numpys);
    tcase_add_test(numpy, halves);
    tcase_add_test(numpy, extremes);
    tcase_add_loop_test(own, parses_headers, 0, sizeof headers / sizeof *headers);
    tcase_add_loop_test(own, limits_header, 0, sizeof lengths / sizeof *lengths);
    tcase_add_loop_test(own, writes, 0, sizeof written / sizeof *written);
    tcase_add_test(own, sizes_overflow);
    tcase_add_test(own, bfloats);
    tcase_add_test(own, scratch_grows);
    suite_add_tcase(suite, numpy);
    suite_add_tcase(suite, own);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
