"""Typed use, checked by `mypy --strict` and run by nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
from PIL import Image
from typing import assert_type

import shadegrid
from shadegrid import Batch, Gallery, GalleryBuilder, Hashed, Hasher, Limits, Pdq, PhotoDna, Search


def one(picture: bytes) -> None:
    hasher = Hasher(algorithms=("pdq",), detail=2, orient="exif", limits=Limits(max_side=100), threads=1)
    hashed = hasher.hash(picture)
    assert_type(hashed, Hashed)
    assert_type(hashed.pdq, Pdq | None)
    assert_type(hashed.photodna, PhotoDna | None)
    assert_type(hashed.flags, tuple[str, ...])
    hasher.hash(bytearray(picture))
    hasher.hash(memoryview(picture))
    hasher.hash(np.frombuffer(picture, np.uint8))
    hasher.hash_file(Path("a"))
    hasher.hash_pixels(np.zeros((9, 9, 3), np.uint8), order="bgr")
    hasher.hash_image(Image.new("RGB", (9, 9)))
    if hashed.pdq is not None:
        assert_type(hashed.pdq.distance(Pdq("00" * 32)), int)
        assert_type(bytes(hashed.pdq.oriented("mirror")), bytes)
    Hasher(detail="half")  # type: ignore[arg-type]
    Hasher(algorithms=["md5"])  # type: ignore[list-item]
    hasher.hash("text")  # type: ignore[arg-type]


def many(pictures: list[bytes | None], array: pa.ChunkedArray, table: pa.Table) -> Iterator[Batch]:
    hasher = Hasher()
    batch = hasher.hash_many(pictures, keys=[str(n) for n in range(len(pictures))])
    assert_type(batch, Batch)
    hasher.hash_many(array)
    hasher.hash_many(pl.Series([b"a"]))
    hasher.hash_files(["a", Path("b")])
    pl.DataFrame(batch)
    yield from hasher.hash_table(table, column="content", keep=("path",))
    yield from hasher.hash_table(pl.DataFrame({"bytes": [b"a"]}), search=Search(["a"]))


def known(hashed: Hashed, table: pa.Table) -> Batch:
    builder = GalleryBuilder()
    assert_type(builder.add("a", photodna=hashed.photodna, pdq=hashed.pdq, quality=hashed.quality), bool)
    gallery = Gallery.from_bytes(builder.to_bytes())
    search = Search([gallery, "b", Path("c")], photodna=None, nearest=3)
    assert_type(gallery.entry(0).pdq, Pdq | None)
    search.find(hashed)
    return search.find(table)


def failed(picture: bytes) -> int | None:
    try:
        Hasher().hash(picture)
    except shadegrid.LimitError as error:
        assert_type(error.parameter, str | None)
        return error.limit
    except shadegrid.IoError as error:
        return error.errno
    except shadegrid.ShadegridError as error:
        assert_type(error.code, str)
    return None
