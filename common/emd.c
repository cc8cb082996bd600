#include "common/emd.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Distance being a metric, what both sides have in a point stays there; the rest goes from the
 * sources, where a has more, to the sinks, where b has more. That is solved by the network
 * simplex: a tree of arcs holds the flow, and an arc that would make it cheaper comes in for
 * the one of the cycle it closes that runs empty first.
 *
 * Masses are integers, so that flows are exact and an empty arc is empty; the tree is kept
 * strongly feasible (Cunningham 1976), by which no tree comes twice.
 */

#define MASS ((double)(INT64_C(1) << 52)) /* the sum of either side */
#define LEAST_GAIN 1e-12                  /* of the longest distance: above rounding errors */

/* Nodes are the sources, then the sinks, then the root. Arcs lead from a source to a sink, from
 * a source to the root or from the root to a sink, so a node's side is the direction of its arc
 * to its parent. */
struct tree {
    size_t sources, root;
    double *x, *y;
    double *potential;
    int64_t *flow; /* on the arc between the node and its parent */
    uint32_t *parent, *child, *next, *previous, *depth; /* child: the first; NONE: none */
};

#define NONE UINT32_MAX

static double distance_between(const struct tree *tree, size_t u, size_t v)
{
    const double dx = tree->x[u] - tree->x[v], dy = tree->y[u] - tree->y[v];
    return sqrt(dx * dx + dy * dy);
}

static bool is_source(const struct tree *tree, size_t node)
{
    return node < tree->sources;
}

static int create_tree(struct tree *tree, size_t sources, size_t sinks, struct scratch *scratch,
    struct error *error)
{
    const size_t nodes = sources + sinks + 1;
    const int status =
        scratch_reserve(scratch, nodes * (4 * sizeof(double) + 6 * sizeof(uint32_t)), error);
    if (status < 0)
        return status;
    *tree = (struct tree){ .sources = sources, .root = sources + sinks };
    tree->x = scratch->bytes;
    tree->y = tree->x + nodes;
    tree->potential = tree->y + nodes;
    tree->flow = (int64_t *)(void *)(tree->potential + nodes);
    tree->parent = (uint32_t *)(void *)(tree->flow + nodes);
    tree->child = tree->parent + nodes;
    tree->next = tree->child + nodes;
    tree->previous = tree->next + nodes;
    tree->depth = tree->previous + nodes;
    return 0;
}

static void detach(struct tree *tree, uint32_t node)
{
    const uint32_t next = tree->next[node], previous = tree->previous[node];
    if (next != NONE)
        tree->previous[next] = previous;
    if (previous != NONE)
        tree->next[previous] = next;
    else
        tree->child[tree->parent[node]] = next;
}

static void attach(struct tree *tree, uint32_t node, uint32_t parent)
{
    const uint32_t first = tree->child[parent];
    tree->parent[node] = parent;
    tree->next[node] = first;
    tree->previous[node] = NONE;
    if (first != NONE)
        tree->previous[first] = node;
    tree->child[parent] = node;
}

/* At first all flow is by the root, an arc of length 1 from or to each node: dearer than any
 * arc that it stands for, since distances are at most 1. */
static void begin_tree(struct tree *tree)
{
    tree->child[tree->root] = NONE;
    tree->depth[tree->root] = 0;
    tree->potential[tree->root] = 0;
    for (uint32_t v = 0; v < tree->root; v++) {
        tree->child[v] = NONE;
        tree->depth[v] = 1;
        tree->potential[v] = is_source(tree, v) ? -1 : 1;
        attach(tree, v, (uint32_t)tree->root);
    }
}

/* Depth and potential of a node and all below it; arcs of the tree cost what their ends'
 * potentials differ by. */
static void update_below(struct tree *tree, uint32_t top)
{
    for (uint32_t v = top;;) {
        const uint32_t up = tree->parent[v];
        const double cost = up == tree->root ? 1 : distance_between(tree, v, up);
        tree->depth[v] = tree->depth[up] + 1;
        tree->potential[v] = tree->potential[up] + (is_source(tree, v) ? -cost : cost);
        if (tree->child[v] != NONE) {
            v = tree->child[v];
            continue;
        }
        while (v != top && tree->next[v] == NONE)
            v = tree->parent[v];
        if (v == top)
            return;
        v = tree->next[v];
    }
}

/* The sink to which an arc from that source gains most, or NONE where none gains. */
static uint32_t best_sink(const struct tree *tree, uint32_t source)
{
    double best = -LEAST_GAIN - tree->potential[source];
    uint32_t found = NONE;
    for (uint32_t sink = (uint32_t)tree->sources; sink < tree->root; sink++) {
        const double cost = distance_between(tree, source, sink) - tree->potential[sink];
        if (cost < best) {
            best = cost;
            found = sink;
        }
    }
    return found;
}

static uint32_t find_join(const struct tree *tree, uint32_t u, uint32_t v)
{
    while (u != v)
        if (tree->depth[u] >= tree->depth[v])
            u = tree->parent[u];
        else
            v = tree->parent[v];
    return u;
}

/* Hangs what is below the arc that leaves (between out and its parent) from the arc that enters
 * (between in, below out or out itself, and new_parent). */
static void move_below(
    struct tree *tree, uint32_t in, uint32_t out, uint32_t new_parent, int64_t flow)
{
    for (uint32_t v = in, up = new_parent, last = NONE; last != out;) {
        const uint32_t old_parent = tree->parent[v];
        const int64_t old_flow = tree->flow[v];
        detach(tree, v);
        attach(tree, v, up);
        tree->flow[v] = flow;
        last = up = v;
        flow = old_flow;
        v = old_parent;
    }
    update_below(tree, in);
}

/*
 * Brings the arc between source and sink into the tree. Flow goes round its cycle: along the
 * arc, from the sink up to the join, from there down to the source. Of the arcs that run empty
 * the last one in that order, from the join on, leaves: that keeps the tree strongly feasible.
 */
static void pivot(struct tree *tree, uint32_t source, uint32_t sink)
{
    const uint32_t join = find_join(tree, source, sink);
    int64_t least = INT64_MAX;
    uint32_t out = NONE;
    bool below_source = true;
    for (uint32_t v = source; v != join; v = tree->parent[v])
        if (is_source(tree, v) && tree->flow[v] < least) {
            least = tree->flow[v];
            out = v;
        }
    for (uint32_t v = sink; v != join; v = tree->parent[v])
        if (!is_source(tree, v) && tree->flow[v] <= least) {
            least = tree->flow[v];
            out = v;
            below_source = false;
        }
    for (uint32_t v = source; v != join; v = tree->parent[v])
        tree->flow[v] += is_source(tree, v) ? -least : least;
    for (uint32_t v = sink; v != join; v = tree->parent[v])
        tree->flow[v] += is_source(tree, v) ? least : -least;
    if (below_source)
        move_below(tree, source, out, sink, least);
    else
        move_below(tree, sink, out, source, least);
}

/* Source after source takes its best arc, until none gains. */
static void solve(struct tree *tree)
{
    for (uint32_t source = 0, idle = 0; idle < tree->sources;) {
        const uint32_t sink = best_sink(tree, source);
        idle = sink == NONE ? idle + 1 : 0;
        if (sink != NONE)
            pivot(tree, source, sink);
        source = source + 1 == tree->sources ? 0 : source + 1;
    }
}

/* What rounding left over is still on arcs of the root, and counts for nothing. */
static double total_cost(const struct tree *tree)
{
    double sum = 0;
    for (size_t v = 0; v < tree->root; v++)
        if (tree->parent[v] != tree->root)
            sum += (double)tree->flow[v] * distance_between(tree, v, tree->parent[v]);
    return sum / MASS;
}

/* What a point has to give, or below zero to take. */
static int64_t surplus(const struct emd_point *point, double sum_a, double sum_b)
{
    return llround(point->a / sum_a * MASS) - llround(point->b / sum_b * MASS);
}

int emd(const struct emd_point *points, size_t count, struct scratch *scratch, double *distance,
    struct error *error)
{
    double sum_a = 0, sum_b = 0, left = INFINITY, top = INFINITY, right = -INFINITY,
           bottom = -INFINITY;
    size_t sources = 0, sinks = 0;
    for (size_t i = 0; i < count; i++) {
        sum_a += points[i].a;
        sum_b += points[i].b;
        left = fmin(left, points[i].x);
        right = fmax(right, points[i].x);
        top = fmin(top, points[i].y);
        bottom = fmax(bottom, points[i].y);
    }
    for (size_t i = 0; i < count; i++) {
        sources += surplus(&points[i], sum_a, sum_b) > 0;
        sinks += surplus(&points[i], sum_a, sum_b) < 0;
    }
    const double diagonal = hypot(right - left, bottom - top);
    *distance = 0;
    if (sources == 0 || sinks == 0 || diagonal == 0)
        return 0;
    struct tree tree;
    const int status = create_tree(&tree, sources, sinks, scratch, error);
    if (status < 0)
        return status;
    size_t source = 0, sink = sources;
    for (size_t i = 0; i < count; i++) {
        const int64_t mass = surplus(&points[i], sum_a, sum_b);
        if (mass == 0)
            continue;
        const size_t node = mass > 0 ? source++ : sink++;
        tree.x[node] = (points[i].x - left) / diagonal;
        tree.y[node] = (points[i].y - top) / diagonal;
        tree.flow[node] = mass > 0 ? mass : -mass;
    }
    begin_tree(&tree);
    solve(&tree);
    *distance = total_cost(&tree) * diagonal;
    return 0;
}
