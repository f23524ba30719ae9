"""What becomes of pictures that give no signature: a row, or an exception that says whose fault it is; never fewer rows."""

from __future__ import annotations

import errno
import os
import pickle
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import shadegrid
from conftest import drawn, encoded, pictures_of_the_repository

HASHER = shadegrid.Hasher()


def bomb(side: int = 60_000) -> bytes:
    """A PNG that announces far more pixels than it has bytes for."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


# A HEIC that ends behind its first box.
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


BAD: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "input"),
    "text": (b"<html><body>404</body></html>", "input"),
    "zeros": (bytes(1000), "input"),
    "a JPEG's first bytes": (b"\xff\xd8\xff\xe0", "corrupt"),
    "half a header": (encoded(drawn(1))[:20], "corrupt"),
    "a bomb": (bomb(), "limit"),
    "4 pixels": (encoded(drawn(1, 4, 4)), "input"),
    "an icon": (b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0\x68\4\0\0\x16\0\0\0", "corrupt"),
    "HEIC": (HEIC, "corrupt"),
}

CLASSES = {
    "input": shadegrid.InputError, "corrupt": shadegrid.CorruptError, "limit": shadegrid.LimitError,
    "unsupported": shadegrid.UnsupportedError, "io": shadegrid.IoError, "device": shadegrid.DeviceError,
}


@pytest.mark.parametrize(("data", "code"), BAD.values(), ids=BAD.keys())
def test_one_bad_picture_raises_by_its_code(data: bytes, code: str) -> None:
    with pytest.raises(CLASSES[code]) as raised:
        HASHER.hash(data)
    error = raised.value
    assert error.code == code and isinstance(error, shadegrid.ShadegridError) and str(error)
    assert type(pickle.loads(pickle.dumps(error))) is type(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_many_bad_pictures_are_rows(photos: list[bytes]) -> None:
    given = [photos[0], *(data for data, _ in BAD.values()), None, photos[1]]
    rows = HASHER.hash_many(given).to_pylist()
    codes = [row["error_code"] for row in rows]
    assert codes == [None, *(code for _, code in BAD.values()), "input", None]
    for row in rows:
        assert (row["status"] == "ok") == (row["pdq"] is not None) == (row["error_message"] is None)
    # A row says what the exception says, but for the names of parameters.
    with pytest.raises(shadegrid.InputError) as raised:
        HASHER.hash(b"")
    assert rows[1]["error_message"] == str(raised.value)


def test_one_row_for_whatever_bytes() -> None:
    random.seed(5)
    good = [encoded(drawn(1), format) for format in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")]
    given: list[bytes] = []
    for data in good:
        given += [data[:cut] for cut in range(0, len(data), max(1, len(data) // 40))]
        for _ in range(40):
            changed = bytearray(data)
            for _ in range(random.randrange(1, 9)):
                changed[random.randrange(len(changed))] = random.randrange(256)
            given.append(bytes(changed))
    given += [random.randbytes(random.randrange(300)) for _ in range(100)]
    batch = HASHER.hash_many(given)
    assert len(batch) == len(given) > 500
    codes = {row["error_code"] for row in batch.to_pylist()}
    assert None in codes and {"corrupt", "input"} <= codes and codes <= {None, *CLASSES}
    # The same in any company, and on one thread.
    alone = shadegrid.Hasher(threads=1)
    assert [alone.hash_many([data]).to_pylist()[0] for data in given[::29]] == batch.to_pylist()[::29]


def test_every_file_of_the_repository_is_a_row() -> None:
    paths = pictures_of_the_repository()
    assert len(HASHER.hash_files(paths)) == len(paths)


LIMITS = {
    "max_side": (100, "width in pixels", 160), "max_pixels": (5000, "number of pixels", 160 * 120),
    "max_file_bytes": (100, "file size in bytes", None), "max_decoder_bytes": (1000, "memory to decode in bytes", None),
}


@pytest.mark.parametrize("parameter", LIMITS)
def test_limits_name_their_parameter(parameter: str) -> None:
    limit, what, actual = LIMITS[parameter]
    hasher = shadegrid.Hasher(limits=shadegrid.Limits(**{parameter: limit}))
    with pytest.raises(shadegrid.LimitError) as raised:
        hasher.hash(encoded(drawn(1)))
    error = raised.value
    assert (error.parameter, error.limit, error.what) == (parameter, limit, what)
    assert error.actual == actual or actual is None and error.actual > limit
    assert f"Limits({parameter}=…)" in str(error) and "--" not in str(error)
    (row,) = hasher.hash_many([encoded(drawn(1))]).to_pylist()
    assert row["error_code"] == "limit" and parameter in row["error_message"] and "--" not in row["error_message"]


def test_density_and_memory_are_limits_too() -> None:
    flat = encoded(drawn(1).resize((1, 1)).resize((4000, 4000)))
    with pytest.raises(shadegrid.LimitError) as raised:
        HASHER.hash(flat)
    assert raised.value.parameter == "max_pixels_per_byte"
    dense = shadegrid.Limits(max_pixels_per_byte=10_000)
    assert shadegrid.Hasher(limits=dense).hash(flat).width == 4000
    with pytest.raises(shadegrid.LimitError) as raised:
        shadegrid.Hasher(limits=dense, memory=1 << 20).hash(flat)
    assert raised.value.parameter == "memory" and "Hasher(memory=…)" in str(raised.value)


def test_limits_are_the_librarys_by_default() -> None:
    assert repr(shadegrid.Hasher()) == repr(shadegrid.Hasher(limits=shadegrid.Limits()))
    assert shadegrid.Limits() == shadegrid.Limits(max_side=65_535) != shadegrid.Limits(max_side=9)
    assert len({shadegrid.Limits(), shadegrid.Limits()}) == 1


def test_files_that_are_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "missing.jpg"
    with pytest.raises(OSError) as raised:
        HASHER.hash_file(missing)
    error = raised.value
    assert isinstance(error, shadegrid.IoError) and error.errno == errno.ENOENT and error.filename == str(missing)
    assert pickle.loads(pickle.dumps(error)).errno == errno.ENOENT
    with pytest.raises(shadegrid.IoError):
        HASHER.hash_file(tmp_path)
    rows = HASHER.hash_files([missing, tmp_path]).to_pylist()
    assert [row["error_code"] for row in rows] == ["io", "io"]


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(shadegrid.InputError, match="pipe"):
        HASHER.hash_file(pipe)
    assert HASHER.hash_files([pipe]).to_pylist()[0]["error_code"] == "input"


@pytest.mark.parametrize("wrong", [
    {"algorithms": ("md5",)}, {"algorithms": ()}, {"detail": "half"}, {"detail": 5}, {"orient": "turn"},
    {"damaged": "skip"}, {"faces": "none"}, {"threads": 0},
])
def test_wrong_choices_are_value_errors_that_name_the_choice(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="choice is|at least 1"):
        shadegrid.Hasher(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [
    {"algorithms": "pdq"}, {"detail": 1.5}, {"limits": 5}, {"threads": "2"}, {"bogus": 1},
])
def test_choices_of_wrong_types_are_type_errors(wrong: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        shadegrid.Hasher(**wrong)  # type: ignore[arg-type]
    with pytest.raises(OverflowError):
        shadegrid.Limits(max_side=-1)


def test_nothing_shows_a_signature(photos: list[bytes], capfd: pytest.CaptureFixture[str]) -> None:
    hasher = shadegrid.Hasher(orientations=True, algorithms=("photodna", "pdq", "pdq-512"))
    hashed = hasher.hash(photos[1])
    batch = hasher.hash_many(photos)
    secrets = [str(hashed.photodna), str(hashed.pdq), str(hashed.pdq512), bytes(hashed.pdq).hex(), repr(bytes(hashed.pdq))[2:-1]]
    shown = [repr(x) for x in (hashed, hashed.photodna, hashed.pdq, batch, batch.schema, hasher, hashed.orientations)]
    shown.append(batch._repr_html_())
    for wrong in [str(hashed.pdq)[1:], bytes(hashed.pdq)[1:], str(hashed.photodna)[1:]]:
        for kind in (shadegrid.Pdq, shadegrid.PhotoDna):
            with pytest.raises(ValueError) as raised:
                kind(wrong)
            shown.append(str(raised.value))
    table = pa.table({"pdq": [str(hashed.pdq)[1:]]})
    with pytest.raises(ValueError) as raised:
        shadegrid.Search([]).find(table)
    shown.append(str(raised.value))
    shown += capfd.readouterr()
    for text in shown:
        for secret in secrets:
            assert secret[:12] not in text and secret[1:13] not in text
    assert "<th>photodna</th>" in shown[7] and "8 of 8 rows" in shown[7]


def test_html_is_escaped() -> None:
    table = pa.table({"name": ["<script>&"], "bytes": pa.array([b""], pa.binary())})
    (batch,) = HASHER.hash_table(table, keep=["name"])
    assert "&lt;script&gt;&amp;" in batch._repr_html_()


def test_kept_columns_of_any_type(photos: list[bytes]) -> None:
    table = pa.table({
        "when": pa.array([np.datetime64("2024-01-01", "us")]), "words": pa.array([["a"]]),
        "bytes": pa.array(photos[:1], pa.binary()),
    })
    (batch,) = HASHER.hash_table(table, keep=["when", "words"])
    assert pa.record_batch(batch).select(["when", "words"]).to_pylist() == table.select(["when", "words"]).to_pylist()
    with pytest.raises(TypeError, match="to_pyarrow"):
        batch.to_pylist()
