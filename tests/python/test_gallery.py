"""Galleries and search: what is found is what `shadegrid match` finds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import shadegrid
from conftest import drawn, encoded, records

HASHER = shadegrid.Hasher(orientations=True)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Originals, and what became of them: saved again, smaller, mirrored, and one with something behind its transparency."""
    folder = tmp_path_factory.mktemp("pictures")
    paths = []
    for seed in range(6):
        image = drawn(seed, 320, 240)
        changed = {"original": image, "small": image.resize((160, 120)), "mirrored": image.transpose(0)}
        for name, picture in changed.items():
            paths.append(folder / f"{seed}-{name}.jpg")
            picture.save(paths[-1], quality=70)
    clear = drawn(9, 320, 240, "RGBA")
    clear.putalpha(drawn(1, 320, 240, "L"))
    paths.append(folder / "9-clear.png")
    clear.save(paths[-1])
    (folder / "bad.jpg").write_bytes(b"no picture")
    return [*paths, folder / "bad.jpg"]


@pytest.fixture(scope="module")
def gallery(pictures: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The originals as a gallery, and what is seen of the transparent one."""
    builder = shadegrid.GalleryBuilder()
    for path in pictures:
        if "original" in path.name:
            hashed = HASHER.hash_file(path)
            added = builder.add(path.stem, photodna=hashed.photodna, pdq=hashed.pdq, quality=hashed.quality, label="known")
            assert added and not builder.add(path.stem, photodna=hashed.photodna, pdq=hashed.pdq, quality=hashed.quality, label="known")
    (face,) = [face for face in HASHER.hash_file(pictures[-2]).faces if face.face == "white"]
    builder.add("seen", photodna=face.photodna, pdq=face.pdq, source="faces", position=7)
    assert len(builder) == 7
    path = tmp_path_factory.mktemp("galleries") / "known.sgg"
    builder.create(path)
    return path


CHOICES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"orientations": True}, ["--orientations", "all"]),
    ({"photodna": 100_000, "pdq": 60}, ["--threshold", "photodna=100000,pdq=60"]),
    ({"photodna": 100_000, "pdq": 60, "joint": True}, ["--joint", "photodna=100000,pdq=60"]),
    ({"photodna": None}, ["--algorithm", "pdq"]),
    ({"nearest": 2, "photodna": 2**32 - 1, "pdq": 2**32 - 1}, ["--nearest", "2"]),
    ({"quality_min": 100, "include_flat": True}, ["--quality-min", "100", "--include-flat"]),
]


@pytest.mark.parametrize(("choices", "options"), CHOICES)
def test_matches_are_those_of_the_command(
    command: Path, pictures: list[Path], gallery: Path, choices: dict[str, Any], options: list[str]
) -> None:
    lines = records("match", "--gallery", gallery, *pictures, "--quiet", *options)
    search = shadegrid.Search([gallery], **choices)
    batch = HASHER.hash_files(pictures, search=search)
    rows = batch.to_pylist()
    found = [None if row["matches"] is None else [{k: v for k, v in m.items() if v is not None} for m in row["matches"]] for row in rows]
    assert found == [line.get("matches") for line in lines]
    assert sum(len(matches or []) for matches in found) > 2
    # The same from memory, next to kept columns, and afterwards.
    read = [path.read_bytes() for path in pictures]
    assert [row["matches"] for row in HASHER.hash_many(read, search=search).to_pylist()] == [row["matches"] for row in rows]
    table = pa.table({"bytes": pa.array(read, pa.binary()), "n": range(len(read))})
    (kept,) = HASHER.hash_table(table, keep=["n"], search=search)
    assert [row["matches"] for row in kept.to_pylist()] == [row["matches"] for row in rows]
    flat = [{"row": n, **match} for n, row in enumerate(rows) for match in row["matches"] or []]
    if "orientations" not in choices:
        for records_of in (batch, pa.record_batch(batch), pl.DataFrame(batch)):
            assert search.find(records_of).to_pylist() == flat
    one = HASHER.hash_file(pictures[1])
    assert [dict(m) for m in search.find(one).to_pylist()] == [{**m, "row": 0} for m in flat if m["row"] == 1]


def test_texts_and_spark_like_types_are_found_too(gallery: Path, pictures: list[Path]) -> None:
    hashed = HASHER.hash_file(pictures[0])
    search = shadegrid.Search([gallery])
    expected = search.find(hashed).to_pylist()
    assert [match["algorithm"] for match in expected] == ["photodna", "pdq"]
    tables = [
        pa.table({"photodna": [str(hashed.photodna)], "pdq": [str(hashed.pdq)]}),
        pa.table({"photodna": pa.array([bytes(hashed.photodna)], pa.binary()), "pdq": pa.array([bytes(hashed.pdq)], pa.large_binary()),
                  "quality": pa.array([hashed.quality], pa.int16()), "strength": [hashed.strength]}),
    ]
    for table in tables:
        assert search.find(table).to_pylist() == expected
    poor = pa.table({"pdq": [str(hashed.pdq)], "quality": [3]})
    assert len(search.find(poor)) == 0
    flat = pa.table({"photodna": [str(hashed.photodna)], "strength": [1.0]})
    assert len(search.find(flat)) == 0 and len(shadegrid.Search([gallery], include_flat=True).find(flat)) == 1
    nothing = search.find(pa.table({"pdq": pa.array([None, None], pa.string())}))
    assert len(nothing) == 0 and nothing.schema == search.find(hashed).schema
    with pytest.raises(KeyError, match="neither"):
        search.find(pa.table({"a": [1]}))
    with pytest.raises(TypeError, match="Int64"):
        search.find(pa.table({"pdq": [1]}))
    with pytest.raises(ValueError, match="row 1: a signature is 32 bytes, not 3"):
        search.find(pa.table({"pdq": pa.array([None, b"abc"], pa.binary())}))


def test_a_gallery_says_what_it_holds(gallery: Path) -> None:
    known = shadegrid.Gallery.open(gallery)
    assert (len(known), known.counts["entries"], known.counts["pdq"], known.name) == (7, 7, 7, str(gallery))
    assert known.sources == [("python", "python", 6), ("faces", "python", 1)]
    known.verify()
    entry = known.entry(6)
    assert (entry.key, entry.source, entry.position, entry.label, entry.flat) == ("seen", "faces", 7, "", False)
    assert known.entry(0).label == "known" and known.entry(0).pdq is not None
    with pytest.raises(IndexError):
        known.entry(7)
    data = gallery.read_bytes()
    again = shadegrid.Gallery.from_bytes(data, name="again")
    assert (again.checksum, again.counts, again.name) == (known.checksum, known.counts, "again")


def test_damaged_galleries_are_errors(gallery: Path, tmp_path: Path) -> None:
    data = bytearray(gallery.read_bytes())
    with pytest.raises(shadegrid.IoError) as raised:
        shadegrid.Gallery.open(tmp_path / "none.sgg")
    assert raised.value.filename == str(tmp_path / "none.sgg")
    with pytest.raises(shadegrid.InputError):
        shadegrid.Gallery.from_bytes(b"no gallery at all")
    with pytest.raises(shadegrid.CorruptError):
        shadegrid.Gallery.from_bytes(data[:-9])
    data[len(data) // 2] ^= 1
    with pytest.raises(shadegrid.CorruptError):
        shadegrid.Gallery.from_bytes(data).verify()
    for one in (str(gallery), shadegrid.Gallery.open(gallery)):
        with pytest.raises(TypeError, match="sequence"):
            shadegrid.Search(one)  # type: ignore[arg-type]


def test_lists_become_galleries(tmp_path: Path, pictures: list[Path], command: Path) -> None:
    hashes = [HASHER.hash_file(path) for path in pictures[:4]]
    text = tmp_path / "list.txt"
    text.write_text("".join(f"{hashed.pdq} key-{n} label\n" for n, hashed in enumerate(hashes)) + "bad line\n")
    lines = tmp_path / "records.jsonl"
    lines.write_text("".join(json.dumps({"key": f"{n}", **hashed.as_dict()}) + "\n" for n, hashed in enumerate(hashes)))
    parquet = tmp_path / "records.parquet"
    pa.parquet.write_table(pa.table(HASHER.hash_files(pictures[:4])), parquet)
    builder = shadegrid.GalleryBuilder()
    report = builder.add_list(text, source="mine", leave_out=["suspicious"])
    assert (report["entries"], report["pdq"], report["bad"]) == (4, 4, 1)
    assert builder.add_list(lines)["entries"] == 4
    assert builder.add_list(parquet, format="parquet")["photodna"] == 4
    assert builder.add_list(text, source="mine")["repeated"] == 4
    path = tmp_path / "known.sgg"
    builder.create(path)
    assert [source[0] for source in shadegrid.Gallery.open(path).sources] == ["mine", "records.jsonl", "records.parquet"]
    # What the command makes of the same lists.
    theirs = tmp_path / "theirs.sgg"
    records("gallery", "build", theirs, text, "--source", "mine", "--quiet")
    records("gallery", "add", theirs, lines, parquet, "--quiet")
    assert len(shadegrid.Gallery.open(theirs)) == len(shadegrid.Gallery.open(path)) == 12
    more = shadegrid.GalleryBuilder()
    more.add_list(text, source="mine")
    more.add("new", pdq=HASHER.hash_file(pictures[8]).pdq)
    more.remove("key-0")
    assert more.append(path) == 3 or len(shadegrid.Gallery.open(path)) == 12
    with pytest.raises(ValueError, match="choice"):
        builder.add_list(text, format="toml")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="choice"):
        builder.add_list(text, leave_out=["all"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="needs a signature"):
        builder.add("empty")
    with pytest.raises(shadegrid.IoError):
        builder.add_list(tmp_path / "none.txt")


def test_texts_make_the_round_trip(pictures: list[Path]) -> None:
    hashed = HASHER.hash_file(pictures[0])
    photodna, pdq = hashed.photodna, hashed.pdq
    assert photodna is not None and pdq is not None
    texts = [str(photodna), bytes(photodna).hex(), bytes(photodna).hex().upper(), ",".join(map(str, bytes(photodna)))]
    assert {shadegrid.PhotoDna(text) for text in texts} == {photodna} == {shadegrid.PhotoDna(bytes(photodna))}
    assert shadegrid.Pdq(str(pdq)) == shadegrid.Pdq(str(pdq).upper()) == shadegrid.Pdq(bytearray(bytes(pdq))) == pdq
    assert len(bytes(photodna)) == 144 and len(str(photodna)) == 192 and len(bytes(pdq)) == 32
    assert pdq != photodna and pdq != str(pdq)
    other = HASHER.hash_file(pictures[1])
    assert photodna.distance(photodna) == 0 < photodna.distance(other.photodna) < 40_000
    assert pdq.distance(pdq) == 0 and pdq.distance(shadegrid.Pdq(bytes(255 - b for b in bytes(pdq)))) == 256
    assert photodna.oriented("rotate-90").oriented("rotate-270") == photodna == photodna.oriented("upright")
    assert hashed.orientations is not None and hashed.orientations[0] == pdq and len(set(hashed.orientations)) == 8
    for wrong in [b"", b"x" * 31, "zz", 5, None]:
        with pytest.raises((TypeError, ValueError)):
            shadegrid.Pdq(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="choice is upright"):
        pdq.oriented("sideways")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        pdq.distance(photodna)  # type: ignore[arg-type]


def test_a_changed_file_is_not_followed(gallery: Path, tmp_path: Path, pictures: list[Path]) -> None:
    copy = tmp_path / "copy.sgg"
    copy.write_bytes(gallery.read_bytes())
    search = shadegrid.Search([copy, shadegrid.Gallery.from_bytes(gallery.read_bytes(), name="in memory")])
    before = search.find(HASHER.hash_file(pictures[0])).to_pylist()
    assert {match["gallery"] for match in before} == {str(copy), "in memory"}
    os.remove(copy)
    assert search.find(HASHER.hash_file(pictures[0])).to_pylist() == before
