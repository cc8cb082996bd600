#include "common/stage.h"
#include "common/progress.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PASSING = 16 }; /* samples that may wait, with members of the stream, beside a batch */

static const struct option_row common_rows[] = {
    { 'o', "output", OPTION_PATH, "FILE", "write FILE.part, then rename it to FILE",
        offsetof(struct common_options, output), 0, 0, true },
    { 'k', "keep", OPTION_FLAG, NULL, "keep the tensors that this stage would drop",
        offsetof(struct common_options, keep), 0, 0, false },
    { 'j', "threads", OPTION_COUNT, "N", "use N threads; the output is the same for every N",
        offsetof(struct common_options, threads), 1, 4096, true },
    { 0, "max-bad", OPTION_TEXT, "N|N%", "exit with 3 where more samples than that are bad",
        offsetof(struct common_options, max_bad), 0, 0, false },
    { 'v', "verbose", OPTION_FLAG, NULL, "say more on standard error",
        offsetof(struct common_options, verbose), 0, 0, true },
    { 'h', "help", OPTION_FLAG, NULL, "print this help", offsetof(struct common_options, help),
        0, 0, true },
    { 'V', "version", OPTION_FLAG, NULL, "print the version",
        offsetof(struct common_options, version), 0, 0, true },
    OPTION_END,
};

void run_warn(const struct run *run, const char *key, const char *format, ...)
{
    va_list arguments;
    char text[1400];
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *at = text; *at; at++)
        if (iscntrl((unsigned char)*at)) /* names come from outside; a message is one line */
            *at = '?';
    progress_clear();
    fprintf(stderr, "%s: %s%s%s\n", run->stage->name, key ? key : "", key ? ": " : "", text);
}

int run_print(struct run *run, struct error *error, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    const int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return fail_memory(error, 1);
    const int status = output_write(run->output, text, (size_t)length, error);
    free(text);
    return status;
}

int run_print_field(struct run *run, const char *text, struct error *error)
{
    for (const char *at = text; *at; at++) {
        const unsigned char c = (unsigned char)*at;
        char escape[8] = { (char)c };
        if (c == '\t' || c == '\n' || c == '\\')
            snprintf(escape, sizeof escape, "\\%c", c == '\t' ? 't' : c == '\n' ? 'n' : '\\');
        else if (iscntrl(c))
            snprintf(escape, sizeof escape, "\\x%02X", c);
        const int status = output_write(run->output, escape, strlen(escape), error);
        if (status < 0)
            return status;
    }
    return 0;
}

int sample_spoil(struct sample *sample, const char *stage, const char *why, struct error *error)
{
    sample->bad = true;
    json_t *text = json_string(why);
    if (!text) /* not UTF-8: a file's name in the message */
        text = json_string("unreadable message");
    return sample_add_json(
        sample, "__bad__", json_pack("{s:s, s:o}", "stage", stage, "error", text), error);
}

int run_reject(struct run *run, struct sample *sample, int kind, struct error *error)
{
    const char *name = sample->origin ? sample->origin : sample->key;
    if (kind >= 0)
        return 0;
    if (kind < BAD_USAGE || (kind == BAD_USAGE && sample == run->first)) {
        struct error why = *error;
        return fail(error, kind, "%.200s: %.800s", name, why.text);
    }
    run_warn(run, name, "%s", error->text);
    sample_restore(sample);
    const struct error why = *error;
    return sample_spoil(sample, run->stage->name, why.text, error);
}

/* Samples read and not yet written, in order. No more than a batch of them keep the buffers of
 * big tensors, however many bad ones and members of the stream are between. */
struct queue {
    struct sample *samples;
    struct sample **work; /* those of them that the stage shall see */
    size_t size, count, work_count, batch;
};

static int queue_create(struct queue *queue, const struct run *run, struct error *error)
{
    queue->batch = run->stage->batch ? run->stage->batch(run) : 1;
    queue->size = queue->batch + (run->stage->batch ? PASSING : 0);
    queue->samples = calloc(queue->size, sizeof *queue->samples);
    queue->work = calloc(queue->size, sizeof *queue->work);
    return queue->samples && queue->work ? 0 : fail_memory(error, queue->size);
}

static void queue_free(struct queue *queue)
{
    for (size_t i = 0; queue->samples && i < queue->size; i++)
        sample_free(&queue->samples[i]);
    free(queue->samples);
    free(queue->work);
}

static int process_one(struct run *run, struct sample *sample, struct error *error)
{
    const int status = run->stage->sample(run, sample, error);
    sample->omitted = status > 0;
    return run_reject(run, sample, status, error);
}

static int process_work(struct run *run, struct queue *queue, struct error *error)
{
    const struct stage *stage = run->stage;
    int status = 0;
    if (stage->samples && queue->work_count > 0)
        status = stage->samples(run, queue->work, queue->work_count, error);
    for (size_t i = 0; !stage->samples && i < queue->work_count && status == 0; i++)
        status = process_one(run, queue->work[i], error);
    for (size_t i = 0; i < queue->work_count && status == 0; i++) {
        run->counts.samples += !queue->work[i]->omitted;
        run->counts.bad += queue->work[i]->bad;
    }
    run->first = NULL;
    return status;
}

static int put_sample(struct run *run, const struct sample *sample, struct error *error)
{
    if (sample->omitted)
        return 0;
    if (run->write)
        return run->write(run, sample, error);
    return run->writer ? stream_write(run->writer, sample, error) : 0;
}

/* Processes and writes what is waiting. */
static int queue_flush(struct run *run, struct queue *queue, struct error *error)
{
    int status = process_work(run, queue, error);
    for (size_t i = 0; i < queue->count && status == 0; i++)
        status = put_sample(run, &queue->samples[i], error);
    for (size_t i = queue->batch; i < queue->count; i++)
        sample_free(&queue->samples[i]);
    queue->count = queue->work_count = 0;
    if (status == 0 && (run->flags & STAGE_TEXT)) /* rows as they come, and before a failure */
        status = output_flush(run->output, error);
    return status;
}

static int read_item(struct run *run, struct sample *sample, struct error *error)
{
    return run->stage->next ? run->stage->next(run, sample, error)
                            : stream_read(run->reader, sample, error);
}

static int queue_item(struct run *run, struct queue *queue, struct error *error)
{
    const struct stage *stage = run->stage;
    struct sample *sample = &queue->samples[queue->count++];
    const bool of_stream = strcmp(sample->key, STREAM_KEY) == 0;
    if (of_stream || sample->bad)
        sample_trim(sample);
    if (of_stream)
        return stage->note ? stage->note(run, sample->members[0].suffix, sample->members, error)
                           : 0;
    if (!run->began && !sample->bad)
        run->first = sample;
    run->began = true;
    if (!sample->bad) {
        queue->work[queue->work_count++] = sample;
        return 0;
    }
    const int status = stage->bad ? stage->bad(run, sample, error) : 0;
    sample->omitted = status > 0;
    run->counts.samples += !sample->omitted;
    run->counts.bad += !sample->omitted;
    return status < 0 ? status : 0;
}

/* More bad samples than --max-bad allows, of those so far (N), or of all at the end (N%). */
static int check_bad(const struct run *run, bool at_end, struct error *error)
{
    const char *text = run->common.max_bad;
    if (!text)
        return 0;
    char *end;
    const double limit = strtod(text, &end);
    const bool percent = *end == '%';
    const double bad = (double)run->counts.bad;
    const double most = percent ? limit / 100 * (double)run->counts.samples : limit;
    if ((percent && !at_end) || bad <= most)
        return 0;
    return fail(error, BAD_INPUT, "%llu of %llu samples are bad, over --max-bad %s",
        (unsigned long long)run->counts.bad, (unsigned long long)run->counts.samples, text);
}

static int loop(struct run *run, struct queue *queue, struct error *error)
{
    for (;;) {
        const int got = read_item(run, &queue->samples[queue->count], error);
        if (got <= 0) {
            struct error why;
            const int flushed = queue_flush(run, queue, &why);
            if (flushed < 0 && got == 0)
                *error = why;
            return got < 0 ? got : flushed;
        }
        int status = queue_item(run, queue, error);
        if (status == 0 && (queue->work_count == queue->batch || queue->count == queue->size))
            status = queue_flush(run, queue, error);
        if (status == 0)
            status = check_bad(run, false, error);
        if (status < 0)
            return status;
        progress_show(run->stage->name, run->counts.samples, run->common.verbose);
    }
}

/* An id that is not in the chain yet: the name, then name.2, name.3 */
static json_t *free_id(const json_t *programs, const char *name)
{
    char id[80];
    snprintf(id, sizeof id, "%s", name);
    for (int n = 2;; n++) {
        size_t i;
        json_t *program;
        bool taken = false;
        json_array_foreach((json_t *)programs, i, program)
            taken |= json_is_string(json_object_get(program, "id"))
                     && strcmp(json_string_value(json_object_get(program, "id")), id) == 0;
        if (!taken)
            return json_string(id);
        snprintf(id, sizeof id, "%s.%d", name, n);
    }
}

static int write_head(struct run *run, struct error *error)
{
    const json_t *programs = NULL;
    int status = run->reader            ? stream_programs(run->reader, &programs, error)
                 : run->stage->programs ? run->stage->programs(run, &programs, error)
                                        : 0;
    if (status == 0 && run->stage->begin)
        status = run->stage->begin(run, programs, error);
    if (status < 0 || run->output)
        return status;
    json_t *chain = programs ? json_copy((json_t *)programs) : json_array();
    const size_t before = json_array_size(chain);
    const json_t *last = before ? json_array_get(chain, before - 1) : NULL;
    json_t *previous = json_object_get(last, "id");
    json_t *entry =
        json_pack("{s:o, s:O?, s:s, s:s, s:O}", "id", free_id(chain, run->stage->name), "pp",
            previous, "pn", run->stage->name, "vn", SACCADE_VERSION, "args", run->args);
    if (entry && !previous)
        json_object_set_new(entry, "pp", json_null());
    if (entry && run->model_name)
        json_object_set_new(entry, "model", json_string(run->model_name));
    if (!chain || json_array_append_new(chain, entry) < 0)
        status = fail_memory(error, 1);
    else if (run->writer)
        status = stream_write_head(run->writer, chain, error);
    run->chain = chain;
    return status;
}

/* __stream__/model, before the stage's first sample. */
static int write_model(struct run *run, struct error *error)
{
    if (!run->model || !run->writer)
        return 0;
    struct sample sample = { 0 };
    int status = sample_begin(&sample, STREAM_KEY, error);
    if (status == 0)
        status = sample_add_json(&sample, "model", json_incref(run->model), error);
    if (status == 0)
        status = stream_write(run->writer, &sample, error);
    sample_free(&sample);
    return status;
}

static int run_samples(struct run *run, struct error *error)
{
    struct queue queue = { 0 };
    int status = queue_create(&queue, run, error);
    if (status == 0)
        status = write_head(run, error);
    if (status == 0)
        status = write_model(run, error);
    if (status == 0)
        status = loop(run, &queue, error);
    queue_free(&queue);
    if (status == 0)
        status = check_bad(run, true, error);
    if (status == 0 && run->stage->finish)
        status = run->stage->finish(run, error);
    if (status == 0 && run->writer)
        status = stream_finish(run->writer, error);
    if (status == 0 && run->output)
        status = output_flush(run->output, error);
    return status;
}

/* Opens the output, runs, and commits it. */
static int run_output(struct run *run, struct error *error)
{
    struct whole_file file = { .fd = -1 };
    int status = 0;
    if (run->write)
        return run_samples(run, error);
    if (run->common.output)
        status = file_begin(run->common.output, &file, error);
    const char *name = run->common.output ? file.part : "standard output";
    const int fd = run->common.output ? file.fd : STDOUT_FILENO;
    if (status == 0 && (run->flags & (STAGE_TEXT | STAGE_PICTURE))) {
        run->output = calloc(1, sizeof *run->output);
        if (!run->output)
            status = fail_memory(error, sizeof *run->output);
        else
            *run->output = (struct output){ .fd = fd, .name = name };
    } else if (status == 0) {
        status = stream_create(&run->writer, fd, name, error);
    }
    if (status == 0)
        status = run_samples(run, error);
    if (status == 0 && run->common.output)
        status = file_commit(&file, error);
    stream_discard(run->writer);
    free(run->output);
    file_release(&file);
    return status;
}

static int refuse_terminals(const struct run *run, struct error *error)
{
    const bool reads = !(run->flags & STAGE_OPERANDS);
    for (size_t i = 0; reads && i < run->file_count; i++)
        if (strcmp(run->files[i], "-") == 0 && isatty(STDIN_FILENO))
            return fail(
                error, BAD_USAGE, "standard input is a terminal: give FILE or a pipe: see -h");
    if (!(run->flags & STAGE_TEXT) && !run->write && !run->common.output
        && isatty(STDOUT_FILENO))
        return fail(error, BAD_USAGE,
            "standard output is a terminal: use a pipe, > FILE or -o FILE: see -h");
    return 0;
}

static int check_max_bad(const char *text, struct error *error)
{
    char *end;
    if (!text)
        return 0;
    const double limit = strtod(text, &end);
    const size_t digits = strspn(text, "0123456789.");
    if (digits == 0 || end != text + digits || !(limit >= 0)
        || (*end != '\0' && strcmp(end, "%") != 0))
        return fail(error, BAD_USAGE, "--max-bad %s: takes a count or a percentage", text);
    return 0;
}

static void print_help(const struct stage *stage)
{
    printf("usage: %s [options] %s\n%s %s\n\n", stage->name,
        stage->operands ? stage->operands : "[FILE...]", stage->name, stage->purpose);
    options_help(stage->options);
    struct option_row rows[sizeof common_rows / sizeof *common_rows];
    size_t count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (common_rows[i].letter == 'k' && stage->flags & (STAGE_TEXT | STAGE_PICTURE))
            continue;
        rows[count] = common_rows[i];
        if (common_rows[i].letter == 'o' && stage->output)
            rows[count].help = stage->output;
        count++;
    }
    options_help(rows);
}

static int run_stage(struct run *run, struct error *error)
{
    int status = check_max_bad(run->common.max_bad, error);
    const bool threaded = run->flags & STAGE_THREADED;
    const size_t threads = run->common.threads ? (size_t)run->common.threads
                           : threaded          ? threads_available()
                                               : 1;
    if (status == 0)
        status = threads_create(&run->threads, threads, error);
    if (status == 0 && run->stage->open)
        status = run->stage->open(run, error);
    if (status == 0)
        status = refuse_terminals(run, error);
    if (status == 0 && !(run->flags & STAGE_OPERANDS))
        status = stream_open(&run->reader, run->files, run->file_count, error);
    if (status == 0) {
        status = run_output(run, error);
        if (status == 0)
            progress_close(run->stage->name, run->counts.samples, run->counts.bad);
    }
    if (run->stage->close)
        run->stage->close(run);
    stream_close(run->reader);
    threads_free(run->threads);
    free(run->model_name);
    json_decref(run->model);
    json_decref(run->chain);
    return status;
}

/* stdout after -h, -V and text: a full disk shows only here. */
static int close_standard_output(struct error *error)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : fail_errno(error, "standard output");
}

int stage_main(const struct stage *stage, void *options, int argc, char **argv)
{
    static const char *const standard[] = { "-" };
    struct error error = { "" };
    struct run run = {
        .stage = stage, .flags = stage->flags, .options = options, .args = json_array()
    };
    int status = options_parse(
        stage->options, options, common_rows, &run.common, argc, argv, run.args, &error);
    run.files = status > 0 ? (const char *const *)argv + 1 : standard;
    run.file_count = status > 0 ? (size_t)status : !(stage->flags & STAGE_OPERANDS);
    if (status >= 0 && (run.common.help || run.common.version)) {
        if (run.common.help)
            print_help(stage);
        else
            printf("%s (saccade) %s\n", stage->name, SACCADE_VERSION);
        status = 0;
    } else if (status >= 0) {
        status = run_stage(&run, &error);
    }
    if (status >= 0)
        status = close_standard_output(&error);
    json_decref(run.args);
    if (status < 0) {
        run_warn(&run, NULL, "%s", error.text);
        return -status;
    }
    return run.counts.bad > 0 || run.partial ? 1 : 0;
}
