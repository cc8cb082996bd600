#include "common/feeder.h"

#include <pthread.h>
#include <stdlib.h>

enum { LEAST_QUEUE = 3 };

/* A batch that is being made, is ready, or is out with the caller. */
struct tray {
    float *inputs, *targets;
    const float **pointers; /* of inputs, a picture each */
    uint32_t *labels, *pictures;
    size_t step; /* of what it holds */
    bool ready;
    int status;
    struct error error;
};

struct feeder {
    struct feeder_wishes wishes;
    size_t classes, steps, floats; /* of one input */
    size_t bytes;
    uint32_t *order; /* of the set's pictures */
    struct tray *trays;
    size_t tray_count;
    pthread_mutex_t lock;
    pthread_cond_t made, taken;
    size_t next;   /* step that nobody has begun */
    size_t passed; /* steps that the caller is done with */
    size_t given;  /* the step that comes next for the caller */
    bool stop;
    pthread_t *workers;
    size_t started;
};

size_t feeder_steps(const struct feeder_wishes *wishes)
{
    const size_t count = dataset_count(wishes->dataset), batch = wishes->batch;
    return wishes->training ? count / batch : count / batch + (count % batch != 0);
}

static size_t count_of(const struct feeder *feeder, size_t step)
{
    const size_t left = dataset_count(feeder->wishes.dataset) - step * feeder->wishes.batch;
    return left < feeder->wishes.batch ? left : feeder->wishes.batch;
}

/* One-hot, with smoothing shared out among all classes (timm's, PyTorch's label_smoothing). */
static void set_target(const struct feeder *feeder, uint32_t label, float *target)
{
    const float smoothing = feeder->wishes.smoothing;
    const float off = smoothing / (float)feeder->classes;
    for (size_t i = 0; i < feeder->classes; i++)
        target[i] = off;
    target[label] = 1 - smoothing + off;
}

struct buffers {
    struct picture picture;
    struct augment_scratch augment;
};

static int make_input(const struct feeder *feeder, uint32_t i, struct buffers *buffers,
    float *input, struct error *error)
{
    const struct feeder_wishes *wishes = &feeder->wishes;
    struct picture picture;
    struct error why;
    int status = dataset_picture(wishes->dataset, i, &buffers->picture, &picture, error);
    if (status < 0)
        return status;
    if (wishes->training) {
        struct random random = random_of(wishes->seed, RANDOM_PICTURE, wishes->epoch, i);
        status = augment_picture(
            &wishes->augment, &picture, &wishes->rule, &random, &buffers->augment, input, &why);
    } else {
        struct view view;
        status = view_make(&picture, &wishes->rule, input, &view, &why);
    }
    if (status == BAD_SAMPLE)
        status = BAD_INPUT;
    return status < 0 ? fail(error, status, "picture %u of the data: %.900s", i, why.text) : 0;
}

static int make_batch(const struct feeder *feeder, struct tray *tray, struct buffers *buffers)
{
    const struct feeder_wishes *wishes = &feeder->wishes;
    const size_t count = count_of(feeder, tray->step);
    for (size_t i = 0; i < count; i++) {
        const uint32_t picture = feeder->order[tray->step * wishes->batch + i];
        tray->pictures[i] = picture;
        tray->labels[i] = (uint32_t)dataset_label(wishes->dataset, picture);
        set_target(feeder, tray->labels[i], tray->targets + i * feeder->classes);
        const int status = make_input(
            feeder, picture, buffers, tray->inputs + i * feeder->floats, &tray->error);
        if (status < 0)
            return status;
    }
    if (wishes->training) {
        struct random random =
            random_of(wishes->seed, RANDOM_BATCH, wishes->epoch, (uint32_t)tray->step);
        augment_batch(&wishes->augment, &random, count, wishes->rule.width, wishes->rule.height,
            feeder->classes, tray->inputs, tray->targets);
    }
    return 0;
}

/* A step whose tray is free, once there is one; NULL at the end. Under the lock. */
static struct tray *begin_step(struct feeder *feeder)
{
    while (!feeder->stop && feeder->next < feeder->steps
           && feeder->next >= feeder->passed + feeder->tray_count)
        pthread_cond_wait(&feeder->taken, &feeder->lock);
    if (feeder->stop || feeder->next == feeder->steps)
        return NULL;
    struct tray *tray = &feeder->trays[feeder->next % feeder->tray_count];
    tray->step = feeder->next++;
    return tray;
}

static void *work(void *argument)
{
    struct feeder *feeder = argument;
    struct buffers buffers = { 0 };
    struct tray *tray;
    pthread_mutex_lock(&feeder->lock);
    while ((tray = begin_step(feeder))) {
        pthread_mutex_unlock(&feeder->lock);
        tray->status = make_batch(feeder, tray, &buffers);
        pthread_mutex_lock(&feeder->lock);
        tray->ready = true;
        pthread_cond_signal(&feeder->made);
    }
    pthread_mutex_unlock(&feeder->lock);
    picture_free(&buffers.picture);
    augment_scratch_free(&buffers.augment);
    return NULL;
}

/* Fisher and Yates'. */
static int make_order(struct feeder *feeder, struct error *error)
{
    const struct feeder_wishes *wishes = &feeder->wishes;
    const uint32_t count = (uint32_t)dataset_count(wishes->dataset);
    struct random random = random_of(wishes->seed, RANDOM_ORDER, wishes->epoch, 0);
    feeder->order = calloc(count, sizeof *feeder->order);
    if (!feeder->order)
        return fail_memory(error, count * sizeof *feeder->order);
    feeder->bytes += count * sizeof *feeder->order;
    for (uint32_t i = 0; i < count; i++)
        feeder->order[i] = i;
    for (uint32_t left = count; wishes->training && left > 1; left--) {
        const uint32_t chosen = random_below(&random, left);
        const uint32_t swapped = feeder->order[chosen];
        feeder->order[chosen] = feeder->order[left - 1];
        feeder->order[left - 1] = swapped;
    }
    return 0;
}

static int make_tray(struct feeder *feeder, struct tray *tray, struct error *error)
{
    const size_t batch = feeder->wishes.batch;
    size_t floats, targets, bytes;
    if (__builtin_mul_overflow(feeder->floats, batch, &floats)
        || __builtin_mul_overflow(feeder->classes, batch, &targets)
        || __builtin_add_overflow(floats, targets, &bytes)
        || __builtin_mul_overflow(bytes, sizeof(float), &bytes))
        return fail(error, BAD_USAGE, "a batch of %zu: too large", batch);
    tray->inputs = calloc(floats, sizeof *tray->inputs);
    tray->targets = calloc(targets, sizeof *tray->targets);
    tray->pointers = calloc(batch, sizeof *tray->pointers);
    tray->labels = calloc(batch, sizeof *tray->labels);
    tray->pictures = calloc(batch, sizeof *tray->pictures);
    if (!tray->inputs || !tray->targets || !tray->pointers || !tray->labels || !tray->pictures)
        return fail_memory(error, bytes);
    for (size_t i = 0; i < batch; i++)
        tray->pointers[i] = tray->inputs + i * feeder->floats;
    feeder->bytes += bytes;
    return 0;
}

static int check_wishes(const struct feeder_wishes *wishes, struct error *error)
{
    if (wishes->batch == 0 || wishes->workers == 0)
        return fail(error, BAD_USAGE, "a batch or workers of 0");
    const size_t steps = feeder_steps(wishes);
    if (steps == 0)
        return fail(error, BAD_USAGE, "%zu pictures are less than one batch of %zu",
            dataset_count(wishes->dataset), wishes->batch);
    if (wishes->first_step > steps)
        return fail(error, BAD_USAGE, "step %zu of an epoch of %zu", wishes->first_step, steps);
    return 0;
}

static int make_trays(struct feeder *feeder, struct error *error)
{
    const size_t workers = feeder->wishes.workers;
    feeder->tray_count = workers + 2 < LEAST_QUEUE ? LEAST_QUEUE : workers + 2;
    feeder->trays = calloc(feeder->tray_count, sizeof *feeder->trays);
    feeder->workers = calloc(workers, sizeof *feeder->workers);
    if (!feeder->trays || !feeder->workers)
        return fail_memory(error, feeder->tray_count * sizeof *feeder->trays);
    int status = 0;
    for (size_t i = 0; i < feeder->tray_count && status == 0; i++)
        status = make_tray(feeder, &feeder->trays[i], error);
    return status;
}

int feeder_start(
    struct feeder **feeder, const struct feeder_wishes *wishes, struct error *error)
{
    int status = check_wishes(wishes, error);
    struct feeder *made = status == 0 ? calloc(1, sizeof *made) : NULL;
    *feeder = made;
    if (!made)
        return status < 0 ? status : fail_memory(error, sizeof *made);
    made->wishes = *wishes;
    made->classes = dataset_classes(wishes->dataset);
    made->steps = feeder_steps(wishes);
    made->floats = (size_t)wishes->rule.width * wishes->rule.height * 3;
    made->next = made->passed = made->given = wishes->first_step;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->made, NULL);
    pthread_cond_init(&made->taken, NULL);
    status = make_order(made, error);
    if (status == 0)
        status = make_trays(made, error);
    for (; status == 0 && made->started < wishes->workers; made->started++)
        if (pthread_create(&made->workers[made->started], NULL, work, made))
            return fail(error, BAD_SYSTEM, "can't start thread %zu of %zu", made->started + 1,
                wishes->workers);
    return status;
}

void feeder_stop(struct feeder *feeder)
{
    if (!feeder)
        return;
    pthread_mutex_lock(&feeder->lock);
    feeder->stop = true;
    pthread_cond_broadcast(&feeder->taken);
    pthread_mutex_unlock(&feeder->lock);
    for (size_t i = 0; i < feeder->started; i++)
        pthread_join(feeder->workers[i], NULL);
    for (size_t i = 0; feeder->trays && i < feeder->tray_count; i++) {
        struct tray *tray = &feeder->trays[i];
        free(tray->inputs);
        free(tray->targets);
        free(tray->pointers);
        free(tray->labels);
        free(tray->pictures);
    }
    pthread_cond_destroy(&feeder->made);
    pthread_cond_destroy(&feeder->taken);
    pthread_mutex_destroy(&feeder->lock);
    free(feeder->trays);
    free(feeder->workers);
    free(feeder->order);
    free(feeder);
}

int feeder_next(struct feeder *feeder, struct feeder_batch *batch, struct error *error)
{
    pthread_mutex_lock(&feeder->lock);
    if (feeder->passed < feeder->given) {
        feeder->trays[feeder->passed++ % feeder->tray_count].ready = false;
        pthread_cond_broadcast(&feeder->taken);
    }
    const bool end = feeder->given == feeder->steps;
    const struct tray *tray = &feeder->trays[feeder->given % feeder->tray_count];
    while (!end && !tray->ready)
        pthread_cond_wait(&feeder->made, &feeder->lock);
    feeder->given += !end;
    pthread_mutex_unlock(&feeder->lock);
    if (end)
        return 0;
    if (tray->status < 0) {
        *error = tray->error;
        return tray->status;
    }
    *batch = (struct feeder_batch){ tray->step, count_of(feeder, tray->step), tray->pointers,
        tray->targets, tray->labels, tray->pictures };
    return 1;
}

size_t feeder_bytes(const struct feeder *feeder)
{
    return feeder->bytes;
}
