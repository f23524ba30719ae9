"""Draws the pictures of tests/data/holiday, which README.md and docs/ walk through.

Usage: holiday.py [FOLDER], with Pillow and numpy. Each scene comes from a fixed seed: a sky with clouds, ridges of hills, water, and noise.
Other versions of Pillow may encode a JPEG differently, so the files in the repository are the ones that count. The script lies outside the
folder, so that `shadegrid hash holiday` finds exactly what the documentation shows.
"""

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

TEXT = "Day one: rain. Day two: hills. Day three: the ferry was late.\n"


def waves(rng, x, y, octaves, start):
    """Smooth noise of about -1 to 1: sums of sines of random direction and phase."""
    total = np.zeros(np.broadcast(x, y).shape)
    for octave in range(octaves):
        for _ in range(4):
            angle, phase = rng.uniform(0, 2 * np.pi, 2)
            frequency = start * 2**octave * rng.uniform(0.7, 1.3)
            total += np.sin((np.cos(angle) * x + np.sin(angle) * y) * frequency + phase) / 2**octave / 4
    return total


def scene(seed, width, height, sky, ground, ridges, sun):
    """A landscape of `ridges` lines of hills; colours run from `sky` to `ground`, and `sun` is its place and radius."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / height
    top, low = (np.array(colour, float) for colour in sky)
    picture = top + (low - top) * np.clip(y / 0.7, 0, 1)[..., None]
    clouds = np.clip(waves(rng, x, y * 3, 5, 4) - 0.1, 0, 1)
    picture += (np.array([250, 248, 244]) - picture) * (clouds * 0.8)[..., None]
    across, down, radius = sun
    glow = np.exp(-((x - across) ** 2 + (y - down) ** 2) / radius**2)
    picture += (np.array([255, 240, 200]) - picture) * np.clip(glow, 0, 1)[..., None]
    far, near = (np.array(colour, float) for colour in ground)
    for ridge in range(ridges):
        share = ridge / max(ridges - 1, 1)
        line = 0.42 + 0.45 * share + (0.16 - 0.06 * share) * waves(rng, x[0], 0 * x[0], 5, 3 + 2 * share)
        depth = np.clip((y - line) / 0.4, 0, 1)[..., None]
        grain = waves(rng, x, y * 2, 4, 14 + 20 * share)[..., None]
        hill = (far + (near - far) * share) * (1.1 - 0.5 * depth + 0.22 * grain)
        edge = np.clip((y - line) * height, 0, 1)[..., None]
        picture = picture * (1 - edge) + hill * edge
    picture += rng.normal(0, 4, (height, width, 1))
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def window(background):
    """A window on a transparent ground, as a tool for screenshots cuts it out: its corners and its shadow are not opaque."""
    size = (560, 420)
    shadow = Image.new("L", size)
    ImageDraw.Draw(shadow).rounded_rectangle((24, 28, 536, 400), 16, fill=120)
    picture = Image.new("RGBA", size, (0, 0, 0, 0))
    picture.putalpha(shadow.filter(ImageFilter.GaussianBlur(10)))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((24, 20, 536, 392), 12, fill=(244, 244, 246, 255))
    draw.rectangle((24, 52, 536, 54), fill=(190, 192, 198, 255))
    for number, colour in enumerate([(236, 106, 94), (244, 190, 79), (98, 197, 84)]):
        draw.ellipse((40 + 22 * number, 30, 52 + 22 * number, 42), fill=(*colour, 255))
    picture.paste(background.resize((240, 180)).quantize(48).convert("RGB"), (44, 74))
    right = [(304, 80 + 20 * line, length) for line, length in enumerate([200, 180, 212, 150, 196, 206, 170, 198, 90])]
    below = [(44, 278 + 24 * line, length) for line, length in enumerate([470, 440, 460, 260])]
    for left, top, length in right + below:
        draw.rectangle((left, top, left + length, top + 8), fill=(84, 88, 98, 255))
    return picture


def jpeg(picture, quality=80):
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    hills = scene(7, 800, 600, [(70, 120, 190), (222, 214, 206)], [(134, 150, 168), (44, 74, 40)], 4, (1.0, 0.24, 0.1))
    coast = scene(23, 640, 480, [(96, 96, 150), (250, 190, 130)], [(140, 110, 120), (60, 44, 50)], 3, (0.35, 0.4, 0.14))
    png = io.BytesIO()
    window(coast).save(png, "PNG", optimize=True)
    whole = jpeg(coast)
    files = {
        "hills.jpg": jpeg(hills),
        "hills-small.jpg": jpeg(hills.resize((480, 360), Image.Resampling.LANCZOS), 70),
        "hills-mirrored.jpg": jpeg(ImageOps.mirror(hills)),
        "hills-blurred.jpg": jpeg(hills.filter(ImageFilter.GaussianBlur(3))),
        "coast-broken.jpg": whole[: len(whole) * 3 // 5],
        "window.png": png.getvalue(),
        "notes.txt": TEXT.encode(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
        print(f"{name:20} {len(content):7} bytes")
    print(f"{sum(map(len, files.values()))} bytes in all")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "holiday")
