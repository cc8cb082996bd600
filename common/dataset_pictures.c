/* Pictures of shards, directories, tables and Pets, one after the other. */
#include "common/classes.h"
#include "common/dataset_parts.h"
#include "common/labels.h"
#include "common/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pictures {
    const struct plan *plan;
    const struct dataset_wishes *wishes;
    struct sources *sources;
    struct labels *labels;
    int64_t *numbers; /* of the named classes, in the order of their names */
    bool labelled;    /* a sample had its label, if a broken one */
    size_t next;      /* Pets: no picture comes from the files before */
};

static void close_pictures(void *state)
{
    struct pictures *pictures = state;
    sources_close(pictures->sources);
    labels_free(pictures->labels);
    free(pictures->numbers);
    free(pictures);
}

/* Pets: the breed of the file that the picture is in. */
static int find_breed(struct pictures *pictures, int64_t *label)
{
    const struct plan *plan = pictures->plan;
    const char *path = sources_path(pictures->sources);
    while (path && pictures->next < plan->files.count
           && strcmp(plan->files.items[pictures->next], path) != 0)
        pictures->next++;
    if (!path || pictures->next == plan->files.count)
        return 0;
    *label = (int64_t)names_find(&plan->classes, plan->labels.items[pictures->next]);
    return 1;
}

/* Whether the directory that a picture is labelled by lies right below one that was named. */
static bool lies_in_class(const struct pictures *pictures)
{
    const struct plan *plan = pictures->plan;
    const char *path = sources_path(pictures->sources);
    if (plan->kind != SET_PICTURES || pictures->wishes->labels)
        return true;
    for (size_t i = 0; path && i < plan->files.count; i++) {
        size_t length = strlen(plan->files.items[i]);
        while (length > 1 && plan->files.items[i][length - 1] == '/')
            length--;
        if (strncmp(path, plan->files.items[i], length) != 0)
            continue;
        const char *class = path + length + (path[length] == '/');
        const char *slash = strchr(class, '/');
        if (slash && !strchr(slash + 1, '/'))
            return true;
    }
    return false;
}

/* 1: slot has its label; else BAD_SAMPLE. */
static int find_label(struct pictures *pictures, struct slot *slot, struct error *error)
{
    const struct sample *sample = &slot->sample;
    const struct member *picture = sample_picture(sample);
    int found;
    if (pictures->plan->kind == SET_PETS) {
        found = find_breed(pictures, &slot->label);
    } else if (pictures->labels) {
        found = labels_find(pictures->labels, sources_path(pictures->sources), sample->key,
            picture ? picture->suffix : "", &slot->label);
    } else {
        found = label_read(sample, &slot->label, error);
    }
    if (found > 0 && !lies_in_class(pictures))
        return fail(error, BAD_USAGE,
            "%.600s: takes DIRECTORY/CLASS/PICTURE, or a table of labels: say -L FILE",
            sources_path(pictures->sources));
    if (found == -1 && pictures->labels)
        return fail_memory(error, strlen(sample->key));
    const bool bare = pictures->plan->kind == SET_SHARDS && !pictures->labels;
    if (found == 0 && bare && !pictures->labelled)
        return fail(error, BAD_USAGE,
            "%.600s: has no cls: say -L FILE, or make the shard by preprocess --pack -L folder",
            sample->key);
    if (found == 0)
        return fail(error, BAD_SAMPLE, bare ? "has no cls" : "has no label");
    pictures->labelled = true;
    if (found > 0 && pictures->numbers)
        slot->label = pictures->numbers[slot->label];
    return found;
}

static int take_sample(struct pictures *pictures, struct slot *slot, struct error *error)
{
    const struct member *picture = sample_picture(&slot->sample);
    if (slot->sample.bad)
        return fail(error, BAD_SAMPLE, "was bad when it came");
    const int status = find_label(pictures, slot, error);
    if (status < 0)
        return status;
    if (!picture)
        return fail(error, BAD_SAMPLE, "has no picture");
    slot->form = FORM_ENCODED;
    slot->at = picture->at;
    const char *file = picture->at >= 0 ? sources_file(pictures->sources) : NULL;
    if (file && !(slot->path = strdup(file)))
        return fail_memory(error, strlen(file));
    return 1;
}

/* Behind the file's name, which the message has already. */
static void cut_name(struct error *error, const char *name)
{
    const size_t length = strlen(name);
    if (strncmp(error->text, name, length) == 0 && strncmp(error->text + length, ": ", 2) == 0)
        memmove(error->text, error->text + length + 2, strlen(error->text) + 1 - (length + 2));
}

static const struct walk_skipped *skipped_files(void *state)
{
    const struct pictures *pictures = state;
    return sources_skipped_files(pictures->sources);
}

static int next_picture(void *state, struct slot *slot, struct error *error)
{
    struct pictures *pictures = state;
    int status;
    do
        status = sources_next(pictures->sources, &slot->sample, error);
    while (status == 1 && strcmp(slot->sample.key, STREAM_KEY) == 0);
    if (status != 1 && status != BAD_SAMPLE)
        return status;
    const char *path = sources_path(pictures->sources);
    slot->name = strdup(path ? path : slot->sample.key);
    if (!slot->name)
        return fail_memory(error, 1);
    if (status == BAD_SAMPLE) {
        cut_name(error, slot->name);
        return status;
    }
    return take_sample(pictures, slot, error);
}

static const char *wished_name(const void *model, size_t i)
{
    const struct dataset_wishes *wishes = model;
    return wishes->class_names ? wishes->class_names[i] : NULL;
}

static bool only_numbers(const struct dataset_wishes *wishes)
{
    bool only = true;
    for (size_t i = 0; i < wishes->classes; i++) {
        const char *name = wished_name(wishes, i);
        only &= !name || name[strspn(name, "0123456789")] == '\0';
    }
    return only;
}

/* The place of each name among the wished classes, or as they stand where none are wished for
 * by name. */
static int number_names(
    struct pictures *pictures, const struct names *names, struct error *error)
{
    const struct dataset_wishes *wishes = pictures->wishes;
    pictures->numbers = calloc(names->count + 1, sizeof *pictures->numbers);
    if (!pictures->numbers)
        return fail_memory(error, names->count * sizeof *pictures->numbers);
    const char *stranger = NULL;
    size_t known = 0;
    for (size_t i = 0; i < names->count; i++) {
        size_t at = 0;
        while (at < wishes->classes
               && (!wished_name(wishes, at)
                   || strcmp(wished_name(wishes, at), names->items[i]) != 0))
            at++;
        known += at < wishes->classes;
        if (at == wishes->classes && !stranger)
            stranger = names->items[i];
        pictures->numbers[i] = (int64_t)at;
    }
    if (!stranger)
        return 0;
    if (wishes->classes && wishes->class_names)
        return fail(error, BAD_USAGE,
            "%.300s: class %.200s is not one of the %zu to train (%zu of %zu are)%s",
            pictures->plan->files.items[0], stranger, wishes->classes, known, names->count,
            only_numbers(wishes) ? ": those are numbers: say --classes A,B,C" : "");
    if (wishes->classes && wishes->classes != names->count)
        return fail(error, BAD_USAGE, "%.300s: has %zu classes, not %zu",
            pictures->plan->files.items[0], names->count, wishes->classes);
    for (size_t i = 0; i < names->count; i++)
        pictures->numbers[i] = (int64_t)i;
    return 0;
}

static int copy_names(const struct labels *labels, struct names *classes, struct error *error)
{
    const char *const *names;
    const size_t count = labels_names(labels, &names);
    int status = 0;
    for (size_t i = 0; i < count && status == 0; i++)
        status = names_add(classes, names[i], strlen(names[i]), error);
    return status;
}

/* Why no picture has the label of this directory: the first that lies deeper in it, or else the
 * first file that isn't named as a picture. */
static int explain_empty(
    const char *directory, const char *class_name, const char *dir, struct error *error)
{
    const struct walk_wishes wishes = { .operands = &dir, .count = 1, .delimiter = '\n' };
    struct walk *walk = NULL;
    struct place place;
    int status = walk_open(&walk, &wishes, error);
    if (status == 0)
        status = walk_next(walk, &place, error);
    const struct walk_skipped *skipped = walk ? walk_skipped(walk) : NULL;
    if (status == 1)
        status = fail(error, BAD_INPUT,
            "%.300s: class %.150s has its pictures deeper, as %.300s: takes "
            "DIRECTORY/CLASS/PICTURE, or a table of labels: say -L FILE",
            directory, class_name, place.path);
    else if (skipped && skipped->count > 0)
        status = fail(error, BAD_INPUT,
            "%.300s: class %.150s has no pictures: %.300s is not named as one", directory,
            class_name, skipped->first);
    else
        status = fail(
            error, BAD_INPUT, "%.400s: class %.200s has no pictures", directory, class_name);
    walk_close(walk);
    return status;
}

/* A class without pictures: in the first of the directories that has it. */
static int refuse_empty(const struct plan *plan, const char *class_name, struct error *error)
{
    int status = 0;
    for (size_t i = 0; i < plan->files.count && status == 0; i++) {
        const char *directory = plan->files.items[i];
        char *dir;
        if (asprintf(&dir, "%s/%s", directory, class_name) < 0)
            return fail_memory(error, strlen(directory));
        if (access(dir, F_OK) == 0 || i + 1 == plan->files.count)
            status = explain_empty(directory, class_name, dir, error);
        free(dir);
    }
    return status;
}

static int open_labels(struct pictures *pictures, const struct walk_wishes *walk,
    struct names *classes, struct error *error)
{
    const struct dataset_wishes *wishes = pictures->wishes;
    const struct plan *plan = pictures->plan;
    int status = 0;
    if (plan->kind == SET_PETS) {
        status = names_copy(&plan->classes, classes, error);
        return status < 0 ? status : number_names(pictures, classes, error);
    }
    if (wishes->labels) {
        status = labels_read(&pictures->labels, wishes->labels, error);
        if (status == 0)
            status =
                labels_number(pictures->labels, wished_name, wishes, wishes->classes, error);
        return status == 1 ? copy_names(pictures->labels, classes, error) : status;
    }
    if (plan->kind == SET_SHARDS)
        return names_copy(&plan->classes, classes, error);
    status = labels_walk(&pictures->labels, walk, error);
    if (status == 0)
        status = copy_names(pictures->labels, classes, error);
    if (status == 0 && plan->classes.count == 0 && classes->count > 0)
        status = fail(error, BAD_USAGE,
            "%.600s: has no class folders: takes DIRECTORY/CLASS/PICTURE, or a table of "
            "labels: say -L FILE",
            plan->files.items[0]);
    for (size_t i = 0; i < plan->classes.count && wishes->every_class && status == 0; i++)
        if (names_find(classes, plan->classes.items[i]) == classes->count)
            status = refuse_empty(plan, plan->classes.items[i], error);
    return status < 0 ? status : number_names(pictures, classes, error);
}

int pictures_open(struct source *source, const struct plan *plan,
    const struct dataset_wishes *wishes, struct names *classes, struct error *error)
{
    struct pictures *pictures = calloc(1, sizeof *pictures);
    const struct sources_wishes from = {
        .walk = { .operands = (const char *const *)plan->files.items,
            .count = plan->files.count,
            .delimiter = '\n' },
        .prefix_shard = plan->files.count > 1,
    };
    const json_t *programs;
    if (!pictures)
        return fail_memory(error, sizeof *pictures);
    pictures->plan = plan;
    pictures->wishes = wishes;
    *source = (struct source){ .state = pictures,
        .next = next_picture,
        .close = close_pictures,
        .skipped = skipped_files };
    int status = open_labels(pictures, &from.walk, classes, error);
    if (status == 0)
        status = sources_open(&pictures->sources, &from, error);
    return status < 0 ? status : sources_programs(pictures->sources, &programs, error);
}
