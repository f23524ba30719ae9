"""Spark: hashes the pictures of a data frame on all executors."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyspark import TaskContext
from pyspark.sql import DataFrame
from pyspark.sql import types as spark

from ._alone import refuse_fatal
from ._rows import hash_rows, hasher_of, work_of

# Spark has neither unsigned integers nor bytes of a fixed length.
_WIDER = {pa.uint8(): pa.int16(), pa.uint32(): pa.int64(), pa.uint64(): pa.int64(), pa.binary(32): pa.binary(), pa.binary(144): pa.binary()}
_NAMES = {pa.string(): spark.StringType(), pa.binary(): spark.BinaryType(), pa.int16(): spark.ShortType(), pa.int64(): spark.LongType()}
_NAMES |= {pa.float32(): spark.FloatType(), pa.float64(): spark.DoubleType()}


def hash_dataframe(
    df: DataFrame,
    *,
    column: str = "content",
    keep: Sequence[str] = ("path",),
    galleries: Sequence[str | os.PathLike[str]] = (),
    search: Mapping[str, Any] | None = None,
    threads: int = 1,
    **options: Any,
) -> DataFrame:
    """One row for each row of `df`: the columns `keep`, then the record of the encoded picture in `column`; failures are rows (`status` is `error`).

    Signatures are `binary`, `quality` is a `smallint`, other unsigned numbers are a `bigint`. galleries: files of galleries, at the same path on every
    executor; `matches` holds what they have. search: thresholds, as `Search` takes them. threads: of a task (`spark.task.cpus` is what Spark counts for
    it). Other options are those of `Hasher`.

    TypeError and ValueError for choices that there are not. While rows are computed: IoError for a missing gallery, and RuntimeError with the kept columns
    of a picture that ended three processes, two of Spark's and one of its own.
    """
    work = work_of({**options, "threads": threads}, column, keep, galleries, search)
    records = pa.schema(hasher_of(work[0]).schema(matches=work[3] is not None))
    plain = [(field, *_plain(field.type)) for field in records]
    arrow = [field.with_type(of) for field, of, _ in plain]
    schema = spark.StructType(df.select(*keep).schema.fields + [spark.StructField(field.name, name, field.nullable) for field, _, name in plain])

    def hash_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for table in map(pa.table, batches):
            if TaskContext.get().attemptNumber() >= 2:
                refuse_fatal(work, table)
            yield from hash_rows(work, table).cast(pa.schema([*map(table.schema.field, keep), *arrow])).to_batches()

    return df.select(column, *keep).mapInArrow(hash_batches, schema)


def _plain(of: pa.DataType) -> tuple[pa.DataType, spark.DataType]:
    """The type that Spark has for a type of records, in Arrow and in Spark."""
    if pa.types.is_list(of):
        arrow, name = _plain(of.value_type)
        return pa.list_(of.value_field.with_type(arrow)), spark.ArrayType(name, of.value_field.nullable)
    if pa.types.is_struct(of):
        members = [(member, *_plain(member.type)) for member in of]
        names = [spark.StructField(member.name, name, member.nullable) for member, _, name in members]
        return pa.struct([member.with_type(arrow) for member, arrow, _ in members]), spark.StructType(names)
    return (wider := _WIDER.get(of, of)), _NAMES[wider]
