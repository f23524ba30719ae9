"""Which picture ends the process that hashes it? Asked only after such deaths, and of a process of its own."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pyarrow as pa

from ._rows import Work, hash_rows


def refuse_fatal(work: Work, table: pa.Table) -> None:
    """Hashes the rows of `table` one by one in a child process. RuntimeError, with the kept columns of the row, where one ends it by a signal."""
    options, column, keep, lookup = work
    pictures = table.select([column]).take(pa.array(range(table.num_rows)))  # a slice would be sent with all of its block
    command = [sys.executable, "-m", __name__]
    paths = os.pathsep.join(filter(None, sys.path))
    sent = pickle.dumps(((options, column, (), lookup), pictures))
    child = subprocess.run(command, input=sent, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths})
    if child.returncode < 0:
        row = table.select(keep).slice(child.stdout.count(b"\n"), 1).to_pylist()[0]
        named = ", ".join(f"{name}={value!r:.200}" for name, value in row.items() if isinstance(value, str | int))
        raise RuntimeError(f"a picture ends every process that hashes it (signal {-child.returncode}): {named or 'keep a column to see which'}")


def main() -> None:
    """Prints a line for each row once it is hashed. Whatever is raised is raised again by who hashes the table for good."""
    work, table = pickle.load(sys.stdin.buffer)
    for row in range(table.num_rows):
        hash_rows(work, table.slice(row, 1))
        print(flush=True)


if __name__ == "__main__":
    main()
