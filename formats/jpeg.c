/* JPEG by libjpeg, with the decoder's defaults, which are Pillow's too: the slow integer DCT
 * and fancy upsampling. */
#include "formats/codecs.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

enum {
    MARKER_EXIF = JPEG_APP0 + 1,
    MAX_SCANS = 500, /* a small file can ask for thousands of passes over a large picture */
    QUALITY = 92
};

/* What libjpeg's handlers find behind client_data. */
struct escape {
    jmp_buf point;
    struct jpeg_error_mgr errors;
    struct error *error;
    int status;
};

static void leave(j_common_ptr codec)
{
    struct escape *escape = codec->client_data;
    char text[JMSG_LENGTH_MAX];
    codec->err->format_message(codec, text);
    const int kind = codec->err->msg_code == JERR_OUT_OF_MEMORY ? BAD_SYSTEM : BAD_SAMPLE;
    escape->status = fail_codec(escape->error, kind, "jpeg", text);
    longjmp(escape->point, 1);
}

static void leave_with(j_common_ptr codec, int kind, const char *text)
{
    struct escape *escape = codec->client_data;
    escape->status = fail_codec(escape->error, kind, "jpeg", text);
    longjmp(escape->point, 1);
}

static void no_message(j_common_ptr codec)
{
    (void)codec;
}

static struct jpeg_error_mgr *escape_errors(struct escape *escape)
{
    jpeg_std_error(&escape->errors);
    escape->errors.error_exit = leave;
    escape->errors.output_message = no_message;
    return &escape->errors;
}

struct reading {
    struct jpeg_decompress_struct codec;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    struct escape escape;
    struct decoding *decoding;
    JSAMPLE *inks; /* a row of CMYK */
};

static void source_start(j_decompress_ptr codec)
{
    (void)codec;
}

static boolean source_fill(j_decompress_ptr codec)
{
    leave_with((j_common_ptr)codec, BAD_SAMPLE, "premature end");
    return FALSE;
}

static void source_skip(j_decompress_ptr codec, long count)
{
    struct jpeg_source_mgr *source = codec->src;
    if (count <= 0)
        return;
    if ((size_t)count > source->bytes_in_buffer)
        leave_with((j_common_ptr)codec, BAD_SAMPLE, "premature end");
    source->next_input_byte += count;
    source->bytes_in_buffer -= (size_t)count;
}

static void count_scans(j_common_ptr codec)
{
    if (((j_decompress_ptr)codec)->input_scan_number > MAX_SCANS)
        leave_with(codec, BAD_SAMPLE, "too many scans");
}

static void read_orientation(struct reading *reading)
{
    for (jpeg_saved_marker_ptr marker = reading->codec.marker_list; marker;
         marker = marker->next)
        if (marker->marker == MARKER_EXIF && marker->data_length > 6
            && !memcmp(marker->data, "Exif\0\0", 6)) {
            reading->decoding->orientation =
                exif_orientation(marker->data, marker->data_length);
            return;
        }
}

/* Adobe's CMYK is inverted, and like Pillow we take every CMYK JPEG for Adobe's. */
static void light_from_inverted(uint8_t *rgb, const JSAMPLE *inks, size_t width)
{
    for (size_t x = 0; x < width; x++)
        for (size_t c = 0; c < 3; c++)
            rgb[3 * x + c] = ink_to_light(255u - inks[4 * x + c], 255u - inks[4 * x + 3]);
}

static int read_header(struct reading *reading)
{
    struct jpeg_decompress_struct *codec = &reading->codec;
    const struct decoding *decoding = reading->decoding;
    jpeg_create_decompress(codec);
    reading->source.init_source = source_start;
    reading->source.fill_input_buffer = source_fill;
    reading->source.skip_input_data = source_skip;
    reading->source.resync_to_restart = jpeg_resync_to_restart;
    reading->source.term_source = source_start;
    reading->source.next_input_byte = decoding->bytes;
    reading->source.bytes_in_buffer = decoding->size;
    codec->src = &reading->source;
    reading->progress.progress_monitor = count_scans;
    codec->progress = &reading->progress;
    jpeg_save_markers(codec, MARKER_EXIF, 0xffff);

    jpeg_read_header(codec, TRUE);
    if (codec->num_components == 2 || codec->num_components > 4)
        return fail(decoding->error, BAD_SAMPLE, "jpeg: %d components", codec->num_components);
    return decoding_check(decoding, codec->image_width, codec->image_height);
}

/* The end marker is not asked for: what counts is that every row was there. */
static int read_rows(struct reading *reading)
{
    struct jpeg_decompress_struct *codec = &reading->codec;
    struct decoding *decoding = reading->decoding;
    const size_t width = codec->image_width;
    codec->out_color_space = codec->num_components == 4 ? JCS_CMYK : JCS_RGB;
    if (codec->num_components == 4)
        reading->inks = malloc(4 * width);
    if (codec->num_components == 4 && !reading->inks)
        return fail_memory(decoding->error, 4 * width);
    jpeg_start_decompress(codec);
    int status = decoding_allocate(decoding, width, codec->image_height);
    if (status)
        return status;
    while (codec->output_scanline < codec->output_height) {
        uint8_t *rgb = decoding->picture->rgb + 3 * width * codec->output_scanline;
        JSAMPROW row = reading->inks ? reading->inks : rgb;
        jpeg_read_scanlines(codec, &row, 1);
        if (reading->inks)
            light_from_inverted(rgb, reading->inks, width);
    }
    return 0;
}

/* No local lives across setjmp: what the reading owns is in *reading. */
static int read_guarded(struct reading *reading)
{
    if (setjmp(reading->escape.point))
        return reading->escape.status;
    int status = read_header(reading);
    if (status)
        return status;
    read_orientation(reading);
    return read_rows(reading);
}

int jpeg_decode(struct decoding *decoding)
{
    struct reading reading = { .decoding = decoding };
    reading.escape.error = decoding->error;
    reading.codec.err = escape_errors(&reading.escape);
    reading.codec.client_data = &reading.escape;
    const int status = read_guarded(&reading);
    jpeg_destroy_decompress(&reading.codec);
    free(reading.inks);
    return status;
}

struct writing {
    struct jpeg_compress_struct codec;
    struct jpeg_destination_mgr target;
    struct escape escape;
    const struct picture *picture;
    struct sink *sink;
    JOCTET buffer[1 << 15];
};

static void target_start(j_compress_ptr codec)
{
    struct writing *writing = (struct writing *)codec;
    writing->target.next_output_byte = writing->buffer;
    writing->target.free_in_buffer = sizeof writing->buffer;
}

static void target_write(j_compress_ptr codec, size_t count)
{
    struct writing *writing = (struct writing *)codec;
    if (sink_write(writing->sink, writing->buffer, count))
        leave_with((j_common_ptr)codec, BAD_SYSTEM, "out of memory");
    target_start(codec);
}

static boolean target_empty(j_compress_ptr codec)
{
    target_write(codec, sizeof((struct writing *)codec)->buffer);
    return TRUE;
}

static void target_end(j_compress_ptr codec)
{
    const struct writing *writing = (struct writing *)codec;
    target_write(codec, sizeof writing->buffer - writing->target.free_in_buffer);
}

static int write_guarded(struct writing *writing)
{
    struct jpeg_compress_struct *codec = &writing->codec;
    const struct picture *picture = writing->picture;
    if (setjmp(writing->escape.point))
        return writing->escape.status;
    jpeg_create_compress(codec);
    codec->dest = &writing->target;
    codec->image_width = picture->width;
    codec->image_height = picture->height;
    codec->input_components = 3;
    codec->in_color_space = JCS_RGB;
    jpeg_set_defaults(codec);
    jpeg_set_quality(codec, QUALITY, TRUE);
    for (int c = 0; c < 3; c++)
        codec->comp_info[c].h_samp_factor = codec->comp_info[c].v_samp_factor = 1;
    jpeg_start_compress(codec, TRUE);
    while (codec->next_scanline < codec->image_height) {
        JSAMPROW row = picture->rgb + 3 * (size_t)picture->width * codec->next_scanline;
        jpeg_write_scanlines(codec, &row, 1);
    }
    jpeg_finish_compress(codec);
    return 0;
}

int jpeg_encode(const struct picture *picture, struct sink *sink, struct error *error)
{
    struct writing writing = { .picture = picture, .sink = sink };
    writing.escape.error = error;
    writing.codec.err = escape_errors(&writing.escape);
    writing.codec.client_data = &writing.escape;
    writing.target.init_destination = target_start;
    writing.target.empty_output_buffer = target_empty;
    writing.target.term_destination = target_end;
    const int status = write_guarded(&writing);
    jpeg_destroy_compress(&writing.codec);
    return status;
}
