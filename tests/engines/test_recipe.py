"""The recipe of docs/clusters.md, run as printed on two nodes, one of which is lost in the middle."""

import shutil
import threading
import time

import duckdb
import pyarrow.parquet as pq
import pytest
import ray
from conftest import NODE, picture, rows, run_printed, with_picture
from ray.cluster_utils import Cluster


@pytest.mark.timeout(300)
def test_every_key_is_there_once_though_a_node_is_lost(tmp_path, monkeypatch, gallery, capsys):
    (tmp_path / "pictures").mkdir()
    table = rows(400)
    for row in range(0, 400, 10):
        table = with_picture(table, row, picture(row, "wait 0.3"))
    for part in range(20):
        pq.write_table(table.slice(part * 20, 20), tmp_path / "pictures" / f"{part}.parquet")
    shutil.copyfile(gallery, tmp_path / "known.gallery")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **NODE})
    try:
        lost = cluster.add_node(num_cpus=1, **NODE)
        cluster.wait_for_nodes()
        written = []

        def lose() -> None:
            while not any((tmp_path / "hashed").glob("*.parquet")):
                time.sleep(0.05)
            cluster.remove_node(lost, allow_graceful=False)
            written.extend((tmp_path / "hashed").glob("*.parquet"))

        loser = threading.Thread(target=lose, daemon=True)
        loser.start()
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        monkeypatch.setenv("ARCHIVE", str(tmp_path))
        monkeypatch.setenv("RAY_DATA_PARQUET_BIN_PACKING_BYTES", "1")  # a task for every file, though they are small
        run_printed("From Parquet to a query")
        loser.join()
        total = len(list((tmp_path / "hashed").glob("*.parquet")))
        assert 0 < len(written) < total, "the node was lost in the middle"
    finally:
        ray.shutdown()
        cluster.shutdown()
        ray.data.DataContext.get_current().checkpoint_config = None
    keys = duckdb.sql(f"select path from '{tmp_path}/hashed/*.parquet' order by path").fetchall()
    assert keys == [(path,) for path in table["path"].to_pylist()]
    printed = capsys.readouterr().out
    assert "known-1" in printed and "known-7" in printed and "2 rows" not in printed
