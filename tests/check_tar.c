/* formats/tar: headers in and out, against archives made byte by byte. Extended headers are in
 * check_pax.c. */
#include "tests/tarbytes.h"

static void nothing(struct bytes *b)
{
    (void)b;
}

static void one(struct bytes *b)
{
    put_text(b, "a.txt", "hello");
    put_end(b);
}

static void sizes(struct bytes *b)
{
    static const size_t all[] = { 0, 1, 511, 512, 513, 1023, 1024, 1025, 65535, 65536, 65537 };
    unsigned char *data = calloc(1, 65537);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        put_member(b, "s", data, all[i]);
    free(data);
    put_end(b);
}

static void old_types(struct bytes *b)
{
    put_header(b, "nul", '\0', 0);
    put_header(b, "seven", '7', 0);
    unsigned char *v7 = put_header(b, "v7", '\0', 0);
    memset(v7 + 257, 0, 255); /* no magic: no prefix */
    set_checksum(v7, false);
    unsigned char *gnu = put_header(b, "gnu", '0', 0);
    memcpy(gnu + 257, "ustar  ", 8);
    memcpy(gnu + 345, "12345670123", 11); /* a time where ustar has its prefix */
    set_checksum(gnu, false);
}

static void prefixes(struct bytes *b)
{
    unsigned char *block = put_header(b, "name", '0', 0);
    memcpy(block + 345, "p/q", 3);
    set_checksum(block, false);
    block = put_header(b, "", '0', 0);
    memset(block, 'n', 100);
    memset(block + 345, 'p', 155);
    set_checksum(block, false);
}

static void number_forms(struct bytes *b)
{
    static const char *const forms[] = { "00000000005", "0000000005 ", "    5      ", "5",
        "          5", "", "000000000005" };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        unsigned char *block = put_header(b, "n", '0', 0);
        memset(block + 124, 0, 12);
        memcpy(block + 124, forms[i], strlen(forms[i]));
        set_checksum(block, false);
        if (*forms[i])
            put_padded(b, "12345", 5);
    }
}

static void bad_octal(struct bytes *b)
{
    unsigned char *block = put_header(b, "n", '0', 0);
    memcpy(block + 124, "00000000008", 11);
    set_checksum(block, false);
}

static void base_256(struct bytes *b, const unsigned char field[12])
{
    unsigned char *block = put_header(b, "big", '0', 0);
    memcpy(block + 124, field, 12);
    set_checksum(block, false);
}

static void base_256_small(struct bytes *b)
{
    base_256(b, (const unsigned char[12]){ 0x80, [11] = 5 });
    put_padded(b, "12345", 5);
}

static void base_256_large(struct bytes *b) /* 8 GiB */
{
    base_256(b, (const unsigned char[12]){ 0x80, [7] = 2 });
}

static void base_256_most(struct bytes *b)
{
    base_256(
        b, (const unsigned char[12]){ 0x80, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255 });
}

static void base_256_over(struct bytes *b) /* 2^63 */
{
    base_256(b, (const unsigned char[12]){ 0x80, [4] = 0x80 });
}

static void base_256_wide(struct bytes *b) /* 2^64 */
{
    base_256(b, (const unsigned char[12]){ 0x80, [3] = 1 });
}

static void base_256_negative(struct bytes *b)
{
    unsigned char field[12];
    memset(field, 255, 12);
    base_256(b, field);
}

static void signed_sum(struct bytes *b)
{
    unsigned char *block = put_header(b, "gr\374n.txt", '0', 0);
    set_checksum(block, true);
    put_header(b, "gr\374n.txt", '0', 0);
}

static void wrong_sum(struct bytes *b)
{
    put_header(b, "a", '0', 0)[0] ^= 1;
}

static void no_sum(struct bytes *b)
{
    memset(put_header(b, "a", '0', 0) + 148, 0, 8);
}

static void folders(struct bytes *b)
{
    put_header(b, "d/", '5', 0);
    put_header(b, "d/e", '5', 0);
    put_text(b, "d/e/a", "1");
    put_end(b);
}

static void folder_alone(struct bytes *b)
{
    put_header(b, "d/", '5', 0);
}

#define LINK(name, type)               \
    static void name(struct bytes *b)  \
    {                                  \
        put_header(b, "bad", type, 0); \
    }
LINK(hard_link, '1')
LINK(symbolic_link, '2')
LINK(character_device, '3')
LINK(block_device, '4')
LINK(fifo, '6')
LINK(sparse, 'S')
LINK(volume, 'V')
LINK(control_type, '\1')

static void cut_header(struct bytes *b)
{
    put_header(b, "a", '0', 0);
    b->size = 511;
}

static void garbage(struct bytes *b)
{
    fill_bytes(put(b, NULL, 512), 512, 1);
}

static void nearly_zero(struct bytes *b)
{
    put(b, NULL, 511);
    put(b, "\1", 1);
}

#define S100                                                                           \
    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" \
    "nnnnnnnnnnnnnnnnnnnn"
#define S155                                                                                   \
    "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp" \
    "ppp"                                                                                      \
    "pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp"

static const struct {
    void (*build)(struct bytes *);
    const char *expected;
} archives[] = {
    { nothing, "eof" },
    { one, "a.txt=5;0;0;eof" },
    { sizes, "s=0;s=1;s=511;s=512;s=513;s=1023;s=1024;s=1025;s=65535;s=65536;s=65537;0;0;eof" },
    { old_types, "nul=0;seven=0;v7=0;gnu=0;eof" },
    { prefixes, "p/q/name=0;" S155 "/" S100 "=0;eof" },
    { number_forms, "n=5;n=5;n=5;n=5;n=5;n=0;n=5;eof" },
    { bad_octal, NOT_HEADER },
    { base_256_small, "big=5;eof" },
    { base_256_large, "big=8589934592;short" },
    { base_256_most, "big=9223372036854775807;short" },
    { base_256_over, NOT_HEADER },
    { base_256_wide, NOT_HEADER },
    { base_256_negative, NOT_HEADER },
    { signed_sum, "gr\374n.txt=0;gr\374n.txt=0;eof" },
    { wrong_sum, NOT_HEADER },
    { no_sum, NOT_HEADER },
    { folders, "d/e/a=1;0;0;eof" },
    { folder_alone, CUT },
    { hard_link, "!T: refused: bad is a link" },
    { symbolic_link, "!T: refused: bad is a link" },
    { character_device, "!T: refused: bad is a device" },
    { block_device, "!T: refused: bad is a device" },
    { fifo, "!T: refused: bad is a device" },
    { sparse, "!T: refused: bad is a sparse member" },
    { volume, "!T: refused: bad is a member of unknown type" },
    { control_type, "!T: refused: bad is a member of unknown type" },
    { cut_header, CUT },
    { garbage, NOT_HEADER },
    { nearly_zero, NOT_HEADER },
};

START_TEST(reads)
{
    struct bytes archive = { 0 };
    char text[1024];
    archives[_i].build(&archive);
    walk(&archive, text, sizeof text);
    ck_assert_str_eq(text, archives[_i].expected);
    bytes_free(&archive);
}
END_TEST

/* Writes one member of that name and size, without its payload, and reads it back. */
static struct bytes write_one(const char *name, uint64_t size, int status)
{
    struct output *output = calloc(1, sizeof *output);
    struct error error;
    output->fd = memory_file(NULL, 0);
    output->name = "O";
    ck_assert_int_eq(tar_write_header(output, name, size, &error), status);
    ck_assert_int_eq(output_flush(output, &error), 0);
    struct bytes bytes = memory_bytes(output->fd);
    close(output->fd);
    free(output);
    return bytes;
}

static struct tar_entry read_one(const struct bytes *bytes)
{
    struct input *input = calloc(1, sizeof *input);
    struct tar_entry entry = { 0 };
    struct error error;
    input->fd = memory_file(bytes->data, bytes->size);
    input->name = "T";
    ck_assert_int_eq(tar_read_header(input, &entry, &error), 1);
    ck_assert_uint_eq(input->at, input->end); /* nothing is left */
    close(input->fd);
    free(input);
    return entry;
}

/* Names of "a" with a slash at some places; blocks: headers it takes. */
static const struct {
    size_t length, slashes[3], blocks;
} names[] = {
    { 1, { 0 }, 1 },
    { 99, { 0 }, 1 },
    { 100, { 0 }, 1 },
    { 100, { 50 }, 1 },
    { 101, { 0 }, 3 },
    { 101, { 50 }, 1 },
    { 101, { 1 }, 1 },
    { 102, { 1 }, 1 },
    { 103, { 1 }, 3 },
    { 102, { 100 }, 1 },
    { 255, { 155 }, 1 },
    { 256, { 155 }, 1 },
    { 257, { 155 }, 3 },
    { 256, { 154 }, 3 },
    { 256, { 156 }, 3 },
    { 257, { 156 }, 3 },
    { 255, { 154 }, 1 },
    { 156, { 155 }, 3 }, /* ends with the slash */
    { 157, { 155 }, 1 },
    { 200, { 20, 150, 199 }, 1 },
    { 300, { 100, 200 }, 3 },
    { 483, { 0 }, 3 }, /* a body of 492 bytes */
    { 502, { 0 }, 3 }, /* of 512 */
    { 503, { 0 }, 4 },
    { 89, { 0 }, 1 },
    { 988, { 0 }, 4 },
    { 989, { 0 }, 4 },
    { 990, { 0 }, 4 },
    { 991, { 0 }, 4 }, /* where the length of the length changes */
    { 9989, { 0 }, 22 },
    { TAR_MAX_NAME, { 0 }, 130 },
};

START_TEST(writes_names)
{
    char *name = malloc(names[_i].length + 1);
    memset(name, 'a', names[_i].length);
    name[names[_i].length] = '\0';
    for (size_t i = 0; i < 3 && names[_i].slashes[i] > 0; i++)
        name[names[_i].slashes[i]] = '/';
    struct bytes bytes = write_one(name, 77, 0);
    ck_assert_uint_eq(bytes.size % 512, 0);
    ck_assert_uint_eq(bytes.size / 512, names[_i].blocks);
    struct tar_entry entry = read_one(&bytes);
    ck_assert_str_eq(entry.name, name);
    ck_assert_uint_eq(entry.size, 77);
    free(entry.name);
    bytes_free(&bytes);
    free(name);
}
END_TEST

START_TEST(refuses_name)
{
    char *name = malloc(TAR_MAX_NAME + 2);
    memset(name, 'a', TAR_MAX_NAME + 1);
    name[TAR_MAX_NAME + 1] = '\0';
    struct bytes bytes = write_one(name, 0, BAD_INPUT);
    ck_assert_uint_eq(bytes.size, 0);
    bytes_free(&bytes);
    free(name);
}
END_TEST

static const struct {
    uint64_t size;
    size_t blocks;
} written_sizes[] = { { 0, 1 }, { 1, 1 }, { 511, 1 }, { 512, 1 }, { 513, 1 },
    { (UINT64_C(1) << 32) - 1, 1 }, { UINT64_C(1) << 32, 1 }, { (UINT64_C(1) << 33) - 1, 1 },
    { UINT64_C(1) << 33, 3 }, { (UINT64_C(1) << 33) + 1, 3 }, { INT64_MAX, 3 } };

START_TEST(writes_sizes)
{
    struct bytes bytes = write_one("name", written_sizes[_i].size, 0);
    ck_assert_uint_eq(bytes.size / 512, written_sizes[_i].blocks);
    struct tar_entry entry = read_one(&bytes);
    ck_assert_str_eq(entry.name, "name");
    ck_assert_uint_eq(entry.size, written_sizes[_i].size);
    free(entry.name);
    bytes_free(&bytes);
}
END_TEST

START_TEST(writes_both)
{
    char name[300] = "";
    memset(name, 'b', 299);
    struct bytes bytes = write_one(name, UINT64_C(1) << 40, 0);
    struct tar_entry entry = read_one(&bytes);
    ck_assert_str_eq(entry.name, name);
    ck_assert_uint_eq(entry.size, UINT64_C(1) << 40);
    free(entry.name);
    bytes_free(&bytes);
}
END_TEST

/* The same block as the one put together here. */
START_TEST(writes_ustar)
{
    struct bytes expected = { 0 }, bytes = write_one("dir/cat.jpg", 12345, 0);
    put_header(&expected, "dir/cat.jpg", '0', 12345);
    expected.data[155] = ' ';
    ck_assert_uint_eq(bytes.size, 512);
    ck_assert_mem_eq(bytes.data, expected.data, 512);
    bytes_free(&bytes);
    bytes_free(&expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tar");
    TCase *in = tcase_create("in"), *out = tcase_create("out");
    tcase_add_loop_test(in, reads, 0, sizeof archives / sizeof *archives);
    tcase_add_loop_test(out, writes_names, 0, sizeof names / sizeof *names);
    tcase_add_test(out, refuses_name);
    tcase_add_loop_test(out, writes_sizes, 0, sizeof written_sizes / sizeof *written_sizes);
    tcase_add_test(out, writes_both);
    tcase_add_test(out, writes_ustar);
    suite_add_tcase(suite, in);
    suite_add_tcase(suite, out);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
