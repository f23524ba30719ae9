#!/usr/bin/env python3
"""Times FAISS and NumKong against this crate's search, in turn in one run, and compares the answers.

usage: match.py BENCH FOLDER [threads] [rounds] [photodna|pdq|both]

BENCH is the built `match` benchmark, FOLDER what its `data` command wrote. Needs numpy, faiss-cpu and numkong, in an
environment of their own. FAISS and NumKong answer a share of the queries (their rates do not depend on how many). Every rate is of
pairs, in millions per second: of CPU time with one thread, so that other programs on the machine weigh less, of wall time with more, for
which nothing else should run. FAISS reports distances under the radius, so it is given half a step more.
"""
import json
import pathlib
import subprocess
import sys
import time

import faiss
import numkong
import numpy

bench, folder = sys.argv[1], pathlib.Path(sys.argv[2])
threads = int(sys.argv[3]) if len(sys.argv) > 3 else 1
rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 3
part = sys.argv[5] if len(sys.argv) > 5 else "both"
faiss.omp_set_num_threads(threads)
clock, seconds = (time.process_time, "cpu_seconds") if threads == 1 else (time.perf_counter, "seconds")
rates: dict[str, list[float]] = {}


def record(name, seconds, pairs):
    rates.setdefault(name, []).append(pairs / seconds / 1e6)
    print(f"  {name:42} {seconds:9.3f} s {pairs / seconds / 1e6:12.0f} million pairs/s", flush=True)


def ours(what, *level):
    out = subprocess.run([bench, what, folder, str(threads), *level], check=True, capture_output=True, text=True)
    result = json.loads(out.stdout)
    record(" ".join(["ours", what, *level]), result[seconds], result["entries"] * result["queries"])
    rows = numpy.fromfile(folder / f"{what}.matches.bin", dtype="<u4").reshape(-1, 3)
    return rows


def compare(name, rows, mine, queries):
    mine = mine[mine[:, 0] < queries]
    theirs = numpy.array(sorted(map(tuple, rows)), dtype=numpy.int64).reshape(-1, 3)
    own = numpy.array(sorted(map(tuple, mine)), dtype=numpy.int64).reshape(-1, 3)
    same = theirs.shape == own.shape and (theirs == own).all()
    print(f"  {name}: {len(theirs)} matches, ours {len(own)}: {'the same' if same else 'DIFFERENT'}", flush=True)
    if not same:
        sys.exit(1)


def range_rows(result):
    limits, distances, labels = result
    query = numpy.repeat(numpy.arange(len(limits) - 1), numpy.diff(limits.astype(numpy.int64)))
    return zip(query.tolist(), labels.tolist(), numpy.rint(distances).astype(numpy.int64).tolist())


def timed(name, pairs, work):
    start = clock()
    result = work()
    record(name, clock() - start, pairs)
    return result


def numkong_u8(known, queries, threshold):
    """Exact: integer products of packed rows, 4,096 entries at a time, the rest with numpy."""
    squares = (known.astype(numpy.int32) ** 2).sum(axis=1)
    own = (queries.astype(numpy.int32) ** 2).sum(axis=1)
    packs = [numkong.dots_pack(known[at : at + 4096], "uint8") for at in range(0, len(known), 4096)]
    out = numkong.zeros((len(queries), 4096), dtype="uint32")
    kernel = 0.0
    rows = []
    for number, pack in enumerate(packs):
        count = min(4096, len(known) - 4096 * number)
        target = out if count == 4096 else None
        start = time.process_time()
        products = numkong.dots_packed(queries, pack, out=target)
        kernel += time.process_time() - start
        products = numpy.asarray(target if products is None else products)
        square = squares[4096 * number :][:count]
        distances = own[:, None] + square[None] - 2 * products.astype(numpy.int32)
        for query, lane in zip(*numpy.nonzero(distances <= threshold)):
            rows.append((int(query), 4096 * number + int(lane), int(distances[query, lane])))
    return kernel, rows


if part in ("photodna", "both"):
    known = numpy.fromfile(folder / "photodna.gallery.bin", dtype=numpy.uint8).reshape(-1, 144)
    queries = numpy.fromfile(folder / "photodna.queries.bin", dtype=numpy.uint8).reshape(-1, 144)
    flat = faiss.IndexFlatL2(144)
    for at in range(0, len(known), 65536):
        flat.add(known[at : at + 65536].astype(numpy.float32))
    share = 1000
    asked = queries[:share]
    for number in range(rounds):
        print(f"photodna, {len(known)} entries, d² <= 40,000, {threads} thread(s), round {number + 1}")
        mine = ours("photodna")
        ours("photodna", "avx2")
        ours("dense")
        result = timed("FAISS IndexFlatL2", share * len(known), lambda: flat.range_search(asked.astype(numpy.float32), 40000.5))
        compare("FAISS IndexFlatL2", range_rows(result), mine, share)
        ours("photodna")
        if threads == 1:
            kernel, rows = numkong_u8(known, asked[:256], 40000)
            # Only what the machine has may be put back: enabling more ends in an illegal instruction.
            matrix = [name for name in ("sapphireamx", "graniteamx") if numkong.get_capabilities()[name]]
            record("NumKong u8 dots_packed, " + ("with AMX" if matrix else "no AMX here"), kernel, 256 * len(known))
            compare("NumKong u8", rows, mine, 256)
            if matrix:
                for name in matrix:
                    numkong.disable_capability(name)
                kernel, rows = numkong_u8(known, asked[:256], 40000)
                record("NumKong u8 dots_packed, without AMX", kernel, 256 * len(known))
                compare("NumKong u8 without AMX", rows, mine, 256)
                for name in matrix:
                    numkong.enable_capability(name)
    del flat

if part in ("pdq", "both"):
    known = numpy.fromfile(folder / "pdq.gallery.bin", dtype=numpy.uint8).reshape(-1, 32)
    queries = numpy.fromfile(folder / "pdq.queries.bin", dtype=numpy.uint8).reshape(-1, 32)
    flat = faiss.IndexBinaryFlat(256)
    flat.add(known)
    small = len(known) <= 2_000_000
    share = 1000 if small else 200
    multi = faiss.IndexBinaryMultiHash(256, 16, 16)
    multi.nflip = 1
    if small:
        multi.add(known)
    single = faiss.IndexBinaryHash(256, 12)
    single.nflip = 12
    if small:
        single.add(known)
    asked = queries[:share]
    for number in range(rounds):
        print(f"pdq, {len(known)} entries, radius 31, {threads} thread(s), round {number + 1}")
        mine = ours("pdq")
        result = timed("FAISS IndexBinaryFlat", share * len(known), lambda: flat.range_search(asked, 32))
        compare("FAISS IndexBinaryFlat", range_rows(result), mine, share)
        if small:
            result = timed("FAISS IndexBinaryMultiHash 16x16, 1 flip", share * len(known), lambda: multi.range_search(asked, 32))
            compare("FAISS IndexBinaryMultiHash", range_rows(result), mine, share)
            few = asked[:20]
            result = timed("FAISS IndexBinaryHash 12, 12 flips", 20 * len(known), lambda: single.range_search(few, 32))
            compare("FAISS IndexBinaryHash", range_rows(result), mine, 20)
        ours("pdq")

print("median of the rounds, million pairs/s")
for name, values in rates.items():
    print(f"  {name:42} {numpy.median(values):12.0f}   of {len(values)}")
