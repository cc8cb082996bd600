#include "formats/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* One read(2): bytes got, 0 at the end, BAD_SYSTEM. */
static ssize_t read_some(struct input *input, void *bytes, size_t size, struct error *error)
{
    ssize_t got;
    do
        got = read(input->fd, bytes, size);
    while (got < 0 && errno == EINTR);
    return got < 0 ? fail_errno(error, "%s: read failed", input->name) : got;
}

int input_read(struct input *input, void *bytes, size_t size, size_t *got, struct error *error)
{
    unsigned char *to = bytes;
    size_t done = input->end - input->at < size ? input->end - input->at : size;
    if (done > 0)
        memcpy(to, input->buffer + input->at, done);
    input->at += done;
    while (done < size) {
        const bool direct = size - done >= IO_BUFFER;
        const ssize_t n = direct ? read_some(input, to + done, size - done, error)
                                 : read_some(input, input->buffer, IO_BUFFER, error);
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        if (direct) {
            done += (size_t)n;
            continue;
        }
        const size_t take = (size_t)n < size - done ? (size_t)n : size - done;
        memcpy(to + done, input->buffer, take);
        done += take;
        input->at = take;
        input->end = (size_t)n;
    }
    *got = done;
    return 0;
}

int input_peek(struct input *input, size_t size, const unsigned char **bytes, size_t *got,
    struct error *error)
{
    while (input->end - input->at < size) {
        memmove(input->buffer, input->buffer + input->at, input->end - input->at);
        input->end -= input->at;
        input->at = 0;
        const ssize_t n =
            read_some(input, input->buffer + input->end, IO_BUFFER - input->end, error);
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        input->end += (size_t)n;
    }
    *bytes = input->buffer + input->at;
    *got = input->end - input->at < size ? input->end - input->at : size;
    return 0;
}

int64_t input_tell(const struct input *input)
{
    const off_t at = lseek(input->fd, 0, SEEK_CUR);
    return at < 0 ? -1 : (int64_t)at - (int64_t)(input->end - input->at);
}

/* Writes the buffer and then bytes behind it, with as few calls as the system allows. */
static int write_through(
    struct output *output, const void *bytes, size_t size, struct error *error)
{
    struct iovec pieces[2] = { { output->buffer, output->end }, { (void *)bytes, size } };
    struct iovec *piece = pieces;
    int left = 2;
    while (left > 0) {
        if (piece->iov_len == 0) {
            piece++;
            left--;
            continue;
        }
        const ssize_t n = writev(output->fd, piece, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail_errno(error, "%s: write failed", output->name);
        size_t done = (size_t)n;
        for (int i = 0; i < left && done > 0; i++) {
            const size_t take = done < piece[i].iov_len ? done : piece[i].iov_len;
            piece[i].iov_base = (char *)piece[i].iov_base + take;
            piece[i].iov_len -= take;
            done -= take;
        }
    }
    output->end = 0;
    return 0;
}

int output_write(struct output *output, const void *bytes, size_t size, struct error *error)
{
    if (size > IO_BUFFER - output->end)
        return write_through(output, bytes, size, error);
    if (size > 0)
        memcpy(output->buffer + output->end, bytes, size);
    output->end += size;
    return 0;
}

int output_flush(struct output *output, struct error *error)
{
    return write_through(output, NULL, 0, error);
}

int input_all(
    struct input *input, size_t limit, unsigned char **bytes, size_t *size, struct error *error)
{
    size_t room = IO_BUFFER, end = 0;
    unsigned char *all = malloc(room);
    if (!all)
        return fail_memory(error, room);
    for (;;) {
        size_t got;
        const int status = input_read(input, all + end, room - end, &got, error);
        if (status < 0 || end + got > limit) {
            free(all);
            return status < 0 ? status
                              : fail(error, BAD_INPUT, "%s: over the limit of %zu bytes",
                                  input->name, limit);
        }
        end += got;
        if (end < room)
            break;
        unsigned char *grown = realloc(all, room * 2);
        if (!grown) {
            free(all);
            return fail_memory(error, room * 2);
        }
        all = grown;
        room *= 2;
    }
    *bytes = all;
    *size = end;
    return 0;
}

int file_read(
    const char *path, size_t limit, unsigned char **bytes, size_t *size, struct error *error)
{
    struct input *input = calloc(1, sizeof *input);
    if (!input)
        return fail_memory(error, sizeof *input);
    input->name = path;
    input->fd = open(path, O_RDONLY | O_CLOEXEC);
    int status = input->fd < 0 ? fail_errno(error, "%s", path)
                               : input_all(input, limit, bytes, size, error);
    if (input->fd >= 0)
        close(input->fd);
    free(input);
    return status;
}

/* The file that a link leads to, or the path itself: malloc'd. *nameless: what it leads to has
 * no name of its own (/dev/stdout, on a pipe or a file that was unlinked). */
static char *follow_link(const char *path, bool *nameless)
{
    struct stat about;
    const bool link = lstat(path, &about) == 0 && S_ISLNK(about.st_mode);
    char *target = link ? realpath(path, NULL) : NULL;
    *nameless = link && !target && stat(path, &about) == 0;
    return target ? target : strdup(path);
}

int file_begin(const char *path, struct whole_file *file, struct error *error)
{
    struct stat about;
    bool nameless;
    *file = (struct whole_file){ .fd = -1, .path = follow_link(path, &nameless) };
    if (!file->path)
        return fail_memory(error, strlen(path));
    const bool there = stat(file->path, &about) == 0;
    const bool special = nameless || (there && !S_ISREG(about.st_mode));
    int status = 0;
    if (there && S_ISDIR(about.st_mode))
        status = fail(error, BAD_SYSTEM, "%s: is a directory", path);
    else if ((special ? (file->part = strdup(file->path)) == NULL
                      : asprintf(&file->part, "%s.part", file->path) < 0))
        status = fail_memory(error, strlen(path) + 6);
    if (status == 0) {
        file->fd =
            open(file->part, O_WRONLY | (special ? 0 : O_CREAT | O_TRUNC) | O_CLOEXEC, 0666);
        if (file->fd < 0)
            status = fail_errno(error, "%s", file->part);
    }
    if (status < 0)
        file_release(file);
    return status;
}

void file_release(struct whole_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    free(file->path);
    free(file->part);
    *file = (struct whole_file){ .fd = -1 };
}

int file_put(struct whole_file *file, const void *bytes, size_t size, struct error *error)
{
    for (size_t at = 0; at < size;) {
        const ssize_t wrote = write(file->fd, (const char *)bytes + at, size - at);
        if (wrote < 0 && errno != EINTR)
            return fail_errno(error, "%s: write failed", file->part);
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    return 0;
}

int file_close(struct whole_file *file, struct error *error)
{
    int status = 0;
    /* Pipes and devices can't be synced; everything that can lose data can. */
    if (fsync(file->fd) < 0 && errno != EINVAL && errno != EROFS)
        status = fail_errno(error, "%s: sync failed", file->part);
    if (close(file->fd) < 0 && status == 0)
        status = fail_errno(error, "%s: close failed", file->part);
    file->fd = -1;
    return status;
}

int file_rename(const struct whole_file *file, struct error *error)
{
    if (strcmp(file->part, file->path) != 0 && rename(file->part, file->path) < 0)
        return fail_errno(error, "%s: rename to %s failed", file->part, file->path);
    return 0;
}

int file_commit(struct whole_file *file, struct error *error)
{
    const int status = file_close(file, error);
    return status < 0 ? status : file_rename(file, error);
}
