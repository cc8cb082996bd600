/*
 * Two streams of the same keys in the same order, read as one: a sample has the members of
 * both side by side. Memory stays flat: one sample of each is held.
 */
#ifndef SACCADE_JOIN_H
#define SACCADE_JOIN_H

#include "formats/stream.h"

struct join;

/*
 * path: the second stream's, which must outlive the join, as must the reader of the first,
 * called name in messages. prefix: put with a dot before the second stream's suffixes, or NULL.
 */
int join_open(struct join **join, struct stream_reader *first, const char *name,
    const char *path, const char *prefix, struct error *error);
void join_close(struct join *join);

/*
 * As stream_read. What lies under __stream__/ comes from both, the first stream's in front; the
 * second stream's head comes as __stream__/pg. A sample that is bad in the first stream comes
 * as it is there; one that is bad only in the second, with the first stream's members and that
 * __bad__. BAD_INPUT: the keys differ; BAD_USAGE: a suffix that both have, where there is no
 * prefix.
 */
int join_read(struct join *join, struct sample *sample, struct error *error);

#endif
