#!/usr/bin/env python3
"""Small pictures of every kind in tests/data/pictures/, and what Pillow makes of them.

expected/FILE.ppm is Pillow's exif_transpose and convert("RGB"), but for 16-bit grey and
65535-step PNM, which keep their high byte, made by NumPy. list.txt has a line a picture: the
file, a tab, and the difference allowed (JPEG decoders differ by a step); or "refused", a tab
and a part of the message for what is no picture to us; or "memory" for a small file that is
cut short, of a picture too large for the little memory that the test gives it.

Kinds that Pillow can't write are written here by hand. Made with Pillow 13.0.0, which has
libjpeg-turbo 3.2.0, libtiff 4.7.2 and libwebp 1.6.0.
"""
import io
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

OUT = Path("tests/data/pictures")
W, H = 23, 17
TOO_LARGE = "30000x30000 is over the limit of 178956970 pixels"
LINES = []


def base(channels=3):
    """A smooth picture with some texture, u8 [H, W, channels]."""
    y, x = np.mgrid[0:H, 0:W]
    c = np.arange(channels)[:, None, None]
    wave = 128 + 90 * np.sin(x / (3 + c) + c) * np.cos(y / (4 + c)) + (x * 37 + y * 61 + 17 * c) % 29
    return wave.clip(0, 255).astype(np.uint8).transpose(1, 2, 0).copy()


RGB = base(3)
RGBA = base(4)
GREY = base(1)[:, :, 0]
WIDE = base(4).astype(np.uint16) * 251 + 13  # 16-bit, the low byte isn't a copy of the high
IMAGE = Image.fromarray(RGB)


def add(name, data, tolerance=0, expected=None):
    (OUT / name).write_bytes(data)
    if expected is None:
        with Image.open(io.BytesIO(data)) as image:
            expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    if expected.ndim == 2:
        expected = np.stack([expected] * 3, axis=2)
    Image.fromarray(expected.astype(np.uint8)).save(OUT / "expected" / (name + ".ppm"))
    LINES.append(f"{name}\t{tolerance}")


def refuse(name, data, message):
    (OUT / name).write_bytes(data)
    LINES.append(f"{name}\trefused\t{message}")


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation, order="<", kind=3):
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *([orientation, 0][: 2 if kind == 3 else 1]))
    mark = b"II" if order == "<" else b"MM"
    return (mark + struct.pack(order + "HIH", 42, 8, 1)
            + struct.pack(order + "HHI", 274, kind, 1) + value + bytes(4))


def upright(data):
    """4:2:2 made 4:4:0, whose blocks are as many where the picture is as high as wide."""
    frame = data.index(b"\xff\xc0")
    size = struct.pack(">HH", W, H)
    return data[: frame + 5] + size + data[frame + 9: frame + 11] + b"\x12" + data[frame + 12:]


def jpeg_pictures():
    add("grey.jpg", saved(Image.fromarray(GREY), "JPEG", quality=90), 1)
    for name, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        add(f"rgb{name}.jpg", saved(IMAGE, "JPEG", quality=90, subsampling=subsampling), 1)
    add("rgb440.jpg", upright(saved(IMAGE, "JPEG", quality=90, subsampling=1)), 1)
    add("progressive.jpg", saved(IMAGE, "JPEG", quality=85, progressive=True), 1)
    add("grey-progressive.jpg", saved(Image.fromarray(GREY), "JPEG", progressive=True), 1)
    add("restart.jpg", saved(IMAGE, "JPEG", quality=90, restart_marker_blocks=1), 1)
    add("keep-rgb.jpg", saved(IMAGE, "JPEG", quality=90, keep_rgb=True), 1)
    cmyk = saved(Image.fromarray(RGBA, "CMYK"), "JPEG", quality=90)
    add("cmyk.jpg", cmyk, 1)
    adobe = cmyk.index(b"Adobe")
    add("ycck.jpg", cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12:], 2)
    segment = bytes([0xFF, 0xEE]) + struct.pack(">H", 14)
    start = cmyk.index(segment)
    add("cmyk-plain.jpg", cmyk[:start] + cmyk[start + 16:], 1)
    for i in range(1, 9):
        order = "<>"[i % 2]
        add(f"turned{i}.jpg", saved(IMAGE, "JPEG", exif=b"Exif\0\0" + exif(i, order, 3 + i % 2)), 1)
    add("turned9.jpg", saved(IMAGE, "JPEG", exif=b"Exif\0\0" + exif(9)), 1)
    plain = saved(IMAGE, "JPEG", quality=90)
    refuse("no-end.jpg", plain[:-2], "jpeg: premature end")
    add("junk-behind.jpg", plain + b"\xff\xd8\xffjunk", 1)
    add("junk-between.jpg", plain[:2] + b"\xff\xe9\0\5abcxyz" + plain[2:], 1)
    add("ended-early.jpg", plain[:-90] + b"\xff\xd9", 1)
    refuse("cut.jpg", plain[: len(plain) * 3 // 4], "jpeg: premature end")
    progressive = saved(IMAGE, "JPEG", progressive=True)
    refuse("cut-progressive.jpg", progressive[:-40], "jpeg: premature end")
    grey = saved(Image.fromarray(GREY[:8, :8] // 16 * 16), "JPEG", progressive=True)
    scan = grey.rindex(b"\xff\xda")
    refuse("scans.jpg", grey[:-2] + grey[scan:-2] * 501 + grey[-2:], "jpeg: too many scans")
    frame = plain.index(b"\xff\xc0")
    huge = struct.pack(">HH", 30000, 30000)
    refuse("huge.jpg", plain[: frame + 5] + huge + plain[frame + 9:], TOO_LARGE)
    refuse("precision12.jpg", plain[: frame + 4] + b"\x0c" + plain[frame + 5:], "jpeg: ")
    refuse("lossless.jpg", plain[: frame + 1] + b"\xc3" + plain[frame + 2:], "jpeg: ")
    two = saved(Image.fromarray(GREY), "JPEG")
    frame = two.index(b"\xff\xc0")
    two = (two[: frame + 2] + struct.pack(">H", 14) + two[frame + 4: frame + 9] + b"\2"
           + two[frame + 10: frame + 13] + b"\2\x11\0" + two[frame + 13:])
    refuse("two-components.jpg", two, "jpeg: 2 components")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(samples, bits):
    """Rows of samples [h, w, c] in bits each, as PNG and TIFF pack them."""
    h = samples.shape[0]
    flat = samples.reshape(h, -1).astype(np.uint16)
    if bits == 16:
        return flat.astype(">u2").tobytes()
    if bits == 8:
        return flat.astype(np.uint8).tobytes()
    planes = flat[:, :, None] >> np.arange(bits - 1, -1, -1) & 1
    return np.packbits(planes.reshape(h, -1).astype(np.uint8), axis=1).tobytes()


def filtered(samples, bits):
    """PNG's scan lines, a different filter a row."""
    h, _, c = samples.shape
    step = max(1, c * bits // 8)
    lines = np.frombuffer(packed(samples, bits), np.uint8).reshape(h, -1).astype(int)
    up = np.vstack([np.zeros_like(lines[:1]), lines[:-1]])
    left, corner = np.zeros_like(lines), np.zeros_like(lines)
    left[:, step:], corner[:, step:] = lines[:, :-step], up[:, :-step]
    p = left + up - corner
    near = np.stack([abs(p - left), abs(p - up), abs(p - corner)]).argmin(0)
    paeth = np.choose(near, [left, up, corner])
    out = b""
    for y in range(h):
        guess = [0, left[y], up[y], (left[y] + up[y]) // 2, paeth[y]][y % 5]
        out += bytes([y % 5]) + ((lines[y] - guess) & 255).astype(np.uint8).tobytes()
    return out


ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def png(samples, bits, kind, before=b"", behind=b"", interlaced=False):
    samples = np.atleast_3d(samples)
    h, w = samples.shape[:2]
    if interlaced:
        parts = [samples[y::dy, x::dx] for y, x, dy, dx in ADAM7]
        data = b"".join(filtered(p, bits) for p in parts if p.size)
    else:
        data = filtered(samples, bits)
    data = zlib.compress(data, 9)
    half = len(data) // 2
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, bits, kind, 0, 0, interlaced))
            + before + chunk(b"IDAT", data[:half]) + chunk(b"IDAT", data[half:]) + behind + chunk(b"IEND", b""))


def resized_png(data, side):
    header = data[12:16] + struct.pack(">II", side, side) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def png_pictures():
    palette = np.random.default_rng(3).integers(0, 256, (256, 3), dtype=np.uint8)
    for interlaced in (False, True):
        end = "-interlaced.png" if interlaced else ".png"
        for bits in (1, 2, 4, 8):
            add(f"grey{bits}" + end, png(GREY >> 8 - bits, bits, 0, interlaced=interlaced))
            plte = chunk(b"PLTE", palette[: 1 << bits].tobytes())
            add(f"palette{bits}" + end, png(GREY >> 8 - bits, bits, 3, plte, interlaced=interlaced))
        add("grey16" + end, png(WIDE[:, :, 0], 16, 0, interlaced=interlaced), expected=WIDE[:, :, 0] >> 8)
        for name, channels, kind in (("la", (0, 3), 4), ("rgb", (0, 1, 2), 2), ("rgba", (0, 1, 2, 3), 6)):
            add(f"{name}8" + end, png(RGBA[:, :, channels], 8, kind, interlaced=interlaced))
            add(f"{name}16" + end, png(WIDE[:, :, channels], 16, kind, interlaced=interlaced))
    plte = chunk(b"PLTE", palette.tobytes())
    add("palette-alpha.png", png(GREY, 8, 3, plte + chunk(b"tRNS", bytes(range(0, 250, 2)))))
    add("palette-one-clear.png", png(GREY, 8, 3, plte + chunk(b"tRNS", b"\xff" * 128 + b"\0")))
    add("palette-short.png", png(GREY, 8, 3, chunk(b"PLTE", palette[:130].tobytes())))
    add("grey-clear.png", png(GREY, 8, 0, chunk(b"tRNS", struct.pack(">H", GREY[0, 0]))))
    add("grey4-clear.png", png(GREY >> 4, 4, 0, chunk(b"tRNS", b"\0\x09")))
    add("grey16-clear.png", png(WIDE[:, :, 0], 16, 0, chunk(b"tRNS", struct.pack(">H", WIDE[0, 0, 0]))),
        expected=WIDE[:, :, 0] >> 8)
    add("rgb-clear.png", png(RGB, 8, 2, chunk(b"tRNS", struct.pack(">HHH", *map(int, RGB[0, 0])))))
    add("gamma.png", png(RGB, 8, 2, chunk(b"gAMA", struct.pack(">I", 100000)) + chunk(b"sBIT", b"\5\6\5")))
    add("narrow-interlaced.png", png(RGB[:, :1], 8, 2, interlaced=True))
    add("turned-before.png", png(RGB, 8, 2, chunk(b"eXIf", exif(6))))
    add("turned-behind.png", png(RGB, 8, 2, behind=chunk(b"eXIf", exif(7, ">"))))
    frames = [IMAGE, Image.fromarray(RGB[::-1].copy())]
    add("animated.png", saved(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    whole = png(RGB, 8, 2)
    add("junk-behind.png", whole + b"junk")
    refuse("cut.png", whole[: len(whole) // 2], "png: premature end")
    refuse("flipped.png", whole[:300] + bytes([whole[300] ^ 16]) + whole[301:], "png: ")
    refuse("huge.png", resized_png(whole, 30000), TOO_LARGE)
    (OUT / "large.png").write_bytes(resized_png(whole, 13000))
    LINES.append("large.png\tmemory")
    refuse("no-palette.png", png(GREY, 8, 3), "png: ")


def gif(canvas, frame, indices, palette=None, local=None, clear=None, interlaced=False, background=0):
    """indices at (left, top) on a canvas; codes of 9 bits, none of them compressed."""
    (left, top), (h, w) = frame, indices.shape
    table = lambda p: 0x80 | (len(p) // 3).bit_length() - 2 if p else 0
    out = b"GIF89a" + struct.pack("<HHBBB", *canvas, table(palette), background, 0) + (palette or b"")
    out += b"!\xfe\5hello\0"
    if clear is not None:
        out += b"!\xf9\4" + struct.pack("<BHB", 1, 10, clear) + b"\0"
    out += b"," + struct.pack("<HHHHB", left, top, w, h, table(local) | (64 if interlaced else 0)) + (local or b"")
    if interlaced:
        indices = np.vstack([indices[s::d] for s, d in ((0, 8), (4, 8), (2, 4), (1, 2))])
    codes = []
    for i, value in enumerate(indices.ravel()):
        codes += [256] if i % 200 == 0 else []
        codes.append(int(value))
    codes.append(257)
    number = sum(code << 9 * i for i, code in enumerate(codes))
    data = number.to_bytes((9 * len(codes) + 7) // 8, "little")
    out += b"\x08" + b"".join(bytes([len(data[i:i + 255])]) + data[i:i + 255] for i in range(0, len(data), 255))
    return out + b"\0;"


def gif_pictures():
    colours = np.random.default_rng(4).integers(0, 256, (256, 3), dtype=np.uint8)
    palette, other = colours.tobytes(), colours[::-1].tobytes()
    greys = bytes(i // 3 for i in range(768))
    size = (W, H)
    add("global.gif", gif(size, (0, 0), GREY, palette))
    add("local.gif", gif(size, (0, 0), GREY, palette, other))
    add("local-only.gif", gif(size, (0, 0), GREY, None, other))
    add("no-palette.gif", gif(size, (0, 0), GREY))
    add("grey.gif", gif(size, (0, 0), GREY, greys))
    add("grey-short.gif", gif(size, (0, 0), GREY, greys[:384]))
    add("short.gif", gif(size, (0, 0), GREY, palette[:384]))
    add("interlaced.gif", gif(size, (0, 0), GREY, palette, interlaced=True))
    add("interlaced-small.gif", gif((3, 3), (0, 0), GREY[:3, :3], palette, interlaced=True))
    add("clear.gif", gif(size, (0, 0), GREY, palette, clear=int(GREY[2, 2])))
    add("offset.gif", gif((40, 30), (9, 5), GREY, palette, background=7))
    add("offset-clear.gif", gif((40, 30), (9, 5), GREY, palette, clear=200, background=7))
    add("offset-local.gif", gif((40, 30), (9, 5), GREY, palette, other, interlaced=True))
    add("beyond.gif", gif((20, 10), (2, 3), GREY, palette))
    add("no-canvas.gif", gif((0, 0), (2, 3), GREY, palette))
    few = IMAGE.quantize(32)
    add("few.gif", saved(few, "GIF"))
    frames = [IMAGE.quantize(16), Image.fromarray(RGB[::-1].copy()).quantize(16)]
    add("animated.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100, loop=0))
    whole = gif(size, (0, 0), GREY, palette)
    add("junk-behind.gif", whole + b"junk")
    add("old.gif", b"GIF87a" + whole[6:])
    refuse("huge.gif", gif((30000, 30000), (0, 0), GREY, palette), TOO_LARGE)
    refuse("huge-frame.gif", gif(size, (29977, 29983), GREY, palette), TOO_LARGE)
    refuse("cut.gif", whole[:1000], "gif: premature end")
    refuse("no-frame.gif", whole[:13 + 768] + b";", "gif: no frame")


def riff(*chunks):
    body = b"".join(k + struct.pack("<I", len(d)) + d + bytes(len(d) % 2) for k, d in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def int24(value):
    return struct.pack("<I", value)[:3]


def webp_pictures():
    alpha = Image.fromarray(RGBA)
    add("lossy.webp", saved(IMAGE, "WEBP", quality=80))
    add("lossless.webp", saved(IMAGE, "WEBP", lossless=True))
    add("lossy-alpha.webp", saved(alpha, "WEBP", quality=80))
    add("lossless-alpha.webp", saved(alpha, "WEBP", lossless=True, exact=True))
    add("turned.webp", saved(IMAGE, "WEBP", lossless=True, exif=b"Exif\0\0" + exif(6)))
    add("turned-bare.webp", saved(IMAGE, "WEBP", lossless=True, exif=exif(8, ">")))
    frames = [alpha, Image.fromarray(RGBA[::-1].copy())]
    add("animated.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True))
    for name, still in (("lossless", saved(alpha, "WEBP", lossless=True)), ("lossy", saved(IMAGE, "WEBP"))):
        for x, y, w, h in ((8, 4, 40, 30), (0, 0, 23, 17)):
            kind, size = still[12:16], struct.unpack("<I", still[16:20])[0]
            data = still[20:20 + size]
            frame = (int24(x // 2) + int24(y // 2) + int24(W - 1) + int24(H - 1) + int24(100) + b"\0"
                     + kind + struct.pack("<I", size) + data + bytes(size % 2))
            add(f"offset-{name}-{x}.webp", riff((b"VP8X", b"\x12\0\0\0" + int24(w - 1) + int24(h - 1)),
                (b"ANIM", b"\x40\x80\xc0\xff\0\0"), (b"ANMF", frame)))
    whole = saved(IMAGE, "WEBP", quality=80)
    add("junk-behind.webp", whole + b"junk")
    huge = riff((b"VP8X", b"\0\0\0\0" + int24(29999) * 2), (whole[12:16], whole[20:]))
    refuse("huge.webp", huge, TOO_LARGE)
    refuse("cut.webp", whole[: len(whole) * 2 // 3], "webp: premature end")
    refuse("broken.webp", whole[:20] + b"\xff" * 12 + whole[32:], "webp: ")


def packbits(data):
    out = b""
    for i in range(0, len(data), 100):
        part = data[i:i + 100]
        run = len(part) > 1 and len(set(part)) == 1
        out += bytes([257 - len(part)]) + part[:1] if run else bytes([len(part) - 1]) + part
    return out


def tiff(samples, bits, photometric, order="<", compression=1, planar=1, strip=None, tile=None,
         predictor=1, big=False, extra=(), fill=1, more=()):
    """A TIFF of samples [h, w, c]; more are further entries (tag, type, values)."""
    samples = np.atleast_3d(samples)
    h, w, c = samples.shape
    tw, th = tile or (w, strip or h)
    parts = []
    for plane in ([samples] if planar == 1 else [samples[:, :, i:i + 1] for i in range(c)]):
        for y in range(0, h, th):
            for x in range(0, w, tw):
                part = plane[y:y + th, x:x + tw]
                if tile:
                    part = np.pad(part, ((0, th - part.shape[0]), (0, tw - part.shape[1]), (0, 0)))
                if predictor == 2:
                    part = np.diff(part.astype(int), axis=1, prepend=0) % (1 << bits)
                data = packed(part, bits)
                if bits == 16 and order == "<":
                    data = np.frombuffer(data, ">u2").astype("<u2").tobytes()
                if fill == 2:
                    data = np.packbits(np.unpackbits(np.frombuffer(data, np.uint8)).reshape(-1, 8)[:, ::-1]).tobytes()
                data = {1: bytes, 8: zlib.compress, 32773: packbits}[compression](data)
                parts.append(data)
    return tiff_file(w, h, parts, bits, c, photometric, order, compression, planar, th, tile, predictor, big, extra, fill, more)


def tiff_file(w, h, parts, bits, c, photometric, order="<", compression=1, planar=1, rows=None, tile=None,
              predictor=1, big=False, extra=(), fill=1, more=()):
    where = 322 if tile else 273
    entries = [(256, 4, [w]), (257, 4, [h]), (258, 3, [bits] * c), (259, 3, [compression]),
               (277, 3, [c]), (284, 3, [planar])]
    entries += [(262, 3, [photometric])] if photometric is not None else []
    entries += [(322, 4, [tile[0]]), (323, 4, [tile[1]])] if tile else [(278, 4, [rows or h])]
    entries += [(317, 3, [predictor])] if predictor != 1 else []
    entries += [(338, 3, list(extra))] if extra else []
    entries += [(266, 3, [fill])] if fill != 1 else []
    place, count = (324, 325) if tile else (273, 279)
    entries += [(place, 4, [0] * len(parts)), (count, 4, [len(p) for p in parts])] + list(more)
    entries.sort()
    head, entry, inline = (16, 20, 8) if big else (8, 12, 4)
    data_at = head + (8 if big else 2) + entry * len(entries) + (8 if big else 4)
    sizes = {1: "B", 3: "H", 4: "I", 5: "I", 11: "f"}
    side = sum(len(v) * struct.calcsize(sizes[t]) + 1 & ~1 for _, t, v in entries if len(v) * struct.calcsize(sizes[t]) > inline)
    offsets, at = [], data_at + side
    for p in parts:
        offsets.append(at)
        at += len(p)
    directory, rest = b"", b""
    for tag, kind, values in entries:
        values = offsets if tag == place else values
        raw = struct.pack(order + sizes[kind] * len(values), *values)
        n = len(values) // 2 if kind == 5 else len(values)
        directory += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, n)
        if len(raw) > inline:
            directory += struct.pack(order + ("Q" if big else "I"), data_at + len(rest))
            rest += raw + bytes(len(raw) % 2)
        else:
            directory += raw.ljust(inline, b"\0")
    mark = b"II" if order == "<" else b"MM"
    if big:
        header = mark + struct.pack(order + "HHHQ", 43, 8, 0, 16) + struct.pack(order + "Q", len(entries))
    else:
        header = mark + struct.pack(order + "HI", 42, 8) + struct.pack(order + "H", len(entries))
    return header + directory + bytes(8 if big else 4) + rest + b"".join(parts)


def tiff_pictures():
    rng = np.random.default_rng(5)
    for order, end in (("<", ""), (">", "-be")):
        add(f"rgb8{end}.tif", tiff(RGB, 8, 2, order))
        add(f"rgb16{end}.tif", tiff(WIDE[:, :, :3], 16, 2, order, strip=5))
        add(f"grey16{end}.tif", tiff(WIDE[:, :, 0], 16, 1, order, strip=4), expected=WIDE[:, :, 0] >> 8)
        add(f"bilevel{end}.tif", tiff(GREY >> 7, 1, 1, order, strip=6))
    for bits in (1, 2, 4, 8):
        add(f"white{bits}.tif", tiff(GREY >> 8 - bits, bits, 0, strip=3))
        add(f"black{bits}.tif", tiff(GREY >> 8 - bits, bits, 1))
        colours = [int(v) for v in rng.integers(0, 65536, 3 << bits)]
        add(f"palette{bits}.tif", tiff(GREY >> 8 - bits, bits, 3, more=[(320, 3, colours)]))
    colours = [int(v) for v in rng.integers(0, 65536, 768)]
    add("palette-alpha.tif", tiff(RGBA[:, :, :2], 8, 3, extra=[2], more=[(320, 3, colours)]))
    add("white16.tif", tiff(WIDE[:, :, 0], 16, 0), expected=255 - (WIDE[:, :, 0] >> 8))
    add("unsaid.tif", tiff(GREY, 8, None))
    add("fill2.tif", tiff(GREY >> 7, 1, 1, fill=2))
    add("la.tif", tiff(RGBA[:, :, :2], 8, 1, extra=[2]))
    add("lx.tif", tiff(RGBA[:, :, :2], 8, 1, extra=[0]))
    for kind in (0, 1, 2):
        add(f"rgba{kind}.tif", tiff(RGBA, 8, 2, extra=[kind]))
        add(f"rgba{kind}-16.tif", tiff(WIDE, 16, 2, extra=[kind]))
    add("rgb-unsaid-fourth.tif", tiff(RGBA, 8, 2))
    edges = RGBA.copy()
    edges[:, ::3, 3], edges[:, 1::3, 3] = 0, 255
    add("premultiplied.tif", tiff(edges, 8, 2, extra=[1], compression=8))
    five = np.concatenate([RGBA, RGBA[:, :, :1]], axis=2)
    add("five.tif", tiff(five, 8, 2, extra=[2, 0]))
    add("cmyk.tif", tiff(RGBA, 8, 5, strip=4))
    add("cmyk16.tif", tiff(WIDE, 16, 5))
    add("cmyk-five.tif", tiff(five, 8, 5, extra=[0]))
    for name, options in (("planar", {}), ("planar-strips", {"strip": 5, "compression": 8}),
                          ("planar-tiles", {"tile": (16, 16), "compression": 8})):
        add(f"{name}-rgb.tif", tiff(RGB, 8, 2, planar=2, **options))
        add(f"{name}-rgb16.tif", tiff(WIDE[:, :, :3], 16, 2, planar=2, compression=8,
            **{k: v for k, v in options.items() if k != "compression"}))
        add(f"{name}-rgba.tif", tiff(RGBA, 8, 2, planar=2, extra=[2], **options))
        add(f"{name}-cmyk.tif", tiff(RGBA, 8, 5, planar=2, **options))
    for compression in (1, 8, 32773):
        add(f"tiles{compression}.tif", tiff(RGB, 8, 2, tile=(16, 16), compression=compression))
        add(f"strips{compression}.tif", tiff(RGB, 8, 2, strip=4, compression=compression))
        add(f"bilevel{compression}.tif", tiff(GREY >> 7, 1, 0, compression=compression))
    add("tiles-bilevel.tif", tiff(GREY >> 7, 1, 1, tile=(16, 16), compression=8))
    add("tiles-grey16.tif", tiff(WIDE[:, :, 0], 16, 1, tile=(32, 16), order=">"), expected=WIDE[:, :, 0] >> 8)
    add("tiles-wide.tif", tiff(RGB, 8, 2, tile=(64, 48), compression=8))
    add("predictor.tif", tiff(RGB, 8, 2, predictor=2, compression=8))
    add("predictor16.tif", tiff(WIDE[:, :, :3], 16, 2, predictor=2, compression=8, strip=5))
    add("big.tif", tiff(RGB, 8, 2, big=True, strip=4))
    add("big-be.tif", tiff(GREY, 8, 1, ">", big=True, tile=(16, 16), compression=8), expected=GREY)
    for i in range(1, 9):
        add(f"turned{i}.tif", tiff(RGB, 8, 2, "<>"[i % 2], compression=8, more=[(274, 3, [i])]))
    for name in ("tiff_lzw", "tiff_deflate", "packbits", "tiff_adobe_deflate", "lzma", "zstd"):
        add(f"{name}.tif", saved(IMAGE, "TIFF", compression=name))
    add("jpeg.tif", saved(IMAGE, "TIFF", compression="jpeg", quality=90), 1)
    add("jpeg-grey.tif", saved(Image.fromarray(GREY), "TIFF", compression="jpeg", quality=90), 1)
    ycc = Image.fromarray(RGB).convert("YCbCr")
    add("jpeg-ycc.tif", saved(ycc, "TIFF", compression="jpeg", quality=90), 1)
    add("ycc.tif", saved(ycc, "TIFF", compression="tiff_deflate"))
    bilevel = Image.fromarray(GREY).convert("1")
    for name in ("group3", "group4", "tiff_ccitt"):
        add(f"{name}.tif", saved(bilevel, "TIFF", compression=name))
    y = base(3)[:16, :22]
    units = b"".join(bytes([*y[j:j + 2, i:i + 2, 0].ravel(), y[j, i, 1], y[j, i, 2]])
                     for j in range(0, 16, 2) for i in range(0, 22, 2))
    more = [(530, 3, [2, 2]), (532, 5, [0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1])]
    add("ycc-subsampled.tif", tiff_file(22, 16, [zlib.compress(units)], 8, 3, 6, compression=8, more=more))
    add("ycc-turned.tif", tiff_file(22, 16, [zlib.compress(units)], 8, 3, 6, compression=8,
        more=more + [(274, 3, [6])]))
    add("pages.tif", saved(IMAGE, "TIFF", save_all=True, append_images=[Image.fromarray(GREY)]))
    refused_tiffs()


def refused_tiffs():
    floats = base(1)[:, :, 0].astype(np.float32) / 255
    refuse("float.tif", saved(Image.fromarray(floats), "TIFF"), "tiff: floating-point")
    refuse("int32.tif", saved(Image.fromarray(GREY.astype(np.int32)), "TIFF"), "tiff: samples of ")
    refuse("signed.tif", tiff(GREY, 8, 1, more=[(339, 3, [2])]), "tiff: samples of format 2")
    refuse("lab.tif", tiff(RGB, 8, 8), "tiff: photometric interpretation 8")
    refuse("grey12.tif", tiff(WIDE[:, :, 0] >> 4, 12, 1), "tiff: samples of 12 bits")
    refuse("rgb4.tif", tiff(RGB >> 4, 4, 2), "tiff: samples of 4 bits")
    refuse("nine.tif", tiff(base(9), 8, 2, extra=[0] * 6), "tiff: 9 samples a pixel")
    refuse("two-of-three.tif", tiff(RGB[:, :, :2], 8, 2), "tiff: 2 samples a pixel")
    refuse("no-palette.tif", tiff(GREY >> 4, 4, 3), "tiff: ")
    refuse("compression.tif", tiff_file(W, H, [bytes(99)], 8, 3, 2, compression=6), "tiff: compression 6")
    whole = tiff(RGB, 8, 2)
    refuse("cut.tif", whole[:-100], "tiff: ")
    refuse("cut-deflate.tif", tiff_file(W, H, [zlib.compress(RGB.tobytes())[:200]], 8, 3, 2, compression=8), "tiff: ")
    for order in "<>":
        huge = tiff_file(30000, 30000, [bytes(99)], 8, 3, 2, order, rows=30000, big=order == ">")
        refuse("huge-be.tif" if order == ">" else "huge.tif", huge, TOO_LARGE)
    refuse("huge-tile.tif", tiff_file(W, H, [bytes(99)], 8, 3, 2, tile=(30000, 30000)), TOO_LARGE)
    many = tiff_file(13000, 13000, [bytes(99)], 16, 3, 2, compression=8, rows=13000)
    (OUT / "large.tif").write_bytes(many)
    LINES.append("large.tif\tmemory")
    refuse("no-size.tif", b"II*\0" + struct.pack("<IHHHIII", 8, 1, 262, 3, 1, 2, 0), "tiff: ")


def pnm_pictures():
    bits = (GREY > 150).astype(np.uint8)
    size = b"%d %d" % (W, H)
    rows = b"\n".join(b"".join(b"01"[v:v + 1] for v in row) for row in bits)
    add("plain.pbm", b"P1\n# a comment\n" + size + b"\n" + rows + b"\n")
    add("raw.pbm", b"P4\n" + size + b"\n" + np.packbits(bits, axis=1).tobytes())
    for maxval in (1, 6, 15, 100, 255, 256, 1023, 65535):
        grey = np.round(WIDE[:, :, 0] / 65535 * maxval).astype(int)
        rgb = np.round(WIDE[:, :, :3] / 65535 * maxval).astype(int)
        for name, samples, plain, raw in (("pgm", grey, b"P2", b"P5"), ("ppm", rgb, b"P3", b"P6")):
            head = b"\n" + size + b"\n%d\n" % maxval
            text = b" ".join(b"%d" % v for v in samples.ravel())
            data = samples.astype(">u2" if maxval > 255 else "u1").tobytes()
            # Python rounds half to even, as Pillow does where it reads in 8 bits.
            eight = (samples >> 8 if maxval == 65535 else
                     np.array([round(v / maxval * 255) for v in samples.ravel().tolist()]).reshape(samples.shape))
            keep = None if maxval <= 255 or (name == "ppm" and maxval != 65535) else eight
            if maxval in (15, 255, 65535):
                add(f"plain{maxval}.{name}", plain + head + text, expected=keep)
            add(f"raw{maxval}.{name}", raw + head + data, expected=keep)
    comments = b"P6 # one\n#two\n  %d # wide\n%d#high\n255\n" % (W, H)
    add("comments.ppm", comments + RGB.tobytes(), expected=RGB)
    add("above.pgm", b"P5\n3 1\n100\n" + bytes([0, 100, 200]))
    add("run.ppm", (b"P6\n" + size + b"\n255\n" + RGB.tobytes()) * 2)
    refuse("huge.ppm", b"P6\n30000 30000\n255\n" + bytes(9), TOO_LARGE)
    refuse("huge-plain.pbm", b"P1\n30000 30000\n" + b"01" * 9, TOO_LARGE)
    refuse("cut.ppm", b"P6\n" + size + b"\n255\n" + RGB.tobytes()[:-1], "pnm: premature end")
    refuse("cut-plain.ppm", b"P3\n3 1\n255\n" + b"100 " * 8 + b"          ", "pnm: premature end")
    refuse("cut-header.ppm", b"P6\n23 17", "pnm: premature end")
    refuse("word.pgm", b"P2\n3 1\n255\n1 two 3", "pnm: sample 1 is no number")
    refuse("above-plain.pgm", b"P2\n3 1\n255\n1 256 3", "pnm: sample 1 is 256 of 255")
    refuse("maxval.pgm", b"P5\n3 1\n65536\n123456", "pnm: a maximum of 65536")
    refuse("maxval0.pgm", b"P5\n3 1\n0\n123456", "pnm: a maximum of 0")
    refuse("negative.pgm", b"P5\n-3 1\n255\n123", "pnm: broken header")
    refuse("overflow.pgm", b"P5\n4294967297 1\n255\n123", "pnm: broken header")
    refuse("two.pbm", b"P1\n3 1\n012", "pnm: sample 2 is no number")
    refuse("empty.pgm", b"P5\n0 1\n255\n123", "0x1 has no pixels")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "expected").mkdir(parents=True)
    jpeg_pictures()
    png_pictures()
    gif_pictures()
    webp_pictures()
    tiff_pictures()
    pnm_pictures()
    (OUT / "list.txt").write_text("".join(line + "\n" for line in LINES))


if __name__ == "__main__":
    main()
