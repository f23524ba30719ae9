#!/usr/bin/env python3
"""Recall by transformation, end to end: altered copies of pictures looked up among their originals and a million strangers.

usage: recall.py SHADEGRID PHOTOS FOLDER [COUNT]

SHADEGRID is the built command, PHOTOS a folder of photographs, FOLDER what `match data` wrote (its `*.gallery.bin` are the strangers);
altered copies and galleries go to FOLDER/recall. The originals are the photographs, at most 1,000 pixels a side, and squares of 384 pixels
cut from the larger ones side by side, COUNT (1,000) in all. Needs Pillow, which alters and compresses; reading is the command's alone.
Originals that are flat or under PDQ quality 50 match nothing by the command's own rules; they are left out and counted.
"""
import collections
import json
import pathlib
import subprocess
import sys

from PIL import Image

command, photos, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
wanted = int(sys.argv[4]) if sys.argv[4:] else 1000
work = folder / "recall"
work.mkdir(exist_ok=True)
SQUARE = 384


def crop(image, share):
    """Takes half of `share` of the width and height off every side."""
    dx, dy = image.width * share / 2, image.height * share / 2
    return image.crop((round(dx), round(dy), round(image.width - dx), round(image.height - dy)))


def scale(image, factor):
    return image.resize((max(8, round(image.width * factor)), max(8, round(image.height * factor))), Image.Resampling.LANCZOS)


alterations = {
    "jpeg-q75": (lambda image: image, 75),
    "jpeg-q50": (lambda image: image, 50),
    "jpeg-q30": (lambda image: image, 30),
    "scale-50": (lambda image: scale(image, 0.5), 85),
    "scale-25": (lambda image: scale(image, 0.25), 85),
    "crop-2": (lambda image: crop(image, 0.02), 85),
    "crop-5": (lambda image: crop(image, 0.05), 85),
    "mirror": (lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 85),
}
for name in ["originals", *alterations]:
    (work / name).mkdir(exist_ok=True)
    for left in (work / name).iterdir():
        left.unlink()


def opened():
    """The photographs that Pillow reads."""
    for path in sorted(path for path in photos.rglob("*") if path.is_file()):
        try:
            image = Image.open(path)
            if min(image.size) >= 100:
                yield path, image.size
        except OSError:
            pass


def squares(size):
    """Left and top of the squares of a picture that is larger than one of them."""
    if max(size) < 2 * SQUARE:
        return []
    return [(x, y) for y in range(0, size[1] - SQUARE + 1, SQUARE) for x in range(0, size[0] - SQUARE + 1, SQUARE)]


def keep(image, number):
    name = f"{number:04}.jpg"
    image.save(work / "originals" / name, quality=95)
    for alteration, (change, quality) in alterations.items():
        change(image).save(work / alteration / name, quality=quality)


sources = list(opened())
places = [(path, place) for path, size in sources for place in squares(size)]
share = max(0, wanted - len(sources)) / max(1, len(places))
count = taken = 0
for path, size in sources:
    image = Image.open(path).convert("RGB")
    for place in squares(size):
        # Every so many of all squares, evenly over the photographs.
        taken += 1
        if int(taken * share) > int((taken - 1) * share):
            keep(image.crop((*place, place[0] + SQUARE, place[1] + SQUARE)), count)
            count += 1
    image.thumbnail((1000, 1000))
    keep(image, count)
    count += 1


def run(*arguments):
    done = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode not in (0, 3):
        print(done.returncode, done.stdout[:500], done.stderr, file=sys.stderr)
        sys.exit(done.returncode)
    return [json.loads(line) for line in done.stdout.splitlines()]


records, gallery = work / "originals.jsonl", work / "g.gallery"
run("hash", work / "originals", "-o", records, "-q")
run("gallery", "build", gallery, records, folder / "photodna.gallery.bin", "-q")
run("gallery", "add", gallery, "--list-format", "bin-pdq", folder / "pdq.gallery.bin", "-q")
usable = {"photodna": set(), "pdq": set()}
for line in map(json.loads, records.open()):
    name = pathlib.Path(line["key"]).name
    if "flat" not in line["flags"]:
        usable["photodna"].add(name)
    if line["quality"] >= 50:
        usable["pdq"].add(name)
usable["either"] = usable["photodna"] | usable["pdq"]
usable["joint"] = usable["photodna"] & usable["pdq"]


def found(alteration, *options):
    """The pictures that found their original, by algorithm; pairs with other originals; pairs with strangers."""
    own, others, strangers = collections.defaultdict(set), 0, 0
    if alteration == "mirror":
        options += ("--orientations", "all")
    for line in run("match", "--gallery", gallery, work / alteration, "--no-verify", "-q", *options):
        name = pathlib.Path(line["key"]).name
        for match in line["matches"]:
            if match["source"] != records.name:
                strangers += 1
            elif pathlib.Path(match["key"]).name == name:
                own[match["algorithm"]].add(name)
            else:
                others += 1
    return own, others, strangers


print(f"{len(sources)} photographs, {count - len(sources)} squares; {len(usable['photodna'])} not flat, "
      f"{len(usable['pdq'])} of PDQ quality 50 and more")
print("| alteration | photodna ≤ 40,000 | pdq ≤ 31 | either | joint ≤ 62,500 and ≤ 90 | other originals, strangers found | joint: the same |")
print("| --- | --- | --- | --- | --- | --- | --- |")
for alteration in alterations:
    own, others, strangers = found(alteration)
    both, joint_others, joint_strangers = found(alteration, "--joint", "photodna=62500,pdq=90")
    matched = own | {"either": own["photodna"] | own["pdq"], "joint": both["photodna"]}
    shares = [f"{100 * len(matched[kind] & usable[kind]) / max(1, len(usable[kind])):.1f} %"
              for kind in ["photodna", "pdq", "either", "joint"]]
    print(f"| {alteration} | {' | '.join(shares)} | {others}, {strangers} | {joint_others}, {joint_strangers} |", flush=True)
