#!/usr/bin/env python3
"""Storms over small jobs: whatever happens, nothing may be lost, doubled or hidden.

    benches/storms.py kill WORK [COUNT]      two workers killed again and again, 1,000 times in all
    benches/storms.py errors WORK [COUNT]    system calls that fail, by strace's injection: 100 runs, each with one call that fails from some time on or once
    benches/storms.py full WORK [COUNT]      the output on a file system that is too small (needs the right to mount): 40 sizes
    benches/storms.py damage WORK [COUNT]    every file of a job flipped, cut, emptied, taken away: 2,000 damages
    benches/storms.py all WORK               all of them

WORK is a folder that may be filled (100 MB). The pictures are made here. SHADEGRID names the program (target/release/shadegrid). After each storm a
clean worker goes on, a retry reads again what could not be read, and `job verify` and a comparison with an undisturbed run decide.
"""

import argparse
import collections
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import time
from io import BytesIO
from pathlib import Path

BINARY = Path(os.environ.get("SHADEGRID", "target/release/shadegrid")).resolve()
DERIVED = ("report.json", "report.html")


def fail(what: str) -> None:
    sys.exit(f"FAILED: {what}")


def bitmap(number: int, side: int = 24) -> bytes:
    width, height = side + number % 13, side + number % 7
    row = (width * 3 + 3) // 4 * 4
    pixels = random.Random(number).randbytes(97) * (row * height // 97 + 1)
    head = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54 + row * height, 0, 54, 40, width, height, 1, 24, 0, row * height, 2835, 2835, 0, 0)
    return head + pixels[: row * height]


def source(work: Path, pictures: int, members: int) -> Path:
    """Pictures in folders of a hundred, every 41st of them none, and tars of fifty."""
    target = work / f"input-{pictures}-{members}"
    if target.exists():
        return target
    for number in range(pictures):
        name = target / f"{number // 100:03}/{number:06}.bmp"
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_bytes(b"no picture" if number % 41 == 5 else bitmap(number))
    (target / "tars").mkdir(parents=True, exist_ok=True)
    for first in range(0, members, 50):
        with tarfile.open(target / f"tars/{first:06}.tar", "w") as tar:
            for number in range(first, min(first + 50, members)):
                content = bitmap(number + 1_000_000)
                entry = tarfile.TarInfo(f"{number:06}.bmp")
                entry.size = len(content)
                tar.addfile(entry, BytesIO(content))
    return target


def command(out: Path, folder: Path) -> list[str]:
    options = ["--shard-size", "25", "--expiry", "2", "--format", "jsonl", "-j", "1", "--backend", "cpu", "--quiet"]
    return [str(word) for word in (BINARY, "backfill", folder, "--out", out, *options)]


def run(words: list, patience: float = 300) -> subprocess.CompletedProcess:
    try:
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=patience)
    except subprocess.TimeoutExpired:
        fail(f"{words} does not end")
    if "panicked" in done.stderr:
        fail(f"{words}: {done.stderr}")
    return done


def job(what: str, out: Path, *more: str) -> subprocess.CompletedProcess:
    return run([BINARY, "job", what, out, *more])


def records(out: Path) -> dict[str, bytes]:
    folder = out / "records"
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}


def undisturbed(work: Path, folder: Path) -> dict[str, bytes]:
    out = work / "undisturbed"
    shutil.rmtree(out, ignore_errors=True)
    if run(command(out, folder)).returncode not in (0, 2):
        fail("the undisturbed run failed")
    return records(out)


def by_key(content: dict[str, bytes]) -> dict[bytes, bytes]:
    lines = b"".join(content[name] for name in sorted(content)).splitlines()
    found = {}
    for line in lines:
        key = re.match(rb'\{"key":"([^"]*)"', line).group(1)
        if key in found:
            fail(f"two records of {key!r}")
        found[key] = line
    return found


def check_claim(out: Path, right: dict[str, bytes], about: str) -> None:
    """Where `verify` says that all is there, every input has one record. Only `io` may stand where another record should; that of an archive stands for
    its members, until a retry."""
    if job("verify", out).returncode != 0:
        return
    found, expected = by_key(records(out)), by_key(right)
    failed = {key for key, line in found.items() if b'"error_code":"io"' in line}
    for key, line in expected.items():
        if found.get(key) == line or key in failed:
            continue
        if not any(key.startswith(archive + b"/") for archive in failed):
            fail(f"{about}: {key!r} has another record, or none: {found.get(key, b'')[:200]}")
    for key in found.keys() - expected.keys() - failed:
        fail(f"{about}: {key!r} is no input")


def check_end(out: Path, folder: Path, right: dict[str, bytes], about: str) -> None:
    """A clean worker and a retry make it whole."""
    clean = run(command(out, folder))
    if clean.returncode not in (0, 2):
        fail(f"{about}: a clean worker cannot go on: {clean.stderr}")
    retry = job("retry", out, "--codes", "io,corrupt,limit,device", "--quiet")
    verdict = job("verify", out)
    # What is no picture is one after a retry neither.
    if retry.returncode not in (0, 2) or verdict.returncode != 0:
        fail(f"{about}: {retry.stderr} {verdict.stdout}")
    if records(out) != right:
        fail(f"{about}: other records than undisturbed")


def kill(work: Path, count: int) -> None:
    folder = source(work, 600, 300)
    begin = time.monotonic()
    right = undisturbed(work, folder)
    whole = time.monotonic() - begin
    generator, kills, jobs = random.Random(5), 0, 0
    while kills < count:
        out = work / "killed"
        shutil.rmtree(out, ignore_errors=True)
        jobs += 1
        while kills < count:
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            workers = [subprocess.Popen(command(out, folder), **quiet) for _ in range(2)]
            time.sleep(generator.uniform(0.002, whole / 8))
            alive = sum(worker.poll() is None for worker in workers)
            for worker in workers:
                worker.kill()
                worker.wait()
            kills += alive
            if alive == 0:
                break
        check_end(out, folder, right, f"after {kills} kills")
    print(f"kill: {kills} workers killed over {jobs} jobs of {len(right)} shards; every file byte-identical")


# What each call may fail with.
CALLS = {
    "openat": ["EIO", "EACCES", "EMFILE", "ENOSPC", "ESTALE"],
    "read": ["EIO", "EINTR", "ESTALE"],
    "pread64": ["EIO"],
    "write": ["EIO", "ENOSPC", "EDQUOT", "EINTR"],
    "getdents64": ["EIO", "EACCES", "ESTALE"],
    "statx": ["EIO", "EACCES", "ESTALE"],
    "lseek": ["EIO"],
    "fsync": ["EIO", "ENOSPC"],
    "fdatasync": ["EIO", "ENOSPC"],
    "rename": ["EIO", "ENOSPC", "EACCES"],
    "renameat2": ["EIO", "ENOSPC", "EACCES"],
    "linkat": ["EIO", "ENOSPC", "EPERM"],
    "unlink": ["EIO", "EACCES", "EBUSY"],
    "mkdir": ["EIO", "ENOSPC", "EACCES"],
    "flock": ["EIO", "ENOLCK"],
    "clone3": ["EAGAIN", "ENOMEM"],
    "close": ["EIO", "EINTR"],
}


def counted(work: Path, folder: Path) -> dict[str, int]:
    """How often an undisturbed run makes each call."""
    out, table = work / "counted", work / "calls"
    shutil.rmtree(out, ignore_errors=True)
    run(["strace", "-f", "-c", "-o", table, *command(out, folder)])
    rows = [line.split() for line in table.read_text().splitlines()]
    return {row[-1]: int(row[3]) for row in rows if len(row) >= 5 and row[3].isdigit() and row[-1] in CALLS}


def errors(work: Path, count: int) -> None:
    if shutil.which("strace") is None:
        fail("strace is missing")
    folder = source(work, 150, 50)
    right = undisturbed(work, folder)
    calls = counted(work, folder)
    generator, ended, injected, tries = random.Random(7), collections.Counter(), 0, 0
    names = sorted(calls)
    while injected < count:
        call = names[tries % len(names)]
        tries += 1
        error = generator.choice(CALLS[call])
        first = generator.randint(1, calls[call])
        # Once, or a few times, or for good; what is interrupted is tried again, and no system interrupts for good.
        often = [f"{first}", f"{first}..{first + 3}", f"{first}+"]
        when = generator.choice(often[:2] if error == "EINTR" else often)
        about, out = f"{call}:error={error}:when={when}", work / "failing"
        shutil.rmtree(out, ignore_errors=True)
        log = work / "trace"
        inject = ["strace", "-f", "-qq", "-o", log, "-e", f"trace={call}", "-e", f"inject={about}"]
        done = run([*inject, *command(out, folder)])
        # Whatever hits the loader or the options says nothing of jobs.
        if "(INJECTED)" not in log.read_text(errors="replace") or not out.exists():
            continue
        injected += 1
        ended[done.returncode] += 1
        check_claim(out, right, about)
        check_end(out, folder, right, about)
    codes = ", ".join(f"{times} with {code}" for code, times in sorted(ended.items()))
    print(f"errors: {injected} runs with failing calls of {len(names)} kinds (strace), ended {codes}; all byte-identical after a clean run and a retry")


def full(work: Path, count: int) -> None:
    folder = source(work, 150, 50)
    right = undisturbed(work, folder)
    place = work / "small"
    place.mkdir(exist_ok=True)
    ended = collections.Counter()
    for number in range(count):
        kilobytes = 8 + 8 * number
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", place]).returncode:
            print("full: skipped, as nothing can be mounted here")
            return
        try:
            out = place / "out"
            done = run(command(out, folder))
            ended[done.returncode] += 1
            if done.returncode == 1 and "No space left" not in done.stderr:
                fail(f"{kilobytes} kB: {done.stderr}")
            if out.exists():
                check_claim(out, right, f"{kilobytes} kB")
            subprocess.run(["mount", "-o", "remount,size=64m", place], check=True)
            check_end(out, folder, right, f"{kilobytes} kB")
        finally:
            subprocess.run(["umount", place], check=True)
    codes = ", ".join(f"{times} with {code}" for code, times in sorted(ended.items()))
    print(f"full: {count} sizes of the output's file system, ended {codes}; all byte-identical once there was room")


def damaged(content: bytes, generator: random.Random) -> tuple[str, bytes | None]:
    at = generator.randrange(len(content))
    kind = generator.choices(["flip", "cut", "gone", "empty", "twice", "zeros", "junk"], [60, 20, 2, 2, 2, 4, 10])[0]
    match kind:
        case "flip":
            return f"bit flipped at {at}", content[:at] + bytes([content[at] ^ 1 << generator.randrange(8)]) + content[at + 1 :]
        case "cut":
            return f"cut at {at}", content[:at]
        case "zeros":
            return f"zeros from {at}", content[:at] + bytes(min(512, len(content) - at)) + content[at + 512 :]
        case "junk":
            return f"junk at {at}", content[:at] + generator.randbytes(16) + content[at + 16 :]
        case "twice":
            return kind, content + content
        case "empty":
            return kind, b""
    return kind, None


def damage(work: Path, count: int) -> None:
    folder = source(work, 60, 10)
    right = undisturbed(work, folder)
    wholes = {"complete": work / "undisturbed", "half": work / "half", "retried": work / "retried", "extended": work / "extended"}
    for name in ("half", "retried", "extended"):
        shutil.rmtree(wholes[name], ignore_errors=True)
    run([*command(wholes["half"], folder), "--worker", "1/2"])
    run([*command(wholes["retried"], folder), "--max-pixels", "700"])
    retried = [BINARY, "job", "retry", wholes["retried"], "--codes", "limit", "--max-pixels", "1000000", "--quiet"]
    if run(retried).returncode not in (0, 2):
        fail("the retry failed")
    held = folder / "000/000059.bmp"
    content = held.read_bytes()
    held.unlink()
    run(command(wholes["extended"], folder))
    held.write_bytes(content)
    run([*command(wholes["extended"], folder), "--extend"])
    generator, out, seen, harmless = random.Random(11), work / "damaged", 0, 0
    for number in range(count):
        name, whole = list(wholes.items())[number % len(wholes)]
        # Made by other options or in another order, and right all the same.
        expected = records(whole) if name in ("retried", "extended") else right
        files = sorted(path for path in whole.rglob("*") if path.is_file() and path.name not in DERIVED and path.stat().st_size)
        victim = files[number // len(wholes) % len(files)].relative_to(whole)
        what, content = damaged((whole / victim).read_bytes(), generator)
        about = f"{name}: {victim}, {what}"
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(whole, out)
        if content is None:
            (out / victim).unlink()
        else:
            (out / victim).write_bytes(content)
        before = job("verify", out).returncode
        options = ["--max-pixels", "700"] if name == "retried" else []
        goes_on = run([*command(out, folder), *options])
        after = job("verify", out)
        if before == 0 and victim.parts[0] == "records" and (out / victim).read_bytes() != expected.get(victim.name):
            fail(f"{about}: it went unseen")
        if after.returncode == 0:
            if goes_on.returncode not in (0, 2):
                fail(f"{about}: {goes_on.stderr}")
            found = records(out)
            if by_key(found).keys() != by_key(expected).keys():
                fail(f"{about}: records are lost or doubled")
            # A retry's larger limits are forgotten with its lines; then its records fail as they did at first, and say so.
            if found != expected and not (name == "retried" and b'"limit"' in b"".join(found.values())):
                fail(f"{about}: a wrong record went unseen")
        reported = before != 0 or goes_on.returncode == 1
        seen, harmless = seen + reported, harmless + (not reported)
    print(f"damage: {count} damages to {len(wholes)} jobs: {seen} reported, {harmless} without harm; no record lost, doubled or wrong")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    storms = {"kill": (kill, 1000), "errors": (errors, 100), "full": (full, 40), "damage": (damage, 2000)}
    parser.add_argument("storm", choices=[*storms, "all"])
    parser.add_argument("work", type=Path)
    parser.add_argument("count", type=int, nargs="?")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    work = arguments.work.resolve()
    for name, (storm, count) in storms.items():
        if arguments.storm in (name, "all"):
            begin = time.monotonic()
            storm(work, arguments.count or count)
            print(f"  in {time.monotonic() - begin:.0f} s", flush=True)


if __name__ == "__main__":
    main()
