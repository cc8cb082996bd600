#include "common/layerstat.h"

#include <math.h>
#include <stdlib.h>

const char *const layer_number_names[LAYER_NUMBERS] = { "distance", "entropy", "prefix_mass",
    "diagonal_mass", "effective_rank", "divergence", "sinks", "sink_share" };

/* One layer on its way. */
struct job {
    const struct layer_wish *wish;
    const struct layout *layout;
    const double *lengths;
    const float *attention;
    size_t heads, n;
    struct head_queries queries;
    double *received, *information, *rank;
    size_t *faults; /* a head's first row that is no softmax's; n: all are */
    struct layer_numbers *numbers;
};

void layerstat_free(struct layerstat *stat)
{
    free(stat->received.bytes);
    free(stat->information.bytes);
    free(stat->rank.bytes);
    sinks_free(&stat->sinks);
    free(stat->faults.bytes);
}

static bool wants_sinks(const struct layer_wish *wish)
{
    return wish->wanted[SINKS] || wish->wanted[SINK_SHARE];
}

static void measure_head(void *argument, size_t h, size_t worker)
{
    const struct job *job = argument;
    const bool *wanted = job->wish->wanted;
    const size_t n = job->n;
    const float *a = job->attention + h * n * n;
    double *of = job->numbers[h].of;
    struct head_numbers numbers;
    for (size_t i = 0; i < LAYER_NUMBERS; i++)
        of[i] = NAN;
    job->faults[h] = head_fault(a, n);
    if (job->faults[h] < n)
        return;
    head_measure(a, job->layout, &job->queries, job->lengths, &numbers);
    of[DISTANCE] = numbers.distance;
    of[ENTROPY] = numbers.entropy;
    of[PREFIX_MASS] = numbers.prefix_mass;
    of[DIAGONAL_MASS] = numbers.diagonal_mass;
    if (wanted[EFFECTIVE_RANK])
        of[EFFECTIVE_RANK] = head_rank(a, n, job->rank + worker * head_rank_room(n));
    if (wants_sinks(job->wish))
        head_received(a, n, &(struct head_queries){ 0, n }, job->received + h * n);
}

/* Of pair number i the heads are i / heads and i % heads; half of them say nothing new. */
static void compare_heads(void *argument, size_t i, size_t worker)
{
    const struct job *job = argument;
    const size_t size = job->n * job->n, g = i / job->heads, h = i % job->heads;
    (void)worker;
    if (g <= h)
        job->information[i] = head_information(
            job->attention + g * size, job->attention + h * size, job->n, &job->queries);
}

static void set_divergences(const struct job *job)
{
    const double *information = job->information;
    const size_t heads = job->heads;
    for (size_t h = 0; h < heads; h++) {
        double sum = 0;
        for (size_t g = 0; g < heads; g++) {
            const size_t pair = g < h ? g * heads + h : h * heads + g;
            const double own = (information[g * heads + g] + information[h * heads + h]) / 2;
            sum += g == h ? 0 : fmax(own - information[pair], 0);
        }
        job->numbers[h].of[DIVERGENCE] = heads > 1 ? sum / (double)(heads - 1) : NAN;
    }
}

static void set_sinks(const struct job *job, const struct sinks *sinks)
{
    const size_t n = job->n;
    double *read = job->received + job->heads * n;
    for (size_t h = 0; h < job->heads; h++) {
        const double *given = job->received + h * n;
        double share = 0;
        if (job->wish->readout) {
            head_received(job->attention + h * n * n, n, &job->queries, read);
            given = read;
        }
        for (size_t j = 0; j < n; j++)
            share += sinks->is[j] ? given[j] : 0;
        job->numbers[h].of[SINKS] = (double)sinks->count;
        job->numbers[h].of[SINK_SHARE] = share;
    }
}

static int reserve(
    struct layerstat *stat, const struct job *job, size_t workers, struct error *error)
{
    const size_t heads = job->heads, n = job->n;
    int status = scratch_reserve(&stat->faults, heads * sizeof *job->faults, error);
    if (status == 0)
        status = scratch_reserve(&stat->received, (heads + 1) * n * sizeof(double), error);
    if (status == 0)
        status = scratch_reserve(&stat->information, heads * heads * sizeof(double), error);
    if (status < 0 || !job->wish->wanted[EFFECTIVE_RANK])
        return status;
    return scratch_reserve(&stat->rank, workers * head_rank_room(n) * sizeof(double), error);
}

int layerstat_measure(struct layerstat *stat, struct threads *threads,
    const struct layer_wish *wish, const float *attention, size_t heads,
    const struct layout *layout, const double *lengths, const float *tokens, size_t dim,
    struct layer_numbers *numbers, struct error *error)
{
    struct job job = { .wish = wish,
        .layout = layout,
        .lengths = lengths,
        .attention = attention,
        .heads = heads,
        .n = layout->prefix + layout->rows * layout->columns,
        .queries = head_queries_of(layout, wish->readout),
        .numbers = numbers };
    if (heads > LAYER_MAX_HEADS)
        return fail(error, BAD_SAMPLE, "has %zu heads, more than %d", heads, LAYER_MAX_HEADS);
    int status = reserve(stat, &job, threads_count(threads), error);
    if (status < 0)
        return status;
    job.faults = stat->faults.bytes;
    job.received = stat->received.bytes;
    job.information = stat->information.bytes;
    job.rank = stat->rank.bytes;
    threads_run(threads, heads, measure_head, &job);
    for (size_t h = 0; h < heads; h++)
        if (job.faults[h] < job.n)
            return head_fail(h, job.faults[h], error);
    if (wish->wanted[DIVERGENCE]) {
        threads_run(threads, heads * heads, compare_heads, &job);
        set_divergences(&job);
    }
    if (wants_sinks(wish)) {
        status = sinks_find(
            &stat->sinks, &wish->sinks, layout, job.received, heads, tokens, dim, error);
        if (status == 0)
            set_sinks(&job, &stat->sinks);
    }
    return status;
}
