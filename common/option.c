#include "common/option.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 64, LONG_BASE = 256, HELP_COLUMN = 26, HELP_WIDTH = 80 };

int parse_count(const char *what, const char *text, double low, double high, uint64_t *value,
    struct error *error)
{
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || (double)number < low
        || (double)number > high)
        return fail(error, BAD_USAGE, "%s %s: takes a whole number from %.0f to %.0f", what,
            text, low, high);
    *value = number;
    return 0;
}

int parse_number(const char *what, const char *text, double low, double high, double *value,
    struct error *error)
{
    char *end;
    const double number = strtod(text, &end);
    if (end == text || isspace((unsigned char)*text) || *end
        || !(number >= low && number <= high))
        return fail(
            error, BAD_USAGE, "%s %s: takes a number from %g to %g", what, text, low, high);
    *value = number;
    return 0;
}

int parse_numbers(const char *what, const char *text, char separator, size_t count, double low,
    double high, double *values, struct error *error)
{
    const char *at = text;
    for (size_t i = 0; i < count; i++) {
        char *end;
        values[i] = strtod(at, &end);
        const char due = i + 1 < count ? separator : '\0';
        if (end == at || isspace((unsigned char)*at) || *end != due
            || !(values[i] >= low && values[i] <= high))
            return fail(error, BAD_USAGE,
                "%s %s: takes %zu numbers from %g to %g with '%c' between them", what, text,
                count, low, high, separator);
        at = end + 1;
    }
    return 0;
}

int parse_size(
    const char *what, const char *text, uint32_t *width, uint32_t *height, struct error *error)
{
    unsigned w, h;
    char rest;
    if (isdigit((unsigned char)*text) && strlen(text) < 16) {
        const int sides = sscanf(text, "%ux%u%c", &w, &h, &rest);
        const bool square = sides == 1 && text[strspn(text, "0123456789")] == '\0';
        h = square ? w : h;
        if ((square || sides == 2) && w >= 1 && w <= 16384 && h >= 1 && h <= 16384) {
            *width = w;
            *height = h;
            return 0;
        }
    }
    return fail(error, BAD_USAGE, "%s %s: takes N or WxH, sides from 1 to 16384", what, text);
}

/* One item of a list: first and last, from 0; -1 for "to the end". */
static int list_item(const char **at, long *first, long *last)
{
    char *end;
    const bool negative = **at == '-';
    if (!isdigit((unsigned char)(*at)[negative]))
        return -1;
    *first = *last = strtol(*at, &end, 10);
    if (!negative && *end == '-') {
        const char *number = end + 1;
        *last = -1;
        end = (char *)number;
        if (isdigit((unsigned char)*number))
            *last = strtol(number, &end, 10);
        if (*last >= 0 && *last < *first)
            return -1;
    } else if (negative) {
        *last = -2; /* from the end */
    }
    *at = end;
    return *end == ',' || *end == '\0' ? 0 : -1;
}

static int list_error(const char *what, const char *text, struct error *error)
{
    return fail(
        error, BAD_USAGE, "%s %s: takes a list as 3, -1, 0-5, 6-, 1,4 or all", what, text);
}

int check_list(const char *what, const char *text, struct error *error)
{
    if (strcmp(text, "all") == 0)
        return 0;
    for (const char *at = text;;) {
        long first, last;
        if (list_item(&at, &first, &last) < 0)
            return list_error(what, text, error);
        if (*at == '\0')
            return 0;
        at++;
    }
}

int parse_list(
    const char *what, const char *text, size_t count, bool *wanted, struct error *error)
{
    const bool all = strcmp(text, "all") == 0;
    memset(wanted, all, count * sizeof *wanted);
    for (const char *at = text; !all;) {
        long first, last;
        if (list_item(&at, &first, &last) < 0)
            return list_error(what, text, error);
        if (first < 0)
            first += (long)count;
        if (last == -2)
            last = first;
        else if (last == -1)
            last = (long)count - 1;
        if (count == 0)
            return fail(error, BAD_USAGE, "%s %s: there are none", what, text);
        if (first < 0 || last >= (long)count || first > last)
            return fail(error, BAD_USAGE, "%s %s: there are %zu, 0 to %zu", what, text, count,
                count - 1);
        for (long i = first; i <= last; i++)
            wanted[i] = true;
        if (*at == '\0')
            break;
        at++;
    }
    return 0;
}

static int parse_choice(
    const char *what, const char *choices, const char *text, int *value, struct error *error)
{
    const size_t length = strlen(text);
    int number = 0;
    for (const char *at = choices;; number++) {
        const size_t size = strcspn(at, "|");
        if (size == length && strncmp(at, text, size) == 0) {
            *value = number;
            return 0;
        }
        if (at[size] == '\0')
            return fail(error, BAD_USAGE, "%s %s: takes one of %s", what, text, choices);
        at += size + 1;
    }
}

static int add_text(struct texts *texts, const char *text, struct error *error)
{
    const char **grown = realloc(texts->items, (texts->count + 1) * sizeof *grown);
    if (!grown)
        return fail_memory(error, (texts->count + 1) * sizeof *grown);
    texts->items = grown;
    grown[texts->count++] = text;
    return 0;
}

static int set_option(
    const struct option_row *row, void *options, const char *text, struct error *error)
{
    char what[64];
    void *place = (char *)options + row->offset;
    snprintf(what, sizeof what, "--%s", row->name);
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)place = true;
        return 0;
    case OPTION_TEXT:
    case OPTION_PATH:
        *(const char **)place = text;
        return 0;
    case OPTION_TEXTS:
        return add_text(place, text, error);
    case OPTION_COUNT:
        return parse_count(what, text, row->low, row->high, place, error);
    case OPTION_NUMBER:
        return parse_number(what, text, row->low, row->high, place, error);
    case OPTION_CHOICE:
        return parse_choice(what, row->argument, text, place, error);
    }
    return 0;
}

static int record(
    const struct option_row *row, const char *text, json_t *args, struct error *error)
{
    if (row->unrecorded)
        return 0;
    size_t length = text ? strlen(text) : 0;
    if (row->kind == OPTION_PATH) {
        size_t end = length;
        while (end > 1 && text[end - 1] == '/')
            end--;
        size_t start = end;
        while (start > 0 && text[start - 1] != '/')
            start--;
        text += start;
        length = end - start;
    }
    json_t *item = text ? json_sprintf("--%s=%.*s", row->name, (int)length, text)
                        : json_sprintf("--%s", row->name);
    if (!item && text) /* not UTF-8 */
        item = json_sprintf("--%s=?", row->name);
    return json_array_append_new(args, item) < 0 ? fail_memory(error, strlen(row->name)) : 0;
}

/* Both tables as getopt_long wants them. Returns the number of rows. */
static size_t prepare(const struct option_row *const tables[2], const struct option_row **rows,
    int *owner, struct option *longs, char *letters)
{
    size_t count = 0;
    *letters++ = '+';
    *letters++ = ':';
    for (int t = 0; t < 2; t++)
        for (const struct option_row *row = tables[t]; row->name && count < MAX_ROWS; row++) {
            const int argument = row->kind == OPTION_FLAG ? no_argument : required_argument;
            longs[count] = (struct option){ row->name, argument, NULL, LONG_BASE + (int)count };
            if (row->letter) {
                *letters++ = row->letter;
                if (argument == required_argument)
                    *letters++ = ':';
            }
            owner[count] = t;
            rows[count++] = row;
        }
    *letters = '\0';
    longs[count] = (struct option){ 0 };
    return count;
}

static int unknown_option(int found, const char *word, struct error *error)
{
    const char *cause = found == ':'          ? "needs an argument"
                        : optopt >= LONG_BASE ? "takes no argument"
                                              : "no such option";
    if (optopt > 0 && optopt < LONG_BASE)
        return fail(error, BAD_USAGE, "-%c: %s: see -h", optopt, cause);
    return fail(error, BAD_USAGE, "%s: %s: see -h", word, cause);
}

int options_parse(const struct option_row *own, void *options, const struct option_row *common,
    void *common_options, int argc, char **argv, json_t *args, struct error *error)
{
    const struct option_row *const tables[2] = { own, common };
    void *const places[2] = { options, common_options };
    const struct option_row *rows[MAX_ROWS];
    int owner[MAX_ROWS], operands = 0;
    struct option longs[MAX_ROWS + 1];
    char letters[3 * MAX_ROWS];
    const size_t count = prepare(tables, rows, owner, longs, letters);
    opterr = 0;
    optind = 1;
    while (optind < argc) {
        const int before = optind;
        const int found = getopt_long(argc, argv, letters, longs, NULL);
        if (found == -1) {
            /* An operand, or "--": what comes behind "--" is operands alone. */
            const bool ended = optind > before;
            for (size_t left = ended ? (size_t)(argc - optind) : 1; left > 0; left--)
                argv[operands++ + 1] = argv[optind++]; /* never beyond what was read */
            continue;
        }
        if (found == '?' || found == ':')
            return unknown_option(found, argv[optind - 1], error);
        size_t i = 0;
        while (i < count && found != LONG_BASE + (int)i && found != rows[i]->letter)
            i++;
        int status = set_option(rows[i], places[owner[i]], optarg, error);
        if (status == 0)
            status = record(rows[i], optarg, args, error);
        if (status < 0)
            return status;
    }
    argv[operands + 1] = NULL;
    return operands;
}

/* Prints text from column on, wrapped. */
static void print_wrapped(const char *text, int column)
{
    while (*text) {
        size_t length = strlen(text), room = HELP_WIDTH - HELP_COLUMN;
        if (length > room) {
            for (length = room; length > 0 && text[length] != ' ';)
                length--;
            if (length == 0)
                length = strcspn(text, " ");
        }
        printf("%*s%.*s\n", HELP_COLUMN - column, "", (int)length, text);
        text += length + (text[length] == ' ');
        column = 0;
    }
}

void options_help(const struct option_row *rows)
{
    for (; rows->name; rows++) {
        int column = rows->letter ? printf("  -%c, --%s", rows->letter, rows->name)
                                  : printf("      --%s", rows->name);
        if (rows->argument)
            column += printf(" %s", rows->argument);
        if (column + 2 > HELP_COLUMN) {
            putchar('\n');
            column = 0;
        }
        print_wrapped(rows->help, column);
    }
}

int parse_colour(const char *what, const char *text, double low, double high, float colour[3],
    struct error *error)
{
    double values[3];
    const bool one = !strchr(text, ',');
    const int status = one ? parse_number(what, text, low, high, values, error)
                           : parse_numbers(what, text, ',', 3, low, high, values, error);
    for (size_t i = 0; i < 3 && status == 0; i++)
        colour[i] = (float)values[one ? 0 : i];
    return status;
}
