#!/usr/bin/env python3
"""What Chromium shows of odd files, next to what is hashed of them.

    benches/browser.py [FOLDER...]

Makes some two hundred odd pictures, adds those of tests/data and of FOLDERs, has headless Chromium draw each on white, and hashes what it drew. Every file has
to be like that by its own signature, by a face, or to say by a flag why not; what Chromium refuses may be anything. "Like": PhotoDNA within 60
(Euclidean) and PDQ within 16 bits, whichever of both count. SHADEGRID names the program (target/release/shadegrid), CHROMIUM the browser (chromium).
Not a test of CI, which has no browser. Exit code 1 where a file is shown otherwise and nothing says so.
"""

import base64
import http.server
import itertools
import json
import os
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from pathlib import Path

PROGRAM = Path(os.environ.get("SHADEGRID", "target/release/shadegrid")).resolve()
CHROMIUM = os.environ.get("CHROMIUM", "chromium")
ROOT = Path(__file__).resolve().parent.parent
SIDE = 160
# Flags that say that something else may be shown.
TELLING = {"alpha", "profile", "animated", "oriented", "unusual"}
# Chromium leaves out the rows of a JPEG without an end that libjpeg-turbo, and so is hashed here, gives.
KNOWN = {"jpeg-cut.jpg", "jpeg-no-end.jpg"}


def scene(second):
    """Rows of R, G, B of one of two pictures that do not look alike."""
    rows = []
    for y in range(SIDE):
        row = []
        for x in range(SIDE):
            if second:
                level = 40 + ((x // 23 + 2 * (y // 31)) % 5) * 45
                row.append((level, 255 - level, (level + x) % 256))
            else:
                row.append(((x * x // 90 + y) % 256, (2 * y + x // 3) % 256, 255 - (x + y) * 255 // (2 * SIDE)))
        rows.append(row)
    return rows


A, B = scene(False), scene(True)


def grey(rows):
    return [[(p[0] + 2 * p[1] + p[2]) // 4 for p in row] for row in rows]


# PNG


def chunk(name, content=b""):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


PASSES = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)]


def packed(rows, interlaced=False):
    """Rows of pixels, each a tuple of bytes, filtered by nothing and deflated."""
    data = b""
    for top, down, left, across in PASSES if interlaced else [(0, 1, 0, 1)]:
        for row in rows[top::down]:
            data += b"\0" + bytes(itertools.chain.from_iterable(row[left::across]))
    return zlib.compress(data)


def png(rows, colour, before=(), interlaced=False, behind=()):
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, colour, 0, 0, int(interlaced))
    parts = [chunk(b"IHDR", header), *before, chunk(b"IDAT", packed(rows, interlaced)), *behind, chunk(b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def apng(default, frames, default_is_frame, delays=None, dispose=0, blend=0, rgba=False):
    colour, sequence, parts = 6 if rgba else 2, 0, []
    delays = delays or [10] * (len(frames) + default_is_frame)

    def control():
        nonlocal sequence
        sequence += 1
        return chunk(b"fcTL", struct.pack(">IIIIIHHBB", sequence - 1, SIDE, SIDE, 0, 0, delays[len(parts)], 100, dispose, blend))

    before = [chunk(b"acTL", struct.pack(">II", len(frames) + default_is_frame, 0))]
    if default_is_frame:
        before.append(control())
        parts.append(b"")
    for frame in frames:
        head = control()
        parts.append(head + chunk(b"fdAT", struct.pack(">I", sequence) + packed(frame)))
        sequence += 1
    return png(default, colour, before, behind=parts)


def pngs():
    rgb = A
    yield "plain", png(rgb, 2)
    yield "interlaced", png(rgb, 2, interlaced=True)
    masks = {
        "b": [[p[0] for p in row] for row in B],
        "ramp": [[x * 255 // SIDE for x in range(SIDE)] for _ in range(SIDE)],
        "half": [[128] * SIDE for _ in range(SIDE)],
        "dots": [[255 * ((x + y) % 2) for x in range(SIDE)] for y in range(SIDE)],
        "clear": [[0] * SIDE for _ in range(SIDE)],
    }
    for name, mask in masks.items():
        for laced in (False, True):
            rgba = [[(*p, a) for p, a in zip(row, alphas)] for row, alphas in zip(A, mask)]
            yield f"rgba-{name}-{laced:d}", png(rgba, 6, interlaced=laced)
        yield f"grey-alpha-{name}", png([[(g, a) for g, a in zip(row, alphas)] for row, alphas in zip(grey(A), mask)], 4)
    palette = chunk(b"PLTE", bytes(itertools.chain.from_iterable((16 * n, 255 - 9 * n, 7 * n) for n in range(16))))
    indices = [[(g // 16,) for g in row] for row in grey(B)]
    yield "palette", png(indices, 3, [palette])
    yield "palette-trns", png(indices, 3, [palette, chunk(b"tRNS", bytes(range(0, 256, 16)))])
    yield "grey-trns", png([[(g // 64 * 64,) for g in row] for row in grey(B)], 0, [chunk(b"tRNS", struct.pack(">H", 128))])
    for gamma in (10_000, 22_727, 45_455, 50_000, 100_000, 150_000, 220_000):
        yield f"gamma-{gamma}", png(rgb, 2, [chunk(b"gAMA", struct.pack(">I", gamma))])
        yield f"gamma-grey-{gamma}", png([[(g,) for g in row] for row in grey(A)], 0, [chunk(b"gAMA", struct.pack(">I", gamma))])
    white, red, green, blue = (31_270, 32_900), (64_000, 33_000), (30_000, 60_000), (15_000, 6_000)
    for name, points in {"usual": (white, red, green, blue), "turned": (white, green, blue, red), "wide": (white, (73_000, 26_000), (11_000, 82_000), (15_000, 6_000))}.items():
        chrm = chunk(b"cHRM", struct.pack(">8I", *itertools.chain.from_iterable(points)))
        yield f"chrm-{name}", png(rgb, 2, [chunk(b"gAMA", struct.pack(">I", 45_455)), chrm])
    for name, codes in {"srgb": (1, 13), "p3": (12, 13), "linear": (1, 8), "bt2020": (9, 14)}.items():
        yield f"cicp-{name}", png(rgb, 2, [chunk(b"cICP", bytes([*codes, 0, 1]))])
    rgba = [[(*p, 255 if (x // 20) % 2 else 90) for x, p in enumerate(row)] for row in A]
    yield "gamma-alpha", png(rgba, 6, [chunk(b"gAMA", struct.pack(">I", 15_000))])
    yield "apng-default-hidden", apng(B, [A], False)
    yield "apng-default-hidden-2", apng(B, [A, B], False)
    yield "apng-two", apng(A, [B], True)
    yield "apng-long", apng(A, [B, A], True, [1, 6_000, 1])
    yield "apng-bad-sequence", apng(B, [A], False).replace(struct.pack(">I", 0) + struct.pack(">II", SIDE, SIDE), struct.pack(">I", 5) + struct.pack(">II", SIDE, SIDE))
    broken = apng(B, [A, B], False)
    data = chunk(b"IDAT", packed(B))
    yield "apng-default-broken", broken.replace(data, chunk(b"IDAT", b"no data"))
    yield "cut", png(rgb, 2)[:-30_000]
    yield "cut-interlaced", png(rgb, 2, interlaced=True)[:-30_000]
    for name, codes in {"pq": (9, 16), "hlg": (9, 18), "television": (9, 14), "pq-709": (1, 16)}.items():
        yield f"cicp-{name}", png(rgb, 2, [chunk(b"cICP", bytes([*codes, 0, 1]))])
    yield "exif-behind", png(rgb, 2, behind=[chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0")])


# GIF, with codes that never grow: a clear code comes before they would.


def codes(indices):
    bits, count, data = 0, 0, bytearray()
    for at, index in enumerate(indices):
        for code in ([128] if at % 120 == 0 else []) + [index]:
            bits |= code << count
            count += 8
            while count >= 8:
                data.append(bits & 255)
                bits, count = bits >> 8, count - 8
    data.append(129)
    return b"\x07" + b"".join(bytes([len(data[at:at + 255])]) + bytes(data[at:at + 255]) for at in range(0, len(data), 255)) + b"\0"


def gif(frames, palette, canvas=(SIDE, SIDE)):
    """Frames of rows of indices, each with left, top, delay, disposal and transparent index."""
    file = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0xF6, 0, 0) + palette.ljust(384, b"\0")
    for rows, left, top, delay, disposal, transparent in frames:
        flags = disposal << 2 | (transparent is not None)
        file += b"\x21\xf9\x04" + struct.pack("<BHB", flags, delay, transparent or 0) + b"\0"
        file += b"\x2c" + struct.pack("<HHHHB", left, top, len(rows[0]), len(rows), 0) + codes(itertools.chain.from_iterable(rows))
    return file + b"\x3b"


def gifs():
    ramp = bytes(itertools.chain.from_iterable((2 * n,) * 3 for n in range(128)))
    black = bytes(384)
    one, two = [[g // 2 for g in row] for row in grey(A)], [[g // 2 for g in row] for row in grey(B)]
    bits = [[int(g > 120) for g in row] for row in grey(A)]
    small = [row[:60] for row in two[:60]]
    yield "plain", gif([(one, 0, 0, 0, 0, None)], ramp)
    yield "both-black", gif([(bits, 0, 0, 0, 0, 1)], black)
    yield "transparent-level", gif([([[g // 4 * 4 for g in row] for row in one], 0, 0, 0, 0, 64)], ramp)
    yield "first-small", gif([(small, 20, 30, 1, 1, None), (one, 0, 0, 6_000, 1, None)], ramp)
    yield "first-small-longest", gif([(small, 20, 30, 6_000, 1, None), (one, 0, 0, 1, 1, None)], ramp)
    yield "covers-part", gif([(small, 50, 60, 0, 0, None)], ramp)
    for disposal in range(4):
        yield f"disposal-{disposal}", gif([(one, 0, 0, 5, disposal, None), (small, 40, 40, 5, disposal, None), (small, 80, 90, 5, disposal, None)], ramp)
    yield "wide-canvas", gif([(one, 0, 0, 0, 0, None)], ramp, (SIDE + 60, SIDE + 20))
    plain = gif([(one, 0, 0, 0, 0, None)], ramp)
    without = plain[:10] + b"\x76" + plain[11:13] + plain[13 + 384 :]
    image = plain.index(b"\x2c", 13 + 384)
    own = plain[: image + 9] + b"\x86" + ramp + plain[image + 10 :]
    yield "no-palette", without
    yield "no-palette-bits", gif([(bits, 0, 0, 0, 0, None)], black)[:10] + b"\x76" + plain[11:13] + gif([(bits, 0, 0, 0, 0, None)], black)[13 + 384 :]
    yield "local-palette", own[:10] + b"\x76" + own[11:13] + own[13 + 384 :]
    yield "local-over-global", own[:13] + black + own[13 + 384 :]
    yield "short-palette", plain[:10] + b"\xf4" + plain[11:13] + ramp[: 3 * 32] + plain[13 + 384 :]
    yield "background-index", gif([(small, 20, 30, 0, 0, None)], ramp[150:] + ramp[:150])[:11] + b"\x40" + gif([(small, 20, 30, 0, 0, None)], ramp[150:] + ramp[:150])[12:]
    yield "beyond-canvas", gif([(one, 40, 50, 0, 0, None)], ramp)
    yield "outside-canvas", gif([(small, SIDE + 10, SIDE + 10, 0, 0, None)], ramp)
    yield "canvas-of-0", gif([(one, 0, 0, 0, 0, None)], ramp, (0, 0))
    yield "second-beyond-canvas", gif([(one, 0, 0, 5, 1, None), (two, 60, 70, 900, 1, None)], ramp)
    yield "delay-0", gif([(small, 10, 10, 0, 1, None), (two, 0, 0, 0, 1, None), (one, 0, 0, 9, 1, None)], ramp)
    yield "second-without-palette", gif([(one, 0, 0, 5, 1, None)], ramp)[:-1] + plain[13 + 384 :]
    yield "first-without-palette", without[:-1] + own[13 + 384 :]
    yield "87a", b"GIF87a" + plain[6:]
    yield "no-trailer", plain[:-1]
    yield "cut", plain[: len(plain) * 2 // 3]


# BMP


def bmps():
    def bmp(bits, rows, alpha=None, header=40, masks=()):
        data = b"".join(row + bytes(-len(row) % 4) for row in rows)
        offset = 14 + header + len(masks) * 4
        head = struct.pack("<IiiHHIIiiII", header, SIDE, SIDE, 1, bits, 3 if masks or header > 40 and bits == 32 else 0, len(data), 2835, 2835, 0, 0)
        if header > 40:
            head += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(header - 56)
        return struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset) + head + struct.pack(f"<{len(masks)}I", *masks) + data

    yield "24", bmp(24, [bytes(itertools.chain.from_iterable(p[::-1] for p in row)) for row in reversed(A)])
    rows = [[bytes((*p[::-1], a)) for p, a in zip(row, [x * 255 // SIDE for x in range(SIDE)])] for row in reversed(A)]
    yield "32-no-alpha", bmp(32, [b"".join(row) for row in rows])
    yield "32-v4-alpha", bmp(32, [b"".join(row) for row in rows], header=108)
    plain = bmp(24, [bytes(itertools.chain.from_iterable(p[::-1] for p in row)) for row in reversed(A)])
    indexed = bmp(8, [bytes(g // 2 for g in (p[0] for p in row)) for row in reversed(A)])
    palette = b"".join(bytes((2 * n, 255 - 2 * n, n, 0)) for n in range(128))
    indexed = indexed[:10] + struct.pack("<I", 54 + 512) + indexed[14:46] + struct.pack("<I", 128) + indexed[50:54] + palette + indexed[54:]
    os2 = plain[:10] + struct.pack("<IIHHHH", 26, 12, SIDE, SIDE, 1, 24) + plain[54:]
    for name, whole in {"24": plain, "8": indexed, "32-v4": bmp(32, [b"".join(row) for row in rows], header=108), "os2": os2}.items():
        for place in (0, 1, 14, 20, 53, 54, 57, 60, 200, 566, 569, 5_000, len(whole) - 3, len(whole), 1 << 20, 0xFFFF_FFFF):
            yield f"{name}-place-{place}", whole[:10] + struct.pack("<I", place) + whole[14:]
    for size in (0, 10, 54, len(plain) - 5_000, len(plain) + 5_000, 0xFFFF_FFFF):
        yield f"size-{size}", plain[:2] + struct.pack("<I", size) + plain[6:]
    yield "gap", plain[:10] + struct.pack("<I", 354) + plain[14:54] + bytes(300) + plain[54:]
    yield "cut", plain[:-30_000]
    yield "top-down", plain[:22] + struct.pack("<i", -SIDE) + plain[26:]
    yield "8-cut-palette", indexed[:46] + struct.pack("<I", 60) + indexed[50:]
    yield "8-colours-0", indexed[:46] + struct.pack("<I", 0) + indexed[50:]
    yield "8-colours-1000", indexed[:46] + struct.pack("<I", 1000) + indexed[50:]
    yield "16-masks", bmp(16, [b"".join(struct.pack("<H", p[0] >> 3 << 11 | p[1] >> 2 << 5 | p[2] >> 3) for p in row) for row in reversed(A)], masks=(0xF800, 0x7E0, 0x1F))


# WebP without loss: every colour in eight bits of its own, opaque.


def lossless(rows):
    bits, count, data = 0, 0, bytearray()

    def put(value, width):
        nonlocal bits, count
        bits |= value << count
        count += width
        while count >= 8:
            data.append(bits & 255)
            bits, count = bits >> 8, count - 8

    put(0x2F, 8)
    put(len(rows[0]) - 1, 14)
    put(len(rows) - 1, 14)
    put(0, 1 + 3 + 1 + 1 + 1)
    for extra in (1, 0, 0):
        # Lengths of codes, of which only 8 is one (the twelfth in their order); of green's 280 the first 256 have it.
        put(0, 1)
        put(8, 4)
        put(1 << 3 * 11, 36)
        put(extra, 1)
        if extra:
            put(3, 3)
            put(254, 8)
    put(0b101 | 255 << 3, 11)
    put(0b001, 4)
    turned = [int(f"{n:08b}"[::-1], 2) for n in range(256)]
    for red, green, blue in itertools.chain.from_iterable(rows):
        put(turned[green] | turned[red] << 8 | turned[blue] << 16, 24)
    put(0, 7)
    return bytes(data)


def webps():
    def part(name, content, size=None, padding=b"\0"):
        length = len(content) if size is None else size
        return name + struct.pack("<I", length) + content + padding * (len(content) % 2)

    def riff(*parts, size=None, behind=b""):
        body = b"WEBP" + b"".join(parts)
        return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body + behind

    def extended(flags, side=SIDE):
        return part(b"VP8X", bytes([flags, 0, 0, 0]) + struct.pack("<I", side - 1)[:3] * 2)

    def frame(data, delay):
        zeros = bytes(6) + struct.pack("<I", SIDE - 1)[:3] * 2 + struct.pack("<I", delay)[:3] + b"\0"
        return part(b"ANMF", zeros + part(b"VP8L", data))

    one, two = lossless(A), lossless(B)
    still = part(b"VP8L", one)
    right = 4 + len(still)
    yield "plain", riff(still)
    for size in (0, 1, 4, 11, 12, right - 5_000, right - 2, right - 1, right + 1, right + 2, right + 7, right + 8, right + 9, right + 5_000, 0x7FFF_FFFF, 0xFFFF_FFF0, 0xFFFF_FFFF):
        yield f"size-{size if size < 1000 or size > 1 << 30 else format(size - right, '+')}", riff(still, size=size)
    yield "behind", riff(still, behind=b"something else, quite long indeed, of many bytes")
    yield "behind-counted", riff(still, b"something else, quite long indeed, of many bytes")
    yield "cut", riff(still)[:-20_000]
    yield "cut-size-right", riff(still)[:20_000][:4] + struct.pack("<I", 19_992) + riff(still)[8:20_000]
    odd = one + bytes(1 - len(one) % 2)
    yield "odd", riff(part(b"VP8L", odd))
    yield "odd-padding-not-counted", riff(part(b"VP8L", odd), size=4 + 8 + len(odd))
    yield "odd-not-padded", riff(part(b"VP8L", odd, padding=b""))
    yield "odd-not-padded-size-even", riff(part(b"VP8L", odd, padding=b""), size=4 + 8 + len(odd) + 1)
    yield "odd-padded-with-7", riff(part(b"VP8L", odd, padding=b"\7"))
    yield "chunk-long", riff(part(b"VP8L", one, size=len(one) + 100))
    yield "chunk-short", riff(part(b"VP8L", one, size=len(one) - 2))
    yield "chunk-half", riff(part(b"VP8L", one, size=len(one) // 2))
    yield "unknown-first", riff(part(b"ABCD", b"abc"), still)
    yield "extended", riff(extended(0), still)
    yield "extended-size-long", riff(extended(0), still, size=right + 18 + 500)
    yield "extended-unknown-first", riff(extended(0), part(b"ABCD", b"abc"), still)
    yield "extended-unknown-odd", riff(extended(0), part(b"ABCD", b"abc", padding=b""), still)
    yield "extended-other-size", riff(extended(0, SIDE + 20), still)
    yield "two-pictures", riff(part(b"VP8L", two), still)
    yield "extended-two-pictures", riff(extended(0), part(b"VP8L", two), still)
    animation = part(b"ANIM", bytes(6))
    yield "animated", riff(extended(2), animation, frame(two, 100), frame(one, 3_000))
    yield "animated-delay-0", riff(extended(2), animation, frame(two, 0), frame(one, 0))
    yield "animated-size-long", riff(extended(2), animation, frame(two, 100), frame(one, 3_000), size=500_000)
    yield "animated-still-behind", riff(extended(2), animation, frame(two, 100), still)
    yield "animated-not-said", riff(extended(0), animation, frame(two, 100), still)
    yield "animated-not-said-frames", riff(extended(0), animation, frame(two, 100), frame(one, 100))


    clear = bytearray(one)
    clear[4] |= 0x10
    yield "alpha-bit-without-alpha", riff(part(b"VP8L", bytes(clear)))
    yield "first-frame-small", riff(extended(2, SIDE + 60), animation, frame(one, 100), frame(two, 100))
    yield "empty-frame-first", riff(extended(2), animation, part(b"ANMF", frame(two, 1)[8:24]), frame(one, 100))
    for share in (2, 5, 9):
        data = one[: len(one) * share // 10]
        yield f"data-breaks-off-{share}", riff(part(b"VP8L", data))


# Icons: bitmaps with masks, PNGs, and directories that say something else.


def icons():
    def icon(*pictures, kind=1, reserved=0, length=None):
        directory, contents, place = b"", b"", 6 + 16 * len(pictures)
        for content, colours, bits in pictures:
            size = len(content) if length is None else length
            directory += struct.pack("<BBBBHHII", SIDE, SIDE, colours, reserved, 1, bits, size, place + len(contents))
            contents += content
        return struct.pack("<HHH", 0, kind, len(pictures)) + directory + contents

    def bitmap(bits, pixels, mask, header=40, has_mask=True):
        rows = [b"".join(row) for row in reversed(pixels)]
        data = b"".join(row + bytes(-len(row) % 4) for row in rows)
        lines = b"".join(int("".join(str(int(mask(x, y))) for x in range(SIDE)), 2).to_bytes(SIDE // 8, "big") for y in reversed(range(SIDE)))
        return struct.pack("<IiiHHIIiiII", header, SIDE, 2 * SIDE, 1, bits, 0, 0, 0, 0, 0, 0) + bytes(header - 40) + data + (lines if has_mask else b"")

    def colours(alpha=None):
        behind = [(lambda x, y: b""), (lambda x, y: bytes([alpha(x, y)]))][alpha is not None]
        return [[bytes(p[::-1]) + behind(x, y) for x, p in enumerate(row)] for y, row in enumerate(A)]

    def none(x, y):
        return False

    def some(x, y):
        return (x // 20 + y // 30) % 2

    plain = bitmap(24, colours(), none)
    yield "24", icon((plain, 0, 24))
    yield "24-mask", icon((bitmap(24, colours(), some), 0, 24))
    yield "24-without-mask", icon((bitmap(24, colours(), none, has_mask=False), 0, 24))
    for name, alpha in {"255": lambda x, y: 255, "0": lambda x, y: 0, "ramp": lambda x, y: x}.items():
        for masked in (none, some):
            yield f"32-{name}-{masked.__name__}", icon((bitmap(32, colours(alpha), masked), 0, 32))
    yield "long-header", icon((bitmap(24, colours(), none, header=124), 0, 24))
    yield "cut", icon((plain, 0, 24))[:-40_000]
    yield "reserved", icon((plain, 0, 24), reserved=255)
    for length in (0, 100, 0x7FFF_FFFF):
        yield f"length-{length}", icon((plain, 0, 24), length=length)
    other = png(B, 2)
    yield "few-and-many-colours", icon((other, 4, 0), (png(A, 2), 0, 0))
    yield "cursor", icon((other, 4, 9_000), (png(A, 2), 200, 1), kind=2)
    yield "png", icon((png(A, 2), 0, 32))
    yield "png-gamma", icon((png(A, 2, [chunk(b"gAMA", struct.pack(">I", 10_000))]), 0, 32))
    yield "png-animated", icon((apng(B, [A], False), 0, 32))


# JPEG: those of the tests, changed.


def jpegs():
    for folder in ("jpeg", "jpeg-reader"):
        for path in sorted((ROOT / "tests/data" / folder).glob("*.jpg")):
            yield path.stem, path.read_bytes()
    base = (ROOT / "tests/data/jpeg/base-420.jpg").read_bytes()
    restart = (ROOT / "tests/data/jpeg/base-420-restart.jpg").read_bytes()
    scan = base.rindex(b"\xff\xda")
    yield "scan-twice", base[:-2] + base[scan:]
    yield "cut", base[: len(base) * 3 // 4]
    yield "no-end", base[:-2]
    yield "behind", base + b"something else"
    markers = [at for at in range(len(restart) - 1) if restart[at] == 0xFF and 0xD0 <= restart[at + 1] <= 0xD7]
    yield "restart-lost", restart[: markers[2]] + restart[markers[3] :]
    shifted = bytearray(restart)
    for at in markers:
        shifted[at + 1] = 0xD0 + (shifted[at + 1] - 0xD0 + 3) % 8
    yield "restart-off-by-three", bytes(shifted)
    for orientation in range(1, 9):
        exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + b"\0\0\0\0\0\0"
        empty = b"\xff\xe1\0\x08Exif\0\0" if orientation % 2 else b""
        yield f"orientation-{orientation}", base[:2] + empty + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + base[2:]
    yield "adobe-rgb", base[:2] + b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0" + base[base.index(b"\xff\xdb") :]


def make(folder):
    for kind, ending, files in (("png", "png", pngs()), ("gif", "gif", gifs()), ("bmp", "bmp", bmps()), ("webp", "webp", webps()), ("icon", "ico", icons()), ("jpeg", "jpg", jpegs())):
        for name, content in files:
            (folder / f"{kind}-{name}.{ending}").write_bytes(content)


PAGE = b"""<!doctype html><meta charset="utf-8"><script>
(async () => {
  const count = await (await fetch('/count')).json();
  for (let n = 0; n < count; n++) {
    let body = new Uint8Array(0), size = '0x0';
    try {
      const image = new Image();
      image.src = '/file/' + n;
      await image.decode();
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
      const context = canvas.getContext('2d', { colorSpace: 'srgb' });
      context.fillStyle = '#fff';
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0);
      body = context.getImageData(0, 0, canvas.width, canvas.height).data;
      size = canvas.width + 'x' + canvas.height;
    } catch (error) { /* it is refused */ }
    await fetch('/shown/' + n + '/' + size, { method: 'POST', body });
  }
  await fetch('/done', { method: 'POST', body: '' });
})();
</script>"""


def drawn(files):
    """What Chromium draws of each file: width, height and R, G, B, A; None where it refuses."""
    shown, done = [None] * len(files), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def answer(self, content, kind="text/html"):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self):
            if self.path == "/count":
                self.answer(json.dumps(len(files)).encode(), "application/json")
            elif self.path.startswith("/file/"):
                self.answer(files[int(self.path[6:])].read_bytes(), "application/octet-stream")
            else:
                self.answer(PAGE)

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == "/done":
                done.set()
            else:
                _, _, number, size = self.path.split("/")
                width, height = map(int, size.split("x"))
                if width * height:
                    shown[int(number)] = (width, height, body)
            self.answer(b"")

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as profile:
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", f"--user-data-dir={profile}"]
        browser = subprocess.Popen([CHROMIUM, *arguments, f"http://127.0.0.1:{server.server_port}/"], stderr=subprocess.DEVNULL)
        in_time = done.wait(300)
        browser.terminate()
        browser.wait()
    server.shutdown()
    if not in_time:
        sys.exit("Chromium did not come to the end in five minutes")
    return shown


def bitmap(width, height, rgba):
    row = (width * 3 + 3) // 4 * 4
    head = struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 54 + row * height, 0, 0, 54, 40, width, height, 1, 24, 0, row * height, 2835, 2835, 0, 0)
    rows = []
    for y in reversed(range(height)):
        line = rgba[y * width * 4 : (y + 1) * width * 4]
        colours = bytearray(width * 3)
        colours[0::3], colours[1::3], colours[2::3] = line[2::4], line[1::4], line[0::4]
        rows.append(bytes(colours) + bytes(row - width * 3))
    return head + b"".join(rows)


def records(paths):
    names = b"\0".join(os.fsencode(path) for path in paths)
    hashed = subprocess.run([PROGRAM, "hash", "-q", "--files-from", "-", "-0"], input=names, stdout=subprocess.PIPE, check=False)
    return [json.loads(line) for line in hashed.stdout.splitlines()]


def is_like(one, other):
    """Whether signatures that count are near, if any of them do."""
    near = []
    if min(one.get("strength") or 0, other.get("strength") or 0) >= 400:
        pair = [base64.b64decode(of["photodna"]) for of in (one, other)]
        near.append(sum((a - b) ** 2 for a, b in zip(*pair)) <= 60**2)
    if min(one.get("quality") or 0, other.get("quality") or 0) >= 50:
        pair = [int(of["pdq"], 16) for of in (one, other)]
        near.append((pair[0] ^ pair[1]).bit_count() <= 16)
    flat = max(one.get("strength") or 0, other.get("strength") or 0) < 400
    return all(near) and (bool(near) or flat)


def main():
    with tempfile.TemporaryDirectory() as work:
        made, seen = Path(work, "made"), Path(work, "seen")
        made.mkdir()
        seen.mkdir()
        make(made)
        files = sorted(made.iterdir())
        files += sorted(path for folder in sys.argv[1:] for path in Path(folder).rglob("*") if path.is_file())
        drawings = drawn(files)
        pictures = {}
        for number, picture in enumerate(drawings):
            if picture:
                pictures[number] = seen / f"{number:05}.bmp"
                pictures[number].write_bytes(bitmap(*picture))
        ours, theirs = records(files), dict(zip(pictures, records(pictures.values())))
    counts = dict.fromkeys(["own signature", "face", "flag alone", "unsupported by name", "known", "refused by Chromium", "nothing drawn", "too small for either", "wrong"], 0)
    for number, (path, record) in enumerate(zip(files, ours)):
        shown = theirs.get(number)
        if shown is None:
            outcome = "refused by Chromium"
        elif record["status"] != "ok" and not any(byte < 255 for byte in drawings[number][2]):
            outcome = "nothing drawn"
        elif shown["status"] != "ok":
            outcome = "too small for either"
        elif record["status"] != "ok":
            outcome = "unsupported by name" if record["error_code"] == "unsupported" else "wrong"
        elif is_like(record, shown):
            outcome = "own signature"
        elif any(is_like(face, shown) for face in record.get("faces", [])):
            outcome = "face"
        elif TELLING & set(record["flags"]):
            outcome = "flag alone"
        elif path.name in KNOWN:
            outcome = "known"
        else:
            outcome = "wrong"
        counts[outcome] += 1
        if outcome in ("wrong", "flag alone"):
            print(f"{outcome}: {path.name}: {record.get('flags', record.get('code'))} {[face['face'] for face in record.get('faces', [])]}")
    version = subprocess.run([CHROMIUM, "--version"], stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
    print(f"{len(files)} files, {version}: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    sys.exit(counts["wrong"] > 0)


if __name__ == "__main__":
    main()
