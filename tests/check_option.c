/* common/option: command lines, numbers, lists, -h. */
#include "common/option.h"

#include <check.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct own {
    const char *layers, *model;
    struct texts drops;
    uint64_t count;
    double fraction;
    int fit;
    bool keep;
};

struct common {
    const char *output;
    uint64_t threads;
    bool verbose;
};

static const struct option_row rows[] = {
    { 'l', "layers", OPTION_TEXT, "LIST",
        "which layers to take, with a text so long that -h "
        "has to put it on several lines",
        offsetof(struct own, layers), 0, 0, false },
    { 'm', "model", OPTION_PATH, "MODEL", "which model", offsetof(struct own, model), 0, 0,
        false },
    { 0, "drop", OPTION_TEXTS, "GLOB", "drop members", offsetof(struct own, drops), 0, 0,
        false },
    { 'n', "count", OPTION_COUNT, "N", "how many", offsetof(struct own, count), 1, 100, false },
    { 0, "fraction", OPTION_NUMBER, "F", "how much", offsetof(struct own, fraction), -1, 1,
        false },
    { 0, "fit", OPTION_CHOICE, "crop|squash|pad-all-around", "what to do",
        offsetof(struct own, fit), 0, 0, false },
    { 'k', "keep", OPTION_FLAG, NULL, "keep it", offsetof(struct own, keep), 0, 0, false },
    OPTION_END,
};

static const struct option_row common_rows[] = {
    { 'o', "output", OPTION_PATH, "FILE", "where to", offsetof(struct common, output), 0, 0,
        true },
    { 'j', "threads", OPTION_COUNT, "N", "threads", offsetof(struct common, threads), 1, 4096,
        true },
    { 'v', "verbose", OPTION_FLAG, NULL, "say more", offsetof(struct common, verbose), 0, 0,
        true },
    OPTION_END,
};

enum { WORDS = 10 };

/* expected: "layers|model|drops,|count|fraction|fit|keep|output|threads|verbose", then the
 * operands after " : ", then what is recorded. Or "!" and the message. */
static const struct {
    const char *words[WORDS];
    const char *expected;
} lines[] = {
    { { NULL }, "-|-||0|0|0|0|-|0|0 : : []" },
    { { "file" }, "-|-||0|0|0|0|-|0|0 : file : []" },
    { { "-" }, "-|-||0|0|0|0|-|0|0 : - : []" },
    { { "a", "b", "c" }, "-|-||0|0|0|0|-|0|0 : a,b,c : []" },
    { { "-l", "0-5" }, "0-5|-||0|0|0|0|-|0|0 : : [\"--layers=0-5\"]" },
    { { "-l0-5" }, "0-5|-||0|0|0|0|-|0|0 : : [\"--layers=0-5\"]" },
    { { "--layers", "0" }, "0|-||0|0|0|0|-|0|0 : : [\"--layers=0\"]" },
    { { "--layers=0" }, "0|-||0|0|0|0|-|0|0 : : [\"--layers=0\"]" },
    { { "--layers=" }, "|-||0|0|0|0|-|0|0 : : [\"--layers=\"]" },
    { { "-l", "-1" }, "-1|-||0|0|0|0|-|0|0 : : [\"--layers=-1\"]" },
    { { "-l", "-k" }, "-k|-||0|0|0|0|-|0|0 : : [\"--layers=-k\"]" },
    { { "-l", "1", "-l", "2" }, "2|-||0|0|0|0|-|0|0 : : [\"--layers=1\",\"--layers=2\"]" },
    { { "a", "-k", "b" }, "-|-||0|0|0|1|-|0|0 : a,b : [\"--keep\"]" },
    { { "a", "-l", "1", "b", "-k", "c" },
        "1|-||0|0|0|1|-|0|0 : a,b,c : [\"--layers=1\",\"--keep\"]" },
    { { "--", "-k", "a" }, "-|-||0|0|0|0|-|0|0 : -k,a : []" },
    { { "-k", "--" }, "-|-||0|0|0|1|-|0|0 : : [\"--keep\"]" },
    { { "--", "--" }, "-|-||0|0|0|0|-|0|0 : -- : []" },
    { { "a", "--", "-k", "--", "b" }, "-|-||0|0|0|0|-|0|0 : a,-k,--,b : []" },
    { { "-l", "--", "a", "-k" }, "--|-||0|0|0|1|-|0|0 : a : [\"--layers=--\",\"--keep\"]" },
    { { "--layers", "--", "a", "-k" },
        "--|-||0|0|0|1|-|0|0 : a : [\"--layers=--\",\"--keep\"]" },
    { { "-kv", "a" }, "-|-||0|0|0|1|-|0|1 : a : [\"--keep\"]" },
    { { "-kl3", "a" }, "3|-||0|0|0|1|-|0|0 : a : [\"--keep\",\"--layers=3\"]" },
    { { "-o", "/x/y.tar", "-j", "3", "-v" }, "-|-||0|0|0|0|/x/y.tar|3|1 : : []" },
    { { "-m", "/x/y.pth" }, "-|/x/y.pth||0|0|0|0|-|0|0 : : [\"--model=y.pth\"]" },
    { { "-m", "y.pth" }, "-|y.pth||0|0|0|0|-|0|0 : : [\"--model=y.pth\"]" },
    { { "-m", "/x/y/" }, "-|/x/y/||0|0|0|0|-|0|0 : : [\"--model=y\"]" },
    { { "-m", "x/y//" }, "-|x/y//||0|0|0|0|-|0|0 : : [\"--model=y\"]" },
    { { "-m", "/" }, "-|/||0|0|0|0|-|0|0 : : [\"--model=\"]" },
    { { "-m", "" }, "-|||0|0|0|0|-|0|0 : : [\"--model=\"]" },
    { { "-m", "gr\374n" }, "-|gr\374n||0|0|0|0|-|0|0 : : [\"--model=?\"]" },
    { { "--drop", "a", "--drop=b" }, "-|-|a,b,|0|0|0|0|-|0|0 : : [\"--drop=a\",\"--drop=b\"]" },
    { { "-n", "1" }, "-|-||1|0|0|0|-|0|0 : : [\"--count=1\"]" },
    { { "-n", "100" }, "-|-||100|0|0|0|-|0|0 : : [\"--count=100\"]" },
    { { "--fraction", "-0.5" }, "-|-||0|-0.5|0|0|-|0|0 : : [\"--fraction=-0.5\"]" },
    { { "--fit", "crop" }, "-|-||0|0|0|0|-|0|0 : : [\"--fit=crop\"]" },
    { { "--fit", "pad-all-around" }, "-|-||0|0|2|0|-|0|0 : : [\"--fit=pad-all-around\"]" },
    { { "--ver" }, "-|-||0|0|0|0|-|0|1 : : []" }, /* cut short, as getopt_long allows */
    { { "-x" }, "!-x: no such option: see -h" },
    { { "-kx" }, "!-x: no such option: see -h" },
    { { "--nothing" }, "!--nothing: no such option: see -h" },
    { { "a", "b", "--nothing=3", "c" }, "!--nothing=3: no such option: see -h" },
    { { "-l" }, "!-l: needs an argument: see -h" },
    { { "-kl" }, "!-l: needs an argument: see -h" },
    { { "--layers" }, "!--layers: needs an argument: see -h" },
    { { "a", "--output" }, "!--output: needs an argument: see -h" },
    { { "--keep=yes" }, "!--keep=yes: takes no argument: see -h" },
    { { "--f", "x" }, "!--f: no such option: see -h" }, /* fraction or fit */
    { { "-n", "0" }, "!--count 0: takes a whole number from 1 to 100" },
    { { "-n", "101" }, "!--count 101: takes a whole number from 1 to 100" },
    { { "-n", "" }, "!--count : takes a whole number from 1 to 100" },
    { { "-j", "5000" }, "!--threads 5000: takes a whole number from 1 to 4096" },
    { { "--fraction", "2" }, "!--fraction 2: takes a number from -1 to 1" },
    { { "--fit", "cro" }, "!--fit cro: takes one of crop|squash|pad-all-around" },
    { { "--fit", "" }, "!--fit : takes one of crop|squash|pad-all-around" },
    { { "--fit", "crop|squash" },
        "!--fit crop|squash: takes one of crop|squash|pad-all-around" },
};

static void print_or_dash(FILE *file, const char *text)
{
    fprintf(file, "%s|", text ? text : "-");
}

START_TEST(parses_lines)
{
    char *argv[WORDS + 2] = { (char *)"program" }, *result = NULL;
    struct own own = { 0 };
    struct common common = { 0 };
    struct error error;
    size_t size;
    int argc = 1;
    for (; argc <= WORDS && lines[_i].words[argc - 1]; argc++)
        argv[argc] = (char *)lines[_i].words[argc - 1];
    json_t *args = json_array();
    const int count = options_parse(rows, &own, common_rows, &common, argc, argv, args, &error);
    FILE *file = open_memstream(&result, &size);
    if (count < 0) {
        ck_assert_int_eq(count, BAD_USAGE);
        fprintf(file, "!%s", error.text);
    } else {
        print_or_dash(file, own.layers);
        print_or_dash(file, own.model);
        for (size_t i = 0; i < own.drops.count; i++)
            fprintf(file, "%s,", own.drops.items[i]);
        fprintf(file, "|%d|%g|%d|%d|", (int)own.count, own.fraction, own.fit, own.keep);
        print_or_dash(file, common.output);
        fprintf(file, "%d|%d : ", (int)common.threads, common.verbose);
        for (int i = 0; i < count; i++)
            fprintf(file, i ? ",%s" : "%s", argv[i + 1]);
        ck_assert_ptr_null(argv[count + 1]);
        char *recorded = json_dumps(args, JSON_COMPACT);
        fprintf(file, "%s: %s", count ? " " : "", recorded);
        free(recorded);
    }
    fclose(file);
    ck_assert_str_eq(result, lines[_i].expected);
    free(result);
    free(own.drops.items);
    json_decref(args);
}
END_TEST

static const struct {
    const char *text;
    double low, high;
    int status;
    uint64_t value;
} counts[] = {
    { "0", 0, 10, 0, 0 },
    { "10", 0, 10, 0, 10 },
    { "007", 0, 10, 0, 7 },
    { "18446744073709551615", 0, 1.8446744073709552e19, 0, UINT64_MAX },
    { "18446744073709551616", 0, DBL_MAX, BAD_USAGE, 0 },
    { "11", 0, 10, BAD_USAGE, 0 },
    { "0", 1, 10, BAD_USAGE, 0 },
    { "-1", 0, 10, BAD_USAGE, 0 },
    { "+1", 0, 10, BAD_USAGE, 0 },
    { " 1", 0, 10, BAD_USAGE, 0 },
    { "1 ", 0, 10, BAD_USAGE, 0 },
    { "1.0", 0, 10, BAD_USAGE, 0 },
    { "1e1", 0, 10, BAD_USAGE, 0 },
    { "0x1", 0, 10, BAD_USAGE, 0 },
    { "", 0, 10, BAD_USAGE, 0 },
    { "x", 0, 10, BAD_USAGE, 0 },
};

START_TEST(parses_counts)
{
    uint64_t value = 0;
    struct error error;
    ck_assert_int_eq(
        parse_count("-n", counts[_i].text, counts[_i].low, counts[_i].high, &value, &error),
        counts[_i].status);
    ck_assert_uint_eq(value, counts[_i].value);
}
END_TEST

static const struct {
    const char *text;
    int status;
    double value;
} numbers[] = {
    { "0", 0, 0 },
    { "-1", 0, -1 },
    { "1", 0, 1 },
    { ".5", 0, .5 },
    { "5e-1", 0, .5 },
    { "+1", 0, 1 },
    { "1.0000001", BAD_USAGE, 0 },
    { "nan", BAD_USAGE, 0 },
    { "inf", BAD_USAGE, 0 },
    { "-inf", BAD_USAGE, 0 },
    { "1e999", BAD_USAGE, 0 },
    { "", BAD_USAGE, 0 },
    { " 1", BAD_USAGE, 0 },
    { "1 ", BAD_USAGE, 0 },
    { "1x", BAD_USAGE, 0 },
    { "x", BAD_USAGE, 0 },
    { "1,1", BAD_USAGE, 0 },
};

START_TEST(parses_numbers)
{
    double value = 0;
    struct error error;
    ck_assert_int_eq(
        parse_number("-x", numbers[_i].text, -1, 1, &value, &error), numbers[_i].status);
    ck_assert_double_eq(value, numbers[_i].value);
}
END_TEST

static const struct {
    const char *text;
    char separator;
    size_t count;
    int status;
    double values[3];
} several[] = {
    { "1,2,3", ',', 3, 0, { 1, 2, 3 } },
    { "0.5,0.25,1e1", ',', 3, 0, { .5, .25, 10 } },
    { "4x7", 'x', 2, 0, { 4, 7 } },
    { "3", ',', 1, 0, { 3 } },
    { "1,2", ',', 3, BAD_USAGE, { 0 } },
    { "1,2,", ',', 3, BAD_USAGE, { 0 } },
    { "1,2,3,", ',', 3, BAD_USAGE, { 0 } },
    { "1,2,3,4", ',', 3, BAD_USAGE, { 0 } },
    { ",1,2", ',', 3, BAD_USAGE, { 0 } },
    { "1, 2,3", ',', 3, BAD_USAGE, { 0 } },
    { "1;2;3", ',', 3, BAD_USAGE, { 0 } },
    { "1,nan,3", ',', 3, BAD_USAGE, { 0 } },
    { "1,11,3", ',', 3, BAD_USAGE, { 0 } },
    { "", ',', 3, BAD_USAGE, { 0 } },
};

START_TEST(parses_several)
{
    double values[3];
    struct error error;
    const int status = parse_numbers("--mean", several[_i].text, several[_i].separator,
        several[_i].count, 0, 10, values, &error);
    ck_assert_int_eq(status, several[_i].status);
    for (size_t i = 0; status == 0 && i < several[_i].count; i++)
        ck_assert_double_eq(values[i], several[_i].values[i]);
}
END_TEST

/* Lists of 12; wanted as a string of 0 and 1, or NULL where it is refused. form: whether it
 * could be one of another count. */
static const struct {
    const char *text, *wanted;
    bool form;
} lists[] = {
    { "all", "111111111111", true },
    { "0", "100000000000", true },
    { "11", "000000000001", true },
    { "-1", "000000000001", true },
    { "-12", "100000000000", true },
    { "0-5", "111111000000", true },
    { "6-", "000000111111", true },
    { "11-", "000000000001", true },
    { "0-", "111111111111", true },
    { "3-3", "000100000000", true },
    { "0,2,-1", "101000000001", true },
    { "0-1,3-4,10-", "110110000011", true },
    { "1,1,0-2", "111000000000", true },
    { "12", NULL, true },
    { "-13", NULL, true },
    { "0-12", NULL, true },
    { "12-", NULL, true },
    { "0,12", NULL, true },
    { "9999999999999999999999", NULL, true },
    { "9999999999999999999999-", NULL, true },
    { "-9999999999999999999999", NULL, true },
    { "0-9999999999999999999999", NULL, true },
    { "", NULL, false },
    { ",", NULL, false },
    { "1,", NULL, false },
    { ",1", NULL, false },
    { "1,,2", NULL, false },
    { "5-3", NULL, false },
    { "-3-5", NULL, false },
    { "-3-", NULL, false },
    { "1--3", NULL, false },
    { "--1", NULL, false },
    { "-", NULL, false },
    { "a", NULL, false },
    { "1a", NULL, false },
    { "1-a", NULL, false },
    { "1 ", NULL, false },
    { " 1", NULL, false },
    { "+1", NULL, false },
    { "1.5", NULL, false },
    { "all,1", NULL, false },
    { "ALL", NULL, false },
};

START_TEST(parses_lists)
{
    struct error error;
    bool wanted[12];
    char text[13] = "";
    const int status = parse_list("-l", lists[_i].text, 12, wanted, &error);
    ck_assert_int_eq(status, lists[_i].wanted ? 0 : BAD_USAGE);
    if (status == 0) {
        for (int i = 0; i < 12; i++)
            text[i] = wanted[i] ? '1' : '0';
        ck_assert_str_eq(text, lists[_i].wanted);
    }
    ck_assert_int_eq(check_list("-l", lists[_i].text, &error), lists[_i].form ? 0 : BAD_USAGE);
}
END_TEST

START_TEST(lists_of_few)
{
    struct error error;
    bool wanted[1];
    ck_assert_int_eq(parse_list("-l", "0-", 1, wanted, &error), 0);
    ck_assert(wanted[0]);
    ck_assert_int_eq(parse_list("-l", "1", 1, wanted, &error), BAD_USAGE);
    ck_assert_str_eq(error.text, "-l 1: there are 1, 0 to 0");
    ck_assert_int_eq(parse_list("-l", "all", 0, wanted, &error), 0);
    ck_assert_int_eq(parse_list("-l", "0", 0, wanted, &error), BAD_USAGE);
    ck_assert_str_eq(error.text, "-l 0: there are none");
    ck_assert_int_eq(parse_list("-l", "-1", 0, wanted, &error), BAD_USAGE);
    ck_assert_int_eq(parse_list("-l", "0-", 0, wanted, &error), BAD_USAGE);
}
END_TEST

/* What -h prints of the tables. */
START_TEST(prints_help)
{
    static const char expected[] =
        "  -l, --layers LIST       which layers to take, with a text so long that -h has\n"
        "                          to put it on several lines\n"
        "  -m, --model MODEL       which model\n"
        "      --drop GLOB         drop members\n"
        "  -n, --count N           how many\n"
        "      --fraction F        how much\n"
        "      --fit crop|squash|pad-all-around\n"
        "                          what to do\n"
        "  -k, --keep              keep it\n";
    char text[2000];
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    const int saved = dup(STDOUT_FILENO);
    ck_assert_int_eq(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    options_help(rows);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(ends[1]);
    const ssize_t n = read(ends[0], text, sizeof text - 1);
    ck_assert_int_gt(n, 0);
    text[n] = '\0';
    ck_assert_str_eq(text, expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("option");
    TCase *option = tcase_create("option");
    tcase_add_loop_test(option, parses_lines, 0, sizeof lines / sizeof *lines);
    tcase_add_loop_test(option, parses_counts, 0, sizeof counts / sizeof *counts);
    tcase_add_loop_test(option, parses_numbers, 0, sizeof numbers / sizeof *numbers);
    tcase_add_loop_test(option, parses_several, 0, sizeof several / sizeof *several);
    tcase_add_loop_test(option, parses_lists, 0, sizeof lists / sizeof *lists);
    tcase_add_test(option, lists_of_few);
    tcase_add_test(option, prints_help);
    suite_add_tcase(suite, option);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
