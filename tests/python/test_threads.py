"""Threads, the GIL, forks, signals, pickles, and that nothing leaks."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

import shadegrid
from conftest import drawn, encoded


@pytest.fixture(scope="module")
def large() -> bytes:
    """A picture that takes a while."""
    return encoded(drawn(1).resize((3000, 2400)), "JPEG", quality=95, progressive=True)


def turns_while(work: object) -> int:
    """How often this thread came round while another did some work."""
    done = threading.Event()

    def run() -> None:
        work()  # type: ignore[operator]
        done.set()

    thread = threading.Thread(target=run)
    turns = 0
    thread.start()
    while not done.is_set():
        turns += 1
        time.sleep(0.001)
    thread.join()
    return turns


def test_the_lock_is_released(large: bytes) -> None:
    hasher = shadegrid.Hasher(threads=1, detail="full")
    for work in [
        lambda: [hasher.hash(large) for _ in range(5)],
        lambda: hasher.hash_many([large] * 5),
        lambda: hasher.hash_many(pa.array([large] * 5, pa.binary())),
    ]:
        # Where the lock were held, there would be a turn between pictures at most; how many there are otherwise depends on what else runs.
        assert turns_while(work) > 20


def test_many_threads_share_a_hasher(photos: list[bytes]) -> None:
    hasher = shadegrid.Hasher(threads=2)
    expected = hasher.hash_many(photos).to_pylist()
    with ThreadPoolExecutor(8) as pool:
        many = list(pool.map(lambda _: hasher.hash_many(photos).to_pylist(), range(24)))
        single = list(pool.map(hasher.hash, photos * 6))
    assert all(rows == expected for rows in many)
    assert [bytes(hashed.pdq) for hashed in single] == [row["pdq"] for row in expected] * 6


def test_a_table_is_taken_by_one_thread_at_a_time(photos: list[bytes]) -> None:
    batches = [pa.record_batch({"bytes": pa.array(photos, pa.binary())}) for _ in range(12)]
    made = shadegrid.Hasher(threads=1).hash_table(pa.Table.from_batches(batches))
    rows: list[int] = []

    def take() -> None:
        while True:
            try:
                rows.append(len(next(made)))
            except StopIteration:
                return
            except RuntimeError:
                time.sleep(0.001)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: take(), range(4)))
    assert rows == [8] * 12


def test_a_forked_child_hashes_though_the_parent_is_at_it(photos: list[bytes]) -> None:
    hasher = shadegrid.Hasher(threads=2)
    builder = shadegrid.GalleryBuilder()
    for number, photo in enumerate(photos):
        builder.add(f"{number}", pdq=hasher.hash(photo).pdq)
    search = shadegrid.Search([shadegrid.Gallery.from_bytes(builder.to_bytes())])
    expected = len(hasher.hash_many(photos, search=search))
    stop = threading.Event()

    def keep_busy() -> None:
        while not stop.is_set():
            hasher.hash_many(photos, search=search)

    threads = [threading.Thread(target=keep_busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                # A child of threads has only this one; it leaves without the parent's cleaning up.
                signal.alarm(30)
                os._exit(0 if len(hasher.hash_many(photos, search=search)) == expected and hasher.hash(photos[0]) else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def hash_in_another_process(hasher: shadegrid.Hasher, photo: bytes) -> bytes:
    return bytes(hasher.hash(photo).pdq)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_pickles_reach_other_processes(method: str, photos: list[bytes]) -> None:
    hasher = shadegrid.Hasher(threads=1, detail="full", limits=shadegrid.Limits(max_side=9999), memory=1 << 30)
    assert repr(pickle.loads(pickle.dumps(hasher))) == repr(hasher)
    with multiprocessing.get_context(method).Pool(1) as pool:
        (found,) = pool.starmap(hash_in_another_process, [(hasher, photos[0])])
    assert found == bytes(hasher.hash(photos[0]).pdq)


def test_signatures_and_limits_are_pickled(photos: list[bytes], tmp_path: Path) -> None:
    hashed = shadegrid.Hasher().hash(photos[1])
    builder = shadegrid.GalleryBuilder()
    builder.add("a", photodna=hashed.photodna, pdq=hashed.pdq)
    builder.create(tmp_path / "known.sgg")
    search = shadegrid.Search([tmp_path / "known.sgg"], photodna=None, nearest=3, orientations=True)
    for value in [hashed.photodna, hashed.pdq, shadegrid.Limits(max_scans=7)]:
        assert pickle.loads(pickle.dumps(value)) == value
    again = pickle.loads(pickle.dumps(search))
    assert again.find(hashed).to_pylist() == search.find(hashed).to_pylist() != []
    with pytest.raises(TypeError, match="memory"):
        pickle.dumps(shadegrid.Search([shadegrid.Gallery.from_bytes(builder.to_bytes())]))


INTERRUPTED = """
import signal, sys, threading, time, os
import shadegrid
data = open(sys.argv[1], "rb").read()
hasher = shadegrid.Hasher(threads=int(sys.argv[2]), detail="full")
paths = [sys.argv[1]] * 2000
works = {"many": lambda: hasher.hash_many([data] * 2000), "files": lambda: hasher.hash_files(paths)}
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    works[sys.argv[3]]()
except KeyboardInterrupt:
    # Another call does what the ended one would have done.
    print(hasher.hash_many([data]).to_pylist()[0]["status"])
"""


@pytest.mark.parametrize("call", ["many", "files"])
@pytest.mark.parametrize("threads", ["1", "2"])
def test_an_interrupt_ends_a_call_between_pictures(threads: str, call: str, large: bytes, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    path.write_bytes(large)
    started = time.monotonic()
    command = [sys.executable, "-c", INTERRUPTED, str(path), threads, call]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout == "ok\n", done.stderr
    assert time.monotonic() - started < 60


def test_one_picture_starts_no_thread(photos: list[bytes]) -> None:
    def threads() -> int:
        return len(os.listdir("/proc/self/task"))

    hasher = shadegrid.Hasher(threads=4)
    before = threads()
    hasher.hash(photos[0])
    hasher.hash_many(photos[:1])
    assert threads() == before
    hasher.hash_many(photos)
    # Nothing stays behind a call.
    assert threads() == before


def test_nothing_leaks(photos: list[bytes]) -> None:
    hasher = shadegrid.Hasher(threads=1)
    given = pa.array([b"no picture", None, b""], pa.binary())

    def round(calls: int) -> None:
        for _ in range(calls):
            batch = hasher.hash_many(given)
            pa.record_batch(batch)
            # Never taken by anyone.
            batch.__arrow_c_array__(), batch.__arrow_c_stream__(), batch.schema.__arrow_c_schema__()
            batch.to_pylist()

    round(2000)
    gc.collect()
    before, arrow = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, pa.total_allocated_bytes()
    round(10_000)
    gc.collect()
    # A leak of one batch a call would be some 50 MB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10_000
    assert pa.total_allocated_bytes() == arrow


def test_import_is_quick_and_brings_nothing() -> None:
    program = "import sys; before = set(sys.modules); import shadegrid; print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}))"
    found = subprocess.run([sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {program}"], capture_output=True, text=True)
    assert set(found.stdout.split()) <= {"shadegrid"} | set(sys.stdlib_module_names), found.stderr
