#!/usr/bin/env python3
"""Ray Data, Daft and Spark against a plain Rust loop of one `Hasher` over the same bytes, and 15,000 rows through whatever dies.

    cargo build --release --example plain
    maturin build --profile wheel --manifest-path bindings/python/Cargo.toml
    pip install target/wheels/shadegrid-*.whl -r tests/engines/requirements.txt psutil
    benches/engines.py PHOTOS PLAIN WORK [ray|daft|spark|deaths]…

PHOTOS is a folder, PLAIN the example's program, WORK a folder for a gigabyte. Prints Markdown. Figures are CPU time of all processes of an engine while it
runs, not while it starts, relative to the plain loop just before and just after it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

ROWS, FILES = 15_000, 30
HOOKS = Path(__file__).resolve().parents[1] / "tests" / "engines" / "hooks"
NODE = {"include_dashboard": False, "object_store_memory": 400 << 20}
# Files are read by one task and hashed by others, so all pictures pass through the store: where it has no room for them, Ray writes them to disk.
STORE = 2 << 30


def photos(folder: Path, least: int, most: int) -> list[Path]:
    """Photographs of so many bytes."""
    return [path for path in sorted(folder.rglob("*.jpg")) if least <= path.stat().st_size <= most]


def source(of: list[bytes], folder: Path) -> Path:
    """Parquet files of so many rows of `path` and `bytes`."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in range(FILES):
        rows = range(part * ROWS // FILES, (part + 1) * ROWS // FILES)
        table = pa.table({"path": [f"{row:05}" for row in rows], "bytes": [of[row % len(of)] for row in rows]})
        pq.write_table(table, folder / f"{part:02}.parquet", compression="none")
    return folder


class Spent:
    """CPU seconds of this process and all that descend from it, those that end meanwhile too, as last seen a tenth of a second before."""

    def __enter__(self) -> Spent:
        self.seen: dict[tuple[int, float], float] = {}
        self._look()
        self.before = dict(self.seen)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        self.wall = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self.wall
        self.ended.set()
        self.thread.join()
        self._look()
        self.cpu = sum(seconds - self.before.get(process, 0) for process, seconds in self.seen.items())

    def _look(self) -> None:
        own = psutil.Process()
        for process in [own, *own.children(recursive=True)]:
            try:
                times = process.cpu_times()
                self.seen[process.pid, process.create_time()] = times.user + times.system
            except psutil.NoSuchProcess:
                pass

    def _watch(self) -> None:
        while not self.ended.wait(0.1):
            self._look()


def plain(program: str, paths: list[Path]) -> float:
    """CPU seconds of the Rust loop for one picture."""
    pictures, seconds = subprocess.run([program, "20", *paths], capture_output=True, text=True, check=True).stdout.split()
    return float(seconds) / int(pictures)


def measured(what: str, goal: str, program: str, paths: list[Path], work: Callable[[], object]) -> None:
    before = plain(program, paths)
    with Spent() as spent:
        work()
    one = (before + plain(program, paths)) / 2
    print(f"| {what} | {goal} | {spent.cpu / ROWS / one:.2f} | {spent.cpu / ROWS * 1e3:.3f} ms, of {one * 1e3:.3f}; {ROWS / spent.wall:.0f} rows/s |", flush=True)


def on_ray(program: str, paths: list[Path], table: Path) -> None:
    import ray

    from shadegrid.ray import hash_dataset

    os.environ["RAY_DATA_PARQUET_FOOTER_NUM_ACTORS"] = "1"  # processes that read footers, 32 otherwise
    ray.init("local", num_cpus=2, log_to_driver=False, **{**NODE, "object_store_memory": STORE})
    ray.data.DataContext.get_current().enable_progress_bars = False
    hash_dataset(ray.data.read_parquet(str(table / "00.parquet"))).materialize()  # workers are there
    done = []
    measured("Ray Data, all processes", "≤ 2", program, paths, lambda: done.append(hash_dataset(ray.data.read_parquet(str(table))).materialize()))
    assert done[0].count() == ROWS
    print(done[0].stats())
    ray.shutdown()


def on_daft(program: str, paths: list[Path], table: Path) -> None:
    import daft

    from shadegrid.daft import hash_column

    def run() -> None:
        hashed = daft.read_parquet(str(table)).select("path", hash_column(daft.col("bytes")).unnest())
        assert hashed.to_arrow().num_rows == ROWS

    measured("Daft, reading included", "≤ 1.25", program, paths, run)


def on_spark(program: str, paths: list[Path], table: Path) -> None:
    from pyspark.sql import SparkSession

    from shadegrid.spark import hash_dataframe

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").config("spark.driver.memory", "4g").config("spark.log.level", "ERROR")
    spark = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", 64).getOrCreate()

    def run() -> None:
        hash_dataframe(spark.read.parquet(str(table)), column="bytes").write.format("noop").mode("overwrite").save()

    for name, goal in ("Spark, first run", "–"), ("Spark, second run", "≤ 2.5"):
        measured(name, goal, program, paths, run)
    spark.stop()


def with_comment(jpeg: bytes, comment: str) -> bytes:
    said = f"{comment}\n".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(said) + 2).to_bytes(2, "big") + said + jpeg[2:]


def deaths(of: list[bytes], work: Path) -> None:
    """A worker is killed, a node is lost, the driver is killed; then it runs again, and once more."""
    bad = [b"", b"no picture", of[0][:2000], None]
    rows = [bad[row // 100 % 4] if row % 100 == 50 else of[row % len(of)] for row in range(ROWS)]
    killed = work / "killed"
    killed.mkdir()
    rows[1234] = with_comment(of[0], f"kill {killed} 1")
    source_of = work / "with-bad-ones"
    source(rows, source_of)
    command = [sys.executable, __file__, "--run", str(source_of), str(work / "hashed"), str(work / "checkpoint")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(HOOKS), os.environ.get("PYTHONPATH")]))}

    def files() -> int:
        return len(list((work / "hashed").glob("*.parquet")))

    first = subprocess.Popen([*command, "lose"], env=environment)
    while first.poll() is None and files() < FILES * 2 // 3:
        time.sleep(0.2)
    assert first.poll() is None, "the driver was to be killed in the middle"
    cluster = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.wait()
    for process in cluster:  # it cannot shut its nodes down any more
        if process.is_running():
            process.kill()
    report("driver killed", work)
    for name in ("second run", "third run"):
        subprocess.run(command, env=environment, check=True)
        report(name, work)
    print(f"workers killed by the picture: {len(os.listdir(killed))}")


def report(name: str, work: Path) -> None:
    import duckdb

    counted = "select count(*), count(distinct path), count(*) filter (status = 'error') from read_parquet(getvariable('files'))"
    duckdb.sql(f"set variable files = '{work}/hashed/*.parquet'")
    print(f"{name}: %d rows, %d keys, %d errors" % duckdb.sql(counted).fetchall()[0], flush=True)


def run(table: str, output: str, checkpoint: str, lose: bool) -> None:
    """A run on two nodes, the second of which is lost once there is output."""
    import ray
    from ray.cluster_utils import Cluster
    from ray.data.checkpoint import CheckpointConfig

    from shadegrid.ray import hash_dataset

    os.environ["RAY_DATA_PARQUET_BIN_PACKING_BYTES"] = "1"  # a task for every file
    os.environ["RAY_DATA_PARQUET_FOOTER_NUM_ACTORS"] = "1"  # processes that read footers, 32 otherwise
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **NODE})
    second = cluster.add_node(num_cpus=1, **NODE)
    ray.init(address=cluster.address, log_to_driver=False)
    cluster.wait_for_nodes()

    def losing() -> None:
        while not any(Path(output).glob("*.parquet")):
            time.sleep(0.1)
        cluster.remove_node(second, allow_graceful=False)
        print("a node was removed", flush=True)

    if lose:
        threading.Thread(target=losing, daemon=True).start()
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.checkpoint_config = CheckpointConfig(id_column="path", checkpoint_path=checkpoint, delete_checkpoint_on_success=False)
    hash_dataset(ray.data.read_parquet(table)).write_parquet(output)
    ray.shutdown()
    cluster.shutdown()


def main() -> None:
    if sys.argv[1] == "--run":
        run(*sys.argv[2:5], lose=len(sys.argv) > 5)
        return
    folder, program, work, *asked = sys.argv[1:]
    paths = photos(Path(folder), 40_000, 85_000)
    of = [path.read_bytes() for path in paths]
    print(f"{len(of)} photographs of {sum(map(len, of)) / len(of) / 1000:.1f} kB on average, {ROWS} rows\n")
    measures = {"ray": on_ray, "daft": on_daft, "spark": on_spark}
    asked = asked or [*measures, "deaths"]
    if asked != ["deaths"]:
        table = source(of, Path(work) / "pictures")
        print("| | goal | ratio | CPU for one |\n| --- | --- | --- | --- |")
    for name, measure in measures.items():
        if name in asked:
            measure(program, paths, table)
    if "deaths" in asked:
        deaths([path.read_bytes() for path in photos(Path(folder), 1, 20_000)], Path(work))


if __name__ == "__main__":
    main()
