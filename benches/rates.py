#!/usr/bin/env python3
"""Pictures per second on one CPU and on both, and memory: the Python package against what people use.

    maturin build --profile wheel --manifest-path bindings/python/Cargo.toml
    pip install target/wheels/shadegrid-*.whl imagehash pdqhash numpy pillow
    pip install --no-deps imagededup && pip install scikit-learn PyWavelets matplotlib tqdm
    benches/rates.py PHOTOS

PHOTOS is a folder. Each has a process of its own, and all take turns, so that a busy machine slows all; prints Markdown with medians. Ours has two threads where
the others have two processes, which is what they offer. All decode the same bytes, which lie in memory.
"""

from __future__ import annotations

import io
import multiprocessing
import resource
import statistics
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path

ROUNDS = 5
PASSES = 4  # through all photos in one measurement
PHOTOS: list[bytes] = []


def shadegrid(threads: int) -> Callable[[list[int]], object]:
    import shadegrid

    hasher = shadegrid.Hasher(threads=threads)
    return lambda places: hasher.hash_many([PHOTOS[place] for place in places])


def imagehash() -> Callable[[bytes], object]:
    import imagehash
    from PIL import Image

    return lambda photo: imagehash.phash(Image.open(io.BytesIO(photo)))


def pdqhash() -> Callable[[bytes], object]:
    import numpy as np
    import pdqhash
    from PIL import Image

    return lambda photo: pdqhash.compute(np.asarray(Image.open(io.BytesIO(photo)).convert("RGB")))


def imagededup() -> Callable[[bytes], object]:
    # Its neural networks need torch, which is 5 GB here; its hashes do not.
    for name in ("methods.cnn", "utils.models", "utils.data_generator"):
        sys.modules[f"imagededup.{name}"] = absent = types.ModuleType(name)
        absent.__getattr__ = lambda _: None  # type: ignore[method-assign]
    import numpy as np
    from imagededup.methods import PHash
    from PIL import Image

    method = PHash(verbose=False)
    return lambda photo: method.encode_image(image_array=np.asarray(Image.open(io.BytesIO(photo)).convert("RGB")))


NAMES = {"imagehash": "`imagehash.phash`", "pdqhash": "`pdqhash.compute`", "imagededup": "`imagededup` PHash"}
one: Callable[[bytes], object]


def hash_one(place: int) -> None:
    one(PHOTOS[place])


def child(name: str, workers: int, paths: list[str]) -> None:
    """Prints pictures per second and the most bytes that were in memory."""
    global one
    PHOTOS.extend(Path(path).read_bytes() for path in paths)
    every = list(range(len(PHOTOS)))
    if name == "shadegrid":
        hash_all = shadegrid(workers)
    else:
        one = globals()[name]()
        pool = multiprocessing.get_context("fork").Pool(workers) if workers > 1 else None
        hash_all = (lambda places: pool.map(hash_one, places, chunksize=8)) if pool else (lambda places: [hash_one(place) for place in places])
    hash_all(every)
    started = time.perf_counter()
    hash_all(every * PASSES)
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if name != "shadegrid" and pool:
        pool.close()
        pool.join()
        memory += workers * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(len(every) * PASSES / seconds, memory * 1024)


def measured(name: str, workers: int, paths: list[str]) -> tuple[float, float]:
    printed = subprocess.run([sys.executable, __file__, "--child", name, str(workers), *paths], capture_output=True, text=True)
    if printed.returncode:
        raise RuntimeError(printed.stderr.strip().splitlines()[-1])
    rate, memory = printed.stdout.split()[-2:]
    return float(rate), float(memory)


def main() -> None:
    if sys.argv[1] == "--child":
        return child(sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    paths = sorted(str(path) for path in Path(sys.argv[1]).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))[:64]
    print(f"{len(paths)} photographs, {sum(Path(path).stat().st_size for path in paths) / len(paths) / 1000:.0f} kB each; Python {sys.version.split()[0]}\n")
    print("| | one CPU | both CPUs | memory, one | memory, both |\n| --- | --- | --- | --- | --- |")
    for name, shown in NAMES.items():
        ratios: dict[int, list[float]] = {1: [], 2: []}
        memories: dict[tuple[str, int], list[float]] = {}
        try:
            for _ in range(ROUNDS):
                for workers in ratios:
                    ours, theirs = measured("shadegrid", workers, paths), measured(name, workers, paths)
                    ratios[workers].append(ours[0] / theirs[0])
                    memories.setdefault(("ours", workers), []).append(ours[1])
                    memories.setdefault(("theirs", workers), []).append(theirs[1])
        except RuntimeError as error:
            print(f"| {shown}: {error} | | | | |")
            continue
        one, both = (f"{statistics.median(all_):.2f} × ({min(all_):.2f} to {max(all_):.2f})" for all_ in ratios.values())
        held = [f"{statistics.median(memories['theirs', workers]) / 1e6:.0f} MB, ours {statistics.median(memories['ours', workers]) / 1e6:.0f}" for workers in ratios]
        print(f"| {shown} | {one} | {both} | {held[0]} | {held[1]} |", flush=True)


if __name__ == "__main__":
    main()
