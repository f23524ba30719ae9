"""Every format against the reference decoders: how far signatures are from those of their pixels.

    python benches/formats.py PHOTOGRAPHS [--program target/release/shadegrid] [--count 110] [--more FOLDER] [--usual]

Makes files of photographs by the reference encoders (`heif-enc`, `avifenc`, `cjxl`), every sampling, depth and kind of coding in turn, decodes each with
libheif, libavif and libjxl (Python packages pillow-heif, pillow from 11.3 and imagecodecs), and compares records of the files with records of these
pixels. `--more` takes further files, such as public conformance files. `--usual` makes files of the other formats instead (by Pillow and ImageMagick's
`convert`), which Pillow reads. Prints a line per format, and each file beyond PhotoDNA 5 or PDQ 4.

    python benches/formats.py PHOTOGRAPHS --speed

prints the CPU time of a picture of 1440 by 900 in each of the three, here (`perf stat`, which counts the helper process too; what the same picture
takes as a bitmap is left out) and by the reference decoder (Python's `process_time`), on one thread, in turn: the mean of twenty photographs, the median
of the rounds.
"""

import argparse
import base64
import collections
import json
import math
import random
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
from PIL import Image, ImageOps

SIDE = 640

# Photographs whose decoding is timed, cut to 1440 by 900.
SPEED_PHOTOGRAPHS = 20

# Formats that Pillow reads.
USUAL = ".jpg .png .gif .webp .bmp .tif .tiff .ico .ppm .pgm .pbm .qoi".split()


def run(*command):
    return subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def scaled(path):
    picture = Image.open(path).convert("RGB")
    factor = min(1, SIDE / max(picture.size))
    picture = picture.resize([max(16, int(side * factor)) for side in picture.size], Image.LANCZOS)
    # A lossy JPEG XL with a profile comes in sRGB, and from libjxl in the profile's colours.
    picture.info.clear()
    return picture


def transparent(picture):
    picture = picture.copy()
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    return picture


class Maker:
    """Files of photographs, the kinds in turn."""

    def __init__(self, photographs, folder, made):
        self.photographs, self.folder, self.made = photographs, folder, made

    def png(self, picture, name="picture"):
        picture.save(self.folder / f"{name}.png")
        return self.folder / f"{name}.png"

    def wide(self, picture):
        run("convert", self.png(picture), "-depth", "16", "-define", "png:bit-depth=16", self.folder / "wide.png")
        return self.folder / "wide.png"

    def heic(self, number, picture):
        quality = random.Random(number).choice([40, 60, 80, 90])
        usual = ["heif-enc", "-q", quality]
        kinds = {
            "420": lambda: [*usual, self.png(picture)],
            "444": lambda: [*usual, "-p", "chroma=444", self.png(picture)],
            "422": lambda: [*usual, "-p", "chroma=422", self.png(picture)],
            "10bit": lambda: [*usual, "-b", "10", self.wide(picture)],
            "alpha": lambda: [*usual, self.png(transparent(picture))],
            "lossless": lambda: ["heif-enc", "-L", "-p", "chroma=444", "--matrix_coefficients=0", self.png(picture)],
            "grey": lambda: [*usual, self.png(picture.convert("L"))],
            "thumbnail": lambda: [*usual, "-t", "100", "--matrix_coefficients=1", self.png(picture)],
            "turned": lambda: [*usual, self.turned(picture, 1 + number // 9 % 8)],
        }
        name, command = self.chosen(kinds, number)
        return run(*command(), "-o", self.made / f"{number:03}-{name}.heic")

    def avif(self, number, picture):
        usual = ["avifenc", "--min", "20", "--max", "35", "-s", "8"]
        even = picture.crop((0, 0, picture.width // 2 * 2, picture.height // 2 * 2))
        kinds = {
            **{name: lambda name=name: [*usual, "-y", name, self.png(picture)] for name in ("420", "444", "422")},
            "10bit": lambda: [*usual, "-d", "10", self.png(picture)],
            "12bit": lambda: [*usual, "-d", "12", "-y", "444", self.png(picture)],
            "alpha": lambda: [*usual, self.png(transparent(picture))],
            "lossless": lambda: ["avifenc", "-l", "-s", "8", self.png(picture)],
            "grid": lambda: [*usual, "-g", "2x2", *self.tiles(picture)],
            "irot": lambda: [*usual, "--irot", 1 + number // 12 % 3, self.png(picture)],
            "imir": lambda: [*usual, "--imir", number // 12 % 2, self.png(picture)],
            "limited": lambda: [*usual, "-r", "limited", self.png(picture)],
            "sequence": lambda: [*usual, "--timescale", "10", self.png(even), self.png(ImageOps.mirror(even), "second")],
            "grey": lambda: [*usual, "-y", "400", self.png(picture.convert("L"))],
        }
        name, command = self.chosen(kinds, number)
        return run(*command(), self.made / f"{number:03}-{name}.avif")

    def jxl(self, number, picture):
        quality = random.Random(number).choice([40, 60, 75, 90, 95])
        kinds = {
            "lossy": lambda: [self.png(picture), "-q", quality],
            "lossless": lambda: [self.png(picture), "-d", "0", "-e", "4"],
            "jpeg": lambda: [self.turned(picture, 1)],
            "turned": lambda: [self.turned(picture, 1 + number // 11 % 8)],
            "16bit": lambda: [self.wide(picture), "-q", quality],
            "16bit-lossless": lambda: [self.wide(picture), "-d", "0", "-e", "3"],
            "alpha": lambda: [self.png(transparent(picture)), "-q", quality],
            "grey": lambda: [self.png(picture.convert("L")), "-q", quality],
            "progressive": lambda: [self.png(picture), "-p", "-q", quality],
            "modular": lambda: [self.png(picture), "-m", "1", "-q", quality],
            "animated": lambda: [self.animation(picture), "-d", "1"],
        }
        name, command = self.chosen(kinds, number)
        source, *options = command()
        return run("cjxl", source, self.made / f"{number:03}-{name}.jxl", *options)

    def usual(self, number, picture):
        wide = lambda: self.png(picture.crop((0, 0, min(256, picture.width), min(256, picture.height))), "icon")
        by_convert = lambda *options: lambda path: run("convert", self.png(picture), *options[:-1], f"{options[-1]}{path}")
        by_pillow = lambda picture=picture, **options: lambda path: picture.save(path, **options) is None
        kinds = {
            "420.jpg": by_pillow(quality=75),
            "444.jpg": by_pillow(quality=90, subsampling=0),
            "progressive.jpg": by_pillow(quality=85, progressive=True),
            "cmyk.jpg": by_pillow(picture.convert("CMYK"), quality=85),
            "grey.jpg": by_pillow(picture.convert("L"), quality=85),
            "rgb.png": by_pillow(),
            "palette.png": by_pillow(picture.quantize(200)),
            "16bit.png": by_convert("-depth", "16", "-define", "png:bit-depth=16", ""),
            "alpha.png": by_pillow(transparent(picture)),
            "interlaced.png": by_convert("-interlace", "PNG", ""),
            "one.gif": by_pillow(),
            "animated.gif": by_pillow(save_all=True, append_images=[ImageOps.mirror(picture)], duration=100),
            "lossy.webp": by_pillow(quality=80),
            "lossless.webp": by_pillow(lossless=True),
            "alpha.webp": by_pillow(transparent(picture), quality=80, exact=True),
            "rgb.bmp": by_pillow(),
            "palette.bmp": by_pillow(picture.quantize(200)),
            "os2.bmp": by_convert("-type", "truecolor", "BMP2:"),
            "lzw.tif": by_pillow(compression="tiff_lzw"),
            "deflate.tif": by_pillow(compression="tiff_adobe_deflate"),
            "jpeg.tif": by_pillow(compression="jpeg", quality=85),
            "cmyk.tif": by_pillow(picture.convert("CMYK"), compression="tiff_lzw"),
            "group4.tif": by_pillow(picture.convert("1"), compression="group4"),
            "tiles.tif": by_convert("-compress", "zip", "-define", "tiff:tile-geometry=64x64", ""),
            "tiles-jpeg.tif": by_convert("-compress", "jpeg", "-define", "tiff:tile-geometry=64x64", ""),
            "16bit.tif": by_convert("-depth", "16", "-compress", "zip", ""),
            "planes.tif": by_convert("-interlace", "plane", ""),
            "big.tif": by_convert("-compress", "lzw", "TIFF64:"),
            "float.tif": by_convert("-depth", "32", "-define", "quantum:format=floating-point", "-compress", "zip", ""),
            "rgb.ico": lambda path: Image.open(wide()).save(path, sizes=[Image.open(wide()).size], bitmap_format="bmp") is None,
            "png.ico": lambda path: Image.open(wide()).save(path, sizes=[(16, 16), Image.open(wide()).size]) is None,
            "rgb.ppm": by_pillow(),
            "grey.pgm": by_pillow(picture.convert("L")),
            "text.ppm": by_convert("-compress", "none", ""),
            "bits.pbm": by_pillow(picture.convert("1")),
            "rgb.qoi": by_pillow(),
            "alpha.qoi": by_pillow(transparent(picture)),
        }
        for name, make in kinds.items():
            if not make(self.made / f"{number:03}-{name}"):
                print(f"not made: {number} {name}")
        return True

    def chosen(self, kinds, number):
        return list(kinds.items())[number % len(kinds)]

    def turned(self, picture, orientation):
        exif = Image.Exif()
        exif[0x112] = orientation
        picture.save(self.folder / "turned.jpg", quality=90, exif=exif)
        return self.folder / "turned.jpg"

    def tiles(self, picture):
        picture = picture.resize((512, 384))
        places = [(x, y) for y in (0, 192) for x in (0, 256)]
        return [self.png(picture.crop((x, y, x + 256, y + 192)), f"tile{x}{y}") for x, y in places]

    def animation(self, picture):
        path = self.folder / "animation.png"
        picture.save(path, save_all=True, append_images=[ImageOps.mirror(picture)], duration=[100, 300], disposal=1, blend=0)
        return path

    def make(self, count, kinds):
        for number in range(count):
            picture = scaled(self.photographs[number % len(self.photographs)])
            for kind in kinds:
                if not kind(number, picture):
                    print(f"not made: {kind.__name__} {number}")


def usual(path):
    """What Pillow gives, without opacity, in 8 bits, of 16 the high ones; of floats in TIFF, which it does not read, what ImageMagick gives."""
    if path.name.endswith("float.tif"):
        with tempfile.NamedTemporaryFile(suffix=".png") as whole:
            run("convert", path, "-depth", "8", whole.name)
            return Image.open(whole.name).convert("RGB")
    picture = Image.open(path)
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("1", "L", "LA"):
        return picture.convert("LA").getchannel("L")
    return picture.convert("RGBA").convert("RGB") if picture.mode == "P" else picture.convert("RGB")


def reference(path):
    """What the reference decoder gives, without opacity, in 8 bits."""
    kind = path.suffix.lower()
    if kind in USUAL:
        return usual(path)
    if kind in (".heic", ".heif", ".hif"):
        file = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
        pixels = np.asarray(file[file.primary_index])
    elif kind in (".avif", ".avifs"):
        pixels = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    else:
        pixels = imagecodecs.jpegxl_decode(path.read_bytes(), numthreads=1)
        pixels = pixels[0] if pixels.ndim == 4 else pixels
    if pixels.dtype == np.uint16:
        pixels = np.round(pixels / 257.0)
    if pixels.dtype in (np.float16, np.float32):
        pixels = np.round(pixels.astype(np.float64) * 255)
    pixels = np.clip(pixels, 0, 255).astype(np.uint8)
    if pixels.ndim == 3:
        colours = 1 if pixels.shape[2] < 3 else 3
        pixels = pixels[:, :, 0] if colours == 1 else pixels[:, :, :3]
    return Image.fromarray(np.ascontiguousarray(pixels))


def records(program, folder):
    command = [program, "hash", folder, "--quiet", "--faces", "stored", "--detail", "full"]
    output = subprocess.run([str(part) for part in command], capture_output=True, text=True).stdout
    lines = [json.loads(line) for line in output.splitlines()]
    return {Path(line["key"]).name: line for line in lines}


def compare(program, made, pixels):
    found, expected = records(program, made), records(program, pixels)
    distances, errors = collections.defaultdict(list), collections.Counter()
    for name, record in sorted(found.items()):
        other = expected.get(f"{name}.png")
        kind = Path(name).suffix.lower()
        if record["status"] != "ok" or other is None or other["status"] != "ok":
            errors[kind, record.get("error_code") or "no reference"] += 1
            continue
        photodna = math.dist(base64.b64decode(record["photodna"]), base64.b64decode(other["photodna"]))
        pdq = (int(record["pdq"], 16) ^ int(other["pdq"], 16)).bit_count()
        distances[kind].append((photodna, pdq))
        if photodna > 5 or pdq > 4:
            print(f"  {name}: PhotoDNA {photodna:.1f}, PDQ {pdq}, quality {other['quality']}")
    for kind, both in sorted(distances.items()):
        line = [f"{kind} {len(both)} files"]
        for index, name in ((0, "PhotoDNA"), (1, "PDQ")):
            sorted_ = sorted(pair[index] for pair in both)
            p99 = sorted_[max(0, math.ceil(len(sorted_) * 0.99) - 1)]
            line.append(f"{name} median {sorted_[len(sorted_) // 2]:.1f}, p99 {p99:.1f}, largest {sorted_[-1]:.1f}")
        print("; ".join(line))
    for (kind, code), count in sorted(errors.items()):
        print(f"{kind} {code}: {count}")


def cpu_time(program, folder):
    """Milliseconds per file of a folder of copies."""
    command = ["perf", "stat", "-x,", "-e", "task-clock", program, "hash", folder, "--threads", "1", "--faces", "stored", "--quiet"]
    said = subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True).stderr
    return float(said.splitlines()[-1].split(",")[0]) / len(list(folder.iterdir()))


def reference_time(path):
    def once():
        started = time.process_time()
        reference(path)
        return time.process_time() - started

    return 1000 * min(once() for _ in range(5))


SPEED_KINDS = {
    "heic": lambda source, made: run("heif-enc", "-q", "60", source, "-o", made),
    "avif": lambda source, made: run("avifenc", "-y", "420", "-s", "6", source, made),
    "jxl": lambda source, made: run("cjxl", source, made, "-q", "80"),
}


def speed(program, photographs, folder, rounds):
    large = [path for path in photographs if min(Image.open(path).size) >= 900][:SPEED_PHOTOGRAPHS]
    for kind in ("bmp", *SPEED_KINDS):
        (folder / kind).mkdir()
    for number, path in enumerate(large):
        picture = ImageOps.fit(Image.open(path).convert("RGB"), (1440, 900))
        picture.info.clear()
        picture.save(folder / "source.png")
        picture.save(folder / "bmp" / f"{number}.bmp")
        for kind, make in SPEED_KINDS.items():
            if not make(folder / "source.png", folder / kind / f"{number}.{kind}"):
                raise SystemExit(f"not made: {kind} of {path}")
    here, there = collections.defaultdict(list), collections.defaultdict(list)
    for _ in range(rounds):
        here["bmp"].append(cpu_time(program, folder / "bmp"))
        for kind in SPEED_KINDS:
            here[kind].append(cpu_time(program, folder / kind))
            there[kind].append(statistics.mean(reference_time(path) for path in (folder / kind).iterdir()))
    bitmap = statistics.median(here["bmp"])
    print(f"{len(large)} photographs, each as a bitmap: {bitmap:.1f} ms")
    for kind, times in there.items():
        ours, theirs = statistics.median(here[kind]) - bitmap, statistics.median(times)
        print(f"{kind}: {ours:.1f} ms here, {theirs:.1f} ms by the reference, {theirs / ours:.2f} of its speed")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("photographs", type=Path)
    arguments.add_argument("--program", type=Path, default=Path("target/release/shadegrid"))
    arguments.add_argument("--count", type=int, default=110)
    arguments.add_argument("--more", type=Path)
    arguments.add_argument("--usual", action="store_true")
    arguments.add_argument("--speed", action="store_true")
    arguments.add_argument("--rounds", type=int, default=7)
    given = arguments.parse_args()
    photographs = sorted(path for path in given.photographs.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    random.Random(7).shuffle(photographs)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if given.speed:
            return speed(given.program, photographs, folder, given.rounds)
        made, pixels = folder / "made", folder / "pixels"
        made.mkdir()
        pixels.mkdir()
        maker = Maker(photographs, folder, made)
        maker.make(given.count, [maker.usual] if given.usual else [maker.heic, maker.avif, maker.jxl])
        if given.more:
            for path in sorted(path for path in given.more.rglob("*") if path.is_file()):
                (made / f"more-{path.name}").write_bytes(path.read_bytes())
        for path in sorted(made.iterdir()):
            try:
                reference(path).save(pixels / f"{path.name}.png")
            except Exception as error:  # a file that the reference does not read either
                print(f"  {path.name}: the reference says {error}")
        compare(given.program, made, pixels)


if __name__ == "__main__":
    main()
