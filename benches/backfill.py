#!/usr/bin/env python3
"""What a backfill costs compared with `hash`, and whether it survives being killed: on real pictures, with the release build.

    benches/backfill.py kill PHOTOS WORK        kill two workers 50 times, compare with an undisturbed run
    benches/backfill.py overhead PHOTOS WORK    backfill and hash in turn on the same files: ratios of pictures/s
    benches/backfill.py match PHOTOS WORK GALLERY…  backfill without and with --match in turn, GALLERY one or several with commas between
    benches/backfill.py million WORK [COUNT]    small pictures made here, in tars: memory over the run, time of status

PHOTOS is a folder of pictures, WORK a folder that may be filled (a few GB). Prints what belongs into benches/results.
"""

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import struct
import subprocess
import sys
import tarfile
import time
import zlib
from io import BytesIO
from pathlib import Path

BINARY = Path(os.environ.get("SHADEGRID", "target/release/shadegrid")).resolve()


def copies(photos: Path, work: Path, count: int) -> Path:
    """`count` pictures below `work/input`: half in folders, half in tars of 250."""
    target = work / "input"
    if target.exists():
        return target
    files = sorted(path for path in photos.rglob("*") if path.is_file())
    half = count // 2
    for number in range(half):
        name = target / f"folders/{number // 500:03}/{number:06}-{files[number % len(files)].name}"
        name.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files[number % len(files)], name)
    (target / "tars").mkdir(parents=True, exist_ok=True)
    for first in range(half, count, 250):
        with tarfile.open(target / f"tars/{first:06}.tar", "w") as tar:
            for number in range(first, min(first + 250, count)):
                file = files[number % len(files)]
                tar.add(file, arcname=f"{number:06}-{file.name}")
    return target


def backfill(out: Path, sources: list[Path], *more: str, **options):
    command = [BINARY, "backfill", *sources, "--out", out, "--quiet", "--backend", "cpu", *more]
    return subprocess.Popen([str(word) for word in command], **options)


def finish(worker) -> None:
    code = worker.wait()
    if code not in (0, 2):
        sys.exit(f"backfill ended with {code}")


def same(left: Path, right: Path) -> int:
    names = sorted(path.name for path in (left / "records").iterdir())
    if names != sorted(path.name for path in (right / "records").iterdir()):
        sys.exit("not the same files of records")
    for name in names:
        if (left / "records" / name).read_bytes() != (right / "records" / name).read_bytes():
            sys.exit(f"{name} differs")
    return len(names)


def kill(arguments) -> None:
    source = copies(arguments.photos, arguments.work, arguments.count)
    options = ["--shard-size", "100", "--format", arguments.format, "-j", "1"]
    undisturbed, out = arguments.work / "undisturbed", arguments.work / "killed"
    for folder in (undisturbed, out):
        shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()
    finish(backfill(undisturbed, [source], *options))
    whole = time.monotonic() - start
    generator = random.Random(5)
    kills = rounds = 0
    while kills < 2 * arguments.kills:
        workers = [backfill(out, [source], *options) for _ in range(2)]
        time.sleep(generator.uniform(0.005, whole / arguments.kills * 1.5))
        alive = sum(worker.poll() is None for worker in workers)
        for worker in workers:
            worker.kill()
            worker.wait()
        rounds += 1
        kills += alive
        if alive == 0:
            break
    finish(backfill(out, [source], *options))
    files = same(out, undisturbed)
    verdict = subprocess.run([BINARY, "job", "verify", out], capture_output=True, text=True)
    print(f"undisturbed {whole:.1f} s; {kills} workers killed at {rounds} instants; {files} files byte-identical")
    print(verdict.stdout.strip())
    if verdict.returncode != 0 or kills < arguments.kills:
        sys.exit("the check failed, or too few were killed")


def user_seconds(command: list[str]) -> tuple[float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    code = subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    elapsed = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code not in (0, 2):
        sys.exit(f"{command} ended with {code}")
    return elapsed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def in_turn(methods: dict, rounds: int) -> None:
    """Methods in turn; medians of the ratios to the first, of wall time and of CPU time."""
    names = list(methods)
    times = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            times[name].append(methods[name]())
    for name in names:
        wall = statistics.median(first[0] / own[0] for first, own in zip(times[names[0]], times[name]))
        cpu = statistics.median(first[1] / own[1] for first, own in zip(times[names[0]], times[name]))
        seconds = statistics.median(own[0] for own in times[name])
        print(f"| {name} | {seconds:.2f} s | {wall:.3f} | {cpu:.3f} |")


def fresh(out: Path, source: Path, *more: str):
    def run():
        shutil.rmtree(out, ignore_errors=True)
        return user_seconds([BINARY, "backfill", source, "--out", out, "--quiet", "--backend", "cpu", *more])

    return run


def overhead(arguments) -> None:
    source = copies(arguments.photos, arguments.work, arguments.count)
    out, stored, form = arguments.work / "out", arguments.work / "hashed", arguments.format
    print("| method | median | pictures/s against hash | by CPU time |\n| --- | --- | --- | --- |")
    for part in ("folders", "tars"):
        hash_command = [BINARY, "hash", source / part, "--quiet", "--backend", "cpu", "--format", form, "-o", stored]
        in_turn(
            {
                f"{part}: hash, {form}": lambda: user_seconds(hash_command),
                f"{part}: backfill, shards of 10,000": fresh(out, source / part, "--format", form),
                f"{part}: backfill, shards of 100": fresh(out, source / part, "--format", form, "--shard-size", "100"),
            },
            arguments.rounds,
        )


def match(arguments) -> None:
    source = copies(arguments.photos, arguments.work, arguments.count)
    out = arguments.work / "out"
    print("| method | median | pictures/s against none | by CPU time |\n| --- | --- | --- | --- |")
    methods = {"backfill": fresh(out, source / "folders")}
    for galleries in arguments.gallery:
        matching = [word for gallery in galleries.split(",") for word in ("--match", gallery)]
        methods[f"backfill {' '.join(matching)}"] = fresh(out, source / "folders", *matching)
    in_turn(methods, arguments.rounds)


def small_picture(number: int) -> bytes:
    """A PNG of 64×64 greys with a pattern of its own."""
    seed = random.Random(number)
    a, b, c = seed.randrange(1, 9), seed.randrange(1, 9), seed.randrange(256)
    rows = b"".join(bytes([0]) + bytes((x * a + y * b + (x * y >> 3) + c) & 255 for x in range(64)) for y in range(64))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def million(arguments) -> None:
    """Tars of 10,000; the pictures are 1,000 different ones under names of their own."""
    source = arguments.work / "million"
    pictures = [small_picture(number) for number in range(1000)]
    for first in range(0, arguments.count, 10_000):
        name = source / f"{first:09}.tar"
        if name.exists():
            continue
        source.mkdir(parents=True, exist_ok=True)
        with tarfile.open(name.with_suffix(".new"), "w") as tar:
            for number in range(first, min(first + 10_000, arguments.count)):
                entry = tarfile.TarInfo(f"{number:09}.png")
                entry.size = len(pictures[number % 1000])
                tar.addfile(entry, BytesIO(pictures[number % 1000]))
        name.with_suffix(".new").rename(name)
    out = arguments.work / "million-out"
    shutil.rmtree(out, ignore_errors=True)
    start = time.monotonic()
    worker = backfill(out, [source])
    print("| after | records | resident memory | `job status` took |\n| --- | --- | --- | --- |")
    pause = 2.0
    while worker.poll() is None:
        time.sleep(pause)
        memory = [line for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines() if "VmRSS" in line]
        begun = time.monotonic()
        status = subprocess.run([BINARY, "job", "status", out, "--json"], capture_output=True, text=True)
        took = time.monotonic() - begun
        if status.returncode == 0 and memory:
            records = json.loads(status.stdout)["records"]
            megabytes = int(memory[0].split()[1]) / 1024
            print(f"| {time.monotonic() - start:.0f} s | {records} | {megabytes:.0f} MiB | {took * 1000:.0f} ms |")
        pause = min(pause * 1.3, 20.0)
    seconds = time.monotonic() - start
    for command in ("status", "verify"):
        begun = time.monotonic()
        done = subprocess.run([BINARY, "job", command, out], capture_output=True, text=True)
        print(f"`job {command}`: {time.monotonic() - begun:.2f} s, exit code {done.returncode}\n{done.stdout.strip()}")
    print(f"{arguments.count} pictures in {seconds:.1f} s: {arguments.count / seconds:.0f}/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for run, count in ((kill, 5208), (overhead, 2604), (match, 2604)):
        command = commands.add_parser(run.__name__)
        command.add_argument("photos", type=Path)
        command.add_argument("work", type=Path)
        if run is match:
            command.add_argument("gallery", nargs="+")
        command.add_argument("--count", type=int, default=count)
        command.add_argument("--kills", type=int, default=50)
        command.add_argument("--rounds", type=int, default=5)
        command.add_argument("--format", default="parquet")
        command.set_defaults(run=run)
    command = commands.add_parser("million")
    command.add_argument("work", type=Path)
    command.add_argument("count", type=int, nargs="?", default=1_000_000)
    command.set_defaults(run=million)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
