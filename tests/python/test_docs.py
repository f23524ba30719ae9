"""The documentation's Python, run as it is printed: what follows a block of `python` as `text` is what it prints."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT

PAGES = [ROOT / "bindings" / "python" / "README.md", ROOT / "docs" / "python.md"]
# Blocks that need an engine are run by the engines' own tests.
ENGINES = re.compile(r"^\s*(import|from) (ray|daft|pyspark|shadegrid\.(ray|daft|spark))\b", re.MULTILINE)
BLOCKS = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def blocks() -> list[object]:
    found = []
    for page in PAGES:
        for number, (program, printed) in enumerate(BLOCKS.findall(page.read_text())):
            if not ENGINES.search(program):
                found.append(pytest.param(program, printed, id=f"{page.parent.name}/{page.name}-{number}"))
    return found


def test_there_are_blocks() -> None:
    assert len(blocks()) >= 8


@pytest.mark.parametrize(("program", "printed"), blocks())
def test_every_block_prints_what_the_page_says(program: str, printed: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests" / "data" / "holiday", tmp_path / "holiday")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == printed.splitlines()
