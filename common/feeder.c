#include "common/feeder.h"

#include <pthread.h>
#include <stdlib.h>

enum { TRAYS = 3 }; /* one out with the caller, one ready, one in the making */

/* A batch that is being made, is ready, or is out with the caller. */
struct tray {
    float *inputs, *targets;
    const float **pointers; /* of inputs, a picture each */
    uint32_t *labels, *pictures;
    size_t step, count; /* of what it holds */
    size_t begun, done; /* pictures */
    size_t fault;       /* the first picture that failed, or count */
    int status;
    struct error error;
    bool ready;
};

struct feeder {
    struct feeder_wishes wishes;
    size_t classes, steps, floats; /* of one input */
    size_t bytes;
    uint32_t *order; /* of the set's pictures */
    struct tray trays[TRAYS];
    pthread_mutex_t lock;
    pthread_cond_t made, taken;
    size_t next;   /* step that is being begun */
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

/* Picture i of the tray's batch. */
static int make_picture(const struct feeder *feeder, struct tray *tray, size_t i,
    struct buffers *buffers, struct error *error)
{
    const struct feeder_wishes *wishes = &feeder->wishes;
    const uint32_t picture = feeder->order[tray->step * wishes->batch + i];
    tray->pictures[i] = picture;
    tray->labels[i] = (uint32_t)dataset_label(wishes->dataset, picture);
    set_target(feeder, tray->labels[i], tray->targets + i * feeder->classes);
    return make_input(feeder, picture, buffers, tray->inputs + i * feeder->floats, error);
}

static void mix_batch(const struct feeder *feeder, const struct tray *tray)
{
    const struct feeder_wishes *wishes = &feeder->wishes;
    struct random random =
        random_of(wishes->seed, RANDOM_BATCH, wishes->epoch, (uint32_t)tray->step);
    if (wishes->training)
        augment_batch(&wishes->augment, &random, tray->count, wishes->rule.width,
            wishes->rule.height, feeder->classes, tray->inputs, tray->targets);
}

/* The next picture to make: its tray and number in it, once there is one; NULL at the end.
 * Under the lock. */
static struct tray *begin_picture(struct feeder *feeder, size_t *i)
{
    while (
        !feeder->stop && feeder->next < feeder->steps && feeder->next >= feeder->passed + TRAYS)
        pthread_cond_wait(&feeder->taken, &feeder->lock);
    if (feeder->stop || feeder->next == feeder->steps)
        return NULL;
    struct tray *tray = &feeder->trays[feeder->next % TRAYS];
    if (tray->begun == 0) {
        tray->step = feeder->next;
        tray->count = tray->fault = count_of(feeder, tray->step);
    }
    *i = tray->begun++;
    feeder->next += tray->begun == tray->count;
    return tray;
}

/* Whoever makes the last picture of a batch mixes it. Under the lock. */
static void end_picture(
    struct feeder *feeder, struct tray *tray, size_t i, int status, const struct error *error)
{
    if (status < 0 && i < tray->fault) {
        tray->fault = i;
        tray->status = status;
        tray->error = *error;
    }
    if (++tray->done < tray->count)
        return;
    pthread_mutex_unlock(&feeder->lock);
    mix_batch(feeder, tray);
    pthread_mutex_lock(&feeder->lock);
    tray->ready = true;
    pthread_cond_signal(&feeder->made);
}

static void *work(void *argument)
{
    struct feeder *feeder = argument;
    struct buffers buffers = { 0 };
    struct error error;
    struct tray *tray;
    size_t i;
    pthread_mutex_lock(&feeder->lock);
    while ((tray = begin_picture(feeder, &i))) {
        pthread_mutex_unlock(&feeder->lock);
        const int status = make_picture(feeder, tray, i, &buffers, &error);
        pthread_mutex_lock(&feeder->lock);
        end_picture(feeder, tray, i, status, &error);
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
    made->workers = calloc(wishes->workers, sizeof *made->workers);
    status = made->workers ? make_order(made, error)
                           : fail_memory(error, wishes->workers * sizeof *made->workers);
    for (size_t i = 0; i < TRAYS && status == 0; i++)
        status = make_tray(made, &made->trays[i], error);
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
    for (size_t i = 0; i < TRAYS; i++) {
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
    free(feeder->workers);
    free(feeder->order);
    free(feeder);
}

int feeder_next(struct feeder *feeder, struct feeder_batch *batch, struct error *error)
{
    pthread_mutex_lock(&feeder->lock);
    if (feeder->passed < feeder->given) {
        struct tray *passed = &feeder->trays[feeder->passed++ % TRAYS];
        passed->ready = false;
        passed->begun = passed->done = 0;
        pthread_cond_broadcast(&feeder->taken);
    }
    const bool end = feeder->given == feeder->steps;
    const struct tray *tray = &feeder->trays[feeder->given % TRAYS];
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
    *batch = (struct feeder_batch){ tray->step, tray->count, tray->pointers, tray->targets,
        tray->labels, tray->pictures };
    return 1;
}

size_t feeder_bytes(const struct feeder *feeder)
{
    return feeder->bytes;
}
