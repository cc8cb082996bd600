/*
 * A case of tests/data/train/vit: a model of tests/data/vit in training, places for the
 * gradients of its weights, and how far they are from the library's.
 */
#ifndef SACCADE_TESTS_TRAINVIT_H
#define SACCADE_TESTS_TRAINVIT_H

#include "tests/families.h"

#define GRADIENTS "tests/data/train/vit"
enum { MAX_PLACES = 256, GUARD = 16 };

/*
 * Of the largest of a tensor. Sums in f32 of numbers that cancel: the libraries' own float32
 * is off by 7e-6, and by 1.5e-5 in hf-deit's.
 */
static const double bound = 2e-5;

static json_t *all; /* cases.json */

/* Where the gradient of one tensor goes. */
struct place {
    const struct tensor *reference; /* NULL: the tensor takes no part */
    size_t layer, at, count;
    int slot;
};

struct gradients {
    float *values; /* every place's, with GUARD numbers between that are nobody's */
    float *blocks[MAX_LAYERS][BLOCK_SLOTS];
    struct vit_slots slots;
};

struct trial {
    const json_t *about;
    const char *name;
    json_t *model_about;
    struct vit vit;
    struct array input;
    struct tensors reference;
    struct place places[MAX_PLACES];
    size_t place_count, total, batch;
    struct threads *threads;
    struct vit_pass *pass;
    float **logits, *seed, *drop_path;
    uint32_t *patches; /* NULL: all take part */
    size_t kept;       /* of them, of a picture */
    struct gradients found;
};

static inline double number_of(const json_t *about, const char *key)
{
    return json_number_value(json_object_get(about, key));
}

static inline void read_numbers(const json_t *json, float **to)
{
    size_t i;
    json_t *item;
    if (json_is_number(json))
        *(*to)++ = (float)json_number_value(json);
    json_array_foreach(json, i, item)
        read_numbers(item, to);
}

static const struct tensor *tensor_of(const struct vit_found *found, size_t layer, int slot)
{
    return slot < GLOBAL_SLOTS ? found->global[slot]
                               : found->blocks[layer][slot - GLOBAL_SLOTS];
}

/* Of a tensor; norms of q and k are as wide as a head, which one_head() alone changes. */
static inline size_t count_of(const struct vit *vit, int slot, const struct tensor *tensor)
{
    const bool of_head = slot >= Q_NORM_WEIGHT && slot <= K_NORM_BIAS;
    return of_head ? vit->config.dim / vit->config.heads : tensor->count;
}

static inline bool has_weight(const struct vit *vit, size_t layer, int slot)
{
    return slot < GLOBAL_SLOTS ? vit->global[slot] != NULL
                               : vit->blocks[layer][slot - GLOBAL_SLOTS] != NULL;
}

/* Both the model and the gradients are read by the same table of names. */
static inline void find_places(struct trial *trial)
{
    struct vit_found *own, *reference;
    struct error error;
    char path[256];
    size_t compared = 0;
    snprintf(path, sizeof path, GRADIENTS "/%s.safetensors", trial->name);
    ck_assert_msg(safetensors_add(&trial->reference, path, &error) == 0, "%s", error.text);
    ck_assert(vit_find(&trial->vit.model.tensors, NULL, &own, &error) == 0);
    ck_assert_msg(vit_find(&trial->reference, NULL, &reference, &error) == 0, "%s", error.text);
    for (size_t layer = 0; layer < trial->vit.config.layers; layer++)
        for (int slot = layer ? GLOBAL_SLOTS : 0; slot < VIT_SLOTS; slot++) {
            if (!has_weight(&trial->vit, layer, slot))
                continue;
            const struct tensor *tensor = tensor_of(reference, layer, slot);
            const size_t count = count_of(&trial->vit, slot, tensor_of(own, layer, slot));
            ck_assert(!tensor || tensor->count <= count);
            ck_assert_uint_lt(trial->place_count, MAX_PLACES);
            trial->places[trial->place_count++] =
                (struct place){ tensor, layer, trial->total, count, slot };
            trial->total += count + GUARD;
            compared += tensor != NULL;
        }
    ck_assert_uint_eq(compared, trial->reference.count);
    vit_found_free(own);
    vit_found_free(reference);
}

/* Room for those gradients whose place's number leaves nothing over. */
static inline void make_gradients(const struct trial *trial, struct gradients *to, size_t each)
{
    *to = (struct gradients){ .values = calloc(trial->total, sizeof *to->values) };
    for (size_t i = 0; i < trial->place_count; i += each) {
        const struct place *place = &trial->places[i];
        float *values = to->values + place->at;
        if (place->slot < GLOBAL_SLOTS)
            to->slots.global[place->slot] = values;
        else
            to->blocks[place->layer][place->slot - GLOBAL_SLOTS] = values;
    }
    to->slots.blocks = to->blocks;
}

/* One head as wide as the model, and norms of its queries and keys. */
static inline void make_one_head(struct vit *vit)
{
    static float values[4][64];
    const size_t dim = vit->config.dim;
    ck_assert(dim <= 64);
    vit->config.heads = 1;
    for (size_t i = 0; i < 4; i++)
        for (size_t d = 0; d < dim; d++)
            values[i][d] = 0.01f * (float)(i + 1) * (float)(d % 7);
    for (size_t layer = 0; layer < vit->config.layers; layer++)
        for (size_t i = 0; i < 4; i++)
            vit->blocks[layer][Q_NORM_WEIGHT - GLOBAL_SLOTS + i] = values[i];
}

static inline void read_patches(struct trial *trial)
{
    const json_t *patches = json_object_get(trial->about, "patches");
    float *to = NULL;
    if (!json_is_array(patches))
        return;
    trial->kept = json_array_size(json_array_get(patches, 0));
    float *places = to = calloc(trial->batch * trial->kept, sizeof *to);
    read_numbers(patches, &to);
    ck_assert(to == places + trial->batch * trial->kept);
    trial->patches = calloc(trial->batch * trial->kept, sizeof *trial->patches);
    for (size_t i = 0; i < trial->batch * trial->kept; i++)
        trial->patches[i] = (uint32_t)places[i];
    free(places);
}

static inline void begin_with(struct trial *trial, int index, bool one_head)
{
    const json_t *about = json_array_get(all, (size_t)index);
    const char *model = json_string_value(json_object_get(about, "case"));
    const json_t *drop_path = json_object_get(about, "drop_path");
    *trial = (struct trial){ .about = about, .model_about = load_case(ROOT, model) };
    trial->name = json_string_value(json_object_get(about, "name"));
    open_case(&trial->vit, model, trial->model_about);
    if (one_head)
        make_one_head(&trial->vit);
    ck_assert(load(&trial->input, ROOT, model, "input.npy"));
    trial->batch = trial->input.npy.shape[0];
    ck_assert_uint_eq(trial->batch, 2);
    find_places(trial);
    make_gradients(trial, &trial->found, 1);
    trial->logits = make_rows(trial->batch, trial->vit.model.classes);
    float *to = trial->seed = calloc(trial->batch * trial->vit.model.classes, sizeof *to);
    read_numbers(json_object_get(about, "logit_gradients"), &to);
    ck_assert(to == trial->seed + trial->batch * trial->vit.model.classes);
    read_patches(trial);
    if (!json_is_array(drop_path))
        return;
    to = trial->drop_path = calloc(2 * trial->vit.config.layers * trial->batch, sizeof *to);
    read_numbers(drop_path, &to);
    ck_assert(to == trial->drop_path + 2 * trial->vit.config.layers * trial->batch);
}

static inline void begin(struct trial *trial, int index)
{
    begin_with(trial, index, false);
}

static inline void prepare(struct trial *trial, size_t thread_count, size_t lowest)
{
    bool keep[MAX_LAYERS];
    struct error error;
    const size_t *shape = trial->input.npy.shape;
    memset(keep, true, sizeof keep);
    const struct vit_plan plan = { .batch = trial->batch,
        .height = shape[2],
        .width = shape[3],
        .lowest = lowest,
        .training = true,
        .patches = trial->kept,
        .keep = keep };
    vit_pass_free(trial->pass);
    trial->pass = NULL;
    if (trial->threads)
        threads_free(trial->threads);
    ck_assert(threads_create(&trial->threads, thread_count, &error) == 0);
    ck_assert_msg(vit_prepare(&trial->vit, &trial->pass, &plan, trial->threads, &error) == 0,
        "%s: %s", trial->name, error.text);
}

static inline void finish(struct trial *trial)
{
    vit_pass_free(trial->pass);
    if (trial->threads)
        threads_free(trial->threads);
    free_rows(trial->logits, trial->batch);
    free(trial->seed);
    free(trial->drop_path);
    free(trial->patches);
    free(trial->found.values);
    tensors_free(&trial->reference);
    unload(&trial->input);
    vit_close(&trial->vit);
    json_decref(trial->model_about);
}

/* Forward and back with the pictures from first on. */
static inline void run_pictures(struct trial *trial, const struct vit *back, size_t first,
    size_t count, const float *drop_path, const struct gradients *to)
{
    const size_t each = trial->input.npy.count / trial->batch;
    const float *const inputs[] = { trial->input.data + first * each,
        trial->input.data + each };
    vit_forward(&trial->vit, trial->pass, inputs, count,
        &(struct vit_outputs){ .logits = trial->logits + first,
            .drop_path = drop_path,
            .patches = trial->patches ? trial->patches + first * trial->kept : NULL });
    vit_backward(back, trial->pass, count, trial->seed + first * trial->vit.model.classes,
        &(struct vit_gradients){ .weights = &to->slots });
}

static inline void run(struct trial *trial, const struct gradients *to)
{
    run_pictures(trial, &trial->vit, 0, trial->batch, trial->drop_path, to);
}

static inline double largest(const float *x, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

/* What a difference is taken of: the tensor's largest gradient; but a key's bias, which softmax
 * doesn't see, has none, and takes the query's. */
static inline double scale_of(const struct trial *trial, size_t i, const float *values)
{
    const struct place *place = &trial->places[i];
    const int query = place->slot == K_BIAS        ? Q_BIAS
                      : place->slot == K_NORM_BIAS ? Q_NORM_BIAS
                                                   : place->slot;
    while (trial->places[i].slot != query)
        i--;
    return largest(values + trial->places[i].at, trial->places[i].count);
}

/* The largest difference of any place. */
static inline double measure(
    const struct trial *trial, const float *ours, const float *expected, const char **where)
{
    double most = 0;
    for (size_t i = 0; i < trial->place_count; i++) {
        const struct place *place = &trial->places[i];
        const double off =
            difference(ours + place->at, expected + place->at, place->count, false);
        const double scale = scale_of(trial, i, expected);
        ck_assert(!place->reference || scale > 0);
        if (off <= most * scale)
            continue;
        most = scale > 0 ? off / scale : INFINITY;
        *where = place->reference ? place->reference->name : "a tensor that takes no part";
    }
    return most;
}

/* The library's gradients, laid out like ours. */
static inline float *expected_of(const struct trial *trial)
{
    float *values = calloc(trial->total, sizeof *values);
    for (size_t i = 0; i < trial->place_count; i++)
        if (trial->places[i].reference)
            tensor_to_floats(trial->places[i].reference, values + trial->places[i].at);
    return values;
}

static inline void expect_guards(const struct trial *trial, const float *values)
{
    for (size_t i = 0; i < trial->place_count; i++)
        ck_assert(largest(values + trial->places[i].at + trial->places[i].count, GUARD) == 0);
}

#endif
