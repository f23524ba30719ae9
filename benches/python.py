#!/usr/bin/env python3
"""The Python package against a plain Rust loop of one `Hasher` over the same bytes, and against what people use.

    cargo build --release --example plain
    maturin build --profile wheel --manifest-path bindings/python/Cargo.toml
    pip install target/wheels/shadegrid-*.whl pyarrow duckdb polars imagehash pdqhash numpy
    benches/python.py PHOTOS [PLAIN [WHEEL]]

PHOTOS is a folder. Prints Markdown. Figures are CPU time relative to the plain loop, where nothing else is said; each is the median of rounds that alternate with the plain loop's, so that
a busy machine slows both. Packages that are not installed are left out, with a line that says so.
"""

from __future__ import annotations

import io
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import shadegrid

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 7
CALLS = 4  # rounds through all photos in one measurement


def plain(program: Path, paths: list[Path], passes: int = CALLS) -> float:
    """CPU seconds of the Rust loop for one picture."""
    done = subprocess.run([program, str(passes), *paths], capture_output=True, text=True, check=True)
    pictures, seconds = done.stdout.split()
    return float(seconds) / int(pictures)


def spent(work: Callable[[], object], pictures: int) -> tuple[float, float]:
    """CPU and wall seconds of some work for one picture."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return (time.process_time() - cpu) / pictures, (time.perf_counter() - wall) / pictures


def row(what: str, goal: str, figure: str) -> None:
    print(f"| {what} | {goal} | {figure} |", flush=True)


def ratio(program: Path, paths: list[Path], work: Callable[[], object]) -> str:
    """The median of the ratios, and their range."""
    work()
    all_ = [spent(work, CALLS * len(paths))[0] / plain(program, paths) for _ in range(ROUNDS)]
    return f"{statistics.median(all_):.3f} ({min(all_):.3f} to {max(all_):.3f})"


def our_own(program: Path, paths: list[Path], photos: list[bytes]) -> None:
    import pyarrow as pa

    one = shadegrid.Hasher(threads=1)
    row("`hash`", "≤ 1.03", ratio(program, paths, lambda: [one.hash(photo) for _ in range(CALLS) for photo in photos]))
    for size in (16, 128):
        whole = (photos * (CALLS * size))[: CALLS * len(photos)]
        parts = [whole[at : at + size] for at in range(0, len(whole), size)]
        arrays = [pa.array(part, pa.binary()) for part in parts]
        row(f"`hash_many` of {size}, bytes", "≤ 1.03", ratio(program, paths, lambda: [one.hash_many(part) for part in parts]))
        row(f"`hash_many` of {size}, Arrow", "≤ 1.03", ratio(program, paths, lambda: [one.hash_many(array) for array in arrays]))
    two = shadegrid.Hasher(threads=2)
    row("`hash_many` of 128 on two threads", "≤ 1.10", ratio(program, paths, lambda: [two.hash_many(part) for part in parts]))
    walls = [spent(lambda: [two.hash_many(part) for part in parts], 1)[1] / spent(lambda: [one.hash_many(part) for part in parts], 1)[1] for _ in range(ROUNDS)]
    row("… its wall time, of one thread's", "≤ 0.56", f"{statistics.median(walls):.2f}")


def instructions(program: Path, paths: list[Path]) -> None:
    """The same in instructions, which no other work on the machine changes: four rounds less one, so that starting is not counted."""
    if shutil.which("valgrind") is None:
        return row("`hash`, `hash_many`, instructions", "≤ 1.03", "no valgrind")
    begin = "import sys, shadegrid; rounds = range(int(sys.argv[1])); photos = [open(path, 'rb').read() for path in sys.argv[2:]]; one = shadegrid.Hasher(threads=1)\n"
    few = paths[:12]

    def counted(command: list[object]) -> int:
        valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        printed = subprocess.run([*valgrind, *map(str, command)], capture_output=True, text=True, check=True).stderr
        return int(printed.split("Collected : ")[1].split()[0])

    def of_three(command: list[object]) -> int:
        return counted([*command, 4, *few]) - counted([*command, 1, *few])

    loop = of_three([program])
    for what, work in {"hash": "[one.hash(photo) for _ in rounds for photo in photos]", "hash_many": "[one.hash_many(photos) for _ in rounds]"}.items():
        row(f"`{what}`, instructions", "≤ 1.03", f"{of_three([sys.executable, '-c', begin + work]) / loop:.3f}")


def small_costs() -> None:
    one = shadegrid.Hasher(threads=1)
    bad = [b"no picture"] * 10_000
    row("a row that is an error", "≤ 1 µs", f"{statistics.median(spent(lambda: one.hash_many(bad), len(bad))[0] for _ in range(ROUNDS)) * 1e6:.2f} µs")
    # A picture that costs next to nothing, alone and in company.
    tiny = b"BM" + (54 + 96).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little") + (5).to_bytes(4, "little") * 2 + b"\1\0\x18\0" + bytes(24) + bytes(range(96))
    assert one.hash(tiny).width == 5

    def alone() -> None:
        for _ in range(2000):
            one.hash_many([tiny])

    over = [spent(alone, 2000)[0] - spent(lambda: one.hash_many([tiny] * 2000), 2000)[0] for _ in range(ROUNDS)]
    row("a call beyond its pictures", "≤ 20 µs", f"{statistics.median(over) * 1e6:.1f} µs")


def engines(program: Path, paths: list[Path]) -> None:
    import duckdb
    import polars as pl
    import pyarrow as pa

    one = shadegrid.Hasher(threads=1)
    names = [str(path) for path in paths] * CALLS
    connection = duckdb.connect(config={"threads": 1})  # 13 ms, once

    def of_duckdb() -> None:
        pictures = connection.sql("select content as bytes from read_blob($1)", params=[names])
        made = one.hash_table(pictures)
        hashes = pa.RecordBatchReader.from_batches(pa.schema(made.schema), (batch.to_pyarrow() for batch in made))
        assert duckdb.sql("select count(*) from hashes").fetchall() == [(len(names),)]

    def of_polars() -> None:
        frame = pl.DataFrame({"bytes": [Path(name).read_bytes() for name in names]})
        assert pl.DataFrame(one.hash_many(frame["bytes"])).height == len(names)

    row("the DuckDB snippet, reading included", "≤ 1.2", ratio(program, paths, of_duckdb))
    row("the Polars snippet, reading included", "≤ 1.1", ratio(program, paths, of_polars))


def rivals(program: Path, paths: list[Path], photos: list[bytes]) -> None:
    """Each decodes the same bytes as its own documentation does."""
    try:
        import imagehash
        from PIL import Image

        row("`imagehash.phash`", "≥ 6", ratio(program, paths, lambda: [imagehash.phash(Image.open(io.BytesIO(photo))) for _ in range(CALLS) for photo in photos]))

        # Its parts, and the least that libjpeg-turbo does for any picture: every code is read, the inverse transform is left out.
        def decode(photo: bytes, *, least: bool) -> None:
            image = Image.open(io.BytesIO(photo))
            if least:
                image.draft("L", (1, 1))
            image.load()

        decoded = [Image.open(io.BytesIO(photo)) for photo in photos]
        row("… Pillow's decoding alone", "", ratio(program, paths, lambda: [decode(photo, least=False) for _ in range(CALLS) for photo in photos]))
        row("… of decoded pictures", "", ratio(program, paths, lambda: [imagehash.phash(image) for _ in range(CALLS) for image in decoded]))
        row("Pillow's decoding at an eighth, in grey", "", ratio(program, paths, lambda: [decode(photo, least=True) for _ in range(CALLS) for photo in photos]))
    except ImportError as error:
        print(f"| {error} | | |")
    try:
        import numpy as np
        import pdqhash
        from PIL import Image

        row("`pdqhash.compute`, decoded by Pillow", "", ratio(program, paths, lambda: [pdqhash.compute(np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"))) for _ in range(CALLS) for photo in photos]))
    except ImportError as error:
        print(f"| {error} | | |")
    try:
        from imagededup.methods import PHash

        method = PHash(verbose=False)
        row("`imagededup` PHash, files", "", ratio(program, paths, lambda: [method.encode_image(image_file=path) for _ in range(CALLS) for path in paths]))
    except ImportError as error:
        print(f"| {error} | | |")


def installation(wheel: Path | None) -> None:
    if wheel is not None:
        row("wheel", "≤ 2 MB", f"{wheel.stat().st_size / 1e6:.2f} MB")

    def started(program: str) -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        return time.perf_counter() - begun

    times = [(started("import shadegrid") - started("pass")) * 1000 for _ in range(4 * ROUNDS)]
    row("`import shadegrid`", "≤ 20 ms", f"{statistics.median(times):.1f} ms")


def main() -> None:
    folder = Path(sys.argv[1])
    program = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "target/release/examples/plain"
    wheel = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))[:64]
    photos = [path.read_bytes() for path in paths]
    pixels = sum(hashed.width * hashed.height for hashed in map(shadegrid.Hasher().hash, photos))
    print(f"{len(paths)} photographs, {sum(map(len, photos)) / len(photos) / 1000:.0f} kB and {pixels / len(photos) / 1e6:.2f} megapixels each; Python {sys.version.split()[0]}, {os.cpu_count()} CPUs\n")
    print("| what | goal | CPU time, of the plain Rust loop's |\n| --- | --- | --- |")
    our_own(program, paths, photos)
    instructions(program, paths)
    small_costs()
    engines(program, paths)
    rivals(program, paths, photos)
    installation(wheel)


if __name__ == "__main__":
    main()
