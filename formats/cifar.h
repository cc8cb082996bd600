/*
 * CIFAR's binary version: records of a label (CIFAR-10), or of a coarse one and a fine one
 * (CIFAR-100), and [3, 32, 32] bytes. There is no header: which of the two a file is follows
 * from its size and its labels.
 */
#ifndef SACCADE_CIFAR_H
#define SACCADE_CIFAR_H

#include "formats/error.h"

#include <stddef.h>
#include <stdint.h>

enum { CIFAR_SIDE = 32, CIFAR_PIXELS = 3 * CIFAR_SIDE * CIFAR_SIDE };

struct cifar;

/* path must outlive it. BAD_INPUT: no whole number of records of either; BAD_SYSTEM. */
int cifar_open(struct cifar **cifar, const char *path, struct error *error);
void cifar_close(struct cifar *cifar);

/* 10 or 100. */
unsigned cifar_classes(const struct cifar *cifar);

/* 1: a record, its (fine) label, and where in the file its pixels begin; 0: the end; BAD_INPUT:
 * a label out of range, or the file has become shorter; BAD_SYSTEM. */
int cifar_next(struct cifar *cifar, unsigned *label, uint8_t pixels[CIFAR_PIXELS], int64_t *at,
    struct error *error);

#endif
