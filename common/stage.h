/*
 * A program of the pipe. A stage says what it is in one struct; stage_main does the rest: the
 * command line, the loop over samples, bad samples, framing, messages and the exit status.
 */
#ifndef SACCADE_STAGE_H
#define SACCADE_STAGE_H

#include "common/option.h"
#include "common/threads.h"
#include "formats/stream.h"

#define SACCADE_VERSION "0.1.0"

enum stage_flags {
    STAGE_TEXT = 1,     /* ends a pipe: writes text, fit for a terminal */
    STAGE_PICTURE = 2,  /* ends a pipe: writes pictures, or other bytes that are no stream */
    STAGE_THREADED = 4, /* by default uses all processors */
    STAGE_OPERANDS = 8  /* operands are its own, not streams */
};

struct common_options {
    const char *output, *max_bad;
    bool keep, verbose, help, version;
    uint64_t threads; /* 0: by default */
};

struct run {
    const struct stage *stage;
    unsigned flags; /* the stage's; open may add to them by the options given */
    void *options;  /* the stage's own */
    void *state;    /* the stage's own */
    struct common_options common;
    const char *const *files; /* operands, or "-" */
    size_t file_count;
    struct threads *threads;

    /* Set by a model stage in open: its entry in the chain and the member __stream__/model. */
    char *model_name; /* NAME:CRC */
    json_t *model;

    /* Set in open by a stage that puts away itself what goes out, and sees to -o: called in the
     * writer's place. */
    int (*write)(struct run *run, const struct sample *sample, struct error *error);
    bool partial; /* set by a stage that is done, but with less than there was: exit with 1 */

    struct stream_reader *reader; /* NULL with STAGE_OPERANDS */
    struct stream_writer *writer; /* NULL for a stage that ends a pipe */
    struct output *output;        /* of a stage that ends a pipe */
    json_t *args;                 /* recorded options */
    json_t *chain;                /* of programs, with this one: what the head says */
    struct stream_counts counts;  /* of samples that came by */
    bool began;                   /* a sample came */
    const struct sample *first;   /* the first one until it is done, where it came good */
};

struct stage {
    const char *name;
    const char *purpose;  /* one line: "reads X, writes Y" */
    const char *operands; /* for the usage line; NULL: "[FILE...]" */
    const char *output;   /* what is said of -o; NULL: that it is a file */
    const struct option_row *options;
    unsigned flags;

    /* After the options, before the first sample: checks options, opens models. May be NULL.
     * 1: all is done, nothing to read (as vitfwd --info). */
    int (*open)(struct run *run, struct error *error);
    /* The next sample, as stream_read. NULL, but not with STAGE_OPERANDS: from the reader. */
    int (*next)(struct run *run, struct sample *sample, struct error *error);
    /* With STAGE_OPERANDS: the chain of programs of the input (borrowed). May be NULL. */
    int (*programs)(struct run *run, const json_t **programs, struct error *error);
    /* After the head, before all else; programs: the chain of the input. May be NULL. */
    int (*begin)(struct run *run, const json_t *programs, struct error *error);
    /* A member under __stream__/ passes. May be NULL. */
    int (*note)(
        struct run *run, const char *name, const struct member *member, struct error *error);
    /* One good sample: changes it in place. 1: it is left out, neither written nor counted.
     * What it returns below zero is handled as by run_reject. */
    int (*sample)(struct run *run, struct sample *sample, struct error *error);
    /* Or several at once, at most batch() of them, each rejected by the stage itself. */
    size_t (*batch)(const struct run *run);
    int (*samples)(
        struct run *run, struct sample *const *samples, size_t count, struct error *error);
    /* A bad sample passes; 1: it is left out. May be NULL. */
    int (*bad)(struct run *run, const struct sample *sample, struct error *error);
    /* After the last sample, where nothing failed. May be NULL. */
    int (*finish)(struct run *run, struct error *error);
    /* Frees the state; also after a failure. May be NULL. */
    void (*close)(struct run *run);
};

int stage_main(const struct stage *stage, void *options, int argc, char **argv);

/*
 * A sample failed with kind: where it is BAD_SAMPLE the sample goes out as it came in, with
 * __bad__, a warning is printed, and 0 returned. BAD_USAGE (a member missing) is that too, but
 * for the first sample, where like any other kind it comes back to end the run.
 */
int run_reject(struct run *run, struct sample *sample, int kind, struct error *error);

/* Gives a bad sample made elsewhere its __bad__ member. */
int sample_spoil(
    struct sample *sample, const char *stage, const char *why, struct error *error);

/* "name: key: text" on stderr, control characters as '?'. key may be NULL. */
void run_warn(const struct run *run, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Text to the output of a stage that ends a pipe. */
int run_print(struct run *run, struct error *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for one field of a TSV: tab, newline, other control characters and the backslash
 * itself become \t, \n, \xHH and \\. */
int run_print_field(struct run *run, const char *text, struct error *error);

#endif
