#include "common/labels.h"
#include "formats/io.h"
#include "formats/picture.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TABLE_LIMIT = 1 << 30 };

struct row {
    char *name;
    const char *class_name; /* NULL: an integer */
    int64_t number;
};

struct labels {
    char *text; /* of the table; what the rows point into */
    struct row *rows;
    size_t row_count, row_room;
    bool by_directory;
    const char **names; /* in bytewise order */
    size_t name_count, name_room;
    int64_t *numbers; /* of names, once they are other than their places */
};

void labels_free(struct labels *labels)
{
    if (!labels)
        return;
    for (size_t i = 0; labels->by_directory && i < labels->name_count; i++)
        free((char *)(uintptr_t)labels->names[i]);
    free(labels->names);
    free(labels->numbers);
    free(labels->rows);
    free(labels->text);
    free(labels);
}

/* Room for one more in an array of *room items of size bytes. */
static int grow(void **items, size_t *room, size_t count, size_t size, struct error *error)
{
    if (count < *room)
        return 0;
    const size_t more = *room ? 2 * *room : 64;
    void *grown = reallocarray(*items, more, size);
    if (!grown)
        return fail_memory(error, more);
    *items = grown;
    *room = more;
    return 0;
}

/* Where the name is, or belongs. */
static size_t place_of(
    const struct labels *labels, const char *name, size_t length, bool *there)
{
    size_t low = 0, high = labels->name_count;
    *there = false;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const char *other = labels->names[middle];
        int order = strncmp(other, name, length);
        if (order == 0 && other[length] != '\0')
            order = 1;
        if (order == 0) {
            *there = true;
            return middle;
        }
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return low;
}

static int add_directory(
    struct labels *labels, const char *name, size_t length, struct error *error)
{
    bool there;
    const size_t at = place_of(labels, name, length, &there);
    if (there)
        return 0;
    void *names = labels->names;
    const int status =
        grow(&names, &labels->name_room, labels->name_count, sizeof *labels->names, error);
    labels->names = names;
    char *copy = status == 0 ? strndup(name, length) : NULL;
    if (!copy)
        return status < 0 ? status : fail_memory(error, length);
    memmove(labels->names + at + 1, labels->names + at,
        (labels->name_count - at) * sizeof *labels->names);
    labels->names[at] = copy;
    labels->name_count++;
    return 0;
}

static void lower_extension(char *name)
{
    char *extension = name + (path_extension(name) - name);
    if (picture_suffix(extension))
        for (; *extension; extension++)
            *extension = (char)tolower((unsigned char)*extension);
}

static bool read_integer(const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    *number = value;
    return !isspace((unsigned char)*text) && end > text && *end == '\0' && errno == 0;
}

static int add_row(
    struct labels *labels, const char *path, size_t line, char *text, struct error *error)
{
    char *label = strchr(text, '\t');
    if (!label || label == text)
        return fail(
            error, BAD_USAGE, "%.500s: line %zu: takes a name, a tab and a label", path, line);
    *label++ = '\0';
    label[strcspn(label, "\t")] = '\0';
    if (*label == '\0')
        return fail(error, BAD_USAGE, "%.500s: line %zu: has no label", path, line);
    void *rows = labels->rows;
    const int status =
        grow(&rows, &labels->row_room, labels->row_count, sizeof *labels->rows, error);
    labels->rows = rows;
    if (status < 0)
        return status;
    text += strncmp(text, "./", 2) == 0 ? 2 : 0;
    lower_extension(text);
    struct row *row = &labels->rows[labels->row_count++];
    *row = (struct row){ .name = text };
    row->class_name = read_integer(label, &row->number) ? NULL : label;
    return 0;
}

static bool is_heading(const struct labels *labels)
{
    static const char *const names[] = { "key", "file", "filename", "name", "path" };
    const struct row *rows = labels->rows;
    if (labels->row_count == 0 || !rows[0].class_name)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(rows[0].name, names[i]) == 0)
            return true;
    return labels->row_count > 1 && !rows[1].class_name;
}

static int compare_rows(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static bool same_label(const struct row *a, const struct row *b)
{
    if (!a->class_name || !b->class_name)
        return !a->class_name && !b->class_name && a->number == b->number;
    return strcmp(a->class_name, b->class_name) == 0;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* The class names of all rows, sorted, each once. */
static int collect_names(struct labels *labels, struct error *error)
{
    labels->names = calloc(labels->row_count, sizeof *labels->names);
    if (!labels->names)
        return fail_memory(error, labels->row_count * sizeof *labels->names);
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < labels->row_count; i++)
        if (labels->rows[i].class_name)
            labels->names[count++] = labels->rows[i].class_name;
    qsort(labels->names, count, sizeof *labels->names, compare_names);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(labels->names[kept - 1], labels->names[i]) != 0)
            labels->names[kept++] = labels->names[i];
    labels->name_count = kept;
    return 0;
}

static int finish_table(struct labels *labels, const char *path, struct error *error)
{
    if (is_heading(labels))
        memmove(labels->rows, labels->rows + 1, --labels->row_count * sizeof *labels->rows);
    if (labels->row_count == 0)
        return fail(error, BAD_USAGE, "%.500s: has no labels", path);
    qsort(labels->rows, labels->row_count, sizeof *labels->rows, compare_rows);
    for (size_t i = 1; i < labels->row_count; i++) {
        const struct row *row = &labels->rows[i];
        if (strcmp(row[-1].name, row->name) == 0 && !same_label(&row[-1], row))
            return fail(error, BAD_USAGE, "%.500s: %.200s has two labels", path, row->name);
    }
    return collect_names(labels, error);
}

static int read_table(struct labels *labels, const char *path, struct error *error)
{
    unsigned char *bytes;
    size_t size, number = 0;
    int status = file_read(path, TABLE_LIMIT, &bytes, &size, error);
    if (status < 0)
        return status;
    labels->text = realloc(bytes, size + 1);
    if (!labels->text) {
        free(bytes);
        return fail_memory(error, size + 1);
    }
    labels->text[size] = '\0';
    if (strlen(labels->text) != size)
        return fail(error, BAD_USAGE, "%.500s: not a table of names and labels", path);
    char *rest = labels->text;
    for (char *line; status == 0 && (line = strsep(&rest, "\n"));) {
        const size_t length = strlen(line);
        if (length > 0 && line[length - 1] == '\r')
            line[length - 1] = '\0';
        number++;
        if (*line)
            status = add_row(labels, path, number, line, error);
    }
    return status < 0 ? status : finish_table(labels, path, error);
}

int labels_read(struct labels **labels, const char *path, struct error *error)
{
    *labels = calloc(1, sizeof **labels);
    return *labels ? read_table(*labels, path, error) : fail_memory(error, sizeof **labels);
}

/* The name of the directory that the file lies in: its length, 0 where the path has none. */
static size_t parent_of(const char *path, const char **parent)
{
    const char *end = path_base(path);
    while (end > path && end[-1] == '/')
        end--;
    *parent = end;
    while (*parent > path && (*parent)[-1] != '/')
        (*parent)--;
    const size_t length = (size_t)(end - *parent);
    return strspn(*parent, ".") >= length && length <= 2 ? 0 : length; /* "." and ".." */
}

int labels_walk(struct labels **labels, const struct walk_wishes *wishes, struct error *error)
{
    struct walk *walk = NULL;
    struct place place;
    *labels = calloc(1, sizeof **labels);
    if (!*labels)
        return fail_memory(error, sizeof **labels);
    (*labels)->by_directory = true;
    int status = walk_open(&walk, wishes, error);
    while (status == 0) {
        status = walk_next(walk, &place, error);
        if (status == 0)
            break;
        if (status < 0 && status != BAD_SAMPLE)
            break;
        const bool picture = status == 1 && picture_suffix(path_extension(place.path));
        const char *parent;
        const size_t length = picture ? parent_of(place.path, &parent) : 0;
        status = length ? add_directory(*labels, parent, length, error) : 0;
    }
    walk_close(walk);
    return status;
}

int labels_number(struct labels *labels, const char *(*name)(const void *model, size_t i),
    const void *model, size_t count, struct error *error)
{
    const size_t named = labels->name_count;
    bool known = false;
    size_t missing = 0;
    if (named == 0)
        return 0;
    int64_t *numbers = malloc(named * sizeof *numbers);
    if (!numbers)
        return fail_memory(error, named * sizeof *numbers);
    memset(numbers, -1, named * sizeof *numbers);
    for (size_t i = count; i-- > 0;) { /* from the end: of two of one name the first counts */
        const char *class_name = name(model, i);
        const char *const *found = class_name ? bsearch(&class_name, labels->names, named,
                                       sizeof *labels->names, compare_names)
                                              : NULL;
        known |= class_name != NULL;
        if (found)
            numbers[found - labels->names] = (int64_t)i;
    }
    for (size_t i = named; known && i-- > 0;)
        if (numbers[i] < 0)
            missing = i + 1;
    if (!known || missing) {
        free(numbers);
        return !known || labels->by_directory
                   ? 1
                   : fail(error, BAD_USAGE,
                       "the model has no class %.200s, which --labels names",
                       labels->names[missing - 1]);
    }
    labels->numbers = numbers;
    return 0;
}

size_t labels_names(const struct labels *labels, const char *const **names)
{
    *names = labels->names;
    return labels->name_count;
}

static int64_t number_of(const struct labels *labels, size_t name)
{
    return labels->numbers ? labels->numbers[name] : (int64_t)name;
}

static int find_directory(const struct labels *labels, const char *path, int64_t *label)
{
    const char *parent;
    bool there;
    const size_t length = path ? parent_of(path, &parent) : 0;
    const size_t at = length ? place_of(labels, parent, length, &there) : 0;
    if (length == 0 || !there)
        return 0;
    *label = number_of(labels, at);
    return 1;
}

/* By the longest of the name's tails that the table has. The name's extension is lowered. */
static int find_tail(const struct labels *labels, char *name, int64_t *label)
{
    lower_extension(name);
    for (char *at = name; at; at = strchr(at, '/')) {
        at += *at == '/';
        const struct row wanted = { .name = at };
        const struct row *row = bsearch(
            &wanted, labels->rows, labels->row_count, sizeof *labels->rows, compare_rows);
        if (!row)
            continue;
        bool there;
        *label = !row->class_name ? row->number
                                  : number_of(labels, place_of(labels, row->class_name,
                                                          strlen(row->class_name), &there));
        return 1;
    }
    return 0;
}

int labels_find(const struct labels *labels, const char *path, const char *key,
    const char *suffix, int64_t *label)
{
    if (labels->by_directory)
        return find_directory(labels, path, label);
    char *name = NULL, *bare = strdup(key);
    const int made = path ? asprintf(&name, "%s", path) : asprintf(&name, "%s.%s", key, suffix);
    int found = made >= 0 && bare ? find_tail(labels, name, label) : -1;
    if (found == 0)
        found = find_tail(labels, bare, label);
    if (made >= 0)
        free(name);
    free(bare);
    return found;
}
