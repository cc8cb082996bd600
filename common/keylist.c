#include "common/keylist.h"
#include "formats/io.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_SIZE = 1 << 30 };

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const struct listed_key *)a)->key, ((const struct listed_key *)b)->key);
}

static int cut_lines(struct keylist *list, struct error *error)
{
    size_t lines = 1, count = 0;
    for (const char *at = list->text; *at; at++)
        lines += *at == '\n';
    list->keys = calloc(lines, sizeof *list->keys);
    if (!list->keys)
        return fail_memory(error, lines * sizeof *list->keys);
    char *rest = list->text;
    if (strncmp(rest, "key\t", 4) == 0)
        strsep(&rest, "\n");
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        line[strcspn(line, "\t\r")] = '\0';
        if (*line)
            list->keys[count++].key = line;
    }
    qsort(list->keys, count, sizeof *list->keys, compare_keys);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || compare_keys(&list->keys[i], &list->keys[list->count - 1]) != 0)
            list->keys[list->count++] = list->keys[i];
    return 0;
}

int keylist_read(struct keylist *list, const char *path, struct error *error)
{
    unsigned char *bytes;
    size_t size;
    *list = (struct keylist){ 0 };
    const int status =
        file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, MAX_SIZE, &bytes, &size, error);
    if (status < 0)
        return status;
    list->text = realloc(bytes, size + 1);
    if (!list->text) {
        free(bytes);
        return fail_memory(error, size + 1);
    }
    list->text[size] = '\0';
    return cut_lines(list, error);
}

void keylist_free(struct keylist *list)
{
    free(list->text);
    free(list->keys);
    *list = (struct keylist){ 0 };
}

bool keylist_find(struct keylist *list, const char *key)
{
    const struct listed_key wanted = { .key = (char *)(size_t)key };
    struct listed_key *found = list->count == 0 ? NULL
                                                : bsearch(&wanted, list->keys, list->count,
                                                    sizeof wanted, compare_keys);
    if (found)
        found->found = true;
    return found;
}

size_t keylist_missing(const struct keylist *list, const char **first)
{
    size_t missing = 0;
    *first = NULL;
    for (size_t i = list->count; i-- > 0;)
        if (!list->keys[i].found) {
            *first = list->keys[i].key;
            missing++;
        }
    return missing;
}
