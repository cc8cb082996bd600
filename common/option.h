/*
 * Command lines. One table a program serves the parser, -h and (held to it by a test) the man
 * page's OPTIONS; what was given is recorded for the stream's chain of programs.
 */
#ifndef SACCADE_OPTION_H
#define SACCADE_OPTION_H

#include "formats/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char * */
    OPTION_PATH,   /* const char *; only its last part is recorded */
    OPTION_TEXTS,  /* struct texts: may be given several times */
    OPTION_COUNT,  /* uint64_t, low..high */
    OPTION_NUMBER, /* double, low..high */
    OPTION_CHOICE  /* int: which of argument's "a|b|c" */
};

struct texts {
    const char **items;
    size_t count;
};

struct option_row {
    char letter; /* 0: none */
    const char *name;
    enum option_kind kind;
    const char *argument; /* as -h shows it; the choices; NULL for a flag */
    const char *help;
    size_t offset; /* of its place in the options */
    double low, high;
    bool unrecorded; /* says nothing of the result: -j -b -v -o */
};

/* Rows end with one whose name is NULL. */
#define OPTION_END                                       \
    {                                                    \
        0, NULL, OPTION_FLAG, NULL, NULL, 0, 0, 0, false \
    }

/*
 * Sets options from argv by two tables (the second into its own struct); options and operands
 * may be mixed. Returns the number of operands, moved to argv[1] and on with a NULL behind.
 * args: a JSON array to which what was given is appended. BAD_USAGE names the option and what
 * it takes.
 */
int options_parse(const struct option_row *rows, void *options, const struct option_row *common,
    void *common_options, int argc, char **argv, json_t *args, struct error *error);

/* Prints "  -l, --layers LIST    help" lines, wrapped. */
void options_help(const struct option_row *rows);

/* Whole text as a number in low..high; what names it in the message. */
int parse_count(const char *what, const char *text, double low, double high, uint64_t *value,
    struct error *error);
int parse_number(const char *what, const char *text, double low, double high, double *value,
    struct error *error);
/* "N" or "WxH", sides of 1 to 16384. */
int parse_size(
    const char *what, const char *text, uint32_t *width, uint32_t *height, struct error *error);
/* count numbers with separator between them. */
int parse_numbers(const char *what, const char *text, char separator, size_t count, double low,
    double high, double *values, struct error *error);

/*
 * A list ("3", "-1", "0-5", "6-", commas between, "all") as wanted[0..count). Negative single
 * numbers count from the end; a number outside 0..count-1 is BAD_USAGE.
 */
int parse_list(
    const char *what, const char *text, size_t count, bool *wanted, struct error *error);
/* Whether text could be such a list for some count: to refuse it before the count is known. */
int check_list(const char *what, const char *text, struct error *error);

/* Three numbers with commas between, or one for all three. */
int parse_colour(const char *what, const char *text, double low, double high, float colour[3],
    struct error *error);

#endif
