/* Reading tensor streams and foreign shards: framing, heads and tails, what is refused. */
#include "tests/streamtext.h"

static void nothing(struct summed *s)
{
    (void)s;
}

static void empty_tar(struct summed *s)
{
    put_end(&s->bytes);
}

static void empty_padded(struct summed *s)
{
    put(&s->bytes, NULL, 10240);
}

static void one_zero_block(struct summed *s)
{
    put(&s->bytes, NULL, 512);
}

static void foreign(struct summed *s)
{
    put_text(&s->bytes, "a.jpg", "1");
    put_text(&s->bytes, "a.cls", "12");
    put_text(&s->bytes, "b.jpg", "123");
    put_end(&s->bytes);
}

static void foreign_no_end(struct summed *s)
{
    put_text(&s->bytes, "a.jpg", "1");
}

static void foreign_half_end(struct summed *s)
{
    put_text(&s->bytes, "a.jpg", "1");
    put(&s->bytes, NULL, 512);
}

static void foreign_padded(struct summed *s)
{
    foreign(s);
    put(&s->bytes, NULL, 20 * 512);
}

static void foreign_odd_padding(struct summed *s)
{
    foreign(s);
    put(&s->bytes, NULL, 100);
}

static void zero_inside(struct summed *s)
{
    put_text(&s->bytes, "a.jpg", "1");
    put(&s->bytes, NULL, 512);
    put_text(&s->bytes, "b.jpg", "1");
    put_end(&s->bytes);
}

static void garbage_behind(struct summed *s)
{
    foreign(s);
    fill_bytes(put(&s->bytes, NULL, 512), 512, 1);
}

static void two_foreign(struct summed *s)
{
    foreign(s);
    put_text(&s->bytes, "c.jpg", "1");
    put_end(&s->bytes);
}

static void same_key_over_archives(struct summed *s)
{
    put_text(&s->bytes, "a.jpg", "1");
    put_end(&s->bytes);
    put_text(&s->bytes, "a.cls", "1");
    put_end(&s->bytes);
}

static void key_returns(struct summed *s)
{
    put_text(&s->bytes, "a.jpg", "1");
    put_text(&s->bytes, "b.jpg", "1");
    put_text(&s->bytes, "a.cls", "1");
    put_end(&s->bytes);
}

static void suffix_twice(struct summed *s)
{
    put_text(&s->bytes, "a.jpg", "1");
    put_text(&s->bytes, "a.jpg", "1");
    put_end(&s->bytes);
}

static void foreign_skips(struct summed *s) /* what has no suffix parts no sample */
{
    put_text(&s->bytes, "a.jpg", "1");
    put_text(&s->bytes, "README", "a file of no sample");
    put_text(&s->bytes, "dir/.hidden", "1");
    put_text(&s->bytes, "dot.", "1");
    put_text(&s->bytes, "__stream__", "1");
    put_text(&s->bytes, "a.cls", "1");
    put_end(&s->bytes);
}

static void skip_cut(struct summed *s)
{
    put_header(&s->bytes, "README", '0', 10000);
    put(&s->bytes, NULL, 9999);
}

static void foreign_stream_member(struct summed *s)
{
    put_text(&s->bytes, "a.jpg", "1");
    put_text(&s->bytes, "__stream__/note", "1");
    put_text(&s->bytes, "b.jpg", "1");
    put_end(&s->bytes);
}

static void foreign_bad(struct summed *s)
{
    put_text(&s->bytes, "a.__bad__", "{}");
    put_text(&s->bytes, "b.jpg", "1");
    put_end(&s->bytes);
}

static void foreign_tail(struct summed *s)
{
    put_text(&s->bytes, "a.jpg", "1");
    put_tail(s, 1, 0, 1);
    put_end(&s->bytes);
}

static void tail_alone(struct summed *s)
{
    put_tail(s, 0, 0, 0);
    put_end(&s->bytes);
}

static void headed_empty(struct summed *s)
{
    put_head(s);
    put_tail(s, 0, 0, 0);
    put_end(&s->bytes);
}

static void headed(struct summed *s)
{
    put_head(s);
    put_summed(s, "__stream__/model", "{}", 2);
    put_summed(s, "a.jpg", "123", 3);
    put_summed(s, "a.cls", "1", 1);
    put_summed(s, "x/b.__bad__", "{}", 2);
    put_summed(s, "__stream__/other", NULL, 0);
    put_summed(s, "c.d.e.f", "1234", 4);
    put_tail(s, 3, 1, 4);
    put_end(&s->bytes);
}

static void headed_padded(struct summed *s)
{
    headed(s);
    put(&s->bytes, NULL, 10240);
}

static void headed_with_folder(struct summed *s)
{
    put_head(s);
    put_header(&s->bytes, "x/", '5', 0);
    put_summed(s, "x/a.cls", "1", 1);
    put_tail(s, 1, 0, 1);
    put_end(&s->bytes);
}

static void headed_no_tail(struct summed *s)
{
    put_head(s);
    put_summed(s, "a.cls", "1", 1);
    put_end(&s->bytes);
}

static void headed_cut(struct summed *s)
{
    put_head(s);
    put_summed(s, "a.cls", "1", 1);
}

static void tail_no_end(struct summed *s)
{
    put_head(s);
    put_tail(s, 0, 0, 0);
}

static void tail_half_end(struct summed *s)
{
    put_head(s);
    put_tail(s, 0, 0, 0);
    put(&s->bytes, NULL, 512);
}

static void second_head(struct summed *s)
{
    put_head(s);
    put_summed(s, "a.cls", "1", 1);
    put_head(s);
    put_tail(s, 1, 0, 1);
    put_end(&s->bytes);
}

static void second_tail(struct summed *s)
{
    put_head(s);
    put_tail(s, 0, 0, 0);
    put_tail(s, 0, 0, 0);
    put_end(&s->bytes);
}

static void behind_tail(struct summed *s)
{
    put_head(s);
    put_tail(s, 0, 0, 0);
    put_text(&s->bytes, "a.cls", "1");
    put_end(&s->bytes);
}

static void head_behind_tail(struct summed *s)
{
    put_head(s);
    put_tail(s, 0, 0, 0);
    put_head(s);
    put_tail(s, 0, 0, 0);
    put_end(&s->bytes);
}

static void wrong_crc(struct summed *s)
{
    put_head(s);
    put_summed(s, "a.cls", "1", 1);
    s->crc ^= 1;
    put_tail(s, 1, 0, 1);
    put_end(&s->bytes);
}

#define WRONG(name, samples, bad, members)   \
    static void name(struct summed *s)       \
    {                                        \
        put_head(s);                         \
        put_summed(s, "a.cls", "1", 1);      \
        put_summed(s, "b.__bad__", "{}", 2); \
        put_tail(s, samples, bad, members);  \
        put_end(&s->bytes);                  \
    }
WRONG(right_counts, 2, 1, 2)
WRONG(wrong_samples, 1, 1, 2)
WRONG(wrong_bad, 2, 0, 2)
WRONG(wrong_members, 2, 1, 3)
WRONG(negative_members, 2, 1, -2)

#define HEADED(name, member)           \
    static void name(struct summed *s) \
    {                                  \
        put_head(s);                   \
        put_summed(s, member, "1", 1); \
        put_tail(s, 1, 0, 1);          \
        put_end(&s->bytes);            \
    }
HEADED(dotless, "README")
HEADED(no_key, "x/.cls")
HEADED(no_suffix, "a.")
HEADED(illegal_space, "a b.cls")
HEADED(illegal_dots, "../a.cls")
HEADED(illegal_folder_dot, "v1.0/a.cls")
HEADED(illegal_slash, "/a.cls")
HEADED(illegal_empty, "a//b.cls")
HEADED(illegal_reserved, "__x__/b.cls")
HEADED(illegal_stream, "__stream__.cls")
HEADED(illegal_byte, "gr\374n.cls")
HEADED(stream_nameless, "__stream__/")

static const struct {
    void (*build)(struct summed *);
    const char *expected;
} streams[] = {
    { nothing, "!T: truncated: no bytes at all" },
    { empty_tar, "end" },
    { empty_padded, "end" },
    { one_zero_block, "!T: truncated: one zero block at the end instead of two" },
    { foreign, "a jpg:1,cls:2;b jpg:3;end" },
    { foreign_no_end, "!T: truncated: has no end marker (two zero blocks)" },
    { foreign_half_end, "!T: truncated: one zero block at the end instead of two" },
    { foreign_padded, "a jpg:1,cls:2;b jpg:3;end" },
    { foreign_odd_padding, "a jpg:1,cls:2;!T: truncated: ends inside a member or its header" },
    { zero_inside, "!T: corrupt: one zero block between members" },
    { garbage_behind, "a jpg:1,cls:2;!T: corrupt: not a tar header where one is due" },
    { two_foreign, "a jpg:1,cls:2;b jpg:3;c jpg:1;end" },
    { same_key_over_archives,
        "a jpg:1;!T: key a returns: join shards with preprocess --prefix-shard" },
    { key_returns,
        "a jpg:1;b jpg:1;!T: key a returns: join shards with preprocess --prefix-shard" },
    { suffix_twice, "!T: a: a second jpg in one sample: join shards with preprocess "
                    "--prefix-shard" },
    { foreign_skips, "a jpg:1,cls:1;end" },
    { skip_cut, "!T: truncated: ends inside README" },
    { foreign_stream_member, "a jpg:1;__stream__ note:1;b jpg:1;end" },
    { foreign_bad, "a __bad__:2;!b jpg:1;end" },
    { foreign_tail, "!T: corrupt: a tail without a head" },
    { tail_alone, "!T: corrupt: a tail without a head" },
    { headed_empty, "end" },
    { headed, "__stream__ model:2;a jpg:3,cls:1;x/b __bad__:2;!__stream__ other:0;c "
              "d.e.f:4;end" },
    { headed_padded, "__stream__ model:2;a jpg:3,cls:1;x/b __bad__:2;!__stream__ other:0;c "
                     "d.e.f:4;end" },
    { headed_with_folder, "x/a cls:1;end" },
    { headed_no_tail, "!T: truncated: has a head and no tail" },
    { headed_cut, "!T: truncated: has a head and no tail" },
    { tail_no_end, "!T: truncated: has no end marker (two zero blocks)" },
    { tail_half_end, "!T: truncated: one zero block at the end instead of two" },
    { second_head, "!T: truncated: a second head before a tail" },
    { second_tail, "!T: corrupt: a member behind the tail" },
    { behind_tail, "!T: corrupt: a member behind the tail" },
    { head_behind_tail, "!T: corrupt: a member behind the tail" },
    { wrong_crc, "!T: corrupt: wrong CRC-32" },
    { right_counts, "a cls:1;b __bad__:2;!end" },
    { wrong_samples, "a cls:1;!T: corrupt: the tail counts other samples or members" },
    { wrong_bad, "a cls:1;!T: corrupt: the tail counts other samples or members" },
    { wrong_members, "a cls:1;!T: corrupt: the tail counts other samples or members" },
    { negative_members, "a cls:1;!T: corrupt: the tail counts other samples or members" },
    { dotless, "!T: corrupt: README is no KEY.suffix" },
    { no_key, "!T: corrupt: x/.cls is no KEY.suffix" },
    { no_suffix, "!T: corrupt: a. is no KEY.suffix" },
    { illegal_space, "!T: corrupt: illegal key in a b.cls" },
    { illegal_dots, "!T: corrupt: illegal key in ../a.cls" },
    { illegal_folder_dot, "!T: corrupt: illegal key in v1.0/a.cls" },
    { illegal_slash, "!T: corrupt: illegal key in /a.cls" },
    { illegal_empty, "!T: corrupt: illegal key in a//b.cls" },
    { illegal_reserved, "!T: corrupt: illegal key in __x__/b.cls" },
    { illegal_stream, "!T: corrupt: illegal key in __stream__.cls" },
    { illegal_byte, "!T: corrupt: illegal key in gr\374n.cls" },
    { stream_nameless, "!T: corrupt: a member __stream__/ without a name" },
};

START_TEST(reads_framing)
{
    struct summed stream = { 0 };
    struct text text = { 0 };
    streams[_i].build(&stream);
    const int status = describe(stream.bytes.data, stream.bytes.size, false, &text);
    ck_assert_str_eq(text.at, streams[_i].expected);
    ck_assert_int_eq(status, strstr(text.at, "T: ") ? BAD_INPUT : 0);
    free(text.at);
    bytes_free(&stream.bytes);
}
END_TEST

#define NO_HEAD "!T: corrupt: head or tail is not a JSON object"
#define OTHER_HEAD "!T: corrupt: head is not a tensor stream's"
static const struct {
    const char *head, *expected;
} heads[] = {
    { HEAD, "end" },
    { "{\"format\":\"tensorstream\",\"version\":1,\"pg\":[1,null],\"more\":{}}", "end" },
    { "", NO_HEAD },
    { "[]", NO_HEAD },
    { "{", NO_HEAD },
    { "{} x", NO_HEAD },
    { "null", NO_HEAD },
    { "{\"a\":1,\"a\":1}", NO_HEAD },
    { "{}", OTHER_HEAD },
    { "{\"format\":\"x\",\"version\":1,\"pg\":[]}", OTHER_HEAD },
    { "{\"format\":1,\"version\":1,\"pg\":[]}", OTHER_HEAD },
    { "{\"format\":\"tensorstream\",\"version\":1,\"pg\":{}}", OTHER_HEAD },
    { "{\"format\":\"tensorstream\",\"version\":1}", OTHER_HEAD },
    { "{\"format\":\"tensorstream\",\"version\":2,\"pg\":[]}",
        "!T: refused: version 2 of the tensor stream" },
    { "{\"format\":\"tensorstream\",\"version\":\"1\",\"pg\":[]}",
        "!T: refused: version 0 of the tensor stream" },
};

START_TEST(reads_heads)
{
    struct summed stream = { 0 };
    struct text text = { 0 };
    put_text(&stream.bytes, STREAM_KEY "/head", heads[_i].head);
    put_tail(&stream, 0, 0, 0);
    put_end(&stream.bytes);
    describe(stream.bytes.data, stream.bytes.size, false, &text);
    ck_assert_str_eq(text.at, heads[_i].expected);
    free(text.at);
    bytes_free(&stream.bytes);
}
END_TEST

#define NO_COUNTS "!T: corrupt: the tail counts other samples or members"
static const struct {
    const char *tail, *expected;
} tails[] = {
    { "{\"samples\":0,\"bad\":0,\"members\":0,\"crc32\":0}", "end" },
    { "{\"crc32\":0,\"members\":0,\"samples\":0,\"bad\":0,\"more\":1}", "end" },
    { "{\"samples\":0,\"bad\":0,\"members\":0}", "!T: corrupt: wrong CRC-32" },
    { "{\"samples\":0,\"bad\":0,\"members\":0,\"crc32\":0.0}", "!T: corrupt: wrong CRC-32" },
    { "{\"samples\":0,\"bad\":0,\"members\":0,\"crc32\":4294967296}",
        "!T: corrupt: wrong CRC-32" },
    { "{\"samples\":0,\"bad\":0,\"crc32\":0}", NO_COUNTS },
    { "{\"samples\":0,\"bad\":null,\"members\":0,\"crc32\":0}", NO_COUNTS },
    { "{\"samples\":\"0\",\"bad\":0,\"members\":0,\"crc32\":0}", NO_COUNTS },
    { "", NO_HEAD },
    { "[]", NO_HEAD },
    { "{\"samples\":0,\"samples\":0,\"bad\":0,\"members\":0,\"crc32\":0}", NO_HEAD },
};

START_TEST(reads_tails)
{
    struct summed stream = { 0 };
    struct text text = { 0 };
    put_head(&stream);
    put_text(&stream.bytes, STREAM_KEY "/tail", tails[_i].tail);
    put_end(&stream.bytes);
    describe(stream.bytes.data, stream.bytes.size, false, &text);
    ck_assert_str_eq(text.at, tails[_i].expected);
    free(text.at);
    bytes_free(&stream.bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *framing = tcase_create("framing");
    tcase_add_loop_test(framing, reads_framing, 0, sizeof streams / sizeof *streams);
    tcase_add_loop_test(framing, reads_heads, 0, sizeof heads / sizeof *heads);
    tcase_add_loop_test(framing, reads_tails, 0, sizeof tails / sizeof *tails);
    suite_add_tcase(suite, framing);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
