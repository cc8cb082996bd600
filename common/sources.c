#include "common/sources.h"
#include "common/intake.h"
#include "common/pump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { FIRST_READ = 1 << 26 }; /* of a frame, before it has shown that it is that long */

/* What the place is that the walk came to. */
enum state { AT_NOTHING, AT_BROKEN, AT_PICTURE, AT_FRAMES, AT_SHARD };

struct sources {
    bool prefix_shard;
    struct walk *walk;
    struct place place;
    enum state state;
    struct error why;     /* AT_BROKEN */
    struct intake intake; /* AT_PICTURE, AT_FRAMES */
    uint64_t frames;      /* that came of this run */
    char *run;            /* what the keys of its frames begin with, or NULL */

    struct stream_reader *reader; /* AT_SHARD */
    struct pump *pump;            /* where it can't be opened twice, or NULL */
    const char *shard;            /* what the reader opens */
    char shard_path[32];          /* where that is the pump's */
    char *prefix;                 /* of its keys, or NULL */
    bool announced;               /* its head is in the chain or came as __stream__/pg */
    struct walk_skipped skipped;

    struct keys keys;
    uint64_t count; /* of pictures */
    bool from_file; /* the last sample */
};

int sources_open(
    struct sources **sources, const struct sources_wishes *wishes, struct error *error)
{
    *sources = calloc(1, sizeof **sources);
    if (!*sources)
        return fail_memory(error, sizeof **sources);
    (*sources)->prefix_shard = wishes->prefix_shard;
    (*sources)->intake.input.fd = -1;
    return walk_open(&(*sources)->walk, &wishes->walk, error);
}

/* Done with a file. */
static void leave(struct sources *sources)
{
    intake_close(&sources->intake);
    free(sources->run);
    sources->run = NULL;
    sources->frames = 0;
    sources->state = AT_NOTHING;
}

static int leave_shard(struct sources *sources, struct error *error)
{
    struct pump *pump = sources->pump;
    stream_close(sources->reader);
    free(sources->prefix);
    sources->reader = NULL;
    sources->prefix = NULL;
    sources->pump = NULL;
    sources->state = AT_NOTHING;
    return pump_stop(pump, error);
}

void sources_close(struct sources *sources)
{
    struct error ignored;
    if (!sources)
        return;
    leave(sources);
    leave_shard(sources, &ignored);
    walk_close(sources->walk);
    keys_free(&sources->keys);
    free(sources->skipped.first);
    free(sources);
}

const char *sources_path(const struct sources *sources)
{
    return sources->from_file && !sources->place.standard ? sources->place.path : NULL;
}

const char *sources_file(const struct sources *sources)
{
    const bool regular = sources->from_file ? sources->intake.regular : !sources->pump;
    return regular && !sources->place.standard ? sources->place.path : NULL;
}

const struct walk_skipped *sources_skipped_files(const struct sources *sources)
{
    return walk_skipped(sources->walk);
}

const struct walk_skipped *sources_skipped_members(const struct sources *sources)
{
    return &sources->skipped;
}

/* The first new key of: stem, whole, whole with a number behind; malloc'd in *key. Takes over
 * stem and whole. */
static int claim(
    struct sources *sources, char *stem, char *whole, char **key, struct error *error)
{
    char *numbered = NULL;
    int added = stem && whole ? keys_add(&sources->keys, stem, error) : fail_memory(error, 1);
    char *claimed = stem;
    if (added == 0) {
        added = keys_add(&sources->keys, whole, error);
        claimed = whole;
    }
    for (uint64_t n = sources->count; added == 0; n++) {
        free(numbered);
        numbered = NULL;
        if (asprintf(&numbered, "%s,%llu", whole, (unsigned long long)n) < 0)
            added = fail_memory(error, strlen(whole));
        else
            added = keys_add(&sources->keys, numbered, error);
        claimed = numbered;
    }
    *key = added > 0 ? claimed : NULL;
    char *const made[] = { stem, whole, numbered };
    for (size_t i = 0; i < 3; i++)
        if (made[i] != *key)
            free(made[i]);
    return added > 0 ? 0 : added;
}

static int claim_place(struct sources *sources, char **key, struct error *error)
{
    const char *name = sources->place.name;
    if (name[strspn(name, "./")] == '\0' && strstr(name, "..") == NULL)
        name = "unnamed"; /* nothing is left of it in a key */
    return claim(sources, key_encode(name, stem_length(name)), key_encode(name, strlen(name)),
        key, error);
}

/* An empty sample under the place's key. */
static int begin_sample(struct sources *sources, struct sample *sample, struct error *error)
{
    char *key;
    int status = claim_place(sources, &key, error);
    if (status == 0)
        status = sample_begin(sample, key, error);
    free(key);
    sources->count++;
    return status;
}

/* What the reader shall open to read the shard from its start. */
static int reopen(struct sources *sources, struct error *error)
{
    struct intake *intake = &sources->intake;
    int fd;
    sources->shard = sources->place.path;
    if (intake->regular && intake->standard
        && lseek(STDIN_FILENO, (off_t)intake->start, SEEK_SET) < 0)
        return fail_errno(error, "standard input");
    if (intake->regular) {
        leave(sources);
        return 0;
    }
    const int status = pump_start(&sources->pump, &intake->input, &fd, error);
    if (status < 0)
        return status;
    intake->input.fd = -1; /* the pump's */
    if (!intake->standard) {
        snprintf(sources->shard_path, sizeof sources->shard_path, "/dev/fd/%d", fd);
        sources->shard = sources->shard_path;
    }
    return 0;
}

static void count_skipped(void *argument, const char *name)
{
    struct sources *sources = argument;
    if (sources->skipped.count++ == 0)
        sources->skipped.first = strdup(name);
}

static int begin_shard(struct sources *sources, struct error *error)
{
    int status = reopen(sources, error);
    if (status < 0)
        return status;
    if (sources->prefix_shard) {
        const char *base = path_base(sources->place.name);
        sources->prefix = key_encode(base, stem_length(base));
        if (!sources->prefix)
            return fail_memory(error, strlen(base));
    }
    status = stream_open(&sources->reader, &sources->shard, 1, error);
    if (status < 0)
        return status;
    stream_on_skip(sources->reader, count_skipped, sources);
    sources->announced = false;
    sources->state = AT_SHARD;
    return 0;
}

static int begin_broken(struct sources *sources, const char *why)
{
    fail(&sources->why, BAD_SAMPLE, "%.800s: %s", sources->place.path, why);
    leave(sources);
    sources->state = AT_BROKEN;
    return 0;
}

/* Standard input that is no picture is not one bad picture: who knows what was meant. */
static int refuse_standard(enum intake_kind kind, struct error *error)
{
    return fail(error, BAD_INPUT, "standard input: %s",
        kind == INTAKE_EMPTY ? "truncated: no bytes at all"
                             : "refused: neither a picture nor a tensor stream");
}

static int begin_place(struct sources *sources, struct error *error)
{
    const struct intake *intake = &sources->intake;
    enum intake_kind kind;
    const int status = intake_look(&sources->intake, &kind, error);
    if (status < 0 && !intake->standard) {
        leave(sources);
        sources->why = *error;
        sources->state = AT_BROKEN;
        return 0;
    }
    if (status < 0)
        return status;
    if (kind == INTAKE_SHARD)
        return begin_shard(sources, error);
    if (intake->standard && kind >= INTAKE_NAMED)
        return refuse_standard(kind, error);
    if (kind == INTAKE_EMPTY || kind == INTAKE_UNKNOWN)
        return begin_broken(sources, kind == INTAKE_EMPTY ? "empty" : "not a picture");
    if (kind != INTAKE_FRAMES && intake->size > INTAKE_MAX_BYTES)
        return begin_broken(sources, "over the limit of 1 GiB");
    sources->state = kind == INTAKE_FRAMES ? AT_FRAMES : AT_PICTURE;
    return 0;
}

/* The next place, opened and looked into. 1, or 0 at the end. */
static int advance(struct sources *sources, struct error *error)
{
    struct place *place = &sources->place;
    int status = walk_next(sources->walk, place, error);
    if (status == 1)
        status = intake_open(&sources->intake, place->path, place->standard, error);
    else if (status != BAD_SAMPLE)
        return status;
    const bool shard = place->standard || strcasecmp(path_extension(place->path), "tar") == 0;
    if (status == BAD_SYSTEM && shard)
        return status; /* what isn't there leaves out nobody knows how many samples */
    if (status < 0) {
        sources->why = *error;
        sources->state = AT_BROKEN;
        return 1;
    }
    status = begin_place(sources, error);
    return status < 0 ? status : 1;
}

int sources_programs(struct sources *sources, const json_t **programs, struct error *error)
{
    const int status = advance(sources, error);
    *programs = NULL;
    if (status < 0 || sources->state != AT_SHARD)
        return status < 0 ? status : 0;
    sources->announced = true;
    return stream_programs(sources->reader, programs, error);
}

static int next_picture(struct sources *sources, struct sample *sample, struct error *error)
{
    struct intake *intake = &sources->intake;
    const size_t most = INTAKE_MAX_BYTES + 1;
    int status = begin_sample(sources, sample, error);
    if (status < 0)
        return status;
    status = intake_read(intake, sample, intake->size ? intake->size : IO_BUFFER, most, error);
    if (status == 0 && sample->members->size == most)
        status = fail(error, BAD_SAMPLE, "%.800s: over the limit of 1 GiB", intake->input.name);
    leave(sources);
    if (status < 0)
        sample->count = 0;
    else
        sample->members->at = 0;
    sample->arrived = sample->count;
    return status < 0 ? status : 1;
}

/* Of the frame that was read; a single picture's key is as any other's. */
static int claim_frame(struct sources *sources, bool single, char **key, struct error *error)
{
    char *name;
    if (sources->frames == 0 && (single || !sources->place.standard)) {
        const int status = claim_place(sources, key, error);
        if (status < 0 || single)
            return status;
        sources->run = *key;
    }
    const char *run = sources->run;
    if (asprintf(&name, "%s%s%08llu", run ? run : "", run ? "/" : "",
            (unsigned long long)sources->frames)
        < 0)
        return fail_memory(error, strlen(run ? run : ""));
    return claim(sources, strdup(name), name, key, error);
}

static int read_frame(
    struct sources *sources, struct sample *sample, size_t length, struct error *error)
{
    struct intake *intake = &sources->intake;
    bool more = false, frame = false;
    char *key = NULL;
    int status = sample_begin(sample, "frame", error);
    if (status == 0)
        status = intake_read(intake, sample, FIRST_READ, length, error);
    if (status == 0)
        status = intake_more(intake, &more, &frame, error);
    if (sources->frames == 0)
        more = frame; /* else what follows a picture is passed over */
    if (status == 0)
        status = claim_frame(sources, sources->frames == 0 && !more, &key, error);
    if (status < 0)
        return status;
    free(sample->key);
    sample->key = key;
    sample->arrived = sample->count;
    sources->count++;
    if (sources->frames++ == 0 && !more)
        sample->members->at = 0;
    if (!more)
        leave(sources);
    return 1;
}

static int next_frame(struct sources *sources, struct sample *sample, struct error *error)
{
    size_t length;
    int status = intake_frame(&sources->intake, &length, error);
    if (status != 0 && status != BAD_SYSTEM && sources->frames == 0)
        return next_picture(sources, sample, error); /* whose decoder will say */
    if (status >= 0)
        status = read_frame(sources, sample, length, error);
    if (status > 0)
        return status;
    const struct error why = *error;
    return fail(error, status == BAD_SAMPLE ? BAD_INPUT : status, "%.500s: frame %llu: %.400s",
        sources->intake.input.name, (unsigned long long)sources->frames, why.text);
}

/* The head of a stream that isn't the first source, where it has one. */
static int announce(struct sources *sources, struct sample *sample, struct error *error)
{
    const json_t *programs;
    int status = stream_programs(sources->reader, &programs, error);
    sources->announced = true;
    if (status < 0 || json_array_size(programs) == 0)
        return status;
    status = sample_begin(sample, STREAM_KEY, error);
    if (status == 0)
        status = sample_add_json(sample, "pg",
            json_pack(
                "{s:s, s:i, s:O}", "format", "tensorstream", "version", 1, "pg", programs),
            error);
    sample->arrived = sample->count;
    return status < 0 ? status : 1;
}

static int check_key(struct sources *sources, struct sample *sample, struct error *error)
{
    if (sources->prefix) {
        char *key;
        if (asprintf(&key, "%s/%s", sources->prefix, sample->key) < 0)
            return fail_memory(error, strlen(sample->key));
        free(sample->key);
        sample->key = key;
    }
    const int added = keys_add(&sources->keys, sample->key, error);
    if (added != 0)
        return added < 0 ? added : 1;
    return fail(error, BAD_INPUT, "%.400s: key %.400s returns: %s", sources->place.path,
        sample->key,
        sources->prefix ? "give the shards different names" : "use --prefix-shard");
}

static int next_of_shard(struct sources *sources, struct sample *sample, struct error *error)
{
    int status = sources->announced ? 0 : announce(sources, sample, error);
    if (status == 0)
        status = stream_read(sources->reader, sample, error);
    if (status == 1)
        return strcmp(sample->key, STREAM_KEY) == 0 ? 1 : check_key(sources, sample, error);
    struct error why;
    const int left = leave_shard(sources, &why);
    if (left < 0)
        *error = why; /* the cause of what the reader thinks */
    return left < 0 ? left : status;
}

static int next_broken(struct sources *sources, struct sample *sample, struct error *error)
{
    const int status = begin_sample(sources, sample, error);
    leave(sources);
    if (status == 0)
        *error = sources->why;
    return status < 0 ? status : BAD_SAMPLE;
}

/* 0: nothing more comes from this place. */
static int next_here(struct sources *sources, struct sample *sample, struct error *error)
{
    sources->from_file = sources->state != AT_SHARD;
    switch (sources->state) {
    case AT_BROKEN:
        return next_broken(sources, sample, error);
    case AT_PICTURE:
        return next_picture(sources, sample, error);
    case AT_FRAMES:
        return next_frame(sources, sample, error);
    case AT_SHARD:
        return next_of_shard(sources, sample, error);
    default:
        return 0;
    }
}

int sources_next(struct sources *sources, struct sample *sample, struct error *error)
{
    for (;;) {
        int status = next_here(sources, sample, error);
        if (status == 0)
            status = advance(sources, error);
        else
            return status;
        if (status <= 0)
            return status;
    }
}
