/*
 * The gradients of a ViT's weights against the library that each family comes from:
 * tests/data/train/vit holds those of a loss over both pictures of a case of tests/data/vit,
 * computed in float64 (tests/oracle/train_vit.py). Then what is asked for and nothing else, the
 * same bytes for every number of threads, and a wrong backward pass, which must show.
 */
#include "common/gemm.h"
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
    struct gradients found;
};

static double number_of(const json_t *about, const char *key)
{
    return json_number_value(json_object_get(about, key));
}

static void read_numbers(const json_t *json, float **to)
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
static size_t count_of(const struct vit *vit, int slot, const struct tensor *tensor)
{
    const bool of_head = slot >= Q_NORM_WEIGHT && slot <= K_NORM_BIAS;
    return of_head ? vit->config.dim / vit->config.heads : tensor->count;
}

static bool has_weight(const struct vit *vit, size_t layer, int slot)
{
    return slot < GLOBAL_SLOTS ? vit->global[slot] != NULL
                               : vit->blocks[layer][slot - GLOBAL_SLOTS] != NULL;
}

/* Both the model and the gradients are read by the same table of names. */
static void find_places(struct trial *trial)
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
static void make_gradients(const struct trial *trial, struct gradients *to, size_t each)
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
static void make_one_head(struct vit *vit)
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

static void begin_with(struct trial *trial, int index, bool one_head)
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
    if (!json_is_array(drop_path))
        return;
    to = trial->drop_path = calloc(2 * trial->vit.config.layers * trial->batch, sizeof *to);
    read_numbers(drop_path, &to);
    ck_assert(to == trial->drop_path + 2 * trial->vit.config.layers * trial->batch);
}

static void begin(struct trial *trial, int index)
{
    begin_with(trial, index, false);
}

static void prepare(struct trial *trial, size_t thread_count, size_t lowest)
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
        .keep = keep };
    vit_pass_free(trial->pass);
    trial->pass = NULL;
    if (trial->threads)
        threads_free(trial->threads);
    ck_assert(threads_create(&trial->threads, thread_count, &error) == 0);
    ck_assert_msg(vit_prepare(&trial->vit, &trial->pass, &plan, trial->threads, &error) == 0,
        "%s: %s", trial->name, error.text);
}

static void finish(struct trial *trial)
{
    vit_pass_free(trial->pass);
    if (trial->threads)
        threads_free(trial->threads);
    free_rows(trial->logits, trial->batch);
    free(trial->seed);
    free(trial->drop_path);
    free(trial->found.values);
    tensors_free(&trial->reference);
    unload(&trial->input);
    vit_close(&trial->vit);
    json_decref(trial->model_about);
}

/* Forward and back with the pictures from first on. */
static void run_pictures(struct trial *trial, const struct vit *back, size_t first,
    size_t count, const float *drop_path, const struct gradients *to)
{
    const size_t each = trial->input.npy.count / trial->batch;
    const float *const inputs[] = { trial->input.data + first * each,
        trial->input.data + each };
    vit_forward(&trial->vit, trial->pass, inputs, count,
        &(struct vit_outputs){ .logits = trial->logits + first, .drop_path = drop_path });
    vit_backward(back, trial->pass, count, trial->seed + first * trial->vit.model.classes,
        &(struct vit_gradients){ .weights = &to->slots });
}

static void run(struct trial *trial, const struct gradients *to)
{
    run_pictures(trial, &trial->vit, 0, trial->batch, trial->drop_path, to);
}

static double largest(const float *x, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

/* What a difference is taken of: the tensor's largest gradient; but a key's bias, which softmax
 * doesn't see, has none, and takes the query's. */
static double scale_of(const struct trial *trial, size_t i, const float *values)
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
static double measure(
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
static float *expected_of(const struct trial *trial)
{
    float *values = calloc(trial->total, sizeof *values);
    for (size_t i = 0; i < trial->place_count; i++)
        if (trial->places[i].reference)
            tensor_to_floats(trial->places[i].reference, values + trial->places[i].at);
    return values;
}

static void expect_guards(const struct trial *trial, const float *values)
{
    for (size_t i = 0; i < trial->place_count; i++)
        ck_assert(largest(values + trial->places[i].at + trial->places[i].count, GUARD) == 0);
}

/* Cross-entropy with smoothed labels, and that its gradient is the one that we go on from. */
static double loss_of(const struct trial *trial)
{
    const json_t *target = json_object_get(trial->about, "target");
    const size_t classes = trial->vit.model.classes;
    const double smoothing = number_of(trial->about, "smoothing");
    double loss = 0;
    for (size_t b = 0; b < trial->batch; b++) {
        double total = 0;
        for (size_t c = 0; c < classes; c++)
            total += exp((double)trial->logits[b][c]);
        for (size_t c = 0; c < classes; c++) {
            const bool right = (json_int_t)c == json_integer_value(json_array_get(target, b));
            const double due = smoothing / (double)classes + (right ? 1 - smoothing : 0);
            const double probability = exp((double)trial->logits[b][c]) / total;
            const double slope = (probability - due) / (double)trial->batch;
            loss -= due * log(probability) / (double)trial->batch;
            ck_assert_double_eq_tol((double)trial->seed[b * classes + c], slope, 1e-5);
        }
    }
    return loss;
}

START_TEST(same_gradients)
{
    struct trial trial;
    const char *where = "";
    begin(&trial, _i);
    prepare(&trial, 1, 0);
    run(&trial, &trial.found);
    float *expected = expected_of(&trial);
    const double most = measure(&trial, trial.found.values, expected, &where);
    ck_assert_msg(most < bound, "%s: %s is off by %.2e", trial.name, where, most);
    ck_assert_double_eq_tol(loss_of(&trial), number_of(trial.about, "loss"), 1e-5);
    expect_guards(&trial, trial.found.values);
    if (getenv("PRINT"))
        printf("%-28s %.1e %s\n", trial.name, most, where);
    free(expected);
    finish(&trial);
}
END_TEST

/* Twice gives double, and one picture after the other what both give at once. */
START_TEST(gradients_add)
{
    struct trial trial;
    struct gradients twice, apart;
    const char *where = "";
    begin(&trial, _i);
    make_gradients(&trial, &twice, 1);
    make_gradients(&trial, &apart, 1);
    prepare(&trial, 1, 0);
    run(&trial, &trial.found);
    run(&trial, &twice);
    run(&trial, &twice);
    for (size_t b = 0; b < trial.batch; b++) {
        float factors[2 * MAX_LAYERS];
        for (size_t i = 0; i < 2 * trial.vit.config.layers && trial.drop_path; i++)
            factors[i] = trial.drop_path[i * trial.batch + b];
        run_pictures(&trial, &trial.vit, b, 1, trial.drop_path ? factors : NULL, &apart);
    }
    for (size_t i = 0; i < trial.total; i++)
        twice.values[i] /= 2;
    const double double_off = measure(&trial, twice.values, trial.found.values, &where);
    ck_assert_msg(double_off < 2e-6, "%s: %s: %.2e", trial.name, where, double_off);
    const double apart_off = measure(&trial, apart.values, trial.found.values, &where);
    ck_assert_msg(apart_off < bound, "%s: %s: %.2e", trial.name, where, apart_off);
    free(twice.values);
    free(apart.values);
    finish(&trial);
}
END_TEST

/* Four numbers for each of a head's, where there are two for each of the model's. */
START_TEST(one_head)
{
    struct trial trial;
    struct gradients apart;
    const char *where = "";
    int index = 0;
    while (strcmp("timm-qknorm",
               json_string_value(json_object_get(json_array_get(all, (size_t)index), "name")))
           != 0)
        index++;
    begin_with(&trial, index, true);
    make_gradients(&trial, &apart, 1);
    prepare(&trial, 2, 0);
    run(&trial, &trial.found);
    for (size_t b = 0; b < trial.batch; b++)
        run_pictures(&trial, &trial.vit, b, 1, NULL, &apart);
    const double off = measure(&trial, apart.values, trial.found.values, &where);
    ck_assert_msg(off < bound, "%s: %.2e", where, off);
    expect_guards(&trial, trial.found.values);
    free(apart.values);
    finish(&trial);
}
END_TEST

/* Whether a pass down to the layer lowest reaches the place. */
static bool is_reached(const struct place *place, size_t lowest)
{
    if (place->slot >= GLOBAL_SLOTS)
        return place->layer >= lowest;
    return lowest == 0 || place->slot >= NORM_WEIGHT;
}

/* Every so many of the places, in a pass down to lowest, on so many threads: these bytes are
 * those of the whole, and all others are untouched. */
static void expect_part(
    struct trial *trial, size_t thread_count, size_t lowest, size_t each, const float *ones)
{
    struct gradients part;
    make_gradients(trial, &part, each);
    float *expected = calloc(trial->total, sizeof *expected);
    for (size_t i = 0; i < trial->place_count; i += each) {
        const struct place *place = &trial->places[i];
        if (is_reached(place, lowest))
            memcpy(expected + place->at, trial->found.values + place->at,
                place->count * sizeof *expected);
    }
    prepare(trial, thread_count, lowest);
    run_pictures(trial, &trial->vit, 0, trial->batch, ones ? ones : trial->drop_path, &part);
    ck_assert_msg(memcmp(part.values, expected, trial->total * sizeof *expected) == 0,
        "%s: %zu threads, down to %zu, each %zu", trial->name, thread_count, lowest, each);
    free(part.values);
    free(expected);
}

START_TEST(same_bytes)
{
    struct trial trial;
    float ones[4 * MAX_LAYERS];
    for (size_t i = 0; i < sizeof ones / sizeof *ones; i++)
        ones[i] = 1;
    begin(&trial, _i);
    prepare(&trial, 1, 0);
    run(&trial, &trial.found);
    const size_t layers = trial.vit.config.layers;
    const size_t depths[] = { 0, 1, layers - 1, layers, VIT_NO_GRADIENT };
    for (size_t thread_count = 1; thread_count <= 3; thread_count++)
        for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
            for (size_t each = 1; each <= 3; each++)
                expect_part(&trial, thread_count, depths[i], each, NULL);
    if (!trial.drop_path)
        expect_part(&trial, 2, 0, 1, ones);
    finish(&trial);
}
END_TEST

/* A right forward pass, and one thing wrong on the way back. */
START_TEST(mutations_show)
{
    static const char *const mutations[] = { "act", "eps", "layerscale", "qk_norm", "pooling",
        "scale2", "final_norm", "fc_norm" };
    struct trial trial;
    begin(&trial, _i);
    const json_t *listed = json_object_get(trial.model_about, "mutations");
    prepare(&trial, 1, 0);
    run(&trial, &trial.found);
    for (size_t m = 0; m < sizeof mutations / sizeof *mutations; m++) {
        struct vit wrong;
        struct gradients found;
        const char *where = "";
        make_gradients(&trial, &found, 1);
        open_case(
            &wrong, json_string_value(json_object_get(trial.about, "case")), trial.model_about);
        if (mutate_backward(&wrong, mutations[m], listed)) {
            run_pictures(&trial, &wrong, 0, trial.batch, trial.drop_path, &found);
            const double most = measure(&trial, found.values, trial.found.values, &where);
            ck_assert_msg(
                most > 1e-3, "%s: %s goes unnoticed: %.2e", trial.name, mutations[m], most);
        }
        free(found.values);
        vit_close(&wrong);
    }
    finish(&trial);
}
END_TEST

int main(void)
{
    gemm_start();
    all = json_load_file(GRADIENTS "/cases.json", 0, NULL);
    const int count = (int)json_array_size(all);
    Suite *suite = suite_create("train_vit");
    TCase *tests = tcase_create("gradients");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, same_gradients, 0, count);
    tcase_add_loop_test(tests, gradients_add, 0, count);
    tcase_add_test(tests, one_head);
    tcase_add_loop_test(tests, same_bytes, 0, count);
    tcase_add_loop_test(tests, mutations_show, 0, count);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    json_decref(all);
    return failed > 0 || count == 0;
}
