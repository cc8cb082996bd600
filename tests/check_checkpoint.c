/*
 * common/checkpoint, the model: what was written opens as what it was, with its classes and its
 * rule; nobody else's files are touched.
 */
#include "tests/mademodel.h"

/* The tensors, to the bit or as 16 bits hold them. */
static void expect_tensors(const struct tensors *ours, const struct made *made)
{
    ck_assert_uint_eq(ours->count, made->params.count);
    for (size_t i = 0; i < ours->count; i++) {
        const struct tensor *a = &ours->items[i];
        const struct tensor *b = tensors_find(&made->base.tensors, a->name);
        float *x = malloc(a->count * sizeof *x + 1), *y = malloc(a->count * sizeof *y + 1);
        ck_assert_ptr_nonnull(b);
        ck_assert_uint_eq(a->rank, b->rank);
        ck_assert_mem_eq(a->shape, b->shape, a->rank * sizeof *a->shape);
        tensor_to_floats(a, x);
        tensor_to_floats(b, y);
        for (size_t k = 0; k < a->count; k++)
            expect_near((double)x[k], (double)y[k],
                made->checkpoint.half ? fabs((double)y[k]) / 2048 + 3e-8 : 0, a->name, k);
        free(x);
        free(y);
    }
}

static void expect_about(const struct model *model, const struct made *made)
{
    const struct view_rule *rule = &model->input.rule;
    const struct checkpoint *checkpoint = &made->checkpoint;
    expect_tensors(&model->tensors, made);
    ck_assert_uint_eq(model->classes, checkpoint->class_count);
    for (size_t i = 0; i < model->classes; i++) {
        const char *name = model_class_name(model, i);
        if (checkpoint->classes)
            ck_assert_str_eq(name, classes[i]);
        else
            ck_assert_ptr_null(name);
    }
    ck_assert(model->input.rule_known);
    ck_assert_mem_eq(rule, checkpoint->rule, sizeof *rule);
}

/* Opens what was written as what it is. */
static void expect_opens(const struct made *made, bool is_vit)
{
    struct vit vit;
    struct resnet resnet;
    struct error error;
    const struct vit_wishes wishes = { 0 };
    const char *path = made->checkpoint.path;
    if (is_vit) {
        ck_assert_msg(vit_open(&vit, path, &wishes, &error) == 0, "%s", error.text);
        expect_about(&vit.model, made);
        vit_close(&vit);
    } else {
        ck_assert_msg(resnet_open(&resnet, path, NULL, &error) == 0, "%s", error.text);
        ck_assert_str_eq(resnet.family, "timm");
        expect_about(&resnet.model, made);
        resnet_close(&resnet);
    }
}

/* A ViT's input is as large as its positions say. */
static void fit_vit(struct made *made)
{
    struct vit vit;
    struct error error;
    const struct vit_wishes wishes = { 0 };
    ck_assert_int_eq(vit_open(&vit, vit_base, &wishes, &error), 0);
    made->rule = vit.model.input.rule;
    made->checkpoint.crop = vit.model.input.crop;
    vit_close(&vit);
    checkpoint_settle_rule(&made->rule, &made->checkpoint.crop);
}

/* A directory or a file, of 32 or 16 bits. */
START_TEST(opens_as_it_was)
{
    struct made made;
    const bool is_vit = _i & 1;
    make(&made, is_vit ? vit_base : resnet_base, inside(_i & 2 ? "model" : "sub.safetensors"));
    if (is_vit)
        fit_vit(&made);
    made.checkpoint.half = _i & 4;
    expect_kept(&made);
    expect_opens(&made, is_vit);
    expect_kept(&made); /* over itself */
    expect_opens(&made, is_vit);
    drop_made(&made);
}
END_TEST

static bool is_there(const char *name)
{
    return access(inside("%s", name), F_OK) == 0;
}

static void expect_json(const char *name, const char *key, const char *text)
{
    json_t *json = json_load_file(inside("%s", name), 0, NULL);
    char *found = json_dumps(json_object_get(json, key), JSON_COMPACT | JSON_ENCODE_ANY);
    ck_assert_msg(found && strcmp(found, text) == 0, "%s: %s is %s", name, key, found);
    free(found);
    json_decref(json);
}

START_TEST(lays_out_a_directory)
{
    struct made made;
    unsigned char *bytes;
    size_t size;
    struct error error;
    make(&made, resnet_base, inside("model"));
    made.checkpoint.class_count = 4;
    expect_kept(&made);
    ck_assert_int_eq(file_read(inside("model/labels.tsv"), 1 << 10, &bytes, &size, &error), 0);
    ck_assert_uint_eq(size, strlen("0\tcat\n1\tdog\n2\ta  b\n3\t\xc3\xa4\n"));
    ck_assert_mem_eq(bytes, "0\tcat\n1\tdog\n2\ta  b\n3\t\xc3\xa4\n", size);
    free(bytes);
    expect_json("model/training.json", "made_by", "\"saccade finetune\"");
    expect_json("model/training.json", "epochs", "3");
    expect_json("model/config.json", "num_classes", "4");
    expect_json("model/config.json", "label_names", "[\"cat\",\"dog\",\"a  b\",\"\xc3\xa4\"]");
    expect_json("model/preprocessor_config.json", "image_processor_type",
        "\"TimmWrapperImageProcessor\"");
    ck_assert(!is_there("model/model.safetensors.part"));
    /* Without names none stay behind. */
    made.checkpoint.classes = NULL;
    expect_kept(&made);
    ck_assert(!is_there("model/labels.tsv"));
    ck_assert(is_there("model/model.safetensors"));
    drop_made(&made);
}
END_TEST

static const struct {
    struct view_rule rule; /* all but the colours */
    double crop;
    uint32_t resize_width, resize_height; /* once settled */
} rules[] = {
    { { 224, 224, 256, 256, FIT_CROP, VIEW_TIMM, FILTER_BICUBIC, { 0 }, { 0 } }, 0.875, 256,
        256 },
    { { 224, 224, 248, 248, FIT_CROP, VIEW_TIMM, FILTER_BILINEAR, { 0 }, { 0 } }, 0.9, 248,
        248 },
    { { 224, 224, 232, 232, FIT_CROP, VIEW_TORCHVISION, FILTER_LANCZOS, { 0 }, { 0 } },
        224.0 / 232, 232, 232 },
    { { 224, 224, 248, 248, FIT_CROP, VIEW_HUGGINGFACE, FILTER_BICUBIC, { 0 }, { 0 } },
        224.0 / 248, 248, 248 },
    { { 32, 32, 32, 32, FIT_CROP, VIEW_TIMM, FILTER_NEAREST, { 0 }, { 0 } }, 1, 32, 32 },
    { { 299, 299, 341, 341, FIT_CROP, VIEW_TIMM, FILTER_BICUBIC, { 0 }, { 0 } }, 0.875, 341,
        341 },
    { { 33, 27, 35, 28, FIT_CROP, VIEW_TIMM, FILTER_BICUBIC, { 0 }, { 0 } }, 0.95, 35, 28 },
    { { 384, 384, 384, 384, FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BICUBIC, { 0 }, { 0 } }, 1,
        384, 384 },
    { { 224, 224, 256, 256, FIT_SQUASH, VIEW_HUGGINGFACE, FILTER_BICUBIC, { 0 }, { 0 } }, 0.875,
        256, 256 },
    { { 60, 40, 60, 40, FIT_PAD, VIEW_TIMM, FILTER_BICUBIC, { 0 }, { 0 } }, 1, 60, 40 },
    { { 60, 40, 80, 80, FIT_CROP, VIEW_TIMM, FILTER_BICUBIC, { 0 }, { 0 } }, 0.75, 80, 53 },
    { { 64, 64, 32, 32, FIT_CROP, VIEW_TIMM, FILTER_BICUBIC, { 0 }, { 0 } }, 2, 64, 64 },
    { { 7, 7, 16384, 16384, FIT_CROP, VIEW_TIMM, FILTER_BICUBIC, { 0 }, { 0 } }, 1, 693, 693 },
};

/* What is settled is what a reader of the files finds. */
START_TEST(rules_come_back)
{
    static const float mean[3] = { 0.1f, 1.0f / 3, 0.48145466f }, std[3] = { 1, 2e-3f, 0.7f };
    struct made made;
    make(&made, resnet_base, inside("model"));
    made.rule = rules[_i].rule;
    memcpy(made.rule.mean, mean, sizeof mean);
    memcpy(made.rule.std, std, sizeof std);
    made.checkpoint.crop = rules[_i].crop;
    checkpoint_settle_rule(&made.rule, &made.checkpoint.crop);
    ck_assert_uint_eq(made.rule.resize_width, rules[_i].resize_width);
    ck_assert_uint_eq(made.rule.resize_height, rules[_i].resize_height);
    const struct view_rule settled = made.rule;
    checkpoint_settle_rule(&made.rule, &made.checkpoint.crop); /* to no other */
    ck_assert_mem_eq(&made.rule, &settled, sizeof settled);
    made.rule.flavour = VIEW_TIMM; /* its crop is torchvision's */
    expect_kept(&made);
    expect_opens(&made, false);
    drop_made(&made);
}
END_TEST

/* Every size that timm and torchvision's rules have. */
START_TEST(every_size_settles)
{
    for (uint32_t side = 1; side < 400; side += side < 30 ? 1 : 7)
        for (uint32_t resize = side; resize < 2 * side; resize++) {
            struct view_rule rule = { side, side, resize, resize, FIT_CROP, VIEW_TORCHVISION,
                FILTER_BICUBIC, { 0 }, { 0 } };
            double crop = (double)side / resize;
            checkpoint_settle_rule(&rule, &crop);
            ck_assert_msg(rule.resize_width == resize && rule.resize_height == resize
                              && (uint32_t)(side / crop) == resize,
                "%u of %u: %u by %.17g", side, resize, rule.resize_width, crop);
        }
}
END_TEST

static const struct {
    const char *file, *text, *path, *message; /* text NULL: a checkpoint */
} others[] = {
    { "dir/config.json", "{}", "dir", "holds another model (config.json)" },
    { "dir/model.safetensors", NULL, "dir", "holds another model (model.safetensors)" },
    { "dir/x.pth", "", "dir", "holds another model (x.pth)" },
    { "dir/model.safetensors.index.json", "{}", "dir", "holds another model" },
    { "dir/labels.tsv", "", "dir", "holds another model (labels.tsv)" },
    { "dir/training.json", "{\"made_by\":\"you\"}", "dir", "holds another model" },
    { "dir/training.json", "[", "dir", "holds another model" },
    { "dir/a.safetensors", NULL, "dir/a.safetensors", "is there and not of finetune" },
    { "dir/a.safetensors", "broken", "dir/a.safetensors", "is there and not of finetune" },
    { "dir/a.json", "{}", "dir/a.safetensors", "a.json: is there and not of finetune" },
    { "dir/file", "", "dir/file", "takes a directory, or a file NAME.safetensors" },
};

START_TEST(leaves_others_alone)
{
    struct made made;
    struct error error;
    unsigned char *before, *after;
    size_t size, still;
    static struct tensorfile file;
    char name[64], path[64];
    ck_assert_int_eq(mkdir(inside("dir"), 0700), 0);
    snprintf(name, sizeof name, "%s", inside("%s", others[_i].file));
    snprintf(path, sizeof path, "%s", inside("%s", others[_i].path));
    tensorfile_begin(&file, "{\"format\":\"pt\"}");
    tensorfile_add(&file, "a", "F32", "[2]");
    if (others[_i].text)
        put_text(name, others[_i].text);
    else
        tensorfile_write(&file, name);
    ck_assert_int_eq(file_read(name, 1 << 16, &before, &size, &error), 0);
    make(&made, resnet_base, path);
    ck_assert_int_eq(checkpoint_check(path, NULL, 0, &error), BAD_USAGE);
    ck_assert_msg(strstr(error.text, others[_i].message) != NULL, "%s", error.text);
    ck_assert_int_eq(checkpoint_write(&made.checkpoint, &error), BAD_USAGE);
    ck_assert_int_eq(file_read(name, 1 << 16, &after, &still, &error), 0);
    ck_assert_uint_eq(size, still);
    ck_assert_mem_eq(before, after, size);
    free(before);
    free(after);
    drop_made(&made);
}
END_TEST

/* Other things may lie in the directory, and it may be there. */
START_TEST(takes_a_directory_of_notes)
{
    struct error error;
    ck_assert_int_eq(mkdir(inside("dir"), 0700), 0);
    put_text(inside("dir/log.tsv"), "");
    put_text(inside("dir/model.safetensors.part"), "");
    ck_assert_msg(checkpoint_check(inside("dir"), NULL, 0, &error) == 0, "%s", error.text);
    ck_assert_int_eq(checkpoint_check(inside("no/such/dir"), NULL, 0, &error), BAD_SYSTEM);
    ck_assert_int_eq(checkpoint_check(inside("new.safetensors"), NULL, 0, &error), 0);
}
END_TEST

START_TEST(names_that_no_table_holds)
{
    static const char *const bad[] = { "a\tb", "a\n", "\xff", "\x7f" };
    struct error error;
    const char *const names[] = { "good", bad[_i] };
    ck_assert_int_eq(checkpoint_check(inside("dir"), names, 2, &error), BAD_USAGE);
    ck_assert_msg(strncmp(error.text, "class 1 (", 9) == 0, "%s", error.text);
    ck_assert(!is_there("dir"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *tests = tcase_create("checkpoint");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, drop_folder);
    tcase_add_loop_test(tests, opens_as_it_was, 0, 8);
    tcase_add_test(tests, lays_out_a_directory);
    tcase_add_loop_test(tests, rules_come_back, 0, sizeof rules / sizeof *rules);
    tcase_add_test(tests, every_size_settles);
    tcase_add_loop_test(tests, leaves_others_alone, 0, sizeof others / sizeof *others);
    tcase_add_test(tests, takes_a_directory_of_notes);
    tcase_add_loop_test(tests, names_that_no_table_holds, 0, 4);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
