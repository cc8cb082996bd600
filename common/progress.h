/* The lines on stderr that say how far a stage is. */
#ifndef SACCADE_PROGRESS_H
#define SACCADE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* How many samples are coming, where that is known: the line then has the time left. */
void progress_expect(uint64_t samples);

/* A line with count and rate, a few times a second, where stderr is a terminal or verbose. */
void progress_show(const char *name, uint64_t samples, bool verbose);

/* A line of one's own: over the last one on a terminal. */
void progress_text(const char *name, const char *text);

/* Takes the line away before another is printed. */
void progress_clear(void);

/* The closing line: "vitfwd: 9999 samples, 1 bad". */
void progress_close(const char *name, uint64_t samples, uint64_t bad);

#endif
