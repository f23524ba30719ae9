"""What a person sees on a terminal of 40 to 200 columns: one line of progress that never wraps, is gone at the end, and never mixes with records.

    python3 tests/terminal.py target/debug/shadegrid

Needs nothing but Python on a system with pseudo-terminals.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import zlib
from pathlib import Path

WIDTHS = [40, 60, 80, 120, 200]

# Control sequences that move the cursor, erase, or change colours.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def png(number: int) -> bytes:
    """A small picture, another for every number."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    width, height = 64 + number % 7, 64
    rows = b"".join(b"\0" + bytes((x * (number % 11 + 1) + y * 3) % 256 for x in range(width)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def run(command: list[str], folder: Path, columns: int, feed: list[tuple[str, bytes]] | None = None) -> tuple[int, str]:
    """Runs with standard output and error on a terminal; `feed` is written to standard input, each part once a text was seen behind the part before."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    stdin = subprocess.PIPE if feed else subprocess.DEVNULL
    child = subprocess.Popen(command, cwd=folder, stdin=stdin, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    text, parts, begun = b"", list(feed or []), 0
    while True:
        ready, _, _ = select.select([master], [], [], 0.05)
        if ready:
            try:
                part = os.read(master, 65536)
            except OSError:  # the other end is closed
                part = b""
            if not part:
                break
            text += part
        if parts and parts[0][0].encode() in text[begun:]:
            _, part = parts.pop(0)
            begun = len(text)
            child.stdin.write(part)
            child.stdin.flush()
            if not parts:
                child.stdin.close()
    os.close(master)
    return child.wait(), text.decode()


class Screen:
    """As much of a terminal as a line of progress needs: what is on it in the end, and every line that was on it meanwhile."""

    def __init__(self, text: str) -> None:
        self.lines, self.row, self.column, self.seen = [""], 0, 0, set[str]()
        for token in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
            if token == "\r":
                self.column = 0
            elif token == "\n":
                self.row += 1
            elif token.startswith("\x1b["):
                self.control(token[2:-1], token[-1])
            else:
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + token + line[self.column + len(token) :]
                self.column += len(token)
                self.seen.add(self.lines[self.row])
            self.lines += [""] * (self.row + 1 - len(self.lines))

    def control(self, arguments: str, kind: str) -> None:
        number = int(arguments) if arguments.isdigit() else 0
        line = self.lines[self.row]
        if kind == "A":
            self.row = max(0, self.row - max(1, number))
        elif kind == "B":
            self.row += max(1, number)
        elif kind == "G":
            self.column = max(1, number) - 1
        elif kind == "K":
            self.lines[self.row] = "" if number == 2 else line[: self.column]
        elif kind == "J":
            self.lines[self.row :] = ["" if number == 2 else line[: self.column]]

    def left(self) -> list[str]:
        return [line.rstrip() for line in self.lines if line.strip()]


def check_progress(what: str, columns: int, text: str) -> list[str]:
    """That lines of progress fit and are gone; all of them that were seen."""
    screen = Screen(text)
    is_progress = re.compile(r"^\S (█|\d[\d,]* (of|pictures|records))|^\S reading")
    progress = [line for line in screen.seen if is_progress.match(line)]
    for line in progress:
        assert len(line.rstrip()) <= columns, f"{what} at {columns}: {len(line)} columns: {line!r}"
    left = [line for line in screen.left() if is_progress.match(line)]
    assert not left, f"{what} at {columns}: {left} is left"
    return progress


def main() -> None:
    shadegrid = str(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "photos").mkdir()
        for number in range(120):
            (folder / "photos" / f"{number:03}.png").write_bytes(png(number))
        (folder / "photos" / "notes.txt").write_text("no picture")
        names = b"".join(b"photos/%03d.png\n" % number for number in range(60))
        rest = b"".join(b"photos/%03d.png\n" % number for number in range(60, 120)) + b"photos/gone.png\n"
        slow = [("waiting", names), ("60 pictures, waiting", rest)]
        for columns in WIDTHS:
            # A list that is silent at first, and again in its midst.
            code, text = run([shadegrid, "hash", "--files-from", "-", "-o", "a.jsonl"], folder, columns, slow)
            assert code == 2, text
            progress = check_progress("hash", columns, text)
            assert any("0 pictures" in line for line in progress) and any("60 pictures" in line for line in progress), progress
            waits = [r"waiting \d s for standard input", r"waiting \d s for the next picture"] if columns >= 60 else [r"waiting \d s"]
            assert all(any(re.search(wait, line) for line in progress) for wait in waits), progress

            code, text = run([shadegrid, "hash", "photos", "-o", "b.jsonl"], folder, columns)
            assert code == 0 and "120 of 120 hashed, 1 skipped (no picture)" in text, text

        # Records on a terminal are whole lines, with nothing drawn between.
        code, text = run([shadegrid, "hash", "photos"], folder, 80)
        records = [line for line in text.replace("\r", "").split("\n") if line.startswith("{")]
        assert code == 0 and len(records) == 121 and all(line.endswith("}") for line in records), text
        assert "\x1b[" not in text, text

        # Matches on a terminal are a table that fits; in a pipe they are records.
        build = subprocess.run([shadegrid, "gallery", "build", "k.gallery", "b.jsonl"], cwd=folder, capture_output=True)
        assert build.returncode == 0, build
        for columns in WIDTHS:
            code, text = run([shadegrid, "match", "--gallery", "k.gallery", "photos/007.png"], folder, columns)
            table = Screen(text).left()
            head = next(number for number, line in enumerate(table) if line.startswith("PICTURE"))
            assert code == 0 and "007.png" in table[head + 1], text
            if columns >= 60:
                assert all(len(line) <= columns for line in table[head : head + 2]), text
        piped = subprocess.run([shadegrid, "match", "--gallery", "k.gallery", "photos/007.png", "-q"], cwd=folder, capture_output=True)
        assert piped.returncode == 0 and piped.stdout.startswith(b'{"key":"photos/007.png"'), piped

        # A job, and its status.
        for columns in WIDTHS:
            code, text = run([shadegrid, "backfill", "photos", "--out", f"job{columns}"], folder, columns)
            assert code == 0 and "120 of 120 hashed, 1 skipped (no picture)" in text, text
            check_progress("backfill", columns, text)
        code, text = run([shadegrid, "job", "status", "job80", "--watch"], folder, 80)
        assert code == 0 and "1 done, 0 running" in text, text

        print(f"{len(WIDTHS)} widths, lines that fit and go, a table, whole records")


if __name__ == "__main__":
    signal.alarm(600)
    main()
