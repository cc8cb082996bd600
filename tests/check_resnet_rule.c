/* common/resnet_rule: which pictures a ResNet takes; common/resnet_places: where it is read. */
#include "tests/tinyresnet.h"

/* What the file's name, a configuration or a preprocessor makes of the input. expected: "input
 * fit from filter mean std of red", or "!" and part of the message. */
static const struct {
    int naming;
    const char *file, *edits, *config, *preprocessor, *expected;
} rules[] = {
    { 0, "resnet18-f37072fd", "", "", "", "224x224 0 256x256 bilinear 0.485 0.229" },
    { 0, "resnet50-11ad3fa6", "", "", "", "224x224 0 232x232 bilinear 0.485 0.229" },
    { 0, "resnet50-11ad3fa60", "", "", "", "224x224 0 256x256 bilinear 0.485 0.229" },
    { 0, "11ad3fa6", "", "", "", "224x224 0 256x256 bilinear 0.485 0.229" },
    { 0, "resnetaa50-1234", "", "", "", "!the file's name says resnetaa50-1234" },
    { 0, "x", DEEP, "", "", "224x224 0 256x256 bicubic unknown" },
    { 0, "x", "",
        "{\"architecture\":\"resnet18\",\"pretrained_cfg\":{\"input_size\":[3,160,176],"
        "\"crop_pct\":0.95,\"interpolation\":\"bicubic\",\"mean\":[0.5,0.4,0.3],"
        "\"std\":[0.25,0.25,0.25]}}",
        "", "176x160 0 185x168 bicubic 0.5 0.25" },
    { 0, "x", "", "{\"architecture\":\"resnet18\"}", "", "224x224 0 256x256 bicubic unknown" },
    { 0, "x", "", "{\"id2label\":{\"0\":\"a\"}}", "",
        "224x224 0 256x256 bilinear 0.485 0.229" },
    { 0, "x", "conv1.weight=[4,3,3,3] fc.weight>linear.weight fc.bias>linear.bias", "", "",
        "32x32 0 32x32 bilinear unknown" },
    { 1, "x", "", "", "", "224x224 0 256x256 bicubic 0.485 0.229" },
    { 1, "x", "", "",
        "{\"feature_extractor_type\":\"ConvNextFeatureExtractor\",\"crop_pct\":0.875,"
        "\"size\":224,\"resample\":3,\"image_mean\":[0.4,0.4,0.4],\"image_std\":[0.2,0.2,0.2]}",
        "224x224 0 256x256 bicubic 0.4 0.2" },
    { 1, "x", "", "",
        "{\"image_processor_type\":\"ConvNextImageProcessor\",\"crop_pct\":0.9,"
        "\"size\":{\"shortest_edge\":200},\"resample\":2}",
        "200x200 0 222x222 bilinear 0.5 0.5" },
    { 1, "x", "", "",
        "{\"image_processor_type\":\"ConvNextImageProcessorFast\","
        "\"size\":{\"shortest_edge\":383}}",
        "383x383 0 437x437 bicubic 0.5 0.5" },
    { 1, "x", "", "",
        "{\"image_processor_type\":\"ConvNextImageProcessor\",\"size\":{\"shortest_edge\":384}"
        "}",
        "384x384 1 384x384 bicubic 0.5 0.5" },
    { 1, "x", "", "", "{\"image_processor_type\":\"ConvNextImageProcessor\"}",
        "384x384 1 384x384 bicubic 0.5 0.5" },
    { 1, "x", "", "",
        "{\"image_processor_type\":\"ConvNextImageProcessor\",\"size\":{\"height\":224,"
        "\"width\":224}}",
        "!preprocessor: size is not understood" },
    { 1, "x", "", "", "{\"image_processor_type\":\"ConvNextImageProcessor\",\"crop_pct\":0}",
        "!preprocessor: crop_pct is not understood" },
    { 1, "x", "", "",
        "{\"image_processor_type\":\"ConvNextImageProcessor\",\"do_center_crop\":true}",
        "!preprocessor: do_center_crop is not understood" },
};

START_TEST(infers_rules)
{
    struct resnet resnet;
    struct error error;
    char found[200], name[64];
    snprintf(name, sizeof name, "%s.safetensors", rules[_i].file);
    tensorfile_begin(&file, NULL);
    add_base("", rules[_i].edits, rules[_i].naming);
    tensorfile_write(&file, inside("%s", name));
    if (*rules[_i].config)
        put_text(inside("config.json"), rules[_i].config);
    if (*rules[_i].preprocessor)
        put_text(inside("preprocessor_config.json"), rules[_i].preprocessor);
    const int status = open_file(&resnet, name, NULL, &error);
    if (*rules[_i].expected == '!') {
        ck_assert_int_eq(status, BAD_USAGE);
        ck_assert_msg(strstr(error.text, rules[_i].expected + 1) != NULL, "%s", error.text);
        return;
    }
    ck_assert_msg(status == 0, "%s", error.text);
    const struct input_model *input = &resnet.model.input;
    const struct view_rule *rule = &input->rule;
    const int length = snprintf(found, sizeof found, "%ux%u %d %ux%u %s ", rule->width,
        rule->height, (int)rule->fit, rule->resize_width, rule->resize_height,
        resample_filter_name(rule->filter));
    if (input->rule_known)
        snprintf(found + length, sizeof found - (size_t)length, "%g %g", (double)rule->mean[0],
            (double)rule->std[0]);
    else
        snprintf(found + length, sizeof found - (size_t)length, "unknown");
    ck_assert_str_eq(found, rules[_i].expected);
    resnet_close(&resnet);
}
END_TEST

/* A configuration of the directory's that speaks of another model is left out. */
START_TEST(leaves_out_another_configuration)
{
    struct resnet resnet;
    struct error error;
    write_base("", "", TORCHVISION);
    put_text(inside("config.json"), "{\"architecture\":\"resnetaa50\","
                                    "\"model_args\":{\"layers\":[3,4]}}");
    ck_assert_msg(open_file(&resnet, "x.safetensors", NULL, &error) == 0, "%s", error.text);
    ck_assert_ptr_null(resnet.model.config);
    ck_assert_str_eq(resnet.model.evidence[0].field, "configuration");
    ck_assert_str_eq(resnet.model.evidence[0].value, "config.json is not taken");
    resnet_close(&resnet);
}
END_TEST

/* A net by hand: stages of 2, 1 and 12 blocks. */
START_TEST(names_places)
{
    static const struct {
        const char *list, *expected; /* the places; or "!" and part of the message */
    } lists[] = {
        { "stem", "0" },
        { "layer1", "2" },
        { "layer3", "15" },
        { "stem..layer3", "0 2 3 15" },
        { "layer1..layer2,stem", "0 2 3" },
        { "layer2..layer2", "3" },
        { "layer1-0", "1" },
        { "layer1-1,layer1", "2" },
        { "layer2-0", "3" },
        { "layer3-0,layer3-10,layer3-11", "4 14 15" },
        { "layer4",
            "!layer4: no such place: there is stem, layer1..layer3, and single blocks" },
        { "layer0", "!layer0: no such place" },
        { "layer3-12", "!from layer1-0 to layer3-11" },
        { "layer", "!layer: no such place" },
        { "layer1x", "!layer1x: no such place" },
        { "layer1-", "!layer1-: no such place" },
        { "layer1-0x", "!layer1-0x: no such place" },
        { "layer2..layer1", "!layer2..layer1: no such place" },
        { "layer1-0..layer2", "!layer1-0..layer2: no such place" },
        { "layer1..", "!layer1..: no such place" },
        { "stem-0", "!stem-0: no such place" },
        { "stem,", "!: no such place" },
        { "", "!: no such place" },
        { "layer99999999999999999999", "!no such place" },
        { "layer1-99999999999999999999", "!no such place" },
        { "layer-1", "!no such place" },
    };
    const struct resnet resnet = { .stages = 3, .depths = { 2, 1, 12 }, .block_count = 15 };
    static const char *const names[] = { "stem", "layer1-0", "layer1", "layer2", "layer3-0" };
    char text[32];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        resnet_place_name(&resnet, i, text);
        ck_assert_str_eq(text, names[i]);
    }
    resnet_place_name(&resnet, 15, text);
    ck_assert_str_eq(text, "layer3");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        bool wanted[16];
        char found[100] = "";
        struct error error;
        if (*lists[i].expected == '!') {
            ck_assert_int_eq(resnet_places(&resnet, lists[i].list, wanted, &error), BAD_USAGE);
            ck_assert_msg(strstr(error.text, lists[i].expected + 1) != NULL, "%s", error.text);
            continue;
        }
        ck_assert_int_eq(resnet_places(&resnet, lists[i].list, wanted, &error), 0);
        for (size_t p = 0; p < 16; p++)
            if (wanted[p])
                snprintf(found + strlen(found), sizeof found - strlen(found), "%s%zu",
                    *found ? " " : "", p);
        ck_assert_str_eq(found, lists[i].expected);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resnet_rule");
    TCase *tests = tcase_create("resnet_rule");
    tcase_add_checked_fixture(tests, set_up, drop_folder);
    tcase_add_loop_test(tests, infers_rules, 0, sizeof rules / sizeof *rules);
    tcase_add_test(tests, leaves_out_another_configuration);
    tcase_add_test(tests, names_places);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
