/*
 * formats/pth: pickles and files that mean harm. They are refused by name or read, with little
 * memory and in little time; nothing is ever called.
 */
#include "tests/pthfile.h"

#define STORAGE(class, key, numel) "(U\7storagec" class "\n" key "U\3cpu" numel "tQ"
#define FLOATS                     \
    STORAGE("torch\nFloatStorage", \
        "U\1"                      \
        "0",                       \
        "K\4")
#define REBUILD "ctorch._utils\n_rebuild_tensor_v2\n("
#define TENSOR(storage, offset, shape, strides) REBUILD storage offset shape strides "\x89NtR"
#define DICT(value) "\x80\2}U\1a" value "s."
#define OF(storage) DICT(TENSOR(storage, "K\0", "K\4\x85", "K\1\x85"))
#define VIEW(offset, shape, strides) DICT(TENSOR(FLOATS, offset, shape, strides))
#define PLAIN TENSOR(FLOATS, "K\0", "K\4\x85", "K\1\x85")
#define PARAMETER(tensor) "ctorch._utils\n_rebuild_parameter\n" tensor "\x85R"
#define THRICE(tensor) PARAMETER(PARAMETER(PARAMETER(tensor)))
#define HUGE "\x8a\x08\0\0\0\0\0\0\0\x40" /* 2^62 */
#define MINUS "J\xff\xff\xff\xff"
#define BYTES(text) text, sizeof text - 1

/* message NULL: taken. */
static const struct {
    const char *pickle;
    size_t size;
    const char *message;
} pickles[] = {
    { BYTES(VIEW("K\0", "K\4\x85", "K\1\x85")), NULL },
    { BYTES(VIEW("K\1", "K\3\x85", "K\1\x85")), NULL },
    { BYTES(VIEW("K\0", ")", ")")), NULL },
    { BYTES(VIEW("K\3", ")", ")")), NULL },
    { BYTES(VIEW("K\0", "K\2\x85", "K\3\x85")), NULL },
    { BYTES(VIEW("K\0", "K\1\x85", HUGE "\x85")), NULL },
    { BYTES(VIEW("K\0", "K\0" HUGE HUGE "\x87", "K\1K\1K\1\x87")), NULL },
    { BYTES(VIEW("K\x09", "K\0\x85", "K\1\x85")), NULL },
    { BYTES(VIEW("K\4", ")", ")")), "a reaches beyond storage 0" },
    { BYTES(VIEW("K\1", "K\4\x85", "K\1\x85")), "a reaches beyond storage 0" },
    { BYTES(VIEW("K\0", "K\2\x85", "K\4\x85")), "a reaches beyond storage 0" },
    { BYTES(VIEW(HUGE, "K\4\x85", "K\1\x85")), "a reaches beyond storage 0" },
    { BYTES(VIEW("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "K\4\x85", "K\1\x85")),
        "a reaches beyond storage 0" },
    { BYTES(VIEW("K\0", HUGE "\x85", "K\0\x85")), "shape or strides are broken, overflow" },
    { BYTES(VIEW("K\0", HUGE "K\0\x86", "K\1K\1\x86")), NULL },
    { BYTES(VIEW("K\0", HUGE HUGE "\x86", "K\1K\1\x86")), "overflow" },
    { BYTES(VIEW("K\0", "K\5\x85", HUGE "\x85")), "overflow" },
    { BYTES(VIEW("K\0", "K\2K\2K\2\x87", HUGE HUGE HUGE "\x87")), "reaches beyond" },
    { BYTES(VIEW(MINUS, "K\4\x85", "K\1\x85")), "a: a tensor without storage or offset" },
    { BYTES(VIEW("U\1"
                 "0",
          "K\4\x85", "K\1\x85")),
        "without storage or offset" },
    { BYTES(VIEW("K\0", MINUS "\x85", "K\1\x85")), "shape or strides are broken" },
    { BYTES(VIEW("K\0", "K\2\x85", MINUS "\x85")), "shape or strides are broken" },
    { BYTES(VIEW("K\0", "](K\4e", "K\1\x85")), "shape or strides are broken" },
    { BYTES(VIEW("K\0", "K\4", "K\1\x85")), "shape or strides are broken" },
    { BYTES(VIEW("K\0", "N\x85", "K\1\x85")), "shape or strides are broken" },
    { BYTES(VIEW("K\0", "\x8a\x09zzzzzzzz\1\x85", "K\1\x85")), "shape or strides are broken" },
    { BYTES(VIEW("K\0", "K\4\x85", "K\1K\1\x86")), "shape or strides are broken" },
    { BYTES(VIEW("K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t")),
        "more than 8 dimensions" },

    { BYTES(OF(STORAGE("torch\nFloatStorage",
          "U\1"
          "0",
          "K\5"))),
        "storage 0 has 16 bytes, fewer than its 5 elements" },
    { BYTES(OF(STORAGE("torch\nDoubleStorage",
          "U\1"
          "0",
          "K\4"))),
        "fewer than its 4" },
    { BYTES(OF(STORAGE("torch\nFloatStorage",
          "U\1"
          "0",
          "K\2"))),
        "reaches beyond storage 0" },
    { BYTES(OF(STORAGE("torch\nFloatStorage",
          "U\1"
          "0",
          HUGE))),
        "fewer than its 46116860" },
    { BYTES(OF(STORAGE("torch\nFloatStorage",
          "U\1"
          "0",
          MINUS))),
        "its size is no count" },
    { BYTES(OF(STORAGE("torch\nFloatStorage",
          "U\1"
          "0",
          "N"))),
        "its size is no count" },
    { BYTES(OF(STORAGE("torch\nFloatStorage",
          "U\1"
          "1",
          "K\4"))),
        "storage 1 is not in the file" },
    { BYTES(OF(STORAGE("torch\nFloatStorage", "U\4../0", "K\4"))), "../0 is not in the file" },
    { BYTES(OF(STORAGE("torch\nFloatStorage", "U\0", "K\4"))),
        "a storage whose key isn't one" },
    { BYTES(OF(STORAGE("torch\nFloatStorage", "U\1\n", "K\4"))), "whose key isn't one" },
    { BYTES(OF(STORAGE("torch\nFloatStorage", "K\0", "K\4"))), "whose key isn't one" },
    { BYTES(OF(STORAGE("torch\nFloatTensor",
          "U\1"
          "0",
          "K\4"))),
        "its class is not taken" },
    { BYTES(OF(STORAGE("mine\nFloatStorage",
          "U\1"
          "0",
          "K\4"))),
        "its class is not taken" },
    { BYTES(OF("(U\7storagectorch\nFloatStorage\ntQ")), "a storage of 2 facts" },
    { BYTES(OF("(U\6moduletQ")), "without storage or offset" },
    { BYTES(OF("NQ")), "without storage or offset" },
    { BYTES(OF("N")), "without storage or offset" },
    { BYTES(DICT("ctorch._utils\n_rebuild_tensor_v2\n)R")), "without storage or offset" },
    { BYTES(DICT("ctorch._utils\n_rebuild_tensor_v2\nNR")), "without storage or offset" },
    { BYTES(
          DICT("ctorch._utils\n_rebuild_tensor_v3\n(" FLOATS "K\0))\x89Nctorch\nfloat16\ntR")),
        NULL },
    { BYTES(DICT("ctorch._utils\n_rebuild_tensor_v3\n(" FLOATS "K\0))\x89Nctorch\nlayout\ntR")),
        "a: its type is not taken" },
    { BYTES(DICT("ctorch._utils\n_rebuild_parameter\n)R")), "no state dict in it" },
    { BYTES(DICT(PARAMETER(PLAIN))), NULL },
    { BYTES(DICT(THRICE(THRICE(THRICE(PLAIN))))), "only torch._utils._rebuild_parameter" },
    { BYTES(DICT("ctorch._tensor\n_rebuild_from_type_v2\n)R")), "no state dict in it" },

    { BYTES(""), "byte 0: cut: it ends without a STOP" },
    { BYTES("\x80\2}"), "byte 3: cut: it ends without a STOP" },
    { BYTES("\x80"), "cut inside an opcode" },
    { BYTES("\x80\6}."), "byte 0: a newer protocol than 5" },
    { BYTES("\x80\4\x95\3\0\0\0\0\0\0\0}."), "a frame is longer than what is left" },
    { BYTES("."), "too few values on the stack" },
    { BYTES("(."), "too few values on the stack" },
    { BYTES("0."), "too few values on the stack" },
    { BYTES("2."), "too few values on the stack" },
    { BYTES("N(0."), "too few values on the stack" },
    { BYTES("N(2."), "too few values on the stack" },
    { BYTES("Nq\0(q\1."), "too few values on the stack" },
    { BYTES("q\0."), "too few values on the stack" },
    { BYTES("\x94."), "too few values on the stack" },
    { BYTES("N\x86."), "too few values on the stack" },
    { BYTES("NN(N\x87."), "too few values on the stack" },
    { BYTES("Na."), "too few values on the stack" },
    { BYTES("}Ns."), "too few values on the stack" },
    { BYTES("(e."), "too few values on the stack" },
    { BYTES("](Na."), "too few values on the stack" },
    { BYTES("](Nu."), "a key without a value" },
    { BYTES("](NNu."), "adds items to what can't have them" },
    { BYTES("NNa."), "adds items to what can't have them" },
    { BYTES("NNNs."), "adds items to what can't have them" },
    { BYTES("}(Ne."), "adds items to what can't have them" },
    { BYTES(")Na."), "adds items to what can't have them" },
    { BYTES("(Nd."), "a key without a value" },
    { BYTES("t."), "no mark on the stack" },
    { BYTES("1."), "no mark on the stack" },
    { BYTES("}u."), "no mark on the stack" },
    { BYTES("NR."), "too few values on the stack" },
    { BYTES("NN\x92."), "too few values on the stack" },
    { BYTES("Nb."), "too few values on the stack" },
    { BYTES("Q."), "too few values on the stack" },
    { BYTES("\x93."), "too few values on the stack" },
    { BYTES("NN\x93."), "a global whose name is no text" },
    { BYTES("cos\nsystem"), "cut inside a line" },
    { BYTES("cos"), "cut inside a line" },
    { BYTES("I12"), "cut inside a line" },
    { BYTES("I1x\n."), "not an integer" },
    { BYTES("I\n."), "not an integer" },
    { BYTES("I1234567890123456789012345678901234567890\n."), "not an integer" },
    { BYTES("h\0."), "a number of the memo that isn't there" },
    { BYTES("Nr\3\0\0\0h\2."), "a number of the memo that isn't there" },
    { BYTES("j\xff\xff\xff\xff."), "a number of the memo that isn't there" },
    { BYTES("Nr\xff\xff\xff\xff."), "a number of the memo larger than the pickle" },
    { BYTES("X\xff\xff\xff\xff"
            "a."),
        "longer than what is left" },
    { BYTES("X\3\0\0\0a."), "longer than what is left" },
    { BYTES("T\xff\xff\xff\xff."), "a text of negative length" },
    { BYTES("U\xff."), "longer than what is left" },
    { BYTES("\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), "longer than what is left" },
    { BYTES("\x8e\0\0\0\0\0\0\0\x80."), "longer than what is left" },
    { BYTES("\x96\0\0\0\0\1\0\0\0."), "longer than what is left" },
    { BYTES("\x8b\xff\xff\xff\xff."), "longer than what is left" },
    { BYTES("\x8a\xff."), "longer than what is left" },
    { BYTES("J\1\1"), "cut inside an opcode" },
    { BYTES("G\1\1."), "cut inside an opcode" },
    { BYTES("X\1\1."), "cut inside an opcode" },
    { BYTES("(ios\nsystem\n."), "opcode 0x69 is not taken" },
    { BYTES("Pid\n."), "opcode 0x50 is not taken" },
    { BYTES("\x82\1."), "opcode 0x82 is not taken" },
    { BYTES("\x97."), "opcode 0x97 is not taken" },
    { BYTES("\0"), "byte 0: opcode 0x00 is not taken" },

    { BYTES("N."), "no state dict in it" },
    { BYTES("}."), "no state dict in it" },
    { BYTES("](" PLAIN "e."), "no state dict in it" },
    { BYTES("}K\1" PLAIN "s."), "no state dict in it" },
    { BYTES("cos\nsystem\n(U\4exittR."), "names os.system, which no state dict needs" },
    { BYTES("cos\nsystem\n0}."), "names os.system" },
    { BYTES("c__builtin__\neval\n0}."), "names __builtin__.eval" },
    { BYTES("cbuiltins\nset\n0}."), "no state dict in it" },
    { BYTES("c\x1b\nsystem\n)R."), "only ?.system" },
    { BYTES("ccopyreg\n_reconstructor\n(cmine\nNet\nNNtR}b."), "only mine.Net: save its" },
    { BYTES("(U\6modulecmine\nNet\nNNtQ)\x81}b."), "only mine.Net: save its" },
    { BYTES("ccollections\nOrderedDict\n](](U\1a" PLAIN "eNe\x85R."), NULL },
    { BYTES("ccollections\nOrderedDict\n](Ne\x85R."), "no state dict in it" },
    { BYTES("}(U\1a" PLAIN "U\3a\0b" PLAIN "u."), "or has control characters" },
    { BYTES("}(U\3a\nb" PLAIN "u."),
        "a tensor's name is longer than 1000 bytes or has control" },
    { BYTES("}(U\1\xff" PLAIN "u."), "a tensor's name is not UTF-8" },
    { BYTES("}(U\1\xffNU\1\nNU\1a" PLAIN "u."), NULL },
    { BYTES("}(U\1a" PLAIN "U\1a" PLAIN "u."), "a is there twice" },
    { BYTES("}(U\3a.b" PLAIN "U\1a}U\1b" PLAIN "su."), "a.b is there twice" },
    { BYTES("}q\0U\1ah\0s."), "dictionaries nest deeper than 64" },
    { BYTES("}q\0(U\1ah\0U\1b" PLAIN "u."), "dictionaries nest deeper than 64" },
    { BYTES("]q\0h\0a."), "no state dict in it" },
    { BYTES("}U\1a" PLAIN "s.x"), "1 bytes behind its STOP" },
};

START_TEST(reads_pickles)
{
    const char *path = inside("x.pth");
    put_pth(path, pickles[_i].pickle, pickles[_i].size);
    limit_memory();
    expect(path, pickles[_i].message);
}
END_TEST

/* before, `times` times the middle, after. */
static const struct {
    const char *before;
    size_t before_size;
    const char *middle;
    size_t middle_size;
    size_t times;
    const char *after;
    size_t after_size;
    const char *message;
} bombs[] = {
    { BYTES(""), BYTES("]"), 1000000, BYTES("."), "no state dict in it" },
    { BYTES(""), BYTES("]"), 5000000, BYTES("."), "more than 4194304 values" },
    { BYTES(""), BYTES("N"), 5000000, BYTES("."), "more than 4194304 values" },
    { BYTES("N"), BYTES("\x94"), 5000000, BYTES("."), "more than 4194304 values" },
    { BYTES("N"), BYTES("2"), 5000000, BYTES("."), "more than 4194304 values" },
    { BYTES("]q\0"), BYTES("h\0a"), 1000000, BYTES("."), "no state dict in it" },
    { BYTES(""), BYTES("("), 1000001, BYTES("."), "nests deeper than 1000" },
    { BYTES("N"), BYTES("\x85"), 1000000, BYTES("."), "no state dict in it" },
    { BYTES("N"), BYTES("N)R0"), 1000000, BYTES("."), "no state dict in it" },
    { BYTES("NQ"), BYTES("Q"), 1000000, BYTES("."), "no state dict in it" },
    /* dictionaries of twice the one before: 2^40 tensors */
    { BYTES("}U\1a" PLAIN "s"), BYTES("q\0}(U\1ah\0U\1bh\0u"), 40, BYTES("."),
        "its dictionaries share too much with each other" },
    { BYTES("}U\1aNs"), BYTES("q\0}(U\1ah\0U\1bh\0u"), 60, BYTES("."),
        "its dictionaries share too much with each other" },
    { BYTES("}U\1a" PLAIN "s"), BYTES("q\0}U\1ah\0s"), 62, BYTES("."), NULL },
    { BYTES("}U\1a" PLAIN "s"), BYTES("q\0}U\1ah\0s"), 65, BYTES("."),
        "dictionaries nest deeper than 64" },
    { BYTES("}X\xe7\3\0\0"), BYTES("a"), 999, BYTES(PLAIN "s."), NULL },
    { BYTES("}X\xe8\3\0\0"), BYTES("a"), 1000, BYTES(PLAIN "s."), "longer than 1000 bytes" },
    { BYTES("}X\0\0\x10\0"), BYTES("a"), 1 << 20, BYTES(PLAIN "s."), "longer than 1000 bytes" },
    { BYTES("}U\2zzX\0\0\x10\0"), BYTES("a"), 1 << 20, BYTES("s."), "no state dict in it" },
};

START_TEST(survives_bombs)
{
    struct pile pile = { 0 };
    const char *path = inside("x.pth");
    pile_add(&pile, bombs[_i].before, bombs[_i].before_size);
    for (size_t i = 0; i < bombs[_i].times; i++)
        pile_add(&pile, bombs[_i].middle, bombs[_i].middle_size);
    pile_add(&pile, bombs[_i].after, bombs[_i].after_size);
    put_pth(path, pile.at, pile.size);
    free(pile.at);
    if (pile.size < 4 << 20)
        limit_memory();
    expect(path, bombs[_i].message);
}
END_TEST

#define MAGIC                 \
    "\x80\2\x8a\x0al\xfc\x9c" \
    "F\xf9 j\xa8P\x19."
#define PROTOCOL "\x80\2M\xe9\3."
#define ORDER "\x80\2}U\x0dlittle_endian\x88s."
#define KEYS      \
    "\x80\2](U\1" \
    "0e."
#define FOUR "\4\0\0\0\0\0\0\0"
#define ELEMENTS "0123456789abcdef"

/* Files of before 1.6. */
static const struct {
    const char *bytes;
    size_t size;
    const char *message;
} legacies[] = {
    { BYTES(MAGIC PROTOCOL ORDER DICT(PLAIN) KEYS FOUR ELEMENTS), NULL },
    { BYTES(MAGIC PROTOCOL ORDER DICT(PLAIN) KEYS FOUR ELEMENTS "more"), NULL },
    { BYTES("\x80\2\x8a\x0bl\xfc\x9c"
            "F\xf9 j\xa8P\x19\0."),
        "another magic number" },
    { BYTES(MAGIC "\x80\2M\xe8\3."), "its protocol isn't 1001" },
    { BYTES(MAGIC "\x80\2N."), "its protocol isn't 1001" },
    { BYTES(MAGIC PROTOCOL "\x80\2}U\x0dlittle_endian\x89s."), "only little-endian" },
    { BYTES(MAGIC PROTOCOL "\x80\2}."), "only little-endian" },
    { BYTES(MAGIC PROTOCOL "\x80\2N."), "only little-endian" },
    { BYTES(MAGIC PROTOCOL ORDER), "cut: it ends without a STOP" },
    { BYTES(MAGIC PROTOCOL ORDER DICT(PLAIN)), "cut: it ends without a STOP" },
    { BYTES(MAGIC PROTOCOL ORDER DICT(PLAIN) "N."), "has no list of its storages" },
    { BYTES(MAGIC PROTOCOL ORDER DICT(PLAIN) "]."), "storage 0 is not in the file" },
    { BYTES(MAGIC PROTOCOL ORDER DICT(PLAIN) "]Na."), "no tensor refers to" },
    { BYTES(MAGIC PROTOCOL ORDER DICT(PLAIN) "]U\1"
                                             "1a."),
        "no tensor refers to" },
    { BYTES(MAGIC PROTOCOL ORDER DICT(PLAIN) "](U\1"
                                             "0U\1"
                                             "0e." FOUR ELEMENTS FOUR ELEMENTS),
        "lists a storage that it has listed before" },
    { BYTES(MAGIC PROTOCOL ORDER DICT(PLAIN) KEYS), "cut: storage 0 is missing" },
    { BYTES(MAGIC PROTOCOL ORDER DICT(PLAIN) KEYS "\4\0\0\0\0\0\0"), "storage 0 is missing" },
    { BYTES(MAGIC PROTOCOL ORDER DICT(PLAIN) KEYS FOUR "0123456789abcde"),
        "cut: storage 0 is not whole" },
    { BYTES(MAGIC PROTOCOL ORDER DICT(PLAIN) KEYS "\5\0\0\0\0\0\0\0" ELEMENTS "0123"),
        "storage 0 has 5 elements and not 4" },
    { BYTES(MAGIC PROTOCOL ORDER DICT(PLAIN) KEYS "\4\0\0\0\0\0\0\x40" ELEMENTS),
        "storage 0 has 4611686018427387908 elements" },
    { BYTES(MAGIC PROTOCOL ORDER OF(STORAGE("torch\nFloatStorage",
          "U\1"
          "0",
          HUGE)) KEYS FOUR),
        "storage 0: its size overflows" },
    { BYTES(MAGIC PROTOCOL ORDER "}(U\1a" PLAIN "U\1b" TENSOR(STORAGE("torch\nByteStorage",
                                                                  "U\1"
                                                                  "0",
                                                                  "K\4"),
          "K\0", ")", ")") "u." KEYS FOUR ELEMENTS),
        "storage 0 is said to be of two sizes" },
    { BYTES(MAGIC PROTOCOL ORDER OF("(U\7storagectorch\nFloatStorage\nU\1"
                                    "0U\3cpuK\4"
                                    "U\1vK\2K\3\x87tQ") KEYS FOUR ELEMENTS),
        "a view reaches beyond it" },
    { BYTES(MAGIC PROTOCOL ORDER OF("(U\7storagectorch\nFloatStorage\nU\1"
                                    "0U\3cpuK\4"
                                    "U\1vK\1K\3\x87tQ") KEYS FOUR ELEMENTS),
        "a reaches beyond storage 0" },
};

START_TEST(reads_legacies)
{
    const char *path = inside("x.pth");
    put_file(path, legacies[_i].bytes, legacies[_i].size);
    limit_memory();
    expect(path, legacies[_i].message);
}
END_TEST

/* Taken or refused; what is taken can be read. */
static bool open_and_read(const char *path)
{
    static float values[1 << 16];
    struct tensors tensors;
    struct error error;
    const int status = add(&tensors, path, &error);
    ck_assert_msg(status == 0 || status == BAD_INPUT, "%s", error.text);
    for (size_t i = 0; i < tensors.count && status == 0; i++) {
        const struct tensor *tensor = &tensors.items[i];
        if (tensor->count <= sizeof values / sizeof *values)
            tensor_to_floats(tensor, values);
        ck_assert_ptr_eq(tensors_find(&tensors, tensor->name), tensor);
    }
    tensors_free(&tensors);
    return status == 0;
}

static const char *const samples[] = { "new-dtypes.pth", "python2.th", "dtypes-2.th",
    "layouts.th", "shard-1.bin", "training-5.pth" };

/* Cut anywhere: refused. A bit or three bytes changed: no harm. */
START_TEST(survives_damage)
{
    char path[64];
    snprintf(path, sizeof path, "tests/data/pth/%s", samples[_i]);
    FILE *file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    static unsigned char bytes[1 << 14], changed[1 << 14];
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    const char *damaged = inside("x.pth");
    put_file(damaged, bytes, size);
    ck_assert(open_and_read(damaged));
    limit_memory();
    for (size_t cut = 0; cut < size; cut++) {
        put_file(damaged, bytes, cut);
        ck_assert_msg(!open_and_read(damaged), "%s: taken when cut at %zu", path, cut);
    }
    uint32_t random = 1;
    for (size_t i = 0; i < 2 * size; i++) {
        memcpy(changed, bytes, size);
        changed[i % size] ^= (unsigned char)(1 << (random >> 8) % 8);
        for (size_t more = i / size; more > 0; more--) {
            random = random * 1664525 + 1013904223;
            changed[(random >> 8) % size] = (unsigned char)(random >> 24);
        }
        random = random * 1664525 + 1013904223;
        put_file(damaged, changed, size);
        open_and_read(damaged);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pth_hostile");
    TCase *tests = tcase_create("pth_hostile");
    tcase_add_unchecked_fixture(tests, make_folder, drop_folder);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, reads_pickles, 0, sizeof pickles / sizeof *pickles);
    tcase_add_loop_test(tests, survives_bombs, 0, sizeof bombs / sizeof *bombs);
    tcase_add_loop_test(tests, reads_legacies, 0, sizeof legacies / sizeof *legacies);
    tcase_add_loop_test(tests, survives_damage, 0, sizeof samples / sizeof *samples);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
