"""Reads Parquet output with DuckDB, pyarrow and polars: rows, types, values.

Usage: output.py COMMAND FOLDER, where COMMAND is shadegrid and FOLDER holds pictures, one of which is broken.
"""

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

TEXT = pa.string()
MATCH = pa.struct([
    pa.field("gallery", TEXT, False), pa.field("key", TEXT, False), pa.field("label", TEXT, False),
    pa.field("source", TEXT, False), pa.field("position", pa.uint64(), False), pa.field("algorithm", TEXT, False),
    pa.field("distance", pa.uint32(), False), pa.field("orientation", TEXT, False), pa.field("face", TEXT),
    pa.field("columns", TEXT),
])
FACE = pa.struct([
    pa.field("face", TEXT, False), pa.field("photodna", pa.binary(144)), pa.field("strength", pa.float64()),
    pa.field("pdq", pa.binary(32)), pa.field("quality", pa.uint8()),
    pa.field("pdq512", pa.binary(32)), pa.field("quality512", pa.uint8()),
])
TYPES = {
    "key": TEXT, "source": TEXT, "status": TEXT, "error_code": TEXT, "error_message": TEXT, "format": TEXT,
    "width": pa.uint32(), "height": pa.uint32(), "bytes": pa.int64(), "photodna": pa.binary(144),
    "strength": pa.float64(), "pdq": pa.binary(32), "quality": pa.uint8(),
    "flags": pa.list_(pa.field("element", TEXT, False)), "detail": TEXT, "backend": TEXT,
    "matches": pa.list_(pa.field("element", MATCH, False)),
    "face": TEXT, "faces": pa.list_(pa.field("element", FACE, False)),
}


def hash_folder(command, folder, *options):
    return subprocess.run([command, "hash", "--quiet", folder, *options], check=False, capture_output=True)


def main(command, folder):
    lines = [json.loads(line) for line in hash_folder(command, folder).stdout.splitlines()]
    failed = sum(line["status"] == "error" for line in lines)
    assert len(lines) > 10 and failed > 0, f"{len(lines)} records, {failed} failed"
    with tempfile.TemporaryDirectory() as place:
        file = str(Path(place) / "out.parquet")
        done = hash_folder(command, folder, "--format", "parquet", "-o", file)
        assert done.returncode == 0, done.stderr
        check_pyarrow(file, lines)
        check_duckdb(file, lines, failed)
        check_polars(file, lines, failed)
    print(f"{len(lines)} rows read by DuckDB {duckdb.__version__}, pyarrow {pa.__version__}, polars {polars.__version__}")


def check_pyarrow(file, lines):
    table = pq.read_table(file)
    for name, kind in TYPES.items():
        assert table.schema.field(name).type == kind, f"{name} is {table.schema.field(name).type}, not {kind}"
    metadata = pq.read_metadata(file)
    assert metadata.created_by.startswith("shadegrid "), metadata.created_by
    assert b"shadegrid.version" in metadata.metadata, metadata.metadata
    for row, line in zip(table.to_pylist(), lines, strict=True):
        assert (row["key"], row["status"]) == (line["key"], line["status"])
        if line["status"] == "ok":
            assert row["photodna"] == base64.b64decode(line["photodna"])
            assert row["pdq"] == bytes.fromhex(line["pdq"])
            same = ["format", "width", "height", "bytes", "strength", "quality", "flags", "detail", "backend"]
            assert [row[name] for name in same] == [line[name] for name in same], (row, line)
        else:
            assert (row["error_code"], row["error_message"]) == (line["error_code"], line["error_message"])
            assert row["photodna"] is None and row["flags"] is None


def check_duckdb(file, lines, failed):
    query = "select count(*), count(*) filter (where status = 'error'), sum(width), sum(octet_length(photodna)) from ?"
    found = duckdb.execute(query.replace("?", f"'{file}'")).fetchone()
    widths = sum(line.get("width", 0) for line in lines)
    assert found == (len(lines), failed, widths, 144 * (len(lines) - failed)), found
    kinds = dict(duckdb.execute(f"select column_name, column_type from (describe select * from '{file}')").fetchall())
    assert (kinds["flags"], kinds["strength"], kinds["quality"]) == ("VARCHAR[]", "DOUBLE", "UTINYINT"), kinds
    assert kinds["matches"].startswith("STRUCT(gallery VARCHAR") and kinds["matches"].endswith("[]"), kinds
    first = next(line for line in lines if line["status"] == "ok")
    value = duckdb.execute(f"select hex(pdq) from '{file}' where key = ?", [first["key"]]).fetchone()[0]
    assert value.lower() == first["pdq"]


def check_polars(file, lines, failed):
    frame = polars.read_parquet(file)
    assert frame.height == len(lines) and frame.filter(polars.col("status") == "error").height == failed
    assert frame.schema["flags"] == polars.List(polars.String) and frame.schema["width"] == polars.UInt32
    first = next(line for line in lines if line["status"] == "ok")
    row = frame.filter(polars.col("key") == first["key"]).row(0, named=True)
    assert (row["pdq"].hex(), row["strength"]) == (first["pdq"], first["strength"])


main(*sys.argv[1:])
