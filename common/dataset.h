/*
 * Labelled pictures to train and validate on, known by number: decoded once and kept as bytes
 * where they fit, else decoded again whenever they are wanted, to the same pixels.
 *
 * What a path holds is told by its content:
 *
 *   shards         WebDataset tars or tensor streams, or "-": a picture and cls a sample
 *   a directory    with data_batch_*.bin, test_batch.bin (CIFAR-10), train.bin, test.bin
 *                  (CIFAR-100), *-images-idx3-ubyte[.gz] and *-labels-idx1-ubyte[.gz] (IDX),
 *                  images/ and annotations/ (Oxford-IIIT Pet), tars, or else one directory of
 *                  pictures a class
 *   a *.bin file   CIFAR records
 *   pictures       with a table of labels
 *
 * PATH:train, PATH:test and PATH:val take that part of a directory that holds several: train
 * are data_batch_*, train-*, trainval.txt, tars with train in their names, a directory train;
 * test are test_batch, t10k-* and so on. Without a part, several are refused.
 */
#ifndef SACCADE_DATASET_H
#define SACCADE_DATASET_H

#include "common/resample.h"
#include "common/threads.h"

#include <stdbool.h>

struct dataset;

struct dataset_wishes {
    struct threads *threads; /* for decoding */
    size_t memory;           /* bytes for what is kept */
    const char *max_bad;     /* N or N%, as stages take it; NULL: any number, but not all */
    /* What larger shorter sides are reduced to, as by a view that crops: with its resize side
     * and filter, that view is the same to the bit. 0: pictures stay as they are. */
    uint32_t side;
    enum resample_filter filter;
    uint64_t max_pixels;
    /* The classes to number by, of a model or of the training set; 0: the set's own. Names may
     * be NULL, each or all of them. */
    size_t classes;
    const char *const *class_names;
    bool every_class;   /* a class without pictures is an error */
    const char *labels; /* a table as labels_read takes it; NULL: none */
    /* Called, in order, with what is skipped: a picture that can't be used, and why. */
    void (*bad)(void *argument, const char *name, const char *why);
    void *argument;
};

/*
 * BAD_USAGE: a path that isn't a data set, is ambiguous, or whose classes aren't those wished
 * for; BAD_INPUT: one that is cut or broken, labels out of range, more bad pictures than
 * max_bad, none at all; BAD_SYSTEM. To be closed whatever is returned.
 */
int dataset_open(struct dataset **dataset, const char *const *paths, size_t count,
    const struct dataset_wishes *wishes, struct error *error);
void dataset_close(struct dataset *dataset);

size_t dataset_count(const struct dataset *dataset);
size_t dataset_bad(const struct dataset *dataset);
/* Files in directories that were passed over, as no picture by their names; *first: the first
 * of them, borrowed. */
size_t dataset_skipped(const struct dataset *dataset, const char **first);
size_t dataset_classes(const struct dataset *dataset);
/* Never NULL: a class without a name is called by its number. */
const char *dataset_class_name(const struct dataset *dataset, size_t class_index);
size_t dataset_label(const struct dataset *dataset, size_t i);

/* A CRC-32 over all pictures' bytes, as they lie in their files, and labels, in order. */
uint32_t dataset_crc(const struct dataset *dataset);

/* Bytes that the set keeps, all in all. */
size_t dataset_bytes(const struct dataset *dataset);
/* How many pictures are decoded anew whenever they are wanted. */
size_t dataset_unkept(const struct dataset *dataset);

/*
 * Picture i, at most reduced: borrowed from the set or made in scratch, which the caller frees
 * in the end with picture_free and no two threads share. BAD_INPUT: the file has changed.
 */
int dataset_picture(const struct dataset *dataset, size_t i, struct picture *scratch,
    struct picture *picture, struct error *error);

#endif
