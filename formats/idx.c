#include "formats/idx.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { BUFFER = 1 << 17, UNSIGNED_BYTES = 8 };

struct idx {
    const char *path;
    gzFile file; /* reads what isn't gzipped as it is */
    bool plain;
    unsigned rank;
    uint32_t sizes[IDX_MAX_RANK];
    size_t item;   /* bytes */
    uint64_t done; /* items */
};

static int truncated(const struct idx *idx, struct error *error)
{
    return fail(error, BAD_INPUT, "%.800s: truncated: ends inside %s", idx->path,
        idx->item ? "its data" : "its header");
}

/* Exactly size bytes; 0 where none follow and none need to. */
static int read_bytes(
    struct idx *idx, uint8_t *bytes, size_t size, bool may_end, struct error *error)
{
    for (size_t done = 0; done < size;) {
        const int got = gzread(idx->file, bytes + done, (unsigned)(size - done));
        int code = 0;
        const char *text = gzerror(idx->file, &code);
        if (code == Z_ERRNO)
            return fail_errno(error, "%.800s: read failed", idx->path);
        if (code == Z_MEM_ERROR)
            return fail_memory(error, BUFFER);
        if (got < 0 && code != Z_BUF_ERROR)
            return fail(error, BAD_INPUT, "%.500s: corrupt: %.200s", idx->path, text);
        if (got == 0 && code == 0 && done == 0 && may_end)
            return 0;
        if (got <= 0)
            return truncated(idx, error);
        done += (size_t)got;
    }
    return 1;
}

static int read_header(struct idx *idx, struct error *error)
{
    uint8_t bytes[4 + 4 * IDX_MAX_RANK];
    size_t item = 1;
    int status = read_bytes(idx, bytes, 4 + 4 * (size_t)idx->rank, false, error);
    if (status < 0)
        return status;
    if (bytes[0] || bytes[1] || bytes[2] != UNSIGNED_BYTES || bytes[3] != idx->rank)
        return fail(error, BAD_INPUT,
            "%.800s: refused: not an IDX file of unsigned bytes in %u dimensions", idx->path,
            idx->rank);
    for (unsigned i = 0; i < idx->rank; i++) {
        const uint8_t *at = bytes + 4 + 4 * (size_t)i;
        const uint32_t size =
            (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
        if (size == 0 || (i > 0 && size > IDX_MAX_SIDE))
            return fail(error, BAD_INPUT, "%.800s: refused: size %u is %u", idx->path, i, size);
        idx->sizes[i] = size;
        item *= i > 0 ? size : 1;
    }
    idx->item = item;
    return 0;
}

/* Of a plain file all is known at once. */
static int check_size(const struct idx *idx, const struct stat *about, struct error *error)
{
    const uint64_t due = 4 + 4 * (uint64_t)idx->rank + (uint64_t)idx->sizes[0] * idx->item;
    if (!idx->plain || !S_ISREG(about->st_mode) || (uint64_t)about->st_size == due)
        return 0;
    return fail(error, BAD_INPUT, "%.800s: %s: %lld bytes instead of %llu", idx->path,
        (uint64_t)about->st_size < due ? "truncated" : "corrupt", (long long)about->st_size,
        (unsigned long long)due);
}

static int begin(struct idx *idx, struct error *error)
{
    struct stat about;
    const int fd = open(idx->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) < 0 || !(idx->file = gzdopen(fd, "rb"))) {
        const int status = fail_errno(error, "%.800s", idx->path);
        if (fd >= 0)
            close(fd);
        return status;
    }
    gzbuffer(idx->file, BUFFER);
    idx->plain = gzdirect(idx->file);
    const int status = read_header(idx, error);
    return status < 0 ? status : check_size(idx, &about, error);
}

int idx_open(struct idx **idx, const char *path, unsigned rank, struct error *error)
{
    struct idx *made = calloc(1, sizeof *made);
    *idx = NULL;
    if (!made)
        return fail_memory(error, sizeof *made);
    made->path = path;
    made->rank = rank;
    const int status = begin(made, error);
    if (status == 0)
        *idx = made;
    else
        idx_close(made);
    return status;
}

void idx_close(struct idx *idx)
{
    if (!idx)
        return;
    if (idx->file)
        gzclose(idx->file);
    free(idx);
}

const uint32_t *idx_sizes(const struct idx *idx)
{
    return idx->sizes;
}

int idx_next(struct idx *idx, uint8_t *bytes, int64_t *at, struct error *error)
{
    uint8_t more;
    if (idx->done == idx->sizes[0]) {
        const int status = read_bytes(idx, &more, 1, true, error);
        return status <= 0 ? status
                           : fail(error, BAD_INPUT, "%.800s: corrupt: bytes behind its data",
                               idx->path);
    }
    *at = idx->plain ? (int64_t)(4 + 4 * (uint64_t)idx->rank + idx->done * idx->item) : -1;
    idx->done++;
    return read_bytes(idx, bytes, idx->item, false, error);
}
