"""Daft: hashes a column of pictures."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import daft
import pyarrow as pa

from ._rows import hash_rows, hasher_of, work_of


def hash_column(
    column: daft.Expression,
    *,
    galleries: Sequence[str | os.PathLike[str]] = (),
    search: Mapping[str, Any] | None = None,
    batch_size: int = 128,
    threads: int = 1,
    **options: Any,
) -> daft.Expression:
    """The records of encoded pictures as a struct, one for each row; failures are rows (`status` is `error`). `.unnest()` makes columns of it.

    galleries: files of galleries, at the same path on every node; `matches` holds what they have. search: thresholds, as `Search` takes them.
    batch_size: rows hashed at once. threads: of a call; Daft itself makes as many calls at once as there are CPUs. Other options are those of `Hasher`.

    TypeError and ValueError for choices that there are not, for a missing gallery IoError while the query runs.
    """
    work = work_of({**options, "threads": threads}, "picture", (), galleries, search)

    records = pa.struct(pa.schema(hasher_of(work[0]).schema(matches=work[3] is not None)))

    def shadegrid_hash(pictures: daft.Series) -> daft.Series:
        rows = hash_rows(work, pa.table({"picture": pictures.to_arrow()}))
        # One chunk: Daft goes through the type of an array of chunks twice, and the type of records is a long one.
        return daft.Series.from_arrow(rows.to_struct_array().combine_chunks())

    # In this process: the GIL is released, and a process that died would not be started again.
    batches = daft.func.batch(return_dtype=daft.DataType.from_arrow_type(records), batch_size=batch_size, use_process=False)
    hashed: daft.Expression = batches(shadegrid_hash)(column)
    return hashed
