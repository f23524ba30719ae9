"""Pictures for the engines, good and bad, and what their records are."""

import io
import os
import random
import re
import textwrap
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

# Before any engine starts: its processes inherit what hooks need.
HOOKS = str(Path(__file__).parent / "hooks")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [HOOKS, os.environ.get("PYTHONPATH")]))
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_worker_niceness"] = "0"  # 15 otherwise, and next to other programs nothing gets done
os.environ["RAY_DATA_PARQUET_FOOTER_NUM_ACTORS"] = "1"  # processes that read the footers of Parquet files, 32 otherwise
os.environ["DO_NOT_TRACK"] = "1"

import shadegrid  # noqa: E402
PAGE = Path(__file__).parents[2] / "docs" / "clusters.md"

# What is asked of a node of Ray in tests.
NODE = {"include_dashboard": False, "object_store_memory": 200 << 20}


def picture(seed: int, comment: str = "") -> bytes:
    """A JPEG of 96 × 64 pixels in soft colours, different for every seed."""
    values = random.Random(seed).randbytes(8 * 6 * 3)
    image = Image.frombytes("RGB", (8, 6), values).resize((96, 64), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90, comment=f"{comment}\n".encode())
    return file.getvalue()


def rows(count: int) -> pa.Table:
    """Rows of `path` and `bytes`, every tenth of which is no picture: cut short, empty, text, or null."""
    bad = [picture(0)[:1500], b"", b"this is no picture", None]
    pictures = [bad[row // 10 % 4] if row % 10 == 3 else picture(row) for row in range(count)]
    return pa.table({"path": [f"{row:05}.jpg" for row in range(count)], "bytes": pa.array(pictures, pa.binary())})


def with_picture(table: pa.Table, row: int, other: bytes) -> pa.Table:
    """The same rows with another picture in one of them."""
    pictures = table["bytes"].to_pylist()
    pictures[row] = other
    return table.set_column(1, "bytes", pa.array(pictures, pa.binary()))


def records(table: pa.Table, search: shadegrid.Search | None = None) -> pa.Table:
    """What the package itself makes of the rows, in one call."""
    batches = shadegrid.Hasher().hash_table(table, keep=["path"], search=search)
    return pa.Table.from_batches(map(pa.record_batch, batches))


def in_order(table: pa.Table) -> list[dict[str, object]]:
    """Rows by key, to compare."""
    return table.sort_by("path").to_pylist()


def run_printed(heading: str, **names: object) -> dict[str, object]:
    """Runs the block of Python under a heading of the page, as printed, with these names in it. What it defines."""
    section = PAGE.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"^ *```python\n(.*?)^ *```$", section, re.DOTALL | re.MULTILINE)
    exec(compile(textwrap.dedent(code), PAGE, "exec"), names)
    return names


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A gallery with the pictures of rows 1 and 7."""
    path = tmp_path_factory.mktemp("gallery") / "known.gallery"
    builder = shadegrid.GalleryBuilder()
    for seed in (1, 7):
        hashed = shadegrid.Hasher().hash(picture(seed))
        builder.add(f"known-{seed}", photodna=hashed.photodna, pdq=hashed.pdq, label="test")
    builder.create(path)
    return str(path)
