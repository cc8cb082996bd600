/*
 * formats/pth: what torch.save wrote (tests/data/pth, by tests/oracle/pth.py) is read to the
 * bit, and zips that aren't what they should be are refused by name. Hostile pickles:
 * check_pth_hostile.
 */
#include "common/vit.h"
#include "tests/pthfile.h"

#define DATA "tests/data/pth/"

static char *read_lines(const char *path)
{
    struct stat about;
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL && fstat(fileno(file), &about) == 0, "%s", path);
    char *text = calloc(1, (size_t)about.st_size + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(fread(text, 1, (size_t)about.st_size, file), (size_t)about.st_size);
    fclose(file);
    return text;
}

/* The fields of the next line, parted by tabs; false at the end. */
static bool next_line(char **rest, char **fields, size_t count)
{
    char *line = strsep(rest, "\n");
    for (size_t i = 0; i < count; i++)
        fields[i] = line && (i == 0 || fields[i - 1]) ? strsep(&line, "\t") : NULL;
    return fields[count - 1] != NULL;
}

static bool is_mapped(const struct tensors *tensors, const struct tensor *tensor)
{
    const unsigned char *start = tensors->mappings[0].bytes;
    return tensor->data >= start && tensor->data <= start + tensors->mappings[0].size;
}

/* file, crc, name, type, shape, where, bytes */
static void expect_tensor(
    const struct tensors *tensors, size_t i, char *const *fields, const char *path)
{
    static const char *const types[] = { "f64", "f32", "f16", "bf16", "other" };
    ck_assert_msg(i < tensors->count, "%s: %s is missing", path, fields[2]);
    const struct tensor *tensor = &tensors->items[i];
    char shape[64];
    ck_assert_uint_eq(tensors->crc, strtoul(fields[1], NULL, 16));
    ck_assert_str_eq(tensor->name, fields[2]);
    ck_assert_str_eq(types[tensor->type], fields[3]);
    ck_assert_str_eq(tensor_shape_text(tensor, shape, sizeof shape), fields[4]);
    ck_assert_msg(is_mapped(tensors, tensor) == (strcmp(fields[5], "mapped") == 0), "%s: %s",
        path, fields[2]);
    ck_assert_msg(2 * tensor->bytes == strlen(fields[6]), "%s: %s", path, fields[2]);
    for (size_t b = 0; b < tensor->bytes; b++) {
        char two[3];
        snprintf(two, sizeof two, "%02x", tensor->data[b]);
        ck_assert_msg(
            memcmp(two, fields[6] + 2 * b, 2) == 0, "%s: %s: byte %zu", path, fields[2], b);
    }
}

START_TEST(reads_what_torch_wrote)
{
    char *text = read_lines(DATA "taken.tsv"), *rest = text, *fields[7];
    char path[256] = "";
    struct tensors tensors = { 0 };
    struct error error;
    size_t i = 0, files = 0;
    while (next_line(&rest, fields, 7)) {
        char now[256];
        snprintf(now, sizeof now, DATA "%s", fields[0]);
        if (strcmp(now, path) != 0) {
            ck_assert_msg(i == tensors.count, "%s: more tensors than torch's", path);
            tensors_free(&tensors);
            strcpy(path, now);
            ck_assert_msg(add(&tensors, path, &error) == 0, "%s", error.text);
            i = 0;
            files++;
        }
        expect_tensor(&tensors, i++, fields, path);
    }
    ck_assert_uint_eq(i, tensors.count);
    ck_assert_uint_ge(files, 15);
    tensors_free(&tensors);
    free(text);
}
END_TEST

START_TEST(refuses_broken_files)
{
    char *text = read_lines(DATA "refused.tsv"), *rest = text, *fields[2];
    size_t files = 0;
    limit_memory();
    for (; next_line(&rest, fields, 2); files++) {
        char path[256];
        snprintf(path, sizeof path, DATA "%s", fields[0]);
        expect(path, fields[1]);
    }
    ck_assert_uint_ge(files, 40);
    free(text);
}
END_TEST

START_TEST(refuses_what_is_no_file)
{
    put_text(inside("empty.pth"), "");
    put_text(inside("seven.pth"), "PK\3\4"
                                  "567");
    put_text(inside("eight.pth"), "PK\3\4"
                                  "5678");
    put_text(inside("pickle.pth"), "\x80\2}.        ");
    ck_assert_int_eq(mkdir(inside("directory.pth"), 0700), 0);
    ck_assert_int_eq(mkfifo(inside("fifo.pth"), 0600), 0);
    expect(inside("empty.pth"), "not a PyTorch checkpoint: fewer than 8 bytes");
    expect(inside("seven.pth"), "fewer than 8 bytes");
    expect(inside("eight.pth"), "doesn't end with an end record");
    expect(inside("pickle.pth"), "neither a zip nor what torch.save wrote");
    expect(inside("directory.pth"), "not a regular file");
    expect(inside("fifo.pth"), "not a regular file");
    expect("tests/data/vit/timm-bare/model.safetensors", "neither a zip nor");
    struct tensors tensors;
    struct error error;
    ck_assert_int_eq(add(&tensors, inside("missing.pth"), &error), BAD_SYSTEM);
    tensors_free(&tensors);
}
END_TEST

/* All tensors in one set, the sum over the pickles in order, no name twice; beside safetensors.
 */
START_TEST(adds_files)
{
    struct tensors tensors, one;
    struct error error;
    ck_assert_int_eq(add(&one, DATA "shard-1.bin", &error), 0);
    tensors_free(&one);
    ck_assert_int_eq(add(&tensors, DATA "shard-2.bin", &error), 0);
    const uint32_t second = tensors.crc;
    ck_assert_int_eq(pth_add(&tensors, DATA "shard-1.bin", &error), 0);
    ck_assert_uint_eq(tensors.count, 2);
    ck_assert_uint_ne(tensors.crc, second);
    ck_assert_ptr_nonnull(tensors_find(&tensors, "a"));
    ck_assert_ptr_nonnull(tensors_find(&tensors, "b"));
    ck_assert_int_eq(pth_add(&tensors, DATA "shard-1.bin", &error), BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "a is in another shard too"));
    ck_assert_int_eq(pth_add(&tensors, DATA "layouts.pth", &error), 0);
    ck_assert_int_eq(pth_add(&tensors, DATA "layouts.th", &error), BAD_INPUT);
    ck_assert_int_eq(
        safetensors_add(&tensors, "tests/data/vit/timm-bare/model.safetensors", &error), 0);
    ck_assert_ptr_null(tensors.metadata);
    tensors_free(&tensors);
}
END_TEST

/* A ViT in its wrappers is the one in tests/data/vit. */
static const struct {
    const char *path, *state;
} vits[] = {
    { DATA "vit-model.pth", "" },
    { DATA "vit-state_dict.th", "state_dict" },
    { DATA "vit-dino.pth", "teacher" },
};

static void expect_same(const struct tensor *found, const struct tensor *wanted)
{
    ck_assert_int_eq(found == NULL, wanted == NULL);
    if (!wanted)
        return;
    ck_assert_uint_eq(found->rank, wanted->rank);
    ck_assert_mem_eq(found->shape, wanted->shape, wanted->rank * sizeof *wanted->shape);
    ck_assert_int_eq(found->type, wanted->type);
    ck_assert_mem_eq(found->data, wanted->data, wanted->bytes);
}

START_TEST(finds_vits)
{
    struct vit found, wanted;
    struct vit_found *a, *b;
    struct error error;
    const struct vit_wishes wishes = { .heads = 2 };
    const char *path = "tests/data/vit/timm-bare/model.safetensors";
    ck_assert_msg(vit_open(&found, vits[_i].path, &wishes, &error) == 0, "%s", error.text);
    ck_assert_msg(vit_open(&wanted, path, &wishes, &error) == 0, "%s", error.text);
    ck_assert_int_eq(vit_find(&found.model.tensors, NULL, &a, &error), 0);
    ck_assert_int_eq(vit_find(&wanted.model.tensors, NULL, &b, &error), 0);
    ck_assert_str_eq(a->state, vits[_i].state);
    ck_assert_uint_eq(a->layers, b->layers);
    for (size_t slot = 0; slot < GLOBAL_SLOTS; slot++)
        expect_same(a->global[slot], b->global[slot]);
    for (size_t layer = 0; layer < b->layers; layer++)
        for (size_t slot = 0; slot < BLOCK_SLOTS; slot++)
            expect_same(a->blocks[layer][slot], b->blocks[layer][slot]);
    vit_found_free(a);
    vit_found_free(b);
    vit_close(&found);
    vit_close(&wanted);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pth");
    TCase *tests = tcase_create("pth");
    tcase_add_unchecked_fixture(tests, make_folder, drop_folder);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, reads_what_torch_wrote);
    tcase_add_test(tests, refuses_broken_files);
    tcase_add_test(tests, refuses_what_is_no_file);
    tcase_add_test(tests, adds_files);
    tcase_add_loop_test(tests, finds_vits, 0, sizeof vits / sizeof *vits);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
