"""What pictures may come in: every buffer, Arrow of every library, pixels and Pillow's images."""

from __future__ import annotations

import array
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import arro3.core as arro3
import duckdb
import nanoarrow
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from PIL import Image

import shadegrid
from conftest import ROOT, drawn, encoded

HASHER = shadegrid.Hasher()


def of_mmap(data: bytes) -> mmap.mmap:
    mapped = mmap.mmap(-1, len(data))
    mapped.write(data)
    return mapped


BUFFERS: list[Callable[[bytes], Any]] = [
    bytes,
    bytearray,
    memoryview,
    of_mmap,
    lambda data: memoryview(bytearray(b"xx" + data))[2:],
    lambda data: np.frombuffer(data, np.uint8),
    lambda data: np.repeat(np.frombuffer(data, np.uint8), 2)[::2],
    lambda data: array.array("B", data),
    lambda data: pa.py_buffer(data),
]


@pytest.mark.parametrize("buffer", BUFFERS)
def test_every_buffer(buffer: Callable[[bytes], Any], photos: list[bytes]) -> None:
    expected = HASHER.hash(photos[0])
    assert HASHER.hash(buffer(photos[0])) == expected
    assert HASHER.hash_many([buffer(photos[0])]).to_pylist()[0]["pdq"] == bytes(expected.pdq)


@pytest.mark.parametrize("wrong", ["text", 7, None, object(), array.array("I", [1, 2]), np.zeros(9, np.float32), [b"x"]])
def test_what_is_no_buffer_is_a_type_error_that_names_it(wrong: object) -> None:
    with pytest.raises(TypeError, match="expected an encoded picture") as raised:
        HASHER.hash(wrong)  # type: ignore[arg-type]
    assert type(wrong).__name__ in str(raised.value)
    assert ("hash_file" in str(raised.value)) == isinstance(wrong, str)
    if wrong is not None:
        with pytest.raises(TypeError, match="expected an encoded picture"):
            HASHER.hash_many([wrong])  # type: ignore[list-item]


def test_one_picture_is_not_many(photos: list[bytes]) -> None:
    for one in [photos[0], bytearray(photos[0]), memoryview(photos[0]), "a.jpg"]:
        with pytest.raises(TypeError, match="many"):
            HASHER.hash_many(one)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        HASHER.hash_many(7)  # type: ignore[arg-type]
    for call in [HASHER.hash_files, lambda keys: HASHER.hash_many(photos, keys=keys)]:
        with pytest.raises(TypeError, match="iterable"):
            call("a.jpg")


def test_keys_and_pictures_are_as_many(photos: list[bytes]) -> None:
    with pytest.raises(ValueError, match="1 keys for 2 pictures"):
        HASHER.hash_many(photos[:2], keys=["a"])
    rows = HASHER.hash_many((p for p in photos[:2]), keys=(k for k in "ab")).to_pylist()
    assert [row["key"] for row in rows] == ["a", "b"]


ARRAYS: dict[str, Callable[[list[bytes | None]], Any]] = {
    "pyarrow binary": lambda all: pa.array(all, pa.binary()),
    "pyarrow large_binary": lambda all: pa.array(all, pa.large_binary()),
    "pyarrow binary_view": lambda all: pa.array(all, pa.binary_view()),
    "pyarrow slice": lambda all: pa.array([b"before", *all, b"after"], pa.binary()).slice(1, len(all)),
    "pyarrow chunks": lambda all: pa.chunked_array([all[:1], [], all[1:]], pa.binary()),
    "pyarrow table of a column": lambda all: pa.table({"bytes": pa.array(all, pa.binary())}),
    "arro3": lambda all: arro3.Array(pa.array(all, pa.binary())),
    "arro3 chunks": lambda all: arro3.ChunkedArray(pa.chunked_array([all[:2], all[2:]], pa.binary())),
    "nanoarrow": lambda all: nanoarrow.Array(pa.array(all, pa.binary())),
    "nanoarrow chunks": lambda all: nanoarrow.Array(pa.chunked_array([all[:2], all[2:]], pa.binary())),
    "polars": lambda all: pl.Series(all, dtype=pl.Binary),
    "polars chunks": lambda all: pl.concat([pl.Series(all[:2], dtype=pl.Binary), pl.Series(all[2:], dtype=pl.Binary)], rechunk=False),
    "duckdb": lambda all: duckdb.sql("select unnest($1::blob[]) as bytes", params=[all]).to_arrow_table()["bytes"],
}


@pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS.keys())
def test_arrow_of_every_library(make: Callable[[list[bytes | None]], Any], photos: list[bytes]) -> None:
    given: list[bytes | None] = [photos[0], None, b"", *photos[1:]]
    batch = HASHER.hash_many(make(given))
    assert batch.to_pylist() == HASHER.hash_many(given).to_pylist()
    assert [row["status"] for row in batch.to_pylist()] == ["ok", "error", "error", *["ok"] * 7]


@pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS.keys())
def test_empty_and_null_arrays(make: Callable[[list[bytes | None]], Any]) -> None:
    assert len(HASHER.hash_many(make([]))) == 0
    rows = HASHER.hash_many(make([None, None, None])).to_pylist()
    assert {(row["error_code"], row["error_message"]) for row in rows} == {("input", "no picture: the value is null")}


@pytest.mark.parametrize("wrong", [pa.array(["text"]), pa.array([1]), pa.array([[b"a"]]), pa.array([None]), pl.Series(["a"])])
def test_other_arrays_are_a_type_error_that_names_the_type(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"expected pictures of type binary.*found (Utf8|Int64|List|Null)"):
        HASHER.hash_many(wrong)


def test_truncated_offsets_are_an_error_and_no_crash() -> None:
    good = pa.array([b"abc", b"def"], pa.binary())
    offsets = pa.py_buffer(np.array([0, 5, 2], np.int32))
    broken = pa.Array.from_buffers(pa.binary(), 2, [None, offsets, good.buffers()[2]])
    with pytest.raises(ValueError, match="the Arrow data is broken"):
        HASHER.hash_many(broken)


TABLES: dict[str, Callable[[pa.Table], Any]] = {
    "pyarrow": lambda table: table,
    "pyarrow reader": lambda table: table.to_reader(),
    "pyarrow batch": lambda table: table.combine_chunks().to_batches()[0],
    "arro3": lambda table: arro3.Table(table),
    "polars": pl.from_arrow,
    "duckdb": lambda table: duckdb.sql("from given_to_duckdb"),
}


@pytest.mark.parametrize("library", TABLES)
def test_tables_of_every_library(library: str, photos: list[bytes]) -> None:
    parts = [pa.table({"path": [f"{n}"], "n": [n], "bytes": pa.array([photos[n]], pa.binary())}) for n in range(3)]
    table = pa.concat_tables(parts)
    given_to_duckdb = table  # noqa: F841  DuckDB looks it up by its name
    given = TABLES[library](table) if library != "duckdb" else duckdb.sql("from given_to_duckdb")
    batches = HASHER.hash_table(given, keep=("n", "path"))
    assert batches.schema.names[:3] == ["n", "path", "status"]
    made = list(batches)
    assert all(batch.schema == batches.schema for batch in made)
    rows = [row for batch in made for row in batch.to_pylist()]
    assert [(row["n"], row["path"]) for row in rows] == [(0, "0"), (1, "1"), (2, "2")]
    assert [row["pdq"] for row in rows] == [bytes(HASHER.hash(photo).pdq) for photo in photos[:3]]


def test_a_table_keeps_its_batches(photos: list[bytes]) -> None:
    table = pa.Table.from_batches([pa.record_batch({"b": pa.array(photos[:n], pa.binary())}) for n in (2, 0, 3)])
    assert [len(batch) for batch in HASHER.hash_table(table, column="b")] == [2, 0, 3]


def test_wrong_columns(photos: list[bytes]) -> None:
    table = pa.table({"path": ["a"], "width": [1], "bytes": pa.array(photos[:1], pa.binary())})
    with pytest.raises(KeyError, match="content.*path, width, bytes"):
        HASHER.hash_table(table, column="content")
    with pytest.raises(KeyError, match="nothing"):
        HASHER.hash_table(table, keep=["nothing"])
    for keep in (["width"], ["path", "path"]):
        with pytest.raises(ValueError, match="two columns would be called"):
            HASHER.hash_table(table, keep=keep)
    with pytest.raises(TypeError, match="Utf8"):
        list(HASHER.hash_table(table, column="path"))
    with pytest.raises(TypeError, match="expected an Arrow table, not builtins.list|list"):
        HASHER.hash_table([1])  # type: ignore[arg-type]


def test_batches_go_to_every_library(photos: list[bytes]) -> None:
    batch = HASHER.hash_many([*photos, None], keys=list("abcdefghi"))
    expected = batch.to_pylist()
    assert pa.record_batch(batch).to_pylist() == pa.table(batch).to_pylist() == expected
    assert batch.to_pyarrow().equals(pa.record_batch(batch))
    assert pl.DataFrame(batch).to_dicts() == expected
    assert arro3.RecordBatch.from_arrow(batch).num_rows == len(batch) == batch.num_rows
    assert nanoarrow.Array(batch).to_pylist() == expected or len(nanoarrow.Array(batch)) == len(batch)
    assert duckdb.sql("select count(*), count(pdq) from batch").fetchall() == [(9, 8)]


def test_pixels_are_those_of_the_file() -> None:
    image = drawn(3)
    expected = HASHER.hash(encoded(image))
    rgb = np.asarray(image)
    grey = np.asarray(image.convert("L"))
    for found in [
        HASHER.hash_pixels(rgb),
        HASHER.hash_pixels(np.ascontiguousarray(rgb[:, :, ::-1]), order="bgr"),
        HASHER.hash_pixels(rgb[:, :, ::-1], order="bgr"),
        HASHER.hash_pixels(memoryview(image.tobytes()).cast("B", (120, 160, 3))),
    ]:
        assert (found.photodna, found.pdq, found.quality) == (expected.photodna, expected.pdq, expected.quality)
        assert (found.format, found.bytes, found.width, found.height) == (None, None, 160, 120)
    of_grey = HASHER.hash(encoded(image.convert("L")))
    assert HASHER.hash_pixels(grey).pdq == of_grey.pdq


@pytest.mark.parametrize("wrong", [
    np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 2), np.uint8), np.zeros(99, np.uint8), np.zeros((9, 9), np.uint16),
    np.zeros((9, 9), np.float64), b"bytes", "text", None,
])
def test_other_pixels_are_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match="expected pixels"):
        HASHER.hash_pixels(wrong)


def test_pixels_have_limits() -> None:
    with pytest.raises(shadegrid.InputError, match="4×9"):
        HASHER.hash_pixels(np.zeros((9, 4), np.uint8))
    with pytest.raises(shadegrid.InputError):
        HASHER.hash_pixels(np.zeros((0, 0, 3), np.uint8))
    small = shadegrid.Hasher(limits=shadegrid.Limits(max_side=50))
    with pytest.raises(shadegrid.LimitError, match=r"Limits\(max_side=…\)"):
        small.hash_pixels(np.zeros((60, 20), np.uint8))
    with pytest.raises(ValueError, match="unknown order"):
        HASHER.hash_pixels(np.zeros((9, 9, 3), np.uint8), order="rbg")  # type: ignore[arg-type]


def transparent(mode: str) -> Image.Image:
    image = drawn(5, mode="RGBA")
    image.putalpha(drawn(2, mode="L"))
    return image.convert(mode)


# Each mode as a file that we decode, and as Pillow opens it.
IMAGES: dict[str, bytes] = {
    "1": encoded(drawn(1, mode="1")),
    "L": encoded(drawn(1, mode="L")),
    "LA": encoded(transparent("LA")),
    "P": encoded(drawn(4, mode="P")),
    "RGB": encoded(drawn(1)),
    "RGBA": encoded(transparent("RGBA")),
    "CMYK": encoded(drawn(1, mode="CMYK"), "TIFF"),
    "I;16": encoded(Image.frombytes("I;16", (160, 120), np.asarray(drawn(6, mode="L")).astype("<u2").__mul__(257).tobytes())),
}


@pytest.mark.parametrize("mode", IMAGES)
def test_images_are_hashed_as_our_decoders_do(mode: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(IMAGES[mode])
    image = Image.open(path)
    assert image.mode == mode
    found, expected = HASHER.hash_image(image), HASHER.hash(IMAGES[mode])
    assert (found.photodna, found.pdq) == (expected.photodna, expected.pdq)


def test_jpegs_through_pillow_are_our_own_pixels() -> None:
    whole = shadegrid.Hasher(detail="full")
    compared = 0
    for path in sorted((ROOT / "tests" / "data" / "jpeg").glob("*.jpg")):
        try:
            image = Image.open(path)
            found, expected = HASHER.hash_image(image), whole.hash_file(path)
        except (OSError, shadegrid.UnsupportedError):
            continue
        # Four inks depend on Adobe's marker, which Pillow reads in another way.
        if image.mode in ("L", "RGB"):
            assert found.pdq == expected.pdq, path
            compared += 1
    assert compared >= 15


@pytest.mark.parametrize("mode", ["I", "F", "LAB"])
def test_modes_without_a_range_are_a_type_error(mode: str) -> None:
    with pytest.raises(TypeError, match=f"mode {mode}"):
        HASHER.hash_image(Image.new(mode, (20, 20)))
    with pytest.raises(TypeError, match="PIL.Image.Image, not bytes"):
        HASHER.hash_image(b"x")  # type: ignore[arg-type]
