/*
 * A stream cut into files of so many samples each, every one a whole stream: it begins with the
 * head, and with the __stream__/model members and the last __stream__/pg that came before.
 */
#ifndef SACCADE_SHARDS_H
#define SACCADE_SHARDS_H

#include "formats/stream.h"

struct shards;

/* pattern: file names, with the number from 0 where it has its one %d (or %05d); borrowed. */
int shards_create(
    struct shards **shards, const char *pattern, uint64_t samples, struct error *error);

/* programs: the whole chain for the head, borrowed. */
int shards_write(struct shards *shards, const json_t *programs, const struct sample *sample,
    struct error *error);

/* Ends the last file; where nothing was written there is one of no samples. */
int shards_finish(struct shards *shards, const json_t *programs, struct error *error);

/* After a failure the file being written stays as .part. */
void shards_free(struct shards *shards);

#endif
