"""What ends the processes of an engine in tests. `conftest.py` puts this folder on their PYTHONPATH; no code of the package knows of it.

A picture with the comment `kill FOLDER COUNT` ends the process that is about to hash it, COUNT times in all, counted by files in FOLDER. One with
`wait SECONDS` takes that long, and one with `after FOLDER` waits for a Parquet file there. One with `tell FOLDER` leaves a file there whose name says
the threads of the hasher and the CPUs of Ray's task.
"""

import os
import re
import signal
import sys
import time
from pathlib import Path

_KILL = re.compile(rb"kill (\S+) (\d+)\n")
_AFTER = re.compile(rb"after (\S+)\n")
_WAIT = re.compile(rb"wait (\S+)\n")
_TELL = re.compile(rb"tell (\S+)\n")


class _Hooked:
    """An import hook that acts when a process of an engine is about to hash, and costs the others nothing."""

    def find_spec(self, name, path, target=None):
        if name == "shadegrid._rows":
            sys.meta_path.remove(self)
            import shadegrid

            own = shadegrid.Hasher
            shadegrid._native.Hasher = lambda **options: _Hasher(own(**options), options.get("threads"))


class _Hasher:
    """The package's own, which does what comments say first."""

    def __init__(self, own, threads):
        self._own = own
        self._threads = threads

    def __getattr__(self, name):
        return getattr(self._own, name)

    def hash_table(self, table, *, column, **arguments):
        for picture in table[column].to_pylist():
            if found := _WAIT.search(picture or b""):
                time.sleep(float(found[1]))
            if found := _AFTER.search(picture or b""):
                _wait_for_a_file(found[1].decode())
            if found := _TELL.search(picture or b""):
                _tell(found[1].decode(), self._threads)
            if found := _KILL.search(picture or b""):
                _die(found[1].decode(), int(found[2]))
        return self._own.hash_table(table, column=column, **arguments)


def _wait_for_a_file(folder):
    deadline = time.monotonic() + 120
    while not list(Path(folder).glob("*.parquet")):
        if time.monotonic() > deadline:
            raise TimeoutError(f"no Parquet file in {folder} after two minutes")
        time.sleep(0.05)


def _tell(folder, threads):
    import ray

    cpus = ray.get_runtime_context().get_assigned_resources()["CPU"]
    open(f"{folder}/{threads} threads, {cpus:g} CPUs", "w").close()


def _die(folder, most):
    for death in range(most):
        try:
            os.close(os.open(f"{folder}/{death}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        os.kill(os.getpid(), signal.SIGKILL)


sys.meta_path.insert(0, _Hooked())
