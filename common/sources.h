/*
 * Where a pipe's pictures come from: files, directories, standard input, tensor streams and
 * public shards, told apart by content and read one sample at a time.
 *
 * Keys are made as tensorstream(5) says. A second file with the same key keeps its extension
 * (cat%2Epng); from the third on a comma and the picture's number in the run come behind that.
 */
#ifndef SACCADE_SOURCES_H
#define SACCADE_SOURCES_H

#include "common/walk.h"
#include "formats/stream.h"

struct sources_wishes {
    struct walk_wishes walk;
    bool prefix_shard; /* a shard's file name, without its ending, goes before its keys */
};

struct sources;

int sources_open(
    struct sources **sources, const struct sources_wishes *wishes, struct error *error);
void sources_close(struct sources *sources);

/*
 * The chain of programs where what comes first is a stream, else NULL; borrowed. Opens the
 * first file; to be called before the first sources_next. The heads of later streams come as
 * __stream__/pg.
 */
int sources_programs(struct sources *sources, const json_t **programs, struct error *error);

/*
 * The next sample: as stream_read, or a picture with its bytes untouched, in a member named by
 * the file's extension where that is a picture's, else by content. Raw PNM pictures (P4, P5,
 * P6) back to back are a sample each, 00000000 and on, below the file's key where there is one;
 * a single one is a picture like others. A file named *.tar that holds no picture is a shard.
 *
 * BAD_SAMPLE: the sample has a key and no members: a file that can't be opened or read, holds
 * no picture or more than a GiB; the next can be asked for. BAD_INPUT: as stream_read, or
 * standard input holds something else, or a key of a shard returns. BAD_SYSTEM.
 */
int sources_next(struct sources *sources, struct sample *sample, struct error *error);

/* The path of the last picture; NULL for a sample of a shard or from standard input. */
const char *sources_path(const struct sources *sources);

/* The file that the last sample's members can be read from again, each at its place; NULL
 * where it came through a pipe. */
const char *sources_file(const struct sources *sources);

/* What was passed over in directories, and in public shards (names without suffix). */
const struct walk_skipped *sources_skipped_files(const struct sources *sources);
const struct walk_skipped *sources_skipped_members(const struct sources *sources);

#endif
