#!/usr/bin/env python3
"""How fast files are hashed that each take long to come, as on a network's file system, by one or more builds in turn.

    benches/readers.py PHOTOS SHADEGRID [SHADEGRID …]

A library that is loaded before the program's own makes every opening of a file under PHOTOS take so many milliseconds more (Linux, a C compiler as `cc`). Prints Markdown:
pictures per second, medians of the rounds; each round runs every build once.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS, PICTURES = 5, 600
LATENCIES = (0, 2, 10, 40)
LATE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int late(const char *name, const char *path, int flags, int mode) {
    if (strncmp(path, getenv("LATE_UNDER"), strlen(getenv("LATE_UNDER"))) == 0) {
        long each = atol(getenv("LATE_MS")) * 1000000L;
        struct timespec time = {each / 1000000000L, each % 1000000000L};
        nanosleep(&time, NULL);
    }
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
    return real(path, flags, mode);
}

#define LATE(name) \
    int name(const char *path, int flags, ...) { \
        va_list more; \
        va_start(more, flags); \
        int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0; \
        va_end(more); \
        return late(#name, path, flags, mode); \
    }

LATE(open)
LATE(open64)
"""


def rate(command, library, files, folder, latency):
    environment = {**os.environ, "LD_PRELOAD": str(library), "LATE_UNDER": str(folder), "LATE_MS": str(latency)}
    started = time.perf_counter()
    records = subprocess.run([command, "hash", "--quiet", "--backend", "cpu", "--files-from", "-"], input="\n".join(files).encode(), env=environment,
                             capture_output=True, check=False).stdout
    took = time.perf_counter() - started
    hashed = sum(json.loads(record)["status"] == "ok" for record in records.splitlines())
    assert hashed == len(files), f"{hashed} of {len(files)} were hashed"
    return len(files) / took


def main():
    folder, commands = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    photos = sorted(str(path) for path in folder.rglob("*.jpg"))
    files = (photos * (PICTURES // len(photos) + 1))[:PICTURES]
    with tempfile.TemporaryDirectory() as made:
        source, library = pathlib.Path(made, "late.c"), pathlib.Path(made, "late.so")
        source.write_text(LATE)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        print("| a file takes, ms more |" + "".join(f" {command} |" for command in commands) + "\n|" + " --- |" * (1 + len(commands)))
        for latency in LATENCIES:
            rounds = [[rate(command, library, files, folder, latency) for command in commands] for _ in range(ROUNDS)]
            print(f"| {latency} |" + "".join(f" {statistics.median(one):.0f} |" for one in zip(*rounds)), flush=True)


if __name__ == "__main__":
    main()
