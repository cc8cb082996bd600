/*
 * The backward pass of every family against the library that it comes from: tests/data/vit/CASE
 * holds one logit's gradients by the attention and by norm1's output of every block, computed
 * in float64 (tests/oracle/vit.py). Then with one thing wrong behind a right forward pass,
 * which must show.
 */
#include "common/gemm.h"
#include "tests/families.h"

static char cases[MAX_CASES][64];
static int case_count;

enum { MAX_ROWS = 16 }; /* layers * pictures */

/* A case's model and one of its inputs, and room for what is asked of a pass. */
struct trial {
    const char *name;
    json_t *about;
    struct vit vit;
    struct array input;
    size_t batch, attention_size, act_size; /* sizes of one picture and layer */
    struct threads *threads;
    struct vit_pass *pass;
    float *seed; /* [B, C] */
    float **logits, **attention, **act, **attention_gradient, **act_gradient;
};

static size_t layers_of(const struct trial *trial)
{
    return trial->vit.config.layers;
}

static const char *kind(const struct trial *trial, const char *first, const char *second)
{
    return trial->batch == 1 ? second : first;
}

static void make_room(struct trial *trial)
{
    const struct vit_config *config = &trial->vit.config;
    const size_t *shape = trial->input.npy.shape, count = config->layers * shape[0];
    const size_t patches = shape[2] / config->patch_rows * (shape[3] / config->patch_columns);
    const size_t tokens = config->prefix + patches;
    trial->batch = shape[0];
    trial->attention_size = config->heads * tokens * tokens;
    trial->act_size = config->dim * patches;
    trial->seed = calloc(trial->batch * trial->vit.model.classes, sizeof *trial->seed);
    trial->logits = make_rows(trial->batch, trial->vit.model.classes);
    trial->attention = make_rows(count, trial->attention_size);
    trial->attention_gradient = make_rows(count, trial->attention_size);
    trial->act = make_rows(count, trial->act_size);
    trial->act_gradient = make_rows(count, trial->act_size);
}

/* second: the input of another size. False: no such input, or no logits of ours. */
static bool begin(struct trial *trial, const char *name, bool second)
{
    *trial = (struct trial){ .name = name, .about = load_case(ROOT, name) };
    open_case(&trial->vit, name, trial->about);
    if (trial->vit.config.readout == READ_NONE
        || !load(&trial->input, ROOT, name, second ? "input2.npy" : "input.npy")) {
        vit_close(&trial->vit);
        json_decref(trial->about);
        return false;
    }
    make_room(trial);
    const json_t *target = json_object_get(trial->about, "target");
    ck_assert_uint_eq(json_array_size(target), 2);
    for (size_t b = 0; b < trial->batch; b++) {
        const size_t class = (size_t)json_integer_value(json_array_get(target, b));
        ck_assert_uint_lt(class, trial->vit.model.classes);
        trial->seed[b * trial->vit.model.classes + class] = 1;
    }
    return true;
}

/* Buffers anew, for gradients down to the layer lowest. */
static void prepare(struct trial *trial, size_t thread_count, size_t lowest, const bool *keep)
{
    struct error error = { "" };
    const size_t *shape = trial->input.npy.shape;
    const struct vit_plan plan = { .batch = trial->batch,
        .height = shape[2],
        .width = shape[3],
        .lowest = lowest,
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
    const size_t count = layers_of(trial) * trial->batch;
    vit_pass_free(trial->pass);
    threads_free(trial->threads);
    free_rows(trial->logits, trial->batch);
    free_rows(trial->attention, count);
    free_rows(trial->attention_gradient, count);
    free_rows(trial->act, count);
    free_rows(trial->act_gradient, count);
    free(trial->seed);
    unload(&trial->input);
    vit_close(&trial->vit);
    json_decref(trial->about);
}

static void pass_forward(struct trial *trial, const struct vit_outputs *outputs)
{
    const float *inputs[MAX_BATCH];
    for (size_t b = 0; b < trial->batch; b++)
        inputs[b] = trial->input.data + b * (trial->input.npy.count / trial->batch);
    vit_forward(&trial->vit, trial->pass, inputs, trial->batch, outputs);
}

static void forward(struct trial *trial)
{
    const struct vit_outputs outputs = {
        .attention = trial->attention, .logits = trial->logits, .act = trial->act
    };
    pass_forward(trial, &outputs);
}

/* Which gradients a backward pass is to give: those of layers from .. to - 1. */
struct asked {
    size_t from, to;
    bool attention, act;
};

static bool is_asked(const struct trial *trial, const struct asked *asked, size_t row)
{
    return row >= asked->from * trial->batch && row < asked->to * trial->batch;
}

/* Where gradients go isn't 0 before. */
static float *spoilt(float *values, size_t count)
{
    return memset(values, 0xff, count * sizeof *values);
}

static void backward(struct trial *trial, const struct vit *vit, const struct asked *asked)
{
    float *attention[MAX_ROWS] = { NULL }, *act[MAX_ROWS] = { NULL };
    const struct vit_gradients gradients = { .attention = attention, .act = act };
    ck_assert_uint_le(layers_of(trial) * trial->batch, MAX_ROWS);
    for (size_t row = 0; row < layers_of(trial) * trial->batch; row++) {
        if (asked->attention && is_asked(trial, asked, row))
            attention[row] = spoilt(trial->attention_gradient[row], trial->attention_size);
        if (asked->act && is_asked(trial, asked, row))
            act[row] = spoilt(trial->act_gradient[row], trial->act_size);
    }
    vit_backward(vit, trial->pass, trial->batch, trial->seed, &gradients);
}

/* All gradients, on one thread. */
static void run(struct trial *trial)
{
    const struct asked all = { 0, layers_of(trial), true, true };
    prepare(trial, 1, 0, NULL);
    forward(trial);
    backward(trial, &trial->vit, &all);
}

/* The largest difference of gradients from the library's, over the largest of that layer. */
static void measure(struct trial *trial, double *attention, double *act)
{
    *attention = *act = 0;
    compare(trial->name, kind(trial, "attngrad", "attngrad2"), layers_of(trial), trial->batch,
        trial->attention_gradient, true, attention);
    compare(trial->name, kind(trial, "actgrad", "actgrad2"), layers_of(trial), trial->batch,
        trial->act_gradient, true, act);
}

START_TEST(same_gradients)
{
    for (int second = 0; second < 2; second++) {
        struct trial trial;
        double act = 0, attention_gradient, act_gradient;
        if (!begin(&trial, cases[_i], second))
            continue;
        run(&trial);
        compare(trial.name, kind(&trial, "act", "act2"), layers_of(&trial), trial.batch,
            trial.act, true, &act);
        measure(&trial, &attention_gradient, &act_gradient);
        ck_assert_msg(act < 1e-4 && attention_gradient < 1e-4 && act_gradient < 1e-4,
            "%s%s: act %.2e, gradients by attention %.2e, by act %.2e", trial.name,
            second ? " (resized)" : "", act, attention_gradient, act_gradient);
        finish(&trial);
    }
}
END_TEST

static void clear(float *const *rows, size_t count, size_t size)
{
    for (size_t row = 0; row < count; row++)
        memset(rows[row], 0, size * sizeof **rows);
}

/* What was asked for is as in the whole, and nothing else was written. */
static void expect_part(
    const struct trial *whole, const struct trial *part, const struct asked *asked)
{
    static const float zeros[1 << 14];
    const size_t attention = whole->attention_size, act = whole->act_size;
    ck_assert(attention <= 1 << 14 && act <= 1 << 14);
    for (size_t row = 0; row < layers_of(whole) * whole->batch; row++) {
        const bool in = is_asked(whole, asked, row);
        ck_assert_mem_eq(part->attention_gradient[row],
            in && asked->attention ? whole->attention_gradient[row] : zeros,
            attention * sizeof(float));
        ck_assert_mem_eq(part->act_gradient[row],
            in && asked->act ? whole->act_gradient[row] : zeros, act * sizeof(float));
    }
}

/* Twice over the same buffers: what the first time left there must not matter. */
static void try_part(const struct trial *whole, struct trial *part, const struct asked *asked)
{
    const size_t rows = layers_of(part) * part->batch;
    for (int time = 0; time < 2; time++) {
        clear(part->attention_gradient, rows, part->attention_size);
        clear(part->act_gradient, rows, part->act_size);
        forward(part);
        backward(part, &part->vit, asked);
        expect_part(whole, part, asked);
    }
}

/* Whatever the threads, however deep the pass was planned, whatever else is asked for. */
START_TEST(same_bytes)
{
    struct trial whole, part;
    if (!begin(&whole, cases[_i], false))
        return;
    ck_assert(begin(&part, cases[_i], false));
    const size_t layers = layers_of(&whole);
    run(&whole);
    for (size_t thread_count = 1; thread_count <= 2; thread_count++)
        for (size_t lowest = 0; lowest < layers; lowest++) {
            const struct asked parts[] = { { lowest, layers, true, true },
                { lowest, layers, true, false }, { lowest, layers, false, true },
                { layers - 1, layers, true, true }, { lowest, lowest + 1, true, true } };
            prepare(&part, thread_count, lowest, NULL);
            for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
                try_part(&whole, &part, &parts[i]);
        }
    finish(&whole);
    finish(&part);
}
END_TEST

/* What is sent is the same where no gradients are planned. */
START_TEST(forward_alone)
{
    struct trial whole, part;
    if (!begin(&whole, cases[_i], false))
        return;
    ck_assert(begin(&part, cases[_i], false));
    run(&whole);
    prepare(&part, 2, VIT_NO_GRADIENT, NULL);
    forward(&part);
    for (size_t row = 0; row < layers_of(&whole) * whole.batch; row++) {
        ck_assert_mem_eq(
            part.attention[row], whole.attention[row], whole.attention_size * sizeof(float));
        ck_assert_mem_eq(part.act[row], whole.act[row], whole.act_size * sizeof(float));
    }
    for (size_t b = 0; b < whole.batch; b++)
        ck_assert_mem_eq(
            part.logits[b], whole.logits[b], whole.vit.model.classes * sizeof(float));
    finish(&whole);
    finish(&part);
}
END_TEST

/* Nobody need take the attention of layers that the pass keeps: none's, or every second one's.
 */
START_TEST(kept_attention)
{
    struct trial whole, part;
    if (!begin(&whole, cases[_i], false))
        return;
    ck_assert(begin(&part, cases[_i], false));
    const struct asked all = { 0, layers_of(&whole), true, true };
    run(&whole);
    for (size_t step = 1; step <= 2; step++) {
        bool keep[MAX_ROWS] = { false };
        float *taken[MAX_ROWS];
        memcpy(taken, part.attention, layers_of(&part) * part.batch * sizeof *taken);
        for (size_t layer = 0; layer < layers_of(&part); layer += step) {
            keep[layer] = true;
            for (size_t b = 0; b < part.batch; b++)
                taken[layer * part.batch + b] = NULL;
        }
        prepare(&part, 1, 0, keep);
        pass_forward(&part, &(struct vit_outputs){ .attention = taken });
        backward(&part, &part.vit, &all);
        expect_part(&whole, &part, &all);
    }
    finish(&whole);
    finish(&part);
}
END_TEST

static double furthest(float *const *a, float *const *b, size_t rows, size_t size)
{
    double most = 0;
    for (size_t row = 0; row < rows; row++)
        most = fmax(most, difference(a[row], b[row], size, true));
    return most;
}

/* The second picture alone, in buffers for two. */
START_TEST(fewer_pictures)
{
    struct trial whole;
    if (!begin(&whole, cases[_i], false))
        return;
    ck_assert_uint_eq(whole.batch, 2);
    run(&whole);
    const size_t layers = layers_of(&whole);
    const float *input = whole.input.data + whole.input.npy.count / 2;
    float **probabilities = make_rows(layers, whole.attention_size);
    float **attention = make_rows(layers, whole.attention_size);
    float **act = make_rows(layers, whole.act_size);
    vit_forward(
        &whole.vit, whole.pass, &input, 1, &(struct vit_outputs){ .attention = probabilities });
    vit_backward(&whole.vit, whole.pass, 1, whole.seed + whole.vit.model.classes,
        &(struct vit_gradients){ .attention = attention, .act = act });
    for (size_t layer = 0; layer < layers; layer++) {
        const size_t row = layer * 2 + 1;
        const double a = furthest(
            attention + layer, whole.attention_gradient + row, 1, whole.attention_size);
        const double b = furthest(act + layer, whole.act_gradient + row, 1, whole.act_size);
        ck_assert_msg(a < 1e-5 && b < 1e-5, "%s layer %zu: %.2e %.2e", whole.name, layer, a, b);
    }
    free_rows(probabilities, layers);
    free_rows(attention, layers);
    free_rows(act, layers);
    finish(&whole);
}
END_TEST

static void add_rows(
    float *const *sum, float factor, float *const *rows, size_t count, size_t size)
{
    for (size_t row = 0; row < count; row++)
        for (size_t i = 0; i < size; i++)
            sum[row][i] += factor * rows[row][i];
}

/* Any gradient of the logits, not one of them only: 3 of the target, -2 of the class behind. */
START_TEST(all_logits)
{
    struct trial trial;
    if (!begin(&trial, cases[_i], false))
        return;
    const size_t rows = layers_of(&trial) * trial.batch, classes = trial.vit.model.classes;
    float **attention = make_rows(rows, trial.attention_size);
    float **act = make_rows(rows, trial.act_size);
    float *seed = calloc(trial.batch * classes, sizeof *seed);
    for (int time = 0; time < 2; time++) {
        const float factor = time == 0 ? 3 : -2;
        run(&trial);
        add_rows(attention, factor, trial.attention_gradient, rows, trial.attention_size);
        add_rows(act, factor, trial.act_gradient, rows, trial.act_size);
        add_rows(&seed, factor, &trial.seed, 1, trial.batch * classes);
        for (size_t b = 0; b < trial.batch; b++) { /* the next class's turn */
            float *of = trial.seed + b * classes, last = of[classes - 1];
            memmove(of + 1, of, (classes - 1) * sizeof *of);
            of[0] = last;
        }
    }
    memcpy(trial.seed, seed, trial.batch * classes * sizeof *seed);
    run(&trial);
    const double a = furthest(trial.attention_gradient, attention, rows, trial.attention_size);
    const double b = furthest(trial.act_gradient, act, rows, trial.act_size);
    ck_assert_msg(a < 1e-4 && b < 1e-4, "%s: %.2e %.2e", trial.name, a, b);
    free_rows(attention, rows);
    free_rows(act, rows);
    free(seed);
    finish(&trial);
}
END_TEST

START_TEST(mutations_show)
{
    static const char *const mutations[] = { "act", "eps", "attn_scale", "qkv_order",
        "layerscale", "qk_norm", "pooling", "scale2", "final_norm", "fc_norm" };
    struct trial trial;
    if (!begin(&trial, cases[_i], false))
        return;
    const struct asked all = { 0, layers_of(&trial), true, true };
    run(&trial);
    for (size_t m = 0; m < sizeof mutations / sizeof *mutations; m++) {
        struct vit wrong;
        double attention, act;
        open_case(&wrong, trial.name, trial.about);
        if (mutate_backward(&wrong, mutations[m], json_object_get(trial.about, "mutations"))) {
            backward(&trial, &wrong, &all);
            measure(&trial, &attention, &act);
            ck_assert_msg(attention > 1e-3 || act > 1e-3, "%s: %s goes unnoticed: %.2e %.2e",
                trial.name, mutations[m], attention, act);
        }
        vit_close(&wrong);
    }
    finish(&trial);
}
END_TEST

int main(void)
{
    gemm_start();
    case_count = list_cases(ROOT, cases, MAX_CASES);
    Suite *suite = suite_create("gradients");
    TCase *tests = tcase_create("gradients");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, same_gradients, 0, case_count);
    tcase_add_loop_test(tests, same_bytes, 0, case_count);
    tcase_add_loop_test(tests, forward_alone, 0, case_count);
    tcase_add_loop_test(tests, kept_attention, 0, case_count);
    tcase_add_loop_test(tests, fewer_pictures, 0, case_count);
    tcase_add_loop_test(tests, all_logits, 0, case_count);
    tcase_add_loop_test(tests, mutations_show, 0, case_count);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 || case_count == 0;
}
