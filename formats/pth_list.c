/* Which tensors a checkpoint's pickle has, under which names. */
#include "formats/pth.h"

#include <stdio.h>
#include <string.h>

enum {
    NAME_LIMIT = 1000,
    DEPTH_LIMIT = 64,
    WORK_A_BYTE = 32, /* how much may be made of a byte of the pickle, in bytes */
    WORK_AT_LEAST = 1 << 16,
    WORK_AN_ENTRY = 8
};

struct walk {
    const struct pth *pth;
    json_t *names;
    char name[NAME_LIMIT + 1];
    size_t length; /* NAME_LIMIT: too long, or it has what can't be in a name */
    size_t depth;
    size_t work;      /* that may still be done */
    char others[200]; /* what was passed over: classes and functions */
    struct error *error;
};

static int visit(struct walk *walk, uint32_t value);

/* The class or function that the pickle wants to call for the value, through copyreg and the
 * legacy format's stand-ins for classes; 0 where it isn't told. */
static uint32_t find_callee(const struct pickle *pickle, uint32_t value)
{
    uint32_t items[2];
    for (int i = 0; i < 4; i++) {
        const struct pickle_value *of = &pickle->values[value];
        if (of->kind == PICKLE_GLOBAL)
            return value;
        if (of->kind == PICKLE_PERSISTENT && pickle_items(pickle, of->id, items, 2) >= 2) {
            value = items[1];
            continue;
        }
        if (of->kind != PICKLE_CALL)
            return 0;
        const bool by_copyreg =
            pickle_is_global(pickle, of->function, "copyreg", "_reconstructor")
            || pickle_is_global(pickle, of->function, "copy_reg", "_reconstructor");
        value = by_copyreg && pickle_items(pickle, of->arguments, items, 1) ? items[0]
                                                                            : of->function;
    }
    return 0;
}

/* Adds "MODULE.NAME" to the list of what was passed over, once, while there is room. */
static void note(struct walk *walk, uint32_t value)
{
    const struct pickle *pickle = &walk->pth->pickle;
    const uint32_t callee = find_callee(pickle, value);
    char text[100];
    size_t module_length, length;
    if (!callee)
        return;
    const char *module = pickle_text(pickle, pickle->values[callee].module, &module_length);
    const char *name = pickle_text(pickle, pickle->values[callee].function, &length);
    snprintf(text, sizeof text, "%.*s.%.*s", module_length < 60 ? (int)module_length : 60,
        module, length < 38 ? (int)length : 38, name);
    for (char *at = text; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    const size_t used = strlen(walk->others);
    if (!strstr(walk->others, text) && used + strlen(text) + 3 < sizeof walk->others)
        snprintf(
            walk->others + used, sizeof walk->others - used, "%s%s", used ? ", " : "", text);
}

/* The items of a dict, or of an OrderedDict: set one by one or, by Python 2, given in a list of
 * pairs. *pairs: the list is such. 0: no dict, or an empty one. */
static uint32_t find_entries(const struct pickle *pickle, uint32_t value, bool *pairs)
{
    const struct pickle_value *of = &pickle->values[value];
    uint32_t items[1];
    *pairs = false;
    if (of->kind == PICKLE_DICT)
        return of->first;
    if (of->kind != PICKLE_CALL
        || !pickle_is_global(pickle, of->function, "collections", "OrderedDict"))
        return 0;
    if (of->first || pickle_items(pickle, of->arguments, items, 1) != 1
        || pickle->values[items[0]].kind != PICKLE_LIST)
        return of->first;
    *pairs = true;
    return pickle->values[items[0]].first;
}

/* ".KEY" behind the name. */
static void append(struct walk *walk, const char *key, size_t length)
{
    const size_t dot = walk->depth > 0;
    bool fits = walk->length + dot + length < NAME_LIMIT;
    for (size_t i = 0; i < length && fits; i++)
        fits = (unsigned char)key[i] >= ' ' && key[i] != 127;
    if (!fits) {
        walk->length = NAME_LIMIT;
        return;
    }
    if (dot)
        walk->name[walk->length++] = '.';
    memcpy(walk->name + walk->length, key, length);
    walk->length += length;
}

/* An entry under a text key; others, as optimizers have, are passed over. */
static int visit_entry(struct walk *walk, uint32_t key, uint32_t value)
{
    const size_t before = walk->length;
    size_t length;
    const char *text = pickle_text(&walk->pth->pickle, key, &length);
    if (walk->work < WORK_AN_ENTRY)
        return fail(walk->error, BAD_INPUT,
            "%s: broken pickle: its dictionaries share too much with each other",
            walk->pth->path);
    walk->work -= WORK_AN_ENTRY;
    if (!text)
        return 0;
    append(walk, text, length);
    walk->depth++;
    const int status = visit(walk, value);
    walk->depth--;
    walk->length = before;
    return status;
}

static int visit_entries(struct walk *walk, uint32_t cell, bool pairs)
{
    const struct pickle *pickle = &walk->pth->pickle;
    int status = 0;
    if (walk->depth == DEPTH_LIMIT)
        return fail(walk->error, BAD_INPUT,
            "%s: broken pickle: dictionaries nest deeper than %d", walk->pth->path,
            DEPTH_LIMIT);
    while (cell && status == 0) {
        uint32_t items[2];
        if (pairs) {
            if (pickle_items(pickle, pickle->cells[cell].value, items, 2) != 2)
                return 0;
        } else {
            items[0] = pickle->cells[cell].value;
            cell = pickle->cells[cell].next;
            items[1] = pickle->cells[cell].value;
        }
        status = visit_entry(walk, items[0], items[1]);
        cell = pickle->cells[cell].next;
    }
    return status;
}

static int add_name(struct walk *walk, uint32_t value)
{
    const size_t cost = sizeof(struct tensor) + walk->length;
    const char *path = walk->pth->path;
    if (walk->length == NAME_LIMIT)
        return fail(walk->error, BAD_INPUT,
            "%s: a tensor's name is longer than %d bytes or has control characters", path,
            NAME_LIMIT);
    if (walk->work < cost)
        return fail(walk->error, BAD_INPUT,
            "%s: broken pickle: its dictionaries share too much with each other", path);
    walk->work -= cost;
    walk->name[walk->length] = '\0';
    if (json_object_get(walk->names, walk->name))
        return fail(walk->error, BAD_INPUT, "%s: %.200s is there twice", path, walk->name);
    json_t *text = json_string(walk->name);
    const bool is_utf8 = text != NULL;
    json_decref(text);
    if (!is_utf8)
        return fail(walk->error, BAD_INPUT, "%s: a tensor's name is not UTF-8", path);
    if (json_object_set_new(walk->names, walk->name, json_integer(value)) < 0)
        return fail_memory(walk->error, cost);
    return 0;
}

static int visit(struct walk *walk, uint32_t value)
{
    const struct pickle *pickle = &walk->pth->pickle;
    bool pairs;
    if (pth_is_tensor(pickle, value))
        return walk->depth > 0 ? add_name(walk, value) : 0;
    const uint32_t entries = find_entries(pickle, value, &pairs);
    if (entries)
        return visit_entries(walk, entries, pairs);
    note(walk, value);
    return 0;
}

int pth_list(const struct pth *pth, json_t *names, struct error *error)
{
    struct walk walk = { .pth = pth,
        .names = names,
        .work = pth->pickle.size * WORK_A_BYTE + WORK_AT_LEAST,
        .error = error };
    const int status = visit(&walk, pth->pickle.root);
    if (status < 0 || json_object_size(names) > 0)
        return status;
    return fail(error, BAD_INPUT, "%s: no state dict in it%s%s%s", pth->path,
        *walk.others ? ", only " : "", walk.others,
        *walk.others ? ": save its state_dict()" : "");
}
