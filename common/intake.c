#include "common/intake.h"
#include "common/walk.h"
#include "formats/picture.h"
#include "formats/stream.h"
#include "formats/tar.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAGIC_AT = 257 }; /* in the header of ustar and its kin */

size_t stem_length(const char *name)
{
    const char *base = path_base(name), *dot = strrchr(base, '.');
    return dot && strspn(base, ".") < (size_t)(dot - base) ? (size_t)(dot - name)
                                                           : strlen(name);
}

int intake_open(struct intake *intake, const char *path, bool standard, struct error *error)
{
    struct input *input = &intake->input;
    struct stat about;
    input->at = input->end = 0;
    input->name = standard ? "standard input" : path;
    input->fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    intake->path = path;
    intake->standard = standard;
    if (input->fd < 0 || fstat(input->fd, &about) < 0) {
        const int status = fail_errno(error, "%.800s", input->name);
        intake_close(intake);
        return status;
    }
    intake->start = lseek(input->fd, 0, SEEK_CUR);
    intake->regular = S_ISREG(about.st_mode) && intake->start >= 0;
    intake->size = intake->regular ? (size_t)about.st_size : 0;
    return 0;
}

void intake_close(struct intake *intake)
{
    if (intake->input.fd > STDIN_FILENO)
        close(intake->input.fd);
    intake->input.fd = -1;
}

static bool is_tar(const unsigned char *bytes, size_t size)
{
    return size >= MAGIC_AT + 5 && memcmp(bytes + MAGIC_AT, "ustar", 5) == 0;
}

/* A stream that ends inside its first header, or a shard of nothing. */
static bool is_cut_or_empty(const unsigned char *bytes, size_t size)
{
    static const unsigned char zeros[TAR_BLOCK];
    return (size >= sizeof STREAM_KEY && memcmp(bytes, STREAM_KEY "/", sizeof STREAM_KEY) == 0)
           || (size == TAR_BLOCK && memcmp(bytes, zeros, TAR_BLOCK) == 0);
}

static bool is_raw_pnm(const unsigned char *bytes, size_t size)
{
    const char *kind = picture_kind(bytes, size);
    return kind && strcmp(kind, "pnm") == 0 && bytes[1] >= '4';
}

int intake_look(struct intake *intake, enum intake_kind *kind, struct error *error)
{
    const unsigned char *bytes;
    size_t got;
    const int status = input_peek(&intake->input, TAR_BLOCK, &bytes, &got, error);
    if (status < 0)
        return status;
    const char *extension = path_extension(intake->path);
    const bool picture = picture_kind(bytes, got);
    const bool named = !intake->standard && picture_suffix(extension);
    const bool tar = !intake->standard && strcasecmp(extension, "tar") == 0;
    if (is_tar(bytes, got) || (!picture && !named && is_cut_or_empty(bytes, got))
        || (tar && !picture))
        *kind = INTAKE_SHARD;
    else if (picture)
        *kind = is_raw_pnm(bytes, got) ? INTAKE_FRAMES : INTAKE_PICTURE;
    else if (named)
        *kind = INTAKE_NAMED;
    else
        *kind = got ? INTAKE_UNKNOWN : INTAKE_EMPTY;
    return 0;
}

static int find_suffix(struct intake *intake, char suffix[INTAKE_SUFFIX], struct error *error)
{
    static const char *const usual[][2] = { { "jpeg", "jpg" }, { "tiff", "tif" } };
    static const char *const pnm[] = { "pbm", "pgm", "ppm" };
    const unsigned char *bytes;
    size_t got;
    const int status = input_peek(&intake->input, 16, &bytes, &got, error);
    if (status < 0)
        return status;
    const char *extension = path_extension(intake->path);
    const char *kind = picture_kind(bytes, got);
    if (kind && strcmp(kind, "pnm") == 0)
        kind = pnm[(bytes[1] - '1') % 3];
    for (size_t i = 0; kind && i < sizeof usual / sizeof *usual; i++)
        if (strcmp(kind, usual[i][0]) == 0)
            kind = usual[i][1];
    if (!intake->standard && picture_suffix(extension))
        kind = extension;
    snprintf(suffix, INTAKE_SUFFIX, "%s", kind ? kind : "pnm");
    for (char *at = suffix; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return 0;
}

/* A file that can't be read is a bad sample; standard input isn't only one sample's. */
static int read_fault(const struct intake *intake, int status)
{
    return status < 0 && !intake->standard ? BAD_SAMPLE : status;
}

int intake_read(
    struct intake *intake, struct sample *sample, size_t room, size_t most, struct error *error)
{
    struct input *input = &intake->input;
    struct member *member;
    char suffix[INTAKE_SUFFIX];
    size_t end = 0;
    room = room < most ? room : most;
    int status = find_suffix(intake, suffix, error);
    if (status < 0)
        return read_fault(intake, status);
    status = sample_add(sample, suffix, room, &member, error);
    while (status == 0) {
        const unsigned char *bytes;
        size_t got = 0;
        status =
            read_fault(intake, input_read(input, member->bytes + end, room - end, &got, error));
        end += got;
        if (status < 0 || end < room || end == most)
            break;
        status = read_fault(intake, input_peek(input, 1, &bytes, &got, error));
        if (status < 0 || got == 0)
            break;
        room = room < most / 2 ? 2 * room : most;
        status = member_reserve(member, room, end, error);
    }
    if (status == 0)
        member->size = end;
    return status;
}

int intake_frame(struct intake *intake, size_t *length, struct error *error)
{
    for (size_t want = 64;; want *= 2) {
        const unsigned char *bytes;
        size_t got;
        int status = input_peek(&intake->input, want, &bytes, &got, error);
        if (status < 0)
            return status;
        *length = got;
        status = pnm_length(bytes, got, INTAKE_MAX_BYTES, length, error);
        if (status == 0 && *length > INTAKE_MAX_BYTES)
            return fail(error, BAD_SAMPLE, "over the limit of 1 GiB");
        if (status <= 0 || got < want)
            return status;
        if (want == IO_BUFFER)
            return fail(error, BAD_SAMPLE, "pnm: a header of more than %d bytes", IO_BUFFER);
    }
}

int intake_more(struct intake *intake, bool *more, bool *frame, struct error *error)
{
    const unsigned char *bytes;
    size_t got;
    const int status = input_peek(&intake->input, 3, &bytes, &got, error);
    *more = status == 0 && got > 0;
    *frame = status == 0 && is_raw_pnm(bytes, got);
    return status;
}
