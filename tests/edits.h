/*
 * Checkpoints with one thing or two changed: words apart by spaces, NAME- drops a tensor,
 * NAME=SHAPE reshapes it, NAME:TYPE, NAME>NEW renames it, NAME!NUMBER sets its first number,
 * +NAME=SHAPE adds one.
 */
#ifndef SACCADE_TESTS_EDITS_H
#define SACCADE_TESTS_EDITS_H

#include "tests/tensorfile.h"

static struct tensorfile file;

/* The edit of NAME with that mark: what is behind the mark, up to a space; or NULL. */
static inline const char *find_edit(
    const char *edits, const char *name, char mark, char text[128])
{
    const size_t length = strlen(name);
    for (const char *at = edits; *at; at += strcspn(at, " "), at += strspn(at, " "))
        if (strncmp(at, name, length) == 0 && at[length] == mark) {
            at += length + 1;
            snprintf(text, 128, "%.*s", (int)strcspn(at, " "), at);
            return text;
        }
    return NULL;
}

static inline void add_edited(
    const char *prefix, const char *name, const char *shape, const char *edits)
{
    char new_shape[128], new_type[128], new_name[128], value[128], full[256];
    if (find_edit(edits, name, '-', new_shape))
        return;
    if (find_edit(edits, name, '=', new_shape))
        shape = new_shape;
    const char *type = find_edit(edits, name, ':', new_type);
    const char *called = find_edit(edits, name, '>', new_name);
    snprintf(full, sizeof full, "%s%s", prefix, called ? called : name);
    const size_t start = file.size;
    tensorfile_add(&file, full, type ? type : "F32", shape);
    if (find_edit(edits, name, '!', value)) {
        const float number = strtof(value, NULL);
        memcpy(file.data + start, &number, sizeof number);
    }
}

/* The tensors that edits add. */
static inline void add_extra(const char *prefix, const char *edits)
{
    for (const char *at = edits; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
        char added[128], extra[128];
        snprintf(added, sizeof added, "%.*s", (int)strcspn(at, "="), at);
        if (*at == '+' && find_edit(at, added, '=', extra))
            add_edited(prefix, added + 1, extra, "");
    }
}

#endif
