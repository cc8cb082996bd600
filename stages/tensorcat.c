/* tensorcat: reads streams, writes one: joins, selects, drops, renames, cuts and repairs. */
#include "common/join.h"
#include "common/keylist.h"
#include "common/map.h"
#include "common/shards.h"
#include "common/stage.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct options {
    struct texts keys, only, drop, renames;
    const char *keys_from, *prefix_b, *array;
    uint64_t every, split;
    bool good, join, repair;
};

static const struct option_row rows[] = {
    { 0, "key", OPTION_TEXTS, "GLOB", "keep samples with such keys",
        offsetof(struct options, keys), 0, 0, false },
    { 0, "keys-from", OPTION_PATH, "FILE", "keep samples whose keys are lines of FILE",
        offsetof(struct options, keys_from), 0, 0, false },
    { 0, "good", OPTION_FLAG, NULL, "drop bad samples", offsetof(struct options, good), 0, 0,
        false },
    { 0, "every", OPTION_COUNT, "N", "keep the first of every N samples",
        offsetof(struct options, every), 1, 1e15, false },
    { 0, "only", OPTION_TEXTS, "GLOB", "keep members with such suffixes",
        offsetof(struct options, only), 0, 0, false },
    { 0, "drop", OPTION_TEXTS, "GLOB", "drop members with such suffixes",
        offsetof(struct options, drop), 0, 0, false },
    { 0, "rename", OPTION_TEXTS, "FROM=TO", "give members with suffix FROM the suffix TO",
        offsetof(struct options, renames), 0, 0, false },
    { 0, "join", OPTION_FLAG, NULL, "put two streams' members of the same key side by side",
        offsetof(struct options, join), 0, 0, false },
    { 0, "prefix-b", OPTION_TEXT, "NAME", "with --join: put NAME. before the second's suffixes",
        offsetof(struct options, prefix_b), 0, 0, false },
    { 0, "split", OPTION_COUNT, "N", "cut into files of N samples, named by -o with a %d",
        offsetof(struct options, split), 1, 1e15, false },
    { 0, "npy", OPTION_TEXT, "MEMBER", "write one sample's array, bare",
        offsetof(struct options, array), 0, 0, false },
    { 0, "repair", OPTION_FLAG, NULL, "keep what is whole of a cut stream",
        offsetof(struct options, repair), 0, 0, false },
    OPTION_END,
};

struct rename {
    char *from;
    const char *to;
};

struct tensorcat {
    struct keylist wanted; /* --keys-from */
    struct rename *renames;
    size_t rename_count;
    uint64_t selected;  /* samples that came as far as --every */
    const char *second; /* --join: the second stream, joined to the run's own */
    struct join *join;
    struct shards *shards;
    bool repaired;       /* --repair: the input has failed */
    struct member array; /* --npy */
};

static int open_renames(
    struct tensorcat *state, const struct texts *renames, struct error *error)
{
    state->renames = calloc(renames->count + 1, sizeof *state->renames);
    if (!state->renames)
        return fail_memory(error, renames->count * sizeof *state->renames);
    for (size_t i = 0; i < renames->count; i++) {
        const char *equals = strchr(renames->items[i], '=');
        if (!equals || equals == renames->items[i] || equals[1] == '\0' || equals[1] == '.'
            || strchr(equals + 1, '/') || strcmp(equals + 1, "__bad__") == 0)
            return fail(error, BAD_USAGE, "--rename %s: takes FROM=TO, two suffixes",
                renames->items[i]);
        char *from = strndup(renames->items[i], (size_t)(equals - renames->items[i]));
        if (!from)
            return fail_memory(error, strlen(renames->items[i]));
        state->renames[state->rename_count++] = (struct rename){ from, equals + 1 };
    }
    return 0;
}

/* Options that don't go together, or ask for others. */
static int check_options(const struct run *run, struct error *error)
{
    const struct options *options = run->options;
    if (options->join && run->file_count != 2)
        return fail(error, BAD_USAGE, "--join: takes two streams: --join A B");
    if (options->prefix_b && !(options->join && map_name_is_legal(options->prefix_b)))
        return fail(error, BAD_USAGE,
            "--prefix-b %s: takes a name of a-z 0-9 _ + -, with --join", options->prefix_b);
    if (options->repair && (options->join || run->file_count > 1))
        return fail(error, BAD_USAGE, "--repair: takes one stream");
    if (options->split && options->array)
        return fail(error, BAD_USAGE, "--split and --npy: take one of them");
    const bool listed = options->keys_from && strcmp(options->keys_from, "-") == 0;
    for (size_t i = 0; listed && i < run->file_count; i++)
        if (strcmp(run->files[i], "-") == 0)
            return fail(error, BAD_USAGE,
                "--keys-from -: the stream comes on standard input already: give FILE");
    if (options->split && !run->common.output)
        return fail(error, BAD_USAGE, "--split: name the files with -o NAME-%%05d.tar");
    return 0;
}

/* -o X.tar would write its X.tar.part over the very file that is to be repaired. */
static int check_output(const struct run *run, struct error *error)
{
    struct stat in, out;
    char *part = NULL;
    if (!run->common.output)
        return 0;
    if (asprintf(&part, "%s.part", run->common.output) < 0)
        return fail_memory(error, strlen(run->common.output));
    int status = 0;
    for (size_t i = 0; i < run->file_count && status == 0; i++)
        if (stat(run->files[i], &in) == 0 && S_ISREG(in.st_mode) && stat(part, &out) == 0
            && in.st_dev == out.st_dev && in.st_ino == out.st_ino)
            status = fail(error, BAD_USAGE,
                "--output %s: its %s.part is being read: take another name", run->common.output,
                run->common.output);
    free(part);
    return status;
}

/* The first operand stays the run's stream. */
static int check_join(struct run *run, struct error *error)
{
    struct tensorcat *state = run->state;
    state->second = run->files[1];
    run->file_count = 1;
    if (strcmp(state->second, "-") != 0)
        return 0;
    if (strcmp(run->files[0], "-") == 0)
        return fail(error, BAD_USAGE, "--join - -: only one of the two can be standard input");
    return isatty(STDIN_FILENO) ? fail(
               error, BAD_USAGE, "--join: standard input is a terminal: give FILE or a pipe")
                                : 0;
}

static int write_shard(struct run *run, const struct sample *sample, struct error *error)
{
    struct tensorcat *state = run->state;
    return shards_write(state->shards, run->chain, sample, error);
}

static int open_tensorcat(struct run *run, struct error *error)
{
    const struct options *options = run->options;
    struct tensorcat *state = run->state = calloc(1, sizeof *state);
    if (!state)
        return fail_memory(error, sizeof *state);
    int status = check_options(run, error);
    if (status == 0)
        status = check_output(run, error);
    if (status == 0)
        status = open_renames(state, &options->renames, error);
    if (status == 0 && options->keys_from)
        status = keylist_read(&state->wanted, options->keys_from, error);
    if (status == 0 && options->join)
        status = check_join(run, error);
    if (status == 0 && options->split) {
        status = shards_create(&state->shards, run->common.output, options->split, error);
        run->write = write_shard;
    }
    if (options->array)
        run->flags |= STAGE_PICTURE;
    return status;
}

static void close_tensorcat(struct run *run)
{
    struct tensorcat *state = run->state;
    struct options *options = run->options;
    if (!state)
        return;
    free(options->keys.items);
    free(options->only.items);
    free(options->drop.items);
    free(options->renames.items);
    join_close(state->join);
    shards_free(state->shards);
    for (size_t i = 0; i < state->rename_count; i++)
        free(state->renames[i].from);
    free(state->renames);
    keylist_free(&state->wanted);
    free(state->array.bytes);
    free(state);
}

static int read_joined(struct run *run, struct sample *sample, struct error *error)
{
    const struct options *options = run->options;
    struct tensorcat *state = run->state;
    const char *first = run->files[0];
    int status = 0;
    if (!state->join)
        status = join_open(&state->join, run->reader,
            strcmp(first, "-") == 0 ? "standard input" : first, state->second,
            options->prefix_b, error);
    return status < 0 ? status : join_read(state->join, sample, error);
}

/* As stream_read, but what is truncated or corrupt becomes the end. */
static int read_repaired(struct run *run, struct sample *sample, struct error *error)
{
    struct tensorcat *state = run->state;
    if (state->repaired)
        return 0;
    int status = sample_begin(sample, "", error);
    if (status < 0)
        return status;
    status = stream_read(run->reader, sample, error);
    if (status != BAD_INPUT)
        return status;
    const enum stream_sum sum = stream_sum(run->reader);
    if (sum == SUM_BROKEN)
        return fail(error, BAD_INPUT, "%.900s: --repair can't tell where", error->text);
    state->repaired = run->partial = true;
    run_warn(run, NULL, "%s", error->text);
    if (*sample->key == '\0' || strcmp(sample->key, STREAM_KEY) == 0)
        return 0;
    if (sum == SUM_HELD) {
        sample->arrived = sample->count;
        return 1;
    }
    run_warn(run, sample->key, "left out: members of it may be missing");
    return 0;
}

static int read_sample(struct run *run, struct sample *sample, struct error *error)
{
    const struct options *options = run->options;
    if (options->join)
        return read_joined(run, sample, error);
    return options->repair ? read_repaired(run, sample, error)
                           : stream_read(run->reader, sample, error);
}

static bool matches(const struct texts *globs, const char *text)
{
    for (size_t i = 0; i < globs->count; i++)
        if (fnmatch(globs->items[i], text, 0) == 0)
            return true;
    return false;
}

static bool is_selected(struct run *run, const struct sample *sample)
{
    const struct options *options = run->options;
    struct tensorcat *state = run->state;
    if (options->keys_from && !keylist_find(&state->wanted, sample->key))
        return false;
    if (options->keys.count > 0 && !matches(&options->keys, sample->key))
        return false;
    if (options->good && sample->bad)
        return false;
    return options->every == 0 || state->selected++ % options->every == 0;
}

static const char *new_suffix(const struct tensorcat *state, const char *suffix)
{
    for (size_t i = 0; i < state->rename_count; i++)
        if (strcmp(state->renames[i].from, suffix) == 0)
            return state->renames[i].to;
    return suffix;
}

/* All at once, by the suffixes they came with: two names can be exchanged. */
static int rename_members(
    const struct tensorcat *state, struct sample *sample, struct error *error)
{
    for (size_t i = 0; i < sample->count; i++)
        for (size_t j = i + 1; j < sample->count; j++) {
            const struct member *a = &sample->members[i], *b = &sample->members[j];
            const char *name = new_suffix(state, a->suffix);
            if (!a->dropped && !b->dropped && strcmp(name, new_suffix(state, b->suffix)) == 0)
                return fail(error, BAD_USAGE, "--rename gives two members the suffix %s", name);
        }
    for (size_t i = 0; i < sample->count; i++) {
        struct member *member = &sample->members[i];
        const char *name = new_suffix(state, member->suffix);
        if (name == member->suffix)
            continue;
        char *copy = strdup(name);
        if (!copy)
            return fail_memory(error, strlen(name) + 1);
        free(member->suffix);
        member->suffix = copy;
    }
    return 0;
}

/* --npy: keeps the first array until it is known to be the only one. */
static int take_array(struct tensorcat *state, const struct sample *sample, const char *suffix,
    struct error *error)
{
    struct npy npy;
    struct member *member = sample_find(sample, suffix);
    if (state->array.bytes)
        return 0;
    if (!member)
        return fail(error, BAD_USAGE, "has no %s: see tensorls", suffix);
    if (npy_parse(member->bytes, member->size, &npy, error) < 0)
        return fail(error, BAD_USAGE, "%s: %s", suffix, error->text);
    const struct member taken = *member;
    member->bytes = NULL;
    member->size = member->room = 0;
    state->array = taken;
    state->array.suffix = NULL;
    return 0;
}

static int process_sample(struct run *run, struct sample *sample, struct error *error)
{
    const struct options *options = run->options;
    struct tensorcat *state = run->state;
    size_t left = 0;
    if (!is_selected(run, sample))
        return 1;
    for (size_t i = 0; i < sample->count; i++) {
        struct member *member = &sample->members[i];
        member->dropped |= (options->only.count > 0 && !matches(&options->only, member->suffix))
                           || matches(&options->drop, member->suffix);
        left += !member->dropped;
    }
    const int status = state->rename_count > 0 ? rename_members(state, sample, error) : 0;
    if (status < 0)
        return status;
    if (options->array)
        return take_array(state, sample, options->array, error);
    return left == 0;
}

static int process_bad(struct run *run, const struct sample *sample, struct error *error)
{
    (void)error;
    return !is_selected(run, sample);
}

static int write_array(struct run *run, struct error *error)
{
    const struct tensorcat *state = run->state;
    if (run->counts.samples == 0)
        return fail(error, BAD_USAGE, "--npy: no sample is left: see its keys with tensorls");
    if (run->counts.samples != 1 || !state->array.bytes)
        return fail(error, BAD_USAGE,
            "--npy: takes one good sample: of %llu, %llu bad: choose one with --key",
            (unsigned long long)run->counts.samples, (unsigned long long)run->counts.bad);
    return output_write(run->output, state->array.bytes, state->array.size, error);
}

static void warn_missing(const struct run *run)
{
    const struct tensorcat *state = run->state;
    const char *first;
    const size_t missing = keylist_missing(&state->wanted, &first);
    if (missing > 0)
        run_warn(run, NULL, "--keys-from: %zu of %zu keys are not in the stream: %s%s", missing,
            state->wanted.count, first, missing > 1 ? " and others" : "");
}

static int finish_tensorcat(struct run *run, struct error *error)
{
    const struct options *options = run->options;
    struct tensorcat *state = run->state;
    warn_missing(run);
    if (options->split)
        return shards_finish(state->shards, run->chain, error);
    return options->array ? write_array(run, error) : 0;
}

int main(int argc, char **argv)
{
    static const struct stage tensorcat = {
        .name = "tensorcat",
        .purpose = "reads streams, writes one: joins, selects, drops, renames, cuts, repairs",
        .options = rows,
        .open = open_tensorcat,
        .next = read_sample,
        .sample = process_sample,
        .bad = process_bad,
        .finish = finish_tensorcat,
        .close = close_tensorcat,
    };
    struct options options = { 0 };
    return stage_main(&tensorcat, &options, argc, argv);
}
