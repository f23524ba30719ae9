#!/usr/bin/env python3
"""`shadegrid dedupe` on photographs with known edits, in turn with imagededup and czkawka: which edits are found, what else is grouped, and the time.

    benches/dedupe.py [--rounds N] [--imagededup PYTHON] [--czkawka CZKAWKA_CLI] SHADEGRID PHOTOS FOLDER

SHADEGRID is the built command, PHOTOS a folder of JPEGs. FOLDER/photos gets copies of them (links where it can) and 84 edits of evenly chosen ones, 12 of each kind: a copy of the same bytes,
JPEG at 75 and 30, a half and a quarter of the size, 2 % cut off, 10 % brighter. PYTHON is an interpreter with imagededup. Needs Pillow. Prints Markdown. Each tool reads all files anew in every round; the page
cache is warm. An edit is found if it is in a group with its original; a group is mixed if it holds files of several originals, which may look the same all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image, ImageEnhance

IMAGEDEDUP = """
import json, sys, time
from imagededup.methods import PHash
start = time.monotonic()
found = PHash(verbose=False).find_duplicates(image_dir=sys.argv[1])
print(json.dumps([time.monotonic() - start, found]))
"""


def scaled(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((max(8, round(image.width * factor)), max(8, round(image.height * factor))), Image.Resampling.LANCZOS)


def cropped(image: Image.Image, share: float) -> Image.Image:
    dx, dy = image.width * share / 2, image.height * share / 2
    return image.crop((round(dx), round(dy), round(image.width - dx), round(image.height - dy)))


# What becomes of the picture, and the quality at which it is saved; None: the same bytes.
EDITS = {
    "same bytes": None,
    "JPEG at 75": (lambda image: image, 75),
    "JPEG at 30": (lambda image: image, 30),
    "half the size": (lambda image: scaled(image, 0.5), 85),
    "a quarter of the size": (lambda image: scaled(image, 0.25), 85),
    "2 % cut off": (lambda image: cropped(image, 0.02), 85),
    "10 % brighter": (lambda image: ImageEnhance.Brightness(image).enhance(1.1), 85),
}
EACH = 12


def made(photos: Path, folder: Path) -> dict[str, tuple[str, str]]:
    """Writes the files; the original and the kind of each edit."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    originals = []
    for number, path in enumerate(sorted(path for path in photos.rglob("*") if path.suffix.lower() == ".jpg")):
        name = f"{number:04}.jpg"
        shutil.copyfile(path, folder / name)
        originals.append(name)
    count = len(EDITS) * EACH
    edits = {}
    for place in range(count):
        original, kind = originals[place * len(originals) // count], list(EDITS)[place % len(EDITS)]
        name = f"{original[:4]}-edited.jpg"
        if EDITS[kind] is None:
            shutil.copyfile(folder / original, folder / name)
        else:
            change, quality = EDITS[kind]
            image = Image.open(folder / original).convert("RGB")
            change(image).save(folder / name, quality=quality)
        edits[name] = (original, kind)
    print(f"{len(originals)} photographs and {len(edits)} edits\n")
    return edits


def of_shadegrid(output: str) -> list[set[str]]:
    groups = (json.loads(line) for line in output.splitlines())
    return [{os.path.basename(member["key"]) for member in group["members"]} for group in groups]


def of_imagededup(output: str) -> list[set[str]]:
    """Connected components of what it calls duplicates, as the others give them."""
    groups: list[set[str]] = []
    for name, others in json.loads(output.splitlines()[-1])[1].items():
        own = {name, *others}
        if len(own) > 1:
            joined = [group for group in groups if group & own]
            groups = [group for group in groups if not group & own] + [own.union(*joined)]
    return groups


def of_czkawka(output: str) -> list[set[str]]:
    return [{os.path.basename(file["path"]) for file in group} for group in json.loads(output)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--imagededup", metavar="PYTHON")
    parser.add_argument("--czkawka", metavar="CZKAWKA_CLI")
    parser.add_argument("shadegrid")
    parser.add_argument("photos", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    photos, out = arguments.folder / "photos", arguments.folder / "czkawka.json"
    edits = made(arguments.photos, photos)
    dedupe = [arguments.shadegrid, "dedupe", photos, "--format", "jsonl", "--quiet"]
    tools = {f"shadegrid, {preset}": ([*dedupe, "--preset", preset], of_shadegrid) for preset in ("near", "loose")}
    if arguments.imagededup:
        tools["imagededup, PHash"] = ([arguments.imagededup, "-c", IMAGEDEDUP, photos], of_imagededup)
    if arguments.czkawka:
        # Its cache would leave out what is measured.
        tools["czkawka, Medium"] = ([arguments.czkawka, "image", "-d", photos.resolve(), "-s", "Medium", "-H", "-C", out], of_czkawka)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in tools}
    groups, started = {}, []
    for _ in range(arguments.rounds):
        for name, (command, read) in tools.items():
            before, start = os.times(), time.monotonic()
            done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            wall, after = time.monotonic() - start, os.times()
            if done.returncode not in (0, 2, 11):
                sys.exit(f"{name} ended with {done.returncode}: {done.stderr}")
            times[name].append((wall, after.children_user + after.children_system - before.children_user - before.children_system))
            if read is of_imagededup:
                started.append(json.loads(done.stdout.splitlines()[-1])[0])
            groups[name] = read(out.read_text() if read is of_czkawka else done.stdout)
    print("| | edits found | groups | of these mixed | wall, s | CPU, s |\n| --- | --- | --- | --- | --- | --- |")
    for name, found in groups.items():
        hits = [edit for edit, (original, _) in edits.items() if any({edit, original} <= group for group in found)]
        mixed = sum(len({member[:4] for member in group}) > 1 for group in found)
        wall, cpu = (statistics.median(sample[of] for sample in times[name]) for of in (0, 1))
        print(f"| {name} | {len(hits)} of {len(edits)} | {len(found)} | {mixed} | {wall:.2f} | {cpu:.2f} |")
    if started:
        print(f"\nimagededup without its imports: {statistics.median(started):.2f} s of wall time.")
    print("\n| found | " + " | ".join(EDITS) + " |\n|" + " --- |" * (len(EDITS) + 1))
    for name, found in groups.items():
        hits = [sum(kind == own and any({edit, original} <= group for group in found) for edit, (original, own) in edits.items()) for kind in EDITS]
        print(f"| {name} | " + " | ".join(f"{hit} of {EACH}" for hit in hits) + " |")


if __name__ == "__main__":
    main()
