#!/usr/bin/env python3
"""`shadegrid dedupe` on photographs with known edits, in turn with imagededup and czkawka: which edits are found, what else is grouped, and the time.

    benches/dedupe.py [--rounds N] [--threads N] [--imagededup PYTHON] [--czkawka CZKAWKA_CLI] [--czkawka-core PYTHON] SHADEGRID PHOTOS FOLDER

SHADEGRID is the built command, PHOTOS a folder of JPEGs. FOLDER/photos gets copies of them (links where it can) and 84 edits of evenly chosen ones, 12 of each kind: a copy of the same bytes,
JPEG at 75 and 30, a half and a quarter of the size, 2 % cut off, 10 % brighter. PYTHON is an interpreter with imagededup, or with the package czkawka, which is czkawka's core without its command.
Needs Pillow. Prints Markdown. Each tool reads all files anew in every round, without a cache of its own, and on as many threads; the page cache is warm. The tools run in turn, and a ratio is the median of
those of single rounds. An edit is found if it is in a group with its original; a group is mixed if it holds files of several originals, which may look the same all the same.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageEnhance

IMAGEDEDUP = """
import json, sys, time
from imagededup.methods import PHash
if __name__ == "__main__":
    start = time.monotonic()
    threads = int(sys.argv[2])
    found = PHash(verbose=False).find_duplicates(image_dir=sys.argv[1], num_enc_workers=threads, num_dist_workers=threads)
    print(json.dumps([time.monotonic() - start, found]))
"""

CZKAWKA = """
import json, sys
from pathlib import Path
from czkawka import ImageSimilarity
finder = ImageSimilarity()
finder.set_directories([Path(sys.argv[1])])
finder.set_similarity(int(sys.argv[2]))
print(json.dumps([[str(path) for path in group] for group in finder.find_similar()]))
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


def of_czkawka_core(output: str) -> list[set[str]]:
    return [{os.path.basename(file) for file in group} for group in json.loads(output)]


def pairs(groups: list[set[str]]) -> set[tuple[str, str]]:
    return {pair for group in groups for pair in itertools.combinations(sorted(group), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--imagededup", metavar="PYTHON")
    parser.add_argument("--czkawka", metavar="CZKAWKA_CLI")
    parser.add_argument("--czkawka-core", metavar="PYTHON")
    parser.add_argument("shadegrid")
    parser.add_argument("photos", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    photos, out = arguments.folder / "photos", arguments.folder / "czkawka.json"
    edits = made(arguments.photos, photos)
    threads = str(arguments.threads)
    dedupe = [arguments.shadegrid, "dedupe", photos, "--format", "jsonl", "--quiet", "--threads", threads]
    tools = {f"shadegrid, {preset}": ([*dedupe, "--preset", preset], of_shadegrid) for preset in ("near", "loose")}
    if arguments.imagededup:
        # Its workers are processes that import the program, so that it has to be a file.
        program = arguments.folder / "run_imagededup.py"
        program.write_text(IMAGEDEDUP)
        tools["imagededup, PHash"] = ([arguments.imagededup, program, photos, threads], of_imagededup)
    if arguments.czkawka:
        # Its cache would leave out what is measured, and its least size small files.
        always = [arguments.czkawka, "image", "-d", photos.resolve(), "--disable-cache", "--minimal-file-size", "1", "--thread-number", threads, "-C", out]
        # The command of release 12: of 256 bits its default lets 5 differ; 15 is what its windows call medium.
        for bits in (5, 15):
            tools[f"czkawka, {bits} of 256 bits"] = ([*always, "--max-difference", bits], of_czkawka)
    if arguments.czkawka_core:
        # Its hashes have 64 bits, of which its "Medium" lets 5 differ, and "Small" 7.
        for name, bits in (("Medium", 5), ("Small", 7)):
            command = [arguments.czkawka_core, "-c", CZKAWKA, photos.resolve(), bits]
            tools[f"czkawka's core, {name}, {bits} of 64 bits"] = (command, of_czkawka_core)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in tools}
    groups, started = {}, []
    for _ in range(arguments.rounds):
        for name, (command, read) in tools.items():
            # A cache of czkawka's core, which cannot be switched off, goes to a folder that is new in every round.
            home = tempfile.TemporaryDirectory()
            environment = {**os.environ, "XDG_CACHE_HOME": home.name, "XDG_CONFIG_HOME": home.name, "RAYON_NUM_THREADS": threads}
            words = [str(word) for word in command]
            before, start = os.times(), time.monotonic()
            done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
            wall, after = time.monotonic() - start, os.times()
            if done.returncode not in (0, 2, 11):
                sys.exit(f"{name} ended with {done.returncode}: {done.stderr}")
            times[name].append((wall, after.children_user + after.children_system - before.children_user - before.children_system))
            if read is of_imagededup:
                started.append(json.loads(done.stdout.splitlines()[-1])[0])
            groups[name] = read(out.read_text() if read is of_czkawka else done.stdout)
    first = next(iter(tools))
    print("| | edits found | groups | of these mixed | wall, s | CPU, s | wall, times that of the first | CPU |\n|" + " --- |" * 8)
    for name, found in groups.items():
        hits = [edit for edit, (original, _) in edits.items() if any({edit, original} <= group for group in found)]
        mixed = sum(len({member[:4] for member in group}) > 1 for group in found)
        wall, cpu = (statistics.median(sample[of] for sample in times[name]) for of in (0, 1))
        ratios = (statistics.median(own[of] / base[of] for own, base in zip(times[name], times[first])) for of in (0, 1))
        shown = " | ".join(f"{ratio:.2f}" for ratio in ratios)
        print(f"| {name} | {len(hits)} of {len(edits)} | {len(found)} | {mixed} | {wall:.2f} | {cpu:.2f} | {shown} |")
    if started:
        print(f"\nimagededup without its imports: {statistics.median(started):.2f} s of wall time.")
    print("\n| pairs in a group | all | also of the first | not of the first | of the first alone |\n|" + " --- |" * 5)
    base = pairs(groups[first])
    for name, found in groups.items():
        own = pairs(found)
        print(f"| {name} | {len(own)} | {len(own & base)} | {len(own - base)} | {len(base - own)} |")
    print("\n| found | " + " | ".join(EDITS) + " |\n|" + " --- |" * (len(EDITS) + 1))
    for name, found in groups.items():
        hits = [sum(kind == own and any({edit, original} <= group for group in found) for edit, (original, own) in edits.items()) for kind in EDITS]
        print(f"| {name} | " + " | ".join(f"{hit} of {EACH}" for hit in hits) + " |")


if __name__ == "__main__":
    main()
