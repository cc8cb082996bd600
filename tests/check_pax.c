/* formats/tar: what extended headers (pax x and g, GNU L) say of the next file. */
#include "tests/tarbytes.h"

static void long_name(struct bytes *b)
{
    put_extended(b, 'L', "long/name", 10);
    put_text(b, "short", "1");
    put_extended(b, 'L', "unterminated", 12);
    put_text(b, "short", "1");
    put_text(b, "after", "1");
}

static void pax(struct bytes *b)
{
    put_extended(b, 'x', "17 path=new/name\n12 size=513\n", 29);
    put_header(b, "old", '0', 0);
    put(b, NULL, 1024);
    put_text(b, "next", "1");
    put_extended(b, 'x', "27 mtime=1234567890.123456\n5 a=\n12 path=eq=\n", 44);
    put_text(b, "old", "1");
}

static void pax_and_folder(struct bytes *b) /* what it says is for the folder */
{
    put_extended(b, 'x', "12 path=new\n", 12);
    put_header(b, "d/", '5', 0);
    put_text(b, "a", "1");
}

static void pax_order(struct bytes *b)
{
    put_extended(b, 'L', "by-L", 5);
    put_extended(b, 'x', "13 path=by-x\n", 13);
    put_text(b, "a", "1");
}

static void pax_nul(struct bytes *b)
{
    put_extended(b, 'x', "13 path=by-x\n\0\0\0\0", 17);
    put_text(b, "a", "1");
}

static void pax_global(struct bytes *b)
{
    put_extended(b, 'g', "13 comment=x\n", 13);
    put_text(b, "a", "1");
    put_end(b);
}

static void pax_global_path(struct bytes *b)
{
    put_extended(b, 'g', "9 path=x\n", 9);
}

static void pax_global_size(struct bytes *b)
{
    put_extended(b, 'g', "9 size=1\n", 9);
}

static void pax_global_alone(struct bytes *b)
{
    put_extended(b, 'g', "13 comment=x\n", 13);
}

static void pax_alone(struct bytes *b)
{
    put_extended(b, 'x', "9 path=x\n", 9);
}

static void pax_then_end(struct bytes *b)
{
    put_extended(b, 'x', "9 path=x\n", 9);
    put_end(b);
}

static void pax_cut(struct bytes *b)
{
    put_header(b, "x", 'x', 600);
    put(b, "9 path=x\n", 9);
}

static void pax_cut_padding(struct bytes *b)
{
    put_header(b, "x", 'x', 9);
    put(b, "9 path=x\n", 9);
}

static void pax_long(struct bytes *b, size_t size)
{
    char *body = malloc(size + 1);
    const int n = snprintf(body, size + 1, "%zu comment=", size);
    memset(body + n, 'c', size - (size_t)n);
    body[size - 1] = '\n';
    put_extended(b, 'x', body, size);
    free(body);
    put_text(b, "a", "1");
}

static void pax_most(struct bytes *b)
{
    pax_long(b, TAR_MAX_EXTENDED);
}

static void pax_over(struct bytes *b)
{
    pax_long(b, TAR_MAX_EXTENDED + 1);
}

static void pax_sparse(struct bytes *b)
{
    put_extended(b, 'x', "22 GNU.sparse.major=1\n", 22);
    put_text(b, "a", "1");
}

static void link_long(struct bytes *b)
{
    put_extended(b, 'K', "target", 7);
}

#define BAD_PAX "!T: corrupt: pax header"
#define BAD_SIZE "!T: corrupt: pax size is not a number"

static const struct {
    void (*build)(struct bytes *);
    const char *expected;
} archives[] = {
    { long_name, "long/name=1;unterminated=1;after=1;eof" },
    { pax, "new/name=513;next=1;eq==1;eof" },
    { pax_and_folder, "a=1;eof" },
    { pax_order, "by-x=1;eof" },
    { pax_nul, "by-x=1;eof" },
    { pax_global, "a=1;0;0;eof" },
    { pax_global_path, "!T: refused: a global path for every member" },
    { pax_global_size, "!T: refused: a global size for every member" },
    { pax_global_alone, CUT },
    { pax_alone, CUT },
    { pax_then_end, CUT },
    { pax_cut, CUT },
    { pax_cut_padding, CUT },
    { pax_most, "a=1;eof" },
    { pax_over, "!T: corrupt: extended header of 65537 bytes" },
    { pax_sparse, "!T: refused: a sparse member" },
    { link_long, "!T: refused: ././@Extended is a link" },
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

static const struct {
    const char *body, *expected;
} pax_bodies[] = {
    { "", "a=1;eof" },
    { "9 path=x\n", "x=1;eof" },
    { "09 path=x\n", BAD_PAX },
    { "010 path=x\n", BAD_PAX },
    { "0000011 path=x\n", BAD_PAX },
    { "0000015 path=x\n", "x=1;eof" },
    { "8 path=x\n", BAD_PAX },
    { "10 path=x\n", "x=1;eof" },
    { "11 path=x\n", BAD_PAX },
    { "9999 path=x\n", BAD_PAX },
    { "99999999999999999999999 path=x\n", BAD_PAX },
    { "-9 path=x\n", BAD_PAX },
    { " 9 path=x\n", BAD_PAX },
    { "9\tpath=x\n", BAD_PAX },
    { "9 pathxx\n", BAD_PAX },
    { "9 path=x\nz", BAD_PAX },
    { "4 a=\n", BAD_PAX },
    { "5 a=\n", "a=1;eof" },
    { "0 a=\n", BAD_PAX },
    { "x", BAD_PAX },
    { "9 size=1\n", "a=1;eof" },
    { "10 size=01\n", BAD_PAX },
    { "9 size=x\n", BAD_SIZE },
    { "9 size=-\n", BAD_SIZE },
    { "10 size=-1\n", BAD_PAX },
    { "11 size=-1\n", BAD_SIZE },
    { "8 size=\n", BAD_SIZE },
    { "11 size=1x\n", BAD_SIZE },
    { "11 size= 1\n", BAD_SIZE },
    { "28 size=9223372036854775807\n", "a=9223372036854775807;short" },
    { "28 size=9223372036854775808\n", BAD_SIZE },
    { "30 size=999999999999999999999\n", BAD_SIZE },
    { "20 size=10000000000\n", "a=10000000000;short" },
    { "9 path=x\n9 path=y\n", "y=1;eof" },
    { "17 GNU.sparse.a=\n", "!T: refused: a sparse member" },
    { "11 xpath=z\n", "a=1;eof" },
    { "8 path=\n", "=1;eof" },
};

START_TEST(parses_pax)
{
    struct bytes archive = { 0 };
    char text[1024];
    put_extended(&archive, 'x', pax_bodies[_i].body, strlen(pax_bodies[_i].body));
    put_text(&archive, "a", "1");
    walk(&archive, text, sizeof text);
    ck_assert_msg(
        strcmp(text, pax_bodies[_i].expected) == 0, "%s: %s", pax_bodies[_i].body, text);
    bytes_free(&archive);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pax");
    TCase *in = tcase_create("in");
    tcase_add_loop_test(in, reads, 0, sizeof archives / sizeof *archives);
    tcase_add_loop_test(in, parses_pax, 0, sizeof pax_bodies / sizeof *pax_bodies);
    suite_add_tcase(suite, in);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
