#!/usr/bin/env python3
"""One command by two builds of the program, in turn: how their CPU and wall times compare.

    benches/turns.py [--rounds N] [--folder FOLDER] OLD NEW -- COMMAND…

OLD and NEW are binaries; in COMMAND, `{out}` is a fresh folder or file for each run. Prints a row of Markdown: OLD's time by NEW's, so that more than 1 is faster now, of the fastest runs and of the medians.
With valgrind installed, `--instructions` adds the same of instructions, once each, which no other work on the machine changes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def run(words: list[str], out: Path) -> tuple[float, float, str]:
    """CPU and wall seconds, and what was printed as errors."""
    shutil.rmtree(out, ignore_errors=True)
    out.unlink(missing_ok=True)
    before, start = os.times(), time.monotonic()
    done = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wall, after = time.monotonic() - start, os.times()
    # 2: some inputs have an error record; 3: nothing matched.
    if done.returncode not in (0, 2, 3):
        sys.exit(f"{words[0]} ended with {done.returncode}: {done.stderr}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, wall, done.stderr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("programs", nargs=2)
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    out = arguments.folder / f"turns-{os.getpid()}"
    command = [word.replace("{out}", str(out)) for word in arguments.command]
    times: list[list[tuple[float, float, str]]] = [[], []]
    for round in range(arguments.rounds):
        for which in (0, 1) if round % 2 else (1, 0):
            times[which].append(run([arguments.programs[which], *command], out))

    def ratio(of: int) -> str:
        old, new = ([sample[of] for sample in samples] for samples in times)
        return f"{min(old) / min(new):.2f} / {statistics.median(old) / statistics.median(new):.2f}"

    row = f"| `{' '.join(arguments.command)}` | {ratio(0)} | {ratio(1)} |"
    if arguments.instructions:
        valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        old, new = (int(run([*valgrind, program, *command], out)[2].split("Collected : ")[1].split()[0]) for program in arguments.programs)
        row += f" {old / new:.3f} |"
    print(row)
    shutil.rmtree(out, ignore_errors=True)
    out.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
