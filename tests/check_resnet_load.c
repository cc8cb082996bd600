/*
 * common/resnet_*: checkpoints that are not what they should be, made from a tiny one by an
 * edit or two, and what is then taken or refused. That the families are computed rightly is
 * check_resnet's.
 */
#include "common/gemm.h"
#include "tests/tinyresnet.h"

#define NO_PROJECTION                                                  \
    "layer2.0.downsample.0.weight- layer2.0.downsample.1.weight- "     \
    "layer2.0.downsample.1.bias- layer2.0.downsample.1.running_mean- " \
    "layer2.0.downsample.1.running_var-"
#define EIGHT                                                                        \
    "layer2.0.conv1.weight=[8,4,3,3] layer2.0.bn1.weight=[8] layer2.0.bn1.bias=[8] " \
    "layer2.0.bn1.running_mean=[8] layer2.0.bn1.running_var=[8] "                    \
    "layer2.0.conv2.weight=[8,8,3,3] layer2.0.bn2.weight=[8] layer2.0.bn2.bias=[8] " \
    "layer2.0.bn2.running_mean=[8] layer2.0.bn2.running_var=[8]"
#define THIRD(OUT, NORM)                                                                    \
    "+layer1.0.conv3.weight=" OUT " +layer1.0.bn3.weight=" NORM " +layer1.0.bn3.bias=" NORM \
    " +layer1.0.bn3.running_mean=" NORM " +layer1.0.bn3.running_var=" NORM

/* expected: "family stem kernel stride pool, first block's convolutions and their strides,
 * shortcut, stride and groups of the second, features classes", or "!" and part of the message.
 */
static const struct {
    int naming;
    const char *prefix, *edits, *config, *expected;
} cases[] = {
    { 0, "", "", "", "torchvision 1x7/2 pool 11 0 21 1 1 6 3" },
    { 0, "module.", "", "", "torchvision 1x7/2 pool 11 0 21 1 1 6 3" },
    { 0, "state_dict.model.backbone.", "", "", "torchvision 1x7/2 pool 11 0 21 1 1 6 3" },
    { 0, "model_ema.module.", "", "", "torchvision 1x7/2 pool 11 0 21 1 1 6 3" },
    { 0, "net._orig_mod.", "", "", "torchvision 1x7/2 pool 11 0 21 1 1 6 3" },
    { 1, "resnet.", "classifier.1.weight- classifier.1.bias-", "",
        "hf-resnet 1x7/2 pool 11 0 21 1 1 6 0" },
    { 1, "", "", "", "hf-resnet 1x7/2 pool 11 0 21 1 1 6 3" },
    { 0, "", "conv1.weight:F16 bn1.weight:BF16 fc.weight:F64 fc.bias:F16", "",
        "torchvision 1x7/2 pool 11 0 21 1 1 6 3" },
    { 0, "", "fc.weight- fc.bias-", "", "torchvision 1x7/2 pool 11 0 21 1 1 6 0" },
    { 0, "", DEEP, "", "timm 3x3/2 pool 11 0 21 1 1 6 3" },
    { 0, "",
        "layer2.0.downsample.0.weight>layer2.0.downsample.1.weight "
        "layer2.0.downsample.1.weight>layer2.0.downsample.2.weight "
        "layer2.0.downsample.1.bias>layer2.0.downsample.2.bias "
        "layer2.0.downsample.1.running_mean>layer2.0.downsample.2.running_mean "
        "layer2.0.downsample.1.running_var>layer2.0.downsample.2.running_var",
        "", "timm 1x7/2 pool 11 0 21 2 1 6 3" },
    { 0, "", "layer2.0.conv2.weight=[6,2,3,3]", "", "torchvision 1x7/2 pool 11 0 21 1 3 6 3" },

    /* The CIFAR nets, and stems that no tensor tells all of. */
    { 0, "", "conv1.weight=[4,3,3,3] fc.weight>linear.weight fc.bias>linear.bias", "",
        "cifar 1x3/1 11 0 21 1 1 6 3" },
    { 0, "",
        "conv1.weight=[4,3,3,3] fc.weight>linear.weight fc.bias>linear.bias " NO_PROJECTION
        " " EIGHT " fc.weight=[3,8]",
        "", "cifar 1x3/1 11 0 21 3 1 8 3" },
    { 0, "", "fc.weight>linear.weight fc.bias>linear.bias", "",
        "!conv1.weight is [4,3,7,7], should be [out,3,3,3]" },
    { 0, "",
        "conv1.weight=[4,3,3,3] fc.weight>linear.weight fc.bias>linear.bias " NO_PROJECTION, "",
        "!4 channels become 6 at stride 2, and there is no projection" },
    { 0, "", "conv1.weight=[4,3,3,3]", "", "!a stem of 3x3, whose stride and pooling no tens" },
    { 0, "", "conv1.weight=[4,3,3,3]", "{\"stem_stride\":1,\"stem_pool\":true}",
        "torchvision 1x3/1 pool 11 0 21 1 1 6 3" },
    { 0, "", "conv1.weight=[4,3,3,3]", "{\"stem_stride\":3,\"stem_pool\":true}",
        "!a stem of 3x3, whose stride and pooling no tensor tells" },
    { 0, "", NO_PROJECTION, "", "!block 0 of layer2: 4 channels become 6 at stride 2, and" },

    /* What configurations decide. */
    { 1, "resnet.", "classifier.1.weight- classifier.1.bias-",
        "{\"downsample_in_first_stage\":true}",
        "!block 0 of layer1: 4 channels become 4 at stride 2, and there is no projection" },
    { 1, "", "", "{\"hidden_act\":\"gelu\"}", "!x.json says hidden_act gelu: only relu is" },
    { 1, "", "", "{\"model_type\":\"regnet\"}",
        "!x.json says model_type regnet: not a ResNet" },
    { 1, "", "", "{\"depths\":[1,1]}", "hf-resnet 1x7/2 pool 11 0 21 1 1 6 3" },
    { 1, "", "", "{\"depths\":[1,2]}", "!x.json is of a model of other depths" },
    { 1, "", "", "{\"depths\":[1,1,1]}", "!x.json is of a model of other depths" },
    { 1, "", "embedder.embedder.convolution.weight=[4,3,3,3]", "", "!a stem of 3x3" },
    { 0, "", "", "{\"architecture\":\"resnet18\"}", "timm 1x7/2 pool 11 0 21 1 1 6 3" },
    { 0, "", "", "{\"architecture\":\"gluon_resnet18_v1b\"}",
        "timm 1x7/2 pool 11 0 21 1 1 6 3" },
    { 0, "", "", "{\"architecture\":\"resnetaa50\"}", "!it averages against aliasing" },
    { 0, "", "", "{\"architecture\":\"resnetblur18\"}", "!it blurs against aliasing" },
    { 0, "", "", "{\"architecture\":\"resnet50_gn\"}", "!it normalises in groups" },
    { 0, "", "", "{\"architecture\":\"hrnet_w18\"}", "!architecture hrnet_w18: not one of" },
    { 0, "", "", "{\"architecture\":\"resnet18\",\"global_pool\":\"avgmax\"}",
        "!x.json says global_pool avgmax: only avg" },
    { 0, "", "", "{\"model_args\":{\"act_layer\":\"relu\",\"aa_layer\":null}}",
        "torchvision 1x7/2 pool 11 0 21 1 1 6 3" },
    { 0, "", "", "{\"model_args\":{\"act_layer\":\"silu\"}}",
        "!x.json says model_args.act_layer \"silu\": not supported" },
    { 0, "", "", "{\"model_args\":{\"norm_layer\":\"groupnorm\"}}",
        "!norm_layer \"groupnorm\"" },
    { 0, "", "", "{\"model_args\":{\"aa_layer\":\"blur\"}}", "!aa_layer \"blur\"" },
    { 0, "", "", "{\"model_args\":{\"output_stride\":16}}", "!model_args.output_stride 16" },
    { 0, "", "", "{\"model_args\":{\"output_stride\":32,\"replace_stem_pool\":false}}",
        "torchvision 1x7/2 pool 11 0 21 1 1 6 3" },
    { 0, "", "", "{\"model_args\":{\"replace_stem_pool\":true}}", "!replace_stem_pool true" },
    { 0, "", "", "{\"model_args\":{\"block_args\":{\"attn_layer\":\"se\"}}}", "!block_args {" },
    { 0, "", "", "{\"model_args\":{\"global_pool\":\"max\"}}", "!global_pool \"max\"" },
    { 0, "", "", "{\"model_args\":{\"layers\":[1,3]}}", "!x.json is of a model of other dep" },

    /* What is not a ResNet that we know. */
    { 0, "", "+layer1.0.se.fc1.weight=[4]", "",
        "!layer1.0.se.fc1.weight says squeeze-and-exc" },
    { 0, "", "+layer1.0.se.conv.weight=[4]", "", "!says channel attention (ECA)" },
    { 0, "", "+maxpool.0.weight=[4,4,3,3]", "", "!in place of the stem's pooling" },
    { 0, "", "+layer1.0.convs.0.weight=[4]", "", "!says Res2Net" },
    { 0, "", "conv1.weight- +patch_embed.proj.weight=[4]", "", "!a Vision Transformer" },
    { 0, "my.", "", "", "!not a ResNet: none of its 38 tensors is a stem's convolution" },
    { 0, "", "+adapter.weight=[8]", "", "!adapter.weight: a tensor that no ResNet of these" },
    { 0, "", "+bn1.num_batches=[8]", "", "!bn1.num_batches: a tensor that no ResNet" },
    { 0, "", "+layer1.0.conv1.bias=[4]", "", "!layer1.0.conv1.bias: a tensor that no" },
    { 0, "", "+layer1.#.conv1.weight=[4]", "", "!layer1.#.conv1.weight: a tensor that no" },
    { 0, "", "+layer0.0.conv1.weight=[4,4,3,3]", "",
        "!layers go from 1 to 8, their blocks to" },
    { 0, "", "+layer9.0.conv1.weight=[4,4,3,3]", "", "!layers go from 1 to 8" },
    { 0, "", "+layer1.256.conv1.weight=[4,4,3,3]", "", "!layers go from 1 to 8" },
    { 0, "", "+layer99999999999999999999.0.conv1.weight=[4,4,3,3]", "", "!layers go from 1" },
    { 0, "", "+layer4.0.conv1.weight=[4,4,3,3]", "", "!layer3 has no blocks" },
    { 0, "", "+layer1.2.conv1.weight=[4,4,3,3]", "",
        "!block 1 of layer1: the first convolution is not there" },
    { 0, "", "+layer01.0.conv1.weight=[4,4,3,3]", "", "!two tensors for one place" },
    { 0, "", "+module.bn1.weight=[4]", "", "!two tensors for one place: bn1.weight and modul" },
    { 0, "", "+linear.weight=[3,6]", "", "!two tensors for one place: fc.weight and linear" },
    { 0, "", "bn1.running_mean- bn1.running_var-", "",
        "!bn1.weight: the norm has no running mean: group norms and the like" },
    { 0, "", "bn1.weight- bn1.bias- bn1.running_mean- bn1.running_var-", "",
        "!conv1.weight: no batch norm behind it (a pre-activation ResNet" },
    { 0, "",
        "+layer2.0.downsample.2.weight=[6] +layer2.0.downsample.2.bias=[6] "
        "+layer2.0.downsample.2.running_mean=[6] +layer2.0.downsample.2.running_var=[6]",
        "", "!block 0 of layer2: two projections" },

    /* Shapes and numbers. */
    { 0, "", "conv1.weight=[4,1,7,7]", "",
        "!conv1.weight is [4,1,7,7], should be [out,3,7,7]" },
    { 0, "", "conv1.weight=[4,3,7,3]", "", "!conv1.weight is [4,3,7,3], should be [out,3,7,7" },
    { 0, "", "conv1.weight=[4,3,5,5]", "", "!a stem of 3x3" },
    { 0, "", "conv1.weight=[0,3,7,7]", "", "!conv1.weight is [0,3,7,7]" },
    { 0, "", "layer2.0.conv2.weight=[6,4,3,3]", "",
        "!layer2.0.conv2.weight is [6,4,3,3], should be [out,a divisor of 6,3,3]" },
    { 0, "", "layer2.0.conv2.weight=[6,6,1,1]", "", "!is [6,6,1,1], should be [out,a divisor" },
    { 0, "", "layer2.0.downsample.0.weight=[6,4,3,3]", "", "!should be [out,4,1,1]" },
    { 0, "", "layer2.0.downsample.0.weight=[6,2,1,1]", "", "!should be [out,4,1,1]" },
    { 0, "", "layer1.0.bn2.running_var=[5]", "", "!running_var is [5], should be [4]" },
    { 0, "", "layer1.0.bn2.running_var=[]", "", "!running_var is [], should be [4]" },
    { 0, "", "fc.weight=[3,5]", "", "!fc.weight is [3,5], should be [classes,6]" },
    { 0, "", "fc.bias=[4]", "", "!fc.bias is [4], should be [3]" },
    { 0, "", "fc.bias-", "", "!fc.weight has no bias beside it" },
    { 0, "", "fc.weight-", "", "!fc.bias has no weight beside it" },
    { 0, "", THIRD("[4,4,1,1]", "[4]"), "",
        "!layer1.0.conv1.weight is [4,4,3,3], should be [" },
    { 0, "", "layer1.0.conv1.weight=[4,4,1,1] " THIRD("[4,4,1,1]", "[4]"), "",
        "torchvision 1x7/2 pool 111 0 21 1 1 6 3" },
    { 0, "", "layer1.0.conv1.weight=[4,4,1,1] " THIRD("[4,4,3,3]", "[4]"), "",
        "!layer1.0.conv3.weight is [4,4,3,3], should be [out,4,1,1]" },
    { 0, "", "bn1.bias:I32", "", "!bn1.bias: not of floating-point numbers" },
    { 0, "", "layer1.0.conv2.weight!nan", "",
        "*layer1.0.conv2.weight: its number 0 is not fi" },
    { 0, "", "layer1.0.bn2.bias!inf", "", "*layer1.0.bn2.bias: its number 0 is not finite" },
    { 0, "", "layer2.0.bn1.running_var!-0.01", "",
        "*running_var: its number 0, a variance, is" },
    { 0, "", "layer2.0.bn1.running_var!nan", "", "*running_var: its number 0 is not finite" },
    { 0, "", "layer2.0.bn1.running_var!0", "", "torchvision 1x7/2 pool 11 0 21 1 1 6 3" },
    { 0, "", "layer2.0.conv1.weight!3e38 layer2.0.bn1.weight!3e38", "",
        "*layer2.0.conv1.weight: times the norm behind it is beyond f32" },
    { 0, "", "layer2.0.bn1.running_mean!3e38 layer2.0.bn1.weight!3e38", "",
        "*layer2.0.conv1.weight: the norm behind it is beyond f32" },
    { 0, "", "fc.weight!nan", "", "*fc.weight: its number 0 is not finite" },
    { 0, "", "fc.bias!nan", "", "*fc.bias: its number 0 is not finite" },
};

static void summary(const struct resnet *r, char *text, size_t size)
{
    const struct resnet_block *first = r->blocks, *second = r->blocks + 1;
    snprintf(text, size, "%s %zux%zu/%zu %s%zu%zu%s %d %zu%zu %d %zu %zu %zu", r->family,
        r->stem_count, r->stem[0].kernel, r->stem[0].stride, r->pool ? "pool " : "",
        first->convs[0].stride, first->convs[1].stride, first->count == 3 ? "1" : "",
        (int)first->shortcut, second->convs[0].stride, second->convs[1].stride,
        (int)second->shortcut, second->convs[1].groups, r->features, r->model.classes);
}

START_TEST(opens_or_refuses)
{
    struct resnet resnet;
    struct error error;
    char found[300];
    write_base(cases[_i].prefix, cases[_i].edits, cases[_i].naming);
    const int status = open_it(&resnet, cases[_i].config, &error);
    if (strchr("!*", *cases[_i].expected)) {
        ck_assert_msg(status == (*cases[_i].expected == '!' ? BAD_USAGE : BAD_INPUT),
            "%d: %s, not %s", status, error.text, cases[_i].expected);
        ck_assert_msg(strstr(error.text, cases[_i].expected + 1) != NULL, "%s, not %s",
            error.text, cases[_i].expected);
        return;
    }
    ck_assert_msg(status == 0, "%s", error.text);
    summary(&resnet, found, sizeof found);
    ck_assert_str_eq(found, cases[_i].expected);
    run_both_ways(&resnet);
    resnet_close(&resnet);
}
END_TEST

static bool open_and_run(const char *config)
{
    struct resnet resnet;
    struct error error;
    const int status = open_it(&resnet, config, &error);
    ck_assert_msg(status == 0 || status == BAD_USAGE || status == BAD_INPUT, "%d: %s", status,
        error.text);
    if (status < 0)
        return false;
    json_t *about = resnet_describe(&resnet);
    ck_assert_ptr_nonnull(about);
    json_decref(about);
    for (size_t e = 0; e < resnet.model.evidence_count; e++) { /* for a column of a TSV */
        const struct evidence *at = &resnet.model.evidence[e];
        ck_assert(!strpbrk(at->value, "\t\n\033") && !strpbrk(at->why, "\t\n\033"));
    }
    run_both_ways(&resnet);
    resnet_close(&resnet);
    return true;
}

/* Every tensor missing, and in every odd shape and type: refused, or it runs. */
START_TEST(survives_odd_tensors)
{
    static const char *const edits[] = { "-", "=[]", "=[0]", "=[1]", "=[4]", "=[6]", "=[0,4]",
        "=[6,0,1,1]", "=[4,4,3,3]", "=[1,1,1,1]", "=[6,4,0,0]", "=[4611686018427387904,0]",
        "=[4,4,3,3,1]", ":I64", ":F16", ":BF16", ":F64", "!nan", "!inf", "!-1", "!1e9",
        ">linear.bias", ">module.bn1.weight", ">layer3.0.conv1.weight" };
    char name[128], edit[200];
    for (int naming = 0; naming < 2; naming++)
        for (size_t i = 0; i < TENSORS; i++)
            for (int part = 0; part < parts_of(i) && part < 4; part++)
                for (size_t e = 0; e < sizeof edits / sizeof *edits; e++) {
                    part_name(i, part, naming, name);
                    snprintf(edit, sizeof edit, "%s%s", name, edits[e]);
                    write_base("", edit, naming);
                    const bool taken = open_and_run("");
                    ck_assert_msg(
                        !taken || (e != 0 && strcmp(edits[e], "!nan") != 0), "%s", edit);
                    ck_assert_msg(taken || strncmp(edits[e], ":F", 2) != 0, "%s", edit);
                }
}
END_TEST

START_TEST(survives_odd_configurations)
{
    static const char *const texts[] = { "{\"model_args\":5}", "{\"architecture\":[]}",
        "{\"depths\":5}", "{\"depths\":[null,\"x\"]}", "{\"depths\":[-1,1]}",
        "{\"model_args\":{\"layers\":[1,1]}}", "{\"model_args\":{\"block\":[1,2]}}",
        "{\"pretrained_cfg\":[]}", "{\"pretrained_cfg\":{\"input_size\":[3,0,5]}}",
        "{\"pretrained_cfg\":{\"input_size\":[3,9223372036854775807,5]}}",
        "{\"pretrained_cfg\":{\"mean\":[1,2]}}", "{\"pretrained_cfg\":{\"crop_pct\":1e-300}}",
        "{\"hidden_act\":5,\"model_type\":[]}", "{\"stem_stride\":-1,\"stem_pool\":0}",
        "{\"id2label\":\"x\"}", "{\"global_pool\":7}",
        "{\"architecture\":\"resnet\\tb\\n\\u001b[31m\"}", "{\"model_type\":\"a\\nb\"}" };
    size_t taken = 0;
    for (int naming = 0; naming < 2; naming++)
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            write_base("", "", naming);
            taken += open_and_run(texts[i]);
        }
    ck_assert_uint_gt(taken, 20);
}
END_TEST

START_TEST(chooses_states)
{
    static const struct {
        const char *state, *expected;
    } states[] = { { NULL, "student" }, { "student", "student" }, { "other", "other" },
        { "nobody", "!--state nobody: the checkpoint has no such state dict" } };
    tensorfile_begin(&file, NULL);
    for (int i = 0; i < 2; i++)
        for (size_t t = 0; t < TENSORS; t++)
            for (int part = 0; part < parts_of(t) && part < 4; part++) {
                char name[128];
                const char *shape = t + 1 < TENSORS ? tensors[t][2]
                                    : part          ? (i ? "[4]" : "[3]")
                                                    : (i ? "[4,6]" : "[3,6]");
                part_name(t, part, TORCHVISION, name);
                add_edited(i ? "other.module." : "student.", name, shape, "");
            }
    tensorfile_write(&file, inside("x.safetensors"));
    remove(inside("x.json"));
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        struct resnet resnet;
        struct error error;
        const int status = open_file(&resnet, "x.safetensors", states[i].state, &error);
        if (*states[i].expected == '!') {
            ck_assert_int_eq(status, BAD_USAGE);
            ck_assert_msg(strstr(error.text, states[i].expected + 1) != NULL, "%s", error.text);
            continue;
        }
        ck_assert_msg(status == 0, "%s", error.text);
        ck_assert_uint_eq(resnet.model.classes, strcmp(states[i].expected, "other") ? 3 : 4);
        resnet_close(&resnet);
    }
}
END_TEST

int main(void)
{
    gemm_start();
    Suite *suite = suite_create("resnet_load");
    TCase *tests = tcase_create("resnet_load");
    tcase_add_unchecked_fixture(tests, set_up, drop_folder);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, opens_or_refuses, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tests, survives_odd_tensors);
    tcase_add_test(tests, survives_odd_configurations);
    tcase_add_test(tests, chooses_states);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
