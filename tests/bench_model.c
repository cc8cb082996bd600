/*
 * For make bench: writes a ViT-B/16 with random weights as X.safetensors, and X.json beside it.
 *   bench_model X.safetensors
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = 768, HIDDEN = 3072, LAYERS = 12, CLASSES = 1000, TOKENS = 197, ROOM = 1 << 16 };

static char header[ROOM];
static size_t length, offset;

static void tensor(const char *name, const char *shape, size_t count)
{
    length += (size_t)snprintf(header + length, ROOM - length,
        "%c\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
        length ? ',' : '{', name, shape, offset, offset + 4 * count);
    offset += 4 * count;
}

static void block(int number)
{
    static const struct {
        const char *name, *shape;
        size_t count;
    } parts[] = { { "norm1.weight", "768", DIM }, { "norm1.bias", "768", DIM },
        { "attn.qkv.weight", "2304,768", 3 * DIM * DIM }, { "attn.qkv.bias", "2304", 3 * DIM },
        { "attn.proj.weight", "768,768", DIM * DIM }, { "attn.proj.bias", "768", DIM },
        { "norm2.weight", "768", DIM }, { "norm2.bias", "768", DIM },
        { "mlp.fc1.weight", "3072,768", HIDDEN * DIM }, { "mlp.fc1.bias", "3072", HIDDEN },
        { "mlp.fc2.weight", "768,3072", HIDDEN * DIM }, { "mlp.fc2.bias", "768", DIM } };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[64];
        snprintf(name, sizeof name, "blocks.%d.%s", number, parts[i].name);
        tensor(name, parts[i].shape, parts[i].count);
    }
}

static int write_configuration(const char *path)
{
    char name[4096];
    snprintf(
        name, sizeof name, "%.*s.json", (int)(strlen(path) - strlen(".safetensors")), path);
    FILE *file = fopen(name, "w");
    if (!file)
        return -1;
    fputs(
        "{\"architecture\":\"vit_base_patch16_224\",\"pretrained_cfg\":{\"input_size\":[3,224,"
        "224],\"crop_pct\":0.9,\"interpolation\":\"bicubic\",\"mean\":[0.5,0.5,0.5],"
        "\"std\":[0.5,0.5,0.5]}}\n",
        file);
    return fclose(file);
}

int main(int argc, char **argv)
{
    if (argc != 2 || strlen(argv[1]) < 13)
        return 2;
    tensor("cls_token", "1,1,768", DIM);
    tensor("pos_embed", "1,197,768", TOKENS * DIM);
    tensor("patch_embed.proj.weight", "768,3,16,16", DIM * DIM);
    tensor("patch_embed.proj.bias", "768", DIM);
    for (int i = 0; i < LAYERS; i++)
        block(i);
    tensor("norm.weight", "768", DIM);
    tensor("norm.bias", "768", DIM);
    tensor("head.weight", "1000,768", CLASSES * DIM);
    tensor("head.bias", "1000", CLASSES);
    header[length++] = '}';
    while (length % 8)
        header[length++] = ' ';
    FILE *file = fopen(argv[1], "w");
    if (!file)
        return 4;
    const uint64_t size = length; /* little-endian, as every machine that we bench */
    fwrite(&size, sizeof size, 1, file);
    fwrite(header, 1, length, file);
    uint32_t state = 1;
    for (size_t i = 0; i < offset / 4; i++) {
        state = state * 1664525u + 1013904223u;
        const float value = ((float)(state >> 8) / (float)(1 << 24) - 0.5f) * 0.1f;
        fwrite(&value, sizeof value, 1, file);
    }
    return fclose(file) != 0 || write_configuration(argv[1]) != 0 ? 4 : 0;
}
