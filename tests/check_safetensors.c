/*
 * formats/safetensors: what is taken, converted and refused. Nothing is allocated on the word
 * of a header: the hostile files are read with little memory left.
 */
#include "formats/tensors.h"
#include "tests/tensorfile.h"

#include <math.h>
#include <sys/resource.h>
#include <zlib.h>

/* 64 MB beyond what is in use; the sanitizers need all there is. */
static void limit_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    const rlim_t most = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (64 << 20);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &(struct rlimit){ most, most }), 0);
#endif
}

static int add(struct tensors *tensors, const char *path, struct error *error)
{
    *tensors = (struct tensors){ 0 };
    error->text[0] = '\0';
    return safetensors_add(tensors, path, error);
}

static void expect(const char *path, int status, const char *text)
{
    struct tensors tensors;
    struct error error;
    limit_memory();
    const int found = add(&tensors, path, &error);
    ck_assert_msg(found == status, "%d, not %d: %s", found, status, error.text);
    ck_assert_msg(strstr(error.text, text) != NULL, "%s, not: %s", error.text, text);
    ck_assert_msg(status == 0 || strstr(error.text, path) == error.text, "%s", error.text);
    tensors_free(&tensors);
}

#define ONE(shape, offsets) \
    "{\"a\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
#define TWO(shape, offsets, shape2, offsets2)                                      \
    "{\"a\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}," \
    "\"b\":{\"dtype\":\"F32\",\"shape\":" shape2 ",\"data_offsets\":" offsets2 "}}"
#define TYPE(type) "{\"a\":{\"dtype\":" type ",\"shape\":[1],\"data_offsets\":[0,4]}}"

/* message NULL: taken. */
static const struct {
    const char *header;
    size_t size; /* of the data */
    const char *message;
} headers[] = {
    { "{}", 0, NULL },
    { "  {}  \n", 0, NULL },
    { ONE("[]", "[0,4]"), 4, NULL },
    { ONE("[1,1,1,1,1,1,1,1]", "[0,4]"), 4, NULL },
    { ONE("[0]", "[0,0]"), 0, NULL },
    { ONE("[0,9223372036854775807,9223372036854775807]", "[0,0]"), 0, NULL },
    { TWO("[0]", "[0,0]", "[1]", "[0,4]"), 4, NULL },
    { TWO("[1]", "[0,4]", "[0,7]", "[4,4]"), 4, NULL },
    { TWO("[1]", "[4,8]", "[1]", "[0,4]"), 8, NULL },

    { "", 0, "not a JSON object" },
    { "[]", 0, "not a JSON object" },
    { "{\"a\":", 0, "not a JSON object" },
    { "{} {}", 0, "not a JSON object" },
    { "{\"a\xff\":1}", 0, "not a JSON object" },
    { "{\"a\\u0000b\":1}", 0, "not a JSON object" },
    { "{\"a\":1,\"a\":2}", 0, "not a JSON object: duplicate object key" },
    { "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\"}}", 0, "duplicate object key" },

    { "{\"a\":1}", 0, "a: type missing is not taken" },
    { "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "a: type missing is not taken" },
    { TYPE("\"F8_E4M3\""), 4, "a: type F8_E4M3 is not taken" },
    { TYPE("\"f32\""), 4, "a: type f32 is not taken" },
    { TYPE("32"), 4, "a: type missing is not taken" },

    { ONE("[-1]", "[0,4]"), 4, "shape is broken" },
    { ONE("[1.0]", "[0,4]"), 4, "shape is broken" },
    { ONE("[\"1\"]", "[0,4]"), 4, "shape is broken" },
    { ONE("1", "[0,4]"), 4, "shape is broken" },
    { ONE("[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "shape is broken" },
    { ONE("[4294967296,4294967296]", "[0,0]"), 0, "overflows" },
    { ONE("[9223372036854775807,3]", "[0,0]"), 0, "overflows" },
    { ONE("[99999999999999999999]", "[0,4]"), 4, "not a JSON object: too big integer" },

    { ONE("[1]", "[0,8]"), 8, "offsets 0..8 don't fit its 4 bytes" },
    { ONE("[2]", "[0,4]"), 4, "offsets 0..4 don't fit its 8 bytes" },
    { ONE("[2]", "[0,8]"), 4, "don't fit" },
    { ONE("[1]", "[4,8]"), 4, "don't fit" },
    { ONE("[1]", "[0,4]"), 3, "don't fit" },
    { ONE("[1]", "[-4,0]"), 4, "don't fit" },
    { ONE("[1]", "[4,0]"), 4, "don't fit" },
    { ONE("[1099511627776]", "[0,4398046511104]"), 4, "don't fit" },
    { ONE("[0]", "[9223372036854775807,9223372036854775807]"), 0, "don't fit" },
    { ONE("[1]", "[0.0,4.0]"), 4, "don't fit" },
    { ONE("[0]", "[\"0\",\"0\"]"), 0, "don't fit" },
    { ONE("[0]", "[null,null]"), 0, "don't fit" },
    { ONE("[1]", "[0]"), 4, "don't fit" },
    { ONE("[1]", "[0,4,8]"), 4, "don't fit" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[0]}}", 0, "don't fit" },

    { ONE("[1]", "[0,4]"), 5, "1 bytes belong to no tensor" },
    { "{}", 3, "3 bytes belong to no tensor" },
    { ONE("[1]", "[4,8]"), 8, "a overlaps another tensor or leaves a hole" },
    { TWO("[1]", "[0,4]", "[1]", "[8,12]"), 12, "b overlaps another tensor or leaves a hole" },
    { TWO("[2]", "[0,8]", "[2]", "[4,12]"), 12, "b overlaps another tensor or leaves a hole" },
    { TWO("[1]", "[0,4]", "[1]", "[0,4]"), 4, "overlaps another tensor or leaves a hole" },
    { TWO("[2]", "[0,8]", "[0]", "[4,4]"), 8, "b overlaps another tensor or leaves a hole" },
};

START_TEST(reads_headers)
{
    static const unsigned char data[16];
    const char *path = inside("x.safetensors"), *header = headers[_i].header;
    put_safetensors(path, strlen(header), header, strlen(header), data, headers[_i].size);
    expect(path, headers[_i].message ? BAD_INPUT : 0,
        headers[_i].message ? headers[_i].message : "");
}
END_TEST

/* What the first 8 bytes say, of a file whose header is {} and 2 spaces. */
static const struct {
    uint64_t said;
    off_t size; /* of the file; a sparse one, where it is large */
    const char *message;
} lengths[] = {
    { 4, 12, "" },
    { 0, 12, "not a JSON object" },
    { 1, 12, "not a JSON object" },
    { 5, 12, "not safetensors: a header of 5 bytes in a file of 12" },
    { UINT64_MAX, 12, "not safetensors" },
    { UINT64_MAX - 7, 12, "not safetensors" },
    { UINT64_C(1) << 63, 12, "not safetensors" },
    { (UINT64_C(1) << 63) - 1, 12, "not safetensors" },
    { 100000001, 300000000, "not safetensors: a header of 100000001 bytes" },
    { 100000000, 300000000, "not a JSON object" },
    { UINT64_C(1) << 32, (off_t)1 << 33, "not safetensors" },
};

START_TEST(reads_lengths)
{
    const char *path = inside("x.safetensors");
    put_safetensors(path, lengths[_i].said, "{}  ", 4, "", 0);
    ck_assert_int_eq(truncate(path, lengths[_i].size), 0);
    struct tensors tensors;
    struct error error;
    const int status = add(&tensors, path, &error);
    ck_assert_int_eq(status, _i == 0 ? 0 : BAD_INPUT);
    ck_assert_msg(strstr(error.text, lengths[_i].message) != NULL, "%s", error.text);
    tensors_free(&tensors);
}
END_TEST

START_TEST(refuses_deep_nesting)
{
    enum { DEPTH = 1 << 20 };
    const char *path = inside("x.safetensors");
    char *header = malloc(DEPTH);
    ck_assert_ptr_nonnull(header);
    memset(header, '[', DEPTH);
    memcpy(header, "{\"a\":", 5);
    put_safetensors(path, DEPTH, header, DEPTH, "", 0);
    free(header);
    expect(path, BAD_INPUT, "maximum parsing depth reached");
}
END_TEST

START_TEST(refuses_what_is_no_file)
{
    put_text(inside("empty.safetensors"), "");
    put_text(inside("seven.safetensors"), "1234567");
    ck_assert_int_eq(mkdir(inside("directory.safetensors"), 0700), 0);
    ck_assert_int_eq(mkfifo(inside("fifo.safetensors"), 0600), 0);
    static const struct {
        const char *name;
        int status;
        const char *message;
    } files[] = {
        { "empty", BAD_INPUT, "fewer than 8 bytes" },
        { "seven", BAD_INPUT, "fewer than 8 bytes" },
        { "directory", BAD_INPUT, "not a regular file" },
        { "fifo", BAD_INPUT, "not a regular file" },
        { "missing", BAD_SYSTEM, "No such file or directory" },
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        expect(inside("%s.safetensors", files[i].name), files[i].status, files[i].message);
    expect("/dev/zero", BAD_INPUT, "not a regular file");
}
END_TEST

/* Cut anywhere, or with a byte changed: taken or refused, and what is taken can be read. */
START_TEST(survives_damage)
{
    static const char good[] = TWO("[2,1]", "[0,8]", "[0]", "[8,8]");
    static unsigned char bytes[sizeof good + 32];
    static const float values[2] = { 1, 2 };
    const size_t header = strlen(good), whole = 8 + header + 8;
    const char *path = inside("x.safetensors");
    struct tensors tensors;
    struct error error;
    float room[8];
    bytes[0] = (unsigned char)header;
    memcpy(bytes + 8, good, header);
    memcpy(bytes + 8 + header, values, sizeof values);
    for (size_t cut = 0; cut < whole; cut++) {
        put_file(path, bytes, cut);
        ck_assert_int_eq(add(&tensors, path, &error), BAD_INPUT);
        tensors_free(&tensors);
    }
    for (size_t at = 0; at < 8 + header; at++)
        for (int bit = 0; bit < 8; bit++) {
            bytes[at] ^= (unsigned char)(1 << bit);
            put_file(path, bytes, whole);
            const int status = add(&tensors, path, &error);
            ck_assert(status == 0 || (status == BAD_INPUT && *error.text));
            for (size_t i = 0; status == 0 && i < tensors.count; i++) {
                ck_assert_uint_le(tensors.items[i].count, 8);
                tensor_to_floats(&tensors.items[i], room);
            }
            tensors_free(&tensors);
            bytes[at] ^= (unsigned char)(1 << bit);
        }
}
END_TEST

START_TEST(knows_its_tensors)
{
    static const char header[] =
        "{\"b\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"
        "\"__metadata__\":{\"k\":\"v\"},"
        "\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[8,16]}}  ";
    static const unsigned char data[16] = { 0, 0, 128, 63, 0, 0, 0, 192 };
    const char *path = inside("x.safetensors");
    struct tensors tensors;
    struct error error;
    float values[2];
    put_safetensors(path, strlen(header), header, strlen(header), data, sizeof data);
    ck_assert_int_eq(add(&tensors, path, &error), 0);
    ck_assert_uint_eq(tensors.count, 2);
    ck_assert_uint_eq(tensors.crc, crc32(0, (const Bytef *)header, (uInt)strlen(header)));
    ck_assert_str_eq(json_string_value(json_object_get(tensors.metadata, "k")), "v");
    const struct tensor *b = tensors_find(&tensors, "b"), *a = tensors_find(&tensors, "a");
    ck_assert(a && b && !tensors_find(&tensors, "c"));
    ck_assert(!tensors_find(&tensors, "__metadata__"));
    ck_assert_int_eq(b->type, TENSOR_F32);
    ck_assert_uint_eq(b->rank, 2);
    ck_assert_uint_eq(b->count, 2);
    tensor_to_floats(b, values);
    ck_assert(values[0] == 1 && values[1] == -2);
    ck_assert_int_eq(a->type, TENSOR_OTHER);
    tensor_to_floats(a, values);
    ck_assert(isnan(values[0]) && values[1] == -2);
    ck_assert_ptr_null(tensor_in_place(a));
    tensors_free(&tensors);
}
END_TEST

/* Data begins behind the header, wherever that ends. */
START_TEST(converts_the_misaligned)
{
    const size_t spaces = (size_t)_i;
    static const float expected[3] = { 1.5f, -0.0f, 3e-45f };
    const char *path = inside("x.safetensors");
    char header[128];
    struct tensors tensors;
    struct error error;
    float values[3];
    const int length = snprintf(header, sizeof header, "%s%*s",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]}}", (int)spaces, "");
    put_safetensors(path, (uint64_t)length, header, (size_t)length, expected, sizeof expected);
    ck_assert_int_eq(add(&tensors, path, &error), 0);
    const float *in_place = tensor_in_place(&tensors.items[0]);
    ck_assert_int_eq(in_place != NULL, length % 4 == 0);
    if (in_place)
        ck_assert_mem_eq(in_place, expected, sizeof expected);
    tensor_to_floats(&tensors.items[0], values);
    ck_assert_mem_eq(values, expected, sizeof expected);
    tensors_free(&tensors);
}
END_TEST

/* A binary floating-point number from its parts: exponent bits, mantissa bits. */
static double value_of(unsigned code, int exponent_bits, int mantissa_bits)
{
    const unsigned mantissa = code & ((1u << mantissa_bits) - 1);
    const int exponent = (int)(code >> mantissa_bits) & ((1 << exponent_bits) - 1);
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const double sign = code >> (exponent_bits + mantissa_bits) ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return mantissa ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0)
        return sign * ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * ldexp(mantissa + (1u << mantissa_bits), exponent - bias - mantissa_bits);
}

static void check_halves(const char *type, int exponent_bits, int mantissa_bits)
{
    enum { ALL = 1 << 16 };
    static unsigned char codes[2 * ALL];
    static float values[ALL];
    char header[128];
    const char *path = inside("x.safetensors");
    struct tensors tensors;
    struct error error;
    for (size_t i = 0; i < ALL; i++) {
        codes[2 * i] = (unsigned char)(i & 255);
        codes[2 * i + 1] = (unsigned char)(i >> 8);
    }
    const int length = snprintf(header, sizeof header,
        "{\"a\":{\"dtype\":\"%s\",\"shape\":[256,256],\"data_offsets\":[0,%d]}}", type,
        2 * ALL);
    put_safetensors(path, (uint64_t)length, header, (size_t)length, codes, sizeof codes);
    ck_assert_int_eq(add(&tensors, path, &error), 0);
    ck_assert_ptr_null(tensor_in_place(&tensors.items[0]));
    tensor_to_floats(&tensors.items[0], values);
    for (unsigned i = 0; i < ALL; i++) {
        const double expected = value_of(i, exponent_bits, mantissa_bits);
        const double found = (double)values[i];
        const bool same = isnan(expected)
                              ? isnan(found)
                              : found == expected && !signbit(found) == !signbit(expected);
        ck_assert_msg(same, "%s %04x: %.9g, not %.9g", type, i, found, expected);
    }
    tensors_free(&tensors);
}

START_TEST(converts_every_half)
{
    check_halves("F16", 5, 10);
    check_halves("BF16", 8, 7);
}
END_TEST

/* Rounded to the nearest float, ties to even; beyond the range to infinity and to zero. */
START_TEST(converts_doubles)
{
    static const struct {
        uint64_t bits;
        uint32_t expected;
    } table[] = {
        { UINT64_C(0x3ff0000000000000), 0x3f800000 }, /* 1 */
        { UINT64_C(0x8000000000000000), 0x80000000 }, /* -0 */
        { UINT64_C(0x3ff0000010000000), 0x3f800000 }, /* 1 + 2^-24: a tie, to even */
        { UINT64_C(0x3ff0000010000001), 0x3f800001 },
        { UINT64_C(0x3ff0000030000000), 0x3f800002 }, /* 1 + 3 * 2^-24: a tie, to even */
        { UINT64_C(0x400921fb54442d18), 0x40490fdb }, /* pi */
        { UINT64_C(0x47efffffe0000000), 0x7f7fffff }, /* the largest float */
        { UINT64_C(0x47effffff0000000), 0x7f800000 },
        { UINT64_C(0xc7f0000000000000), 0xff800000 }, /* -2^128 */
        { UINT64_C(0x7ff0000000000000), 0x7f800000 },
        { UINT64_C(0x36a0000000000000), 0x00000001 }, /* 2^-149 */
        { UINT64_C(0x3690000000000000), 0x00000000 }, /* 2^-150: a tie, to even */
        { UINT64_C(0x3690000000000001), 0x00000001 },
        { UINT64_C(0x0000000000000001), 0x00000000 },
    };
    enum { COUNT = sizeof table / sizeof *table };
    unsigned char data[8 * COUNT];
    char header[128];
    float values[COUNT];
    struct tensors tensors;
    struct error error;
    for (size_t i = 0; i < COUNT; i++)
        for (size_t b = 0; b < 8; b++)
            data[8 * i + b] = (unsigned char)(table[i].bits >> 8 * b);
    const int length = snprintf(header, sizeof header,
        "{\"a\":{\"dtype\":\"F64\",\"shape\":[%d],\"data_offsets\":[0,%d]}}", COUNT, 8 * COUNT);
    const char *path = inside("x.safetensors");
    put_safetensors(path, (uint64_t)length, header, (size_t)length, data, sizeof data);
    ck_assert_int_eq(add(&tensors, path, &error), 0);
    tensor_to_floats(&tensors.items[0], values);
    for (size_t i = 0; i < COUNT; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        ck_assert_msg(bits == table[i].expected, "%zu: %08x", i, bits);
    }
    tensors_free(&tensors);
}
END_TEST

/* Shards: all tensors in one set, the sum over the headers in order, no name twice. */
START_TEST(adds_files)
{
    static const char *const first = ONE("[1]", "[0,4]");
    static const char *const second =
        "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    struct tensors tensors;
    struct error error;
    put_safetensors(inside("1"), strlen(first), first, strlen(first), "1234", 4);
    put_safetensors(inside("2"), strlen(second), second, strlen(second), "5678", 4);
    ck_assert_int_eq(add(&tensors, inside("1"), &error), 0);
    ck_assert_int_eq(safetensors_add(&tensors, inside("2"), &error), 0);
    ck_assert_uint_eq(tensors.count, 2);
    ck_assert_mem_eq(tensors_find(&tensors, "a")->data, "1234", 4);
    ck_assert_mem_eq(tensors_find(&tensors, "b")->data, "5678", 4);
    uLong sum = crc32(0, (const Bytef *)first, (uInt)strlen(first));
    ck_assert_uint_eq(tensors.crc, crc32(sum, (const Bytef *)second, (uInt)strlen(second)));
    ck_assert_int_eq(safetensors_add(&tensors, inside("1"), &error), BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "a is in another shard too"));
    ck_assert_int_eq(safetensors_add(&tensors, inside("3"), &error), BAD_SYSTEM);
    tensors_free(&tensors);
    tensors_free(&tensors); /* of an empty set */
}
END_TEST

START_TEST(prints_shapes)
{
    static const struct tensor conv = { .rank = 4, .shape = { 768, 3, 16, 16 } };
    static const struct tensor scalar = { .rank = 0 };
    char text[64];
    ck_assert_str_eq(tensor_shape_text(&conv, text, sizeof text), "[768,3,16,16]");
    ck_assert_str_eq(tensor_shape_text(&scalar, text, sizeof text), "[]");
    for (size_t room = 1; room < 14; room++) {
        memset(text, '#', sizeof text);
        ck_assert_uint_eq(strlen(tensor_shape_text(&conv, text, room)), room - 1);
        ck_assert_mem_eq(text, "[768,3,16,16]", room - 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *tests = tcase_create("safetensors");
    tcase_add_unchecked_fixture(tests, make_folder, drop_folder);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, reads_headers, 0, sizeof headers / sizeof *headers);
    tcase_add_loop_test(tests, reads_lengths, 0, sizeof lengths / sizeof *lengths);
    tcase_add_test(tests, refuses_deep_nesting);
    tcase_add_test(tests, refuses_what_is_no_file);
    tcase_add_test(tests, survives_damage);
    tcase_add_test(tests, knows_its_tensors);
    tcase_add_loop_test(tests, converts_the_misaligned, 0, 8);
    tcase_add_test(tests, converts_every_half);
    tcase_add_test(tests, converts_doubles);
    tcase_add_test(tests, adds_files);
    tcase_add_test(tests, prints_shapes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
