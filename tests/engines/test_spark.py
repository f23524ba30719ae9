"""Spark: every row once, in the types that Spark has, whichever worker dies. Skipped unless SHADEGRID_REQUIRE names spark; it needs Java."""

import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import in_order, picture, records, rows, run_printed, with_picture

import shadegrid

if "spark" not in os.environ.get("SHADEGRID_REQUIRE", "").split(","):
    pytest.skip("SHADEGRID_REQUIRE does not name spark", allow_module_level=True)

from pyspark.sql import DataFrame, SparkSession  # noqa: E402
from pyspark.sql import types as spark  # noqa: E402

from shadegrid.spark import hash_dataframe  # noqa: E402

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def session():
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2, 4]")  # two tasks at once, each tried four times
    for name, value in {"spark.ui.enabled": "false", "spark.driver.memory": "1g", "spark.log.level": "OFF"}.items():
        builder = builder.config(name, value)
    session = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", 64).getOrCreate()
    yield session
    session.stop()


def frame(session: SparkSession, table: pa.Table, folder: Path) -> DataFrame:
    pq.write_table(table, folder / "pictures.parquet")
    return session.read.parquet(str(folder / "pictures.parquet")).repartition(4)


def test_rows_are_those_of_one_call(session, tmp_path, gallery):
    table = rows(300)
    hashed = hash_dataframe(frame(session, table, tmp_path), column="bytes", galleries=[gallery])
    assert in_order(hashed.toArrow()) == in_order(records(table, shadegrid.Search([gallery])))


def test_types_are_those_that_spark_has(session, tmp_path):
    hashed = hash_dataframe(frame(session, rows(20), tmp_path), column="bytes")
    types = {field.name: field.dataType for field in hashed.schema.fields}
    assert list(types) == records(rows(1)).column_names
    expected = {
        "status": spark.StringType(),
        "width": spark.LongType(),
        "bytes": spark.LongType(),
        "photodna": spark.BinaryType(),
        "pdq": spark.BinaryType(),
        "quality": spark.ShortType(),
        "strength": spark.DoubleType(),
        "decoded": spark.FloatType(),
        "flags": spark.ArrayType(spark.StringType(), containsNull=False),
    }
    assert {name: types[name] for name in expected} == expected
    hashed.write.parquet(str(tmp_path / "written"))
    assert session.read.parquet(str(tmp_path / "written")).where("status = 'error'").count() == 1


def test_the_lines_of_the_page_hash_a_folder(session, tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    for row in range(3):
        (tmp_path / "pictures" / f"{row}.jpg").write_bytes(picture(row))
    monkeypatch.setenv("ARCHIVE", str(tmp_path))
    run_printed("Spark")
    assert session.read.parquet(str(tmp_path / "hashed")).where("pdq is not null").count() == 3


def test_a_task_that_is_killed_once_costs_no_row(session, tmp_path):
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    table = with_picture(rows(100), 42, picture(42, f"kill {deaths} 1"))
    hashed = hash_dataframe(frame(session, table, tmp_path), column="bytes")
    assert in_order(hashed.toArrow()) == in_order(records(table))
    assert len(os.listdir(deaths)) == 1


def test_a_picture_that_always_kills_is_named(session, tmp_path):
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    table = with_picture(rows(100), 42, picture(42, f"kill {deaths} 100"))
    with pytest.raises(Exception, match=r"ends every process.*signal 9.*path='00042.jpg'"):
        hash_dataframe(frame(session, table, tmp_path), column="bytes").toArrow()
