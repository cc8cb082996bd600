/*
 * The drawings of the font.
 *
 * Units are hundredths of a capital's height, y upwards from the line the letters stand on;
 * lower case letters are 72 high, descenders reach -28. A path is drawn with a round pen:
 *   M x y          start
 *   L x y          a straight line
 *   h x y          a quarter of a round that leaves horizontally and arrives vertically
 *   v x y          one that leaves vertically and arrives horizontally
 *   Q cx cy x y    a quadratic curve
 */
#include "common/font.h"

/* Room beside an upright stem, a round and a slope. */
enum { STEM = 16, ROUND = 13, SLOPE = 7 };

#define BOWL "M26 72h52 36v26 0h0 36v26 72"

static const struct glyph ascii[] = {
    { ' ', 0, 34, 0, "" },
    { '!', STEM, 8, STEM, "M4 100L4 32M4 2L4 3" },
    { '"', STEM, 20, STEM, "M0 100L0 72M20 100L20 72" },
    { '#', SLOPE, 70, SLOPE, "M26 100L14 0M56 100L44 0M4 68L68 68M0 32L64 32" },
    { '$', ROUND, 56, ROUND,
        "M51 82Q45 100 28 100h3 76Q3 58 28 52Q56 46 56 26v28 0Q6 0 0 20M28 114L28 -14" },
    { '%', ROUND, 84, ROUND,
        "M17 100h34 79v17 58h0 79v17 100M67 42h84 21v67 0h50 21v67 42M68 100L16 0" },
    { '&', ROUND, 66, SLOPE,
        "M66 0L17 64Q9 74 9 83v27 100h45 83Q45 68 26 58Q0 44 0 25v26 0Q54 0 60 46" },
    { '\'', STEM, 0, STEM, "M0 100L0 72" },
    { '(', ROUND, 20, SLOPE, "M20 112Q0 84 0 45Q0 6 20 -20" },
    { ')', SLOPE, 20, ROUND, "M0 112Q20 84 20 45Q20 6 0 -20" },
    { '*', ROUND, 36, ROUND, "M18 102L18 62M1 92L35 72M1 72L35 92" },
    { '+', ROUND, 56, ROUND, "M28 72L28 16M0 44L56 44" },
    { ',', ROUND, 8, ROUND, "M6 3L1 -16" },
    { '-', ROUND, 32, ROUND, "M0 38L32 38" },
    { '.', ROUND, 4, ROUND, "M1 2L4 2L4 5L1 5" },
    { '/', SLOPE, 40, SLOPE, "M0 -10L40 106" },
    { '0', ROUND, 54, ROUND, "M27 100h54 50v27 0h0 50v27 100" },
    { '1', ROUND, 54, ROUND, "M6 82L30 100L30 0" },
    { '2', ROUND, 54, ROUND, "M3 78Q9 100 27 100h50 73Q50 57 36 42L2 0L53 0" },
    { '3', ROUND, 54, ROUND,
        "M4 84Q11 100 27 100h50 77v24 54L17 54M24 54h54 27v27 0Q6 0 1 18" },
    { '4', ROUND, 54, ROUND, "M41 0L41 100L0 29L55 29" },
    { '5', ROUND, 54, ROUND, "M48 100L8 100L5 55Q13 64 27 64h54 33v26 0Q6 0 1 17" },
    { '6', ROUND, 54, ROUND, "M47 92Q41 100 31 100h1 44L1 32v27 0h53 32v28 64h1 35" },
    { '7', ROUND, 54, ROUND, "M1 100L52 100L18 0" },
    { '8', ROUND, 54, ROUND, "M27 54h5 77v27 100h49 77v27 54h54 27v27 0h0 27v27 54" },
    { '9', ROUND, 54, ROUND, "M7 8Q13 0 23 0h53 56L53 68v27 100h1 68v26 36h53 65" },
    { ':', ROUND, 4, ROUND, "M1 2L4 2L4 5L1 5M1 57L4 57L4 60L1 60" },
    { ';', ROUND, 8, ROUND, "M5 60L5 61M6 3L1 -16" },
    { '<', ROUND, 52, ROUND, "M52 74L0 44L52 14" },
    { '=', ROUND, 56, ROUND, "M0 58L56 58M0 30L56 30" },
    { '>', ROUND, 52, ROUND, "M0 74L52 44L0 14" },
    { '?', ROUND, 46, ROUND, "M0 82Q6 100 23 100h46 77Q46 63 33 54Q22 46 22 30M22 2L22 3" },
    { '@', ROUND, 94, ROUND,
        "M74 -12Q62 -18 47 -18h0 40v47 98h94 42v80 14h66 28L66 62M66 39v47 62h29 38v47 15h66 "
        "39" },
    { 'A', SLOPE, 72, SLOPE, "M0 0L36 100L72 0M12 33L60 33" },
    { 'B', STEM, 57, ROUND, "M0 54L30 54h53 77v30 100L0 100L0 0L31 0h57 27v31 54" },
    { 'C', ROUND, 66, ROUND, "M66 76Q59 100 36 100h0 50v36 0Q59 0 66 24" },
    { 'D', STEM, 66, ROUND, "M0 0L0 100L28 100h66 50v28 0L0 0" },
    { 'E', STEM, 50, ROUND, "M50 100L0 100L0 0L50 0M0 53L44 53" },
    { 'F', STEM, 48, SLOPE, "M48 100L0 100L0 0M0 51L42 51" },
    { 'G', ROUND, 70, STEM, "M67 77Q59 100 37 100h0 50v37 0Q56 0 70 14L70 46L42 46" },
    { 'H', STEM, 64, STEM, "M0 0L0 100M64 0L64 100M0 53L64 53" },
    { 'I', STEM, 0, STEM, "M0 0L0 100" },
    { 'J', SLOPE, 40, STEM, "M40 100L40 30v19 0Q3 0 0 20" },
    { 'K', STEM, 60, SLOPE, "M0 0L0 100M58 100L0 38M21 60L60 0" },
    { 'L', STEM, 46, SLOPE, "M0 100L0 0L46 0" },
    { 'M', STEM, 80, STEM, "M0 0L0 100L40 28L80 100L80 0" },
    { 'N', STEM, 64, STEM, "M0 0L0 100L64 0L64 100" },
    { 'O', ROUND, 76, ROUND, "M38 100h76 50v38 0h0 50v38 100" },
    { 'P', STEM, 56, SLOPE, "M0 0L0 100L28 100h56 72v28 44L0 44" },
    { 'Q', ROUND, 76, ROUND, "M38 100h76 50v38 0h0 50v38 100M50 22L76 -10" },
    { 'R', STEM, 60, SLOPE, "M0 0L0 100L28 100h56 73v28 46L0 46M30 46L60 0" },
    { 'S', ROUND, 56, ROUND, "M51 81Q45 100 28 100h3 76Q3 58 28 52Q56 46 56 26v28 0Q6 0 0 20" },
    { 'T', SLOPE, 64, SLOPE, "M0 100L64 100M32 100L32 0" },
    { 'U', STEM, 62, STEM, "M0 100L0 36v31 0h62 36L62 100" },
    { 'V', SLOPE, 70, SLOPE, "M0 100L35 0L70 100" },
    { 'W', SLOPE, 104, SLOPE, "M0 100L26 0L52 90L78 0L104 100" },
    { 'X', SLOPE, 62, SLOPE, "M0 0L60 100M2 100L62 0" },
    { 'Y', SLOPE, 64, SLOPE, "M0 100L32 48L64 100M32 48L32 0" },
    { 'Z', ROUND, 58, ROUND, "M1 100L57 100L0 0L58 0" },
    { '[', STEM, 20, SLOPE, "M20 110L0 110L0 -18L20 -18" },
    { '\\', SLOPE, 40, SLOPE, "M0 106L40 -10" },
    { ']', SLOPE, 20, STEM, "M0 110L20 110L20 -18L0 -18" },
    { '^', ROUND, 44, ROUND, "M0 62L22 100L44 62" },
    { '_', 6, 52, 6, "M0 -14L52 -14" },
    { '`', ROUND, 14, ROUND, "M0 104L14 86" },
    { 'a', ROUND, 46, STEM, "M3 58Q8 72 24 72h46 49L46 0M46 42L22 42h0 21v20 0Q38 0 46 16" },
    { 'b', STEM, 52, ROUND, BOWL "M0 0L0 104" },
    { 'c', ROUND, 46, SLOPE, "M46 54Q41 72 26 72h0 36v26 0Q41 0 46 18" },
    { 'd', ROUND, 52, STEM, BOWL "M52 0L52 104" },
    { 'e', ROUND, 52, ROUND, "M0 38L52 38v26 72h0 36v27 0Q43 0 50 14" },
    { 'f', SLOPE, 34, 2, "M36 104L32 104h14 82L14 0M0 72L34 72" },
    { 'g', ROUND, 52, STEM, BOWL "M52 72L52 -6v27 -28Q9 -28 4 -18" },
    { 'h', STEM, 48, STEM, "M0 0L0 104M0 44v25 72h48 46L48 0" },
    { 'i', STEM, 0, STEM, "M0 0L0 72M0 97L0 98" },
    { 'j', 6, 14, STEM, "M14 72L14 -12v0 -28M14 97L14 98" },
    { 'k', STEM, 48, SLOPE, "M0 0L0 104M45 72L0 27M17 43L48 0" },
    { 'l', STEM, 13, SLOPE, "M0 104L0 16v14 0" },
    { 'm', STEM, 84, STEM, "M0 0L0 72M0 46v22 72h42 48L42 0M42 46v64 72h84 48L84 0" },
    { 'n', STEM, 48, STEM, "M0 0L0 72M0 44v25 72h48 46L48 0" },
    { 'o', ROUND, 52, ROUND, BOWL },
    { 'p', STEM, 52, ROUND, BOWL "M0 72L0 -28" },
    { 'q', ROUND, 52, STEM, BOWL "M52 72L52 -28" },
    { 'r', STEM, 30, SLOPE, "M0 0L0 72M0 42v30 71" },
    { 's', ROUND, 43, ROUND, "M40 58Q35 72 21 72h2 55Q2 42 21 37Q43 32 43 18v21 0Q5 0 0 14" },
    { 't', SLOPE, 32, SLOPE, "M13 94L13 18v29 0L32 0M0 72L32 72" },
    { 'u', STEM, 48, STEM, "M0 72L0 26v23 0h48 28M48 72L48 0" },
    { 'v', SLOPE, 50, SLOPE, "M0 72L25 0L50 72" },
    { 'w', SLOPE, 78, SLOPE, "M0 72L20 0L39 64L58 0L78 72" },
    { 'x', SLOPE, 47, SLOPE, "M0 0L46 72M1 72L47 0" },
    { 'y', SLOPE, 50, SLOPE, "M0 72L25 2M50 72L22 -12Q16 -28 2 -28" },
    { 'z', ROUND, 44, ROUND, "M1 72L43 72L0 0L44 0" },
    { '{', SLOPE, 26, SLOPE,
        "M26 110Q12 110 12 94L12 62Q12 45 0 45Q12 45 12 28L12 -4Q12 -18 26 -18" },
    { '|', STEM, 0, STEM, "M0 112L0 -20" },
    { '}', SLOPE, 26, SLOPE,
        "M0 110Q14 110 14 94L14 62Q14 45 26 45Q14 45 14 28L14 -4Q14 -18 0 -18" },
    { '~', ROUND, 56, ROUND, "M0 36Q4 54 16 54Q24 54 30 45Q36 36 42 36Q52 36 56 52" },
};

static const struct glyph signs[] = {
    { 0xa1, STEM, 8, STEM, "M4 -28L4 40M4 70L4 71" },
    { 0xab, SLOPE, 50, SLOPE, "M24 62L4 36L24 10M48 62L28 36L48 10" },
    { 0xb0, SLOPE, 32, SLOPE, "M16 102h32 86v16 70h0 86v16 102" },
    { 0xb1, ROUND, 56, ROUND, "M28 84L28 28M0 56L56 56M0 4L56 4" },
    { 0xb5, STEM, 48, STEM, "M0 72L0 -28M0 26v23 0h48 28M48 72L48 0" },
    { 0xb7, ROUND, 4, ROUND, "M0 40L4 40L4 44L0 44" },
    { 0xbb, SLOPE, 50, SLOPE, "M2 62L22 36L2 10M26 62L46 36L26 10" },
    { 0xbf, ROUND, 46, ROUND, "M46 -10Q40 -28 23 -28h0 -5Q0 9 13 18Q24 26 24 42M24 70L24 71" },
    { 0xc6, SLOPE, 96, ROUND, "M0 0L46 100L96 100M52 100L52 0L96 0M52 53L90 53M15 33L52 33" },
    { 0xd7, ROUND, 50, ROUND, "M1 69L49 21M1 21L49 69" },
    { 0xd8, ROUND, 76, ROUND, "M38 100h76 50v38 0h0 50v38 100M6 -6L70 106" },
    { 0xde, STEM, 56, SLOPE, "M0 0L0 100M0 80L28 80h56 52v28 24L0 24" },
    { 0xdf, STEM, 52, ROUND,
        "M0 0L0 78v23 104h46 82Q46 66 28 56M22 57L28 56Q54 50 54 28v28 0L18 0" },
    { 0xe6, ROUND, 88, ROUND,
        "M3 58Q8 72 22 72h40 52L40 20v64 0Q79 0 86 14M40 38L88 38v64 72h40 50M40 42L20 42h0 "
        "21v20 "
        "0h40 22" },
    { 0xf0, ROUND, 54, ROUND,
        "M26 66h53 34v26 0h0 33v26 66Q48 66 53 40L53 40Q53 78 20 104M16 80L48 98" },
    { 0xf7, ROUND, 56, ROUND, "M0 44L56 44M28 68L28 69M28 19L28 20" },
    { 0xf8, ROUND, 52, ROUND, BOWL "M2 -8L50 80" },
    { 0xfe, STEM, 52, ROUND, BOWL "M0 104L0 -28" },
    { 0xd0, 8, 72, ROUND, "M6 0L6 100L34 100h72 50v34 0L6 0M-4 52L32 52" },
    { 0x110, 8, 72, ROUND, "M6 0L6 100L34 100h72 50v34 0L6 0M-4 52L32 52" },
    { 0x111, ROUND, 58, 8, BOWL "M52 0L52 104M32 88L64 88" },
    { 0x131, STEM, 0, STEM, "M0 0L0 72" },
    { 0x141, STEM, 46, SLOPE, "M0 100L0 0L46 0M-10 38L26 62" },
    { 0x142, STEM, 13, SLOPE, "M0 104L0 16v14 0M-11 44L14 62" },
    { 0x152, ROUND, 100, ROUND, "M100 100L36 100h0 50v36 0L100 0M54 100L54 0M54 53L94 53" },
    { 0x153, ROUND, 92, ROUND, BOWL "M52 38L92 38v72 72h52 36v72 0Q84 0 90 14" },
    { 0x2013, ROUND, 56, ROUND, "M0 38L56 38" },
    { 0x2014, ROUND, 94, ROUND, "M0 38L94 38" },
    { 0x2018, STEM, 6, STEM, "M0 76Q0 92 6 102" },
    { 0x2019, STEM, 6, STEM, "M6 102Q6 86 0 76" },
    { 0x201c, STEM, 28, STEM, "M0 76Q0 92 6 102M22 76Q22 92 28 102" },
    { 0x201d, STEM, 28, STEM, "M6 102Q6 86 0 76M28 102Q28 86 22 76" },
    { 0x2022, ROUND, 16, ROUND, "M8 50h16 42v8 34h0 42v8 50M4 42L12 42" },
    { 0x2026, ROUND, 64, ROUND, "M1 2L4 2L4 5L1 5M31 2L34 2L34 5L31 5M61 2L64 2L64 5L61 5" },
    { 0x2192, ROUND, 76, ROUND, "M0 40L76 40M50 64L76 40L50 16" },
    { 0x2212, ROUND, 56, ROUND, "M0 44L56 44" },
    { 0x2264, ROUND, 52, ROUND, "M52 86L0 58L52 30M0 8L52 8" },
    { 0x2265, ROUND, 52, ROUND, "M0 86L52 58L0 30M0 8L52 8" },
    { 0xfffd, STEM, 50, STEM, "M0 0L0 100L50 100L50 0L0 0" },
};

/* Over the middle of their letter, which is at x = 0; y = 0 is its top, or for the cedilla and
 * the ogonek the line it stands on. */
static const struct glyph marks[] = {
    { '`', 0, 0, 0, "M-12 34L6 16" },
    { '\'', 0, 0, 0, "M12 34L-6 16" },
    { '^', 0, 0, 0, "M-17 15L0 34L17 15" },
    { 'v', 0, 0, 0, "M-17 34L0 15L17 34" },
    { '~', 0, 0, 0, "M-20 18Q-17 30 -9 30Q-4 30 0 25Q4 20 9 20Q17 20 20 32" },
    { ':', 0, 0, 0, "M-14 24L-14 25M14 24L14 25" },
    { 'o', 0, 0, 0, "M0 38h12 26v0 14h-12 26v0 38" },
    { '-', 0, 0, 0, "M-18 24L18 24" },
    { 'u', 0, 0, 0, "M-17 34v0 17h17 34" },
    { '.', 0, 0, 0, "M0 24L0 25" },
    { '"', 0, 0, 0, "M-2 34L-14 16M20 34L8 16" },
    { ',', 0, 0, 0, "M2 0L2 -8h12 -18v-2 -28L-10 -27" },
    { ';', 0, 0, 0, "M10 0Q-2 -10 -2 -18v8 -28L14 -26" },
};

static const struct accented letters[] = { { 0xc0, 'A', '`' }, { 0xc1, 'A', '\'' },
    { 0xc2, 'A', '^' }, { 0xc3, 'A', '~' }, { 0xc4, 'A', ':' }, { 0xc5, 'A', 'o' },
    { 0xc7, 'C', ',' }, { 0xc8, 'E', '`' }, { 0xc9, 'E', '\'' }, { 0xca, 'E', '^' },
    { 0xcb, 'E', ':' }, { 0xcc, 'I', '`' }, { 0xcd, 'I', '\'' }, { 0xce, 'I', '^' },
    { 0xcf, 'I', ':' }, { 0xd1, 'N', '~' }, { 0xd2, 'O', '`' }, { 0xd3, 'O', '\'' },
    { 0xd4, 'O', '^' }, { 0xd5, 'O', '~' }, { 0xd6, 'O', ':' }, { 0xd9, 'U', '`' },
    { 0xda, 'U', '\'' }, { 0xdb, 'U', '^' }, { 0xdc, 'U', ':' }, { 0xdd, 'Y', '\'' },
    { 0xe0, 'a', '`' }, { 0xe1, 'a', '\'' }, { 0xe2, 'a', '^' }, { 0xe3, 'a', '~' },
    { 0xe4, 'a', ':' }, { 0xe5, 'a', 'o' }, { 0xe7, 'c', ',' }, { 0xe8, 'e', '`' },
    { 0xe9, 'e', '\'' }, { 0xea, 'e', '^' }, { 0xeb, 'e', ':' }, { 0xec, 'i', '`' },
    { 0xed, 'i', '\'' }, { 0xee, 'i', '^' }, { 0xef, 'i', ':' }, { 0xf1, 'n', '~' },
    { 0xf2, 'o', '`' }, { 0xf3, 'o', '\'' }, { 0xf4, 'o', '^' }, { 0xf5, 'o', '~' },
    { 0xf6, 'o', ':' }, { 0xf9, 'u', '`' }, { 0xfa, 'u', '\'' }, { 0xfb, 'u', '^' },
    { 0xfc, 'u', ':' }, { 0xfd, 'y', '\'' }, { 0xff, 'y', ':' }, { 0x100, 'A', '-' },
    { 0x101, 'a', '-' }, { 0x102, 'A', 'u' }, { 0x103, 'a', 'u' }, { 0x104, 'A', ';' },
    { 0x105, 'a', ';' }, { 0x106, 'C', '\'' }, { 0x107, 'c', '\'' }, { 0x108, 'C', '^' },
    { 0x109, 'c', '^' }, { 0x10a, 'C', '.' }, { 0x10b, 'c', '.' }, { 0x10c, 'C', 'v' },
    { 0x10d, 'c', 'v' }, { 0x10e, 'D', 'v' }, { 0x112, 'E', '-' }, { 0x113, 'e', '-' },
    { 0x114, 'E', 'u' }, { 0x115, 'e', 'u' }, { 0x116, 'E', '.' }, { 0x117, 'e', '.' },
    { 0x118, 'E', ';' }, { 0x119, 'e', ';' }, { 0x11a, 'E', 'v' }, { 0x11b, 'e', 'v' },
    { 0x11c, 'G', '^' }, { 0x11d, 'g', '^' }, { 0x11e, 'G', 'u' }, { 0x11f, 'g', 'u' },
    { 0x120, 'G', '.' }, { 0x121, 'g', '.' }, { 0x122, 'G', ',' }, { 0x124, 'H', '^' },
    { 0x128, 'I', '~' }, { 0x129, 'i', '~' }, { 0x12a, 'I', '-' }, { 0x12b, 'i', '-' },
    { 0x12c, 'I', 'u' }, { 0x12d, 'i', 'u' }, { 0x12e, 'I', ';' }, { 0x130, 'I', '.' },
    { 0x134, 'J', '^' }, { 0x136, 'K', ',' }, { 0x137, 'k', ',' }, { 0x139, 'L', '\'' },
    { 0x13b, 'L', ',' }, { 0x13c, 'l', ',' }, { 0x143, 'N', '\'' }, { 0x144, 'n', '\'' },
    { 0x145, 'N', ',' }, { 0x146, 'n', ',' }, { 0x147, 'N', 'v' }, { 0x148, 'n', 'v' },
    { 0x14c, 'O', '-' }, { 0x14d, 'o', '-' }, { 0x14e, 'O', 'u' }, { 0x14f, 'o', 'u' },
    { 0x150, 'O', '"' }, { 0x151, 'o', '"' }, { 0x154, 'R', '\'' }, { 0x155, 'r', '\'' },
    { 0x156, 'R', ',' }, { 0x157, 'r', ',' }, { 0x158, 'R', 'v' }, { 0x159, 'r', 'v' },
    { 0x15a, 'S', '\'' }, { 0x15b, 's', '\'' }, { 0x15c, 'S', '^' }, { 0x15d, 's', '^' },
    { 0x15e, 'S', ',' }, { 0x15f, 's', ',' }, { 0x160, 'S', 'v' }, { 0x161, 's', 'v' },
    { 0x162, 'T', ',' }, { 0x163, 't', ',' }, { 0x164, 'T', 'v' }, { 0x168, 'U', '~' },
    { 0x169, 'u', '~' }, { 0x16a, 'U', '-' }, { 0x16b, 'u', '-' }, { 0x16c, 'U', 'u' },
    { 0x16d, 'u', 'u' }, { 0x16e, 'U', 'o' }, { 0x16f, 'u', 'o' }, { 0x170, 'U', '"' },
    { 0x171, 'u', '"' }, { 0x172, 'U', ';' }, { 0x173, 'u', ';' }, { 0x174, 'W', '^' },
    { 0x175, 'w', '^' }, { 0x176, 'Y', '^' }, { 0x177, 'y', '^' }, { 0x178, 'Y', ':' },
    { 0x179, 'Z', '\'' }, { 0x17a, 'z', '\'' }, { 0x17b, 'Z', '.' }, { 0x17c, 'z', '.' },
    { 0x17d, 'Z', 'v' }, { 0x17e, 'z', 'v' } };

const struct glyph *font_glyph(uint32_t code)
{
    if (code >= ' ' && code <= '~')
        return &ascii[code - ' '];
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (signs[i].code == code)
            return &signs[i];
    return NULL;
}

const struct accented *font_accented(uint32_t code)
{
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (letters[i].code == code)
            return &letters[i];
    return NULL;
}

const struct glyph *font_mark(char mark)
{
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (marks[i].code == (uint32_t)mark)
            return &marks[i];
    return NULL;
}
