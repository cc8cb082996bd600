/*
 * A small sans serif stroke font of our own: every glyph is a few lines and curves, drawn
 * antialiased at any size by the distance to them.
 *
 * Texts are UTF-8, one line. ASCII, Latin-1, Latin Extended-A and some signs have glyphs;
 * anything else, and what is not UTF-8, is an empty box. Control characters are spaces.
 *
 * Sizes are given as the height of a capital in pixels, FONT_MIN_CAP to FONT_MAX_CAP (others
 * are taken as the nearer of the two). Accents rise to 1.4 of that above the line that the
 * letters stand on, descenders reach 0.3 below it.
 */
#ifndef SACCADE_FONT_H
#define SACCADE_FONT_H

#include "formats/picture.h"

enum { FONT_MIN_CAP = 6, FONT_MAX_CAP = 64 };

/* How far font_draw moves on: the width in pixels of the first length bytes. */
int font_width(const char *text, size_t length, int cap);

/* From one line of text to the next. */
int font_line_height(int cap);

/* Draws with the first glyph's left edge at x; the lower edge of the letters' feet is at y. */
void font_draw(struct picture *canvas, int64_t x, int64_t y, const char *text, size_t length,
    int cap, uint32_t colour);

/* A part of a text that is to be drawn on one line; cut: followed by an ellipsis. */
struct font_line {
    const char *text;
    size_t length;
    bool cut;
};

/*
 * Breaks text at newlines, and at spaces, else after punctuation, else anywhere, into at most
 * count lines that are no wider than width (but always one character); what is left over is
 * cut. Returns the number of lines, 0 for an empty text.
 */
size_t font_wrap(const char *text, int cap, int width, struct font_line *lines, size_t count);

void font_draw_line(struct picture *canvas, int64_t x, int64_t y, const struct font_line *line,
    int cap, uint32_t colour);

int font_line_width(const struct font_line *line, int cap);

/* The glyphs' drawings, for font.c; see font_glyphs.c. */
struct glyph {
    uint32_t code;
    int left, width, right; /* bearings and the width between, in hundredths of a capital */
    const char *path;
};

struct accented {
    uint16_t code;
    char base;
    char mark; /* a glyph of font_marks */
};

/* NULL where there is none. */
const struct glyph *font_glyph(uint32_t code);
const struct accented *font_accented(uint32_t code);
const struct glyph *font_mark(char mark);

#endif
