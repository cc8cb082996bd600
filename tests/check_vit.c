/*
 * common/vit: checkpoints that are not what they should be, made from a tiny one of timm's by
 * an edit or two, and what is then taken or refused. That the families are computed rightly is
 * check_families'.
 */
#include "common/gemm.h"
#include "tests/tinyvit.h"

/* Whether the file opens. What does must also run. */
static bool open_and_run(const char *config, const struct vit_wishes *wishes)
{
    struct vit vit;
    struct error error;
    const int status = open_it(&vit, config, wishes, &error);
    ck_assert_msg(status == 0 || status == BAD_USAGE, "%d: %s", status, error.text);
    if (status < 0)
        return false;
    json_t *about = vit_describe(&vit);
    ck_assert_ptr_nonnull(about);
    json_decref(about);
    run_forward(&vit);
    vit_close(&vit);
    return true;
}

/* expected: "family dim layers heads prefix grid readout mean", or "!" and part of the message.
 * config "": none. */
static const struct {
    const char *prefix, *edits, *config;
    struct vit_wishes wishes;
    const char *expected;
} cases[] = {
    { "", "", HEADS_OF_TWO, { 0 }, "timm 8 2 2 1 2x2 1 0" },
    { "", "", "", { 0, 4 }, "timm 8 2 4 1 2x2 1 0" },
    { "", "", HEADS_OF_TWO, { 0, 8 }, "timm 8 2 8 1 2x2 1 0" },
    { "module.", "", HEADS_OF_TWO, { 0 }, "timm 8 2 2 1 2x2 1 0" },
    { "module.backbone.", "", HEADS_OF_TWO, { 0 }, "timm 8 2 2 1 2x2 1 0" },
    { "", "norm.weight:F16 norm1.bias:BF16 head.weight:F64", HEADS_OF_TWO, { 0 },
        "timm 8 2 2 1 2x2 1 0" },
    { "", "head.weight- head.bias-", HEADS_OF_TWO, { 0 }, "timm 8 2 2 1 2x2 0 0" },
    { "", "head.bias-", HEADS_OF_TWO, { 0 }, "timm 8 2 2 1 2x2 1 0" },
    { "", "patch_embed.proj.bias-", HEADS_OF_TWO, { 0 }, "timm 8 2 2 1 2x2 1 0" },
    { "", "+reg_token=[1,4,8] cls_token- pos_embed=[1,4,8]", HEADS_OF_TWO, { 0 },
        "timm 8 2 2 4 2x2 3 1" },
    { "", "cls_token- pos_embed=[1,4,8]", HEADS_OF_TWO, { 0 }, "timm 8 2 2 0 2x2 3 1" },
    { "", "+decoder_embed.weight=[2] +mask_token=[1,1,8]", HEADS_OF_TWO, { 0 },
        "timm 8 2 2 1 2x2 1 0" },
    { "", "head.weight=[1,8] head.bias=[1]", HEADS_OF_TWO, { 0 }, "timm 8 2 2 1 2x2 1 0" },

    /* The number of heads. */
    { "", "", "", { 0 }, "!the number of heads is not in the shapes" },
    { "", "", HEADS_OF_TWO, { 0, 3 }, "!3 heads (--num-heads) don't divide dim 8" },
    { "", "", "{\"model_args\":{\"num_heads\":3}}", { 0 },
        "!3 heads (x.json model_args.num_heads) don't divide dim 8" },
    { "", "", HEADS_OF_TWO, { 0, 4096 }, "!4096 heads (--num-heads) don't divide dim 8" },

    /* Positions. */
    { "", "pos_embed=[1,7,8]", HEADS_OF_TWO, { 0 }, "!7 positions fit no square grid" },
    { "", "pos_embed=[1,7,8]", "{\"model_args\":{\"num_heads\":2,\"img_size\":[8,12]}}", { 0 },
        "timm 8 2 2 1 2x3 1 0" },
    { "", "pos_embed=[1,6,8]", "{\"model_args\":{\"num_heads\":2,\"img_size\":[12,8]}}", { 0 },
        "timm 8 2 2 1 3x2 1 0" },
    { "", "pos_embed=[1,7,8]", "{\"model_args\":{\"num_heads\":2,\"img_size\":[16,12]}}", { 0 },
        "!7 positions fit no square grid" },
    { "", "pos_embed=[1,5,7]", HEADS_OF_TWO, { 0 }, "!pos_embed: not of dim 8" },
    { "", "pos_embed-", HEADS_OF_TWO, { 0 }, "!has no position embedding" },
    { "", "pos_embed=[0,5,8]", HEADS_OF_TWO, { 0 }, "!0 positions" },

    /* What is not a ViT that we know. */
    { "layer1.0.", "patch_embed.proj.weight>conv1.weight", "", { 0 },
        "!layer1.0.conv1.weight says a convolutional network" },
    { "", "+layers.0.blocks.0.attn.relative_position_bias_table=[9,2]", HEADS_OF_TWO, { 0 },
        "!relative_position_bias_table says a Swin or another windowed model" },
    { "swin.encoder.", "+layers.0.blocks.0.attention.self.relative_position_bias_table=[9,2]",
        "", { 0 }, "!says a Swin or another windowed model" },
    { "", "+blocks.0.attn.relative_position_bias_table=[9,2]", HEADS_OF_TWO, { 0 },
        "!says relative positions (BEiT), not supported" },
    { "", "+blocks.0.attn.rope.freqs=[4]", HEADS_OF_TWO, { 0 }, "!rotary positions" },
    { "", "patch_embed.proj.weight-", HEADS_OF_TWO, { 0 },
        "!not a ViT: none of its 31 tensors is a patch embedding" },
    { "my.", "", HEADS_OF_TWO, { 0 }, "!not a ViT: none of its 32 tensors" },

    /* Tensors too many, too few, or of another kind. */
    { "", "+blocks.0.attn.extra=[8]", HEADS_OF_TWO, { 0 },
        "!blocks.0.attn.extra: a tensor that no ViT of the family timm has" },
    { "", "+adapter.weight=[8]", HEADS_OF_TWO, { 0 }, "!adapter.weight: a tensor that no ViT" },
    { "", "+blocks.#.ls1.gamma=[8]", HEADS_OF_TWO, { 0 },
        "!blocks.#.ls1.gamma: a tensor that" },
    { "", "+#=[8]", HEADS_OF_TWO, { 0 }, "!#: a tensor that no ViT" },
    { "", "+blocks.256.ls1.gamma=[8]", HEADS_OF_TWO, { 0 }, "!more than 256 layers" },
    { "", "+blocks.99999999999999999999.ls1.gamma=[8]", HEADS_OF_TWO, { 0 }, "!more than 256" },
    { "", "+blocks.2.ls1.gamma=[8]", HEADS_OF_TWO, { 0 },
        "!block 2 has no norm before its attention" },
    { "", "+module.norm.weight=[8]", HEADS_OF_TWO, { 0 },
        "!two tensors for one place: norm.weight and module.norm.weight" },
    { "", "+blocks.01.norm1.weight=[8]", HEADS_OF_TWO, { 0 }, "!two tensors for one place" },
    { "", "blocks.1.norm1.weight-", HEADS_OF_TWO, { 0 },
        "!block 1 has no norm before its attention" },
    { "", "blocks.1.attn.qkv.weight-", HEADS_OF_TWO, { 0 }, "!block 1 has no q, k and v" },
    { "", "blocks.1.attn.proj.weight-", HEADS_OF_TWO, { 0 },
        "!block 1 has no projection behind its attention" },
    { "", "blocks.1.mlp.fc2.weight-", HEADS_OF_TWO, { 0 },
        "!block 1 has no second layer of its MLP" },
    { "", "blocks.0.mlp.fc2.weight-", HEADS_OF_TWO, { 0 }, "!has no blocks with an MLP" },
    { "", "blocks.1.attn.qkv.bias-", HEADS_OF_TWO, { 0 },
        "!block 1 has no counterpart of blocks.0.attn.qkv.bias" },
    { "", "+blocks.1.ls1.gamma=[8]", HEADS_OF_TWO, { 0 },
        "!block 0 has no counterpart of blocks.1.ls1.gamma" },
    { "", "+blocks.1.mlp.fc1_g.weight=[16,8]", HEADS_OF_TWO, { 0 },
        "!block 0 has no counterpart of blocks.1.mlp.fc1_g.weight" },
    { "", "blocks.0.norm1.bias- blocks.1.norm1.bias-", HEADS_OF_TWO, { 0 },
        "!blocks.0.norm1.weight has no bias: RMS norms" },
    { "", "norm.bias-", HEADS_OF_TWO, { 0 }, "!norm.weight has no bias: RMS norms" },
    { "", "norm.weight-", HEADS_OF_TWO, { 0 }, "!norm.bias has no weight beside it" },
    { "", "head.weight-", HEADS_OF_TWO, { 0 }, "!head.bias has no weight beside it" },
    { "", "blocks.1.attn.qkv.weight:I64", HEADS_OF_TWO, { 0 },
        "!blocks.1.attn.qkv.weight: not of floating-point numbers" },
    { "", "cls_token:U16", HEADS_OF_TWO, { 0 }, "!cls_token: not of floating-point numbers" },

    /* Shapes. */
    { "", "blocks.1.attn.qkv.weight=[8,24]", HEADS_OF_TWO, { 0 },
        "!blocks.1.attn.qkv.weight is [8,24], should be [24,8]" },
    { "", "blocks.1.mlp.fc1.bias=[17]", HEADS_OF_TWO, { 0 },
        "!blocks.1.mlp.fc1.bias is [17], should be [1,16]" },
    { "", "blocks.0.mlp.fc1.weight=[17,8]", HEADS_OF_TWO, { 0 },
        "!blocks.0.mlp.fc1.weight is [17,8], should be [16,8]" },
    { "", "head.weight=[3,9]", HEADS_OF_TWO, { 0 }, "!head.weight is [3,9], should be [3,8]" },
    { "", "head.weight=[3,16]", HEADS_OF_TWO, { 0 },
        "!head.weight is [3,16], should be [3,8]" },
    { "", "head.weight=[24]", HEADS_OF_TWO, { 0 }, "!head.weight: takes [classes, dim]" },
    { "", "head.weight=[0,8] head.bias=[0]", HEADS_OF_TWO, { 0 }, "!takes [classes, dim]" },
    { "", "head.weight=[2305843009213693952,0]", HEADS_OF_TWO, { 0 }, "!head.weight is" },
    { "", "norm.weight=[]", HEADS_OF_TWO, { 0 }, "!norm.weight is [], should be [1,8]" },
    { "", "cls_token=[1,2,8]", HEADS_OF_TWO, { 0 }, "!cls_token is [1,2,8], should be [1,8]" },
    { "", "patch_embed.proj.weight=[8,1,4,4]", HEADS_OF_TWO, { 0 },
        "!patch_embed.proj.weight [8,1,4,4]: takes [dim, 3, rows, columns]" },
    { "", "patch_embed.proj.weight=[8,48]", HEADS_OF_TWO, { 0 }, "!takes [dim, 3, rows, colu" },
    { "", "patch_embed.proj.weight=[0,3,4,4]", HEADS_OF_TWO, { 0 }, "!takes [dim, 3, rows, c" },
    { "", "patch_embed.proj.weight=[8,3,0,4]", HEADS_OF_TWO, { 0 }, "!takes [dim, 3, rows, c" },
    { "", "patch_embed.proj.weight=[0,3,4,65537]", HEADS_OF_TWO, { 0 }, "!takes [dim, 3, row" },

    /* Heads that read what isn't there. */
    { "", "cls_token- pos_embed=[1,4,8]",
        "{\"model_args\":{\"num_heads\":2,\"global_pool\":\"token\"}}", { 0 },
        "!global_pool token, and no class token" },
    { "", "+head_dist.weight=[3,8] +head_dist.bias=[3]", HEADS_OF_TWO, { 0 },
        "!has a head for a distillation token, and no such token" },
    { "", "+dist_token=[1,1,8] cls_token-", HEADS_OF_TWO, { 0 },
        "!has a distillation token and no class token" },
    { "", "+dist_token=[1,1,8] pos_embed=[1,6,8]", HEADS_OF_TWO, { 0 },
        "timm 8 2 2 2 2x2 1 0" },
    { "", "+dist_token=[1,1,8] pos_embed=[1,6,8] +head_dist.weight=[3,8] +head_dist.bias=[3]",
        HEADS_OF_TWO, { 0 }, "timm 8 2 2 2 2x2 2 0" },

    /* Configurations that decide, and that don't know what they say. */
    { "", "+norm_pre.weight=[8] +norm_pre.bias=[8]", HEADS_OF_TWO, { 0 },
        "!a norm before the blocks as in CLIP, whose eps (1e-5) and GELU" },
    { "", "+norm_pre.weight=[8] +norm_pre.bias=[8]",
        "{\"architecture\":\"vit_base_patch16_clip_quickgelu_224\","
        "\"model_args\":{\"num_heads\":2}}",
        { 0 }, "timm 8 2 2 1 2x2 1 0" },
    { "", "", "{\"model_args\":{\"num_heads\":2,\"act_layer\":\"mish\"}}", { 0 },
        "!act_layer mish: an activation that is not known" },
    { "", "",
        "{\"architecture\":\"vit_base_patch16_rpn_224\",\"model_args\":{\"num_heads\":2}}",
        { 0 }, "!normalises behind its branches" },
    { "", "", "{\"model_args\":{\"num_heads\":2,\"embed_dim\":9}}", { 0 },
        "!x.json is of a model of another width or depth" },
    { "", "", "{\"model_args\":{\"num_heads\":2,\"depth\":3}}", { 0 },
        "!x.json is of a model of another width or depth" },
    { "", "", "{\"model_args\":{\"num_heads\":2},\"std\":[0,0,0],\"mean\":[0,0,0]}", { 0 },
        "!std" },
    { "", "", "{\"model_args\":{\"num_heads\":2},\"interpolation\":\"best\"}", { 0 },
        "!interpolation best is not known" },
};

START_TEST(opens_or_refuses)
{
    struct vit vit;
    struct error error;
    char found[300];
    const char *config = *cases[_i].config ? cases[_i].config : NULL;
    write_base(cases[_i].prefix, cases[_i].edits);
    const int status = open_it(&vit, config, &cases[_i].wishes, &error);
    if (*cases[_i].expected == '!') {
        ck_assert_msg(
            status == BAD_USAGE, "%d: %s, not %s", status, error.text, cases[_i].expected);
        ck_assert_msg(strstr(error.text, cases[_i].expected + 1) != NULL, "%s, not %s",
            error.text, cases[_i].expected);
        return;
    }
    ck_assert_msg(status == 0, "%s", error.text);
    const struct vit_config *c = &vit.config;
    snprintf(found, sizeof found, "%s %zu %zu %zu %zu %zux%zu %d %d", c->family, c->dim,
        c->layers, c->heads, c->prefix, c->pos_rows, c->pos_columns, (int)c->readout, c->mean);
    ck_assert_str_eq(found, cases[_i].expected);
    run_forward(&vit);
    vit_close(&vit);
}
END_TEST

/* A DINO training checkpoint: the teacher is taken, --state takes another. */
START_TEST(chooses_states)
{
    static const struct {
        const char *state, *expected;
    } states[] = {
        { NULL, "teacher" },
        { "teacher", "teacher" },
        { "student", "student" },
        { "nobody", "!--state nobody: the checkpoint has no such state dict" },
        { "teach", "!--state teach: the checkpoint has no such state dict" },
        { "", "!has no such state dict" },
    };
    tensorfile_begin(&file, NULL);
    add_base("student.module.backbone.", "");
    add_base("teacher.backbone.", "head.weight=[4,8] head.bias=[4]");
    tensorfile_write(&file, inside("x.safetensors"));
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        struct vit vit;
        struct error error;
        const int status =
            open_it(&vit, NULL, &(struct vit_wishes){ states[i].state, 2 }, &error);
        if (*states[i].expected == '!') {
            ck_assert_int_eq(status, BAD_USAGE);
            ck_assert_msg(strstr(error.text, states[i].expected + 1) != NULL, "%s", error.text);
            continue;
        }
        ck_assert_msg(status == 0, "%s", error.text);
        ck_assert_str_eq(vit.config.family, "dino");
        ck_assert_uint_eq(vit.model.classes, strcmp(states[i].expected, "teacher") ? 3 : 4);
        bool noted = false;
        for (size_t e = 0; e < vit.model.evidence_count; e++)
            noted |= strcmp(vit.model.evidence[e].field, "state") == 0
                     && strcmp(vit.model.evidence[e].value, states[i].expected) == 0;
        ck_assert(noted);
        vit_close(&vit);
    }
}
END_TEST

/* Every tensor missing, and in every odd shape and type: refused, or it runs. */
START_TEST(survives_odd_tensors)
{
    static const char *const edits[] = { "-", "=[]", "=[0]", "=[1]", "=[8]", "=[0,8]", "=[8,0]",
        "=[2,4]", "=[1,1,1,1,8]", "=[4611686018427387904,0]", "=[8,3,4,4]", "=[32,8]", ":I64",
        ":F16", ":BF16", ":F64", ">module.blocks.0.norm1.weight", ">reg_token", ">dist_token" };
    char name[64], edit[128];
    const char *shape;
    size_t taken = 0;
    for (size_t i = 0; i < TENSORS; i++)
        for (size_t e = 0; e < sizeof edits / sizeof *edits; e++) {
            tensor_of_base(i, name, &shape);
            snprintf(edit, sizeof edit, "%s%s", name, edits[e]);
            write_base("", edit);
            taken += open_and_run(HEADS_OF_TWO, &(struct vit_wishes){ 0 });
        }
    ck_assert_uint_gt(taken, 3 * TENSORS); /* the floats of other sizes at least */
}
END_TEST

START_TEST(survives_odd_configurations)
{
    static const char *const texts[] = { "{\"model_args\":5}", "{\"architecture\":[]}",
        "{\"model_args\":{\"num_heads\":-1}}", "{\"model_args\":{\"num_heads\":1e9}}",
        "{\"model_args\":{\"num_heads\":9223372036854775807}}",
        "{\"model_args\":{\"num_heads\":2,\"img_size\":[0,0]}}",
        "{\"model_args\":{\"num_heads\":2,\"img_size\":[-8,8]}}",
        "{\"model_args\":{\"num_heads\":2,\"img_size\":9223372036854775807}}",
        "{\"model_args\":{\"num_heads\":2,\"img_size\":[8]}}",
        "{\"model_args\":{\"num_heads\":2},\"pretrained_cfg\":[]}",
        "{\"model_args\":{\"num_heads\":2},\"pretrained_cfg\":{\"mean\":[1,2]}}",
        "{\"model_args\":{\"num_heads\":2},\"pretrained_cfg\":{\"mean\":[\"a\",2,3],"
        "\"std\":[1,1,1]}}",
        "{\"model_args\":{\"num_heads\":2},\"pretrained_cfg\":{\"crop_pct\":1e-300}}",
        "{\"model_args\":{\"num_heads\":2},\"pretrained_cfg\":{\"crop_pct\":-1}}",
        "{\"model_args\":{\"num_heads\":2},\"pretrained_cfg\":{\"crop_pct\":0.011}}",
        "{\"model_args\":{\"num_heads\":2},\"pretrained_cfg\":{\"std\":[1e39,1,1],"
        "\"mean\":[0,0,0]}}",
        "{\"model_args\":{\"num_heads\":2},\"label_names\":5,\"label_descriptions\":[]}",
        "{\"model_args\":{\"num_heads\":2},\"label_names\":[1,2,3]}",
        "{\"model_args\":{\"num_heads\":2},\"id2label\":{\"0\":5}}",
        "{\"model_args\":{\"num_heads\":2},\"id2label\":\"x\"}",
        "{\"model_args\":{\"num_heads\":2},\"vision_config\":{}}",
        "{\"model_args\":{\"num_heads\":2},\"global_pool\":\"\"}",
        "{\"model_args\":{\"num_heads\":2},\"global_pool\":\"map\"}",
        "{\"architecture\":\"a\\tb\\n\\u001b[31m\",\"model_args\":{\"num_heads\":2}}" };
    write_base("", "");
    size_t taken = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct vit vit;
        struct error error;
        taken += open_and_run(texts[i], &(struct vit_wishes){ 0 });
        if (open_it(&vit, texts[i], &(struct vit_wishes){ 0 }, &error) < 0)
            continue;
        for (size_t e = 0; e < vit.model.evidence_count; e++) { /* fit for a column of a TSV */
            const struct evidence *at = &vit.model.evidence[e];
            ck_assert(!strpbrk(at->value, "\t\n\033") && !strpbrk(at->why, "\t\n\033"));
        }
        vit_close(&vit);
    }
    ck_assert_uint_gt(taken, 10);
}
END_TEST

/* torchvision's representation layer, as wide as the class token and the mean together. */
START_TEST(reads_prelogits)
{
    static const char *const names[][2] = {
        { "class_token", "[1,1,8]" },
        { "encoder.pos_embedding", "[1,5,8]" },
        { "conv_proj.weight", "[8,3,4,4]" },
        { "conv_proj.bias", "[8]" },
        { "encoder.ln.weight", "[8]" },
        { "encoder.ln.bias", "[8]" },
        { "heads.pre_logits.weight", "[16,8]" },
        { "heads.pre_logits.bias", "[16]" },
        { "heads.head.weight", "[3,16]" },
        { "heads.head.bias", "[3]" },
        { "encoder.layers.encoder_layer_0.ln_1.weight", "[8]" },
        { "encoder.layers.encoder_layer_0.ln_1.bias", "[8]" },
        { "encoder.layers.encoder_layer_0.self_attention.in_proj_weight", "[24,8]" },
        { "encoder.layers.encoder_layer_0.self_attention.in_proj_bias", "[24]" },
        { "encoder.layers.encoder_layer_0.self_attention.out_proj.weight", "[8,8]" },
        { "encoder.layers.encoder_layer_0.self_attention.out_proj.bias", "[8]" },
        { "encoder.layers.encoder_layer_0.ln_2.weight", "[8]" },
        { "encoder.layers.encoder_layer_0.ln_2.bias", "[8]" },
        { "encoder.layers.encoder_layer_0.mlp.0.weight", "[16,8]" },
        { "encoder.layers.encoder_layer_0.mlp.0.bias", "[16]" },
        { "encoder.layers.encoder_layer_0.mlp.3.weight", "[8,16]" },
        { "encoder.layers.encoder_layer_0.mlp.3.bias", "[8]" },
    };
    struct vit vit;
    struct error error;
    for (int without = 0; without < 2; without++) {
        tensorfile_begin(&file, NULL);
        for (size_t i = (size_t)without; i < sizeof names / sizeof *names; i++)
            tensorfile_add(
                &file, names[i][0], "F32", without && i == 1 ? "[1,4,8]" : names[i][1]);
        tensorfile_write(&file, inside("x.safetensors"));
        const int status = open_it(&vit, NULL, &(struct vit_wishes){ NULL, 2 }, &error);
        ck_assert_int_eq(status, without ? BAD_USAGE : 0);
        if (without) {
            ck_assert_ptr_nonnull(
                strstr(error.text, "its head reads a class token, and it has"));
            continue;
        }
        ck_assert_int_eq(vit.config.readout, READ_CLASS);
        ck_assert_uint_eq(vit.config.features, 16);
        run_forward(&vit);
        vit_close(&vit);
    }
}
END_TEST

/* id2label, then label_names and what describes them, then labels.tsv where it has as many. */
START_TEST(names_classes)
{
    static const struct {
        const char *config, *labels, *expected;
    } names[] = {
        { "{\"id2label\":{\"0\":\"cat\",\"2\":\"owl\"}}", NULL, "cat - owl" },
        { "{\"label_names\":[\"n1\",\"n2\",\"n3\"],\"label_descriptions\":{\"n2\":\"dog\"}}",
            NULL, "n1 dog n3" },
        { "{\"label_names\":[\"n1\"]}", NULL, "n1 - -" },
        { NULL, "0\ta\n1\tb\n2\tc\n", "a b c" },
        { NULL, "0\ta\n1\tb\n", "- - -" },
        { "{\"id2label\":{\"1\":\"dog\"}}", "0\ta\n1\tb\n2\tc\n", "a dog c" },
        { NULL, NULL, "- - -" },
    };
    write_base("", "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct vit vit;
        struct error error;
        char found[100] = "";
        remove(inside("labels.tsv"));
        if (names[i].labels)
            put_text(inside("labels.tsv"), names[i].labels);
        ck_assert_msg(
            open_it(&vit, names[i].config, &(struct vit_wishes){ NULL, 2 }, &error) == 0, "%s",
            error.text);
        for (size_t c = 0; c < 3; c++) {
            const char *name = model_class_name(&vit.model, c);
            const size_t length = strlen(found);
            snprintf(
                found + length, sizeof found - length, "%s%s", c ? " " : "", name ? name : "-");
        }
        ck_assert_str_eq(found, names[i].expected);
        vit_close(&vit);
    }
    remove(inside("labels.tsv"));
}
END_TEST

int main(void)
{
    gemm_start();
    Suite *suite = suite_create("vit");
    TCase *tests = tcase_create("vit");
    tcase_add_unchecked_fixture(tests, set_up, drop_folder);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, opens_or_refuses, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tests, chooses_states);
    tcase_add_test(tests, survives_odd_tensors);
    tcase_add_test(tests, survives_odd_configurations);
    tcase_add_test(tests, reads_prelogits);
    tcase_add_test(tests, names_classes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
