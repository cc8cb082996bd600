#include "common/walk.h"
#include "formats/picture.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct walk {
    struct walk_wishes wishes;
    size_t next; /* operand */
    FILE *list;
    char *line; /* of the list */
    size_t room;
    FTS *tree;   /* the directory that is being read, or NULL */
    char *root;  /* its path without trailing slashes */
    size_t tail; /* where the names begin in the paths below it */
    struct walk_skipped skipped;
};

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *path_extension(const char *path)
{
    const char *base = path_base(path), *dot = strrchr(base, '.');
    return dot && dot > base ? dot + 1 : base + strlen(base);
}

int walk_open(struct walk **walk, const struct walk_wishes *wishes, struct error *error)
{
    *walk = calloc(1, sizeof **walk);
    if (!*walk)
        return fail_memory(error, sizeof **walk);
    (*walk)->wishes = *wishes;
    if (!wishes->list)
        return 0;
    (*walk)->list = strcmp(wishes->list, "-") == 0 ? stdin : fopen(wishes->list, "re");
    return (*walk)->list ? 0 : fail_errno(error, "%s", wishes->list);
}

static void end_tree(struct walk *walk)
{
    if (walk->tree)
        fts_close(walk->tree);
    free(walk->root);
    walk->tree = NULL;
    walk->root = NULL;
}

void walk_close(struct walk *walk)
{
    if (!walk)
        return;
    end_tree(walk);
    if (walk->list && walk->list != stdin)
        fclose(walk->list);
    free(walk->line);
    free(walk->skipped.first);
    free(walk);
}

const struct walk_skipped *walk_skipped(const struct walk *walk)
{
    return &walk->skipped;
}

static int tail_of(const FTSENT *entry, size_t at)
{
    if (at < entry->fts_namelen)
        return (unsigned char)entry->fts_name[at];
    return entry->fts_info == FTS_D || entry->fts_info == FTS_DC ? '/' : '\0';
}

/* Directories as if their names ended in a slash: so all that is below them stands where its
 * path belongs. */
static int compare_entries(const FTSENT **left, const FTSENT **right)
{
    const FTSENT *a = *left, *b = *right;
    const size_t shared = a->fts_namelen < b->fts_namelen ? a->fts_namelen : b->fts_namelen;
    const int order = memcmp(a->fts_name, b->fts_name, shared);
    return order ? order : tail_of(a, shared) - tail_of(b, shared);
}

static int begin_tree(struct walk *walk, const char *path, struct error *error)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    walk->root = strndup(path, length);
    if (!walk->root)
        return fail_memory(error, length);
    const char *base = path_base(walk->root);
    const bool named = *base && strcmp(base, ".") != 0 && strcmp(base, "..") != 0;
    walk->tail = named ? (size_t)(base - walk->root) : length + (*base ? 1 : 0);
    char *const roots[] = { walk->root, NULL };
    walk->tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, compare_entries);
    return walk->tree ? 0 : fail_errno(error, "%s", path);
}

static int skip(struct walk *walk, const char *path, struct error *error)
{
    if (walk->skipped.count++ == 0 && !(walk->skipped.first = strdup(path)))
        return fail_memory(error, strlen(path));
    return 0;
}

static void set_place(const struct walk *walk, const FTSENT *entry, struct place *place)
{
    const size_t tail = walk->tail < entry->fts_pathlen ? walk->tail : entry->fts_pathlen;
    *place = (struct place){ .path = entry->fts_path, .name = entry->fts_path + tail };
}

/* 1: place is set; 0: nothing to show for this entry. */
static int take_entry(
    struct walk *walk, FTSENT *entry, struct place *place, struct error *error)
{
    const bool hidden = entry->fts_level > FTS_ROOTLEVEL && entry->fts_name[0] == '.';
    switch (entry->fts_info) {
    case FTS_D:
        if (hidden)
            fts_set(walk->tree, entry, FTS_SKIP);
        return 0;
    case FTS_DP:
        return 0;
    case FTS_DNR:
    case FTS_ERR:
        set_place(walk, entry, place);
        errno = entry->fts_errno;
        fail_errno(error, "%.800s", entry->fts_path);
        return BAD_SAMPLE;
    case FTS_DC: /* a link to where it lies */
    case FTS_DEFAULT:
        return hidden ? 0 : skip(walk, entry->fts_path, error);
    default:
        if (hidden)
            return 0;
        if (!picture_suffix(path_extension(entry->fts_name)))
            return skip(walk, entry->fts_path, error);
        set_place(walk, entry, place);
        return 1;
    }
}

static int next_in_tree(struct walk *walk, struct place *place, struct error *error)
{
    for (;;) {
        errno = 0;
        FTSENT *entry = fts_read(walk->tree);
        if (!entry && errno != 0)
            return fail_errno(error, "%.800s", walk->root);
        if (!entry)
            break;
        const int status = take_entry(walk, entry, place, error);
        if (status != 0)
            return status;
    }
    end_tree(walk);
    return 0;
}

/* The next name of the list. 1, or 0 at its end. */
static int read_name(struct walk *walk, struct error *error)
{
    const struct walk_wishes *wishes = &walk->wishes;
    ssize_t length;
    do {
        errno = 0;
        length = getdelim(&walk->line, &walk->room, wishes->delimiter, walk->list);
        if (length < 0 && (ferror(walk->list) || errno == ENOMEM))
            return fail_errno(error, "%s", wishes->list);
        if (length < 0)
            return 0;
        if (walk->line[length - 1] == wishes->delimiter)
            walk->line[--length] = '\0';
    } while (length == 0);
    if (strlen(walk->line) != (size_t)length)
        return fail(error, BAD_USAGE, "%s: has names that end in NUL: say -0", wishes->list);
    if (length > PATH_MAX)
        return fail(error, BAD_USAGE, "%s: a name of %zd bytes%s", wishes->list, length,
            wishes->delimiter == '\0' ? ": do they end in a newline? then leave out -0" : "");
    return 1;
}

/* Without leading "./", "../" and "/". */
static const char *name_of(const char *path)
{
    for (const char *before = NULL; before != path;) {
        before = path;
        if (strncmp(path, "./", 2) == 0)
            path += 2;
        else if (strncmp(path, "../", 3) == 0)
            path += 3;
        else if (*path == '/')
            path++;
    }
    return path;
}

int walk_next(struct walk *walk, struct place *place, struct error *error)
{
    for (;;) {
        struct stat about;
        int status = walk->tree ? next_in_tree(walk, place, error) : 0;
        if (status != 0)
            return status;
        const bool operand = walk->next < walk->wishes.count;
        status = operand ? 1 : walk->list ? read_name(walk, error) : 0;
        if (status <= 0)
            return status;
        const char *path = operand ? walk->wishes.operands[walk->next++] : walk->line;
        const bool standard = operand && strcmp(path, "-") == 0;
        if (!standard && stat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
            status = begin_tree(walk, path, error);
            if (status < 0)
                return status;
            continue;
        }
        *place = (struct place){ path, standard ? "stdin" : name_of(path), standard };
        return 1;
    }
}

int walk_count(const struct walk_wishes *wishes, uint64_t *count, struct error *error)
{
    struct walk *walk = NULL;
    struct place place;
    int status = walk_open(&walk, wishes, error);
    *count = 0;
    while (status >= 0 || status == BAD_SAMPLE) {
        status = walk_next(walk, &place, error);
        if (status == 0)
            break;
        *count += status == 1 && picture_suffix(path_extension(place.path));
    }
    walk_close(walk);
    return status;
}
