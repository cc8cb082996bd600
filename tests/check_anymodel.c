/* common/anymodel: every checkpoint of tests/data is told to be of its kind, and means there
 * what it means to vitfwd or resnetfwd; what is neither is refused. */
#include "common/anymodel.h"
#include "tests/reference.h"
#include "tests/tinyresnet.h"

enum { MAX_CASES = 100 };

#define VITS "tests/data/vit"
#define RESNETS "tests/data/resnet"

static char cases[MAX_CASES][64];
static int vit_count, case_count; /* ViTs, then ResNets */

static void compare_input(const char *name, const struct model *any, const struct model *own)
{
    const struct view_rule *a = &any->input.rule, *b = &own->input.rule;
    ck_assert_str_eq(any->input.name, own->input.name);
    ck_assert_msg(a->width == b->width && a->height == b->height
                      && a->resize_width == b->resize_width
                      && a->resize_height == b->resize_height && a->fit == b->fit
                      && a->filter == b->filter && a->flavour == b->flavour,
        "%s: another input", name);
    ck_assert(any->input.rule_known == own->input.rule_known);
    ck_assert_double_eq(any->input.crop, own->input.crop);
    for (int i = 0; i < 3 && own->input.rule_known; i++)
        ck_assert(a->mean[i] == b->mean[i] && a->std[i] == b->std[i]);
}

static void compare(const char *name, const struct model *any, const struct model *own)
{
    ck_assert_str_eq(any->name, own->name);
    ck_assert_uint_eq(any->classes, own->classes);
    for (size_t i = 0; i < own->classes; i++)
        ck_assert_pstr_eq(model_class_name(any, i), model_class_name(own, i));
    ck_assert_uint_eq(any->evidence_count, own->evidence_count);
    for (size_t i = 0; i < own->evidence_count; i++) {
        ck_assert_str_eq(any->evidence[i].field, own->evidence[i].field);
        ck_assert_str_eq(any->evidence[i].value, own->evidence[i].value);
        ck_assert_str_eq(any->evidence[i].why, own->evidence[i].why);
    }
    compare_input(name, any, own);
}

START_TEST(tells_the_kind)
{
    const char *name = cases[_i];
    const bool cnn = _i >= vit_count;
    json_t *json = load_case(cnn ? RESNETS : VITS, name);
    char path[256];
    struct anymodel any;
    struct vit vit;
    struct resnet resnet;
    struct error error = { "" };
    struct vit_wishes wishes = { .state = NULL };
    if (cnn) {
        snprintf(path, sizeof path, RESNETS "/%s/%s", name,
            json_string_value(json_object_get(json, "file")));
        ck_assert_msg(resnet_open(&resnet, path, NULL, &error) == 0, "%s", error.text);
    } else {
        snprintf(path, sizeof path, VITS "/%s", name);
        if (vit_open(&vit, path, &wishes, &error) < 0) {
            struct error same = { "" };
            ck_assert_int_eq(anymodel_open(&any, path, &wishes, &same), BAD_USAGE);
            ck_assert_str_eq(same.text, error.text);
            wishes.heads = (size_t)json_integer_value(
                json_object_get(json_object_get(json, "config"), "heads"));
            ck_assert_msg(vit_open(&vit, path, &wishes, &error) == 0, "%s", error.text);
        }
    }
    ck_assert_msg(anymodel_open(&any, path, &wishes, &error) == 0, "%s", error.text);
    ck_assert_msg(any.cnn == cnn, "%s", name);
    compare(name, &any.model, cnn ? &resnet.model : &vit.model);
    if (cnn) {
        ck_assert_ptr_null(any.resnet.converted);
        resnet_close(&resnet);
    } else {
        vit_close(&vit);
    }
    anymodel_close(&any);
    json_decref(json);
}
END_TEST

/* A tiny ResNet, edited: what is said of it. expected "": it is taken. */
static const struct {
    const char *prefix, *edits, *state;
    size_t heads;
    const char *expected;
} edited[] = {
    { "", "", NULL, 0, "" },
    { "module.", "", NULL, 0, "" },
    { "model_ema.", "", NULL, 0, "" },
    { "model_state_dict.", "", NULL, 0, "" },
    { "other.", "", "other", 0, "" },
    { "other.", "", NULL, 0, "neither a ViT nor a ResNet: none of its 38 tensors is a patch" },
    { "", "", "other", 0, "--state other: the checkpoint has no such state dict" },
    { "", "", NULL, 3, "--num-heads 3: a ResNet has no heads" },
    { "", "conv1.weight-", NULL, 0, "neither a ViT nor a ResNet: none of its 37 tensors is" },
    { "", "layer2.0.conv2.weight-", NULL, 0,
        "block 0 of layer2: the second convolution is not" },
    { "", "+patch_embed.proj.weight=[4]", NULL, 0,
        "not a ViT: conv1.weight says a convolutional network: use resnetfwd" },
    { "", "+optimizer.state.conv1.weight=[4]", NULL, 0, "" },
    { "", "+optimizers.state.conv1.weight=[4]", NULL, 0,
        "optimizers.state.conv1.weight: a tens" },
    { "", "+optimizer.x=[4]", "optimizer", 0, "neither a ViT nor a ResNet" },
};

START_TEST(edits_count)
{
    struct anymodel any;
    struct error error = { "" };
    const struct vit_wishes wishes = { edited[_i].state, edited[_i].heads };
    write_base(edited[_i].prefix, edited[_i].edits, TORCHVISION);
    const int status = anymodel_open(&any, inside("x.safetensors"), &wishes, &error);
    if (!*edited[_i].expected) {
        ck_assert_msg(status == 0 && any.cnn, "%s", error.text);
        anymodel_close(&any);
        return;
    }
    ck_assert_int_eq(status, BAD_USAGE);
    ck_assert_msg(strncmp(error.text, folder, strlen(folder)) == 0, "%s", error.text);
    ck_assert_msg(strstr(error.text, edited[_i].expected) != NULL, "%s", error.text);
    ck_assert_ptr_null(any.model.path);
}
END_TEST

START_TEST(opens_the_default)
{
    struct anymodel any;
    struct error error = { "" };
    const struct vit_wishes wishes = { .state = NULL };
    unsetenv("SACCADE_VIT");
    ck_assert_msg(anymodel_open(&any, NULL, &wishes, &error) == 0, "%s", error.text);
    ck_assert(!any.cnn && strncmp(any.model.name, "vit-cifar10-p4:", 15) == 0);
    anymodel_close(&any);
    ck_assert_int_eq(setenv("SACCADE_VIT", "nobody", 1), 0);
    ck_assert_int_eq(anymodel_open(&any, NULL, &wishes, &error), BAD_SYSTEM);
}
END_TEST

int main(void)
{
    vit_count = list_cases(VITS, cases, MAX_CASES);
    const int resnet_count = list_cases(RESNETS, cases + vit_count, MAX_CASES - vit_count);
    case_count = vit_count + resnet_count;
    Suite *suite = suite_create("anymodel");
    TCase *tests = tcase_create("anymodel");
    tcase_add_unchecked_fixture(tests, set_up, drop_folder);
    tcase_add_loop_test(tests, tells_the_kind, 0, case_count);
    tcase_add_loop_test(tests, edits_count, 0, sizeof edited / sizeof *edited);
    tcase_add_test(tests, opens_the_default);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 || vit_count == 0 || resnet_count == 0;
}
