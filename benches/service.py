#!/usr/bin/env python3
"""The service against the command, on the same cores and in turn: pictures and look-ups per second, times under load, reloads, banks.

    cargo build --release && cargo bench --no-run --bench load
    benches/service.py PHOTOS WORK [--threads N] [--only pictures,lookups,latency,queueing,overload,reload,banks]

PHOTOS is a folder, WORK a folder that may be filled (some 100 MB). SHADEGRID and LOAD name other binaries. Prints Markdown. The load runs on the same cores, so what it takes of them is said: `left` is the
part of the cores that it leaves to the service.
"""

from __future__ import annotations

import argparse
import base64
import heapq
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BINARY = Path(os.environ.get("SHADEGRID", ROOT / "target/release/shadegrid")).resolve()
ROUNDS = 5


def load_binary() -> Path:
    """What cargo built of benches/load.rs last."""
    if "LOAD" in os.environ:
        return Path(os.environ["LOAD"])
    built = [path for path in (ROOT / "target/release/deps").glob("load-*") if path.suffix == ""]
    return max(built, key=lambda path: path.stat().st_mtime)


@contextmanager
def serving(*arguments: object) -> Iterator[str]:
    """A service at a port of the system's choice."""
    command = [BINARY, "serve", "--listen", "127.0.0.1:0", "--log", "text", *map(str, arguments)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as server:
        try:
            for line in server.stderr:
                found = re.search(r"http://127\.0\.0\.1:\d+", line)
                if found:
                    break
            threading.Thread(target=server.stderr.read, daemon=True).start()
            serving.process = server.pid
            yield found.group(0)
        finally:
            server.terminate()
            server.wait(60)


def load(url: str, files: list[Path], **options: object) -> dict:
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    done = subprocess.run([load_binary(), *words, url, *map(str, files)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def post(url: str, body: bytes, kind: str) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read()


def row(what: str, goal: str, figure: str) -> None:
    print(f"| {what} | {goal} | {figure} |", flush=True)


def spread(figures: list[float]) -> str:
    return f"{statistics.median(figures):.2f} ({min(figures):.2f} to {max(figures):.2f})"


def timed(command: list[object]) -> tuple[float, float]:
    """Wall and CPU seconds of a command that may end with 2 (some pictures have an error record) or 3 (nothing matched)."""
    before, start = os.times(), time.monotonic()
    done = subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode not in (0, 2, 3):
        sys.exit(f"{command[1]} ended with {done.returncode}")
    after = os.times()
    return time.monotonic() - start, after.children_user + after.children_system - before.children_user - before.children_system


def pictures(photos: list[Path], threads: int) -> None:
    cores, walls, cpus, shares = os.cpu_count() or 1, [], [], []
    with serving("--threads", threads) as url:
        for _ in range(ROUNDS):
            hashed = [photo for _ in range(4) for photo in photos]
            listed = Path(tempfile.gettempdir()) / "shadegrid-photos.txt"
            listed.write_text("".join(f"{photo}\n" for photo in hashed))
            wall, cpu = timed([BINARY, "hash", "--threads", threads, "--quiet", "--files-from", listed, "-o", os.devnull])
            before = cpu_seconds(serving.process)
            loaded = load(f"{url}/v1/hash", photos, connections=64, seconds=10)
            served = cpu_seconds(serving.process) - before
            assert loaded["wrong"] == loaded["broken"] == 0, loaded
            left = 1 - loaded["cpu_s"] / (loaded["seconds"] * cores)
            shares.append(left)
            walls.append(loaded["per_second"] / (len(hashed) / wall * left))
            cpus.append(served / loaded["answers"] / (cpu / len(hashed)))
    row("pictures/s of 64 connections, of `hash`'s × left", "≥ 0.90", f"{spread(walls)}; left {spread(shares)}")
    row("CPU time of a picture, of `hash`'s", "", spread(cpus))


def signatures(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Made-up signatures, no picture's: PhotoDNA-class in base64, PDQ in hexadecimal with half of its bits set, as every picture's has."""
    source = random.Random(seed)
    for _ in range(count):
        half = sum(1 << bit for bit in source.sample(range(256), 128))
        yield base64.b64encode(source.randbytes(144)).decode(), f"{half:064x}"


def gallery(work: Path, count: int, seed: int, name: str) -> Path:
    built = work / f"{name}.gallery"
    if not built.exists():
        table = work / f"{name}.csv"
        with table.open("w") as file:
            file.write("key,photodna,pdq,quality\n")
            for number, (photodna, pdq) in enumerate(signatures(count, seed)):
                file.write(f"{name}-{number},{photodna},{pdq},100\n")
        subprocess.run([BINARY, "gallery", "build", built, table], check=True, capture_output=True)
    return built


def user_time(process: int) -> float:
    """Seconds that a process has computed in its own code."""
    ticks = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[11]
    return int(ticks) / os.sysconf("SC_CLK_TCK")


def lookups(work: Path, threads: int) -> None:
    known, queries, one = gallery(work, 1_000_000, 1, "million"), work / "queries.jsonl", work / "one.jsonl"
    body, of_command = [], []
    for number, (photodna, pdq) in enumerate(signatures(10_000, 2)):
        of_command.append({"key": f"q{number}", "photodna": photodna, "pdq": pdq, "quality": 100, "status": "ok"})
        body.append({"key": f"q{number}", "photodna": photodna, "pdq": pdq, "quality": 100})
    lines = [json.dumps(record) + "\n" for record in of_command]
    queries.write_text("".join(lines))
    one.write_text(lines[0])
    whole = json.dumps({"queries": body}).encode()
    def match(signatures: Path) -> tuple[float, float]:
        """Seconds of the command, and of its CPU time in its own code: what the system takes for the gallery's memory varies tenfold."""
        before = os.times().children_user
        wall, _ = timed([BINARY, "match", "--signatures", signatures, "--gallery", known, "--threads", threads, "--quiet", "-o", os.devnull])
        return wall, os.times().children_user - before

    walls, ratios = [], []
    with serving("--threads", threads, "--gallery", known) as url:
        post(f"{url}/v1/lookup", whole, "application/json")
        for _ in range(ROUNDS):
            # What opening the gallery takes is the command's own, so it is taken off the CPU time.
            (_, opening), (wall, user) = match(one), match(queries)
            start, before = time.monotonic(), user_time(serving.process)
            answer = post(f"{url}/v1/lookup", whole, "application/json")
            walls.append(wall / (time.monotonic() - start))
            ratios.append((user - opening) / (user_time(serving.process) - before))
            answer = json.loads(answer)
            assert len(answer["results"]) == 10_000 and answer["checked"]
    row("look-ups/s of 10,000 among a million, of `match --signatures`' with opening the gallery", "≥ 0.90", spread(walls))
    row("look-ups per second of CPU time, of `match --signatures`' without", "≥ 0.90", spread(ratios))


def latency(photos: list[Path], threads: int) -> None:
    """One picture of the median size, again and again, while all of them load the service: in the bulk lane, which is for what can wait, and in its own."""
    one = sorted(photos, key=lambda photo: photo.stat().st_size)[len(photos) // 2]
    lanes = {"the bulk lane": {"header": "Priority: u=7"}, "its own lane": {}}
    p99: dict = {lane: [] for lane in lanes}
    p50: dict = {lane: [] for lane in lanes}
    with serving("--threads", threads) as url:
        for _ in range(ROUNDS):
            idle = load(f"{url}/v1/hash", [one], connections=1, rate=20, seconds=5)
            full = load(f"{url}/v1/hash", photos, connections=64, seconds=5)
            for lane, header in lanes.items():
                others: dict = {}
                options = {"connections": 64, "rate": 0.7 * full["per_second"], "seconds": 12, **header}
                thread = threading.Thread(target=lambda: others.update(load(f"{url}/v1/hash", photos, **options)))
                thread.start()
                busy = load(f"{url}/v1/hash", [one], connections=4, rate=20, seconds=11)
                thread.join()
                assert busy["wrong"] == busy["broken"] == others["wrong"] == others["broken"] == 0, (busy, others)
                p99[lane].append(busy["p99_ms"] / idle["p50_ms"])
                p50[lane].append(busy["p50_ms"] / idle["p50_ms"])
    for lane in lanes:
        row(f"p99 of one picture while others in {lane} load the service to 70 %, of its median while it is idle", "≤ 4", spread(p99[lane]))
        row("… its median", "", spread(p50[lane]))


def queueing(photos: list[Path], threads: int) -> None:
    """What is to be had at best: the same pictures' times in a simulation of ideal queues with more and more threads."""
    with serving("--threads", threads) as url:
        times = []
        for photo in photos:
            alone = load(f"{url}/v1/hash", [photo], connections=1, rate=100, seconds=0.07)
            times.append(alone["p50_ms"])
    usual = statistics.median(times)
    for others, lane in ((1, "the bulk lane"), (0, "its own lane")):
        for count in (2, 4, 8, 16):
            p99 = usual + simulated(times, count, others)
            row(f"p99 of the median picture, others in {lane}, at 70 % load of {count} threads, simulated, of its time alone", "≤ 4", f"{p99 / usual:.1f}")


def simulated(times: list[float], threads: int, others: int) -> float:
    """p99 of the wait of pictures of the median size, one in 30, in a queue where a picture that is begun is finished, lane 0 goes first, and the others are in
    lane `others`. Arrivals are random; the pictures together take 70 % of the threads."""
    source, usual, load = random.Random(1), statistics.median(times), 0.7 * threads / statistics.mean(times)
    queue: list[tuple[int, float, float, bool]] = []
    ends: list[float] = []
    waits, now, arrival = [], 0.0, source.expovariate(load)
    for _ in range(400_000):
        if ends and ends[0] <= arrival:
            now = heapq.heappop(ends)
        else:
            now, is_one = arrival, source.random() < 1 / 30
            took = usual if is_one else source.choice(times)
            heapq.heappush(queue, (0 if is_one else others, now, took, is_one))
            arrival = now + source.expovariate(load)
        while queue and len(ends) < threads:
            _, came, took, is_one = heapq.heappop(queue)
            heapq.heappush(ends, now + took)
            if is_one:
                waits.append(now - came)
    return sorted(waits)[int(0.99 * len(waits))]


def overload(photos: list[Path], threads: int) -> None:
    ratios, shed, wrong = [], [], 0
    with serving("--threads", threads) as url:
        for _ in range(ROUNDS):
            full = load(f"{url}/v1/hash", photos, connections=64, seconds=5)
            at_full = load(f"{url}/v1/hash", photos, connections=256, rate=full["per_second"], seconds=10)
            beyond = load(f"{url}/v1/hash", photos, connections=768, rate=3 * full["per_second"], seconds=10)
            ratios.append(beyond["p99_ms"] / at_full["p99_ms"])
            shed.append(1 - beyond["by_status"].get("200", 0) / beyond["answers"])
            wrong += beyond["wrong"] + beyond["broken"] + len(set(beyond["by_status"]) - {"200", "503"})
    row("p99 of what is answered at 3 × capacity, of that at capacity", "≤ 2", spread(ratios))
    row("… refused with 503", "", spread(shed))
    row("… wrong, lost, or another status", "0", str(wrong))


def reload(work: Path, threads: int) -> None:
    versions = [gallery(work, 1_000_000, 1, "million"), gallery(work, 1_000_000, 3, "other")]
    served, query = work / "served.gallery", work / "query.json"
    photodna, pdq = next(signatures(1, 4))
    query.write_text(json.dumps({"queries": [{"key": "q", "photodna": photodna, "pdq": pdq, "quality": 100}]}))
    # Of an earlier run: a file is not renamed to another name of itself.
    for left in (work / "next.gallery", served):
        left.unlink(missing_ok=True)
    os.link(versions[0], served)
    with serving("--threads", threads, "--gallery", served, "--watch", "0.2") as url:
        options = {"connections": 16, "header": "Content-Type: application/json"}
        full = load(f"{url}/v1/lookup", [query], seconds=5, **options)["per_second"]
        half = {**options, "rate": full / 2, "seconds": 12}
        calm = load(f"{url}/v1/lookup", [query], **half)
        swaps, done = [], threading.Event()

        def swap() -> None:
            while not done.wait(3):
                os.link(versions[(len(swaps) + 1) % 2], work / "next.gallery")
                os.replace(work / "next.gallery", served)
                swaps.append(time.monotonic())

        thread = threading.Thread(target=swap)
        thread.start()
        under = load(f"{url}/v1/lookup", [query], **half)
        done.set()
        thread.join()
    # The answer names the gallery's version, which changes: only statuses count here.
    failed = under["answers"] - under["by_status"].get("200", 0) + under["broken"]
    row(f"a million reloaded {len(swaps)} times at half load ({half['rate']:.0f} look-ups/s): failed", "0", str(failed))
    row("… p99 of a look-up, of that without reloads", "≤ 2", f"{under['p99_ms'] / calm['p99_ms']:.2f} (largest {under['max_ms'] / calm['p99_ms']:.2f})")


def banks(work: Path, threads: int) -> None:
    """Each signature that is added has to be found by the next look-up, while others are looked up all the time."""
    query = work / "query.json"
    photodna, pdq = next(signatures(1, 4))
    query.write_text(json.dumps({"queries": [{"key": "q", "photodna": photodna, "pdq": pdq, "quality": 100}]}))
    data = tempfile.mkdtemp(dir=work)
    with serving("--threads", threads, "--data", data, "--no-keys") as url:
        post(f"{url}/v1/galleries", b'{"name":"own"}', "application/json")
        options = {"connections": 8, "header": "Content-Type: application/json", "rate": 1000, "seconds": 10}
        loaded: dict = {}
        thread = threading.Thread(target=lambda: loaded.update(load(f"{url}/v1/lookup", [query], **options)))
        thread.start()
        added = seen = 0
        for number, (_, pdq) in enumerate(signatures(100_000, 5)):
            if not thread.is_alive():
                break
            entry = {"key": f"k{number}", "pdq": pdq, "quality": 100}
            post(f"{url}/v1/galleries/own/entries", json.dumps({"entries": [entry]}).encode(), "application/json")
            asked = {"queries": [{"key": "q", "pdq": pdq, "quality": 100}]}
            found = json.loads(post(f"{url}/v1/lookup", json.dumps(asked).encode(), "application/json"))
            added, seen = added + 1, seen + found["results"][0]["matched"]
    row(f"entries added while {loaded['per_second']:.0f} look-ups/s ran: found by the next look-up", f"{added}", f"{seen}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="pictures,lookups,latency,queueing,overload,reload,banks")
    arguments = parser.parse_args()
    photos = sorted(path for path in arguments.photos.rglob("*") if path.is_file())
    arguments.work.mkdir(parents=True, exist_ok=True)
    print(f"`benches/service.py` on {os.cpu_count()} CPUs, {arguments.threads} threads, {len(photos)} photographs, release build\n")
    print("| what | asked | measured |\n| --- | --- | --- |")
    for name in arguments.only.split(","):
        if name in ("pictures", "latency", "queueing", "overload"):
            globals()[name](photos, arguments.threads)
        else:
            globals()[name](arguments.work, arguments.threads)


if __name__ == "__main__":
    main()
