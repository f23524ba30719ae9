"""Rows of batches are the command's records, field by field."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import shadegrid
from conftest import pictures_of_the_repository, records

PATHS = pictures_of_the_repository()

# More than one picture may take by the other limits: how much of it is for what is the command's and the engine's own.
MEMORY = 8 << 30

# What a JSON record holds next to the picture: its key and source, and names of 0.1.0.
OTHER = {"key", "key_bytes", "source", "path", "path_base64", "code", "message"}


@pytest.fixture(scope="module")
def of_the_command(command: Path) -> dict[str, dict[str, object]]:
    """The command's record of each file."""
    lines = records("hash", *PATHS, "--quiet", "--memory", "8G")
    assert len(lines) == len(PATHS) > 50
    return {str(line["key"]): line for line in lines}


@pytest.fixture(scope="module")
def parquet(command: Path, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """The same as Parquet."""
    to = tmp_path_factory.mktemp("records") / "records.parquet"
    records("hash", *PATHS, "--quiet", "--memory", "8G", "--format", "parquet", "--output", to)
    return pq.read_table(to)


def test_hashed_is_the_json_record(of_the_command: dict[str, dict[str, object]]) -> None:
    hasher = shadegrid.Hasher(memory=MEMORY)
    compared = dict.fromkeys(("ok", "error"), 0)
    for path in PATHS:
        record = of_the_command[str(path)]
        compared[str(record["status"])] += 1
        expected = {name: value for name, value in record.items() if name not in OTHER}
        try:
            found: dict[str, object] = hasher.hash_file(path).as_dict()
        except shadegrid.ShadegridError as error:
            found = {"status": "error", "error_code": error.code}
            del expected["error_message"]
        assert found == expected, path
        assert list(found) == list(expected), path
    print(compared)
    assert compared["ok"] > 40 and compared["error"] > 0, compared


def test_rows_are_the_parquet_rows(parquet: pa.Table) -> None:
    batch = shadegrid.Hasher(memory=MEMORY).hash_files(PATHS)
    ours = pa.record_batch(batch)
    columns = [name for name in parquet.column_names if name not in ("source", "matches")]
    assert ours.schema.names == columns
    assert ours.to_pylist() == parquet.select(columns).to_pylist()
    # As Python makes them itself.
    assert batch.to_pylist() == ours.to_pylist()


def test_buffers_give_the_same_rows(parquet: pa.Table) -> None:
    read = [path.read_bytes() for path in PATHS]
    keys = [str(path) for path in PATHS]
    hasher = shadegrid.Hasher(memory=MEMORY)
    of_buffers = pa.record_batch(hasher.hash_many(read, keys=keys))
    of_arrow = pa.record_batch(hasher.hash_many(pa.array(read, pa.binary()), keys=keys))
    columns = of_buffers.schema.names
    assert of_buffers.to_pylist() == of_arrow.to_pylist() == parquet.select(columns).to_pylist()


def test_the_schema_is_that_of_the_file(parquet: pa.Table) -> None:
    schema = pa.schema(shadegrid.Hasher(memory=MEMORY).schema(keys=True, matches=True))
    without_source = parquet.schema.remove(parquet.schema.get_field_index("source"))
    assert schema.equals(without_source)
    assert schema.metadata == parquet.schema.metadata


@pytest.mark.parametrize("options", [
    {"algorithms": ("pdq-512", "photodna", "pdq")},
    {"detail": "full", "faces": "stored"},
    {"detail": 2, "algorithms": ["pdq"]},
    {"orient": "exif", "faces": "shown"},
    {"alpha": "white", "faces": "stored"},
    {"damaged": "refuse"},
])
def test_options_are_those_of_the_command(command: Path, tmp_path: Path, options: dict[str, object]) -> None:
    arguments: list[str] = []
    for name, value in options.items():
        name = "algorithm" if name == "algorithms" else name
        arguments += [f"--{name}", ",".join(value) if isinstance(value, list | tuple) else str(value)]
    to = tmp_path / "records.parquet"
    records("hash", *PATHS, "--quiet", "--memory", "8G", "--format", "parquet", "--output", to, *arguments)
    theirs = pq.read_table(to)
    ours = pa.record_batch(shadegrid.Hasher(**options, memory=MEMORY).hash_files(PATHS))
    assert ours.to_pylist() == theirs.select(ours.schema.names).to_pylist()
    assert ours.schema.metadata == theirs.schema.metadata


def test_a_key_that_is_no_text_is_kept_exactly(command: Path, tmp_path: Path, photos: list[bytes]) -> None:
    path = tmp_path / b"b\xe4d.png".decode("utf-8", "surrogateescape")
    path.write_bytes(photos[0])
    (row,) = shadegrid.Hasher(memory=MEMORY).hash_files([path]).to_pylist()
    assert row["key_bytes"] == bytes(path) and "�" in row["key"] and row["status"] == "ok"
    (keyed,) = shadegrid.Hasher(memory=MEMORY).hash_many([photos[0]], keys=[str(path)]).to_pylist()
    assert keyed == row


def test_no_rows_have_the_same_schema(photos: list[bytes]) -> None:
    hasher = shadegrid.Hasher(memory=MEMORY)
    none, some = hasher.hash_many([]), hasher.hash_many(photos)
    assert len(none) == 0 and len(some) == len(photos)
    assert none.schema == some.schema == hasher.schema()
