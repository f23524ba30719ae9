"""Daft: every row once, in the types of a batch, within a query."""

import daft
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import in_order, records, rows, run_printed

import shadegrid
from shadegrid.daft import hash_column

pytestmark = pytest.mark.timeout(300)


def hashed(table: pa.Table, **options: object) -> daft.DataFrame:
    frame = daft.from_arrow(table)
    return frame.select(frame["path"], hash_column(frame["bytes"], **options).alias("hashed")).select("path", daft.col("hashed").unnest())


def test_rows_are_those_of_one_call(gallery):
    table = rows(300)
    found = hashed(table, galleries=[gallery], batch_size=32).to_arrow()
    assert in_order(found) == in_order(records(table, shadegrid.Search([gallery])))
    assert [row["path"] for row in in_order(found) if row["matches"]] == ["00001.jpg", "00007.jpg"]


def test_a_bad_picture_is_a_row_and_costs_no_other():
    table = pa.table({"path": ["good", "bad", "null"], "bytes": pa.array([rows(1)["bytes"][0].as_py(), b"no picture", None], pa.binary())})
    found = hashed(table).select("path", "status", "error_code").to_pydict()
    assert found == {"path": ["good", "bad", "null"], "status": ["ok", "error", "error"], "error_code": [None, "input", "input"]}


def test_a_column_of_nulls_is_rows():
    assert hashed(pa.table({"path": ["a"], "bytes": pa.nulls(1)})).to_pydict()["error_code"] == ["input"]


def test_types_are_those_of_a_batch(tmp_path):
    hashed(rows(20)).write_parquet(str(tmp_path))
    written = pq.read_schema(next(tmp_path.glob("*.parquet")))
    ours = records(rows(1)).schema
    assert written.names == ours.names
    for name in ["photodna", "pdq", "width", "bytes", "quality", "strength", "decoded"]:
        assert written.field(name).type == ours.field(name).type, name
    assert written.field("status").type == pa.large_string(), "Daft's texts have long offsets"


def test_it_is_part_of_a_query():
    counted = hashed(rows(100)).groupby("status").agg(daft.col("path").count(), daft.col("quality").max()).sort("status")
    assert counted.to_pydict() == {"status": ["error", "ok"], "path": [7, 93], "quality": [None, 100]}


def test_the_query_of_the_page_writes_what_is_hashed(tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    pq.write_table(rows(20), tmp_path / "pictures" / "0.parquet")
    monkeypatch.setenv("ARCHIVE", str(tmp_path))
    run_printed("Daft")
    assert pq.read_table(tmp_path / "hashed").num_rows == 19  # a picture that is cut short is hashed, an empty one is not


def test_wrong_choices_are_raised_at_once():
    with pytest.raises(ValueError, match="sideways"):
        hash_column(daft.col("bytes"), orient="sideways")
