#include "common/font.h"

#include "common/canvas.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* The pen, and lower case letters, in hundredths of a capital. */
enum { PEN = 12, SMALL = 72, BOX = 0xfffd, ELLIPSIS = 0x2026 };

/* Coverage of one glyph, the largest pen mark on every pixel, before it is mixed in. */
enum { TILE_WIDTH = 128, TILE_HEIGHT = 160 };
struct tile {
    float scale, pen;   /* pixels of a hundredth; half the pen's width */
    float small, tall;  /* heights of x and of X in whole pixels */
    float left, bottom; /* where in the tile the glyph's (0, 0) is */
    int64_t x;          /* of the tile's first column */
    int above;          /* rows of the tile above the line the letters stand on */
    int width, height;
    uint8_t coverage[TILE_HEIGHT][TILE_WIDTH];
};

static int clamp_cap(int cap)
{
    return cap < FONT_MIN_CAP ? FONT_MIN_CAP : cap > FONT_MAX_CAP ? FONT_MAX_CAP : cap;
}

/* Reads one character of [text, text + length), length > 0; returns the bytes it takes. */
static size_t next_code(const char *text, size_t length, uint32_t *code)
{
    const unsigned char *byte = (const unsigned char *)text;
    const size_t size = byte[0] < 0x80 ? 1 : byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
    *code = BOX;
    if (size == 1) {
        *code = byte[0] < ' ' || byte[0] == 0x7f ? ' ' : byte[0];
        return 1;
    }
    if (byte[0] < 0xc2 || byte[0] > 0xf4)
        return 1;
    uint32_t value = byte[0] & (0xffU >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if (i >= length || (byte[i] & 0xc0) != 0x80)
            return i;
        value = value << 6 | (byte[i] & 0x3f);
    }
    *code = value == 0xa0 ? ' ' : value;
    return size;
}

/* The glyph of a character, and the mark over it or NULL. */
static const struct glyph *find(uint32_t code, const struct glyph **mark)
{
    *mark = NULL;
    const struct glyph *glyph = font_glyph(code);
    if (glyph)
        return glyph;
    const struct accented *accented = font_accented(code);
    if (!accented)
        return font_glyph(BOX);
    *mark = font_mark(accented->mark);
    const bool below = accented->mark == ',' || accented->mark == ';';
    return font_glyph(accented->base == 'i' && !below ? 0x131 : (uint32_t)accented->base);
}

/* Heights are rounded so that feet, x and X end on whole pixels. */
static float hinted(const struct tile *tile, float y)
{
    if (y < 0)
        return y * tile->scale;
    if (y <= SMALL)
        return y * tile->small / SMALL;
    if (y <= 100)
        return tile->small + (y - SMALL) * (tile->tall - tile->small) / (100 - SMALL);
    return tile->tall + (y - 100) * tile->scale;
}

static void draw_segment(struct tile *tile, const float from[2], const float to[2])
{
    const float reach = tile->pen + 1;
    const int left = (int)fmaxf(0, floorf(fminf(from[0], to[0]) - reach));
    const int right = (int)fminf((float)tile->width, ceilf(fmaxf(from[0], to[0]) + reach));
    const int top = (int)fmaxf(0, floorf(fminf(from[1], to[1]) - reach));
    const int bottom = (int)fminf((float)tile->height, ceilf(fmaxf(from[1], to[1]) + reach));
    const float dx = to[0] - from[0], dy = to[1] - from[1];
    const float square = dx * dx + dy * dy;
    for (int y = top; y < bottom; y++)
        for (int x = left; x < right; x++) {
            const float px = (float)x + 0.5F - from[0], py = (float)y + 0.5F - from[1];
            float along = square > 0 ? (px * dx + py * dy) / square : 0;
            along = fminf(fmaxf(along, 0), 1);
            const float distance = hypotf(px - along * dx, py - along * dy);
            const float covered = fminf(fmaxf(tile->pen + 0.5F - distance, 0), 1);
            const uint8_t value = (uint8_t)(covered * 255 + 0.5F);
            if (value > tile->coverage[y][x])
                tile->coverage[y][x] = value;
        }
}

/* A quadratic curve in glyph units, as straight pieces of about a pixel. */
static void draw_curve(
    struct tile *tile, const float from[2], const float middle[2], const float to[2])
{
    const float size = fabsf(to[0] - from[0]) + fabsf(to[1] - from[1]);
    const int pieces = 3 + (int)(size * tile->scale / 3);
    float before[2] = { 0, 0 };
    for (int i = 0; i <= pieces; i++) {
        const float t = (float)i / (float)pieces, s = 1 - t;
        const float x = s * s * from[0] + 2 * s * t * middle[0] + t * t * to[0];
        const float y = s * s * from[1] + 2 * s * t * middle[1] + t * t * to[1];
        const float point[2] = { tile->left + x * tile->scale, tile->bottom - hinted(tile, y) };
        if (i > 0)
            draw_segment(tile, before, point);
        memcpy(before, point, sizeof before);
    }
}

static const char *read_number(const char *path, float *number)
{
    while (*path == ' ')
        path++;
    const bool negative = *path == '-';
    int value = 0;
    for (path += negative; *path >= '0' && *path <= '9'; path++)
        value = value * 10 + (*path - '0');
    *number = (float)(negative ? -value : value);
    return path;
}

/* x and y move the whole path, in glyph units. */
static void draw_path(struct tile *tile, const char *path, float x, float y)
{
    float from[2] = { 0, 0 }, middle[2] = { 0, 0 }, to[2] = { 0, 0 };
    while (*path) {
        const char what = *path++;
        if (what == 'Q') {
            path = read_number(read_number(path, &middle[0]), &middle[1]);
            middle[0] += x;
            middle[1] += y;
        }
        path = read_number(read_number(path, &to[0]), &to[1]);
        to[0] += x;
        to[1] += y;
        if (what == 'h' || what == 'v') {
            middle[0] = what == 'h' ? to[0] : from[0];
            middle[1] = what == 'h' ? from[1] : to[1];
        }
        if (what == 'L') {
            middle[0] = (from[0] + to[0]) / 2;
            middle[1] = (from[1] + to[1]) / 2;
        }
        if (what != 'M')
            draw_curve(tile, from, middle, to);
        memcpy(from, to, sizeof from);
    }
}

static void begin_tile(struct tile *tile, const struct glyph *glyph, float place, int cap)
{
    const float size = (float)cap;
    const int margin = 3 + cap / 8;
    tile->scale = size / 100;
    tile->pen = fmaxf(size * PEN / 200, 0.6F);
    tile->tall = roundf(size - 2 * tile->pen);
    tile->small = roundf(tile->tall * SMALL / 100);
    tile->x = (int64_t)floorf(place) - margin;
    tile->above = cap + cap / 2 + margin;
    tile->width = (int)((float)glyph->width * tile->scale) + 2 * margin + 2;
    tile->height = tile->above + cap / 2 + margin;
    tile->left = place - (float)tile->x;
    tile->bottom =
        (float)tile->above - tile->pen; /* the pen's lower edge is half a pen below */
    for (int row = 0; row < tile->height; row++)
        memset(tile->coverage[row], 0, (size_t)tile->width);
}

/* x is a fraction of a pixel to the right of origin: a float holds no long line. */
static void draw_glyph(struct picture *canvas, int64_t origin, float x, int64_t y,
    uint32_t code, int cap, uint32_t colour)
{
    const struct glyph *mark, *glyph = find(code, &mark);
    struct tile tile;
    begin_tile(&tile, glyph, x + (float)(glyph->left * cap) / 100, cap);
    draw_path(&tile, glyph->path, 0, 0);
    if (mark) {
        const bool below = mark->code == ',' || mark->code == ';';
        const bool capital = glyph->code >= 'A' && glyph->code <= 'Z';
        draw_path(&tile, mark->path, (float)glyph->width / 2,
            below     ? 0
            : capital ? 100
                      : SMALL);
    }
    for (int row = 0; row < tile.height; row++)
        for (int column = 0; column < tile.width; column++)
            if (tile.coverage[row][column])
                canvas_blend(canvas, origin + tile.x + column, y - tile.above + row, colour,
                    tile.coverage[row][column]);
}

/* The way on after a character, in hundredths of a capital. */
static int advance(uint32_t code)
{
    const struct glyph *mark, *glyph = find(code, &mark);
    return glyph->left + glyph->width + glyph->right;
}

static int64_t units(const char *text, size_t length)
{
    int64_t sum = 0;
    uint32_t code;
    for (size_t at = 0; at < length; sum += advance(code))
        at += next_code(text + at, length - at, &code);
    return sum;
}

static int pixels(int64_t hundredths, int cap)
{
    const int64_t width = (hundredths * clamp_cap(cap) + 99) / 100;
    return width > INT_MAX ? INT_MAX : (int)width;
}

int font_width(const char *text, size_t length, int cap)
{
    return pixels(units(text, length), cap);
}

int font_line_height(int cap)
{
    return clamp_cap(cap) * 175 / 100 + 1;
}

void font_draw(struct picture *canvas, int64_t x, int64_t y, const char *text, size_t length,
    int cap, uint32_t colour)
{
    int64_t pen = 0;
    cap = clamp_cap(cap);
    for (size_t at = 0; at < length;) {
        uint32_t code;
        at += next_code(text + at, length - at, &code);
        draw_glyph(
            canvas, x + pen * cap / 100, (float)(pen * cap % 100) / 100, y, code, cap, colour);
        pen += advance(code);
    }
}

/* The bytes of text that fit in width: all, up to a space, to behind punctuation, or as many
 * characters as go (one at least). */
static size_t fitting(const char *text, size_t length, int cap, int width)
{
    size_t space = 0, sign = 0, at = 0;
    int64_t sum = 0;
    while (at < length) {
        uint32_t code;
        const size_t step = next_code(text + at, length - at, &code);
        if (code == ' ' && at > 0)
            space = at;
        sum += advance(code);
        if (at > 0 && code != ' ' && pixels(sum, cap) > width)
            return space ? space : sign ? sign : at;
        at += step;
        if (code < 0x80 && strchr("_-/.,:;|", (int)code))
            sign = at;
    }
    return length;
}

/* Shortens the line until an ellipsis fits behind it. */
static void cut_line(struct font_line *line, int cap, int width)
{
    const int room = width - pixels(advance(ELLIPSIS), cap);
    size_t at = 0, kept = 0;
    int64_t sum = 0;
    while (at < line->length) {
        uint32_t code;
        at += next_code(line->text + at, line->length - at, &code);
        sum += advance(code);
        if (pixels(sum, cap) > room)
            break;
        kept = code == ' ' ? kept : at;
    }
    line->length = kept;
    line->cut = true;
}

size_t font_wrap(const char *text, int cap, int width, struct font_line *lines, size_t count)
{
    size_t made = 0;
    while (*text && made < count) {
        const size_t length = strcspn(text, "\n");
        const bool last = made + 1 == count;
        size_t taken = fitting(text, length, cap, width);
        if (last && (taken < length || text[length] == '\n')) {
            lines[made] = (struct font_line){ text, length, false };
            cut_line(&lines[made++], cap, width);
            break;
        }
        struct font_line *line = &lines[made++];
        *line = (struct font_line){ text, taken, false };
        while (line->length > 0 && text[line->length - 1] == ' ')
            line->length--;
        if (taken < length)
            while (text[taken] == ' ')
                taken++;
        text += taken;
        text += *text == '\n';
    }
    return made;
}

int font_line_width(const struct font_line *line, int cap)
{
    return pixels(units(line->text, line->length) + (line->cut ? advance(ELLIPSIS) : 0), cap);
}

void font_draw_line(struct picture *canvas, int64_t x, int64_t y, const struct font_line *line,
    int cap, uint32_t colour)
{
    font_draw(canvas, x, y, line->text, line->length, cap, colour);
    if (line->cut)
        font_draw(canvas, x + font_width(line->text, line->length, cap), y, "\xe2\x80\xa6", 3,
            cap, colour);
}
