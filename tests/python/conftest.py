"""What several tests need: pictures that are in the repository or made here, the command, and the corpus where there is one."""

from __future__ import annotations

import io
import json
import os
import subprocess
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]

# The command that the tests compare with: the one of the tests' build, or another.
COMMAND = Path(os.environ.get("SHADEGRID_COMMAND", ROOT / "target" / "debug" / "shadegrid"))


def pictures_of_the_repository() -> list[Path]:
    """Every file of the tests' own data and of the examples, hostile ones too; of the corpus as well, where SHADEGRID_CORPUS names one."""
    folders = [ROOT / "tests" / "data"]
    if corpus := os.environ.get("SHADEGRID_CORPUS"):
        folders.append(Path(corpus))
    # Of these the command hashes the pictures that they list or hold.
    lists = {".csv", ".tsv", ".parquet", ".tar", ".zip"}
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file() and path.suffix not in lists)


def drawn(seed: int, width: int = 160, height: int = 120, mode: str = "RGB") -> Image.Image:
    """A picture with structure: waves whose frequencies a seed decides."""
    from math import sin

    def level(x: int, y: int, channel: int) -> int:
        a, b = 1 + (seed * 7 + channel) % 5, 2 + (seed * 3 + channel * 2) % 7
        return int(127 + 63 * sin(x * a / 23 + seed) + 63 * sin(y * b / 19 + channel))

    data = bytes(level(x, y, channel) for y in range(height) for x in range(width) for channel in range(3))
    return Image.frombytes("RGB", (width, height), data).convert(mode)


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    """A picture's file."""
    to = io.BytesIO()
    image.save(to, format, **options)
    return to.getvalue()


@pytest.fixture(scope="session")
def photos() -> list[bytes]:
    """Eight pictures that differ, half of them JPEGs."""
    return [encoded(drawn(seed, 200 + seed), "JPEG" if seed % 2 else "PNG") for seed in range(8)]


def records(*arguments: str | os.PathLike[str], command: Path = COMMAND) -> list[dict[str, object]]:
    """What the command prints as JSON lines. Failed inputs are exit code 2."""
    done = subprocess.run([command, *map(os.fspath, arguments)], capture_output=True)
    assert done.returncode in (0, 2), done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def command() -> Path:
    """The command; a test that needs it is skipped without."""
    if not COMMAND.exists():
        if "python" in os.environ.get("SHADEGRID_REQUIRE", "").split(","):
            pytest.fail(f"{COMMAND} is not built")
        pytest.skip(f"{COMMAND} is not built")
    return COMMAND
