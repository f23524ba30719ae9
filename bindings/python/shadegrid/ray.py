"""Ray Data: hashes the pictures of a dataset on all nodes of a cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import ray.data
from ray._private.worker import global_worker

from ._alone import refuse_fatal
from ._rows import Work, hash_rows, work_of


def hash_dataset(
    ds: ray.data.Dataset,
    *,
    column: str = "bytes",
    keep: Sequence[str] = ("path",),
    galleries: Sequence[str | os.PathLike[str]] = (),
    search: Mapping[str, Any] | None = None,
    batch_size: int = 64,
    threads: int = 1,
    memory: int | None = None,
    num_gpus: float | None = None,
    max_retries: int = 3,
    **options: Any,
) -> ray.data.Dataset:
    """One row for each row of `ds`: the columns `keep`, then the record of the encoded picture in `column`; failures are rows (`status` is `error`).

    galleries: files of galleries, at the same path on every node; `matches` holds what they have. search: thresholds, as `Search` takes them.
    batch_size: rows hashed at once. threads: of a task, which asks Ray for as many CPUs. memory: bytes that decoded pictures of a task may take.
    num_gpus: asked of Ray. max_retries: how often a task is repeated whose process or node died, before its pictures are tried one by one; -1 for
    ever. Other options are those of `Hasher`.

    TypeError and ValueError for choices that there are not. While rows are computed: KeyError for a missing column, IoError for a missing gallery,
    RuntimeError with the kept columns of a picture that ended every process, the last one with nothing else in it.
    """
    work = work_of({**options, "threads": threads, "memory": memory}, column, keep, galleries, search)
    # Tasks, not actors: actors cost as much, and hang where the cluster is small or the run checkpointed. Arrow in and out, or bytes become tensors.
    batches = {"batch_format": "pyarrow", "batch_size": batch_size, "zero_copy_batch": True}
    return ds.map_batches(partial(_hash_batch, work, max_retries), num_cpus=threads, num_gpus=num_gpus, **batches)


def _hash_batch(work: Work, max_retries: int, table: pa.Table) -> pa.Table:
    # Ray repeats a task for ever unless it raises something. Its own limit leaves with Ray 2.64, and says nothing of the picture.
    attempt = getattr(global_worker.core_worker, "get_current_task_attempt_number", int)()
    if 0 <= max_retries < attempt:
        refuse_fatal(work, table)
    if 0 <= max_retries < attempt - 1:
        raise RuntimeError(f"{attempt} processes or nodes died at this task, though each of its pictures can be hashed: is there too little memory?")
    return hash_rows(work, table)
