/* What the paths of a data set hold, by what lies there. */
#include "common/dataset_parts.h"
#include "common/intake.h"
#include "common/walk.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TABLE_LIMIT = 1 << 26 };

static const char *const part_names[] = { "", "train", "test", "val" };

/* Words in file names that say which part it is. */
static const struct {
    const char *word;
    enum part part;
} words[] = {
    { "train", PART_TRAIN },
    { "trainval", PART_TRAIN },
    { "training", PART_TRAIN },
    { "data_batch", PART_TRAIN },
    { "test", PART_TEST },
    { "t10k", PART_TEST },
    { "val", PART_VAL },
    { "valid", PART_VAL },
    { "validation", PART_VAL },
};

/* The part that a name says: whole: it is nothing but the word. */
static enum part part_of(const char *name, bool whole)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const size_t length = strlen(words[i].word);
        if (whole && strcmp(name, words[i].word) == 0)
            return words[i].part;
        for (const char *at = name; !whole && (at = strstr(at, words[i].word)); at++)
            if ((at == name || !isalnum((unsigned char)at[-1]))
                && !isalnum((unsigned char)at[length]))
                return words[i].part;
    }
    return PART_NONE;
}

/* What a directory holds of one kind. */
struct finds {
    const char *directory;
    enum part wished;
    struct names names;
    enum part parts[4]; /* the parts that there are, each at its place */
};

static bool ends_in(const char *name, const char *ending)
{
    const size_t length = strlen(name), tail = strlen(ending);
    return length > tail && strcmp(name + length - tail, ending) == 0;
}

static int add_joined(
    struct names *names, const char *directory, const char *name, struct error *error)
{
    char *path;
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return fail_memory(error, strlen(directory));
    const int status = names_add(names, path, strlen(path), error);
    free(path);
    return status;
}

static int find_name(struct finds *finds, const char *name, enum part part, struct error *error)
{
    finds->parts[part] = part;
    if (finds->wished != PART_NONE && part != finds->wished)
        return 0;
    return add_joined(&finds->names, finds->directory, name, error);
}

/* Refuses several parts where none was wished for, and a part that isn't there. */
static int check_parts(const struct finds *finds, struct error *error)
{
    enum part first = PART_NONE;
    for (enum part part = PART_TRAIN; part <= PART_VAL; part++) {
        const bool there = finds->parts[part] != PART_NONE;
        if (there && first != PART_NONE && finds->wished == PART_NONE)
            return fail(error, BAD_USAGE, "%.500s holds %s and %s: say %.200s:%s or %.200s:%s",
                finds->directory, part_names[first], part_names[part], finds->directory,
                part_names[first], finds->directory, part_names[part]);
        if (there && first == PART_NONE)
            first = part;
    }
    if (finds->names.count == 0)
        return fail(error, BAD_USAGE, "%.500s has no part %s", finds->directory,
            part_names[finds->wished]);
    return 0;
}

enum file_kind { FILE_OTHER, FILE_TAR, FILE_CIFAR, FILE_IDX, FILE_DIRECTORY };

/* Where a name says that it is IDX's pictures, or NULL. */
static const char *images_word(const char *name)
{
    const char *word = strstr(name, "images-idx3-ubyte");
    return word ? word : strstr(name, "images.idx3-ubyte");
}

static enum file_kind kind_of(const char *directory, const struct dirent *entry)
{
    const char *name = entry->d_name;
    char *path;
    struct stat about;
    if (name[0] == '.')
        return FILE_OTHER;
    if (ends_in(name, ".tar"))
        return FILE_TAR;
    if (images_word(name))
        return FILE_IDX;
    if (ends_in(name, ".bin") && part_of(name, false) != PART_NONE)
        return FILE_CIFAR;
    if (asprintf(&path, "%s/%s", directory, name) < 0)
        return FILE_OTHER;
    const bool is_directory = stat(path, &about) == 0 && S_ISDIR(about.st_mode);
    free(path);
    return is_directory ? FILE_DIRECTORY : FILE_OTHER;
}

struct listing {
    struct dirent **entries;
    enum file_kind *kinds;
    size_t count;
    bool has[FILE_DIRECTORY + 1];
};

static void free_listing(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->entries[i]);
    free(listing->entries);
    free(listing->kinds);
}

static int by_bytes(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

/* Whether one name is the other with .gz behind it, which in bytewise order comes next. */
static bool is_packed_form(const char *name, const char *other)
{
    const size_t length = strlen(other);
    return strncmp(name, other, length) == 0 && strcmp(name + length, ".gz") == 0;
}

static int list(const char *directory, struct listing *listing, struct error *error)
{
    const int count = scandir(directory, &listing->entries, NULL, by_bytes);
    if (count < 0)
        return fail_errno(error, "%.800s", directory);
    listing->count = (size_t)count;
    listing->kinds = calloc(listing->count + 1, sizeof *listing->kinds);
    if (!listing->kinds)
        return fail_memory(error, listing->count);
    for (size_t i = 0; i < listing->count; i++) {
        listing->kinds[i] = kind_of(directory, listing->entries[i]);
        listing->has[listing->kinds[i]] = true;
        /* Packed and unpacked is one, the one that can be read anywhere. */
        if (i > 0 && listing->kinds[i] == FILE_IDX
            && is_packed_form(listing->entries[i]->d_name, listing->entries[i - 1]->d_name))
            listing->kinds[i] = FILE_OTHER;
    }
    return 0;
}

static bool lists(const struct listing *listing, const char *directory)
{
    for (size_t i = 0; i < listing->count; i++)
        if (listing->kinds[i] == FILE_DIRECTORY
            && strcmp(listing->entries[i]->d_name, directory) == 0)
            return true;
    return false;
}

static int set_kind(
    struct plan *plan, enum dataset_kind kind, const char *path, struct error *error)
{
    if (plan->files.count > 0 && plan->kind != kind)
        return fail(error, BAD_USAGE,
            "%.400s is another kind of data set than %.400s: take them one at a time", path,
            plan->files.items[0]);
    plan->kind = kind;
    return 0;
}

/* The names in classes.txt, or CIFAR's batches.meta.txt or fine_label_names.txt, one a line. */
static int read_names(const char *directory, struct names *names, struct error *error)
{
    static const char *const files[] = { "classes.txt", "batches.meta.txt",
        "fine_label_names.txt" };
    for (size_t i = 0; i < 3 && names->count == 0; i++) {
        char *path, *text = NULL;
        unsigned char *bytes = NULL;
        size_t size;
        if (asprintf(&path, "%s/%s", directory, files[i]) < 0)
            return fail_memory(error, strlen(directory));
        const bool there = access(path, F_OK) == 0;
        int status = there ? file_read(path, TABLE_LIMIT, &bytes, &size, error) : 0;
        if (status == 0 && there && memchr(bytes, 0, size))
            status = fail(error, BAD_INPUT, "%.800s: has a NUL, a text has none", path);
        free(path);
        if (status == 0 && there && !(text = strndup((char *)bytes, size)))
            status = fail_memory(error, size);
        char *rest = text;
        for (char *line; status == 0 && (line = strsep(&rest, "\r\n"));)
            if (*line)
                status = names_add(names, line, strlen(line), error);
        free(bytes);
        free(text);
        if (status < 0)
            return status;
    }
    return 0;
}

/* IDX: the file of labels that goes with one of pictures. */
static int add_labels(struct plan *plan, const char *images, struct error *error)
{
    char *path = strdup(images);
    if (!path)
        return fail_memory(error, strlen(images));
    char *word = path + (images_word(path_base(images)) - images);
    memcpy(word, "labels", 6);
    word[10] = '1'; /* of idx3 */
    const int status =
        access(path, F_OK) == 0
            ? names_add(&plan->labels, path, strlen(path), error)
            : fail(error, BAD_USAGE, "%.400s: its labels, %.400s, are not there", images, path);
    free(path);
    return status;
}

/* The directories right below this one: classes, with pictures or without. */
static int add_classes(struct plan *plan, const char *directory, struct error *error)
{
    struct listing listing = { 0 };
    int status = list(directory, &listing, error);
    for (size_t i = 0; i < listing.count && status == 0; i++) {
        const char *name = listing.entries[i]->d_name;
        if (listing.kinds[i] == FILE_DIRECTORY)
            status = names_add(&plan->classes, name, strlen(name), error);
    }
    free_listing(&listing);
    return status;
}

/* What the directory holds most of all: pairs of IDX, CIFAR, tars or directories. */
static enum file_kind chief_kind(const struct listing *listing)
{
    enum file_kind kind = FILE_DIRECTORY;
    for (enum file_kind i = FILE_TAR; i < FILE_DIRECTORY; i++)
        if (listing->has[i])
            kind = i;
    return kind;
}

/* The files of that kind and part; of directories those that are parts, or else the whole. */
static int find_files(struct finds *finds, const struct listing *listing, enum file_kind kind,
    struct error *error)
{
    const bool whole = kind == FILE_DIRECTORY;
    bool parted = !whole;
    int status = 0;
    for (size_t i = 0; i < listing->count && status == 0; i++) {
        const char *name = listing->entries[i]->d_name;
        const enum part part = part_of(name, whole);
        if (listing->kinds[i] != kind || (whole && part == PART_NONE))
            continue;
        parted = true;
        status = find_name(finds, name, part, error);
    }
    if (status == 0 && !parted && finds->wished == PART_NONE)
        status = names_add(&finds->names, finds->directory, strlen(finds->directory), error);
    return status < 0 ? status : check_parts(finds, error);
}

static int add_finds(
    struct plan *plan, const struct finds *finds, enum file_kind kind, struct error *error)
{
    int status = names_copy(&finds->names, &plan->files, error);
    for (size_t i = 0; i < finds->names.count && status == 0; i++) {
        if (kind == FILE_IDX)
            status = add_labels(plan, finds->names.items[i], error);
        else if (kind == FILE_DIRECTORY)
            status = add_classes(plan, finds->names.items[i], error);
    }
    if (status == 0 && kind != FILE_DIRECTORY && plan->classes.count == 0)
        status = read_names(finds->directory, &plan->classes, error);
    return status;
}

/* CIFAR pickled for Python. */
static bool is_pickled(const struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        if (strcmp(listing->entries[i]->d_name, "batches.meta") == 0)
            return true;
    return false;
}

static int plan_directory(
    struct plan *plan, const char *directory, enum part part, struct error *error)
{
    static const enum dataset_kind kinds[] = { SET_PICTURES, SET_SHARDS, SET_CIFAR, SET_IDX,
        SET_PICTURES };
    struct finds finds = { .directory = directory, .wished = part };
    struct listing listing = { 0 };
    int status = list(directory, &listing, error);
    const enum file_kind kind = chief_kind(&listing);
    const bool pets =
        kind == FILE_DIRECTORY && lists(&listing, "images") && lists(&listing, "annotations");
    if (status == 0 && kind == FILE_DIRECTORY && is_pickled(&listing))
        status = fail(error, BAD_USAGE,
            "%.700s: CIFAR for Python: take its binary version, data_batch_1.bin and so on",
            directory);
    if (status == 0)
        status = set_kind(plan, pets ? SET_PETS : kinds[kind], directory, error);
    if (status == 0 && pets) {
        status = plan_pets(plan, directory, part, error);
    } else if (status == 0) {
        status = find_files(&finds, &listing, kind, error);
        if (status == 0)
            status = add_finds(plan, &finds, kind, error);
    }
    names_free(&finds.names);
    free_listing(&listing);
    return status;
}

static int plan_file(struct plan *plan, const char *path, struct error *error)
{
    enum intake_kind kind;
    struct intake *intake = malloc(sizeof *intake);
    if (!intake)
        return fail_memory(error, sizeof *intake);
    int status = intake_open(intake, path, false, error);
    if (status == 0) {
        status = intake_look(intake, &kind, error);
        intake_close(intake);
    }
    free(intake);
    if (status < 0)
        return status;
    if (images_word(path_base(path)))
        status = set_kind(plan, SET_IDX, path, error);
    else if (kind == INTAKE_SHARD)
        status = set_kind(plan, SET_SHARDS, path, error);
    else if (kind < INTAKE_EMPTY)
        status = set_kind(plan, SET_PICTURES, path, error);
    else if (ends_in(path, ".bin"))
        status = set_kind(plan, SET_CIFAR, path, error);
    else
        status = fail(error, BAD_USAGE,
            "%.800s: not a data set: takes shards, CIFAR's .bin, IDX's pictures, or a "
            "directory",
            path);
    if (status == 0 && plan->kind == SET_IDX)
        status = add_labels(plan, path, error);
    return status < 0 ? status : names_add(&plan->files, path, strlen(path), error);
}

static int plan_path(struct plan *plan, const char *path, struct error *error)
{
    struct stat about;
    if (strcmp(path, "-") == 0) {
        const int status = set_kind(plan, SET_SHARDS, "standard input", error);
        return status < 0 ? status : names_add(&plan->files, path, 1, error);
    }
    if (stat(path, &about) == 0)
        return S_ISDIR(about.st_mode) ? plan_directory(plan, path, PART_NONE, error)
                                      : plan_file(plan, path, error);
    const char *colon = strrchr(path, ':');
    enum part part = PART_NONE;
    for (enum part i = PART_TRAIN; colon && i <= PART_VAL; i++)
        if (strcmp(colon + 1, part_names[i]) == 0)
            part = i;
    if (part == PART_NONE && !colon)
        return fail_errno(error, "%.800s", path);
    char *directory = strndup(path, (size_t)(colon - path));
    if (!directory)
        return fail_memory(error, strlen(path));
    if (part == PART_NONE && access(directory, F_OK) < 0) {
        free(directory);
        return fail(error, BAD_SYSTEM, "%.800s: No such file or directory", path);
    }
    int status = plan_directory(plan, directory, part, error); /* names parts, if several */
    if (part == PART_NONE && status == 0)
        status = fail(error, BAD_USAGE, "%.500s has no part %.60s: say %.300s", directory,
            colon + 1, directory);
    free(directory);
    return status;
}

int plan_make(struct plan *plan, const char *const *paths, size_t count, struct error *error)
{
    int status = count ? 0 : fail(error, BAD_USAGE, "no data set is named");
    for (size_t i = 0; i < count && status == 0; i++)
        status = plan_path(plan, paths[i], error);
    return status;
}

void plan_free(struct plan *plan)
{
    names_free(&plan->files);
    names_free(&plan->classes);
    names_free(&plan->labels);
}
