#!/usr/bin/env python3
"""Recall by transformation, end to end: altered copies of photographs looked up among a million strangers.

usage: recall.py SHADEGRID PHOTOS FOLDER [png]

SHADEGRID is the built command, PHOTOS a folder of pictures, FOLDER what `match data` wrote (its `*.gallery.bin` are the strangers);
altered copies and galleries go to FOLDER/recall. Needs Pillow. Originals under PDQ quality 50 or flat are left out by the
command's own rules and counted apart. With `png` every JPEG is decoded by Pillow and handed on as PNG.
"""
import collections
import json
import pathlib
import subprocess
import sys

from PIL import Image

command, photos, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
as_png = sys.argv[4:] == ["png"]
work = folder / "recall"
work.mkdir(exist_ok=True)


def save(image, path, quality):
    image.save(path, quality=quality)
    if as_png:
        Image.open(path).save(path.with_suffix(".png"), compress_level=1)
        path.unlink()


def crop(image, share):
    dx, dy = image.width * share / 2, image.height * share / 2
    return image.crop((round(dx), round(dy), round(image.width - dx), round(image.height - dy)))


def scale(image, factor):
    return image.resize((max(8, round(image.width * factor)), max(8, round(image.height * factor))), Image.Resampling.LANCZOS)


alterations = {
    "jpeg-q75": (lambda image: image, 75),
    "jpeg-q30": (lambda image: image, 30),
    "scale-50": (lambda image: scale(image, 0.5), 85),
    "scale-25": (lambda image: scale(image, 0.25), 85),
    "crop-2": (lambda image: crop(image, 0.02), 85),
    "crop-5": (lambda image: crop(image, 0.05), 85),
    "mirror": (lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 85),
}
originals = work / "originals"
originals.mkdir(exist_ok=True)
count = 0
for path in sorted(path for path in photos.rglob("*") if path.is_file()):
    try:
        image = Image.open(path).convert("RGB")
    except Exception:
        continue
    if min(image.size) < 100:
        continue
    image.thumbnail((1000, 1000))
    name = f"{count:04}.jpg"
    save(image, originals / name, 95)
    for alteration, (change, quality) in alterations.items():
        (work / alteration).mkdir(exist_ok=True)
        save(change(image), work / alteration / name, quality)
    count += 1


def run(*arguments):
    done = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode not in (0, 3):
        print(done.returncode, done.stdout[:500], done.stderr, file=sys.stderr)
        sys.exit(done.returncode)
    return [json.loads(line) for line in done.stdout.splitlines()]


records = work / "originals.jsonl"
run("hash", originals, "-o", records, "-q")
run("gallery", "build", work / "g.gallery", records, folder / "photodna.gallery.bin", "-q")
run("gallery", "add", work / "g.gallery", "--list-format", "bin-pdq", folder / "pdq.gallery.bin", "-q")
usable = {"photodna": set(), "pdq": set()}
for line in map(json.loads, records.open()):
    name = pathlib.Path(line["path"]).name
    if "flat" not in line["flags"]:
        usable["photodna"].add(name)
    if line["quality"] >= 50:
        usable["pdq"].add(name)
print(f"{count} originals, {len(usable['photodna'])} not flat, {len(usable['pdq'])} of PDQ quality 50 and more")
print("| alteration | photodna ≤ 40,000 | pdq ≤ 31 | either | strangers told |")
print("| --- | --- | --- | --- | --- |")
for alteration in alterations:
    options = ["--orientations", "all"] if alteration == "mirror" else []
    found, strangers = collections.defaultdict(set), 0
    for line in run("match", "--gallery", work / "g.gallery", work / alteration, "--no-verify", "-q", *options):
        name = pathlib.Path(line["path"]).name
        for match in line["matches"]:
            if match["source"] == records.name and pathlib.Path(match["key"]).name == name:
                found[match["algorithm"]].add(name)
            else:
                strangers += match["source"] != records.name
    share = lambda hits, all: f"{100 * len(hits & all) / max(1, len(all)):.1f} %"
    either = found["photodna"] | found["pdq"]
    print(f"| {alteration} | {share(found['photodna'], usable['photodna'])} | {share(found['pdq'], usable['pdq'])} "
          f"| {share(either, usable['photodna'] | usable['pdq'])} | {strangers} |", flush=True)
