/*
 * What the tests of finding models share: checkpoints in a folder of their own, and what
 * opening one by its name must come to.
 */
#ifndef SACCADE_TESTS_MODELFILE_H
#define SACCADE_TESTS_MODELFILE_H

#include "common/model.h"
#include "tests/tensorfile.h"

static struct tensorfile file;

/* DIRECTORY/NAME.safetensors with one tensor, called as said. */
static inline void put_checkpoint(const char *name, const char *tensor, const char *metadata)
{
    tensorfile_begin(&file, metadata);
    tensorfile_add(&file, tensor, "F32", "[2]");
    tensorfile_write(&file, inside("%s.safetensors", name));
}

static inline void set_up(void)
{
    make_folder();
    unsetenv("SACCADE_MODELS");
    unsetenv("SACCADE_VIT");
}

static inline void make_folders(const char *const *names)
{
    for (; *names; names++)
        ck_assert_int_eq(mkdir(inside("%s", *names), 0700), 0);
}

static inline int open_model(struct model *model, const char *name, struct error *error)
{
    error->text[0] = '\0';
    return model_open(model, name, "SACCADE_VIT", "vit-cifar10-p4", error);
}

static inline void expect_found(const char *name, const char *path, const char *called)
{
    struct model model;
    struct error error;
    ck_assert_msg(open_model(&model, name, &error) == 0, "%s", error.text);
    ck_assert_str_eq(model.path, path);
    const size_t length = strlen(called);
    ck_assert_msg(strncmp(model.name, called, length) == 0 && model.name[length] == ':'
                      && strlen(model.name) == length + 9,
        "%s, not %s:CRC", model.name, called);
    model_close(&model);
}

static inline void expect_failure(const char *name, int status, const char *message)
{
    struct model model;
    struct error error;
    ck_assert_int_eq(open_model(&model, name, &error), status);
    ck_assert_msg(strstr(error.text, message) != NULL, "%s, not: %s", error.text, message);
    ck_assert_ptr_null(model.name);
}

#endif
