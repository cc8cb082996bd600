/* tensorls: reads a stream, writes what is in it as text. */
#include "common/stage.h"
#include "formats/picture.h"

#include <ctype.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct options {
    bool programs, check;
    const char *values; /* a glob of members */
};

static const struct option_row rows[] = {
    { 0, "pg", OPTION_FLAG, NULL, "print the chain of programs instead",
        offsetof(struct options, programs), 0, 0, false },
    { 0, "check", OPTION_FLAG, NULL, "print only whether the stream is whole",
        offsetof(struct options, check), 0, 0, false },
    { 0, "values", OPTION_TEXT, "GLOB", "print every number of the arrays GLOB instead",
        offsetof(struct options, values), 0, 0, false },
    OPTION_END,
};

struct statistics {
    double least, mean, greatest;
};

static int open_tensorls(struct run *run, struct error *error)
{
    const struct options *options = run->options;
    return options->programs + options->check + (options->values != NULL) > 1
               ? fail(error, BAD_USAGE, "--pg, --check and --values: take one of them")
               : 0;
}

/* An f4 array where it lies, the usual one, many times faster than by npy_item. */
static const float *plain_floats(const struct npy *npy)
{
    const bool plain = strcmp(npy->type, "f4") == 0 && !npy->big_endian
                       && (uintptr_t)npy->data % sizeof(float) == 0;
    return plain ? (const float *)(const void *)npy->data : NULL;
}

/* Over all items, count > 0; one NaN makes all three NaN. */
static struct statistics measure(const struct npy *npy)
{
    const float *floats = plain_floats(npy);
    struct statistics all = { INFINITY, 0, -INFINITY };
    double sum = 0;
    bool unordered = false;
    for (size_t i = 0; i < npy->count; i++) {
        const double value = floats ? (double)floats[i] : npy_item(npy, i);
        sum += value;
        all.least = value < all.least ? value : all.least;
        all.greatest = value > all.greatest ? value : all.greatest;
        unordered |= isnan(value);
    }
    all.mean = sum / (double)npy->count;
    return unordered ? (struct statistics){ NAN, NAN, NAN } : all;
}

static int print_array(struct run *run, const struct npy *npy, struct error *error)
{
    char shape[NPY_MAX_RANK * 24];
    npy_describe(npy, shape, sizeof shape);
    int status = run_print(run, error, "%s\t%s\t", npy->type, strchr(shape, '['));
    if (status < 0)
        return status;
    if (npy->count == 0)
        return run_print(run, error, "\t\t\n");
    struct statistics all = measure(npy);
    if (isnan(all.mean))
        all.mean = NAN; /* "nan", not "-nan", of infinities of both signs */
    const int digits = npy->type[0] == 'f' ? 6 : 17;
    return run_print(
        run, error, "%.*g\t%.6g\t%.*g\n", digits, all.least, all.mean, digits, all.greatest);
}

/* A row a number: key, member, its place as "2,3", value. */
static int print_values(struct run *run, const struct sample *sample,
    const struct member *member, const struct npy *npy, struct error *error)
{
    const int digits = npy->type[0] == 'f' ? 6 : 17;
    int status = 0;
    for (size_t i = 0; i < npy->count && status == 0; i++) {
        size_t rest = i, block = npy->count;
        status = run_print(run, error, "%s\t", sample->key);
        if (status == 0)
            status = run_print_field(run, member->suffix, error);
        for (size_t d = 0; d < npy->rank && status == 0; d++) {
            block /= npy->shape[d];
            status = run_print(run, error, "%c%zu", d ? ',' : '\t', rest / block);
            rest %= block;
        }
        if (status == 0)
            status = run_print(
                run, error, "%s\t%.*g\n", npy->rank ? "" : "\t", digits, npy_item(npy, i));
    }
    return status;
}

/* Those of the sample's arrays that are asked for. */
static int list_values(struct run *run, const struct sample *sample, struct error *error)
{
    const struct options *options = run->options;
    int status = 0;
    for (size_t i = 0; i < sample->count && status == 0; i++) {
        const struct member *member = &sample->members[i];
        struct npy npy;
        struct error why = { "" };
        if (fnmatch(options->values, member->suffix, 0) != 0)
            continue;
        status = npy_parse(member->bytes, member->size, &npy, &why);
        if (status < 0)
            fail(error, status, "%.200s: %.800s", member->suffix, why.text);
        else
            status = print_values(run, sample, member, &npy, error);
    }
    return status;
}

static bool ends_with(const char *suffix, const char *last)
{
    const size_t length = strlen(suffix), size = strlen(last);
    return length >= size && strcmp(suffix + length - size, last) == 0
           && (length == size || suffix[length - size - 1] == '.');
}

static bool is_json(const struct member *member)
{
    json_t *value =
        json_loadb((const char *)member->bytes, member->size, JSON_DECODE_ANY, NULL);
    const bool json = value != NULL;
    json_decref(value);
    return json;
}

static bool is_text(const struct member *member)
{
    for (size_t i = 0; i < member->size; i++)
        if (iscntrl(member->bytes[i]) && !isspace(member->bytes[i]))
            return false;
    return true;
}

/* What a member that is no array is: by content, where its name says what to look for. */
static const char *kind_of(const struct sample *sample, const struct member *member)
{
    const char *suffix = member->suffix;
    const char *picture =
        picture_suffix(suffix) ? picture_kind(member->bytes, member->size) : NULL;
    const bool json = ends_with(suffix, "json") || strcmp(suffix, "__bad__") == 0
                      || strcmp(sample->key, STREAM_KEY) == 0;
    if (picture)
        return picture;
    if (json && is_json(member))
        return "json";
    return is_text(member) ? "text" : "bytes";
}

/* One row. A malformed array gets one too, and is BAD_SAMPLE. */
static int list_member(struct run *run, const struct sample *sample,
    const struct member *member, struct error *error)
{
    struct npy npy;
    struct error why = { "" };
    const bool array = ends_with(member->suffix, "npy");
    const int broken = array ? npy_parse(member->bytes, member->size, &npy, &why) : 0;
    int status = run_print(run, error, "%s\t", sample->key);
    if (status == 0)
        status = run_print_field(run, member->suffix, error);
    if (status == 0)
        status = run_print(run, error, "\t");
    if (status < 0)
        return status;
    if (array && broken == 0)
        return print_array(run, &npy, error);
    status = run_print(run, error, "%s\t%zu\t\t\t\n",
        array ? "broken" : kind_of(sample, member), member->size);
    return status < 0 || broken == 0
               ? status
               : fail(error, broken, "%.200s: %.800s", member->suffix, why.text);
}

/* All rows of a sample, then the first fault in it. */
static int list_sample(struct run *run, const struct sample *sample, struct error *error)
{
    struct error first;
    int fault = 0;
    for (size_t i = 0; i < sample->count; i++) {
        struct error why;
        const int status = list_member(run, sample, &sample->members[i], &why);
        if (status < 0 && fault == 0) {
            fault = status;
            first = why;
        }
        if (status < BAD_SAMPLE)
            break;
    }
    if (fault < 0)
        *error = first;
    return fault;
}

static int process_sample(struct run *run, struct sample *sample, struct error *error)
{
    const struct options *options = run->options;
    for (size_t i = 0; i < sample->count; i++)
        run->counts.members += !sample->members[i].dropped;
    if (options->values)
        return list_values(run, sample, error);
    return options->programs || options->check ? 0 : list_sample(run, sample, error);
}

/* Its arrays may be broken: that is what it says of itself. */
static int list_bad(struct run *run, const struct sample *sample, struct error *error)
{
    const struct options *options = run->options;
    run->counts.members += sample->count;
    if (options->programs || options->check || options->values)
        return 0;
    const int status = list_sample(run, sample, error);
    return status == BAD_SAMPLE ? 0 : status;
}

/* A string's text and what stands before it; nothing but that where it is none. */
static int print_string(
    struct run *run, const char *before, const json_t *string, struct error *error)
{
    const char *text = json_string_value(string);
    const int status = run_print(run, error, "%s", before);
    return status < 0 ? status : run_print_field(run, text ? text : "", error);
}

static int print_program(struct run *run, const json_t *program, struct error *error)
{
    static const char *const columns[] = { "id", "pp", "pn", "vn", "model" };
    const json_t *args = json_object_get(program, "args");
    int status = 0;
    for (size_t i = 0; i < sizeof columns / sizeof *columns && status == 0; i++)
        status = print_string(run, i ? "\t" : "", json_object_get(program, columns[i]), error);
    if (status == 0)
        status = run_print(run, error, "\t");
    for (size_t i = 0; i < json_array_size(args) && status == 0; i++)
        status = print_string(run, i ? " " : "", json_array_get(args, i), error);
    return status < 0 ? status : run_print(run, error, "\n");
}

static int print_programs(struct run *run, const json_t *programs, struct error *error)
{
    int status = 0;
    for (size_t i = 0; i < json_array_size(programs) && status == 0; i++)
        status = print_program(run, json_array_get(programs, i), error);
    return status;
}

static int begin_listing(struct run *run, const json_t *programs, struct error *error)
{
    const struct options *options = run->options;
    if (options->check)
        return 0;
    if (options->values)
        return run_print(run, error, "key\tmember\tindex\tvalue\n");
    if (!options->programs)
        return run_print(run, error, "key\tmember\ttype\tshape\tmin\tmean\tmax\n");
    const int status = run_print(run, error, "id\tpp\tpn\tvn\tmodel\targs\n");
    return status < 0 ? status : print_programs(run, programs, error);
}

/* Members of the stream; the head of a later archive is __stream__/pg. */
static int note_member(
    struct run *run, const char *name, const struct member *member, struct error *error)
{
    const struct options *options = run->options;
    struct sample sample = { .key = (char *)(uintptr_t)STREAM_KEY };
    if (!options->programs)
        return options->check || options->values ? 0 : list_member(run, &sample, member, error);
    if (strcmp(name, "pg") != 0)
        return 0;
    json_t *head = json_loadb((const char *)member->bytes, member->size, 0, NULL);
    const int status = print_programs(run, json_object_get(head, "pg"), error);
    json_decref(head);
    return status;
}

static int finish_listing(struct run *run, struct error *error)
{
    const struct options *options = run->options;
    if (!options->check)
        return 0;
    return run_print(run, error, "whole%s: %llu sample%s, %llu bad, %llu member%s\n",
        stream_sum(run->reader) == SUM_HELD ? "" : ", without a checksum",
        (unsigned long long)run->counts.samples, run->counts.samples == 1 ? "" : "s",
        (unsigned long long)run->counts.bad, (unsigned long long)run->counts.members,
        run->counts.members == 1 ? "" : "s");
}

int main(int argc, char **argv)
{
    static const struct stage tensorls = {
        .name = "tensorls",
        .purpose = "reads a stream, writes what is in it as text",
        .options = rows,
        .flags = STAGE_TEXT,
        .open = open_tensorls,
        .begin = begin_listing,
        .note = note_member,
        .sample = process_sample,
        .bad = list_bad,
        .finish = finish_listing,
    };
    struct options options = { 0 };
    return stage_main(&tensorls, &options, argc, argv);
}
