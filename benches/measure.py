#!/usr/bin/env python3
"""What the command does with a machine: details, threads, memory, hostile files.

    cargo build --release && benches/measure.py PHOTOS [HOSTILE]

PHOTOS and HOSTILE are folders; without HOSTILE, details alone. Prints Markdown. Runs alternate, so that a busy machine slows all alike; the figures are medians.
"""

import json
import os
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import zlib

COMMAND = os.path.join(os.path.dirname(__file__), "../target/release/shadegrid")


def hash_(arguments, output):
    """Runs `shadegrid hash`; its summary line, seconds, largest resident memory in MB, and seconds of CPU time."""
    started = time.time()
    child = subprocess.Popen([COMMAND, "hash", "--backend", "cpu", *arguments, "-o", output], stderr=subprocess.PIPE)
    lines = child.stderr.read().decode().splitlines()
    summary = next(line for line in lines if "pictures/s" in line)
    _, _, usage = os.wait4(child.pid, 0)
    child.returncode = 0
    return summary, time.time() - started, usage.ru_maxrss / 1000, usage.ru_utime + usage.ru_stime


def details(photos, folder):
    """What a rule may gain: CPU time at the detail that it chooses, and at the least for every file, against every pixel."""
    output = os.path.join(folder, "details")
    hash_([photos], output)
    records = [record for record in map(json.loads, open(output)) if record["status"] == "ok" and record["format"] == "jpeg"]
    print("## Details, one thread\n\n| megapixels | files | full / auto | full / n = 1 |\n| --- | --- | --- | --- |")
    for least, most in [(0, 1000), (0, 0.5), (0.5, 0.9), (0.9, 2.5), (2.5, 1000)]:
        paths = [record["key"] for record in records if least <= record["width"] * record["height"] / 1e6 < most]
        spent = {"full": [], "auto": [], "1": []}
        for _ in range(5):
            for detail, seconds in spent.items():
                seconds.append(hash_(["-j", "1", "--detail", detail, *paths], output)[3])
        full, auto, coarsest = map(statistics.median, spent.values())
        print(f"| {least} to {most} | {len(paths)} | {full / auto:.2f} | {full / coarsest:.2f} |", flush=True)
    print()


def scaling(photos, folder):
    rates, cpu = {1: [], 2: []}, {1: [], 2: []}
    for _ in range(7):
        for threads in rates:
            summary, _, _, spent = hash_(["-j", str(threads), *[photos] * 3], os.path.join(folder, "scaling"))
            cpu[threads].append(spent)
            rates[threads].append(float(re.search(r"([\d.]+) pictures/s", summary)[1]))
    print("## Threads\n\n| threads | pictures/s, median of 7 | range | CPU seconds |\n| --- | --- | --- | --- |")
    for threads, values in rates.items():
        middle, spent = statistics.median(values), statistics.median(cpu[threads])
        print(f"| {threads} | {middle:.1f} | {min(values):.0f}–{max(values):.0f} | {spent:.2f} |")
    print(f"\nRatio {statistics.median(rates[2]) / statistics.median(rates[1]):.2f}.\n")


def write_png(path, width, height):
    """A colour PNG of soft stripes, row by row."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    deflate = zlib.compressobj(1)
    row = bytes((x * 7 // 50 + c * 40) % 256 for x in range(width) for c in range(3))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
        for y in range(height):
            shift = y // 16 * 3 % len(row)
            file.write(chunk(b"IDAT", deflate.compress(b"\0" + row[shift:] + row[:shift])))
        file.write(chunk(b"IDAT", deflate.flush()) + chunk(b"IEND", b""))


def memory(photos, folder):
    large = os.path.join(folder, "large.png")
    write_png(large, 16_384, 12_288)
    print("## Memory, with a picture of 201 megapixels (604 MB of samples) among the others\n")
    print("| --memory | with it, MB | without it, MB |\n| --- | --- | --- |")
    for budget in ["256M", "1G", "2G"]:
        arguments = ["--memory", budget, "-j", "2"]
        _, _, with_it, _ = hash_([*arguments, photos, large, photos], os.path.join(folder, "memory"))
        _, _, without, _ = hash_([*arguments, photos, photos], os.path.join(folder, "memory"))
        print(f"| {budget} | {with_it:.0f} | {without:.0f} |")
    print()


def hostile(files, folder):
    output = os.path.join(folder, "hostile")
    summary, seconds, megabytes, _ = hash_(["-j", "2", files], output)
    tried = sum(len(names) for _, _, names in os.walk(files))
    records = [json.loads(line) for line in open(output)]
    print(f"## Hostile files\n\n{tried} files, {len(records)} records, {seconds:.1f} s, largest memory {megabytes:.0f} MB.")
    print(f"{summary}\n")
    timed = []
    for record in records:
        single = ["-j", "1", record["key"]]
        _, seconds, megabytes, _ = hash_(single, output)
        timed.append((seconds, megabytes, os.path.relpath(record["key"], files), record.get("error_code", "ok")))
    print("| slowest, each in a process of its own | seconds | MB | outcome |\n| --- | --- | --- | --- |")
    for seconds, megabytes, name, outcome in sorted(timed, reverse=True)[:5]:
        print(f"| {name} | {seconds:.2f} | {megabytes:.0f} | {outcome} |")
    seconds, megabytes, name, _ = max(timed, key=lambda row: row[1])
    print(f"\nLargest memory: {megabytes:.0f} MB, {name}.")


def main():
    photos, *files = sys.argv[1:]
    model = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())[1]
    with tempfile.TemporaryDirectory() as folder:
        summary, _, _, _ = hash_([photos], os.path.join(folder, "photos"))
        print(f"# {model}, {os.cpu_count()} CPUs\n\n{summary}\n")
        details(photos, folder)
        if files:
            scaling(photos, folder)
            memory(photos, folder)
            hostile(files[0], folder)


main()
