/*
 * Whether the head of a base tells the classes of a data set apart, by their names.
 */
#ifndef SACCADE_HEAD_NAMES_H
#define SACCADE_HEAD_NAMES_H

#include "common/trainer.h"

#include <jansson.h>

struct head_match {
    enum {
        HEAD_OTHER_COUNT, /* another number of classes, or no base */
        HEAD_NAMELESS,    /* the base's have no names */
        HEAD_UNSAID,      /* the data's have none: names are the base's */
        HEAD_SAME,
        HEAD_MOVED, /* the same names in another order */
        HEAD_OTHER  /* stranger is none of the base's */
    } kind;
    const char *stranger; /* borrowed */
    size_t *from;         /* HEAD_MOVED: the base's number of each class; owned */
};

/* names, [count], against the base's, an array as model_classes makes it, or NULL; named: they
 * are of the data or of the user. A name that is the class's own number is none. match->from is
 * the caller's to free. BAD_SYSTEM. */
int head_match(struct head_match *match, const char *const *names, size_t count, bool named,
    const json_t *base, struct error *error);

/* Brings the rows of an open trainer's head into the order of match, where that is another. */
int head_reorder(const struct head_match *match, struct trainer *trainer, struct error *error);

/* What is to be said of it, into text; false: nothing. */
bool head_said(const struct head_match *match, const struct trainer *trainer, char text[256]);

#endif
