"""Ray Data: every row once, whatever the bytes are and whichever process or node dies."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from conftest import NODE, in_order, picture, records, rows, run_printed, with_picture
from ray.cluster_utils import Cluster
from ray.data.checkpoint import CheckpointConfig

import shadegrid
from shadegrid.ray import hash_dataset

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def session():
    ray.init("local", num_cpus=2, log_to_driver=False, **NODE)
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield
    ray.shutdown()


def dataset(table: pa.Table, blocks: int = 8) -> ray.data.Dataset:
    """A dataset of so many blocks, and so many tasks."""
    length = -(-table.num_rows // blocks)
    return ray.data.from_arrow([table.slice(start, length) for start in range(0, table.num_rows, length)])


def computed(hashed: ray.data.Dataset) -> pa.Table:
    return pa.concat_tables(ray.get(hashed.to_arrow_refs()))


def read(folder: Path) -> pa.Table:
    return pa.concat_tables(pq.read_table(file) for file in sorted(folder.glob("*.parquet")))


def test_rows_are_those_of_one_call(session, gallery):
    table = rows(1000)
    found = computed(hash_dataset(dataset(table), galleries=[gallery]))
    assert in_order(found) == in_order(records(table, shadegrid.Search([gallery])))
    assert found["status"].to_pylist().count("error") == 75  # of the hundred bad ones, a quarter is cut short and hashed
    assert [row["path"] for row in in_order(found) if row["matches"]] == ["00001.jpg", "00007.jpg"]


def test_parquet_has_the_types_of_a_batch(session, tmp_path):
    hash_dataset(dataset(rows(40), 2)).write_parquet(str(tmp_path))
    written = pq.read_schema(next(tmp_path.glob("*.parquet")))
    assert written.remove_metadata() == records(rows(40)).schema.remove_metadata()


def test_a_block_of_nulls_is_rows(session):
    nothing = pa.table({"path": ["a", "b"], "bytes": pa.nulls(2)})
    assert [row["error_code"] for row in in_order(computed(hash_dataset(dataset(nothing, 1))))] == ["input", "input"]


def test_the_actors_of_the_page_give_the_same_rows(session):
    table = rows(40)
    hashed = run_printed("Ray Data", pictures=dataset(table, 4))["hashed"]
    assert in_order(computed(hashed)) == in_order(records(table))


def test_wrong_choices_are_raised_at_once(session):
    with pytest.raises(ValueError, match="sideways"):
        hash_dataset(dataset(rows(10)), orient="sideways")
    with pytest.raises(TypeError):
        hash_dataset(dataset(rows(10)), depth=3)
    with pytest.raises(TypeError):
        hash_dataset(dataset(rows(10)), search={"distance": 3})


@pytest.mark.parametrize("threads", [1, 2])  # the second is every CPU that there is
def test_a_task_has_the_threads_that_it_was_given(session, tmp_path, threads):
    table = with_picture(rows(40), 0, picture(0, f"tell {tmp_path}"))
    assert computed(hash_dataset(dataset(table, 4), threads=threads)).num_rows == 40
    assert os.listdir(tmp_path) == [f"{threads} threads, {threads} CPUs"]


def test_a_worker_that_is_killed_once_costs_no_row(session, tmp_path):
    table = with_picture(rows(300), 150, picture(150, f"kill {tmp_path} 1"))
    assert in_order(computed(hash_dataset(dataset(table)))) == in_order(records(table))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_picture_that_always_kills_is_named(session, tmp_path):
    table = with_picture(rows(100), 42, picture(42, f"kill {tmp_path} 100"))
    with pytest.raises(Exception, match=r"ends every process.*signal 9.*path='00042.jpg'"):
        computed(hash_dataset(dataset(table), max_retries=1))
    assert len(os.listdir(tmp_path)) == 3  # two workers, and the process in which it was alone


def test_a_run_goes_on_after_a_crash(session, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_DATA_PARQUET_BIN_PACKING_BYTES", "1")  # a task for every file
    source, output, deaths = (tmp_path / name for name in ("source", "output", "deaths"))
    source.mkdir(), deaths.mkdir()
    # The picture ends a worker, and then a process of its own, once another task has written its rows.
    table = with_picture(rows(400), 240, picture(240, f"after {output}\nkill {deaths} 2"))
    for part in range(5):  # each with the rows of a batch at least, or a task takes several
        pq.write_table(table.slice(part * 80, 80), source / f"{part}.parquet")

    def run() -> None:
        pictures = ray.data.read_parquet(str(source))
        hash_dataset(pictures, max_retries=0).write_parquet(str(output))

    context = ray.data.DataContext.get_current()
    context.checkpoint_config = CheckpointConfig(id_column="path", checkpoint_path=str(tmp_path / "checkpoint"), delete_checkpoint_on_success=False)
    try:
        with pytest.raises(Exception, match="path='00240.jpg'"):
            run()
        assert 0 < read(output).num_rows < 400
        run()
        assert in_order(read(output)) == in_order(records(table))
        run()  # nothing is left
        assert in_order(read(output)) == in_order(records(table))
    finally:
        context.checkpoint_config = None


def test_a_node_that_is_lost_costs_no_row():
    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **NODE})
    try:
        lost = cluster.add_node(num_cpus=1, **NODE)
        ray.init(address=cluster.address, log_to_driver=False)
        cluster.wait_for_nodes()
        table = rows(400)
        for row in range(0, 400, 20):
            table = with_picture(table, row, picture(row, "wait 0.3"))
        batches = iter(hash_dataset(dataset(table, 20)).iter_batches(batch_format="pyarrow", batch_size=20, prefetch_batches=0))
        found = [next(batches), next(batches)]
        cluster.remove_node(lost, allow_graceful=False)
        found.extend(batches)
        assert in_order(pa.concat_tables(found)) == in_order(records(table))
    finally:
        ray.shutdown()
        cluster.shutdown()
