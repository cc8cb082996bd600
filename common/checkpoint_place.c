/* Where a model is to be written: what may be known of it before any work is done. */
#include "common/checkpoint.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file of weights of a path, a directory or a file: whether it is there. */
static bool find_weights(const char *path, struct stat *about)
{
    char inside[PATH_MAX];
    if (stat(path, about) < 0 || !S_ISDIR(about->st_mode))
        return stat(path, about) == 0;
    return snprintf(inside, sizeof inside, "%s/model.safetensors", path) < PATH_MAX
           && stat(inside, about) == 0;
}

static bool same_file(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

int checkpoint_not_base(const char *path, const char *base, struct error *error)
{
    struct stat one, other;
    if (!find_weights(path, &one) || !find_weights(base, &other) || !same_file(&one, &other))
        return 0;
    size_t stem = checkpoint_stem(path);
    while (stem > 1 && path[stem - 1] == '/')
        stem--;
    return fail(error, BAD_USAGE,
        "-o %.300s is the base itself: say another place for what is made of it, as -o "
        "%.*s-tuned%.20s",
        path, (int)(stem < 300 ? stem : 300), path, path + stem);
}

size_t checkpoint_stem(const char *path)
{
    static const char ending[] = ".safetensors";
    const size_t length = strlen(path), size = strlen(ending);
    return length > size && strcmp(path + length - size, ending) == 0 ? length - size : length;
}

int checkpoint_reach(const char *path, struct error *error)
{
    char folder[PATH_MAX];
    struct stat about;
    const bool there = stat(path, &about) == 0, directory = there && S_ISDIR(about.st_mode);
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    while (!directory && length > 0 && path[length - 1] != '/')
        length--;
    if (length >= PATH_MAX)
        return fail(error, BAD_USAGE, "%.200s...: too long a path", path);
    snprintf(folder, sizeof folder, "%.*s", (int)length, length ? path : "");
    if (access(length ? folder : ".", W_OK | X_OK) < 0)
        return fail_errno(error, "-o %.800s: nothing can be written there", path);
    return there || path[checkpoint_stem(path)] ? checkpoint_check(path, NULL, 0, error) : 0;
}
