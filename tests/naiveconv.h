/* What a ResNet is made of, written as its definitions read, in double. Results are the
 * caller's to free. */
#ifndef SACCADE_TESTS_NAIVECONV_H
#define SACCADE_TESTS_NAIVECONV_H

#include "common/resnet.h"
#include "tests/numbers.h"

/* f64 [batch, height, width, channels] */
struct naive {
    size_t batch, height, width, channels;
    double *data;
};

static inline struct naive naive_make(
    size_t batch, size_t height, size_t width, size_t channels)
{
    struct naive made = { batch, height, width, channels, NULL };
    made.data = calloc(batch * height * width * channels + 1, sizeof *made.data);
    ck_assert_ptr_nonnull(made.data);
    return made;
}

static inline size_t naive_count(const struct naive *x)
{
    return x->batch * x->height * x->width * x->channels;
}

static inline struct naive naive_from(
    const float *data, size_t batch, size_t height, size_t width, size_t channels)
{
    struct naive made = naive_make(batch, height, width, channels);
    for (size_t i = 0; i < naive_count(&made); i++)
        made.data[i] = (double)data[i];
    return made;
}

/* A pixel's channels, or NULL beyond the edge. */
static inline double *naive_at(const struct naive *x, size_t b, long row, long column)
{
    if (row < 0 || column < 0 || row >= (long)x->height || column >= (long)x->width)
        return NULL;
    return x->data + ((b * x->height + (size_t)row) * x->width + (size_t)column) * x->channels;
}

static inline double naive_weight(
    const struct conv *conv, size_t o, size_t ky, size_t kx, size_t i)
{
    const size_t in = conv->in / conv->groups, out = conv->out / conv->groups;
    const size_t row = ((o / out * conv->kernel + ky) * conv->kernel + kx) * in + i;
    return (double)conv->weight[row * out + o % out];
}

/* Calls each(x pixel or NULL, y pixel, ky, kx) for all that meet. */
#define NAIVE_MEETINGS(conv, x, y)                                                             \
    for (size_t b = 0; b < (y).batch; b++)                                                     \
        for (size_t oy = 0; oy < (y).height; oy++)                                             \
            for (size_t ox = 0; ox < (y).width; ox++)                                          \
                for (size_t ky = 0; ky < (conv)->kernel; ky++)                                 \
                    for (size_t kx = 0; kx < (conv)->kernel; kx++)                             \
                        for (double *to = naive_at(&(y), b, (long)oy, (long)ox),               \
                                    *from = naive_at(&(x), b,                                  \
                                        (long)(oy * (conv)->stride + ky) - (long)(conv)->pad,  \
                                        (long)(ox * (conv)->stride + kx) - (long)(conv)->pad); \
                             from; from = NULL)                                                \
                            for (size_t o = 0; o < (conv)->out; o++)                           \
                                for (size_t i = 0; i < (conv)->in / (conv)->groups; i++)

/* The channel of x that is o's group's input i. */
static inline size_t naive_channel(const struct conv *conv, size_t o, size_t i)
{
    return o / (conv->out / conv->groups) * (conv->in / conv->groups) + i;
}

static inline struct naive naive_conv(const struct conv *conv, const struct naive *x)
{
    struct naive y =
        naive_make(x->batch, (x->height + 2 * conv->pad - conv->kernel) / conv->stride + 1,
            (x->width + 2 * conv->pad - conv->kernel) / conv->stride + 1, conv->out);
    for (size_t i = 0; i < naive_count(&y); i++)
        y.data[i] = (double)conv->bias[i % conv->out];
    NAIVE_MEETINGS(conv, *x, y)
    to[o] += naive_weight(conv, o, ky, kx, i) * from[naive_channel(conv, o, i)];
    return y;
}

/* dx [height, width] of dy. */
static inline struct naive naive_conv_gradient(
    const struct conv *conv, const struct naive *dy, size_t height, size_t width)
{
    struct naive dx = naive_make(dy->batch, height, width, conv->in);
    NAIVE_MEETINGS(conv, dx, *dy)
    from[naive_channel(conv, o, i)] += naive_weight(conv, o, ky, kx, i) * to[o];
    return dx;
}

/* The gradient of the weights, in their layout; the caller's to free. */
static inline double *naive_weight_gradient(
    const struct conv *conv, const struct naive *x, const struct naive *dy)
{
    const size_t in = conv->in / conv->groups, out = conv->out / conv->groups;
    double *dw = calloc(conv->kernel * conv->kernel * in * conv->out + 1, sizeof *dw);
    ck_assert_ptr_nonnull(dw);
    NAIVE_MEETINGS(conv, *x, *dy)
    dw[(((o / out * conv->kernel + ky) * conv->kernel + kx) * in + i) * out + o % out] +=
        from[naive_channel(conv, o, i)] * to[o];
    return dw;
}

static inline void naive_relu(struct naive *x)
{
    for (size_t i = 0; i < naive_count(x); i++)
        x->data[i] = x->data[i] < 0 ? 0 : x->data[i];
}

/* kernel x kernel windows, what lies beyond the edge left out: maxima, or means. */
static inline struct naive naive_pool(
    const struct naive *x, size_t kernel, size_t stride, size_t pad, bool mean)
{
    struct naive y = naive_make(
        x->batch, (x->height - 1) / stride + 1, (x->width - 1) / stride + 1, x->channels);
    double *to = y.data;
    for (size_t b = 0; b < y.batch; b++)
        for (size_t oy = 0; oy < y.height; oy++)
            for (size_t ox = 0; ox < y.width; ox++)
                for (size_t c = 0; c < y.channels; c++, to++) {
                    double sum = 0, most = -(double)INFINITY, count = 0;
                    for (size_t k = 0; k < kernel * kernel; k++) {
                        const double *from =
                            naive_at(x, b, (long)(oy * stride + k / kernel) - (long)pad,
                                (long)(ox * stride + k % kernel) - (long)pad);
                        if (!from)
                            continue;
                        sum += from[c];
                        count++;
                        most = from[c] > most || isnan(from[c]) ? from[c] : most;
                    }
                    *to = mean ? sum / count : most;
                }
    return y;
}

static inline void naive_replace(struct naive *x, struct naive with)
{
    free(x->data);
    *x = with;
}

static inline void naive_add_shortcut(
    const struct resnet_block *block, const struct naive *x, struct naive *y)
{
    struct naive beside = naive_make(1, 1, 1, 1);
    if (block->shortcut == SHORTCUT_IDENTITY || block->shortcut == SHORTCUT_PAD) {
        naive_replace(&beside, naive_make(y->batch, y->height, y->width, y->channels));
        const size_t before = (y->channels - x->channels) / 2;
        for (size_t b = 0; b < y->batch; b++)
            for (size_t p = 0; p < y->height * y->width; p++)
                for (size_t c = 0; c < x->channels; c++) {
                    const long row = (long)(p / y->width * block->stride);
                    const long column = (long)(p % y->width * block->stride);
                    beside.data[(b * y->height * y->width + p) * y->channels + before + c] =
                        naive_at(x, b, row, column)[c];
                }
    } else if (block->shortcut == SHORTCUT_POOL && block->stride > 1) {
        struct naive pooled = naive_pool(x, 2, block->stride, 0, true);
        naive_replace(&beside, naive_conv(&block->projection, &pooled));
        free(pooled.data);
    } else {
        naive_replace(&beside, naive_conv(&block->projection, x));
    }
    ck_assert_uint_eq(naive_count(&beside), naive_count(y));
    for (size_t i = 0; i < naive_count(y); i++)
        y->data[i] += beside.data[i];
    free(beside.data);
}

/* x, what a block reads, becomes what it gives. */
static inline void naive_block(const struct resnet_block *block, struct naive *x)
{
    struct naive y = naive_pool(x, 1, 1, 0, false); /* a copy */
    for (size_t i = 0; i < block->count; i++) {
        naive_replace(&y, naive_conv(&block->convs[i], &y));
        if (i + 1 < block->count)
            naive_relu(&y);
    }
    naive_add_shortcut(block, x, &y);
    naive_relu(&y);
    naive_replace(x, y);
}

#endif
