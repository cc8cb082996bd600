#include "common/optimiser.h"
#include "common/clones.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What one task takes on: fixed, so that sums don't depend on the threads. */
enum { CHUNK = 1 << 14, LANES = 16 };

const struct optimiser_wishes optimiser_defaults = { .kind = OPTIMISER_ADAMW,
    .beta1 = 0.9,
    .beta2 = 0.999,
    .eps = 1e-8,
    .momentum = 0.9,
    .layer_decay = 1 };

/* A piece of one trained parameter. */
struct chunk {
    size_t at, count;
    double scale, decay; /* of the rate; what it decays by */
    double squares;      /* sum of its gradients' */
};

struct optimiser {
    struct optimiser_wishes wishes;
    size_t total;
    uint64_t steps;
    struct chunk *chunks;
    size_t chunk_count;
    float *first, *second, *ema; /* SGD's momentum is first; NULL where there is none */

    /* Of the step being made. */
    float *values;
    const float *gradients;
    double lr, clip, correction1, correction2;
};

KERNEL static double sum_squares(const float *x, size_t n)
{
    const size_t whole = n / LANES * LANES;
    double lanes[LANES] = { 0 }, sum = 0;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lanes[l] += (double)x[i + l] * (double)x[i + l];
    for (size_t i = whole; i < n; i++)
        lanes[i - whole] += (double)x[i] * (double)x[i];
    for (size_t l = 0; l < LANES; l++)
        sum += lanes[l];
    return sum;
}

/* What a step does to a chunk, in the floats that its loop needs. */
struct rates {
    float clip;         /* what gradients are multiplied by */
    float keep;         /* AdamW: what values are multiplied by */
    float decay;        /* SGD: what of the values is added to the gradient */
    float step;         /* rate, with AdamW's first correction */
    float first, other; /* AdamW: 1 - beta1, 1 - beta2; SGD: momentum */
    float beta2, root, eps;
};

KERNEL static void adamw_chunk(float *values, float *first, float *second,
    const float *gradients, size_t n, const struct rates *rates)
{
    const struct rates r = *rates;
    for (size_t i = 0; i < n; i++) {
        const float g = gradients[i] * r.clip;
        const float m = first[i] + (g - first[i]) * r.first;
        const float v = second[i] * r.beta2 + g * g * r.other;
        first[i] = m;
        second[i] = v;
        values[i] = values[i] * r.keep - r.step * (m / (sqrtf(v) * r.root + r.eps));
    }
}

KERNEL static void sgd_chunk(
    float *values, float *momentum, const float *gradients, size_t n, const struct rates *rates)
{
    const struct rates r = *rates;
    for (size_t i = 0; i < n; i++) {
        const float g = gradients[i] * r.clip + values[i] * r.decay;
        momentum[i] = momentum[i] * r.first + g;
        values[i] -= r.step * (g + momentum[i] * r.first);
    }
}

KERNEL static void average_chunk(float *average, const float *values, size_t n, float share)
{
    for (size_t i = 0; i < n; i++)
        average[i] += (values[i] - average[i]) * share;
}

static void square_task(void *argument, size_t i, size_t worker)
{
    struct optimiser *optimiser = argument;
    struct chunk *chunk = &optimiser->chunks[i];
    (void)worker;
    chunk->squares = sum_squares(optimiser->gradients + chunk->at, chunk->count);
}

static void step_task(void *argument, size_t i, size_t worker)
{
    const struct optimiser *o = argument;
    const struct optimiser_wishes *wishes = &o->wishes;
    const struct chunk *chunk = &o->chunks[i];
    const double lr = o->lr * chunk->scale;
    const size_t at = chunk->at;
    (void)worker;
    struct rates rates = { .clip = (float)o->clip, .step = (float)lr };
    if (wishes->kind == OPTIMISER_SGD) {
        rates.decay = (float)chunk->decay;
        rates.first = (float)wishes->momentum;
        sgd_chunk(o->values + at, o->first + at, o->gradients + at, chunk->count, &rates);
        return;
    }
    rates.keep = (float)(1 - lr * chunk->decay);
    rates.step = (float)(lr / o->correction1);
    rates.first = (float)(1 - wishes->beta1);
    rates.beta2 = (float)wishes->beta2;
    rates.other = (float)(1 - wishes->beta2);
    rates.root = (float)(1 / sqrt(o->correction2));
    rates.eps = (float)wishes->eps;
    adamw_chunk(
        o->values + at, o->first + at, o->second + at, o->gradients + at, chunk->count, &rates);
}

static void average_task(void *argument, size_t i, size_t worker)
{
    const struct optimiser *o = argument;
    const size_t at = i * CHUNK, left = o->total - at;
    (void)worker;
    average_chunk(
        o->ema + at, o->values + at, left < CHUNK ? left : CHUNK, (float)(1 - o->wishes.ema));
}

double optimiser_step(
    struct optimiser *optimiser, struct params *params, double lr, struct threads *threads)
{
    const struct optimiser_wishes *wishes = &optimiser->wishes;
    double squares = 0;
    optimiser->values = params->values;
    optimiser->gradients = params->gradients;
    threads_run(threads, optimiser->chunk_count, square_task, optimiser);
    for (size_t i = 0; i < optimiser->chunk_count; i++)
        squares += optimiser->chunks[i].squares;
    const double norm = sqrt(squares);
    if (!isfinite(norm))
        return norm;
    const double steps = (double)++optimiser->steps;
    optimiser->lr = lr;
    optimiser->clip = wishes->clip > 0 ? fmin(wishes->clip / (norm + 1e-6), 1) : 1;
    optimiser->correction1 = 1 - pow(wishes->beta1, steps);
    optimiser->correction2 = 1 - pow(wishes->beta2, steps);
    threads_run(threads, optimiser->chunk_count, step_task, optimiser);
    if (optimiser->ema)
        threads_run(threads, (optimiser->total + CHUNK - 1) / CHUNK, average_task, optimiser);
    return norm;
}

const float *optimiser_ema(const struct optimiser *optimiser)
{
    return optimiser->ema;
}

size_t optimiser_arenas(
    struct optimiser *optimiser, struct optimiser_arena arenas[OPTIMISER_MAX_ARENAS])
{
    const bool sgd = optimiser->wishes.kind == OPTIMISER_SGD;
    const struct optimiser_arena all[] = { { sgd ? "momentum" : "first", optimiser->first },
        { "second", optimiser->second }, { "ema", optimiser->ema } };
    size_t count = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].values)
            arenas[count++] = all[i];
    return count;
}

uint64_t optimiser_steps(const struct optimiser *optimiser)
{
    return optimiser->steps;
}

void optimiser_set_steps(struct optimiser *optimiser, uint64_t steps)
{
    optimiser->steps = steps;
}

static int check_wishes(const struct optimiser_wishes *wishes, struct error *error)
{
    const struct {
        const char *name;
        double value, least, most;
        bool below; /* most itself isn't taken */
    } ranges[] = {
        { "beta1", wishes->beta1, 0, 1, true },
        { "beta2", wishes->beta2, 0, 1, true },
        { "eps", wishes->eps, 0, 1, false },
        { "momentum", wishes->momentum, 0, 1, true },
        { "weight decay", wishes->decay, 0, 1e6, false },
        { "layer decay", wishes->layer_decay, 1e-3, 1, false },
        { "clipping norm", wishes->clip, 0, 1e30, false },
        { "decay of the average", wishes->ema, 0, 1, true },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (!(ranges[i].value >= ranges[i].least && ranges[i].value <= ranges[i].most)
            || (ranges[i].below && ranges[i].value >= ranges[i].most))
            return fail(error, BAD_USAGE, "%s %g: takes %g to %s%g", ranges[i].name,
                ranges[i].value, ranges[i].least, ranges[i].below ? "below " : "",
                ranges[i].most);
    return 0;
}

static int cut_chunks(
    struct optimiser *optimiser, const struct params *params, struct error *error)
{
    const struct optimiser_wishes *wishes = &optimiser->wishes;
    const size_t most = params->total / CHUNK + params->count;
    optimiser->chunks = calloc(most + 1, sizeof *optimiser->chunks);
    if (!optimiser->chunks)
        return fail_memory(error, most * sizeof *optimiser->chunks);
    for (size_t p = 0; p < params->count; p++) {
        const struct param *param = &params->items[p];
        const double above = (double)(params->depths - 1 - param->depth);
        for (size_t at = 0; at < param->count && param->trained; at += CHUNK)
            optimiser->chunks[optimiser->chunk_count++] = (struct chunk){
                .at = param->at + at,
                .count = param->count - at < CHUNK ? param->count - at : CHUNK,
                .scale = pow(wishes->layer_decay, above),
                .decay = param->decays ? wishes->decay : 0,
            };
    }
    return 0;
}

static int add_arena(float **arena, size_t total, struct error *error)
{
    const size_t size = (total * sizeof **arena + 63) & ~(size_t)63;
    *arena = aligned_alloc(64, size ? size : 64);
    if (!*arena)
        return fail_memory(error, size);
    memset(*arena, 0, size);
    return 0;
}

int optimiser_open(struct optimiser **optimiser, const struct params *params,
    const struct optimiser_wishes *wishes, struct error *error)
{
    *optimiser = NULL;
    int status = check_wishes(wishes, error);
    if (status < 0)
        return status;
    struct optimiser *made = calloc(1, sizeof *made);
    if (!made)
        return fail_memory(error, sizeof *made);
    made->wishes = *wishes;
    made->total = params->total;
    status = cut_chunks(made, params, error);
    if (status == 0)
        status = add_arena(&made->first, params->total, error);
    if (status == 0 && wishes->kind == OPTIMISER_ADAMW)
        status = add_arena(&made->second, params->total, error);
    if (status == 0 && wishes->ema > 0)
        status = add_arena(&made->ema, params->total, error);
    if (status < 0) {
        optimiser_free(made);
        return status;
    }
    if (made->ema)
        memcpy(made->ema, params->values, params->total * sizeof *made->ema);
    *optimiser = made;
    return 0;
}

void optimiser_free(struct optimiser *optimiser)
{
    if (!optimiser)
        return;
    free(optimiser->chunks);
    free(optimiser->first);
    free(optimiser->second);
    free(optimiser->ema);
    free(optimiser);
}

double schedule_lr(uint64_t step, uint64_t steps, uint64_t warmup, double base, double minimum)
{
    const double pi = 3.14159265358979323846;
    if (step < warmup)
        return base * (double)(step + 1) / (double)warmup;
    if (step >= steps)
        return minimum;
    const double t = (double)(step - warmup) / (double)(steps - warmup);
    return minimum + (base - minimum) * (1 + cos(pi * t)) / 2;
}
