/*
 * Attention flow against networkx (tests/data/flow; tests/oracle/flow_reference.py says what is
 * there): the flows of graphs, and the maps that the program, run from $BIN, by default bin/,
 * makes. And on the attention that vitfwd makes of a photo, against another method of its own.
 */
#include "common/attention.h"
#include "common/flow.h"
#include "common/rollout.h"
#include "formats/stream.h"
#include "tests/reference.h"
#include "tests/tensorfile.h"

#include <string.h>

#define ROOT "tests/data/flow"
enum { MAX_GRAPHS = 64, MAX_LINES = 64, MAX_LINE = 512 };

static char graphs[MAX_GRAPHS][64];
static char lines[MAX_LINES][MAX_LINE];
static int graph_count, line_count;

static void *make_room(const struct flow_network *network, size_t threads)
{
    unsigned char *room = malloc(threads * flow_room(network));
    ck_assert_ptr_nonnull(room);
    memset(room, 0xa5, threads * flow_room(network)); /* what it holds must not matter */
    return room;
}

START_TEST(same_flows)
{
    const char *name = graphs[_i];
    struct array capacity, supply, due;
    struct error error;
    json_t *json = load_case(ROOT, name);
    const size_t p = (size_t)json_integer_value(json_object_get(json, "p"));
    ck_assert(load(&capacity, ROOT, name, "capacity.npy"));
    ck_assert(load(&supply, ROOT, name, "supply.npy"));
    ck_assert(load(&due, ROOT, name, "flow.npy"));
    const size_t *shape = capacity.npy.shape, t = shape[1], count = supply.npy.shape[0];
    const struct flow_network network = { capacity.data, shape[0], t };
    struct flow *flows = calloc(count * (t - p), sizeof *flows);
    ck_assert_uint_eq(due.npy.count, count * (t - p));
    for (size_t n = 1; n <= 3; n++) {
        struct threads *threads;
        ck_assert_int_eq(threads_create(&threads, n, &error), 0);
        void *room = make_room(&network, n);
        flow_all(threads, &network, supply.data, count, p, room, flows);
        for (size_t i = 0; i < count * (t - p); i++) {
            const size_t j = p + i % (t - p);
            const double expected = npy_item(&due.npy, i);
            double first = 0, all = 0;
            for (size_t k = 0; k < t; k++) {
                first += (double)capacity.data[k * t + j];
                all += (double)supply.data[i / (t - p) * t + k];
            }
            ck_assert_msg(fabs(flows[i].value - expected) <= 1e-12 * (1 + expected),
                "%s [%zu]: %.15g, not %.15g", name, i, flows[i].value, expected);
            ck_assert_msg(flows[i].fills_first == (expected >= first * (1 - 1e-6))
                              && flows[i].takes_all == (expected >= all * (1 - 1e-6)),
                "%s [%zu]: %g of %g and %g", name, i, expected, first, all);
        }
        free(room);
        threads_free(threads);
    }
    free(flows);
    unload(&capacity);
    unload(&supply);
    unload(&due);
    json_decref(json);
}
END_TEST

START_TEST(faults)
{
    const float odd[] = { -1e-30f, NAN, INFINITY, -INFINITY };
    float x[16] = { 0 };
    ck_assert_uint_eq(flow_fault(x, 4), 4);
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < 16; i++) {
            x[i] = odd[k];
            ck_assert_uint_eq(flow_fault(x, 4), i / 4);
            x[i] = 1;
        }
}
END_TEST

/*
 * The other method: preflows are pushed down from nodes above (Goldberg & Tarjan 1988, first
 * in, first out), over a list of arcs, each beside the one back. Its first half is enough: what
 * can't reach the sink stays where it is.
 */
struct arc {
    size_t to, next; /* next: of the same node, SIZE_MAX behind the last */
    double left;
};

struct preflow {
    struct arc *arcs;
    size_t count, nodes;
    size_t *first, *height, *queue;
    double *excess;
};

static void join(struct preflow *g, size_t from, size_t to, double capacity)
{
    g->arcs[g->count] = (struct arc){ to, g->first[from], capacity };
    g->first[from] = g->count++;
    g->arcs[g->count] = (struct arc){ from, g->first[to], 0 };
    g->first[to] = g->count++;
}

static void lift(struct preflow *g, size_t node)
{
    size_t least = g->nodes;
    for (size_t a = g->first[node]; a != SIZE_MAX; a = g->arcs[a].next)
        if (g->arcs[a].left > 1e-15 && g->height[g->arcs[a].to] < least)
            least = g->height[g->arcs[a].to];
    g->height[node] = least + 1;
}

/* source and sink are nodes 0 and 1. */
static double run_preflow(struct preflow *g)
{
    size_t begin = 0, end = 0;
    g->height[0] = g->nodes;
    g->excess[0] = INFINITY;
    g->queue[end++] = 0;
    while (begin != end) {
        const size_t node = g->queue[begin++ % (g->nodes + 1)];
        for (size_t a = g->first[node]; a != SIZE_MAX; a = g->arcs[a].next) {
            struct arc *arc = &g->arcs[a];
            const double most = fmin(arc->left, g->excess[node]);
            if (!(most > 1e-15) || (node > 0 && g->height[node] != g->height[arc->to] + 1))
                continue;
            if (arc->to > 1 && !(g->excess[arc->to] > 1e-15))
                g->queue[end++ % (g->nodes + 1)] = arc->to;
            arc->left -= most;
            g->arcs[a ^ 1].left += most;
            g->excess[node] -= most;
            g->excess[arc->to] += most;
        }
        if (node > 0 && g->excess[node] > 1e-15) {
            lift(g, node);
            if (g->height[node] < g->nodes)
                g->queue[end++ % (g->nodes + 1)] = node;
        }
    }
    return g->excess[1];
}

static double preflow(const struct flow_network *network, const float *supply, size_t sink)
{
    const size_t t = network->t, nodes = 2 + network->layers * t;
    struct preflow g = { .nodes = nodes };
    g.arcs = calloc(2 * (network->layers * t * t + t), sizeof *g.arcs);
    g.first = calloc(nodes, sizeof *g.first);
    g.height = calloc(nodes, sizeof *g.height);
    g.queue = calloc(nodes + 1, sizeof *g.queue);
    g.excess = calloc(nodes, sizeof *g.excess);
    ck_assert(g.arcs && g.first && g.height && g.queue && g.excess);
    for (size_t n = 0; n < nodes; n++)
        g.first[n] = SIZE_MAX;
    for (size_t i = 0; i < t; i++)
        join(&g, 0, 2 + (network->layers - 1) * t + i, (double)supply[i]);
    for (size_t l = 0; l < network->layers; l++)
        for (size_t i = 0; i < t; i++)
            for (size_t j = 0; j < t; j++)
                if (l > 0 || j == sink)
                    join(&g, 2 + l * t + i, l > 0 ? 2 + (l - 1) * t + j : 1,
                        (double)network->capacity[(l * t + i) * t + j]);
    const double value = run_preflow(&g);
    free(g.arcs);
    free(g.first);
    free(g.height);
    free(g.queue);
    free(g.excess);
    return value;
}

static bool find_key(struct stream_reader *reader, struct sample *sample, const char *key)
{
    struct error error;
    while (stream_read(reader, sample, &error) > 0)
        if (strcmp(sample->key, key) == 0)
            return true;
    return false;
}

/* What vitfwd makes of a photo, mixed as by rollout: f32 [layers, t, t]. */
static float *read_photo(double residual, struct attention *attention)
{
    const char *bin = getenv("BIN"), *path = inside("photo.tar");
    struct stream_reader *reader;
    struct sample sample = { 0 };
    struct scratch scratch = { 0 };
    struct error error = { "" };
    char command[1024];
    bin = bin ? bin : "bin";
    snprintf(command, sizeof command,
        "%s/preprocess tests/data/pictures/rgb420.jpg 2>%s | %s/vitfwd -o %s 2>%s", bin,
        inside("said"), bin, path, inside("said"));
    ck_assert_msg(system(command) == 0, "%s", command);
    ck_assert_int_eq(stream_open(&reader, &path, 1, &error), 0);
    ck_assert(find_key(reader, &sample, "tests/data/pictures/rgb420"));
    const struct layout_wish none = { 0 };
    ck_assert_int_eq(attention_find(&sample, &none, attention, &error), 0);
    const size_t t = attention->tokens;
    ck_assert_uint_eq(t, 65);
    float *capacity = malloc(attention->count * t * t * sizeof *capacity);
    ck_assert_ptr_nonnull(capacity);
    for (size_t l = 0; l < attention->count; l++) {
        size_t heads;
        const float *data;
        ck_assert_int_eq(
            attention_layer(&sample, attention, l, &heads, &data, &scratch, &error), 0);
        rollout_fuse(capacity + l * t * t, data, NULL, heads, t * t, FUSE_MEAN);
        rollout_mix(capacity + l * t * t, t, attention->layout.prefix, residual, 0, NULL);
    }
    free(scratch.bytes);
    sample_free(&sample);
    stream_close(reader);
    return capacity;
}

/* Some patches from the class token, from a patch, and from the mean of patches. */
START_TEST(same_on_photo)
{
    static const double residuals[] = { 0.5, 0, 0.9 };
    struct attention attention;
    float *capacity = read_photo(residuals[_i], &attention);
    const size_t t = attention.tokens;
    const struct flow_network network = { capacity, attention.count, t };
    const struct query queries[] = { { .kind = QUERY_TOKEN, .token = 0 },
        { .kind = QUERY_TOKEN, .token = 30 }, { .kind = QUERY_MEAN } };
    float *supplies = malloc(3 * t * sizeof *supplies);
    void *room = make_room(&network, 1);
    rollout_begin(supplies, queries, 3, t, attention.layout.prefix);
    for (size_t q = 0; q < 3; q++)
        for (size_t j = 1 + 3 * q; j < t; j += 13) {
            const double found = flow_to(&network, supplies + q * t, j, room).value;
            const double due = preflow(&network, supplies + q * t, j);
            ck_assert_msg(
                fabs(found - due) <= 1e-10, "%zu to %zu: %.15g, not %.15g", q, j, found, due);
        }
    free(room);
    free(supplies);
    free(capacity);
}
END_TEST

static void compare_map(const struct sample *sample, char *const fields[8],
    const struct npy *values, size_t first, size_t count)
{
    char suffix[100];
    struct floats found;
    struct error error;
    struct scratch scratch = { 0 };
    json_t *json;
    snprintf(suffix, sizeof suffix, "map.%s.npy", fields[3]);
    const size_t rank = strchr(strchr(fields[4], 'x') + 1, 'x') ? 3 : 2;
    ck_assert_msg(
        sample_floats(sample, suffix, rank, &found, &scratch, &error) == 0, "%s", error.text);
    for (size_t i = 0; i < count; i++) {
        const double due = npy_item(values, first + i);
        ck_assert_msg(fabs((double)found.data[i] - due) <= 1e-6, "%s %s %s [%zu]: %g, not %g",
            fields[1], fields[2], suffix, i, (double)found.data[i], due);
    }
    snprintf(suffix, sizeof suffix, "map.%s.json", fields[3]);
    ck_assert(sample_json(sample, suffix, &json, &error) == 0);
    static const char *const keys[] = { "flowed", "at_first_layer", "at_query" };
    for (size_t k = 0; k < 3; k++) {
        const double value = json_number_value(json_object_get(json, keys[k]));
        ck_assert_msg(fabs(value - strtod(fields[5 + k], NULL)) <= 1e-5,
            "%s %s: %s is %g, not %s", fields[1], fields[2], keys[k], value, fields[5 + k]);
    }
    ck_assert(json_is_null(json_object_get(json, "target")));
    json_decref(json);
    free(scratch.bytes);
}

START_TEST(same_maps)
{
    const char *bin = getenv("BIN"), *path = inside("out.tar");
    unsigned char *bytes;
    size_t size, first = 0;
    struct npy values;
    struct error error;
    ck_assert(file_read(ROOT "/program.npy", 1 << 24, &bytes, &size, &error) == 0);
    ck_assert(npy_parse(bytes, size, &values, &error) == 0);
    for (int l = 0; l < line_count; l++) {
        char *rest = lines[l], *fields[8], command[1024];
        rest[strcspn(rest, "\n")] = '\0';
        struct stream_reader *reader;
        struct sample sample = { 0 };
        for (size_t f = 0; f < 8; f++)
            fields[f] = strsep(&rest, "\t");
        ck_assert_ptr_nonnull(fields[7]);
        size_t count = 1;
        for (const char *side = fields[4]; side;
             side = strchr(side, 'x') ? strchr(side, 'x') + 1 : NULL)
            count *= strtoul(side, NULL, 10);
        snprintf(command, sizeof command,
            "%s/rollout %s -j %d -o %s tests/data/maps/%s.tar 2>%s", bin ? bin : "bin",
            fields[1], 1 + l % 3, path, fields[0], inside("said"));
        ck_assert_msg(system(command) == 0, "%s", command);
        ck_assert_int_eq(stream_open(&reader, &path, 1, &error), 0);
        ck_assert(find_key(reader, &sample, fields[2]));
        compare_map(&sample, fields, &values, first, count);
        first += count;
        sample_free(&sample);
        stream_close(reader);
    }
    ck_assert_uint_eq(first, values.count);
    free(bytes);
}
END_TEST

int main(void)
{
    FILE *file = fopen(ROOT "/program.tsv", "re");
    while (file && line_count < MAX_LINES && fgets(lines[line_count], MAX_LINE, file))
        line_count++;
    if (file)
        fclose(file);
    graph_count = list_cases(ROOT, graphs, MAX_GRAPHS);
    Suite *suite = suite_create("flow");
    TCase *tests = tcase_create("flow");
    tcase_set_timeout(tests, 120);
    tcase_add_unchecked_fixture(tests, make_folder, drop_folder);
    tcase_add_loop_test(tests, same_flows, 0, graph_count);
    tcase_add_test(tests, faults);
    tcase_add_loop_test(tests, same_on_photo, 0, 3);
    tcase_add_test(tests, same_maps);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 || graph_count == 0 || line_count == 0;
}
