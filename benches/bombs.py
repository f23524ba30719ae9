"""What files cost that hold next to nothing: makes them, hashes each, and prints seconds of CPU time and memory.

Usage: bombs.py SHADEGRID, with Pillow, NumPy and GNU time.
"""

import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
from PIL import Image

SIDE = 3540
RED = (200, 30, 60)


def stills():
    flat, clear = Image.new("RGB", (SIDE, SIDE), RED), Image.new("RGBA", (SIDE, SIDE), (*RED, 128))
    white = Image.new("1", (SIDE, SIDE), 1)
    yield "flat.png", flat, {"format": "PNG"}
    yield "clear.png", clear, {"format": "PNG"}
    yield "bits.png", white, {"format": "PNG"}
    yield "deep.png", Image.fromarray(numpy.zeros((SIDE, SIDE), numpy.uint16)), {"format": "PNG"}
    yield "flat.gif", flat.convert("P"), {"format": "GIF"}
    yield "flat.webp", flat, {"format": "WEBP", "lossless": True}
    yield "clear.webp", clear, {"format": "WEBP", "lossless": True}
    yield "lossy.webp", flat, {"format": "WEBP", "quality": 1}
    yield "baseline.jpg", flat, {"format": "JPEG", "quality": 10}
    yield "progressive.jpg", flat, {"format": "JPEG", "quality": 10, "progressive": True}
    yield "444.jpg", flat, {"format": "JPEG", "quality": 10, "progressive": True, "subsampling": 0}
    yield "inks.jpg", flat.convert("CMYK"), {"format": "JPEG", "quality": 10}
    for name in ["tiff_lzw", "tiff_adobe_deflate", "packbits"]:
        yield f"{name}.tif", flat, {"format": "TIFF", "compression": name}
    yield "group4.tif", white, {"format": "TIFF", "compression": "group4"}


def animations():
    for name, count, side in [("60.gif", 60, 1000), ("60.webp", 60, 1000), ("60.png", 60, 1000), ("2000.gif", 2000, 180), ("500.webp", 500, 360)]:
        kind = name.split(".")[1]
        frame = lambda n: Image.new("P", (side, side), n % 256) if kind == "gif" else Image.new("RGBA", (side, side), (n % 256, 0, 50, 100))
        frames = [frame(number) for number in range(count)]
        lossless = {"lossless": True} if kind == "webp" else {}
        times = [20 + number % 7 for number in range(count)]
        yield name, frames[0], {"format": kind.upper(), "save_all": True, "append_images": frames[1:], "duration": times, **lossless}


def main(command):
    with tempfile.TemporaryDirectory() as folder:
        for name, picture, options in [*stills(), *animations()]:
            content = io.BytesIO()
            picture.save(content, **options)
            path = Path(folder) / name
            path.write_bytes(content.getvalue())
            # Of a process that this large one starts the system would count our own memory.
            hashing = [command, "hash", path, "--quiet", "--threads", "1", "--backend", "cpu"]
            run = subprocess.run(["time", "-f", "%U %S %M", *hashing], capture_output=True, check=False)
            record = json.loads(run.stdout)
            user, system, kilobytes = map(float, run.stderr.split()[-3:])
            seconds, megabytes = user + system, kilobytes / 1024
            print(f"{name:16} {len(content.getvalue()):9} bytes {seconds:5.2f} s {megabytes:5.0f} MB {record['status']}")


main(*sys.argv[1:])
