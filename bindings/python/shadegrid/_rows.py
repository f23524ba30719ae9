"""Rows in, as many rows out: what the adapter of every engine calls, in whichever process the engine runs it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa

from ._native import Hasher, Search

# Options of the hasher, column, columns to keep, paths and thresholds: all that is pickled.
Work = tuple[tuple[Any, ...], str, tuple[str, ...], tuple[Any, ...] | None]

# Once a process, so that a gallery is not opened for every batch.
hasher_of = lru_cache(maxsize=8)(lambda options: Hasher(**dict(options)))
search_of = lru_cache(maxsize=8)(lambda lookup: lookup and Search(lookup[0], **dict(lookup[1])))


def work_of(options: Mapping[str, Any], column: str, keep: Sequence[str], galleries: Sequence[Any], search: Mapping[str, Any] | None) -> Work:
    """What is to be done. TypeError and ValueError for choices that there are not; galleries are opened where rows are hashed."""
    if isinstance(keep, str) or isinstance(galleries, str | os.PathLike):
        raise TypeError("expected sequences of columns and galleries, not one")
    hasher = tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in options.items())
    thresholds = tuple((search or {}).items())
    hasher_of(hasher), search_of(((), thresholds))
    return hasher, column, tuple(keep), (tuple(map(os.path.abspath, galleries)), thresholds) if galleries else None


def hash_rows(work: Work, table: pa.Table) -> pa.Table:
    """One row for each row of `table`, in its order: the kept columns, then the record of the picture in its column. Failures are rows."""
    options, column, keep, lookup = work
    if column in table.column_names and pa.types.is_null(table.schema.field(column).type):  # a block of nulls
        table = table.set_column(table.column_names.index(column), column, table[column].cast(pa.binary()))
    batches = hasher_of(options).hash_table(table, column=column, keep=keep, search=search_of(lookup))
    return pa.Table.from_batches(map(pa.record_batch, batches), schema=pa.schema(batches.schema))
