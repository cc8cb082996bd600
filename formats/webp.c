/* WebP by libwebp; of an animation the first frame on its canvas. */
#include "formats/codecs.h"

#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

static uint32_t read_24(const unsigned char *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
}

/* The canvas of an extended file, checked before anything looks further. */
static int check_canvas(const struct decoding *decoding)
{
    const unsigned char *chunk = decoding->bytes + 12;
    if (decoding->size < 30 || memcmp(chunk, "VP8X", 4))
        return 0;
    return decoding_check(
        decoding, (uint64_t)read_24(chunk + 12) + 1, (uint64_t)read_24(chunk + 15) + 1);
}

static const char *explain(VP8StatusCode code)
{
    switch (code) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return "premature end";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return "unsupported feature";
    default:
        return "broken bitstream";
    }
}

/* Decodes the frame at its place; what it doesn't cover is black, as transparent black
 * without its alpha. */
static int read_frame(
    struct decoding *decoding, const WebPIterator *frame, uint32_t width, uint32_t height)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return fail(decoding->error, BAD_SYSTEM, "webp: another version of libwebp");
    VP8StatusCode code =
        WebPGetFeatures(frame->fragment.bytes, frame->fragment.size, &config.input);
    if (code != VP8_STATUS_OK)
        return fail(decoding->error, BAD_SAMPLE, "webp: %s", explain(code));
    if (config.input.width != frame->width || config.input.height != frame->height
        || frame->x_offset < 0 || frame->y_offset < 0
        || (uint64_t)frame->x_offset + (uint64_t)frame->width > width
        || (uint64_t)frame->y_offset + (uint64_t)frame->height > height)
        return fail(decoding->error, BAD_SAMPLE, "webp: a frame outside its canvas");
    int status = decoding_allocate(decoding, width, height);
    if (status)
        return status;

    const size_t line = 3 * (size_t)width;
    const size_t start = line * (size_t)frame->y_offset + 3 * (size_t)frame->x_offset;
    uint8_t *rgb = decoding->picture->rgb;
    if ((uint32_t)frame->width != width || (uint32_t)frame->height != height)
        memset(rgb, 0, line * height);
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = rgb + start;
    config.output.u.RGBA.stride = (int)line;
    config.output.u.RGBA.size = line * height - start;
    code = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    WebPFreeDecBuffer(&config.output);
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return fail(decoding->error, BAD_SYSTEM, "webp: out of memory");
    if (code != VP8_STATUS_OK)
        return fail(decoding->error, BAD_SAMPLE, "webp: %s", explain(code));
    return 0;
}

static int read_orientation(const WebPDemuxer *demuxer)
{
    WebPChunkIterator exif = { 0 };
    int orientation = 1;
    if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &exif))
        orientation = exif_orientation(exif.chunk.bytes, exif.chunk.size);
    WebPDemuxReleaseChunkIterator(&exif);
    return orientation;
}

int webp_decode(struct decoding *decoding)
{
    const WebPData data = { decoding->bytes, decoding->size };
    WebPDemuxState state;
    int status = check_canvas(decoding);
    if (status)
        return status;
    WebPDemuxer *demuxer = WebPDemuxPartial(&data, &state);
    if (!demuxer || state != WEBP_DEMUX_DONE) {
        WebPDemuxDelete(demuxer);
        return fail(decoding->error, BAD_SAMPLE, "webp: %s",
            demuxer || state == WEBP_DEMUX_PARSING_HEADER ? "premature end"
                                                          : "broken structure");
    }
    WebPIterator frame = { 0 };
    if (WebPDemuxGetFrame(demuxer, 1, &frame))
        status = read_frame(decoding, &frame, WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH),
            WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT));
    else
        status = fail(decoding->error, BAD_SAMPLE, "webp: no frame");
    if (!status)
        decoding->orientation = read_orientation(demuxer);
    WebPDemuxReleaseIterator(&frame);
    WebPDemuxDelete(demuxer);
    return status;
}
