/*
 * explore: reads pictures and attention, writes a page in which one points at a patch and sees
 * what it attends to. The page is stages/explore.html with the samples in the middle.
 */
#include "common/colormap.h"
#include "common/headstat.h"
#include "common/pagesample.h"
#include "common/stage.h"
#include "stages/explore_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK "<!-- samples -->\n"

enum { HEAVY = 256 }; /* MB of a page, from which on a browser is slow */

struct explore_options {
    const char *layers;
    double limit;
    struct layout_wish wish;
};

static struct explore_options options = { .limit = 5 };

#define AT(field) offsetof(struct explore_options, field)

static const struct option_row rows[] = {
    { 'l', "layers", OPTION_TEXT, "LIST", "layers to keep (default: all that are there)",
        AT(layers), 0, 0, false },
    { 0, "limit", OPTION_NUMBER, "MB",
        "a photo that would take MB or more with 8 bits a value is kept with 6 (default: 5)",
        AT(limit), 0, 1e6, false },
    { 0, "prefix", OPTION_TEXT, "N", "tokens before the patches, for arrays of your own model",
        AT(wish.prefix), 0, 0, false },
    { 0, "grid", OPTION_TEXT, "RxC", "rows and columns of patches, likewise", AT(wish.grid), 0,
        0, false },
    OPTION_END,
};

/* What one thread works in. */
struct room {
    struct scratch floats, bytes;
};

/* A layer of the sample at hand. */
struct layer {
    size_t heads;
    struct packed packed;
    int status;
    struct error error;
};

struct state {
    struct classes classes;
    struct room *rooms;
    struct layer layers[ATTENTION_MAX_LAYERS];
    const struct sample *sample; /* at hand */
    const struct attention *attention;
    int steps;
    FILE *held;         /* the page, until the stream has proved whole; with -o NULL */
    struct output *out; /* where the page goes first: into it, or to the .part */
    struct output hold;
    uint64_t size; /* of the page so far */
};

static int open_explore(struct run *run, struct error *error)
{
    struct state *state = run->state = calloc(1, sizeof *state);
    if (state)
        state->rooms = calloc(threads_count(run->threads), sizeof *state->rooms);
    if (!state || !state->rooms)
        return fail_memory(error, sizeof *state);
    const int status = layout_wish_check(&options.wish, error);
    return status == 0 && options.layers ? check_list("--layers", options.layers, error)
                                         : status;
}

static int put(struct state *state, const void *bytes, size_t size, struct error *error)
{
    state->size += size;
    return output_write(state->out, bytes, size, error);
}

static int put_text(struct state *state, const char *text, struct error *error)
{
    return put(state, text, strlen(text), error);
}

/* <script class="KIND">TEXT</script>: nothing runs in a browser for its type. */
static int put_data(
    struct state *state, const char *kind, const char *text, size_t size, struct error *error)
{
    char tag[64];
    snprintf(tag, sizeof tag, "<script type=\"text/plain\" class=\"%s\">", kind);
    int status = put_text(state, tag, error);
    if (status == 0)
        status = put(state, text, size, error);
    return status < 0 ? status : put_text(state, "</script>\n", error);
}

static int put_packed(
    struct state *state, const char *kind, const struct packed *packed, struct error *error)
{
    return put_data(state, kind, packed->text, packed->size, error);
}

/* JSON in ASCII without < > &, which could end the script or begin a comment. */
static int put_json(struct state *state, const json_t *json, struct error *error)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII), *safe = NULL;
    size_t size = 0;
    FILE *stream = text ? open_memstream(&safe, &size) : NULL;
    for (const char *at = text; stream && *at; at++)
        if (strchr("<>&", *at))
            fprintf(stream, "\\u%04x", (unsigned)*at);
        else
            putc(*at, stream);
    const bool failed = !stream || fclose(stream) != 0;
    const int status =
        failed ? fail_memory(error, 1) : put_data(state, "about", safe, size, error);
    free(text);
    free(safe);
    return status;
}

/* The two colour maps, 256 entries of red, green and blue each. */
static int put_colours(struct state *state, struct error *error)
{
    struct colormap maps[2];
    struct packed packed;
    colormap_make(COLORMAP_DEFAULT, &maps[0]);
    colormap_make(COLORMAP_DIVERGING, &maps[1]);
    int status = pack_base64(maps, sizeof maps, &packed, error);
    if (status < 0)
        return status;
    status = put_packed(state, "colours", &packed, error);
    free(packed.text);
    return status;
}

static int begin_page(struct run *run, const json_t *programs, struct error *error)
{
    struct state *state = run->state;
    const char *page = (const char *)explore_page, *mark = strstr(page, MARK);
    (void)programs;
    state->out = run->output;
    if (!run->common.output) {
        state->held = tmpfile();
        if (!state->held)
            return fail_errno(error, "temporary file");
        state->hold = (struct output){ .fd = fileno(state->held), .name = "temporary file" };
        state->out = &state->hold;
    }
    const int status = put(state, page, (size_t)(mark - page), error);
    return status < 0 ? status : put_colours(state, error);
}

static int note_model(
    struct run *run, const char *name, const struct member *member, struct error *error)
{
    struct state *state = run->state;
    return strcmp(name, "model") == 0 ? classes_add(&state->classes, member, error) : 0;
}

static int check_heads(
    const struct layer *layer, size_t number, const float *data, size_t n, struct error *error)
{
    for (size_t h = 0; h < layer->heads; h++) {
        const size_t fault = head_fault(data + h * n * n, n);
        if (fault < n)
            return fail(error, BAD_SAMPLE,
                "attn.%02zu: row %zu of head %zu is no softmax's: its values must be at least "
                "0 "
                "and sum to 1",
                number, fault, h);
    }
    return 0;
}

static void pack_layer(void *argument, size_t i, size_t worker)
{
    struct state *state = argument;
    struct layer *layer = &state->layers[i];
    struct room *room = &state->rooms[worker];
    const struct attention *attention = state->attention;
    const size_t n = attention->tokens, p = attention->layout.prefix;
    const float *data;
    layer->packed = (struct packed){ 0 };
    layer->status = attention_layer(state->sample, attention, attention->layers[i],
        &layer->heads, &data, &room->floats, &layer->error);
    if (layer->status == 0)
        layer->status = check_heads(layer, attention->layers[i], data, n, &layer->error);
    const size_t count = layer->heads * n, size = steps_size(count, n, p);
    if (layer->status == 0)
        layer->status = scratch_reserve(&room->bytes, size, &layer->error);
    if (layer->status < 0)
        return;
    steps_make(room->bytes.bytes, data, count, n, p, state->steps);
    layer->status = pack_deflated(room->bytes.bytes, size, &layer->packed, &layer->error);
}

static void free_layers(struct state *state)
{
    for (size_t i = 0; i < ATTENTION_MAX_LAYERS; i++) {
        free(state->layers[i].packed.text);
        state->layers[i].packed = (struct packed){ 0 };
    }
}

/* All layers in steps; *size: of their texts. */
static int pack_layers(struct run *run, int steps, size_t *size, struct error *error)
{
    struct state *state = run->state;
    const size_t count = state->attention->count;
    free_layers(state);
    state->steps = steps;
    threads_run(run->threads, count, pack_layer, state);
    *size = 0;
    for (size_t i = 0; i < count; i++) {
        if (state->layers[i].status < 0) {
            *error = state->layers[i].error;
            return state->layers[i].status;
        }
        *size += state->layers[i].packed.size;
    }
    return 0;
}

/* What the page must know to unpack the layers. */
static int describe_layers(const struct state *state, json_t *about, struct error *error)
{
    json_t *numbers = json_array(), *heads = json_array();
    for (size_t i = 0; i < state->attention->count; i++) {
        json_array_append_new(numbers, json_integer((json_int_t)state->attention->layers[i]));
        json_array_append_new(heads, json_integer((json_int_t)state->layers[i].heads));
    }
    json_object_set_new(about, "layers", numbers);
    json_object_set_new(about, "heads", heads);
    json_object_set_new(about, "limit", json_real(options.limit));
    return json_object_set_new(about, "steps", json_integer(state->steps)) == 0
               ? 0
               : fail_memory(error, 1);
}

/* Nothing that can fail for the sample's sake comes after the first of it is written. */
static int put_page_sample(
    struct state *state, const struct page_sample *page, struct error *error)
{
    int status = describe_layers(state, page->about, error);
    if (status == 0)
        status = put_text(state, "<div class=\"sample\" hidden>\n", error);
    if (status == 0)
        status = put_json(state, page->about, error);
    if (status == 0 && page->photo.text)
        status = put_packed(state, "photo", &page->photo, error);
    if (status == 0 && page->maps.text)
        status = put_packed(state, "maps", &page->maps, error);
    for (size_t i = 0; i < state->attention->count && status == 0; i++)
        status = put_packed(state, "layer", &state->layers[i].packed, error);
    return status < 0 ? status : put_text(state, "</div>\n", error);
}

static int process_sample(struct run *run, struct sample *sample, struct error *error)
{
    struct state *state = run->state;
    struct attention attention;
    struct page_sample page = { 0 };
    struct error warning = { "" };
    size_t size = 0;
    state->sample = sample;
    state->attention = &attention;
    int status = attention_find(sample, &options.wish, &attention, error);
    if (status == 0)
        status = attention_choose(&attention, options.layers, error);
    if (status == 0)
        status = page_sample_make(sample, &attention, &state->classes, &page, &warning, error);
    if (status == 0)
        status = pack_layers(run, STEPS_OF_8_BITS, &size, error);
    if (status == 0 && (double)(size + page.photo.size + page.maps.size) >= options.limit * 1e6)
        status = pack_layers(run, STEPS_OF_6_BITS, &size, error);
    if (status == 0)
        status = put_page_sample(state, &page, error);
    if (status == 0 && *warning.text)
        run_warn(run, sample->key, "%s", warning.text);
    page_sample_free(&page);
    free_layers(state);
    return status;
}

/* What was held goes out. */
static int release(struct state *state, struct output *output, struct error *error)
{
    char *bytes = malloc(IO_BUFFER);
    int status = bytes ? output_flush(&state->hold, error) : fail_memory(error, IO_BUFFER);
    rewind(state->held);
    for (size_t got; status == 0 && (got = fread(bytes, 1, IO_BUFFER, state->held)) > 0;)
        status = output_write(output, bytes, got, error);
    if (status == 0 && ferror(state->held))
        status = fail_errno(error, "temporary file");
    free(bytes);
    return status;
}

static int finish_page(struct run *run, struct error *error)
{
    struct state *state = run->state;
    const char *mark = strstr((const char *)explore_page, MARK);
    if (run->counts.samples == run->counts.bad)
        return fail(error, BAD_SAMPLE, "no sample to show");
    int status = put_text(state, mark + strlen(MARK), error);
    if (status == 0 && state->held)
        status = release(state, run->output, error);
    if (status == 0 && state->size > (uint64_t)HEAVY * 1000000)
        run_warn(run, NULL,
            "a page of %llu MB, which browsers are slow with: fewer --layers, or fewer samples",
            (unsigned long long)(state->size / 1000000));
    return status;
}

static void close_explore(struct run *run)
{
    struct state *state = run->state;
    if (!state)
        return;
    for (size_t i = 0; state->rooms && i < threads_count(run->threads); i++) {
        free(state->rooms[i].floats.bytes);
        free(state->rooms[i].bytes.bytes);
    }
    free(state->rooms);
    free_layers(state);
    classes_free(&state->classes);
    if (state->held)
        fclose(state->held);
    free(state);
}

int main(int argc, char **argv)
{
    static const struct stage stage = {
        .name = "explore",
        .purpose = "reads pictures and attention, writes a page to explore it in a browser",
        .options = rows,
        .flags = STAGE_PICTURE | STAGE_THREADED,
        .open = open_explore,
        .begin = begin_page,
        .note = note_model,
        .sample = process_sample,
        .finish = finish_page,
        .close = close_explore,
    };
    return stage_main(&stage, &options, argc, argv);
}
