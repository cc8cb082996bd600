/*
 * common/checkpoint, the model: what was written opens as what it was, with its classes and its
 * rule; nobody else's files are touched; a cut leaves the old model, the new one or none.
 */
#include "common/checkpoint.h"
#include "common/resnet.h"
#include "common/vit.h"
#include "formats/io.h"
#include "tests/cut.h"
#include "tests/numbers.h"
#include "tests/tensorfile.h"

static const char vit_base[] = "tests/data/vit/timm-plain";
static const char resnet_base[] = "tests/data/resnet/timm-groups";

static const char *const classes[] = { "cat", "dog", "a  b", "\xc3\xa4", "x y", "6", "7", "8",
    "9", "10", "11", "12" };

/* A model as a trainer would have it: of the tensors of another. */
struct made {
    struct model base;
    struct params params;
    struct checkpoint checkpoint;
    struct view_rule rule;
    json_t *training;
};

/* The groups of a convolution don't show in its weight; whichever, it must come back. */
static void make(struct made *made, const char *base, const char *path)
{
    struct error error;
    *made = (struct made){ .rule = { 33, 27, 34, 28, FIT_CROP, VIEW_TIMM, FILTER_BICUBIC,
                               { 0.485f, 0.456f, 0.406f }, { 0.229f, 0.224f, 0.225f } } };
    ck_assert_msg(
        model_open(&made->base, base, "SACCADE_VIT", "", &error) == 0, "%s", error.text);
    const struct tensors *tensors = &made->base.tensors;
    for (size_t i = 0; i < tensors->count; i++) {
        const struct tensor *tensor = &tensors->items[i];
        struct param param = { .rank = tensor->rank, .trained = true };
        if (tensor->type == TENSOR_OTHER)
            continue;
        snprintf(param.name, sizeof param.name, "%s", tensor->name);
        memcpy(param.shape, tensor->shape, sizeof param.shape);
        param.groups = tensor->rank < 4 ? 0 : tensor->shape[0] % 2 ? 1 : 2;
        ck_assert_int_eq(params_add(&made->params, &param, &error), 0);
    }
    ck_assert_int_eq(params_allocate(&made->params, &error), 0);
    for (size_t i = 0; i < made->params.count; i++) {
        const struct param *param = &made->params.items[i];
        float *values = malloc(param->count * sizeof *values);
        tensor_to_floats(tensors_find(tensors, param->name), values);
        param_import(param, values, made->params.values + param->at);
        free(values);
    }
    made->training = json_pack("{s:i, s:f}", "epochs", 3, "accuracy", 0.5);
    made->checkpoint = (struct checkpoint){ .path = path,
        .params = &made->params,
        .values = made->params.values,
        .config = made->base.config,
        .rule = &made->rule,
        .crop = 0.95,
        .classes = classes,
        .class_count =
            (size_t)json_integer_value(json_object_get(made->base.config, "num_classes")),
        .training = made->training };
    ck_assert_uint_le(made->checkpoint.class_count, sizeof classes / sizeof *classes);
}

static void drop_made(struct made *made)
{
    params_free(&made->params);
    model_close(&made->base);
    json_decref(made->training);
}

static int keep(void *argument)
{
    const struct made *made = argument;
    struct error error;
    return checkpoint_write(&made->checkpoint, &error);
}

static void expect_kept(struct made *made)
{
    struct error error;
    ck_assert_msg(checkpoint_write(&made->checkpoint, &error) == 0, "%s", error.text);
}

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

/* The first number of the model that is there; 0: none is. */
static float first_value(const struct made *made)
{
    struct resnet resnet;
    struct error error;
    if (resnet_open(&resnet, made->checkpoint.path, NULL, &error) < 0)
        return 0;
    float values[1 << 12];
    const struct tensor *tensor = tensors_find(&resnet.model.tensors, "bn1.bias");
    ck_assert_uint_le(tensor->count, 1 << 12);
    tensor_to_floats(tensor, values);
    /* The configuration is that of these weights. */
    const char *name = model_class_name(&resnet.model, 0);
    ck_assert_str_eq(name, values[0] > 2.5f ? "new" : "cat");
    resnet_close(&resnet);
    return values[0];
}

static void set_first(struct made *made, float value)
{
    const struct param *param = params_find(&made->params, "bn1.bias");
    made->params.values[param->at] = value;
}

/* Killed at any call: the model of before or the new one; where its configuration is another,
 * never weights with another's. */
START_TEST(is_never_mixed)
{
    const bool single = _i & 1, other_config = _i & 2;
    int status = CUT_STATUS, calls = 0, none = 0;
    struct made made;
    make(&made, resnet_base, inside(single ? "m.safetensors" : "model"));
    made.checkpoint.class_count = 7;
    for (; status == CUT_STATUS; calls++) {
        static const char *names[7];
        memcpy(names, classes, sizeof names);
        made.checkpoint.classes = names;
        set_first(&made, 2);
        expect_kept(&made);
        set_first(&made, other_config ? 3 : 1);
        if (other_config)
            names[0] = "new";
        status = cut_at(calls, keep, &made);
        const float value = first_value(&made);
        const float due = other_config ? 3 : 1;
        none += value == 0;
        ck_assert_msg(status == CUT_STATUS
                          ? value == due || value == 2 || (value == 0 && other_config)
                          : value == due,
            "call %d: %g", calls, (double)value);
        expect_kept(&made); /* and it can be written anew */
        ck_assert(first_value(&made) == due);
    }
    ck_assert_int_eq(status, DONE_STATUS);
    ck_assert_int_ge(calls, 8);
    ck_assert_int_eq(none > 0, other_config);
    drop_made(&made);
}
END_TEST

/* The first one of all: none, or all of it. */
START_TEST(first_is_whole_or_none)
{
    int status = CUT_STATUS, calls = 0;
    struct made made;
    make(&made, resnet_base, NULL);
    set_first(&made, 1);
    for (; status == CUT_STATUS; calls++) {
        made.checkpoint.path = inside("model%d%s", calls, _i ? ".safetensors" : "");
        status = cut_at(calls, keep, &made);
        const float value = first_value(&made);
        ck_assert(status == CUT_STATUS ? value == 0 || value == 1 : value == 1);
        expect_kept(&made);
        ck_assert(first_value(&made) == 1);
    }
    ck_assert_int_eq(status, DONE_STATUS);
    drop_made(&made);
}
END_TEST

START_TEST(full_disks_leave_the_old_one)
{
    struct made made;
    make(&made, resnet_base, inside("model"));
    set_first(&made, 2);
    expect_kept(&made);
    set_first(&made, 1);
    const size_t size = size_of(inside("model/model.safetensors"));
    for (size_t room = 0; room < size; room += size / 40) {
        ck_assert_int_eq(with_room(room, keep, &made), BAD_SYSTEM);
        ck_assert(first_value(&made) == 2);
    }
    expect_kept(&made);
    ck_assert(first_value(&made) == 1);
    drop_made(&made);
}
END_TEST

static void set_up(void)
{
    make_folder();
    unsetenv("SACCADE_MODELS");
}

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
    tcase_add_loop_test(tests, is_never_mixed, 0, 4);
    tcase_add_loop_test(tests, first_is_whole_or_none, 0, 2);
    tcase_add_test(tests, full_disks_leave_the_old_one);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
