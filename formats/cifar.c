#include "formats/cifar.h"
#include "formats/io.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct cifar {
    unsigned classes;
    size_t labels; /* of a record */
    uint64_t record;
    struct input input;
};

/* Whether all labels are CIFAR-10's: those of CIFAR-100, read so, soon are not. */
static bool labels_fit(int fd, off_t size, off_t record)
{
    unsigned char label;
    for (off_t at = 0; at < size; at += record)
        if (pread(fd, &label, 1, at) != 1 || label >= 10)
            return false;
    return true;
}

static int find_version(struct cifar *cifar, const char *path, struct error *error)
{
    struct stat about;
    const off_t ten = 1 + CIFAR_PIXELS, hundred = 2 + CIFAR_PIXELS;
    if (fstat(cifar->input.fd, &about) < 0)
        return fail_errno(error, "%.800s", path);
    if (!S_ISREG(about.st_mode))
        return fail(error, BAD_INPUT, "%.800s: not a regular file", path);
    const off_t size = about.st_size;
    const bool whole = size % ten == 0, wholes = size % hundred == 0;
    if (size == 0 || (!whole && !wholes))
        return fail(error, BAD_INPUT,
            "%.800s: truncated: %lld bytes are no whole records of CIFAR-10 (3073) nor of "
            "CIFAR-100 (3074)",
            path, (long long)size);
    const bool small = whole && (!wholes || labels_fit(cifar->input.fd, size, ten));
    cifar->labels = small ? 1 : 2;
    cifar->classes = small ? 10 : 100;
    return 0;
}

int cifar_open(struct cifar **cifar, const char *path, struct error *error)
{
    struct cifar *made = calloc(1, sizeof *made);
    *cifar = NULL;
    if (!made)
        return fail_memory(error, sizeof *made);
    made->input.name = path;
    made->input.fd = open(path, O_RDONLY | O_CLOEXEC);
    const int status = made->input.fd < 0 ? fail_errno(error, "%.800s", path)
                                          : find_version(made, path, error);
    if (status == 0)
        *cifar = made;
    else
        cifar_close(made);
    return status;
}

void cifar_close(struct cifar *cifar)
{
    if (!cifar)
        return;
    if (cifar->input.fd >= 0)
        close(cifar->input.fd);
    free(cifar);
}

unsigned cifar_classes(const struct cifar *cifar)
{
    return cifar->classes;
}

int cifar_next(struct cifar *cifar, unsigned *label, uint8_t pixels[CIFAR_PIXELS], int64_t *at,
    struct error *error)
{
    unsigned char labels[2];
    size_t got;
    int status = input_read(&cifar->input, labels, cifar->labels, &got, error);
    if (status < 0 || got == 0)
        return status;
    *at = input_tell(&cifar->input);
    status = input_read(&cifar->input, pixels, CIFAR_PIXELS, &got, error);
    if (status < 0)
        return status;
    if (got < CIFAR_PIXELS)
        return fail(error, BAD_INPUT, "%.800s: truncated: ends inside record %llu",
            cifar->input.name, (unsigned long long)cifar->record);
    *label = labels[cifar->labels - 1];
    if (*label >= cifar->classes)
        return fail(error, BAD_INPUT, "%.800s: corrupt: record %llu has label %u of CIFAR-%u",
            cifar->input.name, (unsigned long long)cifar->record, *label, cifar->classes);
    cifar->record++;
    return 1;
}
