#!/usr/bin/env python3
"""What `shadegrid_hash` costs beyond a loop of one Rust `Hasher` over the same bytes.

    benches/c/overhead.py PHOTOS [PROFILE]

PHOTOS is a folder; PROFILE is one of cargo's, `quick` by default. Builds both loops, runs them in turn, and prints Markdown: medians of CPU time, and of
instructions where `perf` may count them. Both loops must give the same signatures.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNS = 9


def build(profile, folder):
    """Both programs: the Rust loop and the C loop."""
    cargo = ["cargo", "build", "--locked", "--profile", profile, "-p", "shadegrid-c", "--lib", "--bench", "loop", "--message-format=json"]
    output = subprocess.run(cargo, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    messages = [json.loads(line) for line in output.splitlines()]
    made = {message["target"]["name"]: message for message in messages if message["reason"] == "compiler-artifact"}
    library = next(path for path in map(pathlib.Path, made["shadegrid_c"]["filenames"]) if path.suffix in (".so", ".dylib"))
    program = os.path.join(folder, "loop")
    compile_ = [os.environ.get("CC", "cc"), "-std=c99", "-O2", f"-I{ROOT}/bindings/c/include", f"{ROOT}/benches/c/loop.c", "-o", program]
    subprocess.run([*compile_, f"-L{library.parent}", "-lshadegrid_c", f"-Wl,-rpath,{library.parent}"], check=True)
    return made["loop"]["executable"], program


def spent(command):
    """CPU seconds and standard output of a program."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    assert status == 0, command[0]
    return usage.ru_utime + usage.ru_stime, output


def instructions(command):
    """Instructions in user space, where `perf` may count them."""
    try:
        counted = subprocess.run(["perf", "stat", "-x,", "-e", "instructions:u", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
        return int(counted.stderr.decode().splitlines()[-1].split(",")[0])
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None


def callgrind(command):
    """The same by valgrind, which is slow and exact."""
    counted = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    lines = [line for line in counted.stderr.decode().splitlines() if "Collected" in line]
    return int(lines[0].split(":")[1]) if lines else None


def main():
    photos = pathlib.Path(sys.argv[1])
    profile = sys.argv[2] if len(sys.argv) > 2 else "quick"
    files = sorted(str(path) for path in photos.rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory() as folder:
        programs = dict(zip(("Rust", "C"), build(profile, folder)))
        rounds = 1
        while spent([programs["Rust"], str(rounds), *files])[0] < 1:
            rounds *= 2
        seconds, sums = {"Rust": [], "C": []}, set()
        for _ in range(RUNS):
            for name, program in programs.items():
                used, output = spent([program, str(rounds), *files])
                seconds[name].append(used)
                sums.add(output)
        assert len(sums) == 1, "the loops differ"
        ratio = statistics.median(c / rust for c, rust in zip(seconds["C"], seconds["Rust"]))
        print(f"{len(files)} files, {rounds} rounds, {RUNS} runs in turn, profile {profile}\n")
        print("| | Rust | C | C / Rust |\n| --- | --- | --- | --- |")
        print(f"| CPU seconds, median | {statistics.median(seconds['Rust']):.3f} | {statistics.median(seconds['C']):.3f} | {ratio:.4f} (median of pairs) |")
        for name, count in (("perf", instructions), ("callgrind, 20 files", callgrind)):
            some = files if count is instructions else files[:: max(1, len(files) // 20)]
            # The start of a program is taken off: it is not the call.
            of = [[count([program, str(times), *some]) for times in (1, 3)] for program in programs.values()]
            if all(isinstance(number, int) for pair in of for number in pair):
                rust, c = (more - less for less, more in of)
                print(f"| instructions by {name} | {rust} | {c} | {c / rust:.5f} |")


main()
