/* The first frame of a GIF by giflib, on its canvas as Pillow does it. */
#include "formats/codecs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <gif_lib.h>

static int read_bytes(GifFileType *gif, GifByteType *to, int count)
{
    return (int)decoding_read(gif->UserData, to, (size_t)count);
}

static int fail_gif(const struct decoding *decoding, int code)
{
    const char *text = GifErrorString(code);
    const int kind = code == D_GIF_ERR_NOT_ENOUGH_MEM ? BAD_SYSTEM : BAD_SAMPLE;
    if (code == D_GIF_ERR_READ_FAILED || code == D_GIF_ERR_EOF_TOO_SOON)
        text = "premature end";
    return fail_codec(decoding->error, kind, "gif", text ? text : "broken");
}

/* Skips an extension's blocks, and takes the transparent index from a graphic control. */
static int read_extension(GifFileType *gif, int *transparent)
{
    int code;
    GifByteType *block;
    GraphicsControlBlock control;
    if (DGifGetExtension(gif, &code, &block) == GIF_ERROR)
        return GIF_ERROR;
    if (code == GRAPHICS_EXT_FUNC_CODE && block
        && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK
        && control.TransparentColor != NO_TRANSPARENT_COLOR)
        *transparent = control.TransparentColor;
    while (block)
        if (DGifGetExtensionNext(gif, &block) == GIF_ERROR)
            return GIF_ERROR;
    return GIF_OK;
}

/* Reads up to the first frame's description. */
static int find_frame(const struct decoding *decoding, GifFileType *gif, int *transparent)
{
    for (;;) {
        GifRecordType type;
        int code = DGifGetRecordType(gif, &type);
        if (code == GIF_OK && type == TERMINATE_RECORD_TYPE)
            return fail(decoding->error, BAD_SAMPLE, "gif: no frame");
        if (code == GIF_OK && type == EXTENSION_RECORD_TYPE)
            code = read_extension(gif, transparent);
        if (code == GIF_OK && type == IMAGE_DESC_RECORD_TYPE) {
            code = DGifGetImageDesc(gif);
            if (code == GIF_OK)
                return 0;
        }
        if (code == GIF_ERROR)
            return fail_gif(decoding, gif->Error);
    }
}

/* A palette that says what the indices say already, or none, is grey; an index beyond a
 * palette is black. */
static void fill_table(uint8_t table[256][3], const ColorMapObject *palette)
{
    bool grey = true;
    for (int i = 0; palette && i < palette->ColorCount; i++) {
        const GifColorType *colour = &palette->Colors[i];
        grey = grey && colour->Red == i && colour->Green == i && colour->Blue == i;
    }
    for (int i = 0; i < 256; i++)
        memset(table[i], grey ? i : 0, 3);
    for (int i = 0; palette && i < palette->ColorCount && i < 256; i++) {
        const GifColorType *colour = &palette->Colors[i];
        table[i][0] = colour->Red;
        table[i][1] = colour->Green;
        table[i][2] = colour->Blue;
    }
}

static uint32_t interlaced_line(uint32_t line, uint32_t height)
{
    static const uint32_t first[4] = { 0, 4, 2, 1 }, step[4] = { 8, 8, 4, 2 };
    for (int pass = 0; pass < 4; pass++) {
        const uint32_t lines =
            height > first[pass] ? (height - first[pass] + step[pass] - 1) / step[pass] : 0;
        if (line < lines)
            return first[pass] + line * step[pass];
        line -= lines;
    }
    return 0;
}

static int read_lines(
    struct decoding *decoding, GifFileType *gif, uint8_t table[256][3], GifPixelType *line)
{
    const GifImageDesc *frame = &gif->Image;
    const struct picture *picture = decoding->picture;
    const uint32_t width = (uint32_t)frame->Width, height = (uint32_t)frame->Height;
    for (uint32_t i = 0; i < height; i++) {
        if (DGifGetLine(gif, line, frame->Width) == GIF_ERROR)
            return fail_gif(decoding, gif->Error);
        const uint32_t y =
            (uint32_t)frame->Top + (frame->Interlace ? interlaced_line(i, height) : i);
        uint8_t *rgb = picture->rgb + 3 * ((size_t)y * picture->width + (size_t)frame->Left);
        for (uint32_t x = 0; x < width; x++)
            memcpy(rgb + 3 * x, table[line[x]], 3);
    }
    return 0;
}

/* The canvas grows to hold the frame; what the frame doesn't cover has the transparent
 * index, or index 0. */
static int read_frame(struct decoding *decoding, GifFileType *gif, int transparent)
{
    const GifImageDesc *frame = &gif->Image;
    const int right = frame->Left + frame->Width, bottom = frame->Top + frame->Height;
    const uint32_t width = (uint32_t)(right > gif->SWidth ? right : gif->SWidth);
    const uint32_t height = (uint32_t)(bottom > gif->SHeight ? bottom : gif->SHeight);
    if (frame->Width <= 0 || frame->Height <= 0)
        return fail(decoding->error, BAD_SAMPLE, "gif: an empty frame");
    int status = decoding_allocate(decoding, width, height);
    if (status)
        return status;

    uint8_t table[256][3];
    fill_table(table, frame->ColorMap ? frame->ColorMap : gif->SColorMap);
    const uint8_t *ground = table[transparent == NO_TRANSPARENT_COLOR ? 0 : transparent];
    if ((uint32_t)frame->Width != width || (uint32_t)frame->Height != height)
        for (size_t i = 0; i < (size_t)width * height; i++)
            memcpy(decoding->picture->rgb + 3 * i, ground, 3);

    GifPixelType *line = malloc((size_t)frame->Width);
    if (!line)
        return fail_memory(decoding->error, (unsigned long long)frame->Width);
    status = read_lines(decoding, gif, table, line);
    free(line);
    return status;
}

int gif_decode(struct decoding *decoding)
{
    int code = 0, transparent = NO_TRANSPARENT_COLOR;
    GifFileType *gif = DGifOpen(decoding, read_bytes, &code);
    if (!gif)
        return fail_gif(decoding, code);
    int status = 0;
    if (gif->SWidth > 0 && gif->SHeight > 0)
        status = decoding_check(decoding, (uint64_t)gif->SWidth, (uint64_t)gif->SHeight);
    if (!status)
        status = find_frame(decoding, gif, &transparent);
    if (!status)
        status = read_frame(decoding, gif, transparent);
    DGifCloseFile(gif, &code);
    return status;
}
