/*
 * Dinic 1970, on a graph whose nodes are known by their place: node k t + i is token i above
 * layer k - 1, and the layers are matrices. As long as nothing flows every path down is a
 * shortest one, so the first round needs no search; mostly it is the last one too, since it
 * fills one of the two bounds. Later rounds also take back what went a worse way.
 */
#include "common/flow.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define UNREACHED UINT32_MAX

struct search {
    const struct flow_network *network;
    size_t sink;       /* its node, at the bottom */
    double least;      /* what is less is rounding: no way on */
    double *used;      /* [layers, t, t]: of the capacities */
    double *left;      /* [t]: of the supply */
    uint32_t *steps;   /* [nodes]: to the sink, along shortest paths */
    uint32_t *next;    /* [nodes]: the arc to try, 0 to t - 1 down, t to 2 t - 1 back up */
    uint32_t *path;    /* [nodes] */
    uint32_t *queue;   /* [nodes] */
    uint32_t *waiting; /* [nodes]: those of each height that weren't reached, in no order */
    uint32_t *count;   /* [layers + 1]: of them */
};

static size_t count_nodes(const struct flow_network *network)
{
    return (network->layers + 1) * network->t;
}

size_t flow_room(const struct flow_network *network)
{
    const size_t t = network->t, layers = network->layers, nodes = count_nodes(network);
    const size_t bytes =
        (layers * t * t + t) * sizeof(double) + (5 * nodes + layers + 1) * sizeof(uint32_t);
    return (bytes + 63) / 64 * 64;
}

static struct search lay_out(const struct flow_network *network, void *room)
{
    const size_t t = network->t, nodes = count_nodes(network);
    struct search search = { .network = network, .used = room };
    search.left = search.used + network->layers * t * t;
    search.steps = (uint32_t *)(search.left + t);
    search.next = search.steps + nodes;
    search.path = search.next + nodes;
    search.queue = search.path + nodes;
    search.waiting = search.queue + nodes;
    search.count = search.waiting + nodes;
    return search;
}

/* The edge between token i above the layer and token j below it. */
static size_t edge(const struct search *search, size_t layer, size_t i, size_t j)
{
    const size_t t = search->network->t;
    return (layer * t + i) * t + j;
}

/* Whether more can go down an edge, and whether any can be taken back. */
static bool is_open(const struct search *search, size_t at)
{
    return (double)search->network->capacity[at] - search->used[at] > search->least;
}

static bool is_used(const struct search *search, size_t at)
{
    return search->used[at] > search->least;
}

/* Nodes of a height from which the node has a way are reached by it. */
static size_t reach(
    struct search *search, size_t node, size_t height, bool above, size_t queued)
{
    const size_t t = search->network->t, token = node % t;
    uint32_t *waiting = search->waiting + height * t;
    for (size_t n = search->count[height]; n-- > 0;) {
        const uint32_t from = waiting[n];
        const bool way = above ? is_open(search, edge(search, height - 1, from % t, token))
                               : is_used(search, edge(search, height, token, from % t));
        if (!way)
            continue;
        search->steps[from] = search->steps[node] + 1;
        search->queue[queued++] = from;
        waiting[n] = waiting[--search->count[height]];
    }
    return queued;
}

/* Steps of all nodes, breadth first from the sink. */
static void find_steps(struct search *search)
{
    const size_t t = search->network->t, layers = search->network->layers;
    size_t queued = 1;
    for (size_t k = 0; k <= layers; k++)
        search->count[k] = k > 0 ? (uint32_t)t : 0;
    for (size_t node = 0; node < count_nodes(search->network); node++) {
        search->steps[node] = UNREACHED;
        search->waiting[node] = (uint32_t)node;
    }
    search->steps[search->sink] = 0;
    search->queue[0] = (uint32_t)search->sink;
    for (size_t at = 0; at < queued; at++) {
        const size_t node = search->queue[at], height = node / t;
        if (height < layers)
            queued = reach(search, node, height + 1, true, queued);
        if (height > 1)
            queued = reach(search, node, height - 1, false, queued);
    }
}

static void begin_steps(struct search *search)
{
    const size_t t = search->network->t;
    for (size_t node = 0; node < count_nodes(search->network); node++)
        search->steps[node] =
            node < t && node != search->sink ? UNREACHED : (uint32_t)(node / t);
}

/* The node behind the node's next arc, and the arc's edge. Arcs down begin with the token
 * itself: the residual connection holds most. */
static size_t follow(const struct search *search, size_t node, size_t *at)
{
    const size_t t = search->network->t, height = node / t, token = node % t;
    const size_t arc = search->next[node];
    const size_t other = arc < t ? (token + arc) % t : arc - t;
    if (arc < t) {
        *at = edge(search, height - 1, token, other);
        return (height - 1) * t + other;
    }
    *at = edge(search, height, other, token);
    return (height + 1) * t + other;
}

/* Sets the node's next arc to one on a shortest path. False: there is none left. */
static bool advance(const struct search *search, size_t node)
{
    const size_t t = search->network->t, height = node / t, token = node % t;
    const uint32_t end = (uint32_t)(height < search->network->layers ? 2 * t : t);
    if (height == 1 && search->next[node] < t) { /* of its arcs down one leads to the sink */
        const uint32_t only = (uint32_t)((search->sink + t - token) % t);
        search->next[node] = search->next[node] <= only ? only : (uint32_t)t;
    }
    for (; search->next[node] < end; search->next[node]++) {
        size_t at;
        const size_t to = follow(search, node, &at);
        if (search->steps[to] != UNREACHED && search->steps[to] + 1 == search->steps[node]
            && (search->next[node] < t ? is_open(search, at) : is_used(search, at)))
            return true;
    }
    return false;
}

/* A shortest path from a node at the top; its length, 0 where there is none left. */
static size_t find_path(struct search *search, size_t from)
{
    size_t length = 1;
    search->path[0] = (uint32_t)from;
    while (length > 0) {
        const size_t node = search->path[length - 1];
        size_t at;
        if (node == search->sink)
            return length;
        if (advance(search, node))
            search->path[length++] = (uint32_t)follow(search, node, &at);
        else if (--length > 0)
            search->next[search->path[length - 1]]++;
    }
    return 0;
}

/* As much along the path as it holds; the edge that holds least ends full, or empty. */
static double push(struct search *search, size_t length)
{
    const size_t t = search->network->t;
    double *left = &search->left[search->path[0] % t], most = *left;
    size_t at;
    for (size_t n = 0; n + 1 < length; n++) {
        const size_t node = search->path[n];
        follow(search, node, &at);
        const double used = search->used[at];
        most = fmin(
            most, search->next[node] < t ? (double)search->network->capacity[at] - used : used);
    }
    for (size_t n = 0; n + 1 < length; n++) {
        const size_t node = search->path[n];
        follow(search, node, &at);
        const double held = (double)search->network->capacity[at], used = search->used[at];
        if (search->next[node] < t)
            search->used[at] = most >= held - used ? held : used + most;
        else
            search->used[at] = most >= used ? 0 : used - most;
    }
    *left = most >= *left ? 0 : *left - most;
    return most;
}

/* All that shortest paths hold, up to the bound; 0: nothing more arrives. */
static double fill(struct search *search, double bound)
{
    const size_t t = search->network->t, top = search->network->layers * t;
    uint32_t nearest = UNREACHED;
    double sum = 0;
    memset(search->next, 0, count_nodes(search->network) * sizeof *search->next);
    for (size_t i = 0; i < t; i++)
        if (search->left[i] > search->least && search->steps[top + i] < nearest)
            nearest = search->steps[top + i];
    for (size_t i = 0; i < t && nearest < UNREACHED; i++)
        while (search->left[i] > search->least && search->steps[top + i] == nearest
               && sum < bound) {
            const size_t length = find_path(search, top + i);
            if (length == 0)
                break;
            sum += push(search, length);
        }
    return sum;
}

struct flow flow_to(
    const struct flow_network *network, const float *supply, size_t sink, void *room)
{
    const size_t t = network->t;
    struct search search = lay_out(network, room);
    double first = 0, all = 0, value = 0;
    for (size_t i = 0; i < t; i++) {
        first += (double)network->capacity[i * t + sink];
        all += search.left[i] = (double)supply[i];
    }
    const double bound = fmin(first, all) * (1 - 1e-13);
    search.sink = sink;
    search.least = fmin(first, all) * 1e-15;
    memset(search.used, 0, network->layers * t * t * sizeof *search.used);
    begin_steps(&search);
    for (double more = 1; more > 0 && value < bound;) {
        value += more = fill(&search, bound - value);
        if (value < bound)
            find_steps(&search);
    }
    return (struct flow){ value, value >= first * (1 - 1e-6), value >= all * (1 - 1e-6) };
}

struct job {
    const struct flow_network *network;
    const float *supplies;
    size_t p;
    unsigned char *room;
    struct flow *flows;
};

static void flow_one(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const size_t t = job->network->t, sinks = t - job->p;
    job->flows[i] = flow_to(job->network, job->supplies + i / sinks * t, job->p + i % sinks,
        job->room + worker * flow_room(job->network));
}

void flow_all(struct threads *threads, const struct flow_network *network,
    const float *supplies, size_t count, size_t p, void *room, struct flow *flows)
{
    struct job job = { network, supplies, p, room, flows };
    threads_run(threads, count * (network->t - p), flow_one, &job);
}

size_t flow_fault(const float *capacity, size_t t)
{
    for (size_t i = 0; i < t * t; i++)
        if (!(capacity[i] >= 0) || isinf(capacity[i]))
            return i / t;
    return t;
}
