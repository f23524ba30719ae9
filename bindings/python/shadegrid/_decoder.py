"""AVIF and HEIC are decoded in a process of their own: this interpreter once more, which serves nothing else."""

from __future__ import annotations

import os.path
import sys

from . import _native

# Without the environment and the packages of this process: standard modules, and this package from where it is.
_CODE = "import sys; sys.path.insert(0, {folder!r}); from shadegrid import _native; _native.serve_decoder()"


def name_decoder() -> None:
    """Names this interpreter, where it is one: a program that only carries one would start itself."""
    program = sys.executable or ""
    if os.path.basename(program).lower().startswith(("python", "pypy")) and not getattr(sys, "frozen", False):
        code = _CODE.format(folder=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        _native.use_decoder(program, ["-I", "-S", "-c", code])
