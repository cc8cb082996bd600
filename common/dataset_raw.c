/* CIFAR's binary version: records of one label (CIFAR-10) or two (CIFAR-100: coarse, fine) and
 * [3, 32, 32] bytes. */
#include "common/dataset_parts.h"
#include "formats/io.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CIFAR_PIXELS = 3 * CIFAR_SIDE * CIFAR_SIDE };

struct cifar {
    const struct plan *plan;
    size_t next; /* file */
    size_t labels, classes;
    uint64_t record; /* of this file */
    struct input input;
};

static void close_file(struct cifar *cifar)
{
    if (cifar->input.fd >= 0)
        close(cifar->input.fd);
    cifar->input.fd = -1;
}

static void close_cifar(void *state)
{
    close_file(state);
    free(state);
}

static int open_file(struct cifar *cifar, struct error *error)
{
    const char *path = cifar->plan->files.items[cifar->next++];
    struct stat about;
    cifar->input.fd = open(path, O_RDONLY | O_CLOEXEC);
    cifar->input.name = path;
    cifar->input.at = cifar->input.end = 0;
    cifar->record = 0;
    if (cifar->input.fd < 0 || fstat(cifar->input.fd, &about) < 0)
        return fail_errno(error, "%.800s", path);
    const size_t size = cifar->labels + CIFAR_PIXELS;
    if (about.st_size % (off_t)size != 0)
        return fail(error, BAD_INPUT, "%.800s: truncated: %lld bytes are not records of %zu",
            path, (long long)about.st_size, size);
    return 0;
}

static int next_record(void *state, struct slot *slot, struct error *error)
{
    struct cifar *cifar = state;
    unsigned char labels[2];
    struct member *member;
    size_t got = 0;
    int status = 0;
    while (got == 0) {
        if (cifar->input.fd < 0 && cifar->next == cifar->plan->files.count)
            return 0;
        if (cifar->input.fd < 0)
            status = open_file(cifar, error);
        if (status == 0)
            status = input_read(&cifar->input, labels, cifar->labels, &got, error);
        if (status < 0)
            return status;
        if (got == 0)
            close_file(cifar);
    }
    const char *path = cifar->input.name;
    const int64_t at = input_tell(&cifar->input);
    status = sample_begin(&slot->sample, "record", error);
    if (status == 0)
        status = sample_add(&slot->sample, "bin", CIFAR_PIXELS, &member, error);
    if (status == 0)
        status = input_read(&cifar->input, member->bytes, CIFAR_PIXELS, &got, error);
    if (status == 0 && got < CIFAR_PIXELS)
        status = fail(error, BAD_INPUT, "%.800s: truncated", path);
    if (status == 0
        && asprintf(&slot->name, "%s: record %llu", path, (unsigned long long)cifar->record++)
               < 0)
        status = fail_memory(error, strlen(path));
    if (status < 0)
        return status;
    slot->label = labels[cifar->labels - 1];
    if ((uint64_t)slot->label >= cifar->classes)
        return fail(error, BAD_INPUT, "%.800s: corrupt: label %lld of CIFAR-%zu", slot->name,
            (long long)slot->label, cifar->classes);
    slot->form = FORM_PLANAR;
    slot->width = slot->height = CIFAR_SIDE;
    slot->path = at >= 0 ? path : NULL;
    slot->at = at;
    return 1;
}

/* CIFAR-10 where all sizes are of whole records of it and all labels in the file are below 10.
 */
static int find_version(struct cifar *cifar, struct error *error)
{
    const char *path = cifar->plan->files.items[0];
    struct stat about;
    unsigned char label = 0;
    const off_t size = 1 + CIFAR_PIXELS;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &about) < 0) {
        if (fd >= 0)
            close(fd);
        return fail_errno(error, "%.800s", path);
    }
    bool ten = about.st_size % size == 0;
    for (off_t at = 0; ten && at < about.st_size; at += size)
        ten = pread(fd, &label, 1, at) == 1 && label < 10;
    close(fd);
    const bool hundred = about.st_size % (size + 1) == 0;
    cifar->labels = ten ? 1 : 2;
    cifar->classes = ten ? 10 : 100;
    if (about.st_size == 0 || (!ten && !hundred))
        return fail(error, BAD_INPUT,
            "%.800s: %lld bytes: neither whole records of CIFAR-10 (3073) nor of CIFAR-100 "
            "(3074)",
            path, (long long)about.st_size);
    return 0;
}

int cifar_open(
    struct source *source, const struct plan *plan, struct names *classes, struct error *error)
{
    struct cifar *cifar = calloc(1, sizeof *cifar);
    if (!cifar)
        return fail_memory(error, sizeof *cifar);
    cifar->plan = plan;
    cifar->input.fd = -1;
    *source = (struct source){ cifar, next_record, close_cifar };
    int status = find_version(cifar, error);
    for (size_t i = 0; i < cifar->classes && status == 0; i++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        const bool named = plan->classes.count == cifar->classes;
        const char *name = named ? plan->classes.items[i] : number;
        status = names_add(classes, name, strlen(name), error);
    }
    return status;
}
